"""Observations of repositories, read from the landed responses of the Hub.

Each landed response becomes one small parquet file, named by the hash of its bytes and of the code
that reads it. The files are a cache: if they are deleted, or the code changes, they are computed
again from the landing zone. Not here: how one record is read (`records`), and folding observations
over time (`models`).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import polars as pl

from densing_pipeline import project_code
from densing_pipeline.facts import FOLDER
from densing_pipeline.hub import records
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingError, LandingZone, Receipt
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.tables.storage import write_parquet

PAGES = "hub-pages"
"""Source in the landing zone: pages of listings."""

SWEEP = "hub-sweep-"
"""Start of the source names of full sweeps, one source per sweep."""

INFOS = "hub-infos"
"""Source in the landing zone: records of single models, and refusals."""

CONFIGS = "hub-configs"
"""Source in the landing zone: `config.json` files, and refusals."""

KEYS = "densing-keys"
"""Entry of a cache file's metadata: the keys of all records in the response, base64."""

AT_ONCE = 100
"""Cached files read together, because every open file costs memory."""

OK = 200
TOO_LARGE = 413
"""HTTP status under which an oversized response lands, without content."""

UNREADABLE = 422
"""HTTP status under which a response lands that is not what was asked for, whatever its own status."""

GONE = (401, 404, 410, 451)
"""HTTP statuses of a repository that is missing or not accessible."""


def observations(zone: LandingZone, folder: Path) -> pl.DataFrame:
    """All rows of `records.SEEN` with `observed_at`, oldest first.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
    """
    answers = [
        (receipt.fetched_at, str(_distilled(zone, receipt, folder / rules())))
        for receipt in _receipts(zone)
    ]
    answers.sort()
    batches = [_batch(answers[n : n + AT_ONCE]) for n in range(0, len(answers), AT_ONCE)]
    empty = pl.DataFrame(schema=records.SEEN | {"observed_at": INSTANT})
    return pl.concat([empty, *batches]).set_sorted("observed_at")


def remembered(folder: Path, record_ids: pl.Series) -> dict[int, bytes]:
    """Read the packed records of some observations from the cache.

    Frames do not hold the records, because those of a full sweep do not fit into memory.

    Args:
        folder: where the cache is kept.
        record_ids: values of the column `record_id`.
    """
    found: dict[int, bytes] = {}
    paths = sorted((folder / rules()).glob("*.parquet")) if len(record_ids) else []
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
    """The rows of some responses, given as (instant, cached file) in order of time."""
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
    """The newest response for each requested `config.json`, by its path on the Hub."""
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


def newest_record(
    zone: LandingZone, folder: Path, names: Collection[str], revision: str | None
) -> Receipt | None:
    """The newest response with a record of a repository at one revision; None if none landed.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
        names: names that the repository has had.
        revision: the commit that the record gives.
    """
    newest_first = sorted(_receipts(zone), key=attrgetter("fetched_at"), reverse=True)
    for n in range(0, len(newest_first), AT_ONCE):
        # Of responses with the same bytes the newest is kept.
        answers = {
            str(_distilled(zone, receipt, folder / rules())): receipt
            for receipt in reversed(newest_first[n : n + AT_ONCE])
        }
        found = (
            pl.scan_parquet(sorted(answers), schema=records.REMEMBERED, include_file_paths="path")
            .filter(
                pl.col("model_id").is_in(sorted(names)), pl.col("revision").eq_missing(revision)
            )
            .select("path")
            .collect()["path"]
        )
        if len(found):
            return max((answers[path] for path in found), key=attrgetter("fetched_at"))
    return None


def newest_config(
    zone: LandingZone, names: Collection[str], revision: str | None
) -> Receipt | None:
    """The newest response with `config.json` of a repository at one revision; None if none landed.

    Args:
        zone: where the Hub's answers landed.
        names: names that the repository has had.
        revision: the commit asked for.
    """
    paths = {f"/{name}/resolve/{revision}/config.json" for name in names}
    for receipt in zone.receipts(CONFIGS, newest_first=True):
        if receipt.status == OK and urlparse(receipt.url).path in paths:
            return receipt
    return None


