"""What many tests need: a small valid set of published tables, and the recorded data if present."""

import gc
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import hypothesis
import polars as pl
import pytest

from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import Table
from tests.servers.prices import PriceServer

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

RECORDED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of garbage collection, which goes through it all again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _unflushed() -> Iterator[None]:
    """Do not wait for the disk, which is for a loss of power: each file of thousands takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded real responses and benchmark files, which is not in the repository."""
    if not RECORDED.exists():
        pytest.skip("needs the recorded data in ../shared/data")
    return RECORDED


@pytest.fixture
def price_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    """A price list server on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with PriceServer() as server:
        yield server


@pytest.fixture
def tables(_tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Every published table with one valid row."""
    return dict(_tables)


@pytest.fixture(scope="session")
def _tables() -> dict[str, pl.DataFrame]:
    """The same once; nobody changes a frame."""
    return {name: one_row(table) for name, table in PUBLISHED.items()}


def one_row(table: Table) -> pl.DataFrame:
    """A valid row of a table, with every optional column empty."""
    return table.cast(
        pl.DataFrame(
            {name: [_value(table, name)] for name in table.names if name not in table.nullable}
        )
    )


def _value(table: Table, name: str) -> object:
    column = table.column(name)
    if column.allowed:
        return column.allowed[0]
    return {
        pl.String: f"a {name}",
        pl.Boolean: True,
        pl.Int64: 1,
        pl.Float64: -0.5 if column.high == 0 else 0.5,
        pl.Date: date(2024, 1, 1),
    }.get(column.dtype, datetime(2024, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
