"""From float gradients to integers whose sensitivity is exact, whatever floating point did.

Each record's gradient is clipped to C', scaled by 2^f and rounded at random to integers. Then the
*integer* squared norm is tested against Δ²: a record that is above is rounded again, at most 20
times, then toward zero, and contributes nothing if even that fails (NaN, infinity, a clip that
did not clip). The site's sum is exact. So one record more or less moves it by at most Δ.

That needs more than short vectors: the rounding of one record must not depend on the others.
Here a record's coins are a function of the seed, the attempt and the record's own number, and of
nothing else. Attempt a of the whole dataset reads one bit generator, seeded with (seed, a), from
which record r takes words r·d to (r+1)·d - 1. Leaving a record out leaves its words unused; it
shifts nobody else's, and who needs a second attempt is nobody else's business either.

The coins need not be secret: the guarantee holds for any fixed coins. It rests on the noise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError
from troth.privacy.dp.validate import require_integer

REDRAWS = 20
"""How often a record's rounding is drawn again before it is rounded toward zero."""

MOST_CLIP = 2**30
"""Largest Δ: squared norms up to 2·Δ² are then exact in 64-bit integers."""


def clip_for(clip: int, scale_bits: int, dimension: int) -> float:
    """Largest float clip C' whose rounded records mostly fit Δ without a redraw.

    With s = 2^f it solves (C's)² + d/4 + C's·√2 = Δ²: d/4 is the most that stochastic rounding
    adds to the squared norm on average, and the last term leaves room for its spread. (Clipping
    at Δ/s itself lets 41 % fit at d = 31 and none from d = 1e5.)

    Args:
        clip: Δ, integer L2 bound of one record.
        scale_bits: f.
        dimension: d.

    Returns:
        C', in the unit of the gradients.

    Raises:
        ParameterError: An argument out of range, or d ≥ 4Δ²: no such C' exists.
    """
    require_integer("clip", clip, least=1, most=MOST_CLIP)
    require_integer("scale_bits", scale_bits, least=0, most=127)
    require_integer("dimension", dimension, least=1)
    room = 4 * clip**2 - dimension  # 4·(Δ² - d/4)
    if room <= 0:
        raise ParameterError(
            f"no clip leaves room for rounding {dimension} coordinates within Δ = {clip}: "
            f"the dimension must be below 4Δ² = {4 * clip**2}"
        )
    # The positive root (√(2 + room) - √2)/2, in the form that does not cancel.
    root = room / (2 * (math.sqrt(2 + room) + math.sqrt(2)))
    return math.ldexp(math.nextafter(root, 0.0), -scale_bits)


@dataclass(frozen=True, slots=True)
class Coins:
    """The rounding coins of one round at one site.

    Raises:
        ParameterError: ``seed`` is empty or holds a negative number.
    """

    seed: tuple[int, ...]
    """Integers that name this round and site; a different round must have a different seed."""

    def __post_init__(self) -> None:
        if not self.seed:
            raise ParameterError("the seed of the rounding coins is empty")
        for part in self.seed:
            require_integer("seed", part, least=0)

    def draw(self, attempt: int, records: NDArray[np.int64], dimension: int) -> NDArray[np.float64]:
        """Uniform numbers in [0, 1), multiples of 2^-53: row i belongs to ``records[i]``.

        ``random_raw`` is the one part of NumPy's generators whose values are promised never to
        change between versions.
        """
        source = np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(attempt,)))
        words = source.random_raw((int(records.max()) + 1) * dimension)
        drawn = words.reshape(-1, dimension)[records] >> np.uint64(11)
        return np.ldexp(drawn.astype(np.float64), -53)


def integer_sum(
    gradients: NDArray[np.float64],
    records: Sequence[int] | NDArray[np.int64],
    *,
    clip: int,
    record_clip: float,
    scale_bits: int,
    coins: Coins,
) -> NDArray[np.int64]:
    """A site's update: the sum of its clipped and rounded per-record gradients.

    Run by a site in every round. Adding or removing one record moves the result by at most
    ``clip`` in L2, exactly, whatever ``record_clip`` is.

    Args:
        gradients: float64 array of shape (n, d), one record a row; any values, NaN included.
        records: n different numbers ≥ 0, each record's own number within its dataset version.
        clip: Δ, integer L2 bound of one record.
        record_clip: C', float L2 bound of one record's gradient; see `clip_for`.
        scale_bits: f; integers are gradients times 2^f.
        coins: The rounding coins of this round.

    Returns:
        int64 array of shape (d,); zeros when there are no records.

    Raises:
        ParameterError: An argument out of range, or shapes that do not agree.
    """
    if gradients.ndim != 2:
        raise ParameterError(f"gradients must have two axes, not shape {gradients.shape}")
    if not 0 < record_clip < math.inf:
        raise ParameterError(f"record_clip must be positive and finite, not {record_clip!r}")
    require_integer("scale_bits", scale_bits, least=0, most=127)
    scaled = np.ldexp(clip_records(gradients, record_clip), scale_bits)
    total: NDArray[np.int64] = round_records(scaled, records, clip=clip, coins=coins).sum(axis=0)
    return total


