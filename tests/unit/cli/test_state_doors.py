"""No command touches a state directory that a later version wrote: every one refuses it, or reads none."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from densing_pipeline.cli.app import app, main
from densing_pipeline.state_format import FORMAT_FILE, NEWEST_FORMAT

REFUSED = {
    "run": [], "run --dry-run": [], "backfill": ["lists"], "publish": ["lists"], "storage": [], "backup": ["b.tar.gz"],
    "restore": ["b.tar.gz"], "maintenance": [], "maintenance --dry-run": [], "alerts": [], "alerts --test": [], "evaluate": ["a/b"],
    "evaluate --check": [], "price": ["m", "--on", "2026-01-01"], "explain densities": ["m"], "explain prices": ["m"],
    "explain halvings": ["high"], "explain growth": [], "simulate intervals": [], "facts check": [], "backtest": [],
}  # fmt: skip
"""Arguments of the commands that refuse it."""

READS_NONE = {
    "show", "report", "releases", "releases compare", "mcp",  # releases alone
    "settings", "architectures", "benchmarks", "facts compile-prices", "recognition",  # the package, or files that are named
    "export every-eval-ever", "export eval-results",  # the latest release
    "fit losses", "fit densities", "fit prices", "fit tasks", "simulate", "simulate items", "simulate price-nights",  # files that are named, or nothing
}  # fmt: skip
"""Commands that neither read nor write the state directory."""


def commands(group: Any, name: str = "") -> set[str]:
    """Every command that can be given."""
    if not hasattr(group, "commands"):
        return {name}
    found = {name} if name and group.invoke_without_command else set()
    return found.union(
        *(commands(each, f"{name} {part}".strip()) for part, each in group.commands.items())
    )


@pytest.fixture
def later(tmp_path, monkeypatch):
    """A state directory of a later version."""
    state = tmp_path / "state"
    state.mkdir()
    (state / FORMAT_FILE).write_text(json.dumps({"format": NEWEST_FORMAT + 1, "made_by": "9.1"}))
    (tmp_path / "lists").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DENSING_STATE_DIR", str(state))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    return state


def test_every_command_is_known_to_read_the_state_directory_or_not():
    known = {name.partition(" --")[0] for name in REFUSED}
    assert known.isdisjoint(READS_NONE)
    assert known | READS_NONE == commands(typer.main.get_command(app))


@pytest.mark.parametrize("command", REFUSED)
def test_a_command_refuses_the_state_of_a_later_version_and_touches_nothing(command, later, capsys):
    assert main([*command.split(), *REFUSED[command]]) == 1
    assert "written by densing-pipeline 9.1" in capsys.readouterr().err
    assert [path.name for path in later.rglob("*")] == [FORMAT_FILE]
    assert not Path("published").exists()


@pytest.mark.parametrize("command", ["show", "report --no-open", "releases", "mcp --help"])
def test_releases_are_read_beside_the_state_of_a_later_version(command, later, capsys):
    main(command.split())
    assert "9.1" not in capsys.readouterr().err
    assert [path.name for path in later.rglob("*")] == [FORMAT_FILE]
