"""The hospitals' result as one page for somebody who runs a hospital.

The page stands alone: no script, no font, no image, no address outside. What it says is taken from
the result and from the audit's own lines; what it does not promise is said as plainly as what it
does (round protocol, section 6).
"""

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined

from troth.audit.claims import ATTESTED, NOT_COVERED, PROVED, Claim
from troth.errors import InputError
from troth.learning.confusion import NORMAL_95
from troth.privacy.dp.price import NANO
from troth.scenarios.hospital_committee import OUTVOTING, readers
from troth.scenarios.hospital_records import (
    HELD_OUT_PARTS,
    HOSPITALS,
    PRIVATE_RECORDS,
    PUBLIC_RECORDS,
)
from troth.scenarios.hospital_run import PURPOSE
from troth.scenarios.hospital_study import LIE_FACTOR
from troth.scenarios.result import (
    Accuracy,
    DemoResult,
    Drill,
    Evaluation,
    Privacy,
    Rate,
    Refusal,
)

TEMPLATE = "report.html.j2"

_NORM = "the hidden proof that its update is no longer than agreed does not hold"
REASONS = {
    "absent": "it never came",
    "undelivered": "an aggregator could not open it",
    "envelope": "it was not well-formed",
    "share": "what was sealed inside was not what had been promised on the ledger",
    "norm_equality": _NORM,
    "validity": _NORM,
    "joint_randomness": "its proof was not made for this update",
    "query": "its proof could not be checked at the point that the key chose",
}
"""Why a report is not accepted, for a person; by the words of the transition table."""


MEASURED = {
    mode: Accuracy(pooled=0.9816, local=(0.9377,), federated=0.9754, troth=troth)
    for mode, troth in (("A", 0.9730), ("B3", 0.9731), ("B4", 0.9724))
}
"""Means over ten seeds; Troth's over ten noise draws each; alone: each seed's best hospital.

The modes differ in how much noise the sum carries: two whole parts, three halves, four halves.
"""
MEASURED_WITH = (
    "ten seeds, ten noise draws each, measured with benchmarks/hospitals/accuracy.py on CPython "
    "3.11"
)
ITS_OWN_TRUST_FILE = (
    "against the trust file that this same run wrote: it shows that the check works, not whose "
    "ledger it was"
)
"""What *verified* is worth in a demonstration."""


@dataclass(frozen=True)
class Bar:
    """One labelled bar of a picture."""

    label: str
    share: float
    """Of the picture's width, 0 to 1."""
    value: str
    kind: str
    """Style class: ``open``, ``alone``, ``troth``, ``spent``, ``left`` or ``asked``."""


@dataclass(frozen=True)
class RateLine:
    """One share of records that were judged rightly: in private, and on the public records."""

    label: str
    private: Rate
    public: float


