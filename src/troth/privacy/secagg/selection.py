"""Which version of the whole-vector operations an instance uses, chosen by argument."""

from troth.privacy.hazmat.choice import Choice, takes_fast
from troth.privacy.secagg.field import FIELD128, Field
from troth.privacy.secagg.kernels import CLEAR, Kernels

FAST_FROM = 10_000
"""Dimension from which ``auto`` is ``fast``: there a report takes the clear version several times
as long, and loading the compiled code (about a second, once) pays off after some dozens."""


def select(choice: Choice, field: Field, dimension: int) -> Kernels:
    """The version for a choice, a field and a dimension; Field128 has the clear one only.

    Raises:
        ParameterError: The choice is none of ``auto``, ``clear``, ``fast``.
    """
    if not takes_fast(choice, dimension, FAST_FROM) or field is FIELD128:
        return CLEAR
    # Loading the compiler takes most of a second, which small dimensions never spend.
    from troth.privacy.hazmat.fast import FAST, load_kernels  # noqa: PLC0415

    load_kernels(field.dtype)
    return FAST
