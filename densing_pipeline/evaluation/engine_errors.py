"""Tells errors of vLLM apart: too little memory, a fault of the installation, or a model it cannot run.

vLLM reports them in many forms; what its processes wrote is searched as well (`engine_log`). Not here:
starting the engine (`vllm_engine`) and computing a sizing (`sizing`).
"""

import re
from dataclasses import replace

from densing_pipeline.evaluation.engine_log import root_cause
from densing_pipeline.evaluation.failures import (
    BlockedError,
    EvaluationError,
    InstallationError,
    UnexplainedError,
)
from densing_pipeline.evaluation.sizing import Sizing, smaller

SHORT = re.compile(
    r"out of memory|OutOfMemory|can't allocate memory|bad_alloc|Cannot allocate memory"
    r"|No available memory for the cache|MemoryError|Failed core proc\(s\): \{[^}]*: -9\b",
    re.IGNORECASE,
)
"""Too little memory; -9 is the exit status of a process that the kernel killed, mostly for its memory."""

LONGEST = re.compile(r"estimated maximum model length is (\d+)")

TAKEN = re.compile(r"Free memory on device")
"""Memory that another process has taken since the GPUs were listed."""

WITHOUT_REASON = re.compile(r"Engine core initialization failed|EngineDeadError")

INSTALLATION = re.compile(
    r"fatal error: Python\.h|Failed to find C compiler|CalledProcessError: Command '\['\S*(?:cc|clang)'"
    r"|NVIDIA driver on your system|driver version is insufficient|unsupported display driver"
    r"|forward compatibility was attempted|no kernel image is available|unsupported toolchain"
    r"|Bfloat16 is only supported on GPUs|No CUDA GPUs are available|no CUDA-capable device"
    r"|invalid device ordinal|Failed to infer device type|system not yet initialized"
    r"|Driver/library version mismatch|not compiled with CUDA|0 active drivers|CUDA driver initialization failed"
    r"|CUDA unknown error|uncorrectable ECC error|GPU is lost|fallen off the bus|is/are busy or unavailable"
    r"|NCCL error|ncclSystemError|unable to open shared memory|No space left on device"
    r"|insufficient shared memory|Disk quota exceeded|Read-only file system|Too many open files|can't start new thread|Could not find nvcc"
)
"""Faults of GPU, driver, compiler, shared memory or disk, for which no model is to blame, anywhere in a log."""

BROKEN = re.compile(
    r"(?:Import|ModuleNotFound|Permission)Error:|undefined symbol|lib[\w+-]+\.so[\w.]*: cannot open"
    r"|AttributeError: (?:partially initialized )?module '|No such file or directory: '(?:ninja|nvcc)'"
    r"|Ninja is required|CUDA_HOME environment variable is not set|Command '\['(?:ninja|\S*nvcc)"
    r"|Address already in use|EADDRINUSE|Input/output error|Stale file handle"
)
"""A library or tool that cannot be loaded or does not fit the others, or a file, disk or port that cannot be used, as the
cause: elsewhere in a log it may be one that vLLM can do without."""

MODELS_OWN = re.compile(
    r"(?:Value|Key|Index|Type|Attribute|Assertion|NotImplemented|Validation|Safetensor)Error:"
    r"|RuntimeError: .*(?:size mismatch|must match|shape|dimension|not supported)"
)
"""How vLLM refuses a configuration or weights: by an exception of its own Python code. Any other cause, such as an
error of CUDA, says nothing about whether the model or the installation is to blame."""

SHORTEST_CONTEXT = 2048
"""Tokens; most prompts of the suite need more."""

LONGEST_WORDS = 400


def is_short(error: BaseException, log: str = "") -> bool:
    """Whether memory ran out, or an engine that ran died without a reason, for which that is the likeliest."""
    said = _said(error, log)
    if SHORT.search(said):
        return True
    died = any(type(each).__name__ == "EngineDeadError" for each in _chain(error))
    return died and root_cause(log) is None


def fitted(sized: Sizing, error: BaseException, log: str = "") -> Sizing | None:
    """Sizing to try after the engine did not start; None if memory was not the cause."""
    said = _said(error, log)
    if INSTALLATION.search(said):
        return None
    if found := LONGEST.search(said):
        context = int(found[1])
        return replace(sized, context=context) if context >= SHORTEST_CONTEXT else None
    return smaller(sized) if is_short(error, log) else None


def refusal(error: BaseException, log: str = "") -> EvaluationError:
    """What it means that vLLM did not start, and no other sizing is left to try.

    Returns:
        An `InstallationError` if no model is to blame, a `BlockedError` if the model is, and else an
        `UnexplainedError`: another attempt may succeed, but no second model should fail alike.
    """
    said, cause = _said(error, log), words(error, log)
    message = f"vLLM cannot load it: {cause}"
    if INSTALLATION.search(said) or BROKEN.search(cause) or TAKEN.search(said):
        return InstallationError(message)
    if WITHOUT_REASON.search(said) and root_cause(log) is None:
        return UnexplainedError(f"{message}; its process gave no reason, see the log of the job")
    if MODELS_OWN.match(cause) or is_short(error, log):
        return BlockedError(message)
    return UnexplainedError(message)


def breakdown(error: BaseException, log: str = "") -> EvaluationError:
    """What it means that vLLM broke down while it ran, and not for lack of memory.

    Returns:
        An `InstallationError` if no model is to blame, else an `UnexplainedError`.
    """
    is_installation = INSTALLATION.search(_said(error, log))
    kind = InstallationError if is_installation else UnexplainedError
    return kind(f"the engine broke down: {words(error, log)}")


def words(error: BaseException, log: str = "") -> str:
    """The innermost cause of an exception, in one line."""
    last = _chain(error)[-1]
    said = f"{type(last).__name__}: {last}"
    if WITHOUT_REASON.search(said):
        said = root_cause(log) or said
    return " ".join(said.split())[:LONGEST_WORDS]


def _said(error: BaseException, log: str) -> str:
    """Types and messages of an exception and its causes, and what the processes wrote."""
    return "\n".join([*(f"{type(each).__name__}: {each}" for each in _chain(error)), log])


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and its causes, outermost first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
