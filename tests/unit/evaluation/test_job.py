"""However a job ends, its exit status and its folder say so."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import polars as pl
import pytest
from obstore.store import MemoryStore

from densing_pipeline.benchmarks import BenchmarkFacts
from densing_pipeline.evaluation import (
    folder_format,
    folder_mirror,
    folder_reader,
    folder_store,
    job,
    suite,
    vllm_engine,
    weights,
)
from densing_pipeline.evaluation.failures import BlockedError
from densing_pipeline.evaluation.folder_format import OUTCOME
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.meter import UNKNOWN
from densing_pipeline.evaluation.progress import Lines
from densing_pipeline.evaluation.requests import (
    ChoiceResult,
    Failed,
    GenerateRequest,
    GenerateResult,
    Result,
)
from densing_pipeline.evaluation.sandbox import SandboxError
from densing_pipeline.evaluation.scoring import Letter, PassesTests
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Source, Split
from tests import engines
from tests.small_models import write_model

QUESTIONS = 6


class Engine:
    """Stands for vLLM: always A, always the same text."""

    runs = loads = 0

    def __init__(self, weights, sized, beat):
        """Load nothing."""
        Engine.loads += 1
        self.weights = weights

    def run(self, requests, done):
        Engine.runs += 1
        for index, request in enumerate(requests):
            done(index, self.answer(request))

    def answer(self, request):
        if hasattr(request, "choices"):
            return ChoiceResult((-1.0, -2.0, -3.0, -4.0), 50)
        return GenerateResult("    pass", False, 50, 3)

    def provenance(self):
        told = {"engine": "vllm", "vllm_version": "0.32.0", "dtype": "float32", "device": "cpu"}
        return told | {"weights_sha256": self.weights.sha256}


def record(raw):
    yield {name: raw[name] for name in ("id", "question", "reference")}


def benchmark(name, kind, metric, content=None):
    source = Source("Tiny", f"{name}.jsonl", record, home="mirror")
    return Benchmark(
        facts=BenchmarkFacts(name, QUESTIONS, chance=0.25, shots=0, measured="average"),
        splits=(Split("test", (source,), {"": content}),),
        split="test",
        prompt=Prompt("{question}"),
        kind=kind,
        metric=metric,
        licence="none",
        choices=(" A", " B", " C", " D") if kind == "choice" else (),
        max_tokens=8 if kind == "generate" else 0,
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A model, a mirror with two benchmarks, and an engine that needs no model."""
    write_model(tmp_path / "model")
    (tmp_path / "mirror" / "Tiny").mkdir(parents=True)
    for name in ("MMLU", "HumanEval"):
        rows = [{"id": f"q{n}", "question": f"Is {n}?", "reference": "A"} for n in range(QUESTIONS)]
        path = tmp_path / "mirror" / "Tiny" / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    declare(monkeypatch, benchmark("MMLU", "choice", Letter()))
    monkeypatch.setattr(vllm_engine, "VllmEngine", Engine)
    monkeypatch.setattr(vllm_engine, "prepare", lambda machine: None)
    monkeypatch.setattr(Engine, "runs", 0)
    monkeypatch.setattr(Engine, "loads", 0)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def declare(monkeypatch, *benchmarks):
    monkeypatch.setattr(suite, "SUITE", benchmarks)
    monkeypatch.setattr(suite, "BENCHMARKS", {each.name: each for each in benchmarks})


def revision(place):
    """What tells the model in the folder from another one of its name."""
    try:
        return f"local-{weights.digest(place / 'model')[:12]}"
    except BlockedError:
        return "local"


def out(place):
    return place / "evaluations" / "lab--m" / revision(place) / suite.version(suite.SUITE)


def run(place, *options):
    """Run the job; its exit status, and what the orchestrator reads of its folder."""
    status = job.main(
        ["--model", "lab/m", "--weights", str(place / "model"), "--out", str(out(place)),
         "--data", str(place / "mirror"), *options]
    )  # fmt: skip
    return status, folder_reader.read_folder(out(place))


