"""How many base models of composed records reach the evaluation queue by rule, and what else does.

The records go the way of a night: they are read, judged with their families, made into `models` and
`evaluation_queue`, with no limit on memory, time or licence. `densing recognition` prints the tables
of `docs/hub.md`. Not here: composing the records (`hub.composed_records`), the rule (`hub.classify`)
and its errors on recorded data (`hub.recognition_errors`).
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.evaluation.queue import queue
from densing_pipeline.evaluation.queue_rules import Limits
from densing_pipeline.facts.tables import EVALUATION_OVERRIDES
from densing_pipeline.hub import composed_records, families, records
from densing_pipeline.hub.models import models
from densing_pipeline.hub.observations import OBSERVED
from densing_pipeline.hub.repositories import repositories
from densing_pipeline.tables.published import EVALUATION_QUEUE, EVALUATIONS, MODELS

SEEN_AT = datetime(2026, 11, 1, tzinfo=UTC)
BASE = "base"

PICKLED = "pickles are never loaded"
"""End of the evidence for a base model whose only doubt is that its weights are pickled."""


@dataclass(frozen=True)
class Outcome:
    """What became of one composed model.

    Attributes:
        model_id: its name.
        label: `base`, or what kind of derived or other model it is.
        half: whether the rules were developed with it (`worked on`) or not (`held out`, and later
            `held out 2`).
        state: its state in the queue; `no row` if it is in neither table.
        reason: the reason with it.
        custom_code: whether it was recognised as a base model, with no other doubt than that its
            weights are pickled, and vLLM and transformers do not implement its architecture.
    """

    model_id: str
    label: str
    half: str
    state: str
    reason: str
    custom_code: bool


def outcomes(rows: Iterable[Mapping[str, str]]) -> list[Outcome]:
    """Pass composed models through recognition and queue, all seen on one night.

    Args:
        rows: lines of `tests/unit/hub/composed.csv`.
    """
    listed = list(rows)
    composed = {row["model_id"]: composed_records.record(row) for row in listed}
    found, quarantine = models(
        MODELS.empty(), _judged(list(composed.values())), pl.DataFrame(schema=OBSERVED)
    )
    decided = queue(
        found,
        EVALUATIONS.empty(),
        quarantine,
        EVALUATION_OVERRIDES.empty(),
        Limits(memory_gib=math.inf, gpu_hours=math.inf),
        "no suite",
        SEEN_AT,
    )
    states = {row["model_id"]: row for row in EVALUATION_QUEUE.cast(decided).iter_rows(named=True)}
    is_doubtful = pl.col("is_doubtful").fill_null(value=False)
    only_pickled = pl.col("base_evidence").str.ends_with(PICKLED)
    is_sure = pl.col("is_base") & (~is_doubtful | only_pickled)
    code = dict(found.select("model_id", pl.col("custom_code") & is_sure).iter_rows())
    return [
        Outcome(
            row["model_id"],
            row["label"],
            row["half"],
            states.get(row["model_id"], {}).get("state") or "no row",
            states.get(row["model_id"], {}).get("reason") or "surely no base model",
            bool(code.get(row["model_id"])),
        )
        for row in listed
    ]


def _judged(composed: list[dict[str, Any]]) -> pl.DataFrame:
    """Repositories read from records, and again with their families."""
    kept = {r["id"]: r for r in composed if records.matters(r, SEEN_AT)}
    first = [records.read(record) for record in kept.values()]
    members = families.members_of([row | {"name": row["model_id"]} for row in first])
    related = families.families(members)
    again = [
        records.read(kept[row["model_id"]], None, related.get(row["model_id"], families.NONE))
        for row in first
    ]
    seen = pl.DataFrame([row | {"observed_at": SEEN_AT} for row in again], schema=OBSERVED)
    return repositories(seen).with_columns(readable=pl.lit(None, pl.Boolean))


def read(path: Path) -> list[dict[str, str]]:
    """Lines of a list of composed models."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables(found: Iterable[Outcome]) -> dict[str, list[list[str]]]:
    """Three tables, each with its heading as the first row.

    `recall` has recall and precision of each half, `kinds` what became of models that are no base
    models, and `misses` every base model that was not queued and every other model that was.
    """
    everything = list(found)
    halves = [
        _line(half, [one for one in everything if half in (one.half, "all")])
        for half in (*dict.fromkeys(one.half for one in everything), "all")
    ]
    kinds = []
    for label in sorted({one.label for one in everything} - {BASE}):
        of_kind = [one for one in everything if one.label == label]
        queued, blocked = _with(of_kind, "queued"), _with(of_kind, "blocked")
        counts = (
            len(of_kind),
            len(queued),
            len(blocked),
            len(of_kind) - len(queued) - len(blocked),
        )
        kinds.append([label, *map(str, counts)])
    misses = [
        [one.model_id, one.label, one.state, one.reason.replace("|", "\\|")]
        for one in everything
        if (one.label == BASE) != (one.state == "queued")
    ]
    return {
        "recall": [
            [
                "publishers", "base models", "of publishers", "queued", "cannot be loaded",
                "wait for a person", "missed", "others", "queued wrongly", "recall", "precision",
            ],
            *halves,
        ],
        "kinds": [["kind", "models", "queued", "doubtful", "rejected"], *kinds],
        "misses": [["model", "is", "state", "reason"], *misses],
    }  # fmt: skip


def _line(half: str, chosen: list[Outcome]) -> list[str]:
    base = [one for one in chosen if one.label == BASE]
    other = [one for one in chosen if one.label != BASE]
    queued, false = _with(base, "queued"), _with(other, "queued")
    unloadable = [one for one in base if one.state != "queued" and is_unloadable(one)]
    waiting = [one for one in _with(base, "blocked") if not is_unloadable(one)]
    missed = len(base) - len(queued) - len(unloadable) - len(waiting)
    loadable, taken = len(base) - len(unloadable), len(queued) + len(false)
    counts = (
        len(base), len({one.model_id.partition("/")[0] for one in base}), len(queued),
        len(unloadable), len(waiting), missed, len(other), len(false),
    )  # fmt: skip
    return [
        half,
        *map(str, counts),
        f"{len(queued) / loadable:.3f}" if loadable else "",
        f"{len(queued) / taken:.3f}" if taken else "",
    ]


def is_unloadable(one: Outcome) -> bool:
    """Whether a base model is held back only because the engine cannot load it.

    That is an architecture that neither vLLM nor transformers implements, or pickled weights.
    """
    only_pickled = one.reason.endswith(PICKLED)
    return one.custom_code or (one.state == "blocked" and only_pickled)


def _with(chosen: list[Outcome], state: str) -> list[Outcome]:
    return [one for one in chosen if one.state == state]
