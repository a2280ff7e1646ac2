"""The hospitals' study: who takes part, what they hold, the terms they agree on, how they train.

Four hospitals and a fifth site that lies once hold data; two to four other organisations aggregate.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from troth.domain import merkle
from troth.domain.terms import FinalityTerms, PreprocessingTerms, QuorumTerms, Terms
from troth.learning.logistic import record_gradients
from troth.learning.model import Model
from troth.ledger.account import Account
from troth.ledger.client import DevelopmentLedger
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.dp.clipping import Coins, clip_for, integer_sum
from troth.privacy.plan import StudyDesign
from troth.roles.following import Examine
from troth.roles.trainer import Train, Trainer
from troth.round.sharing import Sharer, share_honestly
from troth.round.study import Study
from troth.scenarios.consortium import (
    AGGREGATOR,
    SITE,
    Consortium,
    Dataset,
    Organisation,
    RandomBytes,
    found,
)
from troth.scenarios.drafting import Draft, draft_terms, logistic_model
from troth.scenarios.hospital_committee import COMMITTEES
from troth.scenarios.hospital_records import DIMENSION, HospitalData, Records, StudyParameters
from troth.storage.blobs import BlobStore
from troth.testing.forgers import shard_over_norm

EPSILON, DELTA = 2.0, 1e-5
VARIANT, PROOFS, NORM_PROOFS = "Pine64HmacSha256Aes128", 2, 2
LIAR, LIE_ROUND, LIE_FACTOR = 4, 2, 100
WINDOW = 600
MAX_ABORTS = 3
QUORUM = QuorumTerms(min_sites=3, min_weight=3)
FINALITY = FinalityTerms(corrupt_sites=1, accusations=2, every_site=False)
SITES = 5


@dataclass(frozen=True)
class Cast:
    """Who takes part: the five sites (the last one lies), the aggregators."""

    sites: tuple[Organisation, ...]
    aggregators: tuple[Organisation, ...]

    @property
    def hospitals(self) -> tuple[Organisation, ...]:
        """The sites that hold records."""
        return self.sites[:LIAR]

    @property
    def organisations(self) -> tuple[Organisation, ...]:
        """Everybody, aggregators last."""
        return self.sites + self.aggregators


def cast(random_bytes: RandomBytes, mode: str) -> Cast:
    """New accounts for everybody whom a mode needs, from the operating system's randomness."""
    members, _ = COMMITTEES[mode]
    sites = [f"hospital {number}" for number in (1, 2, 3, 4)] + ["fifth site"]
    aggregators = [f"aggregator {number}" for number in range(1, members + 1)]
    return Cast(
        tuple(Organisation(label, SITE, Account(random_bytes(32))) for label in sites),
        tuple(Organisation(label, AGGREGATOR, Account(random_bytes(32))) for label in aggregators),
    )


@dataclass(frozen=True)
class Registered:
    """The sites' datasets, each with a budget of its own. No record is in two of them."""

    training: list[Dataset]
    """One for each site."""
    held_out: list[Dataset]
    """One for each hospital: what it keeps from training."""
    made_up: list[Dataset]
    """One for each site: records of nobody, for a drill."""


def establish(
    players: Cast,
    ledger: DevelopmentLedger,
    store: BlobStore,
    folder: Path,
    data: HospitalData,
    record_bounds: tuple[int, int],
    random_bytes: RandomBytes,
) -> tuple[Consortium, Registered]:
    """Deploy the contracts, register every dataset, open every budget.

    What a hospital keeps from training is registered before anything is trained, so its root says
    afterwards which records these were.

    Args:
        players: who takes part.
        ledger: where.
        store: where blobs go.
        folder: where state files go.
        data: the records.
        record_bounds: most records of a dataset to train on, and of one to test on.
        random_bytes: salts and keys.
    """
    consortium = found(ledger, store, players.organisations, folder, random_bytes)
    budget = nano_rho_budget(EPSILON, DELTA)

    def register(site: Organisation, rows: NDArray[np.float64], bound: int) -> Dataset:
        root = merkle.root([row.tobytes() for row in rows], random_bytes(32))
        return consortium.register(site, root, bound, budget)

    most, most_held_out = record_bounds
    nobody = np.zeros((1, DIMENSION))  # the fifth site's: it sends nothing honest anyway
    return consortium, Registered(
        training=[
            register(site, nobody if place == LIAR else _whole(data.hospitals[place]), most)
            for place, site in enumerate(players.sites)
        ],
        held_out=[
            register(site, _whole(records), most_held_out)
            for site, records in zip(players.hospitals, data.held_out, strict=True)
        ],
        made_up=[register(site, nobody, most) for site in players.sites],
    )


