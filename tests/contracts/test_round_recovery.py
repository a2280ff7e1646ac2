"""Rounds in modes B3 and B4: equal sums, and noise that is opened for who does not."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.rounds import (
    Dropped,
    Moved,
    Recovered,
    RecoveryFixed,
    RoundAborted,
    SumCommitted,
)

SETTLED, HELD, SEEDED, OPENED = 11, 15, 17, 18
NOISE, DISAGREE, FAULT = 5, 7, 8
NONE = bytes(32)


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def dropped(events):
    """Who left, and why."""
    return [(event.member, event.reason) for event in of_kind(events, Dropped)]


def without_first(quartet):
    """A round in which the first member of four did not announce."""
    play = quartet.play
    for name in ("a2", "a3", "a4"):
        play.do("announce", name)
    quartet.pass_deadline()
    play.do("expire", "nobody")
    return play


# Sums


def summing(play, **others):
    """All live members commit to their sums, honestly but for these; the last events."""
    sums = {name: play.sums(name, **others.get(name, {})) for name in play.live}
    return play.all_do("commit_sum", **sums)


def test_equal_sums_are_held(either, account):
    play = either.reach("Settled")
    member, count = account("a1").address, len(play.committee) - 1
    for wrong in ((), play.sums("a1")[1:], (*play.sums("a1"), bytes(32))):
        assert play.refuses("commit_sum", "a1", wrong) == ("WrongSums", member)
    for place in range(count):
        zero = tuple(NONE if at == place else word for at, word in enumerate(play.sums("a1")))
        assert play.refuses("commit_sum", "a1", zero) == ("ZeroDigest",)
    event = SumCommitted(play.study, 1, member, play.sums("a1"))
    assert play.do("commit_sum", "a1") == [event]
    events = [play.do("commit_sum", name) for name in play.committee[1:]][-1]
    assert events[1:] == [Moved(play.study, 1, HELD, either.now + 60)]


OUTVOTED = [
    ("a1", {"s1": "x"}),
    ("a4", {"s0": "x"}),
    ("a2", {"s0": "x", "s2": "y", "s3": "z"}),
    ("a3", {"s3": "sum of 2"}),
]


@pytest.mark.parametrize(("name", "sums"), OUTVOTED)
def test_who_sums_alone_leaves(quartet, account, name, sums):
    play = quartet.reach("Settled")
    events = summing(play, **{name: sums})
    left = Dropped(play.study, 1, account(name).address, SETTLED, DISAGREE)
    assert events[1:] == [left, Moved(play.study, 1, HELD, quartet.now + 60)]


DIFFERING = [
    # Who says what else of which share; the pair that is named.
    ("trio", {"a2": {"s0": "x"}}, "a2", "a3"),
    ("trio", {"a1": {"s2": "x"}, "a3": {"s1": "x"}}, "a1", "a3"),
    # Two of three holders agree, but two members would have to leave.
    ("quartet", {"a1": {"s1": "x"}, "a2": {"s0": "x"}}, "a2", "a3"),
    ("quartet", {"a1": {"s2": "x"}, "a4": {"s2": "y"}}, "a1", "a2"),
    # Nobody agrees.
    ("quartet", {"a2": {"s3": "x"}, "a1": {"s3": "y"}}, "a1", "a2"),
    # Two agree on another sum: whoever does not is outvoted, and so is one on each other share.
    ("quartet", {"a1": {"s3": "x", "s1": "x"}, "a2": {"s3": "x"}}, "a1", "a3"),
]


@pytest.mark.parametrize(("world", "sums", "one", "other"), DIFFERING)
def test_sums_that_differ_end_the_round(request, account, world, sums, one, other):
    play = request.getfixturevalue(world).reach("Settled")
    spent = play.settled()
    events = summing(play, **sums)
    assert not of_kind(events, Dropped)
    pair = (account(one).address, account(other).address)
    assert events[1:-1] == [RoundAborted(play.study, 1, DISAGREE, SETTLED, *pair)]
    assert play.settled() == spent > 0
    assert play.progress.unattributed == 1


def test_two_that_agree_on_another_sum_outvote_the_third(quartet, account):
    play = quartet.reach("Settled")
    events = summing(play, a1={"s3": "x"}, a2={"s3": "x"})
    assert dropped(events) == [(account("a3").address, DISAGREE)]
    assert play.state == HELD


def test_of_three_left_the_one_that_sums_alone_ends_the_round(quartet, account):
    play = without_first(quartet)
    play.bring_to("Settled")
    before = quartet.snapshot()
    events = summing(play, a3={"s0": "x"})  # three hold it, and two agree
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.party, ended.other) == (account("a2").address, account("a3").address)
    quartet.restore(before)
    events = summing(play, a4={"s1": "x", "s2": "x"})
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.party, ended.other) == (account("a3").address, account("a4").address)


# Openings


def recovering(play, *owners, **others):
    """All live members name these owners, but for those who name others; the last events."""
    named = {name: play.bits(*others.get(name, owners)) for name in play.live}
    return play.all_do("recover", **{name: (bits, b"\1" * 32) for name, bits in named.items()})


def test_with_three_members_nothing_is_recovered(trio):
    play = trio.reach("Picked")
    play.all_do("open_noise")
    assert play.state == OPENED
    assert play.refuses("recover", "a1") == ("WrongState", OPENED)


def test_noise_that_all_opened_needs_no_recovery(quartet, account):
    play = quartet.reach("Seeded")
    none = Recovered(play.study, 1, account("a1").address, 0, NONE)
    assert play.do("recover", "a1", (0, NONE)) == [none]
    again = ("AlreadyPosted", play.study, 1, account("a1").address)
    assert play.refuses("recover", "a1") == again
    last = [play.do("recover", name, (0, b"\1" * 32)) for name in ("a2", "a3", "a4")][-1]
    assert last[1:] == [
        RecoveryFixed(play.study, 1, 0),
        Moved(play.study, 1, OPENED, quartet.now + 60),
    ]


def test_what_is_recovered_is_noise_of_the_sum_and_in_the_store(quartet):
    play = quartet.reach("Seeded")
    for wrong in (0b10000, 1 << 255, 0b11111):
        assert play.refuses("recover", "a1", (wrong, NONE)) == ("WrongBitmap", 0b1111, wrong)
    assert play.refuses("recover", "a1", (0b0100, NONE)) == ("ZeroDigest",)
    assert play.refuses("recover", "s1")[0] == "NotCommittee"


def test_noise_that_is_not_in_the_sum_is_not_recovered(quartet):
    play = quartet.reach("Judged")
    play.all_do("judge", play.rejecting("a3"))
    play.bring_to("Seeded")
    assert play.refuses("recover", "a1", (0b0100, NONE)) == ("WrongBitmap", 0b1011, 0b0100)


def test_the_noise_of_who_left_is_recovered(quartet):
    play = quartet.reach("Picked")
    for name in ("a1", "a2", "a4"):
        play.do("open_noise", name)
    quartet.pass_deadline()
    play.do("expire", "nobody")
    assert play.state == SEEDED
    events = recovering(play, "a3")
    assert not of_kind(events, Dropped)
    assert of_kind(events, RecoveryFixed) == [RecoveryFixed(play.study, 1, 0b0100)]
    assert (play.view.recovered, play.state) == (0b0100, OPENED)


def test_who_opened_wrong_seeds_leaves(quartet, account):
    play = quartet.reach("Seeded")
    events = recovering(play, "a2", a2=())
    assert dropped(events) == [(account("a2").address, DISAGREE)]
    assert play.progress.guilty == 0b0010  # outvoted by itself it may not escape
    assert (play.view.recovered, play.state) == (0b0010, OPENED)


def test_who_admits_to_wrong_seeds_leaves_for_its_fault(quartet, account):
    play = quartet.reach("Seeded")
    events = recovering(play, "a2")
    assert dropped(events) == [(account("a2").address, FAULT)]
    assert play.progress.guilty == 0b0010
    assert play.view.recovered == 0b0010


@pytest.mark.parametrize(
    "said",
    [
        {"a1": ("a3",), "a2": ("a3",)},
        {"a1": ("a3",), "a2": ("a4",)},
        {"a1": ("a3",), "a2": ("a4",), "a3": ("a3", "a4")},
    ],
)
def test_without_three_that_name_the_same_nobody_leaves(quartet, said):
    play = quartet.reach("Seeded")
    events = recovering(play, **said)
    assert not of_kind(events, Dropped)
    assert events[1] == RoundAborted(play.study, 1, DISAGREE, SEEDED, ZERO, ZERO)
    assert play.view.recovered == 0
    assert (play.progress.guilty, play.progress.unattributed) == (0, 1)


@pytest.mark.parametrize(
    ("owners", "others", "named"),
    [
        (("a2", "a4"), {}, "a2"),
        (("a1", "a2", "a3", "a4"), {}, "a1"),
        # The one outvoted leaves first; then nobody can.
        (("a3",), {"a1": ()}, "a3"),
        (("a3", "a1"), {"a1": ()}, "a3"),
    ],
)
def test_wrong_openers_that_cannot_leave_are_guilty(quartet, account, owners, others, named):
    play = quartet.reach("Seeded")
    events = recovering(play, *owners, **others)
    (ended,) = of_kind(events, RoundAborted)
    assert ended == RoundAborted(play.study, 1, FAULT, SEEDED, account(named).address, ZERO)
    assert play.progress.guilty == play.bits(*owners)
    assert play.view.recovered == 0


@pytest.mark.parametrize(("honest", "enough"), [(1, True), (2, False)])
def test_the_noise_that_stays_must_be_more_than_the_claim_needs(quartet, honest, enough):
    play = quartet.start("claim", honest=honest)
    play.bring_to("Judged")
    play.all_do("judge", play.rejecting("a4"))
    play.bring_to("Seeded")
    events = recovering(play, "a1")
    if enough:
        assert (play.state, play.view.recovered) == (OPENED, 0b0001)
    else:
        assert events[2] == RoundAborted(play.study, 1, NOISE, SEEDED, ZERO, ZERO)
        assert (play.view.recovered, play.progress.guilty) == (0, 0b0001)


def three_seeded(quartet):
    """Three members are live, and the first one's noise is in no sum."""
    play = without_first(quartet)
    play.bring_to("Seeded")
    return play


