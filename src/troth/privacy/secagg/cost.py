"""What one report costs: bytes on the wire, bytes through the XOF, operations on field elements.

Everything follows from the parameters; nothing is measured here. What grows with the dimension is
counted exactly, for the fast kernels; what does not (proofs of the validity circuit, seeds, query
points) is counted in bytes and left out of the operations.
"""

from dataclasses import dataclass

from troth.privacy.secagg.circuits import Statement
from troth.privacy.secagg.flp import Flp
from troth.privacy.secagg.messages import MessageDecoder
from troth.privacy.secagg.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Work:
    """What one party does for one report."""

    hashed: int
    """Bytes of measurement shares that commitments absorb."""
    expanded: int
    """Bytes drawn from the XOF for shares and signs, but for those that rejection sampling skips:
    a fraction of 2^-12 (Field32), 2^-20 (Field40) or 2^-32 (Field64) of what is kept."""
    signed_additions: int
    """Entries added, taken off or left out by the wraparound checks."""
    products: int
    """Products of field elements in the proof of norm equality, but for the padding of wires to
    whole blocks (of 64 or 8), which is less than half."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of every message of a report, and what its parties do."""

    public_share: int
    leader_share: int
    helper_share: int
    """Of each of the other aggregators."""
    verifier_share: int
    """From every aggregator to all."""
    verifier_message: int
    output_share: int
    """Also of an aggregate share."""
    upload: int
    """All that a client sends: the public share once, every input share once."""
    upload_per_entry: float
    """Bytes of upload over the dimension."""
    client: Work
    leader: Work
    helper: Work


def cost(parameters: Parameters, messages: MessageDecoder, norm_equality: Flp[Statement]) -> Cost:
    """The cost of one report of an instance, given its messages and its norm-equality proofs."""
    size, shares = parameters.field.encoded_size, parameters.shares
    prefix, measurement = parameters.prefix_len * size, parameters.measurement_len * size
    proofs = messages.proofs_len * size
    committed = prefix + measurement  # the first part binds the prefix, the second all of it
    drawn = parameters.num_wr_checks * -(-parameters.dimension // 4)
    additions = parameters.num_wr_checks * parameters.dimension
    query = norm_equality.proofs * parameters.dimension
    leader, helper = messages.input_share_size(0), messages.input_share_size(1)
    upload = messages.public_share_size + leader + (shares - 1) * helper
    return Cost(
        public_share=messages.public_share_size,
        leader_share=leader,
        helper_share=helper,
        verifier_share=messages.verifier_share_size,
        verifier_message=messages.verifier_message_size,
        output_share=messages.output_share_size,
        upload=upload,
        upload_per_entry=upload / parameters.dimension,
        client=Work(
            hashed=shares * committed,
            expanded=(shares - 1) * (measurement + proofs) + drawn,
            signed_additions=additions,
            products=_proof_products(parameters.dimension, norm_equality),
        ),
        leader=Work(committed, drawn, additions, query),
        helper=Work(committed, measurement + proofs + drawn, additions, query),
    )


def _proof_products(dimension: int, flp: Flp[Statement]) -> int:
    """Two transforms of every wire and a turn between them, then squares, and seeds by wires."""
    points, arity = flp.points, flp.circuit.arity
    transforms = 2 * (points // 2) * (points.bit_length() - 1)
    per_wire = transforms + points + points + flp.proofs * points
    return arity * per_wire + dimension
