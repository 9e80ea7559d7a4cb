"""A release on an object store is whole or not there, whatever befalls its senders and the store.

The store is moto's S3 server on loopback. `gs://` and `az://` differ in obstore alone; `test_azure` has the latter.
"""

import hashlib
import json
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import polars as pl
import pytest

from densing_pipeline.publication import catalogue
from densing_pipeline.publication.places import copies
from densing_pipeline.publication.places.objects import open_store
from densing_pipeline.publication.places.place import PlaceConflictError, PlaceError
from densing_pipeline.publication.release import latest_release
from densing_pipeline.settings import Settings
from tests.releases import SMALL
from tests.servers.object_store import BUCKET, ObjectStoreServer

pytestmark = pytest.mark.slow

PREFIX = "densing/published"
URL = f"s3://{BUCKET}/{PREFIX}"
BROKEN = ("500 Internal Server Error", b"")
KILLED = ("403 Forbidden", b"")
"""Answers a sender gives up on: from then on it writes nothing, as if it were killed."""

WRITES = 9
"""Writes that a small release takes: description, answers, tables, list with table and feed, pointer."""
QUICKLY = {
    "max_retries": 9,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=1),
        "max_backoff": timedelta(milliseconds=4),
    },
}


@pytest.fixture
def server():
    with ObjectStoreServer() as server:
        yield server


@pytest.fixture
def place(server):
    return opened(server)


def opened(server, **client):
    options = server.options | {
        "client_options": {"allow_http": True, **client},
        "retry_config": QUICKLY,
    }
    return open_store(URL, **options)


