"""Kill this process at a point of its progress: at one of the function calls it makes.

Calls do not depend on how busy the machine is, as seconds do, and come everywhere in the code.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def die() -> None:
    """Kill this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Count the calls of Python functions, in every thread started meanwhile and in this one.

    Yields:
        A list whose only item is the number so far.
    """
    made = [0]

    def count() -> None:
        made[0] += 1

    _on_each_call(count)
    try:
        yield made
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def die_at_call(number: int) -> None:
    """Have this process killed at the Python function call of that number, counted from 0."""
    left = number

    def die_or_count() -> None:
        nonlocal left
        if left == 0:
            die()
        left -= 1

    _on_each_call(die_or_count)


def _on_each_call(do: Callable[[], None]) -> None:
    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            do()

    threading.setprofile(profile)
    sys.setprofile(profile)
