"""Random calls, sensible or not: the contracts and their Python models must say the same.

The models are what an audit replays a chain with, so this is where the audit is tied to Solidity.
The file is longer than 500 lines because one machine plays all five contracts together: what one of
them says depends on the others.
"""

import copy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from troth.audit.replay.world import World as Model
from troth.errors import ContractRefused
from troth.ledger import artifact
from troth.ledger.bindings import CONTRACTS as INTERFACES
from troth.ledger.bindings import consortium, dataset_registry, privacy_ledger, study_registry
from troth.ledger.bindings import rounds as r
from troth.round.machine import Emitted
from troth.round.transcript import RoundId, key_chain
from troth.round.transitions import Fault, State, table

NAMES = ("s1", "s2", "s3", "s4", "s5", "a1", "a2", "a3", "u1", "a4", "stranger")
A, B3, B4 = range(3)
COMMITTEES = {A: ("a1", "a2"), B3: ("a1", "a2", "a3"), B4: ("a1", "a2", "a3", "a4")}
SITES = NAMES[:5]
MOST_PLACES = len(SITES) + 2 * len(COMMITTEES[B4])
FIRST_NOISE = 1 << len(SITES)
VOTERS = SITES + COMMITTEES[A]
QUORUM_AND_ONE = ("s1", "s2", "s3", "s4", "u1", "a3")
FIELDS = (
    "mode",
    "honest",
    "noise_candidates",
    "accusations",
    "corrupt_sites",
    "rounds",
    "min_sites",
    "min_weight",
    "clip",
    "noise_variance",
    "max_aborts",
)
EXAMPLES, STEPS = 25, 10  # half a minute per mode; a hundred examples agreed as well

names = st.sampled_from(NAMES)
small = st.integers(0, 3)


def told(refusal):
    """Name and values. Errors of two contracts may share a selector, not the names of arguments."""
    return (refusal.name, list(refusal.arguments.values()))


def replayed(world) -> Model:
    """The model after everything that the ledger holds already, compared on the way."""
    model = Model(world.ledger.chain_id, world.addresses)
    by_address = {world.addresses[c.name]: c for c in INTERFACES}
    creations = list(world.addresses)
    for number in range(1, world.ledger.head().number + 1):
        block = world.ledger.block(number)
        for record in block.transactions:
            sent = record.transaction
            if sent.to is None:
                name = creations.pop(0)
                if name in artifact.libraries():
                    continue
                contract = next(c for c in INTERFACES if c.name == name)
                outcome = _construct(model, contract, sent.data)
            else:
                call = by_address[sent.to].decode_call(sent.data)
                outcome = model.apply(sent.sender, call, block.header.timestamp)
            events = [
                Emitted(by_address[log.address].name, by_address[log.address].decode_event(log))
                for log in record.receipt.logs
            ]
            assert (record.receipt.status, events) == (outcome.status, list(outcome.events))
    return model


def _construct(model, contract, data):
    code = artifact.load(contract.name).creation_code
    return model.construct(contract.name, contract.decode_constructor(data[len(code) :]))


