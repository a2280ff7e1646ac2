"""The hospitals' records: real patients, a public set, and a split that hurts.

The Wisconsin diagnostic breast-cancer data as scikit-learn ships it: 569 records of 30 measured
features, label 1 for benign and 0 for malignant. 114 records, stratified, are *public*: the test
set, and the only source of pre-processing constants. The other 455 are divided over four
hospitals so that each sees mostly one kind of patient, and none can learn much alone.

Of its records each hospital keeps a fifth of either label from training: they test the finished
model, and nothing else ever uses them (`kept_from_training`).

Everything is a function of one seed; nothing else is random here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.errors import ParameterError
from troth.learning.logistic import update_dimension, with_intercept
from troth.scenarios.hospital_committee import CommitteeParameters

PUBLIC_RECORDS = 114
PRIVATE_RECORDS = 455
HELD_OUT_PARTS = 5
"""One in this many of a hospital's records is kept from training."""
HOSPITALS = 4
FEATURES = 30
DIMENSION = update_dimension(FEATURES)


@dataclass(frozen=True, slots=True)
class StudyParameters(CommitteeParameters):
    """What the hospitals agree on for learning and privacy; the terms carry these numbers."""

    rounds: int = 20
    """T."""
    clip: int = 128
    """Δ, integer L2 bound of one record."""
    scale_bits: int = 7
    """f: integers are gradients times 2^f."""
    noise_variance: int = 1_517_824
    """σ_h² = 1232² where the guarantee counts on one aggregator's noise."""
    learning_rate: float = 1.0
    momentum: float = 0.5
    normaliser: int = PRIVATE_RECORDS - PRIVATE_RECORDS // HELD_OUT_PARTS
    """N: a public constant, the number of training records that the study was planned for."""
    record_bound: int = 256
    """Most records that one hospital may bring."""


@dataclass(frozen=True, slots=True)
class SplitParameters:
    """How unevenly the private records are divided."""

    concentration: float = 0.2
    """α of the Dirichlet distribution of each class over the hospitals; small is uneven."""
    rarer_class_cap: int = 4
    """Most records of its rarer class that a hospital may hold."""
    fewest: int = 20
    """Fewest records of a hospital."""
    most: int = 256
    """Most records of a hospital: the record bound of the study."""


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Pre-processed records."""

    rows: NDArray[np.float64]
    """float64 of shape (n, 31): 30 standardised features and the intercept's 1."""
    labels: NDArray[np.int64]
    """int64 of shape (n,): 1 benign, 0 malignant."""
    numbers: NDArray[np.int64]
    """int64 of shape (n,): the number that each record has and keeps, whichever others are there.

    Rounding coins belong to it. Numbering records by position would move the coins of every later
    record when one is taken out, and with them the sum by more than one record's share.
    """

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """Constants of (x - centre)/spread; they stand in the terms, as plain decimal numbers."""

    columns: tuple[str, ...]
    """Name of each feature, in the order of the rows."""
    centre: tuple[float, ...]
    """a: mean of each feature over the public records, rounded to two digits."""
    spread: tuple[float, ...]
    """b: standard deviation of each feature over the public records, rounded to two digits."""

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw features of shape (n, 30) as rows of shape (n, 31)."""
        return with_intercept((features - np.array(self.centre)) / np.array(self.spread))


@dataclass(frozen=True, slots=True, eq=False)
class HospitalData:
    """All that one seed determines."""

    seed: int
    preprocessing: Preprocessing
    public: Records
    hospitals: tuple[Records, ...]
    """What each hospital trains on."""
    held_out: tuple[Records, ...]
    """What each hospital keeps from training."""


def load(seed: int, split: SplitParameters = SplitParameters()) -> HospitalData:
    """The public set and the four hospitals of a seed.

    Args:
        seed: Drives which records are public and how the others are divided; at least 0.
        split: How unevenly.

    Raises:
        ParameterError: A negative seed, or split parameters that no draw satisfies.
    """
    if seed < 0:
        raise ParameterError(f"seed must be at least 0, not {seed}")
    # scikit-learn takes seconds to import, and only this scenario needs it.
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415 - see above
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - see above

    source = load_breast_cancer()
    features, labels = source.data, source.target
    private, public = train_test_split(
        np.arange(len(labels)), test_size=PUBLIC_RECORDS, stratify=labels, random_state=seed
    )
    preprocessing = _preprocessing(
        tuple(str(name) for name in source.feature_names), features[public]
    )

    def records(chosen: NDArray[np.int64]) -> Records:
        return Records(
            preprocessing.apply(features[chosen]), labels[chosen].astype(np.int64), chosen
        )

    parts = [private[part] for part in uneven_split(labels[private], seed, split)]
    kept = [kept_from_training(places_in_lists(labels[part])) for part in parts]
    return HospitalData(
        seed=seed,
        preprocessing=preprocessing,
        public=records(public),
        hospitals=tuple(records(part[~out]) for part, out in zip(parts, kept, strict=True)),
        held_out=tuple(records(part[out]) for part, out in zip(parts, kept, strict=True)),
    )


def _preprocessing(columns: tuple[str, ...], public_features: NDArray[np.float64]) -> Preprocessing:
    """Two significant digits: enough for learning, and short enough to read in the terms."""
    return Preprocessing(
        columns=columns,
        centre=tuple(float(f"{value:.2g}") for value in public_features.mean(axis=0)),
        spread=tuple(float(f"{value:.2g}") for value in public_features.std(axis=0)),
    )


def places_in_lists(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each record in its hospital's list of its label, from 0.

    Given once, when the lists are made, and to no other record afterwards: a record that is taken
    out leaves its place empty. A hospital that closed the gap would move others across below, and
    one patient could change both sides by many records.
    """
    places = np.zeros(len(labels), dtype=np.int64)
    for label in (0, 1):
        of_label = labels == label
        places[of_label] = np.arange(of_label.sum())
    return places


