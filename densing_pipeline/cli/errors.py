"""Errors as one sentence each, with the remedy and the exit status.

Status 0 is success, 1 a command that failed, 2 a wrong argument or setting, 130 an interrupt (Ctrl-C).
"""

import errno
import re

FAILED = 1
MISUSED = 2
INTERRUPTED = 130

INTERRUPT_SENTENCE = (
    "Interrupted. Published releases are untouched; run the same command again when you like."
)

ERRNO_IN_TEXT = re.compile(r"\[Errno (\d+)\]")
"""Where Python writes the number of an operating system error in its message."""

REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space, or point DENSING_STATE_DIR and "
    "DENSING_PUBLISH_URL to another disk, and run again",
    errno.EDQUOT: "the disk quota is used up: free some space, or point DENSING_STATE_DIR and "
    "DENSING_PUBLISH_URL to another disk, and run again",
    errno.EROFS: "the file system is read-only: point DENSING_STATE_DIR and DENSING_PUBLISH_URL "
    "to folders that can be written",
    errno.EACCES: "permission denied: give your user access to it, or point DENSING_STATE_DIR and "
    "DENSING_PUBLISH_URL to folders of your own",
    errno.EPERM: "not permitted: give your user access to it, or point DENSING_STATE_DIR and "
    "DENSING_PUBLISH_URL to folders of your own",
    errno.EIO: "the disk cannot be read or written: check it before running again",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n 4096`) and run again",
    errno.ENOENT: "there is no such file or folder: correct the path",
    errno.ENOTDIR: "a part of the path is a file, not a folder: move that file away or choose "
    "another path",
    errno.EISDIR: "it is a folder where a file is expected: correct the path",
}
"""What to do about an operating system error, by its number."""


class CommandError(RuntimeError):
    """A command cannot be carried out; the message says why and what to do.

    Attributes:
        status: the exit status.
    """

    status = FAILED


class SettingsRefusedError(CommandError):
    """A `DENSING_` variable has a value that is not allowed."""

    status = MISUSED


def sentence(error: OSError) -> str:
    """An operating system error in one sentence: the file, what is wrong, what to do."""
    where = error.filename2 or error.filename
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None:
        return str(error)
    return f"{where}: {remedy}." if where else f"{remedy[0].upper()}{remedy[1:]}."


def with_remedy(message: str) -> str:
    """A message followed by the remedy of the operating system error it quotes, if it quotes one."""
    found = ERRNO_IN_TEXT.search(message)
    remedy = REMEDIES.get(int(found[1])) if found else None
    return f"{message}: {remedy}" if remedy else message
