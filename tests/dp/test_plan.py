"""Designs that fit, every way not to, and proposals that really do."""

from dataclasses import replace
from typing import Any

import pytest

from troth.errors import ParameterError
from troth.privacy.inequalities import LEAST_SOUNDNESS, checks
from troth.privacy.plan import Plan, StudyDesign, plan
from troth.privacy.secagg.parameters import VARIANTS

HOSPITALS = StudyDesign(
    variant="Pine64HmacSha256Aes128",
    members=2,
    dimension=31,
    record_bounds=(256,) * 5,
    weights=(1,) * 5,
    clip=128,
    scale_bits=7,
    noise_variance=1232**2,
    honest=1,
    rounds=20,
    delta=1e-5,
    epsilon=2.0,
    proofs=2,
    proofs_norm_equality=2,
)

FINE: dict[str, Any] = {"clip": 2**18, "scale_bits": 18, "noise_variance": (1232 * 2048) ** 2}
"""The hospitals in integers 2048 times as fine: too large for an exact proof in 64 bits."""

SMALL = StudyDesign(
    variant="Pine32HmacSha256Aes128",
    members=2,
    dimension=4,
    record_bounds=(16,) * 5,
    weights=(1,) * 5,
    clip=16,
    scale_bits=4,
    noise_variance=40**2,
    honest=1,
    rounds=2,
    delta=1e-5,
    epsilon=3.0,
    proofs=5,
    proofs_norm_equality=4,
)
"""Bounds of 256 and 457, which 32 bits prove exactly."""


def failed(result: Plan) -> set[str]:
    return {check.name for check in result.failed}


def test_the_hospitals_fit():
    result = plan(HOSPITALS)
    assert result.fits
    assert all(check.ok for check in result.checks)
    assert result.proposals == ()
    assert result.site_norm_bound == 32_768
    assert result.noise_norm_bound == 18_465
    assert result.record_clip == pytest.approx(0.99425, abs=1e-5)
    assert result.nano_rho_per_round == (5_397_201,) * 5
    assert result.epsilon_guaranteed == pytest.approx(1.9968, abs=5e-5)
    assert result.epsilon_tight == pytest.approx(1.8365, abs=5e-5)
    assert result.delta_total == pytest.approx(1e-5, rel=1e-6)


def test_a_record_that_is_counted_is_neither_clipped_nor_rounded():
    counts = replace(
        HOSPITALS, dimension=4, clip=1, scale_bits=0, noise_variance=5, rounds=1, counted=True
    )
    result = plan(counts)
    names = {check.name for check in result.checks}
    assert result.fits
    assert result.record_clip is None
    assert "counted" in names
    assert not {"record_clip", "clip_use", "rounding"} & names
    assert "record_clip" in failed(plan(replace(counts, counted=False)))
    with pytest.raises(ParameterError, match="counted"):
        replace(counts, clip=2)
    with pytest.raises(ParameterError, match="counted"):
        replace(counts, scale_bits=1)
    dear = plan(replace(counts, noise_variance=4))
    assert failed(dear) == {"budget"}
    assert [item.design for item in dear.proposals] == [counts]


def test_small_bounds_fit_the_smallest_field():
    result = plan(SMALL)
    assert all(check.ok for check in result.checks)
    assert (result.site_norm_bound, result.noise_norm_bound) == (256, 457)


def test_a_field_below_75_times_the_squared_wraparound_bound_is_refused():
    design = replace(HOSPITALS, variant="Pine32HmacSha256Aes128", proofs=5, proofs_norm_equality=3)
    result = plan(design)
    assert failed(result) == {"pine_site", "pine_noise", "soundness"}
    site, noise, soundness = (check.explanation for check in result.failed)
    assert "Field32" in site
    assert "the norm 32768 of a site's update is not proven exactly" in site
    assert "0.0156 times the square of the wraparound bound 524288" in site
    assert "the norm 18465 of a noise vector is not proven exactly" in noise
    assert "0.0625 times the square of the wraparound bound 262144" in noise
    assert "100 of 100 wraparound checks with 1," in soundness
    (proposal,) = result.proposals
    assert VARIANTS[proposal.design.variant].field.encoded_size == 8
    assert proposal.design == replace(HOSPITALS, proofs=3)


