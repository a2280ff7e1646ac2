"""Do a study's parameters fit each other, and if not, which would?

The one place where field, norms, noise, rounds and budget meet. Members run it before they vote,
and whoever drafts terms runs it first. `design` has the parameters, `inequalities` what must hold
between them, `proposals` what would fit instead.

In integer units: one record moves its site by at most Δ; a site's update is bounded by its most
records times Δ; a noise vector by `noise_bound`; and the weighted sum of all must not wrap.
"""

from dataclasses import dataclass

from troth.privacy.design import StudyDesign
from troth.privacy.dp.accounting import (
    MOST_TIGHT_EPSILON,
    delta_total,
    epsilon_guaranteed,
    epsilon_tight,
    nano_rho_budget,
)
from troth.privacy.dp.event import LEAST_NOISE_VARIANCE, Composed, DiscreteGaussianSumEvent
from troth.privacy.dp.price import nano_rho
from troth.privacy.inequalities import Check, checks, record_clip
from troth.privacy.proposals import Proposal, proposals

__all__ = ["Check", "Plan", "Proposal", "StudyDesign", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from a design. Figures that do not exist for it are None."""

    design: StudyDesign
    checks: tuple[Check, ...]
    """All of them, passed and failed."""
    against: str
    """Against whom the guarantee holds, in words."""
    record_clip: float | None
    """C', for the terms."""
    site_norm_bound: int
    """B_site, for the terms."""
    noise_norm_bound: int
    """B_noise, for the terms."""
    nano_rho_per_round: tuple[int, ...] | None
    """What the ledger charges each site's lineage for a round."""
    nano_rho_budget: int
    """Largest charge that the design's (ε, δ) allows a lineage in all."""
    epsilon_guaranteed: float | None
    """ε of all rounds, of the lineage that pays most: the promise."""
    epsilon_tight: float | None
    """The same by privacy loss distributions: an estimate, never shown alone; None above 100."""
    delta_total: float | None
    """δ with the noise's tail included."""
    proposals: tuple[Proposal, ...]
    """Empty when every check passed, advice included, or when nothing near the design fits."""

    @property
    def fits(self) -> bool:
        """Whether every required check passed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """Required checks that did not pass."""
        return tuple(check for check in self.checks if check.required and not check.ok)


def plan(design: StudyDesign) -> Plan:
    """Check a design, explain every inequality, and propose others when it does not fit.

    Takes a few seconds the first time: the tight figure needs a large library.
    """
    decided = tuple(checks(design))
    guaranteed = tight = total = prices = None
    if design.noise_variance >= LEAST_NOISE_VARIANCE:
        prices = _prices(design)
        guaranteed = epsilon_guaranteed(design.rounds * max(prices), design.delta)
        one = DiscreteGaussianSumEvent(
            design.clip, max(design.weights), design.honest, design.noise_variance
        )
        if guaranteed <= MOST_TIGHT_EPSILON:
            tight = epsilon_tight(Composed(one, design.rounds), design.delta)
        total = delta_total(design.delta, guaranteed, rounds=design.rounds, members=design.members)
    return Plan(
        design=design,
        checks=decided,
        against=design.against,
        record_clip=record_clip(design)[0],
        site_norm_bound=design.site_norm_bound,
        noise_norm_bound=design.noise_norm_bound,
        nano_rho_per_round=prices,
        nano_rho_budget=nano_rho_budget(design.epsilon, design.delta),
        epsilon_guaranteed=guaranteed,
        epsilon_tight=tight,
        delta_total=total,
        proposals=() if all(c.ok for c in decided) else tuple(proposals(design)),
    )


def _prices(design: StudyDesign) -> tuple[int, ...]:
    return tuple(
        nano_rho(design.clip, weight, design.honest, design.noise_variance)
        for weight in design.weights
    )
