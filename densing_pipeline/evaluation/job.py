"""Evaluates one model: `python -m densing_pipeline.evaluation.job --model <Hub id>`.

Runs in the evaluation environment (`make evaluation-env`), from a terminal or driven by Dagster Pipes.
How it ended is in the evaluation folder (`folder_writer`) and in the exit status:

    0  done: every benchmark asked for is measured
    1  failed: another attempt may succeed, and continues where this one ended
    2  wrong arguments: no file was changed
    3  blocked: another attempt would fail the same way
    4  another job holds the folder: no file was changed, or none since the other job took it

Not here: what is asked (`suite`), how (`vllm_engine`), and what becomes of the results (`measured_tables`).
"""

import argparse
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from densing_pipeline import clock
from densing_pipeline.addresses import redact
from densing_pipeline.evaluation import (
    adaptive,
    download,
    engine_processes,
    folder_store,
    gpu_locks,
    provenance,
    sizing,
    suite,
    vllm_engine,
    weights,
)
from densing_pipeline.evaluation.copies import EngineCopies
from densing_pipeline.evaluation.failures import (
    BlockedError,
    BusyError,
    EvaluationError,
    InstallationError,
    SandboxMissingError,
)
from densing_pipeline.evaluation.folder_format import folder_path
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.math_judge import MathJudge
from densing_pipeline.evaluation.measure import Tally, Work, is_measured, measure
from densing_pipeline.evaluation.meter import UNRECORDED, Costs, Meter
from densing_pipeline.evaluation.progress import Reporter, reporting
from densing_pipeline.evaluation.requests import Engine
from densing_pipeline.evaluation.sandbox import Sandbox, SandboxError, open_sandbox
from densing_pipeline.evaluation.scoring import Judges, PassesTests
from densing_pipeline.evaluation.sizing import Sizing
from densing_pipeline.evaluation.suite import Benchmark, Data, DataError, Store
from densing_pipeline.evaluation.watchdog import Watchdog
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.object_stores import StoreError
from densing_pipeline.tables.identifiers import COMMIT
from densing_pipeline.text import error_text
from densing_pipeline.units import GIB

# vLLM's own processes import this module as well.
engine_processes.end_with_parent()

EXIT = {"done": 0, "failed": 1, "blocked": 3}
EXIT_BUSY = 4

MAIN = "main"
"""Revision of a model without `--revision`."""

LOCAL = "local"
"""Beginning of the revision of a model read from a local folder instead of the Hub."""


