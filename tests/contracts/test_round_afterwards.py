"""Rounds, step 12, and what a study's past rounds mean for those to come."""

import pytest
from eth_abi.abi import encode

from troth.ledger.address import ZERO
from troth.ledger.bindings import consortium, rounds
from troth.ledger.bindings.privacy_ledger import Released
from troth.ledger.bindings.rounds import (
    NoiseDefended,
    Resumed,
    ResumeVoted,
    Reviewed,
    RoundAborted,
)

FINAL, ABORTED = 19, 20
NOISE = 5
OWN_TAG, TAG = 6, 4
NONE = bytes(32)
ALL_SITES = 0b11111
QUORUM = ("s1", "s2", "s3", "s4", "s5")


def dispute(play, *names):
    """A round that ends because these sites say that their tags are wrong."""
    play.bring_to("Opened")
    for name in names:
        play.do("accuse", name, (OWN_TAG, play.terms.committee[0], NONE))
    play.world.pass_deadline()
    play.do("finalise", "nobody")
    return play.following


@pytest.fixture
def patient(world):
    """A study in which much may go wrong before it is over."""
    return world.start("patient", max_aborts=20, rounds=20)


def carry(world, study, restored, voters=QUORUM):
    """Members vote to resume; the events of the last one."""
    return [world.events(name, rounds.resume(study, restored)) for name in voters][-1]


# Reviewing


def finished(world):
    """A final round: s1 and s2 attested, only s1 to its tags; s3 accused; s4 kept silent.

    The report of s5 was not accepted.
    """
    play = world.reach("Judged")
    play.all_do("judge", bytes([0, 0, 0, 0, 3, 0, 0, 0, 0]))
    for step in ("Summed", "Challenged", "Published", "Held", "Picked", "Opened"):
        play.step_to(step)
    for name in ("a1", "a2", "s1"):
        play.do("attest", name)
    play.do("attest", "s2", (play.model, False))
    play.do("accuse", "s3", (TAG, play.terms.committee[0], NONE))
    world.pass_deadline()
    play.do("finalise", "nobody")
    return play


@pytest.mark.parametrize("right", [True, False])
def test_a_site_that_did_not_say_that_its_tags_are_right_says_it_later(world, account, right):
    play = finished(world)
    view = play.view
    for name in ("s2", "s4"):
        event = Reviewed(world.study, 1, account(name).address, right)
        assert play.do("review", name, right) == [event]
        again = ("AlreadyPosted", world.study, 1, account(name).address)
        assert play.refuses("review", name, not right) == again
    for name in ("s1", "s3"):
        again = ("AlreadyPosted", world.study, 1, account(name).address)
        assert play.refuses("review", name, right) == again
    assert (play.view, play.state) == (view, FINAL)


def test_only_accepted_sites_review(world, account):
    play = finished(world)
    for name in ("s5", "a1", "a3", "stranger"):
        refused = ("NotSite", world.study, account(name).address)
        assert play.refuses("review", name) == refused


def test_a_round_is_reviewed_however_far_the_study_is(world):
    play = finished(world)
    play.following.bring_to("Final")
    play.do("review", "s4")
    play.following.do("review", "s5")
    assert play.following.following.refuses("review", "s5") == ("WrongState", 0)


@pytest.mark.parametrize("state", ["Absent", "Judged", "Opened", "Aborted", "Rejected"])
def test_only_a_final_round_is_reviewed(world, state):
    play = world.reach(state)
    assert play.refuses("review", "s1") == ("WrongState", play.state)


# Defending


def test_owners_of_rejected_noise_open_all_of_it(world, account):
    play = world.reach("Rejected")
    view = play.view
    for name in ("a2", "a1"):
        member, seeds = account(name).address, play.seeds(name, 2)
        assert play.do("defend", name) == [NoiseDefended(world.study, 1, member, seeds)]
        again = ("AlreadyPosted", world.study, 1, member)
        assert play.refuses("defend", name) == again
    assert play.view == view
    for name in ("s1", "a3", "stranger"):
        refused = ("NotCommittee", world.study, account(name).address)
        assert play.refuses("defend", name) == refused


