"""One score per model and benchmark, pooled from all reports, and the disagreement of sources.

Reported scores of one model differ between sources. All independent ones are averaged, so that no
single source decides:

1. only scores under the paper's protocol (shots and prompting) count, those on the benchmarks outside its suite
   under the protocol of `benchmarks.COMPARED` or, measured by us, that of the suite in force, and none that its source has revised or withdrawn;
2. our measurements take precedence over reports, and reports over what a model's repository on the
   Hub claims; of several measurements, the weights with the most benchmarks, then the newest, so that
   an average is of the same weights;
3. quoted numbers and rows of low confidence are left out; of one source with two variants of the
   protocol the one with chain of thought counts, as in the paper;
4. equal numbers are one measurement, however often repeated: equal to the rounding of three digits,
   or of two where one of them is from a source that prints two. Two independent reports of a model agree
   by chance to three digits in 3 % of cases on MMLU and in 1 % on the others (`source_effects`), to two
   digits in a quarter and in 6 to 11 %. So two digits need evidence: all numbers that the source has of
   the model are whole per cents, three different ones at least (`FEWEST_WHOLE`);
5. documents of one team (`publisher`) are one source, because a team uses one harness and one set of
   prompts: their mean is the team's score;
6. a score far from the median of the others is left out (`FAR`): below, answers were not recognised
   or the harness was broken; above, the model was an instruct model under a base model's name. Of
   two that far apart the lower one is left out, because unrecognised answers are the more common
   fault; of several that all disagree none is left out. This is applied to the documents of a team,
   then to the teams;
7. the plain mean of the rest is the score.

No step looks at other models, so a score depends on its own reports alone. The
error of a reported score is that of its items and that of its sources (`source_effects`).

Not here: the sources of scores (`facts`, `evaluation`), and averages over benchmarks
(`score_sets`).
"""

from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED, COMPARED, ITEMS, POOLED
from densing_pipeline.facts.score_rules import is_counted
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import cluster_weights, percentile_interval
from densing_pipeline.tables.published import POOLED_SCORES, SOURCE_EFFECTS
from densing_pipeline.tables.revised_scores import document

FAR = 0.2
"""Largest distance from the median of the other sources, as a fraction; a score farther away is
left out."""

ROUNDING = 0.0005
"""Difference up to which scores count as equal: the rounding of three digits."""

COARSE_ROUNDING = 0.005
"""The same if one of the two scores is printed with two digits only."""

FEWEST_WHOLE = 3
"""Fewest numbers of one source for one model, all of them whole per cents, that show that it prints no
decimals. A 65 in the tables may have been printed as 65.0, and one of ten numbers with a decimal ends in
0; of three different ones all do so in one case of 1,000."""

FEWEST_SHARED_MODELS = 5
"""Fewest models scored by several sources for an estimate of the disagreement."""

RESAMPLES = 2000
SEED = 20241206

MODEL = ("model_id", "benchmark")
TEAM = (*MODEL, "publisher")


def pooled_scores(scores: pl.DataFrame, effects: pl.DataFrame | None = None) -> pl.DataFrame:
    """The score of every model on every benchmark of `benchmarks.POOLED`, under the protocol that counts.

    Args:
        scores: a `scores` frame. The paper's plotted averages and scores that are not numbers are
            left out.
        effects: a `source_effects` frame; by default that of these scores.

    Returns:
        A `pooled_scores` frame. `item_std_error` is the error from the test items; `std_error`
        includes the disagreement of sources: `between_source_std` over the root of the number of
        sources,
        and the maker's premium where only makers report. Measured scores have no such part.
    """
    usable = _usable(scores)
    kept, left_out = _teams(_independent(usable))
    reported = _reported(kept, _source_effects(kept, resamples=0) if effects is None else effects)
    ours = _measured(usable)
    reported = reported.join(ours, on=MODEL, how="anti")
    left_out = left_out.join(reported.select(MODEL), on=MODEL, how="semi")
    pooled = pl.concat([ours, reported], how="diagonal").join(left_out, on=MODEL, how="left")
    return POOLED_SCORES.cast(pooled.select(POOLED_SCORES.names))


