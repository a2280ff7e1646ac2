"""Every inequality between a study's parameters, decided and explained.

PINE's own are the parameter check of `troth.privacy.secagg`, and every price is that of
`troth.privacy.dp`. Two are ours: a field so large that the norm proof is exact (`EXACT_FIELD`), and
so many proofs and checks that a false proof hardly ever passes (`LEAST_SOUNDNESS`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from troth.errors import ParameterError
from troth.privacy.design import StudyDesign
from troth.privacy.dp.accounting import epsilon_guaranteed, nano_rho_budget
from troth.privacy.dp.clipping import clip_for
from troth.privacy.dp.event import LEAST_NOISE_VARIANCE
from troth.privacy.dp.price import nano_rho, sum_slack
from troth.privacy.secagg.parameters import VARIANTS, Parameters, checked_parameters
from troth.privacy.secagg.soundness import EXACT_FIELD, Soundness, norm_is_exact, soundness

LEAST_CLIP_USE = 0.9
"""C's/Δ below which a study wastes budget: ρ grows with the inverse square."""

MOST_ROUNDING_SHARE = Fraction(1, 100)
"""Rounding variance over noise variance that is still called small: noise grows by half of it."""

LEAST_SOUNDNESS = 80
"""Bits that each part of the norm proof needs: a reporter may try W sharings offline, which lowers
them by log2 W (Fiat and Shamir's search, ``docs/security.md``, C8), and 2^40 tries, weeks of one
core within one report window, must still leave it no more than one chance in 2^40."""

EXACT_AGGREGATE = 2**53
"""The model step converts each coordinate of the sum to a float64 without rounding."""


@dataclass(frozen=True, slots=True)
class Check:
    """One inequality, decided."""

    name: str
    ok: bool
    explanation: str
    """One sentence, with the figures on both sides."""
    required: bool = True
    """False for advice: such a study runs, and wastes something."""


def checks(design: StudyDesign) -> Iterator[Check]:
    """All inequalities, required ones and advice."""
    yield _pine("pine_site", "a site's update", design, design.site_norm_bound)
    yield _pine("pine_noise", "a noise vector", design, design.noise_norm_bound)
    yield _soundness(design)
    modulus = VARIANTS[design.variant].field.modulus
    yield Check(
        "no_wrap",
        2 * design.sum_bound < modulus,
        f"a coordinate of the weighted sum with {design.members * design.noise_candidates} noise "
        "vectors is at most "
        f"{design.sum_bound}, and half the modulus is {modulus // 2}",
    )
    yield Check(
        "exact_step",
        design.sum_bound <= EXACT_AGGREGATE,
        f"a coordinate of the sum is at most {design.sum_bound}, and the model step is exact up "
        f"to 2^53",
    )
    if design.counted:
        text = "a record is one count: it moves one coordinate by Δ = 1, and nothing is rounded"
        yield Check("counted", ok=True, explanation=text)
    else:
        yield from _clip_checks(design)
    yield from _noise_checks(design)
    yield _budget(design)


def _clip_checks(design: StudyDesign) -> Iterator[Check]:
    """Is there a clip, does it use Δ well, and does the rounding drown in the noise?"""
    clip, problem = record_clip(design)
    yield Check("record_clip", clip is not None, problem or f"records are clipped to {clip:.6g}")
    if clip is not None:
        use = clip * 2.0**design.scale_bits / design.clip
        yield Check(
            "clip_use",
            use >= LEAST_CLIP_USE,
            f"rounding leaves {use:.3f} of Δ = {design.clip} to the gradient, so the price is "
            f"{use**-2:.2f} times what this clip needs; a larger Δ and f would save that",
            required=False,
        )
    # A rounded coordinate has variance at most 1/4.
    rounding = Fraction(
        sum(w * w * n for w, n in zip(design.weights, design.record_bounds, strict=True)), 4
    )
    share = rounding / (design.members * design.noise_variance)
    yield Check(
        "rounding",
        share <= MOST_ROUNDING_SHARE,
        f"rounding adds at most {float(share):.2%} to the variance of the noise, and "
        f"{float(MOST_ROUNDING_SHARE):.0%} is small; a larger Δ, f and σ would lower it",
        required=False,
    )


def _parameters(design: StudyDesign, bound: int) -> Parameters:
    """What PINE makes of the design and one of its bounds.

    Raises:
        ParameterError: PINE's own inequalities do not hold.
    """
    return checked_parameters(
        design.variant,
        shares=design.members,
        dimension=design.dimension,
        num_frac_bits=design.scale_bits,
        l2_norm_bound=bound,
        chunk_length=None,
        chunk_length_norm_equality=None,
        num_wr_checks=design.num_wr_checks,
        num_wr_successes=design.num_wr_successes,
        proofs=design.proofs,
        proofs_norm_equality=design.proofs_norm_equality,
        alpha=None,
    )


def both_parameters(design: StudyDesign) -> tuple[Parameters, Parameters]:
    """Of a site's update and of a noise vector; raises as `_parameters`."""
    return (
        _parameters(design, design.site_norm_bound),
        _parameters(design, design.noise_norm_bound),
    )


