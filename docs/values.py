"""The values that statements of the written pages name: those of the code, and those of a release.

Not here: the statements (`statements`), and whole tables in the pages (`tables`).
"""

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtr

from densing_pipeline import paper
from densing_pipeline.cost import (
    admission,
    coverage,
    curves,
    frontier,
    halving,
    index,
    levels,
    membership,
    records,
)
from densing_pipeline.density import (
    benchmark_gap,
    compression,
    densities,
    direct_law,
    direct_laws,
    fit,
    knowledge_probes,
    measured_laws,
    params_bases,
    pooled_scores,
    reference_law_draws,
    score_sets,
    text_ruler,
    variants,
)
from densing_pipeline.density.reference_laws import LADDER_FLOOR, laws_of
from densing_pipeline.evaluation import queue_rules, score_gaps
from densing_pipeline.forecasts import (
    claims,
    forecasts,
    implications,
    methods,
    pace_skill,
    pooled_pace,
    skill,
    vintages,
)
from densing_pipeline.headline import HEADLINE, HEADLINE_BLEND
from densing_pipeline.hub import pretraining_evidence, release_date
from densing_pipeline.hub.claimed_scores import documents, landed, table
from densing_pipeline.hub.parameters import compare, families
from densing_pipeline.orchestration import checks
from densing_pipeline.own_files import delimited, effort
from densing_pipeline.polling import judging, poll
from densing_pipeline.prices import (
    anchors,
    comparison,
    confirmation,
    corrections,
    links,
    presumed,
)
from densing_pipeline.prices.sources import common_factor, snapshot
from densing_pipeline.publication import answers
from densing_pipeline.settings import Settings
from densing_pipeline.stats import intervals
from densing_pipeline.tables import dates, width
from densing_pipeline.trends import (
    breakpoints,
    choice_weights,
    coverage_table,
    densing_law,
    density_paces,
    estimate,
    growth_curves,
    knowledge_growth,
    pooled_growth,
    record_setters,
    sensitivity,
    series,
    simulate,
    trend_breaks,
    windows,
    worlds,
)
from docs.quoting import WORDS

Tables = Mapping[str, pl.DataFrame]
Values = dict[str, Any]

QUOTED_COVERAGE = (coverage_table.POOLED_BENT_PERCENTILE, "total")
"""Estimate and parameter basis of the headline in the table of simulated coverage."""

SERIES = {"score_set": HEADLINE.score_set, "params_basis": HEADLINE.params_basis}
"""The headline's series, under any reference law."""


