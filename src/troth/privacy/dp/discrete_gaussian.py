"""Exact samples of the discrete Gaussian, as a pure function of a byte stream.

Algorithms 1 to 3 of Canonne, Kamath & Steinke, arXiv 2004.00010 v4, in integers only: no float
ever touches a sample, so the distribution is the one that `price` charges for. The bytes that a
sample takes from the stream are part of the definition: two implementations on the same stream
agree on every sample, and on where the stream stands afterwards.

Running time depends on the values drawn. Whoever can time a member's sampler to the microsecond
learns something about its noise.
"""

import math
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError
from troth.privacy.dp.validate import require_integer

TAIL_BITS = 64
"""`noise_bound` holds except with probability 2^-64."""


class ByteStream(Protocol):
    """A stream of uniform bytes: the XOF expansion of a seed that came from the OS."""

    def next(self, length: int, /) -> bytes:
        """The next ``length`` bytes of the stream."""
        ...


def uniform_below(bound: int, stream: ByteStream) -> int:
    """Uniform integer in [0, bound).

    Reads the least number of bytes that hold bound - 1, little-endian, keeps as many low bits as
    bound - 1 has, and starts over if the result is not below the bound. A bound of 1 reads none.
    """
    bits = (bound - 1).bit_length()
    size, mask = (bits + 7) // 8, (1 << bits) - 1
    if size == 0:
        return 0
    while True:
        candidate = int.from_bytes(stream.next(size), "little") & mask
        if candidate < bound:
            return candidate


def bernoulli_exp(numerator: int, denominator: int, stream: ByteStream) -> bool:
    """True with probability exp(-numerator/denominator) (Algorithm 1).

    Preconditions: numerator ≥ 0, denominator ≥ 1. The fraction need not be in lowest terms, and
    is not reduced: the bytes read depend on the denominator as given.
    """
    if numerator <= denominator:
        return _bernoulli_exp_unit(numerator, denominator, stream)
    whole, rest = divmod(numerator, denominator)
    if all(_bernoulli_exp_unit(1, 1, stream) for _ in range(whole)):
        return _bernoulli_exp_unit(rest, denominator, stream)
    return False


def _bernoulli_exp_unit(numerator: int, denominator: int, stream: ByteStream) -> bool:
    """Algorithm 1 for γ = numerator/denominator in [0, 1]: is the first failure at an odd k?"""
    k = 1
    while uniform_below(denominator * k, stream) < numerator:
        k += 1
    return k % 2 == 1


def sample_laplace(scale: int, stream: ByteStream) -> int:
    """Discrete Laplace: P(x) proportional to exp(-|x|/scale) (Algorithm 2 with s = 1).

    Precondition: scale ≥ 1.
    """
    while True:
        low = uniform_below(scale, stream)
        if not bernoulli_exp(low, scale, stream):
            continue
        high = 0
        while bernoulli_exp(1, 1, stream):
            high += 1
        magnitude = low + scale * high
        negative = uniform_below(2, stream) == 1
        if negative and magnitude == 0:  # zero would otherwise come up twice as often
            continue
        return -magnitude if negative else magnitude


def sample(variance: int, stream: ByteStream) -> int:
    """Discrete Gaussian: P(x) proportional to exp(-x²/(2·variance)) (Algorithm 3).

    The variance of the samples is a little below the parameter. Precondition: variance ≥ 1.
    """
    scale = math.isqrt(variance) + 1
    denominator = 2 * variance * scale**2
    while True:
        candidate = sample_laplace(scale, stream)
        # (|y| - σ²/t)² / (2σ²), written over 2σ²t²
        if bernoulli_exp((abs(candidate) * scale - variance) ** 2, denominator, stream):
            return candidate


def sample_bounded(
    variance: int, dimension: int, l2_bound: int, stream: ByteStream
) -> NDArray[np.int64]:
    """A noise vector of independent discrete Gaussians whose L2 norm is at most ``l2_bound``.

    Run by an aggregator for each of its noise candidates, and again by everyone who checks an
    opened one. A vector above the bound is dropped whole, and sampling goes on along the same
    stream. With a bound of at least `noise_bound` that happens with probability below 2^-64.

    Args:
        variance: σ_h² per coordinate.
        dimension: d, number of coordinates.
        l2_bound: B_noise, in integer units; at most 2^62.
        stream: Where the randomness comes from.

    Returns:
        int64 array of shape (dimension,).

    Raises:
        ParameterError: An argument out of range, or a bound below the norm √(d·σ_h²) that such
            vectors typically have: then most vectors would be dropped, or all.
    """
    require_integer("variance", variance, least=1)
    require_integer("dimension", dimension, least=1)
    require_integer("l2_bound", l2_bound, least=1, most=2**62)
    if l2_bound**2 < variance * dimension:
        raise ParameterError(
            f"l2_bound {l2_bound} is below the typical norm of {dimension} samples of variance "
            f"{variance}; noise_bound() gives {noise_bound(variance, dimension)}"
        )
    while True:
        vector = [sample(variance, stream) for _ in range(dimension)]
        if sum(value * value for value in vector) <= l2_bound**2:
            return np.array(vector, dtype=np.int64)


def noise_bound(variance: int, dimension: int) -> int:
    """Least integer at or above σ(√d + √(128·ln 2)): B_noise with a tail of 2^-64.

    A discrete Gaussian is subgaussian with its σ: completing the square in E exp(λx) leaves a sum
    over shifted integers, which is largest unshifted. Hence E exp(λx²) ≤ (1-2λσ²)^(-1/2), and
    Chernoff's bound gives for the squared norm what it gives for a Gaussian (Laurent & Massart,
    Annals of Statistics 28(5), 2000, Lemma 1): it exceeds σ²(d + 2√(dt) + 2t), which is at most
    this bound's square, with probability at most e^-t. Here t = 64·ln 2.

    Raises:
        ParameterError: An argument below 1.
    """
    require_integer("variance", variance, least=1)
    require_integer("dimension", dimension, least=1)
    with localcontext(Context(prec=60)):
        tail = (2 * TAIL_BITS * Decimal(2).ln()).sqrt()  # √(2t)
        bound = Decimal(variance).sqrt() * (Decimal(dimension).sqrt() + tail)
        return int(bound.to_integral_value(ROUND_CEILING))
