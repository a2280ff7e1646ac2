"""The extendable-output functions of PINE: pseudorandom bytes and field elements from a seed.

Each is built from ``(seed, dst, binder)``: the secret, the domain separation tag that says what
the output is for, and whatever the output must depend on.
"""

import hashlib
import hmac
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from Crypto.Hash import TurboSHAKE128
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from troth.errors import ParameterError
from troth.privacy.secagg.field import Elements, Field

_BLOCK = 16
_COUNTERS = 1 << 64


class Xof(ABC):
    """A stream of pseudorandom bytes; as in draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/xof.py``.

    Raises:
        ParameterError: The seed has another length than ``SEED_SIZE``, or the tag over 255 bytes.
    """

    SEED_SIZE: ClassVar[int]

    def __init__(self, seed: bytes, dst: bytes, binder: bytes) -> None:
        if len(seed) != self.SEED_SIZE:
            raise ParameterError(f"XOF seed has {len(seed)} bytes, expected {self.SEED_SIZE}")
        if len(dst) > 255:
            raise ParameterError(f"XOF tag has {len(dst)} bytes, at most 255 are allowed")
        self._start(seed, bytes([len(dst)]) + dst, binder)

    @abstractmethod
    def _start(self, seed: bytes, prefixed_dst: bytes, binder: bytes) -> None:
        """Absorb everything that the output depends on."""

    @abstractmethod
    def next(self, length: int) -> bytes:
        """The next ``length`` bytes of the stream."""

    def next_vec(self, field: Field, length: int) -> Elements:
        """The next ``length`` field elements, by rejection sampling.

        Every modulus in use has as many bits as its encoding, so there is nothing to mask.
        """
        vector = field.zeros(0)
        while len(vector) < length:
            missing = length - len(vector)
            candidates = field.unpack(self.next(missing * field.encoded_size))
            vector = np.concatenate([vector, candidates[candidates < field.modulus]])
        return vector

    @classmethod
    def derive_seed(cls, seed: bytes, dst: bytes, binder: bytes) -> bytes:
        """A new seed: the first ``SEED_SIZE`` bytes of the stream."""
        return cls(seed, dst, binder).next(cls.SEED_SIZE)

    @classmethod
    def expand(cls, field: Field, seed: bytes, dst: bytes, binder: bytes, length: int) -> Elements:
        """The first ``length`` field elements of the stream."""
        return cls(seed, dst, binder).next_vec(field, length)


class XofTurboShake128(Xof):
    """TurboSHAKE128 of tag, seed and binder; draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/xof.py``."""

    SEED_SIZE = 16

    def _start(self, seed: bytes, prefixed_dst: bytes, binder: bytes) -> None:
        self._sponge = TurboSHAKE128.new(domain=1)
        self._sponge.update(prefixed_dst + seed + binder)

    def next(self, length: int) -> bytes:
        """The next ``length`` bytes of the stream."""
        return bytes(self._sponge.read(length))


class XofHmacSha256Aes128(Xof):
    """AES-128 in counter mode, keyed by HMAC-SHA256 of tag and binder under the seed.

    PINE, ``poc/xof_hmac_sha256_aes128.py`` at 4d11ac8. The counter is the *last 8 bytes* of the
    block and wraps without touching the first 8, unlike the 16-byte counter of the usual mode.
    """

    SEED_SIZE = 32

    def _start(self, seed: bytes, prefixed_dst: bytes, binder: bytes) -> None:
        digest = hmac.digest(seed, prefixed_dst + binder, hashlib.sha256)
        self._key, block = digest[:_BLOCK], digest[_BLOCK:]
        self._fixed = block[:8]
        first = int.from_bytes(block[8:], "big")
        self._until_wrap = (_COUNTERS - first) * _BLOCK
        self._keystream = self._from_counter(first)

    def _from_counter(self, counter: int) -> CipherContext:
        block = self._fixed + counter.to_bytes(8, "big")
        return Cipher(algorithms.AES128(self._key), modes.CTR(block)).encryptor()

    def next(self, length: int) -> bytes:
        """The next ``length`` bytes of the stream."""
        before = min(length, self._until_wrap)
        output = self._keystream.update(bytes(before))
        self._until_wrap -= before
        if before < length:
            self._keystream = self._from_counter(0)
            self._until_wrap = _COUNTERS * _BLOCK
            output += self.next(length - before)
        return output
