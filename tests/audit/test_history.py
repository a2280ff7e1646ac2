"""Odd but true transactions: an audit must predict them too, or a prankster could discredit it."""

import pytest

from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.errors import BundleFalse
from troth.ledger import engines
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import consortium, dataset_registry, privacy_ledger
from troth.ledger.deploy import Member, deploy_all, predict_addresses
from troth.ledger.evidence import DYNAMIC_FEE, UnsignedTransaction, sign
from troth.storage.blobs import LocalBlobs

MEMBERS = [Account(bytes([n]) * 32) for n in range(1, 5)]
STRANGER = Account(b"\x09" * 32)
ROOT = b"\x33" * 32


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
    assert (verdict.transactions, verdict.studies) == (5, ())


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
    assert verdict.transactions == 6
    assert len(verdict.refusals) == (status == 0)


def test_gas_that_runs_out_in_a_called_contract(chain):
    """The inner call starves, the outer one keeps a 64th and reverts."""
    call = dataset_registry.register(ROOT, 10, bytes(32)).encode()
    statuses = {
        gas: chain.send(MEMBERS[2], "DatasetRegistry", call, gas=gas)
        for gas in (24_000, 26_000, 27_000, 28_000, 29_000, 31_000, 40_000, 80_000)
    }
    assert not any(statuses.values())
    assert chain.audit().transactions == 5 + len(statuses)


def test_payments_and_other_contracts_do_not_concern_us(chain):
    assert chain.pay(MEMBERS[2], STRANGER.address) == 1
    assert chain.send(STRANGER, None, bytes.fromhex("6001600055")) == 1
    other = Address(b"\x77" * 20)
    assert chain.pay(STRANGER, other) == 1
    verdict = chain.audit()
    assert (verdict.transactions, verdict.refusals) == (8, ())


def test_a_second_deployment_beside_ours_is_foreign(chain):
    members = [Member(account.address, 1, bytes(32)) for account in MEMBERS[:2]]
    ours = dict(chain.addresses)
    deploy_all(chain.ledger, STRANGER, members)
    chain.ledger.bind(ours)
    verdict = chain.audit()
    assert (verdict.transactions, len(verdict.anchors.members)) == (10, 4)


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
        assert made.audit().transactions == 6


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
