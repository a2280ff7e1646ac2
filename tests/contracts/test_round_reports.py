"""Rounds, steps 2 and 3: reports, noise, and the transcript at close."""

import pytest
from eth_abi.abi import encode

from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, dataset_registry
from troth.ledger.bindings.privacy_ledger import Released
from troth.ledger.bindings.rounds import (
    Moved,
    NoiseReported,
    Reported,
    RoundAborted,
    TranscriptFixed,
)

OPEN, CLOSED, ABORTED = 3, 4, 20
WITHHELD, REVOKED, QUORUM = 1, 3, 4
NONE = bytes(32)


def transcript(world, digest, play, reports, lists):
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "bytes32"]
    values = [
        digest("troth/transcript/v1"),
        world.ledger.chain_id,
        bytes(world.addresses["Rounds"]),
        play.study,
        play.round,
        play.view.heads_digest,
    ]
    return digest(encode([*types, "bytes32[]", "bytes32[]"], [*values, reports, lists]))


def test_a_site_reports(world, account, digest):
    play = world.reach("Open")
    event = Reported(world.study, 1, account("s3").address, digest("report s3"))
    assert play.do("report", "s3") == [event]
    assert play.state == OPEN


def test_a_member_reports_its_noise(world, account, digest):
    play = world.reach("Open")
    event = NoiseReported(world.study, 1, account("a2").address, digest("noise a2"))
    assert play.do("report_noise", "a2") == [event]


def test_the_same_digest_twice_is_not_refused(world, digest):
    play = world.reach("Open")  # a copier could otherwise block whom it copies
    for name in ("s1", "s2"):
        play.do("report", name, digest("the same"))
    for name in ("a1", "a2"):
        play.do("report_noise", name, digest("the same"))


def test_who_reports(world, account):
    play = world.reach("Open")
    for name in ("a1", "stranger"):
        refused = ("NotSite", world.study, account(name).address)
        assert play.refuses("report", name) == refused
    for name in ("s1", "a3"):
        refused = ("NotCommittee", world.study, account(name).address)
        assert play.refuses("report_noise", name) == refused


def test_a_site_whose_grant_did_not_stand_is_not_enrolled(world, account):
    play = world.reach("Announced")
    grant = (world.versions["s2"], world.study)
    world.send("s2", dataset_registry.revoke(*grant))
    play.do("open", "nobody")
    world.send("s2", dataset_registry.grant(*grant))  # for the next round
    assert play.refuses("report", "s2") == ("NotEnrolled", world.study, 1, account("s2").address)


def test_a_revocation_after_opening_is_for_the_next_round(world):
    play = world.reach("Open")
    world.send("s2", dataset_registry.revoke(world.versions["s2"], world.study))
    play.do("report", "s2")


def test_a_site_voted_out_after_opening_does_not_report(world, account):
    play = world.reach("Open")
    gone = account("s5").address
    for voter in ("a1", "a2", "a3", "s1", "s2"):
        world.send(voter, consortium.vote_removal(gone))
    refused = ("NotSite", world.study, gone)
    assert play.refuses("report", "s5") == refused
    for voter in ("a1", "a2", "a3", "s1", "s2"):
        world.send(voter, consortium.vote_admission(gone, 8, bytes(32)))
    assert play.refuses("report", "s5") == refused
    for call in (consortium.vote_removal(gone), consortium.vote_admission(gone, 1, bytes(32))):
        for voter in ("a1", "a2", "a3", "s1", "s2"):
            world.send(voter, call)
    play.do("report", "s5")


@pytest.mark.parametrize("back", [None, 8])
def test_a_committee_member_without_the_role_reports_no_noise(world, account, back):
    play = world.reach("Open")
    gone = account("a2").address
    for voter in ("a1", "a3", "s1", "s2", "s3"):
        world.send(voter, consortium.vote_removal(gone))
    if back is not None:
        for voter in ("a1", "a3", "s1", "s2", "s3"):
            world.send(voter, consortium.vote_admission(gone, back, bytes(32)))
    assert play.refuses("report_noise", "a2") == ("NotAggregator", gone)


def test_a_report_is_a_digest_and_comes_once(world, account):
    play = world.reach("Open")
    for action, name in (("report", "s1"), ("report_noise", "a1")):
        assert play.refuses(action, name, NONE) == ("ZeroDigest",)
        play.do(action, name)
        refused = ("AlreadyPosted", world.study, 1, account(name).address)
        assert play.refuses(action, name) == refused


