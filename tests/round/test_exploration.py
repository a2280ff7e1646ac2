"""All schedules of a small round, searched; and the search, tried on rounds that are broken."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.round.exploration import (
    Found,
    explore,
    rows_of_the_table,
    settings,
    steps_without_who_is_missing,
)
from tests.round.positions import MEMBERS, SITES, A, B, C, Setting

from troth.round import actions, ballots, fixing, guards, leaving, machine
from troth.round.replication import opened_by_all
from troth.round.transitions import Fault, State, table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "round.md"
S1, S2 = SITES[:2]


def members(setting):
    return [member for member in MEMBERS if member in setting.honest]


RUNS = {
    # One site, and one abort that the study survives.
    ("A", 2, 1, 1): [s for s in settings(1, 1) if members(s) != [B]],
    # Two sites that are both honest, or both not.
    ("A", 2, 2, 0): [
        s for s in settings(2, 0) if members(s) != [B] and (S1 in s.honest) == (S2 in s.honest)
    ],
    # Three members of which the first, the last or nobody lies.
    ("A", 3, 1, 0): [s for s in settings(1, 0, 3) if len(members(s)) > 1 and {B, S1} <= s.honest],
    # Replicated shares: nobody lies, the last member does, the first does with the only site.
    ("B3", 3, 1, 0): [
        s for s in settings(1, 0, 3, "B3") if (S1 in s.honest) == (A in s.honest) and B in s.honest
    ],
    # Two honest sites: nobody lies, or the last member.
    ("B4", 4, 2, 0): [s for s in settings(2, 0, 4, "B4") if {A, B, C, S1, S2} <= s.honest],
}
"""By mode, members, sites and aborts that a study survives. The command searches all settings."""
BEYOND_ONE_LIAR = {
    ("Seeded", "expire", "Aborted", "Withheld", "1"),
    ("Seeded", "recover", "Aborted", "Disagree", "0"),
    ("Seeded", "recover", "Aborted", "Fault", "1"),
    ("Seeded", "recover", "Aborted", "Noise", "0"),
}
"""What one liar of three or four members cannot bring about; ``test_recovering.py`` can."""
NAMED = "Fault in Opened names nobody at fault"
PROVEN = "an honest member is held proven at fault"


@cache
def searched(run: tuple[str, int, int, int]) -> list[tuple[Setting, Found]]:
    return [(setting, explore(setting)) for setting in RUNS[run]]


def framed(setting):
    """What liars can do that are more than the terms assume: as many as it takes to decide."""
    liars = set(setting.parties) - setting.honest
    if len(liars) <= setting.members + setting.terms.corrupt_sites or not setting.honest:
        return set()
    return {NAMED, PROVEN} if members(setting) else {NAMED}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_breaks_while_no_more_lie_than_the_terms_assume(run):
    for setting, found in searched(run):
        expected = set() if setting.assumed else framed(setting)
        assert set(found.broken) == expected, (setting, *found.broken.values())


def test_more_liars_than_the_terms_assume_are_searched_too():
    assert any(framed(setting) for chosen in RUNS.values() for setting in chosen)


def test_every_row_of_the_table_is_taken_and_nothing_else():
    taken = set().union(*(found.taken for run in RUNS for _, found in searched(run)))
    calls = {row for row in taken if row[1] in {"expire", *(r.action for r in table().rows)}}
    stays = {row for row in calls if row[0] == row[2]}
    assert calls - stays <= rows_of_the_table() | steps_without_who_is_missing()
    assert rows_of_the_table() - calls == BEYOND_ONE_LIAR
    assert {row[n] for row in taken for n in (0, 2)} == {state.title for state in State}


def test_of_four_members_one_may_be_missing_in_every_step():
    steps = {state.title for state in State if state in table().timeouts and table().awaited(state)}
    taken = set().union(*(found.taken for _, found in searched(("B4", 4, 2, 0))))
    went_on = {row[0] for row in taken if row[1] == "expire" and row[2] != "Aborted"}
    assert went_on == steps - {"Summed", "Challenged", "Published"}


def test_one_liar_of_four_members_ends_no_round_but_by_a_vote_or_an_accusation():
    for setting, found in searched(("B4", 4, 2, 0)):
        assert setting.survives
        ends = {row[:1] + row[3:4] for row in found.taken if row[2] == "Aborted"}
        liar = len(setting.honest) < len(setting.parties)
        by_votes = {("Announcing", "Revoked"), ("Announced", "NotOpened"), ("Open", "Revoked")}
        voted = {("Opened", "Fault"), ("Opened", "Conflict")} if liar else set()
        assert ends == by_votes | voted


@pytest.mark.parametrize("run", RUNS)
def test_a_study_tries_again_after_an_abort_pauses_and_ends(run):
    survives = run[3] > 0
    taken = [found.taken for _, found in searched(run)]
    assert all((("Aborted", "next round", "Absent") in rows) == survives for rows in taken)
    assert any(("Absent", "resume", "Absent") in rows for rows in taken) == survives


def test_the_document_has_these_numbers():
    section = DOCUMENT.read_text(encoding="utf-8").split("## What an exhaustive search found\n")[1]
    shown = [
        tuple(cell.strip().replace(",", "") for cell in line.strip("| ").split("|"))
        for line in re.findall(r"^\| [AB]\d? .*\|$", section.split("\n## ")[0], re.MULTILINE)
    ]
    counted = []
    for run in RUNS:
        found = [f for _, f in searched(run)]
        sums = sum(f.positions for f in found), sum(f.transitions for f in found)
        row = (*run[:3], run[3] + 1, len(found), *sums, max(f.depth for f in found))
        counted.append(tuple(map(str, row)))
    assert shown == counted


def test_a_bound_on_the_depth_sees_less():
    setting = Setting(1, frozenset((A, S1)))
    all_there_is = explore(setting)
    some = explore(setting, depth=10)
    assert some.depth == 10
    assert some.positions < all_there_is.positions
    assert some.broken == {}


# Broken rounds. One honest member and one honest site: the other member does what it likes.

SMALL = Setting(1, frozenset((A, S1)))


@pytest.fixture
def change(monkeypatch):
    """Changes one outcome of one row of the table that everybody reads."""

    def changed(state: State, action: str, guard: str | None = None, **outcome: Any) -> None:
        rows = tuple(
            replace(
                row,
                outcomes=tuple(
                    replace(o, **outcome) if o.guard == guard else o for o in row.outcomes
                ),
            )
            if (row.source, row.action) == (state, action)
            else row
            for row in table().rows
        )
        monkeypatch.setitem(vars(table()), "rows", rows)

    return changed


@pytest.fixture
def timeout(monkeypatch):
    """Changes what the deadline of a state leads to."""

    def changed(state: State, **outcome: Any) -> None:
        outcomes = tuple(replace(o, **outcome) for o in table().timeouts[state])
        monkeypatch.setitem(table().timeouts, state, outcomes)

    return changed


@pytest.fixture
def around(monkeypatch):
    """Puts something around what an action does: it gets the original first."""

    def wrapped(action, broken):
        original = actions.ACTIONS[action]
        monkeypatch.setitem(
            actions.ACTIONS, action, lambda call, **given: broken(original, call, **given)
        )

    return wrapped


def news(setting: Setting = SMALL) -> dict[str, str]:
    """What is broken, with the way there."""
    return explore(setting).broken


def last(way: str) -> str:
    """The transition that breaks it."""
    return way.splitlines()[-2]


def test_a_deadline_without_an_outcome_is_a_dead_end(monkeypatch):
    monkeypatch.delitem(table().timeouts, State.CLOSED)
    way = news()["no way to an end"].splitlines()
    assert way == [
        "A: announce right",
        "B: announce right",
        "anyone: open",
        "s1: report right",
        "A: reportNoise right",
        "B: reportNoise right",
        "anyone: close",
        "A: deliver 11111",
        "world: the deadline passes",
        "-> no way to an end",
    ]


def test_a_sum_before_the_charge_is_settled_is_found(change):
    change(State.JUDGED, "judge", reservation="none")
    found = news()
    assert "S and settlement do not come together" in found
    assert "KeyRevealed before the charge is settled" in found
    way = found["SumCommitted before the charge is settled"].splitlines()
    assert way[-3].endswith(": judge 0000000000")
    assert way[-2].endswith(": commitSum right")


def test_settling_twice_is_found(change):
    change(State.CHALLENGED, "publish", reservation="settle")
    assert last(news()["charges go reserve, settle, settle"]) == "B: publish right"


def test_a_release_after_the_settlement_is_found(timeout):
    timeout(State.SETTLED, reservation="release")
    assert set(news()) == {"charges go reserve, settle, release"}


def test_an_abort_that_leaves_the_reservation_is_found(timeout):
    timeout(State.CONTESTED, reservation="none")
    assert set(news()) == {"an abort in Contested leaves the reservation"}


def test_reports_without_a_reservation_are_found(change):
    change(State.ANNOUNCED, "open", reservation="none")
    assert "Reported without a reservation" in news()


def test_a_model_that_a_minority_attests_is_found(monkeypatch):
    for place in (fixing, guards):
        monkeypatch.setattr(place, "majority", _any_vote)
    assert "B: attest other" in news()["a final model without its majority"]


def _any_vote(_, record):
    return next((vote.model_digest for vote in record.attestations.values()), None)


def test_votes_that_the_committee_and_corrupt_sites_have_alone_are_found(monkeypatch):
    monkeypatch.setattr(ballots, "threshold", lambda *_: 2)
    found = news(Setting(1, frozenset((A,))))
    assert "a final model without its majority" in found
    assert found[PROVEN].count(": accuse Publication of A") == 2


def test_an_attestation_that_counts_beside_an_accusation_is_found(around):
    def keep(original, call, **given):
        before = dict(call.record.attestations)
        said = original(call, **given)
        call.record.attestations.update(before)
        return said

    around("accuse", keep)
    assert "an accuser's attestation counts" in news()


def test_a_tag_that_its_owner_disputes_in_vain_is_found(monkeypatch):
    monkeypatch.setitem(guards.GUARDS, "tag disputed", lambda _: False)
    way = news(Setting(2, frozenset((A, S1, S2))))
    assert re.search(
        r"B: commitSum shifted.*B: publish bent at (\d).*: accuse OwnTag of B",
        way["a final model with a tag that its honest owner disputes"],
        re.DOTALL,
    )


def test_silence_that_is_taken_for_consent_is_found(monkeypatch):
    monkeypatch.setitem(guards.GUARDS, "site silent", lambda _: False)
    setting = Setting(2, frozenset((A, B, S1)), every_site=True)
    assert set(news(setting)) == {"a final model that some site is silent about"}


def test_an_accusation_that_costs_a_site_that_spoke_is_found(monkeypatch):
    monkeypatch.setitem(machine._USES, "Silent", lambda shape, record: shape.accepted_sites(record))
    setting = Setting(2, frozenset((A, B, S1)), every_site=True)
    assert set(news(setting)) == {"an accusation is used up without a word"}


def test_a_fault_that_names_the_accuser_is_found(monkeypatch):
    def swapped(_, record):
        accusers = [who for who, a in record.accusations.items() if a.fault is not Fault.OWN_TAG]
        return accusers[0] if accusers else None

    monkeypatch.setattr(guards, "agreed_fault", swapped)
    assert {NAMED, PROVEN} <= set(news())


def test_rejected_noise_that_names_its_owner_alone_is_found(change, monkeypatch):
    change(State.JUDGED, "judge", "noise rejected", names="first member")
    monkeypatch.setitem(guards.NAMED, "first member", lambda call: call.shape.terms.committee[:1])
    assert last(news()["Noise in Judged names nobody at fault"]).startswith("B: judge")


def _owner_of_denied_noise(call):
    lacked = call.shape.noise_bits & ~opened_by_all(call.record.words.values())
    return [call.shape.terms.committee[min(call.shape.owners(lacked))]]


def test_noise_that_is_denied_before_its_owner_answers_is_found(change, monkeypatch):
    change(
        State.CLOSED, "deliver", "shares missing",
        to=State.ABORTED, reason="Noise", names="owner alone", reservation="release",
    )  # fmt: skip
    monkeypatch.setitem(guards.NAMED, "owner alone", _owner_of_denied_noise)
    assert "Noise in Closed names nobody at fault" in news()


def test_a_missed_deadline_that_votes_caused_is_found(monkeypatch):
    monkeypatch.setitem(guards.GUARDS, "votes changed", lambda _: False)
    assert set(news()) == {
        "Withheld in Announcing names nobody at fault, once it is voted out",
        "Withheld in Announcing names nobody at fault, once the study is stopped",
        "Withheld in Open names nobody at fault, once it is voted out",
    }


@pytest.mark.parametrize(
    ("forgets", "found"),
    [
        ("unattributed", "a study goes on that is paused"),
        ("guilty", "a study goes on that is over"),
    ],
)
def test_a_study_that_forgets_what_went_wrong_is_found(around, forgets, found):
    def forget(original, call, **given):
        setattr(call.progress, forgets, type(getattr(call.progress, forgets))())
        return original(call, **given)

    around("announce", forget)
    assert last(news(replace(SMALL, max_aborts=1))[found]).startswith("B: announce")


def test_an_abort_that_is_not_counted_is_found(monkeypatch):
    def silently(call, outcome):
        said = original(call, outcome)
        call.progress.unattributed = 0
        return said

    original = machine._abort
    monkeypatch.setattr(machine, "_abort", silently)
    assert "Disagree in Judged is counted wrongly" in news()


def test_an_accepted_set_that_changes_later_is_found(around):
    def with_less(original, call, digests):
        call.record.accepted &= ~1
        return original(call, digests)

    around("commitSum", with_less)
    assert last(news()["S changes"]) == "A: commitSum right"


def test_a_deadline_that_names_who_kept_it_is_found(monkeypatch):
    monkeypatch.setitem(guards.NAMED, "missing member", lambda call: call.shape.terms.committee[:1])
    found = news()
    assert "Withheld in Closed names nobody at fault" in found
    assert PROVEN in found


def test_an_honest_post_that_is_refused_is_found(around):
    def refuse(_, call, value):
        raise call.refuse_here("WrongReveal", value=value)

    around("reveal", refuse)
    assert "an honest party's reveal is refused" in news()


def test_a_round_that_goes_back_is_found(change):
    change(State.CHALLENGED, "publish", to=State.SETTLED)
    assert "publish leads no further in Challenged" in news()


def test_a_row_that_nothing_takes_is_found(monkeypatch):
    monkeypatch.setitem(guards.GUARDS, "noise rejected", lambda _: False)
    assert ("Judged", "judge", "Aborted", "Noise", "0") in rows_of_the_table() - explore(
        SMALL
    ).taken


# Broken rounds of replicated shares: the last member lies.

THREE = Setting(1, frozenset((A, B, S1)), members=3, mode="B3")
FOUR = Setting(2, frozenset((A, B, C, S1, S2)), members=4, mode="B4")
DEPTHS = {State.ANNOUNCING: 6, State.ANSWERED: 25, State.COMMITTED: 28}
"""Transitions that it takes four members to end such a step: a search need not go on."""


def news_until(state: State, setting: Setting = FOUR) -> set[str]:
    return set(explore(setting, DEPTHS[state]).broken)


@pytest.fixture
def leaves(monkeypatch):
    """Changes who leaves, by the table's name: of those that should."""

    def changed(who, broken):
        original = leaving.LEAVING[who]
        monkeypatch.setitem(leaving.LEAVING, who, lambda call: broken(call, original(call)))

    return changed


def test_a_missing_member_that_does_not_leave_is_found(leaves):
    leaves("missing", lambda *_: set())
    found = news_until(State.ANNOUNCING)
    assert found == {"Withheld in Announcing ends a round that could go on"}


def test_a_mode_that_spares_too_many_is_found(monkeypatch):
    modes = table().modes
    monkeypatch.setitem(modes, "B3", replace(modes["B3"], least=2))
    found = news_until(State.ANNOUNCING, THREE)
    assert found == {"a member leaves too few behind in Announcing"}


def test_an_honest_member_that_leaves_is_found(leaves):
    leaves("deniers", lambda call, who: {min(call.record.live - who)} if who else who)
    assert "an honest member leaves in Answered (Disagree)" in news_until(State.ANSWERED)


def test_a_lone_complaint_that_ends_a_round_is_found(monkeypatch):
    def complained(call):
        return any(call.record.unserved.values())

    monkeypatch.setitem(guards.GUARDS, "blob unavailable", complained)
    assert "Unavailable in Committed ends a round that could go on" in news_until(State.COMMITTED)
