"""How often the published intervals of the pace of density hold it, in worlds with a known pace.

`densing simulate intervals` computes the table, which takes long, and writes it to
`interval_coverage.csv` (`coverage_table`). Every row has the digest of what it was computed from: the sites of the
bundled models, and the settings of the worlds. A test compares the digests with those of the facts and the
code of today. A night with more models than the bundled ones publishes the same table.

Not here: the worlds (`worlds`), and the estimates (`pooled_growth`, `estimate`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline import facts
from densing_pipeline.benchmarks import AVERAGED, ITEMS
from densing_pipeline.density.densities import densities
from densing_pipeline.density.drawn_law import DrawnLaw, drawn_laws
from densing_pipeline.density.law import LossLaw, PerformanceLaw, ReferenceLaw
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.density.reference_law_draws import reference_law_draws
from densing_pipeline.density.reference_laws import laws_of, reference_laws
from densing_pipeline.density.score_sets import CHANCE_ERRORS, SCORE_SETS
from densing_pipeline.density.size_scale import (
    BENDS,
    NO_LINE,
    Bend,
    Panel,
    ScoreRange,
    panel,
    score_ranges,
    size_lines,
    slope_weights,
)
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.headline import HEADLINE
from densing_pipeline.hub import bundled
from densing_pipeline.paper import NMI
from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.intervals import (
    LEVEL,
    NARROWER,
    cluster_weights,
    clustered_interval,
)
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.tables.published import INTERVAL_COVERAGE
from densing_pipeline.trends.coverage_table import (
    AVERAGE,
    CURRENT,
    DENSING_LAW,
    NARROW_FOLD,
    POOLED,
    POOLED_BENT,
    POOLED_BENT_COMMON,
    POOLED_BENT_PERCENTILE,
)
from densing_pipeline.trends.estimate import Interval, NoEstimateError, estimate, families_inside
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS, DaySpan
from densing_pipeline.trends.kept_draws import KeptDraws, Values
from densing_pipeline.trends.pooled_growth import Spread as PaceSpread
from densing_pipeline.trends.pooled_growth import pooled_growths
from densing_pipeline.trends.series import Series, from_frame
from densing_pipeline.trends.simulate import FAMILY_SHARE, MEAN_SHORTFALL, NOISE
from densing_pipeline.trends.windows import RECENT_DAYS, SINCE_NAME, SINCE_START
from densing_pipeline.trends.worlds import (
    INNER_DAYS,
    LOGNORMAL_SPREAD,
    PACE,
    WORLDS,
    Drawn,
    Sites,
    Spread,
    World,
    draw,
)

CANDIDATES = (
    (POOLED, "total"),
    (POOLED_BENT, "total"),
    (POOLED_BENT_COMMON, "total"),
    (POOLED_BENT_PERCENTILE, "total"),
    (POOLED_BENT_PERCENTILE, "active"),
    (DENSING_LAW, HEADLINE.params_basis),
)
"""Each with its parameter basis."""

METHODS: dict[str, tuple[Bend, PaceSpread]] = {
    POOLED: ("none", "variance"),
    POOLED_BENT: ("own", "variance"),
    POOLED_BENT_COMMON: ("common", "variance"),
    POOLED_BENT_PERCENTILE: ("common", "percentile"),
}
"""Bend of the scales and spread of the resampled paces of each pooled estimate."""

BENCHMARKS_SPREAD = Spread(mean=1.9, family_share=0.45, line_share=0.45, common_share=0.65)
"""Shortfalls of the bundled base models below the quantile lines of five benchmarks: means 1.5 to 2.3, shares of
families .2 to .6, residuals within a line .4 to .9 of which half is the error of scores, correlations between
benchmarks .4 to .8."""

AVERAGE_SPREAD = Spread(MEAN_SHORTFALL, FAMILY_SHARE, line_share=0.0, common_share=1.0)
"""Shortfalls of the paper's models, as in `simulate`."""

OTHER_LAW = dict.fromkeys(METHODS, NMI) | {DENSING_LAW: "nmi-2025-refit"}
"""The law that scores follow in `other-law`: in two steps through a loss, instead of a logit linear in ln N;
the other minimum of the loss, instead of the published one."""

WORLD_LAW_DRAWS = 20
"""Draws of each law; the headline's law has ten times as many."""


