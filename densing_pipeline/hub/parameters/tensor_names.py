"""Which part of a model a stored tensor belongs to, by its name and shape.

Not here: the count (`tensors`), and quantised storage (`packing`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

NUMBER = re.compile(r"\d+")
WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")

Shape = tuple[int, ...]

TOWER_WORDS = frozenset(
    {
        "vision", "visual", "vit", "siglip", "clip", "image", "images", "img", "video", "audio",
        "speech", "projector", "connector", "resampler", "perceiver", "aligner", "qformer", "merger",
        "talker", "token2wav", "wav", "tts", "vpm", "apm", "sam", "vqmodel", "vqvae", "mm", "multimodal",
    }
)  # fmt: skip
"""Words in names of towers for other inputs and outputs, and of what joins them to the model."""

PREDICTION_WORDS = frozenset({"mtp", "nextn", "medusa"})
"""Words in names of extra prediction layers that are stored apart."""

PREDICTION_MARKS = frozenset({"eh_proj", "enorm", "hnorm", "shared_head"})
"""Components that only an extra prediction layer in the list of layers has."""

CONTAINERS = frozenset({"switch_mlp", "experts", "local_experts", "deepspeed_experts"})
"""Components below which routed experts are stored."""

ROUTERS = frozenset({"router", "gate", "wg"})

TOKENS = frozenset(
    {
        "embed_tokens", "wte", "word_embeddings", "word_embedding", "tok_embeddings", "tokens_embed",
        "tok_embedding", "token_embedding", "token_embeddings", "embed_in", "embeddings", "embedding",
        "input_embedding", "embed", "emb", "tok_emb", "token_emb", "embedding_layer",
    }
)  # fmt: skip
"""Last components of names of input embeddings."""

EMBEDDING_WORDS = frozenset(
    {"embed", "embedding", "embeddings", "emb", "embeds", "wte", "wpe", "embd"}
)
POSITION_WORDS = frozenset(
    {"position", "positions", "pos", "wpe", "positional", "type", "types", "layer", "segment"}
)
"""Words of embeddings that are expected beside the input embedding: positions, types, per layer."""

NOT_EMBEDDING_WORDS = frozenset(
    {
        "proj", "projection", "project", "mapping", "map", "norm", "layernorm", "ln", "out", "bias",
        "head", "up", "down",
    }
)  # fmt: skip
"""Words of maps and norms that act on embeddings."""

RELATIVE_WORDS = frozenset({"pos", "position", "positions", "relative", "rel"})
"""Words of embeddings of distances, which attention adds in each layer."""

HEADS = frozenset(
    {
        "lm_head",
        "lm_heads",
        "embed_out",
        "output_layer",
        "generator_lm_head",
        "unembed",
        "unembedding",
    }
)
"""Last components of names of output heads."""

MAYBE_HEADS = frozenset(
    {
        "output",
        "head",
        "decoder",
        "proj_out",
        "output_projection",
        "proj",
        "lm_loss",
        "final_linear",
        "predictions",
    }
)
"""Names that are an output head if they have a row for each token."""

LISTS = frozenset({"layers", "h", "blocks", "block", "layer"})
"""Names of lists of layers."""

KNOWN_WORDS = EMBEDDING_WORDS | {
    "norm", "layernorm", "ln", "rmsnorm", "head", "projection", "projections", "lm",
}  # fmt: skip
"""Words in names of what stands beside the layers and is no part of its own."""

PARAMETERS = frozenset(
    {"weight", "weights", "bias", "kernel", "qweight", "weight_packed", "W_q", "scales"}
)
"""Last components that name a tensor of a module and not the module."""

BUFFERS = frozenset(
    {
        "inv_freq", "masked_bias", "position_ids", "token_type_ids", "final_logits_bias", "attn_mask",
        "causal_mask", "cos_cached", "sin_cached", "freqs_cis", "freqs", "e_score_correction_bias",
        "correction_bias", "expert_bias", "balancing_biases", "layer_scalar", "running_mean",
        "running_var", "num_batches_tracked", "global_mean", "global_invstd", "slope_rate",
        "query_decay", "key_decay", "diagonal_decay", "relative_position_index", "tid2eid",
        "std_bias", "std_scale", "input_max", "input_min", "output_max", "output_min",
    }
)  # fmt: skip
"""Last components of names of tensors that are no parameters."""

ACTIVATION_BUFFERS = frozenset({"act_fn.beta", "act_fn.eps"})
"""Last two components of the fixed constants of Apertus's activation."""