@pytest.mark.parametrize("owner", ["a1", "a2"])
def test_whose_noise_was_not_rejected_has_nothing_to_defend(world, account, owner):
    play = world.reach("Judged")
    play.all_do("judge", play.rejecting(owner))
    other = "a2" if owner == "a1" else "a1"
    assert play.refuses("defend", other) == ("NotOwing", world.study, 1, account(other).address)
    play.do("defend", owner)


@pytest.mark.parametrize("picked", [(), (0,), (0, 0), (0, None), (0, 1, 2)])
def test_all_seeds_are_defended_not_zero_and_different(world, account, picked):
    play = world.reach("Rejected")
    known = play.seeds("a1", 3)
    seeds = tuple(NONE if index is None else known[index] for index in picked)
    assert play.refuses("defend", "a1", seeds) == ("WrongSeeds", account("a1").address)


def test_noise_is_defended_however_far_the_study_is(world):
    play = world.reach("Rejected")
    play.following.bring_to("Final")
    play.do("defend", "a1")
    assert play.following.refuses("defend", "a1") == ("WrongState", FINAL)


@pytest.mark.parametrize("codes", [(b"\x03" * 5 + bytes(4),) * 2, (bytes(9), bytes(5) + b"\5" * 4)])
def test_noise_that_was_not_rejected_is_not_opened(world, codes):
    play = world.reach("Judged")  # below quorum, and verdicts that differ
    for name, code in zip(("a1", "a2"), codes, strict=True):
        play.do("judge", name, code)
    for name in ("a1", "a2"):
        assert play.refuses("defend", name) == ("WrongState", ABORTED)


@pytest.mark.parametrize("state", ["Absent", "Contested", "Judged", "Picked", "Final", "Aborted"])
def test_only_a_round_that_ended_for_rejected_noise_is_defended(world, state):
    play = world.reach(state)
    assert play.refuses("defend", "a1") == ("WrongState", play.state)


def test_a_round_that_ended_for_rejected_noise_is_charged_nothing(world):
    play = world.reach("Judged")
    play.do("judge", "a1", play.rejecting("a1"))
    events = play.do("judge", "a2", play.rejecting("a1"))
    assert [type(event) for event in events[1:6]] == [Released] * 5
    assert isinstance(events[6], RoundAborted)
    play.do("defend", "a1")
    assert play.reserved() == play.settled() == 0


# Guilt


@pytest.mark.parametrize(("state", "action"), [("Held", "reveal"), ("Picked", "open_noise")])
def test_silence_once_the_pick_is_fixed_costs_what_fraud_costs(world, state, action):
    play = world.reach(state)
    play.do(action, "a1")
    world.pass_deadline()
    play.do("expire", "nobody")
    assert (play.progress.guilty, play.progress.unattributed) == (0b10, 0)
    assert play.settled() > 0
    assert play.following.refuses("announce", "a1") == ("StudyOver", world.study)
    carry(world, world.study, ALL_SITES)
    assert play.following.refuses("announce", "a1") == ("StudyOver", world.study)


@pytest.mark.parametrize("state", ["Delivered", "Summed", "Challenged", "Published"])
def test_silence_before_is_no_proof(patient, state):
    patient.bring_to(state)
    patient.world.pass_deadline()
    patient.do("expire", "nobody")
    assert (patient.progress.guilty, patient.progress.unattributed) == (0, 0)
    patient.following.do("announce", "a1")


# Pausing and resuming


