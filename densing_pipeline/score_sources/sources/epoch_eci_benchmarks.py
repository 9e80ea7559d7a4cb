"""The scores that the Epoch Capabilities Index is fitted to: models by benchmarks.

A subset of the benchmarking hub, with the best run of a model version on each benchmark. Source: Epoch
AI, https://epoch.ai/benchmarks, CC-BY 4.0.
"""

from datetime import date

from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import Embedded, ScoreSource
from densing_pipeline.score_sources.sources.epoch_benchmarks import BENCHMARKS
from densing_pipeline.score_sources.sources.epoch_eci import LICENCE, URL
from densing_pipeline.tables.published import BENCHMARK_REPORTS

NAME = "epoch-eci-benchmarks"


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The scores of all models.

    Args:
        content: `eci_benchmarks.csv`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    for row in reports.rows(content, ("benchmark", "performance", "model_version")):
        version, benchmark = row["model_version"].strip(), row["benchmark"].strip()
        with reports.entry(WHOLE, f"{version}, {benchmark}"):
            score = number("performance", row["performance"])
            if score is None:
                reports.leave_out("rows without a score")
                continue
            if not version or not benchmark:
                raise UnreadableError("model_version", version, "a row without a model")
            reports.add(
                benchmark_name=benchmark,
                benchmark=BENCHMARKS.get(benchmark),
                model=version,
                display_name=row.get("Model"),
                entry=None,
                score=score,
                release_date=day(row.get("date")),
                cited=row.get("source"),
                source_url=URL,
            )
    return reports.parsed()


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_eci_benchmarks_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
    embedded=(Embedded("epoch_eci_benchmarks_2026-08-11.csv.gz", date(2026, 8, 11)),),
)
