"""Everything that a person can get wrong before any work begins, and how the command behaves."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from troth import __version__
from troth.cli import main as command
from troth.cli.exits import explain
from troth.cli.main import Engine
from troth.errors import StateFileError, StorageError
from troth.ledger import engines


def test_version(troth_process):
    ran = troth_process("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"troth {__version__}\n", "")


@pytest.mark.parametrize("heavy", ["numpy", "web3", "sklearn", "dp_accounting", "jinja2", "eth"])
def test_version_and_help_load_nothing_heavy(heavy):
    script = f"import sys, troth.cli.main; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_without_a_command_the_commands_are_shown(troth, arguments):
    ran = troth(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], ["dance", "troth --help"]),
        (["--dance"], ["--dance"]),
        (["demo", "banks"], ["banks", "troth demo --help"]),
        (["audit"], ["BUNDLE", "troth audit --help"]),
        (["audit", "a", "b"], ["b"]),
        (["demo", "hospitals", "--seed", "-1"], ["--seed"]),
        (["demo", "hospitals", "--seed", "one"], ["--seed"]),
        (["demo", "hospitals", "--rounds", "0"], ["--rounds"]),
        (["demo", "hospitals", "--ledger", "paper"], ["--ledger", "paper", "embedded", "anvil"]),
        (["demo", "hospitals", "--out"], ["--out"]),
        (["plan", "--clip", "much"], ["--clip"]),
    ],
)
def test_wrong_use(troth, arguments, words):
    troth(*arguments).complained(2, *words)


def test_every_help_explains_every_option(troth, project):
    import typer

    def look(node, path):
        ran = troth(*path, "--help")
        assert ran.code == 0
        assert ran.err == ""
        for item in node.params:
            assert item.help, f"{path}: {item.name} is not explained"
            if item.param_type_name == "option":
                assert item.opts[0] in ran.out
        for name, below in getattr(node, "commands", {}).items():
            assert below.help, f"{name} is not explained"
            assert name in ran.out
            look(below, [*path, name])

    look(typer.main.get_command(command.app), [])


def test_the_engines_offered_are_those_there_are():
    assert {engine.value for engine in Engine} == set(engines.NAMES)


def test_text_of_others_cannot_command_the_terminal(troth, tmp_path):
    name = "a\x1b[2J\nverdict: verified\u202e"
    ran = troth("audit", name)
    ran.complained(2, r"a\x1b[2J\nverdict: verified\u202e")


def test_a_locale_without_greek_letters_gets_every_word(troth_process, design):
    ran = troth_process("plan", *design(), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.code == 0
    assert "\\u03b5" in ran.out


def test_a_reader_that_goes_away():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "troth.cli.main", "--version"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_full_disk():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "troth.cli.main", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert line.startswith("troth: error: No space left on device; ")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("kind", [StateFileError, StorageError])
def test_a_file_that_finds_no_room_is_told_to_make_some(capsys, kind, number):
    problem = kind("state file x: cannot be written")
    problem.__cause__ = OSError(number, os.strerror(number))
    assert explain(problem) == 5
    assert "; make room" in capsys.readouterr().err
    assert explain(StateFileError("state file x: torn")) == 5
    assert "make the file readable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "--clip", "much", "--json"], 2),
        (["plan", "--json"], 2),
        (["audit", "nowhere", "--json"], 2),
        (["demo", "hospitals", "--ledger", "geth", "--json"], 2),
    ],
)
def test_a_failure_is_a_document_too(troth, arguments, code):
    ran = troth(*arguments)
    ran.complained(code)
    assert json.loads(ran.out)["format"] == "troth/error/v1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "hospitals", "--ledger", "geth"],
        ["demo", "hospitals", "--rounds", "0"],
        ["plan", "--clip", "much"],
        ["plan", "--clip", "1.5"],
        ["plan", "--clip", "9" * 5000],
        ["plan", "--epsilon", "1,5"],
        ["plan", "--variant", "geth"],
    ],
)
def test_words_of_libraries_stay_inside(troth, arguments):
    ran = troth(*arguments)
    ran.complained(2, arguments[-2] + ": ")
    assert not re.search("Value error|Input|parse|Invalid value", ran.err)
    assert ran.out == ""


def test_closed_output():
    script = f"exec {sys.executable} -m troth.cli.main --version >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0


class TestUnexpected:
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch):
        def fail(*_args, **_kwargs):
            raise ZeroDivisionError("a mistake\nof ours")

        monkeypatch.setattr(command, "app", fail)

    def test_one_line_asks_for_a_report(self, capsys, monkeypatch):
        monkeypatch.delenv("TROTH_DEBUG", raising=False)
        assert command.main(["plan"]) == 70
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        assert "ZeroDivisionError" in line
        assert "report" in line
        assert "TROTH_DEBUG" in line

    def test_the_traceback_is_shown_when_asked_for(self, capsys, monkeypatch):
        monkeypatch.setenv("TROTH_DEBUG", "1")
        assert command.main(["plan"]) == 70
        assert "in fail" in capsys.readouterr().err


def test_ctrl_c_ends_cleanly(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "troth.cli.main", "demo", "hospitals", "--out", "here", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        first = running.stderr.readline()
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert first.startswith("* ")
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("troth: interrupted; ")
    assert list(tmp_path.rglob("*.*")) == []


def test_json_is_all_that_is_printed(troth_process, design):
    for arguments, code in ((design(), 0), (design(rounds=99), 1)):
        ran = troth_process("plan", *arguments, "--json")
        assert ran.code == code
        assert json.loads(ran.out)["fits"] is (code == 0)
