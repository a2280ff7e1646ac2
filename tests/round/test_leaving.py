"""Who leaves a round of mode B4 on the model of the contract, and how it goes on without."""

from dataclasses import replace

import pytest
from tests.round.game import (
    ANYONE,
    ARGUMENTS,
    B4,
    CHAIN,
    MODEL,
    ROUNDS,
    STUDY,
    A,
    B,
    C,
    D,
    Game,
    S,
    aborted,
)
from tests.round.replicated_game import (
    AWAITED,
    EVERY_PLACE,
    awaited,
    dropped,
    four,
    noise,
    three,
    without,
    without_d,
)

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.transcript import RoundId, heads_digest, transcript_digest
from troth.round.transitions import Fault, State, table

WHERE = RoundId(CHAIN, ROUNDS, STUDY, 1)


@pytest.mark.parametrize("start", [three, four])
def test_a_round_of_replicated_shares_needs_no_tags(start):
    game = start()
    seen = []
    for state in State:
        game.reach(state)
        seen.append(game.state)
        if game.state is State.FINAL:
            break
    assert not set(seen) & {State.SUMMED, State.CHALLENGED, State.PUBLISHED}
    assert (State.SEEDED in seen) == (start is four)
    assert game.others.steps == ["reserve", "settle"]
    assert game.record.model_digest == MODEL


@pytest.mark.parametrize("state", AWAITED)
def test_of_four_one_may_be_missing_in_every_step(state):
    game = four(state)
    events = without(game, D)
    assert dropped(events) == [(D, state, "Withheld")]
    assert game.record.live == {0, 1, 2}
    assert isinstance(events[-1], rounds.Moved)
    assert events[-1].state > state
    game.reach(State.FINAL)
    assert game.state is State.FINAL
    assert game.progress.guilty == ({3} if state >= State.HELD else set())


@pytest.mark.parametrize("state", AWAITED[1:])
def test_of_four_the_second_that_is_missing_ends_the_round(state):
    game = without_d(state)
    events = without(game, B)
    assert dropped(events) == []
    assert aborted(events) == ("Withheld", state, B, ZERO)
    assert game.progress.guilty == ({1} if state >= State.HELD else set())


@pytest.mark.parametrize(("start", "away"), [(four, (B, D)), (three, (B,))])
@pytest.mark.parametrize("state", AWAITED)
def test_too_many_that_are_missing_stay_and_are_named(start, away, state):
    if start is three and state is State.SEEDED:
        return
    game = start(state)
    if state is State.ANNOUNCING:
        away = away[:2]
    live = set(game.record.live)
    events = without(game, *away)
    assert aborted(events) == ("Withheld", state, B, ZERO)
    assert game.record.live == live


def test_a_vote_that_takes_a_role_away_ends_the_announcing_before_anybody_leaves():
    game = four(State.ANNOUNCING)
    game.others.strangers = (D,)
    events = without(game, D)
    assert aborted(events) == ("Revoked", State.ANNOUNCING, ZERO, ZERO)


def test_who_left_while_keys_were_announced_has_a_zero_head():
    game = four(State.ANNOUNCING)
    events = without(game, D)
    heads = (*(game.chain(member)[3] for member in (A, B, C)), bytes(32))
    digest = heads_digest(WHERE, heads, (b"\x01" * 32,) * 3 + (bytes(32),))
    assert events[1] == rounds.HeadsFixed(STUDY, 1, digest)
    game.others.strangers = (D,)  # nobody asks for its role any more
    assert game.act(ANYONE, "open")


def test_every_live_member_needs_its_role_when_the_round_opens():
    game = four(State.ANNOUNCED)
    game.others.strangers = (D,)
    assert game.refuses(ANYONE, "open") == ("NotAggregator", {"account": D})


