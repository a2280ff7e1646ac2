"""JSON-RPC objects turned back into the consensus bytes that block hash and roots commit to.

A node shows blocks as JSON (Ethereum execution API, "eth" namespace). Evidence is bytes, so the
header and the receipts are rebuilt, and the header must have the hash that the node gave.
"""

from collections.abc import Mapping
from typing import Any

import rlp
from eth_hash.auto import keccak

from troth.errors import LedgerError
from troth.ledger.address import Address
from troth.ledger.evidence import Log, ReceiptRecord, encode_receipt

# Header fields in RLP order; the last ones came with later forks and may be absent.
_HEADER = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
_QUANTITIES = frozenset(
    (
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    )
)


def data(text: str) -> bytes:
    """``0x…`` with an even number of digits."""
    return bytes.fromhex(text.removeprefix("0x"))


def quantity(text: str) -> int:
    """``0x…`` as an integer."""
    return int(text, 16)


def header(block: Mapping[str, Any]) -> bytes:
    """The RLP of a block's header.

    Raises:
        LedgerError: if it does not have the hash that the node gives, for example because the
            node follows a fork with header fields that Troth does not know.
    """
    present = [name for name in _HEADER if block.get(name) is not None]
    fields = [quantity(block[n]) if n in _QUANTITIES else data(block[n]) for n in present]
    encoded: bytes = rlp.encode(fields)
    if keccak(encoded) != data(block["hash"]):
        raise LedgerError(
            f"block {quantity(block['number'])}: its header does not have the hash that the node "
            "gives; does the node follow a fork later than Prague?"
        )
    return encoded


def receipt(value: Mapping[str, Any]) -> bytes:
    """The consensus encoding of a receipt."""
    logs = tuple(
        Log(
            address=Address(data(log["address"])),
            topics=tuple(data(topic) for topic in log["topics"]),
            data=data(log["data"]),
        )
        for log in value["logs"]
    )
    return encode_receipt(
        ReceiptRecord(
            type=quantity(value["type"]),
            status=quantity(value["status"]),
            cumulative_gas=quantity(value["cumulativeGasUsed"]),
            bloom=data(value["logsBloom"]),
            logs=logs,
        )
    )