CORRECTIONS = {"laguna": "e_score_correction_bias", "afmoe": "expert_bias"}
"""Families whose model class counts the router's correction as a parameter."""

NATIVE_CORRECTION = "gate.bias"
"""Last two components of the router's correction in files that DeepSeek writes without transformers."""

COUNTED_CORRECTION = "moe_statics"
"""Component of ERNIE's names, whose model classes do so too."""


class Part(Enum):
    """Part of a model."""

    TOWER = "tower"
    PREDICTION = "extra prediction layers"
    EXPERTS = "routed experts"
    LAYER = "layer"
    LAYER_EMBEDDING = "embedding in a layer"
    OUTSIDE = "outside the layers"


@dataclass(frozen=True, slots=True)
class Place:
    """What a name tells, numbers apart; names that differ in numbers alone share it.

    Attributes:
        pattern: the name with `#` for each number.
        part: the part of the model.
        module: last component that names a module.
        list: name of the list of layers the tensor is in; empty outside.
        layer: which of the numbers in the name is that of the layer; -1 for none.
        container: how many components name the module of all routed experts; 0 for none.
        expert: which of the numbers is that of the expert; -1 for none.
        is_bias: whether it is a bias.
        may_be_fused: whether it may hold all experts: its name is not that of a convolution or norm.
        marks_prediction: whether only an extra prediction layer has such a tensor.
    """

    pattern: str
    part: Part
    module: str
    list: str
    layer: int
    container: int
    expert: int
    is_bias: bool
    may_be_fused: bool
    marks_prediction: bool

    def layer_of(self, name: str) -> tuple[str, int] | None:
        """The list of layers and the number of the layer that a tensor of this name is in."""
        return None if self.layer < 0 else (self.list, _number(name, self.layer))

    def expert_of(self, name: str) -> tuple[str, int | None]:
        """The module of all routed experts, and the number of the expert, if the name has one."""
        end = self.container or name.count(".")
        container = ".".join(name.split(".", end)[:end])
        return container, None if self.expert < 0 else _number(name, self.expert)


def place(name: str) -> Place:
    """The place of a tensor in its model."""
    # A `#` of the name's own stands for no number.
    return _place(NUMBER.sub("#", name[:MAX_NAME].replace("#", "_")))


MAX_NAME = 500
"""Characters of a name that are read."""


def _number(name: str, which: int) -> int:
    found = NUMBER.findall(name[:MAX_NAME])[which]
    return int(found) if len(found) < 10 else -1


@lru_cache(maxsize=20_000)
def _place(pattern: str) -> Place:
    components = pattern.split(".")
    words = [_words(component) for component in components]
    every = frozenset().union(*words)
    module = _module(components)
    layer = _layer(components)
    container, expert = _container(components, every)
    is_marked = not PREDICTION_MARKS.isdisjoint(components)
    if every & TOWER_WORDS or "token2wav" in pattern or "code2wav" in pattern:
        part = Part.TOWER
    elif every & PREDICTION_WORDS or (is_marked and layer < 0):
        part = Part.PREDICTION
    elif container:
        part = Part.EXPERTS
    elif layer < 0:
        part = Part.OUTSIDE
    else:
        looked_up = _is_table(module) and not _words(module) & RELATIVE_WORDS
        part = Part.LAYER_EMBEDDING if looked_up and components[-1] != "bias" else Part.LAYER
    return Place(
        pattern=pattern,
        part=part,
        module=module,
        list=".".join(components[:layer]) if layer >= 0 else "",
        layer=_ordinal(components, layer),
        container=container,
        expert=_ordinal(components, expert),
        is_bias=components[-1] == "bias",
        may_be_fused=not every & {"conv", "sconv", "norm", "layernorm", "shared", "router"},
        marks_prediction=is_marked,
    )


def _words(component: str) -> frozenset[str]:
    return frozenset(word.lower() for word in WORD.findall(component))


