"""The model step to the bit, against Python floats one by one."""

import hashlib
import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.learning.fedsgd import apply_aggregate
from troth.learning.model import Model

OPTIONS: dict[str, Any] = {
    "scale_bits": 7,
    "normaliser": 455,
    "learning_rate": 1.0,
    "momentum": 0.5,
}


def step_by_hand(
    weights: list[float],
    velocity: list[float],
    aggregate: list[int],
    *,
    scale_bits: int,
    normaliser: int,
    learning_rate: float,
    momentum: float,
) -> tuple[list[float], list[float]]:
    """The same formula in Python's own floats, a number at a time."""
    velocity = [
        momentum * v + float(x) / float(normaliser * 2**scale_bits)
        for v, x in zip(velocity, aggregate, strict=True)
    ]
    weights = [w - learning_rate * v for w, v in zip(weights, velocity, strict=True)]
    return weights, velocity


def encoded_by_hand(weights: list[float], velocity: list[float]) -> bytes:
    d = len(weights)
    return b"troth/model/v1\0\0" + struct.pack(f"<I{d}d{d}d", d, *weights, *velocity)


moderate = st.floats(-1e3, 1e3)


@given(
    st.lists(st.tuples(moderate, moderate, st.integers(-(2**53), 2**53)), min_size=1, max_size=40),
    st.integers(0, 60),
    st.integers(1, 10**6),
    st.floats(1e-6, 10),
    st.floats(0, 0.999),
)
def test_every_bit_as_by_hand(columns, scale_bits, normaliser, learning_rate, momentum):
    weights, velocity, aggregate = (list(column) for column in zip(*columns, strict=True))
    options: dict[str, Any] = {
        "scale_bits": scale_bits,
        "normaliser": normaliser,
        "learning_rate": learning_rate,
        "momentum": momentum,
    }
    model = Model(np.array(weights), np.array(velocity))
    stepped = apply_aggregate(model, np.array(aggregate, dtype=np.int64), **options)
    expected = encoded_by_hand(*step_by_hand(weights, velocity, aggregate, **options))
    assert stepped.encode() == expected


def test_golden_digest_of_twenty_steps():
    """Computed once by `step_by_hand`; any machine must reproduce it."""
    model, state, weights, velocity = Model.zeros(31), 1, [0.0] * 31, [0.0] * 31
    for _ in range(20):
        aggregate = []
        for _ in range(31):  # a linear congruential generator: the same integers everywhere
            state = (6364136223846793005 * state + 1442695040888963407) % 2**64
            aggregate.append((state >> 40) % 65_537 - 32_768)
        model = apply_aggregate(model, np.array(aggregate, dtype=np.int64), **OPTIONS)
        weights, velocity = step_by_hand(weights, velocity, aggregate, **OPTIONS)
    by_hand = hashlib.sha256(encoded_by_hand(weights, velocity)).hexdigest()
    assert by_hand == GOLDEN
    assert hashlib.sha256(model.encode()).hexdigest() == GOLDEN


GOLDEN = "7f5600c77bbd747cfa338455f427209f5e5430e6d73a1402a92d0fbea8b6a6b5"


def test_inputs_are_left_alone():
    model = Model(np.ones(3), np.ones(3))
    before, aggregate = model.encode(), np.arange(3, dtype=np.int64)
    assert apply_aggregate(model, aggregate, **OPTIONS) != model
    assert model.encode() == before
    assert aggregate.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "aggregate",
    [
        np.zeros(3),
        np.zeros(2, dtype=np.int64),
        np.zeros((1, 3), dtype=np.int64),
        np.array([0, 0, 2**53 + 1]),
        np.array([-(2**63), 0, 0]),
    ],
)
def test_bad_aggregates_are_refused(aggregate):
    with pytest.raises(ParameterError, match="aggregate"):
        apply_aggregate(Model.zeros(3), aggregate, **OPTIONS)


@pytest.mark.parametrize(
    "change",
    [
        {"scale_bits": -1},
        {"scale_bits": 128},
        {"scale_bits": 7.0},
        {"normaliser": 0},
        {"normaliser": 2**53 + 1},
        {"normaliser": 455.0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"momentum": -0.1},
    ],
)
def test_bad_constants_are_refused(change):
    with pytest.raises(ParameterError):
        apply_aggregate(Model.zeros(3), np.zeros(3, dtype=np.int64), **(OPTIONS | change))


def test_a_step_out_of_the_finite_numbers_is_refused():
    model = Model(np.full(1, -sys.float_info.max), np.zeros(1))
    options = OPTIONS | {"scale_bits": 0, "normaliser": 1, "learning_rate": 1e300}
    with pytest.raises(ParameterError, match="NaN or infinity"):
        apply_aggregate(model, np.array([2**53]), **options)
