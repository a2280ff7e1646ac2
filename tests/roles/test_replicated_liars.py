"""Replicated shares (B3, B4): one party lies. B4 goes on without it, B3 ends cleanly."""

import os

import pytest
from tests.roles.replicated_liars import (
    Babbling,
    Complaining,
    Denying,
    Forging,
    Garbling,
    Hoarding,
    KeepingSums,
    Misaddressing,
    Misjudging,
    Muddling,
    Shifting,
    Shortsighted,
    Told,
)
from tests.roles.replicated_staging import (
    LIAR,
    SHAPES,
    SITES,
    begun,
    both_modes,
    computed_once,
    left,
    over,
    pair,
    reached,
    released,
    settled,
    went_on,
)
from tests.roles.staging import (
    VERDICTS,
    aborted,
    codes,
    copied,
    in_state,
    ones,
    progress,
    view_of,
    with_member,
)

from troth.ledger.address import ZERO
from troth.round.messages import MAX_MESSAGE, decode_echo
from troth.round.published import owners_of_noise
from troth.round.transcript import bits
from troth.round.transitions import State


@pytest.fixture(scope="module", autouse=True)
def _computed_once():
    with computed_once():
        yield


@pytest.fixture
def world(tmp_path, tmp_path_factory):
    """``world(mode, state)``: a study of a mode at the beginning of a state of its first round."""
    return lambda mode, state: copied(begun(mode, state, tmp_path_factory.mktemp), tmp_path / mode)


# Lies about verifier shares and verdicts.


def test_b4_names_who_forges_verifier_shares_and_goes_on_without_it(world):
    small = world("B4", State.KEYED)
    parties = with_member(small, Forging, LIAR)
    small.run(over, parties)
    went_on(small, parties, noise={0, 2, 3})
    assert left(small) == {LIAR: (State.JUDGED, "Disagree")}


@pytest.mark.parametrize("place", [4, 6], ids=["its own", "another's"])
def test_b4_evicts_no_noise_on_the_word_of_one(world, place):
    small = world("B4", State.KEYED)
    view = small.run(reached(State.SETTLED), with_member(small, Forging, LIAR, place=place))
    assert not any(codes(view)[:-1])
    assert left(small) == {LIAR: (State.JUDGED, "Disagree")}
    assert owners_of_noise(small.study, view.current.accepted) == (0, 2, 3)


@pytest.mark.parametrize(("liar", "share", "named"), [(2, 0, (1, 2)), (0, 1, (0, 2))])
def test_b3_ends_and_names_both_holders_of_a_share_who_differ(world, liar, share, named):
    small = world("B3", State.KEYED)
    parties = with_member(small, Forging, liar, shares=[share])
    view = small.run(aborted, parties).rounds[1]
    assert view.aborted[0] == "Disagree"
    assert pair(small) == tuple(small.study.committee[member] for member in named)
    assert view.sums == {}
    assert released(small)
    assert progress(small).guilty == 0


@pytest.mark.parametrize("liar", range(3))
def test_b3_names_a_pair_with_the_liar_in_it_when_all_its_shares_are_false(world, liar):
    small = world("B3", State.KEYED)
    view = small.run(aborted, with_member(small, Forging, liar)).rounds[1]
    assert view.aborted[0] == "Disagree"
    assert small.study.committee[liar] in pair(small)
    assert released(small)


LIES = {
    "a site is rejected": {0: VERDICTS.index("share")},
    "noise is rejected": {2: VERDICTS.index("validity")},
    "somebody is contradicted": {-1: 0b0001},
    "itself is contradicted": {-1: 0b0010},
}


@pytest.mark.parametrize("lie", list(LIES)[1:])
def test_b4_outvotes_a_false_verdict(world, lie):
    small = world("B4", State.JUDGED)
    parties = with_member(small, Misjudging, wrong=LIES[lie])
    view = small.run(reached(State.SETTLED), parties).current
    assert left(small) == {LIAR: (State.JUDGED, "Disagree")}
    assert list(bits(view.accepted)) == [0, 1, 2, 3, 6, 7, 8, 9]


def test_b4_goes_on_without_who_posts_a_false_verdict(world):
    small = world("B4", State.JUDGED)
    parties = with_member(small, Misjudging, wrong=LIES["a site is rejected"])
    small.run(over, parties)
    went_on(small, parties, noise={0, 2, 3})


@pytest.mark.parametrize("wrong", LIES.values(), ids=LIES)
def test_b3_ends_where_verdicts_differ(world, wrong):
    small = world("B3", State.JUDGED)
    view = small.run(aborted, with_member(small, Misjudging, LIAR, wrong=wrong)).rounds[1]
    assert view.aborted == ("Disagree", ZERO)
    assert view.sums == {}
    assert released(small)


# Lies about sums.


def test_b4_names_who_shifts_a_sum_and_nobody_ever_sees_that_sum(world):
    small = world("B4", State.SETTLED)
    parties = with_member(small, Shifting, LIAR)
    view = small.run(over, parties).rounds[1]
    went_on(small, parties, noise={0, 2, 3})
    assert left(small) == {LIAR: (State.SETTLED, "Disagree")}
    shifted, *others = view.sums[small.study.committee[LIAR]]
    assert not small.consortium.store.has(shifted)
    assert all(small.consortium.store.has(agreed) for agreed in others)


