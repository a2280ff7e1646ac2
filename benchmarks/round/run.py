"""One whole round at a million parameters: Troth, a plain average and SecAgg+ in one run.

    python -m benchmarks.round.run [--rounds N] [--dimension D --output FILE]
    python -m benchmarks.round.run --render     # table and picture anew from results.json

Run it from the project's folder with the project's own Python. Each is a process of its own. A
smaller dimension writes to ``--output`` only, so that what is committed is always a whole run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.round.path import GOAL_BYTES, GOAL_RATIO, TRAIN_SECONDS
from benchmarks.round.picture import picture
from benchmarks.round.table import table
from benchmarks.round.troth_round import (
    CANDIDATES,
    CONFIGURATIONS,
    DIMENSION,
    MEMBERS,
    ROUNDS,
    SITES,
)
from benchmarks.secagg.run import MODULES, CellError, ask, machine, say

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RESULTS, TABLE = HERE / "results.json", HERE / "results.md"
PICTURE = PROJECT / "docs" / "pictures" / "round.svg"
LIMIT_SECONDS = 900.0
(FLOWER,) = (module for module in MODULES if module.name == "flower_secagg_plus")


def own(module: str, *arguments: str) -> dict[str, Any]:
    """What a script of this folder prints, in a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.round.{module}", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS, check=True
    )
    say(f"{' '.join([module, *arguments])}: {time.perf_counter() - start:.0f} s")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def flower(dimension: int) -> dict[str, Any]:
    """SecAgg+ as `benchmarks.secagg` measures it, or why it could not be measured."""
    try:
        found: dict[str, Any] = ask(FLOWER, "--dimension", str(dimension), limit=LIMIT_SECONDS)
    except CellError as error:
        return {"missing": {"status": error.status, "reason": error.reason}}
    say(f"{found['rival']}: done")
    return found


def run(dimension: int, rounds: int) -> dict[str, Any]:
    """The whole document."""
    start, before = time.perf_counter(), os.getloadavg()
    where = ("--dimension", str(dimension))
    document: dict[str, Any] = {
        "schema": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "method": {
            "dimension": dimension,
            "sites": SITES,
            "members": MEMBERS,
            "candidates": CANDIDATES,
            "rounds": rounds - 1,
            "train_s": TRAIN_SECONDS,
            "goal_ratio": GOAL_RATIO,
            "goal_bytes_per_parameter": GOAL_BYTES,
        },
        "plain": own("plain_round", *where),
        "troth": [
            own("troth_round", "--configuration", key, "--rounds", str(rounds), *where)
            for key in CONFIGURATIONS
        ],
        "secagg_plus": flower(dimension),
    }
    document["load"] = {"before": before, "after": os.getloadavg()}
    document["took_s"] = round(time.perf_counter() - start)
    return document


def render(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The files that show a document, with their contents."""
    yield TABLE, table(document)
    yield PICTURE, picture(document)


def main() -> None:
    """Run, or render anew."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("--dimension", type=int, default=DIMENSION)
    line.add_argument("--rounds", type=int, default=ROUNDS, help="the first one is not counted")
    line.add_argument("--output", type=Path, help="write the JSON there and nothing else")
    line.add_argument("--render", action="store_true", help="measure nothing")
    options = line.parse_args()
    if options.render:
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        if options.dimension != DIMENSION and options.output is None:
            line.error("another dimension needs --output")
        document = run(options.dimension, options.rounds)
        target = options.output or RESULTS
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.output is None:
        for path, text in render(document):
            path.write_text(text, encoding="utf-8")
        print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
