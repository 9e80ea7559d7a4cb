"""The bundled history of price lists is what archives recorded, and gives way to what is polled."""

import gzip
import json
from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.prices import bundled
from densing_pipeline.prices.as_of import as_of
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.compile_history import RECORDED, compile_history
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.tables.published import PRICES

START = date(2025, 1, 1)
ROUNDING = 0.51e-6
"""The recorded history has six decimals of USD per million tokens."""


def test_every_bundled_price_has_an_address_a_look_and_a_basis():
    for name, rows in bundled.bundled_prices().items():
        assert rows["source"].unique().to_list() == [name]
        assert rows["source_url"].null_count() == 0
        assert set(rows["basis"]) == {"first_observed", "undated"}
        last = rows["last_seen"].max()
        assert last <= date(2026, 11, 22)
        assert all(rows[day].drop_nulls().max() <= last for day in ("valid_from", "valid_to"))


def test_from_november_2022_on_some_standard_price_is_known_in_every_month():
    rows = price_book(
        [listed_prices(facts.load("list_prices")), *bundled.bundled_prices().values()]
    ).filter(pl.col("observed_to").is_null(), offer="standard")
    months = pl.date_range(date(2022, 12, 1), date(2026, 11, 1), "1mo", eager=True)
    starts = pl.coalesce("valid_from", "observed_from")
    for month in months:
        held = rows.filter(
            starts <= month, pl.col("valid_to").is_null() | (pl.col("valid_to") > month)
        )
        assert held.height > 0, month
    assert bundled.bundled_prices()["openrouter"]["observed_from"].min() == date(2023, 7, 26)
    assert bundled.bundled_prices()["litellm"]["observed_from"].min() == date(2023, 11, 10)


@pytest.mark.shared
@pytest.mark.parametrize("source", ["litellm", "openrouter"])
def test_on_each_recorded_day_the_bundle_says_what_the_list_said(recorded, source):
    rows = bundled.bundled_prices()[source]
    compared = missing = 0
    paths = sorted((recorded / "prices" / "raw" / source).glob("*.json.gz"))
    assert len(paths) > 15
    for path in paths:
        day = date.fromisoformat(path.name[:10])
        if day > rows["last_seen"].max():
            continue
        quotes = SOURCES[source].read(gzip.decompress(path.read_bytes()), day).quotes
        listed = quotes.filter(
            pl.col("input_usd_per_mtok").is_not_null(), offer="standard", context_over_tokens=0
        )
        held = as_of(rows, day, day).filter(offer="standard")
        both = listed.join(held, on="model", suffix="_held")
        is_said = pl.all_horizontal(
            (pl.col(column) - pl.col(f"{column}_held")).abs().fill_null(0) <= ROUNDING
            for column in ("input_usd_per_mtok", "output_usd_per_mtok")
        )
        # A price seen for the first time stands beside the one before, until it is seen again.
        said = both.group_by("model").agg(is_said.any().alias("is_said"))
        assert said.filter(~pl.col("is_said"))["model"].to_list() == [], path.name
        compared += both.height
        missing += listed.height - listed.join(held, on="model", how="semi").height
    assert compared > 4_000
    assert missing < 0.1 * compared


@pytest.mark.shared
@pytest.mark.slow
def test_the_bundle_is_what_the_code_compiles_from_the_recorded_history(recorded):
    assert compile_history(recorded / "prices") == bundled.FILE.read_bytes(), (
        "`densing facts compile-prices` compiles it anew"
    )


def interval(model: str, price: float, start: int, end: int | None, **more: object) -> dict:
    """A recorded interval, from one day after START to another; seen last on its last day."""
    return {
        "source": "openrouter",
        "provider": model.partition("/")[0],
        "model": model,
        "input_usd_per_mtok": price,
        "output_usd_per_mtok": price,
        "valid_from": START + timedelta(days=start),
        "valid_to": None if end is None else START + timedelta(days=end),
        "observed_at": START + timedelta(days=30),
        "basis": "first_observed",
        "mode": "",
        "flag": "",
    } | more


def compiled(tmp_path, *intervals: dict) -> pl.DataFrame:
    """The rows that are compiled of intervals."""
    raw = tmp_path / "raw" / "litellm"
    raw.mkdir(parents=True, exist_ok=True)
    key = {"mode": "chat", "litellm_provider": "named", "input_cost_per_token": 1e-6}
    (raw / "2025-01-01.json.gz").write_bytes(gzip.compress(json.dumps({"a/known": key}).encode()))
    schema = dict.fromkeys(("valid_from", "valid_to", "observed_at"), pl.Date)
    pl.DataFrame(list(intervals), schema_overrides=schema).write_parquet(tmp_path / RECORDED)
    (tmp_path / "found.parquet").write_bytes(compile_history(tmp_path))
    return pl.read_parquet(tmp_path / "found.parquet")


