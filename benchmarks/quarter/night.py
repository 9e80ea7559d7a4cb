"""One night, one look for alerts or one maintenance, each in a process of its own that may be killed.

    python -m benchmarks.quarter.night < LINES

Each line is an `Order` as JSON; each answer is the exit status of the process that carried it out, and its seconds of
CPU. The processes are forked from this one, in which nothing has run yet but imports and what is the same for every
night: those take longer than most nights.
"""

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
from dagster._core.test_utils import get_freezable_log_manager

from densing_pipeline import clock
from densing_pipeline.alerts.telling import tell
from densing_pipeline.definitions import build_defs
from densing_pipeline.hub import observations
from densing_pipeline.nightly import QUIET, failures, run_nightly
from densing_pipeline.orchestration import storage
from densing_pipeline.orchestration.checks import all_checks
from densing_pipeline.orchestration.own_runs import IN_PROCESS, place_tags
from densing_pipeline.orchestration.problems import last_success, problems
from densing_pipeline.prices import embedded
from densing_pipeline.prices import history as prices
from densing_pipeline.publication import consistency
from densing_pipeline.score_sources import history as scores
from densing_pipeline.settings import read_settings
from tests.servers.killing import die_at_call

LANDED_AND_READ = (
    "source_health", "price_changes", "quarantine", "claimed_scores", "benchmark_reports", "scores", "evaluation_queue",
    "base_model_recall",
)  # fmt: skip
"""Assets that, with everything they are computed from, keep something from night to night. The others are functions of
these tables and of the last release."""


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        do: `night`, `alerts` or `maintenance`.
        now: the time, ISO 8601.
        report: file for what came of it.
        whole: whether the night refits everything and publishes a release.
        dies_at: the share of steps after which it is killed, and the call within the step.
        variables: environment variables.
    """

    do: str
    now: str
    report: str
    whole: bool = True
    dies_at: tuple[float, int] | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """As a line of input."""
        return json.dumps(asdict(self)) + "\n"


class Dying:
    """Kills the process within a step."""

    def __init__(self, dies_at: tuple[float, int], steps: int) -> None:
        """Choose the step by the share of steps before it."""
        self._left, self._calls = int(dies_at[0] * steps), dies_at[1]

    def begin(self, steps: Mapping[str, float | None]) -> None:
        """Nothing has started yet."""

    def started(self, step: str) -> None:
        """Count down to the step, and arm."""
        if self._left == 0:
            die_at_call(self._calls)
        self._left -= 1

    def ended(self, step: str, *, is_ok: bool) -> None:
        """Go on."""


@cache
def chosen(*, whole: bool) -> tuple[list[str], int]:
    """The assets of a whole night, or of one without refit and release, and the number of steps that make them."""
    graph = build_defs(read_settings()).resolve_asset_graph()
    wanted = (
        dg.AssetSelection.all()
        if whole
        else dg.AssetSelection.assets(*LANDED_AND_READ).upstream().required_multi_asset_neighbors()
    )
    keys = wanted.resolve(graph) - {dg.AssetKey("evaluation")}
    steps = {graph.get(key).assets_def.node_def.name for key in keys}
    return sorted(key.to_user_string() for key in keys), len(steps)


def carry_out(order: Order) -> dict[str, Any]:
    """Do what is ordered; what came of it."""
    settings = read_settings()
    if order.do == "night":
        only, steps = chosen(whole=order.whole)
        watch = Dying(order.dies_at, steps) if order.dies_at else None
        return {"failures": run_nightly(settings, watch=watch, only=None if order.whole else only)}
    with storage.open_instance(settings) as instance:
        if order.do == "maintenance":
            job = build_defs(settings).resolve_job_def("maintenance")
            done = job.execute_in_process(
                instance=instance,
                run_config=QUIET,
                raise_on_error=False,
                tags={**IN_PROCESS, **place_tags(settings)},
            )
            return {"failures": failures(done)}
        keys = [key for check in all_checks() for key in check.check_keys]
        now = clock.now()
        found = problems(instance, settings, keys, now)
        tell(settings, found, now, last_success(instance))
        return {"problems": sorted(problem.key for problem in found)}


def prepare() -> None:
    """Do what depends on code and settings alone, and what every process would do for itself: most of all imports.

    No table is read: the threads of polars would not survive the fork.
    """
    consistency.running()
    for code_digest in (prices.code_digest, scores.code_digest, observations.rules):
        code_digest()
    embedded.installed_providers()
    for whole in (False, True):
        chosen(whole=whole)
    # What is here now stays; collections of garbage in the processes need not go through it.
    gc.collect()
    gc.freeze()


def serve() -> None:
    """Carry out one order per line of input, each in its own process."""
    is_prepared = False
    for line in sys.stdin:
        order = Order(**json.loads(line))
        os.environ.update(order.variables)
        if not is_prepared:
            prepare()
            is_prepared = True
        child = os.fork()
        if child == 0:
            os.environ[clock.VARIABLE] = order.now
            with _dagster_at(datetime.fromisoformat(order.now)):
                found = carry_out(order)
            Path(order.report).write_text(json.dumps(found), encoding="utf-8")
            os._exit(0)
        _, status, used = os.wait4(child, 0)
        sys.stdout.write(
            f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime:.2f}\n"
        )
        sys.stdout.flush()


@contextmanager
def _dagster_at(start: datetime) -> Iterator[None]:
    """Have Dagster's records begin at an instant, from which they run on with the machine's clock."""
    ahead = start - datetime.now(UTC)
    module = "dagster._time._mockable_get_current"
    with (
        mock.patch(f"{module}_datetime", side_effect=lambda: datetime.now(UTC) + ahead),
        mock.patch("dagster._core.log_manager.DagsterLogManager", new=get_freezable_log_manager()),
        mock.patch(
            f"{module}_timestamp", side_effect=lambda: (datetime.now(UTC) + ahead).timestamp()
        ),
    ):
        yield


if __name__ == "__main__":
    serve()
