"""Many nights against a server that replays price lists: of the nightly job, and of recorded months of polls."""

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.nightly import run_nightly
from densing_pipeline.prices import history, poll
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.corrections import price_changes
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from tests.servers.prices import PriceServer, Reply, addresses

Nights = Mapping[date, Mapping[str, bytes]]

START = date(2024, 1, 15)
SOURCES = ("openrouter", "litellm")
NOT_PLAIN = ("-latest", ":batch", ":free", ":flex")


def generated(months: int) -> Nights:
    """Lists in the shape of the real ones, with random price changes, entries and exits."""
    rng = np.random.default_rng(3)
    prices = {f"maker/m{i}": float(rng.uniform(1e-7, 1e-5)) for i in range(20)}
    nights = {}
    for month in range(months):
        for name in rng.choice(sorted(prices), 6, replace=False):
            prices[name] *= float(rng.choice([0.5, 0.8, 1.25, 30]))
        shown = sorted(rng.choice(sorted(prices), 18, replace=False).tolist())
        models = [
            {"id": n, "pricing": {"prompt": f"{prices[n]:.10f}", "completion": f"{prices[n]:.10f}"}}
            for n in shown
        ]
        keys = {
            n: {
                "litellm_provider": "maker",
                "mode": "chat",
                "input_cost_per_token": prices[n],
                "output_cost_per_token": prices[n],
            }
            for n in shown
        }
        nights[START + timedelta(days=30 * month)] = {
            "openrouter": json.dumps({"data": models}).encode(),
            "litellm": json.dumps(keys).encode(),
        }
    return nights


def recorded_months(folder: Path) -> Nights:
    """The recorded months, each on the day of its last file; a list may skip a month."""
    months: dict[str, dict[str, Path]] = {}
    for source in SOURCES:
        for path in sorted((folder / "prices" / "raw" / source).glob("*.json.gz")):
            months.setdefault(path.name[:7], {})[source] = path
    return {
        date.fromisoformat(max(p.name[:10] for p in months[month].values())): {
            source: gzip.decompress(path.read_bytes()) for source, path in months[month].items()
        }
        for month in sorted(months)
    }


def settings_of(server: PriceServer, folder: Path) -> Settings:
    """Settings of an installation that asks this server."""
    return Settings(
        state_dir=folder / "state",
        publish_url=str(folder / "published"),
        bootstrap_draws=100,
        poll=True,
        poll_attempts=1,
        openrouter_endpoints=0,
        **addresses(server.url()),
    )


def told(nights: Nights, server: PriceServer) -> Iterator[datetime]:
    """The noon of each night, on which the server has its lists.

    A source that has nothing on a night answers 503: its last good list stays.
    """
    for day, lists in nights.items():
        for source in SOURCES:
            body = lists.get(source)
            server.answer(f"/{source}", Reply(body) if body else Reply(status=503))
        yield datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def polled(nights: Nights, server: PriceServer, folder: Path) -> pl.DataFrame:
    """The price book after a poll a night."""
    settings = settings_of(server, folder)
    for noon in told(nights, server):
        found = poll.poll(settings, clock=lambda noon=noon: noon)  # type: ignore[misc]
        results = {result.source: result for result in found}
        listed = {results[source].outcome for source in nights[noon.date()]}
        assert listed <= {"ok", "unchanged"}, [r.message for r in results.values()]
    history.update_all(LandingZone(settings.landing_dir), settings.book_dir)
    return price_book(list(history.histories(settings.book_dir).values()))


def replay(
    nights: Nights, server: PriceServer, folder: Path, monkeypatch: pytest.MonkeyPatch, again: int
) -> tuple[Settings, pl.DataFrame]:
    """Run the nightly job once per night, one of them twice; the published prices at the end."""
    settings = settings_of(server, folder)
    with dg.DagsterInstance.ephemeral() as instance:
        for n, noon in enumerate(told(nights, server)):
            monkeypatch.setattr(poll, "now", lambda noon=noon: noon)
            assert run_nightly(settings, instance) == {}
            if n == again:
                before = read_latest(settings.publish_dir)["prices"]
                assert run_nightly(settings, instance) == {}
                assert read_latest(settings.publish_dir)["prices"].equals(before)
    return settings, read_latest(settings.publish_dir)["prices"]


