"""Rounds, steps 6 and 7a: files, and the accepted set."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.privacy_ledger import Settled
from troth.ledger.bindings.rounds import (
    AcceptedFixed,
    Confirmed,
    FileCommitted,
    Moved,
    RoundAborted,
    VerdictPosted,
)

COMMITTED, JUDGED, SETTLED = 9, 10, 11
QUORUM, NOISE, DISAGREE = 4, 5, 7
NONE = bytes(32)


def test_files_are_committed_before_they_are_fetched(world, account, digest):
    play = world.reach("Keyed")
    assert play.refuses("commit_file", "a1", NONE) == ("ZeroDigest",)
    event = FileCommitted(world.study, 1, account("a1").address, digest("file a1"))
    assert play.do("commit_file", "a1") == [event]
    moved = play.do("commit_file", "a2")[1]
    assert moved == Moved(world.study, 1, COMMITTED, world.now + 60)


def test_files_that_all_fetched_are_judged(world, account):
    play = world.reach("Committed")
    event = Confirmed(world.study, 1, account("a1").address, 0b11)
    assert play.do("confirm", "a1") == [event]
    moved = play.do("confirm", "a2")[1]
    assert moved == Moved(world.study, 1, JUDGED, world.now + 60)


def test_equal_verdicts_fix_the_accepted_and_settle(world, account):
    play = world.reach("Judged")
    codes = bytes([0, 3, 4, 0, 0, 0, 0, 0, 0])
    (posted,) = play.do("judge", "a2", codes)
    assert posted == VerdictPosted(world.study, 1, account("a2").address, codes)
    events = play.do("judge", "a1", codes)
    assert events[1] == AcceptedFixed(world.study, 1, 0b1111_11001)
    assert [type(event) for event in events[2:7]] == [Settled] * 5  # rejected sites pay too
    assert events[7] == Moved(world.study, 1, SETTLED, world.now + 60)
    assert play.view.accepted == 0b1111_11001
    assert play.reserved() == 0
    assert play.settled() > 0


def test_every_reason_is_taken_for_what_is_delivered(world):
    play = world.reach("Judged")
    for code in (3, 4, 5, 6, 7, 8):
        before = world.snapshot()
        play.do("judge", "a1", bytes([code]) + bytes(8))
        world.restore(before)
    for code in (1, 2, 9, 255):
        codes = bytes([0, 0, code]) + bytes(6)
        assert play.refuses("judge", "a1", codes) == ("WrongVerdict", 2)


def test_absent_and_undelivered_are_not_a_members_to_judge(world):
    play = world.reach("Open")
    play.report("s1", "s3", "s4", "s5")
    world.pass_deadline()
    play.do("close", "nobody")
    play.all_do("deliver", 0b1111_01101)
    for action in ("reveal", "commit_file", "confirm"):
        play.all_do(action)
    right = bytes([0, 1, 0, 0, 2, 0, 0, 0, 0])
    for place, codes in ((1, (0, 2, 3, 5)), (4, (0, 1, 3, 8))):
        for code in codes:
            wrong = right[:place] + bytes([code]) + right[place + 1 :]
            assert play.refuses("judge", "a1", wrong) == ("WrongVerdict", place)
    play.all_do("judge", right)
    assert play.view.accepted == 0b1111_01101


@pytest.mark.parametrize(("length", "place"), [(0, 0), (8, 8), (10, 9), (64, 9)])
def test_a_verdict_has_one_code_per_place(world, length, place):
    play = world.reach("Judged")
    assert play.refuses("judge", "a1", bytes(length)) == ("WrongVerdict", place)


def test_verdicts_that_differ_end_the_round_naming_nobody(world):
    play = world.reach("Judged")
    play.do("judge", "a1", bytes([3] + 8 * [0]))
    events = play.do("judge", "a2", bytes([4] + 8 * [0]))
    assert events[6] == RoundAborted(world.study, 1, DISAGREE, JUDGED, ZERO, ZERO)
    assert play.reserved() == play.settled() == 0


def test_a_difference_is_not_forgotten(world, account):
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    three = world.start("three members", committee=committee)
    three.bring_to("Closed")
    for action in ("deliver", "reveal", "commit_file", "confirm"):
        three.all_do(action)
    three.do("judge", "a1", bytes(11))
    three.do("judge", "a2", b"\x05" + bytes(10))
    events = three.do("judge", "a3", bytes(11))
    assert events[6].reason == DISAGREE


@pytest.mark.parametrize("codes", [(5, 0, 0, 0), (0, 6, 0, 0), (0, 0, 0, 7), (8, 8, 8, 8)])
def test_rejected_noise_ends_the_round_naming_nobody(world, codes):
    play = world.reach("Judged")
    events = play.all_do("judge", bytes(5) + bytes(codes))
    assert events[6] == RoundAborted(world.study, 1, NOISE, JUDGED, ZERO, ZERO)
    assert play.reserved() == play.settled() == 0
    assert play.view.accepted == 0


@pytest.mark.parametrize("rejected", [(0, 1, 2), (0, 3)])
def test_too_few_accepted_end_the_round(world, rejected):
    play = world.reach("Judged")
    events = play.all_do("judge", bytes(5 if i in rejected else 0 for i in range(9)))
    assert events[6] == RoundAborted(world.study, 1, QUORUM, JUDGED, ZERO, ZERO)
    assert play.reserved() == play.settled() == 0
    assert play.view.accepted == 0
