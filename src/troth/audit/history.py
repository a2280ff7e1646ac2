"""The replay: what every transaction must have done, compared with what its receipt says it did."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from troth.audit.chain import Chain, Entry
from troth.audit.deployment import BY_NAME, Deployment
from troth.audit.members import TRANSACTIONS
from troth.audit.replay.world import Outcome, World
from troth.audit.telling import told_event, told_status
from troth.errors import BundleFalse, ContractRefused, DecodeError
from troth.ledger.address import Address
from troth.ledger.evidence import Log
from troth.ledger.interface import Call, Event
from troth.round.machine import Emitted

_ALMOST_ALL = 15 / 16
"""A call that runs out of gas keeps at most 1/64 in each contract it went through (EIP-150)."""


@dataclass(frozen=True)
class Step:
    """One transaction to our contracts, what it called and what follows from it."""

    entry: Entry
    call: Call[object] | None
    """None for a deployment, and for calldata that no function takes."""
    refusal: ContractRefused | None
    events: tuple[Event, ...]


@dataclass(frozen=True)
class History:
    """The whole chain, replayed: every event is one that had to happen."""

    world: World
    steps: tuple[Step, ...]

    def events(self) -> Iterator[tuple[Entry, Event]]:
        """Every event of our contracts with its transaction, in order."""
        for step in self.steps:
            for event in step.events:
                yield step.entry, event


def replay(chain: Chain, deployment: Deployment) -> History:
    """Replay a chain from its first transaction.

    Raises:
        BundleFalse: the first transaction whose status or logs are not what its call does.
    """
    world = World(chain.chain_id, deployment.addresses)
    names = {address: name for name, address in deployment.addresses.items()}
    born: set[Address] = set()
    steps = []
    for entry in chain.entries:
        target = entry.transaction.to
        if entry.line in deployment.creations:
            creation = deployment.creations[entry.line]
            born.add(creation.address)
            outcome = world.construct(creation.contract.name, creation.arguments)
            call = None
        elif target in born:
            call, outcome = _called(world, names[target], entry)
        else:
            _require_foreign(entry, names)
            continue
        _compare(entry, outcome, names)
        events = tuple(emitted.event for emitted in outcome.events)
        steps.append(Step(entry, call, outcome.refusal, events))
    return History(world, tuple(steps))


def _called(world: World, contract: str, entry: Entry) -> tuple[Call[object] | None, Outcome]:
    """What a call of one of our contracts does; nothing, where the machine stopped it."""
    transaction = entry.transaction
    try:
        call = _decode_call(contract, transaction.data)
    except DecodeError as problem:
        # A view takes other encodings than the canonical one, too; it changes nothing all the same.
        answered = entry.receipt.status == 1 and _asks_view(contract, transaction.data)
        return None, Outcome((), None) if answered else _stopped(f"{contract}: {problem}")
    if transaction.value:
        return call, _stopped("no function takes money")
    starved = entry.gas_used >= transaction.gas_limit * _ALMOST_ALL
    if entry.receipt.status == 0 and starved:
        return call, _stopped("out of gas")
    if call.function.reads:
        # A view that is sent as a transaction changes nothing, whether it answers or not.
        return call, Outcome((), None) if entry.receipt.status else _stopped("a view")
    return call, world.apply(transaction.sender, call, entry.block.timestamp)


def _decode_call(contract: str, data: bytes) -> Call[object]:
    """The call in calldata.

    As the contracts: bytes after arguments of a fixed size are not looked at, and where a size is
    not fixed, only the canonical encoding is taken (``NonCanonicalCalldata``).
    """
    for function in BY_NAME[contract].functions:
        sizes = [param.type.size for param in function.inputs]
        if data[:4] == function.selector and None not in sizes:
            data = data[: 4 + sum(size or 0 for size in sizes)]
    return BY_NAME[contract].decode_call(data)


def _asks_view(contract: str, data: bytes) -> bool:
    functions = BY_NAME[contract].functions
    return any(function.reads and function.selector == data[:4] for function in functions)


def _stopped(why: str) -> Outcome:
    return Outcome((), ContractRefused("call", "Halted", {"reason": why}))


def _require_foreign(entry: Entry, names: dict[Address, str]) -> None:
    """A transaction that is not for our contracts leaves no trace in them.

    Everything that changes them logs an event, so without one of their logs nothing changed.
    """
    for log in entry.receipt.logs:
        if log.address in names:
            where = f"{entry.position}, receipt"
            claimed = f"an event of {names[log.address]}"
            raise BundleFalse(TRANSACTIONS, where, claimed, "a transaction that did not call it")


def _compare(entry: Entry, outcome: Outcome, names: dict[Address, str]) -> None:
    where = f"{entry.position}, receipt"
    if entry.receipt.status != outcome.status:
        claimed = f"status {entry.receipt.status}"
        raise BundleFalse(TRANSACTIONS, where, claimed, told_status(outcome))
    found = [_decode(log, names, where) for log in entry.receipt.logs]
    for index, (said, emitted) in enumerate(zip_longest(found, outcome.events)):
        if said != emitted:
            claimed, follows = (
                "no further event" if event is None else told_event(event)
                for event in (said, emitted)
            )
            raise BundleFalse(TRANSACTIONS, f"{where}, log {index}", claimed, follows)


def _decode(log: Log, names: dict[Address, str], where: str) -> Emitted:
    name = names.get(log.address)
    if name is None:
        follows = "the address of no contract in the bundle"
        raise BundleFalse(TRANSACTIONS, where, f"a log of {log.address}", follows)
    try:
        return Emitted(name, BY_NAME[name].decode_event(log))
    except DecodeError as problem:
        follows = f"none ({problem})"
        raise BundleFalse(TRANSACTIONS, where, f"an event of {name}", follows) from problem
