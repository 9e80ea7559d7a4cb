"""Digests of code on which kept results depend: a package and all modules of this project that it imports.

Not here: data files and other libraries, which a cache's own key adds.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent
PROJECT = ROOT.name

IMPORTED = re.compile(
    rf"^\s*(?:from ({PROJECT}[\w.]*) import (\([^)]*\)|[^\n]*)|import ({PROJECT}[\w.]*))", re.M
)
"""An import of a module of the project: the module and the names, or the module alone."""


def digest(package: str) -> str:
    """Digest of a package's modules and of all that they import of this project, directly or not.

    Args:
        package: its name, such as `densing_pipeline.prices`.
    """
    found = hashlib.sha256()
    for path in modules(package):
        found.update(path.relative_to(ROOT).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def modules(package: str) -> list[Path]:
    """Files of a package's modules and of all that they import of this project, sorted."""
    waiting = sorted(_folder(package).rglob("*.py"))
    found: set[Path] = set()
    looked_for: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        text = path.read_text(encoding="utf-8")
        if path.name == "__init__.py" and "__path__" in text:
            # A package that imports all of its modules, whatever they are.
            waiting += path.parent.glob("*.py")
        for module in set(_imported(text)) - looked_for:
            looked_for.add(module)
            waiting += _files(module)
    return sorted(found)


def _imported(text: str) -> Iterator[str]:
    """The modules that a module's text imports; of a name that is imported from one, it may be one."""
    for module, names, alone in IMPORTED.findall(text):
        yield module or alone
        for name in re.findall(r"\w+", names):
            yield f"{module}.{name}"


def _files(module: str) -> Iterator[Path]:
    """The file of a module, and those of the packages it is in but for the project's own.

    That one imports what users ask of the project; nothing here does.
    """
    _, *parts = module.split(".")
    for number in range(1, len(parts) + 1):
        folder = ROOT.joinpath(*parts[:number])
        for path in (folder / "__init__.py", folder.with_suffix(".py")):
            if path.is_file():
                yield path


def _folder(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")[1:])
