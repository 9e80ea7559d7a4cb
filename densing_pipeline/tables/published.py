"""Declarations of the published tables, a contract with readers: only add to them."""

from densing_pipeline.tables.schemas import Table

MODELS = Table(
    name="models",
    grain="one bundled model or Hub repository revision",
    key=("model_id", "revision"),
    columns=(
        "model_id", "revision?", "model", "organisation", "family", "release_date",
        "release_date_basis", "hub_created_at?", "params_total?", "params_active?",
        "params_nonembedding?", "params_source?", "train_tokens?", "architecture?", "is_moe",
        "quantisation?", "licence?", "gated?", "parent_id?", "relation?", "is_base",
        "base_evidence", "first_seen_at?", "source", "release_earliest?", "release_latest?",
        "is_doubtful?", "custom_code?", "readable?", "hub_state?", "hub_state_reason?",
        "renamed_to?", "weights?", "construction?", "source_confidence?", "total_includes?",
        "params_active_nonembedding?", "canonical_id?",
    ),
    ordered=(
        ("params_active", "params_total"),
        ("params_nonembedding", "params_total"),
        ("params_active_nonembedding", "params_active"),
        ("params_active_nonembedding", "params_nonembedding"),
    ),
)  # fmt: skip

MODEL_QUARANTINE = Table(
    name="model_quarantine",
    grain="one repository of the Hub with something implausible in its record x reason",
    key=("model_id", "revision", "reason"),
    columns=(
        "model_id", "revision?", "reason", "params_from_config?", "params_from_safetensors?",
        "first_seen_at",
    ),
)  # fmt: skip

HUB_NIGHTS = Table(
    name="hub_nights",
    grain="one poll of the Hub",
    key=("polled_at",),
    columns=(
        "polled_at", "since", "outcome", "http_status?", "list_requests", "requests", "rows",
        "message", "missing?", "new_per_day?", "unread?",
    ),
    operational=True,
)  # fmt: skip

EVALUATION_QUEUE = Table(
    name="evaluation_queue",
    grain="one candidate for evaluation",
    key=("model_id", "revision"),
    columns=(
        "model_id", "revision?", "state", "reason", "priority", "estimated_gpu_hours?",
        "memory_gib?", "attempts", "updated_at", "renamed_to?", "suite_version?", "attempts_excused?",
    ),
)  # fmt: skip

BASE_MODEL_RECALL = Table(
    name="base_model_recall",
    grain="one publisher known to pretrain x month: what became of its base models",
    key=("publisher", "month"),
    columns=(
        "publisher", "month", "n_seen", "n_queued", "n_evaluated", "n_blocked", "n_excluded",
        "n_absent", "blocked?", "absent?",
    ),
)  # fmt: skip

SCORE_GAPS = Table(
    name="score_gaps",
    grain="one measured score paired with one that was reported under the same protocol",
    key=("model_id", "revision", "benchmark", "source", "protocol"),
    columns=(
        "model_id", "revision?", "suite_version?", "benchmark", "measured", "reported", "gap",
        "low", "high", "is_large", "source", "source_url?", "protocol",
    ),
    ordered=(("low", "gap", "high"),),
)  # fmt: skip

CONTAMINATION = Table(
    name="contamination",
    grain="one model measured on a benchmark and on its rewritten form",
    key=("model_id", "revision", "benchmark"),
    columns=(
        "model_id", "revision?", "suite_version?", "benchmark", "rewritten_benchmark", "score",
        "rewritten_score", "gap", "low", "high", "median_gap?", "excess?", "verdict",
        "reason",
    ),
    ordered=(("low", "gap", "high"),),
)  # fmt: skip

COMPRESSION = Table(
    name="compression",
    grain="one parent and child x reference law x score set x parameter basis",
    key=("parent_id", "child_id", "reference_id", "score_set", "params_basis"),
    columns=(
        "parent_id", "child_id", "method", "reference_id", "score_set", "params_basis",
        "parent_density", "child_density", "log_ratio", "low?", "high?", "source", "finding",
        "width?",
    ),
    ordered=(("low", "log_ratio", "high"),),
)  # fmt: skip

SCORES = Table(
    name="scores",
    grain="one model x benchmark x protocol x source",
    key=("model_id", "benchmark", "protocol", "source", "revision"),
    columns=(
        "model_id", "benchmark", "protocol", "is_paper_protocol", "score", "std_error?", "n_items?",
        "source_kind", "source", "source_url?", "observed_at", "revision?", "suite_version?",
        "item_limit?", "n_failed?", "n_truncated?", "scored_by?", "source_confidence?",
        "licence_basis?", "known_from?", "known_from_basis?", "publisher?", "known_to?", "sampled_from?",
        "sampling_error?", "n_role_starts?", "is_chat_formatted?", "is_in_force?",
    ),
)  # fmt: skip

