"""The two hashes that bind everything: plain digests of blobs, and labelled hashes of tuples.

A blob is named by its SHA-256. A tuple is hashed by `labelled`, whose encoding is injective: the
label and every part carry their length, so no two different tuples hash the same bytes.
"""

import hashlib
from collections.abc import Iterable

DIGEST_SIZE = 32


def digest(data: bytes | memoryview) -> bytes:
    """SHA-256 of a blob: the name under which the object store keeps it (32 bytes)."""
    return hashlib.sha256(data).digest()


def labelled(what: str, parts: Iterable[bytes], *, size: int = DIGEST_SIZE) -> bytes:
    """Hash a tuple under the label ``troth/<what>/v1``.

    Args:
        what: the kind of value, for example ``nonce`` or ``verify-key``.
        parts: the tuple, in the order of the specification (round protocol, section 1).
        size: bytes kept of the hash, 1 to 32.

    Returns:
        The first ``size`` bytes of SHA-256 over the length-prefixed label and parts.
    """
    if not 1 <= size <= DIGEST_SIZE:
        raise ValueError(f"size is {size}, SHA-256 gives 1 to {DIGEST_SIZE} bytes")
    state = hashlib.sha256()
    for part in (f"troth/{what}/v1".encode(), *parts):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()[:size]


def integer(value: int) -> bytes:
    """The one encoding of a non-negative integer inside `labelled`: 32 bytes, big-endian."""
    return value.to_bytes(32, "big")
