from dataclasses import replace

import numpy as np
import pytest

from troth.errors import DecodeError, ParameterError
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.pine import Pine


@pytest.fixture
def report(small):
    """Every message of one report with its decoder and size."""
    nonce, key = bytes(16), bytes(range(small.VERIFY_KEY_SIZE))
    public_share, inputs = small.shard_integers([1, -2, 3, -4, 5], nonce, bytes(small.RAND_SIZE))
    states, shares = zip(
        *(small.verify_init(key, j, nonce, public_share, inputs[j]) for j in range(2)),
        strict=True,
    )
    message = small.verifier_shares_to_message(shares)
    out_share = small.verify_next(states[1], message)
    return {
        "public share": (public_share, small.decode_public_share, small.public_share_size),
        "leader share": (
            inputs[0],
            lambda data: small.decode_input_share(0, data),
            small.input_share_size(0),
        ),
        "helper share": (
            inputs[1],
            lambda data: small.decode_input_share(1, data),
            small.input_share_size(1),
        ),
        "verifier state": (states[0], small.decode_verifier_state, small.verifier_state_size),
        "verifier share": (shares[1], small.decode_verifier_share, small.verifier_share_size),
        "message": (message, small.decode_verifier_message, small.verifier_message_size),
        "output share": (out_share, small.decode_output_share, small.output_share_size),
        "aggregate share": (
            small.agg_update(small.agg_init(), out_share),
            small.decode_aggregate_share,
            small.output_share_size,
        ),
    }


def test_every_message_survives_its_encoding(report):
    for what, (message, decode, size) in report.items():
        data = message.encode()
        assert len(data) == size, what
        again = decode(data)
        assert type(again) is type(message)
        assert again == message
        assert hash(again) == hash(message)
        assert again.encode() == data


def test_missing_and_leftover_bytes_are_refused(report):
    for message, decode, _ in report.values():
        data = message.encode()
        for wrong in (b"", data[:-1], data + b"\0", data * 2):
            with pytest.raises(DecodeError, match="bytes"):
                decode(wrong)


def test_elements_not_below_the_modulus_are_refused(small, report):
    size = small.field.encoded_size
    large = small.field.modulus.to_bytes(size, "little")
    for what in ("leader share", "verifier state", "verifier share", "output share"):
        message, decode, _ = report[what]
        with pytest.raises(DecodeError, match="modulus"):
            decode(large + message.encode()[size:])


def test_messages_of_other_kinds_are_never_equal(report):
    assert report["output share"][0].encode() == report["aggregate share"][0].encode()
    assert report["output share"][0] != report["aggregate share"][0]


def test_shares_of_other_instances_and_indices_are_refused(small, report):
    nonce, key = bytes(16), bytes(small.VERIFY_KEY_SIZE)
    public_share, leader, helper = (
        report[what][0] for what in ("public share", "leader share", "helper share")
    )
    with pytest.raises(ParameterError, match="HelperShare"):
        small.verify_init(key, 1, nonce, public_share, leader)
    with pytest.raises(ParameterError, match="LeaderShare"):
        small.verify_init(key, 0, nonce, public_share, helper)
    for index in (-1, 2, True, 1.0):
        with pytest.raises(ParameterError, match="agg_id"):
            small.verify_init(key, index, nonce, public_share, helper)
        with pytest.raises(ParameterError, match="agg_id"):
            small.decode_input_share(index, b"")
    three = Pine(
        small.parameters.variant.name,
        shares=3,
        dimension=6,
        num_frac_bits=4,
        l2_norm_bound=64,
    )
    with pytest.raises(ParameterError, match="public share"):
        three.verify_init(key, 1, nonce, public_share, helper)
    other_public, other_inputs = three.shard_integers([0] * 6, nonce, bytes(three.RAND_SIZE))
    with pytest.raises(ParameterError, match="public share"):
        small.verify_init(key, 0, nonce, other_public, leader)
    with pytest.raises(ParameterError, match="measurement share"):
        small.verify_init(key, 0, nonce, public_share, other_inputs[0])
    with pytest.raises(ParameterError, match="verifier shares"):
        small.verifier_shares_to_message([report["verifier share"][0]])
    _, longer = three.verify_init(key, 0, nonce, other_public, other_inputs[0])
    with pytest.raises(ParameterError, match="verifiers"):
        small.verifier_shares_to_message([report["verifier share"][0], longer])
    short = OutputShare(small.field, small.field.zeros(4))
    with pytest.raises(ParameterError, match="aggregate share"):
        small.agg_update(small.agg_init(), short)


