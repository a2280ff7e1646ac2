"""Compiles the contracts without one of their rules."""

import shutil
import subprocess
from pathlib import Path

import pytest

from troth.ledger import artifact

CONTRACTS = Path(__file__).parents[3] / "contracts"
LEDGER = "privacy/PrivacyLedger.sol"


@pytest.fixture(scope="session")
def compiled():
    """Mutants by the rules that they lack: several tests may lack the same."""
    return {}


@pytest.fixture
def mutated(tmp_path, monkeypatch, compiled):
    """Compiles the contracts without a rule and has them deployed in place of the shipped ones."""
    node = shutil.which("node")
    if node is None or not (CONTRACTS / "node_modules" / "solc").is_dir():
        pytest.skip("the contract compiler is not installed; run `npm ci` in contracts/")

    def compile_without(rules, changed):
        sources, out = tmp_path / "sources", tmp_path / "out"
        shutil.copytree(CONTRACTS, sources, ignore=shutil.ignore_patterns("node_modules", "*.json"))
        for name, words, instead in rules:
            path = sources / name
            text = path.read_text()
            assert text.count(words) == 1, f"{name}: {words!r} is not there once"
            path.write_text(text.replace(words, instead))
        options = ["--sources", str(sources), "--out", str(out), "--only", changed]
        command = [node, str(CONTRACTS / "build.mjs"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        made = [artifact.Artifact.parse(path.read_bytes()) for path in sorted(out.iterdir())]
        return {mutant.name: mutant for mutant in made}

    def remove(rules):
        changed = "PrivacyLedger" if rules[0][0] == LEDGER else "Rounds"
        if tuple(rules) not in compiled:
            compiled[tuple(rules)] = compile_without(rules, changed)
        mutants, shipped = compiled[tuple(rules)], artifact.load
        changes = {n for n, m in mutants.items() if m.creation_code != shipped(n).creation_code}
        assert changes  # a rule of a library leaves Rounds as it is
        monkeypatch.setattr(artifact, "load", lambda name: mutants.get(name) or shipped(name))

    return remove
