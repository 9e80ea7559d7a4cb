"""Evaluations through a real Slurm of one node: at once, killed, cancelled, and with their node dead.

Needs root and Debian's packages `slurm-wlm` and `munge`; the daemons are started here, on loopback.
"""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from densing_pipeline.evaluation import installation
from densing_pipeline.orchestration.launchers.slurm import SlurmLauncher
from densing_pipeline.schedules.evaluations import check_job
from tests import stub_jobs
from tests.servers import slurm
from tests.stub_jobs import MODELS, WRITES, evaluate, job, queue, row

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.* is deprecated"),
    pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.*in preview"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm.serving(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def settings(tmp_path):
    found = stub_jobs.settings(
        tmp_path, evaluate_on="slurm", cluster_gpu_gib=0, slurm_options="--cpus-per-task=1"
    )
    queue(found, *MODELS)
    return found


def launcher(settings):
    return SlurmLauncher(settings, look_again_s=0.5, visible_after_s=0)


def until(found):
    while not (value := found()):
        time.sleep(0.1)
    return value


def test_two_models_at_once_give_what_they_give_on_this_machine(cluster, settings, tmp_path):
    failed, tables = stub_jobs.at_once_and_here(settings, launcher, tmp_path)
    assert failed == [None] * 4
    assert [a.equals(b) for a, b in tables] == [True, True]
    assert not any((settings.state_dir / "orders").iterdir())


@pytest.mark.parametrize(
    ("does", "told", "excused"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "for lack of memory or by hand", 0),
        ("sys.exit(7)", "ended with status 7: it did not start", 1),
        ("import subprocess\nsubprocess.run(['scancel', os.environ['SLURM_JOB_ID']])\ntime.sleep(600)", "CANCELLED", 0),
    ],
)  # fmt: skip
def test_a_job_that_says_nothing_is_spoken_for(cluster, settings, does, told, excused):
    job(settings, does)
    assert told in evaluate(settings, launcher(settings))
    assert (row(settings)["state"], row(settings)["attempts_excused"]) == ("failed", excused)
    job(settings, WRITES)
    assert evaluate(settings, launcher(settings)) is None
    assert row(settings)["attempts"] == 2


def test_a_job_gets_what_it_needs_of_the_environment_and_no_more(cluster, settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_1")
    monkeypatch.setenv("PGPASSWORD", "of the database")
    job(settings, "(out / 'seen.json').write_text(json.dumps(dict(os.environ)))\n" + WRITES)
    assert evaluate(settings, launcher(settings)) is None
    seen = next(settings.evaluations_dir.glob("*/*/*/seen.json")).read_text()
    assert '"HF_TOKEN": "hf_1"' in seen
    assert "of the database" not in seen
    assert (Path(settings.state_dir) / "job").as_posix() in seen


def test_what_slurm_does_not_take_is_no_fault_of_the_models(cluster, settings):
    job(settings, WRITES)
    wrong = settings.model_copy(update={"slurm_options": "--partition=none"})
    assert "invalid partition" in evaluate(wrong, launcher(wrong))
    assert row(settings)["attempts_excused"] == 1


def test_the_check_runs_where_evaluations_run(cluster, settings):
    settings.evaluation_python.write_text(
        '#!/bin/sh\necho "ok on job $SLURM_JOB_ID"\nwhile [ "$1" != --state-dir ]; do shift; done\n'
        'echo \'{"checked_at": "2026-11-29T12:00:00+00:00", "places": 3}\' > "$2/evaluation_check.json"\n'
    )
    settings.evaluation_python.chmod(0o755)
    assert check_job(settings, launcher(settings)).execute_in_process().success
    assert installation.last_check(settings.state_dir).problem is None


def test_the_model_of_a_node_that_dies_is_queued_again(cluster, settings):
    lives = """
    from densing_pipeline.evaluation.folder_writer import FolderWriter
    with FolderWriter(out, order=order):
        (out / "pid").write_text(str(os.getpid()))
        time.sleep(600)
    """
    job(settings, lives)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(evaluate, settings, launcher(settings))
        pid = until(lambda: next(settings.evaluations_dir.glob("*/*/*/pid"), None))
        until(lambda: pid.read_text())
        assert row(settings)["state"] == "running"
        # What the death of a node does: its daemon, and all that runs on it, end without a word.
        steps = subprocess.run(["pgrep", "slurmstepd"], capture_output=True, text=True, check=True)  # noqa: S607
        cluster.node.kill()
        for each in (*steps.stdout.split(), pid.read_text()):
            os.kill(int(each), signal.SIGKILL)
        assert "NODE_FAIL" in told.result()
    found = row(settings)
    assert (found["state"], found["attempts"], found["attempts_excused"]) == ("failed", 1, 1)
    cluster.start_node()
    job(settings, WRITES)
    assert evaluate(settings, launcher(settings)) is None
    assert (row(settings)["state"], row(settings)["attempts"]) == ("done", 2)
