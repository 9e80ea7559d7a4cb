"""Effective size on a scale from lines of models: which models are in a line, which scores count, the slope."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import CHANCE
from densing_pipeline.density.size_scale import (
    BENDS,
    MOST_BENT,
    NO_LINE,
    Panel,
    ScoreRange,
    SizeLines,
    balanced_bends,
    bend_moments,
    bent,
    panel,
    score_ranges,
    size_lines,
    size_scales,
    slope_weights,
)
from densing_pipeline.tables.published import MODELS, POOLED_SCORES

AS_OF = date(2026, 1, 1)
RANGES = {"MATH": ScoreRange(0.0, 1.0)}


def models(rows: list[dict]) -> pl.DataFrame:
    """A `models` frame: dense models of 5T tokens and a family, but for what the rows say."""
    usual = {
        "family": "F", "release_date": date(2024, 5, 1), "params_total": 10**9, "is_moe": False,
        "train_tokens": 5 * 10**12, "weights": "published", "is_base": True,
        "base_evidence": "listed", "model": "Able", "organisation": "lab", "release_date_basis": "announced",
        "source": "a report",
    }  # fmt: skip
    frame = pl.DataFrame([usual | row for row in rows], infer_schema_length=None)
    return MODELS.cast(frame.with_columns(params_active=pl.col("params_total")))


def scores(of: dict[str, float], benchmark: str = "MATH", error: float = 0.01) -> pl.DataFrame:
    frame = pl.DataFrame({"model_id": [*of], "score": [*of.values()]})
    return POOLED_SCORES.cast(
        frame.with_columns(
            benchmark=pl.lit(benchmark),
            std_error=pl.lit(error),
            item_std_error=pl.lit(error),
            source_kind=pl.lit("reported"),
            n_sources=1,
            n_documents=1,
            score_low="score",
            score_high="score",
            sources=pl.lit("a report"),
        )
    )


def test_a_line_is_of_dense_models_of_one_name_at_one_token_count():
    rows: list[dict] = [
        {"model_id": "lab/Able-1B", "params_total": 10**9},
        {"model_id": "lab/Able-8B", "params_total": 8 * 10**9},
        {"model_id": "lab/Able-70B", "train_tokens": 9 * 10**12},
        {"model_id": "lab/Able-30B-A3B", "is_moe": True},
        {"model_id": "lab/Baker-1B", "train_tokens": None},
        {"model_id": "lab/Able"},
    ]
    of = panel(
        models(rows), scores(dict.fromkeys((row["model_id"] for row in rows), 0.5)), RANGES,
        params_basis="total", as_of=AS_OF,
    )  # fmt: skip
    line = dict(zip(of.model_ids, of.lines.tolist(), strict=True))
    assert line["lab/Able-1B"] == line["lab/Able-8B"] != NO_LINE
    assert line["lab/Able-70B"] not in (NO_LINE, line["lab/Able-1B"])
    assert {line[f"lab/{name}"] for name in ("Able-30B-A3B", "Baker-1B", "Able")} == {NO_LINE}
    assert [of.model_ids[row] for row in size_lines(of, 0).rows] == ["lab/Able-1B", "lab/Able-8B"]


@pytest.mark.parametrize(
    ("score", "kept"), [(0.2799, False), (0.281, True), (0.949, True), (0.95, False)]
)
def test_a_score_near_guessing_or_at_the_ceiling_has_no_place_on_the_scale(score, kept):
    ranges = {"MMLU": ScoreRange(0.25, 0.95)}
    one = models([{"model_id": "lab/Able-1B"}])
    of = panel(
        one, scores({"lab/Able-1B": score}, "MMLU"), ranges, params_basis="total", as_of=AS_OF
    )
    assert np.isfinite(of.logits[0, 0]) == kept
    assert of.left_out == (0 if kept else 1,)
    if kept:
        odds = np.exp(of.logits[0, 0])
        assert (0.25 + 0.95 * odds) / (1 + odds) == pytest.approx(score)


def test_the_error_of_a_logit_is_that_of_its_score_times_the_slope():
    one = models([{"model_id": "lab/Able-1B"}])
    ranges = {"MMLU": ScoreRange(0.25, 0.95)}
    at = [
        panel(one, scores({"lab/Able-1B": s}, "MMLU"), ranges, params_basis="total", as_of=AS_OF)
        for s in (0.6, 0.6001)
    ]
    slope = (at[1].logits - at[0].logits)[0, 0] / 0.0001
    assert at[0].errors[0, 0] == pytest.approx(0.01 * slope, rel=1e-3)


def test_models_after_the_day_and_the_papers_own_are_left_out():
    rows: list[dict] = [
        {"model_id": "lab/Able-1B"},
        {"model_id": "lab/Late-1B", "release_date": date(2026, 1, 2)},
        {"model_id": "nmi-2025/Able-1B"},
    ]
    known = scores(dict.fromkeys((row["model_id"] for row in rows), 0.5))
    assert panel(models(rows), known, RANGES, params_basis="total", as_of=AS_OF).model_ids == (
        "lab/Able-1B",
    )


def test_the_slope_is_that_of_least_squares_with_an_effect_for_every_line():
    rng = np.random.default_rng(4)
    member = np.repeat(np.arange(5), 4)
    size = rng.normal(22, 2, member.size)
    logits = 0.5 * size + rng.normal(0, 3, 5)[member] + rng.normal(0, 0.2, member.size)
    mean = np.bincount(member, size) / 4
    lines = SizeLines(np.arange(member.size), member, size - mean[member], 5)
    weights = rng.integers(0, 4, (20, member.size)).astype(float)
    found = slope_weights(lines, weights) @ logits
    design = np.column_stack([size, member[:, None] == np.arange(5)])
    for weight, slope in zip(weights, found, strict=True):
        root = np.sqrt(weight)
        expected = np.linalg.lstsq(design * root[:, None], logits * root, rcond=1e-10)[0][0]
        assert slope == pytest.approx(expected)


def test_a_weighting_without_two_sizes_of_a_line_gives_no_slope():
    lines = SizeLines(np.arange(4), np.array([0, 0, 1, 1]), np.array([-1.0, 1, -1, 1]), 2)
    weights = np.array([[1.0, 0, 1, 0], [0, 0, 1, 1]])
    assert np.isnan(slope_weights(lines, weights)).any(axis=1).tolist() == [True, False]


def test_the_ceiling_is_the_papers_laws_where_it_has_one_and_else_1():
    ranges = score_ranges(facts.load("reference_coefficients"), ("MMLU", "BBH", "MMLU-Pro"))
    assert ranges["MMLU"].guessing == CHANCE["MMLU"]
    assert ranges["MMLU"].ceiling == pytest.approx(0.99937, abs=1e-5)
    assert ranges["BBH"].ceiling == pytest.approx(1.02241, abs=1e-5)
    assert ranges["MMLU-Pro"] == (0.1, 1.0)


def scored_lines(bend: float, noise: float = 0.0, seed: int = 5) -> tuple[SizeLines, np.ndarray]:
    """Twelve lines of four sizes at different levels, straight on a scale with this bend, and their logits."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(12), 4)
    size = np.tile(np.array([-1.5, -0.5, 0.5, 1.5]), 12)
    scaled = 0.3 * size + rng.uniform(-0.8, 0.8, 12)[member] + rng.normal(0, noise, 48)
    logits = np.log1p(bend * scaled) / bend if bend else scaled
    return SizeLines(np.arange(48), member, size, 12), logits


