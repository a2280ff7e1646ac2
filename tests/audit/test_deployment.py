"""Libraries are held to the same as contracts: a bundle cannot name other ones than were called."""

from dataclasses import replace

import pytest

from troth.audit.bundle import read_bundle
from troth.audit.chain import verify_chain
from troth.audit.deployment import verify_deployment
from troth.audit.members import CONTRACTS, TRANSACTIONS
from troth.errors import BundleFalse
from troth.ledger import artifact
from troth.ledger.address import Address
from troth.ledger.deploy import ORDER
from troth.ledger.evidence import contract_address

LIBRARIES = artifact.libraries()
CALLS = [
    (name, library, place)
    for name in ORDER
    for library, places in artifact.load(name).links.items()
    for place in places
]
ELSEWHERE = b"\x11" * 20


@pytest.fixture(scope="module")
def bundle(packed):
    return read_bundle(packed.path)


@pytest.fixture(scope="module")
def chain(bundle):
    return verify_chain(bundle.blocks, bundle.transactions, bundle.seal)


@pytest.fixture
def found(bundle, chain):
    """The finding about the deployment with other entries, or with other contracts named."""

    def verify(entries=None, contracts=None):
        changed = replace(chain, entries=entries or chain.entries)
        named = replace(bundle.contracts, contracts=contracts or bundle.contracts.contracts)
        try:
            verify_deployment(changed, named)
        except BundleFalse as lie:
            return lie
        return None

    return verify


def creation(chain, name):
    """The entry that created this contract: they come first, in order."""
    return chain.entries[ORDER.index(name)]


def with_entry(chain, name, entry):
    """All entries, but another one for the creation of this contract."""
    at = ORDER.index(name)
    return (*chain.entries[:at], entry, *chain.entries[at + 1 :])


def test_contracts_call_libraries_in_this_deployment(bundle, chain, found):
    assert LIBRARIES
    assert found() is None
    deployment = verify_deployment(chain, bundle.contracts)
    assert tuple(deployment.addresses) == ORDER
    created = {item.contract.name for item in deployment.creations.values()}
    assert created == set(artifact.names())


@pytest.mark.parametrize(("name", "library", "place"), CALLS)
def test_every_call_goes_to_the_library_that_the_bundle_names(chain, found, name, library, place):
    start, length = place
    entry = creation(chain, name)
    data = entry.transaction.data
    changed = data[:start] + ELSEWHERE + data[start + length :]
    other = replace(entry, transaction=replace(entry.transaction, data=changed))
    lie = found(with_entry(chain, name, other))
    assert (lie.member, lie.position) == (TRANSACTIONS, f"{entry.position}, raw")
    assert lie.claimed == f"that {name} calls 0x{ELSEWHERE.hex()} as its {library}"


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_second_library_of_the_same_code_is_not_the_one_that_is_called(
    bundle, chain, found, name
):
    """Whoever deploys it again and names that one in the bundle."""
    entry = creation(chain, name)
    stranger = Address(ELSEWHERE)
    again = replace(entry, transaction=replace(entry.transaction, sender=stranger))
    names = {item.name: item for item in bundle.contracts.contracts}
    created = contract_address(stranger, again.transaction.nonce)
    listed = {**names, name: replace(names[name], address=bytes(created))}
    lie = found((*chain.entries, again), tuple(listed.values()))
    assert lie.member == TRANSACTIONS
    assert lie.follows == str(created)
    assert f"as its {name}" in lie.claimed


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_comes_after_its_callers_is_refused(chain, found, name):
    entry = creation(chain, name)
    late = replace(entry, line=len(chain.entries) + 1)
    lie = found(with_entry(chain, name, late))
    assert lie.follows == "a library that is not there yet"


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("change", ["artifact", "address", "left out", "arguments", "failed"])
def test_a_library_is_the_shipped_one(bundle, chain, found, name, change):
    contracts, entries = list(bundle.contracts.contracts), chain.entries
    at, entry = ORDER.index(name), creation(chain, name)
    if change == "artifact":
        contracts[at] = replace(contracts[at], artifact=bytes(32))
    elif change == "address":
        contracts[at] = replace(contracts[at], address=ELSEWHERE)
    elif change == "left out":
        del contracts[at]
    elif change == "arguments":
        longer = replace(entry.transaction, data=entry.transaction.data + b"\0")
        entries = with_entry(chain, name, replace(entry, transaction=longer))
    else:
        failed = replace(entry, receipt=replace(entry.receipt, status=0))
        entries = with_entry(chain, name, failed)
    lie = found(entries, tuple(contracts))
    assert lie.member == (TRANSACTIONS if change == "arguments" else CONTRACTS)
    expected = {
        "artifact": f"contracts, {name}, artifact",
        "address": f"contracts, {name}, address",
        "left out": "contracts, name",
        "arguments": f"{entry.position}, raw",
        "failed": f"contracts, {name}, address",
    }
    assert lie.position == expected[change]
