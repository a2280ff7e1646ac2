"""What the ledger says of a round, folded from its final events; the inbox of every role.

The contract has already judged each event, so the fold only remembers. (The audit does not trust
the contract: it recomputes with ``machine.py``.)
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import privacy_ledger, rounds
from troth.round.transitions import Fault, State, table


@dataclass(frozen=True)
class Accusation:
    """A voter's word that a party lied."""

    fault: Fault
    party: Address
    evidence: bytes
    """Digest of what it shows; zeros where nothing is needed."""


@dataclass
class RoundView:
    """One round as final events tell it. Maps are by address."""

    number: int
    state: State = State.ABSENT
    deadline: int = 0
    key_heads: dict[Address, bytes] = field(default_factory=dict)
    hpke_keys: dict[Address, bytes] = field(default_factory=dict)
    """Digests of the members' per-round HPKE public keys."""
    heads_digest: bytes = b""
    enrolled: int = 0
    reports: dict[Address, bytes] = field(default_factory=dict)
    """Envelope digests by site."""
    noise_lists: dict[Address, bytes] = field(default_factory=dict)
    transcript: bytes = b""
    present: int = 0
    posted: set[Address] = field(default_factory=set)
    """Members that did what the present state waits for."""
    left: dict[Address, tuple[State, str]] = field(default_factory=dict)
    """Members that take no part any more: since which state, and the reason."""
    left_before: dict[State, frozenset[Address]] = field(default_factory=dict)
    """Those that had left when the round came into a state."""
    opened: dict[Address, int] = field(default_factory=dict)
    """Bitmaps of what each member opened: its last word."""
    answers: dict[Address, bytes] = field(default_factory=dict)
    """Digests of the shares that owners of denied noise opened."""
    delivered: int = 0
    reveals: dict[int, dict[Address, bytes]] = field(default_factory=lambda: defaultdict(dict))
    """What each member revealed of its key chain, by level."""
    files: dict[Address, bytes] = field(default_factory=dict)
    """Digests of verifier files."""
    fetched: dict[Address, int] = field(default_factory=dict)
    """Bitmaps of whose verifier file each member could fetch."""
    held: dict[Address, int] = field(default_factory=dict)
    """Bitmaps of whose publication each member could fetch."""
    verdicts: dict[Address, bytes] = field(default_factory=dict)
    accepted: int = 0
    reserved: dict[bytes, int] = field(default_factory=dict)
    """nano-ρ reserved, by lineage."""
    settled: dict[bytes, int] = field(default_factory=dict)
    """nano-ρ settled, by lineage."""
    sums: dict[Address, tuple[bytes, ...]] = field(default_factory=dict)
    """What bound each member to its sums: one digest, in B one for each share that it holds."""
    publications: dict[Address, bytes] = field(default_factory=dict)
    """Digests of sums with their tags."""
    seeds: dict[Address, tuple[bytes, ...]] = field(default_factory=dict)
    """Of the noise that each member opened."""
    recoveries: dict[Address, tuple[int, bytes]] = field(default_factory=dict)
    """Whose noise holders have to open, as each member says, and the digest of what it shows."""
    recovered: int = 0
    """Bitmap of the members whose noise holders opened."""
    attestations: dict[Address, bytes] = field(default_factory=dict)
    """Model digests by voter; one that accuses afterwards takes its own back."""
    tags_right: dict[Address, bool] = field(default_factory=dict)
    """Whether a voter said that it had found its own tags right."""
    accusations: dict[Address, Accusation] = field(default_factory=dict)
    model_digest: bytes = b""
    aborted: tuple[str, Address] = ("", ZERO)
    """Abort reason and the party named, `ZERO` when it names nobody."""
    reviews: dict[Address, bool] = field(default_factory=dict)
    """What sites found of their own tags after the round was final."""
    defences: dict[Address, tuple[bytes, ...]] = field(default_factory=dict)
    """Seeds of noise that was rejected, opened after the round had aborted."""


@dataclass
class StudyView:
    """One study as final events tell it."""

    study_id: bytes
    rounds: dict[int, RoundView] = field(default_factory=dict)

    @property
    def current(self) -> RoundView:
        """The round that the study is at: the first that has not ended."""
        number = len([view for view in self.rounds.values() if view.state.ended]) + 1
        return self.rounds.get(number) or RoundView(number)

    @property
    def finals(self) -> list[RoundView]:
        """Its final rounds, in order."""
        return [view for _, view in sorted(self.rounds.items()) if view.state is State.FINAL]

    @property
    def aborts(self) -> list[RoundView]:
        """Its aborted rounds, in order."""
        return [view for _, view in sorted(self.rounds.items()) if view.state is State.ABORTED]

    def apply(self, event: Any) -> None:
        """Take one event of the ledger; events of other studies and contracts are passed over."""
        note = _NOTES.get(type(event))
        if note is not None and event.study_id == self.study_id:
            note(self.rounds.setdefault(event.round, RoundView(event.round)), event)


