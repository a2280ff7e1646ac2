"""docs/costs.md: what a document of `bill` says, in Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

MOST_GAS, MOST_BYTES = 80_000, 300
"""What a report may cost on the ledger."""


def page(document: Json) -> str:
    """The whole page."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Json) -> Iterator[str]:
    bills = document["bills"]
    yield from _head(document)
    yield "## A whole round"
    yield ""
    yield (
        "Every call of a round in which everybody is there and honest, each party's own "
        "transaction."
    )
    yield ""
    yield "| sites | mode | members | transactions | gas | gas per site | call data |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for bill in bills:
        yield (
            f"| {bill['sites']} | {bill['mode']} | {bill['members']} | {bill['transactions']} "
            f"| {bill['gas']:,} "
            f"| {bill['gas'] // bill['sites']:,} | {bill['calldata']:,} bytes |"
        )
    yield ""
    yield from _report(bills)
    yield from _steps(bills)
    yield from _notes()


def _head(document: Json) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    yield "# What a round costs on the ledger"
    yield ""
    yield "<!-- Written by `python -m benchmarks.ledger.bill`; do not edit. -->"
    yield ""
    yield (
        f"Gas and call data of a later round of a study (its first one writes more), "
        f"{document['candidates']} noise candidates of each member, on the embedded engine "
        f"({versions}). A contract sees digests only, so nothing here depends on the model's size. "
        f"Figures are exact and the same on every machine; a test measures a part of them again. "
        f"Gas of other calls, aborts and the largest committee: "
        f"[`gas-snapshot.json`](../contracts/gas-snapshot.json)."
    )
    yield ""


def report_figures(bills: list[Json]) -> dict[str, int]:
    """Dearest, cheapest and longest report of all bills, sites' and members' noise lists'."""
    steps = [step for bill in bills for step in bill["steps"] if step["name"] == "report"]
    noise = [step for bill in bills for step in bill["steps"] if step["name"] == "report noise"]
    return {
        "most_gas": max(step["most_gas"] for step in steps),
        "least_gas": min(step["most_gas"] for step in steps),
        "most_bytes": max(step["most_calldata"] for step in steps),
        "most_noise_gas": max(step["most_gas"] for step in noise),
    }


def _report(bills: list[Json]) -> Iterator[str]:
    found = report_figures(bills)
    yield "## One report"
    yield ""
    yield (
        f"A site's report is one transaction: {found['least_gas']:,} to {found['most_gas']:,} gas "
        f"(the dearest of each round above) and {found['most_bytes']} bytes of call data, whatever "
        f"the model's size and however many others report. The limits that tests hold it to are "
        f"{MOST_GAS:,} gas and {MOST_BYTES} bytes. A member's list of noise reports costs at most "
        f"{found['most_noise_gas']:,} gas."
    )
    yield ""


def _steps(bills: list[Json]) -> Iterator[str]:
    yield "## By step"
    yield ""
    yield "Gas of all parties together; n sites and m members as `n/m`."
    yield ""
    for mode in dict.fromkeys(bill["mode"] for bill in bills):
        yield from _mode(mode, [bill for bill in bills if bill["mode"] == mode])


def _mode(mode: str, bills: list[Json]) -> Iterator[str]:
    """The steps of one mode, which are the same for any number of sites and members."""
    yield f"### Mode {mode}"
    yield ""
    heads = [f"{bill['sites']}/{bill['members']}" for bill in bills]
    yield "| step | who | " + " | ".join(heads) + " |"
    yield "|---|---|" + "---:|" * len(bills)
    for rows in zip(*(bill["steps"] for bill in bills), strict=True):
        gas = " | ".join(f"{step['gas']:,}" for step in rows)
        yield f"| {rows[0]['name']} | {rows[0]['who']} | {gas} |"
    yield "| **all** | | " + " | ".join(f"**{bill['gas']:,}**" for bill in bills) + " |"
    yield ""
    yield "The dearest call of each step, in gas and bytes of call data:"
    yield ""
    yield "| step | who | " + " | ".join(heads) + " |"
    yield "|---|---|" + "---:|" * len(bills)
    for rows in zip(*(bill["steps"] for bill in bills), strict=True):
        most = " | ".join(f"{step['most_gas']:,} ({step['most_calldata']})" for step in rows)
        yield f"| {rows[0]['name']} | {rows[0]['who']} | {most} |"
    yield ""


def _notes() -> Iterator[str]:
    yield "## What grows with what"
    yield ""
    yield (
        "- Three calls run over all sites: `open` reserves the round's price on each one's "
        "lineage, `close` binds every report's digest into the transcript, and the last `judge` "
        "settles the charges. Anything else that one party sends costs the same for any number of "
        "sites, but for the bytes of a bitmap."
    )
    yield (
        "- A site sends two transactions in a round: its report, and its word about the model. The "
        "other calls are the members', each once for each step."
    )
    yield (
        "- In B3 and B4 a member is bound to a sum of each share that it holds, and the contract "
        "compares them; there is nothing to challenge, publish or confirm after that. In B4 the "
        "members say in one more step whose noise holders have to open: nobody's, here."
    )
    yield (
        "- `open noise` carries the seeds of all candidates but one as call data, because a seed "
        "that nobody can fetch would equal a wrong one."
    )
    yield ""
