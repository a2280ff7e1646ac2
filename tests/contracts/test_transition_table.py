"""The contract moves by exactly the rows of the transition table, one scenario per outcome."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import consortium
from troth.ledger.bindings.privacy_ledger import Released, Reserved, Settled
from troth.ledger.bindings.rounds import Dropped, Moved, RoundAborted
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
# The mode in which a state is looked at; in A where nothing is said.
MODE_OF = {"Seeded": "B4"}
OF_PAST_ROUNDS = {row["action"] for row in TABLE["rows"] if row["from"] in TERMINAL}


def rows_from(state: str) -> dict[str, dict[str, Any]]:
    return {row["action"]: row for row in TABLE["rows"] if row["from"] == state}


def snake(action: str) -> str:
    return SNAKE.get(action, action)


@pytest.fixture
def modes(world, trio, quartet):
    """A consortium with a study of each mode."""
    return {"A": world, "B3": trio, "B4": quartet}


@pytest.mark.parametrize("state", STATES)
def test_only_the_rows_actions_are_taken(modes, state):
    world = modes[MODE_OF.get(state, "A")]
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
def test_a_deadline_that_passes_ends_what_the_table_says(modes, account, state, outcome):
    world = modes[MODE_OF.get(state, "A")]
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


def check_end(
    world: Any,
    play: Any,
    events: list[Event],
    state: str,
    told: dict[str, Any],
    proven: tuple[str, ...] = (),
) -> None:
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
    assert named == (names != "nobody", names in PAIRS)
    progress = play.progress
    guilty = 1 << play.terms.committee.index(end.party) if told.get("guilty") else 0
    assert progress.guilty == guilty | play.bits(*proven)
    assert progress.unattributed == (told["reason"] in TABLE["unattributed"])
    assert (progress.finals, progress.aborts) == (0, 1)


def late(play: Any) -> None:
    play.world.pass_deadline()


def others(action: str, argument: Any = None, **posts: Any) -> Callable[[Any], Any]:
    """All live members but a2, who is last, post this, or what is said of one of them."""

    def act(play: Any) -> None:
        for name in play.live:
            if name != "a2":
                post = posts.get(name, argument)
                play.do(action, name, post(play) if callable(post) else post)

    return act


def lacking(owner: str) -> Callable[[Any], Any]:
    return lambda play: play.view.present & ~play.place(owner)


def naming(*owners: str) -> Callable[[Any], Any]:
    return lambda play: (play.bits(*owners), b"\1" * 32)


def belying(*members: str) -> Callable[[Any], Any]:
    return lambda play: play.codes(contradicted=play.bits(*members))


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


def usual(mode: str) -> Callable[[Any, str], Any]:
    return lambda modes, state: modes[mode].reach(state)


def three_members(modes: Any, state: str) -> Any:
    play = modes["A"].start("three members", committee=modes["B3"].terms.committee)
    play.bring_to(state)
    return play


def every_site(modes: Any, state: str) -> Any:
    play = modes["A"].start("every site", every_site=True)
    play.bring_to(state)
    return play


def noise_of_three(modes: Any, state: str) -> Any:
    """A round whose claim needs three members' noise, and whose sum has no more."""
    play = modes["B4"].start("two honest", honest=2)
    play.bring_to("Judged")
    play.all_do("judge", play.rejecting("a4"))
    for step in ("Held", "Picked", state):
        play.step_to(step)
    return play


