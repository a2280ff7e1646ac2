"""The probe contract's bindings, made by the generator, and a ledger on each engine."""

import importlib
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from troth.errors import EngineUnavailable
from troth.ledger import abi, engines, generate
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.artifact import Artifact

PROBE = Path(__file__).parent / "probe"
GENESIS = 1_700_000_000


@pytest.fixture(scope="session")
def probe_package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    arguments = ["--artifacts", str(PROBE / "artifacts"), "--package", "probe_bindings"]
    assert generate.main([*arguments, "--out", str(folder / "probe_bindings")]) == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module("probe_bindings")
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def probe(probe_package):
    return importlib.import_module("probe_bindings.probe")


@pytest.fixture(scope="session")
def structs(probe_package):
    return importlib.import_module("probe_bindings.structs")


@pytest.fixture(scope="session")
def artifact():
    return Artifact.parse((PROBE / "artifacts" / "Probe.json").read_bytes())


@pytest.fixture
def accounts():
    """An endless supply of accounts, the same in every test."""
    return (Account(number.to_bytes(32)) for number in itertools.count(0xACC0))


@pytest.fixture
def account(accounts):
    return next(accounts)


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def ledger(request, probe):
    """A fresh chain that knows the probe; on anvil a block is final when two follow it."""
    try:
        opened = engines.open(request.param, [probe.CONTRACT], timestamp=GENESIS)
    except EngineUnavailable as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


def values(kind: abi.Type) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one per type
    """A hypothesis strategy for the values of one ABI type."""
    match kind:
        case abi.Uint(bits):
            return st.integers(0, 2**bits - 1)
        case abi.Int(bits):
            return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        case abi.Bool():
            return st.booleans()
        case abi.AddressType():
            return st.binary(min_size=20, max_size=20).map(Address)
        case abi.FixedBytes(length):
            return st.binary(min_size=length, max_size=length)
        case abi.DynamicBytes():
            return st.binary(max_size=70)
        case abi.Text():
            return st.text(max_size=20)
        case abi.Array(item, count):
            fewest, most = (0, 3) if count is None else (count, count)
            return st.lists(values(item), min_size=fewest, max_size=most).map(tuple)
        case abi.Struct(cls, members):
            return st.tuples(*map(values, members)).map(lambda parts: cls(*parts))
    raise AssertionError(kind)


@pytest.fixture(scope="session")
def values_of():
    return values
