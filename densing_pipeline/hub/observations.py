"""Every observation of a repository that matters, from the landed answers of the Hub.

A landed page becomes one small parquet file, named by the hash of its bytes and of the rules that
read it. The files are a cache: deleted, or after an upgrade, they are made again from the landing
zone. Not here: how one record is read (`records`), and folding observations over time (`models`).
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import polars as pl

from densing_pipeline import json_documents, text
from densing_pipeline.facts import FOLDER
from densing_pipeline.hub import records
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingError, LandingZone, Receipt
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.tables.storage import write_parquet

PAGES = "hub-pages"
"""Landed pages of listings."""

SWEEP = "hub-sweep-"
"""Start of the source names of full sweeps, one source per sweep."""

INFOS = "hub-infos"
"""Landed records of single models, and answers that there is none."""

CONFIGS = "hub-configs"
"""Landed `config.json` files, and refusals of them."""

AT_ONCE = 100
"""Answers read together: each open file costs memory, whatever it holds."""

OK = 200
TOO_LARGE = 413
"""Status under which an answer lands, without content, that was refused for its size."""


GONE = (401, 404, 410, 451)
"""Answers that there is no such repository, or none for us."""


def observations(zone: LandingZone, folder: Path) -> pl.DataFrame:
    """All rows of `records.SEEN` with `observed_at`, oldest first.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
    """
    answers = [
        (receipt.fetched_at, str(_distilled(zone, receipt, folder / _rules())))
        for receipt in _receipts(zone)
    ]
    answers.sort()
    batches = [_batch(answers[n : n + AT_ONCE]) for n in range(0, len(answers), AT_ONCE)]
    empty = pl.DataFrame(schema=records.SEEN | {"observed_at": INSTANT})
    return pl.concat([empty, *batches]).set_sorted("observed_at")


def remembered(folder: Path, record_ids: pl.Series) -> dict[int, bytes]:
    """The packed records of some observations, which a sweep is too large to carry along.

    Args:
        folder: where the cache is kept.
        record_ids: values of the column `record_id`.
    """
    found: dict[int, bytes] = {}
    paths = sorted((folder / _rules()).glob("*.parquet")) if len(record_ids) else []
    for n in range(0, len(paths), AT_ONCE):
        rows = (
            pl.scan_parquet(paths[n : n + AT_ONCE], schema=records.REMEMBERED)
            .filter(pl.col("record_id").is_in(record_ids.implode()))
            .select("record_id", "record")
            .collect()
        )
        found |= dict(rows.iter_rows())
    return found


def _batch(answers: list[tuple[datetime, str]]) -> pl.DataFrame:
    """The rows of some answers, by instant and cached file; both are in order."""
    when = pl.LazyFrame(answers, schema={"observed_at": INSTANT, "path": pl.String}, orient="row")
    paths = sorted({path for _, path in answers})
    return (
        pl.scan_parquet(paths, schema=records.REMEMBERED, include_file_paths="path")
        .join(when, on="path")
        .select(*records.SEEN, "observed_at")
        .sort("observed_at", "model_id", maintain_order=True)
        .collect()
    )


def configs(zone: LandingZone) -> pl.DataFrame:
    """The newest answer for each `config.json` asked for, by its path on the Hub."""
    receipts = list(zone.receipts(CONFIGS))
    return pl.DataFrame(
        {
            "config_path": [urlparse(r.url).path for r in receipts],
            "status": [r.status for r in receipts],
            "sha256": [r.sha256 for r in receipts],
            "fetched_at": [r.fetched_at for r in receipts],
        },
        schema={
            "config_path": pl.String,
            "status": pl.Int64,
            "sha256": pl.String,
            "fetched_at": INSTANT,
        },
    ).unique("config_path", keep="last", maintain_order=True)


def _receipts(zone: LandingZone) -> Iterator[Receipt]:
    sweeps = sorted((zone.folder / "receipts").glob(f"{SWEEP}*"))
    for source in (PAGES, INFOS, *(path.name for path in sweeps)):
        yield from zone.receipts(source)


def _distilled(zone: LandingZone, receipt: Receipt, folder: Path) -> Path:
    """The cached rows of one answer, made if need be."""
    key = hashlib.sha256(f"{receipt.sha256} {receipt.status} {_asked(receipt)}".encode())
    path = folder / f"{key.hexdigest()[:32]}.parquet"
    if not path.exists():
        write_parquet(pl.DataFrame(_rows(zone, receipt), schema=records.REMEMBERED), path)
    return path


def _rows(zone: LandingZone, receipt: Receipt) -> list[dict[str, Any]]:
    try:
        content = zone.read(receipt)
    except LandingError as error:
        return [records.refusal("(answer)", str(error))]
    if asked := _asked(receipt):
        return _of_one(asked, receipt.status, content)
    try:
        page = records.page_records(content)
    except ValueError as error:
        return [records.refusal("(page)", f"{receipt.url.partition('?')[0]}: {error}")]
    return [records.read(record) for record in page if records.matters(record, receipt.fetched_at)]


def _of_one(asked: str, status: int, content: bytes) -> list[dict[str, Any]]:
    """Rows of an answer about one model: its record, or that it is gone, or has another name."""
    if status in GONE:
        return [dict.fromkeys(records.REMEMBERED) | {"model_id": asked, "hub_state": "gone"}]
    if status == TOO_LARGE:
        return [records.refusal(asked, "its record on the Hub is larger than is read")]
    if status != OK:
        return []
    try:
        row = records.read(load(content))
    except ValueError as error:
        return [records.refusal(asked, f"not JSON: {error}")]
    if row["refused"] or row["model_id"] == asked:
        return [row]
    renamed = {"model_id": asked, "hub_state": "renamed", "renamed_to": row["model_id"]}
    return [dict.fromkeys(records.REMEMBERED) | renamed, row]


def _asked(receipt: Receipt) -> str:
    """The model an answer is about; empty for a listing."""
    if receipt.source != INFOS:
        return ""
    return unquote(urlparse(receipt.url).path.partition("/api/models/")[2])


@cache
def _rules() -> str:
    """A name for the code and facts that read records: other code or facts, other cache."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    rules = sorted(p for kind in ("py", "csv", "json") for p in here.rglob(f"*.{kind}"))
    facts = [FOLDER / f"{name}.csv" for name in ("model_lines", "pretrainers")]
    for path in (*rules, *facts, Path(json_documents.__file__), Path(text.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
