"""The hospitals' story on the ledger: agreement, every round, and an overspend refused."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from troth.errors import LedgerError, RoundError
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.client import DevelopmentLedger
from troth.ledger.records import LoggedEvent
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.dp.price import NANO
from troth.round.driver import Party
from troth.round.study import Study
from troth.round.transitions import State, table
from troth.round.view import StudyView
from troth.scenarios import result
from troth.scenarios.consortium import Consortium
from troth.scenarios.hospital_committee import OUTVOTING
from troth.scenarios.hospital_drill import (
    CHEAT_ROUND,
    drill_sites,
    drill_terms,
    drilled_committee,
    told,
)
from troth.scenarios.hospital_evaluation import (
    EvaluationParameters,
    evaluation_terms,
    evaluators,
)
from troth.scenarios.hospital_records import HospitalData, StudyParameters
from troth.scenarios.hospital_study import (
    DELTA,
    EPSILON,
    Cast,
    Registered,
    establish,
    hospital_terms,
    trainers,
)
from troth.scenarios.progress import Progress
from troth.scenarios.stopwatch import Stopwatch
from troth.storage.blobs import LocalBlobs

PURPOSE = "Tell malignant from benign breast tumours from measurements of cell nuclei"
SECOND_PURPOSE = "A second look at the same patients, for another paper"


@dataclass(frozen=True)
class Options:
    """What a person may choose."""

    out: Path
    """Folder for the bundle, the report and the parties' own files."""
    seed: int
    """Drives split, learning and rounding; never keys, nonces or noise."""
    rounds: int
    """T."""
    mode: str
    """How input shares are held: A, B3 or B4."""
    ledger: str
    """Name of the engine."""


def study_parameters(options: Options) -> StudyParameters:
    """What the hospitals agree on, with the mode and number of rounds that were asked for."""
    return replace(StudyParameters(), rounds=options.rounds).seated(options.mode)


def greedy_parameters(parameters: StudyParameters) -> StudyParameters:
    """A second study of one round, with as little noise as a whole budget can pay for."""
    budget = nano_rho_budget(EPSILON, DELTA)
    least = math.ceil(Fraction(NANO * parameters.clip**2, 2 * parameters.honest * budget))
    return replace(parameters, rounds=1, noise_variance=least)


@dataclass(frozen=True)
class Played:
    """What happened, before it is summed up."""

    players: Cast
    consortium: Consortium
    study: Study
    view: StudyView
    evaluation: Study
    """What the hospitals counted on the records that they had kept from training."""
    refusals: tuple[result.Refusal, ...]
    drill: result.Drill


def train(
    options: Options,
    work: Path,
    data: HospitalData,
    ledger: DevelopmentLedger,
    players: Cast,
    progress: Progress,
    watch: Stopwatch,
) -> Played:
    """Everything that happens on the ledger.

    Agreement, all rounds, the evaluation of the model, the refused second study.
    """
    parameters, evaluation = study_parameters(options), EvaluationParameters().seated(options.mode)
    outvoting = options.mode in OUTVOTING
    drill = None
    bounds = (parameters.record_bound, evaluation.record_bound)
    store = LocalBlobs(work / "store")
    with watch.part("agreement"):
        organisations = len(players.organisations)
        progress.stage(f"{organisations} organisations agree on a study, by vote, on the ledger")
        folder = work / "parties"
        consortium, registered = establish(players, ledger, store, folder, data, bounds, os.urandom)
        study = _agree(consortium, players, registered, data, parameters, "hospitals", PURPOSE)
        progress.note("done", f"study {study.study_id.hex()[:16]} is active: everybody approved")
    if not outvoting:
        with watch.part("drill"):
            progress.stage("A drill on made-up records: one aggregator is told to change its sum")
            drill = _drill(consortium, players, registered, data, parameters, progress)
    with watch.part("rounds"):
        told_to = f"; in round {CHEAT_ROUND} one aggregator is told to change its sum"
        progress.stage(
            f"They train: nobody sees an update, every norm is proven{told_to if outvoting else ''}"
        )
        parties = [
            consortium.party(study, role)
            for role in trainers(study, data, options.seed, os.urandom, consortium.examine_round)
        ]
        parties += _committee(consortium, study, drilled=outvoting)
        view = _run(consortium, study, parties, _Teller(study, players, progress))
    with watch.part("evaluation"):
        progress.stage(
            "They test the model on records kept from training: only noisy sums come out"
        )
        digest = view.finals[-1].model_digest
        counted = consortium.agree(
            evaluation_terms(study, digest, players, registered.held_out, data, evaluation)
        )
        progress.note("done", f"study {counted.study_id.hex()[:16]} is active: one round of counts")
        parties = [
            consortium.party(counted, role)
            for role in evaluators(counted, data, os.urandom, consortium.examine_round)
        ]
        parties += consortium.aggregators(counted)
        _run(consortium, counted, parties, _Teller(counted, players, progress))
    with watch.part("overspend"):
        progress.stage("A second study over the same patients asks for more than is left")
        greedy = greedy_parameters(parameters)
        second = _agree(
            consortium, players, registered, data, greedy, "second study", SECOND_PURPOSE
        )
        refusal = _overspend(consortium, second)
        progress.note("refused", f"the contract refuses to open its round: {refusal.reason}")
    drill = drill or told(study, players, view.rounds[CHEAT_ROUND])
    return Played(players, consortium, study, view, counted, (refusal,), drill)


