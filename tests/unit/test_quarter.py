"""The simulated quarter judges its runs rightly, and its worlds are what they say."""

import shutil
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from benchmarks.quarter import chaos, compare, report, world
from benchmarks.quarter.__main__ import _cpu_seconds, _growth_of_time
from benchmarks.quarter.night import Order, carry_out
from benchmarks.quarter.play import ROOT
from densing_pipeline import clock, state
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.tables.published import PUBLISHED

NIGHTS = 90
OFFER = {
    "source": "a-list",
    "provider": "p",
    "model": "m",
    "valid_to": None,
    "snapshot_sha256": "x",
}


def prices(day: int, earliest: int | None, usd: float = 1.0, seen: int = 1) -> pl.DataFrame:
    """One row of prices whose first day is a day of January, or lies between two of them."""
    return pl.DataFrame(
        {
            name: [value]
            for name, value in (
                OFFER
                | {
                    "input_usd_per_mtok": usd,
                    "valid_from": date(2027, 1, day),
                    "valid_from_earliest": earliest and date(2027, 1, earliest),
                    "valid_from_latest": date(2027, 1, day),
                    "observed_from": date(2027, 1, seen),
                }
            ).items()
        }
    )


@pytest.mark.parametrize(
    ("chaotic", "differing", "intervals"),
    [
        (prices(5, 5, seen=9), 0, 0),
        (prices(9, 4), 0, 1),
        (prices(9, 5), 0, 1),
        (prices(9, 6), 1, 0),
        (prices(4, 1), 1, 0),
        (prices(5, 5, usd=2.0), 2, 0),
    ],
)
def test_a_day_may_differ_only_as_an_interval_that_holds_it(chaotic, differing, intervals):
    found = compare.table("prices", prices(5, 5), chaotic)
    assert (found.differing, found.intervals) == (differing, intervals)


def test_a_row_that_a_later_look_confirmed_counts_once():
    once, again = prices(5, 5), prices(5, 5, seen=19)
    assert compare.table("prices", pl.concat([once, again]), once).differing == 0
    assert compare.table("prices", once, pl.concat([once, prices(5, 5, usd=2.0)])).differing == 1


def test_rows_of_other_tables_are_equal_but_for_when_they_were_seen():
    one = pl.DataFrame(
        {"model": ["a", "a", "b"], "score": [0.1, 0.1, None], "first_seen_at": [1, 2, 3]}
    )
    assert compare.table("scores", one, one.with_columns(first_seen_at=9)).differing == 0
    assert compare.table("scores", one, one[1:]).differing == 1
    assert compare.table("scores", one, one.with_columns(score=0.2)).differing == 6


def test_every_published_table_can_be_compared():
    differing = {
        name: compare.table(name, table.empty(), table.empty()).differing
        for name, table in PUBLISHED.items()
    }
    assert set(differing.values()) == {0}


def attempt(night, outcome="ok", fault="", health=(), answers=(), **more):
    return {
        "night": night, "outcome": outcome, "fault": fault, "size": 0, "health": list(health),
        "answers": [list(each) for each in answers], "refused": False,
    } | more  # fmt: skip


def test_a_fault_is_survived_if_its_night_succeeded_in_the_end():
    found = report.faults(
        [
            attempt(2, "killed", "kill -9", answers=[("timeout", "litellm", False)]),
            attempt(2, "ok", "kill -9"),
            attempt(3, "failed", "disk full"),
        ]
    )
    assert found == {
        "disk full": {"injected": 1, "survived": 0, "lost": 1},
        "kill -9": {"injected": 1, "survived": 1, "lost": 0},
        "timeout": {"injected": 1, "survived": 1, "lost": 0},
    }


def looked(attempts, told, messages=()):
    """What the report says of looks after some attempts, at which these problems were known."""
    quiet = {"ticks": [{"night": night, "told": ["check:floor"]} for night in range(9)]}
    ticks = [
        {"night": each["night"], "told": ["check:floor", *keys]}
        for each, keys in zip(attempts, told, strict=True)
    ]
    return report.alerts(quiet, {"ticks": ticks, "attempts": attempts, "messages": messages})


