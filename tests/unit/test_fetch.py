"""How a document is fetched: politely, whole and bounded, or not at all and with a reason."""

import asyncio
import gzip
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import pytest

from densing_pipeline.fetch import USER_AGENT, FetchError, Limits, Response, client, fetch
from tests.servers.prices import PriceServer, Reply

LIMITS = Limits(
    connect_s=5, read_s=5, total_s=10, max_bytes=10_000, backoff_s=0.01, retry_after_s=2
)
DOCUMENT = b'{"data": []}'


def get(url: str, limits: Limits = LIMITS, **tags: Any) -> Response:
    async def ask() -> Response:
        async with client(limits) as opened:
            return await fetch(opened, url, limits, **tags)

    return asyncio.run(ask())


def test_document_comes_with_the_tags_for_the_next_request(price_server: PriceServer) -> None:
    tags = {"ETag": '"a1"', "Last-Modified": "Mon, 02 Nov 2026 00:00:00 GMT"}
    url = price_server.answer("/list", Reply(DOCUMENT, headers=tags, is_gzip=True))
    assert get(url) == Response(url, 200, DOCUMENT, '"a1"', "Mon, 02 Nov 2026 00:00:00 GMT")
    asked = price_server.requests[0].headers
    assert asked["user-agent"] == USER_AGENT
    assert "if-none-match" not in asked


def test_current_copy_is_not_sent_again(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(DOCUMENT, headers={"ETag": '"a1"'}))
    answer = get(url, etag='"a1"', last_modified="Mon, 02 Nov 2026 00:00:00 GMT")
    assert (answer.status, answer.content, answer.etag) == (304, b"", '"a1"')
    assert price_server.requests[0].headers["if-modified-since"].startswith("Mon, 02 Nov")


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_passing_trouble_is_asked_again(price_server: PriceServer, status: int) -> None:
    url = price_server.answer("/list", Reply(status=status), Reply(DOCUMENT))
    assert get(url).content == DOCUMENT
    assert len(price_server.requests) == 2


def test_a_failing_server_is_asked_as_often_as_the_limit_allows(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(status=500))
    with pytest.raises(FetchError, match="500") as found:
        get(url)
    assert found.value.status == 500
    assert len(price_server.requests) == LIMITS.attempts


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_lasting_trouble_is_not_asked_again(price_server: PriceServer, status: int) -> None:
    with pytest.raises(FetchError, match=str(status)):
        get(price_server.answer("/list", Reply(status=status)))
    assert len(price_server.requests) == 1


def test_retry_after_is_waited_for(
    price_server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = price_server.answer(
        "/list", Reply(status=429, headers={"Retry-After": "1"}), Reply(DOCUMENT)
    )
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    assert get(url).content == DOCUMENT
    assert max(waits) == pytest.approx(1, abs=LIMITS.backoff_s)
    assert max(waits) >= 1


def test_retry_after_may_be_a_date(price_server: PriceServer) -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(minutes=1), usegmt=True)
    busy = Reply(status=503, headers={"Retry-After": past})
    assert get(price_server.answer("/list", busy, Reply(DOCUMENT))).content == DOCUMENT