CLAIMED_SCORES = Table(
    name="claimed_scores",
    grain="one score that a repository of the Hub claims, with the days on which it did and the same "
    "was known of it",
    key=("model_id", "claim_id", "observed_from"),
    columns=(
        "model_id", "claim_id", "revision?", "source_kind", "claimed_by", "stated_in", "file?",
        "pull_request?", "stated_model?", "dataset?", "benchmark_name?", "dataset_part?", "task?",
        "metric?", "metric_name?", "notes?", "stated_value?", "value_scale", "benchmark?", "protocol?",
        "is_paper_protocol", "score?", "copied_from?", "reason?", "cited?", "cited_url?",
        "stated_date?", "source_url", "licence_basis", "observed_from", "observed_to?",
        "snapshot_sha256",
    ),
    ordered=(("observed_from", "observed_to"),),
)  # fmt: skip

BENCHMARK_REPORTS = Table(
    name="benchmark_reports",
    grain="one score that an outside source gives, with the days on which it gave it",
    key=("source", "benchmark_name", "model", "entry", "observed_from"),
    columns=(
        "source", "benchmark_name", "benchmark?", "model", "display_name?", "entry", "score",
        "std_error?", "n_items?", "protocol?", "organisation?", "release_date?", "cost_usd?", "cost_name?",
        "cited?", "source_url?", "licence_basis", "model_id?", "method", "confidence", "reason?",
        "observed_from", "observed_to?", "snapshot_sha256", "run_date?",
    ),
    ordered=(("observed_from", "observed_to"),),
)  # fmt: skip

CAPABILITY_INDEX = Table(
    name="capability_index",
    grain="one value of a capability index, for a model or a benchmark, with the days on which it held",
    key=("source", "model", "benchmark_name", "observed_from"),
    columns=(
        "source", "index_name", "model?", "benchmark_name?", "display_name?", "index_value",
        "index_low?", "index_high?", "discrimination?", "is_anchor?", "release_date?",
        "benchmark_release_date?", "organisation?", "accessibility?", "source_url?",
        "licence_basis", "model_id?", "method?", "confidence?", "reason?", "observed_from",
        "observed_to?", "snapshot_sha256",
    ),
    ordered=(("index_low", "index_value", "index_high"), ("observed_from", "observed_to")),
)  # fmt: skip

MODEL_REPORTS = Table(
    name="model_reports",
    grain="what an outside source says of one model, with the days on which it said so",
    key=("source", "model", "entry", "observed_from"),
    columns=(
        "source", "model", "display_name?", "model_group?", "entry", "organisation?",
        "release_date?", "params_total?",
        "training_data_size?", "training_flop?", "accessibility?", "cited?", "source_url?",
        "licence_basis", "model_id?", "method", "confidence", "reason?", "observed_from",
        "observed_to?", "snapshot_sha256",
    ),
    ordered=(("observed_from", "observed_to"),),
)  # fmt: skip

POOLED_SCORES = Table(
    name="pooled_scores",
    grain="one model x benchmark that is compared, under the protocol that counts",
    key=("model_id", "benchmark"),
    columns=(
        "model_id", "benchmark", "score", "std_error", "item_std_error", "source_std_error?",
        "source_kind", "n_sources", "score_low", "score_high", "sources", "left_out?", "n_documents",
    ),
    ordered=(("score_low", "score", "score_high"),),
)  # fmt: skip

SCORE_CONFLICTS = Table(
    name="score_conflicts",
    grain="one model x benchmark whose sources differ by more than 20 points",
    key=("model_id", "benchmark"),
    columns=(
        "model_id", "benchmark", "gap", "score_low", "protocol_low", "source_low", "score_high",
        "protocol_high", "source_high", "score?", "reason",
    ),
)  # fmt: skip

SOURCE_EFFECTS = Table(
    name="source_effects",
    grain="one benchmark, with the disagreement of independent sources",
    key=("benchmark",),
    columns=(
        "benchmark", "between_source_std?", "between_source_std_low?", "between_source_std_high?",
        "n_models", "n_scores", "maker_premium?", "maker_premium_low?", "maker_premium_high?",
        "n_models_maker", "reason",
    ),
)  # fmt: skip

EVAL_ITEMS = Table(
    name="eval_items",
    grain="one model x benchmark item that we measured",
    key=("model_id", "revision", "suite_version", "benchmark", "item_id"),
    columns=(
        "model_id", "revision", "suite_version", "benchmark", "item_id", "subject?", "score?",
        "answer_nll_nats_per_token?", "prompt_tokens?", "completion_tokens?", "is_truncated?",
        "failed_reason?", "bits_per_byte?", "text_bytes?", "item_weight?",
        "begins_with_role?",
    ),
)  # fmt: skip

FRESH_TEXT = Table(
    name="fresh_text",
    grain="one measured model x month of new texts x domain",
    key=("model_id", "revision", "suite_version", "texts_from", "domain"),
    columns=(
        "model_id", "revision", "suite_version", "texts_from", "domain", "bits_per_byte",
        "bits_per_byte_error?", "n_texts", "n_texts_failed", "n_bytes", "release_date?",
        "is_after_release?",
    ),
)  # fmt: skip

EVALUATIONS = Table(
    name="evaluations",
    grain="one evaluation: model x revision x suite version x limit",
    key=("model_id", "revision", "suite_version", "item_limit"),
    columns=(
        "model_id", "revision", "suite_version", "item_limit?", "state", "reason", "attempts",
        "attempts_excused?", "is_resumable", "requested_revision?", "started_at?", "finished_at?", "n_items?",
        "n_failed?", "n_truncated?", "seconds?",
        "prompt_tokens?", "completion_tokens?", "engine?", "vllm_version?", "torch_version?",
        "transformers_version?", "python_version?", "dtype?", "quantisation?", "tensor_parallel?",
        "batch_invariant?", "prompt_sha256?", "tokenizer_sha256?", "device?", "sandbox?",
        "measuring_seconds?", "gpu_seconds?", "joules?", "joules_reason?", "peak_memory_bytes?",
    ),
)  # fmt: skip

