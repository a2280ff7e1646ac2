"""A consortium whose study is as wide as is asked for, on the embedded ledger with real contracts.

Terms name every column of a model, and a million names are not what is measured here: the study
has few columns, and its model is as wide as its updates all the same. Nobody examines these terms
(`plan` says separately whether their numbers fit); the roles, the contracts and the store are
those of any study.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from troth.domain.terms import FinalityTerms, PreprocessingTerms, QuorumTerms, Terms
from troth.ledger import engines
from troth.ledger.account import Account
from troth.ledger.bindings import dataset_registry, study_registry
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.plan import StudyDesign
from troth.round.agreement import on_chain_terms
from troth.round.study import Study
from troth.scenarios.consortium import AGGREGATOR, SITE, Consortium, Dataset, Organisation, found
from troth.scenarios.drafting import Draft, draft_terms, logistic_model
from troth.storage.blobs import BlobStore

GENESIS, WINDOW = 1_700_000_000, 3600
DELTA = 1e-6
COLUMNS = ("a", "b", "c")


class WideStudy(Study):
    """A study whose model is as wide as its updates, whatever columns its terms name."""

    @property
    def model_dimension(self) -> int:
        """Weights of the model."""
        return self.terms.model.dimension


@dataclass(frozen=True)
class Wide:
    """A deployed consortium and its one active study."""

    consortium: Consortium
    study: WideStudy


def wide_study(folder: Path, design: StudyDesign, store: Callable[[Path], BlobStore]) -> Wide:
    """Deploy, register, propose, approve and grant; nothing of the first round has happened yet.

    Args:
        folder: for the store and for what the parties keep.
        design: the numbers of the study.
        store: how to open a store in a folder.
    """
    sites = [_organisation(f"site {n}", SITE) for n in range(len(design.weights))]
    members = [_organisation(f"aggregator {n}", AGGREGATOR) for n in range(design.members)]
    everybody = [*sites, *members]
    funded = [item.account.address for item in everybody]
    ledger = engines.open("embedded", timestamp=GENESIS, funded=funded)
    consortium = found(ledger, store(folder / "store"), everybody, folder / "parties", os.urandom)
    budget = nano_rho_budget(design.epsilon, design.delta)
    datasets = [
        consortium.register(site, os.urandom(32), bound, budget)
        for site, bound in zip(sites, design.record_bounds, strict=True)
    ]
    terms = wide_terms(design, ledger.chain_id, sites, members, datasets)
    return Wide(consortium, _agree(consortium, terms))


def wide_terms(
    design: StudyDesign,
    chain_id: int,
    sites: list[Organisation],
    members: list[Organisation],
    datasets: list[Dataset],
) -> Terms:
    """Terms with the numbers of a design."""
    draft = Draft(
        name="wide study",
        purpose="benchmark",
        sites=sites,
        datasets=datasets,
        aggregators=members,
        quorum=QuorumTerms(min_sites=len(sites), min_weight=1),
        finality=FinalityTerms(corrupt_sites=1, accusations=2, every_site=True),
        max_aborts=0,
        window=WINDOW,
        model=logistic_model(design.dimension, learning_rate=0.1, momentum=0.9, normaliser=1000),
        preprocessing=PreprocessingTerms(
            columns=COLUMNS, shift=(0.0,) * len(COLUMNS), scale=(1.0,) * len(COLUMNS)
        ),
    )
    return draft_terms(draft, design, chain_id)


def _agree(consortium: Consortium, terms: Terms) -> WideStudy:
    """Propose, approve and grant without examining: see the module's docstring."""
    proposer = consortium.organisations[-1].account
    receipt = consortium.send(
        proposer, study_registry.propose(terms.digest(), on_chain_terms(terms))
    )
    (event,) = (entry.event for entry in receipt.events)
    if not isinstance(event, study_registry.StudyProposed):
        raise TypeError(f"proposing a study gave {event}")
    versions = {site.account: bytes.fromhex(site.version[2:]) for site in terms.sites}
    for organisation in consortium.organisations:
        member = organisation.account
        consortium.send(member, study_registry.approve(event.study_id))
        if str(member.address) in versions:
            version = versions[str(member.address)]
            consortium.send(member, dataset_registry.grant(version, event.study_id))
    return WideStudy(terms, event.study_id, consortium.deployment.addresses["Rounds"])


def _organisation(label: str, roles: int) -> Organisation:
    return Organisation(label, roles, Account(os.urandom(32)))
