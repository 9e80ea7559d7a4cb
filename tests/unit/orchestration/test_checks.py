"""What the checks warn of."""

# Dagster says of the result of a check that it is an object.
# mypy: disable-error-code="attr-defined"

from datetime import UTC, date, datetime, timedelta

import polars as pl

from densing_pipeline import facts
from densing_pipeline.evaluation.estimates import NEWEST_RUNS
from densing_pipeline.headline import GROWTH_HEADLINE
from densing_pipeline.hub.client import TOKEN_REFUSED
from densing_pipeline.orchestration.checks import (
    anchors_found,
    estimates_hold,
    floor_moved,
    hub_token_accepted,
    measured_ladders_rule,
    measured_like_reported,
    one_headline,
    overrides_name_models,
    sources_fresh,
)
from densing_pipeline.polling.landed import UNCHANGED_FOR
from densing_pipeline.tables.published import (
    EVALUATION_COSTS,
    EVALUATIONS,
    HUB_NIGHTS,
    MODELS,
    OWN_RULERS,
    PRICE_FRONTIER,
    PRICES,
    SCORE_GAPS,
    SOURCE_HEALTH,
)
from densing_pipeline.trends.growth_rows import (
    Made,
    Sample,
    Subject,
    density_growth,
    refused,
    stated,
)

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


def test_a_token_that_the_hub_refused_on_the_last_night_is_told():
    def night(days_ago, message):
        asked = {"since": TODAY, "list_requests": 1, "requests": 1, "rows": 1}
        polled_at = NOON - timedelta(days=days_ago)
        return {"polled_at": polled_at, "outcome": "ok", "message": message, **asked}

    refused = night(0, f"{TOKEN_REFUSED}; publishers without repositories: a")
    told = hub_token_accepted(HUB_NIGHTS.cast(pl.DataFrame([refused, night(1, None)])))
    assert not told.passed
    assert "renew HF_TOKEN" in told.metadata["the Hub"].value
    renewed = [night(0, None), night(1, TOKEN_REFUSED)]
    nights = HUB_NIGHTS.cast(pl.DataFrame(renewed))
    assert hub_token_accepted(nights).passed
    assert hub_token_accepted(nights.clear()).passed


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


def test_a_list_that_stays_the_same_for_weeks_while_others_change_is_reported():
    same = {"message": f"the same; {UNCHANGED_FOR} 20 days"}
    stuck = poll("unchanged", source="litellm") | same
    moving, still = poll("ok"), poll("unchanged")
    assert set(sources_fresh(health(stuck, moving)).metadata) == {"litellm"}
    assert sources_fresh(health(stuck, still)).passed, "nobody publishes anything"
    resting = poll("unchanged", source="ikp") | same
    assert sources_fresh(health(resting, moving)).passed, "a score source may rest for months"
    assert sources_fresh(health(stuck, still, poll("ok", source="ikp"))).passed


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


def test_a_large_gap_between_measured_and_reported_is_reported_with_its_interval():
    def gaps(gap, is_large):
        row = {
            "model_id": "lab/model", "benchmark": "MMLU", "measured": 0.5 + gap, "reported": 0.5,
            "gap": gap, "low": gap - 0.01, "high": gap + 0.01, "is_large": is_large,
            "source": "blog", "protocol": "5-shot",
        }  # fmt: skip
        return SCORE_GAPS.cast(pl.DataFrame([row]))

    assert measured_like_reported(gaps(0.02, False)).passed
    assert measured_like_reported(SCORE_GAPS.empty()).passed
    result = measured_like_reported(gaps(-0.05, True))
    assert not result.passed
    assert "gap -0.050 (-0.060 to -0.040)" in result.metadata["lab/model, MMLU, blog"].value


def test_a_ladder_that_was_measured_to_no_avail_is_reported_and_an_unmeasured_one_is_not():
    def ladder(measured, verdict):
        row = {
            "reference_id": "own-ours-v1", "benchmark": "MMLU", "ladder": "ours",
            "suite_version": "v1", "n_rungs": 9, "n_measured": measured, "n_points": measured,
            "n_score_points": 0, "verdict": verdict, "reason": "why",
        }  # fmt: skip
        return OWN_RULERS.cast(pl.DataFrame([row]))

    assert measured_ladders_rule(ladder(0, "insufficient")).passed
    assert measured_ladders_rule(ladder(9, "ok")).passed
    assert not measured_ladders_rule(ladder(9, "insufficient")).passed


def test_a_decision_about_a_model_nobody_knows_is_told():
    named = facts.load("evaluation_overrides")["model_id"]
    lost = overrides_name_models(MODELS.empty())
    assert not lost.passed
    assert named[0] in lost.description
    known = MODELS.empty().select("model_id").vstack(pl.DataFrame({"model_id": named}))
    assert overrides_name_models(known).passed


def test_models_that_took_other_than_estimated_are_told():
    def costs(*ratios):
        rows = [
            {
                "model_id": f"lab/m{n}",
                "benchmark": None,
                "estimated_gpu_hours": 0.5,
                "hours_per_estimate": ratio,
            }
            for n, ratio in enumerate(ratios)
        ]
        shares = [{"model_id": "lab/m0", "benchmark": "MMLU", "hours_per_estimate": 99.0}] * 9
        done = [
            {"model_id": row["model_id"], "finished_at": datetime(2026, 1, 1 + n // 24, n % 24, tzinfo=UTC)}
            for n, row in enumerate(rows)
        ]  # fmt: skip
        return (
            pl.DataFrame([*rows, *shares], EVALUATION_COSTS.polars_schema),
            pl.DataFrame(done, EVALUATIONS.polars_schema),
        )

    assert estimates_hold(*costs()).passed
    assert estimates_hold(*costs(9.0, 1.0)).passed, "too few to tell"
    held = estimates_hold(*costs(3.0, 3.0, 3.0, 3.0, 4.0))
    assert held.passed
    assert round(held.metadata["factor"].value, 9) == 3
    off = estimates_hold(*costs(3.0, 3.0, 3.0, 3.0, 9.0))
    assert not off.passed
    assert "lab/m4 3 times" in off.description
    other_gpus = estimates_hold(*costs(9.0, *[3.0] * 70, *[1.0] * NEWEST_RUNS))
    assert other_gpus.passed
    assert round(other_gpus.metadata["factor"].value, 9) == 1


def test_a_headline_without_an_estimate_is_reported():
    subject, made = Subject(**GROWTH_HEADLINE._asdict()), Made(TODAY, 100, 0)
    sample = Sample(3, 3, date(2024, 1, 1), date(2026, 1, 1), "lab/Able")
    assert one_headline(density_growth([stated(subject, made, 1.9, "stated", sample)])).passed
    assert not one_headline(density_growth([refused(subject, sample, made, "too few")])).passed
    other = subject._replace(params_basis="active")
    assert not one_headline(density_growth([stated(other, made, 1.9, "stated", sample)])).passed
