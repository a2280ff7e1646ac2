import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from troth.errors import DecodeError, EncodingError, ParameterError, ReportRejected
from troth.privacy.secagg.field import Integers
from troth.privacy.secagg.messages import InputShare, PublicShare
from troth.privacy.secagg.outputs import AggregateShare
from troth.privacy.secagg.pine import Pine

PINE32 = "Pine32HmacSha256Aes128"


def pine32(**changes: Any) -> Pine:
    usual: dict[str, Any] = {"shares": 2, "dimension": 5, "num_frac_bits": 4, "l2_norm_bound": 1000}
    return Pine(PINE32, **{**usual, **changes})


def bounded(rng: np.random.Generator, pine: Pine) -> Integers:
    """A random integer vector just within the norm bound."""
    direction = rng.normal(size=pine.dimension)
    scaled = direction * pine.parameters.l2_norm_bound / np.linalg.norm(direction)
    return np.trunc(scaled).astype(np.int64)


def shard_at(
    pine: Pine, rng: np.random.Generator, vector: Integers
) -> tuple[bytes, PublicShare, list[InputShare]]:
    nonce = rng.bytes(16)
    return nonce, *pine.shard_integers(vector, nonce, rng.bytes(pine.RAND_SIZE))


@pytest.mark.parametrize("shares", [2, 3, 5])
def test_an_output_share_is_what_verification_would_release(variant, shares, rng, play):
    pine = Pine(variant, shares=shares, dimension=5, num_frac_bits=4, l2_norm_bound=1000)
    key, vector = rng.bytes(pine.VERIFY_KEY_SIZE), bounded(rng, pine)
    nonce, public_share, inputs = shard_at(pine, rng, vector)
    released = play(pine, key, nonce, public_share, inputs)
    made = [pine.output_share(index, share) for index, share in enumerate(inputs)]
    assert [share.encode() for share in made] == [share.encode() for share in released]


def test_an_output_share_is_of_one_aggregators_input_share(rng):
    pine = pine32()
    _, _, (leader, helper) = shard_at(pine, rng, bounded(rng, pine))
    for index, share in ((0, helper), (1, leader), (2, helper), (-1, helper)):
        with pytest.raises(ParameterError):
            pine.output_share(index, share)


@pytest.mark.parametrize("shares", [2, 3, 4, 5])
@pytest.mark.parametrize("dimension", [1, 3, 17])
def test_random_vectors_sum_up(variant, shares, dimension, rng, play):
    pine = Pine(
        variant,
        shares=shares,
        dimension=dimension,
        num_frac_bits=8,
        l2_norm_bound=3001,
        num_wr_checks=9,
        num_wr_successes=7,
    )
    key = rng.bytes(pine.VERIFY_KEY_SIZE)
    vectors = [bounded(rng, pine) for _ in range(2)]
    agg_shares = [pine.agg_init() for _ in range(shares)]
    for vector in vectors:
        nonce, public_share, inputs = shard_at(pine, rng, vector)
        out_shares = play(pine, key, nonce, public_share, inputs)
        agg_shares = [pine.agg_update(a, o) for a, o in zip(agg_shares, out_shares, strict=True)]
    total = sum(vectors)
    assert np.array_equal(pine.unshard_integers(agg_shares, 2), total)
    assert pine.unshard_integers(agg_shares, 2).dtype == np.int64
    assert np.array_equal(pine.unshard(agg_shares, 2), total / 256)


def test_weights_and_merging(rng, play):
    pine = pine32()
    key = rng.bytes(32)
    vectors, weights = [bounded(rng, pine) for _ in range(3)], (1, 5, 70)
    per_report = []
    for vector in vectors:
        nonce, public_share, inputs = shard_at(pine, rng, vector)
        per_report.append(play(pine, key, nonce, public_share, inputs))
    agg_shares = [
        pine.merge(
            [
                pine.agg_update(pine.agg_init(), out_shares[agg_id], weight)
                for out_shares, weight in zip(per_report, weights, strict=True)
            ]
        )
        for agg_id in range(2)
    ]
    expected = sum(w * v for w, v in zip(weights, vectors, strict=True))
    assert np.array_equal(pine.unshard_integers(agg_shares, sum(weights)), expected)
    assert pine.merge([]) == pine.agg_init()
    wrong: list[Any] = [0, -1, pine.field.modulus, 1.5]
    for weight in wrong:
        with pytest.raises(ParameterError, match="weight"):
            pine.agg_update(pine.agg_init(), per_report[0][0], weight)


