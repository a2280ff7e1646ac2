"""Everybody else's transactions: what another implementation signs, and blocks that hold it."""

import sys
import time
from typing import Any, cast

import pytest
import rlp
from eth_account import Account as EthAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ContractRefused, DecodeError, EngineUnavailable, LedgerError, WrongChain
from troth.ledger import evidence
from troth.ledger.account import Account
from troth.ledger.address import ZERO, Address
from troth.ledger.client import DevelopmentLedger
from troth.ledger.engines import anvil

KEY = b"\5" * 32
ACCOUNT = Account(KEY)
TARGET = Address(b"\x11" * 20)
WORD = "0x" + "07" * 32
BLOB_HASH = "0x01" + "33" * 31
BLOB_SIZE = 131_072
LISTS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"address": str(TARGET), "storageKeys": []}],
    [
        {"address": str(TARGET), "storageKeys": [WORD, "0x" + "00" * 32]},
        {"address": "0x" + "22" * 20, "storageKeys": [WORD]},
    ],
)
PRICES: dict[int, dict[str, Any]] = {
    0: {"gasPrice": 5},
    1: {"type": 1, "gasPrice": 5},
    2: {"type": 2, "maxPriorityFeePerGas": 1, "maxFeePerGas": 5},
    3: {"type": 3, "maxPriorityFeePerGas": 1, "maxFeePerGas": 5, "maxFeePerBlobGas": 6},
}


def fields_of(kind: int, access: list[dict[str, Any]]) -> dict[str, Any]:
    """A transaction as other programs describe it."""
    common = {"chainId": 31337, "nonce": 3, "gas": 100_000, "to": str(TARGET), "value": 4}
    fields = {**common, "data": b"data", **PRICES[kind]}
    if kind:
        fields["accessList"] = access
    if kind == evidence.BLOB:
        fields["blobVersionedHashes"] = [BLOB_HASH, BLOB_HASH]
    return fields


def signed(fields: dict[str, Any]) -> bytes:
    """As another implementation signs it; of a blob transaction, what a block holds."""
    return bytes(EthAccount.from_key(KEY).sign_transaction(fields).raw_transaction)


TYPED = [
    pytest.param(kind, access, id=f"type {kind}, {len(access)} listed")
    for kind in (1, 2, 3)
    for access in LISTS
]
RICH = {kind: signed(fields_of(kind, LISTS[2])) for kind in PRICES}


@pytest.mark.parametrize(("kind", "access"), TYPED)
def test_every_type_is_read_as_another_implementation_signs_it(kind, access):
    fields = fields_of(kind, access)
    theirs = EthAccount.from_key(KEY).sign_transaction(fields)
    decoded = evidence.decode_transaction(bytes(theirs.raw_transaction))
    assert decoded.sender == ACCOUNT.address
    assert decoded.hash == bytes(theirs.hash)
    assert decoded.raw == bytes(theirs.raw_transaction)
    assert (decoded.type, decoded.chain_id, decoded.nonce) == (kind, 31337, 3)
    assert (decoded.gas_limit, decoded.to) == (100_000, TARGET)
    assert (decoded.value, decoded.data) == (4, b"data")
    assert (decoded.max_priority_fee, decoded.max_fee) == ((5, 5) if kind == 1 else (1, 5))


@pytest.mark.parametrize(("kind", "access"), TYPED)
def test_what_is_signed_is_what_another_implementation_hashes(kind, access):
    fields = fields_of(kind, access)
    raw = signed(fields)
    items = rlp.decode(raw[1:])
    unsigned = TypedTransaction.from_dict({**fields, "data": "0x" + b"data".hex()})
    digest = keccak(raw[:1] + rlp.encode(items[:-3]))
    assert digest == bytes(unsigned.hash())
    by_hand = ACCOUNT.sign(digest)
    assert [int.from_bytes(item) for item in items[-3:]] == list(by_hand.vrs)


@pytest.mark.parametrize("kind", RICH)
def test_no_bit_of_any_byte_is_free(kind):
    raw = RICH[kind]
    for at in range(len(raw)):
        for flip in (1, 0x80):
            changed = bytearray(raw)
            changed[at] ^= flip
            try:
                decoded = evidence.decode_transaction(bytes(changed))
            except DecodeError:
                continue
            assert decoded.sender != ACCOUNT.address, at
            assert decoded.hash != keccak(raw)


