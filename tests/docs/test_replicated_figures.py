"""What docs/security.md counts in C15 and C22 to C26: holders, words, votes, noise that stays."""

from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.docs.test_round_figures import STUDIES, votes_needed

from troth.domain.terms import most_honest
from troth.round.study import Study

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
PAGE = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
MODES = {"B3": 3, "B4": 4}


def study(members):
    return cast("Study", SimpleNamespace(committee=(b"",) * members, replicated=True))


def held(members, member):
    return set(Study.shares_of(study(members), 0, member))


def holders(members, share):
    return set(Study.holders(study(members), 0, share))


sizes = pytest.mark.parametrize("members", MODES.values(), ids=MODES)


@sizes
def test_any_one_member_lacks_one_share_and_any_two_have_all(members):
    """Privacy against one, none against two; and two honest holders open all absent noise."""
    every = set(range(members))
    lacked = [every - held(members, member) for member in range(members)]
    assert [len(shares) for shares in lacked] == [1] * members
    assert set.union(*lacked) == every
    for one, other in combinations(range(members), 2):
        assert held(members, one) | held(members, other) == every
    assert "Two members see every update" in PAGE


@sizes
def test_of_any_two_holders_one_is_honest_and_of_three_two_are(members):
    """With one liar: of four members its word is outvoted on each share; of three it is a tie."""
    for liar in range(members):
        for share in held(members, liar):
            honest = holders(members, share) - {liar}
            assert len(honest) == members - 2
    # With one of four gone, each share still has two holders at least.
    for gone in range(members):
        assert all(len(holders(members, share) - {gone}) >= members - 2 for share in range(members))


def test_a_share_that_one_of_four_lacks_has_an_honest_holder_among_the_others():
    for denier, liar in combinations(range(4), 2):
        for lacking, dishonest in ((denier, liar), (liar, denier)):
            for share in held(4, lacking):
                assert holders(4, share) - {lacking, dishonest}
    # Of three members it may be the liar alone.
    assert holders(3, 0) - {1, 2} == set()


@pytest.mark.parametrize("mode", MODES)
def test_noise_of_h_honest_members_stays_when_that_of_one_is_taken_out(mode):
    """The corrupt member knows its own noise, whoever's else is gone."""
    members = MODES[mode]
    for honest in range(1, most_honest(mode, members) + 1):
        assert members - 1 >= honest  # nothing is taken out
        if mode == "B4":
            assert members - 1 > honest  # one owner's is: h + 1 stay
            assert members - 2 >= honest
    assert most_honest(mode, members) == 2
    assert "noise of h + 1 other owners at least stays" in PAGE


def test_how_many_sites_have_to_be_accepted_for_a_model():
    """With one member of four gone; with one of three or four, and c sites, voting otherwise."""
    for members, sites, corrupt in STUDIES:
        if members not in MODES.values():
            continue
        needed = votes_needed(members, sites, corrupt)
        if members == MODES["B4"]:
            assert (members - 1 + sites >= needed) == (sites >= corrupt + 2)
        assert (members - 1 + sites - corrupt >= needed) == (sites >= 2 * corrupt + 2)
    assert "terms ask for c + 2 sites at least" in PAGE
    assert "2c + 2 accepted sites" in PAGE