@pytest.mark.parametrize(
    ("variant", "largest"),
    [
        ("Pine32HmacSha256Aes128", 470),
        ("Pine40HmacSha256Aes128", 7_532),
        ("Pine64HmacSha256Aes128", 30_854_650),
    ],
)
def test_the_largest_exact_bound_of_a_field(variant, largest):
    design = replace(SMALL, variant=variant, record_bounds=(1,) * 5, clip=largest)
    assert "pine_site" not in failed(plan(design))
    assert "pine_site" in failed(plan(replace(design, clip=largest + 1)))


@pytest.mark.parametrize(
    ("mode", "members", "most"), [("A", 2, 1), ("A", 5, 4), ("B3", 3, 2), ("B4", 4, 2)]
)
def test_the_largest_h_follows_from_the_mode(mode, members, most):
    """One member knows its own noise; B4 goes on when one of four is gone."""
    design = replace(HOSPITALS, mode=mode, members=members, honest=most)
    assert plan(design).fits
    more = replace(design, honest=most + 1)
    assert failed(plan(more)) == {"honest"}
    (check,) = plan(more).failed
    assert f"at most {most} can be counted on" in check.explanation
    for proposal in plan(more).proposals:
        assert (proposal.design.mode, proposal.design.honest) == (mode, most)


def test_a_proposal_keeps_the_mode():
    for change in ({"rounds": 25}, {**FINE, "honest": 3}, {"num_wr_checks": 10}):
        result = plan(replace(HOSPITALS, **{"mode": "B4", "members": 4, **change}))
        assert result.proposals
        assert {proposal.design.mode for proposal in result.proposals} == {"B4"}


REPLICATED = "shares: any 1 member learns nothing from them; noise: whoever does not know the "


@pytest.mark.parametrize(
    ("mode", "members", "honest", "words"),
    [
        ("A", 2, 1, "anybody outside of the committee, and at most 1 of its members together"),
        ("A", 5, 1, "anybody outside of the committee, and at most 4 of its members together"),
        ("A", 5, 3, "anybody outside of the committee, and at most 2 of its members together"),
        (
            "B3",
            3,
            2,
            REPLICATED + "noise of 2 members",
        ),
        (
            "B4",
            4,
            1,
            REPLICATED + "noise of 1 member",
        ),
    ],
)
def test_the_plan_says_against_whom(mode, members, honest, words):
    design = replace(HOSPITALS, mode=mode, members=members, honest=honest)
    assert plan(design).against == words


def test_the_price_does_not_depend_on_how_shares_are_held():
    held = [
        plan(replace(HOSPITALS, mode=mode, members=3, honest=2, noise_variance=616**2 * 2))
        for mode in ("A", "B3")
    ]
    assert held[0].nano_rho_per_round == held[1].nano_rho_per_round
    assert held[0].delta_total == held[1].delta_total


