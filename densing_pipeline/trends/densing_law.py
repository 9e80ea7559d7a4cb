"""The `densing_law` table: growth rate of density, by every estimator over every window.

Not here: estimators (`estimators`), windows (`windows`), resampling (`stats.intervals`) and the
simulations of bias and coverage (`simulate`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.params_bases import PARAMS_BASES
from densing_pipeline.density.score_sets import ONE_BENCHMARK
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.dates import DAY_ZERO, Window, days_since_zero
from densing_pipeline.tables.published import DENSING_LAW
from densing_pipeline.tables.width import with_width
from densing_pipeline.trends.coverage_table import DENSING_LAW as BY_LAW
from densing_pipeline.trends.coverage_table import coverage_of
from densing_pipeline.trends.estimate import (
    Estimate,
    NoEstimateError,
    estimate,
    families_inside,
    monte_carlo_error,
)
from densing_pipeline.trends.estimators import TREND_ESTIMATORS
from densing_pipeline.trends.series import (
    Series,
    SeriesKey,
    doubling_days,
    from_frame,
    missing,
    open_end,
    told_doubling_days,
)
from densing_pipeline.trends.simulate import SIMULATIONS, Design, Simulation, simulated
from densing_pipeline.trends.windows import windows

POPULATIONS = ("all", "open-weights")
"""Over which models a trend is estimated; `densities` says of each whether its weights are published."""

SHORT = ("paper", "quantile-0.9", "ols-all")
"""Estimators of the rows beside the main series: of open weights, and of one benchmark."""

SHORT_BASES = ("total", "active")
"""Parameter bases of these rows: those whose answers differ."""

SHORT_WINDOWS = ("all", "last-24-months")
"""Windows of these rows."""

HEADLINE_TIMES = 20
"""Factor by which the headline has more resamples than other rows, to reduce its Monte Carlo
error."""

TRUSTED_COVERAGE = (0.92, 0.98)
"""Simulated coverage of a 95 % interval outside which a row gets a warning."""


def densing_law(
    densities: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
    laws: DrawnLaws | None = None,
    simulations: int = SIMULATIONS,
) -> pl.DataFrame:
    """Trend of ln density for every reference, score set, parameter basis, window and estimator.

    A series without enough data gets a row with verdict `insufficient` and the reason.

    Args:
        densities: a `densities` frame.
        as_of: last day that counts as known; models released later are left out.
        draws: bootstrap resamples behind each interval; the headline has twenty times as many.
        seed: seed of the resamples; every series starts from it, so a row does not depend on the
            other rows.
        laws: draws of the reference laws. Each resample uses one of them, so that intervals include
            the error of the law; without draws they include only that of the models.
        simulations: simulated frontiers behind the bias and coverage of each estimate.

    Returns:
        A `densing_law` frame with exactly one headline.
    """
    known = densities.filter(pl.col("release_date") <= as_of).sort("release_date", "model_id")
    dates = known["release_date"].to_list() or [min(DAY_ZERO, as_of), as_of]
    spans = windows(dates[0], dates[-1], as_of)
    pieces = [
        piece for key, models in _series(known) for piece in _pieces(key, models, spans, laws)
    ]
    found = parallel_map(partial(_rows, draws=draws, seed=seed), pieces)
    estimated = list(chain.from_iterable(found))
    asked = _asked((row["estimator"], design) for row, design in estimated if design)
    told = parallel_map(partial(_simulated, seed=seed, simulations=simulations), asked)
    by_design = dict(zip((one[:2] for one in asked), told, strict=True))
    rows = [
        row | _judged(row, design and by_design[row["estimator"], design]) | {"as_of": as_of}
        for row, design in estimated
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return with_width(DENSING_LAW, frame, "doubling_days_low", "doubling_days_high")


def _asked(wanted: Iterable[tuple[str, Design]]) -> list[tuple[str, Design, tuple[str, ...]]]:
    """The estimators to simulate at each design, each with the names of all of that design.

    Those of one design follow each other, for they share its simulated frontiers.
    """
    names = defaultdict(set)
    for name, design in wanted:
        names[design].add(name)
    return [
        (name, design, tuple(sorted(names[design])))
        for design in sorted(names)
        for name in sorted(names[design])
    ]


def _series(known: pl.DataFrame) -> Iterator[tuple[SeriesKey, pl.DataFrame]]:
    """Every series: each reference law and score set on every parameter basis, and the headline's."""
    pairs = {(row[0], row[1]) for row in known.select("reference_id", "score_set").unique().rows()}
    by_key = known.partition_by(
        "reference_id", "score_set", "params_basis", as_dict=True, maintain_order=True
    )
    for reference_id, score_set in sorted(pairs | {HEADLINE[:2]}):
        for basis in PARAMS_BASES:
            key = (reference_id, score_set, basis)
            yield key, by_key.get(key, known.clear())


