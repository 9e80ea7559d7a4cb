"""Content that a mirror declares for itself: other questions than the suite's own.

    <mirror>/content.sha256, a line for each part of a split:

        <SHA-256 of its records> <number of records> <benchmark>/<split>/<part>

A benchmark named in the file is measured on the parts in the file and on nothing else. Their hashes
are checked as those of the suite are. Hashes enter the version of a benchmark, so its scores get
another suite version and are never combined with scores on the suite's own content. Benchmarks that
the file does not name keep their content. Not here: hashing and checking (`data`).
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from densing_pipeline import files
from densing_pipeline.evaluation.suite.benchmark import Benchmark, DataError, Record, Split
from densing_pipeline.evaluation.suite.data import Store, digest, read_parts

FILE = "content.sha256"

LINE = re.compile(r"([0-9a-f]{64}) ([1-9][0-9]*) ([^/\s]+)/([^/\s]+)/(\S*)")
"""SHA-256, number of records, benchmark, split, part."""

Parts = Mapping[str, tuple[str, int]]
"""SHA-256 and number of records of each part of a split."""


def with_content_of(
    mirror: Path | None, benchmarks: Iterable[Benchmark], known: Collection[str]
) -> tuple[Benchmark, ...]:
    """The benchmarks with the content that a mirror declares, where it declares any.

    Args:
        mirror: folder with the data sets; None for the Hub, which declares nothing.
        benchmarks: the suite's declarations.
        known: names of all benchmarks there are.

    Raises:
        DataError: the file names an unknown benchmark or split, lacks a split, or has a malformed
            line.
    """
    path = mirror and mirror / FILE
    if path is None or not path.is_file():
        return tuple(benchmarks)
    declared: dict[str, dict[str, dict[str, tuple[str, int]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not (found := LINE.fullmatch(line)):
            raise DataError(
                f"{path}, line {number}: not `<SHA-256> <records> <benchmark>/<split>/<part>`"
            )
        sha256, count, name, split, part = found.groups()
        if name not in known:
            raise DataError(f"{path}, line {number}: no benchmark {name}: {', '.join(known)}")
        declared[name][split][part] = (sha256, int(count))
    return tuple(
        _replaced(each, declared[each.name], path) if each.name in declared else each
        for each in benchmarks
    )


def declare(mirror: Path, benchmarks: Iterable[Benchmark]) -> list[str]:
    """Write the file of a mirror: what it has of each benchmark's parts, whatever their content.

    Parts that the mirror lacks are left out.

    Returns:
        The lines written.

    Raises:
        DataError: the mirror has no part of a split, or a file of it cannot be read.
    """
    found = [
        line
        for benchmark in benchmarks
        for line in lines(
            benchmark.name,
            {
                split.name: _present(benchmark.name, split, Store(mirror))
                for split in benchmark.splits
            },
        )
    ]
    files.write(mirror / FILE, "".join(f"{line}\n" for line in found).encode())
    return found


def lines(name: str, records: Mapping[str, Mapping[str, Sequence[Record]]]) -> list[str]:
    """The lines that declare records of a benchmark, given by split and part."""
    return [
        f"{digest(found)} {len(found)} {name}/{split}/{part}"
        for split, parts in records.items()
        for part, found in parts.items()
    ]


def _present(name: str, split: Split, store: Store) -> dict[str, list[Record]]:
    """Records of the parts that a mirror has, from the first source with any."""
    for source in store.sources(split):
        paths = {}
        for part in split.content:
            try:
                paths[part] = store.file(source, part)
            except DataError:
                continue
        if found := {part: rows for part, rows in read_parts(source, paths).items() if rows}:
            return found
    raise DataError(f"{store.mirror}: no data of {name}, {split.name}")


def _replaced(benchmark: Benchmark, declared: Mapping[str, Parts], path: Path) -> Benchmark:
    """A benchmark with declared content.

    Raises:
        DataError: a split is not declared, or there is no such split.
    """
    names = [split.name for split in benchmark.splits]
    if sorted(names) != sorted(declared):
        raise DataError(
            f"{path}: declares {', '.join(sorted(declared))} of {benchmark.name}, which has the "
            f"splits {', '.join(sorted(names))}; declare each of them"
        )
    splits = tuple(
        dataclasses.replace(
            split, content={part: sha256 for part, (sha256, _) in declared[split.name].items()}
        )
        for split in benchmark.splits
    )
    n_items = sum(count for _, count in benchmark.questions(declared).values())
    facts = dataclasses.replace(benchmark.facts, items=n_items)
    return dataclasses.replace(benchmark, facts=facts, splits=splits, has_own_content=True)
