"""Gas and calldata by named scenario, compared exactly with ``contracts/gas-snapshot.json``.

After a change that is meant, rewrite the file with ``TROTH_UPDATE_GAS=1`` and show the difference
in review. Contract and account addresses are fixed by the fixtures, so the figures repeat.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from troth.ledger.bindings import (
    consortium,
    dataset_registry,
    privacy_ledger,
    rounds,
    study_registry,
)
from troth.ledger.deploy import ORDER
from troth.ledger.records import Receipt

SNAPSHOT = Path(__file__).resolve().parent.parent.parent / "contracts" / "gas-snapshot.json"
MOST_GAS, MOST_CALLDATA = 80_000, 300
MOST_GAS_OF_A_CALL = 15_000_000
ACTIONS = (
    "announce",
    "open",
    "report",
    "report_noise",
    "close",
    "deliver",
    "reveal",
    "commit_file",
    "confirm",
    "judge",
    "commit_sum",
    "reveal",
    "publish",
    "confirm",
    "reveal",
    "open_noise",
    "attest",
    "finalise",
)
"""Of a whole round, in order, some more than once."""
REPORTS = ("report", "report: noise list of a member", "B4: report")


def deployments(world: Any) -> dict[str, Receipt | int]:
    """Gas of creating each contract, from the first blocks of the chain."""
    found = {}
    for number, name in enumerate(ORDER, 1):
        (entry,) = world.ledger.block(number).transactions
        found[f"deploy {name}"] = entry.gas_used
    return found


def founding(world: Any) -> dict[str, Receipt | int]:
    """Members, datasets, budgets and studies."""
    terms = world.make_terms()
    parent = world.versions["s1"]
    label = bytes(31) + b"\x01"
    stranger = world.terms.committee[0]
    register = dataset_registry.register(label, 100, parent)
    child = world.send("s1", register)
    proposed = world.send("a1", study_registry.propose(label, terms))
    study = proposed.events[0].event.study_id
    found: dict[str, Receipt | int] = {
        "vote: first of a removal": world.send("s1", consortium.vote_removal(stranger)),
        "register: a later version": child,
        "propose: 2 members, 5 sites": proposed,
        "approve: first": world.send("s1", study_registry.approve(study)),
        "grant": world.send("s5", dataset_registry.grant(world.versions["s5"], study)),
        "revoke": world.send("s5", dataset_registry.revoke(world.versions["s5"], study)),
        "lower a budget": world.send("s1", privacy_ledger.lower(parent, 10**8)),
        "vote: first of a raise": world.send("s1", privacy_ledger.vote_raise(parent, 10**9)),
    }
    for name in ("s2", "s3", "s4"):
        world.send(name, study_registry.approve(study))
    found["approve: the one that activates"] = world.send("s5", study_registry.approve(study))
    return found


def one_round(world: Any) -> dict[str, Receipt | int]:
    """Every step of a study's first round: two members, five sites."""
    play, found = world.play, {}

    def note(label: str, action: str, name: str, argument: Any = None) -> None:
        found[label] = world.send(name, play.call(action, name, argument))

    note("announce: first of the study", "announce", "a1")
    note("announce: last", "announce", "a2")
    note("open: 5 sites", "open", "nobody")
    for name in ("s1", "s2", "s3", "s4"):
        play.do("report", name)
    note("report", "report", "s5", b"\xff" * 32)
    note("report: noise list of a member", "report_noise", "a1")
    note("report: noise list of a member", "report_noise", "a2")
    note("close: 5 sites", "close", "nobody")
    for label, action in {
        "deliver": "deliver",
        "reveal h2": "reveal",
        "commit a file": "commit_file",
        "confirm files": "confirm",
        "judge": "judge",
        "commit a sum": "commit_sum",
        "reveal h": "reveal",
        "publish": "publish",
        "confirm publications": "confirm",
        "reveal k": "reveal",
        "open noise": "open_noise",
    }.items():
        note(f"{label}: first", action, "a1")
        note(f"{label}: last", action, "a2")
    note("attest: member", "attest", "a1")
    note("attest: site", "attest", "s1")
    for name in ("a2", "s2"):
        play.do("attest", name)
    note("accuse: site", "accuse", "s3")
    note("accuse: member that attested", "accuse", "a2")
    note("attest: site that decides", "attest", "s4")
    world.pass_deadline()
    note("finalise", "finalise", "nobody")
    note("review", "review", "s5")
    return found


def aborts(world: Any) -> dict[str, Receipt | int]:
    """Ends without a model, and what may prevent them or follow."""
    play = world.reach("Aborted").following
    first = world.send("a1", play.call("announce", "a1"))
    play = world.reach("Open")
    world.pass_deadline()
    closed = world.send("nobody", play.call("close", "nobody"))
    play = world.reach("Delivered")
    world.pass_deadline()
    expired = world.send("nobody", play.call("expire", "nobody"))
    play = world.reach("Closed")
    play.do("deliver", "a1")
    denied = play.view.present & ~play.place("a1")
    contested = world.send("a2", play.call("deliver", "a2", denied))
    answered = world.send("a1", play.call("answer", "a1"))
    play = world.reach("Rejected")
    defended = world.send("a1", play.call("defend", "a1"))
    first_vote = world.send("s1", rounds.resume(play.study, 0b11111))
    for name in ("s2", "s3", "s4"):
        world.send(name, rounds.resume(play.study, 0b11111))
    last_vote = world.send("s5", rounds.resume(play.study, 0b11111))
    return {
        "announce: first of a later round": first,
        "close: 5 sites missing, released": closed,
        "expire: released": expired,
        "deliver: last, noise denied": contested,
        "answer: last": answered,
        "defend": defended,
        "vote: first of a resumption": first_vote,
        "vote: the one that resumes": last_vote,
    }


