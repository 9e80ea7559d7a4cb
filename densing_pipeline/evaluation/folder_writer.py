"""The evaluation folder while it is written: what is finished, what is under way, how it ended.

    .lock              held by the job as long as it lives; the kernel drops it with the process
    .<benchmark>.jsonl items so far, a line each, so that a killed job loses nothing
    <benchmark>.parquet all items of a finished benchmark
    provenance.json    what the scores depend on
    outcome.json       written last: state, reason, attempt, hash of each file

Every file is complete or not there. Items of earlier attempts are kept only if they were made by the
same engine in the same way. Not here: what is measured (`measure`).
"""

import fcntl
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from densing_pipeline import files
from densing_pipeline.evaluation.failures import BusyError, EvaluationError

REQUEST, PROVENANCE, OUTCOME = "request.json", "provenance.json", "outcome.json"

IDENTITY = (
    "model_id", "revision", "suite_version", "limit", "vllm_version", "torch_version",
    "transformers_version", "dtype", "quantisation", "tensor_parallel", "batch_invariant",
    "tokenizer_sha256", "device", "context",
)  # fmt: skip
"""Items that differ in one of these are not mixed."""

ITEM = {
    "benchmark": pl.String,
    "item_id": pl.String,
    "subject": pl.String,
    "score": pl.Float64,
    "answer_nll_nats_per_token": pl.Float64,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "truncated": pl.Boolean,
    "failed_reason": pl.String,
    "response": pl.String,
}

SIGNED = re.compile(r"""(https?://[^\s?]+)\?[^\s'")>]*""", re.IGNORECASE)
"""An address with its query: where files are fetched from, that is a key, and outcomes are published."""

RESERVE_BYTES = 64 * 1024
"""Kept on disk so that a full one still takes the outcome."""

Row = dict[str, Any]


class Ledger:
    """One evaluation folder, held by this process; a context manager.

    Attributes:
        path: the folder.
        attempt: how often the evaluation has been begun, this time included.
        started_at: when this attempt began.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder.

        Raises:
            BusyError: another job has it.
            EvaluationError: the folder cannot be written.
        """
        self.path = path
        self.started_at = datetime.now(UTC)
        self._journals: dict[str, Any] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A forked child holds it as well, and may outlive a job that was killed.
            os.register_at_fork(after_in_child=self._lock.close)
            (path / ".reserve").write_bytes(bytes(RESERVE_BYTES))
        except BlockingIOError as error:
            self._lock.close()
            raise BusyError(f"another job is at work in {path}") from error
        except OSError as error:
            raise EvaluationError(f"{path} cannot be written: {error.strerror}") from error
        self.attempt = self._attempt()
        (path / OUTCOME).unlink(missing_ok=True)
        for left in path.glob(".*.tmp"):
            left.unlink()

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the folder."""
        for journal in self._journals.values():
            with suppress(OSError):
                journal.close()
        (self.path / ".reserve").unlink(missing_ok=True)
        self._lock.close()

    def begin(self, provenance: Mapping[str, Any]) -> bool:
        """Say what the items will depend on; drop those of earlier attempts that do not.

        Returns:
            Whether there was anything to drop.
        """
        before = read_json(self.path / PROVENANCE)
        changed = {key for key in IDENTITY if before.get(key) != provenance.get(key)}
        stale = [*self.path.glob("*.parquet"), *self.path.glob(".*.jsonl")] if changed else []
        for path in stale:
            path.unlink()
        self.write_provenance({**provenance, "started_at": self.started_at.isoformat()})
        return bool(stale)

    def earlier(self) -> Mapping[str, Any]:
        """Provenance as an earlier attempt left it; empty without one."""
        return read_json(self.path / PROVENANCE)

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write `provenance.json`."""
        self._write_json(PROVENANCE, provenance)

    def finished(self, benchmark: str) -> pl.DataFrame | None:
        """Items of a benchmark that an earlier attempt finished, if it did."""
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

    def begun(self, benchmark: str) -> list[Row]:
        """Items of a benchmark that an earlier attempt got done before it ended."""
        journal = self.path / f".{benchmark}.jsonl"
        rows = []
        if journal.exists():
            for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
                # The last line may be torn.
                with suppress(ValueError):
                    row = json.loads(line)
                    if isinstance(row, dict) and set(row) == set(ITEM):
                        rows.append(row)
            # A torn line would spoil the next one.
            text = "".join(json.dumps(row) + "\n" for row in rows)
            self._write(journal.name, text.encode())
        return rows

    def record(self, row: Row) -> None:
        """Note one item: it survives this process.

        Raises:
            EvaluationError: the disk is full or gone.
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
        """Write all items of a benchmark.

        Raises:
            EvaluationError: the disk is full or gone.
        """
        try:
            with files.replacing(self.path / f"{benchmark}.parquet") as file:
                pl.DataFrame(rows, schema=ITEM).write_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unwritable(f"{benchmark}.parquet", error) from error
        if journal := self._journals.pop(benchmark, None):
            journal.close()
        (self.path / f".{benchmark}.jsonl").unlink(missing_ok=True)

    def end(self, state: str, reason: str, *, resumable: bool) -> None:
        """Write `outcome.json`: from now on the folder counts. Addresses lose their queries.

        Raises:
            EvaluationError: not even this could be written.
        """
        (self.path / ".reserve").unlink(missing_ok=True)
        self._write_json(
            OUTCOME,
            {
                "state": state,
                "reason": SIGNED.sub(r"\1", reason),
                "attempt": self.attempt,
                "started_at": self.started_at.isoformat(),
                "finished_at": datetime.now(UTC).isoformat(),
                "resumable": resumable,
                "files": _hashes([*self.path.glob("*.parquet"), self.path / PROVENANCE]),
            },
        )

    def _attempt(self) -> int:
        """The number the orchestrator gave this attempt; without one, one more than the last."""
        asked = read_json(self.path / REQUEST).get("attempt")
        last = read_json(self.path / OUTCOME).get("attempt") or self.earlier().get("attempt") or 0
        return asked if isinstance(asked, int) else int(last) + 1

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self._write(name, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())

    def _write(self, name: str, content: bytes) -> None:
        try:
            files.write(self.path / name, content)
        except OSError as error:
            raise _unwritable(name, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; empty if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_parquet(path: Path) -> pl.DataFrame:
    """A parquet file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"damaged ({str(error).splitlines()[0][:200]})") from error
    except BaseException as error:
        # The Rust reader panics on some damaged files; its panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError("damaged (the reader gave up on it)") from error


def _hashes(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: files.file_sha256(path) for path in sorted(paths) if path.exists()}


def _unwritable(what: str, error: Exception) -> EvaluationError:
    return EvaluationError(f"{what} could not be written: {error}; finished work is kept")
