"""A whole consortium at toy size: real contracts, real proofs, a few coordinates, seconds to run.

For tests of the round, the roles and the audit. Sites "train" by returning a vector that the test
chose, so that the sum is known.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import (
    FinalityTerms,
    PreprocessingTerms,
    QuorumTerms,
    Terms,
)
from troth.learning.model import Model
from troth.ledger import engines
from troth.ledger.account import Account
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.plan import StudyDesign
from troth.roles.trainer import Trainer
from troth.round.driver import Party
from troth.round.sharing import Sharer, share_honestly
from troth.round.study import Study
from troth.round.view import StudyView
from troth.scenarios.consortium import (
    AGGREGATOR,
    SITE,
    Consortium,
    Dataset,
    Organisation,
    found,
)
from troth.scenarios.drafting import Draft, draft_terms, evaluated_model, logistic_model
from troth.storage.blobs import LocalBlobs

DIMENSION = 4
RECORD_BOUND = 64
GENESIS = 1_700_000_000
WINDOW = 100
EPSILON, DELTA = 4.0, 1e-5
Vectors = Callable[[int, int], Sequence[int]]
"""From a site's place and the round's number, the integers that it sends."""


def constant(place: int, _: int) -> Sequence[int]:
    """Every site sends its own number, every round."""
    return [place + 1] * DIMENSION


@dataclass(frozen=True)
class Shape:
    """What a toy study looks like."""

    weights: tuple[int, ...] = (1, 1, 1)
    mode: str = "A"
    members: int = 2
    honest: int = 1
    rounds: int = 2
    max_aborts: int = 2
    min_sites: int = 2
    candidates: int = 2
    accusations: int = 2
    every_site: bool = False
    engine: str = "embedded"
    engine_options: Mapping[str, Any] = field(default_factory=dict)

    def design(self) -> StudyDesign:
        """The numbers that must fit each other."""
        return StudyDesign(
            variant="Pine64HmacSha256Aes128",
            mode=self.mode,
            members=self.members,
            dimension=DIMENSION,
            record_bounds=(RECORD_BOUND,) * len(self.weights),
            weights=self.weights,
            clip=16,
            scale_bits=4,
            noise_variance=10_000,
            honest=self.honest,
            noise_candidates=self.candidates,
            rounds=self.rounds,
            delta=DELTA,
            epsilon=EPSILON,
            proofs=2,
            proofs_norm_equality=2,
        )


@dataclass
class SmallStudy:
    """A deployed consortium, one active study, and the parties that run it."""

    consortium: Consortium
    study: Study
    datasets: list[Dataset]
    sites: list[Party[Any]]
    aggregators: list[Party[Any]]

    @property
    def parties(self) -> list[Party[Any]]:
        """Everybody, sites first."""
        return [*self.sites, *self.aggregators]

    def run(
        self,
        done: Callable[[StudyView], bool] | None = None,
        parties: list[Party[Any]] | None = None,
    ) -> StudyView:
        """Run parties (everybody) until ``done`` (all rounds are final or the study stopped)."""
        terms = self.study.terms

        def over(view: StudyView) -> bool:
            return len(view.finals) >= terms.rounds or len(view.aborts) > terms.max_aborts

        return self.consortium.drive(self.study, parties or self.parties, done or over)


def small_terms(
    shape: Shape,
    chain_id: int,
    sites: Sequence[Organisation],
    aggregators: Sequence[Organisation],
    datasets: Sequence[Dataset],
) -> Terms:
    """Terms of the toy study."""
    draft = Draft(
        name="small study",
        purpose="tests",
        sites=sites,
        datasets=datasets,
        aggregators=aggregators,
        quorum=QuorumTerms(min_sites=shape.min_sites, min_weight=1),
        finality=FinalityTerms(
            corrupt_sites=shape.min_sites - (2 if shape.mode == "B4" else 1),
            accusations=shape.accusations,
            every_site=shape.every_site,
        ),
        max_aborts=shape.max_aborts,
        window=WINDOW,
        model=logistic_model(DIMENSION, learning_rate=1.0, momentum=0.0, normaliser=64),
        preprocessing=PreprocessingTerms(
            columns=("a", "b", "c"), shift=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0)
        ),
    )
    return draft_terms(draft, shape.design(), chain_id)


def small_study(
    folder: Path,
    shape: Shape = Shape(),
    vectors: Vectors = constant,
    sharers: Mapping[int, Sharer] | None = None,
) -> SmallStudy:
    """Deploy, register, agree; nothing of the first round has happened yet.

    Args:
        folder: for the store and the state files.
        shape: the study.
        vectors: what sites send.
        sharers: dishonest sharings by site, in place of the honest one.
    """
    sites = [_organisation(f"site {n}", SITE) for n in range(len(shape.weights))]
    aggregators = [_organisation(f"aggregator {n}", AGGREGATOR) for n in range(shape.members)]
    everybody = [*sites, *aggregators]
    ledger = engines.open(
        shape.engine,
        timestamp=GENESIS,
        funded=[item.account.address for item in everybody],
        **shape.engine_options,
    )
    store = LocalBlobs(folder / "store")
    consortium = found(ledger, store, everybody, folder / "parties", os.urandom)
    budget = nano_rho_budget(EPSILON, DELTA)
    datasets = [consortium.register(site, os.urandom(32), RECORD_BOUND, budget) for site in sites]
    terms = small_terms(shape, ledger.chain_id, sites, aggregators, datasets)
    study = consortium.agree(terms)
    return SmallStudy(
        consortium,
        study,
        datasets,
        site_parties(consortium, study, vectors, sharers or {}),
        consortium.aggregators(study),
    )


def small_evaluation_terms(small: SmallStudy, datasets: Sequence[Dataset], digest: bytes) -> Terms:
    """Terms of a toy evaluation, by the same parties, of a model of a toy study.

    Args:
        small: the study that trained it.
        datasets: one for each site.
        digest: the model's.
    """
    trained, everybody = small.study, small.consortium.organisations
    sites = len(trained.sites)
    design = replace(
        Shape((1,) * sites, members=len(trained.committee)).design(),
        clip=1,
        scale_bits=0,
        noise_variance=5,
        rounds=1,
        counted=True,
    )
    draft = Draft(
        name="small evaluation",
        purpose="tests",
        sites=everybody[:sites],
        datasets=datasets,
        aggregators=everybody[sites:],
        quorum=trained.terms.quorum,
        finality=trained.terms.finality,
        max_aborts=trained.terms.max_aborts,
        window=WINDOW,
        model=evaluated_model(trained, digest),
        preprocessing=trained.terms.preprocessing,
    )
    return draft_terms(draft, design, trained.terms.chain_id)


def small_evaluation(small: SmallStudy, digest: bytes, counts: Vectors) -> SmallStudy:
    """Agree on an evaluation of a final model, on new datasets of the same sites.

    Args:
        small: a study that has run.
        digest: of one of its final models.
        counts: what sites send.
    """
    consortium, sites = small.consortium, len(small.study.sites)
    budget = nano_rho_budget(EPSILON, DELTA)
    datasets = [
        consortium.register(site, os.urandom(32), RECORD_BOUND, budget)
        for site in consortium.organisations[:sites]
    ]
    study = consortium.agree(small_evaluation_terms(small, datasets, digest))
    parties = site_parties(consortium, study, counts, {})
    return SmallStudy(consortium, study, datasets, parties, consortium.aggregators(study))


def site_parties(
    consortium: Consortium, study: Study, vectors: Vectors, sharers: Mapping[int, Sharer]
) -> list[Party[Any]]:
    """The sites of a study, from their state files where there are any."""

    def training(place: int) -> Callable[[Model, int], NDArray[np.int64]]:
        return lambda _, number: np.array(vectors(place, number), dtype=np.int64)

    def sharing(place: int) -> Callable[[int], Sharer]:
        return lambda _: sharers.get(place, share_honestly)

    return [
        consortium.party(
            study,
            Trainer(
                study,
                account,
                training(place),
                os.urandom,
                sharer=sharing(place),
                examine_round=consortium.examine_round,
            ),
        )
        for place, account in enumerate(study.sites)
    ]


def _organisation(label: str, roles: int) -> Organisation:
    return Organisation(label, roles, Account(os.urandom(32)))
