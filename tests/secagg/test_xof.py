import hashlib
import hmac
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from troth.errors import ParameterError
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128
from troth.privacy.secagg.xof import XofHmacSha256Aes128, XofTurboShake128

XOFS = [XofTurboShake128, XofHmacSha256Aes128]


def blocks(digest: bytes, count: int) -> bytes:
    """The keystream block by block, without any counter mode."""
    encrypt = Cipher(algorithms.AES128(digest[:16]), modes.ECB()).encryptor().update
    first = int.from_bytes(digest[24:], "big")
    counters = ((first + index) % 2**64 for index in range(count))
    return b"".join(encrypt(digest[16:24] + c.to_bytes(8, "big")) for c in counters)


def test_hmac_xof_is_counter_mode_under_the_hmac():
    seed, dst, binder = bytes(range(32)), b"tag", b"binder"
    digest = hmac.digest(seed, b"\x03tag" + binder, hashlib.sha256)
    assert XofHmacSha256Aes128(seed, dst, binder).next(100) == blocks(digest, 7)[:100]


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_hmac_xof_counter_wraps_without_carry(monkeypatch, before):
    digest = bytes(range(16)) + b"\xff" * 8 + (2**64 - before - 1).to_bytes(8, "big")
    expected = blocks(digest, 8)
    for cut in (1, 16, 17, 32, 100):
        stream = XofHmacSha256Aes128(bytes(32), b"", b"")
        monkeypatch.setattr(stream, "_mac", SimpleNamespace(digest=lambda: digest))
        assert stream.next(cut) + stream.next(128 - cut) == expected


@pytest.mark.parametrize("xof", XOFS)
def test_streams_do_not_depend_on_how_they_are_read(xof):
    seed = bytes(xof.SEED_SIZE)
    whole = xof(seed, b"t", b"b").next(50)
    stream = xof(seed, b"t", b"b")
    assert b"".join(stream.next(n) for n in (0, 1, 15, 16, 18)) == whole
    assert xof.derive_seed(seed, b"t", b"b") == whole[: xof.SEED_SIZE]


@pytest.mark.parametrize("xof", XOFS)
def test_a_binder_may_come_in_pieces_until_the_first_byte(xof):
    seed = bytes(xof.SEED_SIZE)
    stream = xof(seed, b"t", b"")
    for piece in (b"bi", b"", memoryview(b"nder")):
        stream.absorb(piece)
    assert stream.next(40) == xof(seed, b"t", b"binder").next(40)
    words = np.arange(4, dtype="<u4")
    assert xof(seed, b"t", words.data).next(9) == xof(seed, b"t", words.tobytes()).next(9)
    with pytest.raises(ParameterError, match="absorb"):
        stream.absorb(b"more")


@pytest.mark.parametrize("xof", XOFS)
def test_seed_tag_and_binder_all_matter(xof):
    seed, other = bytes(xof.SEED_SIZE), b"\x01" + bytes(xof.SEED_SIZE - 1)
    streams = {
        xof(*arguments).next(16)
        for arguments in (
            (seed, b"ab", b"c"),
            (other, b"ab", b"c"),
            (seed, b"a", b"bc"),
            (seed, b"ab", b"d"),
        )
    }
    assert len(streams) == 4


@pytest.mark.parametrize("field", [FIELD32, FIELD40, FIELD64, FIELD128], ids=repr)
def test_vectors_skip_what_is_not_below_the_modulus(monkeypatch, field):
    size, q = field.encoded_size, field.modulus
    integers = [5, q, q - 1, 256**size - 1, q, 0, 7]
    data = b"".join(value.to_bytes(size, "little") for value in integers)
    stream = XofTurboShake128(bytes(16), b"", b"")
    position = 0

    def read(length):
        nonlocal position
        position += length
        return data[position - length : position]

    monkeypatch.setattr(stream, "next", read)
    assert [int(value) for value in stream.next_vec(field, 3)] == [5, q - 1, 0]
    assert [int(value) for value in stream.next_vec(field, 1)] == [7]
    assert np.array_equal(stream.next_vec(field, 0), field.zeros(0))


@pytest.mark.parametrize("xof", XOFS)
def test_wrong_seeds_and_tags_are_refused(xof):
    for seed in (b"", bytes(xof.SEED_SIZE - 1), bytes(xof.SEED_SIZE + 1)):
        with pytest.raises(ParameterError, match="seed"):
            xof(seed, b"", b"")
    with pytest.raises(ParameterError, match="tag"):
        xof(bytes(xof.SEED_SIZE), bytes(256), b"")
