"""Drafting terms: one builder for every study that a scenario runs.

The numbers come from the design, which `plan` checks; everything that follows from them is filled
in here, so no scenario can state a bound that its other numbers do not give.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from troth.domain import terms as document
from troth.domain.terms import (
    CELLS,
    EvaluationTerms,
    FinalityTerms,
    ModelTerms,
    PreprocessingTerms,
    PrivacyTerms,
    QuorumTerms,
    SecaggTerms,
    SiteTerms,
    Terms,
    WindowTerms,
)
from troth.errors import ParameterError
from troth.privacy.plan import StudyDesign
from troth.round.study import Study
from troth.scenarios.consortium import Dataset, Organisation


@dataclass(frozen=True)
class Draft:
    """What people decide about a study, beside its numbers."""

    name: str
    purpose: str
    sites: Sequence[Organisation]
    """Who brings data, each with the dataset at the same place of `datasets`."""
    datasets: Sequence[Dataset]
    aggregators: Sequence[Organisation]
    quorum: QuorumTerms
    finality: FinalityTerms
    """Whose word makes a round final."""
    max_aborts: int
    window: int
    """Seconds that each step may take."""
    model: ModelTerms | EvaluationTerms
    preprocessing: PreprocessingTerms


def logistic_model(
    dimension: int, *, learning_rate: float, momentum: float, normaliser: int
) -> ModelTerms:
    """The one model that this version trains."""
    return ModelTerms(
        name="logistic-regression",
        loss="logistic",
        optimiser="sgd-momentum",
        dimension=dimension,
        learning_rate=learning_rate,
        momentum=momentum,
        normaliser=normaliser,
    )


def evaluated_model(trained: Study, digest: bytes) -> EvaluationTerms:
    """A final model of another study, by the digest that its parties attested."""
    return EvaluationTerms(
        name="confusion-counts",
        dimension=CELLS,
        study="0x" + trained.study_id.hex(),
        digest="0x" + digest.hex(),
    )


def draft_terms(draft: Draft, design: StudyDesign, chain_id: int) -> Terms:
    """The terms of a study with these numbers.

    Raises:
        ParameterError: a design that leaves its number of proofs to the variant; terms name it.
    """
    if design.proofs is None or design.proofs_norm_equality is None:
        raise ParameterError("the design of a study that runs says how many proofs there are")
    return Terms(
        format=document.FORMAT,
        name=draft.name,
        purpose=draft.purpose,
        chain_id=chain_id,
        mode=design.mode,
        committee=tuple(str(item.account.address) for item in draft.aggregators),
        sites=tuple(
            SiteTerms(
                account=str(site.account.address),
                weight=weight,
                version="0x" + dataset.version.hex(),
                lineage="0x" + dataset.lineage.hex(),
                record_bound=dataset.record_bound,
            )
            for site, weight, dataset in zip(
                draft.sites, design.weights, draft.datasets, strict=True
            )
        ),
        rounds=design.rounds,
        max_aborts=draft.max_aborts,
        quorum=draft.quorum,
        finality=draft.finality,
        windows=WindowTerms(**{field.name: draft.window for field in fields(WindowTerms)}),
        secagg=SecaggTerms(
            variant=design.variant,
            proofs=design.proofs,
            proofs_norm_equality=design.proofs_norm_equality,
            num_wr_checks=design.num_wr_checks,
            num_wr_successes=design.num_wr_successes,
            site_norm_bound=design.site_norm_bound,
            noise_norm_bound=design.noise_norm_bound,
        ),
        privacy=PrivacyTerms(
            unit="record",
            neighbours="add-or-remove-one",
            mechanism="discrete-gaussian",
            clip=design.clip,
            scale_bits=design.scale_bits,
            noise_variance=design.noise_variance,
            honest=design.honest,
            noise_candidates=design.noise_candidates,
            delta=design.delta,
            epsilon=design.epsilon,
        ),
        model=draft.model,
        preprocessing=draft.preprocessing,
    )
