"""A site that evaluates counts the model that the terms name, or says nothing."""

import os

import numpy as np
import pytest

from troth.domain.hashing import digest
from troth.learning.model import Model
from troth.roles.trainer import Trainer
from troth.round.transitions import State
from troth.scenarios.small_study import Shape, SmallStudy, small_evaluation, small_study


@pytest.fixture
def trained(tmp_path):
    small = small_study(tmp_path, Shape(rounds=1))
    return small, small.run().finals[-1].model_digest


def one_each(*_):
    return [1, 0, 0, 1]


def counting(evaluation: SmallStudy) -> list[bytes]:
    """Let every site remember which model it was given: their digests, as they come."""
    seen: list[bytes] = []

    def count(model: Model, _: int) -> np.ndarray:
        seen.append(digest(model.encode()))
        return np.array(one_each(), dtype=np.int64)

    study = evaluation.study
    evaluation.sites[:] = [
        evaluation.consortium.party(study, Trainer(study, account, count, os.urandom))
        for account in study.sites
    ]
    return seen


def test_every_site_counts_the_model_that_the_terms_name(trained):
    small, model = trained
    evaluation = small_evaluation(small, model, one_each)
    seen = counting(evaluation)
    assert evaluation.run().rounds[1].state is State.FINAL
    assert seen == [model] * len(evaluation.sites)


def test_where_nobody_serves_the_model_no_site_counts_another(trained):
    small, model = trained
    evaluation = small_evaluation(small, model, one_each)
    seen = counting(evaluation)
    small.consortium.store.delete(model)
    view = evaluation.run(lambda view: bool(view.aborts))
    assert seen == []
    assert view.rounds[1].reports == {}
    assert view.rounds[1].aborted[0] == "Quorum"


def test_a_retry_after_an_abort_counts_the_same_model(trained):
    small, model = trained
    evaluation = small_evaluation(small, model, one_each)
    seen = counting(evaluation)
    blob = small.consortium.store.get(model, max_size=1000)
    small.consortium.store.delete(model)
    evaluation.run(lambda view: bool(view.aborts))
    small.consortium.store.put(blob)
    assert [view.number for view in evaluation.run().finals] == [2]
    assert seen == [model] * len(evaluation.sites)