def _moved(view: RoundView, event: rounds.Moved) -> None:
    view.state, view.deadline = State(event.state), event.deadline
    view.left_before[view.state] = frozenset(view.left)
    view.posted.clear()


def _dropped(view: RoundView, event: rounds.Dropped) -> None:
    view.left[event.member] = (State(event.in_state), table().reasons[event.reason])


def _recovery(view: RoundView, event: rounds.Recovered) -> None:
    view.recoveries[event.member] = (event.owners, event.digest)
    view.posted.add(event.member)


def _head(view: RoundView, event: rounds.HeadPosted) -> None:
    view.key_heads[event.member] = event.key_head
    view.hpke_keys[event.member] = event.hpke_key_digest


def _transcript(view: RoundView, event: rounds.TranscriptFixed) -> None:
    view.transcript, view.present = event.transcript, event.present


def _aborted(view: RoundView, event: rounds.RoundAborted) -> None:
    view.aborted = (table().reasons[event.reason], event.party)


def _revealed(view: RoundView, event: rounds.KeyRevealed) -> None:
    view.reveals[event.level][event.member] = event.value
    view.posted.add(event.member)


def _confirmed(view: RoundView, event: rounds.Confirmed) -> None:
    said = view.fetched if view.state is State.COMMITTED else view.held
    said[event.member] = event.fetched
    view.posted.add(event.member)


def _attested(view: RoundView, event: rounds.Attested) -> None:
    view.attestations[event.voter] = event.model_digest
    view.tags_right[event.voter] = event.tags_right


def _accused(view: RoundView, event: rounds.Accused) -> None:
    view.attestations.pop(event.voter, None)
    view.accusations[event.voter] = Accusation(Fault(event.fault), event.party, event.evidence)


def _set(name: str, source: str) -> Callable[[RoundView, Any], None]:
    """Remember one value of the event."""
    return lambda view, event: setattr(view, name, getattr(event, source))


def _by(name: str, key: str, source: str) -> Callable[[RoundView, Any], None]:
    """Remember one value of the event under its party or lineage."""
    return lambda view, event: getattr(view, name).__setitem__(
        getattr(event, key), getattr(event, source)
    )


def _step(name: str, source: str) -> Callable[[RoundView, Any], None]:
    """Remember one value of a member's event, and that the member has done its part."""

    def note(view: RoundView, event: Any) -> None:
        getattr(view, name)[event.member] = getattr(event, source)
        view.posted.add(event.member)

    return note


_NOTES: dict[type, Callable[[RoundView, Any], None]] = {
    rounds.Moved: _moved,
    rounds.Dropped: _dropped,
    rounds.HeadPosted: _head,
    rounds.HeadsFixed: _set("heads_digest", "heads_digest"),
    rounds.Opened: _set("enrolled", "enrolled"),
    rounds.Reported: _by("reports", "site", "digest"),
    rounds.NoiseReported: _by("noise_lists", "member", "digest"),
    rounds.TranscriptFixed: _transcript,
    rounds.DeliveryPosted: _step("opened", "opened"),
    rounds.Answered: _step("answers", "digest"),
    rounds.DeliveryFixed: _set("delivered", "delivered"),
    rounds.KeyRevealed: _revealed,
    rounds.FileCommitted: _step("files", "digest"),
    rounds.Confirmed: _confirmed,
    rounds.VerdictPosted: _step("verdicts", "codes"),
    rounds.AcceptedFixed: _set("accepted", "accepted"),
    rounds.SumCommitted: _step("sums", "digests"),
    rounds.PublicationPosted: _step("publications", "digest"),
    rounds.NoiseOpened: _step("seeds", "seeds"),
    rounds.Recovered: _recovery,
    rounds.RecoveryFixed: _set("recovered", "owners"),
    rounds.Attested: _attested,
    rounds.Accused: _accused,
    rounds.Finalised: _set("model_digest", "model_digest"),
    rounds.RoundAborted: _aborted,
    rounds.Reviewed: _by("reviews", "site", "tags_right"),
    rounds.NoiseDefended: _by("defences", "member", "seeds"),
    privacy_ledger.Reserved: _by("reserved", "lineage", "nano_rho"),
    privacy_ledger.Settled: _by("settled", "lineage", "nano_rho"),
}
