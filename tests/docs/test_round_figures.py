"""The figures of docs/security.md, C12, C13 and C15: what is probable there is counted here.

Picks, lies and votes are enumerated; nothing here runs a round.
"""

import math
import re
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from troth.ledger.address import Address
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128
from troth.privacy.secagg.tags import coordinates
from troth.round.ballots import threshold
from troth.round.record import RoundRecord, Shape
from troth.round.transcript import RoundId, kept_candidate

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def rows(heading):
    """The cells of the table whose first heading cells are these."""
    lines = PAGE.split(f"\n| {heading}")[1].splitlines()[2:]
    taken = lines[: next(at for at, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in taken]


# Tags


def test_the_table_of_coordinates():
    fields = {field.name: field for field in (FIELD32, FIELD40, FIELD64, FIELD128)}
    table = rows("field | κ ")
    assert [name for name, _, _ in table] == list(fields)
    for name, count, chance in table:
        field = fields[name]
        assert int(count) == coordinates(field)
        tenths = math.floor(10 * coordinates(field) * math.log2(field.modulus))
        # Floats round log2 q to a whole number where q is a hair below a power of two.
        below = field.modulus ** (10 * coordinates(field)) < 2**tenths
        assert chance == f"2^-{(tenths - below) / 10:g}"


# The pick

WHERE = RoundId(31337, Address(bytes(20)), b"\x01" * 32, 1)
CANDIDATES = [2, 4, 8]


@pytest.mark.parametrize("candidates", CANDIDATES)
@pytest.mark.parametrize("member", [0, 1])
def test_a_pick_is_unknown_while_one_key_is(candidates, member):
    """With all keys but one given, each candidate is kept as often, whoever's key is missing."""
    counted = np.zeros(candidates)
    for number in range(4096):
        keys = [b"\x02" * 32, number.to_bytes(32, "big")]
        counted[kept_candidate(WHERE, b"\x03" * 32, 3, keys, member, candidates)] += 1
    expected = 4096 / candidates
    # Five standard deviations of a binomial count; the keys are fixed, so this always comes out.
    assert np.abs(counted - expected).max() < 5 * math.sqrt(expected)
    assert 2**64 % candidates == 0  # eight bytes of a hash: no candidate is likelier than another


# What survives it


def survives(lies, kept):
    """Whether a set of lies, each resting on one (member, candidate), is in closed ones only."""
    return all(kept[member] == candidate for member, candidate in lies)


def chance(lies, members, candidates):
    """How likely lies are to survive, over all picks."""
    picks = list(product(range(candidates), repeat=members))
    return Fraction(sum(survives(lies, kept) for kept in picks), len(picks))


def strategies(members, candidates):
    """All sets of candidates that somebody could lie about, but for the empty one."""
    places = list(product(range(members), range(candidates)))
    for chosen in range(1, 1 << len(places)):
        yield [place for bit, place in enumerate(places) if chosen >> bit & 1]


def test_a_lie_survives_as_often_as_the_table_says():
    table = rows("M | one false candidate, or one bent tag of one's own ")
    assert [int(row[0]) for row in table] == CANDIDATES
    for row in table:
        candidates = int(row[0])
        first, second, most = ([(0, c) for c in range(n)] for n in (1, 2, candidates - 1))
        found = [chance(lies, 1, candidates) for lies in (first, second, most)]
        assert [str(figure) for figure in found] == row[1:4]


@pytest.mark.parametrize("candidates", CANDIDATES)
def test_every_way_to_lie_about_ones_own_noise(candidates):
    """1/M with one candidate, whichever it is, and nothing with more."""
    for lies in strategies(1, candidates):
        assert chance(lies, 1, candidates) == (Fraction(1, candidates) if len(lies) == 1 else 0)


@pytest.mark.parametrize(("members", "candidates"), [(2, 2), (2, 4), (3, 2), (3, 4)])
def test_members_that_collude_survive_no_more_often_than_one(members, candidates):
    """The best of all their sets of lies rests on one candidate of one of them."""
    best = max(strategies(members, candidates), key=lambda lies: chance(lies, members, candidates))
    assert chance(best, members, candidates) == Fraction(1, candidates)
    assert len(best) == 1


def test_false_sums_before_the_first_that_is_found():
    for candidates, *_, shown in rows("M | one false candidate, or one bent tag of one's own "):
        each = Fraction(1, int(candidates))
        # The sum of each^k over k ≥ 1: the first k rounds in a row all go unnoticed.
        expected = each / (1 - each)
        assert expected == Fraction(1, int(candidates) - 1)
        assert str(expected) == shown
        assert abs(float(expected) - sum(float(each) ** k for k in range(1, 60))) < 1e-12


# The noise that stays


LAW = {-1: Fraction(1, 5), 0: Fraction(1, 2), 1: Fraction(1, 5), 2: Fraction(1, 10)}
"""Any law will do; this one is not symmetric."""


def law_of_kept(picked):
    """The law of what stays closed of two samples, if a pick may look at them."""
    law = dict.fromkeys(LAW, Fraction(0))
    for samples in product(LAW, repeat=2):
        for kept, likely in picked(samples).items():
            law[samples[kept]] += LAW[samples[0]] * LAW[samples[1]] * likely
    return law


def variance(law):
    mean = sum(value * likely for value, likely in law.items())
    return sum((value - mean) ** 2 * likely for value, likely in law.items())


def test_a_pick_that_does_not_look_leaves_the_law_of_one_sample():
    for first in (Fraction(0), Fraction(1, 2), Fraction(1, 3), Fraction(1)):
        assert law_of_kept(lambda _, first=first: {0: first, 1: 1 - first}) == LAW
    # The control: one that looks does not. That is why T'' and the keys come before it.
    looking = law_of_kept(lambda samples: {int(samples[1] > samples[0]): Fraction(1)})
    assert looking != LAW
    assert sum(v * p for v, p in looking.items()) > sum(v * p for v, p in LAW.items())


@pytest.mark.parametrize("honest", [1, 2, 3])
def test_the_noise_of_h_members_adds_up(honest):
    total = {0: Fraction(1)}
    for _ in range(honest):
        added: dict[int, Fraction] = {}
        for (one, p), (other, r) in product(total.items(), LAW.items()):
            added[one + other] = added.get(one + other, Fraction(0)) + p * r
        total = added
    assert variance(total) == honest * variance(LAW)
    assert "h·σ_h² per coordinate" in PAGE


def expected_greatest(sigma, tries):
    """The expected greatest of so many samples of the discrete Gaussian, but for rounding."""
    support = np.arange(-12 * sigma, 12 * sigma + 1)
    mass = np.exp(-(support**2) / (2 * sigma**2))
    tail = np.cumsum((mass / mass.sum())[::-1])[::-1]  # P(one ≥ v), exact where it is small
    tail = np.clip(tail, 0, np.nextafter(1, 0))
    # P(greatest ≥ v) = 1 − (1 − P(one ≥ v))^G, summed over v.
    return support[0] - 1 + float(-np.expm1(tries * np.log1p(-tail)).sum())


def test_grinding_leans_by_less_than_the_table_says():
    """In one coordinate. In another direction a sum of samples is subgaussian with the same σ."""
    table = rows("tries G ")
    assert [row[0] for row in table] == ["2^20", "2^40", "2^60"]
    for tries, shown in table:
        bits = int(tries.removeprefix("2^"))
        assert shown == f"{math.sqrt(2 * bits * math.log(2)):.1f}"
    sigma = 20
    for bits in (0, 4, 10, 20, 30):
        limit = math.sqrt(2 * bits * math.log(2)) * sigma
        found = expected_greatest(sigma, 2**bits)
        assert found <= limit + 1e-6
        assert found > 0.7 * limit - 1e-6  # and the figure is not far above what grinding gives


# Votes


def votes_needed(members, sites, corrupt):
    """The threshold of the model that the audit replays with."""
    shape = SimpleNamespace(
        members=members,
        terms=SimpleNamespace(corrupt_sites=corrupt),
        voters=lambda _: range(members + sites),
    )
    return threshold(cast("Shape", shape), RoundRecord())


STUDIES = [
    (members, sites, corrupt)
    for members in range(2, 6)
    for sites in range(1, 25)
    for corrupt in range(sites)  # corrupt_sites < min_sites ≤ accepted sites
]


def test_the_least_votes_that_decide():
    """More than can be corrupt, more than half, and never more than there are."""
    for members, sites, corrupt in STUDIES:
        votes, voters = votes_needed(members, sites, corrupt), members + sites
        assert members + corrupt < votes <= voters
        assert 2 * votes > voters
        # The least such number.
        assert votes - 1 <= members + corrupt or 2 * (votes - 1) <= voters
    assert "max(⌊N/2⌋, m + c) + 1" in PAGE


def test_when_honest_voters_can_name_a_member():
    """One honest member and all sites but c, the others silent: exactly if n ≥ m + 2c."""
    for members, sites, corrupt in STUDIES:
        honest = 1 + sites - corrupt
        named = honest >= votes_needed(members, sites, corrupt)
        assert named == (sites >= members + 2 * corrupt)
    for row in rows("m | n | c | votes needed "):
        members, sites, corrupt, votes, honest_shown = (int(cell) for cell in row[:5])
        assert votes == votes_needed(members, sites, corrupt)
        assert honest_shown == 1 + sites - corrupt
        assert row[5] == ("yes" if sites >= members + 2 * corrupt else "no")
    assert re.search(r"exactly if n ≥ m \+ 2c", PAGE)
