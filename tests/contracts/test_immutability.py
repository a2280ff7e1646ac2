"""Nobody owns the contracts: no setter, no upgrade path, one place that writes what is spent."""

import re
from collections import Counter
from pathlib import Path

import pytest

from troth.ledger import artifact
from troth.ledger.bindings import CONTRACTS

SOURCES = Path(__file__).resolve().parent.parent.parent / "contracts"

# Every function that changes state, reviewed: none of them sets a reference, a parameter of another
# party, or what was spent. A new one must be argued for here.
CHANGING = {
    "Consortium": {"voteAdmission", "voteRemoval"},
    "DatasetRegistry": {"register", "grant", "revoke"},
    "StudyRegistry": {"propose", "approve"},
    "PrivacyLedger": {
        "openBudget",
        "lower",
        "close",
        "voteRaise",
        "reserve",
        "settle",
        "release",
    },
    "Rounds": {
        "announce",
        "open",
        "report",
        "reportNoise",
        "close",
        "deliver",
        "answer",
        "reveal",
        "commitFile",
        "confirm",
        "judge",
        "commitSum",
        "publish",
        "openNoise",
        "recover",
        "attest",
        "accuse",
        "finalise",
        "review",
        "defend",
        "resume",
        "expire",
    },
}
REFERENCES = {
    "Consortium": {},
    "DatasetRegistry": {"consortium": "Consortium", "studies": "StudyRegistry"},
    "StudyRegistry": {"consortium": "Consortium", "datasets": "DatasetRegistry"},
    "PrivacyLedger": {
        "consortium": "Consortium",
        "datasets": "DatasetRegistry",
        "rounds": "Rounds",
    },
    "Rounds": {"consortium": "Consortium", "studies": "StudyRegistry", "privacy": "PrivacyLedger"},
}
MOST_CODE = 24_576
"""Bytes that a contract may have at most (EIP-170)."""
CREATE, CALLCODE, DELEGATECALL, CREATE2, SELFDESTRUCT = 0xF0, 0xF2, 0xF4, 0xF5, 0xFF
JUMPDEST = 0x5B
NAMES = sorted(CHANGING)
LIBRARIES = sorted(artifact.libraries())


def opcodes(code):
    """The operations of a program, without the data that PUSH operations carry."""
    at = 0
    while at < len(code):
        operation = code[at]
        yield operation
        at += 1 + max(0, operation - 0x5F if operation <= 0x7F else 0)


def source_of(name):
    return next(SOURCES.glob(f"*/{name}.sol")).read_text()


def sources():
    """Every source of ours, wherever it lies."""
    return [path for path in sorted(SOURCES.rglob("*.sol")) if "node_modules" not in path.parts]


