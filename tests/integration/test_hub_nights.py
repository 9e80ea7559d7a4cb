"""Nights at a Hub on loopback, asked by the real client, with what goes wrong on them."""

import contextlib
import itertools
import json
import multiprocessing
import random
import shutil
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import polars as pl
import pytest

from densing_pipeline import files
from densing_pipeline.definitions import build_defs
from densing_pipeline.hub import (
    client,
    models,
    observations,
    poll,
    sweep,
    watermark,
)
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.landing import LandingZone
from densing_pipeline.settings import Settings
from tests.servers.hub import (
    FIRST_DAY,
    GOOD_TOKEN,
    Reply,
    World,
    base_model,
    finetune,
    gguf,
    serving,
    world,
)
from tests.servers.observatory import LIMITS, NIGHT, Observatory
from tests.servers.polling import night


@pytest.fixture(autouse=True)
def _offline_token(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "LIMITS", replace(client.LIMITS, backoff_s=0.01))


@pytest.fixture
def simulated():
    return world(per_day=100, days=30, history=300)


@pytest.fixture
def observatory(tmp_path, simulated):
    with serving(simulated) as endpoint:
        yield Observatory(tmp_path, simulated, endpoint)


def planted(simulated, day, hours=5.0, **changes):
    """A base model created on a day; returns its id."""
    model_id = f"lab{day % 7}/Nova-{day + 100}-{len(simulated.repos)}"
    simulated.repos.append(
        base_model(model_id, FIRST_DAY + timedelta(days=day, hours=hours), **changes)
    )
    return model_id


def test_every_planted_base_model_is_found_once_on_its_night(tmp_path):
    simulated = world(per_day=30, days=12, history=90)
    expected = {planted(simulated, day): day for day in range(0, 12, 2)}
    late = planted(simulated, 3)
    simulated.repos[-1].public_from = FIRST_DAY + timedelta(days=9)
    simulated.repos[-1].trending = 50.0
    expected[late] = 9
    with serving(simulated) as endpoint:
        observatory = Observatory(tmp_path, simulated, endpoint, replace(LIMITS, page_size=30))
        for day in range(12):
            assert observatory.night(day).outcome == "ok"
    assert observatory.found() == expected


WRONG = (None, "links", None, "empty", None, "5xx", None, "order", None, "one link", None)
"""What goes wrong on a night, in turn."""


def going_wrong(simulated: World, rng: random.Random) -> dict[str, Any]:
    """Let lists go wrong; the dictionary returned says what is wrong tonight and counts the lists."""
    tonight: dict[str, Any] = {"wrong": None, "lists": 0}

    def altered(path: str, reply: Reply) -> Reply:
        status, headers, body = reply
        if not path.startswith("/api/models?") or status != 200:
            return reply
        tonight["lists"] += 1
        wrong, is_later = tonight["wrong"], "cursor=" in path
        if (wrong == "links" and is_later) or (wrong == "one link" and tonight["lists"] == 1):
            return status, {name: h for name, h in headers.items() if name != "Link"}, body
        if wrong == "empty" and is_later and "createdAt" in path:
            return status, headers, b"[]"
        if wrong == "5xx" and is_later:
            return 503, {}, b"no"
        if wrong == "order":
            records = json.loads(body)
            rng.shuffle(records)
            return status, headers, json.dumps(records).encode()
        return reply

    simulated.altered = altered
    return tonight


