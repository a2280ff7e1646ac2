"""The model of the Rounds contract, row by row of the transition table.

This file is longer than 500 lines because every row, guard and refusal of the table has its case;
what is voted at the end of a round is in ``test_votes.py``.
"""

import pytest
from tests.round.game import (
    ACCEPT,
    ALL_PLACES,
    ANYONE,
    ARGUMENTS,
    CHAIN,
    COMMITTEE,
    EVIDENCE,
    LATER,
    MODEL,
    NOISE_OF_B,
    REJECT_B,
    ROUNDS,
    SEED,
    SEEDS,
    START,
    STUDY,
    WINDOW,
    A,
    B,
    C,
    Game,
    Others,
    S,
    aborted,
    game_at,
    terms,
)

from troth.errors import ContractRefused
from troth.ledger.address import ZERO
from troth.ledger.bindings import privacy_ledger, rounds
from troth.round.actions import ACTIONS
from troth.round.guards import GUARDS, NAMED
from troth.round.leaving import LEAVING
from troth.round.transcript import RoundId, heads_digest, transcript_digest
from troth.round.transitions import State, table


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
    heads = heads_digest(where, tuple(game.chain(m)[3] for m in COMMITTEE), (b"\x01" * 32,) * 3)
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


WINDOWS = (
    *("announce", "open", "report", "deliver", "answer", "reveal", "commitFile", "confirm"),
    *("judge", "commitSum", "publish", "openNoise", "attest"),
)


@pytest.mark.parametrize("state", table().windows)
def test_windows_are_those_of_the_terms(state):
    game = game_at(state)
    assert game.record.deadline == game.now + WINDOW + WINDOWS.index(table().windows[state])


EVERY_ACTION = sorted({row.action for row in table().rows})


@pytest.mark.parametrize("state", [state for state in State if not state.ended])
@pytest.mark.parametrize("action", EVERY_ACTION)
def test_what_the_table_does_not_list_is_refused(state, action):
    game = game_at(state)
    if table().row(state, action) is None:
        refused = game.refuses(A, action, **ARGUMENTS.get(action, {}))
        assert refused == ("WrongState", {"state": state})


@pytest.mark.parametrize("state", [State.FINAL, State.ABORTED])
@pytest.mark.parametrize("action", [*EVERY_ACTION, "expire"])
def test_a_round_that_ended_is_over(state, action):
    game = game_at(state)
    if table().row(state, action):
        return
    name, arguments = game.refuses(A, action, **ARGUMENTS.get(action, {}))
    if action in LATER:
        assert (name, arguments) == ("WrongState", {"state": state})
    else:
        assert (name, arguments["current"]) == ("WrongRound", 2)


@pytest.mark.parametrize("row", table().rows, ids=lambda row: f"{row.source.title}-{row.action}")
def test_every_row_keeps_its_deadline(row):
    game = game_at(row.source)
    given = ARGUMENTS.get(row.action, {})
    if row.when == "all in or late":
        assert game.refuses(ANYONE, row.action)[0] == "TooEarly"
        game.now = game.record.deadline
        assert game.act(ANYONE, row.action)
    elif row.source in table().windows:
        game.now = game.record.deadline
        refused = game.refuses(A, row.action, **given)
        assert refused == ("TooLate", {"deadline": game.record.deadline, "now_at": game.now})
    elif row.source is not State.ABSENT:
        sender = S[0] if row.by == "site" else B
        if row.action == "review":
            given = {"tags_right": False}
            game.record.attestations.clear()
        assert game.late().act(sender, row.action, **given)


@pytest.mark.parametrize("row", table().rows, ids=lambda row: f"{row.source.title}-{row.action}")
def test_every_row_admits_only_its_parties(row):
    game = game_at(row.source)
    given = ARGUMENTS.get(row.action, {})
    refusals = {"member": "NotCommittee", "owner": "NotCommittee", "voter": "NotVoter"}
    expected = {**refusals, "site": "NotSite"}.get(row.by)
    if expected is None:
        if row.when != "now":
            game.late()
        assert game.act(ANYONE, row.action)
        return
    assert game.refuses(ANYONE, row.action, **given)[0] == expected
    if row.by in ("member", "owner"):
        assert game.refuses(S[0], row.action, **given)[0] == expected
    if row.by == "site":
        assert game.refuses(A, row.action, **given)[0] == expected


