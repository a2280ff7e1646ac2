"""Masked tags: a random linear check of each aggregate share that shows nothing of what was added.

Beside every input share travels a uniform mask r in F_q^κ. When all sums are fixed, a challenge ρ
in F_q^(κ×d) is drawn, and an aggregator publishes τ = <ρ, out> + r for each accepted report. The
tags of its reports, weighted, must add up to <ρ, A> + R, where A is its aggregate share and R the
sum of its masks. A share that was altered before ρ was known fits with probability q^-κ; a tag
under its mask is uniform. One mask must never be used under two challenges: the difference of two
tags is a linear value of the update. Our own; argued in ``docs/security.md``, masks and tags.
"""

from collections.abc import Mapping

from troth.errors import ParameterError
from troth.privacy.secagg.field import Elements, Field, pieces, read_only
from troth.privacy.secagg.xof import XofHmacSha256Aes128

SOUNDNESS_BITS = 96
MASK_SEED_SIZE = XofHmacSha256Aes128.SEED_SIZE
_RHO_DST, _MASK_DST = b"troth/rho/v1", b"troth/mask/v1"


def coordinates(field: Field) -> int:
    """κ: the least number of elements with q^κ ≥ 2^96; 4, 3, 2, 1 for the fields of PINE."""
    count = 1
    while field.modulus**count < 1 << SOUNDNESS_BITS:
        count += 1
    return count


def masks(field: Field, seed: bytes, shares: int) -> list[Elements]:
    """A uniform mask of κ elements for each share, from a 32-byte seed; run by the reporter."""
    stream = XofHmacSha256Aes128(seed, _MASK_DST, b"")
    return [read_only(stream.next_vec(field, coordinates(field))) for _ in range(shares)]


def challenge(field: Field, dimension: int, seed: bytes) -> Elements:
    """ρ, shape (κ, dimension), row by row from the stream of a 32-byte seed."""
    rows = coordinates(field)
    stream = XofHmacSha256Aes128(seed, _RHO_DST, b"")
    return read_only(stream.next_vec(field, rows * dimension).reshape(rows, dimension))


def tag(field: Field, rho: Elements, output: Elements, mask: Elements) -> Elements:
    """τ = <ρ, output> + mask.

    Args:
        field: the field.
        rho: shape (κ, d).
        output: a share of a vector or of a sum, shape (d,).
        mask: shape (κ,).

    Raises:
        ParameterError: shapes that do not fit.
    """
    if rho.shape != (len(mask), len(output)):
        raise ParameterError(f"tag: ρ of {rho.shape} for {len(mask)} masks, {len(output)} entries")
    total = mask
    for piece in pieces(len(output)):
        total = field.add(total, field.inner(rho[:, piece], output[None, piece]))
    return read_only(total)


def weighted(field: Field, values: Mapping[int, Elements], weights: Mapping[int, int]) -> Elements:
    """Sum of vectors of κ elements, each times its public weight, by any key.

    Raises:
        ParameterError: no values.
    """
    if not values:
        raise ParameterError("a sum of no tags or masks")
    total = field.zeros(coordinates(field))
    for key, value in values.items():
        total = field.add(total, field.mul(value, weights[key]))
    return read_only(total)