def render(result: DemoResult, claims: Sequence[Claim]) -> str:
    """The page as one HTML document.

    Args:
        result: what the demonstration found.
        claims: the audit's lines.

    Raises:
        InputError: a rejection or a claim of a kind that this page has no words for.
    """
    environment = Environment(
        loader=PackageLoader("troth.scenarios", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_status = _by_status(claims)
    paid = (result.privacy, result.evaluation.privacy)  # by records trained on, and tested on
    epsilon_most = max(privacy.epsilon_guaranteed for privacy in paid)
    return environment.get_template(TEMPLATE).render(
        result=result,
        purpose=PURPOSE,
        hospitals=HOSPITALS,
        private_records=PRIVATE_RECORDS,
        public_records=PUBLIC_RECORDS,
        accuracy_bars=list(_accuracy_bars(result.accuracy)),
        best_alone=max(result.accuracy.local),
        measured=MEASURED[result.study.mode],
        measured_with=MEASURED_WITH,
        its_own_trust_file=ITS_OWN_TRUST_FILE,
        wrong=_wrong,
        negative=min(astuple(result.evaluation.counts)) < 0,
        kept_parts=HELD_OUT_PARTS,
        margin=NORMAL_95 * result.evaluation.deviation,
        rates=list(_rates(result.evaluation, result.accuracy)),
        budget_bars=list(_budget_bars(result.privacy, result.refusals)),
        epsilon_most=epsilon_most,
        epsilon_factor=math.exp(epsilon_most),
        one_in=round(1 / result.privacy.delta),
        staged=list(_staged(result)),
        rejections=[(item, _reason(item.reason)) for item in result.reports.rejected],
        drilled=drilled(result.drill),
        replicated=result.study.mode != "A",
        outvoting=result.study.mode in OUTVOTING,
        readers=readers(result.study.mode, result.study.aggregators),
        escape=f"1 chance in {result.study.noise_candidates}",
        refusals=[(item, item.asked / NANO, item.left / NANO) for item in result.refusals],
        proved=by_status[PROVED],
        attested=by_status[ATTESTED],
        not_covered=by_status[NOT_COVERED],
        command=_audit_command(result),
        files=[PurePath(path).name for path in (result.bundle, result.trust)],
    )


def _rates(evaluation: Evaluation, accuracy: Accuracy) -> Iterator[RateLine]:
    public = evaluation.public
    yield RateLine("All records judged rightly", evaluation.accuracy, accuracy.troth)
    yield RateLine("Malignant ones found", evaluation.sensitivity, public.sensitivity)
    yield RateLine("Benign ones cleared", evaluation.specificity, public.specificity)


def drilled(drill: Drill) -> tuple[str, str]:
    """What came of the drill: a word for it, and the sentences that a director reads."""
    changed = f"{drill.cheat} changed one number of its share of the sum"
    if drill.final:
        return "Outvoted", (
            f"In round {drill.round} of the training itself, {changed}. {drill.accusers} "
            "others hold the same share and agreed on another sum, so the ledger names "
            f"{drill.named}, the round went on without it, and the model is the right one."
        )
    made_up = f"In a drill on made-up records, {changed}."
    if drill.other:
        return "Stopped", (
            f"{made_up} Another aggregator holds the same share and came to another sum. The "
            f"round ended ({drill.reason}) before anything was published, and the ledger names "
            f"the two, {drill.named} and {drill.other}: one of them lied, nobody can tell which."
        )
    if drill.named:
        return "Named", (
            f"{made_up} {drill.accusers} of {drill.voters} parties found that by themselves. The "
            f"round ended without a model ({drill.reason}), and the ledger names {drill.named}."
        )
    return "Stopped", (
        f"{made_up} The round ended without a model ({drill.reason}); the ledger names nobody."
    )


def _staged(result: DemoResult) -> Iterator[str]:
    """What was done on purpose, of that which happened in this run."""
    if result.refusals:
        yield "the second study was made to ask too much"
    where = f"in round {result.drill.round}" if result.drill.final else "on made-up records"
    yield f"an aggregator was told to change a sum, {where}"
    if result.reports.rejected:
        yield f"a site was made to send an update {LIE_FACTOR} times too long"
    yield "we changed the byte ourselves"


def _by_status(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {PROVED: [], ATTESTED: [], NOT_COVERED: []}
    for claim in claims:
        if claim.status not in found:
            raise InputError(f"a claim has the unknown status {claim.status!r}")
        found[claim.status].append(claim)
    return found


def _wrong(share: float) -> int:
    """Public records predicted wrongly."""
    return round((1 - share) * PUBLIC_RECORDS)


def _accuracy_bars(accuracy: Accuracy) -> Iterator[Bar]:
    yield _accuracy_bar("All records in one place", accuracy.pooled, "open")
    for number, share in enumerate(accuracy.local, start=1):
        yield _accuracy_bar(f"Hospital {number} alone", share, "alone")
    yield _accuracy_bar("Together, through a server", accuracy.federated, "open")
    yield _accuracy_bar("Together, with Troth", accuracy.troth, "troth")


def _accuracy_bar(label: str, share: float, kind: str) -> Bar:
    return Bar(label, share, f"{share:.1%}, {_wrong(share)} wrong", kind)


def _budget_bars(privacy: Privacy, refusals: Sequence[Refusal]) -> Iterator[Bar]:
    """Everything to one scale, so that what was asked can be compared with what is left."""
    asked = [refusal.asked / NANO for refusal in refusals]
    whole = max(privacy.rho_budget, *asked, 0.0)
    left = max(privacy.rho_budget - privacy.rho_spent, 0.0)
    for label, amount, kind in (
        ("Granted by each hospital", privacy.rho_budget, "open"),
        ("Spent by this study, for ever", privacy.rho_spent, "spent"),
        ("Left", left, "left"),
        *(("Asked by a second study, refused", amount, "asked") for amount in asked),
    ):
        yield Bar(label, amount / whole, f"{amount / privacy.rho_budget:.1%}", kind)


def _reason(code: str) -> str:
    if code not in REASONS:
        raise InputError(f"a report was rejected for the unknown reason {code!r}")
    return REASONS[code]


def _audit_command(result: DemoResult) -> str:
    """To be run in the folder of the files, wherever it was moved."""
    bundle, trust = (shlex.quote(PurePath(path).name) for path in (result.bundle, result.trust))
    return f"troth audit {bundle} --trust {trust}"
