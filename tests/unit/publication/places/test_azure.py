"""Releases on Azure's blob storage, through its emulator Azurite, a program of its own (npm package `azurite`)."""

import json

import pytest

from densing_pipeline.publication.places import copies
from densing_pipeline.publication.places.objects import open_store
from densing_pipeline.publication.places.place import PlaceConflictError
from densing_pipeline.publication.release import latest_release
from tests.servers import azurite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        azurite.PROGRAM is None, reason="azurite-blob is not installed (npm install -g azurite)"
    ),
]


@pytest.fixture
def place(monkeypatch):
    with azurite.serving("densing") as url:
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", url)
        yield open_store("az://densing/published", **azurite.CLIENT)


def names(paths):
    return [path.name for path in paths]


def test_releases_are_sent_read_back_replaced_and_removed(place, small, tmp_path):
    first = place.send(small[0], [], None, "")
    assert (first.previous, first.present) == (None, 0)
    assert place.plan(small[1], names(small)).uploaded == first.uploaded + 1
    for release in small[1:]:
        sent = place.send(release, names(small), 2, "")
        assert place.latest() == release.name
    assert sent.removed == (small[1].name,)
    assert place.releases().sort("created_at")["is_available"].to_list() == [
        False,
        False,
        True,
        True,
    ]
    assert copies.bring(place, tmp_path) == small[3].name
    assert latest_release(tmp_path).release_id == small[3].name


def test_who_does_not_know_the_latest_release_does_not_replace_it(place, small):
    place.send(small[0], [], None, "")
    with pytest.raises(PlaceConflictError, match="Run the night again"):
        place.send(small[1], [], None, "")
    assert place.latest() == small[0].name


def test_a_pointer_that_another_sender_replaced_meanwhile_is_not_replaced(place, small):
    place.send(small[0], [], None, "")
    _, version = place._pointer()
    place.send(small[1], names(small), None, "")
    with pytest.raises(PlaceConflictError, match=small[1].name):
        place._point(small[2].name, f"releases/{small[1].name}", version)
    assert json.loads(place._known("latest.json"))["release"] == small[1].name
