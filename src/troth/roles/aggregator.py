"""A committee member: contributes noise, opens its shares, verifies, sums, opens noise, votes.

`Aggregator.step` reads as the steps of the round protocol (section 4). What a member knows, and
what it must never do twice, is in `member.py`; what modes B3 and B4 do otherwise in
`replicated.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from troth.domain.hashing import digest
from troth.errors import BlobMissing, OnceOnly
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.following import publications, read_by_voters
from troth.roles.member import AggregatorState, Member, Sent, Step
from troth.roles.noise import noise_blobs, noise_reports
from troth.roles.preconditions import require_reserved
from troth.roles.reporting import round_keys
from troth.roles.verifying import (
    Slot,
    answered_shares,
    open_shares,
    read_envelopes,
    read_files,
    whole,
)
from troth.roles.voting import vote
from troth.round.live import live_members
from troth.round.mail import Inbox, Outbox
from troth.round.messages import (
    NOISE_LIST_FORMAT,
    OPENED_SHARES_FORMAT,
    Envelope,
    NoiseList,
    OpenedShare,
    OpenedShares,
)
from troth.round.publication import Publication, Sums, sum_up, tag_all
from troth.round.published import kept_candidates, rho_seed
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    sum_digest,
)
from troth.round.transitions import State, table
from troth.round.verdict import round_verify_key
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair

KEY_SIZE = 32


class Aggregator(Member):
    """The role of a committee member in a study of mode A."""

    def steps(self) -> dict[State, Step]:
        """What a live member does in each state that waits for it."""
        return {
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
        if self.account in view.left and view.state is not State.OPENED:
            return Outbox(state)
        try:
            return self.steps()[view.state](state, view, inbox)
        except BlobMissing:
            # Somebody confirmed it and nobody serves it now: wait, within the window.
            return Outbox(state)

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
            keys = round_keys(self.study, view, inbox, self.study.terms.windows.report)
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
        opened = whole(self.study, self.index, self._opened(state, view, inbox))
        if inbox.lacking and self._patient(self.study.terms.windows.deliver, view, inbox):
            return Outbox(state)
        return Outbox(state, posts=(self._call(rounds.deliver, view, opened),))

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
                    OpenedShare(
                        place, member, made.sharing.extended[self.study.share_of(place, index)]
                    )
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
        members = live_members(self.study, view, State.COMMITTED)
        files = read_files(self.study, view, members, own, inbox)
        found = dict(zip(members, files, strict=True))
        # Whoever serves its file to some only is served by those: nobody is left without one.
        serve = tuple(file.encode() for file in files if file is not None)
        return self._confirm(state, view, inbox, found, serve)

    def _judge(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        codes = self._verdict(state, view, inbox)
        return Outbox(state, posts=(self._call(rounds.judge, view, codes),))

    def _commit_sum(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        bound = self._bound(view, self._sums(state, view, inbox)[0])
        return self._bind(state, view, (bound,))

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        seed = rho_seed(self.study, view, state.verify_key)
        if state.challenge and state.challenge != seed:
            raise OnceOnly(f"round {view.number}: a second challenge for masks used once")
        state = replace(state, challenge=seed)
        sums, outputs = self._sums(state, view, inbox)
        if (self._bound(view, sums),) != view.sums[self.account] or not self._is_bound(state, view):
            raise OnceOnly(f"round {view.number}: a second sum")
        rho = self.study.challenge(seed)
        masks = self._verified(state, view, inbox).masks
        blob = Publication(sums, tag_all(self.study, rho, outputs, masks)).encode()
        post = self._call(rounds.publish, view, digest(blob))
        return Outbox(state, keeps=(blob,), puts=(blob,), posts=(post,))

    def _confirm_publications(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        """Serve again whatever one could fetch: once k_j is out, nobody can keep a blob back."""
        blobs = publications(self.study, view, inbox)
        found = dict(zip(self.study.committee, blobs, strict=True))
        return self._confirm(state, view, inbox, found, tuple(blob for blob in blobs if blob))

    def _open_noise(self, state: AggregatorState, view: RoundView, _: Inbox) -> Sent:
        kept = kept_candidates(self.study, view, state.verify_key)[self.index]
        others = tuple(number for number in range(len(state.noise)) if number != kept)
        if state.opened and state.opened != others:
            raise OnceOnly(f"round {view.number}: a second pick; with it no noise would be left")
        state = replace(state, opened=others)
        seeds = tuple(state.noise[number].seed for number in others)
        return Outbox(state, posts=(self._call(rounds.open_noise, view, seeds),))

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        def own() -> tuple[int, Sequence[bytes]]:
            kept = kept_candidates(self.study, view, state.verify_key)[self.index]
            place = self.study.noise_place(self.index, kept)
            made = state.noise[kept].again(self.study, self._where(view), place, view.heads_digest)
            return place, made.sharing.extended

        ballot = vote(self.study, view, inbox, self.account, own=own, examine_round=self._examine)
        serve = read_by_voters(self.study, view, inbox)
        return Outbox(state, puts=(*ballot.puts, *serve), posts=ballot.posts)

    def _move_on(self, state: AggregatorState, view: RoundView, *, late: bool) -> Sent:
        """Close or finalise, as anyone may, once all is in or the window has passed."""
        if view.state is State.OPEN:
            members = set(self.study.committee) <= {*view.noise_lists, *view.left}
            if late or (members and len(view.reports) == view.enrolled.bit_count()):
                return Outbox(state, posts=(self._call(rounds.close, view),))
        if view.state is State.OPENED:
            there = live_members(self.study, view, State.OPENED)
            voters = {*self.study.accepted_sites(view.accepted), *there}
            attested = voters <= view.attestations.keys() and not view.accusations
            if late or attested:
                return Outbox(state, posts=(self._call(rounds.finalise, view),))
        return Outbox(state)

    def _end(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """After a round: defend one's noise if it was rejected, then erase what the round left.

        Only what opened under the round's key is deleted from the store: an envelope may name
        anybody's blob as its share.
        """
        self._forget_work()
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
        sealed = tuple(envelopes[place].shares[share].digest for place, share in opened)
        return Outbox(AggregatorState(round=state.round), deletes=sealed, forget=True)

    # What follows from the ledger, the store and the member's keys.

    def _confirm(
        self,
        state: AggregatorState,
        view: RoundView,
        inbox: Inbox,
        found: Mapping[Address, object | None],
        serve: tuple[bytes, ...],
    ) -> Sent:
        """Say whose blobs one holds, after some patience with those that are not there."""
        there = [member for member, blob in found.items() if blob is not None]
        fetched = sum(1 << self.study.committee.index(member) for member in there)
        if len(there) < len(found) and self._patient(self.study.terms.windows.confirm, view, inbox):
            return Outbox(state, puts=serve)
        post = self._call(rounds.confirm, view, fetched)
        return Outbox(state, puts=serve, posts=(post,))

    def _answered(
        self, view: RoundView, envelopes: Mapping[int, Envelope], _: HpkeKeyPair, inbox: Inbox
    ) -> dict[Slot, bytes]:
        return answered_shares(self.study, view, envelopes, self.account, inbox)

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        """This member's sums over S, of its shares and their masks, and what they add up."""
        outputs = {place: out for (place, _), out in self._outputs(state, view, inbox).items()}
        masks = self._verified(state, view, inbox).masks
        return sum_up(self.study, view.accepted, outputs, masks), outputs

    def _bound(self, view: RoundView, sums: Sums) -> bytes:
        return sum_digest(self._where(view), self.account, view.accepted, sums.encode())

    def _bind(self, state: AggregatorState, view: RoundView, digests: tuple[bytes, ...]) -> Sent:
        """Be bound to one sum of the round, and never to another."""
        bound = b"".join(digests)
        if state.opened or (state.sums and state.sums != bound):
            raise OnceOnly(f"round {view.number}: a second sum, or one over noise that is opened")
        state = replace(state, sums=bound)
        return Outbox(state, posts=(self._call(rounds.commit_sum, view, digests),))

    def _is_bound(self, state: AggregatorState, view: RoundView) -> bool:
        """Whether what the ledger has of this member's sums is what it was bound to."""
        return state.sums == b"".join(view.sums[self.account])
