"""Members that left a round while it went on (mode B4), and what the published blobs say of each.

A round goes on without a member that missed a deadline, or that the others outvoted. That it left,
and why, follows from the ledger alone. What is recomputed here is whether the others were right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.audit.evidence import RoundEvidence
from troth.ledger.address import Address
from troth.round.openings import ProvenFault, openings_of
from troth.round.published import PublishedRound, sum_digests
from troth.round.transitions import State


@dataclass(frozen=True)
class Departure:
    """A member that took no part in the rest of a round."""

    round: int
    member: str
    state: str
    """In which the round was."""
    reason: str
    """As the contract calls it: ``Withheld``, ``Unavailable``, ``Disagree`` or ``Fault``."""
    shown: str
    """What can be recomputed of it; empty where the ledger says all there is to say."""


def departures(round_: RoundEvidence, codes: bytes, found: PublishedRound) -> list[Departure]:
    """Every member that left a round, in the order in which they did.

    Args:
        round_: the round.
        codes: the verdict that follows from the files that count.
        found: all that was published in it.
    """
    return [
        Departure(
            round=round_.view.number,
            member=str(member),
            state=state.title,
            reason=reason,
            shown=_shown(round_, member, state, codes, found)
            if reason in ("Disagree", "Fault")
            else "",
        )
        for member, (state, reason) in round_.view.left.items()
    ]


def _shown(
    round_: RoundEvidence, member: Address, state: State, codes: bytes, found: PublishedRound
) -> str:
    view, index = round_.view, round_.study.committee.index(member)
    if state is State.JUDGED:
        if view.verdicts.get(member, codes) != codes:
            return "its verdict is not the one that follows"
        if codes[-1] >> index & 1:
            return "its verifier file says something else than two others do of the same shares"
    if state is State.SETTLED:
        return _sums(round_, index, view.sums[member])
    if state is State.SEEDED and view.recovered >> index & 1:
        return _openings(found, index)
    return ""


def _openings(found: PublishedRound, index: int) -> str:
    try:
        openings_of(found, index)
    except ProvenFault as fault:
        return fault.detail
    return "its seeds give the noise that it had reported, so those that named it lied"


def _sums(round_: RoundEvidence, index: int, posted: Sequence[bytes]) -> str:
    agreed = sum_digests(round_.study, round_.view)
    held = round_.study.shares_of(0, index)
    wrong = [share for share, said in zip(held, posted, strict=True) if said != agreed[share]]
    return f"its sum of share {wrong[0]} is not the one that the other holders have"
