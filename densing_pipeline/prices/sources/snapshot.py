"""What a price list gives when it is read: quotes, entries that cannot be read, entries left out.

Amounts are `Decimal` from the text of the document; each reader declares their unit. Three states
are kept apart: null (no price stated), 0 (free) and -1 (no price of its own). Not here: any single
list's format (the modules beside this one), and prices over time (`prices.book`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from densing_pipeline.prices.offers import Quote, kind_by_name, label

PER_TOKEN = Decimal(1_000_000)
"""Factor to USD per million tokens for a list in USD per token."""

PER_MILLION = Decimal(1)
"""Factor for a list in USD per million tokens."""

SMALLEST_SHARE = 0.7
"""A list with fewer prices of some sort than this share of its predecessor's is not believed."""

OWN_KINDS = ("long_context", "batch", "flex", "priority", "peak", "off_peak")
"""Kinds of offer counted by themselves; free ones, promotions and aliases come and go."""

FEWEST_COUNTED = 20
"""Prices of a sort that must be there for their share to say anything, but for input and output."""

SMALLEST_READABLE = 0.5
"""A list of which less than this share can be read has changed its format."""

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
PRICES = tuple(f"{name}_usd_per_mtok" for name in Quote._fields)

QUARANTINED = pl.Schema(dict.fromkeys(("key", "column", "values", "reason"), pl.String))
LEFT_OUT = pl.Schema(dict.fromkeys(("key", "reason"), pl.String))

NO_PRICE = "-1: no price of its own"
NOTHING_STATED = "no price stated"

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_HALF_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""A surrogate without its other half, which JSON can write and no text can hold."""

_LONGEST = 60
"""Characters of a number, and of a value repeated in a message."""


class SnapshotError(ValueError):
    """A document as a whole is unusable; the last good one stays."""


class UnreadableError(ValueError):
    """One value of an entry cannot be read.

    Attributes:
        column: name of the value in the document.
        value: what stands there, shortened.
    """

    def __init__(self, column: str, value: object, reason: str) -> None:
        """Name the value."""
        super().__init__(reason)
        self.column = column
        self.value = shown(value)


@dataclass(frozen=True)
class ParsedSnapshot:
    """What one document says.

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
    def sizes(self) -> dict[str, int]:
        """Prices by sort; a renamed key empties one of them and leaves the others.

        Cached prices are not counted: real lists have dropped most of them for a month.
        """
        amounts = {name: self.quotes[f"{name}_usd_per_mtok"] for name in MAIN}
        kinds = dict(self.quotes.group_by("offer").len().iter_rows())
        return (
            {f"{name} prices": price.count() for name, price in amounts.items()}
            | {f"{name} prices above zero": int((p > 0).sum()) for name, p in amounts.items()}
            | {f"{kind} offers": kinds.get(kind, 0) for kind in OWN_KINDS}
        )


