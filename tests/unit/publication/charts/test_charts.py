"""The charts show what the published tables say, whatever is in them."""

import base64
import itertools
import math
import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.publication.charts import CHARTS, style
from densing_pipeline.publication.charts.causes import FOUND_LATE, causes
from densing_pipeline.publication.charts.choices import choices
from densing_pipeline.publication.charts.density import density_today
from densing_pipeline.publication.charts.forecasts import forecasts
from densing_pipeline.publication.charts.fresh_text import fresh
from densing_pipeline.publication.charts.price import price
from densing_pipeline.publication.charts.price_events import events
from densing_pipeline.publication.charts.rendering import markdown_image, svg
from densing_pipeline.publication.charts.rulers import ruler_words, rulers
from densing_pipeline.publication.charts.unwatched import Box
from densing_pipeline.publication.wording import money
from densing_pipeline.tables.published import PUBLISHED
from tests.full_release import HOSTILE, full_release

MONTH = 365.25 / 12


@pytest.fixture
def release(tables):
    return full_release(tables)


def test_every_chart_of_a_release_without_data_says_why_there_is_none():
    empty = {name: table.empty() for name, table in PUBLISHED.items()}
    for name, chart in CHARTS.items():
        figure = chart(empty)
        assert (figure.name, figure.chart) == (name, None)
        assert figure.missing.endswith(".")
        assert markdown_image(figure) == figure.missing


def test_every_chart_draws_and_names_its_rows_and_message(release):
    for name, chart in CHARTS.items():
        figure = chart(release)
        assert figure.name == name
        assert figure.rows.height > 0
        assert set(figure.columns) <= set(figure.rows.columns)
        assert not figure.title.endswith(".")
        assert figure.alt_text.endswith(".")
        assert {control.column for control in figure.controls} <= set(figure.rows.columns)


@pytest.mark.heavy
def test_every_specification_follows_the_schema_of_vega_lite(release):
    for chart in CHARTS.values():
        assert chart(release).chart.to_dict(validate=True)["$schema"].startswith("https://vega")


@pytest.mark.heavy
def test_the_picture_of_an_asset_page_says_and_draws_what_the_published_one_does_in_fewer_bytes(
    release,
):
    for chart in (density_today, price):
        figure = chart(release)
        whole = ET.fromstring(svg(figure))  # noqa: S314 - our own picture
        slim = base64.b64decode(markdown_image(figure).partition("base64,")[2].rstrip(")"))
        assert len(slim) < 0.8 * len(svg(figure))
        other = ET.fromstring(slim)  # noqa: S314
        assert [each.tag for each in other.iter()] == [each.tag for each in whole.iter()]
        assert list(other.itertext()) == list(whole.itertext())
        for one, two in zip(whole.iter(), other.iter(), strict=True):
            for name, value in two.attrib.items():
                if name in ("d", "transform"):
                    assert numbers(value) == pytest.approx(numbers(one.get(name)), abs=0.051)
                else:
                    assert value == one.get(name)


