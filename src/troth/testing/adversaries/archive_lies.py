"""Archives that harm whoever unpacks them; the bundle's reader unpacks nothing."""

import io
import warnings
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from troth.audit.run import audit
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Observation,
    Outcome,
    argument,
)
from troth.testing.adversaries.observing import attempt
from troth.testing.adversaries.stage import Stage

INFLATED = 2**24
"""Bytes that a small file claims to hold."""


class UnsafeArchive(Attack, ABC):
    """An archive that harms whoever unpacks it."""

    actor = Actor.BUNDLE
    modes = EVERY_MODE
    expected = Outcome.REFUSED
    caught = "archive reader"
    switch = argument("an ordinary ZIP reader that unpacks what it finds")

    @abstractmethod
    def archive(self) -> bytes:
        """The file."""

    @abstractmethod
    def reached(self, folder: Path, size: int) -> bool:
        """The success predicate: of the folder it was unpacked in, and the size of the file."""

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Audit it, or unpack it."""
        folder = stage.folder.with_name("unpacked")
        folder.mkdir()
        path = stage.folder.with_name("unsafe.troth")
        path.write_bytes(self.archive())
        read: Callable[[], object] = (
            (lambda: audit(path)) if defended else (lambda: unpack_all(path, folder))
        )
        return attempt(read, lambda: self.reached(folder, path.stat().st_size))


def unpack_all(path: Path, folder: Path) -> None:
    """Write every member of a ZIP archive where its name says, the last of a name winning."""
    with zipfile.ZipFile(path) as source:
        for info in source.infolist():
            (folder / info.filename).write_bytes(source.read(info))


def zipped(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """What Python's own writer makes of these names and contents."""
    memory = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(memory, "w", method) as target:
        warnings.simplefilter("ignore", UserWarning)  # it would rather not write a name twice
        for name, content in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            info.external_attr = 0
            target.writestr(info, content)
    return memory.getvalue()


class DuplicateName(UnsafeArchive):
    """An archive holds two members of one name, one for the auditor and one for everybody else."""

    name = "duplicate-archive-name"
    wants = "readers take different members for the same one"

    def archive(self) -> bytes:
        """Two of a name."""
        return zipped([("a.json", b"first"), ("a.json", b"second")])

    def reached(self, folder: Path, size: int) -> bool:
        """Whether the second was taken."""
        del size
        path = folder / "a.json"
        return path.is_file() and path.read_bytes() == b"second"


class PathTraversal(UnsafeArchive):
    """An archive names a file outside of the folder that it is unpacked in."""

    name = "path-traversal"
    wants = "a file is written outside of the folder"

    def archive(self) -> bytes:
        """One step up."""
        return zipped([("../planted", b"x")])

    def reached(self, folder: Path, size: int) -> bool:
        """Whether it is there."""
        del size
        return folder.with_name("planted").exists()


class ArchiveBomb(UnsafeArchive):
    """An archive of some kilobytes unpacks to 16 MiB of zeros."""

    name = "archive-bomb"
    wants = "a hundred times its size is unpacked"

    def archive(self) -> bytes:
        """Zeros, deflated."""
        return zipped([("a", bytes(INFLATED))], zipfile.ZIP_DEFLATED)

    def reached(self, folder: Path, size: int) -> bool:
        """Whether it is there."""
        return sum(path.stat().st_size for path in folder.iterdir()) > 100 * size
