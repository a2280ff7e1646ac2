"""The contract moves by exactly the rows of the transition table, one scenario per outcome."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import consortium
from troth.ledger.bindings.privacy_ledger import Released, Reserved, Settled
from troth.ledger.bindings.rounds import Moved, RoundAborted
from troth.ledger.interface import Event

PROJECT = Path(__file__).resolve().parent.parent.parent
TABLE: dict[str, Any] = json.loads((PROJECT / "src/troth/round/transitions.json").read_text())
STATES = [state["name"] for state in TABLE["states"]]
BY_NAME = {state["name"]: state for state in TABLE["states"]}
ACTIONS = sorted({row["action"] for row in TABLE["rows"]})
TERMINAL = ("Final", "Aborted")
WINDOW = 60

SNAKE = {
    "reportNoise": "report_noise",
    "commitFile": "commit_file",
    "commitSum": "commit_sum",
    "openNoise": "open_noise",
}
ACTOR = {"member": "a2", "owner": "a1", "site": "s5", "voter": "s1", "anyone": "nobody"}
WHO = {row["action"]: ACTOR[row["by"]] for row in TABLE["rows"]}
# An aborted round that its row can be taken in.
STAGE = {"Aborted": "Rejected"}
OF_PAST_ROUNDS = {row["action"] for row in TABLE["rows"] if row["from"] in TERMINAL}


def rows_from(state: str) -> dict[str, dict[str, Any]]:
    return {row["action"]: row for row in TABLE["rows"] if row["from"] == state}


def snake(action: str) -> str:
    return SNAKE.get(action, action)


@pytest.mark.parametrize("state", STATES)
def test_only_the_rows_actions_are_taken(world, state):
    play = world.reach(STAGE.get(state, state))
    allowed = rows_from(state)
    for action in ACTIONS:
        before = world.snapshot()
        if state in TERMINAL and action not in OF_PAST_ROUNDS:
            refused = play.refuses(snake(action), WHO[action])
            assert refused == ("WrongRound", world.study, 1, 2)
        elif action not in allowed:
            refused = play.refuses(snake(action), WHO[action])
            assert refused == ("WrongState", STATES.index(state)), action
        else:
            if allowed[action]["when"] == "all in or late":
                world.pass_deadline()
            play.do(snake(action), WHO[action])
        world.restore(before)


@pytest.mark.parametrize("state", [name for name in STATES if not BY_NAME[name]["timeout"]])
def test_a_state_without_a_timeout_does_not_expire(world, state):
    play = world.reach(state)
    world.pass_deadline()
    wrong_round, wrong_state = ("WrongRound", world.study, 1, 2), ("WrongState", play.state)
    refused = wrong_round if state in TERMINAL else wrong_state
    assert play.refuses("expire", "nobody") == refused


TIMEOUTS = [(state["name"], outcome) for state in TABLE["states"] for outcome in state["timeout"]]


@pytest.mark.parametrize(
    ("state", "outcome"), TIMEOUTS, ids=["-".join((s, o["reason"])) for s, o in TIMEOUTS]
)
def test_a_deadline_that_passes_ends_what_the_table_says(world, account, state, outcome):
    play = world.reach(state)
    if "if" in outcome:
        assert outcome["if"] == "votes changed"
        expel(play, account("a2").address)
    deadline, settled = play.view.deadline, play.settled()
    assert play.refuses("expire", "nobody") == ("TooEarly", deadline, world.now + 1)
    world.pass_deadline()
    events = play.do("expire", "nobody")
    check_end(world, play, events, state, {"to": "Aborted", **outcome})
    if "reservation" not in outcome:
        assert play.settled() == settled


def expel(play: Any, address: Address) -> None:
    """The sites vote somebody out of the consortium."""
    for voter in play.sites:
        play.world.send(voter, consortium.vote_removal(address))


def check_end(world: Any, play: Any, events: list[Event], state: str, told: dict[str, Any]) -> None:
    """The events, the reservation and the study's standing are those that the table tells of."""
    moved, to = events[-1], told["to"]
    window = BY_NAME[to]["window"]
    assert moved == Moved(play.study, 1, STATES.index(to), world.now + WINDOW if window else 0)
    assert play.state == STATES.index(to)
    kinds = {type(event) for event in events} & {Reserved, Settled, Released}
    wanted = {"reserve": {Reserved}, "settle": {Settled}, "release": {Released}}
    assert kinds == wanted.get(told.get("reservation", "none"), set())
    aborted = [event for event in events if isinstance(event, RoundAborted)]
    if to != "Aborted":
        assert aborted == []
        return
    (end,) = aborted
    assert end.reason == TABLE["reasons"].index(told["reason"])
    assert end.in_state == STATES.index(state)
    named = (end.party != ZERO, end.other != ZERO)
    names = told.get("names", "nobody")
    assert named == (names != "nobody", names == "owner and denier")
    progress = play.progress
    guilty = play.terms.committee.index(end.party) if told.get("guilty") else None
    assert progress.guilty == (0 if guilty is None else 1 << guilty)
    assert progress.unattributed == (told["reason"] in TABLE["unattributed"])
    assert (progress.finals, progress.aborts) == (0, 1)