class Contracts(RuleBasedStateMachine):
    """Both sides, asked the same; `bound` says which chain and model."""

    world: Any
    account: Any
    digest: Any
    stages: dict[State, tuple[Any, Model]]
    """Chain and model in each state that honest parties bring the first round into."""
    second: bytes
    """Another active study of three of the sites."""
    usual: tuple[str, ...]
    """The committee of the first study."""

    @initialize(state=st.sampled_from([state for state in State if not state.ended]))
    def begin(self, state):
        snapshot, model = self.stages.get(state, self.stages[State.ABSENT])
        self.world.restore(snapshot)
        self.model = copy.deepcopy(model)
        self.said = set()
        self.studies = [self.world.study, self.second]
        self.terms = self.world.terms
        self.versions = dict(self.world.versions)
        self.committee = self.usual

    def teardown(self):
        """What a view shows of the round is what the model knows of it."""
        if self.record is not None:
            view = self.world.ask(r.round_of(self.studies[0], self.number))
            live, record = sum(1 << member for member in self.record.live), self.record
            assert (view.state, view.live, view.deadline) == (record.state, live, record.deadline)
            assert (view.present, view.recovered) == (record.present, record.recovered)

    # What both sides are asked

    def send(self, name, call):
        receipt = self.world.ledger.send(self.account(name), call, force=True)
        expected = self.model.apply(self.account(name).address, call, receipt.block.timestamp)
        assert receipt.status == expected.status, (call.action, receipt.refusal, expected)
        if expected.refusal is not None:
            assert told(receipt.refusal) == told(expected.refusal), call.action
            self.said.add(expected.refusal.name)
        found = [Emitted(event.contract, event.event) for event in receipt.events]
        assert found == list(expected.events)
        self.said.update(type(emitted.event).__name__ for emitted in found)
        return receipt

    @property
    def progress(self):
        return self.model.rounds.studies.get(self.studies[0])

    @property
    def number(self):
        return self.progress.current if self.progress else 1

    @property
    def record(self):
        return self.progress.rounds.get(self.number) if self.progress else None

    @property
    def state(self):
        return self.record.state if self.record else State.ABSENT

    def key(self, name, level):
        where = RoundId(
            self.world.ledger.chain_id, self.world.addresses["Rounds"], self.studies[0], self.number
        )
        secret = self.digest(f"key of {name} in {self.number}")
        return key_chain(where, self.account(name).address, secret)[level]

    def act(self, name, action, *values, number=None):
        call = getattr(r, action)(self.studies[0], number or self.number, *values)
        return self.send(name, call)

    # What several do in a row, so that chance gets as far as the ends of a step

    @rule(
        drops=st.lists(
            st.sampled_from([0, 0, 1, 2, 32, 64, 128, 256, 4096, 511]), min_size=4, max_size=4
        )
    )
    def everybody_delivers(self, drops):
        present = self.record.present if self.record else 0
        for name, drop in zip(self.committee, drops, strict=False):
            self.act(name, "deliver", present & ~drop)

    @rule(
        codes=st.lists(st.sampled_from([0] * 9 + [3, 5, 8]), max_size=MOST_PLACES),
        belied=st.sampled_from([0, 0, 0, 1, 2, 8, 3]),
        differ=st.sampled_from([0, 0, 1, 2, 8, 3]),
    )
    def everybody_judges(self, codes, differ, belied=0):
        """All post these codes, but for those who differ: they accept everything."""
        for j, name in enumerate(self.committee):
            alone = differ >> j & 1
            self.act(name, "judge", self.verdict(() if alone else codes, 0 if alone else belied))

    def verdict(self, codes=(), belied=0):
        """A verdict with these codes for what is delivered, and those whose files are belied."""
        places = len(SITES) + 2 * len(self.committee)
        present, delivered = (self.record.present, self.record.delivered) if self.record else (0, 0)
        codes = [*codes, *[0] * places]
        codes = [
            1 if not present >> place & 1 else codes[place] if delivered >> place & 1 else 2
            for place in range(places)
        ]
        return bytes([*codes, belied] if self.replicated else codes)

    @property
    def replicated(self):
        return self.terms.mode != A

    @rule(
        names=st.permutations(range(4)),
        missed=st.lists(st.sampled_from([0, 0, 1, 2, 4, 8]), min_size=4, max_size=4),
    )
    def everybody_confirms(self, names, missed):
        """Each in its turn has everybody's blob but for these."""
        live = sum(1 << member for member in self.record.live) if self.record else 0
        for j in [j for j in names if j < len(self.committee)]:
            self.act(self.committee[j], "confirm", (live & ~missed[j]) | 1 << j)

    @rule(others=st.dictionaries(st.integers(0, 3), st.integers(0, 3), max_size=3))
    def everybody_sums(self, others):
        """By member: the share of which it says something else."""
        for j, name in enumerate(self.committee):
            self.act(name, "commit_sum", self.sums(name, others.get(j)))

    def sums(self, name, other=None):
        """What a member commits to; of one share perhaps something else."""
        if not self.replicated:
            return (self.digest(f"sum {name}"),)
        shares = [s for s in range(len(self.committee)) if s != self.committee.index(name)]
        return tuple(self.digest("another" if s == other else f"sum of {s}") for s in shares)

    @rule(
        owners=st.sampled_from([0, 1, 2, 4, 8, 3, 15]),
        others=st.dictionaries(st.integers(0, 3), st.sampled_from([0, 1, 8, 16]), max_size=2),
    )
    def everybody_recovers(self, owners, others):
        """All name these owners, but for some."""
        for j, name in enumerate(self.committee):
            self.act(name, "recover", others.get(j, owners), self.digest("openings"))

    @rule(missing=st.sets(st.integers(0, 3), min_size=1, max_size=2))
    def some_are_missing(self, missing):
        """In a step that the others take honestly, and after it."""
        self.honest_step(missing)
        if not self.state.ended:
            self.wait_out("close" if self.state is State.OPEN else "expire")

    @rule(
        faults=st.lists(st.integers(0, 7), max_size=7),
        party=names,
        attested=st.booleans(),
    )
    def some_accuse(self, faults, party, attested):
        for name, fault in zip(VOTERS, faults, strict=False):
            if attested:
                self.attest(name)
            self.act(name, "accuse", fault, self.account(party).address, bytes(32))
        self.wait_out("finalise")

    @rule(restored=st.sampled_from([0, 1, 31, 32]), voters=st.permutations(NAMES))
    def members_resume(self, restored, voters):
        for name in voters[:6]:
            self.send(name, r.resume(self.studies[0], restored))

    @rule(name=names, count=st.integers(0, 3), action=st.sampled_from(["open_noise", "defend"]))
    def seeds(self, name, count, action):
        number = max(1, self.number - (action == "defend"))
        self.act(name, action, self.some_seeds(count), number=number)

    def some_seeds(self, count):
        return tuple(self.digest(f"seed {index % 2}") for index in range(count))

    @rule(name=names, right=st.booleans(), back=st.integers(0, 2))
    def review(self, name, right, back):
        self.act(name, "review", right, number=max(1, self.number - back))

    @rule(
        voters=st.permutations(SITES + COMMITTEES[B4]),
        count=st.integers(1, 9),
        others=st.integers(0, 4),
    )
    def some_attest(self, voters, count, others):
        for position, name in enumerate(voters[:count]):
            self.act(name, "attest", self.digest(f"model {position < others}"), position % 2 == 0)
        self.wait_out("finalise")

    @rule(expelled=st.sampled_from(VOTERS))
    def expel(self, expelled):
        others = [name for name in NAMES[:7] if name != expelled]
        for name in others[:5]:
            self.send(name, consortium.vote_removal(self.account(expelled).address))

    @rule(demoted=st.sampled_from(VOTERS))
    def demote(self, demoted):
        """Back in the consortium, but in another role."""
        self.expel(demoted)
        address = self.account(demoted).address
        for name in [name for name in NAMES[:7] if name != demoted][:5]:
            self.send(name, consortium.vote_admission(address, 8, bytes(32)))

    def another_study(self, committee=None, **changes):
        """An active study with other terms, which is played on with."""
        self.committee = committee = committee or self.usual
        members = tuple(self.account(name).address for name in committee)
        terms = replace(self.terms, committee=members, **changes)
        receipt = self.send("a1", study_registry.propose(self.digest("another"), terms))
        study = receipt.events[0].event.study_id
        for name in NAMES[:10]:
            self.send(name, study_registry.approve(study))
        for name in SITES:
            self.send(name, dataset_registry.grant(self.versions[name], study))
        self.studies.insert(0, study)

    def one_site_is_left(self, voters):
        """A study that asks for one site, and gets one: who decides what follows?"""
        self.another_study(min_sites=1, min_weight=1)
        self.honest_steps_to(State.JUDGED)
        self.everybody_judges([0, 5, 5, 5, 5], differ=0)
        self.honest_steps_to(State.OPENED)
        for name in voters:
            self.attest(name)
        self.wait_out("finalise")

    def disputes(self, names, resume=None, **changes):
        """A study that one dispute pauses, and perhaps is let go on."""
        self.another_study(accusations=1, max_aborts=9, **changes)
        self.honest_steps_to(State.OPENED)
        for name in names:
            self.act(name, "accuse", Fault.OWN_TAG, self.account("a1").address, bytes(32))
        self.wait_out("finalise")
        if resume is not None:
            self.members_resume(resume, QUORUM_AND_ONE)
        self.honest_steps(4)

    def attest(self, name):
        """Only s5 has not checked its tags."""
        self.act(name, "attest", self.digest("model"), name != "s5")

    def wait_out(self, action):
        self.world.ledger.advance(61)
        self.act("stranger", action)

    def unserved(self, state, *fetched):
        """Three members say whose blob they could not fetch."""
        self.another_study(("a1", "a2", "a3"))
        self.honest_steps_to(state)
        for name, bitmap in zip(self.committee, fetched, strict=True):
            self.act(name, "confirm", bitmap)

    def finished(self):
        self.honest_steps_to(State.OPENED)
        self.honest_step()

    @rule(of=st.sampled_from(SITES), fresh=st.booleans())
    def register_again(self, of, fresh):
        """The root of the first version, in a lineage of its own or in the same."""
        parent = bytes(32) if fresh else self.versions[of]
        self.send(of, dataset_registry.register(self.digest(f"root {of}"), 7, parent))

    @rule(budget=st.sampled_from([10**6, 10**7, 3 * 10**7, 5 * 10**7, 10**8]))
    def second_study_opens(self, budget):
        """Both studies pay from one budget: what one has reserved the other cannot have."""
        self.send("s1", privacy_ledger.lower(self.versions["s1"], budget))
        progress = self.model.rounds.studies.get(self.second)
        number = progress.current if progress else 1
        for name in ("a1", "a3"):
            value = self.digest(f"second {name}")
            self.send(name, r.announce(self.second, number, value, value))
        self.send("s1", r.open(self.second, number))

    @rule(of=st.sampled_from(SITES), votes=st.integers(1, 6))
    def raise_lower_raise(self, of, votes):
        """Votes for a raise count once, also when the budget comes back to where it was."""
        lineage = self.versions[of]
        for name in NAMES[:votes]:
            self.send(name, privacy_ledger.vote_raise(lineage, 2 * 10**9))
        self.send(of, privacy_ledger.lower(lineage, 10**8))
        for name in NAMES[:votes]:
            self.send(name, privacy_ledger.vote_raise(lineage, 2 * 10**9))

    # The round, as honest parties take it on

    @rule(steps=st.integers(1, 3))
    def honest_steps(self, steps):
        for _ in range(steps):
            self.honest_step()

    def honest_steps_to(self, state):
        for _ in State:
            if self.state is not state:
                self.honest_step()
        assert self.state is state

    def honest_step(self, missing=()):
        """Everybody does what the state waits for, but for these members."""
        record = self.record
        live = record.live if record else ()
        full = sum(1 << member for member in live)
        present = record.present if record else 0
        codes = self.verdict()
        posts = {
            State.ABSENT: ("announce", lambda n: (self.key(n, 3), self.digest(f"hpke {n}"))),
            State.ANNOUNCING: ("announce", lambda n: (self.key(n, 3), self.digest(f"hpke {n}"))),
            State.CLOSED: ("deliver", lambda _: (present,)),
            State.DELIVERED: ("reveal", lambda n: (self.key(n, 2),)),
            State.KEYED: ("commit_file", lambda n: (self.digest(f"file {n}"),)),
            State.COMMITTED: ("confirm", lambda _: (full,)),
            State.JUDGED: ("judge", lambda _: (codes,)),
            State.SETTLED: ("commit_sum", lambda n: (self.sums(n),)),
            State.SUMMED: ("reveal", lambda n: (self.key(n, 1),)),
            State.CHALLENGED: ("publish", lambda n: (self.digest(f"published {n}"),)),
            State.PUBLISHED: ("confirm", lambda _: (full,)),
            State.HELD: ("reveal", lambda n: (self.key(n, 0),)),
            State.PICKED: ("open_noise", lambda _: (self.some_seeds(1),)),
            State.SEEDED: ("recover", lambda _: (0, bytes(32))),
            State.CONTESTED: ("answer", lambda n: (self.digest(f"answer {n}"),)),
            State.ANSWERED: ("deliver", lambda _: (present,)),
        }
        state = self.state
        there = [name for j, name in enumerate(self.committee) if j not in missing]
        if state in posts:
            action, values = posts[state]
            for name in there:
                if self.state is state or state is State.ABSENT:
                    self.act(name, action, *values(name))
        elif state is State.ANNOUNCED:
            self.act("stranger", "open")
        elif state is State.OPEN:
            for name in SITES:
                self.act(name, "report", self.digest(f"report {name}"))
            for name in there:
                self.act(name, "report_noise", self.digest(f"noise {name}"))
            self.act("u1", "close")
        elif state is State.OPENED:
            for name in [*SITES, *there]:
                self.attest(name)
            self.act("stranger", "finalise")

    # The round, as anybody might disturb it

    @rule(
        name=names,
        action=st.sampled_from(["announce", "report", "report_noise", "reveal", "answer"]),
        zero=st.integers(0, 9),
        other=st.booleans(),
    )
    def say(self, name, action, zero, other):
        value = bytes(32) if zero == 0 else self.digest(f"{action} {other}")
        if action == "announce":
            self.act(name, action, value, bytes(32) if zero == 1 else self.digest(name))
        elif action == "reveal" and zero > 3:
            self.act(name, action, self.key(name, zero % 3))
        else:
            self.act(name, action, value)

    @rule(
        name=names,
        action=st.sampled_from(["commit_file", "commit_sum", "publish", "attest"]),
        zero=st.integers(0, 5),
    )
    def commit(self, name, action, zero):
        value = self.digest(f"other {zero}") if zero else bytes(32)
        if action == "commit_sum":
            self.act(name, action, (value,) * (zero % 4))
        else:
            self.act(name, action, value, *([zero % 2 == 0] if action == "attest" else []))

    @rule(name=names, action=st.sampled_from(["open", "close", "finalise", "expire"]))
    def push(self, name, action):
        self.act(name, action)

    @rule(name=names, drop=st.integers(0, 511), extra=st.integers(0, 4))
    def deliver(self, name, drop, extra):
        present = self.record.present if self.record else 0
        self.act(name, "deliver", present & ~drop | (1 << MOST_PLACES if extra == 0 else 0))

    @rule(name=names, owners=st.integers(0, 17), zero=st.booleans())
    def recover(self, name, owners, zero):
        self.act(name, "recover", owners, bytes(32) if zero else self.digest("openings"))

    @rule(name=names, fetched=st.integers(0, 15))
    def confirm(self, name, fetched):
        self.act(name, "confirm", fetched)

    @rule(name=names, codes=st.binary(min_size=8, max_size=15), low=st.integers(2, 10))
    def judge(self, name, codes, low):
        self.act(name, "judge", bytes(code % low for code in codes))

    @rule(
        name=names,
        number=st.sampled_from([0, 1, 2, 3, 7]),
        action=st.sampled_from([row.action for row in table().rows if row.by == "anyone"]),
    )
    def another_round(self, name, number, action):
        self.act(name, action, number=number)

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds):
        self.world.ledger.advance(seconds)

    # Membership, datasets, studies, budgets

    @rule(name=names, whom=names, roles=st.sampled_from([0, 1, 2, 3, 31, 32, 255]))
    def admit(self, name, whom, roles):
        call = consortium.vote_admission(self.account(whom).address, roles, self.digest(whom))
        self.send(name, call)

    @rule(whom=st.sampled_from(["a2", "s5", "u1"]), voters=st.permutations(NAMES))
    def remove(self, whom, voters):
        for name in voters[:5]:
            self.send(name, consortium.vote_removal(self.account(whom).address))

    @rule(name=names, label=small, bound=small, parent=names)
    def register(self, name, label, bound, parent):
        before = self.versions.get(parent, bytes(32))
        root = self.digest(f"root {label}") if label else bytes(32)
        self.send(name, dataset_registry.register(root, bound, before))

    @rule(name=names, of=st.sampled_from(SITES), study=small, give=st.booleans())
    def grant(self, name, of, study, give):
        call = dataset_registry.grant if give else dataset_registry.revoke
        self.send(name, call(self.versions[of], self.study(study)))

    def study(self, index):
        return self.studies[index] if index < len(self.studies) else self.digest("no study")

    @rule(
        name=names,
        budget=st.sampled_from([0, 1, 10**6, 4 * 10**7, 10**9, 2 * 10**9]),
        of=st.sampled_from(SITES),
        action=st.sampled_from(["open_budget", "lower", "vote_raise"]),
    )
    def budget(self, name, budget, of, action):
        self.send(name, getattr(privacy_ledger, action)(self.versions[of], budget))

    @rule(name=st.sampled_from(SITES), value=st.sampled_from([1, 10**6, 10**7, 4 * 10**7]))
    def lower_own(self, name, value):
        self.send(name, privacy_ledger.lower(self.versions[name], value))

    @rule(of=st.sampled_from(SITES), value=st.sampled_from([10**8, 3 * 10**9]))
    def raise_all(self, of, value):
        for name in NAMES[:7]:
            self.send(name, privacy_ledger.vote_raise(self.versions[of], value))

    @rule(name=names, of=st.sampled_from(SITES), close=st.integers(0, 20))
    def close_or_charge(self, name, of, close):
        if close == 0:
            self.send(of, privacy_ledger.close(self.versions[of]))
        call = [privacy_ledger.reserve, privacy_ledger.settle, privacy_ledger.release]
        self.send(name, call[close % 3](self.studies[0], 1, (self.versions[of],), (1,)))

    @rule(
        name=names,
        changes=st.dictionaries(
            st.sampled_from(FIELDS),
            st.sampled_from([0, 1, 2, 4, 9, 200]),
            max_size=2,
        ),
        sites=st.lists(st.integers(0, 4), min_size=1, max_size=6),
        committee=st.lists(st.sampled_from(["a1", "a2", "a3", "a4", "s1", "u1"]), max_size=4),
        digest_of=small,
    )
    def propose(self, name, changes, sites, committee, digest_of):
        chosen = tuple(self.terms.sites[index] for index in sites)
        members = tuple(self.account(member).address for member in committee)
        terms = replace(self.terms, sites=chosen, committee=members, min_sites=1, min_weight=1)
        terms = replace(terms, **changes)
        label = self.digest(f"terms {digest_of}") if digest_of else bytes(32)
        receipt = self.send(name, study_registry.propose(label, terms))
        self.studies += [event.event.study_id for event in receipt.events]

    @rule(
        field=st.sampled_from(
            ["weight", "version", "lineage", "account", "windows", "slow", "rounds", "aborts"]
        )
    )
    def propose_badly(self, field):
        first, second, *rest = self.terms.sites
        if field in ("windows", "slow"):
            seconds = 0 if field == "windows" else 30 * 24 * 60 * 60 + 1
            terms = replace(self.terms, windows=replace(self.terms.windows, judge=seconds))
        elif field in ("rounds", "aborts"):
            rounds, aborts = (10**6 + 1, 1) if field == "rounds" else (1, 10**4 + 1)
            terms = replace(self.terms, rounds=rounds, max_aborts=aborts)
        else:
            value = 0 if field == "weight" else getattr(second, field)
            sites = (replace(first, **{field: value}), second, *rest)
            terms = replace(self.terms, sites=sites)
        self.send("a1", study_registry.propose(self.digest("bad"), terms))

    @precondition(lambda self: len(self.studies) > 1)
    @rule(index=small, voters=st.permutations(NAMES))
    def approve(self, index, voters):
        for name in voters:
            self.send(name, study_registry.approve(self.study(index)))


