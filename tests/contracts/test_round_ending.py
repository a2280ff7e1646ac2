"""Rounds, steps 7b to 11: sums, publication, attestation; and deadlines that pass."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.ledger.bindings.rounds import (
    Attested,
    Finalised,
    Moved,
    PublicationPosted,
    RoundAborted,
    SumCommitted,
)

SETTLED, SUMMED, PUBLISHED, FINAL, ABORTED = 9, 10, 11, 12, 13
WITHHELD, CONFLICT = 1, 7
NONE = bytes(32)


def test_sums_are_committed_then_published(world, account, digest):
    play = world.reach("Settled")
    assert play.refuses("commit_sum", "a1", NONE) == ("ZeroDigest",)
    event = SumCommitted(world.study, 1, account("a1").address, digest("sum a1"))
    assert play.do("commit_sum", "a1") == [event]
    assert play.refuses("publish", "a1") == ("WrongState", SETTLED)
    assert play.do("commit_sum", "a2")[1:] == [Moved(world.study, 1, SUMMED, world.now + 60)]
    assert play.refuses("publish", "a1", NONE) == ("ZeroDigest",)
    posted = PublicationPosted(world.study, 1, account("a2").address, digest("publication a2"))
    assert play.do("publish", "a2") == [posted]
    moved = Moved(world.study, 1, PUBLISHED, world.now + 61)
    assert play.do("publish", "a1")[1:] == [moved]


def test_the_round_is_final_when_all_attest(world, account, digest):
    play = world.reach("Published")
    for name in ("s5", "a2", "s1", "s2", "a1", "s3"):
        event = Attested(world.study, 1, account(name).address, digest("model"))
        assert play.do("attest", name) == [event]
    early = ("TooEarly", play.view.deadline, world.now + 1)
    assert play.refuses("finalise", "nobody") == early
    play.do("attest", "s4")
    assert play.do("finalise", "nobody") == [
        Finalised(world.study, 1, digest("model")),
        Moved(world.study, 1, FINAL, 0),
    ]
    assert play.view.model_digest == digest("model")
    assert world.ask(rounds.current_round(world.study)) == 2
    assert play.settled() > 0


@pytest.mark.parametrize(("votes", "final"), [(3, False), (4, True)])
def test_after_the_deadline_more_than_half_of_all_voters_decide(world, digest, votes, final):
    play = world.reach("Published")  # two members and five sites: four of seven
    for name in ("a1", "a2", "s1", "s2")[:votes]:
        play.do("attest", name)
    assert play.view.model_digest == NONE
    world.pass_deadline()
    events = play.do("finalise", "nobody")
    if final:
        assert events[0] == Finalised(world.study, 1, digest("model"))
    else:
        assert events[0] == RoundAborted(world.study, 1, CONFLICT, PUBLISHED, ZERO, ZERO)
        assert events[1] == Moved(world.study, 1, ABORTED, 0)


def test_votes_for_other_digests_are_no_majority(world, digest):
    play = world.reach("Published")
    for name, model in zip([*play.committee, *play.sites], "AAABBBC", strict=True):
        play.do("attest", name, digest(model))
    settled = play.settled()
    events = play.do("finalise", "nobody")
    assert events[0].reason == CONFLICT
    assert play.view.model_digest == NONE
    assert play.settled() == settled > 0  # spent all the same


def test_half_of_an_even_number_is_no_majority(world, digest):
    play = world.reach("Judged")
    play.all_do("judge", bytes([0, 0, 0, 0, 3, 0, 0]))  # six voters
    play.all_do("commit_sum")
    play.all_do("publish")
    for name, model in zip(["a1", "a2", "s1", "s2", "s3"], "AAABB", strict=True):
        play.do("attest", name, digest(model))
    before = world.snapshot()
    play.do("attest", "s4", digest("B"))
    assert play.do("finalise", "nobody")[0].reason == CONFLICT
    world.restore(before)
    play.do("attest", "s4", digest("A"))
    assert play.do("finalise", "nobody")[0] == Finalised(world.study, 1, digest("A"))


@pytest.mark.parametrize(("voters", "final"), [(("a1", "a2"), False), (("a1", "a2", "s1"), True)])
def test_the_committee_alone_decides_nothing(world, voters, final):
    play = world.start("one site is enough", min_sites=1, min_weight=1)
    play.bring_to("Judged")
    play.all_do("judge", bytes([0, 3, 3, 3, 3, 0, 0]))  # two members and one site: three voters
    play.all_do("commit_sum")
    play.all_do("publish")
    for name in voters:
        play.do("attest", name)
    world.pass_deadline()
    ended = play.do("finalise", "nobody")[0]
    assert isinstance(ended, Finalised if final else RoundAborted)


def test_who_attests(world, account):
    play = world.reach("Judged")
    play.all_do("judge", bytes([0, 3, 0, 0, 0, 0, 0]))
    play.all_do("commit_sum")
    play.all_do("publish")
    for name in ("s2", "a3", "stranger"):  # the report of s2 was not accepted
        refused = ("NotVoter", world.study, account(name).address)
        assert play.refuses("attest", name) == refused
    for name in ("s1", "a1"):
        assert play.refuses("attest", name, NONE) == ("ZeroDigest",)
        play.do("attest", name)
        again = ("AlreadyPosted", world.study, 1, account(name).address)
        assert play.refuses("attest", name) == again


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("Closed", "deliver"),
        ("Delivered", "reveal"),
        ("Keyed", "commit_file"),
        ("Committed", "confirm_files"),
        ("Judged", "judge"),
        ("Settled", "commit_sum"),
        ("Summed", "publish"),
    ],
)
def test_every_step_is_for_the_committee_and_once(world, account, state, action):
    play = world.reach(state)
    for name in ("s1", "a3", "stranger"):
        refused = ("NotCommittee", world.study, account(name).address)
        assert play.refuses(action, name) == refused
    play.do(action, "a1")
    again = ("AlreadyPosted", world.study, 1, account("a1").address)
    assert play.refuses(action, "a1") == again


@pytest.mark.parametrize(
    ("state", "action", "name"),
    [
        ("Announcing", "announce", "a2"),
        ("Announced", "open", "nobody"),
        ("Open", "report", "s1"),
        ("Open", "report_noise", "a1"),
        ("Closed", "deliver", "a1"),
        ("Delivered", "reveal", "a1"),
        ("Keyed", "commit_file", "a1"),
        ("Committed", "confirm_files", "a1"),
        ("Judged", "judge", "a1"),
        ("Settled", "commit_sum", "a1"),
        ("Summed", "publish", "a1"),
        ("Published", "attest", "s1"),
    ],
)
def test_the_last_second_is_in_time_and_the_next_is_not(world, state, action, name):
    play = world.reach(state)
    deadline = play.view.deadline
    world.ledger.advance(deadline - world.now - 1)
    before = world.snapshot()
    play.do(action, name)
    assert world.now == deadline
    world.restore(before)
    world.ledger.advance(1)
    assert play.refuses(action, name) == ("TooLate", deadline, deadline + 1)


def test_expiring_names_the_first_who_is_missing(world, account):
    committee = tuple(account(name).address for name in ("a3", "a1", "a2"))
    play = world.start("three members", committee=committee)
    play.bring_to("Delivered")
    deadline = play.view.deadline
    play.do("reveal", "a3")
    assert play.refuses("expire", "nobody") == ("TooEarly", deadline, world.now + 1)
    world.pass_deadline()
    events = play.do("expire", "nobody")
    party = account("a1").address
    assert events[5] == RoundAborted(play.study, 1, WITHHELD, 5, party, ZERO)


@pytest.mark.parametrize("terminal", ["Final", "Aborted"])
def test_what_is_over_stays_over(world, terminal):
    play = world.reach(terminal)
    view = play.view
    world.pass_deadline()
    for action in ("expire", "close", "finalise", "open", "attest"):
        assert play.refuses(action, "a1") == ("WrongRound", world.study, 1, 2)
    assert play.view == view