def late(play: Any) -> None:
    play.world.pass_deadline()


def report_some(*names: str) -> Callable[[Any], Any]:
    def act(play: Any) -> None:
        play.report(*names)
        late(play)

    return act


def first(action: str, argument: Any = None) -> Callable[[Any], Any]:
    return lambda play: play.do(action, "a1", argument)


def conflicting(play: Any) -> None:
    for name, model in zip(["a1", "a2", "s1"], "ABC", strict=True):
        play.do("attest", name, model.encode() * 32)
    late(play)


def noise_missing_of_nobody(play: Any) -> None:
    expel(play, play.terms.committee[0])
    late(play)


def unserved(play: Any) -> None:
    for name in ("a1", "a3"):
        play.do("confirm", name, 0b101)


def accusing(*names: str) -> Callable[[Any], Any]:
    def act(play: Any) -> None:
        for name in names:
            play.do("accuse", name)
        late(play)

    return act


def disputing(play: Any) -> None:
    play.do("accuse", "s1", (OWN_TAG, play.terms.committee[0], bytes(32)))
    late(play)


def one_site_silent(play: Any) -> None:
    for name in ("a1", "a2", "s1", "s2", "s3", "s4"):
        play.do("attest", name)
    late(play)


def nothing(_: Any) -> None:
    pass


