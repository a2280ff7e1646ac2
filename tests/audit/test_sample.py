"""The bundle that ships with the project is what a stranger tries first."""

from pathlib import Path

import pytest

from troth.audit.run import audit
from troth.errors import BundleFalse

SAMPLE = Path(__file__).resolve().parents[2] / "vectors" / "bundle"


def test_the_sample_is_verified_and_holds_what_its_page_says():
    trust = (SAMPLE / "trust.json").read_bytes()
    verdict = audit(SAMPLE / "hospitals-small.zip", trust)
    assert verdict.verdict == "verified"
    first, drill, evaluation, second = verdict.studies
    assert (first.rounds_final, first.reports_accepted) == (2, 9)
    assert [(found.round, found.reason) for found in first.reports_rejected] == [
        (2, "norm_equality")
    ]
    assert [len(said.right) for said in first.confirmations] == [5, 4]
    (abort,) = drill.aborts
    assert (abort.reason, abort.liars) == ("Fault", (abort.party,))
    assert {said.outcome for said in drill.accusations} == {"shown"}
    assert (evaluation.rounds_final, evaluation.reports_accepted) == (1, 4)
    assert evaluation.evaluates == first.model
    assert len(evaluation.counts) == 4
    assert second.rounds_final == 0
    assert [refused.error for refused in verdict.refusals] == ["BudgetExceeded"]


def test_a_changed_copy_is_false(tmp_path):
    data = bytearray((SAMPLE / "hospitals-small.zip").read_bytes())
    data[len(data) // 2] ^= 1
    copy = tmp_path / "copy.zip"
    copy.write_bytes(data)
    with pytest.raises(BundleFalse):
        audit(copy)
