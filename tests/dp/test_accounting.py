"""ε from ρ: reference values, another accountant, and rounding that never flatters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.privacy.dp.accounting import (
    delta_total,
    epsilon_guaranteed,
    epsilon_tight,
    nano_rho_budget,
)
from troth.privacy.dp.event import Composed, DiscreteGaussianSumEvent

HOSPITALS = Composed(DiscreteGaussianSumEvent(128, 1, 1, 1232**2), 20)


def gaussian(sigma: int, rounds: int) -> Composed:
    """Noise multiplier sigma: Δ = 1000 so that the variance is an integer."""
    return Composed(DiscreteGaussianSumEvent(1000, 1, 1, (1000 * sigma) ** 2), rounds)


@pytest.mark.parametrize(
    ("sigma", "rounds", "expected"), [(1, 1, 4.3772), (5, 100, 9.9973), (10, 50, 2.9432)]
)
def test_tight_reference_values(sigma, rounds, expected):
    assert epsilon_tight(gaussian(sigma, rounds), 1e-5) == pytest.approx(expected, abs=1e-4)


def test_hospital_figures():
    assert epsilon_guaranteed(20 * 5_397_201, 1e-5) == pytest.approx(1.9968, abs=5e-5)
    assert epsilon_tight(HOSPITALS, 1e-5) == pytest.approx(1.8365, abs=5e-5)


def test_budget_of_two():
    budget = nano_rho_budget(2.0, 1e-5)
    assert budget / 1e9 == pytest.approx(0.108256, abs=5e-7)
    assert epsilon_guaranteed(budget, 1e-5) <= 2 < epsilon_guaranteed(budget + 1, 1e-5)


@pytest.mark.parametrize("rho", [1e-4, 0.01, 0.108256, 0.5, 2.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-9])
def test_equals_the_renyi_accountant_with_fine_orders(rho, delta):
    import dp_accounting
    from dp_accounting import rdp

    best = 1 + math.sqrt(math.log(1 / delta) / rho)  # close to the best order
    orders = [1 + (best - 1) * (0.5 + i / 2000) for i in range(2000)]
    accountant = rdp.RdpAccountant(orders, dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    accountant.compose(dp_accounting.GaussianDpEvent(1 / math.sqrt(2 * rho)))
    theirs = accountant.get_epsilon(delta)
    ours = epsilon_guaranteed(round(rho * 1e9), delta)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert ours <= theirs * (1 + 1e-9)  # they try 2000 orders, we the best


@given(st.integers(1, 10**13), st.floats(1e-12, 0.4), st.floats(1.0001, 1e6))
def test_never_above_the_bound_at_any_order(nano_rho, delta, order):
    rho = nano_rho / 1e9
    bound = rho * order - math.log(order * delta) / (order - 1) + math.log1p(-1 / order)
    assert epsilon_guaranteed(nano_rho, delta) <= max(bound, 0) * (1 + 1e-9) + 1e-9


@given(st.integers(0, 10**12), st.floats(1e-12, 0.4))
def test_grows_with_rho(nano_rho, delta):
    here = epsilon_guaranteed(nano_rho, delta)
    assert here >= 0
    assert epsilon_guaranteed(2 * nano_rho + 1, delta) >= here


@given(st.floats(0.01, 50), st.floats(1e-12, 0.1))
def test_budget_is_the_largest(epsilon, delta):
    budget = nano_rho_budget(epsilon, delta)
    assert epsilon_guaranteed(budget, delta) <= epsilon
    assert epsilon_guaranteed(budget + 1, delta) > epsilon


def test_guaranteed_is_above_tight():
    for event, nano in ((HOSPITALS, 20 * 5_397_201), (gaussian(5, 100), 2 * 10**9)):
        assert epsilon_guaranteed(nano, 1e-5) > epsilon_tight(event, 1e-5)


def test_delta_total():
    total = delta_total(1e-5, 2.0, rounds=20, members=2)
    assert total == pytest.approx(1e-5 + 40 * 2.0**-64 * (1 + math.e**2), rel=1e-15)
    assert total > 1e-5
    assert delta_total(1e-5, 1e6, rounds=1, members=1) == 1.0


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-5, math.nan])
def test_bad_delta_is_refused(delta):
    with pytest.raises(ParameterError):
        epsilon_guaranteed(1, delta)
    with pytest.raises(ParameterError):
        nano_rho_budget(1.0, delta)
    with pytest.raises(ParameterError):
        epsilon_tight(HOSPITALS, delta)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan])
def test_bad_epsilon_is_refused(epsilon):
    with pytest.raises(ParameterError):
        nano_rho_budget(epsilon, 1e-5)


def test_negative_charge_and_hopeless_event_are_refused():
    with pytest.raises(ParameterError):
        epsilon_guaranteed(-1, 1e-5)
    with pytest.raises(ParameterError, match="no tight figure"):
        epsilon_tight(DiscreteGaussianSumEvent(2**30, 1, 1, 4), 1e-5)