def test_b3_ends_where_sums_differ_and_publishes_none_at_all(world):
    small = world("B3", State.SETTLED)
    view = small.run(aborted, with_member(small, Shifting, LIAR)).rounds[1]
    assert view.aborted[0] == "Disagree"
    assert pair(small) == (small.study.committee[LIAR], small.study.committee[2])
    posted = [digest for digests in view.sums.values() for digest in digests]
    assert len(posted) == 6
    assert not any(small.consortium.store.has(digest) for digest in posted)
    assert view.reveals[0] == {}
    assert settled(small)
    assert progress(small).guilty == 0


@both_modes
def test_a_sum_that_one_holder_keeps_back_another_one_serves(world, mode):
    small = world(mode, State.HELD)
    parties = with_member(small, KeepingSums, LIAR)
    small.run(over, parties)
    went_on(small, parties, noise=range(SHAPES[mode].members))


# Denials, and keys from other holders.


@pytest.mark.parametrize("place", [0, 2], ids=["of a site", "of noise"])
@both_modes
def test_a_false_denial_may_be_taken_back_after_the_answers(world, mode, place):
    small = world(mode, State.CLOSED)
    parties = with_member(small, Denying, LIAR, denied=1 << place, relents=True)
    view = small.run(reached(State.DELIVERED), parties).current
    assert view.answers.keys() == set(small.study.committee)
    assert view.delivered == view.present
    assert left(small) == {}


def test_b4_goes_on_without_who_still_denies_what_it_was_given_twice(world):
    small = world("B4", State.CLOSED)
    parties = with_member(small, Denying, LIAR, denied=0b0101)
    view = small.run(over, parties).rounds[1]
    went_on(small, parties, noise={0, 2, 3})
    assert left(small) == {LIAR: (State.ANSWERED, "Disagree")}
    assert view.delivered == view.present


def test_b3_leaves_a_site_out_that_a_member_denies_for_all_to_see(world):
    small = world("B3", State.CLOSED)
    parties = with_member(small, Denying, LIAR, denied=0b01)
    view = small.run(reached(State.DELIVERED), parties).current
    assert view.state is State.DELIVERED
    assert view.delivered == view.present & ~1
    assert not view.opened[small.study.committee[LIAR]] & 1
    assert left(small) == {}


def test_b3_ends_with_owner_and_denier_where_a_member_denies_noise(world):
    small = world("B3", State.CLOSED)
    view = small.run(aborted, with_member(small, Denying, LIAR, denied=1 << 2)).rounds[1]
    assert view.aborted[0] == "Noise"
    assert pair(small) == (small.study.committee[0], small.study.committee[LIAR])
    assert released(small)
    assert progress(small).guilty == 0


def misaddressed(small, victims, share=1):
    """All parties, of which the first site seals a share wrongly."""
    site = Misaddressing(small.study, small.study.sites[0], ones, os.urandom)
    site.share, site.victims = share, victims
    return [small.consortium.party(small.study, site), *small.sites[1:]]


@pytest.fixture(scope="module")
def mailed_wrongly(tmp_path_factory):
    """By mode, a round in which member 2 cannot open share 1 of the first site, just closed."""
    found = {}
    for mode in SHAPES:
        small = copied(
            begun(mode, State.OPEN, tmp_path_factory.mktemp),
            tmp_path_factory.mktemp("wrong") / mode,
        )
        small.run(in_state(State.CLOSED), [*misaddressed(small, [2]), *small.aggregators])
        found[mode] = small
    return found


@both_modes
def test_a_share_that_one_holder_cannot_open_comes_to_it_from_the_others(
    mailed_wrongly, tmp_path, mode
):
    """Each of them gives it, and nobody else, the keys of all shares that both are to hold."""
    small = copied(mailed_wrongly[mode], tmp_path / mode)
    view = small.run(reached(State.DELIVERED)).current
    receiver = small.study.committee[2]
    for index, member in enumerate(small.study.committee):
        found = small.consortium.store.get(view.answers[member], max_size=MAX_MESSAGE)
        said = {(key.place, key.share, key.member) for key in decode_echo(found).keys}
        both = set(range(SHAPES[mode].members)) - {index, 2}
        assert said == ({(0, share, receiver) for share in both} if index != 2 else set())
    assert not view.left
    assert view.delivered == view.present


def test_a_share_that_came_from_others_is_verified_and_summed_like_any(mailed_wrongly, tmp_path):
    small = copied(mailed_wrongly["B3"], tmp_path / "B3")
    small.run(over)
    went_on(small, [], noise=range(3))


@both_modes
def test_a_share_that_two_holders_cannot_open_is_undelivered(world, mode):
    small = world(mode, State.OPEN)
    parties = [*misaddressed(small, [0, 2]), *small.aggregators]
    view = small.run(reached(State.DELIVERED), parties).current
    assert view.delivered == view.present & ~1
    assert view.answers == {}
    assert left(small) == {}


