"""SecAgg+ by Flower: its real workflow on the server's side, its real mod on the clients'.

    benchmarks/.env/flower/bin/python -m benchmarks.secagg.flower_secagg_plus

`SecAggPlusWorkflow` runs all four stages against a grid that hands each message to
`secaggplus_mod` in this process: no network, no training. A client's time is that of the mod over
all stages, without the function that it calls for an update; the server's is that of the workflow
without the clients and without the strategy, divided by the clients. Nobody drops out, which is
the cheapest case for the server. Names and lines quoted are those of flwr 1.41.0.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from benchmarks.secagg.measure import (
    BUDGET_SECONDS,
    CLIENTS,
    Cell,
    Configuration,
    Rival,
    Timing,
    Vector,
    main,
    mean_error,
    timed,
    update,
)
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import Code, FitIns, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
from flwr.compat.common import recorddict_compat
from flwr.server.compat.legacy_context import LegacyContext
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.supercore.task_identity import TaskIdentity

WEIGHT = 1000
"""Examples that each client trained on: the default of `max_weight`, so nothing is scaled down."""

MOST_ROUNDS = 3
Result = TypeVar("Result")

NUM_SHARES: dict[str, tuple[int | float, int | float]] = {
    "neighbours": (3, 2),
    "everyone": (1.0, 0.5),
}
"""`num_shares` and `reconstruction_threshold`: the only parameters without a default."""


class Clock:
    """Adds up what is done outside of the server, and inside it by others than Flower."""

    def __init__(self) -> None:
        self.clients: dict[int, list[Timing]] = defaultdict(list)
        self.outside: list[Timing] = []

    def exclude(self, run: Callable[[], Result]) -> Result:
        """Run something that is not the server's work."""
        timing, result = timed(run)
        self.outside.append(timing)
        return result


class Client:
    """One client: the mod, its state, and an update that is ready."""

    def __init__(self, node_id: int, vector: Vector) -> None:
        self.node_id = node_id
        self._vector = vector
        self._context = Context(1, node_id, {}, RecordDict(), {})
        self._trained = Timing(0.0, 0.0, 1)
        self.sent_bytes = 0

    def _train(self, message: Message, _: Context) -> Message:
        def result() -> Message:
            fit = FitRes(
                Status(Code.OK, ""), ndarrays_to_parameters([self._vector]), WEIGHT, metrics={}
            )
            content = recorddict_compat.fitres_to_recorddict(fit, keep_input=False)
            return Message(content, reply_to=message)

        self._trained, reply = timed(result)
        return reply

    def answer(self, message: Message) -> tuple[Timing, Message]:
        """What the mod replies, and the time that it took itself."""
        self._trained = Timing(0.0, 0.0, 1)
        timing, reply = timed(lambda: secaggplus_mod(message, self._context, self._train))
        trained = self._trained
        self.sent_bytes += sum(
            len(record.deflate()) for record in reply.content.config_records.values()
        )
        return minus(timing, [trained]), reply


class LocalGrid:
    """Hands messages to clients in this process: what the workflow uses of Flower's `Grid`."""

    def __init__(self, clients: Iterable[Client], clock: Clock) -> None:
        self._clients = {client.node_id: client for client in clients}
        self._clock = clock

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Every client's reply."""
        del timeout  # nobody is late here
        return self._clock.exclude(lambda: [self._deliver(message) for message in messages])

    def _deliver(self, message: Message) -> Message:
        node_id = message.metadata.dst_node_id
        # Every client gets a message of its own, as it would over a network: the mod empties it.
        records = message.content.config_records.items()
        content = RecordDict({name: ConfigRecord(dict(record)) for name, record in records})
        own = Message(content, dst_node_id=node_id, message_type=message.metadata.message_type)
        timing, reply = self._clients[node_id].answer(own)
        self._clock.clients[node_id].append(timing)
        return reply


class OneRound:
    """A strategy that picks all clients and keeps the mean; stands in for FedAvg."""

    def __init__(self, clients: Iterable[Client], clock: Clock) -> None:
        self._clients = list(clients)
        self._clock = clock
        self.mean: Any = None

    def configure_fit(self, _: int, parameters: Any, __: Any) -> list[tuple[Client, FitIns]]:
        """All clients."""
        return [(client, FitIns(parameters, {})) for client in self._clients]

    def aggregate_fit(self, _: int, results: list[Any], __: Any) -> tuple[None, dict[str, Any]]:
        """Every result holds the mean already."""

        def keep() -> None:
            (self.mean,) = parameters_to_ndarrays(results[0][1].parameters)

        self._clock.exclude(keep)
        return None, {}

    def num_available(self) -> int:
        """The workflow asks a client manager, for its log only."""
        return len(self._clients)


def minus(timing: Timing, parts: Iterable[Timing]) -> Timing:
    """A duration without some of its parts."""
    wall, cpu = timing.wall_s, timing.cpu_s
    for part in parts:
        wall, cpu = wall - part.wall_s, cpu - part.cpu_s
    return Timing(wall, cpu, timing.runs)


