"""Checkpoints: the anchors of a ledger at one block, signed by members.

A member states what its own node says and signs that. Members who state the same can be joined into
one checkpoint, by anybody. Whoever knows enough of these members then needs nobody's word for the
rest, whoever handed the file over.

Nothing here depends on how an engine hashes its blocks: `Statement.history` binds what happened,
and the last block's hash is compared only where the engine's headers are Ethereum's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from troth.audit.past import history_of_ledger
from troth.audit.seal import recover
from troth.audit.trust import Anchors, Head, NamedAddress, anchors_of, require_once
from troth.domain import canonical, records
from troth.domain.hashing import labelled
from troth.errors import DecodeError, InputError
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.client import Ledger

FORMAT = "troth/checkpoint/v1"
SIGNERS_FORMAT = "troth/signers/v1"
MAX_HASH = 64
"""Bytes of the longest block hash of an engine that has its own."""


@dataclass(frozen=True)
class Statement:
    """What members sign."""

    chain_id: int
    contracts: tuple[NamedAddress, ...]
    """In the order of deployment."""
    members: tuple[str, ...]
    """Addresses of the consortium's members at the last block, sorted."""
    head: Head
    """The last block, as the engine names it."""
    headers: Literal["ethereum", "other"]
    """``ethereum`` if the hash is the keccak-256 of an Ethereum header, as in a bundle. What
    another engine hashes cannot be recomputed from a bundle, so an audit does not compare it."""
    history: bytes
    """All blocks up to the last one: `troth.audit.past.history`."""

    @property
    def digest(self) -> bytes:
        """What a member signs."""
        return labelled("checkpoint", (records.encode(self),))


@dataclass(frozen=True)
class MemberSignature:
    """One member's signature."""

    member: str
    signature: bytes
    """secp256k1 signature r ‖ s ‖ v (65 bytes, the lower s) of `Statement.digest`."""


@dataclass(frozen=True)
class Checkpoint:
    """A statement and who signed it."""

    format: str
    statement: Statement
    signatures: tuple[MemberSignature, ...]
    """Sorted by member."""

    def encode(self) -> bytes:
        """The file."""
        return records.encode(self)


@dataclass(frozen=True)
class Signers:
    """Whom a reader knows, and how many of them it takes: chosen by the reader, never received."""

    format: str
    members: tuple[str, ...]
    threshold: int


def state(anchors: Anchors, history: bytes, foreign_hash: bytes | None = None) -> Statement:
    """The statement of a ledger.

    Args:
        anchors: of the ledger, read from one's own node.
        history: the digest of its past up to the same block.
        foreign_hash: the last block's hash as the engine says it, if its headers are not
            Ethereum's: 1 to `MAX_HASH` bytes.

    Raises:
        InputError: a hash of another size.
    """
    head = anchors.head if foreign_hash is None else replace(anchors.head, hash=foreign_hash)
    found = Statement(
        anchors.chain_id,
        anchors.contracts,
        anchors.members,
        head,
        "ethereum" if foreign_hash is None else "other",
        history,
    )
    try:
        _verify_statement(found)
    except DecodeError as problem:
        raise InputError(f"{problem}; give the hash as the engine says it") from problem
    return found


def state_of(ledger: Ledger, foreign_hash: bytes | None = None) -> Statement:
    """What a member's own node says as of its newest final block; arguments as in `state`."""
    anchors = anchors_of(ledger)
    return state(anchors, history_of_ledger(ledger, anchors.head.number), foreign_hash)


def sign(statement: Statement, account: Account) -> Checkpoint:
    """A checkpoint with one signature; run by a member, for what its own node says.

    Raises:
        InputError: the account is no member by this statement.
    """
    member = str(account.address)
    if member not in statement.members:
        raise InputError(f"{member} is no member at this block; sign with a member's key")
    signature = account.sign(statement.digest).to_bytes()
    return Checkpoint(FORMAT, statement, (MemberSignature(member, signature),))


