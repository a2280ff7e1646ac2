"""The price of a round in Solidity is the one of Python's integers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from troth.errors import ContractRefused
from troth.ledger.bindings import study_registry
from troth.privacy.dp.price import nano_rho

Proposed = Callable[[int, int, int, int], int]
HALF_NANO = 5 * 10**8  # of this variance, (w·Δ)² nano-ρ are the price


@pytest.fixture
def proposed(world: Any, account: Any) -> Proposed:
    """Proposes a study with these integers and asks what its only site pays."""
    committee = tuple(account(name).address for name in ("a1", "a2", "a3"))

    def ask(clip: int, weight: int, honest: int, variance: int) -> int:
        before = world.snapshot()
        terms = world.make_terms(
            sites=(replace(world.terms.sites[0], weight=weight),),
            min_sites=1,
            min_weight=1,
            committee=committee,
            clip=clip,
            honest=honest,
            noise_variance=variance,
        )
        study = world.propose(terms, "price")
        found: int = world.ask(study_registry.price_of(study, 0))
        assert world.ask(study_registry.charges_of(study, 1)).nano_rho == (found,)
        world.restore(before)
        return found

    return ask


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(st.integers(1, 2**20), st.integers(1, 2**64 - 1)),
    st.integers(1, 2**32 - 1),
    st.integers(1, 2),
    st.one_of(st.integers(4, 2**32), st.integers(4, 2**128 - 1)),
)
@example(1, 1, 1, 2**128 - 1)
@example(1, 1, 2, 2**128 - 1)
@example(2**64 - 1, 2**32 - 1, 2, 2**128 - 1)
@example(128, 1, 1, 1232**2)
@example(2, 1, 1, 4)
def test_the_contract_computes_the_same_price(proposed, clip, weight, honest, variance):
    expected = nano_rho(clip, weight, honest, variance)
    if expected < 2**64:
        assert proposed(clip, weight, honest, variance) == expected
    else:
        with pytest.raises(ContractRefused) as caught:
            proposed(clip, weight, honest, variance)
        assert caught.value.name == "TermsInvalid"
        assert caught.value.arguments["field"].rstrip(b"\0") == b"price"


def test_a_price_is_taken_up_to_64_bits(proposed):
    assert proposed(2**32 - 1, 1, 1, HALF_NANO) == (2**32 - 1) ** 2
    with pytest.raises(ContractRefused, match="TermsInvalid"):
        proposed(2**31, 2, 1, HALF_NANO)


def test_a_price_is_rounded_up_and_never_nothing(proposed):
    assert proposed(1, 1, 1, 2**128 - 1) == 1
    assert proposed(1, 1, 1, 3 * HALF_NANO) == 1
    assert proposed(2, 1, 1, 3 * HALF_NANO) == 2
    assert proposed(2, 1, 2, 3 * HALF_NANO) == 2  # one, and one for the sum of two
