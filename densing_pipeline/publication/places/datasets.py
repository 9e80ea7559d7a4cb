"""Releases in a data-set repository of the Hub: `hf://datasets/<owner>/<name>`, through huggingface_hub.

    branch main        the files of the latest release, as its card (`README.md`) names them, and the list of releases
    tag <release id>   the commit that has the files of that release

A release is one commit, so readers find the release before or the new one. It is made on top of the commit that was
read before, and the Hub refuses it if another came between. Large files are uploaded before, by content: a sender that is
killed goes on with those that are not there yet. Afterwards the hashes that the Hub lists are compared. Nothing is removed:
earlier releases stay under their tags, and share the files that did not change.

The token comes from the environment (`HF_TOKEN`, or a login of the Hub's own client). Not here: other places.
"""

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import disable_progress_bars, get_token_to_send, validate_repo_id
from huggingface_hub.utils.sha import git_hash

from densing_pipeline import files, hub_library
from densing_pipeline.addresses import shown
from densing_pipeline.bounded_http import Bounds
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.datapackage import RESOURCES_FILE
from densing_pipeline.publication.places.place import (
    PlaceError,
    PlaceRefusedError,
    Sent,
    conflict,
    hashes,
    package_of,
)
from densing_pipeline.text import error_text
from densing_pipeline.units import MIB

KIND = "dataset"
BRANCH = "main"

BOUNDS = Bounds(
    connect_s=10,
    read_s=60,
    answer_s=600,
    slowest_bytes_per_s=100_000,
    max_bytes=4096 * MIB,
    redirect_hosts=("*.amazonaws.com",),
)
"""Bounds of a request; large files are uploaded to hosts of Amazon, which the Hub names."""

CHANGED_MEANWHILE = (409, 412)
"""Answers to a commit whose parent is not the newest one any more."""


def open_dataset(url: str, endpoint: str | None = None, bounds: Bounds = BOUNDS) -> "DatasetPlace":
    """The place at an address such as `hf://datasets/owner/name`.

    Args:
        url: the address.
        endpoint: address of the Hub; that of `huggingface_hub` (`HF_ENDPOINT`) if left out.
        bounds: bounds of every request of the library from here on.

    Raises:
        PlaceError: it names no data set.
    """
    repository = url.partition("://datasets/")[2].strip("/")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise PlaceError(f"{shown(url)}: {error_text(error)}") from error
    endpoint = endpoint or constants.ENDPOINT
    hub_library.prepare(bounds, endpoint)
    disable_progress_bars()
    return DatasetPlace(repository, endpoint)


