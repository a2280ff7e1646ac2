"""The consortium that the contracts' tests play with, on a chain that can be put back.

``world`` is a deployed chain with members, dataset versions, budgets and one active study; after
each test it is what it was. ``world.reach(state)`` brings the study's first round into a state.

It is longer than 500 lines because fixtures have to lie beside the tests that use them, and the
play of a round is one story: each step rests on the one before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from troth.errors import ContractRefused
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import (
    CONTRACTS,
    dataset_registry,
    privacy_ledger,
    rounds,
    structs,
    study_registry,
)
from troth.ledger.client import DevelopmentLedger
from troth.ledger.deploy import Deployment, Member, deploy_all
from troth.ledger.engines.embedded import open_embedded
from troth.ledger.interface import Call, Event
from troth.ledger.records import Receipt

PROJECT = Path(__file__).resolve().parent.parent.parent
START = 1_800_000_000
WINDOW = 60
BUDGET = 10**9
SITE, AGGREGATOR, AUDITOR = 1, 2, 8
MEMBERS = {
    **dict.fromkeys(("s1", "s2", "s3", "s4", "s5"), SITE),
    **dict.fromkeys(("a1", "a2", "a3"), AGGREGATOR),
    "u1": AUDITOR,
}
PATH = [
    "Absent",
    "Announcing",
    "Announced",
    "Open",
    "Closed",
    "Delivered",
    "Keyed",
    "Committed",
    "Judged",
    "Settled",
    "Summed",
    "Challenged",
    "Published",
    "Held",
    "Picked",
    "Opened",
    "Final",
]
"""The states of a round in which everybody is honest."""
ASIDE = {
    "Contested": "Closed",
    "Answered": "Contested",
    "Aborted": "Announcing",
    "Rejected": "Judged",
}
"""What else a round can get into, and from where. Rejected is Aborted, because of noise."""
CANDIDATES = 2
WEIGHTS = {"s1": 3, "s2": 1, "s3": 1, "s4": 2, "s5": 1}


SUMMED, HELD = 12, 15
PUBLICATION = 1
NO_EVIDENCE = bytes(32)
_NAMES: dict[Address, str] = {}


@cache
def account(name: str) -> Account:
    """The account of this name; every name has one, member or not."""
    made = Account(keccak(f"test account {name}".encode()))
    _NAMES[made.address] = name
    return made


def digest(text: str | bytes) -> bytes:
    """The keccak-256 of a text: thirty-two bytes that stand for whatever it says."""
    return keccak(text.encode() if isinstance(text, str) else text)


def all_windows(seconds: int) -> structs.Windows:
    """The same window for every step."""
    return structs.Windows(*[seconds] * len(fields(structs.Windows)))


@dataclass(frozen=True)
class Snapshot:
    """A state of the chain that :meth:`World.restore` can bring back."""

    entries: dict[bytes, bytes]
    head: Any
    addresses: dict[str, Address]


class World:
    """A ledger, its accounts by name, and shorthands to talk to it."""

    def __init__(
        self, ledger: DevelopmentLedger, deployment: Deployment, members: tuple[str, ...]
    ) -> None:
        self.ledger = ledger
        self.deployment = deployment
        self.members = members
        self.versions: dict[str, bytes] = {}
        self.study = b""
        self.terms = self.make_terms()
        self._stages: dict[str, Snapshot] = {}

    @property
    def now(self) -> int:
        """The time of the newest block; the next transaction is one second later."""
        return self.ledger.head().timestamp

    @property
    def addresses(self) -> dict[str, Address]:
        """Where the contracts live."""
        return dict(self.ledger.addresses)

    def send(self, name: str, call: Call[Any]) -> Receipt:
        """Send a call that is accepted."""
        return self.ledger.send(account(name), call)

    def events(self, name: str, call: Call[Any]) -> list[Event]:
        """Send a call that is accepted; the events that it logged."""
        return [logged.event for logged in self.send(name, call).events]

    def refuses(self, name: str, call: Call[Any]) -> tuple[Any, ...]:
        """Send a call that is refused; the error's name, then its arguments in order."""
        with pytest.raises(ContractRefused) as caught:
            self.ledger.send(account(name), call)
        return (caught.value.name, *caught.value.arguments.values())

    def ask(self, call: Call[Any]) -> Any:
        """What a view answers."""
        return self.ledger.call(call)

    def pass_deadline(self) -> None:
        """Let every deadline pass."""
        self.ledger.advance(WINDOW + 1)

    def snapshot(self) -> Snapshot:
        """The chain as it is now."""
        backend: Any = self.ledger._backend
        entries = backend._chain.chaindb.db.wrapped_db.kv_store
        return Snapshot(dict(entries), backend._head, self.addresses)

    def restore(self, snapshot: Snapshot) -> None:
        """Bring the chain back to what it was."""
        backend: Any = self.ledger._backend
        entries = backend._chain.chaindb.db.wrapped_db.kv_store
        entries.clear()
        entries.update(snapshot.entries)
        backend._head = snapshot.head
        self.ledger._final_blocks.clear()
        # What a test deployed is gone, and its address may be another contract's next time.
        self.ledger._addresses.clear()
        self.ledger._at.clear()
        self.ledger.bind(snapshot.addresses)

    # Studies

    def site(self, name: str, weight: int = 1) -> structs.Site:
        """A site with the version that it registered."""
        version = self.versions.get(name, digest(f"no version of {name}"))
        return structs.Site(account(name).address, weight, version, version)

    def make_terms(self, **changes: Any) -> structs.OnChainTerms:
        """Terms that the registry takes, but for the changes."""
        usual = structs.OnChainTerms(
            mode=0,
            honest=1,
            noise_candidates=CANDIDATES,
            accusations=2,
            corrupt_sites=0,
            every_site=False,
            rounds=2,
            max_aborts=1,
            min_sites=3,
            min_weight=5,
            clip=128,
            noise_variance=1376**2,
            windows=all_windows(WINDOW),
            committee=(account("a1").address, account("a2").address),
            sites=tuple(self.site(name, weight) for name, weight in WEIGHTS.items()),
        )
        return replace(usual, **changes)

    def propose(self, terms: structs.OnChainTerms, label: str = "terms") -> bytes:
        """Propose a study; its id."""
        receipt = self.send("a1", study_registry.propose(digest(label), terms))
        event = receipt.events[0].event
        assert isinstance(event, study_registry.StudyProposed)
        return event.study_id

    def agree(self, study: bytes, terms: structs.OnChainTerms) -> None:
        """Let the holders approve and grant, and then members until the study is active."""
        holders = [name for name in self.members if account(name).address in _accounts(terms)]
        others = [name for name in self.members if name not in holders]
        for name in holders + others:
            if not self.ask(study_registry.is_active(study)):
                self.send(name, study_registry.approve(study))
        for name in holders:
            self.send(name, dataset_registry.grant(self.versions[name], study))

    def start(self, label: str = "terms", **changes: Any) -> "Play":
        """An active study of its own, with these changes to the terms, and its first round."""
        terms = replace(self.terms, **changes)
        study = self.propose(terms, label)
        self.agree(study, terms)
        return Play(self, study, terms, 1)

    @property
    def play(self) -> "Play":
        """The first round of the usual study."""
        return Play(self, self.study, self.terms, 1)

    def reach(self, state: str) -> "Play":
        """The usual study's first round in this state; the way there is walked once."""
        if not self._stages:
            self._stages["Absent"] = self.snapshot()
        if state not in self._stages:
            self.reach(ASIDE.get(state) or PATH[PATH.index(state) - 1]).step_to(state)
            self._stages[state] = self.snapshot()
        self.restore(self._stages[state])
        return self.play


