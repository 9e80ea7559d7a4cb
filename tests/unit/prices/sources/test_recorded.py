"""Every recorded month of every list can be read, and none would have been refused."""

import gzip
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import QUOTE_KEY, QUOTES, ParsedSnapshot
from densing_pipeline.tables.columns import COLUMNS

pytestmark = [pytest.mark.shared, pytest.mark.heavy]

OTHER = {
    "models-dev": ("models.dev_api_2026-05.json.gz", date(2026, 5, 31)),
    "genai-prices": ("genai-prices_v2_data_2026-08-21.json.gz", date(2026, 8, 21)),
}


def read(source: str, path: Path, day: date) -> ParsedSnapshot:
    return SOURCES[source].read(gzip.decompress(path.read_bytes()), day)


def months(recorded: Path, source: str) -> list[ParsedSnapshot]:
    paths = sorted((recorded / "prices/raw" / source).glob("*.json.gz"))
    return [read(source, path, date.fromisoformat(path.name[:10])) for path in paths]


def check(found: ParsedSnapshot) -> None:
    assert found.quotes.schema == QUOTES
    assert not found.quotes.select(QUOTE_KEY).is_duplicated().any()
    assert found.quarantined.is_empty()
    assert found.quotes["offer"].is_in(COLUMNS["offer"].allowed).all()
    prices = found.quotes.select(pl.col("^.*_usd_per_mtok$"))
    assert all(prices[name].drop_nulls().is_finite().all() for name in prices.columns)
    assert (prices.min_horizontal().drop_nulls() >= 0).all()


def compared(found: ParsedSnapshot, before: ParsedSnapshot) -> list[str]:
    return SOURCES["litellm"].check(found, before, {})


@pytest.mark.parametrize(("source", "least"), [("openrouter", 19), ("litellm", 29)])
def test_every_month_is_read_whole_and_accepted(recorded: Path, source: str, least: int) -> None:
    found = months(recorded, source)
    assert len(found) >= least
    for month in found:
        check(month)
    for before, after in pairwise(found):
        compared(after, before)


@pytest.mark.parametrize("source", sorted(OTHER))
def test_other_lists(recorded: Path, source: str) -> None:
    name, day = OTHER[source]
    check(read(source, recorded / "prices/raw/other" / name, day))


def test_openrouter_of_august_2026(recorded: Path) -> None:
    """Counted in the file: 421 models, 5 routers without a price, 61 batch and 18 free names."""
    path = recorded / "prices/raw/other/openrouter_models_2026-08-22.json.gz"
    found = read("openrouter", path, date(2026, 8, 22)).quotes
    base = found.filter(context_over_tokens=0).unique("model")
    assert base.height == 421
    assert base.filter(pl.col("reason") == "-1: no price of its own").height == 5
    by_name = {kind: base["model"].str.ends_with(f":{kind}").sum() for kind in ("batch", "free")}
    assert by_name == {"batch": 61, "free": 18}
    # An hour's price: 17 hours at $0.22, 7 hours at $0.44.
    vision = found.filter(model="deepseek/deepseek-v4-flash-vision-exp").sort("offer")
    assert vision.select("offer", "input_usd_per_mtok").rows() == [
        ("peak", 0.44),
        ("standard", 0.22),
    ]


def test_litellm_says_two_dollars_for_text_davinci_003(recorded: Path) -> None:
    """The known wrong entry is read as it stands; the book is what marks it."""
    path = recorded / "prices/raw/litellm/2023-11-10.json.gz"
    found = read("litellm", path, date(2023, 11, 10)).quotes
    assert found.filter(model="text-davinci-003")["input_usd_per_mtok"].to_list() == [2.0]


def test_half_of_a_month_is_refused(recorded: Path) -> None:
    whole = months(recorded, "openrouter")[-1]
    half = replace(whole, quotes=whole.quotes[::2])
    with pytest.raises(SnapshotError, match="below 70%"):
        compared(half, whole)


@pytest.mark.parametrize("key", ["input_cost_per_token", "output_cost_per_token"])
def test_a_month_with_one_renamed_key_is_refused(recorded: Path, key: str) -> None:
    """Most prices are still there, but those of one sort have gone all at once."""
    path = max((recorded / "prices/raw/litellm").glob("*.json.gz"))
    content, day = gzip.decompress(path.read_bytes()), date.fromisoformat(path.name[:10])
    before = SOURCES["litellm"].read(content, day)
    with pytest.raises(SnapshotError, match=r"below 70%|format has changed"):
        compared(
            SOURCES["litellm"].read(content.replace(f'"{key}"'.encode(), b'"renamed"'), day), before
        )
