"""Prio3 from reports to results: the official bytes, sums, refusals, and what its page says."""

import json
import re
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import EncodingError, ParameterError
from troth.privacy.secagg.outputs import AggregateShare
from troth.privacy.secagg.parameters import count_calls
from troth.privacy.secagg.prio3 import Prio3Count, Prio3Histogram, Prio3Sum, Prio3SumVec
from troth.privacy.secagg.prio3_circuits import cheapest_chunk_length
from troth.privacy.secagg.soundness import bits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "prio3.md"
CLASSES = {kind.__name__: kind for kind in (Prio3Count, Prio3Sum, Prio3SumVec, Prio3Histogram)}
FILES = [f"{name}_{n}" for name in CLASSES for n in range(2)]


def instance(name, vector):
    arguments = ("shares", "length", "bits", "chunk_length")
    return CLASSES[name.partition("_")[0]](**{k: vector[k] for k in arguments if k in vector})


@pytest.mark.parametrize("name", FILES)
def test_every_byte_of_the_official_vectors(outside_vectors, name):
    vector = json.loads((outside_vectors / "vdaf-11" / f"{name}.json").read_text())
    prio3 = instance(name, vector)
    verify_key = bytes.fromhex(vector["verify_key"])
    agg_shares = [prio3.agg_init() for _ in range(prio3.shares)]
    for report in vector["prep"]:
        nonce, rand = bytes.fromhex(report["nonce"]), bytes.fromhex(report["rand"])
        assert len(rand) == prio3.RAND_SIZE
        public_share, input_shares = prio3.shard(report["measurement"], nonce, rand)
        assert public_share.encode().hex() == report["public_share"]
        assert [share.encode().hex() for share in input_shares] == report["input_shares"]
        begun = [
            prio3.verify_init(verify_key, agg_id, nonce, public_share, share)
            for agg_id, share in enumerate(input_shares)
        ]
        assert [share.encode().hex() for _, share in begun] == report["prep_shares"][0]
        message = prio3.verifier_shares_to_message([share for _, share in begun])
        assert message.encode().hex() == report["prep_messages"][0]
        out_shares = [prio3.verify_next(state, message) for state, _ in begun]
        assert [share.encode().hex() for share in out_shares] == [
            "".join(elements) for elements in report["out_shares"]
        ]
        agg_shares = [
            prio3.agg_update(agg_share, out_share)
            for agg_share, out_share in zip(agg_shares, out_shares, strict=True)
        ]
    assert [share.encode().hex() for share in agg_shares] == vector["agg_shares"]
    assert prio3.unshard(agg_shares, len(vector["prep"])) == vector["agg_result"]


def test_no_official_file_is_left_out(outside_vectors):
    found = {file.stem for file in (outside_vectors / "vdaf-11").glob("Prio3*.json")}
    assert found == set(FILES)


@pytest.mark.parametrize(
    ("name", "arguments", "measurement", "digest"),
    [
        ("Prio3Count", (4,), 0, "b76d2f94854847bc375dd14d7be86d23"),
        ("Prio3Sum", (5, 11), 1234, "df0747c6b5cc6b9fe612ca49c0aa72f6"),
        ("Prio3SumVec", (4, 5, 3, 4), [7, 0, 1, 2, 5], "c0da4e544160b239e35eff0e4f24f6fc"),
        ("Prio3Histogram", (5, 7, 3), 6, "13ff5e2698610b2007bcdfc744328364"),
    ],
)
def test_bytes_stay_what_they_were(name, arguments, measurement, digest):
    """Where the official vectors are not at hand: all messages of one report, in one digest."""
    prio3 = CLASSES[name](*arguments)
    key, nonce = bytes(range(16)), bytes(range(16, 32))
    rand = bytes(index % 251 for index in range(prio3.RAND_SIZE))
    public_share, inputs = prio3.shard(measurement, nonce, rand)
    begun = [prio3.verify_init(key, j, nonce, public_share, data) for j, data in enumerate(inputs)]
    shares = [share for _, share in begun]
    message = prio3.verifier_shares_to_message(shares)
    states = [state for state, _ in begun]
    encoded = [sent.encode() for sent in (public_share, *inputs, *shares, message, *states)]
    assert sha256(b"".join(encoded)).hexdigest()[:32] == digest


def aggregate(prio3, play, measurements, seed):
    """The result over measurements, merged from two sums of each aggregator."""
    rng = np.random.default_rng(seed)
    sums = [[prio3.agg_init() for _ in range(prio3.shares)] for _ in range(2)]
    for number, measurement in enumerate(measurements):
        nonce, key = rng.bytes(prio3.NONCE_SIZE), rng.bytes(prio3.VERIFY_KEY_SIZE)
        report = prio3.shard(measurement, nonce, rng.bytes(prio3.RAND_SIZE))
        out_shares = play(prio3, key, nonce, *report)
        half = sums[number % 2]
        half[:] = [prio3.agg_update(a, out) for a, out in zip(half, out_shares, strict=True)]
    merged = [prio3.merge(halves) for halves in zip(*sums, strict=True)]
    sent = [prio3.decode_aggregate_share(share.encode()) for share in merged]
    return prio3.unshard(sent, len(measurements))


