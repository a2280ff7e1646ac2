"""The transition table, read from the one file that contracts' tests, roles and audit share.

Everything that affects the order of a round stands in ``transitions.json``; this module gives it
types and does not know which party we are.
"""

import json
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Any


class State(IntEnum):
    """States of a round, numbered as in the Rounds contract."""

    ABSENT = 0
    ANNOUNCING = 1
    ANNOUNCED = 2
    OPEN = 3
    CLOSED = 4
    CONTESTED = 5
    ANSWERED = 6
    DELIVERED = 7
    KEYED = 8
    COMMITTED = 9
    JUDGED = 10
    SETTLED = 11
    SUMMED = 12
    CHALLENGED = 13
    PUBLISHED = 14
    HELD = 15
    PICKED = 16
    SEEDED = 17
    OPENED = 18
    FINAL = 19
    ABORTED = 20

    @property
    def title(self) -> str:
        """The name as in the table and the contract, for example ``Announcing``."""
        return self.name.capitalize()

    @property
    def ended(self) -> bool:
        """Whether the round cannot move any more."""
        return self in (State.FINAL, State.ABORTED)


class Fault(IntEnum):
    """What a voter may accuse a party of, numbered as in the Rounds contract.

    All but the last can be recomputed by anyone and are decided by votes; `OWN_TAG` is a site's
    word about its own tag, which nobody can check.
    """

    NONE = 0
    PUBLICATION = 1
    OPENING = 2
    VERIFICATION = 3
    TAG = 4
    ACCUSATION = 5
    OWN_TAG = 6

    @property
    def title(self) -> str:
        """The name as in the table and the contract, for example ``OwnTag``."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True)
class Outcome:
    """Where a step or a deadline leads; the first outcome whose guard holds is taken."""

    to: State
    guard: str | None
    """Named condition (`guards`), or None: always."""
    reason: str
    """Abort reason, ``None`` where the round goes on."""
    names: str
    """Whom an abort names (`guards`), for example ``nobody`` or ``missing member``."""
    reservation: str
    """``none``, ``reserve``, ``settle`` or ``release``."""
    guilty: bool
    """Whether the member named is proven at fault, so that it takes part in no further round."""


@dataclass(frozen=True)
class Leave:
    """Members that leave the round when a step is complete, before outcomes are tried."""

    who: str
    """Named set of members (`leaving`)."""
    reason: str
    """Why, as the reason of an abort."""


@dataclass(frozen=True)
class Mode:
    """How shares are held, and how many members that takes."""

    members: range
    """Sizes of a committee."""
    least: int | None
    """Members below which a round does not go on; None: every one is needed."""


@dataclass(frozen=True)
class Row:
    """One action that one kind of party may take in one state."""

    step: str
    """Number in the specification (round protocol, section 4)."""
    source: State
    action: str
    """The contract's function."""
    by: str
    """``member``, ``owner`` (a member whose answer is due), ``site``, ``voter`` or ``anyone``."""
    when: str
    """When outcomes are tried: ``first``, ``all``, ``now``, ``all in or late`` or ``never``."""
    guilty: str | None
    """Named set of members (`leaving`) that are proven at fault when the step is complete."""
    leave: tuple[Leave, ...]
    """Who leaves first, one set after the other; who cannot is left to the outcomes."""
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Table:
    """The whole table."""

    modes: dict[str, Mode]
    """By name, numbered by position as in the contract."""
    rows: tuple[Row, ...]
    windows: dict[State, str]
    """The window (a field of the terms) that bounds each awaited state."""
    timeouts: dict[State, tuple[Outcome, ...]]
    """What ``expire`` does in each state that it may end."""
    reasons: tuple[str, ...]
    """Abort reasons, numbered as in the contract."""
    unattributed: frozenset[str]
    """Reasons that may end a round without naming who is at fault."""
    verdicts: tuple[str, ...]
    """Reason codes of a verdict; 0 is accepted."""

    def row(self, state: State, action: str) -> Row | None:
        """The row for an action in a state; None: the action is refused there."""
        for row in self.rows:
            if row.source is state and row.action == action:
                return row
        return None

    def awaited(self, state: State) -> Row | None:
        """The row that is complete when all members have acted; None where they are not awaited."""
        return next((row for row in self.rows if row.source is state and row.when == "all"), None)


@cache
def table() -> Table:
    """The table that ships with this package."""
    text = resources.files(__package__).joinpath("transitions.json").read_text(encoding="utf-8")
    return _read(json.loads(text))


def _read(document: Any) -> Table:
    if document["format"] != "troth/transitions/v3":
        raise ValueError(f"unknown format of the transition table: {document['format']}")
    named = [entry["name"] for entry in document["states"]]
    if named != [state.title for state in State]:
        raise ValueError("the table's states are not those of this module")
    if document["faults"] != [fault.title for fault in Fault]:
        raise ValueError("the table's faults are not those of this module")
    return Table(
        modes={name: _mode(entry) for name, entry in document["modes"].items()},
        rows=tuple(
            Row(
                step=row["step"],
                source=State[row["from"].upper()],
                action=row["action"],
                by=row["by"],
                when=row["when"],
                guilty=row.get("guilty"),
                leave=tuple(Leave(**entry) for entry in row.get("leave", ())),
                outcomes=tuple(_outcome(outcome) for outcome in row["outcomes"]),
            )
            for row in document["rows"]
        ),
        windows={
            State[entry["name"].upper()]: entry["window"]
            for entry in document["states"]
            if entry["window"]
        },
        timeouts={
            State[entry["name"].upper()]: tuple(
                _outcome({"to": "Aborted", **outcome}) for outcome in entry["timeout"]
            )
            for entry in document["states"]
            if entry["timeout"]
        },
        reasons=tuple(document["reasons"]),
        unattributed=frozenset(document["unattributed"]),
        verdicts=tuple(document["verdicts"]),
    )


def _mode(entry: dict[str, Any]) -> Mode:
    fewest, most = entry["members"]
    least = entry["least"]
    return Mode(range(fewest, most + 1), None if least == "all" else least)


def _outcome(entry: dict[str, Any]) -> Outcome:
    return Outcome(
        to=State[entry["to"].upper()],
        guard=entry.get("if"),
        reason=entry.get("reason", "None"),
        names=entry.get("names", "nobody"),
        reservation=entry.get("reservation", "none"),
        guilty=entry.get("guilty", False),
    )
