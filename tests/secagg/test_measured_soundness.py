"""How often lies pass, counted, against the theory and against the bounds of `soundness.py`.

Wraparound checks in the real fields; the proofs in toy ones, where luck is frequent enough to be
seen, and with the luckiest lies that we could construct. All randomness is one seeded stream per
test. What is counted here stands in ``docs/security.md``, C8, and must be what stands there.
"""

from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from troth.errors import ReportRejected
from troth.privacy.secagg.circuits import Statement
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.flp import Flp, split_rows
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.soundness import (
    norm_equality_error,
    norm_is_exact,
    validity_error,
    wraparound_error,
)
from troth.privacy.secagg.wraparound import encode_results, run_checks
from troth.privacy.secagg.xof import XofTurboShake128
from troth.testing.forgers import (
    guess_query_points,
    shard_norm_out_of_range,
    shard_over_norm,
    shard_root_of_two,
    shard_wraparound,
    vector_of_norm_two,
)
from troth.testing.toy_fields import toy_field, toy_parameters, toy_pine

CONFIDENCE = 1 - 1e-6
MOST_CHECKS = 12
SEEDS, PER_SEED = 1 << 12, 32
REPORTS = SEEDS * PER_SEED
EXACT_BOUNDS = {
    "Pine32HmacSha256Aes128": 470,
    "Pine40HmacSha256Aes128": 7_532,
    "Pine64HmacSha256Aes128": 32_768,
}
SECURITY = Path(__file__).resolve().parents[2] / "docs" / "security.md"
SHOWN = {
    cells[0]: cells[1:]
    for line in SECURITY.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line[1:-1].split("|")]) > 1
}
"""The tables of that page: the other cells of a row by its first."""


@pytest.fixture
def draw():
    """Seeded bytes that no library's version changes."""
    stream = XofTurboShake128(bytes(16), b"measured soundness", b"")
    return lambda length: bytes(stream.next(length))


def agrees(passed, trials, probability):
    """Whether so many of so many trials may well have that probability (Clopper and Pearson)."""
    interval = binomtest(passed, trials).proportion_ci(CONFIDENCE, method="exact")
    return bool(interval.low <= probability <= interval.high)


def passes(play, pine, report, nonce, draw):
    """Whether a report is accepted under a fresh verify key that may query it."""
    key = draw(pine.VERIFY_KEY_SIZE)
    while not pine.query_points_usable(key, nonce):
        key = draw(pine.VERIFY_KEY_SIZE)
    try:
        play(pine, key, nonce, *report)
    except ReportRejected:
        return False
    return True


# A norm that wraps around, in the real fields


def instance(variant, checks, kernels="auto"):
    return Pine(
        variant,
        shares=2,
        dimension=2,
        num_frac_bits=0,
        l2_norm_bound=EXACT_BOUNDS[variant],
        num_wr_checks=checks,
        num_wr_successes=checks,
        kernels=kernels,
    )


@cache
def checks_passed(variant):
    """Which checks of so many reports one huge entry of square 2 passes, shape (reports, checks).

    One seed's stream serves many reports here, cut one after the other: it is as random. The
    first r checks of a report are those of a report that has r of them.
    """
    pine = instance(variant, PER_SEED * MOST_CHECKS)
    gradient = pine.field.from_signed(vector_of_norm_two(pine))
    rows = []
    for number in range(SEEDS):
        stream = pine.derive.wraparound_checks(number.to_bytes(pine.seed_size, "big"))
        rows.append(run_checks(pine.parameters, stream, gradient))
    results = pine.field.to_signed(np.concatenate(rows))
    passed = (results > -pine.wr_check_bound) & (results <= pine.wr_check_bound)
    return passed.reshape(REPORTS, MOST_CHECKS)


def reports_passed(variant, checks):
    return int(checks_passed(variant)[:, :checks].all(axis=1).sum())


