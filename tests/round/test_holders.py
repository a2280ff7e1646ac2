"""What holders say of a share: two equal words stand, and whoever says another is contradicted."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.ledger.address import Address
from troth.round.holders import Agreed, agreed, contradicted
from troth.round.messages import VERIFIER_FILE_FORMAT, VerifierEntry, VerifierFile
from troth.round.transcript import bits
from troth.round.transitions import table
from troth.round.verdict import verdict

PLACE = 2
RIGHT, FALSE, OTHER = ("", b"right"), ("", b"false"), ("query", b"")


def study_of(members, places=3, *, replicated=True) -> Any:
    """As much of a study as words of holders need."""
    committee = tuple(Address(bytes([member + 1]) * 20) for member in range(members))
    return SimpleNamespace(committee=committee, reporters=range(places), replicated=replicated)


def file_of(study, member, words, place=PLACE):
    """A member's file about one report; its words by share."""
    entries = tuple(VerifierEntry(place, share, *word) for share, word in sorted(words.items()))
    return VerifierFile(VERIFIER_FILE_FORMAT, study.committee[member], entries)


def said(members, live, lies):
    """Files in which live members say what is right of all that they hold, but for some lies.

    Args:
        members: number of members, and of shares.
        live: indices of members.
        lies: what they say else, by member and share.
    """
    study = study_of(members)
    files = [
        file_of(
            study,
            member,
            {s: lies.get((member, s), RIGHT) for s in range(members) if s != member},
        )
        for member in live
    ]
    return agreed(study, PLACE, files)


@pytest.mark.parametrize("live", [(0, 1, 2), (0, 1, 2, 3), (0, 2, 3)])
def test_what_all_holders_say_stands(live):
    found = said(max(live) + 1, live, {})
    assert found == Agreed((RIGHT,) * (max(live) + 1), frozenset(), ())
    assert contradicted([found]) == frozenset()


@pytest.mark.parametrize("lie", [FALSE, OTHER])
def test_of_three_holders_two_outvote_the_third(lie):
    assert said(4, range(4), {(1, 3): lie}) == Agreed((RIGHT,) * 4, frozenset({1}), ())


def test_two_equal_lies_stand_against_one_honest_word():
    """The limit of both modes: two members that lie alike are too many."""
    found = said(4, range(4), {(1, 3): FALSE, (2, 3): FALSE})
    assert found == Agreed((RIGHT, RIGHT, RIGHT, FALSE), frozenset({0}), ())


def test_of_three_different_words_none_stands():
    found = said(4, range(4), {(1, 3): FALSE, (2, 3): OTHER})
    assert found == Agreed((RIGHT, RIGHT, RIGHT, None), frozenset(), (frozenset({0, 1, 2}),))


@pytest.mark.parametrize(("members", "live"), [(3, (0, 1, 2)), (4, (0, 1, 2))])
def test_of_two_different_words_none_stands(members, live):
    found = said(members, live, {(1, 2): FALSE})
    assert found.words == (RIGHT, RIGHT, None, RIGHT)[:members]
    assert (found.outvoted, found.tied) == (frozenset(), (frozenset({0, 1}),))


def test_with_one_member_gone_the_share_that_it_lacks_still_has_three_holders():
    found = said(4, (0, 1, 2), {(1, 3): FALSE})
    assert found == Agreed((RIGHT,) * 4, frozenset({1}), ())


def test_whom_all_pairs_that_differ_have_in_common_is_contradicted_alone():
    two = said(3, range(3), {(2, 0): FALSE, (2, 1): FALSE})
    assert contradicted([two]) == {2}
    one, other = said(3, range(3), {(2, 0): FALSE}), said(3, range(3), {(2, 1): FALSE})
    assert contradicted([one]) == {1, 2}
    assert contradicted([one, other]) == {2}


def test_where_pairs_have_nobody_in_common_everybody_in_them_is_contradicted():
    """More than one lies: nobody of them can be left out."""
    found = said(3, range(3), {(0, 1): FALSE, (1, 2): FALSE, (2, 0): FALSE})
    assert contradicted([found]) == {0, 1, 2}