@given(kind=st.sampled_from(sorted(RICH)), at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_byte_of_any_type_is_free(kind, at, flip):
    changed = bytearray(RICH[kind])
    changed[at % len(changed)] ^= flip
    try:
        decoded = evidence.decode_transaction(bytes(changed))
    except DecodeError:
        return
    assert decoded.sender != ACCOUNT.address


def respelled(kind: int, position: int, value: Any) -> bytes:
    """The transaction with one other field, its signature left as it is."""
    items = rlp.decode(RICH[kind][1:])
    items[position] = value
    body: bytes = rlp.encode(items)
    return RICH[kind][:1] + body


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\0" + RICH[0], "type 0 has no type byte"),
        (b"\4" + RICH[2][1:], "type 4 is none that Cancun knows"),
        (b"\x7f" + RICH[2][1:], "type 127"),
        (b"\1" + RICH[2][1:], "type 1 has 11 fields, not 12"),
        (b"\3" + RICH[2][1:], "type 3 has 14 fields, not 12"),
        (respelled(1, 7, b""), "access list is a list"),
        (respelled(1, 7, [b""]), "an entry of an access list"),
        (respelled(1, 7, [[bytes(TARGET)]]), "an entry of an access list"),
        (respelled(2, 8, [[bytes(TARGET), [], []]]), "an entry of an access list"),
        (respelled(2, 8, [[b"\1" * 19, []]]), "an address of the access list"),
        (respelled(2, 8, [[bytes(TARGET), b""]]), "storage keys of the access list are a list"),
        (respelled(2, 8, [[bytes(TARGET), [b"\1"]]]), "one of the storage keys"),
        (respelled(3, 5, b""), "cannot create"),
        (respelled(3, 9, b"\0"), "fee per blob gas"),
        (respelled(3, 10, b""), "blob hashes are a list"),
        (respelled(3, 10, [b"\1" * 31]), "one of the blob hashes"),
        (respelled(1, 1, b"\0\3"), "nonce is not a canonical integer"),
        (respelled(1, 2, [b""]), "gas price is not a canonical integer"),
        (respelled(1, 8, b"\2"), "canonical form"),
        (respelled(1, 10, (ORDER - 1).to_bytes(32)), "canonical form"),
        (respelled(3, 13, (ORDER - 1).to_bytes(32)), "canonical form"),
    ],
)
def test_other_spellings_are_refused(raw, reason):
    with pytest.raises(DecodeError, match=reason):
        evidence.decode_transaction(raw)


def test_lists_in_lists_are_refused():
    nested = b"\xc0"
    for _ in range(sys.getrecursionlimit()):
        nested = rlp.codec.length_prefix(len(nested), 0xC0) + nested
    for read in (evidence.decode_transaction, evidence.decode_receipt, evidence.decode_header):
        with pytest.raises(DecodeError, match="too deep"):
            read(nested)
    with pytest.raises(DecodeError, match="too deep"):
        evidence.block_form(b"\3" + nested)


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_receipts_of_every_type_are_read_back(kind):
    receipt = evidence.ReceiptRecord(kind, 1, 21_000, evidence.bloom([]), ())
    raw = evidence.encode_receipt(receipt)
    assert evidence.decode_receipt(raw) == receipt
    assert raw[0] == (kind or 0xF9)
    if kind == 0:
        with pytest.raises(DecodeError, match="no type byte"):
            evidence.decode_receipt(b"\0" + raw)


def test_receipts_of_unknown_types_are_refused():
    raw = evidence.encode_receipt(evidence.ReceiptRecord(4, 1, 21_000, evidence.bloom([]), ()))
    with pytest.raises(DecodeError, match="type 4"):
        evidence.decode_receipt(raw)


@pytest.mark.parametrize("version", [[], [b"\1"]], ids=["EIP-4844", "EIP-7594"])
def test_a_blob_transaction_is_unwrapped(version):
    raw = RICH[3]
    blob, point = bytes(BLOB_SIZE), b"\xc0" + bytes(47)
    wrapped = b"\3" + rlp.encode([rlp.decode(raw[1:]), *version, [blob], [point], [point]])
    assert evidence.block_form(wrapped) == raw
    with pytest.raises(DecodeError, match="14 fields"):
        evidence.decode_transaction(wrapped)


