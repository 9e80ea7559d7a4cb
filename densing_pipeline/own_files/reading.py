"""Read the columns of a file by their roles: names, units, bad rows, each with its reason.

Not here: the text of the file (`delimited`), its numbers (`quantities`) and days (`days`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.own_files.days import Order, read_days
from densing_pipeline.own_files.delimited import FileError, read_sheet
from densing_pipeline.own_files.quantities import Mark, decimal_mark, number
from densing_pipeline.own_files.roles import MULTIPLES, PLAIN, Role, Unit
from densing_pipeline.stats.arrays import IntArray
from densing_pipeline.text import clean

MOST_LEFT_OUT = 0.2
"""Largest share of rows that may be unreadable; beyond it the file is not what it was taken for."""

EXAMPLES = 3
"""Bad rows that a note or an error names."""

NO_NUMBER = "is not a number"

UNLIKE_FOLD, FEWEST_ALIKE = 200.0, 2
"""A gap so many fold wide between the values of a column, with so many of them on either side, shows two units."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says of the file, where the file does not say it.

    Attributes:
        columns: name of the column by role.
        units: name of the unit by role.
        decimal: the decimal mark.
        dates: which number of 03/04/2024 is the day.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    decimal: Mark | None = None
    dates: Order | None = None


NOTHING_TOLD = Told()


class Found(NamedTuple):
    """Columns of a file by role.

    Attributes:
        columns: one column per role that the file has, in plain units; bad rows are left out.
        notes: what was read how, and which rows were left out and why.
    """

    columns: pl.DataFrame
    notes: tuple[str, ...]


class _Column(NamedTuple):
    role: Role
    position: int
    name: str
    unit: Unit


def read_roles(
    path: Path, roles: Sequence[Role], needed: Sequence[Sequence[str]], told: Told = NOTHING_TOLD
) -> Found:
    """Read the columns that have a role.

    Args:
        path: the file.
        roles: the roles.
        needed: alternatives; the first whose roles are all there is read, and roles that only other
            alternatives need are not.
        told: what the user says of the file.

    Raises:
        FileError: the file is none; a column is missing, there twice or in another unit; or over
            `MOST_LEFT_OUT` of the rows are bad.
    """
    return _Reader(path, roles, told).read(needed)


def tells(header: Sequence[str], roles: Sequence[Role], needed: Sequence[Sequence[str]]) -> bool:
    """Whether a header names the columns that are needed."""
    there = {role.name for role in roles for name in header if role.told_by(name)}
    return any(set(names) <= there for names in needed)