def _run(
    consortium: Consortium, study: Study, parties: list[Party[Any]], teller: "_Teller"
) -> StudyView:
    """Run a study until all its rounds are final, and let everybody forget what they may.

    Raises:
        RoundError: too many rounds aborted.
    """
    view = consortium.drive(study, parties, teller.over, teller)
    if len(view.finals) != study.terms.rounds:
        raise RoundError(f"{len(view.finals)} rounds of {study.terms.rounds} became final")
    consortium.finish(view, parties)
    return view


def _drill(
    consortium: Consortium,
    players: Cast,
    registered: Registered,
    data: HospitalData,
    parameters: StudyParameters,
    progress: Progress,
) -> result.Drill:
    """One round that must not become final."""
    terms = drill_terms(players, registered.made_up, consortium.ledger.chain_id, data, parameters)
    study = consortium.agree(terms)
    sites = drill_sites(study, os.urandom, consortium.examine_round)
    parties: list[Party[Any]] = [consortium.party(study, role) for role in sites]
    parties += _committee(consortium, study, drilled=True)
    named: list[Address] = []

    def observe(logged: LoggedEvent) -> None:
        if isinstance(logged.event, rounds.RoundAborted):
            named.append(logged.event.other)

    view = consortium.drive(study, parties, lambda view: bool(view.aborts or view.finals), observe)
    consortium.finish(view, parties)
    drill = told(study, players, view.rounds[CHEAT_ROUND], *named)
    progress.note("named", _named(drill))
    return drill


def _named(drill: result.Drill) -> str:
    """Whom the ledger names when a drill's round has ended, in one line."""
    if drill.other:
        return (
            f"{drill.named} and {drill.other} have different sums of the same share; one of them "
            "lies, nothing is published, and no model comes out"
        )
    return (
        f"{drill.accusers} of {drill.voters} parties find it and say who it was; the ledger names "
        f"{drill.named or 'nobody'}, and no model comes out"
    )


def _committee(consortium: Consortium, study: Study, *, drilled: bool) -> list[Party[Any]]:
    """The aggregators of a study; one of them cheats where it is drilled."""
    if not drilled:
        return consortium.aggregators(study)
    members = drilled_committee(study, os.urandom, consortium.examine_round)
    return [consortium.party(study, role) for role in members]


def _agree(
    consortium: Consortium,
    players: Cast,
    registered: Registered,
    data: HospitalData,
    parameters: StudyParameters,
    name: str,
    purpose: str,
) -> Study:
    chain_id = consortium.ledger.chain_id
    datasets = registered.training
    terms = hospital_terms(name, purpose, players, datasets, chain_id, data, parameters)
    return consortium.agree(terms)


@dataclass
class _Teller:
    """Watches the ledger and tells what a person would want to see."""

    study: Study
    players: Cast
    progress: Progress

    def over(self, view: StudyView) -> bool:
        """Whether the study has had all its rounds, or stopped."""
        terms = self.study.terms
        return len(view.finals) >= terms.rounds or len(view.aborts) > terms.max_aborts

    def __call__(self, logged: LoggedEvent) -> None:
        event = logged.event
        if getattr(event, "study_id", None) != self.study.study_id:
            return
        if isinstance(event, rounds.Finalised):
            self.progress.count(event.round, self.study.terms.rounds)
        elif isinstance(event, rounds.Dropped):
            labels = {item.account.address: item.label for item in self.players.organisations}
            self.progress.note(
                "named",
                f"round {event.round} goes on without {labels[event.member]} "
                f"({table().reasons[event.reason]})",
            )
        elif isinstance(event, rounds.VerdictPosted) and event.member == self.study.committee[0]:
            for rejection in rejections(self.study, self.players, event.round, event.codes):
                self.progress.note(
                    "rejected",
                    f"round {rejection.round}: the report of {rejection.site} is not accepted "
                    f"({rejection.reason}: its hidden norm proof fails); the round goes on",
                )


def rejections(
    study: Study, players: Cast, number: int, codes: bytes
) -> Iterator[result.Rejection]:
    """The sites' reports that a verdict does not accept."""
    for place, code in enumerate(codes[: len(study.sites)]):
        if code:
            label = players.sites[place].label
            yield result.Rejection(label, number, table().verdicts[code])


def _overspend(consortium: Consortium, study: Study) -> result.Refusal:
    """Announce the second study's first round, and record on the ledger that it may not open."""
    parties = consortium.aggregators(study)

    def announced(view: StudyView) -> bool:
        return view.current.state is State.ANNOUNCED

    consortium.drive(study, parties, announced)
    evidence = consortium.send(parties[0].account, rounds.open(study.study_id, 1), force=True)
    refused = evidence.refusal
    if refused is None or refused.name != "BudgetExceeded":
        raise LedgerError("the second study's round opened although its budget is spent")
    left, asked = refused.arguments["left"], refused.arguments["asked"]
    return result.Refusal(
        action="open",
        study="0x" + study.study_id.hex(),
        lineage="0x" + refused.arguments["lineage"].hex(),
        left=left,
        asked=asked,
        reason=f"BudgetExceeded: {left} nano-ρ left, {asked} asked",
    )
