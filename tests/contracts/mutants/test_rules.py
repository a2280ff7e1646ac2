"""With one rule of the last steps removed, the contract allows what the rule forbids.

Each play says what the contract does about an attempt: with the rule, and without it. Attacks by
whole adversaries are in ``test_mutants.py``; these are attempts on the contract alone.
"""

import pytest

from troth.errors import ContractRefused
from troth.ledger.bindings import rounds
from troth.ledger.bindings.rounds import Finalised, RoundAborted

BALLOTS, MACHINE, ROUNDS = "rounds/Ballots.sol", "rounds/RoundMachine.sol", "rounds/Rounds.sol"
SEEDS, SERVICE, RESUMPTION = "rounds/Seeds.sol", "rounds/Service.sol", "rounds/Resumption.sol"
DEFENDABLE = """\
if (record.state != State.Aborted || record.owing == 0) revert WrongState(record.state);
"""
COMMITTEE = "        uint256 j = _requireCommittee(plan, studyId);\n"
TAG, OWN_TAG = 4, 6
NONE = bytes(32)


def attempt(play, action, name, argument=None):
    """The name of the error, or None where there was none."""
    try:
        play.do(action, name, argument)
    except ContractRefused as refused:
        return refused.name
    return None


def ended(play):
    """Reason and party of the abort after the deadline; None where the round is final."""
    play.world.pass_deadline()
    event = play.do("finalise", "nobody")[0]
    return None if isinstance(event, Finalised) else (event.reason, event.party)


def dispute(play, name):
    play.bring_to("Opened")
    play.do("accuse", name, (OWN_TAG, play.terms.committee[0], NONE))
    ended(play)
    return play.following


def the_committee_finalises(world):
    play = world.start("one site", min_sites=1, min_weight=1)
    play.bring_to("Judged")
    play.all_do("judge", bytes([0, 3, 3, 3, 3, 0, 0, 0, 0]))
    for step in ("Summed", "Challenged", "Published", "Held", "Picked", "Opened"):
        play.step_to(step)
    play.all_do("attest", (play.model, True))
    return ended(play) is None


def an_accuser_keeps_its_vote(world):
    play = world.reach("Opened")
    for name in ("s1", "s2", "s3", "s4"):
        play.do("attest", name)
    play.do("accuse", "s4", (TAG, play.terms.committee[0], NONE))
    return ended(play) is None


def one_voter_accuses_for_all(world):
    play = world.reach("Opened")
    for name in ("s1", "s2", "s3", "s4"):
        play.do("attest", name)
    accusation = (TAG, play.terms.committee[0], NONE)
    refused = [attempt(play, "accuse", "s1", accusation) for _ in range(4)]
    return set(refused) == {None} and ended(play) == (8, play.terms.committee[0])


def a_dispute_is_outvoted(world):
    play = world.reach("Opened")
    play.do("accuse", "s1", (OWN_TAG, play.terms.committee[0], NONE))
    for name in ("a1", "a2", "s2", "s3"):
        play.do("attest", name)
    return ended(play) is None


def the_round_ends_before_anybody_can_agree_with_an_accuser(world):
    play = world.reach("Opened")
    play.vote()
    play.do("accuse", "s5", (TAG, play.terms.committee[0], NONE))
    return attempt(play, "finalise", "nobody") is None


def silence_after_the_pick_is_free(world):
    play = world.reach("Picked")
    world.pass_deadline()
    play.do("expire", "nobody")
    return attempt(play.following, "announce", "a1") is None


def aborts_without_a_name_go_on_for_ever(world):
    play = dispute(dispute(world.start("patient", max_aborts=9), "s1"), "s2")
    return attempt(play, "announce", "a1") is None


def a_site_without_accusations_takes_part(world):
    play = dispute(world.start("once", accusations=1, max_aborts=9), "s1")
    for name in ("s1", "s2", "s3", "s4", "s5"):
        world.send(name, rounds.resume(play.study, 0))
    play.bring_to("Open")
    return bool(play.view.enrolled & 1)


def a_vote_forgives_what_is_yet_to_come(world):
    play = dispute(world.start("early", max_aborts=9), "s1")
    for name in ("s1", "s2", "s3", "s4"):
        world.send(name, rounds.resume(play.study, 1))
    play = dispute(play, "s1")
    world.send("s5", rounds.resume(play.study, 1))
    return play.progress.resumptions == 1


def one_of_two_members_blames_the_other(world):
    play = world.reach("Published")
    play.do("confirm", "a1", 0b01)
    (event,) = [e for e in play.do("confirm", "a2") if isinstance(e, RoundAborted)]
    return event.party == play.terms.committee[1]


def twins_are_opened(world):
    play = world.start("four candidates", noise_candidates=4)
    play.bring_to("Picked")
    seed = play.seeds("a1", 1)
    return attempt(play, "open_noise", "a1", seed * 3) is None


def noise_that_hides_a_sum_is_opened(world):
    play = world.reach("Judged")
    play.do("judge", "a1")
    play.do("judge", "a2", play.rejecting("a2"))
    return attempt(play, "defend", "a2") is None


def a_key_is_revealed_without_its_image(world):
    play = world.reach("Summed")
    return attempt(play, "reveal", "a1", play.key("a1", 2)) is None


RULES = {
    the_committee_finalises: (
        BALLOTS,
        "Math.max(record.voters / 2, uint256(plan.members) + plan.corruptSites) + 1",
        "Math.max(record.voters / 2, plan.corruptSites) + 1",
    ),
    an_accuser_keeps_its_vote: (BALLOTS, "else --record.votesFor[record.attestations[voter]];", ""),
    one_voter_accuses_for_all: (BALLOTS, "if (record.accusers & bit != 0)", "if (false)"),
    a_dispute_is_outvoted: (BALLOTS, "if (disputing != 0) {", "if (voted == 0) {"),
    the_round_ends_before_anybody_can_agree_with_an_accuser: (
        BALLOTS,
        " && record.accusers == 0;",
        ";",
    ),
    silence_after_the_pick_is_free: (MACHINE, "if (_provesGuilt(reason, state))", "if (false)"),
    aborts_without_a_name_go_on_for_ever: (ROUNDS, "if (plan.isPaused())", "if (false)"),
    a_site_without_accusations_takes_part: (ROUNDS, " & ~uint256(plan.spent)", ""),
    a_vote_forgives_what_is_yet_to_come: (RESUMPTION, "plan.aborts,", ""),
    one_of_two_members_blames_the_other: (SERVICE, "if (members < 3) return 0;", ""),
    twins_are_opened: (SEEDS, "if (seeds[other] == seeds[i])", "if (seeds[other] == 0)"),
    noise_that_hides_a_sum_is_opened: (
        ROUNDS,
        f"{DEFENDABLE}{COMMITTEE}        _requireOwing(record, studyId, round, j);",
        COMMITTEE,
    ),
    a_key_is_revealed_without_its_image: (
        ROUNDS,
        "if (head != record.keyHeads[j])",
        "if (j > 255)",
    ),
}
"""By play: file, words that are the rule, and what stands there without it."""


@pytest.mark.parametrize("play", RULES, ids=lambda play: play.__name__)
def test_with_its_rule_it_does_not_happen(world, play):
    assert not play(world)


@pytest.mark.parametrize("play", RULES, ids=lambda play: play.__name__)
def test_without_its_rule_it_happens(mutated, found, play):
    mutated([RULES[play]])
    world = found()
    with world.ledger:
        assert play(world)
