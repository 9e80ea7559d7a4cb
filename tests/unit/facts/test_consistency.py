"""Fact tables agree with themselves and with each other."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.facts.consistency import check
from densing_pipeline.tables.schemas import TableError


def test_an_empty_table_is_refused():
    with pytest.raises(TableError, match=r"sources\.csv: there is no row"):
        check("sources", facts.load("sources").clear(), facts.load)


def test_a_score_of_an_unknown_model_is_refused():
    scores = facts.load("reported_scores").with_columns(model_id=pl.lit("org/nobody"))
    with pytest.raises(TableError, match=r"org/nobody not found in base_models\.csv"):
        check("reported_scores", scores, facts.load)


def test_a_price_of_an_unknown_source_is_refused():
    prices = facts.load("list_prices").with_columns(source=pl.lit("hearsay"))
    with pytest.raises(TableError, match=r"hearsay not found in sources\.csv"):
        check("list_prices", prices, facts.load)


def test_two_prices_at_once_are_refused():
    prices = facts.load("list_prices").filter(
        pl.len().over("source", "provider", "model", "offer", "context_over_tokens") > 1
    )
    endless = prices.with_columns(valid_to=pl.lit(None, dtype=pl.Date))
    with pytest.raises(TableError, match="but its next price starts on"):
        check("list_prices", endless, facts.load)


def test_no_fact_is_dated_after_the_day_it_was_compiled():
    compiled = facts.load("sources")["published_at"].max()
    for name, column in [
        ("base_models", "release_date"),
        ("nmi_models", "release_date"),
        ("reported_scores", "observed_at"),
        ("list_prices", "observed_at"),
        ("list_prices", "valid_from"),
    ]:
        newest = facts.load(name)[column].max()
        assert isinstance(newest, date)
        assert newest <= compiled, (name, column)
