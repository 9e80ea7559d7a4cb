"""The check whether this installation can evaluate models, run where evaluations run.

Not here: what it tries (`evaluation.preflight`).
"""

import secrets
import time

from densing_pipeline.evaluation import installation, places
from densing_pipeline.evaluation.job_path import check_command
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.evaluation_failures import failure, store_errors
from densing_pipeline.orchestration.evaluation_order import environment, lacks
from densing_pipeline.orchestration.launchers.launcher import (
    Context,
    JobEndedError,
    Launcher,
    Order,
    UnknownEndError,
    in_short,
)
from densing_pipeline.settings import Settings

CHECK_HOURS = 0.5
"""Longest that the check of the installation may take; it loads a tiny model."""


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
    if lacking := lacks(settings):
        raise failure(lacking)
    name = f"densing-check-{secrets.token_hex(4)}"
    trial = check_command(
        settings.on_nodes(settings.evaluation_python),
        settings.on_nodes(settings.state_dir),
        settings.on_nodes(settings.evaluation_cache_dir),
        settings.evaluation_store,
        name,
    )
    with store_errors("no check is begun without it"):
        store = evaluation_store.opened(settings)
        if store:
            trial = evaluation_store.fetching(store, settings, trial)
    gpus = places.gpus_needed(None, settings.cluster_gpu_gib)
    order = Order(name, tuple(trial), environment(settings), CHECK_HOURS, gpus)
    try:
        status, lines = launcher.output(context, order)
    except (JobEndedError, UnknownEndError) as error:
        installation.write_check(settings.state_dir, f"the check could not be run: {error}")
        raise failure(str(error)) from error
    if store:
        with store_errors("what the check found is not known"):
            evaluation_store.bring_check(store, settings, name)
    else:
        time.sleep(launcher.visible_after_s)
    found = installation.last_check(settings.state_dir)
    if status != 0 and not (found and found.problem):
        said = f"it ended with status {status}: {in_short(' '.join(lines[-1:]))}"
        installation.write_check(settings.state_dir, f"the check could not be run: {said}")
        raise failure(said)
    if found and found.problem:
        raise failure(found.problem)
    return lines
