"""What must hold of every transition of a round, whoever lies; said without the machine's words.

`broken_by` names what one transition breaks. That no way leads nowhere, and that nothing honest is
refused, is `exploration`'s to say: it sees all transitions.
"""

from collections.abc import Iterator
from typing import Any

from tests.round.schedules import COMMITTEE, SITES, STOPPED, Move, Position

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.transitions import State, table

RESERVED, SETTLED, RELEASED = ("reserve",), ("reserve", "settle"), ("reserve", "release")
ON_RESERVATION = (
    rounds.Reported,
    rounds.NoiseReported,
    rounds.TranscriptFixed,
    rounds.DeliveryPosted,
    rounds.KeyRevealed,
    rounds.FileCommitted,
    rounds.FilesConfirmed,
    rounds.VerdictPosted,
)
ON_SETTLEMENT = (
    rounds.SumCommitted,
    rounds.PublicationPosted,
    rounds.Attested,
    rounds.Finalised,
)


def broken_by(before: Position, move: Move, after: Position, events: list[Any]) -> Iterator[str]:
    """The properties that one transition breaks."""
    if before.record.state.ended and move.action != "next round":
        yield "a round that ended moves"
    if _rank(after) <= _rank(before):
        yield f"{move.action} leads no further in {before.record.state.title}"
    yield from _charge(before, after)
    for event in events:
        yield from _said(before, after, event)


def _charge(before: Position, after: Position) -> Iterator[str]:
    """Reserved, then settled or released, each once; settled exactly when S is fixed, for ever."""
    if after.charges not in ((), RESERVED, SETTLED, RELEASED):
        yield f"charges go {', '.join(after.charges)}"
    if ("settle" in after.charges) != (after.fixed is not None):
        yield "S and settlement do not come together"
    if after.fixed is not None and after.record.accepted != after.fixed:
        yield "S changes"
    if after.record.state is State.ABORTED and after.charges == RESERVED:
        yield f"an abort in {before.record.state.title} leaves the reservation"


def _said(before: Position, after: Position, event: Any) -> Iterator[str]:
    """What one event promises."""
    name = type(event).__name__
    if isinstance(event, ON_RESERVATION) and before.charges != RESERVED:
        yield f"{name} without a reservation"
    if isinstance(event, ON_SETTLEMENT) and before.charges != SETTLED:
        yield f"{name} before the charge is settled"
    if isinstance(event, rounds.AcceptedFixed) and before.fixed is not None:
        yield "S is fixed twice"
    if isinstance(event, rounds.Finalised) and not _attested(before, event.model_digest):
        yield "a final model without its majority"
    if isinstance(event, rounds.RoundAborted) and not _at_fault(before, after, event):
        told = (table().reasons[event.reason], before.record.state.title)
        since = "once the study is stopped" if before.frame == STOPPED else "once it is voted out"
        yield f"{told[0]} in {told[1]} names nobody at fault" + f", {since}" * bool(before.frame)


def _attested(before: Position, digest: bytes) -> bool:
    """More than half of members and accepted sites, and more than the committee, said the same."""
    voters = {*COMMITTEE, *(s for i, s in enumerate(SITES) if (before.fixed or 0) >> i & 1)}
    votes = [who for who, model in before.record.attestations.items() if model == digest]
    return voters.issuperset(votes) and 2 * len(votes) > len(voters) and len(votes) > len(COMMITTEE)


def _at_fault(before: Position, after: Position, abort: rounds.RoundAborted) -> bool:
    """Whether it names nobody, or one who is not honest and missed the deadline or strayed.

    Of a pair one is enough: the contract cannot tell which of them it is.
    """
    named = [who for who in (abort.party, abort.other) if who != ZERO]
    guilty = after.strayed
    if table().reasons[abort.reason] == "Withheld":
        rows = [row for row in table().rows if row.source is before.record.state]
        awaited = [row.action for row in rows if row.by == "member"]
        missing = {m for m in COMMITTEE for a in awaited if (a, m) not in before.posts}
        guilty = frozenset(missing if before.late else ())
    return not named or any(who in guilty and not before.honest(who) for who in named)


def _rank(here: Position) -> tuple[Any, ...]:
    """Grows with every transition: so no schedule goes on for ever."""
    record = here.record
    gathered = (record.posted, record.reports, record.noise_lists, record.attestations)
    outside = bool(here.frame) + here.late - here.enrolled.bit_count()
    return here.number, record.state, sum(map(len, gathered)) + outside
