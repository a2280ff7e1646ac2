"""The exact sampler: its distribution, its bound, and every byte that it reads."""

import hashlib
import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from troth.errors import ParameterError
from troth.privacy.dp.discrete_gaussian import (
    bernoulli_exp,
    noise_bound,
    sample,
    sample_bounded,
    sample_laplace,
    uniform_below,
)


class Stream:
    """A seeded byte stream that counts what is read."""

    def __init__(self, seed: int) -> None:
        self.generator = random.Random(seed)
        self.read = 0

    def next(self, length: int, /) -> bytes:
        self.read += length
        return self.generator.randbytes(length)


class Counter:
    """A pinned byte stream: SHA-256 of 0, 1, 2, … as 8 bytes, big-endian."""

    def __init__(self) -> None:
        self.blocks = 0
        self.ready = b""
        self.read = 0

    def next(self, length: int, /) -> bytes:
        while len(self.ready) < length:
            self.ready += hashlib.sha256(self.blocks.to_bytes(8, "big")).digest()
            self.blocks += 1
        head, self.ready = self.ready[:length], self.ready[length:]
        self.read += length
        return head


class Fixed:
    """A stream of given bytes; running out is an error."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def next(self, length: int, /) -> bytes:
        assert length <= len(self.content), "read too far"
        head, self.content = self.content[:length], self.content[length:]
        return head


def p_value(values: list[int], mass: Callable[[int], float], support: range) -> float:
    """χ² of integer samples against an exact mass function; the tails share two outer cells."""
    counts = dict.fromkeys(support, 0)
    low = high = 0
    for value in values:
        if value in counts:
            counts[value] += 1
        elif value < min(support):
            low += 1
        else:
            high += 1
    inside = np.array([mass(x) for x in support])
    tail = (1 - inside.sum()) / 2
    expected = len(values) * np.array([tail, *inside, tail])
    cells = [low, *counts.values(), high]
    return float(stats.chisquare(cells, expected, sum_check=False).pvalue)


def gaussian_mass(variance: int) -> Callable[[int], float]:
    reach = math.ceil(20 * math.sqrt(variance)) + 5
    total = sum(math.exp(-x * x / (2 * variance)) for x in range(-reach, reach + 1))
    return lambda x: math.exp(-x * x / (2 * variance)) / total


@pytest.mark.parametrize("variance", [1, 2, 4, 10, 100])
def test_samples_follow_the_exact_mass_function(variance):
    stream = Stream(variance)
    values = [sample(variance, stream) for _ in range(8000)]
    edge = math.ceil(2.5 * math.sqrt(variance))
    assert p_value(values, gaussian_mass(variance), range(-edge, edge + 1)) > 1e-4


def test_the_chi_square_test_can_fail():
    stream = Stream(0)
    values = [sample(10, stream) for _ in range(8000)]
    assert p_value(values, gaussian_mass(12), range(-8, 9)) < 1e-4


def test_moments_at_the_hospitals_variance():
    stream = Stream(1)
    variance = 1232**2
    values = np.array([sample(variance, stream) for _ in range(8000)], dtype=float)
    scaled = values / 1232
    assert abs(scaled.mean()) < 5 / math.sqrt(8000)
    assert scaled.var() == pytest.approx(1, abs=5 * math.sqrt(2 / 8000))
    assert (scaled**4).mean() == pytest.approx(3, abs=5 * math.sqrt(96 / 8000))
    assert stats.kstest(scaled, "norm").pvalue > 1e-4


@pytest.mark.parametrize("scale", [1, 3, 20])
def test_laplace(scale):
    stream = Stream(scale)
    values = [sample_laplace(scale, stream) for _ in range(8000)]
    ratio = math.exp(-1 / scale)
    edge = 2 * scale + 2

    def mass(x):
        return (1 - ratio) / (1 + ratio) * ratio ** abs(x)

    assert p_value(values, mass, range(-edge, edge + 1)) > 1e-4


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 7), (1, 3), (5, 5), (7, 3), (20, 4)])
def test_bernoulli_exp(numerator, denominator):
    stream = Stream(numerator)
    hits = sum(bernoulli_exp(numerator, denominator, stream) for _ in range(8000))
    assert stats.binomtest(hits, 8000, math.exp(-numerator / denominator)).pvalue > 1e-4


def test_uniform_below_reads_exactly_what_it_says():
    assert uniform_below(1, Fixed(b"")) == 0
    assert uniform_below(256, Fixed(b"\xfe")) == 254
    assert uniform_below(257, Fixed(b"\x00\x01")) == 256  # little-endian, nine bits kept
    assert uniform_below(257, Fixed(b"\xff\xff\x05\xfe")) == 5  # 511 is refused; high bits dropped
    stream = Fixed(b"\x07\x05\x09")
    assert uniform_below(5, stream) == 1  # 7 and 5 are refused, 9 keeps its low bits 001
    assert stream.content == b""


@pytest.mark.parametrize("kernels", ["clear", "fast"])
def test_samples_and_consumption_are_pinned(kernels):
    """Any other implementation must take the same bytes and give the same samples."""
    stream = Counter()
    vectors = [
        sample_bounded(variance, 100, 2**40, stream, kernels=kernels)
        for variance in (4, 100, 1232**2)
    ]
    values = np.concatenate(vectors).tolist()
    assert values[:8] == [1, -2, -2, 2, 0, 0, -1, 3]
    assert values[-4:] == [-1074, 76, -2634, 410]
    assert stream.read == 7901
    text = ",".join(map(str, values))
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "fdde93ab3203e66f9b19e65a58ababf56687037b135579aa67868a67d216957b"
    )


def test_bounded_vector_is_reproducible_and_goes_on_along_the_stream():
    first, again = Stream(5), Stream(5)
    bound = noise_bound(1232**2, 31)
    vectors = [sample_bounded(1232**2, 31, bound, first) for _ in range(3)]
    for vector in vectors:
        assert vector.dtype == np.int64
        assert (sample_bounded(1232**2, 31, bound, again) == vector).all()
    assert first.read == again.read
    assert not (vectors[0] == vectors[1]).all()


def test_a_vector_above_the_bound_is_dropped_whole():
    variance, dimension, bound = 100, 4, 21
    plain, bounded = Stream(0), Stream(0)
    vectors = [[sample(variance, plain) for _ in range(dimension)] for _ in range(40)]
    fitting = [v for v in vectors if sum(x * x for x in v) <= bound**2]
    assert 5 < len(fitting) < 35
    for expected in fitting:
        assert sample_bounded(variance, dimension, bound, bounded).tolist() == expected


def test_noise_bound_by_hand_and_its_tail():
    # 1232·(√31 + √(128·ln 2)) = 1232·(5.567764… + 9.419280…) = 18464.03…
    assert noise_bound(1232**2, 31) == 18_465
    assert noise_bound(4, 1) == math.ceil(2 * (1 + math.sqrt(128 * math.log(2))))
    for dimension in (1, 31, 1000):  # χ² of the continuous Gaussian
        squared = (noise_bound(10**12, dimension) / 10**6) ** 2
        assert stats.chi2.logsf(squared, dimension) <= -64 * math.log(2)


@pytest.mark.parametrize(
    ("variance", "dimension", "bound"), [(0, 3, 9), (4, 0, 9), (4, 3, 0), (4, 3, 2**63)]
)
def test_bad_arguments_are_refused(variance, dimension, bound):
    with pytest.raises(ParameterError):
        sample_bounded(variance, dimension, bound, Fixed(b""))


def test_a_bound_that_would_never_fit_is_refused():
    with pytest.raises(ParameterError, match="noise_bound"):
        sample_bounded(100, 31, 55, Fixed(b""))