def bound(world, account, digest):
    """The machine over this chain and its model, and every state that a round can be in."""
    model = replayed(world)
    second = replace(
        world.terms,
        mode=A,
        sites=world.terms.sites[:3],
        committee=(account("a1").address, account("a3").address),
        min_weight=3,
    )
    parts = {
        "world": world,
        "account": staticmethod(account),
        "digest": staticmethod(digest),
        "stages": {State.ABSENT: (world.snapshot(), model)},
        "second": b"",
        "usual": COMMITTEES[world.mode],
    }
    machine: Any = type("Bound", (Contracts,), parts)
    run = machine()
    run.begin(State.ABSENT)
    receipt = run.send("a1", study_registry.propose(digest("second"), second))
    machine.second = receipt.events[0].event.study_id
    for name in NAMES[:10]:
        run.send(name, study_registry.approve(machine.second))
    for name in SITES[:3]:
        run.send(name, dataset_registry.grant(world.versions[name], machine.second))
    while run.state not in machine.stages or run.state is State.ABSENT:
        machine.stages[run.state] = (world.snapshot(), copy.deepcopy(run.model))
        run.honest_step()
        if run.number == 2:
            break
    run.begin(State.CLOSED)
    run.everybody_delivers([0, FIRST_NOISE, 0, 0])
    for state in (State.CONTESTED, State.ANSWERED):
        assert run.state is state
        machine.stages[state] = (world.snapshot(), copy.deepcopy(run.model))
        run.honest_step()
    return machine


