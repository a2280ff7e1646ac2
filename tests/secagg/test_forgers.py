from functools import partial

import numpy as np
import pytest

from troth.errors import ParameterError, ReportRejected
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.messages import HelperShare, LeaderShare
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results
from troth.testing import forgers

IN_RANGE = np.array([20, -30, 0, 10, 5])


@pytest.fixture
def refused(small, rng, play):
    """The check that refuses a forged report: all of its shares, in the place of honest ones."""

    def check_of(forge):
        nonce = rng.bytes(16)
        report = forge(nonce=nonce, rand=rng.bytes(small.RAND_SIZE))
        with pytest.raises(ReportRejected) as rejected:
            play(small, rng.bytes(small.VERIFY_KEY_SIZE), nonce, *report)
        return rejected.value.check

    return check_of


@pytest.mark.parametrize("factor", [2, 100])
def test_a_norm_above_the_bound_is_refused(small, refused, factor):
    forge = partial(forgers.shard_over_norm, small, factor * 2 * IN_RANGE)
    assert refused(forge) == "norm_equality"


def test_a_norm_one_above_the_bound_is_refused(small, refused):
    forge = partial(forgers.shard_over_norm, small, [64, 1, 0, 0, 0])
    assert refused(forge) == "norm_equality"


@pytest.mark.parametrize("vector", [IN_RANGE, 100 * IN_RANGE])
def test_norm_bits_that_are_no_bits_are_refused(small, refused, vector):
    forge = partial(forgers.shard_norm_not_in_bits, small, vector)
    assert refused(forge) == "validity"


def test_a_norm_that_wraps_around_is_refused(small, refused):
    assert refused(partial(forgers.shard_wraparound, small)) == "validity"


def test_a_wraparound_vector_has_norm_zero_in_the_field(small, rng):
    _, inputs = forgers.shard_wraparound(small, bytes(16), rng.bytes(small.RAND_SIZE))
    leader, seeds = inputs
    assert isinstance(leader, LeaderShare)
    assert isinstance(seeds, HelperShare)
    helper = small.derive.measurement_share(seeds.measurement_seed, 1)
    gradient = small.field.add(leader.measurement[:5], helper.next_vec(small.field, 5))
    assert small.field.inner(gradient[None], gradient)[0] == 0
    assert max(abs(int(x)) for x in small.field.to_signed(gradient)) > small.field.modulus // 4


def test_a_tampered_proof_is_refused(small, refused):
    forge = partial(forgers.shard_tampered_proof, small, IN_RANGE)
    first_main = small.parameters.proofs_norm_equality * small.proof_len_norm_equality
    assert refused(forge) == "norm_equality"
    assert refused(partial(forge, position=first_main - 1)) == "norm_equality"
    assert refused(partial(forge, position=first_main)) == "validity"
    assert refused(partial(forge, position=-1)) == "validity"


@pytest.mark.parametrize("successes", [0, 19])
def test_missing_successes_are_refused(small, refused, successes):
    def claim(results):
        bits = encode_results(small.parameters, results).reshape(20, -1)
        bits[successes:, -1] = 0
        return bits.reshape(-1)

    prefix = encode_prefix(small.parameters, IN_RANGE)
    forge = partial(share_encoded, small.derive, prefix, claim_results=claim)
    assert refused(forge) == "validity"


def test_forgers_are_only_as_false_as_they_say(small, rng, play):
    """With true claims the same code path is accepted."""
    nonce = rng.bytes(16)
    prefix = encode_prefix(small.parameters, IN_RANGE)
    claim = partial(encode_results, small.parameters)
    report = share_encoded(small.derive, prefix, nonce, rng.bytes(small.RAND_SIZE), claim)
    assert len(play(small, rng.bytes(small.VERIFY_KEY_SIZE), nonce, *report)) == 2


def test_forgers_refuse_what_is_no_forgery():
    pine = Pine("Pine64", shares=2, dimension=1, num_frac_bits=0, l2_norm_bound=1)
    nonce, rand = bytes(16), bytes(pine.RAND_SIZE)
    with pytest.raises(ParameterError, match="above"):
        forgers.shard_over_norm(pine, [1], nonce, rand)
    with pytest.raises(ParameterError, match="bits"):
        forgers.shard_norm_not_in_bits(pine, [1], nonce, rand)
    with pytest.raises(ParameterError, match="two entries"):
        forgers.shard_wraparound(pine, nonce, rand)
