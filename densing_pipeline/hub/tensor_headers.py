"""Fetch the headers of safetensors files, which name every tensor, without the weights.

One ranged request for a file of weights, a second one only if its header is longer than was asked for.
The headers of one revision land as one document and are never asked for again. `huggingface_hub` has
requests for the same (`get_safetensors_metadata`); they take any answer for the range that was asked
for, read as much as a server sends, and keep no bytes to land.

Not here: which tensors a header lists (`parameters.headers`), what is counted from them
(`parameters.tensors`), and which models are candidates (`models`).
"""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import polars as pl

from densing_pipeline import clock, files
from densing_pipeline.hub.client import (
    Answer,
    Hub,
    HubError,
    OversizedError,
    RefusedError,
    UnreachableError,
)
from densing_pipeline.hub.observations import OK, TOO_LARGE, UNREADABLE, rules
from densing_pipeline.hub.parameters.headers import (
    LENGTH_BYTES,
    HeaderError,
    header_length,
    of_model,
    read_header,
)
from densing_pipeline.hub.parameters.tensors import Tensor, TensorCounts, count_tensors
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingError, LandingZone, Receipt
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.units import MIB

HEADERS = "hub-headers"
"""Source in the landing zone: the headers of one revision of a model, and refusals."""

INDEX = "model.safetensors.index.json"
SINGLE = ("model.safetensors", "consolidated.safetensors")
"""Names of the file of weights of a model that has one, the commoner first."""

FIRST_BYTES = 256 * 1024
"""Bytes asked for at first: the headers of most files are shorter."""

MAX_HEADER_BYTES = 64 * MIB
"""Most bytes of the index, and of all headers of one model together.

The library accepts headers of 100 MB a file; those of a mixture of a trillion parameters have some
20 MB in all.
"""

MAX_FILES = 1_000
"""Most files of one model."""

MODEL_S = 300
"""Longest time in seconds after which a further file of one model is asked for."""

TOO_MANY_REQUESTS = 429
NOT_FOUND = 404

RETRY_HEADERS_AFTER = timedelta(hours=20)
"""Time until headers that could not be fetched are asked for again; doubles with each failure."""

LONGEST_HEADER_WAIT = timedelta(days=60)

_FILE = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*\.safetensors", re.ASCII)
"""Names of files that an index may state; they become addresses."""

_NUMBERED = re.compile(r"(.*)[-_](\d{1,6})-of-(\d{1,6})\.safetensors", re.ASCII)
"""Names of files that say how many there are."""

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "revision": pl.String,
    "headers_status": pl.Int64,
    "headers_sha256": pl.String,
    "headers_at": INSTANT,
    "headers_asked": pl.UInt32,
}

FETCHED = pl.Schema(_TYPES)
"""The answer for a revision: its HTTP status and content, when it came, and how often it was asked for."""


def fetch_headers(hub: Hub, model_id: str, revision: str) -> bytes:
    """The headers of a model's files, as one JSON object.

    Its keys are the names of the files; its values have the `header` as text and the `size` of the file
    in bytes (null if the server does not state it).

    Raises:
        RefusedError: the model is gated or gone, or has no safetensors files of the usual names.
        OversizedError: there are too many files, or too many bytes of headers.
        HeaderError: a file begins with no header, or the index names no files.
        UnreachableError: the Hub cannot be reached, or the time for it is used up.
        HubError: an answer is unusable, or the files take too long.
    """
    started, left, found = time.monotonic(), MAX_HEADER_BYTES, {}
    names = _files(hub, model_id, revision)
    for name in names or SINGLE:
        if time.monotonic() - started > MODEL_S:
            raise HubError(f"{model_id}: its headers take longer than {MODEL_S} s")
        try:
            header, size = _header(hub, hub.file_url(model_id, revision, name), left)
        except RefusedError as error:
            if names or name == SINGLE[-1] or error.status != NOT_FOUND:
                raise
            continue
        left -= len(header)
        try:
            found[name] = {"header": header.decode(), "size": size}
        except UnicodeDecodeError as error:
            raise HeaderError(f"{name}: the header is not UTF-8: {error.reason}") from error
        if not names:
            break
    return json.dumps(found, sort_keys=True).encode()


