"""Read one listing of the Hub page by page, newest first, and say whether all that was wanted came.

The Hub does not state how long a listing is, and a proxy or mirror may drop the `Link` header, repeat
a page or send an empty one. So a listing is complete only if it was read back to the day wanted, or to
an end that was proved; otherwise `missing` says what is not known. Not here: which listings are read
(`poll`, `sweep`), and requests (`client`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from densing_pipeline.hub import records
from densing_pipeline.hub.client import Answer, Hub, HubError, UnreachableError, with_query
from densing_pipeline.text import error_text

MOST_EMPTY = 3
"""Empty pages in a row after which a listing is given up."""

OUT_OF_ORDER = timedelta(days=1)
"""A record that is newer than the one before it by more than this is out of order."""

LEAST_OUT_OF_ORDER = 3
SHARE_OUT_OF_ORDER = 0.01
"""Number and share of records out of order up to which a listing is in order: single records have odd
dates."""


@dataclass(frozen=True)
class _Page:
    """A page that held records: its address, their number, and whether another page named it as next."""

    url: str
    n: int
    is_named: bool


@dataclass
class Listing:
    """One listing, how far it is to be read, and what came of it.

    Attributes:
        hub: client of the Hub.
        name: what is listed, for messages.
        url: address of the first page.
        dated_by: field of a record by which the listing is sorted, newest first.
        since: day back to which it is to be read; None to read it to its end.
        limit: records asked for per page.
        land: called with every page before it is read.
        trusts_short_pages: whether a page of fewer records than asked for is taken for the last one
            before any page has named a next one.
        linked: by `limit`, the fewest records on a page that names a next one; shared by the
            listings of a night.
        n_pages: pages received.
        n_rows: records received.
        n_recent: records dated on or after `since`.
        missing: what is missing, None if nothing is.
        error: the error that ended the listing, if one did.
    """

    hub: Hub
    name: str
    url: str
    dated_by: str
    since: date | None
    limit: int
    land: Callable[[Answer], None] = lambda answer: None
    trusts_short_pages: bool = False
    linked: dict[int, int] = field(default_factory=dict)
    n_pages: int = 0
    n_rows: int = 0
    n_recent: int = 0
    missing: str | None = None
    error: Exception | None = None
    _read: set[int] = field(default_factory=set)
    _last: _Page | None = None
    _before: datetime | None = None
    _n_dated: int = 0
    _n_rises: int = 0

    @property
    def is_unreachable(self) -> bool:
        """Whether further requests would fail, too."""
        return isinstance(self.error, UnreachableError)

    def pages(self) -> Iterator[tuple[Answer, list[Any]]]:
        """The pages with their records; sets `missing` and `error`, whatever the server does.

        Reading ends with the first page on which every date is before `since`, so that a single old
        record does not end it. Where no page is named as the next one before that, the end is
        proved: the last page is asked for with one record less, and must then name a next page with
        that record. A listing without `since` also ends with a page shorter than all that name a
        next one, or with an empty page that another one named.
        """
        try:
            yield from self._pages()
        except HubError as error:
            self._miss(str(error), error)
        except ValueError as error:
            self._miss(f"a page is not what the Hub sends: {error_text(error)}", error)
        except Exception as error:
            # An unforeseen response may raise any exception; the night goes on without the Hub.
            self._miss(f"a page cannot be handled ({error_text(error)})", error)
        if self._n_rises > max(LEAST_OUT_OF_ORDER, SHARE_OUT_OF_ORDER * self._n_dated):
            self._miss(
                f"its order changed while it was read ({self._n_rises} of {self._n_dated} records "
                "are newer than the one before them)"
            )

    def _pages(self) -> Iterator[tuple[Answer, list[Any]]]:
        url: str | None = self.url
        asked: set[str] = set()
        is_proof, n_empty = False, 0
        while url:
            if url in asked:
                raise HubError(f"page {self.n_pages} names a page that was read as the next one")
            asked.add(url)
            answer, found = self._page(url)
            self._check_new(found, is_proof=is_proof)
            self._note_dates(found)
            yield answer, found
            n_empty = 0 if found else n_empty + 1
            if self._is_passed(found) or n_empty == MOST_EMPTY:
                return
            following = self.hub.following(answer)
            if found:
                self._last = _Page(url, len(found), is_named=self._last is not None)
            if found and following and not is_proof:
                self.linked[self.limit] = min(len(found), self.linked.get(self.limit, len(found)))
            if not found and (following or is_proof or self._last is None) and self.since:
                self._miss(f"page {self.n_pages} is empty")
            is_proof = following is None
            url = following or self._after_end(is_empty=not found)

    def _page(self, url: str) -> tuple[Answer, list[Any]]:
        """A page and its records; one that is empty is asked for a second time.

        Of publishers that may have no repositories, the first page is not.
        """
        for _ in range(1 if self.trusts_short_pages and not self.n_pages else 2):
            answer = self.hub.get(url)
            self.land(answer)
            found = records.page_records(answer.content)
            if found:
                break
        self.n_pages += 1
        self.n_rows += len(found)
        return answer, found

    def _check_new(self, found: list[Any], *, is_proof: bool) -> None:
        """Raises `HubError` if the same records were on an earlier page."""
        page = hash(frozenset(map(records.key, found)))
        if found and page in self._read and not is_proof:
            raise HubError(f"page {self.n_pages} repeats an earlier one; the rest was not read")
        self._read.add(page)

    def _note_dates(self, found: list[Any]) -> None:
        """Count the records that are recent, and those out of order."""
        for dated in self._dates(found):
            self._n_dated += 1
            self._n_rises += self._before is not None and dated > self._before + OUT_OF_ORDER
            self._before = dated
            self.n_recent += self.since is not None and dated.date() >= self.since

    def _is_passed(self, found: list[Any]) -> bool:
        dates = self._dates(found)
        return self.since is not None and bool(dates) and max(dates).date() < self.since

    def _dates(self, found: list[Any]) -> list[datetime]:
        dates = (records.instant(record, self.dated_by) for record in found)
        return [dated for dated in dates if dated is not None]

    def _after_end(self, *, is_empty: bool) -> str | None:
        """Address at which a listing goes on whose last page names no next one; None if it is over."""
        last = self._last
        if last is None:
            return None
        shortest = self.linked.get(self.limit, self.limit if self.trusts_short_pages else 0)
        is_short = is_empty or last.n < shortest
        if (self.since is None and is_short) or (last.n == 1 and last.is_named):
            return None
        fewer = with_query(last.url, {"limit": str(last.n - 1)})
        following = self.hub.following(self.hub.get(fewer)) if last.n > 1 else None
        if following is None:
            ended = f" at {self._before:%Y-%m-%d}" if self._before else ""
            self._miss(f"it ended{ended} without the link to a next page")
        return following

    def _miss(self, what: str, error: Exception | None = None) -> None:
        """Note what is missing; the first cause is kept."""
        self.missing = self.missing or f"{self.name}: {what}"
        self.error = self.error or error
