"""What the rounds of one study came to, as lines of a verdict and as marks on single rounds."""

from collections.abc import Iterator
from dataclasses import dataclass

from troth.audit.accusations import FALSE, SHOWN
from troth.audit.claims import (
    Claim,
    attested,
    attested_models,
    attested_tags,
    not_covered,
    proved,
    unconfirmed_sums,
)
from troth.audit.round_check import StudyFindings


@dataclass(frozen=True)
class Flag:
    """A final round whose sum is in doubt. Nothing is ever summed again."""

    round: int
    by: str
    """Who says or shows so."""
    why: str


def flags(found: StudyFindings) -> Iterator[Flag]:
    """The final rounds that are in doubt."""
    final = {said.round for said in found.confirmations}
    for said in found.confirmations:
        for site in said.wrong:
            yield Flag(said.round, site, "a tag is not that of this site's report")
        for voter in said.dissenting:
            yield Flag(said.round, voter, "attests another model")
    for accusation in found.accusations:
        if accusation.round in final and accusation.outcome == SHOWN:
            why = f"{accusation.fault} by {accusation.against}: {accusation.why}"
            yield Flag(accusation.round, accusation.by, why)


def _tags(found: StudyFindings) -> Iterator[Claim]:
    """What sites say of the tags of their own reports."""
    name, said = found.study.terms.name, found.confirmations
    tags = [(s.round, len(s.right), s.voters - len(found.study.committee)) for s in said]
    yield attested_tags(name, tags)
    yield from unconfirmed_sums(name, [(s.round, (*s.silent, *s.unchecked)) for s in said])


def study_claims(found: StudyFindings) -> Iterator[Claim]:
    """Who stands for the sums of a study, what is in doubt, and who lied."""
    name, said = found.study.terms.name, found.confirmations
    if said:
        models = [(s.round, s.agreeing, s.voters) for s in said]
        yield attested_models(name, models)
        if not found.study.replicated:
            yield from _tags(found)
    if found.recovered:
        yield proved(
            f"{found.recovered} noise candidates of {name!r} that their owners did not open are "
            "the shares that holders showed, and those that had been committed to"
        )
    for left in found.departures:
        shown = f": {left.shown}" if left.shown else ""
        yield proved(
            f"round {left.round} of {name!r} went on without {left.member} from {left.state} on "
            f"({left.reason}){shown}"
        )
    for flag in flags(found):
        yield attested(flag.by, f"round {flag.round} of {name!r} is in doubt: {flag.why}")
    final = {s.round for s in said}
    for accusation in found.accusations:
        if accusation.round in final and accusation.outcome == FALSE:
            yield proved(
                f"round {accusation.round} of {name!r}: {accusation.by} accused "
                f"{accusation.against} falsely of {accusation.fault}: {accusation.why}"
            )
    for abort in found.aborts:
        if abort.fault:
            line = f"round {abort.round} of {name!r} aborted ({abort.reason}): {abort.fault}"
            yield proved(line) if abort.liars else not_covered(line)
