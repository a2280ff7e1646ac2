"""What must hold of every transition of a round, whoever lies; said without the machine's words.

`broken_by` names what one transition breaks. That no way leads nowhere, and that nothing honest is
refused, is `exploration`'s to say: it sees all transitions.
"""

from collections.abc import Iterator
from typing import Any

from tests.round.holders import absent
from tests.round.positions import (
    KEPT,
    RIGHT,
    SHIFTED,
    SITES,
    STOPPED,
    Position,
    forged,
    shut,
)
from tests.round.schedules import Move

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.round.transcript import CHALLENGE_LEVEL, PICK_LEVEL, VERIFY_LEVEL
from troth.round.transitions import Fault, State, table

RESERVED, SETTLED, RELEASED = ("reserve",), ("reserve", "settle"), ("reserve", "release")
ON_RESERVATION = (
    rounds.Reported,
    rounds.NoiseReported,
    rounds.TranscriptFixed,
    rounds.DeliveryPosted,
    rounds.Answered,
    rounds.FileCommitted,
    rounds.VerdictPosted,
)
ON_SETTLEMENT = (
    rounds.SumCommitted,
    rounds.PublicationPosted,
    rounds.NoiseOpened,
    rounds.Recovered,
    rounds.RecoveryFixed,
    rounds.Attested,
    rounds.Accused,
    rounds.Finalised,
)
AFTERWARDS = ("next round", "review", "defend")


def broken_by(before: Position, move: Move, after: Position, events: list[Any]) -> Iterator[str]:
    """The properties that one transition breaks."""
    ended = before.record.state.ended
    if ended and (
        move.action not in AFTERWARDS or any(isinstance(e, rounds.Moved) for e in events)
    ):
        yield "a round that ended moves"
    if _rank(after) <= _rank(before):
        yield f"{move.action} leads no further in {before.record.state.title}"
    yield from _charge(before, after)
    for event in events:
        yield from _said(before, move, after, event)
    if any(before.honest(after.setting.committee[j]) for j in after.study.guilty):
        yield "an honest member is held proven at fault"


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


def _said(before: Position, move: Move, after: Position, event: Any) -> Iterator[str]:
    """What one event promises."""
    name = type(event).__name__
    level = event.level if isinstance(event, rounds.KeyRevealed) else None
    reserved = isinstance(event, ON_RESERVATION) or level == VERIFY_LEVEL
    settled = isinstance(event, ON_SETTLEMENT) or level in (CHALLENGE_LEVEL, PICK_LEVEL)
    if reserved and before.charges != RESERVED:
        yield f"{name} without a reservation"
    if settled and before.charges != SETTLED:
        yield f"{name} before the charge is settled"
    if isinstance(event, rounds.Dropped):
        yield from _left(before, after, event)
    if isinstance(event, rounds.AcceptedFixed) and before.fixed is not None:
        yield "S is fixed twice"
    if isinstance(event, rounds.HeadPosted) and before.paused:
        yield "a study goes on that is paused"
    if isinstance(event, rounds.HeadPosted) and before.over:
        yield "a study goes on that is over"
    if isinstance(event, rounds.Resumed) and after.paused:
        yield "a study stays paused"
    if isinstance(event, rounds.Finalised):
        yield from _final(before, event.model_digest)
    if isinstance(event, rounds.RoundAborted):
        yield from _aborted(before, move, after, event)


def _final(before: Position, digest: bytes) -> Iterator[str]:
    """More than half of members and accepted sites say the same, and nobody honest says no."""
    setting, record = before.setting, before.record
    accepted = {SITES[i] for i in range(setting.sites) if (before.fixed or 0) >> i & 1}
    voters = accepted | set(setting.committee)
    votes = {who for who, said in record.attestations.items() if said.model_digest == digest}
    members, corrupt = len(setting.committee), setting.terms.corrupt_sites
    if not (votes <= voters and 2 * len(votes) > len(voters) and len(votes) > members + corrupt):
        yield "a final model without its majority"
    if votes & record.accusations.keys():
        yield "an accuser's attestation counts"
    if any(before.honest(a) and s.fault is Fault.OWN_TAG for a, s in record.accusations.items()):
        yield "a final model with a tag that its honest owner disputes"
    if setting.every_site and accepted - record.attestations.keys() - record.accusations.keys():
        yield "a final model that some site is silent about"
    truth = before.truth
    if setting.assumed and setting.honest and truth and (truth.fault or digest != truth.model):
        yield "a final model that no honest party could attest"


