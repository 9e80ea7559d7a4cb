"""Runs the evaluation job for one model through Dagster Pipes and records how it ended.

The job runs in its own environment and writes an evaluation folder. If the job is killed, its folder
gets an outcome that says so; if the orchestrator is killed, the kernel ends a job of the same machine as well,
and one of a cluster goes on. Not here: the job itself (`evaluation.job`), where it runs (`launchers`), and how
its folders are read (`evaluation.measured_tables`).
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from densing_pipeline import clock
from densing_pipeline.evaluation import (
    folder_format,
    folder_mirror,
    folder_reader,
    installation,
    lease,
    measured_tables,
    places,
    queue,
    suite,
)
from densing_pipeline.evaluation.folder_reader import Folder
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.evaluation.job_path import (
    check_command,
    environment_lacks,
    job_command,
    job_environment,
    package_alone,
    package_copied,
)
from densing_pipeline.evaluation.launched import Launched, launched
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.json_documents import load
from densing_pipeline.object_stores import StoreError
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.launchers.launcher import (
    Context,
    JobEndedError,
    Launcher,
    Order,
)
from densing_pipeline.orchestration.metadata import Metadata
from densing_pipeline.orchestration.partitions import model_id
from densing_pipeline.orchestration.tables import read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.identifiers import COMMIT
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.schemas import TableError

CHECK_HOURS = 0.5
"""Longest that the check of the installation may take; it loads a tiny model."""

BROUGHT_LATER = "the next night brings what it left in the store"
"""What becomes of the results of a job whose store could not be read at its end."""

STATUSES_OF_THE_JOB = (0, 1, 3)
"""Exit statuses with which the job ends after it has written its outcome (`evaluation.job.EXIT`)."""

LEFT_ITS_FOLDER = 4
"""Exit status of a job that does not hold its folder (`evaluation.job.EXIT_BUSY`)."""


def evaluate(
    context: dg.AssetExecutionContext, settings: Settings, launcher: Launcher
) -> dg.MaterializeResult[None]:
    """Evaluate the model of the run's partition, unless its folder is complete already.

    Raises:
        Failure: with the reason in the folder. The run is not retried; the queue asks for the model again.
    """
    model = model_id(context.partition_key)
    listed = _listed_revision(settings, model)
    revision = listed or _current_revision(settings, model)
    in_force = suite.in_force(settings.evaluation_data)
    path = folder_format.folder_path(
        settings.evaluations_dir.absolute(),
        context.partition_key,
        revision,
        suite.version(in_force, settings.evaluation_sample_error),
        settings.evaluation_limit,
    )
    with _store_errors("no evaluation is begun without it"):
        store = evaluation_store.opened(settings)
        if store:
            folder_mirror.bring(store, path)
    found = folder_reader.read_folder(path)
    if found.state == "running":
        raise _failure(f"another job is at it: {path} is locked")
    row, items = measured_tables.evaluation(found, in_force)
    told: Mapping[str, Any] = {}
    if row["state"] != "done" or row["item_limit"] != settings.evaluation_limit:
        if lacking := _lacks(settings):
            raise _failure(lacking)
        with _store_errors("no evaluation is begun without it"):
            name = f"densing-{secrets.token_hex(8)}"
            order = _order(settings, store, name, model, revision, path)
            _begin(found, listed or "main", set(items["benchmark"]), order.gpus, store)
        told = _run_job(context, settings, launcher, order, path, store)
        row, items = measured_tables.evaluation(folder_reader.read_folder(path), in_force)
    if row["state"] != "done":
        raise _failure(f"{row['state']}: {row['reason']}", path)
    return dg.MaterializeResult(metadata={**told, **_metadata(path, items)})


def command(
    settings: Settings, model: str, revision: str, path: Path, gpus: int, order: str
) -> list[str]:
    """The job's command line, with the paths of the machine that runs it."""
    options = {
        "--model": model,
        "--revision": revision,
        "--out": settings.on_nodes(path),
        "--cache": settings.on_nodes(settings.evaluation_cache_dir),
        "--disk-gib": settings.evaluation_disk_gib,
        "--limit": settings.evaluation_limit,
        "--sample-error": settings.evaluation_sample_error,
        "--data": settings.evaluation_data and settings.on_nodes(settings.evaluation_data),
        "--released": _release_date(settings, model),
        "--gpus": max(gpus, 1),
        "--order": order,
        "--store": settings.evaluation_store,
    }
    return job_command(settings.on_nodes(settings.evaluation_python), options)


