"""Deployment of the five contracts, which must know each other and their libraries beforehand."""

import dataclasses

import pytest

from troth.errors import EngineUnavailable, LedgerError, ParameterError
from troth.ledger import abi, artifact, bindings, deploy, engines
from troth.ledger.interface import Contract, Param

TIME = 1_700_000_000


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def ledger(request):
    try:
        opened = engines.open(request.param, timestamp=TIME)
    except EngineUnavailable as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


@pytest.fixture
def members(accounts):
    return [deploy.Member(next(accounts).address, 1, bytes([n]) * 32) for n in range(1, 5)]


def test_the_contracts_land_where_predicted_and_know_each_other(ledger, account, members):
    deployment = deploy.deploy_all(ledger, account, members)
    assert tuple(deployment.addresses) == deploy.ORDER
    assert deployment.addresses == deploy.predict_addresses(account.address, 0)
    assert (deployment.deployer, deployment.first_nonce) == (account.address, 0)
    assert ledger.addresses == deployment.addresses
    creations = [
        ledger.block(number).transactions[0].transaction
        for number in range(1, len(deploy.ORDER) + 1)
    ]
    interfaces = {contract.name: contract for contract in bindings.CONTRACTS}
    for name, creation in zip(deploy.ORDER, creations, strict=True):
        shipped = artifact.load(name).linked(deployment.addresses)
        interface = interfaces.get(name, Contract(name))
        assert creation.to is None
        assert creation.data.startswith(shipped.init_code)
        given = interface.decode_constructor(creation.data[len(shipped.init_code) :])
        for parameter, value in given.items():
            if parameter in deploy.REFERENCES:
                assert value == deployment.addresses[deploy.REFERENCES[parameter]]


def test_a_second_deployment_starts_at_the_next_nonce(ledger, account, members):
    first = deploy.deploy_all(ledger, account, members)
    second = deploy.deploy_all(ledger, account, members)
    assert second.first_nonce == len(deploy.ORDER)
    assert not set(first.addresses.values()) & set(second.addresses.values())


def test_libraries_come_before_whoever_calls_them():
    assert set(deploy.ORDER) == {*artifact.names(), *artifact.libraries()}
    for place, name in enumerate(deploy.ORDER):
        shipped = artifact.load(name)
        assert {*shipped.links, *shipped.runtime_links} <= set(deploy.ORDER[:place])
    called = {library for name in deploy.ORDER for library in artifact.load(name).links}
    assert called == set(artifact.libraries())


def test_other_code_at_the_address_is_noticed(account, members, monkeypatch):
    shipped = artifact.load("PrivacyLedger")
    changed = bytearray(shipped.runtime_code)
    changed[10] ^= 1
    false = dataclasses.replace(shipped, runtime_code=bytes(changed))
    load = artifact.load
    monkeypatch.setattr(
        artifact, "load", lambda name: false if name == "PrivacyLedger" else load(name)
    )
    with (
        engines.open("embedded", timestamp=TIME) as ledger,
        pytest.raises(LedgerError, match="not the PrivacyLedger"),
    ):
        deploy.deploy_all(ledger, account, members)


def test_a_constructor_that_asks_for_something_else_is_refused(account, members):
    odd = Contract("Odd", constructor=(Param("owner", abi.AddressType()),))
    addresses = deploy.predict_addresses(account.address, 0)
    with pytest.raises(ParameterError, match="Odd asks for owner"):
        deploy.constructor_arguments(odd, members, addresses)


def test_artefacts_that_are_not_shipped_are_refused():
    with pytest.raises(ParameterError, match="no contract named Nothing"):
        artifact.load("Nothing")
    for junk in (b"", b"[]", b"{}", b'{"name": 1, "abi": []}'):
        with pytest.raises(ParameterError, match="no artefact"):
            artifact.Artifact.parse(junk)