def test_a_model_that_was_measured_is_done(place):
    status, found = run(place)
    assert (status, found.state, found.attempt) == (0, "done", 1)
    assert found.reason == "MMLU 6 items"
    assert pl.read_parquet(found.path / "MMLU.parquet")["score"].to_list() == [1.0] * QUESTIONS
    told = found.provenance
    assert (told["model_id"], told["revision"], told["limit"]) == ("lab/m", revision(place), None)
    assert (told["prompt_tokens"], told["failed MMLU"], told["truncated MMLU"]) == (300, 0, 0)
    assert set(found.files) == {"MMLU.parquet", "provenance.json"}


def test_what_is_finished_is_not_measured_again(place):
    run(place)
    (out(place) / OUTCOME).unlink()
    status, found = run(place)
    assert (status, found.state, Engine.runs) == (0, "done", 1)


def test_a_folder_travels_through_a_store_and_the_next_machine_measures_nothing_again(
    place, monkeypatch
):
    memory = FolderStore(MemoryStore(), "memory://evaluations")
    monkeypatch.setattr(folder_store, "open_store", lambda url: memory)
    assert run(place, "--store", "s3://bucket/evaluated")[0] == 0
    shutil.rmtree(place / "evaluations")
    folder_mirror.bring(memory, out(place))
    assert folder_reader.read_folder(out(place)).state == "done"
    shutil.rmtree(place / "evaluations")
    status, found = run(place, "--store", "s3://bucket/evaluated")
    assert (status, found.attempt, Engine.runs) == (0, 2, 1)


def test_a_store_that_cannot_be_used_fails_before_a_model_is_loaded(place, capsys):
    status, found = run(place, "--store", "s3://bucket:x/evaluated")
    assert (status, found.attempt, Engine.loads) == (1, 0, 0)
    assert "failed: s3://***: invalid port number" in capsys.readouterr().err


def test_a_trial_takes_some_items_of_each_benchmark(place):
    status, found = run(place, "--limit", "2")
    assert (status, found.provenance["limit"]) == (0, 2)
    assert pl.read_parquet(found.path / "MMLU.parquet")["item_id"].to_list() == ["q0", "q3"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda model: (model / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda model: (model / "model.safetensors").rename(model / "x.bin"), "only pickled"),
        (lambda model: os.truncate(model / "model.safetensors", 200), "is cut off"),
        (lambda model: write_model(model, num_hidden_layers=9), "says 9 layers"),
        (lambda model: write_model(model, model_type="own", auto_map={}), "code of its own"),
    ],
)
def test_a_model_that_may_not_be_loaded_is_blocked(place, spoil, reason):
    spoil(place / "model")
    status, found = run(place)
    assert (status, found.state, found.resumable) == (3, "blocked", False)
    assert reason in found.reason


def test_prompts_longer_than_the_context_block_the_model(place, monkeypatch):
    long = Failed("a prompt of 700 tokens, in a context of 512", "context")
    monkeypatch.setattr(Engine, "answer", lambda self, request: long)
    status, found = run(place)
    assert (status, found.state) == (3, "blocked")
    assert found.reason == f"MMLU: 6 of 6 items failed, most as: {long.reason}"


def test_data_with_another_hash_are_no_fault_of_the_model(place, monkeypatch):
    declare(monkeypatch, benchmark("MMLU", "choice", Letter(), content="0" * 64))
    status, found = run(place)
    assert (status, found.state, found.resumable) == (1, "failed", True)
    assert "MMLU.jsonl: not the test data of MMLU" in found.reason
    assert (found.fault, found.excused) == ("installation", 1)


