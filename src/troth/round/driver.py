"""The only effects of the round protocol: read the ledger, fetch and store blobs, save, send.

A driver runs one or more parties of one study. Each party sees final ledger state only. For every
outbox the order is fixed: state to disk, blobs to the store, calls to the ledger; a party that is
stopped anywhere in between finds its state, does the same again, and is refused what it had done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from troth.errors import BlobMismatch, BlobMissing, ContractRefused, RoundError, StorageError
from troth.ledger.account import Account
from troth.ledger.client import DevelopmentLedger, Ledger
from troth.ledger.records import LoggedEvent, Receipt
from troth.round.mail import BlobsWanted, Inbox, Outbox, Role
from troth.round.view import StudyView
from troth.storage import state_file
from troth.storage.blobs import BlobStore

S = TypeVar("S")
# Somebody else, we before a crash, or the clock was faster: the view will show it.
_OVERTAKEN = ("AlreadyPosted", "WrongState", "WrongRound", "TooLate", "TooEarly")
_MOST_WAITING = 100


class Party(Generic[S]):
    """A role with its account and its state file."""

    def __init__(self, role: Role[S], account: Account, path: Path) -> None:
        self.role = role
        self.account = account
        self._path = path
        saved = state_file.read(path)
        self.state = role.initial if saved is None else role.decode(saved)
        self._sent: set[bytes] = set()

    def tick(self, ledger: Ledger, store: BlobStore, view: StudyView, now: int) -> list[Receipt]:
        """One step of the role and its effects; the receipts of what was sent."""
        outbox = self._step(store, view, now)
        if outbox.state != self.state:
            state_file.write(self._path, self.role.encode(outbox.state))
            self.state = outbox.state
        for blob in outbox.puts:
            store.put(blob)
        receipts = [self._send(ledger, call) for call in outbox.posts]
        for digest in outbox.deletes:
            store.delete(digest)
        return [receipt for receipt in receipts if receipt is not None]

    def _step(self, store: BlobStore, view: StudyView, now: int) -> Outbox[S]:
        blobs: dict[bytes, bytes | None] = {}
        while True:
            try:
                return self.role.step(self.state, Inbox(view, now, blobs))
            except BlobsWanted as request:
                for item in request.wanted:
                    blobs[item.digest] = _fetch(store, item.digest, item.max_size)

    def _send(self, ledger: Ledger, call: Any) -> Receipt | None:
        """Send a call once; a call that waits for finality is not sent again meanwhile."""
        data = call.encode()
        if data in self._sent:
            return None
        try:
            receipt = ledger.send(self.account, call)
        except ContractRefused as refused:
            if refused.name in _OVERTAKEN:
                return None
            raise
        self._sent.add(data)
        return receipt


def _fetch(store: BlobStore, digest: bytes, max_size: int) -> bytes | None:
    """A blob, or None when nobody serves it whole: whose fault that is, the protocol decides."""
    try:
        return store.get(digest, max_size=max_size)
    except (BlobMissing, BlobMismatch, StorageError):
        return None


@dataclass
class Driver:
    """Runs parties of one study against one ledger and one store."""

    ledger: Ledger
    store: BlobStore
    view: StudyView
    parties: Sequence[Party[Any]]
    observe: Callable[[LoggedEvent], None] = lambda _: None
    """Told every final event of the ledger, in order."""
    _next_block: int = 0

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
    waiting = 0
    driver.refresh()
    while True:
        for party in driver.parties:
            if done(driver.view):
                return receipts
            sent = driver.tick(party)
            receipts += sent
            waiting = 0 if sent else waiting + 1
        if waiting < len(driver.parties):
            continue
        if waiting > _MOST_WAITING * len(driver.parties):
            raise RoundError("every party waits, and no deadline is left to pass")
        _pass_time(driver, ledger)


def _pass_time(driver: Driver, ledger: DevelopmentLedger) -> None:
    if ledger.final().number < ledger.head().number:
        ledger.advance(1)
    else:
        left = driver.view.current.deadline - ledger.head().timestamp
        ledger.advance(max(1, (left + 1) // 2))
    driver.refresh()
