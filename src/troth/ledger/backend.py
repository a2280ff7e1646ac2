"""What an engine must offer: bytes in, bytes out. The client builds everything else on it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from troth.ledger.address import Address
from troth.ledger.records import BlockRef, RawBlock


@dataclass(frozen=True)
class EngineInfo:
    """An engine's name and the sentence that says what its word is worth."""

    name: str
    trust: str


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: with ``output``, or with a failure.

    ``failure`` is None for success, ``"revert"`` when ``output`` is the revert data, otherwise
    what the machine says, for example that the gas ran out.
    """

    output: bytes
    failure: str | None


@dataclass(frozen=True)
class Submission:
    """How a transaction ended, and the number of its block; None when nothing was recorded."""

    outcome: Outcome
    block: int | None


class Backend(Protocol):
    """An engine.

    Blocks are named by number. A transaction that reaches :meth:`submit` has the chain id of the
    engine and the next nonce of its sender: the client has checked both.
    """

    info: EngineInfo
    chain_id: int
    gas_limit: int
    """Gas limit that transactions carry; enough for any of ours."""

    def head(self) -> int:
        """The newest block."""

    def final(self) -> int:
        """The newest block that cannot be replaced any more."""

    def block(self, number: int) -> RawBlock:
        """A block of the canonical chain, up to the head."""

    def nonce(self, address: Address) -> int:
        """How many transactions of this account stand in the head's chain."""

    def code(self, address: Address) -> bytes:
        """The code at this address, as of the head; empty if there is none."""

    def fee(self) -> int:
        """The fee per gas, in wei, that a transaction in the next block must offer."""

    def call(self, sender: Address, to: Address, data: bytes, block: int) -> Outcome:
        """Execute on the state after ``block`` and forget it."""

    def submit(self, raw: bytes, *, force: bool) -> Submission:
        """Try a transaction against the head and, if it succeeds or ``force``, record it.

        Raises:
            LedgerError: if the engine does not take the transaction at all.
        """

    def close(self) -> None:
        """Free what the engine holds; ends a process that it started."""


@runtime_checkable
class TimeControl(Protocol):
    """Engines whose block time is theirs to set: for demonstrations and tests."""

    def advance(self, seconds: int) -> BlockRef:
        """Make one empty block, ``seconds`` (at least 1) after the head."""


class DevelopmentBackend(Backend, Protocol):
    """An engine whose block time is its own to set."""

    def advance(self, seconds: int) -> None:
        """Make one empty block, ``seconds`` (at least 1) after the head."""
