"""Whatever becomes of the job, and of its orchestrator: the folder says it, and the next run goes on.

The job here is a script that stands for the evaluation environment's Python. What it does is a real
process's doing: it writes a folder, kills itself, hangs, or lives on.
"""

import json
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.assets.evaluation import evaluation
from densing_pipeline.evaluation import (
    folder_format,
    installation,
    measured_tables,
    places,
    suite,
)
from densing_pipeline.evaluation.places import Work
from densing_pipeline.orchestration.evaluation_check import check
from densing_pipeline.orchestration.evaluation_order import command, gpus_given
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.storage import write_parquet
from tests.evaluations import REVISION, write
from tests.servers import hub

# Dagster's Pipes client warns of parts of Dagster that it uses.
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.* is deprecated"),
    pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.*in preview"),
]

KEY = "lab--model"
LIMIT = 4
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path):
    found = Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        evaluation_python=tmp_path / "python",
        evaluation_limit=LIMIT,
        hub_endpoint="http://127.0.0.1:9",
    )
    listed(found, REVISION)
    return found


def listed(settings, revision):
    """A queue with the model in it."""
    row = pl.DataFrame(
        {
            "model_id": ["lab/model"],
            "revision": [revision],
            "state": "queued",
            "reason": "a base model",
            "priority": 1,
            "attempts": 0,
            "updated_at": datetime(2026, 11, 1, tzinfo=UTC),
        },
        schema_overrides={"revision": pl.String},
    )
    write_parquet(EVALUATION_QUEUE.cast(row), settings.tables_dir / "evaluation_queue.parquet")


def job(settings, does, **given):
    """Make the evaluation environment's Python a program that does this with the job's arguments."""
    script = settings.evaluation_python.with_suffix(".py")
    script.write_text(
        f"import json, os, signal, sys, time\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "out = Path(sys.argv[sys.argv.index('--out') + 1])\n"
        f"given = {given!r}\n{textwrap.dedent(does)}"
    )
    settings.evaluation_python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    settings.evaluation_python.chmod(0o755)


WRITES = "from tests.evaluations import write\nwrite(out.parents[2], limit=4, **given)\n"


def evaluate(settings, instance):
    """Materialise the model's partition; what failed in words, None if nothing did."""
    instance.add_dynamic_partitions("models", [KEY])
    result = dg.materialize(
        [evaluation],
        partition_key=KEY,
        instance=instance,
        resources={"settings": settings, "launcher": LocalLauncher()},
        raise_on_error=False,
    )
    if result.success:
        return None
    return result.failure_data_for_node("evaluation").user_failure_data.description


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def row(settings):
    return measured_tables.read(settings.evaluations_dir, suite.SUITE, LIMIT)[0].row(0, named=True)


def test_a_model_is_evaluated_at_the_commit_the_queue_has(settings, instance):
    job(settings, WRITES)
    assert evaluate(settings, instance) is None
    found = row(settings)
    assert (found["state"], found["revision"], found["attempts"]) == ("done", REVISION, 1)
    assert found["requested_revision"] == REVISION
    event = instance.get_latest_materialization_event(dg.AssetKey("evaluation"))
    metadata = event.asset_materialization.metadata
    assert metadata["score MMLU"].value == 1.0


def test_what_is_measured_already_is_not_measured_again(settings, instance):
    write(settings.evaluations_dir, limit=LIMIT)
    job(settings, "raise SystemExit('not again')")
    assert evaluate(settings, instance) is None


def test_a_damaged_folder_is_taken_up_again(settings, instance):
    (write(settings.evaluations_dir, limit=LIMIT) / "BBH.parquet").write_bytes(b"")
    job(settings, WRITES, attempt=2)
    assert evaluate(settings, instance) is None
    assert (row(settings)["state"], row(settings)["attempts"]) == ("done", 2)


