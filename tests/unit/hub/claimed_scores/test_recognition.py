"""Which benchmark a claim is about, and how it was run: real spellings, and their near relatives."""

import pytest

from densing_pipeline.facts.score_rules import PROTOCOL
from densing_pipeline.hub.claimed_scores.documents import CARD, RESULTS, claims
from densing_pipeline.hub.claimed_scores.recognition import recognise


def of_card(dataset, name, metric="acc", metric_name=None, *, task=None, **more):
    """The claim of one result of `model-index`; `args`, `config` and `split` are of the data set."""
    result = {
        "task": {"type": "text-generation", "name": task},
        "dataset": {"type": dataset, "name": name, **more},
        "metrics": [{"type": metric, "value": 57.93, "name": metric_name}],
    }
    (claim,) = claims({"cardData": {"model-index": [{"name": "m", "results": [result]}]}}, {})
    assert claim.record == CARD
    return recognise(claim)


def of_results(dataset, task, notes=None, **more):
    """The claim of one evaluation result."""
    data = {"dataset": {"id": dataset, "task_id": task, **more}, "value": 0.412, "notes": notes}
    (claim,) = claims({"evalResults": [{"filename": "x", "verified": False, "data": data}]}, {})
    assert claim.record == RESULTS
    return recognise(claim)


FEW = {"args": {"num_few_shot": 5}}

# As the Open LLM Leaderboard, the makers of StarCoder and others write them.
SPELLINGS = [
    (("cais/mmlu", "MMLU (5-Shot)", "acc", "accuracy"), FEW, "MMLU", "5-shot acc"),
    (("mmlu", "MMLU", "accuracy", "5-shot"), {}, "MMLU", "5-shot acc"),
    (("hendrycks_test", "Massive Multitask Language Understanding"), FEW, "MMLU", "5-shot acc"),
    (("TIGER-Lab/MMLU-Pro", "MMLU-PRO (5-shot)"), FEW, "MMLU-Pro", "5-shot acc"),
    (("BBH", "BBH (3-Shot)", "acc_norm", "normalized accuracy"), {}, "BBH", "3-shot acc_norm"),
    (("BBH", "BIG-Bench Hard (3-shot, CoT)", "exact_match"), {}, "BBH", "3-shot em CoT"),
    (("MATH", "MATH-500", "pass@1"), {}, "MATH-500", "pass@1, shots not stated"),
    (("HuggingFaceH4/MATH-500", "MATH", "exact_match"), {}, "MATH-500", "em, shots not stated"),
    (
        ("hendrycks/competition_math", "MATH Lvl 5 (4-Shot)", "exact_match"),
        {}, "MATH-Lvl5", "4-shot em",
    ),
    (("openai_humaneval", "HumanEval", "pass@1"), {}, "HumanEval", "pass@1, shots not stated"),
    (
        ("openai_humaneval", "HumanEval (Prompted)", "pass@1"),
        {}, "HumanEval", "pass@1, shots not stated (Prompted)",
    ),
    (("humanevalplus", "HumanEval+", "pass@1"), {}, "HumanEval+", "pass@1, shots not stated"),
    (("humaneval", "HumanEval+", "pass@1"), {}, "HumanEval+", "pass@1, shots not stated"),
    (
        ("ai2_arc", "AI2 Reasoning Challenge (25-Shot)", "acc_norm"),
        {"config": "ARC-Challenge"}, "ARC-C", "25-shot acc_norm",
    ),
    (("GPQA", "GPQA Diamond", "pass@1"), {}, "GPQA-Diamond", "pass@1, shots not stated"),
    (("gsm8k", "GSM8k (5-shot)"), {"config": "main"}, "GSM8K", "5-shot acc"),
    # A part of the benchmark, or another wording of it, is a variant.
    (("cais/mmlu", "MMLU"), {"config": "anatomy"} | FEW, "MMLU", "5-shot acc (anatomy)"),
    (("cais/mmlu", "MMLU"), {"split": "validation"} | FEW, "MMLU", "5-shot acc (validation split)"),
    (("cais/mmlu", "Hungarian MMLU"), FEW, "MMLU", "5-shot acc (Hungarian MMLU)"),
    (("cais/mmlu", "MMLU [Korean]"), FEW, "MMLU", "5-shot acc (Korean)"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "more", "benchmark", "protocol"), SPELLINGS)
def test_a_spelling_in_use_is_recognised(given, more, benchmark, protocol):
    found = of_card(*given, **more)
    assert (found.benchmark, found.protocol) == (benchmark, protocol)
    assert PROTOCOL.fullmatch(found.protocol)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (("OpenLLM-Ro/ro_mmlu", "MMLU"), FEW),
        (("someone/mmlu", "MMLU"), FEW),
        (("nuprl/MultiPL-E", "MultiPL-HumanEval (Python)", "pass@1"), {}),
        (("gsm8k-pal", "GSM8K (PAL)"), {}),
        (("cais/mmlu", "HellaSwag"), FEW),
        (("ai2_arc", "ARC"), {}),
        (("ai2_arc", "ARC"), {"config": "ARC-Easy"}),
        (("mmlu_ro", "mmlu_ro"), FEW),
        (("AIME", "AIME 2025", "pass@1"), {}),
    ],
)
def test_what_no_rule_knows_is_not_guessed(given, more):
    found = of_card(*given, **more)
    assert found.benchmark is None
    assert found.reason
    assert not found.is_paper_protocol


