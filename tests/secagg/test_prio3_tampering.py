"""Which check refuses which tampering of a Prio3 report, at which step.

No vectors of draft-11 that must be refused are known. The kinds here are those of the later drafts
(``*_bad_wire_seed``, ``*_bad_gadget_poly``, …), made from draft-11's bytes: of its own vectors, and
of reports with other parameters.
"""

import json
from functools import partial

import numpy as np
import pytest

from troth.errors import ReportRejected
from troth.privacy.secagg.prio3 import Prio3Count, Prio3Histogram, Prio3Sum, Prio3SumVec

NONCE, KEY = bytes(range(16)), bytes(range(1, 17))
OFFICIAL = {
    "Prio3Count_0": Prio3Count(2),
    "Prio3Count_1": Prio3Count(3),
    "Prio3Sum_0": Prio3Sum(2, 8),
    "Prio3Sum_1": Prio3Sum(3, 8),
    "Prio3SumVec_0": Prio3SumVec(2, 10, 8, 9),
    "Prio3SumVec_1": Prio3SumVec(3, 3, 16, 7),
    "Prio3Histogram_0": Prio3Histogram(2, 4, 2),
    "Prio3Histogram_1": Prio3Histogram(3, 11, 3),
}
HONEST = {
    "count": (Prio3Count, (), 1),
    "sum": (Prio3Sum, (5,), 21),
    "vector": (Prio3SumVec, (3, 4), [15, 0, 9]),
    "histogram": (Prio3Histogram, (6,), 4),
}


@pytest.fixture(params=[f"{kind}-{shares}" for kind in HONEST for shares in (2, 3)])
def own_report(request):
    kind, shares = request.param.split("-")
    make, arguments, measurement = HONEST[kind]
    prio3 = make(int(shares), *arguments)
    rand = np.random.default_rng(20).bytes(prio3.RAND_SIZE)
    public_share, input_shares = prio3.shard(measurement, NONCE, rand)
    encoded = [share.encode() for share in input_shares]
    return prio3, KEY, NONCE, public_share.encode(), encoded


@pytest.fixture(params=OFFICIAL)
def official_report(request, outside_vectors):
    vector = json.loads((outside_vectors / "vdaf-11" / f"{request.param}.json").read_text())
    report = vector["prep"][0]
    key, nonce = bytes.fromhex(vector["verify_key"]), bytes.fromhex(report["nonce"])
    encoded = [bytes.fromhex(share) for share in report["input_shares"]]
    public_share = bytes.fromhex(report["public_share"])
    return OFFICIAL[request.param], key, nonce, public_share, encoded


def same(data):
    return data


def verdict(prio3, key, nonce, public_share, input_shares, edit_message=same):
    """The step and the check that refuse a report first; ``None`` if it is accepted."""
    step = "verify_init"
    public = prio3.decode_public_share(public_share)
    try:
        begun = [
            prio3.verify_init(key, j, nonce, public, prio3.decode_input_share(j, data))
            for j, data in enumerate(input_shares)
        ]
        step = "verifier_shares_to_message"
        shares = [share for _, share in begun]
        message = prio3.verifier_shares_to_message(shares)
        step = "verify_next"
        received = prio3.decode_verifier_message(edit_message(message.encode()))
        for state, _ in begun:
            prio3.verify_next(state, received)
    except ReportRejected as rejected:
        return step, rejected.check
    return None


def edited(data, position, size=1):
    """The bytes with the integer at one position raised by one, modulo its size."""
    raised = int.from_bytes(data[position : position + size], "little") + 1
    changed = (raised % 256**size).to_bytes(size, "little")
    return data[:position] + changed + data[position + size :]


def element(prio3, data, index):
    """The bytes with one field element raised by one."""
    size = prio3.field.encoded_size
    raised = prio3.field.add(prio3.field.decode_vec(data[index * size : (index + 1) * size]), 1)
    return data[: index * size] + prio3.field.encode_vec(raised) + data[(index + 1) * size :]


def _leader_element(find):
    def tamper(prio3, public_share, inputs):
        return public_share, [element(prio3, inputs[0], find(prio3)), *inputs[1:]]

    return tamper


def _helper_byte(position):
    def tamper(prio3, public_share, inputs):
        del prio3
        return public_share, [*inputs[:-1], edited(inputs[-1], position)]

    return tamper


def _leader_blind(prio3, public_share, inputs):
    del prio3
    return public_share, [edited(inputs[0], len(inputs[0]) - 1), *inputs[1:]]


def _public_part(agg_id):
    def tamper(prio3, public_share, inputs):
        del prio3
        return edited(public_share, 16 * agg_id), inputs

    return tamper


ANY_KIND = {
    "bad_meas_share": _leader_element(lambda _: 0),
    "bad_wire_seed": _leader_element(lambda prio3: prio3.circuit.measurement_len),
    "bad_gadget_poly": _leader_element(
        lambda prio3: prio3.circuit.measurement_len + prio3.circuit.arity
    ),
    "bad_last_coefficient": _leader_element(
        lambda prio3: prio3.circuit.measurement_len + prio3.flp.proof_len - 1
    ),
    "bad_helper_seed": _helper_byte(0),
    "bad_helper_proof_seed": _helper_byte(16),
}
WITH_JOINT_RANDOMNESS = {
    "bad_leader_jr_blind": _leader_blind,
    "bad_helper_jr_blind": _helper_byte(32),
    "bad_public_share": _public_part(0),
    "bad_public_share_of_a_helper": _public_part(1),
}


