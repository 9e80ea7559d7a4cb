"""The real nightly job, from the bundled facts to a release, in process."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.definitions import build_defs
from densing_pipeline.nightly import end_killed_runs, run_nightly
from densing_pipeline.orchestration.own_runs import IN_PROCESS, place_tags
from densing_pipeline.publication.release import is_whole, read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import PUBLISHED

ONLY_POLLED = {
    "claimed_scores",
    "model_reports",
    "hub_nights",
    "model_quarantine",
}
"""Tables that stay empty while nothing is polled."""

ONLY_MEASURED = {
    "evaluations", "evaluation_costs", "eval_items", "fresh_text", "score_gaps", "contamination",
}  # fmt: skip
"""Tables that stay empty while nothing is evaluated."""

ONLY_LATER = {"revisions"}
"""Tables that stay empty on the first night."""


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """One finished night with few resamples: settings, instance and the published tables."""
    root = tmp_path_factory.mktemp("night")
    settings = Settings(
        state_dir=root / "state", publish_url=str(root / "published"), bootstrap_draws=100
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_nightly(settings, instance) == {}
        yield settings, instance, read_latest(settings.publish_dir)


def test_every_table_is_published_and_valid(night):
    _, _, tables = night
    for name, table in PUBLISHED.items():
        rows = table.validate(tables[name]).height
        assert (rows == 0) == (name in ONLY_POLLED | ONLY_MEASURED | ONLY_LATER), name


def test_the_papers_doubling_time_comes_out_to_the_printed_digits(night):
    law = night[2]["densing_law"]
    row = law.filter(
        reference_id="nmi-2025",
        score_set="nmi-2025-average",
        params_basis="nonembedding",
        window="all",
        estimator="paper",
    ).row(0, named=True)
    assert row["n_models"] == 51
    assert row["n_points"] == 9
    assert round(row["slope_per_day"], 5) == 0.00653
    assert round(row["r_squared"], 3) == 0.934
    assert round(row["doubling_days"], 1) == 106.2


def test_one_trillion_tokens_gives_about_94_days(night):
    law = night[2]["densing_law"]
    days = law.filter(
        reference_id="nmi-2025-v2",
        score_set="nmi-2025-average",
        params_basis="nonembedding",
        window="all",
        estimator="paper",
    )["doubling_days"].item()
    assert 93 < days < 95


def test_the_papers_prices_fall_266_fold_and_halve_in_2_53_months(night):
    tables = night[2]
    frontier = tables["price_frontier"].filter(level="nmi-2025", curve="cheapest_ever")
    prices = frontier.sort("date")["usd_per_mtok"]
    assert prices[0] == 20
    assert prices[-1] == 0.075
    halving = tables["price_halving"].filter(
        level="nmi-2025", curve="cheapest_ever", estimator="end-points", window="nmi-2025"
    )
    assert round(halving["fold"].item(), 1) == 266.7
    assert round(halving["halving_months"].item(), 2) == 2.53


def test_the_bundled_gpt_35_prices_agree_with_the_literature(night):
    """About 2.8 months (2.2 to 3.9) in the paper's window, by record events on the input price."""
    halving = night[2]["price_halving"].filter(
        level="gpt-3.5",
        blend_input_share=1.0,
        curve="cheapest_ever",
        estimator="record-events",
        window="nmi-2025",
    )
    assert 2.2 < halving["halving_months"].item() < 3.9


def test_a_damaged_dagster_database_is_named_with_the_remedy(night, tmp_path, monkeypatch):
    settings, _, _ = night
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "runs.db").write_bytes(b"damaged" * 1000)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    failures = run_nightly(settings)
    assert "move history/" in failures["dagster"]


def test_every_check_passed(night):
    _, instance, _ = night
    checks = [
        event.asset_check_evaluation_data
        for event in instance.all_logs(instance.get_runs()[-1].run_id)
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
        for event in [event.dagster_event]
    ]
    assert len(checks) >= len(PUBLISHED)
    assert [c.check_name for c in checks if not c.passed and c.blocking] == []


