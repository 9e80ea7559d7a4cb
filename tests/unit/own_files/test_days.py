"""Days in other forms, each column in one of them."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.own_files.days import read_days

MEANT = [date(2024, 5, 13), date(2025, 11, 2)]


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-05-13", "2025-11-02"],
        ["2024-05-13T10:00:00Z", "2025-11-02 00:00"],
        ["2024/05/13", "2025/11/02"],
        ["20240513", "20251102"],
        ["13.05.2024", "02.11.2025"],
        ["13.5.2024", "2.11.2025"],
        ["13.05.24", "02.11.25"],
        ["13/05/24", "02/11/25"],
        ["05/13/24", "11/02/25"],
        ["13-May-24", "2-Nov-25"],
        ["13/05/2024", "02/11/2025"],
        ["05/13/2024", "11/02/2025"],
        ["13 May 2024", "2 November 2025"],
        ["May 13, 2024", "Nov 2, 2025"],
    ],
)
def test_every_form_gives_the_same_days(cells):
    days, note = read_days(pl.Series(cells))
    assert (days.to_list(), note) == (MEANT, "")


def test_months_are_read_as_their_15th_and_that_is_said():
    for cells in (["2024-05", "2025-11"], ["May 2024", "Nov 2025"], ["May-24", "Nov-25"]):
        days, note = read_days(pl.Series(cells))
        assert days.to_list() == [date(2024, 5, 15), date(2025, 11, 15)]
        assert "15th" in note


def test_which_number_is_the_day_is_asked_if_no_cell_shows_it():
    cells = pl.Series(["03/04/2024", "05/06/2024"])
    days, note = read_days(cells)
    assert days.null_count() == 2
    assert "--dates day-first" in note
    assert read_days(cells, "day-first")[0][0] == date(2024, 4, 3)
    assert read_days(cells, "month-first")[0][0] == date(2024, 3, 4)


def test_a_day_of_another_century_is_none():
    days, _ = read_days(pl.Series(["2024-05-13", "2101-11-02", "1899-01-01"]))
    assert days.to_list() == [date(2024, 5, 13), None, None]


def test_days_in_another_form_than_the_others_are_not_guessed():
    days, _ = read_days(pl.Series(["2024-05-13", "2025-11-02", "03/04/2024"]))
    assert days.to_list() == [*MEANT, None]
