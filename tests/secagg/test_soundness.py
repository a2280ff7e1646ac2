"""Soundness figures against numbers written out by hand, and against counting."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest

from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.soundness import (
    Soundness,
    bits,
    norm_is_exact,
    soundness,
    validity_error,
    wraparound_error,
)

Q64 = 2**64 - 2**32 + 1


def parameters(variant="Pine64HmacSha256Aes128", bound=32_768, **chosen):
    return Pine(
        variant, shares=2, dimension=31, num_frac_bits=7, l2_norm_bound=bound, **chosen
    ).parameters


def test_the_hospitals_by_hand():
    # 31 entries in chunks of 11: 3 calls, 4 points. 2·31 norm bits and 100 checks of 20 + 1 bits
    # in chunks of 37: 59 + 3 calls, 64 points.
    found = soundness(parameters(proofs=2, proofs_norm_equality=2))
    norm_equality = 2 * math.log2((Q64 - 4) / 6)
    validity = -2 * math.log2((62 + 2100 + 2) / Q64 + 126 / (Q64 - 64))
    assert (norm_equality, validity) == pytest.approx((122.830, 105.677), abs=1e-3)
    assert found == Soundness(norm_equality=122.8, validity=105.6, wraparound=100.0)
    assert found.least == 100


@pytest.mark.parametrize(("checks", "successes"), [(1, 1), (5, 5), (7, 4), (10, 3), (10, 9)])
def test_successes_are_counted(checks, successes):
    enough = [outcome for outcome in product((0, 1), repeat=checks) if sum(outcome) >= successes]
    assert wraparound_error(checks, successes) == Fraction(len(enough), 2**checks)


def test_fewer_successes_are_worth_less():
    # 1 + 100 outcomes of 2^100 have at most one failure.
    one_less = parameters(num_wr_checks=100, num_wr_successes=99)
    assert soundness(one_less).wraparound == 93.3
    assert soundness(parameters(num_wr_checks=80, num_wr_successes=80)).wraparound == 80
    assert soundness(parameters(num_wr_checks=1, num_wr_successes=1)).wraparound == 1
    assert soundness(parameters(num_wr_checks=10, num_wr_successes=1)).wraparound == 0


def test_one_proof_in_32_bits_is_about_29_bits():
    small = parameters("Pine32HmacSha256Aes128")
    assert small.proofs_norm_equality == 1
    assert soundness(small).norm_equality == 29.4
    assert soundness(replace(small, proofs_norm_equality=3)).norm_equality == 88.2


@pytest.mark.parametrize(("bound", "exact"), [(470, True), (471, False), (32_768, False)])
def test_without_an_exact_norm_checks_are_worth_nothing(bound, exact):
    small = parameters("Pine32HmacSha256Aes128", bound=bound)
    assert norm_is_exact(small) == exact
    assert soundness(small).wraparound == (100 if exact else 0)


def test_longer_proofs_are_weaker():
    fine, coarse = (parameters(bound=bound) for bound in (2**20, 2**6))
    assert validity_error(fine) > validity_error(coarse)


@pytest.mark.parametrize(
    ("error", "figure"),
    [
        (Fraction(3, 2), 0.0),
        (Fraction(1), 0.0),
        (Fraction(15, 16), 0.0),
        (Fraction(1, 2), 1.0),
        (Fraction(1, 3), 1.5),
        (Fraction(1, 2**80), 80.0),
        (Fraction(2**900 + 1, 2**980), 79.9),
        (Fraction(2**900 - 1, 2**980), 80.0),
    ],
)
def test_bits_are_rounded_down(error, figure):
    assert bits(error) == figure


def test_two_proofs_together_are_as_good_as_the_weaker_parts():
    mixed = Soundness(90.0, 70.0, 100.0).both(Soundness(85.0, 99.0, 100.0))
    assert mixed == Soundness(85.0, 70.0, 100.0)
