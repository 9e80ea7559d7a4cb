"""Statistical checks: facts about the results that must hold, or that somebody should look at.

A blocking check guards a number that is known (the paper's own); the others warn.
"""

import dagster as dg
import polars as pl

PAPER_DOUBLING_DAYS = 106.2
PAPER_PRICE_FOLD = 20 / 0.075
HIGHEST_PLAUSIBLE_PRICE = 1000.0
"""USD per million tokens; dearer entries in price lists have been unit errors."""


def statistical_checks() -> list[dg.AssetChecksDefinition]:
    """All checks that look at values rather than at types."""
    return [paper_is_reproduced, one_headline, most_scores_invert, paper_prices, plausible_frontier]


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
