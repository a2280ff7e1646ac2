"""Every committee of the hospitals gives the same guarantee, and its studies fit."""

from dataclasses import replace

import pytest

from troth.cli.teller import PlainTeller
from troth.errors import InputError
from troth.privacy.plan import plan
from troth.scenarios.hospital_committee import COMMITTEES, readers
from troth.scenarios.hospital_records import StudyParameters
from troth.scenarios.hospital_run import Options, greedy_parameters, study_parameters
from troth.scenarios.hospital_study import SITES, cast, hospital_design
from troth.scenarios.hospitals import play


@pytest.fixture(params=COMMITTEES)
def mode(request):
    return request.param


@pytest.fixture
def parameters(mode, tmp_path):
    return study_parameters(Options(tmp_path, seed=0, rounds=20, mode=mode, ledger="embedded"))


def test_the_guarantee_is_the_same_in_every_mode(parameters):
    found = plan(hospital_design(parameters, SITES))
    assert found.fits
    assert found.proposals == ()
    assert found.epsilon_guaranteed == pytest.approx(1.996808, abs=1e-6)
    assert parameters.honest * parameters.noise_variance == StudyParameters().noise_variance


def test_one_round_more_would_not_fit(parameters):
    more = replace(parameters, rounds=21)
    assert [check.name for check in plan(hospital_design(more, SITES)).failed] == ["budget"]


def test_the_second_study_fits_a_whole_budget_and_no_spent_one(parameters):
    found = plan(hospital_design(greedy_parameters(parameters), SITES))
    assert found.fits
    (price,) = set(found.nano_rho_per_round or ())
    (spent,) = set(plan(hospital_design(parameters, SITES)).nano_rho_per_round or ())
    assert price + spent > found.nano_rho_budget


def test_the_cast_has_the_committee_of_its_mode(mode):
    numbers = iter(range(1, 100))
    players = cast(lambda size: bytes([next(numbers)]) * size, mode)
    members, _ = COMMITTEES[mode]
    labels = [player.label for player in players.aggregators]
    assert labels == [f"aggregator {number}" for number in range(1, members + 1)]


def test_how_many_can_read_an_update():
    assert {mode: readers(mode, members) for mode, (members, _) in COMMITTEES.items()} == {
        "A": 2,
        "B3": 2,
        "B4": 2,
    }
    assert readers("A", 5) == 5


def test_an_unknown_mode_is_refused_before_anything_is_done(tmp_path):
    options = Options(tmp_path / "out", seed=0, rounds=1, mode="C", ledger="embedded")
    with pytest.raises(InputError, match="--mode is C; it is one of A, B3, B4"):
        play(options, PlainTeller())
    assert list(tmp_path.iterdir()) == []