def replicated(quartet: Any) -> dict[str, Receipt | int]:
    """Every step in mode B4: four members, five sites; one member leaves before the last step."""
    play, found = quartet.play, {}

    def note(label: str, action: str, *others: Any) -> None:
        posts = dict(zip(play.live, others, strict=False))
        for name in play.live:
            receipt = quartet.send(name, play.call(action, name, posts.get(name)))
            if name in (play.live[0], play.live[-1]):
                which = "last" if name == play.live[-1] else "first"
                found[f"B4: {label}: {which}"] = receipt

    play.bring_to("Open")
    for name in ("s1", "s2", "s3", "s4"):
        play.do("report", name)
    found["B4: report"] = quartet.send("s5", play.call("report", "s5", b"\xff" * 32))
    play.all_do("report_noise")
    found["B4: close: 5 sites"] = quartet.send("nobody", play.call("close", "nobody"))
    note("deliver, one place denied", "deliver", play.view.present & ~1)
    note("answer", "answer")
    for label, action in {
        "deliver again": "deliver",
        "reveal h2": "reveal",
        "commit a file": "commit_file",
        "confirm files": "confirm",
        "judge": "judge",
        "commit sums": "commit_sum",
        "reveal k": "reveal",
    }.items():
        note(label, action)
    for name in play.live[:-1]:
        play.do("open_noise", name)
    quartet.pass_deadline()
    found["B4: expire: one leaves"] = quartet.send("nobody", play.call("expire", "nobody"))
    left = (play.bits("a4"), b"\xff" * 32)
    note("recover", "recover", left, left, left)
    return found


def at_the_limits(crowd: Any, newcomer: Any) -> dict[str, Receipt | int]:
    """As many sites and members as there may be, all there; the dearest call of each action."""
    found: dict[str, Receipt | int] = {}
    dearest: dict[str, int] = {}

    def do(action: str, name: str, call: Any) -> Receipt:
        receipt: Receipt = crowd.send(name, call)
        if receipt.gas_used > dearest.get(action, 0):
            dearest[action] = receipt.gas_used
            found[f"{action}: 5 members, 64 sites"] = receipt
        return receipt

    proposal = study_registry.propose(bytes(31) + b"\x01", crowd.terms)
    proposed = do("propose", "member 0", proposal)
    (proposal_event,) = [logged.event for logged in proposed.events]
    assert isinstance(proposal_event, study_registry.StudyProposed)
    crowd.study = proposal_event.study_id
    play = crowd.play
    sites, members = play.sites, play.committee
    for name in sites:
        crowd.send(name, dataset_registry.grant(crowd.versions[name], play.study))
    for name in sites + members:
        do("approve", name, study_registry.approve(play.study))
    for name in sites[:35]:  # in a new epoch whoever announces or opens counts all approvals
        crowd.send(name, consortium.vote_admission(newcomer, 8, bytes(32)))
    parties = {"report": sites, "attest": members + sites}
    parties |= {action: ["nobody"] for action in ("open", "close", "finalise")}
    for action in ACTIONS:
        for name in parties.get(action, members):
            do(action, name, play.call(action, name))
    assert play.view.model_digest == play.model
    return found


def measure(world: Any, quartet: Any, crowd: Any, newcomer: Any) -> dict[str, dict[str, int]]:
    """Gas, and calldata of calls, by scenario."""
    parts: list[Callable[[Any], dict[str, Receipt | int]]] = [
        deployments,
        founding,
        one_round,
        aborts,
    ]
    found: dict[str, Receipt | int] = {}
    start = world.snapshot()
    for part in parts:
        found |= part(world)
        world.restore(start)
    found |= replicated(quartet)
    found |= at_the_limits(crowd, newcomer)
    return {label: _figures(what) for label, what in found.items()}


def _figures(what: Receipt | int) -> dict[str, int]:
    if isinstance(what, int):
        return {"gas": what}
    return {"gas": what.gas_used, "calldata": what.calldata_size}


def test_gas_is_what_the_snapshot_says(world, quartet, crowd, account):
    measured = measure(world, quartet, crowd, account("newcomer").address)
    text = json.dumps(measured, indent=2) + "\n"
    if os.environ.get("TROTH_UPDATE_GAS") == "1":
        SNAPSHOT.write_text(text)
    known = json.loads(SNAPSHOT.read_text())
    changed = {
        label: (known.get(label), measured.get(label))
        for label in known | measured
        if known.get(label) != measured.get(label)
    }
    assert not changed, "if this is meant, run again with TROTH_UPDATE_GAS=1"


def test_a_report_is_cheap():
    for label in REPORTS:
        known = json.loads(SNAPSHOT.read_text())[label]
        assert known["gas"] <= MOST_GAS
        assert known["calldata"] <= MOST_CALLDATA


def test_every_call_fits_into_a_block_of_an_ordinary_chain():
    known = json.loads(SNAPSHOT.read_text())
    assert max(figures["gas"] for figures in known.values()) <= MOST_GAS_OF_A_CALL


def test_a_report_costs_the_same_in_another_study_of_the_site(world):
    # A site is found by one look-up, whatever its place and whatever else it takes part in.
    play = world.start("second", rounds=10**6)
    play.bring_to("Open")
    receipt = world.send("s5", play.call("report", "s5", b"\xff" * 32))
    known = json.loads(SNAPSHOT.read_text())["report"]
    assert abs(receipt.gas_used - known["gas"]) <= 64  # zero bytes in the study's id
