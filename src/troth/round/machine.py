"""The Rounds contract as plain Python, driven by the rows of the transition table.

`RoundsModel.apply` says, for any call at any time, either which events the contract emits, in
order, or with which of its errors it reverts. Which action is possible in which state, when a step
is complete, where it leads, whom an abort names and what becomes of the reservation all come from
``transitions.json``; only the checks of an action's own arguments are written here, in the order of
the contract. The audit replays a whole chain with it, and the contract's tests compare with it.
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from troth.errors import ContractRefused
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.bindings.structs import OnChainTerms, Windows
from troth.ledger.interface import Event
from troth.round.record import (
    GUARDS,
    NAMED,
    RoundRecord,
    Shape,
    accepted_places,
    all_in,
    majority,
)
from troth.round.transcript import (
    HEAD_LEVEL,
    REVEAL_LEVEL,
    RoundId,
    heads_digest,
    key_step,
    transcript_digest,
)
from troth.round.transitions import Outcome, Row, State, table

SITE, AGGREGATOR = 1, 2
"""The bits of a role set that rounds ask for, as the Consortium contract numbers roles."""
_EMPTY = bytes(32)
_NO_TERMS = OnChainTerms(0, 0, 1, 0, 0, 0, 0, 0, 0, Windows(*[0] * 11), (), ())
"""Of a study that nobody proposed: no members, no sites, no rounds."""


@dataclass(frozen=True)
class Emitted:
    """One event of one contract."""

    contract: str
    """Name of the contract."""
    event: Event


class Surroundings(Protocol):
    """What the Rounds contract asks of the other contracts."""

    def roles_of(self, account: Address) -> int:
        """Role set of a member; 0 when it is none."""

    def is_active(self, study_id: bytes) -> bool:
        """Whether a study is active now."""

    def terms_of(self, study_id: bytes) -> OnChainTerms | None:
        """A study's integers; None when there is no such study."""

    def enrolled_sites(self, study_id: bytes) -> int:
        """Bitmap of the sites that may take part in a round that opens now."""

    def charges_of(self, study_id: bytes, sites: int) -> tuple[tuple[bytes, int], ...]:
        """Lineage and nano-ρ of each site in a bitmap."""

    def charge(
        self, step: str, study_id: bytes, number: int, charges: Sequence[tuple[bytes, int]]
    ) -> list[Emitted]:
        """``reserve``, ``settle`` or ``release`` a round's price on the privacy ledger.

        Raises:
            ContractRefused: as the privacy ledger.
        """


@dataclass
class Progress:
    """How far one study is."""

    finals: int = 0
    aborts: int = 0
    rounds: dict[int, RoundRecord] = field(default_factory=dict)

    @property
    def current(self) -> int:
        """The round that the study is at."""
        return self.finals + self.aborts + 1


@dataclass(frozen=True)
class _Call:
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

    def refuse(self, name: str, **arguments: Any) -> ContractRefused:
        return ContractRefused("Rounds", name, arguments)

    def refuse_here(self, name: str, **arguments: Any) -> ContractRefused:
        """A refusal whose first arguments are the study and the round."""
        study_id, number = self.key
        return self.refuse(name, study_id=study_id, round=number, **arguments)

    def member(self) -> int:
        """Index of the sender in the committee."""
        index = self.shape.member(self.sender)
        if index is None:
            raise self.refuse("NotCommittee", study_id=self.where.study, account=self.sender)
        return index

    def require_aggregator(self, account: Address) -> None:
        """Refuse a committee member that has lost its role."""
        if not self.ask.roles_of(account) & AGGREGATOR:
            raise self.refuse("NotAggregator", account=account)

    def mark(self, there: set[int] | dict[int, bytes], index: int) -> None:
        """Refuse a second post."""
        if index in there:
            raise self.refuse_here("AlreadyPosted", account=self.sender)

    def require_digest(self, *digests: bytes) -> None:
        if _EMPTY in digests:
            raise self.refuse("ZeroDigest")

    def post(self) -> int:
        """The sender, a committee member, does what the state waits for, once."""
        index = self.member()
        self.mark(self.record.posted, index)
        return index


