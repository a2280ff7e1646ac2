"""The price of a round, against exact fractions and by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.privacy.dp.event import Composed, DiscreteGaussianSumEvent
from troth.privacy.dp.price import nano_rho, price, sum_slack

arguments = st.tuples(
    st.integers(1, 2**30), st.integers(1, 10**6), st.integers(1, 5), st.integers(4, 2**70)
)


def test_hospital_round_by_hand():
    # 10^9 · 128² / (2 · 1232²) = 5 397 200.2…
    assert nano_rho(128, 1, 1, 1232**2) == 5_397_201


def test_exact_division_is_not_rounded_up_further():
    assert nano_rho(2, 1, 1, 4) == 500_000_000
    assert nano_rho(2, 1, 2, 4) == 250_000_001


@given(arguments)
def test_rounded_up_by_less_than_two_nano(given_arguments):
    clip, weight, honest, variance = given_arguments
    exact = 10**9 * DiscreteGaussianSumEvent(*given_arguments).rho
    assert exact == Fraction(10**9 * (weight * clip) ** 2, 2 * honest * variance)
    slack = 1 if honest > 1 else 0
    assert exact + slack <= nano_rho(*given_arguments) < exact + slack + 1


@given(arguments)
def test_monotone(given_arguments):
    clip, weight, honest, variance = given_arguments
    here = nano_rho(clip, weight, honest, variance)
    assert nano_rho(clip + 1, weight, honest, variance) >= here
    assert nano_rho(clip, weight + 1, honest, variance) >= here
    assert nano_rho(clip, weight, honest, variance + 1) <= here


def test_composition_adds_rounded_prices():
    one = DiscreteGaussianSumEvent(128, 1, 1, 1232**2)
    assert price(Composed(one, 20)) == 20 * 5_397_201
    assert price(Composed(Composed(one, 4), 5)) == 20 * 5_397_201


@pytest.mark.parametrize(
    "bad",
    [
        (0, 1, 1, 4),
        (1, 0, 1, 4),
        (1, 1, 0, 4),
        (1, 1, 1, 3),
        (1.0, 1, 1, 4),
        (True, 1, 1, 4),
        (1, 1, 1, 4.0),
    ],
)
def test_bad_arguments_are_refused(bad):
    with pytest.raises(ParameterError):
        nano_rho(*bad)


def test_unknown_event_is_refused():
    with pytest.raises(ParameterError, match="no price"):
        price("laplace")  # type: ignore[arg-type] # the point of the test


def test_count_of_zero_is_refused():
    with pytest.raises(ParameterError):
        Composed(DiscreteGaussianSumEvent(1, 1, 1, 4), 0)


def test_one_nano_covers_the_sum_up_to_fifty_million_dimensions():
    assert sum_slack(1, 4, 10**9) == 0
    assert sum_slack(2, 4, 5 * 10**7) < 1 < sum_slack(2, 4, 6 * 10**7)
    assert sum_slack(4, 4, 5 * 10**7) < 1
    assert sum_slack(2, 9, 10**18) < 1
