"""Rounds, steps 0 and 1: announcing a round and opening it."""

from typing import Any

import pytest
from eth_abi.abi import encode

from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.address import ZERO
from troth.ledger.bindings import (
    consortium,
    dataset_registry,
    privacy_ledger,
    rounds,
    study_registry,
)
from troth.ledger.bindings.privacy_ledger import Reserved
from troth.ledger.bindings.rounds import HeadPosted, HeadsFixed, Moved, Opened

ANNOUNCING, ANNOUNCED, OPEN = 1, 2, 3
WINDOW = 60


OTHERS = ("s1", "s2", "s3", "s4", "u1")
SITE, AGGREGATOR, AUDITOR = 1, 2, 8


def vote_out(world: Any, account: Any, name: str) -> None:
    for voter in OTHERS:
        world.send(voter, consortium.vote_removal(account(name).address))


def change_roles(world: Any, account: Any, name: str, roles: int) -> None:
    vote_out(world, account, name)
    for voter in OTHERS:
        world.send(voter, consortium.vote_admission(account(name).address, roles, bytes(32)))


def test_the_first_head_starts_the_clock(world, account, digest):
    play = world.play
    events = play.do("announce", "a2")
    member, head, hpke = account("a2").address, play.key("a2", 3), digest("hpke a2")
    assert events == [
        HeadPosted(world.study, 1, member, head, hpke),
        Moved(world.study, 1, ANNOUNCING, world.now + WINDOW),
    ]
    deadline = world.now + WINDOW
    assert play.view.deadline == deadline


def test_the_last_head_fixes_them_in_committee_order(world, digest):
    play = world.play
    play.do("announce", "a2")
    posted, fixed, moved = play.do("announce", "a1")
    values = [
        digest("troth/heads/v1"),
        world.ledger.chain_id,
        bytes(world.addresses["Rounds"]),
        world.study,
        1,
        [play.key("a1", 3), play.key("a2", 3)],
        [digest("hpke a1"), digest("hpke a2")],
    ]
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "bytes32[]", "bytes32[]"]
    assert isinstance(posted, HeadPosted)
    assert fixed == HeadsFixed(world.study, 1, digest(encode(types, values)))
    assert moved == Moved(world.study, 1, ANNOUNCED, world.now + WINDOW)
    assert play.view.heads_digest == fixed.heads_digest


def test_the_key_chain_is_the_contracts_own(world, account):
    play, member = world.play, account("a1").address
    for level in (1, 2, 3):
        step = rounds.key_step(world.study, 1, member, level, play.key("a1", level - 1))
        assert world.ask(step) == play.key("a1", level)


def test_who_announces(world, account):
    play = world.play
    for name in ("a3", "s1", "stranger"):
        refused = ("NotCommittee", world.study, account(name).address)
        assert play.refuses("announce", name) == refused


def test_a_head_is_posted_once(world, account):
    play = world.reach("Announcing")
    refused = ("AlreadyPosted", world.study, 1, account("a1").address)
    assert play.refuses("announce", "a1") == refused


@pytest.mark.parametrize("missing", [0, 1])
def test_heads_and_keys_are_not_zero(world, digest, missing):
    posts = [digest("head"), digest("hpke")]
    posts[missing] = bytes(32)
    assert world.refuses("a1", rounds.announce(world.study, 1, *posts)) == ("ZeroDigest",)


def test_a_study_must_be_active(world, digest):
    study = world.propose(world.make_terms(), "not approved")
    posts = (1, digest("head"), digest("hpke"))
    for inactive in (study, digest("no study")):
        refused = ("StudyNotActive", inactive)
        assert world.refuses("a1", rounds.announce(inactive, *posts)) == refused


def test_a_study_that_a_holder_left_announces_nothing(world, account):
    vote_out(world, account, "s5")
    assert world.play.refuses("announce", "a1") == ("StudyNotActive", world.study)


def test_a_committee_member_voted_out_announces_nothing(world, account):
    vote_out(world, account, "a1")
    assert world.play.refuses("announce", "a1") == ("NotAggregator", account("a1").address)


def test_a_committee_member_without_the_role_announces_nothing(world, account):
    change_roles(world, account, "a1", AUDITOR)
    assert world.play.refuses("announce", "a1") == ("NotAggregator", account("a1").address)


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_rounds_go_one_by_one(world, digest, number):
    call = rounds.announce(world.study, number, digest("head"), digest("hpke"))
    assert world.refuses("a1", call) == ("WrongRound", world.study, number, 1)


