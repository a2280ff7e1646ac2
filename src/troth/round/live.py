"""R: the members that take part in a round, from step to step.

In A and B3 a round needs all members. In B4 it goes on without one that missed a deadline, or that
the others outvoted; a member that left does not come back before the next round. Source: round
protocol, section 4, "Live set R".
"""

from collections.abc import Iterable

from troth.ledger.address import Address
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView


def live(study: Study, view: RoundView, state: State) -> tuple[int, ...]:
    """Indices of the members that took part when a round came into a state, ascending.

    Args:
        study: the study.
        view: the round.
        state: one that the round has reached.
    """
    gone = view.left_before[state]
    return tuple(index for index, member in enumerate(study.committee) if member not in gone)


def live_members(study: Study, view: RoundView, state: State) -> tuple[Address, ...]:
    """Their addresses."""
    return tuple(study.committee[index] for index in live(study, view, state))


def bitmap(indices: Iterable[int]) -> int:
    """Members as the bits of one integer."""
    return sum(1 << index for index in indices)
