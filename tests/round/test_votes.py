"""The end of a round on the model of the Rounds contract: votes, second looks, and going on."""

import copy

import pytest
from eth_hash.auto import keccak
from tests.round.game import (
    ANYONE,
    ARGUMENTS,
    CHAIN,
    COMMITTEE,
    EVIDENCE,
    LATER,
    MODEL,
    ROUNDS,
    SEED,
    SEEDS,
    STUDY,
    A,
    B,
    C,
    Game,
    S,
    aborted,
    game_at,
    terms,
)

from troth.ledger import abi
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.resumption import RESUME_TYPEHASH
from troth.round.transitions import Fault, State


@pytest.mark.parametrize(
    ("votes", "final"),
    [
        ([MODEL] * 4, True),
        ([MODEL] * 3 + [b"\x0e" * 32] * 3, False),
        ([MODEL] * 3, False),
        ([], False),
        ([b"\x0e" * 32] * 2 + [MODEL] * 4, True),
    ],
)
def test_a_model_needs_more_than_half_of_all_voters(votes, final):
    game = Game().reach(State.OPENED)
    for voter, model in zip((*COMMITTEE, *S), votes, strict=False):
        game.attest((voter,), model)
    events = game.late().act(ANYONE, "finalise")
    if final:
        assert events == [
            rounds.Finalised(STUDY, 1, MODEL),
            rounds.Moved(STUDY, 1, State.FINAL, 0),
        ]
    else:
        assert aborted(events) == ("Conflict", State.OPENED, ZERO, ZERO)
        assert game.others.steps == ["reserve", "settle"]
        assert game.progress.unattributed == 1


@pytest.mark.parametrize(
    ("corrupt", "sites", "final"), [(0, (), False), (0, S[:1], True), (1, S[:1], False)]
)
def test_nothing_is_final_by_those_alone_that_may_be_corrupt(corrupt, sites, final):
    small = terms(min_sites=2, min_weight=1, corrupt_sites=corrupt)
    game = Game(study=small).reach(State.JUDGED)
    game.members("judge", codes=b"\0\0\5" + bytes(6))  # three members and two sites
    game.reach(State.OPENED).attest((*COMMITTEE, *sites))
    events = game.late().act(ANYONE, "finalise")
    assert isinstance(events[0], rounds.Finalised if final else rounds.RoundAborted)


def test_a_site_that_was_not_accepted_does_not_vote():
    game = Game().reach(State.JUDGED)
    game.members("judge", codes=b"\0\0\5" + bytes(6))
    game.reach(State.OPENED)
    assert game.refuses(S[2], "attest", **ARGUMENTS["attest"])[0] == "NotVoter"
    assert game.refuses(S[2], "accuse", **ARGUMENTS["accuse"])[0] == "NotVoter"
    game.attest((*COMMITTEE, *S[:2]))
    assert rounds.Finalised(STUDY, 1, MODEL) in game.act(ANYONE, "finalise")
    assert game.refuses(S[2], "review", tags_right=False)[0] == "NotSite"


def test_attestations_say_whether_the_voters_own_tags_are_right():
    game = Game().reach(State.OPENED)
    told = game.act(S[0], "attest", model_digest=MODEL, tags_right=False)
    assert told == [rounds.Attested(STUDY, 1, S[0], MODEL, tags_right=False)]


@pytest.mark.parametrize(
    ("voter", "fault", "party", "refused"),
    [
        (A, 0, B, "WrongFault"),
        (A, 7, B, "WrongFault"),
        (A, Fault.OWN_TAG, B, "WrongFault"),
        (S[0], Fault.OWN_TAG, S[1], "NotCommittee"),
        (S[0], Fault.OPENING, S[1], "NotCommittee"),
        (A, Fault.PUBLICATION, ANYONE, "NotCommittee"),
        (A, Fault.ACCUSATION, ANYONE, "NotVoter"),
        (A, Fault.ACCUSATION, A, "NotVoter"),
    ],
)
def test_an_accusation_is_of_a_party_that_can_commit_the_fault(voter, fault, party, refused):
    game = Game().reach(State.OPENED)
    told = game.refuses(voter, "accuse", fault=fault, party=party, evidence=EVIDENCE)
    assert told[0] == refused
    assert told[1].get("account", party) == party


