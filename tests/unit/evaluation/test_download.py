"""A model comes from the Hub at one commit, whole and checked, and makes room for itself."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import huggingface_hub
import pytest
from filelock import FileLock
from huggingface_hub.utils import close_session

from densing_pipeline.evaluation import download
from densing_pipeline.evaluation.failures import BlockedError, EvaluationError
from tests.servers.model_hub import Shelf, commit, serving
from tests.small_models import ELEMENTS, write_model


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A Hub with three models."""
    names = ("lab/one", "lab/two", "lab/three")
    found = Shelf({name: write_model(tmp_path / "hub" / name) for name in names})
    with serving(found) as endpoint:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(download, "SPARE_BYTES", 0)
        close_session()
        yield found
        close_session()


def fetch(name, cache, revision="main", most_bytes=1e9):
    return download.fetch(download.find(name, revision), cache, most_bytes)


def test_a_model_is_fetched_at_the_commit_of_its_branch(shelf, tmp_path):
    listed = download.find("lab/one", "main")
    assert listed.revision == commit("lab/one")
    found = download.fetch(listed, tmp_path / "cache", 1e9)
    assert found.elements == ELEMENTS
    assert listed.revision in str(found.path)


def test_a_model_in_a_folder_of_a_repository_is_that_folder_alone(shelf, tmp_path):
    """The paper's six reference models lie in one repository."""
    rungs = shelf.models["lab/rungs"] = tmp_path / "hub" / "lab/rungs"
    for name in ("s1", "s2"):
        write_model(rungs / name)
    found = fetch("lab/rungs:s2", tmp_path / "cache")
    assert found.elements == ELEMENTS
    assert found.path.name == "s2"
    fetched = {path.partition("/resolve/")[2] for path in shelf.log if "/resolve/" in path}
    assert {path.split("/")[1] for path in fetched} == {"s2"}
    for name in ("lab/rungs", "lab/rungs:s3"):
        with pytest.raises(BlockedError, match="no safetensors weights"):
            download.find(name, "main")


def test_what_is_there_is_not_fetched_again(shelf, tmp_path):
    fetch("lab/one", tmp_path / "cache")
    shelf.log.clear()
    fetch("lab/one", tmp_path / "cache", commit("lab/one"))
    assert not [path for path in shelf.log if path.endswith(".safetensors")]


def test_pickled_weights_are_not_even_fetched(shelf, tmp_path):
    model = shelf.models["lab/one"]
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(BlockedError, match="only pickled"):
        fetch("lab/one", tmp_path / "cache")
    assert not [path for path in shelf.log if "resolve" in path]


def test_a_model_with_code_of_its_own_costs_its_configuration_only(shelf, tmp_path):
    write_model(shelf.models["lab/one"], model_type="own", auto_map={"AutoConfig": "own.Own"})
    with pytest.raises(BlockedError, match="needs code of its own"):
        fetch("lab/one", tmp_path / "cache")
    fetched = {path.rpartition("/")[2] for path in shelf.log if "resolve" in path}
    assert fetched == {"config.json"}


def test_an_unknown_model_and_an_unknown_commit_are_no_reason_to_try_again(shelf):
    for name, revision in (("lab/none", "main"), ("lab/one", "d" * 40)):
        with pytest.raises(BlockedError, match="not to be found"):
            download.find(name, revision)


def test_a_gated_model_says_so(shelf, tmp_path):
    shelf.gated.add("lab/one")
    with pytest.raises(BlockedError, match="gated"):
        fetch("lab/one", tmp_path / "cache")


def test_a_hub_that_does_not_answer_may_do_so_later(shelf, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EvaluationError, match="could not be fetched") as caught:
        download.find("lab/one", "main")
    assert caught.value.resumable


def test_a_file_with_another_content_than_listed_is_deleted(shelf, tmp_path):
    shelf.spoil = lambda name, content: content[:-1] + b"\xff" if "safe" in name else content
    with pytest.raises(EvaluationError, match=r"model\.safetensors arrived damaged"):
        fetch("lab/one", tmp_path / "cache")
    shelf.spoil = lambda name, content: content
    assert fetch("lab/one", tmp_path / "cache").elements == ELEMENTS


def test_a_model_larger_than_all_that_is_allowed_is_refused(shelf, tmp_path):
    with pytest.raises(BlockedError, match="are allowed for all"):
        fetch("lab/one", tmp_path / "cache", most_bytes=1000)


def test_the_model_not_used_for_the_longest_time_makes_room(shelf, tmp_path):
    cache = tmp_path / "cache"
    size = download.find("lab/one", "main").size
    for name, year in (("lab/one", 2020), ("lab/two", 2024)):
        fetch(name, cache)
        then = datetime(year, 1, 1, tzinfo=UTC).timestamp()
        folder = cache / f"models--{name.replace('/', '--')}"
        for path in folder.rglob("*"):
            os.utime(path, (then, then))
    fetch("lab/three", cache, most_bytes=2.5 * size)
    kept = {repo.repo_id for repo in huggingface_hub.scan_cache_dir(cache).repos}
    assert kept == {"lab/two", "lab/three"}


def test_a_disk_without_room_is_no_fault_of_the_model(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SPARE_BYTES", 2**60)
    with pytest.raises(EvaluationError, match="GiB of disk needed") as caught:
        fetch("lab/one", tmp_path / "cache")
    assert caught.value.state == "failed"


def test_earlier_weights_of_a_model_make_room_as_those_of_others_do(shelf, tmp_path):
    cache = tmp_path / "cache"
    fetch("lab/one", cache)
    listed = download.find("lab/one", "main")
    uploaded = replace(listed, revision="b" * 40)
    assert download.make_room(cache, uploaded, 1.5 * listed.size) == ["lab/one"]
    assert not huggingface_hub.scan_cache_dir(cache).repos


def part_of(cache, name, etag, size):
    """A part of a file, as a download that was killed leaves it."""
    path = cache / f"models--{name.replace('/', '--')}" / "blobs" / f"{etag}.1a2b3c4d.incomplete"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def test_parts_of_downloads_that_broke_off_are_deleted_and_those_under_way_are_not(shelf, tmp_path):
    cache = tmp_path / "cache"
    fetch("lab/one", cache)
    dead, alive = (part_of(cache, "lab/two", etag, 5000) for etag in ("a" * 64, "b" * 64))
    lock = cache / ".locks" / "models--lab--two" / f"{'b' * 64}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert download.delete_parts(cache) == 5000
        assert (dead.exists(), alive.exists()) == (False, True)
    assert download.delete_parts(cache) == 5000
    assert not alive.exists()


def test_a_part_that_another_job_is_fetching_counts_as_used(shelf, tmp_path):
    cache = tmp_path / "cache"
    fetch("lab/one", cache)
    listed = download.find("lab/two", "main")
    part_of(cache, "lab/three", "b" * 64, listed.size)
    lock = cache / ".locks" / "models--lab--three" / f"{'b' * 64}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert download.make_room(cache, listed, 2.5 * listed.size) == ["lab/one"]
    assert download.make_room(cache, listed, 2.5 * listed.size) == []
