"""The committed run of benchmarks/secagg is whole, and table and picture show it. No times."""

import copy
import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "benchmarks" / "secagg"
SCHEMA = json.loads((FOLDER / "results.schema.json").read_text(encoding="utf-8"))
RIVAL_SCHEMA = {**SCHEMA["$defs"]["rival"], "$defs": SCHEMA["$defs"]}
CONFIGURATIONS = {"pine64", "pine32", "neighbours", "everyone", "nvflare", "small", "plain"}
DIMENSIONS = {10_000, 100_000, 1_000_000, 10_000_000}


@pytest.fixture
def document():
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT))
    return importlib.import_module("benchmarks.secagg.run")


def test_the_committed_run_has_the_schema(document):
    jsonschema.validate(document, SCHEMA)


def test_the_committed_run_is_whole(document):
    cells = [cell for rival in document["rivals"] for cell in rival["cells"]]
    pairs = [(cell["configuration"], cell["dimension"]) for cell in cells]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {(key, d) for key in CONFIGURATIONS for d in DIMENSIONS}
    assert {entry["configuration"] for entry in document["troth"]["memory"]} == {"pine64", "pine32"}


def test_table_and_picture_show_the_committed_run(run, document):
    shown = dict(run.render(document))
    assert set(shown) == {run.TABLE, run.PICTURE}
    for path, text in shown.items():
        assert path.read_text(encoding="utf-8") == text, "python -m benchmarks.secagg.run --render"


def test_every_rival_added_up_the_same_updates(document):
    cells = [cell for rival in document["rivals"] for cell in rival["cells"]]
    errors = [cell["mean_error"] for cell in cells if cell["status"] == "ok"]
    assert errors
    assert max(errors) < 2e-5  # half a step of 15 fractional bits, the coarsest of all


def test_what_could_not_be_measured_is_named(run, document):
    partial = copy.deepcopy(document)
    gone = partial["rivals"][1]["rival"]
    partial["rivals"][1] = {
        "rival": gone,
        "missing": {"status": "not installed", "reason": "its environment was not made"},
    }
    rival = partial["rivals"][0]
    lost = rival["cells"][0]
    left_out = {"status": "over limit", "reason": "ended after 7 s"}
    where = {name: lost[name] for name in ("configuration", "dimension")}
    rival["cells"][0] = {**left_out, **where}
    partial["troth"]["memory"][0] = {**left_out, **where}
    partial["troth"]["first_use"][0] = {**left_out, "configuration": "pine64", "cache": "empty"}
    jsonschema.validate(partial, SCHEMA)
    shown = dict(run.render(partial))
    assert shown[run.TABLE].count("over limit: ended after 7 s") == 3
    assert f"`{gone}`: not installed" in shown[run.TABLE]
    label = rival["configurations"][lost["configuration"]]["label"]
    assert f"{label} at {lost['dimension']:,} (over limit)" in shown[run.PICTURE]
    ET.fromstring(shown[run.PICTURE])


def test_a_picture_of_nothing_is_still_a_picture(run, document):
    for rival in document["rivals"]:
        rival["cells"] = []
    ET.fromstring(dict(run.render(document))[run.PICTURE])


@pytest.mark.parametrize(
    ("module", "keys"), [("troth_pine", ["pine64", "pine32"]), ("plain_float32", ["plain"])]
)
def test_a_rivals_file_prints_one_document(module, keys):
    command = [sys.executable, "-m", f"benchmarks.secagg.{module}", "--dimension", "50"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    jsonschema.validate(printed, RIVAL_SCHEMA)
    assert [cell["configuration"] for cell in printed["cells"]] == keys


def test_a_missing_environment_and_a_lost_process_are_statuses(run):
    nowhere = run.Module("tenseal_ckks", FOLDER / "no-such-python")
    missing = run.measure_rival(nowhere, [50], limit=1)["missing"]
    assert missing["status"] == "not installed"
    with pytest.raises(run.CellError) as caught:
        run.ask(run.MODULES[-1], "--dimension", "50", limit=0.01)
    assert caught.value.status == "over limit"
    with pytest.raises(run.CellError) as caught:
        run.ask(run.MODULES[-1], "--no-such-option", limit=60)
    assert caught.value.status == "failed"
