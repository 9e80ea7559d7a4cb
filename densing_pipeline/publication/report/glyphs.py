"""Small drawings on the cards of the first screen, as SVG inside the page. They hold numbers only, no text of others."""

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 300, 58
"""Size in units of the drawing; a card stretches it to its width."""

UNIT = "doublings a year"
"""What the axis of an interval counts."""

MIDDLE = 16
"""Height of the bar of an interval, from the top."""


def interval(low: float, middle: float | None, high: float, ends: tuple[float, float]) -> str:
    """An interval of doublings a year on an axis that all cards share, with a mark at zero.

    Args:
        low: lower end.
        middle: the estimate; None if no pace is quoted.
        high: upper end.
        ends: ends of the axis.
    """

    def at(value: float) -> float:
        return round(WIDTH * (value - ends[0]) / (ends[1] - ends[0]), 1)

    marks = [
        f'<line class="glyph-rule" x1="{at(tick)}" x2="{at(tick)}" y1="{MIDDLE - 12}" y2="{MIDDLE + 12}"/>'
        f'<text class="glyph-word" x="{at(tick)}" y="{MIDDLE + 25}" text-anchor="middle">{tick:g}</text>'
        for tick in range(math.ceil(ends[0]), math.floor(ends[1]) + 1)
        if tick == 0 or (tick % 2 == 0 and at(tick) < WIDTH - 4)
    ]
    bar = f'<rect class="glyph-band" x="{at(low)}" y="{MIDDLE - 6}" width="{at(high) - at(low):.1f}" height="12"/>'
    dot = (
        ""
        if middle is None
        else f'<circle class="glyph-dot" cx="{at(middle)}" cy="{MIDDLE}" r="5"/>'
    )
    unit = f'<text class="glyph-word" x="{at(0)}" y="{HEIGHT - 3}" text-anchor="start" dx="-4">{UNIT}</text>'
    return _drawing("".join(marks) + bar + dot + unit)


def steps(days: Sequence[int], values: Sequence[float], end: int) -> str:
    """A curve that steps down, on a logarithmic axis.

    Args:
        days: days on which the values begin, ascending.
        values: the values, positive.
        end: last day.
    """
    span, logs = max(end - days[0], 1), [math.log(value) for value in values]
    depth = max(max(logs) - min(logs), 1e-9)
    x = [round(WIDTH * (day - days[0]) / span, 1) for day in days]
    y = [round(3 + (HEIGHT - 6) * (max(logs) - log) / depth, 1) for log in logs]
    path = f"M{x[0]},{y[0]}" + "".join(
        f"H{across}V{down}" for across, down in zip(x[1:], y[1:], strict=True)
    )
    return _drawing(f'<path class="glyph-line" d="{path}H{WIDTH}"/>')


def _drawing(content: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{content}</svg>'
