"""From a price to a promise: (ε, δ) of everything charged to one dataset lineage.

Two figures, always shown together. The *guaranteed* ε follows from the nano-ρ that the ledger
adds up, and is what a study promises. The *tight* ε is a numerical estimate of the same releases
by privacy loss distributions; it is smaller, and it is not what the ledger enforces.
"""

import math
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING

from troth.errors import ParameterError
from troth.privacy.dp.event import Composed, DiscreteGaussianSumEvent, PrivateEvent
from troth.privacy.dp.price import NANO, price
from troth.privacy.dp.validate import require_integer, require_probability

if TYPE_CHECKING:
    from dp_accounting import DpEvent

NOISE_TAIL = 2.0**-64
"""Most by which one noise vector, redrawn above its bound, differs from an unbounded one."""

MOST_TIGHT_EPSILON = 100.0
"""Guaranteed ε above which no tight figure is computed."""

_PRECISE = Context(prec=50)
_STEP = Decimal("1e-12")


def epsilon_guaranteed(nano_rho: int, delta: float) -> float:
    """ε such that ``nano_rho`` of zCDP implies (ε, δ)-DP, rounded up.

    The least over orders α > 1 of ρα + ln(1/(αδ))/(α-1) + ln(1-1/α) (Canonne, Kamath & Steinke,
    arXiv 2004.00010 v4, Corollary 13). Every α gives a valid bound, so an α that is a little off
    costs tightness, never truth; the bound itself is evaluated with 50 digits.

    Args:
        nano_rho: What is charged, 10^-9 of ρ.
        delta: δ, strictly between 0 and 1.

    Raises:
        ParameterError: An argument out of range.
    """
    require_integer("nano_rho", nano_rho, least=0)
    require_probability("delta", delta)
    if nano_rho == 0:
        return 0.0
    order = _best_order(nano_rho / NANO, delta)
    with localcontext(_PRECISE):
        rho, alpha = Decimal(nano_rho) / NANO, Decimal(order)
        bound = (
            rho * alpha - (alpha * Decimal(delta)).ln() / (alpha - 1) + (1 - 1 / alpha).ln()
        ).quantize(_STEP, ROUND_CEILING)
    return math.nextafter(float(bound), math.inf) if bound > 0 else 0.0


def _best_order(rho: float, delta: float) -> float:
    """Order α at which the bound's derivative ρ - ln(1/(αδ))/(α-1)² changes sign.

    ρ(α-1)² grows from 0 and ln(1/(αδ)) falls to 0 at α = 1/δ: they cross exactly once, between.
    Bisection runs on ln(α-1), so that very large and very small ρ are found alike.
    """
    low, high = -60.0, math.log(1 / delta)
    for _ in range(100):
        middle = (low + high) / 2
        excess = math.exp(middle)
        if rho * excess**2 < -math.log(delta) - math.log1p(excess):
            low = middle
        else:
            high = middle
    # α - 1 must survive the addition in a float; a larger order is still a valid bound.
    return 1 + max(math.exp(high), 2.0**-40)


@cache
def nano_rho_budget(epsilon: float, delta: float) -> int:
    """Largest nano-ρ whose guaranteed ε does not exceed ``epsilon``: what a holder would grant.

    Args:
        epsilon: ε > 0 and finite.
        delta: δ, strictly between 0 and 1.

    Raises:
        ParameterError: An argument out of range.
    """
    if not 0 < epsilon < math.inf:
        raise ParameterError(f"epsilon must be positive and finite, not {epsilon!r}")
    require_probability("delta", delta)
    fits, exceeds = 0, 1
    while epsilon_guaranteed(exceeds, delta) <= epsilon:
        fits, exceeds = exceeds, 2 * exceeds
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if epsilon_guaranteed(middle, delta) <= epsilon:
            fits = middle
        else:
            exceeds = middle
    return fits


@cache
def epsilon_tight(event: PrivateEvent, delta: float) -> float:
    """Numerical estimate of ε by privacy loss distributions; show it beside the guaranteed one.

    ``dp_accounting.pld`` with ADD_OR_REMOVE_ONE neighbours and the continuous Gaussian of noise
    multiplier σ/Δ in place of the discrete one, which that library (0.6.0) does not know. Never
    one of its central-limit ("GDP") accountants, which understate ε.

    Raises:
        ParameterError: δ out of range, an event of unknown kind, or one whose guaranteed ε is
            above 100: the distribution would not fit in memory, and no estimate would help.
    """
    require_probability("delta", delta)
    guaranteed = epsilon_guaranteed(price(event), delta)
    if guaranteed > MOST_TIGHT_EPSILON:
        raise ParameterError(
            f"no tight figure is computed where the guaranteed ε is {guaranteed:.0f}"
        )
    import dp_accounting  # noqa: PLC0415 - two seconds to import, and only this figure needs it
    from dp_accounting import pld  # noqa: PLC0415 - same

    accountant = pld.PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    accountant.compose(_continuous(event))
    return float(accountant.get_epsilon(delta))


def _continuous(event: PrivateEvent) -> "DpEvent":
    """The event with continuous noise, as ``dp_accounting`` describes it."""
    from dp_accounting import GaussianDpEvent, SelfComposedDpEvent  # noqa: PLC0415 - as above

    match event:
        case DiscreteGaussianSumEvent():
            return GaussianDpEvent(math.sqrt(event.variance) / event.sensitivity)
        case Composed():
            return SelfComposedDpEvent(_continuous(event.event), event.count)
        case _:
            raise ParameterError(f"no accountant is known for the event {event!r}")


def delta_total(delta: float, epsilon: float, *, rounds: int, members: int) -> float:
    """δ of the promise when noise above its norm bound is drawn again.

    δ + T·m·2^-64·(1+e^ε): each of the m noise vectors of each of the T rounds is within 2^-64 in
    total variation of an unbounded one (`discrete_gaussian.noise_bound`).

    Args:
        delta: δ of the guaranteed ε.
        epsilon: That ε.
        rounds: T, *all* rounds charged to the lineage, of every study.
        members: m, noise vectors in the sum of a round.

    Raises:
        ParameterError: An argument out of range.
    """
    require_probability("delta", delta)
    require_integer("rounds", rounds, least=1)
    require_integer("members", members, least=1)
    if not 0 <= epsilon < math.inf:
        raise ParameterError(f"epsilon must be at least 0 and finite, not {epsilon!r}")
    growth = 1 + math.exp(min(epsilon, 700))  # beyond, the result is 1 anyway
    return min(1.0, math.nextafter(delta + rounds * members * NOISE_TAIL * growth, math.inf))
