"""The bundled facts say what their sources say, and agree with each other."""

import math
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density.params_bases import COMPUTE_OVER_MEMORY
from densing_pipeline.facts import FOLDER, load
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.tables.dates import DAY_ZERO

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="recorded data not there")


@pytest.mark.parametrize("name", FACTS)
def test_every_table_loads_and_is_sorted_by_key(name: str) -> None:
    frame = load(name)
    assert frame.height > 0
    assert (frame["source"].str.len_chars() > 0).all()
    key = FACTS[name].key
    assert frame.select(key).equals(frame.select(key).sort(key, nulls_last=True))
    assert len((FOLDER / f"{name}.csv").read_bytes().splitlines()) == frame.height + 1


# --- the paper's models --------------------------------------------------------------------------


def records() -> pl.DataFrame:
    """Running maximum of density over release days; of several on one day the largest."""
    per_day = load("nmi_models").group_by("release_date").agg(pl.col("density").max())
    return per_day.sort("release_date").filter(
        pl.col("density") > pl.col("density").cum_max().shift(1, fill_value=0)
    )


def test_the_papers_nine_records_double_in_106_days() -> None:
    setters = records()
    days = (setters["release_date"] - DAY_ZERO).dt.total_days().to_numpy()
    log_density = setters["density"].log().to_numpy()
    slope, intercept = np.polyfit(days, log_density, 1)
    residual = log_density - slope * days - intercept
    assert setters.height == 9
    assert slope == pytest.approx(0.006529, abs=5e-6)
    assert intercept == pytest.approx(-2.6113, abs=5e-5)
    assert 1 - residual.var() / log_density.var() == pytest.approx(0.9340, abs=5e-5)
    assert math.log(2) / slope == pytest.approx(106.2, abs=0.05)


def test_the_papers_own_record_marks_are_these_records() -> None:
    marked = load("nmi_models").filter("is_record").sort("release_date")
    assert marked["release_date"].to_list() == records()["release_date"].to_list()
    assert marked["density"].to_list() == records()["density"].to_list()


def test_scores_give_back_the_densities_through_the_published_curve() -> None:
    law = load("reference_coefficients").row(
        by_predicate=(pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == "AVERAGE"),
        named=True,
    )
    models = load("nmi_models")
    score = models["score"].to_numpy()
    loss = law["l"] - np.log(law["c"] / (score - law["d"]) - 1) / law["gamma"]
    parameter_term = loss - law["b"] * law["reference_tokens"] ** -law["beta"]
    effective = (parameter_term / law["a"]) ** (-1 / law["alpha"])
    params = models["params_nonembedding"].to_numpy().astype(float)
    active = models["params_active"].fill_null(models["params_nonembedding"]).to_numpy()
    bits = np.where(models["quantisation"].is_null(), 16, 4)
    inference_time = (params * bits / 16 + active * COMPUTE_OVER_MEMORY) / (1 + COMPUTE_OVER_MEMORY)
    plotted = np.where(models["density_basis"] == "inference_time", inference_time, params)
    np.testing.assert_allclose(effective / plotted, models["density"].to_numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "score"),
    [("Mixtral-8x22B", 0.625), ("Mixtral-8x7B", 0.456), ("Gemma2-9B-GPTQ", 0.472)],
)
def test_mixtures_and_quantised_models_are_plotted_on_the_inference_time_basis(model, score):
    """As if dense, Mixtral-8x22B would score 67.6; its report says 60.9."""
    row = load("nmi_models").row(by_predicate=pl.col("model") == model, named=True)
    assert row["density_basis"] == "inference_time"
    assert row["score"] == pytest.approx(score, abs=0.001)
    others = load("nmi_models").filter(~pl.col("is_moe"), pl.col("quantisation").is_null())
    assert others["density_basis"].unique().to_list() == ["nonembedding"]


def test_derived_models_have_their_parent_in_the_figure() -> None:
    models = load("nmi_models")
    parents = models["parent_id"].drop_nulls()
    assert set(parents) <= set(models["model_id"])
    assert models.filter(pl.col("quantisation").is_not_null())["relation"].unique().to_list() == [
        "quantised"
    ]


# --- reference points ----------------------------------------------------------------------------


def test_both_versions_of_the_papers_law_differ_in_reference_tokens_only() -> None:
    laws = load("reference_coefficients").drop("source")
    published, preprint = laws.partition_by("reference_id", maintain_order=True, include_key=False)
    assert published.height == 6
    assert published.drop("reference_tokens").equals(preprint.drop("reference_tokens"))
    assert published["reference_tokens"].unique().to_list() == [5e12]
    assert preprint["reference_tokens"].unique().to_list() == [1e12]


def test_the_paper_has_33_losses_and_10_scores_per_benchmark_with_2_held_out() -> None:
    points = load("reference_points").filter(reference_id="nmi-2025")
    losses = points.filter(pl.col("score").is_null())
    scores = points.filter(pl.col("score").is_not_null())
    assert losses.group_by("benchmark").len()["len"].to_list() == [33] * 6
    assert losses.select(pl.col("params", "tokens").null_count()).row(0) == (0, 0)
    assert scores.group_by("benchmark", "used_in_fit").len().sort("used_in_fit")[
        "len"
    ].to_list() == [*[2] * 6, *[10] * 6]


