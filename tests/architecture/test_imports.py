"""Imports go one way: domain and errors, leaf rooms, round, roles and audit, scenarios and cli."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "troth"

GROUND = {"errors", "domain"}
LEAVES = {"learning", "privacy", "storage", "ledger"}
BELOW_ROLES = GROUND | LEAVES | {"round"}
MAY_IMPORT = {
    "errors": set(),
    "domain": {"errors"},
    **dict.fromkeys(LEAVES, GROUND),
    "round": GROUND | LEAVES,
    "roles": BELOW_ROLES,
    "audit": BELOW_ROLES,
    "testing": BELOW_ROLES | {"roles", "audit"},
    "scenarios": BELOW_ROLES | {"roles", "audit", "testing"},
    "cli": BELOW_ROLES | {"roles", "audit", "scenarios"},
}
"""What each room may import beside itself. A new room needs a line here."""


def modules():
    """Every module by its dotted name below ``troth``, with its syntax tree."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()
ROOMS = sorted({name.split(".")[0] for name in MODULES if name})


def imported(tree, package=""):
    """Dotted names that a module imports, as written; relative ones are resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = f"troth.{package}.{node.module}" if node.level else node.module
            yield from (f"{base}.{alias.name}" for alias in node.names)


def own(names):
    """Of dotted names, those below ``troth``, without that prefix."""
    return [name.removeprefix("troth.") for name in names if name.startswith("troth.")]


def violations(room, names):
    allowed = MAY_IMPORT[room] | {room, "__version__"}
    return [name for name in own(names) if name.split(".")[0] not in allowed]


def test_every_room_has_a_place_in_the_order():
    assert set(ROOMS) <= set(MAY_IMPORT), "give the new room a line in MAY_IMPORT, or none of these"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_below_it(room):
    wrong = {
        name: found
        for name, tree in MODULES.items()
        if name.split(".")[0] == room and (found := violations(room, imported(tree, room)))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("domain", "from troth.ledger import abi"),
        ("errors", "from troth.domain import hashing"),
        ("privacy", "import troth.storage.seal"),
        ("round", "from troth.roles.trainer import Trainer"),
        ("audit", "from troth import roles"),
        ("roles", "from troth.testing.forgers import shard_over_norm"),
        ("cli", "from troth.testing import forgers"),
        ("testing", "from troth.scenarios.small_study import small_study"),
    ],
)
def test_the_search_finds_what_is_forbidden(room, line):
    assert violations(room, imported(ast.parse(line)))


def test_the_order_of_rooms_has_no_circle():
    assert len(list(TopologicalSorter(MAY_IMPORT).static_order())) == len(MAY_IMPORT)


def test_no_module_imports_itself_through_others():
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for name, tree in MODULES.items():
        for target in own(imported(tree)):
            module = target if target in MODULES else target.rpartition(".")[0]
            if module in MODULES and module != name:
                graph[name].add(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(f"modules import each other: {' <- '.join(circle.args[1])}")
