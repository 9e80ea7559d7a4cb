"""What it costs to do a task of fixed quality: levels, cheapest runs, and how fast they get cheaper.

Leaderboards that state what each run cost show what a price per token does not: newer models may write more
tokens. A level is the score of a named run of one board; a run reaches it with at least that score. The
cheapest run so far by date is a curve like that of prices, and its halving time is estimated by the same rules.

Not here: reading a board's own files (`task_files`), and the estimator (`halving`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from densing_pipeline.cost.halving import estimate_prices
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import TASK_COST_HALVING, TASK_COST_RECORDS, TASK_RUNS
from densing_pipeline.tables.width import with_width

FEWEST_BOARD_RUNS = 10
"""Fewest runs with a cost for which a board whose levels nobody chose is looked at."""


def task_runs(compiled: pl.DataFrame, benchmark_reports: pl.DataFrame) -> pl.DataFrame:
    """Runs of all boards whose rows may be published, as `TASK_RUNS`.

    Args:
        compiled: the facts `task_runs`.
        benchmark_reports: rows of `benchmark_reports`; those with a score, a date and a cost above zero count,
            as boards of their own, named with the source whose copy they are, because what the cost is of differs
            from the compiled one (`cost_name`). The date is the model's release, or else the day of the run.
    """
    current = benchmark_reports.filter(
        pl.col("observed_to").is_null(),
        pl.col("cost_usd") > 0,
        pl.any_horizontal(pl.col("release_date", "run_date").is_not_null()),
    )
    copied_by = {name: source.attribution for name, source in SOURCES.items()}
    polled = current.select(
        "organisation", "score", "std_error", "n_items", "cost_usd", "cost_name", "source",
        "source_url", "licence_basis",
        board=pl.format(
            "{}, {} ({})", "benchmark_name", "cost_name", pl.col("source").replace(copied_by)
        ),
        model=pl.coalesce("display_name", "model"),
        run_date=pl.coalesce("release_date", "run_date"),
        run_date_is=pl.when(pl.col("release_date").is_null())
        .then(pl.lit("run"))
        .otherwise(pl.lit("release")),
    )  # fmt: skip
    rows = pl.concat([TASK_RUNS.cast(compiled), TASK_RUNS.cast(polled)])
    # One run may stand there under several names of its model; the key tells which are the same.
    return TASK_RUNS.cast(rows.unique(TASK_RUNS.key, keep="first", maintain_order=True))


def task_levels(runs: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The levels of every board: those chosen by name, or else the leaders at the ends of years.

    Args:
        runs: rows of `task_runs`.
        named: the facts `task_levels`: board, level, model.

    Returns:
        board, level, model, level_score and `begin`, the date of that run; of several runs of one
        name the best. A named run that the board does not have gives no level.
    """
    chosen = named.select("board", "level", "model").join(runs, on=("board", "model"))
    boards = runs.filter(~pl.col("board").is_in(named["board"].to_list())).partition_by("board")
    leaders = [_leaders(board) for board in boards if board.height >= FEWEST_BOARD_RUNS]
    columns = ("board", "level", "model", "score", "run_date")
    return (
        pl.concat([chosen.select(columns), *(one.select(columns) for one in leaders)])
        .sort("score", "run_date", descending=[True, False])
        .unique(("board", "level"), keep="first", maintain_order=True)
        .rename({"score": "level_score", "run_date": "begin"})
        .sort("board", "level_score", "level")
    )


def _leaders(runs: pl.DataFrame) -> pl.DataFrame:
    """The best run by the end of each calendar year but the last, each once."""
    last = runs["run_date"].dt.year().max()
    years = runs["run_date"].dt.year().unique().sort()
    best = [
        runs.filter(pl.col("run_date").dt.year() <= year).sort(
            "score", "run_date", "model", descending=[True, False, False]
        ).head(1)
        for year in years
        if year < last
    ]  # fmt: skip
    found = pl.concat([runs.clear(), *best]).unique(maintain_order=True)
    return found.with_columns(level="model")


def task_cost_records(runs: pl.DataFrame, levels: pl.DataFrame) -> pl.DataFrame:
    """Each run that did the task of a level for less than any before, as `TASK_COST_RECORDS`.

    A level's curve begins on the day of the run that names it, with the cheapest run up to then. The fold of a
    record's cost is that of tokens per task times that of the price of a token, which here is the cost of a
    run by its output tokens, input included.

    Args:
        runs: rows of `task_runs`.
        levels: from `task_levels`.
    """
    records = [_records(level, _reaching(runs, level)) for level in levels.iter_rows(named=True)]
    return TASK_COST_RECORDS.cast(pl.concat([TASK_COST_RECORDS.empty(), *records]))


def _reaching(runs: pl.DataFrame, level: dict[str, Any]) -> pl.DataFrame:
    return runs.filter(
        pl.col("board") == level["board"],
        pl.col("score") >= level["level_score"],
        pl.col("cost_usd") > 0,
    )


