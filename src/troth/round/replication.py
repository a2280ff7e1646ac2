"""What the words of several members come to: noise by owner, what most say, where holders differ.

Pure functions of bitmaps, and of what was said by index of a member. Bitmaps run over *places*:
sites in terms order, then ``candidates`` noise candidates of each member. In modes B3 and B4 share
s is held by all members but s. Source: round protocol, section 4.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TypeVar

Word = TypeVar("Word", bound=Hashable)


def noise_of(owner: int, *, sites: int, candidates: int) -> int:
    """Bitmap of one member's noise candidates."""
    return (1 << candidates) - 1 << sites + owner * candidates


def owners(places: int, *, sites: int, candidates: int) -> set[int]:
    """The members that own any noise in a bitmap."""
    noise = range(sites, places.bit_length())
    return {(place - sites) // candidates for place in noise if places >> place & 1}


def grouped(places: int, *, sites: int, candidates: int) -> int:
    """A bitmap without the noise of every owner whose candidates are not all in it."""
    for owner in owners(places, sites=sites, candidates=candidates):
        noise = noise_of(owner, sites=sites, candidates=candidates)
        if noise & ~places:
            places &= ~noise
    return places


def opened_by_all(words: Collection[int]) -> int:
    """The places in every word. There is at least one word."""
    return reduce(and_, words)


def opened_by_most(words: Collection[int]) -> int:
    """The places that all words have but at most one. There are at least two words."""
    said = Counter(
        place for word in words for place in range(word.bit_length()) if word >> place & 1
    )
    return sum(1 << place for place, count in said.items() if count >= len(words) - 1)


def agreed(said: Mapping[int, Word], least: int) -> Word | None:
    """What so many members say alike; None without it.

    Args:
        said: by index of the member.
        least: more than half of them.
    """
    most = Counter(said.values()).most_common(1)
    return most[0][0] if most and most[0][1] >= least else None


def dissenters(said: Mapping[int, Word], word: Word) -> set[int]:
    """The members that say something else."""
    return {member for member, other in said.items() if other != word}


def outvoted_holders(sums: Mapping[int, Sequence[bytes]], members: int) -> set[int]:
    """The holders whose digest of a share's sum is not the one that two others agree on.

    Args:
        sums: each live member's digests, by share ascending, without the share it does not hold.
        members: number of committee members, and of shares.
    """
    found: set[int] = set()
    for held in _by_share(sums, members):
        word = agreed(held, 2)
        found |= set() if word is None else dissenters(held, word)
    return found


def differing_pair(sums: Mapping[int, Sequence[bytes]], members: int) -> tuple[int, int] | None:
    """Of the lowest share on which holders differ the lowest holder, and the lowest against it."""
    for held in _by_share(sums, members):
        first = min(held)
        if others := dissenters(held, held[first]):
            return first, min(others)
    return None


def _by_share(sums: Mapping[int, Sequence[bytes]], members: int) -> Iterator[dict[int, bytes]]:
    """The digests of each share by holder, in ascending order of both."""
    for share in range(members):
        holders = [member for member in sorted(sums) if member != share]
        yield {member: sums[member][share - (share > member)] for member in holders}
