"""Evidence: one spelling of everything, and the values of other implementations."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import rlp
from eth_account import Account as EthAccount
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodeError
from troth.ledger import evidence
from troth.ledger.account import Account
from troth.ledger.address import Address

ACCOUNT = Account(b"\5" * 32)
TARGET = Address(b"\x11" * 20)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
UNSIGNED = evidence.UnsignedTransaction(
    type=2,
    chain_id=31337,
    nonce=3,
    max_priority_fee=1,
    max_fee=2,
    gas_limit=100_000,
    to=TARGET,
    value=4,
    data=b"data",
)
RAW = evidence.sign(UNSIGNED, ACCOUNT.sign)
LOG = evidence.Log(TARGET, (b"\1" * 32, b"\2" * 32), b"some data")
RECEIPT = evidence.ReceiptRecord(2, 1, 50_000, evidence.bloom([LOG]), (LOG,))
ENCODED_RECEIPT = evidence.encode_receipt(RECEIPT)


@pytest.fixture(scope="module")
def header():
    from troth.ledger import engines

    with engines.open("embedded", [], timestamp=1_700_000_000) as ledger:
        ledger.advance(3)
        return ledger.block(1).raw.header


def test_a_transaction_is_the_one_that_another_implementation_signs():
    fields = {
        "type": 2,
        "chainId": 31337,
        "nonce": 3,
        "maxPriorityFeePerGas": 1,
        "maxFeePerGas": 2,
        "gas": 100_000,
        "to": str(TARGET),
        "value": 4,
        "data": b"data",
    }
    theirs = EthAccount.from_key(b"\5" * 32).sign_transaction(fields)
    assert bytes(theirs.raw_transaction) == RAW
    decoded = evidence.decode_transaction(RAW)
    assert decoded.hash == bytes(theirs.hash)
    assert decoded.sender == ACCOUNT.address
    assert str(decoded.sender) == EthAccount.from_key(b"\5" * 32).address
    assert decoded.raw == RAW
    for field in dataclasses.fields(UNSIGNED):
        assert getattr(decoded, field.name) == getattr(UNSIGNED, field.name)


def test_a_creation_has_no_target():
    raw = evidence.sign(dataclasses.replace(UNSIGNED, to=None), ACCOUNT.sign)
    assert evidence.decode_transaction(raw).to is None


@pytest.mark.parametrize("chain_id", [None, 1, 31337])
def test_legacy_transactions_are_read(chain_id):
    fields = {"nonce": 1, "gasPrice": 5, "gas": 21_000, "to": str(TARGET), "value": 6, "data": b""}
    if chain_id is not None:
        fields["chainId"] = chain_id
    theirs = EthAccount.from_key(b"\5" * 32).sign_transaction(fields)
    decoded = evidence.decode_transaction(bytes(theirs.raw_transaction))
    assert decoded.chain_id == chain_id
    assert decoded.sender == ACCOUNT.address
    assert (decoded.type, decoded.max_fee, decoded.max_priority_fee) == (0, 5, 5)
    assert decoded.hash == bytes(theirs.hash)


def respelled(change: Callable[[list[Any]], None]) -> bytes:
    """The transaction with changed fields, its signature left as it is."""
    items = rlp.decode(RAW[1:])
    change(items)
    body: bytes = rlp.encode(items)
    return b"\2" + body


def high_s(items: list[Any]) -> None:
    """The other signature of the same hash (EIP-2 forbids it)."""
    items[9] = b"" if items[9] else b"\1"
    items[11] = (ORDER - int.from_bytes(items[11])).to_bytes(32)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no bytes"),
        (RAW + b"\0", "not RLP"),
        (RAW[:-1], "not RLP"),
        (b"\1" + RAW[1:], "type 1"),
        (b"\x03" + RAW[1:], "type 3"),
        (b"\2\x80", "is a list"),
        (b"\2\xc0", "12 fields"),
        (b"\xc0", "9 fields"),
        (respelled(high_s), "canonical form"),
        (respelled(lambda i: i.__setitem__(9, b"\2")), "canonical form"),
        (respelled(lambda i: i.__setitem__(10, b"")), "belongs to no key"),
        (respelled(lambda i: i.__setitem__(10, b"\xff" * 32)), "belongs to no key"),
        (respelled(lambda i: i.__setitem__(1, b"\0\3")), "nonce is not a canonical integer"),
        (respelled(lambda i: i.__setitem__(4, b"\1" * 33)), "gas limit is not"),
        (respelled(lambda i: i.__setitem__(5, b"\1" * 19)), "target"),
        (respelled(lambda i: i.__setitem__(7, [])), "data"),
        (respelled(lambda i: i.__setitem__(8, b"")), "access list is a list"),
    ],
)
def test_other_spellings_of_a_transaction_are_refused(raw, reason):
    with pytest.raises(DecodeError, match=reason):
        evidence.decode_transaction(raw)


def test_a_legacy_signature_has_a_known_form():
    items = [b"\1", b"\5", b"\x52\x08", bytes(TARGET), b"", b"", b"\x1d", b"\1", b"\1"]
    with pytest.raises(DecodeError, match="v = 29"):
        evidence.decode_transaction(rlp.encode(items))


@given(at=st.integers(0, len(RAW) - 1), flip=st.integers(1, 255))
def test_no_byte_of_a_transaction_is_free(at, flip):
    changed = bytearray(RAW)
    changed[at] ^= flip
    try:
        decoded = evidence.decode_transaction(bytes(changed))
    except DecodeError:
        return
    assert decoded.sender != ACCOUNT.address


def test_a_receipt_is_read_back():
    assert evidence.decode_receipt(ENCODED_RECEIPT) == RECEIPT
    legacy = dataclasses.replace(RECEIPT, type=0, status=0, logs=(), bloom=bytes(256))
    assert evidence.decode_receipt(evidence.encode_receipt(legacy)) == legacy


def receipt_with(**changes: Any) -> bytes:
    return evidence.encode_receipt(dataclasses.replace(RECEIPT, **changes))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no bytes"),
        (ENCODED_RECEIPT + b"\0", "not RLP"),
        (b"\2\xc0", "four fields"),
        (b"\2" + rlp.encode([b"", b"", bytes(256), b""]), "four fields"),
        (receipt_with(status=2), "status"),
        (receipt_with(bloom=bytes(256)), "bloom"),
        (receipt_with(bloom=bytes(255)), "bloom"),
        (b"\2" + rlp.encode([b"\1", b"\0", bytes(256), []]), "cumulative gas"),
        (b"\2" + rlp.encode([b"\1", b"", bytes(256), [b""]]), "a log has"),
        (receipt_with(logs=(evidence.Log(TARGET, (b"\1",) * 5, b""),)), "at most four"),
        (receipt_with(logs=(evidence.Log(TARGET, (b"\1",), b""),)), "topic"),
    ],
)
def test_other_spellings_of_a_receipt_are_refused(raw, reason):
    with pytest.raises(DecodeError, match=reason):
        evidence.decode_receipt(raw)


@given(at=st.integers(0, len(ENCODED_RECEIPT) - 1), flip=st.integers(1, 255))
def test_no_byte_of_a_receipt_is_free(at, flip):
    changed = bytearray(ENCODED_RECEIPT)
    changed[at] ^= flip
    try:
        decoded = evidence.decode_receipt(bytes(changed))
    except DecodeError:
        return
    assert decoded != RECEIPT
    assert evidence.encode_receipt(decoded) == bytes(changed)


def test_a_header_is_read(header):
    decoded = evidence.decode_header(header)
    assert (decoded.number, decoded.timestamp) == (1, 1_700_000_003)
    assert decoded.transactions_root == decoded.receipts_root == evidence.EMPTY_ROOT
    assert decoded.raw == header


@pytest.mark.parametrize("fields", [0, 15, 18, 19, 22])
def test_headers_of_unknown_forks_are_refused(header, fields):
    items = rlp.decode(header)
    changed = [*items, b"", b""][:fields]
    with pytest.raises(DecodeError, match="no known fork"):
        evidence.decode_header(rlp.encode(changed))


def test_other_spellings_of_a_header_are_refused(header):
    for junk in (b"", b"\x80", header + b"\0", header[:-1]):
        with pytest.raises(DecodeError):
            evidence.decode_header(junk)
    items = rlp.decode(header)
    for position, wrong in ((0, b"\1" * 31), (8, b"\0\1"), (11, [b""])):
        changed = [*items[:position], wrong, *items[position + 1 :]]
        with pytest.raises(DecodeError):
            evidence.decode_header(rlp.encode(changed))


def test_links_are_checked(header):
    child = evidence.decode_header(header)
    parent = dataclasses.replace(child, raw=b"parent", number=0, timestamp=child.timestamp - 3)
    child = dataclasses.replace(child, parent_hash=parent.hash)
    evidence.verify_link(parent, child)
    with pytest.raises(DecodeError, match="another parent"):
        evidence.verify_link(dataclasses.replace(parent, raw=b"other"), child)
    with pytest.raises(DecodeError, match="follows block 1"):
        evidence.verify_link(dataclasses.replace(parent, number=1), child)
    with pytest.raises(DecodeError, match="older"):
        evidence.verify_link(dataclasses.replace(parent, timestamp=child.timestamp + 1), child)


def test_roots_depend_on_every_item_and_its_place():
    items = [bytes([number]) * 40 for number in range(5)]
    root = evidence.list_root(items)
    assert evidence.list_root([]) == evidence.EMPTY_ROOT
    assert evidence.list_root(items[:4]) != root
    assert evidence.list_root([items[1], items[0], *items[2:]]) != root


def test_created_addresses_are_the_standard_ones():
    # The example of the Ethereum tests' contract creation: sender 0x6ac7…, nonces 0 and 1.
    sender = Address.parse("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert (
        str(evidence.contract_address(sender, 0)).lower()
        == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    )
    assert (
        str(evidence.contract_address(sender, 1)).lower()
        == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"
    )
