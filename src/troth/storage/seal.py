"""Seal a share to its holders: one ciphertext under a fresh key, that key wrapped to each holder.

A reporter runs `seal`, a holder runs `open_sealed`; a holder that cannot gets the key from another
one, who runs `rewrap`, and runs `open_rewrapped`. Storage sees ciphertext only. The format, with
nothing after it (integers big-endian):

======================  ==================  ====================================================
field                   bytes               meaning
======================  ==================  ====================================================
magic                   16                  ``troth/sealed/v1`` and a zero byte
holders                 1                   how many holders follow: 1 to 5, a committee's size
per holder: address     20                  the holder's address, each once
per holder: wrap        1168                HPKE of the content key (`troth.storage.keys`)
nonce                   12                  of the content cipher
length                  8                   of the ciphertext with its tag, at least 16
ciphertext              as ``length`` says  AES-256-GCM of the share
======================  ==================  ====================================================

Associated data of the ciphertext: the context and *everything before the nonce*, so that a holder
notices a changed wrap of another holder too. ``info`` of a wrap: the context, the holder's address
and the digest of its public key, so that a wrap cannot be handed on to somebody else.

AES-GCM commits to no key: a dishonest reporter could seal bytes that open differently under two
content keys. A holder therefore compares what it opened with the report's commitment to the share,
as the protocol asks of it anyway (round protocol, section 3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from troth.domain.hashing import digest, labelled
from troth.errors import EncodingError, SealError
from troth.storage.context import ADDRESS_SIZE, SealContext
from troth.storage.keys import WRAP_OVERHEAD, HpkeKeyPair, HpkePublicKey

MAGIC = b"troth/sealed/v1\0"
MAX_HOLDERS = 5
CONTENT_KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
LENGTH_SIZE = 8
WRAP_SIZE = CONTENT_KEY_SIZE + WRAP_OVERHEAD
MAX_PLAINTEXT = 2**31 - 1 - TAG_SIZE
"""The content cipher works in one piece, up to the largest buffer that its library takes."""

RandomBytes = Callable[[int], bytes]


class Recipient(NamedTuple):
    """Who may open a sealed share."""

    address: bytes
    """The holder's 20-byte address on the ledger."""
    public_key: HpkePublicKey
    """The key that this holder announced for the round."""


@dataclass(frozen=True, slots=True)
class SealedBlob:
    """The fields of a sealed share as they travel; nothing here is secret."""

    wraps: tuple[tuple[bytes, bytes], ...]
    """Holder's address and wrapped content key, in the sealer's order."""
    nonce: bytes
    """Nonce of the content cipher."""
    ciphertext: bytes
    """The encrypted share with its tag."""

    def header(self) -> bytes:
        """Everything before the nonce; bound into the ciphertext's associated data."""
        listed = b"".join(address + wrapped for address, wrapped in self.wraps)
        return MAGIC + bytes([len(self.wraps)]) + listed

    def encode(self) -> bytes:
        """The bytes that are stored and named by their digest."""
        length = len(self.ciphertext).to_bytes(LENGTH_SIZE, "big")
        return b"".join((self.header(), self.nonce, length, self.ciphertext))

    @classmethod
    def decode(cls, blob: bytes) -> "SealedBlob":
        """Read a sealed share; anything but what `encode` writes is refused.

        Raises:
            SealError: what is wrong with the format. It speaks of public bytes only.
        """
        if blob[: len(MAGIC)] != MAGIC:
            raise SealError("sealed blob: does not begin as a sealed share of version 1")
        start = len(MAGIC) + 1
        count = int.from_bytes(blob[len(MAGIC) : start], "big")
        if not 1 <= count <= MAX_HOLDERS:
            raise SealError(f"sealed blob: {count} holders, not 1 to {MAX_HOLDERS}")
        end = start + count * (ADDRESS_SIZE + WRAP_SIZE)
        body = end + NONCE_SIZE + LENGTH_SIZE
        # The length of the whole is settled here, before any part of it is copied.
        length = int.from_bytes(blob[end + NONCE_SIZE : body], "big")
        limits = TAG_SIZE <= length <= TAG_SIZE + MAX_PLAINTEXT
        if not limits or len(blob) - body != length:
            raise SealError(f"sealed blob: {len(blob)} bytes, which is not what its fields say")
        wraps = tuple(
            (blob[at : at + ADDRESS_SIZE], blob[at + ADDRESS_SIZE : at + ADDRESS_SIZE + WRAP_SIZE])
            for at in range(start, end, ADDRESS_SIZE + WRAP_SIZE)
        )
        if len({address for address, _ in wraps}) != count:
            raise SealError("sealed blob: names a holder twice")
        return cls(wraps, blob[end : end + NONCE_SIZE], blob[body:])


def sealed_size(plaintext_size: int, holders: int) -> int:
    """Bytes of a sealed share: what a reader allows when it fetches one."""
    fixed = len(MAGIC) + 1 + NONCE_SIZE + LENGTH_SIZE + TAG_SIZE
    return fixed + holders * (ADDRESS_SIZE + WRAP_SIZE) + plaintext_size


