"""Deployment of the five contracts, which name each other in their constructors.

None of them has a setter: each is told the others' addresses when it is created, and those follow
from the deployer's address and nonces (the CREATE rule) before anything is sent. The libraries that
they call come first; their addresses stand in the contracts' code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.errors import LedgerError, ParameterError
from troth.ledger import artifact
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import CONTRACTS
from troth.ledger.client import Ledger
from troth.ledger.evidence import contract_address
from troth.ledger.interface import Contract

ORDER = (
    *artifact.libraries(),
    *("Consortium", "DatasetRegistry", "StudyRegistry", "PrivacyLedger", "Rounds"),
)

# A constructor says by a parameter's name which contract it wants to know.
REFERENCES = {
    "consortium": "Consortium",
    "datasets": "DatasetRegistry",
    "studies": "StudyRegistry",
    "privacy": "PrivacyLedger",
    "rounds": "Rounds",
}


@dataclass(frozen=True)
class Member:
    """A founding member: ``roles`` as the Consortium contract numbers them, 32-byte label hash."""

    account: Address
    roles: int
    label_hash: bytes


@dataclass(frozen=True)
class Deployment:
    """Contracts and libraries by name, who deployed them, the nonce of the first transaction."""

    addresses: dict[str, Address]
    deployer: Address
    first_nonce: int


def predict_addresses(deployer: Address, nonce: int) -> dict[str, Address]:
    """Where contracts and libraries will live if deployed in order from this nonce on."""
    return {name: contract_address(deployer, nonce + step) for step, name in enumerate(ORDER)}


def constructor_arguments(
    contract: Contract, members: Sequence[Member], addresses: dict[str, Address]
) -> tuple[object, ...]:
    """What a constructor is given: the founding members, or the other contracts' addresses.

    Raises:
        ParameterError: if the constructor asks for anything else.
    """
    values: dict[str, object] = {
        "members": tuple(member.account for member in members),
        "roles": tuple(member.roles for member in members),
        "label_hashes": tuple(member.label_hash for member in members),
        **{parameter: addresses[name] for parameter, name in REFERENCES.items()},
    }
    wanted = [param.name for param in contract.constructor]
    unknown = [name for name in wanted if name not in values]
    if unknown:
        raise ParameterError(f"the constructor of {contract.name} asks for {', '.join(unknown)}")
    return tuple(values[name] for name in wanted)


def deploy_all(ledger: Ledger, deployer: Account, members: Sequence[Member]) -> Deployment:
    """Deploy the five contracts and their libraries, bind them, and check addresses and code.

    Raises:
        LedgerError: if a contract does not land at its predicted address with the shipped code.
        ContractRefused: if a constructor refuses its arguments.
    """
    first = ledger.nonce(deployer.address)
    addresses = predict_addresses(deployer.address, first)
    interfaces = {contract.name: contract for contract in CONTRACTS}
    for name in ORDER:
        shipped = artifact.load(name).linked(addresses)
        arguments: tuple[object, ...] = ()
        if not shipped.library:
            arguments = constructor_arguments(interfaces[name], members, addresses)
        landed = ledger.deploy(deployer, shipped, arguments)
        if landed != addresses[name]:
            raise LedgerError(f"{name} landed at {landed}, predicted was {addresses[name]}")
        shipped.verify_runtime(ledger.code(landed))
    return Deployment(addresses, deployer.address, first)
