"""Evaluations on machines that share no disk: their folders travel through an S3 server, moto's, on loopback.

Jobs are processes of their own with a state directory of their own, as nodes have. Each fetches the package from the
store before it begins.
"""

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from densing_pipeline.evaluation import (
    folder_mirror,
    folder_reader,
    folder_store,
    installation,
    job_path,
    lease,
    node_start,
    store_lease,
)
from densing_pipeline.evaluation.folder_format import OUTCOME, REQUEST, write_json
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.schedules.evaluations import check_job
from tests import stub_jobs
from tests.servers.object_store import BUCKET, ObjectStoreServer
from tests.stub_jobs import MODELS, SENDS, WHOLE, evaluate, job, queue, row

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.* is deprecated"),
    pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.*in preview"),
]

URL = f"s3://{BUCKET}/evaluated"

HANGS = (
    SENDS
    + """
with FolderWriter(out, order=order, store=open_store(given("--store"))) as writer:
    writer.begin(provenance)
    measure(writer, "MMLU")
    measure(writer, "BBH", most=2)
    writer._sender._send()
    (out / "pid").write_text(str(os.getpid()))
    time.sleep(600)
"""
)
"""What a job does that measures one benchmark and a half, sends that, and lives on."""


@pytest.fixture
def server(monkeypatch):
    with ObjectStoreServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def settings(server, tmp_path):
    found = stub_jobs.settings(
        tmp_path, evaluate_on="ray", cluster_gpu_gib=0, evaluation_store=URL,
        cluster_state_dir=tmp_path / "node1",
    )  # fmt: skip
    queue(found, *MODELS)
    return found


def on_another_node(settings, tmp_path):
    return settings.model_copy(update={"cluster_state_dir": tmp_path / "node2"})


def until(found):
    while not (value := found()):
        time.sleep(0.05)
    return value


def killed(settings, tmp_path):
    """A job of node 1 is killed with its node, and so is the process that waits for it."""
    job(settings, HANGS)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(evaluate, settings, LocalLauncher())
        pid = until(lambda: next((tmp_path / "node1").glob("evaluations/*/*/*/pid"), None))
        until(lambda: pid.read_text())
        assert not list(settings.evaluations_dir.glob("*/*/*/*.parquet"))
        evaluation_store.bring_all(settings)
        assert row(settings)["state"] == "running"
        os.kill(int(pid.read_text()), signal.SIGKILL)
        return told.result()


