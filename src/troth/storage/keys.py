"""HPKE keys of share holders, and the one suite that wraps content keys to them.

Suite: HPKE base mode (RFC 9180) with the hybrid KEM MLKEM768-X25519 (KEM id 0x647A in
draft-ietf-hpke-pq, the X-Wing of draft-connolly-cfrg-xwing-kem-06), HKDF-SHA256 and AES-256-GCM.
It stays secret while either ML-KEM-768 or X25519 does. There is no second suite and so nothing to
negotiate down to; another one would be another format version.

Key generation and each wrap draw their own randomness from the operating system, inside
``cryptography``: unlike elsewhere in Troth it cannot be passed in as an argument.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from troth.domain import hashing
from troth.errors import DecodeError, SealError

_MLKEM_PUBLIC_SIZE = 1184
_MLKEM_SEED_SIZE = 64
_X25519_SIZE = 32
PUBLIC_KEY_SIZE = _MLKEM_PUBLIC_SIZE + _X25519_SIZE
PRIVATE_KEY_SIZE = _MLKEM_SEED_SIZE + _X25519_SIZE
WRAP_OVERHEAD = KEM.MLKEM768_X25519.enc_length() + 16
"""Bytes that a wrap adds to its plaintext: the encapsulated key and the AEAD tag."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
# Any scalar does: X25519 clamps it to a multiple of 8, which sends exactly the points of small
# order to zero, and OpenSSL refuses a zero result.
_SMALL_ORDER_PROBE = X25519PrivateKey.from_private_bytes(bytes(range(_X25519_SIZE)))


@dataclass(frozen=True, slots=True)
class HpkePublicKey:
    """A holder's public key, as announced for a round; checked when it is made.

    ``encoded`` is the KEM's own encoding: the ML-KEM-768 encapsulation key (1184 bytes), then the
    X25519 public key (32 bytes).

    Raises:
        DecodeError: a wrong length, an ML-KEM coefficient out of range (FIPS 203, section 7.2), or
            an X25519 point of small order.
    """

    encoded: bytes = field(repr=False)
    _key: MLKEM768X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.encoded) != PUBLIC_KEY_SIZE:
            raise DecodeError(f"HPKE public key: {len(self.encoded)} bytes, not {PUBLIC_KEY_SIZE}")
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(self.encoded[:_MLKEM_PUBLIC_SIZE])
        except ValueError as problem:
            raise DecodeError("HPKE public key: not a key of ML-KEM-768") from problem
        x25519 = X25519PublicKey.from_public_bytes(self.encoded[_MLKEM_PUBLIC_SIZE:])
        try:
            _SMALL_ORDER_PROBE.exchange(x25519)
        except ValueError as problem:
            raise DecodeError("HPKE public key: an X25519 point of small order") from problem
        object.__setattr__(self, "_key", MLKEM768X25519PublicKey(mlkem, x25519))

    def digest(self) -> bytes:
        """The key's 32-byte name, for the ledger and for the wrap's ``info``."""
        return hashing.digest(self.encoded)

    def wrap(self, secret: bytes, info: bytes) -> bytes:
        """Encrypt ``secret`` to this key, bound to ``info``; fresh OS randomness at each call.

        Returns:
            Encapsulated key, ciphertext and tag: ``len(secret) + WRAP_OVERHEAD`` bytes.
        """
        return _SUITE.encrypt(secret, self._key, info=info)


class HpkeKeyPair:
    """A holder's private key with its public half; one pair per member and round.

    It is made by `generate`, or by `decode` from the holder's own state file.
    """

    __slots__ = ("_encoded", "_key", "public")

    public: HpkePublicKey
    """The half to announce."""

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        self._encoded = mlkem.private_bytes_raw() + x25519.private_bytes_raw()
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = HpkePublicKey(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def __repr__(self) -> str:
        return f"HpkeKeyPair(public={self.public.digest().hex()})"

    @classmethod
    def generate(cls) -> "HpkeKeyPair":
        """A fresh pair from the operating system's randomness."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    def encode(self) -> bytes:
        """The 96 secret bytes for the state file: ML-KEM seed (64), then X25519 scalar (32)."""
        return self._encoded

    @classmethod
    def decode(cls, data: bytes) -> "HpkeKeyPair":
        """Read what `encode` writes.

        Raises:
            DecodeError: not exactly 96 bytes.
        """
        if len(data) != PRIVATE_KEY_SIZE:
            raise DecodeError(f"HPKE private key: {len(data)} bytes, not {PRIVATE_KEY_SIZE}")
        return cls(
            MLKEM768PrivateKey.from_seed_bytes(data[:_MLKEM_SEED_SIZE]),
            X25519PrivateKey.from_private_bytes(data[_MLKEM_SEED_SIZE:]),
        )

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Decrypt what `HpkePublicKey.wrap` made for this key and the same ``info``.

        Raises:
            SealError: another key, another ``info`` or altered bytes; which one is not said.
        """
        try:
            return _SUITE.decrypt(wrapped, self._key, info=info)
        except InvalidTag:
            raise SealError("a wrapped key does not open for this holder in this context") from None
