"""`troth attack`: what it lists, what it plays, and how it says that something is not so."""

import json
from pathlib import Path

import jsonschema
import pytest

from troth.errors import InputError, RoundError
from troth.scenarios.attacks import chosen, listed
from troth.testing.adversaries.attack import Must, Outcome
from troth.testing.adversaries.clients import SecondReport

PROJECT = Path(__file__).resolve().parents[2]


def check(text, name):
    schema = json.loads((PROJECT / "specs" / f"{name}.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)


def test_the_list_has_a_line_for_each(troth):
    ran = troth("attack", "list")
    assert ran.code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split() == ["name", "actor", "modes", "must", "be", "what", "it", "does"]
    for item, line in zip(listed().attacks, lines, strict=False):
        assert line.startswith(item.name)
        outcomes = [expected.outcome for expected in item.expected]
        for text in (item.actor, ", ".join(item.modes), *outcomes, item.says):
            assert text in line
    assert lines[-1].startswith(f"{len(listed().attacks)} attacks")


def test_the_list_is_a_document_too(troth):
    ran = troth("attack", "list", "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == listed().to_json()
    check(ran.out, "attack-list")
    assert ran.err == ""


def test_attacks_are_played_in_the_order_of_the_list(troth):
    ran = troth("attack", "run", "path-traversal", "second-report")
    assert ran.code == 0, ran.err
    first, second, _, last = ran.out.splitlines()
    told = "as expected second-report: refused; at Rounds.report: AlreadyPosted; names nobody"
    assert " ".join(first.split()) == told
    assert "path-traversal: refused; at archive reader" in second
    assert last == "2 of 2 as expected with the defence on"


def test_with_the_defence_off_it_succeeds_or_is_not_switchable(troth):
    names = ["second-report", "blob-truncated", "zero-noise-kept"]
    ran = troth("attack", "run", *names, "--defence-off", "--json")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert document["as_expected"] is True
    assert document["defended"] is False
    check(ran.out, "attack-run")
    observed = {item["name"]: item["observed"] for item in document["attacks"]}
    assert observed == {
        "second-report": "not switchable",
        "blob-truncated": "succeeds",
        "zero-noise-kept": "not switchable",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_what_comes_out_differently_is_told_with_exit_code_1(troth, monkeypatch, as_json):
    monkeypatch.setattr(SecondReport, "caught", "Rounds.report: TooLate")
    ran = troth("attack", "run", "second-report", *(["--json"] if as_json else []))
    assert ran.code == 1
    if as_json:
        (played,) = json.loads(ran.out)["attacks"]
        assert played["as_expected"] is False
        assert played["caught"] == "Rounds.report: AlreadyPosted"
        assert played["expected_caught"] == "Rounds.report: TooLate"
    else:
        assert "DIFFERS" in ran.out
        assert "expected: refused; at Rounds.report: TooLate; names nobody" in ran.out
        assert ran.out.splitlines()[-1] == "0 of 1 as expected with the defence on"


def test_one_that_cannot_be_played_to_its_end_is_told_like_any_other(troth, monkeypatch):
    def stuck(*_):
        raise RoundError("every party waits")

    monkeypatch.setattr(SecondReport, "prepare", stuck)
    ran = troth("attack", "run", "second-report", "path-traversal")
    assert ran.code == 1
    assert "second-report: nothing; at RoundError: every party waits; names nobody" in ran.out
    assert "as expected     path-traversal" in ran.out


def test_an_unknown_name_is_refused_before_anything_is_played(troth):
    ran = troth("attack", "run", "second-report", "all-of-it")
    assert ran.out == ""
    assert "second-report" not in ran.err
    assert ran.err.splitlines()[-1].startswith("troth: error: all-of-it: no attack has this name; ")
    assert ran.code == 2


def test_the_list_says_where_modes_differ(troth, monkeypatch):
    monkeypatch.setattr(SecondReport, "otherwise", {"B4": Must(Outcome.DETECTED, "abort Noise")})
    (line,) = [
        line
        for line in troth("attack", "list").out.splitlines()
        if line.startswith("second-report")
    ]
    assert "refused (A, B3); detected (B4)" in line
    (item,) = [item for item in listed().attacks if item.name == "second-report"]
    assert [expected.modes for expected in item.expected] == [("A", "B3"), ("B4",)]
    assert [row.split(" | ")[2] for row in item.rows()] == ["A, B3", "B4"]


def test_attacks_are_played_in_the_mode_that_is_asked_for(troth):
    ran = troth("attack", "run", "return-of-a-member-that-left", "--mode", "B4", "--json")
    assert ran.code == 0, ran.err
    check(ran.out, "attack-run")
    document = json.loads(ran.out)
    assert document["mode"] == "B4"
    assert document["attacks"][0]["caught"] == "Rounds.reveal: NotLive"


def test_an_attack_of_another_mode_is_refused(troth):
    ran = troth("attack", "run", "return-of-a-member-that-left", "--mode", "B3")
    ran.complained(2, "return-of-a-member-that-left", "mode B3", "B4")


@pytest.mark.parametrize("mode", ["C", "a", ""])
def test_unknown_modes_are_refused(troth, mode):
    troth("attack", "run", "all", "--mode", mode).complained(2, "--mode", "A", "B3", "B4")
    with pytest.raises(InputError, match="no mode has this name"):
        chosen(["all"], mode)


def test_names_are_needed(troth):
    troth("attack", "run").complained(2, "NAME", "troth attack run --help")
    ran = troth("attack")
    assert ran.code == 2
    assert "list" in ran.err
    assert "run" in ran.err
