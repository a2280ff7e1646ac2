"""Frozen dataclasses as canonical JSON: every field present, nothing unknown, one encoding.

Field types are ``int``, ``str``, ``bool``, ``float`` (finite and below 2^53 in size: RFC 8785
writes larger whole numbers as integers that JSON cannot hold exactly), ``bytes`` (as ``0x``
hexadecimal), other records, and tuples ``tuple[T, ...]`` of these. A field may also hold one of
several kinds of records, ``A | B``: each kind has a field ``name``, of type ``Literal``, that says
which it is.
"""

import dataclasses
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from troth.domain import canonical
from troth.errors import DecodeError

Record = TypeVar("Record")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Types of a record's fields; a bundle holds thousands of records of one kind."""
    return get_type_hints(kind)


def encode(record: Any) -> bytes:
    """The RFC 8785 bytes of a record."""
    return canonical.encode(to_json(record))


def decode(kind: type[Record], data: bytes, what: str) -> Record:
    """Read the canonical bytes of a record of this kind.

    Raises:
        DecodeError: naming the field that is missing, unknown or of another type.
    """
    value = canonical.decode(data, what)
    record = from_json(kind, value, "")
    if encode(record) != data:  # an integer of 2^53 or more in its other form, 1.0 for 1, …
        raise DecodeError(f"{what}: a field is not in its one form")
    return record


def to_json(value: Any) -> Any:
    """The JSON value of a record, or of a field of one."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return canonical.hex_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return canonical.integer_text(value)
    return value


def from_json(kind: type[Record], value: Any, where: str) -> Record:
    """Build a record from a JSON value of exactly its shape; ``where`` is the path so far."""
    if not isinstance(value, dict):
        raise DecodeError(f"{where or 'document'}: is not an object")
    hints = _hints(kind)  # type: ignore[arg-type]  # every class is hashable
    for name in value:
        if name not in hints:
            raise DecodeError(f"{_path(where, name)}: is unknown")
    for name in hints:
        if name not in value:
            raise DecodeError(f"{_path(where, name)}: is missing")
    return kind(
        **{name: _field(hint, value[name], _path(where, name)) for name, hint in hints.items()}
    )


def _field(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_json(kind, value, where)
    if get_origin(kind) is UnionType:
        return _one_of(kind, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise DecodeError(f"{where}: is not a list")
        inner = get_args(kind)[0]
        return tuple(_field(inner, item, f"{where}[{i}]") for i, item in enumerate(value))
    return _scalar(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Literal:
        return _known(get_args(kind), value, where)
    if kind is bytes:
        return canonical.hex_from_text(value, where)
    if kind is int:
        return canonical.integer_from_text(value, where)
    if kind is float:
        return _real(value, where)
    if type(value) is not kind:
        raise DecodeError(f"{where}: is {value!r}, expected {kind.__name__}")
    return value


def _real(value: Any, where: str) -> float:
    """A number; RFC 8785 writes 1.0 as 1."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DecodeError(f"{where}: is {value!r}, expected a number")
    if not -canonical.SAFE < value < canonical.SAFE:
        raise DecodeError(f"{where}: is not below 2^53 in size")
    return float(value)


def _one_of(union: Any, value: Any, where: str) -> Any:
    """A record of the kind that its name says."""
    kinds = {name: kind for kind in get_args(union) for name in get_args(_hints(kind)["name"])}
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: is not an object")
    if "name" not in value:
        raise DecodeError(f"{_path(where, 'name')}: is missing")
    name = _known(tuple(kinds), value["name"], _path(where, "name"))
    return from_json(kinds[name], value, where)


def _known(known: tuple[str, ...], value: Any, where: str) -> str:
    """One of the words that are known; anything else is refused, never guessed."""
    if not isinstance(value, str) or value not in known:
        listed = " and ".join(map(repr, known))
        raise DecodeError(f"{where}: {value!r} is unknown; this version knows {listed}")
    return value


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