def test_intervals_become_the_history_that_polls_on_those_days_would_have_left(tmp_path):
    rows = compiled(
        tmp_path,
        interval("a/m", 4.0, 0, 12),
        interval("a/m", 2.0, 12, None),
        interval("b/late", 1.0, 20, 25),
        interval("b/m:batch", 1.0, 0, None),
        interval("b/x-latest", 1.0, 0, None),
        interval("b/router", -1.0, 0, None),
        interval("a/known", 1.0, 0, None, source="litellm", mode="chat", provider=""),
        interval("prefix/m", 1.0, 0, None, source="litellm", mode="chat", provider=""),
        interval("bare", 1.0, 0, None, source="litellm", mode="chat", provider=""),
        interval("a/image", 1.0, 0, None, source="litellm", mode="image_generation"),
        interval("old", 1.0, 0, None, source="genai-prices"),
    ).filter(pl.col("observed_to").is_null())
    day = {n: START + timedelta(days=n) for n in (0, 12, 20, 30)}
    told = rows.select("provider", "model", "input_usd_per_mtok", "valid_from", "valid_to", "flag")
    assert sorted(told.rows(), key=str) == sorted(
        [
            ("openrouter", "a/m", 4.0, day[0], day[12], None),
            ("openrouter", "a/m", 2.0, day[12], None, None),
            ("openrouter", "b/late", 1.0, day[20], day[20] + timedelta(days=1), None),
            ("named", "a/known", 1.0, None, None, None),
            ("prefix", "prefix/m", 1.0, None, None, None),
            ("unstated", "bare", 1.0, None, None, "unconfirmed"),
        ],
        key=str,
    )
    # The offer is last seen on the look before it was gone: that of day 20.
    assert rows.filter(model="b/late")["last_seen"].to_list() == [day[20]]


def history(*rows: tuple) -> pl.DataFrame:
    """Rows of `prices` of one offer: price, and the four days of its intervals after START, or None."""
    names = ("valid_from", "valid_to", "observed_from", "observed_to", "last_seen")
    return PRICES.cast(
        pl.DataFrame(
            [
                {
                    "source": "openrouter", "provider": "openrouter", "model": "a/m", "offer": "standard",
                    "input_usd_per_mtok": price, "context_over_tokens": 0, "currency": "USD",
                    "basis": "first_observed", "snapshot_sha256": "-",
                }
                | {n: None if d is None else START + timedelta(days=d) for n, d in zip(names, days, strict=True)}
                for price, *days in rows
            ],
            schema_overrides=dict.fromkeys(names, pl.Date),
        )
    )  # fmt: skip


BUNDLE = history(
    (4.0, None, None, 0, 12, 11),
    (4.0, 0, 12, 12, None, 11),
    (2.0, 12, None, 12, 20, 19),
    (2.0, 12, 20, 20, None, 19),
    (1.0, 20, None, 20, None, 30),
)
"""A price of 4, of 2 from day 12 on, of 1 from day 20 on, last seen on day 30."""


@pytest.mark.parametrize("first", [1, 12, 15, 20, 31, 400])
def test_a_polled_list_counts_from_its_first_look_and_the_bundle_until_then(first):
    polled = history((7.0, None, None, first, None, first + 5))
    found = bundled.until_polled(BUNDLE, polled)
    book = price_book([found, polled])
    for day in range(32):
        then = START + timedelta(days=day)
        expected = 4.0 if day < 12 else 2.0 if day < 20 else 1.0
        for known in {day, first, first + 5} - set(range(day)):
            held = as_of(book, then, START + timedelta(days=known))
            assert held["input_usd_per_mtok"].to_list() == [expected if day < first else 7.0], (
                day,
                known,
            )
    assert as_of(found, START + timedelta(days=first), START + timedelta(days=first)).is_empty()
    assert found["last_seen"].max() < START + timedelta(days=first)


def test_without_a_poll_the_bundle_is_whole():
    assert bundled.until_polled(BUNDLE, None).equals(BUNDLE)
    assert bundled.until_polled(BUNDLE, PRICES.empty()).equals(BUNDLE)
    assert bundled.bundled_until({}).keys() == bundled.ADDRESSES.keys()


def test_the_looks_at_a_bundled_list_are_the_days_on_which_it_shows_something():
    found = bundled.looks({"openrouter": BUNDLE, "litellm": PRICES.empty()})
    days = [(day - START).days for day in found["seen_on"]]
    assert days == [0, 11, 12, 19, 20, 30]
    assert found["model"].null_count() == found.height
