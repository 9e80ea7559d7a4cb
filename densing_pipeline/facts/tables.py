"""The bundled fact tables: figures compiled from papers, reports and price pages.

Each is one CSV beside this file, with a source on every row. `facts.load` reads and validates them.
"""

from densing_pipeline.tables.schemas import Table

BASE_MODELS = Table(
    name="base_models",
    grain="one base model",
    key=("model_id",),
    columns=(
        "model_id", "model", "organisation", "family", "release_date", "release_date_basis",
        "params_total?", "params_active?", "params_nonembedding?", "total_includes?",
        "train_tokens?", "is_moe", "licence", "weights", "construction", "source_confidence", "source",
    ),
    ordered=(("params_active", "params_total"), ("params_nonembedding", "params_total")),
)  # fmt: skip

EVALUATION_OVERRIDES = Table(
    name="evaluation_overrides",
    grain="one model whose place in the evaluation queue was decided by hand",
    key=("model_id",),
    columns=("model_id", "state", "priority?", "reason", "source"),
)

COMPRESSION_PAIRS = Table(
    name="compression_pairs",
    grain="one parent and the model that was made smaller from it",
    key=("parent_id", "child_id"),
    columns=("parent_id", "child_id", "method", "source"),
)

REPORTED_SCORES = Table(
    name="reported_scores",
    grain="one reported score: model x benchmark x protocol x source",
    key=("model_id", "benchmark", "protocol", "source"),
    columns=(
        "model_id", "benchmark", "protocol", "is_paper_protocol", "score", "scored_by",
        "source_confidence", "licence_basis", "source", "source_url", "observed_at", "published_at?",
    ),
)  # fmt: skip

SCORE_DOCUMENTS = Table(
    name="score_documents",
    grain="one document that reports scores: its publisher, and the day it was public",
    key=("source_url",),
    columns=(
        "source_url", "document_kind", "publisher", "published_at", "published_basis", "source",
    ),
)  # fmt: skip

NMI_MODELS = Table(
    name="nmi_models",
    grain="one model of the paper's Fig. 1",
    key=("model_id",),
    columns=(
        "model_id", "model", "organisation", "family", "release_date", "params_nonembedding",
        "params_active?", "is_moe", "quantisation?", "parent_id?", "relation", "density",
        "density_basis", "effective_params", "score", "is_record", "canonical_id?", "source",
    ),
)  # fmt: skip

REFERENCE_POINTS = Table(
    name="reference_points",
    grain="one reference run x benchmark: its loss, its score, or both",
    key=("reference_id", "benchmark", "run_id"),
    columns=(
        "reference_id", "benchmark", "run_id", "params?", "tokens?", "loss_nats_per_token", "score?",
        "used_in_fit", "source",
    ),
)  # fmt: skip

REFERENCE_COEFFICIENTS = Table(
    name="reference_coefficients",
    grain="one published reference law x benchmark",
    key=("reference_id", "benchmark"),
    columns=(
        "reference_id", "benchmark", "a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l",
        "d", "reference_tokens", "source",
    ),
)  # fmt: skip

LADDERS = Table(
    name="ladders",
    grain="one model of a ladder that a reference law of our own is fitted on",
    key=("ladder", "model_id", "revision"),
    columns=(
        "ladder",
        "model_id",
        "revision?",
        "params?",
        "tokens?",
        "used_for",
        "scales?",
        "source",
    ),
)

REPORTED_FRESH_TEXT = Table(
    name="reported_fresh_text",
    grain="one base model x kind of text that was written after the model",
    key=("model_id", "text"),
    columns=(
        "model_id", "model", "family", "release_date", "params_total", "sequence_layers", "text",
        "compression_percent", "source", "source_url", "observed_at",
    ),
)  # fmt: skip

KNOWLEDGE_PROBES = Table(
    name="knowledge_probes",
    grain="one model asked the questions of Incompressible Knowledge Probes",
    key=("model",),
    columns=(
        "model", "vendor", "family", "is_moe", "is_thinking", "params_total", "params_active",
        "release_date", "score", "tier_1", "tier_2", "tier_3", "tier_4", "tier_5", "tier_6",
        "tier_7", "n_items", "refused", "wrong", "licence", "source", "source_url", "observed_at",
    ),
    ordered=(("params_active", "params_total"),),
)  # fmt: skip

CONTEXT_RATES = Table(
    name="context_rates",
    grain="one rate of progress of another quantity than density, as its source states it",
    key=("quantity", "window_start"),
    columns=(
        "quantity", "window_start", "window_end", "doubling_days?", "points_per_year?", "difference",
        "source", "source_url", "observed_at",
    ),
    ordered=(("window_start", "window_end"),),
)  # fmt: skip

LIST_PRICES = Table(
    name="list_prices",
    grain="one list price of one offer over its interval of validity",
    key=("source", "provider", "model", "offer", "context_over_tokens", "valid_from"),
    columns=(
        "source", "provider", "model", "offer", "input_usd_per_mtok", "output_usd_per_mtok?",
        "cache_read_usd_per_mtok?", "context_over_tokens", "currency", "valid_from", "valid_to?",
        "basis", "flag?", "observed_at", "source_url?",
    ),
    ordered=(("valid_from", "valid_to"),),
)  # fmt: skip

