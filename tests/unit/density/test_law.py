"""A reference law turns size into score and score back into size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.density.law import LossLaw, PerformanceLaw, ReferenceLaw

AVERAGE = ReferenceLaw(
    LossLaw(2.03142, 0.115314, 100.223, 0.277025),
    PerformanceLaw(0.907731, -24.4117, 0.162872, 0.10781),
    5e12,
)


@given(st.floats(1e7, 1e12), st.floats(1e11, 1e14))
def test_effective_params_of_a_reference_models_own_score_are_its_params(params, tokens):
    law = ReferenceLaw(AVERAGE.loss_law, AVERAGE.performance_law, tokens)
    score = law.score(params)
    effective, censored = law.effective_params(score)
    # A score next to an end of the sigmoid has lost the digits that tell sizes apart.
    if 0.1079 < score < 1.0154:
        assert censored == "none"
        assert effective == pytest.approx(params, rel=1e-6)


@given(st.floats(0.109, 0.97), st.floats(0.001, 0.01))
def test_a_higher_score_needs_more_parameters(score, step):
    effective, censored = AVERAGE.effective_params([score, score + step])
    assert list(censored) == ["none", "none"]
    assert effective[0] < effective[1]


@pytest.mark.parametrize(
    ("score", "moved"), [(0.3, 0.126), (0.4, 0.110), (0.7, 0.162), (0.8, 0.255)]
)
def test_one_score_point_moves_ln_density_by_11_to_26_percent(score, moved):
    below, above = AVERAGE.effective_params([score - 0.005, score + 0.005])[0]
    assert np.log(above / below) == pytest.approx(moved, abs=5e-4)


def test_a_70_point_model_of_the_paper():
    # Mistral-Small-24B: density 4.81 times 22.24e9 non-embedding parameters.
    effective, _ = AVERAGE.effective_params(AVERAGE.score(4.81 * 22.24e9))
    assert effective == pytest.approx(4.81 * 22.24e9)
    assert AVERAGE.score(4.81 * 22.24e9) == pytest.approx(0.690, abs=5e-4)


@pytest.mark.parametrize("score", [0.0, 0.05, 0.10781])
def test_at_or_below_the_floor_is_censored_low(score):
    effective, censored = AVERAGE.effective_params(score)
    assert np.isnan(effective)
    assert censored == "low"


@pytest.mark.parametrize("score", [1.0, 1.015541])
def test_at_or_above_the_ceiling_is_censored_high(score):
    effective, censored = AVERAGE.effective_params(score)
    assert np.isnan(effective)
    assert censored == "high"


def test_a_score_the_reference_family_never_reaches_at_its_tokens_is_censored_high():
    starved = ReferenceLaw(AVERAGE.loss_law, AVERAGE.performance_law, 1e10)
    best = float(starved.score(np.inf))
    assert best < 0.9
    assert list(starved.effective_params([best - 0.01, best + 0.01])[1]) == ["none", "high"]


def test_an_irreducible_term_lowers_the_best_score():
    with_term = LossLaw(2.03142, 0.115314, 100.223, 0.277025, irreducible=0.1)
    law = ReferenceLaw(with_term, AVERAGE.performance_law, 5e12)
    assert law.score(np.inf) < AVERAGE.score(np.inf)
    assert law.effective_params(law.score(1e9))[0] == pytest.approx(1e9, rel=1e-6)


def test_a_missing_score_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        AVERAGE.effective_params([0.5, float("nan")])
