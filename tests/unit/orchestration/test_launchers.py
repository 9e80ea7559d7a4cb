"""What does not depend on a cluster: paths on its nodes, the package they are given, GPUs asked for, places."""

import dataclasses
import re
import subprocess
import sys
import time

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.evaluation import installation
from densing_pipeline.evaluation.folder_format import OUTCOME
from densing_pipeline.evaluation.job_path import package_copied
from densing_pipeline.orchestration import launchers
from densing_pipeline.orchestration.evaluation_order import command, gpus_given
from densing_pipeline.orchestration.launchers import choice
from densing_pipeline.orchestration.launchers.choice import chosen
from densing_pipeline.orchestration.launchers.launcher import (
    JobEndedError,
    Order,
    UnknownEndError,
    in_short,
)
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.orchestration.launchers.slurm import SlurmLauncher
from densing_pipeline.schedules.new_models import places_of
from densing_pipeline.settings import SettingsError
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.storage import write_parquet
from tests import stub_jobs
from tests.evaluations import REVISION

ORDER = Order("order-1", ("/bin/sh", "-c", "echo one; exit 3"), {}, 0.01, 0)


@pytest.fixture
def cluster_state_dir():
    return "/shared/state"


@pytest.fixture
def settings(tmp_path, cluster_state_dir):
    return stub_jobs.settings(tmp_path, evaluate_on="slurm", cluster_state_dir=cluster_state_dir)


def test_the_switch_names_the_launcher(settings, tmp_path):
    assert isinstance(chosen(settings), SlurmLauncher)
    assert isinstance(chosen(stub_jobs.settings(tmp_path)), LocalLauncher)


def test_a_launcher_without_its_library_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "LIBRARIES", {"ray": "library_that_is_not_there"})
    with pytest.raises(SettingsError, match=r"pip install 'densing-pipeline\[ray\]'"):
        chosen(stub_jobs.settings(tmp_path, evaluate_on="ray"))


def test_paths_of_the_state_directory_are_those_of_the_nodes(settings, tmp_path):
    out = settings.evaluations_dir / "lab--model" / REVISION / "v1"
    line = command(settings, "lab/model", REVISION, out, 4, "order-1")
    given = dict(zip(line[3::2], line[4::2], strict=True))
    assert given["--out"] == f"/shared/state/evaluations/lab--model/{REVISION}/v1"
    assert given["--cache"] == "/shared/state/weights"
    assert (given["--gpus"], given["--order"]) == ("4", "order-1")
    assert line[0] == str(tmp_path / "python"), "a path elsewhere is the same on the nodes"


def test_on_this_machine_paths_stay_as_they_are(settings, tmp_path):
    here = settings.model_copy(update={"evaluate_on": "local"})
    assert here.on_nodes(here.evaluations_dir) == tmp_path / "state" / "evaluations"


def test_nodes_are_given_a_copy_of_the_package_that_is_made_once(tmp_path):
    folder = package_copied(tmp_path)
    assert [each.name for each in folder.iterdir()] == ["densing_pipeline"]
    assert (folder / "densing_pipeline" / "hub" / "architectures.json").is_file()
    made = folder.stat().st_ino
    assert package_copied(tmp_path).stat().st_ino == made
    where = subprocess.run(
        [sys.executable, "-c", "import densing_pipeline; print(densing_pipeline.__file__)"],
        env={"PYTHONPATH": str(folder)}, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(folder))


@pytest.mark.parametrize(("memory", "gpu", "asked"), [(75.0, 80, 1), (163.0, 80, 4), (163.0, 0, 0)])
def test_a_cluster_is_asked_for_the_gpus_that_the_weights_need(settings, memory, gpu, asked):
    stub_jobs.queue(settings, "lab/model")
    path = settings.tables_dir / "evaluation_queue.parquet"
    write_parquet(
        EVALUATION_QUEUE.cast(pl.read_parquet(path).with_columns(memory_gib=memory)), path
    )
    cluster = settings.model_copy(update={"cluster_gpu_gib": gpu})
    assert gpus_given(cluster, "lab/model") == asked


