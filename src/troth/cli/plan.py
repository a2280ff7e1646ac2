"""``troth plan``: do a study's parameters fit each other, and which would?"""

import dataclasses
import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from troth.audit.bundle import write_whole
from troth.cli import output
from troth.cli.exits import Exit
from troth.cli.inputs import read_file
from troth.cli.teller import working
from troth.domain import records
from troth.domain.terms import Terms, from_any_layout, most_honest
from troth.errors import InputError, TermsError
from troth.privacy.plan import Plan, StudyDesign, plan
from troth.privacy.proposals import MOST_PROOFS
from troth.privacy.secagg.parameters import VARIANTS
from troth.round.agreement import require_bounds, study_design

FORMAT = "troth/plan-result/v1"
MAX_TERMS = 2**22
"""Bytes of the largest terms that are read."""
_REQUIRED = (
    "variant",
    "members",
    "dimension",
    "record_bound",
    "clip",
    "scale_bits",
    "rounds",
    "delta",
    "epsilon",
)
"""Options without which there is no design; the noise is the other one."""


_COUNTS = {"proofs": (1, MOST_PROOFS), "proofs_norm_equality": (1, MOST_PROOFS)}
"""Options that count proofs, with the least and the most of each."""
_DEFAULTS = {
    field.name: field.default
    for field in dataclasses.fields(StudyDesign)
    if field.name in ("noise_candidates", "num_wr_checks", "num_wr_successes")
}
"""Noise candidates and wraparound checks of a design that does not say how many."""


def show(
    path: Path | None, options: Mapping[str, Any], canonical: Path | None = None, *, as_json: bool
) -> int:
    """Plan terms or a design, print what follows, and say by the exit code whether it fits.

    Args:
        path: a terms file, in any layout of JSON.
        options: a design instead, by the names of its options.
        canonical: where to write the terms in the form that members approve.
        as_json: print a document, not prose.

    Raises:
        InputError: what was given cannot be read, or cannot be a study.
    """
    if path is not None and options:
        raise InputError(
            f"{path} and {_listed(options)}: both describe a study; give terms or options, not both"
        )
    if path is None and canonical is not None:
        raise InputError(f"--canonical {canonical}: there are no terms to write; give a terms file")
    design = _design(options) if path is None else read_terms(path, canonical)
    with working("computing what the study costs and guarantees"):
        try:
            found = plan(design)
        except ArithmeticError as problem:
            raise InputError(
                f"these numbers are too large or too small to compute with ({problem}); choose "
                "ordinary ones"
            ) from problem
    found = _without_none(found)
    if as_json:
        output.document({"format": FORMAT, "fits": found.fits, **records.to_json(found)})
    else:
        _print(found, output.Page())
    return Exit.FINE if found.fits else Exit.NO_FIT


def read_terms(path: Path, canonical: Path | None = None) -> StudyDesign:
    """The design of a terms file, read strictly, and said so where its bytes are not canonical.

    Args:
        path: the terms, in any layout of JSON.
        canonical: where to write their canonical form, if anywhere.

    Raises:
        InputError: the file cannot be read, or its content cannot be terms: what and where.
    """
    data = read_file(path, "terms file", MAX_TERMS)
    try:
        terms = from_any_layout(data)
        design = study_design(terms)
        require_bounds(terms, design)
    except TermsError as problem:
        raise InputError(f"{path}: {problem.where}: {problem.problem}; correct it") from problem
    if canonical is not None:
        write_whole(canonical, terms.encode())
    elif terms.encode() != data:
        output.complain(_note(path, terms), prefix=f"{output.NAME}: note: ")
    return design


def _note(path: Path, terms: Terms) -> str:
    return (
        f"{path}: not in canonical form (RFC 8785); what members approve is the canonical form, "
        f"with the digest 0x{terms.digest().hex()}; --canonical OUT writes it"
    )


def _design(options: Mapping[str, Any]) -> StudyDesign:
    missing = [name for name in _REQUIRED if name not in options]
    if "noise_variance" not in options and "sigma" not in options:
        missing.append("noise_variance")
    if missing:
        raise InputError(f"no terms, and no {_listed(missing)}; see `{output.NAME} plan --help`")
    if "noise_variance" in options and "sigma" in options:
        raise InputError("--noise-variance and --sigma say the same thing; give one of them")
    chosen = {name: options[name] for name in _REQUIRED if name != "record_bound"}
    bounds = tuple(options["record_bound"])
    members = options["members"]
    mode = options.get("mode", "A")
    honest = options.get("honest", max(most_honest(mode, members), 1))
    if honest > max(members, 1):
        raise InputError(f"--honest {honest}: there are only {members} members; lower it")
    for name, (least, most) in _COUNTS.items():
        if name in options and not least <= options[name] <= most:
            raise InputError(
                f"--{_dashed(name)} {options[name]}: is a number from {least} to {most}; choose one"
            )
    variant = VARIANTS[options["variant"]]
    # Said, not left open, so that whatever is printed or proposed names a number.
    proofs, norm_proofs = (variant.proofs, 1) if variant.chooses_proofs else (None, None)
    return StudyDesign(
        **chosen,
        mode=mode,
        record_bounds=bounds,
        weights=tuple(options.get("weight", (1,) * len(bounds))),
        noise_variance=_variance(options),
        honest=honest,
        counted=options.get("counted", False),
        proofs=options.get("proofs", proofs),
        proofs_norm_equality=options.get("proofs_norm_equality", norm_proofs),
        **{name: options.get(name, default) for name, default in _DEFAULTS.items()},
    )


