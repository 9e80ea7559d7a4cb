"""Scores as effective size on a scale without a reference law: lines of models that differ in size alone.

On benchmark b the logit of a score, between guessing and the ceiling, rises with ln N by `lambda_b` within
a line of dense models that were trained on one number of tokens. So a score is worth
`logit / lambda_b` in ln N, up to a constant that is the same for all models, and
`logit / lambda_b - ln N` is ln density up to that constant. It needs neither D0 nor losses of reference runs, and
gives growth of density, not its level.

If lines with higher scores rise less with size, the scale is bent: `(odds^bend - 1) / bend` takes the place of the
logit, which it is at bend 0 (Box and Cox 1964; of odds, Guerrero and Johnson 1982).

Not here: growth over time (`trends.pooled_growth`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED, REGISTRY, REPORTED_ONLY
from densing_pipeline.density.direct_laws import SIZE_IN_NAME
from densing_pipeline.density.params_bases import params_bases
from densing_pipeline.density.score_sets import CHANCE_ERRORS
from densing_pipeline.paper import NMI, NMI_PREFIX
from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import DAY_ZERO

Bend = Literal["none", "own", "common"]
"""Whether the scale of a benchmark is the logit, or bent by a bend of its own or by one for all."""

NO_LINE = -1
"""Line of a model that is in none: a mixture of experts, or its tokens or the size in its name are not known."""


class Panel(NamedTuple):
    """The scores of n models on k benchmarks, by release date.

    Attributes:
        model_ids: length n.
        days: days since day zero, shape (n,).
        ln_params: ln N, shape (n,).
        families: family of each model, length n.
        lines: number of the line of dense models at one token count, `NO_LINE` for none, shape (n,).
        benchmarks: length k.
        logits: logit of the score between guessing and ceiling, NaN where there is none, shape (n, k).
        errors: its standard error, NaN likewise, shape (n, k).
        left_out: scores of each benchmark near guessing or at the ceiling, which have no logit, length k.
    """

    model_ids: tuple[str, ...]
    days: FloatArray
    ln_params: FloatArray
    families: tuple[str, ...]
    lines: IntArray
    benchmarks: tuple[str, ...]
    logits: FloatArray
    errors: FloatArray
    left_out: tuple[int, ...]

    def kept(self, mask: np.ndarray) -> "Panel":
        """The models of a mask of shape (n,); a benchmark keeps its column."""
        chosen = np.flatnonzero(mask)
        return self._replace(
            model_ids=tuple(self.model_ids[i] for i in chosen),
            days=self.days[chosen],
            ln_params=self.ln_params[chosen],
            families=tuple(self.families[i] for i in chosen),
            lines=self.lines[chosen],
            logits=self.logits[chosen],
            errors=self.errors[chosen],
        )


class ScoreRange(NamedTuple):
    """Between which scores, as fractions, a benchmark tells models apart.

    Attributes:
        guessing: score of guessing.
        ceiling: highest possible score.
    """

    guessing: float
    ceiling: float


def score_ranges(
    reference_laws: pl.DataFrame, benchmarks: Sequence[str] = AVERAGED
) -> dict[str, ScoreRange]:
    """The range of each benchmark; the ceiling is c + d of the paper's law where there is one, else 1.

    Args:
        reference_laws: a `reference_laws` frame.
        benchmarks: names.
    """
    own = reference_laws.filter(pl.col("reference_id") == NMI)
    known = {row["benchmark"]: row["c"] + row["d"] for row in own.iter_rows(named=True)}
    chance = dict(REPORTED_ONLY) | {name: facts.chance for name, facts in REGISTRY.items()}
    return {name: ScoreRange(chance[name], known.get(name, 1.0)) for name in benchmarks}


def panel(
    models: pl.DataFrame,
    pooled_scores: pl.DataFrame,
    ranges: Mapping[str, ScoreRange],
    *,
    params_basis: str,
    as_of: date,
    population: pl.Expr | None = None,
) -> Panel:
    """The scores of all models released by a day, on one parameter basis.

    A score within three standard errors (of its test items) of guessing, or at the ceiling, is left out,
    as in `densities`; so are the paper's plotted models, which have averages only.

    Args:
        models: a `models` frame.
        pooled_scores: a `pooled_scores` frame.
        ranges: `score_ranges` of the benchmarks, in order.
        params_basis: which parameters N counts.
        as_of: last release day that counts.
        population: a condition on `weights` and `construction`, if not all models count.
    """
    counted = params_bases(models).filter(
        pl.col("params_basis") == params_basis,
        pl.col("release_date").is_between(EARLIEST, as_of),
        pl.lit(value=True) if population is None else population,
    )
    scored = pooled_scores.filter(
        pl.col("benchmark").is_in(list(ranges)), ~pl.col("model_id").str.starts_with(NMI_PREFIX)
    )
    known = (
        counted.join(scored.select("model_id").unique(), on="model_id", how="semi")
        .join(_line_names(models), on="model_id", how="left")
        .sort("release_date", "model_id")
        .with_row_index("row")
    )
    at = known.select("model_id", "row")
    shape = (known.height, len(ranges))
    logits, errors, left_out = np.full(shape, np.nan), np.full(shape, np.nan), []
    for column, (name, (guessing, top)) in enumerate(ranges.items()):
        own = scored.filter(pl.col("benchmark") == name).join(at, on="model_id")
        above = pl.col("score") > guessing + CHANCE_ERRORS * pl.col("item_std_error")
        usable = own.filter(above, pl.col("score") < min(top, 1.0))
        score = usable["score"].to_numpy()
        rows = usable["row"].to_numpy()
        from_floor, from_top = score - guessing, top - score
        logits[rows, column] = np.log(from_floor / from_top)
        errors[rows, column] = (
            usable["std_error"].to_numpy() * (top - guessing) / (from_floor * from_top)
        )
        left_out.append(own.height - usable.height)
    names = known["line"].to_list()
    numbers = {name: number for number, name in enumerate(sorted(set(filter(None, names))))}
    return Panel(
        model_ids=tuple(known["model_id"]),
        days=(known["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy(),
        ln_params=np.log(known["params"].to_numpy()),
        families=tuple(known["family"]),
        lines=np.array([numbers[name] if name else NO_LINE for name in names], dtype=np.intp),
        benchmarks=tuple(ranges),
        logits=logits,
        errors=errors,
        left_out=tuple(left_out),
    )


def _line_names(models: pl.DataFrame) -> pl.DataFrame:
    """Line of each dense model at one token count, such as `Qwen/Qwen2.5 at 18000000000000`.

    A mixture of experts has two sizes, so no mixture is in a line: then `lambda_b` is the same whichever
    parameters count.
    """
    named = pl.col("model_id").str.extract(SIZE_IN_NAME, 1)
    return (
        models.filter(~pl.col("is_moe"), pl.col("quantisation").is_null())
        .sort("model_id", pl.col("revision").is_not_null(), "release_date", "revision")
        .unique("model_id", keep="first", maintain_order=True)
        .select("model_id", line=pl.format("{} at {}", named, pl.col("train_tokens")))
    )


class SizeLines(NamedTuple):
    """The models of one benchmark that are in a line with several sizes.

    Attributes:
        rows: their rows in the panel, shape (m,).
        member: line of each, numbered from 0, shape (m,).
        ln_params: ln N less the mean of the line, shape (m,).
        lines: number of lines.
    """

    rows: IntArray
    member: IntArray
    ln_params: FloatArray
    lines: int


def size_lines(of: Panel, column: int) -> SizeLines:
    """The lines of a benchmark in which models of at least two sizes have a logit."""
    scored = np.isfinite(of.logits[:, column]) & (of.lines != NO_LINE)
    smallest = np.full(of.lines.max(initial=NO_LINE) + 1, np.inf)
    largest = -smallest
    np.minimum.at(smallest, of.lines[scored], of.ln_params[scored])
    np.maximum.at(largest, of.lines[scored], of.ln_params[scored])
    rows = np.flatnonzero(scored)
    rows = rows[(largest > smallest)[of.lines[rows]]]
    names, member = np.unique(of.lines[rows], return_inverse=True)
    size = of.ln_params[rows]
    mean = np.bincount(member, size, names.size) / np.maximum(
        np.bincount(member, minlength=names.size), 1
    )
    return SizeLines(rows, member.astype(np.intp), size - mean[member], names.size)


class _Within(NamedTuple):
    """Weightings of the models in lines, to take means of lines under each of them.

    Attributes:
        lines: the models.
        of_line: whether a model is in a line, shape (m, lines).
        weights: weightings of these models, shape (B, m).
        total: weight of each line, shape (B, lines).
    """

    lines: SizeLines
    of_line: FloatArray
    weights: FloatArray
    total: FloatArray

    @classmethod
    def of(cls, lines: SizeLines, weights: FloatArray) -> "_Within":
        """The weightings of all models of the panel, shape (B, n), for those in lines."""
        own = weights[:, lines.rows]
        of_line = np.zeros((lines.rows.size, lines.lines))
        of_line[np.arange(lines.rows.size), lines.member] = 1
        return cls(lines, of_line, own, own @ of_line)

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of each model's line, shape (B, m), 0 in a line without weight.

        Args:
            values: of each model, shape (m,) or (B, m).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(
                self.total > 0, (self.weights * values) @ self.of_line / self.total, 0.0
            )
        return np.asarray(mean[:, self.lines.member])


def slope_weights(lines: SizeLines, weights: FloatArray) -> FloatArray:
    """Weights of the logits in `lambda_b`, least squares with a fixed effect for every line, shape (B, m).

    `slope_weights(...) @ logits[rows]` is lambda_b of every weighting. NaN where a weighting has no line with
    two sizes.

    Args:
        lines: the models in lines.
        weights: weightings of all models of the panel, shape (B, n), not negative.
    """
    within = _Within.of(lines, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = within.weights * (lines.ln_params - within.mean(lines.ln_params))
        spread = (centred * lines.ln_params).sum(axis=1, keepdims=True)
        return np.asarray(np.where(spread > 1e-9, centred / spread, np.nan))


MOST_BENT = 1.0
"""Largest bend either way, at which the scale is the odds, or the odds of failing."""

BENDS: FloatArray = np.linspace(-MOST_BENT, MOST_BENT, 41)
"""Bends at which the condition of `bend_moments` is computed; between them it is taken as straight."""


def bent(logits: FloatArray, bend: FloatArray | float) -> FloatArray:
    """`(odds^bend - 1) / bend`, the logit where the bend is 0.

    Args:
        logits: of scores.
        bend: as many, or to broadcast.
    """
    bend = np.asarray(bend)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bend == 0, logits, np.expm1(bend * logits) / bend)


def bend_moments(lines: SizeLines, logits: FloatArray, weights: FloatArray) -> FloatArray:
    """How the scores of lines depart from straight ones in ln N at each of `BENDS`, shape (B, bends).

    It is the sum of residuals times the square of the predicted logit, of which what goes with the line and with
    ln N is taken out (the link test of Pregibon 1980). It is negative where the scale still flattens at higher
    scores, rises with the bend, and the right bend makes it zero (as Amemiya and Powell 1981). NaN where a
    weighting has no line with two sizes.

    Args:
        lines: the models in lines.
        logits: their logits, shape (m,).
        weights: weightings of all models of the panel, shape (B, n), not negative.
    """
    within = _Within.of(lines, weights)
    slope = (slope_weights(lines, weights) @ logits)[:, None]
    size = lines.ln_params - within.mean(lines.ln_params)
    square = (within.mean(logits) + slope * size) ** 2
    square -= within.mean(square)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (within.weights * square * size).sum(axis=1) / (within.weights * size**2).sum(
            axis=1
        )
    rest = within.weights * (square - along[:, None] * size)
    return np.asarray(rest @ bent(logits[:, None], BENDS))


def balanced_bends(moments: FloatArray) -> FloatArray:
    """The bend at which each row of moments passes zero, shape (B,); an end of `BENDS` if none, NaN of NaN.

    Args:
        moments: `bend_moments`, or their sum over benchmarks.
    """
    negative = (moments < 0).sum(axis=1)
    at = np.clip(negative - 1, 0, BENDS.size - 2)[:, None]
    left, right = (np.take_along_axis(moments, at + step, axis=1)[:, 0] for step in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(left / (left - right), 0, 1)
    share = np.where(negative == 0, 0.0, np.where(negative == BENDS.size, 1.0, share))
    found = BENDS[at[:, 0]] + share * (BENDS[1] - BENDS[0])
    return np.where(np.isnan(moments).any(axis=1), np.nan, found)


class Scale(NamedTuple):
    """The score scale of a benchmark under every weighting of the models.

    Attributes:
        slopes: rise of the scale with ln N within lines, at the mean logit of their models, shape (B,).
        bends: its bend, shape (B,); None if it is the logit.
        centre: the mean logit, from which a bent scale counts; 0 for the logit.
    """

    slopes: FloatArray
    bends: FloatArray | None
    centre: float

    def ln_sizes(self, logits: FloatArray, rows: IntArray) -> FloatArray:
        """What scores are worth in ln N, up to a constant, shape (rows, n).

        Args:
            logits: of the scores, shape (n,).
            rows: which weightings.
        """
        if self.bends is not None:
            logits = bent(logits - self.centre, self.bends[rows, None])
        return np.asarray(logits / self.slopes[rows, None])


def size_scales(
    of: Panel, columns: Sequence[int], weights: FloatArray, bend: Bend = "none"
) -> dict[int, Scale]:
    """The scale of each of some benchmarks under every weighting of the models.

    Args:
        of: the scores.
        columns: the benchmarks.
        weights: weightings of the models, shape (B, n), not negative.
        bend: whether the scales are bent, each or all alike.
    """
    lines = {column: size_lines(of, column) for column in columns}
    logits = {column: of.logits[own.rows, column] for column, own in lines.items()}
    by_model = {column: slope_weights(own, weights) for column, own in lines.items()}
    if bend == "none":
        return {column: Scale(by_model[column] @ logits[column], None, 0.0) for column in columns}
    centres = {column: float(own.mean()) if own.size else 0.0 for column, own in logits.items()}
    moments = {
        column: bend_moments(own, logits[column] - centres[column], weights)
        for column, own in lines.items()
    }
    if bend == "common":
        total = np.sum([np.nan_to_num(each) for each in moments.values()], axis=0)
        moments = dict.fromkeys(columns, total)
    found = {}
    for column in columns:
        bends = balanced_bends(moments[column])
        scores = bent(logits[column] - centres[column], bends[:, None])
        found[column] = Scale((by_model[column] * scores).sum(axis=1), bends, centres[column])
    return found
