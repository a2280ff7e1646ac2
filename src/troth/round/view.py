"""What the ledger says of a round, folded from its final events; the inbox of every role.

The contract has already judged each event, so the fold only remembers. (The audit does not trust
the contract: it recomputes with ``machine.py``.)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import privacy_ledger, rounds
from troth.round.transitions import State, table


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
    opened: dict[Address, int] = field(default_factory=dict)
    delivered: int = 0
    reveals: dict[Address, bytes] = field(default_factory=dict)
    files: dict[Address, bytes] = field(default_factory=dict)
    """Digests of verifier files."""
    confirmed: dict[Address, int] = field(default_factory=dict)
    verdicts: dict[Address, bytes] = field(default_factory=dict)
    accepted: int = 0
    reserved: dict[bytes, int] = field(default_factory=dict)
    """nano-ρ reserved, by lineage."""
    settled: dict[bytes, int] = field(default_factory=dict)
    """nano-ρ settled, by lineage."""
    sums: dict[Address, bytes] = field(default_factory=dict)
    publications: dict[Address, bytes] = field(default_factory=dict)
    """Digests of aggregate shares."""
    attestations: dict[Address, bytes] = field(default_factory=dict)
    model_digest: bytes = b""
    aborted: tuple[str, Address] = ("", ZERO)
    """Abort reason and the party named, `ZERO` when it names nobody."""


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


def _head(view: RoundView, event: rounds.HeadPosted) -> None:
    view.key_heads[event.member] = event.key_head
    view.hpke_keys[event.member] = event.hpke_key_digest


def _transcript(view: RoundView, event: rounds.TranscriptFixed) -> None:
    view.transcript, view.present = event.transcript, event.present


def _aborted(view: RoundView, event: rounds.RoundAborted) -> None:
    view.aborted = (table().reasons[event.reason], event.party)


def _set(name: str, source: str) -> Callable[[RoundView, Any], None]:
    """Remember one value of the event."""
    return lambda view, event: setattr(view, name, getattr(event, source))


def _by(name: str, key: str, source: str) -> Callable[[RoundView, Any], None]:
    """Remember one value of the event under its party or lineage."""
    return lambda view, event: getattr(view, name).__setitem__(
        getattr(event, key), getattr(event, source)
    )


_NOTES: dict[type, Callable[[RoundView, Any], None]] = {
    rounds.Moved: _moved,
    rounds.HeadPosted: _head,
    rounds.HeadsFixed: _set("heads_digest", "heads_digest"),
    rounds.Opened: _set("enrolled", "enrolled"),
    rounds.Reported: _by("reports", "site", "digest"),
    rounds.NoiseReported: _by("noise_lists", "member", "digest"),
    rounds.TranscriptFixed: _transcript,
    rounds.DeliveryPosted: _by("opened", "member", "opened"),
    rounds.DeliveryFixed: _set("delivered", "delivered"),
    rounds.KeyRevealed: _by("reveals", "member", "value"),
    rounds.FileCommitted: _by("files", "member", "digest"),
    rounds.FilesConfirmed: _by("confirmed", "member", "fetched"),
    rounds.VerdictPosted: _by("verdicts", "member", "codes"),
    rounds.AcceptedFixed: _set("accepted", "accepted"),
    rounds.SumCommitted: _by("sums", "member", "digest"),
    rounds.PublicationPosted: _by("publications", "member", "digest"),
    rounds.Attested: _by("attestations", "voter", "model_digest"),
    rounds.Finalised: _set("model_digest", "model_digest"),
    rounds.RoundAborted: _aborted,
    privacy_ledger.Reserved: _by("reserved", "lineage", "nano_rho"),
    privacy_ledger.Settled: _by("settled", "lineage", "nano_rho"),
}
