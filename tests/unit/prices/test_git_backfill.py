"""The daily history of a list comes out of a git repository, whatever happened in that repository."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.__main__ import main
from densing_pipeline.git import Change
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.backfill import BackfillError
from densing_pipeline.prices.git_backfill import backfill, trusted_instants
from densing_pipeline.prices.history import histories, update_all
from densing_pipeline.prices.snapshots import last_good
from densing_pipeline.settings import Settings
from tests.servers.repositories import Commit, GitServer, write

pytestmark = pytest.mark.heavy

LIST = "model_prices_and_context_window.json"
NOW = datetime(2026, 1, 12, 9, tzinfo=UTC)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """A server of the repositories in `tmp_path / "served"`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    folder = tmp_path / "served"
    folder.mkdir()
    with GitServer(folder) as server:
        yield server


@pytest.fixture
def repository(tmp_path: Path, served: GitServer) -> Path:
    """Folder of the repository of the LiteLLM map."""
    return tmp_path / "served" / "litellm.git"


@pytest.fixture
def settings(tmp_path: Path, served: GitServer) -> Settings:
    return Settings(state_dir=tmp_path / "state", litellm_git_url=served.url("litellm.git"))


def prices(*amounts: float) -> bytes:
    """A LiteLLM map with one model for each price, in USD per million tokens."""
    return json.dumps(
        {
            f"m{n}": {
                "mode": "chat",
                "litellm_provider": "maker",
                "input_cost_per_token": amount / 1e6,
                "output_cost_per_token": amount / 1e6,
            }
            for n, amount in enumerate(amounts)
        },
        indent=1,
    ).encode()


def commit(at: str, *amounts: float, **more: object) -> Commit:
    """A commit of the map; `at` is a day of January 2026 and a time with its zone."""
    return Commit(f"2026-01-{at}", {LIST: prices(*amounts)}, **more)  # type: ignore[arg-type]


def landed(settings: Settings, source: str = "litellm") -> dict[int, float]:
    """The price of the first model by day of January 2026, as far as it was landed."""
    zone = LandingZone(settings.landing_dir)
    found = {}
    for receipt in zone.receipts(source):
        assert receipt.fetched_at.time() == datetime.min.time()
        document = json.loads(zone.read(receipt))
        found[receipt.fetched_at.day] = round(1e6 * document["m0"]["input_cost_per_token"], 9)
    return found


def run(settings: Settings, now: datetime = NOW, since: date | None = None) -> list[str]:
    """Backfill, and the remarks made."""
    told: list[str] = []
    results = backfill(settings, "litellm", since=since, now=now, tell=told.append)
    return [f"{r.polled_at.day} {r.outcome}" for r in results] + told


def test_the_last_commit_of_each_day_counts_and_the_list_stands_between_changes(
    settings, repository
):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1, 1),
            commit("05T01:00:00+00:00", 2, 1),
            Commit("2026-01-05T02:00:00+00:00", {"README.md": b"nothing"}),
            commit("05T23:59:59+00:00", 3, 1),
            commit("07T23:30:00-05:00", 4, 1),  # 8 January in UTC
            commit("10T00:30:00+09:00", 5, 1),  # 9 January in UTC
            commit("12T08:00:00+00:00", 6, 1),  # of today, which has not ended
        ],
    )
    assert run(settings) == [
        "3 ok", "4 unchanged", "5 ok", "6 unchanged", "7 unchanged", "8 ok", "9 ok", "10 unchanged",
        "11 unchanged",
    ]  # fmt: skip
    assert landed(settings) == {3: 1, 4: 1, 5: 3, 6: 3, 7: 3, 8: 4, 9: 5, 10: 5, 11: 5}
    update_all(LandingZone(settings.landing_dir), settings.book_dir)
    rows = histories(settings.book_dir)["litellm"].filter(model="m0")
    assert rows["last_seen"].max() == date(2026, 1, 11)


def test_a_merged_change_counts_from_its_merge_on(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1, 1),
            commit("04T10:00:00+00:00", 9, 1, branch="cheaper", start="main"),
            commit("06T10:00:00+00:00", 2, 1, branch="cheaper"),
            Commit("2026-01-05T10:00:00+00:00", {"README.md": b"meanwhile"}),
            commit("08T10:00:00+00:00", 2, 1, merges=("cheaper",)),
        ],
    )
    run(settings)
    assert landed(settings) == {n: 1 if n < 8 else 2 for n in range(3, 12)}


@pytest.mark.parametrize("is_edited", [False, True])
def test_a_renamed_file_is_one_list(settings, repository, is_edited):
    old = prices(*range(1, 30))
    new = prices(2, *range(2, 30)) if is_edited else old
    write(
        repository,
        [
            Commit("2026-01-02T10:00:00+00:00", {"README.md": b"no list yet"}),
            Commit("2026-01-03T10:00:00+00:00", {"prices/old.json": old, "other.json": b"{}"}),
            Commit("2026-01-06T10:00:00+00:00", {"prices/old.json": None, "prices/2.json": old}),
            Commit("2026-01-08T10:00:00+00:00", {"prices/2.json": None, LIST: new}),
        ],
    )
    run(settings)
    assert landed(settings) == {n: 2 if is_edited and n > 7 else 1 for n in range(3, 12)}


