"""Which benchmark a claim is about and how it was run, by rule; what no rule knows stays as it is given.

A claim names a data set by its id, in words, or both. Both must name the same benchmark; if one names a
subset of the other (`MATH` and `MATH-500`), it is the subset. So must the names of its task and metric and
its notes, if they name a benchmark. A word more, another configuration or another split makes a variant,
which is no protocol of the paper. Not here: the value (`scale`).
"""

import re
from dataclasses import dataclass

from densing_pipeline.benchmarks import DECLARED, REGISTRY, REPORTED_ONLY
from densing_pipeline.hub.claimed_scores.documents import CARD, RESULTS, SHOTS, Claim

DATASETS = {
    "cais/mmlu": "MMLU",
    "hails/mmlu_no_train": "MMLU",
    "lukaemon/mmlu": "MMLU",
    "TIGER-Lab/MMLU-Pro": "MMLU-Pro",
    "edinburgh-dawg/mmlu-redux": "MMLU-Redux",
    "edinburgh-dawg/mmlu-redux-2.0": "MMLU-Redux",
    "microsoft/MMLU-CF": "MMLU-CF",
    "lukaemon/bbh": "BBH",
    "maveriq/bigbenchhard": "BBH",
    "SaylorTwift/bbh": "BBH",
    "hendrycks/competition_math": "MATH",
    "EleutherAI/hendrycks_math": "MATH",
    "lighteval/MATH": "MATH",
    "DigitalLearningGmbH/MATH-lighteval": "MATH",
    "HuggingFaceH4/MATH-500": "MATH-500",
    "openai/openai_humaneval": "HumanEval",
    "evalplus/humanevalplus": "HumanEval+",
    "google-research-datasets/mbpp": "MBPP",
    "evalplus/mbppplus": "MBPP+",
    "openai/gsm8k": "GSM8K",
    "mandarjoshi/trivia_qa": "TriviaQA",
    "google-research-datasets/nq_open": "NQ-open",
    "Rowan/hellaswag": "HellaSwag",
    "Idavidrein/gpqa": "GPQA",
    "ceval/ceval-exam": "C-Eval",
    "bigcode/bigcodebench": "BigCodeBench",
    "livecodebench/code_generation_lite": "LiveCodeBench",
    "m-a-p/SuperGPQA": "SuperGPQA",
}
"""Data sets of the Hub by their id; another owner's data set of the same name is another one."""

WORDS = {
    "MMLU": ("hendrycks_test", "hendryckstest", "massive multitask language understanding"),
    "BBH": ("big-bench hard", "big_bench_hard", "bigbenchhard"),
    "MATH": ("hendrycks_math", "competition_math", "minerva_math", "hendrycks math"),
    "MATH-500": ("math500",),
    "MATH-Lvl5": ("math lvl 5", "math level 5", "math_hard"),
    "HumanEval": ("openai_humaneval", "openai humaneval"),
    "HumanEval+": ("humanevalplus", "humaneval plus"),
    "MBPP": (),
    "MBPP+": ("mbppplus", "mbpp plus"),
    "ARC-C": ("arc-challenge", "arc challenge", "ai2 reasoning challenge", "arc_c"),
    "GPQA-Diamond": ("gpqa diamond", "gpqa_diamond"),
    "C-Eval": ("ceval",),
}
"""Further words for benchmarks; the benchmark's own name always counts."""

CONFIGS = {
    ("ai2_arc", "arc-challenge"): "ARC-C",
    ("allenai/ai2_arc", "arc-challenge"): "ARC-C",
    ("idavidrein/gpqa", "gpqa_diamond"): "GPQA-Diamond",
    ("idavidrein/gpqa", "diamond"): "GPQA-Diamond",
}
"""Benchmarks that are one configuration of a data set."""

WHOLE = frozenset({"", "all", "default", "main", "full", "test"})
"""Configurations and splits that are the benchmark as a whole."""

SUBSETS = {
    "MATH-500": "MATH",
    "MATH-Lvl5": "MATH",
    "GPQA-Diamond": "GPQA",
    "MMLU-Redux": "MMLU",
    "MMLU-Pro": "MMLU",
    "MMLU-CF": "MMLU",
    "HumanEval+": "HumanEval",
    "MBPP+": "MBPP",
    "SuperGPQA": "GPQA",
}
"""Benchmarks that are also called by the name of the one they were taken or made from."""

