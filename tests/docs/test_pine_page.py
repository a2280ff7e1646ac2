"""The figures of docs/pine.md, and of its picture, are those of the code and those by hand."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from troth.errors import EncodingError, ParameterError, ReportRejected
from troth.privacy.secagg.derivation import Usage
from troth.privacy.secagg.encoding import quantise, squared_norm
from troth.privacy.secagg.field import FIELD32
from troth.privacy.secagg.parameters import DEFAULT_ALPHA, VARIANTS
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.soundness import EXACT_FIELD, norm_is_exact, soundness

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "pine.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())
PICTURE = (PROJECT / "docs" / "pictures" / "pine-report.svg").read_text(encoding="utf-8")
TEXTS = re.findall(r"<text[^>]*>([^<]*)</text>", PICTURE)
HMAC64 = "Pine64HmacSha256Aes128"
DIMENSION, FRAC_BITS, BOUND = 1000, 16, 65_552


def section(title):
    return re.split(r"^##+ ", PAGE.split(f"# {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title):
    """Cells of a section's table, without its heading."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def integer(shown):
    return int(shown.replace(",", ""))


def instance(
    variant=HMAC64,
    dimension=DIMENSION,
    bound=BOUND,
    proofs=2,
    proofs_norm_equality=2,
    kernels="auto",
):
    chosen = VARIANTS[variant].chooses_proofs
    return Pine(
        variant,
        shares=2,
        dimension=dimension,
        num_frac_bits=FRAC_BITS,
        l2_norm_bound=bound,
        proofs=proofs if chosen else None,
        proofs_norm_equality=proofs_norm_equality if chosen else None,
        kernels=kernels,
    )


EXAMPLE = instance()


# One report


def test_the_example_is_the_instance_of_the_tables():
    assert math.ceil(2**FRAC_BITS + math.sqrt(DIMENSION) / 2) == BOUND
    assert EXAMPLE.wr_check_bound == 1_048_576
    assert EXAMPLE.field.modulus == 2**64 - 2**32 + 1
    assert f"d = {DIMENSION:,} entries, B = {BOUND:,}, W = 1,048,576, q = 2^64 − 2^32 + 1" in FLAT
    assert "CLIP, DIMENSION, FRAC_BITS = 1.0, 1000, 16" in PAGE
    assert f"is above the bound {BOUND**2}" in PAGE


def test_a_modified_client_differs_in_nothing_but_its_bound():
    modified, cost = instance(bound=90_000), EXAMPLE.cost()
    assert "l2_norm_bound=90_000" in PAGE
    assert modified.cost() == cost
    assert 1.3 * 2**FRAC_BITS < 90_000


def test_sizes_of_all_messages():
    cost = EXAMPLE.cost()
    printed = {name: integer(size) for name, _, size in rows("One report")}
    assert printed == {
        "Leader's share": cost.leader_share,
        "Helper's share": cost.helper_share,
        "public share": cost.public_share,
        "verifier share": cost.verifier_share,
        "verifier message": cost.verifier_message,
        "output share, aggregate share": cost.output_share,
    }
    assert f"uploads {cost.upload:,} bytes here, {cost.upload_per_entry:.1f} per entry" in FLAT


def test_parts_of_the_messages():
    made = {name: " ".join(parts.split()) for name, parts, _ in rows("One report")}
    n, w = EXAMPLE.num_bits_for_sq_norm, EXAMPLE.num_bits_for_wr_check
    norm_equality, validity = (flp.verifier_len for flp in EXAMPLE.derive.flps)
    assert made["Leader's share"] == (
        f"vector 1,000 ‖ v bits {n} ‖ u bits {n} ‖ 100 × (v bits {w} ‖ success bit g) ‖ "
        f"2 norm-equality proofs of {EXAMPLE.proof_len_norm_equality} ‖ "
        f"2 validity proofs of {EXAMPLE.proof_len} ‖ 2 blinds"
    )
    assert f"2 verifiers of {norm_equality} and 2 of {validity} ‖" in made["verifier share"]
    elements = 1000 + 2 * n + 100 * (w + 1) + 2 * (96 + 203)
    assert elements * 8 + 2 * 32 == EXAMPLE.cost().leader_share


