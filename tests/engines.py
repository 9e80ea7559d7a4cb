"""Stand-ins for vLLM that can be loaded in a process of their own."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from densing_pipeline.evaluation.failures import BlockedError
from densing_pipeline.evaluation.requests import GenerateResult, Request, Result
from densing_pipeline.evaluation.sizing import Sizing
from densing_pipeline.evaluation.weights import Weights


def weights(does: str) -> Weights:
    """Weights of a model that makes its engine do something."""
    return Weights(Path(does), 0, 0, None, 1, 10, 100, "t", "w")


def sized(count: int) -> list[Sizing]:
    """Sizings of some copies, each on a GPU of its own."""
    return [Sizing((str(gpu),), "H100", "bfloat16", 4096, 8, 1024) for gpu in range(count)]


class Numbered:
    """Answers each request with its prompt and the number of its GPU."""

    def __init__(self, does: str, sized: Sizing) -> None:
        """Load nothing."""
        self.does, self.sized = does, sized

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        if self.does == "die at work" and self.sized.gpus == ("1",):
            os._exit(7)
        for index, request in enumerate(requests):
            done(index, GenerateResult(f"{request.prompt} {self.sized.gpus[0]}", False, 1, 1))

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        differs = self.does == "differ" and self.sized.gpus == ("1",)
        return {"engine": "vllm", "context": 2048 if differs else 4096}

    def close(self) -> None:
        """Nothing is held."""


def load(weights: Weights, sized: Sizing, report_progress: Callable[[], None]) -> Numbered:
    """Load one, or fail, as the name of the weights says."""
    does = str(weights.path)
    if does == "refuse":
        raise BlockedError("too large")
    if does == "die":
        os._exit(7)
    report_progress()
    return Numbered(does, sized)
