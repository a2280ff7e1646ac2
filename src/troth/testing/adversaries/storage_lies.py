"""Whoever runs the store serves other bytes, none, or too many."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from troth.learning.model import Model
from troth.roles.reporting import seal_report
from troth.roles.trainer import Trainer
from troth.round.sharing import draw_mask_seed, share_report
from troth.round.transitions import State
from troth.storage.blobs import BlobStore, LocalBlobs
from troth.storage.keys import PUBLIC_KEY_SIZE, HpkePublicKey
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Must,
    Observation,
    Outcome,
    Setting,
    argument,
    no_switch,
)
from troth.testing.adversaries.observing import attempt, noticed_limit, observe_round
from troth.testing.adversaries.stage import Stage, decided, ended, in_set, in_state, without
from troth.testing.adversaries.stores import (
    Diverting,
    NamedFiles,
    ServedBy,
    UncheckedBlobs,
    plant,
)

VICTIM = 0
"""Place of the site whose blobs are touched."""
CUT_OFF = 1
"""Index of the member that is served nothing."""
LARGE = 2**23
NO_COMPARISON = argument("a store client that does not compare what it gets with the digest")


def reported(stage: Stage) -> Any:
    """Let all sites report; the study's view then."""
    stage.run(in_state(State.OPEN), stage.aggregators)
    return stage.run(lambda view: len(view.current.reports) == 3, stage.sites)


class BlobSwapped(Attack):
    """The store serves an envelope of its own making under the digest of a site's."""

    name = "blob-swapped"
    actor = Actor.STORAGE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    caught = "verdict undelivered"
    wants = "an update that the store made is in the accepted set as the site's"
    switch = NO_COMPARISON

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; keys, heads and nonces are public, so a report in any name can be made."""
        view = reported(stage)
        study, found = stage.study, view.current
        if not defended:
            stage.store = UncheckedBlobs(stage.folder)
        keys = [
            HpkePublicKey(stage.store.get(found.hpke_keys[member], max_size=PUBLIC_KEY_SIZE))
            for member in study.committee
        ]
        sharing = share_report(
            study,
            study.where(1),
            VICTIM,
            np.array([-500, 0, 0, 0]),
            heads=found.heads_digest,
            rand=os.urandom,
            mask_seed=draw_mask_seed(os.urandom),
        )
        made = seal_report(
            study, study.where(1), VICTIM, sharing, hpke_keys=keys, random_bytes=os.urandom
        )
        for sealed in made.sealed:
            stage.store.put(sealed)
        plant(stage.folder, found.reports[study.sites[VICTIM]], made.envelope)
        view = stage.run(decided)
        succeeded = in_set(view.rounds[1], VICTIM)
        nobody = study.contract
        return observe_round(stage, view, nobody, succeeded=succeeded, place=VICTIM)


class BlobDeleted(Attack):
    """The store loses a site's sealed share before its holder has fetched it."""

    name = "blob-deleted"
    actor = Actor.STORAGE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    caught = "verdict undelivered"
    wants = "the round ends without a model"
    switch = no_switch("availability: what nobody serves cannot be had; the round goes on without")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        reported(stage)
        stage.store.delete(stage.sites[VICTIM].state.report.sealed[0])
        view = stage.run(ended, [*stage.sites[1:], *stage.aggregators])
        stopped = view.rounds[1].state is not State.FINAL
        return observe_round(stage, view, stage.study.contract, succeeded=stopped, place=VICTIM)


