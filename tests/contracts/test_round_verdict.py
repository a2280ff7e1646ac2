"""Rounds, steps 4 to 7a: delivery, keys, files, and the accepted set."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.privacy_ledger import Released, Settled
from troth.ledger.bindings.rounds import (
    AcceptedFixed,
    DeliveryFixed,
    DeliveryPosted,
    FileCommitted,
    FilesConfirmed,
    KeyRevealed,
    Moved,
    RoundAborted,
    VerdictPosted,
)

CLOSED, DELIVERED, KEYED, COMMITTED, JUDGED, SETTLED = 4, 5, 6, 7, 8, 9
QUORUM, NOISE, UNAVAILABLE, DISAGREE = 3, 4, 5, 6
ALL = 0b11_11111
NONE = bytes(32)


@pytest.fixture
def three(world, account):
    """A round of three members, closed: places 5, 6 and 7 are their noise."""
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    play = world.start("three members", committee=committee)
    play.bring_to("Closed")
    return play


def test_delivered_is_what_everybody_opened(world, account):
    play = world.reach("Closed")
    first = play.do("deliver", "a2", 0b11_11011)
    assert first == [DeliveryPosted(world.study, 1, account("a2").address, 0b11_11011)]
    posted, fixed, moved = play.do("deliver", "a1", 0b11_01111)
    assert isinstance(posted, DeliveryPosted)
    assert fixed == DeliveryFixed(world.study, 1, 0b11_01011)
    assert moved == Moved(world.study, 1, DELIVERED, world.now + 60)
    assert play.view.delivered == 0b11_01011


@pytest.mark.parametrize("opened", [ALL | 1 << 7, 1 << 255, 2**256 - 1])
def test_what_is_not_there_cannot_be_opened(world, opened):
    play = world.reach("Closed")
    assert play.refuses("deliver", "a1", opened) == ("WrongBitmap", ALL, opened)


def test_an_absent_report_cannot_be_opened(world):
    play = world.reach("Open")
    play.report("s1", "s3", "s4")
    world.pass_deadline()
    play.do("close", "nobody")
    assert play.refuses("deliver", "a1", ALL) == ("WrongBitmap", 0b11_01101, ALL)


@pytest.mark.parametrize(
    ("opened", "owner", "denier"),
    [
        ({"a1": 0b110_11111}, "a1", "a1"),
        ({"a2": 0b110_11111, "a3": 0b110_11111}, "a1", "a2"),
        ({"a1": 0b011_11111}, "a3", "a1"),
        ({"a1": 0b011_11111, "a3": 0b101_11111}, "a2", "a3"),
        ({"a1": 0, "a2": 0, "a3": 0}, "a1", "a1"),
    ],
)
def test_denied_noise_ends_the_round_naming_the_first_pair(three, account, opened, owner, denier):
    for name in ("a3", "a2"):
        three.do("deliver", name, opened.get(name, 0b111_11111))
    events = three.do("deliver", "a1", opened.get("a1", 0b111_11111))
    pair = (account(owner).address, account(denier).address)
    assert [type(event) for event in events[1:6]] == [Released] * 5
    assert events[6] == RoundAborted(three.study, 1, NOISE, CLOSED, *pair)
    assert three.reserved() == three.settled() == 0


def test_revealed_keys_hash_to_their_heads(world, account):
    play = world.reach("Delivered")
    for value in (play.key("a1", 1), play.key("a1", 3), play.key("a2", 2), NONE):
        refused = ("WrongReveal", account("a1").address)
        assert play.refuses("reveal", "a1", value) == refused
    revealed = KeyRevealed(world.study, 1, account("a1").address, 2, play.key("a1", 2))
    assert play.do("reveal", "a1") == [revealed]
    assert play.do("reveal", "a2")[1:] == [Moved(world.study, 1, KEYED, world.now + 60)]


def test_a_key_of_another_round_opens_nothing_here(world):
    world.reach("Final")
    play = world.play.following
    play.bring_to("Delivered")
    earlier = world.play.key("a1", 2)
    assert play.refuses("reveal", "a1", earlier)[0] == "WrongReveal"


def test_files_are_committed_before_they_are_fetched(world, account, digest):
    play = world.reach("Keyed")
    assert play.refuses("commit_file", "a1", NONE) == ("ZeroDigest",)
    event = FileCommitted(world.study, 1, account("a1").address, digest("file a1"))
    assert play.do("commit_file", "a1") == [event]
    moved = play.do("commit_file", "a2")[1]
    assert moved == Moved(world.study, 1, COMMITTED, world.now + 60)


def test_files_that_all_fetched_are_judged(world, account):
    play = world.reach("Committed")
    event = FilesConfirmed(world.study, 1, account("a1").address, 0b11)
    assert play.do("confirm_files", "a1") == [event]
    moved = play.do("confirm_files", "a2")[1]
    assert moved == Moved(world.study, 1, JUDGED, world.now + 60)


@pytest.mark.parametrize("fetched", [0b00, 0b10, 0b101, 1 << 255 | 0b11])
def test_a_member_has_its_own_file_and_no_others_than_the_committees(world, fetched):
    play = world.reach("Committed")
    assert play.refuses("confirm_files", "a1", fetched) == ("WrongBitmap", 0b11, fetched)


@pytest.mark.parametrize("order", [("a1", "a2"), ("a2", "a1")])
def test_an_unavailable_file_ends_the_round_naming_nobody(world, order):
    play = world.reach("Committed")
    play.do("confirm_files", order[0], 1 << int(order[0] == "a2"))
    events = play.do("confirm_files", order[1])
    assert events[6] == RoundAborted(world.study, 1, UNAVAILABLE, COMMITTED, ZERO, ZERO)
    assert play.reserved() == 0


def test_equal_verdicts_fix_the_accepted_and_settle(world, account):
    play = world.reach("Judged")
    codes = bytes([0, 3, 4, 0, 0, 0, 0])
    (posted,) = play.do("judge", "a2", codes)
    assert posted == VerdictPosted(world.study, 1, account("a2").address, codes)
    events = play.do("judge", "a1", codes)
    assert events[1] == AcceptedFixed(world.study, 1, 0b11_11001)
    assert [type(event) for event in events[2:7]] == [Settled] * 5  # rejected sites pay too
    assert events[7] == Moved(world.study, 1, SETTLED, world.now + 60)
    assert play.view.accepted == 0b11_11001
    assert play.reserved() == 0
    assert play.settled() > 0


def test_every_reason_is_taken_for_what_is_delivered(world):
    play = world.reach("Judged")
    for code in (3, 4, 5, 6, 7, 8):
        before = world.snapshot()
        play.do("judge", "a1", bytes([code]) + bytes(6))
        world.restore(before)
    for code in (1, 2, 9, 255):
        codes = bytes([0, 0, code]) + bytes(4)
        assert play.refuses("judge", "a1", codes) == ("WrongVerdict", 2)


def test_absent_and_undelivered_are_not_a_members_to_judge(world):
    play = world.reach("Open")
    play.report("s1", "s3", "s4", "s5")
    world.pass_deadline()
    play.do("close", "nobody")
    play.all_do("deliver", 0b11_01101)
    for action in ("reveal", "commit_file", "confirm_files"):
        play.all_do(action)
    right = bytes([0, 1, 0, 0, 2, 0, 0])
    for place, codes in ((1, (0, 2, 3, 5)), (4, (0, 1, 3, 8))):
        for code in codes:
            wrong = right[:place] + bytes([code]) + right[place + 1 :]
            assert play.refuses("judge", "a1", wrong) == ("WrongVerdict", place)
    play.all_do("judge", right)
    assert play.view.accepted == 0b11_01101


@pytest.mark.parametrize(("length", "place"), [(0, 0), (6, 6), (8, 7), (64, 7)])
def test_a_verdict_has_one_code_per_place(world, length, place):
    play = world.reach("Judged")
    assert play.refuses("judge", "a1", bytes(length)) == ("WrongVerdict", place)


def test_verdicts_that_differ_end_the_round_naming_nobody(world):
    play = world.reach("Judged")
    play.do("judge", "a1", bytes([3, 0, 0, 0, 0, 0, 0]))
    events = play.do("judge", "a2", bytes([4, 0, 0, 0, 0, 0, 0]))
    assert events[6] == RoundAborted(world.study, 1, DISAGREE, JUDGED, ZERO, ZERO)
    assert play.reserved() == play.settled() == 0


def test_a_difference_is_not_forgotten(three):
    for action in ("deliver", "reveal", "commit_file", "confirm_files"):
        three.all_do(action)
    three.do("judge", "a1", bytes(8))
    three.do("judge", "a2", b"\x05" + bytes(7))
    events = three.do("judge", "a3", bytes(8))
    assert events[6].reason == DISAGREE


@pytest.mark.parametrize(("codes", "owner"), [((5, 0), "a1"), ((0, 6), "a2"), ((7, 7), "a1")])
def test_rejected_noise_ends_the_round_naming_its_owner(world, account, codes, owner):
    play = world.reach("Judged")
    events = play.all_do("judge", bytes(5) + bytes(codes))
    pair = (account(owner).address, ZERO)
    assert events[6] == RoundAborted(world.study, 1, NOISE, JUDGED, *pair)
    assert play.reserved() == play.settled() == 0


@pytest.mark.parametrize("rejected", [(0, 1, 2), (0, 3)])
def test_too_few_accepted_end_the_round(world, rejected):
    play = world.reach("Judged")
    events = play.all_do("judge", bytes(5 if i in rejected else 0 for i in range(7)))
    assert events[6] == RoundAborted(world.study, 1, QUORUM, JUDGED, ZERO, ZERO)
    assert play.reserved() == play.settled() == 0
    assert play.view.accepted == 0
