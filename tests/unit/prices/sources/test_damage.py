"""However a document is damaged, a reader gives valid quotes or says that it is unusable."""

import json
import random
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import QUOTE_KEY, QUOTES
from densing_pipeline.tables.columns import COLUMNS
from tests.servers.price_documents import DOCUMENTS

DAY = date(2026, 11, 1)
ROUNDS = 300

ODD: list[Any] = [
    None, True, 0, -1, -7, 1e300, 1e-300, 10**400, float("nan"), float("inf"), "", " ", "-1", "NaN",
    "1e9999999", "٣", "0" * 5000, "2026-02-30", "9999-12-31", [], {}, [[]], {"": None}, [None], "\ud800",
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every value in a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node)
    return [
        found
        for key, child in children
        for found in [
            (*path, key),
            *(places(child, (*path, key)) if isinstance(child, dict | list) else []),
        ]
    ]


def damaged(document: Any, rng: random.Random) -> bytes:
    """The document with one to three values replaced, removed or renamed, or cut short."""
    broken = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        found = places(broken)
        if not found:
            break
        *parents, last = rng.choice(found)
        holder = broken
        for key in parents:
            holder = holder[key]
        match rng.randrange(4):
            case 0:
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[f"{last}_renamed"] = holder.pop(last)
            case _:
                holder[last] = rng.choice(ODD)
    content = json.dumps(broken).encode()
    return content[: rng.randrange(len(content))] if rng.random() < 0.1 else content


@pytest.mark.heavy
@pytest.mark.parametrize("source", sorted(SOURCES))
def test_damage_never_becomes_a_wrong_row_or_a_crash(source: str) -> None:
    rng = random.Random(20261101)  # noqa: S311
    assert source in DOCUMENTS, "put a document of the list into tests/servers/price_documents.py"
    assert not SOURCES[source].read(json.dumps(DOCUMENTS[source]).encode(), DAY).quotes.is_empty()
    refused = 0
    for _ in range(ROUNDS):
        content = damaged(DOCUMENTS[source], rng)
        try:
            found = SOURCES[source].read(content, DAY)
        except SnapshotError:
            refused += 1
            continue
        assert found.quotes.schema == QUOTES
        assert not found.quotes.select(QUOTE_KEY).is_duplicated().any()
        assert found.quotes["offer"].is_in(COLUMNS["offer"].allowed).all()
        prices = found.quotes.select(pl.col("^.*_usd_per_mtok$")).unpivot()["value"].drop_nulls()
        assert (prices >= 0).all()
        assert prices.is_finite().all()
        assert found.quarantined["reason"].null_count() == 0
    assert 0 < refused < ROUNDS
