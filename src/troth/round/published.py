"""A round in which everything is published: its blobs, and the challenges that follow from them.

Built from the ledger's view and from fetched bytes, by members, sites and auditors alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from troth.ledger.address import Address
from troth.round.messages import Envelope, VerifierFile
from troth.round.study import Study
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    PICK_LEVEL,
    RoundId,
    challenge_seed,
    kept_candidate,
    published_digest,
    sums_digest,
    verdict_digest,
)
from troth.round.view import RoundView


@dataclass(frozen=True)
class PublishedRound:
    """Everything public about a round whose noise is opened. Sequences run over the committee."""

    study: Study
    where: RoundId
    heads: bytes
    """Digest of the key heads."""
    verify_key: bytes
    accepted: int
    """S."""
    envelopes: Mapping[int, Envelope]
    """Of the accepted places."""
    files: Sequence[VerifierFile]
    sum_digests: Sequence[bytes]
    """What bound each member to its sums."""
    rho_seed: bytes
    publications: Sequence[bytes]
    kept: Sequence[int]
    """c*: the candidate of each member that stays unopened."""
    seeds: Sequence[Sequence[bytes]]
    """The opened seeds of each member, in the order of its other candidates."""

    def opened_places(self, member: int) -> list[int]:
        """The places of a member's candidates that are opened."""
        kept = self.study.noise_place(member, self.kept[member])
        return [place for place in self.study.noise_places(member) if place != kept]


def everybody(study: Study) -> int:
    """The bitmap of the committee."""
    return (1 << len(study.committee)) - 1


def _sums_digest(study: Study, view: RoundView, verify_key: bytes) -> bytes:
    where, members = study.where(view.number), study.committee
    files = _of(members, view.files)
    verdict = verdict_digest(where, verify_key, everybody(study), files, view.accepted)
    return sums_digest(where, verdict, _of(members, view.sums))


def rho_seed(study: Study, view: RoundView, verify_key: bytes) -> bytes:
    """The seed of the round's challenge ρ; there once every member has revealed h(k_j)."""
    reveals = _of(study.committee, view.reveals[CHALLENGE_LEVEL])
    sums = _sums_digest(study, view, verify_key)
    return challenge_seed(study.where(view.number), sums, reveals)


def kept_candidates(study: Study, view: RoundView, verify_key: bytes) -> tuple[int, ...]:
    """c* of every member; there once every member has revealed k_j."""
    where, members = study.where(view.number), study.committee
    published = published_digest(
        where,
        _sums_digest(study, view, verify_key),
        _of(members, view.reveals[CHALLENGE_LEVEL]),
        _of(members, view.publications),
    )
    keys = _of(members, view.reveals[PICK_LEVEL])
    candidates = study.terms.privacy.noise_candidates
    live = everybody(study)
    return tuple(
        kept_candidate(where, published, live, keys, member, candidates)
        for member in range(len(members))
    )


def published_round(
    study: Study,
    view: RoundView,
    *,
    verify_key: bytes,
    envelopes: Mapping[int, Envelope],
    files: Sequence[VerifierFile],
    publications: Sequence[bytes],
) -> PublishedRound:
    """All of a round whose noise is opened.

    Args:
        study: the study.
        view: the round, in `State.OPENED` or ended after it.
        verify_key: the round's.
        envelopes: by place.
        files: the verifier files, in committee order.
        publications: the publications' bytes, in committee order.
    """
    return PublishedRound(
        study=study,
        where=study.where(view.number),
        heads=view.heads_digest,
        verify_key=verify_key,
        accepted=view.accepted,
        envelopes=envelopes,
        files=files,
        sum_digests=_of(study.committee, view.sums),
        rho_seed=rho_seed(study, view, verify_key),
        publications=publications,
        kept=kept_candidates(study, view, verify_key),
        seeds=[view.seeds[member] for member in study.committee],
    )


def _of(members: Sequence[Address], values: Mapping[Address, bytes]) -> list[bytes]:
    return [values[member] for member in members]
