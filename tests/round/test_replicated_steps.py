"""What holders must agree on in B3 and B4, from delivery to sums: on the model of the contract.

What all modes share is in ``test_machine.py``, who leaves is in ``test_leaving.py``.
"""

import pytest
from tests.round.game import (
    ANYONE,
    EVIDENCE,
    MODEL,
    SEED,
    SEEDS,
    STUDY,
    A,
    B,
    C,
    D,
    aborted,
)
from tests.round.replicated_game import (
    EVERY_PLACE,
    dropped,
    four,
    noise,
    sums,
    three,
    without,
)

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.transitions import State

UNDELIVERED = 2


# Step 4: what is delivered


@pytest.mark.parametrize("start", [three, four])
def test_what_all_but_one_opened_is_shown_to_all(start):
    game = start(State.CLOSED)
    every = game.record.present
    opened = [every, every & ~0b001, every & ~0b110, every][: len(game.live)]
    opened[0] &= ~0b010  # a second one lacks the second site
    game.each("deliver", opened=opened)
    assert game.state is State.CONTESTED
    assert game.record.delivered == every & ~0b010
    for member in game.live:
        told = game.act(member, "answer", digest=EVIDENCE)
        assert told[0] == rounds.Answered(STUDY, 1, member, EVIDENCE)
        if game.state is State.CONTESTED:
            assert game.refuses(member, "answer", digest=EVIDENCE)[0] == "AlreadyPosted"
    events = game.members("deliver", opened=every & ~0b010)
    assert rounds.DeliveryFixed(STUDY, 1, every & ~0b010) in events


def test_a_site_that_two_could_not_open_needs_no_answers():
    game = four(State.CLOSED)
    less = EVERY_PLACE & ~0b100
    events = game.each("deliver", opened=[less, EVERY_PLACE, EVERY_PLACE, less])
    # Three lack nothing that is delivered.
    assert events[1:-1] == [rounds.DeliveryFixed(STUDY, 1, less)]
    assert game.state is State.DELIVERED


def test_noise_that_two_could_not_open_goes_with_the_rest_of_its_owner():
    game = four(State.CLOSED)
    less = EVERY_PLACE & ~(1 << 5)
    game.each("deliver", opened=[less, EVERY_PLACE, EVERY_PLACE, less])
    assert game.record.delivered == EVERY_PLACE & ~noise(1)
    game.reach(State.JUDGED)
    codes = bytes(5) + bytes([UNDELIVERED] * 2) + bytes(4)
    wrong = codes[:6] + b"\0" + codes[7:]
    assert game.refuses(A, "judge", codes=wrong + b"\0") == ("WrongVerdict", {"place": 6})
    events = game.judge(codes)
    assert rounds.AcceptedFixed(STUDY, 1, EVERY_PLACE & ~noise(1)) in events


@pytest.mark.parametrize(
    ("start", "lacking", "pair"),
    [
        # In B3 nobody's noise can be spared.
        (three, {A: 1 << 7, C: 1 << 7}, (C, A)),
        (three, {A: 1 << 8, B: 1 << 8 | 1 << 3, C: 1 << 3}, (A, B)),
        # In B4 the noise of three members is enough.
        (four, {A: noise(3), B: noise(3), C: noise(0), D: noise(0)}, (A, C)),
        (four, {A: 1 << 10, D: 1 << 10 | 1 << 6, B: 1 << 6, C: 1 << 3}, (B, B)),
    ],
)
def test_noise_of_fewer_than_three_ends_the_round_and_names_a_pair(start, lacking, pair):
    game = start(State.CLOSED)
    every = game.record.present
    events = game.each("deliver", opened=[every & ~lacking.get(m, 0) for m in game.live])
    assert aborted(events) == ("Noise", State.CLOSED, *pair)
    assert game.others.steps == ["reserve", "release"]
    assert game.progress.unattributed == 1


def test_who_still_denies_after_answers_leaves():
    game = four(State.CLOSED)
    game.each("deliver", opened=[EVERY_PLACE] * 3 + [EVERY_PLACE & ~1])
    game.answer()
    events = game.each("deliver", opened=[EVERY_PLACE] * 3 + [EVERY_PLACE & ~1])
    assert [type(event) for event in events] == [
        rounds.DeliveryPosted,
        rounds.Dropped,
        rounds.DeliveryFixed,
        rounds.Moved,
    ]
    assert dropped(events) == [(D, State.ANSWERED, "Disagree")]
    assert events[2].delivered == EVERY_PLACE


@pytest.mark.parametrize(
    ("start", "second", "delivered"),
    [
        (three, (0, 1, 0), 1),
        (three, (0b101, 0, 0), 0b101),
        (four, (1, 1, 0, 0), 1),
        (four, (0, 1 << 5, 1, 0), 1 | noise(1)),
    ],
)
def test_where_nobody_can_leave_what_is_still_denied_is_lost(start, second, delivered):
    game = start(State.CLOSED)
    every = game.record.present
    game.each("deliver", opened=[every & ~1] + [every] * (len(game.live) - 1))
    game.answer()
    events = game.each("deliver", opened=[every & ~lacking for lacking in second])
    assert rounds.DeliveryFixed(STUDY, 1, every & ~delivered) in events
    assert dropped(events) == []


