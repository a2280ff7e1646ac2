"""The transition table as a picture: Mermaid ``stateDiagram-v2`` text.

``python -m troth.round.diagram`` prints it; ``docs/round.md`` shows it. A diagram that is drawn
from the table cannot say anything else than the table.
"""

import sys
from collections.abc import Iterator

from troth.round.transitions import Outcome, Row, State, Table, table

_INDENT = "    "
_END = "[*]"


def mermaid(source: Table) -> str:
    """A table as a Mermaid state diagram; one arrow for each outcome and each timeout."""
    return "\n".join(["stateDiagram-v2", *(_INDENT + line for line in _lines(source))]) + "\n"


def _lines(source: Table) -> Iterator[str]:
    yield f"{_END} --> {State.ABSENT.title}"
    for row in source.rows:
        if row.outcomes:
            for outcome in row.outcomes:
                yield _arrow(row.source, outcome, _label(row, outcome))
        else:
            # Such an action is only gathered: another one, or the deadline, ends the state.
            yield f"{row.source.title} --> {row.source.title}: {row.action} by {row.by}"
        for leave in row.leave:
            left = f"{leave.who} leave ({leave.reason}{', at fault' * (leave.who == row.guilty)})"
            yield f"{row.source.title} --> {row.source.title}: {row.action}, {left}"
    for state, outcomes in source.timeouts.items():
        for outcome in outcomes:
            yield _arrow(state, outcome, f"expire by anyone, late{_condition(outcome)}")
    for state in State:
        if state.ended:
            yield f"{state.title} --> {_END}"


def _arrow(state: State, outcome: Outcome, label: str) -> str:
    return f"{state.title} --> {outcome.to.title}: {label}"


def _label(row: Row, outcome: Outcome) -> str:
    return f"{row.action} by {row.by}, {row.when}{_condition(outcome)}"


def _condition(outcome: Outcome) -> str:
    """The guard; abort reason, who is named, and what becomes of the reservation."""
    said = []
    if outcome.to is State.ABORTED:
        said.append(f"{outcome.reason} names {outcome.names}")
    if outcome.guilty:
        said.append("at fault")
    if outcome.reservation != "none":
        said.append(outcome.reservation)
    guard = f", if {outcome.guard}" if outcome.guard else ""
    return guard + (f" ({', '.join(said)})" if said else "")


if __name__ == "__main__":
    sys.stdout.write(mermaid(table()))