def test_all_failures_are_listed_at_once():
    result = plan(replace(HOSPITALS, **FINE, honest=2, rounds=99))
    assert failed(result) == {"pine_site", "pine_noise", "soundness", "honest", "budget"}
    assert not result.fits


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (FINE, {"pine_site", "pine_noise", "soundness"}),
        ({"rounds": 25}, {"budget"}),
        ({"noise_variance": 3}, {"noise_floor", "budget"}),
        ({"honest": 2}, {"honest"}),
        ({"noise_variance": (3 * 10**6) ** 2}, {"pine_noise", "soundness"}),
        ({"dimension": 70_000}, {"record_clip"}),
        ({"weights": (1, 1, 1, 1, 3)}, {"budget"}),
        ({"num_wr_checks": 10}, {"pine_site", "pine_noise", "soundness"}),
        ({"num_wr_checks": 1, "num_wr_successes": 1}, {"soundness"}),
        ({"num_wr_successes": 96}, {"soundness"}),
        ({"proofs": 1}, {"soundness"}),
        ({"proofs_norm_equality": None}, {"soundness"}),
        (
            {"members": 3, "honest": 2, "noise_variance": 4, "dimension": 6 * 10**7},
            {"sum_slack", "record_clip", "budget"},
        ),
        (
            {"clip": 2**31, "epsilon": 1e3},
            {"pine_site", "soundness", "record_clip", "budget"},
        ),
    ],
)
def test_each_failure_by_name(change, names):
    result = plan(replace(HOSPITALS, **change))
    assert failed(result) == names
    for check in result.checks:
        assert check.explanation
        assert "\n" not in check.explanation


def test_a_sum_beyond_half_the_modulus_wraps():
    half = VARIANTS[SMALL.variant].field.modulus // 2
    most = (half - 2 * 4 * 457) // 256 - 4
    for weight, names in ((most, {"budget"}), (most + 1, {"budget", "no_wrap"})):
        decided = checks(replace(SMALL, weights=(1, 1, 1, 1, weight)))
        assert {check.name for check in decided if check.required and not check.ok} == names


@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_every_noise_candidate_counts_in_the_largest_sum(candidates):
    design = replace(SMALL, noise_candidates=candidates)
    assert design.sum_bound == 5 * 256 + 2 * candidates * 457
    (check,) = (check for check in checks(design) if check.name == "no_wrap")
    assert f"{2 * candidates} noise vectors" in check.explanation


def test_candidates_that_are_taken_off_again_cost_no_privacy():
    few, many = (plan(replace(HOSPITALS, noise_candidates=candidates)) for candidates in (2, 8))
    assert few.nano_rho_per_round == many.nano_rho_per_round
    assert few.epsilon_guaranteed == many.epsilon_guaranteed


@pytest.mark.parametrize("candidates", [1, 0, 9])
def test_candidates_beyond_what_terms_may_say_are_refused(candidates):
    with pytest.raises(ParameterError, match="noise_candidates"):
        replace(HOSPITALS, noise_candidates=candidates)


def test_exact_step_fails_beyond_two_to_53():
    design = replace(
        HOSPITALS, variant="Pine128", proofs=None, proofs_norm_equality=None, weights=(2**40,) * 5
    )
    assert "exact_step" in failed(plan(design))


@pytest.mark.parametrize(
    "change",
    [
        FINE,
        {**FINE, "honest": 2, "rounds": 99},
        {"variant": "Pine32HmacSha256Aes128", "proofs": 5, "proofs_norm_equality": 3},
        {"rounds": 25},
        {"noise_variance": 3, "honest": 2},
        {"dimension": 60_000},
        {"dimension": 100_000},
        {"weights": (1, 1, 1, 1, 3)},
        {"variant": "Pine64", "proofs": None, "proofs_norm_equality": None, "rounds": 30},
        {"num_wr_checks": 10},
        {"num_wr_checks": 20, "num_wr_successes": 10, "proofs": 1, "rounds": 25},
        {**FINE, "num_wr_successes": 1, "proofs": None, "proofs_norm_equality": None},
    ],
)
def test_proposals_fit_and_say_what_changes(change):
    design = replace(HOSPITALS, **change)
    result = plan(design)
    assert result.proposals
    seen = set()
    for proposal in result.proposals:
        assert plan(proposal.design).fits
        assert proposal.design != design
        assert " → " in proposal.changes
        assert "None" not in proposal.changes
        for kept in ("dimension", "members", "record_bounds", "weights", "delta", "epsilon"):
            assert getattr(proposal.design, kept) == getattr(design, kept)
        seen.add(proposal.design)
    assert len(seen) == len(result.proposals)


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        (
            "Pine64",
            "variant Pine64 → Pine32HmacSha256Aes128, proofs 2 → 5, proofs_norm_equality 1 → 3",
        ),
        ("Pine64HmacSha256Aes128", "proofs_norm_equality 1 → 2"),
    ],
)
def test_proofs_that_nobody_chose_are_told_as_the_variants_own(variant, told):
    design = replace(SMALL, variant=variant, proofs=None, proofs_norm_equality=None)
    (proposal,) = plan(design).proposals
    assert proposal.changes == told


