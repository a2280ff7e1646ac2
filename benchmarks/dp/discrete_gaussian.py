"""What an exact noise vector costs: the clear sampler beside the compiled kernel.

Both draw from the XOF that members use, and the table says how many of its bytes a sample takes.
The kernel's first call in a process is timed in processes of its own: once with nothing kept from
before, which compiles, and once with what that left behind. Times are those of one thread.

Usage, from the project's folder: python -m benchmarks.dp.discrete_gaussian [--json]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from benchmarks.secagg.measure import fastest, units

from troth.privacy.dp.discrete_gaussian import (
    AUTO_FAST_FROM,
    noise_bound,
    sample_bounded,
)
from troth.privacy.hazmat.choice import Choice
from troth.privacy.secagg.xof import XofHmacSha256Aes128

VARIANCES = (4, 1232**2, 1 << 40)
"""The least that a study may have, the hospitals' and one for updates in Field64."""
CLEAR_DIMENSION = 10_000
FAST_DIMENSION = 1_000_000
PACKAGES = ("numpy", "numba", "llvmlite", "cryptography")

FIRST_CALL = """
import time
from troth.privacy.dp.discrete_gaussian import sample_bounded
from troth.privacy.secagg.xof import XofHmacSha256Aes128
stream = XofHmacSha256Aes128(bytes(32), b"benchmark", b"")
began = time.perf_counter()
sample_bounded(4, 1, 100, stream, kernels="fast")
print(time.perf_counter() - began)
"""


class CountedStream:
    """The stream of a member's noise, from a fixed seed, counting what is taken."""

    def __init__(self) -> None:
        self._xof = XofHmacSha256Aes128(bytes(XofHmacSha256Aes128.SEED_SIZE), b"benchmark", b"")
        self.taken = 0

    def next(self, length: int, /) -> bytes:
        """The next ``length`` bytes."""
        self.taken += length
        return self._xof.next(length)


@dataclass(frozen=True)
class Row:
    """One variance."""

    variance: int
    bytes_per_sample: float
    clear_us: float
    """Per sample."""
    fast_us: float
    """Per sample, the XOF and the test of the norm included."""
    fast_million_s: float
    fast_million_per_sha256: float
    """The same as a multiple of SHA-256 of 64 MB."""


def vector(variance: int, dimension: int, kernels: Choice) -> CountedStream:
    stream = CountedStream()
    bound = noise_bound(variance, dimension)
    sample_bounded(variance, dimension, bound, stream, kernels=kernels)
    return stream


def measure(variance: int, sha256_s: float) -> Row:
    clear, _ = fastest(lambda: vector(variance, CLEAR_DIMENSION, "clear"))
    vector(variance, 1, "fast")  # compiled or loaded before the clock runs
    fast, stream = fastest(lambda: vector(variance, FAST_DIMENSION, "fast"))
    return Row(
        variance=variance,
        bytes_per_sample=stream.taken / FAST_DIMENSION,
        clear_us=clear.wall_s / CLEAR_DIMENSION * 1e6,
        fast_us=fast.wall_s / FAST_DIMENSION * 1e6,
        fast_million_s=fast.wall_s,
        fast_million_per_sha256=fast.wall_s / sha256_s,
    )


def first_call(kept: str) -> float:
    """Seconds of the first vector in a new process, the import of numba included."""
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_CALL],
        env=os.environ | {"NUMBA_CACHE_DIR": kept},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout)


def print_table(rows: Sequence[Row], document: dict[str, object]) -> None:
    print(f"{'variance':>14}{'bytes':>8}{'clear µs':>10}{'fast µs':>9}{'ratio':>7}", end="")
    print(f"{'1e6 fast s':>12}{'x SHA-256':>11}")
    for row in rows:
        print(f"{row.variance:14}{row.bytes_per_sample:8.1f}{row.clear_us:10.1f}", end="")
        print(f"{row.fast_us:9.3f}{row.clear_us / row.fast_us:7.0f}", end="")
        print(f"{row.fast_million_s:12.3f}{row.fast_million_per_sha256:11.2f}")
    for key, value in document.items():
        if key != "rows":
            print(f"{key}: {json.dumps(value)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    as_json = parser.parse_args().json

    with tempfile.TemporaryDirectory() as kept:
        compiling, loading = first_call(kept), first_call(kept)
    unit = units()
    rows = [measure(variance, unit["sha256_64mb_s"]) for variance in VARIANCES]
    slowest = max(row.clear_us for row in rows)
    document: dict[str, object] = {
        "rows": [asdict(row) for row in rows],
        "first_call_compiling_s": compiling,
        "first_call_loading_s": loading,
        "clear_samples_while_loading": round(loading / slowest * 1e6),
        "auto_fast_from": AUTO_FAST_FROM,
        "units": unit,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        print_table(rows, document)


if __name__ == "__main__":
    main()
