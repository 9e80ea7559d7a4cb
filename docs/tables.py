"""The tables of the written pages that quote the release.

Not here: the marked places they fill (`build`), and the forecasts' (`forecasts.backtest`, which prints
them too).
"""

from itertools import product
from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, COMPARED
from densing_pipeline.density.fit_loss import LossFit, fit_loss_law
from densing_pipeline.density.reference_laws import REFITTED, fitted_points, loss_step
from densing_pipeline.headline import HEADLINE
from densing_pipeline.paper import NMI
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.trends import pooled_rows as pooled
from densing_pipeline.trends.benchmark_growth import BASES
from densing_pipeline.trends.sensitivity import moved_by
from densing_pipeline.trends.worlds import WORLDS

JUMPING_LAWS = ("nmi-2025", "nmi-2025-refit")
"""The laws of the paper's points in either minimum; the others share the draws of one of them."""


def source_rows(source_effects: pl.DataFrame) -> list[list[str]]:
    """How far independent reports of one model differ, and the maker's premium, by benchmark."""
    by_name = {row["benchmark"]: row for row in source_effects.iter_rows(named=True)}
    return [
        ["benchmark", "standard deviation between reports", "maker less others"],
        *(
            [
                name,
                _with_ends(by_name[name], "between_source_std", by_name[name]["n_models"]),
                _with_ends(by_name[name], "maker_premium", by_name[name]["n_models_maker"]),
            ]
            for name in AVERAGED
            if name in by_name
        ),
    ]


def _with_ends(row: dict[str, Any], column: str, models: int) -> str:
    """`.011 (.008 to .014; 92 models)`."""
    if row[column] is None:
        return f"not known ({models} models)"
    value, low, high = (
        f"{row[name]:+.3f}".replace("0.", ".", 1).removeprefix("+")
        for name in (column, f"{column}_low", f"{column}_high")
    )
    return f"{value} ({low} to {high}; {models} models)"


def trend_rows(densing_law: pl.DataFrame) -> list[list[str]]:
    """Doubling time of the headline's series under every law, by three estimators."""
    estimators = ["paper", "quantile-0.9", "ols-all"]
    _, score_set, basis, window, _ = HEADLINE
    shown = densing_law.filter(
        pl.col("score_set") == score_set,
        pl.col("params_basis") == basis,
        pl.col("window") == window,
        pl.col("verdict") == "ok",
    )
    said = {(row["reference_id"], row["estimator"]): row for row in shown.iter_rows(named=True)}
    return [
        ["reference", *(f"`{name}`" for name in estimators)],
        *(
            [f"`{law}`", *(_doubling(said.get((law, name))) for name in estimators)]
            for law in sorted({law for law, _ in said})
        ),
    ]


def _doubling(row: dict[str, Any] | None) -> str:
    if row is None or row["doubling_days"] is None:
        return ""
    low, high = row["doubling_days_low"], row["doubling_days_high"]
    ends = f"at least {low:.0f}" if high is None else f"{low:.0f} to {high:.0f}"
    return f"{row['doubling_days']:.0f} ({ends})"


FARTHEST_END = 10
"""An interval that ends so many times above its lower end is shown as open."""

WINDOWS = {
    "all": "all years",
    "since-2023-02": "since 2023-02",
    "last-24-months": "last 24 months",
}


def pooled_rows(density_growth: pl.DataFrame) -> list[list[str]]:
    """Doubling times pooled over benchmarks and by benchmark, of all models, by the headline's ruler."""
    own = {
        (row["group"], row["params_basis"], row["window"]): row
        for row in density_growth.filter(pl.col("ruler") == pooled.BENT_RULER).iter_rows(named=True)
    }
    groups = (
        {pooled.ALL_BENCHMARKS: "**pooled**"}
        | {name: name for name in AVERAGED}
        | {pooled.MORE_BENCHMARKS: "pooled with those below"}
        | {name: name for name in COMPARED}
    )
    head = ["parameters", "benchmark", *WINDOWS.values()]
    return [head] + [
        [basis, words, *(_both_ends(own.get((group, basis, window))) for window in WINDOWS)]
        for basis in BASES
        for group, words in groups.items()
    ]