@pytest.mark.slow
def test_sixty_nights_on_which_all_goes_wrong_lose_no_base_model_and_none_is_falsely_ok(tmp_path):
    rng, nights = random.Random(7), 60  # noqa: S311
    simulated, public = world(per_day=6, days=nights, history=20), {}
    for n in range(30):
        model = planted(simulated, rng.randrange(nights - 35), rng.uniform(0, 20))
        repo = simulated.repos[-1]
        created = FIRST_DAY + timedelta(days=int(model.split("-")[1]) - 100)
        repo.public_from = created + timedelta(days=rng.randrange(31), hours=rng.uniform(20, 24))
        if n % 5 < 2:
            repo.record["lastModified"] = repo.public_from.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        if n % 7 == 0:
            repo.renamed = (repo.public_from + timedelta(days=3), f"{model}-v2")
        if n % 7 == 1:
            repo.hidden_from = repo.public_from + timedelta(days=3)
        # A night begins an hour before midnight: what comes later is there on the next one.
        public[model] = (repo.public_from + timedelta(hours=1) - FIRST_DAY).days
    assert len(public) == 30
    tonight, ok = going_wrong(simulated, rng), []
    outcomes: dict[str | None, list[str]] = {}
    with serving(simulated) as endpoint:
        observatory = Observatory(tmp_path, simulated, endpoint, replace(LIMITS, page_size=20))
        for day in range(nights):
            tonight |= {"wrong": WRONG[day % len(WRONG)], "lists": 0}
            night = observatory.night(day)
            outcomes.setdefault(tonight["wrong"], []).append(night.outcome)
            ok += [day] if night.outcome == "ok" else []
    assert set(outcomes[None] + outcomes["one link"]) == {"ok"}
    for wrong in ("links", "empty", "5xx", "order"):
        assert "partial" in outcomes[wrong]
    seen = observatory.tables()[0].filter(pl.col("model_id").is_in(list(public)))
    found = {
        model: (at - FIRST_DAY).days
        for model, at in seen.select("model_id", "first_seen_at").iter_rows()
    }
    assert found.keys() == public.keys()
    # Found on the first night it could be, and by every night that says it is complete.
    assert all(found[model] >= day for model, day in public.items())
    assert not [model for model, day in public.items() if set(ok) & {*range(day, found[model])}]
    states = dict(seen.select("model_id", "hub_state").iter_rows())
    assert [states[model] for n, model in enumerate(public) if n % 7 == 0] == ["renamed"] * 5
    assert [states[model] for n, model in enumerate(public) if n % 7 == 1] == ["gone"] * 5


def test_an_ordinary_night_costs_what_is_new_over_the_page_size(observatory, simulated):
    for day in range(12):
        night = observatory.night(day)
    # By creation 100 a day, two days of overlap, the begun ones and a page that is older; by last
    # change one day of overlap; thirteen days and the thirty before with few fields; one trending.
    assert night.list_requests <= 6 + 5 + 2 + 1
    assert night.requests <= night.list_requests + 2 * LIMITS.revisits
    assert simulated.lists() <= 14 * 12
    assert night.rows <= 600 + 500 + 1500 + 100


def test_a_night_asks_once_for_every_publisher_and_owner_of_a_base_model(observatory, simulated):
    observatory.publishers = {"lab1", "nobody"}
    planted(simulated, 0)
    planted(simulated, 1)
    for day in range(2):
        night = observatory.night(day)
        assert night.outcome == "ok"
        assert "publishers without repositories" in night.message
        assert "nobody; the Hub may write them otherwise" in night.message
        authors = [path for path in simulated.log if "author=" in path]
        simulated.log.clear()
    assert sorted(path.partition("author=")[2].partition("&")[0] for path in authors) == [
        "lab0",
        "lab1",
        "nobody",
    ]


@pytest.mark.parametrize("days", [4, 29])
@pytest.mark.parametrize("has_commit", [False, True])
def test_a_model_made_public_late_is_found_that_night(observatory, simulated, days, has_commit):
    model = planted(simulated, 0)
    repo = simulated.repos[-1]
    repo.public_from = FIRST_DAY + timedelta(days=days, hours=5)
    if has_commit:
        repo.record["lastModified"] = repo.public_from.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for day in (0, days - 1, days):
        assert observatory.night(day).outcome == "ok"
    assert observatory.found() == {model: days}


def test_a_model_of_a_known_publisher_is_found_however_late_it_is_made_public(
    observatory, simulated
):
    observatory.publishers = {"lab5"}
    model = planted(simulated, -58)
    simulated.repos[-1].public_from = FIRST_DAY + timedelta(days=3, hours=5)
    for day in range(2, 5):
        assert observatory.night(day).outcome == "ok"
    assert observatory.found() == {model: 3}


