"""Rounds in modes B3 and B4: several hold every share. What they open, and what they judge."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.privacy_ledger import Released, Settled
from troth.ledger.bindings.rounds import (
    AcceptedFixed,
    Answered,
    DeliveryFixed,
    DeliveryPosted,
    Dropped,
    KeyRevealed,
    Moved,
    RoundAborted,
)

CLOSED, CONTESTED, ANSWERED, DELIVERED = 4, 5, 6, 7
JUDGED, SETTLED, HELD, PICKED, SEEDED, OPENED, ABORTED = 10, 11, 15, 16, 17, 18, 20
QUORUM, NOISE, DISAGREE, FAULT = 4, 5, 7, 8
NONE = bytes(32)
SITES = 0b11111
SITE = 0b00100


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def dropped(events):
    """Who left, and why."""
    return [(event.member, event.reason) for event in of_kind(events, Dropped)]


def delivering(play, lacks):
    """All live members deliver, without these places; the last events."""
    present = play.view.present
    others = {name: present & ~places for name, places in lacks.items()}
    return play.all_do("deliver", present, **others)


def without_first(quartet):
    """A round in which the first member of four did not announce."""
    play = quartet.play
    for name in ("a2", "a3", "a4"):
        play.do("announce", name)
    quartet.pass_deadline()
    play.do("expire", "nobody")
    return play


# Delivery


def test_what_all_opened_is_delivered_at_once(either, account):
    play = either.reach("Closed")
    event = DeliveryPosted(play.study, 1, account("a1").address, play.view.present)
    assert play.do("deliver", "a1") == [event]
    assert play.view.delivered == play.view.present
    events = [play.do("deliver", name) for name in play.committee[1:]][-1]
    assert events[1:] == [
        DeliveryFixed(play.study, 1, play.view.present),
        Moved(play.study, 1, DELIVERED, either.now + 60),
    ]


def test_what_one_could_not_open_is_asked_of_all(either, account, digest):
    play = either.reach("Closed")
    events = delivering(play, {"a2": SITE | play.place("a1")})
    assert events[1:] == [Moved(play.study, 1, CONTESTED, either.now + 60)]
    assert play.view.delivered == play.view.present
    for name in play.committee:
        member = account(name).address
        assert play.refuses("answer", name, NONE) == ("ZeroDigest",)
        events = play.do("answer", name)
        assert events[0] == Answered(play.study, 1, member, digest(f"answer {name}"))
    assert play.state == ANSWERED
    events = delivering(play, {})
    assert events[1] == DeliveryFixed(play.study, 1, play.view.present)


def test_an_echo_comes_once_and_from_the_committee(either, account):
    play = either.reach("Contested")
    play.do("answer", "a1")
    again = ("AlreadyPosted", play.study, 1, account("a1").address)
    assert play.refuses("answer", "a1") == again
    assert play.refuses("answer", "s1") == ("NotCommittee", play.study, account("s1").address)


def test_what_two_could_not_open_is_lost(either):
    play = either.reach("Closed")
    delivering(play, {"a1": SITE, "a3": SITE | 1})
    assert play.state == CONTESTED  # the other site is missing to one of them only
    assert play.view.delivered == play.view.present & ~SITE
    assert delivering_again(play, {}) == play.view.present & ~SITE


def delivering_again(play, lacks):
    """All answer and deliver again; what is delivered then."""
    play.bring_to("Answered")
    delivering(play, lacks)
    return play.view.delivered


def test_all_places_that_are_lost_to_two_leave_nothing_to_ask(either):
    play = either.reach("Closed")
    events = delivering(play, {"a1": SITE, "a2": SITE})
    assert events[1] == DeliveryFixed(play.study, 1, play.view.present & ~SITE)
    assert play.state == DELIVERED


def test_a_lost_candidate_takes_its_owners_others_along(quartet):
    play = quartet.reach("Closed")
    lost = play.place("a2", 1)
    delivering(play, {"a1": lost, "a4": lost})
    assert play.state == DELIVERED
    assert play.view.delivered == play.view.present & ~play.noise_of("a2")


def test_two_candidates_of_one_owner_each_missing_to_one_are_not_lost(quartet):
    play = quartet.reach("Closed")
    delivering(play, {"a1": play.place("a2"), "a4": play.place("a2", 1)})
    assert play.state == CONTESTED
    assert play.view.delivered == play.view.present


LOST = [
    # Who lacks whose candidate; the pair that is named.
    ("trio", {"a1": [("a3", 1)], "a2": [("a3", 1)]}, "a3", "a1"),
    ("trio", {"a2": [("a1", 0)], "a3": [("a1", 0)], "a1": [("a1", 1)]}, "a1", "a2"),
    ("trio", {"a2": [("a2", 1)], "a3": [("a2", 1), ("a2", 0)]}, "a2", "a3"),
    # What is missing to one alone, of an owner that is whole, names nobody.
    ("trio", {"a1": [("a1", 0)], "a2": [("a3", 0)], "a3": [("a3", 0)]}, "a3", "a2"),
    (
        "quartet",
        {"a3": [("a2", 1), ("a4", 0), ("a1", 0)], "a4": [("a2", 1), ("a4", 0)]},
        "a2",
        "a3",
    ),
]


@pytest.mark.parametrize(("world", "lacks", "owner", "denier"), LOST)
def test_noise_of_too_few_ends_the_round(request, account, world, lacks, owner, denier):
    play = request.getfixturevalue(world).reach("Closed")
    places = {name: sum(play.place(*at) for at in missing) for name, missing in lacks.items()}
    events = delivering(play, places)
    assert len(of_kind(events, Released)) == 5
    (ended,) = of_kind(events, RoundAborted)
    pair = (account(owner).address, account(denier).address)
    assert ended == RoundAborted(play.study, 1, NOISE, CLOSED, *pair)
    assert play.progress.unattributed == 1
    assert play.refuses("defend", owner) == ("WrongState", ABORTED)


def test_who_denies_again_leaves(quartet, account):
    play = quartet.reach("Answered")
    events = delivering(play, {"a3": SITE})
    assert events[1:] == [
        Dropped(play.study, 1, account("a3").address, ANSWERED, DISAGREE),
        DeliveryFixed(play.study, 1, play.view.present),
        Moved(play.study, 1, DELIVERED, quartet.now + 60),
    ]


def test_what_was_lost_before_may_be_denied_again(quartet):
    play = quartet.reach("Closed")
    delivering(play, {"a1": SITE | 1, "a2": SITE})
    play.bring_to("Answered")
    events = delivering(play, {"a1": SITE, "a4": SITE})
    assert not of_kind(events, Dropped)
    assert play.view.delivered == play.view.present & ~SITE


def test_where_nobody_may_leave_what_is_denied_again_is_lost(trio):
    play = trio.reach("Answered")
    events = delivering(play, {"a3": SITE})
    assert events[1] == DeliveryFixed(play.study, 1, play.view.present & ~SITE)


def test_of_two_that_deny_again_nobody_leaves(quartet):
    play = quartet.reach("Answered")
    events = delivering(play, {"a1": SITE, "a2": 1 | play.place("a4")})
    assert not of_kind(events, Dropped)
    assert play.view.delivered == play.view.present & ~(SITE | 1 | play.noise_of("a4"))


def test_noise_that_is_denied_again_may_leave_too_little(trio, account):
    play = trio.reach("Answered")
    events = delivering(play, {"a1": play.place("a2", 1), "a2": play.place("a2")})
    (ended,) = of_kind(events, RoundAborted)
    pair = (account("a2").address, account("a2").address)
    assert ended == RoundAborted(play.study, 1, NOISE, ANSWERED, *pair)


def test_two_that_deny_again_may_leave_too_little(quartet, account):
    play = quartet.reach("Answered")
    events = delivering(play, {"a3": play.place("a4", 1), "a4": play.place("a2", 1)})
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.party, ended.other) == (account("a2").address, account("a4").address)


def test_a_second_word_replaces_the_first(quartet):
    play = quartet.reach("Closed")
    delivering(play, {"a1": 1, "a2": 2})
    play.bring_to("Answered")
    delivering(play, {"a3": 1})
    assert play.live == ["a1", "a2", "a4"]
    assert play.view.delivered == play.view.present


def test_with_three_left_two_must_open_what_is_delivered(quartet):
    play = without_first(quartet)
    play.bring_to("Closed")
    assert play.view.present == SITES | play.noise_of("a2", "a3", "a4")
    delivering(play, {"a2": SITE, "a3": SITE | 1})
    assert play.view.delivered == play.view.present & ~SITE


# Keys


def test_there_is_no_step_between_the_keys_ends(either, account):
    play = either.reach("Held")
    member = account("a1").address
    for wrong in (play.key("a1", 1), play.key("a1", 2), play.key("a2", 0), NONE):
        assert play.refuses("reveal", "a1", wrong) == ("WrongReveal", member)
    revealed = KeyRevealed(play.study, 1, member, 0, play.key("a1", 0))
    assert play.do("reveal", "a1", play.key("a1", 0)) == [revealed]
    for name in play.committee[1:]:
        play.do("reveal", name, play.key(name, 0))
    assert play.state == PICKED


def test_the_first_key_is_as_in_every_mode(either, account):
    play = either.reach("Delivered")
    for level in (0, 1, 3):
        refused = ("WrongReveal", account("a1").address)
        assert play.refuses("reveal", "a1", play.key("a1", level)) == refused
    play.do("reveal", "a1", play.key("a1", 2))


# Verdicts


def test_a_verdict_ends_with_whose_files_are_belied(either, account):
    play = either.reach("Judged")
    count = len(play.codes()) - 1
    for length in (0, count - 1, count):
        assert play.refuses("judge", "a1", bytes(length)) == ("WrongVerdict", length)
    assert play.refuses("judge", "a1", bytes(count + 2)) == ("WrongVerdict", count + 1)
    beyond = play.codes(contradicted=1 << len(play.committee))
    assert play.refuses("judge", "a1", beyond) == ("WrongVerdict", count)
    play.do("judge", "a1", play.codes(contradicted=play.bits("a1")))


def test_who_left_cannot_be_belied(quartet):
    play = without_first(quartet)
    play.bring_to("Judged")
    place = len(play.codes()) - 1
    wrong = play.codes(contradicted=play.bits("a1"))
    assert play.refuses("judge", "a2", wrong) == ("WrongVerdict", place)


def test_who_judges_alone_leaves(quartet, account):
    play = quartet.reach("Judged")
    events = play.all_do("judge", a1=play.codes(rejected=1))
    assert events[1] == Dropped(play.study, 1, account("a1").address, JUDGED, DISAGREE)
    accepted = SITES | play.noise_of("a2", "a3", "a4")  # nobody opens its noise now
    assert events[2] == AcceptedFixed(play.study, 1, accepted)
    assert len(of_kind(events, Settled)) == 5
    assert play.view.accepted == accepted
    assert play.state == SETTLED


@pytest.mark.parametrize("belied", [("a1",), ("a1", "a2")])
def test_only_the_last_byte_may_differ_too(quartet, account, belied):
    play = quartet.reach("Judged")
    events = play.all_do("judge", a4=play.codes(contradicted=play.bits(*belied)))
    assert dropped(events) == [(account("a4").address, DISAGREE)]


@pytest.mark.parametrize(
    "rejected", [{"a1": 1, "a2": 1}, {"a1": 1, "a2": 2}, {"a1": 1, "a2": 2, "a3": 4}]
)
def test_without_three_equal_verdicts_nobody_leaves(quartet, rejected):
    play = quartet.reach("Judged")
    events = play.all_do(
        "judge", **{name: play.codes(rejected=word) for name, word in rejected.items()}
    )
    (ended,) = of_kind(events, RoundAborted)
    assert ended == RoundAborted(play.study, 1, DISAGREE, JUDGED, ZERO, ZERO)
    assert not of_kind(events, Dropped)
    assert play.reserved() == play.settled() == 0


def test_of_three_all_must_judge_alike(trio):
    play = trio.reach("Judged")
    events = play.all_do("judge", a2=play.codes(rejected=1))
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.reason, ended.party, ended.other) == (DISAGREE, ZERO, ZERO)


def test_whose_files_are_belied_by_all_leaves(quartet, account):
    play = quartet.reach("Judged")
    codes = play.codes(contradicted=play.bits("a2"))
    events = play.all_do("judge", codes)
    assert dropped(events) == [(account("a2").address, DISAGREE)]
    assert play.view.accepted == SITES | play.noise_of("a1", "a3", "a4")


def test_who_is_belied_and_says_otherwise_leaves_once(quartet, account):
    play = quartet.reach("Judged")
    codes = play.codes(contradicted=play.bits("a2"))
    events = play.all_do("judge", **dict.fromkeys(("a1", "a3", "a4"), codes))
    assert dropped(events) == [(account("a2").address, DISAGREE)]
    assert play.state == SETTLED


BELIED = [
    ("trio", ("a2",), "a2", None),
    ("trio", ("a1", "a3"), "a1", "a3"),
    ("trio", ("a1", "a2", "a3"), "a1", "a2"),
    ("quartet", ("a2", "a4"), "a2", "a4"),
    ("quartet", ("a1", "a2", "a3", "a4"), "a1", "a2"),
]


@pytest.mark.parametrize(("world", "belied", "one", "other"), BELIED)
def test_who_is_belied_and_cannot_leave_ends_the_round(request, account, world, belied, one, other):
    play = request.getfixturevalue(world).reach("Judged")
    codes = play.codes(contradicted=play.bits(*belied))
    events = play.all_do("judge", codes)
    assert not of_kind(events, Dropped)
    pair = (account(one).address, account(other).address if other else ZERO)
    (ended,) = of_kind(events, RoundAborted)
    assert ended == RoundAborted(play.study, 1, DISAGREE, JUDGED, *pair)
    assert play.reserved() == play.settled() == 0


def test_who_is_belied_cannot_leave_after_another_did(quartet, account):
    play = quartet.reach("Judged")
    codes = play.codes(contradicted=play.bits("a2"))
    events = play.all_do("judge", a1=codes, a2=codes, a3=codes)
    assert dropped(events) == [(account("a4").address, DISAGREE)]
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.party, ended.other) == (account("a2").address, ZERO)


def test_three_members_noise_is_enough_of_four(quartet):
    play = quartet.reach("Judged")
    codes = play.codes(rejected=play.place("a2", 1))
    play.all_do("judge", codes)
    assert play.view.accepted == SITES | play.noise_of("a1", "a3", "a4")
    assert play.live == play.committee


def test_noise_of_too_few_is_rejected_and_may_be_defended(quartet, account):
    play = quartet.reach("Judged")
    codes = play.codes(rejected=play.place("a2", 1) | play.place("a4"))
    events = play.all_do("judge", codes)
    (ended,) = of_kind(events, RoundAborted)
    assert ended == RoundAborted(play.study, 1, NOISE, JUDGED, ZERO, ZERO)
    for name in ("a1", "a3"):
        refused = ("NotOwing", play.study, 1, account(name).address)
        assert play.refuses("defend", name) == refused
    for name in ("a2", "a4"):
        play.do("defend", name)


def test_who_left_may_defend_its_noise(quartet, account):
    play = quartet.reach("Judged")
    codes = play.codes(rejected=play.place("a1") | play.place("a2"))
    events = play.all_do("judge", a2=codes, a3=codes, a4=codes)
    assert dropped(events) == [(account("a1").address, DISAGREE)]
    assert of_kind(events, RoundAborted)[0].reason == NOISE
    play.do("defend", "a1")


def test_noise_that_was_not_delivered_is_not_defended(quartet, account):
    play = quartet.reach("Closed")
    lost = play.place("a1")
    delivering(play, {"a2": lost, "a3": lost})
    play.bring_to("Judged")
    codes = play.codes(rejected=play.place("a2"))
    play.all_do("judge", codes)
    assert play.state == ABORTED
    assert play.refuses("defend", "a1")[0] == "NotOwing"
    play.do("defend", "a2")


def test_the_quorum_is_asked_for_again(either):
    play = either.reach("Judged")
    events = play.all_do("judge", play.codes(rejected=0b00111))
    assert of_kind(events, RoundAborted)[0].reason == QUORUM
