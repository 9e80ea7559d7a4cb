"""Asset checks on the values of results.

A failed blocking check (known numbers, such as the paper's) stops the run; the others warn, for a
person to look at.
"""

import math
from datetime import timedelta

import dagster as dg
import polars as pl

from densing_pipeline import facts, paper
from densing_pipeline.cost.admission import PERSISTENCE_DAYS
from densing_pipeline.density.direct_law import LADDER_DIRECT
from densing_pipeline.evaluation import estimates
from densing_pipeline.hub.client import TOKEN_REFUSED
from densing_pipeline.hub.models import unknown
from densing_pipeline.orchestration.tables import schema_checks
from densing_pipeline.polling.landed import UNCHANGED_FOR
from densing_pipeline.prices import anchors
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.prices.sources import SOURCES as PRICE_LISTS
from densing_pipeline.tables.published import EVALUATIONS
from densing_pipeline.trends.sensitivity import spread

HIGHEST_TEST_SIZE = 0.1
HIGHEST_PLAUSIBLE_PRICE = 1000.0
"""USD per million tokens; higher prices in price lists have been unit errors."""

LARGEST_SHOWN = 20
"""Most gaps between measured and reported scores that a check lists."""

STALE_HOURS = 72.0
"""Age in hours of a polled source's last valid list from which the check warns: three nights."""

FLOOR_MOVE = 1.5
"""Factor of change of a level's cheapest price within `FLOOR_DAYS` from which the check warns."""

FLOOR_DAYS = PERSISTENCE_DAYS + 7
"""Days compared. A price fall is published once it has lasted `PERSISTENCE_DAYS`, dated to its
first day, so these are added to the week."""


def all_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of types and of values."""
    return [*schema_checks(), *statistical_checks()]


def statistical_checks() -> list[dg.AssetChecksDefinition]:
    """All checks of values; checks of types are in `tables.schema_checks`."""
    return [
        paper_is_reproduced,
        one_headline,
        one_quoted_estimate,
        most_scores_invert,
        measured_like_reported,
        measured_ladders_rule,
        anchors_found,
        paper_prices,
        plausible_frontier,
        floor_moved,
        sources_fresh,
        headline_among_all_choices,
        break_test_holds_its_size,
        paper_combines_rates,
        forecasts_look_ahead,
        overrides_name_models,
        publishers_models_known,
        hub_token_accepted,
        estimates_hold,
    ]


@dg.asset_check(asset="densing_law", blocking=True)
def paper_is_reproduced(densing_law: pl.DataFrame) -> dg.AssetCheckResult:
    """The paper's own recipe on its own 51 models gives its printed doubling time, 106.2 days."""
    found = densing_law.filter(
        reference_id=paper.NMI,
        score_set=paper.NMI_AVERAGE,
        params_basis="nonembedding",
        window="all",
        estimator="paper",
    )["doubling_days"].to_list()
    return dg.AssetCheckResult(
        passed=len(found) == 1
        and found[0] is not None
        and abs(found[0] - paper.TREND_DOUBLING_DAYS) < 0.1,
        metadata={"doubling_days": str(found), "printed": paper.TREND_DOUBLING_DAYS},
    )


@dg.asset_check(asset="models")
def overrides_name_models(models: pl.DataFrame) -> dg.AssetCheckResult:
    """Every id in `facts/evaluation_overrides.csv` is one of `models`.

    An override for a misspelt id, or for a model not yet seen on the Hub, has no effect.
    """
    lost = unknown(models, facts.load("evaluation_overrides")["model_id"])
    return dg.AssetCheckResult(
        passed=not lost,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"correct or remove in evaluation_overrides.csv: {', '.join(lost)}"
        if lost
        else "all are known",
        metadata={"unknown": ", ".join(lost) or "none"},
    )


