"""A study of four sites and two members whose bundle can be written after any round.

As wide as the hospitals' study. Sites report fixed vectors, because an audit costs the same
whatever a site trained on.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from troth.audit.bundle import write_bundle
from troth.domain.terms import FinalityTerms, PreprocessingTerms, QuorumTerms
from troth.ledger import engines
from troth.ledger.account import Account
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.plan import StudyDesign
from troth.round.study import Study
from troth.scenarios.consortium import AGGREGATOR, SITE, Consortium, Organisation, found
from troth.scenarios.drafting import Draft, draft_terms, logistic_model
from troth.scenarios.hospital_records import DIMENSION
from troth.scenarios.small_study import site_parties
from troth.storage.blobs import LocalBlobs

SITES, MEMBERS, CANDIDATES = 4, 2, 4
RECORDS = 100
GENESIS, WINDOW = 1_700_000_000, 600
EPSILON, DELTA = 4.0, 1e-5


@dataclass
class LongStudy:
    """A study under way."""

    consortium: Consortium
    study: Study

    def __post_init__(self) -> None:
        bound = self.study.terms.secagg.site_norm_bound
        vector = [int(bound / (2 * np.sqrt(DIMENSION)))] * DIMENSION
        self._parties = [
            *site_parties(self.consortium, self.study, lambda _, __: vector, {}),
            *self.consortium.aggregators(self.study),
        ]

    def write_after(self, rounds: int, path: Path) -> None:
        """Go on until so many rounds are final, and write everything so far as a bundle."""
        self.consortium.drive(self.study, self._parties, lambda view: len(view.finals) >= rounds)
        sealer = self.consortium.organisations[-1].account
        write_bundle(path, self.consortium.ledger, self.consortium.store, sealer)


def long_study(folder: Path, rounds: int) -> LongStudy:
    """Deploy, register, agree; nothing of the first round has happened yet."""
    sites = [Organisation(f"site {n}", SITE, Account(os.urandom(32))) for n in range(SITES)]
    members = [
        Organisation(f"aggregator {n}", AGGREGATOR, Account(os.urandom(32))) for n in range(MEMBERS)
    ]
    everybody = [*sites, *members]
    funded = [item.account.address for item in everybody]
    ledger = engines.open("embedded", timestamp=GENESIS, funded=funded)
    store = LocalBlobs(folder / "store")
    consortium = found(ledger, store, everybody, folder / "parties", os.urandom)
    design = long_design(rounds)
    budget = nano_rho_budget(EPSILON, DELTA)
    datasets = [consortium.register(site, os.urandom(32), RECORDS, budget) for site in sites]
    columns = tuple(f"column {number}" for number in range(DIMENSION - 1))
    draft = Draft(
        name="long study",
        purpose="benchmark",
        sites=sites,
        datasets=datasets,
        aggregators=members,
        quorum=QuorumTerms(min_sites=3, min_weight=3),
        finality=FinalityTerms(corrupt_sites=1, accusations=2, every_site=False),
        max_aborts=1,
        window=WINDOW,
        model=logistic_model(DIMENSION, learning_rate=0.1, momentum=0.5, normaliser=400),
        preprocessing=PreprocessingTerms(
            columns=columns, shift=(0.0,) * len(columns), scale=(1.0,) * len(columns)
        ),
    )
    return LongStudy(consortium, consortium.agree(draft_terms(draft, design, ledger.chain_id)))


def long_design(rounds: int) -> StudyDesign:
    """Its numbers."""
    return StudyDesign(
        variant="Pine64HmacSha256Aes128",
        members=MEMBERS,
        dimension=DIMENSION,
        record_bounds=(RECORDS,) * SITES,
        weights=(1,) * SITES,
        clip=1024,
        scale_bits=10,
        noise_variance=10_000**2,
        honest=1,
        noise_candidates=CANDIDATES,
        rounds=rounds,
        delta=DELTA,
        epsilon=EPSILON,
        proofs=2,
        proofs_norm_equality=2,
    )
