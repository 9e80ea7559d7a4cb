"""An installed package's `dagster.yaml` follows its version, unless somebody edited the copy."""

from pathlib import Path

import pytest

from densing_pipeline.cli.app import main
from densing_pipeline.cli.home import BROUGHT, CONFIGURATION, renew, set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.settings import Settings

ROOT = Path(__file__).parents[3]

FIRST, SECOND, THIRD = b"version: 1\n", b"version: 2\n", b"version: 3\n"


def in_use(state):
    return (state / CONFIGURATION).read_bytes()


def test_a_copy_nobody_edited_is_renewed_with_each_version(tmp_path):
    for brought in (FIRST, FIRST, SECOND, SECOND, FIRST):
        assert renew(tmp_path, brought) == ""
        assert in_use(tmp_path) == brought


def test_an_edited_copy_stays_with_one_remark_for_each_new_version(tmp_path):
    renew(tmp_path, FIRST)
    (tmp_path / CONFIGURATION).write_bytes(b"ours: true\n")
    assert renew(tmp_path, FIRST) == "", "nothing new to compare with"
    for brought in (SECOND, THIRD):
        remark = renew(tmp_path, brought)
        assert str(tmp_path / CONFIGURATION) in remark
        assert BROUGHT in remark
        assert renew(tmp_path, brought) == ""
        assert in_use(tmp_path) == b"ours: true\n"
        assert (tmp_path / BROUGHT).read_bytes() == brought


@pytest.mark.parametrize("is_deleted", [True, False])
def test_an_edit_that_was_taken_back_is_renewed_again(tmp_path, is_deleted):
    renew(tmp_path, FIRST)
    (tmp_path / CONFIGURATION).write_bytes(b"ours: true\n")
    renew(tmp_path, SECOND)
    if is_deleted:
        (tmp_path / CONFIGURATION).unlink()
    else:
        (tmp_path / CONFIGURATION).write_bytes(SECOND)
    assert renew(tmp_path, SECOND) == ""
    assert in_use(tmp_path) == SECOND
    assert renew(tmp_path, THIRD) == ""
    assert in_use(tmp_path) == THIRD


def test_a_renewal_that_was_killed_half_way_is_no_edit(tmp_path):
    renew(tmp_path, FIRST)
    (tmp_path / CONFIGURATION).write_bytes(SECOND)
    assert renew(tmp_path, SECOND) == ""
    assert renew(tmp_path, THIRD) == ""
    assert in_use(tmp_path) == THIRD


@pytest.mark.parametrize(("home", "is_given"), [("state", True), ("elsewhere", False)])
def test_dagster_finds_its_configuration_where_a_service_says_it_is(
    home, is_given, tmp_path, monkeypatch
):
    """`dagster-daemon` reads `DAGSTER_HOME`, which units set to the state directory."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / CONFIGURATION).touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / home))
    set_home(Settings(state_dir=tmp_path / "state"), Screen())
    copy = tmp_path / "state" / CONFIGURATION
    assert copy.exists() is is_given
    if is_given:
        assert copy.read_bytes() == (ROOT / CONFIGURATION).read_bytes()


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("state", "wants an absolute path"),
        ("{tmp}/nowhere", "there is no such folder"),
        ("{tmp}/file", "there is no such folder"),
        ("{tmp}/empty", "it has no dagster.yaml"),
    ],
)
def test_a_home_under_which_dagster_would_not_start_or_keep_runs_elsewhere_is_refused(
    home, said, tmp_path, monkeypatch, capsys
):
    """Dagster answers with 50 lines of a traceback, or puts a second database into the empty folder."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DAGSTER_HOME", home.format(tmp=tmp_path))
    assert main(["storage"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("DAGSTER_HOME is ")
    assert said in told
    assert "unset it" in told
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_configuration_that_dagster_does_not_accept_is_named_with_the_remedy(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    for edited in ("storage: {sqlite: {base_dir: 3", "no_such_entry: 1\n", "- a list\n"):
        (tmp_path / CONFIGURATION).write_text(edited, encoding="utf-8")
        assert main(["storage"]) == 1
        told = capsys.readouterr().err
        assert f"{tmp_path / CONFIGURATION}" in told, edited
        assert "correct it, or delete it" in told.replace("\n", " ")
        assert "Traceback" not in told
