"""Every run that writes the state directory holds it, whatever started the run."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.execution.resources_init import (
    get_required_resource_keys_for_step,
    get_transitive_required_resource_keys,
)
from dagster._core.execution.stats import StepEventStatus

from densing_pipeline.cli.app import main
from densing_pipeline.definitions import build_defs
from densing_pipeline.nightly import run_nightly
from densing_pipeline.orchestration import state_lock
from densing_pipeline.orchestration.step_deadline import UNBOUNDED
from densing_pipeline.settings import Settings
from densing_pipeline.state import HOLDER, held

ROOT = Path(__file__).parents[2]
ONE_ASSET = frozenset({dg.AssetKey("hub_nights")})

SCHEDULED = """
import sys

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from densing_pipeline.definitions import build_defs
from densing_pipeline.settings import Settings

one_asset = frozenset({dg.AssetKey("hub_nights")})
definitions = build_defs(Settings(state_dir=sys.argv[1]))
job = definitions.resolve_job_def("nightly").get_subset(asset_selection=set(one_asset))
with dg.DagsterInstance.ephemeral() as instance:
    tags = {"dagster/schedule_name": "nightly"}
    run = instance.create_run_for_job(job, tags=tags, asset_selection=one_asset)
    execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    print("ended as", instance.get_run_by_id(run.run_id).status.value)
