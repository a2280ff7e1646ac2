"""What leaves a hospital moves by at most Δ when one patient is added or removed: the real site."""

from dataclasses import replace

import numpy as np
import pytest

from troth.learning.model import Model
from troth.ledger.account import Account
from troth.scenarios.consortium import Dataset
from troth.scenarios.hospital_records import Records, StudyParameters, load
from troth.scenarios.hospital_study import SITES, cast, hospital_terms, training


@pytest.fixture(scope="module")
def study():
    data = load(0)
    numbers = iter(range(1, 100))
    players = cast(lambda size: bytes([next(numbers)]) * size, "A")
    assert isinstance(players.sites[0].account, Account)
    datasets = [Dataset(bytes([n] * 32), bytes([n] * 32), 256) for n in range(1, SITES + 1)]
    terms = hospital_terms("test", "test", players, datasets, 1, data, StudyParameters())
    return data, terms


def without(records, row):
    keep = np.arange(len(records)) != row
    return Records(records.rows[keep], records.labels[keep], records.numbers[keep])


@pytest.mark.parametrize("place", range(4))
def test_taking_one_record_out_moves_the_update_by_at_most_the_clip(study, place):
    data, terms = study
    records = data.hospitals[place]
    model = Model(np.full(31, 0.1), np.zeros(31))
    whole = training(records, terms, 0, place)(model, 1)
    for row in range(0, len(records), 7):
        less = training(without(records, row), terms, 0, place)(model, 1)
        assert np.square(whole - less).sum() <= terms.privacy.clip**2


def test_numbering_by_position_would_break_that(study):
    """The negative control: taking a record out then moves the coins of all later ones."""
    data, terms = study
    records = data.hospitals[0]

    def positions(found):
        return replace(found, numbers=np.arange(len(found)))

    model = Model.zeros(31)
    whole = training(positions(records), terms, 0, 0)(model, 1)
    moved = [
        np.square(whole - training(positions(without(records, row)), terms, 0, 0)(model, 1)).sum()
        for row in range(min(20, len(records)))
    ]
    assert max(moved) > terms.privacy.clip**2


def test_records_of_all_hospitals_have_numbers_of_their_own(study):
    data, _ = study
    numbers = np.concatenate([part.numbers for part in (*data.hospitals, *data.held_out)])
    assert len(set(numbers)) == len(numbers) == 455
