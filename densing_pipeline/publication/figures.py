"""Figures of a release: density and prices over time, sensitivity to choices, and forecasts.

They are drawn from published tables only, so they can be drawn again from any release.
"""

import base64
import io
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from densing_pipeline.headline import HEADLINE, HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES, days_old
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_MONTH
from densing_pipeline.text import figure_label
from densing_pipeline.trends.sensitivity import FACTORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Tables = Mapping[str, pl.DataFrame]

INK = "#22313f"
PALETTE = (
    "#1f77b4", "#d1495b", "#2a9d8f", "#e9a03b", "#7b5ea7", "#6b705c",
    "#8ecae6", "#f4a6a0", "#95d5b2", "#ffd166", "#cdb4db", "#b7b7a4",
)  # fmt: skip
"""Six hues, dark and light; colours repeat after twelve series."""


def density_figure(tables: Tables) -> "Figure":
    """Capacity density over release date, with the headline trend line and the paper's.

    Shows the series of the headline estimate.
    """
    law = tables["densing_law"]
    headline = law.filter(pl.col("is_headline"))
    figure, axes = _canvas("Capacity density (effective / actual parameters)")
    series = headline.select("reference_id", "score_set", "params_basis")
    points = (
        tables["densities"]
        .join(series, on=series.columns)
        .filter(pl.col("density").is_not_null())
        .sort("release_date")
    )
    if points.is_empty():
        return _note(figure, axes, "no headline estimate")
    for colour, (name, of_family) in zip(
        _cycle(), points.group_by("family", maintain_order=True), strict=False
    ):
        axes.errorbar(
            of_family["release_date"].to_numpy(),
            of_family["density"].to_numpy(),
            yerr=_error_bars(of_family),
            fmt="o", ms=4.5, lw=0.7, color=colour, alpha=0.8,
            label=figure_label(name[0]),
        )  # fmt: skip
    lines = (
        law.join(series, on=series.columns)
        .filter(pl.col("window") == headline["window"][0], pl.col("slope_per_day").is_not_null())
        .filter(pl.col("is_headline") | (pl.col("estimator") == "paper"))
        .sort("is_headline", descending=True)
    )
    for row, style in zip(lines.to_dicts(), ("-", "--"), strict=False):
        label = f"{row['estimator']}: {doubling_text(row)}"
        _draw_line(axes, points["release_date"], row, style, label)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(_density_tick)
    newest, as_of = points["release_date"][-1], headline["as_of"][0]
    _title(axes, "Capacity density of the paper's models", _basis(points.height, newest, as_of))
    return _finish(figure, axes)


def density_today_figure(tables: Tables) -> "Figure":
    """Density on MMLU by total and by active parameters, of all models and of open weights alone.

    The series are those of the first answer; models without published weights are hollow.
    """
    from matplotlib.ticker import FuncFormatter

    law, points = tables["densing_law"], _current(tables["densities"])
    rows = _current(law).filter(
        pl.col("window") == CURRENT[2], pl.col("estimator") == CURRENT[3], pl.col("verdict") == "ok"
    )
    figure, first = _canvas("Capacity density (effective / actual parameters)")
    if points.is_empty():
        return _note(figure, first, "no densities on MMLU")
    figure.set_size_inches(11, 5)
    first.remove()
    panels = figure.subplots(1, len(CURRENT_BASES), sharey=True)
    for axes, (basis, words), colour in zip(panels, CURRENT_BASES.items(), PALETTE, strict=False):
        of_basis = points.filter(pl.col("params_basis") == basis).sort("release_date")
        is_closed = pl.col("weights").eq_missing("not-published")
        for models, face, label in (
            (of_basis.filter(~is_closed), colour, "open weights"),
            (of_basis.filter(is_closed), "none", "weights not published"),
        ):
            axes.plot(
                models["release_date"].to_numpy(), models["density"].to_numpy(), "o", ms=4,
                markerfacecolor=face, markeredgecolor=colour, alpha=0.6, lw=0, label=label,
            )  # fmt: skip
        estimates = rows.filter(pl.col("params_basis") == basis).sort("population").to_dicts()
        for row in estimates:
            is_open = row["population"] == "open-weights"
            _draw_line(
                axes, of_basis["release_date"], row, ":" if is_open else "-",
                f"{'open weights alone' if is_open else 'all'}: {_months_text(row)}",
            )  # fmt: skip
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter(FuncFormatter(_density_tick))
        axes.tick_params(axis="x", labelrotation=30)
        newest = of_basis["release_date"].max()
        as_of = estimates[0]["as_of"] if estimates else None
        basis_text = _basis(of_basis.height, newest, as_of) if isinstance(newest, date) else ""
        _title(axes, f"Density on MMLU, counting {words}", basis_text)
        _finish(figure, axes, legend="below")
    panels[0].set_ylabel("Capacity density (effective / actual parameters)", color=INK)
    return figure


