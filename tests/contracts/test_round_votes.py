"""Rounds, step 11: attestations, accusations, and what they decide."""

import pytest

from troth.ledger.address import ZERO
from troth.ledger.bindings.rounds import Accused, Attested, Finalised, Moved, RoundAborted

OPENED, FINAL, ABORTED = 18, 19, 20
FAULT, ACCUSED, SILENT, CONFLICT = 8, 9, 10, 11
PUBLICATION, OPENING, VERIFICATION, TAG, ACCUSATION, OWN_TAG = range(1, 7)
NONE = bytes(32)
VOTERS = ("s1", "s2", "s3", "s4", "s5", "a1", "a2")


def opened(world, rejected=(), **changes):
    """A round of a study with these terms, ready for votes, without some sites' reports."""
    play = world.start("votes", **changes)
    play.bring_to("Judged")
    play.all_do("judge", bytes(3 if place in rejected else 0 for place in range(9)))
    for step in ("Summed", "Challenged", "Published", "Held", "Picked", "Opened"):
        play.step_to(step)
    return play


def end(play):
    """The outcome, after the deadline."""
    play.world.pass_deadline()
    return play.do("finalise", "nobody")[0]


def aborted(play, reason, party=ZERO):
    return RoundAborted(play.study, 1, reason, OPENED, party, ZERO)


# Attesting


def test_the_round_is_final_when_all_attest(world, account, digest):
    play = world.reach("Opened")
    for name in ("s5", "a2", "s1", "s2", "a1", "s3"):
        right = name != "s2"
        event = Attested(world.study, 1, account(name).address, digest("model"), right)
        assert play.do("attest", name, (digest("model"), right)) == [event]
    early = ("TooEarly", play.view.deadline, world.now + 1)
    assert play.refuses("finalise", "nobody") == early
    play.do("attest", "s4")
    assert play.do("finalise", "nobody") == [
        Finalised(world.study, 1, digest("model")),
        Moved(world.study, 1, FINAL, 0),
    ]
    assert play.view.model_digest == digest("model")
    assert (play.progress.finals, play.progress.unattributed) == (1, 0)
    assert play.settled() > 0


@pytest.mark.parametrize(("votes", "final"), [(3, False), (4, True)])
def test_after_the_deadline_more_than_half_of_all_voters_decide(world, digest, votes, final):
    play = world.reach("Opened")  # two members and five sites: four of seven
    for name in ("a1", "a2", "s1", "s2")[:votes]:
        play.do("attest", name)
    assert play.view.model_digest == NONE
    world.pass_deadline()
    events = play.do("finalise", "nobody")
    if final:
        assert events[0] == Finalised(world.study, 1, digest("model"))
    else:
        assert events == [aborted(play, CONFLICT), Moved(world.study, 1, ABORTED, 0)]
        assert play.progress.unattributed == 1


def test_votes_for_other_digests_are_no_majority(world, digest):
    play = world.reach("Opened")
    for name, model in zip([*play.committee, *play.sites], "AAABBBC", strict=True):
        play.do("attest", name, digest(model))
    settled = play.settled()
    assert play.do("finalise", "nobody")[0] == aborted(play, CONFLICT)
    assert play.view.model_digest == NONE
    assert play.settled() == settled > 0  # spent all the same


def test_half_of_an_even_number_is_no_majority(world, digest):
    play = opened(world, rejected=[4])  # six voters
    for name, model in zip(["a1", "a2", "s1", "s2", "s3"], "AAABB", strict=True):
        play.do("attest", name, digest(model))
    before = world.snapshot()
    play.do("attest", "s4", digest("B"))
    assert play.do("finalise", "nobody")[0] == aborted(play, CONFLICT)
    world.restore(before)
    play.do("attest", "s4", digest("A"))
    assert play.do("finalise", "nobody")[0] == Finalised(play.study, 1, digest("A"))


@pytest.mark.parametrize(("voters", "final"), [(("a1", "a2"), False), (("a1", "a2", "s1"), True)])
def test_the_committee_alone_decides_nothing(world, voters, final):
    play = opened(world, rejected=[1, 2, 3, 4], min_sites=1, min_weight=1)  # three voters
    for name in voters:
        play.do("attest", name)
    assert isinstance(end(play), Finalised if final else RoundAborted)


@pytest.mark.parametrize(("corrupt", "needed"), [(0, 4), (1, 4), (2, 5)])
def test_the_committee_and_the_sites_assumed_corrupt_decide_nothing(world, corrupt, needed):
    play = opened(world, corrupt_sites=corrupt)
    before = world.snapshot()
    for count in (needed - 1, needed):
        for name in ("a1", "a2", "s1", "s2", "s3")[:count]:
            play.do("attest", name)
        assert isinstance(end(play), Finalised if count == needed else RoundAborted)
        world.restore(before)
    for count in (needed - 1, needed):  # and prove nothing
        for name in ("a1", "s1", "s2", "s3", "s4")[:count]:
            play.do("accuse", name, (TAG, play.terms.committee[1], NONE))
        reason = FAULT if count == needed else CONFLICT
        assert end(play).reason == reason
        world.restore(before)