@dataclass
class Entries:
    """Collects what a reader finds in a document of one source."""

    source: str
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    _quarantined: list[tuple[str, str | None, str | None, str]] = field(default_factory=list)
    _left_out: list[tuple[str, str]] = field(default_factory=list)

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

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a row of `QUOTES`; a second price for the same offer is quarantined."""
        key = tuple(row.get(name) for name in QUOTE_KEY)
        prices = tuple(row.get(name) for name in PRICES)
        if key not in self._seen:
            self._seen[key] = prices
            self._rows.append(dict(row))
        elif self._seen[key] != prices:
            reason = f"a second {row['offer']} price for one offer"
            self.quarantine(row["model"], None, prices, reason)

    def quarantine(self, key: str, column: str | None, value: object, reason: str) -> None:
        """Keep an entry that cannot be read, with the reason."""
        self._quarantined.append((key, column, shown(value), reason))

    @contextmanager
    def entry(self, key: str) -> Iterator[None]:
        """Read one entry: whatever is wrong with it costs only itself."""
        try:
            yield
        except UnreadableError as error:
            self.quarantine(key, error.column or None, error.value, str(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.quarantine(key, None, None, f"cannot be read ({type(error).__name__}: {error})")

    def leave_out(self, key: str, reason: str) -> None:
        """Say of an entry that it is no price per token we can place."""
        self._left_out.append((key, reason))

    def parsed(self) -> ParsedSnapshot:
        """Everything found, in a fixed order.

        Raises:
            SnapshotError: fewer than half of the entries state a price that can be read; of a list that
                is not very short, an input price and an output price.
        """
        quotes = pl.DataFrame(self._rows, schema=QUOTES).sort(QUOTE_KEY, nulls_last=True)
        found = ParsedSnapshot(
            quotes,
            pl.DataFrame(self._quarantined, schema=QUARANTINED, orient="row")
            .unique()
            .sort(pl.all()),
            pl.DataFrame(self._left_out, schema=LEFT_OUT, orient="row").unique().sort(pl.all()),
        )
        entries = quotes.height + found.quarantined.height
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
        return found


def check_size(found: ParsedSnapshot, before: ParsedSnapshot | None) -> ParsedSnapshot:
    """The snapshot, unless it lost too many prices of some sort to be believed.

    Args:
        found: the snapshot.
        before: its predecessor, if there is one.

    Raises:
        SnapshotError: it has less than 70 % of the input, or output, prices of its predecessor, or of
            another sort of which that had a good number.
    """
    had, has = before.sizes if before else {}, found.sizes
    for sort, was in had.items():
        is_main = sort in (f"{name} prices" for name in MAIN)
        if (is_main or was >= FEWEST_COUNTED) and has[sort] < SMALLEST_SHARE * was:
            raise SnapshotError(
                f"{has[sort]} {sort}, {has[sort] / was:.0%} of the {was} before: below "
                f"{SMALLEST_SHARE:.0%}, so the list is taken for incomplete"
            )
    return found


def load_json(content: bytes) -> Any:
    """The document, with numbers as exact `Decimal`.

    Raises:
        SnapshotError: it is not JSON, or not all of it is there.
    """
    head = content[:200].lstrip().lower()
    if head.startswith(b"<"):
        raise SnapshotError("HTML or XML instead of JSON: an error page, or the address has moved")
    content = _HALF_CHARACTER.sub(rb"\\ufffd", content)
    try:
        return json.loads(content, parse_float=_number, parse_int=_number, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"not JSON, or cut short ({error}); {len(content)} bytes") from error


def _number(written: str) -> Decimal | str:
    """A number of the document; its text if no decimal can hold it, which its own entry answers for."""
    try:
        return Decimal(written)
    except ArithmeticError:
        return written


def mapping(document: Any, what: str) -> Mapping[str, Any]:
    """The document, if it is a JSON object.

    Raises:
        SnapshotError: it is something else.
    """
    if not isinstance(document, dict):
        raise SnapshotError(f"{what} is no JSON object but {shown(document)}")
    return document


def read_quote(
    prices: Mapping[str, Any], names: tuple[str, str, str], unit: Decimal
) -> tuple[Quote, bool]:
    """Input, output and cache-read price of an entry.

    Args:
        prices: the entry.
        names: names of the three amounts in it; an absent one is a null.
        unit: `PER_TOKEN` or `PER_MILLION`, as the list declares.

    Returns:
        The quote, and whether it is priced: false if input or output is -1.

    Raises:
        UnreadableError: an amount is no number, not finite, or negative but for -1.
    """
    amounts = [amount(name, prices.get(name)) for name in names]
    quote = Quote(*(None if a is None or a < 0 else a * unit for a in amounts))
    return quote, not any(a is not None and a < 0 for a in amounts[:2])


def amount(column: str, value: object) -> Decimal | None:
    """An amount as the document states it; -1 stays -1.

    Raises:
        UnreadableError: it is no number, not finite, or negative but for -1.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST or not _NUMBER.fullmatch(value.strip()):
            raise UnreadableError(column, value, "a price is a decimal number")
        value = _number(value.strip())
        if isinstance(value, str):
            raise UnreadableError(column, value, "no price has this magnitude")
    if not isinstance(value, Decimal):
        raise UnreadableError(column, value, "a price is a decimal number")
    if not value.is_finite():
        raise UnreadableError(column, value, "a price is a finite number")
    if value < 0 and value != -1:
        raise UnreadableError(column, value, "a price is not negative (only -1, for none)")
    if value and not -15 <= value.adjusted() <= 12:
        raise UnreadableError(column, value, "no price has this magnitude")
    return value


def whole(column: str, value: object) -> int:
    """A count of tokens.

    Raises:
        UnreadableError: it is no whole number, or negative.
    """
    if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**12 and value % 1 == 0:
        return int(value)
    raise UnreadableError(column, value, "a number of tokens is a whole number")


def text(value: object) -> str | None:
    """A text that says something, else None."""
    return value.strip() or None if isinstance(value, str) else None


def day(value: object) -> date | None:
    """The day of a date or instant as text; None if it is none between 2018 and 2097.

    Lists write a date far in the future for none.
    """
    try:
        found = date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and 2018 <= found.year <= 2097 else None


def shown(value: object) -> str | None:
    """A value as messages repeat it."""
    if value is None:
        return None
    full = str(value)
    return full if len(full) <= _LONGEST else full[: _LONGEST - 3] + "..."


def _floats(quote: Quote) -> dict[str, float | None]:
    return {
        name: None if price is None else float(price)
        for name, price in zip(PRICES, quote, strict=True)
    }
