"""Every block of docs/reading.md, and that of the README, runs in the folder that holds a release."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from densing_pipeline.publication import release
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.report import page
from densing_pipeline.tables.published import PUBLISHED
from tests.releases import some_provenance

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reading.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.S)


BLOCKS = blocks(TEXT)
(FIRST,) = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
WAYS = ("polars", "duckdb", "pandas", "datasets", "write_csv", "as_of=")


def test_every_way_in_has_a_block_and_every_table_named_is_published():
    assert [way for way in WAYS if not any(way in block for block in BLOCKS)] == []
    named = set(re.findall(r"published/latest/(\w+)\.parquet|read\(\"(\w+)\"", TEXT))
    assert {first or second for first, second in named} <= set(PUBLISHED)
    rows = re.findall(r"^\|[^|]+\| `(\w+)`", TEXT, re.M)
    assert len(rows) > 5
    assert set(rows) <= set(PUBLISHED)


@pytest.fixture(scope="module")
def published(_tables, tmp_path_factory):
    """A folder with a small release, made as `one_figure` makes them."""
    folder = tmp_path_factory.mktemp("reading")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(page, "javascript", str)
        patched.setattr(release, "CHARTS", {"density": CHARTS["density"]})
        made_at = some_provenance(datetime(2026, 1, 30, tzinfo=UTC))
        release.publish(_tables, folder / "published", made_at)
    return folder


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_blocks_run(block, published, monkeypatch, capsys):
    monkeypatch.chdir(published)
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(published / "published"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(published / "cache"))
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102
    assert capsys.readouterr().out or (published / "price_now.csv").stat().st_size > 0


@pytest.mark.heavy
def test_the_block_of_the_readme_shows_its_numbers(published, monkeypatch, capsys):
    """Readers of tables leave out columns of a wide one, and the numbers of these stand in the middle."""
    monkeypatch.chdir(published)
    exec(compile(FIRST, "README.md", "exec"), {})  # noqa: S102
    shown = capsys.readouterr().out
    for column in ("months_low", "months_high", "usd_per_mtok", "model_id"):
        assert column in shown
