"""Whole rounds of Troth in mode A: real roles, contracts and store, every party in this process.

    python -m benchmarks.round.troth_round [--configuration NAME] [--dimension D] [--rounds N]

Prints one JSON document. A site's local training is a constant that `table` counts; what it hands
over is an update of float32, scaled and rounded here. The parties take turns, so a figure is that
of one party alone on a processor; `table` takes the slowest party of each step, because in reality
they work at the same time. The first round warms up and is not counted.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.round.stopwatch import Examination, MeasuredParty, Tick, publications_only
from benchmarks.round.world import DELTA, Wide, wide_study
from benchmarks.secagg.measure import Timing, Vector, units, update
from numpy.typing import NDArray

from troth.learning.model import Model
from troth.privacy.plan import StudyDesign, plan
from troth.roles.aggregator import Aggregator
from troth.roles.trainer import Trainer
from troth.round.driver import Driver, run
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.scenarios.consortium import SITE
from troth.storage.blobs import LocalBlobs

DIMENSION, SITES, MEMBERS, CANDIDATES, ROUNDS = 10**6, 8, 2, 4, 3
PACKAGES = ("troth", "numpy", "cryptography", "numba", "obstore")


@dataclass(frozen=True)
class Numbers:
    """What a configuration chooses."""

    label: str
    variant: str
    proofs: int
    proofs_norm_equality: int
    clip: int
    scale_bits: int
    noise_variance: int
    records: int
    """Of each site."""

    def design(self, dimension: int, rounds: int) -> StudyDesign:
        """The study."""
        return StudyDesign(
            variant=self.variant,
            members=MEMBERS,
            dimension=dimension,
            record_bounds=(self.records,) * SITES,
            weights=(1,) * SITES,
            clip=self.clip,
            scale_bits=self.scale_bits,
            noise_variance=self.noise_variance,
            honest=1,
            noise_candidates=CANDIDATES,
            rounds=rounds,
            delta=DELTA,
            epsilon=4.0,
            proofs=self.proofs,
            proofs_norm_equality=self.proofs_norm_equality,
        )


CONFIGURATIONS = {
    "pine64": Numbers(
        "Troth, Pine64", "Pine64HmacSha256Aes128", 2, 2,
        clip=2048, scale_bits=17, noise_variance=2**28, records=8000,
    ),
    "pine32": Numbers(
        "Troth, Pine32", "Pine32HmacSha256Aes128", 5, 3,
        clip=4, scale_bits=8, noise_variance=2**10, records=8000,
    ),
}  # fmt: skip


def play(wide: Wide, vector: Vector, folder: Path, rounds: int) -> dict[str, Any]:
    """Run the study's rounds and note every step."""
    consortium, study = wide.consortium, wide.study
    examination, ticks = Examination(), list[Tick]()
    parties = []
    for organisation in consortium.organisations:
        place = folder / "parties" / organisation.label.replace(" ", "-")
        place.mkdir(parents=True)
        account = organisation.account.address
        role: Any
        if organisation.roles == SITE:
            train = _training(vector, study.terms.secagg.site_norm_bound)
            role = Trainer(study, account, train, os.urandom, examine_round=examination)
        else:
            role = Aggregator(study, account, os.urandom, examine_round=examination)
        parties.append(
            MeasuredParty(
                organisation.label,
                role,
                organisation.account,
                place / "state",
                examination,
                ticks.append,
            )
        )
    view = StudyView(study.study_id)
    driver = Driver(consortium.ledger, consortium.store, view, parties)
    run(driver, consortium.ledger, lambda now: len(now.finals) >= rounds)
    consortium.finish(view, parties)
    if examination.last is None:
        raise RuntimeError("no round was examined")
    last = examination.last[0]
    publications = Timing.fastest([publications_only(last) for _ in range(rounds)])
    examined = [tick for tick in ticks if tick.examined_s and tick.round > 1]
    whole = min(examined, key=lambda tick: tick.examined_s)
    return {
        "steps": steps(ticks, rounds),
        "examine": {
            "whole_s": whole.examined_s,
            "whole_cpu_s": whole.examined_cpu_s,
            "publications_s": publications.wall_s,
            "publications_cpu_s": publications.cpu_s,
            "asked_by_each_voter": max(examination.asked.values()) / (SITES + MEMBERS),
        },
        "ledger": bill(ticks, rounds),
    }


