"""The lease of an evaluation in an object store: which job works on it, on whatever machine, and whose files count.

A job takes the lease under the condition that nobody wrote it since it was read, renews it every `lease.RENEWAL_S`
seconds under the same condition, and ends it. A job that did not renew for `lease.EXPIRY_S` seconds counts as dead, and
another may take over. How long ago that was is said by the store's own clock alone, so the clocks of the machines may
differ. Of two jobs that try at the same time the store lets one write. Not here: leases on a shared disk (`lease`).
"""

import json
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from densing_pipeline.evaluation import lease
from densing_pipeline.evaluation.failures import BusyError
from densing_pipeline.evaluation.folder_store import ChangedError, FolderStore, Found
from densing_pipeline.object_stores import StoreError
from densing_pipeline.text import LONGEST_NAME, clean

FILE = "lease.json"

TOKEN_BYTES = 8
"""Bytes of randomness in the token of a job."""


@dataclass(frozen=True)
class StoreLease:
    """Which job works on an evaluation.

    Attributes:
        host: name of its machine, for messages.
        order: name under which the orchestrator started it; None if it was started by hand.
        token: drawn anew for each job; its files lie below this name.
        files: token of the job whose files count: of an earlier one until this one has sent all that it took over;
            None if there is none.
        renewal: how often it was renewed, so that no two writes are alike.
        is_ended: whether the job has ended.
    """

    host: str
    order: str | None
    token: str
    files: str | None
    renewal: int = 0
    is_ended: bool = False

    @property
    def content(self) -> bytes:
        """It as the store has it."""
        return json.dumps(asdict(self), sort_keys=True).encode()


@dataclass(frozen=True)
class Read:
    """What a store has as the lease of an evaluation.

    Attributes:
        lease: the lease; None if the object is none.
        found: the object.
    """

    lease: StoreLease | None
    found: Found

    @property
    def is_ended(self) -> bool:
        """Whether its job has ended."""
        return self.lease is not None and self.lease.is_ended

    def age_s(self, now: datetime) -> float:
        """Seconds since it was last renewed.

        Args:
            now: the time by the store's clock.
        """
        return (now - self.found.written_at).total_seconds()


def read(store: FolderStore, key: str) -> Read | None:
    """The lease of an evaluation; None if it never had one.

    Args:
        store: the store.
        key: path of the evaluation there.
    """
    found = store.read(f"{key}/{FILE}")
    return None if found is None else Read(_parsed(found.content), found)


def end_order(store: FolderStore, key: str, order: str) -> None:
    """End the lease of an ordered job of which its scheduler says that it has ended; no other job's."""
    told = read(store, key)
    if told and told.lease and told.lease.order == order and not told.lease.is_ended:
        ended = replace(told.lease, is_ended=True, renewal=told.lease.renewal + 1)
        try:
            store.put(f"{key}/{FILE}", ended.content, only=told.found.version)
        except ChangedError:
            # It lives, whatever its scheduler says, or another job has taken over.
            return


class HeldLease:
    """The lease of an evaluation, held by this process.

    Attributes:
        lease: as it was last written.
        taken_from: token of the job that held it before; None if there was none.
    """

    def __init__(self, store: FolderStore, key: str, order: str | None) -> None:
        """Take it if no living job holds it.

        Args:
            store: the store.
            key: path of the evaluation there.
            order: name under which the orchestrator started this process.

        Raises:
            BusyError: another job holds it, or took it at the same moment.
            StoreError: the store cannot be read or written.
        """
        self._store, self._path = store, f"{key}/{FILE}"
        before = read(store, key)
        if before and not before.is_ended and before.age_s(store.now()) < lease.EXPIRY_S:
            host = before.lease.host if before.lease else "another machine"
            raise BusyError(f"a job on {host} is at work on {store.address}/{key}")
        earlier = before.lease if before else None
        self.taken_from = earlier.token if earlier else None
        files = earlier.files if earlier else None
        self.lease = StoreLease(socket.gethostname(), order, secrets.token_hex(TOKEN_BYTES), files)
        self._version = before.found.version if before else None
        try:
            self._version = store.put(
                self._path, self.lease.content, only=self._version or "absent"
            )
        except ChangedError as error:
            self._resume_own(error)

    def renew(self, **changes: object) -> None:
        """Write the lease again, with changes to its fields if there are any.

        Raises:
            BusyError: another job has taken it.
            StoreError: the store cannot be read or written; it may be held or not.
        """
        for _ in range(2):
            renewed = replace(self.lease, renewal=self.lease.renewal + 1, **changes)  # type: ignore[arg-type]
            try:
                self._version = self._store.put(
                    self._path, renewed.content, only=self._version or "absent"
                )
            except ChangedError as error:
                self._resume_own(error)
            else:
                self.lease = renewed
                return
        raise StoreError(f"{self._store.address}/{self._path}: could not be renewed")

    def _resume_own(self, error: ChangedError) -> None:
        """Go on from the lease in the store if it is this job's: a write that was answered too late had an effect.

        Raises:
            BusyError: it is another job's.
        """
        found = self._store.read(self._path)
        now = _parsed(found.content) if found else None
        if found is None or now is None or now.token != self.lease.token or now.is_ended:
            by = f"a job on {now.host}" if now else "somebody else"
            raise BusyError(f"{by} has taken {self._store.address}/{self._path}") from error
        self.lease, self._version = now, found.version


def _parsed(content: bytes) -> StoreLease | None:
    """The lease in an object; None if it holds none."""
    try:
        told = json.loads(content)
        found = StoreLease(**told)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (found.host, found.token, found.order, found.files)
    if not all(each is None or isinstance(each, str) for each in texts):
        return None
    tokens = [found.token, *([] if found.files is None else [found.files])]
    is_sound = (
        all(isinstance(each, str) and each.isalnum() and each.isascii() for each in tokens)
        and isinstance(found.host, str)
        and isinstance(found.renewal, int)
        and isinstance(found.is_ended, bool)
    )
    # The name is for messages alone, and anybody who can write the store chose it.
    return replace(found, host=clean(found.host, LONGEST_NAME)) if is_sound else None