def test_the_jobs_own_reason_is_what_the_run_fails_with(settings, instance):
    job(settings, WRITES + "sys.exit(1)", state="blocked", reason="pickled weights only")
    assert evaluate(settings, instance) == "blocked: pickled weights only"
    assert row(settings)["state"] == "blocked"


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "for lack of memory or by hand"),
        ("sys.exit(3)", "code 3"),
        ("sys.exit(0)", "neither job nor orchestrator lived to say why"),
    ],
)
def test_a_job_that_says_nothing_is_spoken_for(settings, instance, does, told):
    job(settings, does)
    assert told in evaluate(settings, instance)
    assert (row(settings)["state"], row(settings)["is_resumable"]) == ("failed", True)
    assert told in row(settings)["reason"]
    assert evaluate(settings, instance) is not None
    assert row(settings)["attempts"] == 2


def test_a_job_that_hangs_is_ended(settings, instance):
    job(settings, "time.sleep(600)")
    brief = settings.model_copy(update={"evaluation_hours": 1 / 3600})
    assert "DENSING_EVALUATION_HOURS" in evaluate(brief, instance)


def test_without_its_environment_the_run_says_how_to_build_it(settings, instance):
    assert "make evaluation-env" in evaluate(settings, instance)
    assert not settings.evaluations_dir.exists(), "no fault of the model's"


def test_a_second_job_on_the_same_model_does_not_start(settings, instance):
    path = write(settings.evaluations_dir, limit=LIMIT, state="failed")
    holder = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", "import fcntl, sys, time\n"
         "lock = open(sys.argv[1], 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)\nprint(flush=True)\ntime.sleep(600)",
         str(path / folder_format.LOCK)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        assert "another job is at it" in evaluate(settings, instance)
        assert row(settings)["state"] == "running"
    finally:
        holder.kill()
        holder.communicate()
    assert row(settings)["state"] == "failed", "the lock is gone with its holder"


def test_a_model_without_a_known_commit_is_evaluated_at_the_newest(settings, instance):
    listed(settings, None)
    job(settings, WRITES, revision="d" * 40)
    world = hub.World([hub.base_model("lab/model", hub.FIRST_DAY, sha="d" * 40)])
    with hub.serving(world) as endpoint:
        assert evaluate(settings.model_copy(update={"hub_endpoint": endpoint}), instance) is None
    assert (row(settings)["revision"], row(settings)["requested_revision"]) == ("d" * 40, "main")


def test_without_commit_and_hub_nothing_is_begun(settings, instance):
    listed(settings, None)
    job(settings, WRITES)
    assert "cannot be reached" in evaluate(settings, instance)
    assert not settings.evaluations_dir.exists()


def test_an_answer_that_is_no_commit_names_no_folder(settings, instance):
    listed(settings, None)
    job(settings, WRITES)
    world = hub.World([hub.base_model("lab/model", hub.FIRST_DAY, sha="../../elsewhere")])
    with hub.serving(world) as endpoint:
        asked = settings.model_copy(update={"hub_endpoint": endpoint})
        assert "no commit" in evaluate(asked, instance)
    assert not settings.evaluations_dir.exists()


def test_the_job_sees_this_package_and_nothing_of_our_environment(settings, instance):
    sees = "seen = [os.environ['PYTHONPATH'], sys.argv[1:3]]\n"
    job(settings, sees + "(out / 'seen.json').write_text(json.dumps(seen))\n" + WRITES)
    assert evaluate(settings, instance) is None
    path, started = json.loads(next(settings.evaluations_dir.glob("*/*/*/seen.json")).read_text())
    assert started == ["-m", "densing_pipeline.evaluation.job"]
    assert [each.name for each in Path(path).iterdir()] == ["densing_pipeline"]


def test_settings_become_arguments(settings, tmp_path):
    line = command(settings, "lab/model", REVISION, tmp_path, 2, "order-1")
    assert line[line.index("--limit") + 1] == str(LIMIT)
    assert "--data" not in line
    told = settings.model_copy(update={"evaluation_limit": None, "evaluation_data": tmp_path})
    line = command(told, "lab/model", REVISION, tmp_path, 0, "order-1")
    assert line[line.index("--data") + 1] == str(tmp_path)
    assert "--limit" not in line


ORCHESTRATOR = """
import sys
from pathlib import Path
import dagster as dg
from densing_pipeline.assets.evaluation import evaluation
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.settings import Settings

settings = Settings(
    state_dir=Path(sys.argv[1]), evaluation_python=Path(sys.argv[2]), publish_url=sys.argv[1],
    evaluation_limit=4,
)
with dg.DagsterInstance.ephemeral() as instance:
    instance.add_dynamic_partitions("models", ["lab--model"])
    dg.materialize(
        [evaluation], partition_key="lab--model", instance=instance,
        resources={"settings": settings, "launcher": LocalLauncher()},
    )
"""