@pytest.mark.parametrize("state", State)
def test_deadlines_that_pass_end_a_round_as_the_table_says(state):
    if state.ended:
        return
    game = game_at(state)
    outcomes = table().timeouts.get(state)
    if not outcomes:
        assert game.late().refuses(ANYONE, "expire") == ("WrongState", {"state": state})
        return
    game.now = game.record.deadline - 1
    assert game.refuses(ANYONE, "expire")[0] == "TooEarly"
    steps = len(game.others.steps)
    reason, where, party, other = aborted(game.late().act(ANYONE, "expire"))
    outcome = outcomes[-1]
    missing = B if state in (State.ANNOUNCING, State.CONTESTED) else A
    named = missing if outcome.names == "missing member" else ZERO
    assert (reason, where, party, other) == (outcome.reason, state, named, ZERO)
    released = ["release"] if outcome.reservation == "release" else []
    assert game.others.steps[steps:] == released
    assert game.progress.guilty == ({0} if outcome.guilty else set())


@pytest.mark.parametrize(
    ("stopped", "out", "named"),
    [(True, (), None), (False, (B,), None), (False, (A,), B), (False, (C,), B)],
)
def test_a_vote_while_keys_are_announced_blames_nobody(stopped, out, named):
    game = Game().reach(State.ANNOUNCING)
    game.others.active, game.others.strangers = not stopped, out
    end = aborted(game.late().act(ANYONE, "expire"))
    reason = "Withheld" if named else "Revoked"
    assert end == (reason, State.ANNOUNCING, named or ZERO, ZERO)
    assert game.progress.unattributed == 0


@pytest.mark.parametrize(
    ("reported", "out", "end"),
    [
        ((A, C), (B,), ("Revoked", ZERO)),
        ((C,), (B,), ("Withheld", A)),
        ((C,), (A,), ("Revoked", ZERO)),
        ((A, C), (A,), ("Withheld", B)),
    ],
)
def test_a_vote_while_noise_is_reported_blames_nobody(reported, out, end):
    game = Game().reach(State.OPEN)
    game.report(members=reported)
    game.others.strangers = out
    reason, where, party, other = aborted(game.late().act(ANYONE, "close"))
    assert (reason, where, party, other) == (end[0], State.OPEN, end[1], ZERO)
    assert game.others.steps == ["reserve", "release"]


def test_a_stopped_study_finishes_a_round_that_has_all_its_noise():
    game = Game().reach(State.OPEN)
    game.report()
    game.others.active, game.others.strangers = False, COMMITTEE
    game.act(ANYONE, "close")
    assert game.state is State.CLOSED


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
        assert game.record.present == 0b11_11_11_011
    else:
        assert aborted(events) == ("Quorum", State.OPEN, ZERO, ZERO)


def test_denied_noise_is_answered_by_its_owner_and_counts_until_it_is():
    game = Game().reach(State.CLOSED)
    game.act(A, "deliver", opened=ALL_PLACES & ~(1 << 7))
    game.act(B, "deliver", opened=ALL_PLACES & ~1)
    events = game.act(C, "deliver", opened=ALL_PLACES & ~NOISE_OF_B)
    assert [type(event).__name__ for event in events] == ["DeliveryPosted", "Moved"]
    assert game.record.state == State.CONTESTED
    assert game.record.delivered == ALL_PLACES & ~1
    assert game.refuses(A, "answer", digest=EVIDENCE)[0] == "NotOwing"
    assert game.act(C, "answer", digest=EVIDENCE) == [rounds.Answered(STUDY, 1, C, EVIDENCE)]
    assert game.refuses(C, "answer", digest=EVIDENCE)[0] == "AlreadyPosted"
    game.act(B, "answer", digest=EVIDENCE)
    assert game.record.state == State.ANSWERED
    game.act(A, "deliver", opened=ALL_PLACES & ~2)
    game.act(B, "deliver", opened=ALL_PLACES)
    events = game.act(C, "deliver", opened=ALL_PLACES)
    assert events[1] == rounds.DeliveryFixed(STUDY, 1, ALL_PLACES & ~3)
    assert game.record.state == State.DELIVERED


def test_an_owner_that_does_not_answer_is_named():
    game = Game().reach(State.CLOSED)
    game.act(A, "deliver", opened=ALL_PLACES & ~(1 << 8))
    for member in (B, C):
        game.act(member, "deliver", opened=ALL_PLACES & ~0b1000)
    game.act(A, "answer", digest=EVIDENCE)
    assert aborted(game.late().act(ANYONE, "expire")) == ("Withheld", State.CONTESTED, C, ZERO)


