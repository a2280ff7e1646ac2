"""With its contract's rule removed, an attack that the rule stops must succeed."""

import pytest

from troth.scenarios.attacks import play
from troth.testing.adversaries.attack import SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS

ROUNDS, LEDGER = "rounds/Rounds.sol", "privacy/PrivacyLedger.sol"
MACHINE, BALLOTS = "rounds/RoundMachine.sol", "rounds/Ballots.sol"
SEEDS, SERVICE = "rounds/Seeds.sol", "rounds/Service.sol"
COMPLETION, VERDICTS = "rounds/Completion.sol", "rounds/Verdicts.sol"
REPLICATION = "rounds/Replication.sol"
REVEALS = "if (head != record.keyHeads[j])"
STEP = "bytes32 head = keyStep(studyId, round, msg.sender, level, value);"
STEP_OF_ONE = "keyStep(studyId, 1, msg.sender, level, value)"
ANY_STATE = "_records[studyId][round].state"
PUBLISH_ANY_TIME = [
    (ROUNDS, "_post(studyId, round, State.Challenged)", f"_post(studyId, round, {ANY_STATE})")
]

VOTING = """\
_enterInTime(studyId, round, State.Opened);
        Ballots.{}("""
VOTING_ANY_TIME = VOTING.replace("State.Opened", ANY_STATE)
DEFENDABLE = """\
if (record.state != State.Aborted || record.owing == 0) revert WrongState(record.state);
        uint256 j = _requireCommittee(plan, studyId);
        _requireOwing(record, studyId, round, j);
"""
NO_GUILT = [(MACHINE, "if (_provesGuilt(reason, state))", "if (false)")]
SOME_NOISE = [
    (
        VERDICTS,
        "uint128 accepted = plan.grouped(agreed.accepted)",
        "uint128 accepted = agreed.accepted",
    ),
    (VERDICTS, "if (Bits.count(plan.owners(accepted)) < plan.least)", "if (accepted == 0)"),
]
STAYS = [
    (
        MACHINE,
        "if ((record.live >> j) & 1 == 0) revert NotLive",
        "if ((record.live >> j) & 1 == 2) revert NotLive",
    )
]
ONE_IS_NAMED = [
    (
        REPLICATION,
        "return (IRounds.State.Aborted, owner, denier);",
        "return (IRounds.State.Aborted, denier, address(0));",
    )
]
ANY_FAULT = [(BALLOTS, "if (plan.replicated) {", "if (plan.members == 0) {")]
SILENCE_IS_FREE = [(BALLOTS, "plan.spend(silent);", "")]
SILENCE_IS_CONSENT = [(BALLOTS, "if (silent != 0) {", "if (voted == 0) {")]
NO_SECOND_QUORUM = [(VERDICTS, "if (!plan.meetsQuorum(accepted))", "if (false)")]

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
            REVEALS,
            "if (j > 255)",
        )
    ],
    "key-revealed-early": [
        (
            ROUNDS,
            f"_post(studyId, round, state);\n        {STEP}",
            f"_post(studyId, round, level == 3 ? {ANY_STATE} : state);\n        {STEP}",
        )
    ],
    "publication-before-charge": PUBLISH_ANY_TIME,
    "steps-out-of-order": PUBLISH_ANY_TIME,
    "honest-noise-denied": [
        (COMPLETION, "Reason.Noise, owner, denier)", "Reason.Noise, owner, address(0))"),
        (COMPLETION, "(State to, address owner, address denier)", "(State to, address owner,)"),
    ],
    "key-of-another-round": [
        (
            ROUNDS,
            REVEALS,
            f"if ({STEP_OF_ONE} != record.keyHeads[j] && head != record.keyHeads[j])",
        )
    ],
    "silence-under-every-site": SILENCE_IS_FREE,
    "silent-site-tag-bent-under-every-site": SILENCE_IS_CONSENT,
    "publication-kept-back-from-two": [
        (SERVICE, "if (2 * count > members - 1)", "if (count > members)")
    ],
    "some-noise-evicted": SOME_NOISE,
    "own-noise-made-to-fail": SOME_NOISE,
    "dissent-for-a-second-sum": [
        (VERDICTS, "if (Bits.count(by) == plan.least) record.verdict", "record.verdict"),
    ],
    "own-tag-falsely-disputed": [(BALLOTS, "plan.spend(disputing);", "")],
    "accusations-beyond-the-limit": [(ROUNDS, " & ~uint256(plan.spent)", "")],
    "tags-bent-until-accusations-are-used-up": [(ROUNDS, "if (plan.isPaused())", "if (false)")],
    "escape-by-own-tag": [
        (
            BALLOTS,
            "(what != IRounds.Fault.OwnTag || voter < plan.sites)",
            "(what != IRounds.Fault.OwnTag || voter <= plan.places())",
        )
    ],
    "escape-before-opening": [(ROUNDS, VOTING.format("accuse"), VOTING_ANY_TIME.format("accuse"))],
    "attested-before-openings": [
        (ROUNDS, VOTING.format("attest"), VOTING_ANY_TIME.format("attest"))
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
    "reveal-skips-a-level": [(ROUNDS, REVEALS, "if (j > 255)")],
    "defence-of-what-was-not-rejected": [
        (ROUNDS, DEFENDABLE, "uint256 j = _requireCommittee(plan, studyId);\n")
    ],
    "pick-withheld": NO_GUILT,
    "candidates-not-opened": NO_GUILT,
    "sum-before-charge": [
        (ROUNDS, "_post(studyId, round, State.Settled)", f"_post(studyId, round, {ANY_STATE})")
    ],
    "return-of-a-member-that-left": STAYS,
    "guilty-member-returns": STAYS,
    "tag-disputed-where-there-is-none": ANY_FAULT,
    "own-tag-disputed-where-there-is-none": ANY_FAULT,
    "replicated-sum-shifted": [(REPLICATION, "if (differing != 0) {", "if (differing > 255) {")],
    "site-denied-after-echo": [
        (
            REPLICATION,
            "studyId, round, record.deniers, IRounds.Reason.Disagree",
            "studyId, round, 0, IRounds.Reason.Disagree",
        )
    ],
    "replicated-noise-shares-kept-back": ONE_IS_NAMED,
    "honest-member-framed-by-noise": ONE_IS_NAMED,
    "false-seeds-denied": [(REPLICATION, "plan.guilty |= uint8(record.live & owners);", "")],
    "honest-openings-denied": [
        (
            REPLICATION,
            "if (2 * Bits.count(by) > live) return",
            "if (Bits.count(by) == 1 && live != 0) return",
        )
    ],
    "pick-revealed-before-sums": [
        (
            ROUNDS,
            "if (state == State.Held) return",
            "if (state == State.Held || state == State.Settled) return",
        ),
        (
            ROUNDS,
            "if (state == State.Held && plan.replicated) {",
            "if (level == 1 && plan.replicated) {",
        ),
    ],
    "reveal-skips-two-levels": [(ROUNDS, REVEALS, "if (j > 255)")],
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
    attack = attack_named(name)
    assert play(attack, folder, None, attack.modes[0], defended=True).succeeded
