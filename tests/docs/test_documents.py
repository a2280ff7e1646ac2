"""What documents show is what there is: the diagram, runnable code, make targets, commands."""

import re
from pathlib import Path

import pytest

from troth.round import diagram
from troth.round.transitions import table

PROJECT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- begin diagram: python -m troth.round.diagram -->", "<!-- end diagram -->"
DOCUMENTS = [
    *sorted(PROJECT.glob("*.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "benchmarks").glob("*.md")),
    *sorted((PROJECT / "benchmarks").glob("[a-z]*/*.md")),
]
COMMAND = re.compile(r"(?:`|bin/|^ {4})troth ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)
RUNNABLE = re.compile(r"<!-- runnable -->\n+```python\n(.*?)```", re.DOTALL)


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def test_the_diagram_is_current():
    shown = read("docs/round.md").split(BEGIN)[1].split(END)[0].strip()
    drawn = f"```mermaid\n{diagram.mermaid(table())}```"
    assert shown == drawn, "paste the output of python -m troth.round.diagram"


def test_the_diagram_has_every_row_and_timeout():
    lines = diagram.mermaid(table()).splitlines()
    arrows = sum(max(1, len(row.outcomes)) for row in table().rows)
    arrows += sum(len(outcomes) for outcomes in table().timeouts.values())
    arrows += sum(len(row.leave) for row in table().rows)
    marks = [line for line in lines if "[*]" in line]
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 1 + arrows + len(marks)
    assert len(marks) == 3
    assert len(set(lines)) == len(lines)


BLOCKS = [
    pytest.param(block, id=f"{path.relative_to(PROJECT)}-{number}")
    for path in DOCUMENTS
    for number, block in enumerate(RUNNABLE.findall(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_runnable_code_runs(block):
    exec(compile(block, "<document>", "exec"), {})


def test_there_is_runnable_code():
    assert BLOCKS


def targets():
    return set(re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_make_targets_that_are_named_exist(path):
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^ *\$? *)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets()


def test_the_readme_shows_the_two_commands():
    blocks = re.findall(r"```(?:sh|console)?\n(.*?)```", read("README.md"), re.DOTALL)
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert "make demo" in commands
    assert "make test" in commands
    assert {"demo", "test", "lint", "bench", "clean", "help", "setup"} <= targets()


def test_commands_that_are_named_exist():
    from troth.cli.main import app, demo_app

    def names(group):
        return {command.name or command.callback.__name__ for command in group.registered_commands}

    known = names(app) | {group.name for group in app.registered_groups}
    shown = {
        (path.name, *words)
        for path in DOCUMENTS
        for words in COMMAND.findall(path.read_text(encoding="utf-8"))
    }
    assert {command for _, command, _ in shown} == known
    assert {argument for _, command, argument in shown if command == "demo"} <= {
        *names(demo_app),
        "",
    }
