"""Loops over pixels, compiled by numba."""

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """Compile with numba, and cache the result for later processes if a folder is writable."""
    try:
        return njit(function, cache=True)
    except RuntimeError:  # neither the package's folder nor the user's is
        return njit(function)
