"""The multiverse holds the published estimates, and says what each choice moves."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.reference_laws import laws_of, reference_laws
from densing_pipeline.density.score_sets import benchmark_scores
from densing_pipeline.density.variants import ANY_PROTOCOL, variants
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import bundled
from densing_pipeline.tables.published import MODELS, REFERENCE_LAWS, REFERENCE_POINTS, SCORES
from densing_pipeline.tables.published import SENSITIVITY as TABLE
from densing_pipeline.trends.sensitivity import (
    FACTORS,
    QUOTED_COLUMNS,
    moved_by,
    sensitivity,
    spread,
)

pytestmark = pytest.mark.heavy

AS_OF = date(2026, 11, 23)


@pytest.fixture(scope="module")
def inputs():
    plotted = facts.load("nmi_models")
    laws = reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )
    return (
        bundled.models(facts.load("base_models"), plotted),
        reported_scores.scores(
            facts.load("reported_scores"),
            plotted,
            facts.load("base_models"),
            facts.load("score_documents"),
        ),
        laws.filter(pl.col("reference_id").is_in(["nmi-2025", "nmi-2025-v2"])),
    )


@pytest.fixture(scope="module")
def table(inputs):
    return sensitivity(*inputs, as_of=AS_OF, draws=20, seed=0)


def days(table: pl.DataFrame, **choices: object) -> float:
    fixed = {
        "reference_id": "nmi-2025", "reference_tokens": 5e12, "score_set": "nmi-2025-average",
        "inversion": "one-law", "dropped_benchmark": "none", "params_basis": "nonembedding",
        "window": "all", "estimator": "paper",
    }  # fmt: skip
    return (
        table.filter(**(fixed | choices)).filter(pl.col("family_cap").is_null())["doubling_days"]
    ).item()


def test_the_papers_own_combination_gives_its_number(table):
    TABLE.validate(table)
    assert days(table) == pytest.approx(106.2, abs=0.05)
    assert days(table, reference_tokens=1e12) == pytest.approx(94, abs=0.5)


def test_the_headline_is_one_of_the_combinations(table):
    headline = table.filter("is_headline")
    assert headline.height == 1
    assert headline["doubling_days"].item() == days(table, estimator="quantile-0.9")


def test_the_quoted_row_has_the_interval_of_densing_law(inputs):
    """It had one of its own, without the error of the law, so one release gave one estimate two intervals."""
    models, scores, laws = inputs
    quoted = {
        "verdict": "ok", "reason": "3 models left out", "slope_per_day": 0.005, "slope_low": 0.001,
        "slope_high": 0.009, "doubling_days": 138.6, "doubling_days_low": 77.0, "doubling_days_high": 693.1,
        "slope_low_mc_error": 1e-4, "slope_high_mc_error": 2e-4, "draws": 20000,
    }  # fmt: skip
    table = sensitivity(
        models,
        scores.filter(pl.col("model_id").str.starts_with("nmi-2025/")),
        laws.filter(reference_id="nmi-2025"),
        as_of=AS_OF,
        draws=20,
        seed=0,
        quoted=quoted,
    )
    TABLE.validate(table)
    row = table.filter("is_headline").row(0, named=True)
    assert {name: row[name] for name in QUOTED_COLUMNS} == {
        name: quoted[name] for name in QUOTED_COLUMNS
    }
    assert row["reason"] == "interval of densing_law, with the error of the law; 3 models left out"
    assert set(table.filter(~pl.col("is_headline"))["draws"]) == {20}


def test_every_choice_is_combined_with_every_other(table):
    assert table["reference_tokens"].n_unique() == 3
    assert set(table["dropped_benchmark"]) == {"none", *AVERAGED}
    assert table["params_basis"].n_unique() == 4
    assert set(table["family_cap"]) == {None, 3}
    per_series = table.group_by([c for columns in FACTORS.values() for c in columns]).len()
    assert (per_series["len"] == 1).all()


def test_one_row_is_of_scores_under_any_protocol(table, inputs):
    """It counts models that the paper's protocol leaves out, and only those released by then."""
    (row,) = table.filter(score_set=ANY_PROTOCOL).to_dicts()
    same = {name: row[name] for columns in FACTORS.values() for name in columns} | {
        "score_set": "mmlu"
    }
    family_cap = same.pop("family_cap")
    assert family_cap is None
    assert not row["is_headline"]
    paper = table.filter(pl.col("family_cap").is_null(), **same).to_dicts()[0]
    assert row["n_models"] > paper["n_models"] > 200
    assert row["verdict"] == "ok"
    assert row["doubling_days"] == pytest.approx(paper["doubling_days"], rel=0.1)
    models, scores, laws = inputs
    strict = scores.filter("is_paper_protocol")
    again = sensitivity(models, strict, laws, as_of=AS_OF, draws=20, seed=0)
    (as_paper,) = again.filter(score_set=ANY_PROTOCOL)["doubling_days"]
    assert as_paper == paper["doubling_days"]


