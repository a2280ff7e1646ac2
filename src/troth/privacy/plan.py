"""Do a study's parameters fit each other, and if not, which would?

The one place where field, norms, noise, rounds and budget meet. Members run it before they vote,
and whoever drafts terms runs it first. PINE's own inequalities are the parameter check of
`troth.privacy.secagg`, every price is that of `troth.privacy.dp`. Two inequalities are ours: a field
so large that the norm proof is exact (`EXACT_FIELD`), and so many proofs and checks that a false
one passes hardly ever (`LEAST_SOUNDNESS`).

In integer units: one record moves its site by at most Δ; a site's update is bounded by its most
records times Δ; a noise vector by `noise_bound`; and the weighted sum of all must not wrap.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from troth.errors import ParameterError
from troth.privacy.dp.accounting import (
    MOST_TIGHT_EPSILON,
    delta_total,
    epsilon_guaranteed,
    epsilon_tight,
    nano_rho_budget,
)
from troth.privacy.dp.clipping import clip_for
from troth.privacy.dp.discrete_gaussian import noise_bound
from troth.privacy.dp.event import LEAST_NOISE_VARIANCE, Composed, DiscreteGaussianSumEvent
from troth.privacy.dp.price import NANO, nano_rho, sum_slack
from troth.privacy.dp.validate import require_integer, require_probability
from troth.privacy.secagg.parameters import VARIANTS, Parameters, checked_parameters
from troth.privacy.secagg.soundness import (
    EXACT_FIELD,
    Soundness,
    bits,
    norm_equality_error,
    norm_is_exact,
    soundness,
    validity_error,
    wraparound_error,
)

LEAST_CLIP_USE = 0.9
"""C's/Δ below which a study wastes budget: ρ grows with the inverse square."""

MOST_ROUNDING_SHARE = Fraction(1, 100)
"""Rounding variance over noise variance that is still called small: noise grows by half of it."""

LEAST_SOUNDNESS = 80
"""Bits that each part of the norm proof needs. A reporter may try sharings offline until its report
window closes, and W tries lower the figures by log2 W (``docs/security.md``, C8): 2^40 tries, more
than a window has room for, leave it one chance in 2^40."""

EXACT_AGGREGATE = 2**53
"""The model step converts each coordinate of the sum to a float64 without rounding."""

MOST_SHIFT = 24
"""How many powers of two a proposal may move the integer scale by."""

MOST_PROOFS = 255
"""Proofs of one circuit: their number is one byte of PINE's binders."""

MOST_INTEGER_BITS = 128
"""No study needs an integer above 2^128: the largest field has that size."""

MOST_HONEST = 1000
"""Far above any committee, and so few that adding up over all of them is quick."""

MOST_CHECKS = 10_000
"""A hundred times the usual number of wraparound checks; a limit for time, not for security."""

MOST_EPSILON = 1000
"""An ε above this, and far below, promises nothing."""

MOST_RHO_BITS = 120
"""Above 2^120 of ρ no ε is computed: it would not fit the decimal digits."""

LEAST_DELTA = 2.0**-128
"""Smaller δ promise nothing more: the noise's own tail is above it."""


