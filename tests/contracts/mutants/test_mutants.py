"""With its contract's rule removed, an attack that the rule stops must succeed."""

import pytest

from troth.scenarios.attacks import play
from troth.testing.adversaries.attack import SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS

ROUNDS, LEDGER = "rounds/Rounds.sol", "privacy/PrivacyLedger.sol"
MACHINE, BALLOTS = "rounds/RoundMachine.sol", "rounds/Ballots.sol"
SEEDS, SERVICE = "rounds/Seeds.sol", "rounds/Service.sol"
REVEALS = "keyStep(studyId, round, msg.sender, level, value) != record.keyHeads[j]"
REVEALS_OF_ONE = REVEALS.replace("round", "1")
ANY_STATE = "_records[studyId][round].state"
PUBLISH_ANY_TIME = [
    (ROUNDS, "_post(studyId, round, State.Challenged)", f"_post(studyId, round, {ANY_STATE})")
]

VOTER = """\
_enterInTime(studyId, round, State.Opened);
        uint256 voter = _requireVoter(plan, record, studyId, msg.sender);
"""
VOTER_ANY_TIME = VOTER.replace("State.Opened", ANY_STATE)
DEFENDABLE = """\
if (record.state != State.Aborted || record.owing == 0) revert WrongState(record.state);
        uint256 j = _requireOwing(plan, record, studyId, round);
"""
NO_GUILT = [(MACHINE, "if (_provesGuilt(reason, state))", "if (false)")]
SOME_NOISE = [(ROUNDS, "} else if (rejectedNoise != 0) {", "} else if (accepted == 0) {")]
SILENCE_IS_FREE = [(BALLOTS, "plan.spend(silent);", "")]
SILENCE_IS_CONSENT = [(BALLOTS, "} else if (silent != 0) {", "} else if (voted == 0) {")]
NO_SECOND_QUORUM = [(ROUNDS, "if (!plan.meetsQuorum(accepted))", "if (false)")]

RULES = {
    "junk-fills-quorum": NO_SECOND_QUORUM,
    "all-sites-but-one-denied": NO_SECOND_QUORUM,
    "second-report": [(ROUNDS, "if (record.digests[reporter] != 0)", "if (false)")],
    "late-report": [
        (
            ROUNDS,
            "(, Record storage record) = _enterInTime(studyId, round, State.Open)",
            "(, Record storage record) = _enter(studyId, round, State.Open)",
        )
    ],
    "report-by-non-member": [
        (
            ROUNDS,
            "if (number == 0) revert NotSite(studyId, msg.sender);\n        if ((record.enrolled",
            "if (number == 0) number = 1;\n        if ((record.enrolled",
        ),
        (ROUNDS, "if (consortium.rolesOf(msg.sender) & Roles.SITE == 0)", "if (false)"),
    ],
    "report-by-revoked-member": [
        (ROUNDS, "if (consortium.rolesOf(msg.sender) & Roles.SITE == 0)", "if (false)")
    ],
    "report-without-grant": [
        (ROUNDS, "if ((record.enrolled >> (number - 1)) & 1 == 0)", "if (false)")
    ],
    "key-not-its-head": [
        (
            ROUNDS,
            f"if ({REVEALS})",
            "if (j > 255)",
        )
    ],
    "key-revealed-early": [
        (
            ROUNDS,
            "_post(studyId, round, state);\n        if (keyStep",
            f"_post(studyId, round, level == 3 ? {ANY_STATE} : state);\n        if (keyStep",
        )
    ],
    "publication-before-charge": PUBLISH_ANY_TIME,
    "steps-out-of-order": PUBLISH_ANY_TIME,
    "honest-noise-denied": [
        (
            ROUNDS,
            "(address owner, address denier) = Denials.first",
            "(address owner,) = Denials.first",
        ),
        (ROUNDS, "Reason.Noise, owner, denier)", "Reason.Noise, owner, address(0))"),
    ],
    "key-of-another-round": [
        (
            ROUNDS,
            f"if ({REVEALS})",
            f"if ({REVEALS_OF_ONE} && {REVEALS})",
        )
    ],
    "silence-under-every-site": SILENCE_IS_FREE,
    "silent-site-tag-bent-under-every-site": SILENCE_IS_CONSENT,
    "publication-kept-back-from-two": [
        (SERVICE, "if (2 * count > members - 1)", "if (count > members)")
    ],
    "some-noise-evicted": SOME_NOISE,
    "own-noise-made-to-fail": SOME_NOISE,
    "dissent-for-a-second-sum": [(ROUNDS, "if (record.differs) {", "if (accepted == 0) {")],
    "own-tag-falsely-disputed": [(BALLOTS, "plan.spend(disputing);", "")],
    "accusations-beyond-the-limit": [(ROUNDS, " & ~uint256(plan.spent)", "")],
    "tags-bent-until-accusations-are-used-up": [(ROUNDS, "if (plan.isPaused())", "if (false)")],
    "escape-by-own-tag": [
        (
            BALLOTS,
            "Fault.OwnTag) && voter >= plan.sites)",
            "Fault.OwnTag) && voter > plan.places())",
        )
    ],
    "escape-before-opening": [
        (BALLOTS, VOTER + "        Fault what", VOTER_ANY_TIME + "        Fault what")
    ],
    "attested-before-openings": [
        (BALLOTS, VOTER + "        uint72", VOTER_ANY_TIME + "        uint72")
    ],
    "one-seed-opened-twice": [(SEEDS, "if (seeds[other] == seeds[i])", "if (seeds[other] == 0)")],
    "one-seed-left-out": [
        (SEEDS, "if (seeds.length != count)", "if (seeds.length > count)"),
        (SEEDS, "uint256 i = 0; i < count;", "uint256 i = 0; i < seeds.length;"),
    ],
    "noise-opened-early": [
        (ROUNDS, "_post(studyId, round, State.Picked)", f"_post(studyId, round, {ANY_STATE})")
    ],
    "pick-revealed-early": [
        (ROUNDS, "if (state == State.Held)", "if (state == State.Held || state == State.Published)")
    ],
    "reveal-skips-a-level": [(ROUNDS, f"if ({REVEALS})", "if (j > 255)")],
    "defence-of-what-was-not-rejected": [
        (ROUNDS, DEFENDABLE, "uint256 j = _requireCommittee(plan, studyId);\n")
    ],
    "pick-withheld": NO_GUILT,
    "candidates-not-opened": NO_GUILT,
    "opening-beyond-budget": [(LEDGER, "if (nanoRho[i] > left)", "if (false)")],
    "aborts-drain-budget": [
        (MACHINE, "if (state >= State.Open && state < State.Settled)", "if (state == State.Final)")
    ],
}
"""By attack: file, words that are the rule, and what stands there without it."""


def attack_named(name):
    return next(attack for attack in ATTACKS if attack.name == name)


def test_every_rule_that_attacks_name_has_a_mutant():
    named = {attack.name for attack in ATTACKS if attack.switch.kind is SwitchKind.CONTRACT}
    assert named == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_without_its_rule_the_attack_succeeds(tmp_path, mutated, name):
    mutated(RULES[name])
    folder = tmp_path / "study"
    folder.mkdir()
    assert play(attack_named(name), folder, defended=True).succeeded
