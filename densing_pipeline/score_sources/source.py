"""What the pipeline needs to know of an outside source of scores: its declaration.

A new source is one module of `score_sources.sources` that reads its documents and declares it:

    SOURCE = ScoreSource(
        "my-board",
        address_setting="my_board_url",       # a field of `Settings`, so DENSING_MY_BOARD_URL
        table=BENCHMARK_REPORTS,
        parse=parse,                          # (bytes, day of receipt) -> ParsedReports
        licence="CC-BY-4.0",
        attribution="My Board, by its team",
    )

From that follow its poll, its snapshots and receipts in the landing zone, its rows in `source_health`
and `quarantine`, its history, and its rows in the table. Not here: finding the declarations
(`score_sources.sources`).
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from densing_pipeline.polling.answers import fetch_document
from densing_pipeline.polling.declaration import Declaration
from densing_pipeline.polling.source import Fetch, SnapshotError
from densing_pipeline.score_sources.parsed import ParsedReports
from densing_pipeline.tables.schemas import Table

EMBEDDED = Path(__file__).parent / "embedded"
"""Documents that are part of the package."""

SMALLEST_SHARE = 0.7
"""A document with less than this share of the rows of the one before is rejected as incomplete."""


@dataclass(frozen=True)
class Embedded:
    """A document of a source that is part of the package, in the source's own format.

    Attributes:
        file: its name in `score_sources/embedded`.
        day: day on which the source published it.
    """

    file: str
    day: date

    def content(self) -> bytes:
        """The document; a file whose name ends with `.gz` is decompressed."""
        content = (EMBEDDED / self.file).read_bytes()
        return gzip.decompress(content) if self.file.endswith(".gz") else content


@dataclass(frozen=True)
class ScoreSource(Declaration[ParsedReports]):
    """A polled source of scores.

    Attributes, beside those of `Declaration`:
        table: the published table its rows belong to.
        licence: SPDX identifier under which the rows may be published.
        attribution: who is to be credited.
        embedded: documents that are part of the package, oldest first; they hold until the first poll.
        fetch: makes the requests; by default one, for one document.
    """

    table: Table
    licence: str
    attribution: str
    embedded: tuple[Embedded, ...] = ()
    fetch: Fetch = fetch_document

    def check(
        self,
        found: ParsedReports,
        before: ParsedReports | None,
        others: Mapping[str, ParsedReports],
    ) -> list[str]:
        """Compare a document with the one before; other sources report other scores and say nothing of it.

        Rows of a part that could not be read are not missed: that part stays as it was.

        Raises:
            SnapshotError: the document has less than 70 % of the rows of the one before.
        """
        was = before.rows_outside(found.failed) if before else 0
        if found.rows < SMALLEST_SHARE * was:
            raise SnapshotError(
                f"{found.rows} rows, {found.rows / was:.0%} of the {was} before: below "
                f"{SMALLEST_SHARE:.0%}, so the document is taken for incomplete"
            )
        return []