@pytest.mark.parametrize(("entered", "now"), [("lab5", "Lab5-AI"), ("LAB5", "lab5")])
def test_a_publisher_that_was_renamed_or_is_written_otherwise_is_listed_under_its_name(
    observatory, simulated, entered, now
):
    observatory.publishers = {entered}
    late = base_model(f"{now}/Nova-1B", FIRST_DAY - timedelta(days=300))
    late.public_from = FIRST_DAY + timedelta(days=3, hours=5)
    simulated.repos.append(late)
    old, new = f"author={entered}&", f"author={now}&"
    simulated.faults = lambda path: (
        (307, {"Location": path.replace(old, new)}, b"") if old in path else None
    )
    for day in range(2, 5):
        assert observatory.night(day).outcome == "ok"
    assert observatory.found() == {f"{now}/Nova-1B": 3}


def test_all_pages_of_a_publisher_are_read_and_those_of_others_are_not(observatory, simulated):
    observatory.publishers = {"lab5"}
    simulated.page_limit = 100
    for n in range(250):
        model = f"lab5/Poems-{n}-Instruct"
        simulated.repos.append(finetune(model, FIRST_DAY - timedelta(days=n), "lab5/Nova-1B"))
    late = base_model("lab5/Nova-1B", FIRST_DAY - timedelta(days=300))
    late.public_from = FIRST_DAY + timedelta(days=3, hours=5)
    simulated.repos.append(late)
    for day in range(2, 4):
        simulated.log.clear()
        assert observatory.night(day).outcome == "ok"
    # Made public without a commit, it stands on the last of three pages.
    assert observatory.found() == {"lab5/Nova-1B": 3}
    authors = [path for path in simulated.log if "author=" in path]
    assert len(authors) <= 4
    fields = {"createdAt", "lastModified", "library_name", "pipeline_tag", "tags"}
    asked = parse_qs(urlsplit(authors[0]).query)
    assert (asked["sort"], asked["author"]) == (["lastModified"], ["lab5"])
    assert set(asked["expand"]) == fields


def test_a_publisher_whose_models_are_not_listed_makes_a_night_partial(observatory, simulated):
    model = planted(simulated, 0)
    assert observatory.night(0).outcome == "ok"
    simulated.altered = lambda path, reply: (200, {}, b"[]") if "author=" in path else reply
    night = observatory.night(1)
    assert night.outcome == "partial"
    assert f"{model} is not listed" in night.missing
    simulated.altered = lambda path, reply: reply
    simulated.repos[-1].renamed = (FIRST_DAY + timedelta(days=2), "lab/Nova-renamed")
    assert observatory.night(2).outcome == "ok"
    row = observatory.tables()[0].row(by_predicate=pl.col("model_id") == model, named=True)
    assert row["renamed_to"] == "lab/Nova-renamed"


def test_a_record_that_cannot_be_read_makes_a_night_partial_and_is_read_later(
    observatory, simulated
):
    observatory.publishers = {"lab5"}
    observatory.night(0)
    model = planted(simulated, -58)
    simulated.faults = lambda path: (
        (500, {}, b"") if path.startswith(f"/api/models/{model}") else None
    )
    broken = observatory.night(1)
    assert (broken.outcome, broken.unread) == ("partial", (model,))
    assert "created" in broken.complete
    assert watermark.table(observatory.zone)["unread"].to_list() == [0, 1]
    simulated.faults = lambda path: None
    assert observatory.night(2).outcome == "ok"
    assert observatory.found() == {model: 2}


def test_a_hub_that_has_lost_most_of_its_repositories_is_not_believed(observatory, simulated):
    for day in range(3):
        assert observatory.night(day).outcome == "ok"
    few = [repo for n, repo in enumerate(simulated.repos) if n % 6 == 0]
    everything, simulated.repos = simulated.repos, few
    night = observatory.night(3)
    assert night.outcome == "partial"
    assert "a day, after" in night.missing
    simulated.repos = everything
    again = observatory.night(4)
    assert (again.outcome, again.since) == ("ok", night.since)


def test_reading_a_night_again_adds_nothing(observatory, simulated):
    planted(simulated, 2)
    for day in range(4):
        observatory.night(day)
    before = observatory.tables()
    observatory.night(3)
    for once, twice in zip(before, observatory.tables(), strict=True):
        assert twice.equals(once)


