"""The rules of a release on an object store, on obstore's store in memory.

`test_objects.py` holds the same and more over HTTP, with answers that fail, on moto's S3 server.
"""

import hashlib
import json
from typing import Any

import pytest
from obstore.store import MemoryStore

from densing_pipeline import object_stores
from densing_pipeline.publication.places import copies
from densing_pipeline.publication.places.objects import ObjectPlace
from densing_pipeline.publication.places.place import PlaceConflictError, PlaceError
from densing_pipeline.publication.release import latest_release

pytestmark = pytest.mark.heavy


class WatchedStore:
    """A store in memory that notes what a reader finds after each write, and may refuse writes from one on."""

    def __init__(self, refuses_from: int | None = None) -> None:
        """Begin empty."""
        self.store = MemoryStore()
        self.refuses_from, self.writes = refuses_from, 0
        self.seen: list[str | None] = []

    def __getattr__(self, name: str) -> Any:
        """Everything but writes is the store's own."""
        return getattr(self.store, name)

    def put(self, *arguments: Any, **options: Any) -> object:
        """Write as the store does, unless writes are refused."""
        if self.refuses_from is not None and self.writes >= self.refuses_from:
            raise OSError("killed")
        self.writes += 1
        done = self.store.put(*arguments, **options)
        self.seen.append(read(self.store))
        return done


def opened(store: object) -> ObjectPlace:
    return ObjectPlace(store, "memory://place")  # type: ignore[arg-type]


def content(store: MemoryStore, path: str) -> bytes:
    return bytes(store.get(path).bytes())


def read(store: MemoryStore) -> str | None:
    """What a reader finds: the latest release by the pointer, its files each as described."""
    try:
        pointer = json.loads(content(store, "latest.json"))
    except FileNotFoundError:
        return None
    description = content(store, f"{pointer['path']}/datapackage.json")
    assert hashlib.sha256(description).hexdigest() == pointer["descriptor_sha256"]
    package = json.loads(description)
    for file in (*package["resources"], *package["answers"]):
        found = hashlib.sha256(content(store, f"{pointer['path']}/{file['path']}")).hexdigest()
        assert f"sha256:{found}" == file["hash"], file["path"]
    return str(pointer["release"])


def names(paths):
    return [path.name for path in paths]


def test_readers_find_one_whole_release_after_every_write_and_old_ones_go(small):
    store = WatchedStore()
    for release in small:
        sent = opened(store).send(release, names(small), 2, "")
    assert store.seen == sorted(store.seen, key=[None, *names(small)].index)
    assert set(store.seen) == {None, *names(small)}
    assert sent.removed == (small[1].name,)
    paths = "\n".join(one["path"] for page in store.list() for one in page)
    assert [name in paths for name in names(small)] == [False, False, True, True]


def test_a_sender_killed_before_any_write_goes_on_where_it_was(small):
    whole = WatchedStore()
    opened(whole).send(small[0], [], None, "")
    first = whole.writes
    opened(whole).send(small[1], names(small), None, "")
    for point in range(first, whole.writes):
        store = WatchedStore(refuses_from=point)
        opened(store).send(small[0], [], None, "")
        with pytest.raises(PlaceError, match="the next night goes on"):
            opened(store).send(small[1], names(small), None, "")
        assert read(store.store) == small[0].name
        store.refuses_from = None
        opened(store).send(small[1], names(small), None, "")
        assert read(store.store) == small[1].name
        assert set(opened(store).releases()["release_id"]) == set(names(small[:2]))


def test_a_release_made_without_the_latest_one_is_not_sent(small):
    store = WatchedStore()
    opened(store).send(small[1], [], None, "")
    before = store.writes
    with pytest.raises(PlaceConflictError, match="Run the night again: it fetches that release"):
        opened(store).send(small[2], names(small[2:]), None, "")
    assert store.writes == before


def test_a_new_machine_begins_with_the_latest_release_of_the_place(small, tmp_path):
    place = opened(WatchedStore())
    place.send(small[0], [], None, "")
    assert copies.bring(place, tmp_path) == small[0].name
    assert latest_release(tmp_path).release_id == small[0].name


@pytest.mark.parametrize("path", ["../stolen.txt", "/stolen.txt", "report/../../stolen.txt"])
def test_a_place_whose_description_leads_out_of_the_release_writes_nothing(small, tmp_path, path):
    store = WatchedStore()
    opened(store).send(small[0], [], None, "")
    description = f"releases/{small[0].name}/datapackage.json"
    package = json.loads(content(store, description))
    package["answers"][0]["path"] = path
    store.store.put(description, json.dumps(package).encode())
    with pytest.raises(PlaceError, match="leads out of the release"):
        copies.bring(opened(store), tmp_path / "published")
    assert not list(tmp_path.rglob("stolen.txt"))


@pytest.mark.parametrize("name", ["../../elsewhere", "latest", "2026-11-29-70a12b6733b8/.."])
def test_a_place_that_names_no_release_is_not_brought(small, tmp_path, name):
    store = WatchedStore()
    opened(store).send(small[0], [], None, "")
    pointer = json.loads(content(store, "latest.json")) | {"release": name}
    store.store.put("latest.json", json.dumps(pointer).encode())
    with pytest.raises(PlaceError, match="as none of densing-pipeline is"):
        copies.bring(opened(store), tmp_path / "published")


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("s3://bucket/a", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://bucket/a", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://container/a", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_without_credentials_the_variables_are_named_and_not_the_request(url, needed):
    errors = (
        ValueError("Error performing PUT http://169.254.169.254/latest/api/token in 1 s"),
        ValueError("Generic MicrosoftAzure error: Account must be specified"),
    )
    for error in errors:
        told = object_stores.error_sentence(error, url)
        assert told.endswith(f"set {needed}")
        assert "169.254" not in told
