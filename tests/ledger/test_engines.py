"""One behaviour, every engine."""

import subprocess
import sys
from typing import Any

import pytest
from eth_account import Account as EthAccount

from troth.errors import (
    ContractRefused,
    DecodeError,
    EncodingError,
    LedgerError,
    ParameterError,
    WrongChain,
)
from troth.ledger import engines, evidence
from troth.ledger.account import Account
from troth.ledger.address import ZERO
from troth.ledger.backend import TimeControl
from troth.ledger.client import DevelopmentLedger, Ledger
from troth.ledger.interface import Call

LIMIT = 1000


@pytest.fixture
def deployed(ledger, account, artifact):
    ledger.deploy(account, artifact, (LIMIT, ZERO))
    return ledger


def raw_call(ledger: Ledger, account: Account, call: Call[Any], **changes: Any) -> bytes:
    """A signed call, as another program would have made it."""
    fields: dict[str, Any] = {
        "type": evidence.DYNAMIC_FEE,
        "chain_id": ledger.chain_id,
        "nonce": ledger.nonce(account.address),
        "max_priority_fee": 0,
        "max_fee": 0,
        "gas_limit": 200_000,
        "to": ledger.addresses[call.contract],
        "value": 0,
        "data": call.encode(),
    }
    unsigned = evidence.UnsignedTransaction(**{**fields, **changes})
    return evidence.sign(unsigned, account.sign)


def make_final(ledger: DevelopmentLedger, number: int) -> None:
    while ledger.final().number < number:
        ledger.advance(1)


def test_an_engine_says_what_its_word_is_worth(ledger):
    assert "no consensus" in ledger.engine.trust
    assert ledger.engine.name in engines.NAMES
    assert ledger.chain_id == 31337
    assert isinstance(ledger, TimeControl)


def test_a_call_that_succeeds_gives_a_typed_receipt(deployed, account, probe):
    before = deployed.head()
    nonce = deployed.nonce(account.address)
    receipt = deployed.send(account, probe.bump(5))
    assert receipt.status == 1
    assert receipt.refusal is None
    assert receipt.sender == account.address
    assert receipt.calldata_size == 36
    assert 21_000 < receipt.gas_used < 80_000
    assert receipt.block == deployed.head()
    assert receipt.block.number == before.number + 1
    assert [logged.event for logged in receipt.events] == [
        probe.Bumped(who=account.address, amount=5, total=5)
    ]
    assert deployed.call(probe.total(account.address)) == 5
    assert deployed.nonce(account.address) == nonce + 1


def test_gas_is_the_same_on_every_engine(deployed, account, probe):
    assert deployed.send(account, probe.bump(5)).gas_used == 46_015


def test_a_refused_call_is_typed_and_nothing_is_sent(deployed, account, probe):
    before = deployed.head()
    with pytest.raises(ContractRefused, match=r"Probe\.bump refused.*TooMuch") as caught:
        deployed.send(account, probe.bump(LIMIT + 1))
    assert caught.value.name == "TooMuch"
    assert caught.value.action == "Probe.bump"
    assert caught.value.arguments == {"who": account.address, "left": LIMIT, "asked": LIMIT + 1}
    assert deployed.head() == before


def test_a_forced_call_records_its_revert(deployed, account, probe):
    nonce = deployed.nonce(account.address)
    receipt = deployed.send(account, probe.bump(LIMIT + 1), force=True)
    assert receipt.status == 0
    assert receipt.refusal is not None
    assert receipt.refusal.name == "TooMuch"
    assert receipt.logs == ()
    assert receipt.events == ()
    assert deployed.nonce(account.address) == nonce + 1
    recorded = deployed.block(receipt.block.number).transactions[0]
    assert recorded.receipt.status == 0
    assert probe.CONTRACT.decode_call(recorded.transaction.data) == probe.bump(LIMIT + 1)
    assert deployed.call(probe.total(account.address)) == 0


def test_force_does_not_change_a_call_that_succeeds(deployed, account, probe):
    receipt = deployed.send(account, probe.bump(1), force=True)
    assert receipt.status == 1
    assert receipt.refusal is None


def test_errors_of_the_compiler_are_typed(deployed, account, probe):
    with pytest.raises(ContractRefused) as text:
        deployed.send(account, probe.fail_with_text())
    assert (text.value.name, text.value.arguments) == ("Error", {"message": "not today"})
    with pytest.raises(ContractRefused) as panic:
        deployed.send(account, probe.fail_with_panic())
    assert (panic.value.name, panic.value.arguments) == ("Panic", {"code": 0x11})


def test_errors_of_a_called_contract_come_through(ledger, account, artifact, probe):
    inner = ledger.deploy(account, artifact, (0, ZERO))
    outer = ledger.deploy(account, artifact, (LIMIT, inner))
    with pytest.raises(ContractRefused) as caught:
        ledger.send(account, probe.bump_peer(1))
    assert caught.value.name == "TooMuch"
    assert caught.value.arguments["who"] == outer