def plus(timings: Iterable[Timing]) -> Timing:
    """Several stages of one client as one duration."""
    parts = list(timings)
    return Timing(sum(t.wall_s for t in parts), sum(t.cpu_s for t in parts), 1)


def one_round(key: str, vector: Vector) -> tuple[list[Timing], Timing, int, Any]:
    """Times of all clients, time of the server for all of them, bytes of a client, the mean."""
    clock = Clock()
    clients = [Client(node_id, vector) for node_id in range(1, CLIENTS + 1)]
    strategy = OneRound(clients, clock)
    state = RecordDict(
        {
            "config": ConfigRecord({"current_round": 1}),
            "parameters": recorddict_compat.parameters_to_arrayrecord(
                ndarrays_to_parameters([np.zeros(1, dtype=np.float32)]), keep_input=False
            ),
        }
    )
    context = LegacyContext(
        Context(1, 0, {}, state, {}),
        strategy=strategy,
        client_manager=strategy,
    )
    workflow = SecAggPlusWorkflow(*NUM_SHARES[key])
    grid = LocalGrid(clients, clock)
    whole, _ = timed(lambda: workflow(grid, context))
    if strategy.mean is None:
        raise RuntimeError("the workflow halted")
    stages = [plus(timings) for timings in clock.clients.values()]
    most_sent = max(client.sent_bytes for client in clients)
    return stages, minus(whole, clock.outside), most_sent, strategy.mean


def cell(key: str, dimension: int) -> Cell:
    """A few rounds; the fastest client of all, the fastest round of the server."""
    vector = update(dimension)
    clients: list[Timing] = []
    servers: list[Timing] = []
    sent: int
    mean: Any
    for _ in range(MOST_ROUNDS):
        stages, server, sent, mean = one_round(key, vector)
        clients += stages
        servers.append(Timing(server.wall_s / CLIENTS, server.cpu_s / CLIENTS, 1))
        if sum(t.wall_s for t in clients) > BUDGET_SECONDS:
            break
    return Cell(
        client=Timing.fastest(clients),
        aggregators={"server": Timing.fastest(servers)},
        finish=None,
        upload_bytes=sent,
        mean_error=mean_error(mean, vector),
        details={"masks_per_client": CLIENTS if key == "everyone" else 3, **mask_facts()},
    )


def mask_facts() -> dict[str, Any]:
    """Do two 32-byte seeds give the same mask if their eight words have the same XOR?"""
    first = os.urandom(32)
    words = np.frombuffer(first, dtype="<u4")
    folded = np.zeros(8, dtype="<u4")
    folded[0] = np.bitwise_xor.reduce(words)
    (one,), (other,) = (
        pseudo_rand_gen(seed, 2**32, [(1000,)]) for seed in (first, folded.tobytes())
    )
    return {"mask_depends_on_32_bits_only": bool(np.array_equal(one, other))}


DEFAULTS = (
    "max_weight 1000, clipping_range 8.0, quantization_range 2^22, modulus_range 2^32 (all "
    "defaults), 8 clients, nobody drops out"
)
HIDES = "each update from the server and from other clients"
DROPOUTS = "tolerated: shares of keys rebuild the masks of who is missing, at the server's expense"
PROVES = "nothing: entries are clipped by the client itself, and a client may send any integers"
ENTROPY = (
    "32 bits per mask: `pseudo_rand_gen` folds its 32-byte seed into 32 bits by XOR and seeds "
    "NumPy's RandomState (MT19937) with them "
    "(flwr 1.41.0, common/secure_aggregation/secaggplus_utils.py)"
)

RIVAL = Rival(
    name="Flower SecAgg+",
    packages=("flwr", "numpy", "cryptography", "pycryptodome"),
    finished_by="the server; its time is in the aggregator's",
    configurations={
        "neighbours": Configuration(
            label="Flower SecAgg+, 3 shares",
            parameters=f"num_shares 3 (2 neighbours), reconstruction_threshold 2; {DEFAULTS}",
            source="num_shares and threshold as in Flower's own example, "
            "examples/flower-secure-aggregation/pyproject.toml at 0b33b52",
            hides=HIDES,
            trust="the server follows the protocol, and a client's two neighbours do not both "
            "collude with it",
            dropouts=DROPOUTS,
            proves=PROVES,
            mask_entropy=ENTROPY,
        ),
        "everyone": Configuration(
            label="Flower SecAgg+, 8 shares",
            parameters=f"num_shares 1.0 (all 8 clients), reconstruction_threshold 0.5; {DEFAULTS}",
            source="ours: every client masks with every other, as in SecAgg",
            hides=HIDES,
            trust="the server follows the protocol, and fewer than four clients collude with it",
            dropouts=DROPOUTS,
            proves=PROVES,
            mask_entropy=ENTROPY,
        ),
    },
    cell=cell,
)

if __name__ == "__main__":
    logging.getLogger("flwr").setLevel(logging.ERROR)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 0, 1
    main(RIVAL)