@dataclass(frozen=True)
class Arguments:
    """The job's arguments: which model to evaluate, and on what.

    Attributes:
        model: Hub id, also of a model read from a local folder.
        revision: commit, branch or tag.
        weights: folder with the model; None to fetch it from the Hub.
        out: evaluation folder; None for the one in the state directory.
        data: local mirror of the benchmark files; None for the Hub.
        cache: where fetched weights are kept.
        disk_gib: GiB that all kept weights together may take at most.
        limit: items of each benchmark; None for all.
        sample_error: standard error of ln N_eff up to which samples are enlarged; None for whole benchmarks.
        benchmarks: what is measured.
        released: day on which the model was released; None if it is not known.
        gpus: GPUs for copies of the model; it has those that it needs in any case.
        hang_seconds: seconds without progress after which the evaluation is stopped.
        order: name under which the orchestrator started this job; None if it was started by hand.
        store: address of the object store that the folder is sent to; None if it stays here.
    """

    model: str
    revision: str
    weights: Path | None
    out: Path | None
    data: Path | None
    cache: Path
    disk_gib: float
    limit: int | None
    sample_error: float | None
    benchmarks: tuple[Benchmark, ...]
    released: date | None
    gpus: int
    hang_seconds: float
    order: str | None
    store: str | None

    @property
    def suite_version(self) -> str:
        """Suite version of the benchmarks that are measured."""
        return suite.version(self.benchmarks, self.sample_error)

    def local_revision(self, folder: Path) -> str:
        """Revision of a model read from a folder: as told, else `local-` and a hash of its files."""
        if self.revision != MAIN:
            return self.revision
        return f"{LOCAL}-{weights.digest(folder)[:12]}"

    def folder(self) -> Path:
        """The evaluation folder; without `out` the one in the state directory that the pipeline reads."""
        if self.out:
            return self.out
        root, key = _state_dir() / "evaluations", self.model.replace("/", "--")
        revision = self.revision
        if self.weights:
            revision = self.local_revision(self.weights)
        elif not COMMIT.fullmatch(revision):
            revision = download.find(self.model, revision).revision
        return folder_path(root, key, revision, self.suite_version, self.limit)


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate one model and return the exit status."""
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, _stop)
    with reporting() as reporter:
        try:
            folder, order = arguments.folder(), arguments.order
            leave = partial(_leave, reporter)
            store = folder_store.open_store(arguments.store) if arguments.store else None
            with FolderWriter(folder, order=order, on_loss=leave, store=store) as writer:
                return _evaluate(arguments, writer, reporter)
        except EvaluationError as error:
            reporter.say(f"{error.state}: {error}")
            return EXIT_BUSY if isinstance(error, BusyError) else EXIT[error.state]
        except StoreError as error:
            reporter.say(f"failed: {error}")
            return EXIT["failed"]


def _evaluate(arguments: Arguments, writer: FolderWriter, reporter: Reporter) -> int:
    """Evaluate the model and write the outcome; the exit status."""
    state, resumable, fault, trace = "failed", True, None, ""
    try:
        reason = _measure(arguments, writer, reporter)
        state, resumable = "done", False
    except EvaluationError as error:
        state, reason = error.state, str(error)
        resumable, fault = error.resumable, error.fault
    except (KeyboardInterrupt, SystemExit):
        reason = "stopped from outside"
    except Exception as error:
        trace = redact(traceback.format_exc())
        reason, fault = error_text(error), "unexplained"
    # Before the log line: on a full disk that one may fail.
    writer.end(state, reason, resumable=resumable, fault=fault)
    reporter.say(f"{trace}{state}: {reason}")
    return EXIT[state]


def _measure(arguments: Arguments, writer: FolderWriter, reporter: Reporter) -> str:
    """Load data and model, measure, and write the provenance; returns what was measured, in words.

    Raises:
        EvaluationError: the evaluation could not be finished.
    """
    started = time.monotonic()
    data, work, missing = _data(arguments)
    for remark in missing:
        reporter.say(remark)
    prompts = provenance.prompt_sha256(work)
    with ExitStack() as stack:
        judges, refused = _judges(arguments, stack)
        if refused:
            reporter.say(refused)
            work = [each for each in work if not _runs_programs(each.benchmark)]
            if _is_measured(arguments, work, provenance.of_data(data), writer):
                raise SandboxMissingError(f"{refused}; all other benchmarks are measured")
        machine = sizing.this_machine()
        vllm_engine.prepare(machine)
        revision, checked = _weights(arguments, reporter)
        copies = stack.enter_context(gpu_locks.placed(checked, arguments.gpus, reporter.say))
        watchdog = stack.enter_context(
            Watchdog(arguments.hang_seconds, lambda seconds: _give_up(writer, reporter, seconds))
        )
        times = f"{len(copies)} copies, each " if len(copies) > 1 else ""
        reporter.say(
            f"loading {arguments.model} at {revision} {times}on {copies[0].device}, {copies[0].dtype}"
        )
        engine = stack.enter_context(opened(checked, copies, watchdog.report_progress))
        facts = {
            **_facts(arguments, revision, writer, judges),
            "benchmarks": ", ".join(each.benchmark.name for each in work),
            **provenance.of_data(data),
            "prompt_sha256": prompts,
            **engine.provenance(),
            "loaded_at": clock.now().isoformat(),
        }
        earlier = dict(writer.earlier_provenance())
        own = {each.benchmark.name: provenance.own_fields(each.benchmark) for each in work}
        if deleted := writer.begin(facts, own):
            reporter.say(
                "items of another engine, suite, data or judge were there, measuring anew: "
                + ", ".join(deleted)
            )
        workers = max(os.cpu_count() or 1, 2) - 1
        before = _earlier_costs(writer, earlier)
        gpus = [gpu for each in copies for gpu in each.gpus]

        def save(costs: Costs) -> None:
            writer.write_costs({**costs, "seconds": _seconds_since(started, before)})

        meter = stack.enter_context(Meter(gpus, before, save))
        measuring = (engine, work, writer, judges, reporter, workers, watchdog.report_progress)
        if arguments.sample_error is None:
            tallies = measure(*measuring)
        else:
            names = [each.name for each in arguments.benchmarks]
            tallies = adaptive.measure_samples(
                *measuring, target=arguments.sample_error, suite=names
            )
            facts |= {f"sampled {name}": each.items for name, each in tallies.items()}
        facts |= engine.provenance()
    seconds = _seconds_since(started, before)
    facts |= provenance.of_results(tallies, seconds) | meter.costs
    writer.write_provenance({**facts, "finished_at": clock.now().isoformat()})
    reporter.end({**provenance.headline(tallies), **facts})
    _check(tallies, refused)
    measured = ", ".join(f"{name} {each.items} items" for name, each in tallies.items())
    return "; ".join([measured, *missing])


def _earlier_costs(writer: FolderWriter, earlier: Mapping[str, Any]) -> Costs:
    """Costs of earlier attempts whose items are kept; of a finished one they are in the provenance as well.

    Args:
        writer: the folder.
        earlier: the provenance before this attempt.
    """
    if not writer.has_items():
        return {}
    found = writer.saved_costs() or (earlier if "measuring_seconds" in earlier else UNRECORDED)
    return dict(found)


def _seconds_since(started: float, before: Costs) -> float:
    """Seconds of this attempt, begun at a time of the monotonic clock, and of those before it."""
    earlier = before.get("seconds")
    return time.monotonic() - started + (earlier if isinstance(earlier, int | float) else 0.0)


def _data(arguments: Arguments) -> tuple[dict[str, Data], list[Work], list[str]]:
    """Data and items of the benchmarks, and a remark for each benchmark left out for lack of data.

    Raises:
        InstallationError: data of an averaged benchmark, or of all benchmarks, are missing or differ
            from what is declared.
    """
    store, data, work, missing = Store(arguments.data), {}, [], []
    for each in arguments.benchmarks:
        try:
            loaded = suite.load(each, store, arguments.released)
            items = each.items(loaded)
        except DataError as error:
            if each.is_averaged:
                raise InstallationError(f"benchmark data: {error}") from error
            missing.append(f"without {each.name}: {error}")
        else:
            data[each.name] = loaded
            work.append(Work(each, suite.spread(items, arguments.limit)))
    if not work:
        raise InstallationError(f"benchmark data: {'; '.join(missing)}")
    return data, work, missing


def _weights(arguments: Arguments, reporter: Reporter) -> tuple[str, Weights]:
    """Revision and checked files of the model, fetched from the Hub unless they are local."""
    if arguments.weights:
        checked = weights.check(arguments.weights)
        return arguments.local_revision(arguments.weights), checked
    listed = download.find(arguments.model, arguments.revision)
    reporter.say(f"fetching {arguments.model}: {listed.size / GIB:.2f} GiB")
    return listed.revision, download.fetch(listed, arguments.cache, arguments.disk_gib * GIB)


@contextmanager
def opened(
    checked: Weights, copies: Sequence[Sizing], report_progress: Callable[[], None]
) -> Iterator[Engine]:
    """Context manager: the loaded model, in this process or, of several copies, in one each."""
    if len(copies) > 1:
        engine = EngineCopies(checked, copies, vllm_engine.VllmEngine, report_progress)
        with closing(engine):
            yield engine
    else:
        # It ends with this process, which has nothing left to do.
        yield vllm_engine.VllmEngine(checked, copies[0], report_progress)


def _judges(arguments: Arguments, stack: ExitStack) -> tuple[Judges, str]:
    """Judges of programs and of mathematics, and why programs cannot be run, if they cannot."""
    maths = stack.enter_context(MathJudge())
    if not any(map(_runs_programs, arguments.benchmarks)):
        return Judges(None, maths), ""
    try:
        return Judges(open_sandbox(), maths), ""
    except SandboxError as error:
        return Judges(None, maths), str(error)


def _is_measured(
    arguments: Arguments, work: Sequence[Work], content: Mapping[str, Any], writer: FolderWriter
) -> bool:
    """Whether an earlier attempt with the same weights, libraries and data has measured all of this.

    Answered without loading the model, so that one that waits for a sandbox takes no GPU.
    """
    if not work:
        return True
    told = writer.earlier_provenance()
    same = {
        "model_id": arguments.model,
        "suite_version": arguments.suite_version,
        "limit": arguments.limit,
        **vllm_engine.versions(),
        **{
            field: content[field]
            for each in work
            for field in provenance.own_fields(each.benchmark)
            if field in content
        },
    }
    if arguments.weights:
        same["weights_sha256"] = weights.digest(arguments.weights)
    elif told:
        same["revision"] = download.find(arguments.model, arguments.revision).revision
    return all(told.get(name) == value for name, value in same.items()) and all(
        is_measured(each, writer) for each in work
    )


def _runs_programs(benchmark: Benchmark) -> bool:
    return isinstance(benchmark.metric, PassesTests)


def _facts(
    arguments: Arguments, revision: str, writer: FolderWriter, judges: Judges
) -> dict[str, Any]:
    """Provenance that the job itself knows: model, revisions, suite, attempt, sandbox."""
    return {
        "model_id": arguments.model,
        "revision": revision,
        "requested_revision": arguments.revision,
        "suite_version": arguments.suite_version,
        "limit": arguments.limit,
        "released": arguments.released and arguments.released.isoformat(),
        "attempt": writer.attempt,
        "sandbox": judges.programs.name if isinstance(judges.programs, Sandbox) else None,
    }


def _check(tallies: Mapping[str, Tally], refused: str) -> None:
    """Refuse an evaluation with too many failed items, or whose programs were not run.

    Raises:
        BlockedError: more items of a benchmark failed than `folder_format.MOST_FAILED` allows.
        SandboxMissingError: there is no working sandbox.
    """
    if problems := [f"{name}: {each.problem}" for name, each in tallies.items() if each.problem]:
        raise BlockedError("; ".join(problems))
    if refused:
        raise SandboxMissingError(refused)


def _give_up(writer: FolderWriter, reporter: Reporter, seconds: float) -> None:
    """Write the outcome and end the process at once."""
    reason = f"nothing happened for {seconds:g} s: the engine hangs"
    try:
        writer.end("failed", reason, resumable=True, fault="unexplained")
        reporter.say(f"failed: {reason}")
    finally:
        _end_at_once(EXIT["failed"])


def _leave(reporter: Reporter, reason: str) -> None:
    """End the process at once and leave the folder as it is, for it is another job's."""
    try:
        reporter.say(f"failed: {reason}")
    finally:
        _end_at_once(EXIT_BUSY)


