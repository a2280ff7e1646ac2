"""The plain round: a server averages float32 updates, in the same sealing and the same store.

    python -m benchmarks.round.plain_round [--dimension D] [--rounds N]

Every site seals its update to the one server and stores it; the server fetches, opens and adds up
all of them, takes the model step and stores the model; every site fetches that. No proof, no
second holder, nothing hidden from the server. Prints one JSON document.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.round.troth_round import DIMENSION, ROUNDS, SITES
from benchmarks.secagg.measure import Timing, Vector, timed, units, update

from troth.learning.model import Model
from troth.storage.blobs import BlobStore, LocalBlobs
from troth.storage.context import SealContext
from troth.storage.keys import HpkeKeyPair
from troth.storage.seal import Recipient, open_sealed, seal

PACKAGES = ("troth", "numpy", "cryptography", "obstore")
SERVER = bytes(20)
RATE, MOMENTUM = 0.1, 0.9


def context(number: int, site: int) -> SealContext:
    """Where a sealed update belongs."""
    return SealContext(
        chain_id=1,
        contract=bytes(20),
        study=bytes(32),
        round=number,
        role="site",
        party=site.to_bytes(20, "big"),
        candidate=None,
        share=0,
    )


def one_round(store: BlobStore, number: int, vector: Vector, model: Model) -> dict[str, Timing]:
    """One round; how long the slowest site, the server and the slowest reader took."""
    keys = HpkeKeyPair.generate()
    recipient = Recipient(SERVER, keys.public)
    size = vector.nbytes + 4096

    def send(site: int) -> Callable[[], bytes]:
        def run() -> bytes:
            sealed = seal(vector.tobytes(), context(number, site), [recipient], os.urandom)
            return store.put(sealed)

        return run

    sent = [timed(send(site)) for site in range(SITES)]

    def serve() -> bytes:
        total = np.zeros(vector.size, dtype=np.float32)
        for site, (_, digest) in enumerate(sent):
            blob = store.get(digest, max_size=size)
            data = open_sealed(blob, context(number, site), SERVER, keys)
            np.add(total, np.frombuffer(data, dtype=np.float32), out=total)
        velocity = MOMENTUM * model.velocity + total.astype(np.float64) / SITES
        return store.put(Model(model.weights - RATE * velocity, velocity).encode())

    served, digest = timed(serve)
    most = len(model.encode())
    read, _ = timed(lambda: Model.decode(store.get(digest, max_size=most)))
    slowest = max((timing for timing, _ in sent), key=lambda timing: timing.wall_s)
    return {"site": slowest, "server": served, "reader": read}


def document(dimension: int, rounds: int) -> dict[str, Any]:
    """All that is said about the plain round: each party's fastest of several rounds."""
    vector, model = update(dimension), Model.zeros(dimension)
    before = units()
    with tempfile.TemporaryDirectory() as folder:
        store = LocalBlobs(Path(folder))
        found = [one_round(store, number, vector, model) for number in range(rounds)]
    return {
        "dimension": dimension,
        "upload_bytes": vector.nbytes,
        "steps": {
            party: {
                "wall_s": min(timings[party].wall_s for timings in found),
                "cpu_s": min(timings[party].cpu_s for timings in found),
            }
            for party in found[0]
        },
        "units": {name: min(before[name], after) for name, after in units().items()},
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser()
    line.add_argument("--dimension", type=int, default=DIMENSION)
    line.add_argument("--rounds", type=int, default=2 * ROUNDS)
    options = line.parse_args()
    print(json.dumps(document(options.dimension, options.rounds)))


if __name__ == "__main__":
    main()
