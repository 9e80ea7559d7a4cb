"""Least-squares lines of many weightings."""

import numpy as np
import pytest

from densing_pipeline.stats import lines
from densing_pipeline.stats.lines import ols_lines

RNG = np.random.default_rng(0)
X = RNG.integers(0, 800, 30).astype(float)
VALUES = RNG.normal(size=(12, 30))
WEIGHTS = RNG.multinomial(30, np.full(30, 1 / 30), size=12).astype(float)


def test_each_line_is_that_of_the_models_as_often_as_their_weights_say():
    found = ols_lines(X, VALUES, WEIGHTS)
    for row, weights in enumerate(WEIGHTS.astype(int)):
        slope, intercept = np.polyfit(np.repeat(X, weights), np.repeat(VALUES[row], weights), 1)
        assert found.slope[row] == pytest.approx(slope)
        assert found.intercept[row] == pytest.approx(intercept)


@pytest.mark.parametrize("values", [VALUES, VALUES[0]])
@pytest.mark.parametrize("cells", [1, 150, 360])
def test_parts_change_no_line(monkeypatch, values, cells):
    together = ols_lines(X, values, WEIGHTS)
    monkeypatch.setattr(lines, "CELLS_AT_ONCE", cells)
    np.testing.assert_array_equal(ols_lines(X, values, WEIGHTS), together)


def test_no_weightings_have_no_lines():
    assert [part.shape for part in ols_lines(X, VALUES[:0], WEIGHTS[:0])] == [(0,)] * 3
