"""Dataset versions and grants: the DatasetRegistry contract as plain Python."""

from eth_hash.auto import keccak

from troth.audit.replay.consortium import SITE, ConsortiumModel
from troth.errors import ContractRefused
from troth.ledger import abi
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import dataset_registry
from troth.ledger.bindings.structs import OnChainTerms, Version
from troth.ledger.interface import Event
from troth.round.machine import Emitted

_VERSION_TYPEHASH = keccak(b"troth/version/v1")
_NONE = bytes(32)


def _refuse(name: str, **arguments: object) -> ContractRefused:
    return ContractRefused("DatasetRegistry", name, arguments)


def _say(event: Event) -> list[Emitted]:
    return [Emitted("DatasetRegistry", event)]


class DatasetsModel:
    """All versions, and which study each is granted to."""

    def __init__(self, chain_id: int, address: Address, consortium: ConsortiumModel) -> None:
        self._chain_id = chain_id
        self._address = address
        self._consortium = consortium
        self.versions: dict[bytes, Version] = {}
        self._lineages: dict[tuple[Address, bytes], bytes] = {}
        """Where a holder's roots belong."""
        self.granted: set[tuple[bytes, bytes]] = set()

    def holder_of_lineage(self, lineage: bytes) -> Address:
        """Holder of a lineage's first version; zero when the id names no lineage."""
        first = self.versions.get(lineage)
        return first.holder if first and first.parent == _NONE else ZERO

    def register(
        self, sender: Address, root: bytes, record_bound: int, parent: bytes
    ) -> list[Emitted]:
        """A site registers a version; without a parent it starts a lineage."""
        if not self._consortium.roles_of(sender) & SITE:
            raise _refuse("NotSite", account=sender)
        if root == _NONE:
            raise _refuse("ZeroRoot")
        if record_bound == 0:
            raise _refuse("ZeroRecordBound")
        if parent != _NONE:
            self._require_holder(parent, sender)
        version = self._id(sender, parent, root, record_bound)
        if version in self.versions:
            raise _refuse("VersionExists", version=version)
        lineage = version if parent == _NONE else self.versions[parent].lineage
        known = self._lineages.setdefault((sender, root), lineage)
        if known != lineage:
            raise _refuse("RootInAnotherLineage", root=root, lineage=known)
        self.versions[version] = Version(sender, record_bound, lineage, parent, root)
        return _say(
            dataset_registry.VersionRegistered(version, lineage, sender, parent, root, record_bound)
        )

    def grant(
        self, sender: Address, version: bytes, study_id: bytes, terms: OnChainTerms | None
    ) -> list[Emitted]:
        """The holder lets a study use a version; ``terms`` are the study's, None: no study."""
        self._require_holder(version, sender)
        if terms is None:
            raise _refuse("UnknownStudy", study_id=study_id)
        if version not in [site.version for site in terms.sites]:
            raise _refuse("NotInStudy", version=version, study_id=study_id)
        if (version, study_id) in self.granted:
            raise _refuse("AlreadyGranted", version=version, study_id=study_id)
        self.granted.add((version, study_id))
        return _say(dataset_registry.Granted(version, study_id))

    def revoke(self, sender: Address, version: bytes, study_id: bytes) -> list[Emitted]:
        """The holder takes a grant back."""
        self._require_holder(version, sender)
        if (version, study_id) not in self.granted:
            raise _refuse("NotGranted", version=version, study_id=study_id)
        self.granted.remove((version, study_id))
        return _say(dataset_registry.Revoked(version, study_id))

    def _id(self, holder: Address, parent: bytes, root: bytes, record_bound: int) -> bytes:
        word, address = abi.FixedBytes(32), abi.AddressType()
        return keccak(
            abi.encode(
                (word, abi.Uint(256), address, address, word, word, abi.Uint(32)),
                (
                    _VERSION_TYPEHASH,
                    self._chain_id,
                    self._address,
                    holder,
                    parent,
                    root,
                    record_bound,
                ),
            )
        )

    def _require_holder(self, version: bytes, sender: Address) -> None:
        if version not in self.versions:
            raise _refuse("UnknownVersion", version=version)
        if self.versions[version].holder != sender:
            raise _refuse("NotHolder", version=version, account=sender)