def seal(
    plaintext: bytes,
    context: SealContext,
    recipients: Sequence[Recipient],
    random_bytes: RandomBytes,
) -> bytes:
    """Seal a share; run by the reporter, once per share, whatever the number of holders.

    Args:
        plaintext: the extended share, at most ``MAX_PLAINTEXT`` bytes.
        context: where the share belongs.
        recipients: one to five holders with different addresses.
        random_bytes: called for 32 bytes of content key, then for 12 bytes of nonce; at the edge
            ``os.urandom``. The wraps draw further randomness from the operating system by
            themselves, so the same ``random_bytes`` does not give the same blob.

    Returns:
        The sealed blob, of `sealed_size` bytes.

    Raises:
        EncodingError: too large a share, a bad list of recipients, or too little randomness.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise EncodingError(f"seal: a share of {len(plaintext)} bytes, at most {MAX_PLAINTEXT}")
    addresses = [address for address, _ in recipients]
    if not 1 <= len(addresses) <= MAX_HOLDERS or len(set(addresses)) != len(addresses):
        raise EncodingError(f"seal: needs 1 to {MAX_HOLDERS} different holders")
    if any(len(address) != ADDRESS_SIZE for address in addresses):
        raise EncodingError(f"seal: a holder's address is not {ADDRESS_SIZE} bytes")
    content_key, nonce = random_bytes(CONTENT_KEY_SIZE), random_bytes(NONCE_SIZE)
    if len(content_key) != CONTENT_KEY_SIZE or len(nonce) != NONCE_SIZE:
        raise EncodingError("seal: the source of randomness gave the wrong number of bytes")
    wraps = tuple(
        (address, public_key.wrap(content_key, _wrap_info(context, address, public_key)))
        for address, public_key in recipients
    )
    header = SealedBlob(wraps, nonce, b"").header()
    bound = _associated_data(context, header)
    return SealedBlob(wraps, nonce, AESGCM(content_key).encrypt(nonce, plaintext, bound)).encode()


def rewrap(
    blob: bytes, context: SealContext, address: bytes, keys: HpkeKeyPair, recipient: Recipient
) -> bytes:
    """Wrap the content key of a sealed share again; run by a holder for another one.

    For a holder to whom the reporter sealed the share wrongly.

    Args:
        blob: the sealed blob.
        context: where the share belongs.
        address: whose copy of the key is used.
        keys: that holder's key pair of this round.
        recipient: the holder that lacks the key.

    Returns:
        The wrapped key, `WRAP_SIZE` bytes, for `open_rewrapped`.

    Raises:
        SealError: as `open_sealed`; what one cannot open oneself one cannot pass on.
    """
    sealed = SealedBlob.decode(blob)
    content_key = _content_key(sealed, context, address, keys)
    _decrypt(sealed, context, content_key)
    info = _rewrap_info(blob, context, recipient.address, recipient.public_key)
    return recipient.public_key.wrap(content_key, info)


def open_rewrapped(
    blob: bytes, context: SealContext, wrapped: bytes, address: bytes, keys: HpkeKeyPair
) -> bytes:
    """Open a sealed share with a key that another holder wrapped.

    Args:
        blob: the sealed blob, fetched by its digest.
        context: where the share belongs.
        wrapped: what `rewrap` gave.
        address: the holder's own address.
        keys: the holder's key pair of this round.

    Returns:
        The share. It still has to be compared with the report's commitment to it.

    Raises:
        SealError: as `open_sealed`.
    """
    sealed = SealedBlob.decode(blob)
    try:
        content_key = keys.unwrap(wrapped, _rewrap_info(blob, context, address, keys.public))
    except SealError:
        raise _unopened() from None
    return _decrypt(sealed, context, content_key)


def open_sealed(blob: bytes, context: SealContext, address: bytes, keys: HpkeKeyPair) -> bytes:
    """Open a sealed share; run by one of its holders.

    Args:
        blob: the sealed blob, fetched by its digest.
        context: where the holder expects this share to belong.
        address: the holder's own address.
        keys: the holder's key pair of this round.

    Returns:
        The share. It still has to be compared with the report's commitment to it.

    Raises:
        SealError: a bad format or a blob without this holder (both public, so both are named); or
            one message for every other reason, so that a reply tells an attacker nothing.
    """
    sealed = SealedBlob.decode(blob)
    return _decrypt(sealed, context, _content_key(sealed, context, address, keys))


def _content_key(
    sealed: SealedBlob, context: SealContext, address: bytes, keys: HpkeKeyPair
) -> bytes:
    wrapped = dict(sealed.wraps).get(address)
    if wrapped is None:
        raise SealError(f"sealed blob: not sealed to holder 0x{address.hex()}")
    try:
        return keys.unwrap(wrapped, _wrap_info(context, address, keys.public))
    except SealError:
        raise _unopened() from None


def _decrypt(sealed: SealedBlob, context: SealContext, content_key: bytes) -> bytes:
    bound = _associated_data(context, sealed.header())
    try:
        return AESGCM(content_key).decrypt(sealed.nonce, sealed.ciphertext, bound)
    except (InvalidTag, ValueError):  # a rewrapped key may be of any length
        raise _unopened() from None


def _unopened() -> SealError:
    return SealError("sealed blob: does not open for this holder in this context")


def _wrap_info(context: SealContext, address: bytes, public_key: HpkePublicKey) -> bytes:
    return labelled("seal-wrap", (context.digest(), address, public_key.digest()))


def _rewrap_info(
    blob: bytes, context: SealContext, address: bytes, public_key: HpkePublicKey
) -> bytes:
    """Another label than a reporter's wraps have, and the blob: good for nothing else."""
    fixed = (context.digest(), digest(blob), address, public_key.digest())
    return labelled("seal-rewrap", fixed)


def _associated_data(context: SealContext, header: bytes) -> bytes:
    return labelled("seal-content", (context.digest(), header))
