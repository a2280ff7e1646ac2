"""Progress: everything that is told is shown, to a log in few lines, to a terminal in colour."""

import io
import time

import pytest
from rich.console import Console

from troth.cli.teller import LiveTeller, PlainTeller, teller, working

KINDS = {"done": "done", "rejected": "REJECTED", "refused": "REFUSED", "false": "FALSE"}


def tell(to):
    with to as progress:
        progress.stage("They agree")
        progress.stage("They train")
        for done in range(1, 101):
            progress.count(done, 100)
        for kind in KINDS:
            progress.note(kind, f"news \x1b[31m of {kind}")


def test_a_log(capsys):
    tell(PlainTeller())
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[:2] == ["* They agree", "* They train"]
    assert [line for line in lines if " of 100" in line] == [
        f"  {done} of 100" for done in range(5, 101, 5)
    ]
    for kind, word in KINDS.items():
        assert f"  {word}: news \\x1b[31m of {kind}" in lines


@pytest.mark.parametrize("total", [1, 3, 20])
def test_a_short_count_is_told_whole(capsys, total):
    teller_ = PlainTeller()
    for done in range(1, total + 1):
        teller_.count(done, total)
    assert len(capsys.readouterr().err.splitlines()) == total


def test_a_terminal():
    stream = io.StringIO()
    tell(LiveTeller(Console(file=stream, force_terminal=True, width=100, color_system="standard")))
    shown = stream.getvalue()
    assert "They agree" in shown
    assert "They train" in shown
    assert "100 of 100" in shown
    for kind, word in KINDS.items():
        assert word in shown
        assert f"news \\x1b[31m of {kind}" in shown


def test_a_log_is_told_only_of_what_takes_long(capsys, monkeypatch):
    monkeypatch.setattr("troth.cli.teller.PATIENCE", 0.05)
    with working("quick"):
        pass
    with working("slow"):
        time.sleep(0.3)
    assert capsys.readouterr().err == "slow ...\n"


def test_no_terminal_means_a_log(capsys):
    assert isinstance(teller(), PlainTeller)
