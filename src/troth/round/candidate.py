"""A member's noise candidate: exact samples from a seed, shared like any update.

The whole report but its sealing is a function of the seed, so that a candidate is opened by
revealing 32 bytes, and everybody makes it again: vector, shares, masks, commitments. Source: round
protocol, section 2 rule 3 and section 3 (seeds).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.domain.hashing import labelled
from troth.privacy.dp.discrete_gaussian import sample_bounded
from troth.privacy.secagg.xof import XofHmacSha256Aes128
from troth.round.sharing import Sharing, draw_mask_seed, share_report
from troth.round.study import Study
from troth.round.transcript import RoundId

SEED_SIZE = XofHmacSha256Aes128.SEED_SIZE
_DST = b"troth/noise/v1"


@dataclass(frozen=True)
class Candidate:
    """One noise vector and its sharing."""

    vector: NDArray[np.int64]
    sharing: Sharing


def candidate(study: Study, where: RoundId, place: int, seed: bytes, heads: bytes) -> Candidate:
    """Everything that follows from the seed of the candidate at a place.

    Args:
        study: the study.
        where: the round.
        place: the candidate's place.
        seed: 32 bytes; the member's from the operating system, anybody's once it is opened.
        heads: digest of the round's key heads.
    """
    privacy, secagg = study.terms.privacy, study.terms.secagg
    fixed = (*where.parts(), *study.reporters[place].parts())

    def stream(purpose: bytes) -> XofHmacSha256Aes128:
        return XofHmacSha256Aes128(seed, _DST, labelled("noise", (*fixed, purpose)))

    vector = sample_bounded(
        privacy.noise_variance,
        study.terms.model.dimension,
        secagg.noise_norm_bound,
        stream(b"noise"),
    )
    sharing = share_report(
        study,
        where,
        place,
        vector,
        heads=heads,
        rand=stream(b"shard").next,
        mask_seed=draw_mask_seed(stream(b"mask").next),
    )
    return Candidate(vector, sharing)