def test_a_study_pauses_when_nobody_is_to_blame_too_often(patient):
    world = patient.world
    patient.bring_to("Rejected")
    second = patient.following
    second.bring_to("Opened")
    world.pass_deadline()
    second.do("finalise", "nobody")
    third = second.following
    assert third.progress.unattributed == 2
    assert third.refuses("announce", "a1") == ("StudyPaused", third.study)
    carry(world, third.study, 0)
    assert third.progress.unattributed == 0
    third.bring_to("Final")


def test_aborts_with_a_name_do_not_pause(patient):
    play = patient
    for _ in range(3):
        play.bring_to("Aborted")
        play = play.following
    assert (play.progress.unattributed, play.progress.aborts) == (0, 3)
    play.do("announce", "a1")


def test_a_final_round_forgives_nothing(patient):
    third = dispute(patient, "s1")
    third.bring_to("Final")
    fourth = dispute(third.following, "s1")
    assert fourth.refuses("announce", "a1") == ("StudyPaused", fourth.study)


def test_a_quorum_of_members_resumes(patient, account):
    world, study = patient.world, patient.study
    play = dispute(dispute(patient, "s2"), "s2")
    assert play.progress.spent == 0b00010
    for votes, name in enumerate(("u1", "s2", "a2", "a3", "s1"), 1):
        assert play.refuses("announce", "a1") == ("StudyPaused", study)
        voted, *carried = world.events(name, rounds.resume(study, ALL_SITES))
        assert voted == ResumeVoted(study, account(name).address, ALL_SITES, votes, 5)
        assert carried == ([Resumed(study, 1, ALL_SITES)] if votes == 5 else [])
    progress = play.progress
    assert (progress.unattributed, progress.resumptions, progress.spent) == (0, 1, 0)
    play.bring_to("Open")
    assert play.view.enrolled == ALL_SITES


def test_a_site_without_accusations_stays_out_until_it_is_restored(patient, account):
    world, study = patient.world, patient.study
    play = dispute(dispute(patient, "s2", "s4"), "s2")
    carry(world, study, 0)
    assert play.progress.spent == 0b00010
    play.bring_to("Open")
    assert play.view.enrolled == 0b11101
    assert play.refuses("report", "s2") == ("NotEnrolled", study, 3, account("s2").address)
    for name in ("s1", "s3", "s4", "s5"):
        play.do("report", name)
    play.all_do("report_noise")
    play.do("close", "nobody")
    for state in ("Delivered", "Keyed", "Committed", "Judged", "Settled"):
        play.step_to(state)
    assert play.refuses("commit_sum", "s2")[0] == "NotCommittee"
    carry(world, study, 0b00010)
    assert (play.progress.spent, play.progress.resumptions) == (0, 2)
    for state in ("Summed", "Challenged", "Published", "Held", "Picked", "Opened"):
        play.step_to(state)
    for name in ("a1", "a2", "s1", "s3", "s4", "s5"):
        play.do("attest", name)
    play.do("finalise", "nobody")
    fourth = play.following
    fourth.bring_to("Open")
    assert fourth.view.enrolled == ALL_SITES


def test_accusations_that_are_not_given_back_stay_used(patient):
    world, study = patient.world, patient.study
    play = dispute(dispute(patient, "s1", "s2"), "s3")
    assert play.progress.spent == 0
    carry(world, study, 0b00001)
    play = dispute(play, "s1", "s2", "s3")
    assert play.progress.spent == 0b00110  # s1 has one left


def test_too_few_sites_with_accusations_open_nothing(patient):
    world, study = patient.world, patient.study
    play = dispute(dispute(patient, "s2", "s3", "s5"), "s2", "s3", "s5")
    carry(world, study, 0)
    play.bring_to("Announced")
    assert play.refuses("open", "nobody") == ("QuorumUnreachable", study, 3)
    carry(world, study, 0b00100)
    play.do("open", "nobody")
    assert play.view.enrolled == 0b01101


def test_the_last_of_many_accusations_counts(world):
    play = world.start("generous", accusations=3, max_aborts=20)
    for number in (1, 2, 3):
        assert play.progress.spent == 0
        play = dispute(play, "s5")
        assert play.progress.unattributed == number
    assert play.progress.spent == 0b10000


