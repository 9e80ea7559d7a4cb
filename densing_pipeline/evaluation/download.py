"""Fetches a model's files from the Hub at one commit, checks them, and limits the size of the cache.

Not here: which files are fetched and which models refused (`weights`).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import huggingface_hub
from filelock import FileLock, Timeout
from huggingface_hub.errors import (
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from densing_pipeline import hub_library
from densing_pipeline.bounded_http import Bounds
from densing_pipeline.evaluation import weights
from densing_pipeline.evaluation.failures import BlockedError, EvaluationError, InstallationError
from densing_pipeline.files import file_sha256
from densing_pipeline.text import error_text
from densing_pipeline.units import GIB, MIB

LISTING = Bounds(answer_s=120, max_bytes=64 * MIB)
"""Bounds of what the Hub lists of a model."""

FILES = Bounds(answer_s=600, slowest_bytes_per_s=1_000_000)
"""Bounds of a file of weights: 600 s, and 1 s more for each million bytes received."""

SPARE_BYTES = GIB
"""Bytes kept free on the disk."""


@dataclass(frozen=True)
class Listed:
    """The files to fetch of a model at one commit.

    Attributes:
        model_id: its repository, or `<repository>:<folder>` for a model in a subfolder.
        revision: the commit.
        files: size in bytes and SHA-256 (of large files) of each wanted file.
    """

    model_id: str
    revision: str
    files: dict[str, tuple[int, str | None]]

    @property
    def repository(self) -> str:
        """The repository's id."""
        return self.model_id.partition(":")[0]

    @property
    def folder(self) -> str:
        """The subfolder with a slash at the end; empty for the top folder."""
        return _folder(self.model_id)

    @property
    def size(self) -> int:
        """Bytes of all files to fetch."""
        return sum(size for size, _ in self.files.values())


def find(model_id: str, revision: str) -> Listed:
    """List the files to fetch of a model at a revision.

    Raises:
        BlockedError: the model does not exist, is not accessible, or has no files that may be loaded.
        EvaluationError: the Hub does not answer.
    """
    repository, folder = model_id.partition(":")[0], _folder(model_id)
    with _refusals(f"{model_id} at {revision}", LISTING):
        info = huggingface_hub.HfApi().model_info(
            repository, revision=revision, files_metadata=True
        )
    siblings = {
        each.rfilename.removeprefix(folder): each
        for each in info.siblings or ()
        if each.rfilename.startswith(folder)
    }
    if info.sha is None:
        raise EvaluationError(f"the Hub gives no commit for {model_id} at {revision}")
    files = {
        name: (siblings[name].size or 0, lfs.sha256 if (lfs := siblings[name].lfs) else None)
        for name in weights.check_names(siblings)
    }
    return Listed(model_id, info.sha, files)


def fetch(listed: Listed, cache: Path, most_bytes: float) -> weights.Weights:
    """Fetch a model's files unless they are cached, and check them.

    The configuration is fetched and checked first, so that weights of a refused model are not.

    Args:
        listed: what to fetch.
        cache: folder of the weights; models not used for the longest time are deleted to make room.
        most_bytes: most bytes of all models in it.

    Raises:
        BlockedError: the model cannot be loaded, is damaged on the Hub, or is larger than allowed.
        EvaluationError: a file could not be fetched this time.
    """
    if listed.size > most_bytes:
        raise BlockedError(
            f"its files take {listed.size / GIB:.1f} GiB, {most_bytes / GIB:g} are allowed for all"
        )
    if (size := listed.files.get(weights.CONFIG, (0, None))[0]) > weights.LARGEST_CONFIG:
        raise BlockedError(f"its {weights.CONFIG} has {size:,} bytes")
    largest = max((size for size, _ in listed.files.values()), default=0)
    with _refusals(listed.model_id, replace(FILES, max_bytes=largest + LISTING.max_bytes)):
        config = huggingface_hub.hf_hub_download(
            listed.repository,
            listed.folder + weights.CONFIG,
            revision=listed.revision,
            cache_dir=cache,
        )
        weights.check_code(weights.read_config(Path(config)))
        make_room(cache, listed, most_bytes)
        snapshot = huggingface_hub.snapshot_download(
            listed.repository,
            revision=listed.revision,
            cache_dir=cache,
            allow_patterns=[listed.folder + name for name in sorted(listed.files)],
        )
    folder = Path(snapshot, listed.folder)
    for name, (size, sha256) in listed.files.items():
        _check_file(folder / name, size, sha256)
    return weights.check(folder, {name: sha for name, (_, sha) in listed.files.items() if sha})


