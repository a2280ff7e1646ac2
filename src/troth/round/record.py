"""What one round and one study have gathered so far, between two transactions.

Plain sets, dicts and bitmaps: the packed storage of the contract is its own business. Bitmaps run
over the order of the transcript (sites in terms order, then noise candidates by member).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from troth.ledger.address import Address
from troth.ledger.bindings.structs import OnChainTerms
from troth.round.replication import grouped, noise_of, owners
from troth.round.transcript import bits
from troth.round.transitions import Fault, State, table

Word = TypeVar("Word")

SITE, AGGREGATOR = 1, 2
"""The bits of a role set that rounds ask for, as the Consortium contract numbers roles."""


@dataclass(frozen=True)
class Attestation:
    """A voter's word that a model follows, and whether its own tags are right."""

    model_digest: bytes
    tags_right: bool


@dataclass(frozen=True)
class Accusation:
    """A voter's word that a party is at fault. Its evidence is the voters' to read."""

    fault: Fault
    party: Address


@dataclass
class RoundRecord:
    """One round, between two transactions."""

    state: State = State.ABSENT
    deadline: int = 0
    posted: set[int] = field(default_factory=set)
    """Committee members that did what the present state waits for, or have nothing to do in it."""
    live: set[int] = field(default_factory=set)
    """Committee members that still take part: from the first announcement on, and only fewer."""
    owing: set[int] = field(default_factory=set)
    """Contested: who answers denials. Aborted: owners of noise that was rejected. Else nobody."""
    key_heads: dict[int, bytes] = field(default_factory=dict)
    """By member: what its next reveal must hash to."""
    hpke_keys: dict[int, bytes] = field(default_factory=dict)
    heads_digest: bytes = bytes(32)
    enrolled: int = 0
    reports: dict[int, bytes] = field(default_factory=dict)
    """Envelope digests, by index of the site."""
    noise_lists: dict[int, bytes] = field(default_factory=dict)
    """Digests of lists of noise envelopes, by index of the member."""
    transcript: bytes = bytes(32)
    present: int = 0
    delivered: int = 0
    words: dict[int, int] = field(default_factory=dict)
    """By member: bitmap of what it opened, by its last word."""
    unserved: dict[int, int] = field(default_factory=dict)
    """By member: how many others could not fetch what it put in the store in the present step."""
    verdicts: dict[int, bytes] = field(default_factory=dict)
    """Codes by member."""
    accepted: int = 0
    sums: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    """By member: digests of its sums, by share ascending where it holds several."""
    recoveries: dict[int, int] = field(default_factory=dict)
    """By member: bitmap of the owners whose seeds it says are missing or wrong."""
    recovered: int = 0
    """Bitmap of the owners whose noise the others opened."""
    attestations: dict[Address, Attestation] = field(default_factory=dict)
    """Those that stand: an accusation takes its voter's attestation back."""
    accusations: dict[Address, Accusation] = field(default_factory=dict)
    model_digest: bytes = bytes(32)
    reviewed: set[int] = field(default_factory=set)
    """Sites that came back after the round was final."""

    def of_live(self, said: Mapping[int, Word]) -> dict[int, Word]:
        """What live members said, by member."""
        return {member: said[member] for member in sorted(self.live) if member in said}

    def copy(self) -> Self:
        """A record of its own: nothing in the containers changes, they are only added to."""
        containers = (set, dict)
        values: dict[str, Any] = vars(self)
        own: dict[str, Any] = {
            k: v.copy() if isinstance(v, containers) else v for k, v in values.items()
        }
        return type(self)(**own)


@dataclass
class Progress:
    """How far one study is."""

    finals: int = 0
    aborts: int = 0
    unattributed: int = 0
    """Aborts since the last resumption that left open who is at fault."""
    guilty: set[int] = field(default_factory=set)
    """Members proven at fault: they take part in no further round."""
    used: dict[int, int] = field(default_factory=dict)
    """Accusations that each site has used since the last resumption."""
    resumptions: int = 0
    resume_votes: dict[bytes, set[Address]] = field(default_factory=dict)
    """Who voted for each motion to resume."""
    rounds: dict[int, RoundRecord] = field(default_factory=dict)

    @property
    def current(self) -> int:
        """The round that the study is at."""
        return self.finals + self.aborts + 1


@dataclass(frozen=True)
class Shape:
    """The bitmaps and thresholds that follow from a study's terms."""

    terms: OnChainTerms

    @property
    def mode(self) -> str:
        """``A``, ``B3`` or ``B4``."""
        return tuple(table().modes)[self.terms.mode]

    @property
    def replicated(self) -> bool:
        """Whether a share is held by all members but one, and not by one alone."""
        return self.mode != "A"

    @property
    def members(self) -> int:
        """Number of committee members."""
        return len(self.terms.committee)

    @property
    def least(self) -> int:
        """Members that must stay live; as many members' noise must stay as well."""
        least = table().modes[self.mode].least
        return self.members if least is None else least

    @property
    def honest(self) -> int:
        """h: members whose noise alone gives the privacy claimed."""
        return self.terms.honest

    @property
    def sites(self) -> int:
        """Number of sites."""
        return len(self.terms.sites)

    @property
    def places(self) -> int:
        """Sites and noise candidates together."""
        return self.sites + self.members * self.terms.noise_candidates

    @property
    def noise_bits(self) -> int:
        """Bitmap of the noise candidates."""
        return (1 << self.places) - (1 << self.sites)

    def member(self, account: Address) -> int | None:
        """Index of an account in the committee."""
        return _index(self.terms.committee, account)

    def site(self, account: Address) -> int | None:
        """Index of an account among the sites."""
        return _index([site.account for site in self.terms.sites], account)

    def noise_of(self, owners: Iterable[int]) -> int:
        """Bitmap of the noise candidates of some members."""
        return sum(noise_of(owner, **self._places) for owner in owners)

    def owners(self, places: int) -> set[int]:
        """The members that own any noise in a bitmap."""
        return owners(places, **self._places)

    def grouped(self, places: int) -> int:
        """A bitmap without the noise of every owner whose candidates are not all in it."""
        return grouped(places, **self._places)

    def noise_remains(self, places: int) -> bool:
        """Whether as many members' noise is in a bitmap, whole, as members must stay."""
        return len(self.owners(self.grouped(places))) >= self.least

    @property
    def _places(self) -> dict[str, int]:
        return {"sites": self.sites, "candidates": self.terms.noise_candidates}

    def meets_quorum(self, bitmap: int) -> bool:
        """Whether the sites in a bitmap are enough, by number and by weight."""
        weights = [site.weight for i, site in enumerate(self.terms.sites) if bitmap >> i & 1]
        return len(weights) >= self.terms.min_sites and sum(weights) >= self.terms.min_weight

    def accepted_sites(self, record: RoundRecord) -> dict[int, Address]:
        """The sites in S, by index."""
        accepted = record.accepted & ~self.noise_bits
        return {place: self.terms.sites[place].account for place in bits(accepted)}

    def voters(self, record: RoundRecord) -> tuple[Address, ...]:
        """Members and accepted sites: those who may attest and accuse."""
        return (*self.terms.committee, *self.accepted_sites(record).values())


def _index(accounts: list[Address] | tuple[Address, ...], account: Address) -> int | None:
    return accounts.index(account) if account in accounts else None
