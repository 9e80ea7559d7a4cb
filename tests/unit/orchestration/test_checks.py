"""What the checks warn of."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from densing_pipeline import facts
from densing_pipeline.orchestration.checks import (
    anchors_found,
    floor_moved,
    overrides_name_models,
    sources_fresh,
)
from densing_pipeline.tables.published import MODELS, PRICE_FRONTIER, PRICES, SOURCE_HEALTH

TODAY = date(2026, 11, 1)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def poll(outcome, days_ago=0, stale_hours=1.0, source="openrouter"):
    return {
        "source": source,
        "polled_at": NOON - timedelta(days=days_ago),
        "outcome": outcome,
        "stale_hours": stale_hours,
        "message": "-",
    }


def health(*polls):
    return SOURCE_HEALTH.cast(pl.DataFrame(list(polls)))


def test_a_source_whose_newest_list_was_taken_is_fresh():
    assert sources_fresh(health(poll("failed", days_ago=1), poll("ok"))).passed


def test_a_failed_a_rejected_and_an_old_list_are_reported():
    result = sources_fresh(
        health(
            poll("failed", source="a"),
            poll("rejected", source="b"),
            poll("ok", stale_hours=100, source="c"),
            poll("embedded", stale_hours=9e4, source="d"),
        )
    )
    assert not result.passed
    assert set(result.metadata) == {"a", "b", "c"}


def frontier(*changes):
    rows = [
        {
            "level": "gpt-4",
            "blend_input_share": 0.75,
            "curve": "cheapest_now",
            "date": TODAY - timedelta(days=days_ago),
            "usd_per_mtok": price,
            "provider": "p",
            "model": "m",
        }
        for days_ago, price in changes
    ]
    return PRICE_FRONTIER.cast(pl.DataFrame(rows, infer_schema_length=None))


def seen_today():
    row = {
        "source": "s",
        "provider": "p",
        "model": "m",
        "offer": "standard",
        "context_over_tokens": 0,
        "currency": "USD",
        "observed_from": TODAY - timedelta(days=300),
        "last_seen": TODAY,
        "basis": "undated",
        "snapshot_sha256": "0",
    }
    return PRICES.cast(pl.DataFrame([row]))


def test_a_floor_that_fell_to_half_of_late_is_reported_and_an_old_fall_is_not():
    prices = seen_today()
    assert not floor_moved(frontier((200, 1.0), (20, 0.4)), prices).passed
    assert not floor_moved(frontier((200, 1.0), (20, None)), prices).passed
    assert floor_moved(frontier((200, 1.0), (90, 0.4)), prices).passed
    assert floor_moved(frontier((200, 1.0), (20, 0.9)), prices).passed


def test_lost_anchors_are_named():
    result = anchors_found(seen_today())
    assert not result.passed
    assert "text-davinci-003" in result.metadata["missing"].value


def test_a_decision_about_a_model_nobody_knows_is_told():
    named = facts.load("evaluation_overrides")["model_id"]
    lost = overrides_name_models(MODELS.empty())
    assert not lost.passed
    assert named[0] in lost.description
    known = MODELS.empty().select("model_id").vstack(pl.DataFrame({"model_id": named}))
    assert overrides_name_models(known).passed