def _end_at_once(status: int) -> NoReturn:
    """End this process and those it started: a call that waits for a device ignores signals."""
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(status)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _state_dir() -> Path:
    return Path(os.environ.get("DENSING_STATE_DIR", ".densing"))


def _arguments(argv: Sequence[str] | None) -> Arguments:
    parser = argparse.ArgumentParser(
        prog="python -m densing_pipeline.evaluation.job", description="Evaluate one model."
    )
    add = parser.add_argument
    add("--model", required=True, help="Hub id, such as Qwen/Qwen3-8B-Base")
    add("--revision", default=MAIN, help="commit, branch or tag (default: main)")
    add("--weights", type=Path, help="folder with the model, instead of fetching it")
    add("--out", type=Path, help="evaluation folder (default: the pipeline's own)")
    add("--data", type=Path, help="local mirror of the benchmark files, instead of the Hub")
    add("--cache", type=Path, default=_state_dir() / "weights", help="where weights are kept")
    add("--disk-gib", type=float, default=500.0, help="most the kept weights may take (500)")
    add("--limit", type=int, help="items of each benchmark, for a trial")
    add("--sample-error", type=float, help="measure samples, up to this standard error of ln N_eff")
    add("--benchmarks", help=f"some of {','.join(suite.BENCHMARKS)} (default: the whole suite)")
    add("--released", type=date.fromisoformat, help="day of the model's release, as 2026-11-23")
    add("--gpus", type=int, default=1, help="GPUs for copies of the model, if it needs fewer (1)")
    add("--hang-seconds", type=float, default=1800.0, help="longest time without progress (1800)")
    add("--store", help="object store to send the folder to, such as s3://bucket/prefix")
    add("--order", help=argparse.SUPPRESS)
    told = parser.parse_args(argv)
    if told.limit is not None and told.limit < 1:
        parser.error("--limit: at least one item")
    if told.sample_error is not None and not 0 < told.sample_error < 1:
        parser.error("--sample-error: more than 0 and less than 1, such as 0.15")
    if told.sample_error is not None and told.limit is not None:
        parser.error("--sample-error: either this or --limit")
    try:
        benchmarks = (
            suite.select(told.benchmarks.split(","), told.data)
            if told.benchmarks
            else suite.in_force(told.data)
        )
    except ValueError as error:
        parser.error(f"--benchmarks: {error}")
    except DataError as error:
        parser.error(f"--data: {error}")
    return Arguments(**{**vars(told), "benchmarks": benchmarks})


if __name__ == "__main__":
    sys.exit(main())
