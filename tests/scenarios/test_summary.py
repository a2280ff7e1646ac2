"""What the terminal says of a finished demonstration."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from troth.cli import demo, output
from troth.scenarios.report import MEASURED


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
    means = (MEASURED.pooled, *MEASURED.local, MEASURED.federated, MEASURED.troth)
    assert "| " + " | ".join(f"{mean * 100:.2f} %" for mean in means) + " |" in readme