def test_a_threshold_that_the_terms_allow_can_be_met(world):
    # The fewest sites that may be accepted, and the most that may be assumed corrupt.
    play = opened(world, rejected=[1, 2], corrupt_sites=2, min_sites=3)
    for name in ("a1", "a2", "s1", "s4", "s5"):
        play.do("attest", name)
    assert isinstance(play.do("finalise", "nobody")[0], Finalised)


def test_who_votes(world, account):
    play = opened(world, rejected=[1])
    for name in ("s2", "a3", "stranger"):  # the report of s2 was not accepted
        refused = ("NotVoter", play.study, account(name).address)
        assert play.refuses("attest", name) == refused
        assert play.refuses("accuse", name) == refused
    for name in ("s1", "a1"):
        assert play.refuses("attest", name, NONE) == ("ZeroDigest",)
        play.do("attest", name)
        again = ("AlreadyPosted", play.study, 1, account(name).address)
        assert play.refuses("attest", name) == again


# Accusing


@pytest.mark.parametrize("evidence", [NONE, b"\xee" * 32])
@pytest.mark.parametrize("name", ["s4", "a1"])
@pytest.mark.parametrize("fault", [PUBLICATION, OPENING, VERIFICATION, TAG])
def test_an_accusation_is_recorded(world, account, fault, name, evidence):
    play = world.reach("Opened")
    voter, party = account(name).address, account("a2").address
    event = Accused(world.study, 1, voter, fault, party, evidence)
    assert play.do("accuse", name, (fault, party, evidence)) == [event]
    again = ("AlreadyPosted", world.study, 1, voter)
    assert play.refuses("accuse", name) == again
    assert play.refuses("attest", name) == again


@pytest.mark.parametrize("fault", [0, 7, 255])
def test_an_unknown_fault_is_refused(world, account, fault):
    play = world.reach("Opened")
    refused = ("WrongFault", fault)
    assert play.refuses("accuse", "s1", (fault, account("a1").address, NONE)) == refused


def test_only_a_site_knows_its_own_tags(world, account):
    play = world.reach("Opened")
    party = account("a1").address
    assert play.refuses("accuse", "a2", (OWN_TAG, party, NONE)) == ("WrongFault", OWN_TAG)
    event = Accused(world.study, 1, account("s5").address, OWN_TAG, party, NONE)
    assert play.do("accuse", "s5", (OWN_TAG, party, NONE)) == [event]


@pytest.mark.parametrize("party", ["s1", "s2", "a3", "stranger"])
@pytest.mark.parametrize("fault", [PUBLICATION, OPENING, VERIFICATION, TAG, OWN_TAG])
def test_only_members_do_what_members_do(world, account, fault, party):
    play = world.reach("Opened")
    refused = ("NotCommittee", world.study, account(party).address)
    assert play.refuses("accuse", "s1", (fault, account(party).address, NONE)) == refused
    assert play.refuses("accuse", "s1", (fault, ZERO, NONE))[0] == "NotCommittee"


def test_another_voter_is_accused_of_accusing(world, account):
    play = opened(world, rejected=[1])
    for party in ("s1", "s2", "a3", "stranger"):  # itself, or no voter
        refused = ("NotVoter", play.study, account(party).address)
        assert play.refuses("accuse", "s1", (ACCUSATION, account(party).address, NONE)) == refused
    for name, party in (("s1", "s3"), ("s3", "a1"), ("a1", "a2")):
        play.do("accuse", name, (ACCUSATION, account(party).address, NONE))


def test_who_accuses_takes_its_attestation_back(world, account):
    play = world.reach("Opened")
    for name in VOTERS:
        play.do("attest", name)
    before = world.snapshot()
    for count in (3, 4):  # four votes of seven stay, or three
        for name in VOTERS[:count]:
            play.do("accuse", name, (VOTERS.index(name) % 4 + 1, account("a1").address, NONE))
        early = ("TooEarly", play.view.deadline, world.now + 1)
        assert play.refuses("finalise", "nobody") == early  # others may want to look
        assert isinstance(end(play), Finalised if count == 3 else RoundAborted)
        world.restore(before)


def test_a_model_that_lost_its_majority_can_win_it_again(world, account, digest):
    play = world.reach("Opened")
    for name in ("s1", "s2", "s3", "s4"):
        play.do("attest", name)
    play.do("accuse", "s1", (TAG, account("a1").address, NONE))
    before = world.snapshot()
    assert end(play) == aborted(play, CONFLICT)
    world.restore(before)
    play.do("attest", "a2", digest("another"))
    play.do("attest", "s5")
    assert end(play) == Finalised(world.study, 1, digest("model"))


