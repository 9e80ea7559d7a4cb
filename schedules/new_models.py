"""The sensor that turns the evaluation queue into partitions and runs.

It reads the stored queue only: polling the Hub and deciding belong to assets, which have logs,
retries and no time limit of a minute.
"""

from pathlib import Path

import dagster as dg
import polars as pl
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from densing_pipeline.orchestration.partitions import MODELS, partition_key
from densing_pipeline.orchestration.tables import read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.schemas import TableError

Job = dg.JobDefinition | UnresolvedAssetJobDefinition
"""What `dg.job` and `dg.define_asset_job` return; dagster does not export the second's name."""

RUN_KEY = "dagster/run_key"
INTERVAL_SECONDS = 300


def sensor(settings: Settings, evaluation: Job | None = None) -> dg.SensorDefinition:
    """The `new_models` sensor.

    Args:
        settings: where the queue is and how many runs a tick may ask for.
        evaluation: the job, partitioned by `MODELS`, that evaluates one model; without one the
            sensor keeps the partitions and asks for no runs.
    """

    @dg.sensor(
        name="new_models",
        job=evaluation,
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Queued models become partitions and, where evaluation is set up, runs.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def new_models(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        try:
            queued = _queued(settings.tables_dir)
        except TableError as error:
            return dg.SensorResult(skip_reason=str(error))
        known = set(context.instance.get_dynamic_partitions(MODELS.name or ""))
        new = [key for key in queued if key not in known]
        partitions = [MODELS.build_add_request(new)] if new else []
        if evaluation is None:
            return dg.SensorResult(
                dynamic_partitions_requests=partitions,
                skip_reason=f"{len(queued)} queued, {len(new)} new partitions; no evaluation job "
                "is configured, so no run is asked for",
            )
        asked = _asked(context.instance)
        waiting = [(key, run_key) for key, run_key in queued.items() if run_key not in asked]
        requests = [
            dg.RunRequest(run_key=run_key, partition_key=key)
            for key, run_key in waiting[: settings.runs_per_tick]
        ]
        return dg.SensorResult(
            run_requests=requests or None,
            dynamic_partitions_requests=partitions,
            skip_reason=None if requests else f"{len(queued)} queued, every run is asked for",
        )

    return new_models


def _queued(tables: Path) -> dict[str, str]:
    """Partition and run key of every queued model, the most urgent first."""
    rows = (
        read_table(tables / "evaluation_queue.parquet")
        .filter(pl.col("state") == "queued")
        .sort("priority", "estimated_gpu_hours", "model_id", descending=[True, False, False])
    )
    return {
        partition_key(model): f"{partition_key(model)}@{revision or 'main'}"
        for model, revision in rows.select("model_id", "revision").iter_rows()
    }


def _asked(instance: dg.DagsterInstance) -> set[str]:
    """Run keys that have been used: one is never asked for again."""
    return {value for _, values in instance.get_run_tags(tag_keys=[RUN_KEY]) for value in values}
