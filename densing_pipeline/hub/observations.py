"""Observations of repositories, read from the landed responses of the Hub.

    <rules>/<answer>.parquet                         the records of one landed response
    <rules>/months/<source>/<YYYY-MM>-<hash>.parquet  all observations of a source and month, without the records

The first are named by the hash of the response's bytes, the second by that of their own; `rules` is the hash of the
code that reads them. A night opens the files of the months, and of responses those that are new or whose records are
read again, however many came before. The files are a cache: if they are deleted or damaged, or the code changes, they
are computed again from the landing zone. Not here: how one record is read (`records`), and folding observations over
time (`repositories`).
"""

import hashlib
import io
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote, urlparse

import numpy as np
import numpy.typing as npt
import polars as pl

from densing_pipeline import files, project_code
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

RECEIPTS = "densing-receipts"
"""Entry of the metadata of a month's file: the SHA-256 of the receipts whose observations it has."""

OBSERVED = pl.Schema([*records.SEEN.items(), ("observed_at", INSTANT), ("answer", pl.String)])
"""Columns of observations: `SEEN`, when, and the cached file of the response (its name without suffix)."""

_NAMED = pl.Schema({"receipt": pl.String, "receipt_sha256": pl.String})

_MONTH = pl.Schema([*_NAMED.items(), *OBSERVED.items()])
"""Columns of a month's file; a response without records has one row with nothing but its receipt."""

Keys: TypeAlias = npt.NDArray[np.uint64]
"""Keys of records (`key_of`)."""

_NO_KEYS: Keys = np.empty(0, dtype=np.uint64)

Read = TypeVar("Read")

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
    """All rows of `OBSERVED`, source by source, oldest first in each; sorting them all would take twice the memory.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
    """
    seen = [
        pl.read_parquet(content, columns=OBSERVED.names()).filter(pl.col("model_id").is_not_null())
        for content in _months(zone, folder / rules())
    ]
    return pl.concat([pl.DataFrame(schema=OBSERVED), *seen])


def remembered(zone: LandingZone, folder: Path, observed: pl.DataFrame) -> dict[int, bytes]:
    """Read the packed records of some observations from the cache.

    Frames do not hold the records, because those of a full sweep do not fit into memory.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
        observed: columns `answer` and `record_id`.
    """

    def read(paths: list[Path]) -> pl.DataFrame:
        wanted = pl.col("record_id").is_in(observed["record_id"].implode())
        kept = pl.scan_parquet(paths, schema=records.REMEMBERED).filter(wanted)
        return kept.select("record_id", "record").collect()

    found: dict[int, bytes] = {}
    paths = [
        folder / rules() / f"{answer}.parquet" for answer in observed["answer"].unique().sort()
    ]
    for n in range(0, len(paths), AT_ONCE):
        found |= dict(_of_files(zone, paths[n : n + AT_ONCE], read).iter_rows())
    return found


def _months(zone: LandingZone, folder: Path) -> Iterator[bytes]:
    """The files of all sources and months, brought up to date with what has landed."""
    for source in _sources(zone):
        for month, receipts in zone.months(source).items():
            yield _month(zone, source, month, receipts, folder)


def _month(zone: LandingZone, source: str, month: str, receipts: str, folder: Path) -> bytes:
    """The file of a source and month; only what it lacks is read.

    Args:
        zone: where the Hub's answers landed.
        source: its name in the landing zone.
        month: `YYYY-MM`.
        receipts: the SHA-256 of the receipts.
        folder: of the cache.
    """
    place = folder / "months" / source
    before = _kept(place, month)
    if before is not None and _metadata(before).get(RECEIPTS) == receipts:
        return before
    came = {
        (path.name, zone.receipt_sha256(path)): path
        for path in zone.receipt_files(source, month=month)
    }
    rows, keys = pl.DataFrame(schema=_MONTH), _NO_KEYS
    if before is not None:
        rows, keys = pl.read_parquet(before), _keys(before)
    had = set(rows.select(*_NAMED).iter_rows())
    if not had <= came.keys():
        # A receipt is gone, or another one: what it said must not stay.
        rows, keys, had = rows.clear(), _NO_KEYS, set()
    added = [(*key, zone.receipt(path)) for key, path in came.items() if key not in had]
    for n in range(0, len(added), AT_ONCE):
        new, new_keys = _read(zone, added[n : n + AT_ONCE], folder)
        rows, keys = pl.concat([rows, new]), np.union1d(keys, new_keys)
    if not rows["receipt"].is_sorted():
        rows = rows.sort("receipt", maintain_order=True)
    return _write_month(place, month, rows, {RECEIPTS: receipts, KEYS: _packed_keys(keys)})


