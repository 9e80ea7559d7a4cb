"""Rules for rows of `base_models` and `reported_scores`, and findings for a person to check.

A violated rule rejects the file; findings (`review`) are listed by `densing facts check`. Each rule
detects a fault that was found when some 2,330 scores were compared with their sources again.

Not here: checks of single cells (`tables.columns`), and the choice of scores (`density`).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from densing_pipeline.benchmarks import COUNTED, LOWEST_SCORE, REGISTRY
from densing_pipeline.tables.schemas import TableError

PROTOCOL = re.compile(
    r"(\d+(/\d+)?-shot )?(acc|acc_norm|em|pass@1|logprobs)( CoT| answer-only)?( of \d+ samples)?"
    r"(, (shots|prompting) not stated)?( \([^()]+\))?"
)
"""`5-shot em CoT (variant)`: shots, metric, prompting, samples, what is not stated, the variant."""

SPDX = re.compile(r"fact|[A-Za-z0-9.+-]+-[0-9.]+|MIT")
"""`fact`, or text in the form of an SPDX identifier with a version."""

LICENCE = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""The Hub's spelling: SPDX identifiers in lower case, the Hub's own names for the rest."""

SUBSET_STEP = 0.002
"""One item of 500: all scores in such steps are MATH-500, whatever the table calls them."""

SUBSET_ODDS = 1e-3
"""Probability of a chance result below which scores in steps of 1/500 are rejected."""

NO_HARDER = (("MMLU-Pro", "MMLU"), ("HumanEval+", "HumanEval"))
"""Pairs of which the first is the harder form: MMLU with ten options for four, HumanEval with more
tests of the same programs. No model does better on it in one document."""

VARIANTS = (
    ("MMLU", "MMLU-Redux"), ("MMLU", "MMLU-Pro"), ("MMLU", "C-Eval"), ("MATH", "MATH-500"),
    ("MATH", "MATH-Lvl5"), ("HumanEval", "HumanEval+"), ("MBPP", "MBPP+"), ("GPQA", "GPQA-Diamond"),
)  # fmt: skip
"""Benchmarks whose names are mistaken for each other."""

FEWEST_COPIED = 2
"""Fewest models with the same score on two benchmarks in one document for a copied column."""

LONELY_DAYS = 3 * 365
"""Days between a publisher's first model and its second above which the first date is asked about."""

FEWEST_QUOTED = 3
"""Fewest equal numbers in one column of two documents for a quotation."""


class Finding(NamedTuple):
    """A finding for a person to check.

    Attributes:
        rule: short name of the rule.
        what: the rows and what to do.
    """

    rule: str
    what: str


def check_models(models: pl.DataFrame) -> None:
    """Raise if the columns of a base model contradict each other, or one model is in two rows.

    Raises:
        TableError: naming the model and the remedy.
    """
    for row in models.iter_rows(named=True):
        if not LICENCE.fullmatch(row["licence"]):
            raise TableError(
                f"base_models.csv, {row['model_id']}: licence {row['licence']!r}; write the Hub's "
                "identifier in lower case, such as apache-2.0"
            )
        if not row["is_moe"] and row["params_active"] != row["params_total"]:
            raise TableError(
                f"base_models.csv, {row['model_id']}: a dense model uses all its parameters, but "
                f"params_active is {row['params_active']} and params_total {row['params_total']}"
            )
    spelled = models.with_columns(spelling=_spelling(pl.col("model_id")))
    for (_,), rows in spelled.group_by("spelling", maintain_order=True):
        if rows.height > 1:
            raise TableError(
                f"base_models.csv: {' and '.join(rows['model_id'])} are spellings of one model; keep "
                "the row with the name on the Hub, and move the scores of the other to it"
            )


def _spelling(model_id: pl.Expr) -> pl.Expr:
    """The name without namespace, case, the words `base`, `pt` and `hf`, and with one separator."""
    name = model_id.str.split("/").list.last().str.to_lowercase()
    return name.str.replace_all(r"(^|[-_. ])(base|pt|hf)\b", "").str.replace_all(r"[-_ ]+", "-")


