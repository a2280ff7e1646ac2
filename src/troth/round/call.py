"""One call on the Rounds contract, with everything that it is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from troth.errors import ContractRefused
from troth.ledger.address import Address
from troth.ledger.bindings.structs import OnChainTerms
from troth.ledger.interface import Event
from troth.round.record import AGGREGATOR, Progress, RoundRecord, Shape
from troth.round.transcript import RoundId

EMPTY = bytes(32)


@dataclass(frozen=True)
class Emitted:
    """One event of one contract."""

    contract: str
    """Name of the contract."""
    event: Event


class Surroundings(Protocol):
    """What the Rounds contract asks of the other contracts."""

    def roles_of(self, account: Address) -> int:
        """Role set of a member of the consortium; 0 when it is none."""

    def quorum(self) -> int:
        """Votes that carry a motion of the consortium now."""

    def epoch(self) -> int:
        """How often the consortium's membership has changed."""

    def is_active(self, study_id: bytes) -> bool:
        """Whether a study is active now."""

    def terms_of(self, study_id: bytes) -> OnChainTerms | None:
        """A study's integers; None when there is no such study."""

    def enrolled_sites(self, study_id: bytes) -> int:
        """Bitmap of the sites whose roles and grants stand now."""

    def charges_of(self, study_id: bytes, sites: int) -> tuple[tuple[bytes, int], ...]:
        """Lineage and nano-ρ of each site in a bitmap."""

    def charge(
        self, step: str, study_id: bytes, number: int, charges: Sequence[tuple[bytes, int]]
    ) -> list[Emitted]:
        """``reserve``, ``settle`` or ``release`` a round's price on the privacy ledger.

        Raises:
            ContractRefused: as the privacy ledger.
        """


def refusal(name: str, **arguments: Any) -> ContractRefused:
    """One of the contract's custom errors."""
    return ContractRefused("Rounds", name, arguments)


@dataclass(frozen=True)
class Call:
    """One call, with everything that it is judged by."""

    sender: Address
    where: RoundId
    now: int
    progress: Progress
    record: RoundRecord
    shape: Shape
    ask: Surroundings

    @property
    def key(self) -> tuple[bytes, int]:
        """Study and round: the first fields of every event."""
        return self.where.study, self.where.round

    def refuse_here(self, name: str, **arguments: Any) -> ContractRefused:
        """A refusal whose first arguments are the study and the round."""
        study_id, number = self.key
        return refusal(name, study_id=study_id, round=number, **arguments)

    def refuse_sender(self, name: str) -> ContractRefused:
        """A refusal that says what the sender is not in the study."""
        return refusal(name, study_id=self.where.study, account=self.sender)

    def member(self) -> int:
        """Index of the sender in the committee."""
        index = self.shape.member(self.sender)
        if index is None:
            raise self.refuse_sender("NotCommittee")
        return index

    def is_aggregator(self, account: Address) -> bool:
        """Whether an account has the role that a committee member needs."""
        return bool(self.ask.roles_of(account) & AGGREGATOR)

    def require_aggregator(self, account: Address) -> None:
        """Refuse a committee member that has lost its role."""
        if not self.is_aggregator(account):
            raise refusal("NotAggregator", account=account)

    def require_first(self, *, said: bool) -> None:
        """Refuse a second post."""
        if said:
            raise self.refuse_here("AlreadyPosted", account=self.sender)

    def require_digest(self, *digests: bytes) -> None:
        """Refuse zeros, which stand for nothing."""
        if EMPTY in digests:
            raise refusal("ZeroDigest")

    def live_member(self) -> int:
        """Index of the sender in the committee, of which it has not left the round."""
        index = self.member()
        if index not in self.record.live:
            raise self.refuse_here("NotLive", account=self.sender)
        return index

    def post(self) -> int:
        """The sender, a live committee member, does what the state waits for, once."""
        index = self.live_member()
        self.require_first(said=index in self.record.posted)
        return index

    def require_owing(self, index: int) -> None:
        """Refuse a member that owes nothing here, or has given it."""
        if index not in self.record.owing:
            raise self.refuse_here("NotOwing", account=self.sender)
        self.require_first(said=index in self.record.posted)
