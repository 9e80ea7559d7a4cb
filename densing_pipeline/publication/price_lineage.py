"""Where a price of a day and a halving time come from, as trees down to the raw bytes.

Not here: densities (`lineage`), and how a price of a day is found (`past_prices.on_day`).
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.past_prices import on_day
from densing_pipeline.past_prices.evidence import where
from densing_pipeline.past_prices.wording import UNIT, amount, kind, sentence, since
from densing_pipeline.publication.lineage import Node, UnknownNumberError
from densing_pipeline.publication.wording import counted, interval_text, listed
from densing_pipeline.text import quoted

HALVING_TABLES = ("price_halving", "price_frontier", "capability_levels", "prices")
"""Published tables that the lineage of a halving time is read from."""

SAME_PRICE = 1e-9
"""Relative difference up to which two prices are one."""


def price_lineage(
    tables: Mapping[str, pl.DataFrame], model: str, on: date, landing_dir: Path
) -> Node:
    """What a model cost on a day, each offer with its row and the bytes that the row was read from.

    Args:
        tables: `on_day.TABLES` of one release.
        model: a name of the model, as `price_on_day` takes it.
        on: the day, UTC.
        landing_dir: the landing zone.

    Raises:
        UnknownModelError: no offer has the name.
        TableError: the book is empty.
    """
    answer = on_day.price_on_day(tables, model, on)
    named = [one for one in answer.offers if one.is_named]
    return Node(
        sentence(answer, named),
        tuple(
            Node(
                f"{one.provider} {one.model} ({one.source}), {kind(one)}: input "
                f"{amount(one.input_usd_per_mtok, one.or_input_usd_per_mtok) or 'not stated'}, output "
                f"{amount(one.output_usd_per_mtok, one.or_output_usd_per_mtok) or 'not stated'}, {one.certainty}, since "
                f"{since(one)}{f'; {one.reason}' if one.reason else ''} [prices]",
                (
                    Node(f"source: {one.source_url or one.source}"),
                    _bytes(one.source, one.snapshot_sha256, one.observed_from, landing_dir),
                ),
            )
            for one in named
            if one.certainty not in on_day.NO_PRICE
        ),
    )


def halving_lineage(
    tables: Mapping[str, pl.DataFrame], level: str, landing_dir: Path, share: float | None = None
) -> Node:
    """The halving time of the price of a level, down to the prices that its curve consists of.

    Args:
        tables: `HALVING_TABLES` of one release.
        level: a level of capability, such as `gpt-4`.
        landing_dir: the landing zone.
        share: share of input tokens in the price; that of the headline if left out.

    Raises:
        UnknownNumberError: there is no such level, or no headline with this share.
    """
    headlines = tables["price_halving"].filter("is_headline")
    if level not in (known := headlines["level"].unique().sort().to_list()):
        raise UnknownNumberError(f"no level {quoted(level)}: there are {listed(known)}")
    rows = headlines.filter(level=level)
    shares = rows["blend_input_share"].unique().sort(descending=True).to_list()
    wanted = shares[0] if share is None else share
    if wanted not in shares:
        raise UnknownNumberError(
            f"{level} has no headline for a share of input of {wanted:g}: there are {listed([f'{one:g}' for one in shares])}"
        )
    row = rows.filter(blend_input_share=wanted).row(0, named=True)
    said = interval_text(row["halving_months"], row["low"], row["high"], "months", 1)
    return Node(
        f"{level}: halving time {said} [price_halving: {row['estimator']}, {row['curve']}, {row['window']}, "
        f"{row['blend_input_share']:.0%} input]; {row['verdict']}: {row['reason']}",
        (
            _level(tables["capability_levels"], level),
            _curve(tables, row, landing_dir),
            Node(
                f"interval: {counted(row['draws'], 'resample')} of the changes, seed {row['seed']}"
            ),
        ),
    )


def _level(levels: pl.DataFrame, level: str) -> Node:
    rows = levels.filter(level=level).to_dicts()
    if not rows:
        return Node(f"level {level}: the models whose prices the paper's figure shows [prices]")
    row = rows[0]
    reached = (
        f"{row['benchmark']} {row['score']:.4g}"
        if row["score"] is not None
        else f"{row['level_scale']} {row['index_value']:.4g}"
    )
    return Node(
        f"level {level}: {reached} of {row['defined_by']} [capability_levels]",
        (Node(f"source: {row['source']} {row['source_url'] or ''}"),),
    )


def _curve(tables: Mapping[str, pl.DataFrame], row: Mapping[str, Any], landing_dir: Path) -> Node:
    """The changes of the cheapest price in the window, each with the row of the price book behind it."""
    key = {name: row[name] for name in ("level", "blend_input_share", "curve")}
    changes = tables["price_frontier"].filter(
        pl.col("usd_per_mtok").is_not_null(),
        pl.col("date").is_between(row["window_start"], row["window_end"]),
        **key,
    )
    return Node(
        f"{counted(changes.height, 'cheapest price')} from {row['window_start']} to {row['window_end']}, of "
        f"{counted(row['n_providers'], 'seller')} [price_frontier]",
        tuple(
            _change(tables["prices"], change, landing_dir)
            for change in changes.sort("date").to_dicts()
        ),
    )


def _change(prices: pl.DataFrame, change: Mapping[str, Any], landing_dir: Path) -> Node:
    said = (
        f"{change['date']}: {amount(change['usd_per_mtok'])} {UNIT}, {change['provider']} {change['model']} "
        f"({change['source']}, {change['basis']})"
    )
    share = change["blend_input_share"]
    blend = share * pl.col("input_usd_per_mtok") + (1 - share) * pl.col("output_usd_per_mtok")
    wanted = change["usd_per_mtok"]
    # Of an offer whose list states one price, that one counts.
    stated = pl.coalesce(blend, "input_usd_per_mtok", "output_usd_per_mtok")
    rows = prices.filter(
        (stated / wanted - 1).abs() <= SAME_PRICE,
        source=change["source"],
        provider=change["provider"],
        model=change["model"],
    )
    # The day of a record that came between two looks lies before the row's own first day.
    away = (pl.coalesce("valid_from", "observed_from") - pl.lit(change["date"])).abs()
    nearest = rows.sort(away, "observed_from", descending=[False, True]).head(1)
    return Node(
        said,
        tuple(
            _bytes(one["source"], one["snapshot_sha256"], one["observed_from"], landing_dir)
            for one in nearest.to_dicts()
        ),
    )


def _bytes(source: str, sha256: str, observed_from: date, landing_dir: Path) -> Node:
    return Node(f"raw bytes: sha256 {sha256}, {where(source, sha256, observed_from, landing_dir)}")
