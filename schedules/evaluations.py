"""The jobs that evaluate one model, and that check whether this installation can; the sensor `new_models` starts both."""

import dagster as dg

from densing_pipeline.orchestration import evaluation_check
from densing_pipeline.orchestration.launchers.launcher import Launcher
from densing_pipeline.settings import Settings

job = dg.define_asset_job(
    "evaluate",
    selection=dg.AssetSelection.assets("evaluation"),
    description="Measure one model on the suite; the next nightly run publishes its scores.",
)


def check_job(settings: Settings, launcher: Launcher) -> dg.JobDefinition:
    """The job that checks this installation, of one step, where the launcher runs evaluations."""

    # It loads a tiny model, so it waits for a GPU as evaluations do.
    @dg.op(pool="gpu")
    def check_installation(context: dg.OpExecutionContext) -> None:
        """Try environment, GPUs, disk, sandbox, Hub and engine; the verdict is kept for the sensor."""
        for line in evaluation_check.check(context, settings, launcher):
            context.log.info(line)

    @dg.job(
        name="check_evaluation",
        description="Check whether this installation can evaluate models, as `densing evaluate --check` does.",
        executor_def=dg.in_process_executor,
    )
    def check() -> None:
        check_installation()

    return check