def check_scores(scores: pl.DataFrame) -> None:
    """Raise if the protocol, licence or benchmark name of a score is invalid.

    Raises:
        TableError: naming model, benchmark, source and remedy.
    """
    for row in scores.iter_rows(named=True):
        if problem := _problem(row):
            raise TableError(
                f"reported_scores.csv, {row['model_id']}, {row['benchmark']}, {row['source']}: "
                f"{problem}"
            )
    for problem in _mislabelled(scores):
        raise TableError(f"reported_scores.csv, {problem}")
    for source, protocol in _subsets(scores.filter("is_paper_protocol")):
        raise TableError(
            f"reported_scores.csv, {source}: every MATH score under {protocol!r} is a multiple of "
            "1/500, so it is MATH-500; write that benchmark, or say in the protocol what the source "
            "says and set is_paper_protocol to false"
        )


def _problem(row: dict[str, object]) -> str | None:
    protocol, benchmark = str(row["protocol"]), str(row["benchmark"])
    if not PROTOCOL.fullmatch(protocol):
        return (
            f"protocol {protocol!r}; write shots, metric, prompting and the variant in brackets, such "
            "as '5-shot em CoT (lm-eval)', or 'em, shots not stated'"
        )
    in_paper = REGISTRY[benchmark].reported_protocols if benchmark in REGISTRY else ()
    if row["is_paper_protocol"] and protocol not in in_paper:
        wanted = " or ".join(in_paper)
        return (
            f"{protocol!r} is not the paper's protocol "
            f"({wanted or 'the paper has no such benchmark'}); set is_paper_protocol to false"
        )
    if not SPDX.fullmatch(str(row["licence_basis"])):
        return (
            f"licence_basis {row['licence_basis']!r}; write fact for a number cited from a document, "
            "else the data set's SPDX identifier; without a licence the row must stay out"
        )
    lowest = LOWEST_SCORE.get(benchmark, 0.0)
    if row["score"] < lowest and row["source_confidence"] != "low":  # type: ignore[operator]
        return (
            f"score {row['score']} is under half of guessing ({lowest:g}); correct its unit, or set "
            "source_confidence to low if answers were not recognised"
        )
    return None


def _mislabelled(scores: pl.DataFrame) -> Iterator[str]:
    """Scores that stand under the name of another benchmark, by the other scores of the document."""
    for harder, easier in NO_HARDER:
        for row in _beside(scores, harder, easier).iter_rows(named=True):
            if row["score"] > row["score_other"]:
                yield (
                    f"{row['model_id']}, {row['source']}: {harder} {row['score']} is above {easier} "
                    f"{row['score_other']}, though it is the harder form; were the two mixed up?"
                )
    for one, other in VARIANTS:
        equal = _beside(scores, one, other).filter(pl.col("score") == pl.col("score_other"))
        for (source,), rows in equal.group_by("source", maintain_order=True):
            if rows["model_id"].n_unique() >= FEWEST_COPIED:
                yield (
                    f"{source}: {' and '.join(sorted(set(rows['model_id'])))} have the same score on "
                    f"{one} and {other}, so one column was copied; read both again"
                )


def _beside(scores: pl.DataFrame, one: str, other: str) -> pl.DataFrame:
    """Scores of one model on two benchmarks in one document, under the same shots."""
    shots = pl.col("protocol").str.extract(r"^(\S+-shot)")
    by = ["model_id", "source", "shots"]
    left, right = (scores.filter(benchmark=name).with_columns(shots=shots) for name in (one, other))
    return left.join(right.select(*by, score_other="score"), on=by, nulls_equal=True)


