"""The model step of federated SGD with momentum: model[t+1] as a function of bytes.

The whole federation recomputes this step and compares digests, so two machines must give the same
bytes. They do, because every result here is fixed by IEEE-754 (2019), clause 5.4.1:

- Only conversion of integers below 2^53 (exact), and +, -, ×, ÷ on binary64, each one correctly
  rounded to nearest, ties to even. No exp, no sqrt of a library, no BLAS.
- Elementwise: no sum over coordinates, so no order of summation that a machine could choose.
- One NumPy ufunc per operation. Its result is a float64 array in memory before the next operation
  reads it, so no compiler can fuse a product and a sum into one rounding (FMA), and no register
  is wider than 64 bits (x87 excepted, which NumPy does not use on x86-64).
- The divisor N·2^f is one exact integer, computed before anything is divided.

Not promised: the sign and payload of NaN, which is why a step that leaves the finite numbers is
refused instead.
"""

import math

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError
from troth.learning.model import Model

EXACT = 2**53
"""Integers of at most this magnitude convert to float64 without rounding."""


def apply_aggregate(
    model: Model,
    aggregate: NDArray[np.int64],
    *,
    scale_bits: int,
    normaliser: int,
    learning_rate: float,
    momentum: float,
) -> Model:
    """The next model: v ← µ·v + X/(2^f·N), then w ← w - η·v.

    Run by every member and site after a round, and by the auditor.

    Args:
        model: model[t].
        aggregate: X, int64 array of shape (d,): the sum of all sites' integers and all noise.
        scale_bits: f of the terms.
        normaliser: N of the terms, a public constant; a private count would leak.
        learning_rate: η, the float64 that the terms' JSON number denotes.
        momentum: µ, likewise; 0 switches momentum off.

    Returns:
        model[t+1]; ``model`` and ``aggregate`` are left as they are.

    Raises:
        ParameterError: Shapes or types that do not agree, a parameter out of range, an entry of X
            beyond 2^53, or a result that is not finite.
    """
    if aggregate.dtype != np.int64 or aggregate.shape != model.weights.shape:
        raise ParameterError(
            f"the aggregate must be int64 of shape {model.weights.shape}, "
            f"not {aggregate.dtype} of shape {aggregate.shape}"
        )
    divisor = _divisor(scale_bits, normaliser)
    if not 0 < learning_rate < math.inf:
        raise ParameterError(f"learning_rate must be positive and finite, not {learning_rate!r}")
    if not 0 <= momentum < 1:
        raise ParameterError(f"momentum must be at least 0 and below 1, not {momentum!r}")
    if aggregate.min() < -EXACT or aggregate.max() > EXACT:
        raise ParameterError("an entry of the aggregate is beyond 2^53")
    with np.errstate(over="ignore"):  # Model refuses what is not finite
        step = np.divide(aggregate.astype(np.float64), divisor)
        kept = np.multiply(momentum, model.velocity)
        velocity = np.add(kept, step)
        move = np.multiply(learning_rate, velocity)
        weights = np.subtract(model.weights, move)
    return Model(weights, velocity)


def _divisor(scale_bits: int, normaliser: int) -> float:
    """N·2^f as a float64; exact, because N is below 2^53 and a power of two only moves it."""
    if type(scale_bits) is not int or not 0 <= scale_bits <= 127:
        raise ParameterError(f"scale_bits must be an integer in 0..127, not {scale_bits!r}")
    if type(normaliser) is not int or not 1 <= normaliser <= EXACT:
        raise ParameterError(f"normaliser must be an integer in 1..2^53, not {normaliser!r}")
    return math.ldexp(float(normaliser), scale_bits)
