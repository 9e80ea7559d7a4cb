"""What it means that vLLM does not start: a smaller batch, a fault of the installation, or of the model."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from densing_pipeline.evaluation import engine_errors, sizing
from densing_pipeline.evaluation.engine_log import EngineLog, root_cause
from densing_pipeline.evaluation.failures import (
    BlockedError,
    InstallationError,
    UnexplainedError,
)
from densing_pipeline.evaluation.sizing import Sizing

SIZED = Sizing(("0",), "H100", "bfloat16", 16_384, 256, 8192)


def wrapper(status=1):
    """All that a job gets to know of an engine process that did not start (vllm/v1/engine/utils.py)."""
    return RuntimeError(
        "Engine core initialization failed. See root cause above. Failed core proc(s): "
        f"{{'EngineCore': {status}}}"
    )


def log(*lines):
    """What such a process wrote, behind vLLM's prefixes."""
    head = "(EngineCore pid=41) ERROR 11-29 08:00:00 [core.py:1042] "
    said = [f"{head}EngineCore failed to start.", f"{head}Traceback (most recent call last):"]
    said += [head + line for line in lines]
    wrapped = "RuntimeError: Engine core initialization failed. See root cause above."
    return "\n".join([*said, "(EngineCore pid=41) Traceback (most recent call last):", wrapped])


FITS = "ValueError: To serve at least one request, 9 GiB are needed; estimated maximum model length is {}."


@pytest.mark.parametrize(("longest", "context"), [(2048, 2048), (9000, 9000), (2047, None)])
def test_a_cache_too_small_for_the_context_shortens_it_in_both_process_modes(longest, context):
    in_process = engine_errors.fitted(SIZED, ValueError(FITS.format(longest)))
    of_its_own = engine_errors.fitted(SIZED, wrapper(), log(FITS.format(longest)))
    assert in_process == of_its_own
    assert (of_its_own and of_its_own.context) == context


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (wrapper(), log("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")),
        (wrapper(), log("ValueError: No available memory for the cache blocks.")),
        (wrapper(-9), ""),
    ],
)
def test_too_little_memory_is_found_in_what_the_engine_wrote_and_in_how_it_ended(error, said):
    assert engine_errors.fitted(SIZED, error, said) == sizing.smaller(SIZED)


def test_an_engine_that_gives_no_reason_is_started_once_and_may_be_tried_again():
    assert engine_errors.fitted(SIZED, wrapper()) is None
    refusal = engine_errors.refusal(wrapper())
    assert type(refusal) is UnexplainedError
    assert (refusal.resumable, refusal.fault) == (True, "unexplained")
    assert str(refusal).endswith("gave no reason, see the log of the job")


@pytest.mark.parametrize(
    "line",
    [
        "main.c:5:10: fatal error: Python.h: No such file or directory",
        "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12040).",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "RuntimeError: No CUDA GPUs are available",
        "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory",
        "RuntimeError: NCCL error: unhandled system error",
        "pynvml.NVMLError_LibRmVersionMismatch: Driver/library version mismatch",
        "AssertionError: Torch not compiled with CUDA enabled",
        "RuntimeError: 0 active drivers ([]). There should only be one.",
        "RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment",
        "RuntimeError: unable to mmap: DataLoader worker: insufficient shared memory (shm)",
        "AttributeError: module 'torch' has no attribute 'float4_e2m1fn_x2'",
        "AttributeError: partially initialized module 'vllm' has no attribute 'LLM'",
        "PermissionError: [Errno 13] Permission denied: '/home/densing/.triton/cache'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'ninja'",
        "OSError: [Errno 5] Input/output error: '/data/weights/model-00001.safetensors'",
        "OSError: [Errno 116] Stale file handle",
        "torch.distributed.DistNetworkError: EADDRINUSE, port: 29500, message: address already in use",
        "subprocess.CalledProcessError: Command '['/usr/bin/gcc', 'main.c']' returned non-zero exit status 1.",
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.",
        "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
        "torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
        "RuntimeError: CUDA-capable device(s) is/are busy or unavailable",
        "OSError: [Errno 24] Too many open files",
        "OSError: [Errno 28] No space left on device",
    ],
)
def test_a_fault_of_the_installation_is_no_models(line):
    refusal = engine_errors.refusal(wrapper(), log(line))
    assert isinstance(refusal, InstallationError)
    assert (refusal.state, refusal.resumable, refusal.fault) == ("failed", True, "installation")
    assert engine_errors.fitted(SIZED, wrapper(), log(line)) is None


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: Model architectures ['NewForCausalLM'] are not supported for now.",
        "KeyError: 'model.layers.0.self_attn.qkv_proj.weight_scale'",
        "AttributeError: 'NewConfig' object has no attribute 'rope_theta'",
        "AssertionError: Attempted to load weight (torch.Size([8])) into parameter (torch.Size([4]))",
        "RuntimeError: The size of tensor a (256) must match the size of tensor b (128)",
    ],
)
def test_what_only_this_model_meets_is_its_own(line):
    refusal = engine_errors.refusal(wrapper(), log(line))
    assert isinstance(refusal, BlockedError)
    assert str(refusal) == f"vLLM cannot load it: {line}"


