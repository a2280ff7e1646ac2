"""Accusations, and rounds that aborted: who lied, by single rounds bent in memory."""

from dataclasses import replace

import pytest
from tests.audit.bending import (
    aborted,
    everything,
    examined,
    forge,
    publication,
    put,
    stopped_in,
)

from troth.audit.aborts import told_abort
from troth.audit.accusations import judge_accusations
from troth.audit.reports import verify_files, verify_reports
from troth.audit.round_check import check_rounds
from troth.audit.study_claims import study_claims
from troth.audit.verdicts import recomputed
from troth.round.candidate import candidate
from troth.round.messages import (
    OPENED_SHARES_FORMAT,
    OpenedShare,
    OpenedShares,
)
from troth.round.transcript import PICK_LEVEL
from troth.round.transitions import Fault, State
from troth.round.view import Accusation

NOTHING = bytes(32)


def accuse(round_, voter, fault, party, evidence=NOTHING):
    round_.view.accusations[voter] = Accusation(fault, party, evidence)


def outcomes(round_):
    found = judge_accusations(round_, everything(round_), examined(round_))
    return {said.by: said.outcome for said in found}


@pytest.mark.parametrize("fault", [Fault.PUBLICATION, Fault.OPENING, Fault.VERIFICATION, Fault.TAG])
def test_accusations_of_what_did_not_happen_are_false(second, fault):
    for voter in (second.study.committee[0], second.study.sites[0]):
        accuse(second, voter, fault, second.study.committee[1], b"\x01" * 32 * (fault < Fault.TAG))
        assert outcomes(second)[str(voter)] == "false"
    (findings,) = check_rounds([second])
    assert any(
        line.status == "proved" and "falsely" in line.text for line in study_claims(findings)
    )


def test_accusations_of_accusers_follow_what_these_said(second):
    first, other = second.study.committee
    site, quiet = second.study.sites[:2]
    accuse(second, other, Fault.PUBLICATION, first)
    accuse(second, first, Fault.ACCUSATION, other)
    accuse(second, site, Fault.ACCUSATION, first)
    accuse(second, quiet, Fault.ACCUSATION, site)
    assert outcomes(second) == {
        str(other): "false",
        str(first): "shown",
        str(site): "false",
        str(quiet): "shown",
    }


def test_accusations_of_each_other_stay_open(second):
    first, other = second.study.committee
    accuse(second, other, Fault.ACCUSATION, first)
    accuse(second, first, Fault.ACCUSATION, other)
    assert set(outcomes(second).values()) == {"open"}


def test_an_accusation_of_somebody_who_accused_nobody_is_false(second):
    first, other = second.study.committee
    accuse(second, first, Fault.ACCUSATION, other)
    assert outcomes(second) == {str(first): "false"}


def evidence(round_, place, extended):
    """What the first member shows of its noise, against the second."""
    shown = OpenedShare(place, round_.study.committee[1], extended)
    return put(round_, OpenedShares(OPENED_SHARES_FORMAT, (shown,)).encode())


def test_evidence_of_a_bent_tag_names_who_bent_it(second):
    """An opened candidate stands for the kept one: its shares are known here."""
    study, view = second.study, second.view
    first, other = study.committee
    true, found = everything(second), publication(second, other)
    place, tags = true.opened_places(0)[0], dict(found.tags)
    tags[place] = study.field.add(tags[place], 1)
    made = candidate(study, second.where, place, view.seeds[first][0], view.heads_digest)
    bent = replace(found, tags=tags)
    accuse(second, first, Fault.TAG, other, evidence(second, place, made.sharing.extended[1]))
    outcome = examined(second)
    assert outcome.tagged is not None
    tags_of_both = (publication(second, first), bent)
    outcome = replace(outcome, tagged=replace(outcome.tagged, publications=tags_of_both))
    accuse(second, study.sites[0], Fault.TAG, other)  # having seen what the member shows

    def outcomes_after(outcome):
        return [said.outcome for said in judge_accusations(second, true, outcome)]

    assert outcomes_after(outcome) == ["shown", "shown"]
    assert outcomes_after(examined(second)) == ["false", "false"]
    del second.blobs[view.accusations[first].evidence]
    assert outcomes_after(outcome) == ["open", "open"]


def test_evidence_decides_a_members_word(second):
    """What is not here leaves it open; what shows nothing makes it false."""
    first, other = second.study.committee
    accuse(second, first, Fault.TAG, other, b"\x09" * 32)
    assert outcomes(second) == {str(first): "open"}
    for data in (b"{}", b""):
        accuse(second, first, Fault.TAG, other, put(second, data))
        assert outcomes(second) == {str(first): "false"}
    kept = second.study.noise_place(0, everything(second).kept[0])
    accuse(second, first, Fault.TAG, other, evidence(second, kept, b"\1\2\3"))
    assert outcomes(second) == {str(first): "false"}
    belonging = second.belonging()
    assert second.view.accusations[first].evidence in belonging


def test_an_aborted_rounds_false_verdict_is_told_but_condemns_nothing(second):
    member = second.study.committee[1]
    codes = bytearray(second.view.verdicts[member])
    codes[0] = 5
    second.view.verdicts[member] = bytes(codes)
    (findings,) = check_rounds([aborted(second, "Disagree")])
    (abort,) = findings.aborts
    assert (abort.reason, abort.party, abort.liars) == ("Disagree", "", (str(member),))
    assert str(member) in abort.fault


