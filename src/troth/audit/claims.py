"""The lines of a verdict: what is proved, what somebody merely attests, what nobody checked."""

from collections.abc import Sequence
from dataclasses import dataclass

PROVED = "proved"
ATTESTED = "attested"
NOT_COVERED = "not covered"


@dataclass(frozen=True)
class Claim:
    """One line."""

    status: str
    """`PROVED`, `ATTESTED` or `NOT_COVERED`."""
    text: str
    by: str = ""
    """Who attests it."""

    def __str__(self) -> str:
        return f"{self.status}{f' by {self.by}' if self.by else ''}: {self.text}"


def proved(text: str) -> Claim:
    """Recomputed here from the bundle alone."""
    return Claim(PROVED, text)


def attested(by: str, text: str) -> Claim:
    """True if these parties say the truth."""
    return Claim(ATTESTED, text, by)


def attested_models(study: str, rounds: Sequence[tuple[int, int, int]]) -> Claim:
    """Who attests the models of a study.

    Args:
        study: its name.
        rounds: number, agreeing voters and all voters of each final round.
    """
    return attested(_counted(rounds, "voters"), f"the model of each round of {study!r}")


def attested_tags(study: str, rounds: Sequence[tuple[int, int, int]]) -> Claim:
    """Who found the tags of its own report right.

    Args:
        study: its name.
        rounds: number, sites that say so and all accepted sites of each final round.
    """
    text = f"the tags of their own reports in each round of {study!r} are right"
    return attested(_counted(rounds, "sites"), text)


def unconfirmed_sums(study: str, rounds: Sequence[tuple[int, Sequence[str]]]) -> list[Claim]:
    """Sums that some sites did not check, or did not say so.

    Args:
        study: its name.
        rounds: number of each final round, with the sites that are silent about their tags.
    """
    grouped: dict[tuple[str, ...], list[int]] = {}
    for number, sites in rounds:
        if sites:
            grouped.setdefault(tuple(sites), []).append(number)
    return [
        not_covered(
            f"{_numbered(numbers)} of {study!r}: sum not confirmed by silent sites "
            + ", ".join(sites)
        )
        for sites, numbers in grouped.items()
    ]


def _counted(rounds: Sequence[tuple[int, int, int]], whom: str) -> str:
    """For example ``7 of 7 voters in 2 rounds, 6 of 6 in round 5``."""
    grouped: dict[tuple[int, int], list[int]] = {}
    for number, agreeing, all_ in rounds:
        grouped.setdefault((agreeing, all_), []).append(number)
    return ", ".join(
        f"{agreeing} of {all_}{'' if at else f' {whom}'} in "
        + (f"{len(numbers)} rounds" if len(numbers) > 1 else f"round {numbers[0]}")
        for at, ((agreeing, all_), numbers) in enumerate(grouped.items())
    )


def _numbered(numbers: Sequence[int]) -> str:
    plural = "s" if len(numbers) > 1 else ""
    return f"round{plural} {', '.join(map(str, numbers))}"


def not_covered(text: str) -> Claim:
    """Nothing in the bundle could show it false."""
    return Claim(NOT_COVERED, text)


def claims_proved(
    *, transactions: int, studies: int, rounds: int, reports: int, opened: int, evaluations: int
) -> list[Claim]:
    """What a finished audit has recomputed."""
    counted = f"{transactions} transactions"
    found = [
        proved("every member is the one its name and the manifest say"),
        proved("block hashes, transactions roots and receipts roots recompute, headers link"),
        proved(f"{counted} are signed for this chain; no account's nonces have a gap"),
        proved("the contracts are the shipped artefacts, each told the others' addresses"),
        proved(f"{counted} did what the contracts' rules say: status and every event"),
        proved(f"{studies} studies: id, integers, σ, prices and ε follow from the terms"),
        proved("every reservation and settlement is the price, and no budget was exceeded"),
        proved(f"{rounds} final rounds: reveals open the key heads; transcripts recompute"),
        proved(f"{reports} verdicts on reports follow from the published verifier shares"),
        proved("no sum was published before its charge was settled"),
        proved("every sum is the one its member was bound to before the challenge was known"),
        proved("the tags of the accepted reports add up to the tag of each sum"),
        proved(
            f"{opened} opened noise candidates: distribution, bound, report, verifier shares and "
            "tags follow from the seeds"
        ),
        proved("every model follows from the sums less the opened noise, byte for byte"),
    ]
    if evaluations:
        found.append(
            proved(
                f"{evaluations} evaluations: each of a model that its study had made final, on "
                "dataset versions that this study did not train on"
            )
        )
    return found


def claims_not_covered(*, idle: int, evaluations: int, candidates: Sequence[int]) -> list[Claim]:
    """What no bundle of this version can show.

    Args:
        idle: proposals that never became active.
        evaluations: active studies that evaluate a model.
        candidates: noise candidates of a member in the active studies, each number once.
    """
    chances = " or ".join(f"1 in {count}" for count in candidates)
    found = [
        not_covered(
            "that the tag of a site's report is right beyond what the site says of it: a silent "
            "or colluding one lets a member alter the sum"
        ),
        not_covered(
            "that verifier shares of sites' reports and of unopened noise were computed from what "
            "had been sealed"
        ),
        not_covered("that members drew the seeds of their noise at random"),
        not_covered("that a site clipped the records of its own patients: its software does"),
        not_covered("that a dataset's root and record bound are true: the holder's word"),
        not_covered("that nobody is in two datasets, or that one party is not several members"),
        not_covered(
            "that the shipped artefacts mean what their sources say: build them and compare"
        ),
        not_covered("state roots: results are replayed from the rules, not in the virtual machine"),
        not_covered("who produced the blocks, and that no other chain was shown to others"),
    ]
    if candidates:
        found.insert(
            0,
            not_covered(
                "that a member hid no altered sum, noise or tag behind its one unopened noise "
                f"candidate: it goes unseen with probability {chances} in each round"
            ),
        )
    if evaluations:
        found.append(
            not_covered("that a site counted right, on records that are in no trained version")
        )
    if idle:
        found.append(not_covered(f"{idle} proposals that never became active: only their ids"))
    return found
