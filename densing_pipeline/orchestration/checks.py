"""Statistical checks: facts about the results that must hold, or that somebody should look at.

A blocking check guards a number that is known (the paper's own); the others warn.
"""

import dagster as dg
import polars as pl

from densing_pipeline.trends.sensitivity import spread

PAPER_DOUBLING_DAYS = 106.2
PAPER_PRICE_FOLD = 20 / 0.075
PAPER_COMBINED_DAYS = 87.7
HIGHEST_TEST_SIZE = 0.1
HIGHEST_PLAUSIBLE_PRICE = 1000.0
"""USD per million tokens; dearer entries in price lists have been unit errors."""


def statistical_checks() -> list[dg.AssetChecksDefinition]:
    """All checks that look at values rather than at types."""
    return [
        paper_is_reproduced,
        one_headline,
        most_scores_invert,
        paper_prices,
        plausible_frontier,
        headline_among_all_choices,
        break_test_holds_its_size,
        paper_combines_rates,
        forecasts_look_ahead,
    ]


@dg.asset_check(asset="densing_law", blocking=True)
def paper_is_reproduced(densing_law: pl.DataFrame) -> dg.AssetCheckResult:
    """The paper's own recipe on its own 51 models gives its printed doubling time, 106.2 days."""
    found = densing_law.filter(
        reference_id="nmi-2025",
        score_set="nmi-2025-average",
        params_basis="nonembedding",
        window="all",
        estimator="paper",
    )["doubling_days"].to_list()
    return dg.AssetCheckResult(
        passed=len(found) == 1
        and found[0] is not None
        and abs(found[0] - PAPER_DOUBLING_DAYS) < 0.1,
        metadata={"doubling_days": str(found), "printed": PAPER_DOUBLING_DAYS},
    )


@dg.asset_check(asset="densing_law")
def one_headline(densing_law: pl.DataFrame) -> dg.AssetCheckResult:
    """Exactly one estimate is the headline, and the data carry it."""
    headline = densing_law.filter(pl.col("is_headline"))
    return dg.AssetCheckResult(
        passed=headline["verdict"].to_list() == ["ok"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"headlines": headline.height, "verdict": ", ".join(headline["verdict"])},
    )


@dg.asset_check(asset="densities")
def most_scores_invert(densities: pl.DataFrame) -> dg.AssetCheckResult:
    """Fewer than half of the scores lie outside what a reference law can invert."""
    share = densities.group_by("reference_id", "score_set").agg(
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


@dg.asset_check(asset="price_frontier", blocking=True)
def paper_prices(price_frontier: pl.DataFrame) -> dg.AssetCheckResult:
    """The paper's ten points fall from $20 to $0.075, 266.7-fold."""
    paper = price_frontier.filter(level="nmi-2025", curve="cheapest_ever").sort("date")[
        "usd_per_mtok"
    ]
    fold = paper[0] / paper[-1] if paper.len() else 0.0
    return dg.AssetCheckResult(
        passed=abs(fold - PAPER_PRICE_FOLD) < 0.1,
        metadata={"fold": fold, "printed": PAPER_PRICE_FOLD},
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


@dg.asset_check(asset="sensitivity")
def headline_among_all_choices(sensitivity: pl.DataFrame) -> dg.AssetCheckResult:
    """The headline is one of the combinations and lies in the middle 90 % of them."""
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
        pl.col("quantity") == "density_x_hardware", pl.col("subject").str.starts_with("paper")
    )["value"].to_list()
    return dg.AssetCheckResult(
        passed=len(found) == 1 and abs(found[0] - PAPER_COMBINED_DAYS) < 0.1,
        metadata={"days": str(found), "printed": 88},
    )


@dg.asset_check(asset="forecasts", blocking=True)
def forecasts_look_ahead(forecasts: pl.DataFrame) -> dg.AssetCheckResult:
    """Every forecast is about a later day, and none lets a record fall back."""
    ok = forecasts.filter(pl.col("verdict") == "ok")
    rounding = 1 + 1e-9
    backwards = ok.filter(
        (pl.col("target_date") <= pl.col("vintage"))
        | ((pl.col("target") == "density") & (pl.col("q_025") * rounding < pl.col("current")))
        | ((pl.col("target") == "price") & (pl.col("q_975") > pl.col("current") * rounding))
    ).height
    return dg.AssetCheckResult(
        passed=backwards == 0, metadata={"forecasts": ok.height, "backwards": backwards}
    )