def test_running_out_of_gas_is_a_refusal_too(deployed, account, probe, monkeypatch):
    monkeypatch.setattr(deployed._backend, "gas_limit", 100_000)
    with pytest.raises(ContractRefused) as caught:
        deployed.send(account, probe.burn())
    assert caught.value.name == "Halted"
    receipt = deployed.send(account, probe.burn(), force=True)
    assert receipt.status == 0
    assert receipt.gas_used == 100_000


def test_a_read_that_reverts_is_typed(deployed, account, probe):
    with pytest.raises(ContractRefused) as caught:
        deployed.call(probe.bump(LIMIT + 1), account.address)
    assert caught.value.arguments["who"] == account.address


def test_reading_several_results(deployed, probe, structs):
    result = deployed.call(probe.several(7))
    assert result.next == 8
    assert result.self == deployed.addresses["Probe"]
    assert result.point == structs.Point(x=-7, y=7)


def test_reading_the_past(deployed, account, probe):
    first = deployed.send(account, probe.bump(1))
    deployed.send(account, probe.bump(2))
    query = probe.total(account.address)
    assert deployed.call(query, block=first.block.number) == 1
    assert deployed.call(query) == 3


def test_arguments_are_checked_before_anything_is_sent(deployed, account, probe):
    before = deployed.head()
    with pytest.raises(EncodingError, match="amount"):
        deployed.send(account, probe.bump(-1))
    assert deployed.head() == before


def test_unknown_contracts_are_refused(ledger, account, probe):
    with pytest.raises(ParameterError, match="not bound"):
        ledger.send(account, probe.bump(1))
    with pytest.raises(ParameterError, match="does not know"):
        ledger.bind({"Stranger": ZERO})


def test_events_come_typed_and_in_order(deployed, accounts, probe, structs):
    one, two = next(accounts), next(accounts)
    path = structs.Path(name=b"\1" * 32, points=(structs.Point(-3, 4),), label="é")
    start = deployed.head().number + 1
    deployed.send(one, probe.bump(1))
    deployed.send(two, probe.bump(LIMIT + 1), force=True)
    deployed.advance(5)
    deployed.send(two, probe.walk(path, b"xyz", (1, 2, 3), (True, False)))
    make_final(deployed, deployed.head().number)
    logged = list(deployed.events(start))
    assert [entry.event for entry in logged] == [
        probe.Bumped(who=one.address, amount=1, total=1),
        probe.Walked(name=b"\1" * 32, path=path, note=b"xyz"),
    ]
    assert [entry.block.number for entry in logged] == [start, start + 3]
    assert {entry.contract for entry in logged} == {"Probe"}
    assert list(deployed.events(start, start)) == logged[:1]
    assert list(deployed.events(start + 1, start + 2)) == []


def test_only_final_blocks_are_read_unless_asked(deployed, account, probe):
    deployed.send(account, probe.bump(1))
    head, final = deployed.head().number, deployed.final().number
    unfinal = [entry.block.number for entry in deployed.events(0, final=False)]
    assert unfinal == [head]
    assert list(deployed.events(0)) == ([] if final < head else list(deployed.events(head)))
    if final < head:
        with pytest.raises(ParameterError, match="not final"):
            list(deployed.events(0, head))
    with pytest.raises(ParameterError, match="not there"):
        list(deployed.events(0, head + 1, final=False))
    make_final(deployed, head)
    assert [entry.block.number for entry in deployed.events(0)] == [head]


def test_final_follows_the_head(deployed):
    distance = {"embedded": 0, "anvil": 2}[deployed.engine.name]
    for _ in range(3):
        deployed.advance(1)
        assert deployed.final().number == max(0, deployed.head().number - distance)


def test_events_of_unbound_contracts_are_left_out(deployed, account, artifact, probe):
    stranger = deployed.addresses["Probe"]
    deployed.send(account, probe.bump(1))
    deployed._at.pop(stranger)
    assert list(deployed.events(0, final=False)) == []


def test_a_transaction_of_another_chain_is_refused(deployed, account, probe):
    raw = raw_call(deployed, account, probe.bump(1), chain_id=1)
    with pytest.raises(WrongChain) as caught:
        deployed.send_raw(raw)
    assert (caught.value.expected, caught.value.found) == (31337, 1)


@pytest.mark.parametrize("chain_id", [None, 31337])
def test_legacy_transactions_need_the_chain_id(deployed, account, probe, chain_id):
    fields = {
        "nonce": 0,
        "gasPrice": 0,
        "gas": 200_000,
        "to": str(deployed.addresses["Probe"]),
        "value": 0,
        "data": probe.bump(1).encode(),
    }
    if chain_id is not None:
        fields["chainId"] = chain_id
    other = EthAccount.from_key(b"\7" * 32)
    raw = bytes(other.sign_transaction(fields).raw_transaction)
    if chain_id is None:
        with pytest.raises(WrongChain) as caught:
            deployed.send_raw(raw)
        assert caught.value.found is None
    else:
        assert str(deployed.send_raw(raw).sender) == other.address


def test_a_raw_transaction_is_tried_first(deployed, account, probe):
    raw = raw_call(deployed, account, probe.bump(LIMIT + 1))
    with pytest.raises(ContractRefused, match=r"Probe\.bump"):
        deployed.send_raw(raw)
    assert deployed.send_raw(raw, force=True).status == 0


