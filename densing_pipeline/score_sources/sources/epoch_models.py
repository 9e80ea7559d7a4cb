"""Epoch AI's table of models: parameters, training data and compute, and dates of language models.

Source: Epoch AI, *Data on AI Models*, https://epoch.ai/data/ai-models, CC-BY 4.0.
"""

from datetime import date
from decimal import Decimal

from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources.epoch_eci import LICENCE
from densing_pipeline.tables.published import MODEL_REPORTS

NAME = "epoch-models"
URL = "https://epoch.ai/data/ai-models"
DATA_SIZES = (
    "Training dataset size (total)",
    "Training dataset size (gradients)",
    "Training dataset size (datapoints)",
)
"""Columns that have held the size of the training data, the newest first."""


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The language models released since 2018.

    Args:
        content: `all_ai_models.csv`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, MODEL_REPORTS, LICENCE)
    for row in reports.rows(content, ("Model", "Domain", "Publication date", "Parameters")):
        name, released = row["Model"].strip(), day(row["Publication date"])
        if "language" not in row["Domain"].lower():
            reports.leave_out("models of other domains than language")
            continue
        if released is None:
            reports.leave_out("models without a date since 2018")
            continue
        with reports.entry(WHOLE, name or "a row without a name"):
            if not name:
                raise UnreadableError("Model", "", "a row without a model")
            reports.add(
                is_group=True,
                model=name,
                entry=None,
                organisation=row.get("Organization"),
                release_date=released,
                params_total=_parameters(row["Parameters"]),
                training_data_size=_first_size(row),
                training_flop=number("Training compute (FLOP)", row.get("Training compute (FLOP)")),
                accessibility=row.get("Model accessibility"),
                cited=row.get("Reference"),
                source_url=row.get("Link") or URL,
            )
    return reports.parsed()


def _parameters(value: str) -> int | None:
    found = number("Parameters", value)
    if found is None:
        return None
    if not 1 <= found < 1e18:
        raise UnreadableError("Parameters", value, "a count of parameters is at least 1")
    return int(Decimal(value.strip()))


def _first_size(row: dict[str, str]) -> float | None:
    """The size of the training data, from the first column that has one."""
    sizes = (number(name, row.get(name)) for name in DATA_SIZES)
    return next((size for size in sizes if size is not None), None)


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_models_url",
    table=MODEL_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
)
