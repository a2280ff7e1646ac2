"""Making a report and opening one: PINE shares, commitments, sealed blobs.

A site's update and a member's noise go through the same code: noise is just another report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.domain.hashing import digest
from troth.errors import DecodeError, SealError, ShareAgain
from troth.ledger.address import Address
from troth.privacy.secagg.messages import InputShare, PublicShare
from troth.privacy.secagg.pine import Pine
from troth.round.mail import Inbox, Wanted
from troth.round.messages import Envelope, SealedShare, envelope
from troth.round.study import Study
from troth.round.transcript import Reporter, RoundId, report_nonce, share_commitment
from troth.round.view import RoundView
from troth.storage.context import SealContext
from troth.storage.keys import PUBLIC_KEY_SIZE, HpkeKeyPair, HpkePublicKey
from troth.storage.seal import Recipient, open_sealed, seal

RandomBytes = Callable[[int], bytes]
Sharer = Callable[[Pine, NDArray[np.int64], bytes, bytes], tuple[PublicShare, list[InputShare]]]
_SHARING_TRIES = 16


def round_keys(study: Study, view: RoundView, inbox: Inbox) -> list[HpkePublicKey] | None:
    """Every member's HPKE key of this round, in committee order; None: one is not there yet.

    Half a window long a reporter waits for a key. After that, and at once for bytes that are no
    key, it seals that member's shares to nobody: reporting is its own duty, and a member without
    a key must be the one that stands there unable to open.
    """
    wanted = [Wanted(view.hpke_keys[member], PUBLIC_KEY_SIZE) for member in study.committee]
    patient = inbox.now + study.terms.windows.report // 2 <= view.deadline
    keys = []
    for encoded in inbox.take(wanted):
        if encoded is None and patient:
            return None
        try:
            keys.append(HpkePublicKey(encoded or b""))
        except DecodeError:
            keys.append(HpkeKeyPair.generate().public)
    return keys


@dataclass(frozen=True)
class Report:
    """A whole report, ready to upload; stored before its first byte leaves."""

    envelope: bytes
    sealed: tuple[bytes, ...]
    """Sealed input shares, by share number."""


def share_honestly(
    pine: Pine, vector: NDArray[np.int64], nonce: bytes, rand: bytes
) -> tuple[PublicShare, list[InputShare]]:
    """The sharing of an honest reporter."""
    return pine.shard_integers(vector, nonce, rand)


def make_report(
    study: Study,
    where: RoundId,
    place: int,
    vector: NDArray[np.int64],
    *,
    heads: bytes,
    hpke_keys: Sequence[HpkePublicKey],
    share_rand: RandomBytes,
    seal_random: RandomBytes,
    sharer: Sharer = share_honestly,
) -> Report:
    """Share a vector, commit to each share and seal it to its holder.

    Args:
        study: the study.
        where: the round.
        place: the reporter's place in the transcript.
        vector: int64 of the model's dimension, within the norm bound of the place.
        heads: digest of the round's key heads; the nonce derives from it.
        hpke_keys: every member's key of this round, in committee order.
        share_rand: randomness of the sharing.
        seal_random: randomness of content keys.
        sharer: how the vector is shared; a dishonest reporter of a test brings another one.

    Raises:
        ShareAgain: the vector cannot be shared (too long, or sixteen sharings in a row left
            the range of the wraparound checks).
    """
    reporter = study.reporters[place]
    pine = study.pine(place)
    nonce = report_nonce(where, reporter, heads)
    public_share, shares = _share(pine, vector, nonce, share_rand, sharer)
    bodies = [share.encode() for share in shares]
    commitments = tuple(
        share_commitment(where, reporter, number, body) for number, body in enumerate(bodies)
    )
    sealed = []
    for number, body in enumerate(bodies):
        holder = study.holder(place, number)
        recipient = Recipient(study.committee[holder], hpke_keys[holder])
        sealed.append(seal(body, _context(where, reporter, number), [recipient], seal_random))
    listed = tuple(SealedShare(digest(blob), len(blob)) for blob in sealed)
    made = envelope(where, reporter, public_share.encode(), commitments, listed)
    return Report(made.encode(), tuple(sealed))


def _share(
    pine: Pine, vector: NDArray[np.int64], nonce: bytes, rand: RandomBytes, sharer: Sharer
) -> tuple[PublicShare, list[InputShare]]:
    for _ in range(_SHARING_TRIES - 1):
        try:
            return sharer(pine, vector, nonce, rand(pine.RAND_SIZE))
        except ShareAgain:
            continue
    return sharer(pine, vector, nonce, rand(pine.RAND_SIZE))


def open_share(
    study: Study,
    found: Envelope,
    place: int,
    member: Address,
    keys: HpkeKeyPair,
    sealed: bytes | None,
) -> bytes | None:
    """A member's encoded input share, or None when it did not get what the envelope commits to.

    Args:
        study: the study.
        found: the report's envelope.
        place: its place.
        member: who opens.
        keys: the member's key pair of this round.
        sealed: the blob, or None when nobody serves it.
    """
    number = study.share_of(place, study.committee.index(member))
    if sealed is None:
        return None
    context = _context(found.where, found.reporter, number)
    try:
        body = open_sealed(sealed, context, member, keys)
    except (SealError, DecodeError):
        return None
    commitment = share_commitment(found.where, found.reporter, number, body)
    return body if commitment == found.commitments[number] else None


def _context(where: RoundId, reporter: Reporter, share: int) -> SealContext:
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
