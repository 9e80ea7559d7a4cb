"""Where nobody looked, a price curve is cut out of its plateaus and hatched, and nowhere else."""

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.cost.records import UNWATCHED_DAYS
from densing_pipeline.publication.charts.style import HEIGHT, WIDTH
from densing_pipeline.publication.charts.unwatched import (
    HATCH_PIXELS,
    Box,
    Step,
    Stretch,
    as_lines,
    hatching,
    late_finds,
    pieces,
    unlisted,
)

START = date(2024, 1, 1)
LONG = UNWATCHED_DAYS + 1


def day(number: int) -> date:
    return START + timedelta(days=number)


def step(number: int, usd: float | None, *, unsure: int = 0) -> Step:
    return Step(day(number), day(number - unsure), usd)


def polls(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"seen_on": [day(one) for one in numbers]}, schema={"seen_on": pl.Date})


def test_a_stretch_is_unlisted_where_no_list_was_looked_at_for_longer_than_the_limit():
    looks = polls(0, UNWATCHED_DAYS, UNWATCHED_DAYS + LONG)
    assert unlisted(looks, day(0), day(UNWATCHED_DAYS + LONG + 3)) == [
        Stretch(day(UNWATCHED_DAYS), day(UNWATCHED_DAYS + LONG))
    ]
    assert unlisted(polls(), day(0), day(LONG)) == [Stretch(day(0), day(LONG))]


@pytest.mark.parametrize(("unsure", "is_late"), [(UNWATCHED_DAYS, False), (LONG, True)])
def test_a_change_is_found_late_if_it_may_have_happened_on_more_days_than_the_limit(
    unsure, is_late
):
    steps = [step(0, 4.0), step(100, 1.0, unsure=unsure)]
    cut = pieces(steps, [], day(150))
    assert bool(late_finds(steps)) is is_late
    assert [one.is_watched for one in cut] == ([True, False, True] if is_late else [True, True])
    if is_late:
        assert (cut[1].start, cut[1].end) == (day(100 - LONG), day(100))
        assert (cut[1].low, cut[1].usd, cut[1].high) == (1.0, 4.0, 4.0)


def test_a_rise_that_was_found_late_happened_after_the_change_before_it():
    steps = [step(0, 4.0), step(60, 1.0), step(100, 2.0, unsure=90)]
    (late,) = late_finds(steps)
    assert (late.stretch, late.before, late.usd) == (Stretch(day(60), day(100)), 1.0, 2.0)


def test_a_fall_that_was_found_late_may_have_come_before_other_falls_and_not_before_a_rise():
    falls = [step(0, 4.0), step(60, 2.0), step(100, 1.0, unsure=90)]
    assert late_finds(falls)[0].stretch == Stretch(day(10), day(100))
    after_rise = [step(0, 4.0), step(60, 5.0), step(100, 1.0, unsure=90)]
    assert late_finds(after_rise)[0].stretch == Stretch(day(60), day(100))


def test_no_line_is_drawn_while_nothing_is_on_offer():
    cut = pieces([step(0, 4.0), step(10, None), step(20, 3.0)], [], day(30))
    assert [(one.start, one.end) for one in cut] == [(day(0), day(10)), (day(20), day(30))]
    lines = as_lines(cut)
    assert lines.group_by("run").len().sort("run")["len"].to_list() == [2, 2]


def test_a_plateau_without_a_look_is_no_part_of_a_watched_line():
    cut = pieces([step(0, 4.0), step(200, 1.0)], [Stretch(day(50), day(120))], day(250))
    watched = as_lines(cut).filter("is_watched")
    spans = watched.group_by("run", maintain_order=True).agg(
        pl.col("day").min(), last=pl.col("day").max()
    )
    assert spans.rows() == [(0, day(0), day(50)), (2, day(120), day(250))]
    # The fall between two runs belongs to the one before it.
    assert as_lines(cut).filter(run=2)["usd"].to_list() == [4.0, 1.0, 1.0]


days = st.lists(st.integers(1, 900), min_size=1, max_size=8, unique=True).map(sorted)
prices = st.floats(0.01, 100)


@given(days, st.data())
def test_pieces_cover_the_curve_once_and_hold_its_price(numbers, data):
    steps = [step(0, data.draw(prices))] + [
        step(number, data.draw(prices), unsure=data.draw(st.integers(0, 400))) for number in numbers
    ]
    cut = pieces(steps, [Stretch(day(40), day(90))], day(1000))
    assert cut[0].start == steps[0].day
    assert cut[-1].end == day(1000)
    assert all(before.end == after.start for before, after in pairwise(cut))
    for one in cut:
        assert one.usd == max((s for s in steps if s.day <= one.start), key=lambda s: s.day).usd
        assert one.low <= one.usd <= one.high
        assert one.low == one.high or not one.is_watched


def test_hatching_fills_its_box_and_no_more():
    whole = Box(day(0), day(WIDTH), 1.0, 10.0)
    box = Box(day(100), day(200), 2.0, 5.0)
    drawn = hatching([box], whole)
    assert drawn["day"].min() >= box.start
    assert drawn["day_end"].max() <= box.end
    assert drawn["usd"].min() >= box.low * 0.999
    assert drawn["usd_end"].max() <= box.high * 1.001
    high = HEIGHT * 0.398  # the box's height in pixels: log10(5 / 2)
    assert drawn.height == pytest.approx((100 + high) / HATCH_PIXELS, abs=1)
    # The lines of two neighbouring boxes are those of the box that both make.
    halves = hatching([Box(day(100), day(150), 2.0, 5.0), Box(day(150), day(200), 2.0, 5.0)], whole)
    climbed = pl.col("usd_end").log().sum() - pl.col("usd").log().sum()
    assert halves.select(climbed).item() == pytest.approx(drawn.select(climbed).item(), rel=1e-3)


def test_a_box_without_height_has_no_hatching():
    assert hatching([Box(day(0), day(0), 2.0, 2.0)], Box(day(0), day(9), 1.0, 9.0)).is_empty()
