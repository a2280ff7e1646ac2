"""Sites that keep a share from one of its holders, where it has others (B3 and B4).

What they want is that one honest member stands there alone: in B4 it would leave the round, in B3
its word would keep the report out. What it lacks it gets from the others, keys and blobs.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from troth.domain.hashing import labelled
from troth.roles.replicated import ReplicatedAggregator
from troth.roles.reporting import KeptReport, Report, context, round_keys
from troth.roles.trainer import Trainer
from troth.roles.verifying import Slot
from troth.round.driver import Party
from troth.round.mail import Inbox
from troth.round.sharing import Sharing
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.storage.context import SealContext
from troth.storage.seal import CONTENT_KEY_SIZE, NONCE_SIZE, Recipient, SealedBlob, seal
from troth.testing.adversaries.attack import REPLICATED, Observation, Outcome, argument
from troth.testing.adversaries.observing import observe_round
from troth.testing.adversaries.site_envelopes import (
    LIAR,
    TwistedReport,
    Uncommitted,
    missealing,
    naming,
)
from troth.testing.adversaries.stage import Stage, committee, decided, in_set, in_state, without

VICTIM, SHARE = 0, 1
"""The member that is to stand alone, and a share that it holds with others."""
BLOCK = 16
REDUCTION = 0xE1 << 120
"""Of the field of GCM, whose bits are in reverse."""


class Grudging(ReplicatedAggregator):
    """Passes nothing on to holders that could not open a share."""

    def _lacking(self, view: RoundView) -> Iterator[tuple[Slot, int]]:
        del view
        return iter(())


class KeptFromOne(TwistedReport, ABC):
    """A report of which one member cannot open what all its other holders can."""

    modes = REPLICATED
    expected = Outcome.REFUSED
    caught = "answer"
    wants = "an honest member is out of the round, or the report is left out by its word alone"
    switch = argument("members that pass nothing on to a holder that lacks a share")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Nothing."""
        del stage
        return report

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that pass nothing on."""
        return committee(stage, stage.study, Grudging)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether somebody left, or the report is out."""
        del stage
        return bool(view.rounds[1].left) or not in_set(view.rounds[1], LIAR)


class WrongKeyForOne(KeptFromOne):
    """A site seals its shares wrongly to one member, so that this one stands there alone."""

    name = "shares-sealed-wrongly-to-one"

    def liar(self, stage: Stage) -> Trainer:
        """The site that seals wrongly."""
        return missealing(stage, VICTIM)


class TakenBack(KeptFromOne, ABC):
    """A site takes something out of the store when all members but one have fetched it."""

    @abstractmethod
    def taken(self, report: KeptReport) -> bytes:
        """What it takes back."""

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the others deliver first."""
        members = stage.aggregators if defended else self.careless(stage)
        stage.run(in_state(State.CLOSED), [*stage.sites, *members])
        others = without(members, VICTIM)
        stage.run(lambda view: len(view.current.posted) == len(others), others)
        stage.store.delete(self.taken(stage.sites[LIAR].state.report))
        view = stage.run(decided, [*stage.sites, *members])
        succeeded = self.reached(stage, view)
        attacker = stage.study.sites[LIAR]
        return observe_round(stage, view, attacker, succeeded=succeeded, place=LIAR)


class ShareTakenBack(TakenBack):
    """A site takes a sealed share back when all its holders but one have fetched it."""

    name = "sealed-share-taken-back"

    def taken(self, report: KeptReport) -> bytes:
        """A share that the victim holds."""
        return report.sealed[SHARE]


class EnvelopeTakenBack(TakenBack):
    """A site takes its envelope back when all members but one have fetched it."""

    name = "envelope-taken-back"

    def taken(self, report: KeptReport) -> bytes:
        """The envelope."""
        return report.envelope


class TwoKeyed(Trainer):
    """Seals one share under two keys at once: it opens for everybody, differently for one."""

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        keys = round_keys(self.study, view, inbox, self.study.terms.windows.report)
        if keys is None:
            return None
        pine, members = self.study.pine(self.place), self.study.committee
        holders = self.study.holders(self.place, SHARE)
        to = [Recipient(members[k], keys[k]) for k in holders if k != VICTIM]
        where, reporter = self.study.where(view.number), self.study.reporters[self.place]
        size = self.study.extended_size(self.place, SHARE)
        bound = context(where, reporter, SHARE)
        sealed, first = sealed_twice(bound, to, Recipient(members[VICTIM], keys[VICTIM]), size)

        def draw(count: int) -> bytes:
            """A Helper's share is randomness; the first one's comes first."""
            chosen = first if count == pine.RAND_SIZE else b""
            return chosen + os.urandom(count - len(chosen))

        self._random = draw
        made = super()._make(view, inbox)
        if made is None:
            return None
        sharing, report = made
        blobs = (*report.sealed[:SHARE], sealed, *report.sealed[SHARE + 1 :])
        return sharing, naming(report, blobs)


class TwoPlaintexts(KeptFromOne):
    """A site makes one sealed share that opens differently under the keys that it gave out."""

    name = "one-share-two-plaintexts"
    switch = argument("members that use what they open without comparing it with its commitment")

    def liar(self, stage: Stage) -> Trainer:
        """The site that seals so."""
        return TwoKeyed(stage.study, stage.study.sites[LIAR], stage.train(LIAR), os.urandom)

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that do not compare."""
        return committee(stage, stage.study, Uncommitted)


