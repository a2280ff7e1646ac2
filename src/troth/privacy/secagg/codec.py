"""Values with one canonical encoding, and how encodings are cut into their fields."""

from abc import ABC, abstractmethod
from itertools import accumulate
from typing import TypeVar

from troth.errors import DecodeError

B = TypeVar("B", bytes, memoryview)


class Message(ABC):
    """Anything that one party sends to another, or keeps for itself between two steps."""

    @abstractmethod
    def encode(self) -> bytes:
        """The one canonical encoding."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash((type(self), self.encode()))


def split(what: str, data: B, sizes: list[int]) -> list[B]:
    """Cut bytes, or a view of them, into pieces of known sizes; nothing may be left over."""
    if len(data) != sum(sizes):
        raise DecodeError(f"{what}: {len(data)} bytes, expected {sum(sizes)}")
    ends = list(accumulate(sizes))
    return [data[end - size : end] for end, size in zip(ends, sizes, strict=True)]
