"""Named attacks, played one by one on a toy study: what must happen, what did, who was named.

``troth attack`` shows what is here; ``python -m troth.scenarios.attacks`` writes the table of
``docs/attacks.md``. Every attack gets a copy of a consortium in which nothing has happened yet, so
that none can profit from another.
"""

import copy
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from troth.audit.bundle import write_bundle
from troth.domain import records
from troth.errors import InputError, TrothError
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
from troth.scenarios.progress import Progress
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
from troth.testing.adversaries.attack import Attack, Observation, Outcome, Setting, SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS

LIST_FORMAT = "troth/attack-list/v1"
RUN_FORMAT = "troth/attack-run/v1"
MODES = ("A",)
"""Modes that there are; a study in any other is refused by its terms."""
ALL = "all"
SUCCEEDS = "succeeds"
"""What must happen with the defence off."""
NOT_SWITCHABLE = "not switchable"


@dataclass(frozen=True)
class Listed:
    """One attack, as a reader sees it."""

    name: str
    actor: str
    modes: tuple[str, ...]
    expected: str
    """Outcome while the defence is on."""
    caught: str
    """Where it must be caught."""
    named: tuple[str, ...]
    """Who must be named."""
    says: str
    wants: str
    switch_kind: str
    """``argument``, ``contract`` or ``none``."""
    switch: str
    """The defence, or why there is nothing to switch off."""

    def row(self) -> str:
        """Its row in a Markdown table."""
        named = ", ".join(self.named) or "nobody"
        kind = {"argument": "off: ", "contract": "rule: ", "none": "none: "}[self.switch_kind]
        says = f"{self.says}. *Wants:* {self.wants}"
        cells = (f"`{self.name}`", says, self.expected, self.caught, named, kind + self.switch)
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class AttackList:
    """All attacks."""

    format: str
    attacks: tuple[Listed, ...]

    def to_json(self) -> Any:
        """The JSON value."""
        return records.to_json(self)

    def table(self) -> str:
        """The table of ``docs/attacks.md``, in Markdown."""
        lines = [
            "| name | what the attacker does | must be | caught at | names | defence |",
            "|---|---|---|---|---|---|",
        ]
        for actor in dict.fromkeys(item.actor for item in self.attacks):
            lines.append(f"| **{actor}** | | | | | |")
            lines += [item.row() for item in self.attacks if item.actor == actor]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Played:
    """One attack that was played."""

    name: str
    expected: str
    """Outcome, `SUCCEEDS`, or `NOT_SWITCHABLE`: then it was not played."""
    observed: str
    expected_caught: str
    caught: str
    expected_named: tuple[str, ...]
    named: tuple[str, ...]
    as_expected: bool


@dataclass(frozen=True)
class AttackRun:
    """What came of all attacks that were asked for."""

    format: str
    mode: str
    defended: bool
    as_expected: bool
    attacks: tuple[Played, ...]

    def to_json(self) -> Any:
        """The JSON value."""
        return records.to_json(self)


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

    def __init__(self, folder: Path, setting: Setting, worlds: Worlds) -> None:
        def vectors(place: int, number: int) -> Sequence[int]:
            return setting.vectors.get(place) or constant(place, number)

        shape = Shape(
            rounds=setting.rounds,
            max_aborts=setting.max_aborts,
            min_sites=setting.min_sites,
            members=setting.members,
            candidates=setting.candidates,
            accusations=setting.accusations,
            every_site=setting.every_site,
        )
        self._small: SmallStudy = worlds.study(shape, folder, vectors, setting.sharers)
        self._vectors = vectors
        self._work = folder
        self._setting = setting
        self._worlds = worlds
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
        return type(self)(self._work / "fresh", self._setting, self._worlds)


def listed() -> AttackList:
    """All attacks, in their order."""
    return AttackList(LIST_FORMAT, tuple(map(_listed, ATTACKS)))


def _listed(attack: type[Attack]) -> Listed:
    return Listed(
        name=attack.name,
        actor=attack.actor.value,
        modes=attack.modes,
        expected=attack.expected.value,
        caught=attack.caught,
        named=attack.named,
        says=attack.says(),
        wants=attack.wants,
        switch_kind=attack.switch.kind.value,
        switch=attack.switch.what,
    )