def numbers(path: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", path)]


@pytest.mark.heavy
def test_the_same_tables_give_the_same_picture_in_which_names_are_text(release):
    for chart in CHARTS.values():
        picture = svg(chart(release))
        assert picture == svg(chart(release))
        assert picture.startswith(b"<svg")
        assert b"<img" not in picture


def test_the_line_of_density_has_the_slope_of_the_table_and_its_band_turns_about_it(release):
    figure = density_today(release)
    line = figure.more["lines"].filter(params_basis="total").sort("day")
    first, middle, last = line.to_dicts()
    years = (last["day"] - first["day"]).days / 365.25
    assert math.log2(last["density"] / first["density"]) == pytest.approx(years)
    assert middle["low"] == middle["density"] == middle["high"]
    for end in (first, last):
        assert end["low"] < end["density"] < end["high"]
    assert figure.title == "On MMLU, a parameter does twice as much every 12.0 months"
    assert figure.basis.startswith("40 models to 2026-03-16;")


def test_a_trend_that_does_not_rise_has_a_title_without_a_number(release):
    law = release["densing_law"].with_columns(doubling_days=None)
    figure = density_today(release | {"densing_law": PUBLISHED["densing_law"].cast(law)})
    assert figure.title == "How fast density on MMLU grows cannot be told from these models"


@pytest.mark.parametrize(("days", "warns"), [(120, False), (121, True)])
def test_an_old_newest_model_is_warned_of_from_the_first_day_over_the_limit(release, days, warns):
    last = release["densities"]["release_date"].max()
    law = release["densing_law"].with_columns(as_of=pl.lit(last) + pl.duration(days=days))
    assert ("warning" in density_today(release | {"densing_law": law}).basis) == warns


def test_a_price_is_labelled_at_its_end_and_a_level_off_the_market_is_not(release):
    figure = price(release)
    assert figure.title == "What gpt-3.5 could do costs 1/1,000 of its price in January 2023"
    assert set(figure.more["ends"]["text"]) == {"gpt-3.5 2 c", "gpt-4 $4.00"}
    assert set(figure.more["ends"]["day"]) == {date(2026, 4, 1)}
    gone = release["price_frontier"].with_columns(
        usd_per_mtok=pl.when(pl.col("date") == date(2025, 6, 1))
        .then(None)
        .otherwise("usd_per_mtok")
    )
    assert price(release | {"price_frontier": gone}).more["ends"]["level"].to_list() == ["gpt-3.5"]


def test_causes_are_counted_in_halvings_and_the_larger_is_named(release):
    figure = causes(release)
    assert dict(figure.rows.select("words", "halvings").iter_rows()) == {
        "new models": pytest.approx(6.64),
        "price changes": pytest.approx(3.32),
    }
    assert figure.title == "New models and sellers, not price cuts, bring most of the fall"
    swapped = release["price_decomposition"].rename(
        {"entry_of_models": "repricing", "repricing": "entry_of_models"}
    )
    assert causes(release | {"price_decomposition": swapped}).title.startswith("Price cuts")


def test_a_ruler_whose_interval_holds_zero_shows_no_growth(release):
    figure = rulers(release)
    assert figure.title == "1 of 2 measures show that density grows; the others cannot tell"
    grows = release["density_growth"].filter(group="knowledge")
    assert rulers(release | {"density_growth": grows}).title == "By every ruler density grows"


@pytest.mark.parametrize(
    ("ruler", "group", "words"),
    [
        ("nmi-2025", "code", "code, by the paper's law"),
        ("size-lines-bent", "all-benchmarks", "five benchmarks, together"),
        ("a-new-ruler", "a group", "a group, by a-new-ruler"),
    ],
)
def test_a_ruler_is_named_in_words_and_an_unknown_one_as_it_is(ruler, group, words):
    assert ruler_words(ruler, group) == words


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "not on offer"), (37.5, "$38"), (10.0, "$10"), (9.99, "$9.99"), (0.1, "$0.10"),
     (0.0999, "10 c"), (0.525, "$0.53"), (0.0175, "1.8 c"), (1234.0, "$1,200")],
)  # fmt: skip
def test_prices_are_written_with_two_digits_in_dollars_or_cents(usd, text):
    assert money(usd) == text


@given(
    st.lists(st.floats(-1e3, 1e3), max_size=12),
    st.floats(0.1, 50),
)
def test_labels_are_moved_apart_in_their_order(places, least):
    moved = style.apart(places, least)
    order = sorted(range(len(places)), key=lambda one: places[one])
    for before, after in itertools.pairwise(order):
        assert moved[after] - moved[before] >= least - 1e-6
    assert sum(moved) == pytest.approx(sum(places), abs=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "step", "ticks"),
    [(1.0, 1.0, 1, [1.0]), (0.9, 3.0, 1, [0.5, 1.0, 2.0, 4.0]), (0.9, 3.0, 2, [0.25, 1.0, 4.0])],
)
def test_ticks_are_powers_of_two_that_hold_the_data(low, high, step, ticks):
    assert style.powers_of_two(low, high, step) == ticks


def test_a_price_found_late_is_hatched_dotted_and_counted_in_the_bars(release):
    frontier = release["price_frontier"].filter(pl.col("level") == "gpt-3.5")
    late = frontier.with_columns(
        date_earliest=pl.when(pl.col("usd_per_mtok") == 2.0)
        .then(pl.date(2023, 5, 1))
        .otherwise("date")
    )
    polls = pl.DataFrame(
        {"seen_on": pl.date_range(date(2022, 12, 1), date(2026, 4, 1), eager=True)}
    )
    figure = price({**release, "price_frontier": late, "price_polls": polls})
    dotted = figure.more["lines"].filter(~pl.col("is_watched"))
    assert (dotted["day"].min(), dotted["day"].max()) == (date(2023, 5, 1), date(2024, 1, 1))
    assert figure.more["hatch"].height > 5
    assert figure.more["blind"].is_empty()
    assert figure.rows.filter("is_late")["usd"].to_list() == [2.0]
    on_offer = late.with_columns(curve=pl.lit("cheapest_now"))
    bars = causes({**release, "price_frontier": on_offer})
    assert bars.rows.filter(words=FOUND_LATE)["halvings"].to_list() == [3.32]


