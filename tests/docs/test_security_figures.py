"""The figures of docs/security.md, C8, recomputed; and the vector that it warns of."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from troth.errors import ReportRejected
from troth.privacy.secagg.encoding import to_bits
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results

PROJECT = Path(__file__).resolve().parents[2]
SECURITY = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
FLAT = " ".join(SECURITY.split())
ENOUGH = 75
DIMENSION, BOUND = 31, 32_768
ROW = re.compile(
    r"^\| (Pine\w+), (\d+) and (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
    re.MULTILINE,
)
ROWS = ROW.findall(SECURITY)


def instance(variant, proofs, proofs_norm_equality):
    return Pine(
        variant,
        shares=2,
        dimension=DIMENSION,
        num_frac_bits=7,
        l2_norm_bound=BOUND,
        proofs=proofs,
        proofs_norm_equality=proofs_norm_equality,
    )


def bits(probability):
    return f"2^-{-math.log2(probability):.1f}"


def query_error(flp, modulus):
    return 2 * (flp.points - 1) / (modulus - flp.points)


def exact_bound(pine):
    return pine.field.modulus >= ENOUGH * pine.wr_check_bound**2


def test_there_is_a_row_for_either_field():
    assert [row[0] for row in ROWS] == ["Pine32HmacSha256Aes128", "Pine64HmacSha256Aes128"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_soundness_figures_follow_from_the_circuits(row):
    variant, proofs, proofs_norm_equality, fits, norm_equality, validity, wraparound = row
    pine = instance(variant, int(proofs), int(proofs_norm_equality))
    q = pine.field.modulus
    for_norm, for_validity = pine.derive.flps
    assert norm_equality == bits(query_error(for_norm, q) ** for_norm.proofs)
    folded = (pine.parameters.bit_count + 2) / q
    assert validity == bits((folded + query_error(for_validity, q)) ** for_validity.proofs)
    assert fits.startswith("yes") == exact_bound(pine)
    checks = pine.parameters.num_wr_checks
    assert pine.parameters.num_wr_successes == checks
    assert wraparound == (f"2^-{checks}" if exact_bound(pine) else "none")


def test_the_condition_gives_each_check_a_half():
    # One interval of 2W integers under a normal density, then twice the Berry-Esseen error.
    normal = 2 / math.sqrt(math.pi)
    error = 2 * 0.56 * 2**1.5
    assert normal <= 1.129
    assert error <= 3.168
    assert (1.129 + 3.168) / math.sqrt(ENOUGH) < 0.497
    assert f"q ≥ {ENOUGH}·W²" in FLAT
    assert "(1.129 + 3.168)·W/√N, below 0.497" in FLAT


def wrapping_vector(pine, entries):
    """A vector whose squared norm is q and a little more, spread over so many entries."""
    target = pine.field.modulus + pine.parameters.sq_norm_bound
    vector = np.zeros(DIMENSION, dtype=object)
    vector[:entries] = math.isqrt(pine.field.modulus // entries)
    left = target - sum(int(x) ** 2 for x in vector[: entries - 1])
    for place in range(entries - 1, min(entries + 3, DIMENSION)):
        vector[place] = math.isqrt(left)
        left -= int(vector[place]) ** 2
    return vector, pine.parameters.sq_norm_bound - left


def outputs(pine, vector, claimed, rng):
    """Output shares of a report of this vector that claims this squared norm, if it passes."""
    norm_bits = to_bits(
        pine.parameters,
        [claimed, pine.parameters.sq_norm_bound - claimed],
        pine.num_bits_for_sq_norm,
    )
    prefix = np.concatenate([pine.field.from_signed(vector), norm_bits.reshape(-1)])
    bound = pine.wr_check_bound

    def claim(results):
        return encode_results(pine.parameters, np.clip(results, 1 - bound, bound))

    nonce, rand = rng.bytes(16), rng.bytes(pine.RAND_SIZE)
    public_share, shares = share_encoded(pine.derive, prefix, nonce, rand, claim)
    key = rng.bytes(pine.VERIFY_KEY_SIZE)
    begun = [pine.verify_init(key, j, nonce, public_share, s) for j, s in enumerate(shares)]
    message = pine.verifier_shares_to_message([share for _, share in begun])
    return [pine.verify_next(state, message) for state, _ in begun]


def test_in_a_small_field_an_update_of_sixteen_times_the_bound_is_accepted():
    """A limit, pinned: when this fails, the proof has become exact and the text must say so."""
    rng = np.random.default_rng(1)
    pine = instance("Pine32HmacSha256Aes128", 5, 3)
    q, squared = pine.field.modulus, pine.parameters.sq_norm_bound
    turns = ((pine.wr_check_bound - 1) ** 2 - squared) // q
    entry = math.isqrt(turns * q + squared)
    claimed = entry**2 - turns * q
    assert 0 <= claimed <= squared
    vector = np.zeros(DIMENSION, dtype=object)
    vector[0] = entry
    for _ in range(10):
        assert len(outputs(pine, vector, claimed, rng)) == 2
    assert f"one entry of {entry:,} ({entry / BOUND:.1f} times the bound)" in FLAT
    assert f"its squared norm is {turns}q + v" in FLAT


@pytest.mark.parametrize("entries", [1, 2, 27])
def test_in_a_large_enough_field_a_norm_that_wraps_is_rejected(entries):
    rng = np.random.default_rng(1)
    pine = instance("Pine64HmacSha256Aes128", 2, 2)
    vector, claimed = wrapping_vector(pine, entries)
    assert 0 <= claimed <= pine.parameters.sq_norm_bound
    assert (sum(int(x) ** 2 for x in vector) - claimed) == pine.field.modulus
    with pytest.raises(ReportRejected) as rejected:
        outputs(pine, vector, claimed, rng)
    assert rejected.value.check == "validity"


def test_the_hospitals_run_one_of_the_rows_and_the_readme_says_which_kind():
    from troth.scenarios.hospital_records import DIMENSION as COLUMNS
    from troth.scenarios.hospital_records import StudyParameters
    from troth.scenarios.hospital_study import NORM_PROOFS, PROOFS, VARIANT

    study = StudyParameters()
    assert (COLUMNS, study.record_bound * study.clip) == (DIMENSION, BOUND)
    assert (VARIANT, str(PROOFS), str(NORM_PROOFS)) in {row[:3] for row in ROWS}
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    admitted = "An exact norm bound in the hospitals' study" in readme
    assert admitted != exact_bound(instance(VARIANT, PROOFS, NORM_PROOFS))
