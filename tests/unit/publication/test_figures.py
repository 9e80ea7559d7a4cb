"""The pictures are drawn from published tables, whatever is in them."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline.publication.figures import (
    FIGURES,
    density_figure,
    interval_text,
    price_figure,
)
from densing_pipeline.tables.published import PUBLISHED

pytestmark = pytest.mark.heavy


def lines(figure, label):
    return [line for line in figure.axes[0].get_lines() if label in str(line.get_label())]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_same_tables_give_the_same_picture(tables):
    for figure in FIGURES.values():
        assert figure(tables) == figure(tables)
        assert figure(tables).startswith(b"<?xml")


def test_empty_tables_give_a_picture_that_says_so():
    empty = {name: table.empty() for name, table in PUBLISHED.items()}
    assert texts(density_figure(empty)) == ["no headline estimate"]
    assert texts(price_figure(empty)) == ["no prices"]


def test_the_headline_line_has_the_slope_of_the_table(tables):
    days = [date(2024, 1, 1), date(2025, 1, 1)]
    densities = pl.concat([tables["densities"]] * 2).with_columns(
        release_date=pl.Series(days), density=pl.Series([0.5, 2.0])
    )
    law = tables["densing_law"].with_columns(
        slope_per_day=pl.lit(0.01),
        intercept=pl.lit(-1.0),
        doubling_days=pl.lit(69.3),
        doubling_days_low=pl.lit(60.0),
        estimator=pl.lit("quantile-0.9"),
    )
    figure = density_figure({"densities": densities, "densing_law": law})
    (line,) = lines(figure, "quantile-0.9: 69 days (at least 60)")
    low, high = line.get_ydata()
    assert np.log(high / low) == pytest.approx(0.01 * 366)


@pytest.mark.parametrize("family", ["$\\frac$", "a$b", "$x$", "<svg onload=alert(1)>", "[/]"])
def test_a_family_is_drawn_as_it_is_written(tables, family):
    densities = tables["densities"].with_columns(family=pl.lit(family), density=pl.lit(1.0))
    tables = tables | {"densities": densities}
    labels = density_figure(tables).axes[0].get_legend_handles_labels()[1]
    assert family in {label.replace(r"\$", "$") for label in labels}
    assert b"<svg onload" not in FIGURES["density"](tables), "and no formula fails to draw"


def test_a_level_that_is_off_the_market_leaves_a_gap(tables):
    steps = pl.concat([tables["price_frontier"]] * 2).with_columns(
        date=pl.Series([date(2024, 1, 1), date(2024, 6, 1)]),
        curve=pl.lit("cheapest_ever"),
        blend_input_share=pl.lit(0.75),
        usd_per_mtok=pl.Series([1.0, None]),
    )
    (line,) = lines(price_figure({"price_frontier": steps}), "a level")
    assert line.get_ydata()[0] == 1
    assert np.isnan(line.get_ydata()[1:]).all()


def test_an_open_interval_reads_at_least():
    assert interval_text(106.2, 90.1, 130.0, "days", 0) == "106 days (90 to 130)"
    assert interval_text(106.2, 90.1, None, "days", 0) == "106 days (at least 90)"
    assert interval_text(None, 90.1, None, "days", 0) == "at least 90 days"
    assert interval_text(None, None, None, "days", 0) == "no estimate"
    assert interval_text(2.53, None, None, "months", 2) == "2.53 months"
