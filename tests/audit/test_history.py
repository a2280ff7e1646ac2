"""Odd but true transactions: an audit must predict them too, or a prankster could discredit it."""

import pytest
import rlp
from eth_account import Account as EthAccount

from troth.audit import archive
from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.errors import BundleFalse
from troth.ledger import artifact, engines
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import consortium, dataset_registry, privacy_ledger, study_registry
from troth.ledger.bindings.structs import OnChainTerms, Windows
from troth.ledger.deploy import ORDER, Member, deploy_all, predict_addresses
from troth.ledger.evidence import DYNAMIC_FEE, ReceiptRecord, UnsignedTransaction, sign
from troth.scenarios.small_study import Shape, small_study
from troth.storage.blobs import LocalBlobs
from troth.testing.chain_forger import rewrite

MEMBERS = [Account(bytes([n]) * 32) for n in range(1, 5)]
STRANGER = Account(b"\x09" * 32)
ROOT = b"\x33" * 32
DEPLOYED = len(ORDER)
"""Transactions before anything else happens."""


class Chain:
    """A consortium of four, and calls written by hand."""

    def __init__(self, folder):
        self.folder = folder
        self.ledger = engines.open(
            "embedded",
            timestamp=1_700_000_000,
            funded=[account.address for account in (*MEMBERS, STRANGER)],
        )
        members = [Member(account.address, 1, bytes(32)) for account in MEMBERS]
        self.addresses = deploy_all(self.ledger, MEMBERS[0], members).addresses

    def send(self, account, to, data, *, gas=2_000_000, value=0):
        """Send calldata as it is; whether it succeeded."""
        unsigned = UnsignedTransaction(
            DYNAMIC_FEE,
            self.ledger.chain_id,
            self.ledger.nonce(account.address),
            0,
            0,
            gas,
            self.addresses.get(to) if to else None,
            value,
            data,
        )
        return self.ledger.send_raw(sign(unsigned, account.sign), force=True).status

    def pay(self, account, to, value=1):
        unsigned = UnsignedTransaction(
            DYNAMIC_FEE,
            self.ledger.chain_id,
            self.ledger.nonce(account.address),
            0,
            0,
            100_000,
            to,
            value,
            b"",
        )
        return self.ledger.send_raw(sign(unsigned, account.sign), force=True).status

    def audit(self):
        path = self.folder / "b.troth"
        write_bundle(path, self.ledger, LocalBlobs(self.folder / "store"), MEMBERS[1])
        return audit(path)


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    with made.ledger:
        yield made


REGISTER = dataset_registry.register(ROOT, 10, bytes(32))


def test_a_chain_without_studies_is_consistent(chain):
    verdict = chain.audit()
    assert (verdict.transactions, verdict.studies) == (DEPLOYED, ())


@pytest.mark.parametrize(
    ("what", "arguments", "status"),
    [
        ("bytes after the arguments", {"data": REGISTER.encode() + b"\0\1\2"}, 1),
        ("too few bytes", {"data": REGISTER.encode()[:-1]}, 0),
        ("a dirty integer", {"data": REGISTER.encode()[:36] + b"\xff" * 32 + bytes(32)}, 0),
        ("an unknown function", {"data": b"\xde\xad\xbe\xef" + bytes(64)}, 0),
        ("no calldata", {"data": b""}, 0),
        ("money", {"data": REGISTER.encode(), "value": 5}, 0),
        ("too little gas", {"data": REGISTER.encode(), "gas": 60_000}, 0),
        ("a view", {"data": dataset_registry.consortium().encode()}, 1),
        ("nothing odd", {"data": REGISTER.encode()}, 1),
    ],
)
def test_odd_calls_are_predicted(chain, what, arguments, status):
    assert chain.send(MEMBERS[2], "DatasetRegistry", **arguments) == status, what
    verdict = chain.audit()
    assert verdict.transactions == DEPLOYED + 1
    assert len(verdict.refusals) == (status == 0)


def test_a_view_may_be_asked_in_any_encoding(chain):
    terms = OnChainTerms(
        mode=0,
        honest=1,
        noise_candidates=2,
        accusations=1,
        corrupt_sites=0,
        every_site=False,
        rounds=1,
        max_aborts=0,
        min_sites=1,
        min_weight=1,
        clip=1,
        noise_variance=4,
        windows=Windows(*[1] * 13),
        committee=(),
        sites=(),
    )
    asked = study_registry.study_id_of(bytes(32), terms).encode()
    assert chain.send(MEMBERS[2], "StudyRegistry", asked + b"\0") == 1
    proposed = study_registry.propose(bytes(32), terms).encode()
    assert chain.send(MEMBERS[2], "StudyRegistry", proposed + b"\0") == 0
    assert chain.audit().transactions == DEPLOYED + 2