def test_a_killed_orchestrator_leaves_no_job_behind_and_the_next_run_goes_on(settings, instance):
    lives = """
    import fcntl
    lock = open(out / ".lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (out / "MMLU.parquet").write_bytes(b"half")
    (out / "pid").write_text(str(os.getpid()))
    time.sleep(600)
    """
    job(settings, lives)
    orchestrator = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", ORCHESTRATOR, settings.state_dir, settings.evaluation_python],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
    )
    pid = _until(lambda: next(settings.evaluations_dir.glob("*/*/*/pid"), None), orchestrator)
    _until(lambda: pid.read_text(), orchestrator)
    assert row(settings)["state"] == "running"
    orchestrator.send_signal(signal.SIGKILL)
    orchestrator.wait()
    _until(lambda: not _is_alive(int(pid.read_text())))
    found = row(settings)
    assert (found["state"], found["attempts"], found["is_resumable"]) == ("failed", 1, True)
    assert "neither job nor orchestrator lived" in found["reason"]
    job(settings, WRITES, attempt=2)
    assert evaluate(settings, instance) is None
    assert (row(settings)["state"], row(settings)["attempts"]) == ("done", 2)


def _is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return False


def _until(found, process=None):
    """Wait for something to become true; a test that waits for ever is ended from outside."""
    while not (value := found()):
        assert process is None or process.poll() is None, "the orchestrator ended by itself"
        time.sleep(0.05)
    return value


def test_a_trial_by_hand_in_the_place_of_an_evaluation_is_not_taken_for_it(settings, instance):
    trial = write(settings.evaluations_dir, limit=2)
    trial.rename(trial.with_name(suite.version()))
    whole = Settings(**{**settings.model_dump(), "evaluation_limit": None})
    job(whole, "(out / 'begun').touch()")
    evaluate(whole, instance)
    assert trial.with_name(suite.version()).joinpath("begun").exists()


def test_an_environment_that_does_not_work_costs_no_model_an_attempt(settings, instance):
    """What a build that failed leaves: a Python without the job's libraries."""
    settings.evaluation_python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    settings.evaluation_python.chmod(0o755)
    for attempt in (1, 2, 3):
        assert "its environment is broken" in evaluate(settings, instance)
        assert (row(settings)["attempts"], row(settings)["attempts_excused"]) == (attempt, attempt)
    job(settings, WRITES, attempt=4)
    assert evaluate(settings, instance) is None


@pytest.mark.parametrize("ends", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(124)"])
def test_a_job_that_is_killed_or_takes_too_long_counts(settings, instance, ends):
    job(settings, ends)
    assert evaluate(settings, instance) is not None
    assert (row(settings)["attempts"], row(settings)["attempts_excused"]) == (1, 0)


def checks(settings, does):
    """Make the evaluation environment's Python a program that does this as the check."""
    script = settings.evaluation_python.with_suffix(".py")
    script.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from densing_pipeline.evaluation import installation\n"
        f"state = Path(sys.argv[sys.argv.index('--state-dir') + 1])\n{textwrap.dedent(does)}"
    )
    settings.evaluation_python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    settings.evaluation_python.chmod(0o755)


def test_a_check_that_passes_says_what_it_found(settings):
    checks(settings, "installation.write_check(state, None, None, 8)\nprint('ok disk')")
    assert check(dg.build_op_context(), settings, LocalLauncher()) == ["ok disk"]
    assert installation.last_check(settings.state_dir).places == 8


@pytest.mark.parametrize(
    ("does", "verdict"),
    [
        ("installation.write_check(state, 'disk: full')\nsys.exit(1)", "disk: full"),
        ("sys.exit('no module named rich')", "could not be run: it ended with status 1: no module named rich"),
    ],
)  # fmt: skip
def test_a_check_that_fails_or_cannot_even_be_run_is_a_verdict(settings, does, verdict):
    checks(settings, does)
    with pytest.raises(dg.Failure) as caught:
        check(dg.build_op_context(), settings, LocalLauncher())
    assert caught.value.description in installation.last_check(settings.state_dir).problem
    assert installation.last_check(settings.state_dir).problem.endswith(verdict)