def test_wrong_lengths_of_keys_nonces_and_randomness_are_refused(small, report):
    public_share, helper = report["public share"][0], report["helper share"][0]
    key, nonce, rand = bytes(small.VERIFY_KEY_SIZE), bytes(16), bytes(small.RAND_SIZE)
    for wrong in (nonce[1:], nonce + b"\0"):
        with pytest.raises(ParameterError, match="nonce"):
            small.shard_integers([0] * 5, wrong, rand)
        with pytest.raises(ParameterError, match="nonce"):
            small.verify_init(key, 1, wrong, public_share, helper)
        with pytest.raises(ParameterError, match="nonce"):
            small.query_points_usable(key, wrong)
    for wrong in (rand[1:], rand + b"\0"):
        with pytest.raises(ParameterError, match="rand"):
            small.shard([0.0] * 5, nonce, wrong)
    for wrong in (key[1:], key + b"\0"):
        with pytest.raises(ParameterError, match="verify key"):
            small.verify_init(wrong, 1, nonce, public_share, helper)
        with pytest.raises(ParameterError, match="verify key"):
            small.query_points_usable(wrong, nonce)


def test_what_was_received_cannot_change_afterwards(small, rng):
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    public_share, inputs = small.shard_integers([1, 2, 3, 4, 5], nonce, rng.bytes(small.RAND_SIZE))
    received = bytearray(inputs[0].encode())
    begun = [
        small.verify_init(key, 0, nonce, public_share, small.decode_input_share(0, received)),
        small.verify_init(key, 1, nonce, public_share, inputs[1]),
    ]
    received[:] = bytes(len(received))
    message = small.verifier_shares_to_message([share for _, share in begun])
    agg_shares = [
        small.agg_update(small.agg_init(), small.verify_next(state, message)) for state, _ in begun
    ]
    assert small.unshard_integers(agg_shares, 1).tolist() == [1, 2, 3, 4, 5]
    vectors = [inputs[0].measurement, inputs[0].proofs, begun[1][0].out_share.values]
    for vector in [*vectors, *(share.values for share in agg_shares)]:
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 0


def test_decoders_take_bytes_and_nothing_else(small):
    for wrong in (None, "00", [0] * 10, 5):
        for decode in (small.decode_public_share, small.decode_output_share):
            with pytest.raises(DecodeError, match="bytes"):
                decode(wrong)
        with pytest.raises(DecodeError, match="bytes"):
            small.decode_input_share(1, wrong)


def test_arguments_of_other_types_are_refused(small, rng):
    nonce, key, rand = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE), rng.bytes(small.RAND_SIZE)
    vector = [1, 2, 3, 4, 5]
    public_share, inputs = small.shard_integers(vector, nonce, rand)
    for wrong in (None, "x" * 16, [0] * 16, 7):
        with pytest.raises(ParameterError, match="nonce must be bytes"):
            small.shard_integers(vector, wrong, rand)
        with pytest.raises(ParameterError, match="rand must be bytes"):
            small.shard_integers(vector, nonce, wrong)
        with pytest.raises(ParameterError, match="verify key must be bytes"):
            small.verify_init(wrong, 0, nonce, public_share, inputs[0])
        broken = replace(inputs[1], wraparound_blind=wrong)
        with pytest.raises(ParameterError, match="blind must be bytes"):
            small.verify_init(key, 1, nonce, public_share, broken)


def test_vectors_that_are_none_of_the_field_are_refused(small, rng):
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    public_share, (leader, _) = small.shard_integers(
        [1, 2, 3, 4, 5], nonce, rng.bytes(small.RAND_SIZE)
    )
    for name in ("measurement", "proofs"):
        good = getattr(leader, name)
        outside = good.copy()
        outside[0] = small.field.modulus
        wrong = [outside, good.tolist(), good.astype(np.float64), good[None], np.ma.array(good)]
        for vector in wrong:
            broken = replace(leader, **{name: vector})
            with pytest.raises(ParameterError, match=name):
                small.verify_init(key, 0, nonce, public_share, broken)
    outside = small.field.zeros(5)
    outside[3] = small.field.modulus
    with pytest.raises(ParameterError, match="outside"):
        small.agg_update(small.agg_init(), OutputShare(small.field, outside))
