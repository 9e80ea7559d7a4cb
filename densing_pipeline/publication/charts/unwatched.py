"""Stretches of a price curve in which nobody looked, and the hatching that marks them.

A price list is not looked at every day. Where it was not for over `UNWATCHED_DAYS`, the price before a change that was
found later may have ended on any of these days, so a chart must not draw it as a plateau.

Not here: the curves (`price`), and how such changes enter the estimates (`densing_pipeline.cost`).
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from densing_pipeline.cost.records import UNWATCHED_DAYS
from densing_pipeline.publication.charts.style import HEIGHT, WIDTH

HATCH_PIXELS = 9
"""Vertical distance in pixels between two lines of hatching."""


class Step(NamedTuple):
    """A price of a curve: its first known day, the earliest day on which it can have begun, and US dollars or None."""

    day: date
    earliest: date
    usd: float | None


class Stretch(NamedTuple):
    """Days from `start` to before `end`."""

    start: date
    end: date


@dataclass(frozen=True)
class Piece:
    """A part of a curve of which the same is known throughout.

    Attributes:
        start: first day.
        end: day after the last.
        usd: price that the curve has: the lowest that somebody saw.
        low: lowest price that it may have been.
        high: highest.
        is_watched: whether somebody looked; then all three prices are equal.
    """

    start: date
    end: date
    usd: float
    low: float
    high: float
    is_watched: bool


class LateFind(NamedTuple):
    """A change that was found late: the days on which it may have happened, and the prices around it."""

    stretch: Stretch
    before: float | None
    usd: float


class Box(NamedTuple):
    """A rectangle of a chart: days, and US dollars on a logarithmic axis."""

    start: date
    end: date
    low: float
    high: float


def unlisted(polls: pl.DataFrame, first: date, last: date) -> list[Stretch]:
    """Stretches of over `UNWATCHED_DAYS` without a look at any price list.

    Args:
        polls: a `price_polls` frame.
        first: first day of the chart.
        last: its last day.
    """
    looks = sorted({day for day in polls["seen_on"].to_list() if first < day < last})
    return [
        Stretch(*ends)
        for ends in pairwise([first, *looks, last])
        if (ends[1] - ends[0]).days > UNWATCHED_DAYS
    ]


def late_finds(steps: Sequence[Step]) -> list[LateFind]:
    """Changes of a curve that were found after over `UNWATCHED_DAYS` without a look.

    A rise happened after the change before it, and every change after all earlier rises.

    Args:
        steps: one curve, ascending.
    """
    found, risen = [], date.min
    for before, step in pairwise(steps):
        if step.usd is None:
            continue
        is_rise = before.usd is not None and step.usd > before.usd
        begin = max(step.earliest, steps[0].day, before.day if is_rise else risen)
        if (step.day - begin).days > UNWATCHED_DAYS:
            found.append(LateFind(Stretch(begin, step.day), before.usd, step.usd))
        if is_rise:
            risen = step.day
    return found


def pieces(steps: Sequence[Step], blind: Sequence[Stretch], end: date) -> list[Piece]:
    """A curve cut wherever its price, or what is known of it, changes; days without a price are left out.

    Args:
        steps: one curve, ascending.
        blind: stretches in which no list was looked at.
        end: last day of the chart.
    """
    late = late_finds(steps)
    ends = {step.day for step in steps} | {end}
    ends |= {day for stretch in [*blind, *(one.stretch for one in late)] for day in stretch}
    days = [step.day for step in steps]
    made = []
    for begin, stop in pairwise(sorted(day for day in ends if days[0] <= day <= end)):
        usd = steps[bisect_right(days, begin) - 1].usd
        if usd is None:
            continue
        others = [one.usd for one in late if one.stretch.start <= begin and stop <= one.stretch.end]
        is_blind = any(one.start <= begin and stop <= one.end for one in blind)
        prices, is_watched = [usd, *others], not others and not is_blind
        made.append(Piece(begin, stop, usd, min(prices), max(prices), is_watched))
    return made


def as_lines(cut: Sequence[Piece]) -> pl.DataFrame:
    """The pieces as points of lines that step: run, day, usd, is_watched; a line for each run of pieces alike.

    A run ends at the price that follows it, so that the fall between two runs is drawn.

    Args:
        cut: what `pieces` gives.
    """
    rows: list[tuple[int, date, float, bool]] = []
    run = 0
    for piece, after in zip(cut, [*cut[1:], None], strict=True):
        rows.append((run, piece.start, piece.usd, piece.is_watched))
        follows = after is not None and after.start == piece.end
        if after is None or not follows or after.is_watched != piece.is_watched:
            rows.append((run, piece.end, piece.usd, piece.is_watched))
            if after is not None and follows:
                rows.append((run, piece.end, after.usd, piece.is_watched))
            run += 1
    schema = {"run": pl.Int64, "day": pl.Date, "usd": pl.Float64, "is_watched": pl.Boolean}
    return pl.DataFrame(rows, schema, orient="row")


def hatching(boxes: Iterable[Box], whole: Box) -> pl.DataFrame:
    """Slanted lines that fill rectangles: day, usd, day_end, usd_end; lines of neighbouring rectangles meet.

    Args:
        boxes: the rectangles.
        whole: the rectangle of the chart, for the slope and the distance of the lines.
    """
    per_day = WIDTH / max((whole.end - whole.start).days, 1)
    per_log = HEIGHT / math.log(whole.high / whole.low)
    rows = []
    for box in boxes:
        left, right = ((day - whole.start).days * per_day for day in (box.start, box.end))
        bottom, top = (math.log(usd / whole.low) * per_log for usd in (box.low, box.high))
        first = math.ceil((bottom - right) / HATCH_PIXELS)
        last = math.floor((top - left) / HATCH_PIXELS)
        for offset in range(first, last + 1):
            up = offset * HATCH_PIXELS
            ends = max(left, bottom - up), min(right, top - up)
            (day, usd), (day_end, usd_end) = (
                (whole.start.toordinal() + x / per_day, whole.low * math.exp((x + up) / per_log))
                for x in ends
            )
            if ends[1] > ends[0]:
                rows.append((date.fromordinal(round(day)), usd, date.fromordinal(round(day_end)), usd_end))  # fmt: skip
    schema = {"day": pl.Date, "usd": pl.Float64, "day_end": pl.Date, "usd_end": pl.Float64}
    made = pl.DataFrame(rows, schema, orient="row")
    return made.with_columns(pl.col("usd", "usd_end").round_sig_figs(4))
