"""PINE as Troth ships it: two aggregators, the norm of every update proven.

    python -m benchmarks.secagg.troth_pine
    python -m benchmarks.secagg.troth_pine --first-use --configuration pine64
    python -m benchmarks.secagg.troth_pine --memory --configuration pine64 --dimension 10000000

A client's time is that of `shard` and of encoding what it sends; an aggregator's that of decoding
its share, `verify_init`, decoding all verifier shares, `verifier_shares_to_message`, `verify_next`
and `agg_update`. Sealing for the aggregators is left out, as are TLS or sealing of all rivals.

``--first-use`` says what the first report costs a new process: run it with NUMBA_CACHE_DIR set to
an empty folder, then again. ``--memory`` says what one report needs above the caller's own array.
"""

import json
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.secagg import measure
from benchmarks.secagg.measure import (
    CLIENTS,
    Cell,
    Configuration,
    Rival,
    fastest,
    mean_error,
    update,
)

from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.soundness import norm_is_exact, soundness

FIRST_USE_DIMENSION = 100_000
WARM_UP_DIMENSION = 4_096
LEADER, HELPER = 0, 1
NAMES = ("Leader", "Helper")

Kernels = Literal["auto", "clear", "fast"]


@dataclass(frozen=True)
class Instance:
    """Parameters of PINE; the bound is 1 for the floats, whose norm is `measure.NORM`."""

    variant: str
    num_frac_bits: int
    proofs: int
    proofs_norm_equality: int

    def pine(self, dimension: int, kernels: Kernels = "auto") -> Pine:
        """PINE for vectors of one dimension."""
        return Pine(
            self.variant,
            shares=len(NAMES),
            dimension=dimension,
            num_frac_bits=self.num_frac_bits,
            l2_norm_bound=2**self.num_frac_bits,
            num_wr_checks=100,
            proofs=self.proofs,
            proofs_norm_equality=self.proofs_norm_equality,
            kernels=kernels,
        )


INSTANCES = {
    "pine64": Instance("Pine64HmacSha256Aes128", 24, 2, 2),
    "pine32": Instance("Pine32HmacSha256Aes128", 15, 5, 3),
}


class Report:
    """One report on its way, all of its messages as bytes."""

    def __init__(self, pine: Pine) -> None:
        self.pine = pine
        self.nonce = os.urandom(pine.NONCE_SIZE)
        self.verify_key = os.urandom(pine.VERIFY_KEY_SIZE)
        self.rand = os.urandom(pine.RAND_SIZE)

    def send(self, vector: measure.Vector) -> tuple[bytes, list[bytes]]:
        """The client: a public share, and an input share for each aggregator."""
        public_share, input_shares = self.pine.shard(vector, self.nonce, self.rand)
        return public_share.encode(), [share.encode() for share in input_shares]

    def begin(self, agg_id: int, sent: tuple[bytes, list[bytes]]) -> tuple[Any, bytes]:
        """An aggregator: its state, and the verifier share for the others."""
        public_share = self.pine.decode_public_share(sent[0])
        input_share = self.pine.decode_input_share(agg_id, sent[1][agg_id])
        state, share = self.pine.verify_init(
            self.verify_key, agg_id, self.nonce, public_share, input_share
        )
        return state, share.encode()

    def end(self, state: Any, verifier_shares: list[bytes], agg_share: Any) -> Any:
        """An aggregator: the report decided and added up."""
        shares = [self.pine.decode_verifier_share(share) for share in verifier_shares]
        message = self.pine.verifier_shares_to_message(shares)
        return self.pine.agg_update(agg_share, self.pine.verify_next(state, message))


def cell(key: str, dimension: int) -> Cell:
    """One report: the client, then both aggregators, each on a machine of its own."""
    warm_up(key, dimension)
    pine = INSTANCES[key].pine(dimension)
    vector = update(dimension)
    report = Report(pine)
    client, sent = fastest(lambda: report.send(vector))
    others = [report.begin(agg_id, sent)[1] for agg_id in (LEADER, HELPER)]
    aggregators, shares = {}, []

    def receive(agg_id: int, agg_share: Any) -> Any:
        state, own = report.begin(agg_id, sent)
        verifier_shares = [*others[:agg_id], own, *others[agg_id + 1 :]]
        return report.end(state, verifier_shares, agg_share)

    for agg_id, name in enumerate(NAMES):
        aggregators[name], agg_share = fastest(partial(receive, agg_id, pine.agg_init()))
        shares.append(pine.merge([agg_share] * CLIENTS))
    finish, total = fastest(lambda: pine.unshard(shares, CLIENTS))
    return Cell(
        client=client,
        aggregators=aggregators,
        finish=finish,
        upload_bytes=len(NAMES) * len(sent[0]) + sum(map(len, sent[1])),
        mean_error=mean_error(total / CLIENTS, vector),
        details={
            "kernels": pine.kernels_used,
            "exchanged_bytes": sum(map(len, others)),
            "norm_is_exact": norm_is_exact(pine.parameters),
            "soundness_bits": asdict(soundness(pine.parameters)),
        },
    )


