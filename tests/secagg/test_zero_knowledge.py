"""What an aggregator sees is the same for every valid vector: shown by enumeration in toy fields.

A view is: the own input share, the public randomness, and the verifier share of the other one. The
XOF is idealised: prove randomness and a Helper's shares are uniform elements, all of which are
enumerated; signs, joint randomness and query points are public values, given here.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from troth.errors import ReportRejected
from troth.privacy.secagg import pine as pine_module
from troth.privacy.secagg.circuits import NormEquality, Statement, Validity
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.flp import Flp, split_rows
from troth.privacy.secagg.ntt import interpolate
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.wraparound import encode_results
from troth.testing.toy_fields import toy_field, toy_parameters

LEADER, HELPER = 0, 1


class Unguarded(Flp[Statement]):
    """Answers every query, also those that `Flp` refuses."""

    def points_usable(self, query_rand):
        del query_rand  # any will do
        return True


def all_vectors(field, length):
    """Every vector of so many elements: shape (q^length, length)."""
    return np.indices((field.modulus,) * length, dtype=field.dtype).reshape(length, -1).T


def numbered(field, rows):
    """One integer per row that stands for all of its elements: shape (n, k) gives (n,)."""
    total = np.zeros(len(rows), dtype=np.int64)
    for column in rows.T:
        total = total * field.modulus + column
    return total


def points(field, flp, usable):
    wanted = [t for t in range(field.modulus) if (pow(t, flp.points, field.modulus) != 1) == usable]
    assert len(wanted) == (field.modulus - flp.points if usable else flp.points)
    return wanted


# Everything enumerated: one entry over the field of 5 elements


def complete_views(flp, entry, point, viewer, claimed=None):
    """How often each view occurs over all prove randomness and all shares.

    The circuit reads the entry and one bit, its claimed squared norm: only these are shared.
    """
    field = flp.circuit.field
    plain = field.vector([entry % 5, entry**2 if claimed is None else claimed])
    choices = all_vectors(field, flp.prove_rand_len + flp.proof_len)
    seeds, helper_proofs = choices[:, : flp.prove_rand_len], choices[:, flp.prove_rand_len :]
    joint, query = field.zeros((len(choices), 0)), np.full(len(choices), point, field.dtype)
    proofs = flp.prove(statement(plain), seeds, joint)
    proof_shares = {LEADER: field.sub(proofs, helper_proofs), HELPER: helper_proofs}
    seen = []
    for helper_share in all_vectors(field, 2):
        shares = {LEADER: field.sub(plain, helper_share), HELPER: helper_share}
        other = 1 - viewer
        told = flp.query(statement(shares[other]), proof_shares[other], query, joint, 2)
        own = np.broadcast_to(shares[viewer], (len(choices), 2))
        seen.append(numbered(field, np.hstack([own, proof_shares[viewer], told])))
    return np.bincount(np.concatenate(seen), minlength=5 ** (2 + flp.proof_len + flp.verifier_len))


def statement(shared):
    none = shared[:0]
    return Statement(shared[:1], shared[1:], none)


@pytest.fixture(scope="module")
def one_entry():
    parameters = toy_parameters(toy_field(5), dimension=1, l2_norm_bound=1, num_wr_checks=0)
    # Four proof elements and one of prove randomness: a row for each of their values.
    flp = Unguarded(NormEquality(parameters), 5**5)
    assert (flp.points, flp.proof_len, flp.prove_rand_len) == (2, 4, 1)
    return flp


@pytest.mark.parametrize("viewer", [LEADER, HELPER])
def test_every_view_of_every_valid_entry_is_equally_likely(one_entry, viewer):
    for point in points(one_entry.circuit.field, one_entry, usable=True):
        views = [complete_views(one_entry, entry, point, viewer) for entry in (-1, 0, 1)]
        assert views[0].sum() == 5**7
        assert np.array_equal(views[0], views[1])
        assert np.array_equal(views[0], views[2])


@pytest.mark.parametrize("viewer", [LEADER, HELPER])
def test_a_view_at_an_interpolation_point_shows_the_entry(one_entry, viewer):
    """The negative control: at the point of the gadget's call, entries have different views.

    At the point 1 there is only the seed, which says nothing; `Flp` refuses it all the same.
    """
    assert points(one_entry.circuit.field, one_entry, usable=False) == [1, 4]
    views = {
        (point, entry): complete_views(one_entry, entry, point, viewer)
        for point, entry in product((1, 4), (-1, 0, 1))
    }
    for one, other in ((-1, 0), (-1, 1), (0, 1)):
        assert np.array_equal(views[1, one], views[1, other])
        # Not merely different: what is seen tells the entries apart every time.
        assert not np.any(views[4, one] & views[4, other])


def test_a_false_claim_has_another_view(one_entry):
    """The other control: what differs is seen to differ."""
    true = complete_views(one_entry, 1, 2, HELPER)
    assert not np.array_equal(true, complete_views(one_entry, 1, 2, HELPER, claimed=0))


# All prove randomness enumerated, given one's own share: both circuits over 17 elements

FIELD = toy_field(17)
MEASUREMENTS = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
SIGNS = [(0, 0), (1, 0), (1, 1), (-1, 1)]


def small_parameters(chunk_length_norm_equality=1):
    return toy_parameters(
        FIELD,
        dimension=2,
        l2_norm_bound=1,
        num_wr_checks=1,
        alpha=1.0,
        chunk_length_norm_equality=chunk_length_norm_equality,
    )


def encoded(parameters, vector, signs):
    """The statement of an honest client whose one wraparound check has these signs."""
    vector = np.array(vector)
    result = np.array([np.dot(signs, vector)])
    prefix = encode_prefix(parameters, vector)
    bits = np.concatenate([prefix[2:], encode_results(parameters, result)])
    return Statement(prefix[:2], bits, FIELD.from_signed(result))


def share_of(parameters, signs, rng):
    """Any share of a measurement; its share of the result follows from its gradient."""
    size = parameters.measurement_len
    shared = FIELD.vector(rng.integers(0, 17, size))
    result = FIELD.signed_product(np.array([signs], dtype=np.int8), shared[:2])
    return Statement(shared[:2], shared[2:], result)


def minus(one, other):
    return Statement(
        FIELD.sub(one.gradient, other.gradient),
        FIELD.sub(one.bits, other.bits),
        FIELD.sub(one.results, other.results),
    )


def conditional_views(circuit, whole, own, own_proof, public, *, guarded=True):
    """Per row of public values the sorted verifier shares of the other aggregator.

    One for each value of the prove randomness. The own share is a constant: for every measurement
    and all prove randomness it is uniform, because one of both shares is, and is subtracted.
    """
    seeds = all_vectors(FIELD, circuit.arity)
    rows = len(seeds) * len(public)
    flp = (Flp if guarded else Unguarded)(circuit, rows)
    public = np.repeat(public, len(seeds), axis=0)
    joint, query = public[:, :-1], public[:, -1]
    proofs = flp.prove(whole, np.tile(seeds, (rows // len(seeds), 1)), joint)
    told = flp.query(minus(whole, own), FIELD.sub(proofs, own_proof), query, joint, 2)
    return np.sort(numbered(FIELD, told).reshape(-1, len(seeds)), axis=1)


def views_of_all(circuit, parameters, signs, public, rng, *, guarded=True):
    own = share_of(parameters, signs, rng)
    own_proof = FIELD.vector(rng.integers(0, 17, Flp(circuit, 1).proof_len))
    return [
        conditional_views(
            circuit, encoded(parameters, vector, signs), own, own_proof, public, guarded=guarded
        )
        for vector in MEASUREMENTS
    ]


def public_values(circuit, usable):
    """Rows of joint randomness and a query point: every point, with zeros and other elements."""
    queries = points(FIELD, Flp(circuit, 1), usable)
    return FIELD.vector(
        value
        for *joint, t in product(*[(0, 7)] * circuit.joint_rand_len, queries)
        for value in (*joint, t)
    ).reshape(-1, circuit.joint_rand_len + 1)


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize(
    ("kind", "chunk_length"),
    [
        pytest.param(NormEquality, 1, id="norm equality, two calls"),
        pytest.param(NormEquality, 2, id="norm equality, two wires"),
        pytest.param(Validity, 1, id="validity"),
    ],
)
def test_given_ones_share_the_others_verifier_says_nothing(kind, chunk_length, signs, rng):
    parameters = small_parameters(chunk_length)
    circuit = kind(parameters)
    for _ in range(2):
        public = public_values(circuit, usable=True)
        first, *rest = views_of_all(circuit, parameters, signs, public, rng)
        assert all(np.array_equal(first, views) for views in rest)
        # All wire values occur, each once: they are uniform.
        assert all(len(np.unique(row)) == 17**circuit.arity for row in first)


@pytest.mark.parametrize(
    ("kind", "chunk_length", "calls"),
    [
        pytest.param(NormEquality, 1, [1, 2], id="norm equality, two calls"),
        pytest.param(NormEquality, 2, [1], id="norm equality, two wires"),
        # Both norm bits and both bits of the result; success and difference are 1 and 0 for all.
        pytest.param(Validity, 1, [1, 2, 3, 4], id="validity"),
    ],
)
def test_at_interpolation_points_the_others_verifier_shows_a_wire(kind, chunk_length, calls, rng):
    parameters = small_parameters(chunk_length)
    circuit = kind(parameters)
    public = public_values(circuit, usable=False)
    first, *rest = views_of_all(circuit, parameters, (1, 0), public, rng, guarded=False)
    shown = {int(t) for views in rest for t in public[(first != views).any(axis=1), -1]}
    root = FIELD.root_of_unity(Flp(circuit, 1).points)
    assert shown == {pow(root, call, 17) for call in calls}


# What the above rests on: the public share that is queried is the client's own


def explains(pine, vector, public_share, handed_over, verifier, query_rand):
    """Whether a guessed vector explains a verifier that was made under other joint randomness.

    The proof was made under the client's, so what the wires would have been at the query point is
    the verifier's wires less what the difference in randomness adds to them: linear in the vector.
    """
    field, derive = pine.field, pine.derive
    flp = derive.flps[1]
    prefix = encode_prefix(pine.parameters, vector)
    signs = derive.wraparound_checks(derive.wraparound_seed(public_share.wraparound_parts))
    gradient = prefix[: pine.dimension]
    results = pine.kernels.run_checks(pine.parameters, signs, gradient)
    claims = encode_results(pine.parameters, field.to_signed(results))
    statement = Statement(gradient, np.concatenate([prefix[pine.dimension :], claims]), results)
    powers = field.powers(query_rand, flp.points)
    lagrange = interpolate(field, powers[:, :, None])[:, :, 0]
    no_seeds = field.zeros((flp.proofs, flp.circuit.arity))
    wires = [
        flp._wires_at(lagrange, statement, no_seeds, joint_rand, 1)
        for joint_rand in (
            derive.joint_randomness(derive.verification_seed(share.verification_parts))[1]
            for share in (handed_over, public_share)
        )
    ]
    meant = field.sub(verifier[:, 1:-1], field.sub(*wires))
    return bool((flp.circuit.gadget(meant) == verifier[:, -1]).all())


@pytest.mark.parametrize("other", [False, True])
def test_a_public_share_from_another_aggregator_would_confirm_guesses(monkeypatch, rng, other):
    """The control: a Leader that hands its own public share to the Helper can tell two vectors
    apart, although the report is then refused. With the client's public share it cannot.
    """
    pine = Pine(
        "Pine64HmacSha256Aes128", shares=2, dimension=6, num_frac_bits=0, l2_norm_bound=100,
        proofs=2, proofs_norm_equality=2, num_wr_checks=20, num_wr_successes=20,
    )  # fmt: skip
    found = []
    for _ in range(6):
        vectors = [rng.integers(-30, 31, 6)]
        vectors.append(vectors[0] + np.eye(6, dtype=np.int64)[3])
        nonce, key = rng.bytes(16), rng.bytes(32)
        shared = int(rng.integers(2))
        public_share, inputs = pine.shard_integers(
            vectors[shared], nonce, rng.bytes(pine.RAND_SIZE)
        )
        parts = public_share.verification_parts
        handed_over = replace(public_share, verification_parts=(rng.bytes(32), parts[1]))
        used = handed_over if other else public_share
        helper = pine.verify_init(key, 1, nonce, used, inputs[1])[1]
        with monkeypatch.context() as patch:  # the Leader answers under the same randomness
            patch.setattr(pine_module, "_with_own", lambda parts, *_: parts)
            leader = pine.verify_init(key, 0, nonce, used, inputs[0])[1]
        total = pine.field.add(leader.verifiers, helper.verifiers)
        verifier = split_rows(total, [(flp.proofs, flp.verifier_len) for flp in pine.derive.flps])
        query_rand = pine.derive.query_randomness(key, nonce)[1]
        guesses = [
            explains(pine, vector, public_share, used, verifier[1], query_rand)
            for vector in vectors
        ]
        found.append(guesses == [shared == 0, shared == 1])
        if other:
            with pytest.raises(ReportRejected, match="validity"):
                pine.verifier_shares_to_message([leader, helper])
        else:
            assert guesses == [True, True]
    assert all(found) if other else not any(found)