class MemberCutOff(Attack):
    """The store serves one member nothing more, so that it stands there as one that denies all."""

    name = "member-cut-off"
    actor = Actor.STORAGE
    modes = EVERY_MODE
    expected = Outcome.LIMIT
    caught = "abort Withheld"
    named = ("aggregator 1",)
    otherwise: ClassVar = {
        "B3": Must(Outcome.LIMIT, "abort Noise", ("aggregator 0", "aggregator 1")),
        "B4": Must(Outcome.LIMIT, "left Answered (Disagree)", ("aggregator 1",)),
    }
    wants = "the round ends, or it goes on without an honest member, which is named"
    switch = no_switch("a limit: who is not served looks like who does not want to read")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; what the member writes is lost as well."""
        del defended
        stage.run(in_state(State.CLOSED))
        member = stage.aggregators[CUT_OFF]
        alone = ServedBy(member, LocalBlobs(stage.folder.with_name("elsewhere")))
        members = [alone, *without(stage.aggregators, CUT_OFF)]
        view = stage.run(ended, [*stage.sites, *members])
        found = view.rounds[1]
        reached = bool(found.left) or found.state is State.ABORTED
        seen = observe_round(stage, view, stage.study.contract, succeeded=reached)
        return noticed_limit(seen, succeeded=reached)


class OldModelServed(Attack):
    """The store serves one site an old model as the newest one."""

    name = "old-model-served"
    actor = Actor.STORAGE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    caught = "verdict absent"
    wants = "the site trains on a model that is not the last final one"
    switch = NO_COMPARISON
    setting = Setting(rounds=2)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Two rounds; the second starts from the model of the first."""
        view = stage.run(ended)
        newest = view.rounds[1].model_digest
        old = Model.zeros(stage.study.model_dimension)
        elsewhere = stage.folder.with_name("elsewhere")
        plant(elsewhere, newest, old.encode())
        client: BlobStore = LocalBlobs(elsewhere) if defended else UncheckedBlobs(elsewhere)
        seen: list[bytes] = []
        role = Trainer(stage.study, stage.study.sites[VICTIM], recording(stage, seen), os.urandom)
        site = ServedBy(stage.party(role), Diverting(stage.store, newest, client))
        parties = [site, *stage.sites[1:], *stage.aggregators]
        view = stage.run(lambda view: 2 in view.rounds and view.rounds[2].state.ended, parties)
        succeeded = old.encode() in seen
        nobody = stage.study.contract
        return observe_round(stage, view, nobody, succeeded=succeeded, place=VICTIM, number=2)


def recording(stage: Stage, seen: list[bytes]) -> Callable[[Model, int], npt.NDArray[np.int64]]:
    """The victim's training, which remembers the models that it was given."""
    train = stage.train(VICTIM)

    def record(model: Model, number: int) -> npt.NDArray[np.int64]:
        seen.append(model.encode())
        return train(model, number)

    return record


class FalseRead(Attack, ABC):
    """The store answers one read with bytes that nobody should use."""

    actor = Actor.STORAGE
    modes = EVERY_MODE
    expected = Outcome.REFUSED

    @abstractmethod
    def plant(self, stage: Stage) -> bytes:
        """Prepare the answer; gives the name that is then read."""

    @abstractmethod
    def reached(self, stage: Stage, got: bytes) -> bool:
        """The success predicate, about what was read."""

    def careless(self, stage: Stage) -> BlobStore:
        """The client without the defence."""
        return UncheckedBlobs(stage.folder)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Plant, then read."""
        name = self.plant(stage)
        client = stage.store if defended else self.careless(stage)
        got: list[bytes] = []
        limit = stage.study.envelope_limit
        return attempt(
            lambda: got.append(client.get(name, max_size=limit)),
            lambda: bool(got) and self.reached(stage, got[0]),
        )


class Truncated(FalseRead):
    """The store serves the beginning of a blob only."""

    name = "blob-truncated"
    caught = "BlobMismatch"
    wants = "a reader gets bytes that are not those of the digest"
    switch = NO_COMPARISON
    whole = b"an envelope, all of it"

    def plant(self, stage: Stage) -> bytes:
        """Store a blob and cut it."""
        name = stage.store.put(self.whole)
        plant(stage.folder, name, self.whole[:-5])
        return name

    def reached(self, stage: Stage, got: bytes) -> bool:
        """Whether something else was read."""
        del stage
        return got != self.whole


class Bomb(FalseRead):
    """The store serves 8 MiB in place of an envelope."""

    name = "blob-bomb"
    caught = "StorageError"
    wants = "a reader takes more bytes than it was ready to hold"
    switch = argument("a store client that reads without a limit")

    def plant(self, stage: Stage) -> bytes:
        """Store a blob and blow it up."""
        name = stage.store.put(b"an envelope")
        plant(stage.folder, name, bytes(LARGE))
        return name

    def reached(self, stage: Stage, got: bytes) -> bool:
        """Whether so much was read."""
        return len(got) > stage.study.envelope_limit


class NameOutside(FalseRead):
    """Somebody names a file outside of the store as a blob, to have a party publish its secrets."""

    name = "name-outside-the-store"
    caught = "StorageError"
    wants = "a reader is given a file that is no blob"
    switch = argument("a store client that takes any bytes for a name")
    secret = b"what a party keeps to itself"

    def plant(self, stage: Stage) -> bytes:
        """Lay a secret beside the store."""
        stage.folder.with_name("secret").write_bytes(self.secret)
        return b"../secret"

    def careless(self, stage: Stage) -> BlobStore:
        """A client that joins names."""
        return NamedFiles(stage.folder)

    def reached(self, stage: Stage, got: bytes) -> bool:
        """Whether the secret was read."""
        del stage
        return got == self.secret
