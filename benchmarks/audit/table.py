"""The table of an audit's cost, and the straight line through it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope of the straight line with the least squares."""
    count = len(points)
    mean_x, mean_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return mean_y - slope * mean_x, slope


def points(document: Json) -> list[tuple[float, float]]:
    """Reports audited and seconds of processor time."""
    return [(audit["reports"], audit["cpu_s"]) for audit in document["audits"]]


def table(document: Json) -> str:
    """One run."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Json) -> Iterator[str]:
    method, machine, load = document["method"], document["machine"], document["load"]
    yield "# What an audit costs"
    yield ""
    yield (
        f"`troth audit` on bundles of one study in mode A: {method['sites']} sites, "
        f"{method['members']} members, {method['candidates']} noise candidates of each, "
        f"{method['dimension']} parameters, embedded ledger. Measured {document['date']} on "
        f"{machine['processor']} ({machine['processors']} processors, {machine['python']}) in "
        f"{document['took_s']} s; load {load['before'][0]:.1f} before and {load['after'][0]:.1f} "
        f"after. Processor time of the whole process, start-up included, the least of "
        f"{method['repeats']} runs. Made by `run.py`."
    )
    yield ""
    yield "| rounds | reports | transactions | bundle | processor s | wall-clock s | peak memory |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for audit in document["audits"]:
        yield (
            f"| {audit['rounds']} | {audit['reports']} | {audit['transactions']:,} "
            f"| {audit['bundle_bytes'] / 1e6:.1f} MB | {audit['cpu_s']:.1f} "
            f"| {audit['wall_s']:.1f} | {audit['peak_mib']:.0f} MiB |"
        )
    start, slope = fit(points(document))
    yield ""
    yield (
        f"Straight line through these: {start:.1f} s and {1000 * slope:.1f} ms for each report, "
        f"{slope * document['audits'][-1]['reports'] / document['audits'][-1]['rounds']:.2f} s for "
        f"each round."
    )
    (last,) = (a for a in document["audits"] if a["rounds"] == method["goal_rounds"])
    met = "met" if last["cpu_s"] <= method["goal_cpu_s"] else "**not met**"
    yield ""
    yield (
        f"Goal: {method['goal_rounds']} rounds in at most {method['goal_cpu_s']:g} s of processor "
        f"time: {met}, with {last['cpu_s']:.1f} s."
    )
    yield ""
    yield "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + "."
