"""Extra prediction layers (multi-token prediction) that files store beside the model.

They are not part of the model's count; a file's total is explained with them. Not here: the
model's own layers.
"""

from collections.abc import Callable
from dataclasses import replace

from densing_pipeline.hub.parameters import decoder, mla, sparse, ssm
from densing_pipeline.hub.parameters.config import Config
from densing_pipeline.hub.parameters.moe import Experts, feed_forward
from densing_pipeline.hub.parameters.parts import Block, Parts, gated_mlp, linear
from densing_pipeline.hub.parameters.recipes import RECIPES

LATENT = {"deepseek_v3", "deepseek_v32", "kimi_k2", "glm_moe_dsa", "glm4_moe_lite"}

UNSTATED = {"mimo_v2_flash": 3, "qwen3_next": 1}
"""Number of extra layers of families whose configurations do not state it."""


def added(config: Config, family: str, parts: Parts) -> Parts:
    """The parts with the stated extra prediction layers, if the layout of these is known."""
    many = config.optional("num_nextn_predict_layers") or UNSTATED.get(family, 0)
    layer = LAYERS.get("deepseek_v3" if family in LATENT else family)
    if layer is None or not many:
        return parts
    block = layer(config)
    copies = 2 * config.vocabulary * config.hidden
    return replace(
        parts,
        prediction=many * block.params,
        prediction_embedding=many * copies,
        prediction_buffers=many * block.buffers,
    )


def _joint(config: Config, norms: int = 3) -> int:
    """Projection and norms that combine the hidden state with the next token's embedding."""
    return linear(2 * config.hidden, config.hidden) + norms * config.hidden


def _latent(config: Config) -> Block:
    block = feed_forward(
        config, Experts(shared="n_shared_experts", correction=True), config.layers - 1
    )
    block = block or Block(gated_mlp(config.hidden, config.size("intermediate_size")))
    attention = mla.attention(config) + mla.indexer(config)
    return Block(attention + block.params + 2 * config.hidden + _joint(config), 0, block.buffers)


def _recipe(config: Config) -> Block:
    recipe = RECIPES[config.model_type]
    block = decoder.feed_forward_block(config, recipe, config.layers - 1)
    attention = decoder.attention_params(config, recipe)
    norms = recipe.norms * config.hidden
    return Block(attention + block.params + norms + _joint(config), 0, block.buffers)


def _mimo_v2(config: Config) -> Block:
    attention = sparse.mimo_v2_attention(config, sliding=True)
    mlp = gated_mlp(config.hidden, config.size("intermediate_size"))
    return Block(attention + mlp + 2 * config.hidden + _joint(config))


def _qwen_next(config: Config) -> Block:
    block = ssm.qwen_next_layer(config, "full_attention", config.layers - 1)
    return Block(block.params + _joint(config))


def _deepseek_v4(config: Config) -> Block:
    d, copies = config.hidden, config.size("hc_mult")
    block = sparse.deepseek_v4_layer(config, "sliding")
    head = copies * copies * d + copies + 1
    return Block(block.params + 2 * d * d + 3 * d + head, 0, block.buffers)


def _nemotron_h(config: Config) -> Block:
    blocks = [ssm.nemotron_h_layer(config, kind) for kind in ("attention", "moe")]
    params = sum(block.params + config.hidden for block in blocks)
    return Block(params + _joint(config), 0, sum(block.buffers for block in blocks))


LAYERS: dict[str, Callable[[Config], Block]] = {
    "deepseek_v3": _latent,
    "deepseek_ref": _deepseek_v4,
    "deepseek_v4": _deepseek_v4,
    "glm4_moe": _recipe,
    "mimo": _recipe,
    "mimo_v2_flash": _mimo_v2,
    "nemotron_h": _nemotron_h,
    "qwen3_5_moe_text": _qwen_next,
    "qwen3_5_text": _qwen_next,
    "qwen3_next": _qwen_next,
}
"""One extra prediction layer of each family whose layout is known."""