def test_a_cluster_has_the_places_it_is_given_and_this_machine_its_gpus(settings):
    found = installation.Check(at=None, problem=None, places=2)
    assert places_of(settings.model_copy(update={"cluster_places": 40}), found) == 40
    assert places_of(settings.model_copy(update={"evaluate_on": "local"}), found) == 2


def test_without_the_commands_of_slurm_the_fault_is_the_installations(
    settings, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JobEndedError, match="Slurm's commands must be on this machine") as ended:
        SlurmLauncher(settings).output(dg.build_op_context(), ORDER)
    assert ended.value.fault == "installation"


def slurm(folder, **commands):
    """Make programs that stand for Slurm's commands the only ones of their names."""
    for name, does in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)


def test_slurms_commands_that_hang_or_fail_for_a_while_cost_nothing(
    settings, monkeypatch, tmp_path
):
    """The first question hangs, the second fails, the third is answered."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(launchers.slurm, "SLURM_ANSWER_S", 1)
    asked = tmp_path / "asked"
    slurm(
        tmp_path,
        sbatch="echo 7",
        scontrol=f"echo >>{asked}\ncase $(wc -l <{asked}) in 1) sleep 30;; 2) exit 1;; *) echo JobId=7 JobState=COMPLETED;; esac",
    )
    assert SlurmLauncher(settings, 0.01).output(dg.build_op_context(), ORDER) == (0, [])
    assert len(asked.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ({"sbatch": "sleep 30"}, "sbatch did not answer within 0.5 s"),
        ({"sbatch": "echo 7", "scontrol": "exit 1"}, "Slurm has not answered for 0.2 s"),
        ({"sbatch": "echo 7", "scontrol": "sleep 30"}, "Slurm has not answered for 0.2 s"),
    ],
)
def test_of_a_slurm_that_answers_no_more_the_end_of_the_job_is_not_known(
    settings, monkeypatch, tmp_path, commands, told
):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(launchers.slurm, "SLURM_ANSWER_S", 0.5)
    monkeypatch.setattr(launchers.slurm, "SLURM_PATIENCE_S", 0.2)
    slurm(tmp_path, **commands)
    with pytest.raises(UnknownEndError, match=re.escape(told)):
        SlurmLauncher(settings, 0.01).output(dg.build_op_context(), ORDER)


DONE = "echo JobId=5 JobState=COMPLETED ExitCode=0:0"


@pytest.fixture
def ended(settings, monkeypatch, tmp_path):
    """How an order ends whose Slurm answers in this way."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(launchers.slurm, "SLURM_PATIENCE_S", 0.2)

    def of(sbatch, scontrol=DONE):
        slurm(tmp_path, sbatch=sbatch, scontrol=scontrol)
        return SlurmLauncher(settings, 0.01, 0).output(dg.build_op_context(), ORDER)

    return of


@pytest.mark.parametrize(
    ("sbatch", "scontrol", "status"),
    [
        ("echo 5", DONE, 0),
        ("echo welcome to the cluster; echo 5", DONE, 0),
        ("echo '5;other'", f'test "$1" = --clusters=other && {DONE}', 0),
        ("echo 5", "echo JobId=5 JobState=FAILED ExitCode=7:0 Comment=JobState=COMPLETED JobState=COMPLETED", 7),
    ],
    ids=["done", "banner", "another cluster", "a comment"],
)  # fmt: skip
def test_what_slurm_says_of_a_job_is_believed_if_it_says_it(ended, sbatch, scontrol, status):
    assert ended(sbatch, scontrol) == (status, [])


@pytest.mark.parametrize(
    ("scontrol", "told"),
    [
        ("echo JobId=5 JobState=FAILED ExitCode=²:³", "ended with status None"),
        ("echo JobId=5 JobState=NODE_FAIL ExitCode=0:0", "ended: NODE_FAIL"),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", "is gone from Slurm's memory"),
    ],
    ids=["no digits", "its node died", "forgotten"],
)  # fmt: skip
def test_how_a_job_without_a_status_ended_is_told(ended, scontrol, told):
    with pytest.raises(JobEndedError, match=f"^Slurm job 5 {told}$"):
        ended("echo 5", scontrol)


