"""One study on the model of the Rounds contract, with a clock, for tests that say what happens."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from troth.errors import ContractRefused
from troth.ledger.address import Address
from troth.ledger.bindings import privacy_ledger, rounds
from troth.ledger.bindings.structs import OnChainTerms, Site, Windows
from troth.round.machine import Emitted, RoundsModel
from troth.round.record import Shape
from troth.round.transcript import RoundId, key_chain
from troth.round.transitions import Fault, State, table

CHAIN = 31337
ROUNDS = Address(b"\xee" * 20)
STUDY = b"\x05" * 32
START, WINDOW = 1000, 50
A, B, C, D = (Address(bytes([n]) * 20) for n in (1, 2, 3, 4))  # the committee; D in B4 only
S = tuple(Address(bytes([n]) * 20) for n in (11, 12, 13))
ANYONE = Address(b"\x77" * 20)
COMMITTEE = (A, B, C)
LINEAGES = tuple(bytes([n]) * 32 for n in (21, 22, 23))
MODEL = b"\x0d" * 32
ALL_PLACES = 0b11_11_11_111
"""From the right: three sites, then two noise candidates of each of three members."""
ACCEPT = bytes(9)
REJECT_B = bytes(6) + b"\x06" + bytes(2)
NOISE_OF_B = 1 << 6
DISPUTED = (State.CONTESTED, State.ANSWERED)
TAGGED = (State.SUMMED, State.CHALLENGED, State.PUBLISHED)
"""Where only mode A goes."""
SEED, SEEDS = b"\x31" * 32, (b"\x31" * 32, b"\x32" * 32)
EVIDENCE = b"\x07" * 32


def terms(**changes):
    sites = tuple(Site(a, w, lin, lin) for a, w, lin in zip(S, (3, 1, 1), LINEAGES, strict=True))
    usual = {
        "mode": 0,
        "honest": 1,
        "noise_candidates": 2,
        "accusations": 2,
        "corrupt_sites": 0,
        "every_site": False,
        "rounds": 2,
        "max_aborts": 1,
        "min_sites": 2,
        "min_weight": 4,
        "clip": 128,
        "noise_variance": 10_000,
        "windows": Windows(*range(WINDOW, WINDOW + 13)),
        "committee": COMMITTEE,
        "sites": sites,
    }
    return OnChainTerms(**{**usual, **changes})


B3 = terms(mode=1)
B4 = terms(mode=2, committee=(*COMMITTEE, D), max_aborts=5, accusations=5)


@dataclass
class Others:
    """The other contracts, as obliging as a test wants them."""

    study: OnChainTerms = field(default_factory=terms)
    active: bool = True
    enrolled: int = 0b111
    strangers: tuple[Address, ...] = (ANYONE,)
    left: int = 100
    changes: int = 0
    steps: list[str] = field(default_factory=list)

    def roles_of(self, account):
        return 0 if account in self.strangers else 1 if account in S else 2

    def quorum(self):
        return 2

    def epoch(self):
        return self.changes

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
        if action == "resume":
            del arguments["round"]
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
    def progress(self):
        return self.model.studies[STUDY]

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
        head = self.chain(member)[3]
        return self.act(member, "announce", key_head=head, hpke_key_digest=b"\x01" * 32)

    def reveal(self, member, level):
        return self.act(member, "reveal", value=self.chain(member)[level])

    @property
    def shape(self):
        return Shape(self.others.study)

    @property
    def committee(self):
        return self.others.study.committee

    @property
    def live(self):
        return [self.committee[member] for member in sorted(self.record.live)]

    def reveals(self, level):
        return [self.reveal(member, level) for member in self.live][-1]

    def members(self, action, **given):
        return [self.act(member, action, **given) for member in self.live][-1]

    def each(self, action, **given):
        """Live members, in order, each with a value of its own; what the last one's call says."""
        ((name, values),) = given.items()
        posts = zip(self.live, values, strict=True)
        return [self.act(member, action, **{name: value}) for member, value in posts][-1]

    def confirm(self):
        return self.members("confirm", fetched=sum(1 << member for member in self.record.live))

    def codes(self):
        """The verdict that accepts everything there is."""
        record, places = self.record, range(self.shape.places)
        return bytes(
            0 if record.delivered >> place & 1 else 1 + (record.present >> place & 1)
            for place in places
        )

    def judge(self, codes=None, contradicted=0):
        """Everybody posts the same."""
        codes = self.codes() if codes is None else codes
        verdict = codes + bytes([contradicted] * self.shape.replicated)
        return self.members("judge", codes=verdict)

    def commit_sum(self):
        """Equal digests of equal sums, which are anything."""
        digests = tuple(bytes([3 + share]) * 32 for share in range(self.shape.members))
        if not self.shape.replicated:
            return self.members("commitSum", digests=digests[:1])
        held = [digests[:k] + digests[k + 1 :] for k in sorted(self.record.live)]
        return self.each("commitSum", digests=held)

    def report(self, sites=S, members=None):
        for site in sites:
            self.act(site, "report", digest=bytes(site) + bytes(12))
        for member in self.live if members is None else members:
            self.act(member, "reportNoise", digest=bytes(member) + bytes(12))

    def reach(self, state):
        """Everybody is honest up to this state, but for C where noise is disputed."""
        spares = self.shape.least < self.shape.members
        skipped = (() if spares else (State.SEEDED,)) + TAGGED * self.shape.replicated
        steps = {
            State.ANNOUNCING: lambda: self.announce(A),
            State.ANNOUNCED: lambda: [self.announce(m) for m in self.live if m != A],
            State.OPEN: lambda: self.act(ANYONE, "open"),
            State.CLOSED: lambda: (self.report(), self.act(ANYONE, "close")),
            State.CONTESTED: self.deny,
            State.ANSWERED: self.answer,
            State.DELIVERED: lambda: self.members("deliver", opened=self.record.present),
            State.KEYED: lambda: self.reveals(2),
            State.COMMITTED: lambda: self.members("commitFile", digest=b"\x02" * 32),
            State.JUDGED: self.confirm,
            State.SETTLED: self.judge,
            State.SUMMED: self.commit_sum,
            State.CHALLENGED: lambda: self.reveals(1),
            State.PUBLISHED: lambda: self.members("publish", digest=b"\x04" * 32),
            State.HELD: self.commit_sum if self.shape.replicated else self.confirm,
            State.PICKED: lambda: self.reveals(0),
            State.SEEDED: self.open_noise,
            State.OPENED: self.recover if spares else self.open_noise,
            State.FINAL: lambda: (self.attest(), self.act(ANYONE, "finalise")),
        }
        undisputed = () if {state, self.state} & set(DISPUTED) else DISPUTED
        for to, step in steps.items():
            if self.state < to <= state and to not in (*undisputed, *skipped):
                step()
                assert self.state is to
        return self

    def deny(self):
        """C says that it cannot open the second noise candidate of B."""
        present = self.record.present
        return self.each(
            "deliver", opened=[present & ~(NOISE_OF_B * (member == C)) for member in self.live]
        )

    def answer(self):
        answering = self.live if self.shape.replicated else (B,)
        return [self.act(member, "answer", digest=b"\x05" * 32) for member in answering][-1]

    def open_noise(self):
        return self.members("openNoise", seeds=(SEED,))

    def recover(self, owners=0):
        return self.members("recover", owners=owners, digest=b"\x06" * 32 if owners else bytes(32))

    def attest(self, voters=None, model=MODEL, *, tags_right=True):
        for voter in (*self.live, *S) if voters is None else voters:
            self.act(voter, "attest", model_digest=model, tags_right=tags_right)

    def accuse(self, voters, fault, party):
        for voter in voters:
            self.act(voter, "accuse", fault=fault, party=party, evidence=EVIDENCE)

    def reject_noise(self):
        """An abort in which everybody agrees to reject a candidate of B."""
        return self.reach(State.JUDGED).members("judge", codes=REJECT_B)

    def at(self, state):
        """As `reach`; ABORTED with the only reason that anything can follow."""
        if state is State.ABORTED:
            self.reject_noise()
            return self
        return self.reach(state)

    def resume(self, *members, restored=0):
        return [self.act(member, "resume", restored=restored) for member in members][-1]

    def abort(self):
        """A round that nobody opens in time: it names nobody and is nobody's fault."""
        return self.reach(State.ANNOUNCED).late().act(ANYONE, "expire")

    def late(self):
        self.now += 10_000
        return self