def test_alerts_are_those_of_the_quiet_run_failed_nights_and_stale_sources():
    attempts = [
        attempt(0), attempt(1, "failed", "disk full"), attempt(1), attempt(2, health=["litellm"]), attempt(3),
    ]  # fmt: skip
    told = [[], [report.FAILED], [], [report.STALE], ["check:odd"]]
    messages = ["a: floor", "b: failed", "Mended: b", "c: stale", "Mended: c\n\nd: odd"]
    found = looked(attempts, told, messages)
    assert (found["missing"], found["unexpected"]) == ([], ["night 3: check:odd"])
    assert (found["begun"], found["told"], found["mended"]) == (4, 4, 2)


def test_a_night_found_killed_is_told_unless_the_next_attempt_succeeds():
    once = [attempt(1, "killed", "kill -9"), attempt(1)]
    assert looked(once, [[], []])["missing"] == []
    twice = [attempt(1, "killed", "kill -9"), attempt(1, "killed", "kill -9"), attempt(1)]
    assert looked(twice, [[], [report.FAILED], []])["unexpected"] == []
    assert looked(twice, [[], [], []])["missing"] == [f"night 1: {report.FAILED}"]


def test_a_leap_of_the_clock_makes_sources_old_and_nights_missing():
    leaps = [
        attempt(1, fault="clock jump", size=40),
        attempt(2, fault="clock jump", size=-400),
        attempt(3),
    ]
    found = looked(leaps, [[report.MISSING, report.STALE], [report.MISSING], []])
    assert (found["missing"], found["unexpected"]) == ([], [])


def test_sources_with_a_lasting_fault_are_the_ones_that_failed():
    lasting = [
        ("server error", "litellm", True),
        ("timeout", "ikp", False),
        ("garbage", "hub", False),
    ]
    assert (
        report.misjudged([attempt(2, health=["huggingface-hub", "litellm"], answers=lasting)]) == []
    )
    assert report.misjudged([attempt(2, health=["litellm"], answers=lasting)]) == [
        "night 2: ['huggingface-hub']"
    ]


def test_one_wrong_answer_of_an_address_is_that_of_one_of_the_sources_that_read_it():
    once, always = [("garbage", "epoch-benchmarks", False)], [("garbage", "epoch-benchmarks", True)]
    for health in (["epoch-benchmarks"], ["epoch-versions"]):
        assert report.misjudged([attempt(2, health=health, answers=once)]) == []
        assert len(report.misjudged([attempt(2, health=health, answers=always)])) == 1
    assert len(report.misjudged([attempt(2, answers=once)])) == 1
    assert len(report.misjudged([attempt(2, health=["ikp"], answers=once)])) == 1


def test_a_check_that_an_attempt_did_not_reach_need_not_be_told():
    attempts = [attempt(1, "killed", "kill -9"), attempt(1)]
    quiet = {"ticks": [{"night": 1, "told": ["check:floor"]}]}
    for at_last, missing in ((["check:floor"], []), ([], ["night 1: check:floor"])):
        ticks = [{"night": 1, "told": []}, {"night": 1, "told": at_last}]
        found = report.alerts(quiet, {"ticks": ticks, "attempts": attempts, "messages": []})
        assert (found["missing"], found["unexpected"]) == (missing, [])


def test_growth_is_a_line_and_says_how_far_it_departs():
    sizes = [{"night": n, "landing": [10 * n, 2048 * n]} for n in range(20)]
    found = report.growth(sizes)["landing"]
    assert found["files_per_night"] == pytest.approx(10)
    assert found["kib_per_night"] == pytest.approx(2)
    assert found["largest_departure"] < 1e-9
    rows = report.growth_rows({"growth": {"landing": found}})
    assert rows[1][1:] == ["190", "0.0", "3652", "1", "0%"], "ten files and two KiB a night"
    assert rows[2] == ["together", "", "", "3652", "1", ""]


def grown(files_per_night, kib_per_night):
    return {"files_per_night": files_per_night, "kib_per_night": kib_per_night}


