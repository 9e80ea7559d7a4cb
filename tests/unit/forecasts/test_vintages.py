"""A vintage knows what was known at its month end, and nothing later."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.density.pooled_scores import pooled_scores, source_effects
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.facts.documents import with_days
from densing_pipeline.forecasts.inputs import forecast_market
from densing_pipeline.forecasts.pooled_pace import PooledPaces
from densing_pipeline.forecasts.vintages import (
    density_vintage,
    is_watched,
    known_prices,
    month_ends,
    months_later,
    price_vintages,
)
from densing_pipeline.hub import bundled
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import (
    CAPABILITY_INDEX,
    CAPABILITY_LEVELS,
    REFERENCE_POINTS,
)

pytestmark = pytest.mark.heavy

LAST = date(2024, 12, 31)
LAST_FACT = date(2026, 11, 29)

NAME = "nmi-2025/nmi-2025-average/nonembedding"


def test_month_ends_are_the_ends_of_months_that_are_over():
    ends = month_ends(date(2024, 3, 30), date(2023, 12, 5))
    assert ends == [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]
    assert month_ends(date(2024, 3, 31), date(2024, 3, 1)) == [date(2024, 3, 31)]
    assert month_ends(date(2024, 3, 1), date(2024, 3, 1)) == []


@pytest.mark.parametrize(("months", "end"), [(1, date(2024, 2, 29)), (12, date(2025, 1, 31))])
def test_months_later_stays_at_month_ends(months, end):
    assert months_later(date(2024, 1, 31), months) == end


def test_a_density_record_is_the_running_maximum(world):
    vintage = density_vintage(world.history(date(2024, 6, 30)), NAME, date(2024, 6, 30))
    assert vintage is not None
    known = world.densities.filter(pl.col("release_date") <= date(2024, 6, 30))
    assert vintage.value(vintage.progress[-1]) == pytest.approx(known["density"].max())
    assert (np.diff(vintage.progress) > 0).all()
    assert vintage.at(-1) is None
    assert density_vintage(world.history(date(2022, 12, 31)), NAME, date(2022, 12, 31)) is None


def test_a_price_record_is_the_lowest_price_so_far(world):
    end = DAY_ZERO + timedelta(days=340)
    (vintage,) = price_vintages(world.inputs(LAST).market, end)
    assert vintage.name == "able/0.75"
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(10 * 2.0**-6)


MONTH_ENDS = [
    date(2024, 12, 31),
    *(date(2025, month, 28) for month in range(2, 13)),
    date(2026, 6, 30),
]


@pytest.fixture(scope="module")
def law() -> pl.DataFrame:
    """The paper's law."""
    return reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )


FACT_TABLES = ("reported_scores", "nmi_models", "base_models", "score_documents")


def tables_of(scores, plotted, base_models, documents) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The `models` and `scores` tables of these fact tables."""
    return (
        bundled.models(base_models, plotted),
        reported_scores.scores(scores, plotted, base_models, documents),
    )


def cut_at(end: date) -> tuple[pl.DataFrame, ...]:
    """The fact tables as they would have been compiled on a day: without what was published later."""
    scores, plotted, base_models, documents = map(facts.load, FACT_TABLES)
    known = with_days(scores, documents, base_models)["known_from"] <= end
    return (
        scores.filter(known),
        plotted.filter(pl.col("release_date") <= end),
        base_models.filter(pl.col("release_date") <= end),
        documents.filter(pl.col("published_at") <= end),
    )


@pytest.mark.parametrize("end", MONTH_ENDS)
def test_a_vintage_uses_nothing_learnt_later(models_and_scores, law, end):
    """Facts cut on the day give the same: days, choice of scores, disagreement, errors, densities."""
    models, scores = models_and_scores
    models_then, scores_then = tables_of(*cut_at(end))
    known = scores.filter(pl.col("known_from") <= end)
    assert source_effects(known).equals(source_effects(scores_then))
    assert pooled_scores(known).equals(pooled_scores(scores_then))
    now = DensityHistory.of(models, scores, law)
    then = DensityHistory.of(models_then, scores_then, law)
    assert then.as_of(end).height > 0
    assert now.as_of(end).equals(then.as_of(end))
    assert PooledPaces(now, 0).as_of(end) == PooledPaces(then, 0).as_of(end)
    assert then.as_of(end).equals(then.as_of(LAST_FACT)), "nothing later was left in the cut tables"
    for score_set in SCORE_SETS:
        name = f"nmi-2025/{score_set}/nonembedding"
        full, cut = (density_vintage(known.as_of(end), name, end) for known in (now, then))
        assert full is not None
        assert cut is not None
        for field in ("days", "progress", "newest"):
            np.testing.assert_array_equal(getattr(full, field), getattr(cut, field))


def test_rows_added_to_any_document_change_no_earlier_vintage(models_and_scores, law):
    """To each document a new score of a model it has, and a score of a model yet to be released."""
    models, scores = models_and_scores
    rows, plotted, base_models, documents = map(facts.load, FACT_TABLES)
    later = LAST_FACT + timedelta(days=30)
    usual = {
        "benchmark": "MMLU", "protocol": "5-shot acc (added)", "is_paper_protocol": True,
        "score": 0.5, "source_confidence": "high",
    }  # fmt: skip
    last_rows = rows.unique("source_url", keep="last", maintain_order=True).with_columns(
        scored_by=pl.lit("third_party"),
        observed_at=later,
        **{k: pl.lit(v) for k, v in usual.items()},
    )
    new_model = base_models.head(1).with_columns(model_id=pl.lit("org/new"), release_date=later)
    added = pl.concat(
        [
            rows,
            last_rows.with_columns(published_at=later),
            last_rows.with_columns(model_id=pl.lit("org/new"), published_at=None),
        ]
    )
    assert added.height == rows.height + 2 * documents.height
    grown_tables = tables_of(added, plotted, pl.concat([base_models, new_model]), documents)
    now, grown = DensityHistory.of(models, scores, law), DensityHistory.of(*grown_tables, law)
    for end in [*MONTH_ENDS, LAST_FACT]:
        assert now.as_of(end).equals(grown.as_of(end)), end
    assert not now.as_of(later).equals(grown.as_of(later)), "the new rows count from their day on"


def test_a_score_whose_day_is_not_known_counts_from_the_day_it_was_read(models_and_scores, law):
    models, scores = models_and_scores
    read = date(2026, 11, 23)
    undated = scores.with_columns(pl.lit(None, pl.Date).alias("known_from"), observed_at=read)
    history = DensityHistory.of(models, undated, law)
    assert history.as_of(read - timedelta(days=1)).is_empty()
    assert history.as_of(read).height > 1000


def test_a_report_published_later_does_not_change_an_earlier_month_end(models_and_scores, law):
    """Falcon-H1's documents of 2025-05 score Qwen2.5 of 2024-09; at the end of 2024 nobody knew."""
    history = DensityHistory.of(*models_and_scores, law)
    series = (pl.col("model_id") == "Qwen/Qwen2.5-7B") & (pl.col("score_set") == "mmlu")
    before, after = (
        history.as_of(day).filter(series, pl.col("params_basis") == "total")["score"].item()
        for day in (date(2024, 12, 31), date(2026, 11, 28))
    )
    assert before != after


