"""Nights against a loopback server that answers as Epoch AI and the Swallow leaderboard do."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.polling import landed
from densing_pipeline.polling import poll as polling
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.publication.health import poll_health
from densing_pipeline.score_sources import history, poll
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    CAPABILITY_INDEX,
    MODEL_REPORTS,
    QUARANTINE,
    SOURCE_HEALTH,
)
from tests.servers.prices import PriceServer, Reply, addresses
from tests.unit.score_sources.epoch import MMLU, archive, members, revised
from tests.unit.score_sources.uncheatable import leaderboard

pytestmark = pytest.mark.heavy

FIRST, SECOND = datetime(2026, 3, 12, 2, tzinfo=UTC), datetime(2026, 8, 11, 2, tzinfo=UTC)
MODELS = b"""Model,Organization,Publication date,Domain,Parameters,Training compute (FLOP),Training dataset size (total),Model accessibility,Link
Qwen2.5-72B,Alibaba,2024-09-19,"Language,Mathematics",7.27e+10,7.8e+24,1.8e+13,Open weights (restricted use),https://arxiv.org/abs/2412.15115
Theseus,,1950-07-02,Robotics,40,40,,,
Old LM,,2003-02-01,Language,1e+6,,,,
"""

COSTLY = json.dumps(
    {
        "source_metadata": {"source_name": "ARC Prize"},
        "model_info": {"name": "m", "additional_details": {"model_release_date": "2026-01-02"}},
        "evaluation_results": [
            {
                "metric_config": {"metric_id": "score", "lower_is_better": False, "max_score": 1},
                "score_details": {"score": 0.5},
            },
            {
                "metric_config": {"metric_id": "cost", "metric_unit": "usd"},
                "score_details": {"score": 2.0},
            },
        ],
    }
).encode()
"""A log of Every Eval Ever."""


BEGINNINGS: dict[str, Callable[[bytes], bytes]] = {
    "epoch-eci-benchmarks": lambda content: b"".join(content.splitlines(keepends=True)[:100]),
    "ikp": lambda content: json.dumps(json.loads(content)[:10]).encode(),
    "swallow-leaderboard": lambda content: b"\n- id:".join(content.split(b"\n- id:")[:5]),
}
"""The first rows of long documents that no test is about; to read them whole on each night takes seconds."""


class Nights:
    """Polls of one installation whose sources are all on one server."""

    def __init__(self, server: PriceServer, folder: Path) -> None:
        """Have every source answer well."""
        self.server = server
        self.settings = Settings(
            state_dir=folder, poll_attempts=1, poll_total_seconds=10, **addresses(server.url())
        )
        self.archive(members())
        for name in ("epoch-edi", "epoch-eci"):
            self.answer(name, SOURCES[name].embedded[0].content())
        for name, beginning in BEGINNINGS.items():
            self.answer(name, beginning(SOURCES[name].embedded[0].content()))
        self.answer("epoch-models", MODELS)
        tree = "/api/every-eval-ever/tree/main/data"
        log = {"type": "file", "oid": "0" * 40, "path": "data/arc-agi/maker/m/1.json"}
        self.server.answer(
            tree, Reply(b'[{"type": "directory", "oid": "1", "path": "data/arc-agi"}]')
        )
        self.server.answer(f"{tree}/arc-agi?recursive=true", Reply(json.dumps([log]).encode()))
        self.answer(f"every-eval-ever/resolve/main/{log['path']}", COSTLY)
        self.answer("uncheatable-eval", leaderboard())

    @property
    def zone(self) -> LandingZone:
        return LandingZone(self.settings.landing_dir)

    def answer(self, source: str, body: bytes, **reply: Any) -> None:
        self.server.answer(f"/{source}", Reply(body, **reply))

    def archive(self, found: dict[str, bytes]) -> None:
        """Have Epoch's archive hold these members; both of its readers ask at one address."""
        self.answer("epoch-benchmarks", archive(found))

    def poll(self, now: datetime) -> dict[str, PollResult]:
        return {r.source: r for r in poll.poll(self.settings, clock=lambda: now)}

    def table(self, name: str = "benchmark_reports", day: date | None = None) -> pl.DataFrame:
        """All rows of a table, or the vintage of a day."""
        tables = {t.name: t for t in (BENCHMARK_REPORTS, CAPABILITY_INDEX, MODEL_REPORTS)}
        updates = history.update_all(self.zone, self.settings.score_history_dir)
        assert [u.failure for u in updates.values() if u.failure] == []
        rows = history.of_table(updates, tables[name])
        return rows if day is None else history.as_of(rows, day)

    def mmlu(self, day: date) -> dict[str, float]:
        """Scores on MMLU in Epoch's archive by row, as known at the end of a day."""
        rows = self.table(day=day).filter(source="epoch-benchmarks", benchmark_name="MMLU")
        return dict(rows.select("entry", "score").iter_rows())


