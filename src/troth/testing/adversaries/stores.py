"""Stores that lie, and store clients that do not look: for attacks by whoever runs the storage."""

from pathlib import Path
from typing import Any

from troth.domain.hashing import digest as digest_of
from troth.errors import BlobMissing
from troth.ledger.client import Ledger
from troth.ledger.records import Receipt
from troth.round.driver import Party
from troth.round.view import StudyView
from troth.storage.blobs import BlobStore


def place_of(folder: Path, digest: bytes) -> Path:
    """Where a store in a folder keeps the blob of a digest."""
    text = digest.hex()
    return folder / text[:2] / text


def plant(folder: Path, digest: bytes, data: bytes) -> None:
    """Put any bytes under a digest, as whoever runs the store can."""
    path = place_of(folder, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class UncheckedBlobs:
    """A store client without the defence: it compares neither digest nor size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> bytes:
        """Store unless something lies there."""
        digest = digest_of(data)
        if not self.has(digest):
            plant(self._folder, digest, data)
        return digest

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """Whatever lies under the digest."""
        del max_size
        path = place_of(self._folder, digest)
        if not path.is_file():
            raise BlobMissing(digest.hex())
        return path.read_bytes()

    def has(self, digest: bytes) -> bool:
        """Whether something lies under the digest."""
        return place_of(self._folder, digest).is_file()

    def delete(self, digest: bytes) -> None:
        """Take away what lies there."""
        place_of(self._folder, digest).unlink(missing_ok=True)


class NamedFiles(UncheckedBlobs):
    """A store client that takes any bytes for a name and joins them to its folder."""

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """Whatever lies under the name."""
        del max_size
        return (self._folder / digest.decode()).read_bytes()


class Diverting:
    """A store that serves everybody's blobs but takes one digest from elsewhere."""

    def __init__(self, store: BlobStore, digest: bytes, elsewhere: BlobStore) -> None:
        self._store, self._digest, self._elsewhere = store, digest, elsewhere

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """From the store, or from elsewhere."""
        source = self._elsewhere if digest == self._digest else self._store
        return source.get(digest, max_size=max_size)

    def put(self, data: bytes) -> bytes:
        """Into the store."""
        return self._store.put(data)

    def has(self, digest: bytes) -> bool:
        """As the store."""
        return self._store.has(digest)

    def delete(self, digest: bytes) -> None:
        """From the store."""
        self._store.delete(digest)


class Metering:
    """A store that remembers the largest blob that it gave to anybody."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.largest = 0

    def get(self, digest: bytes, *, max_size: int) -> bytes:
        """As the store."""
        data = self._store.get(digest, max_size=max_size)
        self.largest = max(self.largest, len(data))
        return data

    def put(self, data: bytes) -> bytes:
        """Into the store."""
        return self._store.put(data)

    def has(self, digest: bytes) -> bool:
        """As the store."""
        return self._store.has(digest)

    def delete(self, digest: bytes) -> None:
        """From the store."""
        self._store.delete(digest)


class ServedBy(Party[Any]):
    """A party that is served by a store of its own."""

    def __init__(self, party: Party[Any], store: BlobStore) -> None:
        """Take over a party, state and all."""
        vars(self).update(vars(party))
        self._served_by = store

    def tick(self, ledger: Ledger, store: BlobStore, view: StudyView, now: int) -> list[Receipt]:
        """One step with that store."""
        del store
        return super().tick(ledger, self._served_by, view, now)
