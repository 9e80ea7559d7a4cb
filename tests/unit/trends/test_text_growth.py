"""Growth of density by compression of fresh text, over all models and over those with benchmarks."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.text_ruler import LINE, reported_texts, with_bits
from densing_pipeline.tables.published import DENSITIES, DENSITY_GROWTH, REPORTED_FRESH_TEXT
from densing_pipeline.trends.growth_rows import density_growth
from densing_pipeline.trends.text_growth import text_growth
from tests.unit.density.test_text_ruler import line, models


def rows(
    fresh_text: pl.DataFrame, densities: pl.DataFrame | None = None
) -> dict[tuple[str, str, str, str], dict]:
    found = text_growth(
        reported_texts(fresh_text),
        DENSITIES.empty() if densities is None else densities,
        {},
        draws=400,
        seed=2,
    )
    table = DENSITY_GROWTH.validate(density_growth(found))
    return {
        (row["ruler"], row["group"], row["population"], row["estimator"]): row
        for row in table.to_dicts()
    }


def growing(growth: float, count: int = 24) -> pl.DataFrame:
    """Models of the line, and others whose density grows at a rate a year."""
    days = 60 * np.arange(count)
    params = 1e9 * (2.0 + np.arange(count) % 5)
    density = np.exp(growth * days / 365.25 - 0.3 * (np.arange(count) % 2))
    others = {
        f"lab/m{n:02d}": (float(size), 6 * float(size * dense) ** -0.1)
        for n, (size, dense) in enumerate(zip(params, density, strict=True))
    }
    frame = models(line() | others)
    dates = {
        f"lab/m{n:02d}": date(2023, 3, 1) + timedelta(days=int(day)) for n, day in enumerate(days)
    }
    return frame.with_columns(
        release_date=pl.col("model_id").replace_strict(
            dates, default=date(2024, 9, 19), return_dtype=pl.Date
        ),
        family=pl.when(pl.col("model_id").str.contains(LINE))
        .then(pl.lit("Qwen"))
        .otherwise(pl.lit("family ") + (pl.col("model_id").str.tail(2).cast(pl.Int64) % 8).cast(pl.String)),
        observed_at=date(2028, 1, 1),
    )  # fmt: skip


def test_the_bundled_models_give_the_figures_recorded_with_them():
    """Recorded: prose falls, arXiv doubles in 688 days, GitHub in 313, by choices of text and models."""
    found = rows(REPORTED_FRESH_TEXT.cast(with_bits(facts.load("reported_fresh_text"))))
    ruler = "fresh-text-qwen2.5"
    growth = {
        group: found[ruler, group, "base", "ols-all"]
        for group in (
            "fresh-text", "fresh-text-github", "fresh-text-arxiv", "fresh-text-prose",
        )
    }  # fmt: skip
    assert [round(row["growth_per_year"], 2) for row in growth.values()] == [0.1, 0.64, 0.37, -0.29]
    assert growth["fresh-text"]["finding"] == "no growth shown"
    assert growth["fresh-text-arxiv"]["doubling_days"] == pytest.approx(692, abs=1)
    assert "at most 15 B parameters" in growth["fresh-text"]["reason"]
    assert {row["n_models"] for row in growth.values()} == {30}


@pytest.mark.parametrize("estimator", ["ols-all", "quantile-0.9"])
def test_a_known_growth_is_found_on_every_group_of_texts(estimator):
    found = rows(growing(0.8))
    for (ruler, _, population, name), row in found.items():
        if ruler == "fresh-text-qwen2.5" and population == "base" and name == estimator:
            assert row["growth_per_year"] == pytest.approx(0.8, abs=0.1)
            assert row["growth_low"] < 0.8 < row["growth_high"]


def test_the_benchmark_is_compared_over_the_same_models():
    fresh = growing(0.0)
    other = fresh.filter(text="bbc").filter(~pl.col("model_id").str.contains(LINE))
    some = other.filter(pl.col("model_id") < "lab/m20")
    years = (some["release_date"] - date(2023, 3, 1)).dt.total_days() / 365.25
    noise = pl.Series(0.05 * np.sin(np.arange(20.0)))
    densities = DENSITIES.cast(
        some.select("model_id", "family", "release_date", params=pl.col("params_total")).with_columns(
            reference_id=pl.lit("nmi-2025"), score_set=pl.lit("mmlu"), params_basis=pl.lit("total"),
            score=0.5, effective_params=1e9, density=(1.4 * years + noise).exp(),
            censored=pl.lit("none"), is_record=False,
        )
    )  # fmt: skip
    found = rows(fresh, densities)
    text = found["fresh-text-qwen2.5", "fresh-text", "base-on-both", "ols-all"]
    benchmark = found["nmi-2025", "knowledge", "base-on-both", "ols-all"]
    assert (text["n_models"], benchmark["n_models"]) == (20, 20)
    assert text["growth_per_year"] == pytest.approx(0, abs=0.1)
    assert benchmark["growth_per_year"] == pytest.approx(1.4, abs=0.1)


def test_without_the_line_there_is_no_growth_on_any_text():
    fresh = growing(0.8).filter(~pl.col("model_id").str.contains(LINE))
    found = rows(fresh)
    assert {row["verdict"] for row in found.values()} == {"insufficient"}
    reason = found["fresh-text-qwen2.5", "fresh-text", "base", "quantile-0.9"]["reason"]
    assert reason == "sizes of Qwen/Qwen2.5 on all texts: 0, needed: 4"
