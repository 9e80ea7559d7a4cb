"""An evaluation folder that travels through a store arrives whole, and nothing else does.

The store is obstore's in memory; `integration/test_evaluation_store.py` has processes and an S3 server.
"""

import json
import os
import time
from datetime import timedelta

import pytest
from obstore.store import MemoryStore

from densing_pipeline.evaluation import (
    folder_mirror,
    folder_reader,
    folder_sender,
    folder_store,
    lease,
    store_lease,
)
from densing_pipeline.evaluation.failures import BusyError, EvaluationError, InstallationError
from densing_pipeline.evaluation.folder_format import LEASE, OUTCOME, REQUEST, write_json
from densing_pipeline.evaluation.folder_store import FolderStore
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.object_stores import StoreError
from tests.evaluations import REVISION, items

KEY = ("lab--model", REVISION, "v1")
PROVENANCE = {"model_id": "lab/model", "revision": REVISION, "suite_version": "v1"}
GONE = StoreError("memory://evaluations: connection refused")


@pytest.fixture
def store():
    return FolderStore(MemoryStore(), "memory://evaluations")


@pytest.fixture
def node(tmp_path):
    return tmp_path.joinpath("node", *KEY)


@pytest.fixture
def other(tmp_path):
    return tmp_path.joinpath("other node", *KEY)


@pytest.fixture
def here(tmp_path):
    return tmp_path.joinpath("here", *KEY)


def rows(benchmark="GSM8K", n=4):
    return items(benchmark, n).to_dicts()


def padded(row):
    return {"bits_per_byte": None, "text_bytes": None, "item_weight": None, **row}


def measured(writer, benchmark="GSM8K"):
    """Measure a benchmark that was perhaps begun; the items that were measured before."""
    writer.begin(PROVENANCE)
    before = writer.unfinished(benchmark)
    done = {row["item_id"] for row in before}
    new = [padded(row) for row in rows(benchmark) if row["item_id"] not in done]
    for row in new:
        writer.record(row)
    writer.finish(benchmark, [*before, *new])
    return len(before)


def killed(store, folder, monkeypatch):
    """A job that has measured and sent two items, and is gone without a word."""
    writer = FolderWriter(folder, store=store)
    writer.begin(PROVENANCE)
    for row in rows()[:2]:
        writer.record(padded(row))
    writer._sender._send()
    for file in (writer._lock, *writer._journals.values()):
        file.close()
    (folder / LEASE).unlink()
    return writer


def later(monkeypatch, seconds):
    now = FolderStore.now
    monkeypatch.setattr(FolderStore, "now", lambda self: now(self) + timedelta(seconds=seconds))


def paths(store):
    return [each.path for each in store.listed("evaluations")]


def test_what_a_job_measured_is_read_elsewhere_as_where_it_was_measured(store, node, here):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "all", resumable=False)
    assert folder_mirror.bring_all(store, here.parents[2]) == []
    found = folder_reader.read_folder(here)
    assert (found.state, found.attempt) == ("done", 1)
    frame, remarks = folder_reader.read_items(found)
    assert (frame.height, remarks) == (4, [])
    assert frame.equals(folder_reader.read_items(folder_reader.read_folder(node))[0])


def test_the_lease_is_renewed_while_a_folder_is_fetched(store, node, other, monkeypatch):
    """Else another job could take over from one that fetches for longer than a lease lasts."""
    killed(store, node, monkeypatch)
    later(monkeypatch, lease.EXPIRY_S)
    monkeypatch.setattr(lease, "RENEWAL_S", 0.01)
    key, read, renewals = folder_store.folder_key(other), FolderStore.read, []

    def slow(self, path, *most):
        if path.endswith(".jsonl"):
            for _ in range(2000):
                if store_lease.read(store, key).lease.renewal >= 3:
                    break
                time.sleep(0.01)
            renewals.append(store_lease.read(store, key).lease.renewal)
        return read(self, path, *most)

    monkeypatch.setattr(FolderStore, "read", slow)
    with FolderWriter(other, store=store) as writer:
        assert measured(writer) == 2
    assert min(renewals) >= 3


def test_a_killed_jobs_items_are_gone_on_from_on_another_machine(
    store, node, other, here, monkeypatch
):
    killed(store, node, monkeypatch)
    with pytest.raises(BusyError, match="is at work on memory://evaluations"):
        FolderWriter(other, store=store)
    assert not (other / OUTCOME).exists()
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).state == "running"
    later(monkeypatch, lease.EXPIRY_S)
    folder_mirror.bring(store, here)
    found = folder_reader.read_folder(here)
    assert (found.state, found.resumable) == ("failed", True)
    with FolderWriter(other, store=store) as writer:
        assert measured(writer) == 2
        writer.end("done", "all", resumable=False)
    folder_mirror.bring(store, here)
    assert folder_reader.read_items(folder_reader.read_folder(here))[0].height == 4


