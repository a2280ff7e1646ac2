"""What a block proves, recomputed from its bytes: pure functions, no node and no network.

Every decoder is strict: the value is encoded again and must give the same bytes, so a block, a
transaction or a receipt has exactly one spelling. Field orders follow the Ethereum Yellow Paper
(Shanghai version, 2025-02-04, sections 4.2 and 4.3), EIP-155, EIP-2930, EIP-1559, EIP-4895 and
EIP-4844. Troth sends type 2 only; everybody else's transactions are read too, since they stand in
the same blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import rlp
from eth_hash.auto import keccak
from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException
from trie.hexary import HexaryTrie

from troth.errors import DecodeError
from troth.ledger.address import Address

EMPTY_ROOT = keccak(rlp.encode(b""))
DYNAMIC_FEE = 2  # the transaction type of EIP-1559
BLOB = 3  # the transaction type of EIP-4844
BLOOM_BITS = 2048

# The header's fields in order: name and fixed length (0 for an integer, None for any bytes). The
# last ones came with London, Shanghai, Cancun and Prague.
_HEADER_FIELDS: tuple[tuple[str, int | None], ...] = (
    ("parent_hash", 32),
    ("uncles_hash", 32),
    ("coinbase", 20),
    ("state_root", 32),
    ("transactions_root", 32),
    ("receipts_root", 32),
    ("bloom", 256),
    ("difficulty", 0),
    ("number", 0),
    ("gas_limit", 0),
    ("gas_used", 0),
    ("timestamp", 0),
    ("extra_data", None),
    ("mix_hash", 32),
    ("nonce", 8),
    ("base_fee", 0),
    ("withdrawals_root", 32),
    ("blob_gas_used", 0),
    ("excess_blob_gas", 0),
    ("parent_beacon_block_root", 32),
    ("requests_hash", 32),
)
_FORK_LENGTHS = (16, 17, 20, 21)

# What is signed in each typed transaction, in order; parity, r and s follow it.
_CALL_FIELDS = ("gas limit", "target", "value", "data", "access list")
_FEE_FIELDS = ("chain id", "nonce", "priority fee", "fee")
_TYPED_FIELDS: dict[int, tuple[str, ...]] = {
    1: ("chain id", "nonce", "gas price", *_CALL_FIELDS),
    DYNAMIC_FEE: (*_FEE_FIELDS, *_CALL_FIELDS),
    BLOB: (*_FEE_FIELDS, *_CALL_FIELDS, "fee per blob gas", "blob hashes"),
}


@dataclass(frozen=True)
class Header:
    """A block header, as far as Troth uses it; ``raw`` is its whole RLP."""

    raw: bytes
    parent_hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    base_fee: int

    @cached_property
    def hash(self) -> bytes:
        """The block hash: keccak-256 of the RLP."""
        return keccak(self.raw)


@dataclass(frozen=True)
class Log:
    """One log entry of a receipt: who wrote it, up to four 32-byte topics, and the data."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class ReceiptRecord:
    """A receipt as the receipts root commits to it.

    ``status`` is 1 for success and 0 for a revert. ``cumulative_gas`` counts the block's gas up to
    and including this transaction.
    """

    type: int
    status: int
    cumulative_gas: int
    bloom: bytes
    logs: tuple[Log, ...]


@dataclass(frozen=True)
class UnsignedTransaction:
    """A transaction's content. ``to`` is None when it creates a contract.

    ``chain_id`` is None for a legacy transaction from before EIP-155, which every chain accepts.
    For types 0 and 1 both fees are the gas price. Access lists and blobs are not kept: they change
    what gas costs, which the receipt tells, and not what a call does.
    """

    type: int
    chain_id: int | None
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes


@dataclass(frozen=True)
class SignedTransaction(UnsignedTransaction):
    """A transaction with the sender that its signature gives and the hash of its bytes."""

    raw: bytes
    sender: Address
    hash: bytes


