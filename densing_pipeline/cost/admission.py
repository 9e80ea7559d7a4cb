"""Prices that count for a level: offers at an ordinary price, and the days on which each was valid.

Not here: quality flags (`prices.book` sets them), and which models reach a level (`levels`).
"""

from datetime import date, timedelta

import numpy as np
import polars as pl

from densing_pipeline.prices.as_of import known, last_day
from densing_pipeline.prices.book import rejudged
from densing_pipeline.prices.comparison import OUT_OF_FRONTIER, known_from
from densing_pipeline.prices.confirmation import REVERSAL_DAYS
from densing_pipeline.prices.sources import openrouter, openrouter_promotions
from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray

PERSISTENCE_DAYS = 30
"""Days in a row for which an offer must cost a price or less to count at that price."""

MIN_LINK_CONFIDENCE = 0.9
"""Lowest confidence of a link with which an offer counts for a level."""

_PASSING_OFFERS = ("free", "promotional")
_PASSING_FLAGS = ("provisional", "slip")
"""Kinds of offer, and flags, of prices that do not end the price before them."""

OFFER = ("source", "provider", "model")
"""Columns that identify an offer."""

EPOCH = date(1970, 1, 1)


def on_sale(prices: pl.DataFrame, as_of: date, polls: pl.DataFrame | None = None) -> pl.DataFrame:
    """Standard prices by offer, each over the days it is known to have held up to `as_of`.

    Kept: standard offers at the base prompt length, as known on `as_of`, above zero, without a flag that
    bars them. A price ends on the day that the book says, or when the offer's next price begins, or on the day from
    which it is presumed (`prices.presumed`). What other lists say of OpenRouter's prices gives way to its own list. Days on which
    the offer had a provisional price, a slip, or for up to 14 days none or a promotion count at the price before
    (`_carried`). A correction counts as undated: when the price that it put right began to hold is not known.
    For a past `as_of`, later observations and the flags that rest on them are not used.

    Args:
        prices: rows of `prices`.
        as_of: the day.
        polls: rows of `price_polls`; see `prices.as_of.known`.

    Returns:
        source, provider, model, flag, basis, input_usd_per_mtok, output_usd_per_mtok and the
        half-open interval [start, end) in days since 1970; `earliest`, the first day on which the price can
        have begun, null if nothing is known; and `seen_to`, up to where it is known
        rather than presumed that the price held; sorted by offer and start.
    """
    if not prices.is_empty() and as_of < last_day(prices):
        prices = rejudged(known(prices, as_of, polls).collect())
    horizon = (as_of - EPOCH).days + 1
    has_flag = pl.col("flag").is_not_null()
    is_passing = pl.col("offer").is_in(_PASSING_OFFERS) | (
        has_flag & pl.col("flag").is_in(_PASSING_FLAGS)
    )
    is_sound = ~has_flag | ~pl.col("flag").is_in(OUT_OF_FRONTIER)
    is_standard = (
        (pl.col("offer") == "standard")
        & (pl.col("input_usd_per_mtok") > 0)
        & (pl.col("output_usd_per_mtok").is_null() | (pl.col("output_usd_per_mtok") > 0))
        & is_sound
    )
    start = known_from()
    # A price that one look alone found was seen on that day, however long the list was not read.
    is_seen_once = pl.col("basis").is_in(["first_observed", "undated"]) & (
        pl.col("last_seen") <= start
    )
    is_presumed = (pl.col("valid_to").is_null() & pl.col("last_seen").is_not_null()) | is_seen_once
    is_correction = pl.col("flag").eq_missing("correction")
    rows = prices.filter(
        pl.col("observed_to").is_null(),
        pl.col("context_over_tokens") == 0,
        is_standard | is_passing,
    ).select(
        *OFFER, "flag", "input_usd_per_mtok", "output_usd_per_mtok",
        basis=pl.when(is_correction).then(pl.lit("undated")).otherwise("basis"),
        start=start.to_physical(),
        earliest=_earliest(start, is_correction),
        end=pl.col("valid_to").to_physical().fill_null(horizon).clip(upper_bound=horizon),
        seen_to=pl.when(is_presumed).then(pl.col("last_seen").to_physical() + 1),
        presumed_from=pl.col("presumed_from").to_physical(),
        is_copied=openrouter_promotions.is_copied(prices),
        is_passing=is_passing.fill_null(value=False),
        is_brief=pl.col("offer") != "standard",
    )  # fmt: skip
    rows = _own_words(rows, prices)
    return (
        _carried(rows.sort(*OFFER, "start", "end"))
        .with_columns(
            end=pl.min_horizontal(
                "end", "presumed_from", pl.col("start").shift(-1).over(OFFER).fill_null(horizon)
            )
        )
        .drop("presumed_from")
        .with_columns(seen_to=pl.min_horizontal("seen_to", "end"))
        .filter(pl.col("start") < pl.col("end"))
    )


def _earliest(start: pl.Expr, is_correction: pl.Expr) -> pl.Expr:
    """First day on which a price can have begun: its own where the seller or a document dates it."""
    is_dated = pl.col("basis").is_in(["announced", "documented"])
    seen = pl.min_horizontal("valid_from_earliest", start)
    known = (
        pl.when(is_dated).then(start).when(pl.col("valid_from_earliest").is_not_null()).then(seen)
    )
    return pl.when(~is_correction).then(known).cast(pl.Date).to_physical()


