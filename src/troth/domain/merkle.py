"""Salted Merkle roots over records: a dataset version's public name that tells nothing about it.

The tree is that of RFC 6962 section 2.1 (leaves and nodes hashed under different prefixes,
unbalanced on the right), with a secret salt of 16 or more bytes in every leaf, so that a guessed
record cannot be confirmed from the root.
"""

import hashlib
from collections.abc import Sequence

MIN_SALT = 16


def root(records: Sequence[bytes], salt: bytes) -> bytes:
    """The 32-byte root over records in their order.

    Args:
        records: canonical bytes of each record, at least one.
        salt: secret of the holder, at least 16 bytes, from the OS.
    """
    if len(salt) < MIN_SALT:
        raise ValueError(f"salt has {len(salt)} bytes, needs at least {MIN_SALT}")
    if not records:
        raise ValueError("a dataset version has at least one record")
    return _root([_leaf(record, index, salt) for index, record in enumerate(records)])


def _leaf(record: bytes, index: int, salt: bytes) -> bytes:
    # The index keeps equal records apart: equal leaves would show that two patients look alike.
    body = len(salt).to_bytes(2, "big") + salt + index.to_bytes(8, "big") + record
    return hashlib.sha256(b"\x00" + body).digest()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()
