"""The data store of Every Eval Ever, asked as the Hub answers: folders, pages of files, files by their hash."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.cost.task_costs import task_runs
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling import poll as polling
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources import history
from densing_pipeline.score_sources.poll import REPORTS
from densing_pipeline.score_sources.sources import SOURCES, every_eval_ever
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import BENCHMARK_REPORTS, TASK_RUNS
from tests.servers.prices import PriceServer, Reply

NAME = every_eval_ever.SOURCE.name
STORE = "/datasets/evaleval/EEE_datastore"
TREE = f"/api{STORE}/tree/main/data"
FIRST = datetime(2026, 9, 20, 2, tzinfo=UTC)
ARC, GAIA = "data/arc-agi/openai/gpt-5/1.json", "data/hal-gaia/openai/o3/2.json"


def log(model: str, cost: float, released: str | None = "2025-08-07", **more: Any) -> bytes:
    """A log of ARC Prize's board."""
    usd = {"metric_id": "cost_per_task", "metric_unit": "usd", "lower_is_better": True}
    share = {"metric_id": "score", "lower_is_better": False, "max_score": 1.0}
    results = [
        {"evaluation_name": "v2", "metric_config": about, "score_details": {"score": value}}
        for about, value in ((share, 0.4), (usd, cost))
    ]
    found = {
        "source_metadata": {"source_name": "ARC Prize", "source_organization_url": "https://arcprize.org"},
        "model_info": {
            "name": model, "developer": "openai",
            "additional_details": {"model_release_date": released},
        },
        "evaluation_results": results,
    }  # fmt: skip
    return json.dumps(found | more).encode()


class Store:
    """The data store on a server on loopback, and polls of it."""

    def __init__(self, server: PriceServer, folder: Path) -> None:
        """Have nothing yet."""
        self.server = server
        self.settings = Settings(
            state_dir=folder, poll_attempts=1, poll_total_seconds=10,
            every_eval_ever_url=server.url(STORE),
        )  # fmt: skip
        self.nights = 0

    def hold(self, files: dict[str, bytes]) -> None:
        """Have the store hold these files, by path."""
        boards = sorted({path.split("/")[1] for path in files} | {"mmlu"})
        folders = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": f"data/{name}"}
            for name in boards
        ]
        self.server.answer(TREE, Reply(json.dumps(folders).encode()))
        for board in boards:
            listed: list[dict[str, Any]] = [
                {"type": "directory", "oid": "1" * 40, "path": f"data/{board}/openai"}
            ]
            listed += [
                {"type": "file", "oid": hashlib.sha1(content).hexdigest(), "size": len(content), "path": path}  # noqa: S324
                for path, content in files.items()
                if path.split("/")[1] == board
            ]  # fmt: skip
            self.server.answer(f"{TREE}/{board}?recursive=true", Reply(json.dumps(listed).encode()))
        for path, content in files.items():
            self.server.answer(self.address(path), Reply(content))

    @staticmethod
    def address(path: str) -> str:
        return f"{STORE}/resolve/main/{path}"

    def poll(self) -> PollResult:
        now = FIRST + timedelta(days=self.nights)
        self.nights += 1
        return polling.poll(self.settings, {NAME: SOURCES[NAME]}, REPORTS, now)[0]

    def asked(self) -> list[str]:
        """Paths asked since the last time."""
        found = [request.path for request in self.server.requests]
        self.server.requests.clear()
        return found

    def rows(self) -> pl.DataFrame:
        """The history of the source, with the columns of `benchmark_reports`."""
        zone = LandingZone(self.settings.landing_dir)
        found = history.snapshots(SOURCES[NAME], zone)
        path = self.settings.score_history_dir / f"{NAME}.parquet"
        update = history.update(path, SOURCES[NAME], found, "1")
        assert (update.failure, update.refused) == (None, ())
        return update.history

    def costs(self, night: int) -> dict[str, float]:
        """Cost by model, as known at the end of a night."""
        known = history.as_of(self.rows(), (FIRST + timedelta(days=night)).date())
        return dict(known.select("model", "cost_usd").iter_rows())


@pytest.fixture
def store(price_server: PriceServer, tmp_path: Path) -> Store:
    return Store(price_server, tmp_path)


def test_logs_of_boards_that_state_costs_are_asked_for_and_no_others(store: Store) -> None:
    store.hold(
        {ARC: log("GPT-5", 0.7), GAIA: log("o3", 3.0), "data/mmlu/x/y/3.json": log("y", 1.0)}
    )
    result = store.poll()
    assert (result.outcome, result.rows) == ("ok", 2)
    assert store.asked() == [
        TREE, f"{TREE}/arc-agi?recursive=true", f"{TREE}/hal-gaia?recursive=true",
        store.address(ARC), store.address(GAIA),
    ]  # fmt: skip
    assert store.costs(0) == {"GPT-5": 0.7, "o3": 3.0}


def test_every_answer_is_landed(store: Store) -> None:
    store.hold({ARC: log("GPT-5", 0.7)})
    store.poll()
    zone = LandingZone(store.settings.landing_dir)
    received = [zone.read(receipt) for receipt in zone.receipts(f"{NAME}-received")]
    assert log("GPT-5", 0.7) in received
    assert len(received) == 3


def test_only_what_changed_is_fetched_and_both_vintages_stay(store: Store) -> None:
    other = "data/arc-agi/openai/gpt-5/9.json"
    store.hold({ARC: log("GPT-5", 0.7), GAIA: log("o3", 3.0)})
    store.poll()
    store.asked()
    assert store.poll().outcome == "unchanged"
    assert store.asked()[-1] == f"{TREE}/hal-gaia?recursive=true"
    store.hold({ARC: log("GPT-5", 0.5), other: log("GPT-5.1", 0.2)})
    assert store.poll().outcome == "ok"
    assert store.asked()[-2:] == [store.address(ARC), store.address(other)]
    assert store.costs(1) == {"GPT-5": 0.7, "o3": 3.0}
    assert store.costs(2) == {"GPT-5": 0.5, "GPT-5.1": 0.2}