@pytest.mark.parametrize("variant", EXACT_BOUNDS)
@pytest.mark.parametrize("checks", range(4, MOST_CHECKS + 1))
def test_a_norm_that_wraps_passes_half_of_the_time_per_check(variant, checks):
    parameters = instance(variant, checks).parameters
    assert norm_is_exact(parameters)
    passed, theory = reports_passed(variant, checks), Fraction(1, 2**checks)
    assert theory == wraparound_error(checks, checks)
    assert agrees(passed, REPORTS, theory)
    column = list(EXACT_BOUNDS).index(variant)
    assert SHOWN[f"{checks} checks"][2 + column] == f"{passed:,}"
    assert SHOWN[f"{checks} checks"][:2] == [f"2^-{checks}", f"{int(theory * REPORTS):,}"]
    if checks <= 10:  # enough of them to tell one check more or less
        assert not agrees(passed, REPORTS, theory / 2)
        assert not agrees(passed, REPORTS, theory * 2)


@pytest.mark.parametrize("variant", EXACT_BOUNDS)
@pytest.mark.parametrize(("checks", "successes"), [(8, 7), (12, 10), (12, 6), (5, 1)])
def test_fewer_needed_successes_pass_as_often_as_coins_say(variant, checks, successes):
    passed = checks_passed(variant)[:, :checks].sum(axis=1) >= successes
    assert agrees(int(passed.sum()), REPORTS, wraparound_error(checks, successes))


@pytest.mark.parametrize("forge", [shard_root_of_two, shard_wraparound])
@pytest.mark.parametrize(
    ("variant", "kernels", "reports"),
    [("Pine32HmacSha256Aes128", "clear", 200), ("Pine64HmacSha256Aes128", "fast", 150)],
)
def test_whole_reports_of_norms_that_wrap_pass_as_often(
    forge, variant, kernels, reports, draw, play
):
    pine, passed = instance(variant, 4, kernels), 0
    for _ in range(reports):
        nonce = draw(16)
        report = forge(pine, nonce, draw(pine.RAND_SIZE))
        passed += passes(play, pine, report, nonce, draw)
    assert agrees(passed, reports, 1 / 16)
    assert passed
    assert not agrees(passed, reports, 1 / 4)


# False proofs, in toy fields


def toy(modulus, checks, bound=4, dimension=4, **chosen):
    parameters = toy_parameters(
        toy_field(modulus),
        dimension=dimension,
        l2_norm_bound=bound,
        num_wr_checks=checks,
        **chosen,
    )
    return toy_pine(parameters)


def opened(pine, report):
    """What a report says with all of its shares added up: statement, proofs, joint randomness."""
    public_share, (leader, seeds) = report
    parameters, derive = pine.parameters, pine.derive
    shared = derive.measurement_share(seeds.measurement_seed, 1)
    measurement = pine.field.add(
        leader.measurement, shared.next_vec(pine.field, parameters.measurement_len)
    )
    gradient, bits = measurement[: pine.dimension], measurement[pine.dimension :]
    signs = derive.wraparound_checks(derive.wraparound_seed(public_share.wraparound_parts))
    statement = Statement(gradient, bits, run_checks(parameters, signs, gradient))
    proofs = pine.field.add(leader.proofs, derive.proof_shares(seeds.proofs_seed, 1))
    joint = derive.joint_randomness(derive.verification_seed(public_share.verification_parts))
    shapes = [(flp.proofs, flp.proof_len) for flp in derive.flps]
    return statement, split_rows(proofs, shapes), joint


def accepts(flp, verifier):
    try:
        flp.decide(verifier[None])
    except ReportRejected:
        return False
    return True