# Per outcome: what comes before, and what the last caller posts (None: the honest thing).
OWN_TAG = TABLE["faults"].index("OwnTag")
DENIED = 0b1110_11111
NOISELESS, SITELESS = bytes(5) + b"\x05\x00\x00\x00", b"\x05" * 5 + bytes(4)
PAIRS = ("owner and denier", "contradicted pair", "differing pair")
ANOTHER_SUM = lambda play: play.sums("a2", s0="another")  # noqa: E731 - one of many posts
SCENARIOS: dict[tuple[str, str, str], tuple[Callable[[Any], Any], Any]] = {
    ("Absent", "announce", ""): (nothing, None),
    ("Announcing", "announce", ""): (nothing, None),
    ("Announced", "open", ""): (nothing, None),
    ("Open", "close", "votes changed"): (noise_missing_of_nobody, None),
    ("Open", "close", "noise missing"): (late, None),
    ("Open", "close", "below quorum"): (report_some("s1"), None),
    ("Open", "close", ""): (lambda play: play.report(), None),
    ("Closed", "deliver", "noise lost"): (others("deliver", a1=lacking("a3")), lacking("a3")),
    ("Closed", "deliver", "shares missing"): (first("deliver"), DENIED),
    ("Closed", "deliver", ""): (first("deliver"), None),
    ("Contested", "answer", ""): (nothing, None),
    ("Answered", "deliver", "noise lost"): (first("deliver"), DENIED),
    ("Answered", "deliver", ""): (first("deliver"), None),
    ("Delivered", "reveal", ""): (first("reveal"), None),
    ("Keyed", "commitFile", ""): (first("commit_file"), None),
    ("Committed", "confirm", "one unserved"): (unserved, None),
    ("Committed", "confirm", "blob unavailable"): (first("confirm"), 0b10),
    ("Committed", "confirm", ""): (first("confirm"), None),
    ("Judged", "judge", "verdicts differ"): (first("judge"), SITELESS),
    ("Judged", "judge", "shares contradicted"): (
        others("judge", belying("a1", "a3")),
        belying("a1", "a3"),
    ),
    ("Judged", "judge", "noise rejected"): (first("judge", NOISELESS), NOISELESS),
    ("Judged", "judge", "below quorum"): (first("judge", SITELESS), SITELESS),
    ("Judged", "judge", ""): (first("judge"), None),
    ("Settled", "commitSum", "sums differ"): (others("commit_sum"), ANOTHER_SUM),
    ("Settled", "commitSum", "replicated"): (others("commit_sum"), None),
    ("Settled", "commitSum", ""): (first("commit_sum"), None),
    ("Summed", "reveal", ""): (first("reveal"), None),
    ("Challenged", "publish", ""): (first("publish"), None),
    ("Published", "confirm", "one unserved"): (unserved, None),
    ("Published", "confirm", "blob unavailable"): (first("confirm"), 0b10),
    ("Published", "confirm", ""): (first("confirm"), None),
    ("Held", "reveal", ""): (first("reveal"), None),
    ("Picked", "openNoise", "recoverable"): (others("open_noise"), None),
    ("Picked", "openNoise", ""): (first("open_noise"), None),
    ("Seeded", "recover", "recoveries differ"): (others("recover", a4=naming("a1")), naming("a1")),
    ("Seeded", "recover", "openings wrong"): (
        others("recover", naming("a1", "a3")),
        naming("a1", "a3"),
    ),
    ("Seeded", "recover", "too little noise"): (others("recover", naming("a1")), naming("a1")),
    ("Seeded", "recover", ""): (others("recover"), None),
    ("Opened", "finalise", "fault agreed"): (accusing("s1", "s2", "s3", "s4"), None),
    ("Opened", "finalise", "tag disputed"): (disputing, None),
    ("Opened", "finalise", "site silent"): (one_site_silent, None),
    ("Opened", "finalise", "no majority"): (conflicting, None),
    ("Opened", "finalise", ""): (lambda play: play.vote(), None),
}
# Outcomes that need another study than the usual one in mode A.
STARTS: dict[tuple[str, str], Callable[[Any, str], Any]] = {
    ("Closed", "noise lost"): usual("B3"),
    ("Committed", "one unserved"): three_members,
    ("Published", "one unserved"): three_members,
    ("Judged", "shares contradicted"): usual("B3"),
    ("Settled", "sums differ"): usual("B3"),
    ("Settled", "replicated"): usual("B3"),
    ("Picked", "recoverable"): usual("B4"),
    ("Seeded", "recoveries differ"): usual("B4"),
    ("Seeded", "openings wrong"): usual("B4"),
    ("Seeded", "too little noise"): noise_of_three,
    ("Seeded", ""): usual("B4"),
    ("Opened", "site silent"): every_site,
}
# Whom the step proves guilty, whatever comes of it.
PROVEN = {("Seeded", "openings wrong"): ("a1", "a3"), ("Seeded", "too little noise"): ("a1",)}
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
def test_an_outcome_is_what_the_table_says(modes, state, action, outcome):
    guard = outcome.get("if", "")
    play = STARTS.get((state, guard), usual("A"))(modes, state)
    world = play.world
    prepare, argument = SCENARIOS[state, action, guard]
    prepare(play)
    assert play.state == STATES.index(state)
    post = argument(play) if callable(argument) else argument
    events = play.do(snake(action), WHO[action], post)
    check_end(world, play, events, state, outcome, PROVEN.get((state, guard), ()))


