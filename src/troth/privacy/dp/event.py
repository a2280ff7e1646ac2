"""The private act of a round as frozen data: what happened, not what it costs.

Accountants (`price`, `accounting`) read these values; a mechanism that has no event here has
no price and cannot be charged. Everything is an integer, so nothing is rounded before the one
place that rounds up.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from troth.privacy.dp.validate import require_integer

LEAST_NOISE_VARIANCE = 4
"""σ_h ≥ 2: below it a sum of discrete Gaussians is measurably not one (see `price`)."""


@dataclass(frozen=True, slots=True)
class DiscreteGaussianSumEvent:
    """A weighted integer sum released with discrete Gaussian noise from several parties.

    Neighbouring datasets differ by one record added to or removed from one dataset. One release.

    Raises:
        ParameterError: A field out of range; ``noise_variance`` below 4 (σ_h < 2) included.
    """

    clip: int
    """Δ: the most, in L2 and in integer units, by which one record moves its site's sum."""
    weight: int
    """w_i: the public integer weight of that site in the sum."""
    honest: int
    """h: how many noise vectors are assumed to be unknown to the adversary."""
    noise_variance: int
    """σ_h²: the variance parameter of each of those vectors, per coordinate."""

    def __post_init__(self) -> None:
        require_integer("clip", self.clip, least=1)
        require_integer("weight", self.weight, least=1)
        require_integer("honest", self.honest, least=1)
        require_integer("noise_variance", self.noise_variance, least=LEAST_NOISE_VARIANCE)

    @property
    def sensitivity(self) -> int:
        """Most, in L2, by which one record of this site moves the weighted sum: w_i·Δ."""
        return self.weight * self.clip

    @property
    def variance(self) -> int:
        """Variance per coordinate of the noise that the guarantee counts: h·σ_h²."""
        return self.honest * self.noise_variance

    @property
    def rho(self) -> Fraction:
        """Exact zCDP of one release, leaving out the slack of a sum of h > 1 (see `price`)."""
        return Fraction(self.sensitivity**2, 2 * self.variance)


@dataclass(frozen=True, slots=True)
class Composed:
    """The same act, ``count`` times, each on the same dataset lineage and with fresh noise.

    Raises:
        ParameterError: ``count`` below 1.
    """

    event: "PrivateEvent"
    count: int

    def __post_init__(self) -> None:
        require_integer("count", self.count, least=1)


PrivateEvent: TypeAlias = DiscreteGaussianSumEvent | Composed
