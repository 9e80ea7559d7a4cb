"""Incompressible Knowledge Probes: a list of models whose score is the mean of seven tiers."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources.links import Known, resolve
from densing_pipeline.score_sources.parsed import ParsedReports
from densing_pipeline.score_sources.sources import SOURCES

IKP = SOURCES["ikp"]


def model(name: str = "lab-7b", **changes: Any) -> dict[str, Any]:
    """An entry of the summary: three of ten right in every tier."""
    tiers = {
        f"T{tier}": {"total": 10, "correct": 3, "wrong": 5, "refusal": 2} for tier in range(1, 8)
    }
    return {
        "model": name, "vendor": "lab", "accuracy": 0.3, "raw_accuracy": 0.3, "params_B": None,
        "tier_stats": tiers,
    } | changes  # fmt: skip


def read(*entries: Any) -> ParsedReports:
    good = [model(f"good-{n}") for n in range(3)]
    return IKP.read(json.dumps([*good, *entries]).encode(), date(2026, 12, 1))


def only(found: ParsedReports) -> dict[str, Any]:
    return found.reports.filter(model="lab-7b").row(0, named=True)


def test_a_score_has_its_error_and_the_number_of_questions() -> None:
    row = only(read(model()))
    assert (row["score"], row["n_items"]) == (pytest.approx(0.3), 70)
    assert row["std_error"] == pytest.approx((7 * 0.3 * 0.7 / 10) ** 0.5 / 7)
    assert (row["benchmark"], row["protocol"]) == (None, "mean over 7 tiers, no penalty")


def test_the_bundled_copy_has_two_hundred_models() -> None:
    found = IKP.read(IKP.embedded[0].content(), IKP.embedded[0].day)
    assert found.rows == 200
    assert found.remarks == ["1 left out: models not asked the questions of every tier"]


def test_a_model_not_asked_every_tier_is_left_out() -> None:
    tiers = model()["tier_stats"] | {"T7": {"total": 0, "correct": 0}}
    found = read(model(tier_stats=tiers))
    assert found.left_out == {"models not asked the questions of every tier": 1}
    assert found.quarantined.is_empty()


@pytest.mark.parametrize(
    ("entry", "column"),
    [
        (model(accuracy=0.31), "accuracy"),
        (model(accuracy="0.3"), "accuracy"),
        (model(tier_stats={}), "tier_stats T1"),
        (model(tier_stats=None), "tier_stats T1"),
        (model(tier_stats=model()["tier_stats"] | {"T2": {"total": 10, "correct": 11}}), "tier_stats T2"),
        (model(tier_stats=model()["tier_stats"] | {"T2": {"total": 10, "correct": -1}}), "tier_stats T2"),
        (model(model=""), "model"),
        ("lab-7b", "model"),
    ],
)  # fmt: skip
def test_an_entry_that_contradicts_itself_costs_only_itself(entry: Any, column: str) -> None:
    found = read(entry)
    assert found.rows == 3
    assert found.quarantined["column"].to_list() == [column]


@pytest.mark.parametrize(("off", "rows"), [(9e-7, 4), (1.1e-6, 3)])
def test_a_stated_score_may_differ_by_rounding(off: float, rows: int) -> None:
    assert read(model(accuracy=0.3 + off)).rows == rows


@pytest.mark.parametrize("content", [b"{}", b"[]", b"[", b"<html>"])
def test_another_document_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        IKP.read(content, date(2026, 12, 1))


def test_a_name_is_never_a_base_models() -> None:
    """The source calls the instruct model of a family by the family's name."""
    base = facts.load("base_models").select("model_id", source=pl.lit("facts"), is_base=True)
    known = Known.of(base, facts.load("capability_scores"))
    assert resolve("qwen2.5-7b", "alibaba", None, known).model_id == "Qwen/Qwen2.5-7B"
    rows = read(model("qwen2.5-7b", vendor="alibaba")).reports.filter(model="qwen2.5-7b")
    row = rows.row(0, named=True)
    link = resolve(row["model"], row["organisation"], None, known, is_group=row["is_group"])
    assert link.model_id is None
