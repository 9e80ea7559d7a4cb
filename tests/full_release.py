"""Tables of a small release that has something to tell in every chart, with names that a page must escape."""

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from densing_pipeline.headline import HEADLINE
from densing_pipeline.tables.published import PUBLISHED

HOSTILE = "<script><img src=x onerror=alert(1)>"
"""A name that a publisher may choose."""

Tables = Mapping[str, pl.DataFrame]


def full_release(tables: Tables) -> dict[str, pl.DataFrame]:
    """A release with 40 models whose density doubles yearly, two price levels, and one row of each other table.

    Args:
        tables: every published table with one valid row.
    """
    made = dict(tables)
    for build in (_densities, _law, _growth, _sensitivity, _prices, _forecasts, _compression, _gap):
        made |= build(tables)
    return {name: PUBLISHED[name].cast(frame) for name, frame in made.items()}


def _repeated(frame: pl.DataFrame, **columns: list[object]) -> pl.DataFrame:
    """The first row once for every value of the columns, with these values."""
    count = len(next(iter(columns.values())))
    schema = {name: frame.schema[name] for name in columns}
    return pl.concat([frame.head(1)] * count).with_columns(
        pl.Series(name, values, dtype=schema[name]) for name, values in columns.items()
    )


def _densities(tables: Tables) -> dict[str, pl.DataFrame]:
    days = [date(2023, 1, 1) + timedelta(days=30 * step) for step in range(40)]
    names = [f"org/model-{step}" for step in range(39)] + [f"org/{HOSTILE}"]
    parts = [
        _repeated(
            tables["densities"],
            model_id=names, release_date=days, reference_id=["nmi-2025"] * 40, score_set=["mmlu"] * 40,
            params_basis=[basis] * 40, params=[8e9 / (1 + step / 10) for step in range(40)],
            density=[0.5 * 2 ** (step * 30 / 365.25) for step in range(40)],
            score=[0.5 + step / 100 for step in range(40)], is_record=[True] * 40,
            weights=["not-published" if step == 7 else "published" for step in range(40)],
        )
        for basis in ("total", "active")
    ]  # fmt: skip
    return {"densities": pl.concat(parts)}


def _law(tables: Tables) -> dict[str, pl.DataFrame]:
    slope = 0.6931471805599453 / 365.25
    series = {
        "reference_id": ["nmi-2025"] * 2, "score_set": ["mmlu"] * 2, "params_basis": ["total", "active"],
        "population": ["all"] * 2, "verdict": ["ok"] * 2,
    }  # fmt: skip
    rates = {"slope_per_day": [slope] * 2, "slope_low": [slope / 2] * 2, "slope_high": [slope * 2] * 2,
             "doubling_days": [365.25] * 2, "doubling_days_low": [182.625] * 2,
             "doubling_days_high": [730.5] * 2}  # fmt: skip
    law = _repeated(
        tables["densing_law"], **series, **rates, window=["all"] * 2, estimator=["quantile-0.9"] * 2,
        intercept=[-0.5] * 2, is_headline=[False] * 2, as_of=[date(2026, 4, 1)] * 2, n_models=[40] * 2,
    )  # fmt: skip
    paces = _repeated(
        tables["density_paces"], **series, **rates, estimator=["quantile-0.9"] * 2,
        growth_curve=["line"] * 2,
    )  # fmt: skip
    law = law.with_columns(estimate_id=pl.Series(["by total", "by active"]))
    return {"densing_law": law, "density_paces": paces}


def _growth(tables: Tables) -> dict[str, pl.DataFrame]:
    growth = _repeated(
        tables["density_growth"], ruler=["nmi-2025"] * 2, group=["knowledge", "code"],
        population=["base"] * 2, params_basis=["total", "active"], estimator=["quantile-0.9"] * 2,
        window=["all"] * 2, verdict=["ok"] * 2, growth_per_year=[0.7, 0.1], growth_low=[0.3, -0.2],
        growth_high=[1.1, 0.4],
    )  # fmt: skip
    return {"density_growth": growth}


def _sensitivity(tables: Tables) -> dict[str, pl.DataFrame]:
    slopes = [0.001, 0.002, 0.004]
    rows = _repeated(
        tables["sensitivity"], slope_per_day=slopes, verdict=["ok"] * 3,
        is_headline=[True, False, False], reference_id=["nmi-2025", "nmi-2025", "olmo-ladder"],
        weight=[1.0] * 3, doubling_days=[693.1, 346.6, 173.3], window=["all", "nmi-2025", "last-24-months"],
    )  # fmt: skip
    return {"sensitivity": rows}


