"""Recognises errors of vLLM that mean too little memory, and the sizing to try next.

vLLM reports them in many forms, one of which is an engine process that died without a message. Not
here: computing a sizing (`sizing`).
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
"""An engine process that died without a message, or memory taken by another process meanwhile."""

LONGEST = re.compile(r"estimated maximum model length is (\d+)")

SHORTEST_CONTEXT = 2048
"""Tokens; most prompts of the suite need more."""

LONGEST_WORDS = 400


def is_short(error: BaseException) -> bool:
    """Whether memory ran out or may have run out: an engine process that died gives no reason."""
    names = {type(each).__name__ for each in _chain(error)}
    return "EngineDeadError" in names or any(
        SHORT.search(f"{type(each).__name__}: {each}") for each in _chain(error)
    )


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed, for the error does not depend on the model."""
    return any(PASSING.search(str(each)) for each in _chain(error))


def fitted(sized: Sizing, error: BaseException) -> Sizing | None:
    """Sizing to try after the engine did not start; None if memory was not the cause."""
    for each in _chain(error):
        if found := LONGEST.search(str(each)):
            context = int(found[1])
            return replace(sized, context=context) if context >= SHORTEST_CONTEXT else None
    return smaller(sized) if is_short(error) else None


def words(error: BaseException) -> str:
    """The innermost cause of an exception, in one line."""
    last = list(_chain(error))[-1]
    text = " ".join(str(last).split())[:LONGEST_WORDS]
    return f"{type(last).__name__}: {text}"


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and its causes, outermost first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