def test_floats_are_rounded_to_even_ties(rng, play):
    pine = pine32(dimension=9, num_frac_bits=3)
    units = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, -0.0, 7])
    nonce = rng.bytes(16)
    report = pine.shard(units / 8, nonce, rng.bytes(pine.RAND_SIZE))
    out_shares = play(pine, rng.bytes(32), nonce, *report)
    agg_shares = [pine.agg_update(pine.agg_init(), share) for share in out_shares]
    assert pine.unshard_integers(agg_shares, 1).tolist() == [0, 2, 2, 0, -2, -2, 0, 0, 7]
    assert pine.unshard(agg_shares, 1).tolist() == [0, 0.25, 0.25, 0, -0.25, -0.25, 0, 0, 0.875]


def test_the_norm_bound_holds_to_the_last_unit(variant, rng, play):
    pine = Pine(
        variant,
        shares=2,
        dimension=2,
        num_frac_bits=0,
        l2_norm_bound=1000,
        num_wr_checks=10,
        num_wr_successes=10,
    )
    key = rng.bytes(pine.VERIFY_KEY_SIZE)
    for vector in ([1000, 0], [0, -1000], [600, -800]):
        nonce, public_share, inputs = shard_at(pine, rng, np.array(vector))
        assert len(play(pine, key, nonce, public_share, inputs)) == 2
    q = pine.field.modulus
    for over in ([1000, 1], [601, -800], [1001, 0], [q, 0], [q - 1, 0], [1 - q, 0], [2**32, 0]):
        with pytest.raises(EncodingError, match="squared norm"):
            shard_at(pine, rng, np.array(over, dtype=object))
        with pytest.raises(EncodingError, match="squared norm"):
            pine.shard([float(entry) for entry in over], bytes(16), bytes(pine.RAND_SIZE))
    for over in ([2**32, 0], [-(2**63), 0], [2**31, 2**31]):  # int64 squares that wrap
        with pytest.raises(EncodingError, match="squared norm"):
            shard_at(pine, rng, np.array(over, dtype=np.int64))
    with pytest.raises(EncodingError, match="squared norm"):
        shard_at(pine, rng, np.array([2**64 - 1, 0], dtype=np.uint64))


def test_large_bounds_go_beyond_machine_integers(rng, play):
    bound = 2**62
    pine = Pine(
        "Pine128",
        shares=2,
        dimension=3,
        num_frac_bits=1,
        l2_norm_bound=bound,
        num_wr_checks=4,
        num_wr_successes=4,
    )
    key = rng.bytes(16)
    agg_shares = [pine.agg_init(), pine.agg_init()]
    for _ in range(3):
        nonce, public_share, inputs = shard_at(pine, rng, np.array([0, -bound, 0]))
        out_shares = play(pine, key, nonce, public_share, inputs)
        agg_shares = [pine.agg_update(a, o) for a, o in zip(agg_shares, out_shares, strict=True)]
    assert pine.unshard(agg_shares, 3).tolist() == [0, -3 * bound / 2, 0]
    with pytest.raises(EncodingError, match="64 bits"):
        pine.unshard_integers(agg_shares, 3)
    nonce = rng.bytes(16)
    public_share, inputs = pine.shard([2.0**61, 0, 0], nonce, rng.bytes(pine.RAND_SIZE))
    out_shares = play(pine, key, nonce, public_share, inputs)
    agg_shares = [pine.agg_update(pine.agg_init(), share) for share in out_shares]
    assert pine.unshard_integers(agg_shares, 1).tolist() == [bound, 0, 0]