def _prices(tables: Tables) -> dict[str, pl.DataFrame]:
    frontier = _repeated(
        tables["price_frontier"],
        level=["gpt-3.5"] * 3 + ["gpt-4"] * 2, blend_input_share=[0.75] * 5, curve=["cheapest_ever"] * 5,
        date=[date(2023, 1, 1), date(2024, 1, 1), date(2025, 1, 1), date(2023, 6, 1), date(2025, 6, 1)],
        usd_per_mtok=[20.0, 2.0, 0.02, 38.0, 4.0], model=["a/b", "a/c", f"a/{HOSTILE}", "x/y", "x/z"],
    )  # fmt: skip
    causes = _repeated(
        tables["price_decomposition"], level=["gpt-3.5"], blend_input_share=[0.75], period=["all"],
        n_changes=[2], log_change=[-6.9], entry_of_models=[-4.6], entry_of_providers=[0.0],
        repricing=[-2.3], exit=[0.0], undated_log_change=[0.0],
    )  # fmt: skip
    index = _repeated(
        tables["price_index"], blend_input_share=[0.75] * 2, month=[date(2024, 1, 1), date(2025, 1, 1)],
        index=[100.0, 10.0], low=[100.0, 5.0], high=[100.0, 20.0], verdict=["ok"] * 2, n_offers=[9] * 2,
    )  # fmt: skip
    halving = _repeated(
        tables["price_halving"], level=["gpt-3.5", "gpt-4"], blend_input_share=[0.75] * 2,
        curve=["cheapest_ever"] * 2, is_headline=[True] * 2, verdict=["ok"] * 2,
        halving_months=[3.0, 5.0], low=[2.0, 3.0], high=[5.0, 9.0], as_of=[date(2026, 4, 1)] * 2,
    )  # fmt: skip
    return {"price_frontier": frontier, "price_decomposition": causes, "price_index": index,
            "price_halving": halving}  # fmt: skip


def _forecasts(tables: Tables) -> dict[str, pl.DataFrame]:
    key = {
        "target": ["density"] * 4 + ["price"] * 2,
        "series": ["/".join(HEADLINE[:3])] * 4 + [f"{HOSTILE}/0.75"] * 2, "horizon_months": [6] * 6,
        "made_on": [date(2023, 6, 1), date(2024, 6, 1)] * 3,
        "method": ["trend"] * 2 + ["no-change"] * 2 + ["trend"] * 2,
        "target_date": [date(2023, 12, 1), date(2024, 12, 1)] * 3, "origin": ["backtest"] * 6,
        "verdict": ["ok"] * 6,
    }  # fmt: skip
    middle = [1.0, 2.0, 0.9, 0.9, 0.5, 0.2]
    forecasts = _repeated(
        tables["forecasts"], **key, median=middle, low=[value / 2 for value in middle],
        q_10=[value / 1.5 for value in middle], q_90=[value * 1.5 for value in middle],
        high=[value * 2 for value in middle], current=[0.9, 1.1, 0.9, 1.1, 0.6, 0.5],
    )  # fmt: skip
    scored = _repeated(
        tables["forecast_scores"], **key, outcome=[1.1, None] * 2 + [0.5, None],
        covered=[True, None, False, None, True, None],
    )  # fmt: skip
    return {"forecasts": forecasts, "forecast_scores": scored}


def _compression(tables: Tables) -> dict[str, pl.DataFrame]:
    pairs = _repeated(
        tables["compression"], parent_id=["org/big", "org/big"], child_id=["org/small", f"org/{HOSTILE}"],
        method=["pruned", "distilled"], reference_id=["nmi-2025"] * 2, score_set=["mmlu"] * 2,
        params_basis=["total"] * 2, log_ratio=[-0.7, 0.2], low=[-1.0, -0.1], high=[-0.4, 0.5],
        finding=["less dense", "not told apart"],
    )  # fmt: skip
    return {"compression": pairs}


def _gap(tables: Tables) -> dict[str, pl.DataFrame]:
    """Two models that fresh text tells apart from others, and one with a hostile name that it does not."""
    gap = _repeated(
        tables["benchmark_gap"], model_id=["org/on-tests", "org/on-text", f"org/{HOSTILE}"],
        reference_id=["nmi-2025"] * 3, score_set=["mmlu"] * 3, text_density=[0.5, 0.8, 1.9],
        benchmark_density=[2.0, 0.25, 0.7], log_ratio=[1.386, -1.386, 0.0], excess=[1.4, -1.4, 0.0],
        excess_low=[1.0, -1.8, -0.3], excess_high=[1.8, -1.0, 0.3], verdict=["ok"] * 3,
        finding=["denser on tests", "denser on fresh text", "not told apart"],
    )  # fmt: skip
    return {"benchmark_gap": gap}