def test_the_picture_shows_the_same():
    assert "(pictures/pine-report.svg)" in PAGE
    cost, shown = EXAMPLE.cost(), " ".join(TEXTS)
    n, w = EXAMPLE.num_bits_for_sq_norm, EXAMPLE.num_bits_for_wr_check
    elements = EXAMPLE.measurement_len + EXAMPLE.proofs_len
    assert f"Leader’s share: {cost.leader_share:,} bytes" in shown
    assert f"({elements:,} elements of {EXAMPLE.field.encoded_size} bytes;" in shown
    assert f"Helper’s share: {cost.helper_share} bytes" in shown
    assert f"Public share: {cost.public_share} bytes" in shown
    assert TEXTS.count(f"verifier share: {cost.verifier_share:,} bytes") == 2
    assert f"message of {cost.verifier_message} bytes" in shown
    assert TEXTS.count(f"Σ of its shares of X: {cost.output_share:,} bytes") == 2
    assert TEXTS.count(str(n)) == 2
    assert f"100 × ({w} + 1)" in TEXTS
    assert f"2 × {EXAMPLE.proof_len_norm_equality}" in TEXTS
    assert f"2 × {EXAMPLE.proof_len}" in TEXTS
    assert f"{HMAC64}, two aggregators, 1,000 entries, bound {BOUND:,}, two proofs" in shown


# The mathematics


def test_the_bound_leaves_room_for_rounding():
    """Formula (2): a vector clipped to 1 fits, the one that rounding lengthens most as well."""
    rng = np.random.default_rng(1)
    worst = np.full(DIMENSION, 2**FRAC_BITS / math.sqrt(DIMENSION))
    worst = (np.floor(worst) + 0.5 + 1e-6) / 2**FRAC_BITS
    random = rng.normal(size=(50, DIMENSION))
    vectors = [worst, *(random / np.linalg.norm(random, axis=1)[:, None])]
    norms = [squared_norm(quantise(EXAMPLE.parameters, vector)) for vector in vectors]
    for vector, norm in zip(vectors, norms, strict=True):
        limit = 2**FRAC_BITS * np.linalg.norm(vector) + math.sqrt(DIMENSION) / 2
        assert math.sqrt(norm) <= limit
    assert max(norms[1:]) <= BOUND**2
    assert sum(norm > 4**FRAC_BITS for norm in norms[1:]) > 10
    assert "with B = 2^f·C many of those at the limit would be refused" in FLAT


@pytest.mark.parametrize("bound", [4, 5, 6, 8])
def test_bits_of_both_parts_show_the_range(bound):
    """Formula (5), with the smallest modulus that it allows and, where it is tight, one below."""
    width = (bound**2).bit_length()
    values = range(2**width)
    modulus = 3 * bound**2 + 3
    for v, u in product(values, repeat=2):
        if (v + u - bound**2) % modulus == 0:
            assert v + u == bound**2
    tight = 3 * bound**2 - 2
    wrapped = [1 for v, u in product(values, repeat=2) if v + u == bound**2 + tight]
    assert bool(wrapped) == (bound**2 == 2 ** (width - 1))
    assert "would need q ≤ 3B² − 2" in FLAT


def test_how_many_entries_have_a_small_square():
    modulus, bound = 12_289, 40
    small = sum(a * a % modulus <= bound**2 for a in range(modulus))
    assert 0.95 < small / bound**2 < 1.05
    assert "about B² of the q possible entries do" in FLAT


def test_figures_of_the_wraparound_checks():
    per_check = math.log2(2) - DEFAULT_ALPHA**2 * math.log2(math.e)
    assert -109 < per_check < -108
    assert "2·exp(−α²) < 2^-108 per check" in FLAT
    assert per_check + math.log2(100) < -101
    assert "zero-knowledge error of a report is at most 2^-101 at the defaults" in FLAT
    assert f"with α = {DEFAULT_ALPHA}" in FLAT
    assert f"if q ≥ {EXACT_FIELD}·W²" in FLAT
    reference = instance("Pine32HmacSha256Aes128", 31, 32_768, 5, 3)
    assert not norm_is_exact(reference.parameters)
    assert "Both take B = 32,768 in Field32, where one entry of 15.9·B" in FLAT


def test_a_wire_seed_enters_with_a_factor_that_is_zero_at_interpolation_points_only():
    field, points = FIELD32, 8
    q = field.modulus
    root = pow(field.generator, 1 << (field.log_order - 3), q)
    at = [pow(root, k, q) for k in range(points)]
    for t in (2, 12_345, q - 1, *at[1:]):
        # The polynomial that is 1 at the point 1 and 0 at the others, at t.
        lagrange = math.prod((t - x) * pow(1 - x, -1, q) for x in at[1:]) % q
        factor = (pow(t, points, q) - 1) * pow(points * (t - 1), -1, q) % q
        assert lagrange == factor
        assert (factor == 0) == (pow(t, points, q) == 1)
    assert "the factor (t^P − 1)/(P(t − 1)) ≠ 0" in FLAT


