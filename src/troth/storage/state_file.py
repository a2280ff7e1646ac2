"""A role's own small state file: whole or recognisably not, on disk before `write` returns.

Secrets of a round lie here (keys, sharings, what was revealed once), so the file is its owner's
alone. Format: magic (16 bytes), SHA-256 of the payload (32), payload. The checksum recognises torn
and altered files; it is no defence against whoever can write as the owner, and neither is anything
here against an older file of the same owner put back in place.

One process writes a file; nothing here locks it. Of two that write it at the same moment one may
get a `StateFileError`, or the later one wins, but the file is never a mixture of both. Replacing a
file does not wipe the old bytes from the disk.
"""

import os
import re
import stat
import tempfile
from pathlib import Path

from troth.domain.hashing import DIGEST_SIZE, digest
from troth.errors import StateFileError

MAGIC = b"troth/state/v1\0\0"


def write(path: Path, payload: bytes) -> None:
    """Replace the state file at once: after a crash the old or the new payload is there.

    Args:
        path: the file, in an existing folder that its owner can write.
        payload: the role's encoded state.

    Raises:
        StateFileError: it could not be written, so what it records must not be acted upon; the
            old file stands, or the new one if only the last flush of the folder failed.
    """
    try:
        _remove_leftovers(path)
        _replace(path, MAGIC + digest(payload) + payload)
    except OSError as problem:
        raise StateFileError(
            f"state file {path}: cannot be written: {problem.strerror}"
        ) from problem


def read(path: Path) -> bytes | None:
    """The payload of the last completed `write`, or None when there is no file.

    Raises:
        StateFileError: torn, altered or foreign; not a plain file; of another owner; or open to
            the group or to others.
    """
    try:
        content = _read_private(path)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise StateFileError(f"state file {path}: cannot be read: {problem.strerror}") from problem
    checksum, payload = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if digest(payload) != checksum:
        raise StateFileError(
            f"state file {path}: torn or altered (wrong checksum); give up the running round: "
            "with an older copy put back a secret could be used twice"
        )
    return payload


def _read_private(path: Path) -> bytes:
    # A symbolic link is not followed, and a pipe put there must not make us wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        _require_private(path, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise StateFileError(f"state file {path}: not a state file of version 1, or torn")
            return file.read()
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    # mkstemp makes the file with mode 0600, so the secret is never open to others.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    # The new name itself is on disk only once its folder is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_leftovers(path: Path) -> None:
    # A crash between mkstemp and replace leaves a file that may hold secrets.
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.tmp")
    for other in path.parent.iterdir():
        if pattern.fullmatch(other.name):
            other.unlink(missing_ok=True)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StateFileError(f"state file {path}: not a plain file")
    if status.st_uid != os.geteuid():
        raise StateFileError(f"state file {path}: belongs to another user; chown it to yourself")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise StateFileError(
            f"state file {path}: mode {mode:04o} opens it to other users; chmod 600 it, and treat "
            "its secrets as known"
        )