garbled = pytest.mark.parametrize(
    "liar", [Garbling, Babbling, Muddling], ids=lambda kind: kind.__name__
)


@garbled
def test_b4_needs_one_honest_holder_to_pass_a_key_on(mailed_wrongly, tmp_path, liar):
    small = copied(mailed_wrongly["B4"], tmp_path / "B4")
    view = small.run(reached(State.DELIVERED), with_member(small, liar, 0)).current
    assert view.state is State.DELIVERED
    assert view.delivered == view.present
    assert left(small) == {}


@garbled
def test_b3_loses_a_site_whose_share_the_other_holder_does_not_pass_on(
    mailed_wrongly, tmp_path, liar
):
    small = copied(mailed_wrongly["B3"], tmp_path / "B3")
    view = small.run(reached(State.DELIVERED), with_member(small, liar, 0)).current
    assert view.state is State.DELIVERED
    assert view.delivered == view.present & ~1
    assert left(small) == {}


# Verifier files that cannot be had.


def test_b4_goes_on_without_who_serves_its_file_to_nobody(world):
    small = world("B4", State.COMMITTED)
    parties = with_member(small, Hoarding, LIAR)
    small.run(over, parties)
    went_on(small, parties, noise={0, 2, 3})
    assert left(small) == {LIAR: (State.COMMITTED, "Unavailable")}


def test_b3_ends_and_names_who_serves_its_file_to_nobody(world):
    small = world("B3", State.COMMITTED)
    view = small.run(aborted, with_member(small, Hoarding, LIAR)).rounds[1]
    assert view.aborted == ("Unavailable", small.study.committee[LIAR])
    assert released(small)
    assert progress(small).guilty == 0


def test_b4_passes_over_a_false_word_about_a_file(world):
    small = world("B4", State.COMMITTED)
    view = small.run(reached(State.SETTLED), with_member(small, Complaining, victim=2)).current
    assert left(small) == {}
    assert view.accepted == view.present


def test_b3_ends_on_one_word_about_a_file_and_names_nobody(world):
    small = world("B3", State.COMMITTED)
    view = small.run(aborted, with_member(small, Complaining, LIAR, victim=2)).rounds[1]
    assert view.aborted == ("Unavailable", ZERO)
    assert released(small)


def told(small, indices, private):
    """All parties, of which some members are served blobs that the store does not have."""
    members = list(small.aggregators)
    for index in indices:
        party = members[index]
        members[index] = Told(party.role, party.account, party._path)
        members[index].private = private
    return [*small.sites, *members]


def test_a_file_that_is_served_to_some_only_comes_to_the_others_from_them(world, tmp_path_factory):
    small = world("B4", State.COMMITTED)
    named = view_of(small).current.files[small.study.committee[LIAR]]
    blob = begun("B4", State.JUDGED, tmp_path_factory.mktemp).consortium.store.get(
        named, max_size=MAX_MESSAGE
    )
    parties = told(small, [0, 2], {named: blob})
    parties[SITES + LIAR] = with_member(small, Hoarding)[SITES + LIAR]
    view = small.run(reached(State.SETTLED), parties).current
    assert left(small) == {}
    assert view.fetched[small.study.committee[3]] == 0b1111


@both_modes
def test_a_sealed_share_that_is_served_to_some_only_comes_to_the_other_from_them(world, mode):
    small = world(mode, State.CLOSED)
    store, members = small.consortium.store, SHAPES[mode].members
    named = small.sites[0].state.report.sealed[0]
    parties = told(small, range(members - 1), {named: store.get(named, max_size=MAX_MESSAGE)})
    store.delete(named)
    view = small.run(reached(State.DELIVERED), parties).current
    assert left(small) == {}
    assert view.answers.keys() == set(small.study.committee)
    assert view.delivered == view.present


def shortsighted(small, index, lost):
    """All parties, of which a member cannot fetch one blob."""
    party = small.aggregators[index]
    blind = Shortsighted(party.role, party.account, party._path)
    blind.lost = lost
    members = [*small.aggregators[:index], blind, *small.aggregators[index + 1 :]]
    return [*small.sites, *members]


def test_b4_goes_on_without_an_honest_member_that_cannot_fetch_a_file(world):
    small = world("B4", State.COMMITTED)
    lost = view_of(small).current.files[small.study.committee[2]]
    parties = shortsighted(small, 0, lost)
    small.run(over, parties)
    view = went_on(small, parties, noise={1, 2, 3})
    assert view.fetched[small.study.committee[0]] == 0b1011
    assert left(small) == {0: (State.JUDGED, "Withheld")}


def test_b3_ends_when_an_honest_member_cannot_fetch_a_file(world):
    small = world("B3", State.COMMITTED)
    lost = view_of(small).current.files[small.study.committee[2]]
    view = small.run(aborted, shortsighted(small, 0, lost)).rounds[1]
    assert view.aborted == ("Unavailable", ZERO)
    assert released(small)
    assert progress(small).guilty == 0
