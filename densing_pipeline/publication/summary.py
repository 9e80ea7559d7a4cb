"""Text and tables that the command line prints of a release.

Not here: how the answers are made (`answers`), and where they are printed (`densing_pipeline.cli`).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.table import Table
from rich.text import Text

from densing_pipeline.paper import NMI
from densing_pipeline.publication.answers import answers
from densing_pipeline.publication.wording import counted, interval_text, listed
from densing_pipeline.tables.schemas import Tables
from densing_pipeline.text import clean_frame
from densing_pipeline.trends.sensitivity import moved_by, spread

SHOWN_ESTIMATORS = ("paper", "quantile-0.9", "ols-all")

STALE_DAYS = 3
"""Age in days from which a polled source counts as stale."""

GOOD_OUTCOMES = ("ok", "unchanged", "embedded")
NEVER_ASKED = ("embedded", "disabled")


def paragraphs(tables: Tables, now: datetime) -> list[str]:
    """The answers of a release and the age of its sources, one paragraph each.

    Args:
        tables: the published tables.
        now: the instant to which ages are counted, with a time zone.
    """
    return [
        *(answer.sentence for answer in answers(tables)),
        freshness(tables["source_health"], now),
    ]


def freshness(source_health: pl.DataFrame, now: datetime) -> str:
    """Sentences that name stale and failed sources and the day of the newest data.

    Args:
        source_health: the published table.
        now: the instant to which ages are counted, with a time zone.
    """
    newest = newest_polls(source_health)
    bundled = newest.filter(pl.col("outcome") == "embedded").sort("polled_at")
    polled = newest.filter(~pl.col("outcome").is_in(NEVER_ASKED))
    parts = []
    if polled.height:
        bad = [
            f"{row['source']} ({row['outcome']}, {_age(row['polled_at'], now)} old)"
            for row in polled.to_dicts()
            if row["outcome"] not in GOOD_OUTCOMES or (now - row["polled_at"]).days >= STALE_DAYS
        ]
        good = polled.height - len(bad)
        parts.append(
            f"{counted(good, 'polled source')} fresh" + (f"; stale: {listed(bad)}." if bad else ".")
        )
    else:
        parts.append("No price list and no Hub was polled.")
    if bundled.height:
        last = bundled.row(-1, named=True)
        parts.append(
            f"The newest facts bundled with the package are of {last['polled_at']:%Y-%m-%d}, "
            f"{_age(last['polled_at'], now)} old."
        )
    return " ".join(parts)


def where(release: Path) -> str:
    """The line with the path of a release."""
    return f"Release {release.name}: {release}"


VIEWED = ("sensitivity", "densing_law", "price_halving", "forecast_skill", "source_health")
"""Published tables that `table_views` shows."""


def table_views(tables: Tables, now: datetime) -> list[Table | str]:
    """The tables of a release in printable form, and the range over other choices in words.

    Args:
        tables: the published tables.
        now: the instant to which ages are counted, with a time zone.
    """
    # A release of an earlier version may hold text with control characters.
    tables = {name: clean_frame(table) for name, table in tables.items() if name in VIEWED}
    return [
        range_text(tables["sensitivity"]),
        _densing_law(tables["densing_law"]),
        _price_halving(tables["price_halving"]),
        _skill(tables["forecast_skill"]),
        _sources(tables["source_health"], now),
    ]


def newest_polls(source_health: pl.DataFrame) -> pl.DataFrame:
    """The newest row of each source of a `source_health` frame."""
    return source_health.sort("polled_at").group_by("source", maintain_order=True).last()


def _age(since: datetime, now: datetime) -> str:
    return counted(max(0, (now - since).days), "day")


def range_text(sensitivity: pl.DataFrame) -> str:
    """The range of the doubling time over all choices, and the most influential choice."""
    found = spread(sensitivity)
    if not found.n or found.low is None or found.shortest is None:
        return "No combination of choices carries an estimate."
    high = "never" if found.high is None else f"{found.high:.0f} days"
    longest = "never" if found.longest is None else f"{found.longest:,.0f}"
    text = (
        f"Other defensible choices ({found.n:,} combinations) say {found.low:.0f} to {high} "
        f"(the middle 90 %; ends {found.shortest:.0f} and {longest})."
    )
    moved = moved_by(sensitivity).drop_nulls("median_fold")
    if moved.is_empty():
        return text
    first = moved.row(0, named=True)
    return f"{text} The {first['factor']} moves it most: {first['median_fold']:.1f}-fold."


def _skill(forecast_skill: pl.DataFrame) -> Table:
    table = _table(
        "Forecasts scored: CRPS skill of the trend over its rivals, all series (95 % interval)",
        "target", "months ahead", "forecasts", "over no change", "over the paper's constant",
        "over the last year's slope", "covered", "verdict",
        right=("months ahead", "forecasts", "covered"),
    )  # fmt: skip
    pooled = forecast_skill.filter(
        pl.col("series") == "all",
        pl.col("method") == "trend",
        pl.col("origin") == "backtest",
        pl.col("n_forecasts") > 0,
    )
    for row in pooled.to_dicts():
        table.add_row(
            row["target"],
            str(row["horizon_months"]),
            str(row["n_forecasts"]),
            *(
                interval_text(row[name], row[f"{name}_low"], row[f"{name}_high"], "", 2)
                for name in ("skill_no_change", "skill_constant", "skill_last_12_months")
            ),
            "" if row["coverage"] is None else f"{row['coverage']:.0%}",
            Text(row["verdict"], style="" if row["verdict"] == "ok" else "dim"),
        )
    return table


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _densing_law(law: pl.DataFrame) -> Table:
    table = _table(
        "Densing Law: days until capacity density doubles (95 % interval)",
        "reference", "scores", "models", *SHOWN_ESTIMATORS,
        right=("models", *SHOWN_ESTIMATORS),
    )  # fmt: skip
    rows = law.filter(pl.col("params_basis") == "nonembedding", pl.col("window") == "all")
    for (reference, score_set), series in rows.group_by(
        "reference_id", "score_set", maintain_order=True
    ):
        table.add_row(
            str(reference),
            str(score_set),
            str(series["n_models"].max()),
            *(_doubling(series.filter(pl.col("estimator") == name)) for name in SHOWN_ESTIMATORS),
        )
    return table


def _doubling(estimate: pl.DataFrame) -> Text:
    if estimate.is_empty():
        return Text()
    row = estimate.row(0, named=True)
    if row["verdict"] != "ok":
        return Text("insufficient", style="dim")
    text = interval_text(
        row["doubling_days"], row["doubling_days_low"], row["doubling_days_high"], "", 0
    )
    return Text(text, style="bold" if row["is_headline"] else "")


def _price_halving(halving: pl.DataFrame) -> Table:
    table = _table(
        "Price halving: months until the cheapest price ever of a capability is half (95 % interval)",
        "level", "blend", "window", "estimator", "months", "fold", "last record", "remark",
        right=("blend", "months", "fold"),
    )  # fmt: skip
    shown = halving.filter(
        pl.col("is_headline") | ((pl.col("level") == NMI) & (pl.col("curve") == "cheapest_ever"))
    )
    for row in shown.to_dicts():
        record = row["months_since_record"]
        table.add_row(
            row["level"],
            f"{row['blend_input_share']:.0%}",
            row["window"],
            row["estimator"],
            interval_text(row["halving_months"], row["low"], row["high"], "", 2),
            "" if row["fold"] is None else f"{row['fold']:.1f}x",
            "" if record is None else f"{counted(round(record), 'month')} ago",
            _remark(row),
        )
    return table


def _remark(row: Mapping[str, Any]) -> Text:
    """The caveat of an estimate: missing data, or what its method does not cover."""
    if row["verdict"] == "ok":
        return Text(str(row["reason"]).partition("; ")[2])
    return Text(f"insufficient: {row['reason']}", style="dim")


def _sources(health: pl.DataFrame, now: datetime) -> Table:
    """The age of each source's data at `now`, which may be long after the release was made."""
    table = _table("Sources", "source", "data of", "age", "outcome", "message", right=("age",))
    newest = newest_polls(health).sort("polled_at", "source", descending=[True, False])
    for row in newest.to_dicts():
        table.add_row(
            row["source"],
            f"{row['polled_at']:%Y-%m-%d}",
            _age(row["polled_at"], now),
            Text(row["outcome"], style="" if row["outcome"] in GOOD_OUTCOMES else "red"),
            row["message"],
        )
    return table