@dataclass(frozen=True, slots=True)
class StudyDesign:
    """The parameters of a study that must fit each other (mode A).

    Raises:
        ParameterError: A value that no study could have; whether they *fit* is `plan`'s business.
    """

    variant: str
    """PINE variant, for example ``Pine64HmacSha256Aes128``."""
    members: int
    """m: committee members, each with one share of every report and one noise vector."""
    dimension: int
    """d: coordinates of an update."""
    record_bounds: tuple[int, ...]
    """Most records of each site's dataset version."""
    weights: tuple[int, ...]
    """w_i: public weight of each site in the sum."""
    clip: int
    """Δ: integer L2 bound of one record."""
    scale_bits: int
    """f: integers are model units times 2^f."""
    noise_variance: int
    """σ_h² of each noise vector, per coordinate."""
    honest: int
    """h: noise vectors that the guarantee counts on."""
    rounds: int
    """T."""
    delta: float
    """δ at which ε is stated."""
    epsilon: float
    """Largest ε, by the guaranteed figure, that each dataset lineage grants."""
    proofs: int | None = None
    """Proofs of PINE's main circuit; None for the variant's default."""
    proofs_norm_equality: int | None = None
    """Proofs of PINE's norm-equality circuit; None for the variant's default."""
    num_wr_checks: int = 100
    """PINE's wraparound checks."""
    num_wr_successes: int = 100
    """Wraparound checks that must succeed."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            known = ", ".join(VARIANTS)
            raise ParameterError(f"unknown PINE variant {self.variant!r}; known: {known}")
        for name in ("dimension", "clip", "noise_variance", "rounds"):
            _require_ordinary(name, getattr(self, name))
        require_integer("honest", self.honest, least=1, most=MOST_HONEST)
        require_integer("members", self.members, least=2, most=5)
        require_integer("scale_bits", self.scale_bits, least=0, most=127)
        for name in ("num_wr_checks", "num_wr_successes"):
            require_integer(name, getattr(self, name), least=1, most=MOST_CHECKS)
        require_probability("delta", self.delta)
        if self.delta < LEAST_DELTA:
            raise ParameterError(f"delta is too small: {self.delta!r} is below 2^-128")
        if not 0 < self.epsilon < float("inf"):
            raise ParameterError(f"epsilon must be positive and finite, not {self.epsilon!r}")
        if self.epsilon > MOST_EPSILON:
            raise ParameterError(
                f"epsilon is too large: above {MOST_EPSILON} it promises nothing at all"
            )
        if not self.record_bounds or len(self.record_bounds) != len(self.weights):
            raise ParameterError(
                f"{len(self.record_bounds)} record bounds and {len(self.weights)} weights: "
                "each site needs one of both"
            )
        for value in self.record_bounds:
            _require_ordinary("record_bounds", value)
        for value in self.weights:
            _require_ordinary("weights", value)
        squares = self.rounds * (max(self.weights) * self.clip) ** 2
        if squares >> MOST_RHO_BITS >= 2 * self.honest * self.noise_variance:
            raise ParameterError(
                "clip, weights and rounds are too large for noise_variance: together they cost "
                f"2^{MOST_RHO_BITS} of ρ or more"
            )

    @property
    def site_norm_bound(self) -> int:
        """B_site: what PINE proves of a site's update, the same for all sites."""
        return max(self.record_bounds) * self.clip

    @property
    def noise_norm_bound(self) -> int:
        """B_noise: what PINE proves of a noise vector; honest noise fits but for 2^-64."""
        return noise_bound(self.noise_variance, self.dimension)

    @property
    def sum_bound(self) -> int:
        """Most that a coordinate of the weighted sum with all noise can be."""
        return sum(self.weights) * self.site_norm_bound + self.members * self.noise_norm_bound


