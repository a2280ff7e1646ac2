"""The sensitivity of a site's sum, exactly, for records as bad as they come."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from troth.errors import ParameterError
from troth.privacy.dp.clipping import (
    Coins,
    clip_for,
    clip_records,
    integer_sum,
    round_records,
)

any_float = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True, width=64)
small_float = st.floats(-5, 5)
matrices = st.tuples(st.integers(1, 6), st.integers(1, 9)).flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.one_of(small_float, any_float))
)


def exact_norm_squared(vector: np.ndarray) -> int:
    return sum(int(value) ** 2 for value in vector)


@given(matrices, st.integers(4, 2**30), st.integers(0, 20), st.integers(0, 2**32), st.data())
@settings(deadline=None)
def test_one_record_moves_the_sum_by_at_most_delta(gradients, clip, scale_bits, seed, data):
    numbers = np.arange(len(gradients))
    without = data.draw(st.integers(0, len(gradients) - 1))
    keep = numbers != without
    options: dict[str, Any] = {
        "clip": clip,
        "record_clip": clip_for(clip, scale_bits, gradients.shape[1]),
        "scale_bits": scale_bits,
        "coins": Coins((seed,)),
    }
    all_of_them = integer_sum(gradients, numbers, **options)
    one_less = integer_sum(gradients[keep], numbers[keep], **options)
    assert exact_norm_squared(all_of_them - one_less) <= clip**2


@given(matrices, st.integers(1, 2**30), st.integers(0, 2**32))
@settings(deadline=None)
def test_rounding_trusts_nothing(garbage, clip, seed):
    """A broken clip, NaN, infinity: the rows that come out fit all the same."""
    rounded = round_records(garbage, range(len(garbage)), clip=clip, coins=Coins((seed,)))
    for before, after in zip(garbage, rounded, strict=True):
        assert exact_norm_squared(after) <= clip**2
        assert not after.any() or np.abs(after - before).max() <= 1


@given(matrices, st.data())
@settings(deadline=None)
def test_leaving_a_record_out_changes_no_other_row(gradients, data):
    scaled = np.ldexp(clip_records(gradients, 1.0), 7)
    numbers = np.arange(len(gradients))
    keep = numbers != data.draw(st.integers(0, len(gradients) - 1))
    coins = Coins((1, 2))
    # Δ just below the clip: nearly every row needs several attempts.
    rows = round_records(scaled, numbers, clip=127, coins=coins)
    assert (round_records(scaled[keep], numbers[keep], clip=127, coins=coins) == rows[keep]).all()


def test_order_of_records_does_not_matter():
    gradients = np.random.default_rng(0).normal(size=(40, 31))
    order = np.random.default_rng(1).permutation(40)
    options: dict[str, Any] = {
        "clip": 128,
        "record_clip": 0.99,
        "scale_bits": 7,
        "coins": Coins((5,)),
    }
    straight = integer_sum(gradients, np.arange(40), **options)
    assert (integer_sum(gradients[order], np.arange(40)[order], **options) == straight).all()


def test_rounding_is_unbiased_where_nothing_is_redrawn():
    scaled = np.tile([0.25, -0.75, 3.5], (20_000, 1))
    rounded = round_records(scaled, range(20_000), clip=100, coins=Coins((3,)))
    assert rounded.mean(axis=0) == pytest.approx([0.25, -0.75, 3.5], abs=0.02)
    assert set(np.unique(rounded[:, 2])) == {3, 4}


def test_rounds_differ():
    scaled = np.full((50, 31), 0.5)
    first = round_records(scaled, range(50), clip=100, coins=Coins((7, 0)))
    second = round_records(scaled, range(50), clip=100, coins=Coins((7, 1)))
    assert (first != second).mean() == pytest.approx(0.5, abs=0.1)


def test_toward_zero_when_no_rounding_fits():
    # Any rounding up of 1.999… to 2 exceeds Δ = 1 in one coordinate; so does (1, 1) in two.
    scaled = np.array([[0.999999999, 0.999999999], [1.0, 0.999999999], [1.0, 1.0]])
    rounded = round_records(scaled, [0, 1, 2], clip=1, coins=Coins((0,)))
    assert rounded.tolist() == [[0, 0], [1, 0], [0, 0]]


def test_records_that_are_not_finite_contribute_nothing():
    good = np.array([0.1, 0.2])
    bad = [[math.nan, 0.0], [math.inf, 1.0], [0.0, -math.inf]]
    gradients = np.array([*bad, good])
    options: dict[str, Any] = {
        "clip": 128,
        "record_clip": 1.0,
        "scale_bits": 7,
        "coins": Coins((0,)),
    }
    alone = integer_sum(gradients[3:], [3], **options)
    assert alone.any()
    assert (integer_sum(gradients, [0, 1, 2, 3], **options) == alone).all()


def test_clip_shortens_huge_rows_and_leaves_short_ones():
    rows = np.array([[3e300, 4e300], [0.3, 0.4], [5e-324, 0.0], [1.7e308, 1.7e308]])
    clipped = clip_records(rows, 1.0)
    assert clipped[0] == pytest.approx([0.6, 0.8])
    assert clipped[1] == pytest.approx([0.3, 0.4])
    assert clipped[2].tolist() == [5e-324, 0.0]
    assert clipped[3] == pytest.approx([0.5**0.5, 0.5**0.5])


@given(st.integers(1, 2**30), st.integers(0, 60), st.integers(1, 10**7))
def test_clip_for_is_the_largest_that_leaves_room(clip, scale_bits, dimension):
    if dimension >= 4 * clip**2:
        with pytest.raises(ParameterError, match="dimension must be below"):
            clip_for(clip, scale_bits, dimension)
        return

    def needed(scaled: float) -> float:
        return float(scaled**2 + dimension / 4 + scaled * math.sqrt(2))

    scaled = math.ldexp(clip_for(clip, scale_bits, dimension), scale_bits)
    assert 0 < scaled < clip
    assert needed(scaled) <= clip**2 * (1 + 1e-12)
    assert needed(scaled * (1 + 1e-6) + 1e-6) > clip**2


def test_clip_for_in_the_notes_cases():
    assert clip_for(128, 7, 31) == pytest.approx(0.99425, abs=1e-5)
    assert clip_for(128, 0, 60_000) / 128 == pytest.approx(0.285, abs=5e-4)


def test_most_records_fit_at_once():
    gradients = np.random.default_rng(0).normal(size=(2000, 31))
    scaled = np.ldexp(clip_records(gradients, clip_for(128, 7, 31)), 7)
    draws = Coins((0,)).draw(0, np.arange(2000), 31)
    low = np.floor(scaled)
    rounded = low + (draws < scaled - low)
    assert ((rounded**2).sum(axis=1) <= 128**2).mean() > 0.9


def test_no_records():
    options: dict[str, Any] = {
        "clip": 128,
        "record_clip": 1.0,
        "scale_bits": 7,
        "coins": Coins((0,)),
    }
    assert integer_sum(np.zeros((0, 31)), [], **options).tolist() == [0] * 31


@pytest.mark.parametrize(
    ("records", "problem"),
    [([0], "do not fit"), ([0, 0], "different"), ([0, -1], "from 0"), ([0.0, 1.0], "integers")],
)
def test_bad_record_numbers_are_refused(records, problem):
    with pytest.raises(ParameterError, match=problem):
        round_records(np.zeros((2, 3)), records, clip=1, coins=Coins((0,)))


@pytest.mark.parametrize(
    "change",
    [
        {"clip": 0},
        {"clip": 2**30 + 1},
        {"record_clip": 0.0},
        {"record_clip": math.inf},
        {"record_clip": math.nan},
        {"scale_bits": -1},
        {"scale_bits": 128},
    ],
)
def test_bad_parameters_are_refused(change):
    options: dict[str, Any] = {
        "clip": 128,
        "record_clip": 1.0,
        "scale_bits": 7,
        "coins": Coins((0,)),
    } | change
    with pytest.raises(ParameterError):
        integer_sum(np.zeros((2, 3)), [0, 1], **options)


def test_bad_shapes_and_coins_are_refused():
    options: dict[str, Any] = {
        "clip": 128,
        "record_clip": 1.0,
        "scale_bits": 7,
        "coins": Coins((0,)),
    }
    with pytest.raises(ParameterError, match="two axes"):
        integer_sum(np.zeros(3), [0, 1, 2], **options)
    bad: list[Any] = [(), (-1,), (1.5,)]
    for seed in bad:
        with pytest.raises(ParameterError, match="seed"):
            Coins(seed)
