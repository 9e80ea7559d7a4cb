"""OpenRouter's lists of sellers: what each provider behind the router asks for a model.

Asked model by model, for the cheapest models of each capability level (`openrouter_candidates`). Not
here: what pricing objects mean (`openrouter_format`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from densing_pipeline.fetch import Response
from densing_pipeline.polling.answers import Asked, Request
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.openrouter import NAME as HEADLINE
from densing_pipeline.prices.sources.openrouter_candidates import seller_candidates
from densing_pipeline.prices.sources.openrouter_fetch import fetch_each
from densing_pipeline.prices.sources.openrouter_format import add_offers, listed, pages_of
from densing_pipeline.prices.sources.snapshot import Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.prices.sources.values import (
    amount,
    load_json,
    mapping,
    text,
)
from densing_pipeline.settings import Settings

NAME = "openrouter-endpoints"


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The prices of each provider of some models; `provider` is the endpoint's tag.

    A price under a discount is `promotional`: it is what one pays, and its list price is not stated.

    Args:
        content: responses of `/models/{author}/{slug}/endpoints`, joined by `join_pages`.
        observed_on: day they were received.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    for page in pages_of(entries.load(content)):
        key, endpoints = _sellers(page)
        for position, endpoint in enumerate(endpoints):
            _endpoint(entries, key, position, endpoint)
    return entries.parsed()


def check(content: bytes) -> None:
    """Whether a response names the sellers of a model, so that it can stand beside others.

    Raises:
        SnapshotError: it does not.
    """
    _sellers(mapping(load_json(content), "the document"))


def _sellers(page: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The model of a page of endpoints, and its endpoints, one per seller."""
    model = mapping(page.get("data"), "`data`")
    key = text(model.get("id"))
    if key is None:
        raise SnapshotError("endpoints of a model without id")
    return key, listed(model.get("endpoints"), f"`endpoints` of {key}")


def _endpoint(entries: Entries, model: str, position: int, endpoint: Any) -> None:
    seller = None
    if isinstance(endpoint, dict):
        seller = text(endpoint.get("tag")) or text(endpoint.get("provider_name"))
    if seller is None:
        entries.quarantine(f"{model}[{position}]", "tag", endpoint, "an endpoint without provider")
        return
    pricing = endpoint.get("pricing")
    quantisation = text(endpoint.get("quantization"))
    columns: dict[str, Any] = {"quantisation": None if quantisation == "unknown" else quantisation}
    with entries.entry(f"{model}[{seller}]"):
        if isinstance(pricing, dict) and (discount := amount("discount", pricing.get("discount"))):
            columns |= {"offer": "promotional", "reason": f"net of a discount of {discount}"}
        add_offers(entries, seller, model, pricing, columns, (endpoint,))


async def fetch_sellers(request: Request, asked: Asked) -> Response:
    """The sellers of some models, as one document; models whose page cannot be had are named."""
    return await fetch_each(request, asked, "{url}/{model}/endpoints", check)


def wanted_models(settings: Settings, newest: Mapping[str, pl.DataFrame]) -> list[str]:
    """The models whose sellers are asked for, from OpenRouter's newest list and the stored tables.

    Args:
        settings: how many models, and where the tables are.
        newest: quotes of the last good list of each source, by name.

    Returns:
        Model names; none before there is a list of OpenRouter, or before a night has made the tables.
    """
    paths = [
        settings.tables_dir / f"{name}.parquet" for name in ("model_links", "level_memberships")
    ]
    if HEADLINE not in newest or not all(path.exists() for path in paths):
        return []
    links, members = map(pl.read_parquet, paths)
    return seller_candidates(newest[HEADLINE], links, members, settings.openrouter_endpoints)


SOURCE = Source(
    NAME,
    address_setting="openrouter_url",
    parse=parse,
    is_own=True,
    is_partial=True,
    fetch=fetch_sellers,
    wanted_models=wanted_models,
)
