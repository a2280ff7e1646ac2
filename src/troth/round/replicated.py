"""Sums that several members hold, and noise that they open for one that does not (B3 and B4).

Every share is summed up by all its holders. What binds them names the blob that the sum is in, so
whoever fetches the blob has the sum that two members at least agreed on. Source: round protocol,
section 4, steps 7b and 10c.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from troth.domain.hashing import DIGEST_SIZE
from troth.errors import DecodeError
from troth.ledger.address import Address
from troth.privacy.secagg.outputs import AggregateShare, OutputShare
from troth.round.messages import Envelope, Recovery, decode_recovery
from troth.round.published import PublishedRound, owners_of_noise
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transcript import RoundId, bits, share_commitment, sum_header
from troth.round.view import RoundView


def sum_blob(
    study: Study,
    where: RoundId,
    share: int,
    accepted: int,
    outputs: Mapping[tuple[int, int], OutputShare],
) -> bytes:
    """The weighted sum of one share over the accepted set; its digest is what a holder posts.

    Args:
        study: the study.
        where: the round.
        share: number of the share.
        accepted: S.
        outputs: output shares by place and share, of every accepted place.
    """
    total = study.site_pine.agg_init()
    for place in bits(accepted):
        total = study.site_pine.agg_update(total, outputs[place, share], study.weight(place))
    return sum_header(where, share, accepted) + total.encode()


def sum_blob_size(study: Study) -> int:
    """Bytes of such a sum."""
    return DIGEST_SIZE + study.site_pine.output_share_size


def agreed_sums(published: PublishedRound) -> tuple[AggregateShare, ...]:
    """The agreed sums, by share.

    Raises:
        DecodeError: one is no sum of this round and this accepted set.
    """
    study, where, accepted = published.study, published.where, published.accepted
    found = []
    for share, blob in enumerate(published.publications):
        header = sum_header(where, share, accepted)
        if len(blob) != sum_blob_size(study) or not blob.startswith(header):
            raise DecodeError(f"sum of share {share}: not of this round and accepted set")
        found.append(study.site_pine.decode_aggregate_share(blob[len(header) :]))
    return tuple(found)


def absent_slots(study: Study, view: RoundView) -> list[tuple[int, int]]:
    """Place and share of all noise in S that holders opened for its owner."""
    shares = range(len(study.committee))
    return [
        (place, share)
        for owner in bits(view.recovered)
        for place in study.noise_places(owner)
        for share in shares
    ]


def recovered_noise(published: PublishedRound) -> tuple[NDArray[np.int64], ...]:
    """All noise in S whose owner did not open it, from the shares that holders show.

    Raises:
        DecodeError: a share that nobody shows, or that is not what was reported.
    """
    study = published.study
    absent = set(owners_of_noise(study, published.accepted)) - set(published.openers)
    return tuple(
        _noise(published, place) for owner in sorted(absent) for place in study.noise_places(owner)
    )


def agreed_recoveries(view: RoundView) -> dict[Address, bytes]:
    """Digests of what members show that say what was agreed on: whose noise holders open.

    Nobody looks at what others show: it could be a share of anything.
    """
    said = view.recoveries.items() if view.recovered else ()
    return {member: digest for member, (owners, digest) in said if owners == view.recovered}


def recovery_of(
    study: Study, view: RoundView, envelopes: Mapping[int, Envelope], member: Address, data: bytes
) -> Recovery:
    """Read what a member shows of the noise that it says holders have to open.

    Raises:
        DecodeError: it shows anything else than all that it holds of it, as committed to.
    """
    owners, _ = view.recoveries[member]
    places = sum(1 << place for owner in bits(owners) for place in study.noise_places(owner))
    slots = study.slots(places, study.committee.index(member))
    found = decode_recovery(data, {slot: study.extended_size(*slot) for slot in slots})
    for item in found.shares:
        envelope = envelopes.get(item.place)
        if envelope is None or not _is_committed(envelope, item.share, item.extended):
            raise DecodeError(f"recovery: not share {item.share} of the noise at {item.place}")
    return found


def shown_shares(
    study: Study,
    view: RoundView,
    envelopes: Mapping[int, Envelope],
    recoveries: Mapping[Address, bytes | None],
) -> dict[tuple[int, int], bytes]:
    """What holders show of noise that its owner did not open, by place and share.

    Whoever shows it, a share is the one that its envelope commits to.

    Args:
        study: the study.
        view: the round.
        envelopes: by place.
        recoveries: the blobs of those members that had something to show, None where one cannot
            be had.
    """
    shown: dict[tuple[int, int], bytes] = {}
    for member, data in recoveries.items():
        try:
            recovery = recovery_of(study, view, envelopes, member, data or b"")
        except DecodeError:
            continue
        shown |= {(item.place, item.share): item.extended for item in recovery.shares}
    return shown


def _is_committed(envelope: Envelope, share: int, body: bytes) -> bool:
    found = share_commitment(envelope.where, envelope.reporter, share, body)
    return found == envelope.commitments[share]


def _noise(published: PublishedRound, place: int) -> NDArray[np.int64]:
    study = published.study
    pine, reporter = study.pine(place), study.reporters[place]
    outputs = []
    for share, committed in enumerate(published.envelopes[place].commitments):
        body = published.recovered.get((place, share), b"")
        if share_commitment(published.where, reporter, share, body) != committed:
            raise DecodeError(f"recovered noise at place {place}: share {share} is not shown")
        input_share, _ = split_extended(study, place, share, body)
        outputs.append(AggregateShare(study.field, pine.output_share(share, input_share).values))
    return pine.unshard_integers(outputs, 1)
