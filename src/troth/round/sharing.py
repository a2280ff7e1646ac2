"""A report before it is sealed: shares with their masks, and the commitments to both.

A pure function of a vector and of randomness, so that whoever knows both can make it again: a
member's noise is opened by its seed (`candidate.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import DecodeError, ShareAgain
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.messages import InputShare, PublicShare
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.tags import MASK_SEED_SIZE, masks
from troth.round.study import Study
from troth.round.transcript import RoundId, report_nonce, share_commitment

RandomBytes = Callable[[int], bytes]
Sharer = Callable[[Pine, NDArray[np.int64], bytes, bytes], tuple[PublicShare, list[InputShare]]]
_TRIES = 16


@dataclass(frozen=True)
class Sharing:
    """One vector, shared among the committee."""

    public_share: bytes
    extended: tuple[bytes, ...]
    """E_j: each input share and its mask (mode A only), encoded, by share number."""
    commitments: tuple[bytes, ...]
    """C_j, by share number."""


def share_honestly(
    pine: Pine, vector: NDArray[np.int64], nonce: bytes, rand: bytes
) -> tuple[PublicShare, list[InputShare]]:
    """The sharing of an honest reporter."""
    return pine.shard_integers(vector, nonce, rand)


def share_report(
    study: Study,
    where: RoundId,
    place: int,
    vector: NDArray[np.int64],
    *,
    heads: bytes,
    rand: RandomBytes,
    mask_seed: bytes,
    sharer: Sharer = share_honestly,
) -> Sharing:
    """Share a vector, mask each share, and commit to what each holder will get.

    Args:
        study: the study.
        where: the round.
        place: the reporter's place in the transcript.
        vector: int64 of the model's dimension, within the norm bound of the place.
        heads: digest of the round's key heads; the nonce derives from it.
        rand: randomness of the sharing.
        mask_seed: 32 bytes that nobody else knows; never used twice. Without use where shares are
            replicated: nothing is tagged there.
        sharer: how the vector is shared; a dishonest reporter of a test brings another one.

    Raises:
        ShareAgain: sixteen sharings in a row left the range of the wraparound checks.
        EncodingError: the vector is above the norm bound.
    """
    reporter, pine = study.reporters[place], study.pine(place)
    nonce = report_nonce(where, reporter, heads)
    public_share, shares = _share(pine, vector, nonce, rand, sharer)
    encoded = [share.encode() for share in shares]
    if not study.replicated:
        every = masks(study.field, mask_seed, len(shares))
        beside = [study.field.encode_vec(mask) for mask in every]
        encoded = [body + mask for body, mask in zip(encoded, beside, strict=True)]
    extended = tuple(encoded)
    commitments = tuple(
        share_commitment(where, reporter, number, body) for number, body in enumerate(extended)
    )
    return Sharing(public_share.encode(), extended, commitments)


def _share(
    pine: Pine, vector: NDArray[np.int64], nonce: bytes, rand: RandomBytes, sharer: Sharer
) -> tuple[PublicShare, list[InputShare]]:
    for _ in range(_TRIES - 1):
        try:
            return sharer(pine, vector, nonce, rand(pine.RAND_SIZE))
        except ShareAgain:
            continue
    return sharer(pine, vector, nonce, rand(pine.RAND_SIZE))


def draw_mask_seed(rand: RandomBytes) -> bytes:
    """The seed of one report's masks."""
    return rand(MASK_SEED_SIZE)


def split_extended(
    study: Study, place: int, share: int, body: bytes
) -> tuple[InputShare, Elements]:
    """An extended share as the input share and its mask, which is empty where there is none.

    Raises:
        DecodeError: another length, or an element that is not below the modulus.
    """
    if len(body) != study.extended_size(place, share):
        raise DecodeError(
            f"extended share: {len(body)} bytes, not {study.extended_size(place, share)}"
        )
    end = len(body) - study.mask_size
    mask = study.field.decode_vec(body[end:])
    return study.pine(place).decode_input_share(share, body[:end]), mask
