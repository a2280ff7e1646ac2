"""Tags of shares: complete for every weight, linear, and fooled by a shift as often as argued."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.privacy.secagg import tags
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128, PIECE, Field
from troth.privacy.secagg.tags import challenge, coordinates, masks, tag, weighted
from troth.privacy.secagg.xof import XofHmacSha256Aes128
from troth.testing.toy_fields import toy_field

FIELDS = [FIELD32, FIELD40, FIELD64, FIELD128]
SEED = bytes(range(32))


def elements(field: Field, size: int) -> st.SearchStrategy[list[int]]:
    edges = st.sampled_from([0, 1, field.modulus - 1])
    return st.lists(edges | st.integers(0, field.modulus - 1), min_size=size, max_size=size)


def by_hand(field, rho, output, mask):
    """τ in Python integers."""
    return [
        (sum(int(a) * int(b) for a, b in zip(row, output, strict=True)) + int(r)) % field.modulus
        for row, r in zip(rho, mask, strict=True)
    ]


# How many coordinates


def test_as_many_coordinates_as_96_bits_take():
    assert [coordinates(field) for field in FIELDS] == [4, 3, 2, 1]
    for field in FIELDS:
        count = coordinates(field)
        assert field.modulus**count >= 2**96
        assert field.modulus ** (count - 1) < 2**96


# Completeness and linearity


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_tag_is_what_python_integers_give(data):
    field = data.draw(st.sampled_from(FIELDS))
    size = data.draw(st.integers(1, 6))
    output = field.vector(data.draw(elements(field, size)))
    mask = field.vector(data.draw(elements(field, coordinates(field))))
    rho = challenge(field, size, data.draw(st.binary(min_size=32, max_size=32)))
    found = tag(field, rho, output, mask)
    assert [int(value) for value in found] == by_hand(field, rho, output, mask)
    assert found.dtype == field.dtype


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_weighted_tags_of_honest_shares_are_the_tag_of_their_sum(data):
    """Completeness, with whatever weights a study may have."""
    field = data.draw(st.sampled_from(FIELDS))
    size, reports = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    rho = challenge(field, size, data.draw(st.binary(min_size=32, max_size=32)))
    outputs, hidden, weights = {}, {}, {}
    for place in range(reports):
        outputs[place] = field.vector(data.draw(elements(field, size)))
        hidden[place] = field.vector(data.draw(elements(field, coordinates(field))))
        weights[place] = data.draw(st.integers(1, field.modulus - 1))
    total = field.zeros(size)
    for place, output in outputs.items():
        total = field.add(total, field.mul(output, weights[place]))
    of_all = {place: tag(field, rho, outputs[place], hidden[place]) for place in outputs}
    whole = tag(field, rho, total, weighted(field, hidden, weights))
    assert np.array_equal(weighted(field, of_all, weights), whole)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_tags_are_linear_in_share_and_mask(data):
    field = data.draw(st.sampled_from(FIELDS))
    size, times = data.draw(st.integers(1, 5)), data.draw(st.integers(0, field.modulus - 1))
    rho = challenge(field, size, SEED)
    one, other = (field.vector(data.draw(elements(field, size))) for _ in range(2))
    r, s = (field.vector(data.draw(elements(field, coordinates(field)))) for _ in range(2))
    together = tag(
        field, rho, field.add(one, field.mul(other, times)), field.add(r, field.mul(s, times))
    )
    apart = field.add(tag(field, rho, one, r), field.mul(tag(field, rho, other, s), times))
    assert np.array_equal(together, apart)


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_a_share_of_several_pieces_has_the_tag_of_all_of_it(field, rng):
    size = PIECE + 3
    rho = challenge(field, size, SEED)
    output, mask = field.zeros(size), field.zeros(coordinates(field))
    for at in (0, PIECE - 1, PIECE, size - 1):  # one entry on each side of every edge
        output[at] = 1 + int(rng.integers(1000))
    assert [int(v) for v in tag(field, rho, output, mask)] == by_hand(field, rho, output, mask)


# Soundness: all challenges, all shifts


@pytest.fixture(params=[(5, 2, 1), (3, 2, 2), (17, 1, 1), (3, 3, 1)], ids=str)
def toy(request, monkeypatch):
    """A small field, a dimension, and as many coordinates as asked for."""
    modulus, size, count = request.param
    bits = (modulus ** (count - 1)).bit_length()
    assert modulus ** (count - 1) < 1 << bits <= modulus**count
    monkeypatch.setattr(tags, "SOUNDNESS_BITS", bits)
    field = toy_field(modulus)
    assert coordinates(field) == count
    return field, size, count


def vectors(field, length):
    return [field.vector(values) for values in product(range(field.modulus), repeat=length)]


def test_a_shifted_sum_fits_its_tags_under_exactly_one_challenge_in_q_to_the_kappa(toy):
    """Whatever a member adds to A_j and to R_j before it knows ρ, with honest tags."""
    field, size, count = toy
    rhos = [rho.reshape(count, size) for rho in vectors(field, count * size)]
    output, mask = field.vector([1] * size), field.vector([2] * count)
    honest = [tag(field, rho, output, mask) for rho in rhos]
    assert len(rhos) == field.modulus ** (count * size)
    for shift in vectors(field, size):
        for shift_of_masks in vectors(field, count):
            shifted, masked = field.add(output, shift), field.add(mask, shift_of_masks)
            fits = sum(
                np.array_equal(tag(field, rho, shifted, masked), true)
                for rho, true in zip(rhos, honest, strict=True)
            )
            if shift.any():
                assert fits * field.modulus**count == len(rhos)
            else:
                assert fits == (0 if shift_of_masks.any() else len(rhos))


def test_one_tag_that_is_bent_hides_any_shift_whatever_the_challenge(toy):
    """Why somebody has to know each tag: the sum alone cannot tell which of them is false."""
    field, size, count = toy
    outputs = {0: field.vector([1] * size), 1: field.vector([2] * size)}
    hidden, weights = {0: field.zeros(count), 1: field.vector([1] * count)}, {0: 1, 1: 2}
    shifted = field.vector([0] * size)  # in place of 1·1 + 2·2
    for number, rho in enumerate(vectors(field, count * size)[:200]):
        rho = rho.reshape(count, size)  # noqa: PLW2901  # the same challenge in its shape
        true = {place: tag(field, rho, outputs[place], hidden[place]) for place in outputs}
        whole = tag(field, rho, shifted, weighted(field, hidden, weights))
        missing = field.sub(whole, weighted(field, true, weights))
        bent = field.mul(missing, field.inverse(weights[number % 2]))
        told = {**true, number % 2: field.add(true[number % 2], bent)}
        assert np.array_equal(weighted(field, told, weights), whole)


# What is refused


@pytest.mark.parametrize(
    ("rho", "output", "mask"),
    [((2, 3), 3, 1), ((2, 3), 3, 3), ((2, 3), 2, 2), ((2, 3), 4, 2), ((3, 2), 3, 2), ((6,), 3, 2)],
)
def test_shapes_that_do_not_fit_are_refused(rho, output, mask):
    field = FIELD64
    with pytest.raises(ParameterError, match="tag: ρ of"):
        tag(field, field.zeros(rho), field.zeros(output), field.zeros(mask))


def test_a_sum_of_nothing_is_refused():
    with pytest.raises(ParameterError, match="no tags"):
        weighted(FIELD64, {}, {})


# Challenges and masks from a seed


class Listed(XofHmacSha256Aes128):
    """A stream that gives chosen elements first, and then goes on as it would."""

    chosen = b""

    def _fill(self, out):
        taken = min(len(out), len(self.chosen))
        out[:taken] = self.chosen[:taken]
        type(self).chosen = self.chosen[taken:]
        super()._fill(out[taken:])


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_a_challenge_is_a_stream_of_elements_row_by_row(field):
    count = coordinates(field)
    rho = challenge(field, 5, SEED)
    stream = XofHmacSha256Aes128(SEED, b"troth/rho/v1", b"").next_vec(field, 5 * count)
    assert rho.shape == (count, 5)
    assert np.array_equal(rho.reshape(-1), stream)
    assert np.array_equal(rho, challenge(field, 5, SEED))
    assert not rho.flags.writeable
    assert not np.array_equal(rho, challenge(field, 5, SEED[::-1]))


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_integers_at_or_above_the_modulus_are_left_out_of_a_challenge(field, monkeypatch):
    """Rejection sampling: not reduced, so that every element is equally likely, and repeatable."""
    size, modulus = field.encoded_size, field.modulus
    most = 256**size - 1

    def given(*values):
        monkeypatch.setattr(Listed, "chosen", b"".join(v.to_bytes(size, "little") for v in values))
        monkeypatch.setattr(tags, "XofHmacSha256Aes128", Listed)
        return [int(value) for value in challenge(field, 5, SEED).reshape(-1)]

    kept = given(most, 7, modulus, modulus - 1, 0)
    assert kept[:3] == [7, modulus - 1, 0]
    assert kept == given(most, 7, modulus, modulus - 1, 0)
    assert len(kept) == 5 * coordinates(field)


@pytest.mark.parametrize("modulus", [3, 5, 17])
def test_each_element_of_a_challenge_is_equally_likely(modulus):
    field = toy_field(modulus)
    count = coordinates(field)
    drawn = challenge(field, 60_000 // count, SEED).reshape(-1)
    counted = np.bincount(drawn, minlength=modulus)
    expected = len(drawn) / modulus
    # Five standard deviations of a binomial count; the seed is fixed, so nothing here is random.
    assert np.abs(counted - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_every_share_has_a_mask_of_its_own_and_of_another_stream_than_challenges(field):
    count = coordinates(field)
    found = masks(field, SEED, 5)
    assert [mask.shape for mask in found] == [(count,)] * 5
    assert len({tuple(mask.tolist()) for mask in found}) == 5
    assert all(np.array_equal(*pair) for pair in zip(found, masks(field, SEED, 5), strict=True))
    assert not np.array_equal(np.concatenate(found), challenge(field, 5, SEED).reshape(-1))