def constants() -> Values:
    """What the code decides: the modules whose constants are named, and what follows from them."""
    draws = Settings.model_fields["bootstrap_draws"].default
    return {
        module.__name__.rpartition(".")[2]: module
        for module in (
            admission, anchors, breakpoints, checks, claims, common_factor, compare, comparison, compression, confirmation,
            coverage, coverage_table, dates, densing_law, density_paces, direct_law, direct_laws, estimate, frontier, halving, implications, index, intervals,
            judging, levels, measured_laws, membership, methods, pace_skill, params_bases, poll, pooled_growth, presumed, pretraining_evidence, queue_rules,
            record_setters, records, reference_law_draws, release_date, score_gaps, score_sets, sensitivity, series, simulate, skill, snapshot, trend_breaks,
            variants, vintages, windows,
        )
    } | {
        "benchmark_gap": benchmark_gap, "knowledge_growth": knowledge_growth,
        "knowledge_probes": knowledge_probes, "text_ruler": text_ruler,
        "pace_resamples": pooled_pace.PACE_RESAMPLES,
        "densities": densities, "forecasts": forecasts, "links": links, "corrections": corrections,
        "draws": draws,
        "printed": paper,
        "held": _simulated_coverage(),
        "input_share": HEADLINE_BLEND,
        "width": width, "same_slope": _percent(choice_weights.SAME_SLOPE),
        "fit": fit, "effort": effort,
        "fit_points_with_e": fit.FEWEST_FITTED + 2,
        "largest_file_mb": delimited.LARGEST_BYTES / 2**20,
        "most_rows": delimited.MOST_ROWS,
        "fewer_draws_from": effort.USUAL_WEIGHTS // effort.MOST_DRAWS,
        "headline_draws": draws * densing_law.HEADLINE_TIMES,
        "headline_laws": reference_law_draws.LAW_DRAWS * reference_law_draws.HEADLINE_LAW_TIMES,
        "level": _percent(intervals.LEVEL),
        "lost": _percent(intervals.MOST_LOST),
        "widest_gap": curves.WIDEST_GAP_DAYS / dates.DAYS_PER_MONTH,
        "factors": [intervals.small_cluster_factor(families) for families in (5, 10, 40)],
        "in_trillions": {
            "nmi": paper.NMI_TOKENS / 1e12,
            "choices": [tokens / 1e12 for tokens in variants.VARIED_TOKENS],
        },
        "floor": LADDER_FLOOR,
        "large_gap": _percent(score_gaps.LARGE_GAP),
        "far": _percent(pooled_scores.FAR),
        "fitted_share": _percent(1 - direct_law.LARGEST_SHARE),
        "trim": _percent(breakpoints.TRIM),
        "longest_half_life": growth_curves.HALF_LIVES[1],
        "lookback_months": methods.LOOKBACK_DAYS / dates.DAYS_PER_MONTH,
        "simulations_halved": simulate.SIMULATIONS // 2,
        "combined": implications.combined_doubling_days(
            paper.DENSITY_DOUBLING_DAYS, implications.HARDWARE_DOUBLING_DAYS
        ),
        "tenfold": f"{WORDS[round(corrections.TENFOLD)]}fold",
        "first_days": "week" if corrections.FIRST_WEEK.days == 7 else f"{corrections.FIRST_WEEK.days} days",
        "claimed_days": next(days for claim, days in claims.DENSITY_CLAIMS.items() if "v2" in claim),
        "endpoints": Settings.model_fields["openrouter_endpoints"].default,
        "smallest_share": _percent(snapshot.SMALLEST_SHARE),
        "common_share": _percent(common_factor.LARGEST_COMMON_SHARE),
        "confidence": links.CONFIDENCE,
        "paper_window": [f"{day:%Y-%m}" for day in (paper.FIRST_PRICE, paper.LAST_PRICE)],
        "index_level": _percent(2 * ndtr(intervals.Z_95) - 1),
        "anchors_count": len(anchors.ANCHORS),
        "floor_days": checks.FLOOR_DAYS,
        "stale_days": checks.STALE_HOURS / 24,
        "same_size": _percent(pretraining_evidence.SAME_SIZE),
        "known_sizes": len(pretraining_evidence.known_sizes()),
        "count_tolerance": _percent(compare.TOLERANCE),
        "model_types": len(families.supported()),
        "claims_read": documents.MOST_CLAIMS,
        "claim_files": landed.MOST_FILES,
        "claim_file_kib": landed.MAX_FILE_BYTES // 2**10,
        "claims_mib": landed.MAX_CLAIMS_BYTES // 2**20,
        "fewest_copied": table.FEWEST_SAME_RESULTS,
        "hardware_years": implications.HARDWARE_DOUBLING_DAYS / dates.DAYS_PER_YEAR,
    }  # fmt: skip


