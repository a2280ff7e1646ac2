"""What an instance says that a report costs is what a report costs."""

import numpy as np
import pytest

from troth.privacy.hazmat import modular
from troth.privacy.secagg.pine import Pine

INSTANCES = [
    ("Pine32HmacSha256Aes128", {"dimension": 31, "shares": 2, "proofs_norm_equality": 3}),
    ("Pine32HmacSha256Aes128", {"dimension": 1000, "shares": 4, "proofs": 2}),
    ("Pine40HmacSha256Aes128", {"dimension": 130, "shares": 3}),
    ("Pine64HmacSha256Aes128", {"dimension": 6, "shares": 2}),
    ("Pine64", {"dimension": 77, "shares": 2}),
    ("Pine128", {"dimension": 9, "shares": 5}),
]
each_instance = pytest.mark.parametrize(("variant", "chosen"), INSTANCES)


def instance(variant, chosen) -> Pine:
    return Pine(variant, num_frac_bits=3, l2_norm_bound=200, num_wr_checks=30,
                num_wr_successes=30, **chosen)  # fmt: skip


@each_instance
def test_bytes_are_those_of_the_messages(variant, chosen):
    pine = instance(variant, chosen)
    cost = pine.cost()
    rng = np.random.default_rng(1)
    vector, nonce = rng.integers(-2, 3, pine.dimension), rng.bytes(16)
    public_share, input_shares = pine.shard_integers(vector, nonce, rng.bytes(pine.RAND_SIZE))
    steps = [
        pine.verify_init(bytes(pine.VERIFY_KEY_SIZE), agg_id, nonce, public_share, share)
        for agg_id, share in enumerate(input_shares)
    ]
    message = pine.verifier_shares_to_message([share for _, share in steps])
    leader, *helpers = (len(share.encode()) for share in input_shares)
    assert cost.public_share == len(public_share.encode())
    assert cost.leader_share == leader
    assert {cost.helper_share} == set(helpers)
    assert {cost.verifier_share} == {len(share.encode()) for _, share in steps}
    assert cost.verifier_message == len(message.encode())
    assert cost.output_share == len(pine.verify_next(steps[0][0], message).encode())
    assert cost.upload == cost.public_share + leader + sum(helpers)
    assert cost.upload_per_entry == cost.upload / pine.dimension


@each_instance
def test_the_xof_absorbs_and_expands_as_many_bytes(measure, variant, chosen):
    pine = instance(variant, chosen)

    def seeds(expansions: int) -> int:
        """Everything small: seeds, parts, prove, query and joint randomness."""
        elements = (
            pine.proofs_len + pine.verifiers_len + 4 * sum(f.proofs for f in pine.derive.flps)
        )
        return expansions * pine.seed_size + elements * pine.field.encoded_size

    cost, rng = pine.cost(), np.random.default_rng(2)
    nonce, rand = rng.bytes(16), rng.bytes(pine.RAND_SIZE)
    vector = rng.integers(-2, 3, pine.dimension)
    (public_share, input_shares), hashed, expanded = measure(
        lambda: pine.shard_integers(vector, nonce, rand)
    )
    shares, small = pine.shares, 200 * pine.shares + 2 * pine.shares * pine.seed_size
    assert cost.client.hashed < hashed <= cost.client.hashed + small
    assert cost.client.expanded < expanded <= cost.client.expanded + seeds(2 * shares + 2) + small
    for agg_id, work in ((0, cost.leader), (1, cost.helper)):
        _, hashed, expanded = measure(
            lambda agg_id=agg_id: pine.verify_init(
                bytes(pine.VERIFY_KEY_SIZE), agg_id, nonce, public_share, input_shares[agg_id]
            )
        )
        assert work.hashed < hashed <= work.hashed + small
        assert work.expanded < expanded <= work.expanded + seeds(4) + small


@pytest.mark.parametrize("dimension", [1, 30, 200])
@pytest.mark.parametrize("chunk", [1, 8, 64])
def test_products_are_those_that_the_kernels_compute(monkeypatch, dimension, chunk):
    """The kernels as plain Python, counting; these numbers of wires need no padding."""
    pine = Pine(
        "Pine32HmacSha256Aes128", shares=2, dimension=dimension, num_frac_bits=0, l2_norm_bound=50,
        chunk_length_norm_equality=chunk, proofs_norm_equality=2, kernels="fast",
    )  # fmt: skip
    for name in ("squares", "combine"):
        monkeypatch.setattr(modular, name, getattr(modular, name).py_func)
    products = 0

    def multiply(left, right, modulus, inverse):
        nonlocal products
        products += 1
        reduced = int(left) * int(right) * pow(2, -32, int(modulus)) % int(modulus)
        return np.uint32(reduced)

    monkeypatch.setattr(modular, "_mul", multiply)
    monkeypatch.setattr(modular, "_add", lambda a, b, q: np.uint32((int(a) + int(b)) % int(q)))
    monkeypatch.setattr(modular, "_sub", lambda a, b, q: np.uint32((int(a) - int(b)) % int(q)))
    vector = np.zeros(dimension, dtype=np.int64)
    vector[0] = 7
    public_share, input_shares = pine.shard_integers(vector, bytes(16), bytes(pine.RAND_SIZE))
    assert products == pine.cost().client.products
    shares = []
    for agg_id, share in enumerate(input_shares):
        products = 0
        shares.append(pine.verify_init(bytes(32), agg_id, bytes(16), public_share, share)[1])
        assert products == pine.cost().leader.products == pine.cost().helper.products
    pine.verifier_shares_to_message(shares)
