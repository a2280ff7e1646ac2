"""The statements that Prio3 proves: a bit, an integer of some bits, a vector of those, one bucket.

Each circuit comes with the encoding that it checks: how a client turns its measurement into field
elements, what of them is added up, and what the sum means. They are ``Count``, ``Sum``, ``SumVec``
and ``Histogram`` of draft-irtf-cfrg-vdaf-11 (section 7, ``poc/vdaf_poc/flp_bbcggi19.py``): one
gadget of degree 2 each, with inputs that are affine in the measurement. Later drafts have another
``Sum``, over an interval instead of bits.
"""

import operator
from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, SupportsIndex, TypeVar

import numpy as np

from troth.errors import EncodingError, ParameterError
from troth.privacy.secagg import validate
from troth.privacy.secagg.circuits import bits_to_values
from troth.privacy.secagg.field import FIELD64, FIELD128, Elements, Field
from troth.privacy.secagg.flp import Circuit, proof_len
from troth.privacy.secagg.parameters import count_calls

MeasurementT = TypeVar("MeasurementT")
ResultT = TypeVar("ResultT")

_MOST_ELEMENTS = 1 << 32
"""Elements of an encoded measurement; far above what memory allows, far below what the field's
transforms allow."""


class EncodingCircuit(Circuit[Elements], Generic[MeasurementT, ResultT]):
    """A circuit together with the encoding of measurements that it checks.

    Attributes:
        measurement_len: Elements of an encoded measurement.
        output_len: Elements of what is added up.
        largest: The largest entry that one valid measurement adds to the sum.
    """

    check = "validity"
    measurement_len: int
    output_len: int
    largest: int

    @abstractmethod
    def encode(self, measurement: MeasurementT) -> Elements:
        """The elements that stand for a measurement, shape (measurement_len,); by the client.

        Raises:
            EncodingError: The measurement is out of range.
        """

    @abstractmethod
    def truncate(self, measurement: Elements) -> Elements:
        """The (share of the) part that is added up, shape (output_len,)."""

    @abstractmethod
    def decode(self, total: list[int], num_measurements: int) -> ResultT:
        """The result behind a sum of entries that are each in 0 … num_measurements·largest.

        Raises:
            ParameterError: So many measurements cannot have this sum.
        """


