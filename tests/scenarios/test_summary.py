"""What the terminal says of a finished demonstration."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from troth.cli import demo, output
from troth.scenarios.report import MEASURED, drilled


@pytest.fixture
def printed(made_up_result):
    def show(result=made_up_result, command="troth"):
        stream = io.StringIO()
        demo.present(result, output.Page(stream), command)
        return stream.getvalue()

    return show


def test_the_summary_says_everything(printed, made_up_result):
    text = printed()
    for share in ("98.2%", "63.2%", "95.6%", "78.9%", "91.2%", "97.4%"):
        assert share in text
    for words in (
        "1.9968",
        "1.8365",
        "REFUSED",
        "BudgetExceeded",
        "REJECTED",
        "fifth site",
        "single operator, no consensus",
        "verified",
        "the trust file that this same run wrote",
        "One run is one draw",
        "98.16%",
        "93.77%",
        "97.54%",
        "97.30%",
        "malignant: 33 found, 2 missed; benign: 56 cleared, -1 flagged",
        "each ± 6.2 in 95 of 100 cases",
        "97.8% (88% to 100%) of them, 97.4% of the public ones",
        "1.9142",
        "claims byte 0x33",
        made_up_result.bundle,
        made_up_result.report,
    ):
        assert words in text


def test_the_drill_is_told_as_in_the_report(
    printed, made_up_result, stopped_result, outvoted_result
):
    for result, word in (
        (made_up_result, "NAMED"),
        (stopped_result, "STOPPED"),
        (outvoted_result, "OUTVOTED"),
    ):
        (line,) = [line for line in printed(result).splitlines() if word in line]
        assert line.split(maxsplit=1) == [word, drilled(result.drill)[1]]


def test_means_are_those_of_the_mode(printed, stopped_result, outvoted_result):
    assert "Troth 97.31%" in printed(stopped_result)
    assert "Troth 97.24%" in printed(outvoted_result)


def test_whom_rounds_went_on_without_is_listed(printed, made_up_result, outvoted_result):
    gone = "round 1 went on without second aggregator from Settled on (Disagree): its sum of share"
    assert gone in printed(outvoted_result)
    assert "went on without" not in printed(made_up_result)


def test_the_next_command_can_be_copied(printed, made_up_result):
    assert "  troth audit out/hospitals/bundle.zip --trust out/hospitals/trust.json\n" in printed()
    elsewhere = replace(made_up_result, bundle="a folder/bundle.zip")
    assert "audit 'a folder/bundle.zip' --trust" in printed(elsewhere)
    assert "  .venv/bin/troth audit" in printed(command=".venv/bin/troth")


def test_paths_are_never_wrapped(printed, made_up_result):
    long = str(Path("a" * 90, "b" * 90, "bundle.zip"))
    assert long in printed(replace(made_up_result, bundle=long))


def test_the_readme_shows_the_same_means():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = MEASURED["A"]
    means = (shown.pooled, *shown.local, shown.federated, shown.troth)
    assert "| " + " | ".join(f"{mean * 100:.2f} %" for mean in means) + " |" in readme
