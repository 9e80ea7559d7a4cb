"""Compile loops over numbers to machine code.

A module of compiled functions is imported where it is first needed, because numba takes a second to import.

Not here: the loops.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types

Function = TypeVar("Function", bound=Callable[..., Any])

COUNT, NUMBER = types.intp, types.float64
INDICES = {dimensions: types.Array(COUNT, dimensions, "C") for dimensions in (1, 2)}
NUMBERS = {dimensions: types.Array(NUMBER, dimensions, "C") for dimensions in (1, 2)}
"""Types of arguments; of arrays by the number of dimensions. `argument` makes an array of these."""


def compiled(*arguments: object) -> Callable[[Function], Function]:
    """Decorator that compiles a function for arguments of these types.

    The machine code is kept beside the source, or in the user's cache folder if that cannot be written to, so that
    a machine compiles once; where it cannot be kept, every process compiles. Operations are done in the order they
    are written in: results are those of Python to the last bit.
    """

    def compile_function(function: Function) -> Function:
        try:
            return cast("Function", njit(arguments, cache=True)(function))
        except Exception:
            # Neither folder can be written to, the disk is full, or a file in it is damaged. What is wrong with the
            # function itself is raised again.
            return cast("Function", njit(arguments)(function))

    return compile_function


def argument(array: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """The array in C order and writable, as a compiled function needs it; a copy if it is not."""
    return np.require(array, requirements=("C", "W"))
