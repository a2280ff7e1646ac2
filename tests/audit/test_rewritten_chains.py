"""Chains whose hashes all fit but whose story does not follow from the signed calls."""

from dataclasses import replace

import pytest

from troth.audit import archive
from troth.audit.run import audit
from troth.audit.trust import decode_trust
from troth.errors import BundleFalse
from troth.ledger import artifact
from troth.ledger.account import Account
from troth.ledger.bindings import CONTRACTS, privacy_ledger, rounds
from troth.ledger.deploy import ORDER, constructor_arguments
from troth.ledger.evidence import (
    DYNAMIC_FEE,
    Log,
    UnsignedTransaction,
    decode_transaction,
    sign,
)
from troth.testing.chain_forger import rewrite

TRANSACTIONS = "transactions.jsonl"


@pytest.fixture
def found(packed, tmp_path):
    """The audit's finding about the chain after a change, or None when it finds nothing."""

    def play(change, trust=None, sealed_for=None):
        consortium = packed.small.consortium
        sealer = consortium.organisations[0].account
        chain_id = sealed_for or consortium.ledger.chain_id
        members = rewrite(packed.members, chain_id, sealer, change)
        path = tmp_path / "rewritten.troth"
        path.write_bytes(archive.write(members))
        try:
            audit(path, trust)
        except BundleFalse as lie:
            return lie
        return None

    return play


def with_event(blocks, event):
    """The first block whose only transaction logged this event, and the log's index."""
    for block in blocks:
        for receipt in block.receipts:
            for index, log in enumerate(receipt.logs):
                if log.topics[0] == event.topic():
                    return block, index
    raise AssertionError(event)


def line_of(blocks, block):
    before = blocks[: blocks.index(block)]
    return sum(len(earlier.transactions) for earlier in before) + 1


def test_a_rewrite_that_changes_nothing_is_true(found):
    assert found(lambda _: None) is None


@pytest.mark.parametrize(
    "event",
    [
        privacy_ledger.Settled,
        privacy_ledger.Reserved,
        rounds.Moved,
        rounds.AcceptedFixed,
        rounds.Confirmed,
        rounds.NoiseOpened,
        rounds.Attested,
        rounds.Finalised,
    ],
)
def test_a_changed_log_is_found(found, event):
    seen = {}

    def change(blocks):
        block, index = with_event(blocks, event)
        (receipt,) = block.receipts
        log = receipt.logs[index]
        data = log.data[:-1] + bytes([log.data[-1] ^ 1])
        logs = (*receipt.logs[:index], replace(log, data=data), *receipt.logs[index + 1 :])
        block.receipts = [replace(receipt, logs=logs)]
        seen["position"] = f"line {line_of(blocks, block)}, receipt, log {index}"

    lie = found(change)
    assert (lie.member, lie.position) == (TRANSACTIONS, seen["position"])


@pytest.mark.parametrize("kind", ["missing", "doubled", "exchanged", "unknown", "foreign"])
def test_other_logs_are_found(found, kind):
    def change(blocks):
        block, _ = with_event(blocks, rounds.AcceptedFixed)
        (receipt,) = block.receipts
        first, *rest = receipt.logs
        logs = {
            "missing": rest,
            "doubled": [first, first, *rest],
            "exchanged": [*rest, first],
            "unknown": [Log(first.address, (bytes(32),), b""), *rest],
            "foreign": [replace(first, address=type(first.address)(bytes(20))), *rest],
        }[kind]
        block.receipts = [replace(receipt, logs=tuple(logs))]

    assert found(change).member == TRANSACTIONS


def test_a_success_that_was_none_is_found(found):
    def change(blocks):
        block = next(b for b in reversed(blocks) if b.receipts and not b.receipts[0].status)
        block.receipts = [replace(block.receipts[0], status=1)]

    lie = found(change)
    assert lie.claimed == "status 1"
    assert lie.follows.startswith("status 0 (Rounds.open: WrongState(state=")


def test_a_revert_that_was_none_is_found(found):
    def change(blocks):
        block, _ = with_event(blocks, privacy_ledger.Settled)
        block.receipts = [replace(block.receipts[0], status=0, logs=())]

    lie = found(change)
    assert (lie.claimed, lie.follows) == ("status 0", "status 1 (success)")


