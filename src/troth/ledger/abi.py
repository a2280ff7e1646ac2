"""The contract ABI's types: one codec each, strict in both directions.

Follows "Contract ABI Specification" of the Solidity documentation, 0.8.35: a value is either static
(a fixed number of 32-byte words) or dynamic (an offset in the head, the content in the tail).
Encoders refuse values that do not fit. Decoders read anything and the caller re-encodes and
compares (:func:`decode`): so leftover bytes, dirty padding, and unusual offsets are all refused.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from troth.errors import DecodeError, EncodingError
from troth.ledger.address import Address

WORD = 32


class Type(ABC):
    """One ABI type.

    ``name`` is its canonical name, as in signatures. ``size`` is the number of bytes of a static
    value, None for a dynamic one.
    """

    name: str
    size: int | None

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """The value's own bytes, without the offset of a dynamic value.

        Raises:
            EncodingError: if the value is of another Python type or does not fit.
        """

    @abstractmethod
    def decode(self, data: bytes, at: int) -> Any:
        """The value whose own bytes start at ``at``.

        Raises:
            DecodeError: if ``data`` is too short or holds no value of this type.
        """


def _word(data: bytes, at: int) -> bytes:
    word = data[at : at + WORD]
    if at < 0 or len(word) != WORD:
        raise DecodeError(f"{len(data)} bytes end inside the word at {at}")
    return word


def _length(data: bytes, at: int, unit: int) -> int:
    """A length prefix, refused when ``unit`` times it cannot be there."""
    count = int.from_bytes(_word(data, at))
    if count * unit > len(data) - at - WORD:
        raise DecodeError(f"a length of {count} at {at} is longer than the data")
    return count


@dataclass(frozen=True)
class Uint(Type):
    """``uintN``: an int from 0 to 2^N - 1. Enumerations of a contract are ``uint8``."""

    bits: int
    size = WORD

    @property
    def name(self) -> str:  # type: ignore[override] # computed here, stored in other types
        """As in signatures."""
        return f"uint{self.bits}"

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << self.bits:
            raise EncodingError(f"{value!r} is not a {self.name}")
        return value.to_bytes(WORD)

    def decode(self, data: bytes, at: int) -> int:  # noqa: D102 - as in Type
        return int.from_bytes(_word(data, at)) & ((1 << self.bits) - 1)


@dataclass(frozen=True)
class Int(Type):
    """``intN``: an int from -2^(N-1) to 2^(N-1) - 1."""

    bits: int
    size = WORD

    @property
    def name(self) -> str:  # type: ignore[override] # computed here, stored in other types
        """As in signatures."""
        return f"int{self.bits}"

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        half = 1 << (self.bits - 1)
        if not isinstance(value, int) or isinstance(value, bool) or not -half <= value < half:
            raise EncodingError(f"{value!r} is not an {self.name}")
        return value.to_bytes(WORD, signed=True)

    def decode(self, data: bytes, at: int) -> int:  # noqa: D102 - as in Type
        value = int.from_bytes(_word(data, at)) & ((1 << self.bits) - 1)
        return value - (1 << self.bits) if value >> (self.bits - 1) else value


@dataclass(frozen=True)
class Bool(Type):
    """``bool``."""

    name = "bool"
    size = WORD

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, bool):
            raise EncodingError(f"{value!r} is not a bool")
        return int(value).to_bytes(WORD)

    def decode(self, data: bytes, at: int) -> bool:  # noqa: D102 - as in Type
        return any(_word(data, at))


@dataclass(frozen=True)
class AddressType(Type):
    """``address``: an :class:`~troth.ledger.address.Address`; plain bytes are refused."""

    name = "address"
    size = WORD

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, Address):
            raise EncodingError(f"{value!r} is not an Address")
        return bytes(12) + value

    def decode(self, data: bytes, at: int) -> Address:  # noqa: D102 - as in Type
        return Address(_word(data, at)[12:])


@dataclass(frozen=True)
class FixedBytes(Type):
    """``bytesN``: exactly N bytes; shorter values are refused, not padded."""

    length: int
    size = WORD

    @property
    def name(self) -> str:  # type: ignore[override] # computed here, stored in other types
        """As in signatures."""
        return f"bytes{self.length}"

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, bytes) or len(value) != self.length:
            raise EncodingError(f"{value!r} is not {self.length} bytes")
        return value + bytes(WORD - self.length)

    def decode(self, data: bytes, at: int) -> bytes:  # noqa: D102 - as in Type
        return _word(data, at)[: self.length]


@dataclass(frozen=True)
class DynamicBytes(Type):
    """``bytes``: any number of bytes."""

    name = "bytes"
    size = None

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, bytes):
            raise EncodingError(f"{value!r} is not bytes")
        return len(value).to_bytes(WORD) + value + bytes(-len(value) % WORD)

    def decode(self, data: bytes, at: int) -> bytes:  # noqa: D102 - as in Type
        return data[at + WORD : at + WORD + _length(data, at, 1)]


@dataclass(frozen=True)
class Text(Type):
    """``string``: text in UTF-8."""

    name = "string"
    size = None

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, str):
            raise EncodingError(f"{value!r} is not text")
        return DynamicBytes().encode(value.encode())

    def decode(self, data: bytes, at: int) -> str:  # noqa: D102 - as in Type
        try:
            return DynamicBytes().decode(data, at).decode()
        except UnicodeDecodeError as problem:
            raise DecodeError(f"the text at {at} is not UTF-8") from problem


@dataclass(frozen=True)
class Array(Type):
    """``item[count]`` or, with ``count`` None, ``item[]``; a tuple in Python."""

    item: Type
    count: int | None = None

    @property
    def name(self) -> str:  # type: ignore[override] # computed here, stored in other types
        """As in signatures."""
        return f"{self.item.name}[{'' if self.count is None else self.count}]"

    @property
    def size(self) -> int | None:  # type: ignore[override] # depends on the item
        """None for ``item[]`` and for dynamic items."""
        if self.count is None or self.item.size is None:
            return None
        return self.count * self.item.size

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, tuple) or self.count not in (None, len(value)):
            raise EncodingError(f"{value!r} is not a tuple of {self.name}")
        content = encode([self.item] * len(value), value)
        return content if self.count is not None else len(value).to_bytes(WORD) + content

    def decode(self, data: bytes, at: int) -> tuple[Any, ...]:  # noqa: D102 - as in Type
        count = self.count
        if count is None:
            count = _length(data, at, self.item.size or WORD)
            at += WORD
        return _sequence([self.item] * count, data, at)


@dataclass(frozen=True)
class Struct(Type):
    """A struct: an instance of the frozen dataclass ``cls``, whose fields are in ABI order."""

    cls: type
    members: tuple[Type, ...]

    @property
    def name(self) -> str:  # type: ignore[override] # computed here, stored in other types
        """As in signatures."""
        return f"({','.join(member.name for member in self.members)})"

    @property
    def size(self) -> int | None:  # type: ignore[override] # depends on the members
        """None if any member is dynamic."""
        sizes = [member.size for member in self.members]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def encode(self, value: Any) -> bytes:  # noqa: D102 - as in Type
        if not isinstance(value, self.cls):
            raise EncodingError(f"{value!r} is not a {self.cls.__name__}")
        names = [field.name for field in fields(self.cls)]
        return encode(self.members, [getattr(value, name) for name in names], names)

    def decode(self, data: bytes, at: int) -> Any:  # noqa: D102 - as in Type
        return self.cls(*_sequence(self.members, data, at))


def encode(types: Sequence[Type], values: Sequence[Any], names: Sequence[str] = ()) -> bytes:
    """``abi.encode(values…)``; ``names`` only serve messages.

    Raises:
        EncodingError: if a value does not fit its type, or there are too few or too many.
    """
    if len(types) != len(values):
        raise EncodingError(f"{len(values)} values for {len(types)} types")
    heads: list[bytes] = []
    tails: list[bytes] = []
    offset = sum(WORD if kind.size is None else kind.size for kind in types)
    for position, (kind, value) in enumerate(zip(types, values, strict=True)):
        try:
            content = kind.encode(value)
        except EncodingError as problem:
            where = names[position] if names else f"value {position}"
            raise EncodingError(f"{where}: {problem}") from problem
        if kind.size is None:
            heads.append(offset.to_bytes(WORD))
            tails.append(content)
            offset += len(content)
        else:
            heads.append(content)
    return b"".join(heads) + b"".join(tails)


def decode(types: Sequence[Type], data: bytes) -> tuple[Any, ...]:
    """The values of ``abi.encode``, from its one canonical encoding.

    Raises:
        DecodeError: if the bytes are too short, too long, or encoded in any other way.
    """
    values = _sequence(types, data, 0)
    if encode(types, values) != data:
        listed = ",".join(kind.name for kind in types)
        raise DecodeError(f"{len(data)} bytes are not the canonical encoding of ({listed})")
    return values


def _sequence(types: Sequence[Type], data: bytes, start: int) -> tuple[Any, ...]:
    values = []
    at = start
    for kind in types:
        if kind.size is None:
            values.append(kind.decode(data, start + int.from_bytes(_word(data, at))))
            at += WORD
        else:
            values.append(kind.decode(data, at))
            at += kind.size
    return tuple(values)
