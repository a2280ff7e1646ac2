"""PrivacyLedger: budgets, reservations, settlements."""

import pytest

from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, privacy_ledger, structs
from troth.ledger.bindings.privacy_ledger import (
    BudgetClosed,
    BudgetLowered,
    BudgetOpened,
    BudgetRaised,
    BudgetRaiseVoted,
    Released,
    Reserved,
    Settled,
)

STUDY = bytes(31) + b"\x01"


@pytest.fixture
def lineages(world):
    """The lineages of s1 and s2."""
    return (world.versions["s1"], world.versions["s2"])


@pytest.fixture
def bare(world, account, lineages):
    """A ledger of its own whose Rounds is the account "rounds": budgets of 100 and 50."""
    references = [
        world.addresses["Consortium"],
        world.addresses["DatasetRegistry"],
        account("rounds").address,
    ]
    world.ledger.deploy(account("deployer"), artifact.load("PrivacyLedger"), references)
    world.send("s1", privacy_ledger.open_budget(lineages[0], 100))
    world.send("s2", privacy_ledger.open_budget(lineages[1], 50))
    return world


@pytest.fixture
def state(bare):
    """Budget, settled, reserved and left of a lineage."""

    def read(lineage):
        found = bare.ask(privacy_ledger.account_of(lineage))
        left = bare.ask(privacy_ledger.left_of(lineage))
        return (found.budget, found.settled, found.reserved, left)

    return read


def raise_votes(world, lineage, budget, *names):
    return [world.events(name, privacy_ledger.vote_raise(lineage, budget)) for name in names]


def test_the_holder_opens_a_budget_once(world, account, digest, lineages):
    lineage = lineages[0]
    known = [world.addresses[name] for name in ("Consortium", "DatasetRegistry")]
    references = [*known, account("rounds").address]
    world.ledger.deploy(account("deployer"), artifact.load("PrivacyLedger"), references)
    call = privacy_ledger.open_budget(lineage, 100)
    assert world.ask(privacy_ledger.left_of(lineage)) == 0
    refused = ("NotHolder", lineage, account("s2").address)
    assert world.refuses("s2", call) == refused
    assert world.refuses("s1", privacy_ledger.open_budget(lineage, 0)) == ("ZeroBudget",)
    assert world.events("s1", call) == [BudgetOpened(lineage, 100)]
    assert world.refuses("s1", call) == ("BudgetExists", lineage)
    assert world.ask(privacy_ledger.account_of(lineage)) == structs.Account(100, 0, 0, closed=False)
    assert world.ask(privacy_ledger.left_of(lineage)) == 100


def test_the_holder_lowers_it(bare, account, lineages, state):
    lineage = lineages[0]
    assert bare.events("s1", privacy_ledger.lower(lineage, 60)) == [BudgetLowered(lineage, 60)]
    assert state(lineage) == (60, 0, 0, 60)
    refused = ("NotHolder", lineage, account("s2").address)
    assert bare.refuses("s2", privacy_ledger.lower(lineage, 10)) == refused
    for asked in (60, 61):
        error = ("NotLower", lineage, 60, asked)
        assert bare.refuses("s1", privacy_ledger.lower(lineage, asked)) == error


def test_a_budget_lowered_to_nothing_cannot_be_opened_anew(bare, lineages, state):
    bare.send("s1", privacy_ledger.lower(lineages[0], 0))
    reopen = privacy_ledger.open_budget(lineages[0], 1000)
    assert bare.refuses("s1", reopen) == ("BudgetExists", lineages[0])
    assert state(lineages[0]) == (0, 0, 0, 0)


def test_a_closed_budget_is_closed_for_ever(bare, account, lineages, state):
    lineage = lineages[0]
    refused = ("NotHolder", lineage, account("a1").address)
    assert bare.refuses("a1", privacy_ledger.close(lineage)) == refused
    assert bare.events("s1", privacy_ledger.close(lineage)) == [BudgetClosed(lineage)]
    assert state(lineage) == (100, 0, 0, 0)
    assert bare.ask(privacy_ledger.account_of(lineage)).closed
    closed = ("BudgetIsClosed", lineage)
    assert bare.refuses("s1", privacy_ledger.close(lineage)) == closed
    assert bare.refuses("s1", privacy_ledger.lower(lineage, 1)) == closed
    assert bare.refuses("s1", privacy_ledger.vote_raise(lineage, 200)) == closed
    assert bare.refuses("rounds", privacy_ledger.reserve(STUDY, 1, (lineage,), (1,))) == closed
    reopen = privacy_ledger.open_budget(lineage, 1)
    assert bare.refuses("s1", reopen) == ("BudgetExists", lineage)