def test_a_file_that_cannot_be_had_stays_as_it_was_until_it_can(store: Store) -> None:
    store.hold({ARC: log("GPT-5", 0.7), GAIA: log("o3", 3.0)})
    store.poll()
    store.hold({ARC: log("GPT-5", 0.5), GAIA: log("o3", 2.0)})
    store.server.answer(store.address(ARC), Reply(status=503))
    result = store.poll()
    assert result.outcome == "ok"
    assert "1 of 2 files failed (first: data/arc-agi/openai/gpt-5/1.json" in result.message
    assert store.costs(1) == {"GPT-5": 0.7, "o3": 2.0}
    store.server.answer(store.address(ARC), Reply(log("GPT-5", 0.5)))
    store.poll()
    assert store.costs(2) == {"GPT-5": 0.5, "o3": 2.0}


def test_what_is_too_much_for_one_night_follows_on_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every_eval_ever, "MOST_NEW_FILES", 2)
    store.hold({f"data/arc-agi/openai/m/{n}.json": log(f"m{n}", 1.0 + n) for n in range(3)})
    assert "1 files wait for the next nights" in store.poll().message
    assert store.costs(0) == {"m0": 1.0, "m1": 2.0}
    assert "wait" not in store.poll().message
    assert store.costs(1) == {"m0": 1.0, "m1": 2.0, "m2": 3.0}


def test_lists_of_many_files_come_in_pages(store: Store) -> None:
    store.hold({ARC: log("GPT-5", 0.7)})
    second = f"{TREE}/arc-agi?recursive=true&cursor=abc"
    first = f"{TREE}/arc-agi?recursive=true"
    listed = [{"type": "file", "oid": "a" * 40, "path": "data/arc-agi/openai/m/8.json"}]
    store.server.answer(second, Reply(json.dumps(listed).encode()))
    page = [{"type": "file", "oid": "b" * 40, "path": ARC}]
    link = {"Link": f'<{store.server.url(second)}>; rel="next"'}
    store.server.answer(first, Reply(json.dumps(page).encode(), headers=link))
    store.server.answer(store.address("data/arc-agi/openai/m/8.json"), Reply(log("m", 1.5)))
    store.poll()
    assert store.costs(0) == {"GPT-5": 0.7, "m": 1.5}


def test_a_file_may_be_served_from_another_path_of_the_hub(store: Store) -> None:
    store.hold({ARC: log("GPT-5", 0.7)})
    cached = f"/api/resolve-cache{STORE}/abc/{ARC}"
    store.server.answer(store.address(ARC), Reply(status=307, headers={"Location": cached}))
    store.server.answer(cached, Reply(log("GPT-5", 0.7)))
    store.poll()
    assert store.costs(0) == {"GPT-5": 0.7}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=500), "500"),
        (Reply(b"<html>busy</html>"), "no JSON"),
        (Reply(b'{"error": "Repository not found"}'), "no list"),
        (Reply(b"[]"), "the data store has moved"),
    ],
)
def test_without_the_list_of_boards_the_last_good_document_stays(
    store: Store, reply: Reply, why: str
) -> None:
    store.hold({ARC: log("GPT-5", 0.7)})
    store.poll()
    store.server.answer(TREE, reply)
    result = store.poll()
    assert result.outcome == "failed"
    assert why in result.message
    assert store.costs(1) == {"GPT-5": 0.7}


def test_a_next_page_on_another_host_is_not_asked_for(store: Store) -> None:
    store.hold({ARC: log("GPT-5", 0.7)})
    link = {"Link": '<https://elsewhere.example/tree>; rel="next"'}
    store.server.answer(TREE, Reply(b"[]", headers=link))
    assert "another host" in store.poll().message


def test_a_log_that_is_damaged_costs_only_itself(store: Store) -> None:
    store.hold({ARC: b'{"evaluation_results": [', GAIA: log("o3", 3.0)})
    result = store.poll()
    assert result.outcome == "ok"
    assert "1 left out: files that are no JSON" in result.message
    assert store.costs(0) == {"o3": 3.0}


@pytest.mark.parametrize("content", [b"<html>", b'{"path": "a"}', b"[1]", b""])
def test_a_document_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        SOURCES[NAME].read(content, FIRST.date())


def test_what_a_task_costs_is_known_by_its_board_and_dated_by_release_or_run(store: Store) -> None:
    ran = log("o3", 3.0, None, evaluation_timestamp="2025-09-01")
    undated = log("o4", 1.0, None)
    store.hold({ARC: log("GPT-5", 0.7), GAIA: ran, "data/hal-gaia/x/y/5.json": undated})
    store.poll()
    linked = store.rows().drop("part", "is_group")
    reports = BENCHMARK_REPORTS.cast(
        linked.with_columns(method=pl.lit("none"), confidence=pl.lit(0.0))
    )
    runs = TASK_RUNS.validate(task_runs(TASK_RUNS.empty(), reports)).sort("model")
    assert runs.select("board", "model", "run_date", "run_date_is", "licence_basis").rows() == [
        ("ARC Prize: v2, cost_per_task (Every Eval Ever)", "GPT-5", date(2025, 8, 7), "release", "MIT"),
        ("ARC Prize: v2, cost_per_task (Every Eval Ever)", "o3", date(2025, 9, 1), "run", "MIT"),
    ]  # fmt: skip
