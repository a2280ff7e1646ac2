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
from troth.privacy.secagg.field import Buffer, Elements, Field

_BLOCK = 16
_COUNTERS = 1 << 64
_ZEROS = memoryview(bytes(1 << 16))  # a keystream is the encryption of zeros, so many at a time


class Xof(ABC):
    """A stream of pseudorandom bytes; as in draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/xof.py``.

    A long binder may also follow in pieces, through :meth:`absorb`, until the first byte is read.

    Raises:
        ParameterError: The seed has another length than ``SEED_SIZE``, or the tag over 255 bytes.
    """

    SEED_SIZE: ClassVar[int]

    def __init__(self, seed: bytes, dst: bytes, binder: Buffer) -> None:
        if len(seed) != self.SEED_SIZE:
            raise ParameterError(f"XOF seed has {len(seed)} bytes, expected {self.SEED_SIZE}")
        if len(dst) > 255:
            raise ParameterError(f"XOF tag has {len(dst)} bytes, at most 255 are allowed")
        self._reading = False
        self._start(seed, bytes([len(dst)]) + dst)
        self.absorb(binder)

    def absorb(self, piece: Buffer) -> None:
        """Take in the next piece of the binder.

        Raises:
            ParameterError: The stream has been read already.
        """
        if self._reading:
            raise ParameterError("an XOF cannot absorb any more once it has been read")
        self._absorb(memoryview(piece).cast("B"))

    def read_into(self, out: memoryview) -> None:
        """Fill a buffer of bytes with the next bytes of the stream."""
        if not self._reading:
            self._reading = True
            self._turn()
        self._fill(out)

    @abstractmethod
    def _start(self, seed: bytes, prefixed_dst: bytes) -> None:
        """Take in seed and tag."""

    @abstractmethod
    def _absorb(self, piece: memoryview) -> None:
        """Take in more of the binder."""

    @abstractmethod
    def _turn(self) -> None:
        """Go from taking in to giving out."""

    @abstractmethod
    def _fill(self, out: memoryview) -> None:
        """Fill a buffer with the next bytes."""

    def next(self, length: int) -> bytes:
        """The next ``length`` bytes of the stream."""
        output = bytearray(length)
        self.read_into(memoryview(output))
        return bytes(output)

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

    def _start(self, seed: bytes, prefixed_dst: bytes) -> None:
        self._sponge = TurboSHAKE128.new(domain=1)
        self._sponge.update(prefixed_dst + seed)

    def _absorb(self, piece: memoryview) -> None:
        self._sponge.update(piece)

    def _turn(self) -> None:
        """The sponge turns by itself."""

    def _fill(self, out: memoryview) -> None:
        out[:] = self._sponge.read(len(out))


class XofHmacSha256Aes128(Xof):
    """AES-128 in counter mode, keyed by HMAC-SHA256 of tag and binder under the seed.

    PINE, ``poc/xof_hmac_sha256_aes128.py`` at 4d11ac8. The counter is the *last 8 bytes* of the
    block and wraps without touching the first 8, unlike the 16-byte counter of the usual mode.
    """

    SEED_SIZE = 32

    def _start(self, seed: bytes, prefixed_dst: bytes) -> None:
        self._mac = hmac.new(seed, prefixed_dst, hashlib.sha256)

    def _absorb(self, piece: memoryview) -> None:
        self._mac.update(piece)

    def _turn(self) -> None:
        digest = self._mac.digest()
        self._key, block = digest[:_BLOCK], digest[_BLOCK:]
        self._fixed = block[:8]
        self._keystream = self._from_counter(int.from_bytes(block[8:], "big"))

    def _fill(self, out: memoryview) -> None:
        while len(out):
            step = min(len(out), len(_ZEROS), self._until_wrap)
            self._keystream.update_into(_ZEROS[:step], out[:step])
            self._until_wrap -= step
            if not self._until_wrap:
                self._keystream = self._from_counter(0)
            out = out[step:]

    def _from_counter(self, counter: int) -> CipherContext:
        self._until_wrap = (_COUNTERS - counter) * _BLOCK
        block = self._fixed + counter.to_bytes(8, "big")
        return Cipher(algorithms.AES128(self._key), modes.CTR(block)).encryptor()
