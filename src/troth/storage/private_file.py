"""Files of one owner, replaced at once and on disk before anybody relies on them.

A file is whole or not there at all, closed to group and others from its first byte on, and never
the target of a symbolic link. Replacing a file does not wipe the old bytes from the disk.
"""

import os
import re
import stat
import tempfile
from pathlib import Path

from troth.errors import StateFileError


def replace(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Put a file in place, atomically; after the return its content and its name are on disk.

    Args:
        path: the file, in an existing folder that its owner can write.
        content: all of it.
        flush: whether to wait for the disk. What can be had again need not survive a power cut.

    Raises:
        OSError: it could not be written. The old file stands, or the new one if only the last flush
            of the folder failed.
    """
    # mkstemp makes the file with mode 0600, so the secret is never open to others.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
            file.write(content)
            if flush:
                file.flush()
                os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if not flush:
        return
    # The new name itself is on disk only once its folder is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_leftovers(path: Path) -> None:
    """Remove what a crash in the middle of `replace` left; it may hold secrets."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.tmp")
    for other in path.parent.iterdir():
        if pattern.fullmatch(other.name):
            other.unlink(missing_ok=True)


def read(path: Path, what: str) -> bytes:
    """The content of a file that is its owner's alone.

    Args:
        path: the file.
        what: how a message calls it.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        StateFileError: not a plain file, of another owner, or open to group or others.
    """
    # A symbolic link is not followed, and a pipe put there must not make us wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        _require_private(path, what, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _require_private(path: Path, what: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StateFileError(f"{what} {path}: not a plain file")
    if status.st_uid != os.geteuid():
        raise StateFileError(f"{what} {path}: belongs to another user; chown it to yourself")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise StateFileError(
            f"{what} {path}: mode {mode:04o} opens it to other users; chmod 600 it, and treat "
            "its secrets as known"
        )
