"""Anchors: what a stranger has to know from elsewhere, and the file that holds it.

Everything in a bundle is bound to four things: which chain, where its contracts live, who its
members are, and the hash of the last block. Without a trust file an audit can only say that a
bundle is true in itself; with one, that it is *this* consortium's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.audit.members import BLOCKS, CONTRACTS, TRANSACTIONS
from troth.domain import canonical, records
from troth.errors import BundleFalse, DecodeError, InputError
from troth.ledger.address import Address
from troth.ledger.bindings import consortium
from troth.ledger.client import Ledger
from troth.ledger.deploy import ORDER
from troth.ledger.interface import Event

FORMAT = "troth/trust/v1"


@dataclass(frozen=True)
class NamedAddress:
    """A contract and where it lives."""

    name: str
    address: str


@dataclass(frozen=True)
class Head:
    """A block."""

    number: int
    hash: bytes


@dataclass(frozen=True)
class Anchors:
    """What ties a bundle to the world."""

    format: str
    chain_id: int
    contracts: tuple[NamedAddress, ...]
    """In the order of deployment."""
    members: tuple[str, ...]
    """Addresses of the consortium's members at the last block, sorted."""
    head: Head
    """The last block."""

    def encode(self) -> bytes:
        """The trust file."""
        return records.encode(self)


def anchors(
    chain_id: int,
    contracts: Sequence[tuple[str, Address]],
    members: Sequence[Address],
    head: Head,
) -> Anchors:
    """Anchors from their parts."""
    return Anchors(
        FORMAT,
        chain_id,
        tuple(NamedAddress(name, str(address)) for name, address in contracts),
        tuple(str(member) for member in sorted(members)),
        head,
    )


def trust_document(ledger: Ledger) -> bytes:
    """The trust file of a ledger as of its newest final block; run by a member, on its own node."""
    head = ledger.final()
    members: set[Address] = set()
    for logged in ledger.events(0, head.number):
        _fold_membership(members, logged.event)
    contracts = [(name, ledger.addresses[name]) for name in ORDER]
    found = Head(head.number, head.hash)
    return anchors(ledger.chain_id, contracts, list(members), found).encode()


def _fold_membership(members: set[Address], event: Event) -> None:
    if isinstance(event, consortium.MemberAdmitted):
        members.add(event.member)
    elif isinstance(event, consortium.MemberRemoved):
        members.discard(event.member)


def decode_trust(data: bytes) -> Anchors:
    """Read a trust file, which may be laid out in any way: its values count, not its bytes.

    Raises:
        InputError: not JSON, a field that is missing, unknown, repeated or of another type.
    """
    try:
        found = records.from_json(Anchors, canonical.parse(data, "document"), "")
        _verify_values(found)
    except DecodeError as problem:
        raise InputError(f"{problem}; give the trust file that a member made") from problem
    if found.format != FORMAT:
        raise InputError(f"format: is {found.format!r}; this version reads {FORMAT} trust files")
    return found


def _verify_values(found: Anchors) -> None:
    for address in (*(contract.address for contract in found.contracts), *found.members):
        Address.parse(address)
    for what, names in (
        ("contracts", [contract.name for contract in found.contracts]),
        ("members", list(found.members)),
    ):
        if len(set(names)) < len(names):
            raise DecodeError(f"{what}: names one twice")
    if len(found.head.hash) != 32:
        raise DecodeError(f"head.hash: {len(found.head.hash)} bytes, expected 32")


def verify_anchors(found: Anchors, trusted: Anchors) -> None:
    """Compare a bundle's anchors with the trusted ones.

    Raises:
        BundleFalse: the first that differs, with the member of the bundle where it stands.
    """
    if found.chain_id != trusted.chain_id:
        raise _other(TRANSACTIONS, "line 1", f"chain id {found.chain_id}", trusted.chain_id)
    listed = {contract.name: contract.address for contract in trusted.contracts}
    for contract in found.contracts:
        if listed.get(contract.name) != contract.address:
            where = f"contracts, {contract.name}, address"
            raise _other(CONTRACTS, where, contract.address, listed.get(contract.name))
    for member in sorted(set(found.members) ^ set(trusted.members)):
        here = member in found.members
        claimed = f"{member} to be {'a' if here else 'no'} member"
        raise _other(TRANSACTIONS, "membership", claimed, "no member" if here else "a member")
    if found.head != trusted.head:
        claimed = f"the last block to be {found.head.number}, 0x{found.head.hash.hex()}"
        follows = f"{trusted.head.number}, 0x{trusted.head.hash.hex()}"
        raise _other(BLOCKS, f"line {found.head.number + 1}", claimed, follows)


def _other(member: str, where: str, claimed: str, trusted: object) -> BundleFalse:
    follows = "none" if trusted is None else trusted
    return BundleFalse(member, where, claimed, f"{follows}, by the trust file")
