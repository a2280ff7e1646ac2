"""The chain in a bundle: that blocks link, roots and hashes recompute, and who signed what.

Blame goes backwards from the seal: the last block is the one that was sealed, each block names the
one before it, so the first header that does not have the hash its successor names is a lie, and
transactions and receipts lie when they do not give the roots of a header that holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from troth.audit import seal as seals
from troth.audit.members import BLOCKS, SEAL, SEAL_FORMAT, TRANSACTIONS, BlockLine, Seal
from troth.audit.members import TransactionLine as Line
from troth.errors import BundleFalse, DecodeError
from troth.ledger.address import Address
from troth.ledger.evidence import (
    EMPTY_ROOT,
    Header,
    ReceiptRecord,
    SignedTransaction,
    block_form,
    decode_header,
    decode_receipt,
    decode_transaction,
    list_root,
    verify_link,
)


@dataclass(frozen=True)
class Entry:
    """A transaction that a header of the chain commits to."""

    line: int
    """Line of `TRANSACTIONS`, from 1."""
    block: Header
    index: int
    transaction: SignedTransaction
    receipt: ReceiptRecord
    gas_used: int

    @property
    def position(self) -> str:
        """As a finding names it."""
        return f"line {self.line}"


@dataclass(frozen=True)
class Chain:
    """A chain whose every part fits; whether its contents do is checked by replaying it."""

    chain_id: int
    headers: tuple[Header, ...]
    entries: tuple[Entry, ...]

    @property
    def head(self) -> Header:
        """The last block."""
        return self.headers[-1]


def verify_chain(blocks: Sequence[BlockLine], lines: Sequence[Line], seal: Seal) -> Chain:
    """Check blocks and transactions against each other and against the seal.

    Raises:
        BundleFalse: the first line that does not follow.
    """
    headers = _headers(blocks)
    decoded = [_transaction(number, line) for number, line in enumerate(lines, start=1)]
    chain_id = _chain_id(decoded)
    _verify_seal(seal, chain_id, headers, decoded)
    _verify_links(headers)
    entries = _entries(headers, lines, decoded)
    _verify_nonces(entries)
    return Chain(chain_id, headers, entries)


def _headers(blocks: Sequence[BlockLine]) -> tuple[Header, ...]:
    headers: list[Header] = []
    for number, line in enumerate(blocks):
        where = f"line {number + 1}"
        try:
            header = decode_header(line.header)
        except DecodeError as problem:
            raise _none(BLOCKS, where, "a block header", problem) from problem
        if header.number != number:
            raise BundleFalse(BLOCKS, where, f"block {header.number}", f"block {number}")
        headers.append(header)
    if not headers:
        raise BundleFalse(BLOCKS, "line 1", "nothing", "block 0 of a chain")
    return tuple(headers)


_Decoded = tuple[SignedTransaction, ReceiptRecord]


def _transaction(number: int, line: Line) -> _Decoded:
    where = f"line {number}"
    try:
        transaction = decode_transaction(block_form(line.raw))
    except DecodeError as problem:
        raise _none(TRANSACTIONS, f"{where}, raw", "a signed transaction", problem) from problem
    try:
        return transaction, decode_receipt(line.receipt)
    except DecodeError as problem:
        raise _none(TRANSACTIONS, f"{where}, receipt", "a receipt", problem) from problem


def _none(member: str, where: str, claimed: str, problem: DecodeError) -> BundleFalse:
    """Something that is no such thing, and why not."""
    return BundleFalse(member, where, claimed, f"none ({problem})")


def _chain_id(decoded: Sequence[_Decoded]) -> int:
    """The chain id of every transaction. Most speak for all, so that one changed one is named.

    Those from before EIP-155 name none: every chain takes them, so anybody may put one here.
    """
    ids = [transaction.chain_id for transaction, _ in decoded]
    named = [found for found in ids if found is not None]
    if not named:
        raise BundleFalse(TRANSACTIONS, "line 1", "nothing", "the deployment of the contracts")
    usual = max(set(named), key=named.count)
    for number, found in enumerate(ids, start=1):
        if found not in (usual, None):
            where = f"line {number}, raw"
            raise BundleFalse(TRANSACTIONS, where, f"chain id {found}", f"chain id {usual}")
    return usual


def _verify_seal(
    seal: Seal, chain_id: int, headers: Sequence[Header], decoded: Sequence[_Decoded]
) -> None:
    """The sealed block is the last one; that a member sealed it is checked after the replay."""
    if seal.format != SEAL_FORMAT:
        raise BundleFalse(SEAL, "format", seal.format, SEAL_FORMAT)
    head = headers[-1].hash
    if seal.head == head:
        return
    known = {topic[12:] for _, receipt in decoded for log in receipt.logs for topic in log.topics}
    if seals.signer(seal, chain_id, head) in known:
        raise BundleFalse(SEAL, "head", "0x" + seal.head.hex(), "0x" + head.hex())
    following = [header.hash for header in headers]
    if seal.head in following:
        extra = following.index(seal.head) + 2
        raise BundleFalse(
            BLOCKS, f"line {extra}", "another block", "the end of the chain, as sealed"
        )
    where = f"line {len(headers)}"
    raise BundleFalse(
        BLOCKS, where, f"the last block to be 0x{head.hex()}", f"0x{seal.head.hex()}, as sealed"
    )


def _verify_links(headers: Sequence[Header]) -> None:
    lying: list[int] = []
    for number in range(len(headers) - 2, -1, -1):
        named = headers[number + 1].parent_hash
        # What a lying header names says nothing about the one before it.
        if number + 1 not in lying and headers[number].hash != named:
            lying.append(number)
    if lying:
        header = headers[lying[-1]]
        named = headers[lying[-1] + 1].parent_hash
        where = f"line {lying[-1] + 1}"
        raise BundleFalse(BLOCKS, where, f"hash 0x{header.hash.hex()}", f"0x{named.hex()}")
    for parent, child in pairwise(headers):
        try:
            verify_link(parent, child)
        except DecodeError as problem:
            where = f"line {child.number + 1}"
            claimed = f"a successor of block {parent.number}"
            raise _none(BLOCKS, where, claimed, problem) from problem


def _entries(
    headers: Sequence[Header], lines: Sequence[Line], decoded: Sequence[_Decoded]
) -> tuple[Entry, ...]:
    """Deal the lines out to the blocks, whose roots say which and how many are theirs."""
    entries: list[Entry] = []
    for header in headers:
        start = len(entries)
        count = 0
        if header.transactions_root != EMPTY_ROOT:
            count = _count(header, lines, decoded, start)
        gas = decoded[start + count - 1][1].cumulative_gas if count else 0
        if header.gas_used != gas:
            where = f"line {header.number + 1}"
            raise BundleFalse(BLOCKS, where, f"{header.gas_used} gas", f"{gas}, by its receipts")
        before = 0
        for index in range(count):
            number = start + index
            claimed = (lines[number].block, lines[number].index)
            if claimed != (header.number, index):
                raise _misplaced(number, claimed, (header.number, index))
            transaction, receipt = decoded[number]
            used = receipt.cumulative_gas - before
            entries.append(Entry(number + 1, header, index, transaction, receipt, used))
            before = receipt.cumulative_gas
    if len(entries) < len(lines):
        number = len(entries)
        claimed = (lines[number].block, lines[number].index)
        where = f"line {number + 1}"
        raise BundleFalse(TRANSACTIONS, where, _place(claimed), "a transaction of no block")
    return tuple(entries)


def _count(header: Header, lines: Sequence[Line], decoded: Sequence[_Decoded], start: int) -> int:
    """How many lines from ``start`` are this block's transactions, by both of its roots."""
    said = 0
    while start + said < len(lines) and lines[start + said].block == header.number:
        said += 1
    gas = next(
        (
            number - start + 1
            for number in range(start, len(lines))
            if decoded[number][1].cumulative_gas == header.gas_used
        ),
        0,
    )
    for count in dict.fromkeys((said, gas)):
        if count and list_root([x.raw for x in lines[start : start + count]]) == (
            header.transactions_root
        ):
            break
    else:
        raise _not_the_blocks(header, lines, start, said)
    root = list_root([x.receipt for x in lines[start : start + count]])
    if root != header.receipts_root:
        where = _lines(start, count) + ", receipt"
        raise _root(header, where, f"receipts root 0x{root.hex()}", header.receipts_root)
    return count


