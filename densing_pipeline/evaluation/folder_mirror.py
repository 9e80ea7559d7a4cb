"""Brings evaluation folders from an object store to the state directory, where everything else reads them.

Only what changed is fetched, an outcome after the files that it has the hashes of. A job that lives leaves its lease
here, so the folder counts as running; while the store cannot be read, what was alive stays so. Files that this machine
made are never deleted. Not here: what the names in the store mean (`folder_store`), and what jobs send (`folder_sender`).
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from densing_pipeline import files
from densing_pipeline.evaluation import folder_reader, lease, store_lease
from densing_pipeline.evaluation.folder_format import (
    LEASE,
    OUTCOME,
    REQUEST,
    read_json,
    write_json,
)
from densing_pipeline.evaluation.folder_store import (
    EVALUATIONS,
    FOLDER_FILE,
    MOST_OBJECTS,
    MOST_OF_EVALUATION,
    BadNameError,
    FolderStore,
    Listed,
    TooLargeError,
    folder_key,
    is_safe_name,
    most_bytes,
)
from densing_pipeline.object_stores import StoreError

BROUGHT = ".brought.json"
"""File of a folder with the objects that its files were brought from: entity tags by name, and a hash of the listing."""

UNKNOWN = store_lease.StoreLease("another machine", None, "unknown", None)
"""In place of a lease that cannot be read."""

DEPTH = 3
"""Parts of an evaluation's path: model, revision, suite version."""

MOST_UNREAD = 3
"""Evaluations in a row that cannot be read before the store counts as unreadable."""


def bring(store: FolderStore, folder: Path) -> None:
    """Bring one evaluation.

    Args:
        store: the store.
        folder: its folder here.

    Raises:
        StoreError: the store cannot be read.
        OSError: the folder cannot be written.
    """
    key = folder_key(folder)
    _bring(store, folder, key, store.listed(key), store.now)


def bring_all(store: FolderStore, root: Path) -> list[str]:
    """Bring every evaluation that changed in the store.

    Args:
        store: the store.
        root: folder of all evaluations here.

    Returns:
        A remark for each evaluation in the store that was not brought.

    Raises:
        StoreError: the store cannot be read.
        OSError: a folder cannot be written.
    """
    remarks: list[str] = []
    now, unread = cache(store.now), 0
    for parts, objects in _evaluations(store, root, remarks):
        there = "/".join((EVALUATIONS, *parts))
        if len(parts) < DEPTH or not all(map(is_safe_name, parts)):
            remarks.append(f"{there[:200]!r} is no name of an evaluation")
            continue
        if len(objects) > MOST_OF_EVALUATION:
            remarks.append(f"{there} has more than {MOST_OF_EVALUATION} objects")
            continue
        folder = root.joinpath(*parts)
        if _seen(objects) == read_json(folder / BROUGHT).get("seen") and not lease.is_remote(
            folder
        ):
            continue
        try:
            _bring(store, folder, there, objects, now)
            unread = 0
        except TooLargeError as error:
            remarks.append(str(error))
        except StoreError as error:
            unread += 1
            if unread == MOST_UNREAD:
                raise
            remarks.append(str(error))
            _keep_alive(folder)
    return remarks


def keep_alive(root: Path) -> None:
    """While the store cannot be read: have the jobs count as alive that did when it last could."""
    for path in root.glob(f"*/*/*/{LEASE}"):
        _keep_alive(path.parent)


def _keep_alive(folder: Path) -> None:
    if lease.is_remote(folder):
        os.utime(folder / LEASE)


def _evaluations(
    store: FolderStore, root: Path, remarks: list[str]
) -> Iterable[tuple[tuple[str, ...], list[Listed]]]:
    """Evaluations in the store, with their objects; if they cannot be listed for a bad name, those that are known here.

    Args:
        store: the store.
        root: folder of all evaluations here.
        remarks: gets one for each name that keeps others from being listed.
    """
    try:
        return _by_evaluation(store.listed(EVALUATIONS, MOST_OBJECTS))
    except BadNameError as error:
        remarks.append(f"{error}. Until it is deleted, only evaluations known here are brought")
        return _known(store, root, remarks)


