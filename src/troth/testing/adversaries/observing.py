"""From public records to an observation: abort, verdict, audit, in this order."""

from collections.abc import Callable
from dataclasses import replace

from troth.audit.run import audit
from troth.errors import (
    BundleFalse,
    ContractRefused,
    NotABundle,
    TrothError,
)
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.round.view import StudyView
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
        named = _named_by_abort(stage, number)
        caught = f"abort {found.aborted[0]}"
        return _named(stage, named, attacker, caught, succeeded=succeeded)
    if place is not None and verdict_at(found, place) not in ("", "accepted"):
        caught = f"verdict {verdict_at(found, place)}"
        return Observation(Outcome.REJECTED, caught, (), succeeded)
    if not succeeded:
        return Observation(Outcome.NOTHING, NOWHERE, (), succeeded)
    return observe_audit(stage)


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


def _named_by_abort(stage: Stage, number: int) -> set[Address]:
    aborts = [
        logged.event
        for logged in stage.ledger.events(0)
        if isinstance(logged.event, rounds.RoundAborted)
    ]
    (event,) = (event for event in aborts if event.round == number)
    return {event.party, event.other} - {ZERO}


def _named(
    stage: Stage, named: set[Address], attacker: Address, caught: str, *, succeeded: bool
) -> Observation:
    if not named and str(attacker) in _fault(stage):
        named, caught = {attacker}, f"{caught}, then the audit"
    outcome = Outcome.ATTRIBUTED if named == {attacker} else Outcome.DETECTED
    return Observation(outcome, caught, tuple(sorted(map(stage.label, named))), succeeded)


def _fault(stage: Stage) -> str:
    """What the audit finds in the files of an aborted round whose abort names nobody."""
    verdict = audit(stage.write_bundle())
    return "; ".join(abort.fault for study in verdict.studies for abort in study.aborts)
