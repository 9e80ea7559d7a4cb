"""Models trained to compare data or settings, and checkpoints of a training run, told by their names.

They are base models, and publishers release dozens of them at once. They are evaluated after all
others. Not here: the order of the queue (`evaluation.queue`).
"""

import re
from collections import Counter
from collections.abc import Iterable

from densing_pipeline.hub import keywords
from densing_pipeline.hub.families import parse
from densing_pipeline.hub.pretrainers import organisation_of, owner_of

ABLATIONS_OF_ONE_SIZE = 8
"""Number of models of one publisher, line and size from which they are an ablation series: releases
have a few models of a size."""

SAME_CORPORA = 3
"""Number of models of one publisher and line named after corpora from which they are one."""

_SEED = re.compile(r"(?<![a-z])seed[-_]?\d{1,5}(?![\d.]*[bm]|\.\d)", re.IGNORECASE)
_SIZE = re.compile(r"\d+(?:\.\d+)?[bmk]", re.IGNORECASE)


def experiments(model_ids: Iterable[str]) -> dict[str, str]:
    """The ablation models and intermediate checkpoints among base models, with what they are.

    Args:
        model_ids: all base models known; the structure of a series shows only among all of them.
    """
    ids = sorted(set(model_ids))
    lines = {model_id: _line(model_id) for model_id in ids}
    sizes = {model_id: (lines[model_id], _size(model_id)) for model_id in ids}
    of_line = Counter(lines.values())
    of_size = Counter(key for key in sizes.values() if key[1])
    with_corpus = Counter(lines[model_id] for model_id in ids if _has_corpus(model_id))
    found = {}
    for model_id in ids:
        name, line = model_id.rpartition("/")[2], lines[model_id]
        many = with_corpus[line] >= SAME_CORPORA
        if keywords.CHECKPOINT.search(name):
            found[model_id] = "an intermediate checkpoint"
        elif (
            keywords.tokens(name) & keywords.ABLATION
            or _SEED.search(name)
            or (many and (_has_corpus(model_id) or 2 * with_corpus[line] >= of_line[line]))
            or of_size[sizes[model_id]] >= ABLATIONS_OF_ONE_SIZE
        ):
            found[model_id] = "of an ablation series"
    return found


def _line(model_id: str) -> tuple[str, str]:
    """Publisher and first word of the name."""
    stem = parse(model_id).stem
    return organisation_of(owner_of(model_id)), stem[0] if stem else ""


def _size(model_id: str) -> str:
    return next((part for part in parse(model_id).stem if _SIZE.fullmatch(part)), "")


def _has_corpus(model_id: str) -> bool:
    return keywords.CORPORA_NAMED.search(model_id.rpartition("/")[2]) is not None
