"""The densest models of a series, and how probably each of them is the densest."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.leaders import SHOWN_LEADERS, leaders
from densing_pipeline.tables.published import (
    DENSITIES,
    LEADERS,
    MODELS,
    REFERENCE_LAW_DRAWS,
    REFERENCE_LAWS,
)
from tests.conftest import one_row

SERIES = ("nmi-2025", "mmlu", "total")
DRAWS = 400


@pytest.fixture(scope="module")
def law():
    """The published law of MMLU with draws that have no error, so that scores alone decide."""
    rows = facts.load("reference_coefficients").filter(reference_id="nmi-2025", benchmark="MMLU")
    laws = REFERENCE_LAWS.cast(rows.with_columns(fit=pl.lit("published")))
    names = [name for name in REFERENCE_LAW_DRAWS.names if name in laws.columns]
    draws = pl.concat([laws.select(names).with_columns(draw=pl.lit(k)) for k in range(DRAWS)])
    return laws, REFERENCE_LAW_DRAWS.cast(draws)


def densities(*found):
    base = one_row(DENSITIES).row(0, named=True) | {
        "reference_id": SERIES[0], "score_set": SERIES[1], "params_basis": SERIES[2],
        "params": 1e9, "std_error": 0.0, "censored": "none",
    }  # fmt: skip
    rows = [base | {"model_id": f"org/m{place:02d}"} | one for place, one in enumerate(found)]
    return DENSITIES.cast(pl.DataFrame(rows, schema=DENSITIES.polars_schema))


def found(law, *rows):
    laws, draws = law
    table = leaders(densities(*rows), MODELS.empty(), laws, draws, [SERIES], seed=1)
    return LEADERS.validate(table)


def test_without_error_the_densest_is_first_for_certain(law):
    table = found(law, {"score": 0.6, "density": 2.0}, {"score": 0.7, "density": 9.0})
    assert table["model_id"].to_list() == ["org/m01", "org/m00"]
    assert table["rank"].to_list() == [1, 2]
    assert table["p_first"].to_list() == [1.0, 0.0]


def test_equals_share_the_first_place(law):
    rows = [{"score": 0.6, "density": 2.0}] * 4
    assert found(law, *rows)["p_first"].to_list() == pytest.approx([0.25] * 4)


def test_scores_with_error_share_it_by_their_distance(law):
    near = [{"score": 0.60, "density": 2.0, "std_error": 0.01},
            {"score": 0.61, "density": 2.1, "std_error": 0.01}]  # fmt: skip
    table = found(law, *near)
    # The difference is one error of 0.01 over that of the difference, sqrt(2) of it.
    assert table["p_first"].to_list() == pytest.approx([0.76, 0.24], abs=4 * np.sqrt(0.18 / DRAWS))
    assert table["p_first"].sum() == pytest.approx(1)


def test_a_series_has_at_most_twenty_rows_and_its_shares_are_of_all(law):
    rows = [{"score": 0.6, "density": 2.0}] * 40
    table = found(law, *rows)
    assert table.height == SHOWN_LEADERS
    assert table["p_first"].to_list() == pytest.approx([1 / 40] * SHOWN_LEADERS)


def test_without_draws_who_is_first_is_not_known_and_said_so(law):
    table = found((law[0], REFERENCE_LAW_DRAWS.empty()), {"score": 0.6, "density": 2.0})
    assert table["p_first"].to_list() == [None]
    assert "the law has no draws" in table["reason"][0]
    assert found(law).is_empty()


def test_every_empty_value_has_its_reason(law):
    empty = ("density_low", "density_high", "canonical_id", "weights")
    row = found(law, {"score": 0.6, "density": 2.0, **dict.fromkeys(empty)}).row(0, named=True)
    assert {name for name, value in row.items() if value is None} == set(empty)
    for told in ("low end", "high end", "no repository", "weights are published is not stated"):
        assert told in row["reason"]