"""
"""A scheduled run of one asset; the argument is the state directory."""

STARTED_BY = {
    "the UI, GraphQL or `dg launch`": {},
    "a sensor": {state_lock.SENSOR: "new_models"},
    "a backfill": {state_lock.BACKFILL: "abc"},
    "a schedule": {state_lock.SCHEDULE: "nightly"},
}


@pytest.fixture
def settings(tmp_path):
    return Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        bootstrap_draws=100,
        night_wait_minutes=0,
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def other_run(settings):
    """Another run that holds the state directory; a thread holds it as a process does.

    Returns:
        An event that makes it end.
    """
    has_it, is_over = threading.Event(), threading.Event()

    def other() -> None:
        with held(settings.state_dir, "the other run"):
            has_it.set()
            is_over.wait()

    thread = threading.Thread(target=other)
    thread.start()
    has_it.wait()
    yield is_over
    is_over.set()
    thread.join()


def ran(settings, instance, tags, *, is_ad_hoc=False, selection=ONE_ASSET):
    """Run one asset as the worker of a run does; status and what failed."""
    definitions = build_defs(settings)
    job = (
        definitions.resolve_implicit_global_asset_job_def()
        if is_ad_hoc
        else definitions.resolve_job_def("nightly")
    ).get_subset(asset_selection=set(selection))
    return executed(job, instance, tags, selection)


def executed(job, instance, tags, selection=None):
    """Execute a job as the worker of a run does; status and what failed."""
    run = instance.create_run_for_job(job, tags=tags, asset_selection=selection)
    execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    failed = [
        event.dagster_event.job_failure_data.error
        for event in instance.all_logs(run.run_id)
        if event.dagster_event and event.dagster_event.is_run_failure
    ]
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status, "".join(error.to_string() for error in failed if error)


@pytest.mark.parametrize("is_ad_hoc", [False, True])
@pytest.mark.parametrize("started_by", STARTED_BY)
def test_a_run_beside_another_is_refused(settings, instance, other_run, started_by, is_ad_hoc):
    status, told = ran(settings, instance, STARTED_BY[started_by], is_ad_hoc=is_ad_hoc)
    assert status == dg.DagsterRunStatus.FAILURE
    assert "state is in use by the other run" in told
    assert not settings.tables_dir.exists()


def test_a_poll_beside_another_run_is_refused(settings, instance, other_run):
    polls = frozenset({dg.AssetKey("price_snapshots")})
    status, told = ran(settings, instance, {}, is_ad_hoc=True, selection=polls)
    assert status == dg.DagsterRunStatus.FAILURE
    assert "state is in use by the other run" in told


def test_a_scheduled_night_waits_for_the_other_run(settings, instance, other_run, monkeypatch):
    settings = settings.model_copy(update={"night_wait_minutes": 10})
    waited_for = []

    def log(context: dg.InitResourceContext, holder: str, minutes: float) -> None:
        waited_for.append((holder, minutes))
        other_run.set()

    monkeypatch.setattr(state_lock, "_log", log)
    status, told = ran(settings, instance, STARTED_BY["a schedule"])
    assert (status, told) == (dg.DagsterRunStatus.SUCCESS, "")
    assert waited_for[0][0].startswith("the other run (process")
    assert waited_for[0][1] == 10
    assert not (settings.state_dir / HOLDER).exists(), "the run lets go when it ends"


@pytest.mark.parametrize("is_updated", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_night_that_waited_across_an_update_makes_no_table(
    settings, other_run, tmp_path, is_updated
):
    """It would compute with modules of both versions, under the hash of one of them."""
    package = tmp_path / "site" / "densing_pipeline"
    shutil.copytree(
        ROOT / "densing_pipeline", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", SCHEDULED, settings.state_dir],
        env=os.environ | {"PYTHONPATH": str(package.parent), "DENSING_NIGHT_WAIT_MINUTES": "600"},
        cwd=package.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as night:  # fmt: skip
        assert night.stdout
        while "waiting up to" not in (line := night.stdout.readline()):
            assert line, "the night ended without a wait"
        with (package / "density" / "law.py").open("a") as code:
            code.write("# another version\n" if is_updated else "")
        other_run.set()
        told = night.stdout.read()
    assert ("the code changed on disk after this run had started" in told) == is_updated, told
    assert ("ended as FAILURE" if is_updated else "ended as SUCCESS") in told
    assert (settings.tables_dir / "hub_nights.parquet").exists() != is_updated


def test_the_commands_are_refused_beside_another_run(
    settings, instance, other_run, monkeypatch, capsys, tmp_path
):
    assert "in use by the other run" in run_nightly(settings, instance)["nightly"]
    (tmp_path / "openrouter").mkdir()
    (tmp_path / "openrouter" / "2025-01-01.json").write_text("{}")
    monkeypatch.setenv("DENSING_STATE_DIR", str(settings.state_dir))
    assert main(["backfill", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "in use by the other run" in " ".join((captured.out + captured.err).split())
    assert not settings.landing_dir.exists()


def test_a_sweep_of_the_hub_beside_another_run_is_refused(settings, instance, other_run):
    job = build_defs(settings).resolve_job_def("hub_sweep")
    status, told = executed(job, instance, {})
    assert status == dg.DagsterRunStatus.FAILURE
    assert "state is in use by the other run" in told
    assert not settings.landing_dir.exists()


def test_every_step_but_an_evaluation_needs_the_lock(settings):
    """The others write no table: an evaluation only its own folder, whose lock it holds, beside nights for hours.

    Receipts are packed under the lock too, but on another day instead of later if it is held.
    """
    definitions = build_defs(settings)
    without = set()
    for job in definitions.resolve_all_job_defs():
        plan = create_execution_plan(job)
        for step in plan.step_dict.values():
            needed = get_transitive_required_resource_keys(
                get_required_resource_keys_for_step(job, step, plan), job.resource_defs
            )
            if "lock" not in needed:
                without.add(step.node_handle.name)
    assert without == {"evaluation", "check_installation", "delete_old_runs", "tidy_files"}


@pytest.mark.slow
def test_a_materialisation_from_another_process_is_refused_during_densing_run(tmp_path):
    """Both are real commands; the state directory is that of the first."""
    variables = {
        "DAGSTER_HOME": str(ROOT), "DENSING_STATE_DIR": str(tmp_path / "state"),
        "DENSING_PUBLISH_URL": str(tmp_path / "published"), "DENSING_BOOTSTRAP_DRAWS": "100",
    }  # fmt: skip
    bin_dir = Path(sys.executable).parent
    with subprocess.Popen(  # noqa: S603
        [bin_dir / "densing", "run"], cwd=ROOT, env=os.environ | variables
    ) as night:
        while not (tmp_path / "state" / HOLDER).exists():
            assert night.poll() is None
        materialise = [
            bin_dir / "dagster", "asset", "materialize", "-m", "densing_pipeline.definitions",
            "--select", "hub_nights",
        ]  # fmt: skip
        refused = subprocess.run(  # noqa: S603
            materialise, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True
        )
        assert night.poll() is None, "the night is still going"
        night.kill()
    assert refused.returncode != 0
    assert "in use by `densing run` (process" in refused.stderr + refused.stdout


def test_a_night_that_takes_longer_than_it_may_is_ended_with_one_sentence(settings, instance):
    short = settings.model_copy(update={"night_hours": 1e-4})
    told = run_nightly(short, instance)
    assert list(told) == ["nightly"]
    assert "ended after 0.0001 hours (DENSING_NIGHT_HOURS)" in told["nightly"]
    with held(settings.state_dir, "the next run"):
        assert not (settings.publish_dir / "latest").exists()


def test_a_step_that_hangs_costs_a_night_that_step_alone(settings, instance):
    """The Hub takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hanging = settings.model_copy(
            update={
                "step_hours": 1e-3, "hub_poll": True, "hub_endpoint": f"http://127.0.0.1:{port}",
                "hub_answer_seconds": 3600,
            }
        )  # fmt: skip
        told = run_nightly(hanging, instance, only=["hub_nights", "price_snapshots"])
    assert list(told) == ["hub_nights"]
    assert (
        "the step hub_nights was ended after 0.001 hours (DENSING_STEP_HOURS)" in told["hub_nights"]
    )
    (run,) = instance.get_runs()
    steps = {each.step_key: each.status for each in instance.get_run_step_stats(run.run_id)}
    assert steps["price_snapshots"] == StepEventStatus.SUCCESS


def test_the_sweep_of_the_whole_hub_has_no_deadline(settings):
    jobs = build_defs(settings).resolve_all_job_defs()
    assert {job.name for job in jobs if UNBOUNDED in job.tags} == {"hub_sweep"}
