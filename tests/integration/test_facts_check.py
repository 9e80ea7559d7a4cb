"""`densing facts check` after a night at a Hub on loopback, and against a release."""

from datetime import timedelta

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.__main__ import main
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import poll
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from densing_pipeline.publication.release import publish
from densing_pipeline.tables.published import SCORES
from tests.releases import some_provenance
from tests.servers.hub import FIRST_DAY, World, base_model, finetune, serving

LIMITS = poll.Limits(overlap_days=2, first_days=30, page_size=100, configs=50, revisits=20)


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))


def test_without_a_landing_zone_the_command_says_how_to_get_one(capsys):
    assert main(["facts", "check"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "publishers without scores and facts that the Hub contradicts are not listed" in shown
    assert "`DENSING_HUB_POLL=true densing run` asks it" in shown
    assert "No release to compare the facts with" in shown


def test_what_landed_is_compared_with_the_facts(tables, capsys):
    """A closed model that was published since, other counts, licence and date, and new publishers.

    A model that a board reports under any protocol is not without a score.
    """
    day = FIRST_DAY + timedelta(days=3)
    repos = [
        base_model("newlab/Nova-7B", day),
        base_model("olderlab/Vega-7B", day - timedelta(days=2)),
        base_model("Qwen/Qwen3.8-27B-Base", day),
        base_model("meta-llama/Llama-3.1-8B", day),
        finetune("newlab/Nova-7B-chat", day, "newlab/Nova-7B"),
    ]
    today = FIRST_DAY + timedelta(days=5)
    settings = current_settings()
    ticks = iter(range(10**6))
    with serving(World(repos=repos, today=today)) as endpoint:
        night = poll.poll(
            LandingZone(settings.landing_dir),
            settings.hub_cache_dir,
            Hub(endpoint, None),
            LIMITS,
            facts.load("base_models")["model_id"],
            lambda: today + timedelta(milliseconds=next(ticks)),
        )
    assert night.outcome == "ok"
    assert main(["facts", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("no score: ")] == [
        "no score: newlab, newest of 2026-06-04: newlab/Nova-7B",
        "no score: olderlab, newest of 2026-06-02: olderlab/Vega-7B",
    ]
    said = [line for line in lines if "meta-llama/Llama-3.1-8B: " in line]
    assert [line.partition(":")[0] for line in said] == ["count", "date", "licence"]
    assert "licence: meta-llama/Llama-3.1-8B: llama3.1, on the Hub apache-2.0" in lines
    assert (
        "weights: Qwen/Qwen3.8-27B-Base: not-published, but the repository is there with weights"
        in lines
    )
    board = tables["benchmark_reports"].with_columns(model_id=pl.lit("olderlab/Vega-7B"))
    publish(
        tables | {"benchmark_reports": board}, current_settings().publish_dir, some_provenance()
    )
    assert main(["facts", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("no score: ")] == [
        "no score: newlab, newest of 2026-06-04: newlab/Nova-7B"
    ]


def test_scores_in_use_that_differ_from_the_release_are_listed(tables, capsys):
    """A score that was another in the release, one that was not there, and one that is no more."""
    fact_tables = ("reported_scores", "nmi_models", "base_models", "score_documents")
    now = reported_scores.scores(*map(facts.load, fact_tables))
    ouro = (pl.col("benchmark") == "MMLU") & (pl.col("model_id") == "ByteDance/Ouro-2.6B")
    assert now.filter(ouro)["score"].to_list() == [0.746]
    before = pl.concat(
        [
            now.filter(pl.col("model_id") != "ByteDance/Ouro-1.4B").with_columns(
                score=pl.when(ouro).then(0.7).otherwise("score")
            ),
            now.filter(ouro).with_columns(model_id=pl.lit("ByteDance/Vanished")),
        ]
    ).sort(SCORES.key, nulls_last=True)
    publish(tables | {"scores": before}, current_settings().publish_dir, some_provenance())
    assert main(["facts", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Scores in use that differ"))
    said = [line for line in lines[start:] if ", MMLU, " in line]
    assert said == [
        "new: ByteDance/Ouro-1.4B, MMLU, 0.6735 from 1 source",
        "changed: ByteDance/Ouro-2.6B, MMLU, 0.7000 from 1 source, now 0.7460 from 1 source",
        "gone: ByteDance/Vanished, MMLU, 0.7460 from 1 source",
    ]
