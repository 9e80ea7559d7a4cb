"""Tables of measured models: `evaluations`, `eval_items` and rows of `scores`, from evaluation folders.

Items and scores come from complete evaluations only: outcome `done`, the item limit of this
installation, all items of a benchmark present. Not here: reading a folder (`folder_reader`), and models that are not
measured yet (`queue`).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.folder_format import MOST_FAILED
from densing_pipeline.evaluation.folder_reader import (
    Folder,
    read_folders,
    read_items,
    text,
    whole_number,
)
from densing_pipeline.evaluation.suite.benchmark import Benchmark, version
from densing_pipeline.tables.published import EVAL_ITEMS, EVALUATIONS, SCORES

MOST_ROLE_STARTS = 0.2
"""Share of answers that begin with a think or role token above which a score is marked: the model was trained to chat, and
prompts for base models measure it too low."""

SOURCE = "densing-pipeline"
"""Value of `source` for measured scores."""


def read(
    root: Path, suite: Sequence[Benchmark], limit: int | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All evaluations, and the items of the complete ones.

    Args:
        root: where the evaluation folders are.
        suite: the benchmarks in force, which say how many items each has.
        limit: items per benchmark of the trials that this installation publishes; None for whole
            evaluations.

    Returns:
        The `evaluations` and `eval_items` tables.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    kept = [EVAL_ITEMS.empty()]
    for found in read_folders(root):
        row, frame = evaluation(found, suite)
        key = tuple(row[name] for name in EVALUATIONS.key)
        if key in rows:
            rows[key]["reason"] += f"; {found.path.name} holds the same once more and is not read"
            continue
        rows[key] = row
        if found.item_limit == limit:
            kept.append(frame)
    evaluations = pl.DataFrame(list(rows.values()), EVALUATIONS.polars_schema)
    return EVALUATIONS.cast(evaluations), EVAL_ITEMS.cast(pl.concat(kept))


def evaluation(found: Folder, suite: Sequence[Benchmark]) -> tuple[dict[str, Any], pl.DataFrame]:
    """One folder as a row of `evaluations`, and its items if it is complete."""
    row = _row(found)
    if found.state != "done":
        return row, EVAL_ITEMS.empty()
    frame, damaged = read_items(found)
    suite_version, target = sampling.target_of(found.suite_version)
    # How many items a benchmark had under another suite version is not known here.
    in_force = suite if suite_version == version(suite) else ()
    sizes = {benchmark.name: benchmark.n_items for benchmark in in_force if benchmark.n_items}
    if target is not None:
        told = {name: whole_number(found.provenance.get(f"sampled {name}")) for name in sizes}
        sizes = {name: asked for name, asked in told.items() if asked}
    frame, incomplete = _whole(frame, found.item_limit, sizes)
    return row | _judged(frame, [*damaged, *incomplete], found), frame


def scores(
    evaluations: pl.DataFrame,
    eval_items: pl.DataFrame,
    suite: Sequence[Benchmark],
    limit: int | None,
) -> pl.DataFrame:
    """Scores of the measured models.

    A failed item counts as wrong (`n_failed` has their number; `MOST_FAILED` is the limit). Scores
    under another suite version than the one in force keep their own protocol and are not used in
    densities. The score of a sample is that of the whole benchmark, estimated: `source_kind` is
    `sampled`, `sampled_from` the number of questions, and `sampling_error` the error of the estimate.

    Args:
        evaluations: an `evaluations` frame.
        eval_items: an `eval_items` frame.
        suite: the benchmarks in force.
        limit: as in `read`.

    Returns:
        A `scores` frame. The standard error is clustered by subject.
    """
    by = ["model_id", "revision", "suite_version", "benchmark"]
    scored = eval_items.filter(pl.col("score").is_not_null().any().over(by)).with_columns(
        value=pl.col("score").fill_null(0), weight=pl.col("item_weight").fill_null(1)
    )
    finished = evaluations.filter(pl.col("item_limit").eq_missing(limit)).select(
        "model_id",
        "revision",
        "suite_version",
        pl.col("finished_at").dt.date().alias("observed_at"),
        pl.col("finished_at").dt.date().alias("known_from"),
        pl.lit("measured").alias("known_from_basis"),
    )
    trial = "" if limit is None else f", first {limit} items"
    rows = (
        scored.group_by(by)
        .agg(
            score=((pl.col("value") * pl.col("weight")).sum() / pl.col("weight").sum()).clip(0, 1),
            n_items=pl.len(),
            sampled_from=pl.col("weight").sum().round().cast(pl.Int64),
            n_failed=pl.col("score").null_count(),
            n_truncated=pl.col("is_truncated").sum(),
            n_role_starts=pl.col("begins_with_role").sum(),
        )
        .join(_errors(scored, by), on=by)
        .join(_sampling_errors(scored, by), on=by)
        .join(finished, on=["model_id", "revision", "suite_version"])
        .with_columns(
            is_chat_formatted=pl.col("n_role_starts") > MOST_ROLE_STARTS * pl.col("n_items")
        )
        .with_columns(is_sample=pl.col("n_items") < pl.col("sampled_from"))
        .with_columns(
            protocol=pl.format(
                f"{{}}; suite {{}}{trial}",
                pl.col("benchmark").replace({each.name: _protocol(each) for each in suite}),
                "suite_version",
            ),
            is_in_force=pl.col("suite_version").str.split(sampling.MARK).list.first()
            == version(suite),
        )
        .with_columns(
            is_paper_protocol=pl.col("is_in_force") & pl.col("benchmark").is_in(AVERAGED),
            source_kind=pl.when("is_sample").then(pl.lit("sampled")).otherwise(pl.lit("measured")),
            sampled_from=pl.when("is_sample").then("sampled_from"),
            sampling_error=pl.when("is_sample").then("sampling_error"),
            source=pl.lit(SOURCE),
            item_limit=pl.lit(limit, pl.Int64),
        )
    )
    return SCORES.cast(rows.drop("is_sample"))


def _protocol(benchmark: Benchmark) -> str:
    """Benchmark, shots and metric in words, such as `MMLU 5-shot letter`."""
    shots = benchmark.fewshot.shots if benchmark.fewshot else 0
    metric = re.sub(r"(?<!^)(?=[A-Z])", " ", type(benchmark.metric).__name__).lower()
    own = " on own questions" if benchmark.has_own_content else ""
    return f"{benchmark.name} {shots}-shot {metric}{own}"


def _errors(scored: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Standard error of each mean, clustered by subject; by item where there are no subjects.

    With residual sums r_g of G subjects and n items it is sqrt(G / (G - 1) sum r_g^2) / n (Cameron
    and Miller 2015, eq. 6, for a mean), and at least the binomial error of n items (Agresti and
    Coull, so never 0): subjects with equal means by chance do not make a score more certain.
    """
    several = pl.col("subject").n_unique().over(by) > 1
    cluster = pl.when(several).then("subject").otherwise("item_id").alias("cluster")
    sums = (
        scored.with_columns(cluster, residual=pl.col("value") - pl.col("value").mean().over(by))
        .group_by(*by, "cluster")
        .agg(pl.col("residual").sum(), pl.col("value").sum(), n=pl.len())
        .group_by(by)
        .agg(
            pl.col("n").sum(),
            groups=pl.len().cast(pl.Float64),
            squares=pl.col("residual").pow(2).sum(),
            share=(pl.col("value").sum() + 2) / (pl.col("n").sum() + 4),
        )
    )
    clustered = (pl.col("groups") / (pl.col("groups") - 1) * pl.col("squares")).sqrt() / pl.col("n")
    binomial = (pl.col("share") * (1 - pl.col("share")) / pl.col("n")).sqrt()
    return sums.select(
        *by,
        std_error=pl.max_horizontal(pl.when(pl.col("groups") > 1).then(clustered), binomial).clip(
            0, 1
        ),
    )


