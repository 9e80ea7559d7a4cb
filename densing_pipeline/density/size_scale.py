"""Scores as effective size on a scale without a reference law: lines of models that differ in size alone.

On benchmark b the logit of a score, between guessing and the ceiling, rises with ln N by `lambda_b` within
a line of dense models that were trained on one number of tokens. So a score is worth
`logit / lambda_b` in ln N, up to a constant that is the same for all models, and
`logit / lambda_b - ln N` is ln density up to that constant. It needs neither D0 nor losses of reference runs, and
gives growth of density, not its level.

Not here: growth over time (`trends.pooled_growth`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

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
    several = [
        line
        for line in np.unique(of.lines[scored])
        if np.ptp(of.ln_params[scored & (of.lines == line)]) > 0
    ]
    rows = np.flatnonzero(scored & np.isin(of.lines, several))
    names, member = np.unique(of.lines[rows], return_inverse=True)
    size = of.ln_params[rows]
    mean = np.bincount(member, size, names.size) / np.maximum(
        np.bincount(member, minlength=names.size), 1
    )
    return SizeLines(rows, member.astype(np.intp), size - mean[member], names.size)


def slope_weights(lines: SizeLines, weights: FloatArray) -> FloatArray:
    """Weights of the logits in `lambda_b`, least squares with a fixed effect for every line, shape (B, m).

    `slope_weights(...) @ logits[rows]` is lambda_b of every weighting. NaN where a weighting has no line with
    two sizes.

    Args:
        lines: the models in lines.
        weights: weightings of all models of the panel, shape (B, n), not negative.
    """
    own = weights[:, lines.rows]
    of_line = np.zeros((lines.rows.size, lines.lines))
    of_line[np.arange(lines.rows.size), lines.member] = 1
    total = own @ of_line
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(total > 0, (own * lines.ln_params) @ of_line / total, 0.0)
        centred = own * (lines.ln_params - mean[:, lines.member])
        spread = (centred * lines.ln_params).sum(axis=1, keepdims=True)
        return np.asarray(np.where(spread > 1e-9, centred / spread, np.nan))
