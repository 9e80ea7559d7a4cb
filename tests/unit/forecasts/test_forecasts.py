"""Forecasts are functions of their vintage; the methods say what they are documented to say."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.forecasts.forecasts import HORIZONS, KEY, forecasts
from densing_pipeline.forecasts.methods import METHODS, NoForecastError
from densing_pipeline.forecasts.vintages import Vintage, month_ends
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import (
    CAPABILITY_LEVELS,
    DENSITIES,
    FORECAST_QUANTILES,
    FORECASTS,
    MODEL_LINKS,
    PRICES,
)
from densing_pipeline.trends.pooled_growth import Pace
from densing_pipeline.trends.series import Series

pytestmark = pytest.mark.heavy

LAST = date(2024, 12, 31)
ARGUMENTS = {"draws": 100, "seed": 0}


@pytest.fixture(scope="module")
def made(world):
    return forecasts(world.inputs(LAST), **ARGUMENTS)


def of(made: pl.DataFrame, target: str, method: str, months: int, vintage: date) -> dict:
    return made.filter(
        target=target, method=method, horizon_months=months, made_on=vintage, origin="backtest"
    ).row(0, named=True)


def test_every_vintage_horizon_and_method_has_a_row(made):
    FORECASTS.validate(made)
    assert (made["target_date"] > made["made_on"]).all()
    per_vintage = made.filter(origin="backtest").group_by("target", "series", "made_on").len()
    for target, methods in METHODS.items():
        lengths = per_vintage.filter(target=target)["len"]
        assert (lengths == len(HORIZONS) * len(methods)).all()
    assert made.filter(target="density")["made_on"].n_unique() == len(
        month_ends(LAST, date(2023, 2, 28))
    )


def test_a_vintage_knows_nothing_later(world, made):
    """Tables cut off by hand at a month end give the same rows: nothing leaks."""
    end = date(2024, 3, 31)
    cut = world._replace(
        densities=world.densities.filter(pl.col("release_date") <= end),
        prices=world.prices.filter(pl.col("valid_from") <= end).with_columns(
            observed_from=pl.col("valid_from")
        ),
    )
    before = forecasts(cut.inputs(end), **ARGUMENTS).filter(origin="backtest")
    assert before.height > 100
    assert before.equals(made.filter(pl.col("made_on") <= end, origin="backtest"))


def test_a_forecast_once_published_stays_whatever_becomes_of_the_tables(world):
    published = forecasts(world.inputs(date(2024, 6, 30)), **ARGUMENTS)
    own = published.filter(origin="published")
    assert own["made_on"].unique().to_list() == [date(2024, 6, 30)]
    assert own["first_published"].unique().to_list() == [date(2024, 6, 30)]
    corrected = world._replace(densities=world.densities.with_columns(pl.col("density") * 1.5))
    later = forecasts(corrected.inputs(date(2024, 8, 31)), previous=published, **ARGUMENTS)
    FORECASTS.validate(later)
    kept = later.filter(origin="published", made_on=date(2024, 6, 30))
    assert kept.equals(own)
    rebuilt = later.filter(origin="backtest", made_on=date(2024, 6, 30), target="density")
    moved = rebuilt.join(own, on=KEY).filter(pl.col("median") != pl.col("median_right"))
    assert moved.height > 0, "the backtest follows the corrected tables"
    assert set(later.filter(origin="published")["made_on"]) == {
        date(2024, 6, 30), date(2024, 8, 31)
    }  # fmt: skip


def test_forecasts_published_before_a_column_was_added_stay(world):
    published = forecasts(world.inputs(date(2024, 6, 30)), **ARGUMENTS).drop("log_draws")
    later = forecasts(world.inputs(date(2024, 8, 31)), previous=published, **ARGUMENTS)
    kept = later.filter(origin="published", made_on=date(2024, 6, 30))
    assert kept.drop("log_draws").equals(published.filter(origin="published"))
    assert kept.height > 0
    assert kept["log_draws"].null_count() == kept.height


def test_a_second_night_on_the_same_tables_gives_the_same_table(world):
    known = world.inputs(date(2024, 6, 30))
    first = forecasts(known, **ARGUMENTS)
    assert forecasts(known, previous=first, **ARGUMENTS).equals(first)


def test_a_table_of_an_older_layout_publishes_nothing_for_good(world):
    known = world.inputs(date(2024, 6, 30))
    first = forecasts(known, **ARGUMENTS)
    assert forecasts(known, previous=first.drop("origin"), **ARGUMENTS).equals(first)


def test_nobody_looks_further_ahead_than_the_record_is_long(made):
    """A year ahead from four months of records once read 819."""
    early = made.filter(
        pl.col("made_on") == date(2023, 6, 30), pl.col("method").is_in(["trend", "paper-recipe"])
    )
    year = early.filter(horizon_months=12)
    assert year["verdict"].unique().to_list() == ["insufficient"]
    price = year.filter(target="price", method="paper-recipe").row(0, named=True)
    assert price["reason"] == "366 days ahead, but the record is 126 days long"
    assert year["median"].null_count() == year.height
    month = early.filter(target="price", method="paper-recipe", horizon_months=1)
    assert month["verdict"].item() == "ok"


def test_the_paper_constant_doubles_in_three_and_a_half_months(made):
    row = of(made, "density", "paper-constant", 12, date(2024, 4, 30))
    elapsed = (row["target_date"] - row["made_on"]).days
    assert row["median"] / row["current"] == pytest.approx(2 ** (elapsed / (3.5 * 365.25 / 12)))
    price = of(made, "price", "paper-constant", 12, date(2024, 4, 30))
    assert price["current"] / price["median"] == pytest.approx(2 ** (elapsed / (2.6 * 365.25 / 12)))


def test_no_change_is_no_change(made):
    for target in METHODS:
        row = of(made, target, "no-change", 6, date(2024, 1, 31))
        assert row["low"] == row["median"] == row["high"] == pytest.approx(row["current"])
        assert row["draws"] == 0


def test_last_year_goes_on_and_needs_a_year(made):
    young = of(made, "density", "last-12-months", 1, date(2023, 6, 30))
    assert young["verdict"] == "insufficient"
    assert young["reason"] == "the series is younger than 12 months"
    price = of(made, "price", "last-12-months", 12, date(2024, 6, 30))
    assert price["current"] / price["median"] == pytest.approx(2 ** (365 / 50), rel=0.7)


def test_the_price_recipe_is_the_line_through_both_ends(made):
    row = of(made, "price", "paper-recipe", 6, date(2024, 1, 31))
    elapsed = (row["made_on"] - date(2023, 2, 24)).days
    ahead = (row["target_date"] - row["made_on"]).days
    rate = np.log(10 / row["current"]) / elapsed
    assert np.log(row["current"] / row["median"]) == pytest.approx(rate * ahead, rel=0.01)


def test_the_trend_of_a_steady_world_is_found(world, made):
    """The 95 % interval a quarter ahead mostly holds the record that came."""
    rows = made.filter(
        pl.col("target_date") <= LAST,
        target="density",
        method="trend",
        horizon_months=3,
        origin="backtest",
        verdict="ok",
    )
    held = []
    for row in rows.to_dicts():
        came = world.densities.filter(pl.col("release_date") <= row["target_date"])["density"].max()
        held.append(row["low"] <= came <= row["high"])
    assert len(held) >= 12
    assert np.mean(held) >= 0.8
    price = of(made, "price", "trend", 12, date(2024, 4, 30))
    off = np.log2(price["median"] / (price["current"] * 2 ** (-365 / 50)))
    assert abs(off) < 1.5, "steps of 50 days cannot be timed better than to one of them"


def draws_of(method, slope, *, days=1400, seed=0, pooled_pace=None):
    """Draws of a density method 180 days ahead, less the record, in a world of so many days."""
    rng = np.random.default_rng(seed)
    released = np.arange(0.0, days, 7.0)
    values = slope(released) - rng.exponential(0.2, released.size)
    families = tuple(f"f{i % 12}" for i in range(released.size))
    models = Series(released, values, families, np.empty((0, released.size)))
    is_record = values >= np.maximum.accumulate(values)
    end = DAY_ZERO + timedelta(days=days)
    vintage = Vintage(
        "density",
        "s",
        end,
        released[is_record],
        values[is_record],
        released[-1],
        models,
        pooled_pace,
    )
    draws = METHODS["density"][method](vintage, np.array([180.0]), 200, rng)
    return draws[:, 0] - vintage.progress[-1]


def ahead_of(method, slope, **how):
    """The median of these draws."""
    return float(np.median(draws_of(method, slope, **how)))


def test_the_pooled_pace_is_forecast_with_its_error():
    """Benchmarks agree on a doubling in 200 days, whatever this series did; their pace has an error."""
    fast, agreed = np.log(2) / 100, np.log(2) / 200

    def told(error):
        pace = Pace(agreed, error**2, 1e6, 100)
        return draws_of("pooled", lambda day: agreed * day, pooled_pace=pace)

    assert np.median(told(0.0)) == pytest.approx(180 * agreed, abs=0.2)
    assert np.std(told(fast)) > np.std(told(0.0)) + 60 * fast
    with pytest.raises(NoForecastError, match="too few benchmarks"):
        ahead_of("pooled", lambda day: fast * day)


def test_the_error_of_a_saturating_curve_is_in_its_forecast():
    """Draws differ by the curve of each resample, not only by how far the record stood off at 14 month ends."""
    steady = np.log(2) / 105
    drawn = draws_of("saturating", lambda day: steady * day, days=420)
    assert np.unique(drawn.round(9)).size > 5 * 14


def test_the_last_24_months_forecast_at_their_own_pace():
    """Density doubled every 100 days until two years ago, and every 400 since."""
    slow, fast = np.log(2) / 400, np.log(2) / 100

    def slowed(day):
        return np.where(day < 670, fast * day, fast * 670 + slow * (day - 670))

    recent, whole = (ahead_of(name, slowed) for name in ("last-24-months", "trend"))
    assert recent == pytest.approx(180 * slow, abs=0.2)
    steady = ahead_of("last-24-months", lambda day: fast * day)
    assert steady == pytest.approx(180 * fast, abs=0.2)
    assert recent < whole


def test_a_saturating_curve_forecasts_less_once_the_pace_has_halved_and_the_same_in_a_steady_world():
    """The pace halves every year: what is left to come in half a year is known."""
    rate = np.log(2) / 365.25

    def levelling(day):
        return 5 * -np.expm1(-rate * day)

    told = ahead_of("saturating", levelling)
    assert told == pytest.approx(float(levelling(1580) - levelling(1400)), abs=0.15)
    assert told < ahead_of("trend", levelling) - 0.2
    steady = np.log(2) / 105
    assert ahead_of("saturating", lambda day: steady * day) == pytest.approx(180 * steady, abs=0.3)


def test_records_never_fall(made):
    ok = made.filter(verdict="ok")
    density, price = ok.filter(target="density"), ok.filter(target="price")
    assert (density["low"] >= density["current"] * (1 - 1e-12)).all()
    assert (price["high"] <= price["current"] * (1 + 1e-12)).all()


def test_stale_data_carry_no_forecast(world):
    made = forecasts(world.inputs(date(2025, 8, 31)), **ARGUMENTS)
    late = made.filter(pl.col("made_on") > date(2025, 5, 31))
    assert late["verdict"].unique().to_list() == ["insufficient"]
    assert late["reason"].str.starts_with("nothing new has been seen for").all()
    assert late.select(pl.all_horizontal(pl.col(FORECAST_QUANTILES).is_null()).all()).item()


EMPTY = {
    "densities": DENSITIES, "prices": PRICES, "model_links": MODEL_LINKS,
    "capability_levels": CAPABILITY_LEVELS,
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_table_costs_only_its_own_series(world, name):
    given = world._replace(**{name: EMPTY[name].empty()})
    made = forecasts(given.inputs(date(2023, 12, 31)), **ARGUMENTS)
    FORECASTS.validate(made)
    assert made["target"].unique().to_list() == ["price" if name == "densities" else "density"]


def test_one_month_of_data_gives_rows_with_reasons(world):
    given = world._replace(
        densities=world.densities.filter(pl.col("release_date") < date(2023, 3, 20)),
        prices=world.prices.head(1),
    )
    made = forecasts(given.inputs(date(2023, 4, 30)), **ARGUMENTS)
    FORECASTS.validate(made)
    trend = made.filter(pl.col("method").is_in(["trend", "paper-recipe"]))
    assert trend["verdict"].unique().to_list() == ["insufficient"]
    assert (trend["reason"].str.len_chars() > 0).all()


def test_nothing_at_all_gives_an_empty_table(world):
    given = world._replace(**{name: table.empty() for name, table in EMPTY.items()})
    assert forecasts(given.inputs(LAST), **ARGUMENTS).is_empty()


def test_a_forecast_that_says_nothing_is_not_made(world):
    """An interval of the paper's recipe once reached 350 million within a year."""
    noise = np.random.default_rng(0).normal(0, 3, world.densities.height)
    wild = world.densities.with_columns(pl.col("density") * pl.Series(np.exp(noise)))
    made = forecasts(world._replace(densities=wild).inputs(date(2025, 6, 30)), **ARGUMENTS)
    refused = made.filter(pl.col("reason").str.contains("1,000-fold beyond the record"))
    assert refused.height
    assert refused["verdict"].unique().to_list() == ["insufficient"]
    assert refused["median"].null_count() == refused.height
    said = made.filter(verdict="ok", target="density")
    assert (said["high"] / said["current"]).max() <= 1000 * (1 + 1e-9)
