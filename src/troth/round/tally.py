"""What a complete step comes to: noted in the record, before it is decided where the round goes."""

from collections.abc import Callable

from troth.round.call import Call
from troth.round.codes import accepted, agreed_codes
from troth.round.leaving import agreed_recovery
from troth.round.replication import opened_by_all, opened_by_most
from troth.round.transitions import State


def _reported(call: Call) -> None:
    record = call.record
    sites = sum(1 << site for site in record.reports)
    record.present = sites | call.shape.noise_of(record.noise_lists)


def _opened(call: Call) -> None:
    """What can be had once denials are answered: all noise, or what most opened."""
    record, words = call.record, call.record.of_live(call.record.words).values()
    if call.shape.replicated:
        record.delivered = call.shape.grouped(opened_by_most(words))
    else:
        record.delivered = opened_by_all(words) | call.shape.noise_bits


def _opened_at_last(call: Call) -> None:
    record, words = call.record, call.record.of_live(call.record.words).values()
    record.delivered = call.shape.grouped(record.delivered & opened_by_all(words))


def _judged(call: Call) -> None:
    """S, as far as there is a verdict: without noise of those that will not open it."""
    record, shape = call.record, call.shape
    codes = agreed_codes(shape, record)
    gone = shape.noise_of(set(range(shape.members)) - record.live)
    record.accepted = 0 if codes is None else shape.grouped(accepted(shape, codes)) & ~gone


def _recovered(call: Call) -> None:
    call.record.recovered = agreed_recovery(call) or 0


TALLIES: dict[State, Callable[[Call], None]] = {
    State.OPEN: _reported,
    State.CLOSED: _opened,
    State.ANSWERED: _opened_at_last,
    State.JUDGED: _judged,
    State.SEEDED: _recovered,
}
"""By the state whose step is complete."""
