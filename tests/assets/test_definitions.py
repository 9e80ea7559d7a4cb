"""The asset graph is what docs/architecture.md says."""

import inspect
import re
from pathlib import Path

import dagster as dg
import pytest

from densing_pipeline.definitions import build_defs
from densing_pipeline.evaluation.queue_rules import Limits
from densing_pipeline.orchestration.partitions import MODELS
from densing_pipeline.orchestration.tables import table_io_manager
from densing_pipeline.settings import DECISIVE, Settings
from densing_pipeline.tables.published import PUBLISHED

ROOT = Path(__file__).parents[2]

GROUPS = {
    "hub": {"hub_nights", "models", "model_quarantine", "claimed_scores"},
    "score_sources": {
        "score_snapshots",
        "benchmark_reports",
        "capability_index",
        "model_reports",
    },
    "evaluation": {
        "evaluation",
        "evaluations",
        "eval_items",
        "fresh_text",
        "evaluation_costs",
        "suite_benchmarks",
        "scores",
        "score_gaps",
        "contamination",
        "evaluation_queue",
        "base_model_recall",
    },
    "density": {
        "reference_points",
        "reference_laws",
        "own_rulers",
        "reference_law_draws",
        "direct_laws",
        "source_effects",
        "pooled_scores",
        "score_conflicts",
        "trend_breaks",
        "sensitivity",
        "densities",
        "compression",
        "densing_law",
        "density_paces",
        "density_growth",
        "interval_coverage",
        "reported_fresh_text",
        "knowledge_probes",
        "ruler_densities",
        "benchmark_gap",
        "leaders",
    },
    "prices": {
        "price_snapshots",
        "quarantine",
        "prices",
        "price_polls",
        "model_links",
        "price_changes",
    },
    "cost": {
        "capability_levels",
        "level_memberships",
        "price_frontier",
        "price_halving",
        "price_index",
        "price_decomposition",
        "price_records",
        "price_comparisons",
        "task_runs",
        "task_cost_records",
        "task_cost_halving",
    },
    "forecasts": {
        "implications",
        "forecasts",
        "forecast_scores",
        "forecast_skill",
        "pace_skill",
        "paper_claims",
        "context_rates",
    },
    "publication": {
        "earlier_releases",
        "source_health",
        "revisions",
        "headline",
        "price_now",
        "smallest_model",
        "waiting",
        "release",
    },
}

FORECAST_INPUTS = {
    "densities",
    "models",
    "scores",
    "reference_laws",
    "prices",
    "price_polls",
    "model_links",
    "capability_levels",
    "capability_index",
}

LEVEL_INPUTS = {"prices", "model_links", "capability_levels", "capability_index"}

PARENTS = {
    "hub_nights": set(),
    "models": {"hub_nights"},
    "model_quarantine": {"hub_nights"},
    "claimed_scores": {"hub_nights", "models"},
    "evaluation": set(),
    "evaluations": {"evaluation"},
    "eval_items": {"evaluation"},
    "scores": {"evaluations", "eval_items", "benchmark_reports", "claimed_scores", "models"},
    "fresh_text": {"eval_items", "models"},
    "suite_benchmarks": set(),
    "evaluation_costs": {"evaluations", "eval_items", "models", "densities"},
    "score_gaps": {"scores"},
    "contamination": {"scores"},
    "evaluation_queue": {"models", "model_quarantine", "evaluations"},
    "base_model_recall": {"hub_nights", "models", "evaluation_queue"},
    "source_effects": {"scores"},
    "pooled_scores": {"scores", "source_effects"},
    "score_conflicts": {"scores", "pooled_scores"},
    "reference_points": {"eval_items", "scores"},
    "own_rulers": {"reference_points"},
    "reference_laws": {"reference_points"},
    "reference_law_draws": {"reference_laws", "reference_points"},
    "direct_laws": {"models", "scores", "reference_points"},
    "densities": {"models", "scores", "reference_laws", "reference_law_draws", "direct_laws"},
    "compression": {"densities", "models", "reference_laws", "reference_law_draws", "direct_laws"},
    "densing_law": {"densities", "scores", "reference_laws", "reference_law_draws"},
    "density_paces": {"densities", "densing_law", "reference_laws", "reference_law_draws"},
    "density_growth": {
        "densities",
        "models",
        "scores",
        "pooled_scores",
        "reference_laws",
        "reference_law_draws",
        "reported_fresh_text",
        "fresh_text",
        "knowledge_probes",
    },
    "interval_coverage": set(),
    "reported_fresh_text": {"benchmark_reports", "models"},
    "knowledge_probes": {"benchmark_reports"},
    "ruler_densities": {"reported_fresh_text", "fresh_text", "models", "knowledge_probes"},
    "benchmark_gap": {
        "densities",
        "reported_fresh_text",
        "direct_laws",
        "reference_laws",
        "reference_law_draws",
    },
    "context_rates": set(),
    "price_snapshots": set(),
    "score_snapshots": set(),
    "benchmark_reports": {"score_snapshots", "models"},
    "capability_index": {"score_snapshots", "models"},
    "model_reports": {"score_snapshots", "models"},
    "quarantine": {"price_snapshots", "score_snapshots", "prices"},
    "prices": {"price_snapshots"},
    "price_polls": {"prices", "price_snapshots"},
    "model_links": {"prices", "models"},
    "price_changes": {"prices", "model_links", "price_polls", "capability_index"},
    "capability_levels": {"capability_index"},
    "price_frontier": {"price_polls"} | LEVEL_INPUTS,
    "price_halving": {"price_frontier"} | LEVEL_INPUTS,
    "price_records": {"price_frontier"} | LEVEL_INPUTS,
    "price_comparisons": {"price_index"} | LEVEL_INPUTS,
    "level_memberships": {"capability_levels", "capability_index"},
    "price_index": {"capability_index", "model_links", "prices"},
    "price_decomposition": {"price_frontier"} | LEVEL_INPUTS,
    "task_runs": {"benchmark_reports"},
    "task_cost_records": {"task_runs"},
    "task_cost_halving": {"task_runs"},
    "source_health": {
        "hub_nights",
        "prices",
        "price_snapshots",
        "score_snapshots",
    },
    "trend_breaks": {"densities", "scores"},
    "sensitivity": {"models", "scores", "reference_laws", "densing_law"},
    "implications": {
        "densities",
        "compression",
        "reference_laws",
        "reference_law_draws",
        "price_frontier",
        "density_growth",
        "scores",
    },
    "forecasts": {"earlier_releases", *FORECAST_INPUTS},
    "forecast_scores": {"forecasts", "price_frontier", *FORECAST_INPUTS},
    "forecast_skill": {"forecast_scores", "prices"},
    "pace_skill": {"densities", "models", "scores", "reference_laws"},
    "paper_claims": {"price_frontier", *FORECAST_INPUTS},
    "earlier_releases": set(),
    "revisions": {
        "earlier_releases",
        "scores",
        "reference_laws",
        "densities",
        "densing_law",
        "density_paces",
        "density_growth",
        "ruler_densities",
        "compression",
        "implications",
        "price_halving",
        "price_index",
        "price_comparisons",
        "task_cost_halving",
        "models",
        "prices",
        "claimed_scores",
        "benchmark_reports",
        "reference_points",
        "fresh_text",
        "reported_fresh_text",
        "knowledge_probes",
        "task_runs",
    },
    "leaders": {"densities", "models", "reference_laws", "reference_law_draws"},
    "headline": {
        "density_growth",
        "densing_law",
        "densities",
        "density_paces",
        "pace_skill",
        "sensitivity",
        "price_halving",
        "price_frontier",
    },
    "price_now": {"price_frontier", "price_records", "capability_levels", "model_links"},
    "smallest_model": {"densities", "models", "densing_law"},
    "waiting": {"evaluation_queue", "models", "densities"},
    "release": set(PUBLISHED),
}