@pytest.mark.parametrize(
    ("sbatch", "told"),
    [("echo", "''"), ("echo '--help'", "'--help'"), ("head -c 300 /dev/urandom | tr -d 0-9", "")],
    ids=["nothing", "an option", "noise"],
)
def test_a_job_without_an_id_was_not_taken(ended, sbatch, told):
    with pytest.raises(JobEndedError, match=f"sbatch printed no id of a job: {told}") as error:
        ended(sbatch)
    assert error.value.fault == "installation"


@pytest.mark.parametrize(
    "scontrol", ["head -c 300 /dev/urandom", "echo JobId=6 JobState=COMPLETED", "echo JobId=5"]
)
def test_an_answer_that_is_not_about_the_job_is_none(ended, scontrol):
    with pytest.raises(UnknownEndError, match="Slurm has not answered"):
        ended("echo 5", scontrol)


@pytest.mark.parametrize("cluster_state_dir", ["/shared/100%j"])
def test_a_percent_sign_in_a_path_is_none_of_slurms_names(ended, tmp_path):
    kept = tmp_path / "arguments"
    assert ended(f'printf "%s\\n" "$@" >"{kept}"; echo 5') == (0, [])
    assert "--output=/shared/100%%j/orders/order-1/log" in kept.read_text().splitlines()


# Dagster's Pipes client warns of parts of Dagster that it uses.
@pytest.mark.filterwarnings("ignore:AssetExecutionContext.* is deprecated")
@pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.*in preview")
def test_a_job_whose_scheduler_answers_no_more_goes_on_and_its_results_are_read(
    monkeypatch, tmp_path
):
    settings = stub_jobs.settings(tmp_path, evaluate_on="slurm")
    stub_jobs.queue(settings, "lab/model")
    stub_jobs.job(
        settings, "while not (out / 'go').exists(): time.sleep(0.01)\n" + stub_jobs.WRITES
    )
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(launchers.slurm, "SLURM_PATIENCE_S", 0.2)
    slurm(
        tmp_path,
        sbatch='for script; do :; done\nsh "$script" >/dev/null 2>&1 &\necho 7',
        scontrol="exit 1",
    )
    failed = stub_jobs.evaluate(settings, SlurmLauncher(settings, 0.01))
    assert (
        "Slurm has not answered for 0.2 s; if the job goes on, the next night reads what it leaves"
        in failed
    )
    [folder] = settings.evaluations_dir.glob("*/*/*")
    assert not (folder / OUTCOME).exists(), "nobody says that it failed"
    (folder / "go").touch()
    while not (folder / OUTCOME).exists():
        time.sleep(0.05)
    assert stub_jobs.row(settings)["state"] == "done"


def test_an_order_on_this_machine_ends_with_its_status_and_what_it_printed():
    assert LocalLauncher().output(dg.build_op_context(), ORDER) == (3, ["one"])
    late = dataclasses.replace(ORDER, command=("sleep", "60"), hours=0.1 / 3600)
    assert LocalLauncher().output(dg.build_op_context(), late) == (124, [])


def test_what_a_scheduler_says_is_kept_without_the_secrets_of_addresses():
    ended = JobEndedError("no answer from http://user:s3cr3t@head:8265/api?token=s3cr3t")
    assert "http://" in str(ended)
    assert "s3cr3t" not in str(ended)


@pytest.mark.parametrize("before", range(380, 402, 3))
def test_what_is_cut_leaves_no_half_of_a_secret(monkeypatch, before):
    monkeypatch.setenv("HF_TOKEN", "s3cr3t-token-of-the-hub")
    said = in_short("x" * before + "\ns3cr3t-token-of-the-hub refused")
    assert "s3" not in said
    assert len(said) <= 400
