"""The history is a function of what has landed, however the work was cut up or cut off."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import polars as pl
import pytest

from densing_pipeline import files as writing
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.prices import history as histories_module
from densing_pipeline.prices.backfill import BackfillError, find, land, passed_over
from densing_pipeline.prices.history import (
    Snapshot,
    code_digest,
    histories,
    history,
    landed,
    update,
    update_all,
)
from densing_pipeline.prices.snapshots import poll_reports, report_failures, store_report
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.store import Store
from densing_pipeline.tables.published import PRICES

pytestmark = pytest.mark.heavy

START = date(2025, 1, 1)


class Killed(BaseException):
    """The process is gone."""


def response(prices):
    """An OpenRouter response with these prices per token by model."""
    models = [
        {"id": name, "pricing": {"prompt": price, "completion": price}}
        for name, price in sorted(prices.items())
    ]
    return json.dumps({"data": models}).encode()


def responses(n, seed=0, models=40):
    """Random months of a list: prices move, offers come and go."""
    rng = np.random.default_rng(seed)
    prices = {f"maker/m{i}": rng.uniform(1e-7, 1e-5) for i in range(models)}
    found = []
    for _ in range(n):
        for name in rng.choice(sorted(prices), 8, replace=False):
            prices[name] *= rng.choice([0.5, 0.9, 1.1, 2.0, 20.0])
        shown = dict.fromkeys(rng.choice(sorted(prices), models - 4, replace=False).tolist())
        found.append(response({name: f"{prices[name]:.9f}" for name in shown}))
    return found


def snapshots(contents, every=5):
    return [
        Snapshot(START + timedelta(days=every * i), f"{i}-{len(c)}", partial(bytes, c))
        for i, c in enumerate(contents)
    ]


def fold_into(folder, found, code="1"):
    store = Store(folder)
    return update(store, "openrouter", found, SOURCES["openrouter"].read, code=code)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def months():
    return snapshots(responses(12), every=9)


@pytest.fixture(scope="module")
def whole(months, tmp_path_factory):
    """The files of a history folded in one go."""
    folder = tmp_path_factory.mktemp("whole")
    fold_into(folder, months)
    return files(folder)


def test_night_by_night_gives_the_same_rows_as_all_at_once(months, whole, tmp_path):
    for n in range(1, len(months) + 1):
        assert fold_into(tmp_path, months[:n]).folded == 1
    assert files(tmp_path) == whole


@pytest.mark.parametrize("nights", [10, 100])
def test_a_night_reads_the_newest_list_alone_however_many_came_before(tmp_path, nights):
    read: list[date] = []

    def reading(each):
        read.append(each.day)
        return each.read()

    landed_lists = snapshots(responses(nights + 1, models=12), every=1)
    found = [replace(each, read=partial(reading, each)) for each in landed_lists]
    fold_into(tmp_path, found[:nights])
    assert read == [each.day for each in found[:nights]]
    read.clear()
    before = files(tmp_path)
    assert fold_into(tmp_path, found).folded == 1
    assert read == [found[-1].day]
    written = files(tmp_path).items() - before.items()
    assert {name.partition("-")[0] for name, _ in written} <= {
        "head.json", "open", "polls", f"{found[-1].day:%Y}",
    }, "one segment of rows that ended, that of its month"  # fmt: skip
    assert len(written) <= 4


def test_a_night_run_twice_changes_nothing(months, whole, tmp_path):
    fold_into(tmp_path, months)
    again = fold_into(tmp_path, months)
    assert (again.folded, again.is_rebuilt) == (0, False)
    assert files(tmp_path) == whole


def server_said(whole_days, days=24):
    """A list asked on so many days: whole on those given, its one price another one each time, else unchanged."""
    found, price = [], 0
    for day in range(days):
        price = whole_days.get(day, price)
        content = response({"maker/m": f"0.00000{price}"})
        looked = START + timedelta(days=day)
        found.append(Snapshot(looked, str(price), partial(bytes, content), day in whole_days))
    return found


@pytest.mark.parametrize(
    ("whole_days", "found_on", "earliest"),
    [
        pytest.param({0: 1, 15: 2}, 15, 1, id="asked for as a whole, it had changed"),
        pytest.param({0: 1, 14: 2}, 14, 14, id="sent of its own accord"),
        pytest.param({0: 1, 15: 1, 16: 2}, 16, 16, id="asked for as a whole, it had not"),
        pytest.param({0: 1, 5: 1, 20: 2}, 20, 6, id="since the last whole list"),
    ],
)
def test_after_two_weeks_of_denials_a_change_may_have_come_on_any_of_these_nights(
    tmp_path, whole_days, found_on, earliest
):
    nights = server_said(whole_days)
    for n in range(1, len(nights) + 1):
        fold_into(tmp_path / "nightly", nights[:n])
    fold_into(tmp_path / "whole", nights)
    assert files(tmp_path / "nightly") == files(tmp_path / "whole")
    rows = history(Store(tmp_path / "whole")).filter(pl.col("observed_to").is_null())
    begun = rows.filter(pl.col("input_usd_per_mtok") == 2)
    days = [START + timedelta(days=day) for day in (earliest, found_on)]
    assert begun.select("valid_from_earliest", "valid_from").rows() == [tuple(days)]


def test_a_denial_that_came_as_a_whole_list_makes_the_history_anew(tmp_path):
    nights = server_said({0: 1, 15: 2})
    fold_into(tmp_path, nights)
    whole = [replace(night, is_whole=True) for night in nights]
    assert fold_into(tmp_path, whole).is_rebuilt


def test_an_older_snapshot_that_lands_late_takes_its_place(months, whole, tmp_path):
    fold_into(tmp_path, [*months[:4], *months[5:]])
    assert fold_into(tmp_path, months).is_rebuilt
    assert files(tmp_path) == whole


def test_new_code_reads_everything_again(months, whole, tmp_path):
    fold_into(tmp_path, months, code="0")
    assert fold_into(tmp_path, months).is_rebuilt
    assert files(tmp_path) == whole


@pytest.mark.parametrize("damage", ["head.json", "open-*", "2025-*"])
def test_a_lost_file_is_rebuilt(months, whole, tmp_path, damage):
    fold_into(tmp_path, months)
    next(tmp_path.glob(damage)).unlink()
    assert fold_into(tmp_path, months).is_rebuilt
    assert files(tmp_path) == whole


@pytest.mark.heavy
def test_fifty_kills_at_random_points_leave_the_same_files(months, whole, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    write, kills = writing.write, 0
    left = int(rng.integers(1, 6))

    def dying(path, content):
        nonlocal left, kills
        left -= 1
        if left == 0:
            kills += 1
            left = int(rng.integers(1, 6))
            if rng.random() < 0.5:
                write(path, content)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.tmp").write_bytes(content[: len(content) // 2])
            raise Killed
        write(path, content)

    monkeypatch.setattr(writing, "write", dying)
    round_ = 0
    while kills < 50:
        folder = tmp_path / str(round_)
        for n in range(1, len(months) + 1):
            for _ in range(100):
                try:
                    fold_into(folder, months[:n])
                except Killed:
                    continue
                break
        assert files(folder) == whole
        round_ += 1


def test_of_several_responses_on_one_day_the_first_counts(tmp_path):
    zone = LandingZone(tmp_path)
    first, second = responses(2)
    for hour, content in ((1, first), (20, second)):
        zone.store("openrouter", "", content, datetime(2025, 1, 1, hour, tzinfo=UTC))
    (only,) = landed(zone.receipts("openrouter"), zone)
    assert only.read() == first


def test_what_landed_by_a_clock_that_was_ahead_waits_for_its_day(tmp_path):
    zone, contents = LandingZone(tmp_path / "landing"), responses(3)
    days = [START, START + timedelta(days=1), START + timedelta(days=300)]
    for day, content in zip(days, contents, strict=True):
        zone.store("openrouter", "", content, datetime(day.year, day.month, day.day, tzinfo=UTC))
    for last, refused in ((1, [days[2]]), (300, []), (1, [days[2]])):
        now = datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=last)
        found = update_all(zone, tmp_path / "book", now)["openrouter"]
        assert found.failure is None
        assert [day for day, _ in found.refused] == refused
        seen = histories(tmp_path / "book")["openrouter"]["last_seen"].max()
        assert seen == START + timedelta(days=last)


def test_an_unreadable_snapshot_is_reported_and_passed_over(tmp_path):
    contents = responses(3)
    contents[1] = b"<html>busy</html>"
    found = fold_into(tmp_path, snapshots(contents))
    assert [day for day, _ in found.refused] == [START + timedelta(days=5)]
    assert history(Store(tmp_path))["last_seen"].max() == START + timedelta(days=10)


def test_the_history_of_a_day_needs_only_what_was_not_closed_before(months, tmp_path):
    fold_into(tmp_path, months)
    store, day = Store(tmp_path), months[8].day
    rows = store.scan(since=day).collect()
    assert rows.height < store.scan().collect().height
    open_then = (pl.col("observed_to") > day) | pl.col("observed_to").is_null()
    valid_then = (pl.col("valid_to") > day) | pl.col("valid_to").is_null()
    everything = store.scan().filter(open_then & valid_then).collect()
    assert rows.filter(open_then & valid_then).sort(pl.all()).equals(everything.sort(pl.all()))


def write_folder(folder, contents):
    (folder / "openrouter").mkdir(parents=True)
    for i, content in enumerate(contents):
        path = folder / "openrouter" / f"{START + timedelta(days=5 * i)}.json"
        path.write_bytes(content)


def test_backfilled_days_are_as_if_they_had_been_polled(tmp_path):
    contents = responses(6)
    write_folder(tmp_path / "recorded", contents)
    zone = LandingZone(tmp_path / "landing")
    results = list(land(zone, find(tmp_path / "recorded")))
    assert [r.outcome for r in results] == ["ok"] * 6
    update_all(zone, tmp_path / "book")
    assert list(histories(tmp_path / "book")) == ["openrouter"]
    fold_into(tmp_path / "direct", snapshots(contents))
    hashes = pl.exclude("snapshot_sha256")
    assert (
        histories(tmp_path / "book")["openrouter"]
        .select(hashes)
        .equals(history(Store(tmp_path / "direct")).select(hashes))
    )


def test_backfilling_twice_changes_nothing(tmp_path):
    write_folder(tmp_path / "recorded", responses(4))
    zone = LandingZone(tmp_path / "landing")
    list(land(zone, find(tmp_path / "recorded")))
    before = files(tmp_path / "landing")
    list(land(zone, find(tmp_path / "recorded")))
    assert files(tmp_path / "landing") == before


def test_a_snapshot_that_lost_half_its_models_is_refused(tmp_path):
    contents = responses(3)
    half = json.loads(contents[1])
    half["data"] = half["data"][:18]
    contents[1] = json.dumps(half).encode()
    write_folder(tmp_path / "recorded", contents)
    zone = LandingZone(tmp_path / "landing")
    outcomes = [r.outcome for r in land(zone, find(tmp_path / "recorded"))]
    assert outcomes == ["ok", "rejected", "ok"]


def test_a_folder_without_snapshots_says_what_is_expected(tmp_path):
    with pytest.raises(BackfillError, match=r"<source>/<YYYY-MM-DD>\.json"):
        find(tmp_path)


def test_the_digest_of_the_code_is_stable():
    assert code_digest() == code_digest()
    assert len(code_digest()) == 64


@pytest.fixture
def landed_lists(tmp_path):
    """A landing zone with three nights of two lists, and the folder of their histories."""
    zone = LandingZone(tmp_path / "landing")
    for n, content in enumerate(responses(3)):
        zone.store("openrouter", "", content, datetime(2025, 1, 1 + n, tzinfo=UTC))
        keys = {
            f"m{i}": {
                "mode": "chat",
                "litellm_provider": "a",
                "input_cost_per_token": 1e-6 * (n + 1),
                "output_cost_per_token": 1e-6,
            }
            for i in range(5)
        }
        zone.store("litellm", "", json.dumps(keys).encode(), datetime(2025, 1, 1 + n, tzinfo=UTC))
    return zone, tmp_path / "book"


@pytest.mark.parametrize("damaged", ["receipt", "object"])
def test_damage_to_one_source_is_reported_and_the_others_go_on(landed_lists, damaged):
    zone, folder = landed_lists
    last = zone.receipt_files("openrouter")[-1]
    receipt = zone.receipt(last)
    path = zone.folder / "objects" / receipt.sha256[:2] / f"{receipt.sha256}.gz"
    (last if damaged == "receipt" else path).write_bytes(b"damaged")
    updates = update_all(zone, folder)
    assert str(last if damaged == "receipt" else path) in updates["openrouter"].failure
    assert updates["litellm"].failure is None
    assert updates["litellm"].folded == 3
    report_failures(zone, {name: found.failure for name, found in updates.items()})
    (result,) = poll_reports(zone)
    assert (result.source, result.outcome) == ("openrouter", "failed")
    assert "cannot be brought up to date" in result.message


def test_a_history_that_stopped_at_damage_keeps_what_it_had_and_goes_on_after_repair(landed_lists):
    zone, folder = landed_lists
    update_all(zone, folder)
    before = histories(folder)["openrouter"]
    receipt = zone.store("openrouter", "", responses(4)[3], datetime(2025, 1, 9, tzinfo=UTC))
    path = zone.folder / "objects" / receipt.sha256[:2] / f"{receipt.sha256}.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert update_all(zone, folder)["openrouter"].failure
    assert histories(folder)["openrouter"].equals(before)
    path.write_bytes(whole)
    assert update_all(zone, folder)["openrouter"].folded == 1


@pytest.mark.parametrize("stem", ["open", "2025", "polls"])
def test_a_damaged_file_of_the_history_is_rebuilt(landed_lists, stem):
    zone, folder = landed_lists
    update_all(zone, folder)
    before = files(folder)
    next((folder / "litellm").glob(f"{stem}-*")).write_bytes(b"damaged")
    assert "litellm" not in histories(folder), "nothing is read from it"
    assert update_all(zone, folder)["litellm"].is_rebuilt
    assert files(folder) == before


def test_a_damaged_report_is_a_line_of_its_own_and_the_others_are_read(tmp_path):
    zone = LandingZone(tmp_path)
    for hour in (1, 2):
        instant = datetime(2025, 1, 1, hour, tzinfo=UTC)
        store_report(zone, [PollResult("litellm", instant, "ok", f"{hour}")], instant)
    zone.receipt_files("price-polls")[0].write_bytes(b"{")
    lost, read = poll_reports(zone)
    assert (lost.source, lost.outcome, lost.polled_at.hour) == ("price-polls", "failed", 1)
    assert read.message == "2"


@pytest.mark.parametrize("what", ["version", "columns"])
def test_another_reader_or_other_columns_are_other_code(monkeypatch, what):
    before = code_digest()
    code_digest.cache_clear()
    if what == "version":
        monkeypatch.setattr(histories_module, "version", lambda name: f"{name} 99")
    else:
        wider = replace(PRICES, columns=(*PRICES.columns, "message?"))
        monkeypatch.setattr(histories_module, "PRICES", wider)
    assert code_digest() != before
    code_digest.cache_clear()


@pytest.mark.parametrize("name", ["2025-13-45.json", "2025-02-30.json.gz"])
def test_a_file_named_after_no_day_is_named_with_the_remedy(tmp_path, name):
    write_folder(tmp_path, responses(1))
    (tmp_path / "openrouter" / name).write_bytes(b"{}")
    with pytest.raises(BackfillError, match=rf"{name}.*no day.*YYYY-MM-DD"):
        find(tmp_path)


def test_what_is_no_snapshot_is_named(tmp_path):
    write_folder(tmp_path, responses(1))
    (tmp_path / "open-router").mkdir()
    (tmp_path / "openrouter" / "notes.txt").write_bytes(b"")
    assert [path.name for path in passed_over(tmp_path)] == ["open-router", "notes.txt"]