def _records(level: dict[str, Any], reaching: pl.DataFrame) -> pl.DataFrame:
    """The records of one level, oldest first."""
    cost, tokens = pl.col("cost_usd"), pl.col("output_tokens")
    lows = (
        reaching.with_columns(
            run_date=pl.max_horizontal("run_date", pl.lit(level["begin"], pl.Date))
        )
        .sort("run_date", "cost_usd", "model")
        .filter((cost < cost.cum_min().shift()).fill_null(value=True))
        .unique("run_date", keep="first", maintain_order=True)
    )
    return lows.select(
        "board", "run_date", "model", "organisation", "score", "cost_usd", "cost_name",
        "output_tokens", "source", "source_url",
        level=pl.lit(level["level"]),
        cost_fold=cost.shift() / cost,
        tokens_fold=tokens.shift() / tokens,
        token_price_fold=(cost / tokens).shift() / (cost / tokens),
    ).select(TASK_COST_RECORDS.names)  # fmt: skip


def task_cost_halving(
    runs: pl.DataFrame, levels: pl.DataFrame, *, draws: int, seed: int
) -> pl.DataFrame:
    """How fast the cost of a task halves, by board and level, as `TASK_COST_HALVING`.

    Record events of the cheapest run, with the interval and the verdict of the public price estimate
    (`halving.estimate_prices`); which runs reach a level is taken for certain. An insufficient estimate keeps
    its number, as there.

    Args:
        runs: rows of `task_runs`.
        levels: from `task_levels`.
        draws: resamples behind each interval.
        seed: seed of the resampling.
    """
    rows = list(_estimates(runs, levels, draws, seed))
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else TASK_COST_HALVING.empty()
    return with_width(TASK_COST_HALVING, frame, "low", "high")


def with_bundled(estimates: pl.DataFrame, bundled: pl.DataFrame) -> pl.DataFrame:
    """The estimates with those bundled of boards whose runs may not be published, as `TASK_COST_HALVING`.

    Args:
        estimates: from `task_cost_halving`.
        bundled: the facts `task_cost_halving`.
    """
    others = with_width(TASK_COST_HALVING, bundled, "low", "high")
    return pl.concat([estimates, others])


def _estimates(
    runs: pl.DataFrame, levels: pl.DataFrame, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    for level in levels.iter_rows(named=True):
        board = runs.filter(pl.col("board") == level["board"])
        reaching = _reaching(runs, level)
        records = _records(level, reaching)
        if records.is_empty():
            continue
        first, last = records.row(0, named=True), records.row(-1, named=True)
        found = estimate_prices(
            records.select(
                date="run_date",
                usd_per_mtok="cost_usd",
                provider=pl.col("organisation").fill_null("unknown"),
            ),
            as_of=board["run_date"].max(),  # type: ignore[arg-type]
            draws=draws,
            seed=seed,
        )
        tokens = first["output_tokens"], last["output_tokens"]
        tokens_fold = tokens[0] / tokens[1] if all(tokens) else None
        cost_fold = first["cost_usd"] / last["cost_usd"]
        source = board.row(0, named=True)
        yield {
            "board": level["board"],
            "level": level["level"],
            "model": level["model"],
            "score": level["level_score"],
            "run_date_is": source["run_date_is"],
            "window_start": first["run_date"],
            "window_end": board["run_date"].max(),
            "record_date": last["run_date"],
            "n_runs": reaching.height,
            "n_changes": records.height - 1,
            "n_providers": records["organisation"].n_unique(),
            "fold": cost_fold,
            "tokens_fold": tokens_fold,
            "token_price_fold": cost_fold / tokens_fold if tokens_fold else None,
            **{name: found[name] for name in ("halving_months", "low", "high", "verdict", "draws")},
            "reason": str(found["reason"]).replace("providers", "makers"),
            "seed": seed,
            **{name: source[name] for name in ("source", "source_url", "licence_basis")},
        }


def derived(estimates: pl.DataFrame) -> pl.DataFrame:
    """The estimates as they may be published though the runs may not: numbers of our own, to six digits."""
    numbers = pl.col(pl.Float64).round_sig_figs(6)
    return estimates.drop("width", strict=False).with_columns(numbers, licence_basis=pl.lit("fact"))


def halving_rows(estimates: pl.DataFrame) -> list[list[str]]:
    """The estimates as texts, one row a level; the first row is the header."""
    head = ["board", "level", "halves every, months (95 %)", "fold", "of tokens", "of their price",
            "changes", "from", "last record", "verdict"]  # fmt: skip
    return [head] + [
        [
            row["board"],
            row["level"],
            _interval(row),
            f"{row['fold']:.1f}",
            *(_fold(row[name]) for name in ("tokens_fold", "token_price_fold")),
            str(row["n_changes"]),
            str(row["window_start"]),
            str(row["record_date"]),
            row["verdict"],
        ]
        for row in estimates.iter_rows(named=True)
    ]


def record_rows(records: pl.DataFrame) -> list[list[str]]:
    """The records as texts; the first row is the header."""
    head = ["board", "level", "date", "run", "USD", "tokens", "fold", "of tokens", "of their price"]
    return [head] + [
        [
            row["board"],
            row["level"],
            str(row["run_date"]),
            row["model"],
            f"{row['cost_usd']:.4g}",
            "" if row["output_tokens"] is None else f"{row['output_tokens']:,.0f}",
            *(_fold(row[name]) for name in ("cost_fold", "tokens_fold", "token_price_fold")),
        ]
        for row in records.iter_rows(named=True)
    ]


def _fold(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(row: dict[str, Any]) -> str:
    if row["halving_months"] is None:
        return "did not fall"
    if row["low"] is None:
        return f"{row['halving_months']:.1f}"
    high = "no upper end" if row["high"] is None else f"{row['high']:.1f}"
    return f"{row['halving_months']:.1f} ({row['low']:.1f} to {high})"
