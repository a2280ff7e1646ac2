"""The lines of a verdict: what is proved, what somebody merely attests, what nobody checked."""

from collections.abc import Collection, Sequence
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
    *,
    transactions: int,
    studies: int,
    rounds: int,
    reports: int,
    opened: int,
    evaluations: int,
    modes: Collection[str],
) -> list[Claim]:
    """What a finished audit has recomputed.

    Args:
        transactions: on the chain.
        studies: that were active.
        rounds: that are final.
        reports: of sites in them.
        opened: noise candidates that were made again from their seeds.
        evaluations: active studies that evaluate a model.
        modes: of the active studies.
    """
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
        *(_SUMMED[tagged] for tagged in (True, False) if _any(modes, tagged=tagged)),
        proved(
            f"{opened} opened noise candidates: distribution, bound, report, verifier shares "
            f"{'and tags ' if _any(modes, tagged=True) else ''}follow from the seeds"
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


_SUMMED = {
    True: proved(
        "mode A: every sum is the one its member was bound to before the challenge was known, and "
        "the tags of the accepted reports add up to the tag of each sum"
    ),
    False: proved(
        "modes B3 and B4: two members or more were bound to the same sum of each share, and it is "
        "the one that the model follows from"
    ),
}
"""What stands behind a sum, by whether it is tagged."""


_TRUSTED = {
    True: (
        not_covered(
            "that the tag of a site's report is right beyond what the site says of it: a silent "
            "or colluding one lets a member alter the sum"
        ),
        not_covered(
            "that verifier shares of sites' reports and of unopened noise were computed from what "
            "had been sealed"
        ),
    ),
    False: (
        not_covered(
            "that no two members together altered a sum or a verifier share, or read an update "
            "(modes B3 and B4 bear one that lies)"
        ),
    ),
}
"""What sums and verifier shares rest on, by whether sums are tagged."""


def _any(modes: Collection[str], *, tagged: bool) -> bool:
    """Whether sums are tagged in one of these modes, or are compared in one of them."""
    return any((mode == "A") == tagged for mode in modes)


def claims_not_covered(
    *, idle: int, evaluations: int, candidates: Sequence[int], modes: Collection[str]
) -> list[Claim]:
    """What no bundle of this version can show.

    Args:
        idle: proposals that never became active.
        evaluations: active studies that evaluate a model.
        candidates: noise candidates of a member in the active studies, each number once.
        modes: of the active studies.
    """
    chances = " or ".join(f"1 in {count}" for count in candidates)
    found = [
        *(
            claim
            for tagged, claims in _TRUSTED.items()
            if _any(modes, tagged=tagged)
            for claim in claims
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
        hidden = "altered sum, noise or tag" if _any(modes, tagged=True) else "false noise"
        found.insert(
            0,
            not_covered(
                f"that a member hid no {hidden} behind its one unopened noise candidate: it goes "
                f"unseen with probability {chances} in each round"
            ),
        )
    if evaluations:
        found.append(
            not_covered("that a site counted right, on records that are in no trained version")
        )
    if idle:
        found.append(not_covered(f"{idle} proposals that never became active: only their ids"))
    return found
