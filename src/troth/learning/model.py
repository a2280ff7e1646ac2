"""A model as a value: two vectors, and the one byte string that stands for them.

Everyone who finishes a round hashes these bytes, so there is exactly one encoding of a model:
magic, dimension (4 bytes, little-endian), weights, velocity (IEEE-754 binary64, little-endian).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import DecodeError, ParameterError

MAGIC = b"troth/model/v1\x00\x00"
"""Sixteen bytes that say what follows."""

_HEADER = len(MAGIC) + 4
_LITTLE_ENDIAN = np.dtype("<f8")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The state of a study between two rounds. Its arrays are read-only copies.

    Raises:
        ParameterError: Shapes that are not one and the same (d,) with d ≥ 1, or a number that is
            not finite.
    """

    weights: NDArray[np.float64]
    """w, float64 of shape (d,)."""
    velocity: NDArray[np.float64]
    """v, the momentum's memory; float64 of shape (d,)."""

    def __post_init__(self) -> None:
        for name in ("weights", "velocity"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.ndim != 1 or array.size == 0:
                raise ParameterError(f"{name} must be a vector, not of shape {array.shape}")
            if not np.isfinite(array).all():
                raise ParameterError(f"{name} holds NaN or infinity")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if self.weights.size != self.velocity.size:
            raise ParameterError(
                f"{self.weights.size} weights and {self.velocity.size} velocities do not pair up"
            )
        if self.weights.size >= 2**32:
            raise ParameterError(f"a model has fewer than 2^32 weights, not {self.weights.size}")

    @classmethod
    def zeros(cls, dimension: int) -> "Model":
        """The model that every study here starts from: w = 0, v = 0."""
        return cls(np.zeros(dimension), np.zeros(dimension))

    @property
    def dimension(self) -> int:
        """d, the number of weights."""
        return self.weights.size

    def __eq__(self, other: object) -> bool:
        """Equal when every bit is (0.0 and -0.0 differ, as their bytes do)."""
        return isinstance(other, Model) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def encode(self) -> bytes:
        """The canonical bytes, 20 + 16·d of them."""
        return b"".join(
            (
                MAGIC,
                self.dimension.to_bytes(4, "little"),
                self.weights.astype(_LITTLE_ENDIAN).tobytes(),
                self.velocity.astype(_LITTLE_ENDIAN).tobytes(),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Model":
        """The model of canonical bytes.

        Raises:
            DecodeError: Another magic, a length that the dimension does not explain to the byte,
                dimension 0, or a number that is not finite.
        """
        if len(encoded) < _HEADER or not encoded.startswith(MAGIC):
            raise DecodeError("not a model: the first 16 bytes are not its magic")
        dimension = int.from_bytes(encoded[len(MAGIC) : _HEADER], "little")
        expected = _HEADER + 2 * 8 * dimension
        if len(encoded) != expected:
            raise DecodeError(
                f"a model of dimension {dimension} has {expected} bytes, not {len(encoded)}"
            )
        numbers = np.frombuffer(encoded, dtype=_LITTLE_ENDIAN, offset=_HEADER)
        try:
            return cls(numbers[:dimension], numbers[dimension:])
        except ParameterError as error:
            raise DecodeError(f"not a model: {error}") from error
