"""What the tests of the roles share: where to stop, what to look at, one step without effects."""

import copy
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from troth.domain.hashing import digest
from troth.errors import StorageError
from troth.ledger.bindings import privacy_ledger, rounds
from troth.roles.aggregator import Aggregator
from troth.roles.following import follow
from troth.round.driver import Party
from troth.round.mail import BlobsWanted, Inbox, Wanted
from troth.round.step import aggregate
from troth.round.transitions import State, table
from troth.round.view import StudyView
from troth.scenarios.small_study import DIMENSION, Shape, SmallStudy, constant, site_parties
from troth.storage.blobs import LocalBlobs

ONE_ROUND = Shape(rounds=1)
TWO_SITES = Shape(rounds=1, weights=(1, 1), min_sites=1)
"""The smallest study in which all honest voters together can name a lying member."""
THREE_MEMBERS = Shape(rounds=1, weights=(1, 1), min_sites=1, members=3)
"""The same where a share of a member's noise can be shown, and the noise stays hidden."""
VERDICTS = table().verdicts
ELSEWHERE = (State.CONTESTED, State.ANSWERED, State.SEEDED)
"""Where a round comes only after a dispute, or only in B4."""


def copied(small: SmallStudy, folder: Path) -> SmallStudy:
    """The same world once more: chain, store, state files; every party starts from its own."""
    shutil.copytree(small.consortium.folder.parent, folder)
    consortium = replace(
        small.consortium,
        ledger=copy.deepcopy(small.consortium.ledger),
        store=LocalBlobs(folder / "store"),
        folder=folder / "parties",
        receipts=[],
    )
    return SmallStudy(
        consortium,
        small.study,
        small.datasets,
        site_parties(consortium, small.study, constant, {}),
        consortium.aggregators(small.study),
    )


def in_state(state):
    return lambda view: view.current.state is state


def aborted(view):
    return bool(view.aborts)


def ended(view):
    return view.rounds[1].state.ended


def codes(view, number=1):
    """The verdict of a round, by place."""
    return list(next(iter(view.rounds[number].verdicts.values())))


def ones(*_):
    return np.ones(DIMENSION, dtype=np.int64)


def spent(small):
    """Settled and reserved nano-ρ of every lineage."""
    calls = (privacy_ledger.account_of(item.lineage) for item in small.datasets)
    accounts = [small.consortium.ledger.call(call) for call in calls]
    return [(account.settled, account.reserved) for account in accounts]


def progress(small):
    """What the contract counts of the study."""
    return small.consortium.ledger.call(rounds.progress_of(small.study.study_id))


def events(small, kind):
    """All final events of one kind, in order."""
    logged = small.consortium.ledger.events(0)
    return [entry.event for entry in logged if isinstance(entry.event, kind)]


def view_of(small):
    """What the ledger says of the study."""
    view = StudyView(small.study.study_id)
    for logged in small.consortium.ledger.events(0):
        view.apply(logged.event)
    return view


def looked_up(small, function):
    """What a function of an inbox gives, all blobs from the store."""
    view = view_of(small)
    return answered(small, lambda blobs: function(Inbox(view, 0, blobs)), {})


def answered(small, function, own):
    """What a function of blobs gives once it has all that it wants: its own ones, or the store's.

    What nobody serves is None.
    """
    blobs: dict[Wanted, bytes | None] = {}
    while True:
        try:
            return function(blobs)
        except BlobsWanted as request:
            for item in request.wanted:
                try:
                    stored = small.consortium.store.get(item.digest, max_size=item.max_size)
                except StorageError:
                    stored = None
                blobs[item] = own.get(item.digest, stored)


def published_sum(small, number=1):
    """X of a round that is final."""

    def follows(inbox):
        view = inbox.view.rounds[number]
        followed = follow(small.study, view, inbox)
        assert followed is not None
        return aggregate(small.study, view.accepted, followed.examined)

    return looked_up(small, follows)


def stepped(small, role, state, view, *, kept=()):
    """One step of a role as the driver would make it, without any effect."""
    now = small.consortium.ledger.head().timestamp
    own = {digest(blob): blob for blob in kept}
    return answered(small, lambda blobs: role.step(state, Inbox(view, now, blobs)), own)


def saved(small, index=0):
    """An aggregator's role and the state that it has on disk."""
    party = small.consortium.aggregators(small.study)[index]
    role = party.role
    assert isinstance(role, Aggregator)
    return role, party.state


def with_member(small, kind: type[Aggregator], index=1, **attributes: Any) -> list[Party[Any]]:
    """All parties, with one member's software exchanged; ``attributes`` are set on its role."""
    role = kind(small.study, small.study.committee[index], os.urandom)
    for name, value in attributes.items():
        setattr(role, name, value)
    members = list(small.aggregators)
    members[index] = small.consortium.party(small.study, role)
    return [*small.sites, *members]