class _Reader:
    """Reads one file; collects notes and the reasons of bad rows on the way."""

    def __init__(self, path: Path, roles: Sequence[Role], told: Told) -> None:
        self._path, self._told = path, told
        self._roles = {role.name: role for role in roles}
        for option, given in (("--column", told.columns), ("--unit", told.units)):
            for name, value in given.items():
                if name not in self._roles:
                    raise FileError(f"{option} {name}={value}: there are {', '.join(self._roles)}")
        for name, value in told.units.items():
            self._roles[name].unit(value)
        self._sheet = read_sheet(path)
        self._notes = list(self._sheet.notes)
        self._reasons = dict[int, str]()

    def read(self, needed: Sequence[Sequence[str]]) -> Found:
        columns = self._columns(needed)
        mark = self._told.decimal or self._mark(columns)
        values = {column.role.name: self._values(column, mark) for column in columns}
        rows = self._sheet.rows
        bad = [*self._sheet.left_out, *(self._reasons[row] for row in sorted(self._reasons))]
        total = len(rows) + len(self._sheet.left_out)
        if bad:
            named = "; ".join(bad[:EXAMPLES]) + ("; ..." if len(bad) > EXAMPLES else "")
            if len(bad) > MOST_LEFT_OUT * total:
                remedy = (
                    ". Write numbers alone, and their unit in the name of the column"
                    if NO_NUMBER in named
                    else ""
                )
                raise FileError(
                    f"{self._path}: {len(bad)} of {total} rows cannot be read: {named}{remedy}"
                )
            self._notes.append(f"{len(bad)} of {total} rows left out: {named}")
        kept = np.array([row not in self._reasons for row in range(len(rows))], dtype=np.bool_)
        frame = pl.DataFrame(values).filter(pl.Series(kept))
        for column in columns:
            if column.role.kind == "number":
                self._check_range(column, frame[column.role.name], np.flatnonzero(kept))
                self._check_one_unit(column, frame[column.role.name], np.flatnonzero(kept))
        return Found(frame, tuple(self._notes))

    def _columns(self, needed: Sequence[Sequence[str]]) -> list[_Column]:
        """The columns that are read, each with its unit."""
        candidates = {role.name: self._candidates(role) for role in self._roles.values()}
        chosen = next((names for names in needed if all(candidates[name] for name in names)), None)
        if chosen is None:
            role = next(self._roles[name] for name in needed[0] if not candidates[name])
            raise FileError(
                f"{self._path}: no column is known as {role.what}; needed are "
                f"{', or '.join(' and '.join(names) for names in needed)}, and the columns are "
                f"{clean(', '.join(name or '(no name)' for name in self._sheet.header), 300)}. Say "
                f"which it is, --column {role.name}=NAME, or name it {role.headers[0]}"
            )
        unread = {name for names in needed for name in names} - set(chosen)
        columns = []
        for role in self._roles.values():
            if role.name in unread and (found := candidates[role.name]):
                listed = ", ".join(self._sheet.header[index] for index, _ in found)
                there = " and ".join(name for name in chosen if name not in needed[-1])
                self._notes.append(f"{listed} ({role.what}) is not read, for {there} is there")
            elif candidates[role.name] and role.name not in unread:
                columns.append(self._column(role, candidates[role.name]))
        return columns

    def _candidates(self, role: Role) -> list[tuple[int, Unit]]:
        """Columns that a role may be, with their units."""
        header, columns = self._sheet.header, self._told.columns
        if name := columns.get(role.name):
            named = [
                (index, role.told_by(each) or role.plain)
                for index, each in enumerate(header)
                if each.lower() == name.lower()
            ]
            if not named:
                raise FileError(
                    f"{self._path}: no column {name!r}; the columns are {', '.join(header)}"
                )
            return named
        taken = {name.lower() for name in columns.values()}
        return [
            (index, unit)
            for index, each in enumerate(header)
            if each.lower() not in taken and (unit := role.told_by(each)) is not None
        ]

    def _column(self, role: Role, found: Sequence[tuple[int, Unit]]) -> _Column:
        """The column of a role; of several with the same cells, or of labels, the first."""
        cells = {tuple(row.cells[index] for row in self._sheet.rows) for index, _ in found}
        index, unit = found[0]
        name = self._sheet.header[index]
        if len(cells) > 1 and role.kind != "label":
            names = [self._sheet.header[index] for index, _ in found]
            if len({each.lower() for each in names}) < len(names):
                raise FileError(
                    f"{self._path}: {len(names)} columns {name} differ, and each may be {role.what}: "
                    "rename those that are not meant"
                )
            raise FileError(
                f"{self._path}: {' and '.join(names)} may each be {role.what}, and differ: say which, "
                f"--column {role.name}={name}"
            )
        if role.name in self._told.units:
            unit = role.unit(self._told.units[role.name])
        if unit.convert is None:
            raise FileError(
                f"{self._path}, {name}: which logarithm? Say --unit {role.name}=ln or "
                f"--unit {role.name}=log10"
            )
        if unit is not role.plain:
            self._notes.append(f"{name}: read as {role.what} in {unit.name}")
        return _Column(role, index, name, unit)

    def _mark(self, columns: Sequence[_Column]) -> Mark:
        indices = [column.position for column in columns if column.role.kind == "number"]
        shown = decimal_mark(row.cells[index] for index in indices for row in self._sheet.rows)
        if isinstance(shown, str):
            return shown
        one, other = shown
        what = (
            f"{one!r} has a decimal point and {other!r} a decimal comma: write all numbers alike"
            if other
            else f"{one!r} may have a decimal comma, or separated thousands"
        )
        raise FileError(f"{self._path}: {what}, or say --decimal point or --decimal comma")

    def _values(self, column: _Column, mark: Mark) -> pl.Series:
        """Values of a column, in plain units; a bad cell has a reason."""
        cells = [row.cells[column.position] for row in self._sheet.rows]
        if column.role.kind == "label":
            return pl.Series(cells, dtype=pl.String)
        if column.role.kind == "date":
            return self._days(column, cells)
        return self._numbers(column, cells, mark)

    def _days(self, column: _Column, cells: list[str]) -> pl.Series:
        days, note = read_days(pl.Series(cells, dtype=pl.String), self._told.dates)
        if note and not days.count():
            raise FileError(f"{self._path}, {column.name}: {note}")
        self._notes.extend([f"{column.name}: {note}"] if note else [])
        why = "is not a day like the others" if days.count() else "is not a day"
        for row in np.flatnonzero(days.is_null().to_numpy()).tolist():
            self._refuse(row, column, f"{why}; write YYYY-MM-DD" if cells[row] else "is empty")
        return days

    def _numbers(self, column: _Column, cells: list[str], mark: Mark) -> pl.Series:
        role, convert = column.role, column.unit.convert
        raw, has_factor = np.full(len(cells), np.nan), np.zeros(len(cells), dtype=np.bool_)
        currencies = dict[str, str]()
        takes_factor = set(MULTIPLES) <= set(role.units)
        for row, cell in enumerate(cells):
            found = number(cell, mark)
            if isinstance(found, str):
                self._refuse(row, column, found)
            elif (found.factor and not takes_factor) or (found.currency and not role.is_money):
                self._refuse(row, column, "is not a number")
            else:
                raw[row], has_factor[row] = found.value, bool(found.factor)
                currencies.setdefault(found.currency, cell)
        if len(currencies) > 1:
            listed = " and ".join(repr(cell) for cell in list(currencies.values())[:2])
            raise FileError(f"{self._path}, {column.name}: {listed} are in different currencies")
        assert convert is not None  # noqa: S101, a column without a conversion is refused before
        with np.errstate(all="ignore"):
            values = np.where(has_factor, raw, convert(raw))
        for row in np.flatnonzero(
            np.isfinite(raw) & ~(np.isfinite(values) & (values > 0))
        ).tolist():
            self._refuse(row, column, "is not positive")
        return pl.Series(values)

    def _refuse(self, row: int, column: _Column, why: str) -> None:
        line, cells = self._sheet.rows[row]
        cell = clean(cells[column.position], 40)
        self._reasons.setdefault(
            row, f"line {line}, {column.name}: {repr(cell) + ' ' if cell else ''}{why}"
        )

    def _check_one_unit(self, column: _Column, values: pl.Series, rows: IntArray) -> None:
        """Refuse values in two groups far apart, such as prices per token among those per million."""
        if column.role.name in self._told.units or len(values) < 2 * FEWEST_ALIKE:
            return
        order = values.to_numpy().argsort(kind="stable")
        ordered = values.to_numpy()[order]
        inner = slice(FEWEST_ALIKE - 1, len(ordered) - FEWEST_ALIKE + 1)
        folds = ordered[inner][1:] / ordered[inner][:-1]
        if folds.max() < UNLIKE_FOLD:
            return
        at = FEWEST_ALIKE - 1 + int(folds.argmax())
        low, high = (self._sheet.rows[int(rows[order[place]])] for place in (at, at + 1))
        raise FileError(
            f"{self._path}, {column.name}: {clean(low.cells[column.position], 40)} in line {low.line} and "
            f"{clean(high.cells[column.position], 40)} in line {high.line} are {folds.max():,.0f}-fold apart, with "
            f"no value between: write all in one unit, or say --unit {column.role.name}={column.unit.name} if they are"
        )

    def _check_range(self, column: _Column, values: pl.Series, rows: IntArray) -> None:
        """Refuse values that cannot be right in the unit they are read in."""
        role = column.role
        outside = ~values.is_between(role.least, role.most)
        if not (count := int(outside.sum())):
            return
        line, cells = self._sheet.rows[int(rows[outside.to_numpy().argmax()])]
        units = ", ".join(unit.name for unit in role.units if unit.convert)
        in_unit = "" if column.unit is PLAIN else f" in {column.unit.name}"
        who = "every value" if count == len(values) else f"{count} of {len(values)} values"
        raise FileError(
            f"{self._path}, {column.name}: {who}, such as {clean(cells[column.position], 40)} in line {line}, "
            f"cannot be {role.what}{in_unit} ({role.least:g} to {role.most:g}). Say the unit, "
            f"--unit {role.name}=... ({units}), or leave out the rows in another one"
        )