@dg.asset_check(asset="evaluation_costs", additional_ins={"evaluations": dg.AssetIn("evaluations")})
def estimates_hold(
    evaluation_costs: pl.DataFrame, evaluations: pl.DataFrame
) -> dg.AssetCheckResult:
    """None of the newest evaluations took more than twice its estimate, corrected by what they took here, or less than half.

    They are those by which the estimates of the queue are corrected: a model of before new GPUs is no finding for ever. Of such a model the queue foretells the order and the number of copies badly.
    """
    key = EVALUATIONS.key
    runs = evaluation_costs.filter(pl.col("benchmark").is_null()).join(
        evaluations.select(*key, "finished_at"), on=key, how="left", nulls_equal=True
    )
    found = estimates.accuracy(runs)
    far = ", ".join(f"{model} {ratio:.2g} times" for model, ratio in found.far_off.items())
    return dg.AssetCheckResult(
        passed=not far,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"took other than the corrected estimate: {far}"
        if far
        else f"{found.runs} evaluations tell; estimates are corrected from {estimates.LEAST_RUNS}",
        metadata={"runs": found.runs, "factor": found.factor, "far_off": far or "none"},
    )


@dg.asset_check(asset="base_model_recall")
def publishers_models_known(base_model_recall: pl.DataFrame) -> dg.AssetCheckResult:
    """No publisher that has released base models has one on the Hub that is not in `models`."""
    released = base_model_recall.filter(pl.col("n_seen") > 0)["publisher"].unique()
    absent = base_model_recall.filter(
        pl.col("n_absent") > 0, pl.col("publisher").is_in(released.implode())
    )
    return dg.AssetCheckResult(
        passed=absent.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "publishers": released.len(),
            "absent": int(absent["n_absent"].sum()),
            **{
                f"{row['publisher']}, {row['month']:%Y-%m}": row["absent"]
                for row in absent.to_dicts()
            },
        },
    )


@dg.asset_check(asset="density_growth")
def one_headline(density_growth: pl.DataFrame) -> dg.AssetCheckResult:
    """Exactly one estimate is the headline, and its verdict is `ok`."""
    return _one_headline(density_growth)


@dg.asset_check(asset="densing_law")
def one_quoted_estimate(densing_law: pl.DataFrame) -> dg.AssetCheckResult:
    """Exactly one estimate by the paper's law is quoted, and its verdict is `ok`."""
    return _one_headline(densing_law)


def _one_headline(estimates: pl.DataFrame) -> dg.AssetCheckResult:
    headline = estimates.filter(pl.col("is_headline"))
    return dg.AssetCheckResult(
        passed=headline["verdict"].to_list() == ["ok"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"headlines": headline.height, "verdict": ", ".join(headline["verdict"])},
    )


@dg.asset_check(asset="densities")
def most_scores_invert(densities: pl.DataFrame) -> dg.AssetCheckResult:
    """Fewer than half of the scores lie outside the range in which a reference law can be inverted.

    The direct law of the OLMo ladder is left out: it ends where the largest models of the ladder do, which most models
    of today surpass.
    """
    inverted = densities.filter(pl.col("reference_id") != LADDER_DIRECT)
    share = inverted.group_by("reference_id", "score_set").agg(
        censored=(pl.col("censored") != "none").mean()
    )
    worst = share["censored"].max()
    return dg.AssetCheckResult(
        passed=isinstance(worst, float) and worst < 0.5,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{reference}, {score_set}": censored
            for reference, score_set, censored in share.sort(
                "reference_id", "score_set"
            ).iter_rows()
        },
    )


@dg.asset_check(asset="score_gaps")
def measured_like_reported(score_gaps: pl.DataFrame) -> dg.AssetCheckResult:
    """No measured score is far from the reported score of the same model."""
    large = score_gaps.filter("is_large").sort(pl.col("gap").abs(), descending=True)
    return dg.AssetCheckResult(
        passed=large.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"compared": score_gaps.height, "large": large.height}
        | {
            f"{row['model_id']}, {row['benchmark']}, {row['source']}": (
                f"measured {row['measured']:.3f}, reported {row['reported']:.3f}, "
                f"gap {row['gap']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
            )
            for row in large.head(LARGEST_SHOWN).to_dicts()
        },
    )


