"""The end of a round in B3 and B4 on the model of the contract: recovered noise, accusations."""

import pytest
from tests.round.game import (
    EVIDENCE,
    MODEL,
    SEEDS,
    STUDY,
    A,
    B,
    C,
    D,
    Game,
    S,
    aborted,
    terms,
)
from tests.round.replicated_game import (
    dropped,
    four,
    three,
    without,
)

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.transitions import Fault, State

# Step 10


@pytest.mark.parametrize("start", [three, four])
def test_the_key_is_revealed_two_steps_at_once(start):
    game = start(State.HELD)
    chain = game.chain(A)
    for level in (1, 2, 3):
        refused = game.refuses(A, "reveal", value=chain[level])
        assert refused == ("WrongReveal", {"member": A})
    assert game.reveal(A, 0) == [rounds.KeyRevealed(STUDY, 1, A, 0, chain[0])]


def test_of_three_members_noise_cannot_be_recovered():
    game = three(State.PICKED)
    events = game.open_noise()
    assert game.state is State.OPENED
    assert [type(event) for event in events] == [rounds.NoiseOpened, rounds.Moved]


def test_others_open_the_noise_of_who_is_gone():
    game = four(State.PICKED)
    without(game, D)
    digest = b"\x06" * 32
    told = game.act(A, "recover", owners=0b1000, digest=digest)
    assert told == [rounds.Recovered(STUDY, 1, A, 0b1000, digest)]
    game.act(B, "recover", owners=0b1000, digest=MODEL)
    events = game.act(C, "recover", owners=0b1000, digest=digest)
    assert events[1] == rounds.RecoveryFixed(STUDY, 1, 0b1000)
    assert game.state is State.OPENED
    assert game.record.recovered == 0b1000
    game.reach(State.FINAL)


def test_who_recovers_says_whose_noise_it_is_and_shows_it():
    game = four(State.JUDGED)
    without(game, D)
    game.reach(State.SEEDED)
    refused = game.refuses(A, "recover", owners=0b1001, digest=bytes(32))
    assert refused == ("WrongBitmap", {"allowed": 0b0111, "given": 0b1001})
    assert game.refuses(A, "recover", owners=0b0001, digest=bytes(32)) == ("ZeroDigest", {})
    events = game.recover()
    assert events[1] == rounds.RecoveryFixed(STUDY, 1, 0)


def said(game, owners):
    """Each live member says whose noise it is; what the last one's call says."""
    posts = zip(game.live, owners, strict=True)
    return [game.act(m, "recover", owners=bitmap, digest=MODEL) for m, bitmap in posts][-1]


@pytest.mark.parametrize(
    ("owners", "left", "recovered"),
    [
        ([0, 0, 0b1000, 0], [(C, "Disagree")], 0),
        ([0b1000] * 4, [(D, "Fault")], 0b1000),
        ([0b1000] * 3 + [0], [(D, "Disagree")], 0b1000),
    ],
)
def test_whose_seeds_are_wrong_or_whose_word_is_leaves(owners, left, recovered):
    game = four(State.SEEDED)
    events = said(game, owners)
    assert dropped(events) == [(member, State.SEEDED, reason) for member, reason in left]
    assert events[-2] == rounds.RecoveryFixed(STUDY, 1, recovered)
    assert game.progress.guilty == ({3} if recovered else set())


@pytest.mark.parametrize(
    ("owners", "end"),
    [
        ([0, 0b1000, 0b1000], None),
        ([0, 0b1001, 0b1001], "Fault"),
        ([0, 0b1001, 0b1000], "Disagree"),
    ],
)
def test_of_three_two_decide_whose_noise_is_recovered(owners, end):
    game = four(State.PICKED)
    without(game, D)
    events = said(game, owners)
    assert dropped(events) == []
    if end is None:
        assert rounds.RecoveryFixed(STUDY, 1, 0b1000) in events
    else:
        assert aborted(events)[0] == end
    assert game.progress.guilty == ({0, 3} if end == "Fault" else {3})


@pytest.mark.parametrize(
    ("owners", "honest", "left", "end", "guilty"),
    [
        ([0, 0, 1, 1], 1, [], ("Disagree", ZERO), set()),
        ([0b0100] * 3 + [0], 1, [D], ("Fault", C), {2}),
        ([0b0110] * 4, 1, [], ("Fault", B), {1, 2}),
        ([0b1110] * 4, 2, [], ("Fault", B), {1, 2, 3}),
    ],
)
def test_recoveries_that_end_a_round(owners, honest, left, end, guilty):
    game = Game(study=terms(mode=2, committee=(A, B, C, D), honest=honest)).reach(State.SEEDED)
    events = said(game, owners)
    assert dropped(events) == [(member, State.SEEDED, "Disagree") for member in left]
    assert game.progress.guilty == guilty
    reason, _, party, other = aborted(events)
    assert (reason, party, other) == (*end, ZERO)
    assert game.others.steps == ["reserve", "settle"]


@pytest.mark.parametrize(("honest", "ends"), [(1, False), (2, True)])
def test_enough_noise_must_stay_unopened(honest, ends):
    game = Game(study=terms(mode=2, committee=(A, B, C, D), honest=honest)).reach(State.JUDGED)
    game.judge(bytes(3) + b"\6" + bytes(7))  # three members' noise, and not A's
    game.reach(State.PICKED)
    without(game, D)
    events = game.recover(0b1000)
    if ends:
        assert aborted(events) == ("Noise", State.SEEDED, ZERO, ZERO)
        assert game.refuses(D, "defend", seeds=SEEDS)[0] == "WrongState"
    else:
        assert rounds.RecoveryFixed(STUDY, 1, 0b1000) in events


# Step 11


@pytest.mark.parametrize("fault", range(8))
def test_nobody_is_accused_of_what_there_is_not(fault):
    game = four(State.OPENED)
    given = {"fault": fault, "party": B, "evidence": EVIDENCE}
    if fault in (Fault.OPENING, Fault.VERIFICATION, Fault.ACCUSATION):
        assert game.act(S[0], "accuse", **given)
    else:
        assert game.refuses(S[0], "accuse", **given) == ("WrongFault", {"fault": fault})
