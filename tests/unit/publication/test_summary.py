"""The headline is quoted with the range of other choices beside it."""

from datetime import date

import polars as pl

from densing_pipeline.publication.summary import range_text
from densing_pipeline.tables.published import SENSITIVITY


def combinations(*doubling_days: float) -> pl.DataFrame:
    """Combinations that differ in the estimator alone."""
    rows = pl.DataFrame({"doubling_days": doubling_days}).with_row_index("estimator")
    return SENSITIVITY.cast(
        rows.with_columns(
            pl.col("estimator").cast(pl.String),
            slope_per_day=0.6931471805599453 / pl.col("doubling_days"),
            reference_id=pl.lit("r"),
            reference_tokens=pl.lit(5e12),
            score_set=pl.lit("mmlu"),
            inversion=pl.lit("one-law"),
            dropped_benchmark=pl.lit("none"),
            params_basis=pl.lit("total"),
            window=pl.lit("all"),
            verdict=pl.lit("ok"),
            reason=pl.lit(""),
            as_of=pl.lit(date(2026, 11, 23)),
            is_headline=pl.col("estimator") == 0,
            n_models=pl.lit(51),
            n_clusters=pl.lit(11),
            draws=pl.lit(100),
            seed=pl.lit(0),
        )
    )


def test_the_range_names_the_choice_that_moves_it_most():
    text = range_text(combinations(50, 100, 200))
    assert "3 combinations" in text
    assert "ends 50 and 200" in text
    assert text.endswith("The estimator moves it most: 4.0-fold.")


def test_no_combination_is_said_plainly():
    assert range_text(SENSITIVITY.empty()) == "No combination of choices carries an estimate."