def test_entries_about_other_reports_say_nothing():
    study = study_of(3)
    files = [file_of(study, m, {s: RIGHT for s in range(3) if s != m}) for m in range(3)]
    stray = replace(files[0], entries=(*files[0].entries, VerifierEntry(0, 1, *FALSE)))
    assert agreed(study, PLACE, [stray, *files[1:]]) == agreed(study, PLACE, files)


def test_where_a_share_has_one_holder_its_word_stands():
    study = study_of(2, replicated=False)
    files = [file_of(study, 0, {0: RIGHT}), file_of(study, 1, {1: OTHER})]
    found = agreed(study, PLACE, files)
    assert found == Agreed((RIGHT, OTHER), frozenset(), ())


# One liar, whatever it says of whatever it holds.

WORDS = st.sampled_from([RIGHT, FALSE, OTHER])


@st.composite
def one_liar(draw, *, everybody=False):
    """Members, those that are live, the liar among them, and its words by place and share."""
    members = 4 if everybody else draw(st.sampled_from([3, 4]))
    live = set(range(members))
    if members == 4 and not everybody:
        live -= draw(st.sets(st.sampled_from(range(4)), max_size=1))
    liar = draw(st.sampled_from(sorted(live)))
    held = [(place, share) for place in range(3) for share in range(members) if share != liar]
    lies = draw(st.dictionaries(st.sampled_from(held), WORDS))
    return members, live, liar, lies


@given(one_liar())
def test_no_word_of_a_single_liar_ever_stands(setting):
    members, live, liar, lies = setting
    spoken = {(liar, share): word for (place, share), word in lies.items() if place == PLACE}
    found = said(members, sorted(live), spoken)
    assert set(found.words) <= {RIGHT, None}
    false = [share for (_, share), word in spoken.items() if word != RIGHT]
    undecided = {share for share in false if len(live - {share}) < 3}
    assert {share for share, word in enumerate(found.words) if word is None} == undecided
    assert bool(contradicted([found])) == bool(false)
    assert not found.outvoted - {liar}
    assert all(liar in pair and len(pair) == 2 for pair in found.tied)


@given(one_liar(everybody=True))
def test_all_four_name_exactly_the_liar(setting):
    _, live, liar, lies = setting
    spoken = {(liar, share): word for (place, share), word in lies.items() if place == PLACE}
    found = said(4, sorted(live), spoken)
    lied = any(word != RIGHT for word in spoken.values())
    assert found == Agreed((RIGHT,) * 4, frozenset({liar} if lied else ()), ())


# The verdict: over all reports, whom it calls contradicted. Nothing decodes here, by all words.

BROKEN = ("share", b"")


def judged(setting):
    """The verdict where honest members say of every share that it does not decode."""
    members, live, liar, lies = setting
    study = study_of(members)
    files = []
    for member in sorted(live):
        entries = [
            VerifierEntry(
                place, share, *(lies.get((place, share), BROKEN) if member == liar else BROKEN)
            )
            for place in range(3)
            for share in range(members)
            if share != member
        ]
        files.append(VerifierFile(VERIFIER_FILE_FORMAT, study.committee[member], tuple(entries)))
    envelopes: Any = dict.fromkeys(range(3))
    return verdict(study, present=0b111, delivered=0b111, envelopes=envelopes, files=files)


@given(one_liar())
def test_a_member_or_pair_that_a_verdict_names_holds_the_liar(setting):
    """An abort names the two lowest of those that are contradicted; in B4 one alone leaves."""
    _, live, liar, lies = setting
    *codes, byte = judged(setting)
    assert set(codes) == {table().verdicts.index("share")}
    named = list(bits(byte))[:2]
    assert (liar in named) == bool(lies)  # no word that it has here is the honest one
    assert len(set(bits(byte))) <= 2
    assert set(bits(byte)) <= live
    if len(live) == 4:
        assert named in ([], [liar])


def test_a_verdict_of_mode_a_names_nobody():
    study = study_of(2, replicated=False)
    files = [
        VerifierFile(
            VERIFIER_FILE_FORMAT,
            study.committee[member],
            tuple(VerifierEntry(place, member, *BROKEN) for place in range(3)),
        )
        for member in range(2)
    ]
    envelopes: Any = dict.fromkeys(range(3))
    codes = verdict(study, present=0b111, delivered=0b011, envelopes=envelopes, files=files)
    named = [table().verdicts[code] for code in codes]
    assert named == ["share", "share", "undelivered"]