@pytest.mark.parametrize(
    "measurement",
    [
        [math.nan, 0.0],
        [math.inf, 0.0],
        [0.0, -math.inf],
        [5e-324, 0.0],
        [-2.2250738585072009e-308, 0.0],
        [1e308, 0.0],
        ["1", "2"],
        [True, False],
    ],
)
def test_what_is_no_usual_number_is_refused(measurement):
    pine = pine32(dimension=2, num_frac_bits=127)
    with pytest.raises(EncodingError):
        pine.shard(measurement, bytes(16), bytes(pine.RAND_SIZE))


@pytest.mark.parametrize("vector", [[1.0, 2.0], [True, False], np.array([1, 2.5], dtype=object)])
def test_what_is_no_integer_is_refused(vector):
    with pytest.raises(EncodingError, match="integers"):
        pine32(dimension=2).shard_integers(vector, bytes(16), bytes(7 * 32))


def test_wrong_dimensions_are_refused():
    pine = pine32()
    for wrong in ([], [1] * 4, [1] * 6, [[1] * 5], 1):
        with pytest.raises(ParameterError, match="shape"):
            pine.shard_integers(wrong, bytes(16), bytes(pine.RAND_SIZE))
        with pytest.raises(ParameterError, match="shape"):
            pine.shard(wrong, bytes(16), bytes(pine.RAND_SIZE))


def test_a_wraparound_result_out_of_range_asks_for_fresh_randomness():
    pine = Pine("Pine64", shares=2, dimension=50, num_frac_bits=0, l2_norm_bound=1000, alpha=0.01)
    with pytest.raises(EncodingError, match="fresh rand"):
        pine.shard_integers([100] * 50, bytes(16), bytes(pine.RAND_SIZE))


def test_inputs_stay_as_they_were(variant, rng):
    pine = Pine(variant, shares=3, dimension=4, num_frac_bits=4, l2_norm_bound=500)
    nonce, rand, key = rng.bytes(16), rng.bytes(pine.RAND_SIZE), rng.bytes(pine.VERIFY_KEY_SIZE)
    vector, floats = np.array([1, -20, 300, 4]), np.array([0.1, -2.0, 3.5, 4.0])
    public_share, inputs = pine.shard_integers(vector, nonce, rand)
    pine.shard(floats, nonce, rand)
    assert vector.tolist() == [1, -20, 300, 4]
    assert floats.tolist() == [0.1, -2.0, 3.5, 4.0]
    before = [message.encode() for message in (public_share, *inputs)]
    steps = [pine.verify_init(key, j, nonce, public_share, inputs[j]) for j in range(3)]
    shares = [share for _, share in steps]
    sent = [message.encode() for pair in steps for message in pair]
    message = pine.verifier_shares_to_message(shares)
    out_shares = [pine.verify_next(state, message) for state, _ in steps]
    start = pine.agg_init()
    agg_shares = [pine.agg_update(start, share) for share in out_shares]
    summed = [share.encode() for share in agg_shares]
    pine.merge(agg_shares)
    pine.unshard(agg_shares, 1)
    pine.unshard_integers(agg_shares, 1)
    assert start.encode() == bytes(pine.output_share_size)
    assert [share.encode() for share in agg_shares] == summed
    assert [message.encode() for message in (public_share, *inputs)] == before
    assert [message.encode() for pair in steps for message in pair] == sent


def test_sharing_is_a_function_of_its_arguments(small, rng):
    nonce, rand = rng.bytes(16), rng.bytes(small.RAND_SIZE)
    vector = [1, 2, 3, 4, 5]
    first = small.shard_integers(vector, nonce, rand)
    assert small.shard_integers(vector, nonce, rand) == first
    assert small.shard_integers(vector, rng.bytes(16), rand) != first
    assert small.shard_integers(vector, nonce, rng.bytes(small.RAND_SIZE)) != first


