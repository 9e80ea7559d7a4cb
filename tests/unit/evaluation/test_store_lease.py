"""One job holds an evaluation in an object store, whatever the clocks of the machines say, and whoever tries at once.

The store is obstore's in memory; `integration/test_evaluation_store.py` has processes and an S3 server.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from obstore.store import MemoryStore

from densing_pipeline import clock
from densing_pipeline.evaluation import lease, store_lease
from densing_pipeline.evaluation.failures import BusyError
from densing_pipeline.evaluation.folder_store import ChangedError, FolderStore
from densing_pipeline.evaluation.store_lease import HeldLease
from densing_pipeline.object_stores import StoreError

KEY = "evaluations/lab--model/aaaa/v1"
PATH = f"{KEY}/{store_lease.FILE}"


@pytest.fixture
def store():
    return FolderStore(MemoryStore(), "memory://evaluations")


def later(monkeypatch, seconds):
    """Have the store's clock be some seconds later than when everything in it was written."""
    now = FolderStore.now
    monkeypatch.setattr(FolderStore, "now", lambda self: now(self) + timedelta(seconds=seconds))


def test_a_lease_is_taken_over_when_it_expires_and_not_before(store, monkeypatch):
    first = HeldLease(store, KEY, None)
    with monkeypatch.context() as patch:
        later(patch, lease.EXPIRY_S - 5)
        with pytest.raises(BusyError, match=r"a job on .* is at work"):
            HeldLease(store, KEY, None)
        first.renew()
    later(monkeypatch, lease.EXPIRY_S)
    second = HeldLease(store, KEY, None)
    with pytest.raises(BusyError, match="has taken"):
        first.renew()
    second.renew()
    assert second.taken_from == first.lease.token


@pytest.mark.parametrize("machine", ["2020-01-01", "2040-01-01"], ids=["behind", "ahead"])
def test_the_clock_of_a_machine_changes_nothing(store, monkeypatch, machine):
    HeldLease(store, KEY, None)
    monkeypatch.setenv(clock.VARIABLE, f"{machine}T00:00:00+00:00")
    with pytest.raises(BusyError):
        HeldLease(store, KEY, None)
    later(monkeypatch, lease.EXPIRY_S)
    HeldLease(store, KEY, None)


@pytest.mark.parametrize("is_expired", [False, True], ids=["new", "expired"])
def test_of_many_that_try_at_once_one_has_it(store, monkeypatch, is_expired):
    if is_expired:
        HeldLease(store, KEY, None)
        later(monkeypatch, lease.EXPIRY_S)

    def take(_: int) -> str | None:
        try:
            return HeldLease(store, KEY, None).lease.token
        except BusyError:
            return None

    with monkeypatch.context() as patch:
        # Each finds what was there before any of them wrote.
        before = store_lease.read(store, KEY)
        patch.setattr(store_lease, "read", lambda *_: before)
        with ThreadPoolExecutor(8) as pool:
            tokens = [token for token in pool.map(take, range(8)) if token]
    assert tokens == [store_lease.read(store, KEY).lease.token]


def test_what_has_ended_is_free_at_once(store):
    first = HeldLease(store, KEY, "order-1")
    store_lease.end_order(store, KEY, "another order")
    with pytest.raises(BusyError):
        HeldLease(store, KEY, None)
    store_lease.end_order(store, KEY, "order-1")
    HeldLease(store, KEY, None)
    with pytest.raises(BusyError):
        first.renew()


def test_a_job_of_which_its_scheduler_says_that_it_ended_leaves(store):
    held = HeldLease(store, KEY, "order-1")
    store_lease.end_order(store, KEY, "order-1")
    with pytest.raises(BusyError):
        held.renew()


@pytest.mark.parametrize("error", [ChangedError("late"), StoreError("no answer")], ids=repr)
def test_a_write_whose_answer_was_lost_is_gone_on_from(store, monkeypatch, error):
    """A request sent again meets its own effect; one that was given up may have had one."""
    put = FolderStore.put

    def unanswered(self, path, content, *, only=None):
        put(self, path, content, only=only)
        monkeypatch.setattr(FolderStore, "put", put)
        raise error

    monkeypatch.setattr(FolderStore, "put", unanswered)
    if isinstance(error, ChangedError):
        held = HeldLease(store, KEY, None)
        monkeypatch.setattr(FolderStore, "put", unanswered)
        held.renew()
    else:
        monkeypatch.setattr(FolderStore, "put", put)
        held = HeldLease(store, KEY, None)
        monkeypatch.setattr(FolderStore, "put", unanswered)
        with pytest.raises(StoreError):
            held.renew()
    held.renew(files=held.lease.token)
    assert store_lease.read(store, KEY).lease == held.lease


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"[" * 10_000, b'{"host": 3, "order": null, "token": "a", "files": null}',
     b'{"host": "a", "order": null, "token": "../b", "files": null}',
     b'{"host": "a", "order": null, "token": "b", "files": "../../c"}'],
)  # fmt: skip
def test_a_damaged_lease_holds_until_it_expires_and_leads_nowhere(store, monkeypatch, content):
    store.put(PATH, content)
    assert store_lease.read(store, KEY).lease is None
    with pytest.raises(BusyError, match="another machine"):
        HeldLease(store, KEY, None)
    later(monkeypatch, lease.EXPIRY_S)
    assert HeldLease(store, KEY, None).lease.files is None


def test_a_store_without_conditions_is_refused(store, monkeypatch):
    assert store.refusal() is None
    put = FolderStore.put
    monkeypatch.setattr(
        FolderStore, "put", lambda self, path, content, only=None: put(self, path, content)
    )
    assert "two jobs could work on one model" in store.refusal()


def test_the_name_of_a_machine_in_a_lease_is_told_in_one_legible_line(store):
    told = {"host": "node\x1b[2J\n" + "x" * 900_000, "order": None, "token": "t", "files": None}
    store.put(PATH, json.dumps(told).encode())
    with pytest.raises(BusyError, match=r"^a job on node\[2J x+\.\.\. is at work on ") as busy:
        HeldLease(store, KEY, None)
    assert len(str(busy.value)) < 400
