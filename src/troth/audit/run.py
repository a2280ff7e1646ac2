"""The audit: one file in, a verdict out. No network, no key, nothing but the bundle.

`audit` reads as the argument that a bundle makes, each step resting on the ones before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troth.audit import anchoring
from troth.audit import seal as seals
from troth.audit import trust as trusts
from troth.audit.aborts import Abort
from troth.audit.accusations import JudgedAccusation
from troth.audit.agreements import Agreement, Agreements, verify_agreements
from troth.audit.anchoring import Trusted
from troth.audit.bundle import Bundle, read_bundle
from troth.audit.chain import Chain, verify_chain
from troth.audit.claims import (
    Claim,
    attested,
    claims_not_covered,
    claims_proved,
    not_covered,
)
from troth.audit.confirmations import Confirmations
from troth.audit.departures import Departure
from troth.audit.deployment import verify_deployment
from troth.audit.evidence import RoundEvidence, gather
from troth.audit.history import History, replay
from troth.audit.members import SEAL, blob_name
from troth.audit.round_check import Rejection, StudyFindings, check_rounds
from troth.audit.study_claims import Flag, flags, study_claims
from troth.audit.telling import told_arguments
from troth.audit.trust import Anchors, Head
from troth.domain import records
from troth.domain.hashing import digest
from troth.domain.terms import EvaluationTerms
from troth.errors import BundleFalse
from troth.privacy.dp.accounting import epsilon_guaranteed
from troth.round.evaluation import evaluated_study

FORMAT = "troth/audit-result/v1"
VERIFIED, CONSISTENT = "verified", "consistent"


@dataclass(frozen=True)
class LineageFigures:
    """The account of one dataset lineage, in nano-ρ."""

    lineage: bytes
    budget: int
    settled: int
    reserved: int


@dataclass(frozen=True)
class StudyFigures:
    """One active study in numbers."""

    study: bytes
    name: str
    rounds_agreed: int
    rounds_final: int
    rounds_open: tuple[int, ...]
    """Numbers of rounds that had not ended."""
    aborts: tuple[Abort, ...]
    reports_accepted: int
    reports_rejected: tuple[Rejection, ...]
    noise_opened: int
    """Noise candidates of final rounds that were made again from their seeds."""
    confirmations: tuple[Confirmations, ...]
    """Who stands for each final round."""
    departures: tuple[Departure, ...]
    """Members that left a final round, and why."""
    accusations: tuple[JudgedAccusation, ...]
    """Every accusation on the ledger."""
    flags: tuple[Flag, ...]
    """Final rounds that are in doubt."""
    delta: float
    nano_rho_spent: int
    """By the lineage that paid most, in this study."""
    epsilon_agreed: float
    """Guaranteed ε of all rounds agreed."""
    epsilon_spent: float
    """Guaranteed ε of what was spent."""
    epsilon_tight_agreed: float | None
    """An estimate for all rounds agreed; never to be shown alone."""
    model: bytes
    """Digest of the model after the last final round; empty before one, and in an evaluation."""
    evaluates: bytes
    """Digest of the model that an evaluation is about; empty in a study that trains."""
    counts: tuple[int, ...]
    """What an evaluation released, noise included: label 0 predicted 0, label 0 predicted 1, label
    1 predicted 0, label 1 predicted 1. Empty before its final round, and in a study that trains."""


@dataclass(frozen=True)
class RefusedAction:
    """A call that a contract refused and the chain recorded."""

    line: int
    """Of ``transactions.jsonl``."""
    sender: str
    action: str
    error: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What an audit found. A bundle that lies has none: `audit` raises instead."""

    format: str
    verdict: str
    """`VERIFIED` or `CONSISTENT`."""
    anchors: Anchors
    blocks: int
    transactions: int
    studies: tuple[StudyFigures, ...]
    lineages: tuple[LineageFigures, ...]
    refusals: tuple[RefusedAction, ...]
    claims: tuple[Claim, ...]

    def to_json(self) -> Any:
        """The JSON value (``specs/audit-result.schema.json``)."""
        return records.to_json(self)


def audit(path: Path, trust: bytes | None = None, signers: bytes | None = None) -> Verdict:
    """Audit a bundle.

    Args:
        path: the bundle.
        trust: the content of a trust file or checkpoint, or None to check the bundle in itself
            only.
        signers: with a checkpoint, the content of the list of members whom the reader knows.

    Raises:
        BundleFalse: the first line that lies.
        NotABundle: a file that is no bundle, or a damaged or unsafe one.
        InputError: a bundle or trust file that cannot be read; a checkpoint that too few signed.
    """
    trusted = anchoring.decode(trust, signers)
    bundle = read_bundle(path)
    chain = verify_chain(bundle.blocks, bundle.transactions, bundle.seal)
    deployment = verify_deployment(chain, bundle.contracts)
    history = replay(chain, deployment)
    sealer = _verify_sealer(bundle, chain, history)
    rounds_address = deployment.addresses["Rounds"]
    agreements = verify_agreements(history, chain.chain_id, rounds_address, bundle.terms)
    studies = {study_id: agreed.study for study_id, agreed in agreements.active.items()}
    rounds = list(gather(history, studies, bundle.blobs))
    findings = check_rounds(rounds)
    _verify_no_more_blobs(bundle, rounds)
    if bundle.doubt is not None:
        raise bundle.doubt
    anchors = trusts.anchors(
        chain.chain_id,
        list(deployment.addresses.items()),
        list(history.world.consortium.roles),
        Head(chain.head.number, chain.head.hash),
    )
    if trusted is not None:
        trusted.verify(anchors, chain)
    return Verdict(
        format=FORMAT,
        verdict=CONSISTENT if trusted is None else VERIFIED,
        anchors=anchors,
        blocks=len(chain.headers),
        transactions=len(chain.entries),
        studies=tuple(_figures(agreements, findings)),
        lineages=tuple(_lineages(history)),
        refusals=tuple(_refusals(history)),
        claims=tuple(_claims(chain, agreements, findings, sealer, trusted)),
    )