METRICS = {
    "acc": "acc",
    "accuracy": "acc",
    "acc_norm": "acc_norm",
    "normalized accuracy": "acc_norm",
    "em": "em",
    "exact_match": "em",
    "exact match": "em",
    "pass@1": "pass@1",
    "pass_at_1": "pass@1",
}
"""Metrics that are shares of right answers, as `protocol` writes them."""

_METRIC_IN_TEXT = re.compile(
    r"(?<![\w@])(acc_norm|accuracy|acc|exact[ _]match|em|pass@1)(?![\w@])", re.IGNORECASE
)
_CHAIN_OF_THOUGHT = re.compile(r"\bcot\b|chain[ -]of[ -]thought", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")


@dataclass(frozen=True)
class Recognised:
    """What the rules make of a claim.

    Attributes:
        benchmark: name in `densing_pipeline.benchmarks`, if it is known.
        metric: share of right answers, as `protocol` writes it, if it is known.
        protocol: shots, metric, prompting and variant in the words of `facts.score_rules.PROTOCOL`;
            None without a known metric.
        is_paper_protocol: whether benchmark and protocol are the paper's.
        reason: why the benchmark or the protocol is not known, or is not the paper's.
    """

    benchmark: str | None = None
    metric: str | None = None
    protocol: str | None = None
    is_paper_protocol: bool = False
    reason: str | None = None


def recognise(claim: Claim) -> Recognised:
    """Benchmark and protocol of a claim."""
    benchmark, variant, reason = _benchmark(claim)
    metric, no_metric = _metric(claim)
    if benchmark is None or metric is None:
        return Recognised(benchmark, metric, reason=reason or no_metric)
    if len(claim.shots) > 1:
        several = " and ".join(map(str, sorted(claim.shots)))
        return Recognised(benchmark, metric, reason=f"{several} shots are stated")
    protocol = _protocol(claim, metric, variant)
    wanted = REGISTRY[benchmark].reported_protocols if benchmark in REGISTRY else ()
    if not wanted:
        return Recognised(benchmark, metric, protocol, reason="no density rests on this benchmark")
    if protocol not in wanted:
        reason = f"{protocol!r} is not the paper's protocol ({' or '.join(wanted)})"
        return Recognised(benchmark, metric, protocol, reason=reason)
    return Recognised(benchmark, metric, protocol, is_paper_protocol=True)


def _benchmark(claim: Claim) -> tuple[str | None, str, str | None]:
    """The benchmark and what makes it a variant; or None and the reason."""
    dataset, name = claim.dataset or "", claim.dataset_name or ""
    by_config = next(
        (
            found
            for part in (claim.config, claim.task)
            if (found := CONFIGS.get(_key(dataset, part)))
        ),
        None,
    )
    by_id = by_config or _BY_ID.get(dataset.lower()) or _BY_WORD.get(_word(dataset))
    if by_id is None and dataset.lower() not in _WITH_CONFIGS:
        return None, "", f"data set {dataset!r} is not known"
    by_name = _BY_WORD.get(_word(name)) if name and name.lower() != dataset.lower() else by_id
    benchmark = by_id or by_name
    if benchmark is None:
        return None, "", f"which part of data set {dataset!r} is meant is not known"
    told = [("name", name, by_name)] if by_name else []
    told += [(what, text, each) for what, text in _remarks(claim) for each in _named_in(text)]
    for what, text, each in told:
        agreed = _agreed(benchmark, each)
        if agreed is None:
            why = f"data set {dataset!r} is {benchmark}, but its {what} {text!r} is {each}"
            return None, "", why
        benchmark = agreed
    return benchmark, _variant(claim, benchmark, is_named=by_name is not None), None


def _remarks(claim: Claim) -> list[tuple[str, str]]:
    """Texts of a claim that may name its benchmark beside the data set, each with what it is."""
    # The task of evaluation results is a part of the data set (`_variant`).
    task = claim.task if claim.record == CARD else None
    found = (("task", task), ("metric", claim.metric_name), ("notes", claim.notes))
    return [(what, text) for what, text in found if text]


def _named_in(text: str) -> list[str]:
    """The benchmarks that a text names, each by the longest of the names that fit."""
    return [_BY_WORD[_word(found)] for found in _BENCHMARK_IN_TEXT.findall(text)]


def _agreed(one: str, other: str) -> str | None:
    """The benchmark that two names mean: the same one, or a subset of the other; None if neither is so."""
    if one == other or SUBSETS.get(one) == other:
        return one
    return other if SUBSETS.get(other) == one else None


def _variant(claim: Claim, benchmark: str, *, is_named: bool) -> str:
    """What the claim says beyond the benchmark: an unknown name, words in brackets, a part of it."""
    name = claim.dataset_name or ""
    beyond = _IN_BRACKETS.findall(name) if is_named else [name]
    task = claim.task if claim.record == RESULTS else None
    for part in (claim.config, task):
        is_whole = (part or "").lower() in WHOLE or _BY_WORD.get(_word(part or "")) == benchmark
        if not is_whole and CONFIGS.get(_key(claim.dataset, part)) != benchmark:
            beyond.append(part or "")
    if (claim.split or "").lower() not in WHOLE:
        beyond.append(f"{claim.split} split")
    legible = (re.sub(r"[()\[\]]", " ", SHOTS.sub("", each)).strip(" ,;_-") for each in beyond)
    return ", ".join(each for each in legible if each and not _CHAIN_OF_THOUGHT.fullmatch(each))


def _metric(claim: Claim) -> tuple[str | None, str | None]:
    """The metric, in evaluation results from their notes; or None and the reason."""
    if claim.record == RESULTS:
        found = {METRICS[each.lower()] for each in _METRIC_IN_TEXT.findall(claim.notes or "")}
        return (found.pop(), None) if len(found) == 1 else (None, "no metric is stated")
    kind, name = (claim.metric or "").lower(), (claim.metric_name or "").lower()
    by_kind, by_name = METRICS.get(kind), METRICS.get(name)
    if by_kind is None:
        return None, f"metric {claim.metric!r} is none of those known"
    if by_name not in (None, by_kind):
        return None, f"metric {claim.metric!r} has the name {claim.metric_name!r}"
    return by_kind, None


def _protocol(claim: Claim, metric: str, variant: str) -> str:
    texts = (claim.dataset_name, claim.task, claim.metric_name, claim.notes)
    shots = next(iter(claim.shots), None)
    is_chained = any(_CHAIN_OF_THOUGHT.search(text or "") for text in texts)
    return (
        (f"{shots}-shot " if shots is not None else "")
        + metric
        + (" CoT" if is_chained else "")
        + (", shots not stated" if shots is None else "")
        + (f" ({variant})" if variant else "")
    )


def _key(dataset: str | None, part: str | None) -> tuple[str, str]:
    """A key of `CONFIGS`."""
    return (dataset or "").lower(), (part or "").lower()


def _word(text: str) -> str:
    """A name without shots, brackets and separators, to compare names by."""
    plain = _IN_BRACKETS.sub("", SHOTS.sub("", text))
    return re.sub(r"[\s_\-]+", "", plain).lower()


_BY_ID = {dataset.lower(): benchmark for dataset, benchmark in DATASETS.items()}
_WITH_CONFIGS = {dataset for dataset, _ in CONFIGS}
_NAMED = {
    word: benchmark
    for benchmark in (*(each.name for each in DECLARED), *REPORTED_ONLY)
    for word in (benchmark, *WORDS.get(benchmark, ()))
}
_BY_WORD = {_word(word): benchmark for word, benchmark in _NAMED.items()}
_BENCHMARK_IN_TEXT = re.compile(
    r"(?<![a-z0-9])(?:"
    + "|".join(
        r"[\s_\-]*".join(map(re.escape, re.split(r"[\s_\-]+", word)))
        for word in sorted(_NAMED, key=len, reverse=True)
    )
    + r")(?![a-z0-9+])",
    re.IGNORECASE,
)
