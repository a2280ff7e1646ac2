"""Clients that lie about their vector: each must be rejected by the check named here.

Every forger follows the protocol but for one false claim, and goes through the same sharing and
proving code as an honest client (:mod:`troth.privacy.secagg.sharing`). For tests and
demonstrations only.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from troth.errors import ParameterError
from troth.privacy.secagg.encoding import checked_integers, squared_norm, to_bits
from troth.privacy.secagg.field import Elements, Integers
from troth.privacy.secagg.messages import InputShare, LeaderShare, PublicShare
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results

Report = tuple[PublicShare, list[InputShare]]


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
    bits = to_bits(pine.parameters, [pine.parameters.sq_norm_bound, 0], pine.num_bits_for_sq_norm)
    return _share(pine, integers, bits.reshape(-1), nonce, rand)


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


def shard_wraparound(pine: Pine, nonce: bytes, rand: bytes) -> Report:
    """Share a huge vector whose squared norm is 0 modulo q, with bits that say so.

    Its first two entries are a and a·i with i² = −1, for the least a for which the second is
    over a quarter of the modulus. Only the wraparound checks can tell, each with probability ½:
    rejected by ``validity``.

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
    bits = to_bits(pine.parameters, [0, pine.parameters.sq_norm_bound], pine.num_bits_for_sq_norm)
    return _share(pine, vector, bits.reshape(-1), nonce, rand)


def shard_tampered_proof(
    pine: Pine, vector: npt.ArrayLike, nonce: bytes, rand: bytes, position: int = 0
) -> Report:
    """Share honestly, then change one element of the Leader's share of the proofs.

    Rejected by ``norm_equality`` if the position (modulo the length) lies in its proofs, which
    come first, and by ``validity`` otherwise.
    """
    public_share, input_shares = pine.shard_integers(vector, nonce, rand)
    leader, *helpers = input_shares
    if not isinstance(leader, LeaderShare):
        raise TypeError("the first input share is the Leader's")
    proofs = leader.proofs.copy()
    at = position % len(proofs)
    proofs[at : at + 1] = pine.field.add(proofs[at : at + 1], 1)
    return public_share, [replace(leader, proofs=proofs), *helpers]


def _share(pine: Pine, vector: Integers, norm_bits: Elements, nonce: bytes, rand: bytes) -> Report:
    """Share a vector with the norm bits of another, and wraparound results cut to their range."""
    bound = pine.wr_check_bound

    def claim_in_range(results: Integers) -> Elements:
        return encode_results(pine.parameters, np.clip(results, 1 - bound, bound))

    prefix = np.concatenate([pine.field.from_signed(vector), norm_bits])
    return share_encoded(pine.derive, prefix, nonce, rand, claim_in_range)
