"""A short table for each common question, made from the wide ones: `headline`, `price_now`, `smallest_model`, `waiting`.

Whoever asks one of these need not know by which columns to filter the tables of all series. A value that is
empty has its `reason`. Not here: the densest models (`density.leaders`), and the sentences (`answers`).
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES, Answer, current_row
from densing_pipeline.tables.published import HEADLINE_TABLE, PRICE_NOW, SMALLEST_MODEL, WAITING
from densing_pipeline.tables.width import width_of
from densing_pipeline.units import GIB

SCORE_LEVELS = (0.5, 0.6, 0.7, 0.8)
"""Scores on MMLU whose smallest model is followed."""

HALF_PRECISION_BYTES = 2.0
FOUR_BIT_BYTES = 0.5
"""Bytes of a parameter in two number formats, of the weights alone."""

FINISHED = ("done",)
"""States of the queue of models that wait for nothing."""


def headline(given: tuple[Answer, ...]) -> pl.DataFrame:
    """The numbers of the answers, one row each, in the order in which they are told.

    Args:
        given: the answers of a release (`answers.answers`).

    Returns:
        A `headline` frame.
    """
    rows = [
        {
            "question": answer.topic,
            "position": place,
            "series": one.series,
            "verdict": one.verdict,
            "months": one.months,
            "months_low": one.low,
            "months_high": one.high,
            "growth_per_year": one.growth,
            "growth_low": one.growth_low,
            "growth_high": one.growth_high,
            "n": one.n,
            "until": one.until,
            "as_of": answer.as_of,
            "sentence": answer.sentence,
            "reason": one.reason or None,
        }
        for answer in given
        for place, one in enumerate(answer.estimates, start=1)
    ]
    if not rows:
        return HEADLINE_TABLE.empty()
    frame = pl.DataFrame(rows, infer_schema_length=None)
    is_open = pl.col("months").is_not_null() & pl.col("months_high").is_null()
    said = [
        pl.col("reason"),
        pl.when(is_open).then(pl.lit("the interval has no upper end")),
        pl.when(pl.col("growth_per_year").is_null()).then(
            pl.lit("the growth a year is estimated of rulers alone")
        ),
    ]
    is_estimated = ~(pl.col("months_low").is_null() & pl.col("months_high").is_null())
    return HEADLINE_TABLE.cast(
        frame.with_columns(
            reason=pl.concat_str(said, separator="; ", ignore_nulls=True),
            width=width_of("months_low", "months_high", is_estimated),
        )
    )


def price_now(
    price_frontier: pl.DataFrame,
    price_records: pl.DataFrame,
    capability_levels: pl.DataFrame,
    model_links: pl.DataFrame,
) -> pl.DataFrame:
    """The cheapest offer of each level today, at the quoted blend of input and output.

    Args:
        price_frontier: the published table.
        price_records: the published table.
        capability_levels: the published table.
        model_links: the published table.

    Returns:
        A `price_now` frame: one row a level, without a price where nothing that reaches it is on offer.
    """
    now = (
        price_frontier.filter(curve="cheapest_now", blend_input_share=HEADLINE_BLEND)
        .sort("level", "date")
        .group_by("level", maintain_order=True)
        .last()
        .select(
            "level", "usd_per_mtok", "provider", "model", "source", "basis",
            since="date", since_earliest="date_earliest",
        )
    )  # fmt: skip
    record = price_records.filter(blend_input_share=HEADLINE_BLEND).select(
        "level",
        "above_record",
        "as_of",
        record_usd_per_mtok="usd_per_mtok",
        record_date="record_date",
    )
    links = model_links.select("source", "provider", "model", "canonical_id")
    whole = (
        capability_levels.select("level", "level_scale")
        .unique(maintain_order=True)
        .join(now, on="level", how="left", maintain_order="left")
        .join(record, on="level", how="left", maintain_order="left")
        .join(links, on=["source", "provider", "model"], how="left", maintain_order="left")
    )
    has_price = pl.col("usd_per_mtok").is_not_null()
    reasons = [
        pl.when(pl.col("level_scale").is_null()).then(
            pl.lit("the scale of the level is not stated")
        ),
        pl.when(~has_price).then(pl.lit("no model that reaches the level is on offer in any list")),
        pl.when(has_price & pl.col("since_earliest").is_null()).then(
            pl.lit("the list does not say since when")
        ),
        pl.when(has_price & pl.col("record_date").is_null()).then(
            pl.lit("the level has no record low of a known day")
        ),
        pl.when(has_price & pl.col("canonical_id").is_null()).then(
            pl.lit("no rule links the name of the offer to a model")
        ),
    ]
    return PRICE_NOW.cast(
        whole.with_columns(
            blend_input_share=pl.lit(HEADLINE_BLEND),
            reason=pl.concat_str(reasons, separator="; ", ignore_nulls=True).replace("", None),
        )
    )


def smallest_model(
    densities: pl.DataFrame, models: pl.DataFrame, densing_law: pl.DataFrame
) -> pl.DataFrame:
    """The smallest open model seen so far to reach each score on MMLU, by total and by active parameters.

    `half_on` is the day on which half the size may reach the same score: the model's day of release and one
    doubling time of density, of models with open weights where it is estimated. It is the trend's, not a promise: what came
    is in the rows of later releases.

    Args:
        densities: the published table.
        models: the published table.
        densing_law: the published table.

    Returns:
        A `smallest_model` frame, one row a score and basis.
    """
    reached = densities.filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("weights").ne_missing("not-published"),
        pl.col("score").is_not_null(),
    )
    totals = models.select("model_id", "params_total", "canonical_id").unique(
        "model_id", keep="first"
    )
    rows = [
        _smallest(reached, totals, densing_law, score, basis)
        for score in SCORE_LEVELS
        for basis in CURRENT_BASES
    ]
    return SMALLEST_MODEL.cast(pl.DataFrame(rows, schema_overrides=SMALLEST_MODEL.polars_schema))


def _smallest(
    reached: pl.DataFrame, totals: pl.DataFrame, law: pl.DataFrame, score: float, basis: str
) -> dict[str, Any]:
    found = (
        reached.filter(pl.col("score") >= score, params_basis=basis)
        .sort("params", "release_date", "model_id")
        .head(1)
        .join(totals, on="model_id", how="left")
        .to_dicts()
    )
    row: dict[str, Any] = dict.fromkeys(SMALLEST_MODEL.names)
    row |= {"benchmark": "MMLU", "level_score": score, "params_basis": basis}
    if not found:
        return row | {"reason": "no open model with a published size is known to reach the score"}
    model = found[0]
    row |= {name: model[name] for name in ("model_id", "canonical_id", "release_date", "score")}
    row["params"], total = round(model["params"]), model["params_total"]
    if total:
        row["memory_gib_16_bit"] = total * HALF_PRECISION_BYTES / GIB
        row["memory_gib_4_bit"] = total * FOUR_BIT_BYTES / GIB
    pace, whose = _pace(law, basis)
    halves = dict(_half(model["release_date"], pace))
    reasons = [
        None if total else "its total size is not known, so neither is its memory",
        None if model["canonical_id"] else "no repository of its own is known",
        None if halves else f"no doubling time is estimated: {whose}",
        "the doubling time has no upper end" if halves and not halves["half_latest"] else None,
    ]
    said = "; ".join(filter(None, reasons))
    return row | halves | {"pace_of": whose if halves else None, "reason": said or None}


def _pace(law: pl.DataFrame, basis: str) -> tuple[Mapping[str, Any], str]:
    """The quoted doubling time of a basis: of open weights, otherwise of all; and whose it is."""
    rows = {whose: current_row(law, basis, whose) for whose in ("open-weights", "all")}
    for whose, row in rows.items():
        if row.get("verdict") == "ok" and row.get("doubling_days"):
            return row, whose
    return {}, str(rows["all"].get("reason", "there is no such series"))


def _half(since: date, pace: Mapping[str, Any]) -> Iterator[tuple[str, date | None]]:
    """The day of half the size, with the ends of its interval."""
    ends = {"half_on": "", "half_earliest": "_low", "half_latest": "_high"}
    for name, end in ends.items():
        if pace:
            days = pace[f"doubling_days{end}"]
            is_far = days is None or days > LONGEST_TOLD_DAYS
            yield name, None if is_far else since + timedelta(days=round(days))


LONGEST_TOLD_DAYS = 20_000
"""Doubling time beyond which a day is not told: an upper end that long is as good as none."""


def waiting(
    evaluation_queue: pl.DataFrame, models: pl.DataFrame, densities: pl.DataFrame
) -> pl.DataFrame:
    """The models that are not evaluated, and why.

    Args:
        evaluation_queue: the published table.
        models: the published table.
        densities: the published table.

    Returns:
        A `waiting` frame, those that are next first.
    """
    known = models.select("model_id", "family", "release_date", "params_total").unique(
        "model_id", keep="first"
    )
    reported = densities.filter(pl.col("density").is_not_null())["model_id"].unique().implode()
    rows = evaluation_queue.filter(~pl.col("state").is_in(FINISHED)).select(
        "model_id", "revision", "state", "reason", "priority", "estimated_gpu_hours", "memory_gib"
    )
    why = {
        "revision": "bundled facts name no commit",
        "family": "the table of models does not have it",
        "params_total": "the total size is not known",
        "release_date": "the day of release is not known",
        "memory_gib": "the memory it needs is not known",
        "estimated_gpu_hours": "its hours are not estimated",
    }
    said = [pl.when(pl.col(name).is_null()).then(pl.lit(text)) for name, text in why.items()]
    return WAITING.cast(
        rows.join(known, on="model_id", how="left", maintain_order="left").with_columns(
            has_reported_density=pl.col("model_id").is_in(reported),
            empty_because=pl.concat_str(said, separator="; ", ignore_nulls=True).replace("", None),
        )
    )
