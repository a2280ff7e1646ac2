"""What goes into a role and what comes out of it: the whole surface between protocol and effects.

A role is ``step(state, inbox) -> outbox``. The driver forgets what is to be forgotten, keeps what
the state names, saves the state, then stores blobs, then posts: so after a crash nothing was said
that is not on disk, and no secret is left that the state does not know of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from troth.ledger.address import Address
from troth.ledger.interface import Call
from troth.round.view import StudyView

S = TypeVar("S")


@dataclass(frozen=True)
class Wanted:
    """A blob that a role needs before it can go on."""

    digest: bytes
    max_size: int
    """Bytes; a longer blob is not read."""
    keep: bool = False
    """Whether the party keeps a copy until it forgets the round: what it has confirmed to have must
    not vanish with the store."""


class BlobsWanted(Exception):  # noqa: N818 - a request, not an error
    """Raised inside a step: it cannot go on before these blobs were looked for."""

    def __init__(self, wanted: tuple[Wanted, ...]) -> None:
        super().__init__(f"{len(wanted)} blobs wanted")
        self.wanted = wanted


@dataclass(frozen=True)
class Inbox:
    """What a role may know: final ledger state, the time of its newest block, fetched blobs."""

    view: StudyView
    now: int
    """Timestamp of the newest final block, in seconds."""
    blobs: Mapping[Wanted, bytes | None]
    """Blobs looked for so far; None: nobody serves it within its size. By the whole request, so
    that one reporter's announced size says nothing about another's blob."""

    @property
    def lacking(self) -> bool:
        """Whether something that was looked for is not to be had now."""
        return None in self.blobs.values()

    def take(self, wanted: Iterable[Wanted]) -> tuple[bytes | None, ...]:
        """The blobs asked for, in order; None where nobody serves one.

        Raises:
            BlobsWanted: some were not looked for yet; the driver looks and steps again.
        """
        asked = tuple(wanted)
        missing = tuple(item for item in asked if item not in self.blobs)
        if missing:
            raise BlobsWanted(missing)
        return tuple(self.blobs[item] for item in asked)


@dataclass(frozen=True)
class Outbox(Generic[S]):
    """What a role wants done: what is to be forgotten first, then the rest in this order."""

    state: S
    """Saved before anything leaves."""
    keeps: tuple[bytes, ...] = ()
    """Blobs that the state names by digest and that this party must not lose: kept before it."""
    puts: tuple[bytes, ...] = ()
    """Blobs to store."""
    posts: tuple[Call[Any], ...] = ()
    """Calls to send to the ledger."""
    deletes: tuple[bytes, ...] = ()
    """Digests of blobs that nobody needs any more."""
    forget: bool = False
    """Whether the party's own copies go too."""


class Role(Protocol[S]):
    """A party of a study as a pure function of its state and its inbox."""

    account: Address
    initial: S

    def step(self, state: S, inbox: Inbox) -> Outbox[S]:
        """The next thing to do; an outbox with the same state and nothing else means: wait."""
        ...

    def encode(self, state: S) -> bytes:
        """The state as it is kept on disk."""
        ...

    def decode(self, data: bytes) -> S:
        """The state from what `encode` wrote."""
        ...
