"""README and docs say what a release says: one night with all draws, compared with every page."""

import dagster as dg
import pytest

from densing_pipeline.nightly import run_nightly
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from docs import build
from docs.build import ROOT, problems
from docs.statements import PAGES

pytestmark = pytest.mark.slow
"""A whole night of 1,000 draws. `make docs-check` compares the pages with a release that is there already."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The tables of a release with as many draws as the published ones."""
    root = tmp_path_factory.mktemp("night")
    settings = Settings(state_dir=root / "state", publish_url=str(root / "published"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_nightly(settings, instance) == {}
    return read_latest(settings.publish_dir)


def test_the_pages_say_what_a_release_says(tables):
    assert problems(tables) == []


def test_a_page_that_differs_is_named_with_the_line_and_the_remedy(tables, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(page.read_text(encoding="utf-8").replace(" models to 20", " models to 21"))
    (found,) = problems(tables)
    assert found.startswith("README.md: run `make docs`: ")
    assert "models to 21" in found
