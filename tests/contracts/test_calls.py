"""How a call must come: signed by its author, sent to the contract, and encoded in the one way."""

from typing import Any

import pytest

from troth.errors import ContractRefused
from troth.ledger.bindings import CONTRACTS, dataset_registry, study_registry
from troth.ledger.evidence import contract_address

# Calls the address in the first word with the rest of its calldata, and ends as that call does.
FORWARDER = bytes.fromhex(
    "602036038060205f375f5f825f5f5f355af13d5f5f3e601c573d5ffd5b00"  # the program
)
CREATE_FORWARDER = bytes.fromhex("601e8060095f395ff3") + FORWARDER
ONLY_ROUNDS = {"reserve", "settle", "release"}
ACTS = [
    (contract.name, function.solidity_name, function.selector)
    for contract in CONTRACTS
    for function in contract.functions
    if not function.reads
]
ZEROS = bytes(64 * 32)  # decodes as the arguments of every function


def send(world: Any, account: Any, name: str, to: Any, data: bytes) -> Any:
    """Send calldata as it is."""
    return world.ledger.send_raw(world.ledger._sign(account(name), to, data))


def refused(world: Any, account: Any, name: str, to: Any, data: bytes) -> tuple[Any, ...]:
    with pytest.raises(ContractRefused) as caught:
        send(world, account, name, to, data)
    return (caught.value.name, *caught.value.arguments.values())


@pytest.fixture
def forwarder(world, account):
    """A contract that passes on whatever anybody asks it to."""
    send(world, account, "s1", None, CREATE_FORWARDER)
    made = contract_address(account("s1").address, world.ledger.nonce(account("s1").address) - 1)
    assert world.ledger.code(made) == FORWARDER
    return made


@pytest.mark.parametrize(("contract", "action", "selector"), ACTS, ids=str)
def test_no_act_comes_through_another_contract(
    world, account, forwarder, contract, action, selector
):
    # An error "NotSigner" of each of the contracts, but where only Rounds may call at all.
    target = bytes(12) + world.addresses[contract]
    error = "OnlyRounds" if action in ONLY_ROUNDS else "NotSigner"
    told = refused(world, account, "s1", forwarder, target + selector + ZEROS)
    assert told == (error, forwarder)
    direct = refused(world, account, "s1", world.addresses[contract], selector + ZEROS)
    assert direct[0] != "NotSigner"


def test_a_view_may_be_asked_by_a_contract(world, account, forwarder):
    target = bytes(12) + world.addresses["StudyRegistry"]
    call = study_registry.exists(world.study).encode()
    assert send(world, account, "s1", forwarder, target + call).status == 1


def variants(data: bytes, head: int) -> dict[str, bytes]:
    """Other calldata that means the same to the compiler; `head` is the place of an offset."""
    moved = bytearray(data)
    offset = int.from_bytes(moved[head : head + 32])
    moved[head : head + 32] = (offset + 32).to_bytes(32)
    at = 4 + offset
    return {
        "a byte at the end": data + b"\0",
        "a word at the end": data + b"\xff" * 32,
        "a gap": bytes(moved[:at]) + bytes(32) + bytes(moved[at:]),
    }


VARIANTS = ["a byte at the end", "a word at the end", "a gap"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_verdict_is_encoded_in_one_way(world, account, variant):
    play, to = world.reach("Judged"), world.addresses["Rounds"]
    data = play.call("judge", "a1").encode()
    odd = variants(data, 4 + 64)[variant]
    assert refused(world, account, "a1", to, odd) == ("NonCanonicalCalldata",)
    assert send(world, account, "a1", to, data).status == 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("state", "action"),
    [("Picked", "open_noise"), ("Rejected", "defend"), ("Settled", "commit_sum")],
    ids=str,
)
def test_lists_are_encoded_in_one_way(world, account, state, action, variant):
    play, to = world.reach(state), world.addresses["Rounds"]
    data = play.call(action, "a1").encode()
    odd = variants(data, 4 + 64)[variant]
    assert refused(world, account, "a1", to, odd) == ("NonCanonicalCalldata",)
    assert send(world, account, "a1", to, data).status == 1


@pytest.mark.parametrize("end", [-1, -23])
def test_a_verdicts_padding_is_there_and_zero(world, account, end):
    play, to = world.reach("Judged"), world.addresses["Rounds"]
    data = play.call("judge", "a1").encode()
    odd = data[:-1] + b"\1" if end == -1 else data[:end]
    assert refused(world, account, "a1", to, odd) == ("NonCanonicalCalldata",)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_proposal_is_encoded_in_one_way(world, account, digest, variant):
    to = world.addresses["StudyRegistry"]
    data = study_registry.propose(digest("t"), world.make_terms()).encode()
    odd = variants(data, 4 + 32)[variant]
    assert refused(world, account, "a1", to, odd) == ("NonCanonicalCalldata",)
    assert send(world, account, "a1", to, data).status == 1


def test_bytes_after_arguments_of_fixed_size_do_not_matter(world, account):
    call = dataset_registry.revoke(world.versions["s1"], world.study).encode()
    assert send(world, account, "s1", world.addresses["DatasetRegistry"], call + b"\1").status == 1
