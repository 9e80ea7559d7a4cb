"""The time windows over which trends are estimated, the same for every series.

Not here: the estimates.
"""

from datetime import date, timedelta

from densing_pipeline import paper
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import DAY_ZERO, Window

RECENT_DAYS = 730
"""Length of the window of recent models, 24 months."""

SINCE_NAME, SINCE_START = "since-2023-02", date(2023, 2, 1)
"""Window of the models since the month of the paper's first one, whose older rivals are few."""


def windows(first: date, newest: date, as_of: date) -> tuple[Window, ...]:
    """All windows, in order.

    - `all`: from the first model to `as_of` (no table has a day before 2018).
    - `nmi-2025`, `v2-2024`: the dates of the models in the paper's two versions.
    - `2023`, `2024`, ...: calendar years up to that of `as_of`.
    - `last-24-months`: the 24 months up to the newest model.

    Args:
        first: release date of the first model of any series.
        newest: release date of the newest model of any series.
        as_of: last day that is known.
    """
    years = (
        Window(str(year), date(year, 1, 1), min(date(year, 12, 31), as_of))
        for year in range(DAY_ZERO.year, as_of.year + 1)
    )
    return (
        Window("all", max(first, EARLIEST), as_of),
        Window(paper.NMI, paper.FIRST_MODEL, paper.LAST_MODEL),
        Window("v2-2024", paper.FIRST_MODEL, paper.LAST_MODEL_OF_PREPRINT),
        *years,
        Window(
            "last-24-months",
            max(newest - timedelta(days=RECENT_DAYS), EARLIEST),
            max(newest, EARLIEST),
        ),
    )


def growth_windows(newest: date, as_of: date) -> tuple[Window, ...]:
    """The windows of growth pooled over benchmarks: all years, since 2023-02, and the last 24 months.

    Args:
        newest: release date of the newest model.
        as_of: last day that is known.
    """
    return (
        Window("all", EARLIEST, as_of),
        Window(SINCE_NAME, SINCE_START, as_of),
        Window("last-24-months", newest - timedelta(days=RECENT_DAYS), as_of),
    )
