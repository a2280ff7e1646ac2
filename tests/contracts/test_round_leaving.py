"""Rounds in mode B4: who leaves a round that three others can go on with, and what it still may."""

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium
from troth.ledger.bindings.rounds import (
    Dropped,
    HeadPosted,
    HeadsFixed,
    Moved,
    RoundAborted,
)
from troth.round.transitions import State

WITHHELD, REVOKED, QUORUM, UNAVAILABLE, FAULT, CONFLICT = 1, 3, 4, 6, 8, 11
OPENING = 2
# Per state that waits for members: what they post, and where the round goes when all have.
STEPS = {
    "Announcing": ("announce", "Announced"),
    "Closed": ("deliver", "Delivered"),
    "Contested": ("answer", "Answered"),
    "Answered": ("deliver", "Delivered"),
    "Delivered": ("reveal", "Keyed"),
    "Keyed": ("commit_file", "Committed"),
    "Committed": ("confirm", "Judged"),
    "Judged": ("judge", "Settled"),
    "Settled": ("commit_sum", "Held"),
    "Held": ("reveal", "Picked"),
    "Picked": ("open_noise", "Seeded"),
    "Seeded": ("recover", "Opened"),
}
NUMBER = {name.capitalize(): int(state) for name, state in State.__members__.items()}


def post(play, state, *names):
    """These members, but for those that announced already, do what the state waits for."""
    for name in names:
        if (state, name) != ("Announcing", "a1"):
            play.do(STEPS[state][0], name)


def expire(play):
    play.world.pass_deadline()
    return play.do("expire", "nobody")


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def without(play, name, state="Closed"):
    """The round goes on from this state without one member."""
    post(play, state, *[other for other in play.live if other != name])
    expire(play)
    assert name not in play.live
    return play


@pytest.mark.parametrize("state", STEPS)
def test_one_that_is_missing_leaves_and_the_step_is_complete(quartet, account, state):
    play = quartet.reach(state)
    post(play, state, "a1", "a2", "a3")
    settled = play.settled()
    events = expire(play)
    left = Dropped(play.study, 1, account("a4").address, NUMBER[state], WITHHELD)
    following = NUMBER[STEPS[state][1]]
    assert (events[0], events[-1]) == (left, Moved(play.study, 1, following, quartet.now + 60))
    assert not of_kind(events, RoundAborted)
    assert play.live == ["a1", "a2", "a3"]
    assert play.progress.guilty == (0b1000 if NUMBER[state] >= State.HELD else 0)
    assert play.progress.aborts == 0
    assert (play.settled() > settled) == (state == "Judged")
    assert play.refuses("expire", "nobody")[0] in ("TooEarly", "WrongState")  # Opened ends itself


@pytest.mark.parametrize("state", STEPS)
def test_of_two_that_are_missing_nobody_leaves_and_the_first_is_named(quartet, account, state):
    play = quartet.reach(state)
    post(play, state, "a1", "a3")
    events = expire(play)
    assert not of_kind(events, Dropped)
    (ended,) = of_kind(events, RoundAborted)
    party = account("a2").address
    assert ended == RoundAborted(play.study, 1, WITHHELD, NUMBER[state], party, ZERO)
    assert play.progress.guilty == (0b0010 if NUMBER[state] >= State.HELD else 0)
    assert play.live == play.committee


@pytest.mark.parametrize("state", list(STEPS)[1:])
def test_with_three_left_every_one_is_needed(quartet, account, state):
    play = without(quartet.reach("Announcing"), "a2", "Announcing")
    play.bring_to(state)
    post(play, state, "a1", "a3")
    events = expire(play)
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.reason, ended.party) == (WITHHELD, account("a4").address)
    assert not of_kind(events, Dropped)


@pytest.mark.parametrize("state", [state for state in STEPS if state != "Seeded"])
def test_of_three_members_none_is_spared(trio, account, state):
    play = trio.reach(state)
    post(play, state, "a1", "a2")
    (ended,) = of_kind(expire(play), RoundAborted)
    assert (ended.reason, ended.party) == (WITHHELD, account("a3").address)


def test_who_left_posts_nothing_more_in_the_round(quartet, account):
    play = without(quartet.reach("Announcing"), "a4", "Announcing")
    refused = ("NotLive", play.study, 1, account("a4").address)
    demote(quartet, account, "a4")  # that it left comes first
    play.step_to("Open")
    assert play.refuses("report_noise", "a4") == refused
    for state in list(STEPS)[1:]:
        play.step_to(state)
        before = quartet.snapshot()
        assert play.refuses(STEPS[state][0], "a4") == refused
        quartet.restore(before)