def _without_none(found: Plan) -> Plan:
    """The same, its proposals in words: a variant that fixes its proofs has no number to show."""
    proposals = tuple(
        dataclasses.replace(item, changes=item.changes.replace("None", "fixed by the variant"))
        for item in found.proposals
    )
    return dataclasses.replace(found, proposals=proposals)


def _variance(options: Mapping[str, Any]) -> int:
    """σ_h² as an integer, never less than asked for."""
    if "noise_variance" in options:
        return int(options["noise_variance"])
    sigma = options["sigma"]
    if not 0 < sigma < math.inf:
        raise InputError(f"--sigma {sigma}: σ is a positive number; give one")
    return math.ceil(Fraction(Decimal(repr(sigma))) ** 2)


def _listed(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join("--" + _dashed(name) for name in names)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _print(found: Plan, page: output.Page) -> None:
    for check in found.checks:
        if check.ok:
            page.tagged("ok", check.explanation, "green")
        elif check.required:
            page.tagged("DOES NOT FIT", check.explanation, "bold red")
        else:
            page.tagged("advice", check.explanation, "yellow")
    page.heading("What follows")
    for tag, text in _figures(found):
        page.tagged(tag, text, "cyan")
    page.line()
    if found.fits:
        page.line("It fits.", "bold green")
    else:
        names = ", ".join(check.name for check in found.failed)
        page.line(f"It does not fit: {names}.", "bold red")
    for proposal in found.proposals:
        page.heading(f"{'Would save' if found.fits else 'Would fit'}: {proposal.changes}")
        page.line(f"  {output.program()} plan {arguments(proposal.design)}")
    if not found.fits and not found.proposals:
        page.line("Nothing near it fits: begin with fewer coordinates, records or rounds.")


def _figures(found: Plan) -> list[tuple[str, str]]:
    design = found.design
    holders = "" if design.mode == "A" else f" for its {design.members - 1} holders"
    figures = [
        ("B_site", f"{found.site_norm_bound}: the norm proven of a site's update"),
        ("B_noise", f"{found.noise_norm_bound}: the norm proven of a noise vector"),
        ("upload", f"{design.members} sealed shares of each report, each uploaded once{holders}"),
        ("against", found.against),
    ]
    if found.record_clip is not None:
        figures.append(("C'", f"{found.record_clip:.6g}: each record's gradient is clipped to it"))
    if found.nano_rho_per_round is not None:
        price = max(found.nano_rho_per_round)
        figures.append(
            ("price", f"{price} nano-ρ a round; the budget of ε is {found.nano_rho_budget}")
        )
    if found.epsilon_guaranteed is not None:
        tight = "above 100" if found.epsilon_tight is None else f"{found.epsilon_tight:.4f}"
        figures.append(
            (
                "ε",
                (
                    f"{found.epsilon_guaranteed:.4f} guaranteed at δ = {design.delta:g} for "
                    f"{design.rounds} rounds (tight estimate {tight})"
                ),
            )
        )
    return figures


def arguments(design: StudyDesign) -> str:
    """The options that describe a design, to be copied."""
    named = {
        "variant": design.variant,
        "members": design.members,
        "dimension": design.dimension,
        "clip": design.clip,
        "scale-bits": design.scale_bits,
        "noise-variance": design.noise_variance,
        "honest": design.honest,
        "rounds": design.rounds,
        "delta": design.delta,
        "epsilon": design.epsilon,
        "proofs": design.proofs,
        "proofs-norm-equality": design.proofs_norm_equality,
    }
    if design.mode != "A":
        named["mode"] = design.mode
    checks = {name: getattr(design, name) for name in _DEFAULTS}
    if checks != _DEFAULTS:
        named |= {_dashed(name): value for name, value in checks.items()}
    listed = [f"--{name} {value}" for name, value in named.items() if value is not None]
    listed += ["--counted"] if design.counted else []
    listed += [f"--record-bound {bound}" for bound in design.record_bounds]
    if set(design.weights) != {1}:
        listed += [f"--weight {weight}" for weight in design.weights]
    return " ".join(listed)
