"""Which models reach which level."""

from typing import Any

import polars as pl
import pytest
from scipy.stats import norm

from densing_pipeline import facts
from densing_pipeline.cost.levels import contested, level_memberships, members, memberships

LEVEL = pl.DataFrame(
    {
        "level": ["able"],
        "defined_by": "reference",
        "benchmark": "MMLU",
        "score": 0.70,
        "std_error": 0.004,
    }
)


def score(model: str, value: float, **columns: Any) -> dict[str, Any]:
    usual = {"benchmark": "MMLU", "protocol": "5-shot", "std_error": 0.004}
    return {"canonical_id": model, "score": value} | usual | columns


def probabilities(*rows: dict[str, Any]) -> dict[str, float]:
    found = memberships(LEVEL, pl.DataFrame(rows))
    return dict(found.select("canonical_id", "probability").rows())


def test_equal_score_is_an_even_chance_and_a_clear_one_certain() -> None:
    found = probabilities(score("equal", 0.70), score("better", 0.80), score("worse", 0.60))
    assert found["equal"] == pytest.approx(0.5)
    assert found["better"] == pytest.approx(1.0)
    assert found["worse"] == pytest.approx(0.0)


def test_model_that_defines_the_level_reaches_it() -> None:
    assert probabilities(score("reference", 0.69)) == {"reference": 1.0}


def test_a_model_whose_score_is_in_the_levels_row_alone_reaches_its_level_and_no_other() -> None:
    """GPT-3 has no row in `capability_scores`, so that it enters no other level and no index."""
    two = pl.concat([LEVEL, LEVEL.with_columns(level=pl.lit("other"), defined_by=pl.lit("m"))])
    found = memberships(two, pl.DataFrame([score("m", 0.8)]))
    assert found.filter(canonical_id="reference").rows() == [("able", "reference", 1.0)]


@pytest.mark.parametrize(("lowest", "levels"), [(0.69, ["able"]), (0.70, [])])
def test_a_level_that_every_scored_model_reaches_is_not_contested(
    lowest: float, levels: list[str]
) -> None:
    scores = pl.DataFrame([score("m", lowest), score("n", 0.9)])
    assert contested(LEVEL, scores)["level"].to_list() == levels


def test_another_protocol_makes_the_same_gap_less_sure() -> None:
    found = probabilities(
        score("reference", 0.70), score("same", 0.71), score("other", 0.71, protocol="0-shot CoT")
    )
    assert found["same"] > found["other"] > 0.5


def test_score_under_the_levels_protocol_is_preferred() -> None:
    found = probabilities(
        score("reference", 0.70),
        score("model", 0.60, source="a"),
        score("model", 0.90, protocol="0-shot CoT", source="b"),
    )
    assert found["model"] < 0.01


def test_unstated_protocol_is_no_protocol_in_common() -> None:
    unstated = {"protocol": "not stated"}
    sure = probabilities(score("reference", 0.70), score("model", 0.71))
    unsure = probabilities(score("reference", 0.70, **unstated), score("model", 0.71, **unstated))
    assert unsure["model"] < sure["model"]


def test_missing_error_is_allowed() -> None:
    assert probabilities(score("model", 0.80, std_error=None))["model"] == pytest.approx(1.0)


def test_errors_add_in_squares_and_the_protocols_only_where_it_differs() -> None:
    """The gap is one point; each score's error .4, another protocol adds .9 (docs/prices.md)."""
    found = probabilities(
        score("reference", 0.70),
        score("same", 0.71),
        score("other", 0.71, protocol="0-shot CoT"),
        score("no error", 0.71, std_error=None),
    )
    own = 0.004**2 + 0.004**2
    assert found["same"] == pytest.approx(norm.cdf(0.01 / own**0.5))
    assert found["no error"] == pytest.approx(found["same"])
    assert found["other"] == pytest.approx(norm.cdf(0.01 / (own + 0.009**2) ** 0.5))


@pytest.mark.parametrize(("probability", "is_member"), [(0.5, True), (0.499, False)])
def test_an_even_chance_makes_a_member_and_less_does_not(
    probability: float, is_member: bool
) -> None:
    row = pl.DataFrame({"level": ["able"], "canonical_id": "m", "probability": probability})
    assert (members(row, "able") == {"m"}) == is_member


@pytest.mark.parametrize(("value", "is_member"), [(0.70, True), (0.6999, False)])
def test_the_table_says_who_is_a_member(value: float, is_member: bool) -> None:
    table = level_memberships(memberships(LEVEL, pl.DataFrame([score("m", value)])))
    assert dict(table.select("canonical_id", "is_member").rows()) == {
        "m": is_member,
        "reference": True,
    }


def test_bundled_levels_have_the_members_everybody_expects() -> None:
    reached = memberships(facts.load("capability_levels"), facts.load("capability_scores"))
    assert "openai/gpt-4o-mini" in members(reached, "gpt-3.5")
    assert "openai/gpt-4o-mini" not in members(reached, "gpt-4")
    assert members(reached, "gpt-4") <= members(reached, "gpt-3.5")
    assert members(reached, "no such level") == frozenset()
