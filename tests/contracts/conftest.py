"""The consortium that the contracts' tests play with, on a chain that can be put back.

``world`` is a deployed chain with members, dataset versions, budgets and one active study; after
each test it is what it was. ``world.reach(state)`` brings the study's first round into a state.
``trio`` and ``quartet`` are the same with replicated shares (modes B3 and B4).

It is longer than 500 lines because fixtures have to lie beside the tests that use them, and the
play of a round is one story: each step rests on the one before.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
from troth.round.transitions import State

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
A, B3, B4 = range(3)
COMMITTEES = {A: ("a1", "a2"), B3: ("a1", "a2", "a3"), B4: ("a1", "a2", "a3", "a4")}
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
    "Seeded",
    "Opened",
    "Final",
]
"""The states of a round in which everybody is honest, and which of them a mode passes by."""
TAGS = ("Summed", "Challenged", "Published")
PASSED_BY = {A: ("Seeded",), B3: (*TAGS, "Seeded"), B4: TAGS}
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
        self.mode = A
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
            mode=self.mode,
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
            committee=tuple(account(name).address for name in COMMITTEES[self.mode]),
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
            self.reach(self.play.before(state)).step_to(state)
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
    def live(self) -> list[str]:
        """The names of the members that are still part of the round, in order."""
        live = self.view.live
        return [name for j, name in enumerate(self.committee) if live >> j & 1]

    @property
    def replicated(self) -> bool:
        """Whether every share is held by all members but one."""
        return bool(self.terms.mode != A)

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

    def bits(self, *names: str) -> int:
        """The bitmap of these members."""
        return sum(1 << self.committee.index(name) for name in names)

    def noise_of(self, *owners: str) -> int:
        """The bits of all candidates of these members."""
        candidates = range(self.terms.noise_candidates)
        return sum(self.place(owner, c) for owner in owners for c in candidates)

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
        candidates = self.terms.noise_candidates
        usual: dict[str, Callable[[], tuple[Any, ...]]] = {
            "announce": lambda: (self.key(name, 3), digest(f"hpke {name}")),
            "report": lambda: (digest(f"report {name}"),),
            "report_noise": lambda: (digest(f"noise {name}"),),
            "deliver": lambda: (self.view.present,),
            "answer": lambda: (digest(f"answer {name}"),),
            "reveal": lambda: (self.key(name, self.level),),
            "commit_file": lambda: (digest(f"file {name}"),),
            "confirm": lambda: (self.view.live,),
            "judge": lambda: (self.codes(),),
            "commit_sum": lambda: (self.sums(name),),
            "publish": lambda: (digest(f"publication {name}"),),
            "open_noise": lambda: (self.seeds(name, candidates - 1),),
            "recover": lambda: (0, bytes(32)),
            "attest": lambda: (self.model, True),
            "accuse": lambda: (PUBLICATION, account(self.committee[0]).address, NO_EVIDENCE),
            "review": lambda: (True,),
            "defend": lambda: (self.seeds(name, candidates),),
        }
        values = usual.get(action, tuple)() if argument is None else (argument,)
        if action == "attest" and isinstance(argument, bytes):
            values = (argument, True)
        elif action in ("attest", "accuse", "recover") and argument is not None:
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

    def all_do(self, action: str, argument: Any = None, **others: Any) -> list[Event]:
        """Every live member posts, and some of them something else; the events of the last one."""
        events: list[Event] = []
        for name in self.live:
            events = self.do(action, name, others.get(name, argument))
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

    def codes(self, rejected: int = 0, contradicted: int = 0) -> bytes:
        """A verdict that accepts what is delivered, but for these places; whose files it belies."""
        present, delivered = self.view.present, self.view.delivered
        codes = [
            1 if not present >> p & 1 else 2 if not delivered >> p & 1 else 5 * (rejected >> p & 1)
            for p in range(len(self.sites) + len(self.committee) * self.terms.noise_candidates)
        ]
        return bytes([*codes, contradicted] if self.replicated else codes)

    def rejecting(self, *owners: str) -> bytes:
        """A verdict that takes every site, and not the first noise of these members."""
        return self.codes(sum(self.place(name) for name in owners))

    def sums(self, name: str, **others: str) -> tuple[bytes, ...]:
        """What a member commits to: its own sum, or those of the shares it holds.

        Args:
            name: the member.
            others: by share ("s0"): what else it says than everybody.
        """
        if not self.replicated:
            return (digest(f"sum {name}"),)
        shares = [s for s in range(len(self.committee)) if self.committee[s] != name]
        return tuple(digest(others.get(f"s{share}", f"sum of {share}")) for share in shares)

    def contest(self) -> None:
        """The last live member denies the first noise candidate of each of the others."""
        *owners, denier = self.live
        for name in owners:
            self.do("deliver", name)
        denied = sum(self.place(name) for name in owners)
        self.do("deliver", denier, self.view.present & ~denied)

    def step_to(self, state: str) -> None:
        """From the state before it, with everybody honest; Aborted by a missed announcement."""
        committee, world, last = self.committee, self.world, self.committee[-1]
        steps: dict[str, Callable[[], object]] = {
            "Announcing": lambda: self.do("announce", committee[0]),
            "Announced": lambda: [self.do("announce", name) for name in self.live[1:]],
            "Open": lambda: self.do("open", "nobody"),
            "Closed": lambda: [self.report(), self.do("close", "nobody")],
            "Contested": self.contest,
            "Answered": lambda: [
                self.do("answer", name) for name in self.live if self.replicated or name != last
            ],
            "Delivered": lambda: self.all_do("deliver"),
            "Keyed": lambda: self.all_do("reveal"),
            "Committed": lambda: self.all_do("commit_file"),
            "Judged": lambda: self.all_do("confirm"),
            "Rejected": lambda: self.all_do("judge", self.rejecting(*committee)),
            "Settled": lambda: self.all_do("judge"),
            "Summed": lambda: self.all_do("commit_sum"),
            "Challenged": lambda: self.all_do("reveal"),
            "Published": lambda: self.all_do("publish"),
            "Held": lambda: self.all_do("commit_sum" if self.replicated else "confirm"),
            "Picked": lambda: self.all_do("reveal"),
            "Seeded": lambda: self.all_do("open_noise"),
            "Opened": lambda: self.all_do("recover" if self.terms.mode == B4 else "open_noise"),
            "Final": lambda: [self.vote(), self.do("finalise", "nobody")],
            "Aborted": lambda: [world.ledger.advance(WINDOW + 1), self.do("expire", "nobody")],
        }
        steps[state]()

    def bring_to(self, state: str) -> None:
        """From a state on the way to this one, with everybody honest."""
        if self.state == State.__members__.get(state.upper()):
            return
        self.bring_to(self.before(state))
        self.step_to(state)

    def before(self, state: str) -> str:
        """The state that this one is reached from."""
        path = [name for name in PATH if name not in PASSED_BY[self.terms.mode]]
        if state == "Absent":
            raise ValueError("the round is past what leads there")
        return ASIDE.get(state) or path[path.index(state) - 1]


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


def _prepare(mode: int = A) -> World:
    members = {name: role for name, role in MEMBERS.items() if mode != B4 or name != "u1"}
    world = _found(members | ({"a4": AGGREGATOR} if mode == B4 else {}))
    world.mode = mode
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
    """A consortium of two sites and five members, on a chain of its own, without a study."""
    members = [f"a{j}" for j in range(1, 6)]
    world = _found({"s1": SITE, "s2": SITE, **dict.fromkeys(members, AGGREGATOR)})
    world.terms = world.make_terms(
        committee=tuple(account(name).address for name in members),
        sites=(world.site("s1"), world.site("s2")),
        min_sites=2,
        min_weight=1,
    )
    with world.ledger:
        yield world


@pytest.fixture(scope="session")
def worlds() -> Iterator[Callable[[int], World]]:
    """Consortiums of nine with one active study of five sites, by the study's mode."""
    with ExitStack() as open_ledgers:

        @cache
        def made(mode: int) -> World:
            world = _prepare(mode)
            open_ledgers.enter_context(world.ledger)
            return world

        yield made


def _lent(world: World) -> Iterator[World]:
    before = world.snapshot()
    yield world
    world.restore(before)


@pytest.fixture
def world(worlds: Callable[[int], World]) -> Iterator[World]:
    """A consortium whose study is in mode A, with two members; put back after the test."""
    yield from _lent(worlds(A))


@pytest.fixture
def trio(worlds: Callable[[int], World]) -> Iterator[World]:
    """The same in mode B3, with three members."""
    yield from _lent(worlds(B3))


@pytest.fixture
def quartet(worlds: Callable[[int], World]) -> Iterator[World]:
    """The same in mode B4, with four members."""
    yield from _lent(worlds(B4))


@pytest.fixture(params=["trio", "quartet"])
def either(request: pytest.FixtureRequest) -> World:
    """One of the two."""
    world: World = request.getfixturevalue(request.param)
    return world