def test_a_job_that_dies_before_it_has_sent_what_it_took_over_loses_nothing(
    store, node, other, monkeypatch
):
    killed(store, node, monkeypatch)
    later(monkeypatch, lease.EXPIRY_S)
    with monkeypatch.context() as patch:
        patch.setattr(folder_sender.FolderSender, "_send", fails(GONE))
        with pytest.raises(InstallationError, match="connection refused"):
            FolderWriter(other, store=store)
    with FolderWriter(other, store=store) as writer:
        assert measured(writer) == 2


def fails(error):
    def raised(*_: object, **__: object) -> None:
        raise error

    return raised


def test_a_job_that_lost_its_lease_changes_nothing_that_readers_find(
    store, node, other, here, monkeypatch
):
    late = killed(store, node, monkeypatch)
    later(monkeypatch, lease.EXPIRY_S)
    with FolderWriter(other, store=store) as writer:
        measured(writer)
        before = {each: store.read(each).content for each in paths(store)}
        with pytest.raises(BusyError):
            late.end("done", "too late", resumable=False)
        assert not (node / OUTCOME).exists()
        # A request that was under way when the lease was lost.
        late._sender._send()
        own = f"/{late._sender._held.lease.token}/"
        after = {each: store.read(each).content for each in paths(store) if own not in each}
        assert after == before
        writer.end("done", "in time", resumable=False)
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).reason == "in time"


def test_a_job_whose_lease_is_taken_is_told_so(store, node, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_S", 0.01)
    told: list[str] = []
    with FolderWriter(node, store=store, on_loss=told.append):
        found = store_lease.read(store, "/".join(("evaluations", *KEY)))
        taken = store_lease.StoreLease("node5", None, "ffff", None)
        store.put(f"evaluations/{'/'.join(KEY)}/lease.json", taken.content, only=None)
        assert found.lease.host != "node5"
        wait_for(lambda: told)
    assert "a job on node5 has taken" in told[0]
    assert store_lease.read(store, "/".join(("evaluations", *KEY))).lease == taken


def test_a_job_leaves_when_it_cannot_renew_its_lease_before_it_expires(store, node, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_S", 0.01)
    told: list[str] = []
    with FolderWriter(node, store=store, on_loss=told.append):
        monkeypatch.setattr(store_lease.HeldLease, "renew", fails(GONE))
        time.sleep(0.1)
        assert told == [], "the store may come back"
        monkeypatch.setattr(lease, "EXPIRY_S", 0.05)
        wait_for(lambda: told)
    assert "could not be renewed" in told[0]


def wait_for(found):
    while not found():
        time.sleep(0.01)


def test_changed_files_are_sent_while_the_job_runs(store, node, here, monkeypatch):
    monkeypatch.setattr(folder_sender, "SEND_S", 0.01)
    with FolderWriter(node, store=store) as writer:
        writer.begin(PROVENANCE)
        writer.record(padded(rows()[0]))
        wait_for(lambda: any(path.endswith("/.GSM8K.jsonl") for path in paths(store)))
        writer.finish("GSM8K", [padded(row) for row in rows()])
        wait_for(lambda: any(path.endswith("/GSM8K.parquet") for path in paths(store)))
        wait_for(lambda: not any(path.endswith(".jsonl") for path in paths(store)))
        assert any(path.endswith("/GSM8K.parquet") for path in paths(store))


def test_the_end_waits_for_a_store_that_comes_back(store, node, here, monkeypatch):
    monkeypatch.setattr(folder_sender, "TRY_AGAIN_S", 0.01)
    put, times = FolderStore.put, []

    def fails_thrice(self, path, *given, **options):
        times.append(path)
        if len(times) < 4:
            raise GONE
        return put(self, path, *given, **options)

    with FolderWriter(node, store=store) as writer:
        measured(writer)
        monkeypatch.setattr(FolderStore, "put", fails_thrice)
        writer.end("done", "all", resumable=False)
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).state == "done"


def test_an_end_that_cannot_be_sent_is_kept_and_gone_on_from(store, node, here, monkeypatch):
    monkeypatch.setattr(folder_sender, "TRY_AGAIN_S", 0.01)
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        with monkeypatch.context() as patch:
            patch.setattr(FolderStore, "put", fails(GONE))
            patch.setattr(writer._sender, "is_held", lambda: True)
            patch.setattr(lease, "EXPIRY_S", 0.0)
            with pytest.raises(EvaluationError, match="it is kept in"):
                writer.end("done", "all", resumable=False)
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).state == "failed"
    with FolderWriter(node, store=store) as again:
        assert again.finished("GSM8K").height == 4
        again.end("done", "all", resumable=False)
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).state == "done"


