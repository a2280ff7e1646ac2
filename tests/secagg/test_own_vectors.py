"""The vectors that the project publishes: played by Python, and by the independent verifier."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from troth.testing.pine_vectors.__main__ import main
from troth.testing.pine_vectors.catalogue import THEMES
from troth.testing.pine_vectors.player import Mismatch, play

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "pine"
FILES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "schema")
LARGEST_FOLDER = 12_000_000


def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))


def node() -> str:
    program = shutil.which("node")
    if program is None:
        pytest.skip("the independent verifier was NOT run: it needs Node 20 or newer")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"the independent verifier was NOT run: Node {version.stdout} is before 20")
    return program


def verify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [node(), FOLDER / "verify.mjs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# What the generator gives anew, below, comes from the clear version wherever a dimension is small.
@pytest.mark.parametrize(
    ("name", "kernels"), [*((name, "fast") for name in FILES), ("large", "clear")]
)
def test_every_vector_comes_out(name, kernels):
    file = read(name)
    for vector in file["vectors"]:
        play(vector, file["values"], {"kernels": kernels})


@pytest.mark.parametrize("name", FILES)
def test_files_follow_the_schema(name):
    validator = jsonschema.Draft202012Validator(read("schema"))
    assert [error.message for error in validator.iter_errors(read(name))] == []


def test_the_independent_verifier_agrees():
    done = verify()
    assert (done.returncode, done.stderr) == (0, "")
    total = sum(len(read(name)["vectors"]) for name in FILES)
    assert done.stdout.splitlines()[-1] == f"{total} of {total} agree"


def test_the_independent_verifier_agrees_with_the_official_vectors(outside_vectors):
    done = verify("--official", outside_vectors / "pine")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "32 of 32 agree"


def test_the_generator_gives_the_same_bytes(capsys):
    assert main(["--check", "--out", str(FOLDER)]) == 0
    assert capsys.readouterr().err == ""


def test_there_are_as_many_as_the_readme_says():
    counts = {name: len(read(name)["vectors"]) for name in FILES}
    assert sum(counts.values()) >= 1000
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)\.json` \| (\d+) \|", readme, flags=re.MULTILINE)
    assert {name: int(count) for name, count in rows} == counts
    assert f"{sum(counts.values()):,} vectors" in readme
    assert len(THEMES) == len(FILES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST_FOLDER


def test_ids_are_unique_and_expectations_cover_every_check():
    vectors = [vector for name in FILES for vector in read(name)["vectors"]]
    assert len({vector["id"] for vector in vectors}) == len(vectors)
    refusals = {
        (vector["expect"]["step"], vector["expect"]["check"])
        for vector in vectors
        if vector["expect"]["outcome"] == "refused"
    }
    assert refusals >= {
        ("parameters", "parameter"),
        ("shard", "encoding"),
        ("shard_integers", "encoding"),
        ("decode", "decode"),
        ("verify_init", "query"),
        ("verifier_shares_to_message", "norm_equality"),
        ("verifier_shares_to_message", "validity"),
        ("verify_next", "joint_randomness"),
        ("check_joint_randomness", "joint_randomness"),
    }


def changed(vector: Any, how: str) -> Any:
    """A copy of a vector that says something false."""
    bent = json.loads(json.dumps(vector))
    steps = bent["operations"]
    if how == "output":
        name = next(step["verifier_message"] for step in steps if "verifier_message" in step)
        bent["values"][name] = "00" * (len(bent["values"][name]) // 2)
    elif how == "digest":
        name = next(name for name in bent["values"] if name.startswith("verifier_state"))
        bent["values"][name]["sha256"] = "0" * 64
    elif how == "result":
        steps[-1]["agg_result"][0] = "77.0"
    elif how == "success":
        steps[-1] |= {"success": False, "check": "parameter"}
        bent["expect"] = {"outcome": "refused", "step": "unshard", "check": "parameter"}
        bent["expect"]["by"] = "everybody"
    elif how == "input":
        bent["values"]["rand"] = "00" * (len(bent["values"]["rand"]) // 2)
    elif how == "expect":
        refused = {"outcome": "refused", "step": "unshard", "check": "decode", "by": [0]}
        bent["expect"] = refused
    return bent


@pytest.mark.parametrize("how", ["output", "digest", "result", "success", "input", "expect"])
def test_a_false_vector_is_named(tmp_path, how):
    file = read("dimensions")
    vector = changed(file["vectors"][2], how)
    with pytest.raises(Mismatch, match=vector["id"]):
        play(vector, file["values"])
    path = tmp_path / "false.json"
    path.write_text(json.dumps(file | {"vectors": [file["vectors"][1], vector]}), encoding="ascii")
    done = verify(path)
    assert done.returncode == 1
    assert vector["id"] in done.stderr
    assert done.stdout.splitlines()[-1] == "1 of 2 agree"


@pytest.mark.parametrize("check", ["norm_equality", "joint_randomness", "decode"])
def test_a_refusal_by_another_check_is_no_agreement(tmp_path, check):
    file = read("forgeries")
    found = (v for v in file["vectors"] if v["expect"].get("check") == "validity")
    vector = next(found)
    play(vector, file["values"])
    failing = next(step for step in vector["operations"] if not step["success"])
    failing["check"] = vector["expect"]["check"] = check
    with pytest.raises(Mismatch, match="fails by validity"):
        play(vector, file["values"])
    path = tmp_path / "false.json"
    path.write_text(json.dumps(file | {"vectors": [vector]}), encoding="ascii")
    done = verify(path)
    assert done.returncode == 1
    assert f"{vector['id']}: " in done.stderr


def test_the_verifier_says_how_it_is_used(tmp_path):
    assert verify("--unknown").returncode == 2
    assert verify("--official").returncode == 2
    assert verify("--official", tmp_path).returncode == 2
