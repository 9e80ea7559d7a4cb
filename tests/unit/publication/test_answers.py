"""The answers of a release: sentences in months, and the numbers and models they rest on."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from densing_pipeline.headline import QUOTED_GROWTH
from densing_pipeline.orchestration.metadata import answer_metadata, headline_metadata
from densing_pipeline.publication.answers import answers, headline
from densing_pipeline.publication.estimate import Estimate
from densing_pipeline.publication.summary import freshness, paragraphs, table_views
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.text import markdown
from densing_pipeline.trends.growth_rows import Made, Sample, Subject, density_growth, estimated

NOW = datetime(2026, 11, 28, tzinfo=UTC)
MONTH = 365.25 / 12


@pytest.fixture
def released(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """A release with a headline of 4 months on two models, and price levels with and without one."""
    series = {"reference_id": "r", "score_set": "s", "params_basis": "nonembedding"}
    law = tables["densing_law"].with_columns(
        is_headline=True, verdict=pl.lit("ok"), window_start=date(2023, 1, 1),
        window_end=date(2026, 1, 1), doubling_days=4 * MONTH, doubling_days_low=2 * MONTH,
        doubling_days_high=8 * MONTH, **{name: pl.lit(value) for name, value in series.items()},
    )  # fmt: skip
    density = tables["densities"].with_columns(
        density=1.0, **{name: pl.lit(value) for name, value in series.items()}
    )
    models = [
        ("org/old", date(2024, 1, 1)),
        ("org/new", date(2025, 4, 5)),
        ("o/after", date(2026, 1, 2)),
    ]
    densities = pl.concat(
        [density.with_columns(model_id=pl.lit(name), release_date=day) for name, day in models]
    )
    halving = tables["price_halving"].with_columns(
        is_headline=True, verdict=pl.lit("ok"), blend_input_share=0.75,
        curve=pl.lit("cheapest_ever"), low=1.0, high=9.0,
    )  # fmt: skip
    levels = {"gpt-3.5": ("ok", 5.0), "gpt-4": ("ok", 4.04), "o1": ("insufficient", None)}
    frontier = tables["price_frontier"].with_columns(
        curve=pl.lit("cheapest_ever"), blend_input_share=0.75, level=pl.lit("gpt-4")
    )
    records = [("first", date(2023, 3, 1)), ("cheap", date(2026, 10, 19))]
    return tables | {
        "densing_law": law,
        "densities": densities,
        "price_halving": pl.concat(
            [
                halving.with_columns(
                    level=pl.lit(level), verdict=pl.lit(verdict),
                    halving_months=pl.lit(months, pl.Float64),
                )
                for level, (verdict, months) in levels.items()
            ]
        ),
        "price_frontier": pl.concat(
            [frontier.with_columns(model=pl.lit(name), date=day) for name, day in records]
        ),
    }  # fmt: skip


def test_density_is_answered_in_months_with_interval_models_and_newest_date(released):
    density = answers(released)[2]
    assert density.text.startswith(
        "By the paper's own law, on its models and averages of five benchmarks, density doubled every 4.0 months "
        "(95 % interval 2.0 to 8.0)."
    )
    assert density.basis.startswith("It rests on 2 models to 2025-04-05, the newest new.")
    assert (density.n, density.newest, density.until) == (2, "org/new", date(2025, 4, 5))


def test_prices_are_answered_by_level_and_levels_without_estimate_are_named(released):
    price = answers(released)[3]
    assert price.text == (
        "The cheapest price of a model as capable as gpt-3.5 halves every 5.0 months (95 % interval "
        "1.0 to 9.0) and as capable as gpt-4 every 4.0 months (1.0 to 9.0). For o1 the data do not "
        "carry an estimate."
    )
    assert price.basis == (
        "It rests on 2 record lows since 2023-03-01, the newest cheap on 2026-10-19."
    )


def test_without_an_estimate_the_answers_say_so(released):
    released["densing_law"] = released["densing_law"].with_columns(
        verdict=pl.lit("insufficient"), reason=pl.lit("4 clusters (8 needed)")
    )
    released["price_halving"] = released["price_halving"].with_columns(
        verdict=pl.lit("insufficient")
    )
    _, _, density, price = answers(released)
    assert density.text == (
        "The data do not carry an estimate of how fast density doubles: 4 clusters (8 needed)."
    )
    assert price.text == "The data do not carry an estimate of how fast prices halve."
    assert price.basis == "It rests on no prices."
    assert all(one.months is None for one in (*density.estimates, *price.estimates))


def test_empty_tables_are_answered_too(tables):
    empty = {name: frame.clear() for name, frame in tables.items()}
    assert [answer.n for answer in answers(empty)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (2.6, 20.9, "4.4 months (2.6 to 20.9)"),
        (2.6, None, "4.4 months (at least 2.6)"),
        (None, None, "4.4 months"),
    ],
)
def test_an_open_interval_reads_at_least(low, high, text):
    assert Estimate("s", "ok", 4.44, low, high, "").text == text


def test_the_headline_file_holds_the_same_sentences_and_numbers(released):
    given = answers(released)
    read = json.loads(json.dumps(headline("2026-11-23-abc", given)))
    assert read["release"] == "2026-11-23-abc"
    assert [one["text"] for one in read["answers"]] == [one.text for one in given]
    assert read["answers"][2]["until"] == "2025-04-05"
    assert read["answers"][2]["estimates"][0]["months"] == pytest.approx(4)


def growth_rows(newest: date, as_of: date) -> pl.DataFrame:
    """The quoted rows of growth: skills and knowledge on both bases, compression on one."""
    made, rows = Made(as_of, 100, 1), []
    for quoted in QUOTED_GROWTH:
        for basis in ("total",) if quoted.name == "compression" else ("total", "active"):
            subject = Subject(
                quoted.ruler,
                quoted.group,
                quoted.population,
                basis,
                quoted.estimator,
                quoted.window,
            )
            sample = Sample(30, 9, date(2023, 1, 1), newest, f"org/{quoted.name}")
            rows.append(
                estimated(subject, sample, made, 1.0, interval=(0.5, 2), narrower=(0.7, 1.5))
            )
    return density_growth(rows)


def today(tables) -> pl.DataFrame:
    """Rows of the newest models: total and active, all and open weights."""
    row = tables["densing_law"].with_columns(
        is_headline=False, reference_id=pl.lit("nmi-2025"), score_set=pl.lit("mmlu"),
        estimator=pl.lit("quantile-0.9"), window=pl.lit("all"), population=pl.lit("all"),
        verdict=pl.lit("ok"), n_models=213, newest_model=pl.lit("org/newest"),
        newest_release=date(2026, 8, 26), as_of=date(2026, 11, 28),
        doubling_days_low=5 * MONTH, doubling_days_high=10 * MONTH,
        slope_per_day=0.004, slope_low=0.003, slope_high=0.005,
    )  # fmt: skip
    rows = []
    for basis, months in (("total", 6.5), ("active", 4.2)):
        of_basis = row.with_columns(params_basis=pl.lit(basis), doubling_days=months * MONTH)
        rows += [
            of_basis,
            of_basis.with_columns(
                population=pl.lit("open-weights"),
                doubling_days=(months + 1) * MONTH,
                n_models=201,
                newest_release=date(2026, 7, 5),
            ),
        ]
    return pl.concat([tables["densing_law"], *rows], how="vertical_relaxed")


def test_the_second_answer_is_of_the_newest_models_on_both_bases(released):
    released["densing_law"] = today(released)
    first = answers(released)[1]
    assert (
        "doubles every 6.5 months (95 % interval 5.0 to 10.0) counting all parameters" in first.text
    )
    assert "every 4.2 months (5.0 to 10.0) counting those active per token" in first.text
    of_open = (
        "Of open weights alone, 201 models to 2026-07-05: every 7.5 months and every 5.2 months."
    )
    assert of_open in first.text
    assert first.basis == "It rests on 213 models to 2026-08-26, the newest newest."
    assert (first.n, first.newest, first.until) == (213, "org/newest", date(2026, 8, 26))


def test_the_second_answer_says_whether_growth_has_slowed(released):
    released["densing_law"] = today(released)
    released["density_paces"] = pl.concat(
        [
            released["density_paces"].with_columns(
                reference_id=pl.lit("nmi-2025"), score_set=pl.lit("mmlu"),
                estimator=pl.lit("quantile-0.9"), population=pl.lit("all"),
                growth_curve=pl.lit("last-24-months"), verdict=pl.lit("ok"),
                params_basis=pl.lit(basis), doubling_days=months * MONTH,
                slope_less_line_low=-0.002, slope_less_line_high=-0.001,
            )
            for basis, months in (("total", 13.2), ("active", 4.9))
        ]
    )  # fmt: skip
    first = answers(released)[1]
    assert first.text.endswith(
        "Of open weights alone, 201 models to 2026-07-05: every 7.5 months and every 5.2 months. In "
        "the last 24 months: every 13.2 months counting all parameters and every 4.9 months counting those active per token, "
        "slower than over the whole history."
    )
    assert headline("id", [first])["answers"][0]["text"] == first.text
    assert paragraphs(released, NOW)[1].startswith(first.text)


@pytest.mark.parametrize(("days", "warns"), [(120, False), (121, True)])
def test_every_answer_names_count_and_date_and_warns_above_120_days(released, days, warns):
    as_of = date(2026, 11, 28)
    newest = as_of - timedelta(days=days)
    law = today(released).with_columns(newest_release=newest, as_of=as_of, window_end=as_of)
    released |= {
        "densing_law": law,
        "density_growth": growth_rows(newest, as_of),
        "densities": released["densities"].with_columns(release_date=newest),
        "price_halving": released["price_halving"].with_columns(as_of=as_of),
        "price_frontier": pl.concat(
            [
                released["price_frontier"].with_columns(date=newest, level=pl.lit(level))
                for level in released["price_halving"]["level"]
            ]
        ),
    }
    given = answers(released)
    for answer in given:
        assert f" on {answer.n} " in answer.sentence
        assert str(newest) in answer.sentence
        assert answer.until == newest
        assert (f"the newest input of {as_of}." in answer.sentence) == warns
        assert ("Warning: " in answer.sentence and f" is {days} days" in answer.sentence) == warns
        assert ("Warning" in answer.sentence) == warns
        assert all(one.n > 0 and one.until for one in answer.estimates)
    written = json.loads(json.dumps(headline("id", given)))["answers"]
    assert [one["sentence"] for one in written] == [one.sentence for one in given]
    assert all(each["until"] for one in written for each in one["estimates"])
    assert paragraphs(released, NOW)[:4] == [one.sentence for one in given]
    shown = answer_metadata(given)
    assert [shown[one.topic].value for one in given] == [markdown(one.sentence) for one in given]
    headlines = law.filter("is_headline")
    basis = headline_metadata(headlines.with_columns(newest_model=pl.lit("org/newest")))["rests on"]
    assert str(newest).replace("-", "") in basis.value.replace("\\", "").replace("-", "")
    assert ("Warning" in basis.value) == warns


def test_an_offline_release_says_that_nothing_was_polled_and_of_which_day_the_facts_are(tables):
    health = tables["source_health"].with_columns(
        outcome=pl.lit("embedded"), polled_at=datetime(2026, 11, 27, tzinfo=UTC)
    )
    assert freshness(health, NOW) == (
        "No price list and no Hub was polled. The newest facts bundled with the package are of "
        "2026-11-27, 1 day old."
    )


@pytest.mark.parametrize(
    ("outcome", "day", "told"),
    [
        ("ok", 26, "1 polled source fresh."),
        ("ok", 25, "0 polled sources fresh; stale: litellm (ok, 3 days old)."),
        ("failed", 28, "0 polled sources fresh; stale: litellm (failed, 0 days old)."),
    ],
)
def test_stale_and_failed_sources_are_named(tables, outcome, day, told):
    health = tables["source_health"].with_columns(
        source=pl.lit("litellm"), outcome=pl.lit(outcome),
        polled_at=datetime(2026, 11, day, tzinfo=UTC),
    )  # fmt: skip
    assert freshness(health, NOW) == told


def test_the_whole_screen_is_made_of_any_valid_release(released):
    assert len(paragraphs(released, NOW)) == 5
    assert len(table_views(released, NOW)) == 5


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 months"), (1, "1 month"), (2, "2 months"), (1200, "1,200 months")]
)
def test_a_count_of_one_takes_the_singular(count, text):
    assert counted(count, "month") == text


def test_a_list_in_a_sentence():
    assert [listed(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_a_trend_that_does_not_rise_is_not_told_as_missing_data(released):
    flat = today(released).with_columns(
        doubling_days=pl.lit(None, pl.Float64), doubling_days_high=pl.lit(None, pl.Float64)
    )
    released["densing_law"] = flat
    text = answers(released)[1].text
    assert "never, by a trend that does not rise (at least 5.0 months), counting all" in text
    assert "do not carry" not in text


def test_a_halving_time_without_an_upper_end_is_not_told_as_a_pace(released):
    released["price_halving"] = released["price_halving"].with_columns(
        high=pl.when(level="gpt-4").then(None).otherwise("high")
    )
    price = answers(released)[3]
    assert price.text == (
        "The cheapest price of a model as capable as gpt-3.5 halves every 5.0 months (95 % interval "
        "1.0 to 9.0). For gpt-4 and o1 the data do not carry an estimate."
    )
    assert next(one for one in price.estimates if one.series == "gpt-4").months == 4.04
