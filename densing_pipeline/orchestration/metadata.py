"""Materialisation metadata, shown in the UI for each run: headline numbers and figures.

The UI plots plain numbers over time on the asset page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from densing_pipeline.addresses import redact
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.prices.comparison import OUT_OF_FRONTIER
from densing_pipeline.prices.history import Update
from densing_pipeline.publication.answers import Answer, rests_on
from densing_pipeline.publication.charts.rendering import markdown_image
from densing_pipeline.publication.charts.style import Figure
from densing_pipeline.publication.release import Release
from densing_pipeline.score_sources.history import Update as ScoreUpdate
from densing_pipeline.text import clean, markdown
from densing_pipeline.trends.sensitivity import moved_by, spread

Metadata = dict[str, dg.MetadataValue[Any]]


def figure_metadata(figure: Figure) -> Metadata:
    """A figure for the asset page."""
    return {"figure": dg.MetadataValue.md(markdown_image(figure))}


def charted(table: pl.DataFrame, figure: Figure) -> dg.MaterializeResult[pl.DataFrame]:
    """A table as the result of its asset, with its figure on the asset page."""
    return dg.MaterializeResult(value=table, metadata=figure_metadata(figure))


def answer_metadata(given: Sequence[Answer]) -> Metadata:
    """The answers of a release, each with the models or prices that it rests on and the newest day."""
    return {answer.topic: dg.MetadataValue.md(markdown(answer.sentence)) for answer in given}


def headline_metadata(estimates: pl.DataFrame) -> Metadata:
    """The quoted doubling time of a table, its interval, and the models that it rests on.

    Args:
        estimates: a `densing_law` or `density_growth` frame.
    """
    shown = estimates.filter(pl.col("is_headline"))
    metadata = _numbers(
        shown, ("doubling_days", "doubling_days_low", "doubling_days_high", "n_models")
    )
    for row in shown.to_dicts():
        basis = rests_on(row["n_models"], row["newest_model"], row["newest_release"], row["as_of"])
        metadata["rests on"] = dg.MetadataValue.md(markdown(basis))
    return metadata | {"estimates": dg.MetadataValue.int(estimates.height)}


def halving_metadata(price_halving: pl.DataFrame) -> Metadata:
    """The headline halving time of each level, in months."""
    metadata: Metadata = {}
    for row in price_halving.filter(pl.col("is_headline")).to_dicts():
        if row["halving_months"] is not None:
            metadata[f"halving_months {row['level']}"] = dg.MetadataValue.float(
                row["halving_months"]
            )
    return metadata


def poll_metadata(results: Sequence[PollResult]) -> Metadata:
    """Result of polling each source: outcome, number of prices, unreadable entries."""
    metadata: Metadata = {"sources asked": dg.MetadataValue.int(len(results))}
    for result in results:
        metadata[f"outcome {result.source}"] = _text(f"{result.outcome}: {result.message}")
        if result.rows is not None:
            metadata[f"rows {result.source}"] = dg.MetadataValue.int(result.rows)
        if result.rows_quarantined is not None:
            metadata[f"quarantined {result.source}"] = dg.MetadataValue.int(result.rows_quarantined)
    return metadata


def book_metadata(updates: Mapping[str, Update], prices: pl.DataFrame) -> Metadata:
    """Prices added and changed per source in this run, and the number excluded from frontiers."""
    metadata: Metadata = {}
    for source, update in updates.items():
        if update.folded:
            for name in ("added", "changed", "corrected", "slips", "restated", "absent"):
                metadata[f"{name} {source}"] = dg.MetadataValue.int(getattr(update.counts, name))
        if update.failure:
            metadata[f"failure {source}"] = _text(update.failure)
        for day, reason in update.refused:
            metadata[f"unreadable {source} {day}"] = _text(reason)
    kept_out = prices.filter(pl.col("observed_to").is_null(), pl.col("flag").is_in(OUT_OF_FRONTIER))
    for flag, count in kept_out.group_by("flag").len().sort("flag").iter_rows():
        metadata[f"flag {flag}"] = dg.MetadataValue.int(count)
    return metadata


def history_metadata(updates: Mapping[str, ScoreUpdate]) -> Metadata:
    """Rows of score sources that began or ended in this run, and snapshots that cannot be read."""
    metadata: Metadata = {}
    for source, update in updates.items():
        if update.folded:
            metadata[f"changed {source}"] = dg.MetadataValue.int(update.changed)
        if update.failure:
            metadata[f"failure {source}"] = _text(update.failure)
        for day, reason in update.refused:
            metadata[f"unreadable {source} {day}"] = _text(reason)
    return metadata


def health_metadata(source_health: pl.DataFrame) -> Metadata:
    """Age in hours of the newest data of each source."""
    newest = source_health.sort("polled_at").group_by("source", maintain_order=True).last()
    return {
        f"stale_hours {source}": dg.MetadataValue.float(hours)
        for source, hours in newest.select("source", "stale_hours").sort("source").iter_rows()
    }


def breaks_metadata(trend_breaks: pl.DataFrame) -> Metadata:
    """P value and power of the test for a break at an unknown date, per series with such a test."""
    metadata: Metadata = {}
    for row in trend_breaks.filter(pl.col("p_value").is_not_null()).to_dicts():
        name = f"{row['kind']} {row['reference_id']} {row['score_set']}"
        metadata[f"p {name}"] = dg.MetadataValue.float(row["p_value"])
        metadata[f"power {name}"] = dg.MetadataValue.float(row["power_at_1_5x"])
    return metadata


def sensitivity_metadata(sensitivity: pl.DataFrame) -> Metadata:
    """The range of the doubling time over all choices, and the effect of each choice."""
    metadata: Metadata = {
        f"doubling_days {name}": dg.MetadataValue.float(value)
        for name, value in spread(sensitivity)._asdict().items()
        if isinstance(value, float)
    }
    for row in moved_by(sensitivity).drop_nulls("median_fold").to_dicts():
        metadata[f"median_fold {row['factor']}"] = dg.MetadataValue.float(row["median_fold"])
    return metadata


def skill_metadata(forecast_skill: pl.DataFrame) -> Metadata:
    """Skill of the trend against no change, by target and horizon, over all series."""
    pooled = forecast_skill.filter(
        pl.col("series") == "all",
        pl.col("method") == "trend",
        pl.col("origin") == "backtest",
        pl.col("skill_no_change").is_not_null(),
    )
    return {
        f"skill {row['target']} {row['horizon_months']} months": dg.MetadataValue.float(
            row["skill_no_change"]
        )
        for row in pooled.to_dicts()
    }


def release_metadata(release: Release) -> Metadata:
    """Path and contents of the release."""
    return {
        "release_id": dg.MetadataValue.text(release.release_id),
        "path": dg.MetadataValue.path(str(release.path)),
        "new": dg.MetadataValue.bool(release.is_new),
        "bytes": dg.MetadataValue.int(release.bytes),
        **{f"rows {name}": dg.MetadataValue.int(rows) for name, rows in release.rows.items()},
    }


def _text(value: str) -> dg.TextMetadataValue:
    """Text that may repeat what a server said."""
    return dg.MetadataValue.text(clean(redact(value)))


def _numbers(row: pl.DataFrame, names: tuple[str, ...]) -> Metadata:
    if row.is_empty():
        return {}
    values = row.row(0, named=True)
    return {
        name: dg.MetadataValue.float(float(values[name]))
        for name in names
        if values[name] is not None
    }
