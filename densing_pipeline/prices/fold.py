"""Add one snapshot of a price list to the history of that list.

A list states prices, but rarely the day from which they are valid. Each snapshot is compared with the open
rows of the history, and rows are added only for what changed, in valid time and in observed time: a price
that was replaced keeps its row (with `observed_to`) and gets a second row with its `valid_to`.

Not here: where rows are kept (`store`), and what a change means for an offer (`confirmation`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import polars as pl

from densing_pipeline.prices.confirmation import REVERSAL_DAYS, Look, Offer, Row, Step, step
from densing_pipeline.prices.sources import own_lists, partial_lists
from densing_pipeline.prices.sources.snapshot import PRICE_COLUMNS
from densing_pipeline.tables.published import PRICES

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
        "phase": pl.String,
        "missed_on": pl.Date,
    }
)
"""Open rows: the columns of `prices`, the dates and flag that the list itself stated, the day the
offer first appeared (empty if the first snapshot had it already), and of `confirmation.Offer` the field that
holds the row (`phase`) and the first look that did not find it."""

_SWITCHING = ("free", "promotional")

_MODEL = IDENTITY.index("model")


@dataclass(frozen=True)
class Counts:
    """Numbers of prices by kind of change in one or more snapshots.

    Attributes:
        listed: prices the newest snapshot states.
        added: prices of offers that were not there before, or came back.
        changed: prices replaced by another that was seen on two days.
        corrected: of these, replaced because the earlier one may have been wrong.
        slips: prices that the list took back within the days of a reversal.
        restated: rows whose dates or remarks were changed, or that were taken back or seen again.
        absent: prices that stood and that the newest snapshot does not list.
        doubled: prices stated twice in one snapshot, of which the first counts.
    """

    listed: int = 0
    added: int = 0
    changed: int = 0
    corrected: int = 0
    slips: int = 0
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
    state: Open,
    quotes: pl.DataFrame,
    *,
    source: str,
    observed_on: date,
    snapshot_sha256: str,
    last_look: date | None = None,
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
        last_look: day of the last look that counts, where looks since are not believed
            (`history.unbelieved_since`): what this snapshot found first may have begun on the day after it.

    Returns:
        Open rows, and rows that no later snapshot will touch: those superseded (`observed_to` is
        this day) and those that came to an end (`valid_to`, known from this day on).

    Raises:
        ValueError: the snapshot is not later than the one before.
    """
    if state.last_day is not None and observed_on <= state.last_day:
        raise ValueError(f"{source}: {observed_on} is not after {state.last_day}, already folded")
    listed, doubled = _as_open_rows(quotes, source, observed_on, snapshot_sha256)
    is_partial = source in partial_lists()
    met = _met(listed, state.rows, observed_on, is_partial=is_partial)
    quiet = met.filter("is_quiet")
    kept = state.rows.join(
        quiet.select(*IDENTITY, "is_listed"), on=IDENTITY, nulls_equal=True
    ).with_columns(
        last_seen=pl.when(pl.col("is_listed") & (pl.col("phase") == "standing"))
        .then(pl.lit(observed_on))
        .otherwise("last_seen")
    )
    touched = met.filter(~pl.col("is_quiet")).select(IDENTITY)
    told, known = _rows_of(listed, touched), _rows_of(state.rows, touched)
    offers = set(listed.select(OFFER_KEY).iter_rows()) if known else set()
    looked = _last_look(state, last_look, is_partial=is_partial)
    is_own = source in own_lists()
    steps = [
        step(
            Offer(**{row["phase"]: row for row in known.get(identity, ())}),
            told[identity][0] if identity in told else None,
            Look(observed_on, looked(identity[_MODEL]), is_own),
            is_redated=identity not in told and identity[: len(OFFER_KEY)] in offers,
        )
        for identity in {**told, **known}
    ]
    opened = [
        row | {"phase": phase}
        for found in steps
        for phase, row in vars(found.offer).items()
        if row is not None
    ]
    closed = [row for found in steps for row in found.closed]
    still = pl.concat([kept.select(OPEN_SCHEMA.names()), _frame(opened)])
    return Folded(
        Open(still.sort(*IDENTITY, "phase", nulls_last=True, maintain_order=True), observed_on),
        _frame(closed).select(PRICES.names).sort(PRICES.key, nulls_last=True, maintain_order=True),
        _counts(steps, listed.height, doubled),
    )


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
        phase=pl.lit(None, pl.String),
        missed_on=pl.lit(None, pl.Date),
    ).with_columns(stated_flag="flag")
    taken = (pl.col("offer") == "standard").any().over(OFFER_KEY)
    rows = rows.with_columns(
        kind=pl.when(pl.col("offer").is_in(_SWITCHING) & taken).then("offer").otherwise("kind")
    )
    once = rows.select(OPEN_SCHEMA.names()).unique(IDENTITY, keep="first", maintain_order=True)
    return once, rows.height - once.height


