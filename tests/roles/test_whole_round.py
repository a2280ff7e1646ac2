"""One study after another through real contracts, proofs and store; honest and not so honest."""

import numpy as np
import pytest

from troth.learning.model import Model
from troth.round.messages import MAX_MESSAGE
from troth.round.transitions import State
from troth.round.verdict import aggregate
from troth.testing.forgers import shard_over_norm, shard_tampered_proof
from troth.testing.small_study import DIMENSION, Shape, small_study

NOISE_RANGE = 8 * 100 * 3  # 8 standard deviations of each of at most three noise vectors


def published_sum(small, view, number=1):
    found = view.rounds[number]
    store = small.consortium.store
    shares = [
        store.get(found.publications[member], max_size=MAX_MESSAGE)
        for member in small.study.committee
    ]
    return aggregate(small.study, found.accepted, shares)


def codes(view, number=1):
    return list(next(iter(view.rounds[number].verdicts.values())))


def test_an_honest_study_ends_with_a_model_that_follows_from_the_sums(tmp_path):
    small = small_study(tmp_path)
    view = small.run()
    assert [found.state for found in view.rounds.values()] == [State.FINAL, State.FINAL]
    total = published_sum(small, view)
    assert np.abs(total - 6).max() < NOISE_RANGE
    model = Model.decode(
        small.consortium.store.get(view.rounds[1].model_digest, max_size=MAX_MESSAGE)
    )
    np.testing.assert_array_equal(model.weights, -total / (64 * 16))


@pytest.mark.parametrize(("members", "honest"), [(3, 2), (5, 4)])
def test_weights_count_and_committees_of_other_sizes_work(tmp_path, members, honest):
    shape = Shape(weights=(1, 3), members=members, honest=honest, rounds=1)
    small = small_study(tmp_path, shape, lambda place, _: [(place + 1) * 1000] + [0] * 3)
    # 1000 is far beyond the bound of nobody: 64 records of norm 16 are 1024
    with pytest.raises(Exception, match="norm"):
        small.run()


def test_weighted_sum(tmp_path):
    shape = Shape(weights=(1, 3), members=3, honest=2, rounds=1, min_sites=2)
    small = small_study(tmp_path, shape, lambda place, _: [(-1000, 1000)[place], 0, 0, 0])
    total = published_sum(small, small.run())
    assert abs(total[0] - 2000) < NOISE_RANGE
    assert np.abs(total[1:]).max() < NOISE_RANGE
