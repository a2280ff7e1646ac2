"""Where the command speaks: data on standard output, everything else on standard error.

Text that comes from a file may be written by anybody. Control characters in it are shown as
escapes, so that a bundle can neither forge a line nor command the terminal.
"""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

NAME = "troth"


def printable(text: str) -> str:
    """The text as one line without control, direction or other invisible characters."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )


def complain(text: str, prefix: str = f"{NAME}: error: ") -> None:
    """One line on standard error."""
    sys.stderr.write(f"{prefix}{printable(text)}\n")
    sys.stderr.flush()


def document(value: Any) -> None:
    """One JSON document on standard output, ASCII only, so that no locale changes it."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


class Page:
    """Prose and tables on standard output; coloured where a person reads, plain elsewhere."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        stream = sys.stdout if stream is None else stream
        self.console = Console(file=stream, highlight=False, emoji=False)

    def line(self, text: str = "", style: str = "") -> None:
        """One line, never wrapped, so that paths and commands can be copied."""
        self.console.print(Text(printable(text), style), soft_wrap=True)

    def tagged(self, tag: str, text: str, style: str) -> None:
        """A coloured word in a column of its own, then a line."""
        self.console.print(
            Text(f"  {tag:<16}", style), Text(printable(text)), sep="", soft_wrap=True
        )

    def table(self, table: Table) -> None:
        """A table, as wide as it needs to be."""
        self.console.print(table, soft_wrap=True)

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        self.line()
        self.line(text, "bold")


def program() -> str:
    """How to call this command again: its name where the shell finds it, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which(NAME)
    if called.name != NAME:
        return NAME
    on_path = found is not None and Path(found).resolve() == called.resolve()
    return NAME if on_path else shlex.quote(str(called))


def silence() -> None:
    """After the reader went away: let nothing, not even the interpreter's end, write to it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
