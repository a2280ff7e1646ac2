"""Anchors: what a stranger has to know from elsewhere, and the file that holds it.

Everything in a bundle is bound to four things: which chain, where its contracts live, who its
members are, and the hash of the last block. Without them an audit can only say that a bundle is
true in itself; with them, that it is *this* consortium's. A trust file is taken on faith; members
can also sign the same anchors (`troth.audit.checkpoint`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


def anchors_of(ledger: Ledger) -> Anchors:
    """The anchors of a ledger as of its newest final block; run by a member, on its own node."""
    head = ledger.final()
    members: set[Address] = set()
    for logged in ledger.events(0, head.number):
        _fold_membership(members, logged.event)
    contracts = [(name, ledger.addresses[name]) for name in ORDER]
    return anchors(ledger.chain_id, contracts, list(members), Head(head.number, head.hash))


def trust_document(ledger: Ledger) -> bytes:
    """The trust file of a ledger as of its newest final block; run as `anchors_of`."""
    return anchors_of(ledger).encode()


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
        found = _in_one_form(found)
    except DecodeError as problem:
        raise InputError(f"{problem}; give the trust file that a member made") from problem
    if found.format != FORMAT:
        raise InputError(f"format: is {found.format!r}; this version reads {FORMAT} trust files")
    return found


def _in_one_form(found: Anchors) -> Anchors:
    """The same values with every address in its checksum form."""
    contracts = tuple(
        replace(contract, address=str(Address.parse(contract.address)))
        for contract in found.contracts
    )
    members = tuple(str(Address.parse(member)) for member in found.members)
    require_once("contracts", [contract.name for contract in contracts])
    require_once("members", members)
    if len(found.head.hash) != 32:
        raise DecodeError(f"head.hash: {len(found.head.hash)} bytes, expected 32")
    return replace(found, contracts=contracts, members=members)


def require_once(what: str, names: Sequence[str]) -> None:
    """Refuse a list that names anything twice.

    Raises:
        DecodeError: naming the list.
    """
    if len(set(names)) < len(names):
        raise DecodeError(f"{what}: names one twice")


def verify_anchors(found: Anchors, trusted: Anchors, *, by: str, hashes: bool = True) -> None:
    """Compare a bundle's anchors with the trusted ones.

    Args:
        found: what the bundle says, everything in it checked.
        trusted: what it has to say.
        by: where the trusted anchors stand, as findings name it.
        hashes: compare the last block's hash too, not only its number.

    Raises:
        BundleFalse: the first that differs, with the member of the bundle where it stands.
    """
    if found.chain_id != trusted.chain_id:
        raise _other(TRANSACTIONS, "line 1", f"chain id {found.chain_id}", trusted.chain_id, by)
    listed = {contract.name: contract.address for contract in trusted.contracts}
    for contract in found.contracts:
        if listed.get(contract.name) != contract.address:
            where = f"contracts, {contract.name}, address"
            raise _other(CONTRACTS, where, contract.address, listed.get(contract.name), by)
    for member in sorted(set(found.members) ^ set(trusted.members)):
        here = member in found.members
        claimed = f"{member} to be {'a' if here else 'no'} member"
        raise _other(TRANSACTIONS, "membership", claimed, "no member" if here else "a member", by)
    last, wanted = found.head, trusted.head
    if last.number != wanted.number or (hashes and last.hash != wanted.hash):
        claimed = f"the last block to be {last.number}, 0x{last.hash.hex()}"
        follows = f"{wanted.number}, 0x{wanted.hash.hex()}"
        raise _other(BLOCKS, f"line {last.number + 1}", claimed, follows, by)


def _other(member: str, where: str, claimed: str, trusted: object, by: str) -> BundleFalse:
    follows = "none" if trusted is None else trusted
    return BundleFalse(member, where, claimed, f"{follows}, by {by}")
