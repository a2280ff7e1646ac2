"""Rounds: deadlines that pass, and rounds that are over."""

from dataclasses import fields

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, structs
from troth.ledger.bindings.rounds import RoundAborted

WITHHELD, REVOKED = 1, 3
ANNOUNCING, DELIVERED = 1, 7


@pytest.mark.parametrize(
    ("state", "action", "name"),
    [
        ("Announcing", "announce", "a2"),
        ("Announced", "open", "nobody"),
        ("Open", "report", "s1"),
        ("Open", "report_noise", "a1"),
        ("Closed", "deliver", "a1"),
        ("Contested", "answer", "a1"),
        ("Answered", "deliver", "a1"),
        ("Delivered", "reveal", "a1"),
        ("Keyed", "commit_file", "a1"),
        ("Committed", "confirm", "a1"),
        ("Judged", "judge", "a1"),
        ("Settled", "commit_sum", "a1"),
        ("Summed", "reveal", "a1"),
        ("Challenged", "publish", "a1"),
        ("Published", "confirm", "a1"),
        ("Held", "reveal", "a1"),
        ("Picked", "open_noise", "a1"),
        ("Opened", "attest", "s1"),
        ("Opened", "accuse", "s1"),
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


def test_each_state_waits_as_long_as_its_action_may_take(world):
    windows = structs.Windows(*[1000 + n for n in range(len(fields(structs.Windows)))])
    play = world.start("each its own window", windows=windows)
    waits = {
        "Announcing": windows.announce,
        "Announced": windows.open,
        "Open": windows.report,
        "Closed": windows.deliver,
        "Contested": windows.answer,
        "Answered": windows.deliver,
        "Delivered": windows.reveal,
        "Keyed": windows.commit_file,
        "Committed": windows.confirm,
        "Judged": windows.judge,
        "Settled": windows.commit_sum,
        "Summed": windows.reveal,
        "Challenged": windows.publish,
        "Published": windows.confirm,
        "Held": windows.reveal,
        "Picked": windows.open_noise,
        "Opened": windows.attest,
    }
    for state, seconds in waits.items():
        play.step_to(state)
        assert play.view.deadline == world.now + seconds, state


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
    assert events[5] == RoundAborted(play.study, 1, WITHHELD, DELIVERED, party, ZERO)


@pytest.mark.parametrize(
    ("gone", "back", "reason"),
    [
        ("s5", None, REVOKED),  # the study stopped being active: nobody could announce
        ("a2", None, REVOKED),
        ("a2", 8, REVOKED),
        ("a2", 2, WITHHELD),
        ("a1", None, WITHHELD),  # has announced; what keeps a2 from it?
        ("u1", None, WITHHELD),
    ],
)
def test_who_could_not_announce_did_not_withhold(world, account, gone, back, reason):
    play = world.reach("Announcing")
    address = account(gone).address
    voters = ("a3", "s1", "s2", "s3", "s4")
    for voter in voters:
        world.send(voter, consortium.vote_removal(address))
    if back is not None:
        for voter in voters:
            world.send(voter, consortium.vote_admission(address, back, bytes(32)))
    world.pass_deadline()
    party = account("a2").address if reason == WITHHELD else ZERO
    ended = RoundAborted(world.study, 1, reason, ANNOUNCING, party, ZERO)
    assert play.do("expire", "nobody")[0] == ended
    assert play.progress.unattributed == 0


@pytest.mark.parametrize("terminal", ["Final", "Aborted", "Rejected"])
def test_what_is_over_stays_over(world, terminal):
    play = world.reach(terminal)
    view = play.view
    world.pass_deadline()
    for action in ("expire", "close", "finalise", "open", "attest", "accuse"):
        assert play.refuses(action, "a1") == ("WrongRound", world.study, 1, 2)
    assert play.view == view
