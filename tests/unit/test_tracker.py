"""The steps of the tracker that runs on a forge alone: state and releases come back as they were kept."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "tracker.yml").read_text())
STEPS = WORKFLOW["jobs"]["night"]["steps"]

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603


class Forge:
    """A bare repository, and checkouts of it, each a machine that the forge starts for one night."""

    def __init__(self, folder: Path) -> None:
        """Make the bare repository."""
        self.folder, self.machines = folder, 0
        git(folder, "init", "--quiet", "--bare", "origin")

    def machine(self) -> Path:
        self.machines += 1
        checkout = self.folder / f"machine-{self.machines}"
        git(self.folder, "init", "--quiet", str(checkout))
        git(checkout, "remote", "add", "origin", str(self.folder / "origin"))
        shutil.copytree(ROOT / "deploy" / "tracker", checkout / "deploy" / "tracker")
        (checkout / ".venv").symlink_to(sys.prefix)
        return checkout


def run(machine: Path, command: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a step's command on a machine, with none of this process's own settings."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DENSING_", "DAGSTER_", "GIT_"))
    }  # fmt: skip
    author = {f"GIT_{who}_{what}": "t@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
    return subprocess.run(  # noqa: S603
        ["bash", "-c", command], cwd=machine, env=inherited | author | given,  # noqa: S607
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def ran(machine: Path, command: str, **given: str) -> str:
    done = run(machine, command, **given)
    assert done.returncode == 0, done.stdout
    return done.stdout


def work_a_night(machine: Path, number: int) -> None:
    """What a night leaves: a landed answer, Dagster's database, a release."""
    state, published = machine / ".densing", machine / "published"
    (state / "landing").mkdir(parents=True, exist_ok=True)
    (state / "landing" / f"night {number}.json").write_text(f"[{number}]")
    with sqlite3.connect(state / "runs.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS runs (night)")
        database.execute("INSERT INTO runs VALUES (?)", (number,))
    database.close()
    release = published / "releases" / f"2026-11-{number:02}"
    (release / "report").mkdir(parents=True)
    (release / "report" / "index.html").write_text(f"night {number}")
    (published / "latest").unlink(missing_ok=True)
    (published / "latest").symlink_to(f"releases/{release.name}")
    (published / "releases.json").write_text(f"{number}")


def test_each_night_begins_where_the_last_one_ended(tmp_path):
    forge = Forge(tmp_path)
    first, second = forge.machine(), forge.machine()
    assert "begins with nothing" in ran(first, "deploy/tracker/restore")
    assert "begins with nothing" in ran(second, "deploy/tracker/restore")
    work_a_night(first, 1)
    ran(first, "deploy/tracker/save")
    # A night beside it would lose what the first one has kept.
    work_a_night(second, 2)
    refused = run(second, "deploy/tracker/save")
    assert refused.returncode == 1
    assert "Branch tracker was changed since this night began" in refused.stdout
    third = forge.machine()
    ran(third, "deploy/tracker/restore")
    assert (third / ".densing" / "landing" / "night 1.json").read_text() == "[1]"
    work_a_night(third, 3)
    with sqlite3.connect(third / ".densing" / "runs.db") as database:
        assert database.execute("SELECT night FROM runs").fetchall() == [(1,), (3,)]
    database.close()
    assert sorted(each.name for each in (third / "published" / "releases").iterdir()) == ["2026-11-01", "2026-11-03"]  # fmt: skip
    ran(third, "deploy/tracker/save")
    ran(third, "deploy/tracker/site")
    assert (third / "site" / "latest" / "report" / "index.html").read_text() == "night 3"
    assert (third / "site" / "releases.json").read_text() == "3"
    assert not (third / "site" / "latest").is_symlink()
    commits = git(tmp_path / "origin", "rev-list", "tracker").split()
    assert len(commits) == 1, "the branch has no history, so the repository does not grow by it"