def _read(
    zone: LandingZone, receipts: Sequence[tuple[str, str, Receipt]], folder: Path
) -> tuple[pl.DataFrame, Keys]:
    """Rows of `_MONTH` of some receipts, given with name and SHA-256, and the keys of their records."""
    answers = [
        (name, sha256, receipt.fetched_at, str(_distilled(zone, receipt, folder)))
        for name, sha256, receipt in receipts
    ]
    schema = pl.Schema([*_NAMED.items(), ("observed_at", INSTANT), ("path", pl.String)])
    when = pl.LazyFrame(answers, schema=schema, orient="row")

    def read(paths: list[Path]) -> tuple[pl.DataFrame, Keys]:
        kept = pl.scan_parquet(paths, schema=records.REMEMBERED, include_file_paths="path")
        rows = when.join(kept, on="path", how="left", maintain_order="left_right")
        named = rows.with_columns(answer=pl.col("path").str.extract(r"([0-9a-f]+)\.parquet$"))
        return named.select(_MONTH.names()).collect(), np.concatenate([*map(_keys, paths)])

    return _of_files(zone, sorted({Path(path) for *_, path in answers}), read)


def _of_files(zone: LandingZone, paths: list[Path], read: Callable[[list[Path]], Read]) -> Read:
    """What is read of cached files of responses; those that are missing or damaged are made again."""
    try:
        return read(paths)
    except (OSError, pl.exceptions.PolarsError):
        for path in paths:
            if not _is_readable(path):
                path.unlink(missing_ok=True)
        for receipt in _receipts(zone):
            _distilled(zone, receipt, paths[0].parent)
        return read(paths)


def _is_readable(path: Path) -> bool:
    try:
        return pl.read_parquet(path) is not None
    except (OSError, pl.exceptions.PolarsError):
        return False


def _kept(place: Path, month: str) -> bytes | None:
    """The file of a month, if there is one that is whole: its name has the hash of its content."""
    for path in sorted(place.glob(f"{month}-*.parquet")):
        with suppress(FileNotFoundError):  # another process replaced it
            if path == _named(place, month, content := path.read_bytes()):
                return content
    return None


def _write_month(place: Path, month: str, rows: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", metadata=dict(metadata))
    path = _named(place, month, content := buffer.getvalue())
    files.write(path, content)
    for other in place.glob(f"{month}-*.parquet"):
        if other != path:
            other.unlink(missing_ok=True)
    return content


def _named(place: Path, month: str, content: bytes) -> Path:
    return place / f"{month}-{hashlib.sha256(content).hexdigest()[:16]}.parquet"


def _metadata(content: bytes) -> Mapping[str, str]:
    return pl.read_parquet_metadata(io.BytesIO(content))


def _keys(file: bytes | Path) -> Keys:
    """Keys of records in the metadata of a cached file."""
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    packed = pl.read_parquet_metadata(source).get(KEYS, "")
    return np.frombuffer(b64decode(packed), dtype=np.uint64)


def _packed_keys(keys: Keys) -> str:
    return b64encode(keys.tobytes()).decode()


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


def _sources(zone: LandingZone) -> list[str]:
    """Names in the landing zone of the sources with records."""
    sweeps = sorted((zone.folder / "receipts").glob(f"{SWEEP}*"))
    return [PAGES, INFOS, *(path.name for path in sweeps)]


def _receipts(zone: LandingZone) -> Iterator[Receipt]:
    for source in _sources(zone):
        yield from zone.receipts(source)


def read_keys(zone: LandingZone, folder: Path) -> set[int]:
    """Keys (`key_of`) of all records that have landed in full, also of those that have no row.

    Args:
        zone: where the Hub's answers landed.
        folder: where the cache is kept.
    """
    return set(np.concatenate([_NO_KEYS, *map(_keys, _months(zone, folder / rules()))]).tolist())


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
        keys = _packed_keys(np.array([key_of(record) for record in shown], dtype=np.uint64))
        write_parquet(pl.DataFrame(rows, schema=records.REMEMBERED), path, {KEYS: keys})
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
