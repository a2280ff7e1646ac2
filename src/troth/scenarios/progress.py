"""How a scenario tells what happens, to a terminal, a test or nobody."""

from typing import Protocol


class Progress(Protocol):
    """Told in order; every text is one line for a person."""

    def stage(self, title: str) -> None:
        """A new part of the story begins."""

    def count(self, done: int, total: int) -> None:
        """How far the present part is."""

    def note(self, kind: str, text: str) -> None:
        """Something worth seeing.

        ``kind`` is ``done``, ``rejected``, ``refused``, ``named`` or ``false``.
        """
