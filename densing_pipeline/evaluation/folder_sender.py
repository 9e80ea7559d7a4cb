"""Sends a job's evaluation folder to an object store while the job lives, and fetches what earlier jobs sent.

The job works in a folder of its own machine. Before it begins, the folder is brought to what the store has; from then
on changed files are sent every `SEND_S` seconds, so a machine that dies loses no more than the items of that time. At
the end everything is sent, the outcome last, and the lease is ended. Not here: the names in the store (`folder_store`).
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from densing_pipeline import files
from densing_pipeline.evaluation import lease
from densing_pipeline.evaluation.failures import BusyError, EvaluationError
from densing_pipeline.evaluation.folder_format import OUTCOME, REQUEST, read_json, write_json
from densing_pipeline.evaluation.folder_store import (
    FOLDER_FILE,
    FolderStore,
    folder_key,
    most_bytes,
)
from densing_pipeline.evaluation.store_lease import HeldLease
from densing_pipeline.object_stores import StoreError

SENT = ".sent.json"
"""File of a job's folder with the token under which its files were sent."""

SEND_S = 60.0
"""Seconds between two times that changed files are sent."""

TRY_AGAIN_S = 5.0
"""Seconds before the end of a job is sent again to a store that did not take it."""

Signature = tuple[int, int, int]
"""Inode, size and time of a file, which tell whether it has changed."""


