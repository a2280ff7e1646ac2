"""What the hospitals could do without Troth: pool their records, stay alone, or trust a server.

Accuracies are shares of the public records predicted rightly, between 0 and 1.
"""

import numpy as np

from troth.learning.fedsgd import apply_aggregate
from troth.learning.logistic import accuracy, record_gradients
from troth.learning.model import Model
from troth.scenarios.hospital_records import HospitalData, Records, StudyParameters

PLAIN_SCALE_BITS = 32
"""Unclipped sums are carried as integers of 2^-32, so that the model step is the same."""


def pooled(data: HospitalData) -> float:
    """All private records in one place: what privacy is measured against."""
    everything = Records(
        np.concatenate([hospital.rows for hospital in data.hospitals]),
        np.concatenate([hospital.labels for hospital in data.hospitals]),
        np.concatenate([hospital.numbers for hospital in data.hospitals]),
    )
    return _converged(everything, data.public)


def alone(data: HospitalData) -> tuple[float, ...]:
    """Each hospital on its own records only, in order."""
    return tuple(_converged(hospital, data.public) for hospital in data.hospitals)


def federated(data: HospitalData, study: StudyParameters) -> float:
    """The same rounds in the clear: a server sees every update; no clip and no noise."""
    model = Model.zeros(data.public.rows.shape[1])
    for _ in range(study.rounds):
        total = sum(
            record_gradients(model.weights, hospital.rows, hospital.labels).sum(axis=0)
            for hospital in data.hospitals
        )
        model = apply_aggregate(
            model,
            np.rint(np.ldexp(total, PLAIN_SCALE_BITS)).astype(np.int64),
            scale_bits=PLAIN_SCALE_BITS,
            normaliser=study.normaliser,
            learning_rate=study.learning_rate,
            momentum=study.momentum,
        )
    return accuracy(model.weights, data.public.rows, data.public.labels)


def _converged(train: Records, test: Records) -> float:
    """Accuracy of scikit-learn's converged logistic regression (C = 1) on the same 31 columns.

    The column of ones is its intercept, so the intercept is regularised like every other weight;
    with a free one, hospitals of nearly one class alone would do some 14 points worse.
    """
    if len(np.unique(train.labels)) == 1:  # nothing to separate: it can only repeat what it knows
        return float(np.mean(test.labels == train.labels[0]))
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - seconds to import

    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=10_000)
    return float(model.fit(train.rows, train.labels).score(test.rows, test.labels))
