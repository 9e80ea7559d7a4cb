"""A zip archive from outside, read in memory under bounds.

Nothing is written to disk, so no name of a member becomes a path. A member that cannot be read costs
only itself: `refused` says why. Sizes that an archive declares are believed only if they are too large;
what is decompressed is counted. Not here: what the members mean.
"""

import io
import re
import zipfile
import zlib
from collections import Counter

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.text import LONGEST_NAME, clean

MOST_MEMBERS = 2_000
MIB = 2**20
MEMBER_BYTES = 32 * MIB
"""Largest member, decompressed."""

ARCHIVE_BYTES = 256 * MIB
"""All members that are read, decompressed."""

NAMELESS = "a member without a name"
"""How a member with an empty name is called."""

_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".7z", ".bz2", ".xz", ".zst")


class ArchiveError(SnapshotError):
    """The document is no zip archive that can be read; the message says why."""


class MemberError(ValueError):
    """A member cannot be read; the message says why."""


class Archive:
    """The members of an archive.

    Attributes:
        refused: why a member is not read, by its name.
    """

    def __init__(self, content: bytes) -> None:
        """Read the list of members.

        Raises:
            ArchiveError: it is no zip archive, is cut short, or has more than 2,000 members.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise ArchiveError(
                f"no zip archive, or cut short ({error}); {len(content)} bytes"
            ) from error
        members = [each for each in self._zip.infolist() if not each.filename.endswith("/")]
        if len(members) > MOST_MEMBERS:
            raise ArchiveError(f"an archive of {len(members)} members: {MOST_MEMBERS} at most")
        self._left = ARCHIVE_BYTES
        self.refused: dict[str, str] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        names = Counter(each.filename for each in members)
        for each in members:
            problem = "two members of one name" if names[each.filename] > 1 else _problem(each)
            if problem:
                self.refused[clean(each.filename, LONGEST_NAME) or NAMELESS] = problem
            else:
                self._members[each.filename] = each

    @property
    def names(self) -> list[str]:
        """Names of the members that may be read."""
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        """A member, decompressed.

        Raises:
            MemberError: there is none of that name, it is refused, damaged, or larger than it may be.
        """
        if name not in self._members:
            raise MemberError(self.refused.get(name, "no such member in the archive"))
        most = min(MEMBER_BYTES, self._left)
        try:
            with self._zip.open(self._members[name]) as member:
                content = member.read(most + 1)
        except (
            zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError,
            ValueError,
        ) as error:  # fmt: skip
            # Damage shows at the end of a member at the latest; until then it is decompressed.
            self._left -= min(most, self._members[name].file_size)
            raise MemberError(f"damaged ({error})") from error
        if len(content) > most:
            raise MemberError(_too_large(most))
        self._left -= len(content)
        return content


def _problem(member: zipfile.ZipInfo) -> str | None:
    """Why a member is not read, judging by its entry in the list."""
    name = member.filename
    if not name:
        return "an empty name"
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "an absolute path"
    if "\\" in name or ".." in name.split("/"):
        return "a path that leaves the archive"
    if not name.isprintable():
        return "control characters in its name"
    if name.lower().endswith(_ARCHIVES):
        return "an archive within the archive"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"compressed by method {member.compress_type}; stored or deflated is expected"
    if member.file_size > MEMBER_BYTES:
        return _too_large(MEMBER_BYTES, member.file_size)
    return None


def _too_large(most: int, size: int | None = None) -> str:
    told = "" if size is None else f" ({size / MIB:,.0f} MiB)"
    return f"larger than {most / MIB:g} MiB{told}"