def check(context: Context, settings: Settings, launcher: Launcher) -> list[str]:
    """Check whether this installation can evaluate models, in the evaluation environment (`preflight`).

    Args:
        context: of the run.
        settings: of this installation.
        launcher: runs the check where evaluations run.

    Returns:
        What the check printed, by line.

    Raises:
        Failure: it cannot; the reason is kept for the sensor.
    """
    if lacking := _lacks(settings):
        raise _failure(lacking)
    name = f"densing-check-{secrets.token_hex(4)}"
    trial = check_command(
        settings.on_nodes(settings.evaluation_python),
        settings.on_nodes(settings.state_dir),
        settings.on_nodes(settings.evaluation_cache_dir),
        settings.evaluation_store,
        name,
    )
    with _store_errors("no check is begun without it"):
        store = evaluation_store.opened(settings)
        if store:
            trial = evaluation_store.fetching(store, settings, trial)
    gpus = places.gpus_needed(None, settings.cluster_gpu_gib)
    order = Order(name, tuple(trial), _environment(settings), CHECK_HOURS, gpus)
    try:
        status, lines = launcher.output(context, order)
    except JobEndedError as error:
        installation.write_check(settings.state_dir, f"the check could not be run: {error}")
        raise _failure(str(error)) from error
    if store:
        with _store_errors("what the check found is not known"):
            evaluation_store.bring_check(store, settings, name)
    else:
        time.sleep(launcher.visible_after_s)
    found = installation.last_check(settings.state_dir)
    if status != 0 and not (found and found.problem):
        said = f"it ended with status {status}: {' '.join(lines[-1:])[:400]}"
        installation.write_check(settings.state_dir, f"the check could not be run: {said}")
        raise _failure(said)
    if found and found.problem:
        raise _failure(found.problem)
    return lines