def warm_up(key: str, dimension: int) -> None:
    """Load whatever code `dimension` will run, on a small vector."""
    used = INSTANCES[key].pine(dimension).kernels_used
    kernels: Kernels = "fast" if used == "fast" else "clear"
    one_report(INSTANCES[key].pine(WARM_UP_DIMENSION, kernels))


def one_report(pine: Pine) -> None:
    """All steps of one report."""
    report = Report(pine)
    sent = report.send(update(pine.dimension))
    begun = [report.begin(agg_id, sent) for agg_id in (LEADER, HELPER)]
    for state, _ in begun:
        report.end(state, [share for _, share in begun], pine.agg_init())


def first_use(key: str) -> dict[str, Any]:
    """The first report of this process, making the instance included, and the second."""
    start = time.perf_counter()
    pine = INSTANCES[key].pine(FIRST_USE_DIMENSION)
    one_report(pine)
    between = time.perf_counter()
    one_report(pine)
    end = time.perf_counter()
    return {
        "configuration": key,
        "dimension": FIRST_USE_DIMENSION,
        "kernels": pine.kernels_used,
        "first_report_s": between - start,
        "second_report_s": end - between,
    }


def memory(key: str, dimension: int) -> dict[str, Any]:
    """Peak memory of the client and of the Helper, above what they were given."""
    warm_up(key, dimension)
    pine = INSTANCES[key].pine(dimension)
    vector = update(dimension)
    report = Report(pine)
    sent = report.send(vector)
    _, leaders_share = report.begin(LEADER, sent)

    def helper() -> None:
        state, own = report.begin(HELPER, sent)
        report.end(state, [leaders_share, own], pine.agg_init())

    return {
        "configuration": key,
        "dimension": dimension,
        "kernels": pine.kernels_used,
        "vector_bytes": dimension * pine.field.encoded_size,
        "client": peaks(lambda: pine.shard(vector, report.nonce, report.rand)),
        "client_with_encoding": peaks(lambda: report.send(vector)),
        "helper": peaks(helper),
    }


def peaks(run: Callable[[], object]) -> dict[str, int]:
    """Most memory that a function held at once, as the system and as Python counts it."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    run()
    resident = _resident("VmHWM") - before
    tracemalloc.start()
    run()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"resident_bytes": max(0, resident), "traced_bytes": traced}


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


HIDES = "each update from every aggregator and everybody else"
TRUST = "at least one of the two aggregators does not collude"
DROPOUTS = "clients: any number; aggregators: none"
ENTROPY = "128 bits: the AES-128 key of a keystream, derived by HMAC-SHA-256 from a 256-bit seed"
WHO = "against clients, if both aggregators follow the protocol"

RIVAL = Rival(
    name="Troth PINE",
    packages=("troth", "numpy", "cryptography", "numba"),
    finished_by="whoever collects both sums",
    configurations={
        "pine64": Configuration(
            label="Troth, Pine64",
            parameters="Pine64HmacSha256Aes128, 2 shares, 24 fractional bits, bound 2^24 (1.0), "
            "100 checks, 2 proofs and 2 of norm equality",
            source="fits `troth.privacy.plan`",
            hides=HIDES,
            trust=TRUST,
            dropouts=DROPOUTS,
            proves=f"the L2 norm is at most the bound, exactly; {WHO}",
            mask_entropy=ENTROPY,
        ),
        "pine32": Configuration(
            label="Troth, Pine32",
            parameters="Pine32HmacSha256Aes128, 2 shares, 15 fractional bits, bound 2^15 (1.0), "
            "100 checks, 5 proofs and 3 of norm equality",
            source="the speed target; `troth.privacy.plan` refuses it above a bound of 470",
            hides=HIDES,
            trust=TRUST,
            dropouts=DROPOUTS,
            proves="the squared norm is at most the bound's *modulo q*, and 100 random signed "
            "sums of entries are small: a vector of 15.9 times the bound can pass "
            f"(docs/security.md, C8); {WHO}",
            mask_entropy=ENTROPY,
        ),
    },
    cell=cell,
)


def main() -> None:
    """As every rival's file, with two more questions."""
    line = measure.parser()
    line.add_argument("--first-use", action="store_true")
    line.add_argument("--memory", action="store_true")
    options = line.parse_args()
    keys = options.configuration or list(INSTANCES)
    if options.first_use:
        print(json.dumps([first_use(key) for key in keys], indent=1))
    elif options.memory:
        dimensions = options.dimension or measure.DIMENSIONS[-1:]
        print(json.dumps([memory(key, d) for key in keys for d in dimensions], indent=1))
    else:
        measure.main(RIVAL)


if __name__ == "__main__":
    main()
