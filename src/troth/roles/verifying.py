"""A member's work on the reports of one round: fetch, open, verify, sum.

Everything here is recomputed from the ledger, the store and the member's keys, so nothing of it
has to be kept.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from troth.errors import BlobMissing, DecodeError, ReportRejected
from troth.ledger.address import Address
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.messages import VerifierState
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.reporting import open_share, opens
from troth.round.holders import agreed
from troth.round.mail import Inbox, Wanted
from troth.round.messages import (
    VERIFIER_FILE_FORMAT,
    Envelope,
    VerifierEntry,
    VerifierFile,
    decode_envelope,
    decode_noise_list,
    decode_opened_shares,
    decode_verifier_file,
)
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.verdict import nonces
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair


def read_envelopes(study: Study, view: RoundView, inbox: Inbox) -> dict[int, Envelope]:
    """The envelopes of the present places; one that is missing or does not decode is left out."""
    digests = dict(envelope_digests(study, view, inbox))
    limit = study.envelope_limit
    blobs = inbox.take(Wanted(digest, limit, keep=True) for digest in digests.values())
    found = {}
    for place, data in zip(digests, blobs, strict=True):
        if data is None:
            continue
        try:
            found[place] = decode_envelope(data, study, view.number, place)
        except DecodeError:
            continue
    return found


def envelope_digests(study: Study, view: RoundView, inbox: Inbox) -> list[tuple[int, bytes]]:
    """Places and envelope digests of everything reported, in the transcript's order."""
    digests = [
        (place, view.reports[site])
        for place, site in enumerate(study.sites)
        if site in view.reports
    ]
    candidates = study.terms.privacy.noise_candidates
    members = [member for member in study.committee if member in view.noise_lists]
    limit = study.noise_list_limit
    lists = inbox.take(Wanted(view.noise_lists[member], limit, keep=True) for member in members)
    for member, data in zip(members, lists, strict=True):
        try:
            listed = decode_noise_list(data or b"", candidates)
        except DecodeError:
            continue
        places = study.noise_places(study.committee.index(member))
        digests.extend(zip(places, listed.envelopes, strict=True))
    return digests


Slot = tuple[int, int]
"""Place of a report and number of one of its shares."""


def open_shares(
    study: Study,
    envelopes: Mapping[int, Envelope],
    member: Address,
    keys: HpkeKeyPair,
    inbox: Inbox,
) -> dict[Slot, bytes]:
    """The member's extended shares that open to what their envelopes commit to."""
    sealed = sealed_shares(study, envelopes, member, inbox)
    opened = {}
    for (place, share), blob in sealed.items():
        body = open_share(envelopes[place], share, member, keys, blob)
        if body is not None:
            opened[place, share] = body
    return opened


def sealed_shares(
    study: Study, envelopes: Mapping[int, Envelope], member: Address, inbox: Inbox
) -> dict[Slot, bytes | None]:
    """The sealed shares that a member is a holder of; None where nobody serves one."""
    index = study.committee.index(member)
    listed = {
        (place, share): envelope.shares[share]
        for place, envelope in envelopes.items()
        for share in study.shares_of(place, index)
    }
    blobs = inbox.take(Wanted(share.digest, share.size, keep=True) for share in listed.values())
    return dict(zip(listed, blobs, strict=True))


def whole(study: Study, member: int, opened: Collection[Slot]) -> int:
    """Bitmap of the places of which a member has opened every share that it holds."""
    places = {place for place, _ in opened}
    return sum(
        1 << place
        for place in places
        if all((place, share) in opened for share in study.shares_of(place, member))
    )


