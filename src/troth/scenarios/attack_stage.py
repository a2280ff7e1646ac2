"""The toy study that an attack is played on, as attacks see it.

Every attack gets a copy of a consortium in which nothing has happened yet, so that none can profit
from another.
"""

import copy
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from troth.audit.bundle import write_bundle
from troth.domain.terms import MODES
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.client import DevelopmentLedger
from troth.ledger.interface import Call
from troth.ledger.records import Receipt
from troth.round.driver import Party
from troth.round.mail import Role
from troth.round.sharing import Sharer
from troth.round.study import Study
from troth.round.view import StudyView
from troth.scenarios.consortium import Dataset
from troth.scenarios.recall import Recall
from troth.scenarios.small_study import (
    Shape,
    SmallStudy,
    Vectors,
    constant,
    site_parties,
    small_study,
)
from troth.storage.blobs import BlobStore, LocalBlobs
from troth.testing.adversaries.attack import Setting


class Worlds:
    """Toy studies that are agreed on; each attack gets a copy, so that one pays for all.

    Deploying contracts and agreeing on a study takes longer than the round of most attacks.
    """

    def __init__(self) -> None:
        self._agreed: list[tuple[Shape, SmallStudy]] = []

    def study(
        self, shape: Shape, folder: Path, vectors: Vectors, sharers: Mapping[int, Sharer]
    ) -> SmallStudy:
        """A study of this shape in which nothing has happened yet.

        Args:
            shape: the study.
            folder: for its store and state files.
            vectors: what its sites send.
            sharers: dishonest sharings, by site.
        """
        known = (small for agreed, small in self._agreed if agreed == shape)
        small = next(known, None) or self._agree(shape)
        # What an engine's objects name as modules is code, not state.
        modules: dict[int, Any] = {id(module): module for module in sys.modules.values()}
        store = LocalBlobs(folder / "store")
        store.put(small.study.terms.encode())
        consortium = replace(
            small.consortium,
            ledger=copy.deepcopy(small.consortium.ledger, modules),
            store=store,
            folder=folder / "parties",
            examine_round=Recall(),
            receipts=[],
        )
        return SmallStudy(
            consortium,
            small.study,
            small.datasets,
            site_parties(consortium, small.study, vectors, sharers),
            consortium.aggregators(small.study),
        )

    def _agree(self, shape: Shape) -> SmallStudy:
        with tempfile.TemporaryDirectory() as folder:
            small = small_study(Path(folder), shape)
        self._agreed.append((shape, small))
        return small


class SmallStage:
    """A toy study as attacks see it (`troth.testing.adversaries.stage.Stage`)."""

    def __init__(self, folder: Path, setting: Setting, worlds: Worlds, mode: str = "A") -> None:
        def vectors(place: int, number: int) -> Sequence[int]:
            return setting.vectors.get(place) or constant(place, number)

        shape = Shape(
            rounds=setting.rounds,
            max_aborts=setting.max_aborts,
            min_sites=setting.min_sites,
            mode=mode,
            members=setting.members if mode == "A" else MODES[mode][0],
            candidates=setting.candidates,
            accusations=setting.accusations,
            every_site=setting.every_site,
        )
        self._small: SmallStudy = worlds.study(shape, folder, vectors, setting.sharers)
        self._vectors = vectors
        self._work = folder
        self._setting = setting
        self._worlds = worlds
        self._mode = mode
        self.folder = folder / "store"
        self.study: Study = self._small.study
        self.sites: list[Party[Any]] = self._small.sites
        self.aggregators: list[Party[Any]] = self._small.aggregators

    @property
    def ledger(self) -> DevelopmentLedger:
        """The ledger that everybody uses."""
        return self._small.consortium.ledger

    @ledger.setter
    def ledger(self, ledger: DevelopmentLedger) -> None:
        self._small.consortium.ledger = ledger

    @property
    def store(self) -> BlobStore:
        """The store that everybody uses."""
        return self._small.consortium.store

    @store.setter
    def store(self, store: BlobStore) -> None:
        self._small.consortium.store = store

    @property
    def datasets(self) -> Sequence[Dataset]:
        """What was registered, by site."""
        return self._small.datasets

    def party(self, role: Role[Any]) -> Party[Any]:
        """A role with its account and state file."""
        return self._small.consortium.party(self.study, role)

    def train(self, place: int) -> Callable[[Any, int], npt.NDArray[np.int64]]:
        """What a site makes of a model: the vector of the setting."""
        return lambda _, number: np.array(self._vectors(place, number), dtype=np.int64)

    def run(
        self, done: Callable[[StudyView], bool], parties: Sequence[Party[Any]] | None = None
    ) -> StudyView:
        """Let parties (everybody) step until ``done``."""
        return self._small.run(done, list(parties or self._small.parties))

    def finish(self, view: StudyView, parties: Sequence[Party[Any]]) -> None:
        """Let parties erase what the last round left with them."""
        self._small.consortium.finish(view, parties)

    def send(self, account: Account, call: Call[Any]) -> Receipt:
        """Send one call."""
        return self._small.consortium.send(account, call)

    def label(self, address: Address) -> str:
        """What people call a party."""
        organisations = self._small.consortium.organisations
        labels = {item.account.address: item.label for item in organisations}
        return labels.get(address, str(address))

    def write_bundle(self) -> Path:
        """A bundle of everything so far, sealed by the first site."""
        path = self._work / "study.troth"
        write_bundle(path, self.ledger, self.store, self.sites[0].account)
        return path

    def fresh(self) -> Self:
        """Another study after the same setting."""
        return type(self)(self._work / "fresh", self._setting, self._worlds, self._mode)