@pytest.fixture(scope="module")
def machines(worlds, account, digest):
    """The machine over the chain of each mode, made when it is asked for."""

    @cache
    def made(mode):
        world = worlds(mode)
        before = world.snapshot()
        machine = bound(world, account, digest)
        world.restore(before)
        return machine

    return made


@pytest.fixture
def machine(machines):
    """That of mode A."""
    return machines(A)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", [A, B3, B4], ids=["A", "B3", "B4"])
@pytest.mark.usefixtures("world", "trio", "quartet")
def test_contracts_and_models_agree(machines, mode):
    run_state_machine_as_test(
        machines(mode),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            phases=[Phase.generate],
        ),
    )


TAGS = {State.SUMMED, State.CHALLENGED, State.PUBLISHED}


@pytest.mark.parametrize(
    ("mode", "passed_by"), [(A, {State.SEEDED}), (B3, TAGS | {State.SEEDED}), (B4, TAGS)]
)
def test_a_whole_round_is_the_same(machines, mode, passed_by):
    reached = set(machines(mode).stages)
    assert reached == set(State) - {State.FINAL, State.ABORTED, State.ANNOUNCING} - passed_by


@pytest.mark.parametrize(
    ("state", "play", "ends"),
    [
        # What is reserved is gone for everybody else, though nothing is settled yet.
        ("OPEN", lambda run: run.second_study_opens(50_000_000), "BudgetExceeded"),
        ("ANNOUNCED", lambda run: run.second_study_opens(50_000_000), "Moved"),
        # Three of seven voters are no majority, four are.
        ("OPENED", lambda run: run.some_attest(VOTERS, 3, 0), "RoundAborted"),
        ("OPENED", lambda run: run.some_attest(VOTERS, 4, 0), "Finalised"),
        ("OPENED", lambda run: run.some_attest(VOTERS, 7, 4), "Finalised"),
        ("OPENED", lambda run: run.some_attest(VOTERS, 6, 3), "RoundAborted"),
        # Accusations: enough equal ones, too few, of other faults, and none that counts.
        ("OPENED", lambda run: run.some_accuse([1] * 4, "a1", attested=True), "RoundAborted"),
        ("OPENED", lambda run: run.some_accuse([1] * 3, "a2", attested=True), "RoundAborted"),
        ("OPENED", lambda run: run.some_accuse([1, 2, 3, 4], "a2", attested=False), "RoundAborted"),
        ("OPENED", lambda run: run.some_accuse([5] * 7, "s2", attested=True), "RoundAborted"),
        ("OPENED", lambda run: run.some_accuse([5] * 2, "s5", attested=True), "RoundAborted"),
        ("OPENED", lambda run: run.some_accuse([6] * 7, "a1", attested=False), "WrongFault"),
        ("OPENED", lambda run: run.some_accuse([0, 7, 1], "s1", attested=True), "NotCommittee"),
        ("OPENED", lambda run: run.some_accuse([5, 5], "u1", attested=True), "NotVoter"),
        (
            "ABSENT",
            lambda run: (
                run.another_study(every_site=True),
                run.honest_steps_to(State.OPENED),
                run.some_attest(VOTERS[::-1], 6, 0),
            ),
            "RoundAborted",
        ),
        # A pause, its end, and who stays out after it.
        ("ABSENT", lambda run: run.disputes(["s1", "s2"]), "StudyPaused"),
        ("ABSENT", lambda run: run.disputes(["s1", "s2"], resume=0), "Opened"),
        ("ABSENT", lambda run: run.disputes(["s1", "s2"], resume=31), "Opened"),
        (
            "ABSENT",
            lambda run: run.disputes(["s2", "s3", "s4"], resume=1, every_site=True),
            "QuorumUnreachable",
        ),
        ("HELD", lambda run: (run.wait_out("expire"), run.honest_step()), "StudyOver"),
        ("PICKED", lambda run: (run.wait_out("expire"), run.honest_step()), "StudyOver"),
        # What past rounds still take.
        ("OPENED", lambda run: (run.finished(), run.review("s5", right=True, back=1)), "Reviewed"),
        (
            "JUDGED",
            lambda run: (
                run.everybody_judges([0] * 7 + [5, 5], differ=0),
                run.seeds("a1", 2, "defend"),
                run.seeds("a2", 2, "defend"),
            ),
            "NoiseDefended",
        ),
        # Who is named when blobs are missing.
        ("ABSENT", lambda run: run.unserved(State.COMMITTED, 5, 7, 5), "RoundAborted"),
        ("ABSENT", lambda run: run.unserved(State.PUBLISHED, 5, 7, 7), "RoundAborted"),
        ("ABSENT", lambda run: run.unserved(State.PUBLISHED, 1, 2, 4), "RoundAborted"),
        # Both candidates denied by both members: the first owner, its first denier.
        ("CLOSED", lambda run: run.everybody_delivers([64, 96]), "Moved"),
        ("ANSWERED", lambda run: run.everybody_delivers([64, 288]), "RoundAborted"),
        ("ANSWERED", lambda run: run.everybody_delivers([256, 128]), "RoundAborted"),
        ("ANSWERED", lambda run: run.everybody_delivers([1, 2]), "DeliveryFixed"),
        ("CONTESTED", lambda run: run.wait_out("expire"), "RoundAborted"),
        ("CLOSED", lambda run: run.everybody_delivers([1, 2]), "DeliveryFixed"),
        (
            "JUDGED",
            lambda run: run.everybody_judges([0] * 8 + [5], differ=0),
            "RoundAborted",
        ),
        (
            "JUDGED",
            lambda run: run.everybody_judges([5, 5, 5, 0, 0, 0, 0, 0, 0], differ=0),
            "RoundAborted",
        ),
        (
            "JUDGED",
            lambda run: run.everybody_judges([0, 5, 0, 0, 0, 0, 0, 0, 0], differ=0),
            "AcceptedFixed",
        ),
        (
            "JUDGED",
            lambda run: run.everybody_judges([0, 5, 0, 0, 0, 0, 0, 0, 0], differ=0b10),
            "RoundAborted",
        ),
        # Whoever could not post did not withhold.
        ("OPEN", lambda run: (run.demote("a1"), run.wait_out("close")), "RoundAborted"),
        (
            "ABSENT",
            lambda run: (
                run.act("a1", "announce", run.key("a1", 3), run.digest("hpke")),
                run.expel("s5"),
                run.wait_out("expire"),
            ),
            "RoundAborted",
        ),
        # Whoever left takes no part in rounds that open later.
        ("ANNOUNCED", lambda run: (run.expel("s5"), run.push("u1", "open")), "StudyNotActive"),
        ("ANNOUNCED", lambda run: (run.demote("s5"), run.push("u1", "open")), "Opened"),
        ("ANNOUNCED", lambda run: (run.demote("a2"), run.push("u1", "open")), "NotAggregator"),
        ("ABSENT", lambda run: (run.expel("s5"), run.honest_step()), "StudyNotActive"),
        (
            "OPEN",
            lambda run: (run.expel("s5"), run.say("s5", "report", 5, other=False)),
            "NotSite",
        ),
        (
            "OPEN",
            lambda run: (run.demote("s5"), run.say("s5", "report", 5, other=False)),
            "NotSite",
        ),
        (
            "OPEN",
            lambda run: (run.demote("a2"), run.say("a2", "report_noise", 5, other=False)),
            "NotAggregator",
        ),
        # The committee of two needs a third vote, however few the voters.
        ("ABSENT", lambda run: run.one_site_is_left(("a1", "a2")), "RoundAborted"),
        ("ABSENT", lambda run: run.one_site_is_left(("a1", "a2", "s1")), "Finalised"),
        ("ABSENT", lambda run: run.propose_badly("slow"), "TermsInvalid"),
        ("ABSENT", lambda run: run.propose_badly("rounds"), "TermsInvalid"),
        ("ABSENT", lambda run: run.propose_badly("aborts"), "TermsInvalid"),
        ("ABSENT", lambda run: run.register_again("s1", fresh=True), "RootInAnotherLineage"),
        ("ABSENT", lambda run: run.raise_lower_raise("s1", 5), "BudgetRaised"),
    ],
)
@pytest.mark.usefixtures("world")
def test_named_plays_are_the_same(machine, state, play, ends):
    run = machine()
    run.begin(State[state])
    play(run)
    assert ends in run.said


