"""What the job of one evaluation is told: its command line, its environment and its GPUs.

Not here: how the order is carried out (`launchers`), and what becomes of the job (`orchestration.evaluation`).
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from densing_pipeline import clock
from densing_pipeline.evaluation import installation, places, queue
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.evaluation.job_path import (
    environment_lacks,
    job_command,
    job_environment,
    package_alone,
    package_copied,
)
from densing_pipeline.evaluation.launched import Launched, launched
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.launchers.launcher import Order
from densing_pipeline.orchestration.tables import read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.schemas import TableError


def order_of(
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
    return Order(name, tuple(job), environment(settings), settings.evaluation_hours, gpus)


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


def _release_date(settings: Settings, model: str) -> date | None:
    """Day of the model's release, of several revisions the latest; None if it is not in `models`."""
    try:
        models = read_table(settings.tables_dir / "models.parquet")
    except TableError:
        return None
    dates: list[date] = models.filter(pl.col("model_id") == model)["release_date"].to_list()
    return max(dates, default=None)


def lacks(settings: Settings) -> str | None:
    """Message if this machine is to evaluate and has no environment for it; what nodes have is seen by the check."""
    return (
        environment_lacks(settings.evaluation_python) if settings.evaluate_on == "local" else None
    )


def environment(settings: Settings) -> dict[str, str]:
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
