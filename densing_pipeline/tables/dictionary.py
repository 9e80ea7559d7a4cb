"""The data dictionary: every published table and column in words.

`docs/data_dictionary.md` is the output of `markdown()`; a test keeps the two equal.
"""

import polars as pl

from densing_pipeline.tables.columns import Column
from densing_pipeline.tables.published import DESCRIBED
from densing_pipeline.tables.schemas import Table

FRICTIONLESS_TYPES: dict[type[pl.DataType] | pl.DataType, str] = {
    pl.String: "string",
    pl.Boolean: "boolean",
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.Date: "date",
    pl.List(pl.Float32): "array",
}
"""Field types of Data Package v2; instants are `datetime`."""


def field(name: str, table: Table) -> dict[str, object]:
    """One column as a Data Package field (https://datapackage.org/standard/table-schema/)."""
    column = table.column(name)
    constraints: dict[str, object] = {}
    if name not in table.nullable:
        constraints["required"] = True
    if column.allowed:
        constraints["enum"] = list(column.allowed)
    bounds = (("exclusiveMinimum", column.above), ("minimum", column.low), ("maximum", column.high))
    for key, bound in bounds:
        if bound is not None:
            constraints[key] = bound if isinstance(bound, int | float) else bound.isoformat()
    declared: dict[str, object] = {
        "name": name,
        "type": FRICTIONLESS_TYPES.get(column.dtype, "datetime"),
        "description": column.description,
    }
    if column.unit:
        declared["unit"] = column.unit
    if constraints:
        declared["constraints"] = constraints
    return declared


def markdown() -> str:
    """The whole dictionary as one markdown page."""
    parts = [
        "# Data dictionary",
        "",
        "Every table of a release, and the list of releases (`releases`), which lies beside them. Generated "
        "from `densing_pipeline/tables` by `make dictionary`.",
        "Dates are UTC; intervals of validity and observation are "
        "half-open `[from, to)`; scores and shares are fractions in "
        "[0, 1]; parameters and tokens are counts; prices are USD per million tokens. Tables are "
        "sorted by their key.",
        "",
        "| table | one row is | key |",
        "|---|---|---|",
        *(
            f"| [`{table.name}`](#{table.name}) | {table.grain} | {', '.join(table.key)} |"
            for table in DESCRIBED.values()
        ),
    ]
    for table in DESCRIBED.values():
        parts += ["", f"## {table.name}", "", f"One row is {table.grain}.", ""]
        parts += ["| column | type | unit | may be empty | meaning |", "|---|---|---|---|---|"]
        parts += [
            f"| `{name}` | {FRICTIONLESS_TYPES.get(table.column(name).dtype, 'datetime')} "
            f"| {table.column(name).unit} | {'yes' if name in table.nullable else ''} "
            f"| {_meaning(table.column(name))} |"
            for name in table.names
        ]
    return "\n".join(parts) + "\n"


def _meaning(column: Column) -> str:
    if not column.allowed:
        return column.description
    return f"{column.description} One of: {', '.join(f'`{label}`' for label in column.allowed)}."
