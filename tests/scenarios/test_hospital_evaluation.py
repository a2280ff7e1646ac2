"""The hospitals' own confusion matrix: terms that fit, exact counts, rates that bear noise."""

from dataclasses import replace

import numpy as np
import pytest

from troth.domain.terms import check
from troth.learning.logistic import accuracy
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.privacy.plan import plan
from troth.round.agreement import require_fit
from troth.round.study import Study
from troth.scenarios import result
from troth.scenarios.consortium import Dataset
from troth.scenarios.hospital_committee import COMMITTEES
from troth.scenarios.hospital_evaluation import (
    EvaluationParameters,
    counting,
    evaluation_design,
    evaluation_terms,
    matrix,
    rates,
)
from troth.scenarios.hospital_records import HOSPITALS, Records, StudyParameters, load
from troth.scenarios.hospital_study import DELTA, EPSILON, SITES, cast, hospital_terms

EXPECTED = dict.fromkeys(COMMITTEES, (62_500_001, 1.4781, 23)) | {"A": (100_000_000, 1.9142, 26)}
"""Price, ε and noise bound: two halves of so little noise are rounded up."""


@pytest.fixture(scope="module")
def data():
    return load(0)


@pytest.fixture(scope="module", params=COMMITTEES)
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def terms(data, mode):
    numbers = iter(range(1, 100))
    players = cast(lambda size: bytes([next(numbers)]) * size, mode)

    def datasets(first, count, bound):
        names = (bytes([n] * 32) for n in range(first, first + count))
        return [Dataset(name, name, bound) for name in names]

    agreed = StudyParameters().seated(mode)
    trained = hospital_terms("t", "t", players, datasets(1, SITES, 256), 1, data, agreed)
    parameters = EvaluationParameters().seated(mode)
    held_out = datasets(99, HOSPITALS, parameters.record_bound)
    study = Study(trained, bytes(32), Address(b"x" * 20))
    return evaluation_terms(study, bytes(32), players, held_out, data, parameters)


def test_the_terms_hold_and_fit(terms, mode):
    check(terms)
    found = require_fit(terms)
    assert found.design == evaluation_design(EvaluationParameters().seated(mode), HOSPITALS)
    assert found.proposals == ()
    price, epsilon, noise_norm_bound = EXPECTED[mode]
    assert found.nano_rho_per_round == (price,) * HOSPITALS
    assert found.epsilon_guaranteed == pytest.approx(epsilon, abs=5e-5)
    assert (found.site_norm_bound, found.noise_norm_bound) == (52, noise_norm_bound)
    assert {site.account for site in terms.sites}.isdisjoint(terms.committee)


def test_the_noise_is_the_least_that_the_budget_pays_for():
    design = evaluation_design(EvaluationParameters(), HOSPITALS)
    louder = replace(design, noise_variance=design.noise_variance - 1)
    assert (design.epsilon, design.delta) == (EPSILON, DELTA)
    assert [check.name for check in plan(louder).failed] == ["budget"]


def test_a_hospital_counts_its_own_records_exactly(data):
    model = Model(np.linspace(-1, 1, 31), np.zeros(31))
    for records in data.held_out:
        counts = counting(records)(model, 1)
        assert counts.sum() == len(records)
        exact = rates(matrix(counts.tolist()), 0)["accuracy"]
        right = accuracy(model.weights, records.rows, records.labels)
        assert (exact.low, exact.value, exact.high) == pytest.approx((right,) * 3)


def test_one_patient_more_or_less_moves_one_count_by_one(data):
    model = Model(np.linspace(-1, 1, 31), np.zeros(31))
    records = data.held_out[0]
    whole = counting(records)(model, 1)
    for row in range(len(records)):
        keep = np.arange(len(records)) != row
        less = Records(records.rows[keep], records.labels[keep], records.numbers[keep])
        assert sorted(whole - counting(less)(model, 1)) == [0, 0, 0, 1]


def test_label_0_is_malignant_and_a_malignant_record_called_benign_is_missed():
    assert matrix((1, 2, 3, 4)) == result.Matrix(
        malignant_found=1, malignant_missed=2, benign_flagged=3, benign_cleared=4
    )


def test_rates_are_of_the_right_counts():
    found = rates(result.Matrix(30, 10, 20, 60), 0)
    assert {name: rate.value for name, rate in found.items()} == {
        "accuracy": 0.75,
        "sensitivity": 0.75,
        "specificity": 0.75,
    }
    found = rates(result.Matrix(36, 4, 20, 60), 10)
    assert (found["accuracy"].value, found["sensitivity"].value) == (0.8, 0.9)
    assert found["sensitivity"].low < 0.9 < found["sensitivity"].high


def test_counts_below_zero_give_rates_all_the_same():
    found = rates(result.Matrix(33, -2, -1, 56), 10)
    assert all(rate.value == rate.high == 1 and rate.low > 0.7 for rate in found.values())
