"""Dishonest parties of modes B3 and B4: honest code with one step exchanged, and bad eyesight."""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from tests.roles.liars import SHIFT, forged

from troth.domain import canonical, records
from troth.domain.hashing import digest
from troth.errors import BlobMissing
from troth.ledger.bindings import rounds
from troth.roles.member import AggregatorState
from troth.roles.noise import KeptNoise
from troth.roles.replicated import ReplicatedAggregator
from troth.roles.reporting import Report, context, round_keys, seal_report
from troth.roles.trainer import Trainer
from troth.round.driver import Party
from troth.round.mail import Outbox
from troth.round.messages import NOISE_LIST_FORMAT, NoiseList, Recovery, decode_echo
from troth.round.sharing import draw_mask_seed, share_report
from troth.storage.keys import HpkeKeyPair
from troth.storage.seal import WRAP_SIZE, Recipient, seal
from troth.testing.forgers import shard_over_norm


def instead(outbox, post, *puts):
    """An outbox with another post, and other blobs."""
    return replace(outbox, keeps=puts, puts=puts, posts=(post,))


class Forging(ReplicatedAggregator):
    """Publishes false verifier shares of one report."""

    place = 0
    shares: Collection[int] = range(4)

    def _verified(self, state, view, inbox):
        verified = super()._verified(state, view, inbox)
        false = forged(verified.file, self.place)
        entries = tuple(
            lie if lie.share in self.shares else entry
            for entry, lie in zip(verified.file.entries, false.entries, strict=True)
        )
        return replace(verified, file=replace(verified.file, entries=entries))


class Misjudging(ReplicatedAggregator):
    """Posts another verdict than the one that follows."""

    wrong: Mapping[int, int] = {}
    """What it says, by position in the verdict."""

    def _judge(self, state, view, inbox):
        codes = bytearray(self._verdict(state, view, inbox))
        for position, code in self.wrong.items():
            codes[position] = code
        post = rounds.judge(self.study.study_id, view.number, bytes(codes))
        return Outbox(state, posts=(post,))


class Shifting(ReplicatedAggregator):
    """Adds something to one coordinate of the first sum that it holds."""

    def _sum_blobs(self, state, view, inbox):
        first, *others = super()._sum_blobs(state, view, inbox)
        field = self.study.field
        size = field.encoded_size
        values = field.decode_vec(first[-size:])
        moved = field.encode_vec(field.add(values, field.vector([SHIFT])))
        return (first[:-size] + moved, *others)


class Denying(ReplicatedAggregator):
    """Says that it cannot open some places, whatever it was sent."""

    denied = 0
    relents = False
    """Whether it opens them once it has been given their keys."""

    def _opened(self, state, view, inbox):
        opened = super()._opened(state, view, inbox)
        if view.answers and self.relents:
            return opened
        return {slot: body for slot, body in opened.items() if not self.denied >> slot[0] & 1}


class Garbling(ReplicatedAggregator):
    """Gives others keys that open nothing."""

    def _answer(self, state, view, inbox):
        outbox = super()._answer(state, view, inbox)
        if not outbox.puts:
            return outbox
        echo = decode_echo(outbox.puts[0])
        assert echo.keys
        garbage = self._garbage(echo)
        return instead(
            outbox, rounds.answer(self.study.study_id, view.number, digest(garbage)), garbage
        )

    def _garbage(self, echo):
        wrong = tuple(replace(key, wrap=os.urandom(WRAP_SIZE)) for key in echo.keys)
        return replace(echo, keys=wrong).encode()


class Babbling(Garbling):
    """Answers with bytes that are no echo."""

    def _garbage(self, _):
        return b"echo"


class Muddling(Garbling):
    """Gives others keys of shares that do not exist, and for nobody."""

    def _garbage(self, echo):
        (key, *_) = echo.keys
        nowhere = (
            replace(key, place=2**40),
            replace(key, share=-1),
            replace(key, share=17),
            replace(key, member=b""),
            replace(key, wrap=b""),
        )
        return replace(echo, keys=nowhere).encode()


class WrongSeeds(ReplicatedAggregator):
    """Opens other noise than it had reported."""

    seed = bytes([7]) * 32

    def _open_noise(self, state, view, inbox):
        honest = super()._open_noise(state, view, inbox)
        seeds = (self.seed,) * len(honest.state.opened)
        return Outbox(state, posts=(rounds.open_noise(self.study.study_id, view.number, seeds),))


class Recovering(ReplicatedAggregator):
    """Says that honest noise is missing, and shows what it holds of it."""

    victim = 0

    def _absent(self, state, view, envelopes, owners):
        return [self.victim, *super()._absent(state, view, envelopes, owners)]


class Negating(Recovering):
    """Shows shares of numbers that there are not."""

    def _recover(self, state, view, inbox):
        outbox = super()._recover(state, view, inbox)
        recovery = records.decode(Recovery, outbox.puts[0], "recovery")
        wrong = tuple(replace(item, share=-1) for item in recovery.shares)
        blob = replace(recovery, shares=wrong).encode()
        owners = outbox.state.recovered
        post = rounds.recover(self.study.study_id, view.number, owners, digest(blob))
        return instead(outbox, post, blob)