def game_at(state):
    """A game in one state, in mode A wherever that has the state."""
    return Game(**{"study": B4} if state is State.SEEDED else {}).at(state)


def aborted(events):
    """Reason, state and parties of the abort that these events end with."""
    *_, abort, moved = events
    assert isinstance(abort, rounds.RoundAborted)
    assert moved == rounds.Moved(STUDY, abort.round, State.ABORTED, 0)
    return table().reasons[abort.reason], State(abort.in_state), abort.party, abort.other


ARGUMENTS: dict[str, dict[str, Any]] = {
    "announce": {"key_head": b"\x01" * 32, "hpke_key_digest": b"\x01" * 32},
    "report": {"digest": b"\x01" * 32},
    "reportNoise": {"digest": b"\x01" * 32},
    "deliver": {"opened": 0},
    "reveal": {"value": bytes(32)},
    "commitFile": {"digest": b"\x01" * 32},
    "answer": {"digest": b"\x01" * 32},
    "confirm": {"fetched": 1},
    "judge": {"codes": b""},
    "commitSum": {"digests": (b"\x01" * 32,)},
    "publish": {"digest": b"\x01" * 32},
    "openNoise": {"seeds": (SEED,)},
    "recover": {"owners": 0, "digest": bytes(32)},
    "attest": {"model_digest": b"\x01" * 32, "tags_right": True},
    "accuse": {"fault": Fault.TAG, "party": B, "evidence": EVIDENCE},
    "review": {"tags_right": True},
    "defend": {"seeds": SEEDS},
}
LATER = ("review", "defend")
"""What is said of rounds that ended."""
