"""What the ledger gives back: blocks, receipts and events as frozen data."""

from dataclasses import dataclass
from functools import cached_property

from troth.errors import ContractRefused, DecodeError
from troth.ledger.address import Address
from troth.ledger.evidence import (
    Header,
    Log,
    ReceiptRecord,
    SignedTransaction,
    block_form,
    decode_header,
    decode_receipt,
    decode_transaction,
)
from troth.ledger.interface import Event


@dataclass(frozen=True)
class BlockRef:
    """A block by number and hash; ``timestamp`` in seconds since 1970."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class RawBlock:
    """A block as bytes, in the encodings that the header's roots and hash commit to.

    ``header`` is RLP, ``transactions`` are the raw signed ones, ``receipts`` their consensus
    encodings in the same order.
    """

    header: bytes
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


@dataclass(frozen=True)
class TransactionRecord:
    """A transaction of a block with its receipt and the gas that it alone used."""

    transaction: SignedTransaction
    receipt: ReceiptRecord
    gas_used: int


@dataclass(frozen=True)
class BlockRecord:
    """A block, read. ``raw`` is what an auditor wants."""

    raw: RawBlock
    header: Header
    transactions: tuple[TransactionRecord, ...]

    @classmethod
    def decode(cls, raw: RawBlock) -> "BlockRecord":
        """Read a block's bytes. The roots are the auditor's business and not compared here.

        Raises:
            DecodeError: if any of the bytes are not canonical.
        """
        if len(raw.transactions) != len(raw.receipts):
            raise DecodeError(
                f"{len(raw.transactions)} transactions with {len(raw.receipts)} receipts"
            )
        records = []
        before = 0
        for given, encoded in zip(raw.transactions, raw.receipts, strict=True):
            transaction, receipt = decode_transaction(block_form(given)), decode_receipt(encoded)
            used = receipt.cumulative_gas - before
            records.append(TransactionRecord(transaction, receipt, used))
            before = receipt.cumulative_gas
        return cls(raw, decode_header(raw.header), tuple(records))

    @cached_property
    def ref(self) -> BlockRef:
        """The block by number and hash."""
        return BlockRef(self.header.number, self.header.hash, self.header.timestamp)


@dataclass(frozen=True)
class LoggedEvent:
    """An event and where it stands: ``index`` counts the logs of its block, from 0."""

    block: BlockRef
    transaction: bytes
    index: int
    address: Address
    contract: str
    event: Event


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction that was sent.

    ``status`` is 1 for success, 0 for a revert that was recorded on purpose; then ``refusal`` is
    the contract's error. ``calldata_size`` is in bytes (for a deployment, of the init code).
    """

    transaction: bytes
    """Transaction hash."""
    sender: Address
    block: BlockRef
    status: int
    gas_used: int
    calldata_size: int
    logs: tuple[Log, ...]
    events: tuple[LoggedEvent, ...]
    contract_address: Address | None
    refusal: ContractRefused | None