def _module(components: Sequence[str]) -> str:
    """The last component that is neither a number nor the name of a module's tensor."""
    named = (each for each in reversed(components) if each != "#" and each not in PARAMETERS)
    return next(named, components[-1])


def _layer(components: Sequence[str]) -> int:
    """Position of the number of the layer: the first number with a module below it; -1 if none."""
    for position, component in enumerate(components[:-2]):
        if component == "#" and position:
            return position
    return -1


def _container(components: Sequence[str], words: frozenset[str]) -> tuple[int, int]:
    """Components that name the module of all routed experts (0: none), position of the expert's number."""
    if "shared" in words:
        return 0, -1
    for position in range(len(components) - 2, 0, -1):
        if components[position] in CONTAINERS:
            break
    else:
        return 0, -1
    below = components[position + 1 :]
    if below[0] == "#":
        return position + 1, position + 1
    if not ROUTERS.isdisjoint(below) or below == ["bias"] or below[-1] in BUFFERS:
        return 0, -1
    return position + 1, -1


def _ordinal(components: Sequence[str], position: int) -> int:
    """Which of the numbers in a name the component at this position is."""
    return sum(component.count("#") for component in components[:position]) if position >= 0 else -1


def is_buffer(name: str, place: Place, shape: Shape, model_type: str) -> bool:
    """Whether a tensor is no parameter: a mask, a table of positions, a router's correction."""
    components = name[-MAX_NAME:].rsplit(".", 3)
    last = components[-1]
    if last in BUFFERS:
        return COUNTED_CORRECTION not in components and CORRECTIONS.get(model_type) != last
    ending = ".".join(components[-2:])
    if ending in ACTIVATION_BUFFERS:
        return True
    if ending == NATIVE_CORRECTION and model_type.startswith("deepseek") and len(shape) == 1:
        return True
    # The causal mask of GPT-2 and GPT-Neo.
    return place.is_bias and len(shape) == 4 and shape[0] == shape[1] == 1 and shape[2] == shape[3]


@dataclass(frozen=True, slots=True)
class Outside:
    """The tensors outside the layers: input embedding and output head.

    Attributes:
        embedding: elements of all embeddings.
        input_shape: shape of the input embedding; None if none was found.
        input_weights: its elements.
        head: elements of the output head, bias included.
        head_matrix: shape of its matrix; None if it has none of its own.
        head_weights: elements of that matrix.
        patterns: their names, numbers replaced by `#`.
        notes: what was decided otherwise than by name.
    """

    embedding: int = 0
    input_shape: Shape | None = None
    input_weights: int = 0
    head: int = 0
    head_matrix: Shape | None = None
    head_weights: int = 0
    patterns: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


class Found(NamedTuple):
    """A tensor with its weights and its place in the model."""

    name: str
    shape: Shape
    weights: int
    place: Place


def outside(tensors: Sequence[Found], vocabulary: int | None) -> Outside:
    """Tell input embedding, other embeddings and output head among the tensors outside the layers.

    By name; and by a shape with one dimension of the size of the vocabulary where no name is known.

    Args:
        tensors: those of the language model outside its layers.
        vocabulary: size of the vocabulary as the configuration states it.
    """
    notes: list[str] = []
    matrices = [
        each
        for each in tensors
        if each.place.part is Part.OUTSIDE and len(each.shape) == 2 and not each.place.is_bias
    ]
    tokens = _input_embedding(matrices, vocabulary, notes)
    rows = vocabulary or (tokens[0].shape[0] if tokens else None)
    heads = _output_head(matrices, tokens, rows, notes)
    taken = {each.name for each in (*tokens, *heads)}
    others = [
        each
        for each in tensors
        if each.name not in taken and _is_embedding(each.place) and len(each.shape) >= 2
    ]
    strange = [each for each in others if not _words(each.place.module) & POSITION_WORDS]
    if strange:
        notes.append(
            "counted with the input embedding: "
            + ", ".join(sorted(each.name[:100] for each in strange)[:8])
        )
    lengths = {max(each.shape) for each in (*heads, *tokens)} | ({rows} if rows else set())
    biases = [
        each
        for each in tensors
        if each.place.is_bias
        and len(each.shape) == 1
        and each.shape[0] in lengths
        and each.place.module in HEADS | MAYBE_HEADS
    ]
    return Outside(
        embedding=sum(each.weights for each in (*tokens, *others)),
        input_shape=tokens[0].shape if tokens else None,
        input_weights=sum(each.weights for each in tokens),
        head=sum(each.weights for each in (*heads, *biases)),
        head_matrix=heads[0].shape if heads else None,
        head_weights=sum(each.weights for each in heads),
        patterns=frozenset(each.place.pattern for each in (*tokens, *heads, *others, *biases)),
        notes=tuple(notes),
    )