def test_without_sandbox_programs_have_no_score_and_the_rest_is_kept(place, monkeypatch):
    programs = benchmark("HumanEval", "generate", PassesTests("{prompt}{response}"))
    declare(monkeypatch, benchmark("MMLU", "choice", Letter()), programs)

    def refuse():
        raise SandboxError("programs are not run, because no sandbox passes its probes")

    monkeypatch.setattr(job, "open_sandbox", refuse)
    monkeypatch.setattr(vllm_engine, "versions", lambda: {"vllm_version": "0.32.0"})
    for _ in range(2):
        status, found = run(place)
        assert (status, found.state, found.resumable) == (1, "failed", True)
        assert "no sandbox passes its probes" in found.reason
        assert (found.fault, found.excused) == ("sandbox", 1)
        assert (found.path / "MMLU.parquet").exists()
        assert not (found.path / "HumanEval.parquet").exists()
        assert Engine.loads == 1, "the model is not loaded again for what waits"
    (found.path / "MMLU.parquet").unlink()
    run(place)
    assert Engine.runs == Engine.loads == 2, "what is gone is measured again"
    monkeypatch.setattr(vllm_engine, "versions", lambda: {"vllm_version": "0.33.0"})
    run(place)
    assert Engine.loads == 3, "another engine may measure otherwise"


def test_without_sandbox_a_model_of_which_only_programs_are_wanted_is_not_loaded(
    place, monkeypatch
):
    declare(monkeypatch, benchmark("HumanEval", "generate", PassesTests("{prompt}{response}")))

    def refuse():
        raise SandboxError("programs are not run")

    monkeypatch.setattr(job, "open_sandbox", refuse)
    status, found = run(place)
    assert (status, found.fault, Engine.loads) == (1, "sandbox", 0)


def test_an_engine_that_breaks_says_how(place, monkeypatch):
    monkeypatch.setattr(Engine, "answer", lambda self, request: 1 / 0)
    status, found = run(place)
    assert (status, found.state) == (1, "failed")
    assert found.reason == "ZeroDivisionError: division by zero"
    assert (found.fault, found.excused) == ("unexplained", 0)


def break_off_after(monkeypatch, items):
    """Let the engine break after some answers, each of which takes a moment."""
    answer, left = Engine.answer, iter(range(items))

    def answer_or_break(self, request):
        time.sleep(0.01)
        if next(left, None) is None:
            raise RuntimeError("an illegal memory access was encountered")
        return answer(self, request)

    monkeypatch.setattr(Engine, "answer", answer_or_break)


def test_what_an_attempt_cost_that_broke_off_is_part_of_what_the_evaluation_cost(
    place, monkeypatch
):
    with monkeypatch.context() as once:
        break_off_after(once, 4)
        status, found = run(place)
    assert (status, found.state) == (1, "failed")
    saved = folder_format.read_json(found.path / folder_format.COSTS)
    assert saved["measuring_seconds"] >= 0.04
    status, found = run(place)
    assert status == 0
    assert found.provenance["measuring_seconds"] > saved["measuring_seconds"]
    assert found.provenance["seconds"] > saved["seconds"] >= saved["measuring_seconds"]


def test_costs_of_kept_items_that_nobody_recorded_are_not_known(place, monkeypatch):
    with monkeypatch.context() as once:
        break_off_after(once, 4)
        _, found = run(place)
    (found.path / folder_format.COSTS).unlink()  # as a job of an earlier version left it
    _, found = run(place)
    assert found.state == "done"
    assert found.provenance["measuring_seconds"] is None
    assert found.provenance["joules_reason"] == UNKNOWN
    # Without items there is nothing that they belong to.
    for path in (*found.path.glob("*.parquet"), found.path / folder_format.COSTS):
        path.unlink()
    _, found = run(place)
    assert found.provenance["measuring_seconds"] is not None


def test_a_job_that_is_asked_to_end_ends_and_says_so(place, monkeypatch):
    monkeypatch.setattr(
        Engine, "answer", lambda self, request: os.kill(os.getpid(), signal.SIGTERM)
    )
    status, found = run(place)
    assert (status, found.state, found.resumable) == (1, "failed", True)
    assert found.reason == "stopped from outside"


def test_a_second_job_in_a_folder_leaves_it_alone(place):
    with FolderWriter(out(place)):
        status, found = run(place)
    assert status == 4
    assert not (found.path / "provenance.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--benchmarks", "MMLU,ARC"],
        ["--limit", "0"],
        ["--limit", "few"],
        ["--sample-error", "0"],
        ["--sample-error", "0.15", "--limit", "3"],
    ],
)
def test_wrong_arguments_touch_nothing(place, options, capsys):
    with pytest.raises(SystemExit) as caught:
        run(place, *options)
    assert caught.value.code == 2
    assert not out(place).exists()


