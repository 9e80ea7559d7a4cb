"""The claims of every model over time, from what has landed: when each was first and last made.

Answers are read in the order in which they came, so what was known at a time depends on no later
answer. Not here: what has landed (`landed`), and which claims count (`table`).
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, datetime
from operator import itemgetter

from densing_pipeline.hub.claimed_scores import landed
from densing_pipeline.hub.claimed_scores.documents import CARD, RESULTS, Claim, claims
from densing_pipeline.hub.claimed_scores.landed import Document, File
from densing_pipeline.hub.claimed_scores.recognition import Recognised, recognise
from densing_pipeline.hub.claimed_scores.scale import Score, are_fractions, score_of, value_of
from densing_pipeline.hub.observations import OK, TOO_LARGE
from densing_pipeline.hub.record_fields import parents
from densing_pipeline.landing import LandingError, LandingZone, Receipt


@dataclass(frozen=True)
class Reading:
    """A claim and what the rules make of it.

    Attributes:
        claim: as it is stated.
        recognised: benchmark and protocol.
        score: its value as a fraction, which also depends on the other claims of its document.
    """

    claim: Claim
    recognised: Recognised
    score: Score

    @property
    def claim_id(self) -> str:
        """Digest of everything that the claim states."""
        stated = astuple(self.claim)
        plain = [sorted(part) if isinstance(part, frozenset) else part for part in stated]
        return hashlib.sha256(repr([plain, self.score.scale]).encode()).hexdigest()[:16]


@dataclass
class Made:
    """A claim that was made over a time.

    Attributes:
        reading: the claim.
        revision: commit of the repository at which it was first seen.
        sha256: hash of the record in which it was first seen.
        first_at: when it was first seen.
        ended_at: when the repository was first seen without it; None while it is made.
    """

    reading: Reading
    revision: str | None
    sha256: str
    first_at: datetime
    ended_at: datetime | None = None

    def stands_on(self, day: date) -> bool:
        """Whether the claim was made at the end of a day."""
        has_ended = self.ended_at is not None and self.ended_at.date() <= day
        return self.first_at.date() <= day and not has_ended


@dataclass
class Claimed:
    """All that one model ever claimed.

    Attributes:
        made: its claims, in the order in which they were first seen.
        parents: models that its records name as those it was made from, each time with the time from
            which they were known.
    """

    made: list[Made] = field(default_factory=list)
    parents: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)

    def parents_on(self, day: date) -> tuple[str, ...]:
        """The parents that its newest record of a day names."""
        known = [names for at, names in self.parents if at.date() <= day]
        return known[-1] if known else ()


def history(zone: LandingZone, model_ids: Mapping[str, str]) -> dict[str, Claimed]:
    """The claims of each model, by its id.

    Args:
        zone: where the Hub's answers landed.
        model_ids: the id of the model with a current name; other names are their own id.
    """
    found: dict[str, Claimed] = defaultdict(Claimed)
    newest: dict[str, Document] = {}
    received: dict[File, Receipt] = {}
    for at, answer in _answers(zone):
        if isinstance(answer, Document):
            document = newest[answer.name] = answer
        else:
            file, receipt = answer
            received[file] = receipt
            if file.model_id not in newest or file not in _listed(newest[file.model_id]):
                continue
            document = newest[file.model_id]
        _update(found[model_ids.get(document.name, document.name)], document, at, zone, received)
    return dict(found)


def _answers(zone: LandingZone) -> Iterator[tuple[datetime, Document | tuple[File, Receipt]]]:
    """Records and files as they came, with the time."""
    documents = ((document.received_at, document) for document in landed.documents(zone))
    files = ((receipt.fetched_at, (file, receipt)) for file, receipt in landed.file_answers(zone))
    return heapq.merge(documents, files, key=itemgetter(0))


def _listed(document: Document) -> list[File]:
    return landed.result_files(document.name, document.record)


def _update(
    claimed: Claimed,
    document: Document,
    at: datetime,
    zone: LandingZone,
    received: Mapping[File, Receipt],
) -> None:
    """Begin the claims that are new in a record and its files, and end those that are gone from them.

    Of what cannot be read, or has not come yet, nothing is known to have ended.
    """
    listed = _listed(document)
    files = {file.name: received[file] for file in listed if file in received}
    awaited = {file.name for file in listed} - {
        name for name, receipt in files.items() if landed.is_read(zone, receipt)
    }
    stated = readings(_claims(document, files, zone))
    going_on = {made.reading for made in claimed.made if made.ended_at is None}
    if not document.problem:
        claimed.parents.append((at, tuple(name for name, _ in parents(document.record))))
        for made in claimed.made:
            is_gone = made.reading not in stated and made.reading.claim.file not in awaited
            if made.ended_at is None and is_gone:
                made.ended_at = at
    revision = document.record.get("sha")
    claimed.made += [
        Made(reading, revision if isinstance(revision, str) else None, document.sha256, at)
        for reading in stated
        if reading not in going_on
    ]


def _claims(document: Document, files: Mapping[str, Receipt], zone: LandingZone) -> list[Claim]:
    if document.problem:
        return [Claim(CARD, problem=document.problem)]
    return claims(document.record, {name: _content(zone, each) for name, each in files.items()})


def _content(zone: LandingZone, receipt: Receipt) -> bytes | str:
    """The content of a file, or why it was not received."""
    if receipt.status == TOO_LARGE:
        return f"the file is larger than {landed.MAX_FILE_BYTES / 2**10:g} KiB: not read"
    if receipt.status != OK:
        return f"the Hub does not give the file (HTTP {receipt.status})"
    try:
        return zone.read(receipt)
    except LandingError as error:
        return str(error)


def readings(stated: Sequence[Claim]) -> dict[Reading, None]:
    """The claims of one repository with what the rules make of them, in their order.

    A scale is told from the document that the claim stands in: the card, or one file.
    """
    recognised = {claim: recognise(claim) for claim in stated if not claim.problem}
    values = {
        claim: value
        for claim, found in recognised.items()
        if _is_share(claim, found) and (value := value_of(claim.value))
    }
    documents = defaultdict(list)
    for claim, value in values.items():
        documents[claim.record, claim.file].append((value, recognised[claim].benchmark))
    in_fractions = {document: are_fractions(each) for document, each in documents.items()}
    found: dict[Reading, None] = {}
    for claim in stated:
        known = recognised.get(claim, Recognised())
        if claim in values:
            told = in_fractions[claim.record, claim.file]
            score = score_of(values[claim], known.benchmark, in_fractions=told)
        else:
            is_share = _is_share(claim, known)
            why = f"{claim.value!r} is no number" if is_share else "no share of right answers"
            score = Score("unknown", None, why)
        found[Reading(claim, known, score)] = None
    return found


def _is_share(claim: Claim, known: Recognised) -> bool:
    """Whether the value is a share of right answers. Evaluation results state no metric."""
    by_benchmark = claim.record == RESULTS and known.benchmark is not None
    return known.metric is not None or by_benchmark
