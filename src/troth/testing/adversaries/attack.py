"""What an attack is: who tries what, what must come of it, and what stops it.

An attack does not judge itself by what its author hoped. `play` gives an `Observation` that is read
from the ledger, the store and the audit; the runner compares it with what the class declares. With
its defence off the same attack must reach what it wants: an attack that fails anyway tests nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from troth.round.sharing import Sharer
from troth.testing.adversaries.stage import Stage


class Actor(StrEnum):
    """Who attacks."""

    SITE = "site"
    MEMBER = "member"
    """Of the committee."""
    STORAGE = "storage"
    CLIENT = "ledger client"
    BUNDLE = "bundle"
    """Whoever hands a bundle over."""


class Outcome(StrEnum):
    """What must come of an attack while its defence is on."""

    REFUSED = "refused"
    """By the contract, a decoder, or the honest party's own software."""
    REJECTED = "rejected"
    """The report is left out and the round goes on."""
    DETECTED = "detected"
    """The round aborts, or the audit says false; nobody is named for certain."""
    ATTRIBUTED = "attributed"
    """The same, and the attacker is the one that is named."""
    LIMIT = "limit"
    """It succeeds, and the documents say so."""
    NOTHING = "nothing"
    """Nothing noticed it and it did not reach what it wanted. No attack declares this."""


class SwitchKind(StrEnum):
    """How a defence is turned off."""

    ARGUMENT = "argument"
    """Another role, study, store or reader is passed in, which lacks just this check."""
    CONTRACT = "contract"
    """A rule of a contract. Contracts without it are made by the contracts' tests only, so the
    command cannot switch it off."""
    NONE = "none"
    """There is nothing to switch off."""


@dataclass(frozen=True)
class Switch:
    """The defence of one attack."""

    kind: SwitchKind
    what: str
    """The check, the contract's rule, or why there is none."""


def argument(what: str) -> Switch:
    """A check that whoever calls can leave out."""
    return Switch(SwitchKind.ARGUMENT, what)


def contract_rule(what: str) -> Switch:
    """A rule of a contract."""
    return Switch(SwitchKind.CONTRACT, what)


def no_switch(why: str) -> Switch:
    """Nothing that could be turned off."""
    return Switch(SwitchKind.NONE, why)


@dataclass(frozen=True)
class Observation:
    """What came of an attack."""

    outcome: Outcome
    caught: str
    """Where: the contract's function and error, the verdict, the abort reason, the audit's finding;
    ``nowhere`` when nothing noticed it."""
    named: tuple[str, ...]
    """Labels of the parties that were named, sorted."""
    succeeded: bool
    """Whether the attacker has what it wanted."""


@dataclass(frozen=True)
class Must:
    """What must come of an attack in one mode."""

    outcome: Outcome
    caught: str
    """Where it must be caught, as in `Observation.caught`."""
    named: tuple[str, ...] = ()
    """Who must be named."""


@dataclass(frozen=True)
class Setting:
    """The toy study that an attack is played on."""

    rounds: int = 1
    max_aborts: int = 0
    min_sites: int = 2
    members: int = 2
    """In mode A; the others say how many there are."""
    candidates: int = 2
    """Of each member's noise."""
    accusations: int = 2
    """That a site has in the study."""
    every_site: bool = False
    """Whether a round needs the word of every accepted site."""
    vectors: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """What a site sends instead of its own number in every coordinate."""
    sharers: Mapping[int, Sharer] = field(default_factory=dict)
    """Dishonest sharings, by site."""


EVERY_MODE: tuple[str, ...] = ("A", "B3", "B4")
REPLICATED: tuple[str, ...] = ("B3", "B4")


class Attack(ABC):
    """One attack; the first line of its docstring says what the attacker does."""

    name: ClassVar[str]
    actor: ClassVar[Actor]
    modes: ClassVar[tuple[str, ...]] = ("A",)
    """In which there is such an attack."""
    otherwise: ClassVar[Mapping[str, Must]] = MappingProxyType({})
    """By mode, where something else must come of it than the next three say."""
    expected: ClassVar[Outcome]
    caught: ClassVar[str]
    """Where it must be caught, as in `Observation.caught`."""
    named: ClassVar[tuple[str, ...]] = ()
    """Who must be named."""
    wants: ClassVar[str]
    """The success predicate in words."""
    switch: ClassVar[Switch]
    setting: ClassVar[Setting] = Setting()

    @abstractmethod
    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Attack.

        Args:
            stage: a toy study in which nothing has happened yet, made after `setting`. Where chance
                decides, an attack is played on fresh ones until it decides as declared.
            defended: whether the defence is on. Only asked to be off where `switch` is an argument.
        """

    @classmethod
    def must(cls, mode: str) -> Must:
        """What must come of it in a mode."""
        return cls.otherwise.get(mode, Must(cls.expected, cls.caught, cls.named))

    @classmethod
    def says(cls) -> str:
        """What the attacker does, in one line."""
        return (cls.__doc__ or "").strip().partition("\n")[0].rstrip(".")
