"""A self-test of a loaded engine, before anything is measured: one loss, computed in several ways, is one number.

It would notice an engine that returns log-probabilities of other tokens, or stale memory for those in its
prefix cache. Not here: the engine (`vllm_engine`).
"""

from collections.abc import Callable, Sequence

from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    Failed,
    LossRequest,
    LossResult,
    Request,
    Result,
)

MOST_ROUNDING = 0.2
"""Nats a token: bf16 differs by hundredths when the same prompt is computed in other pieces, stale rows by
whole nats."""

LETTERS = (" A", " B")

PROMPTS = tuple(
    "".join(f"{number} and {number} is {2 * number}.\n" for number in range(1, lines))
    + "Which letter comes first, A or B? Answer:"
    for lines in (2, 20, 21, 40)
)
"""Prompts that begin alike, so that most of each is in the prefix cache after another one."""

ANSWERS = (LETTERS[0], " A, for the letter A is the first one of the alphabet.")

Run = Callable[[Sequence[Request], bool], Sequence[Result]]
"""Runs requests; the second argument says whether losses may use the prefix cache."""


def problem(run: Run) -> str | None:
    """What is wrong with an engine, else None.

    Args:
        run: runs requests on it.
    """
    losses = [LossRequest(prompt, answer) for prompt in PROMPTS for answer in ANSWERS]
    fresh = run(losses, False)
    if broken := [each for each in fresh if isinstance(each, Failed) and each.kind == "engine"]:
        return broken[0].reason
    for cached in (run(losses, True), run(losses, True)):
        for request, one, other in zip(losses, fresh, cached, strict=True):
            if _differ(one, other):
                return (
                    f"the loss of {request.answer!r} without prefix cache is {one}, with it {other}"
                )
    choices = run([ChoiceRequest(prompt, LETTERS) for prompt in PROMPTS], True)
    for loss, choice in zip(fresh[:: len(ANSWERS)], choices, strict=True):
        if isinstance(choice, ChoiceResult) and isinstance(loss, LossResult):
            as_choice = LossResult(-choice.logprobs[0], loss.answer_tokens, loss.prompt_tokens)
            if _differ(loss, as_choice):
                return f"the loss of {LETTERS[0]!r} is {loss}, as a choice {as_choice}"
    return None


def _differ(one: Result, other: Result) -> bool:
    """Whether two results of one loss differ; of failed ones nothing is said."""
    if not isinstance(one, LossResult) or not isinstance(other, LossResult):
        return False
    if one.answer_tokens != other.answer_tokens:
        return True
    # A difference that is no number is one.
    return not abs(one.nll_nats - other.nll_nats) <= MOST_ROUNDING * one.answer_tokens