# Per outcome: what comes before, and what the last caller posts (None: the honest thing).
OWN_TAG = TABLE["faults"].index("OwnTag")
DENIED = 0b1110_11111
NOISELESS, SITELESS = bytes(5) + b"\x05\x00\x00\x00", b"\x05" * 5 + bytes(4)
SCENARIOS: dict[tuple[str, str, str], tuple[Callable[[Any], Any], Any]] = {
    ("Absent", "announce", ""): (nothing, None),
    ("Announcing", "announce", ""): (nothing, None),
    ("Announced", "open", ""): (nothing, None),
    ("Open", "close", "votes changed"): (noise_missing_of_nobody, None),
    ("Open", "close", "noise missing"): (late, None),
    ("Open", "close", "below quorum"): (report_some("s1"), None),
    ("Open", "close", ""): (lambda play: play.report(), None),
    ("Closed", "deliver", "noise denied"): (first("deliver"), DENIED),
    ("Closed", "deliver", ""): (first("deliver"), None),
    ("Contested", "answer", ""): (nothing, None),
    ("Answered", "deliver", "noise denied"): (first("deliver"), DENIED),
    ("Answered", "deliver", ""): (first("deliver"), None),
    ("Delivered", "reveal", ""): (first("reveal"), None),
    ("Keyed", "commitFile", ""): (first("commit_file"), None),
    ("Committed", "confirm", "one unserved"): (unserved, None),
    ("Committed", "confirm", "blob unavailable"): (first("confirm"), 0b10),
    ("Committed", "confirm", ""): (first("confirm"), None),
    ("Judged", "judge", "verdicts differ"): (first("judge"), SITELESS),
    ("Judged", "judge", "noise rejected"): (first("judge", NOISELESS), NOISELESS),
    ("Judged", "judge", "below quorum"): (first("judge", SITELESS), SITELESS),
    ("Judged", "judge", ""): (first("judge"), None),
    ("Settled", "commitSum", ""): (first("commit_sum"), None),
    ("Summed", "reveal", ""): (first("reveal"), None),
    ("Challenged", "publish", ""): (first("publish"), None),
    ("Published", "confirm", "one unserved"): (unserved, None),
    ("Published", "confirm", "blob unavailable"): (first("confirm"), 0b10),
    ("Published", "confirm", ""): (first("confirm"), None),
    ("Held", "reveal", ""): (first("reveal"), None),
    ("Picked", "openNoise", ""): (first("open_noise"), None),
    ("Opened", "finalise", "fault agreed"): (accusing("s1", "s2", "s3", "s4"), None),
    ("Opened", "finalise", "tag disputed"): (disputing, None),
    ("Opened", "finalise", "site silent"): (one_site_silent, None),
    ("Opened", "finalise", "no majority"): (conflicting, None),
    ("Opened", "finalise", ""): (lambda play: play.vote(), None),
}
# Outcomes that need other terms than the usual study's.
TERMS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "one unserved": lambda account: {
        "committee": tuple(account(name).address for name in ("a1", "a2", "a3"))
    },
    "site silent": lambda _: {"every_site": True},
}
OUTCOMES = [
    (row["from"], row["action"], outcome) for row in TABLE["rows"] for outcome in row["outcomes"]
]


def test_every_outcome_of_the_table_is_played():
    assert set(SCENARIOS) == {(state, action, o.get("if", "")) for state, action, o in OUTCOMES}


@pytest.mark.parametrize(
    ("state", "action", "outcome"),
    OUTCOMES,
    ids=["-".join((s, a, o.get("if", o["to"]))) for s, a, o in OUTCOMES],
)
def test_an_outcome_is_what_the_table_says(world, account, state, action, outcome):
    guard = outcome.get("if", "")
    if guard in TERMS:
        play = world.start(guard, **TERMS[guard](account))
        play.bring_to(state)
    else:
        play = world.reach(state)
    prepare, argument = SCENARIOS[state, action, guard]
    prepare(play)
    assert play.state == STATES.index(state)
    events = play.do(snake(action), WHO[action], argument)
    check_end(world, play, events, state, outcome)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (row["from"], row["action"])
        for row in TABLE["rows"]
        if row["when"] in ("all", "never") and row["from"] not in TERMINAL
    ],
)
def test_a_post_that_others_are_missing_for_moves_nothing(world, account, state, action):
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))
    play = world.start("three members", committee=committee)
    play.bring_to(state)
    deadline = play.view.deadline
    events = play.do(snake(action), WHO[action])
    assert not [event for event in events if isinstance(event, Moved)]
    assert (play.state, play.view.deadline) == (STATES.index(state), deadline)


def test_the_tables_names_are_the_contracts():
    source = (PROJECT / "contracts/rounds/IRounds.sol").read_text()

    def members(enum: str) -> list[str]:
        body = source.split(f"enum {enum} {{")[1].split("}")[0]
        return [name.strip() for name in body.split(",")]

    assert members("State") == STATES
    assert members("Reason") == TABLE["reasons"]
    assert members("Fault") == TABLE["faults"]
    codes = (PROJECT / "contracts/rounds/Verdicts.sol").read_text()
    assert f"LAST = {len(TABLE['verdicts']) - 1};" in codes
    for name in ("accepted", "absent", "undelivered"):
        assert f"{name.upper()} = {TABLE['verdicts'].index(name)};" in codes
