"""Accuracy of the hospitals' study over several seeds, beside what they could do without Troth.

Everybody trains on the same four fifths of each hospital's records. The rest tests Troth's model:
how far does the evaluation under noise lie from the truth, which only this benchmark knows?

Troth's mechanism runs in the clear: the same clipping, rounding, noise and model step as in a
study, without cryptography and ledger, which do not change the sum. All randomness is seeded
here, the noise included (in a study it comes from the operating system).

One study is one draw of the noise, which moves its accuracy by about a point. So each seed is run
with several draws, and the table says both what to expect (mean over draws) and how much a single
run of all seeds scatters around it.

Usage: python benchmarks/hospitals/accuracy.py [--seeds 10] [--draws 10] [--json] [--rounds T] ...
"""

import argparse
import json
import math
import platform
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from statistics import mean, stdev

import numpy as np

from troth.learning.confusion import confusion_counts
from troth.learning.fedsgd import apply_aggregate
from troth.learning.logistic import accuracy, record_gradients
from troth.learning.model import Model
from troth.privacy.dp.accounting import epsilon_guaranteed, epsilon_tight
from troth.privacy.dp.clipping import Coins, clip_for, integer_sum
from troth.privacy.dp.discrete_gaussian import noise_bound, sample_bounded
from troth.privacy.dp.event import Composed, DiscreteGaussianSumEvent
from troth.privacy.dp.price import price
from troth.scenarios import hospital_baselines as baselines
from troth.scenarios.hospital_evaluation import (
    EvaluationParameters,
    evaluation_design,
    matrix,
    rates,
)
from troth.scenarios.hospital_records import HOSPITALS, HospitalData, StudyParameters, load
from troth.scenarios.hospital_study import DELTA

COLUMNS = ("pooled", "best_alone", "federated", "troth", "worst")
ONE_POINT = 0.01
PACKAGES = ("numpy", "scikit-learn", "dp-accounting")


class SeededStream:
    """A reproducible byte stream for benchmarks; never for a study."""

    def __init__(self, seed: str) -> None:
        self._generator = random.Random(seed)

    def next(self, length: int, /) -> bytes:
        """The next ``length`` bytes."""
        return self._generator.randbytes(length)


@dataclass(frozen=True)
class Evaluated:
    """One evaluation under noise, and what it would have said without."""

    truth: float
    """Accuracy on the records kept from training."""
    estimate: float
    """What the noisy counts give for it."""
    covered: bool
    """Whether the interval around the estimate holds the truth."""


@dataclass(frozen=True)
class Row:
    """Accuracies of one seed, between 0 and 1."""

    seed: int
    pooled: float
    best_alone: float
    federated: float
    troth: float
    """Mean over the draws."""
    worst: float
    """Troth's worst draw."""
    draws: tuple[float, ...]
    """Troth, draw by draw."""
    evaluations: tuple[Evaluated, ...]
    """Of Troth's models, draw by draw."""


def private_in_the_clear(data: HospitalData, study: StudyParameters, draw: int) -> Model:
    """The model that a study with these parameters would end with."""
    dimension = data.public.rows.shape[1]
    bound = noise_bound(study.noise_variance, dimension)
    record_clip = clip_for(study.clip, study.scale_bits, dimension)
    model = Model.zeros(dimension)
    for step in range(study.rounds):
        total = np.zeros(dimension, dtype=np.int64)
        for site, hospital in enumerate(data.hospitals):
            total += integer_sum(
                record_gradients(model.weights, hospital.rows, hospital.labels),
                hospital.numbers,
                clip=study.clip,
                record_clip=record_clip,
                scale_bits=study.scale_bits,
                coins=Coins((data.seed, draw, step, site)),
            )
        for member in range(study.noise_vectors):
            stream = SeededStream(f"{data.seed}/{draw}/{step}/{member}")
            total += sample_bounded(study.noise_variance, dimension, bound, stream)
        model = apply_aggregate(
            model,
            total,
            scale_bits=study.scale_bits,
            normaliser=study.normaliser,
            learning_rate=study.learning_rate,
            momentum=study.momentum,
        )
    return model


