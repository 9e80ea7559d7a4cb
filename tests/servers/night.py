"""The price part of the nightly job as a process of its own, which may be killed at a given point.

    python -m tests.servers.night < LINES

A line holds state directory, address, instant and kill, with tabs between. A kill is `write:N` (SIGKILL
around the N-th file that is put in its place: before it, half way, after it) or `call:N` (SIGKILL at
the N-th call of a Python function).
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from unittest import mock

import dagster as dg

from densing_pipeline import files
from densing_pipeline.definitions import build_defs
from densing_pipeline.nightly import QUIET
from densing_pipeline.prices import poll
from densing_pipeline.settings import Settings
from tests.servers.killing import die, die_at_call
from tests.servers.prices import addresses

ASSETS = ("price_snapshots", "prices", "price_polls", "quarantine", "hub_nights", "source_health")
PHASES = ("before", "half", "after")


def settings_of(state: Path, url: str) -> Settings:
    """Settings of an installation whose price lists are all at one server."""
    return Settings(
        state_dir=state,
        publish_url=str(state / "published"),
        poll=True,
        poll_attempts=1,
        openrouter_endpoints=0,
        **addresses(url),
    )


def run(settings: Settings, instant: datetime) -> None:
    """Run the price assets of the nightly job as of an instant."""
    job = build_defs(settings).resolve_job_def("nightly")
    keys = [dg.AssetKey(name) for name in ASSETS]
    with (
        dg.DagsterInstance.ephemeral() as instance,
        # Undone at the end: a test may run a night in its own process, where others poll after it.
        mock.patch.object(poll, "now", return_value=instant),
    ):
        result = job.execute_in_process(
            instance=instance, run_config=QUIET, asset_selection=keys, raise_on_error=True
        )
    assert result.success


def die_around_write(number: int) -> None:
    """Have the process killed around the write of that number, from 0 on, in each of three phases."""
    rename, left, phase = files.rename, number // len(PHASES), PHASES[number % len(PHASES)]

    def dying(written: Path, place: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0 and phase == "half" and written.is_file():
            os.truncate(written, written.stat().st_size // 2)
        if left < 0 and phase != "after":
            die()
        rename(written, place)
        if left < 0:
            die()

    files.rename = dying


def serve() -> None:
    """Run one night per line of input (state, address, instant and kill), each in its own process.

    The processes are forked from this one, in which nothing has run yet but imports: those take longer
    than a night.
    """
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            state, url, instant, point = line.rstrip("\n").split("\t")
            kind, _, at = point.partition(":")
            if kind == "write":
                die_around_write(int(at))
            else:
                die_at_call(int(at))
            run(settings_of(Path(state), url), datetime.fromisoformat(instant))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