def push_changed(forge, change):
    """Somebody changes the branch by hand, with a commit of its own."""
    machine = forge.machine()
    git(machine, "fetch", "--quiet", "origin", "tracker")
    git(machine, "checkout", "--quiet", "-b", "by-hand", "FETCH_HEAD")
    change(machine)
    git(machine, "add", "--all", "--", "state", "manifest.json")
    git(machine, "commit", "--quiet", "-m", "by hand")
    git(machine, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/tracker")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda branch: (branch / "state" / "landing" / "night 1.json").write_text("[2]"),
         "landing/night 1.json is damaged"),
        (lambda branch: (branch / "state" / "runs.db").unlink(), "runs.db is damaged"),
        (lambda branch: (branch / "manifest.json").unlink(), "manifest.json"),
    ],
)  # fmt: skip
def test_a_branch_that_holds_half_a_state_is_refused_and_stays_as_it_is(tmp_path, change, told):
    """Also by `save`: what it would keep has not begun with that state."""
    forge = Forge(tmp_path)
    first, second = forge.machine(), forge.machine()
    ran(first, "deploy/tracker/restore")
    work_a_night(first, 1)
    ran(first, "deploy/tracker/save")
    push_changed(forge, change)
    tip = git(tmp_path / "origin", "rev-parse", "tracker")
    refused = run(second, "deploy/tracker/restore")
    assert refused.returncode == 1
    assert told in refused.stdout
    assert "put it aside and begin with nothing" in refused.stdout
    assert not (second / ".densing" / "landing").exists()
    work_a_night(second, 2)
    refused = run(second, "deploy/tracker/save")
    assert refused.returncode == 1
    assert "deploy/tracker/restore first" in refused.stdout
    assert git(tmp_path / "origin", "rev-parse", "tracker") == tip


def test_a_push_that_the_forge_does_not_take_changes_nothing_and_may_be_repeated(tmp_path):
    forge = Forge(tmp_path)
    machine = forge.machine()
    ran(machine, "deploy/tracker/restore")
    work_a_night(machine, 1)
    hook = tmp_path / "origin" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho quota exceeded >&2; exit 1\n")
    hook.chmod(0o755)
    refused = run(machine, "deploy/tracker/save")
    assert refused.returncode == 1
    assert "quota exceeded" in refused.stdout
    assert "branch tracker is as it was" in refused.stdout
    hook.unlink()
    ran(machine, "deploy/tracker/save")
    assert git(tmp_path / "origin", "rev-list", "--count", "tracker").strip() == "1"


def test_nothing_is_kept_of_a_night_that_did_not_begin_with_the_state(tmp_path):
    machine = Forge(tmp_path).machine()
    work_a_night(machine, 1)
    refused = run(machine, "deploy/tracker/save")
    assert refused.returncode == 1
    assert "deploy/tracker/restore first" in refused.stdout
    assert git(tmp_path / "origin", "branch") == ""


def test_a_token_stands_in_no_file_and_on_no_command_line(tmp_path):
    machine = Forge(tmp_path).machine()
    trace = {"GIT_TOKEN": "ghs_secret", "GIT_TRACE": "1"}
    told = ran(machine, "deploy/tracker/restore", **trace)
    assert "git" in told
    assert "ghs_secret" not in told
    assert "ghs_secret" not in (machine / ".git" / "config").read_text()
    asks = "printf 'protocol=https\\nhost=forge\\n\\n' | git credential fill"
    answered = ran(machine, f"source deploy/tracker/common; {asks}", **trace)
    assert "password=ghs_secret" in answered


def test_every_step_of_the_workflow_is_a_command_that_is_there():
    commands = [step["run"].split()[0] for step in STEPS if "run" in step]
    assert commands == [
        "make", "deploy/tracker/restore", ".venv/bin/densing", ".venv/bin/densing", "deploy/tracker/save",
        "deploy/tracker/site",
    ]  # fmt: skip
    scripts = [ROOT / command for command in commands if command.startswith("deploy/")]
    assert [os.access(script, os.X_OK) for script in scripts] == [True] * len(scripts)


RELEASE_AGAIN = """
from densing_pipeline.nightly import run_nightly
from densing_pipeline.settings import read_settings
assert run_nightly(read_settings(), only=["release"]) == {}
"""


@pytest.mark.slow
def test_a_whole_night_comes_back_on_the_next_machine(tmp_path):
    """The workflow's own commands, without the network and with few draws.

    The next machine need not compute the tables anew: a release is made of them only if all of them, and the settings, code
    and landed responses that they state, are what they were, and it is a new one if any byte differs.
    """
    forge = Forge(tmp_path)
    given = {"DENSING_BOOTSTRAP_DRAWS": "100", **WORKFLOW["jobs"]["night"]["env"]}
    first, second = forge.machine(), forge.machine()
    for step in STEPS:
        if "run" in step and not step["run"].startswith("make"):
            ran(first, step["run"].removesuffix(" --live"), **given)
    assert (first / "site" / "latest" / "report" / "index.html").stat().st_size > 100_000
    ran(second, "deploy/tracker/restore", **given)
    shutil.copy(ROOT / "dagster.yaml", second / ".densing")
    places = {
        "DAGSTER_HOME": str(second / ".densing"), "DENSING_STATE_DIR": str(second / ".densing"),
        "DENSING_PUBLISH_URL": str(second / "published"),
    }  # fmt: skip
    ran(second, f".venv/bin/python -c '{RELEASE_AGAIN}'", **given, **places)
    releases = [(each / "published" / "latest").resolve().name for each in (first, second)]
    assert releases[0] == releases[1]