def test_a_model_is_measured_and_its_package_is_the_orchestrators(settings, tmp_path):
    seen = '(out.parents[3] / "path").write_text(os.environ["PYTHONPATH"])\n'
    job(settings, WHOLE, seen)
    assert evaluate(settings, LocalLauncher()) is None
    found = row(settings)
    assert (found["state"], found["attempts"]) == ("done", 1)
    [items] = settings.evaluations_dir.glob("*/*/*/MMLU.parquet")
    assert items.read_bytes() == (
        (tmp_path / "node1").joinpath(items.relative_to(settings.state_dir)).read_bytes()
    )
    package = Path((tmp_path / "node1" / "path").read_text())
    assert package.is_relative_to(tmp_path / "node1" / "job")
    shown = subprocess.run(
        [sys.executable, "-c", "import densing_pipeline; print(densing_pipeline.__file__)"],
        env={"PYTHONPATH": str(package)}, cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(shown.strip()) == package / "densing_pipeline" / "__init__.py"


def test_a_killed_nodes_model_is_gone_on_with_on_another_node(settings, tmp_path):
    assert "killed, for lack of memory or by hand" in killed(settings, tmp_path)
    assert (row(settings)["state"], row(settings)["attempts"]) == ("failed", 1)
    elsewhere = on_another_node(settings, tmp_path)
    job(elsewhere, WHOLE)
    assert evaluate(elsewhere, LocalLauncher()) is None
    [before] = (tmp_path / "node2").glob("evaluations/*/*/*/before")
    assert before.read_text() == "2", "the items of the half benchmark were not measured again"
    assert (row(settings)["state"], row(settings)["attempts"]) == ("done", 2)


def test_a_job_that_nobody_waits_for_is_brought_by_the_next_night(server, settings, tmp_path):
    """Its node and the waiting process died, so its lease expires; it may also live and end well."""
    killed(settings, tmp_path)
    lease_now(server, settings, lease.EXPIRY_S - 60)
    assert row(settings)["state"] == "running"
    assert "another job is at it" in evaluate(settings, LocalLauncher())
    lease_now(server, settings, 60)
    assert row(settings)["state"] == "failed"
    elsewhere = on_another_node(settings, tmp_path)
    job(elsewhere, WHOLE)
    by_hand = evaluate_without_waiting(elsewhere)
    evaluation_store.bring_all(settings)
    assert by_hand == 0
    assert row(settings)["state"] == "done"


def lease_now(server, settings, seconds):
    """Have the lease look that much older, and as it is before anybody has said that its job ended."""
    for outcome in settings.evaluations_dir.glob("*/*/*/outcome.json"):
        outcome.unlink()
    from moto.s3.models import s3_backends

    bucket = s3_backends["123456789012"]["aws"].buckets[BUCKET]
    [name] = [each for each in bucket.keys if each.endswith("/lease.json")]
    client = server.client()
    content = bucket.keys[name].value.replace(b'"is_ended": true', b'"is_ended": false')
    written_at = bucket.keys[name].last_modified
    client.put_object(Bucket=BUCKET, Key=name, Body=content)
    bucket.keys[name].last_modified = written_at
    server.age("/lease.json", seconds)
    evaluation_store.bring_all(settings)


def evaluate_without_waiting(settings):
    """Run a job as a scheduler does, while nobody waits for it."""
    [folder] = settings.evaluations_dir.glob("*/*/*")
    store = evaluation_store.opened(settings)
    command = evaluation_store.fetching(
        store, settings,
        job_path.job_command(
            settings.evaluation_python,
            {"--out": settings.on_nodes(folder), "--model": "lab/model", "--order": "o", "--store": URL},
        ),
    )  # fmt: skip
    return subprocess.run(command, check=False).returncode  # noqa: S603


def test_while_the_store_is_down_folders_stay_as_they_were(server, settings, caplog):
    """No evaluation is begun, and a warning says so; afterwards everything goes on."""
    job(settings, WHOLE)
    server.before = lambda number, method, path: ("403 Forbidden", b"")
    assert "no evaluation is begun without it" in evaluate(settings, LocalLauncher())
    assert not list(settings.evaluations_dir.glob("*/*/*")), "no attempt was counted"
    server.before = lambda number, method, path: None
    assert evaluate(settings, LocalLauncher()) is None
    assert row(settings)["attempts"] == 1
    gone = settings.model_copy(update={"evaluation_store": "s3://no-such-bucket/x"})
    evaluation_store.bring_all(gone)
    assert "Evaluations count as they were last known" in caplog.text
    assert row(settings)["state"] == "done"


def test_an_end_that_meets_errors_is_sent_when_they_are_over(server, settings):
    """Every second write of the job fails once, also that of its outcome and of its lease."""
    failed: set[str] = set()

    def fails_once(number, method, path):
        if method == "PUT" and path not in failed:
            failed.add(path)
            return ("503 Service Unavailable", b"")
        return None

    server.before = fails_once
    job(settings, WHOLE)
    assert evaluate(settings, LocalLauncher()) is None
    assert row(settings)["state"] == "done"
    assert any(path.endswith("/outcome.json") for path in failed)


def test_answers_that_are_lost_do_not_cost_the_lease(server, settings):
    """A write took effect and its answer did not come: the client sends it again and meets its own effect."""
    lost: list[str] = []

    def is_lost(number, method, path):
        if method == "PUT" and path.endswith("/lease.json") and len(lost) < 3:
            lost.append(path)
            return ("500 Internal Server Error", b"")
        return None

    server.after = is_lost
    job(settings, WHOLE)
    assert evaluate(settings, LocalLauncher()) is None
    assert (row(settings)["state"], len(lost)) == ("done", 3)


def test_another_package_than_the_orchestrators_is_not_run(server, settings, tmp_path):
    job(settings, WHOLE)
    store = evaluation_store.opened(settings)
    evaluation_store.fetching(store, settings, ["python"])
    [name] = [each for each in server.objects() if "/packages/" in each]
    server.client().put_object(Bucket=BUCKET, Key=name, Body=b"hostile")
    assert "it did not start" in evaluate(settings, LocalLauncher())
    assert row(settings)["attempts_excused"] == 1
    assert not list((tmp_path / "node1").rglob("*.py"))


def test_a_package_that_is_too_large_is_not_read(server, tmp_path, monkeypatch):
    content = job_path.packed()
    sha256 = hashlib.sha256(content).hexdigest()
    server.client().put_object(Bucket=BUCKET, Key=f"evaluated/packages/{sha256}.zip", Body=content)
    monkeypatch.setattr(node_start, "MOST_PACKAGE_BYTES", len(content) - 1)
    with pytest.raises(SystemExit, match="is not the package of the orchestrator"):
        node_start.package(URL, sha256, tmp_path)
    monkeypatch.setattr(node_start, "MOST_PACKAGE_BYTES", len(content))
    found = node_start.package(URL, sha256, tmp_path) / "densing_pipeline" / "evaluation"
    assert (found / "node_start.py").read_bytes() == Path(node_start.__file__).read_bytes()


def test_hostile_names_in_the_store_are_no_files_here(server, settings, tmp_path, caplog):
    job(settings, WHOLE)
    assert evaluate(settings, LocalLauncher()) is None
    client = server.client()
    for name in ("a/b/.ssh/authorized_keys", "lab--model/.x/y/lease.json", "%2e%2e/x/y/lease.json"):
        client.put_object(Bucket=BUCKET, Key=f"evaluated/evaluations/{name}", Body=b"hostile")
    evaluation_store.bring_all(settings)
    assert "is no name of an evaluation" in caplog.text
    # While one of these is there, the client of the store lists nothing beside it.
    for name in ("../../../escaped", "a//b/c/d", "a/./b/c"):
        client.put_object(Bucket=BUCKET, Key=f"evaluated/evaluations/{name}", Body=b"hostile")
        evaluation_store.bring_all(settings)
        client.delete_object(Bucket=BUCKET, Key=f"evaluated/evaluations/{name}")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(path.read_bytes() == b"hostile" for path in written)
    assert row(settings)["state"] == "done"


@pytest.mark.parametrize("name", ["a//b", "../x", "lab--other/./b/c/lease.json"])
def test_a_bad_name_keeps_no_evaluation_from_being_brought(server, tmp_path, name):
    store, root = folder_store.open_store(URL), tmp_path / "evaluations"
    token, client = "0a0a", server.client()
    held = store_lease.StoreLease("node", None, token, token, is_ended=True)
    for model in ("lab--first", "lab--second"):
        write_json(root / model / "r" / "v1" / REQUEST, {"attempt": 1})
        key = f"evaluations/{model}/r/v1"
        store.put(f"{key}/lease.json", held.content)
        store.put(f"{key}/{token}/{OUTCOME}", b'{"attempt": 1}')
    client.put_object(Bucket=BUCKET, Key=f"evaluated/evaluations/{name}", Body=b"x")
    client.put_object(
        Bucket=BUCKET, Key="evaluated/evaluations/lab--second/r/v1//x\x1b[2J", Body=b"x"
    )
    remarks = folder_mirror.bring_all(store, root)
    assert len(remarks) == 2
    assert "only evaluations known here" in remarks[0]
    assert "lab--second/r/v1" in remarks[1]
    assert all(map(str.isprintable, remarks)), "an object's name writes to no terminal"
    assert [path.parts[-4] for path in root.rglob(OUTCOME)] == ["lab--first"]


def test_what_the_check_found_comes_through_the_store(settings):
    settings.evaluation_python.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"sys.path.insert(0, {str(stub_jobs.REPOSITORY)!r})\n"
        "if sys.argv[1] == '-c':\n"
        f"    sys.executable, code = {str(settings.evaluation_python)!r}, sys.argv.pop(2)\n"
        "    sys.argv.pop(0)\n"
        "    exec(code)\n"
        "from pathlib import Path\n"
        "from densing_pipeline.evaluation import folder_store, preflight\n"
        "given = dict(zip(sys.argv[3::2], sys.argv[4::2]))\n"
        "store = folder_store.open_store(given['--store'])\n"
        "preflight.checks = lambda cache: []\n"
        "preflight._places = lambda: (3, 80.0)\n"
        "sys.exit(preflight.run(Path(given['--state-dir']), Path('.'), store, given['--order']))\n"
    )
    settings.evaluation_python.chmod(0o755)
    assert check_job(settings, LocalLauncher()).execute_in_process().success
    found = installation.last_check(settings.state_dir)
    assert (found.problem, found.places, found.gpu_gib) == (None, 3, 80)
    assert evaluation_store.opened(settings).listed(folder_store.CHECKS) == []


def test_no_secret_of_the_store_is_on_a_command_line_or_in_a_folder(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-store")
    job(settings, '(out.parents[3] / "line").write_text("\\0".join(sys.argv))\n' + WHOLE)
    assert evaluate(settings, LocalLauncher()) is None
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 20
    assert not any(b"s3cr3t-of-the-store" in path.read_bytes() for path in written)


def test_two_machines_bring_the_same(settings, tmp_path):
    job(settings, WHOLE)
    assert evaluate(settings, LocalLauncher()) is None
    store = evaluation_store.opened(settings)
    folder_mirror.bring_all(store, tmp_path / "another" / "evaluations")
    here, there = (
        [folder_reader.read_folder(path) for path in root.glob("*/*/*")]
        for root in (settings.evaluations_dir, tmp_path / "another" / "evaluations")
    )
    assert [(each.state, each.attempt, each.files) for each in here] == [
        (each.state, each.attempt, each.files) for each in there
    ]