def test_a_stretch_in_which_no_list_was_watched_is_hatched_for_every_level(release):
    polls = pl.DataFrame({"seen_on": pl.date_range(date(2023, 9, 1), date(2026, 4, 1), eager=True)})
    figure = price({**release, "price_polls": polls})
    assert figure.more["blind"]["day_end"].max() <= date(2023, 9, 1)
    assert figure.more["notes"]["day"].to_list() == [date(2023, 1, 1)]


def test_the_levels_of_a_scale_have_hues_of_their_own_and_a_level_keeps_its_hue(release):
    level = pl.Series(["gpt-3.5", "gpt-4", "eci-claude", "eci-gpt-3.5", "eci-gpt-4"])
    frontier = release["price_frontier"].with_columns(
        level=level, level_scale=pl.Series([None, None, "ECI", "ECI", "ECI"])
    )
    figure = price({**release, "price_frontier": frontier})
    (hues,) = {
        (tuple(layer["encoding"]["color"]["scale"]["domain"]), tuple(layer["encoding"]["color"]["scale"]["range"]))
        for layer in figure.chart.to_dict(validate=False)["layer"]
        if "scale" in layer.get("encoding", {}).get("color", {})
    }  # fmt: skip
    assert dict(zip(*hues, strict=True)) == {
        "gpt-3.5": style.SERIES[0],
        "gpt-4": style.SERIES[1],
        "claude": style.SERIES[2],
    }


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        (["denser on tests", "denser on fresh text", "denser on fresh text"],
         "Of 3 models, 1 is denser on MMLU than fresh text suggests, and 2 are less dense"),
        (["not told apart"] * 3,
         "No model is denser on MMLU, or on fresh text, than is usual among these models"),
    ],
)  # fmt: skip
def test_the_title_of_fresh_text_counts_the_models_that_are_told_apart(release, findings, said):
    gap = release["benchmark_gap"].with_columns(finding=pl.Series(findings))
    assert fresh({**release, "benchmark_gap": gap}).title == said


def test_a_model_is_named_where_its_name_lies_on_no_other(release):
    rows = fresh(release).rows
    assert rows.filter("named")["model"].to_list() == ["on-tests", "on-text"]
    close = release["benchmark_gap"].with_columns(
        text_density=pl.lit(0.5), benchmark_density=pl.Series([0.01, 2.0, 1.99]),
        excess=pl.Series([-0.1, 1.4, 1.39]),
    )  # fmt: skip
    rows = fresh({**release, "benchmark_gap": close}).rows
    assert rows.filter("named")["model"].to_list() == ["on-tests"]


def test_hostile_names_reach_the_rows_as_they_are_written(release):
    assert HOSTILE in "".join(density_today(release).rows["model"])


def test_a_search_keeps_the_models_whose_family_or_name_holds_the_words(release):
    figure = density_today(release)
    assert figure.search.columns == ("family", "model_id")
    assert set(figure.search.columns) <= set(figure.rows.columns)
    assert figure.search.finds == (
        "(find != '' && (indexof(lower(datum.family), lower(find)) >= 0 "
        "|| indexof(lower(datum.model_id), lower(find)) >= 0))"
    )


def test_densities_by_another_reference_law_are_a_choice(release):
    other = release["densities"].with_columns(
        reference_id=pl.lit("family-qwen2.5"), density=pl.lit(3.0)
    )
    both = {**release, "densities": pl.concat([release["densities"], other])}
    figure = density_today(both)
    (choice,) = [one for one in figure.controls if one.param == "ref"]
    assert [value for value, _ in choice.options] == ["nmi-2025", "family-qwen2.5"]
    assert figure.basis.startswith("40 models")
    assert set(figure.more["lines"]["reference"]) == {"nmi-2025"}


@pytest.mark.parametrize(
    ("slopes", "weights", "said"),
    [
        ([1.0, 2.0, 4.0], [1, 1, 1], "anywhere from 1.1 to 3.8 doublings a year"),
        ([1.0, 2.0, 4.0], [0.01, 0.01, 100], "anywhere from 2.1 to 3.9 doublings a year"),
        ([-1.0, 2.0, 4.0], [1, 1, 1], "anywhere from no rise to 3.8 doublings a year"),
    ],
)
def test_the_span_of_the_choices_counts_each_distinct_choice_alike(release, slopes, weights, said):
    row = release["sensitivity"].filter(verdict="ok").head(1)
    table = pl.concat([row] * 3).with_columns(
        slope_per_day=pl.Series(slopes) * math.log(2) / 365.25, weight=pl.Series(weights, dtype=pl.Float64),
        params_basis=pl.Series(["total", "active", "nonembedding"]),
    )  # fmt: skip
    figure = choices({**release, "sensitivity": table})
    assert figure.title == f"Other defensible choices put the paper's trend {said}"
    assert {"all parameters", "active parameters", "outside the embedding"} <= set(
        figure.rows["choice"]
    )


