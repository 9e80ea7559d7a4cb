"""What speaks for a repository being pretrained, and for its weights being another model's.

No mark of tuning is no proof of pretraining: most derived models of people who state nothing look
just the same. Not here: what speaks against (`classify`), and reading the record (`record_fields`).
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from densing_pipeline.hub import keywords, record_fields
from densing_pipeline.hub.pretrainers import (
    ARCHITECTURES,
    ARCHITECTURES_TOO,
    known_pretrainers,
    line_of_type,
    makers_of_lines,
    owner_of,
)

SAME_SIZE = 0.003
"""How far apart, relatively, the sizes of a model and its parent may be: added tokens."""

NAMED = "name says base"

OWN_TYPE = 4
"""Letters a model type needs at the least to be looked for in the name."""


def outright(record: Mapping[str, Any], words: frozenset[str]) -> list[str]:
    """Signs of pretraining that are enough by themselves, in words.

    Args:
        record: a Hub record.
        words: the words of its name.
    """
    model_id = str(record.get("id") or "")
    told = []
    if owner_of(model_id) in known_pretrainers():
        told.append("published by an organisation that pretrains")
    if words & keywords.SURELY_BASE:
        told.append(NAMED)
    if data := pretraining_data(record):
        told.append(f"pretraining data {data[0][:60]}")
    tagged = {tag.lower() for tag in record_fields.tags(record)} & keywords.PRETRAINED_TAGS
    if tagged:
        told.append(f"tag {sorted(tagged)[0]}")
    if kind := own_architecture(record):
        told.append(f"an architecture of its own, {kind}")
    return told


def circumstantial(
    record: Mapping[str, Any], words: frozenset[str], *, has_template: bool
) -> list[str]:
    """Signs that need one another: a new size, a tokenizer not made for chat, a described corpus.

    Without a size that is known and no other model's, the rest is what any derived model shows.

    Args:
        record: a Hub record.
        words: the words of its name.
        has_template: whether its tokenizer is set up for chat.
    """
    if record_fields.total(record) is None or same_size(record):
        return []
    told = ["a size of its own"]
    if not has_template and record_fields.tokenizer_shown(record):
        told.append("a tokenizer not made for chat")
    papers = any(tag.startswith("arxiv:") for tag in record_fields.tags(record))
    if record_fields.languages(record) or papers:
        told.append("languages or paper stated")
    if words & keywords.BASE:
        told.append("name says pt")
    return told


ENOUGH = 3
"""How many circumstantial signs stand for one outright."""

SOME = 2
"""How many make a base model that somebody has to look at."""


def pretraining_data(record: Mapping[str, Any]) -> list[str]:
    """Data sets stated that are corpora for pretraining."""
    named = record_fields.datasets(record)
    return [name for name in named if keywords.PRETRAINING_DATA.search(name)]


def own_architecture(record: Mapping[str, Any]) -> str | None:
    """The model type, if it is the repository's own: in its name, and nobody else's line."""
    model_id = str(record.get("id") or "")
    owner, name = owner_of(model_id), _letters(model_id.rpartition("/")[2])
    for kind in record_fields.model_types(record):
        root = _letters(kind)
        known = any(root.startswith(line) or line in root for line in makers_of_lines())
        if len(root) >= OWN_TYPE and not known and root in name:
            is_own_code = isinstance(record_fields.config(record).get("auto_map"), Mapping)
            if is_own_code or root in _letters(owner):
                return kind[:60]
    return None


def same_size(record: Mapping[str, Any]) -> str | None:
    """The known model of another owner that this one's weights have the type and size of."""
    total, types = record_fields.total(record), record_fields.model_types(record)
    owner = owner_of(str(record.get("id") or ""))
    if total is None:
        return None
    close = [
        (abs(total - known) / known, model_id)
        for model_id, kind, known in known_sizes()
        if kind in types and abs(total - known) <= SAME_SIZE * known
    ]
    if any(owner_of(model_id) == owner for _, model_id in close):
        return None
    return min(close)[1] if close else None


def from_scratch(record: Mapping[str, Any], other_lines: frozenset[str]) -> bool:
    """Whether another's line in the name is only the architecture that was trained anew.

    So it is if a pretraining corpus is stated by an organisation that pretrains or names itself
    in the model's name (`amd/AMD-OLMo-1B`), or by anybody at a size that no known model has; or if
    the line is as much an architecture, and who pretrains took a size of its own.
    """
    model_id = str(record.get("id") or "")
    owner = owner_of(model_id)
    pretrains = owner in known_pretrainers()
    branded = len(owner) > 1 and _letters(owner) in _letters(model_id.rpartition("/")[2])
    is_counted, is_known = record_fields.total(record) is not None, same_size(record) is not None
    if pretraining_data(record) and (pretrains or branded or (is_counted and not is_known)):
        return True
    anew = ARCHITECTURES_TOO if is_counted else ARCHITECTURES
    return pretrains and other_lines <= anew and not is_known


def other_class(record: Mapping[str, Any]) -> str | None:
    """The line of another organisation that the model's class is of, at a size not its own.

    Those who pretrain take their own class or an architecture that is common property; those who
    train on take the class with the weights.
    """
    if record_fields.total(record) is not None and same_size(record) is None:
        return None
    owner = owner_of(str(record.get("id") or ""))
    kinds = [
        *record_fields.model_types(record),
        *map(str.lower, record_fields.architectures(record)),
    ]
    for kind in kinds:
        line = line_of_type(kind)
        if line and owner not in makers_of_lines()[line]:
            return line
    return None


@cache
def known_sizes() -> tuple[tuple[str, str, int], ...]:
    """Widely known base models: id, type, parameters as their files hold them."""
    text = (resources.files("densing_pipeline.hub") / "known_sizes.csv").read_text("utf-8")
    return tuple(
        (row["model_id"], row["model_type"], int(row["params_total"]))
        for row in csv.DictReader(text.splitlines())
    )


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]+", "", text.lower())
