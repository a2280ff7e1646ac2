"""What one round has gathered so far, and the named conditions that the table's guards ask of it.

Plain sets, dicts and bitmaps: the packed storage of the contract is its own business. Bitmaps run
over the order of the transcript (sites in terms order, then noise candidates by member).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from troth.ledger.address import Address
from troth.ledger.bindings.structs import OnChainTerms
from troth.round.transcript import bits
from troth.round.transitions import State, table


@dataclass
class RoundRecord:
    """One round, between two transactions."""

    state: State = State.ABSENT
    deadline: int = 0
    posted: set[int] = field(default_factory=set)
    """Committee members that did what the present state waits for."""
    key_heads: dict[int, bytes] = field(default_factory=dict)
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
    denials: set[tuple[int, int, int]] = field(default_factory=set)
    """Noise that was not opened: owner, candidate, denier, as indices."""
    unfetched: bool = False
    """Some member could not fetch some other member's file."""
    verdicts: list[bytes] = field(default_factory=list)
    accepted: int = 0
    attestations: dict[Address, bytes] = field(default_factory=dict)
    model_digest: bytes = bytes(32)


@dataclass(frozen=True)
class Shape:
    """The bitmaps and thresholds that follow from a study's terms."""

    terms: OnChainTerms

    @property
    def members(self) -> int:
        """Number of committee members."""
        return len(self.terms.committee)

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

    def noise_owner(self, place: int) -> int:
        """Member whose noise candidate stands at a place."""
        return (place - self.sites) // self.terms.noise_candidates

    def meets_quorum(self, bitmap: int) -> bool:
        """Whether the sites in a bitmap are enough, by number and by weight."""
        weights = [site.weight for i, site in enumerate(self.terms.sites) if bitmap >> i & 1]
        return len(weights) >= self.terms.min_sites and sum(weights) >= self.terms.min_weight

    def voters(self, record: RoundRecord) -> int:
        """Members and accepted sites: those who may attest."""
        return self.members + sum(1 for place in bits(record.accepted) if place < self.sites)


def _index(accounts: list[Address] | tuple[Address, ...], account: Address) -> int | None:
    return accounts.index(account) if account in accounts else None


def _noise_missing(shape: Shape, record: RoundRecord) -> bool:
    return len(record.noise_lists) < shape.members


def _below_quorum(shape: Shape, record: RoundRecord) -> bool:
    judged = record.state is State.JUDGED
    return not shape.meets_quorum(record.accepted if judged else record.present)


def _noise_denied(_: Shape, record: RoundRecord) -> bool:
    return bool(record.denials)


def _file_unavailable(_: Shape, record: RoundRecord) -> bool:
    return record.unfetched


def _verdicts_differ(_: Shape, record: RoundRecord) -> bool:
    return len(set(record.verdicts)) > 1


def _noise_rejected(shape: Shape, record: RoundRecord) -> bool:
    return record.accepted & shape.noise_bits != shape.noise_bits


def _no_majority(shape: Shape, record: RoundRecord) -> bool:
    return majority(shape, record) is None


GUARDS: dict[str, Callable[[Shape, RoundRecord], bool]] = {
    "noise missing": _noise_missing,
    "below quorum": _below_quorum,
    "noise denied": _noise_denied,
    "file unavailable": _file_unavailable,
    "verdicts differ": _verdicts_differ,
    "noise rejected": _noise_rejected,
    "no majority": _no_majority,
}
"""The conditions of the table, by the names it gives them."""


def majority(shape: Shape, record: RoundRecord) -> bytes | None:
    """The model digest that more than half of all voters attested; None without one.

    The votes are more than the committee's, too: it never decides alone.
    """
    least = max(shape.voters(record) // 2, shape.members) + 1
    votes = list(record.attestations.values())
    for digest in votes:
        if votes.count(digest) >= least:
            return digest
    return None


def all_in(shape: Shape, record: RoundRecord) -> bool:
    """Whether nobody is left to wait for in a state that ends by itself or by its deadline."""
    if record.state is State.OPEN:
        reported = sum(1 << site for site in record.reports)
        return not _noise_missing(shape, record) and reported == record.enrolled
    return len(record.attestations) == shape.voters(record)


def _missing_member(shape: Shape, record: RoundRecord) -> tuple[Address, ...]:
    there = record.noise_lists.keys() if record.state is State.OPEN else record.posted
    return (next(a for j, a in enumerate(shape.terms.committee) if j not in there),)


def _owner_and_denier(shape: Shape, record: RoundRecord) -> tuple[Address, ...]:
    owner, _, denier = min(record.denials)
    return shape.terms.committee[owner], shape.terms.committee[denier]


def _owner(shape: Shape, record: RoundRecord) -> tuple[Address, ...]:
    place = next(bits(shape.noise_bits & ~record.accepted))
    return (shape.terms.committee[shape.noise_owner(place)],)


NAMED: dict[str, Callable[[Shape, RoundRecord], tuple[Address, ...]]] = {
    "nobody": lambda _shape, _record: (),
    "missing member": _missing_member,
    "owner and denier": _owner_and_denier,
    "owner": _owner,
}
"""Whom an abort names, by the names the table gives."""


def accepted_places(shape: Shape, record: RoundRecord, codes: bytes) -> tuple[int, int | None]:
    """The bitmap that a verdict accepts, and the first place where it cannot stand."""
    verdicts = table().verdicts
    if len(codes) != shape.places:
        return 0, min(len(codes), shape.places)
    accepted = 0
    for place, code in enumerate(codes):
        name = verdicts[code] if code < len(verdicts) else "unknown"
        if record.present >> place & 1 == 0:
            fits = name == "absent"
        elif record.delivered >> place & 1 == 0:
            fits = name == "undelivered"
        else:
            fits = name not in ("absent", "undelivered", "unknown")
        if not fits:
            return 0, place
        accepted |= (name == "accepted") << place
    return accepted, None
