"""Documents that report scores: which team published each, and the day it was public.

The day is a fact of the document, or of the row where a document grows. So a row that is added to a
board later does not change when its earlier rows were known.

Not here: rules about a score by itself (`score_rules`), and the scores of a past day
(`density.density_history`).
"""

import polars as pl

from densing_pipeline.tables.schemas import TableError

DRAFT_DAYS = 31
"""Most days by which a team's own document may precede the release of its model."""

HARNESSES = {("nvidia", "MBPP"): "sanitized", ("nvidia", "MATH"): "Minerva"}
"""Variant of a benchmark that a team runs in all its reports, also where a report does not name it."""

PLACE = ("model_id", "benchmark", "source")


def team(model_id: pl.Expr, names: pl.DataFrame) -> pl.Expr:
    """Team that made a model: its namespace on the Hub, in lower case, mirrors under their origin's.

    Args:
        model_id: Hub ids.
        names: the fact table `organisation_names`.
    """
    namespace = model_id.str.split("/").list.first().str.to_lowercase()
    return namespace.replace(dict(names.select("organisation_name", "organisation").iter_rows()))


def with_days(
    scores: pl.DataFrame, documents: pl.DataFrame, base_models: pl.DataFrame
) -> pl.DataFrame:
    """Reported scores with their publisher and the day from which each counts as known.

    That day is the row's own, else its document's, but not before the release of the row's model.
    It depends on no other row.

    Args:
        scores: the fact table `reported_scores`.
        documents: the fact table `score_documents`.
        base_models: the fact table of that name.

    Returns:
        The rows with `publisher`, `document_kind`, `public_from` (day of the row, else of its
        document), `release_date`, `known_from` and `known_from_basis`.
    """
    of_document = documents.rename({"published_at": "document_day"})
    released = base_models.select("model_id", "release_date")
    joined = scores.join(of_document, on="source_url", how="left").join(
        released, on="model_id", how="left"
    )
    later = pl.col("release_date") > pl.col("public_from")
    return joined.with_columns(
        public_from=pl.coalesce("published_at", "document_day")
    ).with_columns(
        known_from=pl.max_horizontal("public_from", "release_date"),
        known_from_basis=pl.when(later).then(pl.lit("model_release")).otherwise("published_basis"),
    )


def check_documents(
    scores: pl.DataFrame,
    documents: pl.DataFrame,
    base_models: pl.DataFrame,
    names: pl.DataFrame,
) -> None:
    """Raise if days or scorers of reported scores contradict documents or models.

    Args:
        scores: the fact table `reported_scores`.
        documents: the fact table `score_documents`.
        base_models: the fact table of that name.
        names: the fact table `organisation_names`.

    Raises:
        TableError: naming the row, or the document, and the remedy.
    """
    alias = documents.filter(team(pl.col("publisher"), names) != pl.col("publisher"))
    for row in alias.iter_rows(named=True):
        raise TableError(
            f"score_documents.csv, {row['source_url']}: publisher {row['publisher']!r} is another "
            "name of a team, by organisation_names.csv; write the team's own"
        )
    dated = with_days(scores, documents, base_models).with_columns(
        is_own=team(pl.col("model_id"), names) == pl.col("publisher")
    )
    for row in dated.iter_rows(named=True):
        if problem := _problem(row):
            place = ", ".join(row[name] for name in PLACE)
            raise TableError(f"reported_scores.csv, {place}: {problem}")


def _problem(row: dict[str, object]) -> str | None:
    maker, own = row["scored_by"] == "maker", row["is_own"]
    if row["scored_by"] != "quote" and maker != own:
        said = "is" if own else "is not"
        return (
            f"scored_by is {row['scored_by']}, but {row['publisher']}, which published the source, "
            f"{said} the model's maker; correct scored_by, or the publisher in score_documents.csv"
        )
    variant = HARNESSES.get((str(row["publisher"]), str(row["benchmark"])))
    if variant is not None and f"({variant})" not in str(row["protocol"]):
        return (
            f"{row['publisher']} runs the variant {variant} of it in all its reports; end the protocol "
            f"with ({variant}) and set is_paper_protocol to false"
        )
    if row["document_kind"] == "board" and row["published_at"] is None:
        return "rows are added to this board, so each states in published_at when it was"
    return _day_problem(row)


def _day_problem(row: dict[str, object]) -> str | None:
    public, read, released = row["public_from"], row["observed_at"], row["release_date"]
    if public < row["document_day"]:  # type: ignore[operator]
        return f"published_at {public} is before its document's, {row['document_day']}"
    if public > read:  # type: ignore[operator]
        return f"published on {public}, but read on {read}; correct one of the days"
    early = (released - public).days  # type: ignore[operator]
    if early > (DRAFT_DAYS if row["is_own"] else 0):
        return (
            f"public on {public}, {early} days before the model, on {released}; give the row's own "
            "day in published_at, or correct the model's release date: nobody else scores a model "
            "before its release"
        )
    return None
