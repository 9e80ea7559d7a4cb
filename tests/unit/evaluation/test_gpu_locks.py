"""No two jobs of one computer take the same GPU, and none waits for what will not come."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from densing_pipeline.evaluation import gpu_locks
from densing_pipeline.evaluation.failures import BlockedError, OccupiedError
from densing_pipeline.evaluation.gpu_locks import GpuLocks
from densing_pipeline.evaluation.gpus import Gpu
from densing_pipeline.evaluation.sizing import Machine
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.units import GIB

SMALL = Weights(Path("m"), int(16e9), int(8e9), None, 32, 128_256, 131_072, "t", "w")
LARGE = replace(SMALL, elements=int(32e9))
"""Fits on two GPUs of 80 GiB."""


def machine(count, used=()):
    return Machine(
        tuple(
            Gpu(str(n), "H100", 0 if n in used else 80 * GIB, 80 * GIB, f"GPU-{n}")
            for n in range(count)
        ),
        64 * GIB,
    )


@pytest.fixture
def placed(tmp_path, monkeypatch):
    """Puts a model on a machine with some GPUs."""
    monkeypatch.setattr(gpu_locks, "LOOK_S", 0.01)

    def placed(weights, count, most_gpus=1, *, said=None, used=(), freed_s=0.0, looks=None):
        def look():
            return machine(count, used if looks is None else looks.pop(0))

        say = (lambda line: None) if said is None else said.append
        return gpu_locks.placed(
            weights, most_gpus, say, machine=look, folder=tmp_path / "locks", freed_s=freed_s
        )

    return placed


def test_each_job_has_a_gpu_of_its_own_until_it_ends(placed):
    with placed(SMALL, 2) as (one,), placed(SMALL, 2) as (other,):
        assert {*one.gpus, *other.gpus} == {"0", "1"}
    with placed(LARGE, 2) as (both,):
        assert both.gpus == ("0", "1")


def test_a_job_that_finds_none_free_waits_for_one(placed):
    said: list[str] = []
    has_one = threading.Event()

    def second():
        with placed(SMALL, 1, said=said) as (found,):
            has_one.set()
            return found.gpus

    with ThreadPoolExecutor() as pool:
        with placed(SMALL, 1):
            waits = pool.submit(second)
            while not said:
                assert not has_one.is_set()
        assert waits.result() == ("0",)
    assert len(said) == 1
    assert said[0].startswith("waiting for GPUs: needs 19 GiB of GPU memory; of 1 GPUs 0 are free")


def test_jobs_that_start_together_take_each_a_gpu(placed):
    all_started = threading.Barrier(8)

    def job(_):
        with placed(SMALL, 8) as (found,):
            all_started.wait()
            return found.gpus

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(job, range(8))) == [(str(n),) for n in range(8)]


def test_a_job_that_needs_two_is_not_passed_by_those_that_need_one(placed):
    order: list[str] = []
    first, second = placed(SMALL, 2), placed(SMALL, 2)
    first.__enter__()
    second.__enter__()
    said: list[str] = []

    def job(name, weights):
        with placed(weights, 2, said=said):
            order.append(name)

    with ThreadPoolExecutor() as pool:
        large = pool.submit(job, "large", LARGE)
        while not said:
            pass
        small = pool.submit(job, "small", SMALL)
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        large.result()
        small.result()
    assert order == ["large", "small"]


def test_memory_is_read_after_the_lock_is_held(placed):
    looks = [(), {0}, ()]
    with placed(SMALL, 2, looks=looks) as (found,):
        assert found.gpus == ("1",)


def test_memory_that_no_evaluation_holds_is_not_waited_for_longer_than_it_takes_to_be_freed(placed):
    with pytest.raises(OccupiedError, match="of 2 GPUs 0 are free"), placed(SMALL, 2, used={0, 1}):
        pass
    # Of a job that was killed it is free after a moment.
    looks = [{0}, {0}, {0}, ()]
    with placed(SMALL, 1, looks=looks, freed_s=600) as (found,):
        assert found.gpus == ("0",)


def test_what_fits_on_no_gpu_is_said_at_once(placed):
    with pytest.raises(BlockedError), placed(replace(SMALL, elements=int(1e12)), 2):
        pass
    with placed(SMALL, 2) as (found,):
        assert found.gpus == ("0",), "the locks are free again"


def test_copies_have_gpus_of_their_own_as_many_as_are_free(placed):
    with placed(SMALL, 4, most_gpus=3) as copies, placed(SMALL, 4, most_gpus=1) as last:
        assert [each.gpus for each in (*copies, *last)] == [("0",), ("1",), ("2",), ("3",)]
    with placed(LARGE, 4, most_gpus=4) as copies:
        assert [each.gpus for each in copies] == [("0", "1"), ("2", "3")]
    with placed(SMALL, 4, used={1, 2}, most_gpus=4) as copies:
        assert [each.gpus for each in copies] == [("0",), ("3",)]


def test_a_job_waits_for_the_copies_it_was_given_while_others_end(placed):
    said: list[str] = []

    def job():
        with placed(SMALL, 2, most_gpus=2, said=said) as copies:
            return len(copies)

    with ThreadPoolExecutor() as pool:
        with placed(SMALL, 2):
            waits = pool.submit(job)
            while not said:
                pass
        assert waits.result() == 2


@pytest.mark.parametrize(("others", "begins_with"), [(1, 3), (2, 4)])
def test_a_job_begins_with_three_quarters_of_its_copies_but_not_with_half(
    placed, others, begins_with
):
    said: list[str] = []

    def job():
        with placed(SMALL, 4, most_gpus=4, said=said) as copies:
            return len(copies)

    with ThreadPoolExecutor() as pool:
        with placed(SMALL, 4, most_gpus=others):
            started = pool.submit(job)
            while not (said or started.done()):
                pass
        assert started.result() == begins_with


def test_a_lock_ends_with_the_process_that_holds_it(tmp_path):
    holder = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c",
         "import sys, time\nfrom pathlib import Path\n"
         "from densing_pipeline.evaluation.gpu_locks import GpuLocks\n"
         "locks = GpuLocks(Path(sys.argv[1]))\nprint(locks.take('GPU-0'), flush=True)\ntime.sleep(600)",
         str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "True\n"
        with GpuLocks(tmp_path) as locks:
            assert not locks.take("GPU-0")
            assert locks.take("GPU-1")
            holder.kill()
            holder.wait()
            assert locks.take("GPU-0")
    finally:
        holder.kill()
        holder.communicate()


def test_without_gpus_nothing_is_locked(placed, tmp_path):
    tiny = replace(SMALL, elements=10**8)
    with placed(tiny, 0) as (found,):
        assert found.device == "cpu"
    assert not (tmp_path / "locks").exists()
