"""A year that is made of one night is what Dagster would have of that many nights; the tables tell what was measured."""

import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from benchmarks import measure
from benchmarks.year import history, report, services

NIGHTS = 4

YAML = """
storage:
  sqlite:
    base_dir: {state}
telemetry:
  enabled: false
"""


@dg.asset
def table() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


@dg.asset_check(asset=table)
def is_whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.mark.heavy
def test_every_day_has_the_runs_events_checks_and_values_of_the_night(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "dagster.yaml").write_text(YAML.format(state=state))
    job = dg.Definitions(
        [table], asset_checks=[is_whole], jobs=[dg.define_asset_job("nightly", executor_def=dg.in_process_executor)]
    ).resolve_job_def("nightly")  # fmt: skip
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        own = job.execute_in_process(instance=instance).run_id
        before = [str(each.event_log_entry) for each in instance.get_records_for_run(own).records]
    history.repeat(state, NIGHTS)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = instance.get_run_records()
        assert runs[0].dagster_run.run_id == own
        assert len({each.dagster_run.run_id for each in runs}) == NIGHTS
        for one, two in pairwise(runs):
            assert one.start_time - two.start_time == pytest.approx(86_400)
            assert one.create_timestamp - two.create_timestamp == timedelta(days=1)
        events = [instance.get_records_for_run(each.dagster_run.run_id).records for each in runs]
        assert [str(each.event_log_entry) for each in events[0]] == before
        for run, of_run in zip(runs, events, strict=True):
            assert {each.run_id for each in of_run} == {run.dagster_run.run_id}
            assert len(of_run) == len(before)
        made = instance.fetch_materializations(table.key, limit=9).records
        assert [each.run_id for each in made] == [each.dagster_run.run_id for each in runs]
        latest = instance.get_latest_materialization_event(table.key)
        assert latest is not None
        assert latest.run_id == own
        [key] = is_whole.check_keys
        checks = instance.event_log_storage.get_asset_check_execution_history(key, limit=9)
        assert [each.run_id for each in checks] == [each.dagster_run.run_id for each in runs]


def test_growth_is_the_slope_of_the_second_half_in_a_quarter():
    looks = [(n, 100 + min(n, 5) * 20 + n) for n in range(11)]
    assert report.growth(looks, 50) == pytest.approx(50)


def test_the_tables_have_every_page_and_service():
    page = {"page": "runs", "query_s": 0.5, "processor_s": 0.4, "answer_mib": 0.1, "queries": 9}
    memory = {"mib": 200.0, "own_mib": 150.0}
    load = {"others_processors": 0.3, "pages": [page]}
    waits = {name: {"processor_s_an_hour": 10.4, **memory} for name in ("code", "daemon")}
    found = {
        "nights": 365, "night_mib": 5.2, "year_mib": 1900.4,
        "pages": {
            "before": load, "after": load | {"others_processors": None}, "kept_mib": 950.0,
            "webserver": [{"answers": n, **memory} for n in range(4)],
        },
        "ticks": {"looks": [{"ticks": n, "daemon": memory, "code": memory} for n in range(4)]},
        "idle": {"minutes": 15, "services": waits},
    }  # fmt: skip
    told = report.places(found)
    assert "| runs | 9 | 0.40 | 0.50 | 0.10 | 0.40 | 0.50 |" in told["year_pages"]
    assert "of other programs meanwhile |  | 0.3 |  |  | not known |" in told["year_pages"]
    for row in ("daemon | 3 ticks", "code server | 3 ticks", "web server | 3 answers"):
        assert f"| {row} | 200 | 150.0 | 150.0 | 150.0 | +0 |" in told["year_memory"]
    assert "| all | 21 | 400 | 300 |" in told["year_idle"]
    assert "| 365 nights | 1,900 |" in told["year_disk"]
    assert set(report.places(None)) == set(told)
    assert report.places({"nights": 365})["year_idle"] == report.NONE_YET


def test_memory_and_time_of_a_program_are_those_of_all_its_processes():
    """A page that processes share counts once, also in the part that is backed by no file."""
    twice = "import os, sys; kept = bytearray(b'x') * (60 << 20); os.fork(); os.write(1, b'.'); sys.stdin.read()"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", twice], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b".."
        assert len(measure.family(process.pid)) == 2
        memory = measure.memory(process.pid)
        assert 60 < memory.own_mib < 110
        assert memory.own_mib < memory.mib < 130
        assert measure.processor_s(process.pid) > 0
        process.communicate()
    assert measure.memory(2**22 + 1) == (0, 0)


def test_the_services_are_started_as_their_units_start_them(tmp_path):
    place = services.place(tmp_path, {})
    code, daemon, web = (place.command(name) for name in services.SERVICES)
    assert code[:5] == [
        str(Path(sys.executable).with_name("dagster")),
        "api",
        "grpc",
        "--socket",
        str(tmp_path / "code.sock"),
    ]
    assert daemon[1:] == ["run", "--workspace", str(place.workspace)]
    assert web[-4:] == ["--port", str(place.port), "--workspace", str(place.workspace)]
    assert f"socket: {tmp_path / 'code.sock'}" in place.workspace.read_text()
