"""The real nightly job against a server that answers well, badly, and not at all."""

import json

import dagster as dg
import polars as pl

from densing_pipeline.definitions import build_defs
from densing_pipeline.nightly import run_nightly
from densing_pipeline.orchestration.tables import PRICE_LISTS
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables.dates import newest
from tests.servers.prices import PriceServer, Reply, addresses

MODELS = [
    {"id": f"maker/m{n}", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}
    for n in range(9)
]


def test_a_failing_source_is_reported_and_the_night_goes_on(
    price_server: PriceServer, tmp_path
) -> None:
    unreadable = {"id": "maker/odd", "pricing": {"prompt": "call us", "completion": "1"}}
    listed = json.dumps({"data": [*MODELS, unreadable]}).encode()
    settings = Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        bootstrap_draws=100,
        poll=True,
        poll_backoff_seconds=0.01,
        **addresses(price_server.url()),
    )
    price_server.answer("/openrouter", Reply(listed, headers={"ETag": '"1"'}))
    price_server.answer("/litellm", Reply(status=500))
    price_server.answer("/models-dev", Reply(b"<html>down</html>"))
    price_server.answer("/llm-prices", Reply(b'{"prices": ['))
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
    polled = first["source_health"].filter(
        pl.col("source").is_in(list(SOURCES)), ~pl.col("outcome").is_in(["embedded", "disabled"])
    )
    assert dict(polled.select("source", "outcome").iter_rows()) == {
        name: "failed" for name, source in SOURCES.items() if source.wanted_models is None
    } | {"llm-prices": "rejected", "models-dev": "rejected", "openrouter": "ok"}
    night = newest(first["source_health"].filter(source="openrouter")["polled_at"].dt.date())
    unread = first["quarantine"].filter(pl.col("observed_at") >= night)
    assert unread.select("source", "key").rows() == [("openrouter", "maker/odd")]
    told = first["prices"].filter(pl.col("observed_from") >= night, source="openrouter")
    assert told.filter(pl.col("valid_to").is_null())["model"].n_unique() == len(MODELS)
    # What the bundled history had on the eve ended with the poll.
    bundled = first["prices"].filter(pl.col("observed_from") < night, source="openrouter")
    assert bundled.height > 1000
    assert bundled.filter(pl.col("observed_to").is_null(), pl.col("valid_to").is_null()).is_empty()
    # The installed copy stands in for the list that could not be had.
    assert first["prices"].filter(source="genai-prices").height > 1000
    assert len(list((settings.publish_dir / "releases").iterdir())) == 1, "nothing new, no release"
