"""``troth demo``: runs a scenario and sums up what came of it."""

import shlex
from collections.abc import Iterator

from rich.table import Table

from troth.cli import output
from troth.cli.exits import Exit
from troth.cli.teller import teller
from troth.learning.confusion import NORMAL_95
from troth.scenarios.hospital_records import PUBLIC_RECORDS
from troth.scenarios.hospital_run import Options
from troth.scenarios.hospitals import play
from troth.scenarios.report import ITS_OWN_TRUST_FILE, MEASURED, MEASURED_WITH, drilled
from troth.scenarios.result import Accuracy, DemoResult, Evaluation, Rate


def hospitals(options: Options, *, as_json: bool) -> int:
    """Play the hospitals' story and print its result."""
    with teller() as progress:
        result = play(options, progress)
    if as_json:
        output.document(result.to_json())
    else:
        present(result, output.Page(), output.program())
    return Exit.FINE


def present(result: DemoResult, page: output.Page, command: str) -> None:
    """Sum up a result; ``command`` is how to call this program again."""
    page.heading(f"Accuracy on {PUBLIC_RECORDS} public records that nobody trained on")
    page.table(_accuracy(result.accuracy))
    page.line(f"  One run is one draw. On average: {_on_average(MEASURED[result.study.mode])}")
    page.line(f"  ({MEASURED_WITH}).")
    page.heading("The same model on the hospitals' own records, kept from training")
    for tag, text in _evaluation(result.evaluation, result.accuracy):
        page.tagged(tag, text, "cyan")
    page.heading("What was spent, refused and rejected")
    for tag, text, style in _events(result):
        page.tagged(tag, text, style)
    page.heading("Try next")
    bundle, trust = shlex.quote(result.bundle), shlex.quote(result.trust)
    page.line(f"  {command} audit {bundle} --trust {trust}")
    page.line(f"  open {shlex.quote(result.report)} in a browser: the same for a director")


def _accuracy(accuracy: Accuracy) -> Table:
    table = Table("", "accuracy", "wrong", "sees the records of others", box=None, pad_edge=True)
    for column in table.columns[1:3]:
        column.justify = "right"
    rows = [("all records in one place", accuracy.pooled, "whoever holds them", "")]
    rows += [
        (f"hospital {number} alone", value, "nobody", "")
        for number, value in enumerate(accuracy.local, start=1)
    ]
    rows.append(("federated without privacy", accuracy.federated, "the server, by updates", ""))
    rows.append(("Troth", accuracy.troth, "nobody", "bold green"))
    for label, value, who, style in rows:
        wrong = round((1 - value) * PUBLIC_RECORDS)
        table.add_row(f"  {label}", f"{value:.1%}", str(wrong), who, style=style)
    return table


def _evaluation(evaluation: Evaluation, accuracy: Accuracy) -> Iterator[tuple[str, str]]:
    """The counts that were released, and the rates that they give beside those in public."""
    counts, public, privacy = evaluation.counts, evaluation.public, evaluation.privacy
    yield (
        "counts",
        (
            f"malignant: {counts.malignant_found} found, {counts.malignant_missed} missed; "
            f"benign: {counts.benign_cleared} cleared, {counts.benign_flagged} flagged; sums over "
            f"all hospitals with noise, each ± {NORMAL_95 * evaluation.deviation:.1f} in 95 of 100 "
            "cases"
        ),
    )
    yield (
        "right",
        (
            f"{_interval(evaluation.accuracy)} of them, {accuracy.troth:.1%} of the public ones; "
            f"malignant found {_interval(evaluation.sensitivity)}, public "
            f"{public.sensitivity:.1%}; benign cleared {_interval(evaluation.specificity)}, public "
            f"{public.specificity:.1%}"
        ),
    )
    yield (
        "spent",
        (
            f"ε = {privacy.epsilon_guaranteed:.4f} guaranteed at δ = {privacy.delta:g} (tight "
            f"estimate {privacy.epsilon_tight:.4f}) by these records, which nothing else used"
        ),
    )


def _interval(rate: Rate) -> str:
    """A share, with what it may be when the noise is allowed for."""
    return f"{rate.value:.1%} ({rate.low:.0%} to {rate.high:.0%})"


def _on_average(means: Accuracy) -> str:
    """The measured means, so that nobody takes one draw for what to expect."""
    return (
        f"all records in one place {means.pooled:.2%}, the best hospital alone "
        f"{means.local[0]:.2%}, federated without privacy {means.federated:.2%}, "
        f"Troth {means.troth:.2%}"
    )


def _events(result: DemoResult) -> Iterator[tuple[str, str, str]]:
    """Tag, line and style of everything else worth knowing."""
    privacy, ledger, found = result.privacy, result.ledger, result.audit
    left = max(privacy.rho_budget - privacy.rho_spent, 0.0)
    yield (
        "spent",
        (
            f"ε = {privacy.epsilon_guaranteed:.4f} guaranteed at δ = {privacy.delta:g} (tight "
            f"estimate {privacy.epsilon_tight:.4f}), for ever: ρ {privacy.rho_spent:.6f} of "
            f"{privacy.rho_budget:.6f}, {left:.6f} left on the records trained on"
        ),
        "cyan",
    )
    yield "if", privacy.assumption, "cyan"
    for refusal in result.refusals:
        yield (
            "REFUSED",
            f"{refusal.action} of study {refusal.study[:16]}: {refusal.reason}",
            ("bold magenta"),
        )
    word, sentences = drilled(result.drill)
    yield word.upper(), sentences, "bold yellow"
    for rejection in result.reports.rejected:
        yield (
            "REJECTED",
            (
                f"the report of {rejection.site} in round {rejection.round}: {rejection.reason}; "
                f"{result.reports.accepted} others were accepted"
            ),
            "bold yellow",
        )
    for gone in result.departures:
        shown = f": {gone.shown}" if gone.shown else ""
        yield (
            "without",
            (
                f"round {gone.round} went on without {gone.member} from {gone.state} on "
                f"({gone.reason}){shown}"
            ),
            "cyan",
        )
    yield (
        "rounds",
        (
            f"{result.rounds.final} final, {result.rounds.aborted} aborted, in "
            f"{sum(result.seconds.values()):.1f} s with everything else"
        ),
        "cyan",
    )
    yield (
        "ledger",
        (
            f"{ledger.engine} ({ledger.trust}): {ledger.transactions} transactions; a report costs "
            f"at most {ledger.gas_per_report} gas and {ledger.calldata_bytes_per_report} bytes"
        ),
        "cyan",
    )
    claims = found.claims
    yield (
        "audit",
        (
            f"{found.verdict}: {claims.proved} claims proved, {claims.attested} attested, "
            f"{claims.not_covered} not covered; {ITS_OWN_TRUST_FILE}"
        ),
        "bold green",
    )
    yield "changed byte", found.changed_byte, "bold red"
    yield "bundle", result.bundle, "cyan"
    yield "trust file", result.trust, "cyan"
    yield "report", result.report, "cyan"
