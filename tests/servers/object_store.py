"""An S3-compatible object store on loopback: moto's server, with faults between it and its clients.

moto and boto3 are imported when a server starts: their import takes seconds, which whoever only lists the
tests should not wait for.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

BUCKET = "densing-releases"
CHANGES = {"PUT", "POST", "DELETE"}

Reply = tuple[str, bytes]
"""Status line and body of an answer in place of the store's."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Write no line for a request."""


@dataclass
class ObjectStoreServer:
    """The server; a context manager, which makes the bucket and forgets everything in the end.

    Attributes:
        log: method and path of each request, in order.
        before: called with number, method and path of a request that changes something, before it takes
            effect; a reply is sent in place of the store's, without effect.
        after: called likewise once it took effect; a reply is sent in place of the store's.
    """

    log: list[str] = field(default_factory=list)
    before: Callable[[int, str, str], Reply | None] = lambda number, method, path: None
    after: Callable[[int, str, str], Reply | None] = lambda number, method, path: None
    changes: int = 0

    def __enter__(self) -> "ObjectStoreServer":
        """Start to serve."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self._answered, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self.client().create_bucket(Bucket=BUCKET)
        self.log.clear()
        self.changes = 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and forget the objects."""
        from moto.s3.models import s3_backends

        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for backends in s3_backends.values():
            for backend in backends.values():
                backend.reset()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def options(self) -> dict[str, Any]:
        """What obstore is told to use this server."""
        return {
            "config": {
                "endpoint": self.url,
                "region": "us-east-1",
                "access_key_id": "key",
                "secret_access_key": "secret",
                "virtual_hosted_style_request": "false",
            }
        }

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a process uses this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }

    def age(self, suffix: str, seconds: float) -> None:
        """Make the objects whose names end like this look written some seconds earlier."""
        from moto.s3.models import s3_backends

        bucket = s3_backends["123456789012"]["aws"].buckets[BUCKET]
        for name in list(bucket.keys):
            if name.endswith(suffix):
                bucket.keys[name].last_modified -= timedelta(seconds=seconds)

    def client(self) -> Any:
        """A client of another library, as a reader has it."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",  # noqa: S106
        )

    def objects(self) -> dict[str, bytes]:
        """Every object there, as the store holds it, without a request."""
        from moto.s3.models import s3_backends

        bucket = s3_backends["123456789012"]["aws"].buckets[BUCKET]
        return {name: bucket.keys[name].value for name in list(bucket.keys)}

    def _answered(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"/{BUCKET}/")
        with self._lock:
            self.log.append(f"{method} {path}")
            number = self.changes
            self.changes += method in CHANGES
        if method in CHANGES:
            if (reply := self.before(number, method, path)) is not None:
                return _replied(environ, start_response, reply)
            answered: list[Any] = []

            def kept(*given: Any) -> Callable[[bytes], object]:
                answered[:] = given
                return lambda _: None

            body = b"".join(self._app(environ, kept))
            if (reply := self.after(number, method, path)) is not None:
                return _replied(environ | {"CONTENT_LENGTH": "0"}, start_response, reply)
            start_response(*answered)
            return iter([body])
        return self._passed(environ, start_response)

    def _passed(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterator[bytes]:
        yield from self._app(environ, start_response)


def _replied(
    environ: dict[str, Any], start_response: Callable[..., Any], reply: Reply
) -> Iterable[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status, body = reply
    start_response(status, [("Content-Length", str(len(body)))])
    return iter([body])
