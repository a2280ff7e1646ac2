from functools import partial
from typing import Any

import numpy as np
import pytest

from troth.errors import ParameterError, ReportRejected
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.flp import split_rows
from troth.privacy.secagg.messages import HelperShare, LeaderShare, VerifierMessage
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results
from troth.testing import forgers

IN_RANGE = np.array([20, -30, 0, 10, 5])


def instance(variant, **chosen):
    """As ``small``, with other numbers of proofs or successes."""
    wanted = {"num_wr_checks": 20, "num_wr_successes": 20, **chosen}
    return Pine(variant, shares=2, dimension=5, num_frac_bits=4, l2_norm_bound=64, **wanted)


def opened(pine, report):
    """The gradient behind the input shares of a report."""
    leader, seeds = report[1]
    assert isinstance(leader, LeaderShare)
    assert isinstance(seeds, HelperShare)
    helper = pine.derive.measurement_share(seeds.measurement_seed, 1)
    size = pine.dimension
    return pine.field.add(leader.measurement[:size], helper.next_vec(pine.field, size))


@pytest.fixture
def refused_by(rng, play):
    """The check that refuses a forged report: all of its shares, in the place of honest ones."""

    def check_of(pine, forge):
        nonce = rng.bytes(16)
        report = forge(nonce=nonce, rand=rng.bytes(pine.RAND_SIZE))
        with pytest.raises(ReportRejected) as rejected:
            play(pine, rng.bytes(pine.VERIFY_KEY_SIZE), nonce, *report)
        return rejected.value.check

    return check_of


@pytest.fixture
def refused(small, refused_by):
    """The same for the small instance of each variant."""
    return partial(refused_by, small)


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
    report = forgers.shard_wraparound(small, bytes(16), rng.bytes(small.RAND_SIZE))
    gradient = opened(small, report)
    assert small.field.inner(gradient[None], gradient)[0] == 0
    assert max(abs(int(x)) for x in small.field.to_signed(gradient)) > small.field.modulus // 4


def test_a_tampered_proof_is_refused(small, refused):
    forge = partial(forgers.shard_tampered_proof, small, IN_RANGE)
    first_main = small.parameters.proofs_norm_equality * small.proof_len_norm_equality
    assert refused(forge) == "norm_equality"
    assert refused(partial(forge, position=first_main - 1)) == "norm_equality"
    assert refused(partial(forge, position=first_main)) == "validity"
    assert refused(partial(forge, position=-1)) == "validity"


@pytest.mark.parametrize(("needed", "claimed"), [(20, 0), (20, 19), (18, 19), (18, 20), (1, 0)])
def test_missing_and_needless_successes_are_refused(variant, rng, refused_by, needed, claimed):
    pine = instance(variant, num_wr_successes=needed)
    forge = partial(forgers.shard_successes, pine, IN_RANGE, claimed=claimed)
    assert refused_by(pine, forge) == "validity"


def test_a_norm_in_bits_but_above_the_bound_is_refused(small, refused):
    forge = partial(forgers.shard_norm_out_of_range, small, [64, 1, 0, 0, 0])
    assert refused(forge) == "validity"


def test_one_huge_entry_with_a_small_square_is_refused(small, rng, refused):
    forge = partial(forgers.shard_root_of_two, small)
    assert refused(forge) == "validity"
    gradient = opened(small, forge(nonce=bytes(16), rand=rng.bytes(small.RAND_SIZE)))
    assert small.field.inner(gradient[None], gradient)[0] == 2
    assert not gradient[1:].any()
    # The square is 2 and a multiple of q, so the entry is above the root of q.
    assert int(small.field.to_signed(gradient)[0]) ** 2 > small.field.modulus


def test_results_that_are_not_in_bits_are_refused(small, refused):
    assert refused(partial(forgers.shard_results_not_in_bits, small)) == "validity"


def test_a_success_that_is_no_bit_is_refused(small, refused):
    assert refused(partial(forgers.shard_success_not_a_bit, small)) == "validity"


def test_a_commitment_to_another_share_is_refused(small, rng, refused):
    forge = partial(forgers.shard_false_commitment, small, IN_RANGE)
    assert refused(forge) == "validity"
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)
    public_share, shares = forge(nonce=nonce, rand=rng.bytes(small.RAND_SIZE))
    verifier_shares = [
        small.verify_init(key, agg_id, nonce, public_share, share)[1]
        for agg_id, share in enumerate(shares)
    ]
    parts = [share.wraparound_part for share in verifier_shares]
    message = VerifierMessage(small.derive.wraparound_seed(parts), bytes(small.seed_size))
    with pytest.raises(ReportRejected) as rejected:
        small.check_joint_randomness(public_share, verifier_shares, message)
    assert rejected.value.check == "joint_randomness"


@pytest.mark.parametrize("field_size", ["32", "64"])
def test_guessed_query_points_do_not_help(field_size, refused_by, rng):
    pine = instance(f"Pine{field_size}HmacSha256Aes128", proofs=2, proofs_norm_equality=2)

    def mended(forge):
        def both(nonce, rand):
            return forgers.guess_query_points(pine, forge(nonce=nonce, rand=rand), nonce)

        return both

    over = partial(forgers.shard_over_norm, pine, 100 * IN_RANGE)
    assert refused_by(pine, mended(over)) == "norm_equality"
    assert refused_by(pine, mended(partial(forgers.shard_root_of_two, pine))) == "validity"


