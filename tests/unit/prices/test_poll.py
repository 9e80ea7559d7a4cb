"""A night's poll against a real server: what bad input does, and what it never does."""

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.addresses import shown
from densing_pipeline.fetch import Response
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling import poll as polling
from densing_pipeline.polling.answers import Asked, Request
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.prices import snapshots
from densing_pipeline.prices.poll import poll
from densing_pipeline.prices.snapshots import (
    landed_snapshots,
    last_good,
    poll_reports,
    quarantined,
)
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot
from densing_pipeline.publication.health import poll_health
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import QUARANTINE, SOURCE_HEALTH
from tests.servers.price_documents import DOCUMENTS
from tests.servers.prices import PriceServer, Reply, addresses

pytestmark = pytest.mark.heavy

FIRST_NIGHT = datetime(2026, 11, 1, 2, tzinfo=UTC)
MODELS = "/openrouter"


def openrouter(*names: str, price: Any = "0.000001", **document: Any) -> bytes:
    models = [{"id": name, "pricing": {"prompt": price, "completion": price}} for name in names]
    return json.dumps({"data": models} | document).encode()


def ten(**document: Any) -> bytes:
    return openrouter(*(f"maker/m{n}" for n in range(10)), **document)


OTHERS = {
    name: json.dumps(document).encode()
    for name, document in DOCUMENTS.items()
    if not name.startswith("openrouter")
}
"""A document of every list but OpenRouter's, whose answers the tests choose."""


class Nights:
    """Polls of one installation, a day apart."""

    def __init__(self, server: PriceServer, folder: Path) -> None:
        """Point every source at the server, which answers well until told otherwise."""
        self.server = server
        self.now = FIRST_NIGHT
        self.settings = Settings(
            state_dir=folder,
            **addresses(server.url()),
            poll_connect_seconds=5,
            poll_read_seconds=5,
            poll_total_seconds=10,
            poll_max_bytes=100_000,
            poll_backoff_seconds=0.01,
            poll_retry_after_seconds=1,
        )
        for name, document in OTHERS.items():
            server.answer(f"/{name}", Reply(document))
        server.answer(MODELS, Reply(ten()))

    @property
    def zone(self) -> LandingZone:
        return LandingZone(self.settings.landing_dir)

    def poll(self, *replies: Reply, **settings: Any) -> PollResult:
        """One night; gives what came of OpenRouter, which answers with these replies."""
        if replies:
            self.server.answer(MODELS, *replies)
        found = {r.source: r for r in self.all(**settings)}
        return found["openrouter"]

    def all(self, models: tuple[str, ...] = (), **settings: Any) -> list[PollResult]:
        changed = self.settings.model_copy(update=settings)
        found = poll(changed, models={"openrouter-endpoints": models}, clock=lambda: self.now)
        self.now += timedelta(days=1)
        return found

    def models(self) -> list[str]:
        """What the last good OpenRouter list has."""
        held = last_good(self.zone, "openrouter")
        return [] if held is None else held.parsed.quotes["model"].to_list()


@pytest.fixture
def nights(price_server: PriceServer, tmp_path: Path) -> Nights:
    return Nights(price_server, tmp_path)


def test_a_good_night_lands_every_list_as_received(nights: Nights) -> None:
    results = nights.all()
    assert {r.source: (r.outcome, r.rows) for r in results} == {
        name: ("ok", SOURCES[name].read(document, FIRST_NIGHT.date()).quotes.height)
        for name, document in {**OTHERS, "openrouter": ten()}.items()
    }
    ((receipt, content),) = landed_snapshots(nights.zone, "openrouter")
    assert content == ten()
    assert receipt.url == nights.settings.openrouter_url
    assert receipt.fetched_at == FIRST_NIGHT


