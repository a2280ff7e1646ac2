"""What the command's exit codes mean, and how a failure becomes one line with one of them.

``docs/exit-codes.md`` explains each; the errors themselves know theirs (``troth/errors.py``).
"""

import errno
import os
import traceback
from contextlib import suppress
from enum import IntEnum

from troth.cli.output import complain, document, printable
from troth.errors import (
    BundleFalse,
    EngineUnavailable,
    LedgerError,
    NotABundle,
    ParameterError,
    RoundError,
    StateFileError,
    StorageError,
    TermsError,
    TrothError,
)

ERROR_FORMAT = "troth/error/v1"
DEBUG = "TROTH_DEBUG"
"""Environment variable that, when set, shows the traceback of an unexpected failure."""


class Exit(IntEnum):
    """Exit codes; they do not change between versions."""

    FINE = 0
    NO_FIT = 1
    WRONG_USE = 2
    FALSE = 3
    NOT_A_BUNDLE = 4
    FAILED = 5
    INTERNAL = 70
    INTERRUPTED = 130
    NO_READER = 141


_WHAT_TO_DO: dict[type[Exception], str] = {
    ParameterError: "choose another value",
    TermsError: "correct the terms; `troth plan` explains what fits",
    BundleFalse: "do not rely on this bundle; ask whoever gave it to you for another",
    NotABundle: "get the file again; nothing inside it was looked at",
    StorageError: "check the folder and its disk, then run the command again",
    EngineUnavailable: "`--ledger embedded` needs nothing else",
    LedgerError: "run the command again; the ledger keeps what it accepted",
    RoundError: "run the command again",
    StateFileError: "make the file readable by its owner only, or remove it and begin again",
    OSError: "check that the place exists, can be written and has room",
}
"""By class, the nearest one counts. An `InputError` says by itself what to do."""


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
"""Reasons of the operating system for which any file fails, whoever owns it."""
_ROOM = "make room, or choose another disk, and run the command again"


def explain(problem: Exception, *, as_json: bool = False) -> int:
    """Say in one line what failed, where, and what to do.

    Args:
        problem: what ended the work.
        as_json: print an error document too, unless the work printed one of its own.

    Returns:
        The exit code.
    """
    if isinstance(problem, TrothError):
        code, text = problem.exit_code, _sentence(problem, str(problem))
    elif isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename is not None else ""
        code, text = Exit.FAILED, _sentence(problem, where + (problem.strerror or str(problem)))
    else:
        code, text = Exit.INTERNAL, _unexpected(problem)
    if as_json and not isinstance(problem, BundleFalse):
        print_error(code, text)
    complain(text)
    return code


def print_error(code: int, text: str) -> None:
    """The error as a document, so that a script finds one whatever happened."""
    with suppress(OSError):  # where nothing can be written, the line on standard error remains
        document({"format": ERROR_FORMAT, "exit_code": int(code), "error": printable(text)})


def _sentence(problem: Exception, text: str) -> str:
    for reason in (problem, problem.__cause__):
        if isinstance(reason, OSError) and reason.errno in _NO_ROOM:
            return f"{text}; {_ROOM}"
    for kind in type(problem).__mro__:
        if kind in _WHAT_TO_DO:
            return f"{text}; {_WHAT_TO_DO[kind]}"
    return text


def _unexpected(problem: Exception) -> str:
    """A mistake of ours: short for a person, whole for whoever mends it."""
    if os.environ.get(DEBUG):
        for line in traceback.format_exception(problem):
            for part in line.splitlines():
                complain(printable(part), prefix="")
    return (
        f"internal error: {type(problem).__name__}: {problem}; this is a mistake in Troth, please "
        f"report it with the command you ran ({DEBUG}=1 shows where it happened)"
    )