class RoundsModel:
    """All rounds of all studies on one Rounds contract. Copy it with ``copy.deepcopy``.

    Args:
        chain_id: the chain.
        address: where the contract lives.
    """

    def __init__(self, chain_id: int, address: Address) -> None:
        self._chain_id = chain_id
        self._address = address
        self.studies: dict[bytes, Progress] = {}

    def apply(
        self, sender: Address, action: str, arguments: dict[str, Any], now: int, ask: Surroundings
    ) -> list[Emitted]:
        """What one call does: its events in order, or its refusal and no change.

        Args:
            sender: who calls.
            action: the contract's function.
            arguments: by parameter name.
            now: timestamp of the block.
            ask: the other contracts.

        Raises:
            ContractRefused: the contract's custom error.
        """
        given = dict(arguments)
        study_id, number = given.pop("study_id"), given.pop("round")
        progress = self.studies.get(study_id, Progress())
        record = copy.deepcopy(progress.rounds.get(number, RoundRecord()))
        shape = Shape(ask.terms_of(study_id) or _NO_TERMS)
        where = RoundId(self._chain_id, self._address, study_id, number)
        call = _Call(sender, where, now, progress, record, shape, ask)
        if number != progress.current:
            raise call.refuse_here("WrongRound", current=progress.current)
        events = _expire(call) if action == "expire" else _act(call, action, given)
        progress.rounds[number] = record
        self.studies[study_id] = progress  # nothing before this line changed what a refusal keeps
        return [e if isinstance(e, Emitted) else Emitted("Rounds", e) for e in events]


_Events = list[Event | Emitted]


def _act(call: _Call, action: str, given: dict[str, Any]) -> _Events:
    """An action by its row: admitted in this state and time, then checked, then completed."""
    record = call.record
    row = table().row(record.state, action)
    if row is None:
        raise call.refuse("WrongState", state=record.state)
    late = record.state in table().windows and call.now > record.deadline
    if row.when == "all in or late":
        if not late and not all_in(call.shape, record):
            raise call.refuse("TooEarly", deadline=record.deadline, now_at=call.now)
    elif late:
        raise call.refuse("TooLate", deadline=record.deadline, now_at=call.now)
    check = _ACTIONS.get(action)
    events: _Events = list(check(call, **given)) if check else []
    if row.by == "member" and row.when in ("first", "all"):
        record.posted.add(call.member())
    if _complete(call, row):
        outcome = next(
            o for o in row.outcomes if o.guard is None or GUARDS[o.guard](call.shape, record)
        )
        posted = set(record.posted)
        events += _move(call, outcome)
        # The first announcement opens the state in which it already counts.
        record.posted = posted if row.when == "first" else set()
    return events


def _complete(call: _Call, row: Row) -> bool:
    if row.when == "all":
        return len(call.record.posted) == call.shape.members
    return row.when != "never"


def _expire(call: _Call) -> _Events:
    """Anyone, after a missed deadline."""
    record = call.record
    outcome = table().timeouts.get(record.state)
    if outcome is None:
        raise call.refuse("WrongState", state=record.state)
    if call.now <= record.deadline:
        raise call.refuse("TooEarly", deadline=record.deadline, now_at=call.now)
    return _move(call, outcome)


def _move(call: _Call, outcome: Outcome) -> _Events:
    """Take an outcome: its charge, the event that fixes what it fixes, and the new state."""
    record = call.record
    fixed: _Events = []
    if outcome.to is State.ABORTED:
        party, other = (*NAMED[outcome.names](call.shape, record), ZERO, ZERO)[:2]
        reason = table().reasons.index(outcome.reason)
        fixed = [rounds.RoundAborted(*call.key, reason, record.state, party, other)]
    elif outcome.to in _FIXES:
        fixed = [_FIXES[outcome.to](call)]
    charged: _Events = []
    if outcome.reservation != "none":
        charges = call.ask.charges_of(call.where.study, record.enrolled)
        charged = [*call.ask.charge(outcome.reservation, *call.key, charges)]
    call.progress.finals += outcome.to is State.FINAL
    call.progress.aborts += outcome.to is State.ABORTED
    record.state = outcome.to
    window = table().windows.get(outcome.to)
    record.deadline = call.now + _window(call.shape.terms, window) if window else 0
    moved = rounds.Moved(*call.key, outcome.to, record.deadline)
    # S is announced before it is paid for; everything else after.
    settled = outcome.reservation == "settle"
    return [*fixed, *charged, moved] if settled else [*charged, *fixed, moved]