def test_a_round_closes_without_the_noise_of_who_did_not_report_it():
    game = four(State.OPEN)
    game.report(members=(A, B, D))
    assert game.refuses(ANYONE, "close")[0] == "TooEarly"
    events = game.late().act(ANYONE, "close")
    present = EVERY_PLACE & ~noise(2)
    digests = [bytes(account) + bytes(12) for account in (*S, A, B, D)]
    lists = (*digests[3:5], bytes(32), digests[5])
    fixed = transcript_digest(WHERE, game.record.heads_digest, tuple(digests[:3]), lists)
    assert events[:2] == [
        rounds.Dropped(STUDY, 1, C, State.OPEN, table().reasons.index("Withheld")),
        rounds.TranscriptFixed(STUDY, 1, fixed, present),
    ]
    game.reach(State.FINAL)
    assert game.record.accepted == present


@pytest.mark.parametrize(
    ("reported", "out", "end"),
    [
        ((A, B), (), ("Withheld", C)),
        ((A, B, D), (C,), ("Revoked", ZERO)),
        ((A,), (C,), ("Withheld", B)),
    ],
)
def test_noise_that_is_missing_ends_a_round_where_nobody_can_leave(reported, out, end):
    game = four(State.OPEN)
    game.report(members=reported)
    game.others.strangers = out
    reason, _, party, _ = aborted(game.late().act(ANYONE, "close"))
    assert (reason, party) == end


def test_a_quorum_is_asked_for_after_somebody_left():
    game = four(State.OPEN)
    game.report(sites=S[:1], members=(A, B, C))
    events = game.late().act(ANYONE, "close")
    assert dropped(events) == [(D, State.OPEN, "Withheld")]
    assert aborted(events)[0] == "Quorum"


@pytest.mark.parametrize("state", AWAITED[1:])
def test_who_left_posts_nothing_more(state):
    game, action = without_d(state), awaited(state)
    refused = game.refuses(D, action, **ARGUMENTS[action])
    assert refused == ("NotLive", {"study_id": STUDY, "round": 1, "account": D})


def test_who_left_reports_no_noise_whatever_its_role():
    game = without_d(State.OPEN)
    game.others.strangers = (D,)
    assert game.refuses(D, "reportNoise", **ARGUMENTS["reportNoise"])[0] == "NotLive"


def test_who_left_votes_but_is_not_waited_for():
    game = four(State.CLOSED)
    without(game, A)
    game.reach(State.OPENED).attest((B, C, D, *S))
    final = game.act(ANYONE, "finalise")
    assert rounds.Finalised(STUDY, 1, MODEL) in final
    game = four(State.CLOSED)
    without(game, A)
    game.reach(State.OPENED)
    game.attest((A, B, C, *S))
    assert game.refuses(ANYONE, "finalise")[0] == "TooEarly"
    game.attest((D,))
    game.accuse((A,), Fault.OPENING, B)
    assert game.refuses(ANYONE, "finalise")[0] == "TooEarly"
    assert rounds.Finalised(STUDY, 1, MODEL) in game.late().act(ANYONE, "finalise")


def test_a_study_goes_on_without_one_that_is_guilty():
    game = four(State.PICKED)
    without(game, B)
    game.reach(State.FINAL)
    game.number = 2
    assert game.refuses(B, "announce", **ARGUMENTS["announce"])[0] == "NotLive"
    events = game.announce(A)
    assert dropped(events[1:-1]) == [(B, State.ABSENT, "Fault")]
    game.announce(D)
    assert game.record.live == {0, 2, 3}
    game.announce(C)
    assert game.state is State.ANNOUNCED
    assert game.refuses(B, "announce", **ARGUMENTS["announce"])[0] == "WrongState"
    game.reach(State.JUDGED)
    assert game.record.present == EVERY_PLACE & ~noise(1)
    game.reach(State.PICKED)
    events = without(game, C)
    assert aborted(events) == ("Withheld", State.PICKED, C, ZERO)
    assert game.progress.guilty == {1, 2}


def test_a_study_of_which_two_members_are_guilty_is_over():
    game = Game(study=replace(B4, rounds=3)).reach(State.PICKED)
    without(game, B)
    game.reach(State.FINAL)
    game.number = 2
    without(game.reach(State.HELD), C)
    game.number = 3
    for member in (A, B):
        assert game.refuses(member, "announce", **ARGUMENTS["announce"])[0] == "StudyOver"
