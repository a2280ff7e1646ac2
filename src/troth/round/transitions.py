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
    DELIVERED = 5
    KEYED = 6
    COMMITTED = 7
    JUDGED = 8
    SETTLED = 9
    SUMMED = 10
    PUBLISHED = 11
    FINAL = 12
    ABORTED = 13

    @property
    def title(self) -> str:
        """The name as in the table and the contract, for example ``Announcing``."""
        return self.name.capitalize()

    @property
    def ended(self) -> bool:
        """Whether the round cannot move any more."""
        return self in (State.FINAL, State.ABORTED)


@dataclass(frozen=True)
class Outcome:
    """Where a step leads; the first outcome whose guard holds is taken."""

    to: State
    guard: str | None
    """Named condition (`machine`), or None: always."""
    reason: str
    """Abort reason, ``None`` where the round goes on."""
    names: str
    """Whom an abort names: ``nobody``, ``missing member``, ``owner``, ``owner and denier``."""
    reservation: str
    """``none``, ``reserve``, ``settle`` or ``release``."""


@dataclass(frozen=True)
class Row:
    """One action that one kind of party may take in one state."""

    step: str
    """Number in the specification (round protocol, section 4)."""
    source: State
    action: str
    """The contract's function."""
    by: str
    """``member``, ``site``, ``voter`` or ``anyone``."""
    when: str
    """When outcomes are tried: ``first``, ``all``, ``now``, ``all in or late`` or ``never``."""
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Table:
    """The whole table."""

    rows: tuple[Row, ...]
    windows: dict[State, str]
    """The window (a field of the terms) that bounds each awaited state."""
    timeouts: dict[State, Outcome]
    """What ``expire`` does in each state that it may end."""
    reasons: tuple[str, ...]
    """Abort reasons, numbered as in the contract."""
    verdicts: tuple[str, ...]
    """Reason codes of a verdict; 0 is accepted."""

    def row(self, state: State, action: str) -> Row | None:
        """The row for an action in a state; None: the action is refused there."""
        for row in self.rows:
            if row.source is state and row.action == action:
                return row
        return None


@cache
def table() -> Table:
    """The table that ships with this package."""
    text = resources.files(__package__).joinpath("transitions.json").read_text(encoding="utf-8")
    return _read(json.loads(text))


def _read(document: Any) -> Table:
    if document["format"] != "troth/transitions/v1":
        raise ValueError(f"unknown format of the transition table: {document['format']}")
    named = [entry["name"] for entry in document["states"]]
    if named != [state.title for state in State]:
        raise ValueError("the table's states are not those of this module")
    return Table(
        rows=tuple(
            Row(
                step=row["step"],
                source=State[row["from"].upper()],
                action=row["action"],
                by=row["by"],
                when=row["when"],
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
            State[entry["name"].upper()]: _outcome({"to": "Aborted", **entry["timeout"]})
            for entry in document["states"]
            if entry["timeout"]
        },
        reasons=tuple(document["reasons"]),
        verdicts=tuple(document["verdicts"]),
    )


def _outcome(entry: dict[str, str]) -> Outcome:
    return Outcome(
        to=State[entry["to"].upper()],
        guard=entry.get("if"),
        reason=entry.get("reason", "None"),
        names=entry.get("names", "nobody"),
        reservation=entry.get("reservation", "none"),
    )
