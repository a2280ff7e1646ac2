"""Clear or fast: the argument that chooses, wherever there is a choice."""

from typing import Literal

from troth.errors import ParameterError

Choice = Literal["auto", "clear", "fast"]
"""Which version runs: the one to read, the compiled one, or whichever is sooner done."""


def takes_fast(choice: Choice, size: int, fast_from: int) -> bool:
    """Whether the compiled version runs; ``auto`` means: from a size on.

    Raises:
        ParameterError: The choice is none of ``auto``, ``clear``, ``fast``.
    """
    if choice not in ("auto", "clear", "fast"):
        raise ParameterError(f"kernels must be 'auto', 'clear' or 'fast', not {choice!r}")
    return choice == "fast" or (choice == "auto" and size >= fast_from)