def test_who_has_posted_already_is_told_that_it_left(quartet, account):
    play = quartet.reach("Judged")
    for name in ("a1", "a2", "a3"):
        play.do("judge", name)
    play.do("judge", "a4", play.codes(rejected=1))
    assert play.refuses("commit_sum", "a4") == ("NotLive", play.study, 1, account("a4").address)


def heads(play, *names):
    """The digest of heads and HPKE keys, with zero words for the rest."""
    at = (bytes(play.world.addresses["Rounds"]), play.study, play.round)
    keys = [play.key(name, 3) if name in names else bytes(32) for name in play.committee]
    hpke = [keccak(f"hpke {n}".encode()) if n in names else bytes(32) for n in play.committee]
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "bytes32[]", "bytes32[]"]
    return keccak(
        encode(types, [keccak(b"troth/heads/v1"), play.world.ledger.chain_id, *at, keys, hpke])
    )


def test_heads_of_who_never_announced_are_zero(quartet):
    play = quartet.reach("Announcing")
    post(play, "Announcing", "a2", "a4")
    (fixed,) = of_kind(expire(play), HeadsFixed)
    assert fixed.heads_digest == heads(play, "a1", "a2", "a4") == play.view.heads_digest


def demote(world, account, name):
    """Back in the consortium, but not as an aggregator."""
    voters = ("s1", "s2", "s3", "s4", "a1")
    for voter in voters:
        world.send(voter, consortium.vote_removal(account(name).address))
    for voter in voters:
        world.send(voter, consortium.vote_admission(account(name).address, 8, bytes(32)))


def test_only_live_members_are_asked_for_their_role(quartet, account):
    play = without(quartet.reach("Announcing"), "a4", "Announcing")
    demote(quartet, account, "a4")
    before = quartet.snapshot()
    play.do("open", "nobody")
    assert play.state == State.OPEN
    quartet.restore(before)
    demote(quartet, account, "a3")
    assert play.refuses("open", "nobody") == ("NotAggregator", account("a3").address)


def test_who_could_not_announce_does_not_leave(quartet, account):
    play = quartet.reach("Announcing")
    demote(quartet, account, "a3")
    post(play, "Announcing", "a2", "a4")
    events = expire(play)
    assert not of_kind(events, Dropped)
    assert of_kind(events, RoundAborted)[0].reason == REVOKED


def reported(quartet, *lists):
    """A round with the reports of all sites, and the lists of noise of these members."""
    play = quartet.reach("Open")
    for site in play.sites:
        play.do("report", site)
    for name in lists:
        play.do("report_noise", name)
    return play


def test_a_list_of_noise_may_be_missing(quartet, account, digest):
    play = reported(quartet, "a1", "a2", "a4")
    assert play.refuses("close", "nobody")[0] == "TooEarly"
    quartet.pass_deadline()
    left, fixed, moved = play.do("close", "nobody")
    assert left == Dropped(play.study, 1, account("a3").address, State.OPEN, WITHHELD)
    where = [quartet.ledger.chain_id, bytes(quartet.addresses["Rounds"]), play.study, 1]
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "bytes32"]
    reports = [digest(f"report {site}") for site in play.sites]
    lists = [digest(f"noise {n}") if n != "a3" else bytes(32) for n in play.committee]
    values = [digest("troth/transcript/v1"), *where, play.view.heads_digest, reports, lists]
    assert fixed.transcript == digest(encode([*types, "bytes32[]", "bytes32[]"], values))
    assert fixed.present == play.view.present == 0b11111 | play.noise_of("a1", "a2", "a4")
    assert moved == Moved(play.study, 1, State.CLOSED, quartet.now + 60)


def test_the_round_closes_early_when_all_live_members_lists_are_in(quartet):
    play = without(quartet.reach("Announcing"), "a2", "Announcing")
    play.step_to("Open")
    play.report()
    play.do("close", "nobody")
    assert play.view.present == 0b11111 | play.noise_of("a1", "a3", "a4")


def test_two_lists_of_noise_may_not_be_missing(quartet, account):
    play = reported(quartet, "a1", "a4")
    quartet.pass_deadline()
    (ended,) = of_kind(play.do("close", "nobody"), RoundAborted)
    assert ended == RoundAborted(play.study, 1, WITHHELD, State.OPEN, account("a2").address, ZERO)
    assert play.live == play.committee
    assert play.reserved() == 0


