"""Incompressible Knowledge Probes: the share of obscure facts that models know.

`data/results/evaluation_summary.json` of the repository: a list of models, each with its score in seven
tiers of obscurity and what it answered. The file is written anew in place when answers are judged again or
models are added. The names are those of instruct and thinking models, mostly without a word that says so;
so none stands for a base model. Source: Li, arXiv 2604.24827, results CC BY 4.0.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, load_json, shown
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports
from densing_pipeline.score_sources.source import Embedded, ScoreSource
from densing_pipeline.tables.published import BENCHMARK_REPORTS

NAME = "ikp"
LICENCE = "CC-BY-4.0"
URL = "https://github.com/19PINE-AI/ikp/blob/main/data/results/evaluation_summary.json"
BENCHMARK = "Incompressible Knowledge Probes"
TIERS = tuple(f"T{tier}" for tier in range(1, 8))
SAME = Decimal("1e-6")
"""Difference of a stated score and the mean of its tiers that rounding may make."""


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The score of every model.

    Args:
        content: `evaluation_summary.json`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    listed = load_json(content)
    if not isinstance(listed, list):
        raise SnapshotError(f"no list of models but {shown(listed)}")
    for position, model in enumerate(listed):
        with reports.entry(WHOLE, _name(model) or f"model {position}"):
            if not isinstance(model, dict) or _name(model) is None:
                raise UnreadableError("model", shown(model), "an entry without a model")
            _add(model, reports)
    return reports.parsed()


def _name(model: Any) -> str | None:
    name = model.get("model") if isinstance(model, dict) else None
    return name if isinstance(name, str) and name.strip() else None


def _add(model: Mapping[str, Any], reports: Reports) -> None:
    """The score of one model, with the binomial error of the mean of its tiers.

    Raises:
        UnreadableError: a tier is missing, or its numbers contradict each other.
    """
    stated = model.get("accuracy")
    counts = [_tier(model, tier) for tier in TIERS]
    if any(total == 0 for _, total in counts):
        reports.leave_out("models not asked the questions of every tier")
        return
    shares = [correct / total for correct, total in counts]
    score = sum(shares, Decimal(0)) / len(TIERS)
    if not isinstance(stated, Decimal) or abs(stated - score) > SAME:
        raise UnreadableError("accuracy", shown(stated), "not the mean of the seven tiers")
    variances = [
        share * (1 - share) / total for share, (_, total) in zip(shares, counts, strict=True)
    ]
    vendor = model.get("vendor")
    reports.add(
        is_group=True,
        benchmark_name=BENCHMARK,
        model=model["model"],
        entry="summary",
        score=float(score),
        std_error=float(sum(variances, Decimal(0)).sqrt() / len(TIERS)),
        n_items=int(sum(total for _, total in counts)),
        protocol="mean over 7 tiers, no penalty",
        organisation=vendor if isinstance(vendor, str) else None,
        source_url=URL,
    )


def _tier(model: Mapping[str, Any], tier: str) -> tuple[Decimal, Decimal]:
    """Correct answers and questions of one tier.

    Raises:
        UnreadableError: they are no counts, or more is correct than was asked.
    """
    tiers = model.get("tier_stats")
    found = tiers.get(tier) if isinstance(tiers, dict) else None
    correct, total = (
        (found.get("correct"), found.get("total")) if isinstance(found, dict) else (None, None)
    )
    if not (isinstance(correct, Decimal) and isinstance(total, Decimal) and 0 <= correct <= total):
        raise UnreadableError(f"tier_stats {tier}", shown(found), "counts of answers are expected")
    return correct, total


SOURCE = ScoreSource(
    NAME,
    address_setting="ikp_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Bojie Li",
    embedded=(Embedded("ikp_2026-07-29.json.gz", date(2026, 7, 29)),),
)