@pytest.fixture(scope="module")
def graph():
    return build_defs(Settings()).resolve_asset_graph()


def test_the_graph_loads_and_every_job_resolves():
    defs = build_defs(Settings())
    dg.Definitions.validate_loadable(defs)
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert jobs >= {"nightly", "hub_sweep", "evaluate"}


def test_assets_are_grouped(graph):
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.to_user_string())
    assert groups == GROUPS


def test_data_flows_as_drawn(graph):
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == PARENTS


def test_every_asset_is_described_and_owned(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_every_published_table_has_a_blocking_schema_check(graph):
    checked = {
        key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "schema"
    }
    assert checked == set(PUBLISHED)


def test_the_nightly_job_runs_everything_but_evaluations_at_two_utc():
    defs = build_defs(Settings())
    schedule = defs.resolve_schedule_def("nightly")
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "UTC"
    selected = defs.resolve_job_def("nightly").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in selected} == set(PARENTS) - {"evaluation"}
    assert not defs.resolve_job_def("nightly").partitions_def


@pytest.mark.parametrize("name", sorted(set(PARENTS) - {"evaluation"}))
def test_a_run_of_any_asset_but_an_evaluation_holds_the_state_directory(name):
    """The IO manager of tables needs the lock, so a run that reads or writes a table has it."""
    assets = {
        key.to_user_string(): one
        for one in build_defs(Settings()).resolve_asset_graph().assets_defs
        for key in one.keys
    }
    needed = assets[name].required_resource_keys
    assert "lock" in needed or "tables" in needed or set(PUBLISHED) & PARENTS[name]
    assert "lock" not in assets["evaluation"].required_resource_keys
    assert "tables" not in assets["evaluation"].required_resource_keys
    assert table_io_manager.required_resource_keys == {"settings", "lock"}


NOT_DECISIVE = {
    "landing_dir", "book_dir", "hub_cache_dir", "score_history_dir", "evaluations_dir", "publish_dir", "tables_dir",
    "keep_releases",
    "poll", "hub_poll", "hub_poll_seconds", "hub_endpoint",
}  # fmt: skip
"""Settings of assets that say where inputs are and whether new ones are fetched."""


def test_every_setting_that_an_asset_computes_with_is_compared_before_a_release():
    used = {
        found
        for file in (ROOT / "assets").glob("*.py")
        for found in re.findall(r"\bsettings\.(\w+)", file.read_text())
    } | set(re.findall(r"\bsettings\.(\w+)", inspect.getsource(Limits.of)))
    assert used - NOT_DECISIVE == set(DECISIVE)


def test_an_evaluation_waits_for_the_gpu_and_is_one_model(graph):
    job = build_defs(Settings()).resolve_job_def("evaluate")
    assert job.partitions_def == MODELS
    assert graph.get(dg.AssetKey("evaluation")).pools == {"gpu"}
