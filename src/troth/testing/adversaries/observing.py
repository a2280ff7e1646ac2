"""From public records to an observation: abort, verdict, audit, in this order."""

from collections.abc import Callable
from dataclasses import replace

from troth.audit.run import audit
from troth.errors import (
    BundleFalse,
    ContractRefused,
    NotABundle,
    StorageError,
    TrothError,
)
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import Observation, Outcome
from troth.testing.adversaries.stage import Stage, verdict_at

NOWHERE = "nowhere"


def observe_round(
    stage: Stage,
    view: StudyView,
    attacker: Address,
    *,
    succeeded: bool,
    place: int | None = None,
    number: int = 1,
) -> Observation:
    """What one round and the audit say.

    Args:
        stage: where it was played.
        view: the study after it.
        attacker: whom an attribution must name.
        succeeded: the attack's own predicate.
        place: the attacker's report, if its verdict is what matters.
        number: the round.
    """
    found = view.rounds[number]
    if found.aborted[0]:
        caught = f"abort {found.aborted[0]}"
        return _named(stage, number, attacker, caught, succeeded=succeeded)
    if place is not None and verdict_at(found, place) not in ("", "accepted"):
        caught = f"verdict {verdict_at(found, place)}"
        return Observation(Outcome.REJECTED, caught, (), succeeded)
    if found.left:
        return _gone(stage, found, attacker, succeeded=succeeded)
    if not succeeded:
        return Observation(*_overcome(found), (), succeeded)
    return observe_audit(stage)


def _gone(stage: Stage, found: RoundView, attacker: Address, *, succeeded: bool) -> Observation:
    """A round that went on without somebody: the ledger names who, and why."""
    caught = ", ".join(f"left {state.title} ({reason})" for state, reason in found.left.values())
    named = tuple(sorted(map(stage.label, found.left)))
    right = set(found.left) == {attacker}
    outcome = Outcome.ATTRIBUTED if right else Outcome.DETECTED
    return Observation(Outcome.LIMIT if succeeded else outcome, caught, named, succeeded)


def _overcome(found: RoundView) -> tuple[Outcome, str]:
    """What honest parties did about an attack in spite of which the round is final."""
    if found.accusations:
        return Outcome.REFUSED, "votes"
    if found.answers:
        return Outcome.REFUSED, "answer"
    return Outcome.NOTHING, NOWHERE


def noticed_limit(seen: Observation, *, succeeded: bool) -> Observation:
    """An observation of an attack that stops the round, or names somebody, and has what it wants.

    Args:
        seen: what the round says.
        succeeded: the attack's own predicate.
    """
    outcome = Outcome.LIMIT if succeeded else seen.outcome
    return replace(seen, outcome=outcome, succeeded=succeeded)


def observe_audit(stage: Stage) -> Observation:
    """What the audit says of an attack that nothing else noticed."""
    path = stage.write_bundle()
    try:
        audit(path)
    except BundleFalse as lie:
        return Observation(Outcome.DETECTED, f"audit {_member(lie)}", (), succeeded=True)
    return Observation(Outcome.LIMIT, NOWHERE, (), succeeded=True)


def attempt(act: Callable[[], object], wanted: Callable[[], bool]) -> Observation:
    """What comes of an act that an honest receiver refuses on the spot.

    Args:
        act: what the attacker does.
        wanted: the attack's own predicate, asked afterwards.
    """
    try:
        act()
    except TrothError as refusal:
        outcome = Outcome.DETECTED if isinstance(refusal, BundleFalse) else Outcome.REFUSED
        return Observation(outcome, _who_refused(refusal), (), wanted())
    succeeded = wanted()
    outcome = Outcome.LIMIT if succeeded else Outcome.NOTHING
    return Observation(outcome, NOWHERE, (), succeeded)


def _member(lie: BundleFalse) -> str:
    """The member of the bundle that lies; of a blob its folder, since digests differ every time."""
    return lie.member.partition("/")[0]


def _who_refused(refusal: TrothError) -> str:
    if isinstance(refusal, ContractRefused):
        return f"{refusal.action}: {refusal.name}"
    if isinstance(refusal, BundleFalse):
        return f"audit {_member(refusal)}"
    if isinstance(refusal, NotABundle):
        return "archive reader"
    return type(refusal).__name__


def named_by_abort(stage: Stage, number: int = 1) -> set[Address]:
    """Whom the abort of a round names: nobody, one party or a pair."""
    aborts = [
        logged.event
        for logged in stage.ledger.events(0)
        if isinstance(logged.event, rounds.RoundAborted)
    ]
    return {
        party for event in aborts if event.round == number for party in (event.party, event.other)
    } - {ZERO}


def _named(
    stage: Stage, number: int, attacker: Address, caught: str, *, succeeded: bool
) -> Observation:
    """Whom the ledger names alone; where it names none or a pair, whom the audit shows to lie."""
    named = named_by_abort(stage, number)
    liars = set() if len(named) == 1 else _liars(stage, number)
    if liars:
        named, caught = liars, f"{caught}, then the audit"
    outcome = Outcome.ATTRIBUTED if named == {attacker} else Outcome.DETECTED
    return Observation(outcome, caught, tuple(sorted(map(stage.label, named))), succeeded)


def _liars(stage: Stage, number: int) -> set[Address]:
    try:
        verdict = audit(stage.write_bundle())
    except (BundleFalse, StorageError):  # then nothing is said of this round
        return set()
    return {
        Address.parse(liar)
        for study in verdict.studies
        for abort in study.aborts
        if abort.round == number
        for liar in abort.liars
    }
