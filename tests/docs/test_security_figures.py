"""The figures of docs/security.md, C2 and C8, are those of the code and those by hand.

The vector that it warns of is accepted in a field that is too small, and `plan` refuses that field.
What is measured there is counted again by ``tests/secagg/test_measured_soundness.py``."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from troth.errors import ReportRejected
from troth.privacy.inequalities import LEAST_SOUNDNESS
from troth.privacy.plan import plan
from troth.privacy.secagg.encoding import to_bits
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64
from troth.privacy.secagg.parameters import DEFAULT_ALPHA, VARIANTS
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.soundness import EXACT_FIELD, norm_is_exact, soundness
from troth.privacy.secagg.wraparound import encode_results
from troth.scenarios.hospital_records import DIMENSION as COLUMNS
from troth.scenarios.hospital_records import StudyParameters
from troth.scenarios.hospital_study import hospital_design

PROJECT = Path(__file__).resolve().parents[2]
SECURITY = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
FLAT = " ".join(SECURITY.split())
DIMENSION, BOUND = 31, 32_768


@dataclass(frozen=True)
class Row:
    """One row of the table of parameters and bits, as printed."""

    variant: str
    proofs: int
    proofs_norm_equality: int
    dimension: int
    bound: int
    exact: str
    norm_equality: str
    validity: str
    wraparound: str
    enough: str

    def instance(self):
        chosen = VARIANTS[self.variant].chooses_proofs
        return Pine(
            self.variant,
            shares=2,
            dimension=self.dimension,
            num_frac_bits=7,
            l2_norm_bound=self.bound,
            proofs=self.proofs if chosen else None,
            proofs_norm_equality=self.proofs_norm_equality if chosen else None,
        )


def integer(shown):
    return int(shown.replace(",", ""))


ROWS = [
    Row(variant, int(proofs), int(norm_equality), integer(dimension), integer(bound), *rest)
    for variant, proofs, norm_equality, dimension, bound, *rest in re.findall(
        r"^\| (Pine\w+), (\d+) and (\d+)" + r" \| ([^|]+)" * 7 + r" \|$", SECURITY, re.MULTILINE
    )
]
SMALL, LARGE = (
    next(
        row
        for row in ROWS
        if (row.variant, row.proofs_norm_equality, row.dimension, row.bound)
        == (f"Pine{size}HmacSha256Aes128", proofs, DIMENSION, BOUND)
    )
    for size, proofs in ((32, 3), (64, 2))
)


def pass_probability(modulus, bound, groups):
    """Probability of one wraparound check for (entry, how often) groups: exact but for rounding."""
    law = {0: 1.0}
    for entry, count in groups:
        # A sum of n signs −1, 0, 0, 1 is a sum of 2n fair bits, less n.
        signs = [(k - count, math.comb(2 * count, k) / 4**count) for k in range(2 * count + 1)]
        added: dict[int, float] = {}
        for value, likely in law.items():
            for times, probability in signs:
                at = (value + times * entry) % modulus
                added[at] = added.get(at, 0.0) + likely * probability
        law = added
    return sum(p for value, p in law.items() if value <= bound or value > modulus - bound)


def power(bits):
    return f"2^-{bits:g}" if bits else "none"


def test_the_first_rows_are_the_defaults_of_all_variants():
    first = ROWS[: len(VARIANTS)]
    assert {row.variant for row in first} == set(VARIANTS)
    for row in first:
        assert row.proofs == VARIANTS[row.variant].proofs
        assert row.proofs_norm_equality == 1
        assert norm_is_exact(row.instance().parameters)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_soundness_figures_follow_from_the_circuits(row):
    parameters = row.instance().parameters
    found = soundness(parameters)
    assert (parameters.proofs, parameters.proofs_norm_equality) == (
        row.proofs,
        row.proofs_norm_equality,
    )
    assert row.norm_equality == power(found.norm_equality)
    assert row.validity == power(found.validity)
    assert row.wraparound == power(found.wraparound)
    assert row.exact == ("yes" if norm_is_exact(parameters) else "no")
    assert row.enough == ("yes" if found.least >= LEAST_SOUNDNESS else "no")


def test_two_rows_by_hand():
    """Without the code: 4 and 64 points, 2162 bits, in fields of these moduli."""
    for row, q in zip((SMALL, LARGE), (2**32 - 2**20 + 1, 2**64 - 2**32 + 1), strict=True):
        norm_equality = row.proofs_norm_equality * math.log2((q - 4) / 6)
        validity = -row.proofs * math.log2(2164 / q + 126 / (q - 64))
        for bits, shown in ((norm_equality, row.norm_equality), (validity, row.validity)):
            assert shown == power(math.floor(10 * bits) / 10)


def test_norm_equality_in_field32_needs_three_proofs_and_four_for_long_vectors():
    worth = {
        (row.dimension, row.proofs_norm_equality): (row.norm_equality, row.enough)
        for row in ROWS
        if (row.variant, row.bound) == ("Pine32HmacSha256Aes128", 470)
    }
    assert worth == {
        (31, 1): ("2^-29.4", "no"),
        (31, 2): ("2^-58.8", "no"),
        (31, 3): ("2^-88.2", "yes"),
        (1_000_000, 3): ("2^-66", "no"),
        (1_000_000, 4): ("2^-88", "yes"),
    }
    assert "29.4 at d = 31. Two proofs are worth 58.8 bits, three 88.2." in FLAT
    assert "at a million entries three are worth 66 bits, and four are needed" in FLAT


@pytest.mark.parametrize(
    ("variant", "largest"),
    [
        ("Pine32HmacSha256Aes128", 470),
        ("Pine40HmacSha256Aes128", 7_532),
        ("Pine64HmacSha256Aes128", 30_854_650),
    ],
)
def test_the_largest_exact_bounds(variant, largest):
    def exact(bound):
        row = replace(LARGE, variant=variant, bound=bound)
        return norm_is_exact(row.instance().parameters)

    assert exact(largest)
    assert not exact(largest + 1)
    assert "up to 470 in Field32, 7,532 in Field40 and 30,854,650 in Field64" in FLAT


def test_no_honest_wraparound_check_of_few_entries_leaves_its_range():
    """|z·x| is at most the sum of the entries, and that at most √d·B."""
    assert math.sqrt(75) < DEFAULT_ALPHA < math.sqrt(76)
    assert "Up to 75 entries no check can leave its range" in FLAT
    worst = Pine(
        "Pine64HmacSha256Aes128",
        shares=2,
        dimension=75,
        num_frac_bits=0,
        l2_norm_bound=BOUND,
        num_wr_checks=1,
        num_wr_successes=1,
    ).parameters
    entry = math.isqrt(BOUND**2 // 75)
    assert 8.6 * BOUND < 75 * entry < worst.wr_check_bound
    # Hoeffding for coins ±x_i/2, two per entry: 2·exp(−2t²/(2·‖x‖²)) at t = 8.7·‖x‖.
    tail = math.log2(100 * 2) - DEFAULT_ALPHA**2 * math.log2(math.e)
    assert -102 < tail < -101
    assert "below 2^-101 for 100 checks" in FLAT


def test_the_least_soundness_is_stated():
    assert f"each of the three figures is 2^-{LEAST_SOUNDNESS} or less, for both bounds" in FLAT


def test_the_condition_gives_each_check_a_half():
    # One interval of 2W integers under a normal density, then twice the Berry-Esseen error.
    normal = 2 / math.sqrt(math.pi)
    error = 2 * 0.56 * 2**1.5
    assert normal <= 1.129
    assert error <= 3.168
    assert (1.129 + 3.168) / math.sqrt(EXACT_FIELD) < 0.497
    assert (1.129 + 2 * 0.5606 * 2**1.5) / math.sqrt(EXACT_FIELD) < 0.497
    assert f"q ≥ {EXACT_FIELD}·W²" in FLAT
    assert "(1.129 + 3.168)·W/√N, below 0.497" in FLAT


def test_the_second_derivation_asks_for_less():
    # Majorant of the interval: its height at the edge. Its mean: 2W/π times a Gaussian integral.
    height = (math.sin(math.pi / 4) / (math.pi / 4)) ** 2
    mean = 2 / math.pi * math.sqrt(4 * math.pi)
    assert mean / height == pytest.approx(math.pi**1.5 / 2)
    assert math.pi**1.5 / 2 / math.sqrt(EXACT_FIELD) < 0.322
    assert math.pi**1.5 / 2 / math.sqrt(32) < 0.493
    assert "(π^1.5/2)·W/√N, below 0.322" in FLAT


@pytest.mark.parametrize("field", [FIELD32, FIELD40, FIELD64], ids=lambda field: field.name)
def test_vectors_that_wrap_fail_half_of_the_checks(field):
    """Structured vectors, at the largest W that the condition allows, powers of two or not."""
    q = field.modulus
    bound = math.isqrt(q // EXACT_FIELD)
    vectors = [[(math.isqrt(q // n) + 1, n)] for n in (*range(1, 90), 200, 400)]
    vectors += [[(q // n, n)] for n in range(2, 60)]
    vectors += [[(q // 2, n), (bound, 75)] for n in (1, 2, 5)]
    vectors += [[(2 * bound - 1, 19), (bound >> k, 4**k)] for k in range(4)]
    vectors += [[(bound >> k, 1) for k in range(5)] + [(2 * bound - 1, 20)]]
    for groups in vectors:
        assert sum(entry**2 * count for entry, count in groups) >= q
        assert pass_probability(q, bound, groups) <= 0.5 + 1e-9


def test_a_condition_of_nine_would_be_too_little():
    bound = FIELD64.modulus >> 40
    nine = [(bound - 1, 9)]
    q = 9 * (bound - 1) ** 2
    assert pass_probability(q, bound, nine) == pytest.approx(0.5193, abs=5e-5)
    assert "pass 51.9 % of the checks" in FLAT


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
    """A limit of these parameters, pinned: the class takes them, as the reference does."""
    rng = np.random.default_rng(1)
    pine = SMALL.instance()
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
    pine = LARGE.instance()
    vector, claimed = wrapping_vector(pine, entries)
    assert 0 <= claimed <= pine.parameters.sq_norm_bound
    assert (sum(int(x) ** 2 for x in vector) - claimed) == pine.field.modulus
    with pytest.raises(ReportRejected) as rejected:
        outputs(pine, vector, claimed, rng)
    assert rejected.value.check == "validity"


def test_the_hospitals_run_the_exact_row_and_plan_refuses_the_other():
    design = hospital_design(StudyParameters(), sites=5)
    assert (COLUMNS, design.site_norm_bound) == (DIMENSION, BOUND)
    assert (design.variant, design.proofs, design.proofs_norm_equality) == (
        LARGE.variant,
        LARGE.proofs,
        LARGE.proofs_norm_equality,
    )
    assert LARGE is ROWS[-2]  # "the last but one"
    assert plan(design).fits
    refused = plan(
        replace(
            design,
            variant=SMALL.variant,
            proofs=SMALL.proofs,
            proofs_norm_equality=SMALL.proofs_norm_equality,
        )
    )
    assert [check.name for check in refused.failed] == ["pine_site", "pine_noise", "soundness"]