def test_who_votes_to_resume(world, account, digest):
    play = dispute(world.play, "s1")
    refused = ("NotMember", account("stranger").address)
    assert world.refuses("stranger", rounds.resume(play.study, 0)) == refused
    unknown = digest("no study")
    assert world.refuses("s1", rounds.resume(unknown, 0)) == ("UnknownStudy", unknown)
    for restored in (1 << 5, 1 << 255):
        beyond = ("WrongBitmap", ALL_SITES, restored)
        assert world.refuses("s1", rounds.resume(play.study, restored)) == beyond
    world.send("s1", rounds.resume(play.study, 0b1))
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "uint32", "uint256", "uint32"]
    rounds_address = bytes(world.addresses["Rounds"])
    here = [world.ledger.chain_id, rounds_address, play.study]
    motion = digest(encode(types, [digest("troth/resume/v1"), *here, 0, 1, 0b1, 0]))
    again = ("AlreadyVoted", motion, account("s1").address)
    assert world.refuses("s1", rounds.resume(play.study, 0b1)) == again
    world.send("s1", rounds.resume(play.study, 0b11))  # another motion


def test_an_active_study_without_a_round_has_nothing_to_resume(world):
    assert world.refuses("s1", rounds.resume(world.study, 0)) == ("UnknownStudy", world.study)


def test_votes_for_other_motions_do_not_add_up(world):
    play = dispute(world.play, "s1")
    for name in ("s1", "s2", "s3", "s4"):
        world.send(name, rounds.resume(play.study, 0b1))
    for name in ("s5", "a1", "a2"):
        world.send(name, rounds.resume(play.study, 0b11))
    assert play.progress.resumptions == 0


@pytest.mark.parametrize("change", ["abort", "membership", "resumption"])
def test_votes_lapse(patient, account, change):
    world, study = patient.world, patient.study
    play = dispute(patient, "s1")
    for name in QUORUM[:4]:
        world.send(name, rounds.resume(study, ALL_SITES))
    if change == "abort":
        dispute(play, "s1")
    elif change == "membership":
        for name in ("s1", "s2", "s3", "a1", "a2"):
            world.send(name, consortium.vote_admission(account("new").address, 8, NONE))
    else:
        carry(world, study, 0b1)
    before = play.progress
    (event,) = world.events("s5", rounds.resume(study, ALL_SITES))
    assert isinstance(event, ResumeVoted)
    assert event.votes == 1
    assert play.progress == before


def test_a_carried_vote_does_not_count_again(patient):
    world, study = patient.world, patient.study
    dispute(patient, "s1")
    carry(world, study, 0)
    (event,) = world.events("u1", rounds.resume(study, 0))
    assert event.votes == 1
    assert patient.progress.resumptions == 1


def test_studies_are_paused_one_by_one(world):
    first = dispute(dispute(world.start("one", max_aborts=20), "s1"), "s1")
    second = world.start("two")
    assert first.refuses("announce", "a1") == ("StudyPaused", first.study)
    second.do("announce", "a1")
    carry(world, second.study, ALL_SITES)
    assert first.refuses("announce", "a1") == ("StudyPaused", first.study)


def test_nobody_is_guilty_by_another_name(world, account):
    # A pair that noise stands between pauses, and proves nothing about either.
    play = world.reach("Answered")
    play.do("deliver", "a1")
    (_, *rest) = play.do("deliver", "a2", play.view.present & ~play.place("a1"))
    (ended,) = [event for event in rest if isinstance(event, RoundAborted)]
    pair = (account("a1").address, account("a2").address)
    assert (ended.reason, ended.party, ended.other) == (NOISE, *pair)
    assert ZERO not in pair
    assert (play.progress.guilty, play.progress.unattributed) == (0, 1)
