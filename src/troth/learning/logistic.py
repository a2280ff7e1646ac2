"""Logistic regression on two classes: what a site computes on its own records.

Labels are 0 and 1. Rows end with a constant 1, so that the last weight is the intercept. Nothing
here has to be reproducible to the bit: a site's gradients are its own business, and only the
integers made of them leave it.
"""

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError


def update_dimension(features: int) -> int:
    """Numbers in one update (and weights in the model): one per feature, and the intercept."""
    return features + 1


def with_intercept(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of shape (n, k) with a last column of ones: shape (n, k + 1)."""
    return np.hstack([features, np.ones((len(features), 1))])


def record_gradients(
    weights: NDArray[np.float64], rows: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Gradient of each record's own logistic loss, neither summed nor clipped.

    Run by a site in every round. Row i is (sigmoid(w·x_i) - y_i)·x_i, without regularisation.
    Records with NaN give NaN rows; they are for the clipping to drop.

    Args:
        weights: float64 array of shape (d,).
        rows: float64 array of shape (n, d), intercept included.
        labels: Integer array of shape (n,), each 0 or 1.

    Returns:
        float64 array of shape (n, d).

    Raises:
        ParameterError: Shapes that do not agree, or another label.
    """
    if rows.ndim != 2 or weights.shape != rows.shape[1:] or labels.shape != rows.shape[:1]:
        raise ParameterError(
            f"weights {weights.shape}, rows {rows.shape} and labels {labels.shape} do not agree"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ParameterError("labels must be 0 or 1")
    with np.errstate(invalid="ignore", over="ignore"):
        return (_sigmoid(rows @ weights) - labels)[:, None] * rows


def _sigmoid(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/(1 + exp(-z)) in a form that no z overflows."""
    sigmoid: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * margins))
    return sigmoid


def predict(weights: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """The likelier label of each row, 0 or 1; a tie is 0, and so is a row with NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        labels: NDArray[np.int64] = (rows @ weights > 0).astype(np.int64)
    return labels


def accuracy(
    weights: NDArray[np.float64], rows: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    """Share of rows whose label `predict` gives, between 0 and 1; NaN is never returned.

    Raises:
        ParameterError: No rows.
    """
    if len(rows) == 0:
        raise ParameterError("the accuracy on no rows is undefined")
    return float(np.mean(predict(weights, rows) == labels))
