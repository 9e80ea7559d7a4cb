"""The last screen of `make run`: the headline numbers of a release, and how fresh they are."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from rich.console import Console, Group
from rich.table import Table

from densing_pipeline.publication.figures import doubling_text, interval_text

SHOWN_ESTIMATORS = ("paper", "quantile-0.9", "ols-all")


def show(tables: Mapping[str, pl.DataFrame], release: Path, console: Console) -> None:
    """Print the headline numbers of a release and its path."""
    console.print(
        Group(
            _densing_law(tables["densing_law"]),
            _price_halving(tables["price_halving"]),
            _sources(tables["source_health"]),
        )
    )
    console.print(f"Release {release.name}: [bold]{release}[/bold]", highlight=False)


def _densing_law(law: pl.DataFrame) -> Table:
    table = Table(title="Densing Law: doubling time of capacity density", title_justify="left")
    for name in ("reference", "scores", "models"):
        table.add_column(name)
    for estimator in SHOWN_ESTIMATORS:
        table.add_column(estimator, justify="right")
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
    table.caption = "95 % intervals; bold: the headline; non-embedding parameters; all dates"
    return table


def _doubling(estimate: pl.DataFrame) -> str:
    if estimate.is_empty():
        return ""
    row = estimate.row(0, named=True)
    if row["verdict"] != "ok":
        return f"[dim]{row['verdict']}[/dim]"
    return f"[bold]{doubling_text(row)}[/bold]" if row["is_headline"] else doubling_text(row)


def _price_halving(halving: pl.DataFrame) -> Table:
    table = Table(title="Price halving: months until half the price", title_justify="left")
    for name in ("level", "curve", "window", "estimator", "halving", "fold", "last record"):
        table.add_column(name, justify="right" if name in ("halving", "fold") else "left")
    shown = halving.filter(
        pl.col("is_headline")
        | ((pl.col("level") == "nmi-2025") & (pl.col("curve") == "cheapest_ever"))
    )
    for row in shown.to_dicts():
        text = interval_text(row["halving_months"], row["low"], row["high"], "months", 2)
        record = row["months_since_record"]
        table.add_row(
            row["level"],
            row["curve"],
            row["window"],
            row["estimator"],
            text if row["verdict"] == "ok" else f"{text}, [yellow]{row['verdict']}[/yellow]",
            "" if row["fold"] is None else f"{row['fold']:.1f}x",
            "" if record is None else f"{record:.0f} months ago",
        )
    table.caption = "insufficient: less than 12 months, 6 changes or 3 providers"
    return table


def _sources(health: pl.DataFrame) -> Table:
    table = Table(title="Sources", title_justify="left")
    for name in ("source", "version", "data of", "age", "outcome"):
        table.add_column(name)
    for row in health.sort("stale_hours", "source").to_dicts():
        table.add_row(
            row["source"],
            row["version"],
            f"{row['polled_at']:%Y-%m-%d}",
            f"{row['stale_hours'] / 24:.0f} days",
            row["outcome"],
        )
    return table