def test_without_a_budget_nothing_can_be_done(bare, lineages):
    lineage = bare.versions["s3"]
    error = ("NoBudget", lineage)
    assert bare.refuses("s3", privacy_ledger.lower(lineage, 1)) == error
    assert bare.refuses("s3", privacy_ledger.close(lineage)) == error
    assert bare.refuses("s3", privacy_ledger.vote_raise(lineage, 1)) == error
    reserve = privacy_ledger.reserve(STUDY, 1, (lineages[0], lineage), (1, 1))
    assert bare.refuses("rounds", reserve) == error


def test_a_quorum_with_the_holder_raises(bare, account, lineages, state):
    voted = raise_votes(bare, lineages[0], 300, "a1", "s1", "a2", "a3")
    assert voted[0] == [BudgetRaiseVoted(lineages[0], 300, account("a1").address, 1, 5)]
    assert state(lineages[0]) == (100, 0, 0, 100)
    assert raise_votes(bare, lineages[0], 300, "u1")[0][1:] == [BudgetRaised(lineages[0], 300)]
    assert state(lineages[0]) == (300, 0, 0, 300)


def test_a_quorum_waits_for_the_holder(bare, lineages, state):
    raise_votes(bare, lineages[0], 300, "a1", "a2", "a3", "u1", "s2", "s3")
    assert state(lineages[0]) == (100, 0, 0, 100)
    assert len(raise_votes(bare, lineages[0], 300, "s1")[0]) == 2
    assert state(lineages[0]) == (300, 0, 0, 300)


def test_raise_votes_are_checked(bare, account, lineages):
    lineage, call = lineages[0], privacy_ledger.vote_raise(lineages[0], 300)
    stranger, voter = account("stranger").address, account("a1").address
    assert bare.refuses("stranger", call) == ("NotMember", stranger)
    for asked in (99, 100):
        error = ("NotHigher", lineage, 100, asked)
        assert bare.refuses("a1", privacy_ledger.vote_raise(lineage, asked)) == error
    bare.send("a1", call)
    assert bare.refuses("a1", call) == ("AlreadyVoted", lineage, 300, voter)
    bare.send("a1", privacy_ledger.vote_raise(lineage, 301))


def test_votes_of_a_carried_raise_do_not_count_again_after_a_lowering(bare, lineages, state):
    voters = ("a1", "a2", "a3", "u1", "s1")
    raise_votes(bare, lineages[0], 300, *voters)
    bare.send("s1", privacy_ledger.lower(lineages[0], 100))
    (event,) = raise_votes(bare, lineages[0], 300, "s2")[0]
    assert event.votes == 1
    assert state(lineages[0]) == (100, 0, 0, 100)
    raise_votes(bare, lineages[0], 300, *voters[:-1])
    assert state(lineages[0]) == (100, 0, 0, 100)  # the holder has to vote anew
    raise_votes(bare, lineages[0], 300, "s1")
    assert state(lineages[0]) == (300, 0, 0, 300)


def test_raise_votes_lapse_when_membership_changes(bare, account, lineages):
    raise_votes(bare, lineages[0], 300, "a1", "a2", "a3", "u1")
    for name in ("s1", "s2", "s3", "s4", "s5"):
        bare.send(name, consortium.vote_removal(account("a3").address))
    (event,) = raise_votes(bare, lineages[0], 300, "s1")[0]
    assert (event.votes, event.needed) == (1, 5)


def test_reserving_counts_as_spent(bare, lineages, state):
    call = privacy_ledger.reserve(STUDY, 1, lineages, (70, 50))
    assert bare.events("rounds", call) == [
        Reserved(STUDY, 1, lineages[0], 70),
        Reserved(STUDY, 1, lineages[1], 50),
    ]
    assert state(lineages[0]) == (100, 0, 70, 30)
    assert state(lineages[1]) == (50, 0, 50, 0)


def test_a_reservation_is_all_or_nothing(bare, lineages, state):
    bare.send("rounds", privacy_ledger.reserve(STUDY, 1, lineages, (70, 20)))
    call = privacy_ledger.reserve(STUDY, 2, lineages, (30, 31))
    assert bare.refuses("rounds", call) == ("BudgetExceeded", lineages[1], 30, 31)
    assert state(lineages[0]) == (100, 0, 70, 30)
    bare.send("rounds", privacy_ledger.reserve(STUDY, 2, lineages, (30, 30)))
    assert state(lineages[0])[3] == state(lineages[1])[3] == 0


