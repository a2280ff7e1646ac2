"""An operator who rewrites a chain: every hash, root and bloom fits again, signatures stay.

On an engine without consensus this is what its operator could do, so an audit must not rest on the
hashes alone: whatever the rewritten chain claims has to follow from the signed calls as well.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_hash.auto import keccak

from troth.audit import manifest, seal
from troth.audit.members import (
    BLOCKS,
    SEAL,
    TRANSACTIONS,
    BlockLine,
    TransactionLine,
    encode_lines,
)
from troth.domain import records
from troth.ledger.account import Account
from troth.ledger.evidence import ReceiptRecord, bloom, decode_receipt, encode_receipt, list_root

_PARENT, _TRANSACTIONS, _RECEIPTS, _BLOOM = 0, 4, 5, 6
_NUMBER, _GAS_USED, _TIMESTAMP = 8, 10, 11


@dataclass
class Block:
    """A block that can be changed; what depends on the rest of it is filled in afterwards."""

    fields: list[Any]
    """The header's RLP items."""
    transactions: list[bytes]
    receipts: list[ReceiptRecord]

    @property
    def timestamp(self) -> int:
        """Seconds since 1970."""
        return int.from_bytes(self.fields[_TIMESTAMP])

    @timestamp.setter
    def timestamp(self, value: int) -> None:
        self.fields[_TIMESTAMP] = _integer(value)


def rewrite(
    members: Mapping[str, bytes],
    chain_id: int,
    sealer: Account,
    change: Callable[[list[Block]], None],
) -> dict[str, bytes]:
    """The members of a bundle over a chain that was changed and then made to fit again.

    Args:
        members: of a true bundle.
        chain_id: its chain.
        sealer: a member that lends its signature to the rewritten chain.
        change: changes the list of blocks in place.
    """
    blocks = _read(members)
    change(blocks)
    headers, lines = [], []
    parent = blocks[0].fields[_PARENT]
    for number, block in enumerate(blocks):
        header = _header(block, number, parent)
        parent = keccak(header)
        headers.append(BlockLine(header))
        pairs = zip(block.transactions, block.receipts, strict=True)
        for index, (raw, receipt) in enumerate(pairs):
            lines.append(TransactionLine(number, index, raw, encode_receipt(receipt)))
    rewritten = {
        **members,
        BLOCKS: encode_lines(headers),
        TRANSACTIONS: encode_lines(lines),
        SEAL: records.encode(seal.make(sealer, chain_id, parent)),
    }
    rewritten.pop(manifest.NAME)
    return {**rewritten, manifest.NAME: manifest.make(rewritten).encode()}


def _read(members: Mapping[str, bytes]) -> list[Block]:
    headers = [json.loads(line)["header"] for line in members[BLOCKS].splitlines()]
    blocks = [Block(rlp.decode(bytes.fromhex(text[2:])), [], []) for text in headers]
    for line in members[TRANSACTIONS].splitlines():
        entry = json.loads(line)
        block = blocks[entry["block"]]
        block.transactions.append(bytes.fromhex(entry["raw"][2:]))
        block.receipts.append(decode_receipt(bytes.fromhex(entry["receipt"][2:])))
    return blocks


def _header(block: Block, number: int, parent: bytes) -> bytes:
    """The header's bytes, with everything in it that follows from the rest."""
    block.receipts = [replace(found, bloom=bloom(found.logs)) for found in block.receipts]
    fields = block.fields
    fields[_PARENT] = parent
    fields[_NUMBER] = _integer(number)
    fields[_TRANSACTIONS] = list_root(block.transactions)
    fields[_RECEIPTS] = list_root([encode_receipt(found) for found in block.receipts])
    fields[_BLOOM] = bloom([log for found in block.receipts for log in found.logs])
    fields[_GAS_USED] = _integer(block.receipts[-1].cumulative_gas if block.receipts else 0)
    encoded: bytes = rlp.encode(fields)
    return encoded


def _integer(value: int) -> bytes:
    encoded: bytes = rlp.sedes.big_endian_int.serialize(value)
    return encoded