QUEUED = {"model": 3.0, "b": 2.0, "c": 1.0, "d": 50.0}
"""Estimated GPU hours of models; the last one is measured already."""


@pytest.fixture
def queued(settings):
    """A queue of three models on eight GPUs."""
    rows = pl.DataFrame(
        {
            "model_id": [f"lab/{name}" for name in QUEUED],
            "state": ["queued", "queued", "queued", "done"],
            "estimated_gpu_hours": list(QUEUED.values()),
            "memory_gib": [20.0, 20.0, 300.0, 20.0],
        }
    ).with_columns(
        revision=pl.lit(REVISION), reason=pl.lit("a base model"), priority=1, attempts=0,
        updated_at=pl.lit(datetime(2026, 11, 1, tzinfo=UTC)),
    )  # fmt: skip
    write_parquet(EVALUATION_QUEUE.cast(rows), settings.tables_dir / "evaluation_queue.parquet")
    installation.write_check(settings.state_dir, None, None, 8, 72.0)
    return settings


def ask(settings, name, gpus, loaded_minutes_ago=None):
    """Record that a model was asked for two minutes ago, and, a while ago, loaded."""
    path = settings.evaluations_dir / f"lab--{name}" / REVISION / "v1"
    path.mkdir(parents=True)
    now = datetime.now(UTC)
    asked = now - timedelta(minutes=max(loaded_minutes_ago or 0, 2))
    told = {"attempt": 1, "started_at": asked.isoformat(), "gpus": gpus}
    folder_format.write_json(path / folder_format.REQUEST, told)
    if loaded_minutes_ago is not None:
        loaded = now - timedelta(minutes=loaded_minutes_ago)
        folder_format.write_json(path / folder_format.PROVENANCE, {"loaded_at": loaded.isoformat()})
    return path


def works(monkeypatch, settings):
    """What `places.gpus_for` is told: the model, those ahead of it, those behind it, and the places."""
    told = []

    def keep(*work):
        told.append(work)
        return 1

    monkeypatch.setattr(places, "gpus_for", keep)
    gpus_given(settings, "lab/model")
    return told[0]


def test_gpus_are_given_by_what_is_queued_and_by_what_is_under_way(queued, monkeypatch):
    own, b, c = Work(3.0), Work(2.0), Work(1.0, least=8)
    assert works(monkeypatch, queued) == (own, [], [b, c], 8), "300 GiB need eight GPUs of 72"
    ask(queued, "c", 8)
    assert works(monkeypatch, queued) == (own, [Work(1.0, 8, given=8)], [b], 8)
    path = ask(queued, "b", 2, loaded_minutes_ago=6)
    _, (first, second), behind, _ = works(monkeypatch, queued)
    assert (first.given, second.given, behind) == (2, 8, [])
    assert first.since == pytest.approx(0.1, abs=0.01)
    assert second.since is None
    # One that has ended is neither ahead nor behind.
    now = datetime.now(UTC).isoformat()
    folder_format.write_json(path / folder_format.OUTCOME, {"state": "done", "finished_at": now})
    assert works(monkeypatch, queued) == (own, [Work(1.0, 8, given=8)], [], 8)


def test_the_last_model_is_given_all_gpus_and_one_where_nobody_counted_them(queued):
    assert gpus_given(queued, "lab/model") > 1
    ask(queued, "b", 1)
    ask(queued, "c", 8)
    assert gpus_given(queued, "lab/model") > 1
    assert gpus_given(queued, "lab/unknown") == 1
    (queued.tables_dir / "evaluation_queue.parquet").unlink()
    assert gpus_given(queued, "lab/model") == 1
    installation.write_check(queued.state_dir, None)
    assert gpus_given(queued, "lab/model") == 1


def test_an_order_keeps_how_many_gpus_it_gave(settings, instance):
    job(settings, WRITES)
    assert evaluate(settings, instance) is None
    (path,) = settings.evaluations_dir.glob(f"*/*/*/{folder_format.REQUEST}")
    assert folder_format.read_json(path)["gpus"] == 1
