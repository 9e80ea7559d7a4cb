"""A year that is made of one night is what Dagster would have of that many nights; the tables tell what was measured."""

import os
from datetime import timedelta
from itertools import pairwise

import dagster as dg
import pytest

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
    looks = [{"ticks": n, "mib": 100 + min(n, 5) * 20 + n} for n in range(11)]
    assert report.growth(looks, "ticks", 50) == pytest.approx(50)


def test_the_tables_have_every_page_and_service():
    page = {"page": "runs", "query_s": 0.5, "processor_s": 0.4, "answer_mib": 0.1, "queries": 9}  # fmt: skip
    looks = [{"ticks": n, "answers": n, "mib": 200.0} for n in range(4)]
    found = {"nights": 365, "pages": [page], "pages_kept": [page], "daemon": looks, "webserver": looks,
             "night_mib": 5.2, "year_mib": 1900.4, "kept_mib": 950.0}  # fmt: skip
    told = report.places(found)
    assert "| runs | 9 | 0.40 | 0.50 | 0.10 | 0.40 | 0.50 |" in told["year_pages"]
    assert "| daemon and its code server | 200 | 200 | 3 ticks | +0 |" in told["year_memory"]
    assert "| 365 nights | 1,900 |" in told["year_disk"]
    assert set(report.places(None)) == set(told)


def test_memory_and_time_of_a_process_are_read_with_those_it_started():
    assert services.memory_mib(os.getpid()) > 10
    assert services.processor_s(os.getpid()) > 0
    assert services.memory_mib(2**22 + 1) == 0
