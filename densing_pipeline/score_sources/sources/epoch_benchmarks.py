"""Epoch AI's benchmarking hub: a zip archive of one CSV file per benchmark.

`benchmark_metadata.csv` names each benchmark, its file, the column of its score and the scale that
turns the column into a fraction. Files hold Epoch's own runs (`mean_score`, `stderr`) or scores that others
reported, with shots, document and address. Values are revised in place several times a week. A file that
cannot be read costs only its own benchmark. Source: Epoch AI, https://epoch.ai/benchmarks, CC-BY 4.0.
Not here: `model_metadata.csv` of the same archive (`epoch_versions`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.archive import Archive, MemberError
from densing_pipeline.score_sources.csv_rows import CsvError
from densing_pipeline.score_sources.parsed import ParsedReports, Reports, number
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources.epoch_eci import LICENCE, URL
from densing_pipeline.tables.published import BENCHMARK_REPORTS

NAME = "epoch-benchmarks"
METADATA = "benchmark_metadata.csv"
VERSIONS = "model_metadata.csv"
MODEL = "Model version"

BENCHMARKS = {
    "BBH": "BBH",
    "GPQA diamond": "GPQA-Diamond",
    "GSM8K": "GSM8K",
    "HellaSwag": "HellaSwag",
    "MATH level 5": "MATH-Lvl5",
    "MMLU": "MMLU",
}
"""Our name of a benchmark, by Epoch's; the others are none of ours."""

OWN_RUN = "Started at"
"""Column of the files that hold Epoch's own runs."""


class Member(NamedTuple):
    """What `benchmark_metadata.csv` says of one file."""

    benchmark: str
    file: str
    score_column: str
    scale: Decimal


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The scores of all benchmarks.

    Args:
        content: `benchmark_data.zip`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the archive or its list of benchmarks is unusable.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    try:
        archive = Archive(content)
        needed = ("benchmark", "source_file", "score_column", "scale")
        listed = reports.listing(archive.read(METADATA), needed, METADATA)
    except (MemberError, CsvError) as error:
        raise SnapshotError(f"{METADATA}: {error}") from error
    for name, reason in archive.refused.items():
        reports.fail(name, reason)
    files = Counter(row["source_file"].strip() for row in listed)
    for row in listed:
        file = row["source_file"].strip()
        if not file:
            reports.leave_out("benchmarks without a file")
            continue
        try:
            if files[file] > 1:
                raise MemberError(f"{METADATA} names it for {files[file]} benchmarks")
            _read_member(_member(row), archive, reports)
        except (MemberError, CsvError) as error:
            reports.fail(file, str(error))
    known = {*files, METADATA, VERSIONS}
    strangers = [name for name in archive.names if name.endswith(".csv") and name not in known]
    if reports.has_quarantined(METADATA):
        # The damaged row may have named any of these; what is known of them stays.
        for name in strangers:
            reports.fail(name, f"no row of {METADATA} names it, and one cannot be read")
    elif strangers:
        reports.leave_out(f"files that {METADATA} does not name", len(strangers))
    return reports.parsed()


def _member(row: Mapping[str, str]) -> Member:
    """A row of the list of benchmarks.

    Raises:
        MemberError: name or scale are missing or no such thing.
    """
    benchmark, text = row["benchmark"].strip(), row["scale"].strip()
    if not benchmark:
        raise MemberError(f"{METADATA} has no name for the benchmark")
    try:
        scale = Decimal(text)
    except InvalidOperation:
        raise MemberError(f"{METADATA} gives the scale {text!r}: not a number") from None
    if not scale.is_finite() or not 0 < scale <= 1:
        raise MemberError(
            f"{METADATA} gives the scale {text!r}: more than 0, at most 1 is expected"
        )
    return Member(benchmark, row["source_file"].strip(), row["score_column"].strip(), scale)


def _read_member(member: Member, archive: Archive, reports: Reports) -> None:
    """The rows of one file.

    Raises:
        MemberError: the file cannot be read.
        CsvError: it is no CSV with the columns that are needed.
    """
    part, is_empty = member.file, True
    for row in reports.rows(archive.read(part), (MODEL, member.score_column), part):
        is_empty = False
        version, name = row[MODEL].strip(), row.get("Name", "").strip()
        key = row.get("id", "").strip() or None
        with reports.entry(part, f"{version or name} ({key or 'no id'})"):
            score = number(member.score_column, row[member.score_column], member.scale)
            if score is None:
                reports.leave_out("rows without a score")
                continue
            if not version and not name:
                raise UnreadableError(MODEL, "", "a row without a model")
            cost_name, cost = _cost(row)
            reports.add(
                part,
                is_group=not version,
                benchmark_name=member.benchmark,
                benchmark=BENCHMARKS.get(member.benchmark),
                model=version or name,
                display_name=name,
                entry=key,
                score=score,
                std_error=number("stderr", row.get("stderr"), member.scale),
                protocol=_protocol(row, member.score_column),
                organisation=row.get("Organization"),
                release_date=day(row.get("Release date")),
                cost_usd=cost,
                cost_name=cost_name,
                cited="Epoch AI's own run" if OWN_RUN in row else row.get("Source"),
                source_url=row.get("Source link") or URL,
            )
    if is_empty and not reports.has_quarantined(part):
        raise MemberError("has no rows")


def _protocol(row: Mapping[str, str], score_column: str) -> str:
    """Shots as `5-shot`, the column of the score, and the source's notes."""
    shots = row.get("Shots", "").strip().removesuffix("-shot")
    notes = row.get("Notes", "").strip()
    told = f"{shots}-shot {score_column}" if shots else score_column
    return f"{told} ({notes})" if notes else told


@lru_cache(maxsize=1_000)
def _is_cost(heading: str) -> bool:
    return "cost" in heading.lower() and "note" not in heading.lower()


def _cost(row: Mapping[str, str]) -> tuple[str | None, float | None]:
    """The first column of costs that holds a number, with its heading."""
    for name in filter(_is_cost, row):
        try:
            found = number(name, row[name])
        except UnreadableError:
            continue
        if found is not None and found >= 0:
            return name, found
    return None, None


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_benchmarks_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
)
