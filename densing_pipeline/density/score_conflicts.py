"""Reports of one model on one benchmark that differ by more than 20 points: what each says, which is used.

Such a gap is rarely noise. Its causes are another protocol, answers that were not recognised, or an
instruct model under a base model's name.

Not here: the pooling of reports (`pooled_scores`).
"""

from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, COMPARED
from densing_pipeline.density.pooled_scores import FAR
from densing_pipeline.facts.score_rules import is_counted
from densing_pipeline.tables.published import SCORE_CONFLICTS


def score_conflicts(scores: pl.DataFrame, pooled: pl.DataFrame) -> pl.DataFrame:
    """Every model and benchmark whose reports are more than `FAR` apart, with the score in use.

    Args:
        scores: a `scores` frame; quoted numbers are left out, because they are no independent
            reports.
        pooled: a `pooled_scores` frame.

    Returns:
        A `score_conflicts` frame, the widest gap first within its key order.
    """
    reports = scores.filter(
        pl.col("source_kind") == "reported",
        pl.col("scored_by").fill_null("third_party") != "quote",
        pl.col("score").is_finite(),
        pl.col("known_to").is_null(),
    )
    counts = pl.when(pl.col("benchmark").is_in(list(COMPARED))).then(is_counted())
    reports = reports.with_columns(counts=counts.otherwise("is_paper_protocol")).sort(
        "model_id", "benchmark", "score", "source", "protocol"
    )
    ends = (
        reports.group_by("model_id", "benchmark", maintain_order=True)
        .agg(
            score_low=pl.col("score").first(),
            protocol_low=pl.col("protocol").first(),
            source_low=pl.col("source").first(),
            counts_low=pl.col("counts").first(),
            score_high=pl.col("score").last(),
            protocol_high=pl.col("protocol").last(),
            source_high=pl.col("source").last(),
            counts_high=pl.col("counts").last(),
        )
        .with_columns(gap=pl.col("score_high") - pl.col("score_low"))
        .filter(pl.col("gap") > FAR)
        .join(
            pooled.select("model_id", "benchmark", "score", "source_kind", "n_sources", "left_out"),
            on=["model_id", "benchmark"],
            how="left",
        )
    )
    rows = [row | {"reason": _reason(row)} for row in ends.iter_rows(named=True)]
    found = pl.DataFrame(rows, schema=SCORE_CONFLICTS.polars_schema | _EXTRA)
    return SCORE_CONFLICTS.cast(found.select(SCORE_CONFLICTS.names))


_EXTRA = {
    "counts_low": pl.Boolean(),
    "counts_high": pl.Boolean(),
    "source_kind": pl.String(),
    "n_sources": pl.Int64(),
    "left_out": pl.String(),
}


def _reason(row: dict[str, Any]) -> str:
    """Which of the two reports is used, and why."""
    if row["score"] is None:
        if row["benchmark"] in COMPARED:
            return "neither is used: no report of this benchmark is under the protocol that counts"
        if row["benchmark"] not in AVERAGED:
            return "neither is used: no density rests on this benchmark"
        return "neither is used: no report of this benchmark is under the paper's protocol"
    if row["source_kind"] == "measured":
        return "neither is used: what we measured goes before what was reported"
    if row["source_kind"] == "claimed":
        return "neither is used: no report counts, so what the model's repository claims does"
    parts = [
        f"the {end} one is not used: {row[f'protocol_{end}']!r} is another protocol"
        for end in ("low", "high")
        if not row[f"counts_{end}"]
    ]
    if row["left_out"]:
        parts.append(f"not believed: {row['left_out']}")
    n = row["n_sources"]
    said = (
        f"used is the mean of {n} independent sources" if n > 1 else "used is the one source left"
    )
    parts.append(said if parts else f"both are used: {said.removeprefix('used is ')}")
    return "; ".join(parts)
