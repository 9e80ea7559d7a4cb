"""Errors of the operating system as one sentence each: the file, what is wrong, what to do."""

import errno
import re

ERRNO_IN_TEXT = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
"""Where Python, or a library in Rust such as polars, writes the number of an operating system error in its message."""

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
    errno.EEXIST: "a file is where a folder must be: move that file away or choose another path",
    errno.EISDIR: "it is a folder where a file is expected: move it away, or correct the path",
}
"""What to do about an operating system error, by its number."""


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
    remedy = REMEDIES.get(int(found[1] or found[2])) if found else None
    return f"{message}: {remedy}" if remedy else message