@pytest.mark.parametrize("bend", [-0.4, 0.0, 0.25, 0.6])
def test_the_bend_is_the_one_at_which_lines_are_straight(bend):
    lines, logits = scored_lines(bend)
    found = balanced_bends(bend_moments(lines, logits, np.ones((1, 48))))
    assert found[0] == pytest.approx(bend, abs=0.002)
    scaled = bent(logits, bend)
    assert (slope_weights(lines, np.ones((1, 48))) @ scaled)[0] == pytest.approx(0.3)


def test_the_bend_does_not_follow_the_spread_of_errors():
    """Errors that grow with the score would bend a scale fitted by likelihood (Box and Cox 1964)."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        lines, logits = scored_lines(0.0, seed=seed)
        found.append(
            balanced_bends(
                bend_moments(
                    lines, logits + 0.1 * np.exp(logits) * rng.normal(size=48), np.ones((1, 48))
                )
            )[0]
        )
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5


def test_bends_end_where_the_scale_is_the_odds():
    assert balanced_bends(np.full((1, BENDS.size), -1.0))[0] == pytest.approx(MOST_BENT)
    assert balanced_bends(np.full((1, BENDS.size), 1.0))[0] == pytest.approx(-MOST_BENT)
    assert np.isnan(balanced_bends(np.full((1, BENDS.size), np.nan))[0])
    halfway = balanced_bends((BENDS - 0.475)[None])
    assert halfway[0] == pytest.approx(0.475)


def test_the_scale_is_the_logit_at_bend_0_and_the_odds_at_bend_1():
    logits = np.array([-2.0, 0.0, 1.5])
    assert bent(logits, 0.0) == pytest.approx(logits)
    assert bent(logits, 1e-9) == pytest.approx(logits)
    assert bent(logits, 1.0) == pytest.approx(np.exp(logits) - 1)


def test_a_common_bend_lies_between_those_of_the_benchmarks():
    lines, straight = scored_lines(0.0)
    _, curved = scored_lines(0.5)
    of = Panel(
        model_ids=tuple(map(str, range(48))), days=np.arange(48.0), ln_params=lines.ln_params,
        families=tuple(map(str, lines.member)), lines=lines.member, benchmarks=("A", "B"),
        logits=np.stack([straight, curved], axis=1), errors=np.zeros((48, 2)), left_out=(0, 0),
    )  # fmt: skip
    once = np.ones((2, 48))
    own = size_scales(of, (0, 1), once, "own")
    assert own[0].bends == pytest.approx([0.0, 0.0], abs=0.002)
    assert own[1].bends == pytest.approx([0.5, 0.5], abs=0.05)
    common = size_scales(of, (0, 1), once, "common")
    assert common[0].bends is not None
    assert (common[0].bends == common[1].bends).all()
    assert 0.1 < common[0].bends[0] < 0.4
    plain = size_scales(of, (0, 1), once)
    assert plain[0].bends is None
    assert plain[0].ln_sizes(straight, np.array([0]))[0] == pytest.approx(straight / 0.3)
