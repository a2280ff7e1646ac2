"""Per-record gradients against finite differences; predictions and refusals."""

import math

import numpy as np
import pytest

from troth.errors import ParameterError
from troth.learning.logistic import (
    accuracy,
    predict,
    record_gradients,
    update_dimension,
    with_intercept,
)

RNG = np.random.default_rng(0)
ROWS = with_intercept(RNG.normal(size=(12, 4)))
LABELS = RNG.integers(0, 2, size=12)
WEIGHTS = RNG.normal(size=5)


def loss(weights: np.ndarray, row: np.ndarray, label: int) -> float:
    margin = float(np.dot(weights, row))
    return math.log1p(math.exp(-margin if label else margin))


def test_gradients_are_the_slopes_of_each_records_loss():
    gradients = record_gradients(WEIGHTS, ROWS, LABELS)
    for row, label, gradient in zip(ROWS, LABELS, gradients, strict=True):
        for k in range(5):
            step = np.zeros(5)
            step[k] = 1e-6
            slope = (loss(WEIGHTS + step, row, label) - loss(WEIGHTS - step, row, label)) / 2e-6
            assert gradient[k] == pytest.approx(slope, abs=1e-8)


def test_large_margins_do_not_overflow():
    rows = np.array([[1e4, 1.0], [-1e4, 1.0], [1e308, 1.0]])
    gradients = record_gradients(np.array([10.0, 0.0]), rows, np.array([0, 1, 0]))
    assert gradients[0] == pytest.approx([1e4, 1.0])
    assert gradients[1] == pytest.approx([1e4, -1.0])
    assert np.isfinite(gradients).all()


def test_a_record_with_nan_spoils_only_its_own_row():
    rows = ROWS.copy()
    rows[3, 1] = np.nan
    gradients = record_gradients(WEIGHTS, rows, LABELS)
    assert np.isnan(gradients[3]).all()
    others = np.arange(12) != 3
    assert gradients[others] == pytest.approx(record_gradients(WEIGHTS, ROWS, LABELS)[others])


def test_intercept_dimension_prediction_and_accuracy():
    assert ROWS.shape[1] == update_dimension(4) == 5
    assert (ROWS[:, -1] == 1).all()
    rows = np.array([[1.0], [-1.0], [0.0]])
    assert predict(np.array([2.0]), rows).tolist() == [1, 0, 0]
    assert accuracy(np.array([2.0]), rows, np.array([1, 1, 0])) == pytest.approx(2 / 3)


def test_refusals():
    with pytest.raises(ParameterError, match="agree"):
        record_gradients(WEIGHTS[:4], ROWS, LABELS)
    with pytest.raises(ParameterError, match="agree"):
        record_gradients(WEIGHTS, ROWS, LABELS[:3])
    with pytest.raises(ParameterError, match="0 or 1"):
        record_gradients(WEIGHTS, ROWS, LABELS - 1)
    with pytest.raises(ParameterError, match="no rows"):
        accuracy(WEIGHTS, ROWS[:0], LABELS[:0])
