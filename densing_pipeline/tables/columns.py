"""Every column of the project, declared once: type, unit, description and domain.

Schemas, write-time casts, asset checks, the data dictionary and `datapackage.json` are all derived
from these declarations, so a column means the same thing in every table that has it.

They are in one module, in the order of the data flow, because most columns (`score`, `low`, `reason`)
belong to tables of several packages, and a name must mean one thing in all of them. Not here: which table has
which column (`published`, `facts.tables`), and how values are computed.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, NOT_AVERAGED, REPORTED_ONLY
from densing_pipeline.paper import NMI_AVERAGE

INSTANT = pl.Datetime("us", "UTC")

PUBLISHED_BASES = ("history", "dated_page", "arxiv_month", "model_release")
"""How the day on which a document was published is known."""

EARLIEST = date(2018, 1, 1)
LATEST = date(2100, 1, 1)
DATE_REMEDY = "write the date as YYYY-MM-DD, between 2018 and 2100"


@dataclass(frozen=True, slots=True)
class Column:
    """What one column holds, wherever it appears.

    Attributes:
        dtype: polars type it is cast to on write.
        description: one sentence for the data dictionary.
        unit: unit of the values; empty for names and labels.
        above: exclusive lower bound.
        low: inclusive lower bound.
        high: inclusive upper bound.
        allowed: the closed set of labels, if there is one.
        remedy: what to do about a value outside the domain, shown with the error.
    """

    dtype: pl.DataType | type[pl.DataType]
    description: str
    unit: str = ""
    above: float | None = None
    low: float | date | datetime | None = None
    high: float | date | datetime | None = None
    allowed: tuple[str, ...] = ()
    remedy: str = ""


def _text(description: str, *allowed: str, remedy: str = "") -> Column:
    return Column(pl.String, description, allowed=allowed, remedy=remedy)


def _flag(description: str) -> Column:
    return Column(pl.Boolean, description)


def _day(description: str) -> Column:
    return Column(pl.Date, description, "day, UTC", low=EARLIEST, high=LATEST, remedy=DATE_REMEDY)


def _instant(description: str) -> Column:
    return Column(
        INSTANT,
        description,
        "instant, UTC",
        low=datetime(2018, 1, 1, tzinfo=UTC),
        high=datetime(2100, 1, 1, tzinfo=UTC),
        remedy=DATE_REMEDY,
    )


def _number(description: str, unit: str = "1") -> Column:
    return Column(pl.Float64, description, unit)


def _positive(description: str, unit: str, remedy: str = "") -> Column:
    return Column(pl.Float64, description, unit, above=0, remedy=remedy)


def _fraction(description: str) -> Column:
    return Column(
        pl.Float64,
        description,
        "fraction",
        low=0,
        high=1,
        remedy="scores and shares are fractions in [0, 1]: write 0.71 for 71 %",
    )


def _count(description: str, unit: str) -> Column:
    return Column(pl.Int64, description, unit, low=0)


def _params(description: str) -> Column:
    return Column(
        pl.Int64,
        description,
        "parameters",
        above=0,
        remedy="parameters are counts above zero: write 7241732096 for 7.24 B, nothing if unknown",
    )


def _price(description: str) -> Column:
    return Column(
        pl.Float64,
        description,
        "USD per million tokens",
        low=0,
        remedy="prices are USD per million tokens; leave an unknown price empty, never negative",
    )


COLUMNS: dict[str, Column] = {
    # --- identity -------------------------------------------------------------------------------
    "model_id": _text(
        "Model: a Hugging Face Hub id, or `nmi-2025/<label>` for a model as plotted in the paper."
    ),
    "model": _text("Name of the model as its source writes it."),
    "revision": _text("Commit of the Hub repository; empty for bundled facts."),
    "organisation": _text("Organisation that released the model."),
    "family": _text("Line of models developed together; the cluster of the bootstrap."),
    "architecture": _text("Architecture class or family."),
    "parent_id": _text("Model this one was derived from."),
    "relation": _text(
        "How the model was derived from its parent.",
        "base",
        "finetune",
        "quantised",
        "merge",
        "adapter",
        "pruned",
        "distilled",
        "unknown",
    ),
    "licence": _text("Licence identifier as the model states it."),
    "is_moe": _flag("Whether the model is a mixture of experts."),
    "is_base": _flag("Whether the model is a base (pretrained, not instruction-tuned) model."),
    "base_evidence": _text("Why the model counts as a base model, or not."),
    "gated": _text("Access on the Hub.", "no", "auto", "manual"),
    "quantisation": _text(
        "Numeric format of the released weights if quantised, such as gptq-4bit."
    ),
    "params_total": _params("All parameters of the model."),
    "params_active": _params(
        "Parameters used for one token, input and output embeddings included (less than all for a "
        "mixture of experts); without embeddings for the models of the paper's figure."
    ),
    "params_nonembedding": _params("Parameters without the input and output embeddings."),
    "params_active_nonembedding": _params(
        "Parameters used for one token, without the input and output embeddings."
    ),
    "params_source": _text(
        "Where the parameter counts come from: a report, the configuration, the tensors that the "
        "headers of its files list, the Hub's counts by dtype (safetensors), or a figure.",
        "report",
        "config",
        "tensors",
        "safetensors",
        "figure",
    ),
    "params": _positive(
        "Parameter count the row refers to; fractional on the inference_time basis.", "parameters"
    ),
    "train_tokens": Column(
        pl.Int64,
        "Tokens the model was trained on.",
        "tokens",
        above=0,
        remedy="tokens are counts above zero: write 15000000000000 for 15 T, nothing if unknown",
    ),
    "release_date": _day("Day the model was released."),
    "release_date_basis": _text(
        "What the release date rests on: an announcement, the creation or first commit of the "
        "repository, the paper's figure, or a registry or secondary document (approximate).",
        "announced",
        "created_at",
        "first_commit",
        "figure",
        "approximate",
    ),
    "weights": _text(
        "Whether anybody can download the base model's weights.",
        "published",
        "not-published",
    ),
    "total_includes": _text(
        "What params_total holds besides the language model, which makes a density too low: a vision "
        "tower, prediction layers of further tokens, or both. Empty if nothing is known to.",
        "vision_tower",
        "prediction_layers",
        "vision_tower and prediction_layers",
    ),
    "construction": _text(
        "How the weights came about: pretrained from scratch; mid-trained on questions, reasoning or "
        "instructions besides; looped (layers used several times per token); pruned from or upcycled "
        "out of another model; or a masked diffusion model.",
        "pretrained",
        "mid-trained",
        "looped",
        "pruned",
        "upcycled",
        "diffusion",
    ),
    "source_confidence": _text(
        "How sure the compiler of a row is that it says what its source says: high if the source "
        "itself was read, medium if a copy or a rounded value was, low if something had to be "
        "inferred. Rows of low confidence enter no density.",
        "high",
        "medium",
        "low",
    ),
    "hub_created_at": _instant("Creation time of the Hub repository."),
    "first_seen_at": _instant("When the pipeline first saw the model."),
    "release_earliest": _day("Earliest day the model can have been released."),
    "release_latest": _day("Latest day the model can have been released."),
    "is_doubtful": _flag("Whether the evidence for or against a base model is weak."),
    "custom_code": _flag(
        "Whether only code from the repository could run the model, because the evaluation "
        "environment's vLLM and transformers do not implement its architecture."
    ),
    "readable": _flag(
        "Whether we could read a file of the repository; empty if it was never tried."
    ),
    "hub_state": _text(
        "State of the repository when the Hub was last asked; replaced: its weights were uploaded anew.",
        "present",
        "renamed",
        "gone",
        "private",
        "disabled",
        "replaced",
    ),
    "hub_state_reason": _text("Explanation of the state; empty if it is present."),
    "renamed_to": _text("Present name of the repository on the Hub, if it was renamed."),
    "params_from_config": Column(
        pl.Int64, "Parameters counted from the configuration, plausible or not.", "parameters"
    ),
    "params_from_safetensors": Column(
        pl.Int64, "Parameters counted from the weight files, plausible or not.", "parameters"
    ),
    # --- evaluation queue -----------------------------------------------------------------------
    "state": _text(
        "State of the candidate. A blocked one may be evaluated once the model, the installation or a "
        "setting has changed; an excluded one is not evaluated.",
        "queued",
        "running",
        "done",
        "failed",
        "blocked",
        "excluded",
    ),
    "priority": _count("Priority of the evaluation; the highest is evaluated first.", "1"),
    "estimated_gpu_hours": Column(
        pl.Float64,
        "Time on the GPU the whole suite is expected to take; in `evaluation_queue` multiplied by the median of "
        "`hours_per_estimate` once five evaluations of at least 0.05 estimated hours have told it.",
        "GPU hours",
        low=0,
    ),
    "hours_per_estimate": Column(
        pl.Float64,
        "GPU hours that the evaluation took, over `estimated_gpu_hours`; of whole runs of the suite in force on GPUs.",
        "1",
        low=0,
    ),
    "memory_gib": Column(
        pl.Float64, "GPU memory for weights, cache and activations.", "GiB", low=0
    ),
    "attempts": _count("Evaluations of these weights begun so far.", "1"),
    "updated_at": _instant(
        "End of the last evaluation; before the first one, when the pipeline first saw the model."
    ),
    # --- compression ----------------------------------------------------------------------------
    "child_id": _text("Model made from the parent."),
    "parent_density": _positive("Capacity density of the parent.", "1"),
    "child_density": _positive("Capacity density of the child.", "1"),
    "finding": _text(
        "Whether the child is denser than its parent, as far as the interval can tell.",
        "denser",
        "less dense",
        "not told apart",
    ),
    "log_ratio": _number(
        "ln of child over parent density; above zero the child is denser than its parent."
    ),
    # --- scores ---------------------------------------------------------------------------------
    "benchmark": _text(
        "Benchmark: one of the suite, AVERAGE for the plain mean of its five, or one measured beside it.",
        *AVERAGED,
        "AVERAGE",
        *NOT_AVERAGED,
        *REPORTED_ONLY,
        remedy=f"write the benchmark as {', '.join(AVERAGED)} or AVERAGE; variants such as MATH-500, "
        "HumanEval+ or MMLU-Pro are benchmarks of their own",
    ),
    "protocol": _text("How the benchmark was run: shots, prompting, metric."),
    "is_paper_protocol": _flag(
        "Whether shots and prompting are those of the paper; of what we measured, only under the "
        "suite version in force."
    ),
    "score": _fraction("Benchmark score."),
    "std_error": Column(
        pl.Float64,
        "Standard error of the score.",
        "fraction",
        low=0,
        high=1,
        remedy="standard errors are fractions: write 0.004 for 0.4 points",
    ),
    "n_items": _count("Items the score was computed over.", "items"),
    "sampled_from": _count(
        "Items of the whole benchmark, whose score is estimated from the `n_items` of a sample; empty for "
        "a score on all items.",
        "items",
    ),
    "sampling_error": Column(
        pl.Float64,
        "Standard error of a score from a sample as an estimate of the score on all items, with "
        "finite-population correction; `std_error` also holds the error of these items as a choice of all possible ones.",
        "fraction",
        low=0,
        high=1,
    ),
    "begins_with_role": _flag(
        "Whether the answer begins with a think or role token, as one of a chat does; empty without an answer."
    ),
    "n_role_starts": _count(
        "Answers that begin with a think or role token; of base models few do.", "items"
    ),
    "is_in_force": _flag(
        "Of what we measured, whether under the suite version in force: then it counts wherever reports of its benchmark do. "
        "Empty for scores of others."
    ),
    "is_chat_formatted": _flag(
        "Whether more than a fifth of the answers begin with a think or role token: the score is of a model trained to chat, asked as "
        "a base model, and too low."
    ),
    "item_weight": Column(
        pl.Float64,
        "Items of the benchmark that the item stands for: 1, or more in a sample. A score is the weighted mean.",
        "items",
        low=0,
    ),
    "source_kind": _text(
        "Whether we measured the score on all items of the benchmark, estimated it from a sample of them, "
        "somebody reported it in a document, it was read off a figure, or the model's repository on the Hub "
        "claims it.",
        "measured",
        "reported",
        "figure",
        "claimed",
        "sampled",
    ),
    "scored_by": _text(
        "Who reports the score: the model's maker, the maker of another model (rival), a third party, "
        "or a document that repeats another's number (quote), which is no measurement of its own.",
        "maker",
        "rival",
        "third_party",
        "quote",
    ),
    "licence_basis": _text(
        "Why the value may be published: fact for a number cited from a document, else the SPDX "
        "identifier of the data set's licence."
    ),
    "source": _text("Where the row comes from: a document, data set or price list."),
    "source_url": _text("Address of the source."),
    "observed_at": _day("Day the row was compiled or polled."),
    "known_from": _day(
        "Day from which the score counts as known: that of its row in a growing document, else that of "
        "the document, but not before its model's release; or the day we measured it. Past month ends "
        "are rebuilt without later scores."
    ),
    "known_from_basis": _text(
        "What known_from rests on: the basis of its document's day (published_basis), the release of "
        "its own model, our measurement, the paper's figure, or for a claim or a row of a polled "
        "source the day on which we first saw it.",
        *PUBLISHED_BASES,
        "measured",
        "figure",
        "first_seen",
    ),
    "known_to": _day(
        "Day from which the score counts no more, because its source revised or withdrew it or something "
        "became known against it; empty while it counts. Past month ends before that day are rebuilt "
        "with it."
    ),
    "document_kind": _text(
        "What a document is: a report, a model card, a README, a blog, a data set that was published "
        "once, or a board, to which rows are added: each row of a board states its own day.",
        "report",
        "card",
        "readme",
        "blog",
        "data_set",
        "board",
    ),
    "publisher": _text(
        "Team that published the source: a namespace of the Hub in lower case, as organisation_names "
        "spells it, or the name of a board. Documents of one team are one source of scores."
    ),
    "published_basis": _text(
        "How the day of publication is known: the first version that holds the scores in the "
        "document's version history; a date on the page or in an announcement of it; the last day of "
        "the month in its arXiv number; the release of the model that it presents.",
        *PUBLISHED_BASES,
    ),
    "item_std_error": Column(
        pl.Float64,
        "Standard error of the score from its test items alone.",
        "fraction",
        low=0,
        high=1,
    ),
    "source_std_error": Column(
        pl.Float64,
        "Standard error of the score from the disagreement of sources.",
        "fraction",
        low=0,
        high=1,
    ),
    "protocol_low": _text("How the lowest score was obtained."),
    "source_low": _text("Source of the lowest score."),
    "protocol_high": _text("How the highest score was obtained."),
    "source_high": _text("Source of the highest score."),
    "n_sources": _count("Teams whose scores the score is the mean of.", "teams"),
    "n_documents": _count(
        "Documents behind the score; those of one team are averaged first.", "documents"
    ),
    "score_low": _fraction("Lowest of the scores that were averaged."),
    "score_high": _fraction("Highest of the scores that were averaged."),
    "sources": _text("Names of the sources that were averaged."),
    "left_out": _text("Sources whose scores were left out of the mean, and why."),
    "between_source_std": Column(
        pl.Float64,
        "Standard deviation between the scores that different teams report of one model.",
        "fraction",
        low=0,
        high=1,
    ),
    "between_source_std_low": _fraction("Lower end of the 95 % interval of between_source_std."),
    "between_source_std_high": _fraction("Upper end of the 95 % interval of between_source_std."),
    "n_scores": _count("Scores that were compared, one per model and team.", "scores"),
    "maker_premium": _number(
        "Maker's score less the mean of the others', mean over models.", "fraction"
    ),
    "maker_premium_low": _number("Lower end of the 95 % interval of maker_premium.", "fraction"),
    "maker_premium_high": _number("Upper end of the 95 % interval of maker_premium.", "fraction"),
    "n_models_maker": _count("Models scored by their maker and by others.", "models"),
    # --- scores claimed on the Hub ----------------------------------------------------------------
    "claim_id": _text(
        "Digest of everything that the claim states; another one if anything changes."
    ),
    "claimed_by": _text(
        "Who makes the claim: the repository's owner, the community (an open pull request), or verified "
        "if the Hub says that the number comes from an evaluation that it can verify.",
        "owner",
        "community",
        "verified",
    ),
    "stated_in": _text(
        "Where the claim stands: model-index, in the metadata of the model card, or eval-results, a file "
        "of the folder .eval_results.",
        "model-index",
        "eval-results",
    ),
    "file": _text("File of the repository that states the claim."),
    "pull_request": _count("Number of the pull request that proposes the claim.", "1"),
    "stated_model": _text("Name of the model in the metadata of the card."),
    "dataset": _text("Data set as stated: an id on the Hub, or a word."),
    "dataset_part": _text("Configuration and split of the data set as stated."),
    "task": _text("Task as stated; in evaluation results its id within the data set."),
    "metric": _text("Kind of metric as stated."),
    "metric_name": _text("Name of the metric as stated."),
    "notes": _text("Remarks on the protocol as stated."),
    "stated_value": _text("Value as stated."),
    "value_scale": _text(
        "How the value is written: a percentage or a fraction, by a unit or because its range leaves no "
        "other reading; else unknown.",
        "percent",
        "fraction",
        "unknown",
    ),
    "copied_from": _text(
        "Model whose card has the same result: a stated parent, or an older repository with the same "
        "results."
    ),
    "cited_url": _text("Address of the source that the claim names."),
    "stated_date": _text("Date of the evaluation as stated."),
    # --- recall of base models ------------------------------------------------------------------
    "n_seen": _count("Base models in `models`, certain and doubtful ones.", "models"),
    "n_queued": _count("Those that are queued or being evaluated.", "models"),
    "n_evaluated": _count("Those that are evaluated.", "models"),
    "n_blocked": _count(
        "Those that wait for a person, and those whose evaluation failed.", "models"
    ),
    "n_excluded": _count("Those that will not be evaluated.", "models"),
    "n_absent": _count(
        "Models that may be base models, are on the Hub and not in `models`.", "models"
    ),
    "blocked": _text("The models counted by `n_blocked`, each with the reason; ten at most."),
    "absent": _text("The models counted by `n_absent`, each with the reason; ten at most."),
    # --- outside sources of scores ----------------------------------------------------------------
    "benchmark_name": _text("Benchmark as the source names it."),
    "entry": _text(
        "The source's own identifier of the row, or a number that stays with the row while the source "
        "reorders or revises it."
    ),
    "cited": _text("Document or run that the source says the row is from."),
    "cost_usd": Column(
        pl.Float64,
        "Cost that the source gives beside the score; cost_name says of what.",
        "USD",
        low=0,
    ),
    "cost_name": _text("Heading of the source's cost column, such as cost per task."),
    "index_name": _text(
        "ECI: Epoch Capabilities Index of a model. EDI: difficulty of a benchmark, on the same scale.",
        "ECI",
        "EDI",
    ),
    "display_name": _text("Name under which the source shows the model."),
    "model_group": _text("Model that the source counts the version to."),
    "index_value": _number(
        "Value of the index; fitted anew in every vintage, so only values of one vintage compare.",
        "index points",
    ),
    "index_low": _number("Lower end of the index's 90 % interval.", "index points"),
    "index_high": _number("Upper end of the index's 90 % interval.", "index points"),
    "discrimination": _number(
        "How steeply scores on the benchmark rise with the index.", "1 / index point"
    ),
    "is_anchor": _flag("Whether the row fixes the scale of the index."),
    "benchmark_release_date": Column(
        pl.Date, "Day the benchmark was released, as the source says.", "day, UTC"
    ),
    "accessibility": _text("Access to the model, in the source's words."),
    "training_flop": _positive("Compute of the training run, as the source estimates it.", "FLOP"),
    "training_data_size": _positive(
        "Size of the training data as the source gives it; tokens for most language models.",
        "data points",
    ),
    # --- evaluations ----------------------------------------------------------------------------
    "suite_version": _text(
        "Hash of everything the benchmarks declare: data, prompts, budgets, metrics. Scores of "
        "different versions are never compared."
    ),
    "requested_revision": _text(
        "Revision that was asked for: a commit, or main where the Hub had not been polled yet."
    ),
    "attempts_excused": _count(
        "Attempts that ended by a fault of the installation; they do not count against the model.",
        "attempts",
    ),
    "is_resumable": _flag("Whether another attempt may succeed."),
    "item_limit": Column(
        pl.Int64,
        "Items per benchmark a trial was limited to; empty for the whole suite.",
        "items",
        above=0,
    ),
    "item_id": _text("Item of the benchmark."),
    "answer_nll_nats_per_token": Column(
        pl.Float64,
        "Loss of the reference answer: mean -ln P over its tokens.",
        "nats per token",
        low=0,
    ),
    "prompt_tokens": _count("Tokens of the prompts.", "tokens"),
    "completion_tokens": _count("Tokens generated.", "tokens"),
    "is_truncated": _flag("Whether the token budget ended the answer."),
    "failed_reason": _text("Why the item has no score; empty if it has one."),
    "bits_per_byte": _positive(
        "Negative log-likelihood of the text in bits for each of its bytes in UTF-8; of several texts, "
        "all bits over all bytes.",
        "bits per byte",
    ),
    "bits_per_byte_error": Column(
        pl.Float64,
        "Standard error of the bits per byte, from the differences between texts; empty for one text.",
        "bits per byte",
        low=0,
    ),
    "text_bytes": _count(
        "Bytes of the text in UTF-8, where the loss of a whole text was measured.", "bytes"
    ),
    "texts_from": _day("First day of the month in which the texts were written."),
    "domain": _text(
        "Kind of the texts, as Uncheatable Eval names it; all is the plain mean over the domains that the "
        "suite measures."
    ),
    "n_texts": _count("Texts that were measured.", "texts"),
    "n_texts_failed": _count("Texts that could not be measured; they do not count.", "texts"),
    "n_bytes": _count("Bytes of the measured texts in UTF-8.", "bytes"),
    "is_after_release": _flag(
        "Whether the texts were written after the model's release, so that it cannot have been trained on "
        "them; empty if the release date is not known."
    ),
    "n_failed": _count("Items that could not be scored, each counted as wrong.", "items"),
    "n_truncated": _count("Items whose answer was ended by the token budget.", "items"),
    "started_at": _instant("When the last attempt began."),
    "finished_at": _instant("When the last attempt ended; empty if it broke off or is under way."),
    "seconds": Column(pl.Float64, "Time the evaluation took, loading included.", "s", low=0),
    "benchmark_version": _text(
        "Hash of everything that scores on the benchmark depend on besides the model."
    ),
    "question_group": _text("Kind of questions: knowledge, reasoning, mathematics, code or other."),
    "dataset_id": _text("Data set of the questions, on the Hugging Face Hub."),
    "dataset_revision": _text("Its commit; empty if it is not known yet."),
    "question_split": _text("Split of the questions; empty if all splits have questions."),
    "n_questions": _count(
        "Questions of the benchmark; empty if the data set was not seen.", "items"
    ),
    "shots": _count("Worked examples before each question.", "items"),
    "request_kind": _text(
        "What the model is asked for: a choice between continuations, a text written greedily (temperature 0), the loss of an answer, "
        "or that of a whole text.",
        "choice",
        "generate",
        "loss",
        "text",
    ),
    "metric_used": _text("How an answer is judged (docs/suite.md)."),
    "stop_texts": _text("JSON list of the texts that end a written answer."),
    "token_budget": _count("Most tokens of a written answer.", "tokens"),
    "guessing_score": _fraction("Score of guessing."),
    "question_licence": _text("Licence of the questions."),
    "has_own_questions": _flag("Whether a mirror declares other questions than the suite."),
    "measuring_seconds": Column(
        pl.Float64,
        "Time for which the engine was asked, loading left out, of all attempts (less the last minute of one that was killed); empty "
        "if an attempt left no record of it. Of a benchmark, its "
        "share by tokens, a token of a prompt counted as a tenth.",
        "s",
        low=0,
    ),
    "gpu_seconds": Column(
        pl.Float64,
        "Measuring time multiplied by the number of GPUs; empty on a processor.",
        "s",
        low=0,
    ),
    "joules": Column(
        pl.Float64,
        "Energy of the GPUs in that time, by their own counter (NVML); of a benchmark, its share by tokens.",
        "J",
        low=0,
    ),
    "joules_reason": _text("Why there is no energy; empty if there is."),
    "joules_per_correct": Column(
        pl.Float64,
        "Energy of all items asked over the number answered rightly.",
        "J",
        low=0,
    ),
    "peak_memory_bytes": _count(
        "Most memory in use while measuring, of the GPUs together (looked at every second); of the process on a processor.",
        "bytes",
    ),
    "n_correct": Column(
        pl.Float64,
        "Sum of the scores: items answered rightly; empty where there are losses only.",
        "items",
        low=0,
    ),
    "engine": _text("Inference engine that ran the model."),
    "vllm_version": _text("Version of vLLM."),
    "torch_version": _text("Version of torch."),
    "transformers_version": _text("Version of transformers."),
    "python_version": _text("Version of Python the evaluation ran in."),
    "dtype": _text("Data type the model was run in."),
    "tensor_parallel": _count("GPUs each layer was spread over.", "GPUs"),
    "batch_invariant": _flag("Whether results were made independent of the batch."),
    "prompt_sha256": _text("Hash of all prompts."),
    "tokenizer_sha256": _text("Hash of the tokenizer."),
    "device": _text("Model of the GPU, or cpu."),
    "sandbox": _text("Isolation in which generated programs ran; none if they were not run."),
    # --- measured beside reported ----------------------------------------------------------------
    "measured": _fraction("Score that we measured."),
    "reported": _fraction("Score that somebody reported."),
    "gap": _number(
        "Difference of two scores: measured less reported, or benchmark less its rewritten form.",
        "fraction",
    ),
    "is_large": _flag("Whether the gap is at least 3 points and its 95 % interval excludes zero."),
    "rewritten_benchmark": _text("Benchmark with the same kind of questions, rewritten."),
    "rewritten_score": _fraction("Score on the rewritten form."),
    "median_gap": _number(
        "Median gap of all other models: how much harder the rewritten form is.", "fraction"
    ),
    "excess": _number("The gap less the median gap of all other models.", "fraction"),
    # --- reference laws -------------------------------------------------------------------------
    "reference_id": _text("Reference law, or the family of reference models it is fitted on."),
    "run_id": _text("Training run a reference point belongs to; the cluster of the bootstrap."),
    "tokens": _positive("Training tokens.", "tokens"),
    "loss_nats_per_token": Column(
        pl.Float64,
        "Conditional loss of the reference answer: mean -ln P over its tokens.",
        "nats per token",
        above=0,
    ),
    "used_in_fit": _flag(
        "Whether the point enters the fit (false: held out, or over the size limit)."
    ),
    "a": _positive(
        "Coefficient of the parameter term of the loss law a N^-alpha + b D^-beta + E.", "nats"
    ),
    "alpha": _positive("Exponent of the parameter term of the loss law.", "1"),
    "b": _positive("Coefficient of the token term of the loss law.", "nats"),
    "beta": _positive("Exponent of the token term of the loss law.", "1"),
    "irreducible": Column(
        pl.Float64, "Irreducible term E of the loss law; 0 in the paper's form.", "nats", low=0
    ),
    "c": _positive(
        "Height of the performance sigmoid c / (1 + exp(-gamma (L - l))) + d.", "fraction"
    ),
    "gamma": Column(
        pl.Float64,
        "Steepness of the performance sigmoid; negative, for scores fall with the loss.",
        "1 / nat",
        high=0,
    ),
    "l": _number("Loss at the midpoint of the performance sigmoid.", "nats"),
    "d": _number("Floor of the performance sigmoid.", "fraction"),
    "reference_tokens": _positive(
        "Training tokens D0 at which effective parameters are read.", "tokens"
    ),
    "loss_sse": Column(pl.Float64, "Sum of squared residuals of the loss fit.", "nats^2", low=0),
    "score_sse": Column(
        pl.Float64, "Sum of squared residuals of the score fit.", "fraction^2", low=0
    ),
    "n_points": _count("Points the fit rests on.", "points"),
    "n_minima": _count("Distinct local minima the multi-start search found.", "minima"),
    "fit": _text(
        "How the coefficients were obtained: published, fitted to which minimum, or a published loss "
        "law scaled to our losses of its own runs.",
        "published",
        "published-start",
        "global",
        "scaled",
    ),
    "ladder": _text("Family of models that we measure to fit a reference law of our own."),
    "used_for": _text(
        "Step of the fit that the model enters: loss (of size and tokens), score (of loss) or both.",
        "loss",
        "score",
        "both",
    ),
    "scales": _text(
        "Published reference whose own runs these are, so that its loss law holds for them up to scale."
    ),
    "n_rungs": _count("Models of the ladder.", "models"),
    "n_measured": _count("Models of the ladder that we measured.", "models"),
    "n_score_points": _count("Points of the score step.", "points"),
    "draw": _count("Number of the draw; draws of one family and benchmark share resamples.", "1"),
    "law_kind": _text(
        "One-step: score from N and D without a loss. Family: score from N within one model family.",
        "one-step",
        "family",
    ),
    "logit_intercept": _number(
        "logit((S - d) / (1 - d)) of a direct law at ln N = 0, at the reference tokens."
    ),
    "logit_per_ln_params": _positive("Rise of the logit in logit_intercept with ln N.", "1"),
    "logit_per_ln_tokens": _number(
        "Rise of the logit in logit_intercept with ln D; empty for a law within one family."
    ),
    "params_from": _positive("Fewest effective parameters the law is read at.", "parameters"),
    "params_to": _positive("Most effective parameters the law is read at.", "parameters"),
    "largest_out_error": _fraction(
        "Root mean square error of the scores predicted for the largest models from the others."
    ),
    "two_step_largest_out_error": _fraction(
        "The same error of the law from parameters to loss to score."
    ),
    "is_chosen": _flag(
        "Whether the one-step law predicts the largest models better than the law through the loss."
    ),
    # --- densities ------------------------------------------------------------------------------
    "score_set": _text(
        "Scores a density rests on: nmi-2025-average (the paper's models, averages read off its "
        "figure), average (plain mean of the five reported or measured scores), or one benchmark; "
        "mmlu-any-protocol, in sensitivity only, is MMLU under whatever protocol it was reported.",
        NMI_AVERAGE,
        "average",
        "mmlu",
        "bbh",
        "math",
        "humaneval",
        "mbpp",
        "mmlu-any-protocol",
    ),
    "population": _text(
        "Which models the estimate is over: all, or those whose base weights anybody can download.",
        "all",
        "open-weights",
    ),
    "newest_model": _text("Newest model the estimate rests on."),
    "newest_release": _day("Release date of the newest model the estimate rests on."),
    "params_basis": _text(
        "Which parameter count the density divides by.",
        "nonembedding",
        "total",
        "active",
        "inference_time",
    ),
    "density_basis": _text(
        "Parameter count that a plotted density divides by.", "nonembedding", "inference_time"
    ),
    "effective_params": _positive(
        "Parameters a reference model would need for the same score.", "parameters"
    ),
    "density": _positive("Capacity density: effective parameters over actual parameters.", "1"),
    "density_low": Column(pl.Float64, "Lower end of the density's 95 % interval.", "1", low=0),
    "density_high": _positive("Upper end of the density's 95 % interval.", "1"),
    "score_source_kind": _text(
        "Whether the score is measured, estimated from a sample of items (sampled), reported, read off a figure, claimed by the model's repository "
        "on the Hub, or mixed: an average of scores of several kinds.",
        "measured",
        "reported",
        "mixed",
        "figure",
        "claimed",
        "sampled",
    ),
    "censored": _text(
        "Whether the score is below (low) or above (high) what the reference law can invert.",
        "none",
        "low",
        "high",
    ),
    "is_record": _flag("Whether the model is denser than every earlier one of its series."),
    # --- trend ----------------------------------------------------------------------------------
    "estimate_id": _text("Key of the estimate: its choices, separated by slashes."),
    "as_of": _day("Day of the newest input the estimate knows."),
    "window": _text("Name of the window."),
    "window_start": _day("First day of the window, included."),
    "window_end": _day("Last day of the window, included."),
    "estimator": _text("Estimator, as documented in docs/statistics.md."),
    "is_headline": _flag(
        "Whether this is the estimate of its table that answers and figures quote. The headline is that of "
        "density_growth; that of densing_law is by the paper's own law."
    ),
    "n_models": _count("Models in the window.", "models"),
    "n_clusters": _count("Model families in the window.", "families"),
    "slope_per_day": _number("Trend of ln density.", "1 / day"),
    "slope_low": _number("Lower end of the slope's 95 % interval.", "1 / day"),
    "slope_high": _number("Upper end of the slope's 95 % interval.", "1 / day"),
    "slope_low_law_known": _number(
        "Lower end of the slope's 95 % interval, were the reference law known exactly.", "1 / day"
    ),
    "slope_high_law_known": _number(
        "Upper end of the slope's 95 % interval, were the reference law known exactly.", "1 / day"
    ),
    "slope_low_mc_error": _number(
        "Monte Carlo standard error of slope_low, of the headline only.", "1 / day"
    ),
    "slope_high_mc_error": _number(
        "Monte Carlo standard error of slope_high, of the headline only.", "1 / day"
    ),
    "intercept": _number("ln density of the trend line on 2023-02-24 (the paper's day zero)."),
    "doubling_days": _positive(
        "Doubling time of density, ln 2 / slope; empty, with the reason, if density does not grow or less than "
        "doubled over the days of its models.",
        "days",
    ),
    "doubling_days_low": _positive("Lower end of the doubling time's 95 % interval.", "days"),
    "doubling_days_high": _positive(
        "Upper end of the doubling time's 95 % interval; empty if the slope's interval reaches zero "
        "(read: at least doubling_days_low).",
        "days",
    ),
    "doubling_days_low_law_known": _positive(
        "Lower end of the doubling time's 95 % interval, were the reference law known exactly.",
        "days",
    ),
    "doubling_days_high_law_known": _positive(
        "Upper end of the doubling time's 95 % interval, were the reference law known exactly; empty if "
        "the slope's interval reaches zero.",
        "days",
    ),
    "ruler": _text(
        "What density is measured by: a reference law, or the models whose results turn those of others "
        "into effective parameters."
    ),
    "group": _text(
        "What the ruler measures: a group of benchmarks with questions of one kind, or a kind of text."
    ),
    "text": _text(
        "Kind of text, written after the models: fiction (ao3), news (bbc), articles of Wikipedia in English, "
        "arXiv papers in computer science or physics, GitHub code in C++ or Python.",
        "ao3",
        "bbc",
        "wikipedia",
        "arxiv-cs",
        "arxiv-physics",
        "github-cpp",
        "github-python",
    ),
    "sequence_layers": _text(
        "What the model mixes tokens with: attention alone, recurrent layers alone, or both, if it is known.",
        "attention",
        "recurrent",
        "hybrid",
        "not stated",
    ),
    "compression_percent": _positive(
        "Size of the text compressed by the model, in percent of its size in bytes: "
        "100 bits per byte / 8.",
        "%",
    ),
    "vendor": _text("Maker of the model as the source names it; the cluster of the bootstrap."),
    "is_thinking": _flag("Whether the model reasons at length before it answers."),
    **{
        f"tier_{tier}": _fraction(
            f"Score on tier {tier} of 7, from facts that are widely known to obscure ones."
        )
        for tier in range(1, 8)
    },
    "refused": _fraction("Share of the questions that the model did not answer."),
    "wrong": _fraction("Share of the questions that the model answered wrongly."),
    "is_revised": _flag(
        "Whether the score is of a poll, which found another value than the bundled one."
    ),
    "is_extrapolated": _flag(
        "Whether the effective parameters lie beyond the sizes that the ruler is fitted to."
    ),
    "benchmark_density": _positive("Capacity density on benchmarks.", "1"),
    "excess_low": _number("Lower end of the 95 % interval of excess."),
    "excess_high": _number("Upper end of the 95 % interval of excess."),
    "text_density": _positive(
        "Density on fresh text: parameters of a model of the ruler that compresses it as well, over "
        "the model's own.",
        "1",
    ),
    "first_release": _day("Release date of the oldest model the estimate rests on."),
    "growth_per_year": _number("Growth of ln density.", "1 / year"),
    "growth_low": _number("Lower end of the growth's 95 % interval.", "1 / year"),
    "growth_high": _number("Upper end of the growth's 95 % interval.", "1 / year"),
    "growth_low_80": _number("Lower end of the growth's 80 % interval.", "1 / year"),
    "growth_high_80": _number("Upper end of the growth's 80 % interval.", "1 / year"),
    "growth_low_mc_error": _number(
        "Monte Carlo standard error of growth_low, from the number of resamples; of pooled growth only.",
        "1 / year",
    ),
    "growth_high_mc_error": _number(
        "Monte Carlo standard error of growth_high, from the number of resamples; of pooled growth only.",
        "1 / year",
    ),
    "doubling_days_low_80": _positive("Lower end of the doubling time's 80 % interval.", "days"),
    "doubling_days_high_80": _positive(
        "Upper end of the doubling time's 80 % interval; empty if the growth's interval reaches zero.",
        "days",
    ),
    "r_squared": _number("Share of variance of ln density the line explains at the points fitted."),
    "simulated_bias": _number(
        "Relative bias of the slope on simulated frontiers at these dates and n (of a price: on simulated "
        "markets with as many changes)."
    ),
    "simulated_coverage": _fraction(
        "Coverage of the 95 % interval beside it on simulated frontiers at these dates and families, empty if "
        "only that of the interval with the law known was simulated; of a price, on simulated markets whose "
        "models are known."
    ),
    "simulated_coverage_law_known": _fraction(
        "Coverage, on those simulated frontiers, of the 95 % interval without the law's error."
    ),
    "lowest_coverage": _fraction(
        "Lowest coverage of the 95 % interval in the worlds of interval_coverage, at the bundled models."
    ),
    "lowest_coverage_world": _text("World in which the coverage is lowest."),
    "slope_low_80": _number("Lower end of the slope's 80 % interval.", "1 / day"),
    "slope_high_80": _number("Upper end of the slope's 80 % interval.", "1 / day"),
    "estimate": _text(
        "Estimate of the pace of density whose intervals are judged: pooled over benchmarks, by logits or by "
        "bent scales, each its own or all alike, that also with percentiles for the spread of resamples; or that "
        "of densing_law by the paper's law.",
        "pooled",
        "pooled-bent",
        "pooled-bent-common",
        "pooled-bent-percentile",
        "densing-law",
    ),
    "world": _text(
        "Artificial scores with a known pace, at the release days, sizes, families and missing scores of "
        "the bundled models; docs/statistics.md says what each breaks."
    ),
    "truth": _text(
        "Which pace the interval should hold: the average over the window, or that on the last day.",
        "average",
        "current",
    ),
    "worlds": _count("Draws of the world.", "draws"),
    "coverage_mc_error": _fraction("Monte Carlo standard error of the coverage."),
    "coverage_80": _fraction("Share of 80 % intervals that hold the actual value."),
    "relative_bias": _number("Mean estimate over the truth, minus 1."),
    "relative_width": _number("Median width of the 95 % interval over the truth."),
    "median_bias": _number("Median estimate over the truth, minus 1."),
    "narrow_share": _fraction(
        "Share of the draws in which the ends of the 95 % interval are at most four times apart."
    ),
    "narrow_coverage": _fraction("Coverage of the 95 % interval in these draws."),
    "digest": _text("Digest of the models and settings that a simulation rests on."),
    "verdict": _text("Whether the data suffice for the estimate.", "ok", "insufficient"),
    "weight": _fraction(
        "Share of the combination where each distinct choice counts alike; empty without an estimate."
    ),
    "is_other_minimum": _flag(
        "Whether the draw lies in another minimum of the fit than the law itself."
    ),
    "slope_low_own_minimum": _number(
        "Lower end of the slope's 95 % interval, without draws of the law that lie in another minimum; empty for a law without draws.",
        "1 / day",
    ),
    "slope_high_own_minimum": _number(
        "Upper end of the slope's 95 % interval, without draws of the law that lie in another minimum; empty for a law without draws.",
        "1 / day",
    ),
    "doubling_days_low_own_minimum": _positive(
        "Lower end of the doubling time's 95 % interval, without draws of the law that lie in another minimum; empty if open.",
        "days",
    ),
    "doubling_days_high_own_minimum": _positive(
        "Upper end of the doubling time's 95 % interval, without draws of the law that lie in another minimum; empty if open.",
        "days",
    ),
    "density_low_own_minimum": _positive(
        "Lower end of the density's 95 % interval, without draws of the law that lie in another minimum; empty if open.",
        "1",
    ),
    "density_high_own_minimum": _positive(
        "Upper end of the density's 95 % interval, without draws of the law that lie in another minimum; empty if open.",
        "1",
    ),
    "log_draws": Column(
        pl.List(pl.Float32),
        "ln of every draw of the forecast, ascending; empty for a claim without an interval, and in forecasts "
        "published before draws were kept.",
        "1",
    ),
    "quantity": _text("What grows."),
    "points_per_year": _positive("Growth of an index.", "points / year"),
    "difference": _text("Why it is another quantity than density."),
    "width": _text(
        "How far the ends of the 95 % interval are apart: up to 10-fold, over 10-fold, or an end is open or not "
        "told, since it is over 100-fold from the other; empty without an interval.",
        "narrow",
        "wide",
        "open",
    ),
    "reason": _text(
        "Reason of the state, verdict or value: the rule that decided, or what is missing."
    ),
    "draws": _count("Bootstrap resamples behind the interval.", "resamples"),
    "seed": _count("Seed of the bootstrap.", "1"),
    # --- prices ---------------------------------------------------------------------------------
    "provider": _text("Seller of the offer, as the price list names it."),
    "seller": _text(
        "Company that sells, in lower case without separators; the same for all names that price lists "
        "have for it."
    ),
    "seller_name": _text("Name of a provider in price lists, in lower case without separators."),
    "organisation_name": _text("Name of an organisation in price lists, in lower case."),
    "name_prefix": _text("Part of an offer's name before the model's, in lower case."),
    "index_model": _text(
        "Row of the Epoch Capabilities Index; of several versions of a model the one it was launched with."
    ),
    "name_family": _text(
        "Line and version that an offer's name states, such as claude 4.5; empty if it states none."
    ),
    "family_recall": Column(
        pl.Float64,
        "Share of the offer names of that family, in all lists, that are linked to a model.",
        "fraction",
        low=0,
        high=1,
    ),
    "prefix_kind": _text(
        "What the part is: a seller of other makers' models, a region of a cloud, or a step of a path.",
        "reseller",
        "region",
        "path",
    ),
    "namespace": _text("Owner of repositories on the Hub, in lower case."),
    "hub_namespace": _text("Owner of repositories as the Hub writes it."),
    "line": _text("Name of a line of models without version digits, such as llama."),
    "offer": _text(
        "Kind of offer. Only standard offers set a frontier.",
        "standard",
        "batch",
        "flex",
        "free",
        "promotional",
        "alias",
        "off_peak",
        "long_context",
        "priority",
        "peak",
    ),
    "input_usd_per_mtok": _price("Price of input tokens."),
    "output_usd_per_mtok": _price("Price of output tokens."),
    "cache_read_usd_per_mtok": _price("Price of cached input tokens."),
    "input_usd_per_mtok_before": _price(
        "Price of input tokens before the change; empty for an arrival."
    ),
    "output_usd_per_mtok_before": _price(
        "Price of output tokens before the change; empty for an arrival."
    ),
    "question": _text("What the answer is about."),
    "position": _count("Place of the number among those of its answer, from 1.", "1"),
    "months": _positive("Doubling time of density, or halving time of the price.", "months"),
    "months_low": _positive("Lower end of its 95 % interval.", "months"),
    "months_high": _positive("Upper end; empty if the interval is open.", "months"),
    "n": _count("Models or record lows that the number rests on.", "1"),
    "until": _day("Day of the newest of them."),
    "sentence": _text("The answer in words, with what it rests on."),
    "rank": _count("Place by density, from 1.", "1"),
    "p_first": _fraction(
        "Probability of being the densest of its series: the share of joint draws of scores and law; "
        "models beyond what the law reaches share a draw."
    ),
    "since_earliest": _day("Earliest day on which it can have begun; empty if nothing is known."),
    "record_usd_per_mtok": _positive(
        "Lowest price that the level ever had on a known day.", "USD per million tokens"
    ),
    "level_score": _fraction("Score that defines the level."),
    "memory_gib_16_bit": _positive("Memory of the weights with 16 bits a parameter.", "GiB"),
    "memory_gib_4_bit": _positive("Memory of the weights with 4 bits a parameter.", "GiB"),
    "half_on": _day(
        "Day on which half the size may reach the score: the model's release and one doubling time of density."
    ),
    "half_earliest": _day("The same with the lower end of the doubling time's 95 % interval."),
    "half_latest": _day("The same with its upper end; empty if it has none."),
    "pace_of": _text(
        "Models whose doubling time that is: those with open weights, or all.",
        "open-weights",
        "all",
    ),
    "has_reported_density": _flag("Whether reported scores give the model a density already."),
    "empty_because": _text("Why further values of the row are empty."),
    "change": _text(
        "What changed: the price fell or rose (mixed: input and output moved apart), became free or "
        "promotional or ceased to be, or the offer appeared or was gone for more than 14 days.",
        "cut",
        "rise",
        "mixed",
        "promotion",
        "end of promotion",
        "arrival",
        "departure",
    ),
    "certainty": _text(
        "How the day is known: dated by the seller or a document, seen between looks of two consecutive "
        "days, some day of an interval between two looks, found by one look alone so far, or unknown.",
        "dated",
        "day",
        "interval",
        "provisional",
        "unknown",
    ),
    "context_over_tokens": _count(
        "Prompt length above which the price holds; 0 for the base price.", "tokens"
    ),
    "currency": _text("Currency the source quotes.", "USD"),
    "valid_from": _day("First day the price holds; empty if the source does not say."),
    "valid_from_earliest": _day(
        "Earliest day on which the price can have begun: the day itself where it is dated, otherwise the "
        "day after the last look that found the offer at another price or, if it was not there, did not find it; "
        "empty if nothing is known."
    ),
    "valid_from_latest": _day("First day on which the price is known to have held."),
    "presumed_from": _day(
        "First day from which the price is only presumed to hold: its list still has it, but shows no sign "
        "of its seller for over a year."
    ),
    "valid_to": _day("Day the price stops holding (exclusive); empty while it holds."),
    "observed_from": _day("Day on which the row was first observed."),
    "observed_to": _day(
        "Day on which a later observation superseded the row; empty while it is current."
    ),
    "last_seen": _day(
        "Last day on which a poll of the source found the offer at this price; empty where the source is "
        "not polled."
    ),
    "seen_on": _day(
        "Day of a poll that returned a list, or confirmed that the one before had not changed."
    ),
    "hub_id": _text("Hub repository that the price list names for the model."),
    "listed_offer": _text(
        "Kind of offer according to the list alone; given where comparison with other lists changed "
        "offer or flag."
    ),
    "listed_flag": _text(
        "Flag according to the list alone, where comparison with other lists changed offer or flag."
    ),
    "listed_reason": _text("Reason of listed_flag."),
    "basis": _text(
        "Evidence for valid_from: the seller, a dated document, the day of a poll, or none.",
        "announced",
        "documented",
        "first_observed",
        "undated",
    ),
    "flag": _text(
        "Quality remark on the price; reason has the details.",
        "correction",
        "suspect",
        "future",
        "figure",
        "unconfirmed",
        "refused",
        "provisional",
        "slip",
    ),
    "snapshot_sha256": _text("SHA-256 of the document the row was read from."),
    "canonical_id": _text(
        "Model the offer sells: a Hub id where open weights exist, else org/name."
    ),
    "method": _text(
        "Method behind the row: rule of a link, derivation of a child model, method of a forecast."
    ),
    "confidence": _fraction("Confidence in the link, set by judgement for each rule."),
    "level": _text("Capability level."),
    "level_scale": _text(
        "Scale of the level: MMLU, a benchmark's score, or ECI, the Epoch Capabilities Index; empty for the "
        "paper's own prices, which are on none.",
        "MMLU",
        "ECI",
    ),
    "board": _text(
        "Leaderboard that says what each run cost; with the copy it is from, if it is one."
    ),
    "run_date": _day("Day of the run or of the model's release; run_date_is says of which."),
    "run_date_is": _text(
        "What run_date is: the day of the run, or of the model's release.", "run", "release"
    ),
    "output_tokens": _positive("Output tokens of what cost_usd pays for.", "tokens"),
    "n_runs": _count("Runs that reach the level.", "runs"),
    "cost_fold": _positive("Cost of the record before over that of this one.", "1"),
    "tokens_fold": _positive(
        "Output tokens per task before over those now: below 1 where the cheaper run writes more.",
        "1",
    ),
    "token_price_fold": _positive(
        "Cost by output token before over that now; times tokens_fold it is the fold of the cost.",
        "1",
    ),
    "record_date": _day("Day of the last record low."),
    "n_records": _count("Record lows, the first price included.", "records"),
    "record_fate": _text(
        "What became of the offer that set the record: on sale at that price or less, repriced, exit (no longer "
        "sold), unwatched (its list was not looked at for 30 days and more).",
        "on sale",
        "repriced",
        "exit",
        "unwatched",
    ),
    "fate_date": _day(
        "Day on which the record's price ended, or from which its list was not looked at; empty while on sale."
    ),
    "now_usd_per_mtok": _positive(
        "Cheapest blended price on offer; empty if nothing is.", "USD per million tokens"
    ),
    "now_provider": _text("Provider of the cheapest offer."),
    "now_model": _text("Model name of the cheapest offer, as its source writes it."),
    "above_record": _positive("Cheapest price on offer over the record.", "1"),
    "n_models_since": _count("Models of the level first sold after the record.", "models"),
    "entry_usd_per_mtok": _positive(
        "Lowest price of the models first sold after the record.", "USD per million tokens"
    ),
    "index_vintage": _day("Day on which the newest value of the index's vintage was first given."),
    "blend_input_share": _fraction("Share of input tokens in the blended price."),
    "curve": _text(
        "cheapest_now (lowest price one can buy at, may rise) or cheapest_ever (its running minimum).",
        "cheapest_now",
        "cheapest_ever",
    ),
    "date": _day("Day of the change: the first on which the price is known to have held."),
    "date_earliest": _day(
        "Earliest day on which the change can have happened, where the list had not been looked at for a "
        "while: it happened on some day from this one to `date`. Equal to `date` where the day is known, "
        "empty where nothing is known."
    ),
    "usd_per_mtok": _positive("Blended price at the frontier.", "USD per million tokens"),
    "halving_months": _positive("Halving time of the price.", "months"),
    "low": _number("Lower end of the 95 % interval, in the unit of the estimate."),
    "high": _number("Upper end of the 95 % interval; empty if unbounded (read: at least low)."),
    "fold": _positive("Price at the start of the window over the price at its end.", "1"),
    "n_changes": _count("Changes of the frontier in the window.", "changes"),
    "n_providers": _count(
        "Companies that held the frontier in the window; all that a router does not name count as one.",
        "providers",
    ),
    "n_censored": _count(
        "Changes of the price whose day is known to an interval only (interval-censored).",
        "changes",
    ),
    "widest_gap_months": Column(
        pl.Float64,
        "Longest of these intervals; an estimate never spans one of more than six months.",
        "months",
        low=0,
    ),
    "months_since_record": Column(
        pl.Float64, "Time from the last record low to the end of the data.", "months", low=0
    ),
    "defined_by": _text("Model whose score, or value of the index, defines the level."),
    "probability": _fraction(
        "Probability that the model reaches the level, from the errors of the scores or values."
    ),
    "is_member": _flag(
        "Whether the model counts as a member of the level: probability 0.5 or more."
    ),
    "month": _day("First day of the month."),
    "index": _positive(
        "Price at equal quality, the first month with enough models being 100.", "1"
    ),
    "quality_slope": _number("Change of ln price per unit of logit score, the same in all months."),
    "n_offers": _count("Offers the month rests on.", "offers"),
    "period": _text("Calendar year, or all."),
    "recipe": _text(
        "Recipe of a rate: Epoch AI's (epoch-2025), the regression of The Price of Progress over models that no "
        "earlier one beats (-frontier) or over all (-all), price by tier, or our own index.",
        "epoch-2025",
        "price-of-progress-frontier",
        "price-of-progress-all",
        "price-tiers",
        "price-index",
    ),
    "fold_per_year": _positive("How many times lower the price is a year later.", "1 / year"),
    "fold_per_year_low": _positive(
        "Lower end of its interval: 90 % of recipes of others, as they have it; 95 % of ours.",
        "1 / year",
    ),
    "fold_per_year_high": _positive("Upper end of its interval.", "1 / year"),
    "log_change": _number(
        "Change of ln of the cheapest price on offer over the period, without changes of unknown date: "
        "the sum of the four parts."
    ),
    "entry_of_models": _number("Part of log_change from models that were not sold before."),
    "entry_of_providers": _number("Part of log_change from new offers of models already sold."),
    "repricing": _number("Part of log_change from new prices of offers that stayed."),
    "exit": _number("Part of log_change from offers that were withdrawn."),
    "undated_log_change": _number(
        "Change of ln price by falls of unknown date (first looks at a list, corrections); not in "
        "log_change."
    ),
    # --- paces ----------------------------------------------------------------------------------
    "growth_curve": _text(
        "Curve of ln density over time: straight, straight over the last 24 months, saturating "
        "(Gompertz), broken at a searched date; or, among forecasts, no change.",
        "line",
        "last-24-months",
        "saturating",
        "broken-line",
        "no-change",
    ),
    "slope_less_line": _number(
        "Slope on the newest release date less that of the line over the whole history.", "1 / day"
    ),
    "slope_less_line_low": _number(
        "Lower end of its 95 % interval, of both slopes under the same resamples.", "1 / day"
    ),
    "slope_less_line_high": _number("Upper end of its 95 % interval.", "1 / day"),
    "break_date_low": _day("Lower end of the break date's 95 % interval."),
    "break_date_high": _day("Upper end of the break date's 95 % interval."),
    "half_life_days": _positive("Time in which the pace of a saturating curve halves.", "days"),
    "fold_left": _positive(
        "Density at which a saturating curve levels off over that of the curve on the newest "
        "release date.",
        "1",
    ),
    "fold_left_low": _positive("Lower end of its 95 % interval.", "1"),
    "fold_left_high": _positive(
        "Upper end of its 95 % interval; empty if it may never level off.", "1"
    ),
    "score_rule": _text(
        "Proper score of a forecast, in ln density; lower is better.",
        "pinball loss at 0.9",
        "squared error",
        "absolute error of the record",
    ),
    "n_vintages": _count("Month ends at which every curve made a forecast.", "month ends"),
    "n_targets": _count(
        "Forecasts scored: models released within the horizon, counted at each month end.",
        "forecasts",
    ),
    "first_vintage": _day("First of these month ends."),
    "last_vintage": _day("Last of these month ends."),
    "mean_score": Column(pl.Float64, "Mean of the score over all forecasts.", "1", low=0),
    "skill_over_line": _number("1 - mean score over that of the line over the whole history."),
    "skill_over_line_low": _number("Lower end of its 95 % interval."),
    "skill_over_line_high": _number("Upper end of its 95 % interval."),
    "skill_over_no_change": _number("1 - mean score over that of no change."),
    "skill_over_no_change_low": _number("Lower end of its 95 % interval."),
    "skill_over_no_change_high": _number("Upper end of its 95 % interval."),
    # --- breaks, sensitivity, implications --------------------------------------------------------
    "kind": _text(
        "Whether the date of the break was given beforehand or searched for.", "known", "searched"
    ),
    "break_date": _day("Day from which the second slope holds."),
    "n_before": _count("Models before the break.", "models"),
    "n_after": _count("Models from the break on.", "models"),
    "slope_before": _number("Trend of ln density before the break.", "1 / day"),
    "slope_after": _number("Trend of ln density from the break on.", "1 / day"),
    "slope_ratio": _number("Slope after the break over slope before it."),
    "slope_ratio_low": _number("Lower end of the slope ratio's 95 % interval."),
    "slope_ratio_high": _number(
        "Upper end of the slope ratio's 95 % interval; empty if the slope before may be zero."
    ),
    "f_statistic": Column(
        pl.Float64,
        "F statistic of the breakpoint; of a searched one, the largest over all candidate days.",
        "1",
        low=0,
    ),
    "p_value": _fraction(
        "Share of bootstrap samples without a break whose statistic is at least as large."
    ),
    "size": _fraction(
        "Share of simulated frontiers without a break in which the test finds one at p < 0.05."
    ),
    "power_at_1_5x": _fraction(
        "Share of simulated frontiers that speed up 1.5-fold in which the test finds it at p < 0.05."
    ),
    "dropped_benchmark": _text(
        "Benchmark left out of the average; none if all count.", "none", *AVERAGED
    ),
    "inversion": _text(
        "What inverts the score: the law of the average, or the mean of the benchmarks' own laws.",
        "one-law",
        "mean-of-laws",
    ),
    "family_cap": _count("Most models of one family that count; empty if all do.", "models"),
    "name": _text("Name of the quantity that follows from the trend."),
    "subject": _text(
        "What the row is about: a level, a pair of models, a source of growth; of a benchmark's item, "
        "the field it tests, which is the cluster of the score's error."
    ),
    "at_date": _day("Day the quantity holds for."),
    "value": _number("Value of the quantity, in the unit of the row.", "see unit"),
    "unit": _text("Unit of value, low and high."),
    "inputs": _text("Inputs of the value, and how it is computed from them."),
    # --- forecasts ------------------------------------------------------------------------------
    "target": _text(
        "Quantity that is forecast: the density of the densest model so far, or the lowest price so far.",
        "density",
        "price",
    ),
    "series": _text(
        "Series: reference/score set/basis of a density, level/input share of a price."
    ),
    "made_on": _day(
        "Month end at which the forecast is made; it uses nothing that was known later."
    ),
    "horizon_months": _count("How far ahead the forecast looks.", "months"),
    "target_date": _day("Month end for which the forecast is made."),
    "current": _positive(
        "Value at the month end at which the forecast is made.", "1, or USD per million tokens"
    ),
    "q_10": _positive("10 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_20": _positive("20 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_30": _positive("30 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_40": _positive("40 % quantile of the forecast.", "1, or USD per million tokens"),
    "median": _positive("50 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_60": _positive("60 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_70": _positive("70 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_80": _positive("80 % quantile of the forecast.", "1, or USD per million tokens"),
    "q_90": _positive("90 % quantile of the forecast.", "1, or USD per million tokens"),
    "outcome_low": _positive(
        "Lower end of the 95 % interval of the value at the target date.", "1"
    ),
    "outcome_high": _positive(
        "Upper end of the 95 % interval of the value at the target date.", "1"
    ),
    "origin": _text(
        "Whether the forecast was published before its outcome could be known and stays as it was, or "
        "is rebuilt every night from the tables cut off at its month end.",
        "published",
        "backtest",
    ),
    "first_published": _day("Day of the newest data of the night that published the forecast."),
    "skill_vs_no_change": _number(
        "1 - CRPS / CRPS of the method no-change, for the same day and horizon."
    ),
    "skill_vs_constant": _number(
        "1 - CRPS / CRPS of the paper's constant, for the same day and horizon."
    ),
    "log_error": _number("ln of the forecast's median over the actual value."),
    "crps": Column(
        pl.Float64, "Continuous ranked probability score of ln value; lower is better.", "1", low=0
    ),
    "pinball_loss": Column(
        pl.Float64, "Mean pinball loss over the deciles of ln value: half the CRPS.", "1", low=0
    ),
    "pinball_10": Column(pl.Float64, "Pinball loss of the 10 % quantile of ln value.", "1", low=0),
    "pinball_50": Column(pl.Float64, "Pinball loss of the median of ln value.", "1", low=0),
    "pinball_90": Column(pl.Float64, "Pinball loss of the 90 % quantile of ln value.", "1", low=0),
    "covered": _flag(
        "Whether the 95 % interval holds the actual value; empty for a method without interval."
    ),
    "claim": _text("The claim, and where it stands."),
    "claimed_fold": _positive("Growth of the density, or fall of the price, as claimed.", "1"),
    "actual_fold": _positive("Actual growth of the density, or fall of the price.", "1"),
    "claimed_low": _positive(
        "Lower end of the 95 % range the claim allows, given how unevenly records came before it.",
        "1",
    ),
    "claimed_high": _positive("Upper end of the 95 % range that the claim allows.", "1"),
    "is_within": _flag(
        "Whether the actual change lies in the range that the claim allows; empty without a range."
    ),
    "n_forecasts": _count("Forecasts scored.", "forecasts"),
    "mean_crps": Column(pl.Float64, "Mean CRPS.", "1", low=0),
    "mean_absolute_log_error": Column(pl.Float64, "Mean of the absolute log errors.", "1", low=0),
    "bias": _number("Mean log error; above zero for values forecast too high."),
    "coverage": _fraction("Share of 95 % intervals that hold the actual value."),
    "skill_no_change": _number(
        "1 - mean CRPS / mean CRPS of the method no-change, on the same forecasts; empty, as an end of its interval, "
        "where the errors are over a hundred times the rival's."
    ),
    "skill_no_change_low": _number("Lower end of the 95 % interval of skill_no_change."),
    "skill_no_change_high": _number("Upper end of the 95 % interval of skill_no_change."),
    "skill_constant": _number(
        "1 - mean CRPS / mean CRPS of the paper's constant, on the same forecasts; empty, as an end of its interval, "
        "where the errors are over a hundred times the rival's."
    ),
    "skill_constant_low": _number("Lower end of the 95 % interval of skill_constant."),
    "skill_constant_high": _number("Upper end of the 95 % interval of skill_constant."),
    "skill_last_12_months": _number(
        "1 - mean CRPS / mean CRPS of the last 12 months' slope, on the same forecasts; empty, as an end of its interval, "
        "where the errors are over a hundred times the rival's."
    ),
    "skill_last_12_months_low": _number("Lower end of the 95 % interval of skill_last_12_months."),
    "skill_last_12_months_high": _number("Upper end of the 95 % interval of skill_last_12_months."),
    **{
        name: column
        for rival, words in (
            ("no_change", "no change"),
            ("constant", "the paper's constant"),
            ("last_12_months", "the last 12 months' slope"),
        )
        for name, column in (
            (f"n_both_{rival}", _count(f"Forecasts that {words} made as well.", "forecasts")),
            (
                f"mean_crps_both_{rival}",
                _number(f"Mean CRPS on the forecasts that {words} made as well."),
            ),
            (
                f"rival_crps_{rival}",
                _number(f"Mean CRPS of {words} on the forecasts that both made."),
            ),
        )
    },
    # --- operation ------------------------------------------------------------------------------
    "polled_at": _instant(
        "Time of the poll; for data bundled with the package, the time they were published or compiled."
    ),
    "outcome": _text(
        "Outcome of the poll; `partial` if something is missing, which the next poll reads.",
        "ok",
        "partial",
        "embedded",
        "unchanged",
        "failed",
        "rejected",
        "disabled",
    ),
    "since": _day("Repositories created on this day or later were read."),
    "missing": _text("What a poll of the Hub should have read and did not; null if nothing."),
    "new_per_day": _number(
        "Repositories created since `since`, per day; null if not all were read.", "1 / day"
    ),
    "unread": _count(
        "Repositories that were listed and whose record was not read.", "repositories"
    ),
    "list_requests": _count("Pages of listings that were requested.", "requests"),
    "requests": _count("Requests made, retries not counted.", "requests"),
    "http_status": _count("HTTP status of the response.", "1"),
    "rows": _count("Rows the source gave.", "rows"),
    "rows_quarantined": _count("Entries of the source that could not be read.", "entries"),
    "rows_previous": _count("Rows the source gave at the poll before.", "rows"),
    "stale_hours": Column(pl.Float64, "Age of the newest data from the source.", "hours", low=0),
    "table": _text("Table that holds the number."),
    "previous": _number("Number in the release before.", "as in its table"),
    "release_id": _text("Release that has the previous number."),
    "cause": _text(
        "Why the number moved: more inputs (`new data`), inputs that their source or this project "
        "corrected (`correction`), other code, settings or libraries (`method`), `several` of these, or "
        "`other data`, which none of the compared tables has.",
        "new data",
        "correction",
        "method",
        "several",
        "other data",
    ),
    "created_at": _instant("Time at which the release was made."),
    "previous_release_id": _text("Release that was the latest one when this one was made."),
    "path": _text("Folder of the release, from the root of the place it was published to."),
    "descriptor_sha256": _text(
        "SHA-256 of `datapackage.json` of the release, which has those of its other files."
    ),
    "n_tables": _count("Tables of the release.", "tables"),
    "n_rows": _count("Rows of all its tables.", "rows"),
    "n_revisions": _count("Published numbers that moved since the release before.", "numbers"),
    "what_moved": _text("What moved, a sentence for each column and cause."),
    "headline": _text("First answer of the release."),
    "is_available": _flag("Whether the release can be had; others were removed by the publisher."),
    "key": _text("Name or position of the entry in the source."),
    "column": _text("Field of the entry that is wrong; empty if it is the whole entry."),
    "values": _text("Value in the source, shortened; both values where two sources disagree."),
    "message": _text("Details of the outcome, for the operator."),
    "version": _text("Version of the source's data."),
    "published_at": _day("Day the source published this version."),
    "title": _text("Title of the source."),
}
"""All columns by name."""

OWN: dict[tuple[str, str], Column] = {
    ("context_rates", "doubling_days"): _positive(
        "Doubling time that the source states; empty where it states points.", "days"
    ),
    ("context_rates", "window_start"): _day("First day the source speaks of."),
    ("context_rates", "window_end"): _day("Last day the source speaks of."),
    ("claimed_scores", "reason"): _text(
        "Why the claim does not enter scores on these days; empty if it does."
    ),
    ("claimed_scores", "observed_from"): _day(
        "First of the days: the claim was first seen, or what is known of it changed."
    ),
    ("claimed_scores", "observed_to"): _day(
        "Day on which the repository was first seen without the claim, or what is known of it changed "
        "(then it has another row from that day on); empty while the row holds."
    ),
    ("base_model_recall", "publisher"): _text(
        "Namespace of the Hub, lower case, under which an organisation publishes now."
    ),
    ("base_model_recall", "month"): _day(
        "First day of the month of release; of an absent model, of the month it was first seen."
    ),
    ("benchmark_gap", "log_ratio"): _number(
        "ln of the density on benchmarks over that on fresh text."
    ),
    ("benchmark_gap", "median_gap"): _number("Median log_ratio of all other models."),
    ("benchmark_gap", "excess"): _number(
        "log_ratio less that of the median model: above zero the model is denser on tests."
    ),
    ("benchmark_gap", "finding"): _text(
        "Whether the model is denser on tests or on fresh text than the median model is, as far as the "
        "interval can tell.",
        "denser on tests",
        "denser on fresh text",
        "not told apart",
    ),
    ("knowledge_probes", "used_in_fit"): _flag(
        "Whether the model answered enough questions to enter densities and growth."
    ),
    ("ruler_densities", "population"): _text(
        "Which models they are: base models, or instruct and thinking ones.",
        "base",
        "instruct-and-thinking",
    ),
    ("density_growth", "population"): _text(
        "Which models the estimate is over: base models, those of them that have a density on benchmarks "
        "and on fresh text, or instruct and thinking models.",
        "base",
        "base-on-both",
        "instruct-and-thinking",
    ),
    ("density_growth", "finding"): _text(
        "Whether density grows or falls, as far as the 95 % interval can tell; empty for a rate without "
        "one.",
        "growth",
        "decline",
        "no growth shown",
    ),
    ("density_growth", "n_clusters"): _count(
        "Families, or vendors, that the bootstrap resamples.", "families or vendors"
    ),
    ("price_comparisons", "series"): _text("Benchmark and level, or tier, that the rate is of."),
    ("price_comparisons", "n_points"): _count(
        "Points of the fit: models, or months of tiers and index.", "points"
    ),
    ("price_comparisons", "source_url"): _text("Address of the recipe; empty if it is ours."),
    ("price_comparisons", "r_squared"): _number("Share of variance of ln price the fit explains."),
    ("density_growth", "n_models"): _count("Models the estimate rests on.", "models"),
    ("density_growth", "doubling_days"): _positive(
        "Doubling time of density, ln 2 / growth; empty if the growth's 95 % interval includes zero.",
        "days",
    ),
    ("forecast_scores", "outcome"): _positive(
        "Value at the target date.", "1, or USD per million tokens"
    ),
    ("score_documents", "published_at"): _day(
        "Day on which the document was public with its scores."
    ),
    ("reported_scores", "published_at"): _day(
        "Day on which the row was public, if it was added to its document later; always on a board."
    ),
    ("revisions", "key"): _text("Key of the row, its parts separated by slashes."),
    ("revisions", "column"): _text("Column of the number."),
    ("revisions", "current"): _number("Number in this release.", "as in its table"),
    ("models", "canonical_id"): _text(
        "The Hub repository of the model: its own id, or that of the model that a row of the paper shows; empty "
        "where no repository is known to be it."
    ),
    ("price_now", "since"): _day("First day on which the price is known to have held."),
    ("price_changes", "canonical_id"): _text(
        "Model the offer sells: a Hub id where open weights exist, else org/name. Empty where no rule links the name "
        "to a model, and before the release of a model whose name the offer does not have: another was sold then."
    ),
    ("price_changes", "input_usd_per_mtok"): _price(
        "Price of input tokens after the change; empty for a departure."
    ),
    ("price_changes", "output_usd_per_mtok"): _price(
        "Price of output tokens after the change; empty for a departure."
    ),
    ("price_changes", "date"): _day(
        "Day from which the new price is known to have held, or on which the offer was no longer there."
    ),
    ("task_runs", "model"): _text("Run as the board names it: model, and setting of reasoning."),
    ("task_cost_records", "model"): _text(
        "Run as the board names it: model, and setting of reasoning."
    ),
    ("task_cost_records", "level"): _text("Level: short name of the run whose score it is."),
    ("benchmark_reports", "run_date"): _day("Day of the run, if the source states it."),
    ("task_cost_records", "run_date"): _day(
        "Day of the run or of the model's release (run_date_is of the board's runs), or that on which "
        "the level begins if it is earlier."
    ),
    ("task_cost_halving", "level"): _text("Level: short name of the run whose score it is."),
    ("task_cost_halving", "model"): _text("Run whose score is the level."),
    ("task_cost_halving", "score"): _fraction(
        "Score of the level, which a run must have at least."
    ),
    ("task_cost_halving", "window_start"): _day("Day of the run that names the level."),
    ("task_cost_halving", "window_end"): _day("Day of the board's newest run."),
    ("task_cost_halving", "n_changes"): _count("Record lows after the first.", "changes"),
    ("price_frontier", "seller"): _text(
        "Company that asked the price (facts/seller_names.csv); the maker where a router sells a model whose weights "
        "are not published. Empty if the router does not name it, and where nothing is on offer."
    ),
    ("task_cost_halving", "n_providers"): _count(
        "Makers of the models whose runs set the records.", "makers"
    ),
    ("task_cost_halving", "fold"): _positive("Cost of the first record over the last.", "1"),
    ("task_cost_halving", "tokens_fold"): _positive(
        "Output tokens per task of the first record over those of the last.", "1"
    ),
    ("task_cost_halving", "halving_months"): _positive("Halving time of the cost.", "months"),
    ("revisions", "reason"): _text("What changed between the two releases."),
    ("releases", "release_id"): _text("Name of the release."),
    ("releases", "n_bytes"): _count("Size of all its tables.", "bytes"),
}
"""Columns whose name means something else in one table, by table and name."""


def column_of(table: str, name: str) -> Column:
    """What a column holds in a table."""
    return OWN.get((table, name), COLUMNS[name])