def _sampling_errors(scored: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Standard error of each score as an estimate of the score on all questions (`sampling.estimate`)."""
    share = pl.col("questions") / pl.col("questions").sum()
    unasked = (1 - pl.col("n") / pl.col("questions")).clip(0)
    right, n = pl.col("right").sum(), pl.col("n").sum()
    is_few = pl.min_horizontal(right, n - right) < sampling.RARE_ANSWERS
    missed = pl.when(is_few).then(sampling.missed_variance(right, n)).otherwise(0)
    squares = share.pow(2) * unasked * (pl.col("variance").fill_null(0) + missed) / pl.col("n")
    return (
        scored.group_by(*by, "subject")
        .agg(
            n=pl.len(),
            questions=pl.col("weight").sum(),
            variance=pl.col("value").var(),
            right=pl.col("value").sum(),
        )
        .group_by(by)
        .agg(sampling_error=squares.sum().sqrt().clip(0, 1))
    )


def _whole(
    frame: pl.DataFrame, limit: int | None, sizes: Mapping[str, int]
) -> tuple[pl.DataFrame, list[str]]:
    """Items of the complete benchmarks, and remarks on those with missing or too many failed items."""
    remarks = []
    counts = frame.group_by("benchmark").agg(
        n=pl.len(),
        failed=(pl.col("score").is_null() & pl.col("answer_nll_nats_per_token").is_null()).sum(),
        why=pl.col("failed_reason").drop_nulls().mode().sort().first(),
    )
    for name, n, failed, why in counts.sort("benchmark").iter_rows():
        whole = sizes.get(name, n)
        expected = whole if limit is None else min(limit, whole)
        if n != expected:
            remarks.append(f"{name}: {n} of {expected} items")
        elif failed > MOST_FAILED * n:
            remarks.append(f"{name}: {failed} of {n} items failed, most as: {why}")
    bad = [remark.partition(":")[0] for remark in remarks]
    return frame.filter(~pl.col("benchmark").is_in(bad)), remarks


def _judged(frame: pl.DataFrame, remarks: list[str], found: Folder) -> dict[str, Any]:
    """Columns that depend on the items: counts, and state `failed` if an averaged benchmark lacks."""
    lacking = [name for name in AVERAGED if name not in frame["benchmark"]]
    explained = {re.split(r"\.parquet|:", remark)[0] for remark in remarks}
    remarks = remarks + [f"{name}: no items" for name in lacking if name not in explained]
    roles = frame.group_by("benchmark").agg(share=pl.col("begins_with_role").mean())
    remarks += [
        f"{name}: {share:.0%} of the answers begin with a think or role token"
        for name, share in roles.filter(pl.col("share") > MOST_ROLE_STARTS)
        .sort("benchmark")
        .iter_rows()
    ]
    row: dict[str, Any] = {
        "n_items": frame.height,
        "n_failed": int(frame["failed_reason"].is_not_null().sum()),
        "n_truncated": int(frame["is_truncated"].sum()),
        "reason": "; ".join([found.reason, *remarks]),
    }
    if lacking:
        row |= {"state": "failed", "reason": "; ".join(remarks), "is_resumable": True}
    return row


def _row(found: Folder) -> dict[str, Any]:
    """A row of `evaluations` from the folder's state and provenance."""
    told = found.provenance
    texts = (
        "engine", "vllm_version", "torch_version", "transformers_version", "python_version",
        "dtype", "quantisation", "prompt_sha256", "tokenizer_sha256", "device", "sandbox",
    )  # fmt: skip
    invariant = told.get("batch_invariant")
    return {
        "model_id": found.model_id,
        "revision": found.revision,
        "suite_version": found.suite_version,
        "item_limit": found.item_limit,
        "state": found.state,
        "reason": found.reason,
        "attempts": max(found.attempt, 1),
        "attempts_excused": found.excused,
        "is_resumable": found.resumable,
        "requested_revision": found.requested_revision,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        "seconds": _number(told.get("seconds")),
        "batch_invariant": None if invariant is None else invariant in (True, 1, "true"),
        "tensor_parallel": whole_number(told.get("tensor_parallel")),
        "prompt_tokens": whole_number(told.get("prompt_tokens")),
        "completion_tokens": whole_number(told.get("completion_tokens")),
        "measuring_seconds": _number(told.get("measuring_seconds")),
        "gpu_seconds": _number(told.get("gpu_seconds")),
        "joules": _number(told.get("joules")),
        "joules_reason": text(told.get("joules_reason")),
        "peak_memory_bytes": whole_number(told.get("peak_memory_bytes")),
    } | {name: text(told.get(name)) for name in texts}


def _number(value: object) -> float | None:
    """The value if it is a number of at least 0, else None."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 2**63 else None
