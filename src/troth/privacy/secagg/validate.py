"""Checks of arguments, with messages that name the argument, what it is and what it may be."""

from collections.abc import Sized

from troth.errors import ParameterError


def integer(name: str, value: int, low: int, high: int) -> int:
    """The value, if it is an integer (and no boolean) in low … high.

    Raises:
        ParameterError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ParameterError(f"{name} is {value}, expected {low} to {high}")
    return value


def size(name: str, value: Sized, expected: int) -> None:
    """Refuse a value of another length.

    Raises:
        ParameterError: The length is another one.
    """
    if len(value) != expected:
        raise ParameterError(f"{name}: length {len(value)}, expected {expected}")


def octets(name: str, value: bytes, expected: int) -> None:
    """Refuse what is not so many bytes.

    Raises:
        ParameterError: It is something else than ``bytes``, or has another length.
    """
    if not isinstance(value, bytes):
        raise ParameterError(f"{name} must be bytes, not {type(value).__name__}")
    size(name, value, expected)