def test_settled_is_spent_for_ever(bare, lineages, state):
    charges = (lineages, (70, 20))
    bare.send("rounds", privacy_ledger.reserve(STUDY, 1, *charges))
    assert bare.events("rounds", privacy_ledger.settle(STUDY, 1, *charges)) == [
        Settled(STUDY, 1, lineages[0], 70),
        Settled(STUDY, 1, lineages[1], 20),
    ]
    assert state(lineages[0]) == (100, 70, 0, 30)
    over = privacy_ledger.reserve(STUDY, 2, lineages[:1], (31,))
    assert bare.refuses("rounds", over) == ("BudgetExceeded", lineages[0], 30, 31)


def test_released_is_free_again(bare, lineages, state):
    charges = (lineages, (70, 20))
    bare.send("rounds", privacy_ledger.reserve(STUDY, 1, *charges))
    assert bare.events("rounds", privacy_ledger.release(STUDY, 1, *charges)) == [
        Released(STUDY, 1, lineages[0], 70),
        Released(STUDY, 1, lineages[1], 20),
    ]
    assert state(lineages[0]) == (100, 0, 0, 100)


@pytest.mark.parametrize("end", [privacy_ledger.settle, privacy_ledger.release])
def test_a_reservation_ends_once_and_is_never_made_again(bare, lineages, end):
    charges = (lineages, (70, 20))
    reserve = privacy_ledger.reserve(STUDY, 1, *charges)
    assert bare.refuses("rounds", end(STUDY, 1, *charges)) == ("NoReservation", STUDY, 1)
    bare.send("rounds", reserve)
    assert bare.refuses("rounds", reserve) == ("ReservationExists", STUDY, 1)
    for other in [
        (lineages, (70, 21)),
        (lineages[::-1], (70, 20)),
        (lineages[:1], (70,)),
        ((), ()),
    ]:
        error = ("ReservationDiffers", STUDY, 1)
        assert bare.refuses("rounds", end(STUDY, 1, *other)) == error
    bare.send("rounds", end(STUDY, 1, *charges))
    for again in (privacy_ledger.settle, privacy_ledger.release):
        assert bare.refuses("rounds", again(STUDY, 1, *charges)) == ("NoReservation", STUDY, 1)
    assert bare.refuses("rounds", reserve) == ("ReservationExists", STUDY, 1)


@pytest.mark.parametrize("name", ["s1", "a1", "stranger"])
def test_only_rounds_reserves_settles_and_releases(bare, account, lineages, name):
    caller = account(name).address
    for make in (privacy_ledger.reserve, privacy_ledger.settle, privacy_ledger.release):
        assert bare.refuses(name, make(STUDY, 1, lineages, (1, 1))) == ("OnlyRounds", caller)


def test_an_open_reservation_outlives_lowering_and_closing(bare, lineages, state):
    charges = (lineages, (70, 20))
    bare.send("rounds", privacy_ledger.reserve(STUDY, 1, *charges))
    bare.send("s1", privacy_ledger.lower(lineages[0], 10))
    assert state(lineages[0]) == (10, 0, 70, 0)
    bare.send("s2", privacy_ledger.close(lineages[1]))
    bare.send("rounds", privacy_ledger.settle(STUDY, 1, *charges))
    assert state(lineages[0]) == (10, 70, 0, 0)
    assert state(lineages[1]) == (50, 20, 0, 0)
    more = privacy_ledger.reserve(STUDY, 2, lineages[:1], (1,))
    assert bare.refuses("rounds", more) == ("BudgetExceeded", lineages[0], 0, 1)


def test_the_largest_budget_can_be_spent_to_the_last_nano(bare, lineages, state):
    top = 2**64 - 1
    raise_votes(bare, lineages[0], top, "a1", "a2", "a3", "u1", "s1")
    for number, asked in ((1, top - 1), (2, 1)):
        bare.send("rounds", privacy_ledger.reserve(STUDY, number, lineages[:1], (asked,)))
        bare.send("rounds", privacy_ledger.settle(STUDY, number, lineages[:1], (asked,)))
    assert state(lineages[0]) == (top, top, 0, 0)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_references_must_be_given(world, account, missing):
    references = [world.addresses[name] for name in ("Consortium", "DatasetRegistry", "Rounds")]
    references[missing] = ZERO
    with pytest.raises(ContractRefused, match="ZeroReference"):
        world.ledger.deploy(account("deployer"), artifact.load("PrivacyLedger"), references)
