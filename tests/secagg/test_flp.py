import numpy as np
import pytest

from troth.errors import ReportRejected
from troth.privacy.secagg.circuits import NormEquality, Statement, Validity
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128, Elements, Field
from troth.privacy.secagg.flp import Flp, split_rows
from troth.privacy.secagg.ntt import evaluate, interpolate
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.wraparound import encode_results

FIELDS = [FIELD32, FIELD40, FIELD64, FIELD128]
one_variant_per_field = pytest.mark.parametrize(
    "variant", ["Pine32HmacSha256Aes128", "Pine40HmacSha256Aes128", "Pine64", "Pine128"]
)


def uniform(field: Field, rng: np.random.Generator, *shape: int) -> Elements:
    integers = [int.from_bytes(rng.bytes(32), "big") % field.modulus for _ in range(np.prod(shape))]
    return field.vector(integers).reshape(shape)


@pytest.mark.parametrize("field", FIELDS, ids=repr)
@pytest.mark.parametrize("size", [1, 2, 4, 16])
def test_transform_evaluates_at_roots_of_unity(field, size, rng):
    q, root = field.modulus, field.root_of_unity(size)
    coefficients = uniform(field, rng, 2, size, 3)
    values = evaluate(field, coefficients)
    for batch in range(2):
        for column in range(3):
            poly = [int(c) for c in coefficients[batch, :, column]]
            expected = [
                sum(c * pow(root, k * power, q) for power, c in enumerate(poly)) % q
                for k in range(size)
            ]
            assert [int(value) for value in values[batch, :, column]] == expected
    assert np.array_equal(interpolate(field, values), coefficients)


def flps(pine: Pine) -> list[Flp[Statement]]:
    return [Flp(circuit(pine.parameters), 2) for circuit in (NormEquality, Validity)]


def cut(pine: Pine, flat: Elements) -> Statement:
    """A measurement followed by wraparound results, as the circuits take them."""
    parameters = pine.parameters
    return Statement(*np.split(flat, [parameters.dimension, parameters.measurement_len]))


def valid(pine: Pine) -> Elements:
    """A valid measurement, with wraparound results that are all zero."""
    results = np.zeros(pine.parameters.num_wr_checks, dtype=np.int64)
    vector = np.array([3, -4, 0, 0, 12])
    return np.concatenate(
        [
            encode_prefix(pine.parameters, vector),
            encode_results(pine.parameters, results),
            pine.field.from_signed(results),
        ]
    )


@one_variant_per_field
def test_honest_proofs_are_accepted_in_shares(small, rng):
    field, shares = small.field, 3
    measurement = valid(small)
    for flp in flps(small):
        joint = uniform(field, rng, 2, flp.circuit.joint_rand_len)
        proofs = flp.prove(
            cut(small, measurement), uniform(field, rng, 2, flp.prove_rand_len), joint
        )
        assert proofs.shape == (2, flp.proof_len)
        query = uniform(field, rng, 2)
        verifier = field.zeros((2, flp.verifier_len))
        rest, proofs_rest = measurement, proofs
        for index in range(shares):
            last = index == shares - 1
            share = rest if last else uniform(field, rng, len(measurement))
            proof_share = proofs_rest if last else uniform(field, rng, *proofs.shape)
            rest, proofs_rest = field.sub(rest, share), field.sub(proofs_rest, proof_share)
            queried = flp.query(cut(small, share), proof_share, query, joint, shares)
            verifier = field.add(verifier, queried)
        flp.decide(verifier)


@one_variant_per_field
def test_every_changed_element_of_measurement_or_proof_is_noticed(small, rng):
    field = small.field
    measurement = valid(small)
    for flp in flps(small):
        joint = uniform(field, rng, 2, flp.circuit.joint_rand_len)
        proofs = flp.prove(
            cut(small, measurement), uniform(field, rng, 2, flp.prove_rand_len), joint
        )
        query = uniform(field, rng, 2)
        for position in range(0, flp.proof_len, 3):
            changed = proofs.copy()
            changed[1, position : position + 1] = field.add(changed[1, position : position + 1], 1)
            with pytest.raises(ReportRejected, match="proof 1"):
                flp.decide(flp.query(cut(small, measurement), changed, query, joint, 1))
    norm_equality, validity = flps(small)
    joint = uniform(field, rng, 2, 3)
    prefix_len = small.parameters.prefix_len
    # Rows of wraparound bits are alike; a stride that is no divisor of theirs meets every column.
    for position in [*range(prefix_len), *range(prefix_len, len(measurement), 17)]:
        changed = measurement.copy()
        changed[position : position + 1] = field.add(changed[position : position + 1], 2)
        flp = norm_equality if position < small.dimension else validity
        proofs = flp.prove(cut(small, changed), uniform(field, rng, 2, flp.prove_rand_len), joint)
        with pytest.raises(ReportRejected, match=flp.circuit.check):
            flp.decide(flp.query(cut(small, changed), proofs, uniform(field, rng, 2), joint, 1))


@one_variant_per_field
def test_query_points_that_reveal_a_wire_are_refused(small, rng):
    field = small.field
    measurement = valid(small)
    for flp in flps(small):
        joint = uniform(field, rng, 2, flp.circuit.joint_rand_len)
        proofs = flp.prove(
            cut(small, measurement), uniform(field, rng, 2, flp.prove_rand_len), joint
        )
        root = field.root_of_unity(flp.points)
        for power in (0, 1, flp.points - 1):
            points = field.vector([7, pow(root, power, field.modulus)])
            assert not flp.points_usable(points)
            with pytest.raises(ReportRejected) as rejected:
                flp.query(cut(small, measurement), proofs, points, joint, 1)
            assert rejected.value.check == "query"
        assert flp.points_usable(field.vector([0, field.root_of_unity(2 * flp.points)]))


def test_rows_are_cut_in_order():
    vector = FIELD32.vector(range(10))
    first, second, third = split_rows(vector, [(2, 3), (1, 0), (4, 1)])
    assert first.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert second.shape == (1, 0)
    assert third.tolist() == [[6], [7], [8], [9]]
