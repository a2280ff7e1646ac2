"""The fast version of what touches every entry of a vector; gives the bytes of the clear one.

The clear version is :class:`troth.privacy.secagg.kernels.ClearKernels`, and this one is chosen by
argument. It runs on one thread and releases the interpreter's lock within each kernel. Its extra
memory is bounded: streams and signs go through buffers of fixed size, and the tables of the norm
proof are never stored.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from troth.privacy.hazmat import modular
from troth.privacy.secagg.circuits import NormEquality, Statement
from troth.privacy.secagg.encoding import (
    check_norm,
    checked_floats,
    checked_vector,
    integer_entries,
    norm_bits,
    quantise_entries,
    squared_norm,
)
from troth.privacy.secagg.field import PIECE, Elements, Field, Integers, pieces
from troth.privacy.secagg.flp import Flp
from troth.privacy.secagg.kernels import Kernels
from troth.privacy.secagg.ntt import evaluate, interpolate, root_powers
from troth.privacy.secagg.parameters import Parameters
from troth.privacy.secagg.xof import Xof

_SIGN_BYTES = 8 << 20
"""Bytes of signs in memory at a time, or half of the vector's own if that is more."""


class FastKernels(Kernels):
    """Compiled kernels over Field32, Field40 and Field64."""

    name = "fast"

    def prefix_of_floats(self, parameters: Parameters, measurement: npt.ArrayLike) -> Elements:
        """As the clear version, a piece of the measurement at a time."""
        floats = checked_floats(parameters, measurement)
        return _encode_pieces(parameters, floats, partial(quantise_entries, parameters))

    def prefix_of_integers(self, parameters: Parameters, vector: npt.ArrayLike) -> Elements:
        """As the clear version, a piece of the vector at a time."""
        return _encode_pieces(parameters, checked_vector(parameters, vector), integer_entries)

    def sample(self, xof: Xof, field: Field, out: Elements) -> None:
        """As the clear version; reads the stream to the same byte."""
        modulus, filled = field.dtype.type(field.modulus), 0
        while filled < len(out):
            wanted = min(PIECE, len(out) - filled)
            candidates = field.unpack(xof.next(wanted * field.encoded_size))
            filled = modular.accept(_frozen(candidates), modulus, out, filled)

    def add(self, field: Field, left: Elements, right: Elements) -> Elements:
        """As the clear version."""
        out = np.empty_like(left)
        modular.add(_frozen(left), _frozen(right), out, field.dtype.type(field.modulus))
        return out

    def subtract(self, field: Field, left: Elements, right: Elements) -> None:
        """As the clear version."""
        modular.subtract(left, _frozen(right), field.dtype.type(field.modulus))

    def run_checks(self, parameters: Parameters, xof: Xof, gradient: Elements) -> Elements:
        """As the clear version; sums in two limbs of 32 bits, over the integers."""
        row = -(-parameters.dimension // 4)
        at_once = max(1, max(_SIGN_BYTES, gradient.nbytes // 2) // row)
        words = np.zeros((min(at_once, parameters.num_wr_checks), -(-row // 8)), dtype="<u8")
        totals: list[int] = []
        while len(totals) < parameters.num_wr_checks:
            signs = words[: parameters.num_wr_checks - len(totals)]
            for line in signs.view(np.uint8):
                xof.read_into(line[:row].data)
            totals += _signed_sums(signs.astype(np.uint64, copy=False), gradient)
        return parameters.field.vector(total % parameters.field.modulus for total in totals)

    def norm_equality(self, parameters: Parameters) -> Flp[Statement]:
        """As the clear version, without its tables."""
        return _NormEqualityFlp(NormEquality(parameters), parameters.proofs_norm_equality)


FAST = FastKernels()


@cache
def load_kernels(dtype: np.dtype[Any]) -> None:
    """Load all kernels for a word, or compile them where they were never used before.

    Run when an instance is made, so that no report waits for it.
    """
    one, out = _frozen(np.ones(1, dtype=dtype)), np.zeros(1, dtype=dtype)
    rows, table = _frozen(np.ones((1, 1), dtype=dtype)), np.zeros((1, 1), dtype=dtype)
    modulus = inverse = dtype.type(1)
    modular.accept(one, modulus, out, 0)
    modular.add(one, one, out, modulus)
    modular.subtract(out, one, modulus)
    modular.encode(_frozen(np.zeros(1, dtype=np.int64)), 1, modulus, out)
    signs = _frozen(np.zeros((1, 1), dtype=np.uint64))
    modular.signed_sums(signs, one, 0, np.zeros(1, dtype=np.int64))
    modular.combine(one, rows, table, modulus, inverse)
    lanes, none = (0,) * modular.BLOCKS[dtype.itemsize][0], one[:0]
    modular.squares(one, rows, lanes, none, one, none, modulus, inverse, out, out.copy(), table)


class _NormEqualityFlp(Flp[Statement]):
    """Proofs that differ only in their seeds: one pass over the gradient serves them all."""

    def _gadget_values(
        self, measurement: Statement, seeds: Elements, joint_rand: Elements
    ) -> tuple[Elements, Elements]:
        """A seed s at point 0 adds s·L to a polynomial w, and 2·s·L·w + s²·L² to its square."""
        del joint_rand  # this circuit has none
        field, points = self.circuit.field, self.points
        montgomery = _Montgomery(field)
        at, between = field.zeros(points), field.zeros(points)
        cross = field.zeros((self.proofs, points))
        modular.squares(
            _frozen(measurement.gradient),
            _frozen(seeds),
            (0,) * _block(field, self.circuit.arity),
            *_transform_constants(field, points),
            montgomery.modulus,
            montgomery.inverse,
            at,
            between,
            cross,
        )
        at, between, cross = map(montgomery.raised, (at, between, cross))
        seed_squares = field.inner(seeds, seeds)[:, None]
        at_all = np.repeat(at[None], self.proofs, axis=0)
        at_all[:, :1] = seed_squares
        first = _first_between(field, points)[None]
        linear = field.mul(field.mul(cross, 2), first)
        square = field.mul(seed_squares, field.mul(first, first))
        return at_all, field.add(field.add(linear, square), between)

    def _wires_at(
        self,
        lagrange: Elements,
        measurement: Statement,
        seeds: Elements,
        joint_rand: Elements,
        shares: int,
    ) -> Elements:
        del joint_rand, shares  # nothing here is random, and no constant needs splitting
        field = self.circuit.field
        montgomery = _Montgomery(field)
        wires = field.mul(seeds, lagrange[:, :1])
        factors = montgomery.raised(lagrange[:, 1 : self.circuit.calls + 1])
        modular.combine(
            _frozen(measurement.gradient),
            _frozen(np.ascontiguousarray(factors)),
            wires,
            montgomery.modulus,
            montgomery.inverse,
        )
        return wires


class _Montgomery:
    """The constants of a field's products: the kernels give a·b/2^w for words of w bits."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.range = 1 << (8 * field.dtype.itemsize)
        self.modulus = field.dtype.type(field.modulus)
        self.inverse = field.dtype.type(pow(field.modulus, -1, self.range))

    def raised(self, values: Elements) -> Elements:
        """Values times 2^w: of public factors before a product, or of what products gave."""
        return self.field.mul(values, self.range % self.field.modulus)


@cache
def _transform_constants(field: Field, points: int) -> tuple[Elements, Elements, Elements]:
    """The roots that :func:`.modular.squares` wants, times 2^w, for a size."""
    raised = _Montgomery(field).raised
    forward = root_powers(field, points, points)
    backward = np.concatenate([forward[:1], forward[:0:-1]])
    turn = field.mul(root_powers(field, 2 * points, points), field.inverse(points))
    order = _bit_reversed(points)
    half = points // 2
    return (
        _frozen(raised(backward[:half])),
        _frozen(raised(turn[order])),
        _frozen(raised(forward[:half])),
    )


@cache
def _first_between(field: Field, points: int) -> Elements:
    """The polynomial that is 1 at point 0 and 0 at all others, between the points."""
    unit = field.zeros((1, points, 1))
    unit[0, 0, 0] = 1
    half_step = root_powers(field, 2 * points, points)[None, :, None]
    return _frozen(evaluate(field, field.mul(interpolate(field, unit), half_step))[0, :, 0])


def _block(field: Field, arity: int) -> int:
    """Columns at a time for a number of wires: so that less than half of the work is padding."""
    blocks = modular.BLOCKS[field.dtype.itemsize]
    return next(columns for columns in blocks if columns <= arity)


def _bit_reversed(points: int) -> npt.NDArray[np.int64]:
    order = np.zeros(1, dtype=np.int64)
    while len(order) < points:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _encode_pieces(
    parameters: Parameters,
    entries: npt.NDArray[Any],
    convert: Callable[[npt.NDArray[Any]], Integers],
) -> Elements:
    """Gradient and norm bits of a vector whose pieces are converted to integers in turn.

    Raises:
        EncodingError: The norm is above the bound, or what `convert` raises.
    """
    prefix = parameters.field.zeros(parameters.prefix_len)
    modulus, norm = parameters.field.dtype.type(parameters.field.modulus), 0
    gradient = prefix[: parameters.dimension]
    for piece in pieces(parameters.dimension):
        integers = convert(entries[piece])
        norm += _encode(integers, parameters.l2_norm_bound, modulus, gradient[piece])
    check_norm(parameters, norm)
    prefix[parameters.dimension :] = norm_bits(parameters, norm)
    return prefix


def _encode(piece: Integers, bound: int, modulus: Any, out: Elements) -> int:
    """Encode a piece and give its squared norm; where that is above the bound, the norm only."""
    if piece.dtype == np.int64:
        inside, low, high = modular.encode(_frozen(piece), bound, modulus, out)
        if inside:
            return int(low) + (int(high) << 32)
    return squared_norm(piece)


def _signed_sums(signs: npt.NDArray[np.uint64], gradient: Elements) -> list[int]:
    """One sum per row of signs, over the integers; rows are padded to whole words."""
    sums = []
    for shift in range(0, 8 * gradient.itemsize, 32):
        limbs = np.zeros(len(signs), dtype=np.int64)
        modular.signed_sums(_frozen(signs), _frozen(gradient), shift, limbs)
        sums.append([limb << shift for limb in limbs.tolist()])
    return [sum(limbs) for limbs in zip(*sums, strict=True)]


def _frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that cannot be written to, aligned: kernels are compiled for such inputs only."""
    view = np.require(values, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view
