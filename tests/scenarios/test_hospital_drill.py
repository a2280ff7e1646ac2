"""The drill is told as the ledger has it, and never where it went wrong."""

import pytest

from troth.errors import RoundError
from troth.ledger.address import Address
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView
from troth.scenarios.consortium import Dataset
from troth.scenarios.hospital_drill import CHEAT_ROUND, drill_terms, told
from troth.scenarios.hospital_records import StudyParameters, load
from troth.scenarios.hospital_study import SITES, cast

DATA = load(0)


def drill(mode):
    """A study of a drill, and who takes part."""
    numbers = iter(range(1, 100))
    players = cast(lambda size: bytes([next(numbers)]) * size, mode)
    datasets = [Dataset(bytes([n] * 32), bytes([n] * 32), 256) for n in range(1, SITES + 1)]
    terms = drill_terms(players, datasets, 1, DATA, StudyParameters().seated(mode))
    return Study(terms, bytes(32), Address(b"x" * 20)), players


def digests(*shares):
    """What a member posts of these shares; a share below 0 is a false sum of it."""
    return tuple(bytes([share % 256]) * 32 for share in shares)


def test_the_pair_is_told_with_whoever_has_another_sum():
    study, players = drill("B3")
    first, cheat, third = study.committee
    sums = {first: digests(1, 2), cheat: digests(-1, 2), third: digests(0, 1)}
    view = RoundView(CHEAT_ROUND, State.ABORTED, aborted=("Disagree", cheat), sums=sums)
    found = told(study, players, view, third)
    assert (found.named, found.other) == ("aggregator 2", "aggregator 3")
    assert (found.reason, found.final, found.accusers, found.voters) == ("Disagree", False, 1, 1)


def test_the_outvoted_one_is_told_with_those_who_outvote_it():
    study, players = drill("B4")
    first, cheat, third, fourth = study.committee
    sums = {
        first: digests(1, 2, 3),
        cheat: digests(-1, 2, 3),
        third: digests(0, 1, 3),
        fourth: digests(0, 1, 2),
    }
    left = {cheat: (State.SETTLED, "Disagree")}
    found = told(study, players, RoundView(CHEAT_ROUND, State.FINAL, sums=sums, left=left))
    assert (found.named, found.cheat, found.other) == ("aggregator 2", "aggregator 2", "")
    assert (found.reason, found.final, found.accusers, found.voters) == ("Disagree", True, 2, 2)


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("A", State.FINAL),
        ("B3", State.FINAL),
        ("B3", State.ABORTED),
        ("B4", State.FINAL),
        ("B4", State.ABORTED),
    ],
)
def test_a_drill_that_went_wrong_is_not_told(mode, state):
    study, players = drill(mode)
    with pytest.raises(RoundError, match=f"is {state.title}, which is not"):
        told(study, players, RoundView(CHEAT_ROUND, state))
