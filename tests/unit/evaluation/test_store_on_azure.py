"""Leases and folders of evaluations on Azure's blob storage, through its emulator Azurite (npm package `azurite`)."""

import pytest

from densing_pipeline.evaluation import folder_mirror, folder_reader, store_lease
from densing_pipeline.evaluation.failures import BusyError
from densing_pipeline.evaluation.folder_store import open_store
from densing_pipeline.evaluation.folder_writer import FolderWriter
from tests.evaluations import REVISION
from tests.servers import azurite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        azurite.PROGRAM is None, reason="azurite-blob is not installed (npm install -g azurite)"
    ),
]

KEY = ("lab--model", REVISION, "v1")


@pytest.fixture
def store(monkeypatch):
    with azurite.serving("densing") as url:
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", url)
        yield open_store("az://densing/evaluated", **azurite.CLIENT)


def test_conditions_hold_and_a_folder_arrives(store, tmp_path):
    assert store.refusal() is None
    with FolderWriter(tmp_path.joinpath("node", *KEY), store=store) as writer:
        with pytest.raises(BusyError):
            FolderWriter(tmp_path.joinpath("other", *KEY), store=store)
        writer.write_provenance({"model_id": "lab/model"})
        writer.end("done", "all", resumable=False)
    here = tmp_path.joinpath("here", *KEY)
    assert folder_mirror.bring_all(store, here.parents[2]) == []
    assert folder_reader.read_folder(here).state == "done"
    assert store_lease.read(store, "/".join(("evaluations", *KEY))).lease.is_ended
