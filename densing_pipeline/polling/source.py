"""What a poll needs to know of a source and of the document it sends.

Not here: the declarations (`prices.sources`, `score_sources`).
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Protocol, TypeVar

from densing_pipeline.fetch import Response
from densing_pipeline.polling.answers import Asked, Request
from densing_pipeline.settings import Settings

Fetch = Callable[[Request, Asked], Awaitable[Response]]
"""Makes the requests for a document: adds the complete answers to `Asked.received` and returns the
document they make; raises `FetchError`."""


class SnapshotError(ValueError):
    """A document as a whole is unusable; the last good one stays."""


class ShapeError(SnapshotError):
    """A document lost too much against the one before; taken all the same if it stays so for three nights."""


class Document(Protocol):
    """What the parser of a source makes of its document."""

    @property
    def rows(self) -> int:
        """Rows that could be read; a size to compare documents by."""

    @property
    def rows_quarantined(self) -> int:
        """Entries that could not be read."""

    @property
    def size(self) -> str:
        """The number of rows in words, such as `421 prices`."""

    @property
    def remarks(self) -> list[str]:
        """What the operator needs to know of entries that could not be read or were left out."""


DocumentT = TypeVar("DocumentT", bound=Document)


class Source(Protocol[DocumentT]):
    """A polled source."""

    @property
    def name(self) -> str:
        """Its name in the landing zone and in `source_health`."""

    @property
    def fetch(self) -> Fetch:
        """Makes the requests."""

    def url(self, settings: Settings) -> str:
        """Address of the source."""

    def read(self, content: bytes, observed_on: date) -> DocumentT:
        """What a document says.

        Args:
            content: the document.
            observed_on: day it was received.

        Raises:
            SnapshotError: the document is unusable as a whole.
        """

    def check(
        self, found: DocumentT, before: DocumentT | None, others: Mapping[str, DocumentT]
    ) -> list[str]:
        """Compare a document with the one before, if there is one.

        Args:
            found: the document.
            before: the last good one.
            others: by name, the newest good documents of other sources of the kind, which may bear it out.

        Returns:
            Remarks for the operator on what changed.

        Raises:
            SnapshotError: the new document has lost too much, or moved too far, to be believed.
        """
