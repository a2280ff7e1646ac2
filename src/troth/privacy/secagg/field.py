"""The prime fields of PINE on NumPy arrays: codecs, arithmetic, signed integers.

Elements are integers in [0, q). A vector of them is an array of ``field.dtype``: ``uint32`` for
the 4-byte field, ``uint64`` for the 5- and 8-byte ones, and ``object`` (Python integers) for the
16-byte one. All operations are elementwise, broadcast, never work in place, and take and give
arrays of at least one dimension; a Python integer in [0, q) may stand for one operand.

The wire format is that of VDAF (draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/field.py``): each element
in ``encoded_size`` bytes, little-endian, and the elements of a vector one after the other.
"""

from collections.abc import Iterable, Iterator
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from troth.errors import DecodeError, EncodingError

Elements = npt.NDArray[Any]
"""Field elements, each in [0, q), in an array of the field's dtype."""

Integers = npt.NDArray[Any]
"""Signed integers: int64, or object where they may not fit."""

Buffer = bytes | memoryview
"""Bytes in memory that somebody may still own."""


PIECE = 1 << 14
"""Entries of a vector that are worked on at a time: few enough to stay in a processor's cache."""


def pieces(length: int) -> Iterator[slice]:
    """What cuts a vector of a length into its pieces."""
    return (slice(start, start + PIECE) for start in range(0, length, PIECE))


def read_only(values: Elements) -> Elements:
    """An array that its maker gives away: from now on nobody changes what a message holds."""
    values.flags.writeable = False
    return values


