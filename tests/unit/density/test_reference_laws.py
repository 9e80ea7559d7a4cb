"""The published table of reference laws."""

import polars as pl
import pytest

from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.reference_laws import laws_of, reference_laws
from densing_pipeline.tables.published import REFERENCE_LAWS


def law(laws: pl.DataFrame, reference_id: str, benchmark: str) -> dict:
    found = laws.filter(
        (pl.col("reference_id") == reference_id) & (pl.col("benchmark") == benchmark)
    )
    return found.row(0, named=True)


def test_the_table_is_valid_and_names_every_law_once(laws):
    REFERENCE_LAWS.validate(laws)
    assert sorted(laws["reference_id"].unique()) == [
        "nmi-2025", "nmi-2025-refit", "nmi-2025-refit-local", "nmi-2025-v2", "olmo-ladder",
    ]  # fmt: skip


def test_published_coefficients_stay_untouched(laws, coefficients):
    both = laws.filter(pl.col("fit") == "published").join(
        coefficients, on=["reference_id", "benchmark"], suffix="_given"
    )
    assert both.height == 12
    for name in ("a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l", "d"):
        assert both[name].equals(both[f"{name}_given"].alias(name))


def test_the_two_versions_differ_in_the_reference_tokens_alone(laws):
    new, old = law(laws, "nmi-2025", "AVERAGE"), law(laws, "nmi-2025-v2", "AVERAGE")
    assert (new.pop("reference_tokens"), old.pop("reference_tokens")) == (5e12, 1e12)
    assert all(new[name] == old[name] for name in new if name not in ("reference_id", "source"))


@pytest.mark.parametrize("benchmark", ["AVERAGE", "MMLU", "MATH"])
def test_the_global_refit_says_it_beat_the_published_minimum(laws, benchmark):
    best, local = (
        law(laws, name, benchmark) for name in ("nmi-2025-refit", "nmi-2025-refit-local")
    )
    assert best["loss_sse"] < 0.9 * local["loss_sse"]
    assert (best["fit"], local["fit"]) == ("global", "published-start")
    assert best["n_minima"] == 2
    assert best["n_points"] == 33


def test_no_refit_is_worse_than_the_published_coefficients(laws):
    for benchmark in laws["benchmark"].unique():
        published = law(laws, "nmi-2025", benchmark)
        local = law(laws, "nmi-2025-refit-local", benchmark)
        assert local["loss_sse"] <= published["loss_sse"]


def test_the_ladder_inverts_frontier_scores(laws):
    ladder = laws_of(laws)["olmo-ladder", "MMLU"]
    effective, censored = ladder.effective_params([0.6, 0.88])
    assert list(censored) == ["none", "none"]
    # OLMo 2 7B, of the ladder's own family, scores 0.60.
    assert 3e9 < effective[0] < 14e9
    assert ladder.effective_params(0.25)[1] == "low"


def test_held_out_points_do_not_matter(points, coefficients, laws):
    assert reference_laws(points.filter("used_in_fit"), coefficients).equals(laws)


def test_coefficients_without_points_have_no_sum_of_squares(points, coefficients):
    alone = reference_laws(points.clear(), coefficients)
    assert alone["fit"].unique().to_list() == ["published"]
    assert alone["loss_sse"].null_count() == alone.height


def test_a_failing_fit_names_reference_and_benchmark(points, coefficients):
    few = points.filter(
        (pl.col("benchmark") != "BBH") | pl.col("run_id").is_in(["N106M-D10N", "N106M-D15N"])
    )
    with pytest.raises(FitError, match=r"reference nmi-2025, BBH: 2 points"):
        reference_laws(few, coefficients)


def test_nothing_in_nothing_out(points, coefficients):
    assert reference_laws(points.clear(), coefficients.clear()).is_empty()
