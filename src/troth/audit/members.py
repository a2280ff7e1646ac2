"""The members of a bundle as typed values, and the strict decoders that read them.

=========================  =========================================================================
``manifest.json``          `troth.audit.manifest`
``blocks.jsonl``           one `BlockLine` for each block of the chain, from block 0
``transactions.jsonl``     one `TransactionLine` for each transaction of these blocks, in order
``seal.json``              a `Seal`: a member's signature under the last block
``contracts/artifacts.json``  `Contracts`: which shipped contracts were deployed, and where
``terms/<digest>.json``    the terms of every study that ever was active
``blobs/<digest>``         what the parties published, as far as `troth.audit.references` asks
=========================  =========================================================================
"""

from dataclasses import dataclass
from typing import TypeVar

from troth.domain import records
from troth.errors import BundleFalse, DecodeError

BLOCKS = "blocks.jsonl"
TRANSACTIONS = "transactions.jsonl"
SEAL = "seal.json"
CONTRACTS = "contracts/artifacts.json"
TERMS = "terms/"
BLOBS = "blobs/"

SEAL_FORMAT = "troth/seal/v1"
CONTRACTS_FORMAT = "troth/contracts/v1"

Record = TypeVar("Record")


@dataclass(frozen=True)
class BlockLine:
    """A block; everything else about it follows from its header and the transactions."""

    header: bytes
    """RLP."""


@dataclass(frozen=True)
class TransactionLine:
    """A transaction and what became of it."""

    block: int
    index: int
    """Its number in the block, from 0."""
    raw: bytes
    """As it was signed."""
    receipt: bytes
    """Consensus encoding, as the receipts root commits to it."""


@dataclass(frozen=True)
class Seal:
    """A member of the consortium signs that the chain which it knows ends here.

    Every block but the last is named by the one after it. The seal names the last.
    """

    format: str
    head: bytes
    """Hash of the last block."""
    signature: bytes
    """secp256k1 signature r ‖ s ‖ v (65 bytes) of `seal.digest_of`."""


@dataclass(frozen=True)
class DeployedContract:
    """One of the contracts, or of the libraries that they call."""

    name: str
    address: bytes
    """Where it lives: 20 bytes."""
    artifact: bytes
    """SHA-256 of the artefact that ships with the software."""


@dataclass(frozen=True)
class Contracts:
    """All libraries and contracts, in the order of deployment."""

    format: str
    contracts: tuple[DeployedContract, ...]


def decode(kind: type[Record], data: bytes, member: str) -> Record:
    """Read a member that is one record.

    Raises:
        BundleFalse: it is not the canonical bytes of such a record.
    """
    try:
        return records.decode(kind, data, "document")
    except DecodeError as problem:
        raise BundleFalse(
            member, "document", "a canonical document", f"none ({problem})"
        ) from problem


def decode_lines(kind: type[Record], data: bytes, member: str) -> tuple[Record, ...]:
    """Read a member with one record on each line, every line ended by a line feed.

    Raises:
        BundleFalse: naming the first line that is anything else.
    """
    lines = data.split(b"\n")
    if lines.pop():
        raise BundleFalse(
            member, f"line {len(lines) + 1}", "a whole line", "one without its line feed"
        )
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(records.decode(kind, line, "record"))
        except DecodeError as problem:
            raise BundleFalse(
                member, f"line {number}", "a canonical record", f"none ({problem})"
            ) from problem
    return tuple(found)


def encode_lines(values: list[BlockLine] | list[TransactionLine]) -> bytes:
    """One record on each line."""
    return b"".join(records.encode(value) + b"\n" for value in values)


def terms_name(digest: bytes) -> str:
    """The member that holds terms."""
    return f"{TERMS}{digest.hex()}.json"


def blob_name(digest: bytes) -> str:
    """The member that holds a blob."""
    return BLOBS + digest.hex()