BAD: dict[str, tuple[Callable[[PriceServer], Reply], str, str]] = {
    "404": (lambda _: Reply(status=404), "failed", "404"),
    "500 for ever": (lambda _: Reply(status=500), "failed", "500"),
    "429 for an hour": (
        lambda _: Reply(status=429, headers={"Retry-After": "3600"}),
        "failed",
        "asks to wait 3600 s",
    ),
    "endless body": (lambda _: Reply(ten(), is_endless=True), "failed", "larger than"),
    "truncated gzip": (lambda _: Reply(ten(), is_gzip=True, sent=60), "failed", "truncated"),
    "slow drip": (lambda _: Reply(ten(), drip_s=0.1), "failed", "not complete after 4 s"),
    "redirect to another host": (
        lambda server: Reply(
            status=302, headers={"Location": f"http://localhost:{server.port}{MODELS}"}
        ),
        "failed",
        "another host: refused",
    ),
    "304 to nothing asked": (lambda _: Reply(status=304), "failed", "304"),
    "cursor loop": (
        lambda _: Reply(ten(links={"next": MODELS})),
        "failed",
        "leads back to an earlier one",
    ),
    "next page on another port": (
        lambda _: Reply(ten(links={"next": "http://127.0.0.1:9/2"})),
        "failed",
        "another host: refused",
    ),
    "next page by another scheme": (
        lambda server: Reply(ten(links={"next": f"https://127.0.0.1:{server.port}/2"})),
        "failed",
        "another host: refused",
    ),
    "next page elsewhere": (
        lambda server: Reply(ten(links={"next": f"http://localhost:{server.port}/2"})),
        "failed",
        "another host: refused",
    ),
    "HTML": (lambda _: Reply(b"<html>Down for maintenance</html>"), "rejected", "HTML"),
    "cut short": (lambda _: Reply(ten()[:-30]), "rejected", "cut short"),
    "empty": (lambda _: Reply(b""), "rejected", "not JSON"),
    "half the models": (
        lambda _: Reply(openrouter("maker/m0", "maker/m1", "maker/m2", "maker/m3", "maker/m4")),
        "rejected",
        "50% of the 10 before",
    ),
    "renamed key": (
        lambda _: Reply(ten().replace(b'"prompt"', b'"input"')),
        "rejected",
        "format has changed",
    ),
    "all prices NaN": (lambda _: Reply(ten(price=float("nan"))), "rejected", "finite"),
    "all prices negative": (lambda _: Reply(ten(price="-5")), "rejected", "not negative"),
    "fewer than announced": (lambda _: Reply(ten(total_count=400)), "rejected", "total_count"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_answer_is_reported_and_the_last_good_list_stays(nights: Nights, case: str) -> None:
    reply, outcome, message = BAD[case]
    before = nights.poll()
    results = {}
    nights.server.answer(MODELS, reply(nights.server))
    for result in nights.all(poll_total_seconds=4 if case == "slow drip" else 10):
        results[result.source] = result
    found = results.pop("openrouter")
    assert (found.outcome, found.rows, found.good_at) == (outcome, 10, before.good_at)
    assert message in found.message
    assert nights.models() == [f"maker/m{n}" for n in range(10)]
    assert {r.outcome for r in results.values()} == {"unchanged"}
    health = poll_health(poll_reports(nights.zone), nights.now)
    row = SOURCE_HEALTH.validate(health).filter(source="openrouter").row(-1, named=True)
    assert (row["outcome"], row["message"]) == (outcome, found.message)
    assert row["stale_hours"] == 48
    assert nights.poll(Reply(ten())).outcome == "unchanged"


OTHER_WAYS_TO_WRITE = [1e-06, "1e-06", "0.0000010", "1E-6"]


@pytest.mark.parametrize("price", OTHER_WAYS_TO_WRITE)
def test_number_instead_of_text_is_the_same_price(nights: Nights, price: Any) -> None:
    nights.poll()
    before = last_good(nights.zone, "openrouter")
    assert nights.poll(Reply(ten(price=price))).outcome in ("ok", "unchanged")
    after = last_good(nights.zone, "openrouter")
    assert before
    assert after
    assert after.parsed.quotes.equals(before.parsed.quotes)


def test_odd_amounts_cost_only_their_own_rows(nights: Nights) -> None:
    nights.poll()
    document = json.loads(ten())
    odd = {"0": "-1", "1": -1, "2": "-0.5", "3": float("nan"), "4": 1e-7, "5": "1e-07", "6": "0"}
    for position, amount in odd.items():
        pricing = document["data"][int(position)]["pricing"]
        pricing |= {"prompt": amount, "completion": amount}
    found = nights.poll(Reply(json.dumps(document).encode()))
    assert (found.outcome, found.rows, found.rows_quarantined) == ("rejected", 10, None)
    assert "60% of the 10 before" in found.message
    for position in ("0", "2"):
        document["data"][int(position)]["pricing"] = {"prompt": "1e-6", "completion": "1e-6"}
    found = nights.poll(Reply(json.dumps(document).encode()))
    assert (found.outcome, found.rows, found.rows_quarantined) == ("ok", 8, 1)
    assert "1 quarantined (first: maker/m3, prompt: a price is a finite number)" in found.message
    held = last_good(nights.zone, "openrouter")
    assert held
    rows = held.parsed.quotes.select("model", "offer", "input_usd_per_mtok").rows()
    assert rows[1] == ("maker/m1", "alias", None)
    assert rows[3:6] == [
        ("maker/m4", "standard", 0.1),
        ("maker/m5", "standard", 0.1),
        ("maker/m6", "free", 0.0),
    ]


def test_first_night_may_fail_too(nights: Nights) -> None:
    found = nights.poll(Reply(status=404))
    assert (found.outcome, found.rows, found.good_at) == ("failed", None, None)
    assert nights.models() == []


def test_500_then_success_is_a_good_night(nights: Nights) -> None:
    assert nights.poll(Reply(status=500), Reply(ten())).outcome == "ok"


def test_429_with_a_short_wait_is_a_good_night(nights: Nights) -> None:
    busy = Reply(status=429, headers={"Retry-After": "0"})
    assert nights.poll(busy, Reply(ten())).outcome == "ok"


def test_304_keeps_the_list_and_says_that_it_was_seen(nights: Nights) -> None:
    nights.poll(Reply(ten(), headers={"ETag": '"1"'}))
    for _ in range(2):
        found = nights.poll()
        assert (found.outcome, found.http_status, found.rows) == ("unchanged", 304, 10)
    receipts, contents = zip(*landed_snapshots(nights.zone, "openrouter"), strict=True)
    assert [r.fetched_at.day for r in receipts] == [1, 2, 3]
    assert set(contents) == {ten()}
    assert len(list((nights.zone.folder / "objects").rglob(f"{receipts[0].sha256}.gz"))) == 1


def test_rejected_list_is_not_taken_for_current_by_its_tag(nights: Nights) -> None:
    nights.poll(Reply(ten(), headers={"ETag": '"1"'}))
    bad = Reply(b"<html>", headers={"ETag": '"2"'})
    assert nights.poll(bad).outcome == "rejected"
    assert nights.poll(bad).outcome == "rejected"
    assert nights.poll(Reply(ten(), headers={"ETag": '"1"'})).http_status == 304


def test_bytes_are_landed_before_they_are_judged(nights: Nights) -> None:
    nights.poll(Reply(b"<html>"))
    receipt = nights.zone.latest("openrouter-received")
    assert receipt is not None
    assert nights.zone.read(receipt) == b"<html>"
    assert nights.zone.latest("openrouter") is None


def test_fault_in_a_reader_stops_only_its_source(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(content: bytes, observed_on: object) -> ParsedSnapshot:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(SOURCES, "litellm", replace(SOURCES["litellm"], parse=broken))
    outcomes = {r.source: (r.outcome, r.message) for r in nights.all()}
    assert outcomes.pop("litellm") == (
        "rejected",
        "litellm: cannot be read (ZeroDivisionError: a fault of ours); the last good list stays",
    )
    assert {outcome for outcome, _ in outcomes.values()} == {"ok"}


def test_fault_in_the_requests_of_a_source_stops_only_that_source(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(request: Request, asked: Asked) -> Response:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(SOURCES, "litellm", replace(SOURCES["litellm"], fetch=broken))
    outcomes = {r.source: (r.outcome, r.message) for r in nights.all()}
    assert outcomes.pop("litellm") == ("failed", "ZeroDivisionError: a fault of ours")
    assert {outcome for outcome, _ in outcomes.values()} == {"ok"}


def test_tables_that_cannot_be_read_cost_only_the_list_that_needs_them(nights: Nights) -> None:
    nights.poll()
    nights.settings.tables_dir.mkdir(parents=True)
    for name in ("model_links", "level_memberships"):
        (nights.settings.tables_dir / f"{name}.parquet").write_bytes(b"damaged")
    outcomes = {r.source: r.outcome for r in nights.all()}
    assert outcomes.pop("openrouter-endpoints") == "failed"
    assert set(outcomes.values()) == {"unchanged"}


def test_damaged_landing_zone_asks_for_the_whole_list_again(nights: Nights) -> None:
    nights.poll(Reply(ten(), headers={"ETag": '"1"'}))
    receipt = nights.zone.latest("openrouter")
    assert receipt is not None
    path = nights.zone.folder / "objects" / receipt.sha256[:2] / f"{receipt.sha256}.gz"
    path.write_bytes(b"damaged")
    found = nights.poll()
    assert found.http_status == 200
    path.unlink()
    assert nights.poll().outcome == "ok"
    assert len(nights.models()) == 10


def test_list_that_really_shrank_is_taken_when_told_so(nights: Nights) -> None:
    nights.poll()
    small = Reply(openrouter("maker/m0"))
    found = nights.poll(small)
    assert "DENSING_ACCEPT_SHRUNK=openrouter" in found.message
    assert nights.poll(small, accept_shrunk="litellm, openrouter").outcome == "ok"
    assert nights.poll().outcome == "unchanged"


def test_a_list_that_stays_small_for_three_nights_is_taken_with_a_remark(nights: Nights) -> None:
    nights.poll()
    small = Reply(openrouter("maker/m0", "maker/m1"))
    assert [nights.poll(small).outcome for _ in range(2)] == ["rejected", "rejected"]
    assert len(nights.models()) == 10
    taken = nights.poll(small)
    assert taken.outcome == "ok"
    assert "the same for 3 nights, so it is taken although: 2 input prices" in taken.message
    assert nights.models() == ["maker/m0", "maker/m1"]


def test_nights_of_other_shapes_do_not_add_up(nights: Nights) -> None:
    nights.poll()
    few, fewer = Reply(openrouter("maker/m0", "maker/m1")), Reply(openrouter("maker/m2"))
    outcomes = [nights.poll(reply).outcome for reply in (few, fewer, few, fewer)]
    assert outcomes == ["rejected"] * 4
    nights.poll(Reply(ten()))
    assert nights.poll(few).outcome == "rejected", "a good night starts the count anew"


def test_prices_in_another_unit_are_refused_however_often_they_come(nights: Nights) -> None:
    many = [f"maker/m{n}" for n in range(40)]
    nights.poll(Reply(openrouter(*many)))
    scaled = Reply(openrouter(*many, price="0.001"))
    results = [nights.poll(scaled) for _ in range(5)]
    assert {result.outcome for result in results} == {"rejected"}
    assert "taken for a change of unit" in results[-1].message
    assert nights.poll(scaled, accept_shrunk="openrouter").outcome == "ok", (
        "a person may confirm it"
    )


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (23, ""),
        (25, "1 days ahead of"),
        (-23, ""),
        (-25, "1 days behind"),
        (-9600, "400 days behind"),
    ],
)
def test_of_a_clock_that_differs_by_a_day_from_all_servers_theirs_counts(
    nights: Nights, hours: int, told: str
) -> None:
    nights.poll()
    true, ours = nights.now, nights.now + timedelta(hours=hours)
    nights.server.now, nights.now = true, ours
    found = nights.poll()
    assert (f"this machine's clock is {told} the servers'" in found.message) == bool(told)
    assert found.polled_at == (true if told else ours)
    assert found.rows_previous == found.rows, "it is compared with the list of the night before"
    folded_by = snapshots.servers_time(nights.zone, ours)
    assert folded_by == (true if told and hours < 0 else ours)


def test_what_landed_by_a_clock_that_was_ahead_is_compared_with_nothing(nights: Nights) -> None:
    ahead = nights.now + timedelta(days=300)
    nights.zone.store("openrouter", "", openrouter("maker/m0"), ahead)
    found = nights.poll()
    assert (found.outcome, found.rows_previous) == ("ok", None)


@pytest.mark.parametrize("lies", [True, False])
def test_a_list_that_is_the_same_for_two_weeks_is_asked_for_as_a_whole(
    nights: Nights, lies: bool
) -> None:
    tag = {"ETag": '"1"'}
    newer = OTHERS["litellm"] + b" " if lies else OTHERS["litellm"]
    found = []
    for body in [OTHERS["litellm"], *[newer] * 16]:
        nights.server.answer("/litellm", Reply(body, headers=tag))
        found.append({r.source: r for r in nights.all()}["litellm"])
    assert [r.http_status for r in found] == [200, *[304] * 14, 200, 304]
    assert found[15].outcome == ("ok" if lies else "unchanged")
    is_told = ["not a byte has changed" in r.message for r in found]
    assert is_told == [False] * 15 + [not lies] * 2


def test_pages_are_followed_and_joined(nights: Nights) -> None:
    second = nights.server.answer(f"{MODELS}?page=2", Reply(openrouter("maker/last")))
    page = Reply(ten(links={"next": second}), headers={"ETag": '"1"'})
    assert nights.poll(page).rows == 11
    # The first page alone says nothing of the second: it is asked for without its tag.
    nights.server.answer(f"{MODELS}?page=2", Reply(openrouter("maker/new")))
    assert nights.poll().outcome == "ok"
    assert "maker/new" in nights.models()


def test_page_that_fails_is_a_list_that_fails(nights: Nights) -> None:
    nights.poll()
    found = nights.poll(Reply(ten(links={"next": f"{MODELS}?page=2"})))
    assert (found.outcome, found.http_status) == ("failed", 404)
    assert len(nights.models()) == 10


def test_a_page_that_comes_again_is_noticed(nights: Nights) -> None:
    nights.poll()
    nights.server.answer(
        f"{MODELS}?page=2", Reply(openrouter("maker/a", links={"next": "?page=3"}))
    )
    nights.server.answer(
        f"{MODELS}?page=3", Reply(openrouter("maker/a", links={"next": "?page=3"}))
    )
    nights.server.answer(
        f"{MODELS}?page=3", Reply(openrouter("maker/a", links={"next": "?page=3"}))
    )
    found = nights.poll(Reply(ten(links={"next": f"{MODELS}?page=2"})))
    assert (found.outcome, found.message) == ("failed", "page 3 repeats an earlier one")


def test_a_model_on_two_pages_counts_once_against_what_the_list_announces(nights: Nights) -> None:
    nights.poll()
    second = nights.server.answer(f"{MODELS}?page=2", Reply(openrouter("maker/m0", "maker/m1")))
    found = nights.poll(Reply(ten(links={"next": second}, total_count=12)))
    assert found.outcome == "rejected"
    assert "10 models, but `total_count` says 12" in found.message


def test_pages_that_each_come_slowly_are_cut_off_together(nights: Nights) -> None:
    nights.poll()
    page = openrouter("maker/x")
    for n in range(2, 12):
        following = openrouter(f"maker/{n}", links={"next": f"{MODELS}?page={n + 1}"})
        nights.server.answer(f"{MODELS}?page={n}", Reply(following, drip_s=0.3 / len(page)))
    first = Reply(ten(links={"next": f"{MODELS}?page=2"}))
    found = nights.poll(first, poll_total_seconds=1.5)
    assert found.outcome == "failed"
    assert "not complete after 1.5 s and" in found.message
    assert len(nights.server.asked(f"{MODELS}?page=11")) == 0


def test_every_page_is_landed_as_it_was_received_whatever_comes_of_the_list(
    nights: Nights,
) -> None:
    last = Reply(openrouter("maker/last"))
    second = nights.server.answer(f"{MODELS}?page=2", last)
    page = Reply(ten(links={"next": second}))
    nights.poll(page)
    receipts = list(nights.zone.receipts("openrouter-received"))
    assert [nights.zone.read(receipt) for receipt in receipts] == [page.body, last.body]
    assert [receipt.url for receipt in receipts] == [
        nights.settings.openrouter_url,
        shown(second),
    ]
    nights.server.answer(f"{MODELS}?page=2", Reply(status=500))
    assert nights.poll(page).outcome == "failed"
    assert len(list(nights.zone.receipts("openrouter-received"))) == 3


def endpoints(model: str) -> bytes:
    pricing = {"prompt": "0.000001", "completion": "0.000002", "discount": 0.9}
    found = [{"tag": "host/fp8", "pricing": pricing, "quantization": "fp8"}]
    return json.dumps({"data": {"id": model, "endpoints": found}}).encode()


def test_providers_of_models_near_a_frontier_are_asked(nights: Nights) -> None:
    nights.server.answer(f"{MODELS}/maker/m1/endpoints", Reply(endpoints("maker/m1")))
    found = {r.source: r for r in nights.all(models=("maker/m1", "maker/gone"))}
    assert found["openrouter-endpoints"].rows == 1
    held = last_good(nights.zone, "openrouter-endpoints")
    assert held is not None
    assert held.parsed.quotes.select("model", "provider", "offer").rows() == [
        ("maker/m1", "host/fp8", "promotional")
    ]


def test_models_whose_sellers_cannot_be_had_are_counted_and_the_others_kept(
    nights: Nights,
) -> None:
    nights.server.answer(f"{MODELS}/maker/m1/endpoints", Reply(endpoints("maker/m1")))
    nights.server.answer(f"{MODELS}/maker/m2/endpoints", Reply(b"<html>busy</html>"))
    nights.server.answer(f"{MODELS}/maker/m3/endpoints", Reply(b'{"error": "no"}'))
    candidates = ("maker/m2", "maker/m1", "maker/m3", "maker/gone")
    found = {r.source: r for r in nights.all(models=candidates)}["openrouter-endpoints"]
    assert (found.outcome, found.rows) == ("ok", 1)
    assert "3 of 4 models failed (first: maker/m2, HTML" in found.message
    health = poll_health(poll_reports(nights.zone), nights.now)
    (message,) = health.filter(source="openrouter-endpoints")["message"]
    assert message == found.message


def test_a_seller_page_that_never_ends_does_not_hold_up_the_others(nights: Nights) -> None:
    nights.server.answer(f"{MODELS}/maker/m1/endpoints", Reply(endpoints("maker/m1")))
    nights.server.answer(f"{MODELS}/maker/m2/endpoints", Reply(endpoints("maker/m2"), drip_s=0.2))
    found = {r.source: r for r in nights.all(models=("maker/m2", "maker/m1"), poll_total_seconds=4)}
    assert found["openrouter-endpoints"].rows == 1
    assert "1 of 2 models failed (first: maker/m2, not" in found["openrouter-endpoints"].message


@pytest.mark.parametrize("at", ["before the report", "before the list was taken"])
def test_a_list_that_landed_before_the_night_was_cut_off_has_its_row(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    nights.poll()

    def cut(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    cut_off = nights.now
    with monkeypatch.context() as patch:
        patch.setattr(polling, "store_report" if at == "before the report" else "_accepted", cut)
        with pytest.raises(KeyboardInterrupt):
            nights.poll(Reply(ten(total_count=10)))
    assert not any(r.polled_at == cut_off for r in poll_reports(nights.zone))
    nights.now += timedelta(hours=1)
    nights.poll()
    (lost,) = (
        r
        for r in poll_reports(nights.zone)
        if r.polled_at == cut_off and r.source == next(iter(SOURCES))
    )
    assert lost.outcome == ("ok" if at == "before the report" else "failed")
    assert "the night was cut off after this list had landed" in lost.message


def test_a_damaged_newest_snapshot_leaves_the_one_before_to_compare_with(nights: Nights) -> None:
    nights.poll()
    nights.poll(Reply(ten(total_count=10)))
    nights.zone.receipt_files("openrouter")[-1].write_bytes(b"")
    found = nights.poll(Reply(openrouter("maker/m0", "maker/m1")))
    assert (found.outcome, found.rows) == ("rejected", 10)


def test_no_provider_at_all_is_a_failure_of_that_source_only(nights: Nights) -> None:
    found = {r.source: r.outcome for r in nights.all(models=("maker/gone",))}
    assert found["openrouter-endpoints"] == "failed"
    assert found["openrouter"] == "ok"


def test_sellers_are_wanted_once_tables_say_what_models_can_do(nights: Nights) -> None:
    nights.poll()
    assert "openrouter-endpoints" not in {r.source for r in nights.all()}
    nights.settings.tables_dir.mkdir(parents=True)
    link = {"source": "openrouter", "provider": "openrouter", "model": "maker/m3"}
    tables = {
        "model_links": link | {"canonical_id": "maker/M3"},
        "level_memberships": {"level": "x", "canonical_id": "maker/M3", "is_member": True},
    }
    for name, row in tables.items():
        pl.DataFrame([row]).write_parquet(nights.settings.tables_dir / f"{name}.parquet")
    nights.server.answer(f"{MODELS}/maker/m3/endpoints", Reply(endpoints("maker/m3")))
    found = {r.source: r.outcome for r in nights.all()}
    assert found["openrouter-endpoints"] == "ok"
    nights.settings = nights.settings.model_copy(update={"openrouter_endpoints": 0})
    assert "openrouter-endpoints" not in {r.source for r in nights.all()}


def test_entries_that_cannot_be_read_are_listed_from_the_day_they_came(nights: Nights) -> None:
    document = json.loads(ten())
    document["data"][3]["pricing"]["prompt"] = "call us"
    bad = Reply(json.dumps(document).encode())
    assert nights.poll(bad).rows_quarantined == 1
    nights.poll(bad)
    rows = QUARANTINE.validate(quarantined(nights.zone))
    assert rows.select("source", "key", "column", "values").rows() == [
        ("openrouter", "maker/m3", "prompt", "call us")
    ]
    assert rows["observed_at"].to_list() == [FIRST_NIGHT.date()]


def test_nothing_polled_is_no_row(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    assert quarantined(zone).equals(QUARANTINE.empty())
    assert poll_health(poll_reports(zone), FIRST_NIGHT).equals(SOURCE_HEALTH.empty())


def test_all_lists_are_asked_at_once(nights: Nights) -> None:
    together = threading.Barrier(1 + len(OTHERS))
    nights.server.answer(MODELS, Reply(ten(), after=together))
    for name, document in OTHERS.items():
        nights.server.answer(f"/{name}", Reply(document, after=together))
    limits = {"poll_read_seconds": 60, "poll_total_seconds": 60}
    assert {r.outcome for r in nights.all(**limits)} == {"ok"}


@pytest.mark.slow
@pytest.mark.shared
def test_recorded_months_replay_without_a_refusal(nights: Nights, recorded: Path) -> None:
    folder = recorded / "prices/raw"
    months = {
        MODELS: sorted((folder / "openrouter").glob("*.json.gz")),
        "/litellm": sorted((folder / "litellm").glob("*.json.gz")),
    }
    for path, files in months.items():
        bodies = [gzip.decompress(file.read_bytes()) for file in files]
        nights.server.answer(path, *(Reply(body, is_gzip=True) for body in bodies))
    polled = {"poll_max_bytes": 2**25, "poll_total_seconds": 60}
    for _ in range(len(months["/litellm"])):
        assert {r.outcome for r in nights.all(**polled)} <= {"ok", "unchanged"}
    landed = [content for _, content in landed_snapshots(nights.zone, "litellm")]
    assert landed == [gzip.decompress(file.read_bytes()) for file in months["/litellm"]]