def _not_the_blocks(header: Header, lines: Sequence[Line], start: int, said: int) -> BundleFalse:
    if said == 0:
        if start >= len(lines):
            nothing = "the end of the transactions"
            return BundleFalse(
                TRANSACTIONS, f"line {start + 1}", nothing, f"one of block {header.number}"
            )
        return _misplaced(start, (lines[start].block, lines[start].index), (header.number, 0))
    root = list_root([x.raw for x in lines[start : start + said]])
    where = _lines(start, said) + ", raw"
    return _root(header, where, f"transactions root 0x{root.hex()}", header.transactions_root)


def _root(header: Header, where: str, claimed: str, true: bytes) -> BundleFalse:
    follows = f"0x{true.hex()}, in the header of block {header.number}"
    return BundleFalse(TRANSACTIONS, where, claimed, follows)


def _lines(start: int, count: int) -> str:
    return f"line {start + 1}" if count == 1 else f"lines {start + 1} to {start + count}"


def _place(place: tuple[int, int]) -> str:
    return f"block {place[0]}, index {place[1]}"


def _misplaced(number: int, claimed: tuple[int, int], true: tuple[int, int]) -> BundleFalse:
    return BundleFalse(TRANSACTIONS, f"line {number + 1}", _place(claimed), _place(true))


def _verify_nonces(entries: Sequence[Entry]) -> None:
    """Every account's nonces count from 0 without a gap: no transaction of anybody is missing."""
    expected: dict[Address, int] = {}
    for entry in entries:
        sender, nonce = entry.transaction.sender, entry.transaction.nonce
        following = expected.get(sender, 0)
        if nonce != following:
            raise BundleFalse(
                TRANSACTIONS,
                f"{entry.position}, raw",
                f"transaction {nonce} of {sender}",
                f"transaction {following}, the next of that account",
            )
        expected[sender] = following + 1
