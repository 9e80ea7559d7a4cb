"""Table declarations and what is derived from them: pandera schema, cast and validation.

A table is declared once as a `Table` over the columns of `tables.columns`; everything else about it
is derived here. Whether a frame satisfies its declaration is one polars expression; pandera, which
takes 30 ms to ask a frame and two seconds to import, names the cells of a frame that does not. Not here: the tables themselves (`tables.published`, `facts.tables`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from densing_pipeline.tables.columns import COLUMNS, Column, column_of
from densing_pipeline.text import clean_frame

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema, PolarsData

Tables = Mapping[str, pl.DataFrame]
"""Published tables by name."""

Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)
"""A frame, or a query for one."""

MESSAGES_SHOWN = 20
"""Most violations listed in an error; the others are counted."""


class TableError(ValueError):
    """A frame does not satisfy its table's declaration; the message names each bad cell."""


@dataclass(frozen=True)
class Table:
    """The declaration of one table.

    Attributes:
        name: file stem and asset name.
        grain: what one row represents.
        key: columns that identify a row (null counts as a value).
        columns: column names in order; a name with a trailing `?` may hold nulls.
        ordered: groups of columns whose values must not decrease from left to right.
        operational: whether the table records operation (times of polls): a release carries it,
            but it does not by itself make a new release.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    ordered: tuple[tuple[str, ...], ...] = ()
    operational: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names without the nullability mark."""
        return tuple(c.removesuffix("?") for c in self.columns)

    @cached_property
    def nullable(self) -> frozenset[str]:
        """Columns that may hold nulls."""
        return frozenset(c.removesuffix("?") for c in self.columns if c.endswith("?"))

    def column(self, name: str) -> Column:
        """What a column of this table holds."""
        return column_of(self.name, name)

    @cached_property
    def polars_schema(self) -> pl.Schema:
        """Column names and types."""
        return pl.Schema({name: self.column(name).dtype for name in self.names})

    @cached_property
    def pandera_schema(self) -> "DataFrameSchema":
        """The strict pandera schema: types, domains, nulls, key and row order."""
        import pandera.polars as pa

        return pa.DataFrameSchema(
            {
                name: pa.Column(
                    self.column(name).dtype,
                    pa.Check(partial(_of_column, self.column(name))),
                    nullable=name in self.nullable,
                )
                for name in self.names
            },
            checks=[
                pa.Check(partial(_of_frame, _not_decreasing(group)), name=" <= ".join(group))
                for group in self.ordered
            ],
            unique=list(self.key),
            strict=True,
            ordered=True,
            name=self.name,
            description=self.grain,
        )

    def _is_satisfied(self, rows: pl.LazyFrame) -> bool:
        """Whether rows satisfy `pandera_schema`, without holding them in memory."""
        if rows.collect_schema() != self.polars_schema:
            return False
        domains = [_domain(self.column(name), pl.col(name)) for name in self.names]
        ordered = [_not_decreasing(group) for group in self.ordered]
        present = [pl.col(n).is_not_null() for n in self.names if n not in self.nullable]
        # Nulls are no matter of domains: `all` leaves them out.
        every = [each.all() for each in (*domains, *ordered, *present)]
        holds: bool = rows.select(pl.all_horizontal(every)).collect(engine="streaming").item()
        return holds and self._has_unique_keys(rows)

    def _has_unique_keys(self, rows: pl.LazyFrame) -> bool:
        """Whether no two rows have the same key."""
        # Equal keys have equal hashes, of 8 bytes each; keys are compared only if two hashes are equal.
        hashes = rows.select(key=pl.struct(self.key).hash()).collect(engine="streaming")["key"]
        if hashes.n_unique() == hashes.len():
            return True
        return rows.select(self.key).collect().n_unique() == hashes.len()

    def empty(self) -> pl.DataFrame:
        """A frame of the table without rows."""
        return pl.DataFrame(schema=self.polars_schema)

    def cast(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Bring a frame to the table's columns, order and types, and sort it by key.

        Text is cleaned (`text.clean_frame`), so that no table holds control characters.
        Columns the declaration allows to be null may be absent.

        Raises:
            TableError: a column is missing or unknown, or a value does not fit its type.
        """
        unknown = sorted(set(frame.columns) - set(self.names))
        missing = sorted(set(self.names) - self.nullable - set(frame.columns))
        if unknown or missing:
            raise TableError(
                f"{self.name}: "
                + "; ".join(
                    f"{what} column{'s' if len(names) > 1 else ''} {', '.join(names)}"
                    for what, names in (("missing", missing), ("undeclared", unknown))
                    if names
                )
                + f". The table has: {', '.join(self.names)} (densing_pipeline/tables)"
            )
        try:
            cast = frame.select(
                (pl.col(name) if name in frame.columns else pl.lit(None))
                .cast(self.column(name).dtype)
                .alias(name)
                for name in self.names
            )
        except pl.exceptions.PolarsError as error:
            raise TableError(
                f"{self.name}: a value does not fit its column's type: {error}"
            ) from error
        return clean_frame(cast).sort(self.key, nulls_last=True, maintain_order=True)

    def violations(self, rows: Rows) -> list[tuple[int | None, str, str]]:
        """Every cell that breaks the declaration, as (row, column, what is wrong and the remedy)."""
        if self._is_satisfied(rows.lazy()):
            return []
        import pandera.polars as pa

        try:
            self.pandera_schema.validate(rows.lazy().collect(), lazy=True)
        except pa.errors.SchemaErrors as errors:
            found = map(self._violation, errors.failure_cases.to_dicts())
            # One remark per cell: a NaN, say, fails every check of its column.
            return list(
                {(row, column): (row, column, what) for row, column, what in found}.values()
            )
        return []

    def validate(self, rows: Rows) -> Rows:
        """Return a frame, or a query for one, if it satisfies the declaration; a query is run in pieces.

        Raises:
            TableError: naming table, row, column, value and remedy of each violation.
        """
        if found := self.violations(rows):
            lines = [
                f"{self.name}, {'' if row is None else f'row {row}, '}{column}: {what}"
                for row, column, what in found[:MESSAGES_SHOWN]
            ]
            if len(found) > MESSAGES_SHOWN:
                lines.append(f"... and {len(found) - MESSAGES_SHOWN} more")
            raise TableError("\n".join(lines))
        return rows

    def _violation(self, case: dict[str, Any]) -> tuple[int | None, str, str]:
        row, value, check = case["index"], case["failure_case"], str(case["check"])
        if check == "multiple_fields_uniqueness":
            return row, ", ".join(self.key), "duplicate key: keep one of the rows"
        name = case["column"]
        if name not in COLUMNS:
            return row, check, f"values out of order: {value}"
        if check == "not_nullable":
            return row, name, "missing: the column may not be empty"
        declared = self.column(name)
        return row, name, f"{value!s} is not allowed ({declared.remedy or _domain_text(declared)})"


def _domain(column: Column, value: pl.Expr) -> pl.Expr:
    """Whether each value is in the domain of its column; null where the value is, or true."""
    rules = [pl.lit(value=True)]
    if column.dtype == pl.Float64:
        rules.append(value.is_finite())
    if column.above is not None:
        rules.append(value > column.above)
    if column.low is not None:
        rules.append(value >= column.low)
    if column.high is not None:
        rules.append(value <= column.high)
    if column.allowed:
        rules.append(value.is_in(column.allowed))
    return pl.all_horizontal(rules)


def _of_column(column: Column, data: "PolarsData") -> pl.LazyFrame:
    """The domain of a column as a pandera check."""
    return data.lazyframe.select(_domain(column, pl.col(data.key)))


def _of_frame(rule: pl.Expr, data: "PolarsData") -> pl.LazyFrame:
    """A rule for rows as a pandera check."""
    return data.lazyframe.select(rule)


def _domain_text(column: Column) -> str:
    if column.allowed:
        return "one of " + ", ".join(column.allowed)
    bounds = [
        f"{word} {bound}"
        for word, bound in (
            ("above", column.above),
            ("at least", column.low),
            ("at most", column.high),
        )
        if bound is not None
    ]
    return "a finite number" + (f" {' and '.join(bounds)}" if bounds else "")


def _not_decreasing(names: tuple[str, ...]) -> pl.Expr:
    """Whether each column of a row is at most the next one; nulls are ignored."""
    pairs = [(pl.col(low) <= pl.col(high)).fill_null(value=True) for low, high in pairwise(names)]
    return pl.all_horizontal(pairs)
