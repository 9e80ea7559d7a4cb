"""The receipts of a source and month in one file, to the byte as they were written.

    landing/receipts/<source>/<YYYY-MM>.jsonl.gz    one line per receipt: its file name, its text, the text's SHA-256

A pack stands for the receipts' files: `LandingZone` finds and reads both alike. It is written before the files it
holds are deleted, so after a crash between the two a receipt is there twice, never not at all. Not here: what a receipt says (`landing`).
"""

import gzip
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from densing_pipeline import files

INSTANT_FORMAT = "%Y%m%dT%H%M%S.%fZ"
"""Instants in names of receipts, so that names sort by time."""

SUFFIX = ".jsonl.gz"


class PackError(RuntimeError):
    """A pack cannot be read, or a receipt in it is not what was packed; the message names the file and the remedy."""


def month_of(name: str) -> str:
    """The month (`YYYY-MM`) of a receipt, or of a pack, by its file name."""
    return name[:7] if name.endswith(SUFFIX) else f"{name[:4]}-{name[4:6]}"


def pack_of(folder: Path, name: str) -> Path:
    """The pack in a source's folder that holds, or would hold, a receipt of that file name."""
    return folder / f"{month_of(name)}{SUFFIX}"


def packs(folder: Path, month: str = "") -> list[Path]:
    """The packs of a source, oldest first, or that of one month (`YYYY-MM`)."""
    return sorted(folder.glob(f"{month}*{SUFFIX}"))


def texts(pack: Path) -> Mapping[str, bytes]:
    """The receipts of a pack by file name, in order of names.

    Raises:
        PackError: it is damaged.
    """
    try:
        state = pack.stat()
    except FileNotFoundError:
        return {}
    return _texts(pack, state.st_ino, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1_000)
def _texts(pack: Path, *_of_this_file: int) -> Mapping[str, bytes]:
    try:
        lines = [json.loads(line) for line in gzip.decompress(pack.read_bytes()).splitlines()]
        found = {line["name"]: line["text"].encode() for line in lines}
        right = [
            hashlib.sha256(found[line["name"]]).hexdigest() == line["sha256"] for line in lines
        ]
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise PackError(f"{pack}: cannot be read ({error}); restore it from a backup") from error
    if not all(right):
        raise PackError(f"{pack}: a receipt is not what was packed; restore it from a backup")
    return found


def pack_files(folder: Path, before: datetime) -> int:
    """Pack the receipts that one source got before a time.

    Args:
        folder: the source's folder.
        before: UTC; what came at this time or later is left as it is.

    Returns:
        Number of files that went into packs.

    Raises:
        PackError: a pack that is there is damaged; no file was deleted.
        OSError: a file cannot be written or deleted.
    """
    first_left = before.strftime(INSTANT_FORMAT)
    by_pack: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        if path.name < first_left and _is_text(path):
            by_pack[pack_of(folder, path.name)].append(path)
    for pack, loose in by_pack.items():
        # A file wins: of a receipt that is there twice it may be the mended one.
        merged = {**texts(pack), **{path.name: path.read_bytes() for path in loose}}
        files.write(pack, _packed(merged))
        if texts(pack) != merged:
            raise PackError(
                f"{pack}: is not what was written; check the disk. No receipt was deleted"
            )
        for path in loose:
            path.unlink()
    return sum(map(len, by_pack.values()))


def _is_text(path: Path) -> bool:
    """Whether a file is what a receipt can be; a damaged one stays as it is, to be deleted by a person."""
    try:
        return bool(path.read_bytes().decode())
    except UnicodeDecodeError:
        return False


def _packed(receipts: Mapping[str, bytes]) -> bytes:
    lines = [
        {"name": name, "sha256": hashlib.sha256(text).hexdigest(), "text": text.decode()}
        for name, text in sorted(receipts.items())
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    return gzip.compress(content.encode(), compresslevel=6, mtime=0)