def _current(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of the first answer's series in `densing_law` or `densities`."""
    of_series = frame.filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
    )
    return of_series.filter(pl.col("density") > 0) if "density" in frame.columns else of_series


def _draw_line(
    axes: "Axes", dates: pl.Series, row: Mapping[str, float], style: str, label: str
) -> None:
    """The trend line of an estimate over some release dates."""
    shown = np.array([dates.min(), dates.max()], "datetime64[D]")
    elapsed = (shown - np.datetime64(DAY_ZERO)).astype(float)
    height = np.exp(row["intercept"] + row["slope_per_day"] * elapsed)
    axes.plot(shown, height, style, color=INK, lw=1.6, label=label)


def _density_tick(value: float, _place: float | None = None) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _months_text(row: Mapping[str, float | None]) -> str:
    """A doubling time in months, with its interval."""
    days = (row["doubling_days"], row["doubling_days_low"], row["doubling_days_high"])
    value, low, high = (None if one is None else one / DAYS_PER_MONTH for one in days)
    if value is None:
        return "no growth"
    return f"doubles every {interval_text(value, low, high, 'months', 1)}"


def price_figure(tables: Tables, blend_input_share: float = HEADLINE_BLEND) -> "Figure":
    """Cheapest price of each capability level over time: currently on offer, and the lowest so far."""
    frontier = tables["price_frontier"].filter(
        (pl.col("blend_input_share") == blend_input_share) | (pl.col("level") == NMI),
        pl.col("level_scale").ne_missing(
            "ECI"
        ),  # a second curve of each model would hide the first
    )
    figure, axes = _canvas(f"USD per million tokens ({blend_input_share:.0%} input)")
    if frontier.is_empty():
        return _note(figure, axes, "no prices")
    end = frontier["date"].max()
    levels = frontier["level"].unique(maintain_order=True)
    for colour, level in zip(_cycle(), levels, strict=False):
        for curve, style, alpha in (("cheapest_ever", "-", 1.0), ("cheapest_now", ":", 0.7)):
            steps = frontier.filter(pl.col("level") == level, pl.col("curve") == curve).sort("date")
            if steps.is_empty():
                continue
            # The paper's price points end with its window; the other levels continue to the newest
            # day.
            dates = [*steps["date"], steps["date"][-1] if level == NMI else end]
            prices = [float("nan") if p is None else p for p in steps["usd_per_mtok"]]
            axes.step(
                dates, [*prices, prices[-1]], where="post", ls=style, color=colour, alpha=alpha,
                lw=1.6, label=_level_label(level) if curve == "cheapest_ever" else None,
            )  # fmt: skip
    axes.set_yscale("log")
    lows = frontier.filter(pl.col("curve") == "cheapest_ever", pl.col("level") != NMI)
    last, newest = frontier["date"].sort()[-1], lows["date"].max()
    _title(
        axes,
        "Cheapest API price of a capability level (solid: ever; dotted: on offer now)",
        _basis(lows.height, newest, last, "record low") if isinstance(newest, date) else "",
    )
    return _finish(figure, axes)