def code_of(text):
    """A source without its comments, its white space made single."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


SETTLING = "entry.settled += nanoRho[i];"
WAYS_TO_CHANGE_WHAT_IS_SETTLED = (
    r"\.settled\s*(\+\+|--|(\*\*|<<|>>|[-+*/%&|^])?=(?!=))",
    r"\.settled\b[^;(){}]*\)\s*=(?!=)",  # as a part of a tuple
    r"(\+\+|--)[^;{}]*\.settled",
    r"\bdelete (?!_roles\[member\];)",  # the one deletion that there is
    r"_entries\[[^;=]*\]\s*=(?!=)",
    r"\bEntry\s*\(|\bEntry memory\b",  # an entry that could be assigned as a whole
)


def forbidden_writes(text):
    """What changes settled amounts other than the one statement that may, once."""
    code = code_of(text)
    found = [] if code.count(SETTLING) == 1 else ["not settled once"]
    rest = code.replace(SETTLING, "")
    return found + [way for way in WAYS_TO_CHANGE_WHAT_IS_SETTLED if re.search(way, rest)]


def test_these_are_all_the_contracts():
    assert artifact.names() == NAMES == sorted(contract.name for contract in CONTRACTS)


@pytest.mark.parametrize("name", NAMES)
def test_every_changing_function_is_on_the_reviewed_list(name):
    entries = [entry for entry in artifact.load(name).abi if entry["type"] == "function"]
    changing = {e["name"] for e in entries if e["stateMutability"] not in ("view", "pure")}
    assert changing == CHANGING[name]
    assert not [entry for entry in entries if entry["stateMutability"] == "payable"]


@pytest.mark.parametrize("name", NAMES)
def test_no_fallback_takes_what_no_function_takes(name):
    kinds = {entry["type"] for entry in artifact.load(name).abi}
    assert kinds <= {"constructor", "error", "event", "function"}


@pytest.mark.parametrize("name", NAMES + LIBRARIES)
def test_the_code_cannot_run_foreign_code_nor_vanish(name):
    shipped = artifact.load(name)
    found = Counter(opcodes(shipped.runtime_code))
    assert found[JUMPDEST]
    assert not found.keys() & {CREATE, CALLCODE, CREATE2, SELFDESTRUCT}
    # What runs in its place are libraries whose addresses stand in the code: one place, one call.
    assert found[DELEGATECALL] <= sum(len(places) for places in shipped.runtime_links.values())


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_calls_no_other_and_refuses_who_calls_it_directly(name):
    shipped = artifact.load(name)
    assert not shipped.runtime_links
    assert shipped.immutables == ((1, 20),)  # its own address, which no delegating caller has


@pytest.mark.parametrize("name", NAMES + LIBRARIES)
def test_the_code_is_small_enough_for_any_chain(name):
    assert len(artifact.load(name).runtime_code) <= MOST_CODE


@pytest.mark.parametrize("code", ["f4", "60f4f4", "61ffffff"])
def test_the_search_for_opcodes_skips_data_and_finds_code(code):
    assert {DELEGATECALL, SELFDESTRUCT} & set(opcodes(bytes.fromhex(code)))
    assert set(opcodes(bytes.fromhex("60f4" + "61ffff"))) == {0x60, 0x61}


@pytest.mark.parametrize("name", NAMES)
def test_references_are_immutable_and_right(world, name):
    contract = next(contract for contract in CONTRACTS if contract.name == name)
    views = {function.solidity_name: function for function in contract.functions}
    for getter, target in REFERENCES[name].items():
        assert world.ask(views[getter]()) == world.addresses[target]
    assert bool(artifact.load(name).immutables) == bool(REFERENCES[name])
    declared = re.findall(r"public immutable (\w+);", source_of(name))
    if name == "Rounds":
        declared = re.findall(r"public immutable (\w+);", source_of("RoundMachine"))
    assert set(declared) == set(REFERENCES[name])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_no_source_has_an_owner_assembly_or_low_level_calls(path):
    text = re.sub(r"//.*", "", path.read_text())
    for word in ("owner()", "onlyOwner", "assembly", "delegatecall", "selfdestruct", ".call("):
        assert word not in text, word
    assert "import" not in text or not re.search(r"proxy|access/|Ownable|Upgrade", text)


def test_what_is_settled_is_written_in_one_place_and_only_grows():
    assert not forbidden_writes("".join(path.read_text() for path in sources()))
    body = source_of("PrivacyLedger").split("function settle(")[1].split("    /// @inheritdoc")[0]
    assert SETTLING in body


RELEASING = "_entries[lineages[i]].reserved -= nanoRho[i];"
CLOSING = "_usable(lineage).closed = true;"


@pytest.mark.parametrize(
    ("there", "added"),
    [
        (RELEASING, "--_entries[lineages[i]].settled;"),
        (RELEASING, "_entries[lineages[i]].settled--;"),
        (RELEASING, "_entries[lineages[i]].settled -= nanoRho[i];"),
        (RELEASING, "Entry storage entry = _entries[lineages[i]]; entry.settled += nanoRho[i];"),
        (CLOSING, "delete _usable(lineage).settled;"),
        (CLOSING, "delete _entries[lineage];"),
        (CLOSING, "delete\n            _entries[lineage];"),
        (CLOSING, "_entries[lineage] = Entry(0, 0, 0, true, 1);"),
        (CLOSING, "_entries[lineage] =\n            Entry({budget: 0, settled: 0});"),
        (CLOSING, "_entries[lineage] = _entries[0];"),
        (CLOSING, "_usable(lineage).settled /= 2;"),
        (CLOSING, "_usable(lineage).settled >>= 1;"),
        (CLOSING, "_usable(lineage).settled = 0;"),
        (CLOSING, "(_usable(lineage).settled, ) = (0, 1);"),
    ],
)
def test_the_search_for_writes_finds_them(there, added):
    text = source_of("PrivacyLedger")
    assert text.count(there) == 1
    assert forbidden_writes(text.replace(there, f"{there}\n        {added}"))
    assert not forbidden_writes(text.replace(there, f"{there}\n        // {added.split()[0]}"))


@pytest.mark.parametrize("name", NAMES)
def test_every_error_of_a_contract_is_reached_by_a_test(name):
    # OpenZeppelin's cast stands behind checks that make its error unreachable.
    unreachable = {"SafeCastOverflowedUintDowncast"}
    files = {
        "Consortium": ["test_consortium.py"],
        "DatasetRegistry": ["test_dataset_registry.py"],
        "StudyRegistry": ["test_study_registry.py"],
        "PrivacyLedger": ["test_privacy_ledger.py"],
        "Rounds": [path.name for path in Path(__file__).parent.glob("test_round_*.py")],
    }
    named = [*files[name], "test_calls.py"]
    tests = "".join((Path(__file__).parent / file).read_text() for file in named)
    errors = {entry["name"] for entry in artifact.load(name).abi if entry["type"] == "error"}
    assert {error for error in errors if f'"{error}' not in tests} == errors & unreachable