def _lacks(settings: Settings) -> str | None:
    """Message if this machine is to evaluate and has no environment for it; what nodes have is seen by the check."""
    return (
        environment_lacks(settings.evaluation_python) if settings.evaluate_on == "local" else None
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Variables of the job and of the check, beside those that their machine has."""
    if settings.evaluation_store:
        return job_environment(None, settings.hub_endpoint)
    package = package_alone if settings.evaluate_on == "local" else package_copied
    return job_environment(settings.on_nodes(package(settings.job_dir)), settings.hub_endpoint)


def gpus_given(settings: Settings, model: str) -> int:
    """GPUs that the model is given.

    On this machine those with which the queue ends soonest (`places.gpus_for`); of a cluster those that its weights need.
    """
    check = installation.last_check(settings.state_dir)
    path = settings.tables_dir / "evaluation_queue.parquet"
    is_local = settings.evaluate_on == "local"
    if is_local and (check is None or check.places == 1):
        return 1
    try:
        table = read_table(path)
    except TableError:
        table = EVALUATION_QUEUE.empty()
    if not is_local or check is None:
        own = table.filter(pl.col("model_id") == model)["memory_gib"]
        return places.gpus_needed(_most(own), settings.cluster_gpu_gib)
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else clock.now()
    ended = installation.ended(settings.evaluations_dir)
    over = {each.key.replace("--", "/", 1) for each in ended if each.at > made}
    under_way = [
        each for each in launched(settings.evaluations_dir, clock.now()) if each.model_id != model
    ]
    work = _work(table, check.gpu_gib, check.places)
    ahead = [_under_way(each, work.get(each.model_id, places.Work(0.0))) for each in under_way]
    passed = {model, *over, *(each.model_id for each in under_way)}
    queued = queue.in_order(table, check.places)["model_id"].unique(maintain_order=True)
    behind = [work[each] for each in queued if each not in passed]
    return places.gpus_for(work.get(model, places.Work(0.0)), ahead, behind, check.places)


def _work(table: pl.DataFrame, gpu_gib: float, most: int) -> dict[str, places.Work]:
    """Hours of each model of the queue and GPUs that one copy needs; of several revisions those that take longest."""
    rows = table.group_by("model_id").agg(pl.col("estimated_gpu_hours", "memory_gib").max())
    return {
        model: places.Work(hours or 0.0, min(max(places.gpus_needed(memory_gib, gpu_gib), 1), most))
        for model, hours, memory_gib in rows.iter_rows()
    }


def _under_way(each: Launched, work: places.Work) -> places.Work:
    since = None
    if each.loaded_at:
        since = max((clock.now() - each.loaded_at).total_seconds() / 3600, 0.0)
    return replace(work, given=each.gpus or work.least, since=since)


def _most(values: pl.Series) -> float | None:
    """The largest of some values; None if none is known."""
    known: list[float] = values.drop_nulls().to_list()
    return max(known, default=None)


def _listed_revision(settings: Settings, model: str) -> str | None:
    """Commit of the model in the queue; None if it has no commit or is not in the queue."""
    try:
        queue = read_table(settings.tables_dir / "evaluation_queue.parquet")
    except TableError:
        return None
    rows = queue.filter(pl.col("model_id") == model, pl.col("state") != "excluded")
    revisions: list[str | None] = rows.sort("updated_at")["revision"].to_list()
    return revisions[-1] if revisions else None


def _release_date(settings: Settings, model: str) -> date | None:
    """Day of the model's release, of several revisions the latest; None if it is not in `models`."""
    try:
        models = read_table(settings.tables_dir / "models.parquet")
    except TableError:
        return None
    dates: list[date] = models.filter(pl.col("model_id") == model)["release_date"].to_list()
    return max(dates, default=None)


def _current_revision(settings: Settings, model: str) -> str:
    """The model's current commit on the Hub.

    Raises:
        Failure: the Hub gives none.
    """
    hub = Hub.of(settings)
    try:
        record = load(hub.get(hub.info_url(model.partition(":")[0])).content)
        if not COMMIT.fullmatch(sha := str(record["sha"])):
            raise ValueError(f"its answer is no commit: {sha[:60]!r}")
        return sha
    except (HubError, ValueError, KeyError, TypeError) as error:
        raise _failure(f"no commit of {model} is known and the Hub gives none: {error}") from error


def _begin(
    found: Folder,
    asked: str,
    kept: AbstractSet[str],
    gpus: int,
    store: FolderStore | None = None,
) -> None:
    """Record the attempt first, and delete an earlier outcome.

    Of evaluations that travel through a store the request is sent before anything changes here.

    Of a finished evaluation damaged files are deleted as well: without the hashes in the outcome they
    would be taken for complete.
    """
    request = {
        "attempt": found.attempt + 1,
        "excused": found.excused,
        "requested_revision": asked,
        "started_at": clock.now().isoformat(),
        "gpus": gpus,
    }
    if store:
        evaluation_store.send_request(store, found.path, request)
    found.path.mkdir(parents=True, exist_ok=True)
    if found.state == "done":
        for file in found.path.glob("*.parquet"):
            if file.stem not in kept and file.is_file():
                file.unlink()
    (found.path / folder_format.OUTCOME).unlink(missing_ok=True)
    folder_format.write_json(found.path / folder_format.REQUEST, request)


def _order(
    settings: Settings,
    store: FolderStore | None,
    name: str,
    model: str,
    revision: str,
    path: Path,
) -> Order:
    """The order of an evaluation; with a store, that has the package for its node afterwards."""
    gpus = gpus_given(settings, model)
    job = command(settings, model, revision, path, gpus, name)
    if store:
        job = evaluation_store.fetching(store, settings, job)
    return Order(name, tuple(job), _environment(settings), settings.evaluation_hours, gpus)


def _run_job(
    context: dg.AssetExecutionContext,
    settings: Settings,
    launcher: Launcher,
    order: Order,
    path: Path,
    store: FolderStore | None,
) -> Mapping[str, Any]:
    """Run the job; if it ended without an outcome, write one.

    Returns:
        Metadata that the job reported.
    """
    try:
        told = launcher.run(context, order)
    except JobEndedError as error:
        if error.status in STATUSES_OF_THE_JOB and store is None:
            _wait_for_outcome(path, launcher.visible_after_s)
        _release(path, order, store)
        _end(path, settings, error)
        return {}
    except dg.DagsterExecutionInterruptedError:
        # The run counts as stopped, whether or not the store can be read.
        with suppress(dg.Failure):
            _release(path, order, store)
            _end(path, settings, JobEndedError("stopped by hand"))
        raise
    if store is None:
        _wait_for_outcome(path, launcher.visible_after_s)
    else:
        with _store_errors(f"the job has ended; {BROUGHT_LATER}"):
            folder_mirror.bring(store, path)
    return told


def _release(path: Path, order: Order, store: FolderStore | None) -> None:
    """End the lease of a job that has ended; from a store, bring what it left."""
    if store:
        with _store_errors(f"the job has ended; {BROUGHT_LATER}"):
            evaluation_store.end_order(store, path, order.name)
            folder_mirror.bring(store, path)
    lease.end(path, order.name)


@contextmanager
def _store_errors(meaning: str) -> Iterator[None]:
    """Have errors of the store fail the run, with what that means."""
    try:
        yield
    except StoreError as error:
        raise _failure(f"{error}; {meaning}") from error


def _wait_for_outcome(path: Path, seconds: float) -> None:
    """Wait until the outcome that a job has written on another machine is seen on this one, or for some seconds."""
    deadline = time.monotonic() + seconds
    while not (path / folder_format.OUTCOME).exists() and time.monotonic() < deadline:
        time.sleep(1)


def _end(path: Path, settings: Settings, how: JobEndedError) -> None:
    """Write the outcome of a job that ended without one, unless another job holds the folder."""
    found = folder_reader.read_folder(path)
    if found.state == "running" or (path / folder_format.OUTCOME).exists():
        return
    meaning = {
        LEFT_ITS_FOLDER: ": it left its folder, for its lease was another job's or could not be renewed",
        124: f": it took longer than {settings.evaluation_hours:g} h (DENSING_EVALUATION_HOURS)",
        137: ": killed, for lack of memory or by hand",
        -9: ": killed, for lack of memory or by hand",
    }.get(how.status or 0, "")
    # A job that runs writes its outcome, also when it fails; so one that ends by itself without never ran.
    never_ran = how.status is not None and how.status >= 0 and not meaning
    if never_ran:
        meaning = (
            ": it did not start; its environment is broken (see the log of the run): `make evaluation-env` builds it "
            "anew, `densing evaluate --check` tries it"
        )
    # What was killed may have been too large, or the machine too small; what took too long is the model's.
    fault = how.fault or (
        "installation"
        if never_ran or how.status == LEFT_ITS_FOLDER
        else "unexplained"
        if "killed" in meaning
        else None
    )
    outcome = {
        "state": "failed",
        "reason": f"the job left no outcome; {how}{meaning}",
        "attempt": found.attempt,
        "started_at": found.started_at and found.started_at.isoformat(),
        "finished_at": clock.now().isoformat(),
        "resumable": True,
        "fault": fault,
    }
    folder_format.write_json(path / folder_format.OUTCOME, outcome)


def _failure(reason: str, path: Path | None = None) -> dg.Failure:
    metadata = {} if path is None else {"folder": dg.MetadataValue.path(str(path))}
    return dg.Failure(reason, metadata=metadata, allow_retries=False)


def _metadata(path: Path, items: pl.DataFrame) -> Metadata:
    """Metadata of the run: scores, which the UI plots over time, and paths."""
    means = items.group_by("benchmark").agg(pl.col("score").fill_null(0).mean()).sort("benchmark")
    return {
        "folder": dg.MetadataValue.path(str(path)),
        "items": dg.MetadataValue.int(items.height),
        **{f"score {name}": dg.MetadataValue.float(score) for name, score in means.rows()},
    }
