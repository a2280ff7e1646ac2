import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import DecodeError, EncodingError
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128, Elements, Field

FIELDS = [FIELD32, FIELD40, FIELD64, FIELD128]
each_field = pytest.mark.parametrize("field", FIELDS, ids=repr)


def elements(field: Field) -> st.SearchStrategy[int]:
    q = field.modulus
    edges = {0, 1, 2, q - 1, q - 2, q // 2, q // 2 + 1, 2**32 - 1, 2**32, 2**32 + 1, q - 2**32}
    return st.one_of(
        st.integers(0, q - 1), st.sampled_from(sorted(edge for edge in edges if 0 <= edge < q))
    )


def pairs(field: Field) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(elements(field), elements(field)), min_size=1, max_size=20)


def plain(values: Elements) -> list[int]:
    return [int(value) for value in values]


@each_field
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_arithmetic_is_that_of_python_integers(field, data):
    q = field.modulus
    left, right = zip(*data.draw(pairs(field)), strict=True)
    a, b = field.vector(left), field.vector(right)
    assert plain(field.add(a, b)) == [(x + y) % q for x, y in zip(left, right, strict=True)]
    assert plain(field.sub(a, b)) == [(x - y) % q for x, y in zip(left, right, strict=True)]
    assert plain(field.mul(a, b)) == [x * y % q for x, y in zip(left, right, strict=True)]
    constant = right[0]
    assert plain(field.add(a, constant)) == [(x + constant) % q for x in left]
    assert plain(field.sub(a, constant)) == [(x - constant) % q for x in left]
    assert plain(field.mul(a, constant)) == [x * constant % q for x in left]
    assert plain(field.sum(a[None])) == [sum(left) % q]
    assert plain(field.sum(np.stack([a, b]), axis=0)) == plain(field.add(a, b))
    inner = sum(x * y for x, y in zip(left, right, strict=True)) % q
    assert plain(field.inner(a[None], b)) == [inner]
    assert plain(a) == list(left), "operands stay as they were"


@each_field
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_powers_and_signed_products(field, data):
    q = field.modulus
    values = data.draw(st.lists(elements(field), min_size=1, max_size=9))
    count = data.draw(st.integers(1, 11))
    table = field.powers(field.vector(values), count)
    assert [plain(row) for row in table] == [[pow(x, k, q) for k in range(count)] for x in values]
    rows = data.draw(
        st.lists(
            st.lists(st.sampled_from([-1, 0, 1]), min_size=len(values), max_size=len(values)),
            min_size=1,
            max_size=4,
        )
    )
    product = field.signed_product(np.array(rows, dtype=np.int8), field.vector(values))
    expected = [sum(s * x for s, x in zip(row, values, strict=True)) % q for row in rows]
    assert plain(product) == expected


@each_field
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_codec_and_signs_go_back_and_forth(field, data):
    q = field.modulus
    values = data.draw(st.lists(elements(field), min_size=1, max_size=9))
    vector = field.vector(values)
    encoded = field.encode_vec(vector)
    size = field.encoded_size
    assert encoded == b"".join(value.to_bytes(size, "little") for value in values)
    assert plain(field.decode_vec(encoded)) == values
    signed = field.to_signed(vector)
    assert plain(signed) == [value - q if value > q // 2 else value for value in values]
    assert plain(field.from_signed(signed)) == values


@each_field
def test_signed_integers_outside_the_field_are_reduced(field):
    integers = np.array([-(2**63), 2**63 - 1, -1, 0, 1], dtype=np.int64)
    reduced = [int(value) % field.modulus for value in integers]
    assert plain(field.from_signed(integers)) == reduced
    assert plain(field.from_signed(integers.astype(object))) == reduced


@each_field
def test_decoding_refuses_odd_lengths_and_large_elements(field):
    size, q = field.encoded_size, field.modulus
    good = (q - 1).to_bytes(size, "little")
    assert plain(field.decode_vec(good)) == [q - 1]
    with pytest.raises(DecodeError, match="multiple"):
        field.decode_vec(good + b"\0")
    for large in (q, 256**size - 1):
        with pytest.raises(DecodeError, match="element 1"):
            field.decode_vec(good + large.to_bytes(size, "little"))
    assert len(field.decode_vec(b"")) == 0


@each_field
def test_encoding_refuses_integers_outside(field):
    for value in (-1, field.modulus):
        with pytest.raises(EncodingError):
            field.encode_vec([value])
    with pytest.raises(EncodingError):
        field.encode_vec(np.array([1, field.modulus], dtype=field.dtype))
    assert field.encode_vec([1]) == b"\x01" + bytes(field.encoded_size - 1)


@each_field
def test_roots_of_unity_have_their_order(field):
    for size in (2, 4, 1 << field.log_order):
        root = field.root_of_unity(size)
        assert pow(root, size, field.modulus) == 1
        assert pow(root, size // 2, field.modulus) == field.modulus - 1
    assert field.inverse(7) * 7 % field.modulus == 1


@each_field
def test_nothing_is_rounded_or_read_into_an_element(field):
    for wrong in ([1.9], ["5"], [b"7"], [None], [-0.5], np.array([0.5])):
        with pytest.raises(EncodingError):
            field.encode_vec(wrong)
    with pytest.raises(EncodingError):
        field.encode_vec(np.ones((2, 2), dtype=field.dtype))
    assert field.encode_vec([np.uint8(3)]) == field.encode_vec([3])
