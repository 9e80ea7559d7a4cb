"""The check before evaluations runs every part, says what failed, and leaves one verdict for the sensor."""

import shutil

import pytest

from densing_pipeline.evaluation import installation, preflight
from densing_pipeline.evaluation.failures import BlockedError
from densing_pipeline.evaluation.sandbox import SandboxError


def passes():
    return "as it should be"


def fails():
    raise preflight.CheckError("0.1 GiB are free: make room")


def blocked():
    raise BlockedError("gated on the Hub")


def breaks():
    raise ImportError("libcudart.so.13: cannot open shared object file")


def run(monkeypatch, tmp_path, **checks):
    monkeypatch.setattr(preflight, "checks", lambda cache: iter(checks.items()))
    return preflight.run(tmp_path, tmp_path), installation.last_check(tmp_path).problem


def lacks():
    raise SandboxError("no sandbox passes its probes")


def test_a_check_that_passes_says_so_and_clears_the_verdict(monkeypatch, tmp_path, capsys):
    installation.write_check(tmp_path, "disk: full")
    assert run(monkeypatch, tmp_path, disk=passes, sandbox=passes) == (0, None)
    assert capsys.readouterr().out.splitlines() == [
        "ok      disk: as it should be",
        "ok      sandbox: as it should be",
    ]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (fails, "0.1 GiB are free: make room"),
        (blocked, "gated on the Hub"),
        (breaks, "ImportError: libcudart.so.13: cannot open shared object file"),
    ],
)
def test_what_fails_is_the_verdict_and_the_rest_is_tried_all_the_same(
    monkeypatch, tmp_path, capsys, check, said
):
    assert run(monkeypatch, tmp_path, disk=check, sandbox=passes) == (1, f"disk: {said}")
    assert capsys.readouterr().out.splitlines() == [
        f"FAILED  disk: {said}",
        "ok      sandbox: as it should be",
    ]


def test_without_a_sandbox_models_are_evaluated_all_the_same(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, sandbox=lacks, disk=passes) == (0, None)
    assert installation.last_check(tmp_path).no_programs == "no sandbox passes its probes"
    assert capsys.readouterr().out.splitlines() == [
        f"lacking sandbox: no sandbox passes its probes; {preflight.WITHOUT_PROGRAMS}",
        "ok      disk: as it should be",
    ]


def test_a_check_that_crashes_leaves_a_verdict(monkeypatch, tmp_path):
    def crashes():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, tmp_path, disk=passes, engine=crashes)
    assert installation.last_check(tmp_path).problem == (
        "engine: the check was begun and did not end, so it crashed or was killed"
    )


def test_every_part_of_an_installation_is_tried(tmp_path):
    assert [name for name, _ in preflight.checks(tmp_path)] == [
        "libraries", "machine", "disk", "sandbox", "Hub", "one token of a tiny model",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("free", "passed"), [(preflight.LEAST_DISK, True), (preflight.LEAST_DISK - 1, False)]
)
def test_weights_need_room(monkeypatch, tmp_path, free, passed):
    space = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: space)
    if passed:
        assert preflight._disk(tmp_path).startswith("20 GiB are free")
        return
    with pytest.raises(preflight.CheckError, match="DENSING_EVALUATION_CACHE"):
        preflight._disk(tmp_path)
