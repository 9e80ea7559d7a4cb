"""What a server may make a client do: little, and not for long, whoever wrote the client."""

import gzip
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from densing_pipeline.bounded_http import (
    BoundError,
    Bounds,
    blocking_client,
    redirect_target,
    trusted,
)
from tests.servers.prices import PriceServer, Reply

BOUNDS = Bounds(connect_s=5, read_s=5, answer_s=10, max_bytes=10_000)
DOCUMENT = b'{"data": []}'


def get(url: str, bounds: Bounds = BOUNDS, **options: object) -> httpx2.Response:
    with blocking_client(bounds) as client:
        return client.get(url, **options)  # type: ignore[arg-type]


def test_certificates_are_read_once_until_others_are_named(monkeypatch, tmp_path):
    first = trusted()
    assert trusted() is first
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert trusted() is not first


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that writes what it likes, byte by byte."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as opened:
                opened.recv(65536)
                try:
                    answer(opened)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)


def drip(opened: socket.socket, head: bytes, ended: threading.Event) -> None:
    opened.sendall(head)
    while not ended.wait(0.05):
        opened.sendall(b" ")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Never-Ending: ",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999\r\n\r\n",
    ],
    ids=["in the content", "in a header", "in a refusal"],
)
def test_a_slow_drip_ends_with_the_time_of_an_answer(head: bytes) -> None:
    ended = threading.Event()
    with raw_server(lambda opened: drip(opened, head, ended)) as url:
        with pytest.raises(BoundError, match="not complete after"):
            get(url, Bounds(read_s=5, answer_s=0.5))
        ended.set()


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n%s\r\n" % (b"x" * 1024)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1024),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-More: x\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1024),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 1024),
        (b"HTTP/1.1 200 ", b"x" * 1024),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["chunks", "chunks of a byte", "a chunk's head", "trailers", "content", "headers", "a header",
         "a reason", "answers before the answer"],
)  # fmt: skip
def test_what_never_ends_is_given_up(head: bytes, repeated: bytes) -> None:
    def answer(opened: socket.socket) -> None:
        opened.sendall(head)
        while True:
            opened.sendall(repeated * 100)

    with raw_server(answer) as url, pytest.raises(httpx2.TransportError):
        get(url, Bounds(read_s=5, answer_s=2, max_bytes=10_000))


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_has_none_whatever_follows_it(status: int) -> None:
    head = f"HTTP/1.1 {status} Status\r\nContent-Length: 999999999\r\n\r\n"
    with raw_server(lambda opened: opened.sendall(head.encode() + b"x" * 50_000)) as url:
        if status == 204:
            with pytest.raises(BoundError, match="larger than"):
                get(url)
        else:
            assert get(url).content == b""


def test_a_large_file_gets_time_for_what_it_sends(price_server: PriceServer) -> None:
    url = price_server.answer("/slow", Reply(b"x" * 60, drip_s=0.03))
    with pytest.raises(BoundError):
        get(url, Bounds(answer_s=1))
    assert get(url, Bounds(answer_s=1, slowest_bytes_per_s=0.1)).content == b"x" * 60


@pytest.mark.parametrize("size", [9_999, 10_000, 10_001])
@pytest.mark.parametrize("is_gzip", [False, True])
def test_an_answer_may_be_as_large_as_its_bound(
    price_server: PriceServer, size: int, is_gzip: bool
) -> None:
    url = price_server.answer("/list", Reply(b" " * size, is_gzip=is_gzip))
    if size > BOUNDS.max_bytes:
        with pytest.raises(BoundError, match="larger than"):
            get(url)
    else:
        answer = get(url)
        assert answer.content == b" " * size
        assert "content-encoding" not in answer.headers


