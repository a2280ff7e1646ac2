"""A publication has one encoding; its tags, weighted, are the tag of its sum."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from troth.errors import DecodeError
from troth.privacy.secagg.tags import challenge, tag, weighted
from troth.round.publication import decode_publication, publication_size
from troth.round.transcript import bits, sum_digest

QUICK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


@pytest.fixture
def blob(of_three):
    study = of_three.small.study
    return of_three.blob(of_three.round.publications[study.committee[1]])


def decoded(finished, data):
    return decode_publication(finished.small.study, finished.round.accepted, data)


def test_what_is_read_is_written_again(of_three, blob):
    found = decoded(of_three, blob)
    assert found.encode() == blob
    assert list(found.tags) == list(bits(of_three.round.accepted))
    assert len(blob) == publication_size(of_three.small.study, of_three.round.accepted)


def test_its_first_part_is_what_the_member_was_bound_to(of_three, blob):
    study, view = of_three.small.study, of_three.round
    account = study.committee[1]
    sums = decoded(of_three, blob).sums.encode()
    assert blob.startswith(sums)
    assert view.sums[account] == (sum_digest(study.where(1), account, view.accepted, sums),)


def test_weighted_tags_are_the_tag_of_the_sum(of_three):
    study, published = of_three.small.study, of_three.published
    rho = challenge(study.field, study.terms.model.dimension, published.rho_seed)
    for data in published.publications:
        found = decoded(of_three, data)
        weights = {place: study.weight(place) for place in found.tags}
        assert sorted(set(weights.values())) == [1, 2]
        total = weighted(study.field, found.tags, weights)
        follows = tag(study.field, rho, found.sums.share.values, found.sums.mask)
        assert np.array_equal(total, follows)


@given(data=st.data())
@QUICK
def test_bytes_of_another_length_are_refused(of_three, blob, data):
    cut = data.draw(st.integers(0, len(blob) - 1))
    more = data.draw(st.binary(min_size=1, max_size=40))
    for broken in (blob[:cut], blob + more, more + blob):
        with pytest.raises(DecodeError, match="publication"):
            decoded(of_three, broken)


def test_no_element_may_reach_the_modulus(of_three, blob):
    field = of_three.small.study.field
    for value in (field.modulus, 256**field.encoded_size - 1):
        too_large = value.to_bytes(field.encoded_size, "little")
        for at in range(0, len(blob), field.encoded_size):
            with pytest.raises(DecodeError):
                decoded(of_three, blob[:at] + too_large + blob[at + field.encoded_size :])


@pytest.mark.parametrize("other", [0, 0b1, 0b1111111111])
def test_it_is_of_one_accepted_set(of_three, blob, other):
    with pytest.raises(DecodeError, match="publication"):
        decode_publication(of_three.small.study, other, blob)
