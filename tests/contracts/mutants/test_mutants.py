"""With its contract's rule removed, an attack that the rule stops must succeed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from troth.ledger import artifact
from troth.scenarios.attacks import play
from troth.testing.adversaries.attack import SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS

CONTRACTS = Path(__file__).parents[3] / "contracts"
ROUNDS, LEDGER = "rounds/Rounds.sol", "privacy/PrivacyLedger.sol"
MACHINE = "rounds/RoundMachine.sol"
REVEALS = "keyStep(studyId, round, msg.sender, 3, value) != record.keyHeads[j]"
REVEALS_OF_ONE = REVEALS.replace("round", "1")
ANY_STATE = "_records[studyId][round].state"
POST_IN_SUMMED = [
    (ROUNDS, "_post(studyId, round, State.Summed)", f"_post(studyId, round, {ANY_STATE})")
]

NO_SECOND_QUORUM = [(ROUNDS, "if (!plan.meetsQuorum(accepted))", "if (false)")]

RULES = {
    "junk-fills-quorum": NO_SECOND_QUORUM,
    "all-sites-but-one-denied": NO_SECOND_QUORUM,
    "second-report": [(ROUNDS, "if (record.digests[reporter] != 0)", "if (false)")],
    "late-report": [
        (
            ROUNDS,
            "(, Record storage record) = _enterInTime(studyId, round, State.Open)",
            "(, Record storage record) = _enter(studyId, round, State.Open)",
        )
    ],
    "report-by-non-member": [
        (
            ROUNDS,
            "if (number == 0) revert NotSite(studyId, msg.sender);\n        if ((record.enrolled",
            "if (number == 0) number = 1;\n        if ((record.enrolled",
        ),
        (ROUNDS, "if (consortium.rolesOf(msg.sender) & Roles.SITE == 0)", "if (false)"),
    ],
    "report-by-revoked-member": [
        (ROUNDS, "if (consortium.rolesOf(msg.sender) & Roles.SITE == 0)", "if (false)")
    ],
    "report-without-grant": [
        (ROUNDS, "if ((record.enrolled >> (number - 1)) & 1 == 0)", "if (false)")
    ],
    "key-not-its-head": [
        (
            ROUNDS,
            f"if ({REVEALS})",
            "if (j > 255)",
        )
    ],
    "key-revealed-early": [
        (ROUNDS, "_post(studyId, round, State.Delivered)", f"_post(studyId, round, {ANY_STATE})")
    ],
    "publication-before-charge": POST_IN_SUMMED,
    "steps-out-of-order": POST_IN_SUMMED,
    "honest-noise-denied": [
        (
            ROUNDS,
            "(address owner, address denier) = _firstDenial",
            "(address owner,) = _firstDenial",
        ),
        (ROUNDS, "Reason.Noise, owner, denier)", "Reason.Noise, owner, address(0))"),
    ],
    "key-of-another-round": [
        (
            ROUNDS,
            f"if ({REVEALS})",
            f"if ({REVEALS_OF_ONE} && {REVEALS})",
        )
    ],
    "opening-beyond-budget": [(LEDGER, "if (nanoRho[i] > left)", "if (false)")],
    "aborts-drain-budget": [
        (MACHINE, "if (state >= State.Open && state < State.Settled)", "if (state == State.Final)")
    ],
}
"""By attack: file, words that are the rule, and what stands there without it."""


def attack_named(name):
    return next(attack for attack in ATTACKS if attack.name == name)


@pytest.fixture
def mutated(tmp_path, monkeypatch):
    """Compiles the contracts without a rule and has them deployed in place of the shipped ones."""
    node = shutil.which("node")
    if node is None or not (CONTRACTS / "node_modules" / "solc").is_dir():
        pytest.skip("the contract compiler is not installed; run `npm ci` in contracts/")

    def remove(rules):
        sources, out = tmp_path / "sources", tmp_path / "out"
        shutil.copytree(CONTRACTS, sources, ignore=shutil.ignore_patterns("node_modules", "*.json"))
        for name, words, instead in rules:
            path = sources / name
            text = path.read_text()
            assert text.count(words) == 1, f"{name}: {words!r} is not there once"
            path.write_text(text.replace(words, instead))
        changed = "PrivacyLedger" if rules[0][0] == LEDGER else "Rounds"
        options = ["--sources", str(sources), "--out", str(out), "--only", changed]
        command = [node, str(CONTRACTS / "build.mjs"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        mutant = artifact.Artifact.parse((out / f"{changed}.json").read_bytes())
        shipped = artifact.load
        assert mutant.init_code != shipped(changed).init_code
        monkeypatch.setattr(
            artifact, "load", lambda name: mutant if name == changed else shipped(name)
        )

    return remove


def test_every_rule_that_attacks_name_has_a_mutant():
    named = {attack.name for attack in ATTACKS if attack.switch.kind is SwitchKind.CONTRACT}
    assert named == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_without_its_rule_the_attack_succeeds(tmp_path, mutated, name):
    mutated(RULES[name])
    folder = tmp_path / "study"
    folder.mkdir()
    assert play(attack_named(name), folder, defended=True).succeeded
