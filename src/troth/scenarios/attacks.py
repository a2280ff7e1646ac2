"""Named attacks, played one by one on a toy study: what must happen, what did, who was named.

``troth attack`` shows what is here; ``python -m troth.scenarios.attacks`` writes the table of
``docs/attacks.md``.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troth.domain import records
from troth.domain.terms import MODES
from troth.errors import InputError, TrothError
from troth.scenarios.attack_stage import SmallStage, Worlds
from troth.scenarios.progress import Progress
from troth.testing.adversaries.attack import Attack, Observation, Outcome, SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS

LIST_FORMAT = "troth/attack-list/v2"
RUN_FORMAT = "troth/attack-run/v1"
ALL = "all"
SUCCEEDS = "succeeds"
"""What must happen with the defence off."""
NOT_SWITCHABLE = "not switchable"


@dataclass(frozen=True)
class Expected:
    """What must come of an attack in some modes, while its defence is on."""

    modes: tuple[str, ...]
    outcome: str
    caught: str
    """Where it must be caught."""
    named: tuple[str, ...]
    """Who must be named."""

    def cells(self) -> tuple[str, ...]:
        """Its cells in a Markdown table."""
        return ", ".join(self.modes), self.outcome, self.caught, ", ".join(self.named) or "nobody"


@dataclass(frozen=True)
class Listed:
    """One attack, as a reader sees it."""

    name: str
    actor: str
    modes: tuple[str, ...]
    expected: tuple[Expected, ...]
    """One for all modes, or more where they differ."""
    says: str
    wants: str
    switch_kind: str
    """``argument``, ``contract`` or ``none``."""
    switch: str
    """The defence, or why there is nothing to switch off."""

    def rows(self) -> Iterator[str]:
        """Its rows in a Markdown table: one for all modes in which the same must come of it."""
        kind = {"argument": "off: ", "contract": "rule: ", "none": "none: "}[self.switch_kind]
        name, says, defence = f"`{self.name}`", f"{self.says}. *Wants:* {self.wants}", kind
        defence += self.switch
        for expected in self.expected:
            yield "| " + " | ".join((name, says, *expected.cells(), defence)) + " |"
            name = says = defence = ""


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
            "| name | what the attacker does | modes | must be | caught at | names | defence |",
            "|---|---|---|---|---|---|---|",
        ]
        for actor in dict.fromkeys(item.actor for item in self.attacks):
            lines.append(f"| **{actor}** | | | | | | |")
            lines += [row for item in self.attacks if item.actor == actor for row in item.rows()]
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


def listed() -> AttackList:
    """All attacks, in their order."""
    return AttackList(LIST_FORMAT, tuple(map(_listed, ATTACKS)))


def _listed(attack: type[Attack]) -> Listed:
    return Listed(
        name=attack.name,
        actor=attack.actor.value,
        modes=attack.modes,
        expected=tuple(_expected(attack)),
        says=attack.says(),
        wants=attack.wants,
        switch_kind=attack.switch.kind.value,
        switch=attack.switch.what,
    )


def _expected(attack: type[Attack]) -> Iterator[Expected]:
    musts = {mode: attack.must(mode) for mode in attack.modes}
    for must in dict.fromkeys(musts.values()):
        modes = tuple(mode for mode in attack.modes if musts[mode] == must)
        yield Expected(modes, must.outcome.value, must.caught, must.named)


def chosen(names: Sequence[str], mode: str) -> list[type[Attack]]:
    """The attacks of these names, in the order of the list; ``all`` stands for every one.

    Raises:
        InputError: a name that no attack has, or a mode that there is not.
    """
    if mode not in MODES:
        raise InputError(f"--mode {mode}: no mode has this name; known: {', '.join(MODES)}")
    known = {attack.name for attack in ATTACKS} | {ALL}
    for name in names:
        if name not in known:
            raise InputError(f"{name}: no attack has this name; `troth attack list` shows all")
    asked = [attack for attack in ATTACKS if ALL in names or attack.name in names]
    found = [attack for attack in asked if mode in attack.modes]
    if ALL not in names and len(found) < len(asked):
        other = next(attack for attack in asked if attack not in found)
        raise InputError(
            f"{other.name}: not an attack in mode {mode}; it is one in {', '.join(other.modes)}"
        )
    return found


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
    played = tuple(_in_turn(attacks, Worlds(), mode, defended=defended, progress=progress))
    return AttackRun(RUN_FORMAT, mode, defended, all(item.as_expected for item in played), played)


def _in_turn(
    attacks: Sequence[type[Attack]],
    worlds: Worlds,
    mode: str,
    *,
    defended: bool,
    progress: Progress,
) -> Iterator[Played]:
    progress.stage(f"attacks with their defence {'on' if defended else 'off'}")
    for number, attack in enumerate(attacks, start=1):
        if defended or attack.switch.kind is SwitchKind.ARGUMENT:
            with tempfile.TemporaryDirectory() as folder:
                found = _played(attack, Path(folder), worlds, mode, defended=defended)
            yield _compared(attack, found, mode) if defended else _succeeding(attack, found)
        else:
            yield _not_switchable(attack)
        progress.count(number, len(attacks))


def _played(
    attack: type[Attack], folder: Path, worlds: Worlds, mode: str, *, defended: bool
) -> Observation:
    """What came of an attack; one that could not be played to its end is told like any other."""
    try:
        return play(attack, folder, worlds, mode, defended=defended)
    except TrothError as problem:
        caught = f"{type(problem).__name__}: {problem}"
        return Observation(Outcome.NOTHING, caught, (), succeeded=False)


def play(
    attack: type[Attack],
    folder: Path,
    worlds: Worlds | None = None,
    mode: str = "A",
    *,
    defended: bool,
) -> Observation:
    """Play one attack on a study of its own.

    Args:
        attack: which.
        folder: an empty one, for the store and the state files.
        worlds: studies that others have agreed on already; without them a new one is deployed.
        mode: of the study.
        defended: whether its defence is on.
    """
    stage = SmallStage(folder, attack.setting, worlds or Worlds(), mode)
    with stage.ledger:
        return attack().play(stage, defended=defended)


def _compared(attack: type[Attack], found: Observation, mode: str) -> Played:
    """With the defence on everything is compared, the attacker's own predicate too."""
    must = attack.must(mode)
    same = (found.outcome, found.caught, found.named) == (must.outcome, must.caught, must.named)
    consistent = found.succeeded == (must.outcome is Outcome.LIMIT)
    observed = found.outcome.value if consistent else f"{found.outcome.value}, but it succeeded"
    return Played(
        name=attack.name,
        expected=must.outcome.value,
        observed=observed,
        expected_caught=must.caught,
        caught=found.caught,
        expected_named=must.named,
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