def make_room(cache: Path, listed: Listed, most_bytes: float) -> list[str]:
    """Delete cached commits, least recently used first, until another model fits.

    Returns:
        Ids of the deleted models.

    Raises:
        InstallationError: the disk is too full even without them.
    """
    cache.mkdir(parents=True, exist_ok=True)
    delete_parts(cache)
    found = huggingface_hub.scan_cache_dir(cache)
    commits = [(repo, each) for repo in found.repos for each in repo.revisions]
    here = sum(each.size_on_disk for _, each in commits if each.commit_hash == listed.revision)
    # Cached files of a repository with several models may belong to the others.
    missing = max(listed.size - (0 if listed.folder else here), 0)
    others = sorted(
        (pair for pair in commits if pair[1].commit_hash != listed.revision),
        key=lambda pair: max((file.blob_last_accessed for file in pair[1].files), default=0.0),
    )
    deleted: dict[str, str] = {}
    # Together, for commits may share files.
    plan = found.delete_revisions()
    for repo, each in others:
        freed = plan.expected_freed_size
        fits = found.size_on_disk + found.incomplete_size_on_disk - freed + missing <= most_bytes
        if fits and _free(cache) + freed >= missing + SPARE_BYTES:
            break
        deleted[each.commit_hash] = repo.repo_id
        plan = found.delete_revisions(*deleted)
    plan.execute()
    if _free(cache) < missing + SPARE_BYTES:
        raise InstallationError(
            f"{(missing + SPARE_BYTES) / GIB:.1f} GiB of disk needed in {cache}, "
            f"{_free(cache) / GIB:.1f} are free"
        )
    return list(deleted.values())


def delete_parts(cache: Path) -> int:
    """Delete parts of files whose download broke off; the library never goes on with one.

    A part that another process is fetching stays: it holds the library's lock of the file.

    Returns:
        Bytes that were deleted.
    """
    deleted = 0
    for part in huggingface_hub.scan_cache_dir(cache).incomplete_files:
        repository, etag = part.file_path.parent.parent.name, part.file_path.name.partition(".")[0]
        lock = FileLock(cache / ".locks" / repository / f"{etag}.lock", timeout=0, mode=0o664)
        lock_folder = Path(lock.lock_file).parent
        lock_folder.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout), lock:
            part.file_path.unlink(missing_ok=True)
            deleted += part.size_on_disk
    return deleted


def _folder(model_id: str) -> str:
    name = model_id.partition(":")[2]
    return f"{name}/" if name else ""


def _free(cache: Path) -> int:
    return shutil.disk_usage(cache).free


def _check_file(path: Path, size: int, sha256: str | None) -> None:
    """Check a file against the Hub's listing; a damaged one is deleted, so that it is fetched again."""
    if not path.is_file():
        raise EvaluationError(f"{path.name} is listed but did not arrive")
    found = path.stat().st_size
    if (found == size or not size) and (sha256 is None or file_sha256(path) == sha256):
        return
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    raise EvaluationError(
        f"{path.name} arrived damaged ({found:,} of {size:,} bytes, or another content); deleted"
    )


@contextmanager
def _refusals(what: str, bounds: Bounds) -> Iterator[None]:
    """Bound the client's requests, and turn its exceptions into those of an evaluation."""
    hub_library.prepare(bounds, huggingface_hub.constants.ENDPOINT)
    try:
        yield
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        kind = "gated" if isinstance(error, GatedRepoError) else "not to be found"
        raise BlockedError(f"{what}: {kind} on the Hub, or not for this token") from error
    except EvaluationError:
        raise
    except Exception as error:  # the library raises whatever an odd answer leads to
        raise EvaluationError(f"{what}: could not be fetched: {error_text(error)[:300]}") from error