def _training(vector: Vector, bound: int) -> Callable[[Model, int], NDArray[np.int64]]:
    """What is left of training once the update is there: `vector` has norm 0.9 of a bound of 1."""

    def train(_: Model, __: int) -> NDArray[np.int64]:
        return np.rint(vector.astype(np.float64) * bound).astype(np.int64)

    return train


def steps(ticks: list[Tick], rounds: int) -> list[dict[str, Any]]:
    """By state and kind of party: the slowest party, each by its fastest round after the first."""
    found = []
    for state in State:
        for kind in ("site", "aggregator"):
            mine = [t for t in ticks if t.state is state and t.party.startswith(kind)]
            parties = [
                min(
                    (_together([t for t in mine if (t.party, t.round) == (name, number)])
                     for number in range(2, rounds + 1)),
                    key=lambda step: step["own_s"] + step["store_s"],
                )
                for name in sorted({t.party for t in mine})
            ]  # fmt: skip
            if any(step["sent"] for step in parties):
                slowest = max(parties, key=lambda step: step["own_s"] + step["store_s"])
                found.append({"state": state.title, "party": kind, **slowest})
    return found


def _together(ticks: list[Tick]) -> dict[str, Any]:
    """All that one party did in one state of one round."""
    return {
        "own_s": sum(t.own_s for t in ticks),
        "store_s": sum(t.store_s for t in ticks),
        "cpu_s": sum(t.cpu_s for t in ticks),
        "put_bytes": sum(t.put_bytes for t in ticks),
        "sent": sum(t.sent for t in ticks),
    }


def bill(ticks: list[Tick], rounds: int) -> dict[str, Any]:
    """What the last round asks of the ledger, and what waits for it."""
    last = [tick for tick in ticks if tick.round == rounds and tick.sent]
    return {
        "transactions": sum(tick.sent for tick in last),
        "steps_that_wait": len({tick.state for tick in last}),
        "gas": sum(tick.gas for tick in last),
    }


def document(key: str, dimension: int, rounds: int) -> dict[str, Any]:
    """All that is said about one configuration."""
    numbers = CONFIGURATIONS[key]
    design = numbers.design(dimension, rounds)
    planned = plan(design)
    before = units()
    with tempfile.TemporaryDirectory() as folder:
        wide = wide_study(Path(folder), design, LocalBlobs)
        measured = play(wide, update(dimension), Path(folder), rounds)
        kernels = wide.study.site_pine.kernels_used
    return {
        "configuration": key,
        "label": numbers.label,
        "dimension": dimension,
        "fits": planned.fits,
        "misfits": [check.explanation for check in planned.failed],
        "parameters": {
            **asdict(numbers),
            "site_norm_bound": design.site_norm_bound,
            "noise_norm_bound": design.noise_norm_bound,
        },
        "kernels": kernels,
        **measured,
        "units": {name: min(before[name], after) for name, after in units().items()},
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }


def main() -> None:
    """Measure what the command line asks for and print it."""
    line = argparse.ArgumentParser()
    line.add_argument("--configuration", choices=CONFIGURATIONS, default="pine64")
    line.add_argument("--dimension", type=int, default=DIMENSION)
    line.add_argument("--rounds", type=int, default=ROUNDS)
    options = line.parse_args()
    if options.rounds < 2:
        line.error("--rounds must be at least 2: the first one is not counted")
    print(json.dumps(document(options.configuration, options.dimension, options.rounds)))


if __name__ == "__main__":
    main()
