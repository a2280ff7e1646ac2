"""Counts are each record once; shares of noisy counts come with an interval that holds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from troth.errors import ParameterError
from troth.learning.confusion import NORMAL_95, confusion_counts, released, share
from troth.learning.logistic import predict
from troth.learning.model import Model


def records(count, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, 3)), generator.integers(0, 2, count)


WEIGHTS = np.array([1.0, -2.0, 0.5])


def test_counts_are_those_of_a_peer():
    rows, labels = records(200)
    peer = confusion_matrix(labels, predict(WEIGHTS, rows), labels=[0, 1]).ravel()
    assert confusion_counts(WEIGHTS, rows, labels).tolist() == peer.tolist()


def test_one_record_more_is_one_count_more():
    rows, labels = records(50)
    whole = confusion_counts(WEIGHTS, rows, labels)
    for out in range(50):
        keep = np.arange(50) != out
        moved = whole - confusion_counts(WEIGHTS, rows[keep], labels[keep])
        assert sorted(moved) == [0, 0, 0, 1]


def test_a_broken_record_is_still_one_count():
    rows = np.array([[np.nan, 0.0, 0.0], [np.inf, np.inf, 0.0]])
    assert confusion_counts(WEIGHTS, rows, np.array([1, 0])).sum() == 2


def test_no_records_and_unknown_labels():
    nothing = confusion_counts(WEIGHTS, np.zeros((0, 3)), np.zeros(0, dtype=np.int64))
    assert nothing.tolist() == [0, 0, 0, 0]
    with pytest.raises(ParameterError, match="labels"):
        confusion_counts(WEIGHTS, np.zeros((1, 3)), np.array([2]))


def test_what_is_released_is_the_aggregate_as_a_model():
    found = released(np.array([3, -1, 0, 7]))
    assert found == Model(np.array([3.0, -1.0, 0.0, 7.0]), np.zeros(4))
    assert Model.decode(found.encode()) == found


@pytest.mark.parametrize(
    "aggregate",
    [
        np.zeros(3, dtype=np.int64),
        np.zeros(4),
        np.array([2**53 + 1, 0, 0, 0]),
        np.ones((1, 4), dtype=np.int64),
    ],
)
def test_what_is_no_counts_is_refused(aggregate):
    with pytest.raises(ParameterError):
        released(aggregate)


def test_without_noise_a_share_is_exact():
    assert share(3, 1, 0).value == share(3, 1, 0).low == share(3, 1, 0).high == 0.75


def test_ends_of_an_interval_are_where_the_noise_explains_the_counts():
    hits, misses, variance = 52, 9, 10
    found = share(hits, misses, variance)
    for end in (found.low, found.high):
        apart = hits * (1 - end) - misses * end
        deviation = math.sqrt(variance * ((1 - end) ** 2 + end**2))
        assert abs(apart) == pytest.approx(NORMAL_95 * deviation)


@given(st.integers(-100, 500), st.integers(-100, 500), st.integers(0, 1000))
def test_a_share_lies_in_its_interval_and_both_between_0_and_1(hits, misses, variance):
    found = share(hits, misses, variance)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_noise_that_drowns_the_total_says_nothing():
    assert (share(4, 3, 10).low, share(4, 3, 10).high) == (0, 1)
    assert share(-5, -5, 10).value == 0.5


@pytest.mark.parametrize(("hits", "misses"), [(88, 2), (45, 45), (33, 1), (57, 0)])
def test_the_interval_covers_the_truth_as_often_as_it_says(hits, misses):
    noise = np.rint(np.random.default_rng(1).normal(0, math.sqrt(10), (4000, 2))).astype(int)
    truth = hits / (hits + misses)
    found = [share(hits + int(a), misses + int(b), 10) for a, b in noise]
    covered = np.mean([one.low - 1e-12 <= truth <= one.high + 1e-12 for one in found])
    assert covered > 0.94
