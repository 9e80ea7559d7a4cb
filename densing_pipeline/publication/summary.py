"""The last screen of `make run`: the headline numbers of a release, and how fresh they are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from densing_pipeline.paper import NMI
from densing_pipeline.publication.figures import doubling_text, interval_text
from densing_pipeline.trends.sensitivity import moved_by, spread

SHOWN_ESTIMATORS = ("paper", "quantile-0.9", "ols-all")


def show(tables: Mapping[str, pl.DataFrame], release: Path, console: Console) -> None:
    """Print the headline numbers of a release and its path."""
    for part in (
        _headline(tables["densing_law"]),
        range_text(tables["sensitivity"]),
        _densing_law(tables["densing_law"]),
        _price_halving(tables["price_halving"]),
        _skill(tables["forecast_skill"]),
        _sources(tables["source_health"]),
    ):
        console.print(part, end="\n\n", highlight=False)
    console.print(
        f"Release [bold]{release.name}[/bold] in {release}", highlight=False, soft_wrap=True
    )


def _headline(law: pl.DataFrame) -> str:
    headline = law.filter(pl.col("is_headline"))
    if headline.is_empty() or headline["verdict"][0] != "ok":
        return "Density doubles: the data do not carry an estimate."
    return (
        f"[bold]Capacity density doubles every {doubling_text(headline.row(0, named=True))}.[/bold]"
    )


def range_text(sensitivity: pl.DataFrame) -> str:
    """The range of the doubling time over all combinations of choices, and what moves it most."""
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
            row["verdict"] if row["verdict"] == "ok" else f"[dim]{row['verdict']}[/dim]",
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


def _doubling(estimate: pl.DataFrame) -> str:
    if estimate.is_empty():
        return ""
    row = estimate.row(0, named=True)
    if row["verdict"] != "ok":
        return "[dim]insufficient[/dim]"
    text = interval_text(
        row["doubling_days"], row["doubling_days_low"], row["doubling_days_high"], "", 0
    )
    return f"[bold]{text}[/bold]" if row["is_headline"] else text


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
            "" if record is None else f"{record:.0f} months ago",
            _remark(row),
        )
    return table


def _remark(row: Mapping[str, Any]) -> str:
    """What must be read with the number: what is lacking, or what the rule does not see."""
    if row["verdict"] == "ok":
        return str(row["reason"]).partition("; ")[2]
    return f"[dim]insufficient: {row['reason']}[/dim]"


def _sources(health: pl.DataFrame) -> Table:
    """How old the data of each source are now, which may be long after the release was made."""
    now = datetime.now(UTC)
    table = _table("Sources", "source", "data of", "age", "outcome", "message", right=("age",))
    newest = health.sort("polled_at").group_by("source", maintain_order=True).last()
    for row in newest.sort("polled_at", "source", descending=[True, False]).to_dicts():
        table.add_row(
            row["source"],
            f"{row['polled_at']:%Y-%m-%d}",
            f"{(now - row['polled_at']).days} days",
            row["outcome"]
            if row["outcome"] in ("ok", "unchanged", "embedded")
            else f"[red]{row['outcome']}[/red]",
            row["message"],
        )
    return table
