"""A toy score source: a CSV of models and scores in parts, whose parts may be damaged."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.score_sources import history
from densing_pipeline.score_sources.parsed import ParsedReports, Reports, number
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import BENCHMARK_REPORTS


def parse_toy(content: bytes, observed_on: date) -> ParsedReports:
    """Rows of `part,model,score`; a part whose score is `damaged` cannot be read."""
    reports = Reports("toy", BENCHMARK_REPORTS, "CC0-1.0")
    for row in reports.rows(content, ("part", "model", "score")):
        part = row["part"]
        if row["score"] == "damaged":
            reports.fail(part, "damaged")
            continue
        with reports.entry(part, row["model"]):
            reports.add(
                part, benchmark_name=part, model=row["model"],
                score=number("score", row["score"]),
            )  # fmt: skip
    return reports.parsed()


TOY = ScoreSource(
    "toy",
    address_setting="epoch_eci_url",
    table=BENCHMARK_REPORTS,
    parse=parse_toy,
    licence="CC0-1.0",
    attribution="nobody",
)


@dataclass
class Toy:
    """The toy source in a landing zone of its own."""

    folder: Path
    source: ScoreSource = field(default=TOY)

    @property
    def zone(self) -> LandingZone:
        return LandingZone(self.folder / "landing")

    @property
    def file(self) -> Path:
        return self.folder / "toy.parquet"

    def land(self, day: str, *rows: str, hour: int = 2) -> None:
        """Land a document of `part,model,score` rows."""
        text = "\n".join(["part,model,score", *rows])
        instant = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
        self.zone.store("toy", "", text.encode(), instant.replace(hour=hour))

    def update(self, code: str = "1") -> history.Update:
        """Bring the history up to date."""
        found = history.snapshots(self.source, self.zone)
        return history.update(self.file, self.source, found, code)

    def known(self, day: str) -> dict[str, float]:
        """Score by model, as known at the end of a day."""
        rows = history.as_of(self.update().history, date.fromisoformat(day))
        return dict(rows.select("model", "score").sort("model").iter_rows())


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The toy source, declared beside the others."""
    monkeypatch.setitem(SOURCES, "toy", TOY)
    return Toy(tmp_path)