@pytest.mark.parametrize(("lists", "gone"), [(("a1", "a2", "a3"), "a4"), (("a1", "a4"), "a2")])
def test_a_list_that_could_not_come_ends_the_round(quartet, account, lists, gone):
    play = reported(quartet, *lists)
    demote(quartet, account, gone)
    quartet.pass_deadline()
    events = play.do("close", "nobody")
    assert not of_kind(events, Dropped)
    assert of_kind(events, RoundAborted)[0].reason == REVOKED


def test_the_quorum_is_still_asked_for_after_somebody_left(quartet):
    play = quartet.reach("Open")
    for name in ("a1", "a2", "a3"):
        play.do("report_noise", name)
    quartet.pass_deadline()
    events = play.do("close", "nobody")
    assert isinstance(events[0], Dropped)
    assert of_kind(events, RoundAborted)[0].reason == QUORUM


def test_noise_of_who_left_before_the_verdict_is_not_in_the_sum(quartet):
    play = without(quartet.reach("Keyed"), "a2", "Keyed")
    assert play.view.delivered & play.noise_of("a2")
    for step in ("Judged", "Settled"):
        play.step_to(step)
    assert play.view.accepted == 0b11111 | play.noise_of("a1", "a3", "a4")


def test_noise_of_who_leaves_after_the_verdict_stays(quartet):
    play = without(quartet.reach("Held"), "a2", "Held")
    assert play.view.accepted == 0b11111 | play.noise


def test_who_leaves_takes_all_complaints_along(quartet):
    play = quartet.reach("Committed")
    for name in ("a1", "a2"):
        play.do("confirm", name, play.bits("a1", "a2", "a4"))
    play.do("confirm", "a3")
    events = expire(play)
    assert len(of_kind(events, Dropped)) == 1
    assert play.live == ["a1", "a2", "a3"]
    assert play.state == NUMBER["Judged"]


FETCHING = [
    # One complaint of three others: passed over while a member can be spared.
    ({"a1": ("a4",)}, [], None),
    ({"a1": ("a4",), "a2": ("a3",), "a4": ("a1",)}, [], None),
    # Two of three others are more than half.
    ({"a1": ("a4",), "a3": ("a4",)}, ["a4"], None),
    ({"a1": ("a4",), "a3": ("a4",), "a2": ("a1",)}, ["a4"], None),
    # Two at once cannot leave: the first is named.
    ({"a1": ("a3", "a4"), "a2": ("a3", "a4")}, [], "a3"),
    ({"a1": ("a2",), "a3": ("a1", "a2"), "a4": ("a1",)}, [], "a1"),
]


@pytest.mark.parametrize(("complaints", "left", "named"), FETCHING)
def test_whom_most_others_cannot_fetch_from_leaves(quartet, account, complaints, left, named):
    play = quartet.reach("Committed")
    fetched = {name: 0b1111 & ~play.bits(*missed) for name, missed in complaints.items()}
    events = play.all_do("confirm", **fetched)
    dropped = [event.member for event in of_kind(events, Dropped)]
    assert dropped == [account(name).address for name in left]
    assert {event.reason for event in of_kind(events, Dropped)} <= {UNAVAILABLE}
    parties = [event.party for event in of_kind(events, RoundAborted)]
    assert parties == ([account(named).address] if named else [])
    assert play.state == (State.ABORTED if named else NUMBER["Judged"])


@pytest.mark.parametrize(
    ("complaints", "named"),
    [({"a1": "a4"}, None), ({"a1": "a4", "a2": "a4"}, "a4"), ({"a4": "a1", "a2": "a1"}, "a1")],
)
def test_with_three_left_a_complaint_counts_again(quartet, account, complaints, named):
    play = without(quartet.reach("Keyed"), "a3", "Keyed")
    fetched = {name: 0b1011 & ~play.bits(missed) for name, missed in complaints.items()}
    events = play.all_do("confirm", **fetched)
    (ended,) = of_kind(events, RoundAborted)
    assert (ended.reason, ended.party) == (UNAVAILABLE, account(named).address if named else ZERO)


def test_who_left_is_neither_fetched_from_nor_missed(quartet):
    play = without(quartet.reach("Keyed"), "a3", "Keyed")
    for wrong in (0b1111, 0b0101, 0b1010):
        assert play.refuses("confirm", "a1", wrong) == ("WrongBitmap", 0b1011, wrong)
    play.all_do("confirm")
    assert play.state == NUMBER["Judged"]


