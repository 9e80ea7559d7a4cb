"""Rows of `scores` that come from outside sources by themselves: linked, and in the paper's protocol.

A report becomes a score if its name is linked to a base model with enough confidence, its benchmark and
protocol are among those that count (`benchmarks.COUNTED`), it is not far below guessing, the bundled facts do
not already have it from the same address, and its document does not give the model the same number on
another benchmark. It counts as known from the day the source first gave it, and no longer from the day the
source revised or withdrew it (`known_to`): a revision is a further row, so past days keep the value that
was known then. All other reports stay in `benchmark_reports`.

A bundled fact stands until a source revises it: gives another value for the same model and benchmark from
the fact's address, under the protocol that counts, later than the fact. The fact is as old as the day it was
read, or older where the source itself gave its value before. From the day of the revision on the source's
values count, and the fact has that day as `known_to`. So a fact that is read again after the revision
stands, and so does one whose value the source still gives in another row.

Not here: which model a name stands for (`score_sources.links`), and pooling (`density.pooled_scores`).
"""

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, BELOW_GUESSING
from densing_pipeline.density.pooled_scores import ROUNDING
from densing_pipeline.facts.documents import team
from densing_pipeline.facts.score_rules import below_guessing, is_counted
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import BENCHMARK_REPORTS, SCORES
from densing_pipeline.tables.revised_scores import OF_SCORE, with_first_days

SUREST = 0.95
"""Least confidence of a link for a score to count."""

OF_ROW = ("source", "benchmark_name", "model", "entry")
"""What identifies a row of an outside source over time."""

OF_VALUE = (*OF_ROW, "value")
"""What identifies a value that such a row had."""

OF_PLACE = ("model_id", "benchmark", "place")
"""What a value and a fact have in common that one document gives."""

OF_FACT = (*OF_PLACE, "fact_protocol", "fact_source")
"""What identifies a fact."""

_EPOCH_PROTOCOL = r"^(\d+)-shot (?:EM|Average)$"
_ARXIV = r"(?i)arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})"


def with_reasons(benchmark_reports: pl.DataFrame) -> pl.DataFrame:
    """The reports with the reason of those that are linked and are no score of their benchmark.

    Args:
        benchmark_reports: a frame of that table.
    """
    is_told = pl.col("model_id").is_not_null() & pl.col("reason").is_null()
    return BENCHMARK_REPORTS.cast(
        benchmark_reports.with_columns(
            reason=pl.when(is_told & below_guessing())
            .then(pl.lit(BELOW_GUESSING))
            .otherwise("reason")
        )
    )


def scores(
    benchmark_reports: pl.DataFrame,
    models: pl.DataFrame,
    reported: pl.DataFrame,
    documents: pl.DataFrame,
    organisation_names: pl.DataFrame,
) -> pl.DataFrame:
    """The bundled reported scores, and the reports of outside sources that count beside them.

    Args:
        benchmark_reports: the table of that name.
        models: a `models` frame; only its base models count.
        reported: the bundled reported scores, a `scores` frame (`reported_scores.scores`).
        documents: the fact table `score_documents`, which says what team published a document.
        organisation_names: the fact table of that name.

    Returns:
        A `scores` frame. A bundled score that a source has revised has `known_to`.
    """
    linked = benchmark_reports.filter(pl.col("confidence") >= SUREST).with_columns(
        protocol=pl.col("protocol").str.replace(_EPOCH_PROTOCOL, "${1}-shot em"),
        place=_place("source_url"),
    )
    base = models.filter("is_base").select("model_id", released="release_date")
    values = (
        _values(_under_one_name(linked))
        .filter(is_counted(), ~below_guessing())
        .join(
            base.unique("model_id", keep="first", maintain_order=True),
            on="model_id",
            maintain_order="left",
        )
        .with_columns(known_from=pl.max_horizontal("observed_from", "released"))
    )
    placed = reported.with_columns(place=_place("source_url"))
    facts = placed.select(
        *OF_PLACE,
        counts=is_counted(),
        fact_protocol="protocol",
        fact_source="source",
        fact_score="score",
        fact_read_on="observed_at",
    )
    revisions = _revisions(values, facts)
    ends = revisions.group_by(OF_FACT).agg(fact_end=pl.col("known_from").min())
    further = _further(values, facts.join(ends, on=OF_FACT, how="left"), revisions)
    bundled = placed.join(
        ends.rename({"fact_protocol": "protocol", "fact_source": "source"}),
        on=[*OF_PLACE, "protocol", "source"],
        how="left",
        maintain_order="left",
    ).with_columns(known_to="fact_end")
    return SCORES.cast(
        pl.concat(
            [bundled, _rows(further, documents, organisation_names)], how="diagonal_relaxed"
        ).select(SCORES.names)
    )


