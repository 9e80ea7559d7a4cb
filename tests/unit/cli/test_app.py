"""The command line: quick help, exit statuses, errors as sentences, output that decides nothing."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from densing_pipeline import facts
from densing_pipeline.__main__ import main
from densing_pipeline.cli import errors, night, show
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.facts.score_rules import review

HEAVY = (
    "dagster",
    "polars",
    "numpy",
    "scipy",
    "pandera",
    "pydantic_settings",
    "rich",
    "altair",
    "vl_convert",
    "httpx",
)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments):
    program = (
        "import sys; from densing_pipeline.__main__ import main; "
        f"status = main({arguments!r}); "
        "print(sorted({name.partition('.')[0] for name in sys.modules})); sys.exit(status)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = done.stdout.splitlines()[-1]
    assert [name for name in HEAVY if f"'{name}'" in imported] == []


def test_a_command_is_needed_or_help_is_shown(capsys):
    assert main([]) == 0
    assert "Usage: densing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["shwo"], "Did you mean 'show'?"), (["show", "--al"], "--al"), (["backfill"], "folder")],
)
def test_a_wrong_argument_is_one_line_and_status_2(arguments, told, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("name", ["DENSING_LITELLM_URL", "DENSING_PUBLISH_URL", "HF_ENDPOINT"])
@pytest.mark.parametrize("start", ["https://", "//", ""])
def test_no_setting_is_told_with_its_password(name, start, monkeypatch, capsys):
    monkeypatch.setenv(name, f"{start}user:secret@mirror.example/list")
    assert main(["settings", name]) == 0
    told = capsys.readouterr().out
    assert f"here {start}mirror.example/list;" in " ".join(told.split())
    assert "secret" not in told


def test_a_refused_setting_is_status_2_and_on_standard_error(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_SEED", "x")
    assert main(["show"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("DENSING_SEED is 'x': ")


def test_a_refused_setting_is_still_explained(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_SEED", "x")
    assert main(["settings", "DENSING_SEED"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Seed of every random draw" in shown
    assert "here x; default 20241206" in shown


def test_a_variable_nobody_knows_is_refused(capsys):
    assert main(["settings", "colour"]) == 1
    assert "no variable has 'colour' in its name" in capsys.readouterr().err


def test_a_path_with_brackets_is_printed_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", "/nowhere/[/x]")
    assert main(["show"]) == 1
    assert "/nowhere/[/x]" in capsys.readouterr().err


def test_show_before_the_first_run_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    assert main(["show"]) == 1
    assert "densing run" in " ".join(capsys.readouterr().err.split())


def test_an_interrupt_is_one_sentence_and_status_130(monkeypatch, capsys):
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "latest", interrupted)
    assert main(["show"]) == 130
    assert capsys.readouterr().err.startswith("Interrupted.")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EROFS, "the file system is read-only: point DENSING_STATE_DIR"),
        (errno.EACCES, "permission denied: give your user access"),
    ],
)
def test_a_disk_that_cannot_be_written_is_one_sentence_with_a_remedy(number, remedy):
    error = OSError(number, os.strerror(number), "/data/tables/models.parquet")
    told = errors.sentence(error)
    assert told.startswith("/data/tables/models.parquet: ")
    assert remedy in told
    assert "Errno" not in told
    # A step of a run reports its error as text.
    assert remedy in errors.with_remedy(str(error))


def test_an_error_of_another_kind_gets_no_remedy():
    assert errors.with_remedy("densities.parquet: damaged") == "densities.parquet: damaged"
    assert errors.sentence(OSError("no number")) == "no number"


def test_a_file_where_the_state_folder_should_be_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state" / "below"))
    assert main(["run"]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'state'} is a file where a folder must be" in told
    assert "Errno" not in told


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_screen_that_is_full_does_not_fail_a_run(monkeypatch):
    """The work of `run` is the release; that its end could not be printed is said, and no more."""
    program = (
        "import sys; from densing_pipeline.cli import app, night, show\n"
        "night.run = lambda screen, is_live: None\n"
        "show.after_a_run = lambda screen, settings: screen.say('x' * 100_000)\n"
        "sys.exit(app.main(['run']))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", program],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


@pytest.mark.heavy
def test_a_reader_that_goes_away_does_not_end_a_run():
    """As in `densing run | head -1`: the steps after the first line are run, and the status is 0."""
    program = (
        "import sys; from densing_pipeline.cli import app, night, show\n"
        "def run(screen, is_live):\n"
        "    screen.say('first')\n"
        "    sys.stdin.readline()\n"
        "    screen.say('second')\n"
        "    screen.line('third')\n"
        "    print('published', file=sys.stderr)\n"
        "night.run = run\n"
        "show.after_a_run = lambda screen, settings: screen.say('answers')\n"
        "sys.exit(app.main(['run']))"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline() == "first\n"
        running.stdout.close()
        running.stdin.write("go on\n")
        running.stdin.close()
        assert running.stderr.read() == "published\n"
    assert running.returncode == 0


def test_answers_that_cannot_be_shown_do_not_fail_a_run(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    monkeypatch.setattr(night, "run", lambda screen, is_live: current_settings())
    assert main(["run"]) == 0
    assert "The release is published" in capsys.readouterr().err


def test_the_bundled_facts_agree_and_what_a_person_should_see_is_listed(capsys):
    assert main(["facts", "check"]) == 0
    out = capsys.readouterr().out
    assert "agree with their declarations and each other" in out
    findings = review(facts.load("reported_scores"))
    assert findings
    assert all(f"{finding.rule}: {finding.what}" in out for finding in findings)


def test_a_ladder_that_names_no_commit_fails_the_check_of_facts(monkeypatch, tmp_path, capsys):
    bundled = Path(facts.FOLDER / "ladders.csv").read_text(encoding="utf-8")
    header, first = bundled.splitlines()[:2]
    column = header.split(",").index("revision")
    cells = first.split(",")
    cells[column] = "main"
    (tmp_path / "ladders.csv").write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")
    monkeypatch.setenv("DENSING_LADDERS", str(tmp_path / "ladders.csv"))
    assert main(["facts", "check"]) == 1
    assert "revision" in capsys.readouterr().err


def test_without_an_evaluation_environment_the_remedy_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DENSING_EVALUATION_PYTHON", str(tmp_path / "python"))
    assert main(["evaluate", "org/model"]) == 1
    assert "`make evaluation-env` builds it" in capsys.readouterr().err


def evaluated(folder: Path, *given: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`densing evaluate` with an environment that prints what it was started with, and ends with status 3."""
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\nexit 3\n', encoding="utf-8")
    python.chmod(0o755)
    environment = {
        **os.environ,
        "DENSING_EVALUATION_PYTHON": str(python),
        "DENSING_STATE_DIR": str(folder / "state"),
        **variables,
    }
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "densing_pipeline", "evaluate", "org/model", *given],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_evaluation_job_gets_what_was_asked_and_its_exit_status_is_returned(tmp_path):
    done = evaluated(tmp_path, "--limit", "5", DENSING_EVALUATION_DISK_GIB="7")
    assert done.returncode == 3
    path, *given = done.stdout.split()
    assert [each.name for each in Path(path).iterdir()] == ["densing_pipeline"]
    assert given[:6] == [
        "-m",
        "densing_pipeline.evaluation.job",
        "--model",
        "org/model",
        "--limit",
        "5",
    ]
    assert given[-2:] == ["--disk-gib", "7.0"]


