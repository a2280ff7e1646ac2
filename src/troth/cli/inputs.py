"""Files that a person names on the command line: read whole and up to a size, or refused."""

from pathlib import Path

from troth.errors import InputError


def require_file(path: Path, what: str, option: str = "") -> None:
    """Refuse a path at which no plain file lies.

    Args:
        path: as it was given.
        what: the kind of file that is wanted, for example ``trust file``.
        option: the option that named it, if any.

    Raises:
        InputError: nothing is there, or a folder, or anything else that is no plain file.
    """
    named = f"{option} {path}".lstrip()
    try:
        if path.is_file():
            return
        problem = (
            "is a folder"
            if path.is_dir()
            else "is not a plain file"
            if path.exists()
            else "no such file"
        )
    except (OSError, ValueError) as reason:
        raise InputError(f"{named}: {reason}; give a file that can be read") from reason
    raise InputError(f"{named}: {problem}; give the path of a {what}")


def read_file(path: Path, what: str, most: int, option: str = "") -> bytes:
    """The bytes of a file; arguments as in `require_file`, and at most so many bytes.

    Raises:
        InputError: no file, one that cannot be read, or one that is too large to be what it should.
    """
    require_file(path, what, option)
    named = f"{option} {path}".lstrip()
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as problem:
        raise InputError(f"{named}: {problem}; give a file that can be read") from problem
    if len(data) > most:
        raise InputError(f"{named}: above {most} bytes; this is no {what}")
    return data
