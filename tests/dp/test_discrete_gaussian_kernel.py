"""The compiled sampler gives the clear one's samples, and takes the clear one's bytes."""

import math
import random
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.privacy.dp import discrete_gaussian
from troth.privacy.dp.discrete_gaussian import (
    AUTO_FAST_FROM,
    bernoulli_exp,
    noise_bound,
    sample,
    sample_bounded,
)
from troth.privacy.hazmat import gaussian
from troth.privacy.hazmat.choice import Choice
from troth.privacy.hazmat.compile import compiled
from troth.privacy.hazmat.gaussian import LARGEST_VARIANCE, STOP, fill
from troth.privacy.secagg.xof import XofHmacSha256Aes128, XofTurboShake128

HOSPITALS = 1232**2
SLACK = bytes(16)

variances = st.one_of(
    st.sampled_from([1, 2, 3, 4, 8, 9, HOSPITALS, LARGEST_VARIANCE - 1, LARGEST_VARIANCE]),
    st.integers(0, 46).flatmap(lambda bits: st.integers(1, 2**bits)),
    st.integers(2**27, 2**28),  # the denominator, 2·variance²·(1 + …), passes from one limb to two
)
likely = st.builds(lambda seed: random.Random(seed).randbytes(1500), st.integers(0, 2**32))
unlikely = st.builds(
    lambda seed, letters: bytes(random.Random(seed).choices(letters, k=1500)),
    st.integers(0, 2**32),
    st.sampled_from([b"\x00\x01", b"\x00\x02\x01", b"\x00\x00\x00\x00\x01\xff", bytes(range(8))]),
)
"""Bytes that make low candidates, many refusals and long runs common."""


class Exhausted(Exception):  # noqa: N818 - named for the fact
    """A stream of given bytes has no more."""


class Given:
    """A stream of given bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def next(self, length: int, /) -> bytes:
        if self.at + length > len(self.content):
            raise Exhausted
        self.at += length
        return self.content[self.at - length : self.at]


def seeded(seed: int, length: int = 200_000) -> Given:
    return Given(random.Random(seed).randbytes(length))


def clear_samples(variance: int, content: bytes) -> list[tuple[int, int]]:
    """Every sample that the bytes hold, with the place behind it."""
    stream = Given(content)
    samples: list[tuple[int, int]] = []
    try:
        while len(samples) < 400:
            samples.append((sample(variance, stream), stream.at))
    except Exhausted:
        pass
    return samples


def limbs(value: int) -> tuple[int, int]:
    return value >> 56, value % 2**56


def filled(variance: int, content: bytes, wanted: int) -> tuple[list[int], int]:
    samples = np.empty(wanted, dtype=np.int64)
    written, taken = fill(variance, content, samples)
    return samples[:written].tolist(), taken


@settings(deadline=None, max_examples=200)
@given(variances, st.one_of(likely, unlikely))
def test_kernel_equals_the_definition_on_any_bytes(variance, content):
    expected = clear_samples(variance, content)
    values, taken = filled(variance, content, 400)
    assert values == [value for value, _ in expected]
    assert taken == (expected[-1][1] if expected else 0)


@settings(deadline=None, max_examples=60)
@given(variances, st.integers(1, 300), st.integers(0, 2**32))
def test_vectors_and_bytes_taken_are_the_same(variance, dimension, seed):
    bound = noise_bound(variance, dimension)
    clear, fast = seeded(seed), seeded(seed)
    for _ in range(2):
        expected = sample_bounded(variance, dimension, bound, clear, kernels="clear")
        vector = sample_bounded(variance, dimension, bound, fast, kernels="fast")
        assert vector.dtype == expected.dtype
        assert vector.tolist() == expected.tolist()
        assert fast.at == clear.at


@pytest.mark.parametrize("variance", [1, 4, HOSPITALS, LARGEST_VARIANCE])
def test_not_a_byte_more_is_taken_than_samples_use(variance, monkeypatch):
    """The stream ends with the last sample's last byte; small portions change nothing."""
    bound = noise_bound(variance, 500)
    clear = seeded(variance)
    expected = sample_bounded(variance, 500, bound, clear, kernels="clear")
    for most in (1, 7, 100, discrete_gaussian.READ_AHEAD):
        monkeypatch.setattr(discrete_gaussian, "READ_AHEAD", most)
        exact = Given(clear.content[: clear.at])
        assert (sample_bounded(variance, 500, bound, exact, kernels="fast") == expected).all()
        assert exact.at == len(exact.content)