class Excusing(WrongSeeds):
    """Says that nobody's noise is missing, its own least of all."""

    def _absent(self, state, view, envelopes, owners):
        del state, view, envelopes, owners
        return []


class Smearing(ReplicatedAggregator):
    """Shows other shares than it was sent of noise that is missing."""

    def _recover(self, state, view, inbox):
        outbox = super()._recover(state, view, inbox)
        recovery = records.decode(Recovery, outbox.puts[0], "recovery")
        wrong = tuple(replace(item, extended=bytes(len(item.extended))) for item in recovery.shares)
        blob = replace(recovery, shares=wrong).encode()
        owners = outbox.state.recovered
        post = rounds.recover(self.study.study_id, view.number, owners, digest(blob))
        return instead(outbox, post, blob)


class Swallowing(ReplicatedAggregator):
    """Names what it shows of missing noise, and serves it to nobody."""

    def _recover(self, state, view, inbox):
        return replace(super()._recover(state, view, inbox), puts=())


class Hoarding(ReplicatedAggregator):
    """Names its verifier file and serves it to nobody."""

    def _confirm_files(self, state, view, inbox):
        return replace(super()._confirm_files(state, view, inbox), puts=())


class Complaining(ReplicatedAggregator):
    """Says that it cannot fetch the verifier file of somebody."""

    victim = 0

    def _confirm(self, state, view, inbox, found, serve):
        outbox = super()._confirm(state, view, inbox, found, serve)
        if not outbox.posts:
            return outbox
        fetched = (1 << len(self.study.committee)) - 1 & ~(1 << self.victim)
        return replace(outbox, posts=(rounds.confirm(self.study.study_id, view.number, fetched),))


class KeepingSums(ReplicatedAggregator):
    """Serves no sum."""

    def _reveal_key(self, state, view, inbox):
        return replace(super()._reveal_key(state, view, inbox), puts=())


class Loud(ReplicatedAggregator):
    """Its first noise candidate is above the bound, with a proof that says otherwise."""

    def _report_noise(self, state: AggregatorState, view, inbox):
        outbox = super()._report_noise(state, view, inbox)
        if state.noise or not outbox.posts:
            return outbox
        study, place = self.study, self.study.noise_place(self.index, 0)
        keys = round_keys(study, view, inbox, study.terms.windows.report)
        assert keys is not None
        loud = np.zeros(study.terms.model.dimension, dtype=np.int64)
        loud[0] = study.terms.secagg.noise_norm_bound + 1
        sharing = share_report(
            study,
            self._where(view),
            place,
            loud,
            heads=view.heads_digest,
            rand=os.urandom,
            mask_seed=draw_mask_seed(os.urandom),
            sharer=shard_over_norm,
        )
        report = seal_report(
            study, self._where(view), place, sharing, hpke_keys=keys, random_bytes=os.urandom
        )
        first, *others = outbox.state.noise
        noise = (KeptNoise(first.seed, report.kept()), *others)
        listed = tuple(item.report.envelope for item in noise)
        noise_list = NoiseList(NOISE_LIST_FORMAT, listed).encode()
        post = rounds.report_noise(study.study_id, view.number, digest(noise_list))
        return Outbox(
            replace(outbox.state, noise=noise),
            keeps=(*outbox.keeps, *report.blobs),
            puts=(*outbox.puts, *report.blobs, noise_list),
            posts=(post,),
        )


class Misaddressing(Trainer):
    """Seals one share so that some of its holders cannot open it."""

    share = 1
    victims: Collection[int] = ()

    def _make(self, view, inbox):
        made = super()._make(view, inbox)
        assert made
        sharing, report = made
        study, stranger = self.study, HpkeKeyPair.generate().public
        keys = round_keys(study, view, inbox, study.terms.windows.report)
        assert keys is not None
        recipients = [
            Recipient(study.committee[k], stranger if k in self.victims else keys[k])
            for k in study.holders(self.place, self.share)
        ]
        bound = context(study.where(view.number), study.reporters[self.place], self.share)
        blob = seal(sharing.extended[self.share], bound, recipients, os.urandom)
        document = json.loads(report.envelope)
        document["shares"][self.share]["digest"] = "0x" + digest(blob).hex()
        sealed = list(report.sealed)
        sealed[self.share] = blob
        return sharing, Report(canonical.encode(document), tuple(sealed))


class Shortsighted(Party[AggregatorState]):
    """A member to whom the store does not serve one blob."""

    lost = b""

    def tick(self, ledger, store, view, now):
        return super().tick(ledger, _Store(store, lost=self.lost), view, now)


class Told(Party[AggregatorState]):
    """A member to whom somebody serves a blob that is not in the store for others."""

    private: Mapping[bytes, bytes] = {}

    def tick(self, ledger, store, view, now):
        return super().tick(ledger, _Store(store, private=self.private), view, now)


class _Store:
    """A store as one party sees it."""

    def __init__(self, store, *, lost=b"", private: Mapping[bytes, bytes] | None = None):
        self._store, self._lost, self._private = store, lost, private or {}

    def get(self, digest, *, max_size):
        if digest == self._lost:
            raise BlobMissing(digest.hex())
        if digest in self._private:
            return self._private[digest]
        return self._store.get(digest, max_size=max_size)

    def __getattr__(self, name):
        return getattr(self._store, name)
