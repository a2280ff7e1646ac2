"""The critical path of a round: phases in order, each by the slowest party, training counted in.

Pure arithmetic over a document of `run`. Parties of one kind work at the same time, each on a
machine of its own, so a phase lasts as long as its slowest party.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

TRAIN_SECONDS = 10.0
"""Of local training at every site: counted, not slept."""
GOAL_RATIO = 1.2
"""Most that the critical path may be, in multiples of the plain round's."""
GOAL_BYTES = 4.06
"""Most that a site may upload per parameter."""

POSTS = "ledger posts"
PHASES: Mapping[tuple[str, str], str] = {
    ("Absent", "aggregator"): "erase the round before",
    ("Open", "site"): "share, mask, seal",
    ("Open", "aggregator"): "noise candidates",
    ("Closed", "aggregator"): "fetch and open shares",
    ("Keyed", "aggregator"): "verify",
    ("Committed", "aggregator"): "verdict",
    ("Judged", "aggregator"): "verdict",
    ("Settled", "aggregator"): "sum",
    ("Challenged", "aggregator"): "challenge, tags",
    ("Published", "aggregator"): "fetch publications",
    ("Opened", "site"): "own tags, model, vote",
    ("Opened", "aggregator"): "own tags, model, vote",
}
"""By state and party; everything else is a post without work."""
TRAINING, HIDDEN, CHECKED = "training", "noise candidates", "publication checks"


@dataclass(frozen=True)
class Phase:
    """A stretch of a round."""

    name: str
    seconds: float
    cpu_s: float
    """Processor time of the party that took longest."""


def troth_path(measured: Json, train_s: float) -> list[Phase]:
    """Phases of Troth in the order of the round; noise is made while sites train."""
    found: dict[str, Phase] = {}
    by_state: dict[str, list[Json]] = {}
    for step in measured["steps"]:
        by_state.setdefault(step["state"], []).append(step)
    noise = hidden_noise(measured)
    for state, steps in by_state.items():
        shown = [step for step in steps if (state, step["party"]) != ("Open", "aggregator")]
        slowest = max(shown, key=seconds_of)
        if state == "Open":
            _add(found, Phase(TRAINING, train_s, train_s))
        name = PHASES.get((state, slowest["party"]), POSTS)
        _add(found, Phase(name, seconds_of(slowest), slowest["cpu_s"]))
        if state == "Open" and noise > train_s + seconds_of(slowest):
            _add(found, Phase(HIDDEN, noise - train_s - seconds_of(slowest), 0.0))
    examined = measured["examine"]
    last = found.pop(PHASES["Opened", "site"])
    checked = Phase(CHECKED, examined["publications_s"], examined["publications_cpu_s"])
    return [*found.values(), checked, last]


def upload(measured: Json) -> float:
    """Bytes per parameter that one site uploads to report."""
    (step,) = (s for s in measured["steps"] if (s["state"], s["party"]) == ("Open", "site"))
    return float(step["put_bytes"] / measured["dimension"])


def _add(found: dict[str, Phase], phase: Phase) -> None:
    before = found.get(phase.name, Phase(phase.name, 0.0, 0.0))
    found[phase.name] = Phase(
        phase.name, before.seconds + phase.seconds, before.cpu_s + phase.cpu_s
    )


def hidden_noise(measured: Json) -> float:
    """Seconds that a member needs for its noise candidates, while sites train."""
    (step,) = (
        step
        for step in measured["steps"]
        if (step["state"], step["party"]) == ("Open", "aggregator")
    )
    return seconds_of(step)


def openings(measured: Json) -> Phase:
    """What a voter needs to check all opened noise, in the window."""
    examined = measured["examine"]
    return Phase(
        "openings",
        examined["whole_s"] - examined["publications_s"],
        examined["whole_cpu_s"] - examined["publications_cpu_s"],
    )


def plain_path(plain: Json, train_s: float) -> list[Phase]:
    """Phases of the plain round."""
    steps = plain["steps"]
    return [
        Phase(TRAINING, train_s, train_s),
        Phase("seal", steps["site"]["wall_s"], steps["site"]["cpu_s"]),
        Phase("fetch, open, average", steps["server"]["wall_s"], steps["server"]["cpu_s"]),
        Phase("fetch the model", steps["reader"]["wall_s"], steps["reader"]["cpu_s"]),
    ]


def secagg_path(cell: Json, plain: Json, clients: int, train_s: float) -> list[Phase]:
    """Phases of SecAgg+; nothing is sealed, and the model is fetched as in the plain round."""
    (server,) = cell["aggregators"].values()
    reader = plain["steps"]["reader"]
    return [
        Phase(TRAINING, train_s, train_s),
        Phase("mask", cell["client"]["wall_s"], cell["client"]["cpu_s"]),
        Phase("unmask, average", clients * server["wall_s"], clients * server["cpu_s"]),
        Phase("fetch the model", reader["wall_s"], reader["cpu_s"]),
    ]


def seconds_of(step: Json) -> float:
    """Own work and store."""
    return float(step["own_s"] + step["store_s"])


def total(phases: list[Phase]) -> float:
    """Seconds of the whole path."""
    return sum(phase.seconds for phase in phases)


def paths(document: Json) -> Iterator[tuple[str, list[Phase]]]:
    """Label and path of everything measured, the plain round first."""
    train_s, sites = document["method"]["train_s"], document["method"]["sites"]
    plain = document["plain"]
    yield "plain float32", plain_path(plain, train_s)
    rival = document["secagg_plus"]
    for cell in rival.get("cells", ()):
        label = rival["configurations"][cell["configuration"]]["label"]
        yield label, secagg_path(cell, plain, sites, train_s)
    for measured in document["troth"]:
        yield measured["label"], troth_path(measured, train_s)
