"""How the kernels of this room are compiled: once, kept on disk, without the interpreter's lock.

A kernel is compiled when it is first called with arguments of new types, and the result is kept:
beside the module, or in the user's cache folder, or in ``NUMBA_CACHE_DIR``. What is kept is thrown
away when the *module's own* file changes, not when another one does. So everything that a kernel
calls stands in the same file.
"""

from collections.abc import Callable
from contextlib import suppress
from pickle import UnpicklingError
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Decorator: the function as machine code that runs on one thread and releases the GIL."""
    try:
        kernel = njit(function, cache=True, nogil=True)
    except RuntimeError:  # no folder can be written: then every process compiles for itself
        kernel = njit(function, nogil=True)
    else:
        kernel._cache = _Optional(kernel._cache)  # noqa: SLF001  # Numba offers no other way in
    return cast("F", kernel)


class _Optional:
    """A cache of compiled code that may fail: what is not kept is compiled again, and no more.

    Numba lets a full disk or a file cut short end a call that needed neither.
    """

    _FAILURES = (OSError, EOFError, UnpicklingError)

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *arguments: Any) -> Any:
        """What is kept for a signature, or None."""
        try:
            return self._cache.load_overload(*arguments)
        except self._FAILURES:
            return None

    def save_overload(self, *arguments: Any) -> None:
        """Keep what was compiled, if that is possible."""
        with suppress(*self._FAILURES):
            self._cache.save_overload(*arguments)
