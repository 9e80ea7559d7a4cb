"""The look of every chart, and what a chart is. Not here: what each chart shows."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import altair as alt
import polars as pl

from densing_pipeline.publication.answers import days_old
from densing_pipeline.publication.wording import counted

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"

INK, MUTED, RULE, PAPER = "#1f2933", "#5f6c7b", "#dde3e9", "#ffffff"
BLUE, ORANGE, GREEN, AMBER, PINK, SKY = (
    "#0072b2", "#d55e00", "#009e73", "#b37400", "#aa4499", "#3a8fc2",
)  # fmt: skip
"""Hues after Okabe and Ito (https://jfly.uni-koeln.de/color/), those too light for white paper darkened."""

SERIES = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)

ON_DARK = {
    INK: "#e6ebf0", MUTED: "#9fb0c0", RULE: "#323d49", PAPER: "#12171d",
    BLUE: "#56b4e9", ORANGE: "#ff8c42", GREEN: "#2fc49a", AMBER: "#e69f00", PINK: "#e08bd0", SKY: "#9ad1f5",
}  # fmt: skip
"""The colour that takes the place of each on a dark page."""

WIDTH, HEIGHT = 760, 380
"""Size in pixels of the pictures; on the page a chart is as wide as its column."""


@dataclass(frozen=True)
class Control:
    """A choice that the reader makes for a chart.

    Attributes:
        param: parameter of the chart that takes the value.
        column: column of the rows that the choice filters.
        label: name beside the list of choices.
        options: value and words of each choice, the default first.
    """

    param: str
    column: str
    label: str
    options: tuple[tuple[str, str], ...]

    @property
    def parameter(self) -> alt.Parameter:
        """The parameter with the default choice."""
        return alt.param(name=self.param, value=self.options[0][0])

    @property
    def filter(self) -> str:
        """Expression that keeps the rows of the choice; the value `all` keeps every row."""
        return f"{self.param} == 'all' || datum.{self.column} == {self.param}"


@dataclass(frozen=True)
class Search:
    """Words by which a reader looks for rows of a chart; a row is found if a column holds them, in any case.

    Attributes:
        param: parameter of the chart that takes the words.
        columns: columns of the rows that are searched.
        label: name beside the field.
    """

    param: str
    columns: tuple[str, ...]
    label: str

    @property
    def parameter(self) -> alt.Parameter:
        """The parameter, which looks for nothing."""
        return alt.param(name=self.param, value="")

    @property
    def is_empty(self) -> str:
        """Expression that tells whether nothing is looked for."""
        return f"{self.param} == ''"

    @property
    def finds(self) -> str:
        """Expression that tells whether a row is looked for and found."""
        held = [f"indexof(lower(datum.{name}), lower({self.param})) >= 0" for name in self.columns]
        return f"({self.param} != '' && ({' || '.join(held)}))"

    @property
    def keeps(self) -> str:
        """Expression that tells whether a row is found, or nothing is looked for."""
        return f"({self.is_empty} || {self.finds})"

    @property
    def leaves_out(self) -> str:
        """Expression that tells whether a row is not the one that is looked for."""
        return f"!{self.keeps}"


