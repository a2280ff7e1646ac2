"""The story of `troth demo hospitals`: a model, its test, a lie, an overspend, a changed byte.

`play` reads as the story is told. Whatever it shows comes from the ledger, the store or the audit;
nothing is staged beyond the fifth site's lie and the second study's request.
"""

import errno
import math
import os
import shutil
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from troth.audit.bundle import write_bundle, write_whole
from troth.audit.claims import ATTESTED, NOT_COVERED, PROVED
from troth.audit.members import TRANSACTIONS
from troth.audit.run import StudyFigures, Verdict, audit
from troth.audit.trust import trust_document
from troth.errors import AuditError, InputError, RoundError
from troth.learning.confusion import confusion_counts
from troth.learning.logistic import accuracy
from troth.learning.model import Model
from troth.ledger import engines
from troth.ledger.bindings import rounds
from troth.ledger.client import DevelopmentLedger
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.dp.price import NANO
from troth.privacy.plan import plan
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.scenarios import hospital_baselines, hospital_evaluation, result
from troth.scenarios.hospital_committee import COMMITTEES, readers
from troth.scenarios.hospital_records import HospitalData, Records, load
from troth.scenarios.hospital_run import Options, Played, study_parameters, train
from troth.scenarios.hospital_study import DELTA, EPSILON, SITES, Cast, cast, hospital_design
from troth.scenarios.progress import Progress
from troth.scenarios.report import render
from troth.scenarios.stopwatch import Stopwatch

BUNDLE, TRUST, REPORT = "bundle.zip", "trust.json", "report.html"
CHANGED = "changed.zip"
MARKER = ".troth-demo"
"""Says that a folder is ours to replace."""
MINE = (MARKER, "store", "parties", BUNDLE, TRUST, REPORT)
"""What a run leaves in its folder, and replaces there."""


