"""The number-theoretic transform: between polynomials and their values at roots of unity.

Arrays have shape (batch, points, columns); every column of every batch entry is one polynomial,
and the transform runs along the points. Point k is ω^k with ω = ``field.root_of_unity(points)``.
"""

from functools import cache

from troth.privacy.secagg.field import Elements, Field, read_only


@cache
def root_powers(field: Field, size: int, count: int) -> Elements:
    """The first ``count`` powers of the root of unity of order ``size``."""
    root = field.vector([field.root_of_unity(size)])
    return read_only(field.powers(root, count)[0])


@cache
def _inverse_root_powers(field: Field, size: int) -> Elements:
    root = field.vector([field.inverse(field.root_of_unity(size))])
    return read_only(field.powers(root, max(1, size // 2))[0])


def evaluate(field: Field, coefficients: Elements) -> Elements:
    """Coefficients, lowest first, to values at the roots of unity, in order."""
    size = coefficients.shape[1]
    return _transform(field, coefficients, root_powers(field, size, max(1, size // 2)))


def interpolate(field: Field, values: Elements) -> Elements:
    """Values at the roots of unity to the coefficients of the one polynomial through them."""
    size = values.shape[1]
    sums = _transform(field, values, _inverse_root_powers(field, size))
    return field.mul(sums, field.inverse(size))


def _transform(field: Field, array: Elements, roots: Elements) -> Elements:
    """Stockham's self-sorting radix-2 transform, decimation in frequency.

    After s of the log2(points) steps the array holds 2^s interleaved transforms still to be
    done, each of ``points / 2^s`` points; no bit reversal is needed.
    """
    batch, size, columns = array.shape
    stride = 1
    while stride < size:
        half = size // (2 * stride)
        pairs = array.reshape(batch, 2, half, stride, columns)
        upper, lower = pairs[:, 0], pairs[:, 1]
        twiddles = roots[::stride].reshape(1, half, 1, 1)
        result = field.zeros((batch, half, 2, stride, columns))
        result[:, :, 0] = field.add(upper, lower)
        result[:, :, 1] = field.mul(field.sub(upper, lower), twiddles)
        array = result
        stride *= 2
    return array.reshape(batch, size, columns)
