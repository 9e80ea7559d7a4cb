"""What the Hub said is read once, however many nights came before, and the cache of it can be lost."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from densing_pipeline.hub import observations as cached
from densing_pipeline.hub.observations import INFOS, PAGES, observations, read_keys, remembered
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.maintenance import PACKED_AFTER
from tests.servers.hub import base_model

FIRST = datetime(2026, 3, 20, 2, tzinfo=UTC)
HUB = "http://hub/api/models"
A_NIGHT = 3
"""Answers that land on a night: a page of a listing, and two records of models."""


def record(number, day):
    """The record of a model, which is another one every fourth night."""
    made = base_model(f"lab{number % 5}/Nova-{number}", FIRST - timedelta(days=number))
    return made.record | {"lastModified": (FIRST + timedelta(days=day // 4)).isoformat()}


def land(zone, day):
    """What one night lands: a new model in a listing, a known one, and a model that is gone."""
    at = FIRST + timedelta(days=day)
    page = [record(day, day), {"id": "any/thing"}, "no record"]
    zone.store(PAGES, f"{HUB}?limit=3", json.dumps(page).encode(), at, status=200)
    known = record(day % 3, day)
    content = json.dumps(known).encode()
    zone.store(INFOS, f"{HUB}/{known['id']}", content, at + timedelta(seconds=1), status=200)
    zone.store(INFOS, f"{HUB}/lab0/Gone-{day}", b"", at + timedelta(seconds=2), status=404)


def nights(zone, cache, first, last):
    """Nights that land and read, each with maintenance after it."""
    for day in range(first, last):
        land(zone, day)
        seen = observations(zone, cache)
        zone.pack(FIRST + timedelta(days=day) - PACKED_AFTER)
    return seen


@pytest.fixture
def zone(tmp_path):
    return LandingZone(tmp_path / "landing")


def anew(zone, tmp_path):
    """All that landed, read without a cache."""
    folder = tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}"
    return observations(zone, folder), read_keys(zone, folder)


def read_again(zone, cache):
    """What of the cache is used by a night: observations, keys and the records of all models."""
    seen = observations(zone, cache)
    models = seen.filter(pl.col("record_id").is_not_null())
    packed = remembered(zone, cache, models)
    assert packed.keys() == set(models["record_id"])
    return seen, read_keys(zone, cache)


def same(found, expected):
    assert found[0].equals(expected[0])
    assert found[1] == expected[1]


def test_nights_one_by_one_give_what_all_at_once_gives(zone, tmp_path):
    cache = tmp_path / "cache"
    seen = nights(zone, cache, 0, 50)
    fresh, keys = anew(zone, tmp_path)
    assert seen.equals(fresh)
    assert read_keys(zone, cache) == keys
    is_gone = pl.col("hub_state") == "gone"
    assert seen.filter(is_gone)["observed_at"].is_sorted()
    assert len(keys) == 52, "50 new models, and two that are none"
    assert set(seen["hub_state"]) == {"present", "gone", None}


def worked(monkeypatch, zone, cache, nights_before):
    """How much is done by the night after so many: receipts and responses read, and files of months."""
    nights(zone, cache, 0, nights_before)
    land(zone, nights_before)
    done = Counter[str]()

    def counting(name, do):
        def counted(*given, **named):
            done[name] += 1
            return do(*given, **named)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(LandingZone, "receipt", counting("receipts", LandingZone.receipt))
        patch.setattr(LandingZone, "read", counting("answers", LandingZone.read))
        patch.setattr(cached, "_distilled", counting("cached", cached._distilled))
        patch.setattr(cached, "_kept", counting("months", cached._kept))
        for _ in range(4):
            observations(zone, cache)
        read_keys(zone, cache)
    return done


def test_a_night_reads_no_more_after_a_hundred_nights_than_after_ten(monkeypatch, tmp_path):
    few, many = (
        worked(monkeypatch, LandingZone(tmp_path / f"{n}"), tmp_path / f"cache-{n}", n)
        for n in (10, 100)
    )
    assert few["receipts"] == many["receipts"] == A_NIGHT
    assert few["answers"] == many["answers"] == A_NIGHT
    assert few["cached"] == many["cached"] == A_NIGHT
    looks, sources = 5, 2
    assert (few["months"], many["months"]) == (looks * sources, looks * sources * 4)


def test_an_answer_that_comes_under_an_earlier_time_is_read_too(zone, tmp_path):
    cache = tmp_path / "cache"
    nights(zone, cache, 0, 20)
    at = FIRST + timedelta(days=1, seconds=5)
    late = json.dumps(record(77, 0)).encode()
    zone.store(INFOS, f"{HUB}/lab2/Nova-77", late, at, status=200)
    same(read_again(zone, cache), anew(zone, tmp_path))
    assert "lab2/Nova-77" in set(observations(zone, cache)["model_id"])


@pytest.mark.parametrize("is_edited", [False, True])
def test_what_a_receipt_said_goes_with_it(zone, tmp_path, is_edited):
    cache = tmp_path / "cache"
    nights(zone, cache, 0, 5)
    *_, last = zone.receipt_files(INFOS)
    if is_edited:
        last.write_text(last.read_text().replace("Gone-4", "Gone-5"))
    else:
        last.unlink()
    same(read_again(zone, cache), anew(zone, tmp_path))
    assert "lab0/Gone-4" not in set(observations(zone, cache)["model_id"])


@pytest.mark.parametrize("kind", ["months/**/*.parquet", "*/*.parquet"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_files_of_the_cache_that_are_gone_or_damaged_are_made_again(zone, tmp_path, kind, is_cut):
    cache = tmp_path / "cache"
    nights(zone, cache, 0, 12)
    expected = read_again(zone, cache)
    lost = sorted(cache.rglob(kind) if "**" in kind else cache.glob(kind))
    assert lost
    for path in lost:
        if is_cut:
            path.write_bytes(path.read_bytes()[:-20])
        else:
            path.unlink()
    same(read_again(zone, cache), expected)
    land(zone, 12)
    same(read_again(zone, cache), anew(zone, tmp_path))


def test_of_a_month_there_is_one_file(zone, tmp_path):
    cache = tmp_path / "cache"
    nights(zone, cache, 0, 14)
    kept = sorted(path.name[:7] for path in cache.glob(f"*/months/{INFOS}/*"))
    assert kept == ["2026-03", "2026-04"]