def test_the_published_loss_law_passes_through_the_papers_losses() -> None:
    points = load("reference_points").filter(reference_id="nmi-2025", benchmark="AVERAGE")
    losses = points.filter(pl.col("score").is_null())
    law = load("reference_coefficients").filter(reference_id="nmi-2025", benchmark="AVERAGE")
    a, alpha, b, beta = law.select("a", "alpha", "b", "beta").row(0)
    n, d, loss = (losses[c].to_numpy() for c in ("params", "tokens", "loss_nats_per_token"))
    sse = ((a * n**-alpha + b * d**-beta - loss) ** 2).sum()
    assert sse == pytest.approx(0.00097, abs=5e-6)


def test_the_olmo_ladder_has_25_runs_and_holds_its_final_models_out() -> None:
    points = load("reference_points").filter(reference_id="olmo-ladder")
    assert points.filter(pl.col("score").is_null()).height == 25
    assert set(points.filter(~pl.col("used_in_fit"))["run_id"]) == {"7B-final", "13B-final"}


def test_ladder_losses_are_nats() -> None:
    run = load("reference_points").filter(run_id="190M-0.5xC").row(0, named=True)
    bits_per_byte = 1.611744003644986
    assert run["loss_nats_per_token"] == pytest.approx(bits_per_byte * math.log(2))


# --- base models and their scores ------------------------------------------------------------------


def test_there_are_280_base_models_most_with_counts() -> None:
    models = load("base_models")
    assert models.height >= 280
    assert models["params_total"].null_count() <= 3
    assert models.height - models["params_nonembedding"].null_count() >= 170


def test_the_facts_reach_the_autumn_of_2026() -> None:
    newest = load("base_models").join(load("reported_scores"), on="model_id", how="semi")
    assert newest["release_date"].max() >= date(2026, 8, 26)


def test_every_reported_score_is_of_a_bundled_model() -> None:
    assert set(load("reported_scores")["model_id"]) <= set(load("base_models")["model_id"])


def test_only_mixtures_of_experts_have_fewer_active_parameters() -> None:
    models = load("base_models")
    dense = models.filter(~pl.col("is_moe"))
    assert (dense["params_active"] == dense["params_total"]).all()
    sparse = models.filter("is_moe")
    known = sparse.drop_nulls(["params_active", "params_total"])
    assert known.height >= sparse.height - 4
    assert (known["params_active"] < known["params_total"]).all()


@pytest.mark.parametrize(
    ("figure", "model_id"),
    [
        ("Llama-13B", "huggyllama/llama-13b"),
        ("Llama-2-70B", "meta-llama/Llama-2-70b-hf"),
        ("Llama-3.1-405B", "meta-llama/Llama-3.1-405B"),
        ("Llama3.2-3B", "meta-llama/Llama-3.2-3B"),
        ("Falcon-40B", "tiiuae/falcon-40b"),
        ("MPT-30B", "mosaicml/mpt-30b"),
        ("Phi-1-1.2B", "microsoft/phi-1"),
        ("Phi-2-2B", "microsoft/phi-2"),
        ("Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.1"),
        ("Mixtral-8x7B", "mistralai/Mixtral-8x7B-v0.1"),
        ("Mistral-Small-24B", "mistralai/Mistral-Small-24B-Base-2501"),
        ("TinyLlama-1.1B", "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"),
        ("DeepSeek-LLM-67B", "deepseek-ai/deepseek-llm-67b-base"),
        ("MiniCPM-2.4B", "openbmb/MiniCPM-2B-sft-bf16"),
        ("Gemma-7B", "google/gemma-7b"),
        ("Gemma2-9B", "google/gemma-2-9b"),
        ("Gemma3-27B", "google/gemma-3-27b-pt"),
    ],
)
def test_nonembedding_counts_are_those_the_paper_plots(figure: str, model_id: str) -> None:
    plotted = load("nmi_models").filter(model=figure)["params_nonembedding"].item()
    counted = load("base_models").filter(model_id=model_id)["params_nonembedding"].item()
    assert counted == pytest.approx(plotted, rel=0.004)


def test_the_papers_protocol_is_marked_by_shots_and_prompting() -> None:
    marked = load("reported_scores").filter("is_paper_protocol").select("benchmark", "protocol")
    assert set(marked.rows()) == {
        ("MMLU", "5-shot acc"),
        ("MMLU", "5-shot em"),
        ("BBH", "3-shot em"),
        ("BBH", "3-shot em CoT"),
        ("MATH", "4-shot em"),
        ("MATH", "4-shot em CoT"),
        ("HumanEval", "0-shot pass@1"),
        ("MBPP", "3-shot pass@1"),
    }


