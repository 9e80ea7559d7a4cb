"""Where a density comes from: the tree holds its score, law and draws, and computes it anew."""

import re

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.densities import densities
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.evaluation import reported_scores as reported
from densing_pipeline.publication.lineage import Node, UnknownNumberError, density_lineage
from densing_pipeline.publication.raw_bytes import UNNAMED
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    CLAIMED_SCORES,
    DIRECT_LAWS,
    REFERENCE_LAW_DRAWS,
    REFERENCE_LAWS,
)

MODEL = "01-ai/Yi-1.5-34B"


@pytest.fixture(scope="module")
def released() -> dict[str, pl.DataFrame]:
    """Densities of the bundled models under the published law, which is known exactly."""
    from densing_pipeline.hub import bundled

    laws = REFERENCE_LAWS.cast(
        facts.load("reference_coefficients")
        .filter(reference_id="nmi-2025")
        .with_columns(fit=pl.lit("published"), n_points=33)
    )
    models = bundled.models(facts.load("base_models"), facts.load("nmi_models"))
    scores = reported.scores(
        facts.load("reported_scores"),
        facts.load("nmi_models"),
        facts.load("base_models"),
        facts.load("score_documents"),
    )
    made = densities(models, scores, laws)
    return {
        "models": models,
        "scores": scores,
        "pooled_scores": pooled_scores(scores),
        "reference_laws": laws,
        "reference_law_draws": REFERENCE_LAW_DRAWS.empty(),
        "direct_laws": DIRECT_LAWS.empty(),
        "benchmark_reports": BENCHMARK_REPORTS.empty(),
        "claimed_scores": CLAIMED_SCORES.empty(),
        "densities": made,
        "densing_law": pl.DataFrame(
            {
                "is_headline": [True],
                "reference_id": ["nmi-2025"],
                "score_set": ["nmi-2025-average"],
                "params_basis": ["nonembedding"],
            }
        ),
    }


def averaged(released: dict[str, pl.DataFrame]) -> str:
    """A model that has all five benchmarks."""
    return str(released["densities"].filter(score_set="average")["model_id"].sort()[0])


def nodes(node: Node) -> list[Node]:
    """Every statement of a tree with what it rests on."""
    return [node, *(found for each in node.rests_on for found in nodes(each))]


def told(node: Node) -> list[str]:
    """Every statement of a tree."""
    return [one.text for one in nodes(node)]


def test_the_tree_names_score_source_law_and_what_it_has_no_draws_of(released):
    tree = "\n".join(told(density_lineage(released, "yi-1.5-34b", scores="mmlu")))
    row = released["densities"].filter(
        model_id=MODEL, score_set="mmlu", params_basis="nonembedding"
    )
    assert tree.startswith(f"{MODEL}, released 2024-05-13: density {row['density'].item():.3g} (")
    assert "33.5 B parameters, basis nonembedding" in tree
    assert "MMLU 0.7807, 5-shot acc, by third_party: ObsScaling" in tree
    assert ", the mean of 2 independent sources with 3 documents [pooled_scores]" in tree
    assert "law nmi-2025 for MMLU, published" in tree
    assert "computed anew from score and law: the same" in tree
    assert "the law has no draws" in tree


def test_parameters_each_score_and_the_law_name_their_raw_bytes(released):
    tree = density_lineage(released, "yi-1.5-34b", scores="mmlu")
    sources = [
        one for one in nodes(tree) if one.text.endswith("[scores]") or "source: " in one.text
    ]
    assert len(sources) >= 4
    for one in sources:
        (raw,) = one.rests_on
        assert re.fullmatch(r"raw bytes: sha256 [0-9a-f]{64}, .* on 20\d\d-\d\d-\d\d, .*", raw.text)


def test_a_published_number_that_does_not_follow_is_said_to_differ(released):
    altered = released | {
        "densities": released["densities"].with_columns(pl.col("effective_params") * 1.01)
    }
    tree = "\n".join(told(density_lineage(altered, MODEL, scores="mmlu")))
    assert "which differs" in tree


def test_an_average_rests_on_its_five_scores_and_draws_are_counted(released):
    draws = pl.DataFrame(
        {
            "reference_id": "nmi-2025", "benchmark": "AVERAGE", "draw": [0, 1],
            "a": 2.0, "alpha": [0.11, 0.12], "b": 100.0, "beta": 0.28, "irreducible": 0.0,
            "c": 0.9, "gamma": -24.0, "l": 0.16, "d": 0.1,
        }
    )  # fmt: skip
    drawn = released | {"reference_law_draws": REFERENCE_LAW_DRAWS.cast(draws)}
    tree = told(density_lineage(drawn, averaged(released), scores="average"))
    names = [text.split()[0] for text in tree if "[pooled_scores]" in text]
    assert sorted(names) == ["BBH", "HumanEval", "MATH", "MBPP", "MMLU"]
    assert any(text.startswith("2 draws of the law, alpha from 0.11 to 0.12") for text in tree)


def test_the_headlines_series_is_taken_where_the_model_has_it(released):
    assert "[densities: nmi-2025, nmi-2025-average, nonembedding]" in (
        density_lineage(released, "nmi-2025/Gemma3-12B").text
    )
    other = density_lineage(released, averaged(released))
    assert "[densities: nmi-2025, average, nonembedding]" in other.text


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"model": "no such model"}, "no model with a density has 'no such model' in its id"),
        ({"model": "Yi-1.5"}, "models have 'Yi-1.5' in their ids; give one: 01-ai/Yi-1.5-34B"),
        (
            {"model": MODEL, "scores": "gpqa"},
            "no density with score_set 'gpqa': there are bbh, humaneval",
        ),
        (
            {"model": MODEL, "law": "mine"},
            "no density with reference_id 'mine': there are nmi-2025",
        ),
    ],
)
def test_a_number_that_is_not_there_is_refused_with_those_that_are(released, choices, message):
    with pytest.raises(UnknownNumberError, match=message):
        density_lineage(released, **choices)


def test_a_censored_score_has_no_density_and_the_tree_says_why(released):
    censored = released["densities"].filter(
        pl.col("density").is_null(), params_basis="nonembedding"
    )
    row = censored.row(0, named=True)
    tree = told(density_lineage(released, row["model_id"], scores=row["score_set"]))
    assert f"the score is censored ({row['censored']})" in tree[0]
    assert "no interval: there is no density" in tree


def test_bytes_that_only_the_state_directory_knows_are_said_to_be_there(released):
    of_model = pl.col("model_id") == MODEL
    hub = released["models"].with_columns(
        source=pl.when(of_model).then(pl.lit("huggingface-hub")).otherwise("source")
    )
    tree = density_lineage(released | {"models": hub}, MODEL, scores="mmlu")
    (source,) = [one for one in nodes(tree) if one.text.startswith("source: huggingface-hub")]
    assert [one.text for one in source.rests_on] == [UNNAMED]
