"""Knowledge probes: the source's own regression, the ruler, and scores that a poll revises."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.knowledge_probes import (
    SIZE,
    YEARS,
    features,
    knowledge_densities,
    mean_lines,
    source_regression,
    with_polls,
)
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    KNOWLEDGE_PROBES,
    RULER_DENSITIES,
)


@pytest.fixture(scope="module")
def probes() -> pl.DataFrame:
    found = with_polls(facts.load("knowledge_probes"), BENCHMARK_REPORTS.empty())
    return KNOWLEDGE_PROBES.validate(KNOWLEDGE_PROBES.cast(found))


def reports(**changes: object) -> pl.DataFrame:
    """One row of `benchmark_reports`: a later score of mistral-7b."""
    row = {
        "source": "ikp", "benchmark_name": "Incompressible Knowledge Probes", "model": "mistral-7b",
        "entry": "summary", "score": 0.4, "std_error": 0.01, "n_items": 1311, "licence_basis": "CC-BY-4.0",
        "method": "unlinked", "confidence": 0.0, "observed_from": date(2026, 12, 24),
        "snapshot_sha256": "0",
    } | changes  # fmt: skip
    return BENCHMARK_REPORTS.cast(pl.DataFrame([row], schema_overrides={"observed_to": pl.Date}))


def with_report(**changes: object) -> dict:
    found = with_polls(facts.load("knowledge_probes"), reports(**changes))
    return KNOWLEDGE_PROBES.cast(found).filter(model="mistral-7b").row(0, named=True)


def test_the_sources_own_regression_comes_out_to_its_printed_digits(probes):
    """Its data/analysis_densing_law.md: slope .1494, then .1445 and +.00131 a month, against +.01285."""
    own = source_regression(probes, 3.5)
    assert own.n == 100
    assert round(own.per_log10_params, 4) == 0.1494
    assert round(own.per_log10_params_dated, 4) == 0.1445
    assert round(own.per_month, 5) == 0.00131
    assert round(own.constant_per_month, 5) == 0.01285


def test_a_score_is_the_mean_of_seven_tiers():
    raw = facts.load("knowledge_probes")
    mean = raw.select(pl.mean_horizontal(f"tier_{tier}" for tier in range(1, 8))).to_series()
    assert (mean - raw["score"]).abs().max() < 6e-5


def test_two_models_answered_too_few_questions(probes):
    assert probes.filter(~pl.col("used_in_fit"))["model"].sort().to_list() == [
        "ling-2.6-flash", "qwen3.5-0.8b",
    ]  # fmt: skip


@pytest.mark.parametrize(("items", "used"), [(999, False), (1000, True)])
def test_a_thousand_answers_are_enough(items, used):
    assert with_report(n_items=items)["used_in_fit"] is used


def test_the_active_parameters_of_gpt_oss_are_those_of_its_card(probes):
    """The source gives the totals; the models are mixtures of experts."""
    rows = probes.filter(pl.col("model").str.starts_with("gpt-oss")).sort("model")
    assert rows["params_active"].to_list() == [5_100_000_000, 3_600_000_000]
    assert rows["is_moe"].all()


def test_a_later_poll_revises_a_score_and_its_day():
    row = with_report()
    assert (row["score"], row["is_revised"], row["observed_at"]) == (0.4, True, date(2026, 12, 24))
    assert (row["std_error"], row["n_items"]) == (0.01, 1311)


@pytest.mark.parametrize(
    "changes",
    [
        {"observed_from": date(2026, 7, 29)},
        {"observed_to": date(2026, 12, 25)},
        {"score": 0.37624},
        {"source": "another-board"},
    ],
)
def test_an_older_or_ended_or_equal_value_revises_nothing(changes):
    row = with_report(**changes)
    assert (row["score"], row["is_revised"]) == (0.3762, False)


def test_the_bundled_document_of_the_source_agrees_with_the_facts():
    document = SOURCES["ikp"].embedded[0]
    listed = SOURCES["ikp"].read(document.content(), document.day).reports
    both = facts.load("knowledge_probes").join(listed, on="model", suffix="_listed")
    assert both.height == 99, "ling-2.6-flash was not asked the questions of every tier"
    assert (both["score"] - both["score_listed"]).abs().max() < 1e-5
    assert (both["n_items"] == both["n_items_listed"]).all()


def test_the_line_gives_back_a_score_made_of_size_date_and_thinking():
    made = knowledge(per_ln=0.06, per_year=0.03, thinking=0.02)
    line = mean_lines(features(made, "total"), np.ones((1, made.height)))[0]
    assert line[[SIZE, YEARS, 3]] == pytest.approx([0.06, 0.03, 0.02])


def test_a_resample_that_does_not_determine_the_line_has_none():
    made = knowledge()
    found = features(made, "total")
    weights = np.stack([np.ones(made.height), 1.0 - found.features[:, 3], np.zeros(made.height)])
    assert np.isfinite(mean_lines(found, weights)).all(axis=1).tolist() == [True, False, False]


def test_densities_lower_the_scores_of_thinking_models_by_what_thinking_brings():
    made = knowledge(per_ln=0.06, per_year=0.0, thinking=0.05)
    rows = knowledge_densities(made)
    RULER_DENSITIES.validate(RULER_DENSITIES.cast(pl.DataFrame(rows)))
    of_total = [row for row in rows if row["params_basis"] == "total"]
    assert [row["density"] for row in of_total] == pytest.approx([1] * made.height)
    of_active = {row["model_id"]: row["density"] for row in rows if row["params_basis"] == "active"}
    assert len(of_active) == made.height


def knowledge(
    per_ln: float = 0.06, per_year: float = 0.0, thinking: float = 0.0, models: int = 24
) -> pl.DataFrame:
    """A `knowledge_probes` frame whose scores follow a line exactly."""
    place = np.arange(models)
    params = 1e9 * 4.0 ** (place % 5)
    days = 40 * place
    thinks = place % 3 == 0
    score = 0.3 + per_ln * np.log(params / 1e9) + per_year * days / 365.25 + thinking * thinks
    return KNOWLEDGE_PROBES.cast(
        pl.DataFrame(
            {
                "model": [f"m{n:02d}" for n in place], "vendor": [f"v{n % 8}" for n in place],
                "family": "f", "is_moe": False, "is_thinking": thinks, "params_total": params,
                "params_active": params / (1 + place % 2),
                "release_date": [date.fromordinal(738_000 + int(day)) for day in days],
                "score": score, "n_items": 1311, "std_error": 0.01, "used_in_fit": True,
                "is_revised": False, "source": "made up", "source_url": "https://example.org",
                "observed_at": date(2026, 1, 1),
            }
        )
    )  # fmt: skip