def read(server):
    """What a reader finds: the latest release and its files, by the pointer; each as described."""
    objects = {
        name.removeprefix(f"{PREFIX}/"): content for name, content in server.objects().items()
    }
    if "latest.json" not in objects:
        return None
    pointer = json.loads(objects["latest.json"])
    description = objects[f"{pointer['path']}/datapackage.json"]
    assert hashlib.sha256(description).hexdigest() == pointer["descriptor_sha256"]
    package = json.loads(description)
    for file in (*package["resources"], *package["answers"], *package["pages"]):
        content = objects[f"{pointer['path']}/{file['path']}"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == file["hash"], file["path"]
    listed = json.loads(objects["releases.json"])["releases"]
    for one in listed:
        assert not one["is_available"] or f"{one['path']}/datapackage.json" in objects
    assert pointer["release"] in {one["release_id"] for one in listed if one["is_available"]}
    return pointer["release"]


def names(paths):
    return [path.name for path in paths]


def test_readers_find_one_whole_release_before_and_after_every_write(server, place, whole):
    first, second, third, _ = whole
    place.send(first, [], None, "")
    place.send(second, names(whole), None, "")
    seen = []
    server.before = server.after = lambda number, method, path: seen.append(read(server))
    sent = place.send(third, names(whole), 2, "")
    points = [name for name in seen if name is not None]
    assert len(points) >= 100
    assert points == sorted(points, key=[second.name, third.name].index)
    assert (sent.previous, sent.present) == (second.name, 0)
    assert read(server) == third.name


def test_a_trial_writes_nothing_and_says_what_would_be_uploaded(server, place, small):
    place.send(small[0], [], None, "")
    changes = server.changes
    trial = place.plan(small[1], names(small))
    assert server.changes == changes
    sent = place.send(small[1], names(small), None, "")
    # The description is written first, apart from the files that are counted.
    assert (trial.previous, trial.uploaded, trial.present) == (small[0].name, sent.uploaded + 1, 0)
    assert place.plan(small[1], names(small)).uploaded == 0


def test_what_is_there_already_is_not_uploaded_again(server, place, small):
    place.send(small[0], [], None, "")
    changes = server.changes
    again = place.send(small[0], names(small), None, "")
    assert server.changes == changes
    assert "is the latest release there already" in again.sentence


@pytest.mark.parametrize("seed", range(24))
def test_a_sender_killed_anywhere_goes_on_where_it_was(server, place, small, seed):
    place.send(small[0], [], None, "")
    chance = random.Random(seed)  # noqa: S311
    point, is_after = server.changes + chance.randrange(WRITES), chance.random() < 0.5

    def killed(number, method, path):
        return KILLED if number >= point else None

    setattr(server, "after" if is_after else "before", killed)
    if is_after:  # and nothing after it takes effect
        server.before = lambda number, method, path: KILLED if number > point else None
    with pytest.raises(PlaceError, match="the next night goes on"):
        place.send(small[1], names(small), None, "")
    assert read(server) in names(small[:2])
    server.before = server.after = lambda number, method, path: None
    sent = opened(server).send(small[1], names(small), None, "")
    assert read(server) == sent.release_id == small[1].name
    assert sent.uploaded + sent.present in (0, len(SMALL) + 1)
    assert [one["path"] for one in place.releases().sort("created_at").to_dicts()] == [
        f"releases/{path.name}" for path in small[:2]
    ]


@pytest.mark.parametrize("seed", range(4))
def test_answers_of_500_before_and_after_the_effect_are_outlasted(server, place, small, seed):
    chance = random.Random(seed)  # noqa: S311
    server.before = server.after = lambda number, method, path: (
        BROKEN if chance.random() < 0.2 else None
    )
    for release in small[:2]:
        place.send(release, names(small), None, "")
        assert read(server) == release.name


def test_an_answer_that_does_not_come_is_not_waited_for(server, small, monkeypatch):
    monkeypatch.setattr(copies, "WAIT_S", 0.001)
    hanging, done = [0, 4], threading.Event()

    def hangs(number, method, path):
        if number in hanging:
            hanging.remove(number)
            done.wait(30)

    server.after = hangs
    impatient = opened(server, timeout=timedelta(seconds=1))
    sent = copies.send(impatient, Settings(publish_url=URL), small[0])
    done.set()
    assert hanging == []
    assert read(server) == sent.release_id == small[0].name


def halved(server, times):
    """Keep half of the bytes of a table, as many times; the store says that all is well."""
    left = [times]

    def after(number, method, path):
        if path.endswith("scores.parquet") and method == "PUT" and left[0]:
            left[0] -= 1
            client = server.client()
            content = server.objects()[path]
            server.after = lambda number, method, path: None
            client.put_object(Bucket=BUCKET, Key=path, Body=content[: len(content) // 2])
            server.after = after

    server.after = after


def test_half_an_upload_is_noticed_and_uploaded_again(server, place, small):
    halved(server, 2)
    sent = place.send(small[0], [], None, "")
    assert sent.uploaded == len(SMALL) + 1
    assert read(server) == small[0].name


def test_a_store_that_keeps_other_bytes_gets_no_latest_release(server, place, small):
    place.send(small[0], [], None, "")
    halved(server, 99)
    with pytest.raises(PlaceError, match=r"scores\.parquet: was read back with other bytes"):
        place.send(small[1], names(small), None, "")
    assert read(server) == small[0].name
    assert place.releases()["release_id"].to_list() == [small[0].name]


def test_of_two_senders_at_once_one_wins_and_both_say_what_happened(server, small):
    opened(server).send(small[0], [], None, "")
    both = threading.Barrier(2)

    def meet(number, method, path):
        if path.endswith("latest.json"):
            both.wait(60)

    server.before = meet

    def send(release):
        try:
            return opened(server).send(release, names(small[:1]), None, "").sentence
        except PlaceConflictError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(send, small[1:3]))
    winner = read(server)
    lost, won = sorted(told, key=lambda one: isinstance(one, str))
    assert f"{winner} is the latest release in place of {small[0].name}" in won
    assert f"{winner} is the latest release there, which somebody else published" in str(lost)
    listed = opened(server).releases()
    assert set(listed["release_id"]) == set(names(small[:3])), "both are there, and listed"
    assert pl.read_parquet(server.objects()[f"{PREFIX}/releases.parquet"]).height == 3


def test_a_release_made_without_the_latest_one_is_not_sent(server, place, small):
    place.send(small[1], [], None, "")
    changes = server.changes
    with pytest.raises(PlaceConflictError, match="Run the night again: it fetches that release"):
        place.send(small[2], names(small[2:]), None, "")
    assert server.changes == changes


def described_otherwise(release, folder):
    """The same release with another table of operation, as another machine makes it."""
    other = folder / "releases" / release.name
    shutil.copytree(release, other)
    package = json.loads((other / "datapackage.json").read_bytes())
    package["created"] = "2026-01-05T00:00:00+00:00"
    (other / "datapackage.json").write_text(json.dumps(package))
    return other


def test_the_same_release_of_another_machine_is_the_one_that_is_there(
    server, place, small, tmp_path
):
    place.send(small[0], [], None, "")
    place.send(small[1], names(small), None, "")
    changes = len(server.objects())
    place.send(described_otherwise(small[0], tmp_path), names(small), None, "")
    assert read(server) == small[0].name
    assert len(server.objects()) == changes


def test_another_description_never_mixes_with_half_an_upload(server, place, small, tmp_path):
    server.before = lambda number, method, path: KILLED if number >= 2 else None
    with pytest.raises(PlaceError):
        place.send(small[0], [], None, "")
    server.before = lambda number, method, path: None
    other = described_otherwise(small[0], tmp_path)
    place.send(other, [], None, "")
    assert read(server) == small[0].name
    [listed] = place.releases().to_dicts()
    digest = hashlib.sha256((other / "datapackage.json").read_bytes()).hexdigest()
    assert listed["path"] == f"releases/{small[0].name}-{digest[:8]}"


def test_old_releases_are_removed_and_stay_listed(server, place, small):
    for release in small:
        sent = place.send(release, names(small), 2, "https://x.example")
        read(server)
    assert sent.removed == (small[1].name,)
    objects = "\n".join(server.objects())
    assert [path.name in objects for path in small] == [False, False, True, True]
    assert place.releases().sort("created_at")["is_available"].to_list() == [
        False, False, True, True,
    ]  # fmt: skip
    assert b"https://x.example/releases/" in server.objects()[f"{PREFIX}/releases.atom"]


@pytest.mark.parametrize(
    ("name", "is_kept"), [("/x", False), ("./x", False), ("{first}//x", True), ("{last}//x", False)]
)
def test_an_object_with_a_bad_name_costs_no_more_than_its_folder(
    server, place, small, name, is_kept
):
    key = f"{PREFIX}/releases/{name.format(first=small[0].name, last=small[-1].name)}"
    for release in small:
        server.client().put_object(Bucket=BUCKET, Key=key, Body=b"")
        place.send(release, names(small), 2, "")
        server.client().delete_object(Bucket=BUCKET, Key=key)
        read(server)
    objects = "\n".join(server.objects())
    assert [path.name in objects for path in small] == [is_kept, False, True, True]


def test_a_new_machine_begins_with_the_latest_release_of_the_place(place, small, tmp_path):
    place.send(small[0], [], None, "")
    place.send(small[1], names(small), None, "")
    assert copies.bring(place, tmp_path) == small[1].name
    found = latest_release(tmp_path)
    assert found.release_id == small[1].name
    listed = catalogue.in_folder(tmp_path).sort("created_at")
    assert listed["release_id"].to_list() == names(small[:2])
    assert listed["is_available"].to_list() == [False, True]
    assert copies.bring(place, tmp_path) is None


def test_a_release_that_is_still_to_be_sent_stays_the_latest(place, small, copy):
    place.send(small[0], [], None, "")
    assert copies.bring(place, copy) is None
    assert latest_release(copy).release_id == small[1].name


def test_a_release_of_somebody_else_becomes_the_latest(place, small, copy):
    place.send(small[2], [], None, "")
    assert copies.bring(place, copy) == small[2].name
    assert latest_release(copy).release_id == small[2].name


def test_a_damaged_release_is_not_brought(server, place, small, tmp_path):
    place.send(small[0], [], None, "")
    key = f"{PREFIX}/releases/{small[0].name}/scores.parquet"
    server.client().put_object(Bucket=BUCKET, Key=key, Body=b"other bytes")
    with pytest.raises(PlaceError, match="is damaged"):
        copies.bring(place, tmp_path)
    assert latest_release(tmp_path) is None
    assert list((tmp_path / "releases").iterdir()) == []


@pytest.fixture
def away(monkeypatch, tmp_path):
    """Settings of a place whose store does not answer; its address has a password."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1:9/x")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("densing_pipeline.object_stores.RETRIES", {"max_retries": 0})
    return Settings(publish_url=URL, state_dir=tmp_path)


def test_without_the_place_a_night_goes_on_with_its_copy(away, copy, caplog):
    shutil.move(copy, away.publish_dir)
    assert copies.earlier_releases(away) == away.publish_dir
    assert "is used as it is" in caplog.text
    assert "secret" not in caplog.text


def test_without_the_place_and_a_copy_the_error_names_the_place_without_secrets(away):
    with pytest.raises(PlaceError, match=f"^{URL}/latest.json: ") as refused:
        copies.earlier_releases(away)
    assert "secret" not in str(refused.value)
