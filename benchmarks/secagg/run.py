"""Every rival at every dimension, one process per cell; writes results.json, table and picture.

    python -m benchmarks.secagg.run [--dimension D]... [--rival NAME]... [--limit SECONDS]
    python -m benchmarks.secagg.run --render     # table and picture anew from results.json

Run it from the project's folder with the project's own Python. Cells that take longer than the
limit are ended and shown as such; nothing is extrapolated. A rival whose environment is missing is
shown as not installed (`README.md` says how environments are made). Runs that leave something out
write to ``--output`` only, so that what is committed is always a whole run.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.secagg.measure import CLIENTS, DIMENSIONS, MOST_RUNS, NORM, UNIT_BYTES
from benchmarks.secagg.picture import picture
from benchmarks.secagg.table import table

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RESULTS, TABLE = HERE / "results.json", HERE / "results.md"
PICTURE = PROJECT / "docs" / "pictures" / "secagg.svg"

LIMIT_SECONDS = 120.0
OWN_PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Module:
    """A rival's file and the interpreter of its environment."""

    name: str
    python: Path


MODULES = (
    Module("troth_pine", OWN_PYTHON),
    Module("flower_secagg_plus", PROJECT / "benchmarks" / ".env" / "flower" / "bin" / "python"),
    Module("tenseal_ckks", PROJECT / "benchmarks" / ".env" / "tenseal" / "bin" / "python"),
    Module("plain_float32", OWN_PYTHON),
)


class CellError(Exception):
    """A process that gave no document, with what to print instead."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def ask(module: Module, *arguments: str, limit: float, **environment: str) -> Any:
    """What a rival's file prints, in a process of its own.

    Raises:
        CellError: No environment, out of time, or an error.
    """
    if not module.python.exists():
        raise CellError("not installed", "its environment was not made")
    command = [str(module.python), "-m", f"benchmarks.secagg.{module.name}", *arguments]
    settings = {**os.environ, "FLWR_TELEMETRY_ENABLED": "0", **environment}
    try:
        done = subprocess.run(
            command, cwd=PROJECT, env=settings, capture_output=True, text=True,
            timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CellError("over limit", f"ended after {limit:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        # A message of an error may name files: no folder of this machine belongs in a result.
        raise CellError("failed", re.sub(r"(?<!\w)/\S+/", "", lines[-1])[:200])
    return json.loads(done.stdout)


def measure_rival(module: Module, dimensions: list[int], limit: float) -> dict[str, Any]:
    """One rival's document with all cells that could be measured, and why the others could not."""
    document: dict[str, Any]
    try:
        document = ask(module, "--describe", limit=limit)
    except CellError as error:
        return {"rival": module.name, "missing": {"status": error.status, "reason": error.reason}}
    for key in document["configurations"]:
        for dimension in sorted(dimensions):
            where = {"configuration": key, "dimension": dimension}
            start = time.perf_counter()
            try:
                answer = ask(
                    module, "--configuration", key, "--dimension", str(dimension), limit=limit
                )
                (found,) = answer["cells"]
                cell = {"status": "ok", **found}
            except CellError as error:
                cell = {"status": error.status, "reason": error.reason, **where}
            document["cells"].append(cell)
            took = time.perf_counter() - start
            say(f"{document['rival']} {key} {dimension:,}: {cell['status']} ({took:.1f} s in all)")
    return document


def own_extras(module: Module, keys: Iterable[str], dimension: int, limit: float) -> dict[str, Any]:
    """First use, with an empty cache of compiled code and with a full one; peak memory."""
    extras: dict[str, Any] = {"first_use": [], "memory": []}
    for key in keys:
        with tempfile.TemporaryDirectory() as cache:
            for state in ("empty", "full"):
                found = _extra(
                    module, ("--first-use", "--configuration", key), limit, NUMBA_CACHE_DIR=cache
                )
                extras["first_use"].append({"configuration": key, "cache": state, **found})
        arguments = ("--memory", "--configuration", key, "--dimension", str(dimension))
        found = _extra(module, arguments, limit)
        extras["memory"].append({"configuration": key, "dimension": dimension, **found})
        say(f"{module.name} {key}: first use and memory")
    return extras


def _extra(
    module: Module, arguments: tuple[str, ...], limit: float, **environment: str
) -> dict[str, Any]:
    try:
        (found,) = ask(module, *arguments, limit=limit, **environment)
    except CellError as error:
        return {"status": error.status, "reason": error.reason}
    return {"status": "ok", **found}


def machine() -> dict[str, Any]:
    """What a reader needs to know of the machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = re.findall(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return names[0] if names else platform.machine()


def say(line: str) -> None:
    """Progress, where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


def run(modules: list[Module], dimensions: list[int], limit: float) -> dict[str, Any]:
    """The whole document."""
    start = time.perf_counter()
    document: dict[str, Any] = {
        "schema": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "method": {
            "clients": CLIENTS,
            "norm": NORM,
            "dimensions": sorted(dimensions),
            "limit_s": limit,
            "statistic": f"fastest of up to {MOST_RUNS} runs",
            "unit_bytes": UNIT_BYTES,
        },
        "rivals": [measure_rival(module, dimensions, limit) for module in modules],
    }
    if MODULES[0] in modules:
        keys = document["rivals"][modules.index(MODULES[0])].get("configurations", ())
        document["troth"] = own_extras(MODULES[0], keys, max(dimensions), limit)
    document["took_s"] = round(time.perf_counter() - start)
    return document


def render(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The files that show a document, with their contents."""
    yield TABLE, table(document)
    yield PICTURE, picture(document)


def main() -> None:
    """Run, or render anew."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("--dimension", action="append", type=int)
    line.add_argument("--rival", action="append", choices=[module.name for module in MODULES])
    line.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds per cell")
    line.add_argument("--output", type=Path, help="write the JSON there and nothing else")
    line.add_argument("--render", action="store_true", help="measure nothing")
    options = line.parse_args()
    whole = options.dimension is None and options.rival is None
    if options.render:
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        if not whole and options.output is None:
            line.error("a part of a run needs --output")
        chosen = [m for m in MODULES if options.rival is None or m.name in options.rival]
        document = run(chosen, options.dimension or list(DIMENSIONS), options.limit)
        target = options.output or RESULTS
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.output is None:
        for path, text in render(document):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