def _subsets(scores: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Sources and protocols whose MATH scores all are multiples of 1/500 beyond chance."""
    of_math = scores.filter(pl.col("benchmark") == "MATH")
    groups = of_math.group_by("source", "protocol", maintain_order=True)
    for (source, protocol), group in groups:
        values = group["score"].unique().to_list()
        if all(abs(value / SUBSET_STEP - round(value / SUBSET_STEP)) < 1e-6 for value in values):
            # Of numbers with three digits every second is such a multiple, of four every twentieth.
            digits = max(len(f"{value:.4f}".rstrip("0").split(".")[1]) for value in values)
            if (0.05 if digits > 3 else 0.5) ** len(values) < SUBSET_ODDS:
                yield str(source), str(protocol)


def is_counted() -> pl.Expr:
    """Whether a reported score is under the protocol that counts for its benchmark (`benchmarks.COUNTED`)."""
    counted = [f"{benchmark} {protocol}" for benchmark, protocol in sorted(COUNTED)]
    return pl.concat_str("benchmark", "protocol", separator=" ").is_in(counted)


def below_guessing() -> pl.Expr:
    """Whether the score of a row is so far below guessing that it is no score of its benchmark."""
    lowest = pl.col("benchmark").replace_strict(
        dict(LOWEST_SCORE), default=0.0, return_dtype=pl.Float64
    )
    return pl.col("score") < lowest


def review(scores: pl.DataFrame) -> list[Finding]:
    """Findings for a person to check: quotations and repeated rows. None of them rejects the file.

    Args:
        scores: the fact table `reported_scores`.
    """
    return [*_quotations(scores), *_repeated(scores)]


def review_models(models: pl.DataFrame) -> list[Finding]:
    """Models released years before the next of their publisher, which may be a wrong year.

    Args:
        models: the fact table `base_models`.
    """
    dated = models.with_columns(
        namespace=pl.col("model_id").str.split("/").list.first().str.to_lowercase()
    ).sort("release_date", "model_id")
    first = dated.group_by("namespace", maintain_order=True).agg(
        pl.col("model_id", "release_date").first(),
        next_date=pl.col("release_date").get(1, null_on_oob=True),
    )
    lonely = (pl.col("next_date") - pl.col("release_date")).dt.total_days() > LONELY_DAYS
    return [
        Finding(
            "early",
            f"{row['model_id']} was released on {row['release_date']}, the next of its publisher on "
            f"{row['next_date']}; is the year right?",
        )
        for row in first.filter(lonely).iter_rows(named=True)
    ]


def _quotations(scores: pl.DataFrame) -> Iterator[Finding]:
    """Rivals' columns that repeat the maker's own numbers: three or more equal, no fewer than half."""
    own = scores.filter(pl.col("scored_by") == "maker")
    others = scores.filter(pl.col("scored_by").is_in(["rival", "third_party"]))
    pairs = others.join(own, on=["model_id", "benchmark"], suffix="_maker").filter(
        pl.col("source") != pl.col("source_maker")
    )
    counted = (
        pairs.group_by("model_id", "source", "source_maker")
        .agg(
            n=pl.col("benchmark").n_unique(),
            equal=pl.col("benchmark").filter(pl.col("score") == pl.col("score_maker")).n_unique(),
        )
        .filter((pl.col("equal") >= FEWEST_QUOTED) & (pl.col("equal") * 2 >= pl.col("n")))
        .sort("source", "model_id", "source_maker")
    )
    for row in counted.iter_rows(named=True):
        yield Finding(
            "quotation",
            f"{row['source']} gives {row['equal']} of {row['n']} scores of {row['model_id']} exactly "
            f"as {row['source_maker']} does; if it says so, set scored_by to quote",
        )


def _repeated(scores: pl.DataFrame) -> Iterator[Finding]:
    """Numbers that one maker published in two documents and that are in two rows."""
    same = (
        scores.filter(pl.col("scored_by") == "maker")
        .group_by("model_id", "benchmark", "protocol", "score")
        .agg(pl.col("source").sort())
        .filter(pl.col("source").list.len() > 1)
        .sort("model_id", "benchmark", "protocol")
    )
    for row in same.iter_rows(named=True):
        yield Finding(
            "repeated",
            f"{row['model_id']}, {row['benchmark']}: {row['score']} stands in "
            f"{' and in '.join(row['source'])}; one row is one measurement",
        )
