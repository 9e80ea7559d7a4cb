"""The real nightly job against a server that answers well, badly, and not at all."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.definitions import build_defs
from densing_pipeline.nightly import run_nightly
from densing_pipeline.orchestration.tables import PRICE_LISTS
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables.dates import newest
from tests.servers import night
from tests.servers.prices import PriceServer, Reply, addresses

MODELS = [
    {"id": f"maker/m{n}", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}
    for n in range(9)
]
READ = ("source_health", "quarantine", "prices")


@pytest.fixture
def settings(price_server: PriceServer, tmp_path: Path) -> Settings:
    """An installation that asks a server of which one list is well, one is down and others send nonsense."""
    unreadable = {"id": "maker/odd", "pricing": {"prompt": "call us", "completion": "1"}}
    listed = json.dumps({"data": [*MODELS, unreadable]}).encode()
    price_server.answer("/openrouter", Reply(listed, headers={"ETag": '"1"'}))
    price_server.answer("/litellm", Reply(status=500))
    price_server.answer("/models-dev", Reply(b"<html>down</html>"))
    price_server.answer("/llm-prices", Reply(b'{"prices": ['))
    return Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        bootstrap_draws=100,
        poll=True,
        poll_backoff_seconds=0.01,
        **addresses(price_server.url()),
    )


def check_each_list_costs_only_itself(tables: Mapping[str, pl.DataFrame]) -> None:
    """What the tables say of the lists after one night."""
    polled = tables["source_health"].filter(
        pl.col("source").is_in(list(SOURCES)), ~pl.col("outcome").is_in(["embedded", "disabled"])
    )
    assert dict(polled.select("source", "outcome").iter_rows()) == {
        name: "failed" for name, source in SOURCES.items() if source.wanted_models is None
    } | {"llm-prices": "rejected", "models-dev": "rejected", "openrouter": "ok"}
    began = newest(tables["source_health"].filter(source="openrouter")["polled_at"].dt.date())
    unread = tables["quarantine"].filter(pl.col("observed_at") >= began)
    assert unread.select("source", "key").rows() == [("openrouter", "maker/odd")]
    told = tables["prices"].filter(pl.col("observed_from") >= began, source="openrouter")
    assert told.filter(pl.col("valid_to").is_null())["model"].n_unique() == len(MODELS)
    # What the bundled history had on the eve ended with the poll.
    bundled = tables["prices"].filter(pl.col("observed_from") < began, source="openrouter")
    assert bundled.height > 1000
    assert bundled.filter(pl.col("observed_to").is_null(), pl.col("valid_to").is_null()).is_empty()
    # The installed copy stands in for the list that could not be had.
    assert tables["prices"].filter(source="genai-prices").height > 1000


def test_a_failing_list_is_reported_and_the_others_are_read(settings: Settings) -> None:
    night.run(settings, datetime.now(UTC))
    check_each_list_costs_only_itself(
        {name: pl.read_parquet(settings.tables_dir / f"{name}.parquet") for name in READ}
    )


@pytest.mark.slow
def test_a_failing_source_is_reported_and_the_night_goes_on(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_nightly(settings, instance) == {}
        first = read_latest(settings.publish_dir)
        # The next night, as far as it depends on price lists: what rests on scores alone takes long.
        defs = build_defs(settings)
        of_prices = dg.AssetSelection.assets(PRICE_LISTS).downstream()
        assert (
            defs.resolve_job_def("nightly")
            .execute_in_process(
                instance=instance,
                asset_selection=list(of_prices.resolve(defs.resolve_asset_graph())),
            )
            .success
        )
    check_each_list_costs_only_itself(first)
    assert len(list((settings.publish_dir / "releases").iterdir())) == 1, "nothing new, no release"
