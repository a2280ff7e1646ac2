"""The committed run of benchmarks/audit is whole, and table and picture show it. No times."""

import importlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "benchmarks" / "audit"


@pytest.fixture
def document():
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT))
    return lambda name: importlib.import_module(f"benchmarks.audit.{name}")


def test_the_committed_run_is_whole(document):
    method = document["method"]
    assert (method["sites"], method["members"], method["candidates"]) == (4, 2, 4)
    assert [audit["rounds"] for audit in document["audits"]] == [1, 5, 10, 25, 50]
    for audit in document["audits"]:
        assert audit["reports"] == 12 * audit["rounds"]
        assert audit["cpu_s"] == min(audit["runs"])
        assert len(audit["runs"]) == method["repeats"]
    assert {"troth", "numpy", "cryptography"} <= set(document["versions"])


def test_table_and_picture_show_the_committed_run(document, module):
    run = module("run")
    shown = dict(run.render(document))
    assert set(shown) == {run.TABLE, run.PICTURE}
    for path, text in shown.items():
        assert path.read_text(encoding="utf-8") == text, "python -m benchmarks.audit.run --render"
    ET.fromstring(shown[run.PICTURE])


def test_the_table_says_whether_the_goal_is_met(document, module):
    table, last = module("table").table, document["audits"][-1]
    last["cpu_s"] = document["method"]["goal_cpu_s"]
    assert "time: met, with" in table(document)
    last["cpu_s"] += 0.1
    assert "time: **not met**, with" in table(document)


def test_the_line_through_points_on_a_line_is_that_line(module):
    start, slope = module("table").fit([(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)])
    assert (start, slope) == (pytest.approx(3.0), pytest.approx(2.0))


def test_a_bundle_of_the_study_under_way_is_audited(module, tmp_path):
    study = module("study").long_study(tmp_path, rounds=2)
    found = module("run").measure(study, 1, tmp_path, repeats=1)
    assert (found["rounds"], found["reports"]) == (1, 12)
    assert found["cpu_s"] > 0
