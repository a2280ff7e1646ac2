"""What an attack may touch, and how what came of it is read from public records.

The room of scenarios builds the stage (rooms below it cannot deploy a consortium); attacks see this
interface only.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from troth.errors import RoundError
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.client import DevelopmentLedger
from troth.ledger.interface import Call
from troth.ledger.records import Receipt
from troth.roles.aggregator import Aggregator
from troth.roles.following import Examine, follow
from troth.roles.replicated import aggregator_for
from troth.round.driver import Party
from troth.round.faults import examine
from troth.round.mail import BlobsWanted, Inbox, Role, Wanted
from troth.round.step import aggregate
from troth.round.study import Study
from troth.round.transitions import State, table
from troth.round.view import RoundView, StudyView
from troth.storage.blobs import BlobStore

NOISE_RANGE = 8 * 100 * 3
"""Eight standard deviations of each of at most three noise vectors in the sum of a toy study."""
R = TypeVar("R")


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
    """A deployed consortium and one active study of three sites and two members, or as set."""

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

    def fresh(self) -> Self:
        """Another study after the same setting, in which nothing has happened yet."""
        ...


def fitting(study: Study, role: type[Aggregator]) -> type[Aggregator]:
    """A member's role in the study's mode: what it does itself, beside an honest member's rest."""
    honest = aggregator_for(study)
    if issubclass(honest, role):
        return honest
    return role if issubclass(role, honest) else type(role.__name__, (role, honest), {})


def committee(
    stage: Stage, study: Study, role: type[Aggregator] = Aggregator, **options: Any
) -> list[Party[Any]]:
    """All members of the committee, in one role.

    Args:
        stage: where they play.
        study: as they see it.
        role: theirs; by default they are honest.
        options: for the role.
    """
    kind = fitting(study, role)
    return [stage.party(kind(study, account, os.urandom, **options)) for account in study.committee]


def without(members: Sequence[Party[Any]], *indices: int) -> list[Party[Any]]:
    """All members but some."""
    return [party for index, party in enumerate(members) if index not in indices]


def in_state(state: State) -> Callable[[StudyView], bool]:
    """Until the present round is in a state."""
    return lambda view: view.current.state is state


def ended(view: StudyView) -> bool:
    """Until the first round is final or aborted."""
    return 1 in view.rounds and view.rounds[1].state.ended


def decided(view: StudyView) -> bool:
    """Until the accepted set of the first round is fixed, or that round has ended."""
    return 1 in view.rounds and view.rounds[1].state >= State.SETTLED


def verdict_at(found: RoundView, place: int) -> str:
    """The reason code's name that the members posted for a place; empty before they did."""
    posted = list(found.verdicts.values())
    return table().verdicts[posted[0][place]] if posted else ""


def in_set(found: RoundView, place: int) -> bool:
    """Whether a place is in S."""
    return bool(found.accepted >> place & 1)


def place_bits(*places: int) -> int:
    """The bitmap of some places."""
    return sum(1 << place for place in places)


def with_blobs(stage: Stage, view: StudyView, act: Callable[[Inbox], R]) -> R:
    """What comes of an act of a party that is given every blob it asks for, without any effect."""
    blobs: dict[Wanted, bytes | None] = {}
    while True:
        try:
            return act(Inbox(view, stage.ledger.head().timestamp, blobs))
        except BlobsWanted as request:
            blobs |= {
                wanted: stage.store.get(wanted.digest, max_size=wanted.max_size)
                for wanted in request.wanted
            }


def published_sum(
    stage: Stage, view: StudyView, examine_round: Examine = examine, number: int = 1
) -> npt.NDArray[np.int64]:
    """X of a round, as anybody reads it.

    Args:
        stage: where it was played.
        view: the study.
        examine_round: the checks of whoever reads it.
        number: the round.

    Raises:
        RoundError: a blob of it cannot be had.
    """
    found = view.rounds[number]
    followed = with_blobs(
        stage, view, lambda inbox: follow(stage.study, found, inbox, examine_round)
    )
    if followed is None:
        raise RoundError(f"round {number}: not everything that was published is served")
    return aggregate(stage.study, found.accepted, followed.examined)


def guilty(stage: Stage, member: int) -> bool:
    """Whether the contract holds a member as proven at fault."""
    progress = stage.ledger.call(rounds.progress_of(stage.study.study_id))
    return bool(progress.guilty >> member & 1)


def has_accusations_left(stage: Stage, place: int) -> bool:
    """Whether a site may still accuse in this study."""
    progress = stage.ledger.call(rounds.progress_of(stage.study.study_id))
    return not progress.spent >> place & 1