def materialise(settings: Settings, instance: dg.DagsterInstance, *names: str) -> str:
    """Materialise assets as one does by hand in the UI; what failed, empty if nothing did."""
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in names],
        raise_on_error=False,
    )
    errors = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    return "; ".join(error.to_string() for error in errors if error)


def test_a_release_of_tables_with_different_settings_is_refused(night):
    settings, instance, _ = night
    before = (settings.publish_dir / "latest").resolve()
    other = settings.model_copy(update={"seed": settings.seed + 1})
    assert materialise(other, instance, "capability_levels") == ""
    for published_by, differing in ((settings, "capability_levels"), (other, "hub_nights")):
        told = materialise(published_by, instance, "release")
        assert "MixedTablesError: no release" in told
        assert re.search(
            rf"DENSING_SEED is {published_by.seed} for this release.*{differing}", told
        )
    assert (settings.publish_dir / "latest").resolve() == before
    releases = sorted((settings.publish_dir / "releases").iterdir())
    assert materialise(settings, instance, "capability_levels", "release") == ""
    assert sorted((settings.publish_dir / "releases").iterdir()) == releases, "nothing is new"


def test_a_damaged_table_is_told_to_its_reader_and_made_again(night):
    settings, instance, _ = night
    (settings.tables_dir / "densities.parquet").write_bytes(b"damaged")
    assert "densities.parquet: damaged" in materialise(settings, instance, "leaders")
    assert materialise(settings, instance, "densities", "leaders") == ""


@pytest.mark.parametrize("has_server", [False, True])
def test_runs_that_a_killed_process_left_are_ended_and_on_a_server_those_of_others_are_not(
    tmp_path, has_server
):
    @dg.job
    def empty() -> None: ...

    url = "postgresql://ann:secret@db.example/runs" if has_server else None
    mine, other = (
        Settings(state_dir=tmp_path / name, database_url=url) for name in ("mine", "other")
    )
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [
            instance.create_run_for_job(
                empty, tags=IN_PROCESS | place_tags(each), status=dg.DagsterRunStatus.STARTED
            )
            for each in (mine, other)
        ]
        end_killed_runs(instance, mine)
        ended = [instance.get_run_by_id(run.run_id).status for run in runs]
    # Files in the state directory hold its own runs alone.
    of_other = dg.DagsterRunStatus.STARTED if has_server else dg.DagsterRunStatus.FAILURE
    assert ended == [dg.DagsterRunStatus.FAILURE, of_other]


@pytest.mark.slow
def test_a_killed_run_is_reported_as_failed_by_the_next(tmp_path):
    program = (
        "from pathlib import Path; from densing_pipeline.nightly import run_nightly; "
        "from densing_pipeline.settings import Settings; "
        "run_nightly(Settings(state_dir=Path('state'), publish_url='published'))"
    )
    home = {**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program], cwd=tmp_path, env=home
    ) as killed:
        while not (tmp_path / "state" / "tables").exists():
            assert killed.poll() is None
            time.sleep(0.1)
        settings = Settings(state_dir=tmp_path / "state", publish_url=str(tmp_path / "published"))
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert "in use by `densing run`" in run_nightly(settings, instance)["nightly"]
            assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
            killed.kill()
            killed.wait()
            end_killed_runs(instance, settings)
            assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


@pytest.mark.slow
def test_an_interrupted_run_ends_with_one_sentence_and_status_130(tmp_path):
    state = tmp_path / "state"
    environment = {
        **os.environ, "DAGSTER_HOME": str(state), "DENSING_STATE_DIR": str(state),
        "DENSING_PUBLISH_URL": str(tmp_path / "published"), "PYTHONPATH": str(Path.cwd()),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "densing_pipeline", "run"], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        while not (state / "tables").exists():
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate()
    assert running.returncode == 130
    assert told.splitlines()[-1].startswith("Interrupted. Published releases are untouched")
    assert "Traceback" not in told
    assert not (tmp_path / "published" / "latest").exists()


