"""The hospitals' data: complete, disjoint, uneven, and nothing private in the constants."""

from typing import Any

import numpy as np
import pytest

from troth.errors import ParameterError
from troth.scenarios import hospital_baselines as baselines
from troth.scenarios.hospital_evaluation import EvaluationParameters
from troth.scenarios.hospital_records import (
    DIMENSION,
    PRIVATE_RECORDS,
    PUBLIC_RECORDS,
    SplitParameters,
    StudyParameters,
    kept_from_training,
    load,
    places_in_lists,
    uneven_split,
)

SEEDS = range(4)


@pytest.fixture(scope="module", params=SEEDS)
def data(request):
    return load(request.param)


def raw() -> Any:
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer()


def test_every_record_is_somewhere_exactly_once(data):
    source = raw()
    everything = data.preprocessing.apply(source.data)
    private = (*data.hospitals, *data.held_out)
    seen = np.concatenate([data.public.rows, *(records.rows for records in private)])
    assert seen.shape == (569, DIMENSION)
    assert sorted(map(bytes, seen)) == sorted(map(bytes, everything))
    assert len(data.public) == PUBLIC_RECORDS
    assert sum(map(len, private)) == PRIVATE_RECORDS == StudyParameters().normaliser * 5 // 4


def test_labels_travel_with_their_rows(data):
    source = raw()
    label_of = dict(
        zip(map(bytes, data.preprocessing.apply(source.data)), source.target, strict=True)
    )
    for part in (data.public, *data.hospitals, *data.held_out):
        assert [label_of[bytes(row)] for row in part.rows] == part.labels.tolist()


def test_public_set_is_stratified(data):
    assert int(data.public.labels.sum()) == round(PUBLIC_RECORDS * 357 / 569) == 72


def test_split_keeps_within_its_limits(data):
    assert len(data.hospitals) == 4
    for hospital, kept in zip(data.hospitals, data.held_out, strict=True):
        count = len(hospital) + len(kept)
        benign = int(hospital.labels.sum() + kept.labels.sum())
        assert 20 <= count <= StudyParameters().record_bound
        assert min(benign, count - benign) <= 4


def test_a_fifth_of_either_label_is_kept_from_training(data):
    for hospital, kept in zip(data.hospitals, data.held_out, strict=True):
        for label in (0, 1):
            out = int((kept.labels == label).sum())
            count = out + int((hospital.labels == label).sum())
            assert abs(5 * out - count) <= 2  # the nearest whole number
        assert 0 < len(kept) <= EvaluationParameters().record_bound


def test_the_bound_of_what_is_kept_is_reached_and_never_passed():
    most = SplitParameters().most
    kept = [
        int(kept_from_training(places_in_lists((np.arange(most) < benign).astype(np.int64))).sum())
        for benign in range(most + 1)
    ]
    assert max(kept) == EvaluationParameters().record_bound == 52


def test_what_is_kept_follows_the_label_and_the_place_in_its_list():
    labels = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1])
    assert np.flatnonzero(kept_from_training(places_in_lists(labels))).tolist() == [3, 7, 10]


def test_a_record_that_is_taken_out_moves_nobody_across():
    labels = np.random.default_rng(4).integers(0, 2, 169)
    places = places_in_lists(labels)
    kept = kept_from_training(places)
    renumbered = 0
    for gone in range(len(labels)):
        rest = np.arange(len(labels)) != gone
        assert (kept_from_training(places[rest]) == kept[rest]).all()
        moved = kept_from_training(places_in_lists(labels[rest])) != kept[rest]
        renumbered = max(renumbered, int(moved.sum()))
    assert renumbered > 20, "lists that close their gaps would break it"


def test_constants_come_from_the_public_records_and_are_short(data):
    preprocessing = data.preprocessing
    assert len(preprocessing.columns) == len(preprocessing.centre) == DIMENSION - 1
    assert preprocessing.columns[0] == "mean radius"
    for value in (*preprocessing.centre, *preprocessing.spread):
        assert float(f"{value:.2g}") == value
        assert value > 0
    public = data.public.rows[:, :-1]
    assert np.abs(public.mean(axis=0)).max() < 0.5  # two digits leave a little
    assert public.std(axis=0) == pytest.approx(1, abs=0.06)
    assert (data.public.rows[:, -1] == 1).all()


def test_seeds_are_reproducible_and_different():
    first, again, other = load(1), load(1), load(2)
    assert first.preprocessing.centre == again.preprocessing.centre
    for one, same in zip(first.hospitals, again.hospitals, strict=True):
        assert (one.rows == same.rows).all()
    assert [len(h) for h in first.hospitals] != [len(h) for h in other.hospitals]


def test_impossible_splits_and_negative_seeds_are_refused(monkeypatch):
    monkeypatch.setattr("troth.scenarios.hospital_records.DRAWS", 20)
    with pytest.raises(ParameterError, match="none of 20 draws"):
        uneven_split(np.zeros(10, dtype=np.int64), 0, SplitParameters())
    with pytest.raises(ParameterError, match="seed"):
        load(-1)


def test_baselines(data):
    pooled, alone = baselines.pooled(data), baselines.alone(data)
    assert 0.94 < pooled <= 1
    assert len(alone) == 4
    assert max(alone) <= pooled
    assert baselines.federated(data, StudyParameters()) > 0.95


def test_a_hospital_of_one_class_repeats_what_it_knows():
    data = load(0)
    first = data.hospitals[0]
    assert set(first.labels) == {1}
    assert baselines.alone(data)[0] == pytest.approx(72 / 114)
