"""The two circuits of PINE: is the norm what the norm bits say, and is everything in range?

Both run over the same statement: the measurement (gradient ‖ bits of the squared norm v ‖ bits of
u = B² − v ‖ per wraparound check its result's bits and its success bit), and the results of the
wraparound checks, which every aggregator computes on its own share. The draft describes one
circuit; its code and vectors have two (``poc/flp_pine.py`` at 4d11ac8).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from troth.privacy.secagg.field import Elements, Field, read_only
from troth.privacy.secagg.flp import Circuit
from troth.privacy.secagg.parameters import Parameters, count_calls


@cache
def _powers_of_two(field: Field, width: int) -> Elements:
    return read_only(field.powers(field.vector([2]), width))


def bits_to_values(field: Field, bits: Elements) -> Elements:
    """The numbers behind rows of bits, least significant first: shape (n, width) gives (n,)."""
    return field.inner(bits, _powers_of_two(field, bits.shape[-1]))


@dataclass(frozen=True, eq=False)
class Statement:
    """What the circuits are about, or one share of it."""

    gradient: Elements
    """Shape (dimension,)."""
    bits: Elements
    """The rest of the measurement, shape (bit_count,)."""
    results: Elements
    """Of the wraparound checks, shape (num_wr_checks,); computed by everyone, never sent."""


class NormEquality(Circuit[Statement]):
    """The squared norm over the integers modulo q equals the number in the norm bits.

    The gadget is a sum of squares. There is no joint randomness.
    """

    check = "norm_equality"
    joint_rand_len = 0

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.field = parameters.field
        self.arity = parameters.chunk_length_norm_equality
        self.calls = count_calls((parameters.dimension,), self.arity)

    def wires(self, measurement: Statement, joint_rand: Elements, shares: int) -> Elements:
        """The gradient in chunks, padded with zeros: shape (1, calls, arity)."""
        del joint_rand, shares  # nothing here is random, and no constant needs splitting
        padded = self.field.zeros(self.calls * self.arity)
        padded[: self.parameters.dimension] = measurement.gradient
        return padded.reshape(1, self.calls, self.arity)

    def gadget(self, inputs: Elements) -> Elements:
        """Sum of squares."""
        return self.field.inner(inputs, inputs)

    def output(
        self, measurement: Statement, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """The claimed squared norm minus the sum of squares."""
        del joint_rand, shares
        norm_bits = measurement.bits[: self.parameters.num_bits_for_sq_norm]
        claimed = bits_to_values(self.field, norm_bits[None])
        return self.field.sub(claimed, self.field.sum(gadget_outputs))


class Validity(Circuit[Statement]):
    """The norm is in range and the wraparound checks succeed, with bits that are bits.

    The gadget is a sum of products. Joint randomness per proof: one element to combine the bit
    checks, one for the wraparound checks, one for the four statements.
    """

    check = "validity"
    joint_rand_len = 3

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.field = parameters.field
        self.arity = 2 * parameters.chunk_length
        self.bit_calls = count_calls((parameters.bit_count,), parameters.chunk_length)
        self.check_calls = count_calls((parameters.num_wr_checks,), parameters.chunk_length)
        self.calls = self.bit_calls + self.check_calls

    def wires(self, measurement: Statement, joint_rand: Elements, shares: int) -> Elements:
        """First the bit checks r^i·b·(b − 1), then the wraparound checks r^i·(difference)·g."""
        field, parameters = self.field, self.parameters
        split = field.inverse(shares)
        bit_powers = field.powers(joint_rand[:, 0], parameters.bit_count)
        bit_inputs = self._chunks(
            field.mul(bit_powers, measurement.bits), field.sub(measurement.bits, split)
        )

        claimed, successes = self._claims(measurement)
        shift = (parameters.wr_check_bound - 1) * split % field.modulus
        difference = field.sub(measurement.results, field.sub(claimed, shift))
        check_powers = field.powers(joint_rand[:, 1], parameters.num_wr_checks)
        check_inputs = self._chunks(field.mul(check_powers, difference), successes)
        return np.concatenate([bit_inputs, check_inputs], axis=1)

    def gadget(self, inputs: Elements) -> Elements:
        """Sum of the products of neighbours."""
        return self.field.inner(inputs[..., 0::2], inputs[..., 1::2])

    def output(
        self, measurement: Statement, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """Bit checks + r·(range) + r²·(wraparound checks) + r³·(number of successes)."""
        field, parameters = self.field, self.parameters
        split = field.inverse(shares)
        bit_check = field.sum(gadget_outputs[:, : self.bit_calls])
        wraparound = field.sum(gadget_outputs[:, self.bit_calls :])

        norm_bits = measurement.bits[: 2 * parameters.num_bits_for_sq_norm]
        norm_and_rest = bits_to_values(field, norm_bits.reshape(2, -1))
        bound = parameters.sq_norm_bound * split % field.modulus
        in_range = field.sub(field.sum(norm_and_rest[None]), bound)

        successes = self._claims(measurement)[1]
        wanted = parameters.num_wr_successes * split % field.modulus
        enough = field.sub(field.sum(successes[None]), wanted)

        random = joint_rand[:, 2]
        total = field.add(field.mul(random, enough), wraparound)
        total = field.add(field.mul(random, total), in_range)
        return field.add(field.mul(random, total), bit_check)

    def _claims(self, measurement: Statement) -> tuple[Elements, Elements]:
        """Per wraparound check its claimed (shifted) result and its success bit."""
        parameters = self.parameters
        checks = measurement.bits[2 * parameters.num_bits_for_sq_norm :]
        table = checks.reshape(parameters.num_wr_checks, -1)
        return bits_to_values(parameters.field, table[:, :-1]), table[:, -1]

    def _chunks(self, left: Elements, right: Elements) -> Elements:
        """Pair (n, k) with (k,), pad with zeros to whole chunks: shape (n, calls, arity)."""
        proofs, entries = left.shape
        calls = count_calls((entries,), self.parameters.chunk_length)
        pairs = self.field.zeros((proofs, calls * self.parameters.chunk_length, 2))
        pairs[:, :entries, 0] = left
        pairs[:, :entries, 1] = right
        return pairs.reshape(proofs, calls, self.arity)