CAPABILITY_LEVELS = Table(
    name="capability_levels",
    grain="one capability level",
    key=("level",),
    columns=("level", "defined_by", "benchmark", "score", "std_error?", "source", "source_url?"),
)

INDEX_LEVELS = Table(
    name="index_levels",
    grain="one capability level that a row of a capability index defines",
    key=("level",),
    columns=("level", "index_name", "index_model", "defined_by", "source"),
)

CAPABILITY_SCORES = Table(
    name="capability_scores",
    grain="one model sold by an API and its score: model x benchmark x source",
    key=("canonical_id", "benchmark", "source"),
    columns=(
        "canonical_id", "benchmark", "protocol", "score", "std_error?", "source", "source_url?",
    ),
)  # fmt: skip

TASK_RUNS = Table(
    name="task_runs",
    grain="one run of a leaderboard that says what it cost",
    key=("board", "model", "run_date", "score", "cost_usd"),
    columns=(
        "board", "model", "organisation", "run_date", "run_date_is", "score", "std_error?", "n_items?",
        "cost_usd", "cost_name", "output_tokens?", "source", "source_url", "licence_basis",
    ),
)  # fmt: skip

TASK_LEVELS = Table(
    name="task_levels",
    grain="one level of a leaderboard that says what runs cost: the score of a named run",
    key=("board", "level"),
    columns=("board", "level", "model", "source"),
)

TASK_COST_HALVING = Table(
    name="task_cost_halving",
    grain="one estimate from a leaderboard whose rows may not be published: board x level",
    key=("board", "level"),
    columns=(
        "board", "level", "model", "score", "run_date_is", "window_start", "window_end", "record_date",
        "n_runs", "n_changes", "n_providers", "fold", "tokens_fold?", "token_price_fold?",
        "halving_months?", "low?", "high?", "verdict", "reason", "draws", "seed", "source", "source_url",
        "licence_basis",
    ),
    ordered=(("low", "high"), ("window_start", "record_date", "window_end")),
)  # fmt: skip

OFFER_NAMES = Table(
    name="offer_names",
    grain="one offer name that no rule resolves, and the model it sells",
    key=("provider", "model"),
    columns=("provider", "model", "canonical_id", "source"),
)

SELLER_NAMES = Table(
    name="seller_names",
    grain="one name that price lists have for a seller besides its own",
    key=("seller_name",),
    columns=("seller_name", "seller", "source"),
)

ORGANISATION_NAMES = Table(
    name="organisation_names",
    grain="one further name of the organisation behind a model: in price lists, or of a namespace that "
    "mirrors its models",
    key=("organisation_name",),
    columns=("organisation_name", "organisation", "source"),
)

NAME_PREFIXES = Table(
    name="name_prefixes",
    grain="one part of an offer's name that stands before the model's and is not its maker",
    key=("name_prefix",),
    columns=("name_prefix", "prefix_kind", "source"),
)

SOLD_MODELS = Table(
    name="sold_models",
    grain="one model that is sold, and its row in the Epoch Capabilities Index if it has one",
    key=("canonical_id",),
    columns=("canonical_id", "index_model?", "source"),
)

PRETRAINERS = Table(
    name="pretrainers",
    grain="one namespace of the Hub whose organisation published models it pretrained itself",
    key=("namespace",),
    columns=("namespace", "organisation?", "source"),
)

HUB_NAMESPACES = Table(
    name="hub_namespaces",
    grain="one namespace of a publisher that the Hub writes with capitals",
    key=("namespace",),
    columns=("namespace", "hub_namespace", "source"),
)

MODEL_LINES = Table(
    name="model_lines",
    grain="one line of models and one namespace of the Hub whose organisation pretrains it",
    key=("line", "namespace"),
    columns=("line", "namespace", "source"),
)

SOURCES = Table(
    name="sources",
    grain="one source of the bundled data",
    key=("source",),
    columns=("source", "title", "version", "published_at", "licence", "source_url"),
)

FACTS: dict[str, Table] = {
    table.name: table
    for table in (
        BASE_MODELS,
        EVALUATION_OVERRIDES,
        COMPRESSION_PAIRS,
        REPORTED_SCORES,
        SCORE_DOCUMENTS,
        NMI_MODELS,
        REFERENCE_POINTS,
        REFERENCE_COEFFICIENTS,
        LADDERS,
        REPORTED_FRESH_TEXT,
        KNOWLEDGE_PROBES,
        CONTEXT_RATES,
        LIST_PRICES,
        CAPABILITY_LEVELS,
        INDEX_LEVELS,
        CAPABILITY_SCORES,
        TASK_RUNS,
        TASK_LEVELS,
        TASK_COST_HALVING,
        OFFER_NAMES,
        SELLER_NAMES,
        ORGANISATION_NAMES,
        NAME_PREFIXES,
        SOLD_MODELS,
        PRETRAINERS,
        HUB_NAMESPACES,
        MODEL_LINES,
        SOURCES,
    )
}
"""Every fact table by name."""
