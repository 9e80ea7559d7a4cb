"""Addresses that hold secrets, and a search for them in everything that a night leaves behind."""

import base64
import gzip
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

USER, PASSWORD, SIGNATURE = "s3cr3t-user", "s3cr3t/word", "s3cr3t=signature"
NEEDLES = (
    "s3cr3t",
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    base64.b64encode(PASSWORD.encode()).decode(),
)
"""What must be found nowhere: any of the three, and the header that they become."""


def signed(url: str) -> str:
    """An address with a user, a password and a signature in its query."""
    parts = urlsplit(url)
    return (
        f"{parts.scheme}://{USER}:s3cr3t%2Fword@{parts.netloc}{parts.path}"
        "?X-Signature=s3cr3t%3Dsignature&expires=9999999999"
    )


def leaks(folder: Path) -> list[str]:
    """Files below a folder that hold a secret, as they are or decoded."""
    return sorted(
        {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and any(needle in text for text in _texts(path) for needle in NEEDLES)
        }
    )


def _texts(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    yield path.name
    yield content.decode("latin-1")
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content).decode("latin-1")
    if path.suffix == ".parquet":
        for column in pl.read_parquet(path).iter_columns():
            if column.dtype == pl.Binary:
                yield from (_inflated(value) for value in column.drop_nulls())
            elif column.dtype == pl.String:
                yield "\n".join(column.drop_nulls())
    if content.startswith(b"SQLite format 3"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as opened:
            yield from opened.iterdump()
        opened.close()


def _inflated(value: bytes) -> str:
    try:
        return zlib.decompress(value).decode("latin-1")
    except zlib.error:
        return value.decode("latin-1")
