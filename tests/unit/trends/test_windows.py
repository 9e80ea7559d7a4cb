"""Windows are the same for every series."""

from datetime import date

from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.trends.windows import windows


def test_the_windows_of_a_day():
    found = windows(date(2021, 6, 9), date(2025, 4, 29), date(2025, 5, 1))
    assert [window.name for window in found] == [
        "all", "nmi-2025", "v2-2024", "2023", "2024", "2025", "last-24-months",
    ]  # fmt: skip
    assert found[0] == ("all", date(2021, 6, 9), date(2025, 5, 1))
    assert found[-1] == ("last-24-months", date(2023, 4, 30), date(2025, 4, 29))
    assert all(window.start <= window.end for window in found)


def test_day_zero_is_the_release_of_llama():
    assert days_since_zero(date(2023, 2, 24)) == 0
    assert days_since_zero(date(2025, 1, 23)) == 699