def stated(source: str, content: bytes) -> dict[str, tuple[float, float]]:
    """Input and output price per million of plain offers of text, read without our code.

    Left out: free ones, aliases, variants, prices by prompt length or by hour.
    """
    document = json.loads(content)
    if source == "openrouter":
        found = {
            m["id"]: (m["pricing"]["prompt"], m["pricing"]["completion"])
            for m in document["data"]
            if not m["id"].startswith("~")
            and ":" not in m["id"]
            and "overrides" not in m["pricing"]
        }
    else:
        found = {
            key: (m["input_cost_per_token"], m["output_cost_per_token"])
            for key, m in document.items()
            if isinstance(m, dict)
            and m.get("mode") == "chat"
            and m.get("litellm_provider")
            and {"input_cost_per_token", "output_cost_per_token"} <= m.keys()
            and "off_peak_pricing" not in m
        }
    return {
        name: (float(i) * 1e6, float(o) * 1e6)
        for name, (i, o) in found.items()
        if float(i) > 0 and float(o) > 0 and not name.endswith(NOT_PLAIN)
    }


def is_told(source: str, name: str, price: tuple[float, float], content: bytes) -> bool:
    """Whether a list has an offer at a price, also one that `stated` leaves out."""
    document = json.loads(content)
    if source == "openrouter":
        found = {m["id"]: m["pricing"] for m in document["data"]}.get(name, {})
        told = found.get("prompt"), found.get("completion")
        if any(entry.keys() & {"utc_start", "utc_end"} for entry in found.get("overrides", [])):
            return (
                True  # its ordinary price is that of most of the day, not the one that stands first
            )
    else:
        found = document.get(name, {})
        if "off_peak_pricing" in found:
            return True
        told = found.get("input_cost_per_token"), found.get("output_cost_per_token")
        tiers = found.get("tiered_pricing")
        if tiers and told == (None, None):
            told = tuple(tiers[0].get(f"{side}_cost_per_token") for side in ("input", "output"))
    return bool(found) and all(
        ours is None
        if theirs is None
        else ours is not None and np.isclose(ours, 1e6 * float(theirs))
        for ours, theirs in zip(price, told, strict=True)
    )


def differences(nights: Nights, prices: pl.DataFrame) -> list[str]:
    """Where the book, as it stood on each night, is not what the list of that night says."""
    found = []
    for day, lists in nights.items():
        for source, content in lists.items():
            rows = prices.filter(
                pl.col("source") == source,
                pl.col("offer") == "standard",
                pl.col("context_over_tokens") == 0,
                pl.col("observed_from") <= day,
                pl.col("observed_to").is_null() | (pl.col("observed_to") > day),
                pl.col("valid_from").is_null() | (pl.col("valid_from") <= day),
                pl.col("valid_to").is_null() | (pl.col("valid_to") > day),
                pl.col("last_seen") >= day,
            )
            held = dict(
                zip(
                    rows["model"],
                    rows.select("input_usd_per_mtok", "output_usd_per_mtok").iter_rows(),
                    strict=True,
                )
            )
            listed = stated(source, content)
            for name, price in listed.items():
                if name not in held or not np.allclose(held[name], price, rtol=1e-9):
                    found.append(f"{day} {source} {name}: {price}, the book has {held.get(name)}")
            found += [
                f"{day} {source} {name}: the book has {held[name]}, the list does not"
                for name in sorted(held.keys() - listed.keys())
                if not is_told(source, name, held[name], content)
            ]
    return found


