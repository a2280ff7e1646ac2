"""Sealing a report and opening one: what leaves a reporter, and what a holder makes of it.

A site's update and a member's noise go through the same code: noise is just another report.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.domain.hashing import digest
from troth.errors import DecodeError, SealError, StateFileError
from troth.ledger.address import Address
from troth.round.mail import Inbox, Wanted
from troth.round.messages import Envelope, SealedShare, envelope
from troth.round.sharing import RandomBytes, Sharing
from troth.round.study import Study
from troth.round.transcript import Reporter, RoundId, share_commitment
from troth.round.view import RoundView
from troth.storage.context import SealContext
from troth.storage.keys import PUBLIC_KEY_SIZE, HpkeKeyPair, HpkePublicKey
from troth.storage.seal import Recipient, open_sealed, seal


def round_keys(
    study: Study, view: RoundView, inbox: Inbox, window: int
) -> list[HpkePublicKey] | None:
    """Every member's HPKE key of this round, in committee order; None: one is not there yet.

    Half a window long a reporter waits for a key. After that, and at once for bytes that are no
    key or for a member that announced none, it seals that member's shares to nobody: reporting is
    its own duty, and a member without a key must be the one that stands there unable to open.
    """
    there = [member for member in study.committee if member in view.hpke_keys]
    wanted = (Wanted(view.hpke_keys[member], PUBLIC_KEY_SIZE) for member in there)
    found = dict(zip(there, inbox.take(wanted), strict=True))
    patient = inbox.now + window // 2 <= view.deadline
    keys = []
    for member in study.committee:
        encoded = found.get(member)
        if encoded is None and member in found and patient:
            return None
        try:
            keys.append(HpkePublicKey(encoded or b""))
        except DecodeError:
            keys.append(HpkeKeyPair.generate().public)
    return keys


@dataclass(frozen=True)
class Report:
    """A whole report, ready to upload; kept before its first byte leaves."""

    envelope: bytes
    sealed: tuple[bytes, ...]
    """Sealed extended shares, by share number."""

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """Everything that goes to the store."""
        return (*self.sealed, self.envelope)

    def kept(self) -> "KeptReport":
        """What the state file says of it."""
        return KeptReport(digest(self.envelope), tuple(digest(blob) for blob in self.sealed))


@dataclass(frozen=True)
class KeptReport:
    """A report among a party's own blobs: after a crash it is sent again, never shared again."""

    envelope: bytes
    """Digest."""
    sealed: tuple[bytes, ...]
    """Digests, by share number."""

    def blobs(self, study: Study, place: int, inbox: Inbox) -> tuple[bytes, ...]:
        """The report as it was made.

        Raises:
            StateFileError: it is lost; a second sharing would break what the first one promises.
        """
        wanted = [
            Wanted(name, study.share_size(place, number), keep=True)
            for number, name in enumerate(self.sealed)
        ]
        found = inbox.take([*wanted, Wanted(self.envelope, study.envelope_limit, keep=True)])
        blobs = tuple(blob for blob in found if blob is not None)
        if len(blobs) < len(found):
            raise StateFileError(
                "a report is named in the state file and not among this party's own blobs; "
                "restore them, or let the round's deadline pass"
            )
        return blobs


NO_REPORT = KeptReport(b"", ())
"""Where a party has made none in its round."""


def seal_report(
    study: Study,
    where: RoundId,
    place: int,
    sharing: Sharing,
    *,
    hpke_keys: Sequence[HpkePublicKey],
    random_bytes: RandomBytes,
) -> Report:
    """Seal each extended share to its holders and put the envelope around them.

    Args:
        study: the study.
        where: the round.
        place: the reporter's place in the transcript.
        sharing: the shared vector.
        hpke_keys: every member's key of this round, in committee order.
        random_bytes: randomness of content keys.
    """
    reporter = study.reporters[place]
    sealed = []
    for number, body in enumerate(sharing.extended):
        recipients = [
            Recipient(study.committee[holder], hpke_keys[holder])
            for holder in study.holders(place, number)
        ]
        sealed.append(seal(body, context(where, reporter, number), recipients, random_bytes))
    listed = tuple(SealedShare(digest(blob), len(blob)) for blob in sealed)
    made = envelope(where, reporter, sharing.public_share, sharing.commitments, listed)
    return Report(made.encode(), tuple(sealed))


def open_share(
    found: Envelope, share: int, member: Address, keys: HpkeKeyPair, sealed: bytes | None
) -> bytes | None:
    """A member's extended share, or None when it did not get what the envelope commits to.

    Args:
        found: the report's envelope.
        share: number of the share.
        member: who opens.
        keys: the member's key pair of this round.
        sealed: the blob, or None when nobody serves it.
    """
    if sealed is None:
        return None
    try:
        body = open_sealed(sealed, context(found.where, found.reporter, share), member, keys)
    except (SealError, DecodeError):
        return None
    return body if opens(found, share, body) else None


def opens(found: Envelope, number: int, body: bytes) -> bool:
    """Whether an extended share is what an envelope commits to under a share number."""
    commitment = share_commitment(found.where, found.reporter, number, body)
    return commitment == found.commitments[number]


def context(where: RoundId, reporter: Reporter, share: int) -> SealContext:
    """What the sealing of one share of a report is bound to."""
    return SealContext(
        chain_id=where.chain_id,
        contract=bytes(where.contract),
        study=where.study,
        round=where.round,
        role="noise" if reporter.role == "noise" else "site",
        party=bytes(reporter.party),
        candidate=reporter.candidate if reporter.role == "noise" else None,
        share=share,
    )
