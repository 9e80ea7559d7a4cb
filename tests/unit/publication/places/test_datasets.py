"""A release in a data set of the Hub is one commit, whatever befalls its senders and the Hub.

The Hub is a server on loopback that huggingface_hub commits to and reads from as it does to the Hub.
"""

import hashlib
import json
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from densing_pipeline.cli.app import main
from densing_pipeline.publication.places import copies
from densing_pipeline.publication.places.datasets import BOUNDS, open_dataset
from densing_pipeline.publication.places.place import (
    PlaceConflictError,
    PlaceError,
    PlaceRefusedError,
)
from densing_pipeline.publication.release import latest_release
from densing_pipeline.settings import Settings
from tests.releases import SMALL
from tests.servers.dataset_hub import OWNER_TOKEN, READER_TOKEN, DatasetHubServer, Reply

pytestmark = [
    pytest.mark.heavy,
    # huggingface_hub uploads large files by an argument that its HTTP library would have otherwise.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]

URL = "hf://datasets/lab/densing"
OTHER = hashlib.sha256(b"other").hexdigest()
BROKEN: Reply = (500, {}, b"")
KILLED: Reply = (400, {}, b"")
"""An answer that a sender gives up on: from then on it writes nothing, as if it were killed."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with DatasetHubServer() as server:
        yield server


@pytest.fixture
def place(server):
    return open_dataset(URL, server.url)


def names(paths):
    return [path.name for path in paths]


def read(server, revision="main"):
    """What a reader finds on the branch or under a tag: the release and its files, each as described."""
    found = server.files(revision)
    if "datapackage.json" not in found:
        return None
    package = json.loads(found["datapackage.json"])
    described = {one["path"]: one["hash"] for one in (*package["resources"], *package["answers"])}
    for name, digest in described.items():
        assert f"sha256:{hashlib.sha256(found[name]).hexdigest()}" == digest, name
    listed = {one["release_id"] for one in json.loads(found["releases.json"])["releases"]}
    assert package["version"] in listed
    return package["version"]


def test_a_release_is_one_commit_and_each_has_its_tag(server, place, small):
    seen = []
    server.before = server.after = lambda number, method, path: seen.append(read(server))
    first = place.send(small[0], [], None, "")
    second = place.send(small[1], names(small), None, "")
    assert (first.previous, second.previous) == (None, small[0].name)
    assert seen == sorted(seen, key=[None, *names(small[:2])].index)
    assert [read(server, path.name) for path in small[:2]] == names(small[:2])
    assert second.uploaded + second.present == len(SMALL) + 2
    assert second.present > 0, "files that did not change are there already"
    assert place.latest() == small[1].name
    # Both were made within one second, so the list has them in the order of their ids.
    assert set(place.releases()["path"]) == {f"tree/{path.name}" for path in small[:2]}


@pytest.mark.slow
def test_files_that_a_release_no_longer_has_go_and_others_stay(server, place, small, tmp_path):
    shutil.copytree(small[0], tmp_path / small[0].name)
    package = json.loads((small[0] / "datapackage.json").read_bytes())
    path = small[0] / "headline.json"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    package["pages"] = [{"path": "old.json", "hash": f"sha256:{digest}"}]
    older = tmp_path / small[0].name
    shutil.copy(path, older / "old.json")
    (older / "datapackage.json").write_text(json.dumps(package))
    place.send(older, [], None, "")
    server.push({"NOTES.md": b"kept"})
    place.send(small[1], names(small), None, "")
    assert "old.json" not in server.files()
    assert server.files()["NOTES.md"] == b"kept"


@pytest.mark.slow
def test_what_is_there_already_is_neither_uploaded_nor_committed_again(server, place, small):
    place.send(small[0], [], None, "")
    commit = server.log[:], server.files()
    again = place.send(small[0], names(small), None, "")
    assert not any("/commit/" in line for line in server.log[len(commit[0]) :])
    assert server.files() == commit[1]
    assert "is the latest release there already" in again.sentence


def test_a_trial_writes_nothing_and_says_what_would_be_uploaded(server, place, small):
    place.send(small[0], [], None, "")
    changes = server.changes
    trial = place.plan(small[1], names(small))
    assert server.changes == changes
    assert "would be the latest release in place of" in trial.sentence
    sent = place.send(small[1], names(small), None, "")
    assert (trial.uploaded, trial.present, trial.n_bytes) == (
        sent.uploaded, sent.present, sent.n_bytes,
    )  # fmt: skip


WRITES = 6
"""Changing requests of a small release: metadata, modes, batch, large file, commit, tag."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_a_sender_killed_anywhere_goes_on_where_it_was(server, place, small, seed):
    place.send(small[0], [], None, "")
    chance = random.Random(seed)  # noqa: S311
    point, is_after = server.changes + chance.randrange(WRITES), chance.random() < 0.5
    server.before = lambda number, method, path: KILLED if number >= point + is_after else None
    if is_after:
        server.after = lambda number, method, path: KILLED if number == point else None
    with pytest.raises(PlaceError, match="the next night goes on"):
        place.send(small[1], names(small), None, "")
    assert read(server) in names(small[:2])
    server.before = server.after = lambda number, method, path: None
    there, mark = set(server.objects), len(server.log)
    open_dataset(URL, server.url).send(small[1], names(small), None, "")
    assert read(server) == read(server, small[1].name) == small[1].name
    uploaded = [line.rpartition("/")[2] for line in server.log[mark:] if "PUT /lfs/" in line]
    assert not there & set(uploaded)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_answers_of_500_before_and_after_the_effect_are_outlasted(server, small, seed, monkeypatch):
    monkeypatch.setattr(copies, "SEND_ATTEMPTS", 20)
    chance = random.Random(seed)  # noqa: S311
    server.before = server.after = lambda number, method, path: (
        BROKEN if chance.random() < 0.2 else None
    )
    settings = Settings(publish_url=URL, hub_endpoint=server.url)
    for release in small[:2]:
        copies.send(copies.place_at(URL, settings), settings, release)
        assert read(server) == read(server, release.name) == release.name


@pytest.mark.slow
def test_an_answer_that_does_not_come_is_not_waited_for(server, small):
    hanging, done = [True], threading.Event()

    def hangs(number, method, path):
        if "/commit/" in path and hanging:
            hanging.clear()
            done.wait(30)

    server.after = hangs
    settings = Settings(publish_url=URL, hub_endpoint=server.url)
    place = open_dataset(URL, server.url, replace(BOUNDS, read_s=0.5))
    sent = copies.send(place, settings, small[0])
    done.set()
    assert not hanging
    assert read(server) == sent.release_id == small[0].name


@pytest.mark.slow
def test_half_a_large_file_is_never_committed(server, place, small):
    def halved(number, method, path):
        if path.startswith("/lfs/"):
            name = path.rpartition("/")[2]
            server.objects[name] = server.objects[name][: len(server.objects[name]) // 2]

    place.send(small[0], [], None, "")
    server.after = halved
    with pytest.raises(PlaceError, match="the next night goes on"):
        place.send(small[1], names(small), None, "")
    assert read(server) == small[0].name
    server.after = lambda number, method, path: None
    place.send(small[1], names(small), None, "")
    assert read(server) == small[1].name


@pytest.mark.slow
def test_a_file_that_the_hub_lists_with_other_bytes_is_noticed_and_sent_again(server, place, small):
    def altered(number, method, path):
        if "/commit/" in path:
            server.objects[OTHER] = b"other"
            # As a Hub would that lost what it was sent: the commit is the same, its file is not.
            server.alter("scores.parquet", OTHER)

    place.send(small[0], [], None, "")
    server.after = altered
    with pytest.raises(PlaceError, match=r"scores\.parquet: the Hub lists other bytes"):
        place.send(small[1], names(small), None, "")
    server.after = lambda number, method, path: None
    again = place.send(small[1], names(small), None, "")
    assert again.uploaded == 1
    assert read(server) == small[1].name


@pytest.mark.slow
def test_of_two_senders_at_once_one_wins_and_both_say_what_happened(server, place, small):
    place.send(small[0], [], None, "")
    both = threading.Barrier(2)

    def meet(number, method, path):
        if "/commit/" in path:
            both.wait(60)

    server.before = meet

    def send(release):
        try:
            return place.send(release, names(small[:1]), None, "").sentence
        except PlaceConflictError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(send, small[1:3]))
    winner = read(server)
    lost, won = sorted(told, key=lambda one: isinstance(one, str))
    assert f"{winner} is the latest release in place of {small[0].name}" in won
    assert f"{winner} is the latest release there, which somebody else published" in str(lost)


def test_a_release_made_without_the_latest_one_is_not_sent(server, place, small):
    place.send(small[1], [], None, "")
    changes = server.changes
    for ask in (place.plan, lambda *given: place.send(*given, None, "")):
        with pytest.raises(PlaceConflictError, match="Run the night again"):
            ask(small[2], names(small[2:]))
    assert server.changes == changes


@pytest.mark.parametrize(
    ("token", "url", "what"),
    [
        ("", URL, "writing needs a token: set HF_TOKEN"),
        ("hf_expired", URL, "does not accept the token, which has expired"),
        (READER_TOKEN, URL, "the token may not write there: use a repository of your own"),
        (OWNER_TOKEN, "hf://datasets/lab/other", "there is no such data set, .*hf repos create lab/other"),
    ],
)  # fmt: skip
def test_who_may_not_write_is_told_why_and_asked_once(server, small, monkeypatch, token, url, what):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.utils._auth._get_token_from_file", lambda: None)
    settings = Settings(publish_url=url, hub_endpoint=server.url)
    with pytest.raises(PlaceRefusedError, match=f"^{url}: .*{what}") as refused:
        copies.send(copies.place_at(url, settings), settings, small[0])
    assert "hf_" not in str(refused.value).replace("HF_TOKEN", "")
    assert "datapackage.json" not in server.files()
    assert sum("/revision/" in line for line in server.log) <= 1


@pytest.mark.slow
def test_somebody_elses_data_is_not_taken_for_a_release(server, place, small):
    server.push({"datapackage.json": b'{"name": "theirs"}'})
    with pytest.raises(PlaceRefusedError, match="use a repository of its own"):
        place.send(small[0], [], None, "")
    assert server.files()["datapackage.json"] == b'{"name": "theirs"}'


@pytest.mark.slow
def test_a_new_machine_begins_with_the_latest_release_of_the_place(server, place, small, tmp_path):
    place.send(small[0], [], None, "")
    place.send(small[1], names(small), None, "")
    assert copies.bring(place, tmp_path) == small[1].name
    assert latest_release(tmp_path).release_id == small[1].name
    assert copies.bring(place, tmp_path) is None


@pytest.mark.slow
def test_reading_an_empty_repository_says_that_nothing_is_published(place, tmp_path):
    assert place.latest() is None
    assert place.releases().is_empty()
    with pytest.raises(PlaceError, match="nothing is published there yet"):
        place.fetch(tmp_path)


def test_densing_publish_says_what_it_would_do_and_does_it_with_go(
    server, copy, small, monkeypatch, capsys
):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(copy))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert main(["publish", URL]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{URL}: {small[1].name} would be the latest release" in said
    assert "Nothing was written: add --go to do it." in said
    assert server.changes == 0
    assert main(["publish", URL, "--go"]) == 0
    assert f"{small[1].name} is the latest release" in " ".join(capsys.readouterr().out.split())
    assert read(server) == small[1].name


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("", "local folder"),
        ("hf://datasets/lab", "hf://datasets/owner/name"),
        (None, "local folder"),
    ],
)
def test_densing_publish_refuses_what_is_no_remote_place(copy, monkeypatch, capsys, place, what):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(copy))
    given = [] if place is None else [place or str(copy)]
    assert main(["publish", *given]) != 0
    assert what in " ".join(capsys.readouterr().err.split())
