"""The price of a round in nano-ρ, in the integers that the ledger's contract computes with.

The unit is 10^-9 of zero-concentrated differential privacy (Bun & Steinke, arXiv 1605.02065 v1,
Definition 1.1). One discrete Gaussian of variance σ² per coordinate added to an integer vector of
sensitivity S costs S²/(2σ²) exactly (Canonne, Kamath & Steinke, arXiv 2004.00010 v4, Theorem
14). A sum of h of them costs that much of the summed variance, plus a slack that vanishes with
σ_h (Kairouz, Liu & Steinke, arXiv 2102.06387 v3, Theorem 1); one nano covers it.
"""

import math

from troth.errors import ParameterError
from troth.privacy.dp.event import Composed, DiscreteGaussianSumEvent, PrivateEvent
from troth.privacy.dp.validate import require_integer

NANO = 10**9
"""Nano-ρ in one ρ."""


def nano_rho(clip: int, weight: int, honest: int, noise_variance: int) -> int:
    """Price of one round for one dataset lineage, rounded up.

    Run by every member before it votes, and by the contract when a round opens; both must get
    the same integer: ceil(10^9·(w·Δ)² / (2·h·σ_h²)), plus 1 when h > 1.

    Args:
        clip: Δ, integer L2 bound of one record.
        weight: w_i, public weight of the lineage's site.
        honest: h, noise vectors assumed unknown to the adversary.
        noise_variance: σ_h² per noise vector and coordinate, at least 4.

    Raises:
        ParameterError: An argument out of range.
    """
    event = DiscreteGaussianSumEvent(clip, weight, honest, noise_variance)
    numerator = NANO * event.sensitivity**2
    return -(-numerator // (2 * event.variance)) + (1 if honest > 1 else 0)


def price(event: PrivateEvent) -> int:
    """Nano-ρ of an event: each release is rounded up on its own, as the ledger charges it.

    Raises:
        ParameterError: An event that this accountant does not know: refused, never guessed.
    """
    match event:
        case DiscreteGaussianSumEvent():
            return nano_rho(event.clip, event.weight, event.honest, event.noise_variance)
        case Composed():
            return event.count * price(event.event)
        case _:
            raise ParameterError(f"no price is known for the event {event!r}")


def sum_slack(honest: int, noise_variance: int, dimension: int) -> float:
    """Nano-ρ that a sum of h discrete Gaussians may cost above one of the summed variance.

    τ·d/4 with τ = 10·Σ_{k=1}^{h-1} exp(-2π²σ_h²·k/(k+1)) (arXiv 2102.06387 v3, Theorem 1, whose
    ε²/2 is our ρ). `nano_rho` charges 1 for it, which suffices while this is at most 1: at
    σ_h = 2 up to 5.5e7 dimensions, and beyond any vector that fits a machine from σ_h = 3 on.

    Raises:
        ParameterError: An argument out of range.
    """
    require_integer("honest", honest, least=1)
    require_integer("noise_variance", noise_variance, least=1)
    require_integer("dimension", dimension, least=1)
    tau = 10 * sum(
        math.exp(-2 * math.pi**2 * noise_variance * k / (k + 1)) for k in range(1, honest)
    )
    return NANO * tau * dimension / 4
