"""What each party does in each state of a round, measured from outside: no role knows of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.secagg.measure import Timing, timed

from troth.ledger.account import Account
from troth.ledger.records import Receipt
from troth.round.driver import Party
from troth.round.faults import Examined, examine
from troth.round.mail import Role
from troth.round.published import PublishedRound
from troth.round.transitions import State
from troth.round.view import StudyView


@dataclass(frozen=True)
class Tick:
    """One step of one party with its effects. Seconds of wall-clock time but for ``cpu_s``."""

    round: int
    state: State
    party: str
    own_s: float
    """Its own work: computing, and keeping what it must not lose on its own disk."""
    store_s: float
    """In the object store: a folder here."""
    ledger_s: float
    """In the ledger, which this process plays as well; nobody's work."""
    examined_s: float
    """What `examine` took beside: the same for every voter, and computed once."""
    examined_cpu_s: float
    cpu_s: float
    """Processor time of its own work and the store, without the examination."""
    put_bytes: int
    """Put into the store."""
    sent: int
    """Transactions."""
    gas: int
    """Of these."""


class Passing:
    """Passes every call on to a ledger or a store and adds up the time that they take."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = self.cpu_s = 0.0
        self.put_bytes = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name == "put":
                self.put_bytes += len(arguments[0])
            cpu, start = time.process_time(), time.perf_counter()
            try:
                return found(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - start
                self.cpu_s += time.process_time() - cpu

        return call


class Examination:
    """`examine`, computed once for all voters, with the time that it took."""

    def __init__(self) -> None:
        self.last: tuple[PublishedRound, Examined] | None = None
        self.asked: dict[int, int] = {}
        """How often, by round."""
        self._spent = (0.0, 0.0)

    def __call__(self, published: PublishedRound) -> Examined:
        """What `examine` finds."""
        number = published.where.round
        self.asked[number] = self.asked.get(number, 0) + 1
        if self.last is None or self.last[0] != published:
            cpu, start = time.process_time(), time.perf_counter()
            self.last = (published, examine(published))
            self._spent = (time.perf_counter() - start, time.process_time() - cpu)
        return self.last[1]

    def take(self) -> tuple[float, float]:
        """Seconds, and of processor time, spent since this was asked the last time."""
        spent, self._spent = self._spent, (0.0, 0.0)
        return spent


class _NothingOpened(PublishedRound):
    """A published round as if no noise had been opened: what is left to check are publications."""

    def opened_places(self, member: int) -> list[int]:
        """None."""
        del member
        return []


def publications_only(published: PublishedRound) -> Timing:
    """What the checks of all publications take, without those of opened noise."""
    fields = {name: getattr(published, name) for name in vars(published)}
    members = len(published.study.committee)
    bare = replace(_NothingOpened(**fields), seeds=[()] * members)
    timing, _ = timed(lambda: examine(bare))
    return timing


class MeasuredParty(Party[Any]):
    """A party whose every step is noted."""

    def __init__(
        self,
        name: str,
        role: Role[Any],
        account: Account,
        path: Path,
        examination: Examination,
        note: Callable[[Tick], None],
    ) -> None:
        super().__init__(role, account, path)
        self.name = name
        self._examination = examination
        self._note = note

    def tick(self, ledger: Any, store: Any, view: StudyView, now: int) -> list[Receipt]:
        """See `Party.tick`."""
        number, state = view.current.number, view.current.state
        timed_ledger, timed_store = Passing(ledger), Passing(store)
        cpu, start = time.process_time(), time.perf_counter()
        receipts = super().tick(timed_ledger, timed_store, view, now)  # type: ignore[arg-type] # a stand-in
        whole, cpu = time.perf_counter() - start, time.process_time() - cpu
        examined_s, examined_cpu_s = self._examination.take()
        self._note(
            Tick(
                round=number,
                state=state,
                party=self.name,
                own_s=whole - timed_store.seconds - timed_ledger.seconds - examined_s,
                store_s=timed_store.seconds,
                ledger_s=timed_ledger.seconds,
                examined_s=examined_s,
                examined_cpu_s=examined_cpu_s,
                cpu_s=cpu - timed_ledger.cpu_s - examined_cpu_s,
                put_bytes=timed_store.put_bytes,
                sent=len(receipts),
                gas=sum(receipt.gas_used for receipt in receipts),
            )
        )
        if self.trouble is not None:
            raise self.trouble
        return receipts