def test_where_nobody_can_leave_denied_noise_may_end_the_round():
    game = three(State.CLOSED)
    every = game.record.present
    game.each("deliver", opened=[every, every, every & ~noise(0)])
    game.answer()
    events = game.each("deliver", opened=[every, every, every & ~(1 << 4)])
    assert aborted(events) == ("Noise", State.ANSWERED, A, C)


def test_only_the_last_word_counts():
    game = four(State.CLOSED)
    game.each("deliver", opened=[0, *[EVERY_PLACE] * 3])
    game.answer()
    events = game.members("deliver", opened=EVERY_PLACE)
    assert dropped(events) == []
    assert rounds.DeliveryFixed(STUDY, 1, EVERY_PLACE) in events


# Step 6: whose files can be had


def test_whose_file_most_others_cannot_fetch_leaves():
    game = four(State.COMMITTED)
    events = game.each("confirm", fetched=[0b1011, 0b1011, 0b1111, 0b1111])
    assert dropped(events) == [(C, State.COMMITTED, "Unavailable")]
    assert game.state is State.JUDGED
    game.reach(State.FINAL)


def test_one_complaint_is_passed_over_while_four_take_part():
    game = four(State.COMMITTED)
    events = game.each("confirm", fetched=[0b1101, 0b1011, 0b1111, 0b1110])
    assert dropped(events) == []
    assert game.state is State.JUDGED


@pytest.mark.parametrize(
    ("fetched", "named"), [((0b0111, 0b0011, 0b0111), ZERO), ((0b0101, 0b0111, 0b0101), B)]
)
def test_a_complaint_ends_a_round_of_three(fetched, named):
    game = four(State.CLOSED)
    without(game, D)
    game.reach(State.COMMITTED)
    for wrong in (0b1111, 0b0010):
        refused = game.refuses(A, "confirm", fetched=wrong)
        assert refused == ("WrongBitmap", {"allowed": 0b0111, "given": wrong})
    if named == ZERO:
        fetched = (0b0011, 0b0111, 0b0111)
    assert aborted(game.each("confirm", fetched=fetched)) == (
        "Unavailable", State.COMMITTED, named, ZERO,
    )  # fmt: skip


def test_complaints_end_with_whoever_leaves():
    game = four(State.COMMITTED)
    for member, fetched in ((A, 0b1101), (C, 0b1101)):
        game.act(member, "confirm", fetched=fetched)
    game.act(B, "confirm", fetched=0b1111)
    events = game.late().act(ANYONE, "expire")
    assert dropped(events) == [(D, State.COMMITTED, "Withheld")]
    assert game.state is State.JUDGED


# Step 7a: the verdict

GOOD = bytes(12)
"""Eleven codes, then nobody who is contradicted."""


def contradicts(*members, codes=bytes(11)):
    return codes + bytes([sum(1 << member for member in members)])


@pytest.mark.parametrize(
    ("codes", "place"),
    [(bytes(11), 11), (bytes(13), 12), (contradicts(4), 11), (b"\1" + bytes(10) + b"\xff", 0)],
)
def test_impossible_verdicts_are_refused(codes, place):
    game = four(State.JUDGED)
    assert game.refuses(A, "judge", codes=codes) == ("WrongVerdict", {"place": place})


def test_nobody_that_left_can_be_contradicted():
    game = four(State.CLOSED)
    without(game, D)
    game.reach(State.JUDGED)
    refused = game.refuses(A, "judge", codes=contradicts(3))
    assert refused == ("WrongVerdict", {"place": 11})


def test_whose_verdict_is_outvoted_leaves_and_takes_its_noise_along():
    game = four(State.JUDGED)
    events = game.each("judge", codes=[GOOD, GOOD, b"\5" + GOOD[1:], GOOD])
    assert dropped(events) == [(C, State.JUDGED, "Disagree")]
    assert rounds.AcceptedFixed(STUDY, 1, EVERY_PLACE & ~noise(2)) in events
    assert game.state is State.SETTLED


def test_whose_files_others_contradict_leaves():
    game = four(State.JUDGED)
    events = game.each("judge", codes=[contradicts(1)] * 4)
    assert dropped(events) == [(B, State.JUDGED, "Disagree")]
    assert rounds.AcceptedFixed(STUDY, 1, EVERY_PLACE & ~noise(1)) in events


