"""A round in which everything is published: its blobs, and the challenges that follow from them.

Built from the ledger's view and from fetched bytes, by members, sites and auditors alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from troth.ledger.address import Address
from troth.round.live import bitmap, live
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
from troth.round.transitions import State
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
    """What bound members to their sums: by member, in B by share."""
    rho_seed: bytes
    """Empty in B."""
    publications: Sequence[bytes]
    """Sums with their tags, by member; in B sums alone, by share."""
    kept: Sequence[int]
    """c*: the candidate of each member that stays unopened."""
    seeds: Sequence[Sequence[bytes]]
    """The opened seeds of each member, in the order of its other candidates."""
    openers: Sequence[int]
    """The members whose noise in S is opened by its seeds."""
    recovered: Mapping[tuple[int, int], bytes]
    """Extended shares, by place and share, of all noise of the other members with noise in S."""

    def opened_places(self, member: int) -> list[int]:
        """The places of a member's candidates that are opened."""
        kept = self.study.noise_place(member, self.kept[member])
        return [place for place in self.study.noise_places(member) if place != kept]


def everybody(study: Study) -> int:
    """The bitmap of the committee."""
    return (1 << len(study.committee)) - 1


def sum_digests(study: Study, view: RoundView) -> list[bytes]:
    """What binds the sums of a round: each member's digest, in B the agreed one of each share.

    Once members that said something else have left, all holders of a share have said the same.
    """
    if not study.replicated:
        return [view.sums[member][0] for member in study.committee]
    there = live(study, view, State.HELD)
    found = []
    for share in range(len(study.committee)):
        holder = min(set(study.holders(0, share)).intersection(there))
        number = study.shares_of(0, holder).index(share)
        found.append(view.sums[study.committee[holder]][number])
    return found


def published_digests(study: Study, view: RoundView) -> list[bytes]:
    """Digests of what was published: by member, in B the sums that were agreed on, by share."""
    if study.replicated:
        return sum_digests(study, view)
    return [view.publications[member] for member in study.committee]


def _sums_digest(study: Study, view: RoundView, verify_key: bytes) -> bytes:
    where = study.where(view.number)
    judges = live(study, view, State.JUDGED)
    files = [view.files[study.committee[index]] for index in judges]
    verdict = verdict_digest(where, verify_key, bitmap(judges), files, view.accepted)
    posted = [digest for member in study.committee for digest in view.sums.get(member, ())]
    return sums_digest(where, verdict, posted)


def rho_seed(study: Study, view: RoundView, verify_key: bytes) -> bytes:
    """The seed of the round's challenge ρ; there once every member has revealed h(k_j)."""
    reveals = _of(study.committee, view.reveals[CHALLENGE_LEVEL])
    sums = _sums_digest(study, view, verify_key)
    return challenge_seed(study.where(view.number), sums, reveals)


def kept_candidates(study: Study, view: RoundView, verify_key: bytes) -> tuple[int, ...]:
    """c* of every member; there once every live member has revealed k_j."""
    where, members = study.where(view.number), study.committee
    tagged = () if study.replicated else members
    published = published_digest(
        where,
        _sums_digest(study, view, verify_key),
        [view.reveals[CHALLENGE_LEVEL][member] for member in tagged],
        [view.publications[member] for member in tagged],
    )
    there = live(study, view, State.PICKED)
    keys = [view.reveals[PICK_LEVEL][members[index]] for index in there]
    candidates = study.terms.privacy.noise_candidates
    return tuple(
        kept_candidate(where, published, bitmap(there), keys, member, candidates)
        for member in range(len(members))
    )


def owners_of_noise(study: Study, accepted: int) -> tuple[int, ...]:
    """The members whose noise is in an accepted set."""
    owners = range(len(study.committee))
    return tuple(owner for owner in owners if accepted >> study.noise_place(owner, 0) & 1)


def published_round(
    study: Study,
    view: RoundView,
    *,
    verify_key: bytes,
    envelopes: Mapping[int, Envelope],
    files: Sequence[VerifierFile],
    publications: Sequence[bytes],
    recovered: Mapping[tuple[int, int], bytes],
) -> PublishedRound:
    """All of a round whose noise is opened.

    Args:
        study: the study.
        view: the round, in `State.OPENED` or ended after it.
        verify_key: the round's.
        envelopes: by place.
        files: the verifier files that count, in committee order.
        publications: their bytes, by member; in B the sums' bytes, by share.
        recovered: what holders showed of noise that its owner did not open.
    """
    owners = owners_of_noise(study, view.accepted)
    return PublishedRound(
        study=study,
        where=study.where(view.number),
        heads=view.heads_digest,
        verify_key=verify_key,
        accepted=view.accepted,
        envelopes=envelopes,
        files=files,
        sum_digests=sum_digests(study, view),
        rho_seed=b"" if study.replicated else rho_seed(study, view, verify_key),
        publications=publications,
        kept=kept_candidates(study, view, verify_key),
        seeds=[view.seeds.get(member, ()) for member in study.committee],
        openers=[owner for owner in owners if not view.recovered >> owner & 1],
        recovered=recovered,
    )


def _of(members: Sequence[Address], values: Mapping[Address, bytes]) -> list[bytes]:
    return [values[member] for member in members]
