"""Which known model a name in an outside source stands for, by explicit rules.

The rules of offer names (`prices.links`) are tried first, then three that only score sources need. A link
to a base model must survive two more tests: the source's names for the row carry no word of tuning
(`instruct`, `chat`, `thinking`, ...) that the base model's id lacks, and the source names single sets
of weights. What no rule resolves stays in the table without a model and with the reason; nothing is
guessed by similarity. Not here: which of the linked scores count (`evaluation.board_scores`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl

from densing_pipeline.hub.keywords import TUNED, TUNING_NAMES
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.paper import NMI_PREFIX
from densing_pipeline.prices import links as offers
from densing_pipeline.prices.links import KnownModels
from densing_pipeline.score_sources.parsed import INTERNAL

CONFIDENCE = {**offers.CONFIDENCE, "hf_suffix": 0.97, "bracketed_size": 0.95, "setting_suffix": 0.9}
"""Confidence in a link by each rule, set by judgement: lower, the more of the name a rule drops."""

NAMED_BY = ("model", "organisation", "display_name", "is_group")
"""Columns that say which model a row is about."""

UNLINKED = "no rule finds exactly one known model of this name"
NO_MODEL = "the row is about no model"

_SETTING = re.compile(r"_(none|minimal|low|medium|high|xhigh|max|unknown|\d+k)$", re.IGNORECASE)
_SIZE = re.compile(r"\s*\((\d+(?:\.\d+)?[bm])\)", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")


class Link(NamedTuple):
    """The model that a name stands for, by which rule, and why not if there is none."""

    model_id: str | None
    method: str
    reason: str | None = None


@dataclass(frozen=True)
class Known:
    """The models that names may stand for.

    Attributes:
        ids: ids of all models, for names that are ids.
        named: models that may be found by name. Anyone can choose a name on the Hub, so these are
            the bundled ones only.
        base: ids of base models.
    """

    ids: frozenset[str]
    named: KnownModels
    base: frozenset[str]

    @classmethod
    def of(cls, models: pl.DataFrame, capability_scores: pl.DataFrame) -> "Known":
        """The models of the tables `models` and `capability_scores`."""
        ours = models.filter(pl.col("source") != HUB)["model_id"]
        named = KnownModels.of({*ours, *capability_scores["canonical_id"]})
        # Unlike a seller, a source of scores that writes a base model's name means the base model.
        return cls(
            ids=frozenset(i for i in models["model_id"] if not i.startswith(NMI_PREFIX))
            | named.ids,
            named=replace(named, chat=frozenset()),
            base=frozenset(models.filter("is_base")["model_id"]),
        )


def with_links(reports: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows with the model that each stands for.

    Args:
        reports: rows of a history (`history.of_table`).
        known: the models.

    Returns:
        Rows of `benchmark_reports`, `capability_index` or `model_reports`.
    """
    keys = [name for name in NAMED_BY if name in reports.columns]
    names = reports.select(keys).unique(maintain_order=True)
    found = [_link(row, known) for row in names.iter_rows(named=True)]
    links = names.with_columns(
        pl.Series("model_id", [link.model_id for link in found], pl.String),
        pl.Series("method", [link.method for link in found], pl.String),
        pl.Series("confidence", [CONFIDENCE[link.method] for link in found], pl.Float64),
        pl.Series("reason", [link.reason for link in found], pl.String),
    )
    linked = reports.join(links, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return linked.drop(INTERNAL)


def _link(row: Mapping[str, Any], known: Known) -> Link:
    """The link of a row, given its columns of `NAMED_BY`."""
    if row["model"] is None:
        return Link(None, "unlinked", NO_MODEL)
    return resolve(
        row["model"],
        row.get("organisation"),
        row.get("display_name"),
        known,
        is_group=row["is_group"],
    )


def resolve(
    name: str,
    organisation: str | None,
    display_name: str | None,
    known: Known,
    *,
    is_group: bool = False,
) -> Link:
    """The model that a name stands for.

    Args:
        name: as the source writes it.
        organisation: who made the model, as the source says; of several, the first is taken.
        display_name: another name that the source has for the row.
        known: the models.
        is_group: whether the name stands for all versions of a model together, or is only displayed.
    """
    maker = (organisation or "").partition(",")[0].strip()
    for method, form in _forms(name):
        if form in known.ids:
            found, rule = form, "exact"
        else:
            link = offers.resolve(maker, form, {}, known.named)
            if link.canonical_id is None:
                continue
            found, rule = link.canonical_id, link.method
        method = rule if CONFIDENCE[rule] < CONFIDENCE[method] else method
        problem = _problem(found, method, (name, display_name), known, is_group=is_group)
        return Link(None, "unlinked", problem) if problem else Link(found, method)
    return Link(None, "unlinked", UNLINKED)


def _forms(name: str) -> Iterator[tuple[str, str]]:
    """The name and what rules make of it, strictest first."""
    yield "exact", name
    yield "hf_suffix", f"{name}-hf"
    if _SIZE.search(name):
        yield "bracketed_size", _SIZE.sub(r" \1", name)
    if _SETTING.search(name):
        yield "setting_suffix", _SETTING.sub("", name)


def _problem(
    found: str,
    method: str,
    names: tuple[str, str | None],
    known: Known,
    *,
    is_group: bool,
) -> str | None:
    """Why a row of these names cannot be a base model's, if it is one's name and it cannot."""
    if found not in known.base:
        return None
    if is_group:
        return f"{found} has this name, but the name may stand for other versions of the model too"
    if method == "setting_suffix":
        return f"{found} has this name, but a base model has no settings of reasoning"
    words = {word for name in names if name for word in _words(name)}
    if tuning := sorted((words & (TUNED | TUNING_NAMES)) - _words(found)):
        return f"{found} has this name, but the source calls the model {', '.join(tuning)}"
    return None


def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(name.lower()))
