"""The Epoch Capabilities Index (ECI) of models, with its 90 % intervals.

The index is fitted anew on every update, with Claude 3.5 Sonnet at 130 and GPT-5 at 150: values of two
vintages do not compare. A row is a model with all its versions and settings. Source: Epoch AI,
https://epoch.ai/benchmarks, CC-BY 4.0.
"""

from datetime import date

from densing_pipeline.prices.sources.values import day
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import Embedded, ScoreSource
from densing_pipeline.tables.published import CAPABILITY_INDEX

NAME = "epoch-eci"
LICENCE = "CC-BY-4.0"
URL = "https://epoch.ai/benchmarks"


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The index of every model.

    Args:
        content: `eci_scores.csv`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, CAPABILITY_INDEX, LICENCE)
    for row in reports.rows(content, ("Model", "eci")):
        with reports.entry(WHOLE, row["Model"]):
            value = number("eci", row["eci"])
            if value is None:
                reports.leave_out("models without a value")
                continue
            reports.add(
                is_group=True,
                index_name="ECI",
                model=row["Model"],
                display_name=row.get("Display name"),
                index_value=value,
                index_low=number("eci_ci_low", row.get("eci_ci_low")),
                index_high=number("eci_ci_high", row.get("eci_ci_high")),
                release_date=day(row.get("date")),
                organisation=row.get("Organization"),
                accessibility=row.get("Model accessibility"),
                source_url=URL,
            )
    return reports.parsed()


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_eci_url",
    table=CAPABILITY_INDEX,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
    embedded=(
        Embedded("epoch_eci_2025-12-19.csv", date(2025, 12, 19)),
        Embedded("epoch_eci_2026-08-11.csv", date(2026, 8, 11)),
    ),
)
