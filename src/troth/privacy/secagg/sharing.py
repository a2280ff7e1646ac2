"""The client's side of PINE: split a vector into input shares, and prove what is claimed of it.

Nothing here asks whether the claims are true. :class:`troth.privacy.secagg.pine.Pine` calls it
with true ones, the forgers of :mod:`troth.testing.forgers` with false ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from troth.privacy.secagg import validate
from troth.privacy.secagg.derivation import Derivation
from troth.privacy.secagg.field import Elements, Field, Integers
from troth.privacy.secagg.messages import HelperShare, InputShare, LeaderShare, PublicShare
from troth.privacy.secagg.wraparound import run_checks

NONCE_SIZE = 16


@dataclass(frozen=True)
class _LeaderSeeds:
    """The last three seeds of the client's randomness."""

    wraparound_blind: bytes
    verification_blind: bytes
    prove_seed: bytes


def share_encoded(
    derive: Derivation,
    prefix: Elements,
    nonce: bytes,
    rand: bytes,
    claim_results: Callable[[Integers], Elements],
) -> tuple[PublicShare, list[InputShare]]:
    """Share an encoded vector with proofs of whatever is claimed; run by the client.

    Args:
        derive: The derivations of the instance.
        prefix: Gradient ‖ norm bits, shape (prefix_len,).
        nonce: NONCE_SIZE bytes, public, one per report.
        rand: ``rand_size`` bytes, secret and uniform, never used twice.
        claim_results: From the true results of the wraparound checks, as signed integers, to the
            bits that claim something about them.

    Returns:
        The public share for all aggregators, and one input share for each.

    Raises:
        ParameterError: A wrong length of nonce or rand.
    """
    parameters = derive.parameters
    field, prefix_len = parameters.field, parameters.prefix_len
    validate.size("nonce", nonce, NONCE_SIZE)
    validate.size("rand", rand, parameters.rand_size)
    helpers, leader = _split_rand(rand, parameters.shares, parameters.seed_size)
    seeds_of: list[_LeaderSeeds | HelperShare] = [leader, *helpers]

    # The wraparound checks depend on a commitment to gradient and norm bits. So the Helpers'
    # streams are read twice: first the shares of those, then the shares of the claimed results.
    streams = [
        derive.measurement_share(helper.measurement_seed, agg_id)
        for agg_id, helper in enumerate(helpers, 1)
    ]
    prefix_shares = _share(field, prefix, [xof.next_vec(field, prefix_len) for xof in streams])
    wraparound_parts = tuple(
        derive.wraparound_part(seeds.wraparound_blind, agg_id, nonce, share)
        for agg_id, (seeds, share) in enumerate(zip(seeds_of, prefix_shares, strict=True))
    )
    signs = derive.wraparound_checks(derive.wraparound_seed(wraparound_parts))
    results = run_checks(parameters, signs, prefix[: parameters.dimension])
    claims = claim_results(field.to_signed(results))
    claim_shares = _share(field, claims, [xof.next_vec(field, len(claims)) for xof in streams])

    measurement_shares = [
        np.concatenate(pieces) for pieces in zip(prefix_shares, claim_shares, strict=True)
    ]
    verification_parts = tuple(
        derive.verification_part(seeds.verification_blind, agg_id, nonce, share)
        for agg_id, (seeds, share) in enumerate(zip(seeds_of, measurement_shares, strict=True))
    )
    joint_randomness = derive.joint_randomness(derive.verification_seed(verification_parts))
    proofs = _prove(derive, [prefix, claims, results], leader.prove_seed, joint_randomness)
    proof_shares = _share(
        field,
        proofs,
        [derive.proof_shares(seeds.proofs_seed, agg_id) for agg_id, seeds in enumerate(helpers, 1)],
    )
    leader_share = LeaderShare(
        field,
        measurement_shares[0],
        proof_shares[0],
        leader.wraparound_blind,
        leader.verification_blind,
    )
    return PublicShare(wraparound_parts, verification_parts), [leader_share, *helpers]


def _split_rand(rand: bytes, shares: int, seed_size: int) -> tuple[list[HelperShare], _LeaderSeeds]:
    seeds = [rand[start : start + seed_size] for start in range(0, len(rand), seed_size)]
    cut = 4 * (shares - 1)
    helpers = [HelperShare(*seeds[start : start + 4]) for start in range(0, cut, 4)]
    return helpers, _LeaderSeeds(*seeds[cut:])


def _share(field: Field, vector: Elements, helper_shares: list[Elements]) -> list[Elements]:
    """The Leader's share is what the Helpers' shares leave; it comes first."""
    leader_share = vector
    for share in helper_shares:
        leader_share = field.sub(leader_share, share)
    return [leader_share, *helper_shares]


def _prove(
    derive: Derivation,
    pieces: Sequence[Elements],
    prove_seed: bytes,
    joint_randomness: Sequence[Elements],
) -> Elements:
    """All proofs of both circuits, in the order of the wire, in one vector."""
    measurement = np.concatenate(pieces)
    proofs = [
        flp.prove(measurement, rand, joint)
        for flp, rand, joint in zip(
            derive.flps, derive.prove_randomness(prove_seed), joint_randomness, strict=True
        )
    ]
    return np.concatenate([rows.reshape(-1) for rows in proofs])
