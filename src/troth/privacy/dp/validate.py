"""Checks of the integers and probabilities that the other modules of this room are given."""

from troth.errors import ParameterError


def require_integer(name: str, value: int, *, least: int, most: int | None = None) -> None:
    """Refuse a value that is not an integer in [least, most].

    Args:
        name: How the message calls the value.
        value: The value; ``True`` and ``3.0`` are not integers here.
        least: Smallest value allowed.
        most: Largest value allowed, or None for no limit.

    Raises:
        ParameterError: Wrong type or out of range.
    """
    if type(value) is not int:
        raise ParameterError(f"{name} must be an integer, not {value!r}")
    if value < least or (most is not None and value > most):
        limit = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ParameterError(f"{name} must be {limit}, not {value}")


def require_probability(name: str, value: float) -> None:
    """Refuse a value that is not strictly between 0 and 1 (NaN included).

    Raises:
        ParameterError: Out of range.
    """
    if not 0 < value < 1:
        raise ParameterError(f"{name} must lie strictly between 0 and 1, not {value!r}")
