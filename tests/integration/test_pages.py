"""README and docs say what a release says: one night with all draws, compared with every page."""

import dagster as dg
import pytest

from densing_pipeline.nightly import run_nightly
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from docs import quoting, values
from docs.build import ROOT, pages
from docs.statements import PAGES

pytestmark = pytest.mark.slow
"""A whole night of 1,000 draws: over the ten minutes of the default suite. `make test-all` runs it."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The tables of a release with as many draws as the published ones."""
    root = tmp_path_factory.mktemp("night")
    settings = Settings(state_dir=root / "state", publish_url=str(root / "published"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_nightly(settings, instance) == {}
    return read_latest(settings.publish_dir)


def test_every_page_has_the_numbers_and_tables_of_the_release(tables):
    for name, built in pages(tables).items():
        written = (ROOT / name).read_text(encoding="utf-8")
        assert built.splitlines() == written.splitlines(), f"{name}: run `make run` and `make docs`"


def test_the_release_bears_out_every_finding(tables):
    of_release = values.released(tables)
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert quoting.contradicted(text, page, of_release) == [], name