def _files(hub: Hub, model_id: str, revision: str) -> list[str] | None:
    """Names of the files of weights in the index; None if there is no index."""
    try:
        index = hub.get(hub.file_url(model_id, revision, INDEX), MAX_HEADER_BYTES)
    except RefusedError as error:
        if error.status != NOT_FOUND:
            raise
        return None
    try:
        document = load(index.content)
    except ValueError as error:
        raise HeaderError(f"{INDEX} is no JSON: {error}") from error
    placed = document.get("weight_map") if isinstance(document, dict) else None
    names = set(map(str, placed.values())) if isinstance(placed, dict) else set()
    if odd := sorted(name for name in names if not _FILE.fullmatch(name) or len(name) > 200):
        raise HeaderError(f"{INDEX} names the file {odd[0]!r:.80}")
    if not names:
        raise HeaderError(f"{INDEX} names no files")
    if len(names) > MAX_FILES:
        raise OversizedError(f"{model_id}: {INDEX} names {len(names)} files")
    numbered = [found.groups() for name in names if (found := _NUMBERED.fullmatch(name))]
    stated = Counter((stem, int(many)) for stem, _, many in numbered)
    for (_, many), there in stated.items():
        if there < many:
            raise HeaderError(f"{INDEX} names {there} of {many} files: an upload that is not whole")
    return sorted(names)


def _header(hub: Hub, url: str, most: int) -> tuple[bytes, int | None]:
    """The header of one file without its length, and the size of the file if it is known."""
    begun = hub.get(url, first_bytes=FIRST_BYTES)
    length = header_length(begun.content)
    if length > most:
        raise OversizedError(f"a header of {length} bytes; {most} are read at most")
    whole = LENGTH_BYTES + length
    if len(begun.content) < whole <= (begun.size or whole):
        begun = hub.get(url, first_bytes=whole)
    header = begun.content[LENGTH_BYTES:whole]
    if len(header) < length:
        raise HeaderError(f"the file ends within its header of {length} bytes")
    return header, begun.size


def land_headers(
    zone: LandingZone, hub: Hub, model_id: str, revision: str, clock: Callable[[], datetime]
) -> None:
    """Fetch the headers of one revision and land them, or why they could not be fetched.

    Raises:
        UnreachableError: the Hub cannot be reached, or the time for it is used up.
        HubError: the Hub wants fewer requests, or its answer was unusable. What says nothing about the
            model does not land.
    """
    url = hub.file_url(model_id, revision, INDEX)
    failed: HubError | None = None
    try:
        answer = Answer(url, fetch_headers(hub, model_id, revision), OK, None, None)
    except UnreachableError:
        raise
    except RefusedError as error:
        answer = Answer(url, str(error).encode(), error.status or UNREADABLE, None, None)
    except OversizedError as error:
        answer = Answer(url, str(error).encode(), TOO_LARGE, None, None)
    except HeaderError as error:
        answer = Answer(url, str(error).encode(), UNREADABLE, None, None)
    except HubError as error:
        if error.status == TOO_MANY_REQUESTS:
            raise
        failed = error
        answer = Answer(url, str(error).encode(), UNREADABLE, None, None)
    zone.store(HEADERS, answer.url, answer.content, clock(), status=answer.status)
    if failed is not None:
        raise failed


def fetched(zone: LandingZone) -> pl.DataFrame:
    """The newest answer for each revision, or the headers if there are any; a frame of `FETCHED`.

    `headers_asked` is how many nights asked for them.
    """
    receipts = list(zone.receipts(HEADERS))
    return (
        pl.DataFrame(
            {
                "revision": [_revision(receipt) for receipt in receipts],
                "headers_status": [receipt.status for receipt in receipts],
                "headers_sha256": [receipt.sha256 for receipt in receipts],
                "headers_at": [receipt.fetched_at for receipt in receipts],
                "headers_asked": [1] * len(receipts),
            },
            schema=FETCHED,
        )
        .with_columns(pl.len().over("revision").alias("headers_asked"))
        .sort(pl.col("headers_status") == OK, "headers_at", maintain_order=True)
        .unique("revision", keep="last", maintain_order=True)
    )


