"""Rules that the facts keep to, each on both sides of its edge."""

from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import LOWEST_SCORE
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.density.score_conflicts import score_conflicts
from densing_pipeline.facts import score_rules
from densing_pipeline.facts.consistency import check
from densing_pipeline.facts.tables import REPORTED_SCORES
from densing_pipeline.tables.schemas import TableError


def changed(**values: object) -> pl.DataFrame:
    """The bundled scores, the first under the paper's MMLU protocol changed."""
    scores = facts.load("reported_scores")
    first = scores.with_row_index("row").filter(benchmark="MMLU", is_paper_protocol=True)["row"][0]
    at = pl.int_range(pl.len()) == first
    return scores.with_columns(
        pl.when(at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_the_bundled_facts_keep_to_the_rules():
    scores, models = facts.load("reported_scores"), facts.load("base_models")
    score_rules.check_scores(scores)
    score_rules.check_models(models)
    assert scores.height > 3600
    assert models.height > 280


@pytest.mark.parametrize(
    "protocol",
    [
        "5-shot acc, prompt changed",
        "five shots",
        "5 shot acc",
        "",
        "5-shot acc (lm-eval",
        "acc 5-shot",
    ],
)
def test_a_protocol_outside_the_vocabulary_is_refused(protocol):
    with pytest.raises(TableError, match="write shots, metric, prompting"):
        check("reported_scores", changed(protocol=protocol, is_paper_protocol=False), facts.load)


@pytest.mark.parametrize(
    "protocol",
    [
        "acc, shots not stated",
        "5-shot acc (lm-eval)",
        "0-shot pass@1 of 10 samples",
        "3/5-shot em CoT (English)",
    ],
)
def test_what_the_vocabulary_can_say_is_taken(protocol):
    taken = check(
        "reported_scores", changed(protocol=protocol, is_paper_protocol=False), facts.load
    )
    assert protocol in taken["protocol"]


@pytest.mark.parametrize(
    ("benchmark", "protocol"),
    [
        ("MMLU", "acc, shots not stated"),
        ("MMLU", "5-shot acc (lm-eval)"),
        ("MMLU", "0-shot acc"),
        ("GSM8K", "5-shot em"),
    ],
)
def test_only_the_papers_shots_and_metric_are_the_papers_protocol(benchmark, protocol):
    with pytest.raises(TableError, match="set is_paper_protocol to false"):
        check("reported_scores", changed(benchmark=benchmark, protocol=protocol), facts.load)


def test_rows_of_a_data_set_without_a_licence_stay_out():
    with pytest.raises(TableError, match="without a licence the row must stay out"):
        check("reported_scores", changed(licence_basis="none stated"), facts.load)
    check("reported_scores", changed(licence_basis="CC-BY-4.0"), facts.load)


def maths(values: list[float], benchmark: str = "MATH") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_id": [f"org/{i}" for i in range(len(values))],
            "benchmark": benchmark,
            "protocol": "4-shot em",
            "is_paper_protocol": True,
            "score": values,
            "scored_by": "rival",
            "source": "report",
            "licence_basis": "fact",
        }
    )


def test_math_500_under_the_name_of_math_is_refused():
    steps = [0.002 * k for k in (51, 93, 142, 177, 211, 246, 262, 291, 303, 312)]
    with pytest.raises(TableError, match="so it is MATH-500"):
        score_rules.check_scores(maths(steps))
    score_rules.check_scores(maths([*steps[:-1], 0.625]))
    score_rules.check_scores(maths(steps[:9]))
    score_rules.check_scores(
        maths(steps, "HumanEval").with_columns(protocol=pl.lit("0-shot pass@1"))
    )


def test_a_dense_model_uses_all_its_parameters():
    models = facts.load("base_models").with_columns(
        params_active=pl.when(~pl.col("is_moe"))
        .then(pl.col("params_total") - 1)
        .otherwise("params_active")
    )
    with pytest.raises(TableError, match="a dense model uses all its parameters"):
        check("base_models", models, facts.load)


