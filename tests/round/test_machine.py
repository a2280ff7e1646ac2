"""The model of the Rounds contract, row by row of the transition table.

This file is longer than 500 lines because every row, guard and refusal of the table has its case.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from troth.errors import ContractRefused
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import privacy_ledger, rounds
from troth.ledger.bindings.structs import OnChainTerms, Site, Windows
from troth.round.machine import Emitted, RoundsModel
from troth.round.record import GUARDS, NAMED
from troth.round.transcript import RoundId, heads_digest, key_chain, transcript_digest
from troth.round.transitions import State, table

CHAIN = 31337
ROUNDS = Address(b"\xee" * 20)
STUDY = b"\x05" * 32
START, WINDOW = 1000, 50
A, B, C = (Address(bytes([n]) * 20) for n in (1, 2, 3))  # the committee
S = tuple(Address(bytes([n]) * 20) for n in (11, 12, 13))
ANYONE = Address(b"\x77" * 20)
COMMITTEE = (A, B, C)
LINEAGES = tuple(bytes([n]) * 32 for n in (21, 22, 23))
MODEL = b"\x0d" * 32
ALL_PLACES = 0b111_111
ACCEPT = bytes(6)


def terms(**changes):
    sites = tuple(Site(a, w, lin, lin) for a, w, lin in zip(S, (3, 1, 1), LINEAGES, strict=True))
    usual = {
        "mode": 0,
        "honest": 1,
        "noise_candidates": 1,
        "rounds": 2,
        "max_aborts": 1,
        "min_sites": 2,
        "min_weight": 4,
        "clip": 128,
        "noise_variance": 10_000,
        "windows": Windows(*range(WINDOW, WINDOW + 11)),
        "committee": COMMITTEE,
        "sites": sites,
    }
    return OnChainTerms(**{**usual, **changes})


@dataclass
class Others:
    """The other contracts, as obliging as a test wants them."""

    study: OnChainTerms = field(default_factory=terms)
    active: bool = True
    enrolled: int = 0b111
    strangers: tuple[Address, ...] = (ANYONE,)
    left: int = 100
    steps: list[str] = field(default_factory=list)

    def roles_of(self, account):
        return 0 if account in self.strangers else 1 if account in S else 2

    def is_active(self, study_id):
        return self.active and study_id == STUDY

    def terms_of(self, study_id):
        return self.study if study_id == STUDY else None

    def enrolled_sites(self, _):
        return self.enrolled

    def charges_of(self, _, sites):
        return tuple((lin, 7) for index, lin in enumerate(LINEAGES) if sites >> index & 1)

    def charge(self, step, study_id, number, charges):
        if step == "reserve" and self.left < 7:
            raise ContractRefused("PrivacyLedger", "BudgetExceeded", {"left": self.left})
        self.steps.append(step)
        kind = {"reserve": "Reserved", "settle": "Settled", "release": "Released"}[step]
        made = getattr(privacy_ledger, kind)
        return [Emitted("PrivacyLedger", made(study_id, number, *charge)) for charge in charges]


class Game:
    """One model, its surroundings, and a clock."""

    def __init__(self, **changes):
        self.model = RoundsModel(CHAIN, ROUNDS)
        self.others = Others(**changes)
        self.now = START
        self.number = 1

    def act(self, sender, action, number=None, **given):
        self.now += 1
        arguments = {"study_id": STUDY, "round": number or self.number, **given}
        emitted = self.model.apply(sender, action, arguments, self.now, self.others)
        return [item.event for item in emitted]

    def refuses(self, sender, action, number=None, **given):
        before = copy.deepcopy(self.model.studies)
        with pytest.raises(ContractRefused) as caught:
            self.act(sender, action, number, **given)
        assert self.model.studies == before
        return (caught.value.name, caught.value.arguments)

    @property
    def record(self):
        return self.model.studies[STUDY].rounds[self.number]

    @property
    def state(self):
        progress = self.model.studies.get(STUDY)
        record = progress.rounds.get(self.number) if progress else None
        return record.state if record else State.ABSENT

    def chain(self, member):
        return key_chain(
            RoundId(CHAIN, ROUNDS, STUDY, self.number), member, bytes(member) + bytes(12)
        )

    def announce(self, member):
        head = self.chain(member)[2]
        return self.act(member, "announce", key_head=head, hpke_key_digest=b"\x01" * 32)

    def reveal(self, member):
        return self.act(member, "reveal", value=self.chain(member)[1])

    def members(self, action, **given):
        return [self.act(member, action, **given) for member in COMMITTEE][-1]

    def report(self, sites=S, members=COMMITTEE):
        for site in sites:
            self.act(site, "report", digest=bytes(site) + bytes(12))
        for member in members:
            self.act(member, "reportNoise", digest=bytes(member) + bytes(12))

    def reach(self, state):
        """Everybody is honest up to this state."""
        steps = {
            State.ANNOUNCING: lambda: self.announce(A),
            State.ANNOUNCED: lambda: [self.announce(member) for member in (B, C)],
            State.OPEN: lambda: self.act(ANYONE, "open"),
            State.CLOSED: lambda: (self.report(), self.act(ANYONE, "close")),
            State.DELIVERED: lambda: self.members("deliver", opened=ALL_PLACES),
            State.KEYED: lambda: [self.reveal(member) for member in COMMITTEE],
            State.COMMITTED: lambda: self.members("commitFile", digest=b"\x02" * 32),
            State.JUDGED: lambda: self.members("confirmFiles", fetched=0b111),
            State.SETTLED: lambda: self.members("judge", codes=ACCEPT),
            State.SUMMED: lambda: self.members("commitSum", digest=b"\x03" * 32),
            State.PUBLISHED: lambda: self.members("publish", digest=b"\x04" * 32),
            State.FINAL: lambda: (self.attest(), self.act(ANYONE, "finalise")),
        }
        for to, step in steps.items():
            if self.state < to <= state:
                step()
                assert self.state is to
        return self

    def attest(self, voters=(*COMMITTEE, *S), model=MODEL):
        for voter in voters:
            self.act(voter, "attest", model_digest=model)

    def late(self):
        self.now += 10_000
        return self


def aborted(events):
    """Reason, state and parties of the abort that these events end with."""
    *_, abort, moved = events
    assert isinstance(abort, rounds.RoundAborted)
    assert moved == rounds.Moved(STUDY, abort.round, State.ABORTED, 0)
    return table().reasons[abort.reason], State(abort.in_state), abort.party, abort.other


def test_a_whole_round_goes_through_every_state_once():
    game = Game().reach(State.FINAL)
    assert game.others.steps == ["reserve", "settle"]
    assert game.model.studies[STUDY].finals == 1
    assert game.model.studies[STUDY].current == 2
    assert game.record.model_digest == MODEL


def test_each_step_says_what_it_fixed():
    game = Game().reach(State.ANNOUNCING)
    game.announce(B)
    events = game.announce(C)
    where = RoundId(CHAIN, ROUNDS, STUDY, 1)
    heads = heads_digest(where, tuple(game.chain(m)[2] for m in COMMITTEE), (b"\x01" * 32,) * 3)
    deadline = game.now + WINDOW + 1
    assert events[1:] == [
        rounds.HeadsFixed(STUDY, 1, heads),
        rounds.Moved(STUDY, 1, State.ANNOUNCED, deadline),
    ]
    events = game.act(ANYONE, "open")
    assert [type(event) for event in events] == [privacy_ledger.Reserved] * 3 + [
        rounds.Opened,
        rounds.Moved,
    ]
    game.report()
    digests = tuple(bytes(account) + bytes(12) for account in (*S, *COMMITTEE))
    transcript = transcript_digest(where, heads, digests[:3], digests[3:])
    fixed, _ = game.act(ANYONE, "close")
    assert fixed == rounds.TranscriptFixed(STUDY, 1, transcript, ALL_PLACES)


def test_what_is_accepted_is_said_before_it_is_paid_for():
    game = Game().reach(State.JUDGED)
    events = game.members("judge", codes=ACCEPT)
    assert [type(event).__name__ for event in events] == [
        "VerdictPosted",
        "AcceptedFixed",
        *["Settled"] * 3,
        "Moved",
    ]


@pytest.mark.parametrize("state", table().windows)
def test_windows_are_those_of_the_terms(state):
    game = Game().reach(state)
    order = list(table().windows).index(state)
    assert game.record.deadline == game.now + WINDOW + order


EVERY_ACTION = sorted({row.action for row in table().rows})
ARGUMENTS: dict[str, dict[str, Any]] = {
    "announce": {"key_head": b"\x01" * 32, "hpke_key_digest": b"\x01" * 32},
    "report": {"digest": b"\x01" * 32},
    "reportNoise": {"digest": b"\x01" * 32},
    "deliver": {"opened": 0},
    "reveal": {"value": bytes(32)},
    "commitFile": {"digest": b"\x01" * 32},
    "confirmFiles": {"fetched": 1},
    "judge": {"codes": b""},
    "commitSum": {"digest": b"\x01" * 32},
    "publish": {"digest": b"\x01" * 32},
    "attest": {"model_digest": b"\x01" * 32},
}


@pytest.mark.parametrize("state", [state for state in State if not state.ended])
@pytest.mark.parametrize("action", EVERY_ACTION)
def test_what_the_table_does_not_list_is_refused(state, action):
    game = Game().reach(state)
    if table().row(state, action) is None:
        refused = game.refuses(A, action, **ARGUMENTS.get(action, {}))
        assert refused == ("WrongState", {"state": state})


@pytest.mark.parametrize("state", [State.FINAL, State.ABORTED])
@pytest.mark.parametrize("action", [*EVERY_ACTION, "expire"])
def test_a_round_that_ended_is_over(state, action):
    game = Game()
    if state is State.FINAL:
        game.reach(State.FINAL)
    else:
        game.reach(State.ANNOUNCED).late().act(ANYONE, "expire")
    name, arguments = game.refuses(A, action, **ARGUMENTS.get(action, {}))
    assert (name, arguments["current"]) == ("WrongRound", 2)


@pytest.mark.parametrize("row", table().rows, ids=lambda row: f"{row.source.title}-{row.action}")
def test_every_row_keeps_its_deadline(row):
    game = Game().reach(row.source)
    if row.when == "all in or late":
        assert game.refuses(ANYONE, row.action)[0] == "TooEarly"
        game.now = game.record.deadline
        assert game.act(ANYONE, row.action)
    elif row.source is not State.ABSENT:
        game.now = game.record.deadline
        refused = game.refuses(A, row.action, **ARGUMENTS.get(row.action, {}))
        assert refused == ("TooLate", {"deadline": game.record.deadline, "now_at": game.now})


@pytest.mark.parametrize("row", table().rows, ids=lambda row: f"{row.source.title}-{row.action}")
def test_every_row_admits_only_its_parties(row):
    game = Game().reach(row.source)
    given = ARGUMENTS.get(row.action, {})
    expected = {"member": "NotCommittee", "site": "NotSite", "voter": "NotVoter"}.get(row.by)
    if expected is None:
        if row.when != "now":
            game.late()
        assert game.act(ANYONE, row.action)
        return
    assert game.refuses(ANYONE, row.action, **given)[0] == expected
    if row.by == "member":
        assert game.refuses(S[0], row.action, **given)[0] == expected


@pytest.mark.parametrize("state", State)
def test_deadlines_that_pass_end_a_round_as_the_table_says(state):
    if state.ended:
        return
    game = Game().reach(state)
    outcome = table().timeouts.get(state)
    if outcome is None:
        assert game.late().refuses(ANYONE, "expire") == ("WrongState", {"state": state})
        return
    game.now = game.record.deadline - 1
    assert game.refuses(ANYONE, "expire")[0] == "TooEarly"
    steps = len(game.others.steps)
    reason, where, party, other = aborted(game.late().act(ANYONE, "expire"))
    missing = B if state is State.ANNOUNCING else A
    named = missing if outcome.names == "missing member" else ZERO
    assert (reason, where, party, other) == (outcome.reason, state, named, ZERO)
    released = ["release"] if outcome.reservation == "release" else []
    assert game.others.steps[steps:] == released


def test_a_missing_noise_list_aborts_and_names_its_owner():
    game = Game().reach(State.OPEN)
    game.report(members=(A, C))
    assert game.refuses(ANYONE, "close")[0] == "TooEarly"
    events = game.late().act(ANYONE, "close")
    assert aborted(events) == ("Withheld", State.OPEN, B, ZERO)
    assert game.others.steps == ["reserve", "release"]


@pytest.mark.parametrize(
    ("sites", "closes"), [(S[:2], True), (S[1:], False), (S[:1], False), ((), False)]
)
def test_a_quorum_counts_sites_and_weights(sites, closes):
    game = Game().reach(State.OPEN)
    game.report(sites)
    events = game.late().act(ANYONE, "close")
    if closes:
        assert game.state is State.CLOSED
        assert game.record.present == 0b111_011
    else:
        assert aborted(events) == ("Quorum", State.OPEN, ZERO, ZERO)


def test_denied_noise_aborts_and_names_the_first_pair():
    game = Game().reach(State.CLOSED)
    game.act(A, "deliver", opened=ALL_PLACES & ~(1 << 5))
    game.act(B, "deliver", opened=ALL_PLACES & ~(1 << 4) & ~(1 << 5))
    assert aborted(game.act(C, "deliver", opened=ALL_PLACES)) == ("Noise", State.CLOSED, B, B)


def test_a_site_is_delivered_when_everybody_opened_it():
    game = Game().reach(State.CLOSED)
    game.act(A, "deliver", opened=ALL_PLACES & ~1)
    game.act(B, "deliver", opened=ALL_PLACES & ~2)
    events = game.act(C, "deliver", opened=ALL_PLACES)
    assert rounds.DeliveryFixed(STUDY, 1, ALL_PLACES & ~3) in events


def test_a_file_that_somebody_could_not_fetch_aborts_unattributed():
    game = Game().reach(State.COMMITTED)
    game.act(A, "confirmFiles", fetched=0b111)
    game.act(B, "confirmFiles", fetched=0b110)
    events = game.act(C, "confirmFiles", fetched=0b111)
    assert aborted(events) == ("Unavailable", State.COMMITTED, ZERO, ZERO)


@pytest.mark.parametrize(
    ("verdicts", "reason", "party"),
    [
        ([ACCEPT, ACCEPT, b"\x05" + ACCEPT[1:]], "Disagree", ZERO),
        ([bytes(4) + b"\x06\x07"] * 3, "Noise", B),
        ([b"\x05" + bytes(5)] * 3, "Quorum", ZERO),
        # An evicted majority and rejected noise: what the table lists first decides.
        ([b"\x05\x05\x05\x05\x00\x00"] * 3, "Noise", A),
    ],
)
def test_verdicts_that_abort(verdicts, reason, party):
    game = Game().reach(State.JUDGED)
    events = []
    for member, codes in zip(COMMITTEE, verdicts, strict=True):
        events = game.act(member, "judge", codes=codes)
    assert aborted(events) == (reason, State.JUDGED, party, ZERO)
    assert game.others.steps[-1] == "release"


@pytest.mark.parametrize(
    ("codes", "place"),
    [(bytes(5), 5), (bytes(7), 6), (b"\1" + bytes(5), 0), (bytes(2) + b"\2" + bytes(3), 2)]
    + [(bytes(5) + bytes([code]), 5) for code in (1, 2, 9, 255)],
)
def test_impossible_verdicts_are_refused(codes, place):
    game = Game().reach(State.JUDGED)
    assert game.refuses(A, "judge", codes=codes) == ("WrongVerdict", {"place": place})


def test_what_is_absent_or_undelivered_has_one_code_only():
    game = Game().reach(State.OPEN)
    game.report(S[:2])
    game.late().act(ANYONE, "close")
    game.members("deliver", opened=0b111_001)
    game.reach(State.JUDGED)
    assert game.refuses(A, "judge", codes=b"\0\0\1\0\0\0") == ("WrongVerdict", {"place": 1})
    assert game.refuses(A, "judge", codes=b"\0\2\0\0\0\0") == ("WrongVerdict", {"place": 2})
    assert aborted(game.members("judge", codes=b"\0\2\1\0\0\0"))[0] == "Quorum"


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
    game = Game().reach(State.PUBLISHED)
    for voter, model in zip((*COMMITTEE, *S), votes, strict=False):
        game.act(voter, "attest", model_digest=model)
    events = game.late().act(ANYONE, "finalise")
    if final:
        assert events == [
            rounds.Finalised(STUDY, 1, MODEL),
            rounds.Moved(STUDY, 1, State.FINAL, 0),
        ]
    else:
        assert aborted(events) == ("Conflict", State.PUBLISHED, ZERO, ZERO)
        assert game.others.steps == ["reserve", "settle"]


@pytest.mark.parametrize(("sites", "final"), [((), False), (S[:1], True)])
def test_the_committee_alone_decides_nothing(sites, final):
    game = Game(study=terms(min_sites=1, min_weight=1)).reach(State.JUDGED)
    game.members("judge", codes=b"\0\5\5\0\0\0")  # three members and one site: four voters
    game.reach(State.PUBLISHED)
    game.attest((*COMMITTEE, *sites))
    events = game.late().act(ANYONE, "finalise")
    assert isinstance(events[0], rounds.Finalised if final else rounds.RoundAborted)


def test_a_site_that_was_not_accepted_does_not_vote():
    game = Game().reach(State.JUDGED)
    game.members("judge", codes=b"\0\0\5\0\0\0")
    game.reach(State.PUBLISHED)
    assert game.refuses(S[2], "attest", model_digest=MODEL)[0] == "NotVoter"
    game.attest((*COMMITTEE, *S[:2]))
    assert rounds.Finalised(STUDY, 1, MODEL) in game.act(ANYONE, "finalise")


@pytest.mark.parametrize(
    ("state", "sender", "action", "given"),
    [
        (State.ANNOUNCING, A, "announce", ARGUMENTS["announce"]),
        (State.OPEN, S[0], "report", {"digest": MODEL}),
        (State.OPEN, A, "reportNoise", {"digest": MODEL}),
        (State.CLOSED, A, "deliver", {"opened": ALL_PLACES}),
        (State.KEYED, A, "commitFile", {"digest": MODEL}),
        (State.COMMITTED, A, "confirmFiles", {"fetched": 0b111}),
        (State.JUDGED, A, "judge", {"codes": ACCEPT}),
        (State.SETTLED, A, "commitSum", {"digest": MODEL}),
        (State.SUMMED, A, "publish", {"digest": MODEL}),
        (State.PUBLISHED, A, "attest", {"model_digest": MODEL}),
        (State.PUBLISHED, S[0], "attest", {"model_digest": MODEL}),
    ],
)
def test_everything_is_said_once(state, sender, action, given):
    game = Game().reach(state)
    if state is not State.ANNOUNCING:
        game.act(sender, action, **given)
    refused = game.refuses(sender, action, **given)
    assert refused == ("AlreadyPosted", {"study_id": STUDY, "round": 1, "account": sender})


@pytest.mark.parametrize(
    ("state", "sender", "action", "field"),
    [
        (State.ABSENT, A, "announce", "key_head"),
        (State.ABSENT, A, "announce", "hpke_key_digest"),
        (State.OPEN, S[0], "report", "digest"),
        (State.OPEN, A, "reportNoise", "digest"),
        (State.KEYED, A, "commitFile", "digest"),
        (State.SETTLED, A, "commitSum", "digest"),
        (State.SUMMED, A, "publish", "digest"),
        (State.PUBLISHED, A, "attest", "model_digest"),
    ],
)
def test_zero_is_no_digest(state, sender, action, field):
    game = Game().reach(state)
    given = {**ARGUMENTS[action], field: bytes(32)}
    assert game.refuses(sender, action, **given) == ("ZeroDigest", {})


def test_other_values_that_are_refused():
    game = Game().reach(State.CLOSED)
    refused = game.refuses(A, "deliver", opened=1 << 6)
    assert refused == ("WrongBitmap", {"allowed": ALL_PLACES, "given": 1 << 6})
    game.reach(State.DELIVERED)
    assert game.refuses(A, "reveal", value=game.chain(B)[1]) == ("WrongReveal", {"member": A})
    game.reach(State.COMMITTED)
    for fetched in (0b1000 | 1, 0b110, 0):
        refused = game.refuses(A, "confirmFiles", fetched=fetched)
        assert refused == ("WrongBitmap", {"allowed": 0b111, "given": fetched})


def test_announcing_needs_an_active_study_and_an_aggregator():
    given = ARGUMENTS["announce"]
    assert Game(active=False).refuses(A, "announce", **given)[0] == "StudyNotActive"
    assert Game(strangers=(A,)).refuses(A, "announce", **given)[0] == "NotAggregator"
    assert Game(study=terms(rounds=0)).refuses(A, "announce", **given)[0] == "StudyOver"


def test_opening_needs_a_quorum_that_can_be_met_and_the_money():
    game = Game(enrolled=0b110).reach(State.ANNOUNCED)
    assert game.refuses(ANYONE, "open") == ("QuorumUnreachable", {"study_id": STUDY, "round": 1})
    poor = Game(left=6).reach(State.ANNOUNCED)
    assert poor.refuses(ANYONE, "open") == ("BudgetExceeded", {"left": 6})
    assert poor.state is State.ANNOUNCED


def test_opening_needs_an_active_study_and_its_whole_committee():
    game = Game().reach(State.ANNOUNCED)
    game.others.active = False
    assert game.refuses(ANYONE, "open") == ("StudyNotActive", {"study_id": STUDY})
    game.others.active, game.others.strangers = True, (C,)
    assert game.refuses(ANYONE, "open") == ("NotAggregator", {"account": C})


def test_a_noise_list_needs_the_role():
    game = Game().reach(State.OPEN)
    game.others.strangers = (B,)
    refused = game.refuses(B, "reportNoise", **ARGUMENTS["reportNoise"])
    assert refused == ("NotAggregator", {"account": B})


def test_reporting_needs_enrolment_and_membership():
    game = Game(enrolled=0b011).reach(State.OPEN)
    given = ARGUMENTS["report"]
    assert game.refuses(S[2], "report", **given)[0] == "NotEnrolled"
    game.others.strangers = (S[1],)
    assert game.refuses(S[1], "report", **given)[0] == "NotSite"
    game.report(S[:1])
    assert game.refuses(ANYONE, "close")[0] == "TooEarly"
    game.others.strangers = ()
    game.act(S[1], "report", **given)
    assert game.act(ANYONE, "close")


def test_a_study_ends_after_its_rounds_and_after_its_aborts():
    game = Game(study=terms(rounds=1)).reach(State.FINAL)
    game.number = 2
    assert game.refuses(A, "announce", **ARGUMENTS["announce"])[0] == "StudyOver"
    unlucky = Game()
    for number in (1, 2):
        unlucky.number = number
        unlucky.reach(State.ANNOUNCED).late().act(ANYONE, "expire")
    unlucky.number = 3
    assert unlucky.refuses(A, "announce", **ARGUMENTS["announce"])[0] == "StudyOver"


@pytest.mark.parametrize("number", [0, 2, 5])
def test_only_the_current_round_can_be_touched(number):
    with pytest.raises(ContractRefused) as caught:
        Game().model.apply(A, "open", {"study_id": STUDY, "round": number}, START, Others())
    assert caught.value.name == "WrongRound"
    assert caught.value.arguments == {"study_id": STUDY, "round": number, "current": 1}


def test_an_unknown_study_is_not_active():
    arguments = {"study_id": bytes(32), "round": 1, **ARGUMENTS["announce"]}
    with pytest.raises(ContractRefused, match="StudyNotActive"):
        Game().model.apply(A, "announce", arguments, START, Others())


def test_every_name_in_the_table_means_something_here():
    outcomes = [outcome for row in table().rows for outcome in row.outcomes]
    outcomes += table().timeouts.values()
    assert {outcome.guard for outcome in outcomes} - {None} == set(GUARDS)
    assert {outcome.names for outcome in outcomes} == set(NAMED)