def test_fifty_models_have_all_five_scores_by_the_papers_protocol() -> None:
    scores = load("reported_scores").filter("is_paper_protocol")
    complete = scores.group_by("model_id").agg(pl.col("benchmark").n_unique() == 5)
    assert complete["benchmark"].sum() >= 50


# --- prices and levels -----------------------------------------------------------------------------


def test_the_papers_price_points_fall_from_20_dollars_to_7_5_cents() -> None:
    points = load("list_prices").filter(source="nmi-2025").sort("valid_from")
    assert points.height == 10
    assert points["flag"].unique().to_list() == ["figure"]
    first, last = (
        points.row(0, named=True),
        points.filter(model="Gemini-1.5-Flash").row(0, named=True),
    )
    assert (first["valid_from"], first["input_usd_per_mtok"]) == (date(2022, 11, 30), 20)
    assert (last["valid_from"], last["input_usd_per_mtok"]) == (date(2024, 8, 12), 0.075)


def test_davinci_cost_20_dollars_until_it_was_shut_down() -> None:
    row = load("list_prices").filter(model="text-davinci-003").row(0, named=True)
    assert (row["input_usd_per_mtok"], row["output_usd_per_mtok"]) == (20, 20)
    assert row["valid_from"].strftime("%Y-%m") == "2022-11"
    assert row["valid_to"] == date(2024, 1, 4)


def test_gpt_3_cost_60_dollars_until_september_2022_and_then_20() -> None:
    rows = load("list_prices").filter(provider="openai", model="davinci").sort("valid_from")
    assert rows.select("input_usd_per_mtok", "output_usd_per_mtok", "valid_to").rows() == [
        (60, 60, date(2022, 9, 1)), (20, 20, date(2024, 1, 4)),
    ]  # fmt: skip


def test_prices_of_one_offer_do_not_overlap() -> None:
    prices = load("list_prices").filter(source="list-prices").sort("valid_from")
    for _, offer in prices.group_by("provider", "model", "context_over_tokens"):
        for earlier, later in pairwise(offer.iter_rows(named=True)):
            assert earlier["valid_to"] is not None
            assert earlier["valid_to"] <= later["valid_from"]


def test_our_list_prices_name_where_they_come_from() -> None:
    assert load("list_prices")["source_url"].null_count() == 0


def test_levels_are_ordered_and_their_models_reach_them() -> None:
    levels = load("capability_levels").sort("score")
    assert levels["level"].to_list() == ["gpt-3", "gpt-3.5", "gpt-4", "gpt-4o", "o1-preview", "o1"]
    scores = load("capability_scores")
    for level in levels.filter(pl.col("level") != "gpt-3").iter_rows(named=True):
        published = scores.filter(canonical_id=level["defined_by"], benchmark="MMLU")["score"]
        assert level["score"] in published.to_list()


def test_standard_errors_are_binomial_over_the_benchmark() -> None:
    mmlu_questions = 14_042
    for frame in (load("capability_levels"), load("capability_scores")):
        p = frame["score"].to_numpy()
        np.testing.assert_allclose(
            frame["std_error"].to_numpy(), np.sqrt(p * (1 - p) / mmlu_questions), atol=1e-6
        )


# --- sources -------------------------------------------------------------------------------------


def test_price_sources_are_listed() -> None:
    assert set(load("list_prices")["source"]) <= set(load("sources")["source"])


def test_the_embedded_price_list_is_the_locked_one() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    [locked] = [package for package in lock["package"] if package["name"] == "genai-prices"]
    listed = load("sources").filter(source="genai-prices").row(0, named=True)
    assert listed["version"] == locked["version"]
    assert str(listed["published_at"]) == locked["sdist"]["upload-time"][:10]


# --- against the recorded data ---------------------------------------------------------------------


@pytest.mark.shared
@needs_shared
def test_the_papers_figures_are_as_recorded() -> None:
    recorded = pl.read_csv(SHARED / "paper" / "nmi_fig1_models.csv")
    joined = load("nmi_models").join(recorded, on="model", how="left", validate="1:1")
    assert joined["rho_fig1"].to_list() == joined["density"].to_list()
    # The recorded scores are rounded to a tenth of a point, and take every model as dense.
    dense = joined.filter(pl.col("density_basis") == "nonembedding")
    implied = dense["implied_avg_score_D0_5T"].to_numpy() / 100
    np.testing.assert_allclose(dense["score"].to_numpy(), implied, atol=0.0011)


@pytest.mark.shared
@needs_shared
def test_parameter_totals_agree_with_counts_of_real_files() -> None:
    truth = pl.read_csv(SHARED / "hub" / "params_truth.csv").filter(
        pl.col("basis") == "hub safetensors.total"
    )
    joined = load("base_models").join(truth, left_on="model_id", right_on="hf_id")
    assert joined.height >= 4
    # gpt-neox-20b's file also holds attention masks, 0.9 % of its elements
    np.testing.assert_allclose(
        joined["params_total_right"].to_numpy(), joined["params_total"].to_numpy(), rtol=0.01
    )