def decode_header(raw: bytes) -> Header:
    """Read a block header of London or later.

    Raises:
        DecodeError: if the bytes are not the RLP of such a header.
    """
    items = _decode_list(raw, "a block header")
    if len(items) not in _FORK_LENGTHS:
        raise DecodeError(f"a block header of {len(items)} fields belongs to no known fork")
    values: dict[str, Any] = {}
    for (name, length), item in zip(_HEADER_FIELDS, items, strict=False):
        values[name] = _integer(item, name) if length == 0 else _bytes(item, name, length)
    wanted = Header.__dataclass_fields__
    return Header(raw=raw, **{name: values[name] for name in wanted if name != "raw"})


def verify_link(parent: Header, child: Header) -> None:
    """Check that ``child`` follows ``parent`` directly.

    Raises:
        DecodeError: naming the first of hash, number and time that does not fit.
    """
    if child.parent_hash != parent.hash:
        raise DecodeError(f"block {child.number} names another parent than block {parent.number}")
    if child.number != parent.number + 1:
        raise DecodeError(f"block {child.number} follows block {parent.number}")
    if child.timestamp < parent.timestamp:
        raise DecodeError(f"block {child.number} is older than its parent")


def list_root(items: Sequence[bytes]) -> bytes:
    """The root that a header gives for its transactions or receipts.

    ``items`` are the raw transactions, or the receipts' consensus encodings, in block order.
    """
    if not items:
        return EMPTY_ROOT
    trie = HexaryTrie({})
    for position, item in enumerate(items):
        trie[rlp.encode(position)] = item
    root: bytes = trie.root_hash
    return root


def encode_receipt(receipt: ReceiptRecord) -> bytes:
    """The receipt's consensus encoding (EIP-2718: the type byte unless legacy, then the RLP)."""
    logs = [[log.address, list(log.topics), log.data] for log in receipt.logs]
    body: bytes = rlp.encode([receipt.status, receipt.cumulative_gas, receipt.bloom, logs])
    return body if receipt.type == 0 else bytes([receipt.type]) + body


def decode_receipt(raw: bytes) -> ReceiptRecord:
    """Read a receipt's consensus encoding; the bloom filter must be that of its logs.

    Raises:
        DecodeError: if the bytes are not the one encoding of a receipt.
    """
    kind, body = _split_type(raw, "a receipt")
    if kind not in (0, *_TYPED_FIELDS):
        raise DecodeError(f"a receipt of type {kind} is none that Cancun knows")
    items = _decode_list(body, "a receipt")
    if len(items) != 4 or not isinstance(items[3], list):
        raise DecodeError("a receipt has four fields, the last one a list")
    receipt = ReceiptRecord(
        type=kind,
        status=_integer(items[0], "status"),
        cumulative_gas=_integer(items[1], "cumulative gas"),
        bloom=_bytes(items[2], "bloom", 256),
        logs=tuple(_decode_log(item) for item in items[3]),
    )
    if receipt.status > 1:
        raise DecodeError(f"a receipt's status is 0 or 1, not {receipt.status}")
    if receipt.bloom != bloom(receipt.logs):
        raise DecodeError("the receipt's bloom filter is not that of its logs")
    if encode_receipt(receipt) != raw:
        raise DecodeError("the receipt is not canonically encoded")
    return receipt


