"""Clients that lie about their vector: each must be rejected by the check named here.

Every forger follows the protocol but for one false claim, and goes through the same sharing and
proving code as an honest client (:mod:`troth.privacy.secagg.sharing`). For tests and
demonstrations only. How often a forgery passes all the same is measured in
``tests/secagg/test_measured_soundness.py``.
"""

from dataclasses import replace
from functools import cache, partial, reduce
from itertools import count, islice

import numpy as np
import numpy.typing as npt

from troth.errors import ParameterError
from troth.privacy.secagg.encoding import checked_integers, encode_prefix, squared_norm, to_bits
from troth.privacy.secagg.field import Elements, Field, Integers
from troth.privacy.secagg.flp import split_rows
from troth.privacy.secagg.messages import InputShare, LeaderShare, PublicShare
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results

Report = tuple[PublicShare, list[InputShare]]

# A false norm


def shard_over_norm(pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes) -> Report:
    """Share a vector whose norm is above the bound, claiming that its norm is the bound.

    The norm bits are bits and in range, so only their link to the vector is false: rejected by
    ``norm_equality``.

    Raises:
        ParameterError: The norm is within the bound, so that there is nothing to forge.
    """
    integers = checked_integers(pine.parameters, vector)
    if squared_norm(integers) <= pine.parameters.sq_norm_bound:
        raise ParameterError("an over-norm forgery needs a vector above the norm bound")
    bits = _norm_bits(pine, pine.parameters.sq_norm_bound, 0)
    return _share(pine, integers, bits, nonce, rand)


def shard_norm_out_of_range(pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes) -> Report:
    """Share a vector above the bound with its true squared norm, leaving 0 to the bound.

    The norm bits are bits and name the norm; they and the rest do not add up to B²: rejected by
    ``validity``.

    Raises:
        ParameterError: The norm is within the bound, or its square has more bits than B².
    """
    integers = checked_integers(pine.parameters, vector)
    norm, bound = squared_norm(integers), pine.parameters.sq_norm_bound
    if not bound < norm < 1 << pine.num_bits_for_sq_norm:
        raise ParameterError(f"a squared norm of {norm} is not just above the bound of {bound}")
    return _share(pine, integers, _norm_bits(pine, norm, 0), nonce, rand)


def shard_norm_not_in_bits(pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes) -> Report:
    """Share any vector with its true squared norm, written as one "bit" that is no bit.

    The sums over the norm bits are right, whatever the norm: rejected by ``validity``.

    Raises:
        ParameterError: The squared norm and what is left to the bound are bits after all.
    """
    integers = checked_integers(pine.parameters, vector)
    norm, bound = squared_norm(integers), pine.parameters.sq_norm_bound
    if {norm, bound - norm} <= {0, 1}:
        raise ParameterError(f"a squared norm of {norm} of {bound} is written in bits")
    width = pine.num_bits_for_sq_norm
    bits = pine.field.zeros(2 * width)
    bits[0], bits[width] = norm % pine.field.modulus, (bound - norm) % pine.field.modulus
    return _share(pine, integers, bits, nonce, rand)


# A norm that wraps around the modulus


def vector_of_norm_zero(pine: Pine) -> Integers:
    """A vector of squared norm 0 modulo q whose second entry is over a quarter of the modulus.

    Its first two entries are a and a·i with i² = −1, for the least such a.

    Raises:
        ParameterError: The dimension is 1.
    """
    if pine.dimension < 2:
        raise ParameterError("a wraparound forgery needs at least two entries")
    modulus = pine.field.modulus
    root = pine.field.root_of_unity(4)
    first = next(a for a in range(1, modulus) if modulus < 4 * (a * root % modulus) < 3 * modulus)
    vector = np.zeros(pine.dimension, dtype=object)
    vector[:2] = first, first * root % modulus
    return vector


def vector_of_norm_two(pine: Pine) -> Integers:
    """A vector of squared norm 2 modulo q, all of it in one entry above the root of q."""
    # With z of order 8, (z + 1/z)² = z² + 2 + 1/z² and z² = −1/z².
    root = pine.field.root_of_unity(8)
    vector = np.zeros(pine.dimension, dtype=object)
    vector[0] = (root + pine.field.inverse(root)) % pine.field.modulus
    return vector


def shard_wraparound(pine: Pine, nonce: bytes, rand: bytes) -> Report:
    """Share a huge vector whose squared norm is 0 modulo q, with bits that say so.

    Only the wraparound checks can tell, each with probability ½. All are claimed to succeed, the
    failed ones with a false result: rejected by ``validity``.

    Raises:
        ParameterError: The dimension is 1.
    """
    return _share(pine, vector_of_norm_zero(pine), _norm_bits(pine, 0), nonce, rand)