@pytest.mark.parametrize("kind", RICH)
def test_everything_else_is_its_block_form(kind):
    assert evidence.block_form(RICH[kind]) == RICH[kind]
    assert evidence.block_form(b"") == b""
    assert evidence.block_form(b"\3\xc0") == b"\3\xc0"


def call_fields(
    ledger: DevelopmentLedger, probe: Any, kind: int, amount: int = 5
) -> dict[str, Any]:
    """A call of the probe by the account above, with an access list if its type has one."""
    fields = fields_of(kind, LISTS[2])
    for name in ("gasPrice", "maxPriorityFeePerGas", "maxFeePerGas"):
        if name in fields:
            fields[name] = 0
    return {
        **fields,
        "nonce": ledger.nonce(ACCOUNT.address),
        "to": str(ledger.addresses["Probe"]),
        "value": 0,
        "data": probe.bump(amount).encode(),
    }


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_call_of_any_type_is_a_call(ledger, account, artifact, probe, kind):
    ledger.deploy(account, artifact, (10, ZERO))
    ledger.send(account, probe.bump(1))
    receipt = ledger.send_raw(signed(call_fields(ledger, probe, kind)))
    assert (receipt.status, receipt.sender) == (1, ACCOUNT.address)
    with pytest.raises(ContractRefused) as caught:
        ledger.send_raw(signed(call_fields(ledger, probe, kind, amount=11)))
    assert caught.value.name == "TooMuch"
    ledger.send(account, probe.bump(2))
    assert [logged.event for logged in ledger.events(0, final=False)] == [
        probe.Bumped(who=account.address, amount=1, total=1),
        probe.Bumped(who=ACCOUNT.address, amount=5, total=5),
        probe.Bumped(who=account.address, amount=2, total=3),
    ]
    block = ledger.block(receipt.block.number)
    (record,) = block.transactions
    assert (record.transaction.type, record.receipt.type) == (kind, kind)
    assert record.gas_used == receipt.gas_used
    assert evidence.list_root(block.raw.transactions) == block.header.transactions_root
    assert evidence.list_root(block.raw.receipts) == block.header.receipts_root


@pytest.mark.parametrize("kind", [1, 2])
def test_another_chains_call_is_refused_whatever_its_type(ledger, account, artifact, probe, kind):
    ledger.deploy(account, artifact, (10, ZERO))
    with pytest.raises(WrongChain):
        ledger.send_raw(signed({**call_fields(ledger, probe, kind), "chainId": 1}))


def test_a_transaction_with_blobs_is_not_sent(ledger, account, artifact, probe):
    ledger.deploy(account, artifact, (10, ZERO))
    with pytest.raises(LedgerError, match="blobs"):
        ledger.send_raw(signed(call_fields(ledger, probe, 3)), force=True)
    assert ledger.send(account, probe.bump(1)).status == 1


@pytest.mark.anvil
def test_a_block_with_blobs_is_read(account, artifact, probe):
    """Somebody gives the node itself a call that carries a blob."""
    try:
        opened = anvil.open_anvil([probe.CONTRACT], timestamp=1, funded=[ACCOUNT.address])
    except EngineUnavailable as problem:
        pytest.skip(str(problem))
    with opened as ledger:
        ledger.deploy(account, artifact, (10, ZERO))
        fields = call_fields(ledger, probe, 3)
        del fields["blobVersionedHashes"]
        theirs = EthAccount.from_key(KEY).sign_transaction(fields, blobs=[bytes(BLOB_SIZE)])
        sent = "0x" + bytes(theirs.raw_transaction).hex()
        backend = cast("anvil.AnvilBackend", ledger._backend)
        deadline = time.monotonic() + 20
        hashed = backend._ask("eth_sendRawTransaction", sent)
        while backend._ask("eth_getTransactionReceipt", hashed) is None:
            assert time.monotonic() < deadline
        ledger.send(account, probe.bump(2))
        assert [logged.event for logged in ledger.events(0, final=False)] == [
            probe.Bumped(who=ACCOUNT.address, amount=5, total=5),
            probe.Bumped(who=account.address, amount=2, total=2),
        ]
        block = ledger.block(2)
        (record,) = block.transactions
        assert (record.transaction.type, record.receipt.type) == (3, 3)
        assert "0x" + record.transaction.hash.hex() == hashed
        assert evidence.list_root(block.raw.transactions) == block.header.transactions_root