def newest(zone: LandingZone, revision: str | None) -> Receipt | None:
    """The newest answer with headers of one revision; None if none landed."""
    for receipt in zone.receipts(HEADERS, newest_first=True):
        if receipt.status == OK and _revision(receipt) == revision:
            return receipt
    return None


def due(found: pl.DataFrame, now: datetime) -> Sequence[tuple[str, str]]:
    """Models whose headers are to be fetched, newest first, as (current name, revision).

    They are the base models that the queue may take: on the Hub, no copy in fewer bits, not in need of
    their own code, and not behind a gate. What failed is asked for again at doubling intervals.

    Args:
        found: a frame of `models.with_configs`, without the models of the bundled facts.
        now: start of the poll.
    """
    failures = (pl.col("headers_asked") - 1).clip(0, 10)
    waited = (RETRY_HEADERS_AFTER.total_seconds() * 2**failures).clip(
        upper_bound=LONGEST_HEADER_WAIT.total_seconds()
    )
    is_waiting = (pl.col("headers_at") + pl.duration(seconds=waited) > now).fill_null(value=False)
    is_gated = pl.col("gated").is_in(["auto", "manual"]) & ~pl.col("readable").fill_null(
        value=False
    )
    wanted = found.filter(
        (pl.col("is_base") & ~pl.col("is_doubtful")).fill_null(value=False),
        pl.col("hub_state").is_in(["present", "renamed"]),
        pl.col("revision").is_not_null(),
        ~pl.col("custom_code").fill_null(value=False),
        ~is_gated.fill_null(value=False),
        pl.col("headers_status").ne_missing(OK),
        ~is_waiting,
    ).sort("first_seen_at", "model_id", descending=[True, False], nulls_last=True)
    return list(wanted.select("name", "revision").iter_rows())


def counts(
    zone: LandingZone, cache: Path, sha256: str, config: Mapping[str, Any], config_key: str
) -> TensorCounts:
    """What the tensors of a model count, from the headers that landed; kept in the cache.

    Args:
        zone: where the headers landed.
        cache: where `observations` keeps its cache.
        sha256: hash of the landed headers.
        config: the model's configuration, or what is known of it.
        config_key: a key of that configuration.

    Returns:
        The counts; without any, and with the reason, if the headers cannot be read.
    """
    key = hashlib.sha256(f"tensors {sha256} {config_key}".encode()).hexdigest()[:32]
    path = cache / rules() / f"{key}.json"
    if path.exists():
        kept = json.loads(path.read_bytes())
        return TensorCounts(**kept | {"notes": tuple(kept["notes"])})
    try:
        found = count_tensors(landed_tensors(zone, sha256), config)
    except LandingError as error:
        # Not kept: the bytes may be restored.
        return TensorCounts(None, None, None, None, reason=str(error))
    except HeaderError as error:
        found = TensorCounts(None, None, None, None, reason=str(error))
    files.write(path, json.dumps(asdict(found)).encode())
    return found


def landed_tensors(zone: LandingZone, sha256: str) -> list[Tensor]:
    """The tensors of a model from the headers that landed, each once, sorted by name.

    Raises:
        HeaderError: a header is none, or contradicts itself, another one or the size of its file.
        LandingError: the bytes are missing or damaged.
    """
    stated = json.loads(zone.read(Receipt(HEADERS, "", clock.now(), sha256, 0)))
    return of_model(
        _of_file(name, each["header"].encode(), each["size"]) for name, each in stated.items()
    )


def _of_file(name: str, header: bytes, size: int | None) -> list[Tensor]:
    try:
        return read_header(header, size)
    except HeaderError as error:
        raise HeaderError(f"{name}: {error}") from error


def _revision(receipt: Receipt) -> str:
    return unquote(urlparse(receipt.url).path.partition("/resolve/")[2].partition("/")[0])
