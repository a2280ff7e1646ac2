"""The deployment: that the contracts on the chain are the shipped ones, wired to each other.

The libraries that they call are held to the same. They have no state and no events, so nothing that
is sent to a library itself concerns the replay.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from troth.audit.chain import Chain, Entry
from troth.audit.members import CONTRACTS, CONTRACTS_FORMAT, TRANSACTIONS, Contracts
from troth.errors import BundleFalse, DecodeError
from troth.ledger import artifact
from troth.ledger.address import Address
from troth.ledger.artifact import Artifact
from troth.ledger.bindings import CONTRACTS as INTERFACES
from troth.ledger.deploy import ORDER, REFERENCES
from troth.ledger.evidence import contract_address
from troth.ledger.interface import Contract

BY_NAME: Mapping[str, Contract] = {contract.name: contract for contract in INTERFACES}


@dataclass(frozen=True)
class Creation:
    """The transaction that created one of the contracts."""

    contract: Contract
    address: Address
    arguments: Mapping[str, object]
    """The constructor's, by parameter name."""


@dataclass(frozen=True)
class Deployment:
    """Where contracts and libraries live and which transactions created the contracts."""

    addresses: Mapping[str, Address]
    creations: Mapping[int, Creation]
    """By line of the transaction."""


def verify_deployment(chain: Chain, claimed: Contracts) -> Deployment:
    """Find and check the creation of every contract and library that the bundle names.

    Raises:
        BundleFalse: an artefact that is not the shipped one, an address where no contract of ours
            was created, other init code, a contract that calls another library, or a constructor
            that was told other addresses.
    """
    if claimed.format != CONTRACTS_FORMAT:
        raise BundleFalse(CONTRACTS, "format", claimed.format, CONTRACTS_FORMAT)
    names = [contract.name for contract in claimed.contracts]
    if names != list(ORDER):
        raise BundleFalse(CONTRACTS, "contracts, name", ", ".join(names), ", ".join(ORDER))
    created = {
        contract_address(entry.transaction.sender, entry.transaction.nonce): entry
        for entry in chain.entries
        if entry.transaction.to is None and entry.receipt.status
    }
    shipped = [artifact.load(name) for name in ORDER]
    entries: dict[str, Entry] = {}
    addresses: dict[str, Address] = {}
    for contract, ours in zip(claimed.contracts, shipped, strict=True):
        if contract.artifact != ours.digest:
            raise BundleFalse(
                CONTRACTS,
                f"contracts, {ours.name}, artifact",
                "0x" + contract.artifact.hex(),
                f"0x{ours.digest.hex()}, which this software ships",
            )
        entry = created.get(Address(contract.address)) if len(contract.address) == 20 else None
        if entry is None or not ours.creates(entry.transaction.data):
            raise _elsewhere(ours, contract.address, created)
        entries[ours.name] = entry
        addresses[ours.name] = Address(contract.address)
    creations = {}
    for ours in shipped:
        entry = entries[ours.name]
        _verify_links(ours, entries, addresses)
        arguments = _arguments(ours, entry, addresses)
        if not ours.library:
            address = addresses[ours.name]
            creations[entry.line] = Creation(BY_NAME[ours.name], address, arguments)
    return Deployment(addresses, creations)


def _elsewhere(shipped: Artifact, claimed: bytes, created: Mapping[Address, Entry]) -> BundleFalse:
    """No contract of this code is where the bundle says; perhaps it is somewhere else."""
    found = [a for a, entry in created.items() if shipped.creates(entry.transaction.data)]
    said, where = "0x" + claimed.hex(), f"contracts, {shipped.name}, address"
    if found:
        return BundleFalse(CONTRACTS, where, said, str(found[0]))
    entry = next((entry for address, entry in created.items() if address == claimed), None)
    if entry is None:
        follows = "no address: nobody deployed this contract"
        return BundleFalse(CONTRACTS, where, said, follows)
    where = f"{entry.position}, raw"
    follows = "other code than the shipped artefact's"
    return BundleFalse(TRANSACTIONS, where, f"to deploy {shipped.name}", follows)


def _verify_links(
    shipped: Artifact, entries: Mapping[str, Entry], addresses: Mapping[str, Address]
) -> None:
    """The code calls the libraries of this deployment, which were there before it."""
    entry = entries[shipped.name]
    where = f"{entry.position}, raw"
    for library, places in shipped.links.items():
        for start, length in places:
            called = entry.transaction.data[start : start + length]
            if called != addresses[library]:
                claimed = f"that {shipped.name} calls 0x{called.hex()} as its {library}"
                raise BundleFalse(TRANSACTIONS, where, claimed, str(addresses[library]))
        if entry.line < entries[library].line:
            claimed = f"that {shipped.name} calls {library}"
            raise BundleFalse(TRANSACTIONS, where, claimed, "a library that is not there yet")


def _arguments(
    shipped: Artifact, entry: Entry, addresses: Mapping[str, Address]
) -> dict[str, object]:
    name, where = shipped.name, f"{entry.position}, raw"
    interface = Contract(name) if shipped.library else BY_NAME[name]
    try:
        given = entry.transaction.data[len(shipped.creation_code) :]
        arguments = interface.decode_constructor(given)
    except DecodeError as problem:
        claimed = f"arguments for the deployment of {name}"
        raise BundleFalse(TRANSACTIONS, where, claimed, f"none ({problem})") from problem
    for parameter, value in arguments.items():
        other = REFERENCES.get(parameter)
        if other is not None and value != addresses[other]:
            claimed = f"that {name} has {value} as its {other}"
            raise BundleFalse(TRANSACTIONS, where, claimed, str(addresses[other]))
    return arguments
