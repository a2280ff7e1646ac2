"""``troth audit``: one line per claim and the verdict, or the line that lies."""

from pathlib import Path

from troth.audit.claims import ATTESTED, NOT_COVERED, PROVED
from troth.audit.run import CONSISTENT, Verdict
from troth.audit.run import audit as audit_bundle
from troth.cli import output
from troth.cli.exits import Exit
from troth.cli.inputs import read_file, require_file
from troth.cli.teller import working
from troth.errors import BundleFalse, NotABundle

FALSE_FORMAT = "troth/audit-false/v1"
FALSE = "false"
MAX_TRUST = 2**20
"""Bytes of the largest trust file, checkpoint or list of signers that is read."""
_STYLES = {PROVED: "green", ATTESTED: "yellow", NOT_COVERED: "magenta"}


def check(bundle: Path, trust: Path | None, signers: Path | None, *, as_json: bool) -> int:
    """Audit a bundle and print what was found.

    Raises:
        InputError: the bundle or another file is not there, or no file, or cannot be used.
        BundleFalse: after the line that lies was printed.
        NotABundle: naming the file.
    """
    require_file(bundle, "bundle")
    trusted = None if trust is None else read_file(trust, "trust file", MAX_TRUST, "--trust")
    known = None if signers is None else read_file(signers, "signers", MAX_TRUST, "--signers")
    try:
        with working(f"auditing {bundle}"):
            verdict = audit_bundle(bundle, trusted, known)
    except BundleFalse as lie:
        _print_lie(lie, as_json=as_json)
        raise
    except NotABundle as problem:
        text = str(problem)
        raise NotABundle(text if str(bundle) in text else f"{bundle}: {text}") from problem
    if as_json:
        output.document(verdict.to_json())
    else:
        _print(verdict, output.Page())
    return Exit.FINE


def _print_lie(lie: BundleFalse, *, as_json: bool) -> None:
    where = {
        "format": FALSE_FORMAT,
        "verdict": FALSE,
        "member": lie.member,
        "position": lie.position,
        "claimed": lie.claimed,
        "follows": lie.follows,
    }
    if as_json:
        output.document(where)
        return
    page = output.Page()
    page.line(f"verdict: {FALSE}", "bold red")
    for name, text in list(where.items())[2:]:
        page.tagged(name, text, "bold")


def _print(verdict: Verdict, page: output.Page) -> None:
    for claim in verdict.claims:
        by = f"by {claim.by}: " if claim.by else ""
        page.tagged(claim.status, by + claim.text, _STYLES[claim.status])
    page.heading("Figures")
    for study in verdict.studies:
        page.tagged(
            "study",
            f"{study.name} (0x{study.study.hex()[:16]}): {study.rounds_final} of "
            f"{study.rounds_agreed} rounds final, {study.reports_accepted} reports accepted, "
            f"{len(study.reports_rejected)} rejected, {len(study.aborts)} aborts; ε = "
            f"{study.epsilon_spent:.4f} spent at δ = {study.delta:g}",
            "cyan",
        )
        for abort in study.aborts:
            named = " and ".join(party for party in (abort.party, abort.other) if party)
            page.tagged(
                "aborted",
                f"round {abort.round} ({abort.reason}); the ledger names {named or 'nobody'}",
                "magenta",
            )
        for gone in study.departures:
            page.tagged(
                "without",
                f"round {gone.round} went on without {gone.member} from {gone.state} on "
                f"({gone.reason})",
                "magenta",
            )
        if study.counts:
            listed = ", ".join(map(str, study.counts))
            page.tagged(
                "counts",
                f"{listed} for model 0x{study.evaluates.hex()[:16]}, with noise: label 0 predicted "
                "0 and 1, label 1 predicted 0 and 1",
                "cyan",
            )
    for refusal in verdict.refusals:
        arguments = ", ".join(refusal.arguments)
        page.tagged(
            "refused",
            f"{refusal.action} by {refusal.sender} (transactions.jsonl, line {refusal.line}): "
            f"{refusal.error}({arguments})",
            "magenta",
        )
    if verdict.verdict == CONSISTENT:
        _print_anchors(verdict, page)
    page.line()
    page.line(f"verdict: {verdict.verdict}", "bold green")


def _print_anchors(verdict: Verdict, page: output.Page) -> None:
    """What a stranger has to compare with what a member says, until a trust file does it."""
    anchors = verdict.anchors
    page.heading("Anchors: compare them with what members published, or give --trust")
    page.tagged("chain", str(anchors.chain_id), "cyan")
    for contract in anchors.contracts:
        page.tagged(contract.name, contract.address, "cyan")
    for member in anchors.members:
        page.tagged("member", member, "cyan")
    page.tagged("last block", f"{anchors.head.number}, 0x{anchors.head.hash.hex()}", "cyan")
