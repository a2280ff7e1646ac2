"""What the client makes of an engine's word, where a real engine would rarely say it."""

import pytest

from troth.errors import ContractRefused
from troth.ledger import engines
from troth.ledger.address import ZERO
from troth.ledger.backend import Outcome, Submission

LIMIT = 10


@pytest.fixture
def ledger(probe, account, artifact):
    with engines.open("embedded", [probe.CONTRACT], timestamp=1_700_000_000) as opened:
        opened.deploy(account, artifact, (LIMIT, ZERO))
        yield opened


def test_a_revert_after_a_trial_that_passed_is_raised(ledger, account, probe, monkeypatch):
    submit = ledger._backend.submit

    def overtaken(raw, *, force):
        recorded = submit(raw, force=True)
        return Submission(Outcome(b"", None), recorded.block)

    monkeypatch.setattr(ledger._backend, "submit", overtaken)
    with pytest.raises(ContractRefused) as caught:
        ledger.send(account, probe.bump(LIMIT + 1))
    assert caught.value.name == "Unknown"
    receipt = ledger.send(account, probe.bump(LIMIT + 1), force=True)
    assert receipt.status == 0
    assert receipt.refusal is not None


@pytest.mark.parametrize("data", [b"", b"\1\2\3\4", b"\x08\xc3\x79\xa0short"])
def test_revert_data_of_strangers_is_shown_as_it_is(ledger, account, probe, monkeypatch, data):
    monkeypatch.setattr(
        ledger._backend, "submit", lambda _, **__: Submission(Outcome(data, "revert"), None)
    )
    with pytest.raises(ContractRefused) as caught:
        ledger.send(account, probe.bump(1))
    assert caught.value.name == "Unknown"
    assert caught.value.arguments == {"data": "0x" + data.hex()}


def test_only_so_many_blocks_are_kept_read(ledger, monkeypatch):
    monkeypatch.setattr("troth.ledger.client.KEPT_BLOCKS", 3)
    for _ in range(6):
        ledger.advance(1)
    assert len(ledger._final_blocks) == 3
    assert ledger.block(1).header.number == 1
    assert len(ledger._final_blocks) == 3