def _simulated_coverage() -> Values:
    """Coverage over all years, lowest of the first worlds and of the others, and what is said of the headline."""
    every = coverage_table.interval_coverage().filter(window="all")
    table = every.filter(truth=coverage_table.AVERAGE)
    steady = [world.name for world in worlds.WORLDS if world.is_stationary]
    of_law, of_pool, of_headline = (
        dict(
            table.filter(estimate=name, params_basis=basis).select("world", "coverage").iter_rows()
        )
        for name, basis in (
            (coverage_table.DENSING_LAW, HEADLINE.params_basis),
            (coverage_table.POOLED, "total"),
            QUOTED_COVERAGE,
        )
    )
    own = every.filter(estimate=QUOTED_COVERAGE[0], params_basis=QUOTED_COVERAGE[1])
    average = own.filter(truth=coverage_table.AVERAGE)
    first = average.filter(world=worlds.WORLDS[0].name)
    bias = average.filter(pl.col("world") != worlds.WORLDS[0].name)["median_bias"]
    return {
        "law_steady": min(of_law[name] for name in steady),
        "pooled_other_law": of_pool["other-law"],
        "pooled_otherwise": min(value for name, value in of_pool.items() if name != "other-law"),
        "steady": min(of_headline[name] for name in steady),
        "otherwise": min(value for name, value in of_headline.items() if name not in steady),
        "narrow_share": first["narrow_share"].item(),
        "narrow_lowest": average["narrow_coverage"].min(),
        "bias_steady": 100 * first["median_bias"].item(),
        "bias_lowest": 100 * bias.min(),  # type: ignore[operator]
        "bias_highest": 100 * bias.max(),  # type: ignore[operator]
        "fewest_worlds": own["worlds"].min(),
        "other_worlds": every.filter(pl.col("estimate") != QUOTED_COVERAGE[0])["worlds"].max(),
        "current": own.filter(truth=coverage_table.CURRENT)["coverage"].item(),
    }


def released(tables: Tables) -> Values:
    """What a release decides, beside what the code does."""
    return (
        constants()
        | _doubling(tables)
        | _laws(tables)
        | _breaks(tables)
        | _growth(tables)
        | _pairs(tables)
        | _forecasts(tables)
        | _prices(tables)
    )


def _doubling(tables: Tables) -> Values:
    """The doubling time: headline, other estimates, all combinations of choices."""
    law, choices = tables["densing_law"], tables["sensitivity"]
    headline = SimpleNamespace(**law.filter("is_headline").row(0, named=True))
    pooled = SimpleNamespace(**tables["density_growth"].filter("is_headline").row(0, named=True))
    spread = sensitivity.spread(choices)
    ends = (headline.slope_high, headline.slope_high_mc_error), (
        headline.slope_low, headline.slope_low_mc_error,
    )  # fmt: skip
    return {
        "headline": headline,
        "pooled": pooled,
        "fold": {
            name: row.doubling_days_high / row.doubling_days_low
            for name, row in (("pooled", pooled), ("law", headline))
        },
        "today": {
            basis: {
                population: _current(law, basis, population)
                for population in densing_law.POPULATIONS
            }
            for basis in answers.CURRENT_BASES
        },
        "own_minimum": [
            "never" if days is None else f"{days:,.0f}"
            for days in (
                headline.doubling_days_low_own_minimum,
                headline.doubling_days_high_own_minimum,
            )
        ],
        "months": [
            days / dates.DAYS_PER_MONTH
            for days in (headline.doubling_days_low, headline.doubling_days_high)
        ],
        "days_error": [np.log(2) * error / slope**2 for slope, error in ends],
        "paper": _trend(law, "nmi-2025", "paper"),
        "refit": _trend(law, "nmi-2025-refit", "paper"),
        "spread": spread,
        "spread_side": "above"
        if spread.median is not None and headline.doubling_days > spread.median
        else "below",
        "spread_median": "never" if spread.median is None else f"{spread.median:,.0f}",
        "spread_high": "never" if spread.high is None else f"{spread.high:,.0f}",
        "longest": "never" if spread.longest is None else f"{spread.longest:,.0f}",
        "most": sensitivity.moved_by(choices).row(0, named=True),
        "combinations": spread.n + spread.n_insufficient,
        "shortfall": _shortfall(_densities(tables, "nmi-2025"), headline),
        "hardware": _first(
            tables["implications"],
            name="density_x_hardware",
            subject="headline",
        ),
    }


def _trend(law: pl.DataFrame, reference_id: str, estimator: str) -> SimpleNamespace:
    """One estimate over all of the headline's models."""
    return _first(law, **SERIES, reference_id=reference_id, estimator=estimator, window="all")


