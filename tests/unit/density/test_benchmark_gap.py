"""The gap between density on benchmarks and on fresh text."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density.benchmark_gap import LINE_LAW, benchmark_gap
from densing_pipeline.density.drawn_law import COEFFICIENTS, DrawnLaw
from densing_pipeline.density.law import LossLaw, PerformanceLaw, ReferenceLaw
from densing_pipeline.tables.published import BENCHMARK_GAP, DENSITIES, DIRECT_LAWS
from tests.unit.density.test_text_ruler import line, models

COEFFICIENTS_OF = dict(
    zip(COEFFICIENTS, (2.0, 0.115, 100.0, 0.277, 0.0, 0.9, -24.4, 0.16, 0.1), strict=True)
)
LAW = ReferenceLaw(
    LossLaw(*(COEFFICIENTS_OF[name] for name in ("a", "alpha", "b", "beta", "irreducible"))),
    PerformanceLaw(*(COEFFICIENTS_OF[name] for name in ("c", "gamma", "l", "d"))),
    5e12,
)
DIRECT = {"d": 0.25, "logit_intercept": -9.0, "logit_per_ln_params": 0.45}


def densities(effective: dict[str, float], reference_id: str, std_error: float) -> pl.DataFrame:
    """Densities of models of 2 B parameters with effective parameters on MMLU."""
    sizes = np.array(list(effective.values()))
    if reference_id == LINE_LAW:
        height = DIRECT["logit_intercept"] + DIRECT["logit_per_ln_params"] * np.log(sizes)
        scores = 0.25 + 0.75 / (1 + np.exp(-height))
    else:
        scores = LAW.score(sizes)
    return DENSITIES.cast(
        pl.DataFrame(
            {
                "model_id": list(effective), "family": list(effective),
                "release_date": "2024-01-01", "reference_id": reference_id, "score_set": "mmlu",
                "params_basis": "total", "params": 2e9, "score": scores, "std_error": std_error,
                "effective_params": sizes, "density": sizes / 2e9, "censored": "none", "is_record": False,
            }
        ).with_columns(pl.col("release_date").str.to_date())
    )  # fmt: skip


def gaps(
    effective: dict[str, float],
    reference_id: str = LINE_LAW,
    std_error: float = 0.004,
    alpha: tuple[float, float] = (0.1, 0.13),
) -> dict[str, dict]:
    """Rows by model: models that compress like 2 B ones and have these effective parameters on MMLU."""
    fresh = models(line() | dict.fromkeys(effective, (2e9, 6 * 2e9**-0.1)))
    direct = DIRECT_LAWS.cast(
        pl.DataFrame(
            [
                DIRECT
                | {
                    "reference_id": LINE_LAW, "benchmark": "MMLU", "law_kind": "family",
                    "reference_tokens": 1e13, "params_from": 1e7, "params_to": 1e13, "n_points": 7,
                    "largest_out_error": 0.01, "source": "made up",
                }
            ]
        )
    )  # fmt: skip
    drawn = np.tile(list(COEFFICIENTS_OF.values()), (200, 1))
    drawn[:, COEFFICIENTS.index("alpha")] = np.linspace(*alpha, 200)
    laws = {("nmi-2025", "mmlu"): DrawnLaw(drawn, 5e12)}
    table = benchmark_gap(
        densities(effective, reference_id, std_error), fresh, direct, laws, seed=1
    )
    return {row["model_id"]: row for row in BENCHMARK_GAP.validate(table).to_dicts()}


USUAL = {f"lab/usual{n}": 2e9 * (1 + n / 100) for n in range(6)}


@pytest.mark.parametrize("reference_id", [LINE_LAW, "nmi-2025"])
def test_a_model_that_is_dense_on_tests_only_is_told_apart(reference_id):
    found = gaps(USUAL | {"lab/trained-on-tests": 8e9}, reference_id)
    row = found["lab/trained-on-tests"]
    assert (row["finding"], row["text_density"]) == ("denser on tests", pytest.approx(1))
    assert row["log_ratio"] == pytest.approx(np.log(4))
    assert row["excess"] == pytest.approx(np.log(4 / 1.025), abs=1e-3)
    assert found["lab/usual3"]["finding"] == "not told apart"


def test_a_model_that_is_dense_on_text_only_is_told_apart():
    assert gaps(USUAL | {"lab/plain": 5e8})["lab/plain"]["finding"] == "denser on fresh text"


def test_what_the_law_gives_to_all_models_alike_cancels():
    """Draws of a law move all densities by orders of magnitude, and the excess by little."""
    row = gaps(USUAL | {"lab/model": 2.2e9}, "nmi-2025", std_error=1e-6)["lab/model"]
    assert row["excess_high"] - row["excess_low"] < 0.1


@pytest.mark.parametrize(("others", "verdict"), [(4, "insufficient"), (5, "ok")])
def test_what_is_usual_is_judged_by_five_other_models(others, verdict):
    some = dict(list(USUAL.items())[:others])
    assert gaps(some | {"lab/model": 8e9})["lab/model"]["verdict"] == verdict


def test_a_score_that_few_draws_invert_is_not_judged():
    row = gaps(USUAL | {"lab/ceiling": 3e15}, "nmi-2025", std_error=0.05)["lab/ceiling"]
    assert (row["verdict"], row["finding"]) == ("insufficient", None)
    assert "too few draws" in row["reason"]


def test_without_a_ruler_or_models_on_both_there_are_no_gaps():
    fresh, empty = models({"lab/a": (2e9, 0.6)}), DENSITIES.empty()
    assert benchmark_gap(empty, fresh, DIRECT_LAWS.empty(), {}, seed=1).is_empty()
    assert benchmark_gap(empty, models(line()), DIRECT_LAWS.empty(), {}, seed=1).is_empty()
