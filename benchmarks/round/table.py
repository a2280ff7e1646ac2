"""The table: what a document of `run` says, in Markdown: sums and ratios, nothing else."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.round.path import (
    Phase,
    hidden_noise,
    openings,
    paths,
    total,
    upload,
)

Json = Mapping[str, Any]


def table(document: Json) -> str:
    """All tables of one run."""
    parts = [
        *_head(document),
        *_whole(document),
        *_phases(document),
        *_beside(document),
        *_versions(document),
    ]
    return "\n".join(parts) + "\n"


def _head(document: Json) -> Iterator[str]:
    method, machine, load = document["method"], document["machine"], document["load"]
    yield "# One whole round: what it costs beside a plain average"
    yield ""
    yield (
        f"{method['dimension']:,} parameters, {method['sites']} sites, mode A with "
        f"{method['members']} members and {method['candidates']} noise candidates of each. "
        f"Measured {document['date']} on {machine['processor']} ({machine['processors']} "
        f"processors, {machine['memory_gib']} GiB, {machine['system']}, {machine['python']}) in "
        f"{document['took_s']} s; load {load['before'][0]:.1f} before and {load['after'][0]:.1f} "
        f"after. Wall-clock seconds of each party alone, its fastest of {method['rounds']} rounds, "
        "the slowest party of each step. Made by `run.py`; [README.md](README.md) says what is "
        "counted."
    )
    yield ""


def _whole(document: Json) -> Iterator[str]:
    method = document["method"]
    found = dict(paths(document))
    first = next(iter(found.values()))
    plain, plain_cpu = total(first), sum(phase.cpu_s for phase in first)
    goal, ours = method["goal_ratio"], [entry["label"] for entry in document["troth"]]
    yield "## Critical path"
    yield ""
    yield (
        f"Local training is {method['train_s']:g} s for everybody, counted and not slept. Goal: at "
        f"most {goal:g} × the plain round. Processor time leaves out waiting for a disk, and for a "
        f"processor that others use; the ratio of processor times has training in it too."
    )
    yield ""
    yield (
        "| | seconds | without training | × plain | goal | processor s without training "
        "| × plain by processor |"
    )
    yield "|---|---:|---:|---:|---|---:|---:|"
    for label, phases in found.items():
        whole, cpu = total(phases), sum(phase.cpu_s for phase in phases)
        ratio = whole / plain
        met = "met" if ratio <= goal else "**not met**"
        verdict = met if label in ours else ""
        yield (
            f"| {label} | {whole:.2f} | {whole - method['train_s']:.2f} | {ratio:.2f} | {verdict} "
            f"| {cpu - method['train_s']:.2f} | {cpu / plain_cpu:.2f} |"
        )
    rival = document["secagg_plus"]
    if "missing" in rival:
        yield ""
        yield f"SecAgg+: {rival['missing']['status']}, {rival['missing']['reason']}."
    yield ""


def _phases(document: Json) -> Iterator[str]:
    yield "## By phase"
    yield ""
    measured = {entry["label"]: phases for entry, phases in _troth(document)}
    names = list(dict.fromkeys(p.name for phases in measured.values() for p in phases))
    yield "| phase | " + " | ".join(f"{label}, s | processor s" for label in measured) + " |"
    yield "|---|" + "---:|" * 2 * len(measured)
    for name in names:
        row = [name]
        for phases in measured.values():
            (phase,) = [p for p in phases if p.name == name] or [Phase(name, 0.0, 0.0)]
            row += [f"{phase.seconds:.2f}", f"{phase.cpu_s:.2f}"]
        yield "| " + " | ".join(row) + " |"
    yield ""


def _beside(document: Json) -> Iterator[str]:
    method = document["method"]
    yield "## Beside the path"
    yield ""
    yield "| | " + " | ".join(entry["label"] for entry in document["troth"]) + " |"
    yield "|---|" + "---:|" * len(document["troth"])
    rows: dict[str, Callable[[Json], str]] = {
        "noise candidates of a member, made while sites train, s": lambda e: (
            f"{hidden_noise(e):.2f}"
        ),
        "openings checked by each voter, in the window, s": lambda e: f"{openings(e).seconds:.2f}",
        "the same, processor s": lambda e: f"{openings(e).cpu_s:.2f}",
        "examinations that a voter asks for in a round": lambda e: (
            f"{e['examine']['asked_by_each_voter']:g}"
        ),
        f"upload of a site, bytes per parameter (goal {method['goal_bytes_per_parameter']})": (
            lambda e: f"{upload(e):.3f}"
        ),
        "put by each voter with its vote, bytes per parameter": lambda e: f"{_voted(e):.3f}",
        "transactions of a round": lambda e: str(e["ledger"]["transactions"]),
        "steps that wait for a final block": lambda e: str(e["ledger"]["steps_that_wait"]),
        "gas of a round": lambda e: f"{e['ledger']['gas']:,}",
        "accepted by `plan`": lambda e: "yes" if e["fits"] else "**no**",
    }
    for title, figure in rows.items():
        yield f"| {title} | " + " | ".join(figure(e) for e in document["troth"]) + " |"
    yield ""
    for entry in document["troth"]:
        for reason in entry["misfits"]:
            yield f"- {entry['label']} is refused by `plan`: {reason}."
    yield ""


def _voted(measured: Json) -> float:
    (step,) = (s for s in measured["steps"] if (s["state"], s["party"]) == ("Opened", "site"))
    return float(step["put_bytes"] / measured["dimension"])


def _versions(document: Json) -> Iterator[str]:
    yield "## Versions"
    yield ""
    found = {"plain float32": document["plain"]}
    found |= {entry["label"]: entry for entry in document["troth"]}
    found["SecAgg+"] = document["secagg_plus"]
    yield "| | | SHA-256 of 64 MB |"
    yield "|---|---|---:|"
    for label, entry in found.items():
        versions = entry.get("versions", {})
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        unit = entry.get("units") or next((c["units"] for c in entry.get("cells", ())), None)
        shown = f"{1000 * unit['sha256_64mb_s']:.1f} ms" if unit else ""
        yield f"| {label} | {listed} | {shown} |"


def _troth(document: Json) -> Iterator[tuple[Json, list[Phase]]]:
    found = dict(paths(document))
    for entry in document["troth"]:
        yield entry, found[entry["label"]]
