"""Capacity density per model, its interval, censoring and records."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.densities import densities
from densing_pipeline.density.reference_law_draws import reference_law_draws
from densing_pipeline.tables.published import DENSITIES, MODELS, SCORES


def models(*rows: tuple[str, date, int]) -> pl.DataFrame:
    return MODELS.cast(
        pl.DataFrame(
            {
                "model_id": [name for name, _, _ in rows],
                "model": [name for name, _, _ in rows],
                "organisation": "org",
                "family": "family",
                "release_date": [day for _, day, _ in rows],
                "release_date_basis": "announced",
                "params_nonembedding": [params for _, _, params in rows],
                "params_source": "report",
                "is_moe": False,
                "is_base": True,
                "base_evidence": "report",
                "source": "report",
            }
        )
    )


def mmlu(**scores: float) -> pl.DataFrame:
    return SCORES.cast(
        pl.DataFrame(
            {
                "model_id": list(scores),
                "benchmark": "MMLU",
                "protocol": "5-shot",
                "is_paper_protocol": True,
                "score": list(scores.values()),
                "source_kind": "reported",
                "source": "report",
                "observed_at": date(2026, 1, 1),
            }
        )
    )


def series(
    frame: pl.DataFrame, reference_id: str = "nmi-2025", basis: str = "nonembedding"
) -> dict[str, dict]:
    kept = frame.filter(
        (pl.col("reference_id") == reference_id) & (pl.col("params_basis") == basis)
    )
    return {row["model_id"]: row for row in kept.iter_rows(named=True)}


@pytest.fixture(scope="module")
def papers(laws: pl.DataFrame) -> pl.DataFrame:
    """The paper's 51 models under every law."""
    plotted = facts.load("nmi_models")
    as_models = plotted.select(
        "model_id", "model", "organisation", "family", "release_date", "params_nonembedding",
        "params_active", "is_moe", "quantisation", "source", release_date_basis=pl.lit("figure"),
        params_source=pl.lit("figure"), is_base=pl.lit(value=True), base_evidence=pl.lit("figure"),
    )  # fmt: skip
    as_scores = plotted.select(
        "model_id", "score", "source", benchmark=pl.lit("AVERAGE"), protocol=pl.lit("paper"),
        is_paper_protocol=pl.lit(value=True), source_kind=pl.lit("figure"),
        observed_at=pl.lit(date(2026, 1, 1)),
    )  # fmt: skip
    return densities(MODELS.cast(as_models), SCORES.cast(as_scores), laws)


def test_the_papers_densities_come_back(papers):
    DENSITIES.validate(papers)
    plotted = {row["model_id"]: row for row in facts.load("nmi_models").iter_rows(named=True)}
    ours = series(papers)
    assert len(ours) == 51
    for name, row in ours.items():
        if plotted[name]["density_basis"] == "nonembedding":
            assert row["density"] == pytest.approx(plotted[name]["density"], rel=1e-6)
        assert row["density_low"] < row["density"] < row["density_high"]
        assert row["is_record"] == plotted[name]["is_record"]
    assert sum(row["is_record"] for row in ours.values()) == 9


def test_mixtures_and_quantised_models_come_back_on_the_basis_they_were_plotted_on(papers):
    plotted = {
        row["model_id"]: row["density"]
        for row in facts.load("nmi_models").iter_rows(named=True)
        if row["density_basis"] == "inference_time"
    }
    assert len(plotted) == 8
    ours = series(papers, basis="inference_time")
    for name, density in plotted.items():
        assert ours[name]["density"] == pytest.approx(density, rel=1e-9)


def test_the_other_minimum_gives_forty_times_smaller_densities(papers):
    published, refit = series(papers), series(papers, "nmi-2025-refit")
    ratio = sorted(published[name]["density"] / refit[name]["density"] for name in published)
    assert 30 < ratio[25] < 60


def test_scores_that_say_nothing_about_size_are_censored(laws):
    day = date(2024, 1, 1)
    frame = densities(
        models(*((name, day, 10**9) for name in ("none", "chance", "edge", "clear", "perfect"))),
        mmlu(none=0.0, chance=0.25, edge=0.259, clear=0.3, perfect=1.0),
        laws,
    )
    rows = series(DENSITIES.validate(frame))
    assert {name: row["censored"] for name, row in rows.items()} == {
        "none": "low", "chance": "low", "edge": "low", "clear": "none", "perfect": "high",
    }  # fmt: skip
    for name in ("none", "chance", "edge", "perfect"):
        nothing = ("effective_params", "density", "density_low", "density_high")
        assert all(rows[name][column] is None for column in nothing)
        assert not rows[name]["is_record"]


