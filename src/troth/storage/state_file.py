"""A role's own small state file: whole or recognisably not, on disk before `write` returns.

Secrets of a round lie here (keys, sharings, what was revealed once), so the file is its owner's
alone. Format: magic (16 bytes), SHA-256 of the payload (32), payload. The checksum recognises torn
and altered files; it is no defence against whoever can write as the owner, and neither is anything
here against an older file of the same owner put back in place.

One process writes a file; nothing here locks it. Of two that write it at the same moment one may
get a `StateFileError`, or the later one wins, but the file is never a mixture of both.
"""

from pathlib import Path

from troth.domain.hashing import DIGEST_SIZE, digest
from troth.errors import StateFileError
from troth.storage import private_file

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
        private_file.remove_leftovers(path)
        private_file.replace(path, MAGIC + digest(payload) + payload)
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
        content = private_file.read(path, "state file")
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise StateFileError(f"state file {path}: cannot be read: {problem.strerror}") from problem
    start = len(MAGIC) + DIGEST_SIZE
    checksum, payload = content[len(MAGIC) : start], content[start:]
    if content[: len(MAGIC)] != MAGIC:
        raise StateFileError(f"state file {path}: not a state file of version 1, or torn")
    if digest(payload) != checksum:
        raise StateFileError(
            f"state file {path}: torn or altered (wrong checksum); give up the running round: "
            "with an older copy put back a secret could be used twice"
        )
    return payload