def test_a_study_ends_with_its_last_round(world):
    play = world.play
    for expected in (1, 2):
        assert world.ask(rounds.current_round(world.study)) == expected
        play.bring_to("Final")
        play = play.following
    assert play.refuses("announce", "a1") == ("StudyOver", world.study)
    progress = world.ask(rounds.progress_of(world.study))
    assert (progress.finals, progress.aborts) == (2, 0)


def test_a_study_ends_with_one_abort_more_than_allowed(world):
    play = world.play
    for _ in range(2):
        play.bring_to("Aborted")
        play = play.following
    assert play.refuses("announce", "a1") == ("StudyOver", world.study)
    progress = world.ask(rounds.progress_of(world.study))
    assert (progress.finals, progress.aborts) == (0, 2)


def test_opening_reserves_the_price_on_every_lineage(world):
    play = world.reach("Announced")
    events = play.do("open", "nobody")
    prices = [world.ask(study_registry.price_of(world.study, i)) for i in range(5)]
    assert events[:5] == [
        Reserved(world.study, 1, lineage, price)
        for lineage, price in zip(play.lineages, prices, strict=True)
    ]
    assert events[5:] == [
        Opened(world.study, 1, 0b11111),
        Moved(world.study, 1, OPEN, world.now + WINDOW),
    ]
    assert play.reserved() == sum(prices)
    assert play.settled() == 0


def test_a_study_that_stopped_being_active_is_not_opened(world, account):
    play = world.reach("Announced")
    vote_out(world, account, "s5")
    assert play.refuses("open", "nobody") == ("StudyNotActive", world.study)
    assert play.reserved() == 0


@pytest.mark.parametrize("name", ["a1", "a2"])
def test_a_round_is_not_opened_once_the_committee_is_not_whole(world, account, name):
    play = world.reach("Announced")
    vote_out(world, account, name)
    assert play.refuses("open", "nobody") == ("NotAggregator", account(name).address)
    for voter in OTHERS:
        again = consortium.vote_admission(account(name).address, AUDITOR, bytes(32))
        world.send(voter, again)
    assert play.refuses("open", "nobody") == ("NotAggregator", account(name).address)
    change_roles(world, account, name, AGGREGATOR)
    play.do("open", "nobody")


def test_only_sites_with_a_standing_grant_are_enrolled_and_charged(world, account):
    play = world.reach("Announced")
    world.send("s2", dataset_registry.revoke(world.versions["s2"], world.study))
    change_roles(world, account, "s5", AUDITOR)
    events = play.do("open", "nobody")
    charged = [event.lineage for event in events if isinstance(event, Reserved)]
    assert charged == [world.versions[name] for name in ("s1", "s3", "s4")]
    assert play.view.enrolled == 0b01101


def test_a_round_without_enough_sites_is_not_opened(world, account):
    play = world.reach("Announced")
    for name in ("s2", "s3", "s5"):
        world.send(name, dataset_registry.revoke(world.versions[name], world.study))
    assert play.refuses("open", "nobody") == ("QuorumUnreachable", world.study, 1)
    world.send("s5", dataset_registry.grant(world.versions["s5"], world.study))
    play.do("open", "nobody")


def test_a_round_without_enough_weight_is_not_opened(world):
    play = world.reach("Announced")
    for name in ("s1", "s5"):  # three sites stay, with a weight of four of five
        world.send(name, dataset_registry.revoke(world.versions[name], world.study))
    assert play.refuses("open", "nobody") == ("QuorumUnreachable", world.study, 1)


def test_overspending_is_refused_and_changes_nothing(world, account):
    play = world.reach("Announced")
    lineage, price = world.versions["s4"], world.ask(study_registry.price_of(world.study, 3))
    world.send("s4", privacy_ledger.lower(lineage, price - 1))
    refused = ("BudgetExceeded", lineage, price - 1, price)
    assert play.refuses("open", "nobody") == refused
    call = play.call("open", "nobody")
    receipt = world.ledger.send(account("nobody"), call, force=True)
    assert (receipt.status, receipt.events) == (0, ())
    assert play.state == ANNOUNCED
    assert play.reserved() == 0


def test_a_closed_budget_opens_no_round(world):
    play = world.reach("Announced")
    world.send("s1", privacy_ledger.close(world.versions["s1"]))
    assert play.refuses("open", "nobody") == ("BudgetIsClosed", world.versions["s1"])


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_references_must_be_given(world, account, missing):
    names = ("Consortium", "StudyRegistry", "PrivacyLedger")
    references = [world.addresses[name] for name in names]
    references[missing] = ZERO
    shipped = artifact.load("Rounds").linked(world.addresses)
    with pytest.raises(ContractRefused, match="ZeroReference"):
        world.ledger.deploy(account("deployer"), shipped, references)
