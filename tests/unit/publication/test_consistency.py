"""A release is refused unless its tables were made together."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import densing_pipeline
from densing_pipeline.evaluation.suite import content
from densing_pipeline.files import file_sha256
from densing_pipeline.publication import consistency
from densing_pipeline.publication.consistency import (
    LIBRARIES,
    MadeWith,
    MixedTablesError,
    ReplacedError,
    _files_below,
    check_made_together,
    check_not_replaced,
    made_with,
    read_made_with,
    running,
)
from densing_pipeline.settings import MIRROR_DECLARATION, Settings
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.tables.storage import write_parquet

NAMES = ("models", "prices", "densities")
HERE = MadeWith({"DENSING_SEED": "7", "DENSING_LADDERS": "null"}, "code", "facts", {"polars": "2"})


@pytest.fixture
def folder(tmp_path):
    """Three tables that were made together, `densities` from `models`."""
    for name in NAMES[:2]:
        store(tmp_path, name, HERE.with_inputs({"price_snapshots": "first"}))
    store(tmp_path, "densities", HERE.with_inputs({"models": sha256(tmp_path, "models")}))
    return tmp_path


def store(folder, name, made, value=1):
    write_parquet(
        pl.DataFrame({name: [value]}), folder / f"{name}.parquet", made and made.to_metadata()
    )


def sha256(folder, name):
    return file_sha256(folder / f"{name}.parquet")


def refusal(folder):
    """Why the tables are not published; empty if they are."""
    try:
        check_made_together(folder, NAMES, HERE)
    except MixedTablesError as error:
        return str(error)
    return ""


def test_every_library_that_computes_is_recorded():
    package = Path(densing_pipeline.__file__).parent
    text = "\n".join(
        path.read_text()
        for room in ("stats", "density", "cost", "trends", "forecasts")
        for path in (package / room).rglob("*.py")
    )
    imported = set(re.findall(r"^ *(?:import|from) (\w+)(?:\.\w+)* *(?:import|as|$)", text, re.M))
    outside = imported - sys.stdlib_module_names - {"densing_pipeline"}
    assert "numba" in outside
    # The simulated price lists are served over it; it computes nothing.
    assert outside - {"httpx2"} <= set(LIBRARIES)


def test_files_an_editor_leaves_are_no_code(tmp_path):
    folder = tmp_path / ".venv" / "package"
    for name in (".cache", "__pycache__"):
        (folder / name).mkdir(parents=True)
    left = (".a.py.swp", "a.py~", ".#b.py", "#b.py#", ".cache/c.py", "__pycache__/a.pyc.1398")
    for name in ("a.py", "facts.csv", "a.pyc", *left):
        (folder / name).touch()
    assert [path.name for path in _files_below(folder)] == ["a.py", "facts.csv"]


def test_tables_that_were_made_together_are_published(folder):
    assert refusal(folder) == ""


def test_what_a_table_was_made_with_comes_back(folder):
    assert read_made_with(folder / "densities.parquet") == HERE.with_inputs(
        {"models": sha256(folder, "models")}
    )


def test_another_seed_is_named_with_its_tables_and_the_remedy(folder):
    store(folder, "prices", replace(HERE, settings=HERE.settings | {"DENSING_SEED": "8"}))
    told = refusal(folder)
    assert "DENSING_SEED is 7 for this release, 8 for prices" in told
    assert "make run" in told
    assert "DENSING_LADDERS" not in told


def test_tables_that_agree_with_each_other_must_agree_with_the_release(folder):
    other = replace(HERE, settings=HERE.settings | {"DENSING_SEED": "8"})
    for name in NAMES:
        store(folder, name, other)
    assert "DENSING_SEED is 7 for this release, 8 for models, prices, densities" in refusal(folder)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"code": "edited"}, "another version of the code made prices"),
        ({"facts": "edited"}, "other bundled facts made prices"),
        ({"libraries": {"polars": "3"}}, "other versions of libraries made prices"),
    ],
)
def test_other_code_facts_and_libraries_are_named(folder, other, told):
    store(folder, "prices", replace(HERE, **other))
    assert told in refusal(folder)


def test_a_table_made_again_makes_those_computed_from_it_stale(folder):
    store(folder, "models", HERE.with_inputs({"price_snapshots": "first"}), value=2)
    assert "densities came from an earlier version of models" in refusal(folder)


def test_the_same_table_made_again_makes_nothing_stale(folder):
    store(folder, "models", HERE.with_inputs({"price_snapshots": "first"}))
    assert refusal(folder) == ""


def test_tables_from_different_landed_lists_are_named(folder):
    store(folder, "prices", HERE.with_inputs({"price_snapshots": "second"}))
    assert "models and prices came from different versions of price_snapshots" in refusal(folder)


def test_a_table_of_an_older_pipeline_is_named(folder):
    store(folder, "prices", None)
    assert "prices in" in refusal(folder)
    assert "older version of the pipeline" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_or_missing_table_is_named(folder, content):
    path = folder / "prices.parquet"
    path.write_bytes(content) if content is not None else path.unlink()
    with pytest.raises(TableError, match=r"prices\.parquet: cannot be read"):
        check_made_together(folder, NAMES, HERE)


def test_every_decisive_setting_shows(tmp_path):
    ladders = tmp_path / "ladders.csv"
    ladders.write_text("a")
    (tmp_path / content.FILE).write_text("a declaration")
    assert content.FILE == MIRROR_DECLARATION
    given = {
        "seed": 1, "bootstrap_draws": 100, "evaluation_limit": 3, "evaluation_sample_error": 0.2, "gpu_memory_gib": 1.0,
        "max_gpu_hours": 1.0, "refused_licences": frozenset({"mit", "apache-2.0"}),
        "evaluation_attempts": 1, "ladders": ladders,
        "evaluation_data": tmp_path,
    }  # fmt: skip
    default = made_with(Settings()).settings
    assert set(default) == {f"DENSING_{name.upper()}" for name in given}
    for name, value in given.items():
        variable = f"DENSING_{name.upper()}"
        changed = made_with(Settings(**{name: value})).settings
        assert {one for one in default if changed[one] != default[one]} == {variable}
    before = made_with(Settings(ladders=ladders))
    ladders.write_text("b")
    assert made_with(Settings(ladders=ladders)) != before, "the content of the file decides"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of the one that runs, whose state this process takes for its own."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "law.py").write_text("A = 1\n")
    (tmp_path / "package" / "scores.csv").write_text("score\n0.5\n")
    monkeypatch.setattr(consistency, "PACKAGE", tmp_path / "package")
    running.cache_clear()
    running()
    yield tmp_path / "package"
    running.cache_clear()


@pytest.mark.parametrize(
    ("name", "told"), [("law.py", "the code changed"), ("scores.csv", "the bundled facts changed")]
)
def test_an_update_after_a_run_began_is_refused_with_what_was_replaced(package, name, told):
    made = made_with(Settings())
    with (package / name).open("a") as file:
        file.write("#\n")
    with pytest.raises(ReplacedError, match=told):
        check_not_replaced()
    assert made_with(Settings()) == made, "its tables say what it runs, not what is on disk"


def test_a_library_that_was_replaced_is_named(package, monkeypatch):
    monkeypatch.setattr(consistency, "version", lambda name: "99")
    with pytest.raises(ReplacedError, match="a library changed"):
        check_not_replaced()


def test_a_file_that_is_written_anew_without_a_change_is_no_update(package):
    began = running()
    (package / "law.py").write_text((package / "law.py").read_text())
    (package / "law.py~").write_text("A = 2\n")
    (package / "law.pyc").touch()
    check_not_replaced()
    running.cache_clear()
    assert running() == began
