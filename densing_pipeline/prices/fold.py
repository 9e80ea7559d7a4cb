"""Add one snapshot of a price list to the history of that list.

A list states prices, but rarely the day from which they are valid. Each snapshot is compared with the open
rows of the history, and rows are added only for what changed, in valid time and in observed time: a price
that was replaced keeps its row (with `observed_to`) and gets a second row with its `valid_to`.

Not here: where rows are kept (`store`), and which changes are corrections (`corrections`).
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta

import polars as pl

from densing_pipeline.prices import corrections
from densing_pipeline.prices.sources import partial_lists
from densing_pipeline.prices.sources.snapshot import PRICE_COLUMNS
from densing_pipeline.tables.published import PRICES

LONGEST_ABSENCE_DAYS = 7
"""Longest absence, in days, that does not interrupt the validity of an unchanged price."""

OFFER_KEY = ("provider", "model", "kind", "context_over_tokens", "quantisation")
"""Columns that identify one offer; becoming free or promotional does not change them."""

IDENTITY = (*OFFER_KEY, "stated_from")
"""Columns that identify one price of an offer; a list that dates its prices states several per offer."""

CONTENT = ("offer", *PRICE_COLUMNS, "currency", "stated_to", "stated_flag")
"""Columns that are compared between snapshots; a difference is a change of the price or of its terms."""

OPEN_SCHEMA = pl.Schema(
    PRICES.polars_schema
    | {
        "kind": pl.String,
        "stated_from": pl.Date,
        "stated_to": pl.Date,
        "stated_flag": pl.String,
        "first_seen": pl.Date,
    }
)
"""Open rows: the columns of `prices`, the dates and flag that the list itself stated, and the day the
offer first appeared (empty if the first snapshot had it already)."""

RETIRED = "unconfirmed"
"""Flag of an offer from the day on which its list calls it retired; earlier rows keep their flag."""

ENDING = ("changed", "doubtful", "tenfold_rise", "back", "switched")
"""Kinds of change that end the validity of the open row and open another."""

_SWITCHING = ("free", "promotional")


@dataclass(frozen=True)
class Counts:
    """Numbers of rows by kind of change in one or more snapshots.

    Attributes:
        listed: prices the newest snapshot states.
        added: prices of offers that were not there before, or came back.
        changed: prices replaced by another.
        corrected: of these, replaced because the earlier one was wrong, or may have been.
        restated: rows whose dates or remarks were changed, or that were taken back or seen again
            after a look without them.
        absent: open rows the newest snapshot no longer lists.
        doubled: prices stated twice in one snapshot, of which the first counts.
    """

    listed: int = 0
    added: int = 0
    changed: int = 0
    corrected: int = 0
    restated: int = 0
    absent: int = 0
    doubled: int = 0

    def plus(self, later: "Counts") -> "Counts":
        """The counts of both: changes are added, `listed` and `absent` are those of the later one."""
        state = ("listed", "absent")
        return Counts(
            **{
                f.name: getattr(later, f.name)
                + (0 if f.name in state else int(getattr(self, f.name)))
                for f in fields(self)
            }
        )


@dataclass(frozen=True)
class Open:
    """The open rows of a list, which its next snapshot is compared with.

    Attributes:
        rows: open rows, with the columns of `OPEN_SCHEMA`.
        last_day: day of the newest snapshot; None before the first.
    """

    rows: pl.DataFrame
    last_day: date | None = None

    @classmethod
    def nothing(cls) -> "Open":
        """The state before the first snapshot."""
        return cls(OPEN_SCHEMA.to_frame())


@dataclass(frozen=True)
class Folded:
    """The open rows after a snapshot, the rows it closed, and the counts of its changes."""

    state: Open
    closed: pl.DataFrame
    counts: Counts


def fold(
    state: Open, quotes: pl.DataFrame, *, source: str, observed_on: date, snapshot_sha256: str
) -> Folded:
    """The history after one more snapshot.

    Args:
        state: the open rows before.
        quotes: the prices of the snapshot, with columns of `prices`; absent ones count as null. A
            quote without `valid_from` and `valid_to` says what holds now; others are taken at
            their word, on the day they begin at the earliest.
        source: name of the list.
        observed_on: day of the snapshot, later than that of the one before.
        snapshot_sha256: hash of its bytes.

    Returns:
        Open rows, and rows that no later snapshot will touch: those superseded (`observed_to` is
        this day) and those that came to an end (`valid_to`, known from this day on).

    Raises:
        ValueError: the snapshot is not later than the one before.
    """
    if state.last_day is not None and observed_on <= state.last_day:
        raise ValueError(f"{source}: {observed_on} is not after {state.last_day}, already folded")
    listed, doubled = _as_open_rows(quotes, source, observed_on, snapshot_sha256)
    met = (
        listed.with_columns(is_told=pl.lit(value=True))
        .join(
            state.rows.with_columns(was_open=pl.lit(value=True)),
            on=IDENTITY,
            how="full",
            nulls_equal=True,
            coalesce=True,
            suffix="_old",
        )
        .with_columns(pl.col("is_told", "was_open").fill_null(value=False))
    )
    listed_offers = (
        listed.select(OFFER_KEY).unique().with_columns(is_offer_listed=pl.lit(value=True))
    )
    met = met.join(listed_offers, on=OFFER_KEY, how="left", nulls_equal=True).with_columns(
        pl.col("is_offer_listed").fill_null(value=False)
    )
    last_told = pl.lit(state.last_day, pl.Date)
    if source in partial_lists():
        last_told = pl.col("last_seen_old").max().over("model")
    judged = _judged(met, last_told, source, observed_on)
    still, closed = _rows(judged, observed_on)
    return Folded(Open(still, observed_on), closed, _counts(judged, doubled))


def _as_open_rows(
    quotes: pl.DataFrame, source: str, day: date, sha256: str
) -> tuple[pl.DataFrame, int]:
    """The quotes of a snapshot as open rows, each identity once, and how many came twice."""
    schema = PRICES.polars_schema
    rows = quotes.select(
        (pl.col(name) if name in quotes.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
    rows = rows.with_columns(
        source=pl.lit(source),
        currency=pl.col("currency").fill_null("USD"),
        context_over_tokens=pl.col("context_over_tokens").fill_null(0),
        kind=pl.when(pl.col("offer").is_in(_SWITCHING)).then(pl.lit("standard")).otherwise("offer"),
        flag=pl.when(pl.col("flag").is_null() & (pl.col("valid_from") > day))
        .then(pl.lit("future"))
        .otherwise("flag"),
        observed_from=pl.lit(day),
        observed_to=pl.lit(None, pl.Date),
        snapshot_sha256=pl.lit(sha256),
        last_seen=pl.lit(day),
        stated_from="valid_from",
        stated_to="valid_to",
        first_seen=pl.lit(None, pl.Date),
    ).with_columns(stated_flag="flag")
    taken = (pl.col("offer") == "standard").any().over(OFFER_KEY)
    rows = rows.with_columns(
        kind=pl.when(pl.col("offer").is_in(_SWITCHING) & taken).then("offer").otherwise("kind")
    )
    once = rows.select(OPEN_SCHEMA.names()).unique(IDENTITY, keep="first", maintain_order=True)
    return once, rows.height - once.height


def _judged(met: pl.DataFrame, last_told: pl.Expr, source: str, day: date) -> pl.DataFrame:
    """Adds `change_kind` to each price, and the day `ended` to a price that ended.

    Args:
        met: listed and open rows, side by side.
        last_told: day of the last snapshot that covered the model; null if there was none.
        source: name of the list.
        day: day of the snapshot.
    """
    same = pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_old")) for n in CONTENT)
    same_but_flag = (
        pl.all_horizontal(
            pl.col(n).eq_missing(pl.col(f"{n}_old")) for n in CONTENT if n != "stated_flag"
        )
        & pl.col("stated_to").is_null()
    )
    may_switch = pl.all_horizontal(
        pl.col(n).is_null() | (pl.col(n) == RETIRED) for n in ("stated_flag", "stated_flag_old")
    )
    same_hub = pl.col("hub_id").is_null() | pl.col("hub_id").eq_missing(pl.col("hub_id_old"))
    same_price = pl.all_horizontal(
        pl.col(n).eq_missing(pl.col(f"{n}_old")) for n in ("offer", *PRICE_COLUMNS)
    )
    is_live = pl.col("stated_from").is_null() & pl.col("stated_to").is_null()
    was_live = pl.col("stated_from").is_null() & pl.col("stated_to_old").is_null()
    was_away = pl.col("last_seen_old") < last_told
    is_back = was_away & (
        pl.lit(day) - pl.col("last_seen_old") > timedelta(days=LONGEST_ABSENCE_DAYS)
    )
    both = pl.col("is_told") & pl.col("was_open")
    return met.with_columns(
        same_price=same_price,
        change_kind=pl.when(~pl.col("was_open"))
        .then(pl.when(last_told.is_null()).then(pl.lit("first")).otherwise(pl.lit("new")))
        .when(~pl.col("is_told") & pl.col("is_offer_listed"))
        .then(pl.lit("retracted"))
        .when(~pl.col("is_told"))
        .then(pl.lit("absent"))
        .when(both & same & is_live & is_back)
        .then(pl.lit("back"))
        .when(both & same & same_hub & was_away)
        .then(pl.lit("seen"))
        .when(both & same & same_hub)
        .then(pl.lit("same"))
        .when(same_but_flag & ~same & may_switch)
        .then(pl.lit("switched"))
        .when(is_live & was_live & ~same_price & corrections.is_error(source, day))
        .then(pl.lit("error"))
        .when(is_live & was_live & ~same_price & corrections.is_tenfold_rise())
        .then(pl.lit("tenfold_rise"))
        .when(is_live & was_live & ~same_price & corrections.is_doubtful())
        .then(pl.lit("doubtful"))
        .when(is_live & was_live & ~same_price)
        .then(pl.lit("changed"))
        .otherwise(pl.lit("restated")),
        ended=pl.when(was_away)
        .then(pl.col("last_seen_old") + timedelta(days=1))
        .otherwise(pl.lit(day)),
    )


def _rows(judged: pl.DataFrame, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows open after the snapshot, and those it closed."""
    old = [
        pl.col(name if name in IDENTITY else f"{name}_old").alias(name)
        for name in OPEN_SCHEMA.names()
    ]
    change_kind = pl.col("change_kind")
    kept = judged.filter(change_kind.is_in(["same", "absent"])).select(
        *(c for c in old if c.meta.output_name() != "last_seen"),
        last_seen=pl.when("is_told").then(pl.lit(day)).otherwise("last_seen_old"),
    )
    opened = _opened(judged.filter(~change_kind.is_in(["same", "absent", "retracted"])), day)
    ended = judged.filter(~change_kind.is_in(["same", "absent", "first", "new"]))
    superseded = ended.select(old).with_columns(observed_to=pl.lit(day))
    settled = ended.filter(change_kind.is_in(ENDING)).select(
        *(c for c in old if c.meta.output_name() not in ("valid_from", "valid_to")),
        valid_from=pl.coalesce("valid_from_old", "observed_from_old"),
        valid_to="ended",
    ).with_columns(observed_from=pl.lit(day))  # fmt: skip
    still = pl.concat([kept.select(OPEN_SCHEMA.names()), opened]).sort(
        IDENTITY, nulls_last=True, maintain_order=True
    )
    closed = pl.concat([superseded.select(PRICES.names), settled.select(PRICES.names)])
    return still, closed.sort(PRICES.key, nulls_last=True, maintain_order=True)


