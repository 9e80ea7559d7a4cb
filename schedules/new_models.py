"""The sensor that creates partitions and runs for models in the evaluation queue.

The sensor only reads the stored queue. Assets poll the Hub and make the decisions, because they
have logs and retries, and no time limit of a minute.
"""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import polars as pl
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from densing_pipeline import clock
from densing_pipeline.evaluation import installation, queue
from densing_pipeline.evaluation.folder_format import TRIAL
from densing_pipeline.evaluation.job_path import environment_lacks
from densing_pipeline.orchestration.partitions import MODELS, SEPARATOR, partition_key
from densing_pipeline.orchestration.tables import read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.schemas import TableError

Job = dg.JobDefinition | UnresolvedAssetJobDefinition
"""What `dg.job` and `dg.define_asset_job` return; dagster does not export the second's name."""

RUN_KEY = "dagster/run_key"
INTERVAL_SECONDS = 300

POOL = "gpu"
"""Pool of the runs that need a GPU, each with one place for one model."""

PRIORITY = "dagster/priority"
"""Tag by which Dagster's queue of runs is ordered."""

MAIN = "main"
"""Stands for the commit of a model that is queued before the Hub has been asked for one."""


class Candidate(NamedTuple):
    """A queued model: partition, commit if known, suite version, attempts begun and those not counted, priority."""

    key: str
    revision: str | None
    suite: str | None
    attempts: int
    excused: int
    priority: int