SHARES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=20, deadline=None)


@FEW
@given(SHARES, SEEDS, st.lists(st.integers(0, 1), max_size=6))
def test_counts_add_up(play, shares, seed, measurements):
    assert aggregate(Prio3Count(shares), play, measurements, seed) == sum(measurements)


@FEW
@given(SHARES, SEEDS, st.data())
def test_sums_add_up(play, shares, seed, data):
    width = data.draw(st.sampled_from([1, 2, 7, 8, 15, 64, 120]))
    measurements = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=5))
    assert aggregate(Prio3Sum(shares, width), play, measurements, seed) == sum(measurements)


@FEW
@given(SHARES, SEEDS, st.data())
def test_vectors_add_up(play, shares, seed, data):
    length, width = data.draw(st.integers(1, 6)), data.draw(st.sampled_from([1, 5, 33]))
    chunk_length = data.draw(st.none() | st.integers(1, 8))
    entry = st.integers(0, 2**width - 1)
    vectors = data.draw(st.lists(st.lists(entry, min_size=length, max_size=length), max_size=4))
    prio3 = Prio3SumVec(shares, length, width, chunk_length)
    expected = [sum(vector[index] for vector in vectors) for index in range(length)]
    assert aggregate(prio3, play, vectors, seed) == expected


@FEW
@given(SHARES, SEEDS, st.data())
def test_buckets_add_up(play, shares, seed, data):
    length, chunk_length = data.draw(st.integers(1, 12)), data.draw(st.none() | st.integers(1, 14))
    buckets = data.draw(st.lists(st.integers(0, length - 1), max_size=6))
    prio3 = Prio3Histogram(shares, length, chunk_length)
    expected = [buckets.count(bucket) for bucket in range(length)]
    assert aggregate(prio3, play, buckets, seed) == expected


def test_the_largest_consortium_and_the_largest_integers(play):
    assert aggregate(Prio3Count(255), play, [1, 0, 1], 1) == 2
    assert aggregate(Prio3Sum(2, 127), play, [2**127 - 1], 1) == 2**127 - 1
    assert aggregate(Prio3Sum(2, 126), play, [2**126 - 1] * 3, 1) == 3 * (2**126 - 1)


def test_integers_of_numpy_are_measurements(play):
    labels = np.array([2, 0, 2], dtype=np.uint8)
    assert aggregate(Prio3Histogram(2, 3), play, list(labels), 1) == [1, 0, 2]
    assert aggregate(Prio3SumVec(2, 3, 2), play, [labels, labels], 1) == [4, 0, 4]


def test_nothing_is_changed_in_place():
    prio3, nonce = Prio3Histogram(2, 3), bytes(16)
    public_share, input_shares = prio3.shard(1, nonce, bytes(range(prio3.RAND_SIZE)))
    before = [share.encode() for share in (public_share, *input_shares)]
    states, shares = zip(
        *(prio3.verify_init(nonce, j, nonce, public_share, input_shares[j]) for j in range(2)),
        strict=True,
    )
    message = prio3.verifier_shares_to_message(shares)
    empty = prio3.agg_init()
    prio3.merge([prio3.agg_update(empty, prio3.verify_next(states[0], message)), empty])
    assert [share.encode() for share in (public_share, *input_shares)] == before
    assert empty == prio3.agg_init()


