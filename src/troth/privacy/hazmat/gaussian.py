"""The discrete Gaussian sampler, compiled: what `privacy.dp.discrete_gaussian` defines, faster.

The same bytes give the same samples. Integers only: those that an int64 cannot hold are two
*limbs* of 56 bits, so that carries have room, and each is a whole number of the stream's bytes.
A sample that needs a larger integer, by whatever stream, is left to the clear sampler: `fill`
stops in front of it.

Names ending in ``_hi`` and ``_lo`` are the limbs of one integer. ``at`` is a place in the stream's
bytes, ``end`` the place behind the last of them. A verdict is 1 for true, 0 for false, or STOP.

Running time depends on the values drawn, as it does in the clear sampler.
"""

import math
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from troth.privacy.hazmat.compile import compiled

LARGEST_VARIANCE: Final = 1 << 46
"""Up to here two limbs hold all integers of a sample, except with probability below 2^-1000."""

STOP: Final = -1
_LIMB_BITS: Final = 56
_LIMB_BYTES: Final = 7
_LIMB: Final = (1 << 56) - 1
_HALF_BITS: Final = 28
_HALF: Final = (1 << 28) - 1
_ZERO, _ONE, _TWO = (cast("int", np.int64(value)) for value in range(3))
"""Typed, because numba compiles a function once more for every literal that it is called with."""

_UNITY: Final = (_ZERO, _ONE, _ZERO, _ONE, _ZERO)
"""The fraction 1/1 as `_unit` takes it."""

_SLACK: Final = 16
"""Bytes behind the end that may be loaded, and are then masked away or refused."""


@compiled
def _word(data: NDArray[np.uint8], at: int) -> int:
    """Eight bytes, little-endian, as int64: spelt out, because this becomes a single load."""
    place = np.uint64(at)  # an unsigned index spares the test for negative ones
    word = np.int64(data[place])
    word |= np.int64(data[place + np.uint64(1)]) << 8
    word |= np.int64(data[place + np.uint64(2)]) << 16
    word |= np.int64(data[place + np.uint64(3)]) << 24
    word |= np.int64(data[place + np.uint64(4)]) << 32
    word |= np.int64(data[place + np.uint64(5)]) << 40
    word |= np.int64(data[place + np.uint64(6)]) << 48
    word |= np.int64(data[place + np.uint64(7)]) << 56
    return int(word)


@compiled
def _below(
    bound_hi: int, bound_lo: int, bits: int, data: NDArray[np.uint8], at: int
) -> tuple[int, int, int]:
    """Uniform integer below a bound, of which ``bits`` is the bit length of bound - 1.

    Returns:
        The integer's limbs, the first one STOP if there are too few bytes; place of the next byte.
    """
    end = len(data) - _SLACK
    size = (bits + 7) >> 3
    mask_hi = (1 << max(bits - _LIMB_BITS, 0)) - 1
    mask_lo = (1 << min(bits, _LIMB_BITS)) - 1
    while at + size <= end:
        hi = _word(data, at + _LIMB_BYTES) & mask_hi
        lo = _word(data, at) & mask_lo
        at += size
        if hi < bound_hi or (hi == bound_hi and lo < bound_lo):
            return hi, lo, at
    return STOP, 0, at


@compiled
def _unit(
    numerator_hi: int,
    numerator_lo: int,
    denominator_hi: int,
    denominator_lo: int,
    bits: int,
    data: NDArray[np.uint8],
    at: int,
) -> tuple[int, int]:
    """Bernoulli(exp(-numerator/denominator)) for a fraction in [0, 1].

    Args:
        numerator_hi: The numerator, at most the denominator.
        numerator_lo: Its low limb.
        denominator_hi: The denominator, at least 1.
        denominator_lo: Its low limb.
        bits: Bit length of denominator - 1.
        data: The stream's bytes.
        at: Place of the first byte to read.

    Returns:
        Verdict, place of the next byte.
    """
    odd, bound_hi, bound_lo = 1, denominator_hi, denominator_lo
    while True:
        hi, lo, at = _below(bound_hi, bound_lo, bits, data, at)
        if hi == STOP:
            return STOP, at
        if hi > numerator_hi or (hi == numerator_hi and lo >= numerator_lo):
            return odd, at
        odd = 1 - odd
        bound_lo += denominator_lo
        bound_hi += denominator_hi + (bound_lo >> _LIMB_BITS)
        bound_lo &= _LIMB
        if bound_hi > _LIMB:
            return STOP, at
        # at most twice the bound before: one bit more, or none
        if bits < _LIMB_BITS:
            bits += bound_hi > 0 or bound_lo > 1 << bits
        else:
            power = 1 << (bits - _LIMB_BITS)
            bits += bound_hi > power or (bound_hi == power and bound_lo > 0)


