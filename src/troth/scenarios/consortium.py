"""A consortium in one process: accounts, contracts, datasets, and the agreement on a study.

Everything a party does here goes through the same ledger, store and role code as it would in a
process of its own; only the process is shared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troth.domain.hashing import labelled
from troth.domain.terms import Terms, decode
from troth.errors import LedgerError
from troth.ledger.account import Account
from troth.ledger.bindings import dataset_registry, privacy_ledger, study_registry
from troth.ledger.bindings.structs import OnChainTerms
from troth.ledger.client import DevelopmentLedger
from troth.ledger.deploy import Deployment, Member, deploy_all
from troth.ledger.interface import Call
from troth.ledger.records import LoggedEvent, Receipt
from troth.roles import steward
from troth.roles.following import Examine
from troth.roles.replicated import aggregator_for
from troth.round.agreement import on_chain_terms
from troth.round.driver import Driver, Party, run
from troth.round.evaluation import Evaluated, evaluated_study
from troth.round.mail import Role
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.round.view import StudyView
from troth.scenarios.recall import Recall
from troth.storage.blobs import BlobStore

SITE, AGGREGATOR = 1, 2
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True)
class Organisation:
    """A member of the consortium."""

    label: str
    """What people call it; only a salted hash of it goes on the ledger."""
    roles: int
    account: Account


@dataclass(frozen=True)
class Dataset:
    """A registered dataset version."""

    version: bytes
    lineage: bytes
    record_bound: int


@dataclass
class Consortium:
    """Organisations with a ledger and a store, deployed and ready to agree on studies."""

    ledger: DevelopmentLedger
    store: BlobStore
    deployment: Deployment
    organisations: Sequence[Organisation]
    folder: Path
    random_bytes: RandomBytes
    examine_round: Examine = field(default_factory=Recall)
    receipts: list[Receipt] = field(default_factory=list)
    """Of everything sent through this object, in order."""

    def send(self, account: Account, call: Call[Any], *, force: bool = False) -> Receipt:
        """Send one call and keep its receipt."""
        receipt = self.ledger.send(account, call, force=force)
        self.receipts.append(receipt)
        return receipt

    def register(self, holder: Organisation, root: bytes, bound: int, budget: int) -> Dataset:
        """Register a dataset version and open the privacy budget of its lineage."""
        receipt = self.send(holder.account, dataset_registry.register(root, bound, bytes(32)))
        (event,) = (entry.event for entry in receipt.events)
        if not isinstance(event, dataset_registry.VersionRegistered):
            raise LedgerError(f"registering a dataset gave {event}")
        self.send(holder.account, privacy_ledger.open_budget(event.lineage, budget))
        return Dataset(event.version, event.lineage, bound)

    def agree(self, terms: Terms) -> Study:
        """Propose a study and let every member examine, approve and grant it."""
        document = terms.encode()
        digest = self.store.put(document)
        integers: OnChainTerms = on_chain_terms(terms)
        proposer = self.organisations[-1].account
        receipt = self.send(proposer, study_registry.propose(digest, integers))
        (event,) = (entry.event for entry in receipt.events)
        if not isinstance(event, study_registry.StudyProposed):
            raise LedgerError(f"proposing a study gave {event}")
        versions = {
            site.version: self.ledger.call(dataset_registry.version_of(site.version))
            for site in integers.sites
        }
        proposed = self.ledger.call(study_registry.terms_of(event.study_id))
        evaluated = self._evaluated(terms)
        for organisation in self.organisations:
            examined, _ = steward.examine(
                self.store.get(digest, max_size=len(document)),
                chain_id=self.ledger.chain_id,
                registry=self.deployment.addresses["StudyRegistry"],
                proposal=event.study_id,
                digest=event.terms_digest,
                integers=proposed,
                versions=versions,
                evaluated=evaluated,
            )
            member = organisation.account
            for call in steward.approvals(examined, event.study_id, member.address):
                self.send(member, call)
        return Study(terms, event.study_id, self.deployment.addresses["Rounds"])

    def _evaluated(self, terms: Terms) -> Evaluated | None:
        """The study whose model the terms evaluate, as the ledger and the store have it."""
        wanted = evaluated_study(terms)
        if wanted is None:
            return None
        view = StudyView(wanted)
        documents = []
        for logged in self.ledger.events(0, self.ledger.final().number):
            view.apply(logged.event)
            event = logged.event
            if isinstance(event, study_registry.StudyProposed) and event.study_id == wanted:
                documents.append(self.store.get(event.terms_digest, max_size=MAX_MESSAGE))
        models = frozenset(final.model_digest for final in view.finals)
        return next((Evaluated(decode(found), models) for found in documents), None)

    def aggregators(self, study: Study) -> list[Party[Any]]:
        """The committee of a study, with state files of their own."""
        return [
            self.party(
                study,
                aggregator_for(study)(
                    study,
                    organisation.account.address,
                    self.random_bytes,
                    examine_round=self.examine_round,
                ),
            )
            for organisation in self.organisations
            if organisation.account.address in study.committee
        ]

    def party(self, study: Study, role: Role[Any]) -> Party[Any]:
        """A role with its account and a state file below the consortium's folder."""
        (organisation,) = (
            item for item in self.organisations if item.account.address == role.account
        )
        folder = self.folder / organisation.label.replace(" ", "-") / study.study_id.hex()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return Party(role, organisation.account, folder / "state")

    def drive(
        self,
        study: Study,
        parties: Sequence[Party[Any]],
        done: Callable[[StudyView], bool],
        observe: Callable[[LoggedEvent], None] = lambda _: None,
    ) -> StudyView:
        """Run the parties of a study until ``done``."""
        view = StudyView(study.study_id)
        driver = Driver(self.ledger, self.store, view, parties, observe)
        self.receipts.extend(run(driver, self.ledger, done))
        return view

    def finish(self, view: StudyView, parties: Sequence[Party[Any]]) -> None:
        """After the last round of a study: every party erases what that round left with it."""
        view.rounds.clear()  # the driver folds every event, and none may be folded twice
        driver = Driver(self.ledger, self.store, view, parties)
        driver.refresh()
        for party in parties:
            driver.tick(party)


def found(
    ledger: DevelopmentLedger,
    store: BlobStore,
    organisations: Sequence[Organisation],
    folder: Path,
    random_bytes: RandomBytes,
) -> Consortium:
    """Deploy the contracts with these founding members."""
    members = [
        Member(
            organisation.account.address,
            organisation.roles,
            labelled("label", (random_bytes(32), organisation.label.encode())),
        )
        for organisation in organisations
    ]
    deployment = deploy_all(ledger, organisations[-1].account, members)
    return Consortium(ledger, store, deployment, organisations, folder, random_bytes)