def _require_ordinary(name: str, value: int) -> None:
    """Refuse what is no integer in 1 … 2^128, without writing out a number of any length."""
    if type(value) is int and value > 1 << MOST_INTEGER_BITS:
        raise ParameterError(f"{name} is too large: the most is 2^{MOST_INTEGER_BITS}")
    require_integer(name, value, least=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One inequality, decided."""

    name: str
    ok: bool
    explanation: str
    """One sentence, with the figures on both sides."""
    required: bool = True
    """False for advice: such a study runs, and wastes something."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A design that passes every required check, near the one asked about."""

    changes: str
    """What differs, in one sentence."""
    design: StudyDesign


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from a design. Figures that do not exist for it are None."""

    design: StudyDesign
    checks: tuple[Check, ...]
    """All of them, passed and failed."""
    record_clip: float | None
    """C', for the terms."""
    site_norm_bound: int
    """B_site, for the terms."""
    noise_norm_bound: int
    """B_noise, for the terms."""
    nano_rho_per_round: tuple[int, ...] | None
    """What the ledger charges each site's lineage for a round."""
    nano_rho_budget: int
    """Largest charge that the design's (ε, δ) allows a lineage in all."""
    epsilon_guaranteed: float | None
    """ε of all rounds, of the lineage that pays most: the promise."""
    epsilon_tight: float | None
    """The same by privacy loss distributions: an estimate, never shown alone; None above 100."""
    delta_total: float | None
    """δ with the noise's tail included."""
    proposals: tuple[Proposal, ...]
    """Empty when every check passed, advice included, or when nothing near the design fits."""

    @property
    def fits(self) -> bool:
        """Whether every required check passed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """Required checks that did not pass."""
        return tuple(check for check in self.checks if check.required and not check.ok)


def plan(design: StudyDesign) -> Plan:
    """Check a design, explain every inequality, and propose others when it does not fit.

    Takes a few seconds the first time: the tight figure needs a large library.
    """
    checks = tuple(_checks(design))
    guaranteed = tight = total = prices = None
    if design.noise_variance >= LEAST_NOISE_VARIANCE:
        prices = _prices(design)
        guaranteed = epsilon_guaranteed(design.rounds * max(prices), design.delta)
        one = DiscreteGaussianSumEvent(
            design.clip, max(design.weights), design.honest, design.noise_variance
        )
        if guaranteed <= MOST_TIGHT_EPSILON:
            tight = epsilon_tight(Composed(one, design.rounds), design.delta)
        total = delta_total(design.delta, guaranteed, rounds=design.rounds, members=design.members)
    return Plan(
        design=design,
        checks=checks,
        record_clip=_record_clip(design)[0],
        site_norm_bound=design.site_norm_bound,
        noise_norm_bound=design.noise_norm_bound,
        nano_rho_per_round=prices,
        nano_rho_budget=nano_rho_budget(design.epsilon, design.delta),
        epsilon_guaranteed=guaranteed,
        epsilon_tight=tight,
        delta_total=total,
        proposals=() if all(c.ok for c in checks) else tuple(_proposals(design)),
    )


def _checks(design: StudyDesign) -> Iterator[Check]:
    yield _pine("pine_site", "a site's update", design, design.site_norm_bound)
    yield _pine("pine_noise", "a noise vector", design, design.noise_norm_bound)
    yield _soundness(design)
    modulus = VARIANTS[design.variant].field.modulus
    yield Check(
        "no_wrap",
        2 * design.sum_bound < modulus,
        f"a coordinate of the weighted sum with {design.members} noise vectors is at most "
        f"{design.sum_bound}, and half the modulus is {modulus // 2}",
    )
    yield Check(
        "exact_step",
        design.sum_bound <= EXACT_AGGREGATE,
        f"a coordinate of the sum is at most {design.sum_bound}, and the model step is exact up "
        f"to 2^53",
    )
    clip, problem = _record_clip(design)
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
    yield from _noise_checks(design)
    yield _budget(design)


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


def _both_parameters(design: StudyDesign) -> tuple[Parameters, Parameters]:
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
        both = _both_parameters(design)
    except ParameterError:
        return Check(
            "soundness", ok=False, explanation="a norm that PINE cannot prove has no soundness"
        )
    found = min((soundness(parameters) for parameters in both), key=lambda each: each.least)
    parts = (
        (
            found.norm_equality,
            f"norm equality, proofs_norm_equality {both[0].proofs_norm_equality}",
        ),
        (found.validity, f"validity, proofs {both[0].proofs}"),
        (
            found.wraparound,
            f"wraparound, {design.num_wr_successes} of {design.num_wr_checks} checks",
        ),
    )
    figures = ", ".join(
        f"2^-{figure} ({part})" if figure else f"1 ({part})" for figure, part in parts
    )
    remedies = "".join(f"; {remedy}" for remedy in _remedies(design, found, both))
    return Check(
        "soundness",
        found.least >= LEAST_SOUNDNESS,
        f"a false norm proof passes with probability {figures}, and 2^-{LEAST_SOUNDNESS} is the "
        f"most for each{remedies}",
    )


def _remedies(
    design: StudyDesign, found: Soundness, both: tuple[Parameters, Parameters]
) -> Iterator[str]:
    """What to change about each part that is too weak."""
    chooses = both[0].variant.chooses_proofs
    for figure, name in (
        (found.norm_equality, "proofs_norm_equality"),
        (found.validity, "proofs"),
    ):
        if figure < LEAST_SOUNDNESS and not chooses:
            yield f"{design.variant} fixes {name}, so take a variant that does not"
        elif figure < LEAST_SOUNDNESS:
            default = f", of which {design.variant} has {getattr(both[0], name)} by default"
            yield f"raise {name}{default if getattr(design, name) is None else ''}"
    if not all(norm_is_exact(parameters) for parameters in both):
        yield "no number of checks helps where the norm is not proven exactly"
    elif found.wraparound < LEAST_SOUNDNESS:
        yield "raise num_wr_successes, and num_wr_checks with it"


def _record_clip(design: StudyDesign) -> tuple[float | None, str]:
    """C', or None and why there is none."""
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
    yield Check(
        "honest",
        design.honest < design.members,
        f"the guarantee counts on {design.honest} of {design.members} noise vectors, and a "
        f"member knows its own, so at most {design.members - 1} can be counted on",
    )
    slack = sum_slack(design.honest, design.noise_variance, design.dimension)
    yield Check(
        "sum_slack",
        slack <= 1,
        f"a sum of {design.honest} discrete Gaussians costs at most {slack:.2g} nano-ρ above a "
        f"single one, and the price includes 1",
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


def _dearest(design: StudyDesign) -> int:
    """What a round costs the lineage of the largest weight."""
    return nano_rho(design.clip, max(design.weights), design.honest, design.noise_variance)


def _prices(design: StudyDesign) -> tuple[int, ...]:
    return tuple(
        nano_rho(design.clip, weight, design.honest, design.noise_variance)
        for weight in design.weights
    )


def _budget(design: StudyDesign) -> Check:
    budget = nano_rho_budget(design.epsilon, design.delta)
    if design.noise_variance < LEAST_NOISE_VARIANCE:
        return Check("budget", ok=False, explanation="noise with σ_h below 2 has no price")
    spent = design.rounds * _dearest(design)
    return Check(
        "budget",
        spent <= budget,
        f"{design.rounds} rounds cost the dearest lineage {spent} nano-ρ, that is ε = "
        f"{epsilon_guaranteed(spent, design.delta):.4f} at δ = {design.delta:g}; ε = "
        f"{design.epsilon:g} allows {budget}",
    )


def _proposals(design: StudyDesign) -> Iterator[Proposal]:
    """Repair the privacy first (two ways), then the field; only what fits, and each once.

    Where something is only wasted, one that wastes nothing.
    """
    seen = {design}
    for repaired in (_with_enough_noise(design), _with_fewer_rounds(design)):
        for candidate in _near(repaired):
            if candidate not in seen:
                seen.add(candidate)
                yield Proposal(_difference(design, candidate), candidate)


def _near(design: StudyDesign) -> Iterator[StudyDesign]:
    """The design itself if it passes; else its neighbours in other fields and other integers."""
    design = _with_enough_soundness(design)
    if _fits(design):
        found = [design]
    else:
        same_integers = _first(_fits, (_in_field(design, v) for v in _cheapest_first()))
        same_field = _first(_fits, _rescaled(design))
        found = [c for c in (same_integers, same_field) if c is not None]
        if not found:
            either = _first(_fits, _anywhere(design))
            found = [c for c in (either,) if c is not None]
    yield from found
    if not any(_wastes_nothing(candidate) for candidate in found):
        thrifty = _first(_wastes_nothing, _anywhere(design))
        if thrifty is not None:
            yield thrifty


def _first(
    accept: Callable[[StudyDesign], bool], candidates: Iterable[StudyDesign]
) -> StudyDesign | None:
    """The first that is accepted once it has proofs and checks enough."""
    sound = map(_with_enough_soundness, candidates)
    return next((candidate for candidate in sound if accept(candidate)), None)


def _fits(design: StudyDesign) -> bool:
    return all(check.ok for check in _checks(design) if check.required)


def _wastes_nothing(design: StudyDesign) -> bool:
    return all(check.ok for check in _checks(design))


def _anywhere(design: StudyDesign) -> Iterator[StudyDesign]:
    """Every field, cheapest first, and in each every integer scale, nearest first."""
    for variant in _cheapest_first():
        moved = _in_field(design, variant)
        yield moved
        yield from _rescaled(moved)


def _cheapest_first() -> list[str]:
    """One variant for each field, by bytes per coordinate; the faster XOF where there are two."""
    best = {v.field.name: v for v in sorted(VARIANTS.values(), key=lambda v: v.chooses_proofs)}
    return [v.name for v in sorted(best.values(), key=lambda v: v.field.encoded_size)]


def _in_field(design: StudyDesign, variant: str) -> StudyDesign:
    """The same integers under another variant, with proofs for about as many bits of soundness.

    A proof is worth as many bits as the field has, less a few; so a smaller field needs more.
    """
    before, after = VARIANTS[design.variant], VARIANTS[variant]
    if before == after:
        return design
    if not after.chooses_proofs:
        return replace(design, variant=variant, proofs=None, proofs_norm_equality=None)

    def as_many(proofs: int) -> int:
        return -(-proofs * before.field.encoded_size // after.field.encoded_size)

    return replace(
        design,
        variant=variant,
        proofs=max(after.proofs, as_many(design.proofs or before.proofs)),
        proofs_norm_equality=as_many(design.proofs_norm_equality or 1),
    )


def _with_enough_soundness(design: StudyDesign) -> StudyDesign:
    """The same with the fewest proofs and checks that suffice, and never fewer than now.

    Where no number helps, or the variant fixes it, that number stays.
    """
    checks = max(design.num_wr_checks, design.num_wr_successes, LEAST_SOUNDNESS)
    successes = bisect_left(
        range(checks),
        True,
        lo=design.num_wr_successes,
        key=lambda number: bits(wraparound_error(checks, number)) >= LEAST_SOUNDNESS,
    )
    checked = replace(design, num_wr_checks=checks, num_wr_successes=successes)
    if not VARIANTS[design.variant].chooses_proofs:
        return checked
    try:
        both = _both_parameters(checked)
    except ParameterError:
        return checked

    def enough(now: int, chosen: int | None, error: Fraction) -> int | None:
        counts = range(now, MOST_PROOFS + 1)
        least = next((k for k in counts if bits(error**k) >= LEAST_SOUNDNESS), now)
        return chosen if least == now else least

    return replace(
        checked,
        proofs=enough(both[0].proofs, design.proofs, max(map(validity_error, both))),
        proofs_norm_equality=enough(
            both[0].proofs_norm_equality,
            design.proofs_norm_equality,
            max(map(norm_equality_error, both)),
        ),
    )


def _with_enough_noise(design: StudyDesign) -> StudyDesign:
    """The same rounds, with the least noise that the budget allows (never less than now)."""
    honest = min(design.honest, design.members - 1)
    per_round = nano_rho_budget(design.epsilon, design.delta) // design.rounds - (honest > 1)
    if per_round < 1:
        return design
    sensitivity = max(design.weights) * design.clip
    least = -(-NANO * sensitivity**2 // (2 * honest * per_round))
    return replace(
        design,
        honest=honest,
        noise_variance=max(design.noise_variance, least, LEAST_NOISE_VARIANCE),
    )


def _with_fewer_rounds(design: StudyDesign) -> StudyDesign:
    """The same noise, for as many rounds as the budget allows (never more than now)."""
    repaired = replace(
        design,
        honest=min(design.honest, design.members - 1),
        noise_variance=max(design.noise_variance, LEAST_NOISE_VARIANCE),
    )
    affordable = nano_rho_budget(design.epsilon, design.delta) // _dearest(repaired)
    return replace(repaired, rounds=max(1, min(design.rounds, affordable)))


def _rescaled(design: StudyDesign) -> Iterator[StudyDesign]:
    """The same study in coarser or finer integers, nearest first.

    Halving Δ, σ and 2^f together keeps the clip in model units, the noise and the price.
    """
    for shift in range(1, MOST_SHIFT + 1):
        for direction in (-shift, shift):
            candidate = _shifted(design, direction)
            if candidate is not None:
                yield candidate


def _shifted(design: StudyDesign, shift: int) -> StudyDesign | None:
    """Δ·2^shift, σ_h²·4^shift, f + shift, where these are whole numbers; noise is rounded up."""
    scale_bits = design.scale_bits + shift
    if shift < 0 and (design.clip % 2**-shift or scale_bits < 0):
        return None
    if scale_bits > 127:
        return None
    factor = Fraction(2) ** shift
    return replace(
        design,
        scale_bits=scale_bits,
        clip=int(design.clip * factor),
        noise_variance=-int(-design.noise_variance * factor**2 // 1),
    )


def _difference(before: StudyDesign, after: StudyDesign) -> str:
    """What changes, as ``name old → new`` pairs."""
    names = (
        "variant",
        "proofs",
        "proofs_norm_equality",
        "num_wr_checks",
        "num_wr_successes",
        "clip",
        "scale_bits",
        "noise_variance",
        "honest",
        "rounds",
    )
    return ", ".join(
        f"{name} {getattr(before, name)} → {getattr(after, name)}"
        for name in names
        if getattr(before, name) != getattr(after, name)
    )
