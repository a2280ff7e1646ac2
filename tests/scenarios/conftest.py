"""Made-up results for tests of how results are shown; no run gave these numbers."""

from dataclasses import replace

import pytest

from troth.scenarios import result as facts


@pytest.fixture
def made_up_result():
    return facts.DemoResult(
        format=facts.FORMAT,
        seed=7,
        study=facts.StudyFacts("0x" + "5d" * 32, 20, 5, 2, "A", 4, "Pine64HmacSha256Aes128"),
        accuracy=facts.Accuracy(
            pooled=112 / 114,
            local=(72 / 114, 72 / 114, 109 / 114, 90 / 114),
            federated=104 / 114,
            troth=111 / 114,
        ),
        privacy=facts.Privacy(
            delta=1e-5,
            epsilon_guaranteed=1.9968079717080003,
            epsilon_tight=1.8365,
            rho_spent=0.10794402,
            rho_budget=0.108256363,
            assumption="at most 1 of the 2 aggregators share what they know",
        ),
        evaluation=facts.Evaluation(
            study="0x" + "3c" * 32,
            model="0x" + "4d" * 32,
            counts=facts.Matrix(33, 2, -1, 56),
            deviation=10**0.5,
            accuracy=facts.Rate(0.978, 0.882, 1.0),
            sensitivity=facts.Rate(0.943, 0.794, 1.0),
            specificity=facts.Rate(1.0, 0.901, 1.0),
            public=facts.Matrix(40, 2, 1, 71),
            privacy=facts.Privacy(
                delta=1e-5,
                epsilon_guaranteed=1.9142388320040002,
                epsilon_tight=1.7601,
                rho_spent=0.1,
                rho_budget=0.108256363,
                assumption="at most 1 of the 2 aggregators share what they know",
            ),
        ),
        rounds=facts.RoundCounts(final=20, aborted=0),
        departures=(),
        reports=facts.Reports(99, (facts.Rejection("fifth site", 2, "norm_equality"),)),
        refusals=(
            facts.Refusal(
                action="open",
                study="1f" * 32,
                lineage="2e" * 32,
                left=312_343,
                asked=108_255_257,
                reason="BudgetExceeded: 312343 nano-ρ left, 108255257 asked",
            ),
        ),
        drill=facts.Drill(
            study="0x" + "6e" * 32,
            round=1,
            final=False,
            reason="Fault",
            cheat="second aggregator",
            named="second aggregator",
            other="",
            accusers=6,
            voters=7,
        ),
        ledger=facts.LedgerFacts("embedded", "single operator, no consensus", 820, 63_781, 100),
        bundle="out/hospitals/bundle.zip",
        trust="out/hospitals/trust.json",
        report="out/hospitals/report.html",
        audit=facts.AuditFacts(
            verdict="verified",
            claims=facts.ClaimCounts(proved=2, attested=1, not_covered=1),
            changed_byte="blocks.jsonl, offset 9: claims byte 0x33; what follows is byte 0x32",
        ),
        seconds={"agreement": 2.5, "rounds": 20.25},
    )


@pytest.fixture
def stopped_result(made_up_result):
    """Mode B3, in which two have different sums and no round goes on."""
    return replace(
        made_up_result,
        study=replace(made_up_result.study, mode="B3", aggregators=3),
        drill=replace(
            made_up_result.drill,
            reason="Disagree",
            other="third aggregator",
            accusers=1,
            voters=1,
        ),
    )


@pytest.fixture
def outvoted_result(made_up_result):
    """Mode B4, in which round 1 of the study itself goes on without a liar."""
    shown = "its sum of share 0 is not the one that the other holders have"
    return replace(
        made_up_result,
        study=replace(made_up_result.study, mode="B4", aggregators=4),
        departures=(facts.Departure(1, "second aggregator", "Settled", "Disagree", shown),),
        drill=replace(
            made_up_result.drill,
            study=made_up_result.study.id,
            final=True,
            reason="Disagree",
            accusers=2,
            voters=2,
        ),
    )
