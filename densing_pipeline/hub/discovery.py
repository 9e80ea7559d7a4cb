"""Find repositories that are new on the Hub or have changed: the listings that a night reads.

No single listing shows every model that was published. The one by creation misses a repository that
was made public long after it was created, the one by last change misses one that was made public
without a commit. So four are read: by creation and by last change, back to the last complete poll;
once more by creation, back `WINDOW`, with few fields; and the repositories of every publisher of base
models, with few fields. Of the last two, only records that have never been read are requested in full.

Not here: how one listing is read (`listing`), and what is requested of single models (`poll`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from huggingface_hub.utils import HFValidationError, validate_repo_id

from densing_pipeline.hub import records
from densing_pipeline.hub.claimed_scores.landed import CLAIMS
from densing_pipeline.hub.client import (
    EXPAND,
    FEW_FIELDS,
    Answer,
    Hub,
    HubError,
    OversizedError,
    RefusedError,
    UnreachableError,
    with_query,
)
from densing_pipeline.hub.listing import Listing
from densing_pipeline.hub.observations import (
    CONFIGS,
    INFOS,
    OK,
    PAGES,
    TOO_LARGE,
    UNREADABLE,
    key_of,
    read_keys,
)
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingZone

WINDOW = timedelta(days=60)
"""Age up to which a repository that is made public is found whoever publishes it. Of the models with
a known announcement, none came more than 53 days after its repository was created."""

FEW_FIELDS_LIMIT = 1000
"""Records asked for per page with few fields: the most that the Hub sends."""

FEW = 4
"""Records of one page up to which they are requested one by one; with more, the page is."""

MOST_PAGES_OF_ONE = 10
"""Most pages that are read of one publisher's repositories, the last changed first."""

OBJECTS = (INFOS, CONFIGS, CLAIMS)
"""Sources of single models whose documents are JSON objects."""

PATIENCE = 5
"""Publishers in a row whose repositories cannot be listed, after which no more are asked for."""


