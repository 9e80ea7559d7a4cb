"""Small changes of constants and comparisons, each of which a fast test must notice.

A mutation changes what the pipeline publishes, or what it refuses. It names its file, the text, the
text that replaces it, and the fast tests that should fail. The text must stand in the file exactly once.

Not here: applying and counting them (`run`).
"""

from typing import NamedTuple

DOCS = "tests/unit/docs/test_pages.py"


class Mutation(NamedTuple):
    """One change.

    Attributes:
        file: the file below `densing_pipeline/`.
        old: text that stands in it exactly once.
        new: what replaces it.
        tests: test files that should notice, fastest first.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


THRESHOLDS = {
    "cost/": ("cost/test_halving_edges",),
    "density/": ("density/test_thresholds",),
    "trends/": ("trends/test_thresholds",),
    "evaluation/": ("evaluation/test_thresholds",),
}
"""Test files of a room's thresholds, which are fast and come first."""


def _room(
    room: str, file: str, tests: str, *changes: tuple[str, str], docs: bool = False
) -> list[Mutation]:
    """Mutations of one file, seen by test files of its room (and by the pages, for a constant)."""
    names = dict.fromkeys((*THRESHOLDS.get(room, ()), *tests.split()))
    seen_by = tuple(f"tests/unit/{name}.py" for name in names) + ((DOCS,) if docs else ())
    return [Mutation(f"{room}{file}.py", old, new, seen_by) for old, new in changes]