def _accounts(terms: structs.OnChainTerms) -> set[Address]:
    return {site.account for site in terms.sites}


@dataclass
class Play:
    """One round of a study, and what everybody would post in it."""

    world: World
    study: bytes
    terms: structs.OnChainTerms
    round: int
    model: bytes = field(default=digest("model"))

    @property
    def committee(self) -> list[str]:
        """The members' names, in order."""
        return [_NAMES[member] for member in self.terms.committee]

    @property
    def sites(self) -> list[str]:
        """The sites' names, in order."""
        return [_NAMES[site.account] for site in self.terms.sites]

    @property
    def state(self) -> int:
        """The round's state, as a number."""
        return int(self.view.state)

    @property
    def view(self) -> structs.Round:
        """What the contract says about the round."""
        found: structs.Round = self.world.ask(rounds.round_of(self.study, self.round))
        return found

    @property
    def following(self) -> "Play":
        """The next round."""
        return replace(self, round=self.round + 1)

    @property
    def lineages(self) -> list[bytes]:
        """The sites' lineages, in order."""
        return [site.lineage for site in self.terms.sites]

    @property
    def progress(self) -> rounds.ProgressOfResult:
        """How far the study is."""
        found: rounds.ProgressOfResult = self.world.ask(rounds.progress_of(self.study))
        return found

    @property
    def noise(self) -> int:
        """The places of all noise."""
        count = len(self.committee) * self.terms.noise_candidates
        return ((1 << count) - 1) << len(self.sites)

    def place(self, owner: str, candidate: int = 0) -> int:
        """The bit of one noise candidate."""
        candidates = self.terms.noise_candidates
        return 1 << len(self.sites) + self.committee.index(owner) * candidates + candidate

    def seeds(self, name: str, count: int) -> tuple[bytes, ...]:
        """As many seeds of a member's noise."""
        return tuple(digest(f"seed {c} of {name} in {self.round}") for c in range(count))

    def reserved(self) -> int:
        """What is reserved on all lineages of the study."""
        asked = (privacy_ledger.account_of(lineage) for lineage in self.lineages)
        return sum(self.world.ask(call).reserved for call in asked)

    def settled(self) -> int:
        """What is settled on all lineages of the study."""
        asked = (privacy_ledger.account_of(lineage) for lineage in self.lineages)
        return sum(self.world.ask(call).settled for call in asked)

    def key(self, member: str, level: int) -> bytes:
        """A member's key (level 0) and its images h, h², h³, computed here."""
        if level == 0:
            return digest(f"key of {member} in {self.round}")
        types = ["bytes32", "uint256", "address", "bytes32", "uint32", "address", "uint8"]
        values = [
            digest("troth/key/v1"),
            self.world.ledger.chain_id,
            bytes(self.world.addresses["Rounds"]),
            self.study,
            self.round,
            bytes(account(member).address),
            level,
        ]
        return keccak(encode([*types, "bytes32"], [*values, self.key(member, level - 1)]))

    def call(self, action: str, name: str, argument: Any = None) -> Call[Any]:
        """What ``name`` would call for this action, honestly unless told what to post."""
        places = len(self.sites) + len(self.committee) * self.terms.noise_candidates
        candidates = self.terms.noise_candidates
        usual: dict[str, Callable[[], tuple[Any, ...]]] = {
            "announce": lambda: (self.key(name, 3), digest(f"hpke {name}")),
            "report": lambda: (digest(f"report {name}"),),
            "report_noise": lambda: (digest(f"noise {name}"),),
            "deliver": lambda: (self.view.present,),
            "answer": lambda: (digest(f"answer {name}"),),
            "reveal": lambda: (self.key(name, self.level),),
            "commit_file": lambda: (digest(f"file {name}"),),
            "confirm": lambda: ((1 << len(self.committee)) - 1,),
            "judge": lambda: (
                bytes(0 if self.view.delivered >> p & 1 else 1 for p in range(places)),
            ),
            "commit_sum": lambda: (digest(f"sum {name}"),),
            "publish": lambda: (digest(f"publication {name}"),),
            "open_noise": lambda: (self.seeds(name, candidates - 1),),
            "attest": lambda: (self.model, True),
            "accuse": lambda: (PUBLICATION, account(self.committee[0]).address, NO_EVIDENCE),
            "review": lambda: (True,),
            "defend": lambda: (self.seeds(name, candidates),),
        }
        values = usual.get(action, tuple)() if argument is None else (argument,)
        if action == "attest" and isinstance(argument, bytes):
            values = (argument, True)
        elif action in ("attest", "accuse") and argument is not None:
            values = argument
        made: Call[Any] = getattr(rounds, action)(self.study, self.round, *values)
        return made

    @property
    def level(self) -> int:
        """Of the key that the round waits for now."""
        return {SUMMED: 1, HELD: 0}.get(self.state, 2)

    def do(self, action: str, name: str, argument: Any = None) -> list[Event]:
        """Post it; the events."""
        return self.world.events(name, self.call(action, name, argument))

    def refuses(self, action: str, name: str, argument: Any = None) -> tuple[Any, ...]:
        """Post it in vain; the error's name and arguments."""
        return self.world.refuses(name, self.call(action, name, argument))

    def all_do(self, action: str, argument: Any = None) -> list[Event]:
        """Every member of the committee posts; the events of the last one."""
        events: list[Event] = []
        for name in self.committee:
            events = self.do(action, name, argument)
        return events

    def report(self, *names: str) -> list[Event]:
        """These sites (by default all) and the committee report; the last events."""
        for name in names or self.sites:
            self.do("report", name)
        return self.all_do("report_noise")

    def vote(self) -> list[Event]:
        """Members and sites attest, the last site without having checked its tags; the events."""
        last = self.sites[-1]
        voters = [*self.committee, *self.sites]
        return [self.do("attest", name, (self.model, name != last))[-1] for name in voters]

    def rejecting(self, *owners: str) -> bytes:
        """A verdict that takes every site, and not the first noise of these members."""
        candidates = self.terms.noise_candidates
        codes = [0] * (len(self.sites) + len(self.committee) * candidates)
        for name in owners:
            codes[len(self.sites) + self.committee.index(name) * candidates] = 5
        return bytes(codes)

    def contest(self) -> None:
        """The last member denies the first noise candidate of each of the others."""
        *owners, denier = self.committee
        for name in owners:
            self.do("deliver", name)
        denied = sum(self.place(name) for name in owners)
        self.do("deliver", denier, self.view.present & ~denied)

    def step_to(self, state: str) -> None:
        """From the state before it, with everybody honest; Aborted by a missed announcement."""
        committee, world = self.committee, self.world
        steps: dict[str, Callable[[], object]] = {
            "Announcing": lambda: self.do("announce", committee[0]),
            "Announced": lambda: [self.do("announce", name) for name in committee[1:]],
            "Open": lambda: self.do("open", "nobody"),
            "Closed": lambda: [self.report(), self.do("close", "nobody")],
            "Contested": self.contest,
            "Answered": lambda: [self.do("answer", name) for name in committee[:-1]],
            "Delivered": lambda: self.all_do("deliver"),
            "Keyed": lambda: self.all_do("reveal"),
            "Committed": lambda: self.all_do("commit_file"),
            "Judged": lambda: self.all_do("confirm"),
            "Rejected": lambda: self.all_do("judge", self.rejecting(*committee)),
            "Settled": lambda: self.all_do("judge"),
            "Summed": lambda: self.all_do("commit_sum"),
            "Challenged": lambda: self.all_do("reveal"),
            "Published": lambda: self.all_do("publish"),
            "Held": lambda: self.all_do("confirm"),
            "Picked": lambda: self.all_do("reveal"),
            "Opened": lambda: self.all_do("open_noise"),
            "Final": lambda: [self.vote(), self.do("finalise", "nobody")],
            "Aborted": lambda: [world.ledger.advance(WINDOW + 1), self.do("expire", "nobody")],
        }
        steps[state]()

    def bring_to(self, state: str) -> None:
        """From Absent to this state, with everybody honest."""
        if state == "Absent":
            return
        self.bring_to(ASIDE.get(state) or PATH[PATH.index(state) - 1])
        self.step_to(state)


