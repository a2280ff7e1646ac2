"""Designs that would fit, near one that does not.

Privacy is repaired first, then the number of proofs, then the field or the integers.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from troth.errors import ParameterError
from troth.privacy.design import StudyDesign
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.dp.event import LEAST_NOISE_VARIANCE
from troth.privacy.dp.price import NANO
from troth.privacy.inequalities import LEAST_SOUNDNESS, both_parameters, checks, dearest
from troth.privacy.secagg.parameters import VARIANTS
from troth.privacy.secagg.soundness import (
    bits,
    norm_equality_error,
    validity_error,
    wraparound_error,
)

MOST_SHIFT = 24
"""How many powers of two a proposal may move the integer scale by."""

MOST_PROOFS = 255
"""Proofs of one circuit: their number is one byte of PINE's binders."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A design that passes every required check, near the one asked about."""

    changes: str
    """What differs, in one sentence."""
    design: StudyDesign


def proposals(design: StudyDesign) -> Iterator[Proposal]:
    """Repair the privacy first (two ways), then the field; only what fits, and each once.

    Where something is only wasted, one that wastes nothing.
    """
    seen = {design}
    for repair in (_with_enough_noise, _with_fewer_rounds):
        try:
            repaired = repair(design)
        except ParameterError:
            continue  # it would take numbers that no study could have
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
    return all(check.ok for check in checks(design) if check.required)


def _wastes_nothing(design: StudyDesign) -> bool:
    return all(check.ok for check in checks(design))


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

    proofs, norm_proofs = _proofs(design)
    return replace(
        design,
        variant=variant,
        proofs=max(after.proofs, as_many(proofs)),
        proofs_norm_equality=as_many(norm_proofs),
    )


def _proofs(design: StudyDesign) -> tuple[int, int]:
    """Proofs of the main and of the norm-equality circuit: as chosen, else the variant's own."""
    main, norm_equality = design.proofs, design.proofs_norm_equality
    return (
        VARIANTS[design.variant].proofs if main is None else main,
        1 if norm_equality is None else norm_equality,
    )


def _with_enough_soundness(design: StudyDesign) -> StudyDesign:
    """The same with the fewest proofs and checks that suffice, and never fewer than now.

    Where no number helps, or the variant fixes it, that number stays.
    """
    total = max(design.num_wr_checks, design.num_wr_successes, LEAST_SOUNDNESS)
    successes = bisect_left(
        range(total),
        LEAST_SOUNDNESS,
        lo=design.num_wr_successes,
        key=lambda number: int(bits(wraparound_error(total, number))),
    )
    checked = replace(design, num_wr_checks=total, num_wr_successes=successes)
    if not VARIANTS[design.variant].chooses_proofs:
        return checked
    try:
        both = both_parameters(checked)
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
    honest = min(design.honest, design.most_honest)
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
        honest=min(design.honest, design.most_honest),
        noise_variance=max(design.noise_variance, LEAST_NOISE_VARIANCE),
    )
    affordable = nano_rho_budget(design.epsilon, design.delta) // dearest(repaired)
    return replace(repaired, rounds=max(1, min(design.rounds, affordable)))


def _rescaled(design: StudyDesign) -> Iterator[StudyDesign]:
    """The same study in coarser or finer integers, nearest first.

    Halving Δ, σ and 2^f together keeps the clip in model units, the noise and the price. Counts
    have one scale only.
    """
    if design.counted:
        return
    for shift in range(1, MOST_SHIFT + 1):
        for direction in (-shift, shift):
            candidate = _shifted(design, direction)
            if candidate is not None:
                yield candidate


def _shifted(design: StudyDesign, shift: int) -> StudyDesign | None:
    """Δ·2^shift, σ_h²·4^shift, f + shift, where these are whole numbers; noise is rounded up."""
    if shift < 0 and design.clip % 2**-shift:
        return None
    factor = Fraction(2) ** shift
    try:
        return replace(
            design,
            scale_bits=design.scale_bits + shift,
            clip=int(design.clip * factor),
            noise_variance=-int(-design.noise_variance * factor**2 // 1),
        )
    except ParameterError:
        return None  # no study could have such numbers


def _difference(before: StudyDesign, after: StudyDesign) -> str:
    """What changes, as ``name old → new`` pairs."""
    old, new = map(_numbers, (before, after))
    return ", ".join(f"{name} {old[name]} → {new[name]}" for name in old if old[name] != new[name])


def _numbers(design: StudyDesign) -> dict[str, int | str]:
    """What a proposal may change, in the order in which it is told."""
    proofs, norm_proofs = _proofs(design)
    return {
        "variant": design.variant,
        "proofs": proofs,
        "proofs_norm_equality": norm_proofs,
        "num_wr_checks": design.num_wr_checks,
        "num_wr_successes": design.num_wr_successes,
        "clip": design.clip,
        "scale_bits": design.scale_bits,
        "noise_variance": design.noise_variance,
        "honest": design.honest,
        "rounds": design.rounds,
    }