def _last_look(
    state: Open, believed: date | None, *, is_partial: bool
) -> Callable[[str], date | None]:
    """Gives the day of the last look at a model: a partial list is asked for others every night.

    Args:
        state: the open rows before.
        believed: day of the last look that counts, where later ones do not.
        is_partial: whether the list is asked for a part of its models.
    """
    if not is_partial:
        return lambda model: believed or state.last_day
    newest = state.rows.group_by("model").agg(pl.col("last_seen").max())
    return dict(newest.iter_rows()).get


def _met(listed: pl.DataFrame, known: pl.DataFrame, day: date, *, is_partial: bool) -> pl.DataFrame:
    """Every price that is listed or known, and whether nothing but `last_seen` changes for it (`is_quiet`).

    Nothing changes for a standing price that the list still has, for the trace of an offer that is gone,
    and for models that a partial list was not asked for.
    """
    compared = (*CONTENT, "hub_id")
    is_standing = pl.col("phase") == "standing"
    standing = known.filter(is_standing).select(
        *IDENTITY, *compared, "missed_on", is_standing=pl.lit(value=True)
    )
    others = (
        known.filter(~is_standing)
        .group_by(IDENTITY)
        .agg(
            is_provisional=(pl.col("phase") == "provisional").any(),
            left_on=pl.col("missed_on").filter(pl.col("phase") == "left").first(),
        )
        .with_columns(is_other=pl.lit(value=True))
    )
    met = (
        listed.select(*IDENTITY, *compared, is_listed=pl.lit(value=True))
        .join(standing, on=IDENTITY, how="full", nulls_equal=True, coalesce=True, suffix="_old")
        .join(others, on=IDENTITY, how="full", nulls_equal=True, coalesce=True)
        .with_columns(pl.col("is_listed", "is_standing", "is_provisional").fill_null(value=False))
    )
    is_same = pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_old")) for n in CONTENT)
    is_same_hub = pl.col("hub_id").is_null() | pl.col("hub_id").eq_missing(pl.col("hub_id_old"))
    is_due = pl.col("left_on") < day - timedelta(days=REVERSAL_DAYS)
    goes_on = (
        pl.col("is_listed") & pl.col("is_standing") & is_same & is_same_hub
        & pl.col("missed_on").is_null() & ~is_due.fill_null(value=False)
    )  # fmt: skip
    is_trace = ~pl.col("is_listed") & ~pl.col("is_standing") & ~pl.col("is_provisional")
    is_asked = pl.col("model").is_in(listed["model"].unique().implode())
    is_quiet = goes_on | is_trace | (~is_asked if is_partial else pl.lit(value=False))
    return met.select(*IDENTITY, "is_listed", is_quiet=is_quiet)


def _rows_of(rows: pl.DataFrame, touched: pl.DataFrame) -> dict[tuple[Any, ...], list[Row]]:
    """The rows of some prices as dictionaries, by identity."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows.join(touched, on=IDENTITY, how="semi", nulls_equal=True).iter_rows(named=True):
        found.setdefault(tuple(row[name] for name in IDENTITY), []).append(row)
    return found


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=OPEN_SCHEMA, orient="row")


def _counts(steps: list[Step], listed: int, doubled: int) -> Counts:
    found = Counter(made.kind for made in steps)
    return Counts(
        listed=listed,
        added=found["first"] + found["new"],
        changed=found["changed"] + found["corrected"],
        corrected=found["corrected"],
        slips=found["slip"],
        restated=found["restated"] + found["seen"],
        absent=found["absent"],
        doubled=doubled,
    )