def test_gas_that_runs_out_in_a_called_contract(chain):
    """The inner call starves, the outer one keeps a 64th and reverts."""
    call = dataset_registry.register(ROOT, 10, bytes(32)).encode()
    statuses = {
        gas: chain.send(MEMBERS[2], "DatasetRegistry", call, gas=gas)
        for gas in (24_000, 26_000, 27_000, 28_000, 29_000, 31_000, 40_000, 80_000)
    }
    assert not any(statuses.values())
    assert chain.audit().transactions == DEPLOYED + len(statuses)


def test_payments_and_other_contracts_do_not_concern_us(chain):
    assert chain.pay(MEMBERS[2], STRANGER.address) == 1
    assert chain.send(STRANGER, None, bytes.fromhex("6001600055")) == 1
    other = Address(b"\x77" * 20)
    assert chain.pay(STRANGER, other) == 1
    verdict = chain.audit()
    assert (verdict.transactions, verdict.refusals) == (DEPLOYED + 3, ())


@pytest.mark.parametrize("name", artifact.libraries())
def test_what_is_sent_to_a_library_itself_does_not_concern_us(chain, name):
    """It has no state of its own, and refuses to be called as if it were a contract."""
    for data in (b"", b"\xde\xad\xbe\xef" + bytes(64)):
        chain.send(STRANGER, name, data)
    verdict = chain.audit()
    assert (verdict.transactions, verdict.refusals) == (DEPLOYED + 2, ())


def signed(account, fields):
    """A transaction as another program signs it."""
    key = EthAccount.from_key(account._key.to_bytes())
    return bytes(key.sign_transaction(fields).raw_transaction)


def foreign(ledger, kind, account, to, **changes):
    """The fields of a transaction of another type, with an access list where it has one."""
    words = ["0x" + ROOT.hex(), "0x" + "00" * 32]
    fields = {
        "chainId": ledger.chain_id,
        "nonce": ledger.nonce(account.address),
        "gas": 2_000_000,
        "to": str(to),
        "value": 0,
        "data": b"",
    }
    listed = {"type": kind, "accessList": [{"address": str(to), "storageKeys": words}]}
    prices = {
        0: {"gasPrice": 0},
        1: {"gasPrice": 0, **listed},
        2: {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, **listed},
    }
    return {**fields, **prices[kind], **changes}


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_calls_of_every_type_are_replayed(chain, kind):
    to = chain.addresses["DatasetRegistry"]
    for account, status in ((MEMBERS[2], 1), (STRANGER, 0)):
        raw = signed(account, foreign(chain.ledger, kind, account, to, data=REGISTER.encode()))
        assert chain.ledger.send_raw(raw, force=True).status == status
    verdict = chain.audit()
    assert (verdict.transactions, len(verdict.refusals)) == (DEPLOYED + 2, 1)
    chain.ledger.send(MEMBERS[2], privacy_ledger.open_budget(lineage_of(chain), 100))
    assert len(chain.audit().lineages) == 1


def lineage_of(chain):
    """The lineage of the only version."""
    events = [logged.event for logged in chain.ledger.events(0)]
    (found,) = [e for e in events if isinstance(e, dataset_registry.VersionRegistered)]
    return found.lineage


def test_a_transaction_for_every_chain_is_replayed_too(chain):
    """Before EIP-155 a signature named no chain; nodes still put such a transaction in a block."""
    to = chain.addresses["DatasetRegistry"]
    fields = foreign(chain.ledger, 0, MEMBERS[2], to, data=REGISTER.encode())
    del fields["chainId"]
    submission = chain.ledger._backend.submit(signed(MEMBERS[2], fields), force=True)
    assert chain.ledger.block(submission.block).transactions[0].transaction.chain_id is None
    verdict = chain.audit()
    assert (verdict.transactions, verdict.refusals) == (DEPLOYED + 1, ())


def test_a_second_deployment_beside_ours_is_foreign(chain):
    members = [Member(account.address, 1, bytes(32)) for account in MEMBERS[:2]]
    ours = dict(chain.addresses)
    deploy_all(chain.ledger, STRANGER, members)
    chain.ledger.bind(ours)
    verdict = chain.audit()
    assert (verdict.transactions, len(verdict.anchors.members)) == (2 * DEPLOYED, 4)


def test_calls_before_a_contract_is_there_do_nothing(tmp_path):
    """The addresses can be predicted, so somebody may call them too early."""
    made = Chain.__new__(Chain)
    made.folder = tmp_path
    made.ledger = engines.open(
        "embedded", timestamp=1_700_000_000, funded=[a.address for a in (*MEMBERS, STRANGER)]
    )
    made.addresses = predict_addresses(MEMBERS[0].address, 0)
    with made.ledger:
        assert made.send(STRANGER, "Consortium", consortium.epoch().encode()) == 1
        members = [Member(account.address, 1, bytes(32)) for account in MEMBERS]
        deploy_all(made.ledger, MEMBERS[0], members)
        assert made.audit().transactions == DEPLOYED + 1


