"""The hospitals' own confusion matrix: how the finished model does on records kept from training.

A study of its own on the same ledger, of one round: each hospital counts how many of the records
that it kept from training the model gets right and wrong, by label, and only the noisy sum of all
hospitals is released. It has its own norm bound, noise and charge. The fifth site has no records to
test on and is no part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import CELLS, Terms
from troth.learning.confusion import Share, confusion_counts, share
from troth.learning.model import Model
from troth.privacy.plan import StudyDesign
from troth.roles.following import Examine
from troth.roles.trainer import Train, Trainer
from troth.round.study import Study
from troth.scenarios import result
from troth.scenarios.consortium import Dataset, RandomBytes
from troth.scenarios.drafting import Draft, draft_terms, evaluated_model
from troth.scenarios.hospital_committee import CommitteeParameters
from troth.scenarios.hospital_records import HELD_OUT_PARTS, HospitalData, Records, SplitParameters
from troth.scenarios.hospital_study import (
    DELTA,
    EPSILON,
    FINALITY,
    MAX_ABORTS,
    NORM_PROOFS,
    PROOFS,
    QUORUM,
    VARIANT,
    WINDOW,
    Cast,
    preprocessing_terms,
)

NAME = "hospitals, evaluation"
PURPOSE = (
    "Tell how often the model is right about patients whose records were kept from its training: "
    "of the malignant and of the benign records of each hospital, in its own order, the third and "
    "every fifth after it, registered before training as a dataset of its own"
)


@dataclass(frozen=True, slots=True)
class EvaluationParameters(CommitteeParameters):
    """What the hospitals agree on for the evaluation."""

    record_bound: int = -(-(SplitParameters().most + 2 * (HELD_OUT_PARTS // 2)) // HELD_OUT_PARTS)
    """Most records that one hospital keeps from training; each label's fifth may be rounded up."""
    noise_variance: int = 5
    """σ_h², per count: the least whole one for ε = 2 where one aggregator's noise is counted on."""


def evaluation_design(parameters: EvaluationParameters, sites: int) -> StudyDesign:
    """The numbers of the evaluation that must fit each other."""
    return StudyDesign(
        variant=VARIANT,
        mode=parameters.mode,
        members=parameters.noise_vectors,
        dimension=CELLS,
        record_bounds=(parameters.record_bound,) * sites,
        weights=(1,) * sites,
        clip=1,
        scale_bits=0,
        noise_variance=parameters.noise_variance,
        honest=parameters.honest,
        rounds=1,
        delta=DELTA,
        epsilon=EPSILON,
        counted=True,
        proofs=PROOFS,
        proofs_norm_equality=NORM_PROOFS,
    )


def evaluation_terms(
    trained: Study,
    digest: bytes,
    players: Cast,
    held_out: list[Dataset],
    data: HospitalData,
    parameters: EvaluationParameters,
) -> Terms:
    """The terms of the evaluation.

    Args:
        trained: the study whose model is evaluated.
        digest: that model's.
        players: who takes part.
        held_out: what each hospital keeps from training.
        data: for the pre-processing constants, which are public.
        parameters: what is agreed.
    """
    draft = Draft(
        name=NAME,
        purpose=PURPOSE,
        sites=players.hospitals,
        datasets=held_out,
        aggregators=players.aggregators,
        quorum=QUORUM,
        finality=FINALITY,
        max_aborts=MAX_ABORTS,
        window=WINDOW,
        model=evaluated_model(trained, digest),
        preprocessing=preprocessing_terms(data),
    )
    return draft_terms(draft, evaluation_design(parameters, len(held_out)), trained.terms.chain_id)


def counting(records: Records) -> Train:
    """What an honest hospital sends: its own counts, exact and whole."""

    def count(model: Model, _: int) -> NDArray[np.int64]:
        return confusion_counts(model.weights, records.rows, records.labels)

    return count


def evaluators(
    study: Study, data: HospitalData, random_bytes: RandomBytes, examine_round: Examine
) -> list[Trainer]:
    """The hospitals' roles."""
    return [
        Trainer(study, account, counting(records), random_bytes, examine_round=examine_round)
        for account, records in zip(study.sites, data.held_out, strict=True)
    ]


def matrix(counts: Sequence[int]) -> result.Matrix:
    """Four counts in the words of this study, in which label 0 is malignant and 1 benign."""
    found, missed, flagged, cleared = counts
    return result.Matrix(
        malignant_found=found,
        malignant_missed=missed,
        benign_flagged=flagged,
        benign_cleared=cleared,
    )


def rates(counts: result.Matrix, variance: int) -> dict[str, result.Rate]:
    """Accuracy, sensitivity and specificity of counts that carry noise of this variance each."""
    found, missed = counts.malignant_found, counts.malignant_missed
    flagged, cleared = counts.benign_flagged, counts.benign_cleared
    return {
        "accuracy": _rate(share(found + cleared, missed + flagged, 2 * variance)),
        "sensitivity": _rate(share(found, missed, variance)),
        "specificity": _rate(share(cleared, flagged, variance)),
    }


def _rate(of: Share) -> result.Rate:
    return result.Rate(of.value, of.low, of.high)