def _window(terms: OnChainTerms, name: str) -> int:
    seconds: int = getattr(terms.windows, re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name))
    return seconds


def _heads_fixed(call: _Call) -> Event:
    record, members = call.record, range(call.shape.members)
    heads = tuple(record.key_heads[j] for j in members)
    hpke_keys = tuple(record.hpke_keys[j] for j in members)
    record.heads_digest = heads_digest(call.where, heads, hpke_keys)
    return rounds.HeadsFixed(*call.key, record.heads_digest)


def _opened(call: _Call) -> Event:
    return rounds.Opened(*call.key, call.record.enrolled)


def _transcript_fixed(call: _Call) -> Event:
    record, shape = call.record, call.shape
    reports = tuple(record.reports.get(site, _EMPTY) for site in range(shape.sites))
    lists = tuple(record.noise_lists[j] for j in range(shape.members))
    record.transcript = transcript_digest(call.where, record.heads_digest, reports, lists)
    return rounds.TranscriptFixed(*call.key, record.transcript, record.present)


def _delivery_fixed(call: _Call) -> Event:
    return rounds.DeliveryFixed(*call.key, call.record.delivered)


def _accepted_fixed(call: _Call) -> Event:
    return rounds.AcceptedFixed(*call.key, call.record.accepted)


def _finalised(call: _Call) -> Event:
    call.record.model_digest = majority(call.shape, call.record) or _EMPTY
    return rounds.Finalised(*call.key, call.record.model_digest)


_FIXES: dict[State, Callable[[_Call], Event]] = {
    State.ANNOUNCED: _heads_fixed,
    State.OPEN: _opened,
    State.CLOSED: _transcript_fixed,
    State.DELIVERED: _delivery_fixed,
    State.SETTLED: _accepted_fixed,
    State.FINAL: _finalised,
}
"""The event that says what is fixed on the way into a state."""


def _announce(call: _Call, key_head: bytes, hpke_key_digest: bytes) -> _Events:
    study, terms, progress = call.where.study, call.shape.terms, call.progress
    if not call.ask.is_active(study):
        raise call.refuse("StudyNotActive", study_id=study)
    if progress.finals >= terms.rounds or progress.aborts > terms.max_aborts:
        raise call.refuse("StudyOver", study_id=study)
    index = call.member()
    call.require_aggregator(call.sender)
    call.require_digest(key_head, hpke_key_digest)
    call.mark(call.record.posted, index)
    call.record.key_heads[index] = key_head
    call.record.hpke_keys[index] = hpke_key_digest
    return [rounds.HeadPosted(*call.key, call.sender, key_head, hpke_key_digest)]


def _open(call: _Call) -> _Events:
    study = call.where.study
    if not call.ask.is_active(study):
        raise call.refuse("StudyNotActive", study_id=study)
    for member in call.shape.terms.committee:
        call.require_aggregator(member)
    enrolled = call.ask.enrolled_sites(study)
    if not call.shape.meets_quorum(enrolled):
        raise call.refuse_here("QuorumUnreachable")
    call.record.enrolled = enrolled
    return []


def _report(call: _Call, digest: bytes) -> _Events:
    index = call.shape.site(call.sender)
    if index is None:
        raise call.refuse("NotSite", study_id=call.where.study, account=call.sender)
    if not call.record.enrolled >> index & 1:
        raise call.refuse_here("NotEnrolled", site=call.sender)
    if not call.ask.roles_of(call.sender) & SITE:
        raise call.refuse("NotSite", study_id=call.where.study, account=call.sender)
    call.require_digest(digest)
    call.mark(call.record.reports, index)
    call.record.reports[index] = digest
    return [rounds.Reported(*call.key, call.sender, digest)]