def _both_ends(row: dict[str, Any] | None) -> str:
    """A doubling time with its 80 % and 95 % intervals."""
    if row is None or row["verdict"] != "ok":
        return "not determined"
    ends = [
        f"{row[low]:.0f} to {row[high]:.0f}"
        if row[high] is not None and row[high] <= FARTHEST_END * row[low]
        else f"at least {row[low]:.0f}"
        for low, high in (
            ("doubling_days_low_80", "doubling_days_high_80"),
            ("doubling_days_low", "doubling_days_high"),
        )
        if row[low] is not None
    ]
    told = "no growth shown" if row["doubling_days"] is None else f"{row['doubling_days']:.0f}"
    return f"{told} ({'; '.join(ends)})" if ends else told


def coverage_rows(interval_coverage: pl.DataFrame) -> list[list[str]]:
    """Coverage and bias of each estimate over all years in every world, and of the pool over other windows."""
    kinds = interval_coverage.select("estimate", "params_basis", "window").unique()
    shown = sorted(kinds.rows(), key=lambda kind: (kind[0], kind[1] != "total", kind[1:]))
    shown = [kind for kind in shown if kind[1] != "active" or kind[2] == "all"]
    cells = {
        (row["estimate"], row["params_basis"], row["window"], row["world"], row["truth"]): row
        for row in interval_coverage.iter_rows(named=True)
    }
    worlds = [
        (world.name, truth)
        for world in WORLDS
        for truth in ("average", "current")
        if any((*kind, world.name, truth) in cells for kind in shown)
    ]
    head = ["world", *(f"`{name}`, {basis}, {WINDOWS[window]}" for name, basis, window in shown)]
    rows = [head]
    for world, truth in worlds:
        known = [cells.get((*kind, world, truth)) for kind in shown]
        words = f"`{world}`" + (", current pace" if truth == "current" else "")
        rows.append([words, *(_coverage(row) for row in known)])
    return rows


def _coverage(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    held, held_80 = (f"{row[name]:.3f}".removeprefix("0") for name in ("coverage", "coverage_80"))
    return f"{held}, {held_80}; {100 * row['relative_bias']:+.0f} %"


def break_rows(trend_breaks: pl.DataFrame) -> list[list[str]]:
    """The best bend of each score set under the headline's law."""
    shown = trend_breaks.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("kind") == "searched",
        pl.col("verdict") == "ok",
    ).sort("score_set")
    return [["score set", "best date", "slope after / before", "p", "size", "power at 1.5x"]] + [
        [
            f"`{row['score_set']}`",
            str(row["break_date"]),
            f"{row['slope_ratio']:.2f} ({_ratio_ends(row)})",
            f"{row['p_value']:.3f}",
            f"{row['size']:.3f}",
            f"{row['power_at_1_5x']:.2f}",
        ]
        for row in shown.iter_rows(named=True)
    ]


def _ratio_ends(row: dict[str, Any]) -> str:
    low, high = row["slope_ratio_low"], row["slope_ratio_high"]
    return "open" if low is None or high is None else f"{low:.2f} to {high:.2f}"


CURVES = {
    "line": "line, whole history",
    "last-24-months": "line, last 24 months",
    "saturating": "saturating",
    "broken-line": "broken line",
    "no-change": "no change",
}


def pace_rows(density_paces: pl.DataFrame, pace_skill: pl.DataFrame) -> list[list[str]]:
    """Pace of density on MMLU today by every growth curve, and how well each forecast half a year."""
    of_series = {
        "reference_id": HEADLINE.reference_id, "score_set": "mmlu", "estimator": "quantile-0.9",
        "population": "all",
    }  # fmt: skip
    keys = ["params_basis", "growth_curve"]
    paces = {
        tuple(row[key] for key in keys): row
        for row in density_paces.filter(**of_series).iter_rows(named=True)
    }
    skills = {
        tuple(row[key] for key in keys): row
        for row in pace_skill.filter(**of_series, horizon_months=6).iter_rows(named=True)
    }
    head = ["parameters", "curve", "doubling time today, days", "pace less the line's, a year",
            "month ends, forecasts", "mean score", "skill over the line"]  # fmt: skip
    rows = [head]
    for basis in ("total", "active"):
        for curve, words in CURVES.items():
            pace, of_skill = paces.get((basis, curve)), skills.get((basis, curve))
            if pace is None and of_skill is None:
                continue
            rows.append([basis, words, *_pace(pace), *_forecast(of_skill)])
    return rows