def test_licences_are_written_as_the_hub_does():
    models = facts.load("base_models").with_columns(licence=pl.lit("Apache 2.0"))
    with pytest.raises(TableError, match=r"such as apache-2\.0"):
        check("base_models", models, facts.load)


def columns(*rival: float) -> pl.DataFrame:
    maker = [0.1, 0.2, 0.3, 0.4]
    return pl.DataFrame(
        {
            "model_id": "org/m",
            "benchmark": ["MMLU", "BBH", "MATH", "MBPP"][: len(rival)] * 2,
            "protocol": "p",
            "score": [*maker[: len(rival)], *rival],
            "scored_by": ["maker"] * len(rival) + ["rival"] * len(rival),
            "source": ["own report"] * len(rival) + ["their report"] * len(rival),
        }
    )


def test_a_column_equal_to_the_makers_is_pointed_out_as_a_quotation():
    [finding] = score_rules.review(columns(0.1, 0.2, 0.3, 0.5))
    assert finding.rule == "quotation"
    assert "their report gives 3 of 4 scores of org/m exactly as own report does" in finding.what
    assert score_rules.review(columns(0.1, 0.2, 0.35, 0.5)) == []


def test_one_number_of_one_maker_in_two_documents_is_pointed_out():
    rows = columns(0.1).with_columns(scored_by=pl.lit("maker"))
    [finding] = score_rules.review(rows)
    assert finding.rule == "repeated"
    assert "own report and in their report" in finding.what


# --- bad input: refused with the reason, and what is just inside is taken ------------------------


@pytest.mark.parametrize("score", [71.0, -0.01, 1.001, float("nan"), float("inf")])
def test_a_score_outside_fractions_is_refused(score):
    with pytest.raises(TableError, match="score"):
        REPORTED_SCORES.validate(changed(score=score))


@pytest.mark.parametrize("score", [0.71, 0.0, 1.0])
def test_a_fraction_is_taken(score):
    assert REPORTED_SCORES.validate(changed(score=score)).height


def test_a_score_far_under_guessing_is_refused():
    """A percentage divided by 100 twice: .71 % where 71 % is meant."""
    with pytest.raises(TableError, match="under half of guessing"):
        check("reported_scores", changed(score=0.0071), facts.load)
    check("reported_scores", changed(score=0.0071, source_confidence="low"), facts.load)


@pytest.mark.parametrize("benchmark", ["MMLU", "BBH", "GPQA", "SuperGPQA"])
def test_the_edge_of_guessing_is_that_of_the_benchmark(benchmark):
    row = {"benchmark": benchmark, "is_paper_protocol": False}
    lowest = LOWEST_SCORE[benchmark]
    with pytest.raises(TableError, match="under half of guessing"):
        check("reported_scores", changed(score=lowest - 0.001, **row), facts.load)
    check("reported_scores", changed(score=lowest, **row), facts.load)
    # Nothing is guessed right where the answer is free.
    check("reported_scores", changed(score=0.0, **row | {"benchmark": "GSM8K"}), facts.load)


@pytest.mark.parametrize("benchmark", ["CMMLU", "MMLU-redux", "HumanEval-plus", "MATH500"])
def test_a_benchmark_is_written_by_its_name(benchmark):
    with pytest.raises(TableError, match="variants such as MATH-500"):
        REPORTED_SCORES.validate(changed(benchmark=benchmark, is_paper_protocol=False))


@pytest.mark.parametrize("benchmark", ["MMLU-Redux", "MMLU-Pro", "HumanEval+", "MATH-500"])
def test_a_variant_is_a_benchmark_of_its_own_and_never_under_the_papers_protocol(benchmark):
    with pytest.raises(TableError, match="the paper has no such benchmark"):
        check("reported_scores", changed(benchmark=benchmark), facts.load)
    REPORTED_SCORES.validate(changed(benchmark=benchmark, is_paper_protocol=False))


