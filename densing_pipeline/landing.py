"""The landing zone: every response as it was received, and a receipt of when and from where.

    landing/objects/<aa>/<sha256>.gz              bytes by content, stored once
    landing/receipts/<source>/<instant>-<nn>.json one per response, never edited
    landing/receipts/<source>/<YYYY-MM>.jsonl.gz  those of a month that is over, packed (`receipt_packs`)

Everything downstream can be rebuilt from here. The object is written before its receipt: a receipt
always finds its bytes.

Not here: parsing, and any decision whether a response is good.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from densing_pipeline import files, receipt_packs
from densing_pipeline.addresses import shown

INSTANT_FORMAT = "%Y%m%dT%H%M%S.%fZ"
"""Instants in file names, so that names sort by time."""


class LandingError(RuntimeError):
    """Stored bytes are missing or do not match their receipt; the message names the file."""


@dataclass(frozen=True)
class Receipt:
    """When and from where bytes were received.

    Attributes:
        source: name of the source, a folder name.
        url: address that was asked, as `addresses.shown` writes it.
        fetched_at: when the response was complete, UTC.
        sha256: hash of the bytes as received (after transfer decoding, before parsing).
        size: bytes as received.
        status: HTTP status, 0 if the bytes did not come over HTTP.
        etag: entity tag to send with the next request.
        last_modified: date to send with the next request.
    """

    source: str
    url: str
    fetched_at: datetime
    sha256: str
    size: int
    status: int = 0
    etag: str | None = None
    last_modified: str | None = None


class LandingZone:
    """A folder of raw responses, addressed by content."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, which is created with the first response."""
        self.folder = folder

    def store(
        self,
        source: str,
        url: str,
        content: bytes,
        fetched_at: datetime,
        *,
        status: int = 0,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Receipt:
        """Keep bytes and say when they came; the same response stored twice is stored once.

        Raises:
            ValueError: `fetched_at` has no time zone, or `source` is not a plain folder name.
        """
        if fetched_at.tzinfo is None:
            raise ValueError(f"{source}: fetched_at {fetched_at} needs a time zone")
        if not source or not all(c.isalnum() or c in "-_" for c in source):
            raise ValueError(f"{source!r}: a source is named with letters, digits, - and _")
        receipt = Receipt(
            source=source,
            url=shown(url),
            fetched_at=fetched_at.astimezone(UTC),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            status=status,
            etag=etag,
            last_modified=last_modified,
        )
        path = self._object(receipt.sha256)
        if not self._is_stored(receipt):
            files.write(path, gzip.compress(content, compresslevel=6, mtime=0))
        if receipt not in self._at(source, receipt.fetched_at):
            files.write(self._next_name(receipt), _to_json(receipt))
        return receipt

    def read(self, receipt: Receipt) -> bytes:
        """The bytes of a receipt.

        Raises:
            LandingError: they are missing or damaged.
        """
        path = self._object(receipt.sha256)
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise LandingError(
                f"{path}: cannot be read ({error}); restore it from a backup"
            ) from error
        if hashlib.sha256(content).hexdigest() != receipt.sha256:
            raise LandingError(f"{path}: does not match its name; restore it from a backup")
        return content

    def find(self, sha256: str) -> Path | None:
        """The file with the bytes of that hash, compressed with gzip; None if they did not land here."""
        path = self._object(sha256)
        return path if path.exists() else None

    def receipts(self, source: str, *, newest_first: bool = False) -> Iterator[Receipt]:
        """All receipts of a source, oldest first.

        Raises:
            LandingError: one is damaged.
        """
        for path in self.receipt_files(source, newest_first=newest_first):
            yield self.receipt(path)

    def receipt_files(self, source: str, *, newest_first: bool = False) -> list[Path]:
        """The files of all receipts of a source, oldest first; they need not be readable.

        A packed receipt has the path below its pack, which `receipt` reads; a pack that is damaged stands for
        one receipt that cannot be read.
        """
        folder = self.folder / "receipts" / source
        found: dict[str, Path] = {}
        for pack in receipt_packs.packs(folder):
            try:
                found |= {name: pack / name for name in receipt_packs.texts(pack)}
            except receipt_packs.PackError:
                name = f"{pack.name[:4]}{pack.name[5:7]}01T000000.000000Z-000.json"
                found[name] = pack / name
        found |= {path.name: path for path in folder.glob("*.json")}
        return [found[name] for name in sorted(found, reverse=newest_first)]

    def pack(self, before: datetime) -> int:
        """Pack the receipts of months that were over before a time; nobody may land anything meanwhile.

        Args:
            before: UTC.

        Returns:
            Number of receipts packed.

        Raises:
            LandingError: a pack that is there is damaged; none of its receipts was deleted.
        """
        try:
            folders = sorted((self.folder / "receipts").glob("*/"))
            return sum(receipt_packs.pack_files(folder, before) for folder in folders)
        except receipt_packs.PackError as error:
            raise LandingError(str(error)) from error

    def hide_secrets(self) -> None:
        """Write anew each receipt whose address has a secret, as versions before 0.2 wrote them; nobody may use the folder.

        A damaged receipt stays as it is: whoever reads its source says so.
        """
        for path in (self.folder / "receipts").glob("*/*.json"):
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                fields = json.loads(path.read_bytes())
                if (told := shown(fields["url"])) != fields["url"]:
                    files.write(path, _written(fields | {"url": told}))

    def unused_bytes(self, endings: tuple[str, ...], before: datetime) -> list[Path]:
        """The files of bytes that only sources with a name of these endings received, and none of them lately.

        Args:
            endings: of the names of sources whose old bytes are not needed.
            before: UTC; what came since then is needed.

        Raises:
            LandingError: a receipt is damaged, so that what it needs is not known.
        """
        old: set[str] = set()
        needed: set[str] = set()
        for folder in sorted((self.folder / "receipts").glob("*/")):
            for receipt in self.receipts(folder.name):
                is_old = folder.name.endswith(endings) and receipt.fetched_at < before
                (old if is_old else needed).add(receipt.sha256)
        return [path for sha256 in sorted(old - needed) if (path := self.find(sha256))]

    def receipt(self, path: Path) -> Receipt:
        """The receipt in a file.

        Raises:
            LandingError: it is damaged.
        """
        return _from_json(path)

    def latest(self, source: str, url: str | None = None) -> Receipt | None:
        """The newest receipt of a source (and address), if there is one."""
        found = self.receipts(source, newest_first=True)
        return next((r for r in found if url is None or r.url == shown(url)), None)

    def _is_stored(self, receipt: Receipt) -> bool:
        """Whether the bytes are there and whole; damaged ones are written again when they come back."""
        try:
            return self.read(receipt) is not None
        except LandingError:
            return False

    def _object(self, sha256: str) -> Path:
        return self.folder / "objects" / sha256[:2] / f"{sha256}.gz"

    def _at(self, source: str, instant: datetime) -> list[Receipt]:
        folder = self.folder / "receipts" / source
        start = f"{instant.strftime(INSTANT_FORMAT)}-"
        pack = receipt_packs.pack_of(folder, start)
        loose = {path.name: path for path in folder.glob(f"{start}*.json")}
        packed = {name: pack / name for name in _names(pack) if name.startswith(start)}
        return [_from_json(path) for path in (packed | loose).values()]

    def _next_name(self, receipt: Receipt) -> Path:
        """A free name: several responses may share an instant."""
        folder = self.folder / "receipts" / receipt.source
        taken = len(self._at(receipt.source, receipt.fetched_at))
        return folder / f"{receipt.fetched_at.strftime(INSTANT_FORMAT)}-{taken:03d}.json"


def received_at(path: Path) -> datetime:
    """The instant in the name of a receipt's file, also where the file cannot be read."""
    return datetime.strptime(path.name.partition("-")[0], INSTANT_FORMAT).replace(tzinfo=UTC)


def _to_json(receipt: Receipt) -> bytes:
    return _written(asdict(receipt) | {"fetched_at": receipt.fetched_at.isoformat()})


def _written(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, sort_keys=True) + "\n").encode()


def _names(pack: Path) -> Iterable[str]:
    try:
        return receipt_packs.texts(pack)
    except receipt_packs.PackError as error:
        raise LandingError(str(error)) from error


def _from_json(path: Path) -> Receipt:
    is_packed = path.parent.name.endswith(receipt_packs.SUFFIX)
    state = (path.parent if is_packed else path).stat()
    return _parsed(path, state.st_ino, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=50_000)
def _parsed(path: Path, *_of_this_file: int) -> Receipt:
    """The receipt in a file, kept: a night reads those of all nights before it several times."""
    pack = path.parent
    try:
        if pack.name.endswith(receipt_packs.SUFFIX):
            content = receipt_packs.texts(pack)[path.name]
        else:
            content = path.read_bytes()
        fields = json.loads(content)
        # Earlier versions kept whole addresses.
        told = {
            "url": shown(fields["url"]),
            "fetched_at": datetime.fromisoformat(fields["fetched_at"]),
        }
        return Receipt(**fields | told)
    except receipt_packs.PackError as error:
        raise LandingError(str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LandingError(f"{path}: not a receipt ({error}); delete it") from error
