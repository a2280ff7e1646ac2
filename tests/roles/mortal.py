"""Parties in processes of their own that kill themselves with SIGKILL after the n-th effect.

`python -m tests.roles.mortal FD` stays alive and forks one process for each life of a party, so
that a life costs no start of Python. It keeps nothing of a party; what it remembers of the chain
anybody can read again. The ledger's engine lives in the test, which outlives everybody.
"""

import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from troth.domain import terms
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.backend import EngineInfo, Outcome, Submission
from troth.ledger.bindings import CONTRACTS
from troth.ledger.client import Ledger
from troth.ledger.records import RawBlock
from troth.roles.aggregator import Aggregator
from troth.roles.trainer import Trainer
from troth.round.driver import Driver, Party
from troth.round.mail import Role
from troth.round.study import Study
from troth.round.view import StudyView
from troth.scenarios.small_study import DIMENSION
from troth.storage.blobs import LocalBlobs


@dataclass(frozen=True)
class World:
    """What every party knows from the agreement on the study."""

    document: bytes
    study_id: bytes
    addresses: dict[str, bytes]
    chain_id: int
    gas_limit: int
    store: Path


@dataclass(frozen=True)
class Life:
    """One run of a party's program."""

    secret: bytes
    """The account's."""
    state: Path
    """Its state file."""
    effects: int
    """After this many it is killed; 0: never."""


class Death:
    """Counts effects; at the last one this process is gone without a word."""

    def __init__(self, effects: int) -> None:
        self.left = effects

    def approach(self) -> None:
        """One more effect has happened."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class RemoteBackend:
    """The engine on the other end of a pipe."""

    info = EngineInfo("remote", "the test's")

    def __init__(self, pipe: Connection, world: World) -> None:
        self._pipe = pipe
        self.chain_id, self.gas_limit = world.chain_id, world.gas_limit
        self.death = Death(0)

    def _ask(self, name: str, *arguments: Any, **options: Any) -> Any:
        self._pipe.send((name, arguments, options))
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def head(self) -> int:
        return int(self._ask("head"))

    def final(self) -> int:
        return int(self._ask("final"))

    def block(self, number: int) -> RawBlock:
        block: RawBlock = self._ask("block", number)
        return block

    def nonce(self, address: Address) -> int:
        return int(self._ask("nonce", address))

    def code(self, address: Address) -> bytes:
        return bytes(self._ask("code", address))

    def fee(self) -> int:
        return int(self._ask("fee"))

    def call(self, sender: Address, to: Address, data: bytes, block: int) -> Outcome:
        outcome: Outcome = self._ask("call", sender, to, data, block)
        return outcome

    def submit(self, raw: bytes, *, force: bool) -> Submission:
        submission: Submission = self._ask("submit", raw, force=force)
        self.death.approach()  # the transaction stands, and its sender never learns of it
        return submission

    def close(self) -> None:
        return


NOWHERE: Any = None


class MortalStore(LocalBlobs):
    """A store whose every change brings death nearer."""

    death = Death(0)

    def put(self, data: bytes) -> bytes:
        digest = super().put(data)
        self.death.approach()
        return digest

    def delete(self, digest: bytes) -> None:
        super().delete(digest)
        self.death.approach()


def live(driver: Driver, backend: RemoteBackend, world: World, life: Life) -> NoReturn:
    """One life: open what is on disk, step until there is nothing to do, or die before."""
    death = backend.death = Death(life.effects)
    flush, remove = os.fsync, Path.unlink

    # A file is on disk in two flushes, its own and its folder's: between them it lies there under
    # another name. Patched in this process only, which exists to die in such places.
    def fsync(descriptor: Any) -> None:
        flush(descriptor)
        death.approach()

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        remove(path, missing_ok=missing_ok)
        death.approach()

    setattr(os, "fsync", fsync)  # noqa: B010 - a plain assignment is no better, and types forbid it
    setattr(Path, "unlink", unlink)  # noqa: B010 - same
    store = MortalStore(world.store)
    store.death = death
    account = Account(life.secret)
    party: Party[Any] = Party(role_of(driver, world, account.address), account, life.state)
    driver.store, driver.parties = store, [party]
    while True:
        before = party.state
        if not driver.tick(party) and party.state == before:
            break
    backend._ask("said", str(party.trouble or ""), life.effects - death.left)
    os._exit(0)


def role_of(driver: Driver, world: World, account: Address) -> Role[Any]:
    study = study_of(world)
    if account in study.committee:
        return Aggregator(study, account, os.urandom)
    return Trainer(study, account, lambda *_: np.ones(DIMENSION, dtype=np.int64), os.urandom)


def study_of(world: World) -> Study:
    return Study(terms.decode(world.document), world.study_id, Address(world.addresses["Rounds"]))


def driver_of(pipe: Connection, world: World) -> tuple[Driver, RemoteBackend]:
    """A driver without parties: what it reads of the chain is there for every life."""
    backend = RemoteBackend(pipe, world)
    ledger = Ledger(backend, CONTRACTS)
    ledger.bind({name: Address(address) for name, address in world.addresses.items()})
    # The store has threads of its own, which no fork takes along: each life opens one for itself.
    return Driver(ledger, NOWHERE, StudyView(world.study_id), []), backend


def main() -> None:
    pipe = Connection(int(sys.argv[1]))
    while True:
        world: World | None = pipe.recv()
        if world is None:
            return
        driver, backend = driver_of(pipe, world)
        while True:
            life: Life | None = pipe.recv()
            if life is None:
                break
            driver.refresh()
            child = os.fork()
            if child == 0:
                try:
                    live(driver, backend, world, life)
                except BaseException as problem:  # noqa: BLE001 - the test must hear of it
                    backend._ask("said", repr(problem), 0)
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            pipe.send(("ended", (os.waitstatus_to_exitcode(status),), {}))


if __name__ == "__main__":
    main()
