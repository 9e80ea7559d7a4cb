"""Count the parameters of a model from the names, dtypes and shapes of its stored tensors.

The header of a safetensors file lists these, so that no weights need to be read. Not here: fetching
headers; which part of a model a name belongs to (`tensor_names`); how many weights a packed tensor
holds (`packing`); the comparison with the count from the configuration (`compare`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from densing_pipeline.hub.parameters import config as configuration
from densing_pipeline.hub.parameters import packing, tensor_names
from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.safetensors import MAX_PARAMS, Tensor
from densing_pipeline.hub.parameters.tensor_names import Part, Place

__all__ = ["Tensor", "TensorCounts", "count_tensors"]

MAX_TENSORS = 2_000_000
"""Largest accepted number of tensors; the largest released models have about 100,000."""

MAX_NOTED = 8
"""Names listed in one note."""


@dataclass(frozen=True, slots=True)
class TensorCounts:
    """Parameters of one model by part, counted from its tensors.

    The parameters stored in the files are `total` + `tied_head` + `prediction` + `tower`.

    Attributes:
        total: parameters of the language model, each once; None if there is no count.
        active: those one token passes through, input embedding and output head included; None if
            there is no count, or if it is not known how many experts a token uses.
        nonembedding: `total` without `embedding` and `head`; None if no input embedding was found.
        active_nonembedding: `active` without `embedding` and `head`; None if either is not known.
        embedding: input embedding, with learned positions and per-layer embeddings.
        input_embedding: elements of the input embedding alone; None if none was found.
        head: output head with weights of its own; 0 when it is the input embedding.
        tied_head: output head stored a second time though it is the input embedding; not in `total`.
        experts: routed experts, all of them; in `total`.
        prediction: extra prediction layers, with their own embedding and head; not in `total`.
        tower: towers and projectors for images, audio and video; not in `total`.
        buffers: stored elements that are no parameters, such as masks and quantisation scales.
        is_moe: whether there are routed experts.
        notes: what a reader should know about the count, one sentence each.
        reason: why there is no count; empty if there is one.
    """

    total: int | None
    active: int | None
    nonembedding: int | None
    active_nonembedding: int | None
    embedding: int = 0
    input_embedding: int | None = None
    head: int = 0
    tied_head: int = 0
    experts: int = 0
    prediction: int = 0
    tower: int = 0
    buffers: int = 0
    is_moe: bool = False
    notes: tuple[str, ...] = ()
    reason: str = ""


def count_tensors(tensors: Iterable[Tensor], config: Mapping[str, Any]) -> TensorCounts:
    """Count the parameters of a model by part, from its tensors.

    Works for any family. A part of unknown name counts as part of the language model, and a note
    names it. Never raises; for tensors that cannot be counted `reason` says why.

    Args:
        tensors: all tensors of the model's files, in any order.
        config: its `config.json`, or what is known of it; it states the vocabulary, whether the
            output head is the input embedding, and how many experts a token uses.
    """
    listed = list(islice(tensors, MAX_TENSORS + 1))
    if len(listed) > MAX_TENSORS:
        return _uncounted(f"more than {MAX_TENSORS:,} tensors")
    elements: list[int] = []
    for tensor in listed:
        size = packing.elements(tensor)
        if size is None:
            return _uncounted(
                f"tensor {str(tensor.name)[:100]!r} has the shape {str(tensor.shape)[:60]}"
            )
        elements.append(size)
    if sum(elements) > MAX_PARAMS:
        return _uncounted(f"the tensors have {sum(elements)} elements")
    if len({tensor.name for tensor in listed}) < len(listed):
        return _uncounted("several tensors have the same name: the files hold the model twice")
    config = config if isinstance(config, Mapping) else {}
    unpacked = packing.unpack(listed, elements, configuration.quantisation(config))
    if unpacked.reason:
        return _uncounted(unpacked.reason)
    if sum(unpacked.weights) > MAX_PARAMS:
        return _uncounted(f"the tensors hold {sum(unpacked.weights)} weights")
    stated = Stated.of(config)
    collected = _collect(listed, elements, unpacked.weights, stated)
    if not collected.stored:
        return _uncounted("there are no tensors of parameters")
    if not collected.model:
        return _uncounted("no tensor belongs to a language model")
    return _counted(collected, stated, list(unpacked.notes))


@dataclass(frozen=True, slots=True)
class Stated:
    """What the configuration states that tensors do not show; None where it does not.

    Attributes:
        model_type: type of the language model, lower case; empty if not stated.
        vocabulary: rows of the input embedding.
        layers: number of layers, extra prediction layers left out.
        prediction_layers: number of extra prediction layers.
        experts: routed experts of a layer.
        used: experts a token uses, the same in all layers or one number a layer.
        is_tied: whether the output head is the input embedding.
        zero_experts: experts without weights, among which a token's experts may be.
    """

    model_type: str = ""
    vocabulary: int | None = None
    layers: int | None = None
    prediction_layers: int | None = None
    experts: int | None = None
    used: int | tuple[int, ...] | None = None
    is_tied: bool | None = None
    zero_experts: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Stated":
        """Read a configuration; class defaults fill it up only if it is a whole one."""
        try:
            text = configuration.read(config)
        except UnreadableConfigError:
            own, *around = reversed(configuration.nested(config))
            kind = own.get("model_type")
            text = Config(own, kind.lower() if isinstance(kind, str) else "", tuple(around), {})
        sources = (text.own, *text.around, text.defaults)
        ties = [each.get("tie_word_embeddings") for each in sources]
        has_experts = False not in (text.get("is_moe"), text.get("enable_moe_block"))
        return cls(
            model_type=text.model_type,
            vocabulary=_size(text, "padded_vocab_size") or _size(text, "vocab_size"),
            layers=_size(text, "num_hidden_layers"),
            prediction_layers=_size(text, "num_nextn_predict_layers"),
            experts=max(_experts(text, "n_routed_experts"), default=None) if has_experts else None,
            used=_used(text),
            is_tied=next((tie for tie in ties if isinstance(tie, bool)), None),
            zero_experts=_size(text, "zero_expert_num") or 0,
        )

    def used_in(self, layer: int | None) -> int | None:
        """Experts a token uses in a layer; None if it is not stated."""
        if not isinstance(self.used, tuple):
            return self.used
        return self.used[layer] if layer is not None and layer < len(self.used) else None


def _size(text: Config, name: str) -> int | None:
    try:
        return text.optional(name)
    except UnreadableConfigError:
        return None


def _sizes(text: Config, name: str) -> tuple[int, ...]:
    """A size, or one size a layer as some families state it; empty if neither."""
    value = text.get(name)
    values = value if isinstance(value, list) else [value]
    is_list_of_sizes = 0 < len(values) <= configuration.MAX_LAYERS and all(
        isinstance(each, int) and not isinstance(each, bool) and 0 < each <= configuration.LIMIT
        for each in values
    )
    return tuple(values) if is_list_of_sizes else ()


def _experts(text: Config, name: str) -> tuple[int, ...]:
    """A size of experts, which DBRX states in a part of its own."""
    return _sizes(text, name) or _sizes(text.part("ffn_config"), name)


def _used(text: Config) -> int | tuple[int, ...] | None:
    sizes = _experts(text, "num_experts_per_tok")
    return sizes[0] if len(set(sizes)) == 1 else sizes or None


@dataclass(slots=True)
class _Experts:
    """The routed experts of one layer: their elements, and how many experts these make.

    Attributes:
        layer: number of the layer; None outside layers.
        numbered: numbers seen in names of tensors of single experts.
        single: elements of tensors of single experts.
        fused: elements of tensors of all experts, by their first dimension.
        flat: first dimension and elements of matrices, which hold all experts or serve all.
    """

    layer: int | None
    numbered: set[int] = field(default_factory=set)
    single: int = 0
    fused: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    flat: list[tuple[int, int]] = field(default_factory=list)

    def by_number(self, stated: int | None) -> dict[int, int]:
        """Elements of routed experts, by the number of experts that share them.

        A matrix counts if its rows can be shared out among all experts; a norm or bias that serves
        all experts does not.
        """
        sizes = dict(self.fused)
        if self.numbered:
            sizes[len(self.numbered)] = sizes.get(len(self.numbered), 0) + self.single
        many = max(sizes, key=sizes.__getitem__, default=stated or 0)
        for rows, size in self.flat:
            if many > 1 and rows and rows % many == 0:
                sizes[many] = sizes.get(many, 0) + size
        return {number: size for number, size in sizes.items() if number and size}


@dataclass(slots=True)
class _Collected:
    """Elements by part, before it is decided which tensors are embedding and head."""

    body: int = 0
    tower: int = 0
    prediction: int = 0
    buffers: int = 0
    experts: dict[str, _Experts] = field(default_factory=dict)
    outside: list[tensor_names.Found] = field(default_factory=list)
    by_pattern: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    marked: list[str] = field(default_factory=list)

    @property
    def model(self) -> int:
        """Elements of the language model, a tied head stored twice included."""
        routed = sum(
            group.single + sum(group.fused.values()) + sum(size for _, size in group.flat)
            for group in self.experts.values()
        )
        return self.body + routed + sum(each.weights for each in self.outside)

    @property
    def stored(self) -> int:
        """Elements of parameters of all parts."""
        return self.model + self.tower + self.prediction


def _collect(
    tensors: Sequence[Tensor], elements: Sequence[int], weights: Sequence[int], stated: Stated
) -> _Collected:
    """Assign every tensor to a part by its name."""
    places = [tensor_names.place(tensor.name) for tensor in tensors]
    extra = _extra_layers(tensors, places, stated)
    found = _Collected()
    for tensor, size, weight, place in zip(tensors, elements, weights, places, strict=True):
        found.buffers += size if not weight else 0
        if not weight:
            continue
        if tensor_names.is_buffer(tensor.name, place, tensor.shape, stated.model_type):
            found.buffers += weight
        elif place.part is Part.TOWER:
            found.tower += weight
        elif place.part is Part.PREDICTION or (extra and place.layer_of(tensor.name) in extra):
            found.prediction += weight
        else:
            found.by_pattern[place.pattern] += weight
            _collect_model(found, tensor, weight, place, stated)
    return found


def _collect_model(
    found: _Collected, tensor: Tensor, weight: int, place: Place, stated: Stated
) -> None:
    """Add a tensor of the language model to its part."""
    shape = tensor.shape
    if place.part is Part.EXPERTS or _is_fused(place, shape, stated):
        container, expert = place.expert_of(tensor.name)
        group = found.experts.get(container)
        if group is None:
            _, layer = place.layer_of(tensor.name) or ("", None)
            group = found.experts[container] = _Experts(layer)
        if expert is not None:
            group.numbered.add(expert)
            group.single += weight
        elif len(shape) >= 3:
            group.fused[shape[0]] += weight
        else:
            group.flat.append((shape[0] if shape else 0, weight))
    elif place.part is Part.LAYER or (place.part is Part.LAYER_EMBEDDING and len(shape) != 2):
        found.body += weight
    else:
        found.outside.append(tensor_names.Found(tensor.name, shape, weight, place))


def _is_fused(place: Place, shape: tuple[int, ...], stated: Stated) -> bool:
    """Whether a tensor of a layer holds all experts, though its name does not say so.

    It has a matrix for each expert the configuration states, and is no convolution.
    """
    return (
        place.part is Part.LAYER
        and place.may_be_fused
        and len(shape) == 3
        and (stated.experts or 0) > 1
        and shape[0] == stated.experts
        and min(shape) > 1
    )


def _extra_layers(
    tensors: Sequence[Tensor], places: Sequence[Place], stated: Stated
) -> set[tuple[str, int]]:
    """Layers of the model's list that are extra prediction layers, by list and number.

    These hold a projection or head that only such layers have, or come after the number of layers
    stated and as many as the configuration says there are.
    """
    extra = {
        layer
        for tensor, place in zip(tensors, places, strict=True)
        if place.marks_prediction and (layer := place.layer_of(tensor.name))
    }
    if stated.layers and stated.prediction_layers:
        # Only layers that there are: a configuration may announce ten million.
        beyond = range(stated.layers, stated.layers + stated.prediction_layers)
        lists = {place.list for place in places if place.part in (Part.LAYER, Part.EXPERTS)}
        found = (place.layer_of(each.name) for each, place in zip(tensors, places, strict=True))
        extra |= {layer for layer in found if layer and layer[0] in lists and layer[1] in beyond}
    return extra


def _counted(found: _Collected, stated: Stated, notes: list[str]) -> TensorCounts:
    """The count by part, with notes on what was decided."""
    outside = tensor_names.outside(found.outside, stated.vocabulary)
    notes += outside.notes
    head, tied = outside.head, 0
    if outside.head_matrix and outside.head_matrix == outside.input_shape and stated.is_tied:
        tied = outside.head_weights
        head -= tied
        notes.append(
            "the configuration says that the output head is the input embedding: not counted twice"
        )
    total = found.model - tied
    routed, used, about = _routed(found, stated)
    notes += about
    rest = {name: size for name, size in found.by_pattern.items() if name not in outside.patterns}
    notes += tensor_names.unknown_parts(rest, MAX_NOTED)
    embeddings = outside.embedding + head
    active = None if used is None else total - routed + used
    has_embedding = outside.input_shape is not None
    return TensorCounts(
        total=total,
        active=active,
        nonembedding=total - embeddings if has_embedding else None,
        active_nonembedding=active - embeddings if has_embedding and active is not None else None,
        embedding=outside.embedding,
        input_embedding=outside.input_weights if has_embedding else None,
        head=head,
        tied_head=tied,
        experts=routed,
        prediction=found.prediction,
        tower=found.tower,
        buffers=found.buffers,
        is_moe=routed > 0,
        notes=tuple(notes),
    )


def _routed(found: _Collected, stated: Stated) -> tuple[int, int | None, list[str]]:
    """Parameters of all routed experts, of those a token uses (None if not known), and notes."""
    routed, used, unknown = 0, 0, ""
    held: set[int] = set()
    for group in found.experts.values():
        sizes = group.by_number(stated.experts)
        if not sizes:
            continue
        routed += sum(sizes.values())
        held |= sizes.keys()
        top = stated.used_in(group.layer)
        if top is None:
            unknown = "the configuration does not state how many experts a token uses"
        elif top > max(sizes) + stated.zero_experts:
            unknown = f"the configuration states {top} experts per token of {max(sizes)}"
        else:
            used += sum(size * min(top, many) // many for many, size in sizes.items())
    notes = []
    if not routed and (stated.experts or 0) > 1 and stated.used:
        notes.append(f"the configuration states {stated.experts} experts, but no tensor is one")
        return 0, None, notes
    if unknown and routed:
        notes.append(f"active parameters not known: {unknown}")
    if routed and stated.experts and held - {stated.experts}:
        several = ", ".join(map(str, sorted(held)[:MAX_NOTED]))
        notes.append(f"the configuration states {stated.experts} experts, layers hold {several}")
    if routed and stated.zero_experts:
        notes.append("some experts have no weights: active is the most a token uses")
    return routed, None if unknown and routed else used, notes


def _uncounted(reason: str) -> TensorCounts:
    return TensorCounts(None, None, None, None, reason=reason)
