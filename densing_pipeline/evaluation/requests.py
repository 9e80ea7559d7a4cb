"""Requests to a model and their results, shared by suite, engine and scoring.

They hold texts only. Not here: tokens, batches and devices (`vllm_engine`), and scoring an answer
(`suite`, `scoring`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class ChoiceRequest:
    """Asks for the log-probabilities of a few continuations of a prompt, mostly of one token each.

    Attributes:
        prompt: the text up to the answer.
        choices: the continuations, with their leading space, such as `" A"`.
    """

    prompt: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class GenerateRequest:
    """Asks for a greedy continuation of a prompt.

    Attributes:
        prompt: the text to continue.
        stops: texts that end the continuation and are not part of it.
        max_tokens: most tokens of the continuation.
    """

    prompt: str
    stops: tuple[str, ...]
    max_tokens: int


@dataclass(frozen=True)
class LossRequest:
    """Asks for the negative log-likelihood of a reference answer.

    Attributes:
        prompt: text before the answer.
        answer: reference answer, with its leading space if it has one.
    """

    prompt: str
    answer: str


@dataclass(frozen=True)
class TextLossRequest:
    """Asks for the negative log-likelihood of a whole text, from its first token on.

    Attributes:
        text: the text.
    """

    text: str

    @property
    def prompt(self) -> str:
        """What comes before the text: nothing."""
        return ""


@dataclass(frozen=True)
class ChoiceResult:
    """Natural log-probability of each choice, in the order asked."""

    logprobs: tuple[float, ...]
    prompt_tokens: int


@dataclass(frozen=True)
class GenerateResult:
    """The continuation; `truncated` if `max_tokens` ended it."""

    text: str
    truncated: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class LossResult:
    """Loss of an answer or of a whole text.

    Attributes:
        nll_nats: sum of the negative log-likelihoods of the answer's tokens, in nats.
        answer_tokens: number of these tokens.
        prompt_tokens: tokens before the answer; of a whole text, of all windows together.
    """

    nll_nats: float
    answer_tokens: int
    prompt_tokens: int


@dataclass(frozen=True)
class Failed:
    """A request without a result: the prompt is too long, the logits are NaN, or the engine failed."""

    reason: str
    kind: Literal["context", "not_a_number", "engine"]


Request = ChoiceRequest | GenerateRequest | LossRequest | TextLossRequest
Result = ChoiceResult | GenerateResult | LossResult | Failed


class Engine(Protocol):
    """A loaded model that runs requests."""

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        """Run all requests as one queue.

        Args:
            requests: of any kinds, in any order.
            done: called once per request with its index and result, as soon as it is known.
        """

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        """What scores depend on: versions, data type, parallelism, device, tokenizer hash."""
