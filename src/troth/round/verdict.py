"""What follows from published files: the verify key, the verdict, the sum. For all.

Everything here is a pure function of what is on the ledger and in published blobs, so that a member
that posts something else is contradicted by anyone who recomputes it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from troth.errors import DecodeError, ReportRejected
from troth.ledger.address import Address
from troth.privacy.secagg.messages import VerifierShare
from troth.privacy.secagg.outputs import OutputShare
from troth.round.messages import Envelope, VerifierFile
from troth.round.study import Study
from troth.round.transcript import RoundId, bits, delivered_digest, report_nonce, verify_key
from troth.round.transitions import table

ACCEPTED = 0


def reason_code(name: str) -> int:
    """The code of a named reason, as numbered in the table."""
    return table().verdicts.index(name)


def nonces(study: Study, where: RoundId, heads: bytes) -> tuple[bytes, ...]:
    """The nonce of the report at each place."""
    return tuple(report_nonce(where, reporter, heads) for reporter in study.reporters)


def round_verify_key(
    study: Study,
    where: RoundId,
    *,
    heads: bytes,
    transcript: bytes,
    delivered: int,
    reveals: Mapping[Address, bytes],
) -> bytes:
    """The verify key of a round: no delivered report has a degenerate query point under it.

    Args:
        study: the study.
        where: the round.
        heads: digest of the key heads.
        transcript: T.
        delivered: bitmap of the delivered places.
        reveals: h²(k_j) by member; all of them.
    """
    every = nonces(study, where, heads)

    def usable(key: bytes) -> bool:
        return all(
            study.pine(place).query_points_usable(key, every[place]) for place in bits(delivered)
        )

    return verify_key(
        where,
        delivered_digest(where, transcript, delivered),
        (1 << len(study.committee)) - 1,
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


def aggregate_share(study: Study, accepted: int, outputs: Mapping[int, OutputShare]) -> bytes:
    """A member's encoded share of the weighted sum over the accepted set.

    Args:
        study: the study.
        accepted: S.
        outputs: the member's output share of each accepted place.
    """
    pine = study.site_pine
    total = pine.agg_init()
    for place in bits(accepted):
        total = pine.agg_update(total, outputs[place], study.weight(place))
    return total.encode()


def aggregate(study: Study, accepted: int, shares: Sequence[bytes]) -> NDArray[np.int64]:
    """X, the signed integer sum of all accepted updates and noises.

    Args:
        study: the study.
        accepted: S.
        shares: every member's encoded aggregate share.

    Returns:
        int64 array of the model's dimension.

    Raises:
        DecodeError: a share is not one encoded vector of the field.
    """
    pine = max(study.site_pine, study.noise_pine, key=lambda pine: pine.parameters.l2_norm_bound)
    decoded = [pine.decode_aggregate_share(share) for share in shares]
    weight = sum(study.weight(place) for place in bits(accepted))
    return pine.unshard_integers(decoded, weight)
