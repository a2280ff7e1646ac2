import itertools
from typing import Any

import pytest

from troth.errors import ParameterError
from troth.privacy.secagg.flp import proof_len
from troth.privacy.secagg.parameters import VARIANTS, count_calls
from troth.privacy.secagg.pine import Pine

PINE32 = "Pine32HmacSha256Aes128"


def make(variant: str = PINE32, **changes: Any) -> Pine:
    usual: dict[str, Any] = {
        "shares": 2,
        "dimension": 31,
        "num_frac_bits": 7,
        "l2_norm_bound": 32768,
    }
    return Pine(variant, **{**usual, **changes})


def test_derived_values_of_the_hospital_study():
    pine = make(proofs=5, proofs_norm_equality=3)
    assert pine.wr_check_bound == 2**19
    assert pine.num_bits_for_sq_norm == 31
    assert pine.num_bits_for_wr_check == 20
    assert pine.measurement_len == 31 + 62 + 100 * 21
    assert (pine.NONCE_SIZE, pine.VERIFY_KEY_SIZE, pine.RAND_SIZE) == (16, 32, 7 * 32)
    assert pine.input_share_size(1) == 128
    assert pine.public_share_size == 128


def test_default_proof_counts():
    counts = {
        name: (pine.parameters.proofs, pine.parameters.proofs_norm_equality)
        for name in VARIANTS
        for pine in [make(name, l2_norm_bound=128)]
    }
    assert counts == {
        "Pine128": (1, 1),
        "Pine64": (2, 1),
        "Pine64HmacSha256Aes128": (2, 1),
        PINE32: (5, 1),
        "Pine40HmacSha256Aes128": (4, 1),
    }


@pytest.mark.parametrize("dimension", [1, 2, 31, 100, 1000])
@pytest.mark.parametrize("checks", [1, 7, 100])
def test_chunk_lengths_are_the_cheapest(dimension, checks):
    pine = make(dimension=dimension, l2_norm_bound=4, num_wr_checks=checks, num_wr_successes=checks)
    groups = (pine.parameters.bit_count, checks)
    shortest = min(proof_len(2 * c, count_calls(groups, c)) for c in range(1, 1 + max(groups)))
    assert pine.proof_len == shortest
    gradient = (dimension,)
    shortest = min(proof_len(c, count_calls(gradient, c)) for c in range(1, 1 + dimension))
    assert pine.proof_len_norm_equality == shortest


def test_the_norm_bound_of_each_field_is_known_to_the_last_unit():
    assert make(l2_norm_bound=37832).wr_check_bound == 2**19
    for variant, modulus in ((PINE32, 4095 * 2**20 + 1), ("Pine40HmacSha256Aes128", 1048555 << 20)):
        bound = next(
            b
            for b in itertools.count(int((modulus / 3) ** 0.5) - 2)
            if (modulus - 1) / (b + 1) ** 2 <= 3
        )
        make(variant, l2_norm_bound=bound)
        with pytest.raises(ParameterError, match="third"):
            make(variant, l2_norm_bound=bound + 1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"variant": "Pine16"}, "unknown PINE variant"),
        ({"shares": 1}, "shares"),
        ({"shares": 256}, "shares"),
        ({"shares": True}, "shares"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": 3.0}, "dimension"),
        ({"num_frac_bits": -1}, "num_frac_bits"),
        ({"num_frac_bits": 128}, "num_frac_bits"),
        ({"l2_norm_bound": 0}, "l2_norm_bound"),
        ({"l2_norm_bound": -5}, "l2_norm_bound"),
        ({"l2_norm_bound": 100.0}, "l2_norm_bound"),
        ({"l2_norm_bound": 2**16}, "l2_norm_bound"),
        ({"l2_norm_bound": 37833}, "third of the modulus"),
        ({"num_wr_checks": 0}, "num_wr_checks"),
        ({"num_wr_checks": 2**31}, "too many"),
        ({"num_wr_successes": 0}, "num_wr_successes"),
        ({"num_wr_successes": 101}, "num_wr_successes"),
        ({"chunk_length": 0}, "chunk_length"),
        ({"chunk_length_norm_equality": -1}, "chunk_length_norm_equality"),
        ({"dimension": 2**20, "chunk_length_norm_equality": 1}, "too small"),
        ({"proofs": 0}, "proofs"),
        ({"proofs": 256}, "proofs"),
        ({"proofs_norm_equality": 0}, "proofs_norm_equality"),
        ({"alpha": 8.7}, "alpha cannot be chosen"),
        ({"variant": "Pine64", "proofs": 2}, "proof counts cannot be chosen"),
        ({"variant": "Pine128", "proofs_norm_equality": 1}, "proof counts cannot be chosen"),
        ({"variant": "Pine64", "alpha": 0}, "alpha"),
        ({"variant": "Pine64", "alpha": float("nan")}, "alpha"),
        ({"variant": "Pine64", "alpha": 1e308}, "alpha"),
        ({"variant": "Pine64", "alpha": "8.7"}, "alpha"),
        ({"variant": "Pine64", "alpha": 1e12}, "modulus/2600"),
        ({"variant": "Pine64", "alpha": 100, "l2_norm_bound": 2 * 10**9}, "4000"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, complaint):
    with pytest.raises(ParameterError, match=complaint):
        make(**changes)