def chosen(names: Sequence[str], mode: str) -> list[type[Attack]]:
    """The attacks of these names, in the order of the list; ``all`` stands for every one.

    Raises:
        InputError: a name that no attack has, or a mode that there is not.
    """
    if mode not in MODES:
        raise InputError(
            f"--mode {mode}: rounds run in mode {' and '.join(MODES)} only in this version; "
            "leave the option out"
        )
    known = {attack.name for attack in ATTACKS} | {ALL}
    for name in names:
        if name not in known:
            raise InputError(f"{name}: no attack has this name; `troth attack list` shows all")
    return [attack for attack in ATTACKS if ALL in names or attack.name in names]


def play_all(names: Sequence[str], *, mode: str, defended: bool, progress: Progress) -> AttackRun:
    """Play attacks one after the other.

    Args:
        names: of attacks, or ``all``.
        mode: of the study that they are played on.
        defended: whether their defences are on.
        progress: is told how far it is.

    Raises:
        InputError: as `chosen`.
    """
    attacks = chosen(names, mode)
    played = tuple(_in_turn(attacks, Worlds(), defended=defended, progress=progress))
    return AttackRun(RUN_FORMAT, mode, defended, all(item.as_expected for item in played), played)


def _in_turn(
    attacks: Sequence[type[Attack]], worlds: Worlds, *, defended: bool, progress: Progress
) -> Iterator[Played]:
    progress.stage(f"attacks with their defence {'on' if defended else 'off'}")
    for number, attack in enumerate(attacks, start=1):
        if defended or attack.switch.kind is SwitchKind.ARGUMENT:
            with tempfile.TemporaryDirectory() as folder:
                found = _played(attack, Path(folder), worlds, defended=defended)
            yield _compared(attack, found) if defended else _succeeding(attack, found)
        else:
            yield _not_switchable(attack)
        progress.count(number, len(attacks))


def _played(attack: type[Attack], folder: Path, worlds: Worlds, *, defended: bool) -> Observation:
    """What came of an attack; one that could not be played to its end is told like any other."""
    try:
        return play(attack, folder, worlds, defended=defended)
    except TrothError as problem:
        caught = f"{type(problem).__name__}: {problem}"
        return Observation(Outcome.NOTHING, caught, (), succeeded=False)


def play(
    attack: type[Attack], folder: Path, worlds: Worlds | None = None, *, defended: bool
) -> Observation:
    """Play one attack on a study of its own.

    Args:
        attack: which.
        folder: an empty one, for the store and the state files.
        worlds: studies that others have agreed on already; without them a new one is deployed.
        defended: whether its defence is on.
    """
    stage = SmallStage(folder, attack.setting, worlds or Worlds())
    with stage.ledger:
        return attack().play(stage, defended=defended)


def _compared(attack: type[Attack], found: Observation) -> Played:
    """With the defence on everything is compared, the attacker's own predicate too."""
    same = (found.outcome, found.caught, found.named) == (
        attack.expected,
        attack.caught,
        attack.named,
    )
    consistent = found.succeeded == (attack.expected is Outcome.LIMIT)
    observed = found.outcome.value if consistent else f"{found.outcome.value}, but it succeeded"
    return Played(
        name=attack.name,
        expected=attack.expected.value,
        observed=observed,
        expected_caught=attack.caught,
        caught=found.caught,
        expected_named=attack.named,
        named=found.named,
        as_expected=same and consistent,
    )


def _succeeding(attack: type[Attack], found: Observation) -> Played:
    """With the defence off only one thing is compared: the attacker has what it wanted."""
    return Played(
        name=attack.name,
        expected=SUCCEEDS,
        observed=SUCCEEDS if found.succeeded else f"fails: {found.outcome.value}",
        expected_caught="",
        caught=found.caught,
        expected_named=(),
        named=found.named,
        as_expected=found.succeeded,
    )


def _not_switchable(attack: type[Attack]) -> Played:
    return Played(
        name=attack.name,
        expected=NOT_SWITCHABLE,
        observed=NOT_SWITCHABLE,
        expected_caught="",
        caught="",
        expected_named=(),
        named=(),
        as_expected=True,
    )


if __name__ == "__main__":
    sys.stdout.write(listed().table())
