"""A committee member: contributes noise, opens its shares, verifies, sums, says nothing early.

`Aggregator.step` reads as the steps of the round protocol (section 4). What is secret lives in
`AggregatorState` and is on disk before anything that depends on it leaves; everything else is
recomputed from the ledger and the store, so a member may stop after any step and go on later.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BlobMissing, NotFinal, OnceOnly, StateFileError
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.privacy.secagg.messages import VerifierState
from troth.roles.following import followed_model
from troth.roles.noise import noise_reports
from troth.roles.preconditions import require_reserved, require_settled
from troth.roles.reporting import RandomBytes, Report, round_keys
from troth.roles.verifying import (
    open_shares,
    output_shares,
    read_envelopes,
    read_files,
    verify_shares,
)
from troth.round.mail import Inbox, Outbox
from troth.round.messages import NOISE_LIST_FORMAT, NoiseList, VerifierFile
from troth.round.study import Study
from troth.round.transcript import RoundId, key_chain, sum_digest
from troth.round.transitions import State, table
from troth.round.verdict import accepted_set, aggregate_share, round_verify_key, verdict
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair

KEY_SIZE = 32
Sent = Outbox["AggregatorState"]


@dataclass(frozen=True)
class AggregatorState:
    """What a member must not lose, and what it must never do twice."""

    round: int = 0
    """The last round that it announced a key for; it only grows."""
    key: bytes = b""
    """k_j, whose third hash is the member's head."""
    hpke: bytes = b""
    """Private HPKE key of the round."""
    noise: tuple[Report, ...] = ()
    """The noise reports, whole: after a crash they are sent again, never sampled again."""
    verify_key: bytes = b""
    """The one verify key of the round, written before the first verifier share."""


