"""Assets for tables: stored as validated parquet, described and checked from one declaration."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from densing_pipeline.files import file_sha256
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import snapshots
from densing_pipeline.publication.consistency import REMEDY, made_with
from densing_pipeline.score_sources import poll
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import Table, TableError
from densing_pipeline.tables.storage import write_parquet
from densing_pipeline.text import markdown

PRICE_LISTS = "price_snapshots"
"""The asset that lands price lists; tables depend on it, though it is no table."""

SCORE_SOURCES = "score_snapshots"
"""The asset that lands documents of score sources; the same."""

OWNERS = ["team:densing-pipeline"]

ONE_NIGHT_MISSED = timedelta(hours=36)
"""Age of what the last night made from which a night was missed."""

FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=60), warn_window=ONE_NIGHT_MISSED
)
"""Every table is computed each night: Dagster marks it after one missed night, and as failed after two."""


def table_asset(
    table: Table,
    *,
    group: str,
    kinds: frozenset[str] = frozenset(),
    deps: Sequence[str] = (),
    ins: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare the asset that computes a published table; its docstring is the catalogue text.

    `deps` names assets it reads other than as tables, such as landed snapshots; `ins` tables that the
    function takes as `**tables`.
    """
    return dg.asset(
        deps=deps,
        ins={name: dg.AssetIn(name) for name in ins},
        name=table.name,
        group_name=group,
        io_manager_key="tables",
        owners=OWNERS,
        kinds={"polars", "parquet"} | set(kinds),
        metadata=_metadata(table),
        freshness_policy=FRESH,
    )


def tables_asset(
    tables: tuple[Table, ...], descriptions: tuple[str, ...], *, group: str, deps: tuple[str, ...]
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare assets for tables that one function computes together, in the order it returns them."""
    return dg.multi_asset(
        outs={
            table.name: dg.AssetOut(
                io_manager_key="tables",
                group_name=group,
                description=description,
                owners=OWNERS,
                kinds={"polars", "parquet"},
                metadata=_metadata(table),
                freshness_policy=FRESH,
            )
            for table, description in zip(tables, descriptions, strict=True)
        },
        deps=deps,
    )


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=str(table.column(name).dtype),
                description=table.column(name).description
                + (f" [{table.column(name).unit}]" if table.column(name).unit else ""),
                constraints=dg.TableColumnConstraints(nullable=name in table.nullable),
            )
            for name in table.names
        ]
    )


class TableIOManager(dg.IOManager):
    """Stores each table as one parquet file, which only a valid table replaces.

    A frame is validated before anything is written, written under a temporary name, flushed to disk
    and renamed: a reader sees the old table or the new one, never an invalid one. The settings,
    code and inputs of the table are in the metadata of the file (`publication.consistency`).
    """

    def __init__(self, settings: Settings) -> None:
        """Store tables in the state directory of the settings."""
        self._settings = settings

    def path(self, name: str) -> Path:
        """Path of the table of that name."""
        return self._settings.tables_dir / f"{name}.parquet"

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Validate the frame, write it and replace the previous one.

        Raises:
            TableError: naming each bad cell; the previous table stays.
        """
        table = PUBLISHED[context.asset_key.path[-1]]
        path = self.path(table.name)
        made = made_with(self._settings).with_inputs(self._inputs(context.asset_spec))
        write_parquet(table.validate(table.cast(obj)), path, made.to_metadata())
        context.add_output_metadata(
            {
                "dagster/row_count": obj.height,
                "dagster/uri": path.absolute().as_uri(),
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
                "preview": dg.MetadataValue.md(_preview(obj)),
            }
        )

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """Read a table.

        Raises:
            TableError: the file is missing, damaged or of another version; the message says how to get it back.
        """
        name = context.asset_key.path[-1]
        found = read_table(self.path(name))
        if lacking := [each for each in PUBLISHED[name].names if each not in found.columns]:
            raise TableError(
                f"{self.path(name)}: made by another version of the pipeline, without {', '.join(lacking)}; {REMEDY}"
            )
        return found

    def _inputs(self, spec: dg.AssetSpec) -> dict[str, str]:
        """SHA-256 of the inputs of an asset by name: tables, landed price lists, and landed documents of score sources.

        The lock is held, so the files are those that the asset has read.
        """
        names = {dep.asset_key.path[-1] for dep in spec.deps}
        hashes = {
            name: file_sha256(self.path(name))
            for name in names & PUBLISHED.keys()
            if self.path(name).exists()
        }
        if PRICE_LISTS in names:
            zone = LandingZone(self._settings.landing_dir)
            hashes[PRICE_LISTS] = snapshots.received_sha256(zone)
        if SCORE_SOURCES in names:
            zone = LandingZone(self._settings.landing_dir)
            hashes[SCORE_SOURCES] = poll.received_sha256(zone)
        return hashes


@dg.io_manager(
    required_resource_keys={"settings", "lock"},
    description="Tables as parquet files; a run that reads or writes one holds the state directory.",
)
def table_io_manager(context: dg.InitResourceContext) -> TableIOManager:
    """The IO manager of a run, which exists only while the run holds the resource `lock`."""
    return TableIOManager(context.resources.settings)


def read_table(path: Path) -> pl.DataFrame:
    """Read a stored table.

    Raises:
        TableError: the file is missing or damaged; the message says how to get it back.
    """
    remedy = f"materialise `{path.stem}` again to rebuild it; no other table is affected"
    try:
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise TableError(f"{path}: there is no such table yet; {remedy}") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: damaged ({error}); {remedy}") from error


def schema_checks() -> list[dg.AssetChecksDefinition]:
    """One blocking check per table: the stored table satisfies its declaration."""
    return [_schema_check(table) for table in PUBLISHED.values()]


def _schema_check(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table.name,
        name="schema",
        blocking=True,
        description=f"Types, domains, nulls and key of the stored table: {table.grain}.",
    )
    def check(stored: pl.DataFrame) -> dg.AssetCheckResult:
        found = table.violations(stored)
        return dg.AssetCheckResult(
            passed=not found,
            metadata={
                "rows": stored.height,
                "violations": len(found),
                "first": "; ".join(
                    f"row {row}, {column}: {what}" for row, column, what in found[:5]
                ),
            },
        )

    return check


def _metadata(table: Table) -> dict[str, Any]:
    return {
        "grain": table.grain,
        "key": ", ".join(table.key),
        "dagster/column_schema": column_schema(table),
    }


def _preview(frame: pl.DataFrame, rows: int = 5) -> str:
    """The first rows as a markdown table."""
    head = frame.head(rows)
    lines = ["| " + " | ".join(head.columns) + " |", "|" + "---|" * head.width]
    lines += [
        "| "
        + " | ".join(
            "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else markdown(cell)
            for cell in row
        )
        + " |"
        for row in head.iter_rows()
    ]
    return "\n".join(lines)
