"""What the bundled facts give: how many densities, and what the first pages and a README say of them."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density import densities as per_model
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.facts import FOLDER, load
from densing_pipeline.facts.score_rules import below_guessing
from densing_pipeline.paper import NMI_AVERAGE, NMI_PREFIX
from densing_pipeline.stats.quantile import quantile_line
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import REFERENCE_POINTS

README = Path(FOLDER / "README.md")
PYTHIA = "EleutherAI/pythia-70m-deduped"


@pytest.fixture(scope="module")
def base(real_densities: pl.DataFrame) -> pl.DataFrame:
    """Densities of base models, the paper's plotted rows left out."""
    return real_densities.filter(
        pl.col("density").is_not_null(), ~pl.col("model_id").str.starts_with(NMI_PREFIX)
    )


def test_densities_of_at_least_230_base_models_62_of_them_newer_than_april_2025(base):
    assert base["model_id"].n_unique() >= 230
    assert base.filter(pl.col("release_date") > date(2025, 4, 30))["model_id"].n_unique() >= 62


def test_no_density_rests_on_a_quote_or_a_row_of_low_confidence(base, models_and_scores):
    models, scores = models_and_scores
    usable = scores.filter(
        "is_paper_protocol", pl.col("scored_by") != "quote", pl.col("source_confidence") != "low"
    )
    assert set(base["model_id"]) <= set(usable["model_id"])
    low = models.filter(source_confidence="low")["model_id"]
    assert low.len() > 0
    assert not base["model_id"].is_in(low.implode()).any()


def test_at_least_270_base_models_have_scores_and_every_other_protocol_is_kept(models_and_scores):
    _, scores = models_and_scores
    reported = scores.filter(source_kind="reported")
    assert reported["model_id"].n_unique() >= 270
    facts = load("reported_scores")
    too_low = facts.filter(below_guessing())
    assert reported.height == facts.height - too_low.height
    assert set(too_low["source_confidence"]) == {"low"}


def test_the_papers_51_models_double_in_106_days(real_densities):
    plotted = real_densities.filter(
        score_set=NMI_AVERAGE, params_basis="nonembedding", reference_id="nmi-2025"
    )
    # On the basis each was plotted on the paper's own records are nine; `test_facts` has the line.
    records = load("nmi_models").filter("is_record")
    assert plotted.height == 51
    days = days_of(records["release_date"])
    slope = np.polyfit(days, records["density"].log().to_numpy(), 1)[0]
    assert round(np.log(2) / slope, 1) == 106.2


def days_of(dates: pl.Series) -> np.ndarray:
    return (dates - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()


def doubling(mmlu: pl.DataFrame, basis: str) -> tuple[float, float, pl.DataFrame]:
    """Days to double by the records and by quantile .9, and the records."""
    series = mmlu.filter(params_basis=basis).filter(pl.col("density").is_not_null())
    records = series.filter("is_record").sort("release_date")
    slope = np.polyfit(days_of(records["release_date"]), records["density"].log(), 1)[0]
    line, _ = quantile_line(
        days_of(series["release_date"]), series["density"].log().to_numpy(), 0.9
    )
    return np.log(2) / slope, np.log(2) / line[0], records


def test_what_near_chance_scores_do_to_the_records(models_and_scores, monkeypatch):
    """The sentence of the facts' README: records move by 20 days with one model near chance."""
    models, scores = models_and_scores
    laws = reference_laws(
        REFERENCE_POINTS.cast(load("reference_points")), load("reference_coefficients")
    )
    law = laws.filter(reference_id="nmi-2025", benchmark="MMLU")
    text = " ".join(README.read_text(encoding="utf-8").split())
    with_rule = per_model.densities(models, scores, law).filter(score_set="mmlu")
    monkeypatch.setattr(per_model, "CHANCE_ERRORS", 0)
    without = per_model.densities(models, scores, law).filter(score_set="mmlu")
    said = {}
    for basis in ("total", "active"):
        said[basis] = doubling(with_rule, basis)
        said[f"{basis} without"] = doubling(without, basis)
    records = said["total without"][2].filter(model_id=PYTHIA).row(0, named=True)
    near = [each.filter(censored="low")["model_id"].n_unique() for each in (with_rule, without)]
    assert (
        f"every {said['total'][0]:.0f} days by total and every {said['active'][0]:.0f} by active "
        f"parameters; without the rule that leaves out {near[0] - near[1]} models within three standard "
        f"errors above guessing, every {said['total without'][0]:.0f} and {said['active without'][0]:.0f}"
    ) in text
    assert f"({records['score']:.4f}) then is the record of {records['release_date']}" in text
    assert (
        f"quantile .9 hardly moves: {said['total'][1]:.0f} and {said['total without'][1]:.0f} days by "
        f"total, {said['active'][1]:.0f} and {said['active without'][1]:.0f} by active parameters"
    ) in text
    ids = [said[name][2]["model_id"].to_list() for name in ("total", "total without")]
    assert ids[1][ids[1].index(PYTHIA) + 1] == "Qwen/Qwen-7B"
    assert len(set(ids[0]) - set(ids[1])) == 4, "hides four of the others"
    first = said["total"][2].sort("release_date")["model_id"][0]
    assert first == "EleutherAI/gpt-j-6b"
    without_first = with_rule.filter(pl.col("release_date") >= date(2023, 2, 24))
    later = without_first.filter(params_basis="total").filter(pl.col("is_record"))
    slope = np.polyfit(days_of(later["release_date"]), later["density"].log(), 1)[0]
    assert f"from 2023-02-24 on they double every {np.log(2) / slope:.0f}" in text
