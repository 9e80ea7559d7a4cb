"""Counts with plurals, and lists, for sentences on screens and pages."""

import math
from collections.abc import Sequence


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: `1 month`, `2 months`, `1,200 rows`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence: `a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def percent(share: float, digits: int = 0) -> str:
    """A share in per cent: `75 %`."""
    return f"{100 * share:.{digits}f} %"


def ends_text(low: float | None, high: float | None, digits: int) -> str:
    """The ends of an interval: `2.6 to 20.9`, `at least 2.6` if it has no upper end; empty without a lower end."""
    if low is None:
        return ""
    if high is None:
        return f"at least {low:.{digits}f}"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def interval_text(
    value: float | None, low: float | None, high: float | None, unit: str, digits: int
) -> str:
    """An estimate with its interval: `4.4 months (2.6 to 20.9)`; without the estimate `at least 2.6 months`."""
    if value is None:
        text = "no estimate" if low is None else f"{ends_text(low, None, digits)} {unit}"
        return text.strip()
    text = f"{value:.{digits}f} {unit}".strip()
    ends = ends_text(low, high, digits)
    return f"{text} ({ends})" if ends else text


def two_digits(value: float) -> int:
    """A number of at least 1 with two significant digits: 38, 120."""
    digits = 1 - math.floor(math.log10(value))
    return round(round(value, digits))


def money(usd: float | None) -> str:
    """A price with two significant digits: `$38`, `$0.40`, `1.8 c`."""
    if usd is None:
        return "not on offer"
    usd *= 1 + 1e-9  # half a cent is rounded up, however it was computed
    if usd >= 10:
        return f"${two_digits(usd):,}"
    if usd >= 0.1:
        return f"${usd:.2f}"
    return f"{usd * 100:.2g} c"
