"""``troth attack``: the named attacks, and what comes of them when they are played."""

from collections.abc import Sequence

from troth.cli import output
from troth.cli.exits import Exit
from troth.cli.teller import teller
from troth.scenarios.attacks import (
    NOT_SWITCHABLE,
    AttackList,
    AttackRun,
    Listed,
    Played,
    listed,
    play_all,
)


def show(*, as_json: bool) -> int:
    """List all attacks."""
    attacks = listed()
    if as_json:
        output.document(attacks.to_json())
    else:
        _list(attacks, output.Page())
    return Exit.FINE


def run(names: Sequence[str], mode: str, *, defended: bool, as_json: bool) -> int:
    """Play attacks and compare.

    Raises:
        InputError: an unknown name or mode.
    """
    with teller() as progress:
        result = play_all(names, mode=mode, defended=defended, progress=progress)
    if as_json:
        output.document(result.to_json())
    else:
        _present(result, output.Page())
    return Exit.FINE if result.as_expected else Exit.NO_FIT


def _list(attacks: AttackList, page: output.Page) -> None:
    columns = [("name", "actor", "modes", "must be", "what it does")]
    columns += [
        (item.name, item.actor, ", ".join(item.modes), _must_be(item), item.says)
        for item in attacks.attacks
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    for row in columns:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        page.line("  ".join(cells).rstrip(), "bold" if row is columns[0] else "")
    page.line()
    page.line(f"{len(attacks.attacks)} attacks; docs/attacks.md says how to read this")


def _must_be(item: Listed) -> str:
    """The outcome; with its modes, where they differ."""
    outcomes: dict[str, list[str]] = {}
    for expected in item.expected:
        outcomes.setdefault(expected.outcome, []).extend(expected.modes)
    if len(outcomes) == 1:
        return next(iter(outcomes))
    return "; ".join(f"{outcome} ({', '.join(modes)})" for outcome, modes in outcomes.items())


def _present(result: AttackRun, page: output.Page) -> None:
    for item in result.attacks:
        page.tagged("as expected" if item.as_expected else "DIFFERS", _told(item), _style(item))
        if not item.as_expected:
            named = ", ".join(item.expected_named) or "nobody"
            page.line(
                f"{'':18}expected: {item.expected}; at {item.expected_caught or 'any place'}; "
                f"names {named}"
            )
    page.line()
    same = sum(item.as_expected for item in result.attacks)
    unplayed = sum(item.observed == NOT_SWITCHABLE for item in result.attacks)
    left = f", {unplayed} of them not switchable and not played" if unplayed else ""
    switch = "on" if result.defended else "off"
    page.line(
        f"{same} of {len(result.attacks)} as expected with the defence {switch}{left}",
        "bold green" if result.as_expected else "bold red",
    )


def _told(item: Played) -> str:
    if item.observed == NOT_SWITCHABLE:
        return f"{item.name}: {item.observed}"
    named = ", ".join(item.named) or "nobody"
    return f"{item.name}: {item.observed}; at {item.caught}; names {named}"


def _style(item: Played) -> str:
    if not item.as_expected:
        return "bold red"
    return "dim" if item.observed == NOT_SWITCHABLE else "green"