@dataclass
class Discovery:
    """The listings of one night.

    Attributes:
        zone: where full records land.
        cache: where `observations` keeps its cache.
        hub: client of the Hub.
        page_size: full records asked for per page.
        clock: gives the current time, UTC.
        listings: the listings read so far.
        missing: what could not be read, apart from listings.
        unread: names of repositories that a listing named and whose record could not be had.
        is_over: whether further requests would fail.
    """

    zone: LandingZone
    cache: Path
    hub: Hub
    page_size: int
    clock: Callable[[], datetime]
    listings: list[Listing] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    is_over: bool = False
    _linked: dict[int, int] = field(default_factory=dict)
    _keys: set[int] | None = None

    @property
    def http_status(self) -> int | None:
        """HTTP status of the first listing that ended with one."""
        errors = (each.error for each in self.listings)
        return next((e.status for e in errors if isinstance(e, HubError) and e.status), None)

    def created(self, since: date) -> Listing:
        """Read the repositories by creation, back to a day."""
        return self._full("new repositories", "createdAt", since)

    def changed(self, since: date) -> Listing:
        """Read the repositories by last change, back to a day."""
        return self._full("changed repositories", "lastModified", since)

    def made_public_late(self, since: date) -> None:
        """Read the records never read of what was created since a day and may be a base model."""
        found = self._few_fields("repositories made public late", "createdAt", since)
        for page, shown in self._pages(found):
            self._read_unread(page, shown, self._may_be_base)
        self._note(found)

    def of_publishers(self, publishers: Iterable[str], known: pl.DataFrame) -> None:
        """Read the records never read of what publishers have.

        Args:
            publishers: namespaces.
            known: a frame of `repositories.repositories`; what it has of a publisher must be
                listed, renamed or gone.
        """
        present = known.filter(
            pl.col("hub_state").is_in(["present", "renamed"]), pl.col("is_base").is_not_null()
        )
        names: dict[str, set[str]] = {}
        for name in present["name"]:
            names.setdefault(name.partition("/")[0].lower(), set()).add(name)
        failures, left, without = 0, list(publishers), []
        while left and failures < PATIENCE and not self.is_over:
            publisher = left.pop(0)
            failed = self._of_publisher(publisher, names.get(publisher.lower(), set()))
            failures = failures + 1 if failed else 0
            without += [] if failed or self.listings[-1].n_rows else [publisher]
        if without:
            more = f" and {len(without) - FEW} more" if len(without) > FEW else ""
            self.hub.remarks.append(
                f"publishers without repositories: {', '.join(without[:FEW])}{more}; the Hub may write"
                " them otherwise (hub_namespaces.csv)"
            )
        if left:
            self.missing.append(
                f"the repositories of {len(left)} publishers, from {left[0]} on, were not listed"
            )

    def _of_publisher(self, publisher: str, names: set[str]) -> bool:
        """Read the repositories of one publisher; returns whether that failed."""
        found = self._few_fields(f"repositories of {publisher}", "lastModified", None, publisher)
        shown: set[str] = set()
        for page, listed in self._pages(found):
            shown |= {str(each.get("id")) for each in listed if isinstance(each, dict)}
            if len({name.partition("/")[0].lower() for name in shown}) > 1:
                found.missing = f"{found.name}: the list has those of others, too"
                break
            self._read_unread(page, listed)
            if found.n_pages == MOST_PAGES_OF_ONE:
                self.hub.remarks.append(f"{publisher} has over {len(shown)} repositories")
                names = set()
                break
        self._note(found)
        if not found.missing and not self.is_over:
            absent = [name for name in sorted(names - shown)[:FEW] if self._is_there(name)]
            self.missing += [f"{found.name}: {name} is not listed" for name in absent]
        return found.missing is not None

    def trending(self) -> None:
        """Read one page of what trends; what cannot be read of it is a remark."""
        url = self.hub.list_url("trendingScore", self.page_size)
        found = self._listing("trending", url, "createdAt", None, self.page_size, lands=True)
        next(self._pages(found), None)
        self.listings.append(found)
        self.is_over = self.is_over or found.is_unreachable
        self.hub.remarks += [found.missing] if found.missing else []

    def _full(self, name: str, dated_by: str, since: date) -> Listing:
        """Read a listing with all fields; its pages land."""
        url = self.hub.list_url(dated_by, self.page_size)
        found = self._listing(name, url, dated_by, since, self.page_size, lands=True)
        for _ in self._pages(found):
            pass
        self._note(found)
        return found

    def _few_fields(
        self, name: str, dated_by: str, since: date | None, publisher: str | None = None
    ) -> Listing:
        """A listing with few fields, whose pages do not land: they say which records to request."""
        limit = FEW_FIELDS_LIMIT
        url = self.hub.list_url(dated_by, limit, author=publisher, fields=FEW_FIELDS)
        found = self._listing(name, url, dated_by, since, limit, lands=False)
        found.trusts_short_pages = publisher is not None
        return found

    def _listing(
        self, name: str, url: str, dated_by: str, since: date | None, limit: int, *, lands: bool
    ) -> Listing:
        found = Listing(self.hub, name, url, dated_by, since, limit, linked=self._linked)
        if lands:
            found.land = lambda page: self._land(PAGES, page)
        return found

    def _pages(self, found: Listing) -> Iterator[tuple[Answer, list[Any]]]:
        """The pages of a listing as long as requests make sense."""
        pages = found.pages()
        while not self.is_over and (page := next(pages, None)) is not None:
            yield page
        if self.is_over and not found.missing:
            found.missing = f"{found.name}: not read to the end"

    def _note(self, found: Listing) -> None:
        self.listings.append(found)
        self.is_over = self.is_over or found.is_unreachable
        if found.missing:
            self.missing.append(found.missing)

    def _read_unread(
        self, page: Answer, shown: list[Any], wanted: Callable[[Any], bool] = bool
    ) -> None:
        """Request in full the records of a page with few fields that have never been read.

        Args:
            page: the page.
            shown: its records.
            wanted: which of them.
        """
        if self._keys is None:
            self._keys = read_keys(self.zone, self.cache)
        unread = {
            key: each for each in shown if (key := key_of(each)) not in self._keys and wanted(each)
        }
        self._keys |= unread.keys()
        try:
            if len(unread) > FEW:
                self._read_page(with_query(page.url, {"expand": EXPAND}), unread)
        except (HubError, ValueError) as error:
            self._failed(list(unread.values()), error)
            return
        for each in unread.values():
            self._read_one(each)

    def _read_page(self, url: str, unread: dict[int, Any]) -> None:
        """Read a page in full, and those after it while more than `FEW` records are unread.

        Raises:
            HubError: a page could not be had, or has none of the records.
            ValueError: a page is not a list of records.
        """
        following: str | None = url
        while following and len(unread) > FEW:
            page = self.hub.get(following)
            self._land(PAGES, page)
            keys = {key_of(each) for each in records.page_records(page.content)}
            if not keys & unread.keys():
                raise HubError("they are not listed with all fields")
            for key in keys & unread.keys():
                del unread[key]
            self._keys = (self._keys or set()) | keys
            following = self.hub.following(page)

    def _read_one(self, shown: Any) -> None:
        name = str(shown.get("id")) if isinstance(shown, dict) else ""
        try:
            validate_repo_id(name)
            self._record(name)
        except HFValidationError:
            # Third-party text that would become a path.
            return
        except HubError as error:
            self._failed([shown], error)

    def _record(self, name: str) -> Answer:
        return request(self.zone, INFOS, self.hub, self.hub.info_url(name), self.clock)

    def _is_there(self, name: str) -> bool:
        """Whether the Hub still has a repository under a name."""
        try:
            answer = self._record(name)
        except HubError:
            return True
        if answer.status != OK:
            return answer.status == UNREADABLE
        return bool(load(answer.content).get("id") == name)

    def _failed(self, shown: list[Any], error: Exception) -> None:
        names = [str(each.get("id")) for each in shown if isinstance(each, dict)] or ["(no id)"]
        self.is_over = self.is_over or isinstance(error, UnreachableError)
        self.unread += names
        self.missing.append(f"{len(names)} records, of {names[0]} first: {error}")

    def _may_be_base(self, shown: Any) -> bool:
        return records.matters(shown, self.clock())

    def _land(self, source: str, page: Answer) -> None:
        land(self.zone, source, page, self.clock())


