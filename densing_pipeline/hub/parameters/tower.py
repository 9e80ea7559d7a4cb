"""Vision towers and projectors, and audio encoders, stored with a language model.

They are not part of the model's count; a file's total is explained with them. Of a tower whose layout
is not known, the rough size is told from its width and depth. Not here: the language model itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.parts import gated_mlp, linear, plain_mlp

KINDS = {"vision_config": ("vision tower", 2), "audio_config": ("audio encoder", 4)}
"""Keys of the towers' configurations: what they describe, and the matrices of width times inner width
in one of its layers (a conformer has two feed-forward blocks)."""


@dataclass(frozen=True, slots=True)
class Towers:
    """Parameters of the towers that a configuration describes.

    Attributes:
        known: of those whose layout is known.
        about: rough number for those whose layout is not known; 0 if that is not known either.
        unknown: names of the latter, for a reason; empty if there are none.
    """

    known: int = 0
    about: int = 0
    unknown: str = ""


def count(config: Config) -> Towers:
    """Parameters of the towers in the configuration or those around it; never raises."""
    known, about, unknown = 0, [], []
    for key, (what, matrices) in KINDS.items():
        around = (config.own, *config.around)
        stated = (n for n, each in enumerate(around) if isinstance(each.get(key), Mapping))
        holder = next((n for n in stated if around[n][key]), None)
        if holder is None:
            continue
        sizes = around[holder][key]
        tower = Config(sizes, _type(sizes), around[holder:], {})
        exact = _exactly(tower, config.hidden) if key == "vision_config" else None
        if exact is None:
            unknown.append(f"the {what} ({tower.model_type or 'of no stated type'})")
            about.append(_about(tower, matrices))
        known += exact or 0
    return Towers(known, sum(about) if all(about) else 0, " and ".join(unknown))


def _exactly(tower: Config, text: int) -> int | None:
    types = [*map(_type, tower.around), tower.model_type]
    formula = next((TOWERS[kind] for kind in types if kind in TOWERS), None)
    try:
        return formula(tower, text) if formula else None
    except (UnreadableConfigError, ArithmeticError, TypeError):
        return None


def _about(tower: Config, matrices: int) -> int:
    """Layers times (4 d^2 of attention, and the feed-forward block), or 0 without sizes."""
    try:
        d = tower.size("hidden_size")
        inner = tower.size("intermediate_size", 4 * d)
        layers = tower.optional("depth") or tower.size("num_hidden_layers")
    except UnreadableConfigError:
        return 0
    return layers * (4 * d * d + matrices * d * inner)


def _type(config: Mapping[str, object]) -> str:
    stated = config.get("model_type")
    return stated.lower()[:60] if isinstance(stated, str) else ""


def _transformer_layer(d: int, inner: int) -> int:
    """A layer with biases everywhere and two norms."""
    return 4 * linear(d, d, True) + plain_mlp(d, inner, True) + 4 * d


def siglip(vision: Config, text: int) -> int:
    """SigLIP and Gemma 3's projector."""
    d, patch = vision.hidden, vision.size("patch_size", 14)
    side = vision.size("image_size", 896) // patch
    embedding = linear(3 * patch * patch, d, True) + side * side * d
    layers = vision.layers * _transformer_layer(d, vision.size("intermediate_size"))
    return embedding + layers + 2 * d + d * text + d


def qwen_vl(vision: Config, text: int) -> int:
    """Qwen3-VL and Qwen3.5: learned positions, a merger, and deep-stack mergers if any."""
    d, patch, inner = vision.hidden, vision.size("patch_size", 16), vision.size("intermediate_size")
    frames, side = vision.size("temporal_patch_size", 2), vision.size("spatial_merge_size", 2)
    embedding = linear(3 * frames * patch * patch, d, True)
    embedding += vision.size("num_position_embeddings") * d
    wide = d * side * side
    merge = linear(wide, wide, True) + linear(wide, text, True)
    deep = len(vision.numbers("deepstack_visual_indexes"))
    layers = vision.size("depth") * _transformer_layer(d, inner)
    return embedding + layers + merge + 2 * d + deep * (merge + 2 * wide)


def gemma4(vision: Config, text: int) -> int:
    """Gemma 4: positions per axis, gated blocks with four norms, one projection."""
    d, width = vision.hidden, vision.head_dim
    heads, keys = vision.heads, vision.kv_heads
    layer = 2 * linear(d, heads * width) + 2 * linear(d, keys * width) + 2 * width
    layer += gated_mlp(d, vision.size("intermediate_size")) + 4 * d
    patch = vision.size("patch_size", 16)
    embedding = 3 * patch * patch * d + 2 * vision.size("position_embedding_size", 10240) * d
    return embedding + vision.layers * layer + d * text


def llama4(vision: Config, text: int) -> int:
    """Llama 4: a class embedding, positions, and an adapter."""
    d, patch = vision.hidden, vision.size("patch_size", 14)
    side, inner = vision.size("image_size", 336) // patch, vision.size("intermediate_size", 5632)
    out = vision.size("projector_output_dim", 4096)
    embedding = 3 * patch * patch * d + d + (side * side + 1) * d + 4 * d
    layers = vision.layers * _transformer_layer(d, inner)
    entry = vision.size("projector_input_dim", 4096)
    return embedding + layers + inner * entry + entry * out + out * text


def moonvit(vision: Config, text: int) -> int:
    """MoonViT (Kimi K2.5): positions on a grid, a merger of neighbouring patches."""
    d, patch = vision.size("vt_hidden_size"), vision.size("patch_size", 14)
    grid = vision.size("init_pos_emb_height") * vision.size("init_pos_emb_width") * d
    layers = vision.size("vt_num_hidden_layers") * _transformer_layer(
        d, vision.size("vt_intermediate_size")
    )
    merged = 4 * d
    projector = 2 * d + linear(merged, merged, True) + linear(merged, text, True)
    return linear(3 * patch * patch, d, True) + grid + layers + 2 * d + projector


def pixtral(vision: Config, text: int) -> int:
    """Pixtral's encoder (gated blocks, rotary positions) and the merging projector of Mistral 3."""
    d, patch = vision.size("hidden_size", 1024), vision.size("patch_size", 16)
    layer = 4 * linear(d, d) + gated_mlp(d, vision.size("intermediate_size", 4096)) + 2 * d
    layers = vision.size("num_hidden_layers", 24) * layer
    side = vision.around_it("spatial_merge_size") or 2
    used = vision.around_it("vision_feature_layer")
    bias = vision.around_it("multimodal_projector_bias") is True
    wide = d * (len(used) if isinstance(used, list) else 1)
    projector = d + linear(d * side * side, d) + linear(wide, text, bias) + linear(text, text, bias)
    return linear(3 * patch * patch, d) + d + layers + projector


TOWERS: dict[str, Callable[[Config, int], int]] = {
    "gemma3": siglip,
    "gemma4": gemma4,
    "kimi_k25": moonvit,
    "llama4": llama4,
    "ministral3": pixtral,
    "mistral3": pixtral,
    "qwen3_5": qwen_vl,
    "qwen3_5_moe": qwen_vl,
    "qwen3_vl": qwen_vl,
    "qwen3_vl_moe": qwen_vl,
}
"""Layouts of towers, by the model type of the whole model or of the tower."""
