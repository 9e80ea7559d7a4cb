"""The landing zone: every response as it was received, and a receipt of when and from where.

    landing/objects/<aa>/<sha256>.gz              bytes by content, stored once
    landing/receipts/<source>/<instant>-<nn>.json one per response, never edited
    landing/receipts/<source>/<YYYY-MM>.jsonl.gz  the older ones of a month, packed (`receipt_packs`)

Everything downstream can be rebuilt from here. The object is written before its receipt: a receipt
always finds its bytes.

Not here: parsing, and any decision whether a response is good.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from densing_pipeline import files, receipt_packs
from densing_pipeline.addresses import shown


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
        known = list(self._at(source, receipt.fetched_at))
        if not any(self.receipt(path) == receipt for path in known):
            files.write(self._named(source, receipt.fetched_at, len(known)), _to_json(receipt))
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

    def receipt_files(
        self, source: str, *, newest_first: bool = False, month: str = ""
    ) -> list[Path]:
        """The files of all receipts of a source, oldest first; they need not be readable.

        A packed receipt has the path below its pack, which `receipt` reads; a pack that is damaged stands for
        one receipt that cannot be read.

        Args:
            source: name of the source.
            newest_first: the newest first.
            month: `YYYY-MM`; only those that came in this month.
        """
        folder = self.folder / "receipts" / source
        found: dict[str, Path] = {}
        for pack in receipt_packs.packs(folder, month):
            try:
                found |= {name: pack / name for name in receipt_packs.texts(pack)}
            except receipt_packs.PackError:
                name = f"{pack.name[:4]}{pack.name[5:7]}01T000000.000000Z-000.json"
                found[name] = pack / name
        found |= {path.name: path for path in folder.glob(f"{month.replace('-', '')}*.json")}
        return [found[name] for name in sorted(found, reverse=newest_first)]

    def months(self, source: str) -> dict[str, str]:
        """By month (`YYYY-MM`), SHA-256 of the files that hold the receipts of a source.

        It is another one once a receipt came, was packed or changed.
        """
        folder = self.folder / "receipts" / source
        found: dict[str, Any] = {}
        for path in sorted([*receipt_packs.packs(folder), *folder.glob("*.json")]):
            digest = found.setdefault(receipt_packs.month_of(path.name), hashlib.sha256())
            digest.update(f"{path.name} {files.file_sha256(path)}\n".encode())
        return {month: digest.hexdigest() for month, digest in sorted(found.items())}

    def pack(self, before: datetime) -> int:
        """Pack the receipts of before a time; nobody may land anything meanwhile.

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

    def receipt_sha256(self, path: Path) -> str:
        """SHA-256 of a receipt as it was written, packed or not.

        Raises:
            LandingError: its pack is damaged.
        """
        if _is_packed(path):
            return hashlib.sha256(_packed(path.parent)[path.name]).hexdigest()
        return files.file_sha256(path)

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

    def _at(self, source: str, instant: datetime) -> Iterator[Path]:
        """The files of the receipts of one instant: several responses may share it, and are numbered."""
        for number in count():
            path = self._named(source, instant, number)
            pack = receipt_packs.pack_of(path.parent, path.name)
            if path.exists():
                yield path
            elif _holds(pack, path.name):
                yield pack / path.name
            else:
                return

    def _named(self, source: str, instant: datetime, number: int) -> Path:
        name = f"{instant.strftime(receipt_packs.INSTANT_FORMAT)}-{number:03d}.json"
        return self.folder / "receipts" / source / name


def received_at(path: Path) -> datetime:
    """The instant in the name of a receipt's file, also where the file cannot be read."""
    return datetime.strptime(path.name.partition("-")[0], receipt_packs.INSTANT_FORMAT).replace(
        tzinfo=UTC
    )


def _to_json(receipt: Receipt) -> bytes:
    return _written(asdict(receipt) | {"fetched_at": receipt.fetched_at.isoformat()})


def _written(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, sort_keys=True) + "\n").encode()


def _is_packed(path: Path) -> bool:
    return path.parent.name.endswith(receipt_packs.SUFFIX)


def _holds(pack: Path, name: str) -> bool:
    """Whether a receipt is in a pack; a damaged pack must not keep its source from landing more."""
    with suppress(LandingError):
        return name in _packed(pack)
    return False


def _packed(pack: Path) -> Mapping[str, bytes]:
    try:
        return receipt_packs.texts(pack)
    except receipt_packs.PackError as error:
        raise LandingError(str(error)) from error


def _from_json(path: Path) -> Receipt:
    state = (path.parent if _is_packed(path) else path).stat()
    return _parsed(path, state.st_ino, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=50_000)
def _parsed(path: Path, *_of_this_file: int) -> Receipt:
    """The receipt in a file, kept: a night reads those of all nights before it several times."""
    try:
        content = _packed(path.parent)[path.name] if _is_packed(path) else path.read_bytes()
        fields = json.loads(content)
        # Earlier versions kept whole addresses.
        told = {
            "url": shown(fields["url"]),
            "fetched_at": datetime.fromisoformat(fields["fetched_at"]),
        }
        return Receipt(**fields | told)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LandingError(f"{path}: not a receipt ({error}); delete it") from error
