"""A committee member: contributes noise, opens its shares, verifies, sums, opens noise, votes.

`Aggregator.step` reads as the steps of the round protocol (section 4). What is secret lives in
`AggregatorState` and is on disk before anything that depends on it leaves; everything else is
recomputed from the ledger and the store, so a member may stop after any step and go on later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BlobMissing, NotFinal, OnceOnly, StateFileError
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.following import Examine, publications, read_by_voters
from troth.roles.noise import KeptNoise, noise_blobs, noise_reports
from troth.roles.preconditions import require_reserved, require_settled
from troth.roles.reporting import round_keys
from troth.roles.verifying import (
    Verified,
    answered_shares,
    open_shares,
    output_shares,
    read_envelopes,
    read_files,
    verify_shares,
)
from troth.roles.voting import has_spoken, vote
from troth.round.faults import examine
from troth.round.mail import Inbox, Outbox
from troth.round.messages import (
    NOISE_LIST_FORMAT,
    OPENED_SHARES_FORMAT,
    Envelope,
    NoiseList,
    OpenedShare,
    OpenedShares,
    VerifierFile,
)
from troth.round.publication import Publication, Sums, sum_up, tag_all
from troth.round.published import everybody, kept_candidates, rho_seed
from troth.round.sharing import RandomBytes
from troth.round.study import Study
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    RoundId,
    bits,
    key_chain,
    sum_digest,
)
from troth.round.transitions import State, table
from troth.round.verdict import accepted_set, round_verify_key, verdict
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair

KEY_SIZE = 32
Sent = Outbox["AggregatorState"]


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
    """What binds the member to the one sum of the round, written before it is posted."""
    challenge: bytes = b""
    """The seed of the one ρ of the round, which binds S, written before the first tag."""
    opened: tuple[int, ...] = ()
    """The candidates whose seeds leave, written before they do: all but one, or in a round that
    ended without a sum all. No other seed of the round ever leaves."""


@dataclass
class _Work:
    """What a member has computed of one round's delivered reports; kept only to save time."""

    transcript: bytes = b""
    """T, which binds all that the rest is computed from."""
    envelopes: dict[int, Envelope] | None = None
    verified: Verified | None = None
    codes: bytes | None = None


