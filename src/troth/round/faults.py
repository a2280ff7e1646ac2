"""Who lied, as far as anybody can recompute it once everything is published and noise is opened.

The order of the checks is fixed, so that all honest voters find the same fault and accuse the same
member. Members, sites and auditors run this. Source: round protocol, section 2 rule 3 and steps 9
to 11.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import DecodeError, ReportRejected, RoundError
from troth.ledger.address import Address
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.tags import tag, weighted
from troth.round.candidate import Candidate, candidate
from troth.round.messages import Envelope, VerifierFile
from troth.round.publication import Publication, decode_publication
from troth.round.published import PublishedRound
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transcript import (
    RoundId,
    report_nonce,
    share_commitment,
    sum_digest,
)
from troth.round.transitions import Fault


class ProvenFault(RoundError):  # noqa: N818 - named for what is found
    """What a member published is not what follows; anybody finds the same."""

    def __init__(self, fault: Fault, party: Address, detail: str) -> None:
        super().__init__(f"{fault.title} by {party}: {detail}")
        self.fault = fault
        self.party = party
        self.detail = detail


@dataclass(frozen=True)
class Examined:
    """What a round without a fault came to."""

    rho: Elements
    """The challenge under every tag, shape (κ, d)."""
    publications: tuple[Publication, ...]
    """In committee order."""
    opened: tuple[NDArray[np.int64], ...]
    """The noise vectors that are in the sum and no secret any more."""


def examine(published: PublishedRound) -> Examined:
    """Recompute all that can be recomputed.

    Raises:
        ProvenFault: the first member, in a fixed order of checks, whose word is false.
    """
    rho = published.study.challenge(published.rho_seed)
    publications = tuple(
        _publication(published, rho, member) for member in range(len(published.study.committee))
    )
    candidates = {
        place: made
        for member in range(len(published.study.committee))
        for place, made in _openings(published, member)
    }
    for place, made in candidates.items():
        _verifier_shares(published, place, made)
    for place, made in candidates.items():
        _tags(published, rho, publications, place, made)
    opened = tuple(made.vector for made in candidates.values())
    return Examined(rho, publications, opened)


def _publication(published: PublishedRound, rho: Elements, member: int) -> Publication:
    """A member's publication: what it was bound to, and one that its tags speak for."""
    study, account = published.study, published.study.committee[member]
    try:
        found = decode_publication(study, published.accepted, published.publications[member])
    except DecodeError as problem:
        raise ProvenFault(Fault.PUBLICATION, account, str(problem)) from problem
    sums = found.sums
    bound = sum_digest(published.where, account, published.accepted, sums.encode())
    if bound != published.sum_digests[member]:
        raise ProvenFault(Fault.PUBLICATION, account, "other sums than it was bound to")
    weights = {place: study.weight(place) for place in found.tags}
    tags = weighted(study.field, found.tags, weights)
    if not np.array_equal(tags, tag(study.field, rho, sums.share.values, sums.mask)):
        raise ProvenFault(Fault.PUBLICATION, account, "its tags do not add up to that of its sum")
    return found


def _openings(published: PublishedRound, member: int) -> list[tuple[int, Candidate]]:
    """A member's opened candidates, each of which is the report that it had made."""
    account, seeds = published.study.committee[member], published.seeds[member]
    places = published.opened_places(member)
    if len(seeds) != len(places) or len(set(seeds)) != len(seeds):
        raise ProvenFault(Fault.OPENING, account, "not a seed of its own for each opened candidate")
    return [
        (place, _reproduced(published, place, seed))
        for place, seed in zip(places, seeds, strict=True)
    ]


def _reproduced(published: PublishedRound, place: int, seed: bytes) -> Candidate:
    made = candidate(published.study, published.where, place, seed, published.heads)
    require_reported(published.study, published.envelopes, place, made)
    return made


def require_reported(
    study: Study, envelopes: Mapping[int, Envelope], place: int, made: Candidate
) -> None:
    """Refuse a seed from which another report follows than the one that was made.

    Raises:
        ProvenFault: `Fault.OPENING`, by the owner.
    """
    envelope, owner = envelopes.get(place), study.committee[study.owner(place)]
    if envelope is None:
        raise ProvenFault(Fault.OPENING, owner, f"no envelope of its noise at place {place}")
    core = (made.sharing.public_share, made.sharing.commitments)
    if core != (envelope.public_share, envelope.commitments):
        raise ProvenFault(Fault.OPENING, owner, f"its seed gives another report at place {place}")


