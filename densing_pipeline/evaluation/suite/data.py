"""Loads benchmark data from the Hub, a GitHub repository or a local mirror.

The content is checked, not the file: the records of each part are hashed under our field names, so
that parquet from the Hub, the authors' CSV and a mirror have the same hash. Content with another hash
is refused. Not here: which data a benchmark needs (its own module).
"""

import contextlib
import csv
import fnmatch
import functools
import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from huggingface_hub import HfApi, constants

from densing_pipeline import hub_library
from densing_pipeline.bounded_http import Bounds, blocking_client
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Data,
    DataError,
    Record,
    Source,
    Split,
)
from densing_pipeline.text import error_text
from densing_pipeline.units import GIB

GITHUB = "https://raw.githubusercontent.com"

BOUNDS = Bounds(answer_s=300, slowest_bytes_per_s=100_000, max_bytes=GIB)
"""Bounds of a benchmark file: 300 s, and 1 s more for each 100,000 bytes received; 1 GiB."""

SHOWN = 5
"""Names listed in a message."""


@dataclass(frozen=True)
class Store:
    """Where files come from.

    Attributes:
        mirror: folder with the data sets; if given, nothing is fetched from anywhere.
        cache: where fetched files are kept; the Hub client's own place if None.
        hub: address of the Hub; the Hub client's own (`HF_ENDPOINT`) if None.
        github: address of repositories' files.
    """

    mirror: Path | None = None
    cache: Path | None = None
    hub: str | None = None
    github: str = GITHUB

    def origin(self, source: Source) -> str:
        """Data set and revision, for provenance: of a mirror the data set only.

        Raises:
            DataError: the newest revision is wanted and cannot be asked for.
        """
        if self.mirror:
            return f"mirror: {source.dataset}"
        with _fetching(source.dataset, self.hub):
            return f"{source.dataset}@{self._revision(source)}"

    def sources(self, split: Split) -> list[Source]:
        """Those of a split that can be had here."""
        return [source for source in split.sources if self.mirror or source.home != "mirror"]

    def file(self, source: Source, part: str) -> Path:
        """The local file with a part.

        Raises:
            DataError: it cannot be had.
        """
        path = source.path.format(part=source.names.get(part, part))
        if self.mirror:
            return self._mirrored(self.mirror / source.dataset, path)
        with _fetching(f"{source.dataset}/{path}", self.hub):
            if source.home == "github":
                return self._from_github(source, path)
            return self._from_hub(source, path)

    def _from_hub(self, source: Source, path: str) -> Path:
        revision = self._revision(source)
        if "*" in path:
            path = _only(_listing(self.hub, source.dataset, revision), path, source.dataset)
        return Path(
            HfApi(endpoint=self.hub).hf_hub_download(
                source.dataset,
                path,
                repo_type="dataset",
                revision=revision,
                cache_dir=self.cache,
            )
        )

    def _mirrored(self, folder: Path, path: str) -> Path:
        if "*" in path:
            files = sorted(file for file in folder.rglob("*") if file.is_file())
            names = [file.relative_to(folder).as_posix() for file in files]
            path = _only(names, path, str(folder))
        if not (folder / path).is_file():
            raise DataError(f"{folder / path}: is not there")
        return folder / path

    def _from_github(self, source: Source, path: str) -> Path:
        """A file of a repository at its pinned commit; kept beside the Hub's files."""
        cache = self.cache or Path(constants.HF_HUB_CACHE)
        local = cache / "github" / source.dataset / str(source.revision) / path
        if not local.is_file():
            address = f"{self.github}/{source.dataset}/{source.revision}/{path}"
            with blocking_client(BOUNDS) as client:
                content = client.get(address).raise_for_status().content
            local.parent.mkdir(parents=True, exist_ok=True)
            temporary = local.with_name(f".{local.name}.{os.getpid()}")
            temporary.write_bytes(content)
            temporary.replace(local)
        return local

    def _revision(self, source: Source) -> str:
        return source.revision or _newest(self.hub, source.dataset)


@contextlib.contextmanager
def _fetching(what: str, hub: str | None) -> Iterator[None]:
    """Bound the requests, and turn download errors into a `DataError` that names what was fetched."""
    hub_library.prepare(BOUNDS, hub or constants.ENDPOINT)
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the library raises whatever an odd answer leads to
        raise DataError(f"{what}: cannot be fetched: {error_text(error)[:300]}") from error