def _aborted(
    before: Position, move: Move, after: Position, abort: rounds.RoundAborted
) -> Iterator[str]:
    reason = table().reasons[abort.reason]
    named = [who for who in (abort.party, abort.other) if who != ZERO]
    where = before.record.state.title
    if named and not _at_fault(before, move, abort).intersection(named):
        since = "once the study is stopped" if before.frame == STOPPED else "once it is voted out"
        yield f"{reason} in {where} names nobody at fault" + f", {since}" * bool(before.frame)
    accused = any(before.honest(who) for who in before.record.accusations)  # instead of attesting
    if before.setting.survives and not before.frame and not accused:
        yield f"{reason} in {where} ends a round that could go on"
    open_questions = reason in table().unattributed
    if after.study.unattributed - before.study.unattributed != open_questions:
        yield f"{reason} in {where} is counted wrongly"
    for index, used in after.study.used.items():
        spoken = SITES[index] in before.record.attestations
        if used > before.study.used.get(index, 0) and spoken:
            yield "an accusation is used up without a word"


def _left(before: Position, after: Position, event: rounds.Dropped) -> Iterator[str]:
    """Only a liar leaves, for what it did, and only where three others remain."""
    setting, reason = before.setting, table().reasons[event.reason]
    where, remain = before.record.state.title, len(before.record.live) - 1
    if before.honest(event.member):
        yield f"an honest member leaves in {where} ({reason})"
    if not setting.spares or remain < setting.members - 1:
        yield f"a member leaves too few behind in {where}"
    if (reason == "Withheld") != before.late:
        yield f"a member leaves in {where} for {reason}"
    if (setting.committee.index(event.member) in after.study.guilty) != _proves(before, event):
        yield f"a member that leaves in {where} ({reason}) is held at fault, or not, wrongly"
    if after.record.state <= before.record.state:
        yield f"a round waits in {where} after a member left"


def _proves(before: Position, event: rounds.Dropped) -> bool:
    """Silence once the pick is fixed or known; and seeds that are not what was reported."""
    state, index = before.record.state, before.setting.committee.index(event.member)
    if state is State.SEEDED and not before.late:
        return bool(absent(before) >> index & 1)
    return state in (State.HELD, State.PICKED, State.SEEDED)


def _at_fault(before: Position, move: Move, abort: rounds.RoundAborted) -> set[Address]:
    """Who is not honest and did what the reason says. Of a pair one is enough."""
    setting, record, reason = before.setting, before.record, table().reasons[abort.reason]
    found: set[Address] = set()
    if reason == "Withheld" and before.late:
        there = record.noise_lists.keys() if record.state is State.OPEN else record.posted
        found = {who for j, who in enumerate(setting.committee) if j not in there}
    elif reason == "Unavailable":
        stored = "commitFile" if record.state is State.COMMITTED else "publish"
        found = {who for who in setting.committee if before.posts[stored, who] == KEPT}
    elif reason == "Noise" and abort.other != ZERO:
        owner, denier = map(setting.committee.index, (abort.party, abort.other))
        closed = record.noise_lists[owner] == shut(denier)
        # In mode A the owner can open it later; where shares are replicated it should have at once.
        shown = not setting.replicated and before.posts.get(("answer", abort.party)) == RIGHT
        found = {abort.party} if closed and not shown else {abort.other}
    elif reason == "Disagree":
        false = (SHIFTED, *map(forged, range(setting.noise_place(setting.members))))
        said = [*before.posts.items(), ((move.action, move.who), move.value)]
        found = {who for (_, who), word in said if word in false}
    elif reason == "Fault":
        found = _proven(before)
    return {who for who in found if not before.honest(who)}


def _proven(before: Position) -> set[Address]:
    """Who is at fault, and who accused somebody that is not."""
    truth = before.truth
    faults = {(Fault.TAG, by) for _, by in truth.shown} if truth else set()
    if truth and truth.fault:
        faults.add(truth.fault)
    said = before.record.accusations.items()
    false = {who for who, a in said if (a.fault, a.party) not in faults}
    return {by for _, by in faults} | false


def _rank(here: Position) -> tuple[Any, ...]:
    """Grows with every transition: so no schedule goes on for ever."""
    record = here.record
    gathered = (record.posted, record.reports, record.noise_lists, record.reviewed)
    said = len(record.attestations) + 2 * len(record.accusations)  # the second replaces the first
    votes = sum(map(len, here.study.resume_votes.values()))
    outside = bool(here.frame) + here.late - here.enrolled.bit_count()
    resumed = not here.paused
    return here.number, record.state, resumed, votes, sum(map(len, gathered)) + said + outside
