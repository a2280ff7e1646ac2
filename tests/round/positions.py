"""One small round between two transactions: who takes part, what is on the ledger, what is true.

Of the blobs only what matters is left, as a label in the digest: ``shut to 1`` is a report that
member 1 cannot open. Each member has two noise candidates. What may be wrong with noise is wrong
with the first of them; whether that one is opened at the end is the pick's to say.
"""

from dataclasses import dataclass, field
from functools import cache, cached_property

from troth.ledger.address import Address
from troth.ledger.bindings.structs import OnChainTerms, Site, Windows
from troth.round.record import Progress, RoundRecord
from troth.round.transitions import Fault, table

STUDY, CONTRACT, CHAIN = b"\x05" * 32, Address(b"\xee" * 20), 1
A, B, C, D = MEMBERS = tuple(Address(bytes([n]) * 20) for n in (1, 2, 3, 4))
SITES = tuple(Address(bytes([n]) * 20) for n in (11, 12, 13))
ANYONE = Address(b"\x77" * 20)
NAMES = dict(
    zip((*MEMBERS, *SITES, ANYONE), ("A", "B", "C", "D", "s1", "s2", "s3", "anyone"), strict=True)
)
CANDIDATES = 2
NOW, PAST = 1, 0
"""A deadline is this very second, so still met, or a past one."""
STOPPED = "study stopped"


def label(text: str) -> bytes:
    """A digest that says what it is of."""
    return text.encode().ljust(32, b".")


_TOLD = ("right", "other", "shifted", "invalid", "false", "kept back")
RIGHT, OTHER, SHIFTED, INVALID, FALSE, KEPT = map(label, _TOLD)
"""`INVALID` does not verify. `FALSE` does, but is not what its seed gives. `SHIFTED` is a sum, or
the model that follows from it, that is not the reports'."""


@cache
def shut(member: int) -> bytes:
    """A report of which one member cannot open a share; where it holds several, the first."""
    return label(f"shut to {member}")


@cache
def forged(place: int) -> bytes:
    """A verifier file that turns the verdict at one place around, if no other holder says else."""
    return label(f"forged at {place}")


@cache
def bent(place: int) -> bytes:
    """A publication of a shifted sum that adds up, because the tag at one place is bent."""
    return label(f"bent at {place}")


@dataclass(frozen=True)
class Setting:
    """Who takes part, who of them is honest, and how often the study may try again."""

    sites: int
    honest: frozenset[Address]
    max_aborts: int = 0
    members: int = 2
    every_site: bool = False
    mode: str = "A"

    @property
    def replicated(self) -> bool:
        return self.mode != "A"

    @property
    def spares(self) -> bool:
        """Whether the round goes on without one member."""
        return self.mode == "B4"

    @cached_property
    def committee(self) -> tuple[Address, ...]:
        return MEMBERS[: self.members]

    @cached_property
    def parties(self) -> tuple[Address, ...]:
        return (*self.committee, *SITES[: self.sites])

    @cached_property
    def terms(self) -> OnChainTerms:
        """All sites but one are a quorum (of one: that one). One unattributed abort is a pause.

        In B4 all sites are: it asks for one more vote, so that it can spare a member's.
        """
        least = self.sites if self.spares else max(1, self.sites - 1)
        return OnChainTerms(
            mode=tuple(table().modes).index(self.mode),
            honest=1,
            noise_candidates=CANDIDATES,
            accusations=1,
            corrupt_sites=max(0, least - 1 - self.spares),
            every_site=self.every_site,
            rounds=1,
            max_aborts=self.max_aborts,
            min_sites=least,
            min_weight=least,
            clip=8,
            noise_variance=4,
            windows=Windows(*[1] * 13),
            committee=self.committee,
            sites=tuple(Site(a, 1, bytes(32), bytes(32)) for a in SITES[: self.sites]),
        )

    @property
    def assumed(self) -> bool:
        """Whether no more sites lie than the terms assume.

        Of the members all may lie; but where shares are replicated only one does here.
        """
        lying = [site for site in SITES[: self.sites] if site not in self.honest]
        return len(lying) <= self.terms.corrupt_sites

    @property
    def survives(self) -> bool:
        """Whether one member can do nothing to end a round: enough votes remain without it."""
        votes = self.members - 1 + self.sites
        sites = self.honest.issuperset(SITES[: self.sites])
        return self.spares and sites and votes > self.members + self.terms.corrupt_sites

    def lacks(self, member: int) -> int:
        """The share of a report that is shut to a member: the first that it holds, in B3 and B4."""
        return int(member == 0)

    def forges(self, member: int, place: int) -> tuple[int, ...]:
        """The shares that a forged file lies about: of a site's report all, of noise the first."""
        held = tuple(share for share in range(self.members) if share != member)
        return held if place < self.sites else held[:1]

    def noise_place(self, owner: int) -> int:
        """The place of a member's first noise candidate."""
        return self.sites + owner * CANDIDATES


@dataclass(frozen=True)
class Truth:
    """What everybody, or one party alone, finds out once noise is opened."""

    fault: tuple[Fault, Address] | None = None
    """What everybody who recomputes the round finds first."""
    own_tags: tuple[tuple[Address, Address], ...] = ()
    """Honest sites whose tags are bent, and by whom. Nobody else can tell."""
    shown: tuple[tuple[Address, Address], ...] = ()
    """Honest owners of a kept candidate whose tag is bent, and by whom. They can prove it."""
    model: bytes = RIGHT
    """The digest of the model that follows from what was published."""


@dataclass(frozen=True)
class Position:
    """A round between two transactions, and what of its past the properties ask for."""

    setting: Setting
    enrolled: int
    """Sites that may take part if the round opens now."""
    study: Progress = field(default_factory=Progress)
    """How far the study is; its rounds are not in it."""
    record: RoundRecord = field(default_factory=RoundRecord)
    posts: dict[tuple[str, Address], bytes] = field(default_factory=dict)
    """What members did, by action; with its value where a later step reads the blob."""
    charges: tuple[str, ...] = ()
    fixed: int | None = None
    """S, once it was said."""
    frame: str = ""
    """A vote since which the other contracts refuse: ``A out``, ``B out`` or `STOPPED`."""
    picked: frozenset[int] = frozenset()
    """Members whose first noise candidate, which is not as it should be, is opened."""
    truth: Truth | None = None
    """From the openings on."""

    @property
    def number(self) -> int:
        """Of the round that these are the transactions of."""
        return self.study.finals + self.study.aborts + (not self.record.state.ended)

    @property
    def late(self) -> bool:
        return self.record.state in table().windows and self.record.deadline < NOW

    @property
    def paused(self) -> bool:
        return self.study.unattributed >= self.setting.terms.accusations

    @property
    def over(self) -> bool:
        ended = self.study.finals > 0 or self.study.aborts > self.setting.max_aborts
        fewest = 3 if self.setting.spares else self.setting.members
        return ended or self.setting.members - len(self.study.guilty) < fewest

    def honest(self, who: Address) -> bool:
        return who in self.setting.honest

    def word(self, place: int) -> bytes:
        """What was reported at a place."""
        if place < self.setting.sites:
            return self.record.reports[place]
        owner, candidate = divmod(place - self.setting.sites, CANDIDATES)
        return RIGHT if candidate else self.record.noise_lists[owner]


def fresh(setting: Setting, study: Progress) -> Position:
    """Before a round."""
    return Position(setting, (1 << setting.sites) - 1, study)
