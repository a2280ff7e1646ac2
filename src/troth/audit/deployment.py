"""The deployment: that the contracts on the chain are the shipped ones, wired to each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from troth.audit.chain import Chain, Entry
from troth.audit.members import CONTRACTS, CONTRACTS_FORMAT, TRANSACTIONS, Contracts
from troth.errors import BundleFalse, DecodeError
from troth.ledger import artifact
from troth.ledger.address import Address
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
    """Where the contracts live and which transactions created them."""

    addresses: Mapping[str, Address]
    creations: Mapping[int, Creation]
    """By line of the transaction."""


def verify_deployment(chain: Chain, claimed: Contracts) -> Deployment:
    """Find and check the creation of every contract that the bundle names.

    Raises:
        BundleFalse: an artefact that is not the shipped one, an address where no contract of ours
            was created, other init code, or a constructor that was told other addresses.
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
    addresses: dict[str, Address] = {}
    for contract in claimed.contracts:
        shipped = artifact.load(contract.name)
        where = f"contracts, {contract.name}"
        if contract.artifact != shipped.digest:
            raise BundleFalse(
                CONTRACTS,
                f"{where}, artifact",
                "0x" + contract.artifact.hex(),
                f"0x{shipped.digest.hex()}, which this software ships",
            )
        entry = created.get(Address(contract.address)) if len(contract.address) == 20 else None
        if entry is None or not entry.transaction.data.startswith(shipped.init_code):
            raise _elsewhere(contract.name, contract.address, shipped.init_code, created)
        addresses[contract.name] = Address(contract.address)
    creations = {}
    for name, address in addresses.items():
        entry = created[address]
        arguments = _arguments(name, entry, addresses)
        creations[entry.line] = Creation(BY_NAME[name], address, arguments)
    return Deployment(addresses, creations)


def _elsewhere(
    name: str, claimed: bytes, init_code: bytes, created: Mapping[Address, Entry]
) -> BundleFalse:
    """No contract of this code is where the bundle says; perhaps it is somewhere else."""
    found = [a for a, entry in created.items() if entry.transaction.data.startswith(init_code)]
    said = "0x" + claimed.hex()
    if found:
        return BundleFalse(CONTRACTS, f"contracts, {name}, address", said, str(found[0]))
    entry = next((entry for address, entry in created.items() if address == claimed), None)
    if entry is None:
        follows = "no address: nobody deployed this contract"
        return BundleFalse(CONTRACTS, f"contracts, {name}, address", said, follows)
    where = f"{entry.position}, raw"
    follows = "other code than the shipped artefact's"
    return BundleFalse(TRANSACTIONS, where, f"to deploy {name}", follows)


def _arguments(name: str, entry: Entry, addresses: Mapping[str, Address]) -> dict[str, object]:
    code = artifact.load(name).init_code
    where = f"{entry.position}, raw"
    try:
        arguments = BY_NAME[name].decode_constructor(entry.transaction.data[len(code) :])
    except DecodeError as problem:
        claimed = f"arguments for the deployment of {name}"
        raise BundleFalse(TRANSACTIONS, where, claimed, f"none ({problem})") from problem
    for parameter, value in arguments.items():
        other = REFERENCES.get(parameter)
        if other is not None and value != addresses[other]:
            claimed = f"that {name} has {value} as its {other}"
            raise BundleFalse(TRANSACTIONS, where, claimed, str(addresses[other]))
    return arguments