def _verify_sealer(bundle: Bundle, chain: Chain, history: History) -> str:
    """Whoever sealed the last block is a member at that block."""
    sealer = seals.signer(bundle.seal, chain.chain_id, bundle.seal.head)
    if not history.world.roles_of(sealer):
        claimed, follows = "the signature of a member", f"that of {sealer}, no member"
        raise BundleFalse(SEAL, "signature", claimed, follows)
    return str(sealer)


def _verify_no_more_blobs(bundle: Bundle, rounds: Sequence[RoundEvidence]) -> None:
    """The bundle holds the blobs that its rounds need and no others."""
    belonging: set[bytes] = set().union(*(round_.belonging() for round_ in rounds))
    for unknown in sorted(bundle.blobs.keys() - belonging):
        raise BundleFalse(
            blob_name(unknown), "member", "to belong to the bundle", "a blob that no round needs"
        )


def _figures(agreements: Agreements, findings: Sequence[StudyFindings]) -> list[StudyFigures]:
    by_study = {found.study.study_id: found for found in findings}
    return [
        _study_figures(agreed, by_study.get(study_id, StudyFindings(agreed.study)))
        for study_id, agreed in agreements.active.items()
    ]


def _study_figures(agreed: Agreement, found: StudyFindings) -> StudyFigures:
    terms, plan = agreed.study.terms, agreed.plan
    spent = max(found.spent.values(), default=0)
    evaluation = terms.model if isinstance(terms.model, EvaluationTerms) else None
    final = found.model
    return StudyFigures(
        study=agreed.study.study_id,
        name=terms.name,
        rounds_agreed=terms.rounds,
        rounds_final=found.finals,
        rounds_open=tuple(found.open_rounds),
        aborts=tuple(found.aborts),
        reports_accepted=found.accepted,
        reports_rejected=tuple(found.rejected),
        noise_opened=found.opened,
        confirmations=tuple(found.confirmations),
        departures=tuple(found.departures),
        accusations=tuple(found.accusations),
        flags=tuple(flags(found)),
        delta=terms.privacy.delta,
        nano_rho_spent=spent,
        epsilon_agreed=plan.epsilon_guaranteed or 0.0,
        epsilon_spent=epsilon_guaranteed(spent, terms.privacy.delta),
        epsilon_tight_agreed=plan.epsilon_tight,
        model=digest(final.encode()) if final and not evaluation else b"",
        evaluates=bytes.fromhex(evaluation.digest[2:]) if evaluation else b"",
        counts=tuple(map(int, final.weights)) if final and evaluation else (),
    )


def _lineages(history: History) -> list[LineageFigures]:
    return [
        LineageFigures(lineage, entry.budget, entry.settled, entry.reserved)
        for lineage, entry in history.world.privacy.entries.items()
    ]


def _refusals(history: History) -> list[RefusedAction]:
    return [
        RefusedAction(
            line=step.entry.line,
            sender=str(step.entry.transaction.sender),
            action=step.refusal.action,
            error=step.refusal.name,
            arguments=told_arguments(step.refusal.arguments),
        )
        for step in history.steps
        if step.refusal is not None
    ]


def _claims(
    chain: Chain,
    agreements: Agreements,
    findings: Sequence[StudyFindings],
    sealer: str,
    trusted: Trusted | None,
) -> list[Claim]:
    reports = sum(found.accepted + len(found.rejected) for found in findings)
    evaluations = sum(
        evaluated_study(agreed.study.terms) is not None for agreed in agreements.active.values()
    )
    modes = {agreed.study.terms.mode for agreed in agreements.active.values()}
    claims = claims_proved(
        transactions=len(chain.entries),
        studies=len(agreements.active),
        rounds=sum(found.finals for found in findings),
        reports=reports,
        opened=sum(found.opened for found in findings),
        evaluations=evaluations,
        modes=modes,
    )
    head = f"block {chain.head.number} is the last one"
    by = f"member {sealer}" if trusted is None else f"member {sealer} and {trusted.by}"
    claims.append(attested(by, head))
    for found in findings:
        claims += study_claims(found)
    candidates = {
        agreed.study.terms.privacy.noise_candidates for agreed in agreements.active.values()
    }
    claims += claims_not_covered(
        idle=len(agreements.idle),
        evaluations=evaluations,
        candidates=sorted(candidates),
        modes=modes,
    )
    return claims + [not_covered(text) for text in (trusted.uncovered if trusted else ())]