def all_but_a_list(play: Any) -> None:
    for site in play.sites:
        play.do("report", site)
    for name in ("a1", "a2", "a3"):
        play.do("report_noise", name)
    late(play)


# Per row and who leaves: what comes before, and what the last caller posts. It is always a4.
LEAVING: dict[tuple[str, str, str], tuple[Callable[[Any], Any], Any]] = {
    ("Open", "close", "missing"): (
        all_but_a_list,
        None,
    ),
    ("Answered", "deliver", "deniers"): (others("deliver", a4=lacking("a1")), None),
    ("Committed", "confirm", "unserved"): (others("confirm", a1=0b0111), 0b0111),
    ("Judged", "judge", "outvoted"): (others("judge", a4=belying("a1")), None),
    ("Judged", "judge", "contradicted"): (others("judge", belying("a4")), belying("a4")),
    ("Settled", "commitSum", "outvoted holders"): (
        others("commit_sum", a4=lambda play: play.sums("a4", s1="another")),
        None,
    ),
    ("Seeded", "recover", "outvoted"): (others("recover", a4=naming("a1")), None),
    ("Seeded", "recover", "wrong openers"): (others("recover", naming("a4")), naming("a4")),
}
LEAVES = [(row, leave) for row in TABLE["rows"] for leave in row.get("leave", ())]


def test_everybody_whom_the_table_lets_leave_does():
    assert set(LEAVING) == {(row["from"], row["action"], leave["who"]) for row, leave in LEAVES}


@pytest.mark.parametrize(
    ("row", "leave"), LEAVES, ids=["-".join((row["from"], leave["who"])) for row, leave in LEAVES]
)
def test_who_leaves_is_dropped_and_the_round_goes_on(quartet, account, row, leave):
    state, action = row["from"], row["action"]
    play = quartet.reach(state)
    prepare, argument = LEAVING[state, action, leave["who"]]
    prepare(play)
    post = argument(play) if callable(argument) else argument
    events = play.do(snake(action), WHO[action], post)
    reason = TABLE["reasons"].index(leave["reason"])
    dropped = Dropped(play.study, 1, account("a4").address, STATES.index(state), reason)
    assert [event for event in events if isinstance(event, Dropped)] == [dropped]
    assert not [event for event in events if isinstance(event, RoundAborted)]
    assert play.live == ["a1", "a2", "a3"]
    proven = row.get("guilty") == leave["who"]
    assert play.progress.guilty == (play.bits("a4") if proven else 0)
    assert STATES[play.state] in {outcome["to"] for outcome in row["outcomes"]}


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (row["from"], row["action"])
        for row in TABLE["rows"]
        if row["when"] in ("all", "never") and row["from"] not in TERMINAL
    ],
)
def test_a_post_that_others_are_missing_for_moves_nothing(modes, state, action):
    start = usual(MODE_OF[state]) if state in MODE_OF else three_members
    play = start(modes, state)
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
    modes = (PROJECT / "contracts/study/Modes.sol").read_text()
    for number, mode in enumerate(TABLE["modes"]):
        assert f"{mode} = {number};" in modes
    codes = (PROJECT / "contracts/rounds/Verdicts.sol").read_text()
    assert f"LAST = {len(TABLE['verdicts']) - 1};" in codes
    for name in ("accepted", "absent", "undelivered"):
        assert f"{name.upper()} = {TABLE['verdicts'].index(name)};" in codes