@pytest.mark.parametrize("end", [date(2023, 9, 30), date(2024, 3, 31), date(2024, 12, 31)])
def test_a_vintage_is_what_somebody_with_the_tables_of_the_day_would_have_found(world, end):
    """Reconstructed row by row, without any of our functions."""
    best = 0.0
    for model in sorted(world.densities.to_dicts(), key=lambda row: row["release_date"]):
        if model["release_date"] <= end:
            best = max(best, model["density"])
    vintage = density_vintage(world.history(end), NAME, end)
    assert vintage is not None
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(best)
    assert vintage.models is not None
    assert vintage.models.days.size == sum(
        row["release_date"] <= end for row in world.densities.to_dicts()
    )
    cheapest = min(
        row["input_usd_per_mtok"]
        for row in world.prices.to_dicts()
        if row["valid_from"] <= end - timedelta(days=30)
    )
    (price,) = price_vintages(world.inputs(LAST).market, end)
    assert float(price.value(price.progress[-1])) == pytest.approx(cheapest)


def test_a_price_not_yet_held_for_30_days_does_not_count(world):
    (vintage,) = price_vintages(world.inputs(LAST).market, DAY_ZERO + timedelta(days=310))
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(10 * 2.0**-5)


def test_a_name_sells_a_model_from_its_release_on(world):
    """`deepseek-chat` was an earlier model until DeepSeek-V3 came out in December 2024."""
    sold = [date(2024, 6, 19), date(2025, 2, 8)]
    prices = world.prices.head(2).with_columns(
        valid_from=pl.Series(sold), input_usd_per_mtok=pl.Series([0.1, 0.05])
    )
    release = {
        "source": "epoch-eci", "index_name": "ECI", "licence_basis": "CC-BY-4.0", "model": "DeepSeek-V3",
        "index_value": 140.0, "release_date": date(2024, 12, 26), "observed_from": LAST_FACT, "snapshot_sha256": "",
    }  # fmt: skip
    market = forecast_market(
        prices,
        world.model_links.with_columns(canonical_id=pl.lit("deepseek-ai/DeepSeek-V3")),
        CAPABILITY_LEVELS.cast(facts.load("capability_levels").filter(level="gpt-4")),
        CAPABILITY_INDEX.cast(pl.DataFrame([release])),
        None,
    )
    assert price_vintages(market, date(2024, 11, 30)) == []
    (vintage,) = price_vintages(market, date(2025, 6, 30))
    began = [DAY_ZERO + timedelta(days=day) for day in vintage.days]
    assert began == [date(2024, 12, 26), date(2025, 2, 8)]


def test_what_ends_later_has_not_ended_yet(world):
    end = date(2024, 1, 31)
    prices = world.prices.with_columns(
        valid_to=pl.lit(date(2024, 6, 1)), observed_to=pl.lit(date(2026, 6, 1))
    )
    known = known_prices(prices, end)
    assert known["valid_from"].max() <= end
    assert known["valid_to"].null_count() == known.height
    assert known["observed_to"].null_count() == known.height
    assert known["observed_from"].max() <= end


def test_an_undated_price_is_known_from_the_day_it_was_seen(world):
    undated = world.prices.head(1).with_columns(
        valid_from=pl.lit(None, dtype=pl.Date), observed_from=pl.lit(date(2026, 1, 1))
    )
    assert known_prices(undated, date(2025, 12, 31)).is_empty()
    assert known_prices(undated, date(2026, 1, 31)).height == 1


def test_a_day_is_watched_if_something_new_came_before_and_after_it():
    entries = np.array([0.0, 10.0, 300.0])
    assert is_watched(entries, 50)
    assert not is_watched(entries, 150), "nothing new for three months"
    assert not is_watched(entries, 320), "nothing came after it"
    assert not is_watched(np.empty(0), 0)