def _input_embedding(
    matrices: Sequence[Found], vocabulary: int | None, notes: list[str]
) -> list[Found]:
    """The matrices of the input embedding, with a note if it was taken for one by its shape."""
    named = [each for each in matrices if each.place.module in TOKENS]
    fitting = [each for each in named if vocabulary in each.shape] or named
    if not fitting and vocabulary:
        unnamed = [
            each
            for each in matrices
            if vocabulary in each.shape and each.place.module not in HEADS | MAYBE_HEADS
        ]
        if unnamed:
            fitting = unnamed[:1]
            notes.append(f"{fitting[0].name[:100]} is taken for the input embedding by its shape")
    return _of_one_list(fitting)


def _output_head(
    matrices: Sequence[Found], tokens: Sequence[Found], rows: int | None, notes: list[str]
) -> list[Found]:
    """The matrices of the output head, with a note if it was taken for one by its shape."""
    heads = [each for each in matrices if each.place.module in HEADS]
    taken = {each.name for each in tokens}
    if not heads:
        heads = [
            each
            for each in matrices
            if each.name not in taken
            and _is_like(each.shape, tokens, rows)
            and each.place.module in MAYBE_HEADS
        ][:1]
    if not heads and rows:
        heads = [
            each
            for each in matrices
            if each.name not in taken and rows in each.shape and not _is_embedding(each.place)
        ][:1]
        if heads:
            notes.append(f"{heads[0].name[:100]} is taken for the output head by its shape")
    return _of_one_list(heads)


def _of_one_list(tensors: Sequence[Found]) -> list[Found]:
    """The largest of the tensors, and those whose names differ from its in numbers alone."""
    if not tensors:
        return []
    largest = max(tensors, key=lambda each: each.weights)
    return [each for each in tensors if each.place.pattern == largest.place.pattern]


def _is_like(shape: Shape, tokens: Sequence[Found], rows: int | None) -> bool:
    return (rows is not None and rows in shape) or any(shape == each.shape for each in tokens)


def _is_embedding(place: Place) -> bool:
    return _is_table(place.module) and not place.is_bias


def _is_table(module: str) -> bool:
    words = _words(module)
    return bool(words & EMBEDDING_WORDS) and not words & NOT_EMBEDDING_WORDS


def unknown_parts(by_pattern: Mapping[str, int], at_most: int) -> list[str]:
    """A note on the parts of the language model that are neither its layers nor known by name.

    Args:
        by_pattern: elements by name, numbers in it replaced by `#`.
        at_most: how many parts to name.
    """
    level = {tuple(pattern.split(".")): size for pattern, size in by_pattern.items()}
    strange: dict[str, int] = {}
    prefix: tuple[str, ...] = ()
    while True:
        children: dict[str, int] = {}
        is_list: set[str] = set()
        for components, size in level.items():
            children[components[0]] = children.get(components[0], 0) + size
            if components[1:2] == ("#",):
                is_list.add(components[0])
        main = max(children, key=children.__getitem__, default=None)
        if main is None:
            break
        for child, size in children.items():
            if child != main and child not in LISTS and not _words(child) & KNOWN_WORDS:
                strange[".".join((*prefix, child))] = size
        if main in is_list or main == "#":
            break
        level = {key[1:]: size for key, size in level.items() if key[0] == main and len(key) > 1}
        prefix = (*prefix, main)
    if not strange:
        return []
    largest = sorted(strange, key=lambda name: (-strange[name], name))
    told = ", ".join(f"{name[:60]} ({strange[name]})" for name in largest[:at_most])
    return [f"counted with the language model, of unknown name: {told}"]
