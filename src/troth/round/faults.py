"""Who lied, as far as anybody can recompute it once everything is published and noise is opened.

The order of the checks is fixed, so that all honest voters find the same fault and accuse the same
member. Members, sites and auditors run this. Source: round protocol, section 2 rule 3 and steps 9
to 11.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import DecodeError
from troth.ledger.address import Address
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.outputs import AggregateShare
from troth.privacy.secagg.tags import tag, weighted
from troth.round.candidate import Candidate
from troth.round.openings import ProvenFault, opened_candidates
from troth.round.publication import Publication, decode_publication
from troth.round.published import PublishedRound
from troth.round.replicated import agreed_sums, recovered_noise
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transcript import share_commitment, sum_digest
from troth.round.transitions import Fault


@dataclass(frozen=True)
class Tagged:
    """What the owners of reports can check by themselves (mode A)."""

    rho: Elements
    """The challenge under every tag, shape (κ, d)."""
    publications: tuple[Publication, ...]
    """In committee order."""


@dataclass(frozen=True)
class Examined:
    """What a round without a fault came to."""

    sums: tuple[AggregateShare, ...]
    """Of S, by share."""
    opened: tuple[NDArray[np.int64], ...]
    """The noise vectors that are in the sum and that their owners opened."""
    recovered: tuple[NDArray[np.int64], ...]
    """Those that holders opened for an owner that did not (B4)."""
    tagged: Tagged | None
    """None where sums are compared and not tagged (B3, B4)."""


def examine(published: PublishedRound) -> Examined:
    """Recompute all that can be recomputed.

    Raises:
        ProvenFault: the first member, in a fixed order of checks, whose word is false.
        DecodeError: what several members agreed on (B3, B4) is no sum, or not the noise that is
            missing: more lied than the mode bears, and nobody can be named.
    """
    if published.study.replicated:
        return _replicated(published)
    rho = published.study.challenge(published.rho_seed)
    publications = tuple(
        _publication(published, rho, member) for member in range(len(published.study.committee))
    )
    candidates = opened_candidates(published)
    for place, made in candidates.items():
        _tags(published, rho, publications, place, made)
    return Examined(
        sums=tuple(publication.sums.share for publication in publications),
        opened=tuple(made.vector for made in candidates.values()),
        recovered=(),
        tagged=Tagged(rho, publications),
    )


def _replicated(published: PublishedRound) -> Examined:
    return Examined(
        sums=agreed_sums(published),
        opened=tuple(made.vector for made in opened_candidates(published).values()),
        recovered=recovered_noise(published),
        tagged=None,
    )


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
    tagged: Tagged,
    owner: Address,
    accused: Address,
    opened: Mapping[tuple[int, int], bytes],
) -> None:
    """Decide an owner's accusation that a member's tag of its noise is false.

    Args:
        published: the round, in which `examine` found no fault.
        tagged: what owners can check of it.
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
                study, tagged.rho, tagged.publications[member], place, share, extended
            )
        except DecodeError:
            continue
        if not right:
            raise ProvenFault(Fault.TAG, accused, f"a false tag of the noise at place {place}")
    raise ProvenFault(Fault.ACCUSATION, owner, f"what it shows does not speak against {accused}")


def wrong_tags(study: Study, tagged: Tagged, place: int, extended: Sequence[bytes]) -> list[int]:
    """Members whose tag of one's own report is not what follows; run by whoever made the report.

    Args:
        study: the study.
        tagged: the round's challenge and every member's publication.
        place: one's own.
        extended: one's own extended shares, by share number.
    """
    wrong = []
    for member, publication in enumerate(tagged.publications):
        share = study.share_of(place, member)
        if not tag_follows(study, tagged.rho, publication, place, share, extended[share]):
            wrong.append(member)
    return wrong
