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
from troth.round.ballots import disputing, majority, silent
from troth.round.call import EMPTY, Call, Emitted, Surroundings, refusal
from troth.round.guards import GUARDS, NAMED, all_in
from troth.round.record import Progress, RoundRecord, Shape
from troth.round.resumption import vote_to_resume
from troth.round.transcript import RoundId, bits, heads_digest, transcript_digest
from troth.round.transitions import Outcome, Row, State, table

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
    if _complete(call, row):
        posted = set(record.posted)
        events += _move(call, row.outcomes)
        if row.when == "first":  # the first announcement opens the state in which it counts
            record.posted = posted
    return events


def _complete(call: Call, row: Row) -> bool:
    if row.when == "all":
        return len(call.record.posted) == call.shape.members
    return row.when != "never"


def _expire(call: Call) -> _Events:
    """Anyone, after a missed deadline."""
    record = call.record
    outcomes = table().timeouts.get(record.state)
    if not outcomes:
        raise refusal("WrongState", state=record.state)
    if call.now <= record.deadline:
        raise refusal("TooEarly", deadline=record.deadline, now_at=call.now)
    return _move(call, outcomes)


def _move(call: Call, outcomes: Sequence[Outcome]) -> _Events:
    """Take the first outcome that holds: its charge, what it fixes, and the new state."""
    record = call.record
    outcome = next(o for o in outcomes if o.guard is None or GUARDS[o.guard](call))
    charged: _Events = []
    if outcome.reservation != "none":
        charges = call.ask.charges_of(call.where.study, record.enrolled)
        charged = [*call.ask.charge(outcome.reservation, *call.key, charges)]
    fixed: _Events = []
    if outcome.to is State.ABORTED:
        fixed = [_abort(call, outcome)]
    elif outcome.to in _FIXES:
        fixed = [_FIXES[outcome.to](call)]
    call.progress.finals += outcome.to is State.FINAL
    record.posted, record.owing, record.unserved = set(), set(), {}
    if outcome.to is State.CONTESTED:
        _contest(call)
    elif outcome.guard == "noise rejected":
        rejected = bits(call.shape.noise_bits & ~record.accepted)
        record.owing = {call.shape.candidate(place)[0] for place in rejected}
    record.state = outcome.to
    window = table().windows.get(outcome.to)
    record.deadline = call.now + _window(call.shape.terms, window) if window else 0
    moved = rounds.Moved(*call.key, outcome.to, record.deadline)
    # S is announced before it is paid for; everything else after.
    settled = outcome.reservation == "settle"
    return [*fixed, *charged, moved] if settled else [*charged, *fixed, moved]


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
    """The owners of denied noise owe an answer; all noise counts as delivered until it is given."""
    record = call.record
    record.owing = {owner for owner, _, _ in record.denials}
    record.posted = set(range(call.shape.members)) - record.owing
    record.delivered |= call.shape.noise_bits
    record.denials = set()


def _heads_fixed(call: Call) -> Event:
    record, members = call.record, range(call.shape.members)
    heads = tuple(record.key_heads[j] for j in members)
    hpke_keys = tuple(record.hpke_keys[j] for j in members)
    record.heads_digest = heads_digest(call.where, heads, hpke_keys)
    return rounds.HeadsFixed(*call.key, record.heads_digest)


def _opened(call: Call) -> Event:
    return rounds.Opened(*call.key, call.record.enrolled)


def _transcript_fixed(call: Call) -> Event:
    record, shape = call.record, call.shape
    reports = tuple(record.reports.get(site, EMPTY) for site in range(shape.sites))
    lists = tuple(record.noise_lists[j] for j in range(shape.members))
    record.transcript = transcript_digest(call.where, record.heads_digest, reports, lists)
    return rounds.TranscriptFixed(*call.key, record.transcript, record.present)


def _delivery_fixed(call: Call) -> Event:
    return rounds.DeliveryFixed(*call.key, call.record.delivered)


def _accepted_fixed(call: Call) -> Event:
    return rounds.AcceptedFixed(*call.key, call.record.accepted)


def _finalised(call: Call) -> Event:
    call.record.model_digest = majority(call.shape, call.record) or EMPTY
    return rounds.Finalised(*call.key, call.record.model_digest)


_FIXES: dict[State, Callable[[Call], Event]] = {
    State.ANNOUNCED: _heads_fixed,
    State.OPEN: _opened,
    State.CLOSED: _transcript_fixed,
    State.DELIVERED: _delivery_fixed,
    State.SETTLED: _accepted_fixed,
    State.FINAL: _finalised,
}
"""The event that says what is fixed on the way into a state."""
