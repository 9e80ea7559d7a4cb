"""The table `claimed_scores`: every claim with what is known of it, and why it counts for nothing.

A claim enters `scores` only if nothing is against it: benchmark, shots and metric are the paper's by
rule, the model is a base model beyond doubt by somebody known to pretrain, and its repository makes
the claim of itself. All others stay in the table with the reason. What is against a claim can change
while it is made (another claim contradicts it, its copy is seen elsewhere): each day has the reason that
was known at its end, and days with the same one are a row. Not here: reading (`documents`,
`recognition`, `scale`), and when a claim was made (`history`).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from operator import attrgetter
from typing import Any

import polars as pl

from densing_pipeline.addresses import shown
from densing_pipeline.benchmarks import BELOW_GUESSING
from densing_pipeline.hub.claimed_scores.documents import CARD, Claim
from densing_pipeline.hub.claimed_scores.history import Claimed, Made, Reading, history
from densing_pipeline.hub.claimed_scores.scale import is_below_guessing
from densing_pipeline.hub.models import SOURCE, current
from densing_pipeline.hub.pretrainers import known_pretrainers, owner_of
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import CLAIMED_SCORES, SCORES
from densing_pipeline.tables.revised_scores import with_first_days

HUB = "https://huggingface.co"
"""Where the pages of repositories are, also when a mirror was asked."""

FEWEST_SAME_RESULTS = 3
"""Fewest results of a card that must all stand in an older repository's card to be a copy of it."""

NOT_ACCEPTED = "proposed in a pull request that is not accepted"

SAME_SCORE = 0.005
"""Difference of scores up to which two claims say the same: the rounding to whole per cents."""


@dataclass(frozen=True)
class Facts:
    """What is known of the models that claims are about.

    Attributes:
        rows: rows of the `models` table by model_id, those of current weights.
        ids: model_id by the Hub's current name.
    """

    rows: Mapping[str, Mapping[str, Any]]
    ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, models: pl.DataFrame) -> "Facts":
        """From a `models` frame."""
        rows = {row["model_id"]: row for row in current(models).iter_rows(named=True)}
        ids = {name: name for name in rows}
        ids |= {row["renamed_to"]: name for name, row in rows.items() if row["renamed_to"]}
        return cls(rows, ids)


@dataclass(frozen=True)
class Period:
    """Days on which a claim was made and the same was known of it.

    Attributes:
        made: the claim.
        copied_from: the model whose card has the same result.
        reason: why the claim does not enter `scores`; None if it does.
        first: first of the days.
        end: the day after the last; None while nothing changes.
    """

    made: Made
    copied_from: str | None
    reason: str | None
    first: date
    end: date | None = None


def claimed_scores(zone: LandingZone, models: pl.DataFrame) -> pl.DataFrame:
    """The `claimed_scores` table of everything that has landed.

    Args:
        zone: where the Hub's answers landed.
        models: the `models` table.
    """
    facts = Facts.of(models)
    claimed = history(zone, facts.ids)
    holders = _holders(claimed)
    rows = [
        _row(model_id, period, facts)
        for model_id in claimed
        for period in _periods(model_id, claimed, holders, facts)
    ]
    return CLAIMED_SCORES.cast(pl.DataFrame(rows, schema=CLAIMED_SCORES.polars_schema))


def scores(claimed: pl.DataFrame) -> pl.DataFrame:
    """The rows of `scores` that come from claims.

    Args:
        claimed: a `claimed_scores` frame.
    """
    used = claimed.filter(pl.col("reason").is_null())
    is_owner = pl.col("claimed_by") == "owner"
    return SCORES.cast(
        with_first_days(
            used.select(
                "model_id", "benchmark", "protocol", "is_paper_protocol", "score", "source_kind",
                "revision", "licence_basis",
                source=pl.format("Hugging Face Hub, {}", "stated_in"),
                source_url=pl.col("source_url"),
                observed_at="observed_from",
                known_from="observed_from",
                known_from_basis=pl.lit("first_seen"),
                known_to="observed_to",
                # Who ran an evaluation that the Hub verified is not stated.
                scored_by=pl.when(is_owner).then(pl.lit("maker")).otherwise(pl.lit("third_party")),
                publisher=pl.when(is_owner).then(
                    pl.col("model_id").str.split("/").list.first().str.to_lowercase()
                ),
                source_confidence=pl.lit("high"),
            )
        )
    )  # fmt: skip


