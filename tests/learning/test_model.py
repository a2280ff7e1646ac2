"""One encoding of a model, and nothing else decodes."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodeError, ParameterError
from troth.learning.model import MAGIC, Model

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
vectors = st.integers(1, 8).flatmap(
    lambda d: st.tuples(*[st.lists(finite, min_size=d, max_size=d)] * 2)
)


@given(vectors)
def test_bytes_by_hand_and_back(pair):
    weights, velocity = pair
    encoded = Model(np.array(weights), np.array(velocity)).encode()
    d = len(weights)
    assert encoded == MAGIC + struct.pack(f"<I{d}d{d}d", d, *weights, *velocity)
    assert Model.decode(encoded).encode() == encoded


def test_every_cut_and_every_extra_byte_is_refused():
    encoded = Model.zeros(3).encode()
    for length in range(len(encoded)):
        with pytest.raises(DecodeError):
            Model.decode(encoded[:length])
    with pytest.raises(DecodeError, match="not 69"):
        Model.decode(encoded + b"\x00")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [20, 28, 36, 44])
def test_numbers_that_are_not_finite_are_refused(bad, place):
    encoded = bytearray(Model.zeros(2).encode())
    encoded[place : place + 8] = struct.pack("<d", bad)
    with pytest.raises(DecodeError, match="NaN or infinity"):
        Model.decode(bytes(encoded))


def test_other_magic_and_empty_model_are_refused():
    encoded = Model.zeros(1).encode()
    with pytest.raises(DecodeError, match="magic"):
        Model.decode(b"T" + encoded[1:])
    with pytest.raises(DecodeError, match="vector"):
        Model.decode(MAGIC + bytes(4))


def test_shapes_are_checked():
    for weights, velocity in (
        (np.zeros(2), np.zeros(3)),
        (np.zeros((1, 2)), np.zeros(2)),
        (np.zeros(0), np.zeros(0)),
    ):
        with pytest.raises(ParameterError):
            Model(weights, velocity)
    with pytest.raises(ParameterError):
        Model(np.array([np.nan]), np.zeros(1))


def test_a_model_cannot_be_changed_and_keeps_no_alias():
    source = np.array([1.0, 2.0])
    model = Model(source, np.zeros(2))
    source[0] = 9.0
    assert model.weights[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        model.weights[0] = 9.0


def test_equality_is_of_bytes():
    assert Model.zeros(2) == Model.zeros(2)
    assert hash(Model.zeros(2)) == hash(Model.zeros(2))
    assert Model.zeros(1) != Model(np.array([-0.0]), np.zeros(1))
    assert Model.zeros(1) != b"model"
