"""A listing is complete only if it was read back to its day, or to an end that is proved."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from densing_pipeline.hub import client
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.hub.listing import Listing
from densing_pipeline.hub.sweep import sweep
from densing_pipeline.landing import LandingZone
from tests.servers.hub import Reply, World, serving

NEWEST = datetime(2026, 6, 30, tzinfo=UTC)
LIMIT = 10
SINCE = date(2026, 6, 5)
QUICK = replace(client.LIMITS, backoff_s=0.01, attempts=2)


def record(n: int, **changes: Any) -> dict[str, Any]:
    """The n-th record; one is created a day."""
    created = (NEWEST - timedelta(days=n)).isoformat()
    return {"_id": str(n), "id": f"lab/model-{n}", "createdAt": created} | changes


class Pages:
    """A server of one listing, given as pages, which may be asked for in smaller parts."""

    def __init__(self, pages: list[list[Any]]) -> None:
        """Serve these pages, each of which names the next one."""
        self.pages = pages
        self.world = World([])
        self.world.faults = self.answer
        self.links: Callable[[str, str], str] = lambda base, cursor: f"{base}&cursor={cursor}"

    def answer(self, path: str) -> Reply:
        query = parse_qs(urlsplit(path).query)
        n, start = map(int, query.get("cursor", ["0.0"])[0].split("."))
        page = self.pages[n][start:]
        part = page[: int(query["limit"][0])]
        following = f"{n}.{start + len(part)}" if len(part) < len(page) else f"{n + 1}.0"
        headers = {}
        if len(part) < len(page) or n + 1 < len(self.pages):
            base = path.partition("&cursor=")[0]
            headers["Link"] = f'<{self.links(base, following)}>; rel="next"'
        return 200, headers, json.dumps(part).encode()


@pytest.fixture
def served() -> Pages:
    """Forty days of records in four pages."""
    return Pages([[record(n) for n in range(k, k + LIMIT)] for k in range(0, 40, LIMIT)])


@pytest.fixture
def endpoint(served: Pages, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(served.world) as address:
        yield address


def listing(endpoint: str, since: date | None = SINCE, **changes: Any) -> Listing:
    hub = Hub(endpoint, limits=QUICK)
    url = hub.list_url("createdAt", LIMIT)
    return Listing(hub, "new repositories", url, "createdAt", since, LIMIT, **changes)


def read(found: Listing) -> list[str]:
    """The ids that a listing shows, each once."""
    return sorted({each["id"] for _, page in found.pages() for each in page})


def ids(numbers: range) -> list[str]:
    return sorted(f"lab/model-{n}" for n in numbers)


def without_link(reply: Reply) -> Reply:
    return reply[0], {}, reply[2]


def test_listing_is_read_until_a_page_is_older_than_the_day(served: Pages, endpoint: str) -> None:
    found = listing(endpoint)
    assert read(found) == ids(range(40))
    assert (found.missing, found.n_pages, found.n_rows, found.n_recent) == (None, 4, 40, 26)
    assert len(served.world.log) == 4
    assert read(nearer := listing(endpoint, date(2026, 6, 21))) == ids(range(20))
    assert nearer.missing is None


def test_listing_whose_links_are_stripped_is_not_complete(served: Pages, endpoint: str) -> None:
    served.world.altered = lambda path, reply: without_link(reply)
    found = listing(endpoint)
    assert read(found) == ids(range(10))
    assert (
        found.missing == "new repositories: it ended at 2026-06-21 without the link to a next page"
    )
    assert len(served.world.log) == 2


@pytest.mark.parametrize("page", range(3))
def test_link_that_was_dropped_once_is_had_by_asking_again(
    served: Pages, endpoint: str, page: int
) -> None:
    answers = iter(range(100))
    served.world.altered = lambda path, reply: (
        without_link(reply) if next(answers) == page else reply
    )
    found = listing(endpoint)
    assert set(ids(range(26))) <= set(read(found))
    assert found.missing is None


@pytest.mark.parametrize("length", [2, 10, 11, 20])
def test_end_before_the_day_is_proved(served: Pages, endpoint: str, length: int) -> None:
    served.pages = [
        [record(n) for n in range(k, min(k + LIMIT, length))] for k in range(0, length, LIMIT)
    ]
    found = listing(endpoint)
    assert read(found) == ids(range(length))
    assert found.missing is None
    assert len(served.world.log) <= 2 + 2


def test_single_record_may_be_all_there_is_or_all_that_was_sent(
    served: Pages, endpoint: str
) -> None:
    served.pages = [[record(0)]]
    found = listing(endpoint)
    assert read(found) == ids(range(1))
    assert found.missing is not None


@pytest.mark.parametrize(
    "ahead",
    [
        lambda base, cursor: base,
        lambda base, cursor: f"{base}&cursor=1.0",
        lambda base, cursor: f"{base}&cursor={int(cursor[0]) % 2}.0",
    ],
    ids=["first page", "same page", "pages in turn"],
)
def test_links_in_a_circle_end_the_listing(
    served: Pages, endpoint: str, ahead: Callable[[str, str], str]
) -> None:
    served.links = ahead
    found = listing(endpoint)
    read(found)
    assert "page that was read" in str(found.missing) or "repeats" in str(found.missing)
    assert len(served.world.log) <= 3


def test_new_addresses_of_one_page_are_a_circle_too(served: Pages, endpoint: str) -> None:
    turns = iter(range(10**6))
    served.world.faults = lambda path: (
        200,
        {"Link": f'</api/models?cursor={next(turns)}>; rel="next"'},
        json.dumps(served.pages[0]).encode(),
    )
    found = listing(endpoint)
    assert read(found) == ids(range(10))
    assert "repeats an earlier one" in str(found.missing)
    assert len(served.world.log) == 2


@pytest.mark.parametrize(
    "link",
    [
        lambda base, cursor: f"{base}&cursor={cursor}",
        lambda base, cursor: f"models?{urlsplit(base).query}&cursor={cursor}",
        lambda base, cursor: f"?{urlsplit(base).query}&cursor={cursor}",
        lambda base, cursor: f"./models?{urlsplit(base).query}&cursor={cursor}#top",
    ],
    ids=["path", "last part", "query", "dots and fragment"],
)
def test_relative_links_are_followed(
    served: Pages, endpoint: str, link: Callable[[str, str], str]
) -> None:
    served.links = link
    found = listing(endpoint)
    assert read(found) == ids(range(40))
    assert found.missing is None


@pytest.mark.parametrize(
    "host", ["http://elsewhere.example", "//elsewhere.example", "http://127.0.0.1:9", "ftp://x"]
)
def test_other_host_is_refused(served: Pages, endpoint: str, host: str) -> None:
    served.links = lambda base, cursor: f"{host}{base}&cursor={cursor}"
    found = listing(endpoint)
    assert read(found) == ids(range(10))
    assert "not followed" in str(found.missing)
    assert isinstance(found.error, HubError)
    assert len(served.world.log) == 1


def test_whole_address_of_the_same_host_is_followed(served: Pages, endpoint: str) -> None:
    served.links = lambda base, cursor: (
        f"{endpoint.upper().replace('HTTP', 'http')}{base}&cursor={cursor}"
    )
    assert read(listing(endpoint)) == ids(range(40))


def test_page_that_was_empty_once_is_asked_for_again(served: Pages, endpoint: str) -> None:
    answers = iter(range(100))
    served.world.altered = lambda path, reply: (200, {}, b"[]") if next(answers) == 1 else reply
    found = listing(endpoint)
    assert read(found) == ids(range(40))
    assert found.missing is None


def test_empty_page_makes_a_listing_incomplete_and_the_rest_is_read(
    served: Pages, endpoint: str
) -> None:
    served.pages[1] = []
    found = listing(endpoint)
    assert read(found) == sorted(ids(range(10)) + ids(range(20, 40)))
    assert found.missing == "new repositories: page 2 is empty"


def test_empty_pages_have_an_end(served: Pages, endpoint: str) -> None:
    served.pages[1:] = [[] for _ in range(1000)]
    found = listing(endpoint)
    read(found)
    assert found.missing == "new repositories: page 2 is empty"
    assert len(served.world.log) < 10


def test_listing_without_anything_is_not_complete(served: Pages, endpoint: str) -> None:
    served.pages = [[]]
    found = listing(endpoint)
    assert read(found) == []
    assert found.missing == "new repositories: page 1 is empty"


@pytest.mark.parametrize("place", [0, 4, 9])
def test_one_old_record_does_not_end_a_listing(served: Pages, endpoint: str, place: int) -> None:
    for page in served.pages[:2]:
        page[place] |= {"createdAt": "2023-01-01T00:00:00.000Z"}
    found = listing(endpoint)
    assert read(found) == ids(range(40))
    assert found.missing is None


def test_dates_that_are_none_or_in_the_future_do_not_end_a_listing(
    served: Pages, endpoint: str
) -> None:
    odd: list[Any] = [record(100, createdAt=None), record(101, createdAt="2099-01-01"), 7, None]
    served.pages[0] = odd + served.pages[0][4:]
    found = listing(endpoint)
    shown = [each for _, page in found.pages() for each in page if isinstance(each, dict)]
    assert len(shown) == 38
    assert found.missing is None


def test_order_that_changes_between_pages_makes_a_listing_incomplete(
    served: Pages, endpoint: str
) -> None:
    served.pages[2] = [record(n) for n in (35, 12, 38, 3, 29, 8, 36, 1, 27, 15)]
    found = listing(endpoint)
    read(found)
    assert "its order changed" in str(found.missing)


def test_listing_that_breaks_off_keeps_what_came(served: Pages, endpoint: str) -> None:
    served.world.altered = lambda path, reply: (502, {}, b"") if "cursor=2" in path else reply
    found = listing(endpoint)
    assert read(found) == ids(range(20))
    assert "HTTP 502" in str(found.missing)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'"text"', b""])
def test_page_that_is_no_list_ends_a_listing(served: Pages, endpoint: str, body: bytes) -> None:
    served.world.altered = lambda path, reply: (200, {}, body) if "cursor=2" in path else reply
    found = listing(endpoint)
    assert read(found) == ids(range(20))
    assert isinstance(found.error, ValueError)


def test_listing_of_one_publisher_ends_with_a_page_shorter_than_asked_for(
    served: Pages, endpoint: str
) -> None:
    served.pages = [[record(n) for n in range(4)]]
    found = listing(endpoint, None, trusts_short_pages=True)
    assert read(found) == ids(range(4))
    assert (found.missing, len(served.world.log)) == (None, 1)


def test_full_page_without_a_link_is_not_the_end_of_a_publishers_listing(
    served: Pages, endpoint: str
) -> None:
    served.world.altered = lambda path, reply: without_link(reply)
    found = listing(endpoint, None, trusts_short_pages=True)
    read(found)
    assert found.missing is not None
    served.world.altered = lambda path, reply: reply
    assert read(whole := listing(endpoint, None, trusts_short_pages=True)) == ids(range(40))
    assert whole.missing is None


def test_pages_shorter_than_those_of_tonight_are_the_last(served: Pages, endpoint: str) -> None:
    served.world.altered = lambda path, reply: without_link(reply)
    served.pages = [[record(n) for n in range(7)]]
    assert read(listing(endpoint, None, linked={LIMIT: 8})) == ids(range(7))
    assert len(served.world.log) == 1
    read(cut := listing(endpoint, None, linked={LIMIT: 7}))
    assert cut.missing is not None


def test_sweep_is_not_finished_by_a_page_without_its_link(
    served: Pages, endpoint: str, tmp_path: Any
) -> None:
    zone, clock = LandingZone(tmp_path), iter(NEWEST + timedelta(seconds=n) for n in range(1000))
    answers = iter(range(100))
    served.world.altered = lambda path, reply: (
        without_link(reply) if next(answers) in (1, 2) else reply
    )
    with pytest.raises(HubError, match="without the link"):
        sweep(zone, Hub(endpoint, limits=QUICK), LIMIT, clock.__next__)
    done = sweep(zone, Hub(endpoint, limits=QUICK), LIMIT, clock.__next__)
    assert done.next_url is None
    assert done.rows >= 40
