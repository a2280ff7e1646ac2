"""The client's side of PINE: split a vector into input shares, and prove what is claimed of it.

Nothing here asks whether the claims are true. :class:`troth.privacy.secagg.pine.Pine` calls it
with true ones, the forgers of :mod:`troth.testing.forgers` with false ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from troth.privacy.secagg import validate
from troth.privacy.secagg.circuits import Statement
from troth.privacy.secagg.derivation import Derivation
from troth.privacy.secagg.field import Elements, Integers, pieces, read_only
from troth.privacy.secagg.messages import HelperShare, InputShare, LeaderShare, PublicShare
from troth.privacy.secagg.xof import Xof

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
    validate.octets("nonce", nonce, NONCE_SIZE)
    validate.octets("rand", rand, parameters.rand_size)
    helpers, leader = _split_rand(rand, parameters.shares, parameters.seed_size)
    seeds_of: list[_LeaderSeeds | HelperShare] = [leader, *helpers]

    commitments = [
        derive.commitment((seeds.wraparound_blind, seeds.verification_blind), agg_id, nonce)
        for agg_id, seeds in enumerate(seeds_of)
    ]
    leader_share = field.zeros(parameters.measurement_len)
    leader_prefix, leader_claims = leader_share[:prefix_len], leader_share[prefix_len:]

    # The wraparound checks depend on a commitment to gradient and norm bits. So the Helpers'
    # streams are read twice: first the shares of those, then the shares of the claimed results.
    streams = [
        derive.measurement_share(helper.measurement_seed, agg_id)
        for agg_id, helper in enumerate(helpers, 1)
    ]
    leader_prefix[:] = prefix
    for stream, commitment in zip(streams, commitments[1:], strict=True):
        _take_off(derive, leader_prefix, stream, commitment.absorb_prefix)
    commitments[0].absorb_prefix(leader_prefix)
    wraparound_parts = tuple(commitment.wraparound_part() for commitment in commitments)
    signs = derive.wraparound_checks(derive.wraparound_seed(wraparound_parts))
    gradient, norm_bits = prefix[: parameters.dimension], prefix[parameters.dimension :]
    results = derive.kernels.run_checks(parameters, signs, gradient)

    leader_claims[:] = claims = claim_results(field.to_signed(results))
    for stream, commitment in zip(streams, commitments[1:], strict=True):
        _take_off(derive, leader_claims, stream, commitment.absorb_claims)
    commitments[0].absorb_claims(leader_claims)
    verification_parts = tuple(commitment.verification_part() for commitment in commitments)

    joint_randomness = derive.joint_randomness(derive.verification_seed(verification_parts))
    statement = Statement(gradient, np.concatenate([norm_bits, claims]), results)
    leader_proofs = _prove(derive, statement, leader.prove_seed, joint_randomness)
    for agg_id, helper in enumerate(helpers, 1):
        leader_proofs = field.sub(leader_proofs, derive.proof_shares(helper.proofs_seed, agg_id))
    return PublicShare(wraparound_parts, verification_parts), [
        LeaderShare(
            field,
            read_only(leader_share),
            read_only(leader_proofs),
            leader.wraparound_blind,
            leader.verification_blind,
        ),
        *helpers,
    ]


def _split_rand(rand: bytes, shares: int, seed_size: int) -> tuple[list[HelperShare], _LeaderSeeds]:
    seeds = [rand[start : start + seed_size] for start in range(0, len(rand), seed_size)]
    cut = 4 * (shares - 1)
    helpers = [HelperShare(*seeds[start : start + 4]) for start in range(0, cut, 4)]
    return helpers, _LeaderSeeds(*seeds[cut:])


def _take_off(
    derive: Derivation, leader: Elements, stream: Xof, absorb: Callable[[Elements], None]
) -> None:
    """Draw a Helper's share, commit to it, take it off the Leader's share *in place*.

    The Leader's share is what all Helpers' shares leave. A Helper's is never kept whole.
    """
    field = derive.parameters.field
    for piece in pieces(len(leader)):
        share = field.zeros(len(leader[piece]))
        derive.kernels.sample(stream, field, share)
        absorb(share)
        derive.kernels.subtract(field, leader[piece], share)


def _prove(
    derive: Derivation,
    statement: Statement,
    prove_seed: bytes,
    joint_randomness: Sequence[Elements],
) -> Elements:
    """All proofs of both circuits, in the order of the wire, in one vector."""
    proofs = [
        flp.prove(statement, rand, joint)
        for flp, rand, joint in zip(
            derive.flps, derive.prove_randomness(prove_seed), joint_randomness, strict=True
        )
    ]
    return np.concatenate([rows.reshape(-1) for rows in proofs])
