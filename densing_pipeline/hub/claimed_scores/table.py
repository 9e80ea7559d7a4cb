"""The table `claimed_scores`: every claim with what is known of it, and why it counts for nothing.

A claim enters `scores` only if nothing is against it: benchmark, shots and metric are the paper's by
rule, the model is a base model beyond doubt by somebody known to pretrain, and its repository makes
the claim of itself. All others stay in the table with the reason. Not here: reading (`documents`,
`recognition`, `scale`), and when a claim was made (`history`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from densing_pipeline.addresses import shown
from densing_pipeline.hub.claimed_scores.documents import CARD, Claim
from densing_pipeline.hub.claimed_scores.history import Claimed, Made, history
from densing_pipeline.hub.claimed_scores.scale import is_below_guessing
from densing_pipeline.hub.models import SOURCE, current
from densing_pipeline.hub.pretrainers import known_pretrainers, owner_of
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import CLAIMED_SCORES, SCORES

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


def claimed_scores(zone: LandingZone, models: pl.DataFrame) -> pl.DataFrame:
    """The `claimed_scores` table of everything that has landed.

    Args:
        zone: where the Hub's answers landed.
        models: the `models` table.
    """
    facts = Facts.of(models)
    claimed = history(zone, facts.ids)
    copied = copies(claimed, facts)
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for model_id, found in claimed.items():
        against = _against(model_id, found, copied, facts)
        for made, reason in zip(found.made, against, strict=True):
            row = _row(model_id, made, copied.get((model_id, made.reading.claim)), reason, facts)
            # A claim that was withdrawn and made again on one day was made all day.
            rows[tuple(row[name] for name in CLAIMED_SCORES.key)] = row
    return CLAIMED_SCORES.cast(
        pl.DataFrame(list(rows.values()), schema=CLAIMED_SCORES.polars_schema)
    )


def scores(claimed: pl.DataFrame) -> pl.DataFrame:
    """The rows of `scores` that come from claims.

    Args:
        claimed: a `claimed_scores` frame.
    """
    used = claimed.filter(pl.col("reason").is_null())
    is_owner = pl.col("claimed_by") == "owner"
    return SCORES.cast(
        used.select(
            "model_id", "benchmark", "protocol", "is_paper_protocol", "score", "source_kind",
            "revision", "licence_basis",
            source=pl.format("Hugging Face Hub, {}", "stated_in"),
            source_url=pl.col("source_url"),
            observed_at="observed_from",
            known_from="observed_from",
            known_from_basis=pl.lit("first_seen"),
            # Who ran an evaluation that the Hub verified is not stated.
            scored_by=pl.when(is_owner).then(pl.lit("maker")).otherwise(pl.lit("third_party")),
            publisher=pl.when(is_owner).then(
                pl.col("model_id").str.split("/").list.first().str.to_lowercase()
            ),
            source_confidence=pl.lit("high"),
        )
    )  # fmt: skip


def copies(claimed: Mapping[str, Claimed], facts: Facts) -> dict[tuple[str, Claim], str]:
    """Results in a card that were copied with it, and the model whose card has them too.

    Who tunes a model copies its card. A result is a copy if a stated parent's card has the same
    number for the same data set and metric; or if all results of the card, three at least, stand in
    the card of an older repository.

    Args:
        claimed: the claims of each model.
        facts: parents and creation times of the models.

    Returns:
        The other model, by model and claim.
    """
    cards = {
        model_id: {_result(claim): claim for claim in _of_card(found)}
        for model_id, found in claimed.items()
    }
    holders = defaultdict(set)
    for model_id, results in cards.items():
        for result in results:
            holders[result].add(model_id)
    found: dict[tuple[str, Claim], str] = {}
    for model_id, results in cards.items():
        named = (*claimed[model_id].parents, facts.rows.get(model_id, {}).get("parent_id"))
        parents = {facts.ids.get(name, name) for name in named if name}
        shared = set.intersection(*(holders[each] for each in results)) if results else set()
        older = [
            other
            for other in sorted(shared - {model_id})
            if len(results) >= FEWEST_SAME_RESULTS and _age(other, facts) < _age(model_id, facts)
        ]
        for result, claim in results.items():
            of_parent = sorted((holders[result] & parents) - {model_id})
            if of_parent or older:
                found[model_id, claim] = (of_parent or older)[0]
    return found


def _of_card(found: Claimed) -> Iterator[Claim]:
    for made in found.made:
        claim = made.reading.claim
        if claim.record == CARD and made.ended_at is None and not claim.problem:
            yield claim


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
    model_id: str, found: Claimed, copied: Mapping[tuple[str, Claim], str], facts: Facts
) -> list[str | None]:
    """Why each claim of a model does not enter `scores`; None for one that does."""
    of_model = _of_model(model_id, facts)
    is_known = _is_by_known(model_id, facts)
    reasons = []
    for made in found.made:
        claim, known, score = made.reading.claim, made.reading.recognised, made.reading.score
        other = copied.get((model_id, claim))
        is_unknown = not is_known and claim.claimed_by != "verified"
        too_low = score.score is not None and known.benchmark is not None
        too_low = too_low and is_below_guessing(score.score or 0, known.benchmark or "")
        reasons.append(
            claim.problem
            or ("the repository no longer states it" if made.ended_at else None)
            or known.reason
            or score.reason
            or ("far below guessing" if too_low else None)
            or _named_otherwise(model_id, claim, facts)
            or (f"{other} has the same result in its card" if other else None)
            or (NOT_ACCEPTED if claim.claimed_by == "community" else None)
            or of_model
            or (f"{owner_of(model_id)} is not known to pretrain" if is_unknown else None)
        )
    return _without_repeated(found, reasons)


def _without_repeated(found: Claimed, reasons: list[str | None]) -> list[str | None]:
    """The reasons, with one for claims of one benchmark and protocol beside the first.

    What the Hub has verified goes before what the owner says. Owners' claims that differ in the score
    contradict each other.
    """
    groups = defaultdict(list)
    for at, (made, reason) in enumerate(zip(found.made, reasons, strict=True)):
        if reason is None:
            known = made.reading.recognised
            groups[known.benchmark, known.protocol].append(at)
    for places in groups.values():
        verified = [at for at in places if found.made[at].reading.claim.claimed_by == "verified"]
        first = verified or places
        stated = [found.made[at].reading.score.score or 0.0 for at in first]
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


def _row(
    model_id: str, made: Made, other: str | None, reason: str | None, facts: Facts
) -> dict[str, Any]:
    claim, known, score = made.reading.claim, made.reading.recognised, made.reading.score
    ended = made.ended_at
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
        "copied_from": other,
        "reason": reason,
        "cited": claim.source_name,
        "cited_url": _address(claim.source_url),
        "stated_date": claim.stated_date,
        "source_url": _page(model_id, made, facts),
        "licence_basis": "fact",
        "observed_from": made.first_at.date(),
        "observed_to": ended.date() if ended else None,
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