def _periods(
    model_id: str,
    claimed: Mapping[str, Claimed],
    holders: Mapping[tuple[Any, ...], frozenset[str]],
    facts: Facts,
) -> list[Period]:
    """The claims of a model with what was known of each, over time.

    Args:
        model_id: the model.
        claimed: the claims of each model.
        holders: the models in whose cards each result ever stood (`_holders`).
        facts: what is known of the models.
    """
    made = claimed[model_id].made
    results = {_result(each.reading.claim) for each in made if _is_of_card(each)}
    others = frozenset().union(*(holders.get(each, frozenset()) for each in results)) - {model_id}
    past: list[Period] = []
    current: dict[int, Period] = {}
    for day in _days(model_id, claimed, results, others):
        copied = _copied(model_id, day, claimed, others, facts)
        standing = [at for at, each in enumerate(made) if each.stands_on(day)]
        reasons = _against(model_id, [made[at].reading for at in standing], copied, facts)
        known = {
            at: (copied.get(made[at].reading.claim), reason)
            for at, reason in zip(standing, reasons, strict=True)
        }
        for at, period in list(current.items()):
            if known.get(at) != (period.copied_from, period.reason):
                past.append(replace(current.pop(at), end=day))
        for at, (other, reason) in known.items():
            if at not in current:
                current[at] = Period(made[at], other, reason, day)
    return [*past, *current.values()]


def _days(
    model_id: str,
    claimed: Mapping[str, Claimed],
    results: Collection[tuple[Any, ...]],
    others: Collection[str],
) -> list[date]:
    """The days on which what is known of a model's claims can change, in order."""
    own = claimed[model_id]
    shared = [
        made
        for other in others
        for made in claimed[other].made
        if _result(made.reading.claim) in results
    ]
    times = [at for at, _ in own.parents]
    times += [at for made in (*own.made, *shared) for at in (made.first_at, made.ended_at) if at]
    return sorted({at.date() for at in times})


def _holders(claimed: Mapping[str, Claimed]) -> dict[tuple[Any, ...], frozenset[str]]:
    """The models in whose cards each result ever stood."""
    found = defaultdict(set)
    for model_id, each in claimed.items():
        for made in each.made:
            if _is_of_card(made):
                found[_result(made.reading.claim)].add(model_id)
    return {result: frozenset(models) for result, models in found.items()}


def _copied(
    model_id: str,
    day: date,
    claimed: Mapping[str, Claimed],
    others: Collection[str],
    facts: Facts,
) -> dict[Claim, str]:
    """Results in a card that were copied with it, and the model whose card has them too.

    Who tunes a model copies its card. A result is a copy if a stated parent's card has the same
    number for the same data set and metric; or if all results of the card, three at least, stand in
    the card of an older repository.

    Args:
        model_id: the model.
        day: the day at whose end the cards are compared.
        claimed: the claims of each model.
        others: the models whose cards ever had a result of this one.
        facts: parents and creation times of the models.

    Returns:
        The other model, by claim.
    """
    results = _card_on(claimed[model_id], day)
    if not results:
        return {}
    cards = {other: _card_on(claimed[other], day).keys() for other in sorted(others)}
    named = (*claimed[model_id].parents_on(day), facts.rows.get(model_id, {}).get("parent_id"))
    parents = {facts.ids.get(name, name) for name in named if name}
    older = [
        other
        for other, card in cards.items()
        if len(results) >= FEWEST_SAME_RESULTS
        and results.keys() <= card
        and _age(other, facts) < _age(model_id, facts)
    ]
    found = {}
    for result, claim in results.items():
        of_parent = [other for other, card in cards.items() if other in parents and result in card]
        if of_parent or older:
            found[claim] = (of_parent or older)[0]
    return found


def _card_on(found: Claimed, day: date) -> dict[tuple[Any, ...], Claim]:
    """The results that the card of a model had at the end of a day."""
    claims = (
        made.reading.claim for made in found.made if _is_of_card(made) and made.stands_on(day)
    )
    return {_result(claim): claim for claim in claims}


def _is_of_card(made: Made) -> bool:
    claim = made.reading.claim
    return claim.record == CARD and not claim.problem


def _result(claim: Claim) -> tuple[Any, ...]:
    """What makes two results the same, whoever states them."""
    return (
        claim.dataset, claim.dataset_name, claim.config, claim.split, claim.metric,
        claim.metric_name, claim.shots, claim.value,
    )  # fmt: skip


def _age(model_id: str, facts: Facts) -> tuple[bool, str, str]:
    """A key by which older repositories come first, and those of unknown age last."""
    row = facts.rows.get(model_id, {})
    created = row.get("hub_created_at") or row.get("release_date")
    return created is None, str(created), model_id


