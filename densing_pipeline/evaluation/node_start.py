"""Starts this package on a machine that has the evaluation environment and sees no disk of the orchestrator's.

The text of this file is given to that environment's Python (`python -c`), so it imports nothing of this package. It
fetches the package from the object store, compares it with the SHA-256 that the orchestrator named, so that it runs the
orchestrator's own version and nothing else, unpacks it once, and becomes the job:

    python -c "<this file>" <address of the store> <SHA-256> <folder of all packages> -m <module> <options>
"""

import hashlib
import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

MOST_PACKAGE_BYTES = 64 << 20
"""Bytes of a package, at most; this one has under 2 MB."""


def package(address: str, sha256: str, packages: Path) -> Path:
    """The folder with the package of this SHA-256, fetched from the store at the address if it is not there yet."""
    folder = packages / sha256[:16]
    if folder.is_dir():
        return folder
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        sys.exit(
            f"{sys.executable} has no obstore: build the environment with `make evaluation-env`"
        )
    try:
        found = from_url(address).get(f"packages/{sha256}.zip")
        # What is larger is not the package, and may not fit into memory.
        content = bytes(found.bytes()) if found.meta["size"] <= MOST_PACKAGE_BYTES else b""
    except (BaseError, OSError, ValueError) as error:
        line = str(error).strip().partition("\n")[0]
        sys.exit(f"the package cannot be fetched from {address}: {line}")
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(
            f"{address}/packages/{sha256}.zip is not the package of the orchestrator that started this job: delete it "
            "there, and the next job brings the right one"
        )
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packages) as made:
        whole = Path(made) / "whole"
        # The hash says that it is the orchestrator's own, so no name in it leads elsewhere.
        zipfile.ZipFile(io.BytesIO(content)).extractall(whole)
        try:
            whole.rename(folder)
        except OSError:
            # Another job of this machine may have unpacked it meanwhile.
            if not folder.is_dir():
                raise
    return folder


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(package(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    os.execv(sys.executable, [sys.executable, *sys.argv[4:]])  # noqa: S606
