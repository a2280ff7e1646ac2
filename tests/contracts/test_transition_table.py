"""The contract moves by exactly the rows of the transition table, one scenario per outcome."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.ledger.address import ZERO
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
    "confirmFiles": "confirm_files",
    "commitSum": "commit_sum",
}
ACTOR = {"member": "a2", "site": "s1", "voter": "s1", "anyone": "nobody"}
WHO = {row["action"]: ACTOR[row["by"]] for row in TABLE["rows"]}


def rows_from(state: str) -> dict[str, dict[str, Any]]:
    return {row["action"]: row for row in TABLE["rows"] if row["from"] == state}


def snake(action: str) -> str:
    return SNAKE.get(action, action)


@pytest.mark.parametrize("state", STATES)
def test_only_the_rows_actions_are_taken(world, state):
    play = world.reach(state)
    allowed = rows_from(state)
    for action in ACTIONS:
        before = world.snapshot()
        if state in TERMINAL:
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


@pytest.mark.parametrize("state", STATES)
def test_a_deadline_that_passes_ends_what_the_table_says(world, state):
    play = world.reach(state)
    timeout = BY_NAME[state]["timeout"]
    if state in TERMINAL:
        assert play.refuses("expire", "nobody") == ("WrongRound", world.study, 1, 2)
        return
    if timeout is None:
        world.pass_deadline()
        assert play.refuses("expire", "nobody") == ("WrongState", STATES.index(state))
        return
    deadline, settled = play.view.deadline, play.settled()
    assert play.refuses("expire", "nobody") == ("TooEarly", deadline, world.now + 1)
    world.pass_deadline()
    events = play.do("expire", "nobody")
    check_end(world, play, events, state, "Aborted", timeout)
    if timeout["reservation"] == "none":
        assert play.settled() == settled


def check_end(
    world: Any, play: Any, events: list[Event], state: str, to: str, told: dict[str, Any]
) -> None:
    """The events and the reservation are those that the table tells of."""
    moved = events[-1]
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
    naming = {"owner": (True, False), "missing member": (True, False)}
    naming["owner and denier"] = (True, True)
    assert named == naming.get(told.get("names", "nobody"), (False, False))


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


# Per outcome: what comes before, and what the last caller posts (None: the honest thing).
NOISELESS, SITELESS = bytes(5) + b"\x05\x00", b"\x05" * 5 + bytes(2)
SCENARIOS: dict[tuple[str, str, str], tuple[Callable[[Any], Any], Any]] = {
    ("Absent", "announce", ""): (lambda _: None, None),
    ("Announcing", "announce", ""): (lambda _: None, None),
    ("Announced", "open", ""): (lambda _: None, None),
    ("Open", "close", "noise missing"): (late, None),
    ("Open", "close", "below quorum"): (report_some("s1"), None),
    ("Open", "close", ""): (lambda play: play.report(), None),
    ("Closed", "deliver", "noise denied"): (first("deliver"), 0b01_11111),
    ("Closed", "deliver", ""): (first("deliver"), None),
    ("Delivered", "reveal", ""): (first("reveal"), None),
    ("Keyed", "commitFile", ""): (first("commit_file"), None),
    ("Committed", "confirmFiles", "file unavailable"): (first("confirm_files"), 0b10),
    ("Committed", "confirmFiles", ""): (first("confirm_files"), None),
    ("Judged", "judge", "verdicts differ"): (first("judge"), SITELESS),
    ("Judged", "judge", "noise rejected"): (first("judge", NOISELESS), NOISELESS),
    ("Judged", "judge", "below quorum"): (first("judge", SITELESS), SITELESS),
    ("Judged", "judge", ""): (first("judge"), None),
    ("Settled", "commitSum", ""): (first("commit_sum"), None),
    ("Summed", "publish", ""): (first("publish"), None),
    ("Published", "finalise", "no majority"): (conflicting, None),
    ("Published", "finalise", ""): (lambda play: play.vote(), None),
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
def test_an_outcome_is_what_the_table_says(world, state, action, outcome):
    play = world.reach(state)
    prepare, argument = SCENARIOS[state, action, outcome.get("if", "")]
    prepare(play)
    assert play.state == STATES.index(state)
    events = play.do(snake(action), WHO[action], argument)
    check_end(world, play, events, state, outcome["to"], outcome)


@pytest.mark.parametrize(
    ("state", "action"),
    [(row["from"], row["action"]) for row in TABLE["rows"] if row["when"] in ("all", "never")],
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
    codes = (PROJECT / "contracts/rounds/Verdicts.sol").read_text()
    assert f"LAST = {len(TABLE['verdicts']) - 1};" in codes
    for name in ("accepted", "absent", "undelivered"):
        assert f"{name.upper()} = {TABLE['verdicts'].index(name)};" in codes
