"""Effects stand at the edge: randomness, time, files and network are arguments everywhere else."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "troth"

PURE = ("domain", "learning", "privacy", "round", "roles")
EFFECTS = {
    "asyncio", "datetime", "http", "importlib", "io", "logging", "multiprocessing", "obstore", "os",
    "pathlib", "random", "requests", "secrets", "shutil", "socket", "sqlite3", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib", "web3",
}  # fmt: skip
NETWORK = {
    "aiohttp",
    "asyncio",
    "http",
    "requests",
    "socket",
    "ssl",
    "urllib",
    "web3",
    "eth_tester",
}
BUILTINS = {"open", "print", "input", "eval", "exec", "__import__"}
REASONED = {
    ("privacy/secagg/codec.py", "io"): "a buffer in memory",
    ("round/driver.py", "pathlib"): "the driver is where the round's effects are",
    ("round/transitions.py", "importlib"): "the table is a file of this package",
    ("round/diagram.py", "sys"): "prints the diagram when it is run as a program",
}
"""Effects in pure rooms, each with its reason. An entry that nothing needs fails too."""


def sources(*rooms):
    return [path for room in rooms for path in sorted((SOURCE / room).rglob("*.py"))]


def used(tree, forbidden):
    """Forbidden top-level modules that are imported, and forbidden built-in functions called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (top for a in node.names if (top := a.name.split(".")[0]) in forbidden)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module is not None:
            top = node.module.split(".")[0]
            yield from [top] if top in forbidden else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from [node.func.id] if node.func.id in BUILTINS & forbidden else []


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_pure_rooms_touch_nothing_outside():
    found = {
        (str(path.relative_to(SOURCE)), name)
        for path in sources(*PURE)
        for name in used(parse(path), EFFECTS | BUILTINS)
    }
    assert found == set(REASONED)


@pytest.mark.parametrize(
    "line",
    ["import os", "from time import time", "import os.path", "open('x')", "import random as r"],
)
def test_the_search_finds_effects(line):
    assert list(used(ast.parse(line), EFFECTS | BUILTINS))


def test_the_audit_has_no_way_to_the_network():
    found = {str(path): list(used(parse(path), NETWORK)) for path in sources("audit")}
    assert {path: names for path, names in found.items() if names} == {}
    assert found


def generators(tree):
    """Uses of NumPy's global generator, or of a generator that seeds itself."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = ast.unparse(node.func)
        if not called.startswith(("np.random.", "numpy.random.")):
            continue
        name = called.rpartition(".")[2]
        seeded = {"default_rng", "PCG64", "SeedSequence", "Generator"}
        if name not in seeded or not (node.args or node.keywords):
            yield called


def test_no_generator_seeds_itself():
    """Python's ``random`` is for fakes only; NumPy's generators always get a seed."""
    paths = sorted(SOURCE.rglob("*.py"))
    real = [path for path in paths if path.relative_to(SOURCE).parts[0] != "testing"]
    assert [path for path in real if list(used(parse(path), {"random"}))] == []
    assert {str(path): found for path in paths if (found := list(generators(parse(path))))} == {}


@pytest.mark.parametrize("line", ["np.random.default_rng()", "np.random.normal(0, 1)"])
def test_the_search_finds_unseeded_generators(line):
    assert list(generators(ast.parse(line)))
    assert not list(generators(ast.parse("np.random.default_rng([seed, draw])")))
