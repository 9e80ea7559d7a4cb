"""Count the parameters of a model from its Hub record, its configuration and the tensors of its files.

Not here: the formulas (`families`), what is counted from tensors (`tensors`) and from the Hub's counts by
dtype (`safetensors`), and the quarantine of counts that disagree (`hub.models`).
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from densing_pipeline.hub import architectures
from densing_pipeline.hub.parameters import config as configuration
from densing_pipeline.hub.parameters import families, prediction, safetensors, tower
from densing_pipeline.hub.parameters.compare import compare, is_near, named
from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.parts import Parts
from densing_pipeline.hub.parameters.recipes import RECIPES
from densing_pipeline.hub.parameters.tensors import TensorCounts

EXPERT_KEYS = ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")
NAMED_SIZE = re.compile(r"(?<![a-z0-9.])(?<!\d_)(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
NAMED_EXPERTS = re.compile(r"\d+x\d|(?<![a-z0-9])\d+e(?![a-z0-9])|moe", re.IGNORECASE)
"""Pattern of names that mention experts; the size in such a name is that of one expert or of the
active part."""

NAME_FACTOR = 2.5
"""Largest accepted ratio between a count from files alone and the size in the name."""


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """Parameter counts of one model with their source.

    Attributes:
        total: parameters of the language model, each once; a count from a file alone includes
            whatever else the file holds. Empty if unknown or if the two counts disagree.
        active: parameters one token passes through, input embedding and output head included; the
            same as `total` without experts.
        nonembedding: `total` without input embedding and output head.
        source: `tensors`, `config` or `safetensors`; None if there is no count.
        from_config: count from the configuration, even if it is not trusted.
        from_safetensors: count from the files' tensors, else from the Hub's counts by dtype, unpacked,
            even if it is not trusted.
        agrees: whether the two agree; None if there is only one.
        reason: what explains their difference, or why there is no count.
        architecture: model class as stated.
        is_moe: whether it is a mixture of experts.
    """

    total: int | None
    active: int | None
    nonembedding: int | None
    source: str | None
    from_config: int | None
    from_safetensors: int | None
    agrees: bool | None
    reason: str
    architecture: str | None
    is_moe: bool

    @property
    def active_nonembedding(self) -> int | None:
        """`active` without input embedding and output head; None if one of the three is not known."""
        if self.total is None or self.active is None or self.nonembedding is None:
            return None
        return self.active - (self.total - self.nonembedding)


def count(record: Mapping[str, Any], tensors: TensorCounts | None = None) -> ParameterCounts:
    """Counts a model's parameters from its Hub record, and from its tensors where they are known.

    Counts from tensors come first, and the formula of the family is the second witness. A family without
    a formula is counted from its tensors alone.

    The record's `config` has to hold the sizes of `config.json`: the extract the Hub's list gives
    (architecture and model type only) is not enough, and is not filled up with class defaults.
    Never raises: for an unusable record `reason` says why there is no count.

    Args:
        record: the record; its `config` may be the whole `config.json`.
        tensors: what its tensors count, if their headers were fetched.
    """
    config = record.get("config") if isinstance(record, Mapping) else None
    config = config if isinstance(config, Mapping) else {}
    stored = safetensors.read(
        record.get("safetensors") if isinstance(record, Mapping) else None,
        configuration.quantisation(config),
    )
    empty = ParameterCounts(
        None, None, None, None, None, None, None, "", _architecture(config), _is_moe(config)
    )
    try:
        text = configuration.read(config)
        parts = _parts(text)
    except UnreadableConfigError as error:
        return _without_formula(record, empty, stored, tensors, str(error))
    except (ArithmeticError, TypeError, ValueError, KeyError, IndexError) as error:
        # An unforeseen configuration: the model is kept, without a count from the configuration.
        why = f"unreadable: {type(error).__name__}"
        return _without_formula(record, empty, stored, tensors, why)
    if tensors is not None and tensors.total is not None:
        return _from_tensors(empty, tensors, tensors.total, parts, _buffers(text))
    counted = replace(
        empty,
        total=parts.total,
        active=parts.active,
        nonembedding=parts.body,
        source="config",
        from_config=parts.total,
        is_moe=_states_experts(config) is True or parts.inactive > 0,
        reason=f"from the configuration alone: {stored.note}{_uncounted(tensors)}",
    )
    if not stored.readings:
        return counted
    found = compare(parts, stored.readings, _buffers(text))
    counted = replace(
        counted,
        from_safetensors=found.stored,
        agrees=found.agrees,
        reason=found.reason + _uncounted(tensors),
    )
    if found.agrees:
        return counted
    return replace(counted, total=None, active=None, nonembedding=None, source=None)


def _uncounted(tensors: TensorCounts | None) -> str:
    """Why the tensors that were read give no count, to follow another reason."""
    return f"; its tensors are not counted: {tensors.reason}" if tensors else ""


def _from_tensors(
    empty: ParameterCounts,
    tensors: TensorCounts,
    total: int,
    parts: Parts,
    small: dict[str, int],
) -> ParameterCounts:
    """The count from the tensors, unless it differs from the formula's by over `TOLERANCE`.

    If what the formula names beside the model makes up the difference to the weight, tensors of unknown
    names were counted with the model: then the formula's count is the model's.
    """
    apart = total - parts.total
    told = f"tensors {total}, configuration {parts.total}"
    beside = named(apart, parts, small) if apart > 0 else ()
    if beside:
        told += ", explained by " + ", ".join(beside)
    elif apart:
        told += f"; {apart:+d} ({apart / parts.total:+.2%}) unexplained"
    else:
        told += ", equal"
    compared = replace(
        empty,
        from_config=parts.total,
        from_safetensors=total,
        agrees=bool(beside) or is_near(apart, parts.total),
        reason="; ".join([told, *tensors.notes]),
        is_moe=tensors.is_moe or parts.inactive > 0,
    )
    if not compared.agrees:
        return compared
    if beside:
        return replace(
            compared,
            total=parts.total,
            active=parts.active,
            nonembedding=parts.body,
            source="config",
        )
    return replace(
        compared,
        total=total,
        active=parts.active if tensors.active is None else tensors.active,
        nonembedding=parts.body if tensors.nonembedding is None else tensors.nonembedding,
        source="tensors",
    )


def _without_formula(
    record: object,
    empty: ParameterCounts,
    stored: safetensors.Stored,
    tensors: TensorCounts | None,
    why: str,
) -> ParameterCounts:
    """The count from the tensors, else from the Hub's counts by dtype.

    Neither is taken if it differs from the size in the name by over `NAME_FACTOR`.
    """
    if tensors is None or tensors.total is None:
        counted = _from_file(record, empty, stored, why)
        return replace(counted, reason=counted.reason + _uncounted(tensors))
    counted = _from_file(
        record, empty, safetensors.Stored((tensors.total,), "counted from its tensors"), why
    )
    if counted.total is None:
        return counted
    return replace(
        counted,
        # A mixture whose experts have names that are not known.
        active=None if empty.is_moe and not tensors.is_moe else tensors.active,
        nonembedding=tensors.nonembedding,
        source="tensors",
        reason="; ".join([f"{why}; counted from its tensors", *tensors.notes]),
        is_moe=empty.is_moe or tensors.is_moe,
    )


def _parts(text: Config) -> Parts:
    parts = families.count(text)
    if not 0 < parts.total <= safetensors.MAX_PARAMS or parts.body <= 0:
        raise UnreadableConfigError(f"the sizes make {parts.total} parameters")
    family = families.SAME_AS.get(text.model_type, text.model_type)
    # Without these sizes the model is still counted; only tensors beside it stay unexplained.
    with suppress(UnreadableConfigError):
        parts = prediction.added(text, family, parts)
    beside = tower.count(text)
    return replace(
        parts, tower=beside.known, tower_about=beside.about, tower_unknown=beside.unknown
    )


def _from_file(
    record: object, empty: ParameterCounts, stored: safetensors.Stored, why: str
) -> ParameterCounts:
    """The count from the file, unless it differs from the size in the name by over `NAME_FACTOR`."""
    if not stored.readings:
        return replace(empty, reason=f"{why}; {stored.note}")
    total = stored.readings[0]
    named = named_size(record.get("id") if isinstance(record, Mapping) else None)
    if named and not named / NAME_FACTOR <= total <= named * NAME_FACTOR:
        return replace(
            empty,
            from_safetensors=total,
            agrees=False,
            reason=f"{why}; file {total}, but the name says about {named}",
        )
    body = _without_embeddings(record.get("config") if isinstance(record, Mapping) else None, total)
    taken_off = "; non-embedding: without vocabulary x width" if body else ""
    return replace(
        empty,
        total=total,
        active=None if empty.is_moe else total,
        nonembedding=body,
        source="safetensors",
        from_safetensors=total,
        reason=f"{why}; {stored.note}, whatever else the file holds included{taken_off}",
    )


def _without_embeddings(config: object, total: int) -> int | None:
    """What a file holds beside input embedding and output head, for a family without a formula.

    Both are vocabulary x width. None if the configuration does not state these and whether the head
    is the embedding, or describes a model with other parts, which the file holds too.
    """
    try:
        text = configuration.read(config)
        matrix = text.vocabulary * text.hidden
    except UnreadableConfigError:
        return None
    is_tied = text.own.get("tie_word_embeddings")
    if not isinstance(is_tied, bool) or text.own is not config or not matrix:
        return None
    rest = total - (matrix if is_tied else 2 * matrix)
    return rest if rest > 0 else None


def named_size(model_id: object) -> int | None:
    """The size in a name (`7B`, `0.5b`, `350M`); the largest of several; None with experts."""
    name = model_id.rsplit("/", 1)[-1] if isinstance(model_id, str) else ""
    if NAMED_EXPERTS.search(name[:200]):
        return None
    sizes = [
        # A zero in front stands for one before the point: `01B` is 0.1B.
        round(float(re.sub(r"^0(?=\d)", "0.", number)) * (1e9 if unit in "bB" else 1e6))
        for number, unit in NAMED_SIZE.findall(name[:200])
        if len(number) <= 6
    ]
    return max(sizes, default=None) or None


def _buffers(text: Config) -> dict[str, int]:
    """Tensors old files store that are not parameters: rotary frequencies, causal masks."""
    try:
        rotary = text.layers * text.head_dim // 2
        masks = text.layers * text.size("max_position_embeddings", 0) ** 2
    except UnreadableConfigError:
        return {}
    if text.model_type in ("gpt2", "gpt_neo", "gpt_bigcode"):
        return {"causal masks": masks}
    extra = {"layer scalars and vision statistics": _gemma4_scalars(text)}
    return {"rotary buffers": rotary} | (extra if text.model_type == "gemma4_text" else {})


def _gemma4_scalars(text: Config) -> int:
    vision = text.around_it("vision_config")
    width = vision.get("hidden_size") if isinstance(vision, Mapping) else None
    return text.layers + (2 * width if isinstance(width, int) else 0)


def _architecture(config: Mapping[str, Any]) -> str | None:
    names = config.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first[:200] if isinstance(first, str) and first else None


def _is_moe(config: Mapping[str, Any]) -> bool:
    """Whether a configuration states several experts; if it states no number, by its model type."""
    stated = _states_experts(config)
    if stated is not None:
        return stated
    types = {str(source.get("model_type")).lower() for source in configuration.nested(config)}
    return not types.isdisjoint(_mixtures()) or "moe" in (_architecture(config) or "").lower()


def _states_experts(config: Mapping[str, Any]) -> bool | None:
    """Whether a configuration states several experts; None if it states no number of them."""
    numbers = [source.get(key) for source in configuration.nested(config) for key in EXPERT_KEYS]
    stated = [each for each in numbers if isinstance(each, int) and not isinstance(each, bool)]
    return max(stated) > 1 if stated else None


@cache
def _mixtures() -> frozenset[str]:
    """Model types of mixtures of experts: by their classes' defaults, and by their formulas."""
    counted = {name for name, recipe in RECIPES.items() if recipe.experts is not None}
    known = counted | architectures.registry()[architectures.MIXTURES]
    return frozenset({*known, *(name for name, same in families.SAME_AS.items() if same in known)})
