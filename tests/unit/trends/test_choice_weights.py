"""Each distinct choice counts alike, whatever number of names it has."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from densing_pipeline.trends.choice_weights import choice_weights, weighted_quantiles

FIXED = {
    "score_set": "mmlu", "inversion": "one-law", "dropped_benchmark": "none", "reference_id": "a",
    "reference_tokens": 5e12, "params_basis": "total", "window": "all", "estimator": "ols-all",
    "family_cap": None,
}  # fmt: skip


def combinations(slope, **options):
    """Every combination of some options, with the slope that a function of them gives."""
    rows = [dict(zip(options, chosen, strict=True)) for chosen in product(*options.values())]
    return pl.DataFrame(
        [FIXED | row | {"slope_per_day": slope(**row)} for row in rows], infer_schema_length=None
    )


def share(table, **chosen):
    return float(
        table.with_columns(weight=pl.Series(choice_weights(table))).filter(**chosen)["weight"].sum()
    )


def test_combinations_that_all_differ_weigh_alike():
    table = combinations(
        lambda reference_id, window: {"a": 1.0, "b": 2.0}[reference_id] * {"all": 1, "2024": 3}[window],
        reference_id=["a", "b"], window=["all", "2024"],
    )  # fmt: skip
    assert choice_weights(table) == pytest.approx(np.full(4, 0.25))


@pytest.mark.parametrize(("gap", "of_twins"), [(1.005, 0.5), (1.02, 2 / 3)])
def test_two_names_of_one_law_share_its_part(gap, of_twins):
    slopes = {"a": 1.0, "twin": gap, "other": 2.0}
    table = combinations(
        lambda reference_id, window: slopes[reference_id] * {"all": 1, "2024": 3}[window],
        reference_id=list(slopes), window=["all", "2024"],
    )  # fmt: skip
    assert share(table, reference_id="a") + share(table, reference_id="twin") == pytest.approx(
        of_twins
    )


def test_many_ways_to_average_weigh_no_more_than_one_score_set():
    ways = [f"without {number}" for number in range(6)]
    average = combinations(
        lambda dropped_benchmark: 1.0 + 0.1 * ways.index(dropped_benchmark), dropped_benchmark=ways
    ).with_columns(score_set=pl.lit("average"))
    table = pl.concat([average, combinations(lambda window: 5.0, window=["all"])])
    assert share(table, score_set="average") == pytest.approx(0.5)


def test_a_law_of_one_score_set_takes_nothing_from_the_others():
    both = combinations(
        lambda score_set, reference_id: 1.0 if score_set == "mmlu" else 2.0 + (reference_id == "b"),
        score_set=["mmlu", "average"], reference_id=["a", "b"],
    )  # fmt: skip
    only = combinations(lambda reference_id: 9.0, reference_id=["c"])
    table = pl.concat([both, only])
    assert share(table, score_set="average") == pytest.approx(0.5)
    assert share(table, reference_id="c") == pytest.approx(0.25), "half of its score set's part"


def test_no_combination_has_no_weight():
    empty = combinations(lambda window: 1.0, window=["all"]).clear()
    assert choice_weights(empty).size == 0


def test_quantiles_by_weight_are_numpys_at_equal_weights():
    values = np.array([3.0, 1.0, 2.0, 7.0])
    shares = [0, 0.05, 0.5, 0.95, 1]
    assert weighted_quantiles(values, np.full(4, 0.25), shares) == pytest.approx(
        np.quantile(values, shares)
    )
    heavy = weighted_quantiles(values, np.array([0.05, 0.05, 0.05, 0.85]), [0, 0.5, 1])
    assert heavy == pytest.approx([1, 41 / 9, 7])
    assert weighted_quantiles(np.array([4.0]), np.array([1.0]), [0.05, 0.95]) == pytest.approx(4)
