"""The contract build: deterministic, and it names what differs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
PROBE = Path(__file__).parent / "probe"


@pytest.fixture
def build():
    node = shutil.which("node")
    if node is None or not (CONTRACTS / "node_modules" / "solc").is_dir():
        pytest.skip("the contract compiler is not installed; run `npm ci` in contracts/")

    def run(*arguments):
        command = [node, str(CONTRACTS / "build.mjs"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_the_probe_is_compiled_from_its_sources(build):
    done = build("--check", "--sources", PROBE, "--out", PROBE / "artifacts")
    assert done.returncode == 0, done.stderr


def test_a_difference_is_named(build, tmp_path):
    shutil.copytree(PROBE / "artifacts", tmp_path / "out")
    stored = tmp_path / "out" / "Probe.json"
    stored.write_text(stored.read_text().replace("0x60", "0x61", 1))
    (tmp_path / "out" / "Gone.json").write_text("{}")
    done = build("--check", "--sources", PROBE, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "Probe: the artefact is not what the sources give" in done.stderr
    assert "Gone: an artefact without a contract" in done.stderr
    stored.unlink()
    done = build("--check", "--only", "Probe", "--sources", PROBE, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("Probe: no artefact")


def test_only_what_is_deployed_gets_an_artefact(build, tmp_path):
    source = """
    // SPDX-License-Identifier: Apache-2.0
    pragma solidity ^0.8.30;
    interface IThing { event Seen(); error Unseen(uint8 by); }
    library Inner { function one() internal pure returns (uint256) { return 1; } }
    abstract contract Base is IThing { }
    contract Thing is Base {
        function one() external pure returns (uint256) { return Inner.one(); }
    }
    """
    (tmp_path / "Thing.sol").write_text(source)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Old.json").write_text("{}")
    done = build("--sources", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Thing.json"]
    text = (tmp_path / "out" / "Thing.json").read_text()
    assert str(tmp_path) not in text
    names = [entry["name"] for entry in json.loads(text)["abi"]]
    assert sorted(names) == ["Seen", "Unseen", "one"]


def artefact(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["Linked", "Sums", "Steps"])
def test_code_that_calls_a_library_says_where_and_holds_zeros_there(name):
    found = artefact(PROBE / "artifacts", name)
    assert found["kind"] == ("contract" if name == "Linked" else "library")
    called = {"Linked": {"Sums"}, "Sums": {"Steps"}, "Steps": set()}[name]
    for code, links in (("bytecode", "links"), ("deployedBytecode", "deployedLinks")):
        assert set(found[links]) == called
        bytes_ = bytes.fromhex(found[code].removeprefix("0x"))
        for start, length in [place for places in found[links].values() for place in places]:
            assert length == 20
            assert bytes_[start : start + length] == bytes(length)
            assert bytes_[start - 1] == 0x73  # PUSH20


def test_a_library_starts_with_its_own_address():
    for name in ("Sums", "Steps"):
        found = artefact(PROBE / "artifacts", name)
        assert found["immutables"] == [[1, 20]]
        assert found["deployedBytecode"].startswith("0x73" + "00" * 20 + "3014")


def test_one_contract_is_written_with_the_libraries_that_it_calls(build, tmp_path):
    for name in ("Steps", "Sums", "Linked"):
        word = "contract" if name == "Linked" else "library"
        text = (PROBE / "Linked.sol").read_text()
        body = text[text.index(f"{word} {name} ") :]
        body = body[: body.index("\n}\n") + 3].replace("if (amount > start) Sums", "// ")
        imports = {"Sums": ["Steps"], "Linked": ["Sums"]}.get(name, [])
        head = "".join(f'import {{{other}}} from "./{other}.sol";\n' for other in imports)
        licence = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.30;\n"
        (tmp_path / f"{name}.sol").write_text(licence + head + body)
    done = build("--only", "Linked", "--sources", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"Linked.json", "Sums.json", "Steps.json"}
    assert artefact(tmp_path / "out", "Sums")["source"] == "Sums.sol"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("function f() external { uint256 unused; }", "Unused local variable"),
        ("function f() external { missing(); }", "Undeclared identifier"),
    ],
)
def test_warnings_and_errors_in_our_files_fail_the_build(build, tmp_path, body, complaint):
    head = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.30;\n"
    (tmp_path / "Bad.sol").write_text(f"{head}contract Bad {{ {body} }}")
    done = build("--sources", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "out").exists()


def test_wrong_use_is_told_from_a_failed_build(build, tmp_path):
    assert build("--nonsense").returncode == 2
    empty = build("--sources", tmp_path)
    assert empty.returncode == 1
    assert "no such .sol file" in empty.stderr
