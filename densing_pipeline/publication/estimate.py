"""A doubling or halving time with its interval, and how it reads.

Not here: how estimates are chosen (`answers`, `growth`), and how they are made (`trends`, `cost`).
"""

from dataclasses import dataclass
from datetime import date

from densing_pipeline.publication.wording import ends_text
from densing_pipeline.tables.dates import DAYS_PER_MONTH


@dataclass(frozen=True)
class Estimate:
    """A doubling or halving time.

    Attributes:
        series: score set (density) or capability level (price).
        verdict: `ok`, or why there is no estimate (`insufficient`, ...).
        months: doubling or halving time; None without an estimate.
        low: lower end of the 95 % interval, in months.
        high: upper end; None if the interval is open, that is, includes zero growth.
        reason: caveat of the estimate, or why there is none.
        n: models or record lows that the estimate is based on.
        until: day of the newest of them; None if there is none.
        growth: growth of ln density a year, where it is what is estimated.
        growth_low: lower end of its 95 % interval.
        growth_high: upper end.
    """

    series: str
    verdict: str
    months: float | None
    low: float | None
    high: float | None
    reason: str
    n: int = 0
    until: date | None = None
    growth: float | None = None
    growth_low: float | None = None
    growth_high: float | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether there is a time and its interval has an upper end; without one it says nothing of a pace of prices."""
        return self.months is not None and self.high is not None

    @property
    def ends(self) -> str:
        """The interval in months: `2.6 to 20.9`, `at least 2.6`; empty without one."""
        return ends_text(self.low, self.high, 1)

    @property
    def text(self) -> str:
        """The time in months with its interval: `4.4 months (2.6 to 20.9)`."""
        if self.months is None:
            return "no estimate"
        return f"{self.months:.1f} months" + (f" ({self.ends})" if self.ends else "")


def in_months(days: float | None) -> float | None:
    """A time in months; None stays None."""
    return None if days is None else days / DAYS_PER_MONTH