def test_a_failing_table_names_the_step_and_leaves_the_release(night, monkeypatch):
    settings, instance, _ = night
    before = (settings.publish_dir / "latest").resolve()

    def broken(*args: object, **kwargs: object) -> pl.DataFrame:
        return pl.DataFrame({"model_id": ["x"]})

    monkeypatch.setattr("densing_pipeline.hub.bundled.models", broken)
    watched = Watched()
    failures = run_nightly(settings, instance, watched)
    assert "missing column" in failures["models"]
    assert (settings.publish_dir / "latest").resolve() == before
    assert set(watched.steps) >= {"models", "densities", "densing_law", "release"}
    assert not any(step.endswith("_schema") for step in watched.steps), "checks are no steps"
    assert all(seconds is not None for seconds in watched.steps.values()), "known from last time"
    assert watched.starts == set(watched.ends)
    assert not watched.ends["models"]
    assert "release" not in watched.starts


def test_show_prints_the_answers_and_with_all_the_tables(night, monkeypatch, capsys):
    settings, _, _ = night
    monkeypatch.setenv("DENSING_PUBLISH_URL", settings.publish_url)
    assert main(["show"]) == 0
    shown = capsys.readouterr().out
    assert "Density of skills" in shown
    assert "On MMLU alone, density doubles" in shown
    assert "266.7x" not in shown
    assert str((settings.publish_dir / "latest").resolve()) in shown
    assert main(["show", "--all"]) == 0
    assert "266.7x" in capsys.readouterr().out


class SecondNight(NamedTuple):
    """A night after the first one with nothing new, but a damaged table in the state directory.

    Attributes:
        told: why a step that reads the damaged table failed before it.
        releases: releases before it.
        failures: steps of it that failed.
        watched: what it told of its steps.
    """

    told: str
    releases: list[Path]
    failures: dict[str, str]
    watched: "Watched"


@pytest.fixture(scope="module")
def second_night(night):
    """See `SecondNight`."""
    settings, instance, _ = night
    (settings.tables_dir / "densities.parquet").write_bytes(b"damaged")
    told = materialise(settings, instance, "densing_law")
    releases = sorted((settings.publish_dir / "releases").iterdir())
    assert is_whole((settings.publish_dir / "latest").resolve())
    watched = Watched()
    return SecondNight(told, releases, run_nightly(settings, instance, watched), watched)


@pytest.mark.slow
def test_a_damaged_table_in_the_state_directory_costs_only_itself(second_night):
    assert "densities.parquet: damaged" in second_night.told
    assert second_night.failures == {}, "a full night rebuilds it"


@pytest.mark.slow
def test_a_second_night_with_nothing_new_publishes_nothing_new(night, second_night):
    assert sorted((night[0].publish_dir / "releases").iterdir()) == second_night.releases


@pytest.mark.slow
def test_each_step_of_a_night_is_watched_from_its_start_to_its_end(second_night):
    watched = second_night.watched
    assert set(watched.steps) >= {"densities", "densing_law", "release"}
    assert not any(step.endswith("_schema") for step in watched.steps), "checks are no steps"
    assert all(seconds is not None for seconds in watched.steps.values()), "known from last time"
    assert watched.ends == dict.fromkeys(watched.steps, True)
    assert watched.starts == set(watched.steps)


class Watched:
    """Notes what it is told of a run."""

    def __init__(self) -> None:
        """Begin with nothing noted."""
        self.steps: dict[str, float | None] = {}
        self.starts: set[str] = set()
        self.ends: dict[str, bool] = {}

    def begin(self, steps: Mapping[str, float | None]) -> None:
        self.steps = dict(steps)

    def started(self, step: str) -> None:
        self.starts.add(step)

    def ended(self, step: str, *, is_ok: bool) -> None:
        assert step in self.starts
        self.ends[step] = is_ok