def kept_from_training(places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which records are kept from training, as a mask: of each list every fifth, from the third on.

    That is a fifth of either label to the nearest whole record, as long as no place is empty. It
    depends on a record's own place alone.
    """
    kept: NDArray[np.bool_] = places % HELD_OUT_PARTS == HELD_OUT_PARTS // 2
    return kept


DRAWS = 100_000
"""Dirichlet draws that are tried before a split is called impossible."""


def uneven_split(
    labels: NDArray[np.int64], seed: int, split: SplitParameters
) -> tuple[NDArray[np.int64], ...]:
    """Positions of each hospital's records, disjoint and complete.

    Each class is shuffled and cut at proportions drawn from a Dirichlet distribution; the first
    draw whose hospitals all keep within the limits is taken. Draw t uses a generator of its own,
    seeded with (seed, t).

    Raises:
        ParameterError: No draw keeps within the limits.
    """
    for draw in range(DRAWS):
        parts = _dirichlet_parts(labels, np.random.default_rng([seed, draw]), split.concentration)
        if all(_within(labels[part], split) for part in parts):
            return parts
    raise ParameterError(f"none of {DRAWS} draws divides the records within {split}")


def _dirichlet_parts(
    labels: NDArray[np.int64], generator: np.random.Generator, concentration: float
) -> tuple[NDArray[np.int64], ...]:
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(HOSPITALS)]
    for label in (0, 1):
        shuffled = generator.permutation(np.flatnonzero(labels == label))
        shares = generator.dirichlet([concentration] * HOSPITALS)
        cuts = (np.cumsum(shares)[:-1] * len(shuffled)).astype(np.int64)
        for part, piece in zip(parts, np.split(shuffled, cuts), strict=True):
            part.append(piece)
    return tuple(np.concatenate(part) for part in parts)


def _within(labels: NDArray[np.int64], split: SplitParameters) -> bool:
    benign = int(labels.sum())
    rarer = min(benign, len(labels) - benign)
    return split.fewest <= len(labels) <= split.most and rarer <= split.rarer_class_cap