def test_cheapest_field_comes_first_then_coarser_integers():
    design = replace(SMALL, clip=64, scale_bits=6, noise_variance=160**2)
    bigger, coarser = (proposal.design for proposal in plan(design).proposals)
    assert bigger == replace(design, variant="Pine40HmacSha256Aes128", proofs=4)
    assert coarser == SMALL


def test_a_proposal_in_a_smaller_field_has_more_proofs():
    design = replace(SMALL, variant="Pine64HmacSha256Aes128", proofs=2, proofs_norm_equality=2)
    coarse = replace(
        design, record_bounds=(1,) * 5, dimension=300, noise_variance=16**2, clip=18, epsilon=20.0
    )
    result = plan(coarse)
    assert failed(result) == set()
    (proposal,) = result.proposals
    assert proposal.design == replace(
        coarse,
        variant="Pine40HmacSha256Aes128",
        proofs=4,
        proofs_norm_equality=4,
        clip=36,
        scale_bits=5,
        noise_variance=32**2,
    )


@pytest.mark.parametrize(
    ("design", "weak", "words", "repaired"),
    [
        (
            replace(SMALL, proofs=None, proofs_norm_equality=None),
            "1 of norm equality with probability 2^-30.9",
            "raise proofs_norm_equality (now 1, the default of Pine32HmacSha256Aes128)",
            {"proofs_norm_equality": 3},
        ),
        (
            replace(SMALL, proofs=3),
            "3 of validity with 2^-64.3",
            "raise proofs (now 3)",
            {"proofs": 4},
        ),
        (
            replace(HOSPITALS, num_wr_checks=20, num_wr_successes=20),
            "20 of 20 wraparound checks with 2^-20.0",
            "raise num_wr_successes (now 20) and with it num_wr_checks (now 20)",
            {"num_wr_checks": 80, "num_wr_successes": 80},
        ),
        (
            replace(HOSPITALS, num_wr_successes=50),
            "50 of 100 wraparound checks with 2^-0.8",
            "raise num_wr_successes (now 50)",
            {"num_wr_successes": 97},
        ),
        (
            replace(HOSPITALS, variant="Pine64", proofs=None, proofs_norm_equality=None),
            "1 of norm equality with probability 2^-61.4",
            "Pine64 fixes proofs_norm_equality (now 1), so take a variant that lets it be chosen",
            {"variant": "Pine64HmacSha256Aes128", "proofs": 2, "proofs_norm_equality": 2},
        ),
    ],
)
def test_too_few_proofs_or_checks_are_refused_and_repaired(design, weak, words, repaired):
    result = plan(design)
    (check,) = result.failed
    assert check.name == "soundness"
    assert weak in check.explanation
    assert words in check.explanation
    assert f"2^-{LEAST_SOUNDNESS}" in check.explanation
    proposal = result.proposals[0].design
    assert proposal == replace(design, **repaired)
    for name in repaired.keys() - {"variant"}:
        less = getattr(proposal, name) - 1
        assert "soundness" in failed(plan(replace(proposal, **{name: less})))