MUTATIONS: tuple[Mutation, ...] = (
    # cost
    *_room(
        "cost/",
        "halving",
        "cost/test_halving",
        (
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 6, 3",
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 11, 6, 3",
        ),
        (
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 6, 3",
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 5, 3",
        ),
        (
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 6, 3",
            "MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 6, 2",
        ),
        ("LONG_WAIT_MONTHS = 12", "LONG_WAIT_MONTHS = 18"),
        ("MIN_STEPS = 3", "MIN_STEPS = 2"),
        ("_steps(curve, estimator) < MIN_STEPS", "_steps(curve, estimator) <= MIN_STEPS"),
        ("max(_steps(curve, estimator), MIN_STEPS)", "99"),
        ("if slope is None or slope >= 0:", "if slope is None or slope > 0:"),
        ("if found < needed", "if found <= needed"),
        ("if curve.span < 2 * curves.WEEK or", "if curve.span <= 2 * curves.WEEK or"),
        ("if used.sum() < 2:", "if used.sum() < 3:"),
        ("date(2022, 11, 1), date(2024, 8, 31)", "date(2022, 11, 1), date(2024, 12, 31)"),
        ("curve.above_record > 1:", "curve.above_record >= 1:"),
    ),
    *_room(
        "cost/",
        "admission",
        "cost/test_admission cost/test_frontier",
        ("PERSISTENCE_DAYS = 30", "PERSISTENCE_DAYS = 29"),
        ("- starts[first] >= days", "- starts[first] > days"),
        ('pl.col("last_seen") <= start', 'pl.col("last_seen") < start'),
        ('pl.col("start") + REVERSAL_DAYS', 'pl.col("start") + REVERSAL_DAYS + 1'),
        ('(pl.col("input_usd_per_mtok") > 0)', '(pl.col("input_usd_per_mtok") >= 0)'),
        ("if input_share < 1:", "if input_share <= 1:"),
        ('pl.col("context_over_tokens") == 0,', 'pl.col("context_over_tokens") >= 0,'),
    ),
    *_room(
        "cost/",
        "admission",
        "cost/test_frontier cost/test_index",
        ("MIN_LINK_CONFIDENCE = 0.9", "MIN_LINK_CONFIDENCE = 0.91"),
        ("MIN_LINK_CONFIDENCE = 0.9", "MIN_LINK_CONFIDENCE = 0.89"),
    ),
    *_room(
        "cost/",
        "frontier",
        "cost/test_frontier",
        ('pl.col("probability") >= MEMBERSHIP', 'pl.col("probability") > MEMBERSHIP'),
        ("lowest[1:] < lowest[:-1]", "lowest[1:] <= lowest[:-1]"),
    ),
    *_room(
        "cost/",
        "index",
        "cost/test_index",
        ("MIN_MODELS = 8", "MIN_MODELS = 7"),
        ("small = models / max(models - 1, 1) * (n - 1) / max(n - months - 1, 1)", "small = 1.0"),
        ("(n - 1) / max(n - months - 1, 1)", "(n - 1) / max(n - months, 1)"),
        ("half = Z_95 * found.error", "half = 1.2816 * found.error"),
        ('pl.col("day") < pl.col("end")', 'pl.col("day") <= pl.col("end")'),
    ),
    *_room(
        "cost/",
        "levels",
        "cost/test_levels",
        ("PROTOCOL_STD_ERROR = 0.009", "PROTOCOL_STD_ERROR = 0.018"),
        ("UNSTATED_STD_ERROR = 0.004", "UNSTATED_STD_ERROR = 0.008"),
        ("MEMBERSHIP = 0.5", "MEMBERSHIP = 0.55"),
        ('level, pl.col("probability") >= MEMBERSHIP', 'level, pl.col("probability") > MEMBERSHIP'),
        (
            'is_member=pl.col("probability") >= MEMBERSHIP',
            'is_member=pl.col("probability") > MEMBERSHIP',
        ),
    ),
    *_room(
        "cost/",
        "membership",
        "cost/test_membership cost/test_price_intervals",
        (
            '("low", 0.025, "lower"), ("high", 0.975, "higher")',
            '("low", 0.1, "lower"), ("high", 0.9, "higher")',
        ),
    ),
    *_room(
        "cost/",
        "curves",
        "cost/test_curves cost/test_halving",
        ("first = max(start.toordinal(), int(", "first = max(0, int("),
        ("is_event = self.days[inside] >= first", "is_event = self.days[inside] > first"),
        ("lows[1:] < lows[:-1]", "lows[1:] <= lows[:-1]"),
        ("WIDEST_GAP_DAYS = 6 * DAYS_PER_MONTH", "WIDEST_GAP_DAYS = 7 * DAYS_PER_MONTH"),
        ("np.diff(logs) < 0)", "np.diff(logs) <= 0)"),
    ),
    # prices
    *_room(
        "cost/",
        "witness",
        "cost/test_witness",
        ("APART * offers", "1.01 * APART * offers"),
        ('pl.col("source") != source', 'pl.col("source") == source'),
        (".to_numpy() >= lowest", ".to_numpy() > lowest"),
    ),
    *_room(
        "prices/",
        "presumed",
        "prices/test_presumed",
        ("SILENT_DAYS = 365", "SILENT_DAYS = 366"),
        ("> SILENT_DAYS for", ">= SILENT_DAYS for"),
        ('since.dt.offset_by("1d")', "since"),
        docs=True,
    ),
    *_room(
        "prices/",
        "sources/common_factor",
        "prices/sources/test_refused_lists",
        ("FEWEST_WITNESSED = 5", "FEWEST_WITNESSED = 4"),
        ("LARGEST_COMMON_SHARE = 0.3", "LARGEST_COMMON_SHARE = 0.2"),
        ("> LARGEST_COMMON_SHARE * len(factor)", ">= LARGEST_COMMON_SHARE * len(factor)"),
        ('pl.col("seller") != ROUTER', 'pl.col("seller") == ROUTER'),
    ),
    *_room(
        "prices/",
        "corrections",
        "prices/test_fold",
        ("TENFOLD = 9.99", "TENFOLD = 5.0"),
        ("FIRST_WEEK = timedelta(days=7)", "FIRST_WEEK = timedelta(days=6)"),
        ("FIRST_WEEK = timedelta(days=7)", "FIRST_WEEK = timedelta(days=8)"),
        (">= TENFOLD * min(old, new)", "> 1.01 * TENFOLD * min(old, new)"),
        (">= TENFOLD * before[name]", "> 1.01 * TENFOLD * before[name]"),
        ("< FIRST_WEEK\n", "<= FIRST_WEEK\n"),
    ),
    *_room(
        "prices/",
        "confirmation",
        "prices/test_fold",
        ("REVERSAL_DAYS = 14", "REVERSAL_DAYS = 13"),
        ("REVERSAL_DAYS = 14", "REVERSAL_DAYS = 15"),
        ("<= timedelta(days=REVERSAL_DAYS)", "< timedelta(days=REVERSAL_DAYS)"),
        ("if slips and look.is_own:", "if slips:"),
        ('held["last_seen"] + _DAY)', 'held["last_seen"])'),
        ('min(earliest or look.day, held["last_seen"] + _DAY)', 'held["last_seen"] + _DAY'),
    ),
    *_room(
        "prices/",
        "fold",
        "prices/test_fold",
        ('(pl.col("valid_from") > day)', '(pl.col("valid_from") >= day)'),
        ("observed_on <= state.last_day", "observed_on < state.last_day"),
    ),
    *_room(
        "prices/",
        "comparison",
        "prices/test_book prices/test_comparison",
        ("HIGHEST_PLAUSIBLE = 1_000.0", "HIGHEST_PLAUSIBLE = 2_000.0"),
        ("> HIGHEST_PLAUSIBLE", ">= HIGHEST_PLAUSIBLE"),
        ("APART = 3.0", "APART = 4.0"),
        ("APART = 3.0", "APART = 2.0"),
        ("high > APART * low", "high >= APART * low"),
        ('pl.col("n_equal") > pl.col("n_for")', 'pl.col("n_equal") >= pl.col("n_for")'),
        ('(rank < pl.col("backing"))', '(rank <= pl.col("backing"))'),
    ),
    *_room(
        "prices/",
        "sources/snapshot",
        "prices/sources/test_refused_lists prices/sources/test_refusing",
        ("SMALLEST_SHARE = 0.7", "SMALLEST_SHARE = 0.6"),
        ("has[sort] < SMALLEST_SHARE * was", "has[sort] <= SMALLEST_SHARE * was"),
        ("SMALLEST_READABLE = 0.5", "SMALLEST_READABLE = 0.4"),
        ("FEWEST_COUNTED = 20", "FEWEST_COUNTED = 30"),
        ("count <= SMALLEST_READABLE * entries", "count < SMALLEST_READABLE * entries"),
        ("if entries >= FEWEST_COUNTED:", "if entries > FEWEST_COUNTED:"),
    ),
    *_room(
        "prices/",
        "links",
        "prices/test_links",
        ('"variant_suffix": 0.9,', '"variant_suffix": 0.8,'),
        ("if len(candidates) == 1:", "if len(candidates) >= 1:"),
        docs=True,
    ),
    # density
    *_room(
        "density/",
        "densities",
        "density/test_densities",
        ("at_chance = score < floor + CHANCE_ERRORS * item_error", "at_chance = score < floor"),
        (
            'np.quantile(sizes, 0.025, axis=0, method="lower")',
            'np.quantile(sizes, 0.1, axis=0, method="lower")',
        ),
        ('pl.col("density") > before', 'pl.col("density") >= before'),
    ),
    *_room(
        "density/",
        "compression",
        "density/test_compression",
        ('np.quantile(known, 0.025, method="lower")', 'np.quantile(known, 0.1, method="lower")'),
        ("known.size < 0.95 * ratios.size", "known.size < 0.5 * ratios.size"),
        ("if low is not None and low > 0:", "if low is not None and low >= 0:"),
    ),
    *_room(
        "density/",
        "direct_law",
        "density/test_direct_laws",
        ("REACH = 10.0", "REACH = 20.0"),
        ("LARGEST_SHARE = 0.2", "LARGEST_SHARE = 0.4"),
        ('"is_chosen": own < rival', '"is_chosen": own > rival'),
        ("if line[1] <= NO_SLOPE:", "if line[1] <= -1:"),
        docs=True,
    ),
    *_room(
        "density/",
        "direct_laws",
        "density/test_direct_laws",
        ("FEWEST_FAMILY_SIZES = 5", "FEWEST_FAMILY_SIZES = 4"),
        ("LEAST_RANGE = 10.0", "LEAST_RANGE = 9.0"),
        ('pl.col("sizes") >= FEWEST_FAMILY_SIZES', 'pl.col("sizes") > FEWEST_FAMILY_SIZES'),
        (
            '>= LEAST_RANGE * pl.col("params").list.min()',
            '> LEAST_RANGE * pl.col("params").list.min()',
        ),
    ),
    *_room(
        "density/",
        "measured_laws",
        "density/test_measured_laws",
        ("FEWEST_LOSSES = 8", "FEWEST_LOSSES = 7"),
        ("FEWEST_RUNGS = 3", "FEWEST_RUNGS = 2"),
        ("LEAST_SPREAD = 2.0", "LEAST_SPREAD = 1.5"),
        ("FEWEST_SCALED = 3", "FEWEST_SCALED = 2"),
        ("FEWEST_SCORES = 6", "FEWEST_SCORES = 5"),
        ("ratio.max() < LEAST_SPREAD * ratio.min()", "ratio.max() <= LEAST_SPREAD * ratio.min()"),
    ),
    *_room(
        "density/",
        "reference_law_draws",
        "density/test_reference_law_draws",
        ("FEWEST_DISTINCT = 5", "FEWEST_DISTINCT = 4"),
        ("HEADLINE_LAW_TIMES = 10", "HEADLINE_LAW_TIMES = 5"),
        ("np.unique(sizes).size >= FEWEST_RUNS", "np.unique(sizes).size > FEWEST_RUNS"),
        docs=True,
    ),
    *_room(
        "density/",
        "params_bases",
        "density/test_params_bases",
        ("COMPUTE_OVER_MEMORY = 2.45", "COMPUTE_OVER_MEMORY = 1 / 2.45"),
        ("FULL_BITS = 16", "FULL_BITS = 8"),
    ),
    # trends and statistics
    *_room(
        "stats/",
        "intervals",
        "stats/test_intervals",
        ("LEVEL = 0.95", "LEVEL = 0.8"),
        ("MOST_LOST = 0.05", "MOST_LOST = 0.1"),
        ("stdtrit(clusters - 1", "stdtrit(clusters"),
        ("np.sqrt(clusters / (clusters - 1))", "1.0"),
        (
            "(count < (1 - MOST_LOST) * draws.shape[1])",
            "(count <= (1 - MOST_LOST) * draws.shape[1])",
        ),
        ("if clusters < 2:", "if clusters < 1:"),
    ),
    *_room(
        "trends/",
        "series",
        "trends/test_series trends/test_densing_law",
        ("FEWEST_MODELS = 8", "FEWEST_MODELS = 7"),
        ("FEWEST_DAYS = 3", "FEWEST_DAYS = 2"),
        ("FEWEST_FAMILIES = 5", "FEWEST_FAMILIES = 4"),
        ("n < FEWEST_MODELS and", "n <= FEWEST_MODELS and"),
        ("days < FEWEST_DAYS and", "days <= FEWEST_DAYS and"),
        ("families < FEWEST_FAMILIES and", "families <= FEWEST_FAMILIES and"),
        ("return days if days <= LONGEST_DAYS else None", "return days if days < np.inf else None"),
        ('pl.col("release_date") <= as_of,', 'pl.col("release_date") < as_of,'),
    ),
    *_room(
        "trends/",
        "estimate",
        "trends/test_densing_law",
        ("TRUSTED_RECORDS = 6", "TRUSTED_RECORDS = 5"),
        ("n_points < TRUSTED_RECORDS", "n_points <= TRUSTED_RECORDS"),
    ),
    *_room(
        "trends/",
        "densing_law",
        "trends/test_densing_law",
        ("TRUSTED_COVERAGE = (0.92, 0.98)", "TRUSTED_COVERAGE = (0.90, 0.98)"),
        ("TRUSTED_COVERAGE = (0.92, 0.98)", "TRUSTED_COVERAGE = (0.92, 0.99)"),
        (
            "TRUSTED_COVERAGE[0] <= coverage <= TRUSTED_COVERAGE[1]",
            "TRUSTED_COVERAGE[0] < coverage < TRUSTED_COVERAGE[1]",
        ),
        ("series.days <= days_since_zero(window.end)", "series.days < days_since_zero(window.end)"),
        (
            "history.days >= days_since_zero(window.start)",
            "history.days > days_since_zero(window.start)",
        ),
        docs=True,
    ),
    *_room(
        "trends/",
        "record_setters",
        "trends/test_record_setters",
        ("FEWEST_RECORDS = 3", "FEWEST_RECORDS = 2"),
        (
            "return distinct, highest, highest > before",
            "return distinct, highest, highest >= before",
        ),
        ("(distinct >= window[0])", "(distinct > window[0])"),
    ),
    *_room(
        "trends/",
        "monthly_maxima",
        "trends/test_monthly_maxima",
        ("FEWEST_MONTHS = 3", "FEWEST_MONTHS = 2"),
    ),
    *_room(
        "trends/",
        "breakpoints",
        "trends/test_breakpoints trends/test_breakpoints_edges",
        ("TRIM = 0.15", "TRIM = 0.05"),
        (
            "(1 + (null >= found * (1 - SAME_F)).sum()) / (1 + len(null))",
            "((null >= found * (1 - SAME_F)).sum()) / (len(null))",
        ),
        ("(before >= TRIM)", "(before > TRIM)"),
    ),
    *_room(
        "trends/",
        "trend_breaks",
        "trends/test_trend_breaks",
        ("if days.size < FEWEST_MODELS:", "if days.size < FEWEST_MODELS - 1:"),
        ("CHATGPT = date(2022, 11, 30)", "CHATGPT = date(2022, 12, 30)"),
        (
            "after = series.days >= days_since_zero(day)",
            "after = series.days > days_since_zero(day)",
        ),
        docs=True,
    ),
    *_room(
        "trends/",
        "windows",
        "trends/test_windows",
        ("RECENT_DAYS = 730", "RECENT_DAYS = 700"),
    ),
    # hub
    *_room(
        "hub/",
        "pretraining_evidence",
        "hub/test_classify",
        ("SAME_SIZE = 0.003", "SAME_SIZE = 0.002"),
        ("SAME_SIZE = 0.003", "SAME_SIZE = 0.01"),
        ("ENOUGH = 3", "ENOUGH = 2"),
        ("SOME = 2", "SOME = 1"),
        docs=True,
    ),
    *_room(
        "hub/",
        "rules",
        "hub/test_classify",
        ("len(signs) < pretraining_evidence.SOME", "len(signs) <= pretraining_evidence.SOME"),
    ),
    *_room(
        "hub/",
        "release_date",
        "hub/test_release_date",
        ("BEFORE_CREATION = 266", "BEFORE_CREATION = 260"),
        ("AFTER_CREATION = 53", "AFTER_CREATION = 60"),
        ("created < HUB_EPOCH", "created <= HUB_EPOCH"),
        ("OLDEST_COMMIT = timedelta(days=20 * 365)", "OLDEST_COMMIT = timedelta(days=10 * 365)"),
        ("created - modified > OLDEST_COMMIT", "created - modified >= OLDEST_COMMIT"),
    ),
    *_room(
        "hub/",
        "parameters/compare",
        "hub/test_parameters",
        ("TOLERANCE = 0.05", "TOLERANCE = 0.1"),
        ("abs(apart) <= TOLERANCE * counted", "abs(apart) < 0.8 * TOLERANCE * counted"),
    ),
    *_room(
        "hub/",
        "poll",
        "hub/test_poll",
        ("RETRY_AFTER = timedelta(days=7)", "RETRY_AFTER = timedelta(days=8)"),
        ("NOT_BEFORE = timedelta(hours=20)", "NOT_BEFORE = timedelta(hours=22)"),
        ("SETTLES_WITHIN = timedelta(days=7)", "SETTLES_WITHIN = timedelta(days=10)"),
    ),
    # evaluation
    *_room(
        "evaluation/",
        "queue",
        "evaluation/test_queue",
        ("NEW = timedelta(days=180)", "NEW = timedelta(days=170)"),
        ('pl.col("estimated_gpu_hours") < 1', 'pl.col("estimated_gpu_hours") <= 2'),
        ("SUITE_TOKENS = 11.9e6", "SUITE_TOKENS = 11.0e6"),
    ),
    *_room(
        "evaluation/",
        "queue_rules",
        "evaluation/test_queue",
        ("_counted() >= limits.attempts", "_counted() > limits.attempts"),
        ('pl.col("memory_gib") > limits.memory_gib', 'pl.col("memory_gib") >= limits.memory_gib'),
        (
            'pl.col("estimated_gpu_hours") > limits.gpu_hours',
            'pl.col("estimated_gpu_hours") >= limits.gpu_hours',
        ),
    ),
    *_room(
        "evaluation/",
        "score_gaps",
        "evaluation/test_score_gaps",
        ("LARGE_GAP = 0.03", "LARGE_GAP = 0.05"),
        (".abs() >= LARGE_GAP", ".abs() > LARGE_GAP"),
        ("FEWEST_OTHERS = 5", "FEWEST_OTHERS = 4"),
        (
            '(pl.col("measured_error").pow(2) + pl.col("reported_error").pow(2)).sqrt()',
            '(pl.col("measured_error") + pl.col("reported_error"))',
        ),
    ),
    *_room(
        "evaluation/",
        "measured_tables",
        "evaluation/test_measured_tables",
        ("failed > MOST_FAILED * n", "failed >= MOST_FAILED * n"),
    ),
    *_room(
        "evaluation/",
        "folder_format",
        "evaluation/test_measure",
        ("MOST_FAILED = 0.01", "MOST_FAILED = 0.02"),
    ),
    *_room(
        "evaluation/",
        "sizing",
        "evaluation/test_sizing",
        ("USABLE = 0.90", "USABLE = 1.0"),
        ("OVERHEAD = 1.25", "OVERHEAD = 1.0"),
        ("OCCUPIED = 0.10", "OCCUPIED = 0.20"),
        ("heads % count == 0", "heads % count >= 0"),
    ),
    *_room(
        "evaluation/",
        "measure",
        "evaluation/test_measure",
        ("n <= MOST_FAILED * self.items", "n < MOST_FAILED * self.items"),
    ),
    *_room(
        "forecasts/",
        "inputs",
        "forecasts/test_vintages",
        ("scored, polls, index=index)", "scored, polls)"),
    ),
    *_room(
        "publication/",
        "estimate",
        "publication/report/test_cards",
        ("ends_text(self.low, self.high, 1)", "ends_text(self.low, self.high or self.low, 1)"),
    ),
    *_room(
        "forecasts/",
        "implications",
        "forecasts/test_implications",
        (
            "1 / (1 / density_days + 1 / hardware_days)",
            "1 / (1 / density_days + 2 / hardware_days)",
        ),
    ),
    *_room(
        "cost/",
        "market",
        "cost/test_frontier cost/test_index",
        (
            'pl.col("confidence") >= admission.MIN_LINK_CONFIDENCE',
            'pl.col("confidence") > admission.MIN_LINK_CONFIDENCE',
        ),
    ),
    *_room(
        "",
        "paper",
        "trends/test_thresholds",
        ("LAST_MODEL = date(2025, 4, 5)", "LAST_MODEL = date(2025, 4, 4)"),
    ),
    *_room(
        "density/",
        "score_sets",
        "density/test_thresholds density/test_densities",
        ("CHANCE_ERRORS = 3", "CHANCE_ERRORS = 2"),
    ),
    *_room(
        "stats/",
        "intervals",
        "evaluation/test_score_gaps",
        ("Z_95 = 1.959963984540054", "Z_95 = 1.2815515655446004"),
    ),
    *_room(
        "hub/",
        "records",
        "hub/test_models hub/test_poll",
        ("CLOCK_TOLERANCE = timedelta(days=2)", "CLOCK_TOLERANCE = timedelta(days=4)"),
    ),
)
"""Every mutation."""