def _pine(name: str, what: str, design: StudyDesign, bound: int) -> Check:
    """PINE's own inequalities for one bound, and the field that makes it exact."""
    try:
        parameters = _parameters(design, bound)
    except ParameterError as error:
        return Check(
            name, ok=False, explanation=f"PINE cannot prove the norm {bound} of {what}: {error}"
        )
    field, wraparound = parameters.field, parameters.wr_check_bound
    if not norm_is_exact(parameters):
        return Check(
            name,
            ok=False,
            explanation=f"in {field.name} the norm {bound} of {what} is not proven exactly: a "
            f"longer vector whose squared norm wraps around the modulus could pass, because the "
            f"modulus is {field.modulus / wraparound**2:.3g} times the square of the wraparound "
            f"bound {wraparound} and must be at least {EXACT_FIELD} times it",
        )
    return Check(
        name,
        ok=True,
        explanation=f"PINE proves the norm {bound} of {what} in {field.name} "
        f"({field.encoded_size} bytes per coordinate, wraparound bound {wraparound})",
    )


def _soundness(design: StudyDesign) -> Check:
    """Are there so many proofs and checks, for both bounds, that a false one hardly ever passes?"""
    try:
        site, noise = both_parameters(design)
    except ParameterError:
        return Check(
            "soundness", ok=False, explanation="a norm that PINE cannot prove has no soundness"
        )
    found = soundness(site).both(soundness(noise))
    wraparound = f"2^-{found.wraparound}" if found.wraparound else "1"
    remedies = "".join(f"; {remedy}" for remedy in _remedies(design, site, found))
    return Check(
        "soundness",
        found.least >= LEAST_SOUNDNESS,
        f"a false proof passes {site.proofs_norm_equality} of norm equality with probability "
        f"2^-{found.norm_equality}, {site.proofs} of validity with 2^-{found.validity} and "
        f"{site.num_wr_successes} of {site.num_wr_checks} wraparound checks with {wraparound}, "
        f"and the most for each is 2^-{LEAST_SOUNDNESS}{remedies}",
    )


def _remedies(design: StudyDesign, filled_in: Parameters, found: Soundness) -> Iterator[str]:
    """What to change about each part that is too weak."""
    for name, figure in (
        ("proofs_norm_equality", found.norm_equality),
        ("proofs", found.validity),
    ):
        if figure >= LEAST_SOUNDNESS:
            continue
        count = f"{name} (now {getattr(filled_in, name)}"
        if not filled_in.variant.chooses_proofs:
            yield f"{design.variant} fixes {count}), so take a variant that lets it be chosen"
        elif getattr(design, name) is None:
            yield f"raise {count}, the default of {design.variant})"
        else:
            yield f"raise {count})"
    if found.wraparound < LEAST_SOUNDNESS:
        yield (
            f"raise num_wr_successes (now {design.num_wr_successes}) and with it num_wr_checks "
            f"(now {design.num_wr_checks}), in a field where the norm is exact"
        )


def record_clip(design: StudyDesign) -> tuple[float | None, str]:
    """C', or None and why there is none; a record that is counted needs none."""
    if design.counted:
        return None, "a record that is counted is not clipped"
    try:
        return clip_for(design.clip, design.scale_bits, design.dimension), ""
    except ParameterError as error:
        return None, str(error)


def _noise_checks(design: StudyDesign) -> Iterator[Check]:
    yield Check(
        "noise_floor",
        design.noise_variance >= LEAST_NOISE_VARIANCE,
        f"the noise variance is {design.noise_variance} per vector, and σ_h ≥ 2 asks for at "
        f"least {LEAST_NOISE_VARIANCE}",
    )
    staying = "" if design.mode == "A" else "only those of 3 are sure to stay, "
    yield Check(
        "honest",
        design.honest <= design.most_honest,
        f"the guarantee counts on {design.honest} of {design.members} noise vectors, {staying}and "
        f"a member knows its own, so at most {design.most_honest} can be counted on",
    )
    slack = sum_slack(design.honest, design.noise_variance, design.dimension)
    yield Check(
        "sum_slack",
        slack <= 1,
        f"a sum of {design.honest} discrete Gaussians costs at most {slack:.2g} nano-ρ above a "
        f"single one, and the price includes 1",
    )


def dearest(design: StudyDesign) -> int:
    """What a round costs the lineage of the largest weight."""
    return nano_rho(design.clip, max(design.weights), design.honest, design.noise_variance)


def _budget(design: StudyDesign) -> Check:
    budget = nano_rho_budget(design.epsilon, design.delta)
    if design.noise_variance < LEAST_NOISE_VARIANCE:
        return Check("budget", ok=False, explanation="noise with σ_h below 2 has no price")
    spent = design.rounds * dearest(design)
    return Check(
        "budget",
        spent <= budget,
        f"{design.rounds} rounds cost the dearest lineage {spent} nano-ρ, that is ε = "
        f"{epsilon_guaranteed(spent, design.delta):.4f} at δ = {design.delta:g}; ε = "
        f"{design.epsilon:g} allows {budget}",
    )
