"""The content of a price list: quotes, entries that cannot be read, and entries that are left out.

Not here: single amounts (`values`), any single list's format (the modules beside this one), and prices
over time (`prices.book`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Concatenate, NamedTuple, ParamSpec

import polars as pl

from densing_pipeline.json_documents import Member, load_members
from densing_pipeline.polling.source import ShapeError, SnapshotError
from densing_pipeline.prices.offers import Quote, kind_by_name, label
from densing_pipeline.prices.sources.values import (
    UnreadableError,
    as_float,
    load_with_repeats,
    shown,
)
from densing_pipeline.text import LONGEST_NAME, UncleanTextError, clean, clean_name

SMALLEST_SHARE = 0.7
"""A list with less than this share of its predecessor's prices of one sort is rejected as incomplete."""

VARIANTS = ("long_context", "batch", "flex", "priority", "peak", "off_peak")
"""Kinds of offer beside the ordinary one. Lists add and drop them together; that says nothing of the others."""

FEWEST_COUNTED = 20
"""Fewest prices of a sort, other than input and output, for which the share is tested."""

FEWEST_OF_KIND = 5
"""Fewest offers of a kind whose loss is mentioned."""

SMALLEST_READABLE = 0.5
"""A list of which less than this share can be read is rejected: its format has changed."""

QUOTES = pl.Schema(
    {
        "source": pl.String,
        "provider": pl.String,
        "model": pl.String,
        "offer": pl.String,
        "context_over_tokens": pl.Int64,
        "input_usd_per_mtok": pl.Float64,
        "output_usd_per_mtok": pl.Float64,
        "cache_read_usd_per_mtok": pl.Float64,
        "quantisation": pl.String,
        "currency": pl.String,
        "valid_from": pl.Date,
        "valid_to": pl.Date,
        "valid_from_earliest": pl.Date,
        "valid_from_latest": pl.Date,
        "basis": pl.String,
        "flag": pl.String,
        "reason": pl.String,
        "source_url": pl.String,
        "hub_id": pl.String,
        "alias_of": pl.String,
        "expires_on": pl.Date,
    }
)
"""One row per offer. The columns of `prices` mean what they mean there; `hub_id` is the Hub
repository the list names, `alias_of` the model an alias stands for on that day, `expires_on` the
announced last day."""

QUOTE_KEY = ("provider", "model", "offer", "context_over_tokens", "valid_from")
"""What identifies an offer within one snapshot of one source."""

MAIN = Quote._fields[:2]
PRICE_COLUMNS = tuple(f"{name}_usd_per_mtok" for name in Quote._fields)
MAIN_PRICE_COLUMNS = PRICE_COLUMNS[:2]

NAMES = ("provider", "model")
"""Columns with names: cleaned, but never shortened, because two names could become equal."""

QUARANTINED = pl.Schema(dict.fromkeys(("key", "column", "values", "reason"), pl.String))
LEFT_OUT = pl.Schema(dict.fromkeys(("key", "reason"), pl.String))

NO_PRICE = "-1: no price of its own"
NOTHING_STATED = "no price stated"
STATED_AGAIN = "stated twice in one object; the first value counts"


@dataclass(frozen=True)
class ParsedSnapshot:
    """The content of one document.

    Attributes:
        quotes: one row per offer, `QUOTES`.
        quarantined: entries that cannot be read, with the offending column, value and reason.
        left_out: entries that are read but are no price per token, or no kind of offer we know.
    """

    quotes: pl.DataFrame
    quarantined: pl.DataFrame
    left_out: pl.DataFrame

    @property
    def rows(self) -> int:
        """Quotes that state a price; a size to compare snapshots by."""
        stated = pl.any_horizontal(
            pl.col("input_usd_per_mtok", "output_usd_per_mtok").is_not_null()
        )
        return self.quotes.filter(stated).height

    @property
    def rows_quarantined(self) -> int:
        """Entries that could not be read."""
        return self.quarantined.height

    @property
    def size(self) -> str:
        """The number of prices in words."""
        return f"{self.rows} prices"

    @property
    def remarks(self) -> list[str]:
        """How many entries were quarantined, with the first of them, and how many left out."""
        parts = []
        if self.quarantined.height:
            key, column, _, reason = self.quarantined.row(0)
            parts.append(
                f"{self.quarantined.height} quarantined (first: {key}, {column}: {reason})"
            )
        if self.left_out.height:
            parts.append(f"{self.left_out.height} left out, not priced per token of text")
        return parts

    @property
    def sizes(self) -> dict[str, int]:
        """Prices of ordinary offers by sort; a renamed key empties one of them and leaves the others.

        Cached prices and variants are not counted: real lists have dropped most of them for a month.
        """
        ordinary = self.quotes.filter(~pl.col("offer").is_in(VARIANTS))
        amounts = {name: ordinary[f"{name}_usd_per_mtok"] for name in MAIN}
        return {f"{name} prices": price.count() for name, price in amounts.items()} | {
            f"{name} prices above zero": int((p > 0).sum()) for name, p in amounts.items()
        }