def source_effects(scores: pl.DataFrame) -> pl.DataFrame:
    """Disagreement of teams on one model, and the excess of makers' own scores.

    `between_source_std` is the pooled standard deviation of the teams' scores within models,
    `maker_premium` the mean over models of the maker's score less the mean of the others'. Both are
    of scores under the paper's protocol that `pooled_scores` keeps; several documents of one team
    are one score, their mean. Intervals are central 95 % of a bootstrap over models.

    Args:
        scores: a `scores` frame.

    Returns:
        A `source_effects` frame, one row per benchmark of `benchmarks.POOLED`.
    """
    kept, _ = _teams(_independent(_usable(scores)))
    return _source_effects(kept, RESAMPLES)


def _source_effects(kept: pl.DataFrame, resamples: int) -> pl.DataFrame:
    """`source_effects` from the teams' scores; without intervals for 0 resamples."""
    reported = kept.filter(pl.col("source_kind") == "reported")
    rows = [_effects(reported, name, resamples) for name in POOLED]
    return SOURCE_EFFECTS.cast(pl.DataFrame(rows, infer_schema_length=None))


def _usable(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores that may count, with `document` and `is_coarse`, which all protocols say."""
    counting = scores.filter(pl.col("known_to").is_null() & pl.col("score").is_finite())
    return (
        counting.with_columns(document=document())
        .with_columns(is_coarse=_is_coarse())
        .filter(is_protocol_pooled(), pl.col("source_kind") != "figure")
    )


def is_protocol_pooled() -> pl.Expr:
    """Whether a row of `scores` is under a protocol that is pooled with others: of a report, or of the suite in force."""
    # By a pattern, for releases of before have no such column.
    is_ours = pl.any_horizontal(pl.col("^is_in_force$"), pl.lit(value=False)).fill_null(value=False)
    return (pl.col("is_paper_protocol") & pl.col("benchmark").is_in(AVERAGED)) | (
        (is_counted() | is_ours) & pl.col("benchmark").is_in(list(COMPARED))
    )


def _is_coarse() -> pl.Expr:
    """Whether a score is from a document that prints whole per cents, by its numbers of the model."""
    of_model = ("model_id", "document")
    hundredths = pl.col("score") * 100
    is_whole = (hundredths - hundredths.round()).abs() < 1e-9
    return is_whole.all().over(of_model) & (
        pl.col("score").n_unique().over(of_model) >= FEWEST_WHOLE
    )


def _independent(usable: pl.DataFrame) -> pl.DataFrame:
    """Reported scores, one per independent measurement; where there is none, claimed ones.

    Of equal numbers the maker's counts, then one that is not coarse, then the source first by name.
    """
    # Rows without a scorer count as third-party, the cautious assumption; without a publisher, each
    # document is a source of its own.
    by = pl.col("scored_by").fill_null("third_party")
    reported = usable.filter(
        pl.col("source_kind") == "reported",
        by != "quote",
        pl.col("source_confidence").fill_null("high") != "low",
    )
    claimed = usable.filter(pl.col("source_kind") == "claimed").join(reported, on=MODEL, how="anti")
    per_source = (
        pl.concat([reported, claimed])
        .with_columns(
            pl.col("publisher").fill_null(pl.col("document")),
            scored_by=by,
            is_direct=~pl.col("protocol").str.contains("CoT", literal=True),
        )
        .sort(*MODEL, "document", "is_direct", "protocol", "source")
        .unique([*MODEL, "document"], keep="first", maintain_order=True)
    )
    either_coarse = pl.col("is_coarse") | pl.col("is_coarse").shift(1, fill_value=False)
    rounding = pl.when(either_coarse).then(COARSE_ROUNDING).otherwise(ROUNDING) + 1e-12
    apart = pl.col("score").diff().fill_null(1.0) > rounding
    return (
        per_source.sort(*MODEL, "score", "source")
        .with_columns(measurement=apart.cum_sum().over(MODEL))
        .sort(*MODEL, "measurement", pl.col("scored_by") != "maker", "is_coarse", "source")
        .unique([*MODEL, "measurement"], keep="first", maintain_order=True)
    )


def _teams(independent: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One score per model, benchmark and team; and the text of what was left out, by model and benchmark."""
    documents = _with_reasons(independent, TEAM)
    teams = _with_reasons(
        with_errors(_believed(documents))
        .group_by(TEAM, maintain_order=True)
        .agg(
            pl.col("score", "std_error").mean(),
            pl.col("scored_by", "source_kind").first(),
            source=pl.col("source").sort().str.join("; "),
            n_documents=pl.len(),
        ),
        MODEL,
    )
    left_out = (
        pl.concat([documents, teams], how="diagonal")
        .filter(pl.col("why_left_out").is_not_null())
        .sort(*MODEL, "source")
        .group_by(MODEL, maintain_order=True)
        .agg(left_out=pl.format("{}: {}", "source", "why_left_out").str.join("; "))
    )
    return _believed(teams), left_out


def _believed(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.filter(pl.col("why_left_out").is_null())


def _with_reasons(scores: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """The scores with the reason why one is far from the others of its group; null if it is used."""
    spread = pl.col("score").max().over(by) - pl.col("score").min().over(by)
    disputed = scores.with_row_index("row").filter(spread > FAR)
    reasons: list[str | None] = [None] * scores.height
    for _, group in disputed.group_by(by, maintain_order=True):
        for row, reason in zip(group["row"], _reasons(group["score"].to_numpy()), strict=True):
            reasons[row] = reason
    return scores.with_columns(why_left_out=pl.Series(reasons, dtype=pl.String))


def _reasons(scores: FloatArray) -> list[str | None]:
    """Why each of the independent scores of one model is left out; None where it is used.

    The score farthest from the median of the others is removed first, of equals the lower one,
    until all are near. If fewer than half would remain, none is removed.
    """
    reasons: list[str | None] = [None] * scores.size
    believed = list(range(scores.size))
    while len(believed) > 2:
        others = [float(np.median([scores[o] for o in believed if o != row])) for row in believed]
        apart = [abs(scores[row] - middle) for row, middle in zip(believed, others, strict=True)]
        farthest = max(range(len(believed)), key=lambda at: (apart[at], -scores[believed[at]]))
        if apart[farthest] <= FAR:
            return reasons
        row, middle = believed.pop(farthest), others[farthest]
        side = "below" if scores[row] < middle else "above"
        reasons[row] = f"{scores[row]:.3f} is {apart[farthest]:.3f} {side} the median of the others"
        if 2 * len(believed) < scores.size:
            return [None] * scores.size
    if len(believed) == 2 and np.ptp(scores[believed]) > FAR:
        if scores.size > 2:
            return [None] * scores.size
        low, high = scores.min(), scores.max()
        reasons[int(scores.argmin())] = f"{low:.3f} is {high - low:.3f} below the only other"
    return reasons


def _reported(kept: pl.DataFrame, effects: pl.DataFrame) -> pl.DataFrame:
    pooled = (
        kept.group_by(MODEL, maintain_order=True)
        .agg(
            pl.col("score").mean(),
            # All sources use the same items, so averaging does not reduce their error.
            item_std_error=pl.col("std_error").mean(),
            n_sources=pl.len(),
            n_documents=pl.col("n_documents").sum(),
            score_low=pl.col("score").min(),
            score_high=pl.col("score").max(),
            source_kind=pl.col("source_kind").first(),
            only_makers=(pl.col("scored_by") == "maker").all(),
            sources=pl.col("source").sort().str.join("; "),
        )
        .join(effects.select("benchmark", "between_source_std", "maker_premium"), on="benchmark")
    )
    between = pl.col("between_source_std").fill_null(0)
    premium = pl.when("only_makers").then(pl.col("maker_premium").fill_null(0)).otherwise(0)
    return pooled.with_columns(
        source_std_error=(between.pow(2) / pl.col("n_sources") + premium.pow(2)).sqrt(),
    ).with_columns(
        std_error=(pl.col("item_std_error").pow(2) + pl.col("source_std_error").pow(2)).sqrt()
    )


def _measured(usable: pl.DataFrame) -> pl.DataFrame:
    """Our measurements, one row per model and benchmark; samples where there is none of all items."""
    whole = measured_scores(usable.filter(pl.col("source_kind") == "measured"))
    samples = measured_scores(usable.filter(pl.col("source_kind") == "sampled"))
    return pl.concat([whole, samples.join(whole, on=MODEL, how="anti")]).select(
        *MODEL,
        "score",
        "source_kind",
        "std_error",
        item_std_error="std_error",
        n_sources=pl.lit(1, pl.UInt32),
        n_documents=pl.lit(1, pl.UInt32),
        score_low="score",
        score_high="score",
        sources="source",
    )


def measured_scores(measured: pl.DataFrame, *, by: tuple[str, ...] = ()) -> pl.DataFrame:
    """One measured score per model and benchmark, with its standard error.

    Args:
        measured: measured rows of a `scores` frame.
        by: further columns; one score is chosen for each of their values.
    """
    weights = ("model_id", "revision")
    return (
        with_errors(measured)
        .with_columns(
            breadth=pl.col("benchmark").n_unique().over(weights),
            newest=pl.col("observed_at").max().over(weights),
        )
        .sort(
            *MODEL, "breadth", "newest", "source", "revision", "protocol",
            descending=[False, False, True, True, False, False, False],
        )
        .unique([*MODEL, *by], keep="first", maintain_order=True)
    )  # fmt: skip


def with_errors(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores with the standard error of their items where the row does not state one."""
    items = pl.coalesce("n_items", _usual_items())
    return scores.with_columns(
        std_error=pl.coalesce("std_error", binomial_error(pl.col("score"), items))
    )


def binomial_error(score: pl.Expr, items: pl.Expr | int) -> pl.Expr:
    """Standard error of a share of n items, after Agresti and Coull, so never 0 at 0 or 1."""
    share = (score * items + 2) / (items + 4 if isinstance(items, int) else items + pl.lit(4))
    return (share * (1 - share) / items).sqrt()


def _usual_items() -> pl.Expr:
    return pl.col("benchmark").replace_strict(ITEMS, default=None, return_dtype=pl.Int64)


def _effects(kept: pl.DataFrame, benchmark: str, resamples: int) -> dict[str, Any]:
    """The row of one benchmark."""
    own = kept.filter(pl.col("benchmark") == benchmark)
    several = own.filter(pl.len().over("model_id") > 1)
    row: dict[str, Any] = {
        "benchmark": benchmark,
        "n_models": several["model_id"].n_unique(),
        "n_scores": several.height,
    }
    within = several.group_by("model_id", maintain_order=True).agg(
        squares=(pl.col("score") - pl.col("score").mean()).pow(2).sum(), freedom=pl.len() - 1
    )
    row |= _between(within, resamples)
    maker = pl.col("scored_by") == "maker"
    premiums = (
        several.group_by("model_id", maintain_order=True)
        .agg(
            premium=pl.col("score").filter(maker).mean() - pl.col("score").filter(~maker).mean(),
        )
        .drop_nulls()["premium"]
        .to_numpy()
    )
    return row | _premium(premiums, resamples)


def _between(within: pl.DataFrame, resamples: int) -> dict[str, Any]:
    squares, freedom = (within[name].cast(pl.Float64).to_numpy() for name in ("squares", "freedom"))
    if within.height < FEWEST_SHARED_MODELS:
        return {
            "reason": f"models scored by several sources: {within.height}, needed: {FEWEST_SHARED_MODELS}"
        }
    low, high = None, None
    if resamples:
        weights = cluster_weights(tuple(within["model_id"]), resamples, SEED)
        drawn = np.sqrt((weights @ squares) / (weights @ freedom))
        low, high = percentile_interval(drawn) or (None, None)
    return {
        "between_source_std": float(np.sqrt(squares.sum() / freedom.sum())),
        "between_source_std_low": low,
        "between_source_std_high": high,
        "reason": "pooled within models over teams; documents of one team are averaged",
    }


def _premium(premiums: FloatArray, resamples: int) -> dict[str, Any]:
    n = premiums.size
    if n < FEWEST_SHARED_MODELS:
        return {"n_models_maker": n}
    low, high = None, None
    if resamples:
        weights = cluster_weights(tuple(f"{row:06d}" for row in range(n)), resamples, SEED)
        low, high = percentile_interval(weights @ premiums / n) or (None, None)
    return {
        "maker_premium": float(premiums.mean()),
        "maker_premium_low": low,
        "maker_premium_high": high,
        "n_models_maker": n,
    }