def test_a_dropped_transaction_leaves_a_gap(found):
    def change(blocks):
        block, _ = with_event(blocks, rounds.Reported)
        blocks.remove(block)

    lie = found(change)
    assert lie.member == TRANSACTIONS
    assert "transaction" in lie.claimed


def test_a_report_after_its_deadline_is_found(found):
    def change(blocks):
        block, _ = with_event(blocks, rounds.Reported)
        for later in blocks[blocks.index(block) :]:
            later.timestamp += 100_000

    lie = found(change)
    assert lie.claimed == "status 1"
    assert lie.follows.startswith("status 0 (Rounds.report: TooLate(deadline=")


def test_time_does_not_run_backwards(found):
    def change(blocks):
        blocks[-1].timestamp = blocks[-2].timestamp - 1

    lie = found(change)
    number = int(lie.position.removeprefix("line ")) - 1
    assert lie.member == "blocks.jsonl"
    assert lie.claimed == f"a successor of block {number - 1}"
    assert lie.follows == f"none (block {number} is older than its parent)"


def test_an_exchanged_pair_of_calls_is_found(found):
    def change(blocks):
        block, _ = with_event(blocks, rounds.DeliveryFixed)
        at = blocks.index(block)
        for name in ("transactions", "receipts"):
            here, before = getattr(blocks[at], name), getattr(blocks[at - 1], name)
            setattr(blocks[at], name, before)
            setattr(blocks[at - 1], name, here)

    assert found(change).member == TRANSACTIONS


def test_dropping_the_last_call_needs_the_trust_file(packed, found):
    # A shorter history is a history too: only whoever knows the last block can tell.
    def change(blocks):
        del blocks[-1]

    assert found(change) is None
    assert found(change, packed.trust).member == "blocks.jsonl"


def test_a_stranger_to_the_contracts_cannot_have_logged_for_them(found):
    stranger = Account(b"\x07" * 32)

    def change(blocks):
        chain_id = decode_transaction(blocks[1].transactions[0]).chain_id
        unsigned = UnsignedTransaction(
            DYNAMIC_FEE, chain_id, 0, 0, 0, 21_000, stranger.address, 0, b""
        )
        source, index = with_event(blocks, privacy_ledger.BudgetOpened)
        blocks[-1].transactions.append(sign(unsigned, stranger.sign))
        logs = (source.receipts[0].logs[index],)
        before = blocks[-1].receipts[-1].cumulative_gas
        receipt = replace(source.receipts[0], logs=logs, cumulative_gas=before + 21_000)
        blocks[-1].receipts.append(receipt)

    lie = found(change)
    assert "an event of PrivacyLedger" in lie.claimed


def test_a_stranger_may_send_what_does_not_concern_us(found):
    stranger = Account(b"\x07" * 32)

    def change(blocks):
        chain_id = decode_transaction(blocks[1].transactions[0]).chain_id
        unsigned = UnsignedTransaction(
            DYNAMIC_FEE, chain_id, 0, 0, 0, 21_000, stranger.address, 0, b""
        )
        blocks[-1].transactions.append(sign(unsigned, stranger.sign))
        last = blocks[-1].receipts[-1]
        receipt = replace(last, status=1, logs=(), cumulative_gas=last.cumulative_gas + 21_000)
        blocks[-1].receipts.append(receipt)

    assert found(change) is None


def redeploy(packed, blocks, contract, change):
    """Sign the deployment of one contract anew, with other init code."""
    deployer = packed.small.consortium.organisations[-1].account
    block = blocks[1 + ORDER.index(contract)]
    old = decode_transaction(block.transactions[0])
    fields = {name: getattr(old, name) for name in UnsignedTransaction.__dataclass_fields__}
    unsigned = UnsignedTransaction(**{**fields, "data": change(old.data)})
    block.transactions = [sign(unsigned, deployer.sign)]


def test_other_code_than_the_shipped_is_found(packed, found):
    def change(blocks):
        redeploy(packed, blocks, "PrivacyLedger", lambda data: b"\x60\x00" + data)

    lie = found(change)
    assert lie.position == f"line {1 + ORDER.index('PrivacyLedger')}, raw"
    assert "other code" in lie.follows


