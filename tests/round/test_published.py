"""What follows from published blobs and reveals: the same for everybody who reads them."""

import copy

import pytest

from troth.round.published import everybody, kept_candidates, rho_seed
from troth.round.transcript import CHALLENGE_LEVEL, PICK_LEVEL, VERIFY_LEVEL


@pytest.fixture
def read(of_three):
    study, view = of_three.small.study, copy.deepcopy(of_three.round)
    return study, view, of_three.published


def test_opened_places_are_all_of_a_members_but_the_kept_one(read):
    study, _, published = read
    for member in range(len(study.committee)):
        noise = [study.noise_place(member, number) for number in range(2)]
        assert sorted([*published.opened_places(member), noise[published.kept[member]]]) == noise


def test_everything_is_in_committee_order(read):
    study, view, published = read
    assert [(said,) for said in published.sum_digests] == [view.sums[m] for m in study.committee]
    assert list(published.seeds) == [view.seeds[member] for member in study.committee]
    assert everybody(study) == 0b111


def test_every_owner_opens_its_noise_itself_where_shares_have_one_holder(read):
    _, _, published = read
    assert list(published.openers) == [0, 1, 2]
    assert published.recovered == {}


def changes(study):
    """What may differ in a view, by what it is called, and whether ρ and the pick depend on it."""
    member = study.committee[1]

    def reveal(level):
        return lambda view: view.reveals[level].update({member: bytes(32)})

    return {
        "file": (lambda view: view.files.update({member: bytes(32)}), True, True),
        "sum": (lambda view: view.sums.update({member: (bytes(32),)}), True, True),
        "accepted": (lambda view: setattr(view, "accepted", view.accepted ^ 1), True, True),
        "h(k)": (reveal(CHALLENGE_LEVEL), True, True),
        "publication": (lambda v: v.publications.update({member: bytes(32)}), False, True),
        "k": (reveal(PICK_LEVEL), False, True),
        "h2(k)": (reveal(VERIFY_LEVEL), False, False),
        "model": (lambda view: setattr(view, "model_digest", bytes(32)), False, False),
    }


NAMES = ("file", "sum", "accepted", "h(k)", "publication", "k", "h2(k)", "model")


@pytest.mark.parametrize("name", NAMES)
def test_the_challenge_depends_on_what_was_bound_before_it_and_on_nothing_later(read, name):
    study, view, published = read
    change, moves, _ = changes(study)[name]
    before = rho_seed(study, view, published.verify_key)
    assert before == published.rho_seed
    change(view)
    assert (rho_seed(study, view, published.verify_key) != before) == moves


@pytest.mark.parametrize("name", NAMES)
def test_the_pick_depends_on_everything_that_was_published(read, name):
    """Over 24 verify keys, so that a pick that moved cannot look the same by chance."""
    study, view, published = read
    change, _, moves = changes(study)[name]

    def picks():
        keys = [bytes([n]) * len(published.verify_key) for n in range(24)]
        return [kept_candidates(study, view, key) for key in keys]

    before = picks()
    change(view)
    assert (picks() != before) == moves


def test_both_depend_on_the_verify_key(read):
    study, view, published = read
    other = bytes(len(published.verify_key))
    assert rho_seed(study, view, other) != published.rho_seed