def test_every_use_of_the_xof_is_listed():
    assert sorted(int(row[0]) for row in rows("Seeds, commitments, joint randomness")) == [*Usage]
    gives = {int(row[0]): row[3] for row in rows("Seeds, commitments, joint randomness")}
    for usage in Usage:
        words = usage.name.lower().split("_")
        if words[-1] in {"part", "seed"}:
            assert gives[usage] == " ".join(words)


def test_soundness_formulas_by_hand():
    """(20) to (22) for the example: 32 and 64 points, N bits."""
    q, n, w = EXAMPLE.field.modulus, EXAMPLE.num_bits_for_sq_norm, EXAMPLE.num_bits_for_wr_check
    count = 2 * n + 100 * (w + 1)
    found = soundness(EXAMPLE.parameters)
    norm_equality = -2 * math.log2(2 * 31 / (q - 32))
    validity = -2 * math.log2((count + 2) / q + 2 * 63 / (q - 64))
    for bits, figure in ((norm_equality, found.norm_equality), (validity, found.validity)):
        assert figure == math.floor(10 * bits) / 10
    assert found.wraparound == 100
    assert [flp.points for flp in EXAMPLE.derive.flps] == [32, 64]


# Parameters

TABLE = rows("Choosing parameters")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: ", ".join(row[:3]))
def test_the_table_of_parameters(row):
    name, dimension, bound, steps, *bits, per_entry, most = row
    variant, proofs, _, proofs_norm_equality = name.replace(",", "").split()
    pine = instance(
        variant, integer(dimension), integer(bound), int(proofs), int(proofs_norm_equality)
    )
    parameters = pine.parameters
    assert (parameters.proofs, parameters.proofs_norm_equality) == (
        int(proofs),
        int(proofs_norm_equality),
    )
    assert norm_is_exact(parameters)
    found = soundness(parameters)
    assert bits == [f"{b:g}" for b in (found.norm_equality, found.validity, found.wraparound)]
    assert found.least >= 80
    assert steps == f"{integer(bound) / math.sqrt(integer(dimension)):,.1f}"
    assert per_entry == f"{pine.cost().upload_per_entry:,.2f}"
    check_most(pine, most)


def check_most(pine, shown):
    most = pine.field.modulus // 2 // pine.parameters.l2_norm_bound
    if shown.startswith("10^"):
        assert 10 ** int(shown[3:]) <= most < 10 ** (int(shown[3:]) + 1)
    else:
        assert integer(shown) == most
    empty = [pine.agg_init()] * 2
    assert not pine.unshard(empty, most).any()
    with pytest.raises(ParameterError, match="num_measurements"):
        pine.unshard(empty, most + 1)


def test_the_table_covers_every_field():
    assert {VARIANTS[row[0].partition(",")[0]].field.name for row in TABLE} == {
        variant.field.name for variant in VARIANTS.values()
    }
    (long,) = (row for row in TABLE if row[1:3] == ["1,000,000", "65,552"])
    assert f"it is [{float(long[7]):.1f} per entry](#choosing-parameters), of which 8" in FLAT


@pytest.mark.parametrize(
    ("variant", "largest"),
    [
        ("Pine32HmacSha256Aes128", 470),
        ("Pine40HmacSha256Aes128", 7_532),
        (HMAC64, 30_854_650),
    ],
)
def test_the_largest_exact_bounds(variant, largest):
    assert norm_is_exact(instance(variant, bound=largest).parameters)
    assert not norm_is_exact(instance(variant, bound=largest + 1).parameters)
    assert f"up to {largest:,}" in FLAT


def test_one_proof_of_norm_equality_is_enough_in_field128_only():
    for variant in VARIANTS:
        least = soundness(instance(variant, 31, 128, None, 1).parameters).norm_equality
        assert (least >= 80) == (variant == "Pine128")
    assert "One norm-equality proof, the default, is too little outside Field128" in FLAT


def test_what_rounding_moves():
    """Errors of half a step at most, of variance 1/12, in a vector of ten steps per entry."""
    assert f"{100 / (10 * math.sqrt(12)):.1f} %" == "2.9 %"
    assert "moves the vector by about 2.9 % of C, and by 5 % at most" in FLAT
    assert 100 * 0.5 / 10 == 5  # half a step in every entry, of ten that it has
    assert 0.45 < 470 / math.sqrt(1_000_000) < 0.5
    assert "B = 470 leaves half a step per entry" in FLAT


