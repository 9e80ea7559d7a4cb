"""Releases with one figure, for tests of what else a release holds."""

import pytest

from densing_pipeline.publication import release
from densing_pipeline.publication.charts import CHARTS


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure in each release: drawing all takes longer than everything else of a small release."""
    monkeypatch.setattr(release, "CHARTS", {"density": CHARTS["density"]})