def play(options: Options, progress: Progress) -> result.DemoResult:
    """Tell the whole story; leave bundle, trust file and report in the output folder.

    The run works in a folder beside it and moves in when it is done: one that fails or is stopped
    leaves an earlier result as it was, and nothing of itself.

    Raises:
        InputError: options that cannot be, or a folder that cannot be written.
        TrothError: anything that the story does not expect.
    """
    _check(options)
    work = _work_folder(options.out)
    try:
        told = _play(options, work, progress)
        _move_in(work, options.out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return told


def _play(options: Options, work: Path, progress: Progress) -> result.DemoResult:
    watch = Stopwatch()
    out = options.out
    with watch.part("data"):
        progress.stage(
            "569 real patient records: 114 public, 455 over four hospitals, a fifth kept for a test"
        )
        data = load(options.seed)
    players = cast(os.urandom, options.mode)
    funded = [organisation.account.address for organisation in players.organisations]
    with engines.open(options.ledger, timestamp=int(time.time()), funded=funded) as ledger:
        played = train(options, work, data, ledger, players, progress, watch)
        with watch.part("bundle"):
            progress.stage("Everything public goes into one file that a stranger can check")
            bundle, trust = _pack(work, ledger, played)
        facts = _ledger_facts(ledger, played)
    with watch.part("audit"):
        progress.stage("The audit, offline and without any key")
        verdict = audit(bundle, trust.read_bytes())
        progress.note("done", f"the verdict is: {verdict.verdict}")
        lie = _audit_changed_byte(bundle, trust)
        progress.note("false", f"one byte of a copy is changed, and the audit says: {lie}")
    with watch.part("baselines"):
        progress.stage("The same records without Troth, for comparison")
        model = _final_model(played)
        compared = _accuracy(options, data, model)
    by_study = {found.study: found for found in verdict.studies}
    figures = by_study[played.study.study_id]
    told = result.DemoResult(
        format=result.FORMAT,
        seed=options.seed,
        study=_study_facts(played),
        accuracy=compared,
        privacy=_privacy(figures, played.study),
        evaluation=_evaluation(by_study[played.evaluation.study_id], played, model, data.public),
        rounds=result.RoundCounts(figures.rounds_final, len(figures.aborts)),
        departures=_departures(figures, players),
        reports=_reports(figures, players),
        refusals=played.refusals,
        drill=played.drill,
        ledger=facts,
        bundle=str(out / BUNDLE),
        trust=str(out / TRUST),
        report=str(out / REPORT),
        audit=_audit_facts(verdict, lie),
        seconds=watch.seconds,
    )
    write_whole(work / REPORT, render(told, verdict.claims).encode())
    return told


def _check(options: Options) -> None:
    """Refuse what cannot be before anything is done.

    Raises:
        InputError: which option, and what it may be.
    """
    if options.mode not in COMMITTEES:
        raise InputError(f"--mode is {options.mode}; it is one of {', '.join(COMMITTEES)}")
    if options.rounds < 1:
        raise InputError(f"--rounds is {options.rounds}; a study has at least 1 round")
    if options.seed < 0:
        raise InputError(f"--seed is {options.seed}; it must be at least 0")
    one = plan(hospital_design(replace(study_parameters(options), rounds=1), SITES))
    most = one.nano_rho_budget // max(one.nano_rho_per_round or (1,))
    if options.rounds > most:
        raise InputError(
            f"--rounds is {options.rounds}; at most {most} rounds fit ε = {EPSILON:g} at "
            f"δ = {DELTA:g}"
        )


def _work_folder(out: Path) -> Path:
    """A folder of our own beside the output folder, which must be ours or empty or not there.

    Raises:
        InputError: the output folder holds other people's files, or cannot be written.
    """
    try:
        if out.exists() and any(out.iterdir()) and not (out / MARKER).is_file():
            raise InputError(
                f"{out}: holds files that no demonstration left there; choose another folder with "
                "--out"
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.exists() and not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        (work / MARKER).touch()
    except OSError as problem:
        raise InputError(
            f"{out}: cannot be written: {problem.strerror}; choose another folder with --out"
        ) from problem
    return work


def _move_in(work: Path, out: Path) -> None:
    """Replace an earlier result, part by part; nothing else in the folder is touched."""
    out.mkdir(exist_ok=True)
    for name in MINE:
        old = out / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
        shutil.move(work / name, old)


def _pack(folder: Path, ledger: DevelopmentLedger, played: Played) -> tuple[Path, Path]:
    """Bundle and trust file, both written whole."""
    bundle, trust = folder / BUNDLE, folder / TRUST
    sealer = played.players.aggregators[0].account
    write_bundle(bundle, ledger, played.consortium.store, sealer)
    write_whole(trust, trust_document(ledger))
    return bundle, trust


def _audit_changed_byte(bundle: Path, trust: Path) -> str:
    """Change one byte of a copy, in the middle of its transactions, and audit the copy."""
    data = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        transactions = archive.read(TRANSACTIONS)
    data[data.index(transactions) + len(transactions) // 2] ^= 1
    copy = bundle.with_name(CHANGED)
    try:
        copy.write_bytes(data)
        audit(copy, trust.read_bytes())
    except AuditError as found:
        return str(found)
    finally:
        copy.unlink(missing_ok=True)
    raise RoundError("the audit did not notice a changed byte")


def _ledger_facts(ledger: DevelopmentLedger, played: Played) -> result.LedgerFacts:
    accepted = {
        (site, view.number)
        for view in played.view.finals
        for place, site in enumerate(played.study.sites)
        if view.accepted >> place & 1
    }
    reports = [
        receipt
        for receipt in played.consortium.receipts
        for logged in receipt.events
        if isinstance(event := logged.event, rounds.Reported)
        and event.study_id == played.study.study_id
        and (event.site, event.round) in accepted
    ]
    blocks = range(ledger.final().number + 1)
    return result.LedgerFacts(
        engine=ledger.engine.name,
        trust=ledger.engine.trust,
        transactions=sum(len(ledger.block(number).transactions) for number in blocks),
        gas_per_report=max(receipt.gas_used for receipt in reports),
        calldata_bytes_per_report=max(receipt.calldata_size for receipt in reports),
    )


def _final_model(played: Played) -> Model:
    digest = played.view.finals[-1].model_digest
    return Model.decode(played.consortium.store.get(digest, max_size=MAX_MESSAGE))


def _accuracy(options: Options, data: HospitalData, model: Model) -> result.Accuracy:
    return result.Accuracy(
        pooled=hospital_baselines.pooled(data),
        local=hospital_baselines.alone(data),
        federated=hospital_baselines.federated(data, study_parameters(options)),
        troth=accuracy(model.weights, data.public.rows, data.public.labels),
    )


def _study_facts(played: Played) -> result.StudyFacts:
    terms = played.study.terms
    return result.StudyFacts(
        id="0x" + played.study.study_id.hex(),
        rounds=terms.rounds,
        sites=len(terms.sites),
        aggregators=len(terms.committee),
        mode=terms.mode,
        noise_candidates=terms.privacy.noise_candidates,
        variant=terms.secagg.variant,
    )


def _evaluation(
    figures: StudyFigures, played: Played, model: Model, public: Records
) -> result.Evaluation:
    """What the audit found released, and what it says of the model; beside the public records."""
    counts = hospital_evaluation.matrix(figures.counts)
    terms = played.evaluation.terms
    variance = len(terms.committee) * terms.privacy.noise_variance
    exact = confusion_counts(model.weights, public.rows, public.labels)
    return result.Evaluation(
        study="0x" + figures.study.hex(),
        model="0x" + figures.evaluates.hex(),
        counts=counts,
        deviation=math.sqrt(variance),
        **hospital_evaluation.rates(counts, variance),
        public=hospital_evaluation.matrix([int(count) for count in exact]),
        privacy=_privacy(figures, played.evaluation),
    )


def _privacy(figures: StudyFigures, study: Study) -> result.Privacy:
    """What the audit found settled on the lineage that paid most, and what that guarantees."""
    terms = study.terms
    members = len(terms.committee)
    together = readers(terms.mode, members)
    return result.Privacy(
        delta=figures.delta,
        epsilon_guaranteed=figures.epsilon_spent,
        epsilon_tight=_known(figures.epsilon_tight_agreed),
        rho_spent=figures.nano_rho_spent / NANO,
        rho_budget=nano_rho_budget(EPSILON, DELTA) / NANO,
        assumption=(
            (
                f"the {members} aggregators do not all pool what they know"
                if together == members
                else f"no {together} of the {members} aggregators pool what they know"
            )
            + ", and no patient is in two of the datasets"
        ),
    )


def _known(epsilon: float | None) -> float:
    """The tight estimate; it exists, because `_prepare` refuses studies whose ε is far above 2."""
    if epsilon is None:
        raise RoundError("the audit has no tight estimate of ε for a study of ε = 2")
    return epsilon


def _reports(figures: StudyFigures, players: Cast) -> result.Reports:
    labels = {str(site.account.address): site.label for site in players.sites}
    return result.Reports(
        accepted=figures.reports_accepted,
        rejected=tuple(
            result.Rejection(labels[rejected.site], rejected.round, rejected.reason)
            for rejected in figures.reports_rejected
        ),
    )


def _departures(figures: StudyFigures, players: Cast) -> tuple[result.Departure, ...]:
    labels = {str(member.account.address): member.label for member in players.aggregators}
    return tuple(
        result.Departure(gone.round, labels[gone.member], gone.state, gone.reason, gone.shown)
        for gone in figures.departures
    )


def _audit_facts(verdict: Verdict, lie: str) -> result.AuditFacts:
    counted = {
        status: sum(claim.status == status for claim in verdict.claims)
        for status in (PROVED, ATTESTED, NOT_COVERED)
    }
    counts = result.ClaimCounts(counted[PROVED], counted[ATTESTED], counted[NOT_COVERED])
    return result.AuditFacts(verdict.verdict, counts, lie)