@dataclass(frozen=True)
class Figure:
    """A chart, the rows behind it, and its message in words.

    Attributes:
        name: file stem and address on the page.
        title: the message, a sentence.
        chart: the chart, which draws the data set `rows` and those of `more`; None if the release has
            nothing to show.
        rows: what is drawn, one row a point; also the table behind the chart.
        columns: heading in that table by column of `rows`; other columns are not shown.
        alt_text: the message and the numbers, for readers who do not see the chart.
        controls: choices that the reader makes.
        more: further data sets that the chart draws.
        missing: why there is no chart; empty if there is one.
        basis: what the chart rests on.
        search: by which words rows are looked for; None if they are not.
    """

    name: str
    title: str
    chart: alt.TopLevelMixin | None
    rows: pl.DataFrame
    columns: Mapping[str, str]
    alt_text: str
    controls: tuple[Control, ...] = ()
    more: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    missing: str = ""
    basis: str = ""
    search: Search | None = None

    def specification(self) -> dict[str, Any]:
        """The Vega-Lite specification without data and title, as wide as its place on the page.

        Raises:
            ValueError: the release has nothing to show.
        """
        return self._drawn | {
            "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding", "resize": True},
            "config": config(),
        }

    @cached_property
    def _drawn(self) -> dict[str, Any]:
        """What the chart says, for Altair takes long to write it."""
        if self.chart is None:
            raise ValueError(f"{self.name}: {self.missing}")
        # That they follow the schema is held by tests; to check it here takes most of the time.
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        return spec

    def datasets(self) -> dict[str, pl.DataFrame]:
        """The data that the chart draws by name, with dates as text."""
        return {
            name: frame.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"))
            for name, frame in {"rows": self.rows, **self.more}.items()
        }

    def picture_specification(self) -> dict[str, Any]:
        """The Vega-Lite specification of a picture: with its data, of fixed size, titled by its message.

        Raises:
            ValueError: the release has nothing to show.
        """
        title = {"text": wrapped(self.title)} | (
            {"subtitle": wrapped(self.basis, 110)} if self.basis else {}
        )
        return self.specification() | {
            "datasets": {name: frame.to_dicts() for name, frame in self.datasets().items()},
            "width": WIDTH,
            "autosize": {"type": "pad", "contains": "padding"},
            "padding": 16,
            "background": PAPER,
            "title": title,
        }


def rows_of(name: str = "rows") -> alt.Chart:
    """A chart of a data set that travels beside the specification."""
    return alt.Chart(alt.NamedData(name=name))


def rests_on(count: int, newest: date | None, as_of: date | None, noun: str = "model") -> str:
    """What a chart rests on: `213 models to 2026-08-26`, with a warning if the newest is old."""
    text = counted(count, noun) if newest is None else f"{counted(count, noun)} to {newest}"
    age = None if newest is None else days_old(newest, as_of)
    return text if age is None else f"{text}; warning: {age} days before the newest input"


def nothing(name: str, title: str, reason: str) -> Figure:
    """A figure that has nothing to show, with the reason."""
    return Figure(name, title, None, pl.DataFrame(), {}, reason, missing=reason)


NARROW = alt.param(name="narrow", value=False)
"""Whether the chart stands in a narrow column, where labels inside the plot are left out."""

FOCUS = alt.param(name="focus", value=-1)
"""Number of the row that a reader has gone to with the keyboard; -1 for none."""

NAME_LIMIT = 280
"""Longest name inside a plot in pixels; a longer one is cut."""

LABEL_HEIGHT = 15
"""Least distance in pixels between two labels at the end of curves."""

LABEL_LIMIT = 370
"""Longest label of a row in pixels; the page takes less in a narrow column."""


def filtered(chart: alt.Chart, controls: Iterable[Control]) -> alt.Chart:
    """A chart of the rows that the reader has chosen."""
    for control in controls:
        chart = chart.transform_filter(control.filter)
    return chart


def ring(shown: alt.Chart, x: alt.X, y: alt.Y) -> alt.Chart:
    """A ring around the row that a reader has gone to."""
    drawn: alt.Chart = (
        shown.transform_filter("datum.row == focus")
        .mark_point(size=170, color=ORANGE, strokeWidth=2.5, filled=False)
        .encode(x=x, y=y)
    )
    return drawn


def wrapped(text: str, width: int = 88) -> list[str]:
    """A title in lines of at most `width` characters."""
    return textwrap.wrap(text, width)


def config() -> dict[str, Any]:
    """The Vega-Lite configuration of every chart."""
    return {
        "font": FONT,
        "background": "transparent",
        "view": {"stroke": None},
        "title": {
            "anchor": "start", "color": INK, "fontSize": 15, "fontWeight": 600, "offset": 14,
            "subtitleColor": MUTED, "subtitleFontSize": 12, "subtitlePadding": 6,
        },
        "axis": {
            "labelColor": MUTED, "labelFontSize": 12, "titleColor": MUTED, "titleFontSize": 12,
            "titleFontWeight": "normal", "gridColor": RULE, "domainColor": RULE, "tickColor": RULE,
            "labelOverlap": True,
        },
        "axisX": {"grid": False, "ticks": True},
        "axisY": {"domain": False, "ticks": False, "titleAnchor": "end", "titleAngle": 0,
                  "titleAlign": "left", "titleY": -12, "titleX": -30},
        "legend": {"labelColor": INK, "labelFontSize": 12, "titleColor": MUTED, "orient": "top", "symbolType": "circle"},
        "text": {"color": INK, "fontSize": 12, "limit": NAME_LIMIT},
    }  # fmt: skip


