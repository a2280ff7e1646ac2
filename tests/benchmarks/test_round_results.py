"""The committed run of benchmarks/round is whole, and table and picture show it. No times."""

import copy
import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "benchmarks" / "round"
STEP = {"state", "party", "own_s", "store_s", "cpu_s", "put_bytes", "sent"}


@pytest.fixture
def document():
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT))
    return lambda name: importlib.import_module(f"benchmarks.round.{name}")


def test_the_committed_run_is_whole(document):
    method = document["method"]
    shape = {name: method[name] for name in ("dimension", "sites", "members", "candidates")}
    assert shape == {"dimension": 10**6, "sites": 8, "members": 2, "candidates": 4}
    assert method["train_s"] == 10
    assert [entry["configuration"] for entry in document["troth"]] == ["pine64", "pine32"]
    for entry in [*document["troth"], document["plain"]]:
        assert entry["dimension"] == method["dimension"]
        assert {"troth", "numpy", "cryptography"} <= set(entry["versions"])
    assert set(document["load"]) == {"before", "after"}
    assert {cell["configuration"] for cell in document["secagg_plus"]["cells"]} == {
        "neighbours",
        "everyone",
    }


def test_every_step_of_a_round_was_measured(document, module):
    phases = module("path").PHASES
    for entry in document["troth"]:
        assert all(set(step) == STEP for step in entry["steps"])
        assert {(step["state"], step["party"]) for step in entry["steps"]} >= set(phases)
        assert entry["ledger"]["transactions"] == 47
        assert entry["examine"]["whole_s"] > entry["examine"]["publications_s"] > 0


def test_uploads_are_what_a_share_and_a_seed_need(document, module):
    pine64, pine32 = (module("path").upload(entry) for entry in document["troth"])
    assert 8 < pine64 < 8.1
    assert 4 < pine32 <= document["method"]["goal_bytes_per_parameter"]


def test_the_one_that_plan_refuses_says_so(document, module):
    fits = {entry["configuration"]: entry["fits"] for entry in document["troth"]}
    assert fits == {"pine64": True, "pine32": False}
    assert "Troth, Pine32 is refused by `plan`" in module("table").table(document)


def test_table_and_picture_show_the_committed_run(document, module):
    run = module("run")
    shown = dict(run.render(document))
    assert set(shown) == {run.TABLE, run.PICTURE}
    for path, text in shown.items():
        assert path.read_text(encoding="utf-8") == text, "python -m benchmarks.round.run --render"
    ET.fromstring(shown[run.PICTURE])


def test_the_table_says_whether_the_goal_is_met(document, module):
    path, table = module("path"), module("table").table
    slow = copy.deepcopy(document)
    slow["troth"][0]["steps"][0]["own_s"] = 100.0
    assert "**not met**" in table(slow)
    fast = copy.deepcopy(document)
    for entry in fast["troth"]:
        for step in entry["steps"]:
            step["own_s"] = step["store_s"] = 0.0
    assert "**not met**" not in table(fast)
    found = dict(path.paths(fast))
    assert path.total(found["Troth, Pine64"]) == pytest.approx(
        10 + fast["troth"][0]["examine"]["publications_s"]
    )


def test_noise_that_takes_longer_than_training_is_on_the_path(document, module):
    path = module("path")
    entry = copy.deepcopy(document["troth"][0])
    (noise,) = (
        step for step in entry["steps"] if (step["state"], step["party"]) == ("Open", "aggregator")
    )
    before = path.total(path.troth_path(entry, 10.0))
    (sharing,) = (
        path.seconds_of(step)
        for step in entry["steps"]
        if (step["state"], step["party"]) == ("Open", "site")
    )
    noise["own_s"], noise["store_s"] = 13.0 + sharing, 0.0
    assert path.total(path.troth_path(entry, 10.0)) == pytest.approx(before + 3.0)


def test_a_rival_that_is_not_installed_is_named(document, module):
    missing = {"status": "not installed", "reason": "its environment was not made"}
    document["secagg_plus"] = {"missing": missing}
    run = module("run")
    shown = dict(run.render(document))
    assert "SecAgg+: not installed, its environment was not made." in shown[run.TABLE]
    ET.fromstring(shown[run.PICTURE])


@pytest.mark.parametrize(
    ("script", "rounds"), [("troth_round", "2"), ("plain_round", "1")], ids=["troth", "plain"]
)
def test_a_script_prints_one_document(script, rounds):
    command = [sys.executable, "-m", f"benchmarks.round.{script}"]
    command += ["--dimension", "100", "--rounds", rounds]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["dimension"] == 100