Stated = ParamSpec("Stated")


class _Read(NamedTuple):
    """What one entry came to.

    Attributes:
        given: what the entry states.
        stated: the same as text (`repr`, which tells 1 from 1.0 and true).
        prices: key, prices and row of each offer.
        quarantined: as in `Entries`.
        left_out: as in `Entries`.
    """

    given: tuple[Any, ...]
    stated: str
    prices: list[tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]]
    quarantined: list[tuple[str, str | None, str | None, str]]
    left_out: list[tuple[str, str]]


_newest_read: dict[str, dict[str, _Read]] = {}
"""The entries of the newest document that was read, by source and key.

From one day to the next nearly all entries of a list stay as they are, and reading them takes nine tenths of the time.
"""

_newest_members: dict[str, dict[str, Member]] = {}
"""The members of the newest document that was read by `Entries.load_members`, by source."""

_PLAIN = (str, bool, type(None))
"""Types of values that are compared at once, where they are not the same object."""


@dataclass
class Entries:
    """Collects what a reader finds in a document of one source."""

    source: str
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    _read: dict[str, _Read] = field(default_factory=dict)
    _members: dict[str, Member] = field(default_factory=dict)
    _quarantined: list[tuple[str, str | None, str | None, str]] = field(default_factory=list)
    _left_out: list[tuple[str, str]] = field(default_factory=list)
    _again: list[tuple[str, str, str | None, str]] = field(default_factory=list)

    def load(self, content: bytes) -> Any:
        """The JSON document; a value that a key is given again, with another one before, is quarantined.

        Raises:
            SnapshotError: it is not JSON, or not all of it is there.
        """
        document, repeats = load_with_repeats(content)
        for where, key, value in repeats:
            named = (clean(where, LONGEST_NAME), clean(key, LONGEST_NAME))
            self._again.append((*named, shown(value), STATED_AGAIN))
        return document

    def load_members(self, content: bytes) -> Any:
        """The document as of `load`; of one object, members that stand in it as in the one before are the same objects.

        Raises:
            SnapshotError: it is not JSON, or not all of it is there.
        """
        try:
            found = load_members(content, Decimal, _newest_members.get(self.source, {}))
        except ValueError:
            found = None  # `load` says what is wrong
        if found is None:
            return self.load(content)
        self._members = found
        return {key: member.value for key, member in found.items()}

    def add(
        self,
        provider: str,
        model: str,
        quote: Quote,
        *,
        kind: str = "standard",
        over: int = 0,
        is_priced: bool = True,
        **columns: Any,
    ) -> None:
        """Add an offer.

        Args:
            provider: who sells it.
            model: name as the source writes it.
            quote: USD per million tokens.
            kind: kind of offer the list states.
            over: prompt length above which the price holds.
            is_priced: false where the list says that there is no price.
            **columns: further columns of `QUOTES`.
        """
        is_stated = quote.input is not None or quote.output is not None
        row = {
            "source": self.source,
            "provider": provider,
            "model": model,
            "offer": label(
                kind, kind_by_name(model), over, quote, is_priced=is_priced and is_stated
            ),
            "context_over_tokens": over,
            "currency": "USD",
            "basis": "first_observed",
            "reason": None if is_stated else NOTHING_STATED,
        } | columns
        self.add_row(row | _floats(quote))

    def add_row(self, given: Mapping[str, Any]) -> None:
        """Add a row of `QUOTES`; a second price for the same offer is quarantined.

        Raises:
            UnreadableError: the name of seller or model is illegible or too long.
        """
        row = {name: clean(v) if isinstance(v, str) else v for name, v in given.items()}
        row |= {name: _name(name, given[name]) for name in NAMES}
        key = tuple(row.get(name) for name in QUOTE_KEY)
        self._add_once(key, tuple(row.get(name) for name in PRICE_COLUMNS), row)

    def _add_once(self, key: tuple[Any, ...], prices: tuple[Any, ...], row: dict[str, Any]) -> None:
        if key not in self._seen:
            self._seen[key] = prices
            self._rows.append(row)
        elif self._seen[key] != prices:
            reason = f"a second {row['offer']} price for one offer"
            self.quarantine(row["model"], None, prices, reason)

    def quarantine(self, key: str, column: str | None, value: object, reason: str) -> None:
        """Keep an entry that cannot be read, with the reason."""
        what = column and clean(column, LONGEST_NAME)
        self._quarantined.append((clean(key, LONGEST_NAME), what, shown(value), clean(reason)))

    @contextmanager
    def entry(self, key: str) -> Iterator[None]:
        """Read one entry; an error in it quarantines this entry alone."""
        try:
            yield
        except UnreadableError as error:
            self.quarantine(key, error.column or None, error.value, str(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.quarantine(key, None, None, f"cannot be read ({type(error).__name__}: {error})")

    def leave_out(self, key: str, reason: str) -> None:
        """Record an entry that is read but is no price per token of a known kind of offer."""
        self._left_out.append((clean(key, LONGEST_NAME), clean(reason)))

    def read(
        self,
        key: str,
        reader: Callable[Concatenate["Entries", Stated], None],
        *stated: Stated.args,
        **more: Stated.kwargs,
    ) -> None:
        """Read one entry, or take over what it came to in the document read before if it states the same.

        Args:
            key: name of the entry in the document.
            reader: adds what it finds to the `Entries` it is given; it depends on nothing but its arguments. An
                error in it quarantines this entry alone.
            *stated: the entry, and whatever else `reader` needs.
            **more: the same by name.
        """
        found = _newest_read.get(self.source, {}).get(key)
        if found is None or more or not _is_given_again(found.given, stated):
            found = self._read_anew(key, found, reader, *stated, **more)
        self._read[key] = found
        for row in found.prices:
            self._add_once(*row)
        self._quarantined += found.quarantined
        self._left_out += found.left_out

    def _read_anew(
        self,
        key: str,
        before: _Read | None,
        reader: Callable[Concatenate["Entries", Stated], None],
        *stated: Stated.args,
        **more: Stated.kwargs,
    ) -> _Read:
        """What an entry came to before, if its text is the same, or what it comes to; see `read`."""
        written = repr((stated, more))
        if before is not None and before.stated == written:
            return before._replace(given=stated)
        own = Entries(self.source)
        with own.entry(key):
            reader(own, *stated, **more)
        prices = [(*seen, row) for seen, row in zip(own._seen.items(), own._rows, strict=True)]
        return _Read(stated, written, prices, own._quarantined, own._left_out)

    def parsed(self) -> ParsedSnapshot:
        """Everything found, in a fixed order.

        Raises:
            SnapshotError: fewer than half of the entries state a price that can be read; of a list that
                is not very short, an input price and an output price.
        """
        quotes = pl.DataFrame(self._rows, schema=QUOTES).sort(QUOTE_KEY, nulls_last=True)
        found = ParsedSnapshot(
            quotes,
            pl.DataFrame(self._quarantined + self._again, schema=QUARANTINED, orient="row")
            .unique()
            .sort(pl.all()),
            pl.DataFrame(self._left_out, schema=LEFT_OUT, orient="row").unique().sort(pl.all()),
        )
        # A key that is stated again loses no entry.
        entries = quotes.height + len({*self._quarantined})
        stated = {"a": found.rows}
        if entries >= FEWEST_COUNTED:
            stated |= {f"an {name}": quotes[f"{name}_usd_per_mtok"].count() for name in MAIN}
        for what, count in stated.items():
            if count <= SMALLEST_READABLE * entries:
                reasons = found.quarantined["reason"]
                raise SnapshotError(
                    f"only {count} of {entries} entries state {what} price that can be read (first: "
                    f"{reasons[0] if reasons.len() else NOTHING_STATED}): the format has changed, or "
                    "this is another document"
                )
        if self._read:
            _newest_read[self.source] = self._read
        if self._members:
            _newest_members[self.source] = self._members
        return found


def _is_given_again(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether all values are the same objects, or equal texts, truth values or nothing."""
    return len(before) == len(now) and all(
        a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)
        for a, b in zip(before, now, strict=True)
    )


def check_size(found: ParsedSnapshot, before: ParsedSnapshot) -> None:
    """Compare the numbers of prices with those of the list before.

    Args:
        found: the snapshot.
        before: its predecessor.

    Raises:
        ShapeError: it has less than 70 % of the input, or output, prices of its predecessor, or of
            another sort of which that had a good number.
    """
    has = found.sizes
    for sort, was in before.sizes.items():
        is_main = sort in (f"{name} prices" for name in MAIN)
        if (is_main or was >= FEWEST_COUNTED) and has[sort] < SMALLEST_SHARE * was:
            lost = "".join(f"; {remark}" for remark in lost_kinds(found, before))
            raise ShapeError(
                f"{has[sort]} {sort}, {has[sort] / was:.0%} of the {was} before: below "
                f"{SMALLEST_SHARE:.0%}, so the list is taken for incomplete{lost}"
            )


def lost_kinds(found: ParsedSnapshot, before: ParsedSnapshot) -> list[str]:
    """A remark on the kinds of offer of which less than 70 % are left, if there are any.

    Args:
        found: the snapshot.
        before: its predecessor.
    """
    has, had = (dict(list_.quotes["offer"].value_counts().iter_rows()) for list_ in (found, before))
    lost = [
        f"{kind} {has.get(kind, 0)} of {was}"
        for kind, was in sorted(had.items())
        if was >= FEWEST_OF_KIND and has.get(kind, 0) < SMALLEST_SHARE * was
    ]
    return [f"offers left by kind: {', '.join(lost)}"] if lost else []


def _name(column: str, value: str) -> str:
    try:
        return clean_name(value)
    except UncleanTextError as error:
        raise UnreadableError(column, value, str(error)) from error


def _floats(quote: Quote) -> dict[str, float | None]:
    return dict(zip(PRICE_COLUMNS, map(as_float, quote), strict=True))
