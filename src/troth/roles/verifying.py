"""A member's work on the reports of one round: fetch, open, verify, sum.

Everything here is recomputed from the ledger, the store and the member's keys, so nothing of it
has to be kept.
"""

from collections.abc import Mapping

from troth.errors import BlobMissing, DecodeError, ReportRejected
from troth.ledger.address import Address
from troth.privacy.secagg.messages import InputShare, VerifierState
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.reporting import open_share
from troth.round.mail import Inbox, Wanted
from troth.round.messages import (
    VERIFIER_FILE_FORMAT,
    Envelope,
    VerifierEntry,
    VerifierFile,
    decode_envelope,
    decode_noise_list,
    decode_verifier_file,
)
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.verdict import nonces
from troth.round.view import RoundView
from troth.storage.keys import HpkeKeyPair


def read_envelopes(study: Study, view: RoundView, inbox: Inbox) -> dict[int, Envelope]:
    """The envelopes of the present places; one that is missing or does not decode is left out."""
    digests = dict(_envelope_digests(study, view, inbox))
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


def _envelope_digests(study: Study, view: RoundView, inbox: Inbox) -> list[tuple[int, bytes]]:
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
        first = study.noise_place(study.committee.index(member), 0)
        digests.extend(enumerate(listed.envelopes, first))
    return digests


def open_shares(
    study: Study,
    envelopes: Mapping[int, Envelope],
    member: Address,
    keys: HpkeKeyPair,
    inbox: Inbox,
) -> dict[int, bytes]:
    """The member's encoded input shares that open to what their envelopes commit to, by place."""
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


def verify_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    bodies: Mapping[int, bytes],
    member: Address,
    verify_key: bytes,
) -> tuple[VerifierFile, dict[int, VerifierState]]:
    """The member's verifier file, and what it keeps of each share until the verdict.

    Args:
        study: the study.
        view: the round, keyed.
        envelopes: by place.
        bodies: the member's encoded input shares, by place.
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
    entries, states = [], {}
    for place in bits(view.delivered):
        pine, share = study.pine(place), study.share_of(place, index)
        reason, encoded = "", b""
        try:
            input_share: InputShare = pine.decode_input_share(share, bodies[place])
            public_share = pine.decode_public_share(envelopes[place].public_share)
            states[place], verifier_share = pine.verify_init(
                verify_key, share, every[place], public_share, input_share
            )
            encoded = verifier_share.encode()
        except DecodeError:
            reason = "share"
        except ReportRejected:
            reason = "query"
        entries.append(VerifierEntry(place, reason, encoded))
    return VerifierFile(VERIFIER_FILE_FORMAT, member, tuple(entries)), states


def read_files(
    study: Study, view: RoundView, own: VerifierFile, inbox: Inbox
) -> list[VerifierFile | None]:
    """Every member's verifier file, in committee order; None where it cannot be had.

    The member's own is the one it computed: it asks nobody for that.
    """
    places = tuple(bits(view.delivered))
    limit = study.verifier_file_limit
    others = [member for member in study.committee if member != own.member]
    wanted = (Wanted(view.files[member], limit, keep=True) for member in others)
    files: dict[bytes, VerifierFile | None] = {own.member: own}
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