def test_a_size_that_is_announced_is_not_waited_for() -> None:
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"
    with raw_server(lambda opened: opened.sendall(announced)) as url, pytest.raises(BoundError):
        get(url)


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "compress", "gzip, gzip"])
def test_other_codings_are_refused_whatever_they_hold(
    price_server: PriceServer, coding: str
) -> None:
    bomb = zlib.compress(b" " * 10_000_000)
    reply = Reply(bomb[:9000], headers={"Content-Encoding": coding})
    with pytest.raises(BoundError, match="but gzip was asked for"):
        get(price_server.answer("/list", reply))
    assert price_server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 302), ("GET", 404), ("GET", 200)]
)
def test_an_empty_answer_has_no_coding(coding: str, method: str, status: int) -> None:
    head = (
        f"HTTP/1.1 {status} Status\r\nContent-Encoding: {coding}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n"
    )
    with (
        raw_server(lambda opened: opened.sendall(head.encode())) as url,
        blocking_client(BOUNDS) as client,
    ):
        answer = client.request(method, url)
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_bomb_of_many_members_is_refused(price_server: PriceServer) -> None:
    bomb = gzip.compress(b" " * 1000) * 65
    url = price_server.answer("/list", Reply(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(BoundError, match="64 members"):
        get(url, Bounds())
    price_server.answer(
        "/list", Reply(bomb[: -len(bomb) // 65], headers={"Content-Encoding": "gzip"})
    )
    assert len(get(url, Bounds()).content) == 64_000


def test_the_head_of_a_large_file_is_no_large_answer(price_server: PriceServer) -> None:
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\nConnection: close\r\n\r\n"
    with (
        raw_server(lambda opened: opened.sendall(announced)) as url,
        blocking_client(BOUNDS) as client,
    ):
        assert client.head(url).headers["Content-Length"] == "999999999"


def test_redirects_lead_to_allowed_hosts_only_and_take_no_token_along(
    price_server: PriceServer,
) -> None:
    token = {"Authorization": "Bearer secret"}
    with PriceServer() as other:
        target = other.answer("/new", Reply(DOCUMENT))
        url = price_server.answer("/old", Reply(status=302, headers={"Location": target}))
        with pytest.raises(BoundError, match="another host"):
            get(url, headers=token)
        assert not other.requests
        allowed = Bounds(redirect_hosts=(f"127.0.0.1:{other.port}",))
        assert get(url, allowed, headers=token).content == DOCUMENT
        assert "authorization" not in other.requests[0].headers


def test_redirects_in_a_circle_end(price_server: PriceServer) -> None:
    url = price_server.answer("/old", Reply(status=302, headers={"Location": "/old"}))
    with pytest.raises(httpx2.TooManyRedirects):
        get(url)
    assert len(price_server.requests) == 4


@pytest.mark.parametrize(
    ("url", "location", "hosts", "is_allowed"),
    [
        ("https://h/a", "/b", (), True),
        ("https://h/a", "https://h:443/b", (), True),
        ("http://h/a", "https://h/b", (), True),
        ("https://h/a", "http://h/b", (), False),
        ("https://h/a", "https://h:8443/b", (), False),
        ("https://h/a", "https://h:8443/b", ("h:8443",), True),
        ("https://h/a", "https://cdn.example/b", ("*.example",), True),
        ("https://h/a", "https://CDN.Example/b", ("*.example",), True),
        ("https://h/a", "https://example/b", ("*.example",), False),
        ("https://h/a", "https://cdn.example.evil/b", ("*.example",), False),
        ("https://h/a", "https://cdn.example:22/b", ("*.example",), False),
        ("https://h/a", "http://cdn.example/b", ("*.example",), False),
        ("http://h/a", "http://cdn.example/b", ("cdn.example",), False),
        ("http://h/a", "http://cdn.example/b", ("cdn.example:80",), True),
        ("https://h/a", "file:///etc/passwd", ("*",), False),
        ("https://h/a", "https://user:pw@evil/", (), False),
        ("https://h/a", "https://h@evil/", (), False),
        ("https://h/a", "http://[", (), False),
        ("https://h/a", "https://169.254.169.254/latest/meta-data", ("*.hf.co",), False),
        ("http://h/a", "http://[fe80::1%25eth0]/", (), False),
        ("http://h/a", "//127.0.0.1:9/", (), False),
        ("http://h/a", "http://h@127.0.0.1/", (), False),
        ("http://h/a", "http://h.:80/", (), False),
        ("https://h/a", "https://h\u2024example/", (), False),
    ],
)  # fmt: skip
def test_where_a_redirect_may_lead(
    url: str, location: str, hosts: tuple[str, ...], is_allowed: bool
) -> None:
    if is_allowed:
        assert redirect_target(httpx2.URL(url), location, hosts).host
    else:
        with pytest.raises(BoundError, match="led to") as found:
            redirect_target(httpx2.URL(url), location, hosts)
        assert "pw" not in str(found.value)


def test_a_forked_process_leaves_the_clients_of_its_parent_alone(price_server: PriceServer) -> None:
    url = price_server.answer("/list", Reply(DOCUMENT))
    with blocking_client(BOUNDS) as client:
        assert client.get(url).content == DOCUMENT
        child = os.fork()
        if child == 0:
            client.close()
            os._exit(0 if get(url).content == DOCUMENT else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.get(url).content == DOCUMENT
