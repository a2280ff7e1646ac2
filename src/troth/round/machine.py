"""The Rounds contract as plain Python, driven by the rows of the transition table.

`RoundsModel.apply` says, for any call at any time, either which events the contract emits, in
order, or with which of its errors it reverts. Which action is possible in which state, when a step
is complete, where it leads, whom an abort names and what becomes of the reservation all come from
``transitions.json``; the checks of an action's own values are in ``actions.py``. The audit replays
a whole chain with it, and the contract's tests compare with it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.bindings.structs import OnChainTerms, Windows
from troth.ledger.interface import Event
from troth.round.actions import ACTIONS
from troth.round.ballots import disputing, silent
from troth.round.call import Call, Emitted, Surroundings, refusal
from troth.round.codes import accepted, agreed_codes
from troth.round.fixing import fixed
from troth.round.guards import GUARDS, NAMED, all_in
from troth.round.leaving import LEAVING, leave
from troth.round.record import Progress, RoundRecord, Shape
from troth.round.replication import opened_by_all
from troth.round.resumption import vote_to_resume
from troth.round.tally import TALLIES
from troth.round.transcript import RoundId
from troth.round.transitions import Leave, Outcome, Row, State, table

__all__ = ["Emitted", "Progress", "RoundsModel", "Surroundings"]

_NO_TERMS = OnChainTerms(
    mode=0,
    honest=0,
    noise_candidates=1,
    accusations=0,
    corrupt_sites=0,
    every_site=False,
    rounds=0,
    max_aborts=0,
    min_sites=0,
    min_weight=0,
    clip=0,
    noise_variance=0,
    windows=Windows(*[0] * 13),
    committee=(),
    sites=(),
)
"""Of a study that nobody proposed: no members, no sites, no rounds."""

_Events = list[Event | Emitted]


class RoundsModel:
    """All rounds of all studies on one Rounds contract. Copy it with ``copy.deepcopy``.

    Args:
        chain_id: the chain.
        address: where the contract lives.
    """

    def __init__(self, chain_id: int, address: Address) -> None:
        self._chain_id = chain_id
        self._address = address
        self.studies: dict[bytes, Progress] = {}

    def apply(
        self, sender: Address, action: str, arguments: dict[str, Any], now: int, ask: Surroundings
    ) -> list[Emitted]:
        """What one call does: its events in order, or its refusal and no change.

        Args:
            sender: who calls.
            action: the contract's function.
            arguments: by parameter name.
            now: timestamp of the block.
            ask: the other contracts.

        Raises:
            ContractRefused: the contract's custom error.
        """
        given = dict(arguments)
        study_id = given.pop("study_id")
        progress = self.studies.get(study_id, Progress())
        shape = Shape(ask.terms_of(study_id) or _NO_TERMS)
        if action == "resume":
            place = (self._chain_id, self._address, study_id)
            return _emitted(vote_to_resume(place, sender, given["restored"], progress, shape, ask))
        number = given.pop("round")
        record = progress.rounds.get(number, RoundRecord()).copy()
        where = RoundId(self._chain_id, self._address, study_id, number)
        call = Call(sender, where, now, progress, record, shape, ask)
        if number != progress.current and action not in _LATER:
            raise call.refuse_here("WrongRound", current=progress.current)
        events = _expire(call) if action == "expire" else _act(call, action, given)
        progress.rounds[number] = record
        self.studies[study_id] = progress  # nothing before this line changed what a refusal keeps
        return _emitted(events)


_LATER = {row.action for row in table().rows if row.source.ended}
"""Actions on rounds that ended, whichever the study is at now."""


def _emitted(events: Sequence[Event | Emitted]) -> list[Emitted]:
    return [e if isinstance(e, Emitted) else Emitted("Rounds", e) for e in events]


def _act(call: Call, action: str, given: dict[str, Any]) -> _Events:
    """An action by its row: admitted in this state and time, then checked, then completed."""
    record = call.record
    row = table().row(record.state, action)
    if row is None:
        raise refusal("WrongState", state=record.state)
    late = record.state in table().windows and call.now > record.deadline
    if row.when == "all in or late":
        if not late and not all_in(call):
            raise refusal("TooEarly", deadline=record.deadline, now_at=call.now)
    elif late:
        raise refusal("TooLate", deadline=record.deadline, now_at=call.now)
    check = ACTIONS.get(action)
    said = check(call, **given) if check else None
    events: _Events = [] if said is None else [said]
    if row.by in ("member", "owner") and row.when in ("first", "all"):
        record.posted.add(call.member())
    if _is_complete(call, row):
        posted = set(record.posted)
        events += _complete(call, row)
        if row.when == "first":  # the first announcement opens the state in which it counts
            record.posted = posted
    return events


def _is_complete(call: Call, row: Row) -> bool:
    if row.when == "all":
        return call.record.live <= call.record.posted
    return row.when != "never"


def _complete(call: Call, row: Row) -> _Events:
    """A step that nothing is missing of: who is at fault, who leaves, and where it leads."""
    events: _Events = []
    if row.guilty:
        call.progress.guilty |= LEAVING[row.guilty](call)
    for leaving in row.leave:
        events += leave(call, leaving)
    tally = TALLIES.get(call.record.state)
    if tally:
        tally(call)
    return events + _move(call, row.outcomes)


def _expire(call: Call) -> _Events:
    """Anyone, after a missed deadline: the round goes on without who missed it, or aborts."""
    record = call.record
    outcomes = table().timeouts.get(record.state)
    if not outcomes:
        raise refusal("WrongState", state=record.state)
    if call.now <= record.deadline:
        raise refusal("TooEarly", deadline=record.deadline, now_at=call.now)
    row, withheld = table().awaited(record.state), outcomes[-1]
    gone = LEAVING["missing"](call)
    left = leave(call, Leave("missing", withheld.reason)) if row else []
    if row is None or not left:
        return _move(call, outcomes)
    if withheld.guilty:
        call.progress.guilty |= gone
    return [*left, *_complete(call, row)]


def _move(call: Call, outcomes: Sequence[Outcome]) -> _Events:
    """Take the first outcome that holds: its charge, what it fixes, and the new state."""
    record = call.record
    outcome = next(o for o in outcomes if o.guard is None or GUARDS[o.guard](call))
    charged: _Events = []
    if outcome.reservation != "none":
        charges = call.ask.charges_of(call.where.study, record.enrolled)
        charged = [*call.ask.charge(outcome.reservation, *call.key, charges)]
    aborted = outcome.to is State.ABORTED
    said = [_abort(call, outcome)] if aborted else fixed(call, outcome.to)
    call.progress.finals += outcome.to is State.FINAL
    record.posted, record.owing, record.unserved = set(), set(), {}
    if outcome.to is State.CONTESTED:
        _contest(call)
    elif outcome.guard == "noise rejected":
        record.owing = _owners_of_rejected_noise(call)
    record.state = outcome.to
    window = table().windows.get(outcome.to)
    record.deadline = call.now + _window(call.shape.terms, window) if window else 0
    moved = rounds.Moved(*call.key, outcome.to, record.deadline)
    # S is announced before it is paid for; everything else after.
    settled = outcome.reservation == "settle"
    return [*said, *charged, moved] if settled else [*charged, *said, moved]


def _window(terms: OnChainTerms, name: str) -> int:
    seconds: int = getattr(terms.windows, re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name))
    return seconds


def _abort(call: Call, outcome: Outcome) -> Event:
    """Count what an abort leaves behind: a guilty member, accusations that are used up."""
    record, progress = call.record, call.progress
    named = NAMED[outcome.names](call)
    party, other = (*named, ZERO, ZERO)[:2]
    reason = table().reasons.index(outcome.reason)
    progress.aborts += 1
    progress.unattributed += outcome.reason in table().unattributed
    if outcome.guilty:
        at_fault = call.shape.member(party)
        progress.guilty |= set() if at_fault is None else {at_fault}
    for site in _USES[outcome.reason](call.shape, record) if outcome.reason in _USES else ():
        progress.used[site] = progress.used.get(site, 0) + 1
    return rounds.RoundAborted(*call.key, reason, record.state, party, other)


_USES: dict[str, Callable[[Shape, RoundRecord], list[int]]] = {
    "Accused": disputing,
    "Silent": silent,
}
"""The sites that use up an accusation, by the reason of the abort."""


def _contest(call: Call) -> None:
    """Who can show what was denied owes an answer: noise's owner, or all who may hold the share."""
    record, live = call.record, set(call.record.live)
    words = record.of_live(record.words).values()
    denied = record.delivered & ~opened_by_all(words)
    record.owing = live if call.shape.replicated else call.shape.owners(denied)
    record.posted = live - record.owing


def _owners_of_rejected_noise(call: Call) -> set[int]:
    record, shape = call.record, call.shape
    codes = agreed_codes(shape, record)
    rejected = 0 if codes is None else record.delivered & ~accepted(shape, codes)
    return shape.owners(rejected)