def test_an_interval_end_beyond_the_ceiling_is_open(laws):
    frame = densities(models(("m", date(2024, 1, 1), 10**9)), mmlu(m=0.986), laws)
    row = series(frame)["m"]
    assert row["density"] > 0
    assert row["density_high"] is None
    assert row["width"] == "open"


def test_records_by_date_day_and_tie(laws):
    first, second, third = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)
    frame = densities(
        models(
            ("early", first, 10**9), ("same_day_denser", first, 5 * 10**8),
            ("tie", second, 5 * 10**8), ("sparser", second, 10**10), ("denser", third, 10**8),
        ),
        mmlu(early=0.5, same_day_denser=0.5, tie=0.5, sparser=0.5, denser=0.5),
        laws,
    )  # fmt: skip
    records = [name for name, row in series(frame).items() if row["is_record"]]
    assert records == ["denser", "same_day_denser"]


def test_a_model_without_score_or_count_has_no_density(laws):
    day = date(2024, 1, 1)
    frame = densities(
        models(("scored", day, 10**9), ("unscored", day, 10**9)),
        mmlu(scored=0.5, unknown=0.5),
        laws,
    )
    assert frame["model_id"].unique().to_list() == ["scored"]
    assert densities(models(("m", day, 10**9)), mmlu(m=0.5), laws.clear()).is_empty()
    assert densities(models(("m", day, 10**9)).clear(), mmlu(m=0.5), laws).is_empty()


def one_basis(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("params_basis") == "nonembedding")


def test_the_error_of_the_law_widens_the_interval(laws, points):
    frame = models(("m", date(2024, 1, 1), 10**9))
    law = laws.filter(reference_id="nmi-2025", benchmark="MMLU")
    alone = one_basis(densities(frame, mmlu(m=0.6), law))
    joint = one_basis(densities(frame, mmlu(m=0.6), law, reference_law_draws(law, points, seed=0)))
    assert alone["density"].item() == joint["density"].item()
    assert joint["density_high"].item() > 1.5 * alone["density_high"].item()
    # The law's other minimum bounds the density over a hundredfold lower, which says nothing.
    assert (alone["width"].item(), joint["width"].item()) == ("narrow", "open")
    assert alone["density_low"].item() < alone["density"].item()
    assert joint["density_low"].item() is None


def test_the_interval_of_a_density_is_published_without_draws_of_another_minimum_too(laws, points):
    """The other minimum of MMLU gives 40 times smaller densities, and a fifth of the draws lie there."""
    law = laws.filter(reference_id="nmi-2025", benchmark="MMLU")
    draws = reference_law_draws(law, points, seed=0)
    model = models(("m", date(2024, 1, 1), 10**9)), mmlu(m=0.6), law
    found = one_basis(densities(*model, draws))
    own_low, density, own_high = (
        found[name].item()
        for name in ("density_low_own_minimum", "density", "density_high_own_minimum")
    )
    assert found["density_low"].item() is None
    assert own_low < density < own_high
    stayed = draws.filter(~pl.col("is_other_minimum")).with_columns(
        draw=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    alone = one_basis(densities(*model, stayed))
    assert own_low == pytest.approx(alone["density_low"].item(), rel=0.3)
    before = one_basis(densities(*model, draws.drop("is_other_minimum")))
    assert before["density_low"].item() is None
    assert before["density_high"].item() == found["density_high"].item()
    assert before["density_low_own_minimum"].item() is None


def test_an_end_that_the_draws_cannot_invert_is_empty(laws, points):
    law = laws.filter(reference_id="nmi-2025-v2", benchmark="MMLU")
    draws = reference_law_draws(law, points, seed=0)
    found = one_basis(densities(models(("m", date(2024, 1, 1), 10**9)), mmlu(m=0.8), law, draws))
    assert found["censored"].item() == "none"
    assert found["density"].item() > 0
    assert found["density_high"].item() is None


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_score_of_nothing_or_everything_is_censored_whatever_the_draws_say(laws, points, score):
    law = laws.filter(reference_id="nmi-2025", benchmark="MMLU")
    draws = reference_law_draws(law, points, seed=0, draws=50)
    found = one_basis(densities(models(("m", date(2024, 1, 1), 10**9)), mmlu(m=score), law, draws))
    assert found["censored"].item() == ("low" if score == 0 else "high")
    assert (
        found.select("density", "density_low", "density_high").null_count().sum_horizontal().item()
        == 3
    )