def _densities(tables: Tables, reference_id: str) -> pl.DataFrame:
    """Densities of the headline's models under a law."""
    return tables["densities"].filter(**SERIES, reference_id=reference_id, censored="none")


def _shortfall(models: pl.DataFrame, headline: SimpleNamespace) -> SimpleNamespace:
    """How far the models lie below the headline's line: mean, and correlation within families.

    The correlation is that of a one-way analysis of variance.
    """
    days = (models["release_date"] - dates.DAY_ZERO).dt.total_days()
    below = headline.intercept + headline.slope_per_day * days - models["density"].log()
    frame = models.select("family", below=below)
    fitted = frame.select(pl.col("below").mean().over("family")).to_series()
    n, groups = models.height, models["family"].n_unique()
    sizes = models["family"].value_counts()["count"].to_numpy()
    between = float(np.sum((fitted - below.mean()).to_numpy() ** 2)) / (groups - 1)
    within = float(np.sum((below - fitted).to_numpy() ** 2)) / (n - groups)
    size = (n - np.sum(sizes**2) / n) / (groups - 1)
    return SimpleNamespace(
        mean=below.mean(), correlation=(between - within) / (between + (size - 1) * within)
    )


def _laws(tables: Tables) -> Values:
    """The reference laws: how sure they are, and what that does to a density."""
    direct = tables["direct_laws"]
    own = {name: _densities(tables, name) for name in ("nmi-2025", "nmi-2025-refit")}
    both = own["nmi-2025"].join(own["nmi-2025-refit"], on="model_id", suffix="_refit")
    one_step_law = _first(direct, law_kind="one-step")
    return {
        "refit_ratio": (both["density"] / both["density_refit"]).median(),
        "one_step_law": one_step_law,
        "one_step_range": [one_step_law.params_from / 1e9, one_step_law.params_to / 1e9],
        "family": {
            benchmark: _first(direct, law_kind="family", benchmark=benchmark)
            for benchmark in ("MMLU", "AVERAGE")
        },
        "family_trillions": _first(direct, law_kind="family").reference_tokens / 1e12,
        "interval": {
            # An end that is not told lies beyond those that are.
            name: [
                (models[end].fill_null(beyond) / models["density"]).median()
                for end, beyond in (("density_low", 0.0), ("density_high", float("inf")))
            ]
            for name, models in own.items()
        },
        "refit_open": own["nmi-2025-refit"]["density_high"].null_count(),
        "score_alone": _score_alone(own["nmi-2025"], tables["reference_laws"]),
        "ladder": _ladder(tables),
    }  # fmt: skip


def _ladder(tables: Tables) -> Values:
    """The law of the OLMo ladder: its error on the held-out checkpoints, its best score, its sum of squares."""
    name = "olmo-ladder"
    law = laws_of(tables["reference_laws"])[name, "MMLU"]
    points = tables["reference_points"].filter(reference_id=name)
    told = {
        "most": points["score"].max(),
        "sse": _first(tables["reference_laws"], reference_id=name).loss_sse,
    }
    for row in points.filter(~pl.col("used_in_fit")).iter_rows(named=True):
        loss = law.loss_law.loss(row["params"], row["tokens"])
        told[row["run_id"]] = float(law.performance_law.score(loss)) - row["score"]
    return told


def _current(law: pl.DataFrame, basis: str, population: str) -> SimpleNamespace:
    """The estimate of the first answer on one basis."""
    reference_id, score_set, window, estimator = answers.CURRENT
    return _first(
        law, reference_id=reference_id, score_set=score_set, window=window, estimator=estimator,
        params_basis=basis, population=population,
    )  # fmt: skip


def _score_alone(models: pl.DataFrame, laws: pl.DataFrame) -> list[float]:
    """Median ends of the densities' intervals, over the density, were the law known."""
    law = laws_of(laws)["nmi-2025", "AVERAGE"]
    score, error = models["score"].to_numpy(), models["std_error"].to_numpy()
    size = law.effective_params(score)[0]
    return [
        float(np.median(law.effective_params(score + sign * intervals.Z_95 * error)[0] / size))
        for sign in (-1, 1)
    ]


