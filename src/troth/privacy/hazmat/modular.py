"""Kernels over whole vectors of field elements: modular arithmetic in words of 32 or 64 bits.

Each is compiled for the width w of its arrays, and takes an odd modulus q of at most w bits and,
where it multiplies, q' = q^-1 modulo 2^w. Products go through Montgomery's reduction (Mathematics
of Computation 44(170), 1985): ``a·b/2^w`` modulo q. So one factor is a public constant times 2^w,
or the caller multiplies what comes out by 2^w. Only :mod:`troth.privacy.hazmat.fast` calls these.

Nothing branches on a value or looks one up by address, except that `accept` moves its place in
the output past what it accepts, and that `signed_sums` looks up by signs, which are public. Tests
read the machine code for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from troth.privacy.hazmat.compile import compiled

Words = Any
"""An array of uint32 or uint64, or one element of it. Kernels are compiled for either."""


def _emit_sub(builder: Any, a: Any, b: Any, q: Any) -> Any:
    """In two words, whose high one is all ones where a − b is below zero: then q comes back.

    A comparison and a selection would say the same, and some processors' code for them branches.
    """
    word, double = a.type, ir.IntType(2 * a.type.width)
    wide = builder.sub(builder.zext(a, double), builder.zext(b, double))
    borrow = builder.trunc(builder.ashr(wide, ir.Constant(double, word.width)), word)
    return builder.add(builder.trunc(wide, word), builder.and_(borrow, q))


def _emit_add(builder: Any, a: Any, b: Any, q: Any) -> Any:
    """As a − (q − b): the sum itself may not fit the word."""
    return _emit_sub(builder, a, builder.sub(q, b), q)


def _emit_mul(builder: Any, a: Any, b: Any, q: Any, inverse: Any) -> Any:
    """a·b/2^w, as the high word of a·b less the high word of (a·b·q' mod 2^w)·q."""
    word, double = a.type, ir.IntType(2 * a.type.width)
    width = ir.Constant(double, a.type.width)

    def product(left: Any, right: Any) -> Any:
        return builder.mul(builder.zext(left, double), builder.zext(right, double))

    def high(value: Any) -> Any:
        return builder.trunc(builder.lshr(value, width), word)

    whole = product(a, b)
    quotient = builder.mul(builder.trunc(whole, word), inverse)
    return _emit_sub(builder, high(whole), high(product(quotient, q)), q)


def _instructions(emit: Callable[..., Any]) -> Callable[..., Any]:
    """What Numba wants of an intrinsic, for instructions that follow from the operands alone."""
    return lambda _, builder, __, operands: emit(builder, *operands)


def _sub_of(_: Any, a: Any, b: Any, q: Any) -> Any:
    return a(a, b, q), _instructions(_emit_sub)


def _add_of(_: Any, a: Any, b: Any, q: Any) -> Any:
    return a(a, b, q), _instructions(_emit_add)


def _mul_of(_: Any, a: Any, b: Any, q: Any, inverse: Any) -> Any:
    return a(a, b, q, inverse), _instructions(_emit_mul)


# Emitted in place: calls would keep the compiler from using the processor's vector registers.
_sub: Any = intrinsic(_sub_of)
_add: Any = intrinsic(_add_of)
_mul: Any = intrinsic(_mul_of)


@compiled
def add(left: Words, right: Words, out: Words, q: Words) -> None:
    """Write left + right, elementwise."""
    for i in range(out.size):
        out[i] = _add(left[i], right[i], q)


@compiled
def subtract(left: Words, right: Words, q: Words) -> None:
    """Take right off left in place, elementwise."""
    for i in range(left.size):
        left[i] = _sub(left[i], right[i], q)


@compiled
def accept(candidates: Words, q: Words, out: Words, filled: int) -> int:
    """Append the candidates below q to ``out[:filled]``; the new length. All of them must fit."""
    for candidate in candidates:
        out[filled] = candidate
        filled += candidate < q
    return filled


@compiled
def encode(values: Any, bound: int, q: Words, out: Words) -> tuple[bool, Words, Words]:
    """Write int64 values modulo q; tell whether all are within ±bound, and their squared norm.

    The norm comes in two limbs, low + 2^32·high. Precondition: bound² < 2^63; then both are exact
    for fewer than 2^31 values. Where a value is out of bounds, nothing but the flag has a meaning.
    """
    inside = True
    low, high = np.uint64(0), np.uint64(0)
    for i in range(values.size):
        value = values[i]
        inside &= -bound <= value <= bound
        square = np.uint64(value * value)
        low += square & np.uint64(0xFFFFFFFF)
        high += square >> np.uint64(32)
        out[i] = np.uint64(value) + (np.uint64(value >> np.int64(63)) & np.uint64(q))
    return inside, low, high


@compiled
def signed_sums(signs: Any, values: Words, shift: int, sums: Any) -> None:
    """Add to every sum one signed sum of 32-bit limbs of the values, over the integers.

    Args:
        signs: uint64 of shape (rows, words): 32 pairs of bits per word, lowest first; the pair
            00 means −1, 01 and 10 mean 0, 11 means 1. Pairs beyond the values do not count.
        values: The vector.
        shift: 0 for the low limbs, 32 for the high ones of 64-bit words.
        sums: int64 of shape (rows,); exact for fewer than 2^31 values.
    """
    rows, words = signs.shape
    table = np.zeros((16, 16), np.int64)
    for word in range(words):
        # All rows look the same pairs of values up: 16 tables of what 4 bits make of them.
        for pair in range(16):
            at = 32 * word + 2 * pair
            first, second = np.int64(0), np.int64(0)
            if at < values.size:
                first = np.int64(np.uint64(values[at]) >> np.uint64(shift) & np.uint64(0xFFFFFFFF))
            if at + 1 < values.size:
                second = np.int64(
                    np.uint64(values[at + 1]) >> np.uint64(shift) & np.uint64(0xFFFFFFFF)
                )
            entries = table[pair]
            for index, left in enumerate((-first, np.int64(0), np.int64(0), first)):
                entries[index] = left - second
                entries[index + 4] = left
                entries[index + 8] = left
                entries[index + 12] = left + second
        for row in range(rows):
            bits = signs[row, word]
            total = sums[row]
            for pair in range(16):
                total += table[pair, bits >> np.uint64(4 * pair) & np.uint64(15)]
            sums[row] = total


@compiled
def combine(inputs: Words, factors: Words, out: Words, q: Words, inverse: Words) -> None:
    """Add to row p Σ_k factors[p, k]/2^w · (k-th chunk of the inputs); zeros follow the last one.

    Chunks are as long as a row.
    """
    proofs, chunks = factors.shape
    arity = out.shape[1]
    for k in range(chunks):
        chunk = inputs[k * arity : (k + 1) * arity]
        for p in range(proofs):
            factor, row = factors[p, k], out[p]
            for j in range(chunk.size):
                row[j] = _add(row[j], _mul(chunk[j], factor, q, inverse), q)


BLOCKS = {4: (64, 8, 1), 8: (8, 1)}
"""Columns that `squares` takes at a time, by bytes of a word: the most that there are. Words of 4
bytes go through vector registers, many at a time; for those of 8 short loops, unrolled, are faster.
A block of 512 points stays in a usual L2 cache."""


@compiled
def squares(  # noqa: C901, PLR0912  # in one function the compiler keeps a block in the cache
    inputs: Words,
    seeds: Words,
    lanes: tuple[int, ...],
    down: Words,
    turn: Words,
    up: Words,
    q: Words,
    inverse: Words,
    at: Words,
    between: Words,
    cross: Words,
) -> None:
    """Sums of squares of many polynomials, at P roots of unity and at the P points between them.

    Polynomial j takes at point k the j-th input of chunk k − 1, for k from 1 on, and 0 at point 0
    and where there is no input. Chunks are as long as a row of seeds. A block of columns goes
    through a whole transform and back while it stays in the cache, so the table is never stored.

    Args:
        inputs: Vector.
        seeds: Shape (proofs, arity).
        lanes: As many zeros as there are columns in a block. The length of a tuple is known to
            the compiler, and loops of known length are the fast ones.
        down: ω^-k·2^w for k below P/2.
        turn: ψ^k/P·2^w with ψ² = ω, in bit-reversed order of k.
        up: ω^k·2^w for k below P/2.
        q: The modulus.
        inverse: Its inverse modulo 2^w.
        at: Adds Σ_j (value at point k)²/2^w, shape (P,).
        between: The same between point k and the next.
        cross: Adds Σ_j (value between)·(seed of column j)/2^w, shape (proofs, P).
    """
    proofs, arity = seeds.shape
    points = turn.size
    columns = len(lanes)
    block = np.zeros((points, columns), inputs.dtype)
    zero = block[0, 0]
    for first in range(0, arity, columns):
        width = min(columns, arity - first)
        for k in range(points):
            row = block[k]
            row[:] = zero
            start = (k - 1) * arity + first
            if k > 0:
                total = at[k]
                for j in range(min(width, inputs.size - start)):
                    row[j] = inputs[start + j]
                    total = _add(total, _mul(row[j], row[j], q, inverse), q)
                at[k] = total
        # To coefficients: decimation in frequency, which leaves them in bit-reversed order.
        half, stride = points // 2, 1
        while half > 0:
            for base in range(0, points, 2 * half):
                for k in range(half):
                    root, upper, lower = down[k * stride], block[base + k], block[base + k + half]
                    for j in range(columns):
                        left, right = upper[j], lower[j]
                        upper[j] = _add(left, right, q)
                        lower[j] = _mul(_sub(left, right, q), root, q, inverse)
            half, stride = half // 2, stride * 2
        for k in range(points):
            root, row = turn[k], block[k]
            for j in range(columns):
                row[j] = _mul(row[j], root, q, inverse)
        # And back, decimation in time, which takes them in that order.
        half, stride = 1, points // 2
        while half < points:
            for base in range(0, points, 2 * half):
                for k in range(half):
                    root, upper, lower = up[k * stride], block[base + k], block[base + k + half]
                    for j in range(columns):
                        left, right = upper[j], _mul(lower[j], root, q, inverse)
                        upper[j] = _add(left, right, q)
                        lower[j] = _sub(left, right, q)
            half, stride = half * 2, stride // 2
        for k in range(points):
            row = block[k]
            total = between[k]
            for j in range(columns):
                total = _add(total, _mul(row[j], row[j], q, inverse), q)
            between[k] = total
            for p in range(proofs):
                total = cross[p, k]
                for j in range(width):
                    total = _add(total, _mul(row[j], seeds[p, first + j], q, inverse), q)
                cross[p, k] = total