@pytest.mark.parametrize(
    ("prio3", "measurements"),
    [
        (Prio3Count(2), [-1, 2, 0.0, 1.0, True, "1", None, np.True_]),
        (Prio3Sum(2, 8), [-1, 256, 3.0, False]),
        (Prio3Histogram(2, 4), [-1, 4, 2.0, True, [1]]),
        (
            Prio3SumVec(2, 2, 4),
            [[0, -1], [16, 0], [1.0, 1], [True, 1], [[1], 1], {1, 2}, 5],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_measurements_out_of_range_are_refused(prio3, measurements):
    for measurement in measurements:
        with pytest.raises(EncodingError):
            prio3.shard(measurement, bytes(16), bytes(prio3.RAND_SIZE))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_vectors_of_another_length_are_refused(length):
    prio3 = Prio3SumVec(2, 2, 4)
    with pytest.raises(ParameterError, match="measurement"):
        prio3.shard([1] * length, bytes(16), bytes(prio3.RAND_SIZE))


@pytest.mark.parametrize("shares", [-1, 0, 1, 256, 2.0, True, "2"])
def test_numbers_of_shares_out_of_range_are_refused(shares):
    for make in (
        Prio3Count,
        lambda n: Prio3Sum(n, 8),
        lambda n: Prio3SumVec(n, 2, 8),
        lambda n: Prio3Histogram(n, 4),
    ):
        with pytest.raises(ParameterError, match="shares"):
            make(shares)


@pytest.mark.parametrize("wrong", [-1, 0, 1.0, True])
def test_other_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match="bits"):
        Prio3Sum(2, wrong)
    with pytest.raises(ParameterError, match="bits"):
        Prio3SumVec(2, 4, wrong)
    with pytest.raises(ParameterError, match="length"):
        Prio3SumVec(2, wrong, 4)
    with pytest.raises(ParameterError, match="length"):
        Prio3Histogram(2, wrong)
    with pytest.raises(ParameterError, match="chunk_length"):
        Prio3SumVec(2, 4, 4, wrong)
    with pytest.raises(ParameterError, match="chunk_length"):
        Prio3Histogram(2, 4, wrong)


def test_parameters_too_large_are_refused():
    with pytest.raises(ParameterError, match="bits"):
        Prio3Sum(2, 128)
    with pytest.raises(ParameterError, match="bits"):
        Prio3SumVec(2, 1, 128)
    with pytest.raises(ParameterError, match="at most"):
        Prio3SumVec(2, 2**31, 4)
    with pytest.raises(ParameterError, match="length"):
        Prio3Histogram(2, 2**33)


@pytest.mark.parametrize("prio3", [Prio3Count(2), Prio3Sum(2, 120), Prio3SumVec(2, 2, 120)])
def test_sums_that_may_wrap_are_refused(prio3):
    agg_shares = [prio3.agg_init() for _ in range(2)]
    most = (prio3.field.modulus - 1) // prio3.circuit.largest
    prio3.unshard(agg_shares, most)
    for number in (most + 1, -1, 1.0, True):
        with pytest.raises(ParameterError, match="num_measurements"):
            prio3.unshard(agg_shares, number)


def test_totals_that_no_measurements_have_are_refused():
    count, histogram = Prio3Count(2), Prio3Histogram(2, 3)

    def shares(prio3, values):
        return [AggregateShare(prio3.field, prio3.field.vector(values)), prio3.agg_init()]

    assert count.unshard(shares(count, [3]), 3) == 3
    with pytest.raises(ParameterError, match="above what 2 measurements"):
        count.unshard(shares(count, [3]), 2)
    with pytest.raises(ParameterError, match="above what"):
        count.unshard(shares(count, [count.field.modulus - 1]), 2)
    assert histogram.unshard(shares(histogram, [1, 0, 2]), 3) == [1, 0, 2]
    with pytest.raises(ParameterError, match="3 in all buckets, expected 4"):
        histogram.unshard(shares(histogram, [1, 0, 2]), 4)


def test_a_wrong_number_of_aggregate_shares_is_refused():
    prio3 = Prio3Count(3)
    for number in (0, 2, 4):
        with pytest.raises(ParameterError, match="aggregate shares"):
            prio3.unshard([prio3.agg_init()] * number, 1)


@pytest.mark.parametrize("bit_count", [1, 2, 3, 7, 8, 9, 63, 64, 65, 140, 333])
def test_no_other_chunk_length_is_cheaper(bit_count):
    def cost(chunk_length):
        calls = count_calls((bit_count,), chunk_length)
        prio3 = Prio3Histogram(2, bit_count, chunk_length)
        assert prio3.circuit.calls == calls
        return prio3.input_share_size(0), chunk_length

    best = min(cost(chunk_length) for chunk_length in range(1, bit_count + 2))
    assert best[1] == cheapest_chunk_length(bit_count)
    assert Prio3Histogram(2, bit_count).input_share_size(0) == best[0]


# What the page says


def listed_sizes():
    row = re.compile(r"^\| `(\w+)\(([\d, ]+)\)` \|([\d |]+)\|$", re.MULTILINE)
    for name, arguments, sizes in row.findall(PAGE.read_text(encoding="utf-8")):
        prio3 = CLASSES[name](*map(int, arguments.split(",")))
        yield prio3, [int(size) for size in sizes.split("|")]


def test_the_page_lists_the_sizes():
    rows = list(listed_sizes())
    assert {type(prio3) for prio3, _ in rows} == set(CLASSES.values())
    for prio3, sizes in rows:
        assert sizes == [
            prio3.input_share_size(0),
            prio3.input_share_size(1),
            prio3.public_share_size,
            prio3.verifier_share_size,
            prio3.verifier_message_size,
            prio3.output_share_size,
        ]


def soundness_bits(prio3):
    """A gadget of degree 2 queried off its points, bit checks folded, two statements combined."""
    points, modulus = prio3.flp.points, prio3.field.modulus
    folds = prio3.circuit.measurement_len + 2 if prio3.circuit.joint_rand_len else 0
    return bits(Fraction(2 * (points - 1), modulus - points) + Fraction(folds, modulus))


def test_the_page_gives_the_soundness():
    text = PAGE.read_text(encoding="utf-8")
    count, others = (
        soundness_bits(Prio3Count(2)),
        [soundness_bits(prio3) for prio3, _ in listed_sizes() if prio3.circuit.joint_rand_len],
    )
    assert f"2^-{count}" in text
    assert f"worth {int(min(others))} bits or more" in text
    assert f"at {int(soundness_bits(Prio3Histogram(2, 2)))} bits" in text