def test_a_contract_that_was_told_another_address_is_found(packed, found):
    interface = next(contract for contract in CONTRACTS if contract.name == "PrivacyLedger")
    addresses = dict(packed.small.consortium.deployment.addresses)
    code = artifact.load("PrivacyLedger").linked(addresses).init_code
    addresses["Rounds"] = packed.small.aggregators[0].account.address
    told = constructor_arguments(interface, [], addresses)

    def change(blocks):
        forged = code + interface.encode_constructor(told)
        redeploy(packed, blocks, "PrivacyLedger", lambda _: forged)

    lie = found(change)
    assert "as its Rounds" in lie.claimed


def test_rounds_that_calls_another_library_is_found(packed, found):
    """All code is the shipped one, but Rounds hands its storage to somebody else's library."""
    library = min(artifact.load("Rounds").links)
    true = packed.small.consortium.deployment.addresses[library]
    other = packed.small.aggregators[0].account.address

    def change(blocks):
        redeploy(packed, blocks, "Rounds", lambda data: data.replace(true, other))

    lie = found(change)
    assert (lie.member, lie.position) == (TRANSACTIONS, f"line {1 + ORDER.index('Rounds')}, raw")
    assert lie.claimed == f"that Rounds calls 0x{other.hex()} as its {library}"
    assert lie.follows == str(true)


@pytest.mark.parametrize("name", artifact.libraries())
def test_other_code_of_a_library_is_found(packed, found, name):
    for change_code in (lambda data: b"\x60\x00" + data, lambda data: data + bytes(32)):

        def change(blocks, change_code=change_code):
            redeploy(packed, blocks, name, change_code)

        assert found(change).position == f"line {1 + ORDER.index(name)}, raw"


def signed_for(packed, raw, chain_id):
    """The same transaction, signed by the same sender for another chain."""
    accounts = {o.account.address: o.account for o in packed.small.consortium.organisations}
    old = decode_transaction(raw)
    fields = {name: getattr(old, name) for name in UnsignedTransaction.__dataclass_fields__}
    unsigned = UnsignedTransaction(**{**fields, "chain_id": chain_id})
    return sign(unsigned, accounts[old.sender].sign)


@pytest.mark.parametrize("event", [rounds.Reported, privacy_ledger.Settled])
def test_a_transaction_of_another_chain_is_found(packed, found, event):
    """An engine that does not compare chain ids would let anybody play it again there."""
    here = packed.small.consortium.ledger.chain_id
    seen = {}

    def change(blocks):
        block, _ = with_event(blocks, event)
        block.transactions = [signed_for(packed, block.transactions[0], here + 1)]
        seen["position"] = f"line {line_of(blocks, block)}, raw"

    lie = found(change)
    assert (lie.member, lie.position) == (TRANSACTIONS, seen["position"])
    assert (lie.claimed, lie.follows) == (f"chain id {here + 1}", f"chain id {here}")


def test_a_chain_presented_as_another_is_found(packed, found):
    """The id in the signatures counts: neither a seal nor a trust file for another one helps."""
    elsewhere = packed.small.consortium.ledger.chain_id + 1
    assert found(lambda _: None, sealed_for=elsewhere).member == "seal.json"
    trust = replace(decode_trust(packed.trust), chain_id=elsewhere).encode()
    lie = found(lambda _: None, trust)
    assert (lie.member, lie.position) == (TRANSACTIONS, "line 1")
    assert lie.follows == f"{elsewhere}, by the trust file"


def test_a_round_that_is_signed_anew_for_another_chain_is_found(packed, found):
    """Even when every party signs its own calls again: what they call with names the chain too."""
    elsewhere = packed.small.consortium.ledger.chain_id + 1

    def change(blocks):
        for block in blocks:
            block.transactions = [signed_for(packed, raw, elsewhere) for raw in block.transactions]

    lie = found(change, sealed_for=elsewhere)
    assert lie.member == TRANSACTIONS
    assert lie.claimed.startswith("DatasetRegistry.VersionRegistered(version=")


def test_another_founder_is_found(packed, found):
    def change(blocks):
        redeploy(
            packed,
            blocks,
            "Consortium",
            lambda data: data.replace(
                bytes(packed.small.aggregators[0].account.address), b"\x55" * 20
            ),
        )

    lie = found(change)
    founder = packed.small.aggregators[0].account.address
    assert lie.claimed.startswith(f"Consortium.MemberAdmitted(member={founder}, roles=2, ")
    assert lie.follows.startswith(f"Consortium.MemberAdmitted(member=0x{'55' * 20}, roles=2, ")
