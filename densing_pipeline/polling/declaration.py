"""The declaration of a polled source, which its module makes as `SOURCE`, and how declarations are found.

Not here: what the sources of one kind need beside (`prices.sources.source`, `score_sources.source`), and
the requests (`polling.poll`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from densing_pipeline.polling.source import DocumentT, SnapshotError
from densing_pipeline.settings import Settings


@dataclass(frozen=True)
class Declaration(Generic[DocumentT]):
    """What every polled source declares.

    Attributes:
        name: its name in the landing zone, in its table and in `source_health`.
        address_setting: the field of `Settings` that holds its address.
        parse: reads a document, given the day on which it was received; raises `SnapshotError`.
    """

    name: str
    address_setting: str
    parse: Callable[[bytes, date], DocumentT]

    def url(self, settings: Settings) -> str:
        """Address of the source."""
        return str(getattr(settings, self.address_setting))

    def read(self, content: bytes, observed_on: date) -> DocumentT:
        """What a document says.

        The document is text from outside: whatever it makes a parser do, the other sources go on.

        Args:
            content: the document.
            observed_on: day it was received.

        Raises:
            SnapshotError: the document is unusable as a whole, or the parser failed on it.
        """
        try:
            return self.parse(content, observed_on)
        except SnapshotError:
            raise
        except Exception as error:
            raise SnapshotError(
                f"{self.name}: cannot be read ({type(error).__name__}: {error})"
            ) from error


DeclaredT = TypeVar("DeclaredT", bound=Declaration[Any])


def declared(package: str, folders: Iterable[str], kind: type[DeclaredT]) -> dict[str, DeclaredT]:
    """The sources that modules of a package declare, by name and in order of names.

    Args:
        package: its name.
        folders: where its modules are, as its `__path__`.
        kind: class of the declarations.

    Raises:
        ValueError: two modules declare a source of one name.
    """
    found: dict[str, DeclaredT] = {}
    for module in iter_modules(folders):
        source = getattr(import_module(f"{package}.{module.name}"), "SOURCE", None)
        if isinstance(source, kind):
            if source.name in found:
                raise ValueError(f"two modules of {package} declare the source {source.name!r}")
            found[source.name] = source
    return dict(sorted(found.items()))
