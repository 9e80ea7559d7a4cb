"""Release dates, their basis and their window."""

from datetime import date
from typing import Any

import pytest

from densing_pipeline.hub.release_date import ReleaseDate, release_date

CREATED = {"createdAt": "2024-09-15T12:16:20.000Z", "lastModified": "2025-01-12T02:08:46.000Z"}
NONE = (None, None)


def test_a_bundled_date_wins_over_the_hub() -> None:
    found = release_date(CREATED, date(2024, 9, 19))
    assert found == ReleaseDate(
        date(2024, 9, 19), "announced", date(2024, 9, 19), date(2024, 9, 19)
    )
    assert release_date({}, date(2024, 9, 19)) == found


def test_creation_is_the_basis_without_a_bundled_date_and_has_a_window() -> None:
    found = release_date(CREATED, None)
    assert (found.date, found.basis) == (date(2024, 9, 15), "created_at")
    assert found.earliest == date(2023, 12, 24)
    assert found.latest == date(2024, 11, 7)


def test_the_window_holds_the_announcements_furthest_from_creation() -> None:
    # GPT-J was re-uploaded 266 days after its announcement, BLOOM 7B1 created 53 days before.
    late = release_date({"createdAt": "2022-03-03T00:00:00Z"}, None)
    assert late.earliest is not None
    assert late.earliest <= date(2021, 6, 10)
    early = release_date({"createdAt": "2022-05-19T00:00:00Z"}, None)
    assert early.latest is not None
    assert early.latest >= date(2022, 7, 11)


def test_the_day_counts_in_utc() -> None:
    found = release_date({"createdAt": "2024-09-15T23:30:00-05:00"}, None)
    assert found.date == date(2024, 9, 16)


def test_the_day_the_hub_gives_to_all_older_repositories_dates_nothing() -> None:
    found = release_date({"createdAt": "2022-03-02T23:29:04.000Z"}, None)
    assert (found.date, found.basis) == NONE
    assert found.latest == date(2022, 3, 2)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"createdAt": None},
        {"createdAt": 1726402580},
        {"createdAt": ["2024-09-15"]},
        {"createdAt": "yesterday"},
        {"createdAt": "1970-01-01T00:00:00.000Z"},
        {"createdAt": "0001-01-01T00:00:00+14:00"},
        {"createdAt": "2099-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z"},
        None,
        [],
    ],
)
def test_a_creation_day_that_cannot_be_gives_no_date(record: Any) -> None:
    found = release_date(record, None)
    assert (found.date, found.basis) == NONE
    assert found.earliest is None


@pytest.mark.parametrize(
    ("changed", "has_date"),
    [
        ("2024-09-15", True),
        ("2024-09-14", True),
        ("2024-09-03", True),
        ("2005-04-07", True),
        ("2004-09-15", False),
    ],
)
def test_a_repository_pushed_from_elsewhere_has_commits_older_than_itself(
    changed: str, has_date: bool
) -> None:
    record = {"createdAt": "2024-09-15T10:00:00Z", "lastModified": f"{changed}T23:00:00Z"}
    found = release_date(record, None)
    assert (found.date == date(2024, 9, 15)) == has_date
    assert found.basis == ("created_at" if has_date else None)


def test_a_day_after_the_hubs_first_is_a_day_of_creation() -> None:
    assert release_date({"createdAt": "2022-03-03T00:00:00Z"}, None).date == date(2022, 3, 3)