def of_population(models: pl.DataFrame, population: str) -> pl.DataFrame:
    """The models of a population; all of a release that did not tell open weights apart."""
    if population == "all" or "weights" not in models.columns:
        return models
    return models.filter(pl.col("weights").ne_missing("not-published"))


class Piece(NamedTuple):
    """One series over one window.

    Attributes:
        key: the series.
        population: which models of it.
        history: its models up to the end of the window.
        window: the window.
        censored: models of the window whose score the law cannot invert.
        newest: newest model of the window that has a density, and its release date.
    """

    key: SeriesKey
    population: str
    history: Series
    window: Window
    censored: int
    newest: tuple[str, date] | None

    @property
    def is_short(self) -> bool:
        """Whether it is beside the main series and has few windows and estimators."""
        return _is_short(self.key, self.population)


def _is_short(key: SeriesKey, population: str) -> bool:
    return population != "all" or key[1] in ONE_BENCHMARK


def _pieces(
    key: SeriesKey, models: pl.DataFrame, spans: tuple[Window, ...], laws: DrawnLaws | None
) -> Iterator[Piece]:
    """One series over every window, and the open weights of the headline's law over two."""
    for population in POPULATIONS:
        is_open, is_short = population == "open-weights", _is_short(key, population)
        if is_short and (key[0] != HEADLINE[0] or key[2] not in SHORT_BASES):
            continue
        kept = of_population(models, population)
        if is_open and kept.height == models.height:
            continue
        series = from_frame(kept, (laws or {}).get(key[:2]))
        known = kept.filter(pl.col("density").is_not_null())
        censored = kept.filter(pl.col("density").is_null())["release_date"]
        for window in spans:
            if is_short and window.name not in SHORT_WINDOWS:
                continue
            history = series.kept(np.asarray(series.days <= days_since_zero(window.end)))
            inside = known.filter(pl.col("release_date").is_between(window.start, window.end))
            newest = inside.tail(1).select("model_id", "release_date").rows()
            left_out = int(censored.is_between(window.start, window.end).sum())
            yield Piece(key, population, history, window, left_out, newest[0] if newest else None)


def _rows(piece: Piece, draws: int, seed: int) -> list[tuple[dict[str, Any], Design | None]]:
    """The rows of one series and window, one per estimator, each with its design for simulation."""
    key, population, history, window, censored, newest = piece
    inside = history.kept(np.asarray(history.days >= days_since_zero(window.start)))
    lacking = missing(inside, censored)
    designs: dict[bool, Design] = {}
    rows: list[tuple[dict[str, Any], Design | None]] = []
    for name in SHORT if piece.is_short else TREND_ESTIMATORS:
        estimator = TREND_ESTIMATORS[name].beside(SHORT if piece.is_short else TREND_ESTIMATORS)
        is_headline = population == "all" and (*key, window.name, name) == HEADLINE
        suffix = () if population == "all" else (population,)
        resamples = draws * HEADLINE_TIMES if is_headline else draws
        row: dict[str, Any] = {
            "estimate_id": "/".join((*key, window.name, name, *suffix)),
            "reference_id": key[0],
            "score_set": key[1],
            "params_basis": key[2],
            "window": window.name,
            "window_start": window.start,
            "window_end": window.end,
            "estimator": name,
            "is_headline": is_headline,
            "n_models": inside.days.size,
            "n_clusters": len(set(inside.families)),
            "population": population,
            "newest_model": newest[0] if newest else None,
            "newest_release": newest[1] if newest else None,
            "draws": resamples,
            "seed": seed,
        }
        if lacking or not (estimator.every_window or window.name == "all"):
            reason = lacking or "a likelihood needs many models: estimated over window all only"
            rows.append((row | _insufficient(reason), None))
            continue
        used = history if estimator.uses_history else inside
        span = days_since_zero(window.start), days_since_zero(window.end)
        try:
            weights = cluster_weights(used.families, resamples, seed)
            found = estimate(estimator, used, span, weights)
        except NoEstimateError as error:
            rows.append((row | _insufficient(str(error), error.n_points), None))
            continue
        row |= _numbers(found, float(np.ptp(inside.days)))
        row["reason"] = f"{censored} censored models left out; {row['reason']}"
        if is_headline:
            laws, families = len(used.drawn), families_inside(used, span)
            noise = monte_carlo_error(found.lines.slope, laws, families)
            row |= dict(
                zip(("slope_low_mc_error", "slope_high_mc_error"), noise or (), strict=False)
            )
        if estimator.uses_history not in designs:
            designs[estimator.uses_history] = Design.of(used.days, used.families, span)
        rows.append((row, designs[estimator.uses_history]))
    return rows


