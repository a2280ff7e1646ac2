import numpy as np
import pytest

from troth.errors import ShareAgain
from troth.privacy.secagg import wraparound
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.xof import XofHmacSha256Aes128


def instance(dimension: int, checks: int, successes: int) -> Pine:
    return Pine(
        "Pine32HmacSha256Aes128",
        shares=2,
        dimension=dimension,
        num_frac_bits=0,
        l2_norm_bound=100,
        num_wr_checks=checks,
        num_wr_successes=successes,
    )


@pytest.mark.parametrize("dimension", [1, 3, 4, 5, 8, 41])
@pytest.mark.parametrize("at_once", [1, 50, 10**6])
def test_results_are_signed_sums_bit_by_bit(monkeypatch, rng, dimension, at_once):
    monkeypatch.setattr(wraparound, "_SIGNS_AT_ONCE", at_once)
    pine = instance(dimension, 7, 7)
    gradient = rng.integers(0, pine.field.modulus, dimension, dtype=np.uint32)
    stream = XofHmacSha256Aes128(bytes(32), b"t", b"")
    expected = []
    for _ in range(7):
        bits = int.from_bytes(stream.next(-(-dimension // 4)), "little")
        pairs = [bits >> (2 * index) & 3 for index in range(dimension)]
        signs = [{0: -1, 1: 0, 2: 0, 3: 1}[pair] for pair in pairs]
        total = sum(sign * int(entry) for sign, entry in zip(signs, gradient, strict=True))
        expected.append(total % pine.field.modulus)
    same = XofHmacSha256Aes128(bytes(32), b"t", b"")
    results = wraparound.run_checks(pine.parameters, same, gradient)
    assert results.tolist() == expected


def test_results_are_encoded_up_to_their_bounds():
    pine = instance(1, 5, 3)
    bound = pine.wr_check_bound
    assert bound == 1024
    results = np.array([1 - bound, bound, 0, 1, -1])
    rows = wraparound.encode_results(pine.parameters, results).reshape(5, -1)
    assert rows.shape == (5, pine.num_bits_for_wr_check + 1)
    values = [sum(int(bit) << i for i, bit in enumerate(row[:-1])) for row in rows]
    assert values == [0, 2 * bound - 1, bound - 1, bound, bound - 2]
    assert rows[:, -1].tolist() == [1, 1, 1, 0, 0]
    for outside in (-bound, bound + 1):
        with pytest.raises(ShareAgain, match="fresh rand"):
            wraparound.encode_results(pine.parameters, np.array([0, 0, 0, 0, outside]))