def test_a_combination_without_an_estimate_says_why(inputs):
    models, scores, laws = inputs
    few = scores.filter(pl.col("model_id").is_in(scores["model_id"].unique().sort().head(6)))
    table = sensitivity(models, few, laws, as_of=AS_OF, draws=20, seed=0)
    assert table.height > 0
    assert table["verdict"].unique().to_list() == ["insufficient"]
    assert (table["reason"].str.len_chars() > 0).all()
    assert spread(table).n == 0
    assert moved_by(table)["median_fold"].null_count() == len(FACTORS)


@pytest.mark.parametrize(("emptied", "empty"), list(enumerate([MODELS, SCORES, REFERENCE_LAWS])))
def test_empty_input_gives_an_empty_table(inputs, emptied, empty):
    given = list(inputs)
    given[emptied] = empty.empty()
    assert sensitivity(*given, as_of=AS_OF, draws=20, seed=0).is_empty()


def test_the_spread_is_that_of_the_slopes():
    slopes = np.linspace(0.001, 0.011, 101)
    made = pl.DataFrame({"verdict": ["ok"] * 101, "slope_per_day": slopes})
    found = spread(made)
    assert found.n == 101
    assert found.shortest == pytest.approx(np.log(2) / 0.011)
    assert found.low == pytest.approx(np.log(2) / 0.0105)
    assert found.longest == pytest.approx(np.log(2) / 0.001)
    falling = spread(made.with_columns(slope_per_day=pl.Series(slopes - 0.002)))
    assert falling.longest is None, "a trend that does not rise has no doubling time"


def test_what_a_choice_moves_is_measured_with_all_others_equal():
    """The estimator moves the doubling time twofold, the window not at all."""
    fixed = {
        "reference_id": "r", "reference_tokens": 5e12, "score_set": "mmlu", "inversion": "one-law",
        "dropped_benchmark": "none", "params_basis": "total", "family_cap": None, "verdict": "ok",
    }  # fmt: skip
    rows = [
        fixed | {"window": window, "estimator": estimator, "doubling_days": doubling,
                 "slope_per_day": np.log(2) / doubling, "is_headline": window + estimator == "ap"}
        for window in ("a", "b")
        for estimator, doubling in (("p", 100.0), ("q", 200.0))
    ]  # fmt: skip
    moved = moved_by(pl.DataFrame(rows, infer_schema_length=None))
    by_factor = {row["factor"]: row for row in moved.to_dicts()}
    assert moved["factor"][0] == "estimator"
    assert by_factor["estimator"]["median_fold"] == 2
    assert by_factor["estimator"]["high"] == 200
    assert by_factor["window"]["median_fold"] == 1
    assert by_factor["D0"]["n_sets"] == 0


def test_a_mean_of_curves_is_inverted_exactly(inputs):
    """The mean score of reference models of the effective size is the model's mean score."""
    _, scores, laws = inputs
    known = laws_of(laws)
    single = benchmark_scores(scores)
    checked = 0
    for variant, effective in variants(scores, laws):
        if variant.dropped_benchmark != "MATH" or variant.reference_tokens != 5e12:
            continue
        kept = [name for name in AVERAGED if name != "MATH"]
        for model_id, params in effective.head(5).iter_rows():
            score = single.filter(pl.col("model_id") == model_id, pl.col("benchmark").is_in(kept))[
                "score"
            ].mean()
            reference = np.mean(
                [float(known["nmi-2025", benchmark].score(params)) for benchmark in kept]
            )
            assert reference == pytest.approx(score, abs=1e-4)
            checked += 1
    assert checked == 5


def test_dropping_a_benchmark_keeps_every_model_that_has_the_others(inputs):
    sizes = {
        variant.dropped_benchmark: effective.height
        for variant, effective in variants(inputs[1], inputs[2])
        if variant.inversion == "mean-of-laws" and variant.reference_tokens == 5e12
    }
    assert all(sizes[name] >= sizes["none"] for name in AVERAGED)