def test_files_that_another_machine_has_replaced_are_not_gone_on_from(store, node, other):
    with FolderWriter(node, store=store) as writer:
        measured(writer, "BBH")
        writer.end("failed", "later", resumable=True)
    with FolderWriter(other, store=store) as writer:
        assert writer.finished("BBH").height == 4
        writer.begin(PROVENANCE | {"dtype": "float16"})
        measured_anew = [padded(row) for row in rows("GSM8K")]
        writer.finish("GSM8K", measured_anew)
        writer.end("failed", "later", resumable=True)
    with FolderWriter(node, store=store) as writer:
        assert writer.finished("BBH") is None
        assert writer.finished("GSM8K").height == 4


def test_a_half_sent_folder_has_no_outcome_and_a_changed_one_no_items(store, node, here):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer._sender._send()
        folder_mirror.bring(store, here)
        assert folder_reader.read_folder(here).state == "running"
        writer.end("done", "all", resumable=False)
    [path] = [each for each in paths(store) if each.endswith(".parquet")]
    store.put(path, store.read(path).content[:-1] + b"x")
    folder_mirror.bring(store, here)
    frame, remarks = folder_reader.read_items(folder_reader.read_folder(here))
    assert frame.is_empty()
    assert remarks == ["GSM8K.parquet: damaged (not the bytes that were written)"]


def test_only_what_changed_is_fetched(store, node, here, monkeypatch):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "all", resumable=False)
    folder_mirror.bring_all(store, here.parents[2])
    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "read", fails(AssertionError("read")))
        assert folder_mirror.bring_all(store, here.parents[2]) == []
    (here / "GSM8K.parquet").unlink()
    folder_mirror.bring(store, here)
    assert (here / "GSM8K.parquet").exists()


def test_what_has_ended_is_brought_without_a_write(store, node, here, monkeypatch):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "all", resumable=False)
    monkeypatch.setattr(FolderStore, "put", fails(StoreError("access denied")))
    assert folder_mirror.bring_all(store, here.parents[2]) == []
    assert folder_reader.read_folder(here).state == "done"


def test_an_outcome_of_an_attempt_before_the_one_asked_for_is_not_brought(store, node, here):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("failed", "the first", resumable=True)
    here.mkdir(parents=True)
    write_json(here / REQUEST, {"attempt": 2})
    folder_mirror.bring(store, here)
    assert not (here / OUTCOME).exists()
    write_json(here / REQUEST, {"attempt": 1})
    folder_mirror.bring(store, here)
    assert folder_reader.read_folder(here).reason == "the first"


def test_the_request_of_a_later_attempt_is_brought_and_no_earlier_one(store, here):
    key = "/".join(("evaluations", *KEY))
    here.mkdir(parents=True)
    write_json(here / REQUEST, {"attempt": 2})
    for attempt, known in ((1, 2), (3, 3)):
        store.put(f"{key}/{REQUEST}", json.dumps({"attempt": attempt}).encode())
        folder_mirror.bring(store, here)
        assert folder_reader.read_folder(here).attempt == known


def test_files_of_this_machine_stay(store, node, here):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "all", resumable=False)
    here.mkdir(parents=True)
    (here / "BBH.parquet").write_bytes(b"own")
    folder_mirror.bring(store, here)
    assert (here / "BBH.parquet").read_bytes() == b"own"


def test_a_folder_in_which_a_job_of_this_machine_works_is_left_alone(store, node, here):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "of the store", resumable=False)
    with FolderWriter(here):
        folder_mirror.bring_all(store, here.parents[2])
        assert not (here / OUTCOME).exists()
    folder_mirror.bring_all(store, here.parents[2])
    assert folder_reader.read_folder(here).reason == "of the store"


