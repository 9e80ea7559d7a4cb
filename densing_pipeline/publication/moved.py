"""What published numbers moved from one release to the next, in sentences.

The feed of releases has them, and `densing releases compare` prints them for the *Data* section of the
changelog. Not here: the table they are made from (`revisions`).
"""

from collections.abc import Iterator

import polars as pl


def of_release(revisions: pl.DataFrame, previous: str | None) -> pl.DataFrame:
    """The rows of `revisions` that say what moved since the release `previous`; none without one."""
    return revisions.filter(pl.col("release_id") == previous) if previous else revisions.clear()


def sentences(moved: pl.DataFrame) -> list[str]:
    """A sentence for each column in which numbers moved and each cause, in the order of the table.

    Args:
        moved: rows of `revisions`.
    """
    groups = moved.group_by("table", "column", "cause", maintain_order=True)
    return [
        f"`{table}.{column}`{f' ({cause})' if cause else ''}: {'; '.join(_parts(rows))}."
        for (table, column, cause), rows in groups
    ]


def markdown(moved: pl.DataFrame) -> str:
    """The *Data* section of a changelog: a list with the sentences."""
    found = sentences(moved)
    return "\n".join(f"- {each}" for each in found) if found else "- No published number moved."


def _parts(rows: pl.DataFrame) -> Iterator[str]:
    """How many numbers moved and by how much at most, appeared, and vanished."""
    was, now = pl.col("previous"), pl.col("current")
    both = rows.filter(was.is_not_null(), now.is_not_null()).with_columns(
        change=pl.when(was == now).then(0.0).otherwise((now - was).abs() / was.abs())
    )
    if both.height:
        most = both.sort("change", descending=True, maintain_order=True).row(0, named=True)
        one = both.height == 1
        yield (
            f"{both.height} number{'' if one else 's'} moved, {'' if one else 'most '}that of "
            f"{most['key']}, from {most['previous']:.4g} to {most['current']:.4g}"
        )
    for what, found in (
        ("appeared", rows.filter(was.is_null())),
        ("vanished", rows.filter(now.is_null())),
    ):
        if found.height:
            yield f"{found.height} {what}"