def _known(
    store: FolderStore, root: Path, remarks: list[str]
) -> Iterable[tuple[tuple[str, ...], list[Listed]]]:
    """Evaluations that were asked for here, with their objects in the store, each listed by itself."""
    for path in sorted(root.glob(f"*/*/*/{REQUEST}")):
        parts = path.parts[-DEPTH - 1 : -1]
        if not all(map(is_safe_name, parts)):
            continue
        try:
            objects = store.listed("/".join((EVALUATIONS, *parts)))
        except TooLargeError as error:
            remarks.append(str(error))
        except BadNameError as error:
            remarks.append(str(error))
            _keep_alive(path.parent)
        else:
            if objects:
                yield parts, objects


def _by_evaluation(objects: Iterable[Listed]) -> Iterable[tuple[tuple[str, ...], list[Listed]]]:
    """Listed objects by the model, revision and suite version in their paths."""
    for parts, found in groupby(objects, lambda each: tuple(each.path.split("/")[1:-1][:DEPTH])):
        yield parts, list(found)


def _seen(objects: Sequence[Listed]) -> str:
    """A hash of a listing."""
    told = [(each.path, each.size, each.e_tag) for each in objects]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _bring(
    store: FolderStore,
    folder: Path,
    key: str,
    objects: Sequence[Listed],
    now: Callable[[], datetime],
) -> None:
    """Bring one evaluation, of which the objects are listed.

    Args:
        store: the store.
        folder: its folder here.
        key: its path in the store.
        objects: all objects below that path.
        now: says the time by the store's clock; asked only of a job that has not ended, for that takes a write.
    """
    if folder_reader.is_running(folder) and not lease.is_remote(folder):
        # A job of this disk is at work in the folder itself.
        return
    told = store_lease.read(store, key)
    by_path = {each.path: each for each in objects}
    _bring_request(store, folder, key, by_path)
    if told is None:
        return
    age_s = None if told.is_ended else told.age_s(now())
    is_alive = age_s is not None and age_s < lease.EXPIRY_S
    if is_alive:
        folder.mkdir(parents=True, exist_ok=True)
        by = told.lease or UNKNOWN
        lease.write_remote(folder, by.host, by.order, by.token, max(age_s or 0.0, 0.0))
    token = told.lease.files if told.lease else None
    brought: dict[str, Any] = read_json(folder / BROUGHT).get("files") or {}
    if token is not None:
        brought = _bring_files(store, folder, f"{key}/{token}", by_path, brought)
    if folder.exists():
        write_json(folder / BROUGHT, {"files": brought, "seen": _seen(objects)})
        if not is_alive and lease.is_remote(folder):
            (folder / LEASE).unlink(missing_ok=True)


def _bring_request(store: FolderStore, folder: Path, key: str, by_path: dict[str, Listed]) -> None:
    """Bring the request of another orchestrator, if it is a later one than ours."""
    if (path := f"{key}/{REQUEST}") not in by_path:
        return
    found = store.read(path)
    if found and _attempt_in(found.content) > _attempt(folder):
        files.write(folder / REQUEST, found.content)


def _bring_files(
    store: FolderStore,
    folder: Path,
    prefix: str,
    by_path: dict[str, Listed],
    brought: dict[str, Any],
) -> dict[str, Any]:
    """Bring the files of one job, the outcome last; entity tags of what is here now, by name."""
    there = {
        name: each
        for path, each in by_path.items()
        if path.startswith(f"{prefix}/")
        # Journals are of use to the next job alone.
        and FOLDER_FILE.fullmatch(name := path.removeprefix(f"{prefix}/"))
        and name[0] != "."
    }
    kept: dict[str, Any] = {}
    for name in sorted(there, key=lambda each: (each == OUTCOME, each)):
        each, path = there[name], folder / name
        kept[name] = each.e_tag
        if each.e_tag is not None and each.e_tag == brought.get(name) and path.exists():
            continue
        found = store.read(each.path, most_bytes(name))
        is_earlier = name == OUTCOME and found and _attempt_in(found.content) < _attempt(folder)
        if found is None or is_earlier:
            # Deleted meanwhile, or of an attempt before the one that is under way.
            del kept[name]
            continue
        if name == OUTCOME:
            # What an earlier job left and this one dropped; the outcome's hashes do not have it.
            for gone in set(brought) - set(there):
                (folder / gone).unlink(missing_ok=True)
        files.write(path, found.content)
    return kept if OUTCOME in kept else brought | kept


def _attempt(folder: Path) -> int:
    return folder_reader.whole_number(read_json(folder / REQUEST).get("attempt")) or 0


def _attempt_in(content: bytes) -> int:
    """The attempt that a JSON document names; 0 if it names none."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return 0
    return folder_reader.whole_number(told.get("attempt")) or 0 if isinstance(told, dict) else 0