def test_an_attestation_for_an_accusation_counts_as_none(world, account, digest):
    # Whatever bytes a model digest has, it is a model digest.
    play = world.reach("Opened")
    for name in ("s1", "s2", "s3"):
        play.do("accuse", name, (TAG, account("a1").address, NONE))
    ballot = digest(bytes(31) + bytes([TAG]) + bytes(12) + account("a1").address)
    for name in ("s4", "s5", "a1", "a2"):
        play.do("attest", name, ballot)
    assert end(play) == Finalised(world.study, 1, ballot)


def test_enough_equal_accusations_prove_a_fault(world, account):
    play = world.reach("Opened")
    party = account("a2").address
    for number, name in enumerate(("s1", "s2", "s3", "a1")):  # with evidence of their own each
        play.do("accuse", name, (OPENING, party, bytes([number] * 32)))
    assert end(play) == aborted(play, FAULT, party)
    progress = play.progress
    assert (progress.guilty, progress.unattributed, progress.spent) == (0b10, 0, 0)
    assert play.following.refuses("announce", "a1") == ("StudyOver", world.study)


def test_accusations_of_other_parties_do_not_add_up(world, account):
    play = world.reach("Opened")
    first, second = account("a1").address, account("a2").address
    for name, party in (
        ("s1", first),
        ("s2", first),
        ("s3", second),
        ("s4", first),
        ("a1", second),
    ):
        play.do("accuse", name, (TAG, party, NONE))
    assert end(play) == aborted(play, CONFLICT)
    assert play.progress.guilty == 0


def test_accusations_of_one_party_add_up_whatever_the_fault(world, account):
    play = world.reach("Opened")
    first = account("a1").address
    for name, fault in (("s1", TAG), ("s2", TAG), ("s3", OPENING), ("s4", ACCUSATION)):
        play.do("accuse", name, (fault, first, NONE))
    assert end(play) == aborted(play, FAULT, first)
    assert play.progress.guilty == 0b01


def test_a_site_proven_to_accuse_falsely_is_named_and_the_study_goes_on(world, account):
    play = world.reach("Opened")
    play.do("accuse", "s5", (TAG, account("a1").address, NONE))
    for name in ("s1", "s2", "s3", "a1"):
        play.do("accuse", name, (ACCUSATION, account("s5").address, NONE))
    assert end(play) == aborted(play, FAULT, account("s5").address)
    assert (play.progress.guilty, play.progress.unattributed) == (0, 0)
    play.following.do("announce", "a1")


# The order of the outcomes


@pytest.mark.parametrize(
    ("faults", "disputes", "silent", "reason"),
    [
        (4, 1, 1, FAULT),
        (3, 1, 1, ACCUSED),
        (0, 1, 0, ACCUSED),
        (0, 0, 1, SILENT),
        (3, 0, 1, SILENT),
        (3, 0, 0, None),
        (0, 0, 0, None),
    ],
)
def test_the_first_outcome_that_holds_is_taken(world, account, faults, disputes, silent, reason):
    play = opened(world, every_site=True)
    party = account("a1").address
    voters = list(VOTERS[::-1])  # the members first
    spoken = voters[: len(voters) - silent]  # s1 is silent
    for name in spoken[len(spoken) - disputes :] if disputes else []:
        play.do("accuse", name, (OWN_TAG, party, NONE))
        spoken.remove(name)
    for name in spoken[:faults]:
        play.do("accuse", name, (TAG, party, NONE))
    for name in spoken[faults:]:
        play.do("attest", name)
    ended = end(play)
    assert ended.reason == reason if reason else isinstance(ended, Finalised)
    if reason == FAULT:
        assert play.following.refuses("announce", "a1") == ("StudyOver", play.study)
        return
    disputing, quiet = (0b10 if silent else 0b01) * disputes, 0b01 * silent
    assert with_one_left(play.following) == {ACCUSED: disputing, SILENT: quiet}.get(reason, 0)


def with_one_left(play):
    """The sites that have used one of their two accusations: those that a second one spends."""
    play.bring_to("Opened")
    opened, found = play.world.snapshot(), 0
    for name in play.sites:
        play.do("accuse", name, (OWN_TAG, play.terms.committee[0], NONE))
        end(play)
        found |= play.progress.spent
        play.world.restore(opened)
    return found


def test_a_silent_site_is_missed_only_where_the_terms_say_so(world):
    play = world.reach("Opened")
    for name in VOTERS[1:]:
        play.do("attest", name)
    assert isinstance(end(play), Finalised)


def test_a_member_may_be_silent_where_every_site_must_speak(world):
    play = opened(world, every_site=True, rejected=[4])  # nor need a site whose report is not in
    for name in ("s1", "s2", "s3", "s4"):
        play.do("attest", name)
    assert isinstance(end(play), Finalised)