# Long vectors, errors


def test_kernels_by_dimension():
    assert "from 10,000 entries on" in FLAT
    assert instance(dimension=9_999).kernels_used == "clear"
    assert instance(dimension=10_000).kernels_used == "fast"
    assert instance("Pine128", 10_000, kernels="fast").kernels_used == "clear"
    words = {variant.field.name: variant.field.dtype for variant in VARIANTS.values()}
    assert words.pop("Field128").hasobject
    assert {name: word.itemsize for name, word in words.items()} == {
        "Field32": 4,
        "Field40": 8,
        "Field64": 8,
    }


def test_it_stands_alone():
    """In a new process, a report needs none of the packages of ledger, storage or learning."""
    program = """
import os, sys
from troth.privacy.secagg.pine import Pine
pine = Pine("Pine64HmacSha256Aes128", shares=2, dimension=9, num_frac_bits=4, l2_norm_bound=99)
nonce, key = os.urandom(pine.NONCE_SIZE), os.urandom(pine.VERIFY_KEY_SIZE)
public_share, shares = pine.shard([0.5] * 9, nonce, os.urandom(pine.RAND_SIZE))
begun = [pine.verify_init(key, j, nonce, public_share, share) for j, share in enumerate(shares)]
message = pine.verifier_shares_to_message([share for _, share in begun])
sums = [pine.agg_update(pine.agg_init(), pine.verify_next(state, message)) for state, _ in begun]
assert pine.unshard(sums, 1).tolist() == [0.5] * 9
print(*sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert {"numpy", "cryptography", "Crypto"} <= loaded
    assert not loaded & {"numba", "web3", "eth", "sklearn", "obstore", "typer", "dp_accounting"}


def test_every_check_is_explained():
    listed = [row[0] for row in rows("Errors and what to do")]
    checks = [check for cell in listed for check in re.findall(r'ReportRejected\("(\w+)"\)', cell)]
    assert checks == ["query", "norm_equality", "validity", "joint_randomness"]
    pine = instance(dimension=3)
    for entry in (math.nan, math.inf, 5e-324, 2.0):
        with pytest.raises(EncodingError):
            pine.shard([entry, 0, 0], bytes(pine.NONCE_SIZE), bytes(pine.RAND_SIZE))


def finish(pine, begun, shares):
    pine.verify_next(begun[0][0], pine.verifier_shares_to_message(shares))


def refusal(pine, key, nonce, public_share, input_shares, swap=None):
    begun = [
        pine.verify_init(key, j, nonce, public_share, share) for j, share in enumerate(input_shares)
    ]
    shares = [share for _, share in begun]
    with pytest.raises(ReportRejected) as rejected:
        finish(pine, begun, shares if swap is None else swap(shares))
    return rejected.value.check


def test_who_refuses_false_commitments_and_who_false_parts():
    pine, rng = instance(dimension=3), np.random.default_rng(3)
    key, nonce = rng.bytes(pine.VERIFY_KEY_SIZE), rng.bytes(pine.NONCE_SIZE)
    public_share, shares = pine.shard([0.5] * 3, nonce, rng.bytes(pine.RAND_SIZE))
    encoded = public_share.encode()
    for part in range(4):
        at = part * pine.seed_size
        lie = encoded[:at] + bytes([encoded[at] ^ 1]) + encoded[at + 1 :]
        assert refusal(pine, key, nonce, pine.decode_public_share(lie), shares) == "validity"

    def other_part(honest):
        return [honest[0], replace(honest[1], wraparound_part=bytes(pine.seed_size))]

    found = refusal(pine, key, nonce, public_share, shares, swap=other_part)
    assert found == "joint_randomness"
    meanings = {row[0]: row[1] for row in rows("Errors and what to do")}
    assert "commitments" in meanings['`ReportRejected("validity")`']
    assert "part in a verifier share" in meanings['`ReportRejected("joint_randomness")`']


def test_rounding_is_off_by_half_a_step_at_most():
    vector = np.random.default_rng(2).uniform(-1, 1, DIMENSION)
    off = np.abs(quantise(EXAMPLE.parameters, vector) / 2**FRAC_BITS - vector).max()
    assert 0.99 * 2.0 ** -(FRAC_BITS + 1) < off <= 2.0 ** -(FRAC_BITS + 1)
    assert "at most 2^-(f+1) of error per entry" in FLAT