@pytest.mark.parametrize("variance", [1, HOSPITALS, LARGEST_VARIANCE])
def test_the_shortest_sample_takes_the_least_that_is_fetched(variance):
    """Zero, whose every test is passed at once: were it longer, the kernel would read too far."""
    scale = math.isqrt(variance) + 1
    size = ((scale - 1).bit_length() + 7) // 8
    last = 2 * variance * scale**2 - 1
    test = last.to_bytes((last.bit_length() + 7) // 8, "little")
    content = bytes(2 * size) + b"\x01" + b"\x00" + test  # low, its test, high's end, sign, test
    both: tuple[Choice, ...] = ("clear", "fast")
    for kernels in both:
        stream = Given(content)
        bound = noise_bound(variance, 1)
        assert sample_bounded(variance, 1, bound, stream, kernels=kernels).tolist() == [0]
        assert stream.at == len(content)


@pytest.mark.parametrize("xof", [XofHmacSha256Aes128, XofTurboShake128])
def test_streams_in_use_stand_at_the_same_place(xof):
    clear, fast = (xof(bytes(xof.SEED_SIZE), b"test", b"") for _ in range(2))
    bound = noise_bound(HOSPITALS, 3000)
    expected = sample_bounded(HOSPITALS, 3000, bound, clear, kernels="clear")
    assert (sample_bounded(HOSPITALS, 3000, bound, fast, kernels="fast") == expected).all()
    assert fast.next(64) == clear.next(64)


def test_a_vector_above_the_bound_is_dropped_whole_here_too():
    clear, fast = seeded(0), seeded(0)
    for _ in range(15):  # about half of the vectors are dropped
        expected = sample_bounded(100, 4, 21, clear, kernels="clear")
        assert (sample_bounded(100, 4, 21, fast, kernels="fast") == expected).all()
        assert fast.at == clear.at
    assert clear.at > 15 * 4 * 25


def up_to_the_last_test(variance: int, high: int) -> bytes:
    """Bytes that lead to the last test with the magnitude scale·(high + 1) - 1, positive."""
    scale = math.isqrt(variance) + 1
    size = ((scale - 1).bit_length() + 7) // 8
    low = (scale - 1).to_bytes(size, "little")
    return low + low + b"\x00\x02" * high + b"\x01" + b"\x00"


@pytest.mark.parametrize(
    "variance", [1, HOSPITALS, 2**20, 2**27, 3 * 2**26, 2**35, LARGEST_VARIANCE]
)
def test_a_long_run_of_one_test_grows_the_bound_exactly(variance):
    """Zeros pass the last test until k is in the thousands and its bound has many bits more."""
    content = up_to_the_last_test(variance, 2) + bytes(40_000) + random.Random(1).randbytes(2000)
    expected = clear_samples(variance, content)
    values, taken = filled(variance, content, 400)
    assert len(expected) > 10
    assert (values, taken) == ([value for value, _ in expected], expected[-1][1])


def test_a_magnitude_beyond_the_limbs_is_left_to_the_clear_sampler():
    """No stream of a real XOF does this; the samples would be right all the same."""
    refused = up_to_the_last_test(LARGEST_VARIANCE, 1100) + b"\x01"
    content = refused + random.Random(2).randbytes(60_000)
    assert filled(LARGEST_VARIANCE, content, 500) == ([], 0)
    clear, fast = Given(content), Given(content)
    expected = sample_bounded(LARGEST_VARIANCE, 500, 2**40, clear, kernels="clear")
    vector = sample_bounded(LARGEST_VARIANCE, 500, 2**40, fast, kernels="fast")
    assert (vector == expected).all()
    assert fast.at == clear.at > len(refused)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.integers(0, 111), st.one_of(likely, unlikely))
def test_one_test_of_two_limbs(data, bits, content):
    """exp(-γ) for γ in [0, 1], at every size of the denominator, ends of the range included."""
    denominator = data.draw(st.one_of(st.just(2**bits), st.integers(1, 2**bits)))
    numerator = data.draw(st.one_of(st.just(denominator), st.integers(0, denominator)))
    verdict, at = gaussian._unit(
        *limbs(numerator),
        *limbs(denominator),
        (denominator - 1).bit_length(),
        np.frombuffer(content + SLACK, dtype=np.uint8),
        0,
    )
    stream = Given(content)
    try:
        expected = bernoulli_exp(numerator, denominator, stream)
    except Exhausted:
        assert verdict == STOP
        return
    if verdict == STOP:  # only if the bound, which grows by the denominator, has outgrown the limbs
        assert denominator * at > 2**112
    else:
        assert (bool(verdict), at) == (expected, stream.at)


