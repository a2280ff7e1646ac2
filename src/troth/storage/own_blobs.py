"""Blobs that a party must not lose while a round runs, in a folder of its own.

A role's state file stays small, however long the model is: it names its reports and shares by
digest, and they lie here, on disk before the state that names them. They may be secret (a site's
own shares), so each file is its owner's alone.
"""

from pathlib import Path

from troth.domain.hashing import digest
from troth.errors import BlobMissing, StateFileError
from troth.storage import private_file


class OwnBlobs:
    """Bytes by their SHA-256, for one process.

    Args:
        folder: where; made, closed to others, when the first blob comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> bytes:
        """Keep a blob that exists nowhere else; it is on disk when this returns.

        Returns:
            Its digest.

        Raises:
            StateFileError: it could not be written, so nothing may be said that depends on it.
        """
        return self._write(data, flush=True)

    def copy(self, data: bytes) -> bytes:
        """Keep a copy of what others made; a power cut may take it, the store then has it.

        Returns:
            Its digest.

        Raises:
            StateFileError: it could not be written.
        """
        return self._write(data, flush=False)

    def _write(self, data: bytes, *, flush: bool) -> bytes:
        name = digest(data)
        path = self._path(name)
        try:
            if not path.exists():
                self._folder.mkdir(mode=0o700, exist_ok=True)
                private_file.replace(path, data, flush=flush)
        except OSError as problem:
            raise StateFileError(f"own blob {path}: cannot be written: {problem.strerror}") from (
                problem
            )
        return name

    def get(self, name: bytes) -> bytes:
        """The bytes that were put under a digest.

        Raises:
            BlobMissing: there are none, or other ones than were put there.
            StateFileError: unreadable, or open to others.
        """
        path = self._path(name)
        try:
            data = private_file.read(path, "own blob")
        except FileNotFoundError:
            raise BlobMissing(name.hex()) from None
        except OSError as problem:
            raise StateFileError(f"own blob {path}: cannot be read: {problem.strerror}") from (
                problem
            )
        if digest(data) != name:
            # A copy that was not flushed when the power went; whoever needs it looks elsewhere.
            path.unlink(missing_ok=True)
            raise BlobMissing(name.hex())
        return data

    def clear(self) -> None:
        """Remove every blob, and whatever a crash left half-written."""
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)

    def _path(self, name: bytes) -> Path:
        return self._folder / name.hex()