def in_step(*states):
    """One member after the other is missing on the way to these states; the round ends there."""

    def play(run):
        for state, missing in states:
            run.honest_steps_to(state)
            run.some_are_missing(missing)

    return play


REPLICATED = [
    # Who is missing leaves, where three are left; the next one ends the round.
    (B4, "ABSENT", in_step((State.ABSENT, {3}), (State.CLOSED, {0})), "RoundAborted"),
    (B4, "OPEN", in_step((State.OPEN, {1}), (State.HELD, {3})), "RoundAborted"),
    (B4, "OPEN", in_step((State.OPEN, {1, 2})), "RoundAborted"),
    (B4, "PICKED", in_step((State.PICKED, {2})), "Dropped"),
    (B4, "SEEDED", in_step((State.SEEDED, {2})), "RecoveryFixed"),
    (B3, "PICKED", in_step((State.PICKED, {2})), "RoundAborted"),
    # Deliveries: lost to two, lost to one, denied again, too little noise.
    (B4, "CLOSED", lambda run: run.everybody_delivers([3, 1, 32, 64]), "Moved"),
    (B4, "CLOSED", lambda run: run.everybody_delivers([32, 32, 0, 0]), "DeliveryFixed"),
    (B4, "CLOSED", lambda run: run.everybody_delivers([160, 32, 128, 0]), "RoundAborted"),
    (B4, "ANSWERED", lambda run: run.everybody_delivers([0, 0, 4, 0]), "Dropped"),
    (B4, "ANSWERED", lambda run: run.everybody_delivers([0, 32, 4, 0]), "DeliveryFixed"),
    (B4, "ANSWERED", lambda run: run.everybody_delivers([0, 32, 128, 0]), "RoundAborted"),
    (B3, "CLOSED", lambda run: run.everybody_delivers([32, 32, 0]), "RoundAborted"),
    (B3, "ANSWERED", lambda run: run.everybody_delivers([0, 32, 0]), "RoundAborted"),
    (B3, "ANSWERED", lambda run: run.everybody_delivers([0, 1, 0]), "DeliveryFixed"),
    # Blobs.
    (B4, "COMMITTED", lambda run: run.everybody_confirms(range(4), [8, 0, 8, 0]), "Dropped"),
    (B4, "COMMITTED", lambda run: run.everybody_confirms(range(4), [8, 0, 0, 0]), "Moved"),
    (B4, "COMMITTED", lambda run: run.everybody_confirms(range(4), [8, 4, 2, 1]), "Moved"),
    (B4, "COMMITTED", lambda run: run.everybody_confirms(range(4), [12, 12, 0, 0]), "RoundAborted"),
    (B3, "COMMITTED", lambda run: run.everybody_confirms(range(3), [4, 0, 0, 0]), "RoundAborted"),
    # Verdicts: one against three, two against two, belied files, noise of too few.
    (B4, "JUDGED", lambda run: run.everybody_judges([5], differ=4), "Dropped"),
    (B4, "JUDGED", lambda run: run.everybody_judges([5], differ=5), "RoundAborted"),
    (B4, "JUDGED", lambda run: run.everybody_judges([], differ=0, belied=2), "AcceptedFixed"),
    (B4, "JUDGED", lambda run: run.everybody_judges([], differ=2, belied=2), "AcceptedFixed"),
    (B4, "JUDGED", lambda run: run.everybody_judges([], differ=1, belied=2), "RoundAborted"),
    (B4, "JUDGED", lambda run: run.everybody_judges([], differ=0, belied=10), "RoundAborted"),
    (B3, "JUDGED", lambda run: run.everybody_judges([], differ=0, belied=4), "RoundAborted"),
    (B4, "JUDGED", lambda run: run.everybody_judges([0] * 5 + [5], differ=0), "AcceptedFixed"),
    (
        B4,
        "JUDGED",
        lambda run: (
            run.everybody_judges([0] * 5 + [5, 0, 5], differ=0),
            run.seeds("a1", 2, "defend"),
        ),
        "NoiseDefended",
    ),
    # Sums.
    (B4, "SETTLED", lambda run: run.everybody_sums({1: 0}), "Dropped"),
    (B4, "SETTLED", lambda run: run.everybody_sums({1: 0, 2: 0}), "Dropped"),
    (B4, "SETTLED", lambda run: run.everybody_sums({1: 0, 2: 1}), "RoundAborted"),
    (B3, "SETTLED", lambda run: run.everybody_sums({1: 0}), "RoundAborted"),
    (
        B4,
        "CLOSED",
        lambda run: (
            in_step((State.CLOSED, {0}))(run),
            run.honest_steps_to(State.SETTLED),
            run.everybody_sums({1: 0}),
        ),
        "RoundAborted",
    ),
    # Openings.
    (B4, "SEEDED", lambda run: run.everybody_recovers(0, {}), "RecoveryFixed"),
    (B4, "SEEDED", lambda run: run.everybody_recovers(4, {}), "RecoveryFixed"),
    (B4, "SEEDED", lambda run: run.everybody_recovers(4, {2: 0}), "RecoveryFixed"),
    (B4, "SEEDED", lambda run: run.everybody_recovers(4, {1: 0}), "RoundAborted"),
    (B4, "SEEDED", lambda run: run.everybody_recovers(4, {1: 0, 2: 0}), "RoundAborted"),
    (B4, "SEEDED", lambda run: run.everybody_recovers(15, {}), "RoundAborted"),
    (
        B4,
        "ABSENT",
        lambda run: (
            run.another_study(honest=2),
            run.honest_steps_to(State.JUDGED),
            run.everybody_judges([0] * 5 + [5], differ=0),
            run.honest_steps_to(State.SEEDED),
            run.everybody_recovers(2, {}),
        ),
        "RoundAborted",
    ),
    # Faults, and who is waited for.
    (B4, "OPENED", lambda run: run.some_accuse([2] * 5, "a1", attested=True), "RoundAborted"),
    (B3, "OPENED", lambda run: run.some_accuse([6, 4, 1, 3], "a1", attested=False), "WrongFault"),
    (
        B4,
        "SEEDED",
        lambda run: (in_step((State.SEEDED, {0}))(run), run.honest_step({0})),
        "Finalised",
    ),
]


@pytest.mark.parametrize(
    ("mode", "state", "play", "ends"), REPLICATED, ids=[str(n) for n in range(len(REPLICATED))]
)
@pytest.mark.usefixtures("trio", "quartet")
def test_named_plays_of_replicated_shares_are_the_same(machines, mode, state, play, ends):
    run = machines(mode)()
    run.begin(State[state])
    play(run)
    run.teardown()
    assert ends in run.said


def test_a_refusal_changes_nothing(world, account):
    model = replayed(world)
    before = copy.deepcopy(model.rounds.studies)
    outcome = model.apply(account("u1").address, r.open(world.study, 1), world.now + 1)
    assert isinstance(outcome.refusal, ContractRefused)
    assert outcome.refusal.name == "WrongState"
    assert model.rounds.studies == before