class Aggregator:
    """The role of a committee member in one study."""

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
        self._steps: dict[State, Callable[[AggregatorState, RoundView, Inbox], Sent]] = {
            State.ABSENT: self._announce,
            State.ANNOUNCING: self._announce,
            State.ANNOUNCED: self._open,
            State.OPEN: self._report_noise,
            State.CLOSED: self._deliver,
            State.CONTESTED: self._answer,
            State.ANSWERED: self._deliver,
            State.DELIVERED: partial(self._reveal, VERIFY_LEVEL),
            State.KEYED: self._commit_file,
            State.COMMITTED: self._confirm_files,
            State.JUDGED: self._judge,
            State.SETTLED: self._commit_sum,
            State.SUMMED: partial(self._reveal, CHALLENGE_LEVEL),
            State.CHALLENGED: self._publish,
            State.PUBLISHED: self._confirm_publications,
            State.HELD: partial(self._reveal, PICK_LEVEL),
            State.PICKED: self._open_noise,
            State.OPENED: self._vote,
        }

    def step(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """The next step of this member in the study's current round, or an empty outbox: wait."""
        view = inbox.view.current
        if state.key and state.round < view.number:
            return self._end(state, inbox)
        late = bool(view.deadline) and inbox.now > view.deadline
        if late and table().timeouts.get(view.state):
            return Outbox(state, posts=(self._call(rounds.expire, view),))
        self._require_own_secrets(state, view)
        if late or self._has_posted(view):
            return self._move_on(state, view, late=late)
        try:
            return self._steps[view.state](state, view, inbox)
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
        head = self._chain(state, view)[HEAD_LEVEL]
        post = self._call(rounds.announce, view, head, public.digest())
        return Outbox(state, puts=(public.encoded,), posts=(post,))

    def _open(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        return Outbox(state, posts=(self._call(rounds.open, view),))

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        blobs: tuple[bytes, ...] = ()
        if state.noise:
            blobs = noise_blobs(self.study, self.index, state.noise, inbox)
        else:
            keys = round_keys(self.study, view, inbox)
            if keys is None:
                return Outbox(state)
            kept, reports = noise_reports(
                self.study,
                self._where(view),
                self.index,
                heads=view.heads_digest,
                hpke_keys=keys,
                random_bytes=self._random,
            )
            state = replace(state, noise=kept)
            blobs = tuple(blob for report in reports for blob in report.blobs)
        listed = tuple(noise.report.envelope for noise in state.noise)
        noise_list = NoiseList(NOISE_LIST_FORMAT, listed).encode()
        post = self._call(rounds.report_noise, view, digest(noise_list))
        return Outbox(state, keeps=blobs, puts=(*blobs, noise_list), posts=(post,))

    def _deliver(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        opened = self._opened(state, view, inbox)
        if inbox.lacking and self._patient(self.study.terms.windows.deliver, view, inbox):
            return Outbox(state)
        bitmap = sum(1 << place for place in opened)
        return Outbox(state, posts=(self._call(rounds.deliver, view, bitmap),))

    def _answer(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        """Show everybody the shares of one's noise that others say they could not open."""
        denied = []
        for number, noise in enumerate(state.noise):
            place = self.study.noise_place(self.index, number)
            deniers = [
                (index, member)
                for index, member in enumerate(self.study.committee)
                if member != self.account and not view.opened[member] >> place & 1
            ]
            if deniers:
                made = noise.again(self.study, self._where(view), place, view.heads_digest)
                denied += [
                    OpenedShare(place, member, made.sharing.extended[self._share(place, index)])
                    for index, member in deniers
                ]
        if not denied:
            return Outbox(state)
        answer = OpenedShares(OPENED_SHARES_FORMAT, tuple(denied)).encode()
        post = self._call(rounds.answer, view, digest(answer))
        return Outbox(state, puts=(answer,), posts=(post,))

    def _reveal(self, level: int, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        """One more step of the key chain; what it judges is final on the ledger."""
        post = self._call(rounds.reveal, view, self._chain(state, view)[level])
        return Outbox(state, posts=(post,))

    def _commit_file(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        require_reserved(self.study, view)
        key = round_verify_key(self.study, view)
        if state.verify_key and state.verify_key != key:
            raise OnceOnly(f"round {view.number}: a second verify key for shares queried once")
        state = replace(state, verify_key=key)
        file = self._verified(state, view, inbox).file
        post = self._call(rounds.commit_file, view, digest(file.encode()))
        return Outbox(state, posts=(post,))

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        own = self._verified(state, view, inbox).file
        files = read_files(self.study, view, own, inbox)
        return self._confirm(state, view, inbox, files, (own.encode(),))

    def _judge(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        codes = self._verdict(state, view, inbox)
        return Outbox(state, posts=(self._call(rounds.judge, view, codes),))

    def _commit_sum(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        sums, _ = self._sums(state, view, inbox)
        bound = sum_digest(self._where(view), self.account, view.accepted, sums.encode())
        if state.opened or (state.sums and state.sums != bound):
            raise OnceOnly(f"round {view.number}: a second sum, or one over noise that is opened")
        state = replace(state, sums=bound)
        return Outbox(state, posts=(self._call(rounds.commit_sum, view, bound),))

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        seed = rho_seed(self.study, view, state.verify_key)
        if state.challenge and state.challenge != seed:
            raise OnceOnly(f"round {view.number}: a second challenge for masks used once")
        state = replace(state, challenge=seed)
        sums, outputs = self._sums(state, view, inbox)
        bound = sum_digest(self._where(view), self.account, view.accepted, sums.encode())
        if not bound == state.sums == view.sums[self.account]:
            raise OnceOnly(f"round {view.number}: a second sum")
        rho = self.study.challenge(seed)
        masks = self._verified(state, view, inbox).masks
        blob = Publication(sums, tag_all(self.study, rho, outputs, masks)).encode()
        post = self._call(rounds.publish, view, digest(blob))
        return Outbox(state, keeps=(blob,), puts=(blob,), posts=(post,))

    def _confirm_publications(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        """Serve again whatever one could fetch: once k_j is out, nobody can keep a blob back."""
        blobs = publications(self.study, view, inbox)
        return self._confirm(state, view, inbox, blobs, tuple(blob for blob in blobs if blob))

    def _open_noise(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        kept = kept_candidates(self.study, view, state.verify_key)[self.index]
        others = tuple(number for number in range(len(state.noise)) if number != kept)
        if state.opened and state.opened != others:
            raise OnceOnly(f"round {view.number}: a second pick; with it no noise would be left")
        state = replace(state, opened=others)
        seeds = tuple(state.noise[number].seed for number in others)
        return Outbox(state, posts=(self._call(rounds.open_noise, view, seeds),))

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        kept = kept_candidates(self.study, view, state.verify_key)[self.index]
        place = self.study.noise_place(self.index, kept)

        def own() -> tuple[int, Sequence[bytes]]:
            made = state.noise[kept].again(self.study, self._where(view), place, view.heads_digest)
            return place, made.sharing.extended

        ballot = vote(self.study, view, inbox, self.account, own=own, examine_round=self._examine)
        serve = read_by_voters(self.study, view, inbox)
        return Outbox(state, puts=(*ballot.puts, *serve), posts=ballot.posts)

    def _move_on(self, state: AggregatorState, view: RoundView, *, late: bool) -> Sent:
        """Close or finalise, as anyone may, once all is in or the window has passed."""
        if view.state is State.OPEN:
            members = set(self.study.committee) <= set(view.noise_lists)
            if late or (members and len(view.reports) == view.enrolled.bit_count()):
                return Outbox(state, posts=(self._call(rounds.close, view),))
        if view.state is State.OPENED:
            voters = (*self.study.accepted_sites(view.accepted), *self.study.committee)
            if late or len(view.attestations) == len(voters):
                return Outbox(state, posts=(self._call(rounds.finalise, view),))
        return Outbox(state)

    def _end(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """After a round: defend one's noise if it was rejected, then erase what the round left.

        Only what opened under the round's key is deleted from the store: an envelope may name
        anybody's blob as its share.
        """
        self._work = _Work()
        view = inbox.view.rounds[state.round]
        everything = tuple(range(len(state.noise)))
        may_open = not state.sums and state.opened in ((), everything)
        if self._was_rejected(view) and may_open and self.account not in view.defences:
            # Noise of a round without a sum protects nothing, so it can show who lied about it.
            state = replace(state, opened=everything)
            seeds = tuple(noise.seed for noise in state.noise)
            return Outbox(state, posts=(self._call(rounds.defend, view, seeds),))
        envelopes = read_envelopes(self.study, view, inbox)
        keys = HpkeKeyPair.decode(state.hpke)
        opened = open_shares(self.study, envelopes, self.account, keys, inbox)
        sealed = tuple(
            envelopes[place].shares[self._share(place, self.index)].digest for place in opened
        )
        return Outbox(AggregatorState(round=state.round), deletes=sealed, forget=True)

    # What follows from the ledger, the store and the member's keys.

    def _where(self, view: RoundView) -> RoundId:
        return self.study.where(view.number)

    def _call(self, function: Callable[..., Call[Any]], view: RoundView, *arguments: Any) -> Any:
        return function(self.study.study_id, view.number, *arguments)

    def _chain(self, state: AggregatorState, view: RoundView) -> tuple[bytes, ...]:
        return key_chain(self._where(view), self.account, state.key)

    def _share(self, place: int, member: int) -> int:
        return self.study.share_of(place, member)

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
        """Whether the round ended because some of this member's noise was rejected."""
        codes = next(iter(view.verdicts.values()), b"")
        places = self.study.noise_places(self.index)
        return view.aborted == ("Noise", ZERO) and any(codes[places.start : places.stop])

    def _confirm(
        self,
        state: AggregatorState,
        view: RoundView,
        inbox: Inbox,
        found: Sequence[object | None],
        serve: tuple[bytes, ...],
    ) -> Sent:
        """Say whose blobs one holds, after some patience with those that are not there."""
        fetched = sum(1 << member for member, blob in enumerate(found) if blob is not None)
        complete = fetched == everybody(self.study)
        if not complete and self._patient(self.study.terms.windows.confirm, view, inbox):
            return Outbox(state, puts=serve)
        post = self._call(rounds.confirm, view, fetched)
        return Outbox(state, puts=serve, posts=(post,))

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

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[int, bytes]:
        """This member's extended shares by place, those that an owner showed to all included."""
        envelopes = read_envelopes(self.study, view, inbox)
        keys = HpkeKeyPair.decode(state.hpke)
        answered = answered_shares(self.study, view, envelopes, self.account, inbox)
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
        """All verifier files, which every member has confirmed to have."""
        own = self._verified(state, view, inbox).file
        files = [file for file in read_files(self.study, view, own, inbox) if file is not None]
        if len(files) != len(self.study.committee):
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

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        """This member's sums over S and what they add up; refused before the charge is final."""
        require_settled(self.study, view)
        if accepted_set(self._verdict(state, view, inbox)) != view.accepted:
            raise NotFinal(f"round {view.number}: the accepted set is not what follows; no sum")
        verified = self._verified(state, view, inbox)
        files = self._files(state, view, inbox)
        outputs = output_shares(self.study, view.accepted, files, verified.states)
        return sum_up(self.study, view.accepted, outputs, verified.masks), outputs
