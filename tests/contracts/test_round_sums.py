"""Rounds, steps 7b to 10b: sums, keys, publications, and the noise that is opened."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.rounds import (
    Confirmed,
    KeyRevealed,
    Moved,
    NoiseOpened,
    PublicationPosted,
    RoundAborted,
    SumCommitted,
)

SETTLED, SUMMED, CHALLENGED, PUBLISHED, HELD, PICKED = range(11, 17)
OPENED = 18
COMMITTED = 9
WITHHELD, UNAVAILABLE = 1, 6
NONE = bytes(32)


@pytest.fixture
def three(world, account):
    """A study of three members with four candidates each, not yet announced."""
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    return world.start("three members", committee=committee, noise_candidates=4)


def test_sums_are_committed_then_challenged_then_published(world, account, digest):
    play = world.reach("Settled")
    assert play.refuses("commit_sum", "a1", (NONE,)) == ("ZeroDigest",)
    for wrong in ((), (digest("one"), digest("another"))):
        assert play.refuses("commit_sum", "a1", wrong) == ("WrongSums", account("a1").address)
    event = SumCommitted(world.study, 1, account("a1").address, (digest("sum a1"),))
    assert play.do("commit_sum", "a1") == [event]
    assert play.refuses("publish", "a1") == ("WrongState", SETTLED)
    assert play.do("commit_sum", "a2")[1:] == [Moved(world.study, 1, SUMMED, world.now + 60)]
    assert play.refuses("publish", "a1") == ("WrongState", SUMMED)
    assert play.all_do("reveal")[1:] == [Moved(world.study, 1, CHALLENGED, world.now + 60)]
    assert play.refuses("publish", "a1", NONE) == ("ZeroDigest",)
    posted = PublicationPosted(world.study, 1, account("a2").address, digest("publication a2"))
    assert play.do("publish", "a2") == [posted]
    moved = Moved(world.study, 1, PUBLISHED, world.now + 61)
    assert play.do("publish", "a1")[1:] == [moved]
    assert play.all_do("confirm")[1:] == [Moved(world.study, 1, HELD, world.now + 60)]


@pytest.mark.parametrize(
    ("state", "level", "following"),
    [("Delivered", 2, 8), ("Summed", 1, CHALLENGED), ("Held", 0, PICKED)],
)
def test_keys_are_revealed_level_by_level(world, account, state, level, following):
    play = world.reach(state)
    member = account("a1").address
    wrong = [play.key("a1", other) for other in range(4) if other != level]
    for value in (*wrong, play.key("a2", level), NONE):
        assert play.refuses("reveal", "a1", value) == ("WrongReveal", member)
    revealed = KeyRevealed(world.study, 1, member, level, play.key("a1", level))
    assert play.do("reveal", "a1") == [revealed]
    assert play.refuses("reveal", "a1") == ("AlreadyPosted", world.study, 1, member)
    moved = Moved(world.study, 1, following, world.now + 61)
    assert play.do("reveal", "a2")[1:] == [moved]


def test_a_key_of_another_round_opens_nothing_here(world):
    world.reach("Final")
    play = world.play.following
    for state, level in (("Delivered", 2), ("Summed", 1), ("Held", 0)):
        before = world.snapshot()
        play.bring_to(state)
        assert play.refuses("reveal", "a1", world.play.key("a1", level))[0] == "WrongReveal"
        world.restore(before)


@pytest.mark.parametrize("state", ["Committed", "Published"])
@pytest.mark.parametrize("fetched", [0b00, 0b10, 0b101, 1 << 255 | 0b11])
def test_a_member_has_its_own_blob_and_no_others_than_the_committees(world, state, fetched):
    play = world.reach(state)
    assert play.refuses("confirm", "a1", fetched) == ("WrongBitmap", 0b11, fetched)
    event = Confirmed(world.study, 1, play.terms.committee[0], 0b01)
    assert play.do("confirm", "a1", 0b01) == [event]


@pytest.mark.parametrize(("state", "number"), [("Committed", COMMITTED), ("Published", PUBLISHED)])
@pytest.mark.parametrize("order", [("a1", "a2"), ("a2", "a1")])
def test_of_two_members_nobody_is_named(world, state, number, order):
    play = world.reach(state)
    play.do("confirm", order[0], 1 << int(order[0] == "a2"))
    events = play.do("confirm", order[1])
    assert events[-2] == RoundAborted(world.study, 1, UNAVAILABLE, number, ZERO, ZERO)
    assert play.reserved() == 0
    assert (play.settled() > 0) == (state == "Published")
    assert play.progress.unattributed == 1


@pytest.mark.parametrize(
    ("fetched", "named"),
    [
        ((0b101, 0b111, 0b111), None),  # one of two others is not more than half
        ((0b101, 0b111, 0b101), "a2"),
        ((0b111, 0b110, 0b110), "a1"),
        ((0b001, 0b110, 0b110), "a1"),
        ((0b001, 0b010, 0b100), "a1"),  # everybody of everybody: the first
        ((0b011, 0b110, 0b101), None),
    ],
)
@pytest.mark.parametrize("state", ["Committed", "Published"])
def test_of_three_members_a_majority_of_the_others_names(three, account, state, fetched, named):
    three.bring_to(state)
    posts = zip(three.committee, fetched, strict=True)
    events = [three.do("confirm", name, bitmap) for name, bitmap in posts][-1]
    party = account(named).address if named else ZERO
    (ended,) = [event for event in events if isinstance(event, RoundAborted)]
    assert (ended.reason, ended.party, ended.other) == (UNAVAILABLE, party, ZERO)
    assert three.progress.unattributed == 1
    assert three.progress.guilty == 0  # a majority of the others is no proof


@pytest.mark.parametrize(("complaining", "named"), [(2, False), (3, True), (4, True)])
def test_of_five_members_three_name_one(council, complaining, named):
    play = council.start("five")
    play.bring_to("Committed")
    words = [0b11111] * (4 - complaining) + [0b01111] * complaining + [0b11111]
    posts = zip(play.committee, words, strict=True)
    events = [play.do("confirm", name, bitmap) for name, bitmap in posts][-1]
    (ended,) = [event for event in events if isinstance(event, RoundAborted)]
    assert ended.party == (play.terms.committee[4] if named else ZERO)


def test_complaints_about_files_are_none_about_publications(three):
    three.bring_to("Committed")
    three.all_do("confirm")
    for step in ("Settled", "Summed", "Challenged", "Published"):
        three.step_to(step)
    three.do("confirm", "a1", 0b101)
    three.do("confirm", "a2")
    events = three.do("confirm", "a3")
    assert events[1].party == ZERO


def test_all_seeds_but_one_are_opened(three, account):
    three.bring_to("Picked")
    for name in ("a3", "a1"):
        member, seeds = account(name).address, three.seeds(name, 3)
        assert three.do("open_noise", name) == [NoiseOpened(three.study, 1, member, seeds)]
        again = ("AlreadyPosted", three.study, 1, member)
        assert three.refuses("open_noise", name) == again
    moved = Moved(three.study, 1, OPENED, three.world.now + 61)
    assert three.do("open_noise", "a2")[1:] == [moved]


@pytest.mark.parametrize(
    "picked",
    [(), (0,), (0, 1), (0, 1, 2, 3), (0, 1, 1), (1, 0, 1), (2, 2, 2), (0, 1, None), (None, 1, 2)],
)
def test_seeds_are_as_many_as_needed_not_zero_and_different(three, account, picked):
    three.bring_to("Picked")
    known = three.seeds("a1", 4)
    seeds = tuple(NONE if index is None else known[index] for index in picked)
    refused = ("WrongSeeds", account("a1").address)
    assert three.refuses("open_noise", "a1", seeds) == refused


def test_two_members_may_open_the_same_seeds(world):
    play = world.reach("Picked")  # whoever copies another's seeds is found out by its reports
    for name in ("a1", "a2"):
        play.do("open_noise", name, play.seeds("a1", 1))
    assert play.state == OPENED


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("Closed", "deliver"),
        ("Contested", "answer"),
        ("Answered", "deliver"),
        ("Delivered", "reveal"),
        ("Keyed", "commit_file"),
        ("Committed", "confirm"),
        ("Judged", "judge"),
        ("Settled", "commit_sum"),
        ("Summed", "reveal"),
        ("Challenged", "publish"),
        ("Published", "confirm"),
        ("Held", "reveal"),
        ("Picked", "open_noise"),
    ],
)
def test_every_step_is_for_the_committee_and_once(three, account, state, action):
    three.bring_to(state)
    for name in ("s1", "u1", "stranger"):
        refused = ("NotCommittee", three.study, account(name).address)
        assert three.refuses(action, name) == refused
    three.do(action, "a1")
    again = ("AlreadyPosted", three.study, 1, account("a1").address)
    assert three.refuses(action, "a1") == again
