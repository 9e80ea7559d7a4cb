"""Ends vLLM's processes with the job: a job that is killed leaves none behind that holds GPU memory.

On GPUs vLLM runs its engine in a process of its own, and each of several GPUs in a process of the
engine's. Without this they outlive a job that ends by SIGKILL, as from the kernel's out-of-memory
killer. Not here: starting the engine (`vllm_engine`).
"""

import ctypes
import multiprocessing
import os
import signal

NAMES = ("EngineCore", "VllmWorker", "EngineCopy")
"""Beginnings of the names that vLLM gives its processes (`vllm/v1/engine/utils.py`,
`vllm/v1/executor/multiproc_executor.py`), and `copies` to its own."""

PR_SET_PDEATHSIG = 1
"""`prctl(2)`: the kernel sends this process a signal when the one that started it ends."""


PARENT = "EVALUATION_PARENT_PID"
"""Variable with the number of the process that starts others, for these; not a setting."""


def end_with_parent() -> None:
    """In a process of vLLM's, have the kernel kill it when the process that started it ends.

    A started process imports the main module of the one that started it ("spawn"), after it got its
    name and before it does anything else; so the job's module calls this. In other processes it only notes their number.
    """
    if multiprocessing.current_process().name.startswith(NAMES):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The process that started this one may have ended before that. multiprocessing does not know its number yet.
        if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
            os.kill(os.getpid(), signal.SIGKILL)
    os.environ[PARENT] = str(os.getpid())