def _own_words(rows: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """The rows without what lists say of OpenRouter's prices while its own list is known.

    Its list is complete: a copy of a price that it does not have (any more) is out of date. A copy from before its
    first known look counts until then; one that began after its last look counts.

    Args:
        rows: prices; `is_copied` marks copies.
        prices: rows of `prices` that they were made from.
    """
    own = prices.filter(source=openrouter.NAME)
    if own.is_empty():
        return rows.drop("is_copied")
    first, last = own["observed_from"].min(), own["last_seen"].max()
    is_before = pl.col("start") < pl.lit(first).to_physical()
    is_after = pl.col("start") > pl.lit(last).to_physical()
    until = pl.when("is_copied", is_before).then(pl.lit(first).to_physical())
    return (
        rows.filter(~pl.col("is_copied") | is_before | is_after)
        .with_columns(end=pl.min_horizontal("end", until))
        .drop("is_copied")
    )


def _carried(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with passing prices at the price that they follow; those that follow none are left out.

    One could buy at the price before, or less: while an offer is free nobody pays more, and a slip or
    a price that was seen once is not believed. A price that goes on beside a passing one stays as it is.

    Args:
        rows: prices by offer and start; `is_passing` marks passing ones, `is_brief` those that count
            for 14 days at most (free or promotional).
    """
    brief = pl.min_horizontal("end", pl.col("start") + REVERSAL_DAYS)
    before = pl.col("end").cum_max().shift(1).over(OFFER)
    rows = rows.with_columns(end=pl.when("is_brief").then(brief).otherwise("end")).filter(
        ~(pl.col("is_passing") & (before.is_null() | (pl.col("start") < before)))
    )
    is_new_spell = (pl.col("start") != before).fill_null(value=True)
    rows = rows.with_columns(spell=is_new_spell.cum_sum().over(OFFER)).with_row_index("row")
    source = pl.when(~pl.col("is_passing")).then("row").forward_fill().over(*OFFER, "spell")
    rows = rows.with_columns(row=source).drop_nulls("row")
    price = ("input_usd_per_mtok", "output_usd_per_mtok", "basis", "flag")
    prices = rows.filter(~pl.col("is_passing")).select("row", *price)
    return (
        rows.drop(price)
        .join(prices, on="row", how="left", maintain_order="left")
        .drop("row", "spell", "is_passing", "is_brief")
    )


def blended(offers: pl.DataFrame, input_share: float) -> pl.DataFrame:
    """The offers with `usd_per_mtok`, the price of a million tokens of which the share `input_share` is input.

    Offers without an output price have a blended price only at an input share of 1.
    """
    price = pl.col("input_usd_per_mtok")
    if input_share < 1:
        price = input_share * price + (1 - input_share) * pl.col("output_usd_per_mtok")
    return offers.with_columns(usd_per_mtok=price).drop_nulls("usd_per_mtok")


def persistent(offers: pl.DataFrame, days: int = PERSISTENCE_DAYS) -> pl.DataFrame:
    """The prices that held, each over the longest run on which the offer cost that or less.

    A price counts from the first day of its run, once the run has lasted `days`. So a dip of a week
    does not count, and does not interrupt the price around it; a price that falls again after a
    week still counts for that week, for one could buy at it (or less) all along; and a price that
    began less than `days` before the end of the data does not count yet. The price of a list that is
    no longer asked is presumed to hold, but not to have lasted.

    Args:
        offers: blended offers, sorted by offer and start, intervals of an offer disjoint.
        days: length a run must have.

    Returns:
        The rows whose run is long enough, with `run_start`, `run_end`, and the first days on which the run can have
        begun, `run_earliest`, and ended, `run_end_earliest`: where a dearer price followed, on the first day on which
        that one can have begun.
    """
    if offers.is_empty():
        return offers.with_columns(
            run_start="start", run_end="end", run_earliest="earliest", run_end_earliest="end"
        )
    is_new_run = offers.select(
        (pl.struct(OFFER) != pl.struct(OFFER).shift()) | (pl.col("start") != pl.col("end").shift())
    ).to_series().fill_null(value=True)  # fmt: skip
    first, last = _runs(offers["usd_per_mtok"].to_numpy(), is_new_run.to_numpy())
    starts, ends = offers["start"].to_numpy(), offers["end"].to_numpy()
    has_lasted = offers["seen_to"].to_numpy()[last] - starts[first] >= days
    followed = pl.when(~is_new_run.shift(-1, fill_value=True)).then(pl.col("earliest").shift(-1))
    end_earliest = offers.select(
        pl.max_horizontal("start", pl.min_horizontal(followed.fill_null(pl.col("end")), "end"))
    ).to_series()
    return offers.with_columns(
        run_start=pl.Series(starts[first]),
        run_end=pl.Series(ends[last]),
        run_earliest=offers["earliest"].gather(first),
        run_end_earliest=end_earliest.gather(last),
    ).filter(pl.Series(has_lasted))


def _runs(price: FloatArray, is_new_run: BoolArray) -> tuple[IntArray, IntArray]:
    """First and last row of the run around each row on which no price is higher than its own."""
    # An infinite price between unconnected stretches ends every run there.
    place = np.arange(len(price)) + np.cumsum(is_new_run)
    fenced = np.full(place[-1] + 2, np.inf)
    fenced[place] = price
    after = _next_higher(fenced)[place] - 1
    before = len(fenced) - _next_higher(fenced[::-1])[len(fenced) - 1 - place]
    row = np.zeros(len(fenced), dtype=np.intp)
    row[place] = np.arange(len(price))
    return row[before], row[after]


def _next_higher(price: FloatArray) -> IntArray:
    """Index of the first higher price after each; a row may jump to where its follower jumped."""
    target = np.minimum(np.arange(len(price)) + 1, len(price) - 1)
    while (unsettled := (price[target] <= price) & np.isfinite(price)).any():
        target = np.where(unsettled, target[target], target)
    return target


def to_date(day: int) -> date:
    """Days since 1970 as a date."""
    return EPOCH + timedelta(days=int(day))