def passing_points(pine, report, circuit):
    """At how many of all usable query points the first proof of one circuit passes."""
    statement, proofs, joint = opened(pine, report)
    field, one = pine.field, pine.derive.flps[circuit]
    usable = [t for t in range(field.modulus) if pow(t, one.points, field.modulus) != 1]
    many = Flp(one.circuit, len(usable))
    verifiers = many.query(
        statement,
        np.repeat(proofs[circuit][:1], len(usable), axis=0),
        field.vector(usable),
        np.repeat(joint[circuit][:1], len(usable), axis=0),
        1,
    )
    return sum(accepts(one, verifier) for verifier in verifiers), len(usable)


@pytest.mark.parametrize("modulus", [7681, 12289, 40961])
@pytest.mark.parametrize(("forge", "circuit"), [(shard_over_norm, 0), (shard_norm_out_of_range, 1)])
def test_a_false_proof_passes_at_as_many_points_as_the_bound_allows(modulus, forge, circuit, draw):
    """Counted over the whole field: the query's part of the bound is reached, exactly."""
    pine = toy(modulus, checks=1, dimension=9)
    nonce = draw(16)
    report = forge(pine, [4, 1, *[0] * 7], nonce, draw(pine.RAND_SIZE))
    assert passing_points(pine, report, circuit)[0] == 0  # an honest proof of a false statement
    mended = guess_query_points(pine, report, nonce)
    passed, points = passing_points(pine, mended, circuit)
    flp = pine.derive.flps[circuit]
    assert (passed, points) == (2 * (flp.points - 1), modulus - flp.points)
    bounds = norm_equality_error(pine.parameters), validity_error(pine.parameters)
    folds = (0, Fraction(pine.parameters.bit_count + 2, modulus))
    assert Fraction(passed, points) == bounds[circuit] - folds[circuit]
    if (modulus, circuit) == (12289, 0):
        assert SHOWN["a false norm and guesses, every point"] == [
            f"norm equality, P = {flp.points}",
            f"{passed} of {points:,} points",
            f"{2 * (flp.points - 1)} of {points:,}",
        ]


COUNTED = {1: "one proof", 2: "two proofs"}


def two_bits_apart(pine):
    """The first bit and the last are 2: the bit checks sum up to 2 + 2·r^(n − 1).

    The squared norm 2 is written as that first bit; the last success counts for two.
    """
    vector = np.array([1, 1, 0, 0])
    prefix = encode_prefix(pine.parameters, vector)
    prefix[4:6] = 2, 0

    def claim(results):
        rows = encode_results(pine.parameters, results).reshape(len(results), -1)
        rows[0, -1], rows[-1, -1] = 0, 2
        return rows.reshape(-1)

    return prefix, claim


def four_statements(pine):
    """All four statements are false, so that they fold to −(r − 1)(r − 2)(r − 3)."""
    bound = pine.parameters.sq_norm_bound
    vector = np.array([1, 1, 1, 0])
    prefix = encode_prefix(pine.parameters, vector)
    prefix[4:6] = 3, 0  # 3·(3 − 1) = 6
    rest = bound - 3 - 11
    width = pine.num_bits_for_sq_norm
    prefix[4 + width :] = rest >> np.arange(width) & 1  # in range: −11

    def claim(results):
        moved = results.copy()
        moved[0] -= 6  # the first wraparound check: 6
        rows = encode_results(pine.parameters, moved).reshape(len(results), -1)
        rows[-1, -1] = 0  # successes: −1
        return rows.reshape(-1)

    return prefix, claim


def two_false_results(pine):
    """The first result and the last are off by one: the checks sum up to −1 + r^(checks − 1)."""

    def claim(results):
        moved = results.copy()
        moved[0] += 1
        moved[-1] -= 1
        return encode_results(pine.parameters, moved)

    return encode_prefix(pine.parameters, np.array([1, 1, 0, 0])), claim


TITLES = {
    two_bits_apart: "the first bit and the last are 2",
    two_false_results: "two results are off by one, in opposite ways",
    four_statements: "all four statements are false",
}


def lie(pine, kind, draw):
    prefix, claim = kind(pine)
    nonce = draw(16)
    return nonce, share_encoded(pine.derive, prefix, nonce, draw(pine.RAND_SIZE), claim)


