"""What a benchmark asks of a model and what comes back: the language of suite, engine and scoring.

Texts only: tokens, batches and devices are the engine's business (`engine`), what an answer is worth
that of the suite (`suite`, `scoring`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class ChoiceRequest:
    """Which of a few continuations, each a single token after the prompt, is likeliest.

    Attributes:
        prompt: the text up to the answer.
        choices: the continuations with their leading space, such as `" A"`.
    """

    prompt: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class GenerateRequest:
    """A greedy continuation.

    Attributes:
        prompt: the text to continue.
        stops: texts at which it ends; none of them is part of the result.
        max_tokens: its budget.
    """

    prompt: str
    stops: tuple[str, ...]
    max_tokens: int


@dataclass(frozen=True)
class LossRequest:
    """How surprised the model is by a reference answer.

    Attributes:
        prompt: the text the answer is conditioned on.
        answer: the reference answer, with its leading space if it has one.
    """

    prompt: str
    answer: str


@dataclass(frozen=True)
class ChoiceResult:
    """Natural log-probability of each choice, in the order asked."""

    logprobs: tuple[float, ...]
    prompt_tokens: int


@dataclass(frozen=True)
class GenerateResult:
    """The continuation; `truncated` if the budget ended it rather than a stop or the model."""

    text: str
    truncated: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class LossResult:
    """Summed negative log-likelihood of the answer's tokens, in nats, and how many there are."""

    nll_nats: float
    answer_tokens: int
    prompt_tokens: int


@dataclass(frozen=True)
class Failed:
    """A request the model could not serve, in words: too long a prompt, numbers that are none."""

    reason: str
    kind: Literal["context", "not_a_number", "engine"]


Request = ChoiceRequest | GenerateRequest | LossRequest
Result = ChoiceResult | GenerateResult | LossResult | Failed


class Engine(Protocol):
    """A loaded model that serves requests."""

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        """Serve all requests as one queue.

        Args:
            requests: of any kinds, in any order.
            done: called once per request with its index and result, as soon as it is there.
        """

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        """What a score depends on: versions, data type, parallelism, device, tokenizer hash."""
