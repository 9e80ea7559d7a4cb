"""Runs the evaluation job for one model through Dagster Pipes and records how it ended.

The job runs in its own environment and writes an evaluation folder. If the job is killed, its folder
gets an outcome that says so; if the orchestrator is killed, the kernel ends a job of the same machine as well,
and one of a cluster goes on. Not here: the job itself (`evaluation.job`), what it is told (`evaluation_order`), where
it runs (`launchers`), and how its folders are read (`evaluation.measured_tables`).
"""

import secrets
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from densing_pipeline import clock
from densing_pipeline.evaluation import (
    folder_format,
    folder_mirror,
    folder_reader,
    lease,
    measured_tables,
    suite,
)
from densing_pipeline.evaluation.folder_reader import Folder
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.json_documents import load
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.evaluation_failures import failure, store_errors
from densing_pipeline.orchestration.evaluation_order import lacks, order_of
from densing_pipeline.orchestration.launchers.launcher import (
    JobEndedError,
    Launcher,
    Order,
    UnknownEndError,
)
from densing_pipeline.orchestration.metadata import Metadata
from densing_pipeline.orchestration.partitions import model_id
from densing_pipeline.orchestration.tables import read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.identifiers import COMMIT
from densing_pipeline.tables.schemas import TableError

BROUGHT_LATER = "the next night reads what it leaves"
"""What becomes of the results of a job whose end was not seen, or whose store could not be read at its end."""

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
    with store_errors("no evaluation is begun without it"):
        store = evaluation_store.opened(settings)
        if store:
            folder_mirror.bring(store, path)
    found = folder_reader.read_folder(path)
    if found.state == "running":
        raise failure(f"another job is at it: {path} is locked")
    row, items = measured_tables.evaluation(found, in_force)
    told: Mapping[str, Any] = {}
    if row["state"] != "done" or row["item_limit"] != settings.evaluation_limit:
        if lacking := lacks(settings):
            raise failure(lacking)
        with store_errors("no evaluation is begun without it"):
            name = f"densing-{secrets.token_hex(8)}"
            order = order_of(settings, store, name, model, revision, path)
            _begin(found, listed or "main", set(items["benchmark"]), order.gpus, store)
        told = _run_job(context, settings, launcher, order, path, store)
        row, items = measured_tables.evaluation(folder_reader.read_folder(path), in_force)
    if row["state"] != "done":
        raise failure(f"{row['state']}: {row['reason']}", path)
    return dg.MaterializeResult(metadata={**told, **_metadata(path, items)})


def _listed_revision(settings: Settings, model: str) -> str | None:
    """Commit of the model in the queue; None if it has no commit or is not in the queue."""
    try:
        queue = read_table(settings.tables_dir / "evaluation_queue.parquet")
    except TableError:
        return None
    rows = queue.filter(pl.col("model_id") == model, pl.col("state") != "excluded")
    revisions: list[str | None] = rows.sort("updated_at")["revision"].to_list()
    return revisions[-1] if revisions else None


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
        raise failure(f"no commit of {model} is known and the Hub gives none: {error}") from error


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
    except UnknownEndError as error:
        # Its lease tells whether it goes on: it is renewed, or it expires.
        raise failure(f"{error}; if the job goes on, {BROUGHT_LATER}") from error
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
        with store_errors(f"the job has ended; {BROUGHT_LATER}"):
            folder_mirror.bring(store, path)
    return told


def _release(path: Path, order: Order, store: FolderStore | None) -> None:
    """End the lease of a job that has ended; from a store, bring what it left."""
    if store:
        with store_errors(f"the job has ended; {BROUGHT_LATER}"):
            evaluation_store.end_order(store, path, order.name)
            folder_mirror.bring(store, path)
    lease.end(path, order.name)


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


def _metadata(path: Path, items: pl.DataFrame) -> Metadata:
    """Metadata of the run: scores, which the UI plots over time, and paths."""
    means = items.group_by("benchmark").agg(pl.col("score").fill_null(0).mean()).sort("benchmark")
    return {
        "folder": dg.MetadataValue.path(str(path)),
        "items": dg.MetadataValue.int(items.height),
        **{f"score {name}": dg.MetadataValue.float(score) for name, score in means.rows()},
    }
