"""Claimed scores in the landing zone: what has been received, and what is to be asked for next.

One small record per base model states all of its claims: the metadata of its card, and its evaluation
results as the Hub has read them. A Hub that does not read evaluation results (a mirror) names their
files only; these are fetched then. Not here: the requests (`hub.poll`), and what a claim means
(`documents`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

import polars as pl

from densing_pipeline.hub import record_fields
from densing_pipeline.hub.claimed_scores.documents import is_results
from densing_pipeline.hub.observations import OK, TOO_LARGE
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingError, LandingZone, Receipt
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.text import error_text

CLAIMS = "hub-claims"
"""Source in the landing zone: records of single models with what they claim, and refusals."""

FILES = "hub-claim-files"
"""Source in the landing zone: evaluation results as files, and refusals."""

MAX_CLAIMS_BYTES = 4 * 2**20
"""Largest record; a card's metadata is at most some hundred KiB."""

MAX_FILE_BYTES = 64 * 2**10
"""Largest file of evaluation results; real ones have some hundred bytes."""

MOST_FILES = 16
"""Most files of evaluation results that are fetched of one model."""

AGAIN_AFTER = timedelta(days=6, hours=20)
"""Time until a model is asked for again, on the same night of the next week. A pull request makes no
commit, so only asking shows it."""

RESULT_FILE = re.compile(r"\.eval_results/[\w.+-]{1,100}\.ya?ml", re.ASCII)
"""Names of the files of evaluation results."""


class File(NamedTuple):
    """One file of one revision of a repository."""

    model_id: str
    revision: str
    name: str


class Document(NamedTuple):
    """A received record that states claims.

    Attributes:
        name: name under which the model was asked for.
        record: the record; empty if there is a problem.
        sha256: hash of the record as received.
        received_at: when.
        problem: why the record cannot be read.
    """

    name: str
    record: Mapping[str, Any]
    sha256: str
    received_at: datetime
    problem: str | None = None


def models_due(
    found: pl.DataFrame, known: Collection[str], asked: pl.DataFrame, now: datetime
) -> Sequence[str]:
    """Base models whose claims are to be asked for, as current names.

    First those never asked for, newest first, then those asked for longest ago.

    Args:
        found: a frame of `repositories.repositories`.
        known: ids of bundled models, base models whatever the Hub's record says.
        asked: a frame of `asked`.
        now: start of the poll; models asked for within `AGAIN_AFTER` are not asked for.
    """
    is_base = pl.col("is_base") & ~pl.col("is_doubtful") & pl.col("awaits").is_null()
    due = (
        found.filter(
            is_base.fill_null(value=False) | pl.col("model_id").is_in(list(known)),
            pl.col("hub_state").is_in(["present", "renamed"]),
        )
        .unique("name", keep="last", maintain_order=True)
        .join(asked, on="name", how="left")
        .filter(pl.col("asked_at").is_null() | (pl.col("asked_at") <= now - AGAIN_AFTER))
        .sort(
            "asked_at", "created_at", "name",
            descending=[False, True, False], nulls_last=[False, True, False],
        )
    )  # fmt: skip
    return due["name"].to_list()


def asked(zone: LandingZone) -> pl.DataFrame:
    """When each model was last asked for its claims: name, asked_at."""
    last = {_name(receipt): receipt.fetched_at for receipt in zone.receipts(CLAIMS)}
    return pl.DataFrame(
        list(last.items()), schema={"name": pl.String, "asked_at": INSTANT}, orient="row"
    )


def documents(zone: LandingZone) -> Iterator[Document]:
    """Every received record, oldest first; one that came again without a change is given once.

    A refusal is no record: the model keeps its last one.
    """
    newest: dict[str, tuple[str, int]] = {}
    for receipt in zone.receipts(CLAIMS):
        name, content = _name(receipt), (receipt.sha256, receipt.status)
        if receipt.status in (OK, TOO_LARGE) and newest.get(name) != content:
            newest[name] = content
            yield _document(zone, name, receipt)


def _document(zone: LandingZone, name: str, receipt: Receipt) -> Document:
    found: Any = None
    if receipt.status == TOO_LARGE:
        problem = f"its record is larger than {MAX_CLAIMS_BYTES / 2**20:g} MiB: not read"
    else:
        problem = "the answer is no record"
        try:
            found = load(zone.read(receipt))
        except (LandingError, ValueError) as error:
            problem = f"the answer is no record ({error_text(error)})"
    is_record = isinstance(found, dict)
    return Document(
        name,
        found if is_record else {},
        receipt.sha256,
        receipt.fetched_at,
        None if is_record else problem,
    )


def files_due(zone: LandingZone, now: datetime) -> Sequence[File]:
    """Files of evaluation results to ask for, of the newest record of each model.

    First those never asked for, then those whose last answer was no such file, longest ago first.

    Args:
        zone: where the Hub's answers landed.
        now: start of the poll; files asked for within `AGAIN_AFTER` are not asked for.
    """
    last = {document.name: document for document in documents(zone)}
    had = files(zone)
    listed = [
        file for document in last.values() for file in result_files(document.name, document.record)
    ]
    again = [
        file
        for file in listed
        if file in had
        and had[file].fetched_at <= now - AGAIN_AFTER
        and not is_read(zone, had[file])
    ]
    again.sort(key=lambda file: had[file].fetched_at)
    return [*(file for file in listed if file not in had), *again]


def is_read(zone: LandingZone, receipt: Receipt) -> bool:
    """Whether the answer to a request for a file of evaluation results is such a file.

    A refusal is not, for access may be granted; nor is a page of a server under maintenance.
    """
    try:
        return receipt.status == OK and is_results(zone.read(receipt))
    except LandingError:
        return False


def result_files(name: str, record: Mapping[str, Any]) -> list[File]:
    """The files of evaluation results of a record in which the Hub has not read them."""
    revision = record.get("sha")
    if record.get("evalResults") is not None or not isinstance(revision, str) or not revision:
        return []
    names = sorted(set(filter(RESULT_FILE.fullmatch, record_fields.file_names(record))))
    return [File(name, revision, each) for each in names[:MOST_FILES]]


def files(zone: LandingZone) -> Mapping[File, Receipt]:
    """The last answer to each request for a file of evaluation results."""
    return dict(file_answers(zone))


def file_answers(zone: LandingZone) -> Iterator[tuple[File, Receipt]]:
    """Every answer to a request for a file of evaluation results, oldest first."""
    for receipt in zone.receipts(FILES):
        name, _, rest = unquote(urlparse(receipt.url).path).partition("/resolve/")
        revision, _, file = rest.partition("/")
        yield File(name.strip("/"), revision, file), receipt


def _name(receipt: Receipt) -> str:
    return unquote(urlparse(receipt.url).path.partition("/api/models/")[2])
