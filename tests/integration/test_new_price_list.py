"""The price list of docs/extending.md: one module that declares it, and one setting with its address."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import Field

from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.declaration import declared
from densing_pipeline.prices import sources
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.settings import HttpAddress, Settings
from tests.examples import example
from tests.servers import night
from tests.servers.prices import PriceServer, Reply, addresses

MODULE = example("`densing_pipeline/prices/sources/toy_prices.py`:")
SETTING = example("In `densing_pipeline/settings.py`, beside the other addresses:")


def settings_with_toy() -> type[Settings]:
    """The settings with the field of the page."""
    names: dict[str, Any] = {"Settings": Settings, "HttpAddress": HttpAddress, "Field": Field}
    exec(f"class WithToy(Settings):\n{SETTING}", names)  # noqa: S102
    return names["WithToy"]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of price lists with one module more."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "toy.py").write_text(MODULE)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    monkeypatch.setitem(sys.modules, f"{sources.__name__}.toy", None)
    monkeypatch.delitem(sys.modules, f"{sources.__name__}.toy")
    for name, source in declared(sources.__name__, sources.__path__, Source).items():
        monkeypatch.setitem(SOURCES, name, source)


@pytest.mark.usefixtures("toy")
def test_a_declared_list_is_polled_landed_folded_and_watched(
    price_server: PriceServer, tmp_path: Path
) -> None:
    settings = settings_with_toy()(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        poll=True,
        poll_attempts=1,
        **addresses(price_server.url()),
    )
    first, second = (datetime(2026, 11, day, 2, tzinfo=UTC) for day in (1, 20))
    for instant, price in ((first, 1.0), (second, 20.0)):
        listed = {
            "m": {"input": price, "output": 2},
            "odd": {"input": "call us"},
            "kept": {"input": 3},
        }
        price_server.answer("/toy-prices", Reply(json.dumps(listed).encode()))
        night.run(settings, instant)

    assert [r.fetched_at for r in LandingZone(settings.landing_dir).receipts("toy-prices")] == [
        first,
        second,
    ]
    tables = {
        name: pl.read_parquet(settings.tables_dir / f"{name}.parquet")
        for name in ("prices", "price_polls", "quarantine", "source_health")
    }
    believed = tables["prices"].filter(pl.col("observed_to").is_null(), source="toy-prices")
    # The price before stands until another look finds the new one too.
    assert believed.select("model", "input_usd_per_mtok", "flag").sort(
        "model", "input_usd_per_mtok"
    ).rows() == [
        ("kept", 3.0, None),
        ("m", 1.0, None),
        ("m", 20.0, "provisional"),
    ]
    assert tables["price_polls"].filter(source="toy-prices").height == 2
    assert tables["quarantine"].filter(source="toy-prices")["key"].to_list() == ["odd"]
    health = tables["source_health"].filter(source="toy-prices").sort("polled_at")
    assert health.select("outcome", "rows").rows() == [("ok", 2), ("ok", 2)]


def test_two_modules_cannot_declare_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("toy_one", "toy_two"):
        (tmp_path / f"{name}.py").write_text(MODULE)
        monkeypatch.setitem(sys.modules, f"{sources.__name__}.{name}", None)
        monkeypatch.delitem(sys.modules, f"{sources.__name__}.{name}")
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match=r"two modules .* declare the source .toy-prices."):
        declared(sources.__name__, sources.__path__, Source)