def test_the_transcript_binds_reports_in_terms_order(world, digest):
    play = world.reach("Open")
    play.report("s5", "s4", "s3", "s2", "s1")
    fixed, moved = play.do("close", "stranger")
    reports = [digest(f"report s{i}") for i in (1, 2, 3, 4, 5)]
    lists = [digest("noise a1"), digest("noise a2")]
    expected = transcript(world, digest, play, reports, lists)
    assert fixed == TranscriptFixed(world.study, 1, expected, 0b1111_11111)
    assert moved == Moved(world.study, 1, CLOSED, world.now + 60)
    view = play.view
    assert (view.transcript, view.present, view.delivered) == (expected, 0b1111_11111, 0b1111_11111)


def test_an_absent_report_is_a_zero_in_the_transcript(world, digest):
    play = world.reach("Open")
    play.report("s1", "s3", "s4")
    world.pass_deadline()
    fixed, _ = play.do("close", "nobody")
    reports = [digest(f"report s{i}") if i in (1, 3, 4) else NONE for i in (1, 2, 3, 4, 5)]
    expected = transcript(world, digest, play, reports, [digest("noise a1"), digest("noise a2")])
    assert fixed == TranscriptFixed(world.study, 1, expected, 0b1111_01101)


@pytest.mark.parametrize("missing", ["s5", "a1"])
def test_closing_early_needs_everybody(world, missing):
    play = world.reach("Open")
    deadline = play.view.deadline
    for name in ("s1", "s2", "s3", "s4", "s5", "a1", "a2"):
        if name != missing:
            play.do("report" if name.startswith("s") else "report_noise", name)
    assert play.refuses("close", "nobody") == ("TooEarly", deadline, world.now + 1)
    play.do("report" if missing.startswith("s") else "report_noise", missing)
    play.do("close", "nobody")


def test_sites_that_are_not_enrolled_are_not_waited_for(world):
    play = world.reach("Announced")
    world.send("s2", dataset_registry.revoke(world.versions["s2"], world.study))
    play.do("open", "nobody")
    play.report("s1", "s3", "s4", "s5")
    play.do("close", "nobody")
    assert play.view.present == 0b1111_11101


@pytest.mark.parametrize(("posted", "missing"), [([], "a1"), (["a1"], "a2"), (["a2"], "a1")])
def test_without_all_noise_the_round_ends_naming_the_first(world, account, posted, missing):
    play = world.reach("Open")
    for name in play.sites:
        play.do("report", name)
    for name in posted:
        play.do("report_noise", name)
    world.pass_deadline()
    events = play.do("close", "nobody")
    assert [type(event) for event in events[:5]] == [Released] * 5
    party = account(missing).address
    assert events[5:] == [
        RoundAborted(world.study, 1, WITHHELD, OPEN, party, ZERO),
        Moved(world.study, 1, ABORTED, 0),
    ]
    assert play.reserved() == play.settled() == 0


@pytest.mark.parametrize(
    ("posted", "gone", "reason"),
    [
        ([], "a1", REVOKED),
        ([], "a2", WITHHELD),  # a1 had no excuse
        (["a1"], "a2", REVOKED),
        (["a2"], "a2", WITHHELD),  # it had reported before it was voted out
    ],
)
def test_noise_that_could_not_come_is_nobodys_fault(world, account, posted, gone, reason):
    play = world.reach("Open")
    for name in posted:
        play.do("report_noise", name)
    for voter in ("a3", "s1", "s2", "s3", "s4"):
        world.send(voter, consortium.vote_removal(account(gone).address))
    world.pass_deadline()
    (ended,) = [e for e in play.do("close", "nobody") if isinstance(e, RoundAborted)]
    party = ZERO if reason == REVOKED else account("a1").address
    assert ended == RoundAborted(world.study, 1, reason, OPEN, party, ZERO)
    assert play.reserved() == play.settled() == 0


def test_a_round_with_all_noise_goes_on_without_a_member_or_a_site(world, account):
    play = world.reach("Open")  # the study is not active any more: that matters at the next one
    play.report()
    for gone in ("a2", "s5"):
        for voter in ("a3", "s1", "s2", "s3", "s4"):
            world.send(voter, consortium.vote_removal(account(gone).address))
    play.do("close", "nobody")
    assert play.state == CLOSED


@pytest.mark.parametrize("reporters", [("s1", "s4"), ("s2", "s3", "s5"), ("s2", "s4", "s3")])
def test_below_the_quorum_by_number_or_weight_the_round_ends(world, reporters):
    play = world.reach("Open")
    play.report(*reporters)
    world.pass_deadline()
    events = play.do("close", "nobody")
    assert events[5] == RoundAborted(world.study, 1, QUORUM, OPEN, ZERO, ZERO)
    assert play.reserved() == 0
    assert play.view.transcript == NONE