def test_guesses_mend_the_outputs_and_only_those(small, rng):
    """Every proof's output is zero afterwards; an honest report stays as it is."""
    nonce, key = rng.bytes(16), rng.bytes(small.VERIFY_KEY_SIZE)

    def outputs(public_share, shares):
        verifiers = [
            small.verify_init(key, agg_id, nonce, public_share, share)[1].verifiers
            for agg_id, share in enumerate(shares)
        ]
        shapes = [(flp.proofs, flp.verifier_len) for flp in small.derive.flps]
        both = split_rows(small.field.add(*verifiers), shapes)
        return [int(value) for rows in both for value in rows[:, 0]]

    false = forgers.shard_over_norm(small, 100 * IN_RANGE, nonce, rng.bytes(small.RAND_SIZE))
    assert any(outputs(*false))
    assert not any(outputs(*forgers.guess_query_points(small, false, nonce)))
    public_share, shares = small.shard_integers(IN_RANGE, nonce, rng.bytes(small.RAND_SIZE))
    _, same = forgers.guess_query_points(small, (public_share, shares), nonce)
    assert [share.encode() for share in same] == [share.encode() for share in shares]


LIES: dict[str, tuple[Any, str]] = {
    "over the norm": (partial(forgers.shard_over_norm, vector=100 * IN_RANGE), "norm_equality"),
    "norm out of range": (
        partial(forgers.shard_norm_out_of_range, vector=[64, 1, 0, 0, 0]),
        "validity",
    ),
    "norm not in bits": (
        partial(forgers.shard_norm_not_in_bits, vector=100 * IN_RANGE),
        "validity",
    ),
    "norm zero": (forgers.shard_wraparound, "validity"),
    "norm two": (forgers.shard_root_of_two, "validity"),
    "results not in bits": (forgers.shard_results_not_in_bits, "validity"),
    "success no bit": (forgers.shard_success_not_a_bit, "validity"),
    "successes missing": (
        partial(forgers.shard_successes, vector=IN_RANGE, claimed=19),
        "validity",
    ),
    "proof tampered with": (
        partial(forgers.shard_tampered_proof, vector=IN_RANGE),
        "norm_equality",
    ),
    "false commitment": (partial(forgers.shard_false_commitment, vector=IN_RANGE), "validity"),
}


@pytest.mark.parametrize("variant", ["Pine32HmacSha256Aes128", "Pine40HmacSha256Aes128", "Pine64"])
@pytest.mark.parametrize("lie", LIES)
def test_the_fast_kernels_refuse_the_same_lies(variant, lie, refused_by):
    forge, check = LIES[lie]
    pine = instance(variant, kernels="fast")
    assert refused_by(pine, partial(forge, pine)) == check


def test_the_table_of_lies_has_every_forger():
    named = {getattr(forge, "func", forge) for forge, _ in LIES.values()}
    there = {value for name, value in vars(forgers).items() if name.startswith("shard_")}
    assert named == there


def test_forgers_are_only_as_false_as_they_say(small, rng, play):
    """With true claims the same code path is accepted."""
    nonce = rng.bytes(16)
    prefix = encode_prefix(small.parameters, IN_RANGE)
    claim = partial(encode_results, small.parameters)
    report = share_encoded(small.derive, prefix, nonce, rng.bytes(small.RAND_SIZE), claim)
    assert len(play(small, rng.bytes(small.VERIFY_KEY_SIZE), nonce, *report)) == 2


def test_forgers_refuse_what_is_no_forgery():
    pine = Pine(
        "Pine64",
        shares=2,
        dimension=1,
        num_frac_bits=0,
        l2_norm_bound=1,
        num_wr_checks=3,
        num_wr_successes=1,
    )
    nonce, rand = bytes(16), bytes(pine.RAND_SIZE)
    with pytest.raises(ParameterError, match="above"):
        forgers.shard_over_norm(pine, [1], nonce, rand)
    with pytest.raises(ParameterError, match="bits"):
        forgers.shard_norm_not_in_bits(pine, [1], nonce, rand)
    with pytest.raises(ParameterError, match="two entries"):
        forgers.shard_wraparound(pine, nonce, rand)
    with pytest.raises(ParameterError, match="two entries"):
        forgers.shard_results_not_in_bits(pine, nonce, rand)
    with pytest.raises(ParameterError, match="is a bit"):
        forgers.shard_success_not_a_bit(pine, nonce, rand)
    with pytest.raises(ParameterError, match="above the bound"):
        forgers.shard_root_of_two(pine, nonce, rand)
    for vector in ([1], [2]):
        with pytest.raises(ParameterError, match="just above"):
            forgers.shard_norm_out_of_range(pine, vector, nonce, rand)
    with pytest.raises(ParameterError, match="honest"):
        forgers.shard_successes(pine, [1], nonce, rand, claimed=1)
    for claimed in (-1, 4):
        with pytest.raises(ParameterError, match="cannot succeed"):
            forgers.shard_successes(pine, [1], nonce, rand, claimed=claimed)
