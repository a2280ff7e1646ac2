"""A noise candidate is a function of its seed, its place and its round, and of nothing else."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from troth.round.candidate import SEED_SIZE, candidate
from troth.round.sharing import split_extended

HEADS = b"h" * 32
SEED = b"s" * SEED_SIZE


@pytest.fixture
def study(of_three):
    return of_three.small.study


@given(seed=st.binary(min_size=SEED_SIZE, max_size=SEED_SIZE), place=st.integers(2, 7))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
def test_shares_add_up_to_the_noise_within_its_bound(study, seed, place):
    made = candidate(study, study.where(1), place, seed, HEADS)
    pine = study.pine(place)
    total = pine.agg_init().values
    for share, body in enumerate(made.sharing.extended):
        input_share, _ = split_extended(study, place, share, body)
        total = study.field.add(total, pine.output_share(share, input_share).values)
    assert study.field.to_signed(total).tolist() == made.vector.tolist()
    assert np.linalg.norm(made.vector) <= study.terms.secagg.noise_norm_bound


def test_it_is_a_function_of_seed_place_round_and_heads(study):
    where = study.where(1)
    first = candidate(study, where, 2, SEED, HEADS)
    again = candidate(study, where, 2, SEED, HEADS)
    assert first.sharing == again.sharing
    assert first.vector.tolist() == again.vector.tolist()
    others = [
        candidate(study, where, 2, b"t" * SEED_SIZE, HEADS),
        candidate(study, where, 3, SEED, HEADS),
        candidate(study, where, 4, SEED, HEADS),
        candidate(study, study.where(2), 2, SEED, HEADS),
    ]
    vectors = {tuple(made.vector.tolist()) for made in (first, *others)}
    assert len(vectors) == 5  # one seed used twice gives no noise twice
    heads = candidate(study, where, 2, SEED, b"i" * 32)
    assert heads.vector.tolist() == first.vector.tolist()
    assert heads.sharing.commitments != first.sharing.commitments


def test_noise_shares_and_masks_come_from_streams_of_their_own(study):
    made = candidate(study, study.where(1), 2, SEED, HEADS)
    masks = [split_extended(study, 2, n, body)[1] for n, body in enumerate(made.sharing.extended)]
    assert len({tuple(mask.tolist()) for mask in masks}) == 3
    assert not any(SEED in body for body in made.sharing.extended)


def test_a_member_opens_exactly_what_it_had_reported(of_three):
    study, view = of_three.small.study, of_three.round
    for member, account in enumerate(study.committee):
        places = of_three.published.opened_places(member)
        for place, seed in zip(places, view.seeds[account], strict=True):
            made = candidate(study, study.where(1), place, seed, view.heads_digest)
            envelope = of_three.published.envelopes[place]
            assert made.sharing.public_share == envelope.public_share
            assert made.sharing.commitments == envelope.commitments