def load(benchmark: Benchmark, store: Store, released: date | None = None) -> Data:
    """Load all data of a benchmark, checked against the declared hashes.

    Args:
        benchmark: the declaration.
        store: where files come from.
        released: day on which the model was released: texts that are not younger are left out. None
            if it is not known: nothing is left out.

    Raises:
        DataError: a file is missing, damaged, or its content has another hash than declared; or the
            benchmark has no texts younger than the model.
    """
    splits = [
        split
        for split in benchmark.splits
        if not (released and split.written_from) or released < split.written_from
    ]
    if not splits:
        newest = max(split.name for split in benchmark.splits)
        raise DataError(f"no texts from after the model's release on {released}, only to {newest}")
    records: dict[str, Mapping[str, Sequence[Record]]] = {}
    content, origins = {}, {}
    for split in splits:
        records[split.name], origins[split.name] = _load_split(benchmark.name, split, store)
        for part, found in records[split.name].items():
            content[f"{split.name}/{part}"] = digest(found)
    loaded = sum(map(len, benchmark.questions(records).values()))
    if len(splits) == len(benchmark.splits) and loaded != (benchmark.n_items or loaded):
        raise DataError(f"{benchmark.name}: {loaded} items, {benchmark.n_items} declared")
    return Data(records, content, origins)


def digest(records: Iterable[Record]) -> str:
    """SHA-256 of records, in order.

    White space at the ends of lines and of texts does not count, nor how lines end: copies of one data
    set differ there.

    Examples:
        >>> digest([{"question": "1 + 1? "}]) == digest([{"question": "1 + 1?"}])
        True
    """
    tidied = [{key: _tidy(text) for key, text in record.items()} for record in records]
    return hashlib.sha256(json.dumps(tidied, sort_keys=True).encode()).hexdigest()


def _tidy(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def _load_split(name: str, split: Split, store: Store) -> tuple[dict[str, list[Record]], str]:
    """Records by part from the first source that has the split's files, and which source that was."""
    missing = []
    for source in store.sources(split):
        try:
            files = {part: store.file(source, part) for part in split.content}
        except DataError as error:
            missing.append(str(error))
            continue
        found = read_parts(source, files)
        _check(name, split, files, found)
        return found, store.origin(source)
    where = "; ".join(missing) or "only a local mirror can have it"
    raise DataError(f"{name}, {split.name}: no data: {where}")


def read_parts(source: Source, files: Mapping[str, Path]) -> dict[str, list[Record]]:
    """Records of each part, in the order of the file."""
    raw = {path: read(path) for path in set(files.values())}
    found: dict[str, list[Record]] = {}
    for part, path in files.items():
        try:
            found[part] = [
                _texts(record)
                for each in raw[path]
                if source.part_field is None
                or each[source.part_field] == source.names.get(part, part)
                for record in source.records({**each, "part": part})
            ]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                f"{path}: a record is not in the form of {source.dataset}: {error!r}"
            ) from error
    return found


def _texts(record: Record) -> Record:
    if missing := [name for name, text in record.items() if not isinstance(text, str)]:
        raise TypeError(f"{', '.join(missing)}: no text")
    return record


def _check(
    name: str, split: Split, files: Mapping[str, Path], found: Mapping[str, Sequence[Record]]
) -> None:
    """Refuse content with another hash than declared."""
    for part, expected in split.content.items():
        actual = digest(found[part])
        if expected and actual != expected:
            which = f" ({part})" if part else ""
            raise DataError(
                f"{files[part]}: not the {split.name} data of {name}{which}: expected content with "
                f"SHA-256 {expected}, found {actual}"
            )


def read(path: Path) -> list[dict[str, Any]]:
    """Raw records of a file: parquet, CSV, JSON, JSON lines (gzip or not), or text as one record.

    Raises:
        DataError: the file is damaged or of another kind.
    """
    try:
        suffixes = PurePosixPath(path.name).suffixes
        if suffixes[-1] == ".parquet":
            return pl.read_parquet(path).to_dicts()
        with gzip.open(path) if suffixes[-1] == ".gz" else path.open("rb") as file:
            content = file.read(BOUNDS.max_bytes + 1)
        if len(content) > BOUNDS.max_bytes:
            raise ValueError(f"more than {BOUNDS.max_bytes:,} bytes")
        text = content.decode("utf-8")
        if suffixes[-1] == ".csv":
            return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        if ".jsonl" in suffixes:
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        if suffixes[-1] == ".json":
            parsed = json.loads(text)
            return list(parsed if isinstance(parsed, list) else parsed["examples"])
        return [{"text": text}]
    except Exception as error:  # damage has as many names as there are readers
        raise DataError(f"{path}: cannot be read: {error}") from error


@functools.cache
def _newest(hub: str | None, dataset: str) -> str:
    """The newest commit of a data set, asked for once so that all its files are of one."""
    return str(HfApi(endpoint=hub).dataset_info(dataset).sha)


@functools.cache
def _listing(hub: str | None, dataset: str, revision: str) -> list[str]:
    return HfApi(endpoint=hub).list_repo_files(dataset, repo_type="dataset", revision=revision)


def _only(names: Iterable[str], pattern: str, where: str) -> str:
    """The one name a pattern matches, capitals aside."""
    found = [name for name in names if fnmatch.fnmatchcase(name.lower(), pattern.lower())]
    if len(found) != 1:
        listed = ", ".join(found[:SHOWN]) or "none"
        raise DataError(f"{where}: one file like {pattern} expected, found {listed}")
    return found[0]