def _whole(records: Records) -> NDArray[np.float64]:
    return np.column_stack([records.rows, records.labels])


def hospital_design(parameters: StudyParameters, sites: int) -> StudyDesign:
    """The numbers of the study that must fit each other."""
    return StudyDesign(
        variant=VARIANT,
        mode=parameters.mode,
        members=parameters.noise_vectors,
        dimension=DIMENSION,
        record_bounds=(parameters.record_bound,) * sites,
        weights=(1,) * sites,
        clip=parameters.clip,
        scale_bits=parameters.scale_bits,
        noise_variance=parameters.noise_variance,
        honest=parameters.honest,
        rounds=parameters.rounds,
        delta=DELTA,
        epsilon=EPSILON,
        proofs=PROOFS,
        proofs_norm_equality=NORM_PROOFS,
    )


def hospital_terms(
    name: str,
    purpose: str,
    players: Cast,
    datasets: list[Dataset],
    chain_id: int,
    data: HospitalData,
    parameters: StudyParameters,
) -> Terms:
    """The terms of a study over the hospitals' datasets."""
    draft = Draft(
        name=name,
        purpose=purpose,
        sites=players.sites,
        datasets=datasets,
        aggregators=players.aggregators,
        quorum=QUORUM,
        finality=FINALITY,
        max_aborts=MAX_ABORTS,
        window=WINDOW,
        model=logistic_model(
            DIMENSION,
            learning_rate=parameters.learning_rate,
            momentum=parameters.momentum,
            normaliser=parameters.normaliser,
        ),
        preprocessing=preprocessing_terms(data),
    )
    return draft_terms(draft, hospital_design(parameters, len(datasets)), chain_id)


def preprocessing_terms(data: HospitalData) -> PreprocessingTerms:
    """The public constants that every study of the hospitals scales its columns by."""
    return PreprocessingTerms(
        columns=data.preprocessing.columns,
        shift=data.preprocessing.centre,
        scale=data.preprocessing.spread,
    )


def training(records: Records, terms: Terms, seed: int, place: int) -> Train:
    """Local training of an honest hospital: clipped, rounded, summed per-record gradients.

    ``seed`` drives the rounding, so that a run can be repeated; the guarantee does not rest on it.
    """
    privacy = terms.privacy
    record_clip = clip_for(privacy.clip, privacy.scale_bits, terms.model.dimension)

    def train(model: Model, number: int) -> NDArray[np.int64]:
        gradients = record_gradients(model.weights, records.rows, records.labels)
        return integer_sum(
            gradients,
            records.numbers,
            clip=privacy.clip,
            record_clip=record_clip,
            scale_bits=privacy.scale_bits,
            coins=Coins((seed, place, number)),
        )

    return train


def lying(terms: Terms) -> Train:
    """The fifth site: a valid empty update, but in one round one that is far too long."""

    def train(_: Model, number: int) -> NDArray[np.int64]:
        update = np.zeros(DIMENSION, dtype=np.int64)
        if number == LIE_ROUND:
            update[0] = LIE_FACTOR * terms.secagg.site_norm_bound
        return update

    return train


def lying_sharer(number: int) -> Sharer:
    """A forged proof of a false norm for the long update, an honest sharing otherwise."""
    return shard_over_norm if number == LIE_ROUND else share_honestly


def trainers(
    study: Study,
    data: HospitalData,
    seed: int,
    random_bytes: RandomBytes,
    examine_round: Examine,
) -> list[Trainer]:
    """The five sites' roles."""
    honest = [
        Trainer(
            study,
            account,
            training(records, study.terms, seed, place),
            random_bytes,
            examine_round=examine_round,
        )
        for place, (account, records) in enumerate(zip(study.sites, data.hospitals, strict=False))
    ]
    liar = Trainer(
        study,
        study.sites[LIAR],
        lying(study.terms),
        random_bytes,
        sharer=lying_sharer,
        examine_round=examine_round,
    )
    return [*honest, liar]