def test_of_three_left_two_decide_and_the_third_is_passed_over(quartet):
    play = three_seeded(quartet)
    events = recovering(play, a3=("a2",))
    assert not of_kind(events, Dropped)
    assert of_kind(events, RecoveryFixed) == [RecoveryFixed(play.study, 1, 0)]
    assert (play.live, play.progress.guilty) == (["a2", "a3", "a4"], 0)


def test_of_three_left_two_prove_the_third_guilty(quartet, account):
    play = three_seeded(quartet)
    events = recovering(play, "a3", a3=())
    (ended,) = of_kind(events, RoundAborted)
    assert ended == RoundAborted(play.study, 1, FAULT, SEEDED, account("a3").address, ZERO)
    assert play.progress.guilty == 0b0100


def test_three_left_that_all_say_something_else_end_the_round(quartet):
    play = three_seeded(quartet)
    events = recovering(play, a3=("a2",), a4=("a3",))
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.reason, ended.party) == (DISAGREE, ZERO)


def test_who_did_not_open_its_seeds_is_guilty_and_its_noise_recovered(quartet):
    play = quartet.reach("Picked")
    for name in ("a1", "a2", "a4"):
        play.do("open_noise", name)
    quartet.pass_deadline()
    play.do("expire", "nobody")
    assert play.progress.guilty == 0b0100
    recovering(play, "a3")
    assert (play.progress.guilty, play.view.recovered) == (0b0100, 0b0100)


# Faults


@pytest.mark.parametrize("fault", range(8))
def test_there_are_no_publications_and_no_tags_to_accuse_of(either, account, fault):
    play = either.reach("Opened")
    for name, party in (("s1", "a1"), ("a2", "a1"), ("s1", "s2"), ("a1", "s2")):
        told = (fault, account(party).address, NONE)
        if fault not in (2, 3, 5):
            assert play.refuses("accuse", name, told) == ("WrongFault", fault)
        elif party == "s2" and fault != 5:
            assert play.refuses("accuse", name, told)[0] == "NotCommittee"
        else:
            before = either.snapshot()
            play.do("accuse", name, told)
            either.restore(before)


def test_a_whole_round_is_final(either):
    play = either.reach("Final")
    assert play.view.model_digest == play.model
    assert play.live == play.committee
