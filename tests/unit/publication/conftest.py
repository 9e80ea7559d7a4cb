"""Releases with one figure, for tests of what else a release holds."""

import pytest

from densing_pipeline.publication import release
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.report import page


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure in each release, without the library that draws it on the page.

    Drawing all takes longer than everything else of a small release.
    """
    monkeypatch.setattr(page, "javascript", str)
    monkeypatch.setattr(release, "CHARTS", {"density": CHARTS["density"]})