def test_missed_nights_are_caught_up(observatory, simulated):
    expected = {planted(simulated, 2): 2, planted(simulated, 6): 9, planted(simulated, 8): 9}
    for day in (0, 1, 2, 9, 10):
        observatory.night(day)
    assert observatory.found() == expected


class Crashed(BaseException):
    """The process dies: nothing may catch it."""


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_a_crash_between_any_two_writes_loses_nothing(tmp_path, monkeypatch, every):
    # Two nights for every write of one: the fewer repositories, the fewer writes.
    simulated = world(per_day=3, days=5, history=4)
    expected = {planted(simulated, 1), planted(simulated, 2), planted(simulated, 2, hours=20)}
    limits = poll.Limits(overlap_days=1, first_days=5, page_size=8, configs=9, revisits=9)
    with serving(simulated) as endpoint:
        Observatory(tmp_path / "begun", simulated, endpoint, limits).night(0)
        for writes in itertools.count(0, every):
            shutil.copytree(tmp_path / "begun", tmp_path / str(writes))
            observatory = Observatory(tmp_path / str(writes), simulated, endpoint, limits)
            with monkeypatch.context() as patched:
                is_dead = die_after(writes, patched)
                with contextlib.suppress(Crashed):
                    observatory.night(2)
            assert observatory.night(4).outcome == "ok"
            assert set(observatory.found()) == expected, f"died after {writes} writes"
            if not is_dead:
                break
    assert writes > 20, "a night writes more than that"