def _pace(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["", ""]
    if row["verdict"] != "ok":
        return ["not determined", ""]
    less = [row[f"slope_less_line{end}"] for end in ("", "_low", "_high")]
    if any(value is None for value in less):
        return [_doubling(row) or "no growth", ""]
    value, low, high = (DAYS_PER_YEAR * number for number in less)
    return [_doubling(row) or "no growth", f"{value:+.2f} ({low:+.2f} to {high:+.2f})"]


def _forecast(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    counts = f"{row['n_vintages']}, {row['n_targets']}"
    if row["verdict"] != "ok":
        return [f"{counts} (too few)", "", ""]
    skill = row["skill_over_line"]
    ends = (
        ""
        if skill is None
        else f"{row['skill_over_line_low']:+.2f} to {row['skill_over_line_high']:+.2f}"
    )
    return [counts, f"{row['mean_score']:.3f}", "" if skill is None else f"{skill:+.2f} ({ends})"]


def minima_rows(reference_laws: pl.DataFrame, reference_points: pl.DataFrame) -> list[list[str]]:
    """The two minima of the loss step on the paper's points, the lower one in bold.

    Benchmarks whose points have one minimum only are left out.
    """
    local = reference_laws.filter(reference_id=f"{REFITTED}-refit-local")
    rows = [["benchmark", "published minimum: alpha, beta, SSE", "other minimum: alpha, beta, SSE"]]
    for benchmark in ("AVERAGE", *AVERAGED):
        minima = fit_loss_law(*loss_step(fitted_points(reference_points, REFITTED, benchmark)))
        if len(minima) > 1:
            published = local.filter(benchmark=benchmark)["alpha"].item()
            nearest_first = sorted(minima[:2], key=lambda fit: abs(fit.law.alpha - published))
            rows.append([benchmark, *(_minimum(fit, minima[0]) for fit in nearest_first)])
    return rows


def law_draw_rows(draws: pl.DataFrame) -> list[list[str]]:
    """Share of the draws in another minimum, and the range of alpha with and without them, by law."""
    head = ["law, benchmark", "draws in another minimum", "alpha, 95 % of all draws",
            "of those in its own minimum"]  # fmt: skip
    own = draws.filter(~pl.col("is_other_minimum"))
    rows = []
    for law, benchmark in product(JUMPING_LAWS, ("AVERAGE", *AVERAGED)):
        every, stayed = (
            frame.filter(reference_id=law, benchmark=benchmark)["alpha"] for frame in (draws, own)
        )
        if every.is_empty():
            continue
        share = f"{1 - len(stayed) / len(every):.1%}".replace("%", " %")
        rows.append([f"`{law}`, {benchmark}", share, _range(every), _range(stayed)])
    return [head, *rows]


def _range(values: pl.Series) -> str:
    """Central 95 % of some numbers below one: `.087 to .305`; none of no numbers."""
    if values.is_empty():
        return "none"
    ends = (values.quantile(end, "linear") for end in (0.025, 0.975))
    return " to ".join(f"{end:.3f}".removeprefix("0") for end in ends)


def _minimum(fit: LossFit, lowest: LossFit) -> str:
    numbers = f"{fit.law.alpha:.4f}, {fit.law.beta:.4f}, {fit.sse:.6f}".replace("0.", ".")
    return f"**{numbers}**" if fit is lowest else numbers


def level_rows(price_halving: pl.DataFrame, price_records: pl.DataFrame) -> list[list[str]]:
    """The headline estimate of each capability level, its last record and what became of it."""
    records = {
        (row["level"], row["blend_input_share"]): row for row in price_records.iter_rows(named=True)
    }
    shown = price_halving.filter("is_headline", pl.col("level") != NMI).sort(
        "level_scale", "level", descending=[True, False], nulls_last=True
    )
    head = ["level", "halves every, months (95 %)", "changes", "sellers", "from", "last record",
            "USD", "what became of it", "on offer now, USD"]  # fmt: skip
    rows = [head]
    for row in shown.iter_rows(named=True):
        record = records.get((row["level"], row["blend_input_share"]))
        rows.append(
            [
                f"`{row['level']}`",
                _months(row),
                str(row["n_changes"]),
                str(row["n_providers"]),
                str(row["window_start"]),
                *_last_record(record),
            ]
        )
    return rows


def method_rows(price_comparisons: pl.DataFrame) -> list[list[str]]:
    """The fall of our prices by the recipes of others."""
    head = ["recipe", "of", "n", "from", "to", "times lower a year later", "halves every, months"]
    return [head] + [
        [
            f"`{row['recipe']}`",
            row["series"],
            str(row["n_points"]),
            str(row["window_start"]),
            str(row["window_end"]),
            _fold(row),
            "" if row["halving_months"] is None else f"{row['halving_months']:.1f}",
        ]
        for row in price_comparisons.filter(verdict="ok")
        .sort("recipe", "series")
        .iter_rows(named=True)
    ]


def _fold(row: dict[str, Any]) -> str:
    """`9.3 (4.8 to 18.2)`."""
    if row["fold_per_year_low"] is None:
        return f"{row['fold_per_year']:.1f}"
    low, high = row["fold_per_year_low"], row["fold_per_year_high"]
    return f"{row['fold_per_year']:.1f} ({low:.1f} to {high:,.1f})"


def _months(row: dict[str, Any]) -> str:
    if row["verdict"] != "ok":
        return "too few data"
    if row["halving_months"] is None:
        return "did not fall"
    high = "no upper end" if row["high"] is None else f"{row['high']:.1f}"
    ends = "" if row["low"] is None else f" ({row['low']:.1f} to {high})"
    return f"{row['halving_months']:.1f}{ends}"


def _last_record(record: dict[str, Any] | None) -> list[str]:
    if record is None:
        return ["", "", "", ""]
    fate = record["record_fate"]
    since = "" if record["fate_date"] is None else f" {record['fate_date']}"
    now = record["now_usd_per_mtok"]
    return [
        str(record["record_date"]),
        f"{record['usd_per_mtok']:.3g}",
        fate + since,
        "nothing" if now is None else f"{now:.3g}",
    ]


CHOICES = {
    "score set": "score set, with benchmark left out",
    "estimator": "estimator",
    "reference law": "reference law",
    "D0": "D0",
    "parameter basis": "parameter basis",
    "family cap": "family cap",
    "window": "window",
}


def context_rows(context_rates: pl.DataFrame) -> list[list[str]]:
    """Rates that others state of other quantities."""
    head = ["quantity", "from", "to", "stated rate", "what differs from density", "source"]
    rows = []
    for row in context_rates.iter_rows(named=True):
        days, points = row["doubling_days"], row["points_per_year"]
        rate = f"{points:g} points a year" if days is None else f"doubles in {days:.0f} days"
        source = f"[{row['source']}]({row['source_url']})"
        ends = (f"{row[end]:%Y-%m}" for end in ("window_start", "window_end"))
        rows.append([row["quantity"], *ends, rate, row["difference"], source])
    return [head, *rows]


def choice_rows(sensitivity: pl.DataFrame) -> list[list[str]]:
    """How far each choice moves the doubling time, the most influential first."""
    rows = [
        [
            "choice",
            "slowest over fastest, all else equal (median)",
            "what it alone makes of the quoted row, days",
        ]
    ]
    for row in moved_by(sensitivity).iter_rows(named=True):
        low, high = f"{row['low']:.0f}", f"{row['high']:.0f}"
        ends = low if low == high else f"{low}-{high}"
        rows.append([CHOICES[row["factor"]], f"{row['median_fold']:.1f}-fold", ends])
    return rows


RULERS = {
    "nmi-2025": "benchmarks, `nmi-2025`",
    "size-lines-bent": "benchmarks, lines of models, bent scale",
    "size-lines": "benchmarks, lines of models",
    "fresh-text-qwen2.5": "fresh text",
    "incompressible-knowledge-probes": "knowledge probes",
}
"""Rulers of density in the order of the table, in words."""


def growth_rows(density_growth: pl.DataFrame) -> list[list[str]]:
    """Growth of density by every ruler and group over the whole history: frontier and mean."""
    shown = density_growth.filter(pl.col("window") == "all", pl.col("growth_low").is_not_null())
    keys = ["ruler", "group", "population", "params_basis"]
    by_key = {
        key: {row["estimator"]: row for row in rows.iter_rows(named=True)}
        for key, rows in shown.group_by(keys, maintain_order=True)
    }
    head = ["measured by", "group", "parameters", "models", "frontier, a year", "mean, a year",
            "frontier doubles, days"]  # fmt: skip
    rows = [head]
    for ruler, words in RULERS.items():
        for (name, group, population, basis), of in by_key.items():
            frontier = of.get("quantile-0.9") or of.get("pooled-quantile-0.9")
            if name != ruler or frontier is None:
                continue
            both = " (models with both)" if population == "base-on-both" else ""
            rows.append(
                [words + both, group, basis, str(frontier["n_models"]), _growth(frontier),
                 _growth(of.get("ols-all")), _doubling(frontier) or frontier["finding"]]
            )  # fmt: skip
    return rows


def _growth(row: dict[str, Any] | None) -> str:
    """`1.45 (.59 to 2.37)`."""
    if row is None:
        return ""
    value, low, high = (row[name] for name in ("growth_per_year", "growth_low", "growth_high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