@pytest.mark.parametrize(
    ("voter", "fault", "party"),
    [(A, Fault.TAG, A), (A, Fault.ACCUSATION, S[1]), (S[0], Fault.OWN_TAG, C)],
)
def test_an_accusation_is_said_with_its_evidence(voter, fault, party):
    game = Game().reach(State.OPENED)
    for evidence in (EVIDENCE, bytes(32)):
        other = copy.deepcopy(game)
        told = other.act(voter, "accuse", fault=fault, party=party, evidence=evidence)
        assert told == [rounds.Accused(STUDY, 1, voter, fault, party, evidence)]


def test_an_accusation_takes_the_voters_attestation_back_and_is_the_last_word():
    game = Game().reach(State.OPENED)
    game.attest()
    game.accuse(S[:1], Fault.TAG, B)
    for action in ("attest", "accuse"):
        assert game.refuses(S[0], action, **ARGUMENTS[action])[0] == "AlreadyPosted"
    assert game.refuses(ANYONE, "finalise")[0] == "TooEarly"
    assert rounds.Finalised(STUDY, 1, MODEL) in game.late().act(ANYONE, "finalise")
    game = Game().reach(State.OPENED)
    game.attest()
    game.accuse((*S[:2], A), Fault.TAG, B)
    assert aborted(game.late().act(ANYONE, "finalise"))[0] == "Conflict"


@pytest.mark.parametrize(
    ("votes", "end"),
    [
        ([(Fault.TAG, B)] * 4, ("Fault", B)),
        ([(Fault.TAG, B)] * 3 + [(Fault.TAG, C)] * 3, ("Conflict", ZERO)),
        ([(Fault.TAG, B)] * 3 + [(Fault.OPENING, B)] * 3, ("Fault", B)),
        ([(Fault.ACCUSATION, S[2])] * 5, ("Fault", S[2])),
    ],
)
def test_a_fault_that_enough_voters_see_names_who_is_guilty(votes, end):
    game = Game().reach(State.OPENED)
    for voter, (fault, party) in zip((*COMMITTEE, *S), votes, strict=False):
        game.accuse((voter,), fault, party)
    reason, where, *named = aborted(game.late().act(ANYONE, "finalise"))
    assert (reason, where, *named) == (end[0], State.OPENED, end[1], ZERO)
    assert game.progress.guilty == ({1} if end[1] == B else set())
    assert game.progress.unattributed == (end[0] == "Conflict")
    game.number = 2
    if game.progress.guilty:
        assert game.refuses(C, "announce", **ARGUMENTS["announce"])[0] == "StudyOver"


def test_a_sites_word_about_its_own_tag_ends_the_round_and_is_used_up():
    game = Game(study=terms(max_aborts=9, accusations=2))
    for number in (1, 2):
        game.number = number
        game.reach(State.OPENED).attest()
        game.accuse(S[2:], Fault.OWN_TAG, A)
        end = aborted(game.late().act(ANYONE, "finalise"))
        assert end == ("Accused", State.OPENED, ZERO, ZERO)
        assert game.progress.used == {2: number}
    game.number = 3
    refused = game.refuses(A, "announce", **ARGUMENTS["announce"])
    assert refused == ("StudyPaused", {"study_id": STUDY})
    game.progress.unattributed = 0
    game.reach(State.OPEN)
    assert game.record.enrolled == 0b011


def test_a_proven_fault_comes_before_a_sites_word():
    game = Game().reach(State.OPENED)
    game.accuse((*COMMITTEE, *S[:2]), Fault.PUBLICATION, C)
    game.accuse(S[2:], Fault.OWN_TAG, A)
    assert aborted(game.late().act(ANYONE, "finalise"))[:3] == ("Fault", State.OPENED, C)
    assert game.progress.used == {}


@pytest.mark.parametrize("every", [False, True])
def test_a_silent_site_ends_the_round_where_everyone_must_speak(every):
    game = Game(study=terms(every_site=every)).reach(State.OPENED)
    game.attest((*COMMITTEE, *S[:2]))
    events = game.late().act(ANYONE, "finalise")
    if every:
        assert aborted(events) == ("Silent", State.OPENED, ZERO, ZERO)
        assert (game.progress.used, game.progress.unattributed) == ({2: 1}, 1)
    else:
        assert rounds.Finalised(STUDY, 1, MODEL) in events


def test_a_silent_member_ends_nothing():
    game = Game(study=terms(every_site=True)).reach(State.OPENED)
    game.attest((*COMMITTEE[:2], *S))
    assert rounds.Finalised(STUDY, 1, MODEL) in game.late().act(ANYONE, "finalise")