class DatasetPlace:
    """A data-set repository that releases are sent to; a `Place`."""

    def __init__(self, repository: str, endpoint: str) -> None:
        """Send to a repository, by the library as `open_dataset` prepares it.

        Args:
            repository: owner and name.
            endpoint: address of the Hub.
        """
        self.address = f"hf://datasets/{repository}"
        self._repository, self._endpoint = repository, endpoint

    def latest(self) -> str | None:
        """The latest release there; None if there is none."""
        with self._named() as api:
            return _release(self._package(api, self._head(api)))

    def releases(self) -> pl.DataFrame:
        """The list of releases there, a `releases` frame."""
        with self._named() as api:
            return catalogue.read(self._read(api, catalogue.LIST_FILE, self._head(api)))

    def fetch(self, into: Path) -> None:
        """Write the files of the latest release to an empty folder, without judging them."""
        with self._named() as api:
            head = self._head(api)
            package = self._package(api, head)
            if package is None:
                raise PlaceError(f"{self.address}: nothing is published there yet")
            for name in (RESOURCES_FILE, *hashes(package)):
                content = self._read(api, name, head)
                if content is None:
                    raise PlaceError(
                        f"{self.address}/{name}: is not there, although the release there has it; publish the "
                        "next release, or remove what is there"
                    )
                files.write(into / name, content)

    def plan(self, release: Path, known: Collection[str]) -> Sent:
        """What `send` would do (`Place.plan`)."""
        with self._named() as api:
            head = self._head(api)
            there, package = self._tree(api, head), self._package(api, head)
            previous = self._previous(package, release.name, known)
            named = _to_hold(release, previous, there)
            missing = [path for name, path in named.items() if not _holds(there.get(name), path)]
            return Sent(
                self.address, release.name, previous, len(missing), len(named) - len(missing),
                sum(path.stat().st_size for path in missing), is_trial=True,
            )  # fmt: skip

    def send(self, release: Path, known: Collection[str], keep: int | None, homepage: str) -> Sent:
        """Make a release the latest one (`Place.send`); `keep` has no effect, since a repository keeps its history."""
        mine = release.name
        with self._named(is_written=True) as api, tempfile.TemporaryDirectory() as scratch:
            head = self._head(api)
            there, package = self._tree(api, head), self._package(api, head)
            previous = self._previous(package, mine, known)
            named = _to_hold(release, previous, there)
            gone = set(there) & set(hashes(package)) - set(named) if package and named else set()
            listed = self._listed(api, head, release, previous)
            named |= _written(Path(scratch), catalogue.rendered(listed, homepage))
            missing = [name for name, path in named.items() if not _holds(there.get(name), path)]
            if missing or gone:
                operations: list[Any] = [
                    CommitOperationAdd(name, str(named[name])) for name in missing
                ]
                operations += [CommitOperationDelete(name) for name in sorted(gone)]
                head = self._commit(api, operations, mine, head)
                self._verify(self._tree(api, head), {name: named[name] for name in missing}, gone)
            # The tag of a release that was sent before stays at its commit.
            api.create_tag(self._repository, repo_type=KIND, tag=mine, revision=head, exist_ok=True)
        sent = [name for name in missing if name not in catalogue.FILES]
        present = len(named) - len(catalogue.FILES) - len(sent)
        n_bytes = sum((release / name).stat().st_size for name in sent)
        return Sent(self.address, mine, previous, len(sent), present, n_bytes)

    def _previous(
        self, package: Mapping[str, Any] | None, mine: str, known: Collection[str]
    ) -> str | None:
        """The latest release there, if the sender knows it."""
        previous = _release(package)
        if previous not in (None, mine, *known):
            raise conflict(self.address, mine, str(previous))
        return previous

    def _listed(self, api: HfApi, head: str, release: Path, previous: str | None) -> pl.DataFrame:
        """The list there with the row of a release; of one that is there already, as it is described there."""
        known = catalogue.read(self._read(api, catalogue.LIST_FILE, head))
        is_listed = known.filter("is_available", release_id=release.name).height > 0
        if previous == release.name and is_listed:
            return known
        row = catalogue.row(release).with_columns(path=pl.lit(f"tree/{release.name}"))
        return catalogue.merged(known, [row])

    def _commit(self, api: HfApi, operations: list[Any], mine: str, head: str) -> str:
        """Commit on top of a commit; returns the new one, or the one that has the same release already."""
        try:
            return str(
                api.create_commit(
                    self._repository,
                    operations,
                    commit_message=f"Release {mine}",
                    repo_type=KIND,
                    revision=BRANCH,
                    parent_commit=head,
                    num_threads=2,
                ).oid
            )
        except HfHubHTTPError as error:
            if error.response.status_code not in CHANGED_MEANWHILE:
                raise
            # A request that was answered too late and sent again meets its own effect.
            newest = self._head(api)
            if (theirs := _release(self._package(api, newest))) != mine:
                raise conflict(self.address, mine, str(theirs)) from error
            return newest

    def _verify(
        self, there: Mapping[str, RepoFile], sent: Mapping[str, Path], gone: Collection[str]
    ) -> None:
        """Refuse a commit in which a file is not as it was sent."""
        wrong = [name for name, path in sent.items() if not _holds(there.get(name), path)]
        wrong += sorted(set(gone) & set(there))
        if wrong:
            raise PlaceError(
                f"{self.address}/{wrong[0]}: the Hub lists other bytes than were sent ({len(wrong)} files); the "
                "commit before is whole, and the next night sends these files again"
            )

    def _head(self, api: HfApi) -> str:
        """The newest commit."""
        return str(api.repo_info(self._repository, repo_type=KIND, revision=BRANCH).sha)

    def _tree(self, api: HfApi, head: str) -> dict[str, RepoFile]:
        """Every file of a commit by its path."""
        listed = api.list_repo_tree(self._repository, repo_type=KIND, revision=head, recursive=True)
        return {one.path: one for one in listed if isinstance(one, RepoFile)}

    def _package(self, api: HfApi, head: str) -> dict[str, Any] | None:
        """The description of the release in a commit; None if there is none."""
        content = self._read(api, RESOURCES_FILE, head)
        try:
            package: dict[str, Any] | None = None if content is None else json.loads(content)
            _ = package and (_release(package), hashes(package))
        except (ValueError, KeyError, TypeError) as error:
            raise PlaceRefusedError(
                f"{self.address}/{RESOURCES_FILE}: describes no release of densing-pipeline; use a repository of its own"
            ) from error
        return package

    def _read(self, api: HfApi, name: str, head: str) -> bytes | None:
        """A file of a commit; None if it is not there."""
        with tempfile.TemporaryDirectory() as cache:
            try:
                path = api.hf_hub_download(
                    self._repository, name, repo_type=KIND, revision=head, cache_dir=cache
                )
            except EntryNotFoundError:
                return None
            return Path(path).read_bytes()

    @contextmanager
    def _named(self, *, is_written: bool = False) -> Iterator[HfApi]:
        """The library with the token; its errors as sentences that name the place and the remedy."""
        token = get_token_to_send(None)
        if is_written and not token:
            raise PlaceRefusedError(
                f"{self.address}: writing needs a token: set HF_TOKEN to one that may write to {self._repository}"
            )
        try:
            yield HfApi(endpoint=self._endpoint, token=token or False)
        except PlaceError:
            raise
        except Exception as error:  # the library raises whatever an odd answer leads to
            if (refusal := self._refusal(error)) is not None:
                raise PlaceRefusedError(f"{self.address}: {refusal}") from error
            raise PlaceError(
                f"{self.address}: {error_text(_cause(error))[:300]}; the release is kept locally, and the next night goes "
                "on from what was uploaded"
            ) from error

    def _refusal(self, error: Exception) -> str | None:
        """What the Hub refuses for good, with the remedy; None of another error."""
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        if status == 401 and not isinstance(error, RepositoryNotFoundError):
            return "the Hub does not accept the token, which has expired or was revoked: set HF_TOKEN to a new one"
        if isinstance(error, RepositoryNotFoundError):
            return (
                "there is no such data set, or the token may not see it: create it with "
                f"`hf repos create {self._repository} --repo-type dataset`, or set HF_TOKEN to a token of its owner"
            )
        if status == 403:
            return "the token may not write there: use a repository of your own, or a token with permission to write"
        return None


def _release(package: Mapping[str, Any] | None) -> str | None:
    """The release that a description is of."""
    return None if package is None else str(package["version"])


def _to_hold(release: Path, previous: str | None, there: Mapping[str, RepoFile]) -> dict[str, Path]:
    """The files that the repository is to hold, by name; none if another machine made the release that is there."""
    description = release / RESOURCES_FILE
    if previous == release.name and not _holds(there.get(RESOURCES_FILE), description):
        return {}
    names = (*hashes(package_of(release)), RESOURCES_FILE)
    return {name: release / name for name in names}


def _written(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Files with these contents, by name."""
    for name, content in contents.items():
        files.write(folder / name, content)
    return {name: folder / name for name in contents}


def _holds(there: RepoFile | None, path: Path) -> bool:
    """Whether a file of the repository has the bytes of a local one, by the hashes that the Hub lists."""
    if there is None or there.size != path.stat().st_size:
        return False
    if there.lfs is not None:
        return bool(there.lfs.sha256 == files.file_sha256(path))
    return bool(there.blob_id == git_hash(path.read_bytes()))


def _cause(error: BaseException) -> BaseException:
    """The error that another one only repeats."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
