"""The confusion matrix of two classes: how many records of each label got each prediction.

A site counts its own records. What an evaluation releases is the sum of all sites' counts with
noise, so a number of it may be negative; shares made of such numbers come with an interval that
says how far the noise alone may have moved them. Order of the four numbers, as in scikit-learn's
``confusion_matrix(...).ravel()``: label 0 predicted 0, label 0 predicted 1, label 1 predicted 0,
label 1 predicted 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import CELLS
from troth.errors import ParameterError
from troth.learning.fedsgd import EXACT
from troth.learning.logistic import predict
from troth.learning.model import Model

NORMAL_95 = 1.96
"""A normal variable lies within so many standard deviations in 95 of 100 cases."""


def confusion_counts(
    weights: NDArray[np.float64], rows: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Counts of a site's own records, int64 of shape (4,). Each record is exactly one of them.

    A record with NaN is predicted 0, and counts like any other.

    Raises:
        ParameterError: a label other than 0 and 1.
    """
    if not np.isin(labels, (0, 1)).all():
        raise ParameterError("labels must be 0 or 1")
    cells = 2 * labels.astype(np.int64) + predict(weights, rows)
    return np.bincount(cells, minlength=CELLS).astype(np.int64)


def released(aggregate: NDArray[np.int64]) -> Model:
    """The counts that follow from an aggregate, in the encoding of a model.

    Run by everybody who finishes the round, and by the auditor: weights are the aggregate as it is,
    and nothing has velocity.

    Raises:
        ParameterError: not four int64 numbers, or one beyond 2^53.
    """
    if aggregate.dtype != np.int64 or aggregate.shape != (CELLS,):
        raise ParameterError(
            f"counts must be int64 of shape ({CELLS},), not {aggregate.dtype} of shape "
            f"{aggregate.shape}"
        )
    if aggregate.min() < -EXACT or aggregate.max() > EXACT:
        raise ParameterError("a count is beyond 2^53")
    return Model(aggregate.astype(np.float64), np.zeros(CELLS))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of noisy counts, and how far the noise alone may have moved it; each 0 to 1."""

    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float


def share(hits: int, misses: int, variance: int) -> Share:
    """The share hits / (hits + misses), where both carry noise of this variance, each its own.

    The interval is Fieller's for a ratio of two normal variables (E. C. Fieller, "Some problems in
    interval estimation", JRSS B 16, 1954): all p for which (1 - p)·hits - p·misses is within 1.96
    of its standard deviations of 0. A number below 0 is taken for 0, which is nearer to the truth;
    so the share is between 0 and 1, and, near 1, a little low on average. Where the noise drowns
    the total, every p from 0 to 1 fits, and the interval says so.
    """
    hits, misses = max(hits, 0), max(misses, 0)
    total = hits + misses
    spread = NORMAL_95**2 * variance
    square = total**2 - 2 * spread
    if square <= 0:
        return Share(hits / total if total else 0.5, 0.0, 1.0)
    centre = (hits * total - spread) / square
    half = math.sqrt(spread * (hits**2 + misses**2 - spread)) / square
    return Share(hits / total, max(centre - half, 0.0), min(centre + half, 1.0))
