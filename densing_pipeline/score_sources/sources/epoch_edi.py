"""The difficulty of benchmarks (EDI) on the scale of the Epoch Capabilities Index.

Fitted anew on every update, with the index itself. Source: Epoch AI, https://epoch.ai/benchmarks,
CC-BY 4.0.
"""

from datetime import date

from densing_pipeline.prices.sources.values import UnreadableError
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import Embedded, ScoreSource
from densing_pipeline.score_sources.sources.epoch_eci import LICENCE, URL
from densing_pipeline.tables.published import CAPABILITY_INDEX

NAME = "epoch-edi"
FLAGS = {"True": True, "False": False, "": None}


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The difficulty of every benchmark.

    Args:
        content: `edi_scores.csv`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, CAPABILITY_INDEX, LICENCE)
    for row in reports.rows(content, ("benchmark_name", "edi")):
        with reports.entry(WHOLE, row["benchmark_name"]):
            value = number("edi", row["edi"])
            if value is None:
                reports.leave_out("benchmarks without a value")
                continue
            reports.add(
                index_name="EDI",
                benchmark_name=row["benchmark_name"],
                index_value=value,
                discrimination=number("estimated_slope_scaled", row.get("estimated_slope_scaled")),
                is_anchor=_flag(row.get("is_anchor", "")),
                benchmark_release_date=_day(row.get("benchmark_release_date", "")),
                source_url=URL,
            )
    return reports.parsed()


def _flag(value: str) -> bool | None:
    if value not in FLAGS:
        raise UnreadableError("is_anchor", value, "True or False is expected")
    return FLAGS[value]


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise UnreadableError("benchmark_release_date", value, "a date is YYYY-MM-DD") from None


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_edi_url",
    table=CAPABILITY_INDEX,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
    embedded=(Embedded("epoch_edi_2026-08-11.csv", date(2026, 8, 11)),),
)
