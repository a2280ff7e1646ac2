"""How the kernels of this room are compiled: once, kept on disk, without the interpreter's lock.

A kernel is compiled when it is first called with arguments of new types, and the result is kept:
beside the module, or in the user's cache folder, or in ``NUMBA_CACHE_DIR``. What is kept is thrown
away when the *module's own* file changes, not when another one does. So everything that a kernel
calls stands in the same file.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Decorator: the function as machine code that runs on one thread and releases the GIL."""
    try:
        return cast("F", njit(function, cache=True, nogil=True))
    except RuntimeError:  # no folder can be written: then every process compiles for itself
        return cast("F", njit(function, nogil=True))