DRAWS_AT_ONCE = 250
"""Draws computed before they are kept; enough for two processes."""


class Answer(NamedTuple):
    """An estimate in one draw of a world.

    Attributes:
        window: name of the window.
        truth: which pace it is compared with.
        pace: that pace, 1 / day.
        slope: the estimate, NaN if there is none.
        wide: its 95 % interval.
        narrow: its 80 % interval.
    """

    window: str
    truth: str
    pace: float
    slope: float
    wide: Interval
    narrow: Interval


NOTHING: Interval = (np.nan, np.nan)


WINDOWS = ("all", SINCE_NAME, "last-24-months")
"""Windows of the pooled rows."""


class Asked(NamedTuple):
    """One draw of one world for one estimate over some windows."""

    estimate: str
    params_basis: str
    world: World
    number: int
    draws: int
    seed: int
    windows: tuple[str, ...] = WINDOWS


def study(
    *,
    worlds: int,
    draws: int,
    seed: int,
    candidates: Sequence[tuple[str, str]] = CANDIDATES,
    names: Sequence[str] = (),
    windows: Sequence[str] = WINDOWS,
    folder: Path | None = None,
) -> pl.DataFrame:
    """Simulated coverage of every candidate in every world.

    Args:
        worlds: draws of each world.
        draws: resamples behind each interval.
        seed: seed of worlds and resamples.
        candidates: estimates with their parameter bases.
        names: worlds; all if empty.
        windows: windows of the pooled estimates; the one of `densing_law` is over all years.
        folder: where finished draws are kept, so that a study that was stopped continues; nowhere if None.

    Returns:
        An `interval_coverage` frame.
    """
    rows = []
    for name, basis in candidates:
        own = digest(name, basis)
        spans = tuple(window for window in WINDOWS if window in windows)
        file = "-".join(map(str, (name, basis, *spans, draws, seed, own)))
        kept = KeptDraws(folder / f"{file}.jsonl") if folder else None
        for world in WORLDS:
            if names and world.name not in names:
                continue
            asked = [
                Asked(name, basis, world, number, draws, seed, spans) for number in range(worlds)
            ]
            groups: dict[tuple[str, str], list[Answer]] = {}
            for each in chain.from_iterable(_answers(asked, kept)):
                groups.setdefault((each.window, each.truth), []).append(each)
            for (window, truth), group in groups.items():
                key = (name, basis, window, world.name, truth)
                row = dict(zip(INTERVAL_COVERAGE.key, key, strict=True))
                rows.append(row | _summary(group) | {"draws": draws, "digest": own})
    return INTERVAL_COVERAGE.cast(pl.DataFrame(rows))


def _answers(asked: Sequence[Asked], kept: KeptDraws | None) -> list[list[Answer]]:
    """The answers in draws of one world, those of finished draws as they were kept.

    The first draw is computed again; if it is not as it was kept, the code has changed and none of the world
    counts.
    """
    world = asked[0].world.name
    known = (
        {number: each for (of, number), each in kept.read().items() if of == world} if kept else {}
    )
    first = answer(asked[0])
    if kept and known and json.dumps(known.get(0)) != json.dumps(_plain(first)):
        kept.clear(world)
        known = {}
    if kept and not known:
        kept.add({(world, 0): _plain(first)})
    known[0] = _plain(first)
    left = [one for one in asked if one.number not in known]
    for start in range(0, len(left), DRAWS_AT_ONCE):
        some = left[start : start + DRAWS_AT_ONCE]
        # A draw of the paper's models takes milliseconds, so a second process would cost more than it saves.
        found = parallel_map(answer, some) if some[0].estimate in METHODS else map(answer, some)
        done = {one.number: _plain(each) for one, each in zip(some, found, strict=True)}
        if kept:
            kept.add({(world, number): each for number, each in done.items()})
        known |= done
    return [
        [
            Answer(window, truth, pace, slope, (wide[0], wide[1]), (narrow[0], narrow[1]))
            for window, truth, pace, slope, wide, narrow in known[one.number]
        ]
        for one in asked
    ]


def _plain(answers: Sequence[Answer]) -> Values:
    """Answers as they are kept."""
    return [[*one[:4], list(one.wide), list(one.narrow)] for one in answers]


