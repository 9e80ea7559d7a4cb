"""The object store that evaluation folders travel through (`DENSING_EVALUATION_STORE`), as the orchestrator uses it.

Not here: the store itself and what jobs send (`evaluation.folder_store`, `evaluation.folder_sender`), and how folders
are brought here (`evaluation.folder_mirror`).
"""

import hashlib
import json
import logging
from pathlib import Path

from densing_pipeline import files
from densing_pipeline.evaluation import (
    folder_mirror,
    folder_store,
    installation,
    job_path,
    store_lease,
)
from densing_pipeline.evaluation.folder_format import REQUEST
from densing_pipeline.evaluation.folder_store import CHECKS, PACKAGES, FolderStore, folder_key
from densing_pipeline.object_stores import StoreError
from densing_pipeline.settings import Settings

LOG = logging.getLogger(__name__)

REMARKS = 20
"""Evaluations left out that a night names, at most."""


def opened(settings: Settings) -> FolderStore | None:
    """The store of the settings; None if evaluation folders lie on a disk that all see.

    Raises:
        StoreError: it cannot be opened.
    """
    address = settings.evaluation_store
    return None if address is None else folder_store.open_store(address)


def bring_all(settings: Settings) -> None:
    """Bring every evaluation that changed in the store, if there is one.

    If the store cannot be read, the folders stay as they were last known, jobs that lived count as alive, and a warning
    is logged.
    """
    root = settings.evaluations_dir
    try:
        store = opened(settings)
        if store is None:
            return
        for remark in folder_mirror.bring_all(store, root)[:REMARKS]:
            LOG.warning("%s: left out: %s", store.address, remark)
    except StoreError as error:
        folder_mirror.keep_alive(root)
        LOG.warning("%s. Evaluations count as they were last known", error)


def send_request(store: FolderStore, folder: Path, request: dict[str, object]) -> None:
    """Send what is asked for to the store, for the job that is to be started."""
    store.put(f"{folder_key(folder)}/{REQUEST}", json.dumps(request, sort_keys=True).encode())


def end_order(store: FolderStore, folder: Path, order: str) -> None:
    """End the lease of an ordered job of which its scheduler says that it has ended."""
    store_lease.end_order(store, folder_key(folder), order)


def fetching(store: FolderStore, settings: Settings, command: list[str]) -> list[str]:
    """The command line of a job whose node fetches this package from the store, which has it afterwards."""
    content = job_path.packed()
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"{PACKAGES}/{sha256}.zip"
    if not store.is_there(path):
        store.put(path, content)
    packages = settings.on_nodes(settings.job_dir)
    return job_path.fetching(command, store.address, sha256, packages)


def bring_check(store: FolderStore, settings: Settings, order: str) -> None:
    """Bring the verdict of an ordered check to where the sensor reads it, if it left one.

    Raises:
        StoreError: the store cannot be read.
    """
    path = f"{CHECKS}/{order}.json"
    if (found := store.read(path)) is not None:
        files.write(settings.state_dir / installation.FILE, found.content)
        store.delete([path])