def test_a_bound_beyond_the_limbs_stops_one_test():
    data = np.frombuffer(bytes(1000), dtype=np.uint8)  # zeros pass, until the bound is 2^112
    assert gaussian._unit(*limbs(2**111), *limbs(2**111), 111, data, 0) == (STOP, 14)
    assert gaussian._unit(*limbs(2**110), *limbs(2**110), 110, data, 0) == (STOP, 3 * 14)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.integers(0, 56), st.integers(0, 105), st.one_of(likely, unlikely))
def test_the_last_test_with_any_square(data, distance_bits, bits, content):
    distance = data.draw(st.integers(0, 2**distance_bits - 1))
    multiples = [distance**2 // k for k in (1, 2, 3) if distance**2 >= k]
    denominator = data.draw(st.one_of(st.integers(1, 2**bits), st.sampled_from([*multiples, 7])))
    denominator = min(denominator, 2**105)
    verdict, at = gaussian._accept(
        distance,
        *limbs(denominator),
        (denominator - 1).bit_length(),
        np.frombuffer(content + SLACK, dtype=np.uint8),
        0,
    )
    stream = Given(content)
    try:
        expected = bernoulli_exp(distance**2, denominator, stream)
    except Exhausted:
        assert verdict == STOP
        return
    if verdict == STOP:
        assert denominator * at > 2**112
    else:
        assert (bool(verdict), at) == (expected, stream.at)


def test_the_choice_of_kernels(monkeypatch):
    calls = []

    def recorded(variance, content, samples):
        calls.append(len(samples))
        return fill(variance, content, samples)

    monkeypatch.setattr(gaussian, "fill", recorded)
    choices: list[tuple[Choice, int, bool]] = [
        ("clear", AUTO_FAST_FROM, False),
        ("auto", AUTO_FAST_FROM - 1, False),
        ("auto", AUTO_FAST_FROM, True),
        ("fast", 1, True),
    ]
    for kernels, dimension, kernel_draws in choices:
        calls.clear()
        stream = seeded(3, 500_000)
        sample_bounded(1, dimension, noise_bound(1, dimension), stream, kernels=kernels)
        assert bool(calls) == kernel_draws


def test_a_variance_beyond_the_kernel(monkeypatch):
    """Asked for, it is refused; "auto" takes the clear sampler."""
    monkeypatch.setattr(discrete_gaussian, "AUTO_FAST_FROM", 2)
    for variance in (LARGEST_VARIANCE + 1, 2**70):
        bound = noise_bound(variance, 5)
        clear, auto = seeded(4), seeded(4)
        expected = sample_bounded(variance, 5, bound, clear, kernels="clear")
        assert (sample_bounded(variance, 5, bound, auto) == expected).all()
        assert auto.at == clear.at
        with pytest.raises(ParameterError, match="variances up to"):
            sample_bounded(variance, 5, bound, auto, kernels="fast")


def test_an_unknown_word_is_refused():
    word: Any = "quick"
    with pytest.raises(ParameterError, match="kernels"):
        sample_bounded(4, 3, 100, seeded(5), kernels=word)


def test_small_vectors_do_not_load_the_compiler():
    program = (
        "import random, sys\n"
        "from troth.privacy.dp.discrete_gaussian import sample_bounded\n"
        "class Stream:\n"
        "    next = random.Random(1).randbytes\n"
        "sample_bounded(100, 31, 1000, Stream())\n"
        "sys.exit('numba' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def ticked_meanwhile(content: bytes) -> bool:
    """Whether this thread did anything in the middle half of a kernel's time in another one."""
    began, ended, ticks = [], [], []

    def work():
        began.append(time.perf_counter())
        filled(4, content, 1 << 20)
        ended.append(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    while not ended:
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    thread.join()
    quarter = (ended[0] - began[0]) / 4
    return any(began[0] + quarter < tick < ended[0] - quarter for tick in ticks)


def test_other_threads_run_while_the_kernel_does():
    filled(4, b"", 1)  # compiled before the clock runs
    content = random.Random(6).randbytes(1 << 24)
    assert any(ticked_meanwhile(content) for _ in range(5))  # a busy machine may starve one


def test_where_nothing_can_be_kept_a_kernel_is_compiled_all_the_same():
    """A function without a file has no place for its machine code, like a read-only system."""
    names: dict[str, object] = {}
    exec("def twice(value):\n    return 2 * value\n", names)
    twice = names["twice"]
    assert callable(twice)
    assert compiled(twice)(21) == 42