def die_after(writes, patched):
    """Let the process die after that many writes to disk; the list says whether it did."""
    left, is_dead = iter(range(writes)), []

    def dying(write):
        def write_or_die(*args):
            if next(left, None) is None:
                is_dead.append(True)
                raise Crashed
            return write(*args)

        return write_or_die

    patched.setattr(files, "rename", dying(files.rename))
    return is_dead


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_a_killed_process_loses_nothing_wherever_it_is(tmp_path, monkeypatch, kills):
    simulated = world(per_day=8, days=5, history=10)
    expected = {planted(simulated, 1), planted(simulated, 2), planted(simulated, 2, hours=20)}
    limits = poll.Limits(overlap_days=1, first_days=5, page_size=8, configs=9, revisits=9)
    rng = random.Random(0)  # noqa: S311
    # The server that forks finds what it is to import there.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.servers.polling", "httpcore2", "h11", "truststore"])

    with serving(simulated) as endpoint:

        def night_of(name):
            return Observatory(tmp_path / name, simulated, endpoint, limits)

        def night_in_a_process(name, dies_at):
            """Poll in a process of its own; its exit code, and the function calls of a night that ended."""
            here, there = processes.Pipe()
            arguments = (tmp_path / name, endpoint, limits, simulated.today, dies_at, there)
            process = processes.Process(target=night, args=arguments)
            process.start()
            process.join()
            return process.exitcode, here.recv() if here.poll() else None

        night_of("begun").night(0)
        for n in (*range(kills), "whole"):
            shutil.copytree(tmp_path / "begun", tmp_path / str(n))
        simulated.today = FIRST_DAY + timedelta(days=2) + NIGHT
        _, calls = night_in_a_process("whole", None)
        whole = comparable(night_of("whole").tables())
        for n in range(kills):
            # Responses come in pieces that differ, and with them the last few calls.
            ended, _ = night_in_a_process(str(n), rng.randrange(calls * 9 // 10))
            assert ended == -signal.SIGKILL
            again = night_of(str(n))
            again.night(2)
            tables = again.tables()
            assert set(again.found(tables[0])) == expected
            for table, same in zip(comparable(tables), whole, strict=True):
                assert table.equals(same), f"the {n}th time"


def comparable(tables):
    """The tables with days for instants: a night done twice has an observation more."""
    return [table.with_columns(pl.col("first_seen_at").dt.date()) for table in tables]


def test_a_listing_that_breaks_half_way_is_read_again_from_the_same_day(observatory, simulated):
    first = planted(simulated, 1)
    observatory.night(0)
    pages = iter(range(10**6))
    simulated.faults = lambda path: (
        (500, {}, b"") if "cursor" in path and next(pages) >= 0 else None
    )
    broken = observatory.night(2)
    assert (broken.outcome, broken.http_status) == ("partial", 500)
    assert "new repositories: " in broken.missing
    simulated.faults = lambda path: None
    again = observatory.night(3)
    assert again.since == broken.since
    assert set(observatory.found()) == {first}


def test_too_many_requests_are_waited_for(observatory, simulated):
    model = planted(simulated, 0)
    refusals = iter([(429, {"Retry-After": "0"}, b"slow down")] * 3)
    simulated.faults = lambda path: next(refusals, None) if "cursor" in path else None
    assert observatory.night(0).outcome == "ok"
    assert set(observatory.found()) == {model}


def test_a_token_that_expires_half_way_is_said_and_gone_without(tmp_path, simulated):
    model = planted(simulated, 0)
    with serving(simulated) as endpoint:
        observatory = Observatory(tmp_path, simulated, endpoint, token=GOOD_TOKEN)

        def expiring(path):
            simulated.expired = "cursor" in path or simulated.expired

        simulated.faults = expiring
        night = observatory.night(0)
    assert night.outcome == "ok"
    assert "renew HF_TOKEN" in night.message
    assert set(observatory.found()) == {model}


def test_a_page_said_to_be_elsewhere_is_not_followed(observatory, simulated):
    elsewhere = '<http://elsewhere.example/api/models?cursor=x>; rel="next"'
    simulated.faults = lambda path: (200, {"Link": elsewhere}, b"[]")
    night = observatory.night(0)
    assert (night.outcome, simulated.lists()) == ("failed", 2), "an empty page is asked for again"
    assert "elsewhere.example" in night.message


def test_a_record_that_cannot_be_served_keeps_none_of_the_others_waiting(observatory, simulated):
    stuck, fine = planted(simulated, 0), planted(simulated, 0)
    simulated.faults = lambda path: (500, {}, b"") if path.startswith(f"/{stuck}/") else None
    night = observatory.night(0)
    assert night.outcome == "ok"
    assert stuck in night.message
    table = observatory.tables()[0]
    assert table.filter(pl.col("model_id") == fine)["readable"].to_list() == [True]
    assert table.filter(pl.col("model_id") == stuck)["readable"].to_list() == [None]


def test_a_page_that_is_no_list_is_rejected_and_the_facts_go_on(observatory, simulated):
    simulated.faults = lambda path: (200, {}, b"<html>maintenance</html>")
    assert observatory.night(0).outcome == "rejected"
    table, quarantine = observatory.tables()
    assert table.height > 100
    assert quarantine.is_empty(), "the report says it; a page is no model"


@pytest.mark.parametrize("document", ["/resolve/", "?blobs=true"])
def test_an_answer_about_a_model_that_is_none_is_asked_for_again(observatory, simulated, document):
    """A page of a server under maintenance comes with status 200 too."""
    model = planted(simulated, 0)

    def under_maintenance(path):
        is_asked = model in path and document in path
        return (200, {}, b"<html>back soon</html>") if is_asked else None

    simulated.faults = under_maintenance
    assert "the answer is no JSON object" in observatory.night(0).message
    assert observatory.tables()[1].is_empty()
    simulated.faults = lambda path: None
    for day in range(1, 9):
        observatory.night(day)
    table = observatory.tables()[0].filter(pl.col("model_id") == model)
    assert table["readable"].to_list() == [True]
    seen = observations.observations(observatory.zone, observatory.cache)
    assert seen.filter(pl.col("model_id") == model)["blobs"].drop_nulls().len() > 0


def test_a_machine_without_network_learns_it_at_once(tmp_path, simulated):
    observatory = Observatory(tmp_path, simulated, "http://127.0.0.1:9")
    night = observatory.night(0)
    assert night.outcome == "failed"
    assert "cannot be reached" in night.message
    assert observatory.night(1).since == night.since + timedelta(days=1)


def test_a_gated_model_waits_for_access(tmp_path, simulated):
    model = planted(simulated, 0, gated="manual")
    with serving(simulated) as endpoint:
        observatory = Observatory(tmp_path, simulated, endpoint)
        observatory.night(0)
        row = observatory.tables()[0].row(by_predicate=pl.col("model_id") == model, named=True)
        assert (row["gated"], row["readable"]) == ("manual", False)
        observatory.token = GOOD_TOKEN
        for day in range(1, 10):
            observatory.night(day)
        row = observatory.tables()[0].row(by_predicate=pl.col("model_id") == model, named=True)
        assert row["readable"]


def test_renamed_deleted_hidden_and_reuploaded_models_are_noticed(observatory, simulated):
    renamed, deleted, again = (planted(simulated, 0) for _ in range(3))
    repos = {repo.record["id"]: repo for repo in simulated.repos}
    repos[renamed].renamed = (FIRST_DAY + timedelta(days=6), "lab/Nova-renamed")
    repos[deleted].hidden_from = FIRST_DAY + timedelta(days=6)
    repos[again].hidden_from = FIRST_DAY + timedelta(days=6)
    simulated.repos.append(base_model(again, FIRST_DAY + timedelta(days=6, hours=2), layers=20))
    for day in range(9):
        observatory.night(day)
    table = observatory.tables()[0].filter(pl.col("source") == models.SOURCE)
    states = {(row["model_id"], row["hub_state"]): row for row in table.iter_rows(named=True)}
    assert states[renamed, "renamed"]["renamed_to"] == "lab/Nova-renamed"
    assert "lab/Nova-renamed" not in table["model_id"], "one model, under the name it came with"
    assert "deleted or made private" in states[deleted, "gone"]["hub_state_reason"]
    old, new = states[again, "replaced"], states[again, "present"]
    assert old["revision"] != new["revision"]
    assert models.current(table)["model_id"].is_unique().all()


def test_a_name_used_again_after_a_renaming_is_another_model(observatory, simulated):
    first = planted(simulated, 0)
    simulated.repos[-1].renamed = (FIRST_DAY + timedelta(days=2), "lab/Nova-elsewhere")
    simulated.repos.append(base_model(first, FIRST_DAY + timedelta(days=3, hours=2), layers=20))
    for day in range(7):
        observatory.night(day)
    table = observatory.tables()[0].filter(pl.col("source") == models.SOURCE)
    rows = {row["model_id"]: row for row in table.iter_rows(named=True)}
    assert set(rows) == {first, "lab/Nova-elsewhere"}
    assert {row["hub_state"] for row in rows.values()} == {"present"}
    assert rows[first]["params_total"] != rows["lab/Nova-elsewhere"]["params_total"]


def test_weights_that_come_after_the_overlap_are_found(observatory, simulated):
    model = planted(simulated, 1)
    record = simulated.repos[-1].record
    whole = dict(record)
    record |= {"siblings": [{"rfilename": ".gitattributes"}], "config": {}, "safetensors": None}
    for day in range(9):
        observatory.night(day)
    assert model not in observatory.tables()[0]["model_id"]
    record |= whole | {"sha": "f" * 40}
    for day in range(9, 21):
        observatory.night(day)
    assert set(observatory.found()) == {model}
    row = observatory.tables()[0].row(by_predicate=pl.col("model_id") == model, named=True)
    assert row["revision"] == "f" * 40


def test_weights_uploaded_anew_are_noticed(observatory, simulated):
    model = planted(simulated, 0)
    for day in range(3):
        observatory.night(day)
    simulated.repos[-1].upload = "second"
    simulated.repos[-1].record["sha"] = "e" * 40
    for day in range(3, 6):
        observatory.night(day)
    table = observatory.tables()[0].filter(pl.col("model_id") == model)
    states = dict(table.select("hub_state", "revision").iter_rows())
    assert set(states) == {"replaced", "present"}
    assert states["present"] == "e" * 40


def test_a_new_model_card_makes_no_new_model(observatory, simulated):
    model = planted(simulated, 0)
    observatory.night(0)
    before = observatory.tables()[0]
    next(r for r in simulated.repos if r.record["id"] == model).record["sha"] = "f" * 40
    observatory.night(1)
    assert observatory.tables()[0].equals(before)


def test_bad_records_cost_only_themselves(observatory, simulated):
    day = FIRST_DAY + timedelta(hours=3)
    good = planted(simulated, 0)
    bad = {
        "../../etc/passwd": {},
        "lab/a,b": {},
        "lab/" + "x" * 200: {},
        "lab/modèle": {},
        "lab/negative": {"safetensors": {"parameters": {"BF16": -5}, "total": -5}},
        "lab/tiny-claim": {"safetensors": {"parameters": {"BF16": 333_312}, "total": 333_312}},
        "lab/text-count": {"safetensors": {"parameters": "many", "total": "many"}},
        "lab/odd-shapes": {"tags": None, "siblings": "none", "cardData": [], "config": []},
    }
    for name, changes in bad.items():
        simulated.repos.append(base_model(name, day, **changes))
    simulated.repos.append(base_model("lab/no-config", day, config={}))
    undated = base_model("lab/undated", day, createdAt=None)
    undated.public_from = day
    simulated.repos.append(undated)
    future = base_model("lab/from-the-future", day)
    future.record["createdAt"] = "2099-01-01T00:00:00.000Z"
    simulated.repos.append(future)
    listed = finetune("lab/listed-parents", day, "a/b")
    listed.record["cardData"] = {"base_model": ["a/b", "c/d"], "base_model_relation": "merge"}
    simulated.repos += [listed, gguf("lab/four-bits", day, good)]
    assert observatory.night(0).outcome == "ok"
    assert observatory.night(1).outcome == "ok", "nothing from the future hides what is new"
    table, quarantine = observatory.tables()
    table = table.filter(pl.col("source") == models.SOURCE)
    assert good in observatory.found()
    reasons = dict(quarantine.select("model_id", "reason").iter_rows())
    assert "not a repository id" in reasons["../../etc/passwd"]
    assert "not a repository id" in reasons["lab/a,b"]
    assert "not a repository id" in reasons["lab/modèle"]
    assert any(name.startswith("lab/xxx") and name.endswith("...") for name in reasons)
    assert "future" in reasons["lab/from-the-future"]
    assert "no plausible day" in reasons["lab/undated"]
    totals = dict(table.select("model_id", "params_total").iter_rows())
    assert totals["lab/negative"] == totals["lab/no-config"] == totals[good], "from config.json"
    claimed = quarantine.row(by_predicate=pl.col("model_id") == "lab/tiny-claim", named=True)
    assert claimed["params_from_safetensors"] == 333_312
    assert claimed["params_from_config"] > 100_000_000
    counted = table.filter(pl.col("model_id") == "lab/tiny-claim")
    assert counted["params_total"].to_list() == [None]
    assert not set(table["model_id"]) & {"../../etc/passwd", "lab/a,b", "lab/listed-parents"}


@pytest.mark.slow
def test_ten_thousand_new_repositories_in_one_night(tmp_path):
    simulated = world(per_day=10_000, days=1, history=0)
    model = planted(simulated, 0)
    with serving(simulated) as endpoint:
        limits = poll.Limits(page_size=500)
        observatory = Observatory(tmp_path, simulated, endpoint, limits)
        night = observatory.night(0)
        # By creation and by last change 20 pages and the proof of the end; 10 with few fields.
        assert night.list_requests <= 22 + 22 + 12 + 1
        assert night.outcome == "ok"
        assert set(observatory.found()) == {model}


def test_a_sweep_that_was_killed_goes_on_where_it_stopped(observatory, simulated, monkeypatch):
    expected = {planted(simulated, day) for day in range(-40, 0, 10)}
    simulated.today = FIRST_DAY + NIGHT
    ticks = iter(range(10**6))

    def go_on():
        return sweep.sweep(
            observatory.zone,
            Hub(observatory.endpoint),
            50,
            lambda: simulated.today + timedelta(milliseconds=next(ticks)),
        )

    kept, died = [], iter([False] * 3 + [True])
    store = LandingZone.store

    def dying(zone, source, *args, **kwargs):
        if source.startswith(sweep.PROGRESS) and next(died, False):
            raise Crashed
        kept.append(source)
        return store(zone, source, *args, **kwargs)

    monkeypatch.setattr(LandingZone, "store", dying)
    with pytest.raises(Crashed):
        go_on()
    assert sweep.unfinished(observatory.zone).pages == 3
    done = go_on()
    assert done.next_url is None
    assert done.rows == sum(repo.is_visible(simulated.today) for repo in simulated.repos)
    assert simulated.lists() == done.pages + 1, "only the page that was lost is asked for again"
    assert set(observatory.found()) == expected
    assert go_on().name != done.name, "a finished sweep is followed by a new one"


def test_a_sweep_whose_place_is_forgotten_begins_anew(observatory, simulated):
    clock = iter(FIRST_DAY + NIGHT + timedelta(seconds=n) for n in range(10**6))
    simulated.today = FIRST_DAY + NIGHT
    simulated.faults = lambda path: (400, {}, b"") if "cursor" in path else None
    hub = Hub(observatory.endpoint)
    with pytest.raises(HubError, match="HTTP 400"):
        sweep.sweep(observatory.zone, hub, 50, clock.__next__)
    begun = sweep.unfinished(observatory.zone)
    refused = iter([True])
    simulated.faults = lambda path: (
        (400, {}, b"") if "cursor" in path and next(refused, False) else None
    )
    done = sweep.sweep(observatory.zone, hub, 50, clock.__next__)
    assert done.name != begun.name
    assert done.next_url is None
    assert "cannot be resumed" in " ".join(hub.remarks)


@pytest.mark.parametrize("fault", [(500, {}, b""), (200, {}, b"<html>maintenance</html>")])
def test_a_sweep_that_gets_no_further_is_given_up(observatory, simulated, fault):
    clock = iter(FIRST_DAY + NIGHT + timedelta(seconds=n) for n in range(10**6))
    simulated.today = FIRST_DAY + NIGHT
    simulated.faults = lambda path: fault if "cursor" in path else None
    hub = Hub(observatory.endpoint)
    names = []
    for _ in range(sweep.TRIES):
        with pytest.raises((HubError, ValueError)):
            sweep.sweep(observatory.zone, hub, 50, clock.__next__)
        names.append(sweep.unfinished(observatory.zone).name)
    assert names[0] == names[-2] != names[-1]
    assert "cannot be resumed" in " ".join(hub.remarks)
    simulated.faults = lambda path: None
    done = sweep.sweep(observatory.zone, hub, 50, clock.__next__)
    assert done.next_url is None


def test_the_nightly_job_polls_when_it_is_told_to(observatory, simulated, tmp_path, monkeypatch):
    model = planted(simulated, 0)
    simulated.today = FIRST_DAY + NIGHT
    monkeypatch.setenv("HF_ENDPOINT", observatory.endpoint)
    settings = Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        bootstrap_draws=100,
        hub_poll=True,
        hub_first_days=300,
        hub_revisits_per_night=3,
    )
    tables = materialise(settings, "hub_nights", "models", "evaluations", "evaluation_queue")
    assert tables["hub_nights"]["outcome"].to_list() == ["ok"]
    queue = tables["evaluation_queue"].filter(pl.col("model_id") == model)
    assert queue["state"].to_list() == ["queued"]
    dead = settings.model_copy(update={"hub_endpoint": "http://127.0.0.1:9"})
    tables = materialise(
        dead, "hub_nights", "models", "prices", "benchmark_reports", "source_health"
    )
    health = tables["source_health"].filter(pl.col("source") == models.SOURCE)
    assert health["outcome"].to_list() == ["failed"], "and that stops nothing"
    assert model in tables["models"]["model_id"]


def materialise(settings, *names):
    """Run these assets, and those made with them, as the nightly job does; returns their tables."""
    defs = build_defs(settings)
    job = defs.resolve_implicit_global_asset_job_def()
    wanted = dg.AssetSelection.assets(*names).required_multi_asset_neighbors()
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            instance=instance, asset_selection=list(wanted.resolve(defs.resolve_asset_graph()))
        )
    return {name: pl.read_parquet(settings.tables_dir / f"{name}.parquet") for name in names}


def test_the_report_of_a_night_is_the_only_memory(observatory):
    night = observatory.night(0)
    landed = list(observatory.zone.receipts(watermark.REPORTS))
    assert json.loads(observatory.zone.read(landed[0]))["outcome"] == night.outcome
    assert watermark.nights(observatory.zone) == [night]
