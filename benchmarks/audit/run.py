"""How long an audit takes, and that it grows with the reports audited and with nothing else.

    python -m benchmarks.audit.run [--rounds N]... [--output FILE]
    python -m benchmarks.audit.run --render     # table and picture anew from results.json

One study runs as far as the longest audit needs, and writes a bundle on its way at each number of
rounds. Each bundle is audited by ``troth audit`` in a process of its own, start-up included. Run
it from the project's folder with the project's own Python.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.audit.picture import picture
from benchmarks.audit.study import CANDIDATES, MEMBERS, SITES, LongStudy, long_study
from benchmarks.audit.table import table
from benchmarks.secagg.run import machine, say

from troth.scenarios.hospital_records import DIMENSION

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RESULTS, TABLE = HERE / "results.json", HERE / "results.md"
PICTURE = PROJECT / "docs" / "pictures" / "audit.svg"
ROUNDS = (1, 5, 10, 25, 50)
GOAL_ROUNDS, GOAL_CPU_S = 50, 10.0
REPEATS = 2
PACKAGES = ("troth", "numpy", "cryptography", "numba", "py-evm")


@dataclass(frozen=True)
class Cost:
    """What one run of a program took."""

    cpu_s: float
    """Processor time of all its threads, start-up included."""
    wall_s: float
    peak_mib: float
    """Of the largest audit so far."""


def audit(bundle: Path) -> tuple[Cost, dict[str, Any]]:
    """``troth audit`` on a bundle, and what it says."""
    command = [sys.executable, "-m", "troth.cli.main", "audit", str(bundle), "--json"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdict: dict[str, Any] = json.loads(done.stdout)
    return Cost(cpu, wall, after.ru_maxrss / 1024), verdict


def measure(study: LongStudy, rounds: int, folder: Path, repeats: int = REPEATS) -> dict[str, Any]:
    """The audit of everything up to a round; the least of a few runs."""
    bundle = folder / f"{rounds}.zip"
    study.write_after(rounds, bundle)
    runs = [audit(bundle) for _ in range(repeats)]
    cost = min((found for found, _ in runs), key=lambda found: found.cpu_s)
    _, verdict = runs[0]
    (figures,) = verdict["studies"]
    if figures["rounds_final"] != rounds:
        raise RuntimeError(f"{figures['rounds_final']} final rounds in a bundle of {rounds}")
    say(f"{rounds} rounds: {cost.cpu_s:.1f} s of processor time")
    return {
        "rounds": rounds,
        "transactions": verdict["transactions"],
        "reports": rounds * (SITES + MEMBERS * CANDIDATES),
        "bundle_bytes": bundle.stat().st_size,
        **asdict(cost),
        "runs": [found.cpu_s for found, _ in runs],
    }


def run(rounds: list[int]) -> dict[str, Any]:
    """The whole document."""
    start, before = time.perf_counter(), os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        study = long_study(Path(folder), max(rounds))
        audits = [measure(study, number, Path(folder)) for number in sorted(rounds)]
    return {
        "schema": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load": {"before": before, "after": os.getloadavg()},
        "method": {
            "sites": SITES,
            "members": MEMBERS,
            "candidates": CANDIDATES,
            "dimension": DIMENSION,
            "repeats": REPEATS,
            "goal_rounds": GOAL_ROUNDS,
            "goal_cpu_s": GOAL_CPU_S,
        },
        "audits": audits,
        "versions": {name: version(name) for name in PACKAGES},
        "took_s": round(time.perf_counter() - start),
    }


def render(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The files that show a document, with their contents."""
    yield TABLE, table(document)
    yield PICTURE, picture(document)


def main() -> None:
    """Run, or render anew."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("--rounds", action="append", type=int)
    line.add_argument("--output", type=Path, help="write the JSON there and nothing else")
    line.add_argument("--render", action="store_true", help="measure nothing")
    options = line.parse_args()
    if options.render:
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        if options.rounds is not None and options.output is None:
            line.error("other numbers of rounds need --output")
        document = run(options.rounds or list(ROUNDS))
        target = options.output or RESULTS
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.output is None:
        for path, text in render(document):
            path.write_text(text, encoding="utf-8")
        print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