def shard_root_of_two(pine: Pine, nonce: bytes, rand: bytes) -> Report:
    """Share one huge entry whose square is 2 modulo q, with norm bits that say so.

    As :func:`shard_wraparound`, for any dimension: rejected by ``validity``, unless the multiplier
    of that entry is 0 in every check, with probability ½ each.

    Raises:
        ParameterError: The norm bound is 1.
    """
    if pine.parameters.sq_norm_bound < 2:
        raise ParameterError("a squared norm of 2 is above the bound")
    return _share(pine, vector_of_norm_two(pine), _norm_bits(pine, 2), nonce, rand)


def shard_results_not_in_bits(pine: Pine, nonce: bytes, rand: bytes) -> Report:
    """Share a vector whose norm wraps around, with true results that are not written in bits.

    A result out of range stands in one "bit", so that each sum is right: rejected by
    ``validity``.

    Raises:
        ParameterError: The dimension is 1.
    """
    field, bound = pine.field, pine.wr_check_bound

    def claim_what_is(results: Integers) -> Elements:
        rows = _claim_in_range(pine, results).reshape(pine.parameters.num_wr_checks, -1)
        outside = ~_in_range(pine, results)
        rows[outside, :-1] = 0
        rows[outside, 0] = field.add(field.from_signed(results), bound - 1)[outside]
        return rows.reshape(-1)

    prefix = _prefix(pine, vector_of_norm_zero(pine), _norm_bits(pine, 0))
    return share_encoded(pine.derive, prefix, nonce, rand, claim_what_is)


def shard_success_not_a_bit(pine: Pine, nonce: bytes, rand: bytes) -> Report:
    """Share a vector whose norm wraps around, and count one success as all that are needed.

    The success bits add up, and the one check that is claimed holds: rejected by ``validity``.

    Raises:
        ParameterError: The dimension is 1, or one success is enough.
    """
    if pine.parameters.num_wr_successes == 1:
        raise ParameterError("one success of one is a bit")

    def claim_one(results: Integers) -> Elements:
        rows = _claim_in_range(pine, results).reshape(pine.parameters.num_wr_checks, -1)
        rows[:, -1] = 0
        rows[np.argmax(_in_range(pine, results)), -1] = pine.parameters.num_wr_successes
        return rows.reshape(-1)

    prefix = _prefix(pine, vector_of_norm_zero(pine), _norm_bits(pine, 0))
    return share_encoded(pine.derive, prefix, nonce, rand, claim_one)


def shard_successes(
    pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes, claimed: int
) -> Report:
    """Share an honest vector, claiming another number of successes than must be claimed.

    Rejected by ``validity``, whether successes are missing or too many.

    Raises:
        ParameterError: That number is the right one, or there are not so many checks.
    """
    if claimed == pine.parameters.num_wr_successes:
        raise ParameterError(f"{claimed} successes are what an honest client claims")
    if not 0 <= claimed <= pine.parameters.num_wr_checks:
        raise ParameterError(f"{claimed} of {pine.parameters.num_wr_checks} checks cannot succeed")

    def claim(results: Integers) -> Elements:
        rows = encode_results(pine.parameters, results).reshape(pine.parameters.num_wr_checks, -1)
        rows[:, -1] = np.arange(len(rows)) < claimed
        return rows.reshape(-1)

    prefix = encode_prefix(pine.parameters, checked_integers(pine.parameters, vector))
    return share_encoded(pine.derive, prefix, nonce, rand, claim)


# False proofs and commitments


def shard_tampered_proof(
    pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes, position: int = 0
) -> Report:
    """Share honestly, then change one element of the Leader's share of the proofs.

    Rejected by ``norm_equality`` if the position (modulo the length) lies in its proofs, which
    come first, and by ``validity`` otherwise.
    """
    public_share, input_shares = pine.shard_integers(vector, nonce, rand)
    leader, helpers = _leader_first(input_shares)
    proofs = leader.proofs.copy()
    at = position % len(proofs)
    proofs[at : at + 1] = pine.field.add(proofs[at : at + 1], 1)
    return public_share, [replace(leader, proofs=proofs), *helpers]