class Aggregator:
    """The role of a committee member in one study."""

    initial = AggregatorState()

    def __init__(
        self,
        study: Study,
        account: Address,
        random_bytes: RandomBytes,
        generate_keys: Callable[[], HpkeKeyPair] = HpkeKeyPair.generate,
    ) -> None:
        self.study = study
        self.account = account
        self.index = study.committee.index(account)
        self._random = random_bytes
        self._generate_keys = generate_keys
        # Recomputable work of the current round; kept only to save time.
        self._memo: tuple[int, tuple[VerifierFile, dict[int, VerifierState]]] | None = None
        self._steps: dict[State, tuple[str, Callable[..., Sent]]] = {
            State.ABSENT: ("key_heads", self._announce),
            State.ANNOUNCING: ("key_heads", self._announce),
            State.ANNOUNCED: ("", self._open),
            State.OPEN: ("noise_lists", self._report_noise),
            State.CLOSED: ("opened", self._deliver),
            State.DELIVERED: ("reveals", self._reveal),
            State.KEYED: ("files", self._commit_file),
            State.COMMITTED: ("confirmed", self._confirm_files),
            State.JUDGED: ("verdicts", self._judge),
            State.SETTLED: ("sums", self._commit_sum),
            State.SUMMED: ("publications", self._publish),
            State.PUBLISHED: ("attestations", self._attest),
        }

    def step(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """The next step of this member in the study's current round, or an empty outbox: wait."""
        view = inbox.view.current
        if state.key and state.round < view.number:
            return self._forget(state, inbox)
        late = view.deadline and inbox.now > view.deadline
        if late and view.state in table().timeouts:
            return Outbox(state, posts=(self._call(rounds.expire, view),))
        self._require_own_secrets(state, view)
        posted, step = self._steps[view.state]
        if late or (posted and self.account in getattr(view, posted)):
            return self._move_on(state, view, late=bool(late))
        try:
            return step(state, view, inbox)
        except BlobMissing:
            # Somebody confirmed it and nobody serves it now: wait, within the window.
            return Outbox(state)

    def encode(self, state: AggregatorState) -> bytes:
        """Canonical JSON."""
        return records.encode(state)

    def decode(self, data: bytes) -> AggregatorState:
        """The state that `encode` wrote."""
        return records.decode(AggregatorState, data, "aggregator state")

    # The steps, in the order of the protocol.

    def _announce(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        terms = self.study.terms
        if len(inbox.view.finals) >= terms.rounds or len(inbox.view.aborts) > terms.max_aborts:
            return Outbox(state)
        if state.round < view.number:
            state = AggregatorState(
                round=view.number,
                key=self._random(KEY_SIZE),
                hpke=self._generate_keys().encode(),
            )
        public = HpkeKeyPair.decode(state.hpke).public
        head = key_chain(self._where(view), self.account, state.key)[2]
        post = self._call(rounds.announce, view, head, public.digest())
        return Outbox(state, puts=(public.encoded,), posts=(post,))

    def _open(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        return Outbox(state, posts=(self._call(rounds.open, view),))

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        if not state.noise:
            keys = round_keys(self.study, view, inbox)
            if keys is None:
                return Outbox(state)
            made = noise_reports(
                self.study,
                self._where(view),
                self.index,
                heads=view.heads_digest,
                hpke_keys=keys,
                random_bytes=self._random,
            )
            state = replace(state, noise=made)
        listed = tuple(digest(report.envelope) for report in state.noise)
        noise_list = NoiseList(NOISE_LIST_FORMAT, listed).encode()
        blobs = [blob for report in state.noise for blob in (*report.sealed, report.envelope)]
        post = self._call(rounds.report_noise, view, digest(noise_list))
        return Outbox(state, puts=(*blobs, noise_list), posts=(post,))

    def _deliver(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        opened = self._opened(state, view, inbox)
        if inbox.lacking and self._patient(self.study.terms.windows.deliver, view, inbox):
            return Outbox(state)
        bitmap = sum(1 << place for place in opened)
        return Outbox(state, posts=(self._call(rounds.deliver, view, bitmap),))

    def _reveal(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        second = key_chain(self._where(view), self.account, state.key)[1]
        return Outbox(state, posts=(self._call(rounds.reveal, view, second),))

    def _commit_file(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        key = self._verify_key(view)
        if state.verify_key and state.verify_key != key:
            raise OnceOnly(f"round {view.number}: a second verify key for shares queried once")
        state = replace(state, verify_key=key)
        file, _ = self._verified(state, view, inbox)
        post = self._call(rounds.commit_file, view, digest(file.encode()))
        return Outbox(state, posts=(post,))

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        own, _ = self._verified(state, view, inbox)
        files = read_files(self.study, view, own, inbox)
        fetched = sum(1 << member for member, file in enumerate(files) if file is not None)
        complete = fetched == (1 << len(files)) - 1
        if not complete and self._patient(self.study.terms.windows.confirm_files, view, inbox):
            return Outbox(state, puts=(own.encode(),))
        post = self._call(rounds.confirm_files, view, fetched)
        return Outbox(state, puts=(own.encode(),), posts=(post,))

    def _judge(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        codes = self._verdict(state, view, inbox)
        return Outbox(state, posts=(self._call(rounds.judge, view, codes),))

    def _commit_sum(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        share = self._aggregate_share(state, view, inbox)
        bound = sum_digest(self._where(view), self.account, view.accepted, share)
        return Outbox(state, posts=(self._call(rounds.commit_sum, view, bound),))

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        share = self._aggregate_share(state, view, inbox)
        if (
            sum_digest(self._where(view), self.account, view.accepted, share)
            != (view.sums[self.account])
        ):
            raise OnceOnly(f"round {view.number}: a second sum over one accepted set")
        post = self._call(rounds.publish, view, digest(share))
        return Outbox(state, puts=(share,), posts=(post,))

    def _attest(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        model = followed_model(self.study, view, inbox, self.account)
        if model is None:
            return Outbox(state)
        encoded = model.encode()
        post = self._call(rounds.attest, view, digest(encoded))
        return Outbox(state, puts=(encoded,), posts=(post,))

    def _move_on(self, state: AggregatorState, view: RoundView, *, late: bool) -> Sent:
        """Close or finalise, as anyone may, once all is in or the window has passed."""
        if view.state is State.OPEN:
            members = set(self.study.committee) <= set(view.noise_lists)
            if late or (members and len(view.reports) == view.enrolled.bit_count()):
                return Outbox(state, posts=(self._call(rounds.close, view),))
        if view.state is State.PUBLISHED:
            sites = (view.accepted & (1 << len(self.study.sites)) - 1).bit_count()
            if late or len(view.attestations) == sites + len(self.study.committee):
                return Outbox(state, posts=(self._call(rounds.finalise, view),))
        return Outbox(state)

    def _forget(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """After a round: erase its secrets, and the shares that were sealed to this member.

        Only what opened under the round's key is deleted from the store: an envelope may name
        anybody's blob as its share.
        """
        self._memo = None
        view = inbox.view.rounds[state.round]
        envelopes = read_envelopes(self.study, view, inbox)
        sealed = tuple(
            envelopes[place].shares[self.study.share_of(place, self.index)].digest
            for place in self._opened(state, view, inbox)
        )
        return Outbox(AggregatorState(round=state.round), deletes=sealed, forget=True)

    # What follows from the ledger, the store and the member's keys.

    def _where(self, view: RoundView) -> RoundId:
        return self.study.where(view.number)

    def _call(self, function: Callable[..., Call[Any]], view: RoundView, *arguments: Any) -> Any:
        return function(self.study.study_id, view.number, *arguments)

    def _patient(self, window: int, view: RoundView, inbox: Inbox) -> bool:
        """Half a window long, what is not served yet may still come: nobody is denied by haste."""
        return inbox.now + window // 2 <= view.deadline

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

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[int, bytes]:
        envelopes = read_envelopes(self.study, view, inbox)
        keys = HpkeKeyPair.decode(state.hpke)
        return open_shares(self.study, envelopes, self.account, keys, inbox)

    def _verify_key(self, view: RoundView) -> bytes:
        return round_verify_key(
            self.study,
            self._where(view),
            heads=view.heads_digest,
            transcript=view.transcript,
            delivered=view.delivered,
            reveals=view.reveals,
        )

    def _verified(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[VerifierFile, dict[int, VerifierState]]:
        """The file and the verifier states of this round, under its one verify key."""
        if self._memo is None or self._memo[0] != view.number:
            envelopes = read_envelopes(self.study, view, inbox)
            bodies = self._opened(state, view, inbox)
            made = verify_shares(
                self.study, view, envelopes, bodies, self.account, state.verify_key
            )
            self._memo = (view.number, made)
        return self._memo[1]

    def _files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> list[VerifierFile]:
        """All verifier files, which every member has confirmed to have."""
        own, _ = self._verified(state, view, inbox)
        files = [file for file in read_files(self.study, view, own, inbox) if file is not None]
        if len(files) != len(self.study.committee):
            raise BlobMissing("of a verifier file that was confirmed")
        return files

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        return verdict(
            self.study,
            present=view.present,
            delivered=view.delivered,
            envelopes=read_envelopes(self.study, view, inbox),
            files=self._files(state, view, inbox),
        )

    def _aggregate_share(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        """This member's sum over S; refused before the charge is settled and final."""
        require_settled(self.study, view)
        if accepted_set(self._verdict(state, view, inbox)) != view.accepted:
            raise NotFinal(f"round {view.number}: the accepted set is not what follows; no sum")
        _, states = self._verified(state, view, inbox)
        outputs = output_shares(self.study, view.accepted, self._files(state, view, inbox), states)
        return aggregate_share(self.study, view.accepted, outputs)