def test_a_replayed_transaction_is_refused(deployed, account, probe):
    raw = raw_call(deployed, account, probe.bump(1))
    deployed.send_raw(raw)
    head = deployed.head()
    with pytest.raises(LedgerError, match="the next one is number 2"):
        deployed.send_raw(raw)
    assert deployed.head() == head


def test_a_gap_of_nonces_is_refused(deployed, account, probe):
    raw = raw_call(deployed, account, probe.bump(1), nonce=2)
    with pytest.raises(LedgerError, match="the next one is number 1"):
        deployed.send_raw(raw)


def test_bytes_that_are_no_transaction_are_refused(deployed, account, probe):
    raw = raw_call(deployed, account, probe.bump(1))
    with pytest.raises(DecodeError):
        deployed.send_raw(raw + b"\0")
    with pytest.raises(DecodeError):
        deployed.send_raw(b"")


def test_blocks_prove_themselves(deployed, account, probe):
    deployed.send(account, probe.bump(1))
    deployed.send(account, probe.bump(LIMIT + 1), force=True)
    deployed.advance(7)
    parent = deployed.block(0)
    assert parent.header.timestamp == 1_700_000_000
    for number in range(1, deployed.head().number + 1):
        record = deployed.block(number)
        header = evidence.decode_header(record.raw.header)
        evidence.verify_link(parent.header, header)
        assert record.ref.hash == header.hash
        assert evidence.list_root(record.raw.transactions) == header.transactions_root
        assert evidence.list_root(record.raw.receipts) == header.receipts_root
        assert sum(entry.gas_used for entry in record.transactions) == header.gas_used
        for entry in record.transactions:
            assert entry.transaction.sender == account.address
            assert entry.transaction.chain_id == deployed.chain_id
        parent = record
    nonces = [
        entry.transaction.nonce
        for number in range(deployed.head().number + 1)
        for entry in deployed.block(number).transactions
    ]
    assert nonces == [0, 1, 2]


def test_there_is_no_block_after_the_head(ledger):
    with pytest.raises(ParameterError, match="no block 1"):
        ledger.block(1)
    with pytest.raises(ParameterError, match="no block -1"):
        ledger.block(-1)


def test_time_moves_only_when_told_and_by_one_second_per_block(deployed, account, probe):
    start = deployed.head().timestamp
    assert deployed.send(account, probe.bump(1)).block.timestamp == start + 1
    assert deployed.advance(60).timestamp == start + 61
    assert deployed.send(account, probe.bump(1)).block.timestamp == start + 62
    with pytest.raises(ParameterError, match="at least 1 second"):
        deployed.advance(0)


def test_a_call_is_tried_at_the_time_of_the_block_that_would_hold_it(deployed, account, probe):
    now = deployed.head().timestamp
    with pytest.raises(ContractRefused) as caught:
        deployed.send(account, probe.after_time(now + 2))
    assert caught.value.arguments == {"time": now + 1, "opens": now + 2}
    deployed.advance(1)
    assert deployed.send(account, probe.after_time(now + 2)).block.timestamp == now + 2


def test_a_deployment_lands_where_the_nonce_says(ledger, account, artifact, probe):
    predicted = evidence.contract_address(account.address, 1)
    first = ledger.deploy(account, artifact, (1, ZERO))
    assert ledger.deploy(account, artifact, (2, first)) == predicted
    assert ledger.call(probe.peer()) == first
    artifact.verify_runtime(ledger.code(predicted))
    with pytest.raises(LedgerError, match="is not the Probe"):
        artifact.verify_runtime(ledger.code(predicted)[:-1])
    with pytest.raises(LedgerError, match="is not the Probe"):
        artifact.verify_runtime(ledger.code(account.address))


def test_fees_are_paid_by_accounts_that_own_something(ledger, account, accounts, artifact, probe):
    rich, name = next(accounts), ledger.engine.name
    options = {"timestamp": 5, "funded": [rich.address], "chain_id": 7}
    with engines.open(name, [probe.CONTRACT], **options) as other:
        assert (other.chain_id, other.head().timestamp) == (7, 5)
        other.deploy(account, artifact, (LIMIT, ZERO))
        paid = raw_call(other, rich, probe.bump(1), max_fee=1, max_priority_fee=1)
        assert other.send_raw(paid).status == 1
        unpaid = raw_call(other, next(accounts), probe.bump(1), max_fee=1, max_priority_fee=1)
        with pytest.raises(LedgerError, match="refuses"):
            other.send_raw(unpaid)


def test_unknown_engines_are_refused():
    with pytest.raises(ParameterError, match="choose embedded or anvil"):
        engines.open("besu", timestamp=0)


def test_nothing_heavy_is_imported_before_an_engine_is_opened():
    program = (
        "import sys, troth.ledger.client, troth.ledger.bindings, troth.ledger.engines;"
        "sys.exit(any(name in sys.modules for name in ('web3', 'eth_tester', 'eth', 'eth_abi')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