def test_noise_that_stays_denied_aborts_and_names_the_first_pair():
    game = Game().reach(State.ANSWERED)
    game.act(A, "deliver", opened=ALL_PLACES & ~(1 << 7))
    game.act(B, "deliver", opened=ALL_PLACES & ~NOISE_OF_B & ~(1 << 7))
    events = game.act(C, "deliver", opened=ALL_PLACES & ~NOISE_OF_B)
    assert aborted(events) == ("Noise", State.ANSWERED, B, B)
    assert game.progress.unattributed == 1
    assert game.refuses(B, "defend", seeds=SEEDS) == ("WrongState", {"state": State.ABORTED})


def test_a_site_is_delivered_when_everybody_opened_it():
    game = Game().reach(State.CLOSED)
    game.act(A, "deliver", opened=ALL_PLACES & ~1)
    game.act(B, "deliver", opened=ALL_PLACES & ~2)
    events = game.act(C, "deliver", opened=ALL_PLACES)
    assert rounds.DeliveryFixed(STUDY, 1, ALL_PLACES & ~3) in events


@pytest.mark.parametrize("state", [State.COMMITTED, State.PUBLISHED])
@pytest.mark.parametrize(
    ("fetched", "named"),
    [
        ((0b111, 0b110, 0b111), ZERO),
        ((0b101, 0b110, 0b111), ZERO),
        ((0b101, 0b111, 0b101), B),
        ((0b001, 0b010, 0b100), A),
    ],
)
def test_what_could_not_be_fetched_names_who_hardly_anybody_can_fetch_from(state, fetched, named):
    game = Game().reach(state)
    posts = zip(COMMITTEE, fetched, strict=True)
    *_, events = [game.act(member, "confirm", fetched=bitmap) for member, bitmap in posts]
    assert aborted(events) == ("Unavailable", state, named, ZERO)
    assert game.progress.unattributed == 1
    assert game.others.steps[1:] == (["release"] if state is State.COMMITTED else ["settle"])


def test_of_two_members_neither_names_the_other():
    pair = terms(committee=(A, B))
    game = Game(study=pair)
    for member in (A, B):
        game.announce(member)
    game.act(ANYONE, "open")
    game.report(members=(A, B))
    game.act(ANYONE, "close")
    for member in (A, B):
        game.act(member, "deliver", opened=0b11_11_111)
    for member in (A, B):
        game.reveal(member, 2)
    for member in (A, B):
        game.act(member, "commitFile", digest=MODEL)
    game.act(A, "confirm", fetched=0b01)
    events = game.act(B, "confirm", fetched=0b11)
    assert aborted(events) == ("Unavailable", State.COMMITTED, ZERO, ZERO)


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ([ACCEPT, ACCEPT, b"\x05" + ACCEPT[1:]], "Disagree"),
        ([REJECT_B] * 3, "Noise"),
        ([b"\x05" + bytes(8)] * 3, "Quorum"),
        # An evicted majority and rejected noise: what the table lists first decides.
        ([b"\x05\x05\x05\x05" + bytes(5)] * 3, "Noise"),
    ],
)
def test_verdicts_that_abort_name_nobody(verdicts, reason):
    game = Game().reach(State.JUDGED)
    events = []
    for member, codes in zip(COMMITTEE, verdicts, strict=True):
        events = game.act(member, "judge", codes=codes)
    assert aborted(events) == (reason, State.JUDGED, ZERO, ZERO)
    assert game.others.steps[-1] == "release"
    assert game.progress.unattributed == (reason != "Quorum")


@pytest.mark.parametrize(
    ("codes", "place"),
    [(bytes(8), 8), (bytes(10), 9), (b"\1" + bytes(8), 0), (bytes(2) + b"\2" + bytes(6), 2)]
    + [(bytes(8) + bytes([code]), 8) for code in (1, 2, 9, 255)],
)
def test_impossible_verdicts_are_refused(codes, place):
    game = Game().reach(State.JUDGED)
    assert game.refuses(A, "judge", codes=codes) == ("WrongVerdict", {"place": place})


def test_what_is_absent_or_undelivered_has_one_code_only():
    game = Game().reach(State.OPEN)
    game.report(S[:2])
    game.late().act(ANYONE, "close")
    game.members("deliver", opened=0b11_11_11_001)
    game.reach(State.JUDGED)
    noise = bytes(6)
    assert game.refuses(A, "judge", codes=b"\0\0\1" + noise) == ("WrongVerdict", {"place": 1})
    assert game.refuses(A, "judge", codes=b"\0\2\0" + noise) == ("WrongVerdict", {"place": 2})
    assert aborted(game.members("judge", codes=b"\0\2\1" + noise))[0] == "Quorum"