@pytest.mark.parametrize(("modulus", "checks"), [(7681, 13), (12289, 13), (40961, 5)])
@pytest.mark.parametrize(
    ("kind", "element"), [(two_bits_apart, 0), (two_false_results, 1), (four_statements, 2)]
)
def test_joint_randomness_is_unlucky_as_often_as_polynomials_have_roots(
    modulus, checks, kind, element, draw
):
    """Counted over every value of one element of the joint randomness, with others fixed."""
    pine = toy(modulus, checks, bound=4 if kind is four_statements else 2)
    _, report = lie(pine, kind, draw)
    statement, _, _ = opened(pine, report)
    circuit, field = pine.derive.flps[1].circuit, pine.field
    joint = field.vector([7, 8, 9] * modulus).reshape(modulus, 3)
    joint[:, element] = field.vector(range(modulus))
    calls = circuit.gadget(circuit.wires(statement, joint, 1))
    zeros = int(np.sum(circuit.output(statement, joint, calls, 1) == 0))
    bits = pine.parameters.bit_count
    assert zeros == {two_bits_apart: bits - 1, two_false_results: checks - 1}.get(kind, 3)
    bound = Fraction(bits + 2, modulus)
    assert Fraction(zeros, modulus) < bound
    if modulus == 12289:
        assert SHOWN[TITLES[kind]] == [
            f"joint randomness, {bits} bits",
            f"{zeros} of 12,289 values",
            f"{bits + 2} of 12,289",
        ]


@pytest.mark.parametrize(("proofs", "reports"), [(1, 150), (2, 150)])
def test_the_luckiest_lie_about_bits_passes_about_as_often_as_the_bound(
    proofs, reports, draw, play
):
    """Joint randomness that happens to hide it, or else query points that were guessed."""
    pine = toy(12289, checks=109, bound=2, proofs=proofs)
    points, bits = pine.derive.flps[1].points, pine.parameters.bit_count
    assert (points, bits) == (1024, 769)
    folded = Fraction(bits - 1, 12289)
    guessed = Fraction(2 * (points - 1), 12289 - points)
    theory = (folded + (1 - folded) * guessed) ** proofs
    bound = validity_error(pine.parameters) ** proofs
    assert 0.9 * bound < theory < bound
    passed = 0
    for _ in range(reports):
        nonce, report = lie(pine, two_bits_apart, draw)
        passed += passes(play, pine, guess_query_points(pine, report, nonce), nonce, draw)
    assert agrees(passed, reports, theory)
    assert SHOWN[f"two such bits and guesses, {COUNTED[proofs]}"] == [
        f"whole reports, {bits} bits, P = {points}",
        f"{passed} of {reports} reports; {100 * float(theory):.1f} % expected",
        f"{100 * float(bound):.1f} %",
    ]


@pytest.mark.parametrize(("proofs", "queries"), [(1, 250), (2, 250)])
def test_a_false_norm_passes_as_often_as_the_bound(proofs, queries, draw, play):
    """One report, and verify keys that its client could not know."""
    pine = toy(12289, checks=1, dimension=600, proofs_norm_equality=proofs)
    assert pine.derive.flps[0].points == 1024
    nonce = draw(16)
    vector = [4, 1, *[0] * 598]
    report = shard_over_norm(pine, vector, nonce, draw(pine.RAND_SIZE))
    mended = guess_query_points(pine, report, nonce)
    passed = sum(passes(play, pine, mended, nonce, draw) for _ in range(queries))
    bound = norm_equality_error(pine.parameters) ** proofs
    assert agrees(passed, queries, bound)
    assert SHOWN[f"a false norm and guesses, {COUNTED[proofs]}"] == [
        "one report, P = 1024",
        f"{passed} of {queries} keys; {100 * float(bound):.1f} % expected",
        f"{100 * float(bound):.1f} %",
    ]