def guess_query_points(pine: Pine, report: Report, nonce: bytes) -> Report:
    """Mend the proofs of a false report so that they pass at as many query points as can be.

    To each gadget polynomial a multiple of one that vanishes at 2(P − 1) guessed points is added,
    so that the circuit's output becomes zero. No polynomial of that degree vanishes at more, so
    no false proof does better. Rejected as before, unless *every* proof of a false statement is
    queried at a guessed point: one of the first 2(P − 1) elements with t^P ≠ 1.
    """
    field, flps = pine.field, pine.derive.flps
    public_share, input_shares = report
    leader, helpers = _leader_first(input_shares)
    keys = (number.to_bytes(pine.VERIFY_KEY_SIZE, "big") for number in count())
    # Outputs do not depend on the query, so that any key shows them.
    key = next(key for key in keys if pine.query_points_usable(key, nonce))

    def outputs(proofs: Elements) -> list[Elements]:
        verifiers = [
            pine.verify_init(key, agg_id, nonce, public_share, share)[1].verifiers
            for agg_id, share in enumerate([replace(leader, proofs=proofs), *helpers])
        ]
        shapes = [(flp.proofs, flp.verifier_len) for flp in flps]
        return [rows[:, 0] for rows in split_rows(reduce(field.add, verifiers), shapes)]

    steps = []
    for flp in flps:
        step = field.zeros((flp.proofs, flp.proof_len))
        step[:, flp.circuit.arity :] = vanishing_at_guesses(field, flp.points)
        steps.append(step)
    moved = field.add(leader.proofs, np.concatenate([step.reshape(-1) for step in steps]))
    mends = []
    for step, before, after in zip(steps, outputs(leader.proofs), outputs(moved), strict=True):
        # Of 0, which cannot be mended, this power is 0.
        inverses = field.vector(
            pow(int(by), field.modulus - 2, field.modulus) for by in field.sub(before, after)
        )
        mends.append(field.mul(step, field.mul(before, inverses)[:, None]).reshape(-1))
    mended = field.add(leader.proofs, np.concatenate(mends))
    return public_share, [replace(leader, proofs=mended), *helpers]


def shard_false_commitment(pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes) -> Report:
    """Share honestly, and publish one wraparound part that is not that of its share.

    So the aggregators draw different signs, and their shares of a result no longer add up to one:
    rejected by ``validity``. Comparing the parts alone would reject it as ``joint_randomness``.
    """
    public_share, input_shares = pine.shard_integers(vector, nonce, rand)
    *parts, last = public_share.wraparound_parts
    false_part = bytes([last[0] ^ 1]) + last[1:]
    return replace(public_share, wraparound_parts=(*parts, false_part)), input_shares


# Steps of the above


def _norm_bits(pine: Pine, norm: int, rest: int | None = None) -> Elements:
    """The bits of a squared norm, and of what is left to the bound, whatever is true of them."""
    rest = pine.parameters.sq_norm_bound - norm if rest is None else rest
    return to_bits(pine.parameters, [norm, rest], pine.num_bits_for_sq_norm).reshape(-1)


@cache
def vanishing_at_guesses(field: Field, points: int) -> Elements:
    """The monic polynomial, lowest coefficient first, whose roots are 2(P − 1) query points."""
    usable = (t for t in range(field.modulus) if pow(t, points, field.modulus) != 1)
    polynomial = field.vector([1])
    for root in islice(usable, 2 * (points - 1)):
        higher, lower = field.zeros(len(polynomial) + 1), field.zeros(len(polynomial) + 1)
        higher[1:], lower[:-1] = polynomial, field.mul(polynomial, root)
        polynomial = field.sub(higher, lower)
    polynomial.flags.writeable = False
    return polynomial


def _in_range(pine: Pine, results: Integers) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (results > -pine.wr_check_bound) & (
        results <= pine.wr_check_bound
    )
    return inside


def _claim_in_range(pine: Pine, results: Integers) -> Elements:
    """Wraparound results, cut to their range."""
    bound = pine.wr_check_bound
    return encode_results(pine.parameters, np.clip(results, 1 - bound, bound))


def _prefix(pine: Pine, vector: Integers, norm_bits: Elements) -> Elements:
    return np.concatenate([pine.field.from_signed(vector), norm_bits])


def _share(pine: Pine, vector: Integers, norm_bits: Elements, nonce: bytes, rand: bytes) -> Report:
    """Share a vector with the norm bits of another, and wraparound results cut to their range."""
    prefix = _prefix(pine, vector, norm_bits)
    return share_encoded(pine.derive, prefix, nonce, rand, partial(_claim_in_range, pine))


def _leader_first(input_shares: list[InputShare]) -> tuple[LeaderShare, list[InputShare]]:
    leader, *helpers = input_shares
    if not isinstance(leader, LeaderShare):
        raise TypeError("the first input share is the Leader's")
    return leader, helpers
