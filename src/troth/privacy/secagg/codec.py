"""Values with one canonical encoding, and how encodings are cut into their fields."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from io import BytesIO
from itertools import accumulate

from troth.errors import DecodeError

Bytes = bytes | bytearray | memoryview
"""What a transport may hand to a decoder."""


class Message(ABC):
    """Anything that one party sends to another, or keeps for itself between two steps."""

    @abstractmethod
    def encode(self) -> bytes:
        """The one canonical encoding."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash((type(self), self.encode()))


def joined(pieces: Iterable[bytes | memoryview]) -> bytes:
    """All pieces in one, none of which is kept meanwhile."""
    whole = BytesIO()
    for piece in pieces:
        whole.write(piece)
    return whole.getvalue()


def split(what: str, data: Bytes, sizes: list[int]) -> list[bytes]:
    """Cut bytes into pieces of known sizes; nothing may be missing or left over."""
    return [bytes(piece) for piece in split_views(what, data, sizes)]


def split_views(what: str, data: Bytes, sizes: list[int]) -> list[memoryview]:
    """The same without a copy; but of a buffer that somebody may change afterwards, one copy."""
    if isinstance(data, bytearray | memoryview):
        data = bytes(data)
    if not isinstance(data, bytes):
        raise DecodeError(f"{what}: {type(data).__name__} in the place of bytes")
    if len(data) != sum(sizes):
        raise DecodeError(f"{what}: {len(data)} bytes, expected {sum(sizes)}")
    whole, ends = memoryview(data), list(accumulate(sizes))
    return [whole[end - size : end] for end, size in zip(ends, sizes, strict=True)]
