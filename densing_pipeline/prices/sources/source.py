"""The declaration of a polled price list.

Each module of this package that reads a list declares it as `SOURCE`; parsers, addresses, the rules of
comparison and correction, and the tests' servers follow from the declarations. Not here: the
declarations themselves, and finding them (`prices.sources`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from densing_pipeline.polling.answers import fetch_document
from densing_pipeline.polling.declaration import Declaration
from densing_pipeline.polling.source import Fetch
from densing_pipeline.prices.sources.common_factor import check_unit
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, check_size, lost_kinds
from densing_pipeline.settings import Settings

Parser = Callable[[bytes, date], ParsedSnapshot]
"""Reads a document, given the day on which it was received; raises `SnapshotError`."""

WantedModels = Callable[[Settings, Mapping[str, pl.DataFrame]], Sequence[str]]
"""Chooses the models to ask for, given the quotes of the last good list of each source, by name."""


Build = Callable[[Mapping[str, bytes]], bytes]
"""Makes the document of a list of the files of its repository, by path; raises `SnapshotError`."""


@dataclass(frozen=True)
class GitHistory:
    """Where the past states of a list are to be found: a public git repository.

    Attributes:
        address_setting: the field of `Settings` that holds the address of the repository.
        paths: names of the file that is the list, of which the first that a commit has counts (what it
            was renamed from is found); or, with `build`, the files and folders it is made of.
        build: makes the list, where no file is the list itself.
    """

    address_setting: str
    paths: tuple[str, ...]
    build: Build | None = None

    def url(self, settings: Settings) -> str:
        """Address of the repository."""
        return str(getattr(settings, self.address_setting))


@dataclass(frozen=True)
class Source(Declaration[ParsedSnapshot]):
    """A polled price list.

    Attributes, beside those of `Declaration`:
        is_own: whether the sellers' own system writes the list. People keep the others by hand: there a
            tenfold rise is taken for the mending of an error (`prices.corrections`), and what the list
            says is no document of the seller's (`prices.comparison`).
        is_partial: whether a document covers only the models that were asked for, so that the absence of
            another model, or fewer prices than the last time, says nothing.
        fetch: makes the requests; by default one, for one document.
        wanted_models: chooses the models to ask for, where the list is asked model by model; with none
            to ask for, the list is not polled.
        git: the repository with its past states, if there is one.
    """

    is_own: bool = False
    is_partial: bool = False
    fetch: Fetch = fetch_document
    wanted_models: WantedModels | None = None
    git: GitHistory | None = None

    def check(
        self,
        found: ParsedSnapshot,
        before: ParsedSnapshot | None,
        others: Mapping[str, ParsedSnapshot],
    ) -> list[str]:
        """Compare a list with the one before, if there is one and it covers the same models.

        Args:
            found: the list.
            before: the last good one.
            others: by name, the newest of the other lists.

        Returns:
            Remarks: a change of unit that another list bears out, and kinds of offer that are gone.

        Raises:
            SnapshotError: the list lost too many prices of some sort to be believed, or its prices moved by
                a common factor.
        """
        if before is None or self.is_partial:
            return []
        remarks = check_unit(found.quotes, before.quotes, {n: o.quotes for n, o in others.items()})
        check_size(found, before)
        return remarks + lost_kinds(found, before)