@dg.asset_check(asset="own_rulers")
def measured_ladders_rule(own_rulers: pl.DataFrame) -> dg.AssetCheckResult:
    """A ladder whose models are all measured gives a reference law on every benchmark."""
    silent = own_rulers.filter(pl.col("n_measured") == pl.col("n_rungs"), pl.col("verdict") != "ok")
    return dg.AssetCheckResult(
        passed=silent.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{row['reference_id']}, {row['benchmark']}": (
                f"{row['verdict']}, {row['n_measured']} of {row['n_rungs']} models measured: "
                f"{row['reason']}"
            )
            for row in own_rulers.to_dicts()
        },
    )


@dg.asset_check(asset="price_frontier", blocking=True)
def paper_prices(price_frontier: pl.DataFrame) -> dg.AssetCheckResult:
    """The paper's ten price points fall from $20 to $0.075 per million tokens, 266.7-fold."""
    points = price_frontier.filter(level=paper.NMI, curve="cheapest_ever").sort("date")[
        "usd_per_mtok"
    ]
    fold = points[0] / points[-1] if points.len() else 0.0
    return dg.AssetCheckResult(
        passed=abs(fold - paper.PRICE_FOLD) < 0.1,
        metadata={"fold": fold, "printed": paper.PRICE_FOLD},
    )


@dg.asset_check(asset="price_frontier", blocking=True)
def plausible_frontier(price_frontier: pl.DataFrame) -> dg.AssetCheckResult:
    """No price at a frontier is above $1,000 per million tokens, and cheapest_ever never rises."""
    dearest = price_frontier["usd_per_mtok"].max()
    rises = (
        price_frontier.filter(pl.col("curve") == "cheapest_ever")
        .sort("date")
        .select(
            (pl.col("usd_per_mtok").diff() > 0)
            .over("level", "blend_input_share")
            .fill_null(value=False)
        )
        .sum()
        .item()
    )
    return dg.AssetCheckResult(
        passed=rises == 0
        and (not isinstance(dearest, float) or dearest <= HIGHEST_PLAUSIBLE_PRICE),
        metadata={"dearest": dearest if isinstance(dearest, float) else 0.0, "rises": rises},
    )


@dg.asset_check(asset="prices")
def anchors_found(prices: pl.DataFrame) -> dg.AssetCheckResult:
    """Known list prices are in `prices`, and not excluded from frontiers."""
    missing = anchors.missing(prices)
    return dg.AssetCheckResult(
        passed=missing.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "anchors": len(anchors.ANCHORS),
            "missing": "; ".join(
                f"{row['provider']}/{row['model']} on {row['day']}: {row['found']}"
                for row in missing.to_dicts()
            ),
        },
    )


@dg.asset_check(asset="price_frontier", additional_ins={"prices": dg.AssetIn("prices")})
def floor_moved(price_frontier: pl.DataFrame, prices: pl.DataFrame) -> dg.AssetCheckResult:
    """No level's cheapest price on offer changed by `FLOOR_MOVE` or more within `FLOOR_DAYS`."""
    since = last_day(prices) - timedelta(days=FLOOR_DAYS)
    series = ("level", "blend_input_share")
    moves = (
        price_frontier.filter(pl.col("curve") == "cheapest_now")
        .sort("date")
        .with_columns(before=pl.col("usd_per_mtok").shift().over(series))
        .filter(pl.col("date") >= since, pl.col("before").is_not_null())
        .filter(
            pl.col("usd_per_mtok").is_null()
            | ((pl.col("usd_per_mtok") / pl.col("before")).log().abs() >= math.log(FLOOR_MOVE))
        )
    )
    return dg.AssetCheckResult(
        passed=moves.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{row['level']}, {row['blend_input_share']:.0%} input, {row['date']}": (
                f"{row['before']:g} to {row['usd_per_mtok'] or 'nothing'}, "
                f"{row['provider']} {row['model']}"
            )
            for row in moves.to_dicts()
        },
    )


