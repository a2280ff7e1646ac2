"""Contracts that call libraries: nothing is deployed or compared before it knows where they are."""

import dataclasses
import importlib
from pathlib import Path

import pytest

from troth.errors import EncodingError, EngineUnavailable, LedgerError, ParameterError
from troth.ledger import engines
from troth.ledger.address import Address
from troth.ledger.artifact import Artifact

ARTIFACTS = Path(__file__).parent / "probe" / "artifacts"
ELSEWHERE = Address(b"\x11" * 20)


def compiled(name):
    return Artifact.parse((ARTIFACTS / f"{name}.json").read_bytes())


@pytest.fixture
def contract(probe_package):
    return importlib.import_module("probe_bindings.linked")


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def chain(request, contract, account):
    """A chain with both libraries and the contract."""
    try:
        opened = engines.open(request.param, [contract.CONTRACT], timestamp=1_700_000_000)
    except EngineUnavailable as problem:
        pytest.skip(str(problem))
    with opened as ledger:
        for name, arguments in (("Steps", ()), ("Sums", ()), ("Linked", (5,))):
            ledger.deploy(account, compiled(name).linked(ledger.addresses), arguments)
        yield ledger


def test_a_contract_works_with_its_libraries(chain, contract, account):
    for amount in (3, 10):
        chain.send(account, contract.add(amount))
    assert chain.call(contract.total()) == 5 + 2 * 3 + 2 * 10 + 2 * 1


def test_deployed_code_is_compared_with_the_linked_code(chain):
    addresses = chain.addresses
    for name in ("Steps", "Sums", "Linked"):
        compiled(name).linked(addresses).verify_runtime(chain.code(addresses[name]))
    for name, library in (("Sums", "Steps"), ("Linked", "Sums")):
        other = compiled(name).linked({**addresses, library: ELSEWHERE})
        with pytest.raises(LedgerError, match=f"not the {name} that"):
            other.verify_runtime(chain.code(addresses[name]))


def test_code_of_another_length_is_other_code(chain):
    for name in ("Steps", "Linked"):
        code = chain.code(chain.addresses[name])
        for false in (b"", code[:-1], code[:10], code + b"\0"):
            with pytest.raises(LedgerError):
                compiled(name).linked(chain.addresses).verify_runtime(false)


@pytest.mark.parametrize(("name", "library"), [("Linked", "Sums"), ("Sums", "Steps")])
def test_nothing_is_deployed_or_compared_unlinked(name, library):
    shipped = compiled(name)
    assert set(shipped.links) == set(shipped.runtime_links) == {library}
    with pytest.raises(ParameterError, match=f"{name} is not linked to {library} yet"):
        _ = shipped.init_code
    with pytest.raises(ParameterError, match=f"{name} is not linked to {library} yet"):
        shipped.verify_runtime(shipped.runtime_code)
    with pytest.raises(ParameterError, match=f"{name} calls {library}, at no known address"):
        shipped.linked({"Elsewhere": ELSEWHERE})
    half = dataclasses.replace(shipped, links={})
    with pytest.raises(ParameterError, match="at no known address"):
        half.linked({})


def test_addresses_stand_in_every_place_and_nowhere_else():
    shipped = compiled("Linked")
    linked = shipped.linked({"Sums": ELSEWHERE, "Steps": Address(bytes(20))})
    (places,) = shipped.links.values()
    assert len(places) == 2
    assert linked.init_code.count(ELSEWHERE) == len(places)
    assert linked.init_code.replace(ELSEWHERE, bytes(20)) == shipped.creation_code
    assert (linked.links, linked.runtime_links) == ({}, {})
    assert linked.linked({}) == linked
    assert linked.digest == shipped.digest


def test_a_creation_is_known_whatever_it_is_linked_to():
    shipped, data = compiled("Linked"), compiled("Linked").linked({"Sums": ELSEWHERE}).init_code
    assert shipped.creates(data)
    assert shipped.creates(data + bytes(32))
    assert not shipped.creates(data[:-1])
    assert not shipped.creates(b"\0" + data)
    changed = bytearray(data)
    changed[20] ^= 1
    assert not shipped.creates(bytes(changed))


def test_a_library_takes_no_arguments_and_gets_no_bindings(chain, account, probe_package):
    assert [contract.name for contract in probe_package.CONTRACTS] == ["Linked", "Probe"]
    assert compiled("Steps").library
    assert not compiled("Linked").library
    with pytest.raises(EncodingError, match="1 values for 0 types"):
        chain.deploy(account, compiled("Steps"), (1,))


def test_a_name_that_is_no_shipped_library_needs_an_interface(chain):
    with pytest.raises(ParameterError, match="does not know a contract named Stranger"):
        chain.bind({"Stranger": ELSEWHERE})