def _found(roles: dict[str, int]) -> World:
    """A deployed chain whose sites have a version and a budget."""
    ledger = open_embedded(CONTRACTS, timestamp=START)
    members = [
        Member(account(name).address, role, digest(f"label {name}")) for name, role in roles.items()
    ]
    world = World(ledger, deploy_all(ledger, account("deployer"), members), tuple(roles))
    for name in [name for name, role in roles.items() if role == SITE]:
        call = dataset_registry.register(digest(f"root {name}"), 100, bytes(32))
        (event,) = world.events(name, call)
        assert isinstance(event, dataset_registry.VersionRegistered)
        world.versions[name] = event.version
        world.send(name, privacy_ledger.open_budget(event.lineage, BUDGET))
    return world


def _prepare() -> World:
    world = _found(MEMBERS)
    world.terms = world.make_terms()
    world.study = world.propose(world.terms)
    world.agree(world.study, world.terms)
    world.reach("Absent")  # the stages of a round start from here, whatever a test did before
    return world


@pytest.fixture(scope="session", name="account")
def account_fixture() -> Callable[[str], Account]:
    """The account of a name."""
    return account


@pytest.fixture(scope="session", name="digest")
def digest_fixture() -> Callable[[str | bytes], bytes]:
    """A digest for a text."""
    return digest