class Field:
    """A prime field in Python integers; the base of the vectorised ones.

    Attributes:
        name: As in the draft, for example ``Field40``.
        modulus: The prime q.
        encoded_size: Bytes per element.
        generator: An element of order 2^``log_order``.
        log_order: The largest size of a number-theoretic transform, as a power of two.
    """

    dtype: np.dtype[Any] = np.dtype(object)

    def __init__(
        self, name: str, *, modulus: int, encoded_size: int, generator: int, log_order: int
    ) -> None:
        self.name = name
        self.modulus = modulus
        self.encoded_size = encoded_size
        self.generator = generator
        self.log_order = log_order

    def __repr__(self) -> str:
        return self.name.upper()

    # Making vectors

    def zeros(self, shape: int | tuple[int, ...]) -> Elements:
        """An array of zeros."""
        return np.zeros(shape, dtype=self.dtype)

    def vector(self, values: Iterable[int]) -> Elements:
        """A vector of integers that already lie in [0, q).

        Raises:
            EncodingError: An integer lies outside, or something is no integer.
        """
        try:
            integers = [index(value) for value in values]
        except TypeError as problem:
            raise EncodingError(f"{self.name}: {problem}") from problem
        if any(not 0 <= value < self.modulus for value in integers):
            raise EncodingError(f"{self.name}: an integer lies outside [0, {self.modulus})")
        return np.array(integers, dtype=self.dtype)

    def contains(self, values: Elements) -> bool:
        """Whether all entries of an array of the field's dtype are elements of the field."""
        return all(type(value) is int and 0 <= value < self.modulus for value in values.flat)

    def from_signed(self, values: Integers) -> Elements:
        """Signed integers modulo q."""
        reduced: Elements = values.astype(object) % self.modulus
        return reduced

    def to_signed(self, values: Elements) -> Integers:
        """The representatives closest to zero: values above floor(q/2) are negative."""
        signed: Integers = np.where(values > self.modulus // 2, values - self.modulus, values)
        return signed

    # Arithmetic

    def add(self, left: Elements, right: Elements | int) -> Elements:
        """Sum, elementwise."""
        total: Elements = (left + right) % self.modulus
        return total

    def sub(self, left: Elements, right: Elements | int) -> Elements:
        """Difference, elementwise."""
        difference: Elements = (left - right) % self.modulus
        return difference

    def mul(self, left: Elements, right: Elements | int) -> Elements:
        """Product, elementwise."""
        product: Elements = (left * right) % self.modulus
        return product

    def sum(self, values: Elements, axis: int = -1) -> Elements:
        """Sum along one axis of an array of at least two dimensions."""
        total: Elements = values.sum(axis=axis) % self.modulus
        return total

    def inner(self, left: Elements, right: Elements) -> Elements:
        """Inner products along the last axis; the result needs at least one dimension."""
        return self.sum(self.mul(left, right))

    def signed_product(self, matrix: npt.NDArray[np.int8], vector: Elements) -> Elements:
        """A matrix of entries −1, 0, 1 times a vector: shapes (n, d) and (d,) give (n,)."""
        product: Elements = (matrix.astype(object) @ vector) % self.modulus
        return product

    def inverse(self, value: int) -> int:
        """The inverse of one element other than zero."""
        return pow(value, -1, self.modulus)

    def root_of_unity(self, size: int) -> int:
        """An element of order ``size``, a power of two up to 2^``log_order``."""
        return pow(self.generator, (1 << self.log_order) // size, self.modulus)

    def powers(self, bases: Elements, count: int) -> Elements:
        """For each base the powers 0 to ``count`` − 1: shape (n,) gives (n, count)."""
        table = self.zeros((len(bases), count))
        table[:, :1] = 1
        known, steps = 1, [int(base) for base in bases]
        while known < count:
            wanted = min(known, count - known)
            step = np.array(steps, dtype=self.dtype)[:, None]
            table[:, known : known + wanted] = self.mul(table[:, :wanted], step)
            known += wanted
            # A few squares are quicker in Python than in NumPy.
            steps = [value * value % self.modulus for value in steps]
        return table

    # Wire format

    def unpack(self, data: Buffer) -> Elements:
        """The little-endian integers in bytes; they may reach up to 256^``encoded_size`` − 1.

        A view of the bytes where memory holds integers as the wire does.
        """
        size = self.encoded_size
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        return np.array([int.from_bytes(piece, "little") for piece in pieces], dtype=object)

    def packed(self, values: Elements) -> Iterator[Buffer]:
        """The wire format of a vector, in pieces; a view where memory holds it as the wire does.

        Raises:
            EncodingError: An integer lies outside [0, q).
        """
        size = self.encoded_size
        yield b"".join(value.to_bytes(size, "little") for value in self.vector(values).tolist())

    def encode_vec(self, values: Elements | Iterable[int]) -> bytes:
        """The wire format of a vector.

        Raises:
            EncodingError: An integer lies outside [0, q).
        """
        if not isinstance(values, np.ndarray) or values.dtype != self.dtype:
            values = self.vector(values)
        return b"".join(self.packed(values))

    def decode_vec(self, data: Buffer) -> Elements:
        """The vector behind its wire format: a view of the bytes where :meth:`unpack` gives one.

        Raises:
            DecodeError: The length is no multiple of ``encoded_size``, or an integer is ≥ q.
        """
        if len(data) % self.encoded_size:
            raise DecodeError(
                f"{self.name}: {len(data)} bytes are no multiple of {self.encoded_size}"
            )
        values = self.unpack(data)
        if not self.contains(values):
            first = np.flatnonzero(values >= self.modulus)[0]
            raise DecodeError(f"{self.name}: element {first} is not below the modulus")
        return values


class _MachineField(Field):
    """A field whose elements are machine integers."""

    def from_signed(self, values: Integers) -> Elements:
        if values.dtype == object:
            return super().from_signed(values).astype(self.dtype)
        # The magnitude goes through uint64 because −2^63 has no positive int64.
        magnitude = np.where(values < 0, np.negative(values), values).astype(np.uint64)
        magnitude = magnitude % self.modulus
        flip = (values < 0) & (magnitude != 0)
        return np.where(flip, self.modulus - magnitude, magnitude).astype(self.dtype)

    def to_signed(self, values: Elements) -> Integers:
        # Unsigned subtraction wraps modulo 2^64, which is what two's complement means.
        wide = values.astype(np.uint64, copy=False)
        return np.where(wide > self.modulus // 2, wide - self.modulus, wide).astype(np.int64)

    def unpack(self, data: Buffer) -> Elements:
        return np.frombuffer(data, dtype=f"<u{self.encoded_size}").astype(self.dtype, copy=False)

    def packed(self, values: Elements) -> Iterator[Buffer]:
        self._check_range(values)
        yield np.ascontiguousarray(values, dtype=f"<u{self.encoded_size}").view(np.uint8).data

    def contains(self, values: Elements) -> bool:
        return not values.size or int(values.max()) < self.modulus

    def _check_range(self, values: Elements) -> None:
        if values.ndim != 1 or not self.contains(values):
            raise EncodingError(f"{self.name}: an integer lies outside [0, {self.modulus})")


class _FourByteField(_MachineField):
    """A modulus below 2^32: a product of two elements fits in 64 bits."""

    dtype = np.dtype(np.uint32)

    def add(self, left: Elements, right: Elements | int) -> Elements:
        return self.sub(left, self.modulus - right)

    def sub(self, left: Elements, right: Elements | int) -> Elements:
        # In 32 bits, where a difference below zero wraps, and 2^32 − q too much comes out. Here
        # alone the operand may be q, which stands for the zero that add takes the complement of.
        difference: Elements = left - right
        difference -= (left < right) * np.uint32(2**32 - self.modulus)
        return difference

    def mul(self, left: Elements, right: Elements | int) -> Elements:
        return self._reduce(np.multiply(left, right, dtype=np.uint64))

    def sum(self, values: Elements, axis: int = -1) -> Elements:
        return self._reduce(values.sum(axis=axis, dtype=np.uint64))

    def signed_product(self, matrix: npt.NDArray[np.int8], vector: Elements) -> Elements:
        # Each entry stays below d·2^32, far inside int64.
        return self.from_signed(matrix.astype(np.int64) @ vector.astype(np.int64))

    def _reduce(self, wide: npt.NDArray[np.uint64]) -> Elements:
        return np.remainder(wide, self.modulus, out=wide).astype(self.dtype)


class _WordField(_MachineField):
    """A field in 64-bit words: sums go through two limbs of 32 bits."""

    dtype = np.dtype(np.uint64)

    _HALF = np.uint64(32)
    _LOW = np.uint64(2**32 - 1)  # the mask of the low limb

    def sum(self, values: Elements, axis: int = -1) -> Elements:
        low = (values & self._LOW).sum(axis=axis) % self.modulus
        high = (values >> self._HALF).sum(axis=axis) % self.modulus
        return self.add(low, self.mul(high, 1 << 32))

    def signed_product(self, matrix: npt.NDArray[np.int8], vector: Elements) -> Elements:
        # Two limbs: each product stays below d·2^32, far inside int64.
        wide = matrix.astype(np.int64)
        low = self.from_signed(wide @ (vector & self._LOW).astype(np.int64))
        high = self.from_signed(wide @ (vector >> self._HALF).astype(np.int64))
        return self.add(low, self.mul(high, 1 << 32))


class _FiveByteField(_WordField):
    """A modulus below 2^40: products of an element and 20 bits of another fit in 64 bits."""

    _PART = np.uint64(20)
    _PART_MASK = np.uint64(2**20 - 1)

    def mul(self, left: Elements, right: Elements | int) -> Elements:
        factor = np.asarray(right, dtype=self.dtype)
        high = (left * (factor >> self._PART)) % self.modulus
        low = left * (factor & self._PART_MASK)
        product: Elements = ((high << self._PART) + low) % self.modulus
        return product

    def sub(self, left: Elements, right: Elements | int) -> Elements:
        difference: Elements = (left + (self.modulus - right)) % self.modulus
        return difference

    def unpack(self, data: Buffer) -> Elements:
        wire = np.frombuffer(data, dtype=np.uint8).reshape(-1, self.encoded_size)
        words = np.zeros((len(wire), 8), dtype=np.uint8)
        words[:, : self.encoded_size] = wire
        return words.view("<u8").reshape(-1).astype(self.dtype, copy=False)

    def packed(self, values: Elements) -> Iterator[Buffer]:
        self._check_range(values)
        for piece in pieces(len(values)):
            words = np.ascontiguousarray(values[piece], dtype="<u8")
            yield words.view(np.uint8).reshape(-1, 8)[:, : self.encoded_size].tobytes()


class _GoldilocksField(_WordField):
    """The modulus 2^64 − 2^32 + 1, for which 2^64 ≡ 2^32 − 1 and 2^96 ≡ −1."""

    def sum(self, values: Elements, axis: int = -1) -> Elements:
        low = (values & self._LOW).sum(axis=axis)
        high = (values >> self._HALF).sum(axis=axis)
        total = low + (high << self._HALF)
        return self._reduce(total, (high >> self._HALF) + (total < low))

    def add(self, left: Elements, right: Elements | int) -> Elements:
        left, right = self._arrays(left, right)
        total = left + right
        return np.where((total < left) | (total >= self.modulus), total - self.modulus, total)

    def sub(self, left: Elements, right: Elements | int) -> Elements:
        left, right = self._arrays(left, right)
        difference = left - right
        return np.where(left < right, difference + self.modulus, difference)

    def mul(self, left: Elements, right: Elements | int) -> Elements:
        left, right = self._arrays(left, right)
        left_low, left_high = left & self._LOW, left >> self._HALF
        right_low, right_high = right & self._LOW, right >> self._HALF
        # Schoolbook, in 32-bit limbs; a product and two more limbs still fit in 64 bits.
        low, high = left_low * right_low, left_high * right_high
        cross, middle = left_low * right_high, left_high * right_low
        cross += low >> self._HALF
        middle += cross & self._LOW
        high += cross >> self._HALF
        high += middle >> self._HALF
        low &= self._LOW
        low |= middle << self._HALF
        return self._reduce(low, high)

    def _arrays(self, left: Elements, right: Elements | int) -> tuple[Elements, Elements]:
        # Scalars of NumPy warn when they wrap, arrays do not; hence one dimension at least.
        if not isinstance(right, np.ndarray):
            right = np.asarray(right, dtype=self.dtype)
        return left if left.ndim else left[None], right if right.ndim else right[None]

    def _reduce(self, low: Elements, high: Elements) -> Elements:
        """Reduce high·2^64 + low in place: low + (low limb of high)·(2^32 − 1) − (its high limb).

        _LOW is 2^64 modulo q too, which is why it repairs what wrapped.
        """
        top = high >> self._HALF
        wrapped = low < top
        low -= top
        low -= wrapped * self._LOW
        high &= self._LOW
        high *= self._LOW
        low += high
        low += (low < high) * self._LOW
        low -= (low >= self.modulus) * np.uint64(self.modulus)
        return low


FIELD32 = _FourByteField(
    "Field32",
    modulus=4095 * 2**20 + 1,
    encoded_size=4,
    generator=3925978153,
    log_order=20,
)
"""Of PINE (``poc/field.py`` at 4d11ac8)."""

_MODULUS40 = 1048555 * 2**20 + 1
FIELD40 = _FiveByteField(
    "Field40",
    modulus=_MODULUS40,
    encoded_size=5,
    generator=pow(7, 1048555, _MODULUS40),
    log_order=20,
)
"""Of PINE (``poc/field.py`` at 4d11ac8)."""

_MODULUS64 = 2**64 - 2**32 + 1
FIELD64 = _GoldilocksField(
    "Field64",
    modulus=_MODULUS64,
    encoded_size=8,
    generator=pow(7, 2**32 - 1, _MODULUS64),
    log_order=32,
)
"""Of VDAF (draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/field.py``)."""

_MODULUS128 = 4611686018427387897 * 2**66 + 1
FIELD128 = Field(
    "Field128",
    modulus=_MODULUS128,
    encoded_size=16,
    generator=pow(7, 4611686018427387897, _MODULUS128),
    log_order=66,
)
"""Of VDAF (draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/field.py``)."""