def test_a_site_that_comes_back_later_reviews_once():
    game = Game().reach(State.OPENED)
    game.attest((*COMMITTEE, S[0]))
    game.attest(S[1:2], tags_right=False)
    game.late().act(ANYONE, "finalise")
    assert game.refuses(S[0], "review", tags_right=False)[0] == "AlreadyPosted"
    for site, right in ((S[1], False), (S[2], True)):
        assert game.act(site, "review", tags_right=right) == [
            rounds.Reviewed(STUDY, 1, site, right)
        ]
        assert game.refuses(site, "review", tags_right=True)[0] == "AlreadyPosted"
    assert game.state is State.FINAL


def test_a_site_that_accused_does_not_review():
    game = Game().reach(State.OPENED)
    game.accuse(S[2:], Fault.TAG, B)
    game.attest((*COMMITTEE, *S[:2]))
    game.late().act(ANYONE, "finalise")
    assert game.state is State.FINAL
    assert game.refuses(S[2], "review", tags_right=False)[0] == "AlreadyPosted"


@pytest.mark.parametrize("number", [0, 2, 9])
@pytest.mark.parametrize("action", LATER)
def test_a_round_that_has_not_ended_cannot_be_looked_back_at(number, action):
    game = game_at(State.FINAL if action == "review" else State.ABORTED)
    refused = game.refuses(S[0], action, number=number or 7, **ARGUMENTS[action])
    assert refused == ("WrongState", {"state": State.ABSENT})


def test_rejected_noise_may_be_opened_by_its_owner():
    game = Game()
    game.reject_noise()
    assert game.refuses(A, "defend", seeds=SEEDS)[0] == "NotOwing"
    for seeds in ((SEED,), (SEED, SEED), (SEED, bytes(32)), (*SEEDS, EVIDENCE)):
        assert game.refuses(B, "defend", seeds=seeds) == ("WrongSeeds", {"member": B})
    assert game.act(B, "defend", seeds=SEEDS) == [rounds.NoiseDefended(STUDY, 1, B, SEEDS)]
    assert game.refuses(B, "defend", seeds=SEEDS)[0] == "AlreadyPosted"


def test_other_aborts_leave_nothing_to_defend():
    game = Game()
    game.abort()
    assert game.refuses(B, "defend", seeds=SEEDS) == ("WrongState", {"state": State.ABORTED})


def test_a_quorum_resumes_a_paused_study():
    game = Game(study=terms(max_aborts=9, accusations=1))
    game.reject_noise()
    game.progress.used = {0: 1, 1: 1}
    game.number = 2
    assert game.refuses(A, "announce", **ARGUMENTS["announce"])[0] == "StudyPaused"
    assert game.refuses(ANYONE, "resume", restored=1) == ("NotMember", {"account": ANYONE})
    refused = game.refuses(A, "resume", restored=0b1001)
    assert refused == ("WrongBitmap", {"allowed": 0b111, "given": 0b1001})
    assert game.resume(S[0], restored=1) == [rounds.ResumeVoted(STUDY, S[0], 1, 1, 2)]
    values = (RESUME_TYPEHASH, CHAIN, ROUNDS, STUDY, 0, 1, 1, 0)
    place = (abi.FixedBytes(32), abi.Uint(256), abi.AddressType(), abi.FixedBytes(32))
    types = (*place, abi.Uint(32), abi.Uint(32), abi.Uint(256), abi.Uint(32))
    motion = keccak(abi.encode(types, values))
    refused = game.refuses(S[0], "resume", restored=1)
    assert refused == ("AlreadyVoted", {"motion": motion, "member": S[0]})
    assert game.resume(A, restored=1) == [
        rounds.ResumeVoted(STUDY, A, 1, 2, 2),
        rounds.Resumed(STUDY, 1, 1),
    ]
    assert (game.progress.unattributed, game.progress.used) == (0, {1: 1})
    game.others.study = terms(max_aborts=9, accusations=1, min_sites=1, min_weight=1)
    game.reach(State.OPEN)
    assert game.record.enrolled == 0b101


def test_votes_to_resume_end_with_what_they_were_given_for():
    game = Game(study=terms(max_aborts=9))
    game.reject_noise()
    game.resume(S[0])
    assert len(game.resume(S[1], restored=1)) == 1
    game.others.changes += 1
    assert len(game.resume(S[0])) == 1
    game.number = 2
    game.reject_noise()
    assert len(game.resume(S[0])) == 1
    assert len(game.resume(S[1])) == 2
    assert len(game.resume(S[0])) == 1


def test_a_study_that_never_began_is_not_resumed():
    assert Game().refuses(A, "resume", restored=0) == ("UnknownStudy", {"study_id": STUDY})
