"""Names are the same in documents, transition table, bindings and contracts."""

import re
from pathlib import Path

from troth.ledger import artifact
from troth.round.transitions import table

PROJECT = Path(__file__).resolve().parents[2]


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def first_cells(text):
    """The code in the first cell of every row of a section's tables, each once."""
    return list(dict.fromkeys(re.findall(r"^\| `(\w+)` ", text, flags=re.MULTILINE)))


def test_the_glossary_lists_the_contracts():
    assert first_cells(section(read("docs/glossary.md"), "Contracts")) == artifact.names()


def test_the_steps_are_the_tables_and_the_contracts():
    listed = first_cells(section(read("docs/round.md"), "Steps"))
    actions = [row.action for row in table().rows]
    assert listed == list(dict.fromkeys(actions))
    functions = {e["name"] for e in artifact.load("Rounds").abi if e["type"] == "function"}
    assert set(listed) <= functions


def test_abort_reasons_and_verdicts_are_all_explained():
    text = read("docs/round.md")
    assert first_cells(section(text, "Abort reasons")) == list(table().reasons[1:])
    assert first_cells(section(text, "Verdicts")) == list(table().verdicts)
