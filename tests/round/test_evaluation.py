"""An evaluation is of a model that its study made final, on data that trained nothing there."""

from dataclasses import replace

import pytest

from troth.errors import TermsError
from troth.round.evaluation import Evaluated, evaluated_study, require_evaluated
from troth.scenarios.consortium import Dataset
from troth.scenarios.small_study import RECORD_BOUND, small_evaluation_terms


@pytest.fixture(scope="module")
def trained(finished):
    models = frozenset({finished.round.model_digest})
    return Evaluated(finished.small.study.terms, models)


@pytest.fixture(scope="module")
def terms(finished):
    datasets = [Dataset(bytes([n] * 32), bytes([n] * 32), RECORD_BOUND) for n in (1, 2, 3)]
    return small_evaluation_terms(finished.small, datasets, finished.round.model_digest)


def test_an_evaluation_that_holds(terms, trained, finished):
    require_evaluated(terms, trained)
    assert evaluated_study(terms) == finished.small.study.study_id


def test_a_study_that_trains_needs_nothing(trained):
    assert evaluated_study(trained.terms) is None
    require_evaluated(trained.terms, None)


def test_of_no_study_in_force(terms):
    with pytest.raises(TermsError, match="no study in force") as caught:
        require_evaluated(terms, None)
    assert caught.value.where == "model.study"


def test_of_an_evaluation(terms, trained):
    with pytest.raises(TermsError, match="trained no model"):
        require_evaluated(terms, replace(trained, terms=terms))


def test_of_another_model(terms, trained):
    for models in (frozenset(), frozenset({bytes(32)})):
        with pytest.raises(TermsError, match="made final") as caught:
            require_evaluated(terms, replace(trained, models=models))
        assert caught.value.where == "model.digest"


def test_with_other_columns_than_the_model_was_trained_with(terms, trained):
    other = replace(terms.preprocessing, shift=(1.0, 0.0, 0.0))
    with pytest.raises(TermsError, match="trained with"):
        require_evaluated(replace(terms, preprocessing=other), trained)


def test_on_a_version_that_was_trained_on(terms, trained):
    stale = replace(terms.sites[1], version=trained.terms.sites[2].version)
    sites = (terms.sites[0], stale, terms.sites[2])
    with pytest.raises(TermsError, match="trained on") as caught:
        require_evaluated(replace(terms, sites=sites), trained)
    assert caught.value.where == "sites[1].version"