def test_membership_and_budgets_are_replayed(chain):
    newcomer = STRANGER.address
    for account in MEMBERS[:3]:
        chain.ledger.send(account, consortium.vote_admission(newcomer, 3, bytes(32)))
    receipt = chain.ledger.send(STRANGER, dataset_registry.register(ROOT, 10, bytes(32)))
    lineage = receipt.events[0].event.lineage
    chain.ledger.send(STRANGER, privacy_ledger.open_budget(lineage, 100))
    chain.ledger.send(STRANGER, privacy_ledger.lower(lineage, 50))
    for account in (*MEMBERS[:2], STRANGER):
        chain.ledger.send(account, privacy_ledger.vote_raise(lineage, 70))
    for account in MEMBERS[:3]:
        chain.ledger.send(account, consortium.vote_removal(MEMBERS[3].address))
    chain.ledger.send(MEMBERS[1], privacy_ledger.vote_raise(lineage, 90))
    chain.ledger.send(STRANGER, privacy_ledger.close(lineage))
    verdict = chain.audit()
    (account,) = verdict.lineages
    assert (account.budget, account.settled) == (70, 0)
    assert set(verdict.anchors.members) == {
        str(member.address) for member in (*MEMBERS[:3], STRANGER)
    }


def test_whoever_left_cannot_seal(chain, tmp_path):
    for account in MEMBERS[:3]:
        chain.ledger.send(account, consortium.vote_removal(MEMBERS[3].address))
    path = tmp_path / "b.troth"
    write_bundle(path, chain.ledger, LocalBlobs(tmp_path / "store"), MEMBERS[3])
    with pytest.raises(BundleFalse, match="no member"):
        audit(path)


def test_a_study_goes_on_among_foreign_transactions(tmp_path):
    """Parties read every block, so a stranger's transaction of any type stands in their way."""
    small = small_study(tmp_path, Shape(rounds=2))
    ledger, store = small.consortium.ledger, small.consortium.store
    site = small.consortium.organisations[0].account

    def disturb():
        for kind in (0, 1, 2):
            for account, to in ((STRANGER, MEMBERS[0].address), (site, ledger.addresses["Rounds"])):
                raw = signed(account, foreign(ledger, kind, account, to, data=b"\1\2"))
                ledger.send_raw(raw, force=True)

    disturb()
    assert len(small.run(lambda view: len(view.finals) == 1).finals) == 1
    disturb()
    assert len(small.run().finals) == 2
    disturb()
    assert len({logged.block.number for logged in ledger.events(0)}) > 20
    path = tmp_path / "study.troth"
    write_bundle(path, ledger, store, site)
    verdict = audit(path)
    (study,) = verdict.studies
    assert study.rounds_final == 2
    assert len(verdict.refusals) == 9
    found = [ledger.block(n).transactions for n in range(ledger.head().number + 1)]
    types = [entry.transaction.type for entries in found for entry in entries]
    assert [types.count(kind) for kind in (0, 1)] == [6, 6]


def with_blobs(chain_id, *, wrapped):
    """A stranger's first transaction, of type 3, as a block holds it or as it travels."""
    fields = {
        "type": 3,
        "chainId": chain_id,
        "nonce": 0,
        "gas": 21_000,
        "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0,
        "maxFeePerBlobGas": 1,
        "to": str(MEMBERS[0].address),
        "blobVersionedHashes": ["0x01" + "33" * 31],
    }
    raw = signed(STRANGER, fields)
    if not wrapped:
        return raw
    point = b"\xc0" + bytes(47)
    return b"\3" + rlp.encode([rlp.decode(raw[1:]), [bytes(131_072)], [point], [point]])


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_transaction_with_blobs_does_not_concern_us(packed, tmp_path, wrapped):
    """No engine in this process makes such a block, so one is written here."""
    consortium_ = packed.small.consortium
    chain_id, sealer = consortium_.ledger.chain_id, consortium_.organisations[0].account

    def change(blocks):
        blocks[-1].transactions.append(with_blobs(chain_id, wrapped=wrapped))
        last = blocks[-1].receipts[-1]
        gas = last.cumulative_gas + 21_000
        blocks[-1].receipts.append(ReceiptRecord(3, 1, gas, bytes(256), ()))

    members = rewrite(packed.members, chain_id, sealer, change)
    path = tmp_path / "rewritten.troth"
    path.write_bytes(archive.write(members))
    assert audit(path).transactions == audit(packed.path).transactions + 1


def test_an_unknown_type_is_named(packed, tmp_path):
    consortium_ = packed.small.consortium
    chain_id, sealer = consortium_.ledger.chain_id, consortium_.organisations[0].account

    def change(blocks):
        blocks[-1].transactions[-1] = b"\4" + blocks[-1].transactions[-1][1:]

    path = tmp_path / "rewritten.troth"
    path.write_bytes(archive.write(rewrite(packed.members, chain_id, sealer, change)))
    with pytest.raises(BundleFalse, match="type 4 is none that Cancun knows"):
        audit(path)
