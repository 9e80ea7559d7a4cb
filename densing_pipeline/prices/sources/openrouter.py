"""OpenRouter's list of models with the router's price of each.

Not here: the sellers behind the router (`openrouter_endpoints`), and what pricing objects mean
(`openrouter_format`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.openrouter_fetch import fetch_pages
from densing_pipeline.prices.sources.openrouter_format import add_offers, listed, pages_of
from densing_pipeline.prices.sources.snapshot import Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.prices.sources.values import (
    UnreadableError,
    day,
    shown,
    text,
    whole,
)

NAME = "openrouter"


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The headline prices of all models.

    Args:
        content: a response of `/models`, or several joined by `join_pages`.
        observed_on: day it was received.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    pages = pages_of(entries.load(content))
    expected = max(map(_announced, pages), default=0)
    models = [
        (of_page, model)
        for page in pages
        for of_page in [{name: value for name, value in page.items() if name != "data"}]
        for model in listed(page.get("data"), "`data`")
    ]
    names = {
        shown(model.get("id") if isinstance(model, dict) else position)
        for position, (_, model) in enumerate(models)
    }
    if len(names) < expected:
        raise SnapshotError(f"{len(names)} models, but `total_count` says {expected}")
    for position, (of_page, model) in enumerate(models):
        key = text(model.get("id")) if isinstance(model, dict) else None
        if key is None:
            entries.quarantine(f"data[{position}]", "id", model, "an entry without id")
            continue
        entries.read(key, _entry, key, model, of_page)
    return entries.parsed()


def _entry(
    entries: Entries, key: str, model: Mapping[str, Any], of_page: Mapping[str, Any]
) -> None:
    """Add the offers of a model.

    Args:
        entries: where they are collected.
        key: its id.
        model: its entry.
        of_page: what its page states beside the models.
    """
    alias = model.get("alias_target")
    columns = {
        "hub_id": text(model.get("hugging_face_id")),
        "alias_of": text(alias.get("slug")) if isinstance(alias, dict) else None,
        "expires_on": day(model.get("expiration_date")),
    }
    add_offers(entries, NAME, key, model.get("pricing"), columns, (of_page, model))


def _announced(page: Mapping[str, Any]) -> int:
    """Number of models that the list states it has; 0 if it states none."""
    try:
        return whole("total_count", page.get("total_count"))
    except UnreadableError:
        return 0


SOURCE = Source(NAME, address_setting="openrouter_url", parse=parse, is_own=True, fetch=fetch_pages)