def join(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """One checkpoint with the signatures of all; run by anybody, in any order.

    Args:
        checkpoints: at least one. A member that signed in several of them is kept once.

    Raises:
        InputError: they do not state the same; the field in which they part is named.
    """
    first = checkpoints[0]
    for number, other in enumerate(checkpoints[1:], start=2):
        for field in records.to_json(first.statement):
            if getattr(other.statement, field) != getattr(first.statement, field):
                raise InputError(
                    f"checkpoint {number} has another {field} than the first one; these members' "
                    "nodes do not say the same, so ask why before anybody relies on either"
                )
    found = {(Address.parse(s.member), s) for c in checkpoints for s in c.signatures}
    ordered = sorted(found, key=lambda pair: (pair[0], pair[1].signature), reverse=True)
    by_member = dict(ordered)  # the lowest of a member's signatures, in whatever order they came
    return replace(first, signatures=tuple(by_member[member] for member in sorted(by_member)))


def decode(data: bytes) -> Checkpoint:
    """Read a checkpoint and verify every signature in it.

    Raises:
        InputError: not the canonical bytes of one, or a signature that is not by the member it
            names, by no member, or a second one by the same.
    """
    try:
        found = records.decode(Checkpoint, data, "document")
        _require_format(found.format, FORMAT)
        _verify_statement(found.statement)
        _verify_signatures(found)
    except DecodeError as problem:
        raise InputError(f"{problem}; give the checkpoint as members signed it") from problem
    return found


def decode_signers(data: bytes) -> Signers:
    """Read the list of members that a reader knows; laid out in any way, as people write it.

    Raises:
        InputError: not JSON, other fields, an address twice, or a threshold that cannot be met.
    """
    try:
        found = records.from_json(Signers, canonical.parse(data, "document"), "")
        _require_format(found.format, SIGNERS_FORMAT)
        found = replace(found, members=tuple(str(Address.parse(text)) for text in found.members))
        require_once("members", found.members)
        _verify_threshold(found)
    except DecodeError as problem:
        raise InputError(f"{problem}; list the members whose signatures you count") from problem
    return found


def majority(statement: Statement) -> Signers:
    """More than half of the members that a statement lists, as motions of the consortium need."""
    return Signers(SIGNERS_FORMAT, statement.members, len(statement.members) // 2 + 1)


def require_signed(checkpoint: Checkpoint, signers: Signers) -> tuple[str, ...]:
    """Whose signatures count.

    Args:
        checkpoint: as `decode` read it.
        signers: the members that are known.

    Returns:
        The known members who signed, at least as many as it takes.

    Raises:
        InputError: too few of them did.
    """
    known = tuple(s.member for s in checkpoint.signatures if s.member in signers.members)
    if len(known) < signers.threshold:
        raise InputError(
            f"signatures: {len(known)} by the {len(signers.members)} members that count, of "
            f"{signers.threshold} that it takes; join the checkpoint with those of more members"
        )
    return known


def _require_format(found: str, known: str) -> None:
    if found != known:
        raise DecodeError(f"format: is {found!r}; this version reads {known}")


def _verify_threshold(found: Signers) -> None:
    if not 1 <= found.threshold <= len(found.members):
        raise DecodeError(
            f"threshold: is {found.threshold}, with {len(found.members)} members listed"
        )


def _verify_statement(found: Statement) -> None:
    require_once("statement.contracts", [contract.name for contract in found.contracts])
    for contract in found.contracts:
        _address(contract.address, f"statement.contracts, {contract.name}")
    _require_sorted(found.members, "statement.members")
    if found.head.number < 0 or found.chain_id < 0:
        raise DecodeError("statement: a chain id or block number below 0")
    sizes = (32, 32) if found.headers == "ethereum" else (1, MAX_HASH)
    if not sizes[0] <= len(found.head.hash) <= sizes[1]:
        raise DecodeError(f"statement.head.hash: has {len(found.head.hash)} bytes")
    if len(found.history) != 32:
        raise DecodeError(f"statement.history: has {len(found.history)} bytes, expected 32")


def _verify_signatures(found: Checkpoint) -> None:
    _require_sorted([entry.member for entry in found.signatures], "signatures")
    for index, entry in enumerate(found.signatures):
        where = f"signatures[{index}]"
        if entry.member not in found.statement.members:
            raise DecodeError(f"{where}: {entry.member} is no member by this statement")
        try:
            signer = recover(entry.signature, found.statement.digest)
        except DecodeError as problem:
            raise DecodeError(f"{where}: {problem}") from problem
        if str(signer) != entry.member:
            raise DecodeError(f"{where}: is not {entry.member}'s signature of this statement")


def _require_sorted(members: Sequence[str], what: str) -> None:
    addresses = [_address(member, what) for member in members]
    require_once(what, members)
    if addresses != sorted(addresses):
        raise DecodeError(f"{what}: not in the order of addresses")


def _address(text: str, where: str) -> Address:
    """An address in the one form in which it is signed."""
    address = Address.parse(text)
    if str(address) != text:
        raise DecodeError(f"{where}: {text} is not in its checksum form")
    return address
