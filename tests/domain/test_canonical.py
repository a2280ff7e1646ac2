"""RFC 8785 with a decoder that takes the one encoding only; records; Merkle roots."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain import canonical, merkle, records
from troth.errors import DecodeError


@dataclass(frozen=True)
class Inner:
    data: bytes


@dataclass(frozen=True)
class Outer:
    number: int
    text: str
    real: float
    flag: bool
    inner: Inner
    many: tuple[Inner, ...]


@dataclass(frozen=True)
class Real:
    real: float


outers = st.builds(
    Outer,
    number=st.integers(),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    real=st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True),
    flag=st.booleans(),
    inner=st.builds(Inner, st.binary(max_size=8)),
    many=st.tuples(st.builds(Inner, st.binary(max_size=3))),
)


@given(outers)
def test_a_record_comes_back_from_its_bytes(record):
    assert records.decode(Outer, records.encode(record), "record") == record


@pytest.mark.parametrize(
    "text",
    [
        '{"data":"0x0"}',
        '{"data":"0xAA"}',
        '{"data":"aa"}',
        '{"data":"0xzz"}',
        '{"data":"0x 1"}',
        '{"data":1}',
        '{"data":"0x","more":1}',
        "{}",
        "[]",
        '{"data":"0x"} ',
        '{"data": "0x"}',
        '{"data":"0x","data":"0x"}',
    ],
)
def test_other_forms_of_a_record_are_refused(text):
    with pytest.raises(DecodeError):
        records.decode(Inner, text.encode(), "inner")


@pytest.mark.parametrize("value", ["1", "+9007199254740992", "09007199254740992", "9_0", "", 2**53])
def test_an_integer_has_one_form(value):
    with pytest.raises(DecodeError):
        canonical.integer_from_text(value, "number")


@given(st.integers())
def test_integers_of_any_size_travel(number):
    text = canonical.integer_text(number)
    assert isinstance(text, int) == (abs(number) < 2**53)
    assert canonical.integer_from_text(text, "number") == number


def test_the_encoding_is_that_of_the_outside_vectors(outside_vectors):
    for path in sorted((outside_vectors / "jcs" / "input").glob("*.json")):
        expected = (outside_vectors / "jcs" / "output" / path.name).read_bytes()
        assert canonical.encode(json.loads(path.read_text("utf-8"))) == expected, path.name


@pytest.mark.parametrize("bomb", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 40, b"[" * 33])
def test_depth_bombs_are_refused_before_they_are_parsed(bomb, monkeypatch):
    def parsed(*_args, **_kwargs):
        raise AssertionError("the parser saw it")

    monkeypatch.setattr(json, "loads", parsed)
    with pytest.raises(DecodeError, match="deeper than 32"):
        canonical.decode(bomb, "bomb")


def test_a_hostile_string_is_scanned_once():
    hostile = b"[" * 30 + b'"' + b'\\"' * 500_000  # a quadratic scan would take an hour
    with pytest.raises(DecodeError):
        canonical.decode(hostile, "hostile")


def test_brackets_in_strings_and_lists_side_by_side_are_not_depth():
    for value in (["[" * 99, '\\"[[' * 40], [[1]] * 99):
        assert canonical.decode(canonical.encode(value), "value") == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "not JSON at line 1, column 1: expecting value"),
        (b'{"a":\n1,,}', "not JSON at line 2, column 3: "),
        ('{"é":\n"é",,}'.encode(), "not JSON at line 2, column 5: "),
        (b'["a\nb"]', "not JSON at line 1, column 4: invalid control character"),
        (b'"\\x"', "not JSON at line 1, column 2: "),
        (b"\xef\xbb\xbf{}", "not JSON at line 1, column 1: unexpected UTF-8 BOM"),
        (b"{}{}", "not JSON at line 1, column 3: extra data"),
        (b"\xff", "not UTF-8 at line 1, column 1"),
        ('["é",\n "é'.encode() + b"\xff", "not UTF-8 at line 2, column 4"),
        (b"[NaN]", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"9" * 5000, "an integer has more digits than can be read"),
        (b'{"a":{"b":1,"c":2,"b":1}}', "the key 'b' stands twice in one object"),
    ],
)
def test_what_is_not_json_is_refused_in_one_line_that_says_where(text, problem):
    with pytest.raises(DecodeError) as caught:
        canonical.parse(text, "draft")
    message = str(caught.value)
    assert message.startswith(f"draft: {problem}")
    assert "\n" not in message


@pytest.mark.parametrize("text", [b'["\\ud800"]', b"[1e400]", b"[9007199254740992]"])
def test_values_that_have_no_canonical_form_are_refused(text):
    with pytest.raises(DecodeError, match="without a canonical form"):
        canonical.decode(text, "value")


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 1e16, 10**400, float("inf"), float("nan"), True, "1", None]
)
def test_a_real_number_is_below_2_to_the_53(value):
    with pytest.raises(DecodeError, match=r"^real: "):
        records.from_json(Real, {"real": value}, "")


def test_a_root_depends_on_every_record_their_order_and_the_salt():
    salt, rows = b"s" * 16, [b"a", b"b", b"c"]
    roots = {
        merkle.root(rows, salt),
        merkle.root(rows[::-1], salt),
        merkle.root(rows[:2], salt),
        merkle.root([*rows, b""], salt),
        merkle.root([b"ab", b"", b"c"], salt),
        merkle.root(rows, b"t" * 16),
    }
    assert len(roots) == 6


def test_a_root_needs_records_and_a_salt_that_cannot_be_guessed():
    with pytest.raises(ValueError, match="salt"):
        merkle.root([b"a"], b"short")
    with pytest.raises(ValueError, match="record"):
        merkle.root([], b"s" * 16)
