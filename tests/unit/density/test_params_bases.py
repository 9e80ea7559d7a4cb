"""Parameter counts a density divides by, where they are known."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.density.params_bases import params_bases
from densing_pipeline.tables.published import MODELS


def models(*rows: dict) -> pl.DataFrame:
    usual = {
        "model_id": "org/model", "model": "model", "organisation": "org", "family": "family",
        "release_date": date(2024, 1, 1), "release_date_basis": "announced",
        "params_source": "report", "is_moe": False, "is_base": True, "base_evidence": "report",
        "source": "report",
    }  # fmt: skip
    return MODELS.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))


def bases(**row: object) -> dict[str, float]:
    return dict(params_bases(models(row)).select("params_basis", "params").rows())


def test_a_dense_model_takes_the_time_of_its_own_parameters():
    dense = {"params_total": 8_030_000_000, "params_active": 8_030_000_000}
    assert bases(**dense) == {
        "total": 8.03e9,
        "active": 8.03e9,
        "inference_time": pytest.approx(8.03e9),
    }
    assert bases(**dense, params_nonembedding=6_980_000_000) == {
        "nonembedding": 6.98e9,
        "total": 8.03e9,
        "active": 8.03e9,
        "inference_time": pytest.approx(6.98e9),
    }


def test_a_mixture_of_experts_reads_all_and_computes_with_some():
    moe = bases(is_moe=True, params_total=46_700_000_000, params_active=12_900_000_000)
    assert moe["inference_time"] == pytest.approx((46.7e9 + 2.45 * 12.9e9) / 3.45)


def test_active_parameters_lose_the_same_embeddings():
    moe = bases(
        is_moe=True, params_total=47_000_000_000, params_active=13_000_000_000,
        params_nonembedding=46_000_000_000,
    )  # fmt: skip
    assert moe["inference_time"] == pytest.approx((46e9 + 2.45 * 12e9) / 3.45)


def test_a_four_bit_model_reads_a_quarter():
    gptq = bases(params_nonembedding=8_330_000_000, quantisation="gptq-4bit")
    assert gptq["inference_time"] == pytest.approx(8.33e9 * (0.25 + 2.45) / 3.45)


@pytest.mark.parametrize("construction", ["looped", "diffusion"])
def test_a_model_that_runs_its_parameters_several_times_has_no_inference_time(construction):
    """Ouro runs its 2.6 B four times per token; read as dense its density would be too high."""
    counts = {"params_total": 2_600_000_000, "params_active": 2_600_000_000}
    assert bases(**counts, construction=construction) == {"total": 2.6e9, "active": 2.6e9}
    assert "inference_time" in bases(**counts, construction="pretrained")
    assert "inference_time" in bases(**counts)


def test_an_unknown_count_gives_no_row():
    assert bases() == {}
    assert bases(is_moe=True, params_nonembedding=46_000_000_000) == {"nonembedding": 46e9}
    assert "inference_time" not in bases(params_total=8_000_000_000, quantisation="awq")


def test_of_several_revisions_the_bundled_one_counts():
    frame = models(
        {"revision": "abc", "params_total": 1, "release_date": date(2023, 1, 1)},
        {"revision": None, "params_total": 2},
    )
    assert params_bases(frame).filter(pl.col("params_basis") == "total")["params"].to_list() == [2]