@pytest.mark.parametrize(
    ("start", "codes", "left", "end"),
    [
        (three, [bytes(10), bytes(10), b"\5" + bytes(9)], [], ("Disagree", ZERO, ZERO)),
        (three, [bytes(9) + b"\2"] * 3, [], ("Disagree", B, ZERO)),
        (three, [bytes(9) + b"\6"] * 3, [], ("Disagree", B, C)),
        (three, [bytes(8) + b"\6\0"] * 3, [], ("Noise", ZERO, ZERO)),
        (three, [b"\5" + bytes(9)] * 3, [], ("Quorum", ZERO, ZERO)),
        (four, [GOOD, GOOD, contradicts(0), contradicts(1)], [], ("Disagree", ZERO, ZERO)),
        (four, [contradicts(1)] * 3 + [GOOD], [D], ("Disagree", B, ZERO)),
        (four, [contradicts(1, 3)] * 4, [], ("Disagree", B, D)),
        (four, [contradicts(3)] * 3 + [GOOD], [D], None),
        (four, [contradicts(2, codes=bytes(10) + b"\6")] * 4, [C], ("Noise", ZERO, ZERO)),
        (four, [b"\5" + GOOD[1:]] * 4, [], ("Quorum", ZERO, ZERO)),
    ],
)  # fmt: skip
def test_verdicts_that_end_a_round(start, codes, left, end):
    game = start(State.JUDGED)
    events = game.each("judge", codes=codes)
    assert dropped(events) == [(member, State.JUDGED, "Disagree") for member in left]
    if end is None:
        assert game.state is State.SETTLED
        return
    reason, _, *named = aborted(events)
    assert (reason, *named) == end
    assert game.others.steps[-1] == "release"
    assert game.progress.unattributed == (reason != "Quorum")


def test_rejected_noise_takes_the_rest_of_its_owners_along():
    game = four(State.JUDGED)
    events = game.judge(bytes(6) + b"\6" + bytes(4))
    assert rounds.AcceptedFixed(STUDY, 1, EVERY_PLACE & ~noise(1)) in events


def test_the_owners_of_rejected_noise_may_open_it_even_if_they_left():
    game = four(State.JUDGED)
    codes = bytes(6) + b"\6" + bytes(3) + b"\6"
    game.each("judge", codes=[codes + b"\0"] * 3 + [GOOD])
    assert game.state is State.ABORTED
    assert game.record.live == {0, 1, 2}
    assert game.record.owing == {1, 3}
    assert game.refuses(A, "defend", seeds=SEEDS)[0] == "NotOwing"
    for member in (B, D):
        told = game.act(member, "defend", seeds=SEEDS)
        assert told == [rounds.NoiseDefended(STUDY, 1, member, SEEDS)]
        assert game.refuses(member, "defend", seeds=SEEDS)[0] == "AlreadyPosted"


def test_noise_that_was_never_delivered_leaves_nothing_to_defend():
    game = four(State.CLOSED)
    less = EVERY_PLACE & ~noise(1)
    game.each("deliver", opened=[less, less, EVERY_PLACE, EVERY_PLACE])
    game.reach(State.JUDGED)
    undelivered = bytes(5) + bytes([UNDELIVERED] * 2) + bytes(4)
    events = game.judge(undelivered, contradicted=0b0001)
    assert aborted(events)[0] == "Noise"
    assert game.refuses(B, "defend", seeds=SEEDS)[0] == "WrongState"


# Step 7b: sums


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_member_sums_every_share_that_it_holds(count):
    game = four(State.SETTLED)
    refused = game.refuses(A, "commitSum", digests=(MODEL,) * count)
    assert refused == ("WrongSums", {"member": A})
    assert game.refuses(A, "commitSum", digests=(MODEL, MODEL, bytes(32))) == ("ZeroDigest", {})
    told = game.act(A, "commitSum", digests=[MODEL, SEED, MODEL])
    assert told == [rounds.SumCommitted(STUDY, 1, A, (MODEL, SEED, MODEL))]


def test_whose_sum_is_outvoted_leaves():
    game = four(State.SETTLED)
    events = game.each("commitSum", digests=sums(C0="x", C3="y"))
    assert dropped(events) == [(C, State.SETTLED, "Disagree")]
    assert game.state is State.HELD
    game.reach(State.FINAL)


@pytest.mark.parametrize(
    ("other", "pair"),
    [
        ({"A2": "x", "B2": "y"}, (A, B)),
        ({"A1": "x", "D2": "y"}, (A, C)),
        ({"C0": "x", "B3": "x"}, (B, C)),
    ],
)
def test_sums_that_too_many_differ_in_end_the_round(other, pair):
    game = four(State.SETTLED)
    events = game.each("commitSum", digests=sums(**other))
    assert dropped(events) == []
    assert aborted(events) == ("Disagree", State.SETTLED, *pair)
    assert game.others.steps == ["reserve", "settle"]
    assert game.progress.unattributed == 1


@pytest.mark.parametrize(("other", "pair"), [({"C0": "x"}, (B, C)), ({"A3": "x"}, (A, B))])
def test_of_three_nobody_is_outvoted(other, pair):
    game = four(State.JUDGED)
    without(game, D)
    events = game.each("commitSum", digests=sums(**other)[:3])
    assert aborted(events) == ("Disagree", State.SETTLED, *pair)


def test_of_three_shares_each_has_two_holders_that_must_agree():
    game = three(State.SETTLED)
    assert game.refuses(A, "commitSum", digests=(MODEL,) * 3)[0] == "WrongSums"
    events = game.each("commitSum", digests=[(MODEL, SEED), (EVIDENCE, SEED), (EVIDENCE, SEED)])
    assert aborted(events) == ("Disagree", State.SETTLED, A, C)
