"""Days as people write them; the one form that reads a whole column.

Not here: which column holds days (`roles`).
"""

from typing import Literal

import polars as pl

Order = Literal["day-first", "month-first"]

FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d %B %Y", "%d-%B-%Y", "%B %d, %Y",
    "%B %d %Y", "%d.%m.%y", "%d-%B-%y",
)  # fmt: skip
DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%m-%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%B %Y", "%B-%y")
"""Forms without a day; the middle of the month is meant, its 15th."""

EARLIEST_YEAR, LATEST_YEAR = 1900, 2100


def read_days(cells: pl.Series, order: Order | None = None) -> tuple[pl.Series, str]:
    """The days of a column, null where the form of most of its cells does not read one.

    Args:
        cells: the cells.
        order: which number of 03/04/2024 is the day, where the column does not show it.

    Returns:
        The days, and a note: empty, or what was assumed. If the order of day and month is not shown, no
        days and the question.
    """
    text = cells.str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "${1}")
    read = {form: _read(text, form) for form in (*FORMS, *DAY_FIRST, *MONTH_FIRST, *MONTHS)}
    best = max(read, key=lambda form: read[form].count())
    days = read[best]
    if best not in DAY_FIRST and best not in MONTH_FIRST:
        note = "months without a day are read as their 15th" if best in MONTHS else ""
        return days, note if days.count() else ""
    at = (DAY_FIRST if best in DAY_FIRST else MONTH_FIRST).index(best)
    by_order = {"day-first": read[DAY_FIRST[at]], "month-first": read[MONTH_FIRST[at]]}
    if order:
        return by_order[order], ""
    if by_order["day-first"].count() == by_order["month-first"].count() and not by_order[
        "day-first"
    ].equals(by_order["month-first"]):
        return pl.Series(cells.name, [None] * len(cells), pl.Date), (
            f"{text[0]!r} may be day or month first: say --dates day-first or --dates month-first"
        )
    return days, ""


def _read(text: pl.Series, form: str) -> pl.Series:
    if form in MONTHS:
        text, form = text + " 15", f"{form} %d"
    days = text.str.to_date(form, strict=False)
    # By %Y a year of two digits is one of the first century.
    return days.set(~days.dt.year().is_between(EARLIEST_YEAR, LATEST_YEAR), None)