def sealed_twice(
    bound: SealContext, to: Sequence[Recipient], other: Recipient, size: int
) -> tuple[bytes, bytes]:
    """A sealed share that opens under two keys, and what it gives under the first one.

    AES-GCM commits to no key: the last block of the ciphertext is chosen so that its tag is right
    under both.

    Args:
        bound: the share's context.
        to: who gets the first key.
        other: who gets the second one.
        size: bytes of the share.
    """
    one, two, nonce = (os.urandom(n) for n in (CONTENT_KEY_SIZE, CONTENT_KEY_SIZE, NONCE_SIZE))
    wraps = [_wrapped(bound, item, one) for item in to] + [_wrapped(bound, other, two)]
    sealed = SealedBlob(tuple(wraps), nonce, b"")
    associated = labelled("seal-content", (bound.digest(), sealed.header()))

    def under(key: bytes, text: bytes) -> tuple[bytes, int]:
        """A ciphertext's plaintext and tag."""
        cipher = AESGCM(key)
        stream = cipher.encrypt(nonce, bytes(size), associated)[:size]
        plain = bytes(a ^ b for a, b in zip(stream, text, strict=True))
        return plain, int.from_bytes(cipher.encrypt(nonce, plain, associated)[size:])

    start = os.urandom(size - BLOCK)
    (_, tag), (_, other_tag) = (under(key, start + bytes(BLOCK)) for key in (one, two))
    # Of the blocks that a tag is a polynomial of, the length comes last and this one before it.
    squares = [_times(point, point) for point in map(_point, (one, two))]
    last = _times(tag ^ other_tag, _inverse(squares[0] ^ squares[1]))
    text = start + last.to_bytes(BLOCK)
    plain, tag = under(one, text)
    whole = SealedBlob(tuple(wraps), nonce, text + tag.to_bytes(BLOCK))
    return whole.encode(), plain


def _wrapped(bound: SealContext, recipient: Recipient, key: bytes) -> tuple[bytes, bytes]:
    """A content key of choice, wrapped as in any sealed share."""
    whole = seal(b"", bound, [recipient], lambda count: key[:count])
    return SealedBlob.decode(whole).wraps[0]


def _point(key: bytes) -> int:
    """Where GCM evaluates the polynomial of a tag."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 - one block, as GCM defines it
    return int.from_bytes(encryptor.update(bytes(BLOCK)))


def _times(a: int, b: int) -> int:
    """Product in the field of GCM."""
    product = 0
    for at in range(127, -1, -1):
        if a >> at & 1:
            product ^= b
        b = b >> 1 ^ (REDUCTION if b & 1 else 0)
    return product


def _inverse(a: int) -> int:
    """The inverse: the power of 2^128 - 2."""
    inverse = 1 << 127
    for _ in range(127):
        a = _times(a, a)
        inverse = _times(inverse, a)
    return inverse