def bloom(logs: Sequence[Log]) -> bytes:
    """The bloom filter over the logs' addresses and topics (Yellow Paper, 4.3.1)."""
    bits = 0
    for entry in {part for log in logs for part in (bytes(log.address), *log.topics)}:
        digest = keccak(entry)
        for at in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[at : at + 2]) % BLOOM_BITS)
    return bits.to_bytes(BLOOM_BITS // 8)


def sign(unsigned: UnsignedTransaction, signer: Callable[[bytes], Signature]) -> bytes:
    """The raw transaction of type 2; ``signer`` signs a 32-byte hash."""
    fields = _dynamic_fee_fields(unsigned)
    signature = signer(keccak(bytes([DYNAMIC_FEE]) + rlp.encode(fields)))
    body: bytes = rlp.encode([*fields, *signature.vrs])
    return bytes([DYNAMIC_FEE]) + body


def decode_transaction(raw: bytes) -> SignedTransaction:
    """Read a signed transaction of any type that Cancun knows and recover who signed it.

    These are legacy, EIP-2930, EIP-1559 and EIP-4844 as it stands in a block, without its blobs.
    The signature must be the one with the lower ``s`` (EIP-2), so that nobody can respell a
    transaction. Whether a block may hold it, by its fees and limits, is for the engine to say.

    Raises:
        DecodeError: if the bytes are anything else.
    """
    kind, body = _split_type(raw, "a transaction")
    if kind not in (0, *_TYPED_FIELDS):
        raise DecodeError(f"a transaction of type {kind} is none that Cancun knows")
    items = _decode_list(body, "a transaction")
    unsigned, signature, digest = _read_typed(kind, items) if kind else _read_legacy(items)
    return SignedTransaction(
        **vars(unsigned), raw=raw, sender=_recover(digest, signature), hash=keccak(raw)
    )


def block_form(raw: bytes) -> bytes:
    """A transaction as it stands in a block, from what a node gives out.

    A blob transaction travels between nodes in a list with its blobs (EIP-4844, "Networking", and
    EIP-7594). anvil 1.7.1 shows it like that in blocks too, and its transactions root commits to
    those bytes, so a root must be compared before this. Everything else is given back as it is.

    Raises:
        DecodeError: for a blob transaction that is no list.
    """
    if raw[:1] != bytes([BLOB]):
        return raw
    items = _decode_list(raw[1:], "a transaction")
    if not items or not isinstance(items[0], list):
        return raw
    body: bytes = rlp.encode(items[0])
    return bytes([BLOB]) + body


def contract_address(sender: Address, nonce: int) -> Address:
    """The address of the contract that ``sender`` creates by the transaction with this nonce.

    The CREATE rule of the Yellow Paper, section 7.
    """
    return Address(keccak(rlp.encode([bytes(sender), nonce]))[12:])


def _read_typed(
    kind: int, items: list[Any]
) -> tuple[UnsignedTransaction, tuple[int, int, int], bytes]:
    names = _TYPED_FIELDS[kind]
    if len(items) != len(names) + 3:
        raise DecodeError(
            f"a transaction of type {kind} has {len(names) + 3} fields, not {len(items)}"
        )
    fields = dict(zip(names, items, strict=False))
    price = "gas price" if "gas price" in fields else "fee"
    priority = "gas price" if "gas price" in fields else "priority fee"
    to = _target(fields["target"])
    _check_access_list(fields["access list"])
    if kind == BLOB:
        _integer(fields["fee per blob gas"], "fee per blob gas")
        _check_words(fields["blob hashes"], "blob hashes")
        if to is None:
            raise DecodeError("a transaction of type 3 cannot create a contract")
    unsigned = UnsignedTransaction(
        type=kind,
        chain_id=_integer(fields["chain id"], "chain id"),
        nonce=_integer(fields["nonce"], "nonce"),
        max_priority_fee=_integer(fields[priority], priority),
        max_fee=_integer(fields[price], price),
        gas_limit=_integer(fields["gas limit"], "gas limit"),
        to=to,
        value=_integer(fields["value"], "value"),
        data=_bytes(fields["data"], "data", None),
    )
    digest = keccak(bytes([kind]) + rlp.encode(items[:-3]))
    parity, r, s = (_integer(item, "signature") for item in items[-3:])
    return unsigned, (parity, r, s), digest


def _check_access_list(item: Any) -> None:
    """EIP-2930: a list of an address and its storage keys each."""
    if not isinstance(item, list):
        raise DecodeError("an access list is a list")
    for entry in item:
        if not isinstance(entry, list) or len(entry) != 2:
            raise DecodeError("an entry of an access list has an address and storage keys")
        _bytes(entry[0], "an address of the access list", 20)
        _check_words(entry[1], "storage keys of the access list")


def _check_words(item: Any, what: str) -> None:
    if not isinstance(item, list):
        raise DecodeError(f"{what} are a list")
    for word in item:
        _bytes(word, f"one of the {what}", 32)


def _dynamic_fee_fields(unsigned: UnsignedTransaction) -> list[Any]:
    return [
        unsigned.chain_id,
        unsigned.nonce,
        unsigned.max_priority_fee,
        unsigned.max_fee,
        unsigned.gas_limit,
        b"" if unsigned.to is None else bytes(unsigned.to),
        unsigned.value,
        unsigned.data,
        [],
    ]


def _read_legacy(items: list[Any]) -> tuple[UnsignedTransaction, tuple[int, int, int], bytes]:
    """EIP-155 puts the chain id into ``v``; older transactions have 27 or 28 there."""
    if len(items) != 9:
        raise DecodeError(f"a legacy transaction has 9 fields, not {len(items)}")
    v, r, s = (_integer(item, "signature") for item in items[6:])
    if v in (27, 28):
        chain_id, parity, signed = None, v - 27, items[:6]
    elif v >= 35:
        chain_id, parity = divmod(v - 35, 2)
        signed = [*items[:6], rlp.sedes.big_endian_int.serialize(chain_id), b"", b""]
    else:
        raise DecodeError(f"a legacy transaction cannot have v = {v}")
    price = _integer(items[1], "gas price")
    unsigned = UnsignedTransaction(
        type=0,
        chain_id=chain_id,
        nonce=_integer(items[0], "nonce"),
        max_priority_fee=price,
        max_fee=price,
        gas_limit=_integer(items[2], "gas limit"),
        to=_target(items[3]),
        value=_integer(items[4], "value"),
        data=_bytes(items[5], "data", None),
    )
    return unsigned, (parity, r, s), keccak(rlp.encode(signed))


def _recover(digest: bytes, signature: tuple[int, int, int]) -> Address:
    parity, r, s = signature
    if parity > 1 or s > SECPK1_N // 2:
        raise DecodeError("the signature is not in its canonical form")
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as problem:
        raise DecodeError("the signature belongs to no key") from problem
    return Address(key.to_canonical_address())


def _target(item: Any) -> Address | None:
    return None if item == b"" else Address(_bytes(item, "target", 20))


def _decode_log(item: Any) -> Log:
    if not isinstance(item, list) or len(item) != 3 or not isinstance(item[1], list):
        raise DecodeError("a log has an address, a list of topics and data")
    if len(item[1]) > 4:
        raise DecodeError(f"a log has at most four topics, not {len(item[1])}")
    return Log(
        address=Address(_bytes(item[0], "address", 20)),
        topics=tuple(_bytes(topic, "topic", 32) for topic in item[1]),
        data=_bytes(item[2], "data", None),
    )


def _split_type(raw: bytes, what: str) -> tuple[int, bytes]:
    """EIP-2718: a first byte below 0x80 is a type; an RLP list starts at 0xc0.

    Legacy has no type byte, so that a zero in front would be a second spelling of it.
    """
    if not raw:
        raise DecodeError(f"{what} of no bytes")
    if raw[0] == 0:
        raise DecodeError(f"{what} of type 0 has no type byte")
    return (raw[0], raw[1:]) if raw[0] < 0x80 else (0, raw)


def _decode_list(raw: bytes, what: str) -> list[Any]:
    try:
        items = rlp.decode(raw, strict=True)
        canonical = rlp.encode(items)
    except RLPException as problem:
        raise DecodeError(f"{what}: not RLP: {problem}") from problem
    except RecursionError as problem:  # the codec calls itself for each list in a list
        raise DecodeError(f"{what}: lists in lists, too deep") from problem
    if not isinstance(items, list):
        raise DecodeError(f"{what} is a list")
    if canonical != raw:
        raise DecodeError(f"{what} is not canonically encoded")
    return items


def _integer(item: Any, what: str) -> int:
    if not isinstance(item, bytes) or item[:1] == b"\0" or len(item) > 32:
        raise DecodeError(f"{what} is not a canonical integer")
    return int.from_bytes(item)


def _bytes(item: Any, what: str, length: int | None) -> bytes:
    if not isinstance(item, bytes) or length not in (None, len(item)):
        raise DecodeError(f"{what} has not {length if length is not None else 'any'} bytes")
    return item