def index_figure(tables: Tables, blend_input_share: float = HEADLINE_BLEND) -> "Figure":
    """The price index with its interval; months with too few models are not drawn."""
    index = tables["price_index"].filter(
        pl.col("blend_input_share") == blend_input_share, pl.col("verdict") == "ok"
    )
    figure, axes = _canvas(f"Index, {blend_input_share:.0%} input")
    if index.is_empty():
        return _note(figure, axes, "too few models with a score and a price in every month")
    months = index["month"].to_numpy()
    axes.fill_between(
        months, index["low"].to_numpy(), index["high"].to_numpy(), color=PALETTE[0], alpha=0.2, lw=0
    )
    axes.plot(months, index["index"].to_numpy(), color=PALETTE[0], lw=1.6)
    axes.set_yscale("log")
    last = index.sort("month").row(-1, named=True)
    _title(
        axes,
        "API price at equal quality (hedonic index)",
        f"{counted(last['n_offers'], 'offer')} in the last month, {last['month']:%Y-%m}",
    )
    return _finish(figure, axes)


def sensitivity_figure(tables: Tables) -> "Figure":
    """Doubling times in days under every combination of choices, grouped by choice.

    A line spans the 5 % to 95 % quantiles of the combinations with that choice, the dot is their
    median; the vertical line is the headline, the band its 95 % interval.
    """
    figure, axes = _canvas("")
    figure.set_size_inches(9, 9)
    ok = tables["sensitivity"].filter(
        pl.col("verdict") == "ok", pl.col("doubling_days").is_not_null()
    )
    if ok.is_empty():
        return _note(figure, axes, "no combination carries an estimate")
    labels: list[str] = []
    for colour, (factor, columns) in zip(_cycle(), FACTORS.items(), strict=False):
        chosen = ok.group_by(columns).agg(
            low=pl.col("doubling_days").quantile(0.05),
            middle=pl.col("doubling_days").median(),
            high=pl.col("doubling_days").quantile(0.95),
        )
        for row in chosen.sort(columns, nulls_last=True).to_dicts():
            at = len(labels)
            axes.plot([row["low"], row["high"]], [at, at], color=colour, lw=2.5)
            axes.plot([row["middle"]], [at], "o", color=colour, ms=5)
            labels.append(f"{factor}: {_choice(row, columns)}")
    for row in ok.filter("is_headline").to_dicts():
        axes.axvline(row["doubling_days"], color=INK, lw=1.2)
        if row["doubling_days_low"] and row["doubling_days_high"]:
            axes.axvspan(
                row["doubling_days_low"], row["doubling_days_high"], color=INK, alpha=0.08, lw=0
            )
    axes.set_xscale("log")
    axes.set_xlabel("days until density doubles", color=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    _title(
        axes,
        "Doubling time by choice, over all other choices",
        f"{counted(ok.height, 'combination')} as of {ok['as_of'][0]}",
    )
    return _finish(figure, axes)


def forecast_figure(tables: Tables, months: int = 6) -> "Figure":
    """Density forecasts of the headline series, made `months` before, with the observed densities."""
    figure, axes = _canvas("Density of the densest model so far")
    made = (
        tables["forecasts"]
        .filter(
            pl.col("series") == "/".join(HEADLINE[:3]),
            pl.col("horizon_months") == months,
            pl.col("origin") == "backtest",
            pl.col("verdict") == "ok",
        )
        .sort("target_date")
    )
    if made.is_empty():
        return _note(figure, axes, "no forecasts")
    styles = {"trend": ("-", PALETTE[0]), "paper-constant": ("--", PALETTE[1]),
              "no-change": (":", PALETTE[5])}  # fmt: skip
    for method, (style, colour) in styles.items():
        drawn = made.filter(pl.col("method") == method)
        axes.plot(
            drawn["target_date"].to_numpy(), drawn["median"].to_numpy(), style, color=colour, lw=1.6,
            label=method,
        )  # fmt: skip
        if method == "trend":
            axes.fill_between(
                drawn["target_date"].to_numpy(), drawn["low"].to_numpy(),
                drawn["high"].to_numpy(), color=colour, alpha=0.15, lw=0, label="its 95 %",
            )  # fmt: skip
    came = made.select("target", "series", "made_on", "horizon_months", "method", "origin").join(
        tables["forecast_scores"].filter(pl.col("outcome").is_not_null()),
        on=["target", "series", "made_on", "horizon_months", "method", "origin"],
    )
    came = came.unique("target_date").sort("target_date")
    axes.plot(
        came["target_date"].to_numpy(),
        came["outcome"].to_numpy(),
        "o",
        color=INK,
        ms=4,
        label="came",
    )
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _title(
        axes,
        f"Forecasts made {months} months before",
        f"{counted(came.height, 'outcome')} to {came['target_date'][-1]}" if came.height else "",
    )
    return _finish(figure, axes)


FIGURES: dict[str, Callable[[Tables], bytes]] = {
    "density_today": lambda tables: render(density_today_figure(tables), "svg"),
    "density": lambda tables: render(density_figure(tables), "svg"),
    "price": lambda tables: render(price_figure(tables), "svg"),
    "price_index": lambda tables: render(index_figure(tables), "svg"),
    "sensitivity": lambda tables: render(sensitivity_figure(tables), "svg"),
    "forecasts": lambda tables: render(forecast_figure(tables), "svg"),
}
"""Figures of a release by file stem."""


def render(figure: "Figure", kind: str) -> bytes:
    """A figure as the bytes of an image; the same figure gives the same bytes."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "densing-pipeline"}):
        figure.savefig(
            buffer, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None
        )
    return buffer.getvalue()


def markdown_image(figure: "Figure") -> str:
    """A figure as markdown with the picture inside, as asset pages show it."""
    return f"![figure](data:image/png;base64,{base64.b64encode(render(figure, 'png')).decode()})"


def doubling_text(row: Mapping[str, float | None]) -> str:
    """A doubling time with its interval, in days."""
    return interval_text(
        row["doubling_days"], row["doubling_days_low"], row["doubling_days_high"], "days", 0
    )


def interval_text(
    value: float | None, low: float | None, high: float | None, unit: str, digits: int
) -> str:
    """An estimate with its interval; an open upper end reads `at least`."""
    if value is None:
        text = "no estimate" if low is None else f"at least {low:.{digits}f} {unit}"
        return text.strip()
    text = f"{value:.{digits}f} {unit}".strip()
    if low is not None and high is not None:
        return f"{text} ({low:.{digits}f} to {high:.{digits}f})"
    return f"{text} (at least {low:.{digits}f})" if low is not None else text


def _choice(row: Mapping[str, object], columns: tuple[str, ...]) -> str:
    """A choice in words."""
    if columns == ("reference_tokens",):
        return f"{float(str(row['reference_tokens'])) / 1e12:g}T tokens"
    if columns == ("family_cap",):
        return "none" if row["family_cap"] is None else f"{row['family_cap']} models"
    words = [str(row[column]) for column in columns if row[column] not in ("none", "one-law")]
    return " without ".join(words).replace("without mean-of-laws", "by benchmark")


def _level_label(level: str) -> str:
    return f"{NMI} (input price)" if level == NMI else level


def _error_bars(frame: pl.DataFrame) -> np.ndarray:
    """Distances from density to the ends of its interval, shape (2, n); an open end is not drawn."""
    density = frame["density"]
    return np.vstack(
        [
            (density - frame["density_low"]).fill_null(0).to_numpy(),
            (frame["density_high"] - density).fill_null(0).to_numpy(),
        ]
    )


def _canvas(ylabel: str) -> tuple["Figure", "Axes"]:
    # matplotlib's object interface instead of pyplot: no global state, no display, thread-safe.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_ylabel(ylabel, color=INK)
    return figure, axes


def _basis(count: int, newest: date, as_of: date | None, noun: str = "model") -> str:
    """What a figure rests on: `213 models to 2026-08-26`, with a warning if the newest is old."""
    text = f"{counted(count, noun)} to {newest}"
    age = days_old(newest, as_of)
    return text if age is None else f"{text}; warning: {age} days before the newest input"


def _title(axes: "Axes", title: str, basis: str) -> None:
    """The title of a figure, with what it rests on in a second line."""
    axes.set_title(f"{title}\n{basis}" if basis else title, loc="left", color=INK, fontsize=11)


def _finish(figure: "Figure", axes: "Axes", legend: str = "beside") -> "Figure":
    axes.grid(visible=True, which="major", color="#d9dee3", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        if legend == "below":
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), frameon=False, fontsize=8)
        else:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    return figure


def _note(figure: "Figure", axes: "Axes", text: str) -> "Figure":
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    return figure


def _cycle() -> list[str]:
    return list(PALETTE) * 8