def evaluate(data: HospitalData, model: Model, draw: int) -> Evaluated:
    """What an evaluation of this model would say, beside the truth."""
    design = evaluation_design(EvaluationParameters(), HOSPITALS)
    exact = np.zeros(design.dimension, dtype=np.int64)
    for kept in data.held_out:
        exact += confusion_counts(model.weights, kept.rows, kept.labels)
    noisy = exact.copy()
    for member in range(design.members):
        stream = SeededStream(f"evaluation/{data.seed}/{draw}/{member}")
        variance, dimension = design.noise_variance, design.dimension
        noisy += sample_bounded(variance, dimension, design.noise_norm_bound, stream)
    truth = rates(matrix(exact.tolist()), 0)["accuracy"].value
    found = rates(matrix(noisy.tolist()), design.members * design.noise_variance)["accuracy"]
    return Evaluated(truth, found.value, found.low <= truth <= found.high)


def measure(seed: int, study: StudyParameters, draws: int) -> Row:
    data = load(seed)
    models = [private_in_the_clear(data, study, draw) for draw in range(draws)]
    public = data.public
    troth = tuple(accuracy(model.weights, public.rows, public.labels) for model in models)
    return Row(
        seed=seed,
        pooled=baselines.pooled(data),
        best_alone=max(baselines.alone(data)),
        federated=baselines.federated(data, study),
        troth=mean(troth),
        worst=min(troth),
        draws=troth,
        evaluations=tuple(evaluate(data, model, draw) for draw, model in enumerate(models)),
    )


def epsilons(study: StudyParameters) -> dict[str, float]:
    one = DiscreteGaussianSumEvent(study.clip, 1, study.honest, study.noise_variance)
    event = Composed(one, study.rounds)
    return {
        "delta": DELTA,
        "guaranteed": epsilon_guaranteed(price(event), DELTA),
        "tight": epsilon_tight(event, DELTA),
    }


def summarise(rows: list[Row]) -> dict[str, object]:
    """Means over seeds, the two goals, and the scatter of one run over all seeds."""
    means = {name: mean(getattr(row, name) for row in rows) for name in COLUMNS}
    single_runs = [mean(accuracies) for accuracies in zip(*(r.draws for r in rows), strict=True)]
    return {
        "mean": means,
        "troth_minus_pooled": means["troth"] - means["pooled"],
        "troth_minus_best_alone": means["troth"] - means["best_alone"],
        "single_run_deviation": stdev(single_runs) if len(single_runs) > 1 else None,
        "single_runs_within_one_point": mean(
            run >= means["pooled"] - ONE_POINT for run in single_runs
        ),
        "held_out": summarise_evaluations([one for row in rows for one in row.evaluations]),
    }


def summarise_evaluations(found: list[Evaluated]) -> dict[str, float]:
    """What the models do on records kept from training, and how well the noisy counts say so."""
    return {
        "truth": mean(one.truth for one in found),
        "estimate": mean(one.estimate for one in found),
        "root_mean_square_error": math.sqrt(mean((one.estimate - one.truth) ** 2 for one in found)),
        "truth_in_interval": mean(one.covered for one in found),
    }


def print_table(rows: list[Row], document: Mapping[str, object]) -> None:
    print("Percent of the public records predicted rightly")
    print("seed", *(f"{name.replace('_', ' '):>11}" for name in COLUMNS))
    for row in rows:
        print(f"{row.seed:4}", *(f"{100 * getattr(row, name):11.2f}" for name in COLUMNS))
    print("mean", *(f"{100 * mean(getattr(r, name) for r in rows):11.2f}" for name in COLUMNS))
    for key, value in document.items():
        if key != "rows":
            print(f"{key}: {json.dumps(value)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N-1")
    parser.add_argument("--draws", type=int, default=10, help="draws of the noise for each seed")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    for field in fields(StudyParameters):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    study = replace(
        StudyParameters(), **{field.name: options[field.name] for field in fields(StudyParameters)}
    )

    started = time.perf_counter()
    rows = [measure(seed, study, options["draws"]) for seed in range(options["seeds"])]
    document = {
        "rows": [asdict(row) for row in rows],
        **summarise(rows),
        "study": asdict(study),
        "epsilon": epsilons(study),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "seconds": round(time.perf_counter() - started, 1),
    }
    if options["json"]:
        print(json.dumps(document, indent=2))
    else:
        print_table(rows, document)


if __name__ == "__main__":
    main()