def test_server_that_asks_for_too_long_a_wait_is_left_alone(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(FetchError, match="asks to wait 3600 s"):
        get(url)
    assert len(price_server.requests) == 1


def test_wait_beyond_the_total_time_ends_with_the_reason(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(status=503, headers={"Retry-After": "2"}))
    with pytest.raises(FetchError, match=r"not complete after 0\.5 s; before that: .*503") as found:
        get(url, Limits(**vars(LIMITS) | {"total_s": 0.5}))
    assert found.value.status == 503


@pytest.mark.parametrize("wait", ["soon", f"Mon, 02 Nov 2026 00:00:00 +{'9' * 20}", "-1", "٣"])
def test_unreadable_retry_after_does_not_stop_the_retry(
    price_server: PriceServer, wait: str
) -> None:
    busy = Reply(status=503, headers={"Retry-After": wait})
    assert get(price_server.answer("/list", busy, Reply(DOCUMENT))).content == DOCUMENT


def test_endless_body_is_cut_at_the_limit(price_server: PriceServer) -> None:
    with pytest.raises(FetchError, match="larger than"):
        get(price_server.answer("/list", Reply(DOCUMENT, is_endless=True)))
    assert len(price_server.requests) == 1


def test_small_gzip_that_expands_beyond_the_limit_is_refused(price_server: PriceServer) -> None:
    with pytest.raises(FetchError, match="larger than"):
        get(price_server.answer("/list", Reply(b" " * 1_000_000, is_gzip=True)))


def test_truncated_gzip_is_noticed(price_server: PriceServer) -> None:
    cut = Reply(bytes(range(256)) * 8, is_gzip=True, sent=150)
    with pytest.raises(FetchError, match="truncated"):
        get(price_server.answer("/list", cut))


def test_truncated_gzip_may_be_whole_the_second_time(price_server: PriceServer) -> None:
    cut = Reply(DOCUMENT, is_gzip=True, sent=20)
    url = price_server.answer("/list", cut, Reply(DOCUMENT, is_gzip=True))
    assert get(url).content == DOCUMENT


def test_gzip_of_several_members_is_one_document(price_server: PriceServer) -> None:
    parts = gzip.compress(b"{}") + gzip.compress(b" ")
    url = price_server.answer("/", Reply(parts, headers={"Content-Encoding": "gzip"}))
    assert get(url).content == b"{} "


def test_damaged_gzip_is_refused(price_server: PriceServer) -> None:
    fake = Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"})
    with pytest.raises(FetchError, match="damaged gzip"):
        get(price_server.answer("/list", fake))


def test_body_shorter_than_promised_is_noticed(price_server: PriceServer) -> None:
    short = Reply(DOCUMENT, headers={"Content-Length": "5000"}, sent=len(DOCUMENT))
    with pytest.raises(FetchError, match="connection failed"):
        get(price_server.answer("/list", short))


def test_slow_drip_ends_with_the_total_time(price_server: PriceServer) -> None:
    limits = Limits(**vars(LIMITS) | {"total_s": 1})
    in_an_hour = Reply(DOCUMENT * 800, drip_s=0.4)
    with pytest.raises(FetchError, match="not complete after 1 s"):
        get(price_server.answer("/list", in_an_hour), limits)


def test_silent_server_is_given_up(price_server: PriceServer) -> None:
    limits = Limits(**vars(LIMITS) | {"read_s": 0.1})
    with pytest.raises(FetchError, match="no answer in time"):
        get(price_server.answer("/list", Reply(DOCUMENT, drip_s=30)), limits)


def test_where_nobody_listens_the_connection_fails() -> None:
    with PriceServer() as server:
        url = server.url("/list")
    with pytest.raises(FetchError, match="connection failed"):
        get(url)


def test_redirect_on_the_same_host_is_followed(price_server: PriceServer) -> None:
    price_server.answer("/new", Reply(DOCUMENT))
    url = price_server.answer("/old", Reply(status=301, headers={"Location": "/new"}))
    assert get(url) == Response(url, 200, DOCUMENT)


@pytest.mark.parametrize(
    ("target", "user"),
    [("{origin}/new", "us%65r:p%3Aw"), ("/new", "us%65r:p%3Aw"), ("http://a:b@{host}/new", "a:b")],
)
def test_user_and_password_go_along_on_the_same_host(
    price_server: PriceServer, target: str, user: str
) -> None:
    """Servers such as nginx redirect to a whole address, without user and password."""
    price_server.answer("/new", Reply(DOCUMENT))
    origin, host = price_server.url(), price_server.url().removeprefix("http://")
    location = target.format(origin=origin, host=host)
    price_server.answer("/old", Reply(status=301, headers={"Location": location}))
    get(f"http://us%65r:p%3Aw@{host}/old")
    sent = b64encode(unquote(user).encode()).decode()
    assert price_server.asked("/new")[0].headers["authorization"] == f"Basic {sent}"


def test_user_and_password_do_not_go_to_another_host(price_server: PriceServer) -> None:
    price_server.answer("/new", Reply(DOCUMENT))
    elsewhere = f"localhost:{price_server.port}"
    location = {"Location": f"http://{elsewhere}/new"}
    price_server.answer("/old", Reply(status=301, headers=location))
    get(
        f"http://user:secret@127.0.0.1:{price_server.port}/old",
        replace(LIMITS, redirect_hosts=(elsewhere,)),
    )
    assert "authorization" not in price_server.asked("/new")[0].headers


@pytest.mark.parametrize("target", ["http://localhost:{port}/new", "ftp://127.0.0.1:{port}/new"])
def test_redirect_to_another_host_is_refused(price_server: PriceServer, target: str) -> None:
    price_server.answer("/new", Reply(DOCUMENT))
    elsewhere = target.format(port=price_server.port)
    url = price_server.answer("/old", Reply(status=302, headers={"Location": elsewhere}))
    with pytest.raises(FetchError, match="another host"):
        get(url)
    assert not price_server.asked("/new")


def test_redirects_in_a_circle_end(price_server: PriceServer) -> None:
    url = price_server.answer("/old", Reply(status=302, headers={"Location": "/old"}))
    with pytest.raises(FetchError, match="redirects"):
        get(url)


def test_only_the_beginning_of_a_document_is_asked_for_and_read(price_server: PriceServer) -> None:
    part = Reply(DOCUMENT[:4], status=206, headers={"Content-Range": "bytes 0-3/12"})
    url = price_server.answer("/list", part)
    answer = get(url, first_bytes=4)
    assert (answer.status, answer.content, answer.size) == (206, DOCUMENT[:4], 12)
    asked = price_server.requests[0].headers
    assert (asked["range"], asked["accept-encoding"]) == ("bytes=0-3", "identity")


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_server_that_sends_all_is_read_to_the_end_of_the_beginning(
    price_server: PriceServer, is_gzip: bool
) -> None:
    url = price_server.answer("/list", Reply(b"begun" * 10_000, is_gzip=is_gzip))
    answer = get(url, first_bytes=7)
    assert (answer.status, answer.content) == (200, b"begunbe")
    assert answer.size == (None if is_gzip else 50_000)
    url = price_server.answer("/list", Reply(b"begun", is_endless=True))
    assert get(url, first_bytes=100_000).content == b"begun" + b"x" * 99_995


def test_a_document_may_be_smaller_than_the_beginning_asked_for(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(DOCUMENT))
    assert get(url, first_bytes=99).content == DOCUMENT


@pytest.mark.parametrize(
    "stated", ["bytes 0-2/12", "bytes 4-7/12", "bytes 0-3/*", "bytes 0-3/3", ""]
)
def test_another_part_than_the_beginning_is_refused(price_server: PriceServer, stated: str) -> None:
    part = Reply(DOCUMENT[:4], status=206, headers={"Content-Range": stated})
    with pytest.raises(FetchError, match="not the first 4 bytes"):
        get(price_server.answer("/list", part), first_bytes=4)


def test_a_part_of_another_size_than_it_states_is_asked_again(price_server: PriceServer) -> None:
    headers = {"Content-Range": "bytes 0-3/12"}
    replies = [Reply(DOCUMENT[:n], status=206, headers=headers) for n in (3, 4)]
    assert get(price_server.answer("/list", *replies), first_bytes=4).content == DOCUMENT[:4]
    assert len(price_server.requests) == 2


def test_a_part_that_was_not_asked_for_is_no_document(price_server: PriceServer) -> None:
    part = Reply(DOCUMENT[:4], status=206, headers={"Content-Range": "bytes 0-3/12"})
    with pytest.raises(FetchError, match="206"):
        get(price_server.answer("/list", part))