def test_growth_over_the_budget_of_a_year_is_a_problem_once_it_has_settled():
    files, kib = report.FILES_A_YEAR / DAYS_PER_YEAR, report.MIB_A_YEAR * 1024 / DAYS_PER_YEAR
    half = {"a": grown(files / 2, kib / 2), "b": grown(files / 2, kib / 2)}
    assert report.over_budget({**half, "c": grown(-files, -kib)}, NIGHTS) == []
    assert len(report.over_budget({**half, "c": grown(1, 0)}, NIGHTS)) == 1
    more = {**half, "c": grown(1, 100)}
    assert len(report.over_budget(more, 2 * report.SETTLED + 1)) == 2
    assert report.over_budget(more, 2 * report.SETTLED) == []


@pytest.mark.parametrize(("nights", "is_flat"), [(60, False), (90, True)])
def test_of_a_long_run_growth_is_measured_once_it_has_settled(nights, is_flat):
    sizes = [{"night": n, "runs": [1, 2**20 * min(n, report.SETTLED)]} for n in range(nights)]
    found = report.growth(sizes)["runs"]
    assert found["mib"] == report.SETTLED
    assert (abs(found["kib_per_night"]) < 1e-6) == is_flat
    assert (found["largest_departure"] < 1e-9) == is_flat


def test_time_by_thirds_and_its_growth_are_of_quiet_nights_without_refit():
    quiet = [{"night": n, "cpu_s": 5 + n / 50, "whole": False} for n in range(30)]
    whole = [{"night": n, "cpu_s": 100.0, "whole": True} for n in (10, 29)]
    assert _cpu_seconds([*quiet, *whole]) == [5.1, 5.3, 5.5]
    assert _growth_of_time([*quiet, *whole]) == pytest.approx(2)
    assert _growth_of_time(quiet[:1]) == 0


@pytest.mark.parametrize("is_damaged", [False, True])
def test_maintenance_is_that_of_an_installation(tmp_path, monkeypatch, is_damaged):
    folder = tmp_path / "state"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("DENSING_STATE_DIR", str(folder))
    now = world.FIRST + timedelta(days=20)
    monkeypatch.setenv(clock.VARIABLE, now.isoformat())
    zone = LandingZone(folder / "landing")
    with state.held(folder, "a night"):
        kept = [zone.store("a-list", "", b"", now - timedelta(days=days)) for days in (10, 8, 1)]
    if is_damaged:
        (folder / "landing/receipts/a-list/2027-01.jsonl.gz").write_bytes(b"damaged")
    failures = carry_out(Order("maintenance", now.isoformat(), ""))["failures"]
    if is_damaged:
        assert "restore it from a backup" in failures["tidy_files"]
    else:
        assert failures == {}
        assert list(zone.receipts("a-list")) == kept
        assert len(list((folder / "landing").rglob("*.json"))) == 1, (
            "a week of receipts is not packed"
        )


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_fault_comes_and_none_on_calm_nights(seed):
    nights = chaos.schedule(NIGHTS, seed)
    assert nights == chaos.schedule(NIGHTS, seed)
    assert {fault.kind for faults in nights for fault in faults} == set(chaos.KINDS)
    assert [n for n, faults in enumerate(nights) if faults and world.is_calm(n)] == []
    assert nights[-1] == []
    dead = [n for n, faults in enumerate(nights) for f in faults if f.kind == "dead source"]
    assert len(dead) == 2 * chaos.OUTAGE_NIGHTS


def test_known_models_change_their_prices_on_calm_nights_alone():
    made = world.world(NIGHTS, 0)
    names = {name for names in world.SOLD.values() for name in names}
    sold = [offer for offer in made.offers if offer.model in names]
    changes = [night for offer in sold for night, _ in offer.steps]
    assert sold
    assert all(
        world.is_calm(night) and (night == 0 or world.is_calm(night - 1)) for night in changes
    )


def test_no_offer_changes_twice_within_an_outage():
    offers = [offer for offer in world.world(NIGHTS, 0).offers if offer.model.startswith("maker/")]
    # An offer that is there from the start was seen before any outage.
    changes = [
        [night for night, _ in offer.steps if night] + ([offer.ends] if offer.ends else [])
        for offer in offers
    ]
    gaps = [b - a for nights in changes for a, b in pairwise(nights)]
    assert min(gaps) > chaos.OUTAGE_NIGHTS
    assert len(gaps) > len(offers), "most change more than once"
