"""From a client's numbers to the elements that are shared, and from a sum back to numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from troth.errors import EncodingError, ParameterError
from troth.privacy.secagg.field import Elements, Integers, pieces
from troth.privacy.secagg.parameters import Parameters

_INT64 = np.iinfo(np.int64)


def checked_floats(parameters: Parameters, measurement: npt.ArrayLike) -> npt.NDArray[Any]:
    """A measurement as an array of numbers, whose values nobody has looked at.

    Raises:
        EncodingError: It is no array of real numbers.
        ParameterError: It has another length than ``dimension``.
    """
    floats = _as_array(measurement)
    if floats.dtype.kind not in "fiu":
        raise EncodingError(f"a measurement of {floats.dtype} is not one of floats")
    _check_shape(parameters, floats.shape)
    return floats


def quantise(parameters: Parameters, measurement: npt.ArrayLike) -> Integers:
    """Multiply by 2^num_frac_bits and round to the nearest integer, ties to even.

    Raises:
        EncodingError: An entry is NaN, infinite or subnormal, or is no float.
        ParameterError: The measurement has another length than ``dimension``.
    """
    return quantise_entries(parameters, checked_floats(parameters, measurement))


def quantise_entries(parameters: Parameters, entries: npt.NDArray[Any]) -> Integers:
    """The same for any part of a measurement."""
    floats = entries.astype(np.float64, copy=False)
    magnitudes = np.abs(floats)
    if not np.all(magnitudes < np.inf):
        raise EncodingError("a measurement may hold neither NaN nor infinities")
    if np.any((magnitudes < np.finfo(np.float64).smallest_normal) & (magnitudes != 0)):
        raise EncodingError("a measurement may not hold subnormal numbers")
    # A power of two multiplies exactly unless it overflows, and then the norm is above any bound.
    with np.errstate(over="ignore"):
        scaled = np.rint(floats * 2.0**parameters.num_frac_bits)
    largest = np.abs(scaled).max()
    if largest == np.inf:
        raise EncodingError("an entry is too large to be a fixed-point number")
    if largest < 2.0**63:
        integers: Integers = scaled.astype(np.int64)
        return integers
    return np.array([int(entry) for entry in scaled], dtype=object)


def checked_integers(parameters: Parameters, vector: npt.ArrayLike) -> Integers:
    """A vector that is quantised already, as int64 or Python integers.

    Raises:
        EncodingError: It holds something else than integers.
        ParameterError: The vector has another length than ``dimension``.
    """
    return integer_entries(checked_vector(parameters, vector))


def checked_vector(parameters: Parameters, vector: npt.ArrayLike) -> npt.NDArray[Any]:
    """The same, as an array of integers of any kind: not converted yet.

    Raises:
        EncodingError: It holds something else than integers.
        ParameterError: The vector has another length than ``dimension``.
    """
    if isinstance(vector, list | tuple) and all(type(entry) is int for entry in vector):
        # Left to itself, NumPy makes floats of integers that no machine word holds.
        integers = np.array(vector, dtype=object)
    else:
        integers = _as_array(vector)
    _check_shape(parameters, integers.shape)
    if integers.dtype.kind in "iu":
        return integers
    if integers.dtype == object and all(type(entry) is int for entry in integers):
        return integers
    raise EncodingError(f"a vector of {integers.dtype} is not one of integers")


def integer_entries(entries: npt.NDArray[Any]) -> Integers:
    """Integers of any kind as int64, or as Python integers where one does not fit."""
    may_be_wide = entries.dtype in (np.dtype(object), np.dtype(np.uint64))
    if may_be_wide and not _INT64.min <= entries.min() <= entries.max() <= _INT64.max:
        return entries.astype(object)
    return entries.astype(np.int64, copy=False)


def squared_norm(vector: Integers) -> int:
    """The squared L2 norm over the integers, never modulo a machine word."""
    largest = max(abs(int(vector.max())), abs(int(vector.min())))
    if len(vector) * largest**2 <= _INT64.max:
        return int(np.dot(vector, vector))
    return sum(int(entry) ** 2 for entry in vector)


def check_norm(parameters: Parameters, norm: int) -> None:
    """Refuse a squared norm above the bound.

    Raises:
        EncodingError: It is.
    """
    if norm > parameters.sq_norm_bound:
        raise EncodingError(
            f"the vector's squared norm {norm} is above the bound {parameters.sq_norm_bound}"
        )


def encode_prefix(parameters: Parameters, vector: Integers) -> Elements:
    """What is shared before the wraparound checks: gradient ‖ bits of v ‖ bits of u = B² − v.

    Raises:
        EncodingError: The norm is above the bound.
    """
    norm = squared_norm(vector)
    check_norm(parameters, norm)
    return np.concatenate([parameters.field.from_signed(vector), norm_bits(parameters, norm)])


def norm_bits(parameters: Parameters, norm: int) -> Elements:
    """Bits of v ‖ bits of u = B² − v, of a squared norm v that is within the bound."""
    width = parameters.num_bits_for_sq_norm
    return to_bits(parameters, [norm, parameters.sq_norm_bound - norm], width).reshape(-1)


def to_bits(parameters: Parameters, values: npt.ArrayLike, width: int) -> Elements:
    """Rows of bits of non-negative integers, least significant first: (n,) gives (n, width)."""
    dtype = np.int64 if width < 63 else object
    rows = np.asarray(values, dtype=dtype)[:, None]
    bits = (rows >> np.arange(width).astype(dtype)) & 1
    elements: Elements = bits.astype(parameters.field.dtype)
    return elements


def decode_sum(parameters: Parameters, total: Elements) -> npt.NDArray[np.int64]:
    """The signed integers behind a sum of gradients.

    Raises:
        EncodingError: An entry does not fit in 64 bits (possible in Field128 only).
    """
    integers = np.empty(len(total), dtype=np.int64)
    for piece in pieces(len(total)):
        signed = parameters.field.to_signed(total[piece])
        if signed.dtype == object and any(not _INT64.min <= v <= _INT64.max for v in signed):
            raise EncodingError("an entry of the sum does not fit in 64 bits")
        integers[piece] = signed
    return integers


def dequantise(parameters: Parameters, total: Elements) -> npt.NDArray[np.float64]:
    """The numbers behind a sum of gradients: signed integers divided by 2^num_frac_bits."""
    floats = np.empty(len(total), dtype=np.float64)
    for piece in pieces(len(total)):
        signed = parameters.field.to_signed(total[piece])
        floats[piece] = signed.astype(np.float64) * 2.0**-parameters.num_frac_bits
    return floats


def _as_array(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """An array, but of nothing that NumPy would have to guess at or leave out."""
    if isinstance(values, np.ma.MaskedArray):
        raise EncodingError("a masked array does not say what its masked entries are")
    try:
        return np.asarray(values)
    except ValueError as problem:
        raise EncodingError(f"this is no vector: {problem}") from problem


def _check_shape(parameters: Parameters, shape: tuple[int, ...]) -> None:
    if shape != (parameters.dimension,):
        raise ParameterError(f"a vector of shape {shape}, expected ({parameters.dimension},)")
