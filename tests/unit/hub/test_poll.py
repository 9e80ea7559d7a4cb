"""How far back a night reads, and what it looks at again."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.hub import watermark
from densing_pipeline.hub.client import Hub
from densing_pipeline.hub.observations import configs
from densing_pipeline.hub.poll import configs_due, corrected, owners, revisits_due, waiting_due
from densing_pipeline.hub.pretrainers import as_written, known_pretrainers, owner_of
from densing_pipeline.hub.repositories import REPOSITORIES
from densing_pipeline.landing import LandingZone
from densing_pipeline.settings import Settings
from tests.servers.hub import World, serving

NOW = datetime(2026, 6, 30, 2, tzinfo=UTC)


def night(day, outcome="ok"):
    return watermark.Night(
        datetime(2026, 6, day, 2, tzinfo=UTC), date(2026, 6, day), outcome, None, 1, 1, 1, ""
    )


def test_the_first_night_reads_the_first_days():
    assert watermark.since([], NOW, overlap_days=3, first_days=30) == date(2026, 5, 31)


def test_a_night_reads_back_to_the_last_one_that_got_through_and_the_overlap():
    past = [night(20), night(21), night(22, "failed"), night(23, "rejected")]
    assert watermark.since(past, NOW, overlap_days=3, first_days=30) == date(2026, 6, 18)


def test_reports_come_back_as_they_landed(tmp_path):
    zone = LandingZone(tmp_path)
    watermark.land(zone, night(20), "https://hub")
    watermark.land(zone, night(21, "failed"), "https://hub")
    assert watermark.nights(zone) == [night(20), night(21, "failed")]
    assert watermark.table(zone)["outcome"].to_list() == ["ok", "failed"]


def test_each_listing_has_a_watermark_of_its_own():
    past = [
        replace(night(20), complete=("created", "changed")),
        replace(night(21, "partial"), complete=("created",)),
        replace(night(22, "partial"), complete=("changed",)),
        night(23, "partial"),
    ]
    assert watermark.since(past, NOW, overlap_days=3, first_days=30) == date(2026, 6, 18)
    assert watermark.changed_since(past, NOW, overlap_days=3) == date(2026, 6, 21)
    assert watermark.changed_since([night(20)], NOW, overlap_days=3) == date(2026, 6, 27)


@pytest.mark.parametrize(
    ("before", "tonight", "is_odd"),
    [
        ([2500.0] * 7, 1251.0, False),
        ([2500.0] * 7, 1249.0, True),
        ([2500.0] * 7, 9000.0, False),
        ([2500.0] * 4 + [900.0] * 3, 900.0, True),
        ([2500.0] * 3 + [900.0] * 4, 900.0, False),
        ([10.0] * 7, 0.0, False),
        ([None] * 7, 0.0, False),
        ([2500.0] * 7, None, False),
        ([], 0.0, False),
    ],
)
def test_a_night_with_half_of_the_usual_number_is_not_complete(before, tonight, is_odd):
    past = [replace(night(n + 1), new_per_day=number) for n, number in enumerate(before)]
    since = (NOW - timedelta(days=3)).date()
    odd = watermark.implausible(past, tonight, since, NOW)
    assert (odd is not None) == is_odd
    assert not is_odd or "after 2500 on the last nights" in odd


def test_reports_of_earlier_versions_are_read(tmp_path):
    zone = LandingZone(tmp_path)
    watermark.land(zone, night(20), "https://hub")
    receipt = next(zone.receipts(watermark.REPORTS))
    fields = json.loads(zone.read(receipt))
    for added in ("missing", "complete", "new_per_day", "unread"):
        del fields[added]
    zone.store(watermark.REPORTS, "https://hub", json.dumps(fields).encode(), NOW)
    assert watermark.nights(zone) == [night(20), night(20)]


def test_owners_are_spelt_as_the_hub_does():
    seen = found(
        repository("BigLab/Nova"),
        repository("lab/doubtful", is_doubtful=True),
        repository("lab/finetune", is_base=False),
        repository("gonelab/Nova", hub_state="gone"),
    )
    names = owners({"qwen", "biglab", "other"}, ["Qwen/Qwen2-7B", "gpt2"], seen)
    assert names == ["BigLab", "Qwen", "other"]


def test_publishers_are_asked_for_as_the_hub_writes_them():
    written = facts.load("hub_namespaces")
    assert (written["hub_namespace"].str.to_lowercase() == written["namespace"]).all()
    assert as_written("qwen") == "Qwen"
    known = facts.load("base_models")["model_id"]
    named = {name.partition("/")[0] for name in known if owner_of(name) in known_pretrainers()}
    assert {as_written(name.lower()) for name in named} == named


def repository(model_id, **changes):
    revision = "a" * 40
    return {
        "model_id": model_id,
        "name": model_id,
        "revision": revision,
        "is_base": True,
        "is_doubtful": False,
        "hub_state": "present",
        "created_at": NOW - timedelta(days=2),
        "last_seen_at": NOW - timedelta(days=1),
        "config_path": f"/{model_id}/resolve/{revision}/config.json",
    } | changes


def found(*rows):
    return pl.DataFrame([dict.fromkeys(REPOSITORIES) | r for r in rows], schema=REPOSITORIES)


def test_configurations_are_wanted_of_what_may_be_a_base_model_newest_first(tmp_path):
    table = found(
        repository("lab/older", created_at=NOW - timedelta(days=9)),
        repository("lab/newer"),
        repository("lab/finetune", is_base=False),
        repository("lab/doubtful", is_base=False, is_doubtful=True, created_at=NOW),
        repository("lab/gone", hub_state="gone"),
        repository("lab/bundled", is_base=None),
    )
    due = configs_due(table, configs(LandingZone(tmp_path)), NOW)
    assert [name for name, _ in due] == ["lab/doubtful", "lab/newer", "lab/older"]


def test_a_refused_configuration_is_asked_for_again_after_a_week(tmp_path):
    zone = LandingZone(tmp_path)
    url = Hub("https://hub").config_url("lab/gated", "a" * 40)
    zone.store("hub-configs", url, b"", NOW, status=401)
    table = found(repository("lab/gated"))
    assert not configs_due(table, configs(zone), NOW + timedelta(days=7, seconds=-1))
    assert configs_due(table, configs(zone), NOW + timedelta(days=7))
    zone.store("hub-configs", url, b"{}", NOW + timedelta(days=8), status=200)
    assert not configs_due(table, configs(zone), NOW + timedelta(days=99))


def test_those_never_seen_are_looked_at_first_then_those_unseen_for_longest():
    table = found(
        repository("lab/today", last_seen_at=NOW),
        repository("lab/yesterday"),
        repository("lab/long-ago", last_seen_at=NOW - timedelta(days=30)),
        repository("lab/replaced", hub_state="replaced"),
    )
    again = revisits_due(table, ["lab/bundled", "lab/today"], NOW)
    assert again == ["lab/bundled", "lab/long-ago", "lab/yesterday"]


@pytest.mark.parametrize(("unseen", "due"), [(19.9, []), (20, ["lab/model"])])
def test_a_record_is_requested_again_after_twenty_hours(unseen, due):
    table = found(repository("lab/model", last_seen_at=NOW - timedelta(hours=unseen)))
    assert revisits_due(table, [], NOW) == due


def test_an_address_of_the_hub_honours_the_endpoint(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://mirror.example")
    assert Hub().list_url("createdAt", 10).startswith("https://mirror.example/api/models?sort=")
    monkeypatch.setenv("HF_ENDPOINT", "https://other.example")
    assert Settings().hub_endpoint == "https://other.example"


def test_what_claims_to_be_from_the_future_keeps_nothing_new_waiting(tmp_path):
    table = found(
        repository("lab/future", created_at=NOW + timedelta(days=400)),
        repository("lab/undated", created_at=None),
        repository("lab/newer"),
    )
    due = configs_due(table, configs(LandingZone(tmp_path)), NOW)
    assert [name for name, _ in due] == ["lab/newer", "lab/future", "lab/undated"]


@pytest.mark.parametrize(("days", "first"), [(2.0, "lab/ahead"), (2.1, "lab/newer")])
def test_a_clock_may_be_two_days_ahead(tmp_path, days, first):
    table = found(
        repository("lab/ahead", created_at=NOW + timedelta(days=days)), repository("lab/newer")
    )
    assert configs_due(table, configs(LandingZone(tmp_path)), NOW)[0][0] == first


def waiting(model_id, *, first, last, awaits="perhaps"):
    seen = {
        "first_seen_at": NOW - timedelta(days=first),
        "last_seen_at": NOW - timedelta(days=last),
    }
    return repository(model_id, awaits=awaits, **seen)


def test_what_had_no_weights_is_looked_at_again_ever_more_rarely():
    table = found(
        waiting("lab/new", first=1, last=1),
        waiting("lab/today", first=0, last=0),
        waiting("lab/four-days", first=8, last=4),
        waiting("lab/too-soon", first=9, last=4),
        waiting("lab/given-up", first=61, last=30),
        waiting("lab/likely", first=30, last=15, awaits="likely"),
        repository("lab/has-weights"),
    )
    assert waiting_due(table, NOW) == ["lab/likely", "lab/new", "lab/four-days"]
    assert revisits_due(table, [], NOW) == ["lab/has-weights"]


OLD = {"first_seen_at": NOW - timedelta(days=8)}


def test_new_models_are_looked_at_once_for_the_hashes_of_their_weights():
    new = {"first_seen_at": NOW, "last_seen_at": NOW}
    table = found(
        repository("lab/new", **new),
        repository("lab/hashed", blobs="h1", is_hashed=True, **new),
        repository("lab/new-commit", blobs="h1", is_hashed=False, **(new | OLD)),
        repository("lab/finetune", is_base=False, **new),
        repository("lab/never-told", **(new | OLD)),
        repository("lab/long-ago", last_seen_at=NOW - timedelta(days=30)),
    )
    assert revisits_due(table, [], NOW) == ["lab/new-commit", "lab/new", "lab/long-ago"]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (1, ""),
        (1.5, ""),
        (40, "39 days ahead of"),
        (-400, "401 days behind"),
        (-0.5, "1 days behind"),
    ],
)
def test_of_a_clock_that_leaps_the_hubs_time_counts(days, told):
    """The last poll was a day ago; the Hub is asked what time it is only where the clock leaps."""
    simulated = World([], today=NOW + timedelta(days=1))
    last = watermark.Night(NOW, NOW.date(), "ok", None, 1, 1, 1, "")
    ours = NOW + timedelta(days=days)
    with serving(simulated) as endpoint:
        hub = Hub(endpoint)
        clock = corrected(lambda: ours, hub, [last])
    assert clock() == (simulated.today if told else ours)
    assert [remark for remark in hub.remarks if f"clock is {told} the Hub's" in remark] == (
        hub.remarks if told else []
    )
    assert len(simulated.log) == (0 if 0 <= days <= 2 else 1)


def test_a_gap_of_missed_nights_is_no_fault_of_the_clock():
    ours = NOW + timedelta(days=5)
    last = watermark.Night(NOW, NOW.date(), "ok", None, 1, 1, 1, "")
    with serving(World([], today=ours)) as endpoint:
        hub = Hub(endpoint)
        assert corrected(lambda: ours, hub, [last])() == ours
    assert hub.remarks == []