@compiled
def _laplace(
    scale: int, bits: int, most: int, data: NDArray[np.uint8], at: int
) -> tuple[int, int, int]:
    """Discrete Laplace, for a scale of one limb; ``bits`` is the bit length of scale - 1.

    Returns:
        Magnitude, at most ``most``, or STOP; 1 if it is negative; place of the next byte.
    """
    while True:
        hi, low, at = _below(_ZERO, scale, bits, data, at)
        if hi == STOP:
            return STOP, 0, at
        verdict, at = _unit(_ZERO, low, _ZERO, scale, bits, data, at)
        if verdict == STOP:
            return STOP, 0, at
        if verdict == 0:
            continue
        magnitude = low
        verdict, at = _unit(*_UNITY, data, at)
        while verdict == 1:
            magnitude += scale
            if magnitude > most:
                return STOP, 0, at
            verdict, at = _unit(*_UNITY, data, at)
        if verdict == STOP:
            return STOP, 0, at
        hi, negative, at = _below(_ZERO, _TWO, _ONE, data, at)
        if hi == STOP:
            return STOP, 0, at
        if negative == 0 or magnitude > 0:
            return magnitude, negative, at


@compiled
def _accept(
    distance: int,
    denominator_hi: int,
    denominator_lo: int,
    bits: int,
    data: NDArray[np.uint8],
    at: int,
) -> tuple[int, int]:
    """Bernoulli(exp(-distance²/denominator)), for a distance of one limb.

    Returns:
        Verdict, place of the next byte.
    """
    high, low = distance >> _HALF_BITS, distance & _HALF
    middle = 2 * high * low
    lo = ((middle & _HALF) << _HALF_BITS) + low * low
    hi = high * high + (middle >> _HALF_BITS) + (lo >> _LIMB_BITS)
    lo &= _LIMB
    if hi > denominator_hi or (hi == denominator_hi and lo > denominator_lo):
        # the first failure decides, so the quotient need not be known, only its next unit
        while hi > denominator_hi or (hi == denominator_hi and lo >= denominator_lo):
            verdict, at = _unit(*_UNITY, data, at)
            if verdict != 1:
                return verdict, at
            borrow = int(lo < denominator_lo)
            lo += (borrow << _LIMB_BITS) - denominator_lo
            hi -= denominator_hi + borrow
    return _unit(hi, lo, denominator_hi, denominator_lo, bits, data, at)


@compiled
def _fill(
    variance: int,
    scale: int,
    scale_bits: int,
    denominator_hi: int,
    denominator_lo: int,
    bits: int,
    data: NDArray[np.uint8],
    samples: NDArray[np.int64],
) -> tuple[int, int]:
    """The loop of `fill`, given what depends on the variance alone."""
    at, most = _ZERO, _LIMB // scale
    for index in range(len(samples)):
        start, verdict = at, 0
        while verdict == 0:
            magnitude, negative, at = _laplace(scale, scale_bits, most, data, at)
            if magnitude == STOP:
                return index, start
            distance = abs(magnitude * scale - variance)
            verdict, at = _accept(distance, denominator_hi, denominator_lo, bits, data, at)
            if verdict == STOP:
                return index, start
            samples[index] = -magnitude if negative else magnitude
    return len(samples), at


def fill(variance: int, content: bytes, samples: NDArray[np.int64]) -> tuple[int, int]:
    """Write discrete Gaussian samples for as long as ``content`` lasts.

    Stops in front of the first sample that would read past the end, or that needs an integer of
    more than two limbs. The entries from there on are not samples.

    Args:
        variance: Between 1 and LARGEST_VARIANCE.
        content: The next bytes of the stream.
        samples: int64 array to write to, as long as samples are wanted.

    Returns:
        Number of samples written, number of bytes that they took.
    """
    scale = math.isqrt(variance) + 1
    denominator = 2 * variance * scale**2
    return _fill(
        variance,
        scale,
        (scale - 1).bit_length(),
        denominator >> _LIMB_BITS,
        denominator & _LIMB,
        (denominator - 1).bit_length(),
        np.frombuffer(content + bytes(_SLACK), dtype=np.uint8),
        samples,
    )
