"""Studies and their approvals: the StudyRegistry contract as plain Python."""

from collections.abc import Iterator
from dataclasses import astuple

from troth.audit.replay.consortium import AGGREGATOR, SITE, ConsortiumModel
from troth.audit.replay.datasets import DatasetsModel
from troth.errors import ContractRefused
from troth.ledger.address import Address
from troth.ledger.bindings import study_registry
from troth.ledger.bindings.structs import OnChainTerms
from troth.privacy.dp.price import nano_rho
from troth.round.agreement import proposal_id
from troth.round.machine import Emitted

_MEMBERS = (range(2, 6), range(3, 4), range(4, 5))
"""By mode: A, B3, B4."""
_B4 = 2
_SITES = range(1, 65)
_CANDIDATES = (2, 4, 8)
_MIN_VARIANCE = 4
_WINDOW = range(1, 30 * 24 * 60 * 60 + 1)
"""Seconds that a step may take."""
_ROUNDS = range(1, 10**6 + 1)
_MAX_ABORTS = 10**4
_WINDOWS = (
    "announce",
    "open",
    "report",
    "deliver",
    "answer",
    "reveal",
    "commitFile",
    "confirm",
    "judge",
    "commitSum",
    "publish",
    "openNoise",
    "attest",
)


def _refuse(name: str, **arguments: object) -> ContractRefused:
    return ContractRefused("StudyRegistry", name, arguments)


def price_of(terms: OnChainTerms, index: int) -> int:
    """nano-ρ that one round costs a site's lineage."""
    weight = terms.sites[index].weight
    return nano_rho(terms.clip, weight, terms.honest, terms.noise_variance)


class StudiesModel:
    """All proposed studies and who approved them."""

    def __init__(
        self,
        chain_id: int,
        address: Address,
        consortium: ConsortiumModel,
        datasets: DatasetsModel,
    ) -> None:
        self._chain_id = chain_id
        self._address = address
        self._consortium = consortium
        self._datasets = datasets
        self.terms: dict[bytes, OnChainTerms] = {}
        self.terms_digests: dict[bytes, bytes] = {}
        self._approvers: dict[bytes, set[Address]] = {}

    def propose(self, sender: Address, terms_digest: bytes, terms: OnChainTerms) -> list[Emitted]:
        """A member proposes a study."""
        self._require_member(sender)
        study_id = proposal_id(self._chain_id, self._address, terms_digest, terms)
        if study_id in self.terms:
            raise _refuse("StudyExists", study_id=study_id)
        for field, holds in _rules(terms_digest, terms):
            if not holds:
                raise _refuse("TermsInvalid", field=field.encode().ljust(32, b"\0"))
        self._check_sites(terms)
        self._check_committee(terms)
        self.terms[study_id] = terms
        self.terms_digests[study_id] = terms_digest
        self._approvers[study_id] = set()
        event = study_registry.StudyProposed(study_id, terms_digest, sender)
        return [Emitted("StudyRegistry", event)]

    def approve(self, sender: Address, study_id: bytes) -> list[Emitted]:
        """A member approves a study."""
        self._require_member(sender)
        if study_id not in self.terms:
            raise _refuse("UnknownStudy", study_id=study_id)
        was_active = self.is_active(study_id)
        if sender in self._approvers[study_id]:
            raise _refuse("AlreadyApproved", study_id=study_id, member=sender)
        self._approvers[study_id].add(sender)
        events = [Emitted("StudyRegistry", study_registry.StudyApproved(study_id, sender))]
        if not was_active and self.is_active(study_id):
            events.append(Emitted("StudyRegistry", study_registry.StudyActivated(study_id)))
        return events

    def is_active(self, study_id: bytes) -> bool:
        """Every site has approved and so has a quorum; only members count."""
        if study_id not in self.terms:
            return False
        standing = {a for a in self._approvers[study_id] if self._consortium.roles_of(a)}
        holders = {site.account for site in self.terms[study_id].sites}
        return holders <= standing and len(standing) >= self._consortium.quorum

    def enrolled_sites(self, study_id: bytes) -> int:
        """Bitmap of the sites that have the role and whose grants stand."""
        return sum(
            1 << index
            for index, site in enumerate(self.terms[study_id].sites)
            if self._consortium.roles_of(site.account) & SITE
            and (site.version, study_id) in self._datasets.granted
        )

    def charges_of(self, study_id: bytes, sites: int) -> tuple[tuple[bytes, int], ...]:
        """Lineage and price of each site in a bitmap, in terms order."""
        terms = self.terms[study_id]
        return tuple(
            (site.lineage, price_of(terms, index))
            for index, site in enumerate(terms.sites)
            if sites >> index & 1
        )

    def _check_sites(self, terms: OnChainTerms) -> None:
        for index, site in enumerate(terms.sites):
            before = terms.sites[:index]
            if site.account in [other.account for other in before]:
                raise _duplicate(bytes(12) + site.account)
            if not self._consortium.roles_of(site.account) & SITE:
                raise _refuse("NotSite", account=site.account)
            for other in before:
                if other.version == site.version:
                    raise _duplicate(site.version)
                if other.lineage == site.lineage:
                    raise _duplicate(site.lineage)
            version = self._datasets.versions.get(site.version)
            if version is None or version.holder != site.account or version.lineage != site.lineage:
                raise _refuse("VersionMismatch", version=site.version, account=site.account)

    def _check_committee(self, terms: OnChainTerms) -> None:
        accounts = [site.account for site in terms.sites]
        for index, member in enumerate(terms.committee):
            if member in accounts:
                raise _refuse("SiteOnCommittee", account=member)
            if not self._consortium.roles_of(member) & AGGREGATOR:
                raise _refuse("NotAggregator", account=member)
            if member in terms.committee[:index]:
                raise _duplicate(bytes(12) + member)

    def _require_member(self, account: Address) -> None:
        if not self._consortium.roles_of(account):
            raise _refuse("NotMember", account=account)


def _duplicate(party: bytes) -> ContractRefused:
    return _refuse("DuplicateParty", party=party)


def _rules(terms_digest: bytes, terms: OnChainTerms) -> Iterator[tuple[str, bool]]:
    """What the integers must satisfy: the field that a refusal names, and whether it holds."""
    members, sites = len(terms.committee), len(terms.sites)
    yield "termsDigest", terms_digest != bytes(32)
    yield "mode", terms.mode < len(_MEMBERS)
    yield "committee", members in _MEMBERS[terms.mode]
    yield "honest", 1 <= terms.honest <= (2 if terms.mode else members - 1)
    yield "noiseCandidates", terms.noise_candidates in _CANDIDATES
    yield "accusations", terms.accusations >= 1
    yield "rounds", terms.rounds in _ROUNDS
    yield "maxAborts", terms.max_aborts <= _MAX_ABORTS
    yield "sites", sites in _SITES
    yield "minSites", 1 <= terms.min_sites <= sites
    spare = 2 if terms.mode == _B4 else 1
    yield "corruptSites", terms.corrupt_sites + spare <= terms.min_sites
    yield "clip", terms.clip >= 1
    yield "noiseVariance", terms.noise_variance >= _MIN_VARIANCE
    for name, seconds in zip(_WINDOWS, astuple(terms.windows), strict=True):
        yield f"windows.{name}", seconds in _WINDOW
    for index, site in enumerate(terms.sites):
        yield "sites.weight", site.weight >= 1
        yield "price", price_of(terms, index) < 1 << 64
    total = sum(site.weight for site in terms.sites)
    yield "minWeight", 1 <= terms.min_weight <= total