def sensor(
    settings: Settings, evaluation: Job | None = None, check_job: Job | None = None
) -> dg.SensorDefinition:
    """The `new_models` sensor.

    Args:
        settings: path of the queue, most runs requested per tick, most attempts per model.
        evaluation: the job, partitioned by `MODELS`, that evaluates one model; without one the
            sensor creates partitions, from which a person may start evaluations, and requests no
            runs.
        check_job: the job that checks whether models can be evaluated here; without one it is left to a person.
    """
    jobs = [each for each in (evaluation, evaluation and check_job) if each is not None]

    @dg.sensor(
        name="new_models",
        jobs=jobs or None,
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Queued models become partitions and, with DENSING_EVALUATE=true, runs.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def new_models(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        path = settings.tables_dir / "evaluation_queue.parquet"
        try:
            table = read_table(path)
        except TableError as error:
            return dg.SensorResult(skip_reason=str(error))
        check = installation.last_check(settings.state_dir)
        places = places_of(settings, check)
        queued = in_order(table, places)
        if evaluation is None:
            return _partitions_alone(context.instance, queued, settings.runs_per_tick)
        if lacking := _lacking_environment(settings):
            return dg.SensorResult(skip_reason=lacking)
        ended = installation.ended(settings.evaluations_dir)
        asked = _used_run_keys(context.instance)
        if check_job and (trial := _due_check(ended, check, asked)) and queued:
            requests = [dg.RunRequest(run_key=trial, job_name=check_job.name)]
            return dg.SensorResult(run_requests=requests, cursor=context.cursor)
        if check_job and check is None:
            return dg.SensorResult(
                skip_reason="this installation is checked before the first model is evaluated"
            )
        if stopped := installation.standstill(ended, check):
            return dg.SensorResult(skip_reason=stopped)
        if check_job:
            give_places(context.instance, places)
        pinned = _pinned(context.cursor, table, asked)
        waiting = installation.waiting(ended, check)
        died = _failed_run_keys(context.instance, evaluation.name, path)
        due = (
            (each, run_key)
            for each in queued
            if each.key not in waiting
            and (run_key := _next_run_key(each, pinned, asked, died, settings))
        )
        requests = [
            _request(evaluation.name, each, run_key)
            for each, run_key in islice(due, settings.runs_per_tick * places)
        ]
        new = _unknown(context.instance, [each.partition_key or "" for each in requests])
        return dg.SensorResult(
            run_requests=requests or None,
            dynamic_partitions_requests=[MODELS.build_add_request(new)] if new else [],
            skip_reason=None if requests else f"{len(queued)} queued, every run is asked for",
            cursor=json.dumps(pinned, sort_keys=True),
        )

    return new_models


def _request(job: str, each: Candidate, run_key: str) -> dg.RunRequest:
    """A run that evaluates a model."""
    # Not within a comprehension: Dagster reads the variables of the calling frame, which ends Python 3.13.0 there.
    return dg.RunRequest(
        run_key=run_key,
        partition_key=each.key,
        job_name=job,
        tags={PRIORITY: str(each.priority)},
    )


def _partitions_alone(
    instance: dg.DagsterInstance, queued: Sequence[Candidate], most: int
) -> dg.SensorResult:
    """Partitions of queued models, from which a person may start evaluations, at most `most` of them."""
    new = _unknown(instance, [each.key for each in queued])[:most]
    return dg.SensorResult(
        dynamic_partitions_requests=[MODELS.build_add_request(new)] if new else [],
        skip_reason=f"{len(queued)} queued, {len(new)} new partitions; DENSING_EVALUATE is off, so no "
        "run is asked for",
    )


def _unknown(instance: dg.DagsterInstance, keys: Sequence[str]) -> list[str]:
    """Those of some models without a partition."""
    known = set(instance.get_dynamic_partitions(MODELS.name or ""))
    return [key for key in keys if key not in known]


def _lacking_environment(settings: Settings) -> str | None:
    """What the evaluation environment of this machine lacks; None if nothing, or if models are evaluated elsewhere."""
    if not settings.evaluate or settings.evaluate_on != "local":
        return None
    return environment_lacks(settings.evaluation_python)


def _due_check(
    ended: Sequence[installation.Ended], check: installation.Check | None, asked: set[str]
) -> str | None:
    """Run key of the check of the installation if one is due: at most one an hour, also if none leaves a verdict."""
    now = clock.now()
    trial = f"check@{now:%Y-%m-%dT%H}"
    return trial if trial not in asked and installation.is_check_due(ended, check, now) else None


def places_of(settings: Settings, check: installation.Check | None) -> int:
    """Models that are evaluated at a time: one for each GPU of this machine, or as many as a cluster is given."""
    if settings.evaluate_on != "local":
        return settings.cluster_places
    return check.places if check else 1


def in_order(table: pl.DataFrame, places: int) -> list[Candidate]:
    """The queued models in their order (`evaluation.queue.in_order`).

    Args:
        table: an `evaluation_queue` frame.
        places: models that are evaluated at a time.
    """
    if "attempts_excused" not in table.columns:  # of a night before there was the column
        table = table.with_columns(attempts_excused=pl.lit(0))
    rows = queue.in_order(table, places)
    return [
        Candidate(partition_key(model), revision, suite, attempts, excused or 0, priority)
        for model, revision, suite, attempts, excused, priority in rows.select(
            "model_id", "revision", "suite_version", "attempts", "attempts_excused", "priority"
        ).iter_rows()
    ]


def give_places(instance: dg.DagsterInstance, places: int) -> None:
    """Let as many runs evaluate at a time as there are GPUs."""
    storage = instance.event_log_storage
    if places not in [limit.limit for limit in storage.get_pool_limits() if limit.name == POOL]:
        storage.set_concurrency_slots(POOL, places)


def _run_key(each: Candidate, pinned: dict[str, str], limit: int | None) -> str:
    """Run key of an evaluation: model, revision and suite version. No run key is used twice."""
    is_main = each.revision is None or pinned.get(each.key) == each.revision
    suite = f"/{each.suite}" if each.suite else ""
    trial = f"{TRIAL}{limit}" if limit else ""
    return f"{each.key}@{MAIN if is_main else each.revision}{suite}{trial}"


def _next_run_key(
    each: Candidate,
    pinned: dict[str, str],
    asked: set[str],
    died: Sequence[str],
    settings: Settings,
) -> str | None:
    """Run key of the next attempt of a model; None if it is asked for already, or has no attempt left."""
    base = _run_key(each, pinned, settings.evaluation_limit)
    begun = max(each.attempts, sum(_is_of(run_key, base) for run_key in died))
    run_key = f"{base}+{begun}" if begun else base
    is_left = begun - each.excused < settings.evaluation_attempts
    return run_key if is_left and run_key not in asked else None


def _is_of(run_key: str, base: str) -> bool:
    return run_key == base or run_key.startswith(f"{base}+")


def _pinned(cursor: str | None, table: pl.DataFrame, asked: set[str]) -> dict[str, str]:
    """Commit by model that was requested as `main`: the first one known since, with the same weights."""
    try:
        pinned = dict(json.loads(cursor or "{}"))
    except ValueError:
        pinned = {}
    unnamed = {run_key.partition("@")[0] for run_key in asked if f"@{MAIN}" in run_key}
    known = table.filter(pl.col("revision").is_not_null()).sort("updated_at")
    for model, revision in known.select("model_id", "revision").iter_rows():
        key = model.replace("/", SEPARATOR)
        if key in unnamed:
            pinned.setdefault(key, revision)
    return pinned


def _used_run_keys(instance: dg.DagsterInstance) -> set[str]:
    """Run keys that have been used and are not requested again."""
    return {value for _, values in instance.get_run_tags(tag_keys=[RUN_KEY]) for value in values}


def _failed_run_keys(instance: dg.DagsterInstance, job: str, queue: Path) -> list[str]:
    """Run keys of the runs that failed before the queue was computed.

    The queue counts the attempts recorded in folders. Runs that failed before they recorded one are
    counted here, so that they are requested again, up to the same limit.
    """
    made = queue.stat().st_mtime
    failed = instance.get_run_records(
        dg.RunsFilter(
            job_name=job, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
        )
    )
    return [
        record.dagster_run.tags[RUN_KEY]
        for record in failed
        if RUN_KEY in record.dagster_run.tags and (record.end_time or 0) < made
    ]
