"""Canonical JSON (RFC 8785): one value, one encoding, and a decoder that accepts only that one.

Integers from 2^53 do not survive JSON readers that use doubles, so they travel as decimal strings
(`integer_text`, `integer_from_text`); bytes travel as lower-case hexadecimal with ``0x``.
"""

import json
import re
from collections import Counter
from typing import Any

import rfc8785

from troth.errors import DecodeError

MAX_DEPTH = 32
SAFE = 2**53
"""Integers below it, in size, survive readers that use doubles."""
_TOKEN = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def encode(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises:
        ValueError: a value JSON cannot hold exactly (NaN, an integer from 2^53, bytes).
    """
    return rfc8785.dumps(value)


def decode(data: bytes, what: str) -> Any:
    """Read canonical JSON; anything but the canonical bytes of the value is refused.

    Args:
        data: the bytes, without anything after the value.
        what: names the input in the error.

    Raises:
        DecodeError: as `parse`, or not canonical.
    """
    value = parse(data, what)
    try:
        again = encode(value)
    except ValueError as problem:
        raise DecodeError(f"{what}: JSON without a canonical form ({problem})") from problem
    if again != data:
        raise DecodeError(f"{what}: JSON, but not in its canonical form (RFC 8785)")
    return value


def parse(data: bytes, what: str) -> Any:
    """Read JSON in any layout: what people write or hand on, never what is signed or hashed.

    Args:
        data: the bytes, without anything but white space around the value.
        what: names the input in the error.

    Raises:
        DecodeError: in one line, with the position where there is one: not UTF-8, not JSON, nested
            deeper than 32, NaN or infinity, an integer of thousands of digits, duplicate keys.
    """
    if _depth(data) > MAX_DEPTH:
        raise DecodeError(f"{what}: nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except UnicodeDecodeError as problem:
        before = data[: problem.start].decode("utf-8")
        where = _place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DecodeError(f"{what}: not UTF-8 at {where}") from problem
    except json.JSONDecodeError as problem:
        where = _place(problem.lineno, problem.colno)
        reason = problem.msg.removesuffix(" at").rstrip(": ")
        reason = reason[:1].lower() + reason[1:]
        raise DecodeError(f"{what}: not JSON at {where}: {reason}") from problem
    except DecodeError as problem:
        raise DecodeError(f"{what}: {problem}") from problem
    except ValueError as problem:
        raise DecodeError(f"{what}: an integer has more digits than can be read") from problem


def _place(line: int, column: int) -> str:
    """Where a person finds it: both counted from 1, columns in characters."""
    return f"line {line}, column {column}"


def _depth(data: bytes) -> int:
    """How deep the brackets outside of strings nest, or `MAX_DEPTH` + 1 for anything deeper.

    Counted before parsing: Python's parser recurses, and a library that raises the recursion limit
    turns a deep document into a crash of the interpreter. One pass, whatever the bytes are.
    """
    deepest = depth = 0
    in_string = False
    for token in _TOKEN.finditer(data):
        mark = token.group()
        if mark == b'"':
            in_string = not in_string
        elif not in_string and mark in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif not in_string and mark in (b"]", b"}"):
            depth -= 1
    return deepest


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ in which of two equal keys they keep.
    found = dict(pairs)
    if len(found) != len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise DecodeError(f"the key {name!r} stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise DecodeError(f"{name} is no JSON number")


def integer_text(value: int) -> int | str:
    """An integer as it travels in JSON: a number below 2^53 in size, else a decimal string."""
    return value if abs(value) < SAFE else str(value)


def integer_from_text(value: Any, what: str) -> int:
    """Read what `integer_text` writes, and nothing else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < SAFE:
        return value
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError as problem:
            raise DecodeError(f"{what}: {value!r} is not an integer") from problem
        if abs(number) >= SAFE and str(number) == value:
            return number
    raise DecodeError(f"{what}: {value!r} is not an integer in its one form")


def hex_text(data: bytes) -> str:
    """Bytes as they travel in JSON."""
    return "0x" + data.hex()


def hex_from_text(value: Any, what: str, size: int | None = None) -> bytes:
    """Read what `hex_text` writes; ``size`` is the number of bytes it must have."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            data = bytes.fromhex(value[2:])
        except ValueError as problem:
            raise DecodeError(f"{what}: not hexadecimal") from problem
        if hex_text(data) == value:
            if size is not None and len(data) != size:
                raise DecodeError(f"{what}: {len(data)} bytes, expected {size}")
            return data
    raise DecodeError(f"{what}: {value!r} is not lower-case hexadecimal after 0x")
