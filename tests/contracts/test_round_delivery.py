"""Rounds, step 4: what opened, what was denied, and how owners of denied noise answer."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.privacy_ledger import Released
from troth.ledger.bindings.rounds import (
    Answered,
    DeliveryFixed,
    DeliveryPosted,
    Moved,
    RoundAborted,
)

CLOSED, CONTESTED, ANSWERED, DELIVERED = 4, 5, 6, 7
ABORTED = 20
WITHHELD, NOISE = 1, 5
ALL = 0b1111_11111
NONE = bytes(32)


@pytest.fixture
def three(world, account):
    """A round of three members, closed: the noise of each has two places, from 5 on."""
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    play = world.start("three members", committee=committee)
    play.bring_to("Closed")
    return play


def test_delivered_is_what_everybody_opened(world, account):
    play = world.reach("Closed")
    first = play.do("deliver", "a2", 0b1111_11011)
    assert first == [DeliveryPosted(world.study, 1, account("a2").address, 0b1111_11011)]
    posted, fixed, moved = play.do("deliver", "a1", 0b1111_01111)
    assert isinstance(posted, DeliveryPosted)
    assert fixed == DeliveryFixed(world.study, 1, 0b1111_01011)
    assert moved == Moved(world.study, 1, DELIVERED, world.now + 60)
    assert play.view.delivered == 0b1111_01011


@pytest.mark.parametrize("opened", [ALL | 1 << 9, 1 << 255, 2**256 - 1])
def test_what_is_not_there_cannot_be_opened(world, opened):
    play = world.reach("Closed")
    assert play.refuses("deliver", "a1", opened) == ("WrongBitmap", ALL, opened)


def test_an_absent_report_cannot_be_opened(world):
    play = world.reach("Open")
    play.report("s1", "s3", "s4")
    world.pass_deadline()
    play.do("close", "nobody")
    assert play.refuses("deliver", "a1", ALL) == ("WrongBitmap", 0b1111_01101, ALL)


def test_denied_noise_is_asked_of_its_owners(three):
    three.do("deliver", "a3", three.view.present & ~three.place("a2", 1))
    three.do("deliver", "a1", three.view.present & ~three.place("a2"))
    events = three.do("deliver", "a2", three.view.present & ~three.place("a1") & ~0b100)
    now = three.world.now
    assert events[1:] == [Moved(three.study, 1, CONTESTED, now + 60)]
    # Noise counts as delivered until somebody denies it again; a site's report is gone.
    assert three.view.delivered == three.view.present & ~0b100


def test_only_owners_of_denied_noise_answer_and_once(three, account, digest):
    three.do("deliver", "a3", three.view.present & ~three.place("a2", 1))
    three.do("deliver", "a1", three.view.present & ~three.place("a2"))
    three.do("deliver", "a2", three.view.present & ~three.place("a1"))
    for name in ("s1", "stranger"):
        refused = ("NotCommittee", three.study, account(name).address)
        assert three.refuses("answer", name) == refused
    assert three.refuses("answer", "a3") == ("NotOwing", three.study, 1, account("a3").address)
    assert three.refuses("answer", "a2", NONE) == ("ZeroDigest",)
    event = Answered(three.study, 1, account("a2").address, digest("answer a2"))
    assert three.do("answer", "a2") == [event]
    again = ("AlreadyPosted", three.study, 1, account("a2").address)
    assert three.refuses("answer", "a2") == again
    moved = Moved(three.study, 1, ANSWERED, three.world.now + 61)
    assert three.do("answer", "a1")[1:] == [moved]
    assert three.refuses("answer", "a1") == ("WrongState", ANSWERED)


def test_an_owner_that_does_not_answer_is_named(three, account):
    for name in ("a1", "a2"):
        three.do("deliver", name)
    three.do("deliver", "a3", three.view.present & ~three.place("a1") & ~three.place("a2"))
    three.do("answer", "a1")
    three.world.pass_deadline()
    (ended,) = [e for e in three.do("expire", "nobody") if isinstance(e, RoundAborted)]
    party = account("a2").address
    assert ended == RoundAborted(three.study, 1, WITHHELD, CONTESTED, party, ZERO)
    assert three.reserved() == 0
    assert three.refuses("defend", "a2") == (
        "WrongState",
        ABORTED,
    )  # it owed an answer, not a defence


def test_a_second_delivery_asks_everybody_again(three, account):
    for name in ("a1", "a2"):
        three.do("deliver", name)
    three.do("deliver", "a3", three.view.present & ~three.place("a1"))
    three.do("answer", "a1")
    three.do("deliver", "a2", three.view.present & ~0b1)
    again = ("AlreadyPosted", three.study, 1, account("a2").address)
    assert three.refuses("deliver", "a2") == again
    three.do("deliver", "a1")
    events = three.do("deliver", "a3")
    delivered = three.view.present & ~0b1
    assert events[1:] == [
        DeliveryFixed(three.study, 1, delivered),
        Moved(three.study, 1, DELIVERED, three.world.now + 60),
    ]
    assert three.view.delivered == delivered


def test_a_sites_report_that_was_denied_once_stays_out(three):
    three.do("deliver", "a1", three.view.present & ~0b10)
    three.do("deliver", "a2")
    three.do("deliver", "a3", three.view.present & ~three.place("a1"))
    three.do("answer", "a1")
    three.all_do("deliver")  # opens all of it now
    assert three.view.delivered == three.view.present & ~0b10


DENYING = [
    ({"a1": [("a1", 0)]}, "a1", "a1"),
    ({"a2": [("a1", 0)], "a3": [("a1", 0)]}, "a1", "a2"),
    ({"a3": [("a1", 0)], "a2": [("a1", 1)]}, "a1", "a3"),
    ({"a1": [("a3", 1)]}, "a3", "a1"),
    ({"a1": [("a3", 0)], "a3": [("a2", 1)]}, "a2", "a3"),
    ({name: [("a1", 0), ("a2", 0), ("a3", 0)] for name in ("a1", "a2", "a3")}, "a1", "a1"),
]


@pytest.mark.parametrize(("denials", "owner", "denier"), DENYING)
def test_noise_denied_twice_ends_the_round_naming_the_first_pair(
    three, account, denials, owner, denier
):
    def deliver():
        for name in ("a3", "a2", "a1"):
            denied = sum(three.place(*which) for which in denials.get(name, []))
            yield three.do("deliver", name, three.view.present & ~denied)

    list(deliver())
    assert three.state == CONTESTED
    for name in {which[0] for denied in denials.values() for which in denied}:
        three.do("answer", name)
    *_, events = deliver()
    pair = (account(owner).address, account(denier).address)
    assert [type(event) for event in events[1:6]] == [Released] * 5
    assert events[6] == RoundAborted(three.study, 1, NOISE, ANSWERED, *pair)
    assert three.reserved() == three.settled() == 0
    assert three.progress.unattributed == 1
    assert three.refuses("defend", owner) == ("WrongState", ABORTED)


def test_another_denial_than_the_first_one_ends_the_round_too(three, account):
    for name in ("a1", "a2"):
        three.do("deliver", name)
    three.do("deliver", "a3", three.view.present & ~three.place("a1"))
    three.do("answer", "a1")
    three.do("deliver", "a1", three.view.present & ~three.place("a3", 1))
    three.do("deliver", "a2")
    events = three.do("deliver", "a3")
    pair = (account("a3").address, account("a1").address)
    assert events[6] == RoundAborted(three.study, 1, NOISE, ANSWERED, *pair)


@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_the_widest_matrix_of_denials_keeps_its_pairs(council, account, candidates):
    # One of five members denies one candidate of another: the first, the last, one in between.
    play = council.start("widest", noise_candidates=candidates)
    play.bring_to("Closed")
    closed, members = council.snapshot(), play.committee
    for owner, candidate, denier in ((0, 0, 4), (4, candidates - 1, 4), (3, 1, 0)):
        denied = {members[denier]: play.place(members[owner], candidate)}
        for name in members:
            play.do("deliver", name, play.view.present & ~denied.get(name, 0))
        for name in members[:owner] + members[owner + 1 :]:
            assert play.refuses("answer", name)[0] == "NotOwing"
        play.do("answer", members[owner])
        posts = [(name, play.view.present & ~denied.get(name, 0)) for name in members]
        *_, events = [play.do("deliver", *post) for post in posts]
        (ended,) = [event for event in events if isinstance(event, RoundAborted)]
        pair = (account(members[owner]).address, account(members[denier]).address)
        assert (ended.party, ended.other) == pair
        council.restore(closed)