def _summary(group: list[Answer]) -> dict[str, Any]:
    """Coverage, bias and width over the draws of one world."""
    n = len(group)
    truth = np.array([one.pace for one in group])
    slope = np.array([one.slope for one in group])
    wide = np.array([one.wide for one in group])
    narrow = np.array([one.narrow for one in group])
    held, held_80 = (
        float(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()) for ends in (wide, narrow)
    )
    known = np.isfinite(slope)
    is_narrow = (wide[:, 0] > 0) & (wide[:, 1] <= NARROW_FOLD * wide[:, 0])
    held_if_narrow = (wide[:, 0] <= truth)[is_narrow] & (truth <= wide[:, 1])[is_narrow]
    # As for a coverage that is one success and one failure away, so that none is without error.
    share = (held * n + 1) / (n + 2)
    return {
        "worlds": n,
        "coverage": held,
        "coverage_mc_error": float((share * (1 - share) / n) ** 0.5),
        "coverage_80": held_80,
        "relative_bias": float(slope[known].mean() / truth.mean() - 1) if known.any() else None,
        "relative_width": float(np.median((wide[:, 1] - wide[:, 0])[known]) / truth.mean())
        if known.any()
        else None,
        "median_bias": float(np.median((slope / truth)[known]) - 1) if known.any() else None,
        "narrow_share": float(is_narrow.mean()),
        "narrow_coverage": float(held_if_narrow.mean()) if held_if_narrow.size else None,
    }


def answer(asked: Asked) -> list[Answer]:
    """The estimate in one draw of a world, over every window."""
    rng = stream(asked.seed, f"{asked.world.name}/{asked.number}")
    if asked.estimate in METHODS:
        return list(_pooled_answers(asked, rng))
    return list(_law_answers(asked, rng))


def _pooled_answers(asked: Asked, rng: np.random.Generator) -> Iterator[Answer]:
    of = bundled_panel(asked.params_basis)
    drawn = draw(asked.world, _sites(of), rng)
    world = of._replace(days=drawn.days, logits=_logits(asked.world, of, drawn, rng))
    windows = {name: _window(name, of.days) for name in asked.windows}
    bend, spread = METHODS[asked.estimate]
    found = pooled_growths(
        world, list(windows.values()), draws=asked.draws, seed=asked.seed, bend=bend, spread=spread
    )
    for (name, window), pooled in zip(windows.items(), found, strict=True):
        pace = pooled.pace
        told = (pace.slope, pace.interval(LEVEL), pace.interval(NARROWER)) if pace else None
        yield from _against(drawn, name, window, of.days, asked.world, told)


def _logits(world: World, of: Panel, drawn: Drawn, rng: np.random.Generator) -> FloatArray:
    """Logits with the errors of their scores, missing where the data have none."""
    ln_effective = of.ln_params[:, None] + drawn.ln_density
    if world.has_other_law:
        logits = np.stack(
            [
                _logits_by_law(name, ln_effective[:, column], real)
                for column, (name, real) in enumerate(_real_sizes(of).items())
            ],
            axis=1,
        )
    else:
        logits = ln_effective * _size_slopes(of)
    return np.asarray(
        np.where(
            np.isfinite(of.logits), logits + of.errors * rng.normal(0, 1, logits.shape), np.nan
        )
    )