@pytest.fixture
def nights(price_server: PriceServer, tmp_path: Path) -> Nights:
    return Nights(price_server, tmp_path)


def test_two_nights_keep_both_vintages(nights: Nights) -> None:
    first_polls = nights.poll(FIRST)
    assert {name: r.outcome for name, r in first_polls.items()} == dict.fromkeys(SOURCES, "ok")
    first = nights.mmlu(FIRST.date())
    nights.archive(revised())
    nights.answer("epoch-eci", SOURCES["epoch-eci"].embedded[1].content())
    second_polls = nights.poll(SECOND)
    assert second_polls["epoch-benchmarks"].outcome == "ok"
    assert second_polls["epoch-edi"].outcome == "unchanged"

    assert nights.mmlu(FIRST.date()) == first, "what was known the first night stays"
    second = nights.mmlu(SECOND.date())
    changed = {row for row in first.keys() | second.keys() if first.get(row) != second.get(row)}
    assert changed == {"recNew", "recP6zUYu6rVqvynx", "reci0A7hEp1NCjbaL"}
    assert second["recNew"] == 0.7689, "a new model appears"
    assert (first["recP6zUYu6rVqvynx"], second["recP6zUYu6rVqvynx"]) == (0.864, 0.86)
    assert "reci0A7hEp1NCjbaL" not in second, "a row that was withdrawn is known no more"

    def index(model: str, day: date) -> float:
        rows = nights.table("capability_index", day).filter(model=model, index_name="ECI")
        return float(rows["index_value"].item())

    assert [round(index("GPT-5", day.date()), 9) for day in (FIRST, SECOND)] == [150, 150]
    assert index("o3-mini", FIRST.date()) != index("o3-mini", SECOND.date()), "fitted anew"


def test_a_poll_lands_bytes_and_receipts_and_reports_itself(nights: Nights) -> None:
    nights.poll(FIRST)
    for name, source in SOURCES.items():
        receipt = nights.zone.latest(name)
        assert receipt is not None
        assert (receipt.fetched_at, receipt.url) == (FIRST, source.url(nights.settings))
    health = poll_health(poll.poll_reports(nights.zone), FIRST + timedelta(hours=3))
    row = SOURCE_HEALTH.validate(health).row(
        by_predicate=pl.col("source") == "epoch-versions", named=True
    )
    assert row["outcome"] == "ok"
    assert (row["rows"], row["rows_quarantined"], row["stale_hours"]) == (3, 1, 3)
    assert "a row without a model" in row["message"]
    kept_out = QUARANTINE.validate(poll.quarantined(nights.zone))
    assert kept_out.select("source", "key", "observed_at").rows() == [
        ("epoch-versions", "Orphan", FIRST.date())
    ]


def test_unchanged_bytes_and_304_make_no_vintage(nights: Nights) -> None:
    nights.answer("epoch-benchmarks", archive(members()), headers={"ETag": '"1"'})
    nights.poll(FIRST)
    before = nights.table()
    found = nights.poll(FIRST + timedelta(days=1))
    assert (found["epoch-benchmarks"].http_status, found["epoch-eci"].http_status) == (304, 200)
    assert {r.outcome for r in found.values()} == {"unchanged"}
    assert nights.table().equals(before)


def test_a_second_poll_of_a_day_changes_nothing_of_that_day(nights: Nights) -> None:
    nights.poll(FIRST)
    before = nights.table()
    nights.archive(revised())
    assert nights.poll(FIRST + timedelta(hours=5))["epoch-benchmarks"].outcome == "ok"
    assert nights.table().equals(before)
    nights.poll(FIRST + timedelta(days=1))
    assert nights.mmlu(FIRST.date() + timedelta(days=1))["recNew"] == 0.7689


