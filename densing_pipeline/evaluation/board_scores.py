"""Rows of `scores` that come from outside sources by themselves: linked, and in the paper's protocol.

A report becomes a score if its name is linked to a base model with enough confidence, its benchmark is
one of the paper's, its shots and metric are the paper's, the bundled facts do not already have it from
the same address, and its document does not give the model the same number on another benchmark. It counts as known from the day the source first gave it, and no longer from the day the
source revised or withdrew it (`known_to`): a revision is a further row, so past days keep the value that
was known then. All other reports stay in `benchmark_reports`. Not here: which model a name stands for
(`score_sources.links`), and pooling (`density.pooled_scores`).
"""

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, REGISTRY
from densing_pipeline.facts.documents import team
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import SCORES

SUREST = 0.95
"""Least confidence of a link for a score to count."""

OF_ROW = ("source", "benchmark_name", "model", "entry")
"""What identifies a row of an outside source over time."""

OF_SCORE = ("model_id", "benchmark", "protocol", "source")
"""What identifies a reported score."""

_EPOCH_PROTOCOL = r"^(\d+)-shot (?:EM|Average)$"
_ARXIV = r"(?i)arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})"


def scores(
    benchmark_reports: pl.DataFrame,
    models: pl.DataFrame,
    reported_scores: pl.DataFrame,
    documents: pl.DataFrame,
    organisation_names: pl.DataFrame,
) -> pl.DataFrame:
    """The reports of outside sources that count as reported scores.

    Args:
        benchmark_reports: the table of that name.
        models: a `models` frame; only its base models count.
        reported_scores: the fact table of that name.
        documents: the fact table `score_documents`, which says what team published a document.
        organisation_names: the fact table of that name.

    Returns:
        Rows of `scores`.
    """
    base = models.filter("is_base").select("model_id", released="release_date")
    protocol = pl.col("protocol").str.replace(_EPOCH_PROTOCOL, "${1}-shot em")
    paper = [f"{name} {one}" for name in AVERAGED for one in REGISTRY[name].reported_protocols]
    linked = benchmark_reports.filter(pl.col("confidence") >= SUREST).with_columns(
        protocol=protocol, place=_place("source_url")
    )
    reports = (
        _under_one_name(linked)
        .filter(pl.concat_str("benchmark", "protocol", separator=" ").is_in(paper))
        .join(base.unique("model_id", keep="first", maintain_order=True), on="model_id")
    )
    bundled = reported_scores.select("model_id", "benchmark", place=_place("source_url"))
    new = reports.join(bundled, on=("model_id", "benchmark", "place"), how="anti")
    teams = documents.select(place=_place("source_url"), publisher="publisher").unique(
        "place", keep="first", maintain_order=True
    )
    values = _values(new).join(teams, on="place", how="left", maintain_order="left")
    is_own = team(pl.col("model_id"), organisation_names) == pl.col("publisher")
    return SCORES.cast(
        values.with_columns(
            is_paper_protocol=pl.lit(value=True),
            source_kind=pl.lit("reported"),
            source=_name(),
            observed_at="observed_from",
            scored_by=pl.when(is_own).then(pl.lit("maker")).otherwise(pl.lit("third_party")),
            source_confidence=pl.when(pl.col("cited").is_null())
            .then(pl.lit("high"))
            .otherwise(pl.lit("medium")),
            known_from=pl.max_horizontal("observed_from", "released"),
            known_from_basis=pl.when(pl.col("released") > pl.col("observed_from"))
            .then(pl.lit("model_release"))
            .otherwise(pl.lit("first_seen")),
            known_to="observed_to",
        )
        .filter(pl.col("known_to").is_null() | (pl.col("known_to") > pl.col("known_from")))
        .with_columns(source=pl.concat_str("source", _since()))
        .unique(list(OF_SCORE), keep="first", maintain_order=True)
        .select(pl.col(name) for name in SCORES.names if name not in _EMPTY)
    )


_EMPTY = ("revision", "suite_version", "item_limit", "n_failed", "n_truncated")
"""Columns of `scores` for what we measured ourselves."""


def _under_one_name(reports: pl.DataFrame) -> pl.DataFrame:
    """The reports without those whose number their document had given the model on another benchmark.

    Boards that are kept by hand have copied a row of one benchmark's table into another's (three scores on
    BBH stood under MMLU too). Numbers that came later say nothing of earlier ones.
    """
    number = ("source", "model_id", "place", "score")
    others = reports.group_by(*number, "benchmark_name").agg(since=pl.col("observed_from").min())
    copied = (
        reports.join(others, on=number, suffix="_other")
        .filter(
            pl.col("benchmark_name") != pl.col("benchmark_name_other"),
            pl.col("since") <= pl.col("observed_from"),
        )
        .select(*OF_ROW, "observed_from")
    )
    return reports.join(copied, on=[*OF_ROW, "observed_from"], how="anti", maintain_order="left")


def _values(reports: pl.DataFrame) -> pl.DataFrame:
    """One row per value of a row: days on which only something else of the row changed are joined."""
    before = pl.col("score").shift(1).over(OF_ROW)
    is_new = (
        before.is_null()
        | (before != pl.col("score"))
        | (pl.col("protocol").shift(1).over(OF_ROW) != pl.col("protocol"))
        | (pl.col("observed_to").shift(1).over(OF_ROW) != pl.col("observed_from"))
    )
    of_value = reports.sort(*OF_ROW, "observed_from").with_columns(
        value=is_new.cast(pl.Int64).cum_sum().over(OF_ROW)
    )
    return of_value.group_by(*OF_ROW, "value", maintain_order=True).agg(
        pl.all().exclude("observed_from", "observed_to").first(),
        pl.col("observed_from").first(),
        pl.col("observed_to").last(),
    )


def _name() -> pl.Expr:
    """The document a score is from, and the source that lists it."""
    boards = {name: f"{source.attribution}, {name}" for name, source in SOURCES.items()}
    board = pl.col("source").replace_strict(boards, default=None, return_dtype=pl.String)
    return pl.coalesce(pl.format("{} (as listed by {})", "cited", board), board)


def _since() -> pl.Expr:
    """From when a score is known, where the same document had another one before; else nothing."""
    is_first = pl.col("observed_from") == pl.col("observed_from").min().over(OF_SCORE)
    return pl.when(is_first).then(pl.lit("")).otherwise(pl.format(", {}", "observed_from"))


def _place(column: str) -> pl.Expr:
    """An address without what differs between two ways to write it: scheme, final slash, form of arXiv."""
    plain = pl.col(column).str.replace(r"(?i)^https?://(www\.)?", "").str.strip_chars_end("/")
    number = pl.col(column).str.extract(_ARXIV)
    return pl.coalesce(pl.format("arxiv:{}", number), plain)
