"""Blobs by digest: the store is not trusted, so the name of a blob is the check of its bytes.

`ObjectBlobs` works over any ``obstore`` store; `LocalBlobs` is the one over a folder. A blob lies
at ``ab/abcd…``, its hexadecimal SHA-256 under its first two letters, so that no folder grows large.
"""

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore

from troth.domain import hashing
from troth.errors import BlobMismatch, BlobMissing, InputError, StorageError


class BlobStore(Protocol):
    """Where everything large lies; the ledger holds digests only."""

    def put(self, data: bytes) -> bytes:
        """Store ``data`` and return its 32-byte SHA-256; a second time is no error.

        Raises:
            StorageError: the store refuses or cannot be reached.
        """
        ...

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """The blob with this digest; no byte of any other is ever returned.

        Args:
            digest: 32-byte SHA-256.
            max_size: bytes that the caller is ready to hold; compared with the object's metadata
                before anything is read, and again while reading.

        Raises:
            BlobMissing: nothing lies under this digest.
            BlobMismatch: what lies there has another digest.
            StorageError: larger than ``max_size``, not a digest, or the store fails.
        """
        ...

    def has(self, digest: bytes) -> bool:
        """Whether something lies under this digest; only `get` says whether it is the blob.

        Raises:
            StorageError: not a digest, or the store fails.
        """
        ...

    def delete(self, digest: bytes) -> None:
        """Make sure that nothing lies under this digest; a blob already gone is no error.

        Raises:
            StorageError: not a digest, or the store fails.
        """
        ...


class ObjectBlobs:
    """A `BlobStore` over any store of ``obstore``."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, data: bytes) -> bytes:
        """See `BlobStore.put`; a damaged object under the same digest is replaced."""
        digest = hashing.digest(data)
        with _failures_of("put", digest):
            try:
                obstore.put(self._store, _name(digest), data, mode="create")
            except AlreadyExistsError:
                if not self._holds(digest, len(data)):
                    obstore.put(self._store, _name(digest), data, mode="overwrite")
        return digest

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """See `BlobStore.get`."""
        name = _name(digest)
        with _failures_of("get", digest):
            found = obstore.get(self._store, name)
            size = found.meta["size"]
            if size > max_size:
                raise StorageError(f"blob {digest.hex()}: {size} bytes, at most {max_size} fit")
            chunks: list[bytes] = []
            left = max_size
            for chunk in found.stream():
                left -= len(chunk)
                if left < 0:  # a store may serve more than its metadata announces
                    raise StorageError(f"blob {digest.hex()}: more than {max_size} bytes served")
                chunks.append(chunk)
        data = b"".join(chunks)
        if (served := hashing.digest(data)) != digest:
            raise BlobMismatch(digest.hex(), served.hex())
        return data

    def has(self, digest: bytes) -> bool:
        """See `BlobStore.has`."""
        name = _name(digest)
        try:
            with _failures_of("head", digest):
                obstore.head(self._store, name)
        except BlobMissing:
            return False
        return True

    def delete(self, digest: bytes) -> None:
        """See `BlobStore.delete`."""
        name = _name(digest)
        try:
            with _failures_of("delete", digest):
                obstore.delete(self._store, name)
        except BlobMissing:
            return

    def _holds(self, digest: bytes, size: int) -> bool:
        try:
            self.get(digest, max_size=size)
        except StorageError:
            return False
        return True


class LocalBlobs(ObjectBlobs):
    """A `BlobStore` in a folder of this machine, made if absent.

    Writing is atomic (a reader sees all of a blob or nothing) but waits for no disk: after a power
    cut the owner puts its blobs again from its own, and `put` repairs what is damaged.

    Args:
        folder: an existing folder, or where to make one.

    Raises:
        InputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            store = LocalStore(folder, mkdir=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as problem:
            raise InputError(
                f"object store {folder}: {problem.strerror or problem}; "
                "choose a folder that you can write to"
            ) from problem
        super().__init__(store)
        self._folder = folder.resolve()

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """See `BlobStore.get`."""
        self._refuse_special(digest)
        return super().get(digest, max_size=max_size)

    def has(self, digest: bytes) -> bool:
        """See `BlobStore.has`."""
        self._refuse_special(digest)
        return super().has(digest)

    def _refuse_special(self, digest: bytes) -> None:
        # Opening a pipe that somebody put there would wait for ever.
        path = self._folder / _name(digest)
        try:
            mode = path.stat().st_mode
        except OSError:
            return
        if not stat.S_ISREG(mode):
            raise StorageError(f"blob {digest.hex()}: {path} is not a regular file; remove it")


def _name(digest: bytes) -> str:
    if type(digest) is not bytes or len(digest) != hashing.DIGEST_SIZE:
        raise StorageError(f"{digest!r} is not a digest of {hashing.DIGEST_SIZE} bytes")
    text = digest.hex()
    return f"{text[:2]}/{text}"


@contextmanager
def _failures_of(action: str, digest: bytes) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as problem:
        raise BlobMissing(digest.hex()) from problem
    except (BaseError, OSError) as problem:
        first_line = str(problem).partition("\n")[0]
        raise StorageError(f"blob {digest.hex()}: {action} failed: {first_line}") from problem
