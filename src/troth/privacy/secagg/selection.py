"""Which version of the whole-vector operations an instance uses, chosen by argument."""

from typing import Literal

from troth.errors import ParameterError
from troth.privacy.secagg.field import FIELD128, Field
from troth.privacy.secagg.kernels import CLEAR, Kernels

Choice = Literal["auto", "clear", "fast"]

FAST_FROM = 20_000
"""Dimension from which ``auto`` is ``fast``: below, loading the compiled code costs more than a
report (``benchmarks/secagg`` prints both)."""


def select(choice: Choice, field: Field, dimension: int) -> Kernels:
    """The version for a choice, a field and a dimension; Field128 has the clear one only.

    Raises:
        ParameterError: The choice is none of ``auto``, ``clear``, ``fast``.
    """
    if choice not in {"auto", "clear", "fast"}:
        raise ParameterError(f"kernels must be 'auto', 'clear' or 'fast', not {choice!r}")
    if choice == "clear" or field is FIELD128 or (choice == "auto" and dimension < FAST_FROM):
        return CLEAR
    # Loading the compiler takes most of a second, which small dimensions never spend.
    from troth.privacy.hazmat.fast import FAST  # noqa: PLC0415

    return FAST