def _receipts(zone: LandingZone) -> Iterator[Receipt]:
    sweeps = sorted((zone.folder / "receipts").glob(f"{SWEEP}*"))
    for source in (PAGES, INFOS, *(path.name for path in sweeps)):
        yield from zone.receipts(source)


def read_keys(zone: LandingZone, folder: Path) -> set[int]:
    """Keys (`key_of`) of all records that have landed in full, also of those that have no row.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
    """
    paths = {_distilled(zone, receipt, folder / rules()) for receipt in _receipts(zone)}
    found: set[int] = set()
    for path in paths:
        packed = pl.read_parquet_metadata(path).get(KEYS, "")
        found.update(np.frombuffer(b64decode(packed), dtype=np.uint64).tolist())
    return found


def key_of(record: object) -> int:
    """A hash of a repository's identifier and name, 64 bits."""
    text = records.key(record).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _distilled(zone: LandingZone, receipt: Receipt, folder: Path) -> Path:
    """The cache file of one response; it is written if it does not exist."""
    key = hashlib.sha256(f"{receipt.sha256} {receipt.status} {_asked(receipt)}".encode())
    path = folder / f"{key.hexdigest()[:32]}.parquet"
    if not path.exists():
        rows, shown = _rows(zone, receipt)
        keys = np.array([key_of(record) for record in shown], dtype=np.uint64)
        write_parquet(
            pl.DataFrame(rows, schema=records.REMEMBERED),
            path,
            {KEYS: b64encode(keys.tobytes()).decode()},
        )
    return path


def _rows(zone: LandingZone, receipt: Receipt) -> tuple[list[dict[str, Any]], list[Any]]:
    """Rows of a response, and all the records in it."""
    try:
        content = zone.read(receipt)
    except LandingError as error:
        return [records.refusal("(answer)", str(error))], []
    if asked := _asked(receipt):
        return _of_one(asked, receipt.status, content)
    try:
        page = records.page_records(content)
    except ValueError:
        # It is no model: the report of the poll, or the sweep, says that the listing could not be read.
        return [], []
    rows = [records.read(record) for record in page if records.matters(record, receipt.fetched_at)]
    return rows, page


def _of_one(asked: str, status: int, content: bytes) -> tuple[list[dict[str, Any]], list[Any]]:
    """Rows of a response about one model (its record, a refusal, or a new name), and the record."""
    if status in GONE:
        return [dict.fromkeys(records.REMEMBERED) | {"model_id": asked, "hub_state": "gone"}], []
    if status == TOO_LARGE:
        return [records.refusal(asked, "its record on the Hub is larger than is read")], []
    if status != OK:
        return [], []
    try:
        record = load(content)
    except ValueError as error:
        return [records.refusal(asked, f"not JSON: {error}")], []
    row = records.read(record)
    if row["refused"] or row["model_id"] == asked:
        return [row], [record]
    renamed = {"model_id": asked, "hub_state": "renamed", "renamed_to": row["model_id"]}
    return [dict.fromkeys(records.REMEMBERED) | renamed, row], [record]


def _asked(receipt: Receipt) -> str:
    """Id of the model a response is about; empty for a listing."""
    if receipt.source != INFOS:
        return ""
    return unquote(urlparse(receipt.url).path.partition("/api/models/")[2])


@cache
def rules() -> str:
    """Digest of the code and facts that read records; part of the names of cache files."""
    digest = hashlib.sha256(project_code.digest("densing_pipeline.hub").encode())
    here = Path(__file__).parent
    rules = sorted(p for kind in ("csv", "json") for p in here.rglob(f"*.{kind}"))
    facts = [FOLDER / f"{name}.csv" for name in ("model_lines", "pretrainers")]
    for path in (*rules, *facts):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
