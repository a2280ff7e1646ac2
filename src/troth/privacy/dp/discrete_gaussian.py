"""Exact samples of the discrete Gaussian, as a pure function of a byte stream.

Algorithms 1 to 3 of Canonne, Kamath & Steinke, arXiv 2004.00010 v4, in integers only: no float
ever touches a sample, so the distribution is the one that `price` charges for. The bytes that a
sample takes from the stream are part of the definition: two implementations on the same stream
agree on every sample, and on where the stream stands afterwards. There are two: the functions
below are the definition, and a compiled kernel gives large vectors the same entries, sooner.

Running time depends on the values drawn. Whoever can time a member's sampler to the microsecond
learns something about its noise.
"""

import math
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError
from troth.privacy.dp.validate import require_integer
from troth.privacy.hazmat.choice import Choice, takes_fast
from troth.privacy.secagg.encoding import squared_norm

TAIL_BITS = 64
"""`noise_bound` holds except with probability 2^-64."""

AUTO_FAST_FROM = 1 << 14
"""Dimension where "auto" turns to the kernel: loading it takes as long as 2^14 clear samples."""

READ_AHEAD = 1 << 20
"""Most bytes of the stream that are held for the kernel at a time: what a core's cache holds."""


class ByteStream(Protocol):
    """A stream of uniform bytes: the XOF expansion of a seed that came from the OS.

    Precondition: the bytes do not depend on the portions in which they are asked for.
    """

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
    variance: int,
    dimension: int,
    l2_bound: int,
    stream: ByteStream,
    *,
    kernels: Choice = "auto",
) -> NDArray[np.int64]:
    """A noise vector of independent discrete Gaussians whose L2 norm is at most ``l2_bound``.

    Run by an aggregator for each of its noise candidates, and again by everyone who checks an
    opened one. A vector above the bound is dropped whole, and sampling goes on along the same
    stream. With a bound of at least `noise_bound` that happens with probability below 2^-64.

    Args:
        variance: σ_h² per coordinate.
        dimension: d, number of coordinates.
        l2_bound: B_noise, in integer units; at most 2^62.
        stream: Where the randomness comes from. Not a byte more is taken than samples use.
        kernels: "clear" or "fast"; "auto" takes the fast one from `AUTO_FAST_FROM` coordinates on
            where it can. Samples and bytes taken are the same. The fast one runs on one thread
            without the GIL, and is compiled on its first use on a machine, which takes seconds.

    Returns:
        int64 array of shape (dimension,).

    Raises:
        ParameterError: An argument out of range, a variance above 2^46 with "fast", or a bound
            below the norm √(d·σ_h²) that such vectors typically have: then most vectors would be
            dropped, or all.
    """
    require_integer("variance", variance, least=1)
    require_integer("dimension", dimension, least=1)
    require_integer("l2_bound", l2_bound, least=1, most=2**62)
    if l2_bound**2 < variance * dimension:
        raise ParameterError(
            f"l2_bound {l2_bound} is below the typical norm of {dimension} samples of variance "
            f"{variance}; noise_bound() gives {noise_bound(variance, dimension)}"
        )
    draw = _sample_fast if _takes_kernel(kernels, variance, dimension) else _sample_clear
    while True:
        vector = draw(variance, dimension, stream)
        if squared_norm(vector) <= l2_bound**2:
            return vector.astype(np.int64, copy=False)


def _takes_kernel(kernels: Choice, variance: int, dimension: int) -> bool:
    """Whether the kernel draws; refuses a word that is no choice, and what the kernel cannot."""
    if not takes_fast(kernels, dimension, AUTO_FAST_FROM):
        return False
    from troth.privacy.hazmat.gaussian import LARGEST_VARIANCE  # noqa: PLC0415 - loads numba

    if kernels == "fast" and variance > LARGEST_VARIANCE:
        raise ParameterError(
            f"the fast kernel takes variances up to {LARGEST_VARIANCE}, not {variance}"
        )
    return variance <= LARGEST_VARIANCE


class _ReadAhead:
    """A stream of which the next bytes are at hand."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.ready = b""

    def fetch(self, length: int) -> None:
        """Have at least the next ``length`` bytes ready."""
        if length > len(self.ready):
            self.ready += self._stream.next(length - len(self.ready))

    def next(self, length: int, /) -> bytes:
        """The next ``length`` bytes."""
        self.fetch(length)
        head, self.ready = self.ready[:length], self.ready[length:]
        return head


def _least_bytes(variance: int) -> int:
    """A number of bytes that every sample takes: those of an attempt that every test accepts."""
    scale = math.isqrt(variance) + 1
    denominator = 2 * variance * scale**2
    low, decision = (((bound - 1).bit_length() + 7) // 8 for bound in (scale, denominator))
    # `low` and its test, the test that ends `high`, the sign, the last test
    return low + low + 1 + 1 + decision


def _sample_clear(variance: int, dimension: int, stream: ByteStream) -> NDArray[Any]:
    """Python integers: a vector that is about to be dropped may hold larger ones than int64."""
    return np.array([sample(variance, stream) for _ in range(dimension)], dtype=object)


def _sample_fast(variance: int, dimension: int, stream: ByteStream) -> NDArray[np.int64]:
    """What `_sample_clear` gives, by the kernel.

    The kernel is only handed bytes that the samples still missing are certain to take, so none
    is ever left over. The sample at which it stops, for want of bytes or of room for an integer,
    is drawn in the clear: one per `READ_AHEAD` bytes, and some dozens towards the end.
    """
    from troth.privacy.hazmat.gaussian import fill  # noqa: PLC0415 - see above

    least = _least_bytes(variance)
    vector = np.empty(dimension, dtype=np.int64)
    ahead = _ReadAhead(stream)
    done = 0
    while done < dimension:
        ahead.fetch(min((dimension - done) * least, READ_AHEAD))
        written, taken = fill(variance, ahead.ready, vector[done:])
        ahead.ready = ahead.ready[taken:]
        done += written
        if done < dimension:
            vector[done] = sample(variance, ahead)
            done += 1
    return vector


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