def _against(
    model_id: str, readings: Sequence[Reading], copied: Mapping[Claim, str], facts: Facts
) -> list[str | None]:
    """Why each claim that a model makes on a day does not enter `scores`; None for one that does."""
    of_model = _of_model(model_id, facts)
    is_known = _is_by_known(model_id, facts)
    reasons = []
    for claim, known, score in map(attrgetter("claim", "recognised", "score"), readings):
        other = copied.get(claim)
        is_unknown = not is_known and claim.claimed_by != "verified"
        too_low = score.score is not None and is_below_guessing(score.score, known.benchmark)
        reasons.append(
            claim.problem
            or known.reason
            or score.reason
            or (BELOW_GUESSING if too_low else None)
            or _named_otherwise(model_id, claim, facts)
            or (f"{other} has the same result in its card" if other else None)
            or (NOT_ACCEPTED if claim.claimed_by == "community" else None)
            or of_model
            or (f"{owner_of(model_id)} is not known to pretrain" if is_unknown else None)
        )
    return _without_repeated(readings, reasons)


def _without_repeated(readings: Sequence[Reading], reasons: list[str | None]) -> list[str | None]:
    """The reasons, with one for claims of one benchmark and protocol beside the first.

    What the Hub has verified goes before what the owner says. Owners' claims that differ in the score
    contradict each other.
    """
    groups = defaultdict(list)
    for at, (reading, reason) in enumerate(zip(readings, reasons, strict=True)):
        if reason is None:
            groups[reading.recognised.benchmark, reading.recognised.protocol].append(at)
    for places in groups.values():
        verified = [at for at in places if readings[at].claim.claimed_by == "verified"]
        first = verified or places
        stated = [readings[at].score.score or 0.0 for at in first]
        for at in places:
            if max(stated) - min(stated) > SAME_SCORE + 1e-12:
                reasons[at] = f"stated {len(first)} times, with different values"
            elif at != first[0]:
                reasons[at] = "stated more than once"
    return reasons


def _named_otherwise(model_id: str, claim: Claim, facts: Facts) -> str | None:
    """Why a claim is about another model: the card's metadata has another model's name."""
    if claim.model_name is None:
        return None
    names = {model_id, facts.rows.get(model_id, {}).get("renamed_to") or model_id}
    own = {_plain(part) for name in names for part in (name, name.rpartition("/")[2])}
    if _plain(claim.model_name) in own:
        return None
    return f"the card gives it for {claim.model_name!r}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _of_model(model_id: str, facts: Facts) -> str | None:
    """Why no claim of a model enters `scores`, if so."""
    row = facts.rows.get(model_id)
    if row is None:
        return "the model is not in the table models"
    if not row["is_base"]:
        return f"not a base model: {row['base_evidence']}"
    if row["is_doubtful"]:
        return f"perhaps not a base model: {row['base_evidence']}"
    if row["relation"] not in (None, "base"):
        return f"derived from another model ({row['relation']})"
    return None


def _is_by_known(model_id: str, facts: Facts) -> bool:
    """Whether a model is a bundled one, or by somebody known to pretrain."""
    row = facts.rows.get(model_id, {})
    return row.get("source", SOURCE) != SOURCE or owner_of(model_id) in known_pretrainers()


def _row(model_id: str, period: Period, facts: Facts) -> dict[str, Any]:
    made = period.made
    claim, known, score = made.reading.claim, made.reading.recognised, made.reading.score
    return {
        "model_id": model_id,
        "claim_id": made.reading.claim_id,
        "revision": made.revision,
        "source_kind": "claimed",
        "claimed_by": claim.claimed_by,
        "stated_in": claim.record,
        "file": claim.file,
        "pull_request": claim.pull_request,
        "stated_model": claim.model_name,
        "dataset": claim.dataset,
        "benchmark_name": claim.dataset_name,
        "dataset_part": ", ".join(filter(None, (claim.config, claim.split))) or None,
        "task": claim.task,
        "metric": claim.metric,
        "metric_name": claim.metric_name,
        "notes": claim.notes,
        "stated_value": claim.value,
        "value_scale": score.scale,
        "benchmark": known.benchmark,
        "protocol": known.protocol,
        "is_paper_protocol": known.is_paper_protocol,
        "score": score.score,
        "copied_from": period.copied_from,
        "reason": period.reason,
        "cited": claim.source_name,
        "cited_url": _address(claim.source_url),
        "stated_date": claim.stated_date,
        "source_url": _page(model_id, made, facts),
        "licence_basis": "fact",
        "observed_from": period.first,
        "observed_to": period.end,
        "snapshot_sha256": made.sha256,
    }


def _address(url: str | None) -> str | None:
    """A stated address without secrets; None if it is no address of a page."""
    return shown(url) if url and re.match(r"https?://", url) else None


def _page(model_id: str, made: Made, facts: Facts) -> str:
    """The page on which the claim can be seen."""
    name = facts.rows.get(model_id, {}).get("renamed_to") or model_id
    claim = made.reading.claim
    if claim.pull_request is not None:
        return f"{HUB}/{name}/discussions/{claim.pull_request}"
    if made.revision is None:
        return f"{HUB}/{name}"
    return f"{HUB}/{name}/blob/{made.revision}/{claim.file or 'README.md'}"
