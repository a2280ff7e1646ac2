"""The only effects of the round protocol: read the ledger, fetch and store blobs, save, send.

A driver runs one or more parties of one study. Each party sees final ledger state only. For every
outbox the order is fixed: what is to be forgotten goes, own blobs and state go to disk, blobs to
the store, calls to the ledger; a party that is stopped anywhere in between finds its state, does
the same again, and is refused what it had done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from troth.errors import (
    BlobMissing,
    ContractRefused,
    RoundError,
    StateFileError,
    StorageError,
    TrothError,
)
from troth.ledger.account import Account
from troth.ledger.client import DevelopmentLedger, Ledger
from troth.ledger.records import BlockRef, LoggedEvent, Receipt
from troth.round.mail import BlobsWanted, Inbox, Outbox, Role, Wanted
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.storage import state_file
from troth.storage.blobs import BlobStore
from troth.storage.own_blobs import OwnBlobs

S = TypeVar("S")
_MOST_WAITING = 20


class Party(Generic[S]):
    """A role with its account, its state file and its own copies of blobs that it must not lose."""

    def __init__(self, role: Role[S], account: Account, path: Path) -> None:
        self.role = role
        self.account = account
        self._path = path
        self._kept = OwnBlobs(path.with_name("kept"))
        saved = state_file.read(path)
        self.state = role.initial if saved is None else role.decode(saved)
        self._sent: dict[tuple[State, bytes], BlockRef] = {}
        self.trouble: TrothError | None = None
        """Why the last step did nothing, where that is not just waiting."""

    def tick(self, ledger: Ledger, store: BlobStore, view: StudyView, now: int) -> list[Receipt]:
        """One step of the role and its effects; the receipts of what was sent.

        What others did (a contract that refuses, a store that fails) makes a party wait, never end:
        deadlines decide. So does its own refusal to go on (`RoundError`, `StateFileError`).
        """
        self.trouble = None
        if self._under_way(ledger):
            return []
        try:
            outbox = self._step(store, view, now)
            # Before the state says that it is done: a crash must leave no secret behind.
            self._forget(store, outbox)
            self._save(outbox)
            for blob in outbox.puts:
                store.put(blob)
        except (RoundError, StateFileError, StorageError) as problem:
            self.trouble = problem
            return []
        state = view.current.state
        receipts = [self._send(ledger, state, call) for call in outbox.posts]
        return [receipt for receipt in receipts if receipt is not None]

    def _under_way(self, ledger: Ledger) -> bool:
        """Whether something that was sent still has to become final: nothing new can follow yet."""
        final = ledger.final().number
        blocks = (block for block in self._sent.values() if block.number > final)
        return any(_stands(ledger, block) for block in blocks)

    def _step(self, store: BlobStore, view: StudyView, now: int) -> Outbox[S]:
        blobs: dict[Wanted, bytes | None] = {}
        while True:
            try:
                return self.role.step(self.state, Inbox(view, now, blobs))
            except BlobsWanted as request:
                blobs.update({item: self._fetch(store, item) for item in request.wanted})

    def _save(self, outbox: Outbox[S]) -> None:
        for blob in outbox.keeps:
            self._kept.put(blob)
        if outbox.state != self.state:
            state_file.write(self._path, self.role.encode(outbox.state))
            self.state = outbox.state

    def _fetch(self, store: BlobStore, item: Wanted) -> bytes | None:
        """A blob, or None when nobody serves it whole: whose fault that is, others decide."""
        if item.keep:
            try:
                return self._kept.get(item.digest)
            except BlobMissing:
                pass  # not kept yet
        try:
            data = store.get(item.digest, max_size=item.max_size)
        except StorageError:
            return None
        if item.keep:
            self._kept.copy(data)
        return data

    def _send(self, ledger: Ledger, state: State, call: Any) -> Receipt | None:
        """Send a call once in one state; it is not sent again while its block stands.

        In another state the same call says something else: that other blobs could be fetched.
        """
        sent = (state, call.encode())
        block = self._sent.get(sent)
        if block is not None and _stands(ledger, block):
            return None
        try:
            receipt = ledger.send(self.account, call)
        except ContractRefused as refused:
            self.trouble = refused
            return None
        self._sent[sent] = receipt.block
        return receipt

    def _forget(self, store: BlobStore, outbox: Outbox[S]) -> None:
        for digest in outbox.deletes:
            try:
                store.delete(digest)
            except StorageError as problem:
                self.trouble = problem
        if outbox.forget:
            self._kept.clear()


def _stands(ledger: Ledger, block: BlockRef) -> bool:
    """Whether a block that was the head once is still part of the chain."""
    head = ledger.head().number
    return block.number <= head and ledger.block(block.number).ref.hash == block.hash


@dataclass
class Driver:
    """Runs parties of one study against one ledger and one store."""

    ledger: Ledger
    store: BlobStore
    view: StudyView
    parties: Sequence[Party[Any]]
    observe: Callable[[LoggedEvent], None] = lambda _: None
    """Told every final event of the ledger, in order."""
    newest: int = 0
    """The newest block that matters: with something in it that was sent, or a moved clock."""
    _next_block: int = field(default=0, init=False)

    def refresh(self) -> None:
        """Fold the events that have become final since the last time."""
        final = self.ledger.final().number
        for event in self.ledger.events(self._next_block, final):
            self.view.apply(event.event)
            self.observe(event)
        self._next_block = final + 1

    def tick(self, party: Party[Any]) -> list[Receipt]:
        """One step of one party, on what is final now; the receipts of what it sent."""
        now = self.ledger.final().timestamp
        receipts = party.tick(self.ledger, self.store, self.view, now)
        self.newest = max([self.newest, *(receipt.block.number for receipt in receipts)])
        self.refresh()
        return receipts


def run(
    driver: Driver, ledger: DevelopmentLedger, done: Callable[[StudyView], bool]
) -> list[Receipt]:
    """Let parties step in turn until ``done``, moving a development engine's time on when all wait.

    When nobody has anything to send, either something is not final yet (time moves by a second)
    or somebody is late (time moves halfway to the deadline, in the end past it, so that those who
    were patient may answer and anyone may enforce it).

    Returns:
        Every receipt, in order.

    Raises:
        RoundError: nobody has anything to do, and no deadline would change that.
    """
    receipts: list[Receipt] = []
    waiting = stuck = 0
    driver.newest = ledger.head().number
    driver.refresh()
    while True:
        for party in driver.parties:
            if done(driver.view):
                return receipts
            sent = driver.tick(party)
            receipts += sent
            waiting = 0 if sent else waiting + 1
        if waiting < len(driver.parties):
            stuck = 0
            continue
        stuck = 0 if _pass_time(driver, ledger) else stuck + 1
        if stuck > _MOST_WAITING:
            troubles = {str(party.trouble) for party in driver.parties if party.trouble}
            why = "; ".join(sorted(troubles)) or "nobody says why"
            raise RoundError(f"every party waits, and no deadline is left to pass: {why}")


def _pass_time(driver: Driver, ledger: DevelopmentLedger) -> bool:
    """Move time on; whether something was still to become final, or a deadline still ahead."""
    if ledger.final().number < driver.newest:
        ledger.advance(1)
        ahead = True
    else:
        left = driver.view.current.deadline - ledger.head().timestamp
        driver.newest = ledger.advance(max(1, (left + 1) // 2)).number
        ahead = left >= 0
    driver.refresh()
    return ahead
