"""Vision towers and projectors stored with a language model.

They are not part of the model's count; a file's total is explained with them. Parameters of towers
with another layout stay unexplained. Not here: audio, and the language model itself.
"""

from collections.abc import Callable, Mapping

from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.parts import gated_mlp, linear, plain_mlp


def count(config: Config) -> int | None:
    """Parameters of the tower the configuration describes; 0 without one, nothing if unknown."""
    vision = config.outer.get("vision_config")
    if not isinstance(vision, Mapping) or not vision:
        return 0
    formula = TOWERS.get(str(config.outer.get("model_type", "")).lower())
    if formula is None:
        return None
    try:
        return formula(Config(vision, "", vision, {}), config.hidden)
    except (UnreadableConfigError, ZeroDivisionError):
        return None


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


TOWERS: dict[str, Callable[[Config, int], int]] = {
    "gemma3": siglip,
    "gemma4": gemma4,
    "kimi_k25": moonvit,
    "llama4": llama4,
    "qwen3_5": qwen_vl,
    "qwen3_5_moe": qwen_vl,
    "qwen3_vl": qwen_vl,
    "qwen3_vl_moe": qwen_vl,
}
"""Layouts of towers, by the model type of the whole model."""