def own_moves(nights: Nights, source: str) -> set[tuple[str, date]]:
    """Price changes from one list to the next, found without our code.

    Of models in both lists of neighbouring nights. A change needs a further list: it is none if the price
    before is back there within 14 days. In a list that people keep, both prices must be in two lists on
    end, and the change must not be tenfold.
    """
    lists = [
        (day, stated(source, found[source])) for day, found in nights.items() if source in found
    ]
    moved = set()
    for n in range(1, len(lists) - 1):
        (_, before), (day, after), (next_day, following) = lists[n - 1 : n + 2]
        for name in before.keys() & after.keys():
            old, new = before[name], after[name]
            was_there = n == 1 or is_priced(lists[n - 2][1], name, old)
            is_back = is_priced(following, name, old) and (next_day - day).days <= 14
            is_tenfold = any(max(a, b) >= 9.99 * min(a, b) for a, b in zip(old, new, strict=True))
            is_sure = was_there and is_priced(following, name, new) and not is_tenfold
            if not np.allclose(old, new, rtol=1e-9) and not is_back:
                moved |= {(name, day)} if source == "openrouter" or is_sure else set()
    return moved


def is_priced(
    listed: Mapping[str, tuple[float, float]], name: str, price: tuple[float, float]
) -> bool:
    """Whether a list has a model at a price."""
    return name in listed and np.allclose(listed[name], price, rtol=1e-9)


def tenfold_rises(nights: Nights, source: str) -> set[str]:
    """Models whose price once rose tenfold: a list kept by hand then doubts the price before."""
    lists = [stated(source, found[source]) for found in nights.values() if source in found]
    return {
        name
        for before, after in pairwise(lists)
        for name in before.keys() & after.keys()
        if any(b >= 9.99 * a for a, b in zip(before[name], after[name], strict=True))
    }


def check_history(nights: Nights, prices: pl.DataFrame, source: str) -> None:
    """The price changes of the book are those from one list to the next, but for what was disbelieved."""
    main = ("input_usd_per_mtok", "output_usd_per_mtok")
    found = price_changes(prices.filter(source=source)).filter(
        pl.all_horizontal(pl.col(*main, *(f"{name}_before" for name in main)) > 0),
        # Before the first night it is the bundled history that speaks.
        pl.col("date") > min(nights),
        offer="standard",
        context_over_tokens=0,
    )
    lists = [(day, stated(source, told[source])) for day, told in nights.items() if source in told]
    comparable = {
        (name, day)
        for (_, before), (day, after) in pairwise(lists)
        for name in before.keys() & after.keys()
    }
    ours = set(found["model", "date"].iter_rows()) & comparable
    theirs = own_moves(nights, source)
    no_move = pl.col("flag").is_in(["suspect", "unconfirmed"])
    doubted = set(prices.filter(no_move, source=source)["model"])
    doubted |= tenfold_rises(nights, source) if source != "openrouter" else set()
    plain = {move for move in theirs if move[0] not in doubted}
    assert plain <= ours
    assert len(plain) > 0
    # Theirs leave out what one list alone says.
    assert len(ours - theirs) <= 0.05 * len(ours)


@pytest.mark.slow
def test_generated_months_become_the_history_they_came_from(price_server, tmp_path, monkeypatch):
    nights = generated(3)
    settings, prices = replay(nights, price_server, tmp_path, monkeypatch, again=1)
    assert differences(nights, prices) == []
    for source in SOURCES:
        check_history(nights, prices, source)
    assert len(list((settings.publish_dir / "releases").iterdir())) == len(nights)


@pytest.mark.slow
@pytest.mark.shared
def test_the_recorded_months_become_the_history_they_came_from(recorded, price_server, tmp_path):
    nights = recorded_months(recorded)
    prices = polled(nights, price_server, tmp_path)
    assert differences(nights, prices) == []
    for source in SOURCES:
        check_history(nights, prices, source)
