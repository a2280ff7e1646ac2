"""One round after the other: everything its result rests on, recomputed in the protocol's order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from troth.audit.aborts import Abort, told_abort
from troth.audit.accusations import JudgedAccusation, judge_accusations
from troth.audit.confirmations import Confirmations, confirmations
from troth.audit.departures import Departure, departures
from troth.audit.evidence import RoundEvidence
from troth.audit.reports import verify_files, verify_reports
from troth.audit.sums import published, verify_published, verify_step
from troth.audit.verdicts import verify_verdicts
from troth.learning.model import Model
from troth.round.study import Study
from troth.round.transitions import State, table


@dataclass(frozen=True)
class Rejection:
    """A site's report that was not accepted in a final round."""

    round: int
    site: str
    reason: str


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
    opened: int = 0
    """Noise candidates of final rounds that were opened and made again."""
    recovered: int = 0
    """Those that holders opened for an owner that did not."""
    aborts: list[Abort] = field(default_factory=list)
    open_rounds: list[int] = field(default_factory=list)
    """Rounds that had not ended when the bundle was written."""
    confirmations: list[Confirmations] = field(default_factory=list)
    """For each final round, in order."""
    departures: list[Departure] = field(default_factory=list)
    """Members that left a final round, which went on without them."""
    accusations: list[JudgedAccusation] = field(default_factory=list)
    """In all rounds, in order."""
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
            abort, accusations = told_abort(round_)
            findings.aborts.append(abort)
            findings.accusations += accusations
        else:
            findings.open_rounds.append(round_.view.number)
    return list(found.values())


def _final(round_: RoundEvidence, findings: StudyFindings) -> None:
    envelopes, files = verify_reports(round_), verify_files(round_)
    codes = verify_verdicts(round_, envelopes, files)
    everything = published(round_, envelopes, files)
    examined = verify_published(round_, everything)
    before = findings.model or Model.zeros(round_.study.terms.model.dimension)
    findings.model = verify_step(round_, examined, before)
    findings.finals += 1
    findings.opened += len(examined.opened)
    findings.recovered += len(examined.recovered)
    findings.confirmations.append(confirmations(round_))
    findings.departures += departures(round_, codes, everything)
    findings.accusations += judge_accusations(round_, everything, examined)
    _count(round_, findings, codes)


def _count(round_: RoundEvidence, findings: StudyFindings, codes: bytes) -> None:
    for site, code in zip(round_.study.sites, codes, strict=False):
        if code:
            reason = table().verdicts[code]
            findings.rejected.append(Rejection(round_.view.number, str(site), reason))
        else:
            findings.accepted += 1