def test_unshard_refuses_sums_that_may_wrap_and_missing_shares():
    pine = pine32(l2_norm_bound=37832)
    most = (pine.field.modulus // 2) // 37832
    shares = [pine.agg_init(), pine.agg_init()]
    assert pine.unshard_integers(shares, most).tolist() == [0] * 5
    wrong: list[Any] = [most + 1, -1, 1.0]
    for number in wrong:
        with pytest.raises(ParameterError, match="num_measurements"):
            pine.unshard(shares, number)
    with pytest.raises(ParameterError, match="aggregate shares"):
        pine.unshard(shares[:1], 1)
    longer = AggregateShare(pine.field, pine.field.zeros(6))
    with pytest.raises(ParameterError, match="aggregate share"):
        pine.unshard_integers([shares[0], longer], 1)


def test_a_verify_key_that_hits_an_interpolation_point_is_refused():
    # 255 proofs with 1024 points each: keys were tried in order until one was unusable.
    pine = pine32(
        dimension=1023,
        l2_norm_bound=4,
        num_wr_checks=1,
        num_wr_successes=1,
        proofs=1,
        proofs_norm_equality=255,
        chunk_length_norm_equality=1,
    )
    nonce, bad_key, good_key = bytes(16), (2333).to_bytes(32, "big"), bytes(32)
    public_share, inputs = pine.shard_integers([0] * 1023, nonce, bytes(pine.RAND_SIZE))
    assert pine.query_points_usable(good_key, nonce)
    pine.verify_init(good_key, 1, nonce, public_share, inputs[1])
    assert not pine.query_points_usable(bad_key, nonce)
    with pytest.raises(ReportRejected) as rejected:
        pine.verify_init(bad_key, 1, nonce, public_share, inputs[1])
    assert rejected.value.check == "query"


@pytest.mark.parametrize("variant", [PINE32, "Pine64"])
def test_seeds_must_be_those_that_all_parts_give(small, rng):
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    public_share, inputs = small.shard_integers([1] * 5, nonce, rng.bytes(small.RAND_SIZE))
    steps = [small.verify_init(key, j, nonce, public_share, inputs[j]) for j in range(2)]
    shares = [share for _, share in steps]
    message = small.verifier_shares_to_message(shares)
    small.check_joint_randomness(public_share, shares, message)
    wrong = bytes(small.seed_size)

    def rejected(function: Callable[..., object], *arguments: object) -> str:
        with pytest.raises(ReportRejected) as caught:
            function(*arguments)
        return caught.value.check

    for name in ("wraparound_seed", "verification_seed"):
        other = replace(message, **{name: wrong})
        assert rejected(small.verify_next, steps[0][0], other) == "joint_randomness"
        checked = rejected(small.check_joint_randomness, public_share, shares, other)
        assert checked == "joint_randomness"
    for name in ("wraparound_part", "verification_part"):
        # A verifier share may lie about its part: the proofs hold, the seeds then do not.
        lying = [shares[0], replace(shares[1], **{name: wrong})]
        bent = small.verifier_shares_to_message(lying)
        assert rejected(small.verify_next, steps[0][0], bent) == "joint_randomness"
        checked = rejected(small.check_joint_randomness, public_share, lying, bent)
        assert checked == "joint_randomness"
        swapped = replace(public_share, **{name + "s": getattr(public_share, name + "s")[::-1]})
        checked = rejected(small.check_joint_randomness, swapped, shares, message)
        assert checked == "joint_randomness"


def test_a_wrong_own_part_is_seen_by_the_others_and_in_public(rng):
    pine = pine32()
    nonce, key = rng.bytes(16), rng.bytes(32)
    public_share, inputs = pine.shard_integers([1] * 5, nonce, rng.bytes(pine.RAND_SIZE))
    parts = (bytes(32), public_share.verification_parts[1])
    bent = replace(public_share, verification_parts=parts)
    own = pine.verify_init(key, 0, nonce, bent, inputs[0])
    assert own == pine.verify_init(key, 0, nonce, public_share, inputs[0])
    other = pine.verify_init(key, 1, nonce, bent, inputs[1])
    with pytest.raises(ReportRejected, match="validity"):
        pine.verifier_shares_to_message([own[1], other[1]])


def test_a_report_does_not_verify_under_another_nonce_or_index(small, rng, play):
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    vector, rand = [1, 2, 3, 4, 5], rng.bytes(small.RAND_SIZE)
    public_share, inputs = small.shard_integers(vector, nonce, rand)
    with pytest.raises(ReportRejected):
        play(small, key, rng.bytes(16), public_share, inputs)
    three = Pine(
        small.parameters.variant.name, shares=3, dimension=5, num_frac_bits=4, l2_norm_bound=64
    )
    nonce, public_share, inputs = shard_at(three, rng, np.array(vector))
    with pytest.raises(ReportRejected):
        play(three, key, nonce, public_share, [inputs[0], inputs[2], inputs[1]])


@pytest.mark.parametrize("variant", [PINE32, "Pine64"])
def test_every_flipped_bit_is_rejected(small, rng, play):
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    public_share, inputs = small.shard_integers(
        [9, -8, 7, -6, 5], nonce, rng.bytes(small.RAND_SIZE)
    )
    assert len(play(small, key, nonce, public_share, inputs)) == 2
    encoded = [public_share.encode(), *(share.encode() for share in inputs)]
    element, seed = small.field.encoded_size, small.seed_size
    measurement = small.measurement_len * element
    sections = {  # of which message, from byte, to byte, flips
        "wraparound parts": (0, 0, 2 * seed, 8),
        "verification parts": (0, 2 * seed, 4 * seed, 8),
        "gradient": (1, 0, 5 * element, 8),
        "norm bits": (1, 5 * element, small.parameters.prefix_len * element, 12),
        "wraparound bits": (1, small.parameters.prefix_len * element, measurement, 16),
        "proofs": (1, measurement, measurement + small.proofs_len * element, 32),
        "leader blinds": (1, len(encoded[1]) - 2 * seed, len(encoded[1]), 8),
        "helper seeds": (2, 0, 4 * seed, 16),
    }
    for which, start, end, flips in sections.values():
        for position in rng.integers(8 * start, 8 * end, size=flips):
            bent = [bytearray(data) for data in encoded]
            bent[which][position // 8] ^= 1 << int(position % 8)
            try:
                messages = (
                    small.decode_public_share(bytes(bent[0])),
                    [small.decode_input_share(j, bytes(bent[1 + j])) for j in range(2)],
                )
            except DecodeError:
                continue  # not below the modulus any more
            with pytest.raises(ReportRejected):
                play(small, key, nonce, *messages)


def test_measurements_that_are_no_vectors_are_refused():
    pine = pine32()
    nonce, rand = bytes(16), bytes(pine.RAND_SIZE)
    masked = np.ma.array([1.0, 2.0, 3.0, 4.0, 5.0], mask=[False, True, False, False, False])
    for wrong in (masked, [[1.0], [2.0, 3.0], [], [4.0], [5.0]], [True] * 5):
        for shard in (pine.shard, pine.shard_integers):
            with pytest.raises(EncodingError):
                shard(wrong, nonce, rand)


def test_integers_of_any_width_are_shared_alike():
    pine = pine32()
    nonce, rand = bytes(16), bytes(pine.RAND_SIZE)
    vector = [1, 0, 3, 2, 7]
    expected = pine.shard_integers(vector, nonce, rand)
    for dtype in (np.int8, np.uint8, np.int32, np.uint32, np.uint64, object, ">i4"):
        assert pine.shard_integers(np.array(vector, dtype=dtype), nonce, rand) == expected
    wide = Pine("Pine128", shares=2, dimension=2, num_frac_bits=0, l2_norm_bound=2**63 + 1)
    public_share, inputs = wide.shard_integers([2**63, -1], nonce, bytes(wide.RAND_SIZE))
    shares = [wide._expand(agg_id, share)[0][:2] for agg_id, share in enumerate(inputs)]
    total = wide.field.add(*shares)
    assert wide.field.to_signed(total).tolist() == [2**63, -1]
    assert public_share.encode()


def test_parameters_of_other_types_are_refused():
    others: list[Any] = [["Pine64"], None, 7]
    for wrong in others:
        with pytest.raises(ParameterError, match="unknown PINE variant"):
            Pine(wrong, shares=2, dimension=5, num_frac_bits=0, l2_norm_bound=9)
    with pytest.raises(ParameterError, match="alpha"):
        Pine("Pine64", shares=2, dimension=5, num_frac_bits=0, l2_norm_bound=9, alpha=10**400)
    with pytest.raises(ParameterError, match="kernels"):
        pine32(kernels=["fast"])
    with pytest.raises(ParameterError, match="chunk_length_norm_equality"):
        pine32(chunk_length_norm_equality=2**63)
