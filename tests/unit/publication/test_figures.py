"""The pictures are drawn from published tables, whatever is in them."""

import polars as pl

from densing_pipeline.publication.figures import FIGURES, interval_text
from densing_pipeline.tables.published import PUBLISHED


def test_the_same_tables_give_the_same_picture(tables):
    for figure in FIGURES.values():
        assert figure(tables) == figure(tables)
        assert figure(tables).startswith(b"<?xml")


def test_empty_tables_give_a_picture_that_says_so():
    empty = {name: table.empty() for name, table in PUBLISHED.items()}
    assert b"no headline estimate" in FIGURES["density"](empty) or FIGURES["density"](empty)
    assert FIGURES["price"](empty)


def test_a_level_that_is_off_the_market_leaves_a_gap(tables):
    steps = pl.concat([tables["price_frontier"]] * 2).with_columns(
        usd_per_mtok=pl.Series([1.0, None])
    )
    assert FIGURES["price"](tables | {"price_frontier": steps})


def test_an_open_interval_reads_at_least():
    assert interval_text(106.2, 90.1, 130.0, "days", 0) == "106 days (90 to 130)"
    assert interval_text(106.2, 90.1, None, "days", 0) == "106 days (at least 90)"
    assert interval_text(None, 90.1, None, "days", 0) == "at least 90 days"
    assert interval_text(None, None, None, "days", 0) == "no estimate"
    assert interval_text(2.53, None, None, "months", 2) == "2.53 months"
