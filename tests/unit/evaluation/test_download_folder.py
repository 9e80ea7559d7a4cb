"""A model in a folder of a repository with several, such as the paper's reference models."""

import json
from types import SimpleNamespace

import huggingface_hub
import pytest

from densing_pipeline.evaluation import download
from densing_pipeline.evaluation.failures import BlockedError

COMMIT = "c" * 40
NAMES = (
    "README.md",
    "s1/config.json",
    "s1/model.safetensors",
    "s1/tokenizer.json",
    "s2/config.json",
)


@pytest.fixture
def hub(monkeypatch):
    """The Hub's listing of a repository with two folders; what was asked for is kept."""
    asked = []

    def model_info(self, name, **more):
        asked.append(name)
        files = [SimpleNamespace(rfilename=each, size=3, lfs=None) for each in NAMES]
        return SimpleNamespace(sha=COMMIT, siblings=files)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    return asked


def test_only_the_files_of_its_folder_are_wanted(hub):
    listed = download.find("lab/rungs:s1", "main")
    assert hub == ["lab/rungs"]
    assert sorted(listed.files) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (listed.repository, listed.folder, listed.revision) == ("lab/rungs", "s1/", COMMIT)


def test_a_folder_without_weights_and_an_absent_one_are_refused(hub):
    for name in ("lab/rungs:s2", "lab/rungs:s3", "lab/rungs"):
        with pytest.raises(BlockedError, match="no safetensors"):
            download.find(name, "main")


def test_it_is_fetched_and_checked_in_its_folder(hub, tmp_path, monkeypatch):
    fetched = {}
    (tmp_path / "s1").mkdir()
    config = tmp_path / "s1" / "config.json"
    config.write_text(json.dumps({"model_type": "llama"}))
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "s1" / name).write_text("abc")

    def one(repository, name, **more):
        fetched["one"] = (repository, name)
        return str(tmp_path / name)

    def all_of(repository, *, allow_patterns, **more):
        fetched["all"] = (repository, allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", one)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", all_of)
    listed = download.find("lab/rungs:s1", "main")
    listed.files["config.json"] = (config.stat().st_size, None)
    with pytest.raises(BlockedError, match=r"model.safetensors is cut off"):
        download.fetch(listed, tmp_path / "cache", 1e12, ["llama"])
    assert fetched == {
        "one": ("lab/rungs", "s1/config.json"),
        "all": ("lab/rungs", ["s1/config.json", "s1/model.safetensors", "s1/tokenizer.json"]),
    }