def expect_refusals(report):
    prio3, key, nonce, public_share, inputs = report
    assert verdict(*report) is None
    tamperings = dict(ANY_KIND)
    if prio3.circuit.joint_rand_len:
        tamperings |= WITH_JOINT_RANDOMNESS
    for name, tamper in tamperings.items():
        bad = tamper(prio3, public_share, inputs)
        refused = verdict(prio3, key, nonce, *bad)
        assert refused == ("verifier_shares_to_message", "validity"), name
    if prio3.circuit.joint_rand_len:
        for position in (0, 15):
            edit = partial(edited, position=position)
            refused = verdict(prio3, key, nonce, public_share, inputs, edit)
            assert refused == ("verify_next", "joint_randomness")


def test_tampered_official_reports_are_refused(official_report):
    expect_refusals(official_report)


def test_tampered_reports_are_refused(own_report):
    expect_refusals(own_report)


def test_a_report_under_another_nonce_is_refused(own_report):
    prio3, key, nonce, *report = own_report
    other = edited(nonce, 0)
    refused = verdict(prio3, key, other, *report)
    if prio3.circuit.joint_rand_len:
        assert refused == ("verifier_shares_to_message", "validity")
    else:
        assert refused is None, "without joint randomness nothing of a report depends on the nonce"


def test_shares_in_each_others_place_are_refused():
    prio3 = Prio3Histogram(3, 4)
    public_share, (leader, first, second) = prio3.shard(1, NONCE, bytes(range(prio3.RAND_SIZE)))
    inputs = [share.encode() for share in (leader, second, first)]
    refused = verdict(prio3, KEY, NONCE, public_share.encode(), inputs)
    assert refused == ("verifier_shares_to_message", "validity")


LIES = [
    pytest.param(Prio3Count(2), [2], id="count-2"),
    pytest.param(Prio3Count(3), [2**64 - 2**32], id="count-minus-1"),
    pytest.param(Prio3Sum(2, 4), [2, 0, 0, 0], id="sum-no-bit"),
    pytest.param(Prio3Sum(3, 4), [0, 0, 0, -1], id="sum-minus-1"),
    pytest.param(Prio3SumVec(2, 2, 3), [0, 0, 0, 0, 0, 7], id="vector-no-bit"),
    pytest.param(Prio3Histogram(2, 5), [0, 0, 0, 0, 0], id="no-bucket"),
    pytest.param(Prio3Histogram(3, 5), [0, 1, 0, 1, 0], id="two-buckets"),
    pytest.param(Prio3Histogram(2, 5), [2, 0, 0, -1, 0], id="one-in-sum-but-no-bits"),
]


@pytest.mark.parametrize(("prio3", "encoded"), LIES)
def test_false_statements_are_refused(prio3, encoded):
    elements = prio3.field.vector(value % prio3.field.modulus for value in encoded)
    rand = np.random.default_rng(3).bytes(prio3.RAND_SIZE)
    public_share, inputs = prio3._shard_encoded(elements, NONCE, rand)
    report = (public_share.encode(), [share.encode() for share in inputs])
    refused = verdict(prio3, KEY, NONCE, *report)
    assert refused == ("verifier_shares_to_message", "validity")


@pytest.mark.parametrize("root", [0, 1])
def test_query_points_that_reveal_a_wire_are_refused(own_report, monkeypatch, root):
    prio3, key, nonce, public_share, inputs = own_report
    assert prio3.query_points_usable(key, nonce)
    point = pow(prio3.field.root_of_unity(prio3.flp.points), root, prio3.field.modulus)
    monkeypatch.setattr(prio3.derive, "query_points", lambda *_: prio3.field.vector([point]))
    assert not prio3.query_points_usable(key, nonce)
    assert verdict(prio3, key, nonce, public_share, inputs) == ("verify_init", "query")


def test_an_auditor_finds_parts_that_are_not_the_published_ones():
    prio3 = Prio3Histogram(3, 4)
    public_share, inputs = prio3.shard(3, NONCE, bytes(range(prio3.RAND_SIZE)))
    begun = [prio3.verify_init(KEY, j, NONCE, public_share, inputs[j]) for j in range(3)]
    shares = [share for _, share in begun]
    message = prio3.verifier_shares_to_message(shares)
    prio3.check_joint_randomness(public_share, shares, message)
    for agg_id in range(3):
        changed = prio3.decode_public_share(edited(public_share.encode(), 16 * agg_id))
        with pytest.raises(ReportRejected, match=f"part of share {agg_id}") as rejected:
            prio3.check_joint_randomness(changed, shares, message)
        assert rejected.value.check == "joint_randomness"
    other = prio3.decode_verifier_message(edited(message.encode(), 3))
    with pytest.raises(ReportRejected, match="seed of the message") as rejected:
        prio3.check_joint_randomness(public_share, shares, other)
    assert rejected.value.check == "joint_randomness"