@pytest.mark.parametrize(("state", "level"), [("DELIVERED", 2), ("SUMMED", 1), ("HELD", 0)])
def test_each_reveal_is_one_step_down_the_key_chain(state, level):
    game = Game().reach(State[state])
    chain = game.chain(A)
    for other in {0, 1, 2, 3} - {level}:
        refused = game.refuses(A, "reveal", value=chain[other])
        assert refused == ("WrongReveal", {"member": A})
    assert game.reveal(A, level) == [rounds.KeyRevealed(STUDY, 1, A, level, chain[level])]


@pytest.mark.parametrize(
    "seeds",
    [(), SEEDS, (bytes(32),), (SEED, SEED)],
)
def test_all_candidates_but_one_are_opened(seeds):
    game = Game().reach(State.PICKED)
    assert game.refuses(A, "openNoise", seeds=seeds) == ("WrongSeeds", {"member": A})
    opened = game.act(A, "openNoise", seeds=SEEDS[1:])
    assert opened == [rounds.NoiseOpened(STUDY, 1, A, SEEDS[1:])]


@pytest.mark.parametrize("seeds", [(SEED, SEED, EVIDENCE), (SEED, EVIDENCE, SEED), (*SEEDS, SEED)])
def test_opened_seeds_differ(seeds):
    game = Game(study=terms(noise_candidates=4), enrolled=0b111)
    places = (1 << 15) - 1
    for member in COMMITTEE:
        game.announce(member)
    game.act(ANYONE, "open")
    game.report()
    game.act(ANYONE, "close")
    game.members("deliver", opened=places)
    game.reach(State.JUDGED).members("judge", codes=bytes(15))
    game.reach(State.PICKED)
    assert game.refuses(A, "openNoise", seeds=seeds)[0] == "WrongSeeds"
    assert game.act(A, "openNoise", seeds=(SEED, EVIDENCE, MODEL))


@pytest.mark.parametrize(
    ("state", "sender", "action", "given"),
    [
        (State.ANNOUNCING, A, "announce", ARGUMENTS["announce"]),
        (State.OPEN, S[0], "report", {"digest": MODEL}),
        (State.OPEN, A, "reportNoise", {"digest": MODEL}),
        (State.CLOSED, A, "deliver", {"opened": ALL_PLACES}),
        (State.KEYED, A, "commitFile", {"digest": MODEL}),
        (State.ANSWERED, A, "deliver", {"opened": ALL_PLACES}),
        (State.COMMITTED, A, "confirm", {"fetched": 0b111}),
        (State.JUDGED, A, "judge", {"codes": ACCEPT}),
        (State.SETTLED, A, "commitSum", {"digests": (MODEL,)}),
        (State.CHALLENGED, A, "publish", {"digest": MODEL}),
        (State.PUBLISHED, A, "confirm", {"fetched": 0b111}),
        (State.PICKED, A, "openNoise", {"seeds": (SEED,)}),
        (State.OPENED, A, "attest", ARGUMENTS["attest"]),
        (State.OPENED, S[0], "attest", ARGUMENTS["attest"]),
        (State.OPENED, S[0], "accuse", ARGUMENTS["accuse"]),
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
        (State.CONTESTED, B, "answer", "digest"),
        (State.CHALLENGED, A, "publish", "digest"),
        (State.OPENED, A, "attest", "model_digest"),
    ],
)
def test_zero_is_no_digest(state, sender, action, field):
    game = Game().reach(state)
    given = {**ARGUMENTS[action], field: bytes(32)}
    assert game.refuses(sender, action, **given) == ("ZeroDigest", {})


def test_other_values_that_are_refused():
    game = Game().reach(State.CLOSED)
    refused = game.refuses(A, "deliver", opened=1 << 9)
    assert refused == ("WrongBitmap", {"allowed": ALL_PLACES, "given": 1 << 9})
    game.reach(State.DELIVERED)
    assert game.refuses(A, "reveal", value=game.chain(B)[2]) == ("WrongReveal", {"member": A})
    game.reach(State.COMMITTED)
    for fetched in (0b1000 | 1, 0b110, 0):
        refused = game.refuses(A, "confirm", fetched=fetched)
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
        unlucky.abort()
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
    outcomes += [outcome for outcomes in table().timeouts.values() for outcome in outcomes]
    assert {outcome.guard for outcome in outcomes} - {None} == set(GUARDS)
    assert {outcome.names for outcome in outcomes} == set(NAMED)
    assert {row.action for row in table().rows} - {"close", "finalise"} == set(ACTIONS)
    assert {leave.who for row in table().rows for leave in row.leave} == set(LEAVING)
    assert {leave.reason for row in table().rows for leave in row.leave} <= set(table().reasons)
    assert table().unattributed <= set(table().reasons)