def _beside_facts(values: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Each value beside each fact of the same model and benchmark from the same address.

    Returns:
        The columns of both; `is_same` is whether the two are one number, `is_other` whether the value is
        none of the facts from there.
    """
    is_same = (pl.col("score") - pl.col("fact_score")).abs() <= ROUNDING + 1e-12
    return (
        values.join(facts, on=OF_PLACE)
        .with_columns(is_same=is_same)
        .with_columns(is_other=~pl.col("is_same").any().over(OF_VALUE))
    )


def _revisions(values: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The values that count in place of a fact: `OF_VALUE`, `OF_FACT` and `known_from`."""
    beside = _beside_facts(values, facts)
    same = beside.filter("is_same")
    first = pl.col("observed_from").min()
    given = same.group_by(*OF_ROW, *OF_FACT).agg(given_from=first)
    any_given = same.group_by(OF_ROW).agg(any_from=first)
    since = pl.col("observed_from")
    others = (
        beside.filter("is_other", "counts")
        .join(given, on=[*OF_ROW, *OF_FACT], how="left")
        .join(any_given, on=OF_ROW, how="left")
        .filter(
            # Of several facts only that is revised whose value the row of the source gave before.
            (pl.col("given_from") < since)
            | ((pl.col("any_from").is_null() | (pl.col("any_from") > since))
               & (since > pl.col("fact_read_on")))
        )
    )  # fmt: skip
    has_begun = pl.col("observed_from_same") <= since
    goes_on = pl.col("observed_to_same").is_null() | (pl.col("observed_to_same") > since)
    still_given = others.join(
        same.select(*OF_FACT, "observed_from", "observed_to"), on=OF_FACT, suffix="_same"
    ).filter(has_begun & goes_on)
    revised = others.join(still_given, on=[*OF_VALUE, *OF_FACT], how="anti")
    return revised.select(*OF_VALUE, *OF_FACT, "known_from")


def _further(values: pl.DataFrame, facts: pl.DataFrame, revisions: pl.DataFrame) -> pl.DataFrame:
    """The values without those that a fact stands for.

    Args:
        values: values of sources.
        facts: the facts, with `fact_end`, the day from which a revision counts.
        revisions: the values that count in place of a fact.
    """
    beside = _beside_facts(values, facts)
    stands = pl.col("fact_end").is_null() | (pl.col("fact_end") > pl.col("known_from"))
    repeated = beside.filter("is_same", stands)
    older = beside.filter("is_other", "counts").join(revisions, on=OF_VALUE, how="anti")
    for left_out in (repeated, older):
        values = values.join(left_out, on=OF_VALUE, how="anti", maintain_order="left")
    return values


def _rows(
    values: pl.DataFrame, documents: pl.DataFrame, organisation_names: pl.DataFrame
) -> pl.DataFrame:
    """The rows of `scores` of these values."""
    teams = documents.select(place=_place("source_url"), publisher="publisher").unique(
        "place", keep="first", maintain_order=True
    )
    is_own = team(pl.col("model_id"), organisation_names) == pl.col("publisher")
    is_late = pl.col("released") > pl.col("observed_from")
    named = (
        values.join(teams, on="place", how="left", maintain_order="left")
        .with_columns(
            is_paper_protocol=pl.col("benchmark").is_in(AVERAGED),
            source_kind=pl.lit("reported"),
            source=_name(),
            observed_at="observed_from",
            scored_by=pl.when(is_own).then(pl.lit("maker")).otherwise(pl.lit("third_party")),
            source_confidence=pl.when(pl.col("cited").is_null())
            .then(pl.lit("high"))
            .otherwise(pl.lit("medium")),
            known_from_basis=pl.when(is_late)
            .then(pl.lit("model_release"))
            .otherwise(pl.lit("first_seen")),
            known_to="observed_to",
        )
        .filter(_has_days())
    )
    return with_first_days(_in_turn(named))


def _in_turn(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one score that begin on one day, one after the other.

    A source may list two values of a score with one document. The first of them counts; the next from
    the day on which the source no longer gives the first.
    """
    by = [*OF_SCORE, "known_from"]
    while rows.select(by).is_duplicated().any():
        is_first = pl.int_range(pl.len()).over(by) == 0
        end_of_first = pl.col("known_to").first().over(by)
        rows = rows.with_columns(
            known_from=pl.when(is_first).then("known_from").otherwise(end_of_first),
            known_from_basis=pl.when(is_first)
            .then("known_from_basis")
            .otherwise(pl.lit("first_seen")),
        ).filter(pl.col("known_from").is_not_null() & _has_days())
    return rows


def _has_days() -> pl.Expr:
    return pl.col("known_to").is_null() | (pl.col("known_to") > pl.col("known_from"))


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
        | pl.col("place").shift(1).over(OF_ROW).ne_missing(pl.col("place"))
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


def _place(column: str) -> pl.Expr:
    """An address without what differs between two ways to write it: scheme, final slash, form of arXiv."""
    plain = pl.col(column).str.replace(r"(?i)^https?://(www\.)?", "").str.strip_chars_end("/")
    number = pl.col(column).str.extract(_ARXIV)
    return pl.coalesce(pl.format("arxiv:{}", number), plain)