@pytest.mark.parametrize("step", ["_accepted", "store_report"])
def test_a_night_that_is_cut_off_is_caught_up(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The process dies before a landed document is taken, or before the poll is reported."""
    nights.poll(FIRST)
    nights.archive(revised())

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(polling, step, die)
        with pytest.raises(KeyboardInterrupt):
            nights.poll(SECOND)
    first = nights.mmlu(FIRST.date())
    nights.poll(SECOND + timedelta(days=1))
    assert nights.mmlu(FIRST.date()) == first
    assert nights.mmlu(SECOND.date() + timedelta(days=1))["recNew"] == 0.7689
    told = [r for r in poll.poll_reports(nights.zone) if r.polled_at == SECOND]
    assert {"cut off" in r.message for r in told} == {True}


def _swapped(found: dict[str, bytes], old: bytes, new: bytes) -> dict[str, bytes]:
    assert old in found[MMLU]
    return found | {MMLU: found[MMLU].replace(old, new)}


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], bytes], str, str]] = {
    "truncated": (lambda found: archive(found)[:-40], "rejected", "cut short"),
    "an error page": (lambda _: b"<html>down</html>", "rejected", "no zip archive"),
    "a renamed column": (
        lambda found: archive(_swapped(found, b"Model version,EM,", b"Model version,Score,")),
        "ok",
        "mmlu_external.csv: has no column 'EM'",
    ),
    "an absolute path": (
        lambda found: archive({"/etc/evil.csv": b"x"} | found), "ok", "an absolute path",
    ),
    "a path that climbs": (
        lambda found: archive({"../evil.csv": b"x"} | found), "ok", "leaves the archive",
    ),
    "a member of 40 MiB": (
        lambda found: archive(found | {MMLU: b"\0" * (40 * 2**20)}),
        "ok",
        "mmlu_external.csv: larger than 32 MiB",
    ),
    "fewer rows": (
        lambda found: archive(
            found | {"bbh_external.csv": found["aider_polyglot_external.csv"].replace(
                b"Percent correct", b"Average").replace(b",88.0,", b",.88,").replace(
                b",55.1,", b",.551,"), MMLU: b"\n".join(found[MMLU].splitlines()[:5])}
        ),
        "rejected",
        "the document is taken for incomplete",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_costs_only_itself(nights: Nights, case: str) -> None:
    make, outcome, reason = HOSTILE[case]
    nights.poll(FIRST)
    first = nights.mmlu(FIRST.date())
    nights.answer("epoch-benchmarks", make(revised()))
    nights.answer("epoch-eci", SOURCES["epoch-eci"].embedded[1].content())
    found = nights.poll(SECOND)
    assert (found["epoch-benchmarks"].outcome, found["epoch-eci"].outcome) == (outcome, "ok")
    assert reason in found["epoch-benchmarks"].message
    second = nights.mmlu(SECOND.date())
    is_read = case in ("an absolute path", "a path that climbs")
    assert ("recNew" in second) is is_read, "the last good rows of the benchmark stay"
    assert is_read or second == first


def test_nothing_is_written_under_the_name_of_a_member(nights: Nights, tmp_path: Path) -> None:
    nights.archive({"../evil.csv": b"x", str(tmp_path / "evil.csv"): b"x"} | members())
    nights.poll(FIRST)
    nights.table()
    assert not list(tmp_path.parent.rglob("evil.csv"))


def test_a_source_that_fails_stops_no_other(nights: Nights) -> None:
    nights.answer("swallow-leaderboard", b"", status=500)
    nights.answer("epoch-models", b"a,b\n1,2\n")
    found = nights.poll(FIRST)
    assert {name for name, r in found.items() if r.outcome == "ok"} == SOURCES.keys() - {
        "swallow-leaderboard",
        "epoch-models",
    }
    assert "has no column 'Model'" in found["epoch-models"].message
    rows = nights.table(day=FIRST.date())
    assert rows.filter(source="swallow-leaderboard").is_empty(), "the package's copy is of June"
    assert not rows.filter(source="epoch-benchmarks").is_empty()


def test_language_models_are_read_from_the_table_of_models(nights: Nights) -> None:
    nights.poll(FIRST)
    rows = nights.table("model_reports").filter(source="epoch-models")
    assert rows.select("model", "params_total", "training_data_size", "training_flop").rows() == [
        ("Qwen2.5-72B", 72_700_000_000, 1.8e13, 7.8e24)
    ]
    held = landed.last_good(nights.zone, SOURCES["epoch-models"])
    assert held is not None
    assert held.parsed.left_out == {
        "models of other domains than language": 1,
        "models without a date since 2018": 1,
    }


def test_the_tests_archive_is_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(archive(members()))
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
