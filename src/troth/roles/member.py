"""What every committee member has: its secrets, its study, and its work on a round's reports.

What is secret lives in `AggregatorState` and is on disk before anything that depends on it leaves;
everything else is recomputed from the ledger and the store, so a member may stop after any step and
go on later.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from troth.domain import records
from troth.errors import BlobMissing, NotFinal, OnceOnly, StateFileError
from troth.ledger.address import ZERO, Address
from troth.ledger.interface import Call
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.following import Examine
from troth.roles.noise import KeptNoise
from troth.roles.preconditions import require_settled
from troth.roles.verifying import (
    Slot,
    Verified,
    open_shares,
    output_shares,
    read_envelopes,
    read_files,
    verify_shares,
)
from troth.roles.voting import has_spoken
from troth.round.faults import examine
from troth.round.live import live, live_members
from troth.round.mail import Inbox, Outbox
from troth.round.messages import Envelope, VerifierFile
from troth.round.sharing import RandomBytes
from troth.round.study import Study
from troth.round.transcript import RoundId, bits, key_chain
from troth.round.transitions import State
from troth.round.verdict import accepted_set, verdict
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair


@dataclass(frozen=True)
class AggregatorState:
    """What a member must not lose, and what it must never do twice. Long blobs are kept beside."""

    round: int = 0
    """The last round that it announced a key for; it only grows."""
    key: bytes = b""
    """k_j, whose third hash is the member's head."""
    hpke: bytes = b""
    """Private HPKE key of the round."""
    noise: tuple[KeptNoise, ...] = ()
    """Seeds and reports: after a crash they are sent again, never sampled again."""
    verify_key: bytes = b""
    """The one verify key of the round, written before the first verifier share."""
    sums: bytes = b""
    """What binds the member to the one sum of the round, written before it is posted; in B one
    digest after the other, by share."""
    challenge: bytes = b""
    """The seed of the one ρ of the round, which binds S, written before the first tag."""
    opened: tuple[int, ...] = ()
    """The candidates whose seeds leave, written before they do: all but one, or in a round that
    ended without a sum all. No other seed of the round ever leaves."""
    recovered: int = 0
    """Bitmap of the members whose noise this one opens in their place, written before it does."""


Sent = Outbox[AggregatorState]
Step = Callable[[AggregatorState, RoundView, Inbox], Sent]


@dataclass
class _Work:
    """What a member has computed of one round's delivered reports; kept only to save time."""

    transcript: bytes = b""
    """T, which binds all that the rest is computed from."""
    envelopes: dict[int, Envelope] | None = None
    verified: Verified | None = None
    codes: bytes | None = None