def forecast(made_on, months, method="trend", **values):
    """A forecast of the density of the densest model."""
    target = date(
        made_on.year + (made_on.month + months - 1) // 12, (made_on.month + months - 1) % 12 + 1, 28
    )
    return {
        "target": "density", "series": "nmi-2025/mmlu/nonembedding", "made_on": made_on, "horizon_months": months,
        "target_date": target, "method": method, "verdict": "ok", "origin": "backtest", "current": 4.0,
        "low": 4.0, "q_10": 4.5, "median": 8.0, "q_90": 16.0, "high": 40.0, **values,
    }  # fmt: skip


def forecast_figure(release, *rows):
    given = pl.DataFrame(list(rows))
    frame = pl.concat([release["forecasts"].head(1)] * given.height).with_columns(
        given.cast({name: release["forecasts"].schema[name] for name in given.columns})
    )
    return forecasts({**release, "forecasts": frame})


def test_a_fan_a_year_is_shown_from_the_newest_back_and_each_ends_with_its_trend(release):
    days = [date(2024, 6, 30), date(2025, 1, 31), date(2025, 6, 30), date(2025, 7, 31)]
    rows = [forecast(day, 6) for day in days] + [
        forecast(days[-1], months, "no-change") for months in (6, 12)
    ]
    figure = forecast_figure(release, *rows)
    assert set(figure.rows["made_on"]) == {days[0], days[-1]}
    assert figure.rows["day"].max() == date(2026, 1, 28)
    starts = figure.more["fans"].filter(pl.col("day") == days[-1])
    assert set(starts["median"]) == set(starts["high"]) == {4.0}
    assert figure.more["ends"].select("method").to_series().to_list() == ["no change", "our trend"]


def test_the_title_of_forecasts_says_what_is_expected_of_the_newest(release):
    figure = forecast_figure(
        release, forecast(date(2025, 7, 31), 3), forecast(date(2025, 7, 31), 12)
    )
    assert figure.title == (
        "The densest model of July 2026 is expected to be 2.0 times as dense as that of July 2025 (1.0 to 10)"
    )
    assert figure.basis.startswith("No forecast made 6 months before has come due")


def test_a_forecast_that_was_published_counts_once(release):
    day = date(2025, 7, 31)
    figure = forecast_figure(
        release, forecast(day, 6), forecast(day, 6, origin="published", median=9.0)
    )
    assert figure.rows["median"].to_list() == [9.0]


def steps(*falls, level="gpt-4"):
    """Steps of a curve from 100 dollars: the day of 2025, the price and the model of each."""
    return pl.DataFrame(
        [
            {"scale": "MMLU", "level": level, "curve": "cheapest_ever", "day": date(2025, 1, 1) + timedelta(days=day),
             "usd": usd, "model": model}
            for day, usd, model in ((0, 100.0, "first"), *falls)
        ]
    )  # fmt: skip


WHOLE = Box(date(2025, 1, 1), date(2026, 1, 1), 0.01, 100.0)


@pytest.mark.parametrize(
    ("falls", "words"),
    [
        ([(30, 25.0, "m")], ["m: 1/4"]),
        ([(30, 25.1, "m")], []),
        ([(30, 1.0, "deepseek-reasoner (DeepSeek-R1)")], ["DeepSeek-R1: 1/100"]),
        ([(30, 20.0, "small"), (31, 1.0, "large")], ["large: 1/20", "small: 1/5"]),
        ([(360, 1.0, "at-the-end")], []),
    ],
)
def test_a_long_step_of_a_price_is_named_by_its_model_where_there_is_room(falls, words):
    assert events(steps(*falls), WHOLE)["words"].to_list() == words


def test_a_model_that_reaches_two_levels_at_once_is_named_once_and_names_lie_on_no_other():
    two = pl.concat([steps((30, 1.0, "m")), steps((30, 2.0, "m"), level="gpt-4o")])
    assert events(two, WHOLE)["words"].to_list() == ["m: 1/100"]
    close = pl.concat([steps((30, 1.0, "m")), steps((32, 1.1, "other"), level="gpt-4o")])
    assert events(close, WHOLE)["words"].to_list() == ["m: 1/100"]