def test_a_list_that_moved_away_ends_and_is_told(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1),
            Commit("2026-01-06T10:00:00+00:00", {LIST: None, "elsewhere.json": prices(1)}),
        ],
    )
    *_, told = run(settings)
    assert "the newest commit has no model_prices" in told
    assert landed(settings) == {3: 1, 4: 1, 5: 1}


def test_a_broken_commit_is_refused_and_the_days_around_it_are_not(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1, 1),
            Commit("2026-01-05T10:00:00+00:00", {LIST: prices(2, 1)[:-5]}),
            commit("06T10:00:00+00:00", 3, 1),
            Commit("2026-01-08T10:00:00+00:00", {LIST: b"<<<<<<< HEAD\n" + prices(4, 1)}),
            commit("08T11:00:00+00:00", 5, 1),
        ],
    )
    assert run(settings)[:4] == ["3 ok", "4 unchanged", "5 rejected", "6 ok"]
    assert landed(settings) == {3: 1, 4: 1, 6: 3, 7: 3, 8: 5, 9: 5, 10: 5, 11: 5}


def test_times_against_the_order_of_commits_are_not_believed(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1),
            Commit("2036-01-01T00:00:00+00:00", {LIST: prices(2)}),  # a clock ten years fast
            commit("05T10:00:00+00:00", 3),
            Commit("1970-01-02T00:00:00+00:00", {LIST: prices(4)}),  # a clock that was reset
            commit("07T10:00:00+00:00", 5),
            commit("06T10:00:00+00:00", 6),
        ],
    )
    run(settings)
    # The fifth commit and the sixth contradict each other: both count from the 6th, the later one holds.
    assert landed(settings) == {3: 1, 4: 1, 5: 3} | dict.fromkeys(range(6, 12), 6)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_trusted_times_are_in_order_and_keep_what_is_in_order(seconds):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    changes = [Change(str(n), start + timedelta(hours=s), {}) for n, s in enumerate(seconds)]
    found = trusted_instants(changes)
    assert all(first <= second for first, second in pairwise(found))
    kept = sum(c.committed_at == t for c, t in zip(changes, found, strict=True))
    longest = [1] * len(seconds)
    for n, second in enumerate(seconds):
        longest[n] = 1 + max((longest[k] for k in range(n) if seconds[k] <= second), default=0)
    assert kept >= max(longest)


def test_days_that_landed_stay_when_the_history_is_rewritten(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1),
            commit("05T10:00:00+00:00", 2),
            commit("07T10:00:00+00:00", 3),
        ],
    )
    assert run(settings, datetime(2026, 1, 8, tzinfo=UTC))[0] == "3 ok"
    write(
        repository,
        [
            commit("02T10:00:00+00:00", 7),
            commit("05T10:00:00+00:00", 8),
            commit("09T10:00:00+00:00", 9),
        ],
    )
    *results, told = run(settings)
    assert "history was rewritten" in told
    assert results == ["2 ok", "8 ok", "9 ok", "10 unchanged", "11 unchanged"]
    assert landed(settings) == {2: 7, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3, 8: 8, 9: 9, 10: 9, 11: 9}
    assert run(settings) == []


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_interrupted_run_is_taken_up_where_it_ended(settings, repository, tmp_path, monkeypatch):
    write(
        repository,
        [commit(f"{day:02}T10:00:00+00:00", day, 1) for day in range(1, 10)]
        + [Commit("2026-01-10T10:00:00+00:00", {LIST: b"[]"})],
    )
    whole = settings.model_copy(update={"state_dir": tmp_path / "whole"})
    run(whole)
    written = LandingZone.store
    for allowed in (0, 1, 4, 7):
        left = [allowed]

        def store(self, *given, left=left, **more):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return written(self, *given, **more)

        monkeypatch.setattr(LandingZone, "store", store)
        with pytest.raises(KeyboardInterrupt):
            run(settings)
        monkeypatch.setattr(LandingZone, "store", written)
    run(settings)
    zones = [files(s.landing_dir / "receipts") for s in (settings, whole)]
    reports = "price-polls"
    kept = [{k: v for k, v in zone.items() if not k.startswith(reports)} for zone in zones]
    assert kept[0] == kept[1]
    assert landed(settings) == landed(whole) == {n: n for n in range(1, 10)}


def test_days_that_were_polled_stay_and_the_days_before_a_day_are_left_out(settings, repository):
    write(repository, [commit(f"{day:02}T10:00:00+00:00", day) for day in (2, 4, 6)])
    polled = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
    zone = LandingZone(settings.landing_dir)
    zone.store("litellm", "", prices(4.5), polled)
    assert run(settings, since=date(2026, 1, 4)) == [
        "4 ok", "6 ok", "7 unchanged", "8 unchanged", "9 unchanged", "10 unchanged", "11 unchanged",
    ]  # fmt: skip
    assert [r.fetched_at for r in zone.receipts("litellm")][1] == polled


