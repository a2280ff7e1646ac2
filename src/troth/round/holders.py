"""What the holders of one share say of it, and what that comes to.

In mode A every share has one holder, and its word stands. In B3 and B4 a share has two or three,
who compute the same from the same bytes: a word stands when two of them say it, and whoever says
another one is contradicted. With one liar at most, two equal words of one share hold one honest.
Source: round protocol, section 4, "Verdict" and "Live set R".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from troth.round.messages import VerifierFile
from troth.round.study import Study

Said = tuple[str, bytes]
"""Reason and verifier share of a `VerifierEntry`; one of them is empty."""


@dataclass(frozen=True)
class Agreed:
    """What stands of the verifier shares of one report."""

    words: tuple[Said | None, ...]
    """By share; None where no word stands."""
    outvoted: frozenset[int]
    """Members that say something else of a share than what stands."""
    tied: tuple[frozenset[int], ...]
    """The holders of each share of which no word stands: one of them lies."""


def agreed(study: Study, place: int, files: Iterable[VerifierFile]) -> Agreed:
    """The words that stand on every share of a report.

    Args:
        study: the study.
        place: the report's place.
        files: of the members that count, each with an entry for every share that it holds.
    """
    said: list[dict[int, Said]] = [{} for _ in study.committee]
    for file in files:
        member = study.committee.index(file.member)
        for entry in file.entries:
            if entry.place == place:
                said[entry.share][member] = (entry.reason, entry.verifier_share)
    words = tuple(_standing(list(by_member.values())) for by_member in said)
    outvoted = {
        member
        for word, by_member in zip(words, said, strict=True)
        for member, spoken in by_member.items()
        if word is not None and spoken != word
    }
    tied = [
        frozenset(by_member) for word, by_member in zip(words, said, strict=True) if word is None
    ]
    return Agreed(words, frozenset(outvoted), tuple(tied))


def contradicted(reports: Iterable[Agreed]) -> frozenset[int]:
    """The members whose files others' files contradict.

    Who is outvoted is one of them. Where holders are tied, one liar stands in every pair that
    differs: so only those count that all pairs have in common, if there are any; and none beside
    one of them that is outvoted elsewhere.
    """
    outvoted: frozenset[int] = frozenset()
    tied: list[frozenset[int]] = []
    for found in reports:
        outvoted |= found.outvoted
        tied += found.tied
    open_ = [holders for holders in tied if not holders & outvoted]
    if not open_:
        return outvoted
    common = frozenset.intersection(*open_)
    return outvoted | (common or frozenset.union(*open_))


def _standing(spoken: Sequence[Said]) -> Said | None:
    counts = Counter(spoken)
    if len(counts) == 1:
        return spoken[0]
    return next((word for word, count in counts.items() if count > 1), None)
