"""What follows from published files: the verify key and the verdict. For all.

Everything here is a pure function of what is on the ledger and in published blobs, so that a member
that posts something else is contradicted by anyone who recomputes it.
"""

from collections.abc import Collection, Mapping, Sequence

from troth.errors import DecodeError, ReportRejected
from troth.round.holders import Said, agreed, contradicted
from troth.round.live import bitmap, live
from troth.round.messages import Envelope, VerifierFile
from troth.round.study import Study
from troth.round.transcript import (
    VERIFY_LEVEL,
    RoundId,
    bits,
    delivered_digest,
    report_nonce,
    verify_key,
)
from troth.round.transitions import State, table
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

    There once every live member has revealed h²(k_j).
    """
    where, members = study.where(view.number), live(study, view, State.KEYED)
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
        bitmap(members),
        [reveals[study.committee[index]] for index in members],
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
    """One reason code per place, 0 for accepted; where shares are replicated, then a bitmap.

    The bitmap says which members' files are contradicted by the others'.

    Args:
        study: the study.
        present: bitmap of the places that hold a report.
        delivered: bitmap of those that were delivered.
        envelopes: the decoded envelope of each delivered place; one that does not decode is left
            out.
        files: the verifier files of the members that take part.
    """
    codes, judged = bytearray(), []
    for place in range(len(study.reporters)):
        if not present >> place & 1:
            reason = "absent"
        elif not delivered >> place & 1:
            reason = "undelivered"
        elif place not in envelopes:
            reason = "envelope"
        else:
            found = agreed(study, place, files)
            judged.append(found)
            reason = _decide(study, place, envelopes[place], found.words)
        codes.append(reason_code(reason))
    return bytes((*codes, bitmap(contradicted(judged)))) if study.replicated else bytes(codes)


def _decide(study: Study, place: int, envelope: Envelope, words: Sequence[Said | None]) -> str:
    """The verdict on one delivered report from what stands of its verifier shares, by share."""
    standing = [word for word in words if word is not None]
    named = {reason for reason, _ in standing if reason}
    if named or len(standing) < len(words):
        return min(named, default="share")
    pine = study.pine(place)
    try:
        ordered = [pine.decode_verifier_share(encoded) for _, encoded in standing]
        public_share = pine.decode_public_share(envelope.public_share)
        message = pine.verifier_shares_to_message(ordered)
        pine.check_joint_randomness(public_share, ordered, message)
    except DecodeError:
        return "share"
    except ReportRejected as rejected:
        return rejected.check
    return "accepted"


def accepted_set(study: Study, codes: bytes, members: Collection[int]) -> int:
    """S: the places whose code is 0.

    Where shares are replicated, a member's noise candidates are in it together or not at all, and
    noise of a member that left is not.

    Args:
        study: the study.
        codes: the verdict.
        members: indices of those that take part when S is fixed.
    """
    accepted = sum(1 << p for p in range(len(study.reporters)) if codes[p] == ACCEPTED)
    if not study.replicated:
        return accepted
    for member in range(len(study.committee)):
        noise = sum(1 << place for place in study.noise_places(member))
        if member not in members or accepted & noise != noise:
            accepted &= ~noise
    return accepted
