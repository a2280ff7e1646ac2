"""Progress on standard error: live for a terminal, plain lines for a log.

Both tell what a scenario tells (`troth.scenarios.progress`).
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from troth.cli.output import printable

_WORDS = {
    "done": ("done", "green"),
    "rejected": ("REJECTED", "bold yellow"),
    "refused": ("REFUSED", "bold magenta"),
    "named": ("NAMED", "bold yellow"),
    "false": ("FALSE", "bold red"),
}
"""How each kind of note looks: a word for everybody, a colour where there are colours."""
PLAIN_COUNTS = 20
"""At most this many lines of a count are written to a log."""
PATIENCE = 1.0
"""Seconds after which a log is told that something takes long."""


class PlainTeller:
    """One line for everything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held back, so nothing is left to write."""

    def stage(self, title: str) -> None:
        """A new part of the story begins."""
        self._write(f"* {title}")

    def count(self, done: int, total: int) -> None:
        """How far the present part is; at most `PLAIN_COUNTS` lines of it."""
        if done * PLAIN_COUNTS // total > (done - 1) * PLAIN_COUNTS // total:
            self._write(f"  {done} of {total}")

    def note(self, kind: str, text: str) -> None:
        """Something worth seeing."""
        word, _ = _WORDS[kind]
        self._write(f"  {word}: {text}")

    def _write(self, text: str) -> None:
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


@dataclass
class LiveTeller:
    """A spinner and a bar below the lines that stay."""

    console: Console

    def __post_init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self.console,
            transient=True,
        )
        self._task = self._begin()

    def _begin(self) -> TaskID:
        return self._progress.add_task("", total=None, what="working", figures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def stage(self, title: str) -> None:
        """A new part of the story begins."""
        self._print(Text("▸ ", "bold cyan"), Text(printable(title), "bold"))
        self._progress.remove_task(self._task)
        self._task = self._begin()

    def count(self, done: int, total: int) -> None:
        """How far the present part is."""
        figures = f"{done} of {total}"
        self._progress.update(
            self._task, completed=done, total=total, what="rounds", figures=figures
        )

    def note(self, kind: str, text: str) -> None:
        """Something worth seeing."""
        word, style = _WORDS[kind]
        self._print(Text(f"  {word} ", style), Text(printable(text)))

    def _print(self, *parts: Text) -> None:
        self.console.print(*parts, sep="")


def teller() -> LiveTeller | PlainTeller:
    """Whichever suits what standard error is."""
    console = Console(stderr=True, highlight=False, emoji=False)
    return LiveTeller(console) if console.is_terminal else PlainTeller()


@contextmanager
def working(text: str) -> Iterator[None]:
    """Say that something takes a while: at once on a terminal, after a second in a log."""
    console = Console(stderr=True, highlight=False, emoji=False)
    if console.is_terminal:
        with console.status(Text(printable(text))):
            yield
        return
    notice = threading.Timer(PATIENCE, sys.stderr.write, [f"{printable(text)} ...\n"])
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()