def _verifier_shares(published: PublishedRound, place: int, made: Candidate) -> None:
    require_verifier_shares(
        published.study,
        published.where,
        place,
        made,
        heads=published.heads,
        verify_key=published.verify_key,
        files=published.files,
    )


def require_verifier_shares(
    study: Study,
    where: RoundId,
    place: int,
    made: Candidate,
    *,
    heads: bytes,
    verify_key: bytes,
    files: Sequence[VerifierFile],
) -> None:
    """Refuse a verifier share of an opened candidate that is not what its share gives.

    Raises:
        ProvenFault: `Fault.VERIFICATION`, by the first member whose file says something else.
    """
    pine = study.pine(place)
    nonce = report_nonce(where, study.reporters[place], heads)
    public_share = pine.decode_public_share(made.sharing.public_share)
    for member, file in enumerate(files):
        share = study.share_of(place, member)
        input_share, _ = split_extended(study, place, share, made.sharing.extended[share])
        (entry,) = (entry for entry in file.entries if entry.place == place)
        try:
            _, follows = pine.verify_init(verify_key, share, nonce, public_share, input_share)
        except ReportRejected:
            true = ("query", b"")
        else:
            true = ("", follows.encode())
        if (entry.reason, entry.verifier_share) != true:
            detail = f"a false verifier share of the noise at place {place}"
            raise ProvenFault(Fault.VERIFICATION, study.committee[member], detail)


def _tags(
    published: PublishedRound,
    rho: Elements,
    publications: Sequence[Publication],
    place: int,
    made: Candidate,
) -> None:
    for member, publication in enumerate(publications):
        share = published.study.share_of(place, member)
        extended = made.sharing.extended[share]
        if not tag_follows(published.study, rho, publication, place, share, extended):
            account = published.study.committee[member]
            raise ProvenFault(Fault.TAG, account, f"a false tag of the noise at place {place}")


def tag_follows(
    study: Study,
    rho: Elements,
    publication: Publication,
    place: int,
    share: int,
    extended: bytes,
) -> bool:
    """Whether a published tag is that of an extended share that decodes."""
    input_share, mask = split_extended(study, place, share, extended)
    output = study.pine(place).output_share(share, input_share)
    follows = tag(study.field, rho, output.values, mask)
    return np.array_equal(follows, publication.tags[place])


def require_evidence(
    published: PublishedRound,
    examined: Examined,
    owner: Address,
    accused: Address,
    opened: Mapping[tuple[int, int], bytes],
) -> None:
    """Decide an owner's accusation that a member's tag of its noise is false.

    Args:
        published: the round, in which `examine` found no fault.
        examined: what it came to.
        owner: who accuses.
        accused: whom.
        opened: the shares that the owner shows, by place and index of the holder.

    Raises:
        ProvenFault: always: `Fault.TAG` by the accused, or `Fault.ACCUSATION` by the owner.
    """
    study = published.study
    for (place, member), extended in opened.items():
        if study.committee[member] != accused or not published.accepted >> place & 1:
            continue
        share, reporter = study.share_of(place, member), study.reporters[place]
        commitment = share_commitment(published.where, reporter, share, extended)
        if commitment != published.envelopes[place].commitments[share]:
            continue
        try:
            right = tag_follows(
                study, examined.rho, examined.publications[member], place, share, extended
            )
        except DecodeError:
            continue
        if not right:
            raise ProvenFault(Fault.TAG, accused, f"a false tag of the noise at place {place}")
    raise ProvenFault(Fault.ACCUSATION, owner, f"what it shows does not speak against {accused}")


def wrong_tags(
    study: Study,
    rho: Elements,
    publications: Sequence[Publication],
    place: int,
    extended: Sequence[bytes],
) -> list[int]:
    """Members whose tag of one's own report is not what follows; run by whoever made the report.

    Args:
        study: the study.
        rho: the round's challenge.
        publications: every member's.
        place: one's own.
        extended: one's own extended shares, by share number.
    """
    wrong = []
    for member, publication in enumerate(publications):
        share = study.share_of(place, member)
        if not tag_follows(study, rho, publication, place, share, extended[share]):
            wrong.append(member)
    return wrong
