"""`troth demo hospitals` where it cannot run. A whole run is tested with the scenario."""

import pytest

from troth.cli import output


def test_a_file_in_the_way(troth, tmp_path):
    (tmp_path / "taken").write_text("mine")
    troth("demo", "hospitals", "--out", "taken").complained(2, "taken", "--out")
    troth("demo", "hospitals", "--out", "taken/below").complained(2, "taken/below", "--out")
    assert (tmp_path / "taken").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_rounds_that_the_budget_cannot_pay(troth, tmp_path):
    ran = troth("demo", "hospitals", "--rounds", "21")
    ran.complained(2, "--rounds", "at most 20 rounds")
    assert list(tmp_path.iterdir()) == []


def test_a_mode_that_there_is_not(troth, tmp_path):
    ran = troth("demo", "hospitals", "--mode", "C")
    ran.complained(2, "--mode", "'C' is not one of 'A', 'B3', 'B4'")
    assert list(tmp_path.iterdir()) == []


def test_anvil_that_is_not_there(tmp_path, monkeypatch, capsys):
    from troth.cli.main import main
    from troth.errors import EngineUnavailable
    from troth.ledger.engines import anvil

    def nowhere():
        raise EngineUnavailable("anvil is not installed")

    monkeypatch.setattr(anvil, "find_binary", nowhere)
    out = tmp_path / "out"
    assert main(["demo", "hospitals", "--ledger", "anvil", "--out", str(out)]) == 5
    shown = capsys.readouterr()
    assert shown.out == ""
    line = shown.err.splitlines()[-1]
    assert line.startswith("troth: error: anvil")
    assert "--ledger embedded" in line
    assert not out.exists() or list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("called", "on_path", "expected"),
    [
        ("/somewhere/bin/troth", "/somewhere/bin/troth", "troth"),
        (".venv/bin/troth", None, ".venv/bin/troth"),
        ("/my env/bin/troth", "/other/bin/troth", "'/my env/bin/troth'"),
        ("/checkout/src/troth/cli/main.py", None, "troth"),
    ],
)
def test_the_command_is_named_so_that_the_shell_finds_it(monkeypatch, called, on_path, expected):
    monkeypatch.setattr("sys.argv", [called])
    monkeypatch.setattr("shutil.which", lambda _: on_path)
    assert output.program() == expected