def _breaks(tables: Tables) -> Values:
    """The searched bends."""
    rows = tables["trend_breaks"].filter(verdict="ok", kind="searched")
    own = rows.filter(reference_id="nmi-2025")
    known = tables["trend_breaks"].filter(kind="known", reference_id="nmi-2025", score_set="mmlu")
    return {
        "bends": SimpleNamespace(
            p=[100 * own["p_value"].min(), 100 * own["p_value"].max()],  # type: ignore[operator]
            power=100 * own.filter(score_set="nmi-2025-average")["power_at_1_5x"].item(),
            before=known["n_before"].max(),
            ladder=rows.filter(reference_id="olmo-ladder")["p_value"].item(),
            tests=rows.height,
            slowest=own["slope_ratio"].max(),
            judged=known.filter(verdict="ok").height,
        )
    }


def _growth(tables: Tables) -> Values:
    """What gets denser: the models behind each ruler, and who is denser on tests than on fresh text."""
    text, grown = tables["reported_fresh_text"], tables["density_growth"]
    mean = dict(
        grown.filter(ruler=text_ruler.RULER, population="base", estimator="ols-all")
        .select("group", "growth_per_year")
        .iter_rows()
    )
    knowledge = grown.filter(
        ruler=knowledge_probes.RULER, estimator="ols-all", params_basis="total"
    )
    gaps = tables["benchmark_gap"].filter(
        reference_id=HEADLINE.reference_id, score_set="mmlu", verdict="ok"
    )
    found = dict(gaps["finding"].value_counts().iter_rows())
    largest = gaps.sort("excess", nulls_last=False).row(-1, named=True)
    return {
        "growth": SimpleNamespace(
            text_models=text["model_id"].n_unique(),
            text_billions=text["params_total"].max() / 1e9,  # type: ignore[operator]
            probed=tables["knowledge_probes"].height,
            vendors=knowledge["n_clusters"].item(),
            text_grows=min(mean["fresh-text-github"], mean["fresh-text-arxiv"]) > 0
            and mean["fresh-text-prose"] < 0,
        ),
        "gap": SimpleNamespace(
            models=gaps.height,
            tests=found.get(benchmark_gap.TESTS, 0),
            text=found.get(benchmark_gap.TEXT, 0),
            largest=largest["model_id"].rpartition("/")[2],
            benchmark=largest["benchmark_density"],
            of_text=largest["text_density"],
        ),
    }


def _pairs(tables: Tables) -> Values:
    """The paper's compressed models beside their originals."""
    rows = tables["implications"].filter(name="compression_ratio")
    finding = dict(rows["reason"].value_counts().iter_rows())
    less = rows.filter(reason="less dense")["value"]
    return {
        "pairs": finding | {"all": rows.height},
        "ratio": {
            row["subject"].partition(" (")[0]: [row["value"], row["low"], row["high"]]
            for row in rows.iter_rows(named=True)
        },
        "less_dense": [less.min(), less.max()],
    }