def _report_noise(call: _Call, digest: bytes) -> _Events:
    index = call.member()
    call.require_aggregator(call.sender)
    call.require_digest(digest)
    call.mark(call.record.noise_lists, index)
    call.record.noise_lists[index] = digest
    return [rounds.NoiseReported(*call.key, call.sender, digest)]


def _close(call: _Call) -> _Events:
    record = call.record
    record.present = call.shape.noise_bits | sum(1 << site for site in record.reports)
    record.delivered = record.present
    return []


def _deliver(call: _Call, opened: int) -> _Events:
    record, shape = call.record, call.shape
    denier = call.post()
    if opened & ~record.present:
        raise call.refuse("WrongBitmap", allowed=record.present, given=opened)
    record.delivered &= opened
    for place in range(shape.sites, shape.places):
        if not opened >> place & 1:
            owner, candidate = divmod(place - shape.sites, shape.terms.noise_candidates)
            record.denials.add((owner, candidate, denier))
    return [rounds.DeliveryPosted(*call.key, call.sender, opened)]


def _reveal(call: _Call, value: bytes) -> _Events:
    index = call.post()
    head = key_step(call.where, call.sender, HEAD_LEVEL, value)
    if head != call.record.key_heads[index]:
        raise call.refuse("WrongReveal", member=call.sender)
    return [rounds.KeyRevealed(*call.key, call.sender, REVEAL_LEVEL, value)]


def _commit_file(call: _Call, digest: bytes) -> _Events:
    call.post()
    call.require_digest(digest)
    return [rounds.FileCommitted(*call.key, call.sender, digest)]


def _confirm_files(call: _Call, fetched: int) -> _Events:
    index = call.post()
    every = (1 << call.shape.members) - 1
    if fetched & ~every or not fetched >> index & 1:
        raise call.refuse("WrongBitmap", allowed=every, given=fetched)
    call.record.unfetched |= fetched != every
    return [rounds.FilesConfirmed(*call.key, call.sender, fetched)]


def _judge(call: _Call, codes: bytes) -> _Events:
    call.post()
    accepted, wrong = accepted_places(call.shape, call.record, codes)
    if wrong is not None:
        raise call.refuse("WrongVerdict", place=wrong)
    call.record.accepted = accepted
    call.record.verdicts.append(codes)
    return [rounds.VerdictPosted(*call.key, call.sender, codes)]


def _commit_sum(call: _Call, digest: bytes) -> _Events:
    call.post()
    call.require_digest(digest)
    return [rounds.SumCommitted(*call.key, call.sender, digest)]


def _publish(call: _Call, digest: bytes) -> _Events:
    call.post()
    call.require_digest(digest)
    return [rounds.PublicationPosted(*call.key, call.sender, digest)]


def _attest(call: _Call, model_digest: bytes) -> _Events:
    record, site = call.record, call.shape.site(call.sender)
    accepted = site is not None and record.accepted >> site & 1
    if call.shape.member(call.sender) is None and not accepted:
        raise call.refuse("NotVoter", study_id=call.where.study, account=call.sender)
    if call.sender in record.attestations:
        raise call.refuse_here("AlreadyPosted", account=call.sender)
    call.require_digest(model_digest)
    record.attestations[call.sender] = model_digest
    return [rounds.Attested(*call.key, call.sender, model_digest)]


_ACTIONS: dict[str, Callable[..., _Events]] = {
    "announce": _announce,
    "open": _open,
    "report": _report,
    "reportNoise": _report_noise,
    "close": _close,
    "deliver": _deliver,
    "reveal": _reveal,
    "commitFile": _commit_file,
    "confirmFiles": _confirm_files,
    "judge": _judge,
    "commitSum": _commit_sum,
    "publish": _publish,
    "attest": _attest,
}
"""What an action checks and says; arguments by the names of the bindings."""