@pytest.mark.parametrize(
    "line",
    [
        "torch.AcceleratorError: CUDA error: unspecified launch failure",
        "RuntimeError: cuBLAS error: CUBLAS_STATUS_INTERNAL_ERROR",
        "triton.runtime.errors.PTXASError: PTXAS error: internal error",
    ],
)
def test_what_says_nothing_about_the_model_may_be_tried_again_and_stops_all_if_it_comes_twice(line):
    refusal = engine_errors.refusal(wrapper(), log(line))
    assert type(refusal) is UnexplainedError
    assert (refusal.state, refusal.resumable, refusal.fault) == ("failed", True, "unexplained")
    assert type(engine_errors.breakdown(RuntimeError(line))) is UnexplainedError


def test_a_gpu_that_breaks_while_a_model_runs_is_no_fault_of_the_models():
    broken = engine_errors.breakdown(wrapper(), log("RuntimeError: GPU is lost"))
    assert type(broken) is InstallationError
    assert str(broken) == "the engine broke down: RuntimeError: GPU is lost"


def test_too_little_memory_for_the_smallest_batch_is_the_models():
    smallest = replace(SIZED, sequences=sizing.FEWEST_SEQUENCES, tokens=sizing.FEWEST_TOKENS)
    said = log("torch.OutOfMemoryError: CUDA out of memory.")
    assert engine_errors.fitted(smallest, wrapper(), said) is None
    assert isinstance(engine_errors.refusal(wrapper(), said), BlockedError)


def test_a_library_that_vllm_can_do_without_is_no_reason():
    lines = ("ImportError: cannot import name 'x' from 'y'", "KeyError: 'lm_head.weight'")
    assert isinstance(engine_errors.refusal(wrapper(), log(*lines)), BlockedError)
    assert isinstance(engine_errors.refusal(wrapper(), log(*lines[::-1])), InstallationError)


def test_memory_that_another_process_took_is_nobodys_fault():
    line = "ValueError: Free memory on device (3.1/79.2 GiB) is less than desired GPU memory utilization."
    refusal = engine_errors.refusal(wrapper(), log(line))
    assert refusal.fault == "installation"


def test_an_engine_that_dies_with_a_reason_is_not_taken_for_short_of_memory():
    died = type("EngineDeadError", (Exception,), {})("EngineCore encountered an issue.")
    assert engine_errors.is_short(died)
    assert engine_errors.is_short(died, log("torch.OutOfMemoryError: CUDA out of memory."))
    assert not engine_errors.is_short(died, log("AssertionError: block table"))


def test_the_root_cause_is_the_exception_that_reports_no_other_process():
    worker = "(VllmWorker-1 pid=9) torch.cuda.OutOfMemoryError: CUDA out of memory"
    engine = "(EngineCore pid=7) Exception: WorkerProc initialization failed due to an exception in a background process."
    assert root_cause(f"{worker}\n{engine}") == "OutOfMemoryError: CUDA out of memory"
    assert root_cause("loading weights: 100 %\nall is well") is None


def test_what_processes_write_is_read_along_and_still_shown(capfd):
    with EngineLog() as read:
        os.write(1, b"from this one\n")
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, time; print('from it', flush=True); time.sleep(.5); sys.exit('later')",
            ]
        )
    os.write(1, b"after the end\n")
    assert child.wait() == 1
    assert sorted(read.text(ended=True).split("\n")) == ["", "from it", "from this one", "later"]
    out, err = capfd.readouterr()
    assert out == "after the end\n"
    assert "from this one" in err
    assert "later" in err


def test_reading_along_leaves_no_open_files():
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with EngineLog() as read:
            pass
        read.text(ended=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
