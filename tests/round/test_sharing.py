"""A report before it is sealed: every share under a mask of its own, and bound to one round."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from troth.errors import DecodeError, EncodingError, ShareAgain
from troth.round.sharing import draw_mask_seed, share_honestly, share_report, split_extended
from troth.round.transcript import share_commitment

VECTOR = np.array([5, -6, 7, -8])


def shared(study, *, number=1, place=0, heads=bytes(32), seed=bytes(32), sharer=share_honestly):
    """A sharing without any chance in it."""
    return share_report(
        study,
        study.where(number),
        place,
        VECTOR,
        heads=heads,
        rand=lambda size: bytes(range(size % 251)) + bytes(size - size % 251),
        mask_seed=seed,
        sharer=sharer,
    )


@pytest.fixture
def study(of_three):
    return of_three.small.study


def split(study, sharing, place=0):
    return [
        split_extended(study, place, share, body) for share, body in enumerate(sharing.extended)
    ]


@pytest.mark.parametrize("place", [0, 1, 2, 7])
def test_the_shares_of_a_report_add_up_to_its_vector(study, place):
    pine = study.pine(place)
    total = pine.agg_init().values
    for share, (input_share, _) in enumerate(split(study, shared(study, place=place), place)):
        total = study.field.add(total, pine.output_share(share, input_share).values)
    assert list(study.field.to_signed(total)) == list(VECTOR)


def test_each_share_has_the_size_that_the_study_says(study):
    for place in (0, 2):
        for share, body in enumerate(shared(study, place=place).extended):
            assert len(body) == study.extended_size(place, share)


def test_every_share_has_a_mask_of_its_own_and_of_its_report(study):
    masks = [tuple(mask.tolist()) for _, mask in split(study, shared(study))]
    masks += [tuple(m.tolist()) for _, m in split(study, shared(study, seed=b"x" * 32))]
    assert len(set(masks)) == 6
    assert all(len(mask) == study.tag_size // study.field.encoded_size for mask in masks)


def test_the_mask_seed_is_asked_for_whole():
    asked: list[int] = []

    def random(size):
        asked.append(size)
        return os.urandom(size)

    assert len(draw_mask_seed(random)) == 32
    assert asked == [32]


def test_a_sharing_is_a_function_of_its_randomness(study):
    assert shared(study) == shared(study)


def test_a_sharing_depends_on_the_round_the_place_and_the_key_heads(study):
    made = [
        shared(study),
        shared(study, number=2),
        shared(study, place=1),
        shared(study, heads=b"h" * 32),
    ]
    assert len({sharing.commitments for sharing in made}) == len(made)


def test_commitments_are_over_the_whole_extended_share(study):
    sharing = shared(study)
    where, reporter = study.where(1), study.reporters[0]
    for number, body in enumerate(sharing.extended):
        assert sharing.commitments[number] == share_commitment(where, reporter, number, body)
    without_mask = [body[: -study.tag_size] for body in sharing.extended]
    assert share_commitment(where, reporter, 0, without_mask[0]) != sharing.commitments[0]


def test_a_vector_beyond_the_bound_is_no_report(study):
    far = np.array([10**6, 0, 0, 0])
    with pytest.raises(EncodingError, match="norm"):
        share_report(study, study.where(1), 0, far, heads=b"", rand=os.urandom, mask_seed=bytes(32))


def test_a_sharing_that_failed_by_chance_is_tried_again_and_not_for_ever(study):
    tries = []

    def unlucky(times):
        def share(*arguments):
            tries.append(arguments)
            if len(tries) <= times:
                raise ShareAgain("by chance")
            return share_honestly(*arguments)

        return share

    shared(study, sharer=unlucky(15))
    assert len(tries) == 16
    tries.clear()
    with pytest.raises(ShareAgain):
        shared(study, sharer=unlucky(100))
    assert len(tries) == 16


@given(cut=st.integers(0, 60), more=st.binary(max_size=9))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
def test_an_extended_share_of_another_length_is_refused(study, cut, more):
    for place in (0, 3):
        for share, body in enumerate(shared(study, place=place).extended):
            for broken in (body[: len(body) - cut - 1], more + body + b"x"):
                with pytest.raises(DecodeError, match="extended share"):
                    split_extended(study, place, share, broken)


def test_a_mask_element_that_is_not_below_the_modulus_is_refused(study):
    size, tail = study.field.encoded_size, study.tag_size
    modulus = study.field.modulus.to_bytes(size, "little")
    for share, body in enumerate(shared(study).extended):
        for at in range(len(body) - tail, len(body), size):
            with pytest.raises(DecodeError):
                split_extended(study, 0, share, body[:at] + modulus + body[at + size :])


def test_a_share_under_another_number_is_another_share(study):
    """The Leader's share is long, the others are seeds: they are told apart by length."""
    long, short, _ = shared(study).extended
    with pytest.raises(DecodeError):
        split_extended(study, 0, 1, long)
    with pytest.raises(DecodeError):
        split_extended(study, 0, 0, short)


def test_a_sharing_can_be_compared(study):
    assert shared(study) != replace(shared(study), public_share=b"")
