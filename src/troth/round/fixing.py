"""The events that say what is fixed on the way into a state."""

from collections.abc import Callable, Iterator

from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.ballots import majority
from troth.round.call import EMPTY, Call
from troth.round.transcript import heads_digest, transcript_digest
from troth.round.transitions import State, table


def fixed(call: Call, to: State) -> list[Event]:
    """What the round fixes as it goes from its state into another one."""
    return list(_FIXES[to](call)) if to in _FIXES else []


def _committee(call: Call) -> Iterator[Event]:
    """Who has been at fault in an earlier round takes no part in this one."""
    state, reason = call.record.state, table().reasons.index("Fault")
    for member in sorted(call.progress.guilty):
        yield rounds.Dropped(*call.key, call.shape.terms.committee[member], state, reason)


def _heads(call: Call) -> Iterator[Event]:
    record, members = call.record, range(call.shape.members)
    heads = tuple(record.key_heads.get(j, EMPTY) for j in members)
    hpke_keys = tuple(record.hpke_keys.get(j, EMPTY) for j in members)
    record.heads_digest = heads_digest(call.where, heads, hpke_keys)
    yield rounds.HeadsFixed(*call.key, record.heads_digest)


def _opened(call: Call) -> Iterator[Event]:
    yield rounds.Opened(*call.key, call.record.enrolled)


def _transcript(call: Call) -> Iterator[Event]:
    record, shape = call.record, call.shape
    reports = tuple(record.reports.get(site, EMPTY) for site in range(shape.sites))
    lists = tuple(record.noise_lists.get(j, EMPTY) for j in range(shape.members))
    record.transcript = transcript_digest(call.where, record.heads_digest, reports, lists)
    yield rounds.TranscriptFixed(*call.key, record.transcript, record.present)


def _delivery(call: Call) -> Iterator[Event]:
    yield rounds.DeliveryFixed(*call.key, call.record.delivered)


def _accepted(call: Call) -> Iterator[Event]:
    yield rounds.AcceptedFixed(*call.key, call.record.accepted)


def _recovery(call: Call) -> Iterator[Event]:
    """Nothing where noise cannot be recovered: the round comes straight from `State.PICKED`."""
    if call.record.state is State.SEEDED:
        yield rounds.RecoveryFixed(*call.key, call.record.recovered)


def _model(call: Call) -> Iterator[Event]:
    call.record.model_digest = majority(call.shape, call.record) or EMPTY
    yield rounds.Finalised(*call.key, call.record.model_digest)


_FIXES: dict[State, Callable[[Call], Iterator[Event]]] = {
    State.ANNOUNCING: _committee,
    State.ANNOUNCED: _heads,
    State.OPEN: _opened,
    State.CLOSED: _transcript,
    State.DELIVERED: _delivery,
    State.SETTLED: _accepted,
    State.OPENED: _recovery,
    State.FINAL: _model,
}
