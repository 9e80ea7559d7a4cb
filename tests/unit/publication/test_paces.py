"""Whether density slows down, in words: by one rule, with both sides of each of its thresholds."""

from typing import Any

import polars as pl
import pytest

from densing_pipeline.publication.paces import pace_text
from densing_pipeline.tables.dates import DAYS_PER_MONTH

SERIES = {
    "reference_id": "nmi-2025", "score_set": "mmlu", "estimator": "quantile-0.9",
    "population": "all",
}  # fmt: skip
BASES = {"total": "all parameters", "active": "those active per token"}


def paces(tables, rows: dict[tuple[str, str], dict[str, Any]]) -> pl.DataFrame:
    return pl.concat(
        [
            tables["density_paces"].with_columns(
                params_basis=pl.lit(basis), growth_curve=pl.lit(curve), verdict=pl.lit("ok"),
                **{name: pl.lit(value) for name, value in SERIES.items()},
                **{name: pl.lit(value, pl.Float64) for name, value in values.items()},
            )
            for (basis, curve), values in rows.items()
        ]
    )  # fmt: skip


def skills(tables, low: dict[tuple[str, str], float | None]) -> pl.DataFrame:
    return pl.concat(
        [tables["pace_skill"].clear()]
        + [
            tables["pace_skill"].with_columns(
                params_basis=pl.lit(basis), growth_curve=pl.lit(curve), horizon_months=6,
                verdict=pl.lit("insufficient" if value is None else "ok"),
                skill_over_line_low=pl.lit(value, pl.Float64),
                **{name: pl.lit(value) for name, value in SERIES.items()},
            )
            for (basis, curve), value in low.items()
        ],
        how="vertical_relaxed",
    )  # fmt: skip


def curve(months: float | None, low: float, high: float) -> dict[str, float | None]:
    return {
        "doubling_days": None if months is None else months * DAYS_PER_MONTH,
        "slope_less_line_low": low,
        "slope_less_line_high": high,
    }


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((-0.002, -1e-9), "slower than over the whole history"),
        ((-0.002, 0.0), "not told from the whole history by these data"),
        ((0.0, 0.002), "not told from the whole history by these data"),
        ((1e-9, 0.002), "faster than over the whole history"),
    ],
)
def test_a_change_is_told_only_where_the_interval_leaves_out_zero(tables, ends, said):
    found = paces(tables, {("total", "last-24-months"): curve(13.2, *ends)})
    text = pace_text(found, skills(tables, {}), SERIES, BASES)
    assert text == f" In the last 24 months: every 13.2 months counting all parameters, {said}."


def test_bases_that_say_the_same_share_a_clause(tables):
    found = paces(
        tables,
        {
            ("total", "last-24-months"): curve(13.2, -1, 1),
            ("active", "last-24-months"): curve(None, -1, 1),
        },
    )
    assert pace_text(found, skills(tables, {}), SERIES, BASES) == (
        " In the last 24 months: every 13.2 months counting all parameters and no growth counting "
        "those active per token, not told from the whole history by these data."
    )


@pytest.mark.parametrize(
    ("high", "low", "said"),
    [
        (
            -0.001,
            0.01,
            " Counting all parameters, a broken line puts today's pace at every 24.0 months, slower "
            "than over the whole history, and forecast the models of the following six months better "
            "than the line.",
        ),
        (
            -0.001,
            0.0,
            " Counting all parameters, a broken line puts today's pace at every 24.0 months, slower "
            "than over the whole history, but did not forecast the models of the following six months "
            "better than the line.",
        ),
        (
            -0.001,
            None,
            " Counting all parameters, a broken line puts today's pace at every 24.0 months, slower "
            "than over the whole history; its forecasts are too few to judge.",
        ),
        (
            0.001,
            0.01,
            " Counting all parameters, a broken line puts today's pace at every 24.0 months, not told "
            "from the whole history by these data, but forecast the models of the following six "
            "months better than the line.",
        ),
        (0.001, 0.0, ""),
        (0.001, None, ""),
    ],
)
def test_a_bent_curve_is_told_where_it_disagrees_with_the_line(tables, high, low, said):
    found = paces(tables, {("total", "broken-line"): curve(24, -0.002, high)})
    of_skill = skills(tables, {("total", "broken-line"): low})
    assert pace_text(found, of_skill, SERIES, BASES) == said


def test_two_curves_that_disagree_make_one_sentence(tables):
    found = paces(
        tables,
        {
            ("active", "saturating"): curve(9, -0.002, -0.001),
            ("active", "broken-line"): curve(8, -0.002, -0.001),
        },
    )
    text = pace_text(found, skills(tables, {}), SERIES, BASES)
    assert text == (
        " Counting those active per token, a saturating curve puts today's pace at every 9.0 months, "
        "slower than over the whole history; its forecasts are too few to judge; and a broken line "
        "puts today's pace at every 8.0 months, slower than over the whole history; its forecasts "
        "are too few to judge."
    )


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (
            0.01,
            " Counting all parameters, a saturating curve forecast the models of the following six "
            "months better than the line, but the data do not determine its pace today.",
        ),
        (0.0, ""),
        (None, ""),
    ],
)
def test_a_curve_without_a_pace_today_is_told_for_its_forecasts_alone(tables, low, said):
    found = paces(tables, {("total", "saturating"): dict.fromkeys(curve(1, 0, 0))})
    refused = found.with_columns(verdict=pl.lit("insufficient"))
    of_skill = skills(tables, {("total", "saturating"): low})
    assert pace_text(refused, of_skill, SERIES, BASES) == said


def test_another_series_is_not_told_nor_recent_models_without_an_estimate(tables):
    found = paces(tables, {("total", "broken-line"): curve(24, -0.002, -0.001)})
    other = found.with_columns(population=pl.lit("open-weights"))
    recent = paces(tables, {("total", "last-24-months"): dict.fromkeys(curve(1, 0, 0))})
    none = skills(tables, {})
    assert pace_text(other, none, SERIES, BASES) == ""
    assert pace_text(recent.with_columns(verdict=pl.lit("insufficient")), none, SERIES, BASES) == ""