def test_who_left_votes_but_is_not_waited_for(quartet):
    play = without(quartet.reach("Seeded"), "a4", "Seeded")
    for name in ("a1", "a2", "a3", *play.sites):
        play.do("attest", name)
    before = quartet.snapshot()
    play.do("finalise", "nobody")
    quartet.restore(before)
    play.do("attest", "a4")
    play.do("finalise", "nobody")
    assert play.view.model_digest == play.model


@pytest.mark.parametrize(("left", "final"), [("a4", True), (None, False)])
def test_a_live_member_is_waited_for(quartet, left, final):
    play = quartet.reach("Seeded")
    play = without(play, left, "Seeded") if left else play
    play.bring_to("Opened")
    for name in ("a1", "a2", "a3", *play.sites):
        play.do("attest", name)
    if not final:
        assert play.refuses("finalise", "nobody")[0] == "TooEarly"
    else:
        play.do("finalise", "nobody")


def test_who_left_counts_as_a_voter_and_an_accuser(quartet):
    play = without(quartet.reach("Seeded"), "a4", "Seeded")
    for name in ("a1", "a2", "s1", "s2"):
        play.do("attest", name)
    play.do("accuse", "a4", (OPENING, play.terms.committee[0], bytes(32)))
    quartet.pass_deadline()
    (ended,) = of_kind(play.do("finalise", "nobody"), RoundAborted)
    assert ended.reason == CONFLICT  # four of nine voters are not five


def test_a_fault_of_who_left_is_still_proven(quartet, account):
    play = without(quartet.reach("Seeded"), "a4", "Seeded")
    for name in play.sites:
        play.do("accuse", name, (OPENING, account("a4").address, bytes(32)))
    quartet.pass_deadline()
    (ended,) = of_kind(play.do("finalise", "nobody"), RoundAborted)
    assert (ended.reason, ended.party) == (FAULT, account("a4").address)
    assert play.progress.guilty == 0b1000


def test_in_the_next_round_everybody_is_live_again(quartet):
    play = without(quartet.reach("Settled"), "a4", "Settled")
    assert play.following.view.live == 0
    play.bring_to("Final")
    play.following.step_to("Announcing")
    assert play.following.live == play.committee
    assert play.live == ["a1", "a2", "a3"]


def guilty(quartet, name="a4"):
    """The second round of a study in whose first one a member did not open its noise."""
    play = without(quartet.reach("Picked"), name, "Picked")
    play.all_do("recover", (play.bits(name), b"\1" * 32))
    play.bring_to("Final")
    return play.following


def test_who_is_guilty_takes_no_part_in_later_rounds(quartet, account):
    play = guilty(quartet)
    refused = ("NotLive", play.study, 2, account("a4").address)
    assert play.refuses("announce", "a4") == refused
    events = play.do("announce", "a2")
    excluded = Dropped(play.study, 2, account("a4").address, State.ABSENT, FAULT)
    assert [type(event) for event in events] == [HeadPosted, Dropped, Moved]
    assert events[1] == excluded
    assert play.refuses("announce", "a4") == refused
    play.do("announce", "a1")
    (fixed,) = of_kind(play.do("announce", "a3"), HeadsFixed)
    assert fixed.heads_digest == heads(play, "a1", "a2", "a3")
    play.bring_to("Opened")
    for name in (*play.committee, *play.sites):  # it still votes
        play.do("attest", name)
    play.do("finalise", "nobody")


def test_beside_who_is_guilty_everybody_is_needed(quartet, account):
    play = guilty(quartet)
    play.bring_to("Delivered")
    post(play, "Delivered", "a1", "a3")
    (ended,) = of_kind(expire(play), RoundAborted)
    assert (ended.reason, ended.party) == (WITHHELD, account("a2").address)


def test_two_that_are_guilty_end_the_study(quartet):
    play = guilty(quartet)
    play.bring_to("Held")
    post(play, "Held", "a1", "a3")
    expire(play)
    assert play.progress.guilty == 0b1010
    assert play.following.refuses("announce", "a1") == ("StudyOver", play.study)


def test_a_fault_of_one_leaves_a_study_of_three(quartet, account):
    play = quartet.reach("Opened")
    for name in play.sites:
        play.do("accuse", name, (OPENING, account("a1").address, bytes(32)))
    quartet.pass_deadline()
    play.do("finalise", "nobody")
    play.following.do("announce", "a2")
    assert play.following.live == ["a2", "a3", "a4"]


def test_of_three_members_one_that_is_guilty_ends_the_study(trio):
    play = trio.reach("Held")
    expire(play)
    assert play.following.refuses("announce", "a2") == ("StudyOver", play.study)
