"""What a breakdown of the engine says: whether memory was short, and what would fit.

vLLM reports it in many forms, also as the death of a process that had no time to say why. Not here:
sizes themselves (`sizing`).
"""

import re
from dataclasses import replace

from densing_pipeline.evaluation.sizing import Sizing, smaller

SHORT = re.compile(
    r"out of memory|OutOfMemory|can't allocate memory|bad_alloc|Cannot allocate memory"
    r"|No available memory for the cache|MemoryError|Engine core initialization failed",
    re.IGNORECASE,
)

PASSING = re.compile(r"Engine core initialization failed|Free memory on device")
"""An engine process that died before it could say why, and memory that somebody else took meanwhile."""

LONGEST = re.compile(r"estimated maximum model length is (\d+)")

SHORTEST_CONTEXT = 2048
"""Tokens; with less, hardly a prompt of the suite can be asked."""

LONGEST_WORDS = 400


def is_short(error: BaseException) -> bool:
    """Whether memory ran out, or may have: an engine process that died cannot say."""
    names = {type(each).__name__ for each in _chain(error)}
    return "EngineDeadError" in names or any(
        SHORT.search(f"{type(each).__name__}: {each}") for each in _chain(error)
    )


def may_pass(error: BaseException) -> bool:
    """Whether it may go well another time: nothing says that it is the model's fault."""
    return any(PASSING.search(str(each)) for each in _chain(error))


def fitted(sized: Sizing, error: BaseException) -> Sizing | None:
    """A sizing to try after the engine did not start; None if it was not for the memory."""
    for each in _chain(error):
        if found := LONGEST.search(str(each)):
            context = int(found[1])
            return replace(sized, context=context) if context >= SHORTEST_CONTEXT else None
    return smaller(sized) if is_short(error) else None


def words(error: BaseException) -> str:
    """The innermost cause in one line."""
    last = list(_chain(error))[-1]
    text = " ".join(str(last).split())[:LONGEST_WORDS]
    return f"{type(last).__name__}: {text}"


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it came from."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