@dg.asset_check(asset="source_health")
def sources_fresh(source_health: pl.DataFrame) -> dg.AssetCheckResult:
    """Every polled source gave a valid list within three days, its newest list was accepted, and it still changes.

    A list of prices that is the same for over two weeks while other lists change may be a copy that its
    server no longer renews. A score source may rest for months.
    """
    newest = (
        source_health.filter(pl.col("outcome") != "embedded")
        .sort("polled_at")
        .group_by("source", maintain_order=True)
        .last()
    )
    is_list = pl.col("source").is_in(list(PRICE_LISTS))
    is_stuck = is_list & pl.col("message").str.contains(UNCHANGED_FOR, literal=True)
    others_move = newest.filter(is_list & ~is_stuck, pl.col("outcome") == "ok").height > 0
    bad = newest.filter(
        (pl.col("stale_hours") > STALE_HOURS)
        | pl.col("outcome").is_in(["failed", "rejected"])
        | (is_stuck & others_move)
    )
    return dg.AssetCheckResult(
        passed=bad.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            row["source"]: f"{row['outcome']}, {row['stale_hours']:.0f} h old: {row['message']}"
            for row in bad.to_dicts()
        },
    )


@dg.asset_check(asset="hub_nights")
def hub_token_accepted(hub_nights: pl.DataFrame) -> dg.AssetCheckResult:
    """The Hub took the token of the last night. Without it a night goes on, but reads no gated model and is limited sooner."""
    last = hub_nights.sort("polled_at").tail(1)
    refused = last.filter(pl.col("message").str.contains(TOKEN_REFUSED, literal=True))
    return dg.AssetCheckResult(
        passed=refused.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"the Hub": TOKEN_REFUSED} if refused.height else {},
    )


@dg.asset_check(asset="sensitivity")
def headline_among_all_choices(sensitivity: pl.DataFrame) -> dg.AssetCheckResult:
    """The headline is one of the combinations of choices and lies in the central 90 % of them."""
    found = spread(sensitivity)
    headline = sensitivity.filter("is_headline")["doubling_days"].to_list()
    is_inside = (
        len(headline) == 1
        and headline[0] is not None
        and (found.low or 0) <= headline[0] <= (found.high or float("inf"))
    )
    return dg.AssetCheckResult(
        passed=is_inside,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"headline": str(headline), "low": str(found.low), "high": str(found.high)},
    )


@dg.asset_check(asset="trend_breaks")
def break_test_holds_its_size(trend_breaks: pl.DataFrame) -> dg.AssetCheckResult:
    """On straight simulated frontiers the break test finds a break in 10 % of cases at most."""
    largest = trend_breaks["size"].max()
    return dg.AssetCheckResult(
        passed=not isinstance(largest, float) or largest <= HIGHEST_TEST_SIZE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"largest_size": largest if isinstance(largest, float) else 0.0},
    )


@dg.asset_check(asset="implications", blocking=True)
def paper_combines_rates(implications: pl.DataFrame) -> dg.AssetCheckResult:
    """The paper's density and hardware rates combine to its printed 88 days."""
    found = implications.filter(
        pl.col("name") == "density_x_hardware", pl.col("subject").str.starts_with("paper")
    )["value"].to_list()
    return dg.AssetCheckResult(
        passed=len(found) == 1 and abs(found[0] - paper.COMBINED_DOUBLING_DAYS) < 0.1,
        metadata={"days": str(found), "printed": 88},
    )


@dg.asset_check(asset="forecasts", blocking=True)
def forecasts_look_ahead(forecasts: pl.DataFrame) -> dg.AssetCheckResult:
    """Every forecast is for a later day, and no forecast is worse than the current record."""
    ok = forecasts.filter(pl.col("verdict") == "ok")
    rounding = 1 + 1e-9
    backwards = ok.filter(
        (pl.col("target_date") <= pl.col("made_on"))
        | ((pl.col("target") == "density") & (pl.col("low") * rounding < pl.col("current")))
        | ((pl.col("target") == "price") & (pl.col("high") > pl.col("current") * rounding))
    ).height
    return dg.AssetCheckResult(
        passed=backwards == 0, metadata={"forecasts": ok.height, "backwards": backwards}
    )
