"""``troth audit``: one line per claim and the verdict, or the line that lies."""

from pathlib import Path

from troth.audit.claims import ATTESTED, NOT_COVERED, PROVED
from troth.audit.run import CONSISTENT, Verdict
from troth.audit.run import audit as audit_bundle
from troth.cli import output
from troth.cli.exits import Exit
from troth.cli.teller import working
from troth.errors import BundleFalse, InputError, NotABundle

FALSE_FORMAT = "troth/audit-false/v1"
FALSE = "false"
MAX_TRUST = 2**20
"""Bytes of the largest trust file that is read."""
_STYLES = {PROVED: "green", ATTESTED: "yellow", NOT_COVERED: "magenta"}


def check(bundle: Path, trust: Path | None, *, as_json: bool) -> int:
    """Audit a bundle and print what was found.

    Raises:
        BundleFalse: after the line that lies was printed.
        NotABundle: naming the file.
    """
    trusted = None if trust is None else _read_trust(trust)
    try:
        with working(f"auditing {bundle}"):
            verdict = audit_bundle(bundle, trusted)
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


def _read_trust(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"--trust {path}: no such file; give the path of a trust file")
        with path.open("rb") as file:
            data = file.read(MAX_TRUST + 1)
    except (OSError, ValueError) as problem:
        raise InputError(f"--trust {path}: {problem}; give a file that can be read") from problem
    if len(data) > MAX_TRUST:
        raise InputError(f"--trust {path}: above {MAX_TRUST} bytes; this is no trust file")
    return data


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
