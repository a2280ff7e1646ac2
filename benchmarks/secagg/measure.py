"""What every rival's file measures with: units, the fastest of several runs, one JSON document.

Runs in every rival's environment, so it needs nothing but NumPy and cryptography. A rival's file
ends in ``main(RIVAL)`` and answers to

    python -m benchmarks.secagg.<rival> [--describe] [--configuration NAME]... [--dimension D]...

with one JSON document on standard output; whatever libraries print goes to standard error.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

DIMENSIONS = (10_000, 100_000, 1_000_000, 10_000_000)
CLIENTS = 8
"""Clients whose updates are summed, in every rival's run."""
NORM = 0.9
"""L2 norm of the update that everybody sends: inside the bound of 1 that PINE proves here."""

UNIT_BYTES = 64_000_000
MOST_RUNS = 7
BUDGET_SECONDS = 2.0

Vector = npt.NDArray[np.float32]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Timing:
    """The fastest of several runs: noise only ever adds."""

    wall_s: float
    cpu_s: float
    """Of all threads of the process, in the same run."""
    runs: int

    @staticmethod
    def fastest(timings: "Sequence[Timing]") -> "Timing":
        """The one with the least wall-clock time, counting the runs of all."""
        best = min(timings, key=lambda timing: timing.wall_s)
        return Timing(best.wall_s, best.cpu_s, sum(timing.runs for timing in timings))


@dataclass(frozen=True)
class Configuration:
    """One way of running a rival, and what it is good for. All in words for a reader."""

    label: str
    parameters: str
    source: str
    """Where the parameters come from."""
    hides: str
    trust: str
    """Who must not collude or lie for that to hold."""
    dropouts: str
    proves: str
    mask_entropy: str


@dataclass(frozen=True)
class Cell:
    """What one configuration costs at one dimension."""

    client: Timing
    """From the update as float32 to all bytes that the client sends in a round."""
    aggregators: Mapping[str, Timing]
    """Per client: from received bytes to the update added up; each on a machine of its own."""
    finish: Timing | None
    """Once per round: from what is added up to the mean as floats; None: within the above."""
    upload_bytes: int
    """All that one client sends."""
    mean_error: float
    """Largest error of an entry of the mean over `CLIENTS` clients."""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rival:
    """One way of adding up updates, with its configurations."""

    name: str
    packages: tuple[str, ...]
    """Whose versions are printed."""
    finished_by: str
    """Who computes the mean."""
    configurations: Mapping[str, Configuration]
    cell: Callable[[str, int], Cell]
    """Measures one configuration at one dimension."""


def update(dimension: int) -> Vector:
    """The update that every client sends: normal entries, scaled to `NORM`."""
    vector = np.random.default_rng(dimension).standard_normal(dimension, dtype=np.float32)
    return (vector * (NORM / np.linalg.norm(vector.astype(np.float64)))).astype(np.float32)


def timed(run: Callable[[], Result]) -> tuple[Timing, Result]:
    """One run."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = run()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, 1), result


def fastest(run: Callable[[], Result]) -> tuple[Timing, Result]:
    """The fastest of at most `MOST_RUNS` runs, none begun after `BUDGET_SECONDS`."""
    deadline = time.perf_counter() + BUDGET_SECONDS
    timing, result = timed(run)
    timings = [timing]
    while len(timings) < MOST_RUNS and time.perf_counter() < deadline:
        timing, result = timed(run)
        timings.append(timing)
    return Timing.fastest(timings), result


def units() -> dict[str, float]:
    """Seconds for 64 MB of SHA-256 and of AES-128 in counter mode, here and now.

    Measured before and after a cell: other programs slow down a moment, not both.
    """
    data = bytearray(UNIT_BYTES)
    sha256, _ = fastest(lambda: hashlib.sha256(data).digest())
    out = bytearray(UNIT_BYTES)

    def encrypt() -> None:
        cipher = Cipher(algorithms.AES(bytes(16)), modes.CTR(bytes(16)))
        cipher.encryptor().update_into(data, out)

    aes, _ = fastest(encrypt)
    return {"sha256_64mb_s": sha256.wall_s, "aes128_ctr_64mb_s": aes.wall_s}


def mean_error(mean: npt.ArrayLike, vector: Vector) -> float:
    """Largest error of an entry, where all clients sent the same vector."""
    return float(np.max(np.abs(np.asarray(mean, dtype=np.float64) - vector)))


def parser() -> argparse.ArgumentParser:
    """The command line that every rival's file has."""
    line = argparse.ArgumentParser()
    line.add_argument("--describe", action="store_true", help="measure nothing")
    line.add_argument("--configuration", action="append", help="all, if not given")
    line.add_argument("--dimension", action="append", type=int, help="all, if not given")
    return line


def main(rival: Rival) -> None:
    """Measure what the command line asks for and print one JSON document."""
    options = parser().parse_args()
    # Some libraries print warnings from C++: only the document may reach standard output.
    document_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cells = []
    for key in options.configuration or rival.configurations:
        for dimension in [] if options.describe else options.dimension or DIMENSIONS:
            before = units()
            cell = rival.cell(key, dimension)
            around = {name: min(before[name], after) for name, after in units().items()}
            cells.append(
                {"configuration": key, "dimension": dimension, "units": around, **asdict(cell)}
            )
    document = {
        "rival": rival.name,
        "finished_by": rival.finished_by,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in rival.packages},
        },
        "configurations": {key: asdict(c) for key, c in rival.configurations.items()},
        "cells": cells,
    }
    with os.fdopen(document_to, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
        stream.write("\n")
