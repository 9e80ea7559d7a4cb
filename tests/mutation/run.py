"""Count how many small changes of constants and comparisons the fast tests notice.

    python -m tests.mutation.run               # all of them; exit status 1 below 95 %
    python -m tests.mutation.run cost/ trends/ # those of some files

Each mutation is applied to a copy of the tree, and its tests are run there, those marked slow left out.
All runs share one process, in which the changed module and those that import it are loaded anew, so a
mutation takes a second or two. Not here: the mutations (`mutations`).
"""

import ast
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from types import FrameType

import pytest

from tests.mutation.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
PACKAGE = "densing_pipeline"

NEEDED = 0.95
"""Share of the mutations that must be noticed."""

LONGEST_SECONDS = 300
"""A test run that takes longer is ended and counts as noticed: the mutation never comes to an end."""

OPTIONS = (
    "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
"""Of pytest. Plugins stay imported from one run to the next, and cannot be rewritten again."""

USED_WRONGLY = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


class MutationError(RuntimeError):
    """A mutation or its tests cannot be used; the message says which and why."""


def main(arguments: Sequence[str]) -> int:
    """Run the mutations of files whose names begin with one of the arguments; returns the exit status."""
    chosen = [m for m in MUTATIONS if m.file.startswith(tuple(arguments) or "")]
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        _forget(name for name in sys.modules if name.partition(".")[0] == PACKAGE)
        missed = [mutation for mutation in chosen if not noticed(tree, mutation)]
        os.chdir(ROOT)
    share = 1 - len(missed) / len(chosen)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutations noticed: {share:.1%}")
    return 0 if share >= NEEDED else 1


def copied(folder: Path) -> Path:
    """A copy of what git has of the working tree, and of what it would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    tree = folder / "tree"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    return tree


def noticed(tree: Path, mutation: Mutation) -> bool:
    """Whether the tests of a mutation notice it; the tree is as it was afterwards."""
    must_pass(mutation.tests)
    path = tree / PACKAGE / mutation.file
    before = path.read_text(encoding="utf-8")
    name = ".".join((PACKAGE, *Path(mutation.file).with_suffix("").parts))
    _rewritten(path, mutated(before, mutation))
    started = time.monotonic()
    try:
        _forget(importers(name))
        is_noticed = not passed(mutation.tests)[0]
    finally:
        _rewritten(path, before)
        _forget(importers(name))
    said = "noticed" if is_noticed else "MISSED "
    took = time.monotonic() - started
    print(
        f"{said} {took:5.1f} s  {mutation.file}: {mutation.old!r} -> {mutation.new!r}", flush=True
    )
    return is_noticed


@cache
def must_pass(files: tuple[str, ...]) -> None:
    """Run the tests on the tree as it is, once.

    Raises:
        MutationError: they do not pass, so their failure would say nothing of a mutation.
    """
    is_passed, said = passed(files)
    if not is_passed:
        raise MutationError(f"{' '.join(files)}: must pass unchanged\n{said}")


def mutated(text: str, mutation: Mutation) -> str:
    """The text of a file with the mutation.

    Raises:
        MutationError: the text to be replaced does not stand there exactly once.
    """
    times = text.count(mutation.old)
    if times != 1:
        raise MutationError(
            f"{mutation.file}: {mutation.old!r} stands there {times} times, not once"
        )
    return text.replace(mutation.old, mutation.new)


def importers(name: str) -> set[str]:
    """A module, and the loaded modules of the package that import it, directly or through others."""
    imports = {
        loaded: set(_imported(Path(module.__file__)))
        for loaded, module in list(sys.modules.items())
        if loaded.partition(".")[0] in (PACKAGE, "docs") and getattr(module, "__file__", None)
    }
    found = {name}
    while more := {of for of, named in imports.items() if named & found} - found:
        found |= more
    return found


def _imported(path: Path) -> Iterator[str]:
    """Names of modules (and of things in them) that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _forget(names: Iterator[str] | set[str]) -> None:
    """Have modules loaded anew when they are imported next, and the tests, which name them."""
    tests = {name for name in sys.modules if name.partition(".")[0] in ("tests", "docs")}
    for name in {*names, *tests} - {"tests", "tests.mutation", "tests.mutation.mutations"}:
        module = sys.modules.pop(name, None)
        above, _, own = name.rpartition(".")
        if module is not None and above in sys.modules:
            vars(sys.modules[above]).pop(own, None)


def passed(files: Sequence[str]) -> tuple[bool, str]:
    """Whether the fast tests of some files pass, and what pytest said.

    Raises:
        MutationError: pytest could not run them.
    """
    said = io.StringIO()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST_SECONDS)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = pytest.main([*OPTIONS, *files])
    except TimeoutError:
        return False, "it takes too long"
    finally:
        signal.alarm(0)
    if status in USED_WRONGLY:
        raise MutationError(f"{' '.join(files)}: pytest could not run\n{said.getvalue()}")
    return status == pytest.ExitCode.OK, said.getvalue()


def _too_long(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _rewritten(path: Path, text: str) -> None:
    """Replace a file, with a time of its own: bytecode is told from source by time and size."""
    path.write_text(text, encoding="utf-8")
    stamp = next(_STAMPS)
    os.utime(path, (stamp, stamp))


_STAMPS = count(1_000_000_000)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