def test_a_list_that_lost_most_of_its_prices_is_refused_as_of_a_poll(settings, repository):
    write(
        repository,
        [commit("03T10:00:00+00:00", *range(1, 11)), commit("05T10:00:00+00:00", 1, 2, 3)],
    )
    assert run(settings)[:3] == ["3 ok", "4 unchanged", "5 rejected"]


def test_a_file_over_the_bound_is_refused_and_the_next_is_read(settings, repository):
    write(
        repository,
        [
            commit("03T10:00:00+00:00", 1),
            Commit("2026-01-04T10:00:00+00:00", {LIST: prices(1) + b" " * 100_000}),
            commit("05T10:00:00+00:00", 2),
        ],
    )
    bounded = settings.model_copy(update={"poll_max_bytes": 90_000})
    assert run(bounded)[:3] == ["3 ok", "4 rejected", "5 ok"]


def test_only_the_files_of_the_days_are_fetched(settings, repository, tmp_path):
    # Random content does not compress: nothing of it arrives unless it is asked for.
    noise = {f"noise/{n}": bytes(range(256)) * 4 + str(n).encode() * 99 for n in range(20)}
    write(
        repository,
        [
            Commit("2026-01-03T09:00:00+00:00", noise),
            commit("03T10:00:00+00:00", 1),
            commit("03T11:00:00+00:00", 2),
        ],
    )
    run(settings)
    copy = tmp_path / "state" / "git" / "litellm"
    names = {path.name for path in copy.rglob("*.promisor")}
    assert names, "the server was asked for all files"
    assert not (copy / "hooks").exists()


def test_no_hook_no_configuration_of_the_user_and_no_secret(
    settings, repository, tmp_path, monkeypatch
):
    write(repository, [commit("03T10:00:00+00:00", 1)])
    own = tmp_path / "gitconfig"
    own.write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    copy = settings.git_dir / "litellm"
    hook = copy / "hooks" / "reference-transaction"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    with_secret = settings.litellm_git_url.replace("//", "//user:s3cret@")
    told = run(settings.model_copy(update={"litellm_git_url": with_secret}))
    assert told[0] == "3 ok"
    assert not (tmp_path / "hooked").exists()
    assert [
        name for name, content in files(settings.state_dir).items() if b"s3cret" in content
    ] == []
    (receipt, *_) = LandingZone(settings.landing_dir).receipts("litellm")
    assert receipt.url.startswith(settings.litellm_git_url.removesuffix(".git") + "/blob/")
    assert receipt.url.endswith(LIST)


def test_a_repository_that_cannot_be_read_is_one_sentence(settings, repository, served):
    with pytest.raises(BackfillError, match=r"litellm\.git: git cannot read it \(.*not found"):
        run(settings)
    write(repository, [Commit("2026-01-03T10:00:00+00:00", {"README.md": b"-"})])
    with pytest.raises(BackfillError, match="no commit has model_prices_and_context_window"):
        run(settings)
    with pytest.raises(BackfillError, match="openrouter: no list with a git repository"):
        list(backfill(settings, "openrouter"))
    small = settings.model_copy(update={"git_max_bytes": 10})
    with pytest.raises(BackfillError, match="more than the 10 of DENSING_GIT_MAX_BYTES"):
        run(small)


def test_a_server_that_never_answers_is_left(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stuck = settings.model_copy(
            update={"litellm_git_url": f"http://127.0.0.1:{port}/list.git", "git_seconds": 0.1}
        )
        with pytest.raises(
            BackfillError, match=r"not fetched within 0\.1 s; set DENSING_GIT_SECONDS"
        ):
            run(stuck)


@pytest.mark.heavy
def test_the_command_lands_folds_and_goes_on_after_a_repository_that_fails(
    settings, repository, served, monkeypatch, capsys
):
    write(repository, [commit("03T10:00:00+00:00", 1), commit("05T10:00:00+00:00", 2)])
    for name in ("litellm", "genai_prices"):
        monkeypatch.setenv(f"DENSING_{name.upper()}_GIT_URL", served.url(f"{name}.git"))
    monkeypatch.setenv("DENSING_STATE_DIR", str(settings.state_dir))
    arguments = ["--from-git", "genai-prices", "--from-git", "litellm", "--since", "2026-01-04"]
    assert main(["backfill", *arguments]) == 1
    shown = capsys.readouterr()
    assert "genai_prices.git: git cannot read it" in shown.err
    assert "litellm 2026-01-05 ok: 1 prices, backfilled" in shown.out
    assert "litellm 2026-01-06" not in shown.out
    assert "days on which the list stood unchanged" in shown.out
    assert last_good(LandingZone(settings.landing_dir), "litellm").parsed.rows == 1
    assert histories(settings.book_dir)["litellm"]["valid_from"].max() == date(2026, 1, 5)