def test_an_evaluation_by_hand_shares_the_store_of_the_clusters_jobs_unless_it_has_a_folder_of_its_own(
    tmp_path,
):
    """Else a job of the cluster could be at the same model, and of two results one would be lost."""
    shared = {"DENSING_EVALUATE_ON": "ray", "DENSING_EVALUATION_STORE": "s3://bucket/evaluated"}
    given = evaluated(tmp_path, **shared).stdout.split()
    assert given[-2:] == ["--store", "s3://bucket/evaluated"]
    assert "--store" not in evaluated(tmp_path, "--out", "trial", **shared).stdout.split()


def test_simulated_intervals_are_written_to_the_named_file(tmp_path, capsys):
    file = tmp_path / "coverage.csv"
    asked = ["--worlds", "1", "--draws", "20", "--estimate", "densing-law/nonembedding"]
    assert main(["simulate", "intervals", str(file), *asked, "--world", "lognormal"]) == 0
    assert (
        file.read_text(encoding="utf-8").splitlines()[1].startswith("densing-law,nonembedding,all")
    )
    assert "densing-law/nonembedding all lognormal average: " in capsys.readouterr().out


def test_an_unknown_world_is_named_with_those_there_are(capsys):
    assert main(["simulate", "intervals", "--world", "flat"]) == 1
    assert "no world flat: choose of stationary, " in capsys.readouterr().err