class Member(ABC):
    """A committee member in one study, whatever the mode."""

    initial = AggregatorState()

    def __init__(
        self,
        study: Study,
        account: Address,
        random_bytes: RandomBytes,
        generate_keys: Callable[[], HpkeKeyPair] = HpkeKeyPair.generate,
        examine_round: Examine = examine,
    ) -> None:
        self.study = study
        self.account = account
        self.index = study.committee.index(account)
        self._random = random_bytes
        self._generate_keys = generate_keys
        self._examine = examine_round
        self._work = _Work()

    @abstractmethod
    def _answered(
        self, view: RoundView, envelopes: Mapping[int, Envelope], keys: HpkeKeyPair, inbox: Inbox
    ) -> dict[Slot, bytes]:
        """Its extended shares that it got from others after it had denied them."""

    def encode(self, state: AggregatorState) -> bytes:
        """Canonical JSON."""
        return records.encode(state)

    def decode(self, data: bytes) -> AggregatorState:
        """The state that `encode` wrote."""
        return records.decode(AggregatorState, data, "aggregator state")

    def _where(self, view: RoundView) -> RoundId:
        return self.study.where(view.number)

    def _call(self, function: Callable[..., Call[Any]], view: RoundView, *arguments: Any) -> Any:
        return function(self.study.study_id, view.number, *arguments)

    def _chain(self, state: AggregatorState, view: RoundView) -> tuple[bytes, ...]:
        return key_chain(self._where(view), self.account, state.key)

    def _patient(self, window: int, view: RoundView, inbox: Inbox) -> bool:
        """Half a window long, what is not served yet may still come: nobody is denied by haste."""
        return inbox.now + window // 2 <= view.deadline

    def _has_posted(self, view: RoundView) -> bool:
        """Whether this member has done what the present state waits for."""
        if view.state in (State.ABSENT, State.ANNOUNCING):
            return self.account in view.key_heads
        if view.state is State.OPEN:
            return self.account in view.noise_lists
        if view.state is State.OPENED:
            return has_spoken(view, self.account)
        return self.account in view.posted

    def _was_rejected(self, view: RoundView) -> bool:
        """Whether the round ended because some of this member's noise was rejected.

        Noise that was missing or not delivered was not judged, and nothing can be said for it.
        """
        judged = view.aborted == ("Noise", ZERO) and State.SETTLED not in view.left_before
        places = [p for p in self.study.noise_places(self.index) if view.delivered >> p & 1]
        most = Counter(view.verdicts.values()).most_common(1)
        return judged and any(codes[place] for codes, _ in most for place in places)

    def _require_own_secrets(self, state: AggregatorState, view: RoundView) -> None:
        """A round's secrets exist once: neither lost while it runs nor made anew after it."""
        if state.round > view.number or (state.round == view.number and not state.key):
            raise OnceOnly(
                f"round {view.number}: this member has erased its secrets of round {state.round}; "
                "the ledger goes back behind what was final"
            )
        if self.account in view.key_heads and state.round != view.number:
            raise StateFileError(
                f"round {view.number}: this member's key is announced but not in its state file; "
                "restore the file, or let the round's deadline pass"
            )

    def _forget_work(self) -> None:
        self._work = _Work()

    def _working(self, view: RoundView) -> _Work:
        """The work on the round as it is now; begun anew if the ledger should tell another."""
        if self._work.transcript != view.transcript:
            self._work = _Work(view.transcript)
        return self._work

    def _envelopes(self, view: RoundView, inbox: Inbox) -> dict[int, Envelope]:
        """Those of the delivered reports, once it is fixed which they are."""
        work = self._working(view)
        if work.envelopes is not None:
            return work.envelopes
        envelopes = read_envelopes(self.study, view, inbox)
        if all(place in envelopes for place in bits(view.delivered)):
            work.envelopes = envelopes
        return envelopes

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[Slot, bytes]:
        """This member's extended shares, those that an owner showed to all included."""
        envelopes = read_envelopes(self.study, view, inbox)
        keys = HpkeKeyPair.decode(state.hpke)
        answered = self._answered(view, envelopes, keys, inbox)
        return answered | open_shares(self.study, envelopes, self.account, keys, inbox)

    def _verified(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Verified:
        """The work on this round's shares, under its one verify key."""
        work = self._working(view)
        if work.verified is None:
            envelopes = self._envelopes(view, inbox)
            bodies = self._opened(state, view, inbox)
            work.verified = verify_shares(
                self.study, view, envelopes, bodies, self.account, state.verify_key
            )
        return work.verified

    def _files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> list[VerifierFile]:
        """The verifier files that count, which their readers have confirmed to have."""
        own = self._verified(state, view, inbox).file
        members = live_members(self.study, view, State.JUDGED)
        read = read_files(self.study, view, members, own, inbox)
        files = [file for file in read if file is not None]
        if len(files) != len(read):
            raise BlobMissing("of a verifier file that was confirmed")
        return files

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        work = self._working(view)
        if work.codes is None:
            work.codes = verdict(
                self.study,
                present=view.present,
                delivered=view.delivered,
                envelopes=self._envelopes(view, inbox),
                files=self._files(state, view, inbox),
            )
        return work.codes

    def _outputs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> dict[Slot, OutputShare]:
        """This member's output shares over S; refused before the charge is final."""
        require_settled(self.study, view)
        members = live(self.study, view, State.SETTLED)
        if accepted_set(self.study, self._verdict(state, view, inbox), members) != view.accepted:
            raise NotFinal(f"round {view.number}: the accepted set is not what follows; no sum")
        files = self._files(state, view, inbox)
        states = self._verified(state, view, inbox).states
        return output_shares(self.study, view.accepted, files, states)