SUITE_BENCHMARKS = Table(
    name="suite_benchmarks",
    grain="one benchmark that models are measured on: its data and how it asks",
    key=("suite_version", "benchmark"),
    columns=(
        "suite_version", "benchmark", "benchmark_version", "question_group", "dataset_id",
        "dataset_revision?", "question_split?", "n_questions?", "shots", "request_kind", "metric_used",
        "stop_texts?", "token_budget?", "guessing_score", "question_licence", "has_own_questions",
    ),
)  # fmt: skip

EVALUATION_COSTS = Table(
    name="evaluation_costs",
    grain="one finished evaluation as a whole (without a benchmark), and its share of each benchmark",
    key=("model_id", "revision", "suite_version", "item_limit", "benchmark"),
    columns=(
        "model_id", "revision", "suite_version", "item_limit?", "benchmark?", "n_items", "n_correct?",
        "prompt_tokens", "completion_tokens", "measuring_seconds?", "gpu_seconds?", "joules?", "joules_reason?",
        "joules_per_correct?", "peak_memory_bytes?", "device?", "estimated_gpu_hours?",
        "hours_per_estimate?", "density?",
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

REFERENCE_LAWS = Table(
    name="reference_laws",
    grain="one reference law x benchmark",
    key=("reference_id", "benchmark"),
    columns=(
        "reference_id", "benchmark", "a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l",
        "d", "reference_tokens", "loss_sse?", "score_sse?", "n_points?", "n_minima?", "fit", "source",
    ),
)  # fmt: skip

OWN_RULERS = Table(
    name="own_rulers",
    grain="one ladder of our own x benchmark: whether its measurements determine a reference law",
    key=("reference_id", "benchmark"),
    columns=(
        "reference_id", "benchmark", "ladder", "suite_version", "n_rungs", "n_measured", "n_points",
        "n_score_points", "verdict", "reason",
    ),
)  # fmt: skip

REFERENCE_LAW_DRAWS = Table(
    name="reference_law_draws",
    grain="one reference law x benchmark x resample of its training runs",
    key=("reference_id", "benchmark", "draw"),
    columns=(
        "reference_id", "benchmark", "draw", "a", "alpha", "b", "beta", "irreducible", "c", "gamma",
        "l", "d", "is_other_minimum?",
    ),
)  # fmt: skip

DIRECT_LAWS = Table(
    name="direct_laws",
    grain="one direct law (from parameters straight to score) x benchmark",
    key=("reference_id", "benchmark"),
    columns=(
        "reference_id", "benchmark", "law_kind", "d", "logit_intercept", "logit_per_ln_params",
        "logit_per_ln_tokens?", "reference_tokens", "params_from", "params_to", "n_points",
        "largest_out_error", "two_step_largest_out_error?", "is_chosen?", "source",
    ),
)  # fmt: skip

DENSITIES = Table(
    name="densities",
    grain="one model x reference law x score set x parameter basis",
    key=("model_id", "reference_id", "score_set", "params_basis"),
    columns=(
        "model_id", "family", "release_date", "reference_id", "score_set", "params_basis", "params",
        "score", "std_error?", "effective_params?", "density?", "density_low?", "density_high?",
        "censored", "is_record", "score_source_kind?", "weights?", "construction?",
        "density_low_own_minimum?", "density_high_own_minimum?", "width?",
    ),
    ordered=(
        ("density_low", "density", "density_high"),
        ("density_low_own_minimum", "density", "density_high_own_minimum"),
    ),
)  # fmt: skip

DENSING_LAW = Table(
    name="densing_law",
    grain="one estimate of the density trend",
    key=("estimate_id",),
    columns=(
        "estimate_id", "as_of", "reference_id", "score_set", "params_basis", "window",
        "window_start", "window_end", "estimator", "is_headline", "verdict", "reason", "n_models",
        "n_clusters", "n_points", "slope_per_day?", "slope_low?", "slope_high?", "intercept?",
        "doubling_days?", "doubling_days_low?", "doubling_days_high?", "r_squared?",
        "simulated_bias?", "simulated_coverage?", "draws", "seed", "slope_low_law_known?",
        "slope_high_law_known?", "doubling_days_low_law_known?", "doubling_days_high_law_known?",
        "slope_low_mc_error?", "slope_high_mc_error?", "population", "newest_model?",
        "newest_release?", "slope_low_80?", "slope_high_80?", "doubling_days_low_80?",
        "doubling_days_high_80?", "simulated_coverage_law_known?", "lowest_coverage?",
        "lowest_coverage_world?",
        "width?", "slope_low_own_minimum?", "slope_high_own_minimum?",
        "doubling_days_low_own_minimum?", "doubling_days_high_own_minimum?",
    ),
    ordered=(
        ("slope_low", "slope_high"),
        ("slope_low", "slope_low_80", "slope_high_80", "slope_high"),
        ("slope_low_law_known", "slope_high_law_known"),
        ("slope_low_own_minimum", "slope_high_own_minimum"),
        ("doubling_days_low_own_minimum", "doubling_days_high_own_minimum"),
        ("doubling_days_low", "doubling_days_high"),
        (
            "doubling_days_low", "doubling_days_low_80", "doubling_days_high_80",
            "doubling_days_high",
        ),
        ("doubling_days_low_law_known", "doubling_days_high_law_known"),
        ("window_start", "window_end"),
    ),
)  # fmt: skip

PRICES = Table(
    name="prices",
    grain="one price of one offer over an interval of validity and of observation",
    key=(
        "source", "provider", "model", "offer", "context_over_tokens", "quantisation", "valid_from",
        "observed_from",
    ),
    columns=(
        "source", "provider", "model", "offer", "input_usd_per_mtok?", "output_usd_per_mtok?",
        "cache_read_usd_per_mtok?", "context_over_tokens", "quantisation?", "currency",
        "valid_from?", "valid_to?", "observed_from", "observed_to?", "basis", "flag?",
        "snapshot_sha256", "source_url?", "reason?", "last_seen?", "hub_id?",
        "listed_offer?", "listed_flag?", "listed_reason?", "valid_from_earliest?",
        "valid_from_latest?", "presumed_from?",
    ),
    ordered=(
        ("valid_from", "valid_to"),
        ("observed_from", "observed_to"),
        ("valid_from_earliest", "valid_from_latest"),
    ),
)  # fmt: skip

PRICE_POLLS = Table(
    name="price_polls",
    grain="one day on which a price list was seen; of the list of sellers, one day x model asked for",
    key=("source", "model", "seen_on"),
    columns=("source", "model?", "seen_on"),
)

MODEL_LINKS = Table(
    name="model_links",
    grain="one offer name of one source and the model it sells",
    key=("source", "provider", "model"),
    columns=(
        "source",
        "provider",
        "model",
        "canonical_id?",
        "method",
        "confidence",
        "name_family?",
        "family_recall?",
    ),
)

PRICE_CHANGES = Table(
    name="price_changes",
    grain="one change of one offer: a cut or rise of its price, a promotion, its arrival or departure",
    key=(
        "source", "provider", "model", "offer", "context_over_tokens", "quantisation", "date",
        "change",
    ),
    columns=(
        "source", "provider", "seller", "model", "canonical_id?", "offer", "context_over_tokens",
        "quantisation?", "change", "date", "date_earliest?", "certainty", "input_usd_per_mtok?",
        "output_usd_per_mtok?", "input_usd_per_mtok_before?", "output_usd_per_mtok_before?",
        "reason?", "source_url?", "snapshot_sha256",
    ),
    ordered=(("date_earliest", "date"),),
)  # fmt: skip

CAPABILITY_LEVELS = Table(
    name="capability_levels",
    grain="one capability level",
    key=("level",),
    columns=(
        "level", "defined_by", "benchmark?", "score?", "std_error?", "source", "source_url?",
        "level_scale?", "index_model?", "index_value?", "index_low?", "index_high?", "index_vintage?",
        "release_date?",
    ),
    ordered=(("index_low", "index_value", "index_high"),),
)  # fmt: skip

PRICE_FRONTIER = Table(
    name="price_frontier",
    grain="one change of the cheapest price: level x blend x curve x date",
    key=("level", "blend_input_share", "curve", "date"),
    columns=(
        "level", "blend_input_share", "curve", "date", "usd_per_mtok?", "provider?", "model?",
        "source?", "basis?", "low?", "high?", "level_scale?", "date_earliest?", "seller?", "width?",
    ),
    ordered=(("low", "high"), ("date_earliest", "date")),
)  # fmt: skip

PRICE_HALVING = Table(
    name="price_halving",
    grain="one estimate of the price halving time",
    key=("level", "blend_input_share", "curve", "window", "estimator"),
    columns=(
        "level", "blend_input_share", "curve", "window", "window_start", "window_end", "estimator",
        "is_headline", "verdict", "reason", "fold?", "halving_months?", "low?", "high?",
        "n_changes", "n_providers", "months_since_record?", "as_of", "draws", "seed", "level_scale?",
        "n_censored?", "widest_gap_months?", "simulated_bias?", "simulated_coverage?",
        "width?",
    ),
    ordered=(("low", "high"), ("window_start", "window_end")),
)  # fmt: skip

PRICE_RECORDS = Table(
    name="price_records",
    grain="one level x blend: the last record low price, and what happened since",
    key=("level", "blend_input_share"),
    columns=(
        "level", "level_scale?", "blend_input_share", "record_date", "usd_per_mtok", "provider", "model",
        "source", "basis", "n_records", "record_fate", "fate_date?", "now_usd_per_mtok?",
        "now_provider?", "now_model?", "above_record?", "n_models_since", "entry_usd_per_mtok?",
        "log_change", "entry_of_models", "entry_of_providers", "repricing", "exit",
        "undated_log_change", "as_of",
    ),
)  # fmt: skip

LEVEL_MEMBERSHIPS = Table(
    name="level_memberships",
    grain="one scored model x capability level",
    key=("level", "canonical_id"),
    columns=("level", "canonical_id", "probability", "is_member"),
)

PRICE_INDEX = Table(
    name="price_index",
    grain="one month x blend of the quality-adjusted price index",
    key=("blend_input_share", "month"),
    columns=(
        "blend_input_share", "month", "index?", "low?", "high?", "quality_slope?", "n_offers",
        "n_models", "verdict", "reason", "as_of", "width?",
    ),
    ordered=(("low", "index", "high"),),
)  # fmt: skip

PRICE_COMPARISONS = Table(
    name="price_comparisons",
    grain="one recipe by which others measure the fall of prices x series, computed on our prices",
    key=("recipe", "series"),
    columns=(
        "recipe", "series", "blend_input_share", "n_points", "window_start?", "window_end?",
        "fold_per_year?", "fold_per_year_low?", "fold_per_year_high?", "halving_months?",
        "r_squared?", "verdict", "reason", "source_url?", "as_of", "width?",
    ),
    ordered=(
        ("window_start", "window_end"),
        ("fold_per_year_low", "fold_per_year", "fold_per_year_high"),
    ),
)  # fmt: skip

PRICE_DECOMPOSITION = Table(
    name="price_decomposition",
    grain="one level x blend x period, with the parts of the change of the cheapest price on offer",
    key=("level", "blend_input_share", "period"),
    columns=(
        "level", "blend_input_share", "period", "window_start", "window_end", "log_change",
        "entry_of_models", "entry_of_providers", "repricing", "exit", "undated_log_change",
        "n_changes",
    ),
    ordered=(("window_start", "window_end"),),
)  # fmt: skip

TASK_RUNS = Table(
    name="task_runs",
    grain="one run of a leaderboard that says what it cost",
    key=("board", "model", "run_date", "score", "cost_usd"),
    columns=(
        "board", "model", "organisation?", "run_date", "run_date_is", "score", "std_error?", "n_items?",
        "cost_usd", "cost_name", "output_tokens?", "source", "source_url?", "licence_basis",
    ),
)  # fmt: skip

TASK_COST_RECORDS = Table(
    name="task_cost_records",
    grain="one record low of the cost of a task: board x level x day, with the two factors of the fall",
    key=("board", "level", "run_date"),
    columns=(
        "board", "level", "run_date", "model", "organisation?", "score", "cost_usd", "cost_name",
        "output_tokens?", "cost_fold?", "tokens_fold?", "token_price_fold?", "source", "source_url?",
    ),
)  # fmt: skip

TASK_COST_HALVING = Table(
    name="task_cost_halving",
    grain="one estimate of how fast the cost of a task halves: board x level",
    key=("board", "level"),
    columns=(
        "board", "level", "model", "score", "run_date_is", "window_start", "window_end", "record_date",
        "n_runs", "n_changes", "n_providers", "fold", "tokens_fold?", "token_price_fold?",
        "halving_months?", "low?", "high?", "verdict", "reason", "draws", "seed", "source", "source_url?",
        "licence_basis", "width?",
    ),
    ordered=(("low", "high"), ("window_start", "record_date", "window_end")),
)  # fmt: skip

SOURCE_HEALTH = Table(
    name="source_health",
    grain="one source x poll",
    key=("source", "polled_at"),
    columns=(
        "source", "version?", "polled_at", "outcome", "http_status?", "rows?", "rows_previous?",
        "rows_quarantined?", "stale_hours", "message",
    ),
    operational=True,
)  # fmt: skip

QUARANTINE = Table(
    name="quarantine",
    grain="one entry of a source that is kept out of the tables x reason",
    key=("source", "key", "column", "reason"),
    columns=(
        "source", "key", "column?", "values?", "reason", "snapshot_sha256", "observed_at",
    ),
)  # fmt: skip

TREND_BREAKS = Table(
    name="trend_breaks",
    grain="one search for a change of the density trend: series x kind x estimator",
    key=("reference_id", "score_set", "params_basis", "kind", "estimator"),
    columns=(
        "series", "reference_id", "score_set", "params_basis", "kind", "estimator", "as_of",
        "break_date?", "verdict", "reason", "n_models", "n_clusters", "n_before", "n_after",
        "slope_before?", "slope_after?", "slope_ratio?", "slope_ratio_low?", "slope_ratio_high?",
        "f_statistic?", "p_value?", "size?", "power_at_1_5x?", "draws", "seed",
        "width?",
    ),
    ordered=(("slope_ratio_low", "slope_ratio_high"),),
)  # fmt: skip

DENSITY_PACES = Table(
    name="density_paces",
    grain="one growth curve of one series: the pace of density on the newest release date",
    key=("reference_id", "score_set", "params_basis", "population", "estimator", "growth_curve"),
    columns=(
        "reference_id", "score_set", "params_basis", "population", "estimator", "growth_curve",
        "as_of", "verdict", "reason", "n_models", "n_clusters", "newest_model?",
        "newest_release?", "slope_per_day?", "slope_low?", "slope_high?", "doubling_days?",
        "doubling_days_low?", "doubling_days_high?", "slope_less_line?", "slope_less_line_low?",
        "slope_less_line_high?", "slope_before?", "break_date?", "break_date_low?",
        "break_date_high?", "half_life_days?", "fold_left?", "fold_left_low?", "fold_left_high?",
        "draws", "seed", "width?",
    ),
    ordered=(
        ("slope_low", "slope_high"),
        ("doubling_days_low", "doubling_days_high"),
        ("slope_less_line_low", "slope_less_line_high"),
        ("break_date_low", "break_date_high"),
        ("fold_left_low", "fold_left_high"),
    ),
)  # fmt: skip

REPORTED_FRESH_TEXT = Table(
    name="reported_fresh_text",
    grain="one base model x kind of text that was written after the model",
    key=("model_id", "text"),
    columns=(
        "model_id", "model", "family", "release_date", "params_total", "sequence_layers", "text",
        "compression_percent", "bits_per_byte", "source", "source_url", "observed_at",
    ),
)  # fmt: skip

KNOWLEDGE_PROBES = Table(
    name="knowledge_probes",
    grain="one instruct or thinking model asked the questions of Incompressible Knowledge Probes",
    key=("model",),
    columns=(
        "model", "vendor", "family", "is_moe", "is_thinking", "params_total", "params_active",
        "release_date", "score", "n_items", "std_error", "used_in_fit", "is_revised", "source",
        "source_url", "observed_at",
    ),
    ordered=(("params_active", "params_total"),),
)  # fmt: skip

RULER_DENSITIES = Table(
    name="ruler_densities",
    grain="one model's density by a ruler that is no benchmark: ruler x group x parameter basis x model",
    key=("ruler", "group", "params_basis", "model_id"),
    columns=(
        "ruler", "group", "population", "params_basis", "model_id", "family", "vendor?",
        "release_date", "params", "score?", "bits_per_byte?", "effective_params", "density",
        "density_low?", "density_high?", "is_extrapolated", "source_url?",
        "width?",
    ),
    ordered=(("density_low", "density", "density_high"),),
)  # fmt: skip

BENCHMARK_GAP = Table(
    name="benchmark_gap",
    grain="one model's density on benchmarks beside its density on fresh text: model x reference law x score set",
    key=("model_id", "reference_id", "score_set"),
    columns=(
        "model_id", "family", "release_date", "reference_id", "score_set", "params_basis",
        "benchmark_density", "text_density", "log_ratio", "median_gap?", "excess?", "excess_low?",
        "excess_high?", "verdict", "finding?", "reason", "width?",
    ),
    ordered=(("excess_low", "excess", "excess_high"),),
)  # fmt: skip

DENSITY_GROWTH = Table(
    name="density_growth",
    grain="one rate of growth of density: ruler x group x population x parameter basis x estimator x window",
    key=("ruler", "group", "population", "params_basis", "estimator", "window"),
    columns=(
        "ruler", "group", "population", "params_basis", "estimator", "window", "as_of", "verdict",
        "finding?", "reason", "n_models", "n_clusters", "first_release?", "newest_release?",
        "newest_model?", "growth_per_year?", "growth_low?", "growth_low_80?", "growth_high_80?",
        "growth_high?", "doubling_days?", "doubling_days_low?", "doubling_days_low_80?",
        "doubling_days_high_80?", "doubling_days_high?", "draws", "seed", "simulated_coverage?",
        "lowest_coverage?", "lowest_coverage_world?",
        "width?", "is_headline", "growth_low_mc_error?", "growth_high_mc_error?",
    ),
    ordered=(
        ("first_release", "newest_release", "as_of"),
        ("growth_low", "growth_low_80", "growth_high_80", "growth_high"),
        (
            "doubling_days_low", "doubling_days_low_80", "doubling_days_high_80",
            "doubling_days_high",
        ),
    ),
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

INTERVAL_COVERAGE = Table(
    name="interval_coverage",
    grain="how often the interval of one estimate of the pace held it in one artificial world",
    key=("estimate", "params_basis", "window", "world", "truth"),
    columns=(
        "estimate", "params_basis", "window", "world", "truth", "worlds", "draws", "coverage",
        "coverage_mc_error", "coverage_80", "relative_bias?", "relative_width?", "digest",
        "median_bias?", "narrow_share?", "narrow_coverage?",
    ),
)  # fmt: skip

PACE_SKILL = Table(
    name="pace_skill",
    grain="how one growth curve of one series forecast the models after past month ends",
    key=(
        "reference_id", "score_set", "params_basis", "population", "estimator", "growth_curve",
        "horizon_months",
    ),
    columns=(
        "reference_id", "score_set", "params_basis", "population", "estimator", "growth_curve",
        "horizon_months", "as_of", "verdict", "reason", "score_rule", "n_vintages", "n_targets",
        "first_vintage?", "last_vintage?", "mean_score?", "skill_over_line?",
        "skill_over_line_low?", "skill_over_line_high?", "skill_over_no_change?",
        "skill_over_no_change_low?", "skill_over_no_change_high?", "draws", "seed",
    ),
    ordered=(
        ("first_vintage", "last_vintage"),
        ("skill_over_line_low", "skill_over_line_high"),
        ("skill_over_no_change_low", "skill_over_no_change_high"),
    ),
)  # fmt: skip

SENSITIVITY = Table(
    name="sensitivity",
    grain="one doubling time under one combination of choices",
    key=(
        "reference_id", "reference_tokens", "score_set", "inversion", "dropped_benchmark",
        "params_basis", "window", "estimator", "family_cap",
    ),
    columns=(
        "reference_id", "reference_tokens", "score_set", "inversion", "dropped_benchmark",
        "params_basis", "window", "estimator", "family_cap?", "as_of", "is_headline", "verdict",
        "reason", "n_models", "n_clusters", "slope_per_day?", "slope_low?", "slope_high?",
        "doubling_days?", "doubling_days_low?", "doubling_days_high?", "draws", "seed", "width?",
        "weight?", "slope_low_mc_error?", "slope_high_mc_error?",
    ),
    ordered=(("slope_low", "slope_high"), ("doubling_days_low", "doubling_days_high")),
)  # fmt: skip

IMPLICATIONS = Table(
    name="implications",
    grain="one quantity that follows from the trend, for one subject and day",
    key=("name", "subject", "at_date"),
    columns=(
        "name", "subject", "at_date?", "as_of", "value?", "low?", "high?", "unit",
        "inputs", "verdict", "reason", "draws", "seed", "width?",
    ),
    ordered=(("low", "high"),),
)  # fmt: skip

FORECAST_QUANTILES = (
    "low", "q_10", "q_20", "q_30", "q_40", "median", "q_60", "q_70", "q_80", "q_90", "high",
)  # fmt: skip
"""Columns of the quantiles of a forecast, in order."""

FORECASTS = Table(
    name="forecasts",
    grain="one forecast: target x series x vintage x horizon x method x origin",
    key=("target", "series", "made_on", "horizon_months", "method", "origin"),
    columns=(
        "target", "series", "made_on", "horizon_months", "target_date", "method",
        "verdict", "reason", "current?", *(f"{name}?" for name in FORECAST_QUANTILES), "draws", "seed", "origin", "first_published?",
        "log_draws?", "width?",
    ),
    ordered=(FORECAST_QUANTILES,),
)  # fmt: skip

FORECAST_SCORES = Table(
    name="forecast_scores",
    grain="one forecast whose target date has passed, with its outcome and scores",
    key=("target", "series", "made_on", "horizon_months", "method", "origin"),
    columns=(
        "target", "series", "made_on", "horizon_months", "target_date", "method",
        "verdict", "reason", "current", "median", "outcome?", "outcome_low?", "outcome_high?",
        "log_error?", "crps?", "pinball_loss?", "pinball_10?", "pinball_50?", "pinball_90?",
        "covered?", "skill_vs_no_change?", "skill_vs_constant?", "origin",
    ),
)  # fmt: skip

FORECAST_SKILL = Table(
    name="forecast_skill",
    grain="mean scores of the forecasts of one series, horizon, method and origin",
    key=("target", "series", "horizon_months", "method", "origin"),
    columns=(
        "target", "series", "horizon_months", "method", "as_of", "verdict", "reason",
        "n_forecasts", "mean_crps?", "mean_absolute_log_error?", "bias?", "coverage?",
        "skill_no_change?", "skill_no_change_low?", "skill_no_change_high?", "skill_constant?",
        "skill_constant_low?", "skill_constant_high?", "draws", "seed", "skill_last_12_months?",
        "skill_last_12_months_low?", "skill_last_12_months_high?",
        *(
            f"{name}_{rival}?"
            for rival in ("no_change", "constant", "last_12_months")
            for name in ("n_both", "mean_crps_both", "rival_crps")
        ),
        "origin",
    ),
)  # fmt: skip

PAPER_CLAIMS = Table(
    name="paper_claims",
    grain="one claim of the paper x series x span of time since the claim",
    key=("claim", "target", "series", "made_on", "target_date"),
    columns=(
        "claim", "target", "series", "made_on", "target_date", "as_of", "verdict", "reason",
        "claimed_fold?", "claimed_low?", "claimed_high?", "actual_fold?", "low?", "high?", "is_within?", "draws", "seed",
        "width?",
    ),
    ordered=(("low", "high"), ("claimed_low", "claimed_high")),
)  # fmt: skip

HEADLINE_TABLE = Table(
    name="headline",
    grain="one number of an answer of the release",
    key=("question", "series"),
    columns=(
        "question", "position", "series", "verdict", "months?", "months_low?", "months_high?",
        "growth_per_year?", "growth_low?", "growth_high?", "n", "until?", "as_of?", "sentence",
        "reason?", "width?",
    ),
    ordered=(("months_low", "months", "months_high"),),
)  # fmt: skip

LEADERS = Table(
    name="leaders",
    grain="one of the densest models of a quoted series",
    key=("reference_id", "score_set", "params_basis", "rank"),
    columns=(
        "reference_id", "score_set", "params_basis", "rank", "model_id", "canonical_id?", "family",
        "release_date", "density", "density_low?", "density_high?", "p_first?", "score", "params",
        "weights?", "reason?", "width?",
    ),
    ordered=(("density_low", "density", "density_high"),),
)  # fmt: skip

PRICE_NOW = Table(
    name="price_now",
    grain="one capability level: its cheapest offer today",
    key=("level",),
    columns=(
        "level", "level_scale?", "blend_input_share", "usd_per_mtok?", "provider?", "model?",
        "canonical_id?", "source?", "basis?", "since?", "since_earliest?", "record_usd_per_mtok?",
        "record_date?", "above_record?", "as_of?", "reason?",
    ),
    ordered=(("since_earliest", "since"),),
)  # fmt: skip

SMALLEST_MODEL = Table(
    name="smallest_model",
    grain="one score on a benchmark x parameter basis: the smallest open model that reaches it",
    key=("benchmark", "level_score", "params_basis"),
    columns=(
        "benchmark", "level_score", "params_basis", "model_id?", "canonical_id?", "release_date?",
        "score?", "params?", "memory_gib_16_bit?", "memory_gib_4_bit?", "half_earliest?", "half_on?",
        "half_latest?", "pace_of?", "reason?",
    ),
    ordered=(("half_earliest", "half_on", "half_latest"),),
)  # fmt: skip

WAITING = Table(
    name="waiting",
    grain="one model that is not evaluated",
    key=("model_id", "revision"),
    columns=(
        "model_id", "revision?", "family?", "release_date?", "params_total?", "state", "reason",
        "priority", "estimated_gpu_hours?", "memory_gib?", "has_reported_density", "empty_because?",
    ),
)  # fmt: skip

REVISIONS = Table(
    name="revisions",
    grain="one published number that differs from the release before",
    key=("table", "key", "column", "release_id"),
    columns=("table", "key", "column", "previous?", "current?", "reason", "release_id", "cause?"),
    operational=True,
)

RELEASES = Table(
    name="releases",
    grain="one release that was published to a place",
    key=("release_id",),
    columns=(
        "release_id", "created_at", "previous_release_id?", "path", "descriptor_sha256", "n_tables",
        "n_rows", "n_bytes", "n_revisions", "what_moved?", "headline?", "is_available",
    ),
    operational=True,
)  # fmt: skip
"""The list of releases at the root of a place; not a table within a release."""

PUBLISHED: dict[str, Table] = {
    table.name: table
    for table in (
        MODELS,
        MODEL_QUARANTINE,
        HUB_NIGHTS,
        CLAIMED_SCORES,
        BENCHMARK_REPORTS,
        CAPABILITY_INDEX,
        MODEL_REPORTS,
        EVALUATIONS,
        POOLED_SCORES,
        SOURCE_EFFECTS,
        SCORE_CONFLICTS,
        EVAL_ITEMS,
        FRESH_TEXT,
        EVALUATION_COSTS,
        SUITE_BENCHMARKS,
        SCORES,
        SCORE_GAPS,
        CONTAMINATION,
        EVALUATION_QUEUE,
        BASE_MODEL_RECALL,
        REFERENCE_POINTS,
        REFERENCE_LAWS,
        OWN_RULERS,
        REFERENCE_LAW_DRAWS,
        DIRECT_LAWS,
        DENSITIES,
        REPORTED_FRESH_TEXT,
        KNOWLEDGE_PROBES,
        RULER_DENSITIES,
        BENCHMARK_GAP,
        COMPRESSION,
        DENSING_LAW,
        TREND_BREAKS,
        DENSITY_PACES,
        DENSITY_GROWTH,
        INTERVAL_COVERAGE,
        SENSITIVITY,
        PRICES,
        PRICE_POLLS,
        MODEL_LINKS,
        PRICE_CHANGES,
        CAPABILITY_LEVELS,
        LEVEL_MEMBERSHIPS,
        PRICE_FRONTIER,
        PRICE_HALVING,
        PRICE_INDEX,
        PRICE_DECOMPOSITION,
        PRICE_RECORDS,
        PRICE_COMPARISONS,
        TASK_RUNS,
        TASK_COST_RECORDS,
        TASK_COST_HALVING,
        QUARANTINE,
        IMPLICATIONS,
        FORECASTS,
        FORECAST_SCORES,
        FORECAST_SKILL,
        PACE_SKILL,
        PAPER_CLAIMS,
        CONTEXT_RATES,
        HEADLINE_TABLE,
        LEADERS,
        PRICE_NOW,
        SMALLEST_MODEL,
        WAITING,
        REVISIONS,
        SOURCE_HEALTH,
    )
}
"""Every published table by name, in the order data flows."""

DESCRIBED: dict[str, Table] = PUBLISHED | {RELEASES.name: RELEASES}
"""Every table that readers get: those of a release, and the list of releases beside it."""

FOREIGN_KEYS: dict[str, tuple[tuple[str, str, str], ...]] = {
    **dict.fromkeys(("scores", "pooled_scores", "score_conflicts", "score_gaps", "densities", "benchmark_gap", "evaluations", "eval_items", "fresh_text", "claimed_scores"), (("model_id", "models", "model_id"),)),
    "compression": (("parent_id", "models", "model_id"), ("child_id", "models", "model_id")),
    "reference_points": (("reference_id", "reference_laws", "reference_id"),),
    "reference_law_draws": (("reference_id", "reference_laws", "reference_id"),),
    "level_memberships": (("level", "capability_levels", "level"),),
    "price_decomposition": (("level", "capability_levels", "level"),),
    "price_records": (("level", "capability_levels", "level"),),
}  # fmt: skip
"""Columns whose values are those of another table: by table, column, other table and its column."""