def test_either_bound_decides_soundness():
    long = replace(HOSPITALS, dimension=2**20, clip=2**10, scale_bits=0, epsilon=1e3)
    assert long.noise_norm_bound > long.site_norm_bound
    short = replace(long, noise_variance=4)
    assert short.noise_norm_bound < short.site_norm_bound
    stated = [
        next(check.explanation for check in plan(design).checks if check.name == "soundness")
        for design in (long, short)
    ]
    assert "validity with 2^-105.0" in stated[0]
    assert "validity with 2^-105.3" in stated[1]


def test_too_many_rounds_get_more_noise_or_fewer_rounds():
    design = replace(HOSPITALS, rounds=25)
    noisier, shorter = (proposal.design for proposal in plan(design).proposals)
    assert noisier.rounds == 25
    less = replace(noisier, noise_variance=noisier.noise_variance - 1)
    assert plan(noisier).fits
    assert failed(plan(less)) == {"budget"}
    assert shorter == HOSPITALS


def test_waste_is_advice():
    design = replace(HOSPITALS, dimension=60_000)
    result = plan(design)
    assert result.fits
    (advice,) = (check for check in result.checks if not check.ok)
    assert advice.name == "clip_use"
    assert "12.30 times" in advice.explanation
    (proposal,) = result.proposals
    assert all(check.ok for check in plan(proposal.design).checks)


def test_small_noise_against_rounding_is_advice():
    result = plan(replace(HOSPITALS, noise_variance=16, epsilon=1e3, rounds=1))
    assert result.fits
    assert {check.name for check in result.checks if not check.ok} == {"rounding"}
    assert result.epsilon_tight is None


def test_nothing_near_fits():
    result = plan(replace(HOSPITALS, epsilon=1e-9, delta=1e-9))
    assert result.proposals == ()
    assert failed(result) == {"budget"}


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "Pine16"},
        {"members": 1},
        {"members": 6},
        {"mode": "B5"},
        {"mode": "B3"},
        {"mode": "B4", "members": 3},
        {"mode": "B3", "members": 4},
        {"dimension": 0},
        {"record_bounds": (256,) * 4},
        {"record_bounds": (), "weights": ()},
        {"record_bounds": (0,) * 5},
        {"weights": (0,) * 5},
        {"scale_bits": -1},
        {"rounds": 0},
        {"delta": 0.0},
        {"epsilon": 0.0},
        {"epsilon": float("nan")},
        {"epsilon": 1001.0},
        {"delta": 1e-39},
        {"honest": 1001},
        {"num_wr_checks": 0},
        {"num_wr_checks": 10_001},
        {"num_wr_successes": 10_001},
        {"clip": 2**128 + 1},
        {"noise_variance": 10**5000},
        {"dimension": 2**128 + 1},
        {"rounds": 2**128 + 1},
        {"record_bounds": (1, 1, 1, 1, 2**128 + 1)},
        {"weights": (1, 1, 1, 1, 2**128 + 1)},
        {"clip": 2**90},
    ],
)
def test_values_that_no_study_has_are_refused_by_name(change):
    with pytest.raises(ParameterError) as refused:
        replace(HOSPITALS, **change)
    words = {"variant": "Pine16", "record_bounds": "record"}
    assert any(words.get(name, name) in str(refused.value) for name in change)


@pytest.mark.parametrize(
    "change",
    [
        {"honest": 1000, "members": 3},
        {"dimension": 2**128},
        {"noise_variance": 2**128, "scale_bits": 127},
        {"record_bounds": (2**128,) * 5},
        {"clip": 2**64, "noise_variance": 2**60, "honest": 1000},
        {"rounds": 2**115, "epsilon": 1000.0, "delta": 2.0**-128},
        {"num_wr_checks": 10_000, "num_wr_successes": 1},
        {"epsilon": 1e-300},
    ],
)
def test_extreme_designs_are_answered(change):
    result = plan(replace(HOSPITALS, **change))
    assert not result.fits
    for proposal in result.proposals:
        assert plan(proposal.design).fits
