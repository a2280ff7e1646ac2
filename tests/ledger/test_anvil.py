"""What only a process of its own can do: be missing, die, and keep its state in a file."""

from typing import cast

import pytest

from troth.errors import EngineUnavailable, LedgerError, ParameterError
from troth.ledger.address import ZERO
from troth.ledger.engines import anvil, wire

TIME = 1_700_000_000


@pytest.fixture
def binary():
    try:
        return anvil.find_binary()
    except EngineUnavailable as problem:
        pytest.skip(str(problem))


def test_a_missing_anvil_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="npm ci") as caught:
        anvil.find_binary([tmp_path])
    assert "\n" not in str(caught.value)


def test_another_program_of_the_same_name_is_not_taken(tmp_path, monkeypatch):
    other = tmp_path / "anvil"
    other.write_text("#!/bin/sh\necho pyanvil 0.2\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="not installed"):
        anvil.find_binary([tmp_path])
    other.write_text("#!/bin/sh\necho anvil Version: 1.7.1\n")
    assert anvil.find_binary([tmp_path]) == other


def test_a_program_that_ends_at_once_is_told(tmp_path):
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    with pytest.raises(EngineUnavailable, match="ended at its start with code 7"):
        anvil.open_anvil([], timestamp=TIME, binary=program)


def test_a_negative_depth_is_refused():
    with pytest.raises(ParameterError, match="depth is -1"):
        anvil.open_anvil([], timestamp=TIME, depth=-1)


@pytest.mark.anvil
def test_closing_ends_the_process(binary):
    ledger = anvil.open_anvil([], timestamp=TIME, binary=binary)
    process = cast("anvil.AnvilBackend", ledger._backend)._process
    assert process.poll() is None
    ledger.close()
    assert process.poll() is not None
    ledger.close()
    with pytest.raises(EngineUnavailable, match="does not answer"):
        ledger.head()


@pytest.mark.anvil
def test_the_depth_says_what_is_final(binary):
    with anvil.open_anvil([], timestamp=TIME, binary=binary, depth=4) as ledger:
        for _ in range(6):
            ledger.advance(1)
        assert ledger.final().number == 2


@pytest.mark.anvil
def test_a_state_file_keeps_the_chain(binary, tmp_path, account, artifact, probe):
    options = {"timestamp": TIME, "binary": binary, "state": tmp_path / "state.json"}
    with anvil.open_anvil([probe.CONTRACT], **options) as ledger:
        ledger.deploy(account, artifact, (10, ZERO))
        receipt = ledger.send(account, probe.bump(3))
        addresses = ledger.addresses
    with anvil.open_anvil([probe.CONTRACT], **options) as ledger:
        assert ledger.head() == receipt.block
        ledger.bind(addresses)
        assert ledger.call(probe.total(account.address)) == 3
        assert [logged.event for logged in ledger.events(0, final=False)] == [
            probe.Bumped(who=account.address, amount=3, total=3)
        ]


def test_a_header_that_does_not_fit_its_hash_is_refused():
    block = dict.fromkeys(wire._HEADER, "0x") | dict.fromkeys(wire._QUANTITIES, "0x1")
    with pytest.raises(LedgerError, match="does not have the hash"):
        wire.header({**block, "hash": "0x" + "00" * 32})
