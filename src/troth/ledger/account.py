"""Accounts: who signs transactions, and the file that keeps the key."""

import os
import stat
from pathlib import Path
from typing import Self

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import PrivateKey, Signature

from troth.errors import ParameterError, StateFileError
from troth.ledger.address import Address


class Account:
    """A secp256k1 key and its address. The key never shows in a text of the object."""

    def __init__(self, secret: bytes) -> None:
        """Wrap a key of 32 bytes, drawn from the operating system.

        Raises:
            ParameterError: unless it is 32 bytes and a number from 1 below the group's order.
        """
        if len(secret) != 32 or not 0 < int.from_bytes(secret) < SECPK1_N:
            raise ParameterError("an account's secret is 32 bytes, in the range of the curve")
        self._key = PrivateKey(secret)
        self.address = Address(self._key.public_key.to_canonical_address())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key file: 64 hexadecimal digits, readable by its owner alone.

        Raises:
            StateFileError: if it is missing, readable by others, or holds anything else.
        """
        try:
            with path.open(encoding="ascii") as file:
                mode = os.fstat(file.fileno()).st_mode  # of the file that is read, not of its name
                text = file.read().strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise StateFileError(f"{path}: no readable key file: {problem}") from problem
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StateFileError(f"{path}: others may read this key; run: chmod 600 {path}")
        try:
            return cls(bytes.fromhex(text))
        except ValueError as problem:
            raise StateFileError(f"{path}: a key file holds 64 hexadecimal digits") from problem

    def write(self, path: Path) -> None:
        """Write a new key file that only its owner may read.

        Raises:
            StateFileError: if the file exists already or cannot be written.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(self._key.to_bytes().hex() + "\n")
        except OSError as problem:
            raise StateFileError(f"{path}: the key cannot be written: {problem}") from problem

    def sign(self, digest: bytes) -> Signature:
        """Sign a 32-byte hash (RFC 6979, so the same hash gives the same signature)."""
        return self._key.sign_msg_hash(digest)

    def __repr__(self) -> str:
        return f"Account({self.address})"
