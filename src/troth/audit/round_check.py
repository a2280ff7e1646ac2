"""One round after the other: everything its result rests on, recomputed in the protocol's order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from troth.audit.evidence import RoundEvidence
from troth.audit.reports import verify_files, verify_reports
from troth.audit.sums import verify_step, verify_sums
from troth.audit.verdicts import verify_verdict_key, verify_verdicts
from troth.errors import BundleFalse
from troth.learning.model import Model
from troth.ledger.address import ZERO
from troth.round.study import Study
from troth.round.transitions import State, table


@dataclass(frozen=True)
class Rejection:
    """A site's report that was not accepted in a final round."""

    round: int
    site: str
    reason: str


@dataclass(frozen=True)
class Abort:
    """A round that did not become final."""

    round: int
    reason: str
    party: str
    """Whom the contract named; empty when it named nobody."""
    fault: str
    """What the published files show beyond that; empty when nothing, and in rounds that ended
    before every member had every file."""


@dataclass(frozen=True)
class Attestation:
    """How many of a final round's voters attested its model."""

    round: int
    agreeing: int
    voters: int


@dataclass
class StudyFindings:
    """What the rounds of one study came to."""

    study: Study
    finals: int = 0
    spent: Counter[bytes] = field(default_factory=Counter)
    """nano-ρ settled by lineage, for final rounds and for those that aborted after it."""
    accepted: int = 0
    """Reports of sites in final rounds."""
    rejected: list[Rejection] = field(default_factory=list)
    aborts: list[Abort] = field(default_factory=list)
    open_rounds: list[int] = field(default_factory=list)
    """Rounds that had not ended when the bundle was written."""
    attestations: list[Attestation] = field(default_factory=list)
    """For each final round, in order."""
    model: Model | None = None
    """After the last final round."""


def check_rounds(rounds: Iterable[RoundEvidence]) -> list[StudyFindings]:
    """Check all rounds of all studies.

    Args:
        rounds: by study, then by number.

    Raises:
        BundleFalse: the first thing in a final round that does not follow, or a blob of any round
            that belongs into a bundle and is not there.
    """
    found: dict[bytes, StudyFindings] = {}
    for round_ in rounds:
        study = round_.study
        findings = found.setdefault(study.study_id, StudyFindings(study))
        findings.spent.update(round_.view.settled)
        if round_.view.state is State.FINAL:
            _final(round_, findings)
        elif round_.view.state is State.ABORTED:
            findings.aborts.append(_aborted(round_))
        else:
            findings.open_rounds.append(round_.view.number)
    return list(found.values())


def _final(round_: RoundEvidence, findings: StudyFindings) -> None:
    envelopes = verify_reports(round_)
    verify_verdict_key(round_)
    codes = verify_verdicts(round_, envelopes, verify_files(round_))
    shares = verify_sums(round_)
    before = findings.model or Model.zeros(round_.study.terms.model.dimension)
    findings.model = verify_step(round_, shares, before)
    findings.finals += 1
    _count(round_, findings, codes)


def _count(round_: RoundEvidence, findings: StudyFindings, codes: bytes) -> None:
    view, sites = round_.view, round_.study.sites
    for site, code in zip(sites, codes, strict=False):
        if code:
            reason = table().verdicts[code]
            findings.rejected.append(Rejection(view.number, str(site), reason))
    accepted = sum(1 for code in codes[: len(sites)] if code == 0)
    findings.accepted += accepted
    agreeing = sum(1 for said in view.attestations.values() if said == view.model_digest)
    voters = len(round_.study.committee) + accepted
    findings.attestations.append(Attestation(view.number, agreeing, voters))


def _aborted(round_: RoundEvidence) -> Abort:
    """Why a round aborted, and whom its files show at fault where they belong into the bundle."""
    view = round_.view
    reason, party = view.aborted
    fault = ""
    if round_.needed():  # whatever is missing makes the bundle false, so only parties lie below
        try:
            verify_verdicts(round_, verify_reports(round_), verify_files(round_))
        except BundleFalse as finding:
            fault = f"{finding.claimed}; what follows is {finding.follows}"
    return Abort(view.number, reason, "" if party == ZERO else str(party), fault)
