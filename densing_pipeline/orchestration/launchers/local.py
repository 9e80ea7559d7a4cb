"""Runs the evaluation job as a process of this one, which the kernel ends if this one dies."""

import os
import subprocess
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError

from densing_pipeline.orchestration.launchers.launcher import Context, JobEndedError, Order

WITH_THIS_PROCESS = ("setpriv", "--pdeathsig", "TERM")
"""Beginning of a command line: the kernel ends the command with its orchestrator, so that none keeps the GPU."""


class LocalLauncher:
    """Runs orders on this machine. Which GPUs are used is left to the job (`evaluation.gpu_locks`)."""

    visible_after_s = 0.0

    def run(self, context: Context, order: Order) -> Mapping[str, Any]:
        """Run an order, as `Launcher.run`."""
        try:
            ended = dg.PipesSubprocessClient().run(
                context=context,
                command=[*WITH_THIS_PROCESS, *order.bounded()],
                env=order.environment,
            )
        except DagsterPipesExecutionError as error:
            status = str(error).rpartition(" ")[2]
            is_told = status.removeprefix("-").isdigit()
            raise JobEndedError(str(error), int(status) if is_told else None) from error
        except OSError as error:
            raise JobEndedError(
                f"the job could not be started ({error.strerror}): 127", 127
            ) from error
        return ended.get_materialize_result().metadata or {}

    def output(self, context: Context, order: Order) -> tuple[int | None, list[str]]:
        """Run an order, as `Launcher.output`."""
        ran = subprocess.run(  # noqa: S603 - our own command line
            [*WITH_THIS_PROCESS, *order.bounded()],
            env=os.environ | order.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, encoding="utf-8", errors="replace",
        )  # fmt: skip
        return ran.returncode, ran.stdout.splitlines()