def clip_records(gradients: NDArray[np.float64], record_clip: float) -> NDArray[np.float64]:
    """Each row, shortened to L2 norm ``record_clip`` if it is longer.

    Rows are divided by their largest entry first, so that finite rows of any size are clipped
    without overflow. Rows with NaN or infinity come back as NaN, for `round_records` to drop.
    """
    rows = np.asarray(gradients, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        peak = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        peak = np.where(np.isfinite(peak), peak, np.nan)
        unit = rows / np.where(peak == 0, 1.0, peak)
        unit_norm = np.sqrt((unit * unit).sum(axis=1, keepdims=True))
        length = np.minimum(
            peak * unit_norm, record_clip
        )  # the product may be inf: then record_clip
        clipped: NDArray[np.float64] = unit * (length / np.where(unit_norm == 0, 1.0, unit_norm))
        return clipped


def round_records(
    scaled: NDArray[np.float64],
    records: Sequence[int] | NDArray[np.int64],
    *,
    clip: int,
    coins: Coins,
) -> NDArray[np.int64]:
    """Stochastic rounding of each row to integers of L2 norm at most ``clip``, tested exactly.

    The step that the sensitivity rests on; it trusts nothing about ``scaled``.

    Args:
        scaled: float64 array of shape (n, d), any values.
        records: n different numbers ≥ 0, as for `integer_sum`.
        clip: Δ.
        coins: The rounding coins of this round.

    Returns:
        int64 array of shape (n, d); all zeros in a row that cannot be made to fit.

    Raises:
        ParameterError: An argument out of range, or shapes that do not agree.
    """
    require_integer("clip", clip, least=1, most=MOST_CLIP)
    numbers = _record_numbers(records, scaled)
    dimension = scaled.shape[1]
    rounded = np.zeros(scaled.shape, dtype=np.int64)
    # Entries above Δ cannot fit; the others, and only they, convert to int64 safely.
    waiting: NDArray[np.intp] = np.flatnonzero((np.abs(scaled) <= clip).all(axis=1))
    for attempt in range(1 + REDRAWS):
        if waiting.size == 0:
            return rounded
        rows = scaled[waiting]
        low = np.floor(rows)
        up = coins.draw(attempt, numbers[waiting], dimension) < rows - low
        waiting = _keep_fitting(rounded, waiting, low.astype(np.int64) + up, clip)
    _keep_fitting(rounded, waiting, np.trunc(scaled[waiting]).astype(np.int64), clip)
    return rounded


def _keep_fitting(
    rounded: NDArray[np.int64],
    waiting: NDArray[np.intp],
    candidates: NDArray[np.int64],
    clip: int,
) -> NDArray[np.intp]:
    """Store the candidates of norm at most Δ at their rows; return the rows still waiting."""
    estimate = np.square(candidates.astype(np.float64)).sum(axis=1)
    plausible = estimate <= 2.0 * clip**2  # below it the exact squares cannot overflow int64
    exact = np.square(np.where(plausible[:, None], candidates, 0)).sum(axis=1)
    fits = plausible & (exact <= clip**2)
    rounded[waiting[fits]] = candidates[fits]
    left: NDArray[np.intp] = waiting[~fits]
    return left


def _record_numbers(
    records: Sequence[int] | NDArray[np.int64], scaled: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The records' numbers as an array; refused unless there is one for each row, all different."""
    numbers = np.asarray(records)
    if scaled.ndim != 2 or numbers.shape != scaled.shape[:1]:
        raise ParameterError(
            f"{numbers.shape} record numbers do not fit rows of shape {scaled.shape}"
        )
    if numbers.size == 0:
        return np.zeros(0, dtype=np.int64)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0:
        raise ParameterError("record numbers must be integers from 0 on")
    if np.unique(numbers).size != numbers.size:
        raise ParameterError("record numbers must all be different")
    return numbers.astype(np.int64)
