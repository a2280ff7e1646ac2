"""The codecs: strict both ways, and the same bytes as another implementation."""

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode as encode_elsewhere
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import DecodeError, EncodingError
from troth.ledger import abi
from troth.ledger.address import ZERO, Address


@dataclass(frozen=True)
class Pair:
    left: int
    right: bytes


@dataclass(frozen=True)
class Nest:
    pairs: tuple[Pair, ...]
    flag: bool


PAIR = abi.Struct(Pair, (abi.Int(16), abi.DynamicBytes()))
NEST = abi.Struct(Nest, (abi.Array(PAIR), abi.Bool()))
FIXED = abi.Struct(Pair, (abi.Int(16), abi.FixedBytes(3)))
TYPES = (
    abi.Uint(8),
    abi.Uint(256),
    abi.Int(64),
    abi.Bool(),
    abi.AddressType(),
    abi.FixedBytes(5),
    abi.FixedBytes(32),
    abi.DynamicBytes(),
    abi.Text(),
    abi.Array(abi.Uint(16)),
    abi.Array(abi.Uint(16), 2),
    abi.Array(abi.Text(), 2),
    abi.Array(abi.Array(abi.Bool())),
    NEST,
    FIXED,
    abi.Array(FIXED),
    abi.Array(FIXED, 2),
)


def plain(value: Any) -> Any:
    """A value as eth_abi takes it."""
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Pair | Nest):
        return tuple(plain(item) for item in vars(value).values())
    return value


@st.composite
def typed_values(draw, values_of):
    types = draw(st.lists(st.sampled_from(TYPES), max_size=4))
    return types, tuple(draw(values_of(kind)) for kind in types)


@settings(deadline=None)
@given(data=st.data())
def test_the_bytes_are_those_of_another_implementation(data, values_of):
    types, chosen = data.draw(typed_values(values_of))
    encoded = abi.encode(types, chosen)
    assert encoded == encode_elsewhere([kind.name for kind in types], [plain(v) for v in chosen])
    assert abi.decode(types, encoded) == chosen


@settings(deadline=None)
@given(data=st.data())
def test_any_change_of_the_bytes_gives_another_value_or_is_refused(data, values_of):
    types, chosen = data.draw(typed_values(values_of).filter(lambda pair: pair[0]))
    encoded = bytearray(abi.encode(types, chosen))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        decoded = abi.decode(types, bytes(encoded))
    except DecodeError:
        return
    assert decoded != chosen
    assert abi.encode(types, decoded) == bytes(encoded)


@settings(deadline=None)
@given(data=st.data())
def test_shorter_and_longer_bytes_are_refused(data, values_of):
    types, chosen = data.draw(typed_values(values_of).filter(lambda pair: pair[0]))
    encoded = abi.encode(types, chosen)
    with pytest.raises(DecodeError):
        abi.decode(types, encoded + b"\0")
    with pytest.raises(DecodeError):
        abi.decode(types, encoded[:-1])


@given(junk=st.binary(max_size=300), kind=st.sampled_from(TYPES))
def test_junk_is_decoded_exactly_or_refused(junk, kind):
    try:
        decoded = abi.decode([kind], junk)
    except DecodeError:
        return
    assert abi.encode([kind], decoded) == junk


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (abi.Uint(8), 256),
        (abi.Uint(8), -1),
        (abi.Uint(8), True),
        (abi.Uint(8), 1.0),
        (abi.Int(8), 128),
        (abi.Int(8), -129),
        (abi.Int(8), False),
        (abi.Bool(), 1),
        (abi.AddressType(), bytes(20)),
        (abi.AddressType(), str(ZERO)),
        (abi.FixedBytes(4), b"123"),
        (abi.FixedBytes(4), "1234"),
        (abi.DynamicBytes(), "text"),
        (abi.Text(), b"bytes"),
        (abi.Array(abi.Bool()), [True]),
        (abi.Array(abi.Bool(), 2), (True,)),
        (FIXED, (1, b"123")),
    ],
)
def test_values_that_do_not_fit_are_refused(kind, value):
    with pytest.raises(EncodingError):
        abi.encode([kind], [value])


def test_a_message_names_the_path():
    value = Pair(1, b"12")
    with pytest.raises(EncodingError, match=r"terms: value 0: right: b'12' is not 3 bytes"):
        abi.encode([abi.Array(FIXED)], [(value,)], ["terms"])
    with pytest.raises(EncodingError, match="1 values for 2 types"):
        abi.encode([abi.Bool(), abi.Bool()], [True])


def test_a_length_beyond_the_data_is_refused_before_it_is_used():
    bomb = (32).to_bytes(32) + (2**200).to_bytes(32)
    with pytest.raises(DecodeError, match="longer than the data"):
        abi.decode([abi.Array(abi.Bool())], bomb)
    with pytest.raises(DecodeError, match="longer than the data"):
        abi.decode([abi.DynamicBytes()], bomb)


def test_text_that_is_not_utf8_is_refused():
    encoded = abi.encode([abi.DynamicBytes()], [b"\xff"])
    with pytest.raises(DecodeError, match="UTF-8"):
        abi.decode([abi.Text()], encoded)
