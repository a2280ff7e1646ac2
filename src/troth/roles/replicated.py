"""A committee member where every share has several holders (modes B3 and B4).

What differs from mode A: a share that a reporter sealed wrongly to one holder comes to it from the
others; a sum is bound by its digest, which all holders of the share must post alike, so that there
are no masks, tags and ρ; and in B4 the holders open the noise of a member that does not. Source:
round protocol, sections 4 and 5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from troth.domain.hashing import digest
from troth.errors import BlobMissing, DecodeError, OnceOnly, SealError
from troth.ledger.bindings import rounds
from troth.roles.aggregator import Aggregator
from troth.roles.following import publications
from troth.roles.member import AggregatorState, Sent, Step
from troth.roles.reporting import context, opens, round_keys
from troth.roles.verifying import Slot, open_shares, read_envelopes, sealed_shares
from troth.round.live import live
from troth.round.mail import Inbox, Outbox, Wanted
from troth.round.messages import (
    ECHO_FORMAT,
    RECOVERY_FORMAT,
    Echo,
    EchoedKey,
    Envelope,
    RecoveredShare,
    Recovery,
    decode_echo,
)
from troth.round.openings import ProvenFault, openings_of
from troth.round.published import PublishedRound, owners_of_noise, published_round, sum_digests
from troth.round.replicated import sum_blob
from troth.round.study import Study
from troth.round.transcript import PICK_LEVEL, bits
from troth.round.transitions import State
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair
from troth.storage.seal import Recipient, open_rewrapped, rewrap

NOTHING = bytes(32)


def aggregator_for(study: Study) -> type[Aggregator]:
    """The role of a committee member in a study, by its mode."""
    return ReplicatedAggregator if study.replicated else Aggregator


class ReplicatedAggregator(Aggregator):
    """The role of a committee member in a study of mode B3 or B4."""

    def steps(self) -> dict[State, Step]:
        """As in mode A, without tags; and with noise that others have to open."""
        return super().steps() | {State.HELD: self._reveal_key, State.SEEDED: self._recover}

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        """Give holders that could not open a share the key of it, if all the others could."""
        keys = round_keys(self.study, view, inbox, self.study.terms.windows.answer)
        if keys is None:
            return Outbox(state)
        envelopes = read_envelopes(self.study, view, inbox)
        own = HpkeKeyPair.decode(state.hpke)
        sealed = sealed_shares(self.study, envelopes, self.account, inbox)
        opened = open_shares(self.study, envelopes, self.account, own, inbox)
        echoed, served = [], set[bytes]()
        for (place, share), denier in self._lacking(view):
            blob = sealed.get((place, share))
            if blob is None or (place, share) not in opened:
                continue
            # Not the key alone: the reporter may have taken back what the others have fetched.
            served |= {blob, *self._named(view, place, envelopes[place], inbox)}
            found, account = envelopes[place], self.study.committee[denier]
            bound = context(found.where, found.reporter, share)
            recipient = Recipient(account, keys[denier])
            wrap = rewrap(blob, bound, self.account, own, recipient)
            echoed.append(EchoedKey(place, share, account, wrap))
        echo = Echo(ECHO_FORMAT, tuple(echoed)).encode()
        post = self._call(rounds.answer, view, digest(echo))
        return Outbox(state, keeps=(echo,), puts=(echo, *sorted(served)), posts=(post,))

    def _commit_sum(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        blobs = self._sum_blobs(state, view, inbox)
        return self._bind(state, view, tuple(digest(blob) for blob in blobs))

    def _reveal_key(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        """Publish the sums that all their holders agreed on; then nothing stops the pick.

        A sum that one member kept back another one serves, so nobody can wait for the pick with it.
        """
        blobs = self._sum_blobs(state, view, inbox)
        agreed = sum_digests(self.study, view)
        if any(digest(blob) not in agreed for blob in blobs) or not self._is_bound(state, view):
            raise OnceOnly(f"round {view.number}: a second sum")
        others = publications(self.study, view, inbox)
        if None in others and self._patient(self.study.terms.windows.reveal, view, inbox):
            return Outbox(state, keeps=blobs, puts=blobs)
        served = tuple(blob for blob in others if blob is not None)
        post = self._call(rounds.reveal, view, self._chain(state, view)[PICK_LEVEL])
        return Outbox(state, keeps=blobs, puts=(*blobs, *served), posts=(post,))

    def _recover(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        """Open what one holds of the noise whose owner did not open it, or not what it reported.

        Not if too little noise would be left in the sum: then the round ends.
        """
        envelopes = self._envelopes(view, inbox)
        owners = owners_of_noise(self.study, view.accepted)
        if any(place not in envelopes for o in owners for place in self.study.noise_places(o)):
            raise BlobMissing("of an envelope that was delivered")
        absent = self._absent(state, view, envelopes, owners)
        bitmap = sum(1 << owner for owner in absent)
        if state.recovered and state.recovered != bitmap:
            raise OnceOnly(f"round {view.number}: other noise is opened already")
        if not absent:
            return Outbox(state, posts=(self._call(rounds.recover, view, 0, NOTHING),))
        shown: list[RecoveredShare] = []
        if len(owners) - len(absent) > self.study.terms.privacy.honest:
            bodies = self._opened(state, view, inbox)
            places = {place for owner in absent for place in self.study.noise_places(owner)}
            slots = sorted(slot for slot in bodies if slot[0] in places)
            shown = [RecoveredShare(place, share, bodies[place, share]) for place, share in slots]
        recovery = Recovery(RECOVERY_FORMAT, tuple(shown)).encode()
        post = self._call(rounds.recover, view, bitmap, digest(recovery))
        state = replace(state, recovered=bitmap)
        return Outbox(state, keeps=(recovery,), puts=(recovery,), posts=(post,))

    # What follows from the ledger, the store and the member's keys.

    def _lacking(self, view: RoundView) -> Iterator[tuple[Slot, int]]:
        """What exactly one member could not open: each share that it holds as this one does."""
        there = live(self.study, view, State.CONTESTED)
        words = {index: view.opened[self.study.committee[index]] for index in there}
        for place in bits(view.present):
            deniers = [index for index, word in words.items() if not word >> place & 1]
            if len(deniers) != 1 or deniers[0] == self.index:
                continue
            both = set(self.study.shares_of(place, deniers[0]))
            for share in sorted(both.intersection(self.study.shares_of(place, self.index))):
                yield (place, share), deniers[0]

    def _named(
        self, view: RoundView, place: int, found: Envelope, inbox: Inbox
    ) -> tuple[bytes, ...]:
        """What leads to the shares of a report: its envelope, and for noise the list of it."""
        if self.study.is_site(place):
            return (found.encode(),)
        owner = self.study.committee[self.study.owner(place)]
        wanted = Wanted(view.noise_lists[owner], self.study.noise_list_limit, keep=True)
        return (found.encode(), *(data for data in inbox.take([wanted]) if data is not None))

    def _answered(
        self,
        view: RoundView,
        envelopes: Mapping[int, Envelope],
        keys: HpkeKeyPair,
        inbox: Inbox,
    ) -> dict[Slot, bytes]:
        """This member's extended shares that it can open with a key that another holder gave it."""
        members = [member for member in self.study.committee if member in view.answers]
        wanted = [Wanted(view.answers[m], self.study.echo_limit, keep=True) for m in members]
        echoed: list[EchoedKey] = []
        for data in inbox.take(wanted):
            try:
                echoed += [
                    key for key in decode_echo(data or b"").keys if key.member == self.account
                ]
            except DecodeError:
                continue
        sealed = sealed_shares(self.study, envelopes, self.account, inbox) if echoed else {}
        found: dict[Slot, bytes] = {}
        for key in echoed:
            blob = sealed.get((key.place, key.share))
            if blob is not None:
                body = self._with_key(envelopes[key.place], key, blob, keys)
                if body is not None:
                    found[key.place, key.share] = body
        return found

    def _with_key(
        self, found: Envelope, key: EchoedKey, blob: bytes, keys: HpkeKeyPair
    ) -> bytes | None:
        bound = context(found.where, found.reporter, key.share)
        try:
            body = open_rewrapped(blob, bound, key.wrap, self.account, keys)
        except SealError:
            return None
        return body if opens(found, key.share, body) else None

    def _sum_blobs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[bytes, ...]:
        """This member's sums over S, by share."""
        outputs = self._outputs(state, view, inbox)
        where, accepted = self._where(view), view.accepted
        held = self.study.shares_of(0, self.index)
        return tuple(sum_blob(self.study, where, share, accepted, outputs) for share in held)

    def _absent(
        self,
        state: AggregatorState,
        view: RoundView,
        envelopes: Mapping[int, Envelope],
        owners: tuple[int, ...],
    ) -> list[int]:
        """The owners of noise in S that opened none, or seeds of something else."""
        published: PublishedRound = published_round(
            self.study,
            view,
            verify_key=state.verify_key,
            envelopes=envelopes,
            files=(),
            publications=(),
            recovered={},
        )
        absent = []
        for owner in owners:
            try:
                openings_of(published, owner)
            except ProvenFault:
                absent.append(owner)
        return absent