def _logits_by_law(name: str, ln_effective: FloatArray, real: float) -> FloatArray:
    """Logits of scores by the paper's law, NaN near guessing; effective sizes are on average the real ones."""
    law, (guessing, top) = _paper_law(name), _ranges()[name]
    score = law.score(np.exp(ln_effective - ln_effective.mean() + real))
    share = (guessing * ITEMS[name] + 2) / (ITEMS[name] + 4)
    lowest = guessing + CHANCE_ERRORS * (share * (1 - share) / ITEMS[name]) ** 0.5
    usable = (score > lowest) & (score < min(top, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(usable, np.log((score - guessing) / (top - score)), np.nan))


def _real_sizes(of: Panel) -> dict[str, float]:
    """Mean ln effective parameters of the real scores by the paper's law, by benchmark."""
    sizes = {}
    for column, (name, (guessing, top)) in enumerate(_ranges().items()):
        odds = np.exp(of.logits[np.isfinite(of.logits[:, column]), column])
        size, _ = _paper_law(name).effective_params((guessing + top * odds) / (1 + odds))
        sizes[name] = float(np.log(size[np.isfinite(size)]).mean())
    return sizes


def _law_answers(asked: Asked, rng: np.random.Generator) -> Iterator[Answer]:
    """The row of `densing_law` that was the headline; the true law is one of its law's draws."""
    found = _paper_series()
    series = found.series
    drawn = draw(asked.world, found.sites, rng)
    ln_density = drawn.ln_density[:, 0] + rng.normal(0, NOISE, series.days.size)
    ln_effective = found.sites.ln_params + ln_density
    law = found.other if asked.world.has_other_law else _one(found.drawn, rng)
    # Effective sizes are on average those of the real scores by the world's law, so that scores are too.
    real, _ = law.effective_params(found.scores)
    level = float(np.log(real[np.isfinite(real)]).mean() - ln_effective.mean())
    score = law.score(np.exp(ln_effective + level))
    values, _ = found.law.effective_params(score)
    known = np.isfinite(values)
    sizes = found.drawn.effective_params(score[known])
    with np.errstate(divide="ignore"):
        by_draw = np.log(sizes) - found.sites.ln_params[known]
    used = Series(
        drawn.days[known],
        np.log(values[known]) - found.sites.ln_params[known],
        tuple(name for name, keep in zip(series.families, known, strict=True) if keep),
        np.asarray(by_draw),
    )
    weights = cluster_weights(used.families, asked.draws, asked.seed)
    told = None
    try:
        result = estimate(TREND_ESTIMATORS[HEADLINE.estimator], used, ALWAYS, weights)
    except NoEstimateError:
        pass
    else:
        narrow = clustered_interval(result.lines.slope, families_inside(used, ALWAYS), NARROWER)
        told = (result.slope, result.best, narrow or NOTHING)
    yield from _against(drawn, "all", ALWAYS, series.days, asked.world, told)


def _against(
    drawn: Drawn,
    name: str,
    window: DaySpan,
    days: FloatArray,
    world: World,
    told: tuple[float, Interval, Interval] | None,
) -> Iterator[Answer]:
    """An estimate against the average pace of its window and, if that differs, the current one."""
    start, end = max(window[0], days.min()), min(window[1], days.max())
    slope, wide, narrow = told or (np.nan, NOTHING, NOTHING)
    yield Answer(name, AVERAGE, drawn.pace(start, end), slope, wide, narrow)
    if world.paces[0] != world.paces[1]:
        yield Answer(name, CURRENT, drawn.paces[1], slope, wide, narrow)


def _window(name: str, days: FloatArray) -> DaySpan:
    """A window of the pooled rows, in days since day zero."""
    if name == SINCE_NAME:
        return days_since_zero(SINCE_START), np.inf
    return ALWAYS if name == "all" else (float(days.max()) - RECENT_DAYS, np.inf)


@cache
def bundled_panel(params_basis: str) -> Panel:
    """The scores of the bundled models."""
    models, scores = _bundled()
    return panel(
        models,
        pooled_scores(scores),
        _ranges(),
        params_basis=params_basis,
        as_of=models["release_date"].max(),  # type: ignore[arg-type]
    )


@cache
def _bundled() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The bundled `models` and `scores`."""
    models = bundled.models(facts.load("base_models"), facts.load("nmi_models"))
    tables = ("reported_scores", "nmi_models", "base_models", "score_documents")
    return models, reported_scores.scores(*map(facts.load, tables))


@cache
def _ranges() -> Mapping[str, ScoreRange]:
    return score_ranges(facts.load("reference_coefficients"))


@cache
def _paper_law(benchmark: str) -> ReferenceLaw:
    return laws_of(facts.load("reference_coefficients"))[OTHER_LAW[POOLED], benchmark]


def _sites(of: Panel) -> Sites:
    """The models of a panel as sites; a model in no line has one of its own."""
    _, families = np.unique(np.asarray(of.families, dtype=np.str_), return_inverse=True)
    alone = of.lines == NO_LINE
    lines = of.lines.copy()
    lines[alone] = of.lines.max(initial=-1) + 1 + np.arange(alone.sum())
    return Sites(of.days, of.ln_params, families, lines, len(of.benchmarks), 1, BENCHMARKS_SPREAD)


def _size_slopes(of: Panel) -> FloatArray:
    """lambda_b of the real scores, which the worlds have, shape (k,)."""
    once = np.ones((1, of.days.size))
    found = []
    for column in range(len(of.benchmarks)):
        lines = size_lines(of, column)
        found.append((slope_weights(lines, once) @ of.logits[lines.rows, column])[0])
    return np.array(found)


class PaperSeries(NamedTuple):
    """The paper's models with the laws behind their densities.

    Attributes:
        series: the models.
        sites: the same as sites.
        scores: their scores, shape (n,).
        law: the published law.
        drawn: its draws.
        other: the law of `other-law`.
    """

    series: Series
    sites: Sites
    scores: FloatArray
    law: ReferenceLaw
    drawn: DrawnLaw
    other: ReferenceLaw


@cache
def _paper_series() -> PaperSeries:
    points = facts.load("reference_points")
    benchmark = SCORE_SETS[HEADLINE.score_set]
    laws = reference_laws(points, facts.load("reference_coefficients")).filter(
        pl.col("benchmark") == benchmark
    )
    published = laws.filter(pl.col("reference_id") == NMI)
    draws = reference_law_draws(published, points, seed=0, draws=WORLD_LAW_DRAWS)
    series, sites, scores = _paper_sites()
    every = laws_of(laws)
    return PaperSeries(
        series,
        sites,
        scores,
        every[NMI, benchmark],
        drawn_laws(published, draws)[NMI, HEADLINE.score_set],
        every[OTHER_LAW[DENSING_LAW], benchmark],
    )


@cache
def _paper_sites() -> tuple[Series, Sites, FloatArray]:
    """The paper's models under the published coefficients, and their scores."""
    models, scores = _bundled()
    law = facts.load("reference_coefficients").filter(pl.col("reference_id") == NMI)
    own = densities(models, scores, law).filter(
        pl.col("score_set") == HEADLINE.score_set, pl.col("params_basis") == HEADLINE.params_basis
    )
    series = from_frame(own)
    sized = own.filter(pl.col("density") > 0).sort("release_date", "model_id")
    _, families = np.unique(np.asarray(series.families, dtype=np.str_), return_inverse=True)
    alone: IntArray = np.arange(series.days.size)
    ln_params = np.log(sized["params"].to_numpy())
    sites = Sites(series.days, ln_params, families, alone, 1, len(AVERAGED), AVERAGE_SPREAD)
    return series, sites, sized["score"].to_numpy()


def _one(drawn: DrawnLaw, rng: np.random.Generator) -> ReferenceLaw:
    """One of the draws of a law."""
    a, alpha, b, beta, e, c, gamma, midpoint, d = drawn.coefficients[
        rng.integers(len(drawn.coefficients))
    ].tolist()
    return ReferenceLaw(
        LossLaw(a, alpha, b, beta, e), PerformanceLaw(c, gamma, midpoint, d), drawn.reference_tokens
    )


def digest(estimate_name: str, params_basis: str) -> str:
    """Digest of what the coverage of a candidate depends on: sites of the bundled models, and settings.

    Numbers count to three decimals, so that platforms agree.
    """
    settings = {
        "worlds": [asdict(world) for world in WORLDS],
        "pace": PACE,
        "lognormal_spread": LOGNORMAL_SPREAD,
        "inner_days": INNER_DAYS,
        "other_law": OTHER_LAW[estimate_name],
    }
    if estimate_name in METHODS:
        of = bundled_panel(params_basis)
        content = {
            **settings,
            "spread": BENCHMARKS_SPREAD,
            "windows": sorted(WINDOWS),
            "averaged": 1,
            "models": of.model_ids,
            "days": of.days.tolist(),
            "ln_params": _rounded(of.ln_params),
            "families": of.families,
            "lines": of.lines.tolist(),
            "size_slopes": _rounded(_size_slopes(of)),
            "errors": [_rounded(row) for row in of.errors],
        }
        bend, spread = METHODS[estimate_name]
        if bend != "none":
            content["bends"] = [bend, *_rounded(BENDS)]
        if spread != "variance":
            content["spread of paces"] = spread
    else:
        series, sites, scores = _paper_sites()
        content = {
            **settings,
            "spread": AVERAGE_SPREAD,
            "noise": NOISE,
            "averaged": sites.averaged,
            "days": series.days.tolist(),
            "scores": _rounded(scores),
            "ln_params": _rounded(sites.ln_params),
            "families": series.families,
        }
    written = json.dumps(content, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _rounded(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 3) for value in values]