@pytest.mark.parametrize("reason", ["Accused", "Silent", "Conflict"])
def test_a_fraud_in_a_round_that_named_nobody_is_named_here(second, reason):
    member = second.study.committee[1]
    second.view.seeds[member] = (b"\x07" * 32,)
    abort, _ = told_abort(aborted(second, reason))
    assert (abort.party, abort.liars) == ("", (str(member),))
    assert "Opening" in abort.fault


def test_votes_that_convict_an_honest_member_name_their_voters(second):
    member, others = second.study.committee[0], second.study.sites[:2]
    for voter in others:
        accuse(second, voter, Fault.PUBLICATION, member)
    abort, accusations = told_abort(aborted(second, "Fault", member))
    assert abort.party == str(member)
    assert abort.liars == tuple(map(str, others))
    assert "votes that nothing bears out" in abort.fault
    assert {said.outcome for said in accusations} == {"false"}


def test_a_conviction_by_evidence_that_is_not_here_stays_open(second):
    first, other = second.study.committee
    accuse(second, first, Fault.TAG, other, b"\x09" * 32)
    abort, _ = told_abort(aborted(second, "Fault", other))
    assert abort.liars == ()
    assert "cannot be told" in abort.fault


@pytest.mark.parametrize("level", ["last reveal", "seeds"])
def test_publications_are_judged_where_noise_was_withheld(second, level):
    """No abort shields a sum that does not follow; what was withheld is the ledger's to say."""
    first, other = second.study.committee
    if level == "last reveal":
        del second.view.reveals[PICK_LEVEL][first]
        second.view.seeds.clear()
    else:
        del second.view.seeds[first]
    quiet = aborted(second, "Withheld", first)
    abort, _ = told_abort(quiet)
    assert (abort.liars, abort.fault) == ((), "")
    assert set(second.view.publications.values()) <= quiet.belonging()
    data = bytearray(second.blobs[second.view.publications[other]])
    data[0] ^= 1
    second.view.publications[other] = put(second, bytes(data))
    abort, _ = told_abort(quiet)
    assert abort.liars == (str(other),)


def test_without_everybodys_word_publications_are_not_asked_for(second):
    stopped_in(second, State.PUBLISHED)
    quiet = aborted(second, "Unavailable")
    assert set(second.view.files.values()) <= quiet.belonging()
    assert not set(second.view.publications.values()) & quiet.belonging()
    stopped_in(second, State.COMMITTED)
    assert quiet.belonging() == set()
    abort, _ = told_abort(quiet)
    assert (abort.reason, abort.liars, abort.fault) == ("Unavailable", (), "")


def rejected(round_, member):
    """The round as if a forged verifier share had evicted the first member's noise."""
    place = round_.study.noise_place(0, 0)
    forge(round_, member, place)
    true = recomputed(round_, verify_reports(round_), verify_files(round_))
    assert true[place] != 0
    for other in round_.study.committee:
        round_.view.verdicts[other] = true
    stopped_in(round_, State.JUDGED)
    return aborted(round_, "Noise")


def test_rejected_noise_that_nobody_opened_names_nobody(second):
    first, liar = second.study.committee
    abort, _ = told_abort(rejected(second, liar))
    assert abort.liars == ()
    assert f"{first} did not open its rejected noise" in abort.fault


def test_noise_opened_with_other_seeds_names_its_owner(second):
    first, liar = second.study.committee
    bent = rejected(second, liar)
    bent.view.defences[first] = (b"\x01" * 32, b"\x02" * 32)
    abort, _ = told_abort(bent)
    assert abort.liars == (str(first),)
    assert "its seed gives another report" in abort.fault


def denied(round_, extended):
    """The round as if the second member had denied the first one's noise to the end."""
    first, other = round_.study.committee
    place = round_.study.noise_place(0, 0)
    stopped_in(round_, State.ANSWERED)
    round_.view.opened[other] &= ~(1 << place)
    round_.first_words[other] &= ~(1 << place)
    round_.view.answers[first] = evidence(round_, place, extended)
    return aborted(round_, "Noise", first, other)


def test_an_answer_that_does_not_open_names_its_owner(second):
    first, other = second.study.committee
    abort, _ = told_abort(denied(second, b"\1\2\3"))
    assert (abort.party, abort.other, abort.liars) == (str(first), str(other), (str(first),))
    assert "is not what it reported" in abort.fault


def test_an_answer_that_is_none_names_its_owner(second):
    first = second.study.committee[0]
    bent = denied(second, b"")
    second.view.answers[first] = put(second, b"{}")
    assert told_abort(bent)[0].liars == (str(first),)


def test_whoever_denies_what_it_had_opened_is_named(second):
    other = second.study.committee[1]
    bent = denied(second, b"")
    bent.first_words[other] = bent.view.present
    abort, _ = told_abort(bent)
    assert abort.liars == (str(other),)
    assert "had said it could open" in abort.fault


def test_nothing_follows_from_sums_over_a_set_that_does_not(second):
    """All members agreed on a false verdict: they lied, whatever they published then."""
    for member, posted in second.view.verdicts.items():
        second.view.verdicts[member] = bytes(len(posted))
    data = b"not a publication"
    second.view.publications[second.study.committee[0]] = put(second, data)
    abort, accusations = told_abort(aborted(second, "Conflict"))
    assert sorted(abort.liars) == sorted(map(str, second.study.committee))
    assert accusations == []
