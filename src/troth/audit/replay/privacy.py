"""Budgets and charges in nano-ρ: the PrivacyLedger contract as plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.audit.replay.consortium import ConsortiumModel
from troth.audit.replay.datasets import DatasetsModel
from troth.errors import ContractRefused
from troth.ledger.address import Address
from troth.ledger.bindings import privacy_ledger
from troth.ledger.interface import Event
from troth.round.machine import Emitted

Charges = tuple[tuple[bytes, int], ...]
"""Lineage and nano-ρ of each site that pays, in terms order."""


@dataclass
class Entry:
    """The account of one lineage. ``revision`` tells one budget from the next."""

    budget: int
    settled: int = 0
    reserved: int = 0
    closed: bool = False
    revision: int = 1

    @property
    def left(self) -> int:
        """What a reservation may still ask; a reservation counts as spent."""
        return max(0, self.budget - self.settled - self.reserved)


def _refuse(name: str, **arguments: object) -> ContractRefused:
    return ContractRefused("PrivacyLedger", name, arguments)


def _say(*events: Event) -> list[Emitted]:
    return [Emitted("PrivacyLedger", event) for event in events]


class PrivacyModel:
    """All lineages' accounts, and the reservations of all rounds."""

    def __init__(self, consortium: ConsortiumModel, datasets: DatasetsModel) -> None:
        self._consortium = consortium
        self._datasets = datasets
        self.entries: dict[bytes, Entry] = {}
        self._reservations: dict[tuple[bytes, int], Charges | None] = {}
        self._raises: dict[tuple[bytes, int, int, int], set[Address]] = {}

    def open_budget(self, sender: Address, lineage: bytes, budget: int) -> list[Emitted]:
        """The holder opens the budget, once."""
        self._require_holder(lineage, sender)
        if budget == 0:
            raise _refuse("ZeroBudget")
        if lineage in self.entries:
            raise _refuse("BudgetExists", lineage=lineage)
        self.entries[lineage] = Entry(budget)
        return _say(privacy_ledger.BudgetOpened(lineage, budget))

    def lower(self, sender: Address, lineage: bytes, budget: int) -> list[Emitted]:
        """The holder lowers it."""
        self._require_holder(lineage, sender)
        entry = self._usable(lineage)
        if budget >= entry.budget:
            raise _refuse("NotLower", lineage=lineage, budget=entry.budget, asked=budget)
        _set_budget(entry, budget)
        return _say(privacy_ledger.BudgetLowered(lineage, budget))

    def close(self, sender: Address, lineage: bytes) -> list[Emitted]:
        """The holder closes it for ever."""
        self._require_holder(lineage, sender)
        self._usable(lineage).closed = True
        return _say(privacy_ledger.BudgetClosed(lineage))

    def vote_raise(self, sender: Address, lineage: bytes, budget: int) -> list[Emitted]:
        """A member votes to raise it; carried by a quorum that the holder is part of."""
        if not self._consortium.roles_of(sender):
            raise _refuse("NotMember", account=sender)
        entry = self._usable(lineage)
        if budget <= entry.budget:
            raise _refuse("NotHigher", lineage=lineage, budget=entry.budget, asked=budget)
        motion = (lineage, budget, entry.revision, self._consortium.epoch)
        voters = self._raises.setdefault(motion, set())
        if sender in voters:
            raise _refuse("AlreadyVoted", lineage=lineage, budget=budget, member=sender)
        voters.add(sender)
        needed = self._consortium.quorum
        events = _say(privacy_ledger.BudgetRaiseVoted(lineage, budget, sender, len(voters), needed))
        if len(voters) >= needed and self._datasets.holder_of_lineage(lineage) in voters:
            _set_budget(entry, budget)
            events += _say(privacy_ledger.BudgetRaised(lineage, budget))
        return events

    def refuse_caller(self, sender: Address) -> ContractRefused:
        """``reserve``, ``settle`` and ``release`` called by anyone but the Rounds contract."""
        return _refuse("OnlyRounds", caller=sender)

    def charge(
        self, step: str, study_id: bytes, number: int, charges: Sequence[tuple[bytes, int]]
    ) -> list[Emitted]:
        """``reserve``, ``settle`` or ``release`` the price of a round, on all lineages or none."""
        key, asked = (study_id, number), tuple(charges)
        if step == "reserve":
            return self._reserve(key, asked)
        reservation = self._reservations.get(key)
        if reservation is None:
            raise _refuse("NoReservation", study_id=study_id, round=number)
        if reservation != asked:
            raise _refuse("ReservationDiffers", study_id=study_id, round=number)
        self._reservations[key] = None
        events = []
        for lineage, price in asked:
            entry = self.entries[lineage]
            entry.reserved -= price
            if step == "settle":
                entry.settled += price
                events += _say(privacy_ledger.Settled(*key, lineage, price))
            else:
                events += _say(privacy_ledger.Released(*key, lineage, price))
        return events

    def _reserve(self, key: tuple[bytes, int], asked: Charges) -> list[Emitted]:
        if key in self._reservations:
            raise _refuse("ReservationExists", study_id=key[0], round=key[1])
        for lineage, price in asked:  # lineages of a study differ, so testing first is the same
            left = self._usable(lineage).left
            if price > left:
                raise _refuse("BudgetExceeded", lineage=lineage, left=left, asked=price)
        self._reservations[key] = asked
        for lineage, price in asked:
            self.entries[lineage].reserved += price
        return _say(*(privacy_ledger.Reserved(*key, lineage, price) for lineage, price in asked))

    def _usable(self, lineage: bytes) -> Entry:
        entry = self.entries.get(lineage)
        if entry is None:
            raise _refuse("NoBudget", lineage=lineage)
        if entry.closed:
            raise _refuse("BudgetIsClosed", lineage=lineage)
        return entry

    def _require_holder(self, lineage: bytes, sender: Address) -> None:
        if self._datasets.holder_of_lineage(lineage) != sender:
            raise _refuse("NotHolder", lineage=lineage, account=sender)


def _set_budget(entry: Entry, budget: int) -> None:
    entry.budget = budget
    entry.revision += 1
