"""A member's work on the reports of one round: fetch, open, verify, sum.

Everything here is recomputed from the ledger, the store and the member's keys, so nothing of it
has to be kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from troth.errors import BlobMissing, DecodeError, ReportRejected
from troth.ledger.address import Address
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.messages import VerifierState
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.reporting import open_share, opens
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


def open_shares(
    study: Study,
    envelopes: Mapping[int, Envelope],
    member: Address,
    keys: HpkeKeyPair,
    inbox: Inbox,
) -> dict[int, bytes]:
    """The member's extended shares that open to what their envelopes commit to, by place."""
    index = study.committee.index(member)
    listed = {
        place: envelope.shares[study.share_of(place, index)]
        for place, envelope in envelopes.items()
    }
    blobs = inbox.take(Wanted(share.digest, share.size, keep=True) for share in listed.values())
    opened = {}
    for place, sealed in zip(listed, blobs, strict=True):
        body = open_share(study, envelopes[place], place, member, keys, sealed)
        if body is not None:
            opened[place] = body
    return opened


def answered_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    member: Address,
    inbox: Inbox,
) -> dict[int, bytes]:
    """A member's extended shares of noise that their owners opened to everybody, by place.

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
                answered[place] = body
    return answered


@dataclass(frozen=True)
class Verified:
    """A member's verifier file, and what it keeps of each share until the sum."""

    file: VerifierFile
    states: Mapping[int, VerifierState]
    """By place, where there is a verifier share."""
    masks: Mapping[int, Elements]
    """By place, likewise."""


def verify_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    bodies: Mapping[int, bytes],
    member: Address,
    verify_key: bytes,
) -> Verified:
    """Answer the query of the round's verify key for every delivered share.

    Args:
        study: the study.
        view: the round, keyed.
        envelopes: by place.
        bodies: the member's extended shares, by place.
        member: whose file it is.
        verify_key: the round's.

    Raises:
        BlobMissing: something that this member had opened is not to be had any more.
    """
    for place in bits(view.delivered):
        if place not in bodies:
            raise BlobMissing(f"of the report at place {place}, which was delivered,")
    index = study.committee.index(member)
    every = nonces(study, study.where(view.number), view.heads_digest)
    entries, states, masks = [], {}, {}
    for place in bits(view.delivered):
        pine, share = study.pine(place), study.share_of(place, index)
        reason, encoded = "", b""
        try:
            input_share, mask = split_extended(study, place, share, bodies[place])
            public_share = pine.decode_public_share(envelopes[place].public_share)
            states[place], verifier_share = pine.verify_init(
                verify_key, share, every[place], public_share, input_share
            )
            encoded, masks[place] = verifier_share.encode(), mask
        except DecodeError:
            reason = "share"
        except ReportRejected:
            reason = "query"
        entries.append(VerifierEntry(place, reason, encoded))
    return Verified(VerifierFile(VERIFIER_FILE_FORMAT, member, tuple(entries)), states, masks)


def read_files(
    study: Study, view: RoundView, own: VerifierFile | None, inbox: Inbox
) -> list[VerifierFile | None]:
    """Every member's verifier file, in committee order; None where it cannot be had.

    A member's own is the one it computed: it asks nobody for that. A site has none.
    """
    places = tuple(bits(view.delivered))
    limit = study.verifier_file_limit
    files: dict[bytes, VerifierFile | None] = {own.member: own} if own else {}
    others = [member for member in study.committee if member not in files]
    wanted = (Wanted(view.files[member], limit, keep=True) for member in others)
    for member, data in zip(others, inbox.take(wanted), strict=True):
        try:
            files[member] = decode_verifier_file(data or b"", member, places)
        except DecodeError:
            files[member] = None
    return [files[member] for member in study.committee]


def output_shares(
    study: Study,
    accepted: int,
    files: list[VerifierFile],
    states: Mapping[int, VerifierState],
) -> dict[int, OutputShare]:
    """The member's output share of every accepted place, released by the verifiers' message.

    Raises:
        ReportRejected: an accepted place does not verify; nothing may be summed then.
    """
    outputs = {}
    for place in bits(accepted):
        pine = study.pine(place)
        by_share = {}
        for member, file in enumerate(files):
            (entry,) = (entry for entry in file.entries if entry.place == place)
            by_share[study.share_of(place, member)] = pine.decode_verifier_share(
                entry.verifier_share
            )
        ordered = [by_share[share] for share in range(len(files))]
        message = pine.verifier_shares_to_message(ordered)
        outputs[place] = pine.verify_next(states[place], message)
    return outputs
