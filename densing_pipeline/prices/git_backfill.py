"""The daily history of a price list from the public git repository in which it is kept.

The last commit of each UTC day that changed the list is its snapshot of that day. Up to the next change the
list stood unchanged, so those days are looks at it as well. The day is that of the commit on the default
branch: a merged change counts from its merge on. Days that have a snapshot stay as they are, so an
interrupted run is taken up where it ended, and a history that was rewritten changes nothing that has
landed. Not here: how days are landed and checked (`backfill`), and git itself (`densing_pipeline.git`).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from posixpath import dirname, normpath

from densing_pipeline import clock
from densing_pipeline.addresses import shown
from densing_pipeline.git import SYMBOLIC_LINK, Change, Entry, GitError, Limits, Repository
from densing_pipeline.landing import LandingZone, received_at
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.backfill import BackfillError, Dated, land
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.source import GitHistory
from densing_pipeline.settings import Settings

Files = Mapping[str, Entry]


@dataclass(frozen=True)
class State:
    """The list on the last commit of a day, and until when it stood.

    Attributes:
        day: UTC day of the commit.
        until: the day of the next change, or the first day that is not looked at.
        commit: its hash.
        files: the files that the list is made of, by path; none once it is gone.
    """

    day: date
    until: date
    commit: str
    files: Files


def backfill(
    settings: Settings,
    source: str,
    *,
    since: date | None = None,
    now: datetime | None = None,
    tell: Callable[[str], None] = lambda remark: None,
) -> Iterator[PollResult]:
    """Land the history of a list up to yesterday, day by day.

    Args:
        settings: address, bounds, landing zone.
        source: name of the list.
        since: first day that is landed; all of the history if not given.
        now: time of the call; the system's if not given.
        tell: gets remarks for the operator.

    Yields:
        The result for each day that had no snapshot.

    Raises:
        BackfillError: the list has no repository, or that cannot be read.
    """
    declared = SOURCES[source].git if source in SOURCES else None
    if declared is None:
        raise BackfillError(
            f"{source}: no list with a git repository; there are {', '.join(with_git())}"
        )
    today = (now or clock.now()).astimezone(UTC).date()
    limits = Limits(settings.git_seconds, settings.git_max_bytes)
    copy = Repository(settings.git_dir / source, declared.url(settings), limits)
    try:
        with copy:
            yield from _backfilled(settings, source, declared, copy, since, today, tell)
    except GitError as error:
        raise BackfillError(str(error)) from error


def with_git() -> list[str]:
    """Names of the lists that have a git repository."""
    return [name for name, declared in SOURCES.items() if declared.git]


def _backfilled(
    settings: Settings,
    source: str,
    declared: GitHistory,
    copy: Repository,
    since: date | None,
    today: date,
    tell: Callable[[str], None],
) -> Iterator[PollResult]:
    if copy.update():
        tell(f"{source}: the history was rewritten since the last time; days that landed stay")
    paths, changes = _history(copy, declared)
    if not changes:
        raise BackfillError(
            f"{shown(copy.url)}: no commit has {' or '.join(declared.paths)}; the list has moved, or "
            "this is another repository"
        )
    zone = LandingZone(settings.landing_dir)
    taken = {received_at(path).date() for path in zone.receipt_files(source)}

    def is_wanted(day: date) -> bool:
        return day not in taken and (since is None or day >= since)

    blobs, last = set[str](), None
    for state in daily(changes, today):
        last = _document(state.files, paths, declared)
        if any(map(is_wanted, _looks(state))):
            blobs |= {entry.blob for entry in last.values()}
    if last is not None and not last:
        tell(
            f"{source}: the newest commit has no {' or '.join(declared.paths)}; the list has moved, and "
            "its history ends there"
        )
    copy.download(sorted(blobs))
    snapshots = (
        dated
        for state in daily(changes, today)
        if any(map(is_wanted, _looks(state)))
        for dated in _dated(settings, source, declared, copy, paths, state)
        if is_wanted(dated.day)
    )
    yield from land(zone, snapshots, accepted=settings.accepted_lists)


def _history(copy: Repository, declared: GitHistory) -> tuple[list[str], list[Change]]:
    """The paths of the list, with the earlier names of a renamed file, and the commits that changed it."""
    paths = list(declared.paths)
    changes = copy.changes(paths)
    if declared.build:
        return paths, changes
    unfollowed = list(paths)
    while unfollowed:
        path = unfollowed.pop()
        first = next((change for change in changes if change.files.get(path)), None)
        if first is None or not copy.has_parent(first.commit):
            continue
        former = copy.former_name(first.commit, path)
        if former is not None and former not in paths:
            paths.append(former)
            unfollowed.append(former)
            changes = copy.changes(paths)
    return paths, changes


def daily(changes: Sequence[Change], today: date) -> Iterator[State]:
    """The list at the end of each day on which it changed, oldest first.

    Args:
        changes: the commits, oldest first.
        today: the first day that is not looked at: it has not ended.
    """
    files: dict[str, Entry] = {}
    at: date | None = None
    commit = ""
    for change, instant in zip(changes, trusted_instants(changes), strict=True):
        day = instant.date()
        if day >= today:
            break
        if at is not None and at != day:
            yield State(at, day, commit, dict(files))
        at, commit = day, change.commit
        for path, entry in change.files.items():
            if entry is None:
                files.pop(path, None)
            else:
                files[path] = entry
    if at is not None:
        yield State(at, today, commit, dict(files))


def trusted_instants(changes: Sequence[Change]) -> list[datetime]:
    """When each commit came to the branch, by its own clock as far as that fits the order of commits.

    Commits follow one another, so times that run backwards are wrong. As many commits as possible keep
    their own time (the longest run of times in order); one that does not fit in counts from the time of
    the next that does, lest a price be dated before it was public; those after the last that fits, from
    that one's time.

    Args:
        changes: the commits, oldest first.
    """
    times = [change.committed_at for change in changes]
    # Of the runs of each length, the one that ends earliest: its last time, its position, and the
    # position before each.
    tails, ends, before = list[datetime](), list[int](), list[int | None]()
    for position, time in enumerate(times):
        length = bisect_right(tails, time)
        before.append(ends[length - 1] if length else None)
        tails[length : length + 1] = [time]
        ends[length : length + 1] = [position]
    fitting = set[int]()
    at = ends[-1] if ends else None
    while at is not None:
        fitting.add(at)
        at = before[at]
    trusted = list(times)
    for position in reversed(range(len(times))):
        if position not in fitting:
            trusted[position] = trusted[position + 1] if position + 1 < len(times) else tails[-1]
    return trusted


def _looks(state: State) -> Iterator[date]:
    """The days on which the list was in a state."""
    return (state.day + timedelta(days=n) for n in range((state.until - state.day).days))


def _document(files: Files, paths: Sequence[str], declared: GitHistory) -> Files:
    """The files that make the list: all of them, or the first of its names that is there."""
    if declared.build:
        return files
    name = next((path for path in paths if path in files), None)
    return {name: files[name]} if name else {}


def _dated(
    settings: Settings,
    source: str,
    declared: GitHistory,
    copy: Repository,
    paths: Sequence[str],
    state: State,
) -> Iterator[Dated]:
    """A state as the snapshots of its days; none where there is no list."""
    files = _document(state.files, paths, declared)
    if not files:
        return
    where = paths[0] if declared.build else next(iter(files))
    origin = f"{copy.url.removesuffix('.git')}/blob/{state.commit}/{where}"
    read = partial(_read, copy, files, declared, settings.poll_max_bytes)
    content: bytes | SnapshotError
    try:
        content = read()
    except SnapshotError as error:
        content = error
    for day in _looks(state):
        yield Dated(source, day, origin, partial(_given, content))


def _given(content: bytes | SnapshotError) -> bytes:
    if isinstance(content, SnapshotError):
        raise content
    return content


def _read(copy: Repository, files: Files, declared: GitHistory, max_bytes: int) -> bytes:
    """The document of a state.

    Raises:
        SnapshotError: it is too large, or cannot be made of its files.
    """
    try:
        contents = {path: copy.read(entry.blob, max_bytes) for path, entry in files.items()}
    except GitError as error:
        raise SnapshotError(str(error)) from error
    if declared.build is None:
        return next(iter(contents.values()))
    for path, entry in files.items():
        if entry.mode == SYMBOLIC_LINK:
            target = normpath(f"{dirname(path)}/{contents[path].decode(errors='replace')}")
            if target in files and files[target].mode != SYMBOLIC_LINK:
                contents[path] = contents[target]
            else:
                del contents[path]
    return declared.build(contents)
