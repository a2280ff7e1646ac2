"""What follows from published files: the verify key and the verdict. For all.

Everything here is a pure function of what is on the ledger and in published blobs, so that a member
that posts something else is contradicted by anyone who recomputes it.
"""

from collections.abc import Mapping, Sequence

from troth.errors import DecodeError, ReportRejected
from troth.privacy.secagg.messages import VerifierShare
from troth.round.messages import Envelope, VerifierFile
from troth.round.published import everybody
from troth.round.study import Study
from troth.round.transcript import (
    VERIFY_LEVEL,
    RoundId,
    bits,
    delivered_digest,
    report_nonce,
    verify_key,
)
from troth.round.transitions import table
from troth.round.view import RoundView

ACCEPTED = 0


def reason_code(name: str) -> int:
    """The code of a named reason, as numbered in the table."""
    return table().verdicts.index(name)


def nonces(study: Study, where: RoundId, heads: bytes) -> tuple[bytes, ...]:
    """The nonce of the report at each place."""
    return tuple(report_nonce(where, reporter, heads) for reporter in study.reporters)


def round_verify_key(study: Study, view: RoundView) -> bytes:
    """The verify key of a round: no delivered report has a degenerate query point under it.

    There once every member has revealed h²(k_j).
    """
    where = study.where(view.number)
    every = nonces(study, where, view.heads_digest)
    reveals = view.reveals[VERIFY_LEVEL]

    def usable(key: bytes) -> bool:
        return all(
            study.pine(place).query_points_usable(key, every[place])
            for place in bits(view.delivered)
        )

    return verify_key(
        where,
        delivered_digest(where, view.transcript, view.delivered),
        everybody(study),
        [reveals[member] for member in study.committee],
        usable,
        size=study.site_pine.VERIFY_KEY_SIZE,
    )


def verdict(
    study: Study,
    *,
    present: int,
    delivered: int,
    envelopes: Mapping[int, Envelope],
    files: Sequence[VerifierFile],
) -> bytes:
    """One reason code per place, 0 for accepted.

    Args:
        study: the study.
        present: bitmap of the places that hold a report.
        delivered: bitmap of those that every holder could open.
        envelopes: the decoded envelope of each delivered place; one that does not decode is left
            out.
        files: every member's verifier file, in committee order.
    """
    entries = [{entry.place: entry for entry in file.entries} for file in files]
    codes = bytearray()
    for place in range(len(study.reporters)):
        if not present >> place & 1:
            reason = "absent"
        elif not delivered >> place & 1:
            reason = "undelivered"
        elif place not in envelopes:
            reason = "envelope"
        else:
            posted = [entry[place] for entry in entries]
            named = {entry.reason for entry in posted if entry.reason}
            shares = [entry.verifier_share for entry in posted]
            reason = min(named) if named else _decide(study, place, envelopes[place], shares)
        codes.append(reason_code(reason))
    return bytes(codes)


def _decide(study: Study, place: int, envelope: Envelope, encoded: Sequence[bytes]) -> str:
    """The verdict on one delivered report from its verifier shares, by member."""
    pine = study.pine(place)
    by_share: dict[int, VerifierShare] = {}
    try:
        for member, data in enumerate(encoded):
            by_share[study.share_of(place, member)] = pine.decode_verifier_share(data)
        ordered = [by_share[share] for share in range(len(encoded))]
        public_share = pine.decode_public_share(envelope.public_share)
        message = pine.verifier_shares_to_message(ordered)
        pine.check_joint_randomness(public_share, ordered, message)
    except DecodeError:
        return "share"
    except ReportRejected as rejected:
        return rejected.check
    return "accepted"


def accepted_set(codes: bytes) -> int:
    """Bitmap of the places whose code is 0."""
    return sum(1 << place for place, code in enumerate(codes) if code == ACCEPTED)