def _opened(listed: pl.DataFrame, day: date) -> pl.DataFrame:
    """The new open rows, with the start of their validity and its basis."""
    change_kind = pl.col("change_kind")
    is_live = pl.col("stated_from").is_null() & pl.col("stated_to").is_null()
    is_dated_here = (is_live & change_kind.is_in(["new", *ENDING])) | (change_kind == "switched")
    keeps_start = (is_live & change_kind.is_in(["error", "restated"])) | (change_kind == "seen")
    is_corrected = change_kind.is_in(["error", "doubtful", "tenfold_rise"])
    # What an earlier fold found out about a price holds as long as the price does.
    is_as_judged = (
        change_kind.is_in(["seen", "restated"])
        & pl.col("same_price")
        & pl.col("stated_flag").is_null()
        & pl.col("stated_flag_old").is_null()
    )
    remark = (
        pl.when(change_kind == "tenfold_rise")
        .then(pl.lit("suspect"))
        .otherwise(pl.lit("correction"))
    )
    return listed.with_columns(
        valid_from=pl.when(is_dated_here)
        .then(pl.lit(day))
        .when(keeps_start)
        .then(pl.coalesce("valid_from_old", "observed_from_old"))
        .otherwise("valid_from"),
        basis=pl.when(is_dated_here)
        .then(pl.lit("first_observed"))
        .when(keeps_start)
        .then("basis_old")
        .when(pl.col("stated_from").is_null())
        .then(pl.lit("undated"))
        .otherwise(pl.col("basis").fill_null("documented")),
        first_seen=pl.when(change_kind == "new").then(pl.lit(day)).otherwise("first_seen_old"),
        flag=pl.when(is_corrected & pl.col("flag").is_null())
        .then(remark)
        .when(is_as_judged)
        .then("flag_old")
        .otherwise("flag"),
        hub_id=pl.coalesce("hub_id", "hub_id_old"),
        reason=pl.when(is_corrected)
        .then(pl.concat_str("reason", corrections.reason(day), separator="; ", ignore_nulls=True))
        .when(is_as_judged)
        .then("reason_old")
        .otherwise("reason"),
    ).select(OPEN_SCHEMA.names())


def _counts(judged: pl.DataFrame, doubled: int) -> Counts:
    found = dict(judged.group_by("change_kind").len().iter_rows())
    corrected = sum(
        found.get(change_kind, 0) for change_kind in ("error", "doubtful", "tenfold_rise")
    )
    return Counts(
        listed=int(judged["is_told"].sum()),
        added=found.get("first", 0) + found.get("new", 0) + found.get("back", 0),
        changed=found.get("changed", 0) + corrected,
        corrected=corrected,
        restated=sum(
            found.get(change_kind, 0)
            for change_kind in ("restated", "retracted", "switched", "seen")
        ),
        absent=found.get("absent", 0),
        doubled=doubled,
    )
