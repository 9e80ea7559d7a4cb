"""Writes one evaluation folder: items as they are measured, provenance, and the outcome.

Items of an earlier attempt are kept only if the same engine made them in the same way
(`folder_format.IDENTITY`). Not here: what the files are (`folder_format`) and measuring (`measure`).
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from densing_pipeline import clock, files
from densing_pipeline.evaluation import lease
from densing_pipeline.evaluation.failures import BusyError, EvaluationError, InstallationError
from densing_pipeline.evaluation.folder_format import (
    COSTS,
    IDENTITY,
    ITEM,
    LOCK,
    OUTCOME,
    PROVENANCE,
    REQUEST,
    read_json,
    read_parquet,
    write_json,
)
from densing_pipeline.evaluation.folder_sender import FolderSender
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.object_stores import StoreError

SIGNED = re.compile(r"""(https?://[^\s?]+)\?[^\s'")>]*""", re.IGNORECASE)
"""An address with its query, which may be a signature that gives access; outcomes are published."""

RESERVE_FILE, RESERVE_BYTES = ".reserve", 64 * 1024
"""Disk space held back so that the outcome can still be written when the disk is full."""

Row = dict[str, Any]
"""One item, with the columns of `folder_format.ITEM`."""


class FolderWriter:
    """One evaluation folder, locked and leased by this process until the context manager ends.

    Attributes:
        path: the folder.
        attempt: number of times the evaluation was started, this time included.
        started_at: when this attempt started, UTC.
    """

    def __init__(
        self,
        path: Path,
        *,
        order: str | None = None,
        on_loss: Callable[[str], None] = lambda reason: None,
        store: FolderStore | None = None,
    ) -> None:
        """Lock the folder, create it if needed, bring it to what the store has, and remove an earlier outcome.

        Args:
            path: the folder.
            order: name under which the orchestrator started this job; None if it was started by hand.
            on_loss: called from another thread, with the reason, if a job on another machine has taken the folder.
            store: where its files are sent to; None if other machines see the folder itself.

        Raises:
            BusyError: another job holds the lock or the lease; no file was changed.
            EvaluationError: the folder cannot be written, or the store not be used.
        """
        self.path = path
        self.started_at = clock.now()
        self._journals: dict[str, Any] = {}
        self._sender: FolderSender | None = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / LOCK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A forked child would hold the lock as well, and may outlive a job that was killed.
            os.register_at_fork(after_in_child=self._lock.close)
            if other := lease.held_elsewhere(path):
                raise BusyError(f"a job on {other.host} is at work in {path}")
            if store:
                self._sender = FolderSender(store, path, order, on_loss)
            self._lease = lease.Renewal(path, order, on_loss)
            (path / RESERVE_FILE).write_bytes(bytes(RESERVE_BYTES))
        except BlockingIOError as error:
            self._lock.close()
            raise BusyError(f"another job is at work in {path}") from error
        except BusyError:
            self._lock.close()
            raise
        except StoreError as error:
            self._lock.close()
            raise InstallationError(str(error)) from error
        except OSError as error:
            if self._sender:
                self._sender.__exit__(None, None, None)
            raise EvaluationError(f"{path} cannot be written: {error.strerror}") from error
        self.attempt = self._attempt()
        (path / OUTCOME).unlink(missing_ok=True)
        for left in path.glob(".*.tmp"):
            left.unlink()

    def __enter__(self) -> Self:
        """The writer itself."""
        self._lease.__enter__()
        if self._sender:
            self._sender.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files and release the lock."""
        for journal in self._journals.values():
            with suppress(OSError):
                journal.close()
        (self.path / RESERVE_FILE).unlink(missing_ok=True)
        if self._sender:
            self._sender.__exit__(kind, error, trace)
        self._lease.__exit__(kind, error, trace)
        self._lock.close()

    def begin(
        self, provenance: Mapping[str, Any], own: Mapping[str, Collection[str]] | None = None
    ) -> list[str]:
        """Write the provenance; delete items of earlier attempts made in another way (`IDENTITY`).

        Args:
            provenance: what the scores depend on.
            own: further fields of it, on which only the items of one benchmark depend, by benchmark.

        Returns:
            Names of the benchmarks whose items were deleted.
        """
        before = read_json(self.path / PROVENANCE)

        def differs(fields: Iterable[str]) -> bool:
            return any(before.get(field) != provenance.get(field) for field in fields)

        paths = [*self.path.glob("*.parquet"), *self.path.glob(".*.jsonl")]
        is_other = differs(IDENTITY)
        deleted = set()
        for path in paths:
            name = path.name.removeprefix(".").rpartition(".")[0]
            if is_other or differs((own or {}).get(name, ())):
                path.unlink()
                deleted.add(name)
        self.write_provenance({**provenance, "started_at": self.started_at.isoformat()})
        return sorted(deleted)

    def earlier_provenance(self) -> Mapping[str, Any]:
        """Provenance of an earlier attempt; empty if there was none."""
        return read_json(self.path / PROVENANCE)

    def has_items(self) -> bool:
        """Whether there are items, of any attempt."""
        return any(self.path.glob("*.parquet")) or any(self.path.glob(".*.jsonl"))

    def saved_costs(self) -> Mapping[str, Any]:
        """What all attempts have cost that saved their costs; empty if none did."""
        return read_json(self.path / COSTS)

    def write_costs(self, costs: Mapping[str, Any]) -> None:
        """Write `costs.json`."""
        self._write_json(COSTS, costs)

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write `provenance.json`."""
        self._write_json(PROVENANCE, provenance)

    def finished(self, benchmark: str) -> pl.DataFrame | None:
        """All items of a benchmark if an earlier attempt finished it, else None."""
        path = self.path / f"{benchmark}.parquet"
        if not path.exists():
            return None
        try:
            found = read_parquet(path)
        except ValueError:
            found = pl.DataFrame()
        if found.schema == ITEM:
            return found
        path.unlink()
        return None

    def unfinished(self, benchmark: str) -> list[Row]:
        """Items of a benchmark that earlier attempts measured without finishing it."""
        journal = self.path / f".{benchmark}.jsonl"
        rows = []
        if journal.exists():
            for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
                # A killed job may have left half a line at the end.
                with suppress(ValueError):
                    row = json.loads(line)
                    if isinstance(row, dict) and set(row) == set(ITEM):
                        rows.append(row)
            # Half a line would make the next one unreadable.
            text = "".join(json.dumps(row) + "\n" for row in rows)
            try:
                files.write(journal, text.encode())
            except OSError as error:
                raise _unwritable(journal.name, error) from error
        return rows

    def record(self, row: Row) -> None:
        """Append one item to its benchmark's journal, so that it is kept if this process is killed.

        Raises:
            EvaluationError: the file cannot be written, for example because the disk is full.
        """
        name = row["benchmark"]
        try:
            if name not in self._journals:
                path = self.path / f".{name}.jsonl"
                self._journals[name] = path.open("a", encoding="utf-8", buffering=1)
            self._journals[name].write(json.dumps(row) + "\n")
        except OSError as error:
            raise _unwritable(f"items of {name}", error) from error

    def finish(self, benchmark: str, rows: Sequence[Row]) -> None:
        """Write all items of a finished benchmark and delete its journal.

        Raises:
            EvaluationError: the file cannot be written, for example because the disk is full.
        """
        try:
            with files.replacing(self.path / f"{benchmark}.parquet") as file:
                pl.DataFrame(rows, schema=ITEM).write_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unwritable(f"{benchmark}.parquet", error) from error
        if journal := self._journals.pop(benchmark, None):
            journal.close()
        (self.path / f".{benchmark}.jsonl").unlink(missing_ok=True)

    def end(self, state: str, reason: str, *, resumable: bool, fault: str | None = None) -> None:
        """Write `outcome.json`, without which no reader uses the folder. Queries of addresses are cut.

        Raises:
            BusyError: a job on another machine has taken the folder.
            EvaluationError: the file cannot be written, or the folder not be sent.
        """
        if not self._lease.is_held() or (self._sender and not self._sender.is_held()):
            raise BusyError(f"a job on another machine has taken {self.path}")
        (self.path / RESERVE_FILE).unlink(missing_ok=True)
        self._write_json(
            OUTCOME,
            {
                "state": state,
                "reason": SIGNED.sub(r"\1", reason),
                "attempt": self.attempt,
                "started_at": self.started_at.isoformat(),
                "finished_at": clock.now().isoformat(),
                "resumable": resumable,
                "fault": fault,
                "files": _hashes([*self.path.glob("*.parquet"), self.path / PROVENANCE]),
            },
        )
        if self._sender:
            self._sender.finish()

    def _attempt(self) -> int:
        """Attempt number from the request; without a request, one more than the last attempt's."""
        asked = read_json(self.path / REQUEST).get("attempt")
        last = (
            read_json(self.path / OUTCOME).get("attempt")
            or self.earlier_provenance().get("attempt")
            or 0
        )
        return asked if isinstance(asked, int) else int(last) + 1

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        try:
            write_json(self.path / name, content)
        except OSError as error:
            raise _unwritable(name, error) from error


def _hashes(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: files.file_sha256(path) for path in sorted(paths) if path.exists()}


def _unwritable(what: str, error: Exception) -> EvaluationError:
    return EvaluationError(f"{what} could not be written: {error}; finished work is kept")
