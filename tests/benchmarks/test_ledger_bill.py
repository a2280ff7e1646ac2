"""docs/costs.md shows the committed bills, and the contracts still charge what they say."""

import importlib
import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
AGAIN = "python -m benchmarks.ledger.bill"
SLACK = 64
"""Gas by which a report varies with the zero bytes in a digest, a study's id and a place."""


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT))
    return lambda name: importlib.import_module(f"benchmarks.ledger.{name}")


@pytest.fixture
def document():
    results = PROJECT / "benchmarks" / "ledger" / "results.json"
    return json.loads(results.read_text(encoding="utf-8"))


def test_there_is_a_bill_for_every_size(document):
    sizes = [(bill["sites"], bill["mode"], bill["members"]) for bill in document["bills"]]
    committees = (("A", 2), ("A", 3), ("A", 4), ("B3", 3), ("B4", 4))
    assert sizes == [(sites, *committee) for sites in (4, 16, 64) for committee in committees]
    assert document["candidates"] == 4


def test_the_page_shows_the_committed_bills(document, module):
    shown = (PROJECT / "docs" / "costs.md").read_text(encoding="utf-8")
    assert shown == module("costs").page(document), AGAIN


def test_a_bill_adds_up(document):
    for bill in document["bills"]:
        for name, part in (("transactions", "calls"), ("gas", "gas"), ("calldata", "calldata")):
            assert bill[name] == sum(step[part] for step in bill["steps"])


def test_the_smallest_bill_is_what_the_contracts_charge(document, module):
    for number, committee in ((0, ("A", 2)), (4, ("B4", 4))):
        measured = module("bill").bill(4, *committee)
        assert measured == document["bills"][number], f"if this is meant: {AGAIN}"


def test_a_report_is_cheap_and_costs_the_same_in_every_consortium(document, module):
    costs = module("costs")
    found = costs.report_figures(document["bills"])
    assert found["most_gas"] <= costs.MOST_GAS
    assert found["most_noise_gas"] <= costs.MOST_GAS
    assert found["most_bytes"] <= costs.MOST_BYTES
    assert found["most_gas"] - found["least_gas"] <= SLACK