def test_a_folder_that_cannot_be_made_is_a_failure(place):
    out(place).parent.mkdir(parents=True)
    out(place).write_text("a file")
    assert run(place)[0] == 1


def test_by_hand_it_writes_where_the_pipeline_looks(place, monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", str(place / "state"))
    status = job.main(
        ["--model", "lab/m", "--weights", str(place / "model"), "--data", str(place / "mirror")]
    )
    version = suite.version(suite.SUITE)
    root = place / "state" / "evaluations"
    assert status == 0
    assert (
        folder_reader.read_folder(
            folder_format.folder_path(root, "lab--m", revision(place), version, None)
        ).state
        == "done"
    )


def test_a_second_checkpoint_of_one_name_has_no_items_of_the_first(place, monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", str(place / "state"))
    told = ["--model", "lab/m", "--data", str(place / "mirror")]
    second = write_model(place / "second", rms_norm_eps=1e-5)
    folders = []
    for model in (place / "model", second):
        assert job.main([*told, "--weights", str(model)]) == 0
        folders = sorted((place / "state" / "evaluations" / "lab--m").iterdir())
    assert len(folders) == 2, "each in a folder of its own"
    assert Engine.runs == 2
    # In one folder, and under a revision that the person gave both, the items are measured anew.
    one = [*told, "--out", str(place / "one"), "--revision", "step-1000"]
    for model in (place / "model", second, second):
        (place / "one" / OUTCOME).unlink(missing_ok=True)
        assert job.main([*one, "--weights", str(model)]) == 0
    assert Engine.runs == 4


HANGING = """
import sys, time
from pathlib import Path
from densing_pipeline.evaluation import job
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.meter import UNKNOWN
from densing_pipeline.evaluation.progress import Lines
from densing_pipeline.evaluation.watchdog import Watchdog
with FolderWriter(Path(sys.argv[1])) as writer:
    lines = Lines(lambda line: None, None)
    with Watchdog(0.2, lambda seconds: job._give_up(writer, lines, seconds)):
        time.sleep(600)
"""


def test_an_engine_that_hangs_is_ended(tmp_path: Path):
    folder = tmp_path / "lab--m" / "r" / "v"
    done = subprocess.run([sys.executable, "-c", HANGING, folder], check=False)  # noqa: S603
    found = folder_reader.read_folder(folder)
    assert (done.returncode, found.state, found.resumable) == (1, "failed", True)
    assert found.reason == "nothing happened for 0.2 s: the engine hangs"


def test_the_folder_says_how_it_ended_where_nothing_can_be_reported(place, monkeypatch):
    def full(text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(job, "reporting", lambda: contextlib.nullcontext(Lines(full, None)))
    with pytest.raises(OSError, match="No space left"):
        run(place)
    found = folder_reader.read_folder(out(place))
    assert found.state == "failed"
    assert "No space left" in found.reason
    assert found.finished_at


def test_once_offline_nothing_is_fetched_in_this_process_either(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    vllm_engine.go_offline()
    assert huggingface_hub.is_offline_mode()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_several_copies_of_a_model_measure_as_one(monkeypatch):
    monkeypatch.setattr(vllm_engine, "VllmEngine", engines.load)
    requests = [GenerateRequest(str(number), (), 1) for number in range(200)]
    found: dict[int, Result] = {}
    with job.opened(engines.weights("answer"), engines.sized(2), lambda: None) as engine:
        engine.run(requests, found.__setitem__)
        assert engine.provenance()["data_parallel"] == 2
    texts = [each.text for each in found.values() if isinstance(each, GenerateResult)]
    assert sorted({text.split()[1] for text in texts}) == ["0", "1"]
    assert len(texts) == len(requests)
    with job.opened(engines.weights("answer"), engines.sized(1), lambda: None) as engine:
        assert isinstance(engine, engines.Numbered), "one is loaded in this process"