class FolderSender:
    """A job's folder and its lease in a store; a context manager."""

    def __init__(
        self,
        store: FolderStore,
        folder: Path,
        order: str | None,
        on_loss: Callable[[str], None],
    ) -> None:
        """Take the lease, bring the folder to what the store has, and send it under this job's token.

        Args:
            store: the store.
            folder: the folder, whose lock this process holds.
            order: name under which the orchestrator started this process.
            on_loss: called once, from a thread, with the reason, when another job has the evaluation, or may have
                it, because the lease could not be renewed in time.

        Raises:
            BusyError: another job holds the lease; no file was changed.
            StoreError: the store cannot be read or written.
            OSError: the folder cannot be written.
        """
        self._store, self._folder, self._on_loss = store, folder, on_loss
        self._key = folder_key(folder)
        self._sent: dict[str, Signature] = {}
        self._sending, self._renewing = threading.Lock(), threading.Lock()
        self._ended, self._is_finished = threading.Event(), False
        self._renewed = time.monotonic()
        self._held = HeldLease(store, self._key, order)
        earlier = {self._held.lease.files, self._held.taken_from}
        # From now on: to fetch a large folder may take longer than a lease lasts.
        threading.Thread(target=self._renew_until_end, daemon=True).start()
        try:
            self._fetch()
            self._send()
            self._renew(files=self._held.lease.token)
            write_json(folder / SENT, {"token": self._held.lease.token})
        except BaseException:
            self._ended.set()
            self._release()
            raise
        with suppress(StoreError):
            self._delete(earlier)

    def __enter__(self) -> "FolderSender":
        """Start to send."""
        threading.Thread(target=self._send_until_end, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; if the job did not end by `finish`, send what there is and end the lease."""
        self._ended.set()
        if not self._is_finished:
            with suppress(BusyError, StoreError, OSError):
                self._renew()
                self._send()
            self._release()

    def is_held(self) -> bool:
        """Whether the lease is still this job's; also if the store does not answer and it has not expired."""
        try:
            self._renew()
        except BusyError:
            return False
        except StoreError:
            return time.monotonic() - self._renewed < lease.EXPIRY_S
        return True

    def finish(self) -> None:
        """Send all files, the outcome last, and end the lease; while the store fails, as long as the lease lasts.

        Raises:
            BusyError: another job has the evaluation; its files are untouched.
            EvaluationError: the store did not take all files; they are kept in the folder.
        """
        while True:
            try:
                self._renew()
                self._send()
                outcome = (self._folder / OUTCOME).read_bytes()
                self._store.put(f"{self._key}/{self._held.lease.token}/{OUTCOME}", outcome)
                break
            except StoreError as error:
                if time.monotonic() - self._renewed >= lease.EXPIRY_S:
                    raise EvaluationError(
                        f"the evaluation could not be sent, it is kept in {self._folder}: {error}"
                    ) from error
            time.sleep(TRY_AGAIN_S)
        self._is_finished = True
        self._ended.set()
        self._release()

    def _fetch(self) -> None:
        """Bring the folder to what the store has, unless its files are newer: those of the job that was the last."""
        request = self._store.read(f"{self._key}/{REQUEST}")
        if request is not None:
            files.write(self._folder / REQUEST, request.content)
        token = self._held.lease.files
        if token is None or read_json(self._folder / SENT).get("token") == token:
            return
        (self._folder / SENT).unlink(missing_ok=True)
        for path in self._files():
            path.unlink()
        for each in self._store.listed(f"{self._key}/{token}"):
            # No other name is of an evaluation, so no other becomes a file here.
            name = each.path.rpartition("/")[2]
            if each.path != f"{self._key}/{token}/{name}" or not FOLDER_FILE.fullmatch(name):
                continue
            if (found := self._store.read(each.path, most_bytes(name))) is not None:
                files.write(self._folder / name, found.content)

    def _files(self) -> Iterator[Path]:
        """The files of the folder that travel, sorted."""
        for path in sorted(self._folder.iterdir()):
            if FOLDER_FILE.fullmatch(path.name):
                yield path

    def _send(self) -> None:
        """Send what has changed since it was sent, without the outcome, and delete what is no longer there."""
        with self._sending:
            there = set()
            for path in self._files():
                if path.name == OUTCOME:
                    continue
                # A file may be finished and deleted meanwhile. Its mark is taken first, so that a change is seen.
                try:
                    about = path.stat()
                    signature = (about.st_ino, about.st_size, about.st_mtime_ns)
                    there.add(path.name)
                    if self._sent.get(path.name) == signature:
                        continue
                    content = path.read_bytes()
                except FileNotFoundError:
                    there.discard(path.name)
                    continue
                self._store.put(self._path_of(path.name), content)
                self._sent[path.name] = signature
            for name in set(self._sent) - there:
                self._store.delete([self._path_of(name)])
                del self._sent[name]

    def _path_of(self, name: str) -> str:
        return f"{self._key}/{self._held.lease.token}/{name}"

    def _delete(self, tokens: Collection[str | None]) -> None:
        """Delete what earlier jobs sent, which this one has sent again; no later job refers to it."""
        for token in set(tokens) - {None, self._held.lease.token}:
            self._store.delete(each.path for each in self._store.listed(f"{self._key}/{token}"))

    def _renew(self, **changes: object) -> None:
        with self._renewing:
            begun = time.monotonic()
            self._held.renew(**changes)
            # When the request began: by the store's clock the lease is not older than that.
            self._renewed = begun

    def _release(self) -> None:
        """End the lease; if the store does not take that, it expires."""
        with suppress(BusyError, StoreError):
            self._renew(is_ended=True)

    def _renew_until_end(self) -> None:
        while not self._ended.wait(lease.RENEWAL_S):
            try:
                self._renew()
            except BusyError as error:
                if not self._ended.is_set():
                    self._on_loss(str(error))
                return
            except StoreError as error:
                if time.monotonic() - self._renewed >= lease.EXPIRY_S:
                    why = f"the lease could not be renewed for {lease.EXPIRY_S:g} s ({error})"
                    self._on_loss(f"{why}, so another job may have taken the evaluation")
                    return

    def _send_until_end(self) -> None:
        while not self._ended.wait(SEND_S):
            # What was not sent is sent the next time; a store that fails for long ends the lease.
            with suppress(StoreError, OSError):
                self._send()
