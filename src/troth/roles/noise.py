"""A member's noise: M candidates, each from an OS seed of its own, reported like any update.

Nothing is ever added to a sum afterwards, so a member cannot hide a shift of the sum as noise.
Source: round protocol, section 2 rules 1 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.roles.reporting import KeptReport, Report, seal_report
from troth.round.candidate import SEED_SIZE, Candidate, candidate
from troth.round.mail import Inbox
from troth.round.sharing import RandomBytes
from troth.round.study import Study
from troth.round.transcript import RoundId
from troth.storage.keys import HpkePublicKey


@dataclass(frozen=True)
class KeptNoise:
    """One candidate as the state file has it."""

    seed: bytes
    """32 bytes from the operating system; everything but the sealing follows from it."""
    report: KeptReport

    def again(self, study: Study, where: RoundId, place: int, heads: bytes) -> Candidate:
        """The candidate itself."""
        return candidate(study, where, place, self.seed, heads)


def noise_reports(
    study: Study,
    where: RoundId,
    member: int,
    *,
    heads: bytes,
    hpke_keys: Sequence[HpkePublicKey],
    random_bytes: RandomBytes,
) -> tuple[tuple[KeptNoise, ...], tuple[Report, ...]]:
    """All noise candidates of one member in one round.

    Args:
        study: the study.
        where: the round.
        member: index on the committee.
        heads: digest of the round's key heads.
        hpke_keys: every member's key of this round, in committee order.
        random_bytes: the operating system's randomness.

    Returns:
        What the state file keeps of each, and the reports.
    """
    kept, reports = [], []
    for number in range(study.terms.privacy.noise_candidates):
        place, seed = study.noise_place(member, number), random_bytes(SEED_SIZE)
        sharing = candidate(study, where, place, seed, heads).sharing
        report = seal_report(
            study, where, place, sharing, hpke_keys=hpke_keys, random_bytes=random_bytes
        )
        kept.append(KeptNoise(seed, report.kept()))
        reports.append(report)
    return tuple(kept), tuple(reports)


def noise_blobs(
    study: Study, member: int, kept: Sequence[KeptNoise], inbox: Inbox
) -> tuple[bytes, ...]:
    """All blobs of a member's noise, as they were made."""
    return tuple(
        blob
        for number, noise in enumerate(kept)
        for blob in noise.report.blobs(study, study.noise_place(member, number), inbox)
    )