@pytest.mark.parametrize(
    ("given", "more", "reason"),
    [
        (("cais/mmlu", "MMLU (5-Shot)"), FEW, None),
        (("cais/mmlu", "MMLU"), {"args": {"num_few_shot": "5"}}, None),
        (("cais/mmlu", "MMLU"), {}, "'acc, shots not stated' is not the paper's protocol"),
        (("cais/mmlu", "MMLU (0-shot)"), {}, "'0-shot acc' is not the paper's protocol"),
        (("cais/mmlu", "MMLU (25-shot)"), FEW, "5 and 25 shots are stated"),
        (("cais/mmlu", "MMLU", "acc_norm"), FEW, "'5-shot acc_norm' is not the paper's protocol"),
        (("cais/mmlu", "MMLU", "acc", "normalized accuracy"), FEW, "'acc' has the name"),
        (("cais/mmlu", "MMLU", "f1"), FEW, "metric 'f1' is none of those known"),
        (("cais/mmlu", "MMLU [Korean]"), FEW, "'5-shot acc (Korean)' is not the paper's protocol"),
        (("BBH", "BBH (3-Shot)", "acc_norm"), {}, "'3-shot acc_norm' is not the paper's protocol"),
        (("BBH", "BBH (3-Shot)", "exact_match"), {}, None),
        (("MATH", "MATH (4-shot)", "exact_match"), {}, None),
        (("MATH", "MATH-500 (4-shot)", "exact_match"), {}, "no density rests on this benchmark"),
        (("MATH", "MATH (4-shot)", "acc"), {}, "'4-shot acc' is not the paper's protocol"),
        (("humaneval", "HumanEval (0-shot)", "pass@1"), {}, None),
        (("humaneval", "HumanEval (zero-shot)", "pass@1"), {}, None),
        (("humaneval", "HumanEval", "pass@1"), {}, "'pass@1, shots not stated' is not the paper's"),
        (("humaneval", "HumanEval+ (0-shot)", "pass@1"), {}, "no density rests on this benchmark"),
        (("mbpp", "MBPP (3-shot)", "pass@1"), {}, None),
        (("gsm8k", "GSM8k (5-shot)"), {}, "no density rests on this benchmark"),
    ],
)
def test_only_the_papers_shots_and_metric_are_its_protocol(given, more, reason):
    found = of_card(*given, **more)
    assert found.is_paper_protocol == (reason is None)
    assert (reason or "") in (found.reason or "")


MATH = ("hendrycks/competition_math", "MATH (4-shot)", "exact_match")


@pytest.mark.parametrize(
    ("given", "task", "benchmark"),
    [
        (MATH, "Text Generation", "MATH"),
        (MATH, "Mathematical reasoning", "MATH"),
        (MATH, "MATH, 4-shot", "MATH"),
        (MATH, "MATH-500", "MATH-500"),
        ((*MATH, "exact match"), None, "MATH"),
        ((*MATH, "MATH 500 (4-shot)"), None, "MATH-500"),
        ((*MATH, "hendrycks_math500"), None, "MATH-500"),
        ((*MATH, "leaderboard_math_hard"), None, "MATH-Lvl5"),
        ((*MATH, "GSM8K"), None, None),
        (("HuggingFaceH4/MATH-500", "MATH", "exact_match", "MATH"), None, "MATH-500"),
        (("cais/mmlu", "MMLU", "acc", "MMLU (5-shot)"), None, "MMLU"),
        (("cais/mmlu", "MMLU", "acc", "MMLU-Pro (5-shot)"), None, "MMLU-Pro"),
        (("openai_humaneval", "HumanEval", "pass@1", "pass@1 (HumanEval)"), None, "HumanEval"),
        (("openai_humaneval", "HumanEval", "pass@1", "pass@1 (HumanEval+)"), None, "HumanEval+"),
        (("openai_humaneval", "HumanEval", "pass@1", "EvalPlus"), None, None),
    ],
)
def test_task_and_metric_may_name_a_variant_of_the_benchmark(given, task, benchmark):
    found = of_card(*given, task=task)
    assert found.benchmark == benchmark
    if benchmark is None:
        assert "but its metric" in found.reason


@pytest.mark.parametrize(
    ("given", "benchmark", "protocol"),
    [
        (
            ("EleutherAI/hendrycks_math", "default", "4-shot em on MATH-500"),
            "MATH-500",
            "4-shot em",
        ),
        (("EleutherAI/hendrycks_math", "default", "4-shot em on MATH"), "MATH", "4-shot em"),
        (("EleutherAI/hendrycks_math", "default", "4-shot em, as on GSM8K"), None, None),
        (("TIGER-Lab/MMLU-Pro", "mmlu_pro"), "MMLU-Pro", None),
        (("Idavidrein/gpqa", "gpqa_diamond"), "GPQA-Diamond", None),
        (("Idavidrein/gpqa", "default"), "GPQA", None),
        (("openai/gsm8k", "main"), "GSM8K", None),
        (("cais/hle", "default"), None, None),
        (("cais/mmlu", "mmlu", "5-shot, accuracy"), "MMLU", "5-shot acc"),
        (("cais/mmlu", "all", "5-shot acc with CoT"), "MMLU", "5-shot acc CoT"),
        (("cais/mmlu", "all", "5-shot; exact match or accuracy"), "MMLU", None),
        (("cais/mmlu", "anatomy", "5-shot acc"), "MMLU", "5-shot acc (anatomy)"),
        (("cais/mmlu", "anatomy_5-shot", "acc"), "MMLU", "5-shot acc (anatomy)"),
    ],
)
def test_evaluation_results_say_in_notes_how_they_were_made(given, benchmark, protocol):
    found = of_results(*given)
    assert (found.benchmark, found.protocol) == (benchmark, protocol)
