"""Nobody owns the contracts: no setter, no upgrade path, one place that writes what is spent."""

import re
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
        "reveal",
        "commitFile",
        "confirmFiles",
        "judge",
        "commitSum",
        "publish",
        "attest",
        "finalise",
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
CREATE, CALLCODE, DELEGATECALL, CREATE2, SELFDESTRUCT = 0xF0, 0xF2, 0xF4, 0xF5, 0xFF
JUMPDEST = 0x5B
NAMES = sorted(CHANGING)


def opcodes(code):
    """The operations of a program, without the data that PUSH operations carry."""
    at = 0
    while at < len(code):
        operation = code[at]
        yield operation
        at += 1 + max(0, operation - 0x5F if operation <= 0x7F else 0)


def source_of(name):
    return next(SOURCES.glob(f"*/{name}.sol")).read_text()


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


@pytest.mark.parametrize("name", NAMES)
def test_the_code_cannot_run_foreign_code_nor_vanish(name):
    forbidden = {CREATE, CALLCODE, DELEGATECALL, CREATE2, SELFDESTRUCT}
    found = set(opcodes(artifact.load(name).runtime_code))
    assert JUMPDEST in found
    assert not found & forbidden


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
        declared += re.findall(r"public immutable (\w+);", source_of("RoundMachine"))
    assert set(declared) == set(REFERENCES[name])


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*/*.sol")), ids=lambda path: path.name)
def test_no_source_has_an_owner_assembly_or_low_level_calls(path):
    text = re.sub(r"//.*", "", path.read_text())
    for word in ("owner()", "onlyOwner", "assembly", "delegatecall", "selfdestruct", ".call("):
        assert word not in text, word
    assert "import" not in text or not re.search(r"proxy|access/|Ownable|Upgrade", text)


def test_what_is_settled_is_written_in_one_place_and_only_grows():
    writes = re.findall(r"\.settled\s*([^;,)=+-]*[+-]?=[^=;]*);", source_of("PrivacyLedger"))
    assert writes == ["+= nanoRho[i]"]
    body = source_of("PrivacyLedger").split("function settle(")[1].split("    /// @inheritdoc")[0]
    assert "entry.settled += nanoRho[i];" in body
    assert not re.search(r"delete\s+_?(entries|entry)", source_of("PrivacyLedger"))


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
    tests = "".join((Path(__file__).parent / file).read_text() for file in files[name])
    errors = {entry["name"] for entry in artifact.load(name).abi if entry["type"] == "error"}
    assert {error for error in errors if f'"{error}' not in tests} == errors & unreachable