class Count(EncodingCircuit[SupportsIndex, int]):
    """The measurement is 0 or 1: the gadget multiplies it with itself."""

    field = FIELD64
    arity = 2
    calls = 1
    joint_rand_len = 0
    measurement_len = 1
    output_len = 1
    largest = 1

    def encode(self, measurement: SupportsIndex) -> Elements:
        """The bit itself."""
        return self.field.vector([_below("measurement", measurement, 2)])

    def truncate(self, measurement: Elements) -> Elements:
        """All of it."""
        return measurement

    def decode(self, total: list[int], num_measurements: int) -> int:
        """How many measurements were 1."""
        del num_measurements  # nothing beyond the range of the sum
        return total[0]

    def wires(self, measurement: Elements, joint_rand: Elements, shares: int) -> Elements:
        """The measurement, twice: shape (1, 1, 2)."""
        del joint_rand, shares  # nothing here is random, and no constant needs splitting
        return np.repeat(measurement, 2).reshape(1, 1, 2)

    def gadget(self, inputs: Elements) -> Elements:
        """Product of the two inputs."""
        return self.field.mul(inputs[..., 0], inputs[..., 1])

    def output(
        self, measurement: Elements, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """Zero if the measurement is its own square."""
        del joint_rand, shares
        return self.field.sub(gadget_outputs[:, 0], measurement)


class Sum(EncodingCircuit[SupportsIndex, int]):
    """The measurement is an integer in 0 … 2^bits − 1, given by its bits.

    The gadget is x² − x, called once per bit. Joint randomness: one element r, which weighs the
    check of bit i by r^(i + 1).

    Raises:
        ParameterError: ``bits`` outside 1 … 127.
    """

    field = FIELD128
    arity = 1
    joint_rand_len = 1
    output_len = 1

    def __init__(self, bits: int) -> None:
        self.bits = _checked_bits(self.field, bits)
        self.calls = self.measurement_len = self.bits
        self.largest = 2**bits - 1

    def encode(self, measurement: SupportsIndex) -> Elements:
        """The bits, least significant first."""
        value = _below("measurement", measurement, self.largest + 1)
        return self.field.vector(_bits(value, self.bits))

    def truncate(self, measurement: Elements) -> Elements:
        """The integer behind the bits."""
        return bits_to_values(self.field, measurement[None])

    def decode(self, total: list[int], num_measurements: int) -> int:
        """The sum of the integers."""
        del num_measurements  # nothing beyond the range of the sum
        return total[0]

    def wires(self, measurement: Elements, joint_rand: Elements, shares: int) -> Elements:
        """One bit per call: shape (1, bits, 1)."""
        del joint_rand, shares  # the gadget is the same in every proof, and has no constant term
        return measurement.reshape(1, -1, 1)

    def gadget(self, inputs: Elements) -> Elements:
        """x² − x."""
        value = inputs[..., 0]
        return self.field.sub(self.field.mul(value, value), value)

    def output(
        self, measurement: Elements, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """Zero if every bit is one, except where r is a root of the folded checks."""
        del measurement, shares
        weights = _powers_from_one(self.field, joint_rand[:, 0], self.bits)
        return self.field.inner(weights, gadget_outputs)


class _ChunkedBits(EncodingCircuit[MeasurementT, ResultT]):
    """Many bits, checked ``chunk_length`` at a time: the gadget is a sum of products.

    For bit b number i the gadget gets the pair r^(i + 1)·b and b − 1, whose product is zero if b
    is a bit; r is the first element of joint randomness. The last chunk is padded with b = 0.
    """

    field = FIELD128

    def __init__(self, bit_count: int, chunk_length: int | None) -> None:
        if bit_count > _MOST_ELEMENTS:
            raise ParameterError(f"{bit_count} bits per measurement, at most {_MOST_ELEMENTS}")
        self.measurement_len = bit_count
        if chunk_length is None:
            chunk_length = cheapest_chunk_length(bit_count)
        self.chunk_length = validate.integer("chunk_length", chunk_length, 1, _MOST_ELEMENTS)
        self.arity = 2 * chunk_length
        self.calls = count_calls((bit_count,), chunk_length)

    def wires(self, measurement: Elements, joint_rand: Elements, shares: int) -> Elements:
        """The pairs, in chunks: shape (n, calls, arity)."""
        field, slots = self.field, self.calls * self.chunk_length
        bits = field.zeros(slots)
        bits[: self.measurement_len] = measurement
        weights = _powers_from_one(field, joint_rand[:, 0], slots)
        less_one = np.broadcast_to(field.sub(bits, field.inverse(shares)), weights.shape)
        pairs = np.stack([field.mul(weights, bits), less_one], axis=-1)
        return pairs.reshape(len(weights), self.calls, self.arity)

    def gadget(self, inputs: Elements) -> Elements:
        """Sum of the products of pairs."""
        pairs = inputs.reshape(*inputs.shape[:-1], self.chunk_length, 2)
        return self.field.inner(pairs[..., 0], pairs[..., 1])

    def output(
        self, measurement: Elements, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """Zero if every bit is one, except where r is a root of the folded checks."""
        del measurement, joint_rand, shares
        return self.field.sum(gadget_outputs)


class SumVec(_ChunkedBits[Sequence[SupportsIndex], list[int]]):
    """The measurement is a vector of ``length`` integers in 0 … 2^bits − 1, given by their bits.

    Raises:
        ParameterError: ``length`` below 1, ``bits`` outside 1 … 127, ``chunk_length`` below 1, or
            too many bits altogether.
    """

    joint_rand_len = 1

    def __init__(self, length: int, bits: int, chunk_length: int | None) -> None:
        self.output_len = validate.integer("length", length, 1, _MOST_ELEMENTS)
        self.bits = _checked_bits(self.field, bits)
        self.largest = 2**bits - 1
        super().__init__(length * bits, chunk_length)

    def encode(self, measurement: Sequence[SupportsIndex]) -> Elements:
        """The bits of every entry, least significant first."""
        if not isinstance(measurement, Sequence | np.ndarray):
            raise EncodingError(f"{type(measurement).__name__} is no sequence of integers")
        validate.size("measurement", measurement, self.output_len)
        values = [
            _below(f"entry {index}", entry, self.largest + 1)
            for index, entry in enumerate(measurement)
        ]
        return self.field.vector(bit for value in values for bit in _bits(value, self.bits))

    def truncate(self, measurement: Elements) -> Elements:
        """The integers behind the bits."""
        return bits_to_values(self.field, measurement.reshape(self.output_len, self.bits))

    def decode(self, total: list[int], num_measurements: int) -> list[int]:
        """The sum of the vectors."""
        del num_measurements  # nothing beyond the range of the sums
        return total


class Histogram(_ChunkedBits[SupportsIndex, list[int]]):
    """The measurement is the index of one of ``length`` buckets, given as a one among zeros.

    Joint randomness: r folds the bit checks, and a second element combines them with the check
    that the entries add up to 1.

    Raises:
        ParameterError: ``length`` or ``chunk_length`` below 1 or far too large.
    """

    joint_rand_len = 2
    largest = 1

    def __init__(self, length: int, chunk_length: int | None) -> None:
        self.output_len = validate.integer("length", length, 1, _MOST_ELEMENTS)
        super().__init__(length, chunk_length)

    def encode(self, measurement: SupportsIndex) -> Elements:
        """A one in the bucket, zeros elsewhere."""
        encoded = self.field.zeros(self.output_len)
        encoded[_below("bucket", measurement, self.output_len)] = 1
        return encoded

    def truncate(self, measurement: Elements) -> Elements:
        """All of it."""
        return measurement

    def decode(self, total: list[int], num_measurements: int) -> list[int]:
        """How many measurements were in each bucket; every measurement is in one."""
        if sum(total) != num_measurements:
            raise ParameterError(
                f"aggregate shares: {sum(total)} in all buckets, expected {num_measurements}"
            )
        return total

    def output(
        self, measurement: Elements, joint_rand: Elements, gadget_outputs: Elements, shares: int
    ) -> Elements:
        """With the second random element s: s·(bit checks) + s²·(sum of all entries − 1)."""
        field, weight = self.field, joint_rand[:, 1]
        bit_checks = super().output(measurement, joint_rand, gadget_outputs, shares)
        one_bucket = field.sub(field.sum(measurement[None]), field.inverse(shares))
        return field.mul(weight, field.add(bit_checks, field.mul(weight, one_bucket)))


def cheapest_chunk_length(bit_count: int) -> int:
    """The chunk length with the shortest proof; the smaller of two that are equal.

    A proof grows with the least power of two above the number of chunks. So the best choice is,
    for one of these powers, the smallest chunk that stays below it.
    """
    powers = range(1, bit_count.bit_length() + 1)
    chunks = {-(-bit_count // ((1 << power) - 1)) for power in powers}
    lengths = {chunk: proof_len(2 * chunk, count_calls((bit_count,), chunk)) for chunk in chunks}
    return min(chunks, key=lambda chunk: (lengths[chunk], chunk))


def _below(name: str, value: SupportsIndex, end: int) -> int:
    """The integer, Python's or NumPy's, if it lies in 0 … end − 1."""
    try:
        integer = operator.index(value)
    except TypeError:
        raise EncodingError(f"{name} must be an integer, not {value!r}") from None
    if isinstance(value, bool):
        raise EncodingError(f"{name} must be an integer, not {value!r}")
    if not 0 <= integer < end:
        raise EncodingError(f"{name} is {integer}, expected 0 to {end - 1}")
    return integer


def _bits(value: int, width: int) -> list[int]:
    return [value >> position & 1 for position in range(width)]


def _checked_bits(field: Field, bits: int) -> int:
    # All integers of so many bits must be below the modulus.
    return validate.integer("bits", bits, 1, field.modulus.bit_length() - 1)


def _powers_from_one(field: Field, bases: Elements, count: int) -> Elements:
    """For each base the powers 1 to ``count``: shape (n,) gives (n, count)."""
    return field.powers(bases, count + 1)[:, 1:]
