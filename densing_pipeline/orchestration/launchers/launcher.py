"""What every launcher takes and does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dagster as dg

from densing_pipeline.addresses import redact
from densing_pipeline.text import clean

GRACE_SECONDS = 60
"""Seconds between SIGTERM and SIGKILL for a job that takes too long."""

VISIBLE_AFTER_S = 60.0
"""Seconds after which a file that another machine wrote to a shared disk is seen here: NFS keeps what it knew of a
folder for up to so long (`acdirmax` in nfs(5))."""

MOST_SAID = 400
"""Characters that are kept of what a scheduler or a job said."""

Context = dg.AssetExecutionContext | dg.OpExecutionContext


@dataclass(frozen=True)
class Order:
    """A command to be run on a machine that evaluates.

    Attributes:
        name: unique, of letters, digits and hyphens; what a scheduler lists the job as.
        command: the command line, with the paths of that machine.
        environment: variables beside those that the machine has.
        hours: longest time it may take.
        gpus: GPUs of one machine that it needs; 0 for none.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    hours: float
    gpus: int

    def bounded(self) -> list[str]:
        """The command line, ended after its time."""
        return ["timeout", f"--kill-after={GRACE_SECONDS}", f"{self.hours}h", *self.command]


def in_short(said: object) -> str:
    """What a scheduler or a job said, in one line, cut after its secrets are hidden: half of one is not recognised."""
    return clean(redact(" ".join(str(said).split())), MOST_SAID)


class JobEndedError(Exception):
    """A job ended otherwise than with status 0, or could not be started; the message says how.

    Attributes:
        status: exit status; negative the signal that ended it; None if it is not known.
        fault: `installation` if machine or scheduler are to blame (`folder_format.FAULTS`); None if nothing says so.
    """

    def __init__(self, what: str, status: int | None = None, fault: str | None = None) -> None:
        """Record how it ended; addresses in the message lose their secrets, for outcomes are published."""
        super().__init__(redact(what))
        self.status, self.fault = status, fault


class UnknownEndError(Exception):
    """The scheduler has not answered for so long that nobody here knows whether a job was started, goes on or has ended."""

    def __init__(self, what: str) -> None:
        """Record the scheduler's silence; addresses in the message lose their secrets."""
        super().__init__(redact(what))


class Launcher(Protocol):
    """Runs orders.

    Attributes:
        visible_after_s: seconds after the end of a job after which all that it wrote is seen here.
    """

    visible_after_s: float

    def run(self, context: Context, order: Order) -> Mapping[str, Any]:
        """Run an order that speaks Dagster Pipes to its end.

        Returns:
            The metadata that it reported.

        Raises:
            JobEndedError: it ended with another status than 0, or could not be started.
            UnknownEndError: the scheduler answers no more; the job may go on.
            DagsterExecutionInterruptedError: the run was cancelled; so is the job.
        """

    def output(self, context: Context, order: Order) -> tuple[int | None, list[str]]:
        """Run any other order to its end.

        Returns:
            Its exit status, None if it is not known, and what it printed, by line.

        Raises:
            JobEndedError: it could not be started.
            UnknownEndError: the scheduler answers no more.
        """