def beside(easier: str, harder: str, *pairs: tuple[float, float], shots: int = 0) -> pl.DataFrame:
    """One document with two benchmarks of several models."""
    rows = [
        {"model_id": f"org/{model}", "benchmark": name, "score": score}
        for model, pair in enumerate(pairs)
        for name, score in zip((easier, harder), pair, strict=True)
    ]
    return pl.DataFrame(rows).with_columns(
        protocol=pl.when(pl.col("benchmark") == easier)
        .then(pl.lit("0-shot pass@1"))
        .otherwise(pl.lit(f"{shots}-shot pass@1")),
        is_paper_protocol=pl.lit(value=False),
        source=pl.lit("report"),
        source_confidence=pl.lit("high"),
        licence_basis=pl.lit("fact"),
    )


@pytest.mark.parametrize(("easier", "harder"), [("HumanEval", "HumanEval+"), ("MMLU", "MMLU-Pro")])
def test_the_harder_form_under_the_name_of_the_easier_is_refused(easier, harder):
    """HumanEval+ as HumanEval, MMLU-Redux as MMLU-Pro: no model does better on the harder form."""
    with pytest.raises(TableError, match="were the two mixed up"):
        score_rules.check_scores(beside(easier, harder, (0.6, 0.601)))
    score_rules.check_scores(beside(easier, harder, (0.6, 0.6)))
    score_rules.check_scores(beside(easier, harder, (0.6, 0.7), shots=5))


def test_one_column_under_two_names_is_refused():
    same = [(0.61, 0.61), (0.72, 0.72)]
    with pytest.raises(TableError, match="so one column was copied"):
        score_rules.check_scores(beside("MMLU", "MMLU-Redux", *same))
    score_rules.check_scores(beside("MMLU", "MMLU-Redux", same[0], (0.72, 0.721)))


def test_zero_shots_in_a_column_of_five_are_no_row_of_the_papers_protocol():
    with pytest.raises(TableError, match="'0-shot acc' is not the paper's protocol"):
        check("reported_scores", changed(protocol="0-shot acc"), facts.load)
    check("reported_scores", changed(protocol="0-shot acc", is_paper_protocol=False), facts.load)


def spelled(model_id: str) -> pl.DataFrame:
    """The bundled models, and one of them under another name."""
    models = facts.load("base_models")
    again = models.filter(model_id="meta-llama/Llama-3.1-8B").with_columns(
        model_id=pl.lit(model_id)
    )
    return pl.concat([models, again])


@pytest.mark.parametrize(
    "model_id",
    [
        "unsloth/Llama-3.1-8B",
        "meta-llama/llama_3.1_8b",
        "meta-llama/Llama-3.1-8B-Base",
        "x/Llama-3.1-8B-hf",
    ],
)
def test_one_model_under_two_spellings_is_refused(model_id):
    with pytest.raises(TableError, match="are spellings of one model"):
        check("base_models", spelled(model_id), facts.load)


@pytest.mark.parametrize("model_id", ["meta-llama/Llama-3.18B", "meta-llama/Llama-3.1-80B"])
def test_names_that_differ_in_more_than_spelling_are_two_models(model_id):
    assert model_id in check("base_models", spelled(model_id), facts.load)["model_id"]


def test_a_model_released_after_the_table_was_compiled_is_refused():
    compiled = facts.load("sources").filter(source="base-models")["published_at"].item()
    models = facts.load("base_models")
    last = pl.int_range(pl.len()) == models["release_date"].arg_max()
    for days, refused in ((0, False), (1, True)):
        moved = models.with_columns(
            pl.when(last)
            .then(pl.lit(compiled + timedelta(days=days)))
            .otherwise("release_date")
            .alias("release_date")
        )
        if refused:
            with pytest.raises(TableError, match="after the table was compiled"):
                check("base_models", moved, facts.load)
        else:
            check("base_models", moved, facts.load)