def request(
    zone: LandingZone,
    source: str,
    hub: Hub,
    url: str,
    clock: Callable[[], datetime],
    max_bytes: int | None = None,
) -> Answer:
    """Fetch a document about one model and land the response, refusals included.

    A page of a server under maintenance comes with status 200 too. Taken for the document, it would never be asked for
    again, so it lands as `UNREADABLE`.

    Args:
        zone: where the response lands.
        source: its name there; one of `OBJECTS` must be a JSON object.
        hub: client of the Hub; it gets a remark if the response is none.
        url: address of the document.
        clock: gives the current time, UTC.
        max_bytes: largest accepted size.

    Raises:
        HubError: there is no answer that says anything.
    """
    try:
        answer = hub.get(url, max_bytes)
        if source in OBJECTS and not _is_object(answer.content):
            hub.remarks.append(f"{hub.place(url)}: the answer is no JSON object")
            answer = replace(answer, status=UNREADABLE)
    except RefusedError as error:
        answer = Answer(url, b"", error.status or 0, None, None)
    except OversizedError:
        answer = Answer(url, b"", TOO_LARGE, None, None)
    land(zone, source, answer, clock())
    return answer


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(load(content), dict)
    except ValueError:
        return False


def land(zone: LandingZone, source: str, answer: Answer, at: datetime) -> None:
    """Keep an answer as it was received."""
    zone.store(source, answer.url, answer.content, at, status=answer.status, etag=answer.etag)
