"""A member's noise: exact samples from a seed, reported to the whole committee like any update.

Nothing is ever added to a sum afterwards, so a member cannot hide a shift of the sum as noise.
Source: round protocol, section 2 rule 1 and section 3 (seeds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.domain.hashing import labelled
from troth.privacy.dp.discrete_gaussian import sample_bounded
from troth.privacy.secagg.xof import XofHmacSha256Aes128
from troth.roles.reporting import RandomBytes, Report, make_report
from troth.round.study import Study
from troth.round.transcript import RoundId
from troth.storage.keys import HpkePublicKey

SEED_SIZE = XofHmacSha256Aes128.SEED_SIZE
_DST = b"troth/noise/v1"


@dataclass(frozen=True)
class NoiseStreams:
    """The two streams that one candidate's seed expands to; the whole core is a function of it."""

    noise: XofHmacSha256Aes128
    sharing: XofHmacSha256Aes128


def expand(study: Study, where: RoundId, place: int, seed: bytes) -> NoiseStreams:
    """The streams of a 32-byte seed, bound to the round, the member and the candidate."""
    fixed = (*where.parts(), *study.reporters[place].parts())

    def stream(purpose: str) -> XofHmacSha256Aes128:
        return XofHmacSha256Aes128(seed, _DST, labelled("noise", (*fixed, purpose.encode())))

    return NoiseStreams(stream("noise"), stream("shard"))


def noise_reports(
    study: Study,
    where: RoundId,
    member: int,
    *,
    heads: bytes,
    hpke_keys: Sequence[HpkePublicKey],
    random_bytes: RandomBytes,
) -> tuple[Report, ...]:
    """All noise candidates of one member in one round, each from an OS seed of its own.

    Args:
        study: the study.
        where: the round.
        member: index on the committee.
        heads: digest of the round's key heads.
        hpke_keys: every member's key of this round, in committee order.
        random_bytes: the operating system's randomness.
    """
    privacy, secagg = study.terms.privacy, study.terms.secagg
    reports = []
    for candidate in range(privacy.noise_candidates):
        place = study.noise_place(member, candidate)
        streams = expand(study, where, place, random_bytes(SEED_SIZE))
        vector = sample_bounded(
            privacy.noise_variance,
            study.terms.model.dimension,
            secagg.noise_norm_bound,
            streams.noise,
        )
        reports.append(
            make_report(
                study,
                where,
                place,
                vector,
                heads=heads,
                hpke_keys=hpke_keys,
                share_rand=streams.sharing.next,
                seal_random=random_bytes,
            )
        )
    return tuple(reports)