BEFORE_COMMA = "split(datum.label, ', ')[0]"
"""The part of the name of a row that a narrow chart shows."""


def named_rows(column: str, short: str = "datum.label") -> alt.Y:
    """A row for every value of a column, in the order of the data, with its name at the left.

    Args:
        column: the column.
        short: the part of a name that a narrow chart shows, an expression of `datum.label`.
    """
    axis = alt.Axis(
        labelLimit=LABEL_LIMIT, ticks=False, domain=False, labelPadding=8,
        labelExpr=f"{NARROW.name} ? {short} : datum.label",
    )  # fmt: skip
    return alt.Y(f"{column}:N", sort=None, title=None, axis=axis)


def year_axis(title: str | None = None) -> alt.Axis:
    """A time axis with one tick a year, or more where there is room."""
    return alt.Axis(title=title, format="%Y", tickCount="year")


def doubling_axis(title: str, ticks: Sequence[float], **settings: Any) -> alt.Axis:
    """An axis of a quantity that doubles: 1/8, 1/4, 1/2, 1, 2; `settings` are those of `altair.Axis`."""
    return alt.Axis(
        title=title,
        values=list(ticks),
        **settings,
        labelExpr="datum.value >= 1 ? format(datum.value, ',~g') : '1/' + format(1 / datum.value, ',~g')",
    )


def price_axis(title: str, ticks: Sequence[float]) -> alt.Axis:
    """A logarithmic axis of prices: $10, $1, 10 c."""
    return alt.Axis(
        title=title,
        values=list(ticks),
        labelExpr="datum.value >= 1 ? '$' + format(datum.value, ',~g') : format(datum.value * 100, '~g') + ' c'",
    )


def powers_of_two(low: float, high: float, step: int = 1) -> list[float]:
    """Every `step`-th power of two from at most `low` to at least `high`, for ticks of a logarithmic axis."""
    first, last = (
        step * math.floor(math.log2(low) / step),
        step * math.ceil(math.log2(high) / step),
    )
    return [2.0**power for power in range(first, last + 1, step)]


def decades(low: float, high: float) -> list[float]:
    """The powers of ten from at most `low` to at least `high`; two at least, for an axis needs two ends."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def apart(places: Sequence[float], least: float) -> list[float]:
    """Places of labels moved so that no two are closer than `least`, in the order of the places given.

    Each label is moved as little as its neighbours allow; the middle of every crowded group stays.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[list[int]] = []
    centres: list[float] = []
    for index in order:
        groups.append([index])
        centres.append(places[index])
        while (
            len(groups) > 1
            and centres[-1] - centres[-2] < least * (len(groups[-1]) + len(groups[-2])) / 2
        ):
            merged = groups[-2] + groups[-1]
            groups[-2:] = [merged]
            centres[-2:] = [sum(places[one] for one in merged) / len(merged)]
    found = list(places)
    for group, centre in zip(groups, centres, strict=True):
        for rank, index in enumerate(group):
            found[index] = centre + (rank - (len(group) - 1) / 2) * least
    return found


def labels_apart(
    ends: pl.DataFrame, value: str, group: str, ticks: Sequence[float]
) -> pl.DataFrame:
    """The ends of curves on a logarithmic axis, moved where the labels of one group would lie on each other.

    Args:
        ends: a row for the end of each curve, in the order of the labels.
        value: column of the height of each end.
        group: column of the curves that are shown together.
        ticks: ticks of the axis, the first and the last at its ends.
    """
    least = LABEL_HEIGHT * math.log(ticks[-1] / ticks[0]) / HEIGHT
    parts = [ends.clear()]
    for _, shown in ends.group_by(group, maintain_order=True):
        heights = apart([math.log(one) for one in shown[value]], least)
        moved = pl.Series(value, [math.exp(one) for one in heights], dtype=pl.Float64)
        parts.append(shown.with_columns(moved))
    return pl.concat(parts)
