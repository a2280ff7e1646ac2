"""Sites whose shares are too large, or not the one encoding of what they hold."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from troth.privacy.secagg.messages import InputShare, LeaderShare
from troth.privacy.secagg.pine import Pine
from troth.roles.reporting import Report
from troth.round.driver import Party
from troth.round.study import Study
from troth.round.view import StudyView
from troth.testing.adversaries.attack import Setting, argument
from troth.testing.adversaries.lenient import lenient, with_lax_decoder
from troth.testing.adversaries.site_envelopes import Document, TwistedReport, edited
from troth.testing.adversaries.site_proofs import LIAR, ForgedReport
from troth.testing.adversaries.stage import Stage, committee, verdict_at
from troth.testing.adversaries.stores import Metering, UncheckedBlobs
from troth.testing.forgers import Report as Sharing

LARGE = 2**23
"""Bytes of a blob that no reader should hold."""
Vector = npt.NDArray[np.int64]


class OversizedAnnounced(TwistedReport):
    """A site announces a share of 8 MiB, which everybody would have to fetch."""

    name = "oversized-blob-announced"
    wants = "a member reads those 8 MiB"
    switch = argument("members that take whatever size an envelope announces")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Name the large blob, and its true size."""
        return self.naming(stage, report, size=LARGE)

    def naming(self, stage: Stage, report: Report, *, size: int) -> Report:
        """The report with a large blob as its first share."""
        large = stage.store.put(bytes(LARGE))

        def edit(document: Document) -> None:
            document["shares"][0] = {"digest": "0x" + large.hex(), "size": size}

        return edited(report, edit)

    def prepare(self, stage: Stage, *, defended: bool) -> None:
        """Count what is read."""
        del defended
        stage.store = Metering(stage.store)

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that believe the size."""
        return committee(stage, lenient(stage.study, LIAR, sizes={0: LARGE}))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether anybody read so much."""
        del view
        meter = stage.store
        return isinstance(meter, Metering) and meter.largest >= LARGE


class OversizedDelivered(OversizedAnnounced):
    """A site announces the right size and names a blob of 8 MiB all the same."""

    name = "oversized-blob-delivered"
    switch = argument("a store client that reads without a limit")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Name the large blob, and the size that is expected."""
        return self.naming(stage, report, size=stage.study.share_size(LIAR, 0))

    def prepare(self, stage: Stage, *, defended: bool) -> None:
        """Count what is read."""
        stage.store = Metering(stage.store if defended else UncheckedBlobs(stage.folder))

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Honest ones: it is the store's client that is careless."""
        return committee(stage, stage.study)


class AboveTheModulus(LeaderShare):
    """A Leader's share whose first element is written as a number that is no element."""

    def encode(self) -> bytes:
        """All bits of the first element set."""
        size = self.field.encoded_size
        return b"\xff" * size + super().encode()[size:]


class Longer(LeaderShare):
    """A Leader's share with a byte after its end."""

    def encode(self) -> bytes:
        """One byte more."""
        return super().encode() + b"\0"


def _shard_as(kind: type[LeaderShare]) -> Callable[[Pine, Vector, bytes, bytes], Sharing]:
    def shard(pine: Pine, vector: Vector, nonce: bytes, rand: bytes) -> Sharing:
        public_share, shares = pine.shard_integers(vector, nonce, rand)
        leader = shares[0]
        if not isinstance(leader, LeaderShare):
            raise TypeError("the first input share is the Leader's")
        rest: list[InputShare] = shares[1:]
        return public_share, [kind(**vars(leader)), *rest]

    return shard


class ElementOutOfRange(ForgedReport):
    """A site writes a field element as a number above the modulus."""

    name = "element-above-modulus"
    caught = "verdict share"
    wants = "members read the share and judge it by its proofs"
    switch = argument("a decoder that reduces every number by the modulus")
    setting: ClassVar = Setting(sharers={LIAR: _shard_as(AboveTheModulus)})

    def weakened(self, study: Study) -> Study:
        """A lenient decoder."""
        return with_lax_decoder(study, LIAR)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether anything but the decoder had a say."""
        del stage
        return verdict_at(view.rounds[1], LIAR) in ("norm_equality", "validity", "accepted")


class TrailingBytes(ForgedReport):
    """A site seals a share with a byte after its end, as a channel or a second encoding."""

    name = "trailing-bytes"
    caught = "verdict undelivered"
    wants = "the report is in the accepted set"
    switch = argument("members that take shares of that size and decode their beginning")
    setting: ClassVar = Setting(sharers={LIAR: _shard_as(Longer)})

    def weakened(self, study: Study) -> Study:
        """A lenient decoder that expects one byte more."""
        return with_lax_decoder(study, LIAR, {0: 1})