def _forecasts(tables: Tables) -> Values:
    """What was forecast, how good it was, and what came of the paper's claims."""
    made = tables["forecasts"].filter(origin="backtest")
    refused = pl.col("reason").str.contains(f"{forecasts.FARTHEST_FOLD:,.0f}-fold", literal=True)
    pooled = tables["forecast_skill"].filter(series=skill.POOLED, origin="backtest", verdict="ok")
    skill_of_trend = pooled.filter(method="trend")
    coverage = skill_of_trend.filter(target="price")["coverage"]
    came = tables["paper_claims"].filter(verdict="ok")
    last = came.filter(target="price").filter(pl.col("target_date") == pl.col("target_date").max())
    in_force = tables["densities"].filter(
        pl.col("density").is_not_null(),
        reference_id=vintages.REFERENCE,
        params_basis=vintages.BASIS,
    )
    # "No change" needs nothing but a series that is being observed.
    possible = made.filter(target="density", method="no-change", verdict="ok").with_columns(
        score_set=pl.col("series").str.split("/").list.get(1)
    )
    return {
        "newest_density": dict(
            in_force.group_by("score_set").agg(pl.col("release_date").max()).iter_rows()
        ),
        "last_forecast": dict(
            possible.group_by("score_set").agg(pl.col("made_on").max()).iter_rows()
        ),
        "refused": {
            f"{target} {method}": {
                "all": rows.filter(refused).height,
                "year": rows.filter(refused, horizon_months=12).height,
                "made": rows.filter(
                    refused | (pl.col("verdict") == "ok"), horizon_months=12
                ).height,
            }
            for (target, method), rows in made.partition_by(
                "target", "method", as_dict=True
            ).items()
        },
        "skill_at": partial(_skill_over_no_change, pooled),
        "skill_constant": _first(skill_of_trend, target="density", horizon_months=6),
        "price_coverage": [100 * coverage.min(), 100 * coverage.max()],  # type: ignore[operator]
        "claim": _first(
            came,
            series="/".join((HEADLINE.reference_id, *SERIES.values())),
            claim=next(claim for claim in claims.DENSITY_CLAIMS if "v2" in claim),
        ),
        "fell": {
            row["series"].partition("/")[0]: SimpleNamespace(
                **row,
                months=_halving_months(
                    (row["target_date"] - claims.MADE_ON).days, row["actual_fold"]
                ),
            )
            for row in last.iter_rows(named=True)
        },
        "fell_months": round((last["target_date"][0] - claims.MADE_ON).days / dates.DAYS_PER_MONTH),
    }


def _skill_over_no_change(
    pooled: pl.DataFrame, months: int, target: str | None = None, method: str | None = None
) -> tuple[float, float]:
    """Highest lower end and highest value of the skill over no change, of some forecasts."""
    asked = {"target": target, "method": method, "horizon_months": months}
    rows = pooled.filter(**{name: value for name, value in asked.items() if value is not None})
    return rows["skill_no_change_low"].max(), rows["skill_no_change"].max()  # type: ignore[return-value]


def _halving_months(days: float, fold: float) -> float:
    """Months in which a price halves that falls by a fold in so many days."""
    return float(days * np.log(2) / np.log(fold) / dates.DAYS_PER_MONTH)


def _prices(tables: Tables) -> Values:
    """The price book, its links, and how fast prices fell."""
    named, book, halved = tables["model_links"], tables["prices"], tables["price_halving"]
    embedded = book.filter(source="genai-prices", offer="standard", context_over_tokens=0)
    dated = embedded.filter(pl.col("valid_from").is_not_null(), pl.col("flag").ne_missing("future"))
    ever = halved.filter(curve="cheapest_ever", window="nmi-2025", blend_input_share=1.0)
    return {
        "linked": {
            source: [rows["canonical_id"].count(), rows.height]
            for (source,), rows in named.partition_by("source", as_dict=True).items()
        },
        "paper_prices": tables["price_frontier"]
        .filter(level=paper.NMI, curve="cheapest_ever")
        .sort("date")["usd_per_mtok"]
        .to_list(),
        "paper_level": _first(ever, level=paper.NMI, estimator="end-points"),
        "gpt35": _first(ever, level="gpt-3.5", estimator="record-events"),
        "embedded": {
            "standard": embedded.height,
            "undated": embedded.filter(pl.col("valid_to").is_null(), basis="undated").height,
            "dated": dated.height,
            "recent": dated.filter(
                pl.col("valid_from").dt.strftime("%Y-%m").is_in(["2026-10", "2026-11"])
            ).height,
        },
    }


def _first(frame: pl.DataFrame, **where: Any) -> SimpleNamespace:
    """The first row that has these values."""
    return SimpleNamespace(**frame.filter(**where).row(0, named=True))


def _percent(share: float) -> float:
    return 100 * share