def answered_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    member: Address,
    inbox: Inbox,
) -> dict[Slot, bytes]:
    """A member's extended shares of noise that their owners opened to everybody (mode A).

    One that is not what its envelope commits to is no answer.
    """
    index, limit = study.committee.index(member), study.opened_shares_limit
    owners = [owner for owner in study.committee if owner in view.answers]
    blobs = inbox.take(Wanted(view.answers[owner], limit, keep=True) for owner in owners)
    answered = {}
    for owner, data in zip(owners, blobs, strict=True):
        try:
            opened = decode_opened_shares(data or b"", study, owner)
        except DecodeError:
            continue
        for (place, holder), body in opened.items():
            number = study.share_of(place, index)
            if holder == index and place in envelopes and opens(envelopes[place], number, body):
                answered[place, number] = body
    return answered


@dataclass(frozen=True)
class Verified:
    """A member's verifier file, and what it keeps of each share until the sum."""

    file: VerifierFile
    states: Mapping[Slot, VerifierState]
    """Where there is a verifier share."""
    masks: Mapping[int, Elements]
    """By place, likewise; empty vectors where sums are not tagged."""


def verify_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    bodies: Mapping[Slot, bytes],
    member: Address,
    verify_key: bytes,
) -> Verified:
    """Answer the query of the round's verify key for every delivered share.

    Args:
        study: the study.
        view: the round, keyed.
        envelopes: by place.
        bodies: the member's extended shares.
        member: whose file it is.
        verify_key: the round's.

    Raises:
        BlobMissing: something that this member had opened is not to be had any more.
    """
    index = study.committee.index(member)
    slots = study.slots(view.delivered, index)
    for slot in slots:
        if slot not in bodies:
            raise BlobMissing(f"of the report at place {slot[0]}, which was delivered,")
    every = nonces(study, study.where(view.number), view.heads_digest)
    entries, states, masks = [], {}, {}
    for place, share in slots:
        pine, reason, encoded = study.pine(place), "", b""
        try:
            input_share, mask = split_extended(study, place, share, bodies[place, share])
            public_share = pine.decode_public_share(envelopes[place].public_share)
            states[place, share], verifier_share = pine.verify_init(
                verify_key, share, every[place], public_share, input_share
            )
            encoded, masks[place] = verifier_share.encode(), mask
        except DecodeError:
            reason = "share"
        except ReportRejected:
            reason = "query"
        entries.append(VerifierEntry(place, share, reason, encoded))
    return Verified(VerifierFile(VERIFIER_FILE_FORMAT, member, tuple(entries)), states, masks)


def read_files(
    study: Study,
    view: RoundView,
    members: Sequence[Address],
    own: VerifierFile | None,
    inbox: Inbox,
) -> list[VerifierFile | None]:
    """The verifier files of these members, in their order; None where one cannot be had.

    A member's own is the one it computed: it asks nobody for that. A site has none.
    """
    limit = study.verifier_file_limit
    files: dict[bytes, VerifierFile | None] = {own.member: own} if own else {}
    others = [member for member in members if member not in files]
    wanted = (Wanted(view.files[member], limit, keep=True) for member in others)
    for member, data in zip(others, inbox.take(wanted), strict=True):
        slots = study.slots(view.delivered, study.committee.index(member))
        try:
            files[member] = decode_verifier_file(data or b"", member, slots)
        except DecodeError:
            files[member] = None
    return [files[member] for member in members]


def output_shares(
    study: Study,
    accepted: int,
    files: Sequence[VerifierFile],
    states: Mapping[Slot, VerifierState],
) -> dict[Slot, OutputShare]:
    """The member's output shares of every accepted place, released by the verifiers' message.

    Raises:
        ReportRejected: an accepted place does not verify; nothing may be summed then.
        DecodeError: likewise.
    """
    outputs = {}
    for place in bits(accepted):
        pine = study.pine(place)
        words = agreed(study, place, files).words
        ordered = [pine.decode_verifier_share(word[1] if word else b"") for word in words]
        message = pine.verifier_shares_to_message(ordered)
        for slot in ((place, share) for share in range(len(words))):
            if slot in states:
                outputs[slot] = pine.verify_next(states[slot], message)
    return outputs
