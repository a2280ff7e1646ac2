import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from troth.domain import hashing
from troth.errors import DecodeError, SealError
from troth.storage.keys import (
    PRIVATE_KEY_SIZE,
    PUBLIC_KEY_SIZE,
    WRAP_OVERHEAD,
    HpkeKeyPair,
    HpkePublicKey,
)

# Encodings of points of order 1, 2, 4 and 8 (RFC 7748, section 7, asks to check the result).
SMALL_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


def test_sizes():
    assert (PUBLIC_KEY_SIZE, PRIVATE_KEY_SIZE, WRAP_OVERHEAD) == (1216, 96, 1136)


def test_a_pair_survives_its_encoding_and_opens_what_the_first_would(alice):
    again = HpkeKeyPair.decode(alice.keys.encode())
    assert again.encode() == alice.keys.encode()
    assert again.public == alice.keys.public
    received = HpkePublicKey(alice.keys.public.encoded)
    assert received == alice.keys.public
    assert received.digest() == hashing.digest(alice.keys.public.encoded)
    assert again.unwrap(received.wrap(b"secret", b"info"), b"info") == b"secret"


def test_generated_pairs_and_wraps_are_fresh(alice, bob):
    assert alice.keys.encode() != bob.keys.encode()
    public = alice.keys.public
    assert public.wrap(b"secret", b"info") != public.wrap(b"secret", b"info")


def test_a_pair_shows_no_secret_when_printed(alice):
    secret = alice.keys.encode()
    shown = repr(alice.keys) + str(alice.keys)
    assert alice.keys.public.digest().hex() in shown
    assert secret[:8].hex() not in shown
    assert repr(secret[:8])[2:-1] not in shown


@pytest.mark.parametrize("size", [0, 95, 97, 1216])
def test_a_private_key_of_another_length_is_refused(size):
    with pytest.raises(DecodeError, match=f"{size} bytes, not 96"):
        HpkeKeyPair.decode(bytes(size))


@pytest.mark.parametrize("size", [0, 32, 1184, 1215, 1217])
def test_a_public_key_of_another_length_is_refused(size):
    with pytest.raises(DecodeError, match=f"{size} bytes, not 1216"):
        HpkePublicKey(bytes(size))


def test_an_mlkem_coefficient_out_of_range_is_refused(alice):
    # q = 3329 is the least coefficient that is not reduced; the first one takes 12 bits.
    encoded = bytearray(alice.keys.public.encoded)
    encoded[0] = 3329 & 0xFF
    encoded[1] = (encoded[1] & 0xF0) | (3329 >> 8)
    with pytest.raises(DecodeError, match="ML-KEM-768"):
        HpkePublicKey(bytes(encoded))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point.hex()[:8])
def test_an_x25519_point_of_small_order_is_refused(alice, point):
    with pytest.raises(DecodeError, match="small order"):
        HpkePublicKey(alice.keys.public.encoded[:1184] + point)


def test_unwrap_refuses_every_cause_with_one_message(alice, bob):
    wrapped = alice.keys.public.wrap(b"secret", b"info")
    causes = [
        (bob.keys, wrapped, b"info"),
        (alice.keys, wrapped, b"other"),
        (alice.keys, wrapped[:-1], b"info"),
        (alice.keys, wrapped + b"\0", b"info"),
        (alice.keys, b"", b"info"),
        (alice.keys, wrapped[:1088] + bytes(32) + wrapped[1120:], b"info"),
    ]
    messages = set()
    for keys, data, info in causes:
        with pytest.raises(SealError) as refused:
            keys.unwrap(data, info)
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_a_wrap_is_standard_hpke_and_can_be_opened_by_hand(alice):
    """RFC 9180, sections 4 and 5.1, with the KEM of draft-connolly-cfrg-xwing-kem-06."""
    info, secret = b"some info", b"k" * 32
    wrapped = alice.keys.public.wrap(secret, info)
    encapsulated, sealed = wrapped[:1120], wrapped[1120:]
    ct_m, ct_x = encapsulated[:1088], encapsulated[1088:]
    ss_m = MLKEM768PrivateKey.from_seed_bytes(alice.keys.encode()[:64]).decapsulate(ct_m)
    scalar = X25519PrivateKey.from_private_bytes(alice.keys.encode()[64:])
    ss_x = scalar.exchange(X25519PublicKey.from_public_bytes(ct_x))
    pk_x = alice.keys.public.encoded[1184:]
    shared = hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + rb"\.//^" + b"\\").digest()

    suite = b"HPKE" + bytes.fromhex("647a 0001 0002")

    def extract(salt: bytes, label: bytes, value: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + value, "sha256")

    def expand(key: bytes, label: bytes, value: bytes, size: int) -> bytes:
        asked = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + value
        return hmac.digest(key, asked + b"\1", "sha256")[:size]

    schedule = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    root = extract(shared, b"secret", b"")
    key = expand(root, b"key", schedule, 32)
    nonce = expand(root, b"base_nonce", schedule, 12)
    assert AESGCM(key).decrypt(nonce, sealed, b"") == secret
