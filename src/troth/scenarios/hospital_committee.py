"""The aggregators of the hospitals' studies, by mode, and how much noise each of them adds.

However many they are, the noise that the guarantee counts on has the same variance. Each of them
adds its part of it: all of it where only one is counted on, half where two are.
"""

from dataclasses import dataclass, replace
from typing import Self

from troth.privacy.dp.event import LEAST_NOISE_VARIANCE

COMMITTEES = {"A": (2, 1), "B3": (3, 2), "B4": (4, 2)}
"""Of each mode: how many aggregate, and on how many of their noises the guarantee counts."""
OUTVOTING = ("B4",)
"""Modes in which a round goes on without an aggregator that the others outvote."""


def readers(mode: str, members: int) -> int:
    """How many aggregators together can read every update: all in A, any two in B3 and B4."""
    return members if mode == "A" else 2


@dataclass(frozen=True, slots=True)
class CommitteeParameters:
    """What the hospitals agree on for the aggregators of one study."""

    noise_variance: int
    """σ_h² of each aggregator's discrete Gaussian, per coordinate."""
    mode: str = "A"
    """How input shares are held."""
    noise_vectors: int = 2
    """How many such vectors the sum carries: one per aggregator."""
    honest: int = 1
    """h: the guarantee counts on this many aggregators' noise being unknown."""

    def seated(self, mode: str) -> Self:
        """The same parameters with the committee of a mode, which gives the same guarantee.

        Each aggregator's variance is rounded up to a whole number that the noise may have.
        """
        members, honest = COMMITTEES[mode]
        variance = -(-self.noise_variance * self.honest // honest)
        return replace(
            self,
            mode=mode,
            noise_vectors=members,
            honest=honest,
            noise_variance=max(variance, LEAST_NOISE_VARIANCE),
        )