def test_a_first_model_years_before_the_next_of_its_publisher_is_asked_about():
    models = pl.DataFrame(
        {
            "model_id": ["Org/a", "org/b", "org/c", "alone/d"],
            "release_date": [
                date(2021, 1, 1),
                date(2024, 1, 2),
                date(2024, 5, 1),
                date(2018, 1, 1),
            ],
        }
    )
    [finding] = score_rules.review_models(models)
    assert "Org/a was released on 2021-01-01" in finding.what
    nearer = models.with_columns(
        pl.col("release_date").replace(date(2024, 1, 2), date(2023, 12, 31))
    )
    assert score_rules.review_models(nearer) == []


# --- the eight rules of the audit, on the bundled facts -----------------------------------------


def test_scores_whose_shots_are_not_stated_are_not_the_papers_protocol():
    """Rule 2. Unstated shots are in the protocol, and no such row is under the paper's protocol."""
    unstated = facts.load("reported_scores").filter(pl.col("protocol").str.contains("not stated"))
    assert unstated.height > 300
    assert not unstated["is_paper_protocol"].any()


def test_dates_of_registries_and_repositories_say_so():
    """Rule 3. The days that rivals' documents refute are refused (`test_documents`)."""
    models = facts.load("base_models")
    registry = models.filter(pl.col("source").str.contains("date from a registry"))
    assert registry.height > 0
    assert set(registry["release_date_basis"]) == {"approximate"}
    assert models["release_date_basis"].is_in(["announced", "created_at", "approximate"]).all()


def test_one_label_for_one_harness():
    """Rule 4. NVIDIA runs sanitized MBPP and Minerva's MATH in all its reports."""
    documents = facts.load("score_documents").filter(publisher="nvidia")
    theirs = facts.load("reported_scores").join(documents, on="source_url", how="semi")
    for benchmark, variant in (("MBPP", "sanitized"), ("MATH", "Minerva")):
        rows = theirs.filter(benchmark=benchmark)
        assert rows.height > 0
        assert rows["protocol"].str.contains(f"({variant})", literal=True).all()
        assert not rows["is_paper_protocol"].any()


def test_broken_harnesses_are_kept_and_never_used(models_and_scores):
    """Rule 5. Swallow's BBH of Llama-4-Scout, Seed-OSS's MATH and an instruct model's GSM8K."""
    _, scores = models_and_scores
    pooled = pooled_scores(scores)
    conflicts = score_conflicts(scores, pooled)
    scout = {"model_id": "meta-llama/Llama-4-Scout-17B-16E", "benchmark": "BBH"}
    assert 0.289 in scores.filter(**scout)["score"].to_list()
    assert "0.289 is" in pooled.filter(**scout)["left_out"].item()
    for model, benchmark, score in (
        ("meta-llama/Llama-4-Scout-17B-16E", "BBH", 0.289),
        ("ByteDance-Seed/Seed-OSS-36B-Base", "MATH", 0.087),
    ):
        row = conflicts.filter(model_id=model, benchmark=benchmark)
        assert row["score_low"].item() == pytest.approx(score, abs=5e-4)
        used = row["score"].item()
        assert used is None or used > score + 0.3


def test_totals_that_hold_more_than_the_language_model_say_so():
    """Rule 7. gemma-4-26B-A4B is 25.2 B without its vision tower; Qwen3.5-4B's tower is not known."""
    models = facts.load("base_models")
    assert models.filter(model_id="google/gemma-4-26B-A4B")["params_total"].item() == 25233141760
    tower = models.filter(pl.col("source").str.contains("with vision tower"))
    assert set(tower["total_includes"]) == {"vision_tower"}
    assert models["total_includes"].drop_nulls().len() == tower.height


@pytest.mark.parametrize("licence", ["Apache 2.0", "MIT License", "apache_2.0!", ""])
def test_licences_in_words_are_refused(licence):
    """Rule 8."""
    models = facts.load("base_models").with_columns(licence=pl.lit(licence))
    with pytest.raises(TableError, match="licence"):
        check("base_models", models, facts.load)
