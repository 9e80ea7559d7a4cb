"""llm-prices: a small list kept by hand, with past prices as half-open intervals.

Amounts are USD per million tokens. `from_date` is the first day of a price, `to_date` the day after its last.
"""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.genai_dated import UNDATED
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import GitHistory, Source
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import (
    PER_MILLION,
    UnreadableError,
    day,
    load_json,
    mapping,
    read_quote,
    shown,
    text,
    tokens,
)

NAME = "llm-prices"
AMOUNTS = ("input", "output", "input_cached")
_LONGER_THAN = re.compile(r"(?:[>≥]=?|\b(?:over|above))\s*(\d[\d_,.]*\s?[km]?)\b", re.IGNORECASE)


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """All prices, past and present.

    Args:
        content: the historical list.
        observed_on: day it was received; prices that start later are `future`, and an announced end
            closes nothing before its day.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    document = mapping(entries.load(content), "the list")
    listed = document.get("prices")
    if not isinstance(listed, list):
        raise SnapshotError(f"`prices` is no list but {shown(listed)}")
    for position, entry in enumerate(listed):
        key = text(entry.get("id")) if isinstance(entry, dict) else None
        vendor = text(entry.get("vendor")) if isinstance(entry, dict) else None
        if key is None or vendor is None:
            entries.quarantine(f"prices[{position}]", "id", entry, "an entry without id or vendor")
            continue
        with entries.entry(key):
            terms = read_terms(PER_MILLION, document, entry)
            if terms.problem:
                entries.leave_out(key, terms.problem)
                continue
            quote, is_priced = read_quote(entry, AMOUNTS, PER_MILLION)
            columns = terms.doubt(_columns(entry, observed_on))
            stated = {} if is_priced else {"reason": NO_PRICE}
            longer = _LONGER_THAN.search(text(entry.get("name")) or "")
            over = tokens("name", longer[1]) if longer else 0
            entries.add(vendor, key, quote, over=over, is_priced=is_priced, **(columns | stated))
    return entries.parsed()


def _columns(entry: dict[str, Any], observed_on: date) -> dict[str, Any]:
    """Dates of a price, and the basis, flag and reason that follow from them."""
    start, end = (_day(entry, name) for name in ("from_date", "to_date"))
    if start and end and end <= start:
        raise UnreadableError("to_date", end, f"a price that ends on {end}, before it starts")
    columns: dict[str, Any] = {
        "valid_from": start,
        "valid_to": end if end and end <= observed_on else None,
        "basis": "announced" if start else "undated",
    }
    last_known = columns["valid_to"] - timedelta(days=1) if columns["valid_to"] else observed_on
    columns |= {
        "valid_from_earliest": start,
        "valid_from_latest": start or min(observed_on, last_known),
    }
    if start and start > observed_on:
        columns |= {"valid_to": end, "flag": "future", "reason": "announced for a later day"}
    elif start is None and columns["valid_to"] is None:
        columns |= {"flag": "unconfirmed", "reason": UNDATED}
    return columns


def _day(entry: dict[str, Any], name: str) -> date | None:
    value = entry.get(name)
    found = day(value)
    if value is not None and found is None:
        raise UnreadableError(name, value, "a date is YYYY-MM-DD")
    return found


def from_vendor_files(files: Mapping[str, bytes]) -> bytes:
    """The historical list made of the files of its repository, one a vendor, as its site makes it.

    Args:
        files: content of the files by path. Amounts become text, so that they stay exact.

    Raises:
        SnapshotError: a file is not of that form.
    """
    prices = list[dict[str, Any]]()
    for path in sorted(files):
        if not path.endswith(".json"):
            continue
        vendor = load_json(files[path])
        try:
            prices += [
                {**price, "id": model["id"], "vendor": vendor["vendor"], "name": model["name"]}
                for model in vendor["models"]
                for price in model["price_history"]
            ]
        except (AttributeError, KeyError, TypeError) as error:
            raise SnapshotError(f"{path} is no file of a vendor: {error}") from error
    return json.dumps({"prices": prices}, default=str).encode()


SOURCE = Source(
    NAME,
    address_setting="llm_prices_url",
    parse=parse,
    git=GitHistory("llm_prices_git_url", ("data",), from_vendor_files),
)
