"""Every message of Prio3 survives its encoding, and nothing else decodes."""

from dataclasses import replace

import pytest

from troth.errors import DecodeError, ParameterError
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.prio3 import Prio3Count, Prio3Histogram, Prio3Sum, Prio3SumVec
from troth.privacy.secagg.prio3_messages import HelperShare, LeaderShare, PublicShare, VerifierShare

NONCE = KEY = bytes(16)


@pytest.fixture(params=["count", "sum", "vector", "histogram"])
def prio3(request):
    return {
        "count": Prio3Count(2),
        "sum": Prio3Sum(2, 3),
        "vector": Prio3SumVec(2, 1, 2),
        "histogram": Prio3Histogram(2, 3),
    }[request.param]


@pytest.fixture
def report(prio3):
    """Every message of one report with its decoder and size."""
    measurement = [1] if isinstance(prio3, Prio3SumVec) else 1
    public_share, inputs = prio3.shard(measurement, NONCE, bytes(range(prio3.RAND_SIZE)))
    states, shares = zip(
        *(prio3.verify_init(KEY, j, NONCE, public_share, inputs[j]) for j in range(2)),
        strict=True,
    )
    message = prio3.verifier_shares_to_message(shares)
    out_share = prio3.verify_next(states[1], message)
    total = prio3.agg_update(prio3.agg_init(), out_share)
    return {
        "public share": (public_share, prio3.decode_public_share, prio3.public_share_size),
        "leader share": (
            inputs[0],
            lambda data: prio3.decode_input_share(0, data),
            prio3.input_share_size(0),
        ),
        "helper share": (
            inputs[1],
            lambda data: prio3.decode_input_share(1, data),
            prio3.input_share_size(1),
        ),
        "state": (states[0], prio3.decode_verifier_state, prio3.verifier_state_size),
        "verifier share": (shares[0], prio3.decode_verifier_share, prio3.verifier_share_size),
        "message": (message, prio3.decode_verifier_message, prio3.verifier_message_size),
        "output share": (out_share, prio3.decode_output_share, prio3.output_share_size),
        "aggregate share": (total, prio3.decode_aggregate_share, prio3.output_share_size),
    }


def test_every_message_survives_its_encoding(report):
    for what, (message, decode, size) in report.items():
        data = message.encode()
        assert len(data) == size, what
        again = decode(data)
        assert (type(again), again, hash(again)) == (type(message), message, hash(message))
        assert again.encode() == data


def test_missing_and_leftover_bytes_are_refused(report):
    for message, decode, size in report.values():
        data = message.encode()
        for wrong in (data + b"\0", data[1:], b"", bytes(2 * size)):
            if len(wrong) != size:
                with pytest.raises(DecodeError, match="bytes"):
                    decode(wrong)


def test_elements_not_below_the_modulus_are_refused(prio3, report):
    size = prio3.field.encoded_size
    for what in ("leader share", "state", "verifier share", "output share", "aggregate share"):
        message, decode, _ = report[what]
        for large in (prio3.field.modulus, 256**size - 1):
            with pytest.raises(DecodeError, match="modulus"):
                decode(large.to_bytes(size, "little") + message.encode()[size:])


def test_wrong_lengths_of_keys_nonces_and_randomness_are_refused(prio3, report):
    public_share, helper = report["public share"][0], report["helper share"][0]
    measurement, rand = [0] if isinstance(prio3, Prio3SumVec) else 0, bytes(prio3.RAND_SIZE)
    for wrong in (NONCE[1:], NONCE + b"\0"):
        with pytest.raises(ParameterError, match="nonce"):
            prio3.shard(measurement, wrong, rand)
        with pytest.raises(ParameterError, match="nonce"):
            prio3.verify_init(KEY, 1, wrong, public_share, helper)
        with pytest.raises(ParameterError, match="nonce"):
            prio3.query_points_usable(KEY, wrong)
        with pytest.raises(ParameterError, match="verify key"):
            prio3.verify_init(wrong, 1, NONCE, public_share, helper)
        with pytest.raises(ParameterError, match="verify key"):
            prio3.query_points_usable(wrong, NONCE)
    for wrong in (rand[1:], rand + b"\0"):
        with pytest.raises(ParameterError, match="rand"):
            prio3.shard(measurement, NONCE, wrong)


def test_shares_of_other_instances_and_indices_are_refused(prio3, report):
    public_share, leader, helper, share = (
        report[what][0]
        for what in ("public share", "leader share", "helper share", "verifier share")
    )
    with pytest.raises(ParameterError, match="HelperShare"):
        prio3.verify_init(KEY, 1, NONCE, public_share, leader)
    with pytest.raises(ParameterError, match="LeaderShare"):
        prio3.verify_init(KEY, 0, NONCE, public_share, helper)
    for index in (-1, 2, True, 1.0):
        with pytest.raises(ParameterError, match="agg_id"):
            prio3.verify_init(KEY, index, NONCE, public_share, helper)
        with pytest.raises(ParameterError, match="agg_id"):
            prio3.decode_input_share(index, b"")
    with pytest.raises(ParameterError, match="parts of the public share"):
        prio3.verify_init(KEY, 0, NONCE, PublicShare((*public_share.parts, b"")), leader)
    with pytest.raises(ParameterError, match="part of the public share"):
        prio3.verify_init(KEY, 0, NONCE, PublicShare((b"short",) * 2), leader)
    for wrong in ([], [share], [share] * 3):
        with pytest.raises(ParameterError, match="verifier shares"):
            prio3.verifier_shares_to_message(wrong)
    for part in (share.part + b"\0", b"short"):
        with pytest.raises(ParameterError, match="part"):
            prio3.verifier_shares_to_message([share, replace(share, part=part)])
    longer = VerifierShare(prio3.field, prio3.field.zeros(99), share.part)
    with pytest.raises(ParameterError, match="verifiers"):
        prio3.verifier_shares_to_message([share, longer])
    short = OutputShare(prio3.field, prio3.field.zeros(4))
    with pytest.raises(ParameterError, match="output or aggregate share"):
        prio3.agg_update(prio3.agg_init(), short)


def test_input_shares_of_other_sizes_are_refused():
    small, large = Prio3Histogram(2, 3), Prio3Histogram(2, 30)
    public_share, inputs = large.shard(1, NONCE, bytes(large.RAND_SIZE))
    with pytest.raises(ParameterError, match="measurement share"):
        small.verify_init(KEY, 0, NONCE, public_share, inputs[0])
    _, (leader, helper) = small.shard(1, NONCE, bytes(small.RAND_SIZE))
    assert isinstance(leader, LeaderShare)
    assert isinstance(helper, HelperShare)
    public_share = PublicShare((bytes(16),) * 2)
    longer = replace(leader, proofs=small.field.zeros(99))
    with pytest.raises(ParameterError, match="proofs share"):
        small.verify_init(KEY, 0, NONCE, public_share, longer)
    for name, wrong in (
        ("measurement seed", replace(helper, measurement_seed=bytes(15))),
        ("proofs seed", replace(helper, proofs_seed=bytes(17))),
        ("blind", replace(helper, blind=b"")),
    ):
        with pytest.raises(ParameterError, match=name):
            small.verify_init(KEY, 1, NONCE, public_share, wrong)
    _, without_blinds = Prio3Count(2).shard(1, NONCE, bytes(48))
    with pytest.raises(ParameterError, match="blind"):
        small.verify_init(KEY, 1, NONCE, public_share, without_blinds[1])
