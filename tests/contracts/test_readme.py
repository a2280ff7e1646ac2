"""The contracts' README names what is there, and only that."""

import json
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
CONTRACTS = PROJECT / "contracts"
README = (CONTRACTS / "README.md").read_text()


def test_the_tree_lists_every_source():
    tree = README.split("```")[1]
    listed = re.findall(r"^ +(\w+\.sol)\b", tree, re.MULTILINE)
    found = [path.name for path in CONTRACTS.glob("**/*.sol") if "node_modules" not in path.parts]
    assert sorted(listed) == sorted(found)


def test_the_tests_that_it_names_exist():
    named = set(re.findall(r"`(test_\w+\.py)`", README))
    found = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert named == found - {Path(__file__).name}


def test_the_typehashes_are_those_of_the_sources():
    sources = "".join(path.read_text() for path in CONTRACTS.glob("*/*.sol"))
    in_sources = set(re.findall(r'keccak256\("(troth/\w+/v1)"\)', sources))
    assert set(re.findall(r"`(troth/\w+/v1)`", README)) == in_sources


def test_every_action_of_the_table_is_a_function_of_rounds():
    table = json.loads((PROJECT / "src/troth/round/transitions.json").read_text())
    functions = set(re.findall(r"function (\w+)\(", (CONTRACTS / "rounds/IRounds.sol").read_text()))
    assert {row["action"] for row in table["rows"]} <= functions