def _numbers(found: Estimate, span: float) -> dict[str, Any]:
    """The columns of one estimate over so many days."""
    told, untold = told_doubling_days(found.slope, span)
    notes = (
        f"{found.carried} of {found.lines.slope.size} resamples carry a line",
        "" if found.whole else "the law has no draws: its error is left out",
        untold,
        open_end(*found.best),
    )
    return {
        "verdict": "ok",
        "reason": "; ".join(filter(None, notes)),
        "n_points": found.n_points,
        "slope_per_day": found.slope,
        "intercept": found.intercept,
        "doubling_days": told,
        "r_squared": found.r_squared,
        **_ends(found.best, ""),
        **_ends(found.narrower, "_80"),
        **_ends(found.interval, "_law_known"),
        **(_ends(found.own_minimum, "_own_minimum") if found.own_minimum else {}),
    }


def _simulated(
    asked: tuple[str, Design, tuple[str, ...]], seed: int, simulations: int
) -> Simulation:
    """Simulated bias and coverage of an estimator at a design; slow ones get half the frontiers."""
    name, design, beside = asked
    times = simulations if TREND_ESTIMATORS[name].every_window else simulations // 2
    return simulated(name, design, seed=seed, simulations=times, beside=beside)


def _judged(row: dict[str, Any], simulation: Simulation | None) -> dict[str, Any]:
    """The row with simulated bias and coverage, and a warning if the coverage is off.

    The simulations of a night take the law as known, so their coverage is that of the interval beside it only
    for a law without draws. That of the headline's interval is in the committed table.
    """
    if simulation is None:
        return {}
    is_law_known = row["slope_low"] == row["slope_low_law_known"]
    judged: dict[str, Any] = {
        "simulated_bias": simulation.bias,
        "simulated_coverage": simulation.coverage if is_law_known else None,
        "simulated_coverage_law_known": simulation.coverage,
        "reason": row["reason"] + _warning(simulation),
    }
    if row["is_headline"] and not is_law_known:
        found = coverage_of(BY_LAW, row["params_basis"], row["window"])
        judged |= found._asdict() if found else {}
    return judged


def _ends(interval: tuple[float, float], suffix: str) -> dict[str, float | None]:
    """The ends of the interval of the slope, and the inverted ends, of the doubling time in days."""
    low, high = interval
    return {
        f"slope_low{suffix}": low,
        f"slope_high{suffix}": high,
        f"doubling_days_low{suffix}": doubling_days(high),
        f"doubling_days_high{suffix}": doubling_days(low),
    }


def _warning(simulation: Simulation) -> str:
    """Warning text for a simulated coverage outside `TRUSTED_COVERAGE`; empty if it is inside."""
    coverage = simulation.coverage
    if TRUSTED_COVERAGE[0] <= coverage <= TRUSTED_COVERAGE[1]:
        return ""
    direction = "narrow" if coverage < TRUSTED_COVERAGE[0] else "wide"
    return (
        f"; warning: with the law known the interval is too {direction}, it covers {coverage:.1%} in "
        "simulation"
    )


def _insufficient(reason: str, n_points: int = 0) -> dict[str, Any]:
    return {"verdict": "insufficient", "reason": reason, "n_points": n_points}