@pytest.fixture
def crowd() -> Iterator[World]:
    """A consortium of 64 sites and 5 members, on a chain of its own, with terms for all of them."""
    sites, members = [f"site {i}" for i in range(64)], [f"member {j}" for j in range(5)]
    world = _found({**dict.fromkeys(sites, SITE), **dict.fromkeys(members, AGGREGATOR)})
    world.terms = world.make_terms(
        committee=tuple(account(name).address for name in members),
        sites=tuple(world.site(name) for name in sites),
        min_sites=64,
        min_weight=64,
        windows=all_windows(100 * WINDOW),
    )
    with world.ledger:
        yield world


@pytest.fixture
def found() -> Callable[[], World]:
    """Makes a world like ``world``, on a chain of its own, of the artefacts as they are then."""
    return _prepare


@pytest.fixture
def council() -> Iterator[World]:
    """A consortium of one site and five members, on a chain of its own, without a study."""
    members = [f"a{j}" for j in range(1, 6)]
    world = _found({"s1": SITE, **dict.fromkeys(members, AGGREGATOR)})
    world.terms = world.make_terms(
        committee=tuple(account(name).address for name in members),
        sites=(world.site("s1"),),
        min_sites=1,
        min_weight=1,
    )
    with world.ledger:
        yield world


@pytest.fixture(scope="session")
def _world() -> Iterator[World]:
    world = _prepare()
    with world.ledger:
        yield world


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """A consortium of nine with one active study of five sites; put back after the test."""
    before = _world.snapshot()
    yield _world
    _world.restore(before)
