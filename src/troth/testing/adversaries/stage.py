"""What an attack may touch, and how what came of it is read from public records.

The room of scenarios builds the stage (rooms below it cannot deploy a consortium); attacks see this
interface only.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.client import DevelopmentLedger
from troth.ledger.interface import Call
from troth.ledger.records import Receipt
from troth.round.driver import Party
from troth.round.mail import Role
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.round.transitions import State, table
from troth.round.verdict import aggregate
from troth.round.view import RoundView, StudyView
from troth.storage.blobs import BlobStore

NOISE_RANGE = 8 * 100 * 3
"""Eight standard deviations of each of at most three noise vectors of the toy study."""


class RegisteredDataset(Protocol):
    """A dataset version of the toy study."""

    @property
    def version(self) -> bytes:
        """Its id."""
        ...

    @property
    def lineage(self) -> bytes:
        """What pays for it."""
        ...


class Stage(Protocol):
    """A deployed consortium and one active study of three sites and two members."""

    study: Study
    ledger: DevelopmentLedger
    store: BlobStore
    """The one that everybody uses; an attack may put another one in its place."""
    folder: Path
    """Where the store keeps its blobs: whoever runs the store can write here."""
    sites: list[Party[Any]]
    aggregators: list[Party[Any]]

    @property
    def datasets(self) -> Sequence[RegisteredDataset]:
        """What was registered, by site."""
        ...

    def party(self, role: Role[Any]) -> Party[Any]:
        """A role with the account that it names and a state file of its own."""
        ...

    def train(self, place: int) -> Callable[[Any, int], npt.NDArray[np.int64]]:
        """The local training of a site."""
        ...

    def run(
        self, done: Callable[[StudyView], bool], parties: Sequence[Party[Any]] | None = None
    ) -> StudyView:
        """Let parties (everybody) step until ``done``."""
        ...

    def finish(self, view: StudyView, parties: Sequence[Party[Any]]) -> None:
        """Let parties erase what the last round left with them."""
        ...

    def send(self, account: Account, call: Call[Any]) -> Receipt:
        """Send one call, as a client of the ledger that need not be a role."""
        ...

    def label(self, address: Address) -> str:
        """What people call a party; its address where nobody does."""
        ...

    def write_bundle(self) -> Path:
        """A bundle of everything so far, sealed by the first site."""
        ...


def in_state(state: State) -> Callable[[StudyView], bool]:
    """Until the present round is in a state."""
    return lambda view: view.current.state is state


def ended(view: StudyView) -> bool:
    """Until the first round is final or aborted."""
    return 1 in view.rounds and view.rounds[1].state.ended


def verdict_at(found: RoundView, place: int) -> str:
    """The reason code's name that the members posted for a place; empty before they did."""
    posted = list(found.verdicts.values())
    return table().verdicts[posted[0][place]] if posted else ""


def in_set(found: RoundView, place: int) -> bool:
    """Whether a place is in S."""
    return bool(found.accepted >> place & 1)


def published_sum(stage: Stage, found: RoundView) -> npt.NDArray[np.int64]:
    """X of a final round, as anybody reads it."""
    study = stage.study
    shares = [
        stage.store.get(found.publications[member], max_size=MAX_MESSAGE)
        for member in study.committee
    ]
    return aggregate(study, found.accepted, shares)
