"""A new price list is one module that declares it, and one setting with its address."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import sources
from densing_pipeline.prices.sources import SOURCES, declared
from densing_pipeline.settings import HttpAddress, Settings
from tests.servers import night
from tests.servers.prices import PriceServer, Reply, addresses

MODULE = '''"""A list of models with their prices in USD per million tokens."""

from datetime import date

from densing_pipeline.prices.sources.snapshot import Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.prices.sources.values import PER_MILLION, load_json, read_quote

NAME = "toy-list"


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The price of every model."""
    entries = Entries(NAME)
    for model, prices in load_json(content).items():
        with entries.entry(model):
            quote, is_priced = read_quote(prices, ("in", "out", "cached"), PER_MILLION)
            entries.add("toy", model, quote, is_priced=is_priced)
    return entries.parsed()


SOURCE = Source(NAME, address_setting="toy_list_url", parse=parse)
'''


class WithToy(Settings):
    """The settings with one field more."""

    toy_list_url: HttpAddress = "https://example.org/prices.json"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of price lists with one module more."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "toy.py").write_text(MODULE)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    monkeypatch.setitem(sys.modules, f"{sources.__name__}.toy", None)
    monkeypatch.delitem(sys.modules, f"{sources.__name__}.toy")
    for name, source in declared(sources.__path__).items():
        monkeypatch.setitem(SOURCES, name, source)


@pytest.mark.usefixtures("toy")
def test_a_declared_list_is_polled_landed_folded_and_watched(
    price_server: PriceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("densing_pipeline.prices.poll._utc_now", None)
    settings = WithToy(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        poll=True,
        poll_attempts=1,
        **addresses(price_server.url()),
    )
    first, second = (datetime(2026, 11, day, 2, tzinfo=UTC) for day in (1, 20))
    for instant, price in ((first, 1.0), (second, 20.0)):
        listed = {"m": {"in": price, "out": 2}, "odd": {"in": "call us"}, "kept": {"in": 3}}
        price_server.answer("/toy-list", Reply(json.dumps(listed).encode()))
        night.run(settings, instant)

    assert [r.fetched_at for r in LandingZone(settings.landing_dir).receipts("toy-list")] == [
        first,
        second,
    ]
    tables = {
        name: pl.read_parquet(settings.tables_dir / f"{name}.parquet")
        for name in ("prices", "price_polls", "quarantine", "source_health")
    }
    believed = tables["prices"].filter(pl.col("observed_to").is_null(), source="toy-list")
    # People keep the list by hand, so the tenfold rise mends an error: nobody believes the 1 USD.
    assert believed.select("model", "input_usd_per_mtok", "flag").sort("model").rows() == [
        ("kept", 3.0, None),
        ("m", 20.0, "correction"),
    ]
    assert tables["price_polls"].filter(source="toy-list").height == 2
    assert tables["quarantine"].filter(source="toy-list")["key"].to_list() == ["odd"]
    health = tables["source_health"].filter(source="toy-list").sort("polled_at")
    assert health.select("outcome", "rows").rows() == [("ok", 2), ("ok", 2)]


def test_two_modules_cannot_declare_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("toy_one", "toy_two"):
        (tmp_path / f"{name}.py").write_text(MODULE)
        monkeypatch.setitem(sys.modules, f"{sources.__name__}.{name}", None)
        monkeypatch.delitem(sys.modules, f"{sources.__name__}.{name}")
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match=r"two modules .* declare the source .toy-list."):
        declared(sources.__path__)
