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
    grouped: dict[tuple[int, int], list[int]] = {}
    for number, agreeing, voters in rounds:
        grouped.setdefault((agreeing, voters), []).append(number)
    parts = [
        f"{agreeing} of {voters}{'' if at else ' voters'} in "
        + (f"{len(numbers)} rounds" if len(numbers) > 1 else f"round {numbers[0]}")
        for at, ((agreeing, voters), numbers) in enumerate(grouped.items())
    ]
    return attested(", ".join(parts), f"the model of each round of {study!r}")


def not_covered(text: str) -> Claim:
    """Nothing in the bundle could show it false."""
    return Claim(NOT_COVERED, text)


def claims_proved(
    *, transactions: int, studies: int, rounds: int, reports: int, evaluations: int
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
        proved("no aggregate share was published before its charge was settled"),
        proved("every published aggregate share is the one its member had committed to"),
        proved("every sum and every model follows from the aggregate shares, byte for byte"),
    ]
    if evaluations:
        found.append(
            proved(
                f"{evaluations} evaluations: each of a model that its study had made final, on "
                "dataset versions that this study did not train on"
            )
        )
    return found


def claims_not_covered(*, idle: int, evaluations: int) -> list[Claim]:
    """What no bundle of this version can show."""
    found = [
        not_covered("that each aggregator summed the accepted shares: its own sum is its word"),
        not_covered("that the aggregators' noise has the distribution in the terms"),
        not_covered("that verifier shares were computed from the shares that sites had sealed"),
        not_covered("that a site clipped the records of its own patients: its software does"),
        not_covered("that a dataset's root and record bound are true: the holder's word"),
        not_covered("that nobody is in two datasets, or that one party is not several members"),
        not_covered(
            "that the shipped artefacts mean what their sources say: build them and compare"
        ),
        not_covered("state roots: results are replayed from the rules, not in the virtual machine"),
        not_covered("who produced the blocks, and that no other chain was shown to others"),
    ]
    if evaluations:
        found.append(
            not_covered("that a site counted right, on records that are in no trained version")
        )
    if idle:
        found.append(not_covered(f"{idle} proposals that never became active: only their ids"))
    return found