def test_while_the_store_is_down_a_job_counts_as_it_did(store, node, here, monkeypatch):
    killed(store, node, monkeypatch)
    folder_mirror.bring(store, here)
    expire(here)
    assert not folder_reader.is_running(here)
    folder_mirror.keep_alive(here.parents[2])
    assert folder_reader.is_running(here)
    later(monkeypatch, lease.EXPIRY_S)
    folder_mirror.bring_all(store, here.parents[2])
    assert not folder_reader.is_running(here)
    folder_mirror.keep_alive(here.parents[2])
    assert not folder_reader.is_running(here), "it was dead when the store last answered"


def test_an_evaluation_that_cannot_be_read_costs_itself_alone(store, tmp_path, monkeypatch):
    root = tmp_path / "here"
    for name in ("one", "two", "three"):
        with FolderWriter(tmp_path.joinpath("node", f"lab--{name}", *KEY[1:]), store=store) as job:
            measured(job)
            job.end("done", "all", resumable=False)
    read = FolderStore.read

    def refused(*names):
        def reads(self, path, *most):
            if path.split("/")[1] in names:
                raise StoreError(f"{path}: access denied")
            return read(self, path, *most)

        monkeypatch.setattr(FolderStore, "read", reads)

    refused("lab--one")
    [remark] = folder_mirror.bring_all(store, root)
    assert "lab--one" in remark
    assert sorted(path.parts[-4] for path in root.rglob(OUTCOME)) == ["lab--three", "lab--two"]
    refused("lab--one", "lab--three", "lab--two")
    for path in root.rglob(".brought.json"):
        path.unlink()
    with pytest.raises(StoreError, match="access denied"):
        folder_mirror.bring_all(store, root)


def expire(folder):
    at = (folder / LEASE).stat().st_mtime - lease.EXPIRY_S
    os.utime(folder / LEASE, (at, at))


@pytest.mark.parametrize(
    "name",
    ["evaluations/a/b", "evaluations/.a/b/c/lease.json", "evaluations/a/b\\c/d/lease.json",
     "evaluations/a/\u200b/c/lease.json", f"evaluations/{'a' * 201}/b/c/lease.json"],
)  # fmt: skip
def test_what_is_no_evaluations_name_makes_no_folder(store, tmp_path, name):
    store.put(name, b"{}")
    root = tmp_path / "evaluations"
    remarks = folder_mirror.bring_all(store, root)
    assert len(remarks) == 1
    assert "is no name of an evaluation" in remarks[0]
    assert not root.exists()


@pytest.mark.parametrize(
    "name",
    ["run.sh", ".lock", ".lease.json", "request.json", "sub/GSM8K.parquet", ".brought.json", "..parquet",
     "-x.parquet", "G\u00f6del.parquet"],
)  # fmt: skip
def test_other_files_than_an_evaluations_are_brought_nowhere(store, node, other, here, name):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("failed", "all", resumable=True)
        token = writer._sender._held.lease.token
    before = sorted(path.name for path in node.iterdir())
    store.put(f"evaluations/{'/'.join(KEY)}/{token}/{name}", b"hostile")
    folder_mirror.bring_all(store, here.parents[2])
    with FolderWriter(other, store=store):
        found = [path for root in (here, other) for path in root.rglob("*") if path.is_file()]
        assert not any(b"hostile" in path.read_bytes() for path in found)
    assert sorted(path.name for path in node.iterdir()) == before


def test_what_is_too_large_or_too_much_is_refused(store, node, here, monkeypatch):
    with FolderWriter(node, store=store) as writer:
        measured(writer)
        writer.end("done", "all", resumable=False)
        token = writer._sender._held.lease.token
    monkeypatch.setattr(folder_store, "MOST_ITEMS", 10)
    with pytest.raises(StoreError, match=r"GSM8K\.parquet: larger than 10 bytes"):
        folder_mirror.bring(store, here)
    assert not (here / "GSM8K.parquet").exists()
    [remark] = folder_mirror.bring_all(store, here.parents[2])
    assert "GSM8K.parquet: larger than 10 bytes" in remark, "it costs that evaluation alone"
    monkeypatch.setattr(folder_mirror, "MOST_OF_EVALUATION", 20)
    for n in range(21):
        store.put(f"evaluations/{'/'.join(KEY)}/{token}/{n}", b"")
    assert folder_mirror.bring_all(store, here.parents[2]) == [
        f"evaluations/{'/'.join(KEY)} has more than 20 objects"
    ]


def test_a_folder_elsewhere_than_evaluations_are_does_not_travel(store, tmp_path):
    with pytest.raises(InstallationError, match="lies in <model>/<revision>/<suite version>"):
        FolderWriter(tmp_path / ".hidden" / "a" / "b", store=store)
